// zcrypt_api.c +10
// Each kind of request, then.

@@
expression zq, e;
@@
 	zq = zcrypt_pick_queue(...);
 	...
-	if (!zq) {
+	if (IS_ERR_OR_NULL(zq)) {
 		...
-		e = -ENODEV;
+		e = zq ? PTR_ERR(zq) : -ENODEV;
 		...
 	}
