// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: an EP11 coprocessor
 *
 * It answers what is asked about the card and about a domain, and refuses all
 * other functions, as PKCS #11 knows it.  Payloads are in ASN.1, a sequence of
 * octet strings.
 *
 * Layouts: struct ep11_cprb of asm/zcrypt.h, and zcrypt_ep11misc.c of Linux
 * 6.12.
 */

#include <linux/string.h>
#include <linux/unaligned.h>
#include <asm/zcrypt.h>

#include "apsim.h"

#define CPRB_VERSION		4
#define FLAG_ADMIN		0x80
#define TAG_SEQUENCE		0x30
#define TAG_OCTETS		0x04
#define LENGTH_IN_1		0x81
#define LENGTH_IN_2		0x82

#define FUNCTION_INFO		38
#define INFO_MODULE		1
#define INFO_DOMAIN		3

/* Results, as PKCS #11 numbers them. */
#define CKR_ARGUMENTS_BAD		0x07
#define CKR_FUNCTION_NOT_SUPPORTED	0x54

#define DOM_CUR_VALID		0x02
#define DOM_NEW_PRESENT		0x04
#define DOM_NEW_COMMITTED	0x08
#define DOM_NOT_IMPRINT		0x10

#define HASH_SIZE	32

/* ---- ASN.1 ---- */

static bool take_length(struct apsim_in *in, u32 *len)
{
	const u8 *first = apsim_take(in, 1), *byte;
	u16 two;

	if (!first)
		return false;
	switch (*first) {
	case 0 ... 0x7f:
		*len = *first;
		return true;
	case LENGTH_IN_1:
		byte = apsim_take(in, 1);
		*len = byte ? *byte : 0;
		return byte;
	case LENGTH_IN_2:
		if (!apsim_take_be16(in, &two))
			return false;
		*len = two;
		return true;
	default:
		return false;
	}
}

static bool take_tagged(struct apsim_in *in, u8 tag, struct apsim_in *what)
{
	const u8 *is = apsim_take(in, 1);

	if (!is || *is != tag || !take_length(in, &what->left))
		return false;
	what->at = apsim_take(in, what->left);
	return what->at;
}

static bool take_word(struct apsim_in *in, u32 *val)
{
	struct apsim_in octets;

	if (!take_tagged(in, TAG_OCTETS, &octets) || octets.left != sizeof(*val))
		return false;
	*val = get_unaligned_be32(octets.at);
	return true;
}

/* Drivers know lengths in two bytes only, for all that is not a word. */
static void put_tag(struct apsim_out *out, u8 tag, u16 len)
{
	const u8 head[] = { tag, LENGTH_IN_2 };

	apsim_put_bytes(out, head, sizeof(head));
	apsim_put_be16(out, len);
}

static void put_word(struct apsim_out *out, u32 val)
{
	static const u8 head[] = { TAG_OCTETS, sizeof(val) };

	apsim_put_bytes(out, head, sizeof(head));
	apsim_put_be32(out, val);
}

/* ---- what is answered ---- */

static void put_module_info(struct apsim_out *out, const struct apsim_queue *q)
{
	struct apsim_ident ident;

	apsim_ident_get(q->card, &ident);
	apsim_put_be32(out, ident.api);
	apsim_put_be32(out, 0);				/* firmware id */
	apsim_put_be16(out, ident.version);
	apsim_put_be16(out, ident.version);		/* of the CSP */
	apsim_put(out, 3 * HASH_SIZE);			/* of firmware, setup */
	apsim_put_bytes(out, ident.serial, APSIM_SERIAL_EP11);
	apsim_put(out, 16);				/* date and time */
	apsim_put_be64(out, ident.modes);
	apsim_put_be32(out, 0);				/* PKCS #11 flags */
	apsim_put_be32(out, 0);				/* more flags */
	apsim_put_be32(out, hweight64(apsim_domains(true)));
	apsim_put(out, 6 * sizeof(u32));		/* sizes of blobs */
	apsim_put_be32(out, apsim_type_limit(q->card->type));
	apsim_put(out, 2 * sizeof(u32));		/* control points */
}

static u32 domain_flags(const struct apsim_keys *keys)
{
	u32 flags = DOM_NOT_IMPRINT;

	if (keys->mk[APSIM_WK_CUR].state != APSIM_MK_EMPTY)
		flags |= DOM_CUR_VALID;
	if (keys->mk[APSIM_WK_NEW].state != APSIM_MK_EMPTY)
		flags |= DOM_NEW_PRESENT;
	if (keys->mk[APSIM_WK_NEW].state == APSIM_MK_COMPLETE)
		flags |= DOM_NEW_COMMITTED;
	return flags;
}

static void put_pattern(struct apsim_out *out, const struct apsim_mk *mk)
{
	if (mk->state == APSIM_MK_EMPTY)
		apsim_put(out, APSIM_MK_SIZE);
	else
		apsim_put_bytes(out, mk->pattern, APSIM_MK_SIZE);
}

static void put_domain_info(struct apsim_out *out, const struct apsim_queue *q)
{
	struct apsim_keys keys;

	apsim_keys_get(q, &keys);
	apsim_put_be32(out, q->domain);
	put_pattern(out, &keys.mk[APSIM_WK_CUR]);
	put_pattern(out, &keys.mk[APSIM_WK_NEW]);
	apsim_put_be32(out, domain_flags(&keys));
	apsim_put_be64(out, keys.modes);
}

/* Corrects the length that put_tag() wrote when it could not be known yet. */
static void set_length(struct apsim_out *out, u32 tag_at)
{
	if (!out->over)
		put_unaligned_be16(out->len - tag_at - 4, out->buf + tag_at + 2);
}

/* Puts result and data of a query; returns false when it makes no sense. */
static bool answer_info(struct apsim_out *out, struct apsim_in *args,
			const struct apsim_queue *q)
{
	u32 what, detail, tag_at;

	if (!take_word(args, &what) || !take_word(args, &detail) || args->left)
		return false;
	if (what != INFO_MODULE && what != INFO_DOMAIN) {
		put_word(out, CKR_ARGUMENTS_BAD);
		return true;
	}
	put_word(out, 0);
	tag_at = out->len;
	put_tag(out, TAG_OCTETS, 0);
	if (what == INFO_MODULE)
		put_module_info(out, q);
	else
		put_domain_info(out, q);
	set_length(out, tag_at);
	return true;
}

/* ---- requests ---- */

static bool may_target(const struct ep11_cprb *head, const struct apsim_queue *q)
{
	if (!(head->flags & FLAG_ADMIN))
		return head->target_id == q->domain;
	return head->target_id < APSIM_MAX_DOMAINS &&
	       apsim_domains(false) & BIT_ULL(63 - head->target_id);
}

static u8 check_cprb(const struct apsim_cprb *c, const struct ep11_cprb *head)
{
	if (memcmp(c->agent, "XC", 2) || !head ||
	    head->cprb_len != sizeof(*head) ||
	    head->cprb_ver_id != CPRB_VERSION ||
	    memcmp(head->func_id, "T4", sizeof(head->func_id)))
		return APSIM_ERR_MALFORMED;
	if (head->payload_len > c->control.left)
		return APSIM_ERR_MSG_LENGTH;
	return may_target(head, c->q) ? 0 : APSIM_ERR_DOMAIN;
}

/**
 * apsim_ep11_answer() - answer a request to an EP11 coprocessor
 * @c: the request; its blocks are used up, the reply is put to it
 *
 * Context: process.
 * Return: 0, or the code of an error reply
 */
u8 apsim_ep11_answer(struct apsim_cprb *c)
{
	const struct ep11_cprb *head = (const void *)apsim_take(&c->control,
								sizeof(*head));
	struct ep11_cprb *reply;
	u32 function, domain;
	struct apsim_in args;
	u8 err;

	err = check_cprb(c, head);
	if (err)
		return err;
	c->control.left = head->payload_len;
	if (!take_tagged(&c->control, TAG_SEQUENCE, &args) || c->control.left ||
	    !take_word(&args, &function) || !take_word(&args, &domain))
		return APSIM_ERR_MALFORMED;
	if (domain != head->target_id)
		return APSIM_ERR_DOMAIN;
	reply = (struct ep11_cprb *)apsim_put(&c->out, sizeof(*reply));
	if (!reply)
		return APSIM_ERR_TRUNCATED;
	*reply = *head;
	reply->ret_code = 0;
	put_tag(&c->out, TAG_SEQUENCE, 0);
	put_word(&c->out, function);
	put_word(&c->out, domain);
	/* the upper half is the API the program was made for */
	if ((function & 0xffff) != FUNCTION_INFO)
		put_word(&c->out, CKR_FUNCTION_NOT_SUPPORTED);
	else if (!answer_info(&c->out, &args, c->q))
		return APSIM_ERR_MALFORMED;
	set_length(&c->out, sizeof(*reply));
	reply->payload_len = c->out.len - sizeof(*reply);
	return 0;
}
