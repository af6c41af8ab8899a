// ap_bus.c +5

@@
@@
 ap_module_init(...)
 {
 	...
 	if (!ap_msg_pool) { ... }
+	rc = ap_zero_init();
+	if (rc)
+		goto out;
 	ap_perms_init();
 	...
 }

@@
@@
+	ap_zero_exit();
 	mempool_destroy(ap_msg_pool);
