// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of apsim: instructions, and what they do to queues
 *
 * Load apsim (any parameters, best with a log), do not load ap, load this:
 * the tests run and leave their results in the kernel log and in debugfs.
 * They use two cards of their own, 62 and 63, which are taken away again.
 * The checks marked [U] are those of the AP tests proposed for
 * kvm-unit-tests (s390x/ap.c, version 4, 2024) in our own words.
 */

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>
#include <asm/airq.h>
#include <asm/ap.h>
#include <asm/asm-extable.h>
#include <asm/ptrace.h>

#include "apsim.h"
#include "apsim_test_key.h"

#define ACCEL_CARD	63	/* CEX8A: messages up to 12 KiB */
#define COPRO_CARD	62	/* CEX8P: messages up to 24 KiB */
#define TEST_DEPTH	8
#define TEST_ISC	5
#define PATIENCE_MS	20000	/* a hang, not slowness, is what this ends */

#define MSG_1K		400	/* bytes of a request with a 1024 bit modulus */
#define MSG_2K		784
#define MSG_4K		1552
#define CRT_1K		464
#define REPLY_1K	144
#define BUF		4096

static struct {
	u32 domain;
	u16 accel;		/* APQN of the queue most tests use */
	u16 copro;
	u32 saved[APSIM_NR_KNOBS];
	struct apsim_card *card[2];	/* to be taken away again */
	u8 *msg;
	u8 *out;
} env;

/* ---- issuing instructions ---- */

/**
 * struct ap_regs - registers before and after an instruction
 * @gr: GR0 to GR7
 * @cc: condition code
 * @done: false when it ended with a program interruption
 */
struct ap_regs {
	unsigned long gr[8];
	int cc;
	bool done;
};

/*
 * GR0 to GR7 are loaded, the instruction is done, GR0 to GR7 are stored.
 * When it ends with a program interruption the exception table leads behind
 * the stores.
 */
#define AP_INSTRUCTION(name, op, r1, r2)				\
static noinline void name(struct ap_regs *regs)			\
{									\
	unsigned long done = 0, cc = 0;					\
									\
	asm volatile(							\
		"	lmg	0,7,0(%[gr])\n"				\
		"	.insn	rre," op "," r1 "," r2 "\n"		\
		"0:	ipm	%[cc]\n"				\
		"	stmg	0,7,0(%[gr])\n"				\
		"	lghi	%[done],1\n"				\
		"1:\n"							\
		EX_TABLE(0b, 1b)					\
		: [done] "+d" (done), [cc] "+d" (cc)			\
		: [gr] "a" (regs->gr)					\
		: "cc", "memory", "0", "1", "2", "3", "4", "5", "6", "7"); \
	regs->done = done;						\
	regs->cc = cc >> 28 & 3;					\
}

AP_INSTRUCTION(do_pqap, "0xb2af0000", "0", "0")
AP_INSTRUCTION(do_nqap, "0xb2ad0000", "4", "6")
AP_INSTRUCTION(do_nqap_odd_r1, "0xb2ad0000", "3", "6")
AP_INSTRUCTION(do_nqap_odd_r2, "0xb2ad0000", "2", "7")
AP_INSTRUCTION(do_nqap_odd_both, "0xb2ad0000", "3", "7")
AP_INSTRUCTION(do_dqap, "0xb2ae0000", "4", "6")
AP_INSTRUCTION(do_dqap_odd_r1, "0xb2ae0000", "3", "6")
AP_INSTRUCTION(do_dqap_odd_r2, "0xb2ae0000", "2", "7")
AP_INSTRUCTION(do_dqap_odd_both, "0xb2ae0000", "3", "7")

#define FC(n)		((unsigned long)(n) << 24)
#define F_BIT		BIT(22)
#define T_BIT		BIT(23)
#define LAST_PART	0x40000000UL
#define DQAP_GR0	0x80000000UL
#define RC(regs)	((u8)((regs).gr[1] >> 16))
#define EMPTY		BIT(31)
#define REPLIES		BIT(30)
#define FULL		BIT(29)
#define ASYNC		BIT(25)
#define IRQ_ON		BIT(24)

static struct ap_regs pqap(unsigned long gr0, unsigned long gr1,
			   unsigned long gr2)
{
	struct ap_regs r = { .gr = { gr0, gr1, gr2 } };

	do_pqap(&r);
	return r;
}

static struct ap_regs tapq(u16 apqn)
{
	return pqap(apqn | T_BIT, 0, 0);
}

static struct ap_regs nqap_regs(u16 apqn, u64 psmid, const void *msg, u32 len)
{
	return (struct ap_regs) { .gr = {
		[0] = apqn | LAST_PART,
		[4] = psmid >> 32,
		[5] = (u32)psmid,
		[6] = (unsigned long)msg,
		[7] = len,
	} };
}

static struct ap_regs nqap(u16 apqn, u64 psmid, const void *msg, u32 len)
{
	struct ap_regs r = nqap_regs(apqn, psmid, msg, len);

	do_nqap(&r);
	return r;
}

static struct ap_regs dqap_regs(u16 apqn, void *buf, u32 len)
{
	return (struct ap_regs) { .gr = {
		[0] = apqn | DQAP_GR0,
		[6] = (unsigned long)buf,
		[7] = len,
	} };
}

static struct ap_regs dqap(u16 apqn, void *buf, u32 len)
{
	struct ap_regs r = dqap_regs(apqn, buf, len);

	do_dqap(&r);
	return r;
}

static u64 psmid_of(const struct ap_regs *r)
{
	return r->gr[4] << 32 | r->gr[5];
}

/* The code in the log's last line; 0 when there is no log. */
static u16 last_pgm(void)
{
	u64 oldest, next, dropped;
	struct apsim_rec rec;

	apsim_log_bounds(&oldest, &next, &dropped);
	return next && apsim_log_read(next - 1, &rec) ? rec.pgm : 0;
}

static void expect_pgm(struct kunit *test, const struct ap_regs *r, u16 code,
		       const char *what)
{
	KUNIT_EXPECT_FALSE_MSG(test, r->done, "%s: no exception", what);
	if (apsim_log_on)
		KUNIT_EXPECT_EQ_MSG(test, last_pgm(), code, "%s", what);
}

static void expect_spec(struct kunit *test, const struct ap_regs *r,
			const char *what)
{
	expect_pgm(test, r, APSIM_PGM_SPECIFICATION, what);
}

static void expect_rc(struct kunit *test, const struct ap_regs *r, u8 rc,
		      const char *what)
{
	KUNIT_EXPECT_TRUE_MSG(test, r->done, "%s: exception", what);
	KUNIT_EXPECT_EQ_MSG(test, RC(*r), rc, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, r->cc, rc ? 3 : 0, "%s: cc", what);
}

/* Waits until TAPQ's status has the bits. */
static bool wait_status(u16 apqn, u32 mask, u32 want)
{
	int i;

	for (i = 0; i < PATIENCE_MS; i++) {
		if ((tapq(apqn).gr[1] & mask) == want)
			return true;
		usleep_range(1000, 2000);
	}
	return false;
}

static bool wait_reset(u16 apqn)
{
	return wait_status(apqn, 0xff0000, 0);
}

static void knob(enum apsim_knob_id id, u32 val)
{
	WRITE_ONCE(apsim_knobs[id].val, val);
}

static int fault(const char *fmt, u16 apqn)
{
	char line[96];

	snprintf(line, sizeof(line), fmt, apqn >> 8, apqn & 0xff);
	return apsim_fault_command(line);
}

static int release(void)
{
	char all[] = "*";

	return apsim_release_command(all);
}

/* ---- messages ---- */

/* Numbers are right-justified. */
static void put(u8 *end, const u8 *number, u32 size)
{
	memcpy(end - size, number, size);
}

static void make_head(u8 *msg, u16 keyblock, u16 len)
{
	memset(msg, 0, len);
	msg[1] = 0x50;
	put_unaligned_be16(len, msg + 2);
	put_unaligned_be16(keyblock, msg + 8);
}

/* exponent, modulus and input end at multiples of the size */
static u8 *operand_end(u8 *msg, u32 size, u32 nth)
{
	return msg + APSIM_HEAD + (nth + 1) * size;
}

static void make_me(u8 *msg)
{
	make_head(msg, 0x0001, MSG_1K);
	put(operand_end(msg, 128, 0), key_d, sizeof(key_d));
	put(operand_end(msg, 128, 1), key_n, sizeof(key_n));
	put(operand_end(msg, 128, 2), key_in, sizeof(key_in));
}

static void make_crt(u8 *msg)
{
	make_head(msg, 0x0011, CRT_1K);
	put(operand_end(msg, 64, 0), key_p, sizeof(key_p));
	put(operand_end(msg, 64, 1), key_q, sizeof(key_q));
	put(operand_end(msg, 64, 2), key_dp, sizeof(key_dp));
	put(operand_end(msg, 64, 3), key_dq, sizeof(key_dq));
	put(operand_end(msg, 64, 4), key_u, sizeof(key_u));
	put(msg + CRT_1K, key_in, sizeof(key_in));
}

/*
 * 2 to the power of (bits + 5) modulo (2 to the power of bits) - 1 is 32,
 * which needs no table of big numbers.
 */
static u32 make_me_sized(u8 *msg, u16 keyblock, u32 size)
{
	u32 len = APSIM_HEAD + 3 * size;

	make_head(msg, keyblock, len);
	put_unaligned_be32(size * 8 + 5, operand_end(msg, size, 0) - 4);
	memset(operand_end(msg, size, 1) - size, 0xff, size);
	*(operand_end(msg, size, 2) - 1) = 2;
	return len;
}

static bool is_result(const u8 *reply, u32 size, u8 last)
{
	return reply[1] == 0x80 && !reply[4] &&
	       get_unaligned_be16(reply + 2) == APSIM_HEAD + size &&
	       !memchr_inv(reply + APSIM_HEAD, 0, size - 1) &&
	       reply[APSIM_HEAD + size - 1] == last;
}

/* Sends env.msg and gets the reply into env.out; returns its length or 0. */
static u32 round_trip(struct kunit *test, u16 apqn, u64 psmid, u32 len)
{
	struct ap_regs r = nqap(apqn, psmid, env.msg, len);

	expect_rc(test, &r, APSIM_RC_NORMAL, "NQAP");
	KUNIT_EXPECT_FALSE(test, r.gr[1] & EMPTY);
	if (RC(r) || !wait_status(apqn, REPLIES, REPLIES)) {
		KUNIT_FAIL(test, "no reply");
		return 0;
	}
	memset(env.out, 0xee, BUF);
	r = dqap(apqn, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "DQAP");
	KUNIT_EXPECT_EQ(test, psmid_of(&r), psmid);
	KUNIT_EXPECT_EQ(test, r.gr[2], 0);
	KUNIT_EXPECT_EQ(test, r.gr[6], (unsigned long)env.out + BUF - r.gr[7]);
	return BUF - r.gr[7];
}

static void expect_error(struct kunit *test, u16 apqn, u32 len, u8 code,
			 const char *what)
{
	u32 n = round_trip(test, apqn, 0xe0, len);

	KUNIT_EXPECT_EQ_MSG(test, n, 8, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, env.out[1], 0x82, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, env.out[4], code, "%s", what);
}

/* ---- exceptions [U] ---- */

static void test_privilege(struct kunit *test)
{
	static const u32 insn[] = { 0xb2af0000, 0xb2ad0046, 0xb2ae0046 };
	struct pt_regs *regs = kunit_kzalloc(test, sizeof(*regs), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, regs);
	for (i = 0; i < ARRAY_SIZE(insn); i++) {
		regs->psw.mask = PSW_MASK_PSTATE;
		/* the exception with the higher rank comes first */
		regs->gprs[0] = FC(42);
		KUNIT_EXPECT_EQ(test, apsim_execute(regs, insn[i]),
				APSIM_PGM_PRIVILEGED);
		KUNIT_EXPECT_EQ(test, regs->gprs[1], 0);
		regs->psw.mask = 0;
		KUNIT_EXPECT_EQ(test, apsim_execute(regs, insn[i]),
				APSIM_PGM_SPECIFICATION);
	}
	KUNIT_EXPECT_EQ(test, apsim_execute(regs, 0xb2ac0000), -ENOENT);
}

static void test_function_code(struct kunit *test)
{
	static const u8 known[] = { 0, 1, 2, 3, 4, 5 };
	struct ap_regs r;
	u32 fc;

	for (fc = 0; fc < 256; fc++) {
		if (memchr(known, fc, sizeof(known)))
			continue;
		r = pqap(FC(fc) | env.accel, 0, (unsigned long)env.out);
		expect_spec(test, &r, "function code");
	}
	/* AQIC is there only with its facility */
	knob(APSIM_KNOB_IRQ, 0);
	r = pqap(FC(3) | env.accel, 0, 0);
	expect_spec(test, &r, "AQIC without facility");
	knob(APSIM_KNOB_IRQ, 1);
}

static void test_pqap_reserved(struct kunit *test)
{
	struct ap_regs r;
	u32 fc, bit;

	for (fc = 0; fc <= 5; fc++) {
		for (bit = 41; bit <= 47; bit++) {
			/* bit 41 is F of RAPQ, ZAPQ and QACT */
			if (bit == 41 && (fc == 1 || fc == 2 || fc == 5))
				continue;
			r = pqap(FC(fc) | BIT(63 - bit) | env.accel, 0,
				 (unsigned long)env.out);
			expect_spec(test, &r, "reserved bit of GR0");
		}
	}
	r = pqap(FC(1) | F_BIT | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "RAPQ with F");
	KUNIT_EXPECT_TRUE(test, wait_reset(env.accel));
}

static void test_qci_alignment(struct kunit *test)
{
	struct ap_regs r;
	u32 i;

	for (i = 1; i < 8; i++) {
		r = pqap(FC(4), 0, (unsigned long)env.out + i);
		expect_spec(test, &r, "alignment");
	}
	memset(env.out, 0xee, BUF);
	r = pqap(FC(4), 0x1234, (unsigned long)env.out);
	KUNIT_EXPECT_TRUE(test, r.done);
	KUNIT_EXPECT_EQ(test, r.cc, 0);
	KUNIT_EXPECT_EQ(test, r.gr[1], 0x1234);
	KUNIT_EXPECT_EQ(test, env.out[127], 0);
	KUNIT_EXPECT_EQ(test, env.out[128], 0xee);
	r = pqap(FC(4), 0, 0xfffffffffffff000UL);
	expect_pgm(test, &r, APSIM_PGM_ADDRESSING, "bad buffer");
}

static void test_odd_registers(struct kunit *test)
{
	static void (*const insn[])(struct ap_regs *) = {
		do_nqap_odd_r1, do_nqap_odd_r2, do_nqap_odd_both,
		do_dqap_odd_r1, do_dqap_odd_r2, do_dqap_odd_both,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(insn); i++) {
		struct ap_regs r = nqap_regs(env.accel, 1, env.msg, 128);

		insn[i](&r);
		expect_spec(test, &r, "odd register");
	}
}

static void test_zero_length(struct kunit *test)
{
	struct ap_regs r = nqap(env.accel, 1, env.msg, 0);

	expect_spec(test, &r, "NQAP of length 0");
	r = dqap(env.accel, env.out, 0);
	expect_spec(test, &r, "DQAP of length 0");
}

static void test_nqdq_reserved(struct kunit *test)
{
	static const u8 nq[] = { 32, 34, 35, 40 };
	static const u8 dq[] = { 33, 34, 35, 40, 41 };
	struct ap_regs r;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(nq); i++) {
		r = nqap_regs(env.accel, 1, env.msg, 128);
		r.gr[0] = env.accel | BIT(63 - nq[i]);
		do_nqap(&r);
		expect_spec(test, &r, "reserved bit of NQAP");
	}
	for (i = 0; i < ARRAY_SIZE(dq); i++) {
		r = dqap_regs(env.accel, env.out, 128);
		r.gr[0] = env.accel | BIT(63 - dq[i]);
		do_dqap(&r);
		expect_spec(test, &r, "reserved bit of DQAP");
	}
}

static void test_lengths(struct kunit *test)
{
	u64 limit = apsim_max_message();
	struct ap_regs r;
	u32 bit;

	for (bit = 11; bit < 63; bit++) {
		u64 len = bit == 11 ? limit + 1 : BIT(bit);

		if (len <= limit)
			continue;
		r = nqap_regs(env.accel, 1, env.msg, 0);
		r.gr[7] = len;
		do_nqap(&r);
		expect_spec(test, &r, "NQAP over the limit");
		r = dqap_regs(env.accel, env.out, 0);
		r.gr[7] = len;
		do_dqap(&r);
		expect_spec(test, &r, "DQAP over the limit");
	}
	r = nqap(env.accel, 1, (void *)0xfffffffffffff000UL, 128);
	expect_pgm(test, &r, APSIM_PGM_ADDRESSING, "bad message");
}

/*
 * Addresses that look like RAM and are not to be touched.  Each instruction
 * ends with an exception, and what it was about is as before.
 */
static void test_bad_addresses(struct kunit *test)
{
	static const struct {
		const char *what;
		bool fetch;	/* cannot be read either */
	} places[] = {
		{ "the low core", false },
		{ "kernel text", false },
		{ "behind RAM", true },
	};
	struct ap_regs r;
	void *place[3];
	u64 text;
	u32 i;

	place[0] = NULL;
	/* read-only, and to KASAN no variable that an access could leave */
	place[1] = PTR_ALIGN_DOWN((void *)kfree, 8);
	place[2] = high_memory;
	text = *(u64 *)place[1];
	make_me(env.msg);
	r = nqap(env.accel, 0x99, env.msg, MSG_1K);
	expect_rc(test, &r, APSIM_RC_NORMAL, "NQAP");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (i == 1 && !IS_ENABLED(CONFIG_STRICT_KERNEL_RWX))
			continue;
		r = dqap(env.accel, place[i], BUF);
		expect_pgm(test, &r, APSIM_PGM_ADDRESSING, places[i].what);
		r = pqap(FC(4), 0, (unsigned long)place[i]);
		expect_pgm(test, &r, APSIM_PGM_ADDRESSING, places[i].what);
		if (!places[i].fetch)
			continue;
		r = nqap(env.accel, 0x9a, place[i], MSG_1K);
		expect_pgm(test, &r, APSIM_PGM_ADDRESSING, places[i].what);
	}
	KUNIT_EXPECT_EQ(test, *(u64 *)place[1], text);
	/* the reply is still there, and whole */
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "DQAP");
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x99);
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - REPLY_1K);
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
}

/* A message that leaves what can be read, whatever becomes of it. */
static void test_bad_message_end(struct kunit *test)
{
	static const u8 types[] = { 0x50, 0x06, 0x44 };
	struct ap_regs r;
	u8 *area, *msg;
	u32 i;

	/* vmalloc() leaves the page behind an area free */
	area = vmalloc(PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, area);
	msg = area + PAGE_SIZE - 200;
	if (IS_ALIGNED((unsigned long)area + PAGE_SIZE, 0x100000)) {
		/* the message would be taken in two parts */
		vfree(area);
		kunit_skip(test, "the area ends with its segment");
	}
	for (i = 0; i <= ARRAY_SIZE(types); i++) {
		make_head(msg, 1, 200);
		put_unaligned_be16(MSG_1K, msg + 2);
		msg[1] = types[i % ARRAY_SIZE(types)];
		knob(APSIM_KNOB_RSA, i ? 0 : apsim_knobs[APSIM_KNOB_RSA].max);
		r = nqap(env.accel, i, msg, MSG_1K);
		expect_pgm(test, &r, APSIM_PGM_ADDRESSING, "accelerator");
		r = nqap(env.copro, i, msg, MSG_1K);
		expect_pgm(test, &r, APSIM_PGM_ADDRESSING, "coprocessor");
	}
	vfree(area);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
}

static void test_message_too_big(struct kunit *test)
{
	u32 len = 3 * APSIM_ML_UNIT;
	u8 *msg = kunit_kzalloc(test, 2 * len, GFP_KERNEL);
	struct ap_regs r;

	KUNIT_ASSERT_NOT_NULL(test, msg);
	r = nqap(env.accel, 1, msg, len + 1);
	expect_rc(test, &r, APSIM_RC_TOO_BIG, "12 KiB and 1 for CEX8A");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
	r = nqap(env.accel, 2, msg, len);
	expect_rc(test, &r, APSIM_RC_NORMAL, "12 KiB for CEX8A");
	r = nqap(env.copro, 3, msg, 2 * len);
	expect_rc(test, &r, APSIM_RC_NORMAL, "24 KiB for CEX8P");
	r = nqap_regs(env.accel, 4, msg, 128);
	r.gr[0] = env.accel;
	do_nqap(&r);
	expect_rc(test, &r, APSIM_RC_NO_FACILITY, "message in parts");
}

/* ---- TAPQ, QCI, QACT ---- */

static void test_available(struct kunit *test)
{
	struct ap_config_info info;

	KUNIT_EXPECT_TRUE(test, ap_instructions_available());
	KUNIT_EXPECT_EQ(test, ap_qci(&info), 0);
	KUNIT_EXPECT_TRUE(test, info.apsc);
	KUNIT_EXPECT_TRUE(test, info.apxa);
	KUNIT_EXPECT_EQ(test, info.na, 63);
	KUNIT_EXPECT_EQ(test, info.nd, 63);
	KUNIT_EXPECT_TRUE(test, info.apm[1] & 1);	/* card 63 */
	KUNIT_EXPECT_EQ(test, (u64)info.aqm[0] << 32 | info.aqm[1],
			apsim_domains(true));
	KUNIT_EXPECT_EQ(test, (u64)info.adm[0] << 32 | info.adm[1],
			apsim_domains(false));
	KUNIT_EXPECT_FALSE(test, info.aqm[2] | info.adm[2] | info.apm[2]);
}

static void test_types(struct kunit *test)
{
	static const char modes[] = "acp";
	const struct apsim_type *t;
	union {
		u64 val;
		struct ap_tapq_hwinfo info;
	} u;
	char name[3] = "";
	u32 gen, i;

	for (gen = 3; gen <= 9; gen++) {
		for (i = 0; i < 3; i++) {
			name[0] = '0' + gen;
			name[1] = modes[i];
			t = apsim_type_find(name, 2);
			if (gen < 4 || gen > 8) {
				KUNIT_EXPECT_NULL(test, t);
				continue;
			}
			KUNIT_ASSERT_NOT_NULL(test, t);
			u.val = (u64)t->fac << 32;
			KUNIT_EXPECT_EQ(test, t->at, gen + 6);
			KUNIT_EXPECT_EQ(test, (u32)u.info.accel, i == 0);
			KUNIT_EXPECT_EQ(test, (u32)u.info.mex4k, i == 0);
			KUNIT_EXPECT_EQ(test, (u32)u.info.crt4k, i == 0);
			KUNIT_EXPECT_EQ(test, (u32)u.info.cca, i == 1);
			KUNIT_EXPECT_EQ(test, (u32)u.info.ep11, i == 2);
			KUNIT_EXPECT_TRUE(test, u.info.apxa);
			KUNIT_EXPECT_EQ(test, (u32)u.info.bs, 0);
		}
	}
	KUNIT_EXPECT_NULL(test, apsim_type_find("8b", 2));
	KUNIT_EXPECT_NULL(test, apsim_type_find("8aa", 3));
}

static void test_tapq(struct kunit *test)
{
	struct ap_queue_status status;
	struct ap_tapq_hwinfo info;
	struct ap_regs r;

	status = ap_test_queue(env.accel, 1, &info);
	KUNIT_EXPECT_EQ(test, (u32)status.response_code, 0);
	KUNIT_EXPECT_TRUE(test, status.queue_empty);
	KUNIT_EXPECT_FALSE(test, status.replies_waiting);
	KUNIT_EXPECT_EQ(test, (u32)info.at, 14);
	KUNIT_EXPECT_EQ(test, info.qd + 1U, TEST_DEPTH);
	KUNIT_EXPECT_EQ(test, (u32)info.ml, 0);
	KUNIT_EXPECT_TRUE(test, info.accel);
	ap_test_queue(env.copro, 1, &info);
	KUNIT_EXPECT_EQ(test, (u32)info.ml, 6);
	ap_tapq(env.accel, &info);
	KUNIT_EXPECT_EQ(test, (u32)info.fac, 0);
	KUNIT_EXPECT_EQ(test, (u32)info.at, 14);
	/* neither a card nor a domain that is not there tells anything */
	r = pqap(0xfe00 | T_BIT, 0, 0x55);
	expect_rc(test, &r, APSIM_RC_NOT_AVAILABLE, "card 254");
	KUNIT_EXPECT_EQ(test, r.gr[2], 0x55);
	r = tapq(ACCEL_CARD << 8 | 0xff);
	expect_rc(test, &r, APSIM_RC_NOT_AVAILABLE, "domain 255");
}

static void test_qact(struct kunit *test)
{
	union ap_qact_ap_info info = {};
	struct ap_queue_status status;

	info.mode = 2;		/* accelerator */
	info.cat = 12;
	status = ap_qact(env.accel, 0, &info);
	KUNIT_EXPECT_EQ(test, (u32)status.response_code, 0);
	KUNIT_EXPECT_EQ(test, (u32)info.cat, 12);
	info.cat = 200;
	ap_qact(env.accel, 0, &info);
	KUNIT_EXPECT_EQ(test, (u32)info.cat, 14);
	info.mode = 4;		/* CCA */
	ap_qact(env.accel, 0, &info);
	KUNIT_EXPECT_EQ(test, (u32)info.cat, 0);
}

/* ---- interrupts [U] ---- */

static atomic_t irqs_seen;
static atomic_t irqs_wrong;

static void on_interrupt(struct airq_struct *airq, struct tpi_info *tpi)
{
	if (!in_hardirq() || !tpi->adapter_IO || tpi->isc != TEST_ISC)
		atomic_inc(&irqs_wrong);
	*airq->lsi_ptr = 0;
	atomic_inc(&irqs_seen);
}

static struct airq_struct airq = { .handler = on_interrupt, .isc = TEST_ISC };

static unsigned long nib(void)
{
	return virt_to_phys((void *)airq.lsi_ptr);
}

static struct ap_regs aqic(bool on, unsigned long addr)
{
	return pqap(FC(3) | env.accel, on ? BIT(47) | TEST_ISC : 0, addr);
}

static void irqs_on(struct kunit *test)
{
	struct ap_regs r = aqic(true, nib());

	expect_rc(test, &r, APSIM_RC_NORMAL, "enable");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, IRQ_ON, IRQ_ON));
}

static void test_aqic(struct kunit *test)
{
	struct ap_regs r;

	r = aqic(true, 0);
	expect_rc(test, &r, APSIM_RC_BAD_ADDRESS, "address 0");
	r = aqic(true, -1UL);
	expect_rc(test, &r, APSIM_RC_BAD_ADDRESS, "address -1");
	r = aqic(true, 1UL << 50);
	expect_rc(test, &r, APSIM_RC_BAD_ADDRESS, "address of no RAM");
	r = aqic(false, nib());
	expect_rc(test, &r, APSIM_RC_AS_IT_WAS, "disable while disabled");
	r = pqap(FC(3) | env.accel, BIT(47) | 0x1000, nib());
	expect_rc(test, &r, APSIM_RC_BAD_GISA, "enable with a GISA");
	irqs_on(test);
	r = aqic(true, nib());
	expect_rc(test, &r, APSIM_RC_AS_IT_WAS, "enable while enabled");
	/* a disable needs no address */
	r = aqic(false, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "disable");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, IRQ_ON, 0));
	r = aqic(false, 0);
	expect_rc(test, &r, APSIM_RC_AS_IT_WAS, "disable twice");
}

static void test_aqic_delay(struct kunit *test)
{
	struct ap_regs r;

	knob(APSIM_KNOB_IRQ_US, 200000);
	r = aqic(true, nib());
	expect_rc(test, &r, APSIM_RC_NORMAL, "enable");
	r = aqic(false, 0);
	/* a guest that was stopped for long may see it done already */
	if (RC(r) == APSIM_RC_BUSY)
		KUNIT_EXPECT_FALSE(test, r.gr[1] & IRQ_ON);
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, IRQ_ON, IRQ_ON));
	knob(APSIM_KNOB_IRQ_US, 0);
}

static u64 counter(u16 apqn, enum apsim_count which)
{
	struct apsim_queue *q = apsim_queue_get(apqn);
	unsigned long flags;
	u64 val;

	raw_spin_lock_irqsave(&q->lock, flags);
	val = q->count[which];
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return val;
}

static bool wait_counter(u16 apqn, enum apsim_count which, u64 want)
{
	int i;

	for (i = 0; i < PATIENCE_MS && counter(apqn, which) < want; i++)
		usleep_range(1000, 2000);
	return counter(apqn, which) == want;
}

static void reset_ends_irqs(struct kunit *test, u32 fc)
{
	u32 len = make_me_sized(env.msg, 1, 128);
	struct ap_regs r;
	u64 irqs;

	irqs_on(test);
	r = pqap(FC(fc) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "reset");
	KUNIT_EXPECT_TRUE(test, wait_reset(env.accel));
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ");
	KUNIT_EXPECT_FALSE(test, r.gr[1] & IRQ_ON);
	/* the queue works on, and tells nobody */
	irqs = counter(env.accel, APSIM_C_IRQS);
	KUNIT_EXPECT_EQ(test, round_trip(test, env.accel, 1, len), REPLY_1K);
	msleep(20);
	KUNIT_EXPECT_EQ(test, counter(env.accel, APSIM_C_IRQS), irqs);
	KUNIT_EXPECT_EQ(test, atomic_read(&irqs_seen), 0);
	KUNIT_EXPECT_EQ(test, *airq.lsi_ptr, 0);
}

static void test_irq_off_rapq(struct kunit *test)
{
	reset_ends_irqs(test, 1);
}

static void test_irq_off_zapq(struct kunit *test)
{
	reset_ends_irqs(test, 2);
}

/* Waits for n of them, and then for one more, which must not come. */
static bool wait_irqs(int n)
{
	int i;

	for (i = 0; i < PATIENCE_MS && atomic_read(&irqs_seen) < n; i++)
		usleep_range(1000, 2000);
	msleep(20);
	return atomic_read(&irqs_seen) == n;
}

static void test_interrupt(struct kunit *test)
{
	u64 replies = counter(env.accel, APSIM_C_REPLIES);
	u32 len = make_me_sized(env.msg, 1, 128);

	irqs_on(test);
	nqap(env.accel, 1, env.msg, len);
	KUNIT_EXPECT_TRUE(test, wait_irqs(1));
	fault("add apqn=%02x.%04x insn=REPLY do=lost-irq", env.accel);
	nqap(env.accel, 2, env.msg, len);
	KUNIT_EXPECT_TRUE(test, wait_counter(env.accel, APSIM_C_REPLIES,
					     replies + 2));
	KUNIT_EXPECT_TRUE(test, wait_irqs(1));
	fault("add apqn=%02x.%04x insn=REPLY do=spurious-irq", env.accel);
	nqap(env.accel, 3, env.msg, len);
	KUNIT_EXPECT_TRUE(test, wait_irqs(3));
	KUNIT_EXPECT_EQ(test, atomic_read(&irqs_wrong), 0);
	/* replies that wait when interrupts come on are announced */
	aqic(false, 0);
	irqs_on(test);
	KUNIT_EXPECT_TRUE(test, wait_irqs(4));
}

/* ---- messages ---- */

static void test_me(struct kunit *test)
{
	static const struct {
		u16 keyblock;
		u16 size;
	} sizes[] = { { 1, 128 }, { 2, 256 }, { 3, 512 } };
	u32 i, len;

	make_me(env.msg);
	KUNIT_EXPECT_EQ(test, round_trip(test, env.accel, 0x123456789abcdef0,
					 MSG_1K), REPLY_1K);
	KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		len = make_me_sized(env.msg, sizes[i].keyblock, sizes[i].size);
		KUNIT_EXPECT_EQ(test, round_trip(test, env.accel, i, len),
				APSIM_HEAD + sizes[i].size);
		KUNIT_EXPECT_TRUE(test, is_result(env.out, sizes[i].size, 32));
	}
}

static void test_crt(struct kunit *test)
{
	make_crt(env.msg);
	KUNIT_EXPECT_EQ(test, round_trip(test, env.accel, 1, CRT_1K), REPLY_1K);
	KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
}

/* Kept results are those of the same numbers, and of no others. */
static void test_kept_results(struct kunit *test)
{
	static u8 first[BUF];
	u32 round, at, len;

	if (apsim_knobs[APSIM_KNOB_RSA].max < APSIM_RSA_KEEP)
		kunit_skip(test, "nothing is computed");
	for (round = 0; round < 2; round++) {
		make_me(env.msg);
		round_trip(test, env.accel, 1, MSG_1K);
		KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
		make_crt(env.msg);
		round_trip(test, env.accel, 2, CRT_1K);
		KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
	}
	/* a bit of each operand, and the size of all; errors are results, too */
	for (at = APSIM_HEAD + 127; at < MSG_1K; at += 128) {
		make_me(env.msg);
		env.msg[at] ^= 2;
		knob(APSIM_KNOB_RSA, APSIM_RSA_COMPUTE);
		len = round_trip(test, env.accel, 3, MSG_1K);
		memcpy(first, env.out, BUF);
		knob(APSIM_KNOB_RSA, APSIM_RSA_KEEP);
		for (round = 0; round < 2; round++) {
			KUNIT_EXPECT_EQ(test, round_trip(test, env.accel, 4, MSG_1K), len);
			KUNIT_EXPECT_MEMEQ(test, env.out, first, len);
		}
		KUNIT_EXPECT_NE(test, memcmp(env.out + REPLY_1K - 64, key_out, 64), 0);
	}
	for (round = 0; round < 2; round++) {
		make_me(env.msg);
		put(operand_end(env.msg, 128, 2), key_n, sizeof(key_n));
		expect_error(test, env.accel, MSG_1K, APSIM_ERR_OPERAND,
			     "input = modulus");
	}
}

static void test_null_operation(struct kunit *test)
{
	struct ap_regs r;

	knob(APSIM_KNOB_RSA, 0);
	make_me(env.msg);
	r = nqap(env.accel, 9, env.msg, MSG_1K);
	expect_rc(test, &r, APSIM_RC_NORMAL, "NQAP");
	/* there without waiting */
	memset(env.out, 0xee, BUF);
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "DQAP");
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - REPLY_1K);
	KUNIT_EXPECT_TRUE(test, is_result(env.out, 128, 0));
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_FULL_OR_NONE, "DQAP of nothing");
}

static void test_bad_operands(struct kunit *test)
{
	u8 *msg = env.msg;
	u16 q = env.accel;

	make_me(msg);
	put(operand_end(msg, 128, 2), key_n, sizeof(key_n));
	expect_error(test, q, MSG_1K, APSIM_ERR_OPERAND, "input = modulus");
	make_me(msg);
	operand_end(msg, 128, 1)[-1] &= ~1;
	expect_error(test, q, MSG_1K, APSIM_ERR_EVEN_MODULUS, "even modulus");
	make_me(msg);
	memset(operand_end(msg, 128, 0), 0, 128);
	expect_error(test, q, MSG_1K, APSIM_ERR_OPERAND_SIZE, "no modulus");
	make_me(msg);
	memset(msg + APSIM_HEAD, 0, 128);
	expect_error(test, q, MSG_1K, APSIM_ERR_OPERAND, "no exponent");
	make_crt(msg);
	operand_end(msg, 64, 0)[-1] &= ~1;
	expect_error(test, q, CRT_1K, APSIM_ERR_EVEN_MODULUS, "even p");
	make_crt(msg);
	memset(operand_end(msg, 64, 0), 0, 64);
	expect_error(test, q, CRT_1K, APSIM_ERR_OPERAND_SIZE, "no q");
	make_crt(msg);
	put(msg + CRT_1K, key_n, sizeof(key_n));
	expect_error(test, q, CRT_1K, APSIM_ERR_OPERAND, "input = p * q");
}

static void test_bad_messages(struct kunit *test)
{
	u8 *msg = env.msg;
	u16 q = env.accel;

	make_me(msg);
	expect_error(test, q, MSG_1K - 1, APSIM_ERR_MSG_LENGTH, "cut");
	expect_error(test, q, 3, APSIM_ERR_MSG_LENGTH, "three bytes");
	msg[3]++;
	expect_error(test, q, MSG_1K, APSIM_ERR_MSG_LENGTH, "length field");
	make_me(msg);
	msg[9] = 4;
	expect_error(test, q, MSG_1K, APSIM_ERR_FORMAT, "keyblock type");
	make_me(msg);
	msg[15] = 1;
	expect_error(test, q, MSG_1K, APSIM_ERR_RESERVED, "reserved byte");
	make_me(msg);
	msg[1] = 0x44;
	expect_error(test, q, MSG_1K, APSIM_ERR_MSG_TYPE, "unknown type");
	make_me(msg);
	expect_error(test, env.copro, MSG_1K, APSIM_ERR_MSG_TYPE,
		     "type 50 for a coprocessor");
	memset(msg, 0, BUF);
	msg[1] = 0x06;
	expect_error(test, q, 128, APSIM_ERR_MSG_TYPE, "type 6 for CEX8A");
	expect_error(test, env.copro, 128, APSIM_ERR_MALFORMED, "type 6");
}

/* ---- replies in parts ---- */

static void send_one(struct kunit *test, u64 psmid)
{
	struct ap_regs r;

	make_me(env.msg);
	r = nqap(env.accel, psmid, env.msg, MSG_1K);
	expect_rc(test, &r, APSIM_RC_NORMAL, "NQAP");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
}

static void test_partial_dqap(struct kunit *test)
{
	struct ap_regs r;

	send_one(test, 0x700000001);
	r = dqap_regs(env.accel, env.out, 100);
	r.gr[1] = 0xabcd;
	do_dqap(&r);
	KUNIT_EXPECT_EQ(test, r.cc, 1);
	KUNIT_EXPECT_EQ(test, r.gr[1], 0xabcd);
	KUNIT_EXPECT_EQ(test, r.gr[2], REPLY_1K - 100);
	KUNIT_EXPECT_EQ(test, r.gr[7], 0);
	KUNIT_EXPECT_EQ(test, r.gr[6], (unsigned long)env.out + 100);
	KUNIT_EXPECT_FALSE(test, tapq(env.accel).gr[1] & EMPTY);
	/* GR0 as it is now gets the rest, in two more parts */
	r.gr[7] = 40;
	do_dqap(&r);
	KUNIT_EXPECT_EQ(test, r.cc, 1);
	KUNIT_EXPECT_EQ(test, r.gr[2], 4);
	r.gr[7] = 40;
	do_dqap(&r);
	expect_rc(test, &r, APSIM_RC_NORMAL, "last part");
	KUNIT_EXPECT_EQ(test, r.gr[2], 0);
	KUNIT_EXPECT_EQ(test, r.gr[7], 36);
	KUNIT_EXPECT_EQ(test, r.gr[0], env.accel | DQAP_GR0);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x700000001);
	KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
	KUNIT_EXPECT_TRUE(test, tapq(env.accel).gr[1] & EMPTY);
}

static void test_partial_restart(struct kunit *test)
{
	struct ap_regs r;

	send_one(test, 1);
	send_one(test, 2);
	r = dqap(env.accel, env.out, 10);
	KUNIT_EXPECT_EQ(test, r.cc, 1);
	/* a wrong rest is no way to go on */
	r.gr[0] += 1UL << 32;
	r.gr[7] = BUF;
	do_dqap(&r);
	expect_rc(test, &r, APSIM_RC_NO_FIRST_PART, "wrong rest");
	/* a new DQAP begins with the same reply again */
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "begin again");
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - REPLY_1K);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 1);
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	r = dqap(env.accel, env.out, BUF);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 2);
}

/* The way drivers do it. */
static void test_partial_driver(struct kunit *test)
{
	unsigned long gr0 = 0, psmid = 0;
	struct ap_queue_status status;
	size_t len, rest;

	send_one(test, 5);
	status = ap_dqap(env.accel, &psmid, env.out, 64, &len, &rest, &gr0);
	KUNIT_EXPECT_EQ(test, (u32)status.response_code, 0xff);
	KUNIT_EXPECT_EQ(test, len, 64);
	KUNIT_EXPECT_EQ(test, rest, REPLY_1K - 64);
	KUNIT_EXPECT_NE(test, gr0, 0);
	status = ap_dqap(env.accel, &psmid, env.out, BUF, &len, &rest, &gr0);
	KUNIT_EXPECT_EQ(test, (u32)status.response_code, 0);
	KUNIT_EXPECT_EQ(test, len, REPLY_1K - 64);
	KUNIT_EXPECT_EQ(test, rest, 0);
	KUNIT_EXPECT_EQ(test, gr0, 0);
	KUNIT_EXPECT_EQ(test, psmid, 5);
}

/* Operands that go on behind the end of a segment, in vmalloc memory. */
static void test_segment_end(struct kunit *test)
{
	u8 *area = vmalloc(0x200000), *edge;
	struct ap_regs r;
	unsigned long psmid;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, area);
	edge = PTR_ALIGN(area + 4096, 0x100000);
	make_me_sized(edge - 100, 1, 128);
	r = nqap(env.accel, 0x77, edge - 100, MSG_1K);
	KUNIT_EXPECT_EQ(test, r.cc, 2);
	KUNIT_EXPECT_EQ(test, r.gr[6], (unsigned long)edge);
	KUNIT_EXPECT_EQ(test, r.gr[7], MSG_1K - 100);
	KUNIT_EXPECT_TRUE(test, tapq(env.accel).gr[1] & EMPTY);
	do_nqap(&r);
	expect_rc(test, &r, APSIM_RC_NORMAL, "second part");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	r = dqap(env.accel, edge - 20, BUF);
	KUNIT_EXPECT_EQ(test, r.cc, 2);
	KUNIT_EXPECT_EQ(test, r.gr[2], REPLY_1K - 20);
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - 20);
	do_dqap(&r);
	expect_rc(test, &r, APSIM_RC_NORMAL, "second part");
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - REPLY_1K);
	KUNIT_EXPECT_TRUE(test, is_result(edge - 20, 128, 32));
	/* a second part without a first one */
	r = nqap_regs(env.accel, 0x78, edge, MSG_1K - 100);
	r.gr[0] |= 100UL << 32;
	do_nqap(&r);
	expect_rc(test, &r, APSIM_RC_NO_FIRST_PART, "no first part");
	/* and as drivers do it */
	make_me_sized(edge - 100, 1, 128);
	ap_nqap(env.accel, 0x79, edge - 100, MSG_1K);
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	ap_dqap(env.accel, &psmid, edge - 20, BUF, &len, NULL, NULL);
	KUNIT_EXPECT_EQ(test, psmid, 0x79);
	KUNIT_EXPECT_EQ(test, len, REPLY_1K);
	KUNIT_EXPECT_TRUE(test, is_result(edge - 20, 128, 32));
	vfree(area);
}

/* ---- queues ---- */

static void test_queue_full(struct kunit *test)
{
	u32 depth = TEST_DEPTH, i, len;
	struct ap_regs r;

	len = make_me_sized(env.msg, 1, 128);
	for (i = 1; i <= depth; i++) {
		r = nqap(env.accel, i, env.msg, len);
		expect_rc(test, &r, APSIM_RC_NORMAL, "NQAP");
		KUNIT_EXPECT_EQ(test, !!(r.gr[1] & FULL), i == depth);
	}
	r = nqap(env.accel, i, env.msg, len);
	expect_rc(test, &r, APSIM_RC_FULL_OR_NONE, "one too many");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & FULL);
	for (i = 1; i <= depth; i++) {
		KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES,
						    REPLIES));
		r = dqap(env.accel, env.out, BUF);
		expect_rc(test, &r, APSIM_RC_NORMAL, "DQAP");
		KUNIT_EXPECT_EQ(test, psmid_of(&r), i);
		KUNIT_EXPECT_TRUE(test, is_result(env.out, 128, 32));
		KUNIT_EXPECT_EQ(test, !!(r.gr[1] & EMPTY), i == depth);
	}
}

static void test_service_time(struct kunit *test)
{
	u32 len = make_me_sized(env.msg, 1, 128), i;
	ktime_t start = ktime_get();
	struct ap_regs r;

	/* one after another, so three take three times as long */
	knob(APSIM_KNOB_ME_US, 20000);
	for (i = 0; i < 3; i++)
		nqap(env.accel, i, env.msg, len);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES,
						    REPLIES));
		r = dqap(env.accel, env.out, BUF);
		KUNIT_EXPECT_EQ(test, psmid_of(&r), i);
	}
	KUNIT_EXPECT_GE(test, ktime_us_delta(ktime_get(), start), 60000);
}

static void test_reorder(struct kunit *test)
{
	u32 depth = TEST_DEPTH, i, len, round;
	unsigned long seen;
	bool mixed = false;
	struct ap_regs r;

	knob(APSIM_KNOB_REORDER, 1);
	knob(APSIM_KNOB_RSA, 0);
	len = make_me_sized(env.msg, 1, 128);
	for (round = 0; round < 64; round++) {
		for (i = 0, seen = 0; i < depth; i++)
			nqap(env.accel, i, env.msg, len);
		for (i = 0; i < depth; i++) {
			r = dqap(env.accel, env.out, BUF);
			expect_rc(test, &r, APSIM_RC_NORMAL, "DQAP");
			mixed |= psmid_of(&r) != i;
			__set_bit(psmid_of(&r) % BITS_PER_LONG, &seen);
		}
		/* every one, and every one once */
		KUNIT_EXPECT_EQ(test, seen, GENMASK(depth - 1, 0));
	}
	KUNIT_EXPECT_TRUE(test, mixed);
}

/*
 * A reset issued not before @start has to last @ms: each TAPQ that is over by
 * then must say so.  Returns whether one that did was begun late in that time;
 * a machine that stands still may have had none.
 */
static bool watch_reset(struct kunit *test, ktime_t start, u32 ms)
{
	bool late = false;
	struct ap_regs r;
	s64 begun;
	u32 i;

	for (i = 0; i < PATIENCE_MS; i++) {
		begun = ktime_ms_delta(ktime_get(), start);
		r = tapq(env.accel);
		if (RC(r) != APSIM_RC_RESETTING)
			break;
		KUNIT_EXPECT_EQ(test, r.cc, 3);
		KUNIT_EXPECT_NE(test, r.gr[2], 0);
		KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
		late |= begun >= ms / 2;
		usleep_range(1000, 2000);
	}
	KUNIT_EXPECT_GE(test, ktime_ms_delta(ktime_get(), start), ms);
	KUNIT_EXPECT_LT(test, i, PATIENCE_MS);
	return late;
}

static bool reset_queue(struct kunit *test, u32 fc, u32 len, u32 ms)
{
	struct apsim_queue *q = apsim_queue_get(env.accel);
	struct ap_regs r;
	ktime_t start;
	bool late;

	nqap(env.accel, 1, env.msg, len);
	nqap(env.accel, 2, env.msg, len);
	KUNIT_EXPECT_TRUE(test, q->used);
	start = ktime_get();
	r = pqap(FC(fc) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "reset");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
	late = watch_reset(test, start, ms);
	r = tapq(env.accel);
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
	KUNIT_EXPECT_FALSE(test, r.gr[1] & REPLIES);
	/* only ZAPQ cleans */
	KUNIT_EXPECT_EQ(test, q->used, fc == 1);
	return late;
}

static void test_reset(struct kunit *test)
{
	u32 len = make_me_sized(env.msg, 3, 512), fc;
	const u32 ms = 500;
	bool late;
	int n;

	knob(APSIM_KNOB_RESET_MS, ms);
	for (fc = 1; fc <= 2; fc++) {
		late = false;
		for (n = 0; n < 10 && !late; n++)
			late = reset_queue(test, fc, len, ms);
		KUNIT_EXPECT_TRUE_MSG(test, late, "%d resets not seen to last", n);
	}
}

static void expect_no_use(struct kunit *test, u8 rc)
{
	struct ap_regs r = aqic(true, nib());

	expect_rc(test, &r, rc, "AQIC");
	r = nqap(env.accel, 1, env.msg, MSG_1K);
	expect_rc(test, &r, rc, "NQAP");
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, rc, "DQAP");
}

/* With a reset that does not end there is time to look at everything. */
static void test_during_reset(struct kunit *test)
{
	struct ap_regs r;

	/* two rules: the second must not be used up by what is refused */
	fault("add apqn=%02x.%04x insn=ZAPQ do=hang", env.accel);
	fault("add apqn=%02x.%04x insn=ZAPQ do=hang", env.accel);
	send_one(test, 1);
	r = pqap(FC(2) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "ZAPQ");
	r = pqap(FC(2) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_RESETTING, "ZAPQ again");
	r = pqap(FC(1) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_RESETTING, "RAPQ");
	expect_no_use(test, APSIM_RC_RESETTING);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_RESETTING, "TAPQ");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
	KUNIT_EXPECT_EQ(test, release(), 0);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ after release");
	r = pqap(FC(2) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "the second hangs, too");
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_RESETTING, "TAPQ");
	KUNIT_EXPECT_EQ(test, release(), 0);
	r = pqap(FC(2) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "no rule is left");
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ");
}

static void expect_all(struct kunit *test, u8 rc)
{
	struct ap_regs r = tapq(env.accel);

	expect_rc(test, &r, rc, "TAPQ");
	KUNIT_EXPECT_EQ(test, !!r.gr[2], rc != APSIM_RC_NOT_AVAILABLE);
	r = pqap(FC(1) | env.accel, 0, 0);
	expect_rc(test, &r, rc, "RAPQ");
	r = pqap(FC(2) | env.accel, 0, 0);
	expect_rc(test, &r, rc, "ZAPQ");
	expect_no_use(test, rc);
}

static void test_configuration(struct kunit *test)
{
	static const struct {
		enum apsim_flag flag;
		bool bad;
		u8 rc;
	} cases[] = {
		{ APSIM_PRESENT, false, APSIM_RC_NOT_AVAILABLE },
		{ APSIM_CONFIGURED, false, APSIM_RC_DECONFIGURED },
		{ APSIM_STOPPED, true, APSIM_RC_CHECKSTOPPED },
	};
	struct apsim_card *card = apsim_card_get(ACCEL_CARD);
	struct apsim_queue *q = apsim_queue_get(env.accel);
	struct ap_regs r;
	u32 i, whole;

	for (i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		whole = i & 1;
		send_one(test, i);
		irqs_on(test);
		if (whole)
			apsim_card_set(card, cases[i / 2].flag,
				       cases[i / 2].bad);
		else
			apsim_queue_set(q, cases[i / 2].flag, cases[i / 2].bad);
		expect_all(test, cases[i / 2].rc);
		if (whole)
			apsim_card_set(card, cases[i / 2].flag,
				       !cases[i / 2].bad);
		else
			apsim_queue_set(q, cases[i / 2].flag,
					!cases[i / 2].bad);
		/* back again: empty, and without interrupts */
		r = tapq(env.accel);
		expect_rc(test, &r, APSIM_RC_NORMAL, "back");
		KUNIT_EXPECT_TRUE(test, r.gr[1] & EMPTY);
		KUNIT_EXPECT_FALSE(test, r.gr[1] & IRQ_ON);
	}
}

static void test_domains(struct kunit *test)
{
	u64 all = apsim_domains(true);
	u64 ours = BIT_ULL(63 - env.domain);
	struct ap_regs r;

	KUNIT_EXPECT_EQ(test, apsim_domains_set(true, all & ~ours), 0);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NOT_AVAILABLE, "domain taken away");
	KUNIT_EXPECT_EQ(test, apsim_domains_set(true, all), 0);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "domain given back");
}

/* ---- fault rules ---- */

static void test_fault_rc(struct kunit *test)
{
	struct ap_regs r;

	KUNIT_EXPECT_EQ(test, fault("add apqn=%02x.%04x insn=TAPQ do=rc=05 count=2 skip=1",
				    env.accel), 0);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "skipped");
	r = tapq(env.copro);
	expect_rc(test, &r, APSIM_RC_NORMAL, "another queue");
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_BUSY, "first hit");
	KUNIT_EXPECT_NE(test, r.gr[2], 0);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_BUSY, "second hit");
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "used up");
	/* what is answered by a rule is not done */
	fault("add apqn=*%.0s%.0s insn=RAPQ do=rc=00", 0);
	send_one(test, 1);
	r = pqap(FC(1) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "RAPQ");
	KUNIT_EXPECT_FALSE(test, tapq(env.accel).gr[1] & EMPTY);
}

static void test_fault_async(struct kunit *test)
{
	struct apsim_queue *q = apsim_queue_get(env.accel);
	struct ap_regs r;

	fault("add apqn=%02x.%04x insn=NQAP do=rc=36+async", env.accel);
	make_me(env.msg);
	r = nqap(env.accel, 1, env.msg, MSG_1K);
	expect_rc(test, &r, 0x36, "NQAP");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & ASYNC);
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, 0x36, "DQAP");
	r = tapq(env.accel);
	expect_rc(test, &r, 0x36, "TAPQ");
	KUNIT_EXPECT_TRUE(test, r.gr[1] & ASYNC);
	KUNIT_EXPECT_NE(test, r.gr[2], 0);
	r = pqap(FC(1) | env.accel, 0, 0);
	expect_rc(test, &r, APSIM_RC_NORMAL, "RAPQ");
	KUNIT_EXPECT_TRUE(test, wait_reset(env.accel));
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ after reset");
	KUNIT_EXPECT_FALSE(test, r.gr[1] & ASYNC);
	/* nothing sticks to a queue that is being reset or is not there */
	fault("add apqn=%02x.%04x insn=TAPQ do=rc=36+async count=2", env.accel);
	fault("add apqn=%02x.%04x insn=RAPQ do=hang", env.accel);
	pqap(FC(1) | env.accel, 0, 0);
	r = tapq(env.accel);
	expect_rc(test, &r, 0x36, "TAPQ during reset");
	KUNIT_EXPECT_FALSE(test, r.gr[1] & ASYNC);
	release();
	apsim_queue_set(q, APSIM_CONFIGURED, false);
	r = tapq(env.accel);
	expect_rc(test, &r, 0x36, "TAPQ while deconfigured");
	apsim_queue_set(q, APSIM_CONFIGURED, true);
	r = tapq(env.accel);
	expect_rc(test, &r, APSIM_RC_NORMAL, "TAPQ of a clean queue");
}

static void test_fault_replies(struct kunit *test)
{
	struct ap_regs r;

	send_one(test, 0x11);
	dqap(env.accel, env.out, BUF);
	fault("add apqn=%02x.%04x insn=REPLY do=stale", env.accel);
	send_one(test, 0x12);
	r = dqap(env.accel, env.out, BUF);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x11);
	fault("add apqn=%02x.%04x insn=REPLY do=foreign", env.accel);
	send_one(test, 0x13);
	r = dqap(env.accel, env.out, BUF);
	KUNIT_EXPECT_NE(test, psmid_of(&r), 0x13);
	fault("add apqn=%02x.%04x insn=REPLY do=error=90", env.accel);
	send_one(test, 0x14);
	r = dqap(env.accel, env.out, BUF);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x14);
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - 8);
	KUNIT_EXPECT_EQ(test, env.out[1], 0x82);
	KUNIT_EXPECT_EQ(test, env.out[4], 0x90);
	fault("add apqn=%02x.%04x insn=REPLY do=swallow", env.accel);
	make_me(env.msg);
	nqap(env.accel, 0x15, env.msg, MSG_1K);
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, EMPTY, EMPTY));
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_FULL_OR_NONE, "swallowed");
}

static void reset(struct kunit *test)
{
	pqap(FC(1) | env.accel, 0, 0);
	KUNIT_EXPECT_TRUE(test, wait_reset(env.accel));
}

/* In parts of 29 bytes though there is room, and the last one has what is left */
static void test_fault_parts(struct kunit *test)
{
	struct ap_regs r;
	u32 parts = 1;

	fault("add apqn=%02x.%04x insn=REPLY do=parts=05", env.accel);
	send_one(test, 0x31);
	r = dqap_regs(env.accel, env.out, BUF);
	r.gr[1] = 0xabcd;
	do_dqap(&r);
	KUNIT_EXPECT_EQ(test, r.cc, 2);
	KUNIT_EXPECT_EQ(test, r.gr[1], 0xabcd);
	KUNIT_EXPECT_EQ(test, r.gr[2], REPLY_1K - 29);
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - 29);
	for (; r.cc == 2 && parts < 10; parts++)
		do_dqap(&r);
	KUNIT_EXPECT_EQ(test, parts, 5);
	expect_rc(test, &r, APSIM_RC_NORMAL, "last part");
	KUNIT_EXPECT_EQ(test, r.gr[7], BUF - REPLY_1K);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x31);
	KUNIT_EXPECT_MEMEQ(test, env.out + REPLY_1K - 64, key_out, 64);
	KUNIT_EXPECT_TRUE(test, tapq(env.accel).gr[1] & EMPTY);
	/* as many as it has bytes */
	fault("add apqn=%02x.%04x insn=REPLY do=parts=ff", env.accel);
	send_one(test, 0x32);
	r = dqap_regs(env.accel, env.out, BUF);
	for (parts = 0; parts < REPLY_1K; parts++) {
		KUNIT_EXPECT_EQ(test, r.gr[7], BUF - parts);
		do_dqap(&r);
	}
	expect_rc(test, &r, APSIM_RC_NORMAL, "last byte");
}

/* Nothing is taken three times, and then all of it */
static void test_fault_stuck_nqap(struct kunit *test)
{
	struct ap_regs r, before;
	u32 i;

	fault("add apqn=%02x.%04x insn=NQAP do=stuck count=3", env.accel);
	make_me(env.msg);
	r = nqap_regs(env.accel, 0x41, env.msg, MSG_1K);
	before = r;
	for (i = 0; i < 3; i++) {
		do_nqap(&r);
		KUNIT_EXPECT_EQ(test, r.cc, 2);
		KUNIT_EXPECT_MEMEQ(test, r.gr, before.gr, sizeof(r.gr));
		KUNIT_EXPECT_TRUE(test, tapq(env.accel).gr[1] & EMPTY);
	}
	do_nqap(&r);
	expect_rc(test, &r, APSIM_RC_NORMAL, "taken");
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "its reply");
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x41);

	/* what is refused is not stuck */
	fault("add apqn=%02x.%04x insn=NQAP do=stuck", env.accel);
	fault("add apqn=%02x.%04x insn=RAPQ do=hang", env.accel);
	pqap(FC(1) | env.accel, 0, 0);
	r = nqap(env.accel, 0x42, env.msg, MSG_1K);
	expect_rc(test, &r, APSIM_RC_RESETTING, "while it is reset");
	KUNIT_EXPECT_EQ(test, release(), 0);
	r = nqap(env.accel, 0x42, env.msg, MSG_1K);
	KUNIT_EXPECT_EQ(test, r.cc, 2);
}

static void test_fault_endless(struct kunit *test)
{
	struct ap_regs r;
	u32 i;

	fault("add apqn=%02x.%04x insn=REPLY do=endless", env.accel);
	send_one(test, 0x33);
	r = dqap_regs(env.accel, env.out, BUF);
	for (i = 1; i <= 10; i++) {
		do_dqap(&r);
		KUNIT_EXPECT_EQ(test, r.cc, 2);
		KUNIT_EXPECT_EQ(test, r.gr[2], REPLY_1K);
		KUNIT_EXPECT_EQ(test, r.gr[7], BUF - i * REPLY_1K);
	}
	r.gr[7] = 44;
	do_dqap(&r);
	KUNIT_EXPECT_EQ(test, r.cc, 1);
	KUNIT_EXPECT_EQ(test, r.gr[7], 0);
	KUNIT_EXPECT_FALSE(test, tapq(env.accel).gr[1] & EMPTY);
	reset(test);

	fault("add apqn=%02x.%04x insn=REPLY do=stuck", env.accel);
	send_one(test, 0x34);
	r = dqap_regs(env.accel, env.out, BUF);
	for (i = 0; i < 10; i++) {
		do_dqap(&r);
		KUNIT_EXPECT_EQ(test, r.cc, 2);
		KUNIT_EXPECT_EQ(test, r.gr[2], REPLY_1K);
		KUNIT_EXPECT_EQ(test, r.gr[6], (unsigned long)env.out);
		KUNIT_EXPECT_EQ(test, r.gr[7], BUF);
	}
	/* a reset ends it, and the entry is used again like any other */
	reset(test);
	for (i = 0; i < TEST_DEPTH; i++) {
		send_one(test, 0x35 + i);
		r = dqap(env.accel, env.out, BUF);
		expect_rc(test, &r, APSIM_RC_NORMAL, "after the reset");
		KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x35 + i);
	}
}

static void test_fault_hold(struct kunit *test)
{
	struct ap_regs r;

	fault("add apqn=%02x.%04x insn=REPLY do=hold", env.accel);
	make_me(env.msg);
	nqap(env.accel, 0x21, env.msg, MSG_1K);
	/* the next one overtakes it */
	nqap(env.accel, 0x22, env.msg, MSG_1K);
	KUNIT_EXPECT_TRUE(test, wait_status(env.accel, REPLIES, REPLIES));
	r = dqap(env.accel, env.out, BUF);
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x22);
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_FULL_OR_NONE, "held");
	KUNIT_EXPECT_FALSE(test, r.gr[1] & EMPTY);
	KUNIT_EXPECT_EQ(test, release(), 0);
	r = dqap(env.accel, env.out, BUF);
	expect_rc(test, &r, APSIM_RC_NORMAL, "released");
	KUNIT_EXPECT_EQ(test, psmid_of(&r), 0x21);
}

static void test_fault_prob(struct kunit *test)
{
	u32 i, hits = 0;

	fault("add apqn=%02x.%04x insn=TAPQ do=rc=05 prob=50 count=inf",
	      env.accel);
	for (i = 0; i < 400; i++)
		hits += RC(tapq(env.accel)) == APSIM_RC_BUSY;
	/* neither never nor always; the sequence is the same every time */
	KUNIT_EXPECT_GT(test, hits, 100);
	KUNIT_EXPECT_LT(test, hits, 300);
}

/* ---- bad input ---- */

static void test_bad_rules(struct kunit *test)
{
	static const char *const bad[] = {
		"", "add", "add ", "del", "del x", "del 0", "clear all",
		"add apqn=* insn=TAPQ", "add apqn=* do=rc=05",
		"add insn=TAPQ do=rc=05", "add apqn=* insn=QCI do=rc=05",
		"add apqn=* insn=TAPQ do=rc", "add apqn=* insn=TAPQ do=rc=5",
		"add apqn=* insn=TAPQ do=rc=123", "add apqn=* insn=TAPQ do=rc=+5",
		"add apqn=* insn=TAPQ do=rc=05+sync",
		"add apqn=* insn=TAPQ do=rc=00+async",
		"add apqn=* insn=TAPQ do=hold", "add apqn=* insn=REPLY do=rc=05",
		"add apqn=* insn=TAPQ do=hang", "add apqn=* insn=REPLY do=hold=05",
		"add apqn=* insn=REPLY do=error=90+async",
		"add apqn=* insn=REPLY do=parts", "add apqn=* insn=REPLY do=parts=00",
		"add apqn=* insn=REPLY do=endless=01", "add apqn=* insn=DQAP do=stuck",
		"add apqn=40.0000 insn=TAPQ do=rc=05",
		"add apqn=00.0040 insn=TAPQ do=rc=05",
		"add apqn=00 insn=TAPQ do=rc=05", "add apqn=.* insn=TAPQ do=rc=05",
		"add apqn=000.0000 insn=TAPQ do=rc=05",
		"add apqn=-1.0000 insn=TAPQ do=rc=05",
		"add apqn=+1.0000 insn=TAPQ do=rc=05",
		"add apqn=0x.0000 insn=TAPQ do=rc=05",
		"add apqn=00.0x1 insn=TAPQ do=rc=05",
		"add apqn=00.+001 insn=TAPQ do=rc=05",
		"add apqn=00. insn=TAPQ do=rc=05",
		"add apqn=00.00000 insn=TAPQ do=rc=05",
		"add apqn=00.-001 insn=TAPQ do=rc=05",
		"add apqn=* apqn=* insn=TAPQ do=rc=05",
		"add apqn=* insn=TAPQ do=rc=05 count=0",
		"add apqn=* insn=TAPQ do=rc=05 count=-1",
		"add apqn=* insn=TAPQ do=rc=05 count=4294967295",
		"add apqn=* insn=TAPQ do=rc=05 prob=0",
		"add apqn=* insn=TAPQ do=rc=05 prob=101",
		"add apqn=* insn=TAPQ do=rc=05 skip=x",
		"add apqn=* insn=TAPQ do=rc=05 often",
		"add apqn=* insn=TAPQ do=rc=05 x=1",
	};
	struct ap_regs r;
	char line[96];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		strscpy(line, bad[i], sizeof(line));
		KUNIT_EXPECT_EQ_MSG(test, apsim_fault_command(line), -EINVAL,
				    "\"%s\"", bad[i]);
	}
	strscpy(line, "del 4000000000", sizeof(line));
	KUNIT_EXPECT_EQ(test, apsim_fault_command(line), -ENOENT);
	for (i = 0; i < APSIM_MAX_RULES; i++)
		KUNIT_EXPECT_EQ(test, fault("add apqn=%02x.%04x insn=NQAP do=rc=05",
					    env.accel), 0);
	KUNIT_EXPECT_EQ(test, fault("add apqn=%02x.%04x insn=NQAP do=rc=05",
				    env.accel), -ENOSPC);
	/* one that is used up makes room, and the order stays */
	r = nqap(env.accel, 1, env.msg, MSG_1K);
	expect_rc(test, &r, APSIM_RC_BUSY, "oldest rule");
	KUNIT_EXPECT_EQ(test, fault("add apqn=%02x.%04x insn=NQAP do=rc=07",
				    env.accel), 0);
	KUNIT_EXPECT_EQ(test, fault("add apqn=%02x.%04x insn=NQAP do=rc=08",
				    env.accel), -ENOSPC);
	for (i = 1; i < APSIM_MAX_RULES; i++) {
		r = nqap(env.accel, 1, env.msg, MSG_1K);
		expect_rc(test, &r, APSIM_RC_BUSY, "rules before it");
	}
	r = nqap(env.accel, 1, env.msg, MSG_1K);
	expect_rc(test, &r, 0x07, "newest rule");
}

static void test_bad_settings(struct kunit *test)
{
	static const char *const numbers[] = {
		"", "x", "-1", "1 ", "0x1", "60001", "4294967296", "1,2"
	};
	static const char *const services[] = {
		"", "x", "-1", "10000001", "me", "me=", "me=1,", ",me=1",
		"me=1  crt=1", "me=1 me=2",
		"me=-1", "other=10000001", "me=1 x", "me= 1", "crt=0x1",
		"me=99999999999999999999"
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    apsim_knob_set(&apsim_knobs[APSIM_KNOB_RESET_MS],
						   numbers[i]),
				    -EINVAL, "\"%s\"", numbers[i]);
	for (i = 0; i < ARRAY_SIZE(services); i++)
		KUNIT_EXPECT_EQ_MSG(test, apsim_service_set(services[i]),
				    -EINVAL, "\"%s\"", services[i]);
	KUNIT_EXPECT_EQ(test, apsim_knob(APSIM_KNOB_RESET_MS), 0);
	KUNIT_EXPECT_EQ(test, apsim_knob(APSIM_KNOB_ME_US), 0);
	KUNIT_EXPECT_EQ(test, apsim_service_set("crt=7,me=5"), 0);
	KUNIT_EXPECT_EQ(test, apsim_knob(APSIM_KNOB_ME_US), 5);
	KUNIT_EXPECT_EQ(test, apsim_knob(APSIM_KNOB_CRT_US), 7);
	KUNIT_EXPECT_EQ(test, apsim_knob(APSIM_KNOB_OTHER_US), 0);
	KUNIT_EXPECT_EQ(test, apsim_card_add(64, "8a"), -EINVAL);
	KUNIT_EXPECT_EQ(test, apsim_card_add(0, "9a"), -EINVAL);
	KUNIT_EXPECT_EQ(test, apsim_card_add(ACCEL_CARD, "8a"), -EEXIST);
}

/* ---- the log ---- */

static void test_log_order(struct kunit *test)
{
	static const u8 want[] = {
		APSIM_MARK, APSIM_NQAP, APSIM_READY, APSIM_DQAP, APSIM_RAPQ,
		APSIM_RESETDONE, APSIM_MARK
	};
	u64 oldest, next, dropped, seq, time = 0;
	struct apsim_rec rec;
	u32 n = 0;

	if (!apsim_log_on)
		kunit_skip(test, "apsim was loaded without a log");
	apsim_log_clear();
	knob(APSIM_KNOB_RSA, 0);
	make_me(env.msg);
	apsim_log_text(APSIM_MARK, APSIM_NO_CARD, APSIM_NO_DOMAIN, "begin");
	nqap(env.accel, 0x51, env.msg, MSG_1K);
	dqap(env.accel, env.out, BUF);
	pqap(FC(1) | env.accel, 0, 0);
	apsim_log_text(APSIM_MARK, APSIM_NO_CARD, APSIM_NO_DOMAIN, "end");
	apsim_log_bounds(&oldest, &next, &dropped);
	KUNIT_EXPECT_EQ(test, dropped, 0);
	for (seq = oldest; seq < next; seq++) {
		KUNIT_ASSERT_TRUE(test, apsim_log_read(seq, &rec));
		KUNIT_EXPECT_EQ(test, rec.seq, seq);
		KUNIT_EXPECT_GE(test, rec.time, time);
		time = rec.time;
		/* somebody's CONFIG may come in between */
		if (n < ARRAY_SIZE(want) && rec.what == want[n])
			n++;
		if (rec.what == APSIM_NQAP || rec.what == APSIM_READY ||
		    rec.what == APSIM_DQAP)
			KUNIT_EXPECT_EQ(test, rec.psmid, 0x51);
	}
	KUNIT_EXPECT_EQ(test, n, ARRAY_SIZE(want));
	KUNIT_EXPECT_FALSE(test, apsim_log_read(next, &rec));
	KUNIT_EXPECT_FALSE(test, apsim_log_read(oldest - 1, &rec));
}

/* Finds the next record of a kind, from *seq on; leaves *seq behind it. */
static bool next_record(u64 *seq, enum apsim_what what, struct apsim_rec *rec)
{
	while (apsim_log_read(*seq, rec)) {
		++*seq;
		if (rec->what == what)
			return true;
	}
	return false;
}

static void test_log_lost(struct kunit *test)
{
	struct apsim_queue *q = apsim_queue_get(env.accel);
	u64 oldest, seq, dropped, first;
	struct apsim_rec rec;

	if (!apsim_log_on)
		kunit_skip(test, "apsim was loaded without a log");
	apsim_log_bounds(&oldest, &seq, &dropped);
	fault("add apqn=%02x.%04x insn=REPLY do=foreign", env.accel);
	send_one(test, 0x61);
	send_one(test, 0x62);
	/* the rule's line tells whose reply it was */
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_FAULT, &rec));
	KUNIT_EXPECT_EQ(test, rec.psmid, 0x61);
	KUNIT_EXPECT_EQ(test, rec.card, ACCEL_CARD);
	/* one line for each, under the name NQAP gave it, in any order */
	pqap(FC(1) | env.accel, 0, 0);
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_LOST, &rec));
	first = rec.psmid;
	KUNIT_EXPECT_TRUE(test, first == 0x61 || first == 0x62);
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_LOST, &rec));
	KUNIT_EXPECT_EQ(test, rec.psmid, 0x61 + 0x62 - first);
	/* the search goes on to the end of the log, over the reset's own line */
	KUNIT_EXPECT_FALSE(test, next_record(&seq, APSIM_LOST, &rec));
	KUNIT_EXPECT_TRUE(test, wait_reset(env.accel));
	/* what was asked for, then what was lost, then that it is so */
	send_one(test, 0x63);
	apsim_log_bounds(&oldest, &seq, &dropped);
	apsim_queue_set(q, APSIM_STOPPED, true);
	tapq(env.accel);
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_CONFIG, &rec));
	KUNIT_EXPECT_STREQ(test, rec.text, "chkstop=1");
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_LOST, &rec));
	KUNIT_EXPECT_EQ(test, rec.psmid, 0x63);
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_CONFIG, &rec));
	KUNIT_EXPECT_STREQ(test, rec.text, "answers=04");
	KUNIT_ASSERT_TRUE(test, next_record(&seq, APSIM_TAPQ, &rec));
	KUNIT_EXPECT_EQ(test, rec.status >> 16 & 0xff, APSIM_RC_CHECKSTOPPED);
	apsim_queue_set(q, APSIM_STOPPED, false);
}

/* ---- the suite ---- */

static int find_card(u32 id, const char *type)
{
	struct apsim_card *card = apsim_card_get(id);
	u32 depth = apsim_knob(APSIM_KNOB_DEPTH);
	int rc;

	if (card) {
		/* left over by an earlier run, or somebody else's */
		if (card->flag[APSIM_PRESENT] ||
		    card->type != apsim_type_find(type, 2))
			return -EBUSY;
		rc = apsim_card_set(card, APSIM_PRESENT, true);
	} else {
		knob(APSIM_KNOB_DEPTH, TEST_DEPTH);
		rc = apsim_card_add(id, type);
		knob(APSIM_KNOB_DEPTH, depth);
	}
	if (!rc)
		env.card[id == COPRO_CARD] = apsim_card_get(id);
	return rc;
}

/* Undoes what suite_init() did, however far it got. */
static void give_back(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(env.card); i++)
		if (env.card[i])
			apsim_card_set(env.card[i], APSIM_PRESENT, false);
	kfree(env.msg);
	kfree(env.out);
	memset(&env, 0, sizeof(env));
}

static int suite_init(struct kunit_suite *suite)
{
	int rc;

	if (apsim_ap_is_loaded())
		return 0;
	env.msg = kzalloc(BUF, GFP_KERNEL);
	env.out = kzalloc(BUF, GFP_KERNEL);
	if (env.msg && env.out)
		rc = find_card(ACCEL_CARD, "8a") ?: find_card(COPRO_CARD, "8p");
	else
		rc = -ENOMEM;
	if (rc)
		goto fail;
	/* without a domain there is no queue either */
	rc = apsim_domains(true) ? 0 : -ENODEV;
	if (rc)
		goto fail;
	env.domain = __builtin_clzl(apsim_domains(true));
	env.accel = ACCEL_CARD << 8 | env.domain;
	env.copro = COPRO_CARD << 8 | env.domain;
	rc = register_adapter_interrupt(&airq);
	if (!rc)
		return 0;
fail:
	give_back();
	return rc;
}

static void suite_exit(struct kunit_suite *suite)
{
	if (!env.msg)
		return;
	unregister_adapter_interrupt(&airq);
	give_back();
}

static int test_init(struct kunit *test)
{
	static const enum apsim_knob_id zero[] = {
		APSIM_KNOB_RESET_MS, APSIM_KNOB_IRQ_US, APSIM_KNOB_REORDER,
		APSIM_KNOB_ME_US, APSIM_KNOB_CRT_US, APSIM_KNOB_OTHER_US
	};
	u32 i;

	if (!env.msg)
		kunit_skip(test, "the AP bus uses the queues; unload ap first");
	for (i = 0; i < APSIM_NR_KNOBS; i++)
		env.saved[i] = apsim_knob(i);
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		knob(zero[i], 0);
	knob(APSIM_KNOB_RSA, apsim_knobs[APSIM_KNOB_RSA].max);
	knob(APSIM_KNOB_IRQ, 1);
	apsim_fault_clear();
	release();
	pqap(FC(2) | env.accel, 0, 0);
	pqap(FC(2) | env.copro, 0, 0);
	atomic_set(&irqs_seen, 0);
	atomic_set(&irqs_wrong, 0);
	return wait_reset(env.accel) && wait_reset(env.copro) ? 0 : -EIO;
}

static void test_exit(struct kunit *test)
{
	u32 i;

	if (!env.msg)
		return;
	apsim_fault_clear();
	release();
	knob(APSIM_KNOB_RESET_MS, 0);
	pqap(FC(2) | env.accel, 0, 0);
	pqap(FC(2) | env.copro, 0, 0);
	for (i = 0; i < APSIM_NR_KNOBS; i++)
		knob(i, env.saved[i]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_privilege),
	KUNIT_CASE(test_function_code),
	KUNIT_CASE(test_pqap_reserved),
	KUNIT_CASE(test_qci_alignment),
	KUNIT_CASE(test_odd_registers),
	KUNIT_CASE(test_zero_length),
	KUNIT_CASE(test_nqdq_reserved),
	KUNIT_CASE(test_lengths),
	KUNIT_CASE(test_bad_addresses),
	KUNIT_CASE(test_bad_message_end),
	KUNIT_CASE(test_message_too_big),
	KUNIT_CASE(test_available),
	KUNIT_CASE(test_types),
	KUNIT_CASE(test_tapq),
	KUNIT_CASE(test_qact),
	KUNIT_CASE(test_aqic),
	KUNIT_CASE(test_aqic_delay),
	KUNIT_CASE(test_irq_off_rapq),
	KUNIT_CASE(test_irq_off_zapq),
	KUNIT_CASE(test_interrupt),
	KUNIT_CASE(test_me),
	KUNIT_CASE(test_crt),
	KUNIT_CASE(test_kept_results),
	KUNIT_CASE(test_null_operation),
	KUNIT_CASE(test_bad_operands),
	KUNIT_CASE(test_bad_messages),
	KUNIT_CASE(test_partial_dqap),
	KUNIT_CASE(test_partial_restart),
	KUNIT_CASE(test_partial_driver),
	KUNIT_CASE(test_segment_end),
	KUNIT_CASE(test_queue_full),
	KUNIT_CASE(test_service_time),
	KUNIT_CASE(test_reorder),
	KUNIT_CASE(test_reset),
	KUNIT_CASE(test_during_reset),
	KUNIT_CASE(test_configuration),
	KUNIT_CASE(test_domains),
	KUNIT_CASE(test_fault_rc),
	KUNIT_CASE(test_fault_async),
	KUNIT_CASE(test_fault_replies),
	KUNIT_CASE(test_fault_parts),
	KUNIT_CASE(test_fault_endless),
	KUNIT_CASE(test_fault_stuck_nqap),
	KUNIT_CASE(test_fault_hold),
	KUNIT_CASE(test_fault_prob),
	KUNIT_CASE(test_bad_rules),
	KUNIT_CASE(test_bad_settings),
	KUNIT_CASE(test_log_order),
	KUNIT_CASE(test_log_lost),
	{}
};

static struct kunit_suite suite = {
	.name = "apsim",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = test_init,
	.exit = test_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("KUnit tests of the simulated AP facility");
MODULE_LICENSE("GPL");
