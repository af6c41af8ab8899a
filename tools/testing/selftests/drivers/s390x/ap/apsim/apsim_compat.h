/* SPDX-License-Identifier: GPL-2.0 */
/*
 * apsim: what differs between kernels from 6.12 to 7.x.  The Makefile looks for
 * what a tree has.
 */
#ifndef _APSIM_COMPAT_H_
#define _APSIM_COMPAT_H_

#include <linux/hrtimer.h>

#ifndef APSIM_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *timer),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#endif /* _APSIM_COMPAT_H_ */
