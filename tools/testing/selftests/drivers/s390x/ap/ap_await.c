// SPDX-License-Identifier: GPL-2.0
/*
 * ap_await FILE TEXT SECONDS: wait until an attribute begins with a text.
 *
 * The file is read, and then again only when poll() says that it has changed: an
 * attribute for which the kernel does not say so is waited for in vain. Prints
 * what it was in the end, and how often poll() has woken. Exit status: 0; 1 when
 * the time was up; 2 for bad usage, or a file that cannot be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

static int read_again(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n < 0)
		return -1;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int woken = 0;
	struct pollfd pfd = { .events = POLLPRI | POLLERR };
	unsigned long seconds;
	long long end, left;
	char buf[4096], *rest;

	if (argc != 4) {
		fprintf(stderr, "usage: %s FILE TEXT SECONDS\n", argv[0]);
		return 2;
	}
	seconds = strtoul(argv[3], &rest, 10);
	if (!*argv[3] || *rest || seconds > 86400) {
		fprintf(stderr, "%s: SECONDS is a number from 0 to 86400, not '%s'\n",
			argv[0], argv[3]);
		return 2;
	}
	pfd.fd = open(argv[1], O_RDONLY);
	if (pfd.fd < 0 || read_again(pfd.fd, buf, sizeof(buf))) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], strerror(errno));
		return 2;
	}
	end = now_ms() + seconds * 1000;
	while (strncmp(buf, argv[2], strlen(argv[2]))) {
		left = end - now_ms();
		if (left <= 0 || poll(&pfd, 1, left) <= 0)
			break;
		woken++;
		if (read_again(pfd.fd, buf, sizeof(buf))) {
			fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1],
				strerror(errno));
			return 2;
		}
	}
	printf("%s\nwoken %u\n", buf, woken);
	return !!strncmp(buf, argv[2], strlen(argv[2]));
}
