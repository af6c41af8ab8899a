// SPDX-License-Identifier: GPL-2.0
/*
 * ap_load: RSA load on a zcrypt device node.  Every result is compared with a
 * known answer, every error is counted by its errno, and latency is kept as
 * a distribution, so that a queue that moves away under load shows what the
 * program saw of it.
 *
 * Exit status: 0 all answers right and no error, 1 otherwise, 2 bad usage,
 * 4 (skip) no such device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <asm/zcrypt.h>

#include "ap_clock.h"
#include "ap_keys.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NSEC		1000000000ull
#define CRT_PAD		8	/* bytes before p, dp and u that the ioctl demands */
#define MAX_THREADS	256
#define MAX_ERRNO	160
#define GRACE_SEC	60	/* a request may take this long after the end */
#define SIGNAL_TICKS	5	/* of 20 ms, between two signals */

/* An operation, ready to be handed to the driver. */
struct job {
	unsigned int bits;
	const char *what;
	bool crt;
	size_t len;
	__u8 *in;
	__u8 *answer;
	__u8 *exp;
	__u8 *mod;
	__u8 *p, *q, *dp, *dq, *u;
};

/*
 * Latency: 16 steps per power of two of nanoseconds, that is a resolution of
 * about six per cent over the whole range.
 */
#define STEP_BITS	4
#define STEPS		16	/* 2 ^ STEP_BITS */
#define BUCKETS		(64 * STEPS)

struct worker {
	pthread_t thread;
	unsigned int nr;
	__u64 done;
	__u64 wrong;
	__u64 max_ns;
	__u64 buckets[BUCKETS];
	__u64 errors[MAX_ERRNO];
	__u64 first_error[MAX_ERRNO];
	atomic_bool finished;
};

static struct job jobs[16];
static unsigned int n_jobs;
static struct worker *workers;
static unsigned int n_threads = 1;
static atomic_bool stop;
static atomic_llong tickets = LLONG_MAX;
static __u64 start_ns;
static const char *device = "/dev/z90crypt";
static bool unchecked;
static bool signals;

#define usage_error(fmt, ...) do {						\
	fprintf(stderr, "ap_load: " fmt " (--help shows the options)\n",	\
		##__VA_ARGS__);							\
	exit(2);								\
} while (0)

static void help(void)
{
	puts("usage: ap_load [OPTION]...\n"
	     "  --threads N      1..256, default 1\n"
	     "  --seconds S      run that long, 1..86400, default 5\n"
	     "  --requests N     or end after N requests in all\n"
	     "  --key BITS|mix   1024 2048 3072 4096, default 2048\n"
	     "  --op OP          me-pub me-priv me crt mix, default mix\n"
	     "  --device PATH    default /dev/z90crypt\n"
	     "  --unchecked      do not compare results: of a card that gives none\n"
	     "  --signals        signal the threads in turn, ten times a second; what\n"
	     "                   is interrupted is restarted, and must come right\n"
	     "  --progress       a line per second on standard error\n"
	     "  --ktap           report as KTAP");
	exit(0);
}

/* A copy of a number of @len bytes, @pad zero bytes before it. */
static __u8 *number(const __u8 *from, size_t len, size_t pad)
{
	__u8 *buf = calloc(1, len + pad);

	if (!buf)
		abort();
	memcpy(buf + pad, from, len);
	return buf;
}

static void add_jobs(const struct ap_key *k, const char *op)
{
	bool all = !strcmp(op, "mix");
	bool me = all || !strcmp(op, "me");
	size_t len = k->bits / 8;
	struct job *j;

	if (me || !strcmp(op, "me-pub")) {
		j = &jobs[n_jobs++];
		j->what = "me-pub";
		j->bits = k->bits;
		j->len = len;
		j->in = number(k->clear, len, 0);
		j->answer = number(k->sealed, len, 0);
		j->mod = number(k->n, len, 0);
		j->exp = calloc(1, len);
		if (!j->exp)
			abort();
		j->exp[len - 3] = 1;	/* 65537 */
		j->exp[len - 1] = 1;
	}
	if (me || !strcmp(op, "me-priv")) {
		j = &jobs[n_jobs++];
		j->what = "me-priv";
		j->bits = k->bits;
		j->len = len;
		j->in = number(k->sealed, len, 0);
		j->answer = number(k->clear, len, 0);
		j->mod = number(k->n, len, 0);
		j->exp = number(k->d, len, 0);
	}
	if (all || !strcmp(op, "crt")) {
		j = &jobs[n_jobs++];
		j->what = "crt";
		j->bits = k->bits;
		j->crt = true;
		j->len = len;
		j->in = number(k->sealed, len, 0);
		j->answer = number(k->clear, len, 0);
		j->p = number(k->p, len / 2, CRT_PAD);
		j->q = number(k->q, len / 2, 0);
		j->dp = number(k->dp, len / 2, CRT_PAD);
		j->dq = number(k->dq, len / 2, 0);
		j->u = number(k->u, len / 2, CRT_PAD);
	}
}

static int submit(int fd, const struct job *j, __u8 *out)
{
	struct ica_rsa_modexpo_crt crt = {
		.inputdata = j->in,
		.inputdatalength = j->len,
		.outputdata = out,
		.outputdatalength = j->len,
		.bp_key = j->dp,
		.bq_key = j->dq,
		.np_prime = j->p,
		.nq_prime = j->q,
		.u_mult_inv = j->u,
	};
	struct ica_rsa_modexpo me = {
		.inputdata = j->in,
		.inputdatalength = j->len,
		.outputdata = out,
		.outputdatalength = j->len,
		.b_key = j->exp,
		.n_modulus = j->mod,
	};
	int rc;

	rc = j->crt ? ioctl(fd, ICARSACRT, &crt) : ioctl(fd, ICARSAMODEXPO, &me);
	return rc ? errno : 0;
}

static unsigned int bucket_of(__u64 ns)
{
	unsigned int top;

	if (ns < STEPS)
		return ns;
	top = 63 - __builtin_clzll(ns);
	return (top - STEP_BITS + 1) * STEPS +
	       ((ns >> (top - STEP_BITS)) & (STEPS - 1));
}

/* The upper end of a bucket: a percentile is never reported too good. */
static __u64 bucket_end(unsigned int b)
{
	unsigned int row = b / STEPS, col = b % STEPS;

	if (!row)
		return col;
	return (((__u64)STEPS + col + 1) << (row - 1)) - 1;
}

static void account(struct worker *w, const struct job *j, int err,
		    __u64 begin, __u64 end, const __u8 *out)
{
	__u64 ns = end - begin;

	if (err) {
		if (err < 0 || err >= MAX_ERRNO)
			err = 0;	/* shown as "?" */
		if (!w->errors[err]++)
			w->first_error[err] = end;
		return;
	}
	w->done++;
	w->buckets[bucket_of(ns)]++;
	if (ns > w->max_ns)
		w->max_ns = ns;
	if (!unchecked && memcmp(out, j->answer, j->len)) {
		if (!w->wrong++)
			fprintf(stderr, "ap_load: wrong answer: %s %u, thread %u, at %llu ns\n",
				j->what, j->bits, w->nr, (unsigned long long)end);
	}
}

static void *work(void *arg)
{
	unsigned int turn, tries = 0;
	struct worker *w = arg;
	__u8 out[512];
	int fd;

	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		account(w, NULL, errno, 0, now_ns(), NULL);
		goto out;
	}
	for (turn = w->nr; !atomic_load(&stop); turn++) {
		const struct job *j = &jobs[turn % n_jobs];
		__u64 begin;
		int err;

		if (atomic_fetch_sub(&tickets, 1) <= 0)
			break;
		memset(out, 0xee, j->len);
		begin = now_ns();
		err = submit(fd, j, out);
		account(w, j, err, begin, now_ns(), out);
		/* Where there is no queue at all, do not spin on the error. */
		tries = err ? tries + 1 : 0;
		if (tries > 16)
			usleep(1000);
	}
	close(fd);
out:
	atomic_store(&w->finished, true);
	return NULL;
}

static unsigned long parse_number(const char *name, const char *text,
				  unsigned long min, unsigned long max)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *text == '+' ||
	    val < min || val > max)
		usage_error("--%s takes a number from %lu to %lu, not '%s'",
			    name, min, max, text);
	return val;
}

static unsigned int count_running(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < n_threads; i++)
		n += !atomic_load(&workers[i].finished);
	return n;
}

static void on_signal(int unused)
{
	(void)unused;
}

static void signals_begin(void)
{
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_RESTART,
	};

	if (sigaction(SIGUSR1, &action, NULL))
		abort();
}

/* Any request may be hit, at any point; its thread is not to notice. */
static void signal_next(void)
{
	static unsigned int tick, turn;
	struct worker *w;

	if (!signals || atomic_load(&stop) || ++tick % SIGNAL_TICKS)
		return;
	w = &workers[turn++ % n_threads];
	if (!atomic_load(&w->finished))
		pthread_kill(w->thread, SIGUSR1);
}

/* Wait for the end of all threads, a signal, or @deadline. */
static void wait_until(__u64 deadline, const sigset_t *sigs, bool progress)
{
	__u64 shown = now_ns(), now, last = 0;
	struct timespec tick = { .tv_nsec = 20000000 };

	while (count_running()) {
		now = now_ns();
		if (now >= deadline)
			return;
		if (progress && now - shown >= NSEC) {
			__u64 done = 0;
			unsigned int i;

			for (i = 0; i < n_threads; i++)
				done += workers[i].done;
			fprintf(stderr, "ap_load: %5.1f s, %llu done, %.0f/s\n",
				(now - start_ns) / 1e9,
				(unsigned long long)done,
				(done - last) * 1e9 / (now - shown));
			last = done;
			shown = now;
		}
		signal_next();
		if (sigtimedwait(sigs, NULL, &tick) > 0)
			return;
	}
}

static double percentile(const __u64 *sum, __u64 done, __u64 max,
			 unsigned int per_cent)
{
	__u64 want = (done * per_cent + 99) / 100, seen = 0, end;
	unsigned int b;

	for (b = 0; b < BUCKETS; b++) {
		seen += sum[b];
		if (seen >= want && seen) {
			end = bucket_end(b);
			return (end < max ? end : max) / 1e3;
		}
	}
	return 0;
}

static bool report(const char *prefix, const char *key, const char *op,
		   __u64 end_ns)
{
	static __u64 sum[BUCKETS];
	__u64 done = 0, wrong = 0, errors = 0, max = 0, count, first;
	unsigned int i, b, stuck = count_running();
	double secs = (end_ns - start_ns) / 1e9;
	const char *name;
	int e;

	for (i = 0; i < n_threads; i++) {
		done += workers[i].done;
		wrong += workers[i].wrong;
		if (workers[i].max_ns > max)
			max = workers[i].max_ns;
		for (b = 0; b < BUCKETS; b++)
			sum[b] += workers[i].buckets[b];
		for (e = 0; e < MAX_ERRNO; e++)
			errors += workers[i].errors[e];
	}
	printf("%sthreads %u key %s op %s device %s\n", prefix, n_threads, key,
	       op, device);
	printf("%sdone %llu wrong %llu errors %llu stuck %u\n", prefix,
	       (unsigned long long)done, (unsigned long long)wrong,
	       (unsigned long long)errors, stuck);
	printf("%sseconds %.3f rate %.1f\n", prefix, secs, done / secs);
	printf("%slatency_us p50 %.1f p90 %.1f p99 %.1f max %.1f\n", prefix,
	       percentile(sum, done, max, 50), percentile(sum, done, max, 90),
	       percentile(sum, done, max, 99), max / 1e3);
	for (e = 0; e < MAX_ERRNO; e++) {
		count = 0;
		first = UINT64_MAX;
		for (i = 0; i < n_threads; i++) {
			if (!workers[i].errors[e])
				continue;
			count += workers[i].errors[e];
			if (workers[i].first_error[e] < first)
				first = workers[i].first_error[e];
		}
		if (!count)
			continue;
		name = e ? strerrorname_np(e) : NULL;
		printf("%serror %s %llu first_s %.6f first_ns %llu\n", prefix,
		       name ? name : "?", (unsigned long long)count,
		       (first - start_ns) / 1e9, (unsigned long long)first);
	}
	return !wrong && !errors && !stuck && done;
}

int main(int argc, char **argv)
{
	enum {
		THREADS = 1, SECONDS, REQUESTS, KEY, OP, DEVICE, UNCHECKED, SIGNALS,
		PROGRESS, KTAP, HELP
	};
	static const struct option options[] = {
		{ "threads", required_argument, NULL, THREADS },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "requests", required_argument, NULL, REQUESTS },
		{ "key", required_argument, NULL, KEY },
		{ "op", required_argument, NULL, OP },
		{ "device", required_argument, NULL, DEVICE },
		{ "unchecked", no_argument, NULL, UNCHECKED },
		{ "signals", no_argument, NULL, SIGNALS },
		{ "progress", no_argument, NULL, PROGRESS },
		{ "ktap", no_argument, NULL, KTAP },
		{ "help", no_argument, NULL, HELP },
		{ }
	};
	static const char * const ops[] = { "me-pub", "me-priv", "me", "crt", "mix" };
	unsigned long seconds = 0, requests = 0;
	const char *key = "2048", *op = "mix", *prefix = "";
	bool progress = false, ktap = false, good;
	__u64 end_ns;
	unsigned int i;
	sigset_t sigs;
	int c, fd, err;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case THREADS:
			n_threads = parse_number("threads", optarg, 1, MAX_THREADS);
			break;
		case SECONDS:
			seconds = parse_number("seconds", optarg, 1, 86400);
			break;
		case REQUESTS:
			requests = parse_number("requests", optarg, 1, 1000000000);
			break;
		case KEY:
			key = optarg;
			break;
		case OP:
			op = optarg;
			break;
		case DEVICE:
			device = optarg;
			break;
		case UNCHECKED:
			unchecked = true;
			break;
		case SIGNALS:
			signals = true;
			break;
		case PROGRESS:
			progress = true;
			break;
		case KTAP:
			ktap = true;
			prefix = "# ";
			break;
		case HELP:
			help();
			break;
		case ':':
			usage_error("%s needs a value", argv[optind - 1]);
		default:
			usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		usage_error("unexpected argument '%s'", argv[optind]);
	if (seconds && requests)
		usage_error("--seconds and --requests exclude each other");
	for (i = 0; i < ARRAY_SIZE(ops) && strcmp(op, ops[i]); i++)
		;
	if (i == ARRAY_SIZE(ops))
		usage_error("--op takes me-pub, me-priv, me, crt or mix, not '%s'", op);
	for (i = 0; i < ARRAY_SIZE(ap_keys); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", ap_keys[i].bits);
		if (!strcmp(key, "mix") || !strcmp(key, name))
			add_jobs(&ap_keys[i], op);
	}
	if (!n_jobs)
		usage_error("--key takes 1024, 2048, 3072, 4096 or mix, not '%s'", key);

	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		if (ktap)
			printf("KTAP version 1\n1..1\nok 1 ap_load # SKIP %s: %s\n",
			       device, strerror(err));
		fprintf(stderr, "ap_load: %s: %s\n", device, strerror(err));
		return 4;
	}
	close(fd);

	workers = calloc(n_threads, sizeof(*workers));
	if (!workers) {
		fprintf(stderr, "ap_load: %s\n", strerror(ENOMEM));
		return 1;
	}
	if (requests)
		atomic_store(&tickets, requests);
	else if (!seconds)
		seconds = 5;

	/* Only main() sees signals: no request is broken off by one. */
	sigemptyset(&sigs);
	sigaddset(&sigs, SIGINT);
	sigaddset(&sigs, SIGTERM);
	sigaddset(&sigs, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &sigs, NULL);

	if (signals)
		signals_begin();

	setvbuf(stdout, NULL, _IOLBF, 0);
	start_ns = now_ns();
	for (i = 0; i < n_threads; i++) {
		workers[i].nr = i;
		err = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (err) {
			fprintf(stderr, "ap_load: thread %u: %s\n", i, strerror(err));
			return 1;
		}
	}
	wait_until(seconds ? start_ns + seconds * NSEC : UINT64_MAX, &sigs, progress);
	atomic_store(&stop, true);
	end_ns = now_ns();
	wait_until(end_ns + GRACE_SEC * NSEC, &sigs, false);
	for (i = 0; i < n_threads; i++)
		if (atomic_load(&workers[i].finished))
			pthread_join(workers[i].thread, NULL);
	end_ns = now_ns();

	if (ktap)
		puts("KTAP version 1\n1..1");
	good = report(prefix, key, op, end_ns);
	if (ktap)
		printf("%s 1 ap_load\n", good ? "ok" : "not ok");
	/* A thread that hangs in the kernel must not keep the report back. */
	fflush(NULL);
	_exit(good ? 0 : 1);
}
