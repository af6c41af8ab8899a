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

/*
 * CRT keys come in the layout of an older card: p, dp and the inverse of q
 * have eight more bytes in front, which are zero.
 */
#define CRT_PREFIX	8

/**
 * struct t50_number - one of the numbers in a request
 * @from: where the sender has it
 * @halves: length of it, and of its field, in halves of the modulus
 */
struct t50_number {
	const u8 __user *from;
	unsigned int halves;
};

/* The first class whose fields are large enough, or T50_CLASSES */
static unsigned int t50_class(unsigned int mod_len)
{
	unsigned int class = 0;

	while (class < T50_CLASSES && T50_CLASS_LEN << class < mod_len)
		class++;
	return class;
}

/* The numbers, in the order of the message; returns an errno */
static int t50_build(struct zcrypt_request *req, u16 format,
		     const struct t50_number *number, unsigned int count)
{
	unsigned int class = t50_class(req->mod_len), halves, i, len;
	unsigned int field = T50_CLASS_LEN << class;
	struct t50_head *head;
	u8 *end;
	int rc;

	if (class >= T50_CLASSES)
		return -EINVAL;
	for (i = 0, halves = 0; i < count; i++)
		halves += number[i].halves;
	rc = zcrypt_request_buffer(req, sizeof(*head) + halves * field / 2);
	if (!rc)
		rc = zcrypt_reply_buffer(req, sizeof(struct t80_head) + field);
	if (rc)
		return rc;

	head = req->msg.msg;
	head->type = T50_TYPE;
	head->len = cpu_to_be16(req->msg.len);
	head->format = cpu_to_be16(format + class);
	end = (u8 *)(head + 1);
	for (i = 0; i < count; i++) {
		end += number[i].halves * field / 2;
		len = DIV_ROUND_UP(number[i].halves * req->mod_len, 2);
		if (z_copy_from_user(zcrypt_from_user(req), end - len,
				     number[i].from, len))
			return -EFAULT;
	}
	return 0;
}

static int t50_build_me(struct zcrypt_request *req)
{
	const struct t50_number number[] = {
		{ req->me->b_key, 2 },
		{ req->me->n_modulus, 2 },
		{ req->me->inputdata, 2 },
	};

	return t50_build(req, T50_FORMAT_ME, number, ARRAY_SIZE(number));
}

static int t50_build_crt(struct zcrypt_request *req)
{
	const struct t50_number number[] = {
		{ req->crt->np_prime + CRT_PREFIX, 1 },
		{ req->crt->nq_prime, 1 },
		{ req->crt->bp_key + CRT_PREFIX, 1 },
		{ req->crt->bq_key, 1 },
		{ req->crt->u_mult_inv + CRT_PREFIX, 1 },
		{ req->crt->inputdata, 2 },
	};

	return t50_build(req, T50_FORMAT_CRT, number, ARRAY_SIZE(number));
}

/*
 * The result has a field like those of the request, or no zeroes in front. In a
 * reply of any other length something is missing, and what there is would be
 * taken for another number.
 */
static bool t50_result_len(unsigned int len, unsigned int mod_len)
{
	return len == mod_len || len == T50_CLASS_LEN << t50_class(mod_len);
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
	if (len < sizeof(*head) || !t50_result_len(len - sizeof(*head), out_len))
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
	.verb = {
		[ZCRYPT_OP_ME]	= { t50_build_me, t50_parse_me },
		[ZCRYPT_OP_CRT]	= { t50_build_crt, t50_parse_crt },
	},
};
