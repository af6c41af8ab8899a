// SPDX-License-Identifier: GPL-2.0
/*
 * Finding cards and queues, and following what happens to them.
 *
 * A scan asks each APQN of the configuration once (TAPQ), and finds the device
 * of an APQN by its number, so that it costs the same per queue however many
 * there are. It runs now and then, when the machine tells of a change, when
 * somebody asks for it, and soon after a queue broke or could not be cleaned, to
 * see what became of its card.
 */
#define KMSG_COMPONENT "ap"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/chsc.h>
#include <asm/facility.h>

#include "ap_priv.h"

#define AP_SCAN_INTERVAL	30		/* seconds */
#define AP_HEAL_DELAY		(HZ / 4)	/* doubles while it is in vain */

/*
 * All devices, by number. Written under ap_scan_mutex only; looked up under
 * RCU, and a reference is taken only where the device is not on its way out.
 */
DEFINE_XARRAY(ap_queues);
static DEFINE_XARRAY(ap_cards);

struct ap_config_info ap_qci_now;
static struct ap_config_info ap_qci_before;
static bool ap_apft;

/* What the architecture allows where QCI does not tell */
int ap_max_adapter_id = 63;
int ap_max_domain_id = 15;

static DEFINE_MUTEX(ap_scan_mutex);	/* one scan at a time, and its data */
static struct task_struct *ap_scan_task;
static bool ap_scan_closed = true;
static DECLARE_WAIT_QUEUE_HEAD(ap_scan_wait);
static unsigned long ap_scan_begun;	/* scans that have begun */
static unsigned long ap_scan_over;	/* the last of them that is over */
static bool ap_scan_result;		/* what that one has found */
static atomic64_t ap_scans;
static int ap_scan_seconds = AP_SCAN_INTERVAL;
static int ap_heal_delay = AP_HEAL_DELAY;
static bool ap_scan_wanted;	/* earlier than after the regular interval */
static bool ap_heal_wanted;
static bool ap_heal_all;	/* with the next scan, whenever tried last */
static bool ap_healing;		/* with this one; under ap_scan_mutex */

static void ap_scan_due(struct timer_list *unused);
static void ap_scan_work_fn(struct work_struct *unused);

static DEFINE_TIMER(ap_scan_timer, ap_scan_due);
static DECLARE_WORK(ap_scan_work, ap_scan_work_fn);

/* What a scan sees at one APQN */
enum ap_sight {
	AP_SIGHT_NONE,		/* no such queue */
	AP_SIGHT_QUEUE,
	AP_SIGHT_ODD,		/* cannot be told: what is known stands */
};

struct ap_seen {
	enum ap_sight sight;
	struct ap_queue_status status;
	struct ap_tapq_hwinfo hwinfo;
};

/* Of the card that is being scanned; under ap_scan_mutex */
static struct ap_seen ap_seen[AP_DOMAINS];

/*
 * What a scan has found and lost, under ap_scan_mutex. Devices are added and
 * removed when all cards have been looked at: then the zero-resets of all
 * queues overlap, and a scan lasts as long as the slowest, not as their sum.
 */
static LIST_HEAD(ap_found_queues);
static LIST_HEAD(ap_lost_queues);
static DECLARE_BITMAP(ap_lost_cards, AP_DEVICES);

/*
 * The configuration.
 */
static bool ap_config_bit(const unsigned int *mask, unsigned int nr)
{
	return mask[nr / 32] & (0x80000000U >> (nr % 32));
}

static bool ap_card_configured(unsigned int id)
{
	return !ap_qci_now.flags || ap_config_bit(ap_qci_now.apm, id);
}

/**
 * ap_test_config_usage_domain() - whether a domain may be used
 * @domain: the domain
 *
 * Return: 1 if so, or if the machine does not tell; 0 otherwise.
 */
int ap_test_config_usage_domain(unsigned int domain)
{
	if (domain > ap_max_domain_id)
		return 0;
	return !ap_qci_now.flags || ap_config_bit(ap_qci_now.aqm, domain);
}
EXPORT_SYMBOL(ap_test_config_usage_domain);

/**
 * ap_test_config_ctrl_domain() - whether a domain may be controlled
 * @domain: the domain
 *
 * Return: 1 if so, 0 otherwise.
 */
int ap_test_config_ctrl_domain(unsigned int domain)
{
	return domain <= ap_max_domain_id &&
	       ap_config_bit(ap_qci_now.adm, domain);
}
EXPORT_SYMBOL(ap_test_config_ctrl_domain);

/**
 * ap_sb_available() - whether the machine can bind queues to secure guests
 *
 * Return: 1 if so, 0 otherwise.
 */
int ap_sb_available(void)
{
	return ap_qci_now.apsb;
}

/* Whether @now has a bit that @before has not */
static bool ap_config_grown(const unsigned int *now, const unsigned int *before)
{
	unsigned int i, grown = 0;

	for (i = 0; i < ARRAY_SIZE(ap_qci_now.apm); i++)
		grown |= now[i] & ~before[i];
	return grown;
}

/* Asks for the configuration; returns whether it is another one */
static bool ap_config_refresh(void)
{
	if (!ap_qci_now.flags)
		return false;
	ap_qci_before = ap_qci_now;
	ap_qci(&ap_qci_now);
	return memcmp(&ap_qci_now, &ap_qci_before, sizeof(ap_qci_now));
}

/*
 * Devices by number.
 */

/**
 * ap_get_qdev() - find the queue of an APQN
 * @qid: the APQN
 *
 * Context: any.
 * Return: the queue with a reference on its device, which the caller drops
 * with put_device(); NULL when there is none.
 */
struct ap_queue *ap_get_qdev(ap_qid_t qid)
{
	struct ap_queue *aq;

	rcu_read_lock();
	aq = xa_load(&ap_queues, qid);
	if (aq && !kobject_get_unless_zero(&aq->ap_dev.device.kobj))
		aq = NULL;
	rcu_read_unlock();
	return aq;
}
EXPORT_SYMBOL(ap_get_qdev);

/**
 * ap_queue_get_next() - walk over all queues
 * @qid: where to begin; set to the APQN of the queue that is returned
 *
 * Context: any.
 * Return: the queue with a reference as from ap_get_qdev(), NULL at the end.
 */
struct ap_queue *ap_queue_get_next(unsigned long *qid)
{
	struct ap_queue *aq;

	do {
		rcu_read_lock();
		aq = xa_find(&ap_queues, qid, ULONG_MAX, XA_PRESENT);
		rcu_read_unlock();
		if (!aq)
			return NULL;
		/* It may have gone meanwhile, or be another one */
		aq = ap_get_qdev(*qid);
	} while (!aq && ++*qid);
	return aq;
}

/*
 * Queues.
 */

static void ap_queue_discard(struct ap_queue *aq)
{
	list_del(&aq->scan_node);
	ap_queue_retire(aq);
	put_device(&aq->ap_dev.device);
}

/* Removes what is on ap_lost_queues and in ap_lost_cards */
static void ap_scan_drop(void)
{
	bool lost = !list_empty(&ap_lost_queues);
	struct ap_queue *aq, *next;
	struct ap_batch batch;
	struct ap_card *ac;
	unsigned long id;

	ap_batch_begin(&batch);
	list_for_each_entry(aq, &ap_lost_queues, scan_node) {
		AP_DBF_INFO("%s queue %04x is gone\n", __func__, aq->qid);
		xa_erase(&ap_queues, aq->qid);
		ap_queue_unlisted(aq);
		device_del(&aq->ap_dev.device);
	}
	list_for_each_entry_safe(aq, next, &ap_lost_queues, scan_node) {
		ap_queue_zero_wait(aq);
		ap_queue_discard(aq);
	}
	ap_batch_end(&batch);
	for_each_set_bit(id, ap_lost_cards, AP_DEVICES) {
		AP_DBF_INFO("%s card %02lx is gone\n", __func__, id);
		ac = xa_erase(&ap_cards, id);
		device_unregister(&ac->ap_dev.device);
	}
	bitmap_zero(ap_lost_cards, AP_DEVICES);
	if (lost)
		ap_bus_bindings_changed();
}

static void ap_queue_plug(struct ap_queue *aq)
{
	int rc;

	/* First in the array: probe() may look for it there */
	rc = xa_err(xa_store(&ap_queues, aq->qid, aq, GFP_KERNEL));
	if (!rc) {
		/* Who has changed the masks before did not find it there */
		ap_queue_note_masks(aq);
		rc = device_add(&aq->ap_dev.device);
		if (rc)
			xa_erase(&ap_queues, aq->qid);
	}
	if (rc) {
		pr_warn("queue %02x.%04x cannot be added: error %d, the next bus scan tries again\n",
			AP_QID_CARD(aq->qid), AP_QID_QUEUE(aq->qid), rc);
		ap_queue_discard(aq);
	} else {
		list_del(&aq->scan_node);
		ap_queue_listed(aq);
	}
}

/* Adds what is on ap_found_queues; the zero-resets run already */
static void ap_scan_add(void)
{
	struct ap_queue *aq, *next;
	struct ap_batch batch;

	ap_batch_begin(&batch);
	list_for_each_entry_safe(aq, next, &ap_found_queues, scan_node)
		ap_queue_plug(aq);
	ap_batch_end(&batch);
}

static void ap_queue_update(struct ap_queue *aq, const struct ap_seen *seen)
{
	if (seen->sight == AP_SIGHT_ODD) {
		ap_queue_scanned_odd(aq, seen->status);
		return;
	}
	if (ap_queue_scanned(aq, seen->status, seen->hwinfo, ap_healing))
		ap_send_config_uevent(&aq->ap_dev, aq->config);
	if (ap_queue_take_unproven(aq)) {
		device_release_driver(&aq->ap_dev.device);
		ap_queue_want_attach(aq);
	}
	if (ap_queue_take_attach(aq) && device_attach(&aq->ap_dev.device) < 0)
		AP_DBF_WARN("%s queue %04x attach failed\n", __func__, aq->qid);
}

static void ap_scan_queue(struct ap_card *ac, ap_qid_t qid,
			  const struct ap_seen *seen)
{
	struct ap_queue *aq = xa_load(&ap_queues, qid);

	if (aq && seen->sight == AP_SIGHT_NONE) {
		list_add_tail(&aq->scan_node, &ap_lost_queues);
		/* If that was a mistake it is not for long */
		ap_scan_attach();
	} else if (aq) {
		ap_queue_update(aq, seen);
	} else if (seen->sight == AP_SIGHT_QUEUE) {
		aq = ap_queue_create(qid, ac, seen->status, seen->hwinfo);
		if (aq)
			list_add_tail(&aq->scan_node, &ap_found_queues);
	}
}

/*
 * Cards.
 */
/* What would change what is known of a queue is asked for twice */
static void ap_ask_apqn(ap_qid_t qid, struct ap_seen *seen)
{
	struct ap_queue *aq = xa_load(&ap_queues, qid);

	seen->status = ap_test_queue(qid, ap_apft, &seen->hwinfo);
	if (aq && ap_queue_scan_news(aq, seen->status))
		seen->status = ap_test_queue(qid, ap_apft, &seen->hwinfo);
}

static void ap_look_at_apqn(ap_qid_t qid, struct ap_seen *seen)
{
	struct ap_queue_status status;

	ap_ask_apqn(qid, seen);
	status = seen->status;
	switch (status.response_code) {
	case AP_RESPONSE_NORMAL:
	case AP_RESPONSE_RESET_IN_PROGRESS:
	case AP_RESPONSE_DECONFIGURED:
	case AP_RESPONSE_CHECKSTOPPED:
	case AP_RESPONSE_BUSY:
		seen->sight = AP_SIGHT_QUEUE;
		break;
	case AP_RESPONSE_Q_NOT_AVAIL:
	case AP_RESPONSE_Q_BOUND_TO_ANOTHER:
	case AP_RESPONSE_INVALID_DOMAIN:
		seen->sight = status.async ? AP_SIGHT_QUEUE : AP_SIGHT_NONE;
		break;
	default:
		seen->sight = status.async ? AP_SIGHT_QUEUE : AP_SIGHT_ODD;
		break;
	}
	/* A queue without any facility is none that can be worked with */
	if (seen->sight == AP_SIGHT_QUEUE && !seen->hwinfo.value)
		seen->sight = AP_SIGHT_ODD;
	if (seen->sight == AP_SIGHT_ODD)
		pr_warn_ratelimited("queue %02x.%04x: unexpected answer to TAPQ, response code %02x; asked again by the next bus scan\n",
				    AP_QID_CARD(qid), AP_QID_QUEUE(qid),
				    status.response_code);
}

/* Fills ap_seen[]; returns the first domain with a queue, or -1 or -2 (odd) */
static int ap_look_at_card(unsigned int id)
{
	int dom, lead = -1;

	for (dom = 0; dom <= ap_max_domain_id; dom++) {
		ap_seen[dom].sight = AP_SIGHT_NONE;
		if (!ap_test_config_usage_domain(dom))
			continue;
		ap_look_at_apqn(AP_MKQID(id, dom), &ap_seen[dom]);
		if (ap_seen[dom].sight == AP_SIGHT_QUEUE && lead < 0)
			lead = dom;
		else if (ap_seen[dom].sight == AP_SIGHT_ODD && lead == -1)
			lead = -2;
	}
	return lead;
}

/*
 * Types newer than we know may be compatible to one that we know: QACT tells.
 * Returns 0 for a type that cannot be worked with.
 */
static int ap_usable_type(ap_qid_t qid, struct ap_tapq_hwinfo hwinfo)
{
	union ap_qact_ap_info info = {
		.mode = (hwinfo.fac >> 26) & 7,
		.cat = AP_DEVICE_TYPE_CEX8,
	};
	struct ap_queue_status status;

	if (hwinfo.at >= AP_DEVICE_TYPE_CEX4 &&
	    hwinfo.at <= AP_DEVICE_TYPE_CEX8)
		return hwinfo.at;
	if (hwinfo.at < AP_DEVICE_TYPE_CEX4 || !ap_qci_now.qact)
		return 0;
	status = ap_qact(qid, 0, &info);
	if (status.response_code || info.cat < AP_DEVICE_TYPE_CEX4 ||
	    info.cat > AP_DEVICE_TYPE_CEX8)
		return 0;
	AP_DBF_INFO("%s queue %04x type %d is compatible to %d\n", __func__,
		    qid, hwinfo.at, info.cat);
	return info.cat;
}

static struct ap_card *ap_card_plug(unsigned int id, ap_qid_t qid,
				    const struct ap_seen *seen,
				    struct ap_tapq_hwinfo hwinfo)
{
	int type = ap_usable_type(qid, hwinfo);
	struct ap_card *ac;
	struct device *dev;
	int rc;

	if (!type) {
		AP_DBF_WARN("%s card %02x has unsupported type %d\n", __func__,
			    id, hwinfo.at);
		return NULL;
	}
	ac = ap_card_create(id, hwinfo, type);
	if (!ac)
		return NULL;
	ac->config = !ap_status_says(seen->status, AP_RESPONSE_DECONFIGURED);
	ac->chkstop = ap_status_says(seen->status, AP_RESPONSE_CHECKSTOPPED);
	if (ac->maxmsgsize > atomic_read(&ap_max_msg_size)) {
		atomic_set(&ap_max_msg_size, ac->maxmsgsize);
		AP_DBF_INFO("%s largest message is now %u bytes\n", __func__,
			    ac->maxmsgsize);
	}

	dev = &ac->ap_dev.device;
	device_initialize(dev);
	dev->bus = &ap_bus_type;
	dev->parent = ap_root_device;
	rc = dev_set_name(dev, "card%02x", id);
	if (!rc)
		rc = xa_err(xa_store(&ap_cards, id, ac, GFP_KERNEL));
	if (!rc)
		rc = device_add(dev);
	if (rc) {
		pr_warn("card%02x cannot be added: error %d, the next bus scan tries again\n",
			id, rc);
		xa_erase(&ap_cards, id);
		put_device(dev);
		return NULL;
	}
	AP_DBF_INFO("%s card %02x type %d functions 0x%08x\n", __func__, id,
		    hwinfo.at, hwinfo.fac);
	return ac;
}

static void ap_card_lose(struct ap_card *ac)
{
	unsigned long qid = AP_MKQID(ac->id, 0);
	struct ap_queue *aq;

	xa_for_each_range(&ap_queues, qid, aq, qid,
			  AP_MKQID(ac->id, AP_DOMAINS - 1))
		list_add_tail(&aq->scan_node, &ap_lost_queues);
	__set_bit(ac->id, ap_lost_cards);
}

static void ap_card_update(struct ap_card *ac, const struct ap_seen *seen)
{
	bool config = !ap_status_says(seen->status, AP_RESPONSE_DECONFIGURED);
	bool chkstop = ap_status_says(seen->status, AP_RESPONSE_CHECKSTOPPED);

	if (ac->config != config || ac->chkstop != chkstop)
		AP_DBF_INFO("%s card %02x config %d chkstop %d\n", __func__,
			    ac->id, config, chkstop);
	WRITE_ONCE(ac->chkstop, chkstop);
	if (ac->config == config)
		return;
	WRITE_ONCE(ac->config, config);
	ap_send_config_uevent(&ac->ap_dev, config);
}

/* Returns true where another card is in the same place: scan once more */
static bool ap_scan_card(unsigned int id)
{
	struct ap_card *ac = xa_load(&ap_cards, id);
	struct ap_tapq_hwinfo hwinfo;
	int lead, dom;

	lead = ap_card_configured(id) ? ap_look_at_card(id) : -1;
	if (lead == -1 || (lead >= 0 && !ap_seen[lead].hwinfo.at)) {
		if (ac)
			ap_card_lose(ac);
		return false;
	}
	if (lead >= 0) {
		hwinfo.value = ap_seen[lead].hwinfo.value & TAPQ_CARD_HWINFO_MASK;
		if (ac && (ac->hwinfo.at != hwinfo.at ||
			   ac->hwinfo.fac != hwinfo.fac)) {
			ap_card_lose(ac);
			return true;
		}
		if (ac)
			ap_card_update(ac, &ap_seen[lead]);
		else
			ac = ap_card_plug(id, AP_MKQID(id, lead),
					  &ap_seen[lead], hwinfo);
	}
	if (ac)
		for (dom = 0; dom <= ap_max_domain_id; dom++)
			ap_scan_queue(ac, AP_MKQID(id, dom), &ap_seen[dom]);
	return false;
}

/*
 * The default domain: the first one in which a queue for the default drivers
 * is there, unless somebody has chosen one.
 */
static void ap_select_domain(void)
{
	struct ap_queue *aq;
	unsigned long qid;
	int domain = -1;

	if (READ_ONCE(ap_domain_index) >= 0)
		return;
	xa_for_each(&ap_queues, qid, aq)
		if (aq->config && !aq->chkstop && ap_mask_reserved(qid) &&
		    (domain < 0 || AP_QID_QUEUE(qid) < domain))
			domain = AP_QID_QUEUE(qid);
	/* Whoever chose one meanwhile has the last word */
	if (domain >= 0) {
		cmpxchg(&ap_domain_index, -1, domain);
		AP_DBF_INFO("%s default domain %d\n", __func__, domain);
	}
}

/**
 * ap_scan_set_domain() - choose the default domain
 * @domain: the domain
 *
 * Context: process.
 * Return: 0, or -EINVAL for a domain that there is not, or not for the
 * default drivers.
 */
int ap_scan_set_domain(int domain)
{
	bool reserved;

	if (domain < 0 || domain > ap_max_domain_id)
		return -EINVAL;
	mutex_lock(&ap_perms_mutex);
	reserved = test_bit_inv(domain, ap_perms.aqm);
	mutex_unlock(&ap_perms_mutex);
	if (!reserved)
		return -EINVAL;
	WRITE_ONCE(ap_domain_index, domain);
	AP_DBF_INFO("%s default domain %d\n", __func__, domain);
	return 0;
}

/*
 * The scan.
 */
static int ap_tell_config_changed(struct ap_driver *drv, void *unused)
{
	if (drv->on_config_changed)
		drv->on_config_changed(&ap_qci_now, &ap_qci_before);
	return 0;
}

static int ap_tell_scan_complete(struct ap_driver *drv, void *unused)
{
	if (drv->on_scan_complete)
		drv->on_scan_complete(&ap_qci_now, &ap_qci_before);
	return 0;
}

static void ap_scan_done(void)
{
	char *envp[2] = { "INITSCAN=done", NULL };

	if (atomic64_inc_return(&ap_scans) == 1)
		kobject_uevent_env(&ap_root_device->kobj, KOBJ_CHANGE, envp);
	ap_bus_check_bindings();
	/* One that is wanted sooner stays */
	timer_reduce(&ap_scan_timer, jiffies + READ_ONCE(ap_scan_seconds) * HZ);
}

static bool ap_scan_cards(void)
{
	struct ap_batch batch;
	bool again = false;
	int id;

	/* For drivers that queues get which have become clean */
	ap_batch_begin(&batch);
	for (id = 0; id <= ap_max_adapter_id; id++) {
		again |= ap_scan_card(id);
		cond_resched();
	}
	ap_batch_end(&batch);
	ap_scan_drop();
	ap_scan_add();
	return again;
}

/* Returns whether the configuration has changed */
static bool ap_scan_all(void)
{
	int delay = ap_heal_delay;
	bool changed;

	WRITE_ONCE(ap_scan_wanted, false);
	changed = ap_config_refresh();
	/* What is wrong time and again is looked at less and less often */
	if (xchg(&ap_heal_wanted, false))
		delay = min(delay * 2, ap_scan_seconds * HZ);
	else
		delay = AP_HEAL_DELAY;
	WRITE_ONCE(ap_heal_delay, delay);
	ap_healing = xchg(&ap_heal_all, false);

	if (changed) {
		if (ap_config_grown(ap_qci_now.apm, ap_qci_before.apm) ||
		    ap_config_grown(ap_qci_now.aqm, ap_qci_before.aqm))
			ap_bus_expect_bindings();
		ap_bus_visit_drivers(ap_tell_config_changed, NULL);
	}
	if (ap_scan_cards())
		ap_scan_cards();
	ap_select_domain();
	if (changed)
		ap_bus_visit_drivers(ap_tell_scan_complete, NULL);
	ap_scan_done();
	return changed;
}

/* What waits for a scan waits no longer than this, whatever drivers do in it */
#define AP_SCAN_PATIENCE	(10 * HZ)

/**
 * ap_bus_rescan() - have the bus scanned now, and wait for that
 * @patience: for how long, in jiffies
 *
 * Waits until a scan that has begun after the call is over. The scan itself is
 * never run by the caller: it may hold what a driver's remove() waits for, a
 * sysfs attribute of a queue that is gone, or be a thread that remove() stops.
 * For the same reason the wait has a bound. Of signals only a fatal one ends it:
 * a program that sets itself a timer would be told that there is no queue before
 * anybody has looked. Within a scan (a driver's probe() that sends a request) it
 * does nothing, and so before the first one.
 *
 * A scan waits for the zero-resets of what it removes, and then for those of
 * what it adds: each of the two within the parameter remove_timeout, however
 * many queues there are. Besides, it lasts as long as the drivers' probe() and
 * remove() do.
 *
 * Context: process, sleeps, for @patience at the most.
 * Return: true when the configuration was found to have changed.
 */
bool ap_bus_rescan(unsigned long patience)
{
	unsigned long mine;

	/*
	 * Lock-free: only this task itself can have written "current" there,
	 * and then it is in the scan.
	 */
	if (!ap_scan_count() || READ_ONCE(ap_scan_task) == current)
		return false;
	/*
	 * The one after the last that has begun. If that one is not over yet,
	 * the work is queued once more; the numbers only grow.
	 */
	mine = READ_ONCE(ap_scan_begun) + 1;
	queue_work(system_long_wq, &ap_scan_work);
	if (wait_event_killable_timeout(ap_scan_wait,
					(long)(READ_ONCE(ap_scan_over) - mine) >= 0,
					patience) <= 0)
		return false;
	return READ_ONCE(ap_scan_result);
}
EXPORT_SYMBOL(ap_bus_rescan);

/**
 * ap_bus_force_rescan() - ap_bus_rescan() for who has no bound of its own
 *
 * Has all queues that are out of order or not clean tried again at once.
 *
 * Context: process, sleeps, 10 seconds at the most.
 * Return: true when the configuration was found to have changed.
 */
bool ap_bus_force_rescan(void)
{
	WRITE_ONCE(ap_heal_all, true);
	return ap_bus_rescan(AP_SCAN_PATIENCE);
}
EXPORT_SYMBOL(ap_bus_force_rescan);

/* All scans run here, one at a time */
static void ap_scan_work_fn(struct work_struct *unused)
{
	mutex_lock(&ap_scan_mutex);
	WRITE_ONCE(ap_scan_begun, ap_scan_begun + 1);
	if (!ap_scan_closed) {
		WRITE_ONCE(ap_scan_task, current);
		WRITE_ONCE(ap_scan_result, ap_scan_all());
		WRITE_ONCE(ap_scan_task, NULL);
	}
	WRITE_ONCE(ap_scan_over, ap_scan_begun);
	mutex_unlock(&ap_scan_mutex);
	wake_up_all(&ap_scan_wait);
}

static void ap_scan_due(struct timer_list *unused)
{
	queue_work(system_long_wq, &ap_scan_work);
}

static void ap_scan_within(unsigned long delay)
{
	/* First, so that ap_scan_set_interval() sees it or comes before the timer */
	WRITE_ONCE(ap_scan_wanted, true);
	timer_reduce(&ap_scan_timer, jiffies + delay);
}

/**
 * ap_scan_soon() - a queue is not as it should be: see what became of its card
 *
 * The first one comes after a quarter of a second; while that does not help,
 * the next ones come later and later, up to the regular interval.
 *
 * Context: any.
 */
void ap_scan_soon(void)
{
	WRITE_ONCE(ap_heal_wanted, true);
	ap_scan_within(READ_ONCE(ap_heal_delay));
}

/**
 * ap_scan_attach() - a queue for which a driver waits has become clean, or one
 * that was there is none
 *
 * Context: any.
 */
void ap_scan_attach(void)
{
	ap_scan_within(AP_HEAL_DELAY);
}

/**
 * ap_scan_count() - how many scans there were
 *
 * Return: the number; 0 before the end of the first one.
 */
u64 ap_scan_count(void)
{
	return atomic64_read(&ap_scans);
}

/**
 * ap_scan_interval() - the time between two regular scans
 *
 * Return: seconds.
 */
int ap_scan_interval(void)
{
	return READ_ONCE(ap_scan_seconds);
}

/**
 * ap_scan_set_interval() - change the time between two regular scans
 * @seconds: the time
 *
 * Context: any.
 */
void ap_scan_set_interval(int seconds)
{
	WRITE_ONCE(ap_scan_seconds, seconds);
	mod_timer(&ap_scan_timer, jiffies + seconds * HZ);
	/* One that is wanted sooner, before or meanwhile, stays so */
	if (READ_ONCE(ap_scan_wanted))
		timer_reduce(&ap_scan_timer, jiffies + AP_HEAL_DELAY);
}

static int ap_config_event(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	if (action != CHSC_NOTIFY_AP_CFG)
		return NOTIFY_DONE;
	queue_work(system_long_wq, &ap_scan_work);
	return NOTIFY_OK;
}

static struct notifier_block ap_config_nb = {
	.notifier_call = ap_config_event,
};

/**
 * ap_scan_init() - find out what the machine can do
 *
 * Context: module init; the masks are set up.
 */
void ap_scan_init(void)
{
	ap_apft = __test_facility(15, stfle_fac_list);
	if (__test_facility(12, stfle_fac_list) && ap_qci(&ap_qci_now))
		ap_qci_now.flags = 0;
	ap_qci_before = ap_qci_now;
	if (ap_qci_now.apxa) {
		ap_max_adapter_id = ap_qci_now.na ?: ap_max_adapter_id;
		ap_max_domain_id = ap_qci_now.nd ?: ap_max_domain_id;
	}
	if (ap_domain_index != -1 && ap_scan_set_domain(ap_domain_index)) {
		pr_warn("parameter domain=%d is no domain of the default drivers, choosing one\n",
			ap_domain_index);
		ap_domain_index = -1;
	}
}

/**
 * ap_scan_start() - begin to scan
 *
 * Context: module init; the bus is registered.
 * Return: 0 or an errno.
 */
int ap_scan_start(void)
{
	int rc = chsc_notifier_register(&ap_config_nb);

	if (rc)
		return rc;
	ap_scan_closed = false;
	queue_work(system_long_wq, &ap_scan_work);
	return 0;
}

/**
 * ap_scan_stop() - nothing scans any more
 *
 * Context: module init that fails, or exit; sleeps.
 */
void ap_scan_stop(void)
{
	timer_shutdown_sync(&ap_scan_timer);
	cancel_work_sync(&ap_scan_work);
}

/**
 * ap_scan_exit() - end scanning, and remove all devices
 *
 * Context: module exit, sleeps.
 */
void ap_scan_exit(void)
{
	struct ap_card *ac;
	unsigned long id;

	chsc_notifier_unregister(&ap_config_nb);
	mutex_lock(&ap_scan_mutex);
	ap_scan_closed = true;
	xa_for_each(&ap_cards, id, ac)
		ap_card_lose(ac);
	ap_scan_drop();
	mutex_unlock(&ap_scan_mutex);
	ap_scan_stop();
}
