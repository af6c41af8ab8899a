/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The AP bus's inner workings, shared by its own files only.
 *
 * Lock order, outermost first:
 *   ap_revise_mutex          one change of the bindings at a time (ap_bus.c)
 *   ap_scan_mutex            one bus scan at a time (ap_scan.c)
 *   device lock              driver core; held in probe() and remove()
 *   ap_perms_mutex           the masks (ap_mask.c)
 *   aq->lock                 one queue, bottom halves off
 *   ap_batch_lock, ap_bindings_lock, xa_lock   leaves
 * ap_poll_thread_mutex (ap_poll.c) is taken with none of them held.
 * receive() and the poll code run under aq->lock; nothing is taken inside
 * but the driver's own leaf locks.
 */
#ifndef _AP_PRIV_H_
#define _AP_PRIV_H_

#include <linux/xarray.h>

#include "ap_bus.h"
#include "ap_debug.h"
#include "ap_remove.h"

/* ap_bus.c */
extern const struct bus_type ap_bus_type;
extern struct device *ap_root_device;

void ap_bus_revise_bindings(void);
void ap_bus_bindings_changed(void);
void ap_bus_check_bindings(void);
void ap_bus_expect_bindings(void);
u64 ap_bus_bindings_completed(void);
void ap_bus_count_bindings(unsigned int *apqns, unsigned int *bound);
void ap_send_change(struct device *dev, const char *what, const char *value,
		    const char *reason);
typedef int ap_driver_fn_t(struct ap_driver *drv, void *arg);
int ap_bus_visit_drivers(ap_driver_fn_t *fn, void *arg);

void ap_queue_note_masks(struct ap_queue *aq);

/* ap_bus_sysfs.c */
extern const struct attribute_group *ap_bus_groups[];
ssize_t ap_sysfs_figure(char *buf, const atomic64_t *figures, enum ap_figure nr);
int ap_sysfs_bool(const char *buf, bool *on);

/* ap_mask.c */
struct ap_mask;
extern const struct ap_mask ap_mask_adapters;	/* apmask */
extern const struct ap_mask ap_mask_domains;	/* aqmask */

void ap_mask_init(const char *apmask, const char *aqmask);
bool ap_mask_reserved(ap_qid_t qid);
bool ap_mask_may_have(const struct ap_driver *drv, const struct ap_queue *aq);
int ap_override_show(const struct ap_queue *aq, char *buf);
int ap_override_write(struct ap_queue *aq, const char *buf, size_t count);
void ap_override_drop(struct ap_queue *aq);
int ap_mask_show(const struct ap_mask *mask, char *buf);
int ap_mask_write(const struct ap_mask *mask, const char *buf, size_t count);

/* ap_card.c */
extern const struct device_type ap_card_type;
struct ap_card *ap_card_create(int id, struct ap_tapq_hwinfo hwinfo,
			       int comp_type);

static inline bool is_card_dev(const struct device *dev)
{
	return dev->type == &ap_card_type;
}

/* ap_scan.c */
extern struct xarray ap_queues;		/* by APQN */
extern struct ap_config_info ap_qci_now;
extern int ap_max_adapter_id;
extern int ap_max_domain_id;

void ap_scan_init(void);
int ap_scan_start(void);
struct ap_queue *ap_queue_get_next(unsigned long *qid);
void ap_scan_exit(void);
void ap_scan_soon(void);
void ap_scan_attach(void);
void ap_scan_stop(void);
u64 ap_scan_count(void);
int ap_scan_interval(void);
void ap_scan_set_interval(int seconds);
int ap_scan_set_domain(int domain);
int ap_sb_available(void);

/* ap_msg.c */
int ap_msg_init(unsigned int reserve);
void ap_msg_exit(void);

/* ap_queue.c */
struct ap_queue *ap_queue_create(ap_qid_t qid, struct ap_card *ac,
				 struct ap_queue_status status,
				 struct ap_tapq_hwinfo hwinfo);
void ap_queue_retire(struct ap_queue *aq);
int ap_queue_claim(struct ap_queue *aq, struct ap_driver *drv, bool retry);
void ap_queue_open(struct ap_queue *aq);
void ap_queue_remove_begin(struct ap_queue *aq);
void ap_queue_remove_done(struct ap_queue *aq);
void ap_queue_zero_start(struct ap_queue *aq);
void ap_queue_heal_unclean(struct ap_queue *aq);
void ap_queue_zero_wait(struct ap_queue *aq);
bool ap_queue_scanned(struct ap_queue *aq, struct ap_queue_status status,
		      struct ap_tapq_hwinfo hwinfo, bool heal);
bool ap_queue_scan_news(const struct ap_queue *aq, struct ap_queue_status status);
void ap_queue_scanned_odd(struct ap_queue *aq, struct ap_queue_status status);
bool ap_queue_take_attach(struct ap_queue *aq);
bool ap_queue_take_unproven(struct ap_queue *aq);
void ap_queue_want_attach(struct ap_queue *aq);
bool ap_queue_barred(struct ap_queue *aq);
int ap_queue_reset(struct ap_queue *aq, int fbit);
int ap_queue_bind(struct ap_queue *aq);
int ap_queue_associate(struct ap_queue *aq, unsigned int idx);
void ap_queue_look(struct ap_queue *aq);
void ap_queue_watch(struct ap_queue *aq);
extern atomic64_t ap_figures[NR_AP_FIGURES];
void ap_queue_listed(struct ap_queue *aq);
void ap_queue_unlisted(struct ap_queue *aq);
int ap_queue_clean_text(struct ap_queue *aq, char *buf, size_t size);
bool ap_state_bound(enum ap_state state);

/* What user space is to be told of a queue */
#define AP_NEWS_REMOVED	BIT(0)	/* taken from its driver */
#define AP_NEWS_CLEAN	BIT(1)
#define AP_NEWS_UNCLEAN	BIT(2)
#define AP_NEWS_ASSOC	BIT(3)	/* associated with a secret */
#define AP_NEWS_RESULTS	(AP_NEWS_CLEAN | AP_NEWS_UNCLEAN)

/* The instructions of the state machine, by what they are issued for */
enum ap_insn {
	AP_INSN_NQAP,
	AP_INSN_DQAP,
	AP_INSN_RAPQ,
	AP_INSN_TAPQ_RESET,
	AP_INSN_AQIC,
	AP_INSN_TAPQ_IRQ,
	AP_INSN_TAPQ_ASSOC,
	AP_INSN_ZAPQ,
	AP_INSN_TAPQ_BUSY,
	AP_INSN_TAPQ_ZERO,
	NR_AP_INSNS
};

/* What becomes of the message at hand */
enum ap_fate {
	AP_FATE_NONE,		/* it stays where it is */
	AP_FATE_SENT,		/* NQAP took it */
	AP_FATE_REFUSED,	/* the queue will never take it: -EINVAL */
	AP_FATE_RECEIVED,	/* DQAP brought a reply */
	AP_FATE_LOST,		/* the card forgot what was sent: -EAGAIN */
};

/* Targets of an answer that depend on where the queue is */
#define AP_STATE_KEEP	NR_AP_STATES		/* no change */
#define AP_STATE_READY	(NR_AP_STATES + 1)	/* IDLE, WORKING or QUEUE_FULL */
#define AP_STATE_DOUBT	(NR_AP_STATES + 2)	/* RESET_START, or at last ERROR */

/* Which answers with its response code a row is for */
enum ap_when {
	AP_WHEN_ALWAYS,
	AP_WHEN_EMPTY,		/* the firmware's queue is empty */
	AP_WHEN_IRQ,		/* interrupts are on */
	AP_WHEN_CLEAN,		/* empty, and interrupts are off */
	AP_WHEN_ASYNC,		/* an asynchronous error is pending */
	AP_WHEN_SECURE,		/* this is a secure guest */
};

/**
 * struct ap_answer - one row: what an answer to an instruction means
 * @rc: response code, or one of AP_RC_*
 * @when: narrows @rc
 * @next: state that follows, or AP_STATE_KEEP, _READY or _DOUBT
 * @fate: what becomes of the message
 * @look: when to look again
 * @odd: worth a log line
 */
struct ap_answer {
	s16 rc;
	u8 when;
	u8 next;
	u8 fate;
	u8 look;
	bool odd;
};

/* Response codes of one meaning */
#define AP_RC_ANY	(-1)
#define AP_RC_GONE	(-2)	/* 01, 03, 04: not for us until it is back */
#define AP_RC_BUSY	(-3)	/* 05, 0A: no time for us just now */

/* With an asynchronous error pending the code says nothing of the card */
static inline bool ap_status_says(struct ap_queue_status status, int rc)
{
	return status.response_code == rc && !status.async;
}

static inline bool ap_queue_supports_bind(const struct ap_queue *aq)
{
	return aq->card->hwinfo.ep11 || aq->card->hwinfo.accel;
}

/* ap_queue_sysfs.c */
extern const struct device_type ap_queue_type;
extern const struct attribute_group *ap_queue_se_groups[];

static inline bool is_queue_dev(const struct device *dev)
{
	return dev->type == &ap_queue_type;
}

/* ap_poll.c */
/**
 * enum ap_look - when a queue is looked at next
 * @AP_LOOK_NONE: not before something else happens
 * @AP_LOOK_NOW: at once, by the caller
 * @AP_LOOK_REPLY: when a reply may be there: at the interrupt, or by polling
 * @AP_LOOK_RESET: when a reset may be over
 * @AP_LOOK_LATER: in a few milliseconds
 * @AP_LOOK_HEAL: when it is time to try again, see ap_queue_plan_heal()
 */
enum ap_look {
	AP_LOOK_NONE,
	AP_LOOK_NOW,
	AP_LOOK_REPLY,
	AP_LOOK_RESET,
	AP_LOOK_LATER,
	AP_LOOK_HEAL,
};

#if IS_ENABLED(CONFIG_KUNIT)
const struct ap_answer *ap_answer_find(enum ap_insn insn,
				       struct ap_queue_status status);
bool ap_state_may_follow(enum ap_state from, enum ap_state to);
unsigned int ap_insn_states(enum ap_insn insn);
const struct ap_answer *ap_insn_answers(enum ap_insn insn);
void ap_queue_set_state(struct ap_queue *aq, enum ap_state to);
enum ap_look ap_queue_answer(struct ap_queue *aq, enum ap_insn insn,
			     struct ap_queue_status status,
			     unsigned int bufferfuls);
enum ap_look ap_queue_check_clock(struct ap_queue *aq, enum ap_look look);
enum ap_look ap_queue_answer_rapq(struct ap_queue *aq,
				  struct ap_queue_status status);
bool ap_queue_expire(struct ap_queue *aq);
enum ap_look ap_queue_answer_assoc(struct ap_queue *aq,
				   struct ap_queue_status status,
				   unsigned int bs);
#endif

int ap_poll_init(bool useirq, bool poll_thread);
void ap_poll_exit(void);
int ap_poll_queue_init(struct ap_queue *aq);
void ap_poll_queue_exit(struct ap_queue *aq);
void ap_poll_queue_stop(struct ap_queue *aq);
void ap_poll_arm(struct ap_queue *aq, enum ap_look look);
void ap_poll_watch(struct ap_queue *aq);
void ap_poll_outstanding(struct ap_queue *aq, bool outstanding);
void ap_poll_learn(struct ap_queue *aq, const struct ap_message *msg);
void ap_poll_learn_reset(struct ap_queue *aq);
bool ap_poll_interrupts(void);
phys_addr_t ap_poll_nib(const struct ap_queue *aq);
void ap_poll_keep_nib(const struct ap_queue *aq);
int ap_poll_thread_set(bool on);
bool ap_poll_thread_on(void);
unsigned long ap_poll_timeout_get(void);
int ap_poll_timeout_set(unsigned long ns);

#endif /* _AP_PRIV_H_ */
