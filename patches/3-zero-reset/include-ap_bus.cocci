// ap_bus.c +1

@@
@@
 #include "ap_dev_state.h"
+#include "ap_remove.h"
