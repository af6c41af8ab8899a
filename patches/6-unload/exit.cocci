// ap_bus.c +3
// The devices go before the bus. The root device was put on the bus by hand, after
// it had been registered, so the bus must not be asked to let go of it.

@@
@@
 ap_module_exit(...)
 {
 	...
 	ap_irq_exit();
+	ap_unregister_devices(&ap_bus_type);
 	root_device_unregister(...);
 	...
 }

@@
@@
+	ap_root_device->bus = NULL;
 	root_device_unregister(ap_root_device);
