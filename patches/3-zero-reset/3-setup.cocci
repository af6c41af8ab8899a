// ap_queue.c +1

@@
identifier aq;
@@
 struct ap_queue *ap_queue_create(...)
 {
 	<...
 	timer_setup(&aq->timeout, ap_request_timeout, 0);
+	ap_zero_setup(aq);
 	...>
 }
