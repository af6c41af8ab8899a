// ap_queue.c +1
// What admins see.

@@
identifier groups = ap_queue_dev_attr_groups;
@@
 static const struct attribute_group *groups[] = {
+	&ap_zero_attr_group,
 	&ap_queue_dev_attr_group,
 	NULL
 };
