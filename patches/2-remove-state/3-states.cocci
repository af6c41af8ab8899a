// ap_queue.c +9
// All other changes of the state.

@@
expression aq;
constant to =~ "^AP_DEV_STATE_";
@@
-	aq->dev_state = to;
+	ap_set_dev_state(aq, to);
