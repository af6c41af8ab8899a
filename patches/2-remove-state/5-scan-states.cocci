// ap_bus.c +2
// What a scan finds out is no reason to use a queue that is being removed.

@@
expression aq;
constant to =~ "^AP_DEV_STATE_";
@@
-	aq->dev_state = to;
+	ap_set_dev_state(aq, to);
