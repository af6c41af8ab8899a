// SPDX-License-Identifier: GPL-2.0
/*
 * ap_matrix: every AP instruction, with every odd answer, in every state of a
 * queue in which it is issued; once, ten times, and for ever.
 *
 *	ap_matrix QUEUES [STRIDE [HOLD_MS [SLACK_MS [GLOB]]]]
 *	ap_matrix groups GLOB
 *
 * Queues 00.0000, 00.0001 … of apsim, each with a device node of its own, are
 * worked by one thread each, so that what has to be waited for overlaps. A cell
 * brings its queue to the state, has the simulator give the answer, and sees what
 * the program got and when, and how the queue came back. The rules that it is
 * judged by are rules[] and judge(); they are told in
 * Documentation/arch/s390/zcrypt-faults.rst. A cell that is not as it must be is tried
 * again with few others at the same time: the machine may have been busy.
 *
 * Prints a line for each cell, each time it was tried, and a KTAP test for each
 * group of them. STRIDE takes every STRIDE-th cell only. HOLD_MS is how long "for
 * ever" lasts at most (default 12000, but for replies, where it lasts until the
 * program has its error). SLACK_MS is added to each bound (default 0). GLOB takes
 * only groups like it; "groups" says how many these are.
 *
 * The queue depth must be 2.
 */
#define _GNU_SOURCE
#include <asm/zcrypt.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ap_clock.h"

#define AP		"/sys/bus/ap"
#define DRIVER		AP "/drivers/cex4queue"
#define CLASS		"/sys/class/zcrypt"
#define SIM		"/sys/kernel/debug/apsim"
#define MAX_QUEUES	60
#define MAX_REQS	3
#define RULES_SIZE	16384
#define TRIES		3	/* in which the answer was met */
#define LOOKS		10	/* in which it was not, or we stood still: no word on the bus */
#define FEW		3
#define BEAT_MS		20	/* a nap that takes LATE_MS instead: we stood still */
#define LATE_MS		200
#define MOD		128
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Bounds in ms, see rules[] */
#define ONE_S		1000
#define PROGRAM_MS	50000	/* two waits of 9 s, and 30 s in between */
#define WRITE_MS	2000	/* remove_timeout is 1000 here, and a second */
#define STORM_PER_S	1500	/* instructions of one queue */
#define STORM_MIN	300

static unsigned int nr_queues, stride = 1, hold_ms = 12000, slack_ms;
static const char *only = "*";

/* --- what is to be tried -------------------------------------------------- */

enum how {
	SEND,			/* a request to an idle queue */
	SEND_SECOND,		/* one more, the first is at the card */
	SEND_THIRD,		/* two fill the queue, the third has to wait */
	SEND_FULL,		/* two fill the queue, then their replies come */
	RESET,			/* attribute reset, then a request */
	RESET_WORKING,		/* the same with a request at the card */
	RESET_IRQ,		/* the same, the answer comes when AQIC was issued */
	BIND,
	UNBIND,
	UNBIND_WORKING,
	UNBIND_BUSY,		/* ZAPQ is not accepted at first */
	SCAN,
};

static const struct place {
	const char *insn, *state;
	enum how how;
	int pass;		/* those of one pass run at the same time */
} places[] = {
	{ "REPLY", "WORKING", SEND, 0 },
	{ "NQAP", "IDLE", SEND, 0 },
	{ "NQAP", "WORKING", SEND_SECOND, 0 },
	{ "NQAP", "WORKING/QUEUE_FULL", SEND_THIRD, 0 },
	{ "DQAP", "WORKING", SEND, 0 },
	{ "DQAP", "QUEUE_FULL", SEND_FULL, 0 },
	{ "RAPQ", "RESET_START", RESET, 0 },
	{ "RAPQ", "RESET_START/WORKING", RESET_WORKING, 0 },
	{ "RAPQ", "BOUND", BIND, 0 },
	{ "AQIC", "IDLE", RESET, 0 },
	{ "AQIC", "BOUND", BIND, 0 },
	{ "ZAPQ", "ZERO_START", UNBIND, 0 },
	{ "ZAPQ", "ZERO_START/WORKING", UNBIND_WORKING, 0 },
	/* a scan, which others may cause, issues TAPQ too */
	{ "TAPQ", "RESET_WAIT", RESET, 1 },
	{ "TAPQ", "RESET_WAIT/BOUND", BIND, 1 },
	{ "TAPQ", "ZERO_WAIT", UNBIND, 1 },
	{ "TAPQ", "ZERO_BUSY", UNBIND_BUSY, 1 },
	{ "TAPQ", "SETIRQ_WAIT", RESET_IRQ, 2 },
	{ "TAPQ", "scan", SCAN, 3 },
};

#define PASSES 4

/* Those of asm/ap.h and ap_bus.h, and eight that nobody has defined */
static const unsigned char codes[] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
	0x10, 0x11, 0x13, 0x15, 0x16, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36,
	0x42, 0x0c, 0x12, 0x14, 0x1f, 0x77, 0x80, 0xfe, 0xff,
};

static const char *const replies[] = {
	"hold",			/* the first, see add_group() */
	"swallow", "stale", "foreign", "lost-irq", "spurious-irq",
	/* DQAP has it in parts, each smaller than the buffer; the last two for ever */
	"parts=02", "parts=10", "endless", "stuck",
};

enum often { ONCE, TEN, EVER, COUNTS };

static const char *const count_name[] = { "once", "ten times", "for ever" };
static const char *const count_rule[] = { "1", "10", "inf" };

struct cell {
	const struct place *place;
	enum often count;
	char what[16];		/* as in do= */
	int code;		/* -1 where it is none */
	bool async;
	/* what was seen */
	unsigned int nr_got, met, missed;	/* the latter two: tries so far */
	int got[MAX_REQS];
	long got_ms[MAX_REQS];
	int again[2];		/* further requests: answered, and not */
	char queue[8], write[16], clean[48], state[40];
	const char *back;
	long write_ms, back_ms, held_ms, insns;
	unsigned long hits;
	bool unclean, polled, lost;	/* lost: a scan had taken it to be away */
	char wrong[160];
	unsigned int faults, late;	/* how many in it; of these, of time only */
};

static struct cell *cells;
static unsigned int nr_cells;
static atomic_uint next_cell[PASSES];

/* --- small things ----------------------------------------------------------- */

static void die(const char *what)
{
	printf("Bail out! ap_matrix: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void nap(unsigned int ms)
{
	usleep(ms * 1000);
}

/* 0 or the errno */
static int put(const char *path, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	int fd, len, rc = 0;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, text, len) != len)
		rc = errno ?: EIO;
	close(fd);
	return rc;
}

/* What a file says, without the end of its line; "" if it is not there */
static size_t get(const char *path, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		while (len < size - 1 &&
		       (n = read(fd, text + len, size - 1 - len)) > 0)
			len += n;
		close(fd);
	}
	while (len && text[len - 1] == '\n')
		len--;
	text[len] = 0;
	return len;
}

/* --- requests ----------------------------------------------------------------- */

struct req {
	pthread_t thread;
	int fd, error;
	long ms;
	atomic_bool done;
};

/* To the power of one: the result is the message. -1: it is wrong */
static void *request(void *arg)
{
	unsigned char in[MOD], out[MOD] = {}, one[MOD] = {}, mod[MOD];
	struct ica_rsa_modexpo me = {
		.inputdata = in, .inputdatalength = MOD,
		.outputdata = out, .outputdatalength = MOD,
		.b_key = one, .n_modulus = mod,
	};
	struct req *req = arg;
	long begin = now_ms();
	int i;

	for (i = 0; i < MOD; i++)
		in[i] = i;
	one[MOD - 1] = 1;
	memset(mod, 0xff, MOD);
	req->error = 0;
	if (ioctl(req->fd, ICARSAMODEXPO, &me))
		req->error = errno;
	else if (memcmp(in, out, MOD))
		req->error = -1;
	req->ms = now_ms() - begin;
	atomic_store(&req->done, true);
	return NULL;
}

static const char *errno_name(int error)
{
	return error < 0 ? "WRONG" : error ? strerrorname_np(error) : "OK";
}

/* --- a queue -------------------------------------------------------------------- */

struct queue {
	pthread_t thread;
	char name[16], states[64], driver[64], reset[64], clean[64], sim[64];
	char counters[64], node[32];
	int fd, pass;
	bool ever;
	struct req req[MAX_REQS];
	unsigned int nr_reqs;
};

static void send_req(struct queue *q)
{
	struct req *req = &q->req[q->nr_reqs++];

	req->fd = q->fd;
	atomic_store(&req->done, false);
	if (pthread_create(&req->thread, NULL, request, req))
		die("no thread");
}

static bool reqs_done(struct queue *q)
{
	unsigned int i;

	for (i = 0; i < q->nr_reqs; i++)
		if (!atomic_load(&q->req[i].done))
			return false;
	return true;
}

static bool is_state(struct queue *q, const char *state)
{
	char text[64];

	get(q->states, text, sizeof(text));
	return !strcmp(text, state);
}

static bool has_driver(struct queue *q)
{
	return !access(q->driver, F_OK);
}

static bool is_idle(struct queue *q)
{
	return is_state(q, "OPERATING [IDLE]") && has_driver(q);
}

static long sim_number(struct queue *q, const char *key)
{
	char text[256], *at;

	get(q->sim, text, sizeof(text));
	at = strstr(text, key);
	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* All instructions for it so far; the names in capitals are none */
static long insns(struct queue *q)
{
	static const char *const names[] = {
		"TAPQ=", "RAPQ=", "ZAPQ=", "AQIC=", "NQAP=", "DQAP=",
	};
	char text[512], *at;
	unsigned int i;
	long sum = 0;

	get(q->counters, text, sizeof(text));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		at = strcasestr(text, names[i]);
		if (at)
			sum += strtol(at + strlen(names[i]), NULL, 10);
	}
	return sum;
}

/*
 * A new rule can move others to where used ones were, and who reads the list
 * meanwhile may miss them.
 */
static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;

static void list_rules(char *list)
{
	pthread_mutex_lock(&rules_lock);
	get(SIM "/fault", list, RULES_SIZE);
	pthread_mutex_unlock(&rules_lock);
}

static int put_rule(struct queue *q, const char *insn, const char *what,
		    const char *count)
{
	int rc;

	pthread_mutex_lock(&rules_lock);
	rc = put(SIM "/fault", "add apqn=%s insn=%s do=%s count=%s", q->name, insn,
		 what, count);
	pthread_mutex_unlock(&rules_lock);
	return rc;
}

/* Adds a rule for the queue; returns its number */
static unsigned long add_rule(struct queue *q, const char *insn, const char *what,
			      const char *count)
{
	char *list = malloc(RULES_SIZE), *line, *rest, key[64];
	unsigned long id = 0, found;
	int rc;

	while ((rc = put_rule(q, insn, what, count)) == ENOSPC)
		nap(10);
	if (rc) {
		errno = rc;
		die("apsim does not take a rule");
	}
	snprintf(key, sizeof(key), "apqn=%s insn=%s", q->name, insn);
	list_rules(list);
	for (line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		found = strtoul(line, NULL, 10);
		if (strstr(line, key) && found > id)
			id = found;
	}
	free(list);
	return id;
}

/* How often a rule has hit, and whether that is over */
static unsigned long rule_hits(unsigned long id, enum often count, bool *over)
{
	char *list = malloc(RULES_SIZE), *line, *rest, *at;
	unsigned long hits = count == ONCE ? 1 : 10;

	*over = true;
	list_rules(list);
	for (line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strtoul(line, NULL, 10) != id)
			continue;
		at = strstr(line, "hits=");
		hits = at ? strtoul(at + 5, NULL, 10) : 0;
		*over = strstr(line, "left=0");
	}
	free(list);
	return hits;
}

static void del_rule(unsigned long id)
{
	put(SIM "/fault", "del %lu", id);
}

static void bring_back(struct queue *q)
{
	put(SIM "/release", "%s", q->name);
	if (!has_driver(q))
		put(DRIVER "/bind", "%s", q->name);
	put(q->reset, "1");
	put(AP "/scans", "1");
}

static bool wait_idle(struct queue *q, long ms)
{
	long end = now_ms() + ms;

	while (!is_idle(q)) {
		if (now_ms() > end)
			return false;
		nap(20);
	}
	return true;
}

static void make_ready(struct queue *q)
{
	int i;

	q->nr_reqs = 0;
	for (i = 0; i < 20 && !wait_idle(q, 2000); i++)
		bring_back(q);
}

/* --- a cell ------------------------------------------------------------------ */

/* Waits until the card has that many of its requests */
static void wait_entries(struct queue *q, long n)
{
	long end = now_ms() + 5000;

	while (sim_number(q, "entries=") < n && now_ms() < end)
		nap(2);
}

static void note_write(struct cell *c, int rc, long begin)
{
	snprintf(c->write, sizeof(c->write), "%s", errno_name(rc));
	c->write_ms = now_ms() - begin;
}

static void take_driver(struct queue *q, struct cell *c)
{
	long begin = now_ms();
	int rc = put(DRIVER "/unbind", "%s", q->name);

	note_write(c, rc, begin);
	get(q->clean, c->clean, sizeof(c->clean));
}

/*
 * R5: who has the queue after a cleaning has a clean one. Nobody but this cell
 * sends requests to it.
 */
static void look_if_clean(struct queue *q, struct cell *c)
{
	if (has_driver(q) && (sim_number(q, "used=") || sim_number(q, "entries=")))
		c->unclean = true;
}

/* What lasts until it is taken away */
static bool lasts(const struct cell *c)
{
	return c->count == EVER || !strcmp(c->what, "hang");
}

/*
 * What a cell promises. A single odd answer: programs get their answer, and the
 * queue works again by itself within a second. Several: programs get their answer
 * or an error that tells of no queue. For ever: the same, and the queue comes back
 * by itself when the fault is over, in time that fits how long it was there.
 */
static const struct rule {
	bool errors;		/* programs may be told that there is no queue */
	long back_ms;		/* time until it works again */
	int held;		/* plus the time that the fault lasted, so often */
} rules[COUNTS] = {
	[ONCE] = { false, ONE_S, 0 },
	[TEN] = { true, ONE_S * 3, 1 },
	[EVER] = { true, ONE_S * 2, 1 },
};

/* A reply that is missing is noticed in time, not at once */
static long noticed_ms(const struct cell *c)
{
	if (!strcmp(c->what, "hold") || !strcmp(c->what, "stale") ||
	    !strcmp(c->what, "foreign"))
		return 10000;
	return 0;
}

/*
 * TAPQ says time and again that there is no such queue, or that it is away: a scan
 * has found that, and it takes one to find the contrary.  When that is depends on
 * what else is wrong on the bus, and on the other cells.
 */
static bool is_away(const struct cell *c)
{
	static const unsigned char away[] = { 0x01, 0x03, 0x04, 0x09, 0x42 };

	return !strcmp(c->place->insn, "TAPQ") && c->count != ONCE && !c->async &&
	       memchr(away, c->code, sizeof(away));
}

static long back_most_ms(const struct cell *c)
{
	const struct rule *r = &rules[lasts(c) ? EVER : c->count];

	return r->back_ms + r->held * c->held_ms + slack_ms + noticed_ms(c);
}

/* Brings the queue to the state, and the answer about; returns the rule */
static unsigned long provoke(struct queue *q, struct cell *c)
{
	const struct place *p = c->place;
	const char *count = count_rule[c->count];
	unsigned long id, hold = 0;
	bool over;
	long end;

	switch (p->how) {
	case SEND_THIRD:
	case SEND_FULL:
		hold = add_rule(q, "REPLY", "hold", "2");
		send_req(q);
		send_req(q);
		wait_entries(q, 2);
		if (p->how == SEND_THIRD) {
			send_req(q);
			nap(20);
		}
		break;
	case SEND_SECOND:
	case RESET_WORKING:
	case UNBIND_WORKING:
		hold = add_rule(q, "REPLY", "hold", "1");
		send_req(q);
		wait_entries(q, 1);
		/* until the reply is the one that waits */
		end = now_ms() + 1000;
		while (rule_hits(hold, ONCE, &over) < 1 && now_ms() < end)
			nap(2);
		break;
	case BIND:
		put(DRIVER "/unbind", "%s", q->name);
		break;
	case UNBIND_BUSY:
		add_rule(q, "ZAPQ", "rc=05", "1");
		break;
	case RESET_IRQ:
		put(q->reset, "1");
		end = now_ms() + 500;
		while (!is_state(q, "OPERATING [SETIRQ_WAIT]") && now_ms() < end)
			nap(1);
		break;
	default:
		break;
	}
	id = add_rule(q, p->insn, c->what, count);

	switch (p->how) {
	case SEND:
	case SEND_SECOND:
	case RESET_IRQ:
		send_req(q);
		break;
	case RESET:
		put(q->reset, "1");
		send_req(q);
		break;
	case RESET_WORKING:
		put(q->reset, "1");
		break;
	case BIND:
		note_write(c, put(DRIVER "/bind", "%s", q->name), now_ms());
		send_req(q);
		break;
	case UNBIND:
	case UNBIND_WORKING:
	case UNBIND_BUSY:
		take_driver(q, c);
		/* what comes to it after that is not left behind */
		end = now_ms() + 5000;
		while (!reqs_done(q) && now_ms() < end)
			nap(10);
		/* with the fault still there, if it is for long */
		put(DRIVER "/bind", "%s", q->name);
		look_if_clean(q, c);
		break;
	case SCAN:
		put(AP "/scans", "1");
		break;
	case SEND_THIRD:
	case SEND_FULL:
		break;
	}
	if (hold) {
		if (p->how == SEND_SECOND)
			nap(5);
		put(SIM "/release", "%s", q->name);
		del_rule(hold);
	}
	return id;
}

/* The state that is worth telling: what it was before it was all right again */
static void note_state(struct queue *q, struct cell *c)
{
	char text[64];

	get(q->states, text, sizeof(text));
	if (!c->state[0] || strcmp(text, "OPERATING [IDLE]"))
		snprintf(c->state, sizeof(c->state), "%.39s", text[0] ? text : "gone");
}

/* One more request, for which the program waits; its errno */
static int send_and_wait(struct queue *q)
{
	struct req req = { .fd = q->fd };

	request(&req);
	return req.error;
}

/* Has a fault that comes several times come that often, by more requests */
static void use_up(struct queue *q, struct cell *c, unsigned long id)
{
	bool over = false;
	int i;

	if (c->count != TEN || c->place->how > SEND_FULL)
		return;
	for (i = 0; i < 12; i++) {
		rule_hits(id, c->count, &over);
		if (over)
			break;
		c->again[!!send_and_wait(q)]++;
		note_state(q, c);
	}
}

/* While the fault is there: until it is used up, or the programs have an answer */
static void endure(struct queue *q, struct cell *c, unsigned long id, long begin)
{
	bool reply = !strcmp(c->place->insn, "REPLY"), over = false;
	long most = begin + (lasts(c) && !reply ? hold_ms : PROGRAM_MS * 2);
	long least = begin + (lasts(c) ? 600 : 0);

	for (;;) {
		note_state(q, c);
		if (now_ms() > most)
			break;
		if (reqs_done(q) && now_ms() >= least && lasts(c))
			break;
		if (!lasts(c) && reqs_done(q) && is_idle(q))
			break;
		/* nobody waits: it may be over without that */
		if (!lasts(c) && reqs_done(q) && now_ms() > begin + 3000) {
			rule_hits(id, c->count, &over);
			if (over)
				break;
			/* only scans ask for a queue that is gone, twice a minute */
			if (is_away(c) && access(q->states, F_OK))
				put(AP "/scans", "1");
		}
		nap(lasts(c) ? 50 : 20);
	}
	use_up(q, c, id);
}

static bool attr_is(struct queue *q, const char *attr, const char *value)
{
	char path[80], text[8];

	snprintf(path, sizeof(path), AP "/devices/%s/%s", q->name, attr);
	get(path, text, sizeof(text));
	return !strcmp(text, value);
}

/* What a scan has made of a queue that is away */
static bool is_lost(struct queue *q)
{
	return access(q->states, F_OK) || attr_is(q, "config", "0") ||
	       attr_is(q, "chkstop", "1");
}

/* One that is lost waits for a scan, and no longer than others for themselves */
static bool wait_back(struct queue *q, struct cell *c)
{
	long begin = now_ms();
	long most = begin + 5000 + slack_ms + 2 * c->held_ms;

	while (!is_idle(q)) {
		c->lost |= is_away(c) && is_lost(q);
		if (now_ms() > (c->lost ? begin + back_most_ms(c) : most))
			return false;
		nap(20);
	}
	return true;
}

static void come_back(struct queue *q, struct cell *c, long begin)
{
	long end;

	c->back = "itself";
	if (!wait_back(q, c)) {
		c->back = "scan";
		put(AP "/scans", "1");
		if (!wait_idle(q, 3000)) {
			c->back = "bind";
			put(DRIVER "/unbind", "%s", q->name);
			put(DRIVER "/bind", "%s", q->name);
			if (!wait_idle(q, 5000))
				c->back = "never";
		}
	}
	c->back_ms = now_ms() - begin;
	if (c->place->how >= UNBIND && c->place->how <= UNBIND_BUSY)
		look_if_clean(q, c);
	/* interrupts come back with the work */
	end = now_ms() + ONE_S + slack_ms + 2 * c->held_ms;
	while (sim_number(q, "irq=") != 1 && now_ms() < end) {
		send_and_wait(q);
		nap(50);
	}
	c->polled = sim_number(q, "irq=") != 1;
}

static void collect(struct queue *q, struct cell *c)
{
	unsigned int i;
	long end = now_ms() + PROGRAM_MS + slack_ms;

	while (!reqs_done(q) && now_ms() < end)
		nap(20);
	c->nr_got = q->nr_reqs;
	for (i = 0; i < q->nr_reqs; i++) {
		if (!atomic_load(&q->req[i].done)) {
			/* nothing ends it; its thread is left, and so is the cell */
			c->got[i] = ETIME;
			c->got_ms[i] = PROGRAM_MS;
			continue;
		}
		pthread_join(q->req[i].thread, NULL);
		c->got[i] = q->req[i].error;
		c->got_ms[i] = q->req[i].ms;
	}
}

static void run_once(struct queue *q, struct cell *c)
{
	long begin, before;
	unsigned long id;
	bool over;

	make_ready(q);
	before = insns(q);
	begin = now_ms();
	id = provoke(q, c);
	if (!lasts(c) && (c->place->how >= UNBIND || c->place->how == BIND))
		begin = now_ms();	/* the write has its own bound */
	endure(q, c, id, begin);
	c->held_ms = now_ms() - begin;
	c->insns = insns(q) - before;
	c->hits = rule_hits(id, c->count, &over);
	if (c->count != ONCE || lasts(c))
		begin = now_ms();
	del_rule(id);
	put(SIM "/release", "%s", q->name);
	come_back(q, c, begin);
	collect(q, c);
	c->again[!!send_and_wait(q)]++;
}

/* --- rules ----------------------------------------------------------------------- */

/* A code by which NQAP refuses the message itself: EINVAL is right */
static bool refuses_message(const struct cell *c)
{
	return !strcmp(c->place->insn, "NQAP") && !c->async &&
	       (c->code == 0x15 || c->code == 0x16 || c->code == 0x42);
}

static bool may_get(const struct cell *c, int error)
{
	if (!error || (error == EINVAL && refuses_message(c)))
		return true;
	/* the only queue was taken away */
	if (error == ENODEV && c->place->how == UNBIND_WORKING)
		return true;
	return rules[lasts(c) ? EVER : c->count].errors && (error == ENODEV || error == EIO);
}

static void wrong(struct cell *c, const char *text)
{
	size_t len = strlen(c->wrong);

	c->faults++;
	snprintf(c->wrong + len, sizeof(c->wrong) - len, "%s%s", len ? ", " : "", text);
}

static void late(struct cell *c, const char *text)
{
	c->late++;
	wrong(c, text);
}

/*
 * While a reset runs TAPQ says that it is over. That is no odd answer, it is a
 * wrong one, and all that anybody can know; and until the reset is over nobody can
 * use the queue, which answers 02.
 */
static bool is_lie(const struct cell *c)
{
	return !strcmp(c->place->insn, "TAPQ") && !c->code;
}

static void judge(struct cell *c)
{
	unsigned int i;

	c->wrong[0] = 0;
	if (!c->hits)
		wrong(c, "not met");
	for (i = 0; i < c->nr_got; i++) {
		if (!may_get(c, c->got[i]))
			wrong(c, "program's error");
		if (c->got_ms[i] > PROGRAM_MS + slack_ms)
			late(c, "program's time");
	}
	if (c->count == ONCE && c->again[1])
		wrong(c, "next request");
	if (c->write[0] && strcmp(c->write, "OK"))
		wrong(c, "write");
	if (c->write_ms > WRITE_MS + slack_ms)
		late(c, "write's time");
	if (strcmp(c->back, "itself") && !(is_away(c) && !strcmp(c->back, "scan")))
		wrong(c, "does not come back by itself");
	else if (!strcmp(c->back, "itself") && !c->lost && c->back_ms > back_most_ms(c))
		late(c, "comes back late");
	if (c->insns > STORM_MIN && c->insns * 1000 / (c->held_ms + 1) > STORM_PER_S)
		wrong(c, "storm");
	if (c->unclean && !is_lie(c))
		wrong(c, "HANDED ON UNCLEAN");
	if (c->polled)
		wrong(c, "no interrupts");
}

static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

static void print_cell(const struct cell *c)
{
	unsigned int i;

	pthread_mutex_lock(&print_lock);
	printf("cell: %s\t%s\t%s\t%s\t", c->place->insn, c->place->state, c->what,
	       count_name[c->count]);
	for (i = 0; i < c->nr_got; i++)
		printf("%s%s %ld", i ? ", " : "", errno_name(c->got[i]), c->got_ms[i]);
	if (!c->nr_got)
		printf("-");
	printf("\t%d/%d\t%s %ld%s%s\t%s\t%s %ld\t%lu\t%ld/%ld\t%u\t%s\t%s\n", c->again[0],
	       c->again[0] + c->again[1], c->write[0] ? c->write : "-", c->write_ms,
	       c->clean[0] ? ", " : "", c->clean, c->state, c->back, c->back_ms, c->hits,
	       c->insns, c->held_ms, c->met + c->missed, c->queue, c->wrong[0] ? c->wrong : "well");
	fflush(stdout);
	pthread_mutex_unlock(&print_lock);
}

static atomic_uint stood_still;

/* Notes when the machine under the guest, or its CPUs, did nothing for a while */
static void *heartbeat(void *unused)
{
	for (;;) {
		long begin = now_ms();

		nap(BEAT_MS);
		if (now_ms() - begin > LATE_MS)
			atomic_fetch_add(&stood_still, 1);
	}
	return unused;
}

/*
 * Late, nothing else, and all stood still meanwhile: that says as little as an answer
 * that was not met. The heartbeat may be behind by one beat.
 */
static bool is_excused(const struct cell *c, unsigned int before)
{
	if (!c->faults || c->faults != c->late)
		return false;
	nap(2 * BEAT_MS);
	return atomic_load(&stood_still) != before;
}

static void run_cell(struct queue *q, struct cell *c)
{
	unsigned int before = atomic_load(&stood_still);
	struct cell fresh = {
		.place = c->place, .count = c->count, .code = c->code,
		.async = c->async, .met = c->met, .missed = c->missed,
	};

	memcpy(fresh.what, c->what, sizeof(fresh.what));
	*c = fresh;
	snprintf(c->queue, sizeof(c->queue), "%.7s", q->name);
	run_once(q, c);
	judge(c);
	if (c->hits && !is_excused(c, before))
		c->met++;
	else
		c->missed++;
	print_cell(c);
}

static bool is_due(const struct cell *c)
{
	if (!c->met && !c->missed)
		return true;
	return c->wrong[0] && c->met < TRIES && c->missed < LOOKS;
}

static void *worker(void *arg)
{
	struct queue *q = arg;
	unsigned int i;

	while ((i = atomic_fetch_add(&next_cell[q->pass], 1)) < nr_cells)
		if (cells[i].place->pass == q->pass && lasts(&cells[i]) == q->ever &&
		    is_due(&cells[i]))
			run_cell(q, &cells[i]);
	return NULL;
}

/* --- all of it ---------------------------------------------------------------------- */

static void add_cell(const struct place *p, enum often count, int code, bool async,
		     const char *what)
{
	static unsigned int nr;
	struct cell *c;

	if (nr++ % stride)
		return;
	cells = realloc(cells, (nr_cells + 1) * sizeof(*cells));
	if (!cells)
		die("memory");
	c = &cells[nr_cells++];
	memset(c, 0, sizeof(*c));
	c->place = p;
	c->count = count;
	c->code = code;
	c->async = async;
	if (what)
		snprintf(c->what, sizeof(c->what), "%s", what);
	else
		snprintf(c->what, sizeof(c->what), "rc=%02x%s", code,
			 async ? "+async" : "");
}

static void group_name(const struct place *p, enum often count, char *name, size_t size)
{
	snprintf(name, size, "%s in %s %s", p->insn, p->state, count_name[count]);
}

static bool asked_for(const struct place *p, enum often count)
{
	char name[80];

	group_name(p, count, name, sizeof(name));
	return !fnmatch(only, name, 0);
}

static unsigned int nr_groups(void)
{
	unsigned int p, count, nr = 0;

	for (p = 0; p < ARRAY_SIZE(places); p++)
		for (count = 0; count < COUNTS; count++)
			nr += asked_for(&places[p], count);
	return nr;
}

static void add_group(const struct place *p, enum often count)
{
	unsigned int i;

	if (!asked_for(p, count))
		return;
	if (!strcmp(p->insn, "REPLY")) {
		/* ten times nine seconds would show what "for ever" shows */
		for (i = count == TEN; i < ARRAY_SIZE(replies); i++)
			add_cell(p, count, -1, false, replies[i]);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		add_cell(p, count, codes[i], false, NULL);
	/* with 00 no error is pending, and the simulator has no such answer */
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i])
			add_cell(p, count, codes[i], true, NULL);
	if (!strcmp(p->insn, "RAPQ") || !strcmp(p->insn, "ZAPQ"))
		add_cell(p, count, -1, false, "hang");
	/* condition code 2 and no progress: NQAP is to be issued again */
	if (!strcmp(p->insn, "NQAP"))
		add_cell(p, count, -1, false, "stuck");
}

static void set_up(struct queue *q, unsigned int domain)
{
	char path[64], node[16];
	int i, rc;

	snprintf(q->name, sizeof(q->name), "00.%04x", domain);
	snprintf(q->states, sizeof(q->states), AP "/devices/%s/states", q->name);
	snprintf(q->driver, sizeof(q->driver), AP "/devices/%s/driver", q->name);
	snprintf(q->reset, sizeof(q->reset), AP "/devices/%s/reset", q->name);
	snprintf(q->clean, sizeof(q->clean), AP "/devices/%s/clean", q->name);
	snprintf(q->sim, sizeof(q->sim), SIM "/card00/%04x/state", domain);
	snprintf(q->counters, sizeof(q->counters), SIM "/card00/%04x/counters", domain);
	snprintf(node, sizeof(node), "matrix%u", domain);
	snprintf(q->node, sizeof(q->node), "/dev/%s", node);

	rc = put(CLASS "/create", "%s", node);
	snprintf(path, sizeof(path), CLASS "/%s/ioctlmask", node);
	rc = rc ?: put(path, "+0-255");
	snprintf(path, sizeof(path), CLASS "/%s/apmask", node);
	rc = rc ?: put(path, "+0");
	snprintf(path, sizeof(path), CLASS "/%s/aqmask", node);
	rc = rc ?: put(path, "+%u", domain);
	errno = rc;
	if (rc)
		die("no device node");
	for (i = 0; i < 500; i++) {
		q->fd = open(q->node, O_RDWR | O_CLOEXEC);
		if (q->fd >= 0)
			return;
		nap(10);
	}
	die(q->node);
}

/*
 * What lasts is waited for, by many at a time; the rest is work, and with more at
 * a time than can be done the queues would only seem to be late.
 */
static void run_pass(struct queue *queues, int pass, bool ever, int tries)
{
	unsigned int i, nr = tries ? FEW : ever ? nr_queues : (nr_queues + 1) / 2;

	if (nr > nr_queues)
		nr = nr_queues;
	atomic_store(&next_cell[pass], 0);
	/* long enough to find the state by looking */
	put(SIM "/irq_us", pass == 2 ? "60000" : "0");
	for (i = 0; i < nr; i++) {
		queues[i].pass = pass;
		queues[i].ever = ever;
		if (pthread_create(&queues[i].thread, NULL, worker, &queues[i]))
			die("no thread");
	}
	for (i = 0; i < nr; i++)
		pthread_join(queues[i].thread, NULL);
}

/* Each group is a test; returns how many failed */
static unsigned int report(void)
{
	unsigned int p, count, i, n, bad, failed = 0, nr = 0, all_bad = 0;
	char name[80];

	for (p = 0; p < ARRAY_SIZE(places); p++) {
		for (count = 0; count < COUNTS; count++) {
			if (!asked_for(&places[p], count))
				continue;
			group_name(&places[p], count, name, sizeof(name));
			n = 0;
			bad = 0;
			for (i = 0; i < nr_cells; i++) {
				if (cells[i].place != &places[p] || cells[i].count != count)
					continue;
				n++;
				if (!cells[i].wrong[0])
					continue;
				bad++;
				printf("# %s, %s, on %s: %s\n", name, cells[i].what,
				       cells[i].queue, cells[i].wrong);
			}
			all_bad += bad;
			failed += !!bad;
			if (n)
				printf("%s %u %s: %u cells, %u not as they must be\n",
				       bad ? "not ok" : "ok", ++nr, name, n, bad);
			else
				printf("ok %u %s # SKIP none of this sample\n", ++nr, name);
		}
	}
	printf("# %u cells, %u not as they must be\n", nr_cells, all_bad);
	return failed;
}

/* How many single answers put a queue out of work for longer than a second */
static void summary(const char *insn)
{
	unsigned int i, n = 0, late = 0;

	for (i = 0; i < nr_cells; i++) {
		struct cell *c = &cells[i];

		if (c->count != ONCE || strcmp(c->place->insn, insn))
			continue;
		n++;
		late += strcmp(c->back, "itself") || c->back_ms > ONE_S;
	}
	if (!n)
		return;
	printf("# %s: %u of %u single answers put the queue out of work for more than 1 s\n",
	       insn, late, n);
}

static unsigned int parse(const char *text)
{
	char *end;
	unsigned long val = strtoul(text, &end, 10);

	if (!*text || *end) {
		fprintf(stderr, "ap_matrix: %s is no number\n", text);
		exit(2);
	}
	return val;
}

int main(int argc, char **argv)
{
	static struct queue queues[MAX_QUEUES];
	unsigned int p, count, i, tries;
	long begin = now_ms();
	pthread_t heart;

	if (argc < 2 || argc > 6) {
		fprintf(stderr, "usage: %s QUEUES [STRIDE [HOLD_MS [SLACK_MS [GLOB]]]]\n",
			argv[0]);
		fprintf(stderr, "       %s groups GLOB\n", argv[0]);
		return 2;
	}
	if (argc == 3 && !strcmp(argv[1], "groups")) {
		only = argv[2];
		printf("%u\n", nr_groups());
		return 0;
	}
	nr_queues = parse(argv[1]);
	stride = argc > 2 ? parse(argv[2]) : stride;
	hold_ms = argc > 3 ? parse(argv[3]) : hold_ms;
	slack_ms = argc > 4 ? parse(argv[4]) : slack_ms;
	only = argc > 5 ? argv[5] : only;
	if (!nr_queues || nr_queues > MAX_QUEUES || !stride) {
		fprintf(stderr, "%s: 1 to %d queues\n", argv[0], MAX_QUEUES);
		return 2;
	}
	/* the longest first */
	for (count = COUNTS; count--;)
		for (p = 0; p < ARRAY_SIZE(places); p++)
			add_group(&places[p], count);
	printf("KTAP version 1\n1..%u\n", nr_groups());
	for (i = 0; i < nr_queues; i++)
		set_up(&queues[i], i);
	if (pthread_create(&heart, NULL, heartbeat, NULL))
		die("no thread");
	for (p = 0; p < PASSES; p++)
		for (tries = 0; tries < TRIES + LOOKS - 1; tries++) {
			run_pass(queues, p, true, tries);
			run_pass(queues, p, false, tries);
			printf("# pass %u.%u over after %ld s\n", p, tries,
			       (now_ms() - begin) / 1000);
		}
	i = report();
	summary("NQAP");
	summary("DQAP");
	printf("# %ld s, stood still %u times\n", (now_ms() - begin) / 1000,
	       atomic_load(&stood_still));
	return !!i;
}
