// ap_queue.c +1
// From phase 1 of the removal on the queue belongs to nobody.

@remove@
identifier aq;
@@
 void ap_queue_prepare_remove(struct ap_queue *aq)
 {
 	<...
 	aq->dev_state = AP_DEV_STATE_SHUTDOWN;
+	aq->owner = NULL;
 	...>
 }
