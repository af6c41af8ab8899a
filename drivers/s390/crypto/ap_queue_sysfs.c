// SPDX-License-Identifier: GPL-2.0
/*
 * Queues in sysfs.
 */
#define pr_fmt(fmt) "ap: " fmt

#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "ap_priv.h"

/*
 * What the attributes tell of the state machine, taken at one moment. The
 * instructions that some of them need are issued without the lock: a TAPQ
 * changes nothing.
 */
struct queue_view {
	enum ap_state state;
	enum ap_state err_from;
	int last_err_rc;
	int requestq;
	int pendingq;
	u64 requests;
	bool config;
	bool chkstop;
};

static struct queue_view queue_view(struct ap_queue *aq)
{
	struct queue_view view;

	spin_lock_bh(&aq->lock);
	view = (struct queue_view) {
		.state = aq->state,
		.err_from = aq->err_from,
		.last_err_rc = aq->last_err_rc,
		.requestq = aq->requestq_count,
		.pendingq = aq->pendingq_count,
		.requests = aq->total_request_count,
		.config = aq->config,
		.chkstop = aq->chkstop,
	};
	spin_unlock_bh(&aq->lock);
	return view;
}

/*
 * TAPQ with facilities. The answer is good as long as the card is there, be it
 * in a reset, deconfigured, checkstopped or busy.
 */
static int queue_hwinfo(struct ap_queue *aq, struct ap_tapq_hwinfo *hwinfo)
{
	struct ap_queue_status status = ap_test_queue(aq->qid, 1, hwinfo);

	if (status.response_code <= AP_RESPONSE_BUSY)
		return 0;
	pr_debug("queue %s: TAPQ answers %02x\n", dev_name(&aq->ap_dev.device),
		 status.response_code);
	return -EIO;
}

static const char *reset_text(enum ap_state state)
{
	switch (state) {
	case AP_STATE_RESET_START:
	case AP_STATE_RESET_WAIT:
	case AP_STATE_ZERO_START:
	case AP_STATE_ZERO_BUSY:
	case AP_STATE_ZERO_WAIT:
		return "Reset in progress.";
	case AP_STATE_WORKING:
	case AP_STATE_QUEUE_FULL:
		return "Reset Timer armed.";
	default:
		return "No Reset Timer set.";
	}
}

static const char *interrupt_text(struct ap_queue *aq, enum ap_state state)
{
	if (state == AP_STATE_SETIRQ_WAIT)
		return "Enable Interrupt pending.";
	/* asked for each time: the queue may be worked by a guest */
	if (ap_tapq(aq->qid, NULL).irq_enabled)
		return "Interrupts enabled.";
	return "Interrupts disabled.";
}

/* "states" tells of the device and of its state machine, which were two once */
static const char *state_class(enum ap_state state)
{
	switch (state) {
	case AP_STATE_UNBOUND:
	case AP_STATE_BOUND:
		return "UNINITIATED";
	case AP_STATE_ERROR:
		return "ERROR";
	case AP_STATE_REMOVE:
	case AP_STATE_ZERO_START:
	case AP_STATE_ZERO_BUSY:
	case AP_STATE_ZERO_WAIT:
	case AP_STATE_UNCLEAN:
		return "SHUTDOWN";
	default:
		return "OPERATING";
	}
}

static ssize_t states_text(const struct queue_view *view, char *buf)
{
	enum ap_state detail = view->state;

	if (detail == AP_STATE_UNBOUND || detail == AP_STATE_BOUND)
		return sysfs_emit(buf, "%s\n", state_class(detail));
	if (detail == AP_STATE_ERROR)
		detail = view->err_from;
	/* found deconfigured: the reset is still to come */
	if (detail == AP_STATE_BOUND)
		detail = AP_STATE_RESET_START;
	return sysfs_emit(buf, "%s [%s]\n", state_class(view->state),
			  detail == AP_STATE_QUEUE_FULL ? "FULL" :
			  ap_state_name(detail));
}

static ssize_t last_err_rc_text(int rc, char *buf)
{
	static const char * const names[] = {
		[AP_RESPONSE_NORMAL] = "NORMAL",
		[AP_RESPONSE_Q_NOT_AVAIL] = "Q_NOT_AVAIL",
		[AP_RESPONSE_RESET_IN_PROGRESS] = "RESET_IN_PROGRESS",
		[AP_RESPONSE_DECONFIGURED] = "DECONFIGURED",
		[AP_RESPONSE_CHECKSTOPPED] = "CHECKSTOPPED",
		[AP_RESPONSE_BUSY] = "BUSY",
		[AP_RESPONSE_INVALID_ADDRESS] = "INVALID_ADDRESS",
		[AP_RESPONSE_OTHERWISE_CHANGED] = "OTHERWISE_CHANGED",
		[AP_RESPONSE_Q_FULL] = "Q_FULL/NO_PENDING_REPLY",
		[AP_RESPONSE_INDEX_TOO_BIG] = "INDEX_TOO_BIG",
		[AP_RESPONSE_NO_FIRST_PART] = "NO_FIRST_PART",
		[AP_RESPONSE_MESSAGE_TOO_BIG] = "MESSAGE_TOO_BIG",
		[AP_RESPONSE_REQ_FAC_NOT_INST] = "REQ_FAC_NOT_INST",
	};

	if (rc >= 0 && rc < ARRAY_SIZE(names) && names[rc])
		return sysfs_emit(buf, "%s\n", names[rc]);
	return sysfs_emit(buf, "response code %d\n", rc);
}

/* The attributes, as numbers; see queue_attr for their names */
enum queue_attr_nr {
	QUEUE_AP_FUNCTIONS,
	QUEUE_CHKSTOP,
	QUEUE_CLEAN,
	QUEUE_CONFIG,
	QUEUE_DRIVER_OVERRIDE,
	QUEUE_INTERRUPT,
	QUEUE_PENDINGQ_COUNT,
	QUEUE_REQUEST_COUNT,
	QUEUE_REQUESTQ_COUNT,
	QUEUE_RESET,
	QUEUE_LAST_ERR_RC,
	QUEUE_STATES,
	/* in the order of enum ap_figure */
	QUEUE_HAND_OVER_COUNT,
	QUEUE_FLUSHED_COUNT,
	QUEUE_RESENT_COUNT,
	QUEUE_RESET_TIME,
	NR_QUEUE_ATTRS
};

static struct device_attribute queue_attr[NR_QUEUE_ATTRS];

static ssize_t queue_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct ap_queue *aq = to_ap_queue(dev);
	struct queue_view view = queue_view(aq);
	enum queue_attr_nr nr = attr - queue_attr;
	struct ap_tapq_hwinfo hwinfo;

	switch (nr) {
	case QUEUE_AP_FUNCTIONS:
		if (queue_hwinfo(aq, &hwinfo))
			return -EIO;
		return sysfs_emit(buf, "0x%08X\n", hwinfo.fac);
	case QUEUE_CHKSTOP:
		return sysfs_emit(buf, "%d\n", view.chkstop);
	case QUEUE_CLEAN:
		return ap_queue_clean_text(aq, buf, PAGE_SIZE);
	case QUEUE_CONFIG:
		return sysfs_emit(buf, "%d\n", view.config);
	case QUEUE_DRIVER_OVERRIDE:
		return ap_override_show(aq, buf);
	case QUEUE_INTERRUPT:
		return sysfs_emit(buf, "%s\n", interrupt_text(aq, view.state));
	case QUEUE_PENDINGQ_COUNT:
		return sysfs_emit(buf, "%d\n", view.pendingq);
	case QUEUE_REQUEST_COUNT:
		/* no number where nothing is counted */
		if (view.state == AP_STATE_BOUND || !ap_state_bound(view.state))
			return sysfs_emit(buf, "-\n");
		return sysfs_emit(buf, "%llu\n", view.requests);
	case QUEUE_REQUESTQ_COUNT:
		return sysfs_emit(buf, "%d\n", view.requestq);
	case QUEUE_RESET:
		return sysfs_emit(buf, "%s\n", reset_text(view.state));
	case QUEUE_LAST_ERR_RC:
		return last_err_rc_text(view.last_err_rc, buf);
	case QUEUE_STATES:
		return states_text(&view, buf);
	case QUEUE_HAND_OVER_COUNT:
	case QUEUE_FLUSHED_COUNT:
	case QUEUE_RESENT_COUNT:
	case QUEUE_RESET_TIME:
		return ap_sysfs_figure(buf, aq->figures,
				       nr - QUEUE_HAND_OVER_COUNT);
	default:
		return -EINVAL;
	}
}

/* Whatever is written starts the count anew */
static ssize_t queue_request_count_store(struct device *dev,
					 struct device_attribute *attr,
					 const char *buf, size_t count)
{
	struct ap_queue *aq = to_ap_queue(dev);

	spin_lock_bh(&aq->lock);
	aq->total_request_count = 0;
	spin_unlock_bh(&aq->lock);
	return count;
}

/* Whatever is written asks for a reset, which is not waited for */
static ssize_t queue_reset_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct ap_queue *aq = to_ap_queue(dev);
	int rc = ap_queue_reset(aq, 0);

	AP_DBF_INFO("%s queue=%02x.%04x reset by user, rc=%d\n", __func__,
		    AP_QID_CARD(aq->qid), AP_QID_QUEUE(aq->qid), rc);
	return rc ?: count;
}

static ssize_t queue_override_store(struct device *dev,
				    struct device_attribute *attr,
				    const char *buf, size_t count)
{
	return ap_override_write(to_ap_queue(dev), buf, count) ?: count;
}

static struct device_attribute queue_attr[NR_QUEUE_ATTRS] = {
	[QUEUE_AP_FUNCTIONS] = __ATTR(ap_functions, 0444, queue_show, NULL),
	[QUEUE_CHKSTOP] = __ATTR(chkstop, 0444, queue_show, NULL),
	[QUEUE_CLEAN] = __ATTR(clean, 0444, queue_show, NULL),
	[QUEUE_CONFIG] = __ATTR(config, 0444, queue_show, NULL),
	[QUEUE_DRIVER_OVERRIDE] = __ATTR(driver_override, 0644, queue_show,
					 queue_override_store),
	[QUEUE_INTERRUPT] = __ATTR(interrupt, 0444, queue_show, NULL),
	[QUEUE_PENDINGQ_COUNT] = __ATTR(pendingq_count, 0444, queue_show, NULL),
	[QUEUE_REQUEST_COUNT] = __ATTR(request_count, 0644, queue_show,
				       queue_request_count_store),
	[QUEUE_REQUESTQ_COUNT] = __ATTR(requestq_count, 0444, queue_show, NULL),
	[QUEUE_RESET] = __ATTR(reset, 0644, queue_show, queue_reset_store),
	[QUEUE_LAST_ERR_RC] = __ATTR(last_err_rc, 0444, queue_show, NULL),
	[QUEUE_STATES] = __ATTR(states, 0444, queue_show, NULL),
	[QUEUE_HAND_OVER_COUNT] = __ATTR(hand_over_count, 0444, queue_show,
					 NULL),
	[QUEUE_FLUSHED_COUNT] = __ATTR(flushed_count, 0444, queue_show, NULL),
	[QUEUE_RESENT_COUNT] = __ATTR(resent_count, 0444, queue_show, NULL),
	[QUEUE_RESET_TIME] = __ATTR(reset_time, 0444, queue_show, NULL),
};

static struct attribute *queue_attrs[NR_QUEUE_ATTRS + 1] = {
	[QUEUE_AP_FUNCTIONS] = &queue_attr[QUEUE_AP_FUNCTIONS].attr,
	[QUEUE_CHKSTOP] = &queue_attr[QUEUE_CHKSTOP].attr,
	[QUEUE_CLEAN] = &queue_attr[QUEUE_CLEAN].attr,
	[QUEUE_CONFIG] = &queue_attr[QUEUE_CONFIG].attr,
	[QUEUE_DRIVER_OVERRIDE] = &queue_attr[QUEUE_DRIVER_OVERRIDE].attr,
	[QUEUE_INTERRUPT] = &queue_attr[QUEUE_INTERRUPT].attr,
	[QUEUE_PENDINGQ_COUNT] = &queue_attr[QUEUE_PENDINGQ_COUNT].attr,
	[QUEUE_REQUEST_COUNT] = &queue_attr[QUEUE_REQUEST_COUNT].attr,
	[QUEUE_REQUESTQ_COUNT] = &queue_attr[QUEUE_REQUESTQ_COUNT].attr,
	[QUEUE_RESET] = &queue_attr[QUEUE_RESET].attr,
	[QUEUE_LAST_ERR_RC] = &queue_attr[QUEUE_LAST_ERR_RC].attr,
	[QUEUE_STATES] = &queue_attr[QUEUE_STATES].attr,
	[QUEUE_HAND_OVER_COUNT] = &queue_attr[QUEUE_HAND_OVER_COUNT].attr,
	[QUEUE_FLUSHED_COUNT] = &queue_attr[QUEUE_FLUSHED_COUNT].attr,
	[QUEUE_RESENT_COUNT] = &queue_attr[QUEUE_RESENT_COUNT].attr,
	[QUEUE_RESET_TIME] = &queue_attr[QUEUE_RESET_TIME].attr,
};

static const struct attribute_group queue_group = {
	.attrs = queue_attrs,
};
__ATTRIBUTE_GROUPS(queue);

const struct device_type ap_queue_type = {
	.name = "ap_queue",
	.groups = queue_groups,
};

/*
 * Secure guests only: binding and association.
 */

/* Only EP11 has secrets to associate a queue with */
static bool queue_has_secrets(struct ap_queue *aq)
{
	return aq->card->hwinfo.ep11;
}

/*
 * Ask the firmware for the bind state, and keep it for those who choose queues.
 * @assoc_idx is what was asked for last, of the same moment.
 */
static int queue_bind_state(struct ap_queue *aq, unsigned int *assoc_idx)
{
	struct ap_tapq_hwinfo hwinfo;
	int rc;

	/* under the lock, or an older answer might overwrite a newer one */
	spin_lock_bh(&aq->lock);
	rc = queue_hwinfo(aq, &hwinfo);
	if (!rc) {
		aq->se_bstate = hwinfo.bs;
		*assoc_idx = aq->assoc_idx;
		rc = hwinfo.bs;
	}
	spin_unlock_bh(&aq->lock);
	return rc;
}

static ssize_t se_bind_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct ap_queue *aq = to_ap_queue(dev);
	unsigned int idx;
	int bs;

	if (!ap_queue_supports_bind(aq))
		return sysfs_emit(buf, "-\n");
	bs = queue_bind_state(aq, &idx);
	if (bs < 0)
		return bs;
	return sysfs_emit(buf, "%s\n", bs == AP_BS_Q_USABLE ||
			  bs == AP_BS_Q_USABLE_NO_SECURE_KEY ?
			  "bound" : "unbound");
}

/* True binds; false ends the binding, by a reset with the F bit */
static ssize_t se_bind_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct ap_queue *aq = to_ap_queue(dev);
	bool bind;
	int rc;

	if (!ap_queue_supports_bind(aq) || ap_sysfs_bool(buf, &bind))
		return -EINVAL;
	rc = bind ? ap_queue_bind(aq) : ap_queue_reset(aq, 1);
	return rc ?: count;
}

static DEVICE_ATTR_RW(se_bind);

static ssize_t se_associate_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct ap_queue *aq = to_ap_queue(dev);
	unsigned int idx;
	int bs;

	if (!queue_has_secrets(aq))
		return sysfs_emit(buf, "-\n");
	bs = queue_bind_state(aq, &idx);
	if (bs < 0)
		return bs;

	if (bs == AP_BS_Q_USABLE && idx == ASSOC_IDX_INVALID) {
		/* associated by somebody else: we cannot name the secret */
		AP_DBF_WARN("%s queue=%02x.%04x associated, not by this kernel\n",
			    __func__, AP_QID_CARD(aq->qid),
			    AP_QID_QUEUE(aq->qid));
		return -EIO;
	}
	if (bs == AP_BS_Q_USABLE)
		return sysfs_emit(buf, "associated %u\n", idx);
	if (bs == AP_BS_Q_USABLE_NO_SECURE_KEY && idx != ASSOC_IDX_INVALID)
		return sysfs_emit(buf, "association pending\n");
	return sysfs_emit(buf, "unassociated\n");
}

/* The index of the secret; the association itself is not waited for */
static ssize_t se_associate_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct ap_queue *aq = to_ap_queue(dev);
	unsigned int idx;
	int rc;

	if (!queue_has_secrets(aq) || kstrtouint(buf, 0, &idx) ||
	    idx >= ASSOC_IDX_INVALID)
		return -EINVAL;
	rc = ap_queue_associate(aq, idx);
	return rc ?: count;
}

static DEVICE_ATTR_RW(se_associate);

static struct attribute *ap_queue_se_attrs[] = {
	&dev_attr_se_associate.attr,
	&dev_attr_se_bind.attr,
	NULL
};

static const struct attribute_group ap_queue_se_group = {
	.attrs = ap_queue_se_attrs,
};

const struct attribute_group *ap_queue_se_groups[] = {
	&ap_queue_se_group,
	NULL
};
