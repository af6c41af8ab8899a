// ap_bus.c +6
// A scan tries again what is not clean, and waits once for all that it takes away.

@@
expression queue, info;
identifier ac;
@@
 static inline void ap_scan_domains(struct ap_card *ac)
 {
 	<...
+	ap_zero_scan(queue);
 	spin_lock_bh(&queue->lock);
 	queue->se_bstate = info.bs;
 	...>
 }

@@
typedef bool;
identifier changed, ap;
expression most;
statement S;
@@
 static bool ap_scan_bus(void)
 {
+	struct ap_batch batch;
 	bool changed;
 	...
+	ap_batch_begin(&batch);
 	for (ap = 0; ap <= most; ap++) S
+	ap_batch_end(&batch);
+	if (batch.waits)
+		ap_zero_wait_all();
 	...
 }
