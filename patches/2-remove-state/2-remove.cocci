// ap_queue.c +3
// Nothing of the driver is left in the queue when it goes: above all not its
// reply buffer, into which the next reply would be written.

@@
identifier aq;
@@
 void ap_queue_prepare_remove(struct ap_queue *aq)
 {
 	<...
-	aq->dev_state = AP_DEV_STATE_SHUTDOWN;
+	ap_set_dev_state(aq, AP_DEV_STATE_SHUTDOWN);
+	aq->sm_state = AP_SM_STATE_RESET_START;
+	aq->reply = NULL;
 	...>
 }
