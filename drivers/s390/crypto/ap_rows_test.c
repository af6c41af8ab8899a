// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests that carry out the tables of ap_queue.c: each row for an answer in
 * each state in which it can come, each change of state, and each clock, on a
 * queue that no card is behind. What the rows must say is in ap_queue_test.c;
 * here it is whether what they say is done.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "ap_compat.h"
#include "ap_priv.h"

#define QD	7	/* depth less one */
#define NR_ST	8	/* combinations of what a row may ask for besides the code */

/* A queue with a message at the card and one that waits */
struct rows_queue {
	struct ap_queue aq;
	struct ap_card ac;
	struct ap_message sent;
	struct ap_message waiting;
	struct ap_message reply;
	u8 buf[8];
};

static void take(struct ap_queue *aq, struct ap_message *msg,
		 struct ap_message *reply)
{
	msg->response.type++;
}

static bool has_sent(unsigned int state)
{
	return state == AP_STATE_WORKING || state == AP_STATE_QUEUE_FULL;
}

static bool resetting(unsigned int state)
{
	return state == AP_STATE_RESET_START || state == AP_STATE_RESET_WAIT;
}

static void put_message(struct list_head *list, struct ap_message *msg,
			enum ap_msg_stage stage, unsigned long psmid)
{
	*msg = (struct ap_message) {
		.stage = stage, .psmid = psmid, .receive = take,
	};
	list_add_tail(&msg->list, list);
}

static enum hrtimer_restart look_expired(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

static void put_queue(struct rows_queue *rq, enum ap_state state)
{
	struct ap_queue *aq = &rq->aq;

	memset(rq, 0, sizeof(*rq));
	rq->ac.hwinfo.qd = QD;
	spin_lock_init(&aq->lock);
	hrtimer_setup(&aq->look, look_expired, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
	INIT_LIST_HEAD(&aq->pendingq);
	INIT_LIST_HEAD(&aq->requestq);
	aq->ap_dev.device.init_name = "KUnit";
	aq->card = &rq->ac;
	aq->state = state;
	aq->clock_start = ktime_get_ns();
	aq->recovery_start = aq->clock_start;
	put_message(&aq->requestq, &rq->waiting, AP_MSG_REQUESTQ, 2);
	aq->requestq_count = 1;
	if (has_sent(state)) {
		put_message(&aq->pendingq, &rq->sent, AP_MSG_PENDINGQ, 1);
		aq->pendingq_count = 1;
		aq->queue_count = state == AP_STATE_WORKING ? 1 : QD + 1;
	}
	rq->reply = (struct ap_message) {
		.psmid = 1, .msg = rq->buf, .bufsize = sizeof(rq->buf),
		.len = sizeof(rq->buf),
	};
	aq->reply = &rq->reply;
}

/* A queue that is out of order, or not clean, has itself looked at again */
static void expect_look_again(struct kunit *test, struct rows_queue *rq,
			      const char *name)
{
	struct ap_queue *aq = &rq->aq;

	hrtimer_cancel(&aq->look);
	KUNIT_EXPECT_EQ_MSG(test, aq->heal_ms > 0,
			    aq->state == AP_STATE_ERROR ||
			    aq->state == AP_STATE_UNCLEAN, "from %s", name);
}

static struct rows_queue *new_queue(struct kunit *test)
{
	struct rows_queue *rq = kunit_kzalloc(test, sizeof(*rq), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rq);
	return rq;
}

/* Handed back once with @rc; or, with @rc 1, not at all */
static void expect_message(struct kunit *test, const struct ap_message *msg,
			   int rc, const char *which, const char *state)
{
	KUNIT_EXPECT_EQ_MSG(test, msg->response.type, rc <= 0, "%s, from %s",
			    which, state);
	if (rc > 0)
		return;
	KUNIT_EXPECT_EQ_MSG(test, msg->rc, rc, "%s, from %s", which, state);
	KUNIT_EXPECT_EQ_MSG(test, msg->stage, AP_MSG_RECEIVED, "%s, from %s",
			    which, state);
}

/*
 * Rows for answers.
 */
struct row_param {
	enum ap_insn insn;
	const struct ap_answer *row;
};

static const char * const insn_names[NR_AP_INSNS] = {
	[AP_INSN_NQAP] = "NQAP",
	[AP_INSN_DQAP] = "DQAP",
	[AP_INSN_RAPQ] = "RAPQ",
	[AP_INSN_TAPQ_RESET] = "TAPQ in a reset",
	[AP_INSN_AQIC] = "AQIC",
	[AP_INSN_TAPQ_IRQ] = "TAPQ after AQIC",
	[AP_INSN_TAPQ_ASSOC] = "TAPQ after AAPQ",
	[AP_INSN_ZAPQ] = "ZAPQ",
	[AP_INSN_TAPQ_BUSY] = "TAPQ before ZAPQ",
	[AP_INSN_TAPQ_ZERO] = "TAPQ after ZAPQ",
};

static bool is_last_row(const struct ap_answer *row)
{
	return row->rc == AP_RC_ANY && row->when == AP_WHEN_ALWAYS;
}

static const void *next_row(AP_KUNIT_GEN_ARGS)
{
	static struct row_param at;

	if (!prev)
		at = (struct row_param) { 0, ap_insn_answers(0) };
	else if (!is_last_row(at.row))
		at.row++;
	else if (++at.insn < NR_AP_INSNS)
		at.row = ap_insn_answers(at.insn);
	else
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, row %td", insn_names[at.insn],
		 at.row - ap_insn_answers(at.insn) + 1);
	return &at;
}

static struct ap_queue_status status_of(unsigned int rc, unsigned int st)
{
	return (struct ap_queue_status) {
		.response_code = rc,
		.queue_empty = st & 1,
		.irq_enabled = !!(st & 2),
		.async = !!(st & 4),
	};
}

/* The first answer that the row is for; a row without one would be dead */
static bool find_answer(const struct row_param *p, struct ap_queue_status *status)
{
	unsigned int rc, st;

	for (st = 0; st < NR_ST; st++)
		for (rc = 0; rc < 256; rc++) {
			*status = status_of(rc, st);
			if (ap_answer_find(p->insn, *status) == p->row)
				return true;
		}
	return false;
}

static unsigned int ready_state(const struct ap_queue *aq)
{
	if (!aq->queue_count)
		return AP_STATE_IDLE;
	return aq->queue_count > QD ? AP_STATE_QUEUE_FULL : AP_STATE_WORKING;
}

/* A queue in doubt is reset; after too many doubts it is out of order */
static unsigned int state_after(const struct rows_queue *rq,
				const struct ap_answer *row, unsigned int from,
				bool doubted)
{
	switch (row->next) {
	case AP_STATE_KEEP:
		return from;
	case AP_STATE_READY:
		return ready_state(&rq->aq);
	case AP_STATE_DOUBT:
		return doubted ? AP_STATE_ERROR : AP_STATE_RESET_START;
	default:
		return row->next;
	}
}

/* What becomes of a message at the card */
static int sent_after(const struct ap_answer *row, unsigned int to)
{
	if (row->fate == AP_FATE_RECEIVED)
		return 0;
	if (row->fate == AP_FATE_LOST || to == AP_STATE_ERROR || resetting(to))
		return -EAGAIN;
	return 1;
}

/* And of the one that comes next */
static int waiting_after(const struct ap_answer *row, unsigned int to)
{
	if (row->fate == AP_FATE_REFUSED)
		return -EINVAL;
	return to == AP_STATE_ERROR ? -EAGAIN : 1;
}

static void carry_out(struct kunit *test, struct rows_queue *rq,
		      const struct row_param *p, struct ap_queue_status status,
		      unsigned int from, bool doubted)
{
	const struct ap_answer *row = p->row;
	const char *name = ap_state_name(from);
	struct ap_queue *aq = &rq->aq;
	enum ap_look look;
	unsigned int to;

	put_queue(rq, from);
	if (doubted) {
		aq->doubts = U8_MAX;
		aq->doubted = jiffies;
	}
	spin_lock_bh(&aq->lock);
	look = ap_queue_answer(aq, p->insn, status, 1);
	spin_unlock_bh(&aq->lock);

	expect_look_again(test, rq, name);
	KUNIT_EXPECT_EQ_MSG(test, look, row->look, "from %s", name);
	to = state_after(rq, row, from, doubted);
	KUNIT_EXPECT_EQ_MSG(test, aq->state, to, "from %s", name);
	KUNIT_EXPECT_EQ_MSG(test, aq->irq, !!status.irq_enabled, "from %s", name);
	if (has_sent(from))
		expect_message(test, &rq->sent, sent_after(row, to), "sent", name);
	expect_message(test, &rq->waiting, waiting_after(row, to), "waiting", name);
	KUNIT_EXPECT_EQ_MSG(test, rq->waiting.sent, row->fate == AP_FATE_SENT,
			    "from %s", name);
	if (row->next == AP_STATE_ERROR || row->next == AP_STATE_DOUBT)
		KUNIT_EXPECT_EQ(test, aq->last_err_rc, (int)status.response_code);
}

static void row_is_carried_out(struct kunit *test)
{
	const struct row_param *p = test->param_value;
	struct rows_queue *rq = new_queue(test);
	struct ap_queue_status status;
	unsigned int from, states = 0;

	if (p->row->when == AP_WHEN_SECURE && !ap_is_se_guest())
		kunit_skip(test, "secure guests only");
	KUNIT_ASSERT_TRUE_MSG(test, find_answer(p, &status),
			      "no answer leads to this row");
	for (from = 0; from < NR_AP_STATES; from++)
		if (ap_insn_states(p->insn) & BIT(from)) {
			carry_out(test, rq, p, status, from, false);
			if (p->row->next == AP_STATE_DOUBT)
				carry_out(test, rq, p, status, from, true);
			states++;
		}
	KUNIT_EXPECT_GT(test, states, 0);
}

/*
 * Changes of state: a parameter for each state that is left.
 */
static const void *next_state(AP_KUNIT_GEN_ARGS)
{
	static unsigned int from;

	from = prev ? from + 1 : 0;
	if (from == NR_AP_STATES)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "from %s", ap_state_name(from));
	return &from;
}

static bool zeroing(unsigned int state)
{
	return state == AP_STATE_ZERO_START || state == AP_STATE_ZERO_BUSY ||
	       state == AP_STATE_ZERO_WAIT;
}

static void expect_begun(struct kunit *test, struct rows_queue *rq,
			 unsigned int from, unsigned int to)
{
	bool all = to == AP_STATE_ERROR || to == AP_STATE_REMOVE;
	const char *name = ap_state_name(to);
	struct ap_queue *aq = &rq->aq;

	KUNIT_EXPECT_EQ_MSG(test, aq->state, to, "to %s", name);
	expect_message(test, &rq->waiting, all ? -EAGAIN : 1, "waiting", name);
	if (has_sent(from))
		expect_message(test, &rq->sent,
			       all || resetting(to) ? -EAGAIN : 1, "sent", name);
	if (all)
		KUNIT_EXPECT_EQ_MSG(test, aq->err_from, from, "to %s", name);
	KUNIT_EXPECT_EQ_MSG(test, aq->recovering,
			    resetting(to) && !resetting(from), "to %s", name);
	/* Phase 3 is over, one way or the other */
	KUNIT_EXPECT_EQ_MSG(test, !!aq->hand_over.end,
			    zeroing(from) && !zeroing(to), "to %s", name);
	KUNIT_EXPECT_EQ_MSG(test, aq->hand_over.clean, to == AP_STATE_UNBOUND,
			    "to %s", name);
	KUNIT_EXPECT_EQ_MSG(test, aq->unclean, to == AP_STATE_UNCLEAN, "to %s",
			    name);
	KUNIT_EXPECT_EQ_MSG(test, aq->untouched,
			    to != AP_STATE_BOUND && to != AP_STATE_ZERO_START,
			    "to %s", name);
}

static void every_next_state_begins(struct kunit *test)
{
	unsigned int from = *(const unsigned int *)test->param_value, to, n = 0;
	struct rows_queue *rq = new_queue(test);

	for (to = 0; to < NR_AP_STATES; to++) {
		if (to == from || !ap_state_may_follow(from, to))
			continue;
		put_queue(rq, from);
		rq->aq.untouched = true;
		spin_lock_bh(&rq->aq.lock);
		ap_queue_set_state(&rq->aq, to);
		spin_unlock_bh(&rq->aq.lock);
		expect_look_again(test, rq, ap_state_name(from));
		expect_begun(test, rq, from, to);
		n++;
	}
	/* there is no state that nothing leads out of */
	KUNIT_EXPECT_GT(test, n, 0);
}

/*
 * Clocks: the state before, how long it has lasted, the state after.
 */
static const struct clock_param {
	const char *name;
	unsigned int from;
	unsigned int ms;
	unsigned int to;
	enum ap_look look;
} clocks[] = {
	{ "no clock", AP_STATE_IDLE, 9999999, AP_STATE_IDLE, AP_LOOK_RESET },
	{ "reset goes on", AP_STATE_RESET_WAIT, 5000, AP_STATE_RESET_WAIT,
	  AP_LOOK_RESET },
	{ "reset", AP_STATE_RESET_WAIT, 10000, AP_STATE_ERROR, AP_LOOK_NONE },
	{ "reset not begun", AP_STATE_RESET_START, 10000, AP_STATE_ERROR,
	  AP_LOOK_NONE },
	{ "interrupts go on", AP_STATE_SETIRQ_WAIT, 100, AP_STATE_SETIRQ_WAIT,
	  AP_LOOK_RESET },
	{ "interrupts", AP_STATE_SETIRQ_WAIT, 1000, AP_STATE_IDLE, AP_LOOK_NOW },
	{ "association goes on", AP_STATE_ASSOC_WAIT, 30000,
	  AP_STATE_ASSOC_WAIT, AP_LOOK_RESET },
	{ "association", AP_STATE_ASSOC_WAIT, 60000, AP_STATE_ERROR,
	  AP_LOOK_NONE },
	{ "zero-reset not begun", AP_STATE_ZERO_START, 60000, AP_STATE_UNCLEAN,
	  AP_LOOK_NONE },
	{ "zero-reset not accepted", AP_STATE_ZERO_BUSY, 60000,
	  AP_STATE_UNCLEAN, AP_LOOK_NONE },
	{ "zero-reset", AP_STATE_ZERO_WAIT, 60000, AP_STATE_UNCLEAN,
	  AP_LOOK_NONE },
};

static void clock_desc(const struct clock_param *p, char *desc)
{
	strscpy(desc, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(clock, clocks, clock_desc);

static void clock_runs_out(struct kunit *test)
{
	const struct clock_param *p = test->param_value;
	struct rows_queue *rq = new_queue(test);
	struct ap_queue *aq = &rq->aq;
	enum ap_look look;

	put_queue(rq, p->from);
	aq->clock_start -= (u64)p->ms * NSEC_PER_MSEC;
	aq->recovery_start = aq->clock_start;
	spin_lock_bh(&aq->lock);
	look = ap_queue_check_clock(aq, AP_LOOK_RESET);
	spin_unlock_bh(&aq->lock);
	expect_look_again(test, rq, p->name);
	KUNIT_EXPECT_EQ(test, look, p->look);
	KUNIT_EXPECT_EQ(test, aq->state, p->to);
	/* Polled for now, interrupts are tried again */
	KUNIT_EXPECT_EQ(test, aq->irq_delay > 0,
			p->from == AP_STATE_SETIRQ_WAIT && p->to == AP_STATE_IDLE);
}

/*
 * Associations: what TAPQ shows, and whether that is news for user space.
 */
static const struct assoc_param {
	const char *name;
	unsigned int rc;
	unsigned int bs;
	enum ap_state to;
	bool news;
} assocs[] = {
	{ "through", AP_RESPONSE_NORMAL, AP_BS_Q_USABLE, AP_STATE_IDLE, true },
	{ "not yet through", AP_RESPONSE_NORMAL, AP_BS_Q_USABLE_NO_SECURE_KEY,
	  AP_STATE_ASSOC_WAIT },
	{ "lost", AP_RESPONSE_NORMAL, AP_BS_Q_AVAIL_FOR_BINDING, AP_STATE_ERROR },
	{ "in a reset", AP_RESPONSE_RESET_IN_PROGRESS, AP_BS_Q_USABLE,
	  AP_STATE_RESET_WAIT },
};

static void assoc_desc(const struct assoc_param *p, char *desc)
{
	strscpy(desc, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(assoc, assocs, assoc_desc);

static void association_is_told(struct kunit *test)
{
	const struct assoc_param *p = test->param_value;
	struct rows_queue *rq = new_queue(test);
	struct ap_queue *aq = &rq->aq;

	put_queue(rq, AP_STATE_ASSOC_WAIT);
	spin_lock_bh(&aq->lock);
	ap_queue_answer_assoc(aq, status_of(p->rc, 0), p->bs);
	spin_unlock_bh(&aq->lock);
	expect_look_again(test, rq, p->name);
	KUNIT_EXPECT_EQ(test, aq->state, p->to);
	KUNIT_EXPECT_EQ(test, !!(aq->news & AP_NEWS_ASSOC), p->news);
}

/*
 * RAPQ with the F bit: only the reset that it starts itself unbinds the queue.
 */
static void unbind_is_not_lost(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_queue *aq = &rq->aq;

	put_queue(rq, AP_STATE_RESET_START);
	aq->rapq_fbit = 1;
	spin_lock_bh(&aq->lock);
	KUNIT_EXPECT_EQ(test, AP_LOOK_RESET,
			ap_queue_answer_rapq(aq, status_of(AP_RESPONSE_RESET_IN_PROGRESS, 0)));
	KUNIT_EXPECT_EQ(test, aq->state, AP_STATE_RESET_START);
	KUNIT_EXPECT_EQ(test, aq->rapq_fbit, 1);
	KUNIT_EXPECT_EQ(test, AP_LOOK_RESET,
			ap_queue_answer_rapq(aq, status_of(AP_RESPONSE_NORMAL, 0)));
	spin_unlock_bh(&aq->lock);
	KUNIT_EXPECT_EQ(test, aq->state, AP_STATE_RESET_WAIT);
	KUNIT_EXPECT_EQ(test, aq->rapq_fbit, 0);
}

/* Broken again: @ago is when it was tried the last time, in seconds */
static unsigned int heal_ms_after(struct rows_queue *rq, u64 ago)
{
	struct ap_queue *aq = &rq->aq;

	put_queue(rq, AP_STATE_WORKING);
	aq->heal_ms = 1000;
	aq->heal_at = ktime_get_ns() - ago * NSEC_PER_SEC;
	aq->doubts = U8_MAX;
	aq->doubted = jiffies;
	spin_lock_bh(&aq->lock);
	ap_queue_answer(aq, AP_INSN_DQAP, status_of(AP_RESPONSE_Q_NOT_AVAIL, 0), 0);
	spin_unlock_bh(&aq->lock);
	hrtimer_cancel(&aq->look);
	return aq->state == AP_STATE_ERROR ? aq->heal_ms : 0;
}

static void old_outage_is_forgotten(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);

	KUNIT_EXPECT_EQ(test, heal_ms_after(rq, 1), 2000);
	KUNIT_EXPECT_EQ(test, heal_ms_after(rq, 30), 40);
}

/*
 * Two messages that were sent long ago, by their limits of nine seconds; then comes
 * a reply to one of them.
 */
static struct ap_message *put_second(struct rows_queue *rq)
{
	struct ap_queue *aq = &rq->aq;
	struct ap_message *second = &rq->waiting;

	put_queue(rq, AP_STATE_WORKING);
	list_move_tail(&second->list, &aq->pendingq);
	second->stage = AP_MSG_PENDINGQ;
	aq->requestq_count = 0;
	aq->pendingq_count = 2;
	aq->queue_count = 2;
	aq->request_timeout = 900 * HZ;
	rq->sent.limit = 9 * HZ;
	second->limit = 9 * HZ;
	rq->sent.since = jiffies - 8 * HZ;
	second->since = rq->sent.since;
	aq->turn = rq->sent.since;
	aq->progress = rq->sent.since;
	return second;
}

/* As if all that was is so many seconds older */
static bool expires_after(struct rows_queue *rq, unsigned int seconds)
{
	struct ap_queue *aq = &rq->aq;
	bool stuck;

	spin_lock_bh(&aq->lock);
	rq->sent.since -= seconds * HZ;
	rq->waiting.since -= seconds * HZ;
	aq->turn -= seconds * HZ;
	aq->progress -= seconds * HZ;
	aq->quiet_since -= seconds * HZ;
	stuck = ap_queue_expire(aq);
	spin_unlock_bh(&aq->lock);
	hrtimer_cancel(&aq->look);
	return stuck;
}

static void put_reply(struct rows_queue *rq, unsigned long psmid)
{
	rq->reply.psmid = psmid;
	spin_lock_bh(&rq->aq.lock);
	ap_queue_answer(&rq->aq, AP_INSN_DQAP, status_of(AP_RESPONSE_NORMAL, 0), 1);
	spin_unlock_bh(&rq->aq.lock);
}

static bool expires_after_reply(struct rows_queue *rq, unsigned long psmid)
{
	put_reply(rq, psmid);
	return expires_after(rq, 2);
}

static void slow_card_is_waited_for(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_message *second = put_second(rq);

	/* It is at the second one since then */
	KUNIT_EXPECT_FALSE(test, expires_after_reply(rq, rq->sent.psmid));
	KUNIT_EXPECT_EQ(test, second->stage, AP_MSG_PENDINGQ);

	/* So it is when nobody waits for the first one any more */
	second = put_second(rq);
	list_del_init(&rq->sent.list);
	rq->aq.pendingq_count = 1;
	KUNIT_EXPECT_FALSE(test, expires_after_reply(rq, rq->sent.psmid));
	KUNIT_EXPECT_EQ(test, second->stage, AP_MSG_PENDINGQ);

	/* It has left out the first one */
	second = put_second(rq);
	KUNIT_EXPECT_FALSE(test, expires_after_reply(rq, second->psmid));
	KUNIT_EXPECT_EQ(test, rq->sent.stage, AP_MSG_RECEIVED);
	KUNIT_EXPECT_EQ(test, rq->sent.rc, -EAGAIN);
}

/* That nobody waits for a message any more makes the card no faster */
static void cancelled_work_takes_its_time(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_message *second = put_second(rq);

	rq->sent.limit = 120 * HZ;
	ap_cancel_message(&rq->aq, &rq->sent);
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 10));
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 90));
	KUNIT_EXPECT_EQ(test, second->stage, AP_MSG_PENDINGQ);
	KUNIT_EXPECT_TRUE(test, expires_after(rq, 20));

	/* What was before it takes its own time */
	second = put_second(rq);
	rq->sent.limit = 120 * HZ;
	ap_cancel_message(&rq->aq, second);
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 90));

	/* What is behind it keeps none up that was before */
	second = put_second(rq);
	second->limit = 120 * HZ;
	ap_cancel_message(&rq->aq, second);
	KUNIT_EXPECT_TRUE(test, expires_after(rq, 2));

	/* The next one to be sent waits for it */
	second = put_second(rq);
	second->limit = 120 * HZ;
	ap_cancel_message(&rq->aq, second);
	KUNIT_EXPECT_EQ(test, rq->aq.owed_limit, 120 * HZ);
}

/* Nor does it hide that the card does nothing */
static void cancelled_work_is_watched(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_message *second = put_second(rq);

	ap_cancel_message(&rq->aq, &rq->sent);
	ap_cancel_message(&rq->aq, second);
	KUNIT_EXPECT_EQ(test, rq->aq.pendingq_count, 0);
	KUNIT_EXPECT_EQ(test, rq->aq.queue_count, 2);
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 0));
	KUNIT_EXPECT_TRUE(test, expires_after(rq, 2));

	/* A queue that is flushed goes on */
	second = put_second(rq);
	ap_flush_queue(&rq->aq);
	KUNIT_EXPECT_EQ(test, second->rc, -EAGAIN);
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 0));
	KUNIT_EXPECT_TRUE(test, expires_after(rq, 2));
}

/* Nor does a reply to what was sent before */
static void abandoned_after_a_reply(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_message *second = put_second(rq);
	struct ap_queue *aq = &rq->aq;

	put_reply(rq, rq->sent.psmid);
	ap_cancel_message(aq, second);
	KUNIT_EXPECT_EQ(test, aq->quiet_limit, 0);
	/* A third one, which has been sent since */
	put_message(&aq->pendingq, &rq->sent, AP_MSG_PENDINGQ, 3);
	rq->sent.limit = 9 * HZ;
	rq->sent.since = jiffies;
	aq->pendingq_count++;
	aq->queue_count++;
	ap_cancel_message(aq, &rq->sent);
	KUNIT_EXPECT_EQ(test, aq->queue_count, 2);
	KUNIT_EXPECT_FALSE(test, expires_after(rq, 8));
	KUNIT_EXPECT_TRUE(test, expires_after(rq, 2));
}

static void no_timer(struct timer_list *timer)
{
}

/* Who comes while the card owes something does not give it more time */
static void owing_is_no_progress(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_queue *aq = &rq->aq;
	struct ap_message msg = { .receive = take };
	unsigned long progress;

	put_queue(rq, AP_STATE_QUEUE_FULL);
	timer_setup(&aq->watchdog, no_timer, 0);
	aq->open = true;
	aq->reply = &rq->reply;
	ap_flush_queue(aq);
	progress = jiffies - 8 * HZ;
	aq->progress = progress;
	KUNIT_EXPECT_EQ(test, ap_queue_message(aq, &msg), 0);
	KUNIT_EXPECT_EQ(test, aq->progress, progress);

	ap_cancel_message(aq, &msg);
	aq->queue_count = 0;
	KUNIT_EXPECT_EQ(test, ap_queue_message(aq, &msg), 0);
	KUNIT_EXPECT_NE(test, aq->progress, progress);
	ap_cancel_message(aq, &msg);
	timer_delete_sync(&aq->watchdog);
}

/* One that its driver got without a zero-reset is not begun, but taken away */
static void unproven_queue_is_taken(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);
	struct ap_queue *aq = &rq->aq;

	put_queue(rq, AP_STATE_BOUND);
	aq->unproven = true;
	aq->config = true;
	ap_queue_init_state(aq);
	KUNIT_EXPECT_EQ(test, aq->state, AP_STATE_ERROR);
	KUNIT_EXPECT_EQ(test, ap_queue_reset(aq, 0), 0);
	KUNIT_EXPECT_EQ(test, aq->state, AP_STATE_ERROR);
	aq->chkstop = true;
	KUNIT_EXPECT_FALSE(test, ap_queue_take_unproven(aq));
	aq->chkstop = false;
	KUNIT_EXPECT_TRUE(test, ap_queue_take_unproven(aq));
	ap_queue_want_attach(aq);
	KUNIT_EXPECT_TRUE(test, aq->attach);
	aq->unproven = false;
	KUNIT_EXPECT_FALSE(test, ap_queue_take_unproven(aq));
	hrtimer_cancel(&aq->look);
}

/* Who walks over the queues may still hold one whose device is gone */
static void retired_queue_rests(struct kunit *test)
{
	struct rows_queue *rq = new_queue(test);

	put_queue(rq, AP_STATE_UNCLEAN);
	rq->aq.retired = true;
	ap_queue_heal_unclean(&rq->aq);
	KUNIT_EXPECT_EQ(test, rq->aq.state, AP_STATE_UNCLEAN);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&rq->aq.look));
}

static struct kunit_case ap_rows_cases[] = {
	KUNIT_CASE_PARAM(row_is_carried_out, next_row),
	KUNIT_CASE_PARAM(every_next_state_begins, next_state),
	KUNIT_CASE_PARAM(clock_runs_out, clock_gen_params),
	KUNIT_CASE_PARAM(association_is_told, assoc_gen_params),
	KUNIT_CASE(unbind_is_not_lost),
	KUNIT_CASE(old_outage_is_forgotten),
	KUNIT_CASE(slow_card_is_waited_for),
	KUNIT_CASE(cancelled_work_takes_its_time),
	KUNIT_CASE(cancelled_work_is_watched),
	KUNIT_CASE(abandoned_after_a_reply),
	KUNIT_CASE(owing_is_no_progress),
	KUNIT_CASE(unproven_queue_is_taken),
	KUNIT_CASE(retired_queue_rests),
	{}
};

static struct kunit_suite ap_rows_suite = {
	.name = "ap_rows",
	.test_cases = ap_rows_cases,
};

kunit_test_suite(ap_rows_suite);
