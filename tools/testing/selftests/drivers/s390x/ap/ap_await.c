// SPDX-License-Identifier: GPL-2.0
/*
 * ap_await [-v] FILE TEXT SECONDS: wait until an attribute begins with a text.
 *
 * The file is read, and then again only when poll() says that it has changed: an
 * attribute for which the kernel does not say so is waited for in vain. Prints
 * what it was in the end, and how often poll() has woken. With -v it also says when
 * it begins to wait, and of each time that it is woken; whatever changes after that
 * line wakes it, as poll() compares with what was read last. Exit status: 0; 1 when
 * the time was up; 2 for bad usage, or a file that cannot be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
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
	const char *name = argv[0];
	unsigned int woken = 0;
	bool verbose = false;
	struct pollfd pfd = { .events = POLLPRI | POLLERR };
	unsigned long seconds;
	long long end, left;
	char buf[4096], *rest;

	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = true;
		argc--;
		argv++;
	}
	if (argc != 4) {
		fprintf(stderr, "usage: %s [-v] FILE TEXT SECONDS\n", name);
		return 2;
	}
	seconds = strtoul(argv[3], &rest, 10);
	if (!*argv[3] || *rest || seconds > 86400) {
		fprintf(stderr, "%s: SECONDS is a number from 0 to 86400, not '%s'\n",
			name, argv[3]);
		return 2;
	}
	pfd.fd = open(argv[1], O_RDONLY);
	if (pfd.fd < 0 || read_again(pfd.fd, buf, sizeof(buf))) {
		fprintf(stderr, "%s: %s: %s\n", name, argv[1], strerror(errno));
		return 2;
	}
	end = now_ms() + seconds * 1000;
	while (strncmp(buf, argv[2], strlen(argv[2]))) {
		if (verbose) {
			printf("waiting, woken %u\n", woken);
			fflush(stdout);
		}
		left = end - now_ms();
		if (left <= 0 || poll(&pfd, 1, left) <= 0)
			break;
		woken++;
		if (read_again(pfd.fd, buf, sizeof(buf))) {
			fprintf(stderr, "%s: %s: %s\n", name, argv[1],
				strerror(errno));
			return 2;
		}
	}
	printf("%s\nwoken %u\n", buf, woken);
	return !!strncmp(buf, argv[2], strlen(argv[2]));
}
