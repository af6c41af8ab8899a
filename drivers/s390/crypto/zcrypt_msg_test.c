// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: how messages are built and what is made of replies. No queue is asked:
 * requests are built, their messages looked at byte by byte, replies put where
 * the bus would put them, and what the sender gets is looked at.
 *
 * The numbers here are from the architecture, not from the code under test.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "zcrypt_debug.h"
#include "zcrypt_msgtype50.h"
#include "zcrypt_msgtype6.h"
#include "zcrypt_request.h"

#define CARD	0x05
#define DOM	0x2a
#define DATA	1024

struct msg_fixture {
	struct ap_card ac;
	struct ap_queue aq;
	struct zcrypt_card zc;
	struct zcrypt_queue zq;
	struct ap_perms perms;
	struct zcrypt_request req;
	union {
		struct ica_rsa_modexpo me;
		struct ica_rsa_modexpo_crt crt;
		struct ica_xcRB xcrb;
		struct ep11_urb urb;
	};
	u8 in[DATA], key[5][DATA], out[2 * ZCRYPT_RNG_BUFFER_SIZE];
	u8 block[8 * DATA], data[8 * DATA];
};

static int msg_init(struct kunit *test)
{
	struct msg_fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);
	int i, k;

	KUNIT_ASSERT_NOT_NULL(test, fix);
	fix->ac.id = CARD;
	fix->ac.maxmsgsize = AP_DEFAULT_MAX_MSG_SIZE;
	fix->aq.qid = AP_MKQID(CARD, DOM);
	fix->aq.card = &fix->ac;
	fix->zc.card = &fix->ac;
	fix->zc.max_exp_bit_length = 512;
	fix->zq.queue = &fix->aq;
	fix->zq.zcard = &fix->zc;
	fix->zq.online = 1;
	fix->zq.bound = true;
	fix->zq.reply.bufsize = AP_DEFAULT_MAX_MSG_SIZE;
	for (i = 0; i < DATA; i++) {
		fix->in[i] = i * 7 + 1;
		for (k = 0; k < 5; k++)
			fix->key[k][i] = i * 11 + 2 + k;
	}
	memset(fix->out, 0xee, sizeof(fix->out));
	test->priv = fix;
	return 0;
}

static void msg_exit(struct kunit *test)
{
	struct msg_fixture *fix = test->priv;

	zcrypt_request_release(&fix->req);
}

static struct zcrypt_request *begin(struct kunit *test, enum zcrypt_op op)
{
	struct msg_fixture *fix = test->priv;

	zcrypt_request_release(&fix->req);
	fix->req = (struct zcrypt_request) {
		.op = op,
		.ctrl_domain = AUTOSEL_DOM,
		.block = &fix->me,
		.perms = &fix->perms,
		.zc = &fix->zc,
		.zq = &fix->zq,
	};
	fix->zq.online = 1;
	return &fix->req;
}

static const u8 __user *user(u8 *p)
{
	return (u8 __force __user *)p;
}

static struct zcrypt_request *me_request(struct kunit *test, unsigned int len)
{
	struct zcrypt_request *req = begin(test, ZCRYPT_OP_ME);
	struct msg_fixture *fix = test->priv;

	fix->me = (struct ica_rsa_modexpo) {
		.inputdata = (u8 __user *)user(fix->in),
		.inputdatalength = len,
		.outputdata = (u8 __user *)user(fix->out),
		.outputdatalength = len,
		.b_key = (u8 __user *)user(fix->key[0]),
		.n_modulus = (u8 __user *)user(fix->key[1]),
	};
	req->mod_len = len;
	return req;
}

static struct zcrypt_request *crt_request(struct kunit *test, unsigned int len)
{
	struct zcrypt_request *req = begin(test, ZCRYPT_OP_CRT);
	struct msg_fixture *fix = test->priv;

	fix->crt = (struct ica_rsa_modexpo_crt) {
		.inputdata = (u8 __user *)user(fix->in),
		.inputdatalength = len,
		.outputdata = (u8 __user *)user(fix->out),
		.outputdatalength = len,
		.bp_key = (u8 __user *)user(fix->key[0]),
		.bq_key = (u8 __user *)user(fix->key[1]),
		.np_prime = (u8 __user *)user(fix->key[2]),
		.nq_prime = (u8 __user *)user(fix->key[3]),
		.u_mult_inv = (u8 __user *)user(fix->key[4]),
	};
	req->mod_len = len;
	return req;
}

/* @len bytes at the end of a field that ends at @end; zeroes before them */
static void expect_field(struct kunit *test, const u8 *msg, unsigned int end,
			 unsigned int size, const u8 *bytes, unsigned int len)
{
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(msg + end - size, 0, size - len),
			    NULL);
	KUNIT_EXPECT_MEMEQ(test, msg + end - len, bytes, len);
}

static const unsigned int mod_lens[] = {
	1, 64, 127, 128, 129, 192, 256, 257, 384, 511, 512
};

static unsigned int field_of(unsigned int len)
{
	return len <= 128 ? 128 : len <= 256 ? 256 : 512;
}

/*
 * Type 50.
 */
static void t50_me(struct kunit *test)
{
	struct msg_fixture *fix = test->priv;
	unsigned int i, len, f, total;
	struct zcrypt_request *req;
	const u8 *msg;

	for (i = 0; i < ARRAY_SIZE(mod_lens); i++) {
		len = mod_lens[i];
		f = field_of(len);
		total = 16 + 3 * f;
		req = me_request(test, len);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
		msg = req->msg.msg;
		KUNIT_ASSERT_EQ(test, req->msg.len, total);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg), 0x00500000 | total);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 4), 0);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(msg + 8),
				f == 128 ? 1 : f == 256 ? 2 : 3);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(msg + 10, 0, 6), NULL);
		expect_field(test, msg, 16 + f, f, fix->key[0], len);
		expect_field(test, msg, 16 + 2 * f, f, fix->key[1], len);
		expect_field(test, msg, 16 + 3 * f, f, fix->in, len);
		KUNIT_EXPECT_GE(test, req->reply_room, 16 + f);
	}
	req = me_request(test, 513);
	KUNIT_EXPECT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), -EINVAL);
}

static void t50_crt(struct kunit *test)
{
	/* p, q, dp, dq, u: where they come from, and what is in front */
	static const struct {
		int key, skip;
	} part[] = { { 2, 8 }, { 3, 0 }, { 0, 8 }, { 1, 0 }, { 4, 8 } };
	struct msg_fixture *fix = test->priv;
	unsigned int i, p, len, f, half;
	struct zcrypt_request *req;
	const u8 *msg;

	for (i = 0; i < ARRAY_SIZE(mod_lens); i++) {
		len = mod_lens[i];
		f = field_of(len);
		half = (len + 1) / 2;
		req = crt_request(test, len);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_CRT].build(req), 0);
		msg = req->msg.msg;
		KUNIT_ASSERT_EQ(test, req->msg.len, 16 + 5 * f / 2 + f);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(msg + 8),
				f == 128 ? 0x11 : f == 256 ? 0x12 : 0x13);
		for (p = 0; p < 5; p++)
			expect_field(test, msg, 16 + (p + 1) * f / 2, f / 2,
				     fix->key[part[p].key] + part[p].skip, half);
		expect_field(test, msg, 16 + 5 * f / 2 + f, f, fix->in, len);
	}
}

/* What the card sends comes into the sender's buffer as far as it fits */
static void put_reply(struct zcrypt_request *req, const void *reply, size_t len)
{
	memset(req->reply, 0, req->reply_room);
	memcpy(req->reply, reply, min(len, req->reply_room));
	req->reply_len = len;
	req->unclear = false;
}

static int parse(struct zcrypt_request *req, const struct zcrypt_ops *ops)
{
	return ops->verb[req->op].parse(req);
}

static bool untouched(struct msg_fixture *fix, size_t from)
{
	return !memchr_inv(fix->out + from, 0xee, sizeof(fix->out) - from);
}

static void t50_result(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 200);
	struct msg_fixture *fix = test->priv;
	u8 reply[16 + 256] = { 0x00, 0x80, 0x01, 0x10 };

	memcpy(reply + 16, fix->key[3], 256);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	put_reply(req, reply, sizeof(reply));
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), 0);
	KUNIT_EXPECT_MEMEQ(test, fix->out, fix->key[3] + 56, 200);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 200));
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
}

static void t50_lies(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 256);
	struct msg_fixture *fix = test->priv;
	u8 reply[1024] = { 0x00, 0x80, 0x01, 0x10 };
	unsigned int len;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	/* Cut off or longer than it says */
	for (len = 2; len < 600; len++) {
		if (len == 0x110)
			continue;
		put_reply(req, reply, len);
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), -EMSGSIZE);
	}
	/* Longer than we have room for, and honest about it */
	put_unaligned_be16(1024, reply + 2);
	put_reply(req, reply, 1024);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
	/* Whole, but too short for the result */
	put_unaligned_be16(16 + 255, reply + 2);
	put_reply(req, reply, 16 + 255);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
	KUNIT_EXPECT_TRUE(test, req->unclear);
	/* Nothing at all, and what is no reply */
	fix->zq.online = 1;
	put_reply(req, reply, 0);
	req->reply[1] = 0;
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 0));
}

/* A number shorter than its field: only two lengths say where it begins */
static void t50_result_lengths(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 384);
	struct msg_fixture *fix = test->priv;
	u8 reply[16 + 512] = { 0x00, 0x80 };
	unsigned int len;

	memcpy(reply + 16, fix->key[3], 512);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	for (len = 0; len <= 512; len++) {
		bool known = len == 384 || len == 512;

		fix->zq.online = 1;
		memset(fix->out, 0xee, sizeof(fix->out));
		put_unaligned_be16(16 + len, reply + 2);
		put_reply(req, reply, 16 + len);
		KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype50_ops),
				    known ? 0 : -EAGAIN, "%u bytes", len);
		KUNIT_EXPECT_EQ(test, fix->zq.online, known);
		if (known)
			KUNIT_EXPECT_MEMEQ(test, fix->out,
					   reply + 16 + len - 384, 384);
		KUNIT_EXPECT_TRUE(test, untouched(fix, known ? 384 : 0));
	}
}

/* The field of a longer number: zeroes in front say that it is one */
static void t50_larger_fields(struct kunit *test)
{
	struct msg_fixture *fix = test->priv;
	unsigned int i, mod, len, front;
	struct zcrypt_request *req;
	u8 reply[16 + 512];
	bool known;

	for (i = 0; i < ARRAY_SIZE(mod_lens); i++) {
		mod = mod_lens[i];
		req = me_request(test, mod);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
		for (len = mod; len <= 512; len++) {
			front = len - mod;
			known = !front || (len >= field_of(mod) &&
					   len == field_of(len));
			fix->zq.online = 1;
			memset(fix->out, 0xee, sizeof(fix->out));
			memset(reply, 0, sizeof(reply));
			put_unaligned_be32(0x00800000 | (16 + len), reply);
			memcpy(reply + 16 + front, fix->key[3], mod);
			put_reply(req, reply, 16 + len);
			KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype50_ops),
					    known ? 0 : -EAGAIN, "%u of %u bytes",
					    mod, len);
			KUNIT_EXPECT_EQ(test, fix->zq.online, known);
			if (known)
				KUNIT_EXPECT_MEMEQ(test, fix->out, fix->key[3], mod);
			KUNIT_EXPECT_TRUE(test, untouched(fix, known ? mod : 0));
		}
	}
}

/* In front of it is something else: it is a longer number */
static void t50_longer_numbers(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 100);
	struct msg_fixture *fix = test->priv;
	u8 reply[16 + 512] = { 0x00, 0x80 };
	unsigned int len, at;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	for (len = 256; len <= 512; len *= 2) {
		memcpy(reply + 16 + len - 100, fix->key[3], 100);
		put_unaligned_be16(16 + len, reply + 2);
		for (at = 0; at < len - 100; at++) {
			reply[16 + at] = 1;
			fix->zq.online = 1;
			put_reply(req, reply, 16 + len);
			KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype50_ops),
					    -EAGAIN, "byte %u of %u", at, len);
			KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
			reply[16 + at] = 0;
		}
		memset(reply + 16, 0, len);
	}
	KUNIT_EXPECT_TRUE(test, untouched(fix, 0));
}

/* Reply codes that mean that the request is wrong; all others: try elsewhere */
static const u8 sender_codes[] = {
	0x22, 0x23, 0x24, 0x29, 0x34, 0x40, 0x41, 0x80, 0x82, 0x84, 0x85, 0x8a,
	0x8b, 0xa0,
};

/* Of these others, those that say that the card has not begun with it */
static const u8 unread_codes[] = {
	0x20, 0x21, 0x30, 0x50, 0x60, 0x88, 0xb0,
};

static int errno_of(u8 code)
{
	return memchr(sender_codes, code, sizeof(sender_codes)) ? -EINVAL :
								  -EAGAIN;
}

static void t50_error_codes(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 128);
	struct msg_fixture *fix = test->priv;
	u8 reply[8] = {};
	int code;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	for (code = 0; code < 0x200; code++) {
		reply[1] = code & 0x100 ? 0x88 : 0x82;
		reply[4] = code;
		put_reply(req, reply, sizeof(reply));
		KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype50_ops),
				    errno_of(code), "code %03x", code);
	}
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
	for (code = 0; code < 0x100; code++) {
		if (code == 0x80 || code == 0x82 || code == 0x88)
			continue;
		fix->zq.online = 1;
		reply[1] = code;
		put_reply(req, reply, sizeof(reply));
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype50_ops), -EAGAIN);
		KUNIT_EXPECT_EQ_MSG(test, fix->zq.online, 0, "type %02x", code);
	}
}

/*
 * Type 6: RSA.
 */
static void expect_head(struct kunit *test, const struct zcrypt_request *req,
			const char *function, u32 total)
{
	const u8 *msg = req->msg.msg;

	KUNIT_ASSERT_EQ(test, req->msg.len, total);
	KUNIT_EXPECT_EQ(test, msg[1], 0x06);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x10), 0x58);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x20, "CA\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x34, function, 2);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x38), total - 0x58);
	/* The CPRB: length, version, function id; parameters; domain */
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x58), 0x00dc0200);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x5e, "T2", 2);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x64), total - 0x58 - 0xdc);
	KUNIT_EXPECT_EQ(test, get_unaligned_be16(msg + 0x58 + 170), DOM);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x134, function, 2);
}

static void t6_me(struct kunit *test)
{
	struct msg_fixture *fix = test->priv;
	unsigned int i, n, total;
	struct zcrypt_request *req;
	const u8 *msg, *p;

	for (i = 0; i < ARRAY_SIZE(mod_lens); i++) {
		n = mod_lens[i];
		total = 0x58 + 0xdc + 12 + 2 + n + 6 + 8 + 12 + 2 * n;
		req = me_request(test, n);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_ME].build(req), 0);
		expect_head(test, req, "PK", total);
		msg = req->msg.msg;
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x48), 0x77c - 0x58);
		p = msg + 0x58 + 0xdc;
		KUNIT_EXPECT_MEMEQ(test, p, "PK\0\012MRP     ", 12);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 12), n + 2);
		KUNIT_EXPECT_MEMEQ(test, p + 14, fix->in, n);
		p += 14 + n;
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p), 26 + 2 * n);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 2), 24 + 2 * n);
		KUNIT_EXPECT_EQ(test, p[6], 0x1e);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 8), 20 + 2 * n);
		KUNIT_EXPECT_EQ(test, p[14], 0x04);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 16), 12 + 2 * n);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 20), n);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 22), 8 * n);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 24), n);
		KUNIT_EXPECT_MEMEQ(test, p + 26, fix->key[0], n);
		KUNIT_EXPECT_MEMEQ(test, p + 26 + n, fix->key[1], n);
	}
}

static void t6_crt(struct kunit *test)
{
	struct msg_fixture *fix = test->priv;
	unsigned int i, n, half, parts, pad, key, total;
	struct zcrypt_request *req;
	const u8 *p;

	for (i = 0; i < ARRAY_SIZE(mod_lens); i++) {
		n = mod_lens[i];
		half = (n + 1) / 2;
		parts = 5 * half + 24;
		pad = (8 - parts % 8) % 8;
		key = 6 + 8 + 132 + parts + pad + n + 12 + 3;
		total = 0x58 + 0xdc + 12 + 2 + n + key;
		req = crt_request(test, n);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CRT].build(req), 0);
		expect_head(test, req, "PD", total);
		p = req->msg.msg + 0x58 + 0xdc;
		KUNIT_EXPECT_MEMEQ(test, p, "PD\0\012ZERO-PAD", 12);
		p += 14 + n;
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p), key);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 2), key - 2);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 8), key - 6);
		p += 14;
		KUNIT_EXPECT_EQ(test, p[0], 0x08);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 2), 132 + parts + pad + n);
		KUNIT_EXPECT_EQ(test, p[28], 0x40);
		KUNIT_EXPECT_EQ(test, p[50], 0x80);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 54), half + 8);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 56), half);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 64), n);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 70), pad);
		p += 132;
		KUNIT_EXPECT_MEMEQ(test, p, fix->key[2], half + 8);
		KUNIT_EXPECT_MEMEQ(test, p + half + 8, fix->key[3], half);
		KUNIT_EXPECT_MEMEQ(test, p + 2 * half + 8, fix->key[0], half + 8);
		KUNIT_EXPECT_MEMEQ(test, p + 3 * half + 16, fix->key[1], half);
		KUNIT_EXPECT_MEMEQ(test, p + 4 * half + 16, fix->key[4], half + 8);
		p += parts;
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(p, 0, pad), NULL);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(p + pad, 0xff, n), NULL);
		p += pad + n;
		KUNIT_EXPECT_MEMEQ(test, p, "\004\0\0\017\0\0\0\003", 8);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(p + 8), 8 * n);
		KUNIT_EXPECT_MEMEQ(test, p + 12, "\001\0\001", 3);
	}
}

/* A reply of type 86 with a CPRB in it, and what the card says */
static void cca_reply(u8 *reply, u32 count1, u32 count2, u16 rc, u16 rs)
{
	memset(reply, 0, 48 + 220);
	reply[1] = 0x86;
	reply[2] = 0x02;
	put_unaligned_be32(count1, reply + 16);
	put_unaligned_be32(48, reply + 20);
	put_unaligned_be32(count2, reply + 24);
	put_unaligned_be32(48 + count1, reply + 28);
	put_unaligned_be16(220, reply + 48);
	reply[50] = 0x02;
	put_unaligned_be16(rc, reply + 48 + 144);
	put_unaligned_be16(rs, reply + 48 + 146);
}

static void t6_rsa_result(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 256);
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->block;
	u32 total = 48 + 220 + 4 + 2 + 256 + 2, len;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	cca_reply(reply, total - 48, 0, 0, 0);
	put_unaligned_be16(258, reply + 272);
	memcpy(reply + 274, fix->key[4], 256);
	put_reply(req, reply, total);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 0);
	KUNIT_EXPECT_MEMEQ(test, fix->out, fix->key[4], 256);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 256));

	/* Cut off anywhere: an error, and nothing comes out */
	memset(fix->out, 0xee, 256);
	for (len = 0; len < total; len++) {
		fix->zq.online = 1;
		put_reply(req, reply, len);
		/* The bus copies no more than that */
		memset(req->reply + len, 0, req->reply_room - len);
		KUNIT_EXPECT_NE(test, parse(req, &zcrypt_msgtype6_ops), 0);
		/* Without a type it is none; one that is short is only that */
		KUNIT_EXPECT_EQ(test, fix->zq.online, len > 1);
	}
	fix->zq.online = 1;
	for (len = total + 1; len < 2100; len++) {
		put_reply(req, reply, len);
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	}
	/* Every length that the result can claim */
	for (len = 0; len < 0x10000; len += len < 600 ? 1 : 997) {
		put_unaligned_be16(len, reply + 272);
		put_reply(req, reply, total);
		if (len != 258)
			KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	}
	/* Longer than was asked for, and consistent */
	put_unaligned_be16(259, reply + 272);
	put_reply(req, reply, total + 1);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	/* Shorter than the modulus, and consistent */
	for (len = sizeof(u16); len < 258; len++) {
		put_unaligned_be16(len, reply + 272);
		put_reply(req, reply, total - 258 + len);
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	}
	KUNIT_EXPECT_TRUE(test, untouched(fix, 0));
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
}

static void t6_rsa_verdicts(struct kunit *test)
{
	static const struct {
		u16 rc, rs;
		int errno;
		bool online;
	} verdict[] = {
		{ 8, 65, -EINVAL, true }, { 8, 66, -EINVAL, true },
		{ 8, 72, -EINVAL, true }, { 8, 770, -EINVAL, true },
		{ 12, 769, -EINVAL, true }, { 8, 67, -EAGAIN, false },
		{ 12, 66, -EAGAIN, false }, { 8, 0x14f, -EINVAL, true },
	};
	struct zcrypt_request *req = me_request(test, 512);
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->block;
	int i;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	for (i = 0; i < ARRAY_SIZE(verdict); i++) {
		fix->zq.online = 1;
		cca_reply(reply, 228, 0, verdict[i].rc, verdict[i].rs);
		put_reply(req, reply, 276);
		KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype6_ops),
				    verdict[i].errno, "rc %d rs %d",
				    verdict[i].rc, verdict[i].rs);
		KUNIT_EXPECT_EQ(test, fix->zq.online, verdict[i].online);
	}
	/* A card that takes short exponents only: another may take this one */
	fix->zc.max_exp_bit_length = 17;
	cca_reply(reply, 228, 0, 8, 0x14f);
	put_reply(req, reply, 276);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EAGAIN);
}

/*
 * Type 6: CPRBs.
 */
#define CPRB_LEN	240

static struct zcrypt_request *cprb_request(struct kunit *test)
{
	struct zcrypt_request *req = begin(test, ZCRYPT_OP_CPRB);
	struct msg_fixture *fix = test->priv;
	u8 *cprb = fix->block;

	memset(cprb, 0x33, sizeof(fix->block));
	memset(cprb, 0, 220);
	put_unaligned_be16(220, cprb);
	cprb[2] = 0x02;
	memcpy(cprb + 6, "T2", 2);
	put_unaligned_be16(7, cprb + 170);
	memcpy(cprb + 220, "KG", 2);
	fix->xcrb = (struct ica_xcRB) {
		.agent_ID = 0x4341,
		.user_defined = AUTOSELECT,
		.request_control_blk_length = CPRB_LEN,
		.request_control_blk_addr = (u8 __user *)user(cprb),
		.request_data_address = (u8 __user *)user(fix->in),
		.reply_control_blk_length = 300,
		.reply_control_blk_addr = (u8 __user *)user(fix->out),
		.reply_data_length = 100,
		.reply_data_addr = (u8 __user *)user(fix->data),
		.status = 77,
	};
	return req;
}

static void t6_cprb(struct kunit *test)
{
	struct zcrypt_request *req = cprb_request(test);
	struct msg_fixture *fix = test->priv;
	const u8 *msg;

	fix->xcrb.request_control_blk_length = CPRB_LEN - 3;
	fix->xcrb.request_data_length = 33;
	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.status, 0);
	KUNIT_EXPECT_EQ(test, req->msg.len, 0x58 + CPRB_LEN + 33);
	msg = req->msg.msg;
	KUNIT_EXPECT_EQ(test, msg[1], 0x06);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x10), 0x58);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x14), 0x58 + CPRB_LEN);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x20, "CA", 2);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x34, "KG", 2);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x38), CPRB_LEN - 3);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x3c), 33);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x58, fix->block, CPRB_LEN - 3);
	/* Nothing of ours between the blocks */
	KUNIT_EXPECT_MEMEQ(test, msg + 0x58 + CPRB_LEN - 3, "\0\0\0", 3);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x58 + CPRB_LEN, fix->in, 33);
	KUNIT_EXPECT_EQ(test, req->fcode, 0x4b47);
	KUNIT_EXPECT_EQ(test, req->speed, SECKEY);
	KUNIT_EXPECT_EQ(test, req->factor, 500);
	KUNIT_EXPECT_EQ(test, req->card, AUTOSELECT);

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be16(msg + 0x58 + 170), DOM);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x48), 300);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x4c), 100);
	KUNIT_EXPECT_GE(test, req->reply_room, 48 + 400);
}

/* The two lengths of a reply share what the queue's buffer can take */
static void t6_cprb_reply_share(struct kunit *test)
{
	const u32 room = AP_DEFAULT_MAX_MSG_SIZE - 48;
	static const struct {
		u32 control, data, want_control, want_data;
	} share[] = {
		{ 0, 0, 0, 0 },
		{ 100, 200, 100, 200 },
		{ room - 10, 10, room - 10, 10 },
		{ room, 10, room - 10, 10 },
		{ 0xffffff00, 10, room - 10, 10 },
		{ 1000, room, 0, room },
		{ 1000, 0xfffff000, 0, room },
	};
	struct msg_fixture *fix = test->priv;
	struct zcrypt_request *req;
	const u8 *msg;
	int i;

	for (i = 0; i < ARRAY_SIZE(share); i++) {
		req = cprb_request(test);
		fix->xcrb.reply_control_blk_length = share[i].control;
		fix->xcrb.reply_data_length = share[i].data;
		KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
		msg = req->msg.msg;
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x48), share[i].want_control);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x4c), share[i].want_data);
	}
}

static void t6_cprb_bad_lengths(struct kunit *test)
{
	const u32 max = atomic_read(&ap_max_msg_size);
	const struct {
		u32 control, data, reply_control, reply_data;
		u16 cprb_len;
		int errno;
	} bad[] = {
		{ 240, 0, 300, 0, 220, 0 },
		{ 222, 0, 300, 0, 220, 0 },
		{ 221, 0, 300, 0, 220, -EINVAL },
		{ 219, 0, 300, 0, 100, -EINVAL },
		{ 0, 0, 300, 0, 220, -EINVAL },
		{ 1, 0, 300, 0, 0, -EINVAL },
		{ 240, 0, 300, 0, 239, -EINVAL },
		{ 240, 0, 300, 0, 0xffff, -EINVAL },
		{ 0xffffffff, 0, 300, 0, 220, -EINVAL },
		{ 0xfffffffd, 0, 300, 0, 220, -EINVAL },
		{ 0xffffffb0, 0, 300, 0, 220, -EINVAL },
		{ 240, 0xffffffff, 300, 0, 220, -EINVAL },
		{ 240, 0xfffffea8, 300, 0, 220, -EINVAL },
		{ 0x80000000, 0x80000000, 300, 0, 220, -EINVAL },
		{ 240, max, 300, 0, 220, -EINVAL },
		{ 240, max - 88 - 239, 300, 0, 220, -EINVAL },
		{ max - 87, 0, 300, 0, 220, -EINVAL },
		{ 240, 0, 0xffffffff, 0, 220, -EINVAL },
		{ 240, 0, 0xfffffffc, 4, 220, -EINVAL },
		{ 240, 0, 0xfffffffc, 3, 220, 0 },
		{ 240, 0, 300, 0xffffffff, 220, -EINVAL },
	};
	struct msg_fixture *fix = test->priv;
	struct zcrypt_request *req;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		req = cprb_request(test);
		fix->xcrb.request_control_blk_length = bad[i].control;
		fix->xcrb.request_data_length = bad[i].data;
		fix->xcrb.reply_control_blk_length = bad[i].reply_control;
		fix->xcrb.reply_data_length = bad[i].reply_data;
		put_unaligned_be16(bad[i].cprb_len, fix->block);
		KUNIT_EXPECT_EQ_MSG(test, zcrypt_describe_cprb(req),
				    bad[i].errno, "row %d", i);
	}
}

static void t6_cprb_purpose(struct kunit *test)
{
	static const struct {
		const char *id, *function;
		u16 flags;
	} cprb[] = {
		{ "T2", "KG", AP_MSG_FLAG_USAGE },
		{ "T2", "US", AP_MSG_FLAG_USAGE | AP_MSG_FLAG_SPECIAL },
		{ "T2", "AU", AP_MSG_FLAG_USAGE | AP_MSG_FLAG_SPECIAL },
		{ "T3", "KG", AP_MSG_FLAG_ADMIN },
		{ "T5", "KG", AP_MSG_FLAG_ADMIN },
		{ "T6", "KG", AP_MSG_FLAG_ADMIN },
		{ "T7", "KG", AP_MSG_FLAG_ADMIN },
		{ "T4", "KG", 0 },
		{ "T8", "KG", 0 },
		{ "X3", "KG", 0 },
	};
	struct msg_fixture *fix = test->priv;
	struct zcrypt_request *req;
	int i, rc;

	for (i = 0; i < ARRAY_SIZE(cprb); i++) {
		req = cprb_request(test);
		memcpy(fix->block + 6, cprb[i].id, 2);
		memcpy(fix->block + 220, cprb[i].function, 2);
		memset(&fix->perms, 0, sizeof(fix->perms));
		rc = zcrypt_describe_cprb(req);
		KUNIT_EXPECT_EQ(test, req->msg.flags, cprb[i].flags);
		KUNIT_EXPECT_EQ(test, rc, cprb[i].flags ? 0 : -EOPNOTSUPP);
		/* Whether it may be is asked when a queue is picked */
		KUNIT_EXPECT_EQ(test, req->ctrl_domain, cprb[i].flags & AP_MSG_FLAG_ADMIN ?
				7 : AUTOSEL_DOM);
		/* The default node may do all that */
		req->perms = &ap_perms;
		KUNIT_EXPECT_EQ(test, zcrypt_describe_cprb(req), 0);
	}
}

static void t6_cprb_result(struct kunit *test)
{
	struct zcrypt_request *req = cprb_request(test);
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->key[0];

	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	cca_reply(reply, 250, 40, 8, 0);
	put_reply(req, reply, 48 + 250 + 40);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 0);
	KUNIT_EXPECT_MEMEQ(test, fix->out, reply + 48, 250);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 250));
	KUNIT_EXPECT_MEMEQ(test, fix->data, reply + 48 + 250, 40);
	KUNIT_EXPECT_EQ(test, fix->xcrb.reply_control_blk_length, 250);
	KUNIT_EXPECT_EQ(test, fix->xcrb.reply_data_length, 40);

	/* Without data */
	req = cprb_request(test);
	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	cca_reply(reply, 300, 0, 0, 0);
	put_reply(req, reply, 348);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.reply_data_length, 0);
}

static void t6_cprb_lies(struct kunit *test)
{
	/* Count and offset of the two blocks, length of the reply */
	static const u32 lie[][5] = {
		{ 250, 48, 40, 298, 337 },
		{ 250, 48, 40, 298, 339 },
		{ 250, 47, 40, 298, 338 },
		{ 250, 0, 40, 298, 338 },
		{ 250, 0xffffffff, 40, 298, 338 },
		{ 250, 89, 40, 298, 338 },
		{ 250, 48, 40, 0, 338 },
		{ 250, 48, 40, 0xffffffd8, 338 },
		{ 250, 48, 0xffffffff, 298, 338 },
		{ 250, 48, 0xffffffd8, 298, 338 },
		{ 0xffffffff, 48, 40, 298, 338 },
		{ 0xffffffd0, 48, 40, 298, 338 },
		{ 301, 48, 0, 0, 349 },			/* more than asked for */
		{ 250, 48, 101, 298, 399 },
		{ 300, 48, 100, 348, 448 + 4000 },	/* more than there is room */
		{ 8000, 48, 0, 0, 8048 },
	};
	struct zcrypt_request *req = cprb_request(test);
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->key[0];
	int i, k;

	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	for (i = 0; i < ARRAY_SIZE(lie); i++) {
		cca_reply(reply, 0, 0, 0, 0);
		for (k = 0; k < 4; k++)
			put_unaligned_be32(lie[i][k], reply + 16 + 4 * k);
		memset(req->reply, 0, req->reply_room);
		memcpy(req->reply, reply, 268);
		req->reply_len = lie[i][4];
		KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype6_ops),
				    -EMSGSIZE, "row %d", i);
	}
	KUNIT_EXPECT_TRUE(test, untouched(fix, 0));
	KUNIT_EXPECT_EQ(test, fix->data[0], 0);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
	/* A CPRB of another version; half of one; a reply that says it is short */
	cca_reply(reply, 250, 40, 0, 0);
	reply[50] = 0x04;
	put_reply(req, reply, 338);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.status, 0x8044d);
	fix->zq.online = 1;
	reply[50] = 0x02;
	put_reply(req, reply, 267);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	put_reply(req, reply, 50);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	put_unaligned_be32(10, reply + 16);
	put_unaligned_be32(0, reply + 24);
	put_reply(req, reply, 58);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.reply_control_blk_length, 10);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
}

/* Error codes come in replies of type 82, 88 and, with a status, 86 */
static void t6_error_codes(struct kunit *test)
{
	static const u8 types[] = { 0x82, 0x88, 0x86 };
	struct zcrypt_request *req = cprb_request(test);
	struct msg_fixture *fix = test->priv;
	u8 reply[48] = {};
	int i, code;

	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		for (code = 1; code < 0x100; code++) {
			reply[1] = types[i];
			reply[4] = code;
			put_unaligned_be32(0x1234, reply + 12);
			put_reply(req, reply, sizeof(reply));
			KUNIT_EXPECT_EQ_MSG(test, parse(req, &zcrypt_msgtype6_ops),
					    errno_of(code), "type %02x code %02x",
					    types[i], code);
			KUNIT_EXPECT_EQ_MSG(test, req->unclear,
					    errno_of(code) == -EAGAIN &&
					    !memchr(unread_codes, code,
						    sizeof(unread_codes)),
					    "type %02x code %02x", types[i], code);
			KUNIT_EXPECT_EQ(test, fix->xcrb.status,
					types[i] == 0x86 ? 0x1234 : 0x8044d);
		}
	}
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
	/* Sent again: that begins anew */
	KUNIT_EXPECT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.status, 0);
	fix->xcrb.status = 0x8044d;
	/* Another queue has done it: nothing of the failure is left */
	cca_reply(fix->block, 220, 0, 0, 0);
	put_reply(req, fix->block, 0x30 + 220);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 0);
	KUNIT_EXPECT_EQ(test, fix->xcrb.status, 0);
	/* 87 is EP11's */
	reply[1] = 0x87;
	put_reply(req, reply, sizeof(reply));
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
}

/*
 * Type 6: random numbers.
 */
static void t6_rng(struct kunit *test)
{
	struct zcrypt_request *req = begin(test, ZCRYPT_OP_RNG);
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->block;
	const u8 *msg;

	req->rng = fix->out;
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_RNG].build(req), 0);
	expect_head(test, req, "RL", 0x58 + 220 + 16);
	msg = req->msg.msg;
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x48), 220 + 16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x4c), 4096);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x58 + 28), 4096);
	KUNIT_EXPECT_MEMEQ(test, msg + 0x134, "RL\0\012RANDOM  \0\002\0\002", 16);

	memset(reply, 0x5a, sizeof(fix->block));
	cca_reply(reply, 236, 4096, 0, 0);
	put_reply(req, reply, 48 + 236 + 4096);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), 4096);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(fix->out, 0x5a, 4096), NULL);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 4096));
	/* Too many, and not there */
	cca_reply(reply, 236, 4097, 0, 0);
	put_reply(req, reply, 48 + 236 + 4097);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	cca_reply(reply, 236, 4096, 0, 0);
	put_reply(req, reply, 48 + 236 + 4095);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	put_unaligned_be32(0xfffff000, reply + 28);
	put_reply(req, reply, 48 + 236 + 4096);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EMSGSIZE);
	cca_reply(reply, 236, 4096, 8, 0);
	put_reply(req, reply, 48 + 236 + 4096);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ops), -EINVAL);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 4096));
}

/*
 * EP11.
 */
static struct zcrypt_request *ep11_request(struct kunit *test, u8 flags,
					   const u8 *len, unsigned int len_len)
{
	struct zcrypt_request *req = begin(test, ZCRYPT_OP_EP11);
	struct msg_fixture *fix = test->priv;
	u8 *cprb = fix->block;

	memset(cprb, 0, sizeof(fix->block));
	put_unaligned_be16(0x20, cprb);
	cprb[2] = 0x04;
	cprb[5] = flags;
	memcpy(cprb + 6, "T4", 2);
	put_unaligned_be32(7, cprb + 12);
	cprb[32] = 0x30;
	memcpy(cprb + 33, len, len_len);
	cprb += 33 + len_len;
	memcpy(cprb, "\004\004\0\001\0\046\004\004\0\0\0\007", 12);
	fix->urb = (struct ep11_urb) {
		.req = (u8 __user *)user(fix->block),
		.req_len = 32 + 1 + len_len + 12,
		.resp = (u8 __user *)user(fix->out),
		.resp_len = 200,
	};
	return req;
}

static void ep11_requests(struct kunit *test)
{
	static const struct {
		u8 len[3];
		int len_len;
	} fmt[] = {
		{ { 0x0c }, 1 }, { { 0x81, 0x0c }, 2 }, { { 0x82, 0x00, 0x0c }, 3 },
	};
	struct msg_fixture *fix = test->priv;
	struct zcrypt_request *req;
	unsigned int dom;
	const u8 *msg;
	int i, admin;

	for (i = 0; i < 6; i++) {
		admin = i / 3;
		req = ep11_request(test, admin ? 0xa0 : 0, fmt[i % 3].len,
				   fmt[i % 3].len_len);
		set_bit_inv(7, fix->perms.adm);
		KUNIT_ASSERT_EQ(test, zcrypt_describe_ep11(req), 0);
		KUNIT_EXPECT_EQ(test, req->fcode, 38);
		KUNIT_EXPECT_EQ(test, req->factor, 10);
		KUNIT_EXPECT_EQ(test, req->msg.flags, admin ?
				AP_MSG_FLAG_ADMIN | AP_MSG_FLAG_SPECIAL :
				AP_MSG_FLAG_USAGE);
		msg = req->msg.msg;
		KUNIT_EXPECT_EQ(test, req->msg.len,
				0x58 + ALIGN(fix->urb.req_len, 4));
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x38), fix->urb.req_len);
		KUNIT_EXPECT_MEMEQ(test, msg + 0x20, "XC", 2);
		KUNIT_EXPECT_MEMEQ(test, msg + 0x30, "\0\001", 2);
		KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ep11_ops.verb[ZCRYPT_OP_EP11].build(req), 0);
		dom = admin ? 7 : DOM;
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x58 + 12), dom);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x58 + fix->urb.req_len - 4), dom);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(msg + 0x48),
				AP_DEFAULT_MAX_MSG_SIZE - 48);
		clear_bit_inv(7, fix->perms.adm);
	}
}

static void ep11_bad_requests(struct kunit *test)
{
	const u32 max = atomic_read(&ap_max_msg_size);
	static const u8 ok[] = { 0x0c }, bad[] = { 0x83, 0, 0, 0x0c };
	const u64 lens[] = {
		0, 1, 32, 33, 34, 45, max - 87, max, U32_MAX, BIT_ULL(32) + 46,
		U64_MAX, U64_MAX - 3, U64_MAX - 0x57,
	};
	struct msg_fixture *fix = test->priv;
	struct zcrypt_request *req;
	int i;

	req = ep11_request(test, 0, bad, sizeof(bad));
	KUNIT_EXPECT_EQ(test, zcrypt_describe_ep11(req), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		req = ep11_request(test, 0, ok, sizeof(ok));
		fix->urb.req_len = lens[i];
		KUNIT_EXPECT_EQ_MSG(test, zcrypt_describe_ep11(req), -EINVAL,
				    "length %llu", lens[i]);
	}
	req = ep11_request(test, 0, ok, sizeof(ok));
	fix->urb.resp_len = U64_MAX;
	KUNIT_EXPECT_EQ(test, zcrypt_describe_ep11(req), -EINVAL);
	/* A control domain has to be admitted */
	req = ep11_request(test, 0x80, ok, sizeof(ok));
	KUNIT_EXPECT_EQ(test, zcrypt_describe_ep11(req), 0);
	KUNIT_EXPECT_EQ(test, req->ctrl_domain, 7);
}

static void ep11_replies(struct kunit *test)
{
	static const u8 len[] = { 0x0c };
	struct zcrypt_request *req = ep11_request(test, 0, len, sizeof(len));
	struct msg_fixture *fix = test->priv;
	u8 *reply = fix->key[0];
	int code;

	KUNIT_ASSERT_EQ(test, zcrypt_describe_ep11(req), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ep11_ops.verb[ZCRYPT_OP_EP11].build(req), 0);
	for (code = 1; code < 0x100; code++) {
		memset(reply, 0, 48);
		reply[1] = code & 1 ? 0x82 : 0x87;
		reply[4] = code;
		put_reply(req, reply, 8);
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), errno_of(code));
		reply[1] = 0x86;
		put_reply(req, reply, 48);
		KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), errno_of(code));
	}
	cca_reply(reply, 150, 0, 0, 0);
	reply[50] = 0x04;
	put_reply(req, reply, 199);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), -EMSGSIZE);
	put_reply(req, reply, 197);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), -EMSGSIZE);
	cca_reply(reply, 201, 0, 0, 0);
	reply[50] = 0x04;
	put_reply(req, reply, 249);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), -EMSGSIZE);
	put_unaligned_be32(0xffffffff, reply + 16);
	put_reply(req, reply, 249);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), -EMSGSIZE);
	KUNIT_EXPECT_TRUE(test, untouched(fix, 0));
	cca_reply(reply, 150, 0, 0, 0);
	reply[50] = 0x04;
	put_reply(req, reply, 198);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), 0);
	KUNIT_EXPECT_EQ(test, fix->urb.resp_len, 150);
	KUNIT_EXPECT_MEMEQ(test, fix->out, reply + 48, 150);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 1);
	reply[50] = 0x02;
	put_reply(req, reply, 198);
	KUNIT_EXPECT_EQ(test, parse(req, &zcrypt_msgtype6_ep11_ops), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fix->zq.online, 0);
}

/*
 * All.
 */
static void what_may_run_twice(struct kunit *test)
{
	unsigned int fcode, cca = 0, ep11 = 0;

	for (fcode = 0; fcode < 0x10000; fcode++) {
		KUNIT_ASSERT_TRUE(test, zcrypt_repeatable(ZCRYPT_OP_ME, fcode, 0));
		KUNIT_ASSERT_TRUE(test, zcrypt_repeatable(ZCRYPT_OP_CRT, fcode, 0));
		KUNIT_ASSERT_TRUE(test, zcrypt_repeatable(ZCRYPT_OP_RNG, fcode, 0));
		cca += zcrypt_repeatable(ZCRYPT_OP_CPRB, fcode, 0);
		ep11 += zcrypt_repeatable(ZCRYPT_OP_EP11, fcode, 0);
	}
	KUNIT_EXPECT_EQ(test, cca, 6);
	KUNIT_EXPECT_EQ(test, ep11, 2);
	KUNIT_EXPECT_TRUE(test, zcrypt_repeatable(ZCRYPT_OP_CPRB, 'F' << 8 | 'Q', 0));
	KUNIT_EXPECT_FALSE(test, zcrypt_repeatable(ZCRYPT_OP_CPRB, 'K' << 8 | 'G', 0));
	/* One that is administrative, whatever it asks for */
	KUNIT_EXPECT_FALSE(test, zcrypt_repeatable(ZCRYPT_OP_CPRB, 'F' << 8 | 'Q',
						   AP_MSG_FLAG_ADMIN));
	KUNIT_EXPECT_FALSE(test, zcrypt_repeatable(ZCRYPT_OP_EP11, 38,
						   AP_MSG_FLAG_ADMIN));
	KUNIT_EXPECT_FALSE(test, zcrypt_repeatable(ZCRYPT_OP_EP11, 21, 0));
}

/* A request of RSA-2048 has no more than a page in flight */
static void memory_in_flight(struct kunit *test)
{
	static const struct zcrypt_ops *const types[] = {
		&zcrypt_msgtype50_ops, &zcrypt_msgtype6_ops,
	};
	struct zcrypt_request *req;
	int i, crt;

	for (i = 0; i < 4; i++) {
		crt = i & 1;
		req = crt ? crt_request(test, 256) : me_request(test, 256);
		KUNIT_ASSERT_EQ(test, types[i / 2]->verb[req->op].build(req), 0);
		KUNIT_EXPECT_LE(test, ksize(req->msg.msg), 4096);
		KUNIT_EXPECT_TRUE(test, req->reply > (u8 *)req->msg.msg &&
				  req->reply + req->reply_room <=
				  (u8 *)req->msg.msg + req->room);
	}
}

/* A small buffer is kept for the next request, with nothing of this one */
static void spare_is_wiped(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 256);
	size_t used;
	u8 *buf;

	KUNIT_ASSERT_EQ(test, zcrypt_msgtype50_ops.verb[ZCRYPT_OP_ME].build(req), 0);
	buf = req->msg.msg;
	KUNIT_ASSERT_EQ(test, req->room, ZCRYPT_SMALL);
	memset(buf, 0xff, req->msg.len);
	memset(req->reply, 0xff, req->reply_room);
	used = req->reply + req->reply_room - buf;
	/* on this CPU, and nobody else's until it is looked at */
	preempt_disable();
	zcrypt_request_release(req);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(buf, 0, used), NULL);
	preempt_enable();
}

/* A message that is too long for it after all gets another buffer */
static void small_grows(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 256);

	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, 1000), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_reply_buffer(req, 500), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, ZCRYPT_SMALL + 1), 0);
	KUNIT_EXPECT_EQ(test, req->room, ZCRYPT_SMALL + 1);
	KUNIT_EXPECT_NULL(test, req->reply);
	KUNIT_ASSERT_EQ(test, zcrypt_reply_buffer(req, 500), 0);
	KUNIT_EXPECT_GE(test, req->reply_room, 500);
	/* and back, with the reply behind it again */
	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, 1000), 0);
	KUNIT_ASSERT_EQ(test, zcrypt_reply_buffer(req, 500), 0);
	KUNIT_EXPECT_PTR_EQ(test, req->reply, (u8 *)req->msg.msg + 1000);
}

/* Sent again, a message does not keep anything of what it was before */
static void buffers_are_wiped(struct kunit *test)
{
	struct zcrypt_request *req = me_request(test, 128);
	const u8 *msg;

	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, 1000), 0);
	memset(req->msg.msg, 0xff, 1000);
	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, 400), 0);
	msg = req->msg.msg;
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(msg, 0, 400), NULL);
	KUNIT_EXPECT_EQ(test, req->msg.len, 400);
	KUNIT_ASSERT_EQ(test, zcrypt_reply_buffer(req, 0), 0);
	KUNIT_EXPECT_GE(test, req->reply_room, ZCRYPT_REPLY_MIN);
}

/* Request and reply share a buffer of the reserve */
static void reserve(struct kunit *test)
{
	struct zcrypt_request *req = cprb_request(test);
	u8 *end;

	req->xflags = ZCRYPT_XFLAG_NOMEMALLOC;
	KUNIT_ASSERT_EQ(test, zcrypt_describe_cprb(req), 0);
	KUNIT_EXPECT_TRUE(test, req->msg.flags & AP_MSG_FLAG_MEMPOOL);
	KUNIT_EXPECT_TRUE(test, req->msg.flags & AP_MSG_FLAG_USAGE);
	KUNIT_ASSERT_EQ(test, zcrypt_msgtype6_ops.verb[ZCRYPT_OP_CPRB].build(req), 0);
	end = req->msg.msg + AP_DEFAULT_MAX_MSG_SIZE;
	KUNIT_EXPECT_TRUE(test, req->reply >= (u8 *)req->msg.msg + req->msg.len);
	KUNIT_EXPECT_TRUE(test, req->reply + req->reply_room <= end);
	/* There is less room than the caller has, and the reply may be shorter */
	KUNIT_EXPECT_EQ(test, zcrypt_reply_buffer(req, AP_DEFAULT_MAX_MSG_SIZE), 0);
	KUNIT_EXPECT_GE(test, req->reply_room, AP_DEFAULT_MAX_MSG_SIZE - req->msg.len - 8);
	KUNIT_EXPECT_TRUE(test, req->reply + req->reply_room <= end);
	KUNIT_ASSERT_EQ(test, zcrypt_request_buffer(req, AP_DEFAULT_MAX_MSG_SIZE), 0);
	KUNIT_EXPECT_EQ(test, zcrypt_reply_buffer(req, 1), -ENOMEM);
}

static struct kunit_case msg_cases[] = {
	KUNIT_CASE(t50_me),
	KUNIT_CASE(t50_crt),
	KUNIT_CASE(t50_result),
	KUNIT_CASE(t50_lies),
	KUNIT_CASE(t50_result_lengths),
	KUNIT_CASE(t50_larger_fields),
	KUNIT_CASE(t50_longer_numbers),
	KUNIT_CASE(t50_error_codes),
	KUNIT_CASE(t6_me),
	KUNIT_CASE(t6_crt),
	KUNIT_CASE(t6_rsa_result),
	KUNIT_CASE(t6_rsa_verdicts),
	KUNIT_CASE(t6_cprb),
	KUNIT_CASE(t6_cprb_reply_share),
	KUNIT_CASE(t6_cprb_bad_lengths),
	KUNIT_CASE(t6_cprb_purpose),
	KUNIT_CASE(t6_cprb_result),
	KUNIT_CASE(t6_cprb_lies),
	KUNIT_CASE(t6_error_codes),
	KUNIT_CASE(t6_rng),
	KUNIT_CASE(ep11_requests),
	KUNIT_CASE(ep11_bad_requests),
	KUNIT_CASE(ep11_replies),
	KUNIT_CASE(what_may_run_twice),
	KUNIT_CASE(memory_in_flight),
	KUNIT_CASE(spare_is_wiped),
	KUNIT_CASE(small_grows),
	KUNIT_CASE(buffers_are_wiped),
	KUNIT_CASE(reserve),
	{}
};

static struct kunit_suite msg_suite = {
	.name = "zcrypt_msg",
	.init = msg_init,
	.exit = msg_exit,
	.test_cases = msg_cases,
};

kunit_test_suite(msg_suite);
