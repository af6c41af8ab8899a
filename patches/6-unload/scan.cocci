// ap_bus.c +4
// A scan that runs sets the timer again, so first the timer, and for good; then the
// scan is waited for.

@@
@@
-	timer_delete(&ap_scan_bus_timer);

@@
@@
-	cancel_work(&ap_scan_bus_work);
+	timer_shutdown_sync(&ap_scan_bus_timer);
+	cancel_work_sync(&ap_scan_bus_work);
