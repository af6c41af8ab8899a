// SPDX-License-Identifier: GPL-2.0
/*
 * ap_cost: what one RSA request after the other costs.
 *
 * One thread, one kind of request; printed is one line: the requests done, the
 * time they took, how much of it CPU 0 was idle, and what apsim's file "cost"
 * says of its own share, all in ns and all as differences over the requests
 * after some to warm up; then, of as many more, the latency.  On one CPU under
 * qemu -icount shift=0,sleep=off a nanosecond of a CPU that is not idle is an
 * instruction.
 *
 * Exit status: 0, 1 a request failed, 2 bad usage, 4 (skip) no device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <asm/zcrypt.h>

#include "ap_clock.h"
#include "ap_keys.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define COST	"/sys/kernel/debug/apsim/cost"
#define IDLE	"/sys/devices/system/cpu/cpu0/idle_time_us"
#define MOST	100000
#define BLANKS	" \t\n"

/* What apsim counts, by the names of its file */
static const char * const names[] = {
	"insn", "insn_ns", "irq", "irq_ns", "timer", "timer_ns",
	"way_ns", "irq_way_ns",
};

#define NAMES	ARRAY_SIZE(names)

struct reading {
	unsigned long long ns, idle_us;
	unsigned long long sim[NAMES];
};

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	return 0;
}

/* "name=number name=number ..." */
static void read_cost(struct reading *r)
{
	char text[256], *word;
	size_t i, len;

	if (read_text(COST, text, sizeof(text)))
		return;
	for (word = strtok(text, BLANKS); word; word = strtok(NULL, BLANKS)) {
		for (i = 0; i < NAMES; i++) {
			len = strlen(names[i]);
			if (!strncmp(word, names[i], len) && word[len] == '=')
				r->sim[i] = strtoull(word + len + 1, NULL, 10);
		}
	}
}

static void report(unsigned long count, const struct reading *a,
		   const struct reading *b, const unsigned long long *took)
{
	size_t i;

	printf("requests %lu ns %llu idle_ns %llu", count, b->ns - a->ns,
	       (b->idle_us - a->idle_us) * 1000);
	/* The last two are the same at any time */
	for (i = 0; i < NAMES; i++)
		printf(" %s %llu", names[i],
		       i < NAMES - 2 ? b->sim[i] - a->sim[i] : b->sim[i]);
	printf(" p50_ns %llu p99_ns %llu max_ns %llu\n", took[count / 2],
	       took[count * 99 / 100], took[count - 1]);
}

static unsigned long long read_idle(void)
{
	char text[32];

	if (read_text(IDLE, text, sizeof(text)))
		return 0;
	return strtoull(text, NULL, 10);
}

static int by_size(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a;
	unsigned long long y = *(const unsigned long long *)b;

	return x < y ? -1 : x > y;
}

static int request(int fd, const struct ap_key *k, unsigned char *exp)
{
	unsigned char out[512];
	struct ica_rsa_modexpo me = {
		.inputdata = (void *)k->clear,
		.inputdatalength = k->bits / 8,
		.outputdata = out,
		.outputdatalength = k->bits / 8,
		.b_key = exp,
		.n_modulus = (void *)k->n,
	};

	return ioctl(fd, ICARSAMODEXPO, &me);
}

static const struct ap_key *find_key(unsigned int bits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ap_keys); i++)
		if (ap_keys[i].bits == bits)
			return &ap_keys[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const char *device = argc > 2 ? argv[2] : "/dev/z90crypt";
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, i;
	static unsigned long long took[MOST];
	const struct ap_key *k = find_key(2048);
	struct reading a = {}, b = {};
	unsigned char exp[256] = {};
	unsigned long long before;
	int fd;

	if (!count || count > MOST || argc > 3 || !k) {
		fprintf(stderr, "usage: ap_cost REQUESTS [DEVICE]; up to %u\n", MOST);
		return 2;
	}
	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "ap_cost: %s: %s\n", device, strerror(errno));
		return 4;
	}
	exp[253] = 1;
	exp[255] = 1;
	for (i = 0; i < count / 8 + 100; i++)
		if (request(fd, k, exp))
			goto failed;
	read_cost(&a);
	a.idle_us = read_idle();
	a.ns = now_ns();
	for (i = 0; i < count; i++)
		if (request(fd, k, exp))
			goto failed;
	b.ns = now_ns();
	b.idle_us = read_idle();
	read_cost(&b);
	for (i = 0; i < count; i++) {
		before = now_ns();
		if (request(fd, k, exp))
			goto failed;
		took[i] = now_ns() - before;
	}
	qsort(took, count, sizeof(*took), by_size);
	report(count, &a, &b, took);
	return 0;
failed:
	fprintf(stderr, "ap_cost: request %lu: %s\n", i, strerror(errno));
	return 1;
}
