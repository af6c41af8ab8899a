/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of type 50: RSA on accelerators */
#ifndef _ZCRYPT_MSGTYPE50_H_
#define _ZCRYPT_MSGTYPE50_H_

#define MSGTYPE50_NAME			"zcrypt_msgtype50"
#define MSGTYPE50_VARIANT_DEFAULT	0

extern const struct zcrypt_ops zcrypt_msgtype50_ops;

#endif /* _ZCRYPT_MSGTYPE50_H_ */
