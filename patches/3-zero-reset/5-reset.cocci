// ap_queue.c +4
// The attribute "reset": not of a queue that has no driver, or one that resets it
// itself.

@@
identifier dev, attr, buf, count, aq;
@@
 static ssize_t reset_store(struct device *dev, struct device_attribute *attr,
 			    const char *buf, size_t count)
 {
 	struct ap_queue *aq = to_ap_queue(dev);
+	int rc = ap_zero_user_reset(aq);
+
+	if (rc)
+		return rc < 0 ? rc : count;
 	...
 }
