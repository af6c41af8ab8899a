// ap_bus.h +4
// A queue knows the module of its driver, a message the module it holds.

@message@
@@
 struct ap_message {
 	...
+	struct module *owner;
 	void *msg;
 	...
 };

@queue@
@@
 struct ap_queue {
 	...
+	struct module *owner;
+	struct task_struct *prober;
 	spinlock_t lock;
 	...
 };

@functions@
@@
 #include <asm/ap.h>
+#include "ap_owner.h"
