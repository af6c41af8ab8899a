// ap_bus.c +1

@@
@@
 #include "ap_remove.h"
+#include "ap_unload.h"
