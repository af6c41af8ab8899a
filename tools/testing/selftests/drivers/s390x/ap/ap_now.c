// SPDX-License-Identifier: GPL-2.0
/* ap_now: print CLOCK_MONOTONIC in ns, the clock of the kernel's event logs. */
#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct timespec ts;

	if (argc > 1) {
		fprintf(stderr, "%s: takes no argument\n", argv[0]);
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	printf("%llu\n", ts.tv_sec * 1000000000ull + ts.tv_nsec);
	return 0;
}
