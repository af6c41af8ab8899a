// ap_queue.c +1
// Nobody sends to a queue whose driver is not through with probe().

@@
typedef bool;
identifier aq;
@@
 bool ap_queue_usable(struct ap_queue *aq)
 {
 	<...
-	aq->dev_state != AP_DEV_STATE_OPERATING
+	aq->dev_state != AP_DEV_STATE_OPERATING || aq->prober
 	...>
 }
