// SPDX-License-Identifier: GPL-2.0
/*
 * Cards: their life, and their attributes for the admin.
 *
 * A card lives as long as anybody holds it, and holds the AP card's device as
 * long as it lives. Its memory outlives it until readers under RCU are done.
 */
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "zcrypt_debug.h"
#include "zcrypt_request.h"

static ssize_t type_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	const struct zcrypt_card *zc = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", zc->type_string);
}

static ssize_t load_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	const struct zcrypt_card *zc = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&zc->load));
}

static bool card_there(const struct ap_card *ac)
{
	return ac->config && !ac->chkstop;
}

static ssize_t online_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	const struct zcrypt_card *zc = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", card_there(zc->card) && zc->online);
}

/* The card's queues follow it; each that changes is told of */
static void card_switch_queues(struct zcrypt_card *zc, int online)
{
	struct zcrypt_queue *zq;

	mutex_lock(&zcrypt_pool.lock);
	list_for_each_entry(zq, &zcrypt_pool.queues, list)
		if (zq->zcard == zc && zcrypt_queue_force_online(zq, online))
			ap_send_online_uevent(&zq->queue->ap_dev, online);
	mutex_unlock(&zcrypt_pool.lock);
}

static ssize_t online_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct zcrypt_card *zc = dev_get_drvdata(dev);
	int online;

	if (kstrtoint(buf, 10, &online) || online < 0 || online > 1)
		return -EINVAL;
	if (online && !card_there(zc->card))
		return -ENODEV;

	WRITE_ONCE(zc->online, online);
	ZCRYPT_DBF_INFO("card %02x: online=%d\n", zc->card->id, online);
	ap_send_online_uevent(&zc->card->ap_dev, online);
	card_switch_queues(zc, online);
	return count;
}

static DEVICE_ATTR_RO(type);
static DEVICE_ATTR_RO(load);
static DEVICE_ATTR_RW(online);

static struct attribute *card_attrs[] = {
	&dev_attr_load.attr,
	&dev_attr_online.attr,
	&dev_attr_type.attr,
	NULL
};

static const struct attribute_group card_attr_group = {
	.attrs = card_attrs,
};

/**
 * zcrypt_card_alloc() - memory for a card
 *
 * Context: process, sleeps.
 * Return: the card, with the driver's reference; or NULL.
 */
struct zcrypt_card *zcrypt_card_alloc(void)
{
	struct zcrypt_card *zc = kzalloc(sizeof(*zc), GFP_KERNEL);

	if (zc)
		kref_init(&zc->refcount);
	return zc;
}
EXPORT_SYMBOL(zcrypt_card_alloc);

static void card_release(struct kref *ref)
{
	struct zcrypt_card *zc = container_of(ref, struct zcrypt_card, refcount);

	put_device(zc->dev);
	kfree_rcu(zc, rcu);
}

/**
 * zcrypt_card_get() - hold a card
 * @zc: a card that is held already
 *
 * Context: any.
 */
void zcrypt_card_get(struct zcrypt_card *zc)
{
	kref_get(&zc->refcount);
}
EXPORT_SYMBOL(zcrypt_card_get);

/**
 * zcrypt_card_put() - let go of a card
 * @zc: the card
 *
 * Context: process, may sleep; not under RCU.
 * Return: 1 if it was the last reference.
 */
int zcrypt_card_put(struct zcrypt_card *zc)
{
	return kref_put(&zc->refcount, card_release);
}
EXPORT_SYMBOL(zcrypt_card_put);

/**
 * zcrypt_card_free() - drop the driver's reference after a probe that failed
 * @zc: the card, never registered or unregistered again
 *
 * Context: process, may sleep.
 */
void zcrypt_card_free(struct zcrypt_card *zc)
{
	zcrypt_card_put(zc);
}
EXPORT_SYMBOL(zcrypt_card_free);

/**
 * zcrypt_card_register() - let requests go to a card
 * @zc: the card, its driver's fields filled in; drvdata of the AP card's device
 *
 * Context: process, sleeps; the driver's probe().
 * Return: 0 or an errno.
 */
int zcrypt_card_register(struct zcrypt_card *zc)
{
	struct device *dev = &zc->card->ap_dev.device;
	int rc;

	zc->online = 1;
	rc = sysfs_create_group(&dev->kobj, &card_attr_group);
	if (rc)
		return rc;
	zc->dev = get_device(dev);
	rc = zcrypt_pool_add_card(&zcrypt_pool, zc);
	if (rc)
		sysfs_remove_group(&dev->kobj, &card_attr_group);
	ZCRYPT_DBF_INFO("card %02x: registered, rc=%d\n", zc->card->id, rc);
	return rc;
}
EXPORT_SYMBOL(zcrypt_card_register);

/**
 * zcrypt_card_unregister() - no more requests for a card
 * @zc: the card
 *
 * Drops the driver's reference too, unless its probe() is still running: what
 * fails there ends with zcrypt_card_free().
 *
 * Context: process, sleeps; the driver's probe() or remove().
 */
void zcrypt_card_unregister(struct zcrypt_card *zc)
{
	struct device *dev = zc->dev;
	bool in_remove = device_is_bound(dev);

	ZCRYPT_DBF_INFO("card %02x: unregistered\n", zc->card->id);
	zcrypt_pool_del_card(&zcrypt_pool, zc);
	sysfs_remove_group(&dev->kobj, &card_attr_group);
	if (in_remove)
		zcrypt_card_put(zc);
}
EXPORT_SYMBOL(zcrypt_card_unregister);
