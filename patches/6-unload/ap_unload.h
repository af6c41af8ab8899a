/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that go with the bus.
 */
#ifndef _AP_UNLOAD_H_
#define _AP_UNLOAD_H_

#include <linux/device/bus.h>

void ap_unregister_devices(const struct bus_type *bus);

#endif /* _AP_UNLOAD_H_ */
