// SPDX-License-Identifier: GPL-2.0
/*
 * One AP queue: its states and its messages.
 *
 * Two tables decide everything. ap_states[] says for each state what may
 * follow, what becomes of the messages when it begins, and what is done in it.
 * ap_insns[] has the answers that the firmware can give to each instruction,
 * ap_answers_*[]: which state follows, what becomes of the message at hand and
 * when to look again. The rest of the file carries that out, all of it under
 * the queue's lock.
 *
 * The removal of a driver, in these terms:
 *   phase 1  ap_queue_remove_begin(): REMOVE; its beginning hands every
 *            message back, nothing is done in it, timers are cancelled
 *   phase 2  the driver's remove(), see ap_bus.c
 *   phase 3  ap_queue_zero_start(): ZERO_START, ZERO_BUSY, ZERO_WAIT until
 *            TAPQ shows the queue clean: UNBOUND; or the time is up: UNCLEAN
 */
#define KMSG_COMPONENT "ap"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>

#include "ap_priv.h"

#define CREATE_TRACE_POINTS
#include <asm/trace/ap.h>
#include "ap_trace.h"

EXPORT_TRACEPOINT_SYMBOL(s390_ap_nqap);
EXPORT_TRACEPOINT_SYMBOL(s390_ap_dqap);

/* Bounds of the waits that a state may be in; the last one is a parameter */
enum ap_clock {
	AP_CLOCK_NONE,
	AP_CLOCK_RESET,
	AP_CLOCK_IRQ,
	AP_CLOCK_ASSOC,
	AP_CLOCK_ZERO,
};

static const struct {
	unsigned int ms;
	u8 next;		/* state when the time is up */
	u8 rc;			/* which stands for that */
} ap_clocks[] = {
	[AP_CLOCK_RESET] = { 10000, AP_STATE_ERROR, AP_RESPONSE_RESET_IN_PROGRESS },
	[AP_CLOCK_IRQ]	 = {   250, AP_STATE_READY },
	[AP_CLOCK_ASSOC] = { 60000, AP_STATE_ERROR },
	[AP_CLOCK_ZERO]	 = {     0, AP_STATE_UNCLEAN, AP_RESPONSE_RESET_IN_PROGRESS },
};

/* What the beginning of a state hands back to the senders, with -EAGAIN */
enum ap_flush {
	AP_FLUSH_NOTHING,
	AP_FLUSH_SENT,		/* a reset takes what is at the card */
	AP_FLUSH_ALL,
};

/**
 * struct ap_state_desc - a state
 * @name: as people see it
 * @next: set of the states that may follow
 * @flush: what its beginning hands back
 * @clock: which wait it belongs to; a wait may go through several states
 * @runs: the bus works the queue for the driver
 * @accepts: takes messages
 * @outstanding: an interrupt and the poll thread look at it
 * @heals: left by itself after a while, later and later when that is in vain
 * @step: what is done when the queue is looked at
 */
struct ap_state_desc {
	const char *name;
	u32 next;
	u8 flush;
	u8 clock;
	bool runs;
	bool accepts;
	bool outstanding;
	bool heals;
	enum ap_look (*step)(struct ap_queue *aq);
};

static enum ap_look ap_step_rest(struct ap_queue *aq);
static enum ap_look ap_step_error(struct ap_queue *aq);
static enum ap_look ap_step_unclean(struct ap_queue *aq);
static enum ap_look ap_step_reset(struct ap_queue *aq);
static enum ap_look ap_step_reset_wait(struct ap_queue *aq);
static enum ap_look ap_step_setirq_wait(struct ap_queue *aq);
static enum ap_look ap_step_send(struct ap_queue *aq);
static enum ap_look ap_step_work(struct ap_queue *aq);
static enum ap_look ap_step_assoc_wait(struct ap_queue *aq);
static enum ap_look ap_step_zero(struct ap_queue *aq);
static enum ap_look ap_step_zero_busy(struct ap_queue *aq);
static enum ap_look ap_step_zero_wait(struct ap_queue *aq);
static void ap_queue_run(struct ap_queue *aq);

/* After so many odd answers without a reply a queue is out of order */
#define AP_DOUBTS		3
#define AP_DOUBT_PERIOD		(10 * HZ)
#define AP_HEAL_FIRST_MS	40
/* More than the reset takes that is tried to have a queue work again */
#define AP_HEAL_OVER_NS		(20 * NSEC_PER_SEC)

#define AP_IRQ_DELAY_MIN	(HZ / 4)
#define AP_IRQ_DELAY_MAX	(30 * HZ)

#define TO(state)	BIT(AP_STATE_##state)
/* Any working queue can be reset, break, or lose its driver */
#define TO_LEAVE	(TO(RESET_START) | TO(ERROR) | TO(REMOVE))
#define TO_READY	(TO(IDLE) | TO(WORKING) | TO(QUEUE_FULL))

static const struct ap_state_desc ap_states[NR_AP_STATES] = {
	[AP_STATE_UNBOUND] = {
		.name = "UNBOUND",
		.next = TO(BOUND) | TO(ZERO_START),
		.step = ap_step_rest,
	},
	[AP_STATE_BOUND] = {
		.name = "BOUND",
		.next = TO_LEAVE,
		.step = ap_step_rest,
	},
	[AP_STATE_RESET_START] = {
		.name = "RESET_START",
		.next = TO_LEAVE | TO(RESET_WAIT),
		.flush = AP_FLUSH_SENT, .clock = AP_CLOCK_RESET,
		.runs = true, .accepts = true,
		.step = ap_step_reset,
	},
	[AP_STATE_RESET_WAIT] = {
		.name = "RESET_WAIT",
		.next = TO_LEAVE | TO(IDLE),
		.flush = AP_FLUSH_SENT, .clock = AP_CLOCK_RESET,
		.runs = true, .accepts = true,
		.step = ap_step_reset_wait,
	},
	[AP_STATE_SETIRQ_WAIT] = {
		.name = "SETIRQ_WAIT",
		.next = TO_LEAVE | TO_READY | TO(RESET_WAIT),
		.clock = AP_CLOCK_IRQ,
		.runs = true, .accepts = true,
		.step = ap_step_setirq_wait,
	},
	[AP_STATE_IDLE] = {
		.name = "IDLE",
		.next = TO_LEAVE | TO_READY | TO(RESET_WAIT) |
			TO(SETIRQ_WAIT) | TO(ASSOC_WAIT),
		.runs = true, .accepts = true,
		.step = ap_step_send,
	},
	[AP_STATE_WORKING] = {
		.name = "WORKING",
		.next = TO_LEAVE | TO_READY | TO(RESET_WAIT),
		.runs = true, .accepts = true, .outstanding = true,
		.step = ap_step_work,
	},
	[AP_STATE_QUEUE_FULL] = {
		.name = "QUEUE_FULL",
		.next = TO_LEAVE | TO_READY | TO(RESET_WAIT),
		.runs = true, .accepts = true, .outstanding = true,
		.step = ap_step_work,
	},
	[AP_STATE_ASSOC_WAIT] = {
		.name = "ASSOC_WAIT",
		.next = TO_LEAVE | TO(IDLE) | TO(RESET_WAIT),
		.clock = AP_CLOCK_ASSOC,
		.runs = true, .accepts = true,
		.step = ap_step_assoc_wait,
	},
	[AP_STATE_ERROR] = {
		.name = "ERROR",
		.next = TO(RESET_START) | TO(REMOVE),
		.flush = AP_FLUSH_ALL,
		.runs = true, .heals = true,
		.step = ap_step_error,
	},
	[AP_STATE_REMOVE] = {
		.name = "REMOVE",
		.next = TO(ZERO_START),
		.flush = AP_FLUSH_ALL,
		.step = ap_step_rest,
	},
	[AP_STATE_ZERO_START] = {
		.name = "ZERO_START",
		.next = TO(ZERO_WAIT) | TO(ZERO_BUSY) | TO(UNCLEAN),
		.clock = AP_CLOCK_ZERO,
		.step = ap_step_zero,
	},
	[AP_STATE_ZERO_BUSY] = {
		.name = "ZERO_BUSY",
		.next = TO(ZERO_START) | TO(UNCLEAN),
		.clock = AP_CLOCK_ZERO,
		.step = ap_step_zero_busy,
	},
	[AP_STATE_ZERO_WAIT] = {
		.name = "ZERO_WAIT",
		.next = TO(UNBOUND) | TO(ZERO_START) | TO(UNCLEAN),
		.clock = AP_CLOCK_ZERO,
		.step = ap_step_zero_wait,
	},
	[AP_STATE_UNCLEAN] = {
		.name = "UNCLEAN",
		.next = TO(ZERO_START),
		.heals = true,
		.step = ap_step_unclean,
	},
};

#define ROW(_rc, _when, _next, _fate, _look) { \
	.rc = AP_##_rc, .when = AP_WHEN_##_when, .next = AP_STATE_##_next, \
	.fate = AP_FATE_##_fate, .look = AP_LOOK_##_look, }
/* An answer that should not come, and is told about */
#define ODD(_rc, _when, _next, _look) { \
	.rc = AP_##_rc, .when = AP_WHEN_##_when, .next = AP_STATE_##_next, \
	.look = AP_LOOK_##_look, .odd = true, }

/*
 * A queue that works and gives an answer that should not come, or says that it is
 * gone, is in doubt: it gets a reset, which ends whatever was wrong, and the
 * answer to that tells whether it is so. Only when it goes on like this it is out
 * of order.
 *
 * Response codes and what may follow them: asm/ap.h, and for resets and
 * interrupts vfio_ap_ops.c and the AP tests proposed for kvm-unit-tests. See
 * "How it was tested" in Documentation/arch/s390/zcrypt-remove.rst for all sources.
 */
static const struct ap_answer ap_answers_nqap[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, READY, SENT, REPLY),
	ROW(RESPONSE_Q_FULL, ALWAYS, QUEUE_FULL, NONE, REPLY),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, QUEUE_FULL, NONE, LATER),
	ROW(RESPONSE_MESSAGE_TOO_BIG, ALWAYS, KEEP, REFUSED, NOW),
	ROW(RESPONSE_REQ_FAC_NOT_INST, ALWAYS, KEEP, REFUSED, NOW),
	ROW(RESPONSE_INVALID_DOMAIN, ALWAYS, KEEP, REFUSED, NOW),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

static const struct ap_answer ap_answers_dqap[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, READY, RECEIVED, NOW),
	ROW(RESPONSE_NO_PENDING_REPLY, EMPTY, READY, LOST, REPLY),
	ROW(RESPONSE_NO_PENDING_REPLY, ALWAYS, READY, NONE, REPLY),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, LATER),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

static const struct ap_answer ap_answers_rapq[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

static const struct ap_answer ap_answers_tapq_reset[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, READY, NONE, NOW),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

/* AQIC's change is in force when TAPQ shows it; 07 says it was made before */
static const struct ap_answer ap_answers_aqic[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, SETIRQ_WAIT, NONE, NOW),
	ROW(RESPONSE_OTHERWISE_CHANGED, ALWAYS, SETIRQ_WAIT, NONE, NOW),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, SETIRQ_WAIT, NONE, RESET),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	/* there are no interrupts for this queue: it is polled */
	ODD(RESPONSE_INVALID_ADDRESS, ALWAYS, READY, NOW),
	ODD(RESPONSE_INVALID_GISA, ALWAYS, READY, NOW),
	ODD(RESPONSE_Q_BOUND_TO_ANOTHER, ALWAYS, READY, NOW),
	ODD(RESPONSE_Q_NOT_BOUND, ALWAYS, READY, NOW),
	ODD(RESPONSE_REQ_FAC_NOT_INST, ALWAYS, READY, NOW),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

static const struct ap_answer ap_answers_tapq_irq[] = {
	ROW(RESPONSE_NORMAL, IRQ, READY, NONE, NOW),
	ROW(RESPONSE_NORMAL, ALWAYS, KEEP, NONE, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

/* Whether the association is through is in GR2, see ap_step_assoc_wait() */
static const struct ap_answer ap_answers_tapq_assoc[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, KEEP, NONE, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, RESET_WAIT, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, DOUBT, NONE, LATER),
	ODD(RC_ANY, ALWAYS, DOUBT, LATER),
};

/*
 * Phase 3 fails closed: where ZAPQ was not accepted nothing was zeroized, and
 * where TAPQ says anything but "normal, empty, no interrupts" nothing is
 * proven. An odd answer does not end it, the clock does.
 */
static const struct ap_answer ap_answers_zapq[] = {
	/* it may be over by now, and then nobody has to sleep for it */
	ROW(RESPONSE_NORMAL, ALWAYS, ZERO_WAIT, NONE, NOW),
	/* not ours, so nothing of ours is in it; TAPQ shows that */
	ROW(RESPONSE_Q_NOT_BOUND, SECURE, ZERO_WAIT, NONE, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, ZERO_BUSY, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, ZERO_BUSY, NONE, RESET),
	ROW(RC_GONE, ALWAYS, UNCLEAN, NONE, NONE),
	ODD(RC_ANY, ALWAYS, ZERO_BUSY, RESET),
};

static const struct ap_answer ap_answers_tapq_busy[] = {
	ROW(RESPONSE_NORMAL, ALWAYS, ZERO_START, NONE, NOW),
	/* only the reset that ZAPQ is to start ends an asynchronous error */
	ROW(RC_ANY, ASYNC, ZERO_START, NONE, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, UNCLEAN, NONE, NONE),
	ODD(RC_ANY, ALWAYS, KEEP, RESET),
};

static const struct ap_answer ap_answers_tapq_zero[] = {
	ROW(RESPONSE_NORMAL, CLEAN, UNBOUND, NONE, NONE),
	/* over, but somebody else has used it: once more */
	ODD(RESPONSE_NORMAL, ALWAYS, ZERO_START, RESET),
	ODD(RC_ANY, ASYNC, ZERO_START, RESET),
	ROW(RESPONSE_RESET_IN_PROGRESS, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_BUSY, ALWAYS, KEEP, NONE, RESET),
	ROW(RC_GONE, ALWAYS, UNCLEAN, NONE, NONE),
	ODD(RC_ANY, ALWAYS, KEEP, RESET),
};

/**
 * struct ap_insn_desc - an instruction and what it is issued for
 * @name: as people see it
 * @in: states in which it is issued
 * @answers: what an answer means; the last row is for any response code
 */
struct ap_insn_desc {
	const char *name;
	u32 in;
	const struct ap_answer *answers;
};

static const struct ap_insn_desc ap_insns[NR_AP_INSNS] = {
	[AP_INSN_NQAP] = {
		"NQAP", TO(IDLE) | TO(WORKING), ap_answers_nqap },
	[AP_INSN_DQAP] = {
		"DQAP", TO(WORKING) | TO(QUEUE_FULL), ap_answers_dqap },
	[AP_INSN_RAPQ] = {
		"RAPQ", TO(RESET_START), ap_answers_rapq },
	[AP_INSN_TAPQ_RESET] = {
		"TAPQ", TO(RESET_WAIT), ap_answers_tapq_reset },
	[AP_INSN_AQIC] = {
		"AQIC", TO(SETIRQ_WAIT) | TO(IDLE), ap_answers_aqic },
	[AP_INSN_TAPQ_IRQ] = {
		"TAPQ", TO(SETIRQ_WAIT), ap_answers_tapq_irq },
	[AP_INSN_TAPQ_ASSOC] = {
		"TAPQ", TO(ASSOC_WAIT), ap_answers_tapq_assoc },
	[AP_INSN_ZAPQ] = {
		"ZAPQ", TO(ZERO_START), ap_answers_zapq },
	[AP_INSN_TAPQ_BUSY] = {
		"TAPQ", TO(ZERO_BUSY), ap_answers_tapq_busy },
	[AP_INSN_TAPQ_ZERO] = {
		"TAPQ", TO(ZERO_WAIT), ap_answers_tapq_zero },
};

/* Woken when a zero-reset ends, one way or the other */
static DECLARE_WAIT_QUEUE_HEAD(ap_zero_over);

/**
 * ap_state_name() - the name of a state
 * @state: the state
 *
 * Return: its name as log lines and trace events have it.
 */
const char *ap_state_name(enum ap_state state)
{
	return state < NR_AP_STATES ? ap_states[state].name : "?";
}
EXPORT_SYMBOL(ap_state_name);

/**
 * ap_state_bound() - whether a queue in this state has a driver
 * @state: the state
 *
 * Return: true from the begin of probe() to the begin of remove().
 */
bool ap_state_bound(enum ap_state state)
{
	return state == AP_STATE_BOUND || ap_states[state].runs;
}

static const char *ap_name(struct ap_queue *aq)
{
	return dev_name(&aq->ap_dev.device);
}

static bool ap_state_zeroing(enum ap_state state)
{
	return ap_states[state].clock == AP_CLOCK_ZERO;
}

static bool ap_rc_fits(int row_rc, int rc)
{
	switch (row_rc) {
	case AP_RC_ANY:
		return true;
	case AP_RC_GONE:
		return rc == AP_RESPONSE_Q_NOT_AVAIL ||
		       rc == AP_RESPONSE_DECONFIGURED ||
		       rc == AP_RESPONSE_CHECKSTOPPED;
	case AP_RC_BUSY:
		return rc == AP_RESPONSE_BUSY ||
		       rc == AP_RESPONSE_STATE_CHANGE_IN_PROGRESS;
	default:
		return rc == row_rc;
	}
}

static bool ap_answer_fits(const struct ap_answer *row,
			   struct ap_queue_status status)
{
	bool async = status.async && status.response_code;

	/* An asynchronous error stands before all else that an answer says */
	if (async && row->when != AP_WHEN_ASYNC)
		return row->rc == AP_RC_ANY && row->when == AP_WHEN_ALWAYS;
	if (!ap_rc_fits(row->rc, status.response_code))
		return false;
	switch (row->when) {
	case AP_WHEN_EMPTY:
		return status.queue_empty;
	case AP_WHEN_IRQ:
		return status.irq_enabled;
	case AP_WHEN_CLEAN:
		return status.queue_empty && !status.irq_enabled;
	case AP_WHEN_ASYNC:
		return async;
	case AP_WHEN_SECURE:
		return ap_is_se_guest();
	default:
		return true;
	}
}

/**
 * ap_answer_find() - the row for an answer
 * @insn: the instruction
 * @status: the status word it left in GR1
 *
 * Return: the first row that fits; the last row of each table always does.
 */
VISIBLE_IF_KUNIT const struct ap_answer *
ap_answer_find(enum ap_insn insn, struct ap_queue_status status)
{
	const struct ap_answer *row = ap_insns[insn].answers;

	/* Most answers are the one that each table begins with */
	if (row->rc == status.response_code && row->when == AP_WHEN_ALWAYS &&
	    !status.async)
		return row;
	while (!ap_answer_fits(row, status))
		row++;
	return row;
}

#if IS_ENABLED(CONFIG_AP_KUNIT_TEST)
/**
 * ap_state_may_follow() - the state table, for its tests
 * @from: a state
 * @to: another one
 *
 * Return: whether @to may follow @from.
 */
bool ap_state_may_follow(enum ap_state from, enum ap_state to)
{
	return ap_states[from].next & BIT(to);
}

/**
 * ap_insn_states() - the instruction table, for its tests
 * @insn: an instruction
 *
 * Return: set of the states in which it is issued.
 */
unsigned int ap_insn_states(enum ap_insn insn)
{
	return ap_insns[insn].in;
}

/**
 * ap_insn_answers() - the table of answers to an instruction, for its tests
 * @insn: an instruction
 *
 * Return: the first row; the last one is for any response code.
 */
const struct ap_answer *ap_insn_answers(enum ap_insn insn)
{
	return ap_insns[insn].answers;
}
#endif

/*
 * What there is to tell.
 */

/* Since the bus was loaded, of all queues, those that are gone included */
atomic64_t ap_figures[NR_AP_FIGURES];

/*
 * Numbers that only grow, and do not depend on each other: who shows them needs no
 * lock.
 */
static void ap_queue_count(struct ap_queue *aq, enum ap_figure nr, u64 more)
{
	atomic64_add(more, &aq->figures[nr]);
	atomic64_add(more, &ap_figures[nr]);
}

/**
 * ap_queue_resent() - count a request that is to be sent elsewhere
 * @aq: the queue from which it came back; the caller holds it
 *
 * Context: any.
 */
void ap_queue_resent(struct ap_queue *aq)
{
	ap_queue_count(aq, AP_FIGURE_RESENT, 1);
}
EXPORT_SYMBOL(ap_queue_resent);

/*
 * User space is told in a work, since that sleeps. Of a cleaning the last result
 * counts. The work holds the device. What comes before the device is there is not
 * told, see ap_queue_listed().
 */
static void ap_queue_news(struct ap_queue *aq, unsigned int what)
{
	lockdep_assert_held(&aq->lock);
	if (what & AP_NEWS_RESULTS)
		aq->news &= ~AP_NEWS_RESULTS;
	aq->news |= what;
	if (!aq->listed)
		return;
	get_device(&aq->ap_dev.device);
	if (!schedule_work(&aq->news_work))
		put_device(&aq->ap_dev.device);
}

static void ap_queue_tell(struct work_struct *work)
{
	struct ap_queue *aq = container_of(work, struct ap_queue, news_work);
	struct device *dev = &aq->ap_dev.device;
	char driver[sizeof(aq->hand_over.driver)];
	char buf[24], secret[12];
	unsigned int news, idx;
	const char *reason;

	spin_lock_bh(&aq->lock);
	news = aq->news;
	aq->news = 0;
	memcpy(driver, aq->hand_over.driver, sizeof(driver));
	reason = ap_rc_reason(aq->unclean_rc, buf, sizeof(buf));
	idx = aq->assoc_idx;
	spin_unlock_bh(&aq->lock);

	sysfs_notify(&dev->kobj, NULL, "clean");
	/* Others are counted now, or without driver */
	if (news & (AP_NEWS_REMOVED | AP_NEWS_RESULTS))
		ap_bus_bindings_changed();
	if (news & AP_NEWS_REMOVED)
		ap_send_change(dev, "REMOVED", driver, NULL);
	if (news & AP_NEWS_CLEAN)
		ap_send_change(dev, "CLEAN", "1", NULL);
	if (news & AP_NEWS_UNCLEAN)
		ap_send_change(dev, "CLEAN", "0", reason);
	/* Unless it was lost meanwhile */
	if (news & AP_NEWS_ASSOC && idx != ASSOC_IDX_INVALID) {
		snprintf(secret, sizeof(secret), "%u", idx);
		ap_send_change(dev, "SE_ASSOC", secret, NULL);
	}
	put_device(dev);
}

/* Whether somebody waits for something from the queue */
static bool ap_queue_waiting(struct ap_queue *aq)
{
	return aq->requestq_count || aq->pendingq_count;
}

/*
 * How long a message may take. Those before it may take as long as they may, and
 * it with them.
 */
static unsigned long ap_msg_limit(const struct ap_queue *aq,
				  const struct ap_message *msg, unsigned long limit)
{
	unsigned long mine = msg->limit ?: aq->request_timeout;

	return max(limit, min(mine, (unsigned long)aq->request_timeout));
}

/*
 * A message that leaves @pendingq without a reply keeps the card at work, unless the
 * queue is reset: the card owes something.
 */
static bool ap_queue_owes(const struct ap_queue *aq)
{
	return aq->queue_count > aq->pendingq_count;
}

/*
 * Nobody waits any more for a message that is at the card. For the one behind it that
 * takes as long as before, whether it was sent already or comes next. And when
 * nothing has come since it was sent, and nothing comes in its time, the card has
 * stopped: that must not be hidden by messages that do not wait for so long, one
 * after the other, so the first one counts.
 */
static void ap_msg_abandon(struct ap_queue *aq, struct ap_message *msg)
{
	unsigned long limit = 0;
	struct ap_message *at;

	list_for_each_entry(at, &aq->pendingq, list) {
		limit = ap_msg_limit(aq, at, limit);
		if (at == msg)
			break;
	}
	if (!list_is_last(&msg->list, &aq->pendingq)) {
		at = list_next_entry(msg, list);
		at->limit = ap_msg_limit(aq, at, limit);
	} else {
		aq->owed_limit = max(limit, ap_queue_owes(aq) ? aq->owed_limit : 0);
	}
	if (time_before(msg->since, aq->progress))
		return;
	if (!aq->quiet_limit || time_before(aq->quiet_since, aq->progress) ||
	    time_before(msg->since, aq->quiet_since)) {
		aq->quiet_since = msg->since;
		aq->quiet_limit = limit;
	}
}

/*
 * Messages. Each arrow of a message's life is one function: accept, sent,
 * handed back.
 */
static void ap_msg_accept(struct ap_queue *aq, struct ap_message *msg)
{
	/* A card that is at work for nobody has had its time to answer, too */
	if (!ap_queue_waiting(aq) && !aq->queue_count)
		WRITE_ONCE(aq->progress, jiffies);
	msg->stage = AP_MSG_REQUESTQ;
	msg->since = jiffies;
	list_add_tail(&msg->list, &aq->requestq);
	aq->requestq_count++;
	aq->total_request_count++;
	atomic64_inc(&aq->card->total_request_count);
	trace_s390_ap_msg_queued(aq, msg, 0);
}

static void ap_msg_sent(struct ap_queue *aq, struct ap_message *msg)
{
	if (aq->owed_limit) {
		if (ap_queue_owes(aq))
			msg->limit = ap_msg_limit(aq, msg, aq->owed_limit);
		aq->owed_limit = 0;
	}
	msg->stage = AP_MSG_PENDINGQ;
	msg->since = jiffies;
	/* Its sender looks without the lock; after this it stays */
	WRITE_ONCE(msg->sent, true);
	list_move_tail(&msg->list, &aq->pendingq);
	aq->requestq_count--;
	aq->pendingq_count++;
	if (!aq->queue_count++) {
		WRITE_ONCE(aq->progress, jiffies);
		aq->turn = jiffies;
		aq->poll_start = 0;
	}
}

/* Takes a message off the queue: it is the caller's */
static void ap_msg_unlink(struct ap_queue *aq, struct ap_message *msg,
			  enum ap_msg_stage stage)
{
	if (msg->stage == AP_MSG_PENDINGQ)
		aq->pendingq_count--;
	else
		aq->requestq_count--;
	list_del_init(&msg->list);
	msg->stage = stage;
}

/* The sender may free the message as soon as receive() has woken it */
static void ap_msg_hand_back(struct ap_queue *aq, struct ap_message *msg,
			     int rc, struct ap_message *reply)
{
	ap_msg_unlink(aq, msg, AP_MSG_RECEIVED);
	trace_s390_ap_msg_done(aq, msg, rc);
	if (rc) {
		msg->rc = rc;
		if (rc == -EAGAIN)
			ap_queue_count(aq, AP_FIGURE_FLUSHED, 1);
	}
	if (msg == aq->attended)
		msg->at_once = true;
	msg->receive(aq, msg, reply);
}

static void ap_flush_list(struct ap_queue *aq, struct list_head *list)
{
	struct ap_message *msg, *next;

	list_for_each_entry_safe(msg, next, list, list)
		ap_msg_hand_back(aq, msg, -EAGAIN, NULL);
}

static void ap_flush_sent(struct ap_queue *aq)
{
	ap_flush_list(aq, &aq->pendingq);
	aq->queue_count = 0;
}

static void ap_flush_both(struct ap_queue *aq)
{
	ap_flush_list(aq, &aq->pendingq);
	ap_flush_list(aq, &aq->requestq);
}

static struct ap_message *ap_find_pending(struct ap_queue *aq,
					  unsigned long psmid)
{
	struct ap_message *msg;

	list_for_each_entry(msg, &aq->pendingq, list)
		if (msg->psmid == psmid)
			return msg;
	return NULL;
}

/*
 * A reply. When it is that to the first message, or to one that its sender waits
 * for no more, the card has come to what was sent behind it, whose time begins now.
 * One to a message further behind does not: it says that the card has left out
 * the first.
 */
static void ap_queue_take_turn(struct ap_queue *aq, const struct ap_message *msg)
{
	bool turn = msg ? list_is_first(&msg->list, &aq->pendingq) :
			  ap_queue_owes(aq);

	if (turn)
		aq->turn = jiffies;
	if (turn || msg)
		WRITE_ONCE(aq->progress, jiffies);
}

/* DQAP brought a reply; of @bufferfuls only the last one is in the buffer */
static void ap_reply_arrived(struct ap_queue *aq, struct ap_queue_status status,
			     unsigned int bufferfuls)
{
	struct ap_message *msg = ap_find_pending(aq, aq->reply->psmid);

	ap_queue_take_turn(aq, msg);
	/* queue_count is what we believe, the status word is what is so */
	if (status.queue_empty)
		aq->queue_count = 0;
	else
		aq->queue_count = max(aq->queue_count - 1, 1);
	if (msg) {
		aq->doubts = 0;
		aq->heal_ms = 0;
	}
	if (msg && aq->poll_start)
		ap_poll_learn(aq, msg);
	aq->poll_start = 0;

	aq->strays += !msg;
	if (!msg)
		AP_DBF_WARN("%s no request for psmid 0x%016lx on queue %04x\n",
			    __func__, aq->reply->psmid, aq->qid);
	else if (bufferfuls > 1)
		ap_msg_hand_back(aq, msg, -EMSGSIZE, NULL);
	else
		ap_msg_hand_back(aq, msg, 0, aq->reply);
	/* Whosever it was: it does not lie here until the next one comes */
	memzero_explicit(aq->reply->msg, bufferfuls > 1 ? aq->reply->bufsize :
			 min(aq->reply->len, aq->reply->bufsize));
	if (status.queue_empty && aq->pendingq_count)
		ap_flush_sent(aq);
}

/*
 * The state machine.
 */
static enum ap_state ap_queue_ready_state(struct ap_queue *aq)
{
	if (!aq->queue_count)
		return AP_STATE_IDLE;
	/* TAPQ's QD is the depth less one */
	return aq->queue_count <= aq->card->hwinfo.qd ?
		AP_STATE_WORKING : AP_STATE_QUEUE_FULL;
}

/*
 * A reset, interrupts, and another reset that interrupts them are one recovery
 * with one bound: ap_queue_run() says when it is over.
 */
static void ap_queue_start_clock(struct ap_queue *aq, enum ap_clock from,
				 enum ap_clock to)
{
	if (to == AP_CLOCK_NONE || to == from)
		return;
	aq->clock_start = ktime_get_ns();
	if (to == AP_CLOCK_RESET && !aq->recovering) {
		aq->recovering = true;
		aq->recovery_start = aq->clock_start;
	}
}

/* The first time soon, then each time after twice as long */
static void ap_queue_plan_heal(struct ap_queue *aq)
{
	unsigned int most = ap_scan_interval() * MSEC_PER_SEC;

	aq->heal_ms = min(aq->heal_ms ? aq->heal_ms * 2 : AP_HEAL_FIRST_MS, most);
	aq->heal_at = ktime_get_ns() + aq->heal_ms * NSEC_PER_MSEC;
	ap_poll_arm(aq, AP_LOOK_HEAL);
}

/* End of phase 3; the new state has been set */
static void ap_queue_zero_over(struct ap_queue *aq, bool clean)
{
	struct ap_hand_over *ho = &aq->hand_over;

	ho->end = ktime_get_ns();
	ho->clean = clean;
	ho->reset_ns = ho->end - aq->clock_start;
	ap_queue_count(aq, AP_FIGURE_RESET_NS, ho->reset_ns);
	trace_s390_ap_remove(aq, clean ? AP_PHASE_PROVEN : AP_PHASE_UNPROVEN);
	WRITE_ONCE(aq->cleanings, aq->cleanings + 1);
	wake_up_all(&ap_zero_over);
}

/*
 * The one place where a queue's state changes. Messages are handed back after
 * the change, so that a sender that is woken finds the new state.
 */
VISIBLE_IF_KUNIT void ap_queue_set_state(struct ap_queue *aq, enum ap_state to)
{
	const struct ap_state_desc *desc = &ap_states[to];
	enum ap_state from = aq->state;

	lockdep_assert_held(&aq->lock);
	if (to == from)
		return;
	if (WARN_ONCE(!(ap_states[from].next & BIT(to)),
		      "AP queue %04x: %s may not follow %s\n",
		      aq->qid, desc->name, ap_states[from].name))
		return;
	trace_s390_ap_state(aq, ap_states[from].name, desc->name);

	/* Back and forth with each message: nothing begins or ends with it */
	if ((BIT(from) & TO_READY) && (BIT(to) & TO_READY)) {
		WRITE_ONCE(aq->state, to);
		return;
	}

	if ((from == AP_STATE_RESET_WAIT && to == AP_STATE_IDLE) ||
	    to == AP_STATE_UNBOUND)
		ap_poll_learn_reset(aq);
	ap_queue_start_clock(aq, ap_states[from].clock, desc->clock);
	if (to == AP_STATE_ERROR || to == AP_STATE_REMOVE)
		aq->err_from = from;
	/* Pairs with the lock-free reads of ap_queue_zero_wait() */
	WRITE_ONCE(aq->state, to);

	if (desc->flush == AP_FLUSH_SENT)
		ap_flush_sent(aq);
	else if (desc->flush == AP_FLUSH_ALL)
		ap_flush_both(aq);
	if (desc->flush)
		aq->queue_count = 0;

	if (to == AP_STATE_UNCLEAN) {
		if (!aq->unclean || aq->unclean_rc != aq->last_err_rc)
			ap_queue_news(aq, AP_NEWS_UNCLEAN);
		aq->unclean = true;
		aq->unclean_rc = aq->last_err_rc;
	}
	if (to == AP_STATE_UNBOUND) {
		aq->unclean = false;
		aq->unproven = false;
		aq->heal_ms = 0;
		ap_queue_news(aq, AP_NEWS_CLEAN);
	}
	if (desc->heals) {
		aq->recovering = false;
		ap_queue_plan_heal(aq);
	}
	if (to == AP_STATE_BOUND || to == AP_STATE_ZERO_START)
		aq->untouched = false;
	if (ap_state_zeroing(to) && !ap_state_zeroing(from))
		trace_s390_ap_remove(aq, AP_PHASE_CLEAN);
	if (ap_state_zeroing(from) && !ap_state_zeroing(to))
		ap_queue_zero_over(aq, to == AP_STATE_UNBOUND);
}

/*
 * What was wrong when it was tried the last time would have shown by now: what comes
 * is something new, to be told and to be mended soon. A reply says so, too, but an
 * idle queue gets none.
 */
static void ap_queue_forget(struct ap_queue *aq)
{
	if (aq->heal_ms && (s64)(ktime_get_ns() - aq->heal_at) > (s64)AP_HEAL_OVER_NS)
		aq->heal_ms = 0;
}

/*
 * Out of order. The bus scan finds out what became of the card; as long as that
 * seems to be there the queue is reset again after a while. Told once, however
 * often that is in vain. That somebody has deconfigured a card is not worth a line
 * in the log.
 */
static void ap_queue_fail(struct ap_queue *aq, const char *what, int rc)
{
	const char *reason = "response code 00";
	char buf[24];

	ap_queue_forget(aq);
	if (rc != AP_RESPONSE_NORMAL)
		reason = ap_rc_reason(rc, buf, sizeof(buf));
	if (rc != AP_RESPONSE_DECONFIGURED && !aq->heal_ms)
		pr_warn_ratelimited("queue %s out of order in state %s: %s (%s); it is reset until it works again: look at its attributes config and chkstop\n",
				    ap_name(aq), ap_state_name(aq->state), what,
				    reason);
	AP_DBF_WARN("%s queue %04x rc 0x%02x\n", __func__, aq->qid, rc);
	aq->last_err_rc = rc;
	if (!aq->heal_ms)
		ap_scan_soon();
	ap_queue_set_state(aq, AP_STATE_ERROR);
}

/*
 * An answer that should not have come. That a queue works again takes back what
 * was held against it, and so does time.
 */
static void ap_queue_doubt(struct ap_queue *aq, const char *what, int rc)
{
	if (time_after(jiffies, aq->doubted + AP_DOUBT_PERIOD))
		aq->doubts = 0;
	aq->doubted = jiffies;
	if (aq->doubts >= AP_DOUBTS) {
		ap_queue_fail(aq, what, rc);
		return;
	}
	aq->doubts++;
	AP_DBF_WARN("%s queue %04x %s rc 0x%02x\n", __func__, aq->qid, what, rc);
	aq->last_err_rc = rc;
	ap_queue_set_state(aq, AP_STATE_RESET_START);
}

/*
 * Phase 3 has failed: closed to all drivers until a later one succeeds. Told
 * once, however often that is tried.
 */
static void ap_queue_unclean(struct ap_queue *aq)
{
	char buf[24];

	if (!aq->unclean)
		pr_err_ratelimited("queue %s is not clean (%s) and gets no driver until it is: that is tried again, or write to its reset attribute\n",
				   ap_name(aq),
				   ap_rc_reason(aq->last_err_rc, buf, sizeof(buf)));
	AP_DBF_ERR("%s queue %04x rc 0x%02x\n", __func__, aq->qid,
		   aq->last_err_rc);
	if (!aq->unclean)
		ap_scan_soon();
	ap_queue_set_state(aq, AP_STATE_UNCLEAN);
}

static void ap_queue_goto(struct ap_queue *aq, unsigned int next,
			  const char *what, int rc)
{
	switch (next) {
	case AP_STATE_KEEP:
		break;
	case AP_STATE_READY:
		ap_queue_set_state(aq, ap_queue_ready_state(aq));
		break;
	case AP_STATE_DOUBT:
		ap_queue_doubt(aq, what, rc);
		break;
	case AP_STATE_ERROR:
		ap_queue_fail(aq, what, rc);
		break;
	case AP_STATE_UNCLEAN:
		ap_queue_unclean(aq);
		break;
	case AP_STATE_UNBOUND:
		ap_queue_set_state(aq, AP_STATE_UNBOUND);
		if (aq->attach)
			ap_scan_attach();
		break;
	default:
		ap_queue_set_state(aq, next);
		break;
	}
}

/* Carries out the row for an answer; DQAP's reply is in aq->reply */
VISIBLE_IF_KUNIT enum ap_look
ap_queue_answer(struct ap_queue *aq, enum ap_insn insn,
		struct ap_queue_status status, unsigned int bufferfuls)
{
	const struct ap_answer *row = ap_answer_find(insn, status);
	struct ap_message *msg;

	if (row->odd)
		ap_queue_forget(aq);
	if (row->odd && !aq->heal_ms)
		pr_warn_ratelimited("queue %s: unexpected answer to %s in state %s, status %08x; what is in doubt is reset, if this goes on look at the card\n",
				    ap_name(aq), ap_insns[insn].name,
				    ap_state_name(aq->state),
				    *(u32 *)&status);
	aq->irq = status.irq_enabled;

	switch (row->fate) {
	case AP_FATE_SENT:
		msg = list_first_entry(&aq->requestq, struct ap_message, list);
		ap_msg_sent(aq, msg);
		break;
	case AP_FATE_REFUSED:
		msg = list_first_entry(&aq->requestq, struct ap_message, list);
		AP_DBF_WARN("%s NQAP rc 0x%02x on queue %04x\n", __func__,
			    status.response_code, aq->qid);
		ap_msg_hand_back(aq, msg, -EINVAL, NULL);
		break;
	case AP_FATE_RECEIVED:
		ap_reply_arrived(aq, status, bufferfuls);
		break;
	case AP_FATE_LOST:
		ap_flush_sent(aq);
		break;
	}
	ap_queue_goto(aq, row->next, ap_insns[insn].name,
		      status.response_code);
	return row->look;
}

/*
 * The steps: one instruction each (sending and receiving: as many as there
 * are messages), and its answer.
 */
static enum ap_look ap_step_rest(struct ap_queue *aq)
{
	return AP_LOOK_NONE;
}

/*
 * Whether it is time to try again. Where the bus knows that the card is away it is
 * the scan that sees it come back.
 */
static enum ap_look ap_queue_heal_look(struct ap_queue *aq)
{
	if (!aq->config || aq->chkstop || aq->retired)
		return AP_LOOK_NONE;
	return ktime_get_ns() < aq->heal_at ? AP_LOOK_HEAL : AP_LOOK_NOW;
}

/* From the beginning, for whatever was wrong before */
static void ap_queue_restart(struct ap_queue *aq)
{
	AP_DBF_INFO("%s queue %04x after rc 0x%02x\n", __func__, aq->qid,
		    aq->last_err_rc);
	aq->assoc_idx = ASSOC_IDX_INVALID;
	ap_queue_set_state(aq, AP_STATE_RESET_START);
}

static enum ap_look ap_step_error(struct ap_queue *aq)
{
	enum ap_look look = ap_queue_heal_look(aq);

	/* The bus scan sees to it that it is zero-reset first */
	if (aq->unproven)
		return AP_LOOK_NONE;
	if (look == AP_LOOK_NOW)
		ap_queue_restart(aq);
	return look;
}

static enum ap_look ap_step_unclean(struct ap_queue *aq)
{
	enum ap_look look = ap_queue_heal_look(aq);

	if (look == AP_LOOK_NOW)
		ap_queue_set_state(aq, AP_STATE_ZERO_START);
	return look;
}

/*
 * A reset that somebody has begun before does not unbind the queue from a secure
 * guest, as RAPQ with the F bit does: that is issued again when it is over.
 */
VISIBLE_IF_KUNIT enum ap_look ap_queue_answer_rapq(struct ap_queue *aq,
						   struct ap_queue_status status)
{
	enum ap_look look;

	if (aq->rapq_fbit && ap_status_says(status, AP_RESPONSE_RESET_IN_PROGRESS))
		return AP_LOOK_RESET;
	look = ap_queue_answer(aq, AP_INSN_RAPQ, status, 0);
	if (aq->state == AP_STATE_RESET_WAIT)
		aq->rapq_fbit = 0;
	return look;
}

static enum ap_look ap_step_reset(struct ap_queue *aq)
{
	return ap_queue_answer_rapq(aq, ap_rapq(aq->qid, aq->rapq_fbit));
}

/* No interrupts: polled until they are tried again, which is less and less often */
static void ap_queue_poll_for_now(struct ap_queue *aq)
{
	aq->irq_delay = clamp(aq->irq_delay * 2, AP_IRQ_DELAY_MIN,
			      AP_IRQ_DELAY_MAX);
	aq->irq_again = jiffies + aq->irq_delay;
}

static enum ap_look ap_queue_aqic(struct ap_queue *aq)
{
	union ap_qirq_ctrl ctrl = { .ir = 1, .isc = AP_ISC };
	struct ap_queue_status status;
	enum ap_look look;

	status = ap_aqic(aq->qid, ctrl, ap_poll_nib(aq));
	look = ap_queue_answer(aq, AP_INSN_AQIC, status, 0);
	aq->aqic_again = aq->state == AP_STATE_SETIRQ_WAIT &&
			 look == AP_LOOK_RESET;
	if (BIT(aq->state) & TO_READY &&
	    status.response_code >= AP_RESPONSE_INVALID_ADDRESS)
		ap_queue_poll_for_now(aq);
	return look;
}

/* After a reset, or where they were switched off behind our back */
static bool ap_queue_wants_irq(struct ap_queue *aq)
{
	if (aq->irq || !ap_poll_interrupts())
		return false;
	return !aq->irq_delay || time_after(jiffies, aq->irq_again);
}

static enum ap_look ap_step_reset_wait(struct ap_queue *aq)
{
	struct ap_queue_status status;
	struct ap_tapq_hwinfo hwinfo;
	enum ap_look look;

	status = ap_test_queue(aq->qid, 1, &hwinfo);
	look = ap_queue_answer(aq, AP_INSN_TAPQ_RESET, status, 0);
	if (aq->state != AP_STATE_IDLE)
		return look;
	aq->se_bstate = hwinfo.bs;
	if (ap_queue_wants_irq(aq))
		look = ap_queue_aqic(aq);
	return look;
}

static enum ap_look ap_step_setirq_wait(struct ap_queue *aq)
{
	enum ap_look look;

	if (aq->aqic_again)
		return ap_queue_aqic(aq);
	look = ap_queue_answer(aq, AP_INSN_TAPQ_IRQ, ap_tapq(aq->qid, NULL), 0);
	if (aq->irq && BIT(aq->state) & TO_READY)
		aq->irq_delay = 0;
	return look;
}

/* GR0, beside the queue's number (asm/ap.h) */
#define AP_NQAP_LAST	0x40000000UL
#define AP_NQAP_SPECIAL	0x00400000UL
#define AP_DQAP		0x80000000UL

/**
 * struct ap_transfer - the registers of NQAP and DQAP
 * @gr: GR0 the queue, and how far the message has got; GR1 the status; GR2, of
 *	DQAP, what is left of the reply
 * @psmid: whose message it is, in two halves
 * @buf: what is left of the buffer: where it begins, how long it is
 */
struct ap_transfer {
	unsigned long gr[3];
	union register_pair psmid;
	union register_pair buf;
};

#define AP_INSN_NQAP_RRE	0xb2ad0000UL
#define AP_INSN_DQAP_RRE	0xb2ae0000UL

/*
 * Once: ap_nqap() and ap_dqap() go on by themselves as long as the card has more
 * to take or to give, and know no end. Returns whether it has, that is condition
 * code 1 or 2 (asm/ap.h); the status is there only when it has not.
 */
static __always_inline bool ap_transfer_part(const unsigned long insn, struct ap_transfer *t)
{
	unsigned int cc;

	asm volatile("	lmg	0,2,%[gr]\n"
		     "	.insn	rre,%[insn],%[psmid],%[buf]\n"
		     "	ipm	%[cc]\n"
		     "	stmg	0,2,%[gr]\n"
		     : [gr] "+S" (t->gr), [psmid] "+&d" (t->psmid.pair),
		       [buf] "+&d" (t->buf.pair), [cc] "=&d" (cc)
		     : [insn] "i" (insn)
		     : "cc", "memory", "0", "1", "2");
	cc = cc >> 28 & 3;
	return cc == 1 || cc == 2;
}

/*
 * More parts than a card needs: where a segment of memory ends, and, of a reply,
 * where it does not fit. 24 would do for a reply of 24 KiB and zcrypt's smallest
 * buffer, 1 KiB. The limit is for a card that never comes to an end: all of this
 * is under the queue's lock.
 */
#define AP_PARTS_MAX	32

/* What it has not taken whole is still the first one in the requestq. */
static enum ap_look ap_queue_nqap(struct ap_queue *aq)
{
	struct ap_message *msg = list_first_entry(&aq->requestq,
						  struct ap_message, list);
	struct ap_transfer t = {
		.gr = { aq->qid | AP_NQAP_LAST },
		.psmid = { .even = msg->psmid >> 32, .odd = (u32)msg->psmid },
		.buf = { .even = (unsigned long)msg->msg, .odd = msg->len },
	};
	union ap_queue_status_reg status;
	unsigned int parts = 1;

	if (msg->flags & AP_MSG_FLAG_SPECIAL)
		t.gr[0] |= AP_NQAP_SPECIAL;
	for (; ap_transfer_part(AP_INSN_NQAP_RRE, &t); parts++) {
		if (parts == AP_PARTS_MAX) {
			ap_queue_doubt(aq, "a message that it does not take whole",
				       AP_RESPONSE_NORMAL);
			return AP_LOOK_LATER;
		}
	}
	status.value = t.gr[1];
	trace_s390_ap_nqap(AP_QID_CARD(aq->qid), AP_QID_QUEUE(aq->qid),
			   (u32)status.value, msg->psmid);
	return ap_queue_answer(aq, AP_INSN_NQAP, status.status, 0);
}

/*
 * Sends while there is room; bounded by the depth and by what waits. @attended:
 * the caller looks for the replies itself, and marks the queue when it leaves.
 */
static enum ap_look ap_queue_send(struct ap_queue *aq, bool attended)
{
	enum ap_look look = AP_LOOK_NONE;

	while (aq->requestq_count &&
	       (aq->state == AP_STATE_IDLE || aq->state == AP_STATE_WORKING)) {
		/*
		 * Before NQAP, not after: the reply's interrupt can be handled
		 * on another CPU as soon as the card has the message, and it
		 * looks at those queues only that are marked.
		 */
		if (!attended)
			ap_poll_outstanding(aq, true);
		look = ap_queue_nqap(aq);
	}
	/* The last one may have been refused, with others at the card */
	if (look == AP_LOOK_NOW)
		look = ap_states[aq->state].outstanding ? AP_LOOK_REPLY :
							  AP_LOOK_NONE;
	return look;
}

static enum ap_look ap_step_send(struct ap_queue *aq)
{
	return ap_queue_send(aq, false);
}

/*
 * Each bufferful of a reply goes into the same buffer; with more than one, what
 * matters is only that the entry leaves the firmware's queue.
 */
static enum ap_look ap_queue_dqap(struct ap_queue *aq)
{
	const union register_pair whole = {
		.even = (unsigned long)aq->reply->msg,
		.odd = aq->reply->bufsize,
	};
	struct ap_transfer t = { .gr = { aq->qid | AP_DQAP }, .buf = whole };
	unsigned int parts = 1, bufferfuls = 1;
	union ap_queue_status_reg status;

	for (; ap_transfer_part(AP_INSN_DQAP_RRE, &t); parts++) {
		if (parts == AP_PARTS_MAX) {
			memzero_explicit(aq->reply->msg, aq->reply->bufsize);
			ap_queue_doubt(aq, "a reply that does not end",
				       AP_RESPONSE_NORMAL);
			return AP_LOOK_LATER;
		}
		if (!t.buf.odd) {
			t.buf = whole;
			t.gr[2] = 0;
			bufferfuls++;
		}
	}
	status.value = t.gr[1];
	aq->reply->psmid = t.psmid.even << 32 | (u32)t.psmid.odd;
	aq->reply->len = whole.odd - t.buf.odd;
	trace_s390_ap_dqap(AP_QID_CARD(aq->qid), AP_QID_QUEUE(aq->qid),
			   (u32)status.value, aq->reply->psmid);
	/* A part of a reply that breaks off does not lie here either */
	if (parts > 1 && status.status.response_code)
		memzero_explicit(aq->reply->msg, aq->reply->bufsize);
	return ap_queue_answer(aq, AP_INSN_DQAP, status.status, bufferfuls);
}

static enum ap_look ap_step_work(struct ap_queue *aq)
{
	unsigned int depth = aq->card->hwinfo.qd + 1;
	/* Each reply can make room for one more; more than that can wait */
	unsigned int budget = 4 * depth, strays = aq->strays;
	enum ap_look look = AP_LOOK_NONE, sent;

	do {
		look = ap_queue_dqap(aq);
		sent = ap_step_send(aq);
		/* What NQAP has led to may have to be looked at in time */
		if (sent != AP_LOOK_NONE &&
		    (look != AP_LOOK_NOW || !ap_states[aq->state].outstanding))
			look = sent;
	} while (look == AP_LOOK_NOW && ap_states[aq->state].outstanding &&
		 --budget);
	/*
	 * What was cancelled while it was at the card is answered, too, but the
	 * card never had more than that of them.
	 */
	if (look == AP_LOOK_NOW && aq->strays - strays > depth) {
		ap_queue_doubt(aq, "replies to no request", AP_RESPONSE_NORMAL);
		return AP_LOOK_LATER;
	}
	if (look == AP_LOOK_NOW)
		look = ap_states[aq->state].outstanding ? AP_LOOK_LATER :
							  AP_LOOK_NONE;
	if (aq->state == AP_STATE_IDLE && ap_queue_wants_irq(aq))
		look = ap_queue_aqic(aq);
	return look;
}

/*
 * A card may have the reply by the time that NQAP is over. Who finds that out
 * looks for the next ones there, too, and spares the detour by an interrupt or
 * a timer; who does not find one stops looking. It is tried with the first
 * message of a queue, and then with every TRIAL-th.
 */
#define TRIAL	64

static bool ap_queue_attends(struct ap_queue *aq)
{
	return !(aq->trial++ % TRIAL) || READ_ONCE(aq->card->quick);
}

/* What the caller does then: arrange for this look, or run the queue now */
static enum ap_look ap_queue_attend(struct ap_queue *aq)
{
	unsigned int budget = aq->card->hwinfo.qd + 1;
	enum ap_look look;
	bool quick;

	do
		look = ap_queue_dqap(aq);
	while (look == AP_LOOK_NOW && ap_states[aq->state].outstanding &&
	       --budget);
	quick = !aq->queue_count;
	if (quick != READ_ONCE(aq->card->quick))
		WRITE_ONCE(aq->card->quick, quick);
	if (aq->state == AP_STATE_IDLE && !aq->requestq_count)
		return ap_queue_wants_irq(aq) ? ap_queue_aqic(aq) : AP_LOOK_NONE;
	/*
	 * An interrupt for a reply that came after the look above found no mark
	 * and did nothing; one for a reply that comes after the look below finds
	 * it.
	 */
	ap_poll_outstanding(aq, ap_states[aq->state].outstanding);
	return AP_LOOK_NOW;
}

/* A message has come, and the queue can send it */
static void ap_queue_begin(struct ap_queue *aq, struct ap_message *msg)
{
	bool attend = ap_queue_attends(aq);
	enum ap_look look;

	aq->attended = msg;
	look = ap_queue_send(aq, attend);
	if (attend && ap_states[aq->state].outstanding)
		look = ap_queue_attend(aq);
	aq->attended = NULL;
	if (look == AP_LOOK_NOW) {
		ap_queue_run(aq);
	} else {
		ap_poll_outstanding(aq, ap_states[aq->state].outstanding);
		ap_poll_arm(aq, look);
	}
}

/* What TAPQ says of an association that is under way; @bs: its BS field */
VISIBLE_IF_KUNIT enum ap_look ap_queue_answer_assoc(struct ap_queue *aq,
						    struct ap_queue_status status,
						    unsigned int bs)
{
	enum ap_look look;

	look = ap_queue_answer(aq, AP_INSN_TAPQ_ASSOC, status, 0);
	if (aq->state != AP_STATE_ASSOC_WAIT)
		return look;

	aq->se_bstate = bs;
	if (bs == AP_BS_Q_USABLE) {
		ap_queue_news(aq, AP_NEWS_ASSOC);
		ap_queue_set_state(aq, AP_STATE_IDLE);
		return AP_LOOK_NOW;
	}
	if (bs == AP_BS_Q_USABLE_NO_SECURE_KEY)
		return look;
	/* Somebody else has reset the queue: it is not even bound any more */
	aq->assoc_idx = ASSOC_IDX_INVALID;
	ap_queue_fail(aq, "association lost", status.response_code);
	return AP_LOOK_NONE;
}

static enum ap_look ap_step_assoc_wait(struct ap_queue *aq)
{
	struct ap_queue_status status;
	struct ap_tapq_hwinfo hwinfo;

	status = ap_test_queue(aq->qid, 1, &hwinfo);
	return ap_queue_answer_assoc(aq, status, hwinfo.bs);
}

/* Without driver, the last answer is the reason if it fails */
static enum ap_look ap_queue_answer_zero(struct ap_queue *aq, enum ap_insn insn,
					 struct ap_queue_status status)
{
	aq->last_err_rc = status.response_code;
	return ap_queue_answer(aq, insn, status, 0);
}

static enum ap_look ap_step_zero(struct ap_queue *aq)
{
	aq->hand_over.zapq++;
	return ap_queue_answer_zero(aq, AP_INSN_ZAPQ, ap_zapq(aq->qid, 0));
}

static enum ap_look ap_step_zero_busy(struct ap_queue *aq)
{
	aq->hand_over.tapq++;
	return ap_queue_answer_zero(aq, AP_INSN_TAPQ_BUSY, ap_tapq(aq->qid, NULL));
}

static enum ap_look ap_step_zero_wait(struct ap_queue *aq)
{
	aq->hand_over.tapq++;
	return ap_queue_answer_zero(aq, AP_INSN_TAPQ_ZERO, ap_tapq(aq->qid, NULL));
}

/* Ends a wait whose time is up, after one last look */
VISIBLE_IF_KUNIT enum ap_look ap_queue_check_clock(struct ap_queue *aq,
						   enum ap_look look)
{
	enum ap_clock clock = ap_states[aq->state].clock;
	unsigned int ms = ap_clocks[clock].ms;
	u64 start;

	if (clock == AP_CLOCK_NONE)
		return look;
	if (clock == AP_CLOCK_ZERO)
		ms = READ_ONCE(ap_remove_timeout_ms);
	start = clock == AP_CLOCK_RESET ? aq->recovery_start : aq->clock_start;
	if (ktime_get_ns() - start < (u64)ms * NSEC_PER_MSEC)
		return look;

	if (clock == AP_CLOCK_IRQ) {
		if (!aq->irq_delay)
			pr_warn_ratelimited("queue %s: interrupts not on after %u ms, polling it until they are; it works, only slower\n",
					    ap_name(aq), ms);
		ap_queue_poll_for_now(aq);
	}
	ap_queue_goto(aq, ap_clocks[clock].next, "time is up",
		      ap_clocks[clock].rc);
	return aq->state == AP_STATE_IDLE ? AP_LOOK_NOW : AP_LOOK_NONE;
}

/* Does what there is to do now, and arranges for the next look */
static void ap_queue_run(struct ap_queue *aq)
{
	enum ap_look look;

	lockdep_assert_held(&aq->lock);
	do {
		look = ap_states[aq->state].step(aq);
		if (look == AP_LOOK_RESET)
			look = ap_queue_check_clock(aq, look);
	} while (look == AP_LOOK_NOW);
	if (ap_states[aq->state].clock == AP_CLOCK_NONE)
		aq->recovering = false;
	ap_poll_outstanding(aq, ap_states[aq->state].outstanding);
	ap_poll_arm(aq, look);
}

/*
 * A zero-reset begins. Not when the device is gone: who walks over the queues may
 * still hold one, and whatever it starts would outlive it.
 */
static void ap_queue_clean(struct ap_queue *aq)
{
	if (aq->retired)
		return;
	ap_queue_set_state(aq, AP_STATE_ZERO_START);
	ap_queue_run(aq);
}

/**
 * ap_queue_look() - look at a queue: timers, interrupts and the poll thread
 * @aq: the queue
 *
 * Context: softirq or process; takes the queue's lock. The caller holds the
 * RCU read lock or a reference.
 */
void ap_queue_look(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	ap_queue_run(aq);
	spin_unlock_bh(&aq->lock);
}

/* Too long without a reply: give the messages back, and the card a reset */
static void ap_queue_give_up(struct ap_queue *aq)
{
	pr_warn_ratelimited("queue %s: nothing came back for %u s, handing back %d messages and resetting it; if this goes on look at the card\n",
			    ap_name(aq),
			    jiffies_to_msecs(jiffies - aq->progress) / 1000,
			    aq->requestq_count + aq->pendingq_count);
	ap_flush_both(aq);
	if (ap_states[aq->state].outstanding) {
		ap_queue_set_state(aq, AP_STATE_RESET_START);
		ap_queue_run(aq);
	}
}

static bool ap_queue_watched(struct ap_queue *aq)
{
	/* Without messages too: a card whose senders have given up can hang */
	return ap_queue_waiting(aq) || ap_states[aq->state].outstanding;
}

/* What is sent behind others waits for them first */
static unsigned long ap_msg_start(const struct ap_queue *aq,
				  const struct ap_message *msg)
{
	return time_after(aq->turn, msg->since) ? aq->turn : msg->since;
}

/* Whether nothing comes although nobody waits for it any more */
static bool ap_queue_quiet(struct ap_queue *aq)
{
	if (!ap_queue_owes(aq)) {
		aq->owed_limit = 0;
		aq->quiet_limit = 0;
	}
	return aq->quiet_limit && !time_after(aq->progress, aq->quiet_since) &&
	       time_after(jiffies, aq->quiet_since + aq->quiet_limit);
}

/*
 * Whether the card has stopped to work. When it answers, but not to everything,
 * what has had its time goes back, and a reply that still comes is dropped.
 * The list is in sending order, so that what follows has more time.
 */
VISIBLE_IF_KUNIT bool ap_queue_expire(struct ap_queue *aq)
{
	struct ap_message *msg, *next;
	unsigned long limit = 0;

	if (ap_queue_quiet(aq))
		return true;
	list_for_each_entry_safe(msg, next, &aq->pendingq, list) {
		limit = ap_msg_limit(aq, msg, limit);
		if (!time_after(jiffies, ap_msg_start(aq, msg) + limit))
			return false;
		AP_DBF_WARN("%s no reply to psmid 0x%016lx on queue %04x\n",
			    __func__, msg->psmid, aq->qid);
		if (!time_after(aq->progress, msg->since))
			return true;
		ap_msg_hand_back(aq, msg, -EAGAIN, NULL);
	}
	msg = list_first_entry_or_null(&aq->requestq, struct ap_message, list);
	if (msg)
		limit = ap_msg_limit(aq, msg, max(limit, aq->owed_limit));
	else
		limit = aq->request_timeout;
	/*
	 * With nothing at the card its reply cannot be what we wait for: the card
	 * is somebody else's or broken, and not worth the whole time.
	 */
	if (!aq->queue_count)
		limit = min(limit, 10UL * HZ);
	if (msg && time_after(msg->since, aq->progress))
		return time_after(jiffies, msg->since + limit);
	return ap_queue_watched(aq) && time_after(jiffies, aq->progress + limit);
}

/**
 * ap_queue_watch() - the watchdog's look at a queue
 * @aq: the queue
 *
 * Notices what no interrupt tells: a lost one, a card that went away, and
 * a reply that does not come within the driver's time limit.
 *
 * Context: softirq; takes the queue's lock.
 */
void ap_queue_watch(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	if (ap_states[aq->state].outstanding)
		ap_queue_run(aq);
	if (ap_queue_expire(aq))
		ap_queue_give_up(aq);
	if (ap_queue_watched(aq))
		ap_poll_watch(aq);
	spin_unlock_bh(&aq->lock);
}

/*
 * What drivers call.
 */

/**
 * ap_queue_init_state() - have the bus work the queue, beginning with a reset
 * @aq: a queue that is bound to the calling driver
 *
 * Context: process; takes the queue's lock.
 */
void ap_queue_init_state(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	if (!WARN_ON_ONCE(!ap_state_bound(aq->state))) {
		aq->last_err_rc = 0;
		aq->assoc_idx = ASSOC_IDX_INVALID;
		if (!aq->config || aq->chkstop || aq->unproven) {
			aq->last_err_rc = aq->chkstop ? AP_RESPONSE_CHECKSTOPPED :
							AP_RESPONSE_DECONFIGURED;
			ap_queue_set_state(aq, AP_STATE_ERROR);
			/* It came back while it was on its way to its driver */
			if (aq->config && !aq->chkstop)
				ap_scan_soon();
		} else {
			ap_queue_set_state(aq, AP_STATE_RESET_START);
			ap_queue_run(aq);
		}
	}
	spin_unlock_bh(&aq->lock);
}
EXPORT_SYMBOL(ap_queue_init_state);

/**
 * ap_queue_init_reply() - give the bus a buffer for replies
 * @aq: a queue that is bound to the calling driver
 * @reply: buffer as large as the card's largest message; the bus uses it from
 *	when probe() has succeeded until remove() is called
 *
 * Without it the queue takes no messages.
 *
 * Context: process; takes the queue's lock.
 */
void ap_queue_init_reply(struct ap_queue *aq, struct ap_message *reply)
{
	spin_lock_bh(&aq->lock);
	if (!WARN_ON_ONCE(!ap_state_bound(aq->state)))
		WRITE_ONCE(aq->reply, reply);
	spin_unlock_bh(&aq->lock);
}
EXPORT_SYMBOL(ap_queue_init_reply);

/* Sure under the queue's lock only, a guess without */
static bool ap_queue_accepts(const struct ap_queue *aq)
{
	return ap_states[READ_ONCE(aq->state)].accepts &&
	       READ_ONCE(aq->open) && READ_ONCE(aq->reply);
}

/**
 * ap_msg_get_owner() - record through which driver's module a message goes
 * @aq: the queue the message is for
 * @ap_msg: the message
 *
 * Takes a reference on the module of the driver that the queue is bound to now.
 * ap_msg_put_owner() drops it.
 *
 * Context: any; the caller holds a reference on the queue. Lock-free: the driver
 * lies in its module, which is freed an RCU grace period after its last queue has
 * let go of it, and try_module_get() fails from when that begins. The queue may
 * lose the driver at any time; ap_queue_message() looks, under the lock, whether it
 * still is the one that is recorded.
 * Return: 0; -ENODEV when the queue takes no messages or the module is going.
 */
int ap_msg_get_owner(struct ap_queue *aq, struct ap_message *ap_msg)
{
	const struct ap_driver *drv;
	int rc = -ENODEV;

	rcu_read_lock();
	drv = READ_ONCE(aq->driver);
	if (drv && ap_queue_accepts(aq) && try_module_get(drv->driver.owner)) {
		ap_msg->owner = drv->driver.owner;
		rc = 0;
	}
	rcu_read_unlock();
	return rc;
}
EXPORT_SYMBOL(ap_msg_get_owner);

/**
 * ap_queue_message() - give a queue a message
 * @aq: the queue
 * @ap_msg: the message, with receive() and psmid set
 *
 * Context: any but hard irq; takes the queue's lock; receive() may have been
 * called before this returns.
 * Return: 0, and receive() is called exactly once unless the message is
 * cancelled; -ENODEV and nothing has changed: the queue takes no messages, or
 * it has another driver than the one whose module the message records.
 */
int ap_queue_message(struct ap_queue *aq, struct ap_message *ap_msg)
{
	int rc = -ENODEV;

	if (WARN_ON_ONCE(!ap_msg->receive))
		return -EINVAL;

	spin_lock_bh(&aq->lock);
	if (ap_queue_accepts(aq) &&
	    (!ap_msg->owner || ap_msg->owner == aq->driver->driver.owner)) {
		ap_msg_accept(aq, ap_msg);
		ap_poll_watch(aq);
		if (aq->state == AP_STATE_IDLE || aq->state == AP_STATE_WORKING)
			ap_queue_begin(aq, ap_msg);
		rc = 0;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}
EXPORT_SYMBOL(ap_queue_message);

/**
 * ap_cancel_message() - take a message back
 * @aq: the queue it was given to
 * @ap_msg: the message
 *
 * A message that was handed back already is left alone. A reply of the card to
 * a cancelled message is dropped.
 *
 * Context: any but hard irq; takes the queue's lock. The bus does not touch
 * the message after this has returned.
 */
void ap_cancel_message(struct ap_queue *aq, struct ap_message *ap_msg)
{
	spin_lock_bh(&aq->lock);
	if (ap_msg->stage == AP_MSG_REQUESTQ ||
	    ap_msg->stage == AP_MSG_PENDINGQ) {
		if (ap_msg->stage == AP_MSG_PENDINGQ)
			ap_msg_abandon(aq, ap_msg);
		ap_msg_unlink(aq, ap_msg, AP_MSG_PREPARED);
		trace_s390_ap_msg_done(aq, ap_msg, -ECANCELED);
	}
	spin_unlock_bh(&aq->lock);
}
EXPORT_SYMBOL(ap_cancel_message);

/**
 * ap_flush_queue() - hand all messages back, to be sent elsewhere
 * @aq: the queue
 *
 * The queue goes on; replies to what is at the card are dropped when they come.
 *
 * Context: any but hard irq; takes the queue's lock, receive() is called.
 */
void ap_flush_queue(struct ap_queue *aq)
{
	struct ap_message *msg;

	spin_lock_bh(&aq->lock);
	list_for_each_entry(msg, &aq->pendingq, list)
		ap_msg_abandon(aq, msg);
	ap_flush_both(aq);
	spin_unlock_bh(&aq->lock);
}
EXPORT_SYMBOL(ap_flush_queue);

static bool ap_se_usable(const struct ap_queue *aq)
{
	unsigned int bstate = READ_ONCE(aq->se_bstate);

	return ap_queue_supports_bind(aq) &&
	       (bstate == AP_BS_Q_USABLE ||
		bstate == AP_BS_Q_USABLE_NO_SECURE_KEY);
}

/* A queue with messages at the card, and no reply for that long, is stuck */
#define STUCK	(HZ / 4)

/**
 * ap_queue_fitness() - whether a queue would take a message just now
 * @aq: the queue
 *
 * A hint for choosing a queue: only ap_queue_message() knows for sure.
 *
 * Context: any; the caller holds the RCU read lock or a reference. Lock-free:
 * each field is one word that is looked at once, and it does not matter that they
 * do not belong together: what is found may be over at the next moment anyway.
 * Return: see enum ap_fitness.
 */
enum ap_fitness ap_queue_fitness(const struct ap_queue *aq)
{
	enum ap_state state = READ_ONCE(aq->state);

	if (!ap_queue_accepts(aq) || !READ_ONCE(aq->config) ||
	    READ_ONCE(aq->chkstop) || (ap_is_se_guest() && !ap_se_usable(aq)))
		return AP_UNFIT;
	if (state == AP_STATE_IDLE)
		return AP_FIT_NOW;
	if (!ap_states[state].outstanding ||
	    time_after(jiffies, READ_ONCE(aq->progress) + STUCK))
		return AP_FIT_LATER;
	return AP_FIT_NOW;
}
EXPORT_SYMBOL(ap_queue_fitness);

/*
 * What sysfs asks for.
 */

/**
 * ap_queue_reset() - reset a queue because somebody wants it
 * @aq: the queue
 * @fbit: F bit of RAPQ: ends the binding of a secure guest too
 *
 * All messages are handed back. A queue without driver that is not clean is
 * cleaned again instead.
 *
 * Context: process; takes the queue's lock; does not wait for the reset.
 * Return: 0; -EBUSY when the queue's driver works it itself, or is being
 * removed; -ENODEV with @fbit when the bus does not work the queue.
 */
int ap_queue_reset(struct ap_queue *aq, int fbit)
{
	int rc = 0;

	spin_lock_bh(&aq->lock);
	if (ap_states[aq->state].runs && aq->unproven) {
		ap_scan_soon();
		rc = fbit ? -ENODEV : 0;
	} else if (ap_states[aq->state].runs) {
		ap_flush_both(aq);
		/* An unbind that was asked for before is not taken back */
		aq->rapq_fbit |= fbit;
		if (fbit)
			aq->assoc_idx = ASSOC_IDX_INVALID;
		aq->last_err_rc = 0;
		aq->doubts = 0;
		aq->heal_ms = 0;
		ap_queue_set_state(aq, AP_STATE_RESET_START);
		ap_queue_run(aq);
	} else if (fbit) {
		rc = -ENODEV;
	} else if (aq->state == AP_STATE_UNCLEAN) {
		ap_queue_clean(aq);
	} else if (aq->state == AP_STATE_BOUND ||
		   aq->state == AP_STATE_REMOVE) {
		rc = -EBUSY;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}

/* TAPQ with facilities, for the secure guest's bind state; 0 or -EIO */
static int ap_queue_fetch_bs(struct ap_queue *aq)
{
	struct ap_queue_status status;
	struct ap_tapq_hwinfo hwinfo;

	status = ap_test_queue(aq->qid, 1, &hwinfo);
	if (status.response_code) {
		AP_DBF_WARN("%s TAPQ rc 0x%02x on queue %04x\n", __func__,
			    status.response_code, aq->qid);
		return -EIO;
	}
	aq->se_bstate = hwinfo.bs;
	return 0;
}

static int __ap_queue_bind(struct ap_queue *aq)
{
	struct ap_queue_status status;

	if (!ap_states[aq->state].runs)
		return -ENODEV;
	/* Not during a reset, which would undo it */
	if (aq->state < AP_STATE_IDLE || !ap_states[aq->state].accepts)
		return -EBUSY;
	if (ap_queue_fetch_bs(aq))
		return -EIO;
	if (aq->se_bstate != AP_BS_Q_AVAIL_FOR_BINDING)
		return -EINVAL;

	status = ap_bapq(aq->qid);
	if (status.response_code) {
		AP_DBF_WARN("%s BAPQ rc 0x%02x on queue %04x\n", __func__,
			    status.response_code, aq->qid);
		return -EIO;
	}
	aq->assoc_idx = ASSOC_IDX_INVALID;
	if (ap_queue_fetch_bs(aq) || !ap_se_usable(aq))
		return -EIO;
	return 0;
}

/**
 * ap_queue_bind() - bind a queue to this secure guest (BAPQ)
 * @aq: the queue
 *
 * A uevent with SE_BIND=1 tells of it.
 *
 * Context: process, sleeps; takes the queue's lock.
 * Return: 0; -ENODEV when the bus does not work the queue; -EINVAL when it
 * cannot be bound as it is; -EBUSY during a reset; -EIO when the firmware
 * refuses.
 */
int ap_queue_bind(struct ap_queue *aq)
{
	int rc;

	spin_lock_bh(&aq->lock);
	rc = __ap_queue_bind(aq);
	spin_unlock_bh(&aq->lock);
	if (!rc)
		ap_send_change(&aq->ap_dev.device, "SE_BIND", "1", NULL);
	return rc;
}

static int __ap_queue_associate(struct ap_queue *aq, unsigned int idx)
{
	struct ap_queue_status status;

	if (!ap_states[aq->state].runs)
		return -ENODEV;
	if (aq->state != AP_STATE_IDLE)
		return -EBUSY;
	if (ap_queue_fetch_bs(aq))
		return -EIO;
	if (aq->se_bstate != AP_BS_Q_USABLE_NO_SECURE_KEY)
		return -EINVAL;

	status = ap_aapq(aq->qid, idx);
	if (status.response_code != AP_RESPONSE_NORMAL &&
	    status.response_code != AP_RESPONSE_STATE_CHANGE_IN_PROGRESS) {
		AP_DBF_WARN("%s AAPQ rc 0x%02x on queue %04x\n", __func__,
			    status.response_code, aq->qid);
		return -EIO;
	}
	aq->assoc_idx = idx;
	ap_queue_set_state(aq, AP_STATE_ASSOC_WAIT);
	ap_queue_run(aq);
	return 0;
}

/**
 * ap_queue_associate() - associate a bound queue with a secret (AAPQ)
 * @aq: the queue
 * @idx: index of the secret
 *
 * A uevent with SE_ASSOC= and the index tells of its end, if that is good.
 *
 * Context: process; takes the queue's lock; does not wait for the end.
 * Return: 0 and the association is under way; -ENODEV when the bus does not work
 * the queue; -EBUSY when it is not idle; -EINVAL when it is not bound or has one;
 * -EIO when the firmware refuses.
 */
int ap_queue_associate(struct ap_queue *aq, unsigned int idx)
{
	int rc;

	spin_lock_bh(&aq->lock);
	rc = __ap_queue_associate(aq, idx);
	spin_unlock_bh(&aq->lock);
	return rc;
}

/**
 * ap_queue_clean_text() - the text of the attribute "clean"
 * @aq: the queue
 * @buf: where to
 * @size: size of @buf
 *
 * Context: process; takes the queue's lock.
 * Return: length of the text.
 */
int ap_queue_clean_text(struct ap_queue *aq, char *buf, size_t size)
{
	char reason[24];
	int len;

	spin_lock_bh(&aq->lock);
	if (aq->state == AP_STATE_UNBOUND)
		len = scnprintf(buf, size, aq->untouched ? "untouched\n" :
							   "clean\n");
	else if (ap_state_bound(aq->state))
		len = scnprintf(buf, size, "in use\n");
	else if (aq->unclean)
		/* also while it is tried again: what is known is the failure */
		len = scnprintf(buf, size, "not clean: %s\n",
				ap_rc_reason(aq->unclean_rc, reason,
					     sizeof(reason)));
	else
		len = scnprintf(buf, size, "in progress\n");
	spin_unlock_bh(&aq->lock);
	return len;
}

/*
 * Coming and going of drivers: what ap_bus.c calls.
 */

/**
 * ap_queue_zero_start() - phase 3 begins: have the queue zero-reset
 * @aq: a queue whose driver is gone, or that was just found
 *
 * Context: process; takes the queue's lock; ap_queue_zero_wait() waits.
 */
void ap_queue_zero_start(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	if (aq->state == AP_STATE_REMOVE)
		ap_queue_clean(aq);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_heal_unclean() - have a queue that is not clean cleaned once more
 * @aq: the queue
 *
 * Context: process; takes the queue's lock; ap_queue_zero_wait() waits.
 */
void ap_queue_heal_unclean(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	if (aq->state == AP_STATE_UNCLEAN)
		ap_queue_clean(aq);
	spin_unlock_bh(&aq->lock);
}

/*
 * How long a cleaning is waited for. All waits of a batch end when the first one
 * would have: by then each cleaning that had begun before is over, and one that is
 * tried again meanwhile is nobody's business here.
 */
static unsigned long ap_zero_patience(void)
{
	unsigned long most = msecs_to_jiffies(READ_ONCE(ap_remove_timeout_ms)) + HZ;
	struct ap_batch *batch = ap_batch_current();

	if (!batch)
		return most;
	if (!batch->waits) {
		batch->waits = true;
		batch->end = jiffies + most;
	}
	return time_before(jiffies, batch->end) ? batch->end - jiffies : 0;
}

/**
 * ap_queue_zero_wait() - wait until phase 3 is over, one way or the other
 * @aq: the queue
 *
 * Context: process, sleeps; ends within the parameter remove_timeout (and one
 * second of slack for a timer that comes late), in a batch for all its queues
 * together.
 */
void ap_queue_zero_wait(struct ap_queue *aq)
{
	unsigned int cleanings = READ_ONCE(aq->cleanings);

	if (!ap_state_zeroing(READ_ONCE(aq->state)))
		return;
	/*
	 * Lock-free: each is one word, written under the lock before the wake-up,
	 * and who wants to act on it takes the lock and looks again. One that has
	 * failed may be tried again before we run.
	 */
	wait_event_timeout(ap_zero_over,
			   !ap_state_zeroing(READ_ONCE(aq->state)) ||
			   READ_ONCE(aq->cleanings) != cleanings,
			   ap_zero_patience());
}

/*
 * An untouched queue may hold what somebody left in it before it came to us. A
 * default driver sees no more of it than that it is off line, and has to give it
 * back, see ap_queue_take_unproven(), when it is not any more; a guest would see
 * it all.
 */
static bool ap_queue_may_have(struct ap_queue *aq, struct ap_driver *drv)
{
	if (aq->state != AP_STATE_UNBOUND)
		return false;
	return !aq->untouched || drv->flags & AP_DRIVER_FLAG_DEFAULT;
}

/**
 * ap_queue_claim() - a driver is to get the queue
 * @aq: the queue
 * @drv: the driver
 * @retry: have a queue that is not clean cleaned once more
 *
 * Waits for a zero-reset that is under way. Fails closed.
 *
 * Context: process, sleeps, bounded as ap_queue_zero_wait(); device lock held.
 * Return: 0 and the state is BOUND; -EBUSY when the queue is not clean: the bus
 * scan attaches a driver when it is.
 */
int ap_queue_claim(struct ap_queue *aq, struct ap_driver *drv, bool retry)
{
	int rc = -EBUSY;

	if (retry)
		ap_queue_heal_unclean(aq);
	ap_queue_zero_wait(aq);

	spin_lock_bh(&aq->lock);
	aq->attach = !ap_queue_may_have(aq, drv);
	if (!aq->attach) {
		if (!(drv->flags & AP_DRIVER_FLAG_DEFAULT))
			aq->off_line = false;
		WRITE_ONCE(aq->driver, drv);
		aq->irq_delay = 0;
		aq->doubts = 0;
		aq->heal_ms = 0;
		aq->rapq_fbit = 0;
		aq->request_timeout = 60 * HZ;
		aq->unproven = aq->untouched;
		ap_queue_set_state(aq, AP_STATE_BOUND);
		ap_queue_news(aq, 0);
		rc = 0;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}

/**
 * ap_queue_open() - probe() has succeeded: messages may come
 * @aq: the queue
 *
 * Not earlier: a probe() that fails has no remove() before which its messages
 * would be handed back, and may have freed the reply buffer.
 *
 * Context: process; takes the queue's lock; device lock held.
 */
void ap_queue_open(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	WRITE_ONCE(aq->open, true);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_remove_begin() - phase 1: no message gets in, all are handed back
 * @aq: a bound queue
 *
 * When it returns, every receive() has returned, no timer of the queue is
 * armed, no instruction goes to it, and the reply buffer is the driver's.
 *
 * Context: process, sleeps; device lock held.
 */
void ap_queue_remove_begin(struct ap_queue *aq)
{
	struct ap_hand_over *ho = &aq->hand_over;

	spin_lock_bh(&aq->lock);
	*ho = (struct ap_hand_over) {
		.start = ktime_get_ns(),
		.flushed = aq->requestq_count + aq->pendingq_count,
		.opened = aq->open,
	};
	strscpy(ho->driver, aq->driver->driver.name, sizeof(ho->driver));
	trace_s390_ap_remove(aq, AP_PHASE_FLUSH);
	ap_queue_set_state(aq, AP_STATE_REMOVE);
	aq->heal_ms = 0;
	ap_poll_outstanding(aq, false);
	WRITE_ONCE(aq->open, false);
	WRITE_ONCE(aq->reply, NULL);
	spin_unlock_bh(&aq->lock);

	/* Who looks at the queue from here on finds REMOVE, and rests */
	ap_poll_queue_stop(aq);

	spin_lock_bh(&aq->lock);
	ho->flush_ns = ktime_get_ns() - ho->start;
	trace_s390_ap_remove(aq, AP_PHASE_REMOVE);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_remove_done() - end of phase 2: the driver is done with the queue
 * @aq: the queue
 *
 * Context: process; device lock held.
 */
void ap_queue_remove_done(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	WRITE_ONCE(aq->driver, NULL);
	aq->hand_over.remove_ns = ktime_get_ns() - aq->hand_over.start -
				  aq->hand_over.flush_ns;
	if (aq->hand_over.opened) {
		ap_queue_count(aq, AP_FIGURE_HAND_OVERS, 1);
		ap_queue_news(aq, AP_NEWS_REMOVED);
	}
	spin_unlock_bh(&aq->lock);
}

/*
 * What the bus scan asks for.
 */

static void ap_queue_heal(struct ap_queue *aq)
{
	aq->heal_ms = 0;
	if (aq->state == AP_STATE_ERROR && !aq->unproven) {
		ap_queue_restart(aq);
		ap_queue_run(aq);
	} else if (aq->state == AP_STATE_UNCLEAN ||
		   (aq->state == AP_STATE_UNBOUND && aq->untouched)) {
		ap_queue_clean(aq);
	}
}

/* Not during a reset, which may have begun after the scan's TAPQ */
static void ap_queue_scan_doubt(struct ap_queue *aq, struct ap_queue_status status)
{
	if (ap_states[aq->state].clock == AP_CLOCK_RESET)
		return;
	ap_queue_doubt(aq, "bus scan", status.response_code);
	ap_queue_run(aq);
}

/**
 * ap_queue_scanned() - the bus scan has seen the queue
 * @aq: the queue
 * @status: answer to TAPQ
 * @hwinfo: GR2 of TAPQ
 * @heal: somebody wants all to be set right now
 *
 * A queue whose card went away breaks, with all its messages handed back; one
 * that is out of order or not clean gets a reset when its card has come back, or
 * with @heal. A queue that is being removed, or whose driver works it, is left
 * alone.
 *
 * Context: process; takes the queue's lock.
 * Return: whether the configured state has changed.
 */
bool ap_queue_scanned(struct ap_queue *aq, struct ap_queue_status status,
		      struct ap_tapq_hwinfo hwinfo, bool heal)
{
	bool changed, runs, away;

	spin_lock_bh(&aq->lock);
	away = !aq->config || aq->chkstop;
	changed = aq->config == ap_status_says(status, AP_RESPONSE_DECONFIGURED);
	WRITE_ONCE(aq->config, aq->config ^ changed);
	WRITE_ONCE(aq->chkstop,
		   ap_status_says(status, AP_RESPONSE_CHECKSTOPPED));
	/* The scan's TAPQ may be older than a BAPQ; without an answer it stays */
	if (ap_is_se_guest())
		ap_queue_fetch_bs(aq);
	else
		aq->se_bstate = hwinfo.bs;

	runs = ap_states[aq->state].runs && aq->state != AP_STATE_ERROR;
	if (runs && (!aq->config || aq->chkstop))
		ap_queue_fail(aq, "bus scan", status.response_code);
	else if (runs && status.async && status.response_code)
		ap_queue_scan_doubt(aq, status);
	else if (aq->config && !aq->chkstop &&
		 (away || heal || aq->untouched))
		ap_queue_heal(aq);
	spin_unlock_bh(&aq->lock);
	return changed;
}

/**
 * ap_queue_scanned_odd() - the bus scan got an answer that makes no sense
 * @aq: the queue
 * @status: answer to TAPQ
 *
 * Context: process; takes the queue's lock.
 */
void ap_queue_scanned_odd(struct ap_queue *aq, struct ap_queue_status status)
{
	spin_lock_bh(&aq->lock);
	if (ap_states[aq->state].runs && aq->state != AP_STATE_ERROR)
		ap_queue_scan_doubt(aq, status);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_scan_news() - whether an answer to the scan's TAPQ is a surprise
 * @aq: the queue
 * @status: the answer
 *
 * Context: any. Lock-free: what was known is written by the scan alone.
 * Return: true when it should be asked for once more before it is believed.
 */
bool ap_queue_scan_news(const struct ap_queue *aq, struct ap_queue_status status)
{
	if (status.async && status.response_code)
		return true;
	switch (status.response_code) {
	case AP_RESPONSE_NORMAL:
	case AP_RESPONSE_RESET_IN_PROGRESS:
	case AP_RESPONSE_BUSY:
		return false;
	case AP_RESPONSE_DECONFIGURED:
		return aq->config;
	case AP_RESPONSE_CHECKSTOPPED:
		return !aq->chkstop;
	default:
		return true;
	}
}

/**
 * ap_queue_take_unproven() - whether a queue has to be zero-reset before it is used
 * @aq: the queue
 *
 * Its driver got it while its card was away, and now the card is back.
 *
 * Context: process; takes the queue's lock.
 * Return: true if so; the caller takes the queue from its driver, and has one
 * attached with ap_queue_want_attach().
 */
bool ap_queue_take_unproven(struct ap_queue *aq)
{
	bool take;

	spin_lock_bh(&aq->lock);
	take = aq->unproven && aq->state == AP_STATE_ERROR && aq->config &&
	       !aq->chkstop;
	spin_unlock_bh(&aq->lock);
	return take;
}

/**
 * ap_queue_want_attach() - a driver is to be attached when the queue is clean
 * @aq: a queue that was taken from its driver, unless it has another one by now
 *
 * Also when somebody has unbound it at the same moment: he cannot be told from us.
 * The caller looks for it with ap_queue_take_attach(), for one that is clean already.
 *
 * Context: process; takes the queue's lock.
 */
void ap_queue_want_attach(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	aq->attach = !aq->driver;
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_take_attach() - whether a driver was refused a queue now clean
 * @aq: the queue
 *
 * Context: process; takes the queue's lock.
 * Return: true once; the caller has a driver attached.
 */
bool ap_queue_take_attach(struct ap_queue *aq)
{
	bool attach;

	spin_lock_bh(&aq->lock);
	attach = aq->attach && aq->state == AP_STATE_UNBOUND && !aq->untouched;
	if (attach)
		aq->attach = false;
	spin_unlock_bh(&aq->lock);
	return attach;
}

/**
 * ap_queue_barred() - whether no driver can get the queue now
 * @aq: the queue
 *
 * Context: any; takes the queue's lock.
 * Return: true from when a cleaning has failed until one succeeds, and for an
 * untouched queue outside the masks, or with a driver_override, which may name
 * a driver that does not get such queues.
 */
bool ap_queue_barred(struct ap_queue *aq)
{
	bool barred;

	spin_lock_bh(&aq->lock);
	barred = aq->unclean ||
		 (aq->untouched && (!READ_ONCE(aq->reserved) || READ_ONCE(aq->override)));
	spin_unlock_bh(&aq->lock);
	return barred;
}

/**
 * ap_queue_listed() - the device is there: tell user space what happens to it
 * @aq: a queue whose device was just added
 *
 * Context: process; takes the queue's lock.
 */
void ap_queue_listed(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	aq->listed = true;
	/*
	 * Who began to wait before this does not wait for what is over. That a
	 * queue is there does not say that it could not be cleaned, so that is told;
	 * and so is that it was taken from its first driver already.
	 */
	if (!(aq->news & AP_NEWS_REMOVED))
		aq->news = 0;
	ap_queue_news(aq, aq->unclean ? AP_NEWS_UNCLEAN : 0);
	spin_unlock_bh(&aq->lock);
}

/**
 * ap_queue_unlisted() - the device goes: that is told by the driver core
 * @aq: a queue whose device is about to be deleted
 *
 * When it returns nothing of the queue is told any more.
 *
 * Context: process, sleeps; takes the queue's lock.
 */
void ap_queue_unlisted(struct ap_queue *aq)
{
	spin_lock_bh(&aq->lock);
	aq->listed = false;
	spin_unlock_bh(&aq->lock);
	if (cancel_work_sync(&aq->news_work))
		put_device(&aq->ap_dev.device);
}

static void ap_queue_free(struct device *dev)
{
	struct ap_queue *aq = to_ap_queue(dev);

	ap_poll_queue_exit(aq);
	put_device(&aq->card->ap_dev.device);
	kfree_rcu(aq, rcu);
}

/**
 * ap_queue_create() - a queue was found
 * @qid: its APQN
 * @ac: its card
 * @status: what TAPQ answered
 * @hwinfo: GR2 of TAPQ
 *
 * What an earlier kernel or another guest left in a working queue is wiped
 * before the first driver gets it: the zero-reset begins here. A card that is
 * deconfigured or checkstopped cannot do that now, and nothing of ours is in
 * it: its queues are "untouched", can have a default driver (which sees them
 * off line), and are zero-reset when the card comes back; for that such a driver
 * loses them for a moment.
 *
 * Context: process, sleeps; the device is initialized, not registered.
 * Return: the queue, or NULL when there is no memory.
 */
struct ap_queue *ap_queue_create(ap_qid_t qid, struct ap_card *ac,
				 struct ap_queue_status status,
				 struct ap_tapq_hwinfo hwinfo)
{
	struct ap_queue *aq = kzalloc(sizeof(*aq), GFP_KERNEL);
	struct device *dev;

	if (!aq)
		return NULL;
	aq->qid = qid;
	aq->card = ac;
	aq->config = !ap_status_says(status, AP_RESPONSE_DECONFIGURED);
	aq->chkstop = ap_status_says(status, AP_RESPONSE_CHECKSTOPPED);
	aq->se_bstate = hwinfo.bs;
	aq->assoc_idx = ASSOC_IDX_INVALID;
	aq->untouched = !aq->config || aq->chkstop;
	aq->state = aq->untouched ? AP_STATE_UNBOUND : AP_STATE_REMOVE;
	aq->ap_dev.device_type = ac->ap_dev.device_type;
	spin_lock_init(&aq->lock);
	INIT_LIST_HEAD(&aq->scan_node);
	INIT_LIST_HEAD(&aq->pendingq);
	INIT_LIST_HEAD(&aq->requestq);
	INIT_WORK(&aq->news_work, ap_queue_tell);
	if (ap_poll_queue_init(aq)) {
		kfree(aq);
		return NULL;
	}

	dev = &aq->ap_dev.device;
	dev_set_name(dev, "%02x.%04x", AP_QID_CARD(qid), AP_QID_QUEUE(qid));
	get_device(&ac->ap_dev.device);
	dev->type = &ap_queue_type;
	dev->release = ap_queue_free;
	dev->bus = &ap_bus_type;
	dev->parent = &ac->ap_dev.device;
	if (ap_is_se_guest() && ap_queue_supports_bind(aq))
		dev->groups = ap_queue_se_groups;
	device_initialize(dev);
	ap_queue_zero_start(aq);
	return aq;
}

/**
 * ap_queue_retire() - the device is gone: leave the queue alone for good
 * @aq: a queue without driver
 *
 * Context: process, sleeps; takes ap_perms_mutex.
 */
void ap_queue_retire(struct ap_queue *aq)
{
	ap_override_drop(aq);
	spin_lock_bh(&aq->lock);
	if (ap_state_zeroing(aq->state))
		ap_queue_set_state(aq, AP_STATE_UNCLEAN);
	aq->retired = true;
	if (aq->state == AP_STATE_UNCLEAN)
		ap_poll_keep_nib(aq);
	spin_unlock_bh(&aq->lock);
	ap_poll_queue_stop(aq);
}
