// SPDX-License-Identifier: GPL-2.0
/*
 * Which module a message holds.
 *
 * A sender may wake up long after its reply came, when its queue has another
 * driver, or none. So the module it holds is written down in its message while
 * the queue's lock tells who the driver is, and nobody asks the queue again.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "ap_bus.h"

/**
 * ap_queue_probe_begin() - a driver is about to be probed, by the calling task
 * @aq: the queue
 * @owner: the driver's module; NULL for one that is built in
 *
 * Context: process; the device lock is held.
 */
void ap_queue_probe_begin(struct ap_queue *aq, struct module *owner)
{
	spin_lock_bh(&aq->lock);
	aq->owner = owner;
	aq->prober = current;
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_probe_end() - the driver's probe() has returned, with or without error
 * @aq: the queue
 *
 * Context: process; the device lock is held.
 */
void ap_queue_probe_end(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	aq->prober = NULL;
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_msg_get_owner() - hold the module of the queue's driver
 * @aq: the queue that the message is meant for
 * @ap_msg: the message; the module is recorded in it
 *
 * Context: any; takes the queue's lock.
 * Return: 0; or -ENODEV if the queue does not take messages, if its driver is
 * not through with probe(), or is being unloaded. @ap_msg is as before then.
 */
int ap_msg_get_owner(struct ap_queue *aq, struct ap_message *ap_msg)
{
	int rc = -ENODEV;

	spin_lock_bh(&aq->lock);
	if (aq->dev_state == AP_DEV_STATE_OPERATING && !aq->prober &&
	    try_module_get(aq->owner)) {
		ap_msg->owner = aq->owner;
		rc = 0;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}
EXPORT_SYMBOL(ap_msg_get_owner);

/**
 * ap_msg_put_owner() - drop what ap_msg_get_owner() took
 * @ap_msg: the message
 *
 * To be called after the last access to the queue, and to what the driver has
 * made for it.
 *
 * Context: any.
 */
void ap_msg_put_owner(struct ap_message *ap_msg)
{
	struct module *owner = ap_msg->owner;

	ap_msg->owner = NULL;
	module_put(owner);
}
EXPORT_SYMBOL(ap_msg_put_owner);
