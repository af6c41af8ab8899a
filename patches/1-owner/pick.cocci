// zcrypt_api.c +14
// The reference is recorded in the message when a queue is picked, and dropped
// on what is recorded there, last of all.

@pick@
identifier zc, zq, pmod, weight;
@@
 static inline struct zcrypt_queue *zcrypt_pick_queue(struct zcrypt_card *zc,
 						      struct zcrypt_queue *zq,
-						      struct module **pmod
+						      struct ap_message *ap_msg
 						      , unsigned int weight)
 {
-	if (!zq || !try_module_get(zq->queue->ap_dev.device.driver->owner))
+	if (!zq || ap_msg_get_owner(zq->queue, ap_msg))
 		return NULL;
 	...
-	*pmod = zq->queue->ap_dev.device.driver->owner;
 	return zq;
 }

@drop@
identifier zc, zq, mod, weight;
@@
 static inline void zcrypt_drop_queue(struct zcrypt_card *zc,
 				      struct zcrypt_queue *zq,
-				      struct module *mod
+				      struct ap_message *ap_msg
 				      , unsigned int weight)
 {
 	...
-	module_put(mod);
+	ap_msg_put_owner(ap_msg);
 }

@callers@
identifier mod, msg;
expression zc, zq, e, w;
@@
 	struct ap_message msg;
 	...
-	struct module *mod;
 	<+...
(
 	e = zcrypt_pick_queue(zc, zq,
-			      &mod,
+			      &msg,
 			      w);
|
 	zcrypt_drop_queue(zc, zq,
-			  mod,
+			  &msg,
 			  w);
)
 	...+>
