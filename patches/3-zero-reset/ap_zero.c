// SPDX-License-Identifier: GPL-2.0
/*
 * Phase 3 of a removal: the zero-reset of a queue.
 *
 * ZAPQ only begins the reset, and may be refused, so the queue is clean when TAPQ
 * says so afterwards: empty, with interrupts off, and no reset under way. A work
 * item does that, for remove_timeout at most; nobody else does more to the queue
 * then than TAPQ. What is not proven clean by then gets no driver: the attribute
 * "clean" and a line in the log say why, and the bus scan, a bind and the
 * attribute "reset" begin another attempt.
 *
 * Response codes of ZAPQ and TAPQ: arch/s390/include/asm/ap.h and the reset of
 * queues in vfio_ap_ops.c.
 */
#define pr_fmt(fmt) "ap: " fmt

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "ap_bus.h"
#include "ap_dev_state.h"
#include "ap_remove.h"

/* Pauses between two looks at a queue, in microseconds; each is twice the last */
#define AP_ZERO_FIRST_US	500
#define AP_ZERO_LONGEST_US	20000

static struct workqueue_struct *ap_zero_wq;

/**
 * ap_is_queue() - whether a device on the AP bus is a queue
 * @dev: the device
 *
 * Context: any.
 * Return: true if so.
 */
bool ap_is_queue(const struct device *dev)
{
	return dev->type && !strcmp(dev->type->name, "ap_queue");
}

/**
 * ap_zero_init() - get ready for zero-resets
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int ap_zero_init(void)
{
	/* Most of the time an attempt sleeps, so it does not matter how many run */
	ap_zero_wq = alloc_workqueue("ap_zero", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return ap_zero_wq ? 0 : -ENOMEM;
}

/**
 * ap_zero_exit() - wait for all zero-resets
 *
 * Context: module exit, or init that failed, also before ap_zero_init(); sleeps.
 */
void ap_zero_exit(void)
{
	if (ap_zero_wq)
		destroy_workqueue(ap_zero_wq);
}

enum ap_zero_verdict { AP_ZERO_GO_ON, AP_ZERO_PROVEN, AP_ZERO_HOPELESS };

/* One instruction; @begun: the card has accepted a ZAPQ */
static enum ap_zero_verdict ap_zero_step(struct ap_queue *aq, bool *begun)
{
	struct ap_queue_status status;

	status = *begun ? ap_tapq(aq->qid, NULL) : ap_zapq(aq->qid, 0);
	/* Only this work writes it while the state is RUNNING */
	aq->zero.rc = status.response_code;
	if (status.async)
		return AP_ZERO_HOPELESS;
	switch (status.response_code) {
	case AP_RESPONSE_NORMAL:
		if (*begun && status.queue_empty && !status.replies_waiting &&
		    !status.irq_enabled)
			return AP_ZERO_PROVEN;
		break;
	case AP_RESPONSE_RESET_IN_PROGRESS:
	case AP_RESPONSE_BUSY:
	case AP_RESPONSE_STATE_CHANGE_IN_PROGRESS:
		/* To ZAPQ this means that it has done nothing: once more */
		return AP_ZERO_GO_ON;
	case AP_RESPONSE_Q_NOT_BOUND:
	case AP_RESPONSE_Q_BOUND_TO_ANOTHER:
		/* Secure guest: nothing of ours can be in it; TAPQ shows that */
		if (*begun)
			return AP_ZERO_HOPELESS;
		break;
	default:
		return AP_ZERO_HOPELESS;
	}
	*begun = true;
	return AP_ZERO_GO_ON;
}

static void ap_zero_over(struct ap_queue *aq, bool clean)
{
	struct ap_zero *zero = &aq->zero;
	char buf[24];
	bool tell;

	spin_lock_bh(&aq->lock);
	tell = !clean && !zero->failed;
	zero->failed = !clean;
	zero->why = zero->rc;
	zero->state = clean ? AP_ZERO_CLEAN : AP_ZERO_UNCLEAN;
	ap_set_dev_state(aq, AP_DEV_STATE_UNINITIATED);
	spin_unlock_bh(&aq->lock);
	/* One attempt at a time: nobody changes why meanwhile */
	if (tell)
		pr_err("queue %02x.%04x is not clean (%s) and gets no driver until it is: the bus scan tries again, or write to its reset attribute\n",
		       AP_QID_CARD(aq->qid), AP_QID_QUEUE(aq->qid),
		       ap_rc_reason(zero->why, buf, sizeof(buf)));
}

static void ap_zero_work(struct work_struct *work)
{
	struct ap_queue *aq = container_of(work, struct ap_queue, zero.work);
	unsigned int us = AP_ZERO_FIRST_US;
	enum ap_zero_verdict verdict;
	bool begun = false;

	for (;;) {
		verdict = ap_zero_step(aq, &begun);
		if (verdict != AP_ZERO_GO_ON ||
		    time_after(jiffies, READ_ONCE(aq->zero.deadline)))
			break;
		usleep_range(us, 2 * us);
		us = min(2 * us, AP_ZERO_LONGEST_US);
	}
	ap_zero_over(aq, verdict == AP_ZERO_PROVEN);
	put_device(&aq->ap_dev.device);
}

/**
 * ap_zero_setup() - a queue was found
 * @aq: the queue, nobody knows it yet
 *
 * Context: any.
 */
void ap_zero_setup(struct ap_queue *aq)
{
	INIT_WORK(&aq->zero.work, ap_zero_work);
}

/* With the queue's lock held */
static void ap_zero_begin(struct ap_queue *aq)
{
	if (aq->zero.state == AP_ZERO_RUNNING)
		return;
	aq->zero.state = AP_ZERO_RUNNING;
	WRITE_ONCE(aq->zero.deadline,
		   jiffies + msecs_to_jiffies(READ_ONCE(ap_remove_timeout_ms)));
	get_device(&aq->ap_dev.device);
	queue_work(ap_zero_wq, &aq->zero.work);
}

/**
 * ap_zero_start() - begin to clean a queue that has no driver any more
 * @aq: the queue
 *
 * Context: any.
 */
void ap_zero_start(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	ap_zero_begin(aq);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_zero_wait() - wait until the attempt to clean a queue is over
 * @aq: the queue
 *
 * In a batch this returns at once, and who has opened it waits for all.
 *
 * Context: process, sleeps; for remove_timeout at most. The device lock may be
 * held, the attempt does not take it.
 */
void ap_zero_wait(struct ap_queue *aq)
{
	struct ap_batch *batch = ap_batch_current();

	if (batch)
		batch->waits = true;
	else
		flush_work(&aq->zero.work);
}

/**
 * ap_zero_wait_all() - wait for all attempts that have been begun
 *
 * Context: process, sleeps; for remove_timeout at most.
 */
void ap_zero_wait_all(void)
{
	flush_workqueue(ap_zero_wq);
}

/* Another attempt if the last one has failed */
static void ap_zero_retry(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	if (aq->zero.state == AP_ZERO_UNCLEAN)
		ap_zero_begin(aq);
	spin_unlock_bh(&aq->lock);
}

static int ap_zero_retry_dev(struct device *dev, void *unused)
{
	if (ap_is_queue(dev))
		ap_zero_retry(to_ap_queue(dev));
	return 0;
}

/**
 * ap_zero_retry_all() - try again to clean all queues that are not clean
 * @bus: the AP bus
 *
 * Context: process, sleeps; for remove_timeout at most.
 */
void ap_zero_retry_all(const struct bus_type *bus)
{
	bus_for_each_dev(bus, NULL, NULL, ap_zero_retry_dev);
	ap_zero_wait_all();
}

/**
 * ap_zero_claim() - a driver is to be probed
 * @aq: the queue
 *
 * A queue that is not clean gets another attempt first, but not in a batch: who
 * has opened it has seen to that.
 *
 * Context: process, sleeps; for remove_timeout at most; the device lock is held.
 * Return: 0, or -EBUSY if the queue is not clean; the driver is offered it again
 * when it is.
 */
int ap_zero_claim(struct ap_queue *aq)
{
	struct ap_zero *zero = &aq->zero;
	int rc = -EBUSY;

	if (!ap_batch_current()) {
		ap_zero_retry(aq);
		ap_zero_wait(aq);
	}
	spin_lock_bh(&aq->lock);
	zero->attach = true;
	if (zero->state == AP_ZERO_UNTOUCHED || zero->state == AP_ZERO_CLEAN) {
		zero->state = AP_ZERO_IN_USE;
		zero->attach = false;
		rc = 0;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}

/**
 * ap_zero_scan() - the bus scan has come by a queue
 * @aq: the queue
 *
 * A queue that is not clean gets another attempt; one that has been cleaned since
 * a driver was refused goes to a driver now.
 *
 * Context: process, sleeps; the bus scan's mutex is held.
 */
void ap_zero_scan(struct ap_queue *aq)
{
	bool attach;

	ap_zero_retry(aq);
	spin_lock_bh(&aq->lock);
	attach = aq->zero.attach && aq->zero.state == AP_ZERO_CLEAN;
	if (attach)
		aq->zero.attach = false;
	spin_unlock_bh(&aq->lock);
	if (attach && device_attach(&aq->ap_dev.device) < 0)
		pr_debug("queue %02x.%04x: no driver\n", AP_QID_CARD(aq->qid),
			 AP_QID_QUEUE(aq->qid));
}

/**
 * ap_zero_user_reset() - what a write to the attribute "reset" means
 * @aq: the queue
 *
 * Context: any.
 * Return: 0 if the bus uses the queue, and may reset it; 1 if it has no driver,
 * and is being cleaned now; -EBUSY if it is its driver who resets it.
 */
int ap_zero_user_reset(struct ap_queue *aq)
{
	int rc = 1;

	spin_lock_bh(&aq->lock);
	if (ap_dev_state_in_use(aq))
		rc = 0;
	else if (aq->zero.state == AP_ZERO_IN_USE)
		rc = -EBUSY;
	else
		ap_zero_begin(aq);
	spin_unlock_bh(&aq->lock);
	return rc;
}

static ssize_t clean_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	static const char * const texts[] = {
		[AP_ZERO_UNTOUCHED] = "untouched",
		[AP_ZERO_IN_USE] = "in use",
		[AP_ZERO_RUNNING] = "in progress",
		[AP_ZERO_CLEAN] = "clean",
	};
	struct ap_queue *aq = to_ap_queue(dev);
	struct ap_zero zero;
	char reason[24];

	spin_lock_bh(&aq->lock);
	zero = aq->zero;
	spin_unlock_bh(&aq->lock);
	/* Also while it is tried again: what is known is the failure */
	if (zero.failed)
		return sysfs_emit(buf, "not clean: %s\n",
				  ap_rc_reason(zero.why, reason, sizeof(reason)));
	return sysfs_emit(buf, "%s\n", texts[zero.state]);
}
static DEVICE_ATTR_RO(clean);

static struct attribute *ap_zero_attrs[] = {
	&dev_attr_clean.attr,
	NULL
};

const struct attribute_group ap_zero_attr_group = {
	.attrs = ap_zero_attrs,
};
