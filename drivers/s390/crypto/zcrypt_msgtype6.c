// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of type 6: coprocessors.
 *
 * CPRBs come ready-made from the sender; their header and addressing are ours.
 * For RSA and random numbers the CPRB is made here, of blocks that each begin
 * with their length.
 *
 * A reply of type 86 says where its blocks are. Nothing of it is believed: the
 * ends of the blocks must fit what has come.
 */
#include <linux/slab.h>

#include "zcrypt_error.h"
#include "zcrypt_msgtype6.h"
#include "zcrypt_request.h"
#include "zcrypt_cca_key.h"

#define T6_TYPE		0x06
#define CPRB_VERSION	0x02
#define EP11_VERSION	0x04

/* Longest reply to an RSA request, as the cards have always been told */
#define RSA_REPLY_LEN	0x77c

/* Cards may put some bytes between the blocks of a reply */
#define REPLY_SLACK	64

/* Status of a request that has failed before the card has looked at it */
#define STATUS_INVALID_PARM	0x0008044d

struct t6_cprb {
	struct type6_hdr hdr;
	struct CPRBX cprbx;
	u8 param[];
} __packed;

struct t86_head {
	struct type86_hdr hdr;
	struct type86_fmt2_ext fmt2;
} __packed;

struct t86_cprb {
	struct t86_head head;
	struct CPRBX cprbx;
	u8 function[2];
	u16 rule_len;
	u16 len;		/* of the result, this field included */
	u8 result[];
} __packed;

static_assert(sizeof(struct t86_cprb) <= ZCRYPT_REPLY_MIN);
static_assert(sizeof(struct type6_hdr) == 0x58);

/*
 * Which control domain the request is for; zcrypt_pick() asks whether it may be.
 * Only those who came through a node of their own have to say of what kind their
 * request is.
 */
static int describe_control_domain(struct zcrypt_request *req, unsigned int dom)
{
	if (req->perms == &ap_perms || dom >= AP_DOMAINS)
		return 0;
	if (req->msg.flags & AP_MSG_FLAG_ADMIN)
		req->ctrl_domain = dom;
	else if (!(req->msg.flags & AP_MSG_FLAG_USAGE))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * The header's length and one block aligned to 4 bytes with one behind it, or 0
 * if they are longer than any message.
 */
static size_t message_len(u64 block, u64 data)
{
	u64 max = atomic_read(&ap_max_msg_size);

	if (block > max || data > max)
		return 0;
	block = sizeof(struct type6_hdr) + ALIGN(block, 4) + data;
	return block <= max ? block : 0;
}

static void queue_domain(const struct zcrypt_request *req, struct CPRBX *cprbx)
{
	cprbx->domain = AP_QID_QUEUE(req->zq->queue->qid);
}

/*
 * CCA: weight and meaning of a function.
 */
static const struct {
	char codes[2 * 24];
	unsigned int factor;
} cca_speeds[] = {
	{ "ABAIAMCACDCTCXDKEXFCFQLGLKLQOHPOPSPXSCSDSESP", 10 },
	{ "AKCECICMHGHIHMHPHQITIXKCKDKEKGKHKIKNKPKRKTKX", 500 },
	{ "MPMSMVMXPDPEPFPGPIPKPMRTSGSISKSMSVSXTCTKVG", 500 },
};

#define SPEED_OTHER	100

static unsigned int cca_factor(unsigned int fcode)
{
	const char *code;
	int i;

	for (i = 0; i < ARRAY_SIZE(cca_speeds); i++)
		for (code = cca_speeds[i].codes; *code; code += 2)
			if (fcode == (code[0] << 8 | code[1]))
				return cca_speeds[i].factor;
	return SPEED_OTHER;
}

static unsigned int ep11_factor(unsigned int fcode)
{
	switch (fcode) {
	case 1 ... 2:
	case 36 ... 40:
		return 10;
	case 17 ... 22:
	case 26:
	case 30 ... 35:
		return 500;
	}
	return SPEED_OTHER;
}

static bool is_code(const u8 *code, const char *name)
{
	return code[0] == name[0] && code[1] == name[1];
}

/* The minor version of a CPRB says whether it uses a domain or controls one */
static u16 cprb_purpose(const u8 *func_id)
{
	if (is_code(func_id, "T2"))
		return AP_MSG_FLAG_USAGE;
	if (func_id[0] == 'T' && func_id[1] >= '3' && func_id[1] <= '7' &&
	    func_id[1] != '4')
		return AP_MSG_FLAG_ADMIN;
	return 0;
}

/**
 * zcrypt_describe_cprb() - fetch a CPRB, and see what it needs
 * @req: the request
 *
 * Context: process; sleeps unless ZCRYPT_XFLAG_NOMEMALLOC.
 * Return: 0 or an errno.
 */
int zcrypt_describe_cprb(struct zcrypt_request *req)
{
	struct ica_xcRB *xcrb = req->xcrb;
	u32 len = xcrb->request_control_blk_length;
	u32 data_len = xcrb->request_data_length;
	bool user = zcrypt_from_user(req);
	struct t6_cprb *msg;
	unsigned int dom;
	const u8 *code;
	size_t size;
	int rc;

	xcrb->status = 0;
	size = message_len(len, data_len);
	if (!size || len < sizeof(struct CPRBX) ||
	    ALIGN((u64)xcrb->reply_control_blk_length, 4) +
	    xcrb->reply_data_length > U32_MAX)
		return -EINVAL;
	rc = zcrypt_request_buffer(req, size);
	if (rc)
		return rc == -EMSGSIZE ? -EINVAL : rc;

	msg = req->msg.msg;
	if (z_copy_from_user(user, &msg->cprbx, xcrb->request_control_blk_addr,
			     len) ||
	    z_copy_from_user(user, (u8 *)&msg->cprbx + ALIGN(len, 4),
			     xcrb->request_data_address, data_len))
		return -EFAULT;
	if (msg->cprbx.cprb_len + sizeof(msg->hdr.function_code) > len)
		return -EINVAL;
	code = (u8 *)&msg->cprbx + msg->cprbx.cprb_len;

	msg->hdr.type = T6_TYPE;
	msg->hdr.offset1 = sizeof(msg->hdr);
	msg->hdr.tocardlen1 = len;
	msg->hdr.offset2 = data_len ? sizeof(msg->hdr) + ALIGN(len, 4) : 0;
	msg->hdr.tocardlen2 = data_len;
	memcpy(msg->hdr.agent_id, &xcrb->agent_ID, sizeof(xcrb->agent_ID));
	memcpy(msg->hdr.function_code, code, sizeof(msg->hdr.function_code));

	req->msg.flags |= cprb_purpose(msg->cprbx.func_id);
	/* These two ask the hypervisor for more than the card's work */
	if (is_code(code, "US") || is_code(code, "AU"))
		req->msg.flags |= AP_MSG_FLAG_SPECIAL;

	dom = msg->cprbx.domain;
	req->fcode = code[0] << 8 | code[1];
	req->speed = SECKEY;
	req->factor = cca_factor(req->fcode);
	req->card = xcrb->user_defined;
	req->domain = dom;
	/* A domain that we may only control: any queue of the card will do */
	if (dom < AP_DOMAINS && !ap_test_config_usage_domain(dom) &&
	    ap_test_config_ctrl_domain(dom))
		req->domain = AUTOSEL_DOM;
	return describe_control_domain(req, dom);
}

/* What the queue's own buffer can take of a reply, its header aside */
static u32 reply_payload(const struct zcrypt_request *req)
{
	return req->zq->reply.bufsize - sizeof(struct t86_head);
}

static int build_cprb(struct zcrypt_request *req)
{
	u32 payload = reply_payload(req);
	struct t6_cprb *msg = req->msg.msg;
	u32 data = min(req->xcrb->reply_data_length, payload);
	u32 control = min(req->xcrb->reply_control_blk_length, payload - data);

	/* That of an attempt before this one */
	req->xcrb->status = 0;
	/* Data are needed whole; what is left is the CPRB's */
	msg->hdr.fromcardlen1 = control;
	msg->hdr.fromcardlen2 = data;
	queue_domain(req, &msg->cprbx);
	return zcrypt_reply_buffer(req, sizeof(struct t86_head) + control +
				   data + REPLY_SLACK);
}

/*
 * Replies of type 86.
 */

/* One block of the reply; NULL if it is not all there */
static const u8 *reply_block(const struct zcrypt_request *req, u32 offset,
			     u32 count)
{
	u64 end = (u64)offset + count;

	if (offset < sizeof(struct t86_head) ||
	    end > min(req->reply_len, req->reply_room))
		return NULL;
	return req->reply + offset;
}

static bool reply_has(const struct zcrypt_request *req, size_t len)
{
	return req->reply_len >= len && req->reply_room >= len;
}

/* Whether all of a CCA card's CPRB is in the reply */
static bool reply_has_cprbx(const struct zcrypt_request *req)
{
	return reply_has(req, offsetof(struct t86_cprb, function));
}

/* Where both kinds of CPRB have their version */
#define VERSION_AT	(sizeof(struct t86_head) + offsetof(struct CPRBX, cprb_ver_id))

static_assert(offsetof(struct CPRBX, cprb_ver_id) ==
	      offsetof(struct ep11_cprb, cprb_ver_id));

/*
 * What all replies have in common. Returns 0 for one that has a result of the
 * kind asked for in it; @error_type is the reply type that is an error beside
 * 82. One that is cut short does not speak against the card: how much it sends
 * is for the sender to say.
 */
static int reply_verdict(struct zcrypt_request *req, u8 error_type, u8 version)
{
	const struct type86_hdr *hdr = (const void *)req->reply;

	if (hdr->type == TYPE82_RSP_CODE || hdr->type == error_type)
		return zcrypt_card_error(req);
	if (hdr->type != TYPE86_RSP_CODE)
		return zcrypt_distrust(req, "reply of unknown type");
	if (hdr->reply_code)
		return zcrypt_card_error(req);
	if (!reply_has(req, VERSION_AT + 1))
		return -EMSGSIZE;
	if (req->reply[VERSION_AT] != version)
		return zcrypt_distrust(req, "reply with an unknown CPRB");
	return 0;
}

static int cca_verdict(struct zcrypt_request *req)
{
	return reply_verdict(req, TYPE88_RSP_CODE, CPRB_VERSION);
}

/* The same for verbs of our own, which look into the CPRB */
static int cca_own_verdict(struct zcrypt_request *req)
{
	int rc = cca_verdict(req);

	return rc || reply_has_cprbx(req) ? rc : -EMSGSIZE;
}

static int parse_cprb(struct zcrypt_request *req)
{
	const struct t86_head *head = (const void *)req->reply;
	struct ica_xcRB *xcrb = req->xcrb;
	u32 control = head->fmt2.count1, data = head->fmt2.count2;
	bool user = zcrypt_from_user(req);
	const u8 *from, *data_from;
	int rc;

	/* Another queue may have left one there */
	xcrb->status = 0;
	rc = cca_verdict(req);
	if (rc == -EMSGSIZE)
		return rc;
	if (rc) {
		if (head->hdr.type == TYPE86_RSP_CODE && head->hdr.reply_code)
			memcpy(&xcrb->status, &head->fmt2.apfs,
			       sizeof(xcrb->status));
		else
			xcrb->status = STATUS_INVALID_PARM;
		return rc;
	}

	from = reply_block(req, head->fmt2.offset1, control);
	data_from = data ? reply_block(req, head->fmt2.offset2, data) : from;
	/* The last block ends where the reply ends */
	if (!from || !data_from ||
	    (data ? data_from + data : from + control) !=
	    req->reply + req->reply_len)
		return -EMSGSIZE;
	if (control > xcrb->reply_control_blk_length ||
	    data > xcrb->reply_data_length)
		return -EMSGSIZE;
	if (z_copy_to_user(user, xcrb->reply_control_blk_addr, from, control))
		return -EFAULT;
	if (data && z_copy_to_user(user, xcrb->reply_data_addr, data_from, data))
		return -EFAULT;
	xcrb->reply_control_blk_length = control;
	xcrb->reply_data_length = data;
	return 0;
}

/*
 * RSA and random numbers: CPRBs of our own.
 */

/* Function, rule, then blocks */
struct t6_rules {
	u8 function[2];
	u16 len;
	char rule[8];
} __packed;

/**
 * struct t6_verb - a CCA verb
 * @function: its code
 * @rule: its rule
 * @reply_is_request: the length of the reply's CPRB is that of the request's,
 *	as opposed to the length that the card may send; this is what the cards
 *	have always been told
 */
struct t6_verb {
	char function[2];
	char rule[8];
	bool reply_is_request;
};

static const struct t6_verb verb_me = { "PK", "MRP     ", false };
static const struct t6_verb verb_crt = { "PD", "ZERO-PAD", true };
static const struct t6_verb verb_rng = { "RL", "RANDOM  ", false };

/* A message for @verb, with @len bytes behind its rules, which are zero */
static u8 *begin_verb(struct zcrypt_request *req, const struct t6_verb *verb,
		      size_t len, u32 reply_len)
{
	struct t6_rules *rules;
	struct t6_cprb *msg;

	if (zcrypt_request_buffer(req, sizeof(*msg) + sizeof(*rules) + len))
		return NULL;
	msg = req->msg.msg;
	msg->hdr.type = T6_TYPE;
	msg->hdr.offset1 = sizeof(msg->hdr);
	memcpy(msg->hdr.agent_id, "CA", 2);
	memcpy(msg->hdr.function_code, verb->function, 2);
	msg->hdr.tocardlen1 = req->msg.len - sizeof(msg->hdr);
	msg->hdr.fromcardlen1 = reply_len;

	msg->cprbx.cprb_len = sizeof(msg->cprbx);
	msg->cprbx.cprb_ver_id = CPRB_VERSION;
	memcpy(msg->cprbx.func_id, "T2", 2);
	msg->cprbx.req_parml = sizeof(*rules) + len;
	msg->cprbx.rpl_msgbl = verb->reply_is_request ? msg->cprbx.req_parml :
							reply_len;
	queue_domain(req, &msg->cprbx);

	rules = (struct t6_rules *)msg->param;
	memcpy(rules->function, verb->function, 2);
	rules->len = sizeof(rules->len) + sizeof(rules->rule);
	memcpy(rules->rule, verb->rule, sizeof(rules->rule));
	return (u8 *)(rules + 1);
}

/*
 * The layout of a block is a list of pieces: structures of ours, numbers of the
 * sender, and what is the same in each byte. Which of them it is stands apart:
 * the sender's pointer may be anything.
 */
struct t6_piece {
	enum { OURS, THEIRS, FILL } from;
	union {
		const void *ours;
		const u8 __user *theirs;
		u8 fill;
	};
	size_t len;
};

#define T6_OURS(x)	{ OURS, .ours = &(x), .len = sizeof(x) }
#define T6_THEIRS(p, n)	{ THEIRS, .theirs = (p), .len = (n) }
#define T6_FILL(b, n)	{ FILL, .fill = (b), .len = (n) }

static size_t pieces_len(const struct t6_piece *piece, unsigned int count)
{
	size_t len = 0;

	while (count--)
		len += piece[count].len;
	return len;
}

static int put_pieces(const struct zcrypt_request *req, u8 *to,
		      const struct t6_piece *piece, unsigned int count)
{
	for (; count--; to += piece++->len) {
		switch (piece->from) {
		case OURS:
			memcpy(to, piece->ours, piece->len);
			break;
		case THEIRS:
			if (z_copy_from_user(zcrypt_from_user(req), to,
					     piece->theirs, piece->len))
				return -EFAULT;
			break;
		case FILL:
			memset(to, piece->fill, piece->len);
			break;
		}
	}
	return 0;
}

#define RSA_REPLY_ROOM	(RSA_REPLY_LEN - sizeof(struct type6_hdr))

static int build_rsa(struct zcrypt_request *req, const struct t6_verb *verb,
		     const struct t6_piece *piece, unsigned int count)
{
	u32 reply_len = RSA_REPLY_ROOM;
	u8 *to;

	to = begin_verb(req, verb, pieces_len(piece, count), reply_len);
	if (!to || zcrypt_reply_buffer(req, sizeof(struct t86_head) + reply_len))
		return -ENOMEM;
	return put_pieces(req, to, piece, count);
}

static int build_me(struct zcrypt_request *req)
{
	const struct ica_rsa_modexpo *me = req->me;
	u16 n = req->mod_len, text_len = n + sizeof(text_len);
	struct cca_public_sec sec = {
		.section_identifier = 0x04,
		.section_length = sizeof(sec) + 2 * n,
		.exponent_len = n,
		.modulus_bit_len = 8 * n,
		.modulus_byte_len = n,
	};
	struct cca_token_hdr token = {
		.token_identifier = CCA_TKN_HDR_ID_EXT,
		.token_length = sizeof(token) + sec.section_length,
	};
	struct t6_keyblock_hdr key = {
		.blen = sizeof(key) + token.token_length,
		.ulen = sizeof(key) + token.token_length - sizeof(key.blen),
	};
	const struct t6_piece piece[] = {
		T6_OURS(text_len),
		T6_THEIRS(me->inputdata, n),
		T6_OURS(key),
		T6_OURS(token),
		T6_OURS(sec),
		T6_THEIRS(me->b_key, n),
		T6_THEIRS(me->n_modulus, n),
	};

	return build_rsa(req, &verb_me, piece, ARRAY_SIZE(piece));
}

/* In the key of a CRT request, see there */
static const u8 some_exponent[] = { 0x01, 0x00, 0x01 };

/*
 * A private key token has no modulus of its own and no public exponent; the
 * card wants both to be there, and looks at neither.
 */
static int build_crt(struct zcrypt_request *req)
{
	const struct ica_rsa_modexpo_crt *crt = req->crt;
	u16 n = req->mod_len, text_len = n + sizeof(text_len);
	u16 half = DIV_ROUND_UP(n, 2), longer = half + 8;
	u16 parts = 3 * longer + 2 * half, pad = -parts & 7;
	struct cca_pvt_ext_crt_sec pvt = {
		.section_identifier = CCA_PVT_EXT_CRT_SEC_ID_PVT,
		.section_length = sizeof(pvt) + parts + pad + n,
		.key_format = CCA_PVT_EXT_CRT_SEC_FMT_CL,
		.key_use_flags = { CCA_PVT_USAGE_ALL },
		.p_len = longer, .dp_len = longer, .u_len = longer,
		.q_len = half, .dq_len = half,
		.mod_len = n,
		.pad_len = pad,
	};
	struct cca_public_sec pub = {
		.section_identifier = 0x04,
		.section_length = sizeof(pub) + sizeof(some_exponent),
		.exponent_len = sizeof(some_exponent),
		.modulus_bit_len = 8 * n,
	};
	struct cca_token_hdr token = {
		.token_identifier = CCA_TKN_HDR_ID_EXT,
		.token_length = sizeof(token) + pvt.section_length +
				pub.section_length,
	};
	struct t6_keyblock_hdr key = {
		.blen = sizeof(key) + token.token_length,
		.ulen = sizeof(key) + token.token_length - sizeof(key.blen),
	};
	const struct t6_piece piece[] = {
		T6_OURS(text_len),
		T6_THEIRS(crt->inputdata, n),
		T6_OURS(key),
		T6_OURS(token),
		T6_OURS(pvt),
		T6_THEIRS(crt->np_prime, longer),
		T6_THEIRS(crt->nq_prime, half),
		T6_THEIRS(crt->bp_key, longer),
		T6_THEIRS(crt->bq_key, half),
		T6_THEIRS(crt->u_mult_inv, longer),
		T6_FILL(0, pad),
		T6_FILL(0xff, n),
		T6_OURS(pub),
		T6_OURS(some_exponent),
	};

	return build_rsa(req, &verb_crt, piece, ARRAY_SIZE(piece));
}

/*
 * What goes into a small buffer, with the reply behind it: the key of the one has two
 * numbers, that of the other five halves, three of them longer, and a modulus.
 */
#define SMALL_RSA	256
#define SMALL_ROOM(key)							\
	(ALIGN(sizeof(struct t6_cprb) + sizeof(struct t6_rules) +	\
	       sizeof(u16) + SMALL_RSA +				\
	       sizeof(struct t6_keyblock_hdr) +				\
	       sizeof(struct cca_token_hdr) +				\
	       sizeof(struct cca_public_sec) + (key), 8) +		\
	 sizeof(struct t86_head) + RSA_REPLY_ROOM)
#define SMALL_CRT_KEY							\
	(sizeof(struct cca_pvt_ext_crt_sec) + 5 * SMALL_RSA / 2 +	\
	 3 * 8 + SMALL_RSA + sizeof(some_exponent))

static_assert(SMALL_ROOM(2 * SMALL_RSA) <= ZCRYPT_SMALL);
static_assert(SMALL_ROOM(SMALL_CRT_KEY) <= ZCRYPT_SMALL);

/* Return and reason codes that say: the numbers are wrong, not the card */
static const struct {
	u16 rc, rs;
} rsa_sender_errors[] = {
	{ 8, 65 }, { 8, 66 }, { 8, 72 }, { 8, 770 }, { 12, 769 },
};

#define RS_EXPONENT_TOO_LONG	0x14f
#define SHORT_EXPONENT_BITS	17

static int rsa_card_said_no(struct zcrypt_request *req,
			    const struct CPRBX *cprbx)
{
	unsigned int rc = cprbx->ccp_rtcode, rs = cprbx->ccp_rscode;
	char why[64];
	int i;

	ZCRYPT_DBF_WARN("queue %02x.%04x: RSA: rc/rs=%u/%u\n",
			AP_QID_CARD(req->zq->queue->qid),
			AP_QID_QUEUE(req->zq->queue->qid), rc, rs);
	for (i = 0; i < ARRAY_SIZE(rsa_sender_errors); i++)
		if (rc == rsa_sender_errors[i].rc &&
		    rs == rsa_sender_errors[i].rs)
			return -EINVAL;
	scnprintf(why, sizeof(why), "the card cannot do RSA, rc/rs=%u/%u", rc, rs);
	return zcrypt_distrust(req, why);
}

static int parse_rsa(struct zcrypt_request *req, u8 __user *out,
		     unsigned int out_len)
{
	const struct t86_cprb *reply = (const void *)req->reply;
	const struct CPRBX *cprbx = &reply->cprbx;
	unsigned int len;
	int rc;

	/* Some cards take only short exponents with long moduli */
	if (reply->head.hdr.type == TYPE86_RSP_CODE && reply_has_cprbx(req) &&
	    cprbx->cprb_ver_id == CPRB_VERSION && cprbx->ccp_rtcode &&
	    cprbx->ccp_rscode == RS_EXPONENT_TOO_LONG && out_len > 256)
		return req->zc->max_exp_bit_length <= SHORT_EXPONENT_BITS ?
		       -EAGAIN : -EINVAL;
	rc = cca_own_verdict(req);
	if (rc)
		return rc;
	if (cprbx->ccp_rtcode)
		return rsa_card_said_no(req, cprbx);
	/* Behind the result comes an empty key block, two bytes long */
	if (!reply_has(req, sizeof(*reply)) || reply->len < sizeof(reply->len) ||
	    sizeof(*reply) + reply->len != req->reply_len ||
	    req->reply_len > req->reply_room)
		return -EMSGSIZE;
	/* What is missing in a short one, nobody could tell from the result */
	len = reply->len - sizeof(reply->len);
	if (len != out_len)
		return -EMSGSIZE;
	if (z_copy_to_user(zcrypt_from_user(req), out, reply->result, len))
		return -EFAULT;
	return 0;
}

static int parse_me(struct zcrypt_request *req)
{
	return parse_rsa(req, req->me->outputdata, req->me->outputdatalength);
}

static int parse_crt(struct zcrypt_request *req)
{
	return parse_rsa(req, req->crt->outputdata, req->crt->outputdatalength);
}

static int build_rng(struct zcrypt_request *req)
{
	const u16 empty[] = { sizeof(u16), sizeof(u16) };
	size_t own = sizeof(struct CPRBX) + sizeof(struct t6_rules) +
		     sizeof(empty);
	struct t6_cprb *msg;
	u8 *to;

	to = begin_verb(req, &verb_rng, sizeof(empty), own);
	if (!to || zcrypt_reply_buffer(req, sizeof(struct t86_head) + own +
				       ZCRYPT_RNG_BUFFER_SIZE + REPLY_SLACK))
		return -ENOMEM;
	memcpy(to, empty, sizeof(empty));
	msg = req->msg.msg;
	msg->cprbx.rpl_datal = ZCRYPT_RNG_BUFFER_SIZE;
	msg->hdr.fromcardlen2 = ZCRYPT_RNG_BUFFER_SIZE;
	return 0;
}

static int parse_rng(struct zcrypt_request *req)
{
	const struct t86_cprb *reply = (const void *)req->reply;
	u32 len = reply->head.fmt2.count2;
	const u8 *from;
	int rc;

	rc = cca_own_verdict(req);
	if (rc)
		return rc;
	if (reply->cprbx.ccp_rtcode || reply->cprbx.ccp_rscode)
		return -EINVAL;
	from = reply_block(req, reply->head.fmt2.offset2, len);
	if (!from || len > ZCRYPT_RNG_BUFFER_SIZE)
		return -EMSGSIZE;
	memcpy(req->rng, from, len);
	return len;
}

const struct zcrypt_ops zcrypt_msgtype6_ops = {
	.name = MSGTYPE06_NAME,
	.variant = MSGTYPE06_VARIANT_DEFAULT,
	.verb = {
		[ZCRYPT_OP_ME]	 = { build_me, parse_me },
		[ZCRYPT_OP_CRT]	 = { build_crt, parse_crt },
		[ZCRYPT_OP_CPRB] = { build_cprb, parse_cprb },
		[ZCRYPT_OP_RNG]	 = { build_rng, parse_rng },
	},
};

/*
 * EP11.
 */
struct t6_ep11 {
	struct type6_hdr hdr;
	struct ep11_cprb cprb;
	u8 payload[];
} __packed;

/* What every payload begins with, behind a tag and its own length */
struct ep11_payload {
	u8 func_tag;
	u8 func_len;
	u32 func;
	u8 dom_tag;
	u8 dom_len;
	u32 dom;
} __packed;

#define EP11_FLAG_ADMIN		0x80
#define EP11_FLAG_SPECIAL	0x20

/*
 * The length of the payload takes one, two or three bytes, as in ASN.1. Returns
 * the offset of what follows it, or an errno.
 */
static int ep11_payload_offset(const u8 *payload)
{
	u8 first = payload[1];

	if (!(first & 0x80))
		return 2;
	switch (first & 0x03) {
	case 1:
		return 3;
	case 2:
		return 4;
	}
	return -EINVAL;
}

static_assert(AUTOSEL_AP == AUTOSEL_DOM && AP_DEVICES == AP_DOMAINS);

static unsigned int target_index(unsigned int number)
{
	if (number < AP_DEVICES)
		return number;
	return number == AUTOSEL_AP ? ZCRYPT_TARGET_ANY : ZCRYPT_TARGET_NONE;
}

/**
 * zcrypt_map_targets() - have a list of targets looked at only once
 * @targets: the list
 * @count: its length
 *
 * Context: process, sleeps.
 * Return: the map, for kvfree(); or NULL.
 */
struct zcrypt_target_map *zcrypt_map_targets(const struct ep11_target_dev *targets,
					     unsigned int count)
{
	struct zcrypt_target_map *map = kvzalloc(sizeof(*map), GFP_KERNEL);
	unsigned int card;

	if (!map)
		return NULL;
	for (; count--; targets++) {
		card = target_index(targets->ap_id);
		__set_bit(card, map->cards);
		__set_bit(card * ZCRYPT_TARGET_ROW + target_index(targets->dom_id),
			  map->queues);
	}
	return map;
}

static int ep11_fetch_targets(struct zcrypt_request *req)
{
	struct ep11_urb *urb = req->urb;
	const u8 __user *from = urb->targets;
	struct ep11_target_dev *targets;
	size_t size;

	/* An empty list stands for all */
	if (!urb->targets_num)
		return 0;
	if (!zcrypt_from_user(req)) {
		targets = (struct ep11_target_dev __force *)from;
	} else {
		size = array_size(urb->targets_num, sizeof(*targets));
		targets = kvmalloc(size, GFP_KERNEL);
		if (!targets)
			return -ENOMEM;
		if (copy_from_user(targets, from, size)) {
			kvfree(targets);
			return -EFAULT;
		}
	}
	req->targets = targets;
	req->nr_targets = urb->targets_num;
	/* A caller in the kernel has a short one, and may not allocate */
	if (zcrypt_from_user(req) && req->nr_targets > ZCRYPT_FEW_TARGETS) {
		req->target_map = zcrypt_map_targets(targets, req->nr_targets);
		return req->target_map ? 0 : -ENOMEM;
	}
	return 0;
}

/**
 * zcrypt_describe_ep11() - fetch an EP11 request, and see what it needs
 * @req: the request
 *
 * Context: process; sleeps unless ZCRYPT_XFLAG_NOMEMALLOC.
 * Return: 0 or an errno.
 */
int zcrypt_describe_ep11(struct zcrypt_request *req)
{
	struct ep11_urb *urb = req->urb;
	struct ep11_payload *payload;
	struct t6_ep11 *msg;
	int offset, rc;
	size_t size;

	size = message_len(urb->req_len, 0);
	if (!size || urb->resp_len > U64_MAX - 3 ||
	    urb->req_len < sizeof(msg->cprb) + 2)
		return -EINVAL;
	rc = ep11_fetch_targets(req);
	if (rc)
		return rc;
	rc = zcrypt_request_buffer(req, size);
	if (rc)
		return rc == -EMSGSIZE ? -EINVAL : rc;
	msg = req->msg.msg;
	if (z_copy_from_user(zcrypt_from_user(req), &msg->cprb, urb->req,
			     urb->req_len))
		return -EFAULT;
	offset = ep11_payload_offset(msg->payload);
	if (offset < 0 || urb->req_len < sizeof(msg->cprb) + offset +
					 sizeof(*payload))
		return -EINVAL;
	payload = (struct ep11_payload *)(msg->payload + offset);

	msg->hdr.type = T6_TYPE;
	msg->hdr.offset1 = sizeof(msg->hdr);
	msg->hdr.tocardlen1 = urb->req_len;
	msg->hdr.rqid[1] = 1;
	memcpy(msg->hdr.agent_id, "XC", 2);

	req->msg.flags |= msg->cprb.flags & EP11_FLAG_ADMIN ?
			  AP_MSG_FLAG_ADMIN : AP_MSG_FLAG_USAGE;
	if (msg->cprb.flags & EP11_FLAG_SPECIAL)
		req->msg.flags |= AP_MSG_FLAG_SPECIAL;
	req->tail = sizeof(*msg) + offset + offsetof(struct ep11_payload, dom);
	req->fcode = payload->func & 0xffff;
	req->speed = SECKEY;
	req->factor = ep11_factor(req->fcode);
	return describe_control_domain(req, msg->cprb.target_id);
}

static int build_ep11(struct zcrypt_request *req)
{
	u32 dom = AP_QID_QUEUE(req->zq->queue->qid);
	u32 payload = reply_payload(req);
	struct t6_ep11 *msg = req->msg.msg;

	/* A management request knows itself which domain it is for */
	if (req->msg.flags & AP_MSG_FLAG_USAGE) {
		msg->cprb.target_id = dom;
		memcpy(req->msg.msg + req->tail, &dom, sizeof(dom));
	}
	/* Cards want room for the longest reply, not for the one that comes */
	msg->hdr.fromcardlen1 = payload;
	return zcrypt_reply_buffer(req, sizeof(struct t86_head) + REPLY_SLACK +
				   min_t(u64, payload, req->urb->resp_len));
}

static int parse_ep11(struct zcrypt_request *req)
{
	const struct t86_head *head = (const void *)req->reply;
	const struct type86_fmt2_ext *fmt2 = &head->fmt2;
	struct ep11_urb *urb = req->urb;
	const u8 *from;
	int rc;

	rc = reply_verdict(req, TYPE87_RSP_CODE, EP11_VERSION);
	if (rc)
		return rc;
	from = reply_block(req, fmt2->offset1, fmt2->count1);
	if (!from || from + fmt2->count1 != req->reply + req->reply_len ||
	    fmt2->count1 > urb->resp_len)
		return -EMSGSIZE;
	if (z_copy_to_user(zcrypt_from_user(req), urb->resp, from, fmt2->count1))
		return -EFAULT;
	urb->resp_len = fmt2->count1;
	return 0;
}

const struct zcrypt_ops zcrypt_msgtype6_ep11_ops = {
	.name = MSGTYPE06_NAME,
	.variant = MSGTYPE06_VARIANT_EP11,
	.verb = {
		[ZCRYPT_OP_EP11] = { build_ep11, parse_ep11 },
	},
};
