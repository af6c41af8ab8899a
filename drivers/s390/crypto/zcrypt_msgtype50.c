// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of type 50: RSA on accelerators.
 *
 * A request is a header, a format number, and numbers in fields of one size
 * each, right-aligned, with zeroes before them. There are three formats for
 * either operation, for moduli of up to 128, 256 and 512 bytes. The reply, of
 * type 80, is a header with the result behind it, right-aligned too.
 */
#include "zcrypt_error.h"
#include "zcrypt_msgtype50.h"
#include "zcrypt_request.h"

struct t50_head {
	u8 reserved1;
	u8 type;
	__be16 len;
	u8 reserved2[4];
	__be16 format;
	u8 reserved3[6];
} __packed;

struct t80_head {
	u8 reserved1;
	u8 type;
	__be16 len;
	u8 code;
	u8 reserved2[11];
} __packed;

#define T50_TYPE	0x50
#define T50_FORMAT_ME	0x0001
#define T50_FORMAT_CRT	0x0011
#define T80_TYPE	0x80

#define T50_CLASSES	3
#define T50_CLASS_LEN	128	/* field of the first format; then twice that */
#define T50_LONGEST	(T50_CLASS_LEN << (T50_CLASSES - 1))

/*
 * CRT keys come in the layout of an older card: p, dp and the inverse of q
 * have eight more bytes in front, which are zero.
 */
#define CRT_PREFIX	8

/**
 * struct t50_number - one of the numbers in a request
 * @at: where in the sender's block its address is
 * @skip: bytes of it that are left out
 * @halves: length of it, and of its field, in halves of the modulus
 */
struct t50_number {
	u8 at;
	u8 skip;
	u8 halves;
};

/**
 * struct t50_layout - the numbers of an operation, in the order of the message
 * @format: number of the first of its formats
 * @halves: sum of all @number's
 * @number: the numbers, the last one with nothing behind it
 */
struct t50_layout {
	u16 format;
	u16 halves;
	struct t50_number number[7];
};

#define T50_MOST_HALVES	7	/* those of CRT */

/* Each of them, with its reply behind it */
static_assert(ALIGN(sizeof(struct t50_head) + T50_MOST_HALVES * T50_LONGEST / 2, 8) +
	      sizeof(struct t80_head) + T50_LONGEST <= ZCRYPT_SMALL);

#define ME(field)	.at = offsetof(struct ica_rsa_modexpo, field)
#define CRT(field)	.at = offsetof(struct ica_rsa_modexpo_crt, field)

static const struct t50_layout t50_me = {
	T50_FORMAT_ME, 6, {
		{ ME(b_key), .halves = 2 },
		{ ME(n_modulus), .halves = 2 },
		{ ME(inputdata), .halves = 2 },
	},
};

static const struct t50_layout t50_crt = {
	T50_FORMAT_CRT, T50_MOST_HALVES, {
		{ CRT(np_prime), .skip = CRT_PREFIX, .halves = 1 },
		{ CRT(nq_prime), .halves = 1 },
		{ CRT(bp_key), .skip = CRT_PREFIX, .halves = 1 },
		{ CRT(bq_key), .halves = 1 },
		{ CRT(u_mult_inv), .skip = CRT_PREFIX, .halves = 1 },
		{ CRT(inputdata), .halves = 2 },
	},
};

/* The first class whose fields are large enough, or T50_CLASSES */
static unsigned int t50_class(unsigned int mod_len)
{
	unsigned int class = 0;

	while (class < T50_CLASSES && T50_CLASS_LEN << class < mod_len)
		class++;
	return class;
}

/* Returns an errno */
static int t50_build(struct zcrypt_request *req, const struct t50_layout *layout)
{
	unsigned int class = t50_class(req->mod_len), len;
	const struct t50_number *number = layout->number;
	bool user = zcrypt_from_user(req);
	struct t50_head *head;
	const u8 __user *from;
	size_t half;
	u8 *end;
	int rc;

	if (class >= T50_CLASSES)
		return -EINVAL;
	half = (T50_CLASS_LEN / 2) << class;
	rc = zcrypt_request_buffer(req, sizeof(*head) + layout->halves * half);
	if (!rc)
		rc = zcrypt_reply_buffer(req, sizeof(struct t80_head) + T50_LONGEST);
	if (rc)
		return rc;

	head = req->msg.msg;
	head->type = T50_TYPE;
	head->len = cpu_to_be16(req->msg.len);
	head->format = cpu_to_be16(layout->format + class);
	end = (u8 *)(head + 1);
	for (; number->halves; number++) {
		end += number->halves * half;
		len = DIV_ROUND_UP(number->halves * req->mod_len, 2);
		from = *(const u8 __user **)(req->block + number->at);
		if (z_copy_from_user(user, end - len, from + number->skip, len))
			return -EFAULT;
	}
	return 0;
}

static int t50_build_me(struct zcrypt_request *req)
{
	return t50_build(req, &t50_me);
}

static int t50_build_crt(struct zcrypt_request *req)
{
	return t50_build(req, &t50_crt);
}

/*
 * The result has a field like those of the request, or no zeroes in front, or the
 * field of a longer modulus: then nothing but zeroes in front says that it is
 * this number. In a reply of any other length something is missing, and what there
 * is would be taken for another number.
 */
static bool t50_is_result(const u8 *field, unsigned int len,
			  unsigned int mod_len)
{
	unsigned int class = t50_class(mod_len);

	if (len == mod_len || len == T50_CLASS_LEN << class)
		return true;
	while (++class < T50_CLASSES)
		if (len == T50_CLASS_LEN << class)
			return !memchr_inv(field, 0, len - mod_len);
	return false;
}

static int t50_parse(struct zcrypt_request *req, u8 __user *out,
		     unsigned int out_len)
{
	const struct t80_head *head = (const void *)req->reply;
	unsigned int len = be16_to_cpu(head->len);

	switch (head->type) {
	case TYPE82_RSP_CODE:
	case TYPE88_RSP_CODE:
		return zcrypt_card_error(req);
	case T80_TYPE:
		break;
	default:
		return zcrypt_distrust(req, "reply of unknown type");
	}
	/* What the header says must be what has come, and have been kept */
	if (len != req->reply_len || len > req->reply_room)
		return -EMSGSIZE;
	if (len < sizeof(*head) ||
	    !t50_is_result((const u8 *)(head + 1), len - sizeof(*head), out_len))
		return zcrypt_distrust(req, "result of a wrong length");
	if (z_copy_to_user(zcrypt_from_user(req), out,
			   req->reply + len - out_len, out_len))
		return -EFAULT;
	return 0;
}

static int t50_parse_me(struct zcrypt_request *req)
{
	return t50_parse(req, req->me->outputdata, req->me->outputdatalength);
}

static int t50_parse_crt(struct zcrypt_request *req)
{
	return t50_parse(req, req->crt->outputdata, req->crt->outputdatalength);
}

const struct zcrypt_ops zcrypt_msgtype50_ops = {
	.name = MSGTYPE50_NAME,
	.variant = MSGTYPE50_VARIANT_DEFAULT,
	/* a result of 512 bytes, and some to spare */
	.longest_reply = 1024,
	.verb = {
		[ZCRYPT_OP_ME]	= { t50_build_me, t50_parse_me },
		[ZCRYPT_OP_CRT]	= { t50_build_crt, t50_parse_crt },
	},
};
