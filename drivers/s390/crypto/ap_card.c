// SPDX-License-Identifier: GPL-2.0
/*
 * Cards: what they are and what their queues add up to.
 */
#include <linux/kstrtox.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <asm/sclp.h>

#include "ap_priv.h"

/* What the queues of a card come to, at about one time */
struct card_load {
	unsigned int requestq;
	unsigned int pendingq;
};

/*
 * The index of ap_queues is the APQN, so the queues of a card are neighbours,
 * and these loops look at no others. Queues are freed by RCU: what is found
 * stays valid until rcu_read_unlock(), though it may be on its way out. One
 * that belongs to a card which had the number before is passed over.
 */
static unsigned long card_first_apqn(const struct ap_card *ac)
{
	return AP_MKQID(ac->id, 0);
}

static unsigned long card_last_apqn(const struct ap_card *ac)
{
	return AP_MKQID(ac->id, AP_DOMAINS - 1);
}

/*
 * Without the queues' locks: each counter is one aligned word, and the sum over
 * many queues is as of no one moment anyway. A lock would only keep those from
 * work who send messages.
 */
static struct card_load card_load(struct ap_card *ac)
{
	struct card_load load = {};
	unsigned long apqn;
	struct ap_queue *aq;

	rcu_read_lock();
	xa_for_each_range(&ap_queues, apqn, aq, card_first_apqn(ac),
			  card_last_apqn(ac)) {
		if (aq->card != ac)
			continue;
		load.requestq += READ_ONCE(aq->requestq_count);
		load.pendingq += READ_ONCE(aq->pendingq_count);
	}
	rcu_read_unlock();
	return load;
}

/* The attributes, as numbers; see card_attr for their names */
enum card_attr_nr {
	CARD_AP_FUNCTIONS,
	CARD_CHKSTOP,
	CARD_CONFIG,
	CARD_DEPTH,
	CARD_HWTYPE,
	CARD_MAX_MSG_SIZE,
	CARD_MODALIAS,
	CARD_PENDINGQ_COUNT,
	CARD_RAW_HWTYPE,
	CARD_REQUEST_COUNT,
	CARD_REQUESTQ_COUNT,
	NR_CARD_ATTRS
};

static struct device_attribute card_attr[NR_CARD_ATTRS];

static ssize_t card_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct ap_card *ac = to_ap_card(dev);
	unsigned long long nr;

	switch ((enum card_attr_nr)(attr - card_attr)) {
	/* neither a plain number */
	case CARD_AP_FUNCTIONS:
		return sysfs_emit(buf, "0x%08X\n", ac->hwinfo.fac);
	case CARD_MODALIAS:
		return sysfs_emit(buf, "ap:t%02X\n", ac->ap_dev.device_type);

	case CARD_CHKSTOP:
		nr = ac->chkstop;
		break;
	case CARD_CONFIG:
		nr = ac->config;
		break;
	case CARD_DEPTH:
		nr = ac->hwinfo.qd + 1;	/* the field is one less */
		break;
	case CARD_HWTYPE:
		nr = ac->ap_dev.device_type;
		break;
	case CARD_MAX_MSG_SIZE:
		nr = ac->maxmsgsize;
		break;
	case CARD_PENDINGQ_COUNT:
		nr = card_load(ac).pendingq;
		break;
	case CARD_RAW_HWTYPE:
		nr = ac->hwinfo.at;
		break;
	case CARD_REQUEST_COUNT:
		nr = atomic64_read(&ac->total_request_count);
		break;
	case CARD_REQUESTQ_COUNT:
		nr = card_load(ac).requestq;
		break;
	default:
		return -EINVAL;
	}
	return sysfs_emit(buf, "%llu\n", nr);
}

/* Whatever is written starts the count anew */
static ssize_t card_request_count_store(struct device *dev,
					struct device_attribute *attr,
					const char *buf, size_t count)
{
	struct ap_card *ac = to_ap_card(dev);
	unsigned long apqn;
	struct ap_queue *aq;

	rcu_read_lock();
	xa_for_each_range(&ap_queues, apqn, aq, card_first_apqn(ac),
			  card_last_apqn(ac)) {
		if (aq->card != ac)
			continue;
		/* locked, or an increment under way brings the old one back */
		spin_lock_bh(&aq->lock);
		aq->total_request_count = 0;
		spin_unlock_bh(&aq->lock);
	}
	rcu_read_unlock();
	atomic64_set(&ac->total_request_count, 0);
	return count;
}

/*
 * 1 or 0: have the card configured or deconfigured. What becomes of its queues
 * is for the next bus scan to find out.
 */
static ssize_t card_config_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct ap_card *ac = to_ap_card(dev);
	unsigned int wanted;
	int rc = 0;

	if (kstrtouint(buf, 10, &wanted) || wanted > 1)
		return -EINVAL;

	if (wanted != ac->config)
		rc = wanted ? sclp_ap_configure(ac->id) :
			      sclp_ap_deconfigure(ac->id);
	if (rc)
		return rc;

	WRITE_ONCE(ac->config, wanted);
	/* also when it was so before: programs wait for the answer */
	ap_send_config_uevent(&ac->ap_dev, ac->config);
	return count;
}

static struct device_attribute card_attr[NR_CARD_ATTRS] = {
	[CARD_AP_FUNCTIONS] = __ATTR(ap_functions, 0444, card_show, NULL),
	[CARD_CHKSTOP] = __ATTR(chkstop, 0444, card_show, NULL),
	[CARD_CONFIG] = __ATTR(config, 0644, card_show, card_config_store),
	[CARD_DEPTH] = __ATTR(depth, 0444, card_show, NULL),
	[CARD_HWTYPE] = __ATTR(hwtype, 0444, card_show, NULL),
	[CARD_MAX_MSG_SIZE] = __ATTR(max_msg_size, 0444, card_show, NULL),
	[CARD_MODALIAS] = __ATTR(modalias, 0444, card_show, NULL),
	[CARD_PENDINGQ_COUNT] = __ATTR(pendingq_count, 0444, card_show, NULL),
	[CARD_RAW_HWTYPE] = __ATTR(raw_hwtype, 0444, card_show, NULL),
	[CARD_REQUEST_COUNT] = __ATTR(request_count, 0644, card_show,
				      card_request_count_store),
	[CARD_REQUESTQ_COUNT] = __ATTR(requestq_count, 0444, card_show, NULL),
};

static struct attribute *card_attrs[NR_CARD_ATTRS + 1] = {
	[CARD_AP_FUNCTIONS] = &card_attr[CARD_AP_FUNCTIONS].attr,
	[CARD_CHKSTOP] = &card_attr[CARD_CHKSTOP].attr,
	[CARD_CONFIG] = &card_attr[CARD_CONFIG].attr,
	[CARD_DEPTH] = &card_attr[CARD_DEPTH].attr,
	[CARD_HWTYPE] = &card_attr[CARD_HWTYPE].attr,
	[CARD_MAX_MSG_SIZE] = &card_attr[CARD_MAX_MSG_SIZE].attr,
	[CARD_MODALIAS] = &card_attr[CARD_MODALIAS].attr,
	[CARD_PENDINGQ_COUNT] = &card_attr[CARD_PENDINGQ_COUNT].attr,
	[CARD_RAW_HWTYPE] = &card_attr[CARD_RAW_HWTYPE].attr,
	[CARD_REQUEST_COUNT] = &card_attr[CARD_REQUEST_COUNT].attr,
	[CARD_REQUESTQ_COUNT] = &card_attr[CARD_REQUESTQ_COUNT].attr,
};
ATTRIBUTE_GROUPS(card);

const struct device_type ap_card_type = {
	.name = "ap_card",
	.groups = card_groups,
};

static void card_release(struct device *dev)
{
	kfree_rcu(to_ap_card(dev), rcu);
}

/**
 * ap_card_create() - a card was found
 * @id: its number
 * @hwinfo: GR2 of TAPQ for one of its queues
 * @comp_type: the device type that drivers match it by
 *
 * Context: process, sleeps. The device is neither initialized nor named; once
 * it is initialized, its release frees the card.
 * Return: the card, or NULL when there is no memory.
 */
struct ap_card *ap_card_create(int id, struct ap_tapq_hwinfo hwinfo,
			       int comp_type)
{
	struct ap_card *ac = kzalloc(sizeof(*ac), GFP_KERNEL);

	if (!ac)
		return NULL;

	ac->id = id;
	ac->hwinfo = hwinfo;
	/* TAPQ's ML is in pages; a card of old says 0 and takes 12 KiB */
	ac->maxmsgsize = hwinfo.ml * AP_TAPQ_ML_FIELD_CHUNK_SIZE;
	if (!ac->maxmsgsize)
		ac->maxmsgsize = AP_DEFAULT_MAX_MSG_SIZE;
	ac->ap_dev.device_type = comp_type;
	ac->ap_dev.device.type = &ap_card_type;
	ac->ap_dev.device.release = card_release;
	return ac;
}
