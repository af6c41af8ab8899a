// ap_bus.c +4
// The owner is the module of the driver that is about to be probed.

@@
identifier dev, drv;
expression e;
@@
 static int ap_device_probe(struct device *dev)
 {
 	<...
+	if (is_queue_dev(dev))
+		ap_queue_probe_begin(to_ap_queue(dev), dev->driver->owner);
 	e = drv->probe ? drv->probe(...) : -ENODEV;
+	if (is_queue_dev(dev))
+		ap_queue_probe_end(to_ap_queue(dev));
 	...>
 }
