// SPDX-License-Identifier: GPL-2.0
/*
 * A second driver for AP queues, for tests.  It is not a default driver, so
 * it gets queues outside apmask and aqmask.  It writes down each call it gets,
 * can be told to be slow or to fail, sends messages of its own, and watches
 * what the bus must not do: call it after remove(), touch its reply buffer
 * after remove(), hand a message back twice, or touch one that was cancelled.
 *
 * Everything is in debugfs, directory ap_testdrv:
 *	log		SEQ TIME_NS CPU EVENT CC.DDDD TEXT, oldest first
 *	log_clear	write anything
 *	submit		"CC.DDDD COUNT [cancel|noowner]": send COUNT messages to a
 *			queue this driver has had before, return when the last one
 *			is back (or wait_ms over)
 *	results		what became of all messages, and the count of broken promises
 *	results_clear	write anything
 * and the numbers of td_knobs[].
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "td_bus.h"

#define TD_LOG_SIZE	32768	/* entries */
#define TD_LOG_TEXT	80
#define TD_NO_QID	-1
#define TD_MAX_BATCH	256
#define TD_REPLY_SIZE	4096
#define TD_POISON	0xa5
#define TD_GRAVES	64	/* reply buffers kept under watch */
#define TD_OPERAND	64	/* RSA-512 */
#define TD_PSMID	0x7e57000000000000ul

/* Type 50 request of the smallest format: operands are right-justified. */
struct td_request {
	u8 reserved1;
	u8 type;
	__be16 length;
	u8 reserved2[4];
	__be16 format;
	u8 reserved3[6];
	u8 exponent[128];
	u8 modulus[128];
	u8 data[128];
} __packed;

/* What stands at the begin of every reply. */
struct td_reply {
	u8 reserved1;
	u8 type;
	__be16 length;
	u8 code;
} __packed;

enum td_phase {
	TD_AWAY,	/* not ours: nothing of this driver may run for it */
	TD_BOUND,
	TD_REMOVING,	/* in remove(): the bus has flushed before */
};

/*
 * What is known of an APQN that was ours once; lives as long as the module,
 * and so does the reference to the device: a message can be sent to a queue
 * that has gone.
 */
struct td_queue {
	struct ap_queue *aq;
	int qid;
	enum td_phase phase;
	unsigned int bindings;	/* how often it became ours */
	unsigned int open;	/* let in, not handed back */
	struct ap_message reply;
};

struct td_batch {
	atomic_t left;
	struct completion done;
};

struct td_msg {
	struct ap_message m;
	struct td_queue *tq;
	struct td_batch *batch;
	unsigned int receives;
	unsigned int binding;	/* of tq->bindings, that it went in through; or 0 */
	bool counted;		/* in tq->open */
	bool owned;
	bool cancelled;
	bool refused;
};

struct td_event {
	u64 seq;
	u64 time;
	int cpu;
	int qid;
	const char *event;
	char text[TD_LOG_TEXT];
};

/* Sums since the module was loaded or since results_clear. */
enum td_count {
	TD_SUBMITTED, TD_REFUSED, TD_REPLIED, TD_FLUSHED, TD_ERROR, TD_CANCELLED,
	/* broken promises from here on */
	TD_WRONG, TD_LOST, TD_DOUBLE, TD_AFTER_CANCEL, TD_REFUSED_CHANGED,
	TD_REFUSED_ODDLY, TD_OPEN_AT_REMOVE, TD_IN_REMOVE_CALLS, TD_LATE_CALLS,
	TD_LATE_WRITES, TD_OWNER_HELD,
	TD_COUNTS
};

static const char * const td_count_names[TD_COUNTS] = {
	[TD_SUBMITTED] = "submitted",
	[TD_REFUSED] = "refused",
	[TD_REPLIED] = "replied",
	[TD_FLUSHED] = "flushed",
	[TD_ERROR] = "error",
	[TD_CANCELLED] = "cancelled",
	[TD_WRONG] = "wrong",
	[TD_LOST] = "lost",
	[TD_DOUBLE] = "double",
	[TD_AFTER_CANCEL] = "after_cancel",
	[TD_REFUSED_CHANGED] = "refused_changed",
	[TD_REFUSED_ODDLY] = "refused_oddly",
	[TD_OPEN_AT_REMOVE] = "open_at_remove",
	[TD_IN_REMOVE_CALLS] = "in_remove_calls",
	[TD_LATE_CALLS] = "late_calls",
	[TD_LATE_WRITES] = "late_writes",
	[TD_OWNER_HELD] = "owner_held",
};

enum td_knob_nr {
	TD_PROBE_DELAY, TD_REMOVE_DELAY, TD_PROBE_ERROR, TD_PROBE_ERROR_COUNT,
	TD_PROBE_ERROR_LATE, TD_PASSIVE, TD_IN_USE_BUSY, TD_WAIT, TD_LINGER,
	TD_REQUEST_TIMEOUT,
	TD_KNOBS
};

static struct td_knob {
	const char *name;
	u64 max;
	u64 value;
} td_knobs[TD_KNOBS] = {
	/* both in ms; lowered while the driver waits, they end the wait */
	[TD_PROBE_DELAY] = { "probe_delay_ms", 10000, 0 },
	[TD_REMOVE_DELAY] = { "remove_delay_ms", 120000, 0 },
	/* errno of the next probe_error_count probes, before or after set-up */
	[TD_PROBE_ERROR] = { "probe_error", 133, 0 },
	[TD_PROBE_ERROR_COUNT] = { "probe_error_count", 1000000, 0 },
	[TD_PROBE_ERROR_LATE] = { "probe_error_late", 1, 0 },
	/* 1: leave the queue alone, as a driver for passing it through does */
	[TD_PASSIVE] = { "passive", 1, 0 },
	/* 1: veto the change of a mask */
	[TD_IN_USE_BUSY] = { "in_use_busy", 1, 0 },
	/* how long submit waits for its messages, and for touches after cancel */
	[TD_WAIT] = { "wait_ms", 60000, 60000 },
	[TD_LINGER] = { "linger_ms", 10000, 100 },
	/* the bus's time-out for a reply, taken over at probe */
	[TD_REQUEST_TIMEOUT] = { "request_timeout_ms", 1000000, 60000 },
};

static const u8 td_modulus[TD_OPERAND] = {
	0xc7, 0x97, 0x5f, 0x49, 0xaf, 0xc9, 0xea, 0xe0,
	0x79, 0x64, 0x92, 0x6c, 0xf3, 0x10, 0x64, 0xed,
	0xdb, 0x5c, 0xb4, 0xbb, 0xdc, 0x0e, 0xeb, 0x02,
	0x22, 0x6d, 0xbf, 0x16, 0x58, 0x19, 0x4b, 0x52,
	0xf5, 0x13, 0x25, 0x16, 0x35, 0xc4, 0x53, 0x51,
	0x08, 0xbe, 0x66, 0xaf, 0x6a, 0x75, 0xde, 0xcf,
	0x8b, 0x45, 0xd1, 0x78, 0xaa, 0x38, 0x1e, 0x08,
	0x9b, 0x6f, 0x6f, 0xf0, 0xa0, 0x4a, 0xed, 0xd9,
};

static const u8 td_clear[TD_OPERAND] = {
	0x35, 0x01, 0xce, 0x84, 0xe6, 0x90, 0x50, 0xf7,
	0xd1, 0x74, 0x51, 0x04, 0xd2, 0xf6, 0x19, 0x01,
	0x40, 0x29, 0x36, 0x3d, 0x9a, 0x68, 0x31, 0xc9,
	0xcc, 0x8b, 0xfc, 0x90, 0xb4, 0x35, 0xd9, 0x28,
	0x78, 0x45, 0x3f, 0xa2, 0x30, 0x4d, 0xab, 0x7b,
	0x06, 0x42, 0x23, 0x96, 0x4b, 0x70, 0x6f, 0x87,
	0xa7, 0x2c, 0x60, 0x28, 0x0c, 0x4d, 0xed, 0x88,
	0x4e, 0xb3, 0xf1, 0x7f, 0x32, 0xe7, 0xed, 0x96,
};

static const u8 td_sealed[TD_OPERAND] = {
	0x1f, 0x79, 0x00, 0x42, 0x7d, 0xa5, 0x74, 0x29,
	0x94, 0xca, 0x13, 0x79, 0x49, 0xb9, 0x1f, 0xf7,
	0x33, 0xc6, 0x72, 0xe9, 0x51, 0xf7, 0x31, 0x86,
	0x8e, 0x78, 0xbb, 0x40, 0x07, 0xe8, 0xce, 0xb7,
	0xb1, 0x9d, 0xc0, 0x0e, 0x3d, 0xc8, 0xba, 0x27,
	0xd2, 0xf8, 0x57, 0x05, 0x9f, 0x7b, 0xbe, 0xe0,
	0xc6, 0x26, 0x09, 0x3f, 0x42, 0x7d, 0xdc, 0x7d,
	0x5d, 0xf3, 0xd9, 0xb6, 0xbd, 0x33, 0x30, 0x91,
};

/* Leaf lock: the log, the sums, the phases, the state of messages. */
static DEFINE_SPINLOCK(td_lock);
static struct td_event *td_ring;
static u64 td_next, td_first, td_dropped;	/* dropped: since the last clear */
static long td_counts[TD_COUNTS];
static DEFINE_XARRAY(td_queues);	/* struct td_queue by APQN, never erased */
static DEFINE_MUTEX(td_queues_mutex);
static u8 *td_graves[TD_GRAVES];
static unsigned int td_next_grave;
static atomic64_t td_psmid;
static struct dentry *td_dir;

static struct ap_driver td_driver;

/* The simulator's log, when there is one: see apsim's file "watch". */
static void (*td_apsim)(u16 apqn, const char *text);

static void td_mark(int qid, const char *text)
{
	if (td_apsim)
		td_apsim(qid, text);
}

static u64 td_knob(enum td_knob_nr nr)
{
	return READ_ONCE(td_knobs[nr].value);
}

static __printf(3, 4) void td_log(int qid, const char *event, const char *fmt, ...)
{
	struct td_event *e;
	unsigned long flags;
	va_list args;

	spin_lock_irqsave(&td_lock, flags);
	e = &td_ring[td_next % TD_LOG_SIZE];
	e->seq = td_next++;
	if (td_next - td_first > TD_LOG_SIZE) {
		td_first++;
		td_dropped++;
	}
	e->time = ktime_get_ns();
	e->cpu = smp_processor_id();
	e->qid = qid;
	e->event = event;
	va_start(args, fmt);
	vscnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	spin_unlock_irqrestore(&td_lock, flags);
}

static void td_add(enum td_count nr, long n)
{
	unsigned long flags;

	spin_lock_irqsave(&td_lock, flags);
	td_counts[nr] += n;
	spin_unlock_irqrestore(&td_lock, flags);
}

/* A promise of the bus was broken: count it, and say so once per kind. */
static void td_broken(enum td_count nr, int qid)
{
	td_add(nr, 1);
	td_log(qid, "BROKEN", "%s", td_count_names[nr]);
	td_mark(qid, "BROKEN promise");
	pr_err_ratelimited("%02x.%04x: %s\n", qid >> 8, qid & 0xff, td_count_names[nr]);
}

/*
 * Be slow for as long as the knob says.  It is read again and again, so that a
 * test can end the wait when it has seen what it wanted to see.
 */
static void td_nap(enum td_knob_nr nr)
{
	u64 begin = ktime_get_ns();

	while (ktime_get_ns() - begin < td_knob(nr) * NSEC_PER_MSEC)
		msleep(20);
}

/*
 * Reply buffers of former bindings.  They stay allocated and poisoned for a
 * while: a reply that is stored after remove() is seen instead of corrupting
 * somebody's memory.
 */
static void td_check_graves(void)
{
	unsigned long flags;
	bool touched;
	unsigned int i;

	for (i = 0; i < TD_GRAVES; i++) {
		spin_lock_irqsave(&td_lock, flags);
		touched = td_graves[i] &&
			  memchr_inv(td_graves[i], TD_POISON, TD_REPLY_SIZE);
		if (touched)
			memset(td_graves[i], TD_POISON, TD_REPLY_SIZE);
		spin_unlock_irqrestore(&td_lock, flags);
		if (touched)
			td_broken(TD_LATE_WRITES, 0);
	}
}

static void td_bury(u8 *buf)
{
	unsigned long flags;
	u8 *old;

	if (!buf)
		return;
	td_check_graves();
	memset(buf, TD_POISON, TD_REPLY_SIZE);
	spin_lock_irqsave(&td_lock, flags);
	old = td_graves[td_next_grave];
	td_graves[td_next_grave] = buf;
	td_next_grave = (td_next_grave + 1) % TD_GRAVES;
	spin_unlock_irqrestore(&td_lock, flags);
	kfree(old);
}

static void td_set_phase(struct td_queue *tq, enum td_phase phase)
{
	unsigned long flags;

	spin_lock_irqsave(&td_lock, flags);
	tq->phase = phase;
	tq->bindings += phase == TD_BOUND;
	spin_unlock_irqrestore(&td_lock, flags);
}

static struct td_queue *td_remember(struct ap_queue *aq)
{
	struct td_queue *tq;

	mutex_lock(&td_queues_mutex);
	tq = xa_load(&td_queues, aq->qid);
	if (!tq) {
		tq = kzalloc(sizeof(*tq), GFP_KERNEL);
		if (!tq || xa_err(xa_store(&td_queues, aq->qid, tq, GFP_KERNEL))) {
			kfree(tq);
			tq = NULL;
			goto out;
		}
		tq->qid = aq->qid;
	}
	if (tq->aq != aq) {	/* the card went and came again */
		if (tq->aq)
			put_device(&tq->aq->ap_dev.device);
		get_device(&aq->ap_dev.device);
		tq->aq = aq;
	}
out:
	mutex_unlock(&td_queues_mutex);
	return tq;
}

/* Take one of the failures that are left. */
static int td_probe_fault(void)
{
	struct td_knob *left = &td_knobs[TD_PROBE_ERROR_COUNT];
	unsigned long flags;
	int rc = 0;

	spin_lock_irqsave(&td_lock, flags);
	if (left->value) {
		left->value--;
		rc = -(int)td_knob(TD_PROBE_ERROR);
	}
	spin_unlock_irqrestore(&td_lock, flags);
	return rc;
}

static int td_set_up(struct ap_queue *aq)
{
	struct td_queue *tq = td_remember(aq);
	u8 *buf = kzalloc(TD_REPLY_SIZE, GFP_KERNEL);

	if (!tq || !buf) {
		kfree(buf);
		return -ENOMEM;
	}
	memset(&tq->reply, 0, sizeof(tq->reply));
	tq->reply.msg = buf;
	tq->reply.bufsize = TD_REPLY_SIZE;
	dev_set_drvdata(&aq->ap_dev.device, tq);
	td_set_phase(tq, TD_BOUND);
	if (td_knob(TD_PASSIVE))
		return 0;
	ap_queue_init_state(aq);
	aq->request_timeout = msecs_to_jiffies(td_knob(TD_REQUEST_TIMEOUT));
	ap_queue_init_reply(aq, &tq->reply);
	return 0;
}

static int td_probe(struct ap_device *ap_dev)
{
	struct ap_queue *aq = to_ap_queue(&ap_dev->device);
	int rc, fault = td_probe_fault();

	td_log(aq->qid, "PROBE", "enter state=%s", td_state(aq));
	td_mark(aq->qid, "PROBE enter");
	td_nap(TD_PROBE_DELAY);
	if (fault && !td_knob(TD_PROBE_ERROR_LATE)) {
		rc = fault;
		goto out;
	}
	rc = td_set_up(aq);
	if (!rc && fault) {
		struct td_queue *tq = dev_get_drvdata(&ap_dev->device);

		/* Like any driver: what was set up is undone before the return. */
		td_set_phase(tq, TD_AWAY);
		td_bury(tq->reply.msg);
		rc = fault;
	}
out:
	if (rc)
		td_mark(aq->qid, "PROBE failed");
	td_log(aq->qid, "PROBE", "exit rc=%d state=%s", rc, td_state(aq));
	return rc;
}

static void td_remove(struct ap_device *ap_dev)
{
	struct ap_queue *aq = to_ap_queue(&ap_dev->device);
	struct td_queue *tq = dev_get_drvdata(&ap_dev->device);
	unsigned long flags;
	unsigned int open;

	td_mark(aq->qid, "REMOVE enter");
	td_log(aq->qid, "REMOVE", "enter state=%s", td_state(aq));
	spin_lock_irqsave(&td_lock, flags);
	tq->phase = TD_REMOVING;
	open = tq->open;
	spin_unlock_irqrestore(&td_lock, flags);
	if (open)
		td_broken(TD_OPEN_AT_REMOVE, tq->qid);
	td_nap(TD_REMOVE_DELAY);
	td_set_phase(tq, TD_AWAY);
	td_bury(tq->reply.msg);
	td_log(aq->qid, "REMOVE", "exit state=%s", td_state(aq));
	td_mark(aq->qid, "REMOVE exit");
}

static int td_in_use(unsigned long *apm, unsigned long *aqm)
{
	td_log(TD_NO_QID, "IN_USE", "busy=%llu", td_knob(TD_IN_USE_BUSY));
	return td_knob(TD_IN_USE_BUSY) ? -EBUSY : 0;
}

static void td_on_config_changed(struct ap_config_info *new_info,
				 struct ap_config_info *old_info)
{
	td_log(TD_NO_QID, "CONFIG_CHANGED", "apm=%08x aqm=%08x",
	       new_info->apm[0], new_info->aqm[0]);
}

static void td_on_scan_complete(struct ap_config_info *new_info,
				struct ap_config_info *old_info)
{
	td_log(TD_NO_QID, "SCAN_COMPLETE", "apm=%08x aqm=%08x",
	       new_info->apm[0], new_info->aqm[0]);
}

#define TD_ID(card) {					\
	.dev_type = AP_DEVICE_TYPE_##card,		\
	.match_flags = AP_DEVICE_ID_MATCH_QUEUE_TYPE,	\
}

static struct ap_device_id td_ids[] = {
	TD_ID(CEX4), TD_ID(CEX5), TD_ID(CEX6), TD_ID(CEX7), TD_ID(CEX8), { }
};

static struct ap_driver td_driver = {
	.probe = td_probe,
	.remove = td_remove,
	.in_use = td_in_use,
	.on_config_changed = td_on_config_changed,
	.on_scan_complete = td_on_scan_complete,
	.ids = td_ids,
};

/* Which sum a message that came back belongs to. */
static enum td_count td_judge(const struct ap_message *m, const struct ap_message *reply)
{
	const struct td_reply *head;
	size_t len;

	if (!reply)
		return m->rc == -EAGAIN ? TD_FLUSHED : TD_ERROR;
	head = reply->msg;
	len = be16_to_cpu(head->length);
	if (reply->len < sizeof(*head) || head->type != 0x80)
		return TD_ERROR;
	if (len != reply->len || len < sizeof(*head) + TD_OPERAND ||
	    memcmp(reply->msg + len - TD_OPERAND, td_sealed, TD_OPERAND))
		return TD_WRONG;
	return TD_REPLIED;
}

/* The number of the binding that the queue has to this driver; with td_lock */
static unsigned int td_binding(const struct td_queue *tq)
{
	return tq->phase == TD_BOUND ? tq->bindings : 0;
}

/*
 * Whether a message comes back from this driver's use of the queue.  It can be sent
 * to a queue that is another driver's by now, and come back while this one is away:
 * that is for the other one to judge.  With td_lock.
 */
static bool td_concerned(const struct td_msg *msg, const struct device_driver *drv)
{
	return msg->binding || !drv || drv == &td_driver.driver;
}

/* Called by the bus with the queue's lock held. */
static void td_receive(struct ap_queue *aq, struct ap_message *m, struct ap_message *reply)
{
	struct td_msg *msg = container_of(m, struct td_msg, m);
	const struct device_driver *drv = READ_ONCE(aq->ap_dev.device.driver);
	enum td_count verdict = td_judge(m, reply), broken = TD_COUNTS;
	struct td_queue *tq = msg->tq;
	bool first, concerned;
	unsigned long flags;

	spin_lock_irqsave(&td_lock, flags);
	concerned = td_concerned(msg, drv);
	first = !msg->receives++;
	if (first && msg->counted) {
		msg->counted = false;
		tq->open--;
	}
	if (!first)
		broken = TD_DOUBLE;
	else if (msg->cancelled)
		broken = TD_AFTER_CANCEL;
	else if (tq->phase == TD_REMOVING)
		broken = TD_IN_REMOVE_CALLS;
	else if (concerned && tq->phase == TD_AWAY)
		broken = TD_LATE_CALLS;
	else if (msg->binding && msg->binding != td_binding(tq))
		broken = TD_LATE_CALLS;
	if (first && verdict != TD_WRONG)
		td_counts[verdict]++;
	spin_unlock_irqrestore(&td_lock, flags);

	td_log(tq->qid, "RECEIVE", "psmid=%lx rc=%d %s", m->psmid, m->rc,
	       td_count_names[verdict]);
	if (concerned)
		td_mark(tq->qid, "RECEIVE");
	if (broken < TD_COUNTS)
		td_broken(broken, tq->qid);
	if (verdict == TD_WRONG)
		td_broken(TD_WRONG, tq->qid);
	if (first && atomic_dec_and_test(&msg->batch->left))
		complete(&msg->batch->done);
}

static int td_build(struct td_msg *msg, struct td_queue *tq, struct td_batch *batch)
{
	struct td_request *req;
	int rc = ap_init_apmsg(&msg->m, 0);

	if (rc)
		return rc;
	req = msg->m.msg;
	memset(req, 0, sizeof(*req));
	req->type = 0x50;
	req->length = cpu_to_be16(sizeof(*req));
	req->format = cpu_to_be16(1);
	req->exponent[sizeof(req->exponent) - 3] = 1;	/* 65537 */
	req->exponent[sizeof(req->exponent) - 1] = 1;
	memcpy(req->modulus + sizeof(req->modulus) - TD_OPERAND, td_modulus, TD_OPERAND);
	memcpy(req->data + sizeof(req->data) - TD_OPERAND, td_clear, TD_OPERAND);
	msg->m.len = sizeof(*req);
	msg->m.psmid = TD_PSMID + atomic64_inc_return(&td_psmid);
	msg->m.receive = td_receive;
	msg->tq = tq;
	msg->batch = batch;
	return 0;
}

/* Not let in: it must look as it did before. */
static void td_refused(struct td_msg *msg, const struct ap_message *before, int rc)
{
	msg->refused = true;
	if (rc == -ENODEV)
		td_add(TD_REFUSED, 1);
	else
		td_broken(TD_REFUSED_ODDLY, msg->tq->qid);
	if (msg->receives || memcmp(before, &msg->m, sizeof(*before)))
		td_broken(TD_REFUSED_CHANGED, msg->tq->qid);
	if (atomic_dec_and_test(&msg->batch->left))
		complete(&msg->batch->done);
}

static void td_send(struct td_msg *msg, struct ap_queue *aq, bool with_owner)
{
	struct ap_message before;
	unsigned int binding;
	unsigned long flags;
	int rc = 0;

	td_add(TD_SUBMITTED, 1);
	spin_lock_irqsave(&td_lock, flags);
	binding = td_binding(msg->tq);
	spin_unlock_irqrestore(&td_lock, flags);
	if (with_owner) {
		rc = ap_msg_get_owner(aq, &msg->m);
		if (!rc) {
			msg->owned = true;
			td_add(TD_OWNER_HELD, 1);
		}
	}
	memcpy(&before, &msg->m, sizeof(before));
	if (!rc)
		rc = ap_queue_message(aq, &msg->m);
	/* refusals are many where senders do not give up: the sum must do */
	if (rc != -ENODEV)
		td_log(msg->tq->qid, "SEND", "psmid=%lx rc=%d state=%s", before.psmid,
		       rc, td_state(aq));
	if (rc) {
		td_refused(msg, &before, rc);
		return;
	}
	/*
	 * Count it as open only if it is still under way: it may be back.  When the
	 * binding is the same as before it went in, it is the one it went in through.
	 */
	spin_lock_irqsave(&td_lock, flags);
	if (!msg->receives) {
		if (binding == td_binding(msg->tq))
			msg->binding = binding;
		msg->counted = true;
		msg->tq->open++;
	}
	spin_unlock_irqrestore(&td_lock, flags);
}

static void td_cancel(struct td_msg *msg, struct ap_queue *aq)
{
	unsigned long flags;

	ap_cancel_message(aq, &msg->m);
	spin_lock_irqsave(&td_lock, flags);
	if (!msg->receives) {
		msg->cancelled = true;
		td_counts[TD_CANCELLED]++;
	}
	if (msg->counted) {
		msg->counted = false;
		msg->tq->open--;
	}
	spin_unlock_irqrestore(&td_lock, flags);
	/* From here on the message is ours alone. */
	memset(msg->m.msg, TD_POISON, msg->m.bufsize);
}

static bool td_touched(struct td_msg *msg, const struct ap_message *before)
{
	return memcmp(before, &msg->m, sizeof(*before)) ||
	       memchr_inv(msg->m.msg, TD_POISON, msg->m.bufsize);
}

static void td_cancel_all(struct td_msg *msgs, unsigned int n, struct ap_queue *aq)
{
	struct ap_message *before = kcalloc(n, sizeof(*before), GFP_KERNEL);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (msgs[i].refused)
			continue;
		td_cancel(&msgs[i], aq);
		if (before)
			before[i] = msgs[i].m;
	}
	msleep(td_knob(TD_LINGER));
	for (i = 0; before && i < n; i++)
		if (!msgs[i].refused && td_touched(&msgs[i], &before[i]))
			td_broken(TD_AFTER_CANCEL, msgs[i].tq->qid);
	kfree(before);
}

/* Messages that neither came back nor were cancelled on purpose. */
static void td_give_up(struct td_msg *msgs, unsigned int n, struct ap_queue *aq)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (msgs[i].refused || READ_ONCE(msgs[i].receives))
			continue;
		td_cancel(&msgs[i], aq);
		if (msgs[i].cancelled) {
			td_add(TD_CANCELLED, -1);
			td_broken(TD_LOST, msgs[i].tq->qid);
		}
	}
}

static int td_run_batch(struct td_queue *tq, unsigned int n, bool cancel, bool with_owner)
{
	struct td_msg *msgs = kvcalloc(n, sizeof(*msgs), GFP_KERNEL);
	struct td_batch batch = { .left = ATOMIC_INIT(n) };
	struct ap_queue *aq;
	unsigned int i;
	int rc = 0;

	if (!msgs)
		return -ENOMEM;
	init_completion(&batch.done);
	mutex_lock(&td_queues_mutex);
	aq = tq->aq;
	get_device(&aq->ap_dev.device);
	mutex_unlock(&td_queues_mutex);

	for (i = 0; !rc && i < n; i++)
		rc = td_build(&msgs[i], tq, &batch);
	if (rc)
		goto out;
	for (i = 0; i < n; i++)
		td_send(&msgs[i], aq, with_owner);
	if (cancel)
		td_cancel_all(msgs, n, aq);
	else if (!wait_for_completion_timeout(&batch.done,
					      msecs_to_jiffies(td_knob(TD_WAIT))))
		td_give_up(msgs, n, aq);
	/*
	 * complete() may still be at work in receive(), under the queue's lock;
	 * cancelling what is back takes that lock and changes nothing else.
	 */
	for (i = 0; i < n; i++) {
		if (!msgs[i].refused && !msgs[i].cancelled)
			ap_cancel_message(aq, &msgs[i].m);
		if (msgs[i].owned) {
			ap_msg_put_owner(&msgs[i].m);
			td_add(TD_OWNER_HELD, -1);
		}
	}
out:
	for (i = 0; i < n; i++)
		if (msgs[i].m.msg)
			ap_release_apmsg(&msgs[i].m);
	put_device(&aq->ap_dev.device);
	kvfree(msgs);
	return rc;
}

static ssize_t td_submit_write(struct file *file, const char __user *ubuf, size_t count,
			       loff_t *pos)
{
	unsigned int card, domain, n;
	char buf[64], mode[16] = "";
	struct td_queue *tq;
	int fields, rc;

	if (count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, count))
		return -EFAULT;
	buf[count] = 0;
	fields = sscanf(buf, "%2x.%4x %u %15s", &card, &domain, &n, mode);
	if (fields < 3 || domain > 0xff || !n || n > TD_MAX_BATCH)
		return -EINVAL;
	if (fields == 4 && strcmp(mode, "cancel") && strcmp(mode, "noowner"))
		return -EINVAL;
	tq = xa_load(&td_queues, card << 8 | domain);
	if (!tq)
		return -ENOENT;
	rc = td_run_batch(tq, n, !strcmp(mode, "cancel"), strcmp(mode, "noowner"));
	return rc ?: count;
}

static const struct file_operations td_submit_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = td_submit_write,
};

static int td_results_show(struct seq_file *s, void *unused)
{
	long counts[TD_COUNTS];
	unsigned int i;

	td_check_graves();
	spin_lock_irq(&td_lock);
	memcpy(counts, td_counts, sizeof(counts));
	spin_unlock_irq(&td_lock);
	for (i = 0; i < TD_COUNTS; i++)
		seq_printf(s, "%s%s=%ld", i ? " " : "", td_count_names[i], counts[i]);
	seq_putc(s, '\n');
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(td_results);

/* What is held now stays counted: it will be given back. */
static ssize_t td_results_clear_write(struct file *file, const char __user *ubuf,
				      size_t count, loff_t *pos)
{
	unsigned int i;

	td_check_graves();
	spin_lock_irq(&td_lock);
	for (i = 0; i < TD_COUNTS; i++)
		if (i != TD_OWNER_HELD)
			td_counts[i] = 0;
	spin_unlock_irq(&td_lock);
	return count;
}

static const struct file_operations td_results_clear_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = td_results_clear_write,
};

/* The position is the sequence number plus one; 0 is the heading. */
static void *td_log_start(struct seq_file *s, loff_t *pos)
{
	if (!*pos)
		return SEQ_START_TOKEN;
	spin_lock_irq(&td_lock);
	if (*pos <= td_first)
		*pos = td_first + 1;
	if (*pos > td_next) {
		spin_unlock_irq(&td_lock);
		return NULL;
	}
	*(struct td_event *)s->private = td_ring[(*pos - 1) % TD_LOG_SIZE];
	spin_unlock_irq(&td_lock);
	return s->private;
}

static void *td_log_next(struct seq_file *s, void *v, loff_t *pos)
{
	++*pos;
	return td_log_start(s, pos);
}

static void td_log_stop(struct seq_file *s, void *v)
{
}

static int td_log_show(struct seq_file *s, void *v)
{
	const struct td_event *e = v;

	if (v == SEQ_START_TOKEN) {
		spin_lock_irq(&td_lock);
		seq_printf(s, "# dropped=%llu first=%llu next=%llu\n", td_dropped, td_first,
			   td_next);
		spin_unlock_irq(&td_lock);
		return 0;
	}
	seq_printf(s, "%llu %llu %d %s ", e->seq, e->time, e->cpu, e->event);
	if (e->qid == TD_NO_QID)
		seq_puts(s, "-");
	else
		seq_printf(s, "%02x.%04x", e->qid >> 8, e->qid & 0xff);
	seq_printf(s, " %s\n", e->text);
	return 0;
}

static const struct seq_operations td_log_sops = {
	.start = td_log_start,
	.next = td_log_next,
	.stop = td_log_stop,
	.show = td_log_show,
};

static int td_log_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &td_log_sops, sizeof(struct td_event));
}

static const struct file_operations td_log_fops = {
	.owner = THIS_MODULE,
	.open = td_log_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

static ssize_t td_log_clear_write(struct file *file, const char __user *ubuf, size_t count,
				  loff_t *pos)
{
	spin_lock_irq(&td_lock);
	td_first = td_next;
	td_dropped = 0;
	spin_unlock_irq(&td_lock);
	return count;
}

static const struct file_operations td_log_clear_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = td_log_clear_write,
};

static int td_knob_get(void *data, u64 *val)
{
	*val = READ_ONCE(((struct td_knob *)data)->value);
	return 0;
}

static int td_knob_set(void *data, u64 val)
{
	struct td_knob *knob = data;

	if (val > knob->max)
		return -EINVAL;
	spin_lock_irq(&td_lock);
	knob->value = val;
	spin_unlock_irq(&td_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(td_knob_fops, td_knob_get, td_knob_set, "%llu\n");

static void td_free_all(void)
{
	struct td_queue *tq;
	unsigned long qid;
	unsigned int i;

	xa_for_each(&td_queues, qid, tq) {
		put_device(&tq->aq->ap_dev.device);
		kfree(tq);
	}
	xa_destroy(&td_queues);
	for (i = 0; i < TD_GRAVES; i++)
		kfree(td_graves[i]);
	vfree(td_ring);
}

/*
 * When the module goes all messages it ever sent are back.  A test cannot ask
 * for the sums any more: the log of the simulator, and its watch, are told.
 */
static void td_settle(void)
{
	long left = td_counts[TD_SUBMITTED] - td_counts[TD_REFUSED] -
		    td_counts[TD_REPLIED] - td_counts[TD_FLUSHED] -
		    td_counts[TD_ERROR] - td_counts[TD_CANCELLED] -
		    td_counts[TD_WRONG] - td_counts[TD_LOST];

	if (left || td_counts[TD_OWNER_HELD])
		td_mark(0, "BROKEN: messages are missing at the end");
	if (td_apsim)
		symbol_put(apsim_mark_queue);
	td_apsim = NULL;
}

static int __init td_init(void)
{
	unsigned int i;
	int rc;

	td_ring = vcalloc(TD_LOG_SIZE, sizeof(*td_ring));
	if (!td_ring)
		return -ENOMEM;
	td_apsim = symbol_get(apsim_mark_queue);
	td_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("log", 0400, td_dir, NULL, &td_log_fops);
	debugfs_create_file("log_clear", 0200, td_dir, NULL, &td_log_clear_fops);
	debugfs_create_file("submit", 0200, td_dir, NULL, &td_submit_fops);
	debugfs_create_file("results", 0400, td_dir, NULL, &td_results_fops);
	debugfs_create_file("results_clear", 0200, td_dir, NULL, &td_results_clear_fops);
	for (i = 0; i < TD_KNOBS; i++)
		debugfs_create_file(td_knobs[i].name, 0600, td_dir, &td_knobs[i],
				    &td_knob_fops);
	rc = ap_driver_register(&td_driver, THIS_MODULE, KBUILD_MODNAME);
	if (rc) {
		debugfs_remove(td_dir);
		td_settle();
		td_free_all();
	}
	return rc;
}

static void __exit td_exit(void)
{
	/* First no more writers of "submit", then no more queues. */
	debugfs_remove(td_dir);
	ap_driver_unregister(&td_driver);
	td_check_graves();
	td_settle();
	td_free_all();
}

module_init(td_init);
module_exit(td_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("AP queue driver that watches the AP bus, for tests");
