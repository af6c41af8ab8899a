// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of apsim: spoilt replies
 *
 * Each way to spoil one, for one reply of each kind and many seeds.
 */

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "apsim.h"

#define SEEDS		200
#define UNSPOILT	(-1)
#define RESULT		64
#define CPRB		48
#define CCA_RESULT	(CPRB + 220 + 4)	/* its length first */
#define EP11_LEN	(CPRB + 28)
#define COUNT1		16
#define COUNT2		24

enum way {
	TYPE = 0x01, LENGTH = 0x02, CODE = 0x04, CUT = 0x08, GROW = 0x10,
	SHORTEN = 0x20, BYTES = 0x40, ALL = 0x80,
};

/* One place for both the reply and its bytes in a row */
struct spoilt {
	struct apsim_reply reply;
	u8 body[CPRB + 512];
	u8 row[CPRB + 512];
};

static void cprb_head(struct spoilt *s, u8 version, u32 count1, u32 count2)
{
	u8 *body = s->body;

	body[1] = 0x86;
	put_unaligned_be32(count1, body + COUNT1);
	put_unaligned_be32(CPRB, body + COUNT1 + 4);
	put_unaligned_be32(count2, body + COUNT2);
	put_unaligned_be32(count2 ? CPRB + count1 : 0, body + COUNT2 + 4);
	put_unaligned_be16(version == 2 ? 220 : 32, body + CPRB);
	body[CPRB + 2] = version;
	s->reply.hlen = 0;
	s->reply.body_len = CPRB + count1 + count2;
}

static void make_rsa(struct spoilt *s)
{
	s->reply.hlen = APSIM_HEAD;
	s->reply.head[1] = 0x80;
	put_unaligned_be16(APSIM_HEAD + RESULT, s->reply.head + 2);
	s->reply.body_len = RESULT;
}

/* Function, empty rules, a result */
static void make_cca(struct spoilt *s)
{
	cprb_head(s, 2, CCA_RESULT - CPRB + 2 + RESULT, 0);
	put_unaligned_be32(4 + 2 + RESULT, s->body + CPRB + 28);
	put_unaligned_be16(2, s->body + CCA_RESULT - 2);
	put_unaligned_be16(2 + RESULT, s->body + CCA_RESULT);
}

static void make_random(struct spoilt *s)
{
	cprb_head(s, 2, CCA_RESULT - CPRB, RESULT);
	put_unaligned_be16(2, s->body + CCA_RESULT - 2);
}

static void make_ep11(struct spoilt *s)
{
	cprb_head(s, 4, 32 + RESULT, 0);
	put_unaligned_be32(RESULT, s->body + EP11_LEN);
}

static const struct kind {
	const char *name;
	void (*make)(struct spoilt *s);
	u8 never;		/* ways that do nothing to it */
} kinds[] = {
	{ "RSA", make_rsa },
	{ "CCA", make_cca },
	{ "random", make_random, SHORTEN },
	{ "EP11", make_ep11 },
};

/* A reply, spoilt, and its bytes as DQAP would put them */
static void spoil(struct spoilt *s, const struct kind *kind, int how, u32 seed)
{
	u32 at, n;

	memset(s, 0, sizeof(*s));
	memset(s->body, 0x5a, sizeof(s->body));
	memset(s->body, 0, CPRB + 220 + 4);
	s->reply.body = s->body;
	kind->make(s);
	s->reply.len = s->reply.hlen + s->reply.body_len;
	if (how != UNSPOILT)
		apsim_mutate(&s->reply, how, seed);
	for (at = 0; at < s->reply.len && at < sizeof(s->row); at += n) {
		const u8 *piece;

		n = min(apsim_reply_piece(&s->reply, at, &piece),
			s->reply.len - at);
		n = min_t(u32, n, sizeof(s->row) - at);
		memcpy(s->row + at, piece, n);
	}
}

static bool same(const struct spoilt *a, const struct spoilt *b)
{
	return a->reply.len == b->reply.len &&
	       !memcmp(a->row, b->row, sizeof(a->row));
}

/* What each way promises, besides that something has changed */
static bool as_promised(const struct spoilt *was, const struct spoilt *is,
			u8 how)
{
	u32 old = was->reply.len, new = is->reply.len;

	switch (how) {
	case CUT:
		return new && new < old && !memcmp(was->row, is->row, new);
	case GROW:
		return new > old && new <= apsim_max_message() &&
		       !memcmp(was->row, is->row, old) &&
		       !memchr_inv(is->row + old, 0, sizeof(is->row) - old);
	case SHORTEN:
		if (new >= old || !((old - new) & 1))
			return false;
		if (was->row[1] == 0x80)
			return get_unaligned_be16(is->row + 2) == new;
		return get_unaligned_be32(is->row + COUNT1) == new - CPRB;
	case TYPE:
		return new == old && was->row[1] != is->row[1] &&
		       !memcmp(was->row + 2, is->row + 2, old - 2);
	default:
		return new == old;
	}
}

static void test_ways(struct kunit *test)
{
	struct spoilt *was = kunit_kmalloc(test, sizeof(*was), GFP_KERNEL);
	struct spoilt *one = kunit_kmalloc(test, sizeof(*one), GFP_KERNEL);
	struct spoilt *two = kunit_kmalloc(test, sizeof(*two), GFP_KERNEL);
	const struct kind *k;
	u32 seed, how;

	KUNIT_ASSERT_TRUE(test, was && one && two);
	for (k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		spoil(was, k, UNSPOILT, 0);
		for (how = TYPE; how <= ALL; how <<= 1) {
			u32 unlike = 0;

			for (seed = 0; seed < SEEDS; seed++) {
				spoil(one, k, how, seed);
				spoil(two, k, how, seed);
				KUNIT_EXPECT_TRUE_MSG(test, same(one, two),
						      "%s, way %02x, seed %u: twice the same",
						      k->name, how, seed);
				spoil(two, k, how, seed + 1);
				unlike += !same(one, two);
				if (how == k->never) {
					KUNIT_EXPECT_TRUE(test, same(was, one));
					continue;
				}
				/* random bytes may be those that were there */
				if (how < BYTES)
					KUNIT_EXPECT_FALSE_MSG(test, same(was, one),
							       "%s, way %02x, seed %u: unspoilt",
							       k->name, how, seed);
				KUNIT_EXPECT_TRUE_MSG(test, as_promised(was, one, how),
						      "%s, way %02x, seed %u: %u bytes",
						      k->name, how, seed, one->reply.len);
			}
			if (how != k->never)
				KUNIT_EXPECT_GT_MSG(test, unlike, SEEDS / 4,
						    "%s, way %02x: seeds do not matter",
						    k->name, how);
		}
	}
}

/* Only ways that are allowed; none named stands for all */
static void test_choice(struct kunit *test)
{
	struct spoilt *was = kunit_kmalloc(test, sizeof(*was), GFP_KERNEL);
	struct spoilt *is = kunit_kmalloc(test, sizeof(*is), GFP_KERNEL);
	u32 seed, longer = 0, shorter = 0;

	KUNIT_ASSERT_TRUE(test, was && is);
	spoil(was, kinds, UNSPOILT, 0);
	for (seed = 0; seed < SEEDS; seed++) {
		spoil(is, kinds, TYPE | CUT, seed);
		KUNIT_EXPECT_TRUE(test, as_promised(was, is, TYPE) ||
				  as_promised(was, is, CUT));
		spoil(is, kinds, 0, seed);
		longer += is->reply.len > was->reply.len;
		shorter += is->reply.len < was->reply.len;
	}
	KUNIT_EXPECT_GT(test, longer, 0);
	KUNIT_EXPECT_GT(test, shorter, 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_ways),
	KUNIT_CASE(test_choice),
	{}
};

static struct kunit_suite suite = {
	.name = "apsim_mutate",
	.test_cases = cases,
};

kunit_test_suite(suite);
