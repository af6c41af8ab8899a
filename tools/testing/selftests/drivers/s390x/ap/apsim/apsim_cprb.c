// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: messages of type 6, requests to coprocessors
 *
 * A request is a header and up to two blocks; the header says where they are
 * and how long the blocks of the reply may be.  Nothing it says is believed:
 * blocks are read through struct apsim_in, which ends where the message ends,
 * and replies are written through struct apsim_out.
 *
 * Layouts: drivers/s390/crypto/zcrypt_msgtype6.h of Linux 6.12.
 */

#include <linux/align.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "apsim.h"

/* The request's header. */
#define REQ_HEAD	0x58
#define REQ_OFFSETS	16	/* of four blocks */
#define REQ_AGENT	32
#define REQ_RQID	48
#define REQ_FUNCTION	52
#define REQ_LENGTHS	56	/* of four blocks */
#define REQ_ROOMS	72	/* for four blocks of the reply */
#define BLOCKS		4
#define BLOCKS_USED	2

/* The reply's header. */
#define REP_HEAD	48
#define REP_TYPE	0x86
#define REP_FORMAT	0x02
#define REP_BLOCKS	16	/* length and offset of four blocks */

#define TYPE_ERROR	0x82

/* The longest blocks any reply of ours has; all of it fits any card's limit. */
#define CONTROL_MAX	2048U
#define DATA_MAX	8192U

/**
 * apsim_take() - take bytes off a part of a request
 * @in: the part
 * @n: how many bytes
 *
 * Context: any.
 * Return: the bytes, or NULL when there are not so many left
 */
const u8 *apsim_take(struct apsim_in *in, u32 n)
{
	const u8 *at = in->at;

	if (n > in->left)
		return NULL;
	in->at += n;
	in->left -= n;
	return at;
}

/**
 * apsim_take_be16() - take a number of two bytes
 * @in: part of a request
 * @val: the number
 *
 * Context: any.
 * Return: false when there are not two bytes left
 */
bool apsim_take_be16(struct apsim_in *in, u16 *val)
{
	const u8 *at = apsim_take(in, sizeof(*val));

	if (at)
		*val = get_unaligned_be16(at);
	return at;
}

/**
 * apsim_take_block() - take a block that begins with its length
 * @in: part of a request
 * @block: what follows the block's length, which counts itself
 *
 * Context: any.
 * Return: false when the length is too short for itself or too long
 */
bool apsim_take_block(struct apsim_in *in, struct apsim_in *block)
{
	u16 len;

	if (!apsim_take_be16(in, &len) || len < sizeof(len))
		return false;
	block->left = len - sizeof(len);
	block->at = apsim_take(in, block->left);
	return block->at;
}

/**
 * apsim_put() - make a part of a reply longer
 * @out: the part
 * @n: by how many bytes
 *
 * Context: any.
 * Return: the bytes, zero, or NULL when there is no room; @out tells of that
 */
u8 *apsim_put(struct apsim_out *out, u32 n)
{
	u8 *at = out->buf + out->len;

	if (n > out->room - out->len)
		out->over = true;
	if (out->over)
		return NULL;
	out->len += n;
	return memset(at, 0, n);
}

/**
 * apsim_put_bytes() - put bytes behind a part of a reply
 * @out: the part
 * @bytes: the bytes
 * @n: how many
 *
 * Context: any.
 */
void apsim_put_bytes(struct apsim_out *out, const void *bytes, u32 n)
{
	u8 *at = apsim_put(out, n);

	if (at)
		memcpy(at, bytes, n);
}

/**
 * apsim_put_be16() - put a number of two bytes behind a part of a reply
 * @out: the part
 * @val: the number
 *
 * Context: any.
 */
void apsim_put_be16(struct apsim_out *out, u16 val)
{
	__be16 raw = cpu_to_be16(val);

	apsim_put_bytes(out, &raw, sizeof(raw));
}

/**
 * apsim_put_be32() - put a number of four bytes behind a part of a reply
 * @out: the part
 * @val: the number
 *
 * Context: any.
 */
void apsim_put_be32(struct apsim_out *out, u32 val)
{
	__be32 raw = cpu_to_be32(val);

	apsim_put_bytes(out, &raw, sizeof(raw));
}

/**
 * apsim_put_be64() - put a number of eight bytes behind a part of a reply
 * @out: the part
 * @val: the number
 *
 * Context: any.
 */
void apsim_put_be64(struct apsim_out *out, u64 val)
{
	__be64 raw = cpu_to_be64(val);

	apsim_put_bytes(out, &raw, sizeof(raw));
}

/**
 * apsim_cprb_op() - what a request asks for, as far as its time is concerned
 * @msg: the message, of type 6
 * @len: its length
 *
 * Context: any.
 * Return: the operation
 */
enum apsim_op apsim_cprb_op(const u8 *msg, u32 len)
{
	return len < REQ_HEAD ? APSIM_OP_OTHER : apsim_cca_op(msg + REQ_FUNCTION);
}

static u32 word(const u8 *msg, u32 array, u32 nth)
{
	return get_unaligned_be32(msg + array + 4 * nth);
}

/* Block @nth of a message; its offset is of no meaning when it is empty. */
static u8 find_block(const u8 *msg, u32 len, u32 nth, struct apsim_in *block)
{
	u32 offset = word(msg, REQ_OFFSETS, nth);
	u32 size = word(msg, REQ_LENGTHS, nth);

	block->at = msg;
	block->left = 0;
	if (!size)
		return 0;
	if (offset < REQ_HEAD || offset > len)
		return APSIM_ERR_MALFORMED;
	if (size > len - offset)
		return APSIM_ERR_MSG_LENGTH;
	block->at = msg + offset;
	block->left = size;
	return 0;
}

/* What must be zero in the header, as zcrypt_msgtype6.h describes it */
static const struct {
	u8 at, len;
} reserved[] = {
	{ 0, 1 }, { 2, 14 },
	{ REQ_OFFSETS + 4 * BLOCKS_USED, 4 * (BLOCKS - BLOCKS_USED) },
	{ REQ_AGENT + 2, 14 },
	{ REQ_RQID + 2, 2 }, { REQ_FUNCTION + 2, 2 },
	{ REQ_LENGTHS + 4 * BLOCKS_USED, 4 * (BLOCKS - BLOCKS_USED) },
	{ REQ_ROOMS + 4 * BLOCKS_USED, 4 * (BLOCKS - BLOCKS_USED) },
};

static u8 take_apart(struct apsim_cprb *c, const u8 *msg, u32 len)
{
	u32 i;
	u8 err;

	if (len < REQ_HEAD)
		return APSIM_ERR_MSG_LENGTH;
	if (word(msg, REQ_OFFSETS, 0) != REQ_HEAD)
		return APSIM_ERR_MALFORMED;
	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		if (memchr_inv(msg + reserved[i].at, 0, reserved[i].len))
			return APSIM_ERR_RESERVED;
	err = find_block(msg, len, 0, &c->control);
	if (!err)
		err = find_block(msg, len, 1, &c->data);
	/* the second block lies behind the first */
	if (!err && c->data.left && c->data.at < c->control.at + c->control.left)
		err = APSIM_ERR_MALFORMED;
	c->agent = msg + REQ_AGENT;
	c->out.room = min(word(msg, REQ_ROOMS, 0), CONTROL_MAX);
	c->data_room = min(word(msg, REQ_ROOMS, 1), DATA_MAX);
	return err;
}

/* Length and offset of a block, into the reply's header. */
static void tell_block(u8 *buf, u32 nth, u32 size, u32 offset)
{
	put_unaligned_be32(size, buf + REP_BLOCKS + 8 * nth);
	put_unaligned_be32(offset, buf + REP_BLOCKS + 8 * nth + 4);
}

/* Puts the header before the reply's first block, and makes its second. */
static u32 complete_reply(const struct apsim_cprb *c, u8 *buf)
{
	u32 end = REP_HEAD + c->out.len;

	buf[1] = REP_TYPE;
	buf[2] = REP_FORMAT;
	tell_block(buf, 0, c->out.len, REP_HEAD);
	if (c->random) {
		end = ALIGN(end, 4);
		tell_block(buf, 1, c->random, end);
		get_random_bytes(buf + end, c->random);
		end += c->random;
	}
	return end;
}

/**
 * apsim_cprb_compute() - answer a message of type 6
 * @q: the queue it came to
 * @job: the message
 * @reply: the reply
 *
 * Context: process, may take long.
 */
void apsim_cprb_compute(const struct apsim_queue *q, const struct apsim_job *job,
			struct apsim_reply *reply)
{
	struct apsim_cprb c = { .q = q };
	u8 *buf = NULL;
	u8 err;

	err = take_apart(&c, job->req, job->len);
	if (!err) {
		buf = kzalloc(REP_HEAD + ALIGN(c.out.room, 4) + c.data_room,
			      GFP_KERNEL);
		err = buf ? 0 : APSIM_ERR_MACHINE;
	}
	if (!err) {
		c.out.buf = buf + REP_HEAD;
		err = q->card->type->mode == 'c' ? apsim_cca_answer(&c) :
						   apsim_ep11_answer(&c);
	}
	if (!err && (c.out.over || c.random > c.data_room))
		err = APSIM_ERR_TRUNCATED;
	if (err) {
		kfree_sensitive(buf);
		apsim_reply_error(reply, TYPE_ERROR, err);
		return;
	}
	*reply = (struct apsim_reply) { .body = buf };
	reply->body_len = complete_reply(&c, buf);
	reply->len = reply->body_len;
}
