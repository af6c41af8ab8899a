// ap_bus.c +4
// A scan does not take a queue that is being removed for one in use.

@@
expression aq;
@@
-	aq->dev_state > AP_DEV_STATE_UNINITIATED
+	ap_dev_state_in_use(aq)
