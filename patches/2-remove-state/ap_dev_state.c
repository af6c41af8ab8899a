// SPDX-License-Identifier: GPL-2.0
/*
 * Which state of a queue may follow which.
 *
 * AP_DEV_STATE_SHUTDOWN is the state of a queue that is being removed. Whoever
 * wants to put such a queue to work is refused here: an answer of the card that
 * comes late, a bus scan that finds the card configured again, a write to an
 * attribute. The same goes for a queue without a driver, and for one whose driver
 * never asked the bus to do anything with it.
 */
#include <linux/sched.h>

#include "ap_dev_state.h"

static const u8 ap_dev_state_next[NR_AP_DEV_STATES] = {
	[AP_DEV_STATE_UNINITIATED] = BIT(AP_DEV_STATE_SHUTDOWN),
	[AP_DEV_STATE_OPERATING] = BIT(AP_DEV_STATE_OPERATING) |
				   BIT(AP_DEV_STATE_ERROR) |
				   BIT(AP_DEV_STATE_SHUTDOWN),
	[AP_DEV_STATE_ERROR] = BIT(AP_DEV_STATE_OPERATING) |
			       BIT(AP_DEV_STATE_ERROR) |
			       BIT(AP_DEV_STATE_SHUTDOWN),
	[AP_DEV_STATE_SHUTDOWN] = BIT(AP_DEV_STATE_UNINITIATED),
};

/**
 * ap_set_dev_state() - change the state of a queue, if that may be
 * @aq: the queue
 * @to: the new state
 *
 * Context: the queue's lock is held.
 * Return: false if the state does not change because it must not.
 */
bool ap_set_dev_state(struct ap_queue *aq, enum ap_dev_state to)
{
	unsigned int next = ap_dev_state_next[aq->dev_state];

	lockdep_assert_held(&aq->lock);
	/*
	 * Work begins in a driver's probe(), and nowhere else: not in a scan that acts
	 * on an error under the last driver, while a probe() that leaves the queue
	 * alone is under way.
	 */
	if (aq->dev_state == AP_DEV_STATE_UNINITIATED && aq->prober == current)
		next |= BIT(AP_DEV_STATE_OPERATING);
	if (!(next & BIT(to)))
		return false;
	aq->dev_state = to;
	return true;
}

/**
 * ap_dev_state_in_use() - whether the bus may use the queue for a driver
 * @aq: the queue
 *
 * Context: the queue's lock is held.
 * Return: true if a driver has set it up and is not being removed from it.
 */
bool ap_dev_state_in_use(struct ap_queue *aq)
{
	return aq->dev_state == AP_DEV_STATE_OPERATING ||
	       aq->dev_state == AP_DEV_STATE_ERROR;
}
