// SPDX-License-Identifier: GPL-2.0
/*
 * ap_write: write a string to a file by one write(2) and print "OK" or the
 * name of the errno, and how long the write took in ns.  The shell's echo
 * cannot tell EBUSY from EINVAL, nor does it say that a write was short.
 * Exit status: 0 written, 1 refused, 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ap_clock.h"

int main(int argc, char **argv)
{
	unsigned long long begin;
	const char *result = "OK";
	ssize_t done;
	size_t len;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: %s FILE STRING\n", argv[0]);
		return 2;
	}
	len = strlen(argv[2]);
	begin = now_ns();
	fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		result = strerrorname_np(errno);
	} else {
		done = write(fd, argv[2], len);
		if (done < 0)
			result = strerrorname_np(errno);
		else if ((size_t)done != len)
			result = "SHORT";
	}
	printf("%s %llu\n", result ? result : "UNKNOWN", now_ns() - begin);
	return !result || strcmp(result, "OK") ? 1 : 0;
}
