// SPDX-License-Identifier: GPL-2.0
/*
 * ap_status: what zcrypt's status ioctls say, as text.
 *
 *	ap_status [-d NODE] [-o FILES] [-n TIMES] NAME...
 *
 * For each NAME (ap_status without one lists them) the ioctl's answer: one line
 * for each queue or card that it says something about, or one number. -o opens
 * that many files more before, -n repeats it all, without a word.
 *
 *	ap_status errors
 *
 * prints a line for each ioctl that does not refuse an address it cannot write
 * to, and for each number of old that does anything.
 *
 * The bytes behind an answer are looked at, too. Exit status: 0; 1 an ioctl has
 * failed or written too much; 2 bad usage; 4 no such node.
 */
#define _GNU_SOURCE
#include <asm/zcrypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BEHIND		256
#define MARK		0xa5

/* Answers are zero where there is nothing to say */
static void show_device(size_t nr, struct zcrypt_device_status_ext dev)
{
	if (!dev.hwtype && !dev.qid && !dev.online && !dev.functions &&
	    !dev.reserved)
		return;
	printf("%02zx.%04zx hwtype %u online %u functions %02x",
	       nr / MAX_ZDEV_DOMAINS_EXT, nr % MAX_ZDEV_DOMAINS_EXT,
	       dev.hwtype, dev.online, dev.functions);
	if (dev.qid != nr || dev.reserved)
		printf(" calls itself %04x, reserved %u", dev.qid, dev.reserved);
	printf("\n");
}

static void show_matrix(const void *answer, size_t size)
{
	const struct zcrypt_device_status_ext *dev = answer;
	size_t i;

	for (i = 0; i < size / sizeof(*dev); i++)
		show_device(i, dev[i]);
}

/* As many domains, fewer cards, other bits */
static void show_old_matrix(const void *answer, size_t size)
{
	const struct zcrypt_device_status *dev = answer;
	struct zcrypt_device_status_ext now;
	size_t i;

	for (i = 0; i < size / sizeof(*dev); i++) {
		now = (struct zcrypt_device_status_ext) {
			.hwtype = dev[i].hwtype,
			.qid = dev[i].qid,
			.online = dev[i].online,
			.functions = dev[i].functions,
			.reserved = !!dev[i].reserved,
		};
		show_device(i, now);
	}
}

static void show_bytes(const void *answer, size_t size)
{
	const unsigned char *byte = answer;
	size_t i;

	for (i = 0; i < size; i++)
		if (byte[i])
			printf("card%02zx %u\n", i, byte[i]);
}

static void show_words(const void *answer, size_t size)
{
	const unsigned int *word = answer;
	size_t i;

	for (i = 0; i < size / sizeof(*word); i++)
		if (word[i])
			printf("card%02zx %u\n", i, word[i]);
}

static void show_number(const void *answer, size_t size)
{
	(void)size;
	printf("%d\n", *(const int *)answer);
}

static const struct query {
	const char *name;
	unsigned long cmd;
	size_t size;
	void (*show)(const void *answer, size_t size);
} queries[] = {
	{ "devices", ZCRYPT_DEVICE_STATUS,
	  sizeof(struct zcrypt_device_matrix_ext), show_matrix },
	{ "types", ZCRYPT_STATUS_MASK, MAX_ZDEV_CARDIDS_EXT, show_bytes },
	{ "depths", ZCRYPT_QDEPTH_MASK, MAX_ZDEV_CARDIDS_EXT, show_bytes },
	{ "counts", ZCRYPT_PERDEV_REQCNT, MAX_ZDEV_CARDIDS_EXT * sizeof(int),
	  show_words },
	{ "old-devices", ZDEVICESTATUS, sizeof(struct zcrypt_device_matrix),
	  show_old_matrix },
	{ "old-types", Z90STAT_STATUS_MASK, MAX_ZDEV_CARDIDS, show_bytes },
	{ "old-depths", Z90STAT_QDEPTH_MASK, MAX_ZDEV_CARDIDS, show_bytes },
	{ "old-counts", Z90STAT_PERDEV_REQCNT, MAX_ZDEV_CARDIDS * sizeof(int),
	  show_words },
	{ "waiting", Z90STAT_REQUESTQ_COUNT, sizeof(int), show_number },
	{ "pending", Z90STAT_PENDINGQ_COUNT, sizeof(int), show_number },
	{ "open", Z90STAT_TOTALOPEN_COUNT, sizeof(int), show_number },
	{ "domain", Z90STAT_DOMAIN_INDEX, sizeof(int), show_number },
};

/* Numbers that meant something once; whatever the size and direction */
static const unsigned char retired[] = {
	0x40, 0x41, 0x42, 0x4b, 0x4c, 0x4d, 0x4e,
};

static const unsigned short retired_sizes[] = { 0, 4, 64, 68, 256, 456 };

static bool ask(int fd, const struct query *q, bool quiet)
{
	unsigned char *answer = malloc(q->size + BEHIND);
	bool good = false;
	size_t i;

	if (!answer) {
		fprintf(stderr, "ap_status: %s\n", strerror(ENOMEM));
		return false;
	}
	memset(answer, MARK, q->size + BEHIND);
	if (ioctl(fd, q->cmd, answer)) {
		fprintf(stderr, "ap_status: %s: %s\n", q->name, strerror(errno));
		goto out;
	}
	for (i = 0; i < BEHIND && answer[q->size + i] == MARK; i++)
		;
	good = i == BEHIND;
	if (!good)
		fprintf(stderr, "ap_status: %s: more was written than the answer\n",
			q->name);
	if (!quiet)
		q->show(answer, q->size);
out:
	free(answer);
	return good;
}

static void show_errors(int fd)
{
	unsigned char buf[1024];
	unsigned int i, j, dir;

	for (i = 0; i < ARRAY_SIZE(queries); i++)
		if (!ioctl(fd, queries[i].cmd, NULL) || errno != EFAULT)
			printf("%s does not say EFAULT\n", queries[i].name);
	for (i = 0; i < ARRAY_SIZE(retired); i++)
		for (j = 0; j < ARRAY_SIZE(retired_sizes); j++)
			for (dir = 0; dir < 4; dir++)
				if (!ioctl(fd, _IOC(dir, ZCRYPT_IOCTL_MAGIC,
						    retired[i], retired_sizes[j]), buf) ||
				    errno != ENOTTY)
					printf("number %02x does not say ENOTTY\n",
					       retired[i]);
}

static int bad_usage(void)
{
	unsigned int i;

	fputs("usage: ap_status [-d NODE] [-o FILES] [-n TIMES] NAME...\n"
	      "names: errors", stderr);
	for (i = 0; i < ARRAY_SIZE(queries); i++)
		fprintf(stderr, " %s", queries[i].name);
	fputs("\n", stderr);
	return 2;
}

static const struct query *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(queries); i++)
		if (!strcmp(queries[i].name, name))
			return &queries[i];
	return NULL;
}

static int open_node(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "ap_status: %s: %s\n", node, strerror(errno));
		exit(4);
	}
	return fd;
}

int main(int argc, char **argv)
{
	const char *node = "/dev/z90crypt";
	int fd, opt, i, more = 0, times = 0;
	bool good = true;

	while ((opt = getopt(argc, argv, "d:o:n:")) != -1) {
		if (opt == 'd')
			node = optarg;
		else if (opt == 'o')
			more = atoi(optarg);
		else if (opt == 'n')
			times = atoi(optarg);
		else
			return bad_usage();
	}
	if (optind == argc || more < 0 || times < 0)
		return bad_usage();
	for (i = optind; i < argc; i++)
		if (strcmp(argv[i], "errors") && !find(argv[i]))
			return bad_usage();

	fd = open_node(node);
	while (more--)
		open_node(node);
	do {
		for (i = optind; i < argc; i++) {
			if (!strcmp(argv[i], "errors"))
				show_errors(fd);
			else
				good &= ask(fd, find(argv[i]), times);
		}
	} while (good && times && --times);
	return good ? 0 : 1;
}
