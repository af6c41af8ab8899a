// ap_bus.c +1,2
// Which queue has to move is seen with its device lock held; it is done later.

@@
expression e;
identifier dev;
@@
 static int __ap_revise_reserved(struct device *dev, ...)
 {
 	<...
-	e = device_reprobe(dev);
+	e = ap_revise_later(dev);
 	...>
 }
