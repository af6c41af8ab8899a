// ap_bus.c +1
// The poll thread may have been started by its attribute, whatever the parameter of
// the module says.

@@
@@
 ap_async_exit(...)
 {
-	if (ap_thread_flag)
-		ap_poll_thread_stop();
+	ap_poll_thread_stop();
 	...
 }
