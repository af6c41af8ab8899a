// ap_bus.c +1
// All queues that have to move are taken away first, so that their zero-resets go
// side by side; then they are offered to the drivers.

@@
@@
 static void ap_bus_revise_bindings(void)
 {
-	bus_for_each_dev(&ap_bus_type, NULL, NULL, __ap_revise_reserved);
+	ap_revise_bindings(&ap_bus_type, __ap_revise_reserved);
 }
