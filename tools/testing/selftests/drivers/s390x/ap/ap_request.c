// SPDX-License-Identifier: GPL-2.0
/*
 * ap_request: one request to a card, and what became of it.
 *
 *	ap_request [-d DEVICE] [-s SIGNALS] [-q QUEUE -f COMMAND] me
 *	ap_request [-d DEVICE] [-s SIGNALS] cprb FUNCTION CARD DOMAIN
 *
 * Prints OK or the name of the errno, and the milliseconds it took. "me" is RSA
 * with 2048 bits, its result is checked (WRONG). "cprb" sends an empty CCA
 * request with that function code; -1 stands for any card or domain.
 *
 * -f freezes the sender between the arrival of its reply and its next look at
 * it, while COMMAND runs: the sender sleeps on CPU 0, and when QUEUE has sent its
 * request to the card, a thread of higher real-time priority occupies that CPU.
 * No reply may come until COMMAND has it come (a rule of apsim). Real-time
 * throttling must be off (/proc/sys/kernel/sched_rt_runtime_us).
 *
 * -s has that many signals come, one a millisecond. Their handler does nothing,
 * and has what it interrupts restarted.
 *
 * Exit status: 0 if there was an answer to print and COMMAND succeeded.
 */
#define _GNU_SOURCE
#include <asm/zcrypt.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "ap_clock.h"

#define MOD	256
#define PARM	20
#define PENDING	"/sys/bus/ap/devices/%s/pendingq_count"

static const char *name;
static int fd;
static atomic_int answered, hog_runs, hog_ends;

struct result {
	int error;		/* -1: wrong */
	double ms;
};

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", name, what, strerror(errno));
	exit(2);
}

static void bad_usage(void)
{
	fprintf(stderr, "usage: %s [-d DEVICE] [-s SIGNALS] %s\n", name,
		"[-q QUEUE -f COMMAND] me | cprb FUNCTION CARD DOMAIN");
	exit(2);
}

/* To the power of one: the result is the message */
static struct result request_me(void)
{
	unsigned char in[MOD], out[MOD] = {}, one[MOD] = {}, mod[MOD];
	struct ica_rsa_modexpo me = {
		.inputdata = in, .inputdatalength = MOD,
		.outputdata = out, .outputdatalength = MOD,
		.b_key = one, .n_modulus = mod,
	};
	struct result res = { .ms = now_ns() / 1e6 };
	int i;

	for (i = 0; i < MOD; i++)
		in[i] = i;
	one[MOD - 1] = 1;
	memset(mod, 0xff, MOD);
	if (ioctl(fd, ICARSAMODEXPO, &me))
		res.error = errno;
	else if (memcmp(in, out, MOD))
		res.error = -1;
	res.ms = now_ns() / 1e6 - res.ms;
	return res;
}

static struct result request_cprb(const char *function, long card, long domain)
{
	unsigned char request[sizeof(struct CPRBX) + PARM] = {}, reply[1024];
	struct CPRBX *cprbx = (void *)request;
	struct ica_xcRB xcrb = {
		.agent_ID = 'C' << 8 | 'A',
		.user_defined = card < 0 ? AUTOSELECT : card,
		.request_control_blk_length = sizeof(request),
		.request_control_blk_addr = request,
		.reply_control_blk_length = sizeof(reply),
		.reply_control_blk_addr = reply,
	};
	struct result res = { .ms = now_ns() / 1e6 };

	cprbx->cprb_len = sizeof(*cprbx);
	cprbx->cprb_ver_id = 2;
	memcpy(cprbx->func_id, "T2", 2);
	cprbx->domain = domain < 0 ? AUTOSEL_DOM : domain;
	memcpy(request + sizeof(*cprbx), function, 2);
	if (ioctl(fd, ZSECSENDCPRB, &xcrb))
		res.error = errno;
	res.ms = now_ns() / 1e6 - res.ms;
	return res;
}

/* The calling thread, to that CPU with that real-time priority */
static void go_to(int cpu, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("cannot choose the CPU");
	if (priority && sched_setscheduler(0, SCHED_FIFO, &param))
		fail("cannot get real-time priority");
}

static void *sender(void *arg)
{
	go_to(0, 1);
	*(struct result *)arg = request_me();
	atomic_store(&answered, 1);
	return NULL;
}

static void *hog(void *unused)
{
	(void)unused;
	go_to(0, 2);
	atomic_store(&hog_runs, 1);
	while (!atomic_load(&hog_ends))
		;
	return NULL;
}

static int at_card(const char *queue)
{
	char path[80];
	FILE *file;
	int nr = 0;

	snprintf(path, sizeof(path), PENDING, queue);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%d", &nr) != 1)
		fail(path);
	fclose(file);
	return nr == 1;
}

static int frozen(const char *queue, const char *command, struct result *res)
{
	pthread_t hog_thread, sender_thread;
	int rc;

	go_to(1, 0);
	if (pthread_create(&sender_thread, NULL, sender, res))
		fail("no thread");
	while (!at_card(queue)) {
		if (atomic_load(&answered)) {
			fprintf(stderr, "%s: the reply came too early\n", name);
			exit(2);
		}
		usleep(1000);
	}
	if (pthread_create(&hog_thread, NULL, hog, NULL))
		fail("no thread");
	while (!atomic_load(&hog_runs))
		usleep(1000);
	rc = system(command);
	atomic_store(&hog_ends, 1);
	pthread_join(hog_thread, NULL);
	pthread_join(sender_thread, NULL);
	return rc;
}

static atomic_int signals_left;

static void on_signal(int unused)
{
	struct itimerval never = {};

	(void)unused;
	if (atomic_fetch_sub(&signals_left, 1) == 1)
		setitimer(ITIMER_REAL, &never, NULL);
}

static void begin_signals(const char *count)
{
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_RESTART,
	};
	struct timeval ms = { .tv_usec = 1000 };
	struct itimerval each = { .it_interval = ms, .it_value = ms };

	if (atoi(count) <= 0)
		bad_usage();
	atomic_store(&signals_left, atoi(count));
	if (sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &each, NULL))
		fail("no timer");
}

int main(int argc, char **argv)
{
	const char *device = "/dev/z90crypt", *command = NULL, *signals = NULL;
	const char *queue = NULL;
	struct result res;
	int opt, rc = 0;

	name = argv[0];
	while ((opt = getopt(argc, argv, "+d:f:q:s:")) != -1) {
		if (opt == 'd')
			device = optarg;
		else if (opt == 'f')
			command = optarg;
		else if (opt == 'q')
			queue = optarg;
		else if (opt == 's')
			signals = optarg;
		else
			bad_usage();
	}
	argc -= optind;
	argv += optind;
	if (!queue != !command)
		bad_usage();
	fd = open(device, O_RDWR);
	if (fd < 0)
		fail(device);
	if (signals)
		begin_signals(signals);

	if (argc == 1 && !strcmp(argv[0], "me")) {
		if (command)
			rc = frozen(queue, command, &res);
		else
			res = request_me();
	} else if (argc == 4 && !command && !strcmp(argv[0], "cprb") &&
		   strlen(argv[1]) == 2) {
		res = request_cprb(argv[1], strtol(argv[2], NULL, 0),
				   strtol(argv[3], NULL, 0));
	} else {
		bad_usage();
	}
	printf("%s %.0f\n", res.error < 0 ? "WRONG" :
	       res.error ? strerrorname_np(res.error) : "OK", res.ms);
	return rc ? 1 : 0;
}
