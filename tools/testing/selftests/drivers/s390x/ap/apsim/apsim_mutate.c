// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: replies that lie
 *
 * A rule "do=mutate=HH seed=N" spoils replies.  The bits of HH say in which
 * ways.  The last two of them make wrong results; for the others the format
 * gives the lie away, as far as it is for a driver to look: what is inside of a
 * program's own CPRB is for the program.
 *
 * Nothing is allocated here: a reply is spoilt as it becomes available, with
 * the queue's lock held, perhaps in an interrupt.  So it is changed where it
 * is, and a longer one goes on with zeroes.
 */

#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <asm/zcrypt.h>

#include "apsim.h"

#define TYPE_AT		1
#define CODE_AT		4
#define TYPE_RSA_REPLY	0x80
#define TYPE_CPRB_REPLY	0x86

/* Where things are in a reply of type 86: head, four counts with offsets */
#define COUNTS_AT	16
#define BLOCK_AT	48
#define VERSION_AT	(BLOCK_AT + offsetof(struct CPRBX, cprb_ver_id))
#define CPRBX_AT(field)	(BLOCK_AT + offsetof(struct CPRBX, field))
#define EP11_AT(field)	(BLOCK_AT + offsetof(struct ep11_cprb, field))
#define RULES_AT	(BLOCK_AT + sizeof(struct CPRBX) + 2)
/* Behind the rules, which have their own length */
#define RESULT_AT	0

#define ANY_VERSION	0
#define CCA_VERSION	2
#define EP11_VERSION	4

/**
 * struct field - a number in a reply
 * @type: type of the reply
 * @version: of its CPRB, or ANY_VERSION
 * @bytes: 2 or 4
 * @at: offset, or RESULT_AT
 * @shrinks: counts what is at the end of a reply without a second block
 */
struct field {
	u8 type;
	u8 version;
	u8 bytes;
	u16 at;
	bool shrinks;
};

static const struct field lengths[] = {
	{ TYPE_RSA_REPLY, ANY_VERSION, 2, 2, true },
	{ TYPE_CPRB_REPLY, ANY_VERSION, 4, COUNTS_AT, true },
	{ TYPE_CPRB_REPLY, ANY_VERSION, 4, COUNTS_AT + 4 },
	{ TYPE_CPRB_REPLY, ANY_VERSION, 4, COUNTS_AT + 8 },
	{ TYPE_CPRB_REPLY, ANY_VERSION, 4, COUNTS_AT + 12 },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 2, CPRBX_AT(cprb_len) },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 4, CPRBX_AT(rpl_msgbl) },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 4, CPRBX_AT(rpld_parml), true },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 4, CPRBX_AT(rpld_datal) },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 2, RULES_AT },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 2, RESULT_AT, true },
	{ TYPE_CPRB_REPLY, EP11_VERSION, 2, EP11_AT(cprb_len) },
	{ TYPE_CPRB_REPLY, EP11_VERSION, 4, EP11_AT(payload_len), true },
};

static const struct field codes[] = {
	{ TYPE_CPRB_REPLY, CCA_VERSION, 2, CPRBX_AT(ccp_rtcode) },
	{ TYPE_CPRB_REPLY, CCA_VERSION, 2, CPRBX_AT(ccp_rscode) },
	{ TYPE_CPRB_REPLY, EP11_VERSION, 4, EP11_AT(ret_code) },
};

/* A byte that can be changed, or NULL */
static u8 *byte_of(struct apsim_reply *reply, u32 at)
{
	if (at >= reply->len)
		return NULL;
	if (at < reply->hlen)
		return reply->head + at;
	at -= reply->hlen;
	return at < reply->body_len ? reply->body + at : NULL;
}

static u8 value_of(struct apsim_reply *reply, u32 at)
{
	const u8 *byte = byte_of(reply, at);

	return byte ? *byte : 0;
}

static u32 where(struct apsim_reply *reply, const struct field *f)
{
	return f->at != RESULT_AT ? f->at :
	       RULES_AT + (value_of(reply, RULES_AT) << 8 |
			   value_of(reply, RULES_AT + 1));
}

static bool has_field(struct apsim_reply *reply, const struct field *f)
{
	u32 at = where(reply, f);

	return value_of(reply, TYPE_AT) == f->type &&
	       (f->version == ANY_VERSION ||
		value_of(reply, VERSION_AT) == f->version) &&
	       byte_of(reply, at) && byte_of(reply, at + f->bytes - 1);
}

/* A field may begin in the head and end in the body. */
static u32 get_field(struct apsim_reply *reply, const struct field *f)
{
	u32 at = where(reply, f), val = 0, i;

	for (i = 0; i < f->bytes; i++)
		val = val << 8 | value_of(reply, at + i);
	return val;
}

static void set_field(struct apsim_reply *reply, const struct field *f, u32 val)
{
	u32 at = where(reply, f), i;

	for (i = f->bytes; i--; val >>= 8)
		*byte_of(reply, at + i) = val;
}

static const struct field *any_field(struct apsim_reply *reply,
				     const struct field *field, u32 count,
				     u32 *dice)
{
	u32 i, n = 0, nth;

	for (i = 0; i < count; i++)
		n += has_field(reply, &field[i]);
	if (!n)
		return NULL;
	nth = apsim_random(dice) % n;
	for (i = 0; !has_field(reply, &field[i]) || nth--; i++)
		;
	return &field[i];
}

static u32 other_number(u32 old, u32 *dice)
{
	const u32 tries[] = {
		0, 1, old - 1, old + 1, old + 7, 2 * old, old ^ 0x8000,
		0x7fff, 0xffff, 0x7fffffff, 0xfffffff0, 0xffffffff,
		apsim_random(dice), apsim_random(dice) % 512,
	};

	return tries[apsim_random(dice) % ARRAY_SIZE(tries)];
}

/* Something else than what is there, in as many bytes as there are */
static void change_field(struct apsim_reply *reply, const struct field *f,
			 u32 *dice)
{
	u32 old = get_field(reply, f);

	set_field(reply, f, other_number(old, dice));
	if (get_field(reply, f) == old)
		set_field(reply, f, old ^ (1 + apsim_random(dice) % 255));
}

static void spoil_type(struct apsim_reply *reply, u32 *dice)
{
	static const u8 known[] = { 0x00, 0x80, 0x82, 0x84, 0x86, 0x87, 0x88 };
	u8 *type = byte_of(reply, TYPE_AT), next;

	if (!type)
		return;
	next = known[apsim_random(dice) % ARRAY_SIZE(known)];
	*type = next != *type ? next : *type ^ (1 + apsim_random(dice) % 255);
}

static void spoil_length(struct apsim_reply *reply, u32 *dice)
{
	const struct field *f = any_field(reply, lengths, ARRAY_SIZE(lengths),
					  dice);

	if (f)
		change_field(reply, f, dice);
}

static void spoil_code(struct apsim_reply *reply, u32 *dice)
{
	const struct field *f = any_field(reply, codes, ARRAY_SIZE(codes), dice);
	u8 *code = byte_of(reply, CODE_AT);

	if (f && apsim_random(dice) % 2)
		change_field(reply, f, dice);
	else if (code)
		*code ^= 1 + apsim_random(dice) % 255;
}

static void cut(struct apsim_reply *reply, u32 *dice)
{
	if (reply->len > 1)
		reply->len = 1 + apsim_random(dice) % (reply->len - 1);
}

static void grow(struct apsim_reply *reply, u32 *dice)
{
	u32 most = apsim_max_message();

	if (reply->len >= most)
		return;
	if (apsim_random(dice) % 2)
		most = min(most, reply->len + 16);
	reply->len += 1 + apsim_random(dice) % (most - reply->len);
}

/*
 * The result lacks its end, and so say the lengths of the message and of its
 * CPRB. Some part of each of them stays. A second block would be what is at the
 * end; nothing is done to a reply that has one. The number of bytes is odd: an
 * RSA result that lacks an even number of them could be that of a card which
 * leaves out the zeroes in front, and no driver could tell.
 */
static void shorten(struct apsim_reply *reply, u32 *dice)
{
	static const struct field second = {
		TYPE_CPRB_REPLY, ANY_VERSION, 4, COUNTS_AT + 8
	};
	u32 less = reply->len - min(reply->len, reply->hlen), i;
	const struct field *f;
	bool any = false;

	if (has_field(reply, &second) && get_field(reply, &second))
		return;
	for (i = 0, f = lengths; i < ARRAY_SIZE(lengths); i++, f++)
		if (f->shrinks && has_field(reply, f) && get_field(reply, f) > 3) {
			less = min(less, get_field(reply, f) - 3);
			any = true;
		}
	if (!any || !less)
		return;
	less = (apsim_random(dice) % less) | 1;
	for (i = 0, f = lengths; i < ARRAY_SIZE(lengths); i++, f++)
		if (f->shrinks && has_field(reply, f) && get_field(reply, f) > 3)
			set_field(reply, f, get_field(reply, f) - less);
	reply->len -= less;
}

static void spoil_bytes(struct apsim_reply *reply, u32 *dice)
{
	u32 n = 1 + apsim_random(dice) % 8;
	u8 *byte;

	while (n--) {
		byte = byte_of(reply, apsim_random(dice) % reply->len);
		if (byte)
			*byte = apsim_random(dice);
	}
}

static void garbage(struct apsim_reply *reply, u32 *dice)
{
	u8 *byte;
	u32 i;

	for (i = 0; (byte = byte_of(reply, i)); i++)
		*byte = apsim_random(dice);
}

static void (*const ways[8])(struct apsim_reply *reply, u32 *dice) = {
	spoil_type, spoil_length, spoil_code, cut, grow, shorten,
	spoil_bytes, garbage,
};

/**
 * apsim_mutate() - spoil a reply
 * @reply: the reply, not empty, nothing of it delivered yet
 * @how: bit n allows ways[n]; 0 allows all
 * @seed: says which of them, and all the rest; the same seed does the same to
 *	the same reply
 *
 * Context: any; the caller holds the queue's lock.
 */
void apsim_mutate(struct apsim_reply *reply, u8 how, u32 seed)
{
	u32 dice = seed, nth, i;

	how = how ?: 0xff;
	/* The first numbers of neighbouring seeds are neighbours too. */
	apsim_random(&dice);
	apsim_random(&dice);
	nth = apsim_random(&dice) % hweight8(how);
	for (i = 0; !(how & BIT(i)) || nth--; i++)
		;
	ways[i](reply, &dice);
}
EXPORT_SYMBOL_GPL(apsim_mutate);
