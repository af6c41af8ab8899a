// zcrypt_msgtype6.c +8
// The queue may go between pick and message: the request looks for another one.

@@
identifier f != {zcrypt_msgtype6_rng};
expression e, aq, msg;
@@
 f(...)
 {
 	<...
 	e = ap_queue_message(aq, msg);
+	if (e == -ENODEV)
+		e = -EAGAIN;
 	...>
 }
