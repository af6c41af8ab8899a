// SPDX-License-Identifier: GPL-2.0
/*
 * The AP bus: which driver gets which device, and how it is taken away again.
 *
 * A queue is taken from its driver in three phases, in ap_bus_remove():
 *   1 flush: no message gets in, every message inside is handed back
 *   2 the driver's remove()
 *   3 zero-reset: ZAPQ, until TAPQ shows the queue clean
 * Phase 3 of one removal waits for the end. Who removes many queues (a driver
 * that is unloaded, a mask that changes, a card that goes) opens a batch: then
 * each removal only starts its reset, and they are waited for when all run.
 * A queue that is still being reset cannot be probed, batch or not.
 */
#define KMSG_COMPONENT "ap"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/mod_devicetable.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <asm/facility.h>
#include <asm/uv.h>

#include "ap_priv.h"

MODULE_DESCRIPTION("Adjunct processor (AP) bus");
MODULE_LICENSE("GPL");

int ap_domain_index = -1;
EXPORT_SYMBOL(ap_domain_index);
module_param_named(domain, ap_domain_index, int, 0440);
MODULE_PARM_DESC(domain, "Default domain, 0 to 255 (default: -1, the first one that is usable)");

static int ap_poll_thread_param;
module_param_named(poll_thread, ap_poll_thread_param, int, 0440);
MODULE_PARM_DESC(poll_thread, "Poll for replies in a thread where there are no interrupts, 0 or 1 (default: 0)");

static char *ap_apmask_param;
module_param_named(apmask, ap_apmask_param, charp, 0440);
MODULE_PARM_DESC(apmask, "Cards for the default drivers, as in sysfs (default: all)");

static char *ap_aqmask_param;
module_param_named(aqmask, ap_aqmask_param, charp, 0440);
MODULE_PARM_DESC(aqmask, "Domains for the default drivers, as in sysfs (default: all)");

static int ap_useirq_param = 1;
module_param_named(useirq, ap_useirq_param, int, 0440);
MODULE_PARM_DESC(useirq, "Use interrupts if the machine has them, 0 or 1 (default: 1)");

static unsigned int ap_msgpool_param = 8;
module_param_named(msgpool_min_items, ap_msgpool_param, uint, 0440);
MODULE_PARM_DESC(msgpool_min_items, "Message buffers in reserve for senders that may not allocate, 12 KiB each (default: 8)");

debug_info_t *ap_dbf_info;
struct device *ap_root_device;
static struct dentry *ap_debugfs;

/* "All queues that can have a driver have one", since the last expectation */
static DECLARE_COMPLETION(ap_bindings_complete);
static DEFINE_SPINLOCK(ap_bindings_lock);	/* guards the following, a leaf */
static u64 ap_bindings_expected;		/* how often */
static u64 ap_bindings_complete_count;

/*
 * The bus type.
 */
static int ap_bus_match(struct device *dev, const struct device_driver *drv)
{
	unsigned int flag = is_card_dev(dev) ? AP_DEVICE_ID_MATCH_CARD_TYPE :
					       AP_DEVICE_ID_MATCH_QUEUE_TYPE;
	const struct ap_device_id *id;

	for (id = to_ap_drv(drv)->ids; id->match_flags; id++)
		if (id->match_flags & flag &&
		    id->dev_type == to_ap_dev(dev)->device_type)
			return 1;
	return 0;
}

static const char *ap_card_mode(const struct ap_card *ac)
{
	if (ac->hwinfo.accel)
		return "accel";
	if (ac->hwinfo.cca)
		return "cca";
	return ac->hwinfo.ep11 ? "ep11" : NULL;
}

static int ap_bus_uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	const struct ap_card *ac;
	const char *mode;
	int type, rc;

	if (is_card_dev(dev)) {
		ac = to_ap_card(dev);
		type = ac->ap_dev.device_type;
		rc = add_uevent_var(env, "DEV_TYPE=%04X", type);
		if (!rc)
			rc = add_uevent_var(env, "MODALIAS=ap:t%02X", type);
		if (rc)
			return rc;
	} else if (is_queue_dev(dev)) {
		ac = to_ap_queue(dev)->card;
	} else {
		return 0;
	}
	mode = ap_card_mode(ac);
	return mode ? add_uevent_var(env, "MODE=%s", mode) : 0;
}

/* Phases 1 and 3 of a removal, with phase 2 between them where there is one */
static void ap_queue_take_back(struct ap_queue *aq,
			       void (*remove)(struct ap_device *ap_dev))
{
	ap_queue_remove_begin(aq);
	if (remove)
		remove(&aq->ap_dev);
	ap_queue_remove_done(aq);
	ap_queue_zero_start(aq);
}

/* In a batch the tries to clean go side by side, before the drivers come: no @retry */
static int ap_queue_give(struct ap_queue *aq, struct ap_driver *drv, bool retry)
{
	int rc = ap_queue_claim(aq, drv, retry);

	if (rc)
		return rc;
	rc = drv->probe(&aq->ap_dev);
	if (rc)
		/* What it has left in the queue is none of the next one's */
		ap_queue_take_back(aq, NULL);
	else
		ap_queue_open(aq);
	return rc;
}

static int ap_queue_probe(struct ap_queue *aq, struct ap_driver *drv)
{
	bool batch = ap_batch_current();
	int rc;

	if (!drv->probe || !ap_mask_may_have(drv, aq))
		return -ENODEV;
	ap_bus_expect_bindings();
	rc = ap_queue_give(aq, drv, !batch);
	/*
	 * Who binds queues one by one need not wait for a scan to be told. A bind
	 * that fails may leave the bindings as complete as they were.
	 */
	if (!batch)
		ap_bus_check_bindings();
	return rc;
}

static int ap_bus_probe(struct device *dev)
{
	struct ap_driver *drv = to_ap_drv(dev->driver);

	if (is_queue_dev(dev))
		return ap_queue_probe(to_ap_queue(dev), drv);
	return drv->probe ? drv->probe(to_ap_dev(dev)) : -ENODEV;
}

static void ap_bus_remove(struct device *dev)
{
	struct ap_driver *drv = to_ap_drv(dev->driver);

	if (is_queue_dev(dev)) {
		ap_queue_take_back(to_ap_queue(dev), drv->remove);
		if (!ap_batch_current())
			ap_queue_zero_wait(to_ap_queue(dev));
	} else if (drv->remove) {
		drv->remove(to_ap_dev(dev));
	}
}

const struct bus_type ap_bus_type = {
	.name = "ap",
	.bus_groups = ap_bus_groups,
	.match = ap_bus_match,
	.uevent = ap_bus_uevent,
	.probe = ap_bus_probe,
	.remove = ap_bus_remove,
};

/*
 * Drivers.
 */

static void ap_zero_start_all(void)
{
	struct ap_queue *aq;
	unsigned long qid;

	for (qid = 0; (aq = ap_queue_get_next(&qid)); qid++) {
		ap_queue_heal_unclean(aq);
		put_device(&aq->ap_dev.device);
	}
}

static void ap_zero_wait_all(void)
{
	struct ap_queue *aq;
	unsigned long qid;

	for (qid = 0; (aq = ap_queue_get_next(&qid)); qid++) {
		ap_queue_zero_wait(aq);
		put_device(&aq->ap_dev.device);
	}
}

/**
 * ap_driver_register() - register a driver for cards or queues
 * @ap_drv: the driver
 * @owner: its module
 * @name: its name
 *
 * What is not clean gets another try first, all at the same time.
 *
 * Context: process, sleeps; probe() is called for the devices that are there.
 * Return: 0 or an errno.
 */
int ap_driver_register(struct ap_driver *ap_drv, struct module *owner,
		       char *name)
{
	struct ap_batch batch;
	int rc;

	ap_drv->driver.bus = &ap_bus_type;
	ap_drv->driver.owner = owner;
	ap_drv->driver.name = name;
	ap_zero_start_all();
	ap_batch_begin(&batch);
	rc = driver_register(&ap_drv->driver);
	ap_batch_end(&batch);
	ap_bus_check_bindings();
	return rc;
}
EXPORT_SYMBOL(ap_driver_register);

/**
 * ap_driver_unregister() - unregister a driver
 * @ap_drv: the driver
 *
 * All its queues are reset at the same time.
 *
 * Context: process, sleeps; as long as the driver's own remove() takes, and
 * then within the parameter remove_timeout.
 */
void ap_driver_unregister(struct ap_driver *ap_drv)
{
	struct ap_batch batch;

	ap_batch_begin(&batch);
	driver_unregister(&ap_drv->driver);
	ap_zero_wait_all();
	ap_batch_end(&batch);
}
EXPORT_SYMBOL(ap_driver_unregister);

struct ap_driver_walk {
	ap_driver_fn_t *fn;
	void *arg;
};

static int ap_driver_visit(struct device_driver *driver, void *data)
{
	struct ap_driver_walk *walk = data;
	int rc;

	/* A module that is going has no say any more */
	if (!try_module_get(driver->owner))
		return 0;
	rc = walk->fn(to_ap_drv(driver), walk->arg);
	module_put(driver->owner);
	return rc;
}

/**
 * ap_bus_visit_drivers() - call a function for each registered driver
 * @fn: the function; non-zero ends the walk
 * @arg: passed to @fn
 *
 * Context: process, sleeps; the driver's module stays while @fn runs.
 * Return: what the last call returned.
 */
int ap_bus_visit_drivers(ap_driver_fn_t *fn, void *arg)
{
	struct ap_driver_walk walk = { .fn = fn, .arg = arg };

	return bus_for_each_drv(&ap_bus_type, NULL, &walk, ap_driver_visit);
}

/*
 * Bindings.
 */

static void ap_queue_attach(struct ap_queue *aq)
{
	if (device_attach(&aq->ap_dev.device) < 0)
		AP_DBF_WARN("%s queue %04x failed\n", __func__, aq->qid);
}

/*
 * Whether the queue is to move: it has changed sides, or is (a bind that came
 * in between) with a driver that may not have it. Under ap_revise_mutex.
 */
static bool ap_queue_misplaced(struct ap_queue *aq, bool *bound)
{
	struct device *dev = &aq->ap_dev.device;
	bool reserved, misplaced;

	/* The device lock: the driver cannot come or go while we look */
	device_lock(dev);
	reserved = ap_mask_reserved(aq->qid);
	misplaced = aq->reserved != reserved;
	/* Read under another lock, by ap_queue_barred(), for a count */
	WRITE_ONCE(aq->reserved, reserved);
	*bound = dev->driver;
	/* Not there yet: its drivers come with it, and see the new masks */
	if (!*bound && !device_is_registered(dev))
		misplaced = false;
	if (*bound)
		misplaced = !ap_mask_may_have(to_ap_drv(dev->driver), aq);
	device_unlock(dev);
	return misplaced;
}

/**
 * ap_queue_note_masks() - note on which side of the masks a queue is
 * @aq: a queue that is in ap_queues, so that who changes the masks from now on
 *	finds it there
 *
 * Context: process, sleeps; takes the device lock.
 */
void ap_queue_note_masks(struct ap_queue *aq)
{
	device_lock(&aq->ap_dev.device);
	WRITE_ONCE(aq->reserved, ap_mask_reserved(aq->qid));
	device_unlock(&aq->ap_dev.device);
}

/* One change of the bindings at a time; outermost */
static DEFINE_MUTEX(ap_revise_mutex);

/**
 * ap_bus_revise_bindings() - move queues to where the masks say they belong
 *
 * First all are taken away, which starts their resets; then the resets are
 * waited for; then each is offered to the drivers that may have it now.
 *
 * Context: process, sleeps; no lock of the bus held; as long as the drivers'
 * remove() and probe() take, plus one reset, which is bounded.
 */
void ap_bus_revise_bindings(void)
{
	struct ap_batch batch;
	struct xarray moved;
	struct ap_queue *aq;
	unsigned long qid;
	bool bound;

	mutex_lock(&ap_revise_mutex);
	xa_init(&moved);
	ap_batch_begin(&batch);
	for (qid = 0; (aq = ap_queue_get_next(&qid)); qid++) {
		if (!ap_queue_misplaced(aq, &bound)) {
			put_device(&aq->ap_dev.device);
			continue;
		}
		if (bound)
			device_release_driver(&aq->ap_dev.device);
		if (xa_err(xa_store(&moved, qid, aq, GFP_KERNEL))) {
			/* no memory to come back to it: now, then */
			ap_queue_attach(aq);
			put_device(&aq->ap_dev.device);
		}
	}
	xa_for_each(&moved, qid, aq)
		ap_queue_zero_wait(aq);
	xa_for_each(&moved, qid, aq) {
		ap_queue_attach(aq);
		put_device(&aq->ap_dev.device);
	}
	ap_batch_end(&batch);
	xa_destroy(&moved);
	mutex_unlock(&ap_revise_mutex);
}

static int ap_count_binding(struct device *dev, void *data)
{
	unsigned int *counts = data;

	bool bound;

	if (!is_queue_dev(dev))
		return 0;
	/* Lock-free: this is a count, outdated when it is shown. */
	bound = READ_ONCE(to_ap_queue(dev)->open);
	if (bound || !ap_queue_barred(to_ap_queue(dev))) {
		counts[0]++;
		counts[1] += bound;
	}
	return 0;
}

/**
 * ap_bus_count_bindings() - count queues, and those that have a driver
 * @apqns: number of queues; without those that no driver can get now
 * @bound: number of those with a driver
 *
 * Context: process, sleeps.
 */
void ap_bus_count_bindings(unsigned int *apqns, unsigned int *bound)
{
	unsigned int counts[2] = { };

	bus_for_each_dev(&ap_bus_type, NULL, counts, ap_count_binding);
	*apqns = counts[0];
	*bound = counts[1];
}

/**
 * ap_bus_expect_bindings() - queues come that need a driver
 *
 * Context: process.
 */
void ap_bus_expect_bindings(void)
{
	spin_lock(&ap_bindings_lock);
	ap_bindings_expected++;
	reinit_completion(&ap_bindings_complete);
	spin_unlock(&ap_bindings_lock);
}

/* The number of this completion; 0 when another one has told, or it is not true */
static u64 ap_bus_complete_bindings(void)
{
	u64 expected, number = 0;
	unsigned int apqns, bound;

	spin_lock(&ap_bindings_lock);
	expected = ap_bindings_expected;
	spin_unlock(&ap_bindings_lock);
	ap_bus_count_bindings(&apqns, &bound);
	if (apqns != bound)
		return 0;
	/* Several may have counted at once, and a queue may have come since */
	spin_lock(&ap_bindings_lock);
	if (expected == ap_bindings_expected &&
	    !completion_done(&ap_bindings_complete)) {
		number = ++ap_bindings_complete_count;
		complete_all(&ap_bindings_complete);
	}
	spin_unlock(&ap_bindings_lock);
	return number;
}

/**
 * ap_bus_bindings_changed() - who polls "bindings" is to read it again
 *
 * A queue that cannot be cleaned, or is gone, is not counted any more.
 *
 * Context: process.
 */
void ap_bus_bindings_changed(void)
{
	sysfs_notify(&bus_get_kset(&ap_bus_type)->kobj, NULL, "bindings");
}

/**
 * ap_bus_check_bindings() - tell it when all queues have their driver
 *
 * Context: process, sleeps.
 */
void ap_bus_check_bindings(void)
{
	char count[40];
	char *envp[3] = { "BINDINGS=complete", count, NULL };
	u64 number;

	/* Most of the time it is known, and need not be counted */
	if (!ap_scan_count() || completion_done(&ap_bindings_complete))
		return;
	number = ap_bus_complete_bindings();
	if (!number)
		return;
	snprintf(count, sizeof(count), "COMPLETECOUNT=%llu", number);
	kobject_uevent_env(&ap_root_device->kobj, KOBJ_CHANGE, envp);
	/* Who polls the attribute, and does not listen to uevents */
	ap_bus_bindings_changed();
}

/**
 * ap_bus_bindings_completed() - how often all queues had got their driver
 *
 * Context: process.
 * Return: the number in the last uevent with COMPLETECOUNT=, 0 before it.
 */
u64 ap_bus_bindings_completed(void)
{
	u64 count;

	spin_lock(&ap_bindings_lock);
	count = ap_bindings_complete_count;
	spin_unlock(&ap_bindings_lock);
	return count;
}

/**
 * ap_wait_apqn_bindings_complete() - wait until all queues have their driver
 * @timeout: in jiffies; 0 waits without limit
 *
 * Context: process, sleeps; a signal ends it.
 * Return: 0, -ETIME or -EINTR.
 */
int ap_wait_apqn_bindings_complete(unsigned long timeout)
{
	long left;

	left = wait_for_completion_interruptible_timeout(&ap_bindings_complete,
							 timeout ?: MAX_SCHEDULE_TIMEOUT);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIME;
}
EXPORT_SYMBOL(ap_wait_apqn_bindings_complete);

/**
 * ap_send_change() - tell user space that a device has changed
 * @dev: the device
 * @what: name of what has changed
 * @value: what it is now
 * @reason: why, or NULL
 *
 * Context: process, sleeps.
 */
void ap_send_change(struct device *dev, const char *what, const char *value,
		    const char *reason)
{
	char var[48], why[48];
	char *envp[3] = { var };

	snprintf(var, sizeof(var), "%s=%s", what, value);
	if (reason) {
		snprintf(why, sizeof(why), "REASON=%s", reason);
		envp[1] = why;
	}
	kobject_uevent_env(&dev->kobj, KOBJ_CHANGE, envp);
}

/**
 * ap_send_config_uevent() - a device was configured or deconfigured
 * @ap_dev: card or queue
 * @cfg: which
 *
 * Context: process, sleeps.
 */
void ap_send_config_uevent(struct ap_device *ap_dev, bool cfg)
{
	ap_send_change(&ap_dev->device, "CONFIG", cfg ? "1" : "0", NULL);
}
EXPORT_SYMBOL(ap_send_config_uevent);

/**
 * ap_send_online_uevent() - a device was switched on or off line
 * @ap_dev: card or queue
 * @online: which
 *
 * Context: process, sleeps.
 */
void ap_send_online_uevent(struct ap_device *ap_dev, int online)
{
	ap_send_change(&ap_dev->device, "ONLINE", online ? "1" : "0", NULL);
}
EXPORT_SYMBOL(ap_send_online_uevent);

/**
 * ap_is_se_guest() - whether this is a secure guest with AP queues to bind
 *
 * Return: true if so.
 */
bool ap_is_se_guest(void)
{
	return is_prot_virt_guest() && ap_sb_available();
}
EXPORT_SYMBOL(ap_is_se_guest);

/*
 * debugfs: the figures of the last removal, a line per queue. One that was only
 * found, and cleaned for its first driver, has no driver there.
 */
static const char *ap_hand_over_result(const struct ap_hand_over *ho)
{
	if (!ho->end)
		return "none";
	return ho->clean ? "clean" : "unclean";
}

static int ap_hand_overs_show(struct seq_file *m, void *unused)
{
	struct ap_hand_over ho;
	struct ap_queue *aq;
	unsigned long qid;

	for (qid = 0; (aq = ap_queue_get_next(&qid)); qid++) {
		spin_lock_bh(&aq->lock);
		ho = aq->hand_over;
		spin_unlock_bh(&aq->lock);
		seq_printf(m, "%s driver=%s flushed=%u flush_ns=%llu remove_ns=%llu reset_ns=%llu zapq=%u tapq=%u result=%s end_ns=%llu\n",
			   dev_name(&aq->ap_dev.device),
			   ho.driver[0] ? ho.driver : "-", ho.flushed,
			   ho.flush_ns, ho.remove_ns, ho.reset_ns, ho.zapq,
			   ho.tapq, ap_hand_over_result(&ho), ho.end);
		put_device(&aq->ap_dev.device);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ap_hand_overs);

/*
 * Coming and going of the bus itself.
 */
static int ap_dbf_init(void)
{
	/* level, and up to six arguments, a long each */
	ap_dbf_info = debug_register("ap", 2, 1,
				     AP_DBF_MAX_SPRINTF_ARGS * sizeof(long));
	if (!ap_dbf_info)
		return -ENOMEM;
	debug_register_view(ap_dbf_info, &debug_sprintf_view);
	debug_set_level(ap_dbf_info, DBF_ERR);
	return 0;
}

/*
 * The root device outlives the bus's attributes, which use it. It carries the
 * bus for its uevents only: the bus does not know it and holds no reference.
 */
static int ap_devices_init(void)
{
	int rc;

	ap_root_device = root_device_register("ap");
	if (IS_ERR(ap_root_device))
		return PTR_ERR(ap_root_device);
	rc = bus_register(&ap_bus_type);
	if (rc)
		root_device_unregister(ap_root_device);
	else
		ap_root_device->bus = &ap_bus_type;
	return rc;
}

static void ap_devices_exit(void)
{
	ap_root_device->bus = NULL;
	bus_unregister(&ap_bus_type);
	root_device_unregister(ap_root_device);
}

static int __init ap_bus_init(void)
{
	int rc;

	if (!ap_instructions_available()) {
		pr_warn("this machine has no AP instructions\n");
		return -ENODEV;
	}
	rc = ap_dbf_init();
	if (rc)
		return rc;
	rc = ap_msg_init(ap_msgpool_param);
	if (rc) {
		debug_unregister(ap_dbf_info);
		return rc;
	}
	ap_mask_init(ap_apmask_param, ap_aqmask_param);
	ap_scan_init();
	/*
	 * Facilities are asked for at run time, here and in ap_scan_init(),
	 * and not through a constant: that is patched into the code before a
	 * built-in simulator can have its say.
	 */
	rc = ap_poll_init(ap_useirq_param && __test_facility(65, stfle_fac_list),
			  ap_poll_thread_param);
	if (rc)
		goto out_msg;
	rc = ap_devices_init();
	if (rc)
		goto out_poll;
	rc = ap_scan_start();
	if (rc)
		goto out_devices;

	ap_debugfs = debugfs_create_dir("ap", NULL);
	debugfs_create_file("hand_overs", 0400, ap_debugfs, NULL,
			    &ap_hand_overs_fops);
	return 0;

out_devices:
	/* With the bus go its attributes, which start timers and threads */
	ap_devices_exit();
	ap_scan_stop();
out_poll:
	ap_poll_exit();
out_msg:
	ap_msg_exit();
	debug_unregister(ap_dbf_info);
	return rc;
}

static void __exit ap_bus_exit(void)
{
	debugfs_remove(ap_debugfs);
	ap_scan_exit();
	ap_devices_exit();
	/* Who has written to "scans" meanwhile need not have waited for the end */
	ap_scan_stop();
	ap_poll_exit();
	ap_msg_exit();
	/* Queues and cards are freed by RCU and by their last user */
	rcu_barrier();
	debug_unregister(ap_dbf_info);
}

module_init(ap_bus_init);
module_exit(ap_bus_exit);
