// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that go with the bus.
 */
#include <linux/device.h>

#include "ap_bus.h"
#include "ap_unload.h"

static int ap_unregister_queue(struct device *dev, void *unused)
{
	if (ap_is_queue(dev))
		device_unregister(dev);
	return 0;
}

static int ap_unregister_card(struct device *dev, void *unused)
{
	device_unregister(dev);
	return 0;
}

/**
 * ap_unregister_devices() - the bus goes, and with it all cards and queues
 * @bus: the AP bus; no driver is left, no scan runs, and none begins by itself
 *
 * Context: module exit.
 */
void ap_unregister_devices(const struct bus_type *bus)
{
	ap_zero_wait_all();
	bus_for_each_dev(bus, NULL, NULL, ap_unregister_queue);
	bus_for_each_dev(bus, NULL, NULL, ap_unregister_card);
}
