/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Phase 3 of a removal: the zero-reset of a queue.
 */
#ifndef _AP_ZERO_H_
#define _AP_ZERO_H_

#include <linux/device/bus.h>
#include <linux/workqueue.h>

struct ap_queue;
struct device;

enum ap_zero_state {
	AP_ZERO_UNTOUCHED,	/* found, no driver yet */
	AP_ZERO_IN_USE,		/* has a driver */
	AP_ZERO_RUNNING,	/* being cleaned */
	AP_ZERO_CLEAN,		/* proven by TAPQ: empty, reset over, no interrupts */
	AP_ZERO_UNCLEAN,	/* not proven: no driver gets it */
};

/**
 * struct ap_zero - how clean a queue is; all under the queue's lock
 * @state: that
 * @rc: last response code of the card while it was cleaned
 * @failed: the last attempt that is over has failed, and that was told
 * @why: the response code with which it failed
 * @attach: a driver was refused; the bus scan offers the queue again
 * @deadline: end of the attempt that is running
 * @work: the attempt; holds a reference on the device
 */
struct ap_zero {
	enum ap_zero_state state;
	int rc;
	bool failed;
	int why;
	bool attach;
	unsigned long deadline;
	struct work_struct work;
};

extern const struct attribute_group ap_zero_attr_group;

bool ap_is_queue(const struct device *dev);
int ap_zero_init(void);
void ap_zero_exit(void);
void ap_zero_setup(struct ap_queue *aq);
void ap_zero_start(struct ap_queue *aq);
void ap_zero_wait(struct ap_queue *aq);
void ap_zero_wait_all(void);
int ap_zero_claim(struct ap_queue *aq);
void ap_zero_retry_all(const struct bus_type *bus);
void ap_zero_scan(struct ap_queue *aq);
int ap_zero_user_reset(struct ap_queue *aq);

#endif /* _AP_ZERO_H_ */
