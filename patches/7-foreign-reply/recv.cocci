// ap_queue.c +1
// The card has no message left, and some of ours were never answered.

@@
identifier aq;
@@
 static struct ap_queue_status ap_sm_recv(struct ap_queue *aq)
 {
 	<...
-	aq->queue_count <= 0
+	(aq->queue_count <= 0 && list_empty(&aq->pendingq))
 	...>
 }
