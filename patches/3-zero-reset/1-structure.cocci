// ap_bus.h +2
// How clean a queue is.

@@
@@
 #include "ap_owner.h"
+#include "ap_zero.h"

@@
@@
 struct ap_queue {
 	...
+	struct ap_zero zero;
 	spinlock_t lock;
 	...
 };
