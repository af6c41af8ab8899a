// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the tables of ap_queue.c: what is promised for all answers and
 * all states is checked for all of them.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "ap_priv.h"

#define ST_EMPTY	BIT(0)
#define ST_IRQ		BIT(1)
#define ST_ASYNC	BIT(2)
#define NR_ST		8

static struct ap_queue_status make_status(unsigned int rc, unsigned int st)
{
	return (struct ap_queue_status) {
		.response_code = rc,
		.queue_empty = !!(st & ST_EMPTY),
		.irq_enabled = !!(st & ST_IRQ),
		.async = !!(st & ST_ASYNC),
	};
}

static bool is_zero_state(unsigned int state)
{
	return state == AP_STATE_ZERO_START || state == AP_STATE_ZERO_BUSY ||
	       state == AP_STATE_ZERO_WAIT;
}

/* A row of the table, as somebody would say it */
struct expected {
	const char *name;
	enum ap_insn insn;
	u8 rc;
	u8 st;
	unsigned int next;
	enum ap_fate fate;
	enum ap_look look;
};

#define EXPECT(_insn, _rc, _st, _next, _fate, _look) { \
	.name = #_insn " " #_rc " " #_st, .insn = AP_INSN_##_insn, \
	.rc = 0x##_rc, .st = _st, .next = AP_STATE_##_next, \
	.fate = AP_FATE_##_fate, .look = AP_LOOK_##_look, }

static const struct expected expected[] = {
	EXPECT(NQAP, 00, 0, READY, SENT, REPLY),
	EXPECT(NQAP, 01, 0, DOUBT, NONE, LATER),
	EXPECT(NQAP, 02, 0, RESET_WAIT, NONE, RESET),
	EXPECT(NQAP, 03, 0, DOUBT, NONE, LATER),
	EXPECT(NQAP, 04, 0, DOUBT, NONE, LATER),
	EXPECT(NQAP, 05, 0, QUEUE_FULL, NONE, LATER),
	EXPECT(NQAP, 0A, 0, QUEUE_FULL, NONE, LATER),
	EXPECT(NQAP, 10, 0, QUEUE_FULL, NONE, REPLY),
	EXPECT(NQAP, 15, 0, KEEP, REFUSED, NOW),
	EXPECT(NQAP, 16, 0, KEEP, REFUSED, NOW),
	EXPECT(NQAP, 42, 0, KEEP, REFUSED, NOW),
	EXPECT(NQAP, 33, ST_ASYNC, DOUBT, NONE, LATER),
	EXPECT(NQAP, 02, ST_ASYNC, DOUBT, NONE, LATER),
	EXPECT(DQAP, 00, 0, READY, RECEIVED, NOW),
	EXPECT(DQAP, 00, ST_EMPTY, READY, RECEIVED, NOW),
	EXPECT(DQAP, 01, 0, DOUBT, NONE, LATER),
	EXPECT(DQAP, 02, ST_EMPTY, RESET_WAIT, NONE, RESET),
	EXPECT(DQAP, 03, 0, DOUBT, NONE, LATER),
	EXPECT(DQAP, 04, 0, DOUBT, NONE, LATER),
	EXPECT(DQAP, 05, 0, KEEP, NONE, LATER),
	EXPECT(DQAP, 0A, 0, KEEP, NONE, LATER),
	EXPECT(DQAP, 10, 0, READY, NONE, REPLY),
	EXPECT(DQAP, 10, ST_EMPTY, READY, LOST, REPLY),
	EXPECT(RAPQ, 00, 0, RESET_WAIT, NONE, RESET),
	EXPECT(RAPQ, 02, 0, RESET_WAIT, NONE, RESET),
	EXPECT(RAPQ, 05, 0, KEEP, NONE, RESET),
	EXPECT(RAPQ, 0A, 0, KEEP, NONE, RESET),
	EXPECT(RAPQ, 01, 0, DOUBT, NONE, LATER),
	EXPECT(RAPQ, 03, 0, DOUBT, NONE, LATER),
	EXPECT(RAPQ, 04, 0, DOUBT, NONE, LATER),
	EXPECT(TAPQ_RESET, 00, ST_EMPTY, READY, NONE, NOW),
	EXPECT(TAPQ_RESET, 02, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_RESET, 05, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_RESET, 03, 0, DOUBT, NONE, LATER),
	EXPECT(TAPQ_RESET, 04, 0, DOUBT, NONE, LATER),
	EXPECT(AQIC, 00, 0, SETIRQ_WAIT, NONE, NOW),
	EXPECT(AQIC, 07, ST_IRQ, SETIRQ_WAIT, NONE, NOW),
	EXPECT(AQIC, 02, 0, RESET_WAIT, NONE, RESET),
	EXPECT(AQIC, 05, 0, SETIRQ_WAIT, NONE, RESET),
	EXPECT(AQIC, 06, 0, READY, NONE, NOW),
	EXPECT(AQIC, 08, 0, READY, NONE, NOW),
	EXPECT(AQIC, 0B, 0, READY, NONE, NOW),
	EXPECT(AQIC, 16, 0, READY, NONE, NOW),
	EXPECT(AQIC, 77, 0, DOUBT, NONE, LATER),
	EXPECT(AQIC, 03, 0, DOUBT, NONE, LATER),
	EXPECT(TAPQ_IRQ, 00, ST_IRQ, READY, NONE, NOW),
	EXPECT(TAPQ_IRQ, 00, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_IRQ, 02, 0, RESET_WAIT, NONE, RESET),
	EXPECT(TAPQ_IRQ, 05, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_IRQ, 04, 0, DOUBT, NONE, LATER),
	EXPECT(TAPQ_ASSOC, 00, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_ASSOC, 02, 0, RESET_WAIT, NONE, RESET),
	EXPECT(TAPQ_ASSOC, 36, ST_ASYNC, DOUBT, NONE, LATER),
	EXPECT(ZAPQ, 00, 0, ZERO_WAIT, NONE, NOW),
	EXPECT(ZAPQ, 0B, 0, ZERO_BUSY, NONE, RESET),
	EXPECT(ZAPQ, 02, 0, ZERO_BUSY, NONE, RESET),
	EXPECT(ZAPQ, 05, 0, ZERO_BUSY, NONE, RESET),
	EXPECT(ZAPQ, 0A, 0, ZERO_BUSY, NONE, RESET),
	EXPECT(ZAPQ, 01, 0, UNCLEAN, NONE, NONE),
	EXPECT(ZAPQ, 03, 0, UNCLEAN, NONE, NONE),
	EXPECT(ZAPQ, 04, 0, UNCLEAN, NONE, NONE),
	EXPECT(ZAPQ, 77, 0, ZERO_BUSY, NONE, RESET),
	EXPECT(TAPQ_BUSY, 00, 0, ZERO_START, NONE, NOW),
	EXPECT(TAPQ_BUSY, 02, 0, KEEP, NONE, RESET),
	EXPECT(TAPQ_BUSY, 36, ST_ASYNC, ZERO_START, NONE, RESET),
	EXPECT(TAPQ_BUSY, 03, 0, UNCLEAN, NONE, NONE),
	EXPECT(TAPQ_ZERO, 00, ST_EMPTY, UNBOUND, NONE, NONE),
	EXPECT(TAPQ_ZERO, 00, 0, ZERO_START, NONE, RESET),
	EXPECT(TAPQ_ZERO, 00, ST_EMPTY | ST_IRQ, ZERO_START, NONE, RESET),
	EXPECT(TAPQ_ZERO, 02, ST_EMPTY, KEEP, NONE, RESET),
	EXPECT(TAPQ_ZERO, 05, ST_EMPTY, KEEP, NONE, RESET),
	EXPECT(TAPQ_ZERO, 0A, ST_EMPTY, KEEP, NONE, RESET),
	EXPECT(TAPQ_ZERO, 01, ST_EMPTY, UNCLEAN, NONE, NONE),
	EXPECT(TAPQ_ZERO, 03, ST_EMPTY, UNCLEAN, NONE, NONE),
	EXPECT(TAPQ_ZERO, 04, ST_EMPTY, UNCLEAN, NONE, NONE),
	EXPECT(TAPQ_ZERO, 77, ST_EMPTY, KEEP, NONE, RESET),
	EXPECT(TAPQ_ZERO, 33, ST_EMPTY | ST_ASYNC, ZERO_START, NONE, RESET),
};

static void expected_desc(const struct expected *e, char *desc)
{
	strscpy(desc, e->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(expected, expected, expected_desc);

static void answer_is_as_expected(struct kunit *test)
{
	const struct expected *e = test->param_value;
	const struct ap_answer *row;

	row = ap_answer_find(e->insn, make_status(e->rc, e->st));
	KUNIT_EXPECT_EQ(test, row->next, e->next);
	KUNIT_EXPECT_EQ(test, row->fate, e->fate);
	KUNIT_EXPECT_EQ(test, row->look, e->look);
}

typedef void check_fn_t(struct kunit *test, enum ap_insn insn, unsigned int rc,
			unsigned int st, const struct ap_answer *row);

/* Calls @check for every answer that the firmware can give to anything */
static void visit_answers(struct kunit *test, check_fn_t *check)
{
	unsigned int insn, rc, st;

	for (insn = 0; insn < NR_AP_INSNS; insn++)
		for (rc = 0; rc < 256; rc++)
			for (st = 0; st < NR_ST; st++)
				check(test, insn, rc, st,
				      ap_answer_find(insn, make_status(rc, st)));
}

/* Reset, or at last out of order */
static bool can_be_in_doubt(unsigned int from)
{
	return ap_state_may_follow(from, AP_STATE_ERROR) &&
	       (from == AP_STATE_RESET_START ||
		ap_state_may_follow(from, AP_STATE_RESET_START));
}

static void check_next(struct kunit *test, enum ap_insn insn, unsigned int rc,
		       unsigned int st, const struct ap_answer *row)
{
	unsigned int states = ap_insn_states(insn), from;

	if (row->next == AP_STATE_DOUBT) {
		for (from = 0; from < NR_AP_STATES; from++)
			if (states & BIT(from))
				KUNIT_EXPECT_TRUE(test, can_be_in_doubt(from));
		return;
	}
	if (row->next >= NR_AP_STATES)	/* KEEP and READY: see below */
		return;
	for (from = 0; from < NR_AP_STATES; from++)
		if (states & BIT(from) && from != row->next)
			KUNIT_EXPECT_TRUE_MSG(test,
					      ap_state_may_follow(from, row->next),
					      "insn %d rc %02x st %x: %s -> %s",
					      insn, rc, st, ap_state_name(from),
					      ap_state_name(row->next));
}

/* No answer leads where the state table does not let it */
static void answers_follow_states(struct kunit *test)
{
	visit_answers(test, check_next);
}

static void check_wait(struct kunit *test, enum ap_insn insn, unsigned int rc,
		       unsigned int st, const struct ap_answer *row)
{
	bool rests = row->next == AP_STATE_UNCLEAN ||
		     row->next == AP_STATE_UNBOUND;

	KUNIT_EXPECT_EQ_MSG(test, row->look == AP_LOOK_NONE, rests,
			    "insn %d rc %02x st %x", insn, rc, st);
	/* At once only where a message or a state has been got rid of */
	if (row->look == AP_LOOK_NOW)
		KUNIT_EXPECT_TRUE_MSG(test,
				      row->next != AP_STATE_KEEP ||
				      row->fate == AP_FATE_REFUSED,
				      "insn %d rc %02x st %x", insn, rc, st);
}

/* No answer leaves a queue waiting with nobody to look at it, or in a loop */
static void answers_go_on(struct kunit *test)
{
	visit_answers(test, check_wait);
}

static void check_clean(struct kunit *test, enum ap_insn insn, unsigned int rc,
			unsigned int st, const struct ap_answer *row)
{
	/* with response code 00 no error is pending, whatever the async bit */
	bool proof = insn == AP_INSN_TAPQ_ZERO && rc == AP_RESPONSE_NORMAL &&
		     st & ST_EMPTY && !(st & ST_IRQ);

	KUNIT_EXPECT_EQ_MSG(test, row->next == AP_STATE_UNBOUND, proof,
			    "insn %d rc %02x st %x", insn, rc, st);
}

/* R5: one answer proves a queue clean, and it alone */
static void only_proof_unbinds(struct kunit *test)
{
	unsigned int from;

	visit_answers(test, check_clean);
	for (from = 0; from < NR_AP_STATES; from++)
		KUNIT_EXPECT_EQ_MSG(test,
				    ap_state_may_follow(from, AP_STATE_UNBOUND),
				    from == AP_STATE_ZERO_WAIT, "from %s",
				    ap_state_name(from));
}

static void check_async(struct kunit *test, enum ap_insn insn, unsigned int rc,
			unsigned int st, const struct ap_answer *row)
{
	if (!(st & ST_ASYNC) || !rc)
		return;
	/* only a reset ends it */
	KUNIT_EXPECT_TRUE_MSG(test,
			      row->next == AP_STATE_DOUBT ||
			      is_zero_state(row->next) ||
			      (insn == AP_INSN_ZAPQ && row->next == AP_STATE_ZERO_BUSY),
			      "insn %d rc %02x st %x next %d", insn, rc, st,
			      row->next);
}

static void async_errors_end_in_a_reset(struct kunit *test)
{
	visit_answers(test, check_async);
}

static void check_undefined(struct kunit *test, enum ap_insn insn,
			    unsigned int rc, unsigned int st,
			    const struct ap_answer *row)
{
	static const u8 undefined[] = { 0x0C, 0x1F, 0x77, 0xFE, 0xFF };

	if (st & ST_ASYNC || !memchr(undefined, rc, sizeof(undefined)))
		return;
	KUNIT_EXPECT_TRUE_MSG(test, row->odd, "insn %d rc %02x", insn, rc);
	KUNIT_EXPECT_EQ_MSG(test, row->fate, AP_FATE_NONE, "insn %d rc %02x",
			    insn, rc);
	/* fail closed: broken, or not clean until shown otherwise */
	KUNIT_EXPECT_TRUE_MSG(test,
			      row->next == AP_STATE_DOUBT ||
			      is_zero_state(row->next) ||
			      (row->next == AP_STATE_KEEP &&
			       (insn == AP_INSN_TAPQ_BUSY ||
				insn == AP_INSN_TAPQ_ZERO)),
			      "insn %d rc %02x", insn, rc);
}

static void undefined_codes_are_errors(struct kunit *test)
{
	visit_answers(test, check_undefined);
}

static void check_fate(struct kunit *test, enum ap_insn insn, unsigned int rc,
		       unsigned int st, const struct ap_answer *row)
{
	bool sent = insn == AP_INSN_NQAP && !rc;
	bool received = insn == AP_INSN_DQAP && !rc;
	bool lost = insn == AP_INSN_DQAP && st & ST_EMPTY &&
		    rc == AP_RESPONSE_NO_PENDING_REPLY && !(st & ST_ASYNC);

	KUNIT_EXPECT_EQ(test, row->fate == AP_FATE_SENT, sent);
	KUNIT_EXPECT_EQ(test, row->fate == AP_FATE_RECEIVED, received);
	KUNIT_EXPECT_EQ(test, row->fate == AP_FATE_LOST, lost);
	if (row->fate == AP_FATE_REFUSED)
		KUNIT_EXPECT_EQ(test, insn, AP_INSN_NQAP);
}

/* R2: a message is the card's, or handed back, where the answer says so */
static void messages_have_one_fate(struct kunit *test)
{
	visit_answers(test, check_fate);
}

/* The removal: from every bound state, through the reset, to UNBOUND only */
static void removal_has_one_way(struct kunit *test)
{
	unsigned int s;

	for (s = 0; s < NR_AP_STATES; s++) {
		KUNIT_EXPECT_EQ_MSG(test,
				    ap_state_may_follow(s, AP_STATE_REMOVE),
				    ap_state_bound(s), "%s", ap_state_name(s));
		KUNIT_EXPECT_EQ_MSG(test,
				    ap_state_may_follow(AP_STATE_REMOVE, s),
				    s == AP_STATE_ZERO_START, "%s",
				    ap_state_name(s));
		KUNIT_EXPECT_EQ_MSG(test,
				    ap_state_may_follow(s, AP_STATE_BOUND),
				    s == AP_STATE_UNBOUND, "%s",
				    ap_state_name(s));
		/* to a driver, or through the reset once more */
		KUNIT_EXPECT_EQ_MSG(test,
				    ap_state_may_follow(AP_STATE_UNBOUND, s),
				    s == AP_STATE_BOUND ||
				    s == AP_STATE_ZERO_START, "%s",
				    ap_state_name(s));
		/* what is not bound never comes back to work by itself */
		if (!ap_state_bound(s) && s != AP_STATE_UNBOUND)
			KUNIT_EXPECT_FALSE_MSG(test,
					       ap_state_may_follow(s, AP_STATE_RESET_START),
					       "%s", ap_state_name(s));
	}
}

/* The bus works a queue with these, and so not in the states of phase 3 */
static void silent_states_are_silent(struct kunit *test)
{
	unsigned int insn, s;

	for (insn = 0; insn < NR_AP_INSNS; insn++) {
		bool zero = insn == AP_INSN_ZAPQ || insn == AP_INSN_TAPQ_BUSY ||
			    insn == AP_INSN_TAPQ_ZERO;

		for (s = 0; s < NR_AP_STATES; s++)
			if (ap_insn_states(insn) & BIT(s))
				KUNIT_EXPECT_EQ_MSG(test, is_zero_state(s), zero,
						    "insn %d in %s", insn,
						    ap_state_name(s));
		KUNIT_EXPECT_FALSE(test, ap_insn_states(insn) &
				   (BIT(AP_STATE_UNBOUND) | BIT(AP_STATE_BOUND) |
				    BIT(AP_STATE_ERROR) | BIT(AP_STATE_REMOVE) |
				    BIT(AP_STATE_UNCLEAN)));
	}
}

static void every_state_has_a_name(struct kunit *test)
{
	unsigned int a, b;

	for (a = 0; a < NR_AP_STATES; a++)
		for (b = 0; b < a; b++)
			KUNIT_EXPECT_STRNEQ(test, ap_state_name(a),
					    ap_state_name(b));
}

/*
 * Who chooses a queue reads its card under RCU, without a reference. Memory that
 * was freed is what the next allocation of its size gets.
 */
static void card_outlives_its_readers(struct kunit *test)
{
	struct ap_tapq_hwinfo hwinfo = {};
	struct ap_card *ac = ap_card_create(7, hwinfo, AP_DEVICE_TYPE_CEX8);
	void *next;

	KUNIT_ASSERT_NOT_NULL(test, ac);
	device_initialize(&ac->ap_dev.device);
	rcu_read_lock();
	put_device(&ac->ap_dev.device);
	next = kzalloc(sizeof(*ac), GFP_ATOMIC);
	KUNIT_EXPECT_PTR_NE(test, next, (void *)ac);
	KUNIT_EXPECT_EQ(test, ac->id, 7);
	rcu_read_unlock();
	kfree(next);
}

/* When polling looks first is learned from when replies have come */
static void polling_learns(struct kunit *test)
{
	struct ap_queue *aq = kunit_kzalloc(test, sizeof(*aq), GFP_KERNEL);
	struct ap_card *ac = kunit_kzalloc(test, sizeof(*ac), GFP_KERNEL);
	struct ap_message msg = { .kind = 2 };

	KUNIT_ASSERT_NOT_NULL(test, aq);
	KUNIT_ASSERT_NOT_NULL(test, ac);
	spin_lock_init(&aq->lock);
	aq->card = ac;
	spin_lock_bh(&aq->lock);
	/* the first time */
	aq->poll_start = ktime_get_ns() - NSEC_PER_MSEC;
	aq->late = true;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_GE(test, ac->reply_ns[2], NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, ac->reply_ns[1], 0);

	/* when it was looked for: a little earlier next time */
	ac->reply_ns[2] = 128000;
	aq->late = false;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_EQ(test, ac->reply_ns[2], 127000);

	/* later than that: halfway, and never longer than a second */
	ac->reply_ns[2] = 1000;
	aq->late = true;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_GE(test, ac->reply_ns[2], NSEC_PER_MSEC / 2);
	aq->poll_start = ktime_get_ns() - 10 * NSEC_PER_SEC;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_EQ(test, ac->reply_ns[2], NSEC_PER_SEC);

	/* much earlier than known */
	aq->poll_start = ktime_get_ns();
	aq->late = false;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_LT(test, ac->reply_ns[2], NSEC_PER_SEC / 2);

	/* a kind that nobody knows is one of those that are known */
	msg.kind = AP_MSG_KINDS + 1;
	ac->reply_ns[1] = 256;
	aq->poll_start = ktime_get_ns() - NSEC_PER_MSEC;
	ap_poll_learn(aq, &msg);
	KUNIT_EXPECT_EQ(test, ac->reply_ns[1], 254);
	spin_unlock_bh(&aq->lock);
}

static struct kunit_case ap_queue_cases[] = {
	KUNIT_CASE_PARAM(answer_is_as_expected, expected_gen_params),
	KUNIT_CASE(answers_follow_states),
	KUNIT_CASE(answers_go_on),
	KUNIT_CASE(only_proof_unbinds),
	KUNIT_CASE(async_errors_end_in_a_reset),
	KUNIT_CASE(undefined_codes_are_errors),
	KUNIT_CASE(messages_have_one_fate),
	KUNIT_CASE(removal_has_one_way),
	KUNIT_CASE(silent_states_are_silent),
	KUNIT_CASE(every_state_has_a_name),
	KUNIT_CASE(card_outlives_its_readers),
	KUNIT_CASE(polling_learns),
	{}
};

static struct kunit_suite ap_queue_suite = {
	.name = "ap_queue",
	.test_cases = ap_queue_cases,
};

kunit_test_suite(ap_queue_suite);
