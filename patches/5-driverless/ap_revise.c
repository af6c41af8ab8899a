// SPDX-License-Identifier: GPL-2.0
/*
 * Queues that move to where the masks say they belong.
 *
 * Who belongs where is the bus's decision, and it needs the queue's driver: that
 * is looked at with the device lock held, where it cannot go, and it may not be
 * there. So moving comes after looking, and that in three steps: all queues are
 * taken away, which begins their zero-resets; these are waited for; then all are
 * offered to the drivers.
 */
#define pr_fmt(fmt) "ap: " fmt

#include <linux/device.h>
#include <linux/mutex.h>

#include "ap_bus.h"
#include "ap_remove.h"

/* One change of the bindings at a time; outermost; protects aq->revise */
static DEFINE_MUTEX(ap_revise_mutex);

/**
 * ap_revise_later() - a queue has to move
 * @dev: the queue
 *
 * Context: in the function that ap_revise_bindings() calls; the device lock is
 * held, so it is done later.
 * Return: 0; nothing can go wrong yet.
 */
int ap_revise_later(struct device *dev)
{
	to_ap_queue(dev)->revise = true;
	return 0;
}

struct ap_revise {
	int (*judge)(struct device *dev, void *unused);
};

static int ap_revise_look(struct device *dev, void *data)
{
	struct ap_revise *revise = data;
	int rc = 0;

	if (!ap_is_queue(dev))
		return 0;
	device_lock(dev);
	if (dev->driver)
		rc = revise->judge(dev, NULL);
	else
		rc = ap_revise_later(dev);
	device_unlock(dev);
	return rc;
}

static int ap_revise_release(struct device *dev, void *unused)
{
	if (ap_is_queue(dev) && to_ap_queue(dev)->revise)
		device_release_driver(dev);
	return 0;
}

static int ap_revise_attach(struct device *dev, void *unused)
{
	if (!ap_is_queue(dev) || !to_ap_queue(dev)->revise)
		return 0;
	to_ap_queue(dev)->revise = false;
	if (device_attach(dev) < 0)
		pr_debug("%s: no driver\n", dev_name(dev));
	return 0;
}

/**
 * ap_revise_bindings() - move queues to where they belong now
 * @bus: the AP bus
 * @judge: is called for each queue that has a driver, with its device lock held;
 *	calls ap_revise_later() for one that has the wrong driver
 *
 * A queue without a driver is offered to the drivers.
 *
 * Context: process, sleeps; no lock held; for as long as the drivers' remove()
 * and probe() take, and for remove_timeout at most.
 */
void ap_revise_bindings(const struct bus_type *bus,
			int (*judge)(struct device *dev, void *unused))
{
	struct ap_revise revise = { .judge = judge };
	struct ap_batch batch;

	mutex_lock(&ap_revise_mutex);
	ap_batch_begin(&batch);
	bus_for_each_dev(bus, NULL, &revise, ap_revise_look);
	bus_for_each_dev(bus, NULL, NULL, ap_revise_release);
	ap_zero_wait_all();
	bus_for_each_dev(bus, NULL, NULL, ap_revise_attach);
	ap_batch_end(&batch);
	mutex_unlock(&ap_revise_mutex);
}
