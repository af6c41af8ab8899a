// SPDX-License-Identifier: GPL-2.0
/*
 * Masks: which ioctls, adapters and domains may be used, and by whom.
 *
 * apmask and aqmask divide the queues between two kinds of drivers. A queue is
 * reserved for the default drivers when its adapter is in apmask and its domain
 * is in aqmask; all others are for the non-default drivers (vfio_ap).
 *
 * A mask is written in one of two ways:
 *
 *	0x41		the whole mask as a hex number, aligned to the left:
 *			bits 1 and 7, all others off. "0x" may be left out.
 *	+1-16,-0x20	changes to the mask as it is: bits 1 to 16 on, then bit
 *			32 off. Numbers are decimal, hex or octal as in C.
 *
 * One newline may end a hex number. Between changes, and behind the last one,
 * stands any run of commas and newlines: lists put together by scripts often
 * end in a comma, and this has always been taken.
 *
 * All else is -EINVAL and changes nothing. In particular, though it was once
 * taken silently:
 *
 * - no digit at all ("", "0x", a lone newline): the whole mask was cleared, and
 *   with it every queue taken from its driver, by an unset shell variable.
 *   Write "0" to clear a mask.
 * - numbers that do not fit: they used to wrap around at 2^64, so that a number
 *   out of all range named a valid bit.
 * - changes run together: in "+1-5-7" the last one is easily misread as part of
 *   a range. Write "+1-5,-7".
 * - anything behind a NUL byte.
 *
 * One queue can be given to one driver, by name, without the masks: by its
 * attribute driver_override. It is one way or the other: with a mask that
 * restricts anything there is no override, and with an override no mask changes.
 * So there is never a question which of the two wins.
 */
#define pr_fmt(fmt) "ap: " fmt

#include <linux/bitops.h>
#include <linux/ctype.h>
#include <linux/hex.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "ap_priv.h"

/* Text and queries below take all masks to be of this one size */
#define MASK_BITS	256
static_assert(AP_DEVICES == MASK_BITS && AP_DOMAINS == MASK_BITS);

struct ap_perms ap_perms;
EXPORT_SYMBOL(ap_perms);

/*
 * Protects ap_perms, the overrides, and the masks of zcrypt's additional device
 * nodes. Taken by drivers that want to rely on who owns an APQN, for as long as
 * they do.
 */
DEFINE_MUTEX(ap_perms_mutex);
EXPORT_SYMBOL(ap_perms_mutex);

/* How many queues have an override; that any ever had. Under ap_perms_mutex */
static unsigned int ap_overrides;
static bool ap_override_used;

enum mask_axis {
	MASK_APM,
	MASK_AQM,
	NR_MASK_AXES
};

/**
 * struct ap_mask - one of the two masks that divide the queues
 * @axis: which
 * @name: of the module parameter and the bus attribute
 * @what: what its bits stand for
 * @uevent: variable that tells user space of a new value
 * @bits: the mask, protected by ap_perms_mutex
 */
struct ap_mask {
	enum mask_axis axis;
	const char *name;
	const char *what;
	const char *uevent;
	unsigned long *bits;
};

const struct ap_mask ap_mask_adapters = {
	.axis = MASK_APM,
	.name = "apmask",
	.what = "adapter",
	.uevent = "APMASK=",
	.bits = ap_perms.apm,
};

const struct ap_mask ap_mask_domains = {
	.axis = MASK_AQM,
	.name = "aqmask",
	.what = "domain",
	.uevent = "AQMASK=",
	.bits = ap_perms.aqm,
};

/*
 * The number at @str, which has to be less than @limit. Larger ones stay at
 * @limit while their digits are read, so none can wrap around into the range.
 * Returns what follows the number, or NULL.
 */
static const char *mask_number(const char *str, unsigned long limit,
			       unsigned long *nr)
{
	int radix = 10;
	const char *start;
	int digit;	/* -1 for what is none */

	if (*str == '0') {
		radix = 8;
		if (tolower(str[1]) == 'x') {
			radix = 16;
			str += 2;
		}
	}

	*nr = 0;
	for (start = str; ; str++) {
		digit = hex_to_bin(*str);
		if (digit < 0 || digit >= radix)
			break;
		*nr = min(*nr * radix + digit, limit);
	}
	return str > start && *nr < limit ? str : NULL;
}

/* Do the changes that @str asks for; on an error some may have been done */
static int mask_change(const char *str, unsigned long *bitmap,
		       unsigned int bits)
{
	unsigned long first, last;
	size_t gap;
	bool on;

	do {
		on = *str == '+';
		if (!on && *str != '-')
			return -EINVAL;

		str = mask_number(str + 1, bits, &first);
		last = first;
		if (str && *str == '-')
			str = mask_number(str + 1, bits, &last);
		if (!str || last < first)
			return -EINVAL;

		for (; first <= last; first++) {
			if (on)
				set_bit_inv(first, bitmap);
			else
				clear_bit_inv(first, bitmap);
		}

		gap = strspn(str, ",\n");
		if (*str && !gap)
			return -EINVAL;
		str += gap;
	} while (*str);

	return 0;
}

/* Set @bitmap to the hex number @str; on an error it is left alone */
static int mask_assign(const char *str, unsigned long *bitmap,
		       unsigned int bits)
{
	const unsigned int per_long = BITS_PER_LONG / 4;
	unsigned int digits, i;
	const char *end;

	/* a lone "x" has always been taken, and there is no misreading it */
	str += *str == '0' && str[1] == 'x';
	str += *str == 'x';

	digits = strspn(str, "0123456789abcdefABCDEF");
	end = str + digits;
	end += *end == '\n';
	if (!digits || digits > bits / 4 || *end)
		return -EINVAL;

	bitmap_zero(bitmap, bits);
	for (i = 0; i < digits; i++)
		bitmap[i / per_long] |= (unsigned long)hex_to_bin(str[i]) <<
			4 * (per_long - 1 - i % per_long);
	return 0;
}

static bool mask_size_ok(int bits)
{
	return bits > 0 && bits % 8 == 0;
}

/* @new becomes what writing @str makes of @old; rubbish in it on an error */
static int mask_parse(const char *str, const unsigned long *old,
		      unsigned long *new, int bits)
{
	if (*str != '+' && *str != '-')
		return mask_assign(str, new, bits);
	bitmap_copy(new, old, bits);
	return mask_change(str, new, bits);
}

/**
 * ap_hex2bitmap() - make a bitmap of a hex number
 * @str: the number, "0x" may be left out, one newline may follow
 * @bitmap: bit 0 is the leftmost bit of the leftmost digit; what a short number
 *	does not reach is cleared; unchanged on an error
 * @bits: size of @bitmap, a multiple of 8
 *
 * Context: any; a bitmap that others use is the caller's to lock.
 * Return: 0, or -EINVAL when @str is not such a number, has more digits than
 *	@bitmap has room for, or @bits makes no sense.
 */
int ap_hex2bitmap(const char *str, unsigned long *bitmap, int bits)
{
	return mask_size_ok(bits) ? mask_assign(str, bitmap, bits) : -EINVAL;
}
EXPORT_SYMBOL(ap_hex2bitmap);

/**
 * ap_parse_mask_str() - set or change a mask as a text says
 * @str: hex number or list of changes, see the top of this file
 * @bitmap: the mask, bit 0 leftmost; unchanged on an error
 * @bits: size of @bitmap, a multiple of 8
 * @lock: protects @bitmap, taken here
 *
 * Readers that do without @lock see no other bits than those that change.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a malformed @str or @bits, -ENOMEM, or -ERESTARTSYS
 *	when a signal came while waiting for @lock.
 */
int ap_parse_mask_str(const char *str, unsigned long *bitmap, int bits,
		      struct mutex *lock)
{
	unsigned long *new;
	int rc;

	if (!mask_size_ok(bits))
		return -EINVAL;
	new = bitmap_alloc(bits, GFP_KERNEL);
	if (!new)
		return -ENOMEM;

	rc = -ERESTARTSYS;
	if (!mutex_lock_interruptible(lock)) {
		rc = mask_parse(str, bitmap, new, bits);
		if (!rc)
			bitmap_copy(bitmap, new, bits);
		mutex_unlock(lock);
	}
	bitmap_free(new);
	return rc;
}
EXPORT_SYMBOL(ap_parse_mask_str);

/* Whether a queue is inside both masks */
static bool mask_has(ap_qid_t qid)
{
	return test_bit_inv(AP_QID_CARD(qid), ap_perms.apm) &&
	       test_bit_inv(AP_QID_QUEUE(qid), ap_perms.aqm);
}

/*
 * With an override it is a matter of who has the queue: the name may be that of
 * a driver that is not there, and nobody knows of which kind it will be.
 */
static bool override_owned_by_def_drv(struct ap_queue *aq)
{
	bool owned;

	/* Under the lock the driver stays: it goes when @driver has become NULL */
	spin_lock_bh(&aq->lock);
	owned = aq->driver && aq->driver->flags & AP_DRIVER_FLAG_DEFAULT;
	spin_unlock_bh(&aq->lock);
	return owned;
}

/**
 * ap_owned_by_def_drv() - whether an APQN is reserved for the default drivers
 * @card: the APQN's adapter
 * @queue: the APQN's domain
 *
 * Context: process, caller holds ap_perms_mutex.
 * Return: 1 if it is, 0 if not, -EINVAL when there can be no such APQN.
 */
int ap_owned_by_def_drv(int card, int queue)
{
	struct ap_queue *aq = NULL;
	bool owned;

	lockdep_assert_held(&ap_perms_mutex);

	if ((unsigned int)card >= AP_DEVICES ||
	    (unsigned int)queue >= AP_DOMAINS)
		return -EINVAL;
	if (ap_overrides)
		aq = ap_get_qdev(AP_MKQID(card, queue));
	if (aq && aq->override)
		owned = override_owned_by_def_drv(aq);
	else
		owned = mask_has(AP_MKQID(card, queue));
	if (aq)
		put_device(&aq->ap_dev.device);
	return owned;
}
EXPORT_SYMBOL(ap_owned_by_def_drv);

/**
 * ap_apqn_in_matrix_owned_by_def_drv() - whether the default drivers have a
 *	claim on a matrix of APQNs
 * @apm: adapters of the matrix, AP_DEVICES bits
 * @aqm: domains of the matrix, AP_DOMAINS bits
 *
 * The reserved APQNs are a matrix too, and two matrices share an APQN exactly
 * when they share an adapter and share a domain. With overrides they are none,
 * and each APQN is looked at.
 *
 * Context: process, caller holds ap_perms_mutex.
 * Return: 1 if at least one of the APQNs is reserved for them, else 0.
 */
int ap_apqn_in_matrix_owned_by_def_drv(unsigned long *apm, unsigned long *aqm)
{
	unsigned long card, domain;

	lockdep_assert_held(&ap_perms_mutex);

	if (!ap_overrides)
		return bitmap_intersects(apm, ap_perms.apm, AP_DEVICES) &&
		       bitmap_intersects(aqm, ap_perms.aqm, AP_DOMAINS);

	for_each_set_bit_inv(card, apm, AP_DEVICES)
		for_each_set_bit_inv(domain, aqm, AP_DOMAINS)
			if (ap_owned_by_def_drv(card, domain))
				return 1;
	return 0;
}
EXPORT_SYMBOL(ap_apqn_in_matrix_owned_by_def_drv);

/**
 * ap_mask_reserved() - whether the masks have a queue for the default drivers
 * @qid: the queue's APQN
 *
 * The answer may be out of date when the caller gets it. Whoever changes a mask
 * revises all bindings afterwards, so acting on an old answer is put right.
 *
 * Context: process, takes ap_perms_mutex.
 * Return: true if so, false if it is for the others.
 */
bool ap_mask_reserved(ap_qid_t qid)
{
	bool reserved;

	mutex_lock(&ap_perms_mutex);
	reserved = mask_has(qid);
	mutex_unlock(&ap_perms_mutex);
	return reserved;
}

/**
 * ap_mask_may_have() - whether a driver may have a queue
 * @drv: the driver
 * @aq: the queue
 *
 * The one place where that is decided: by the queue's override if it has one;
 * else default drivers get the queues inside the masks, others those outside.
 *
 * Context: process, takes ap_perms_mutex.
 * Return: true if so; as of now, see ap_mask_reserved().
 */
bool ap_mask_may_have(const struct ap_driver *drv, const struct ap_queue *aq)
{
	bool may;

	mutex_lock(&ap_perms_mutex);
	if (aq->override)
		may = !strcmp(aq->override, drv->driver.name);
	else
		may = !!(drv->flags & AP_DRIVER_FLAG_DEFAULT) == mask_has(aq->qid);
	mutex_unlock(&ap_perms_mutex);
	return may;
}

static int mask_text(char *buf, size_t size, const char *before,
		     const unsigned long *bits)
{
	return scnprintf(buf, size, "%s0x%016lx%016lx%016lx%016lx\n",
			 before, bits[0], bits[1], bits[2], bits[3]);
}

/**
 * ap_mask_show() - a mask as text, for its bus attribute
 * @mask: the mask
 * @buf: the attribute's page
 *
 * Context: process, takes ap_perms_mutex.
 * Return: length of the text, or -ERESTARTSYS.
 */
int ap_mask_show(const struct ap_mask *mask, char *buf)
{
	int len;

	if (mutex_lock_interruptible(&ap_perms_mutex))
		return -ERESTARTSYS;
	len = mask_text(buf, PAGE_SIZE, "", mask->bits);
	mutex_unlock(&ap_perms_mutex);
	return len;
}

/* Called for each driver; @arg: the two masks of the APQNs in question */
static int mask_ask_driver(struct ap_driver *drv, void *arg)
{
	unsigned long **apqns = arg;

	if (drv->in_use && drv->in_use(apqns[MASK_APM], apqns[MASK_AQM]))
		return -EBUSY;
	return 0;
}

/*
 * Make @new the value of @mask, unless a driver needs an APQN that is not
 * reserved yet and would be now. Such APQNs are on the added lines (or columns)
 * of the matrix, and on no other. But a guest may still have what an override,
 * that has ended since, had given to it: then it is asked for all of them.
 */
static int mask_commit(const struct ap_mask *mask, const unsigned long *new)
{
	unsigned long *apqns[NR_MASK_AXES] = { ap_perms.apm, ap_perms.aqm };
	DECLARE_BITMAP(added, MASK_BITS);
	int rc = 0;

	lockdep_assert_held(&ap_perms_mutex);

	bitmap_andnot(added, new, mask->bits, MASK_BITS);
	if (ap_override_used)
		bitmap_copy(added, new, MASK_BITS);
	if (!bitmap_empty(added, MASK_BITS)) {
		apqns[mask->axis] = added;
		rc = ap_bus_visit_drivers(mask_ask_driver, apqns);
	}
	if (!rc)
		bitmap_copy(mask->bits, new, MASK_BITS);
	return rc;
}

/* Whether it is the overrides that say who gets which queue; tells so */
static bool mask_overridden(const struct ap_mask *mask)
{
	lockdep_assert_held(&ap_perms_mutex);

	if (ap_overrides)
		pr_info_ratelimited("%s cannot be written while queues have a driver_override (%u do): write an empty line to each first\n",
				    mask->name, ap_overrides);
	return ap_overrides;
}

/**
 * ap_mask_write() - give a mask the value written to its bus attribute
 * @mask: the mask
 * @buf: what was written, NUL-terminated behind @count bytes
 * @count: number of bytes; the last may be a NUL that a program wrote with its
 *	string
 *
 * When the mask has changed, queues that are with the wrong kind of driver now
 * have been rebound, and user space has been told, when this returns.
 *
 * Context: process; takes ap_perms_mutex, and, that dropped, device locks.
 * Return: 0, -EINVAL for malformed text or while a queue has an override,
 *	-EBUSY when a driver does not give up an APQN, -ERESTARTSYS. On an error
 *	nothing has changed.
 */
int ap_mask_write(const struct ap_mask *mask, const char *buf, size_t count)
{
	char text[sizeof("APMASK=0x\n") + MASK_BITS / 4];
	char *envp[2] = { text };
	DECLARE_BITMAP(new, MASK_BITS);
	bool changed = false;
	int rc;

	if (strnlen(buf, count) + 1 < count)
		return -EINVAL;

	if (mutex_lock_interruptible(&ap_perms_mutex))
		return -ERESTARTSYS;
	rc = mask_overridden(mask) ? -EINVAL :
				     mask_parse(buf, mask->bits, new, MASK_BITS);
	if (!rc && !bitmap_equal(mask->bits, new, MASK_BITS)) {
		rc = mask_commit(mask, new);
		changed = !rc;
	}
	mutex_unlock(&ap_perms_mutex);

	if (changed) {
		ap_bus_revise_bindings();
		mask_text(text, sizeof(text), mask->uevent, new);
		kobject_uevent_env(&ap_root_device->kobj, KOBJ_CHANGE, envp);
		/* Who waits for both events waits for this one last */
		ap_bus_check_bindings();
	}
	return rc;
}

/**
 * ap_override_show() - the override of a queue, for its attribute
 * @aq: the queue
 * @buf: the attribute's page
 *
 * Context: process, takes ap_perms_mutex.
 * Return: length of the text, an empty line where there is none; -ERESTARTSYS.
 */
int ap_override_show(const struct ap_queue *aq, char *buf)
{
	int len;

	if (mutex_lock_interruptible(&ap_perms_mutex))
		return -ERESTARTSYS;
	len = sysfs_emit(buf, "%s\n", aq->override ?: "");
	mutex_unlock(&ap_perms_mutex);
	return len;
}

/* @name becomes the override; returns what was it before, for kfree() */
static char *override_set(struct ap_queue *aq, char *name)
{
	char *old = aq->override;

	lockdep_assert_held(&ap_perms_mutex);

	ap_overrides += !!name - !!old;
	ap_override_used |= !!name;
	WRITE_ONCE(aq->override, name);
	return old;
}

/**
 * ap_override_write() - give a queue the override written to its attribute
 * @aq: the queue
 * @buf: what was written, NUL-terminated behind @count bytes: the name of a
 *	driver, which need not be there yet; what follows a newline is ignored;
 *	nothing at all ends the override
 * @count: number of bytes
 *
 * The driver that the queue has keeps it; who comes next has to be that one.
 * Name and errors are those that newer kernels have.
 *
 * Context: process, takes ap_perms_mutex.
 * Return: 0, -EINVAL while a mask restricts anything or when the text is too
 *	long to be shown again, -ENOMEM, -ERESTARTSYS. On an error nothing has
 *	changed.
 */
int ap_override_write(struct ap_queue *aq, const char *buf, size_t count)
{
	size_t len = strcspn(buf, "\n");
	char *name = NULL;
	bool restricts;

	/* a newline is shown behind it */
	if (count >= PAGE_SIZE - 1)
		return -EINVAL;
	if (len) {
		name = kstrndup(buf, len, GFP_KERNEL);
		if (!name)
			return -ENOMEM;
	}

	if (mutex_lock_interruptible(&ap_perms_mutex)) {
		kfree(name);
		return -ERESTARTSYS;
	}
	restricts = !bitmap_full(ap_perms.apm, AP_DEVICES) ||
		    !bitmap_full(ap_perms.aqm, AP_DOMAINS);
	if (!restricts)
		name = override_set(aq, name);
	mutex_unlock(&ap_perms_mutex);
	kfree(name);

	if (restricts)
		pr_info_ratelimited("driver_override of queue %s cannot be written while apmask or aqmask is not full: write all ones to both first\n",
				    dev_name(&aq->ap_dev.device));
	return restricts ? -EINVAL : 0;
}

/**
 * ap_override_drop() - the queue is gone, and its override with it
 * @aq: the queue, whose attributes are gone
 *
 * Otherwise the masks could never be written again.
 *
 * Context: process, takes ap_perms_mutex.
 */
void ap_override_drop(struct ap_queue *aq)
{
	char *old;

	mutex_lock(&ap_perms_mutex);
	old = override_set(aq, NULL);
	mutex_unlock(&ap_perms_mutex);
	kfree(old);
}

/*
 * First value of a mask. Without a parameter every queue is the default
 * drivers'. A list of changes starts from an empty mask.
 *
 * A malformed parameter leaves the mask empty. Somebody wanted to keep queues
 * away from the default drivers, it is unknown which: so they get none until
 * there is a valid mask, rather than the use of a queue that holds the secrets
 * of a guest. It is also what has always happened, if silently.
 */
static void mask_first_value(const struct ap_mask *mask, const char *param)
{
	DECLARE_BITMAP(new, MASK_BITS);

	if (!param) {
		bitmap_fill(mask->bits, MASK_BITS);
		return;
	}

	bitmap_zero(mask->bits, MASK_BITS);
	if (!mask_parse(param, mask->bits, new, MASK_BITS))
		bitmap_copy(mask->bits, new, MASK_BITS);
	else
		pr_warn("%s=%*pE is malformed, no %s is used by the default drivers until a valid mask is written\n",
			mask->name, (int)strlen(param), param, mask->what);
}

/**
 * ap_mask_init() - first values of the masks
 * @apmask: module parameter, NULL if not given
 * @aqmask: module parameter, NULL if not given
 *
 * All ioctls are allowed. A malformed parameter is warned about, and the mask
 * is empty then.
 *
 * Context: module init, before there is a driver or a queue.
 */
void ap_mask_init(const char *apmask, const char *aqmask)
{
	mutex_lock(&ap_perms_mutex);
	bitmap_fill(ap_perms.ioctlm, AP_IOCTLS);
	mask_first_value(&ap_mask_adapters, apmask);
	mask_first_value(&ap_mask_domains, aqmask);
	mutex_unlock(&ap_perms_mutex);
}
