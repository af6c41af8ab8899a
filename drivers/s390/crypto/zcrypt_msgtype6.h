/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of type 6: CCA and EP11 coprocessors; layouts are architecture */
#ifndef _ZCRYPT_MSGTYPE6_H_
#define _ZCRYPT_MSGTYPE6_H_

#include <linux/compiler_attributes.h>
#include <linux/types.h>
#include <asm/zcrypt.h>

#include "ap_compat.h"

#define MSGTYPE06_NAME			"zcrypt_msgtype6"
#define MSGTYPE06_VARIANT_DEFAULT	0
#define MSGTYPE06_VARIANT_NORNG		1
#define MSGTYPE06_VARIANT_EP11		2

/*
 * A request is this header and up to two blocks, the CPRB with what belongs to
 * it, and data. Fields that are not named are zero.
 */
struct type6_hdr {
	u8 reserved1;
	u8 type;		/* 0x06 */
	u8 reserved2[2];
	u8 right[4];
	u8 reserved3[4];
	u8 apfs[4];
	u32 offset1;		/* of the CPRB: 0x58 */
	u32 offset2;		/* of the data, 0 if there are none */
	u32 offset3;
	u32 offset4;
	u8 agent_id[16];	/* "CA", or "XC" for EP11 */
	u8 rqid[2];
	u8 reserved5[2];
	u8 function_code[2];
	u8 reserved6[2];
	u32 tocardlen1;		/* length of the CPRB and its parameters */
	u32 tocardlen2;		/* length of the data */
	u32 tocardlen3;
	u32 tocardlen4;
	u32 fromcardlen1;	/* the longest CPRB and parameters to come back */
	u32 fromcardlen2;	/* the longest data */
	u32 fromcardlen3;
	u32 fromcardlen4;
} __packed;

/* A reply begins with this; if the code is not 0, nothing need follow */
struct type86_hdr {
	u8 reserved1;
	u8 type;		/* 0x86, or 0x87 */
	u8 format;		/* 0x02 */
	u8 reserved2;
	u8 reply_code;
	u8 reserved3[3];
} __packed;

struct type86_fmt2_ext {
	u8 reserved[4];
	ZCRYPT_APFS_TYPE apfs;	/* final status */
	u32 count1;		/* length of the CPRB and its parameters */
	u32 offset1;		/* from the beginning of the reply */
	u32 count2;		/* the same for the data */
	u32 offset2;
	u32 count3;
	u32 offset3;
	u32 count4;
	u32 offset4;
} __packed;

#define TYPE86_RSP_CODE	0x86
#define TYPE87_RSP_CODE	0x87
#define TYPE86_FMT2	0x02

struct zcrypt_ops;

extern const struct zcrypt_ops zcrypt_msgtype6_ops;
extern const struct zcrypt_ops zcrypt_msgtype6_ep11_ops;

#endif /* _ZCRYPT_MSGTYPE6_H_ */
