// ap_bus.h +2
// Whether a queue is to move.

@@
@@
 #include "ap_owner.h"
+#include "ap_revise.h"

@@
@@
 struct ap_queue {
 	...
 	struct ap_zero zero;
+	bool revise;
 	...
 };
