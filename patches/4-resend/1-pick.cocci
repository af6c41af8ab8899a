// zcrypt_api.c +3
// A queue that was the best one and is lost before it could be held is no reason
// to say that there is none.

@@
identifier zc, zq, ap_msg, weight;
@@
 static inline struct zcrypt_queue *zcrypt_pick_queue(struct zcrypt_card *zc,
 						      struct zcrypt_queue *zq,
 						      struct ap_message *ap_msg,
 						      unsigned int weight)
 {
-	if (!zq || ap_msg_get_owner(zq->queue, ap_msg))
+	if (!zq)
 		return NULL;
+	if (ap_msg_get_owner(zq->queue, ap_msg))
+		return ap_queue_usable(zq->queue) ? NULL : ERR_PTR(-EAGAIN);
 	...
 }
