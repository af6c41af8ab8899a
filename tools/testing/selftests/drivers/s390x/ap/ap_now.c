// SPDX-License-Identifier: GPL-2.0
/* ap_now: print CLOCK_MONOTONIC in ns, the clock of the kernel's event logs. */
#include <stdio.h>

#include "ap_clock.h"

int main(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "%s: takes no argument\n", argv[0]);
		return 2;
	}
	printf("%llu\n", now_ns());
	return 0;
}
