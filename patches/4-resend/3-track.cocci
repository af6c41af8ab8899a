// zcrypt_api.c +1
// The queue that a request has been at is remembered for CPRBs, too.

@@
expression zq, e;
@@
 static long _zcrypt_send_cprb(...)
 {
 	<...
+	qid = zq->queue->qid;
 	e = zq->ops->send_cprb(...);
 	...>
 }
