// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of apsim: requests to coprocessors
 *
 * They go around the instructions: a message is handed to a queue's worker, as
 * it were, and its reply looked at.  Cards and queues are the tests' own and
 * known to nobody else, but some tests switch arithmetic off for all, so they
 * are skipped while there is an AP bus.
 *
 * Requests are made as drivers/s390/crypto of Linux 6.12 makes them.
 */

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "apsim.h"
#include "apsim_test_key.h"

#define MSG_MAX		8192
#define HEAD		0x58		/* of a request */
#define REPLY_HEAD	48
#define CPRBX		220
#define EP11_CPRB	32
#define DOMAIN		1

/* Where things are in a request. */
#define OFFSET1		16
#define OFFSET2		20
#define OFFSET3		24
#define AGENT		32
#define FUNCTION	52
#define TO_CARD1	56
#define TO_CARD2	60
#define FROM_CARD1	72
#define FROM_CARD2	76
#define CPRB		HEAD
#define CPRB_VERSION	(CPRB + 2)
#define CPRB_FUNC_ID	(CPRB + 6)
#define CPRB_REQ_PARML	(CPRB + 12)
#define CPRB_RPL_DATAL	(CPRB + 28)
#define CPRB_DOMAIN	(CPRB + 170)
#define EP11_FLAGS	(CPRB + 5)
#define EP11_TARGET	(CPRB + 12)
#define EP11_LENGTH	(CPRB + 28)
#define PARM		(CPRB + CPRBX)
#define RULES		(PARM + 2)
#define TEXT		(RULES + 10)
#define PAYLOAD		(CPRB + EP11_CPRB)

/* Where things are in a reply. */
#define COUNT1		16
#define COUNT2		24
#define RTCODE		(REPLY_HEAD + 144)
#define RSCODE		(RTCODE + 2)
#define RESULT_LEN	(REPLY_HEAD + CPRBX + 4)

/**
 * struct fixture - what a test works with
 * @card: a card
 * @q: its only queue
 * @msg: the request
 * @len: its length
 * @reply: the reply
 * @reply_len: its length
 */
struct fixture {
	struct apsim_card card;
	struct apsim_queue *q;
	u8 msg[MSG_MAX];
	u32 len;
	u8 reply[MSG_MAX];
	u32 reply_len;
};

/* ---- making requests ---- */

static void add(struct fixture *f, const void *bytes, u32 n)
{
	memcpy(f->msg + f->len, bytes, n);
	f->len += n;
}

static void add_zero(struct fixture *f, u32 n)
{
	memset(f->msg + f->len, 0, n);
	f->len += n;
}

static void add16(struct fixture *f, u16 val)
{
	put_unaligned_be16(val, f->msg + f->len);
	f->len += sizeof(val);
}

static void add32(struct fixture *f, u32 val)
{
	put_unaligned_be32(val, f->msg + f->len);
	f->len += sizeof(val);
}

/* A number in a field of @size bytes */
static void add_number(struct fixture *f, const u8 *number, u32 len, u32 size)
{
	add_zero(f, size - len);
	add(f, number, len);
}

static u16 get16(const u8 *at)
{
	return get_unaligned_be16(at);
}

static u32 get32(const u8 *at)
{
	return get_unaligned_be32(at);
}

static void set16(struct fixture *f, u32 at, u16 val)
{
	put_unaligned_be16(val, f->msg + at);
}

static void set32(struct fixture *f, u32 at, u32 val)
{
	put_unaligned_be32(val, f->msg + at);
}

static void begin(struct fixture *f, const char *agent)
{
	f->len = 0;
	add_zero(f, HEAD);
	f->msg[1] = 0x06;
	set32(f, OFFSET1, HEAD);
	memcpy(f->msg + AGENT, agent, 2);
	set32(f, FROM_CARD1, 2048);
}

/* A CPRB up to the first keyword */
static void begin_cca(struct fixture *f, const char *function, const char *keyword)
{
	begin(f, "CA");
	memcpy(f->msg + FUNCTION, function, 2);
	add_zero(f, CPRBX);
	set16(f, CPRB, CPRBX);
	f->msg[CPRB_VERSION] = 2;
	memcpy(f->msg + CPRB_FUNC_ID, "T2", 2);
	set16(f, CPRB_DOMAIN, DOMAIN);
	add(f, function, 2);
	add16(f, 10);
	add(f, keyword, 8);
}

static void end_cca(struct fixture *f)
{
	set32(f, TO_CARD1, f->len - HEAD);
	set32(f, CPRB_REQ_PARML, f->len - PARM);
}

/* The key block, token and section headers before @len bytes of a section */
static void add_key_head(struct fixture *f, u8 section, u16 len, u16 more)
{
	u16 token = 8 + 4 + len + more;

	add16(f, 6 + token);
	add16(f, 4 + token);
	add16(f, 0);
	add16(f, 0x1e00);
	add16(f, token);
	add32(f, 0);
	add16(f, section << 8);
	add16(f, 4 + len);
}

static void make_me(struct fixture *f, u32 size)
{
	begin_cca(f, "PK", "MRP     ");
	add16(f, 2 + size);
	add_number(f, key_in, sizeof(key_in), size);
	add_key_head(f, 0x04, 8 + 2 * size, 0);
	add16(f, 0);
	add16(f, size);
	add16(f, 8 * size);
	add16(f, size);
	add_number(f, key_d, sizeof(key_d), size);
	add_number(f, key_n, sizeof(key_n), size);
	end_cca(f);
}

/* 2 to the power of (bits + 5) modulo (2 to the power of bits) - 1 is 32. */
static void make_me_sized(struct fixture *f, u32 size)
{
	static const u8 two = 2;
	u8 exp[4];

	put_unaligned_be32(8 * size + 5, exp);
	begin_cca(f, "PK", "MRP     ");
	add16(f, 2 + size);
	add_number(f, &two, 1, size);
	add_key_head(f, 0x04, 8 + 2 * size, 0);
	add16(f, 0);
	add16(f, size);
	add16(f, 8 * size);
	add16(f, size);
	add_number(f, exp, sizeof(exp), size);
	memset(f->msg + f->len, 0xff, size);
	f->len += size;
	end_cca(f);
}

#define CRT_SIZE	64
#define CRT_HALF	32
#define CRT_LONG	(CRT_HALF + 8)
#define CRT_PARTS	(3 * CRT_LONG + 2 * CRT_HALF)
#define CRT_KEY		(TEXT + 2 + CRT_SIZE)	/* where the key block is */
#define CRT_SECTION	(CRT_KEY + 18)		/* behind its head */
#define CRT_NUMBERS	(CRT_SECTION + 128)

static void make_crt(struct fixture *f)
{
	begin_cca(f, "PD", "ZERO-PAD");
	add16(f, 2 + CRT_SIZE);
	add(f, key_in, CRT_SIZE);
	add_key_head(f, 0x08, 128 + CRT_PARTS + CRT_SIZE, 15);
	add_zero(f, 24);
	add16(f, 0x4000);
	add_zero(f, 24);
	add16(f, CRT_LONG);
	add16(f, CRT_HALF);
	add16(f, CRT_LONG);
	add16(f, CRT_HALF);
	add16(f, CRT_LONG);
	add16(f, CRT_SIZE);
	add_zero(f, 66);
	add_number(f, key_p, CRT_HALF, CRT_LONG);
	add_number(f, key_q, CRT_HALF, CRT_HALF);
	add_number(f, key_dp, CRT_HALF, CRT_LONG);
	add_number(f, key_dq, CRT_HALF, CRT_HALF);
	add_number(f, key_u, CRT_HALF, CRT_LONG);
	memset(f->msg + f->len, 0xff, CRT_SIZE);
	f->len += CRT_SIZE;
	/* a public section without a modulus */
	add16(f, 0x0400);
	add16(f, 15);
	add_zero(f, 11);
	end_cca(f);
}

static void make_random(struct fixture *f, u32 n)
{
	begin_cca(f, "RL", "RANDOM  ");
	add16(f, 2);
	add16(f, 2);
	end_cca(f);
	set32(f, FROM_CARD1, CPRBX + 16);
	set32(f, FROM_CARD2, n);
	set32(f, CPRB_RPL_DATAL, n);
}

static void make_query(struct fixture *f, const char *keyword)
{
	begin_cca(f, "FQ", keyword);
	add16(f, 2 + 100);
	add_zero(f, 100);
	add16(f, 2);
	end_cca(f);
}

static void make_query_a(struct fixture *f)
{
	make_query(f, "STATICSA");
}

static void make_me_512(struct fixture *f)
{
	make_me(f, sizeof(key_n));
}

static void make_random_100(struct fixture *f)
{
	make_random(f, 100);
}

static void add_word(struct fixture *f, u32 val)
{
	add16(f, 0x0404);
	add32(f, val);
}

static void make_ep11(struct fixture *f, u32 function, u32 nr, u32 arg)
{
	u32 i;

	begin(f, "XC");
	add_zero(f, EP11_CPRB);
	set16(f, CPRB, EP11_CPRB);
	f->msg[CPRB_VERSION] = 4;
	memcpy(f->msg + CPRB_FUNC_ID, "T4", 2);
	set32(f, EP11_TARGET, DOMAIN);
	set32(f, EP11_LENGTH, 4 + 6 * (2 + nr));
	add16(f, 0x3082);
	add16(f, 6 * (2 + nr));
	add_word(f, 1 << 16 | function);
	add_word(f, DOMAIN);
	for (i = 0; i < nr; i++)
		add_word(f, i ? 0 : arg);
	set32(f, TO_CARD1, f->len - HEAD);
}

static void make_module_info(struct fixture *f)
{
	make_ep11(f, 38, 2, 1);
}

static void make_domain_info(struct fixture *f)
{
	make_ep11(f, 38, 2, 3);
}

/* One of each kind */
static const struct sample {
	const char *type;
	const char *name;
	void (*make)(struct fixture *f);
} samples[] = {
	{ "8c", "ME", make_me_512 },
	{ "8c", "CRT", make_crt },
	{ "8c", "random", make_random_100 },
	{ "8c", "query", make_query_a },
	{ "8p", "module", make_module_info },
	{ "8p", "domain", make_domain_info },
};

/*
 * A case of its own for each: whoever loads the module waits for one case at a
 * time, and a kernel that looks for hung tasks grants a minute.
 */
static void sample_desc(const struct sample *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sample, samples, sample_desc);

/* ---- sending them ---- */

static void use_card(struct fixture *f, const char *type)
{
	memset(&f->card, 0, sizeof(f->card));
	memset(&f->q->keys, 0, sizeof(f->q->keys));
	f->card.id = 7;
	f->card.type = apsim_type_find(type, 2);
	f->q->card = &f->card;
	f->q->domain = DOMAIN;
	apsim_firmware_card(&f->card);
	apsim_firmware_queue(f->q);
}

static void keep_reply(struct fixture *f, struct apsim_reply *rep)
{
	memcpy(f->reply, rep->head, rep->hlen);
	if (rep->body)
		memcpy(f->reply + rep->hlen, rep->body, rep->len - rep->hlen);
	f->reply_len = rep->len;
	kfree_sensitive(rep->body);
}

/*
 * Sends the first @len bytes, from memory that ends there.  Returns 0 when
 * there is a reply of type 86, or the code of the error reply; -1 when it is
 * neither.
 */
static int send(struct kunit *test, struct fixture *f, u32 len)
{
	u8 *exact = kmemdup(f->msg, len, GFP_KERNEL);
	struct apsim_reply rep = {};
	struct apsim_job job;

	memset(f->reply, 0xee, sizeof(f->reply));
	KUNIT_ASSERT_NOT_NULL(test, exact);
	KUNIT_EXPECT_EQ(test, apsim_msg_take(&job, &rep, f->card.type->mode,
					     (unsigned long)exact, len), 0);
	if (job.req) {
		apsim_msg_compute(f->q, &job, &rep);
		kfree_sensitive(job.req);
	}
	kfree(exact);
	keep_reply(f, &rep);
	if (f->reply[1] == 0x82 && f->reply_len == 8)
		return f->reply[4];
	return f->reply[1] == 0x86 && !f->reply[4] ? 0 : -1;
}

/* All lengths a reply tells are those it has. */
static bool well_formed(const struct fixture *f)
{
	u32 n1 = get32(f->reply + COUNT1), n2 = get32(f->reply + COUNT2);
	u32 end = REPLY_HEAD + n1;

	if (get32(f->reply + COUNT1 + 4) != REPLY_HEAD || n1 > MSG_MAX)
		return false;
	if (n2) {
		end = get32(f->reply + COUNT2 + 4);
		if (end < REPLY_HEAD + n1 || end & 3 || n2 > MSG_MAX)
			return false;
		end += n2;
	}
	return end == f->reply_len;
}

static void expect_reply(struct kunit *test, struct fixture *f, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(test, send(test, f, f->len), 0, "%s", what);
	KUNIT_EXPECT_TRUE_MSG(test, well_formed(f), "%s", what);
}

static void expect_verdict(struct kunit *test, struct fixture *f, u16 rc, u16 rs,
			   const char *what)
{
	expect_reply(test, f, what);
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + RTCODE), rc, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + RSCODE), rs, "%s", what);
	if (!rc)
		return;
	/* where a result would be there is an empty one, and an empty key */
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + RESULT_LEN), 2, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, f->reply_len, RESULT_LEN + 4U, "%s", what);
}

static void expect_result(struct kunit *test, struct fixture *f, u32 size,
			  const char *what)
{
	expect_verdict(test, f, 0, 0, what);
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + RESULT_LEN), 2 + size, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, f->reply_len, RESULT_LEN + 2 + size + 2, "%s", what);
}

static void expect_code(struct kunit *test, struct fixture *f, u8 code,
			const char *what)
{
	KUNIT_EXPECT_EQ_MSG(test, send(test, f, f->len), code, "%s", what);
}

/* ---- RSA ---- */

static void test_me(struct kunit *test)
{
	static const u32 sizes[] = { 8, 16, 64, 125, 128, 256, 384, 512 };
	struct fixture *f = test->priv;
	const u8 *result = f->reply + RESULT_LEN + 2;
	u32 i;

	make_me_512(f);
	expect_result(test, f, 64, "512 bits");
	KUNIT_EXPECT_MEMEQ(test, result, key_out, 64);
	KUNIT_EXPECT_MEMEQ(test, f->reply + REPLY_HEAD + CPRBX, "PK", 2);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_me_sized(f, sizes[i]);
		expect_result(test, f, sizes[i], "size");
		KUNIT_EXPECT_NULL(test, memchr_inv(result, 0, sizes[i] - 1));
		KUNIT_EXPECT_EQ(test, result[sizes[i] - 1], 32);
	}
}

static void test_crt(struct kunit *test)
{
	struct fixture *f = test->priv;

	make_crt(f);
	expect_result(test, f, CRT_SIZE, "CRT");
	KUNIT_EXPECT_MEMEQ(test, f->reply + RESULT_LEN + 2, key_out, CRT_SIZE);
	KUNIT_EXPECT_MEMEQ(test, f->reply + REPLY_HEAD + CPRBX, "PD", 2);
}

/* No arithmetic: the length is right, the number is not looked at. */
static void test_null_operation(struct kunit *test)
{
	struct fixture *f = test->priv;

	WRITE_ONCE(apsim_knobs[APSIM_KNOB_RSA].val, 0);
	make_me_512(f);
	expect_result(test, f, 64, "ME");
	KUNIT_EXPECT_NULL(test, memchr_inv(f->reply + RESULT_LEN + 2, 0, 64));
	make_crt(f);
	expect_result(test, f, CRT_SIZE, "CRT");
	KUNIT_EXPECT_NULL(test, memchr_inv(f->reply + RESULT_LEN + 2, 0, 64));
}

#define ME_KEY		(TEXT + 2 + 64)
#define ME_LENGTHS	(ME_KEY + 20)	/* of exponent, modulus bits and bytes */
#define ME_EXP		(ME_LENGTHS + 6)
#define ME_MOD		(ME_EXP + 64)

static void test_bad_me(struct kunit *test)
{
	struct fixture *f = test->priv;

	make_me_512(f);
	f->msg[ME_MOD + 63] &= ~1;
	expect_verdict(test, f, 8, 65, "even modulus");
	make_me_512(f);
	memset(f->msg + ME_MOD, 0, 64);
	expect_verdict(test, f, 8, 770, "no modulus");
	make_me_512(f);
	memset(f->msg + ME_EXP, 0, 64);
	expect_verdict(test, f, 8, 66, "no exponent");
	make_me_512(f);
	memcpy(f->msg + TEXT + 2, key_n, 64);
	expect_verdict(test, f, 8, 66, "input = modulus");
	make_me(f, 513);
	expect_verdict(test, f, 8, 770, "modulus too long");
	make_me_512(f);
	set16(f, ME_LENGTHS, 60);
	set16(f, ME_LENGTHS + 4, 68);
	expect_verdict(test, f, 8, 72, "input shorter than modulus");
	make_me_512(f);
	set16(f, ME_LENGTHS + 2, 513);
	expect_verdict(test, f, 8, 770, "more bits than bytes");
	make_me_512(f);
	memcpy(f->msg + RULES + 2, "PKCS-1.2", 8);
	expect_verdict(test, f, 8, 33, "keyword");
	make_me_512(f);
	f->msg[ME_KEY + 6] = 0x1f;
	expect_code(test, f, APSIM_ERR_MALFORMED, "internal token");
	make_me_512(f);
	f->msg[ME_KEY + 14] = 0x08;
	expect_code(test, f, APSIM_ERR_MALFORMED, "private section");
	make_me_512(f);
	set16(f, ME_LENGTHS, 65);
	expect_code(test, f, APSIM_ERR_MALFORMED, "exponent over the end");
}

static void test_bad_crt(struct kunit *test)
{
	struct fixture *f = test->priv;

	make_crt(f);
	f->msg[CRT_NUMBERS + CRT_LONG - 1] &= ~1;
	expect_verdict(test, f, 8, 65, "even p");
	make_crt(f);
	memset(f->msg + CRT_NUMBERS + CRT_LONG, 0, CRT_HALF);
	expect_verdict(test, f, 8, 770, "no q");
	make_crt(f);
	memset(f->msg + CRT_NUMBERS + CRT_LONG + CRT_HALF, 0, CRT_LONG);
	expect_verdict(test, f, 8, 66, "no dp");
	make_crt(f);
	f->msg[CRT_NUMBERS] = 1;
	expect_verdict(test, f, 8, 770, "p too large");
	make_crt(f);
	memcpy(f->msg + TEXT + 2, key_n, CRT_SIZE);
	expect_verdict(test, f, 8, 66, "input = p * q");
	make_crt(f);
	f->msg[CRT_SECTION + 24] = 0x42;
	expect_verdict(test, f, 8, 770, "enciphered key");
	make_crt(f);
	set16(f, CRT_SECTION + 60, CRT_SIZE - 1);
	expect_verdict(test, f, 8, 72, "modulus shorter than input");
	make_crt(f);
	set16(f, CRT_SECTION + 50, 0xffff);
	expect_code(test, f, APSIM_ERR_MALFORMED, "p over the end");
	make_crt(f);
	set16(f, CRT_SECTION + 66, CRT_SIZE);
	expect_code(test, f, APSIM_ERR_MALFORMED, "padding over the end");
	make_crt(f);
	f->msg[CRT_KEY + 14] = 0x04;
	expect_code(test, f, APSIM_ERR_MALFORMED, "public section");
}

/* ---- random numbers ---- */

static void test_random(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 first[256];
	u32 at;

	make_random(f, sizeof(first));
	expect_verdict(test, f, 0, 0, "random");
	KUNIT_EXPECT_EQ(test, get32(f->reply + COUNT2), sizeof(first));
	at = f->reply_len - sizeof(first);
	memcpy(first, f->reply + at, sizeof(first));
	expect_verdict(test, f, 0, 0, "random again");
	KUNIT_EXPECT_MEMNEQ(test, first, f->reply + at, sizeof(first));
	make_random(f, 4096);
	expect_verdict(test, f, 0, 0, "as many as drivers ask for");
	KUNIT_EXPECT_EQ(test, get32(f->reply + COUNT2), 4096);
	make_random(f, 1);
	expect_verdict(test, f, 0, 0, "one");
	make_random(f, 0);
	expect_verdict(test, f, 8, 72, "none");
	make_random(f, 100);
	set32(f, CPRB_RPL_DATAL, 101);
	expect_code(test, f, APSIM_ERR_TRUNCATED, "more than there is room for");
	make_random(f, 100);
	set32(f, CPRB_RPL_DATAL, U32_MAX);
	expect_code(test, f, APSIM_ERR_TRUNCATED, "much more");
	make_random(f, U32_MAX);
	expect_code(test, f, APSIM_ERR_TRUNCATED, "more than the card has");
}

/* ---- facility query ---- */

#define ELEMENTS	(REPLY_HEAD + CPRBX + 4)

static const u8 *element(const struct fixture *f, u32 nth)
{
	return f->reply + ELEMENTS + 8 * nth;
}

static void set_mk(struct kunit *test, struct fixture *f, const char *text)
{
	char copy[96];

	strscpy(copy, text);
	KUNIT_EXPECT_EQ_MSG(test, apsim_mk_set(f->q, copy), 0, "%s", text);
}

static void test_query(struct kunit *test)
{
	static const u8 aes[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct fixture *f = test->priv;
	const u8 *patterns = f->reply + ELEMENTS + 10 * 8 + 2;
	u32 i;

	KUNIT_EXPECT_EQ(test, apsim_serial_set(&f->card, "12345678"), 0);
	set_mk(test, f, "aes cur valid 0123456789abcdef");
	set_mk(test, f, "aes new full FEDCBA9876543210");
	set_mk(test, f, "asym new partial 000102030405060708090a0b0c0d0e0f");
	set_mk(test, f, "asym old valid 000102030405060708090a0b0c0d0e0f");
	set_mk(test, f, "asym cur invalid");
	make_query_a(f);
	expect_verdict(test, f, 0, 0, "STATICSA");
	KUNIT_EXPECT_EQ(test, get16(f->reply + ELEMENTS - 2), 2 + 10 * 8);
	KUNIT_EXPECT_EQ(test, get16(patterns - 2), 2 + 204);
	KUNIT_EXPECT_MEMEQ(test, element(f, 0), "12345678", 8);
	KUNIT_EXPECT_MEMEQ(test, element(f, 1), "1       ", 8);
	KUNIT_EXPECT_EQ(test, *element(f, 4), '2');
	KUNIT_EXPECT_EQ(test, *element(f, 5), '1');
	KUNIT_EXPECT_EQ(test, *element(f, 6), '2');
	KUNIT_EXPECT_EQ(test, *element(f, 7), '3');
	KUNIT_EXPECT_EQ(test, *element(f, 8), '2');
	KUNIT_EXPECT_EQ(test, *element(f, 9), '1');
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, patterns[64 + i], i);
	/* what is not there has no pattern, what is not whole neither */
	KUNIT_EXPECT_NULL(test, memchr_inv(patterns + 84, 0, 16));
	KUNIT_EXPECT_NULL(test, memchr_inv(patterns + 104, 0, 16));
	KUNIT_EXPECT_MEMEQ(test, patterns + 184, aes, 8);
	KUNIT_EXPECT_EQ(test, patterns[196], 0xfe);
}

static void test_query_b(struct kunit *test)
{
	struct fixture *f = test->priv;
	const u8 *patterns = f->reply + ELEMENTS + 13 * 8 + 2;

	set_mk(test, f, "apka cur valid 1122334455667788");
	set_mk(test, f, "apka new empty");
	set_mk(test, f, "apka old valid 8877665544332211");
	make_query(f, "STATICSB");
	expect_verdict(test, f, 0, 0, "STATICSB");
	KUNIT_EXPECT_EQ(test, get16(patterns - 2), 2 + 240);
	KUNIT_EXPECT_EQ(test, *element(f, 10), '1');
	KUNIT_EXPECT_EQ(test, *element(f, 11), '2');
	KUNIT_EXPECT_EQ(test, *element(f, 12), '2');
	KUNIT_EXPECT_EQ(test, patterns[208], 0x88);
	KUNIT_EXPECT_EQ(test, patterns[220], 0x11);
	KUNIT_EXPECT_EQ(test, patterns[232], 0);
	make_query(f, "STATICSZ");
	expect_verdict(test, f, 8, 33, "unknown keyword");
}

/* No two domains have a key in common, all cards have the same in a domain. */
static void test_default_keys(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 seen[APSIM_MAX_DOMAINS];
	struct apsim_keys keys;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(seen); i++) {
		f->q->domain = i;
		apsim_firmware_queue(f->q);
		apsim_keys_get(f->q, &keys);
		seen[i] = get_unaligned_be64(keys.mk[APSIM_MK_AES * APSIM_MK_AGES +
						     APSIM_MK_CUR].pattern);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE_MSG(test, seen[i], seen[j],
					    "domains %u and %u", i, j);
	}
	f->card.id++;
	apsim_firmware_queue(f->q);
	KUNIT_EXPECT_MEMEQ(test, &keys, &f->q->keys, sizeof(keys));
}

/* ---- other requests to a CCA card ---- */

static void test_not_supported(struct kunit *test)
{
	struct fixture *f = test->priv;

	begin_cca(f, "KG", "AESTOKEN");
	end_cca(f);
	expect_verdict(test, f, 8, 335, "KG");
	KUNIT_EXPECT_MEMEQ(test, f->reply + REPLY_HEAD + CPRBX, "KG", 2);
	make_me_512(f);
	f->msg[CPRB_FUNC_ID + 1] = '3';
	expect_verdict(test, f, 8, 335, "T3");
}

/**
 * struct bad - a request that is wrong in one place
 * @at: the place
 * @val: what is there
 * @code: of the error reply
 * @what: for who reads the result
 */
struct bad {
	u32 at;
	u16 val;
	u8 code;
	const char *what;
};

static void expect_each_bad(struct kunit *test, void (*make)(struct fixture *f),
			    const struct bad *bad, u32 nr)
{
	struct fixture *f = test->priv;

	for (; nr--; bad++) {
		make(f);
		set16(f, bad->at, bad->val);
		expect_code(test, f, bad->code, bad->what);
	}
}

static void test_bad_cprb(struct kunit *test)
{
	static const struct bad bad[] = {
		{ OFFSET1 + 2, HEAD + 2, APSIM_ERR_MALFORMED, "CPRB elsewhere" },
		{ OFFSET3 + 2, 1, APSIM_ERR_RESERVED, "third block" },
		{ AGENT, 0x5843, APSIM_ERR_MALFORMED, "agent" },
		{ TO_CARD1, 1, APSIM_ERR_MSG_LENGTH, "block too long" },
		{ TO_CARD1 + 2, 0, APSIM_ERR_MALFORMED, "no CPRB" },
		{ TO_CARD1 + 2, CPRBX - 1, APSIM_ERR_MALFORMED, "CPRB cut" },
		{ TO_CARD1 + 2, CPRBX, APSIM_ERR_MSG_LENGTH, "no parameters" },
		{ CPRB, CPRBX + 2, APSIM_ERR_MALFORMED, "CPRB length" },
		{ CPRB_VERSION, 0x0300, APSIM_ERR_MALFORMED, "version" },
		{ CPRB_FUNC_ID, 0x5532, APSIM_ERR_MALFORMED, "function id" },
		{ CPRB_REQ_PARML, 1, APSIM_ERR_MSG_LENGTH, "parameters too long" },
		{ CPRB_REQ_PARML + 2, 1, APSIM_ERR_MALFORMED, "no function" },
		{ CPRB_REQ_PARML + 6, 1, APSIM_ERR_MSG_LENGTH, "data too long" },
		{ CPRB_DOMAIN, DOMAIN + 1, APSIM_ERR_DOMAIN, "domain" },
		{ RULES, 1, APSIM_ERR_MALFORMED, "rules shorter than a length" },
		{ RULES, 12, APSIM_ERR_MALFORMED, "half a rule" },
		{ RULES, 0xfffa, APSIM_ERR_MALFORMED, "rules over the end" },
		{ TEXT, 0, APSIM_ERR_MALFORMED, "text shorter than a length" },
		{ TEXT, 0xffff, APSIM_ERR_MALFORMED, "text over the end" },
		{ ME_KEY, 3, APSIM_ERR_MALFORMED, "key block cut" },
		{ ME_KEY + 2, 3, APSIM_ERR_MALFORMED, "key cut" },
		{ ME_KEY + 8, 0xffff, APSIM_ERR_MALFORMED, "token over the end" },
		{ ME_KEY + 16, 3, APSIM_ERR_MALFORMED, "section cut" },
		{ ME_KEY + 16, 0xffff, APSIM_ERR_MALFORMED, "section over the end" },
	};
	struct fixture *f = test->priv;

	expect_each_bad(test, make_me_512, bad, ARRAY_SIZE(bad));
	/* the second block: outside of the message, and inside of the first */
	make_me_512(f);
	set32(f, OFFSET2, f->len - 3);
	set32(f, TO_CARD2, 4);
	expect_code(test, f, APSIM_ERR_MSG_LENGTH, "data over the end");
	set32(f, OFFSET2, U32_MAX);
	expect_code(test, f, APSIM_ERR_MALFORMED, "data elsewhere");
	set32(f, OFFSET2, CPRB);
	expect_code(test, f, APSIM_ERR_MALFORMED, "data in the CPRB");
}

/* ---- EP11 ---- */

#define EP11_REPLY	(REPLY_HEAD + EP11_CPRB)
#define EP11_RESULT	(EP11_REPLY + 4 + 12 + 2)
#define EP11_DATA	(EP11_RESULT + 4 + 4)

static void expect_ep11(struct kunit *test, struct fixture *f, u32 result,
			const char *what)
{
	u32 payload;

	expect_reply(test, f, what);
	payload = f->reply_len - EP11_REPLY;
	KUNIT_EXPECT_EQ_MSG(test, get32(f->reply + REPLY_HEAD + 28), payload, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + EP11_REPLY), 0x3082, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, get16(f->reply + EP11_REPLY + 2), payload - 4, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, get32(f->reply + EP11_RESULT), result, "%s", what);
	/* function and domain as they were asked for */
	KUNIT_EXPECT_MEMEQ(test, f->reply + EP11_REPLY + 4, f->msg + PAYLOAD + 4, 12);
}

static void test_module_info(struct kunit *test)
{
	static const char serial[] = "0123456789ABCDEF";
	char firmware[] = "api=4 version=7.15 modes=0x1f0";
	struct fixture *f = test->priv;
	const u8 *data = f->reply + EP11_DATA;

	use_card(f, "8p");
	KUNIT_EXPECT_EQ(test, apsim_serial_set(&f->card, serial), 0);
	KUNIT_EXPECT_EQ(test, apsim_ident_set(&f->card, firmware), 0);
	make_module_info(f);
	expect_ep11(test, f, 0, "module");
	KUNIT_EXPECT_EQ(test, get16(data - 4), 0x0482);
	KUNIT_EXPECT_EQ(test, get16(data - 2), 196);
	KUNIT_EXPECT_EQ(test, f->reply_len, EP11_DATA + 196U);
	KUNIT_EXPECT_EQ(test, get32(data), 4);
	KUNIT_EXPECT_EQ(test, get16(data + 8), 0x070f);
	KUNIT_EXPECT_MEMEQ(test, data + 108, serial, 16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(data + 140), 0x1f0);
}

static void test_domain_info(struct kunit *test)
{
	static const char pattern[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	struct fixture *f = test->priv;
	const u8 *data = f->reply + EP11_DATA;
	char line[96];
	u32 i;

	use_card(f, "8p");
	KUNIT_EXPECT_EQ(test, apsim_modes_set(f->q, "0x81"), 0);
	snprintf(line, sizeof(line), "wk new uncommitted %s", pattern);
	set_mk(test, f, line);
	make_domain_info(f);
	expect_ep11(test, f, 0, "domain");
	KUNIT_EXPECT_EQ(test, get16(data - 2), 80);
	KUNIT_EXPECT_EQ(test, get32(data), DOMAIN);
	for (i = 0; i < 32; i++)
		KUNIT_EXPECT_EQ(test, data[36 + i], i);
	KUNIT_EXPECT_EQ(test, get32(data + 68), 0x16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(data + 72), 0x81);
	set_mk(test, f, "wk new committed");
	set_mk(test, f, "wk cur invalid");
	expect_ep11(test, f, 0, "domain");
	KUNIT_EXPECT_EQ(test, get32(data + 68), 0x1c);
	KUNIT_EXPECT_NULL(test, memchr_inv(data + 4, 0, 32));
	set_mk(test, f, "wk new empty");
	expect_ep11(test, f, 0, "domain");
	KUNIT_EXPECT_EQ(test, get32(data + 68), 0x10);
	KUNIT_EXPECT_NULL(test, memchr_inv(data + 36, 0, 32));
}

static void test_ep11_others(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 control = __builtin_clzll(apsim_domains(false));

	use_card(f, "8p");
	make_ep11(f, 7, 0, 0);
	expect_ep11(test, f, 0x54, "function without arguments");
	make_ep11(f, 7, 40, 0);
	expect_ep11(test, f, 0x54, "function with many");
	make_ep11(f, 38, 2, 9);
	expect_ep11(test, f, 0x07, "unknown query");
	/* an order to a domain that may be controlled */
	make_ep11(f, 7, 0, 0);
	f->msg[EP11_FLAGS] = 0x80;
	set32(f, EP11_TARGET, control);
	set32(f, PAYLOAD + 4 + 8, control);
	expect_ep11(test, f, 0x54, "order");
	set32(f, EP11_TARGET, 255);
	set32(f, PAYLOAD + 4 + 8, 255);
	expect_code(test, f, APSIM_ERR_DOMAIN, "order to no domain");
}

static void test_bad_ep11(struct kunit *test)
{
	static const struct bad bad[] = {
		{ AGENT, 0x4341, APSIM_ERR_MALFORMED, "agent" },
		{ TO_CARD1 + 2, EP11_CPRB - 1, APSIM_ERR_MALFORMED, "CPRB cut" },
		{ TO_CARD1 + 2, EP11_CPRB + 6, APSIM_ERR_MSG_LENGTH, "payload cut" },
		{ CPRB, 30, APSIM_ERR_MALFORMED, "CPRB length" },
		{ CPRB_VERSION, 0x0200, APSIM_ERR_MALFORMED, "version" },
		{ CPRB_FUNC_ID, 0x5435, APSIM_ERR_MALFORMED, "function id" },
		{ EP11_TARGET + 2, DOMAIN + 1, APSIM_ERR_DOMAIN, "target" },
		{ EP11_LENGTH, 1, APSIM_ERR_MSG_LENGTH, "payload too long" },
		{ EP11_LENGTH + 2, 0, APSIM_ERR_MALFORMED, "no payload" },
		{ PAYLOAD, 0x3182, APSIM_ERR_MALFORMED, "not a sequence" },
		{ PAYLOAD, 0x3080, APSIM_ERR_MALFORMED, "length without an end" },
		{ PAYLOAD, 0x3083, APSIM_ERR_MALFORMED, "length in three bytes" },
		{ PAYLOAD + 2, 25, APSIM_ERR_MALFORMED, "sequence too long" },
		{ PAYLOAD + 2, 23, APSIM_ERR_MALFORMED, "sequence too short" },
		{ PAYLOAD + 4, 0x0405, APSIM_ERR_MALFORMED, "function of 5 bytes" },
		{ PAYLOAD + 4, 0x0204, APSIM_ERR_MALFORMED, "function of no octets" },
		{ PAYLOAD + 10, 0x0403, APSIM_ERR_MALFORMED, "domain of 3 bytes" },
		{ PAYLOAD + 14, DOMAIN + 1, APSIM_ERR_DOMAIN, "domain" },
		{ PAYLOAD + 16, 0x0481, APSIM_ERR_MALFORMED, "argument" },
		{ PAYLOAD + 22, 0x047f, APSIM_ERR_MALFORMED, "second argument" },
	};
	struct fixture *f = test->priv;

	use_card(f, "8p");
	expect_each_bad(test, make_module_info, bad, ARRAY_SIZE(bad));
}

/* ---- all of them ---- */

/* Whatever is missing is missed. */
static void test_truncated(struct kunit *test)
{
	const struct sample *s = test->param_value;
	struct fixture *f = test->priv;
	u32 len;

	use_card(f, s->type);
	s->make(f);
	for (len = 2; len < f->len; len++)
		KUNIT_EXPECT_EQ_MSG(test, send(test, f, len),
				    APSIM_ERR_MSG_LENGTH, "%u bytes", len);
	expect_reply(test, f, s->name);
}

/* The reply fits exactly, or it does not come. */
static void test_room(struct kunit *test)
{
	const struct sample *s = test->param_value;
	struct fixture *f = test->priv;
	u32 need, room;

	use_card(f, s->type);
	s->make(f);
	expect_reply(test, f, s->name);
	need = get32(f->reply + COUNT1);
	for (room = 0; room < need; room++) {
		set32(f, FROM_CARD1, room);
		KUNIT_EXPECT_EQ_MSG(test, send(test, f, f->len),
				    APSIM_ERR_TRUNCATED, "%u bytes", room);
	}
	set32(f, FROM_CARD1, need);
	expect_reply(test, f, s->name);
}

/* What is said instead of a number: another one, or one that is near. */
struct lie {
	const char *name;
	bool near;
	u16 by;
};

/* A case of its own for each, as for the samples */
static const struct lie lies[] = {
	{ "0000", false, 0 },
	{ "0001", false, 1 },
	{ "7fff", false, 0x7fff },
	{ "8000", false, 0x8000 },
	{ "ffff", false, 0xffff },
	{ "one more", true, 1 },
	{ "one less", true, 0xffff },
};

static void lie_desc(const struct lie *l, char *desc)
{
	strscpy(desc, l->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(lie, lies, lie_desc);

/* A lie at each place of a message that has its numbers; tells how many. */
static u32 tell_everywhere(struct kunit *test, const struct sample *s,
			   const struct lie *l)
{
	struct fixture *f = test->priv;
	u32 at;
	int rc;

	use_card(f, s->type);
	s->make(f);
	/* byte 1 is the type of the message, which is true */
	for (at = 2; at + 1 < f->len; at++) {
		u16 truth = get16(f->msg + at);

		set16(f, at, l->near ? truth + l->by : l->by);
		rc = send(test, f, f->len);
		if (rc < 0 || (!rc && !well_formed(f)))
			KUNIT_FAIL(test, "%s: %04x at %u", s->name,
				   get16(f->msg + at), at);
		set16(f, at, truth);
	}
	expect_reply(test, f, s->name);
	return at - 2;
}

/*
 * Every number in every message is a lie, one at a time: whatever the answer
 * is, it is one.  Whether something is read that is not there is for KASAN to
 * find out.
 */
static void test_lies(struct kunit *test)
{
	u32 i, answers = 0;

	WRITE_ONCE(apsim_knobs[APSIM_KNOB_RSA].val, 0);
	for (i = 0; i < ARRAY_SIZE(samples); i++)
		answers += tell_everywhere(test, &samples[i], test->param_value);
	kunit_info(test, "%u answers\n", answers);
}

/* What the header has to leave zero, byte for byte; and nothing else is. */
static void test_reserved(struct kunit *test)
{
	static const u8 zero[][2] = {
		{ 0, 1 }, { 2, 16 }, { 24, 32 }, { 34, 48 }, { 50, 52 },
		{ 54, 56 }, { 64, 72 }, { 80, 88 },
	};
	struct fixture *f = test->priv;
	u32 at, i;

	make_query_a(f);
	for (at = 0; at < HEAD; at++) {
		bool must = false;

		for (i = 0; i < ARRAY_SIZE(zero); i++)
			must |= at >= zero[i][0] && at < zero[i][1];
		if (at == 1)
			continue;
		f->msg[at] ^= 0x01;
		KUNIT_EXPECT_EQ_MSG(test, send(test, f, f->len) == APSIM_ERR_RESERVED,
				    must, "byte %u", at);
		f->msg[at] ^= 0x01;
	}
	expect_reply(test, f, "all zero");
}

/* A card understands its own language only. */
static void test_wrong_card(struct kunit *test)
{
	struct fixture *f = test->priv;

	make_module_info(f);
	expect_code(test, f, APSIM_ERR_MALFORMED, "EP11 to CCA");
	use_card(f, "8p");
	make_me_512(f);
	expect_code(test, f, APSIM_ERR_MALFORMED, "CCA to EP11");
	use_card(f, "8a");
	expect_code(test, f, APSIM_ERR_MSG_TYPE, "CCA to an accelerator");
}

static void expect_bad(struct kunit *test, struct fixture *f,
		       int (*set)(struct apsim_queue *q, char *text),
		       const char *const *text)
{
	struct apsim_ident ident = f->card.ident;
	struct apsim_keys keys = f->q->keys;
	char copy[96];

	for (; *text; text++) {
		strscpy(copy, *text);
		KUNIT_EXPECT_EQ_MSG(test, set(f->q, copy), -EINVAL, "'%s'", *text);
	}
	KUNIT_EXPECT_MEMEQ(test, &ident, &f->card.ident, sizeof(ident));
	KUNIT_EXPECT_MEMEQ(test, &keys, &f->q->keys, sizeof(keys));
}

static int set_serial(struct apsim_queue *q, char *text)
{
	return apsim_serial_set(q->card, text);
}

static int set_ident(struct apsim_queue *q, char *text)
{
	return apsim_ident_set(q->card, text);
}

static int set_modes(struct apsim_queue *q, char *text)
{
	return apsim_modes_set(q, text);
}

static void test_bad_settings(struct kunit *test)
{
	static const char *const mk[] = {
		"", "aes", "aes cur", "aes cur ", "aes cur full", "aes new valid",
		"aes mid valid", "des cur valid", "aes cur valid ",
		"aes cur valid 0123456789abcde", "aes cur valid 0123456789abcdef0",
		"aes cur valid 0123456789abcdeg", "aes  cur valid", "wk cur valid",
		"aes cur valid 0123456789abcdef x", NULL
	};
	static const char *const serial[] = {
		"", "1234567", "123456789", "1234 678", "1234\n678", NULL
	};
	static const char *const ident[] = {
		"", "api", "api=", "api=x", "api=-1", "version=7", "version=256.1",
		"version=1.256", "version=.1", "version=1.", "version=1.2.3",
		"modes=g", "api=1  version=1.1", "api=1 x=1", NULL
	};
	static const char *const modes[] = { "", "x", "-1", "1 2", NULL };
	struct fixture *f = test->priv;

	expect_bad(test, f, apsim_mk_set, mk);
	expect_bad(test, f, set_serial, serial);
	use_card(f, "8p");
	expect_bad(test, f, set_ident, ident);
	expect_bad(test, f, set_modes, modes);
}

/* ---- the suite ---- */

static u32 saved_rsa;

static int test_init(struct kunit *test)
{
	struct fixture *f;

	if (apsim_ap_is_loaded())
		kunit_skip(test, "the AP bus may have programs on top");
	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	f->q = kunit_kzalloc(test, sizeof(*f->q), GFP_KERNEL);
	if (!f->q)
		return -ENOMEM;
	test->priv = f;
	use_card(f, "8c");
	saved_rsa = apsim_knob(APSIM_KNOB_RSA);
	WRITE_ONCE(apsim_knobs[APSIM_KNOB_RSA].val, apsim_knobs[APSIM_KNOB_RSA].max);
	return 0;
}

static void test_exit(struct kunit *test)
{
	if (!test->priv)
		return;
	WRITE_ONCE(apsim_knobs[APSIM_KNOB_RSA].val, saved_rsa);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_me),
	KUNIT_CASE(test_crt),
	KUNIT_CASE(test_null_operation),
	KUNIT_CASE(test_bad_me),
	KUNIT_CASE(test_bad_crt),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_query),
	KUNIT_CASE(test_query_b),
	KUNIT_CASE(test_default_keys),
	KUNIT_CASE(test_not_supported),
	KUNIT_CASE(test_bad_cprb),
	KUNIT_CASE(test_module_info),
	KUNIT_CASE(test_domain_info),
	KUNIT_CASE(test_ep11_others),
	KUNIT_CASE(test_bad_ep11),
	KUNIT_CASE_PARAM(test_truncated, sample_gen_params),
	KUNIT_CASE_PARAM(test_room, sample_gen_params),
	KUNIT_CASE_PARAM(test_lies, lie_gen_params),
	KUNIT_CASE(test_reserved),
	KUNIT_CASE(test_wrong_card),
	KUNIT_CASE(test_bad_settings),
	{}
};

static struct kunit_suite suite = {
	.name = "apsim_cprb",
	.init = test_init,
	.exit = test_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
