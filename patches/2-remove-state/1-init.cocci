// ap_queue.c +2
// A queue that must not be set to work is left alone altogether.

@@
identifier aq;
@@
 void _ap_queue_init_state(struct ap_queue *aq)
 {
-	aq->dev_state = AP_DEV_STATE_OPERATING;
+	if (!ap_set_dev_state(aq, AP_DEV_STATE_OPERATING))
+		return;
 	...
 }
