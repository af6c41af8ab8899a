// ap_queue.c +2
// The removal waits for the zero-reset.

@@
identifier aq;
@@
 void ap_queue_remove(struct ap_queue *aq)
 {
-	spin_lock_bh(&aq->lock);
-	ap_zapq(aq->qid, 0);
-	ap_set_dev_state(aq, AP_DEV_STATE_UNINITIATED);
-	spin_unlock_bh(&aq->lock);
+	ap_zero_start(aq);
+	ap_zero_wait(aq);
 }
