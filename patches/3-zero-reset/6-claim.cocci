// ap_bus.c +9
// No driver gets a queue that is not clean, and what a probe() that failed has
// left behind is cleaned up.

@@
identifier dev, drv;
expression e;
@@
 static int ap_device_probe(struct device *dev)
 {
 	...
 	if (is_queue_dev(dev)) { ... }
+	if (is_queue_dev(dev)) {
+		e = ap_zero_claim(to_ap_queue(dev));
+		if (e)
+			goto out;
+	}
 	reinit_completion(&ap_apqn_bindings_complete);
 	...
 	e = drv->probe ? drv->probe(...) : -ENODEV;
 	...
 	if (e) {
+		if (is_queue_dev(dev)) {
+			ap_queue_prepare_remove(to_ap_queue(dev));
+			ap_queue_remove(to_ap_queue(dev));
+		}
 		spin_lock_bh(&ap_queues_lock);
 		...
 	}
 	...
 }
