// ap_bus.c +9
// All queues of a driver are reset at the same time; all that are not clean are
// tried again before a new driver comes.

@@
identifier drv;
expression e;
@@
 int ap_driver_register(...)
 {
 	struct device_driver *drv = ...;
+	struct ap_batch batch;
 	...
+	ap_zero_retry_all(&ap_bus_type);
+	ap_batch_begin(&batch);
 	e = driver_register(drv);
+	ap_batch_end(&batch);
 	...
 }

@@
@@
 void ap_driver_unregister(...)
 {
+	struct ap_batch batch;
+
+	ap_batch_begin(&batch);
 	driver_unregister(...);
+	ap_batch_end(&batch);
+	ap_zero_wait_all();
 }
