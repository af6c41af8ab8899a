// SPDX-License-Identifier: GPL-2.0
/*
 * ap_uevent: print the kernel's uevents as they come, a line each:
 *	TIME_NS ACTION DEVPATH KEY=VALUE...
 * The first line, "# listening", says that from here on none is missed.
 * Ends after --seconds, or by SIGTERM.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ap_clock.h"

/* A uevent is "action@path", then strings KEY=VALUE, each ended by a NUL. */
static void show(const char *buf, size_t len)
{
	const char *end = buf + len, *at = memchr(buf, '@', len), *p;

	if (!at)
		return;		/* libudev's own format: not the kernel's */
	printf("%llu %.*s %s", now_ns(), (int)(at - buf), buf, at + 1);
	for (p = buf + strlen(buf) + 1; p < end; p += strlen(p) + 1) {
		const char *c;

		putchar(' ');
		/* A value may hold a newline: one event stays one line. */
		for (c = p; *c; c++)
			putchar(*c == '\n' ? '|' : *c);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	unsigned long long deadline;
	static char buf[16384];
	unsigned long seconds;
	struct pollfd pfd;
	int size = 1 << 20;
	char *end;

	if (argc != 3 || strcmp(argv[1], "--seconds")) {
		fprintf(stderr, "usage: %s --seconds N\n", argv[0]);
		return 2;
	}
	seconds = strtoul(argv[2], &end, 10);
	if (!seconds || *end || seconds > 86400) {
		fprintf(stderr, "%s: --seconds takes a number from 1 to 86400, not '%s'\n",
			argv[0], argv[2]);
		return 2;
	}
	pfd.events = POLLIN;
	pfd.fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (pfd.fd < 0 || bind(pfd.fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fprintf(stderr, "%s: netlink: %s\n", argv[0], strerror(errno));
		return 1;
	}
	if (setsockopt(pfd.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		fprintf(stderr, "%s: small receive buffer: %s\n", argv[0], strerror(errno));
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("# listening");
	deadline = now_ns() + seconds * 1000000000ull;
	for (;;) {
		unsigned long long now = now_ns();
		ssize_t n;

		if (now >= deadline)
			return 0;
		if (poll(&pfd, 1, (deadline - now) / 1000000 + 1) <= 0)
			continue;
		n = recv(pfd.fd, buf, sizeof(buf) - 1, 0);
		if (n < 0) {
			if (errno == ENOBUFS)
				puts("# lost");
			continue;
		}
		buf[n] = 0;
		show(buf, n);
	}
}
