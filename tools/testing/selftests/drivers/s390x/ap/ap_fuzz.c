// SPDX-License-Identifier: GPL-2.0
/*
 * ap_fuzz: ioctls on a zcrypt device node that are nearly right.
 *
 * Each begins as a valid request. Then some of its fields are spoilt: lengths,
 * pointers (into nothing, into memory that is read-only or gone, across its
 * end, onto other parts of the same request), numbers, bytes of a message.
 * For some a second thread meanwhile changes lengths and messages and takes
 * the memory away. Now and then a request is left alone, or is even sent to the
 * device given by --verify, and must give the known result.
 *
 * Looked at after each: is the errno one of those that are documented for this
 * ioctl; has anything changed in the sender's memory besides the result; is the
 * result right where nothing was spoilt that it depends on.
 *
 * Request number N of a seed is always the same, whatever the number of threads
 * and whichever other requests are made: --seed S --first N --count 1 is this
 * one. Only what the second thread does meanwhile is not the same; --race 0 is
 * to have none.
 *
 * On a kernel with KCOV, --cover count says how many places of the kernel's code
 * (those that are instrumented) the requests have reached, and --cover guide
 * goes for more: all that is drawn for a request is kept as its *tape*, the tapes
 * of requests that reached a new place are kept, and most requests are made from
 * one of them with some draws changed. Then a request is known by its tape, not
 * by its number: an offence tells it, and --replay takes it.
 *
 * With --faults each request has the simulator spoil its reply, in a way that is
 * drawn as well. For one thread.
 *
 * Exit status: 0 nothing found, 1 something was, 2 bad usage, 4 (skip) no such
 * device.
 */
#define _GNU_SOURCE
#include <asm/zcrypt.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ap_clock.h"
#include "ap_keys.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096
#define WORK_SIZE	(3 * PAGE)
#define FIXED_SIZE	(16 * PAGE)
#define RACE_SIZE	(4 * PAGE)
#define WIDE_SIZE	sizeof(struct zcrypt_device_matrix_ext)
#define CRT_PAD		8	/* zeroes before p, dp and u that the ioctl demands */
#define MAX_THREADS	64
#define MAX_ERRNO	160
#define MAX_BUFFERS	10
#define SHOWN		10	/* offences that are told one by one */
#define HANG_S		180	/* longer than any ioctl may take */
#define SLOW_NS		200000000ull
#define REPLY_ROOM	2048
#define MAX_TAPE	512	/* draws for one request */
#define MAX_KEPT	4096
#define MAX_PCS		65536	/* a power of two */
#define TRACE_LEN	16384

/* Documentation/dev-tools/kcov.rst */
#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0

enum kind { ME, CRT, CPRB, EP11, STATUS, UNKNOWN, NR_KINDS };

/* What a spoilt field may lead to; 0 is always admitted */
static const struct {
	const char *name;
	unsigned long cmd;
	int errors[10];
	int errors_of_lies[5];	/* also, when replies are spoilt */
} kinds[NR_KINDS] = {
	[ME] = { "ICARSAMODEXPO", ICARSAMODEXPO, { EFAULT, EINVAL, ENODEV },
		 { EMSGSIZE, EIO } },
	[CRT] = { "ICARSACRT", ICARSACRT, { EFAULT, EINVAL, ENODEV },
		  { EMSGSIZE, EIO } },
	[CPRB] = { "ZSECSENDCPRB", ZSECSENDCPRB,
		   { EFAULT, EINVAL, ENODEV, EMSGSIZE, EOPNOTSUPP, EIO, EINTR },
		   { ECANCELED } },
	[EP11] = { "ZSENDEP11CPRB", ZSENDEP11CPRB,
		   { EFAULT, EINVAL, ENODEV, EMSGSIZE, EOPNOTSUPP, EIO, EINTR },
		   { ECANCELED } },
	[STATUS] = { "status", 0, { EFAULT } },
	[UNKNOWN] = { "unknown", 0, { ENOTTY, EPERM } },
};

static const struct {
	unsigned long cmd;
	size_t size;
} status[] = {
	{ ZCRYPT_DEVICE_STATUS, sizeof(struct zcrypt_device_matrix_ext) },
	{ ZDEVICESTATUS, sizeof(struct zcrypt_device_matrix) },
	{ ZCRYPT_STATUS_MASK, MAX_ZDEV_CARDIDS_EXT },
	{ ZCRYPT_QDEPTH_MASK, MAX_ZDEV_CARDIDS_EXT },
	{ ZCRYPT_PERDEV_REQCNT, MAX_ZDEV_CARDIDS_EXT * sizeof(int) },
	{ Z90STAT_STATUS_MASK, MAX_ZDEV_CARDIDS },
	{ Z90STAT_QDEPTH_MASK, MAX_ZDEV_CARDIDS },
	{ Z90STAT_PERDEV_REQCNT, MAX_ZDEV_CARDIDS * sizeof(int) },
	{ Z90STAT_REQUESTQ_COUNT, sizeof(int) },
	{ Z90STAT_PENDINGQ_COUNT, sizeof(int) },
	{ Z90STAT_TOTALOPEN_COUNT, sizeof(int) },
	{ Z90STAT_DOMAIN_INDEX, sizeof(int) },
};

/* ---- what requests are made of ---- */

enum what {
	LENGTH, POINTER, NUMBER,
	OUTPUT = 4,	/* with one of the above: the result does not depend on it */
};

struct field {
	const char *name;
	size_t at;
	size_t size;
	int what;
};

#define FIELD(type, member, size, what) \
	{ #member, offsetof(type, member), size, what }

static const struct field me_fields[] = {
	FIELD(struct ica_rsa_modexpo, inputdata, 8, POINTER),
	FIELD(struct ica_rsa_modexpo, inputdatalength, 4, LENGTH),
	FIELD(struct ica_rsa_modexpo, outputdata, 8, POINTER | OUTPUT),
	FIELD(struct ica_rsa_modexpo, outputdatalength, 4, LENGTH | OUTPUT),
	FIELD(struct ica_rsa_modexpo, b_key, 8, POINTER),
	FIELD(struct ica_rsa_modexpo, n_modulus, 8, POINTER),
};

static const struct field crt_fields[] = {
	FIELD(struct ica_rsa_modexpo_crt, inputdata, 8, POINTER),
	FIELD(struct ica_rsa_modexpo_crt, inputdatalength, 4, LENGTH),
	FIELD(struct ica_rsa_modexpo_crt, outputdata, 8, POINTER | OUTPUT),
	FIELD(struct ica_rsa_modexpo_crt, outputdatalength, 4, LENGTH | OUTPUT),
	FIELD(struct ica_rsa_modexpo_crt, bp_key, 8, POINTER),
	FIELD(struct ica_rsa_modexpo_crt, bq_key, 8, POINTER),
	FIELD(struct ica_rsa_modexpo_crt, np_prime, 8, POINTER),
	FIELD(struct ica_rsa_modexpo_crt, nq_prime, 8, POINTER),
	FIELD(struct ica_rsa_modexpo_crt, u_mult_inv, 8, POINTER),
};

static const struct field cprb_fields[] = {
	FIELD(struct ica_xcRB, agent_ID, 2, NUMBER),
	FIELD(struct ica_xcRB, user_defined, 4, NUMBER),
	FIELD(struct ica_xcRB, request_ID, 2, NUMBER),
	FIELD(struct ica_xcRB, request_control_blk_length, 4, LENGTH),
	FIELD(struct ica_xcRB, request_control_blk_addr, 8, POINTER),
	FIELD(struct ica_xcRB, request_data_length, 4, LENGTH),
	FIELD(struct ica_xcRB, request_data_address, 8, POINTER),
	FIELD(struct ica_xcRB, reply_control_blk_length, 4, LENGTH | OUTPUT),
	FIELD(struct ica_xcRB, reply_control_blk_addr, 8, POINTER | OUTPUT),
	FIELD(struct ica_xcRB, reply_data_length, 4, LENGTH | OUTPUT),
	FIELD(struct ica_xcRB, reply_data_addr, 8, POINTER | OUTPUT),
	FIELD(struct ica_xcRB, priority_window, 2, NUMBER),
	FIELD(struct ica_xcRB, status, 4, NUMBER),
};

static const struct field ep11_fields[] = {
	FIELD(struct ep11_urb, targets_num, 2, LENGTH),
	FIELD(struct ep11_urb, targets, 8, POINTER),
	FIELD(struct ep11_urb, weight, 8, NUMBER),
	FIELD(struct ep11_urb, req_no, 8, NUMBER),
	FIELD(struct ep11_urb, req_len, 8, LENGTH),
	FIELD(struct ep11_urb, req, 8, POINTER),
	FIELD(struct ep11_urb, resp_len, 8, LENGTH | OUTPUT),
	FIELD(struct ep11_urb, resp, 8, POINTER | OUTPUT),
};

static const struct {
	const struct field *field;
	unsigned int count;
	size_t size;
} forms[] = {
	[ME] = { me_fields, ARRAY_SIZE(me_fields),
		 sizeof(struct ica_rsa_modexpo) },
	[CRT] = { crt_fields, ARRAY_SIZE(crt_fields),
		  sizeof(struct ica_rsa_modexpo_crt) },
	[CPRB] = { cprb_fields, ARRAY_SIZE(cprb_fields),
		   sizeof(struct ica_xcRB) },
	[EP11] = { ep11_fields, ARRAY_SIZE(ep11_fields),
		   sizeof(struct ep11_urb) },
};

union arg {
	struct ica_rsa_modexpo me;
	struct ica_rsa_modexpo_crt crt;
	struct ica_xcRB xcrb;
	struct ep11_urb urb;
	__u8 byte[128];
};

/* A CCA query: CPRB, function, one rule */
struct cca_query {
	struct CPRBX cprbx;
	__u8 function[2];
	__u16 rules_len;
	__u8 rule[8];
	__u16 vud_len;
	__u16 key_len;
};

/* An EP11 query: CPRB, then a sequence of four octet strings of 4 bytes each */
struct ep11_query {
	struct ep11_cprb cprb;
	__u8 tag, len_format;
	__u16 len;
	struct {
		__u8 tag, len, val[4];
	} item[4];
};

static_assert(sizeof(struct cca_query) == 236);
static_assert(sizeof(struct ep11_query) == 60);

/* ---- a thread that makes requests ---- */

struct range {
	__u8 *at;
	size_t len;
};

/*
 * A place for parts of requests. The request says where @user is; what is
 * written there goes to @mine, which is always accessible.
 */
struct space {
	__u8 *user;
	__u8 *mine;
	size_t size;
	size_t used;
};

struct request {
	enum kind kind;
	unsigned long nr;
	unsigned long cmd;
	union arg arg;
	__u8 *arg_at;
	size_t arg_len;
	const __u8 *answer;	/* or NULL if it is not known */
	size_t answer_len;
	bool verify;		/* it has to succeed */
	bool racing;
	unsigned int spoilt;
	const char *first_spoilt;
	struct range buffer[MAX_BUFFERS];
	unsigned int nr_buffers;
	struct range may_change[6];
	unsigned int nr_may_change;
};

/* Draws: what makes a request the one that it is */
struct tape {
	unsigned int len, at;
	__u64 draw[MAX_TAPE];
};

/*
 * Memory of a thread: pages that cannot be accessed around each of
 *	work	where requests are; compared with a copy after each
 *	fixed	read-only
 *	race	what the other thread plays with; a file mapped twice
 *	wide	for the answers of status ioctls
 */
struct fuzzer {
	pthread_t thread;
	unsigned int nr;
	int fd, verify_fd;
	__u64 random;
	struct tape *tape;	/* NULL when nothing is kept */
	unsigned long *trace;	/* of KCOV, its length first; or NULL */
	bool reached_new;
	__u8 *work, *fixed, *race, *wide, *nothing;
	__u8 *shadow;
	__u8 *alias;
	int race_fd;
	int tight;		/* that many buffers before one at the end */
	/* while that is set, the other thread changes something of these */
	atomic_bool is_racing;
	struct range flips[6];	/* no form has more than 4 lengths */
	unsigned int nr_flips;
	pthread_mutex_t flips_lock;

	unsigned long errors[NR_KINDS][MAX_ERRNO];
	unsigned long known, wrong, stray, odd, failed;
	__u64 longest_ns, spent_ns[NR_KINDS];
	unsigned long longest_nr;
	__u64 results;		/* of what came out of each request; in any order */
	atomic_ullong since;
	atomic_bool finished;
};

static struct fuzzer *fuzzers;
static unsigned int nr_threads = 4;
static unsigned long count = 200000, first, seed, seconds;
static unsigned int verify_every = 64, spoil_percent = 94, race_percent = 8;
static bool lies, garbled;
static enum { COVER_OFF, COVER_COUNT, COVER_GUIDE } cover;
static const char *replay, *faults;
static int faults_fd = -1;
static const char *device = "/dev/z90crypt", *verify_device;
static atomic_bool stop;
static atomic_int shown;
/* The tapes that reached something new; a set of all places ever reached */
static struct tape *kept[MAX_KEPT];
static atomic_uint nr_kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong reached[MAX_PCS];
static atomic_uint nr_reached;
/* What is in memory before a request is put there */
static __u8 pristine[RACE_SIZE];

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* splitmix64 */
static __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static __u64 rnd(struct fuzzer *f)
{
	struct tape *t = f->tape;
	__u64 draw;

	if (t && t->at < t->len)
		return t->draw[t->at++];
	draw = mix(f->random += 0x9e3779b97f4a7c15ull);
	if (t && t->len < MAX_TAPE) {
		t->draw[t->len++] = draw;
		t->at = t->len;
	}
	return draw;
}

static unsigned int below(struct fuzzer *f, unsigned int n)
{
	return (rnd(f) >> 32) % n;
}

static bool chance(struct fuzzer *f, unsigned int percent)
{
	return below(f, 100) < percent;
}

static void fail(const char *what)
{
	fprintf(stderr, "ap_fuzz: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "OK";

	return name ? name : "?";
}

/* One line for the first few offences, with what repeats the request */
static void offence(const struct fuzzer *f, const struct request *r,
		    const char *what, long detail)
{
	unsigned int i;

	if (atomic_fetch_add(&shown, 1) >= SHOWN)
		return;
	fprintf(stderr, "ap_fuzz: %s: %s (%ld): %s, %u spoilt%s, --seed %lu --first %lu\n",
		kinds[r->kind].name, what, detail,
		r->first_spoilt ? r->first_spoilt : "valid", r->spoilt,
		r->racing ? ", racing" : "", seed, r->nr);
	if (!f->tape)
		return;
	fputs("ap_fuzz: its tape: --replay ", stderr);
	for (i = 0; i < f->tape->at; i++)
		fprintf(stderr, "%s%llx", i ? "," : "", f->tape->draw[i]);
	fputc('\n', stderr);
}

/* ---- valid requests ---- */

static __u8 *put(struct fuzzer *f, struct request *r, struct space *s,
		 const void *data, size_t len)
{
	size_t at = s->used + below(f, 48);
	struct range *b = &r->buffer[r->nr_buffers++];

	if (!f->tight--)
		at = s->size - len;	/* a byte more is a fault */
	else
		s->used = at + len;
	if (data)
		memcpy(s->mine + at, data, len);
	b->at = s->user + at;
	b->len = len;
	return b->at;
}

static __u8 *put_padded(struct fuzzer *f, struct request *r, struct space *s,
			const __u8 *number, size_t len)
{
	__u8 buf[CRT_PAD + AP_KEY_MAX / 2] = {};

	memcpy(buf + CRT_PAD, number, len);
	return put(f, r, s, buf, CRT_PAD + len);
}

/* Short keys are quick, and the code is the same */
static const struct ap_key *any_key(struct fuzzer *f)
{
	return &ap_keys[below(f, 64) ? 0 : below(f, ARRAY_SIZE(ap_keys))];
}

/* To the power of one is quickest, and the result is what was given */
static bool power_of_one(struct fuzzer *f, const struct request *r)
{
	return !r->verify && below(f, 16);
}

static void make_me(struct fuzzer *f, struct request *r, struct space *s)
{
	const struct ap_key *key = any_key(f);
	bool one = power_of_one(f, r);
	size_t len = key->bits / 8;
	__u8 exp[AP_KEY_MAX] = {};

	exp[len - 3] = !one;
	exp[len - 1] = 1;
	r->arg.me = (struct ica_rsa_modexpo) {
		.inputdata = put(f, r, s, key->clear, len),
		.inputdatalength = len,
		.outputdata = put(f, r, s, NULL, len),
		.outputdatalength = len,
		.b_key = put(f, r, s, exp, len),
		.n_modulus = put(f, r, s, key->n, len),
	};
	r->answer = one ? key->clear : key->sealed;
	r->answer_len = len;
}

static void make_crt(struct fuzzer *f, struct request *r, struct space *s)
{
	const struct ap_key *key = any_key(f);
	size_t len = key->bits / 8, half = len / 2;
	bool one = power_of_one(f, r);
	__u8 exp[AP_KEY_MAX / 2] = {};

	exp[half - 1] = 1;
	r->arg.crt = (struct ica_rsa_modexpo_crt) {
		.inputdata = put(f, r, s, key->sealed, len),
		.inputdatalength = len,
		.outputdata = put(f, r, s, NULL, len),
		.outputdatalength = len,
		.bp_key = put_padded(f, r, s, one ? exp : key->dp, half),
		.bq_key = put(f, r, s, one ? exp : key->dq, half),
		.np_prime = put_padded(f, r, s, key->p, half),
		.nq_prime = put(f, r, s, key->q, half),
		.u_mult_inv = put_padded(f, r, s, key->u, half),
	};
	r->answer = one ? key->sealed : key->clear;
	r->answer_len = len;
}

static void make_cprb(struct fuzzer *f, struct request *r, struct space *s)
{
	static const char functions[][3] = { "FQ", "FQ", "RL", "KG", "PK", "US" };
	struct cca_query query = {
		.cprbx = {
			.cprb_len = sizeof(struct CPRBX),
			.cprb_ver_id = 2,
			.func_id = { 'T', '2' },
			.req_parml = sizeof(query) - sizeof(struct CPRBX),
			.rpl_msgbl = REPLY_ROOM,
			.domain = AUTOSEL_DOM,
		},
		.rules_len = sizeof(query.rules_len) + sizeof(query.rule),
		.rule = "STATICSA",
		.vud_len = sizeof(query.vud_len),
		.key_len = sizeof(query.key_len),
	};
	__u8 data[64] = {};

	memcpy(query.function, functions[below(f, ARRAY_SIZE(functions))], 2);
	r->arg.xcrb = (struct ica_xcRB) {
		.agent_ID = 'C' << 8 | 'A',
		.user_defined = AUTOSELECT,
		.request_control_blk_length = sizeof(query),
		.request_control_blk_addr = put(f, r, s, &query, sizeof(query)),
		.reply_control_blk_length = REPLY_ROOM,
		.reply_control_blk_addr = put(f, r, s, NULL, REPLY_ROOM),
	};
	if (chance(f, 25)) {
		r->arg.xcrb.request_data_length = sizeof(data);
		r->arg.xcrb.request_data_address = put(f, r, s, data, sizeof(data));
	}
	if (chance(f, 25)) {
		r->arg.xcrb.reply_data_length = 256;
		r->arg.xcrb.reply_data_addr = put(f, r, s, NULL, 256);
	}
}

static void make_ep11(struct fuzzer *f, struct request *r, struct space *s)
{
	struct ep11_query query = {
		.cprb = {
			.cprb_len = sizeof(struct ep11_cprb),
			.cprb_ver_id = 4,
			.func_id = { 'T', '4' },
			.payload_len = sizeof(query) - sizeof(struct ep11_cprb),
		},
		.tag = 0x30,
		.len_format = 0x82,
		.len = sizeof(query.item),
		.item = {
			{ 4, 4, { 0, 1, 0, 38 } },	/* API 1, get info */
			{ 4, 4, { 0, 0, 0, 0 } },
			{ 4, 4, { 0, 0, 0, 1 + below(f, 3) } },
			{ 4, 4, { 0, 0, 0, 0 } },
		},
	};
	static const struct ep11_target_dev any[] = {
		{ AUTOSEL_AP, AUTOSEL_DOM }, { 0, 0 }, { 1, AUTOSEL_DOM },
	};

	r->arg.urb = (struct ep11_urb) {
		.req_len = sizeof(query),
		.req = put(f, r, s, &query, sizeof(query)),
		.resp_len = REPLY_ROOM,
		.resp = put(f, r, s, NULL, REPLY_ROOM),
	};
	if (chance(f, 50)) {
		r->arg.urb.targets_num = 1 + below(f, ARRAY_SIZE(any));
		r->arg.urb.targets = put(f, r, s, any, sizeof(any));
	}
}

static void (*const makers[])(struct fuzzer *f, struct request *r,
			      struct space *s) = {
	[ME] = make_me, [CRT] = make_crt, [CPRB] = make_cprb, [EP11] = make_ep11,
};

/* ---- spoiling them ---- */

static __u64 get_field(const struct request *r, const struct field *field)
{
	__u64 val = 0;

	/* big-endian */
	memcpy((__u8 *)&val + sizeof(val) - field->size,
	       r->arg.byte + field->at, field->size);
	return val;
}

static void set_field(struct request *r, const struct field *field, __u64 val)
{
	memcpy(r->arg.byte + field->at,
	       (__u8 *)&val + sizeof(val) - field->size, field->size);
}

static __u64 odd_length(struct fuzzer *f, __u64 old)
{
	static const __u64 limits[] = {
		0, 1, 2, 31, 32, 64, 128, 129, 220, 221, 222, 256, 257, 512,
		513, 1024, 4096, 12288, 12200, 24576, 24488, 65535, 65536,
		0x7fffffff, 0x80000000, 0xffffffa7, 0xfffffffc, 0xffffffff,
		1ull << 32, (1ull << 32) + 200, ~0ull >> 1, ~0ull - 3, ~0ull,
	};

	switch (below(f, 8)) {
	case 0:
		return rnd(f);
	case 1:
		return below(f, 2 * old + 16);
	case 2:
		return old + 1;
	case 3:
		return old - 1;
	case 4:
		return limits[below(f, ARRAY_SIZE(limits))] - 1 + below(f, 3);
	default:
		return limits[below(f, ARRAY_SIZE(limits))];
	}
}

static __u64 odd_pointer(struct fuzzer *f, const struct request *r, __u64 old)
{
	const struct range *b = &r->buffer[below(f, r->nr_buffers)];

	switch (below(f, 12)) {
	case 0:
		return below(f, 2) ? 0 : below(f, PAGE);
	case 1:
		return (__u64)f->nothing + below(f, PAGE);
	case 2:
		return (__u64)f->work + WORK_SIZE - below(f, b->len + 2);
	case 3:
		return (__u64)f->work - 1 - below(f, b->len);
	case 4:
		return (__u64)f->fixed + below(f, FIXED_SIZE);
	case 5:
		return (__u64)f->fixed + FIXED_SIZE - below(f, b->len + 2);
	case 6:
		return -(__u64)below(f, 2 * PAGE);
	case 7:
		return 1ull << (53 + below(f, 11)) | rnd(f) >> 12;
	case 8:
		return (__u64)r->arg_at + below(f, r->arg_len);
	case 9:
		return old + below(f, 16) - 8;
	default:
		return (__u64)b->at + below(f, 2) * (below(f, 17) - 8);
	}
}

static __u64 odd_number(struct fuzzer *f, __u64 old)
{
	switch (below(f, 4)) {
	case 0:
		return rnd(f);
	case 1:
		return below(f, 4);
	case 2:
		return old ^ 1ull << below(f, 64);
	default:
		return odd_length(f, old);
	}
}

static void spoil_field(struct fuzzer *f, struct request *r)
{
	const struct field *field = forms[r->kind].field +
				    below(f, forms[r->kind].count);
	__u64 old = get_field(r, field);

	switch (field->what & ~OUTPUT) {
	case LENGTH:
		set_field(r, field, odd_length(f, old));
		break;
	case POINTER:
		set_field(r, field, odd_pointer(f, r, old));
		break;
	default:
		set_field(r, field, odd_number(f, old));
	}
	if (!(field->what & OUTPUT))
		r->answer = NULL;
	if (!r->spoilt++)
		r->first_spoilt = field->name;
}

/*
 * Numbers of an RSA request are only made odd, zero, or something in the lower
 * bytes: a long exponent costs a hundred times what a short one does.
 */
static void spoil_bytes(struct fuzzer *f, struct request *r, struct space *s)
{
	const struct range *b = &r->buffer[below(f, r->nr_buffers)];
	__u8 *mine = s->mine + (b->at - s->user);
	unsigned int n = 1 + below(f, 4), span = b->len;

	if (r->kind == ME || r->kind == CRT) {
		if (!below(f, 8))
			memset(mine, 0, b->len);
		mine += b->len - 2;
		span = 2;
	} else if (below(f, 2)) {
		/* headers are more interesting than what follows */
		span = least(span, 44);
	}
	while (n--)
		mine[below(f, span)] = rnd(f);
	r->answer = NULL;
	if (!r->spoilt++)
		r->first_spoilt = "bytes";
}

static void may_change(struct request *r, const void *at, size_t len)
{
	r->may_change[r->nr_may_change++] = (struct range) { (__u8 *)at, len };
}

static void arg_may_change(struct request *r, const struct field *field)
{
	may_change(r, r->arg_at + field->at, field->size);
}

/* Everything that the kernel may write to, as the request says */
static void find_may_change(struct request *r)
{
	size_t most = r->racing ? RACE_SIZE : SIZE_MAX;
	unsigned int i;

	switch (r->kind) {
	case ME:
		may_change(r, r->arg.me.outputdata,
			   r->racing ? most : least(r->arg.me.inputdatalength,
						    r->arg.me.outputdatalength));
		break;
	case CRT:
		may_change(r, r->arg.crt.outputdata,
			   r->racing ? most : least(r->arg.crt.inputdatalength,
						    r->arg.crt.outputdatalength));
		break;
	case CPRB:
		may_change(r, r->arg.xcrb.reply_control_blk_addr,
			   r->racing ? most : r->arg.xcrb.reply_control_blk_length);
		may_change(r, r->arg.xcrb.reply_data_addr,
			   r->racing ? most : r->arg.xcrb.reply_data_length);
		arg_may_change(r, &cprb_fields[ARRAY_SIZE(cprb_fields) - 1]);
		break;
	case EP11:
		may_change(r, r->arg.urb.resp,
			   r->racing ? most : r->arg.urb.resp_len);
		break;
	default:
		return;
	}
	for (i = 0; i < forms[r->kind].count; i++)
		if (forms[r->kind].field[i].what == (LENGTH | OUTPUT))
			arg_may_change(r, &forms[r->kind].field[i]);
}

/* ---- the other thread ---- */

static void race_begin(struct fuzzer *f, const struct request *r)
{
	unsigned int i;

	pthread_mutex_lock(&f->flips_lock);
	f->nr_flips = 0;
	for (i = 0; i < forms[r->kind].count; i++) {
		const struct field *field = &forms[r->kind].field[i];

		if ((field->what & ~OUTPUT) == LENGTH)
			f->flips[f->nr_flips++] = (struct range) {
				r->arg_at + field->at, field->size,
			};
	}
	/* the beginning of a message */
	f->flips[f->nr_flips++] = (struct range) {
		r->buffer[0].at, least(r->buffer[0].len, 60),
	};
	pthread_mutex_unlock(&f->flips_lock);
	atomic_store(&f->is_racing, true);
}

static void race_end(struct fuzzer *f)
{
	pthread_mutex_lock(&f->flips_lock);
	atomic_store(&f->is_racing, false);
	if (mmap(f->race, RACE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, f->race_fd, 0) == MAP_FAILED)
		fail("mmap");
	pthread_mutex_unlock(&f->flips_lock);
}

/* Lengths stay short: what follows the memory of the race is nobody's */
static void flip(struct fuzzer *f, struct fuzzer *dice)
{
	struct range *r = &f->flips[below(dice, f->nr_flips)];
	__u8 *at = f->alias + (r->at - f->race);

	if (r->len <= 8) {
		at[r->len - 1] = rnd(dice);
		if (r->len > 1)
			at[r->len - 2] = below(dice, 4);
	} else {
		at[below(dice, r->len)] = rnd(dice);
	}
}

static void disturb(struct fuzzer *f, struct fuzzer *dice)
{
	__u8 *at = f->race + below(dice, RACE_SIZE / PAGE) * PAGE;

	pthread_mutex_lock(&f->flips_lock);
	if (atomic_load(&f->is_racing)) {
		switch (below(dice, 8)) {
		case 0:
			mprotect(at, PAGE, PROT_NONE);
			break;
		case 1:
			mprotect(at, PAGE, PROT_READ);
			break;
		case 2:
			munmap(at, PAGE);
			break;
		case 3:
			mmap(f->race, RACE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_FIXED, f->race_fd, 0);
			break;
		default:
			flip(f, dice);
		}
	}
	pthread_mutex_unlock(&f->flips_lock);
}

static void on_signal(int unused)
{
	(void)unused;
}

/*
 * A request that is restarted begins anew, and its card goes on with what it
 * has begun: a slow one would never end.
 */
static bool is_slow(struct fuzzer *f)
{
	__u64 since = atomic_load(&f->since);

	return since && now_ns() > since + SLOW_NS;
}

/* Also interrupts the others now and then, as a timer of theirs would */
static void *race(void *unused)
{
	struct timespec pause = { .tv_nsec = 50000 };
	struct fuzzer dice = { .random = mix(seed ^ ~0ull) };
	unsigned int i, turn = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		for (i = 0; i < nr_threads; i++)
			if (atomic_load(&fuzzers[i].is_racing))
				disturb(&fuzzers[i], &dice);
		if (++turn % 256 == 0) {
			i = below(&dice, nr_threads);
			if (!atomic_load(&fuzzers[i].finished) &&
			    !is_slow(&fuzzers[i]))
				pthread_kill(fuzzers[i].thread, SIGUSR1);
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- one request ---- */

static bool admitted(enum kind kind, int err)
{
	unsigned int i;

	if (!err)
		return true;
	for (i = 0; kinds[kind].errors[i]; i++)
		if (kinds[kind].errors[i] == err)
			return true;
	for (i = 0; lies && kinds[kind].errors_of_lies[i]; i++)
		if (kinds[kind].errors_of_lies[i] == err)
			return true;
	return false;
}

static bool in_range(const struct range *r, const __u8 *at)
{
	return at >= r->at && (size_t)(at - r->at) < r->len;
}

static void check_memory(struct fuzzer *f, const struct request *r)
{
	unsigned int i, j;

	if (!memcmp(f->work, f->shadow, WORK_SIZE))
		return;
	for (i = 0; i < WORK_SIZE; i++) {
		if (f->work[i] == f->shadow[i])
			continue;
		for (j = 0; j < r->nr_may_change; j++)
			if (in_range(&r->may_change[j], f->work + i))
				break;
		if (j < r->nr_may_change)
			continue;
		f->stray++;
		offence(f, r, "memory beside the result was written, offset", i);
		return;
	}
}

/* The result, when it went to where we can see it undisturbed */
static void check_answer(struct fuzzer *f, const struct request *r)
{
	const __u8 *out = r->kind == ME ? r->arg.me.outputdata :
					  r->arg.crt.outputdata;

	if (!r->answer || r->racing || out < f->work ||
	    out + r->answer_len > f->work + WORK_SIZE)
		return;
	/* The length is written after the result, perhaps onto it */
	if (out < r->arg_at + r->arg_len && r->arg_at < out + r->answer_len)
		return;
	f->known++;
	if (memcmp(out, r->answer, r->answer_len)) {
		f->wrong++;
		if (!garbled)
			offence(f, r, "wrong result, first byte", out[0]);
	}
}

/* ---- coverage ---- */

static void trace_open(struct fuzzer *f)
{
	int fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, TRACE_LEN))
		fail(KCOV_FILE);
	f->trace = mmap(NULL, TRACE_LEN * sizeof(long), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (f->trace == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		fail(KCOV_FILE);
}

/* Whether it was not there before; none is 0 */
static bool reach(unsigned long pc)
{
	unsigned int i, at = mix(pc) % MAX_PCS;

	for (i = 0; i < MAX_PCS; i++, at = (at + 1) % MAX_PCS) {
		unsigned long there = atomic_load(&reached[at]);

		if (!there && atomic_compare_exchange_strong(&reached[at], &there, pc)) {
			atomic_fetch_add(&nr_reached, 1);
			return true;
		}
		if (there == pc)
			return false;
	}
	return false;
}

static void trace_begin(struct fuzzer *f)
{
	if (f->trace)
		__atomic_store_n(&f->trace[0], 0, __ATOMIC_RELAXED);
}

static void trace_end(struct fuzzer *f)
{
	unsigned long i, n;

	if (!f->trace)
		return;
	n = __atomic_load_n(&f->trace[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < TRACE_LEN; i++)
		f->reached_new |= reach(f->trace[i]);
}

static void keep_tape(struct fuzzer *f)
{
	struct tape *t = malloc(sizeof(*t));
	unsigned int n;

	if (!t)
		fail("malloc");
	*t = *f->tape;
	t->len = t->at;
	pthread_mutex_lock(&kept_lock);
	n = atomic_load(&nr_kept);
	if (n < MAX_KEPT) {
		kept[n] = t;
		atomic_store(&nr_kept, n + 1);
	} else {
		free(t);
	}
	pthread_mutex_unlock(&kept_lock);
}

/* A kept one with some draws changed, or cut off; with dice of its own */
static void change_tape(struct fuzzer *f, struct fuzzer *dice)
{
	struct tape *t = f->tape;
	unsigned int n = atomic_load(&nr_kept);

	t->len = 0;
	if (n && chance(dice, 80)) {
		*t = *kept[below(dice, n)];
		if (t->len && chance(dice, 20))
			t->len = below(dice, t->len);
		for (n = 1 + below(dice, 4); n && t->len; n--)
			t->draw[below(dice, t->len)] = rnd(dice);
	}
	t->at = 0;
}

static void load_tape(struct tape *t)
{
	const char *text = replay;
	char *end;

	t->at = 0;
	for (t->len = 0; *text && t->len < MAX_TAPE; text = end + (*end == ',')) {
		t->draw[t->len++] = strtoull(text, &end, 16);
		if (end == text) {
			fprintf(stderr, "ap_fuzz: '%s' is no tape\n", text);
			exit(2);
		}
	}
}

/* The next reply, in one of the ways of apsim's README.rst */
static void spoil_reply(struct fuzzer *f)
{
	char rule[100];
	int n = snprintf(rule, sizeof(rule),
			 "add apqn=* insn=REPLY do=mutate=%02x seed=%u count=1",
			 1u << below(f, 8), below(f, 1000000));

	/* what the last request has not used goes first */
	if (write(faults_fd, "clear", 5) != 5 ||
	    (chance(f, 75) && write(faults_fd, rule, n) != n))
		fail(faults);
}

static int issue(struct fuzzer *f, const struct request *r, int fd)
{
	__u64 begin = now_ns(), took;
	int err;

	if (faults)
		spoil_reply(f);
	atomic_store(&f->since, begin);
	trace_begin(f);
	err = ioctl(fd, r->cmd, r->arg_at) ? errno : 0;
	trace_end(f);
	atomic_store(&f->since, 0);
	took = now_ns() - begin;
	if (took > f->longest_ns) {
		f->longest_ns = took;
		f->longest_nr = r->nr;
	}
	f->results += mix(mix(r->nr * NR_KINDS + r->kind) + err);
	f->spent_ns[r->kind] += took;
	f->errors[r->kind][err < MAX_ERRNO ? err : 0]++;
	if (!admitted(r->kind, err)) {
		f->odd++;
		offence(f, r, errno_name(err), err);
	}
	return err;
}

static enum kind any_kind(struct fuzzer *f)
{
	static const enum kind often[] = {
		ME, ME, ME, ME, ME, CRT, CRT, CPRB, CPRB, CPRB, CPRB, CPRB,
		CPRB, EP11, EP11, EP11, EP11, EP11, STATUS, UNKNOWN,
	};

	return often[below(f, ARRAY_SIZE(often))];
}

static void do_status(struct fuzzer *f, struct request *r)
{
	unsigned int i = below(f, ARRAY_SIZE(status));
	size_t len = status[i].size;
	__u8 *end = f->wide + WIDE_SIZE;
	int j;

	/* a few that take a while */
	if (len > PAGE && below(f, 16))
		len = status[i = 2].size;
	r->cmd = status[i].cmd;
	r->arg_at = end - len;
	if (chance(f, 30)) {
		r->buffer[r->nr_buffers++] = (struct range) { f->work, 64 };
		r->arg_len = len;
		r->spoilt = 1;
		/* what it writes to there it may */
		r->arg_at = (__u8 *)odd_pointer(f, r, (__u64)r->arg_at);
		may_change(r, r->arg_at, len);
	}
	for (j = 1; j <= 64; j++)
		end[-(long)len - j] = 0xa5;
	issue(f, r, f->fd);
	for (j = 1; j <= 64 && !r->spoilt; j++) {
		if (end[-(long)len - j] == 0xa5)
			continue;
		f->stray++;
		offence(f, r, "memory before the answer was written", j);
		break;
	}
}

static void do_unknown(struct fuzzer *f, struct request *r)
{
	unsigned int i;

	r->cmd = _IOC(below(f, 4), ZCRYPT_IOCTL_MAGIC, below(f, 256),
		      below(f, 2) ? below(f, 1 << _IOC_SIZEBITS) : 0);
	for (i = 0; i < ARRAY_SIZE(status); i++)
		if (status[i].cmd == r->cmd)
			r->cmd ^= 1 << _IOC_SIZESHIFT;
	for (i = 0; i < STATUS; i++)
		if (kinds[i].cmd == r->cmd)
			r->cmd ^= 1 << _IOC_SIZESHIFT;
	r->arg_at = f->work + below(f, WORK_SIZE);
	issue(f, r, f->fd);
}

static void do_request(struct fuzzer *f, struct request *r)
{
	struct space work = { f->work, f->shadow, WORK_SIZE, 0 };
	struct space away = { f->race, f->alias, RACE_SIZE, 0 };
	struct space *s = &work;
	unsigned int n;
	int err;

	if (!r->verify && chance(f, race_percent)) {
		s = &away;
		r->racing = true;
	}
	memcpy(s->mine, pristine, s->size);
	f->tight = below(f, 12);
	r->cmd = kinds[r->kind].cmd;
	r->arg_len = forms[r->kind].size;
	makers[r->kind](f, r, s);
	r->arg_at = put(f, r, s, NULL, r->arg_len);
	if (!r->verify && chance(f, spoil_percent) && !r->racing) {
		for (n = 1 + below(f, 3); n; n--) {
			if (chance(f, 20))
				spoil_bytes(f, r, s);
			else
				spoil_field(f, r);
		}
	}
	memcpy(s->mine + (r->arg_at - s->user), &r->arg, r->arg_len);
	memcpy(f->work, f->shadow, WORK_SIZE);
	if (chance(f, 3) && r->spoilt) {
		r->arg_at = (__u8 *)odd_pointer(f, r, (__u64)r->arg_at);
		r->answer = NULL;
	}
	find_may_change(r);

	if (r->racing)
		race_begin(f, r);
	err = issue(f, r, r->verify ? f->verify_fd : f->fd);
	if (r->racing)
		race_end(f);
	if (!err)
		check_answer(f, r);
	if (err && r->verify && !lies) {
		f->failed++;
		offence(f, r, "a valid request has failed", err);
	}
	check_memory(f, r);
}

static void do_number(struct fuzzer *f, unsigned long nr)
{
	struct request r = { .nr = nr, .verify = nr % verify_every == 0 };

	struct fuzzer dice = { .random = mix(seed) ^ mix(nr + 1) };

	f->random = ~dice.random;
	f->reached_new = false;
	if (replay)
		load_tape(f->tape);
	else if (cover == COVER_GUIDE)
		change_tape(f, &dice);
	else
		f->random = dice.random;
	/* a private key takes ten times as long */
	r.kind = r.verify ? (below(f, 8) ? ME : CRT) : any_kind(f);
	if (r.kind == STATUS)
		do_status(f, &r);
	else if (r.kind == UNKNOWN)
		do_unknown(f, &r);
	else
		do_request(f, &r);
	if (f->reached_new && f->tape)
		keep_tape(f);
}

static void *fuzz(void *arg)
{
	struct fuzzer *f = arg;
	unsigned long i;

	if (cover != COVER_OFF)
		trace_open(f);
	for (i = f->nr; i < count && !atomic_load(&stop); i += nr_threads)
		do_number(f, first + i);
	atomic_store(&f->finished, true);
	return NULL;
}

/* ---- all of it ---- */

static __u8 *map(__u8 *at, size_t size, int prot, int flags, int fd)
{
	at = mmap(at, size, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

static int open_node(const char *name)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "ap_fuzz: %s: %s\n", name, strerror(errno));
		exit(4);
	}
	return fd;
}

static void prepare(struct fuzzer *f, unsigned int nr)
{
	const int rw = PROT_READ | PROT_WRITE;
	size_t all = 6 * PAGE + WORK_SIZE + FIXED_SIZE + RACE_SIZE + WIDE_SIZE;
	__u8 *at = map(NULL, all, PROT_NONE, MAP_PRIVATE, -1);

	f->nr = nr;
	f->fd = open_node(device);
	f->verify_fd = open_node(verify_device ? verify_device : device);
	f->nothing = at;
	f->work = map(at + PAGE, WORK_SIZE, rw, MAP_PRIVATE | MAP_FIXED, -1);
	at = f->work + WORK_SIZE + PAGE;
	f->fixed = map(at, FIXED_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1);
	at = f->fixed + FIXED_SIZE + PAGE;
	f->race_fd = memfd_create("race", MFD_CLOEXEC);
	if (f->race_fd < 0 || ftruncate(f->race_fd, RACE_SIZE))
		fail("memfd");
	f->race = map(at, RACE_SIZE, rw, MAP_SHARED | MAP_FIXED, f->race_fd);
	f->alias = map(NULL, RACE_SIZE, rw, MAP_SHARED, f->race_fd);
	at = f->race + RACE_SIZE + PAGE;
	/* one more page, for the canary before the longest answer */
	f->wide = map(at, WIDE_SIZE + PAGE, rw, MAP_PRIVATE | MAP_FIXED, -1);
	f->wide += PAGE;
	f->shadow = malloc(WORK_SIZE);
	if (!f->shadow)
		fail("malloc");
	memcpy(f->shadow, pristine, WORK_SIZE);
	pthread_mutex_init(&f->flips_lock, NULL);
	if (replay || cover == COVER_GUIDE)
		f->tape = calloc(1, sizeof(*f->tape));
	if (faults)
		faults_fd = open(faults, O_WRONLY | O_CLOEXEC);
	if (faults && faults_fd < 0)
		fail(faults);
}

/* Whether all threads are done; ends the program if one hangs */
static bool all_done(void)
{
	bool done = true;
	unsigned int i;

	for (i = 0; i < nr_threads; i++) {
		__u64 since = atomic_load(&fuzzers[i].since), now = now_ns();

		done &= atomic_load(&fuzzers[i].finished);
		if (!since || now < since || now - since < HANG_S * 1000000000ull)
			continue;
		printf("stuck: thread %u is in an ioctl for %d s\n", i, HANG_S);
		fflush(NULL);
		_exit(1);
	}
	return done;
}

static bool report(double took)
{
	unsigned long known = 0, wrong = 0, stray = 0, odd = 0, failed = 0;
	unsigned long n, all = 0;
	__u64 longest = 0, spent, results = 0;
	unsigned long longest_nr = 0;
	unsigned int i;
	int k, e;

	for (k = 0; k < NR_KINDS; k++) {
		printf("%s", kinds[k].name);
		for (e = 0; e < MAX_ERRNO; e++) {
			for (n = 0, i = 0; i < nr_threads; i++)
				n += fuzzers[i].errors[k][e];
			if (n)
				printf(" %s %lu", errno_name(e), n);
			all += n;
		}
		for (spent = 0, i = 0; i < nr_threads; i++)
			spent += fuzzers[i].spent_ns[k];
		printf(" spent_ms %.0f\n", spent / 1e6);
	}
	for (i = 0; i < nr_threads; i++) {
		known += fuzzers[i].known;
		wrong += fuzzers[i].wrong;
		stray += fuzzers[i].stray;
		odd += fuzzers[i].odd;
		failed += fuzzers[i].failed;
		results += fuzzers[i].results;
		if (fuzzers[i].longest_ns > longest) {
			longest = fuzzers[i].longest_ns;
			longest_nr = fuzzers[i].longest_nr;
		}
	}
	printf("ioctls %lu seconds %.1f longest_ms %.0f (number %lu)\n", all,
	       took, longest / 1e6, longest_nr);
	printf("results %016llx\n", (unsigned long long)results);
	if (cover != COVER_OFF)
		printf("places %u tapes %u\n", atomic_load(&nr_reached),
		       atomic_load(&nr_kept));
	printf("known %lu wrong %lu failed %lu odd_errno %lu stray_writes %lu\n",
	       known, wrong, failed, odd, stray);
	return (garbled || !wrong) && !stray && !odd && !failed &&
	       (seconds || all == count);
}

static unsigned long parse(const char *text, unsigned long min,
			   unsigned long max)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || val < min ||
	    val > max) {
		fprintf(stderr, "ap_fuzz: '%s' is not a number from %lu to %lu\n",
			text, min, max);
		exit(2);
	}
	return val;
}

static void help(FILE *to)
{
	fputs("usage: ap_fuzz [--count N] [--seconds N] [--seed N] [--first N] [--threads N]\n"
	      "	[--device NODE] [--verify NODE] [--verify-every N]\n"
	      "	[--spoil PERCENT] [--race PERCENT] [--lies] [--garbled]\n"
	      "	[--cover count|guide] [--replay TAPE] [--faults FILE]\n"
	      "--seconds: no longer than that, however many it were by then\n"
	      "--lies: replies are spoilt, requests may fail\n"
	      "--garbled: results may be wrong\n"
	      "--cover: count places of the kernel's code, or go for new ones\n"
	      "--faults: spoil replies by this file of apsim; one thread\n", to);
}

static void options(int argc, char **argv)
{
	static const struct option list[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 'u' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "threads", required_argument, NULL, 't' },
		{ "device", required_argument, NULL, 'd' },
		{ "verify", required_argument, NULL, 'v' },
		{ "verify-every", required_argument, NULL, 'e' },
		{ "spoil", required_argument, NULL, 'p' },
		{ "race", required_argument, NULL, 'r' },
		{ "lies", no_argument, NULL, 'l' },
		{ "garbled", no_argument, NULL, 'g' },
		{ "cover", required_argument, NULL, 'o' },
		{ "replay", required_argument, NULL, 'y' },
		{ "faults", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	seed = now_ns() % 1000000000;
	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'c':
			count = parse(optarg, 1, 1000000000);
			break;
		case 'u':
			seconds = parse(optarg, 1, 1000000);
			break;
		case 's':
			seed = parse(optarg, 0, ~0ul);
			break;
		case 'f':
			first = parse(optarg, 0, ~0ul >> 1);
			break;
		case 't':
			nr_threads = parse(optarg, 1, MAX_THREADS);
			break;
		case 'd':
			device = optarg;
			break;
		case 'v':
			verify_device = optarg;
			break;
		case 'e':
			verify_every = parse(optarg, 1, 1000000000);
			break;
		case 'p':
			spoil_percent = parse(optarg, 0, 100);
			break;
		case 'r':
			race_percent = parse(optarg, 0, 100);
			break;
		case 'g':
			garbled = true;
			break;
		case 'l':
			lies = true;
			break;
		case 'o':
			cover = strcmp(optarg, "guide") ? COVER_COUNT : COVER_GUIDE;
			break;
		case 'y':
			replay = optarg;
			count = 1;
			break;
		case 'a':
			faults = optarg;
			lies = true;
			break;
		case 'h':
			help(stdout);
			exit(0);
		default:
			help(stderr);
			exit(2);
		}
	}
	if (optind < argc || (faults && nr_threads > 1)) {
		help(stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct sigaction restart = {
		.sa_handler = on_signal,
		.sa_flags = SA_RESTART,
	};
	pthread_t racer;
	unsigned int i;
	__u64 begin;

	options(argc, argv);
	printf("seed %lu first %lu count %lu threads %u device %s\n", seed, first,
	       count, nr_threads, device);
	fflush(stdout);
	sigaction(SIGUSR1, &restart, NULL);
	fuzzers = calloc(nr_threads, sizeof(*fuzzers));
	if (!fuzzers)
		fail("calloc");
	fuzzers[0].random = mix(seed);
	for (i = 0; i < sizeof(pristine); i++)
		pristine[i] = rnd(&fuzzers[0]);
	for (i = 0; i < nr_threads; i++)
		prepare(&fuzzers[i], i);
	begin = now_ns();
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&fuzzers[i].thread, NULL, fuzz, &fuzzers[i]))
			fail("pthread_create");
	if (race_percent && pthread_create(&racer, NULL, race, NULL))
		fail("pthread_create");
	while (!all_done()) {
		if (seconds && now_ns() - begin > seconds * 1000000000ull)
			atomic_store(&stop, true);
		usleep(20000);
	}
	atomic_store(&stop, true);
	if (race_percent)
		pthread_join(racer, NULL);
	for (i = 0; i < nr_threads; i++)
		pthread_join(fuzzers[i].thread, NULL);
	return report((now_ns() - begin) / 1e9) ? 0 : 1;
}
