/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Removal of queues: what does not depend on how the bus keeps their states.
 */
#ifndef _AP_REMOVE_H_
#define _AP_REMOVE_H_

#include <linux/list.h>
#include <linux/types.h>

struct task_struct;

extern unsigned int ap_remove_timeout_ms;

/**
 * struct ap_batch - removals whose zero-resets are waited for together
 * @node: on the list of batches
 * @task: who has begun it
 * @waits: for the owner: something was begun that has to be waited for
 * @end: for the owner: until when, in jiffies
 */
struct ap_batch {
	struct list_head node;
	struct task_struct *task;
	bool waits;
	unsigned long end;
};

void ap_batch_begin(struct ap_batch *batch);
void ap_batch_end(struct ap_batch *batch);
struct ap_batch *ap_batch_current(void);

const char *ap_rc_reason(int rc, char *buf, size_t size);

#endif /* _AP_REMOVE_H_ */
