// ap_queue.c +4
// Neither polled nor timed out while it is being removed, and nothing to count.

@@
expression aq;
@@
-	aq->dev_state > AP_DEV_STATE_UNINITIATED
+	ap_dev_state_in_use(aq)
