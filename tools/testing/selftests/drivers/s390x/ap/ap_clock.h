/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock of these tests: CLOCK_MONOTONIC, which apsim's log has, too.
 */
#ifndef AP_CLOCK_H
#define AP_CLOCK_H

#include <time.h>

static inline unsigned long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static inline long now_ms(void)
{
	return now_ns() / 1000000;
}

#endif /* AP_CLOCK_H */
