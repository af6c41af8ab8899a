// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: their life, and their attributes for the admin.
 *
 * A sender holds the queue it has picked until it is done with it; the queue
 * holds the AP queue's device. So neither goes while a sender can still take
 * its message back. What a sender does not hold is the binding to a driver:
 * that may be another one by then, which is why nothing of it is used.
 */
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "zcrypt_debug.h"
#include "zcrypt_request.h"

static ssize_t load_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	const struct zcrypt_queue *zq = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&zq->load));
}

static bool queue_there(const struct ap_queue *aq)
{
	return aq->config && !aq->chkstop;
}

static ssize_t online_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	const struct zcrypt_queue *zq = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", queue_there(zq->queue) && zq->online);
}

/* A queue cannot be online when its card is not */
static int queue_may_be_online(struct zcrypt_queue *zq)
{
	const struct ap_card *ac = zq->queue->card;
	bool card_online;

	if (!queue_there(zq->queue) || !ac->config || ac->chkstop)
		return -ENODEV;
	mutex_lock(&zcrypt_pool.lock);
	card_online = zq->zcard && zq->zcard->online;
	mutex_unlock(&zcrypt_pool.lock);
	return card_online ? 0 : -EINVAL;
}

static ssize_t online_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct zcrypt_queue *zq = dev_get_drvdata(dev);
	int online, rc;

	if (kstrtoint(buf, 10, &online) || online < 0 || online > 1)
		return -EINVAL;
	rc = online ? queue_may_be_online(zq) : 0;
	if (rc)
		return rc;

	WRITE_ONCE(zq->online, online);
	ZCRYPT_DBF_INFO("queue %02x.%04x: online=%d\n",
			AP_QID_CARD(zq->queue->qid),
			AP_QID_QUEUE(zq->queue->qid), online);
	ap_send_online_uevent(&zq->queue->ap_dev, online);
	if (!online)
		ap_flush_queue(zq->queue);
	return count;
}

static DEVICE_ATTR_RO(load);
static DEVICE_ATTR_RW(online);

static struct attribute *queue_attrs[] = {
	&dev_attr_load.attr,
	&dev_attr_online.attr,
	NULL
};

static const struct attribute_group queue_attr_group = {
	.attrs = queue_attrs,
};

/**
 * zcrypt_queue_force_online() - switch a queue on or off with its card
 * @zq: the queue
 * @online: 0 or 1
 *
 * Switched off, its requests are sent elsewhere.
 *
 * Context: any but hard irq; takes the AP queue's lock.
 * Return: whether that was a change.
 */
bool zcrypt_queue_force_online(struct zcrypt_queue *zq, int online)
{
	if (!zq->online == !online)
		return false;
	WRITE_ONCE(zq->online, online);
	if (!online)
		ap_flush_queue(zq->queue);
	return true;
}

/**
 * zcrypt_queue_alloc() - memory for a queue
 * @reply_buf_size: size of the longest reply of its card
 *
 * The buffer for replies comes with zcrypt_queue_register(), when it is known
 * what kind of replies they are.
 *
 * Context: process, sleeps.
 * Return: the queue, with the driver's reference; or NULL.
 */
struct zcrypt_queue *zcrypt_queue_alloc(size_t reply_buf_size)
{
	struct zcrypt_queue *zq = kzalloc(sizeof(*zq), GFP_KERNEL);

	if (!zq)
		return NULL;
	zq->reply.bufsize = reply_buf_size;
	INIT_LIST_HEAD(&zq->list);
	kref_init(&zq->refcount);
	return zq;
}
EXPORT_SYMBOL(zcrypt_queue_alloc);

static void queue_release(struct kref *ref)
{
	struct zcrypt_queue *zq = container_of(ref, struct zcrypt_queue, refcount);

	/* Replies are other people's data */
	kfree_sensitive(zq->reply.msg);
	put_device(zq->dev);
	kfree_rcu(zq, rcu);
}

/**
 * zcrypt_queue_get() - hold a queue
 * @zq: a queue that is held already
 *
 * Context: any.
 */
void zcrypt_queue_get(struct zcrypt_queue *zq)
{
	kref_get(&zq->refcount);
}
EXPORT_SYMBOL(zcrypt_queue_get);

/**
 * zcrypt_queue_put() - let go of a queue
 * @zq: the queue
 *
 * Context: process, may sleep; not under RCU.
 * Return: 1 if it was the last reference.
 */
int zcrypt_queue_put(struct zcrypt_queue *zq)
{
	return kref_put(&zq->refcount, queue_release);
}
EXPORT_SYMBOL(zcrypt_queue_put);

/**
 * zcrypt_queue_free() - drop the driver's reference after a probe that failed
 * @zq: the queue, never registered or unregistered again
 *
 * Context: process, may sleep.
 */
void zcrypt_queue_free(struct zcrypt_queue *zq)
{
	zcrypt_queue_put(zq);
}
EXPORT_SYMBOL(zcrypt_queue_free);

static bool queue_has_rng(const struct zcrypt_queue *zq)
{
	return zcrypt_can(zq, ZCRYPT_OP_RNG);
}

static int queue_alloc_reply(struct zcrypt_queue *zq)
{
	struct ap_message *reply = &zq->reply;

	if (zq->ops->longest_reply)
		reply->bufsize = min(reply->bufsize, zq->ops->longest_reply);
	reply->msg = kmalloc(reply->bufsize, GFP_KERNEL);
	return reply->msg ? 0 : -ENOMEM;
}

/**
 * zcrypt_queue_register() - let requests go to a queue
 * @zq: the queue, its driver's fields filled in; drvdata of the AP queue's
 *	device
 *
 * Context: process, sleeps; the driver's probe().
 * Return: 0 or an errno.
 */
int zcrypt_queue_register(struct zcrypt_queue *zq)
{
	struct device *dev = &zq->queue->ap_dev.device;
	int rc;

	zq->online = !zq->queue->off_line;
	zq->queue->off_line = false;
	/* No message comes, and no reply, before probe() has succeeded */
	rc = queue_alloc_reply(zq);
	if (rc)
		return rc;
	rc = sysfs_create_group(&dev->kobj, &queue_attr_group);
	if (rc)
		return rc;
	zq->dev = get_device(dev);
	zcrypt_pool_add_queue(&zcrypt_pool, zq);
	ZCRYPT_DBF_INFO("queue %02x.%04x: registered\n",
			AP_QID_CARD(zq->queue->qid),
			AP_QID_QUEUE(zq->queue->qid));
	if (queue_has_rng(zq))
		rc = zcrypt_rng_device_add();
	if (rc) {
		zcrypt_pool_del_queue(&zcrypt_pool, zq);
		sysfs_remove_group(&dev->kobj, &queue_attr_group);
	}
	return rc;
}
EXPORT_SYMBOL(zcrypt_queue_register);

/**
 * zcrypt_queue_unregister() - no more requests for a queue
 * @zq: the queue
 *
 * Drops the driver's reference too, unless its probe() is still running: what
 * fails there ends with zcrypt_queue_free().
 *
 * Context: process, sleeps; the driver's probe() or remove().
 */
void zcrypt_queue_unregister(struct zcrypt_queue *zq)
{
	struct device *dev = zq->dev;
	bool in_remove = device_is_bound(dev);

	ZCRYPT_DBF_INFO("queue %02x.%04x: unregistered\n",
			AP_QID_CARD(zq->queue->qid),
			AP_QID_QUEUE(zq->queue->qid));
	zcrypt_pool_del_queue(&zcrypt_pool, zq);
	/* For a zero-reset only, see ap_queue_take_unproven(): it comes back as it was */
	zq->queue->off_line = zq->queue->unproven && !zq->online;
	if (queue_has_rng(zq))
		zcrypt_rng_device_remove();
	sysfs_remove_group(&dev->kobj, &queue_attr_group);
	if (in_remove)
		zcrypt_queue_put(zq);
}
EXPORT_SYMBOL(zcrypt_queue_unregister);
