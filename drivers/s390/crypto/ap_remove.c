// SPDX-License-Identifier: GPL-2.0
/*
 * Removal of queues: batches, and reasons.
 *
 * Who removes many queues (a driver that is unloaded, a mask that changes, a card
 * that goes) opens a batch: then each removal only starts its zero-reset, and
 * they are waited for when all run.
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/sprintf.h>

#include "ap_bus.h"
#include "ap_remove.h"

#define AP_REMOVE_TIMEOUT_MIN	100
#define AP_REMOVE_TIMEOUT_MAX	60000

unsigned int ap_remove_timeout_ms = 3000;

static int ap_remove_timeout_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, AP_REMOVE_TIMEOUT_MIN,
				     AP_REMOVE_TIMEOUT_MAX);
}

static const struct kernel_param_ops ap_remove_timeout_ops = {
	.set = ap_remove_timeout_set,
	.get = param_get_uint,
};
module_param_cb(remove_timeout, &ap_remove_timeout_ops, &ap_remove_timeout_ms,
		0644);
MODULE_PARM_DESC(remove_timeout, "Bound in ms for the zero-reset of a queue that is taken from its driver, 100 to 60000 (default: 3000)");

/*
 * A list, since several tasks may each have one; found by task, since the driver
 * core calls probe() and remove() in the task that started it.
 */
static LIST_HEAD(ap_batches);
static DEFINE_SPINLOCK(ap_batch_lock);	/* protects ap_batches */

/**
 * ap_batch_begin() - this task's removals do not wait for their zero-resets
 * @batch: the caller's, until ap_batch_end()
 *
 * The caller waits itself when all are under way.
 *
 * Context: process.
 */
void ap_batch_begin(struct ap_batch *batch)
{
	batch->task = current;
	batch->waits = false;
	spin_lock(&ap_batch_lock);
	list_add(&batch->node, &ap_batches);
	spin_unlock(&ap_batch_lock);
}

/**
 * ap_batch_end() - end of a batch
 * @batch: the batch
 *
 * Context: process.
 */
void ap_batch_end(struct ap_batch *batch)
{
	spin_lock(&ap_batch_lock);
	list_del(&batch->node);
	spin_unlock(&ap_batch_lock);
}

/**
 * ap_batch_current() - the batch that this task is in
 *
 * It stays for as long as the caller runs: only its own task ends it.
 *
 * Context: process.
 * Return: the innermost one, or NULL.
 */
struct ap_batch *ap_batch_current(void)
{
	struct ap_batch *batch, *found = NULL;

	spin_lock(&ap_batch_lock);
	list_for_each_entry(batch, &ap_batches, node)
		if (batch->task == current) {
			found = batch;
			break;
		}
	spin_unlock(&ap_batch_lock);
	return found;
}

/**
 * ap_rc_reason() - why a queue is not clean, in words
 * @rc: the last response code
 * @buf: for those that have no name; 24 bytes are enough
 * @size: size of @buf
 *
 * Context: any.
 * Return: a text, perhaps in @buf.
 */
const char *ap_rc_reason(int rc, char *buf, size_t size)
{
	switch (rc) {
	case AP_RESPONSE_NORMAL:
		return "not empty or interrupts on";
	case AP_RESPONSE_Q_NOT_AVAIL:
		return "not available";
	case AP_RESPONSE_RESET_IN_PROGRESS:
		return "reset not finished";
	case AP_RESPONSE_DECONFIGURED:
		return "deconfigured";
	case AP_RESPONSE_CHECKSTOPPED:
		return "checkstopped";
	case AP_RESPONSE_BUSY:
		return "busy";
	case AP_RESPONSE_STATE_CHANGE_IN_PROGRESS:
		return "state change in progress";
	default:
		snprintf(buf, size, "response code %02x", rc);
		return buf;
	}
}
