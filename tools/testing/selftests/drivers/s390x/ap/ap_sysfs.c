// SPDX-License-Identifier: GPL-2.0
/*
 * ap_sysfs: write to every attribute below some directories of sysfs what no
 * program should.
 *
 * Which attributes there are is found by walking the directories. Each that can
 * be written gets all of the texts below, and some that are made of random
 * bytes. A text is either *malformed* for every attribute, or *doubtful*: some
 * may take it (a second sign, a number in hex, bytes behind a NUL). Looked at
 * after each write:
 *
 * - malformed: refused, with one of the errnos of the list below
 * - refused: the attribute reads as before
 * - taken: the write was not short but for what is beyond a page; the value
 *   from before can be written again, and reads as before
 *
 * Attributes that take any text (a scan, a reset) get a few. With a STEP each gets
 * one of STEP texts; which, the seed says. All are read before and after, in one
 * piece and byte by byte.
 *
 * Exit status: 0 nothing found, 1 something was, 2 bad usage.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096
#define HUGE_TEXT	(16 * PAGE)
#define MAX_ATTRS	4096
#define MAX_NAME	256
#define SHOWN		20
#define RANDOM_TEXTS	16
#define KEEP		"keep"

/* ---- what is written ---- */

struct text {
	const char *what;
	const char *unit;	/* repeated up to @len */
	size_t unit_len;
	size_t len;
	bool doubtful;
};

#define BAD(s)		{ #s, s, sizeof(s) - 1, sizeof(s) - 1, false }
#define DOUBTFUL(s)	{ #s, s, sizeof(s) - 1, sizeof(s) - 1, true }
#define MANY(s, n)	{ #s " x many", s, sizeof(s) - 1, n, false }

static const struct text texts[] = {
	/* numbers that are none, or far too large */
	BAD("-"), BAD("--1"), BAD("+-1"), BAD("-+1"), BAD("0x"), BAD("0xg"),
	BAD("0x1g"), BAD("1.0"), BAD("1 1"), BAD("1,1"), BAD("1;"),
	BAD("01x"), BAD("nan"), BAD("inf"), BAD("-2147483649"),
	BAD("-9223372036854775809"), BAD("-18446744073709551617"),
	BAD("18446744073709551616z"), BAD("340282366920938463463374607431768211457z"),
	/* masks that are none */
	BAD("-256"), BAD("+0-256"), BAD("+5-3"), BAD("+1--3"),
	BAD("+1,x"), BAD("+1,,+"), BAD("-0-"), BAD("+0x"),
	BAD("+18446744073709551617"), BAD("+0,-1,+2,-3,+"),
	/* texts of other uses */
	BAD("%s%s%s%n"), BAD("%p %x %d"), BAD("../../../etc/passwd"), BAD("$(id)"),
	BAD("`id`"), BAD("'; drop table"), BAD("\\x00"), BAD("\\"), BAD("/"),
	BAD("a/b"), BAD("*"), BAD("?"),
	/* bytes that are no text */
	BAD("\xff"), BAD("\xff\xff\xff\xff\xff\xff\xff\xff"), BAD("\x80"),
	BAD("\x01"), BAD("\x7f"), BAD("\x1b[2J"), BAD("\xc0\xaf"),
	BAD("\xd9\xa1"), BAD("1\xff"), BAD("0x\xff"), BAD("+\xff"), BAD("1\x01"),
	/* white space in the wrong place */
	BAD("1\n1"), BAD("1\n\n1"), BAD("1\v2"), BAD("\n1 x"), BAD("+1 +2"),
	/* too long */
	MANY("A", PAGE - 1), MANY("A", PAGE), MANY("A", PAGE + 1),
	MANY("A", HUGE_TEXT), MANY("9", PAGE - 1), MANY("9", HUGE_TEXT),
	MANY("0xf", PAGE), MANY("+", PAGE), MANY("-", HUGE_TEXT),
	MANY("+0-255,-0-256,", PAGE - 1), MANY("\xff", PAGE), MANY(" x", PAGE),
	MANY("\nz", HUGE_TEXT), MANY("%s", PAGE), MANY("%n", HUGE_TEXT),
	/* may mean something to somebody */
	DOUBTFUL(""), DOUBTFUL("\n"), DOUBTFUL(" "), DOUBTFUL("\t\n"),
	DOUBTFUL("\0"), DOUBTFUL("\0\0\0\0"), DOUBTFUL("\0001"),
	DOUBTFUL("1\0"), DOUBTFUL("1\0\xff\xff"), DOUBTFUL("0\0001"),
	DOUBTFUL("1\n\0x"), DOUBTFUL("+1"), DOUBTFUL("-1"), DOUBTFUL("-0"),
	DOUBTFUL("+0"), DOUBTFUL(" 1"), DOUBTFUL("1 "), DOUBTFUL("0x1"),
	DOUBTFUL("01"), DOUBTFUL("1\n"), DOUBTFUL("1\n\n"), DOUBTFUL("2"),
	DOUBTFUL("y"), DOUBTFUL("off"), DOUBTFUL("N\n"), DOUBTFUL("x1"),
	DOUBTFUL("1e3"), DOUBTFUL("+256"), DOUBTFUL("+4294967296"),
	DOUBTFUL("4294967296"), DOUBTFUL("4294967297"), DOUBTFUL("2147483648"),
	DOUBTFUL("18446744073709551615"), DOUBTFUL("18446744073709551616"),
	DOUBTFUL("+0-255"), DOUBTFUL("-0-255,+0-255"), DOUBTFUL("+1,"),
	{ "zeroes", "0", 1, PAGE - 1, true },
	{ "zeroes x many", "0", 1, HUGE_TEXT, true },
	{ "spaces", " ", 1, PAGE, true },
	{ "NULs", "\0", 1, PAGE, true },
	{ "a long list", "+0,", 3, PAGE - 1, true },
	{ "0xfff", "f", 1, 65, true },
};

static const int errnos[] = { EINVAL, ERANGE, EOVERFLOW, E2BIG, ENODEV, EBUSY };

/*
 * What an attribute is besides. Matched with the last part of its name, and
 * with the part before it when that is given.
 */
struct kind {
	const char *dir;
	const char *name;
	bool any;		/* takes any text */
	bool counts;		/* does not stay the same */
	const char *undo;	/* takes names; attribute that takes them back */
	int errnos[4];
};

static const struct kind kinds[] = {
	{ NULL, "scans", .any = true, .counts = true },
	{ NULL, "reset", .any = true, .counts = true },
	{ NULL, "request_count", .any = true, .counts = true },
	{ NULL, "create", .undo = "destroy", .errnos = { EEXIST, ENOENT } },
	{ NULL, "destroy", .errnos = { ENOENT } },
	{ NULL, "driver_override", .any = true },
	/* there is nothing that could take a card away or give it */
	{ NULL, "config", .errnos = { EOPNOTSUPP } },
	{ NULL, "states", .counts = true },
	{ NULL, "load", .counts = true },
	{ NULL, "interrupt", .counts = true },
	{ NULL, "requestq_count", .counts = true },
	{ NULL, "pendingq_count", .counts = true },
	{ NULL, "hand_over_count", .counts = true },
	{ NULL, "flushed_count", .counts = true },
	{ NULL, "resent_count", .counts = true },
	{ NULL, "reset_time", .counts = true },
	/* the driver core's */
	{ NULL, "uevent", .any = true, .counts = true },
	{ NULL, "drivers_autoprobe", .any = true },
	{ NULL, "unbind", .errnos = { ENODEV } },
	{ NULL, "bind", .errnos = { ENODEV } },
	{ NULL, "refcnt", .counts = true },
	{ "power", NULL, .counts = true, .errnos = { EIO } },
};

static char *names[MAX_ATTRS];
static unsigned int nr_names;
static __u64 state;
static unsigned int step, turn;
static unsigned long nr_writes, taken, refused, reads, offences;

/* xorshift */
static __u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void offence(const char *name, const char *text, const char *what,
		    const char *detail)
{
	if (offences++ < SHOWN)
		printf("%s, '%s': %s (%s)\n", name, text, what, detail);
}

static const struct kind *kind_of(const char *path)
{
	static const struct kind plain;
	const char *name = strrchr(path, '/') + 1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];
		char part[MAX_NAME];

		if (k->name && !strcmp(k->name, name))
			return k;
		if (!k->dir)
			continue;
		snprintf(part, sizeof(part), "/%s/", k->dir);
		if (strstr(path, part))
			return k;
	}
	return &plain;
}

/* ---- attributes ---- */

static ssize_t get_by(const char *path, char *buf, size_t size, size_t piece)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (len < size) {
		n = read(fd, buf + len, piece < size - len ? piece : size - len);
		if (n <= 0)
			break;
		len += n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	reads++;
	return n < 0 ? n : (ssize_t)len;
}

static ssize_t get(const char *path, char *buf)
{
	memset(buf, 0, PAGE + 1);
	return get_by(path, buf, PAGE, PAGE);
}

static ssize_t put(const char *path, const void *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		n = -errno;
	close(fd);
	nr_writes++;
	return n;
}

static bool admitted(const struct kind *kind, int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i] == err)
			return true;
	for (i = 0; i < ARRAY_SIZE(kind->errnos); i++)
		if (kind->errnos[i] == err)
			return true;
	return false;
}

/*
 * What was made by writing a name is a link beside the attribute. One that begins
 * with KEEP was there before.
 */
static void undo(const char *path, const struct kind *kind, const char *text)
{
	char dir[MAX_NAME], other[2 * MAX_NAME];
	struct dirent *entry;
	ssize_t n;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	snprintf(other, sizeof(other), "%s/%s", dir, kind->undo);
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (entry->d_type != DT_LNK || !strncmp(entry->d_name, KEEP, strlen(KEEP)))
			continue;
		n = put(other, entry->d_name, strlen(entry->d_name));
		if (n < 0)
			offence(path, text, "cannot be taken back by its name",
				entry->d_name);
	}
	if (d)
		closedir(d);
}

static void restore(const char *path, const struct kind *kind,
		    const char *before, ssize_t len, const struct text *text)
{
	char now[PAGE + 1];
	ssize_t n;

	if (kind->undo)
		undo(path, kind, text->what);
	if (kind->undo || kind->counts || len < 0)
		return;
	n = put(path, before, len);
	if (n != len)
		offence(path, text->what, "what was there before is not taken",
			n < 0 ? strerrorname_np(-n) : "short");
	n = get(path, now);
	if (n != len || memcmp(now, before, len))
		offence(path, text->what, "reads otherwise than before", now);
}

static void try(const char *path, const struct kind *kind,
		const struct text *text, const char *bytes)
{
	char before[PAGE + 1], after[PAGE + 1];
	ssize_t len = get(path, before), n;
	size_t most = text->len < PAGE ? text->len : PAGE;

	n = put(path, bytes, text->len);
	if (n >= 0) {
		taken++;
		if ((size_t)n < most || (size_t)n > text->len)
			offence(path, text->what, "a short write", "");
		if (!text->doubtful && !kind->any && !kind->undo)
			offence(path, text->what, "taken", "");
		restore(path, kind, before, len, text);
		return;
	}
	refused++;
	if (!admitted(kind, -n))
		offence(path, text->what, "an odd errno", strerrorname_np(-n));
	n = get(path, after);
	if (!kind->counts && (n != len || (len > 0 && memcmp(before, after, len))))
		offence(path, text->what, "refused, and changed it", after);
}

static char *make(const struct text *text)
{
	char *bytes = malloc(text->len + 1);
	size_t i;

	for (i = 0; i < text->len; i++)
		bytes[i] = text->unit[i % text->unit_len];
	return bytes;
}

/* Random bytes with a NUL among them may be an empty text, or a number */
static void try_random(const char *path, const struct kind *kind)
{
	static const char likely[] = "0123456789abcdefx+-,\n \xff";
	struct text text = { "random", .doubtful = true };
	char bytes[PAGE];
	unsigned int i, n;

	for (n = 0; n < RANDOM_TEXTS / step; n++) {
		text.len = 1 + rnd() % (n % 4 ? 16 : PAGE);
		for (i = 0; i < text.len; i++)
			bytes[i] = n % 2 ? rnd() >> 8 :
				   likely[(rnd() >> 8) % (sizeof(likely) - 1)];
		try(path, kind, &text, bytes);
	}
}

static void try_all(const char *path)
{
	const struct kind *kind = kind_of(path);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		char *bytes;

		if ((kind->any && i % 16) || ++turn % step)
			continue;
		bytes = make(&texts[i]);
		try(path, kind, &texts[i], bytes);
		free(bytes);
	}
	if (!kind->any)
		try_random(path, kind);
}

/* Read in one piece and byte by byte it is the same */
static void read_both(const char *path)
{
	char whole[PAGE + 1], bytewise[PAGE + 1];
	ssize_t n = get(path, whole), m;

	memset(bytewise, 0, sizeof(bytewise));
	m = get_by(path, bytewise, PAGE, 1);
	if (n == PAGE)
		offence(path, "read", "fills a page", "");
	if (!kind_of(path)->counts && (n != m || (n > 0 && memcmp(whole, bytewise, n))))
		offence(path, "read", "byte by byte is something else", bytewise);
}

static int found(const char *path, const struct stat *st, int type,
		 struct FTW *unused)
{
	(void)unused;
	if (type != FTW_F || !S_ISREG(st->st_mode) || !(st->st_mode & 0666))
		return 0;
	if (nr_names == MAX_ATTRS || strlen(path) >= MAX_NAME) {
		fprintf(stderr, "ap_sysfs: too many attributes, or too long a name\n");
		exit(2);
	}
	names[nr_names++] = strdup(path);
	return 0;
}

static bool writable(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_mode & 0222;
}

static bool readable(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_mode & 0444;
}

int main(int argc, char **argv)
{
	unsigned int i, nr_written = 0;
	int arg;

	if (argc < 4 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: %s SEED STEP DIRECTORY...\n", argv[0]);
		return 2;
	}
	state = strtoull(argv[1], NULL, 0) | 1;
	step = atoi(argv[2]);
	turn = rnd() % step;
	for (arg = 3; arg < argc; arg++)
		if (nftw(argv[arg], found, 16, FTW_PHYS)) {
			fprintf(stderr, "ap_sysfs: %s: %s\n", argv[arg],
				strerror(errno));
			return 2;
		}
	for (i = 0; i < nr_names; i++) {
		if (readable(names[i]))
			read_both(names[i]);
		if (!writable(names[i]))
			continue;
		try_all(names[i]);
		nr_written++;
		/* the others, too, while this one may be odd */
		if (readable(names[rnd() % nr_names]))
			read_both(names[rnd() % nr_names]);
	}
	for (i = 0; i < nr_names; i++)
		if (readable(names[i]))
			read_both(names[i]);
	printf("attributes %u written %u writes %lu taken %lu refused %lu reads %lu offences %lu\n",
	       nr_names, nr_written, nr_writes, taken, refused, reads, offences);
	return offences ? 1 : 0;
}
