// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: a CCA coprocessor
 *
 * Layouts: struct CPRBX of asm/zcrypt.h; drivers/s390/crypto of Linux 6.12:
 * zcrypt_msgtype6.c and zcrypt_cca_key.h for RSA and random numbers,
 * zcrypt_ccamisc.c for the facility query.
 */

#include <linux/string.h>
#include <linux/unaligned.h>
#include <asm/zcrypt.h>

#include "apsim.h"

#define CPRB_VERSION	2
#define KEYWORD		8	/* bytes of an element of a rule array */
#define TOKEN_EXTERNAL	0x1e
#define SECTION_PUBLIC	0x04
#define SECTION_CRT	0x08
#define FORMAT_CLEAR	0x40

/*
 * What the card thinks of a request: return code and reason code.  Drivers
 * take the first four for mistakes of the sender, zcrypt_msgtype6.c.
 */
#define VERDICT(rc, rs)	((rc) << 16 | (rs))
#define BAD_KEY		VERDICT(8, 65)
#define BAD_INPUT	VERDICT(8, 66)
#define BAD_LENGTH	VERDICT(8, 72)
#define BAD_KEY_FIELD	VERDICT(8, 770)
#define BAD_KEYWORD	VERDICT(8, 33)
#define NOT_SUPPORTED	VERDICT(8, 335)

/**
 * struct call - a verb is called
 * @cprb: the message
 * @head: its CPRB
 * @keyword: the first element of its rule array
 * @text: its data
 * @key: its key
 */
struct call {
	struct apsim_cprb *cprb;
	const struct CPRBX *head;
	const u8 *keyword;
	struct apsim_in text;
	struct apsim_in key;
};

/* ---- blocks of a reply ---- */

static void put_empty_block(struct apsim_out *out)
{
	apsim_put_be16(out, sizeof(u16));
}

/* The length of a block, then room for what is in it. */
static u8 *put_block(struct apsim_out *out, u32 len)
{
	apsim_put_be16(out, sizeof(u16) + len);
	return apsim_put(out, len);
}

/* ---- RSA ---- */

/**
 * struct token - a key token
 * @section: its first section, behind identifier and length
 * @id: that section's identifier
 */
struct token {
	struct apsim_in section;
	u8 id;
};

/* Identifier, version, length (all of it counts), then what is in it. */
static bool take_section(struct apsim_in *in, u8 *id, struct apsim_in *section)
{
	const u8 *head = apsim_take(in, 4);
	u16 len;

	if (!head)
		return false;
	len = get_unaligned_be16(head + 2);
	if (len < 4)
		return false;
	*id = head[0];
	section->left = len - 4;
	section->at = apsim_take(in, section->left);
	return section->at;
}

/*
 * The key block is a block with a block in it, in which flags and a token are;
 * the token is like a section with four reserved bytes and sections in it.
 */
static bool take_token(struct apsim_in key, struct token *token)
{
	struct apsim_in outer, inner, body;
	u8 id;

	if (!apsim_take_block(&key, &outer) || key.left ||
	    !apsim_take_block(&outer, &inner) || outer.left ||
	    !apsim_take(&inner, 2))
		return false;
	if (!take_section(&inner, &id, &body) || inner.left ||
	    id != TOKEN_EXTERNAL || !apsim_take(&body, 4))
		return false;
	return take_section(&body, &token->id, &token->section);
}

static bool take_number(struct apsim_in *in, u32 len, struct apsim_num *num)
{
	num->len = len;
	num->bytes = apsim_take(in, len);
	return num->bytes;
}

static int rsa_verdict(int err)
{
	switch (err) {
	case 0:
		return 0;
	case APSIM_ERR_EVEN_MODULUS:
		return BAD_KEY;
	case APSIM_ERR_OPERAND:
		return BAD_INPUT;
	case APSIM_ERR_OPERAND_SIZE:
		return BAD_KEY_FIELD;
	default:
		return -err;
	}
}

/*
 * The sizes of an operation: the input is as long as the modulus, and neither
 * is longer than the card can do.
 */
static int check_sizes(const struct call *call, u32 size)
{
	if (!size || size > APSIM_NUM_MAX)
		return BAD_KEY_FIELD;
	return call->text.left == size ? 0 : BAD_LENGTH;
}

/* The reply of both: the result, and no key.  NULL when it does not fit. */
static u8 *put_result(const struct call *call, u32 size)
{
	struct apsim_out *out = &call->cprb->out;
	u8 *result;

	put_empty_block(out);
	result = put_block(out, size);
	put_empty_block(out);
	return out->over ? NULL : result;
}

/* Without arithmetic the result is what it is now, zeroes. */
static bool no_arithmetic(const u8 *result)
{
	return !result || !apsim_knob(APSIM_KNOB_RSA) ||
	       !IS_REACHABLE(CONFIG_MPILIB);
}

/* A public key: exponent and modulus */
static int answer_me(struct call *call)
{
	u16 exp_len, bits, size;
	struct apsim_me me;
	struct token token;
	u8 *result;
	int verdict;

	if (!take_token(call->key, &token) || token.id != SECTION_PUBLIC ||
	    !apsim_take(&token.section, 2) ||
	    !apsim_take_be16(&token.section, &exp_len) ||
	    !apsim_take_be16(&token.section, &bits) ||
	    !apsim_take_be16(&token.section, &size) ||
	    !take_number(&token.section, exp_len, &me.exp) ||
	    !take_number(&token.section, size, &me.mod))
		return -APSIM_ERR_MALFORMED;
	verdict = check_sizes(call, size);
	if (verdict)
		return verdict;
	if (!exp_len || exp_len > size || bits > 8 * size)
		return BAD_KEY_FIELD;
	me.in = (struct apsim_num) { call->text.at, call->text.left };
	result = put_result(call, size);
	if (no_arithmetic(result))
		return 0;
	return rsa_verdict(apsim_rsa_me(&me, result, size));
}

/* The fixed part of a private section, behind identifier and length. */
#define CRT_FORMAT	24	/* key format */
#define CRT_LENGTHS	50	/* of p, q, dp, dq, u and the modulus */
#define CRT_PAD		66	/* length of the padding */
#define CRT_FIXED	128

static bool take_crt_numbers(struct apsim_in *in, const u8 *lengths,
			     struct apsim_crt *crt)
{
	struct apsim_num *const number[] = {
		&crt->p, &crt->q, &crt->dp, &crt->dq, &crt->u
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(number); i++)
		if (!take_number(in, get_unaligned_be16(lengths + 2 * i),
				 number[i]))
			return false;
	return true;
}

/* No number is so long that multiplying it would take unreasonably long. */
static bool crt_lengths_ok(const struct apsim_crt *crt)
{
	return max3(crt->p.len, crt->q.len, crt->u.len) <= APSIM_NUM_MAX &&
	       max(crt->dp.len, crt->dq.len) <= APSIM_NUM_MAX;
}

/*
 * A private key.  The modulus is there but need not be right: it is the product
 * of the primes.  A public section follows, which nobody needs.
 */
static int answer_crt(struct call *call)
{
	struct apsim_crt crt;
	struct token token;
	const u8 *fixed;
	u8 *result;
	int verdict;
	u16 size;

	if (!take_token(call->key, &token) || token.id != SECTION_CRT)
		return -APSIM_ERR_MALFORMED;
	fixed = apsim_take(&token.section, CRT_FIXED);
	if (!fixed)
		return -APSIM_ERR_MALFORMED;
	size = get_unaligned_be16(fixed + CRT_LENGTHS + 10);
	if (!take_crt_numbers(&token.section, fixed + CRT_LENGTHS, &crt) ||
	    !apsim_take(&token.section, get_unaligned_be16(fixed + CRT_PAD)) ||
	    !apsim_take(&token.section, size))
		return -APSIM_ERR_MALFORMED;
	/* a key under a master key, which nobody has */
	if (fixed[CRT_FORMAT] != FORMAT_CLEAR || !crt_lengths_ok(&crt))
		return BAD_KEY_FIELD;
	verdict = check_sizes(call, size);
	if (verdict)
		return verdict;
	crt.in = (struct apsim_num) { call->text.at, call->text.left };
	result = put_result(call, size);
	if (no_arithmetic(result))
		return 0;
	return rsa_verdict(apsim_rsa_crt(&crt, result, size));
}

/* ---- random numbers ---- */

static int answer_random(struct call *call)
{
	if (!call->head->rpl_datal)
		return BAD_LENGTH;
	call->cprb->random = call->head->rpl_datal;
	put_empty_block(&call->cprb->out);
	put_empty_block(&call->cprb->out);
	return 0;
}

/* ---- facility query ---- */

/*
 * The answer is a rule array, in which one element tells the state of a
 * register, and a block of verification patterns: for each kind of key the old,
 * the current and the new one, each behind its length and a number.
 */
static const struct mk_kind {
	u8 size;		/* of a pattern */
	u8 element;		/* of the new key; current and old follow */
	u8 patterns;		/* where the old key's is */
} mk_kinds[] = {
	[APSIM_MK_SYM]	= { 16, 1, 0 },
	[APSIM_MK_ASYM]	= { 16, 4, 60 },
	[APSIM_MK_AES]	= { 8, 7, 168 },
	[APSIM_MK_APKA]	= { 8, 10, 204 },
};

static const struct query {
	char keyword[KEYWORD + 1];
	u8 kinds;
	u8 elements;
	u8 patterns;
} queries[] = {
	{ "STATICSA", APSIM_MK_AES + 1, 10, 204 },
	{ "STATICSB", APSIM_MK_APKA + 1, 13, 240 },
};

static bool holds_key(const struct apsim_mk *mk, u32 age)
{
	return mk->state == (age == APSIM_MK_NEW ? APSIM_MK_COMPLETE :
						   APSIM_MK_LOADED);
}

static void tell_key(const struct mk_kind *kind, const struct apsim_mk *mk,
		     u32 age, u8 *elements, u8 *patterns)
{
	u8 *at = patterns + kind->patterns +
		 (APSIM_MK_OLD - age) * (4 + kind->size);

	elements[KEYWORD * (kind->element + age)] = '1' + mk->state;
	put_unaligned_be16(4 + kind->size, at);
	put_unaligned_be16(age, at + 2);
	if (holds_key(mk, age))
		memcpy(at + 4, mk->pattern, kind->size);
}

static int answer_query(struct call *call)
{
	struct apsim_out *out = &call->cprb->out;
	const struct query *query = queries;
	const struct query *const end = queries + ARRAY_SIZE(queries);
	struct apsim_ident ident;
	struct apsim_keys keys;
	u8 *elements, *patterns;
	u32 kind, age;

	while (query < end && memcmp(call->keyword, query->keyword, KEYWORD))
		query++;
	if (query == end)
		return BAD_KEYWORD;
	elements = put_block(out, query->elements * KEYWORD);
	patterns = put_block(out, query->patterns);
	put_empty_block(out);
	if (out->over)
		return 0;
	apsim_ident_get(call->cprb->q->card, &ident);
	apsim_keys_get(call->cprb->q, &keys);
	memset(elements, ' ', query->elements * KEYWORD);
	memcpy(elements, ident.serial, KEYWORD);
	for (kind = 0; kind < query->kinds; kind++)
		for (age = 0; age < APSIM_MK_AGES; age++)
			tell_key(&mk_kinds[kind],
				 &keys.mk[kind * APSIM_MK_AGES + age], age,
				 elements, patterns);
	return 0;
}

/* ---- verbs ---- */

/*
 * @answer puts its blocks behind the function code of the reply; it returns 0,
 * a verdict, or the negative code of an error reply.
 */
static const struct verb {
	char code[3];
	u8 op;
	char keyword[KEYWORD + 1];	/* what it must be, if it must */
	int (*answer)(struct call *call);
} verbs[] = {
	{ "PK", APSIM_OP_ME, "MRP     ", answer_me },
	{ "PD", APSIM_OP_CRT, "ZERO-PAD", answer_crt },
	{ "RL", APSIM_OP_OTHER, "RANDOM  ", answer_random },
	{ "FQ", APSIM_OP_OTHER, "", answer_query },
};

static const struct verb *find_verb(const u8 *code)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!memcmp(verbs[i].code, code, 2))
			return &verbs[i];
	return NULL;
}

/**
 * apsim_cca_op() - what a verb asks for, as far as its time is concerned
 * @function: the verb's code
 *
 * Context: any.
 * Return: the operation
 */
enum apsim_op apsim_cca_op(const u8 *function)
{
	const struct verb *verb = find_verb(function);

	return verb ? verb->op : APSIM_OP_OTHER;
}

static u8 check_cprb(const struct apsim_cprb *c, const struct CPRBX *head)
{
	if (memcmp(c->agent, "CA", 2) || !head ||
	    head->cprb_len != sizeof(*head) ||
	    head->cprb_ver_id != CPRB_VERSION || head->func_id[0] != 'T')
		return APSIM_ERR_MALFORMED;
	if (head->req_parml > c->control.left || head->req_datal > c->data.left)
		return APSIM_ERR_MSG_LENGTH;
	return head->domain == c->q->domain ? 0 : APSIM_ERR_DOMAIN;
}

/* The parameters of all verbs: rule array, data, key.  */
static int call_verb(struct call *call, const struct verb *verb,
		     struct apsim_in *parm)
{
	struct apsim_in rules;

	if (!apsim_take_block(parm, &rules) || rules.left % KEYWORD ||
	    !apsim_take_block(parm, &call->text))
		return -APSIM_ERR_MALFORMED;
	/* the key block is looked at by those who need a key */
	call->key = *parm;
	call->keyword = apsim_take(&rules, KEYWORD);
	if (!call->keyword || rules.left ||
	    (*verb->keyword && memcmp(call->keyword, verb->keyword, KEYWORD)))
		return BAD_KEYWORD;
	return verb->answer(call);
}

/*
 * A reply without a result has empty blocks, not none: drivers look for a
 * result's length before they look at the verdict.
 */
static void refuse(struct apsim_cprb *c, const u8 *code)
{
	c->random = 0;
	c->out.len = sizeof(struct CPRBX);
	c->out.over = false;
	apsim_put_bytes(&c->out, code, 2);
	put_empty_block(&c->out);
	put_empty_block(&c->out);
	put_empty_block(&c->out);
}

static void complete_head(struct apsim_cprb *c, struct CPRBX *reply, int verdict)
{
	reply->rpld_parml = c->out.len - sizeof(*reply);
	reply->rpld_datal = c->random;
	reply->ccp_rtcode = verdict >> 16;
	reply->ccp_rscode = verdict & 0xffff;
}

/**
 * apsim_cca_answer() - answer a request to a CCA coprocessor
 * @c: the request; its blocks are used up, the reply is put to it
 *
 * Context: process, may take long.
 * Return: 0, or the code of an error reply
 */
u8 apsim_cca_answer(struct apsim_cprb *c)
{
	const struct CPRBX *head = (const void *)apsim_take(&c->control,
							     sizeof(*head));
	struct call call = { .cprb = c, .head = head };
	const struct verb *verb;
	struct CPRBX *reply;
	int verdict = NOT_SUPPORTED;
	const u8 *code;
	u8 err;

	err = check_cprb(c, head);
	if (err)
		return err;
	c->control.left = head->req_parml;
	code = apsim_take(&c->control, 2);
	if (!code)
		return APSIM_ERR_MALFORMED;
	reply = (struct CPRBX *)apsim_put(&c->out, sizeof(*reply));
	if (!reply)
		return APSIM_ERR_TRUNCATED;
	*reply = *head;

	/* T2 uses a domain; all others are orders to the card */
	verb = head->func_id[1] == '2' ? find_verb(code) : NULL;
	if (verb) {
		apsim_put_bytes(&c->out, code, 2);
		verdict = call_verb(&call, verb, &c->control);
	}
	if (verdict < 0)
		return -verdict;
	if (verdict)
		refuse(c, code);
	complete_head(c, reply, verdict);
	return 0;
}
