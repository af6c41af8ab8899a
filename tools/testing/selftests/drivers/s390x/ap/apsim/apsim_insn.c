// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the instructions
 *
 * Registers, condition codes and exceptions as arch/s390/include/asm/ap.h,
 * arch/s390/kvm/priv.c (both Linux 6.12) and the AP tests proposed for
 * kvm-unit-tests (s390x/ap.c, version 4, 2024) have them.
 */

#include <linux/bits.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <asm/ptrace.h>

#include "apsim.h"

#define OP_NQAP		0xb2ad
#define OP_DQAP		0xb2ae
#define OP_PQAP		0xb2af

#define SEGMENT		0x100000UL	/* operands are taken up to its end */

/* Bit numbers of GR0 count from the left, 32 is the first of the low word. */
#define GR0_BIT(n)	BIT(63 - (n))
#define GR0_F		GR0_BIT(41)
#define GR0_T		GR0_BIT(40)
#define GR0_LAST	GR0_BIT(33)
#define PQAP_RESERVED	GENMASK(63 - 41, 63 - 47)
#define NQAP_RESERVED	(GR0_BIT(32) | GR0_BIT(34) | GR0_BIT(35) | GR0_BIT(40))
#define DQAP_RESERVED	(GR0_BIT(33) | GR0_BIT(34) | GR0_BIT(35) | \
			 GR0_BIT(40) | GR0_BIT(41))

/**
 * struct insn - an instruction being executed
 * @regs: the registers
 * @what: which one
 * @fc: how it is done
 * @gr0: GR0 at the beginning
 * @r1: its first register operand
 * @r2: its second register operand
 * @apqn: the queue it names
 * @addr: NQAP, DQAP: where the operand begins
 * @len: NQAP, DQAP: its length
 * @cc: 1 or 2 when it ends before it is done, then GR1 stays as it is
 * @psmid: for the log
 * @a: for the log
 * @b: for the log
 * @job: NQAP: the request
 * @reply: NQAP: its reply, when there is nothing to compute
 * @part: NQAP: room for a message whose first part was fetched, or NULL
 * @bin: buffers to be freed when the lock is dropped
 */
struct insn {
	struct pt_regs *regs;
	enum apsim_what what;
	const struct function *fc;
	unsigned long gr0;
	u8 r1;
	u8 r2;
	u16 apqn;
	unsigned long addr;
	unsigned long len;
	u8 cc;
	u64 psmid;
	u32 a;
	u32 b;
	struct apsim_job job;
	struct apsim_reply reply;
	u8 *part;
	struct apsim_bin bin;
};

/**
 * struct function - how an instruction, or a function of PQAP, is done
 * @what: its name
 * @reserved: bits of GR0 that must be zero
 * @count: which counter of the queue counts it
 * @on_queue: does the work and returns the response code; called with the
 *	queue's lock held and only when the queue can be used
 */
struct function {
	enum apsim_what what;
	unsigned long reserved;
	int count;
	u8 (*on_queue)(struct insn *in, struct apsim_queue *q);
};

static void log_insn(const struct insn *in, u32 status, u8 cc, u16 pgm,
		     const char *why)
{
	if (apsim_log_on) {
		struct apsim_rec rec = {
			.what = in->what,
			.card = in->what == APSIM_QCI || in->what == APSIM_PQAP ?
				APSIM_NO_CARD : in->apqn >> 8,
			.domain = in->what == APSIM_QCI || in->what == APSIM_PQAP ?
				  APSIM_NO_DOMAIN : in->apqn & 0xff,
			.psmid = in->psmid,
			.status = status,
			.cc = cc,
			.pgm = pgm,
			.why = why,
			.a = in->a,
			.b = in->b,
		};

		apsim_log_add(&rec);
	}
}

/* Ends an instruction with a program interruption. */
static int interruption(const struct insn *in, u16 pgm, const char *why)
{
	log_insn(in, 0, 0, pgm, why);
	return pgm;
}

static int specification(const struct insn *in, const char *why)
{
	return interruption(in, APSIM_PGM_SPECIFICATION, why);
}

static void set_cc(struct insn *in, u8 cc)
{
	psw_bits(in->regs->psw).cc = cc;
}

static void finish(struct insn *in, u32 status)
{
	u8 rc = status >> 16;
	u8 cc = rc || status & BIT(25) ? 3 : 0;

	in->regs->gprs[1] = status;
	set_cc(in, cc);
	log_insn(in, status, cc, 0, NULL);
}

/* ---- functions of PQAP ---- */

static u8 do_tapq(struct insn *in, struct apsim_queue *q)
{
	return APSIM_RC_NORMAL;
}

/* GR2 tells about the card with these codes and with an asynchronous error. */
static void tapq_info(struct insn *in, const struct apsim_queue *q, u8 rc)
{
	const struct apsim_type *type = q->card->type;
	u64 info = (u64)type->at << 24 | APSIM_MAX_DOMAINS << 16 |
		   (q->depth - 1);

	switch (rc) {
	case APSIM_RC_NORMAL:
	case APSIM_RC_RESETTING:
	case APSIM_RC_DECONFIGURED:
	case APSIM_RC_CHECKSTOPPED:
	case APSIM_RC_BUSY:
		break;
	default:
		if (!q->async)
			return;
	}
	if (in->gr0 & GR0_T)
		info |= (u64)type->fac << 32 | type->ml << 8;
	in->regs->gprs[2] = info;
}

static u8 do_reset(struct insn *in, struct apsim_queue *q)
{
	apsim_queue_reset(q, in->what, false, &in->bin);
	return APSIM_RC_NORMAL;
}

static u8 do_aqic(struct insn *in, struct apsim_queue *q)
{
	unsigned long ctrl = in->regs->gprs[1], nib = in->regs->gprs[2];
	bool on = ctrl & BIT(47);

	if (q->irq_change)
		return APSIM_RC_BUSY;
	if (on == q->irq_on)
		return on && !apsim_mem_byte_ok(nib) ? APSIM_RC_BAD_ADDRESS :
						       APSIM_RC_AS_IT_WAS;
	/* No guest of ours has a GISA: its format and its origin must be 0. */
	if (on && ctrl & (GENMASK(33, 32) | GENMASK(30, 4)))
		return APSIM_RC_BAD_GISA;
	if (on && !apsim_mem_byte_ok(nib))
		return APSIM_RC_BAD_ADDRESS;
	apsim_queue_set_irq(q, on, ctrl & 7, nib);
	return APSIM_RC_NORMAL;
}

/* Answers with the lower of the type asked for and the card's own. */
static u8 do_qact(struct insn *in, struct apsim_queue *q)
{
	const struct apsim_type *type = q->card->type;
	unsigned long want = in->regs->gprs[1];
	u8 mode = want >> 58 & 7, cat = want >> 24;

	if (mode != (type->fac >> 26 & 7) || cat < 10)
		cat = 0;
	in->a = min(cat, type->at);
	in->regs->gprs[2] = (want & ~(0xffUL << 24)) | (unsigned long)in->a << 24;
	return APSIM_RC_NORMAL;
}

static int exec_qci(struct insn *in)
{
	unsigned long addr = in->regs->gprs[2];
	u8 block[128];

	if (addr & 7)
		return specification(in, "alignment");
	apsim_qci(block);
	if (!apsim_mem_put(addr, block, sizeof(block)))
		return interruption(in, APSIM_PGM_ADDRESSING, "buffer");
	/* GR1 is not an operand: drivers count on its being left alone. */
	set_cc(in, 0);
	log_insn(in, 0, 0, 0, NULL);
	return 0;
}

/* ---- NQAP ---- */

static u32 to_segment_end(unsigned long addr, u32 len)
{
	return min_t(unsigned long, len, SEGMENT - (addr & (SEGMENT - 1)));
}

static void advance_operand(struct insn *in, unsigned long n)
{
	in->regs->gprs[in->r2] = in->addr + n;
	in->regs->gprs[in->r2 + 1] = in->len - n;
}

static void set_gr0_rest(struct insn *in, u32 rest)
{
	in->regs->gprs[0] = (u64)rest << 32 | (u32)in->gr0;
}

static u32 gr0_rest(const struct insn *in)
{
	return in->gr0 >> 32;
}

/* What stands in the way of a message of @total bytes. */
static u8 check_message(const struct insn *in, const struct apsim_queue *q,
			u32 total)
{
	if (!(in->gr0 & GR0_LAST))
		return APSIM_RC_NO_FACILITY;
	if (total > apsim_type_limit(q->card->type))
		return APSIM_RC_TOO_BIG;
	if (list_empty(&q->free))
		return APSIM_RC_FULL_OR_NONE;
	return APSIM_RC_NORMAL;
}

static u8 do_nqap(struct insn *in, struct apsim_queue *q)
{
	u8 rc = check_message(in, q, in->len + gr0_rest(in));

	if (rc)
		return rc;
	q->count[APSIM_C_NQAP_OK]++;
	apsim_queue_enqueue(q, in->psmid, &in->job, &in->reply);
	in->job.req = NULL;
	set_gr0_rest(in, 0);
	return APSIM_RC_NORMAL;
}

/*
 * An operand that goes on behind the end of a segment is taken in two parts,
 * cc 2 after the first.  The high word of GR0 then says how much was taken,
 * which tells the second part from a new message.
 */
static u8 do_nqap_first(struct insn *in, struct apsim_queue *q)
{
	u32 n = to_segment_end(in->addr, in->len);
	u8 rc = check_message(in, q, in->len);

	if (rc)
		return rc;
	apsim_bin_add(&in->bin, q->stage.buf);
	q->stage = (struct apsim_stage) {
		.buf = in->part,
		.psmid = in->psmid,
		.have = n,
		.len = in->len,
	};
	in->part = NULL;
	advance_operand(in, n);
	set_gr0_rest(in, n);
	in->cc = 2;
	return APSIM_RC_NORMAL;
}

/* Gets the first part of the message back, NULL when there is none. */
static u8 *take_stage(const struct insn *in, struct apsim_queue *q)
{
	struct apsim_stage *st = &q->stage;
	unsigned long flags;
	u8 *buf = NULL;

	raw_spin_lock_irqsave(&q->lock, flags);
	if (st->buf && st->psmid == in->psmid && st->have == gr0_rest(in) &&
	    st->len == st->have + in->len) {
		buf = st->buf;
		st->buf = NULL;
	}
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return buf;
}

/* ---- DQAP ---- */

/* Returns how much was stored; less than asked for on a bad address. */
static u32 store_reply(unsigned long addr, const struct apsim_reply *reply,
		       u32 from, u32 n)
{
	const u8 *piece;
	u32 done, len;

	for (done = 0; done < n; done += len) {
		len = min(apsim_reply_piece(reply, from + done, &piece),
			  n - done);
		if (!apsim_mem_put(addr + done, piece, len))
			break;
	}
	return done;
}

static void set_low_word(unsigned long *gpr, u32 val)
{
	*gpr = (*gpr & GENMASK(63, 32)) | val;
}

/*
 * A reply that does not fit is delivered in parts.  cc 1: the buffer is full;
 * cc 2: its segment is; both with GR1 left alone, the rest of the reply's
 * length in GR2 and in the high word of GR0, by which DQAP knows that the
 * entry is to be gone on with.  Without it the reply is delivered anew.  A fault
 * rule can make any part end early, with cc 2.
 */
static u8 do_dqap(struct insn *in, struct apsim_queue *q)
{
	struct apsim_entry *e = apsim_queue_pick(q);
	unsigned long *gprs = in->regs->gprs;
	u32 n, rest;

	if (!e)
		return gr0_rest(in) ? APSIM_RC_NO_FIRST_PART :
				      APSIM_RC_FULL_OR_NONE;
	if (!gr0_rest(in))
		e->sent = 0;
	else if (e != q->current_out || e->reply.len - e->sent != gr0_rest(in))
		return APSIM_RC_NO_FIRST_PART;
	n = min3(e->reply.len - e->sent, e->part, (u32)in->len);
	n = to_segment_end(in->addr, n);
	if (store_reply(in->addr, &e->reply, e->sent, n) != n) {
		in->cc = U8_MAX;	/* the buffer cannot be written */
		return APSIM_RC_NORMAL;
	}
	advance_operand(in, n);
	if (!e->endless)
		e->sent += n;
	rest = e->reply.len - e->sent;
	in->psmid = e->psmid;
	in->a = n;
	in->b = rest;
	set_low_word(&gprs[in->r1], e->psmid >> 32);
	set_low_word(&gprs[in->r1 + 1], e->psmid);
	gprs[2] = rest;
	set_gr0_rest(in, rest);
	if (rest) {
		q->current_out = e;
		in->cc = n == in->len ? 1 : 2;
		return APSIM_RC_NORMAL;
	}
	q->count[APSIM_C_DQAP_OK]++;
	q->last_psmid = e->psmid;
	apsim_entry_done(q, e, &in->bin);
	return APSIM_RC_NORMAL;
}

/* ---- what all instructions for a queue have in common ---- */

static u8 gate(const struct insn *in, const struct apsim_queue *q)
{
	bool reset = in->what == APSIM_RAPQ || in->what == APSIM_ZAPQ;

	if (q->unavailable)
		return q->unavailable;
	if (q->reset != APSIM_RESET_IDLE)
		return APSIM_RC_RESETTING;
	return reset ? 0 : q->async;
}

/* Returns true when a fault rule takes the place of the instruction. */
static bool is_faulty(struct insn *in, struct apsim_queue *q, u8 *rc)
{
	struct apsim_fault fault;

	/* NQAP's first part is out of the stage when the second one gets here */
	if (!apsim_fault_hit(q, in->what, in->psmid, gate(in, q) ||
			     (in->what == APSIM_NQAP && gr0_rest(in)), &fault))
		return false;
	if (fault.action == APSIM_DO_STUCK) {
		in->cc = 2;
		*rc = APSIM_RC_NORMAL;
		return true;
	}
	if (fault.action == APSIM_DO_HANG) {
		apsim_queue_reset(q, in->what, true, &in->bin);
		*rc = APSIM_RC_NORMAL;
		return true;
	}
	/* A reset would have cleared it, and so would a queue's going away. */
	if (fault.async && q->reset == APSIM_RESET_IDLE && !q->unavailable)
		q->async = fault.code;
	*rc = fault.code;
	return true;
}

static int run_locked(struct insn *in, struct apsim_queue *q)
{
	u8 rc;

	apsim_queue_advance(q, &in->bin);
	if (in->fc->count >= 0)
		q->count[in->fc->count]++;
	if (!is_faulty(in, q, &rc)) {
		rc = gate(in, q);
		if (!rc)
			rc = in->fc->on_queue(in, q);
	}
	if (in->cc == U8_MAX)
		return interruption(in, APSIM_PGM_ADDRESSING, "buffer");
	if (in->cc) {
		set_cc(in, in->cc);
		log_insn(in, in->regs->gprs[1], in->cc, 0, NULL);
		return 0;
	}
	if (in->what == APSIM_TAPQ)
		tapq_info(in, q, rc);
	finish(in, apsim_queue_status(q, rc));
	/* What is due at once follows in the log, it does not precede. */
	apsim_queue_advance(q, &in->bin);
	apsim_queue_settle(q);
	return 0;
}

static int on_queue(struct insn *in, struct apsim_queue *q)
{
	unsigned long flags;
	int pgm;

	if (!q) {
		finish(in, APSIM_RC_NOT_AVAILABLE << 16);
		return 0;
	}
	raw_spin_lock_irqsave(&q->lock, flags);
	pgm = run_locked(in, q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&in->bin);
	return pgm;
}

/* ---- decoding ---- */

static const struct function pqap_functions[] = {
	[0] = { APSIM_TAPQ, PQAP_RESERVED, APSIM_C_TAPQ, do_tapq },
	[1] = { APSIM_RAPQ, PQAP_RESERVED & ~GR0_F, APSIM_C_RAPQ, do_reset },
	[2] = { APSIM_ZAPQ, PQAP_RESERVED & ~GR0_F, APSIM_C_ZAPQ, do_reset },
	[3] = { APSIM_AQIC, PQAP_RESERVED, APSIM_C_AQIC, do_aqic },
	[4] = { APSIM_QCI, PQAP_RESERVED, -1, NULL },
	[5] = { APSIM_QACT, PQAP_RESERVED & ~GR0_F, -1, do_qact },
	[6] = { APSIM_PQAP, 0, -1, NULL },
	/* only in secure guests, which this is not */
	[7] = { APSIM_BAPQ, 0, -1, NULL },
	[8] = { APSIM_AAPQ, 0, -1, NULL },
};

static const struct function nqap_function = {
	APSIM_NQAP, NQAP_RESERVED, APSIM_C_NQAP, do_nqap
};

static const struct function dqap_function = {
	APSIM_DQAP, DQAP_RESERVED, APSIM_C_DQAP, do_dqap
};

static const struct function nqap_first_function = {
	APSIM_NQAP, NQAP_RESERVED, APSIM_C_NQAP, do_nqap_first
};

static bool is_installed(const struct function *fc)
{
	if (fc->what == APSIM_AQIC)
		return apsim_knob(APSIM_KNOB_IRQ);
	return fc->on_queue || fc->what == APSIM_QCI;
}

static void pqap_log_details(struct insn *in)
{
	if (in->what == APSIM_TAPQ) {
		in->a = !!(in->gr0 & GR0_T);
	} else if (in->what == APSIM_AQIC) {
		in->a = !!(in->regs->gprs[1] & BIT(47));
		in->b = in->regs->gprs[1] & 7;
	} else {
		in->a = !!(in->gr0 & GR0_F);
	}
}

static int exec_pqap(struct insn *in)
{
	u32 fc = in->gr0 >> 24 & 0xff;

	in->what = APSIM_PQAP;
	if (fc >= ARRAY_SIZE(pqap_functions))
		return specification(in, "function code");
	in->fc = &pqap_functions[fc];
	in->what = in->fc->what;
	if (!is_installed(in->fc))
		return specification(in, "function code");
	if (in->gr0 & in->fc->reserved)
		return specification(in, "GR0");
	if (in->what == APSIM_QCI)
		return exec_qci(in);
	pqap_log_details(in);
	return on_queue(in, apsim_queue_get(in->apqn));
}

/* Exceptions of NQAP and DQAP; they come before anything about the queue. */
static const char *check_operands(const struct insn *in)
{
	if (in->r1 & 1)
		return "first register odd";
	if (in->r2 & 1)
		return "second register odd";
	if (in->gr0 & in->fc->reserved)
		return "GR0";
	if (!in->len)
		return "length 0";
	if (in->len > apsim_max_message())
		return "length over limit";
	return NULL;
}

static int decode_operands(struct insn *in, const struct function *fc)
{
	const char *wrong;

	in->fc = fc;
	in->what = fc->what;
	/* An odd register is found out below; it must not lead to GR16. */
	in->addr = in->regs->gprs[in->r2 & ~1];
	in->len = in->regs->gprs[in->r2 | 1];
	wrong = check_operands(in);
	return wrong ? specification(in, wrong) : 0;
}

static int exec_dqap(struct insn *in)
{
	int pgm = decode_operands(in, &dqap_function);

	return pgm ?: on_queue(in, apsim_queue_get(in->apqn));
}

static int nqap_first_part(struct insn *in, struct apsim_queue *q)
{
	u32 n = to_segment_end(in->addr, in->len);
	int pgm;

	in->part = kmalloc(in->len, GFP_ATOMIC | __GFP_NOWARN);
	if (!in->part) {
		finish(in, APSIM_RC_BUSY << 16);
		return 0;
	}
	if (apsim_mem_get(in->part, in->addr, n)) {
		in->fc = &nqap_first_function;
		pgm = on_queue(in, q);
	} else {
		pgm = interruption(in, APSIM_PGM_ADDRESSING, "message");
	}
	kfree_sensitive(in->part);
	return pgm;
}

/* Makes in->job of the whole message; false when it cannot be read. */
static bool fetch_message(struct insn *in, struct apsim_queue *q, u8 *stage)
{
	u32 have = gr0_rest(in);
	unsigned long addr = in->addr;

	if (stage) {
		if (!apsim_mem_get(stage + have, addr, in->len))
			return false;
		addr = (unsigned long)stage;
	}
	return !apsim_msg_take(&in->job, &in->reply, q->card->type->mode, addr,
			       in->len + have);
}

static int nqap_to_queue(struct insn *in, struct apsim_queue *q)
{
	u8 *stage = NULL;
	int pgm;

	if (gr0_rest(in)) {
		stage = take_stage(in, q);
		if (!stage) {
			finish(in, APSIM_RC_NO_FIRST_PART << 16);
			return 0;
		}
	} else if (to_segment_end(in->addr, in->len) < in->len) {
		return nqap_first_part(in, q);
	}
	if (fetch_message(in, q, stage)) {
		in->a = in->len + gr0_rest(in);
		in->b = in->job.type;
		pgm = on_queue(in, q);
		/* not taken: the queue was full, or worse */
		kfree_sensitive(in->job.req);
	} else {
		pgm = interruption(in, APSIM_PGM_ADDRESSING, "message");
	}
	kfree_sensitive(stage);
	return pgm;
}

static int exec_nqap(struct insn *in)
{
	const unsigned long *gprs = in->regs->gprs;
	int pgm = decode_operands(in, &nqap_function);
	struct apsim_queue *q;

	if (pgm)
		return pgm;
	in->psmid = gprs[in->r1] << 32 | (u32)gprs[in->r1 + 1];
	in->a = in->len;
	q = apsim_queue_get(in->apqn);
	return q ? nqap_to_queue(in, q) : on_queue(in, NULL);
}

/**
 * apsim_execute() - do an AP instruction
 * @regs: registers, PSW behind the instruction; changed as it says
 * @insn: the instruction's four bytes
 *
 * Context: any; takes no lock that a caller of AP instructions could hold.
 * Return: 0 when done, otherwise the code of the program interruption it
 *	ends with, or -ENOENT when it is none of ours
 */
int apsim_execute(struct pt_regs *regs, u32 insn)
{
	struct insn in = {
		.regs = regs,
		.gr0 = regs->gprs[0],
		.apqn = regs->gprs[0],
		.r1 = insn >> 4 & 0xf,
		.r2 = insn & 0xf,
	};
	int (*exec)(struct insn *in);

	switch (insn >> 16) {
	case OP_PQAP:
		in.what = APSIM_PQAP;
		exec = exec_pqap;
		break;
	case OP_NQAP:
		in.what = APSIM_NQAP;
		exec = exec_nqap;
		break;
	case OP_DQAP:
		in.what = APSIM_DQAP;
		exec = exec_dqap;
		break;
	default:
		return -ENOENT;
	}
	if (user_mode(regs))
		return interruption(&in, APSIM_PGM_PRIVILEGED, "problem state");
	return exec(&in);
}
EXPORT_SYMBOL_GPL(apsim_execute);
