// ap_queue.c +1
// They are sent again at once, and not by chance.

@exists@
identifier aq;
@@
 static enum ap_sm_wait ap_sm_read(struct ap_queue *aq)
 {
 	...
 	if (!status.irq_enabled && status.queue_empty) { ... }
-	return AP_SM_WAIT_NONE;
+	return aq->requestq_count > 0 ? AP_SM_WAIT_AGAIN : AP_SM_WAIT_NONE;
 }
