// SPDX-License-Identifier: GPL-2.0
/*
 * ap_key: write one of the keys of ap_load to standard output, in the form
 * that OpenSSL and PKCS #11 tools read (RFC 8017, A.1.2: RSAPrivateKey, DER).
 * A guest under emulation would need minutes to make a key of 4096 bits.
 *
 * Exit status: 0 written, 1 it could not be written, 2 bad usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ap_keys.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define DER_INTEGER	0x02
#define DER_SEQUENCE	0x30
#define DER_MAX		(16 + 2 * (AP_KEY_MAX + 8) + 5 * (AP_KEY_MAX / 2 + 8) + 16)

struct der {
	size_t len;
	__u8 bytes[DER_MAX];
};

/* A tag and the length of what follows: up to 65535 bytes, shortest form. */
static void der_head(struct der *der, __u8 tag, size_t len)
{
	__u8 *to = der->bytes + der->len;

	*to++ = tag;
	if (len > 0xff) {
		*to++ = 0x82;
		*to++ = len >> 8;
	} else if (len > 0x7f) {
		*to++ = 0x81;
	}
	*to++ = len;
	der->len = to - der->bytes;
}

static void der_bytes(struct der *der, const __u8 *from, size_t len)
{
	memcpy(der->bytes + der->len, from, len);
	der->len += len;
}

/* No leading zeroes but the one that keeps the number positive. */
static void der_integer(struct der *der, const __u8 *number, size_t len)
{
	static const __u8 zero;
	int sign;

	while (len > 1 && !*number) {
		number++;
		len--;
	}
	sign = *number >> 7;
	der_head(der, DER_INTEGER, len + sign);
	der_bytes(der, &zero, sign);
	der_bytes(der, number, len);
}

static void der_key(struct der *der, const struct ap_key *key)
{
	static const __u8 version[] = { 0 };
	static const __u8 exponent[] = { 0x01, 0x00, 0x01 };
	size_t half = key->bits / 16;
	struct der body = { 0 };

	der_integer(&body, version, sizeof(version));
	der_integer(&body, key->n, 2 * half);
	der_integer(&body, exponent, sizeof(exponent));
	der_integer(&body, key->d, 2 * half);
	der_integer(&body, key->p, half);
	der_integer(&body, key->q, half);
	der_integer(&body, key->dp, half);
	der_integer(&body, key->dq, half);
	der_integer(&body, key->u, half);

	der_head(der, DER_SEQUENCE, body.len);
	der_bytes(der, body.bytes, body.len);
}

int main(int argc, char **argv)
{
	struct der der = { 0 };
	unsigned int i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s BITS\n", argv[0]);
		return 2;
	}
	for (i = 0; i < ARRAY_SIZE(ap_keys); i++) {
		char bits[16];

		snprintf(bits, sizeof(bits), "%u", ap_keys[i].bits);
		if (!strcmp(argv[1], bits))
			break;
	}
	if (i == ARRAY_SIZE(ap_keys)) {
		fprintf(stderr, "%s: BITS is 1024, 2048, 3072 or 4096, not '%s'\n",
			argv[0], argv[1]);
		return 2;
	}
	der_key(&der, &ap_keys[i]);
	if (fwrite(der.bytes, 1, der.len, stdout) != der.len || fflush(stdout)) {
		fprintf(stderr, "%s: the key could not be written\n", argv[0]);
		return 1;
	}
	return 0;
}
