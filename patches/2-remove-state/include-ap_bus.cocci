// ap_bus.c +1

@@
@@
 #include "ap_bus.h"
+#include "ap_dev_state.h"
