// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: messages and the replies to them
 *
 * Layouts: drivers/s390/crypto/zcrypt_msgtype50.c of Linux 6.12 for requests
 * of type 50 and replies of type 80, zcrypt_error.h for error replies.
 */

#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "apsim.h"

#define TYPE_CPRB	0x06
#define TYPE_RSA	0x50
#define TYPE_RSA_REPLY	0x80
#define TYPE_ERROR	0x82

#define ERROR_LEN	8

/* Head, then three operands of one size; or five halves and a whole one. */
static const struct apsim_format formats[] = {
	{ 0x0001, APSIM_OP_ME, 128, 400 },
	{ 0x0002, APSIM_OP_ME, 256, 784 },
	{ 0x0003, APSIM_OP_ME, 512, 1552 },
	{ 0x0011, APSIM_OP_CRT, 128, 464 },
	{ 0x0012, APSIM_OP_CRT, 256, 912 },
	{ 0x0013, APSIM_OP_CRT, 512, 1808 },
};

static const u8 zeroes[512];

/**
 * apsim_reply_error() - make an error reply
 * @reply: where to; it must not own a body
 * @type: 0x82 or 0x88
 * @code: reply code
 *
 * Context: any.
 */
void apsim_reply_error(struct apsim_reply *reply, u8 type, u8 code)
{
	*reply = (struct apsim_reply) {
		.head = { [1] = type, [4] = code },
		.hlen = ERROR_LEN,
		.len = ERROR_LEN,
	};
}

static void reply_result(struct apsim_reply *reply, u32 size, u8 *body)
{
	*reply = (struct apsim_reply) {
		.head = { [1] = TYPE_RSA_REPLY },
		.hlen = APSIM_HEAD,
		.len = APSIM_HEAD + size,
		.body = body,
		.body_len = body ? size : 0,
	};
	put_unaligned_be16(reply->len, reply->head + 2);
}

/**
 * apsim_reply_piece() - find a part of a reply
 * @reply: the reply
 * @off: where the part starts, less than @reply->len
 * @piece: its bytes
 *
 * Context: any.
 * Return: how many bytes are there in one piece, at least 1
 */
u32 apsim_reply_piece(const struct apsim_reply *reply, u32 off,
		      const u8 **piece)
{
	if (off < reply->hlen) {
		*piece = reply->head + off;
		return reply->hlen - off;
	}
	off -= reply->hlen;
	if (off < reply->body_len) {
		*piece = reply->body + off;
		return reply->body_len - off;
	}
	off += reply->hlen;
	*piece = zeroes;
	return min_t(u32, sizeof(zeroes), reply->len - off);
}
EXPORT_SYMBOL_GPL(apsim_reply_piece);

static const struct apsim_format *find_format(const u8 *head)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (get_unaligned_be16(head + 8) == formats[i].keyblock)
			return &formats[i];
	return NULL;
}

/* What an accelerator objects to before it looks at the numbers. */
static u8 check_head(const u8 *head, u32 len, const struct apsim_format *fmt)
{
	if (len < APSIM_HEAD)
		return APSIM_ERR_MSG_LENGTH;
	if (!fmt)
		return APSIM_ERR_FORMAT;
	if (fmt->len != len || get_unaligned_be16(head + 2) != len)
		return APSIM_ERR_MSG_LENGTH;
	/* reserved1, reserved2, reserved3 and the six bytes of the block */
	if (head[0] || head[4] || head[6] || head[7] ||
	    memchr_inv(head + 10, 0, 6))
		return APSIM_ERR_RESERVED;
	return 0;
}

/* Coprocessors know type 6, accelerators type 50. */
static u8 wrong_kind(char mode, u8 type)
{
	return type == (mode == 'a' ? TYPE_RSA : TYPE_CPRB) ? 0 :
	       APSIM_ERR_MSG_TYPE;
}

/* Makes @job->req; returns false when the message cannot be read. */
static bool copy_message(struct apsim_job *job, struct apsim_reply *reply,
			 unsigned long addr, u32 len)
{
	job->req = kmalloc(len, GFP_ATOMIC | __GFP_NOWARN);
	if (!job->req) {
		apsim_reply_error(reply, TYPE_ERROR, APSIM_ERR_MACHINE);
		return true;
	}
	job->len = len;
	if (apsim_mem_get(job->req, addr, len))
		return true;
	kfree_sensitive(job->req);
	job->req = NULL;
	return false;
}

/**
 * apsim_msg_take() - fetch a request and see what is to be done
 * @job: filled in; @job->req is set when something has to be computed
 * @reply: the reply, when nothing has to be computed
 * @mode: what kind of card: 'a', 'c' or 'p'
 * @addr: kernel address of the message
 * @len: its length, not 0
 *
 * Without rsa, and when the message is refused, only its head is fetched; the
 * rest is probed, so that a bad address is found all the same.  The result
 * without rsa is zeroes.  A message of type 6 is always fetched: what it asks
 * for is in its depth, which apsim_msg_compute() looks at.
 *
 * Context: any; no lock held, allocates.
 * Return: 0, or -EFAULT when the message cannot be read
 */
int apsim_msg_take(struct apsim_job *job, struct apsim_reply *reply,
		   char mode, unsigned long addr, u32 len)
{
	const struct apsim_format *fmt;
	u8 head[APSIM_HEAD] = {};
	u8 err;

	*job = (struct apsim_job) { .op = APSIM_OP_OTHER };
	if (!apsim_mem_get(head, addr, min_t(u32, len, APSIM_HEAD)) ||
	    !apsim_mem_probe(addr, len))
		return -EFAULT;
	job->type = head[1];
	err = wrong_kind(mode, job->type);
	if (err) {
		apsim_reply_error(reply, TYPE_ERROR, err);
		return 0;
	}
	if (job->type == TYPE_CPRB) {
		if (!copy_message(job, reply, addr, len))
			return -EFAULT;
		if (job->req)
			job->op = apsim_cprb_op(job->req, len);
		return 0;
	}
	fmt = find_format(head);
	err = check_head(head, len, fmt);
	if (err) {
		apsim_reply_error(reply, TYPE_ERROR, err);
		return 0;
	}
	job->op = fmt->op;
	if (!apsim_knob(APSIM_KNOB_RSA)) {
		reply_result(reply, fmt->size, NULL);
		return 0;
	}
	job->fmt = fmt;
	return copy_message(job, reply, addr, len) ? 0 : -EFAULT;
}
EXPORT_SYMBOL_GPL(apsim_msg_take);

/* The numbers of a type 50 message follow each other without a gap. */
static struct apsim_num next_number(const u8 **at, u32 len)
{
	struct apsim_num num = { *at, len };

	*at += len;
	return num;
}

static int compute_me(const u8 *at, u32 size, u8 *out)
{
	struct apsim_me me;

	me.exp = next_number(&at, size);
	me.mod = next_number(&at, size);
	me.in = next_number(&at, size);
	return apsim_rsa_me(&me, out, size);
}

static int compute_crt(const u8 *at, u32 size, u8 *out)
{
	struct apsim_crt crt;

	crt.p = next_number(&at, size / 2);
	crt.q = next_number(&at, size / 2);
	crt.dp = next_number(&at, size / 2);
	crt.dq = next_number(&at, size / 2);
	crt.u = next_number(&at, size / 2);
	crt.in = next_number(&at, size);
	return apsim_rsa_crt(&crt, out, size);
}

static void compute_rsa(const struct apsim_job *job, struct apsim_reply *reply)
{
	const struct apsim_format *fmt = job->fmt;
	const u8 *operands = job->req + APSIM_HEAD;
	u8 *body = kmalloc(fmt->size, GFP_KERNEL);
	int err;

	if (!body || !IS_REACHABLE(CONFIG_MPILIB))
		err = APSIM_ERR_MACHINE;
	else if (fmt->op == APSIM_OP_ME)
		err = compute_me(operands, fmt->size, body);
	else
		err = compute_crt(operands, fmt->size, body);
	if (err) {
		kfree_sensitive(body);
		apsim_reply_error(reply, TYPE_ERROR, err);
		return;
	}
	reply_result(reply, fmt->size, body);
}

/**
 * apsim_msg_compute() - do what a request asks for
 * @q: the queue it came to
 * @job: a request with something to compute; stays the caller's
 * @reply: the reply
 *
 * Context: process, may take long.
 */
void apsim_msg_compute(const struct apsim_queue *q, const struct apsim_job *job,
		       struct apsim_reply *reply)
{
	if (job->type == TYPE_CPRB)
		apsim_cprb_compute(q, job, reply);
	else
		compute_rsa(job, reply);
}
EXPORT_SYMBOL_GPL(apsim_msg_compute);
