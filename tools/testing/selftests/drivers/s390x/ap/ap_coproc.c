// SPDX-License-Identifier: GPL-2.0
/*
 * ap_coproc: requests to coprocessors, with all that belongs to them, and what
 * the card thinks of them.
 *
 *	ap_coproc [-d DEVICE] me BITS [FLAW]	RSA; FLAW: even, large, zero, or
 *						nullN: pointer N is NULL
 *	ap_coproc [-d DEVICE] crt [FLAW]	RSA with a key of 512 bits
 *	ap_coproc [-d DEVICE] query KEYWORD CARD DOMAIN
 *	ap_coproc [-d DEVICE] verb FUNCTION CARD DOMAIN
 *	ap_coproc [-d DEVICE] random BYTES CARD DOMAIN
 *	ap_coproc [-d DEVICE] info QUERY CARD DOMAIN
 *	ap_coproc [-d DEVICE] ep11 FUNCTION CARD DOMAIN
 *	ap_coproc [-d DEVICE] load THREADS
 *	ap_coproc apqns cca|ep11 [PATTERN]
 *	ap_coproc seckey CARD DOMAIN
 *
 * -1 stands for any card or domain.  Prints one line: OK, WRONG or the name of
 * an errno for RSA.  For CCA verbs the return code and reason code as RC/RS,
 * for EP11 functions the result, then the length of what came, and its first 8
 * bytes if they are text.
 *
 * "load" sends queries, random numbers and EP11 queries until a signal comes and
 * reports like ap_load.  A query is for a certain card, and its answer must be
 * the one that this card gave before; the others are for any card, and must have
 * the right length and not be zeroes.  "apqns" lists the queues that
 * have a valid master key, the one with that pattern if there is one given;
 * "seckey" has a key made.  Both ask the kernel's pkey interface.
 *
 * Exit status: 0 if there was something to print, 1 load saw an error, 2 bad
 * usage or no such device.
 */
#define _GNU_SOURCE
#include <asm/pkey.h>
#include <asm/zcrypt.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef __u8 u8;
#include "apsim/apsim_test_key.h"

#define MOD_MAX		512
#define KEY		sizeof(key_n)
#define PRIME		sizeof(key_p)
#define CRT_PAD		8	/* before p, dp and u */
#define REPLY		4096
#define DATA		8192
#define MAX_ERRNO	160
#define MAX_THREADS	64
#define MAX_KNOWN	8

static const char *device = "/dev/z90crypt";
static int fd;

static void bad_usage(void)
{
	fputs("usage: ap_coproc [-d DEVICE] me BITS [FLAW] | crt [FLAW] |\n"
	      "       query KEYWORD CARD DOMAIN | verb FUNCTION CARD DOMAIN |\n"
	      "       random BYTES CARD DOMAIN | info QUERY CARD DOMAIN |\n"
	      "       ep11 FUNCTION CARD DOMAIN | load THREADS |\n"
	      "       apqns cca|ep11 [PATTERN] | seckey CARD DOMAIN\n", stderr);
	exit(2);
}

static long number(const char *text, long min, long max)
{
	char *end;
	long val = strtol(text, &end, 0);

	if (end == text || *end || val < min || val > max)
		bad_usage();
	return val;
}

static void open_device(const char *path)
{
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "ap_coproc: %s: %s\n", path, strerror(errno));
		exit(2);
	}
}

static const char *errno_name(int err)
{
	return strerrorname_np(err) ?: "?";
}

/* ---- RSA ---- */

static bool has_flaw(const char *flaw, const char *name)
{
	return flaw && !strcmp(flaw, name);
}

/* The pointers that a request reads from */
static void make_null(const char *flaw, __u8 **pointers[], unsigned int count)
{
	unsigned int n;

	if (!flaw || sscanf(flaw, "null%u", &n) != 1)
		return;
	if (n >= count)
		bad_usage();
	*pointers[n] = NULL;
}

static void tell_rsa(int rc, const u8 *out, const u8 *answer, size_t len)
{
	puts(rc ? errno_name(errno) : memcmp(out, answer, len) ? "WRONG" : "OK");
}

/*
 * 512 bits: a key.  Otherwise 2 to the power of (bits + 5) modulo (2 to the
 * power of bits) - 1, which is 32.
 */
static void rsa_me(unsigned int bits, const char *flaw)
{
	u8 in[MOD_MAX] = {}, out[MOD_MAX], exp[MOD_MAX] = {}, mod[MOD_MAX];
	u8 answer[MOD_MAX] = {};
	size_t len = bits / 8;
	struct ica_rsa_modexpo me = {
		.inputdata = in, .inputdatalength = len,
		.outputdata = out, .outputdatalength = len,
		.b_key = exp, .n_modulus = mod,
	};
	__u8 **from[] = { &me.inputdata, &me.b_key, &me.n_modulus };

	if (len == KEY) {
		memcpy(in, key_in, len);
		memcpy(exp, key_d, len);
		memcpy(mod, key_n, len);
		memcpy(answer, key_out, len);
	} else {
		in[len - 1] = 2;
		exp[len - 2] = (bits + 5) >> 8;
		exp[len - 1] = bits + 5;
		memset(mod, 0xff, len);
		answer[len - 1] = 32;
	}
	if (has_flaw(flaw, "even"))
		mod[len - 1] &= ~1;
	if (has_flaw(flaw, "large"))
		memcpy(in, mod, len);
	if (has_flaw(flaw, "zero"))
		memset(mod, 0, len);
	make_null(flaw, from, 3);
	tell_rsa(ioctl(fd, ICARSAMODEXPO, &me), out, answer, len);
}

static void rsa_crt(const char *flaw)
{
	u8 in[KEY], out[KEY], p[CRT_PAD + PRIME] = {}, dp[CRT_PAD + PRIME] = {};
	u8 u[CRT_PAD + PRIME] = {}, q[PRIME], dq[PRIME];
	struct ica_rsa_modexpo_crt crt = {
		.inputdata = in, .inputdatalength = KEY,
		.outputdata = out, .outputdatalength = KEY,
		.np_prime = p, .nq_prime = q,
		.bp_key = dp, .bq_key = dq, .u_mult_inv = u,
	};
	__u8 **from[] = { &crt.inputdata, &crt.np_prime, &crt.nq_prime,
			  &crt.bp_key, &crt.bq_key, &crt.u_mult_inv };

	memcpy(in, has_flaw(flaw, "large") ? key_n : key_in, KEY);
	memcpy(p + CRT_PAD, key_p, PRIME);
	memcpy(q, key_q, PRIME);
	memcpy(dp + CRT_PAD, key_dp, PRIME);
	memcpy(dq, key_dq, PRIME);
	memcpy(u + CRT_PAD, key_u, PRIME);
	if (has_flaw(flaw, "even"))
		q[PRIME - 1] &= ~1;
	if (has_flaw(flaw, "zero"))
		memset(p, 0, sizeof(p));
	make_null(flaw, from, 6);
	tell_rsa(ioctl(fd, ICARSACRT, &crt), out, key_out, KEY);
}

/* ---- CPRBs ---- */

/**
 * struct answer - what came of a request
 * @err: errno of the ioctl
 * @rc: return code of a CCA verb, or result of an EP11 function
 * @rs: reason code
 * @len: bytes of @data
 * @data: what was asked for
 */
struct answer {
	int err;
	unsigned int rc;
	unsigned int rs;
	size_t len;
	u8 data[DATA];
};

static void put16(u8 **to, unsigned int val)
{
	*(*to)++ = val >> 8;
	*(*to)++ = val;
}

static unsigned int get16(const u8 *at)
{
	return at[0] << 8 | at[1];
}

static unsigned int get32(const u8 *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/*
 * What a reply of @size bytes has at @data, if what it says of its length is
 * so: the card is not to be trusted.
 */
static void keep(struct answer *a, const u8 *reply, size_t size, const u8 *data,
		 size_t len)
{
	size_t at = data - reply;

	if (at > size || len > size - at) {
		a->err = EBADMSG;
		return;
	}
	a->len = len;
	memcpy(a->data, data, len);
}

/* A verb with a keyword; @bytes is the length of the data that it shall send */
static struct answer cca(const char *function, const char *keyword,
			 unsigned int bytes, long card, long domain)
{
	u8 request[sizeof(struct CPRBX) + 32] = {}, reply[REPLY] = {};
	struct CPRBX *cprbx = (void *)request;
	const struct CPRBX *answered = (void *)reply;
	u8 *parm = request + sizeof(*cprbx), *to = parm;
	struct answer a = {};
	struct ica_xcRB xcrb = {
		.agent_ID = 'C' << 8 | 'A',
		.user_defined = card < 0 ? AUTOSELECT : card,
		.request_control_blk_addr = request,
		.reply_control_blk_length = sizeof(reply),
		.reply_control_blk_addr = reply,
		.reply_data_length = bytes,
		.reply_data_addr = a.data,
	};
	unsigned int len;

	cprbx->cprb_len = sizeof(*cprbx);
	cprbx->cprb_ver_id = 2;
	memcpy(cprbx->func_id, "T2", 2);
	cprbx->domain = domain < 0 ? AUTOSEL_DOM : domain;
	cprbx->rpl_msgbl = sizeof(reply);
	cprbx->rpl_datal = bytes;
	memcpy(to, function, 2);
	to += 2;
	put16(&to, 10);
	memcpy(to, keyword, 8);
	to += 8;
	put16(&to, 2);
	put16(&to, 2);
	cprbx->req_parml = to - parm;
	xcrb.request_control_blk_length = to - request;

	if (ioctl(fd, ZSECSENDCPRB, &xcrb)) {
		a.err = errno;
		return a;
	}
	a.rc = answered->ccp_rtcode;
	a.rs = answered->ccp_rscode;
	if (bytes) {
		a.len = xcrb.reply_data_length;
	} else {
		len = get16(reply + sizeof(*cprbx) + 2);
		keep(&a, reply, xcrb.reply_control_blk_length,
		     reply + sizeof(*cprbx) + 4, len < 2 ? REPLY : len - 2);
	}
	return a;
}

static void put_word(u8 **to, unsigned int val)
{
	put16(to, 0x0404);
	put16(to, val >> 16);
	put16(to, val);
}

/* A function, with the query's number when it is one */
static struct answer ep11(unsigned int function, unsigned int query, long card,
			  long domain)
{
	u8 request[sizeof(struct ep11_cprb) + 32] = {}, reply[REPLY] = {};
	struct ep11_cprb *cprb = (void *)request;
	u8 *payload = request + sizeof(*cprb), *to = payload;
	const u8 *result = reply + sizeof(*cprb) + 4 + 12;
	struct ep11_target_dev target = {
		.ap_id = card < 0 ? AUTOSEL_AP : card,
		.dom_id = domain < 0 ? AUTOSEL_DOM : domain,
	};
	struct ep11_urb urb = {
		.targets_num = 1, .targets = (u8 *)&target,
		.req = request, .resp = reply, .resp_len = sizeof(reply),
	};
	struct answer a = {};

	put16(&to, 0x3082);
	put16(&to, query ? 24 : 12);
	put_word(&to, 1 << 16 | function);
	put_word(&to, 0);
	if (query) {
		put_word(&to, query);
		put_word(&to, 0);
	}
	cprb->cprb_len = sizeof(*cprb);
	cprb->cprb_ver_id = 4;
	memcpy(cprb->func_id, "T4", 2);
	cprb->payload_len = to - payload;
	urb.req_len = to - request;

	if (ioctl(fd, ZSENDEP11CPRB, &urb)) {
		a.err = errno;
		return a;
	}
	a.rc = get32(result + 2);
	if (urb.resp_len > (size_t)(result + 10 - reply))
		keep(&a, reply, urb.resp_len, result + 10, get16(result + 8));
	return a;
}

static void tell_data(const struct answer *a)
{
	int i;

	printf(" %zu", a->len);
	for (i = 0; i < 8 && i < (int)a->len && isalnum(a->data[i]); i++)
		;
	if (i == 8)
		printf(" %.8s", a->data);
	putchar('\n');
}

static void tell_cca(struct answer a)
{
	if (a.err) {
		puts(errno_name(a.err));
		return;
	}
	printf("%u/%u", a.rc, a.rs);
	tell_data(&a);
}

static void tell_ep11(struct answer a)
{
	if (a.err) {
		puts(errno_name(a.err));
		return;
	}
	printf("0x%x", a.rc);
	tell_data(&a);
}

/* ---- load ---- */

struct worker {
	pthread_t thread;
	unsigned int number;
	unsigned long done;
	unsigned long wrong;
	unsigned long errors[MAX_ERRNO];
};

static atomic_bool stop;

/* What the CCA cards say of domain 0 before the load begins */
static struct known {
	long card;
	struct answer answer;
} known[MAX_KNOWN];
static unsigned int nr_known;

static void get_known(void)
{
	char status[MAX_ZDEV_CARDIDS_EXT];
	struct known *k;
	long card;

	if (ioctl(fd, ZCRYPT_STATUS_MASK, status))
		exit(2);
	for (card = 0; card < MAX_ZDEV_CARDIDS_EXT && nr_known < MAX_KNOWN; card++) {
		if (!status[card])
			continue;
		k = &known[nr_known];
		k->card = card;
		k->answer = cca("FQ", "STATICSA", 0, card, 0);
		if (!k->answer.err && !k->answer.rc)
			nr_known++;
		else if (k->answer.err != ENODEV)
			exit(2);
	}
	if (!nr_known)
		exit(2);
}

static bool same(const struct answer *a, const struct answer *b)
{
	return !a->rc && a->len == b->len && !memcmp(a->data, b->data, b->len);
}

static bool is_some(const struct answer *a, size_t len)
{
	static const u8 none[256];

	return !a->rc && a->len == len &&
	       memcmp(a->data, none, len < 256 ? len : 256);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int n, kind = w->number;
	struct answer a;
	bool right;

	while (!atomic_load(&stop)) {
		if (kind % 3 == 0) {
			n = kind / 3 % nr_known;
			a = cca("FQ", "STATICSA", 0, known[n].card, 0);
			right = same(&a, &known[n].answer);
		} else if (kind % 3 == 1) {
			a = cca("RL", "RANDOM  ", 256, -1, -1);
			right = is_some(&a, 256);
		} else {
			a = ep11(38, 1, -1, -1);
			right = is_some(&a, 196);
		}
		if (a.err)
			w->errors[a.err < MAX_ERRNO ? a.err : 0]++;
		else if (!right)
			w->wrong++;
		else
			w->done++;
		kind++;
	}
	return NULL;
}

static int load(unsigned int threads)
{
	static struct worker workers[MAX_THREADS];
	unsigned long done = 0, wrong = 0, errors[MAX_ERRNO] = {}, all = 0;
	sigset_t sigs;
	unsigned int i;
	int sig, e;

	get_known();
	/* No request is broken off by a signal: only this thread sees them. */
	sigemptyset(&sigs);
	sigaddset(&sigs, SIGTERM);
	sigaddset(&sigs, SIGINT);
	pthread_sigmask(SIG_BLOCK, &sigs, NULL);
	for (i = 0; i < threads; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			exit(2);
	}
	sigwait(&sigs, &sig);
	atomic_store(&stop, true);
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		wrong += workers[i].wrong;
		for (e = 0; e < MAX_ERRNO; e++) {
			errors[e] += workers[i].errors[e];
			all += workers[i].errors[e];
		}
	}
	printf("done %lu wrong %lu errors %lu\n", done, wrong, all);
	for (e = 0; e < MAX_ERRNO; e++)
		if (errors[e])
			printf("error %s %lu\n", errno_name(e), errors[e]);
	return wrong || all || !done;
}

/* ---- pkey ---- */

static void read_pattern(u8 *pattern, size_t size, const char *text)
{
	size_t i;

	for (i = 0; i < size && sscanf(text + 2 * i, "%2hhx", &pattern[i]) == 1; i++)
		;
	if (!i || text[2 * i])
		bad_usage();
}

static void apqns(const char *kind, const char *pattern)
{
	struct pkey_apqn list[64];
	struct pkey_apqns4keytype query = {
		.apqns = list,
		.apqn_entries = 64,
	};
	unsigned int i;

	if (!strcmp(kind, "cca"))
		query.type = PKEY_TYPE_CCA_DATA;
	else if (!strcmp(kind, "ep11"))
		query.type = PKEY_TYPE_EP11_AES;
	else
		bad_usage();
	if (pattern) {
		query.flags = PKEY_FLAGS_MATCH_CUR_MKVP;
		read_pattern(query.cur_mkvp, sizeof(query.cur_mkvp), pattern);
	}
	open_device("/dev/pkey");
	if (ioctl(fd, PKEY_APQNS4KT, &query)) {
		puts(errno_name(errno));
		return;
	}
	for (i = 0; i < query.apqn_entries; i++)
		printf("%s%02x.%04x", i ? " " : "", list[i].card, list[i].domain);
	putchar('\n');
}

static void seckey(long card, long domain)
{
	u8 key[SECKEYBLOBSIZE];
	struct pkey_apqn apqn = { .card = card, .domain = domain };
	struct pkey_genseck2 gen = {
		.apqns = &apqn, .apqn_entries = 1,
		.type = PKEY_TYPE_CCA_DATA, .size = PKEY_SIZE_AES_256,
		.key = key, .keylen = sizeof(key),
	};

	open_device("/dev/pkey");
	puts(ioctl(fd, PKEY_GENSECK2, &gen) ? errno_name(errno) : "OK");
}

/* ---- commands ---- */

static const char *flaw_of(const char *text)
{
	if (text && strcmp(text, "even") && strcmp(text, "large") &&
	    strcmp(text, "zero") && strncmp(text, "null", 4))
		bad_usage();
	return text;
}

int main(int argc, char **argv)
{
	const char *what;
	int opt;

	while ((opt = getopt(argc, argv, "+d:")) != -1) {
		if (opt != 'd')
			bad_usage();
		device = optarg;
	}
	argv += optind;
	argc -= optind;
	if (!argc)
		bad_usage();
	what = argv[0];
	if ((argc == 2 || argc == 3) && !strcmp(what, "apqns")) {
		apqns(argv[1], argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(what, "seckey")) {
		seckey(number(argv[1], 0, 255), number(argv[2], 0, 255));
		return 0;
	}
	open_device(device);
	if (!strcmp(what, "me") && (argc == 2 || argc == 3))
		rsa_me(number(argv[1], 128, 8 * MOD_MAX), flaw_of(argv[2]));
	else if (!strcmp(what, "crt") && argc <= 2)
		rsa_crt(flaw_of(argv[1]));
	else if (!strcmp(what, "load") && argc == 2)
		return load(number(argv[1], 1, MAX_THREADS));
	else if (argc != 4)
		bad_usage();
	else if (!strcmp(what, "query") && strlen(argv[1]) == 8)
		tell_cca(cca("FQ", argv[1], 0, number(argv[2], -1, 255),
			     number(argv[3], -1, 255)));
	else if (!strcmp(what, "verb") && strlen(argv[1]) == 2)
		tell_cca(cca(argv[1], "AESTOKEN", 0, number(argv[2], -1, 255),
			     number(argv[3], -1, 255)));
	else if (!strcmp(what, "random"))
		tell_cca(cca("RL", "RANDOM  ", number(argv[1], 1, DATA),
			     number(argv[2], -1, 255), number(argv[3], -1, 255)));
	else if (!strcmp(what, "info"))
		tell_ep11(ep11(38, number(argv[1], 1, 255),
			       number(argv[2], -1, 255), number(argv[3], -1, 255)));
	else if (!strcmp(what, "ep11"))
		tell_ep11(ep11(number(argv[1], 0, 0xffff), 0,
			       number(argv[2], -1, 255), number(argv[3], -1, 255)));
	else
		bad_usage();
	return 0;
}
