/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues that move to where the masks say they belong.
 */
#ifndef _AP_REVISE_H_
#define _AP_REVISE_H_

#include <linux/device/bus.h>

struct device;

int ap_revise_later(struct device *dev);
void ap_revise_bindings(const struct bus_type *bus,
			int (*judge)(struct device *dev, void *unused));

#endif /* _AP_REVISE_H_ */
