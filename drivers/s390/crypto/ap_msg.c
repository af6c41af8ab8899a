// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: their buffers and their owner.
 *
 * Buffers hold keys and clear text: they are wiped when they are released.
 */
#include <linux/mempool.h>
#include <linux/slab.h>

#include "ap_priv.h"

/* The largest message that any card seen so far takes */
atomic_t ap_max_msg_size = ATOMIC_INIT(AP_DEFAULT_MAX_MSG_SIZE);
EXPORT_SYMBOL(ap_max_msg_size);

/*
 * Reserve for senders that may not allocate: a protected-key cipher can sit
 * below the block layer, and an allocation there could wait for I/O that waits
 * for the cipher. The reserve is never refilled on demand, an empty one is the
 * sender's -ENOMEM.
 */
static mempool_t *ap_msg_reserve;

/**
 * ap_msg_init() - set up the reserve of message buffers
 * @reserve: number of buffers
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int ap_msg_init(unsigned int reserve)
{
	ap_msg_reserve = mempool_create_kmalloc_pool(reserve,
						     AP_DEFAULT_MAX_MSG_SIZE);
	return ap_msg_reserve ? 0 : -ENOMEM;
}

/**
 * ap_msg_exit() - give the reserve back
 *
 * Context: module exit; no message exists any more.
 */
void ap_msg_exit(void)
{
	mempool_destroy(ap_msg_reserve);
}

/**
 * ap_init_apmsg() - prepare a message
 * @ap_msg: the message
 * @flags: AP_MSG_FLAG_MEMPOOL takes the buffer from the reserve without any
 *	allocation; others are for the bus and the driver
 *
 * Context: may sleep, unless AP_MSG_FLAG_MEMPOOL is given.
 * Return: 0, or -ENOMEM and nothing needs to be released.
 */
int ap_init_apmsg(struct ap_message *ap_msg, u32 flags)
{
	*ap_msg = (struct ap_message) {
		.list = LIST_HEAD_INIT(ap_msg->list),
		.flags = flags,
		.stage = AP_MSG_PREPARED,
	};

	if (flags & AP_MSG_FLAG_MEMPOOL) {
		ap_msg->bufsize = AP_DEFAULT_MAX_MSG_SIZE;
		ap_msg->msg = mempool_alloc_preallocated(ap_msg_reserve);
	} else {
		ap_msg->bufsize = atomic_read(&ap_max_msg_size);
		ap_msg->msg = kmalloc(ap_msg->bufsize, GFP_KERNEL);
	}
	return ap_msg->msg ? 0 : -ENOMEM;
}
EXPORT_SYMBOL(ap_init_apmsg);

/**
 * ap_release_apmsg() - wipe and release the buffer of a message
 * @ap_msg: a message that ap_init_apmsg() prepared
 *
 * Context: any; the message is on no queue.
 */
void ap_release_apmsg(struct ap_message *ap_msg)
{
	if (!(ap_msg->flags & AP_MSG_FLAG_MEMPOOL)) {
		kfree_sensitive(ap_msg->msg);
	} else if (ap_msg->msg) {
		memzero_explicit(ap_msg->msg, ap_msg->bufsize);
		mempool_free(ap_msg->msg, ap_msg_reserve);
	}
	ap_msg->msg = NULL;
}
EXPORT_SYMBOL(ap_release_apmsg);

/**
 * ap_msg_put_owner() - drop the reference that ap_msg_get_owner() took
 * @ap_msg: the message
 *
 * The sender calls it after its last access to the queue and to whatever of
 * the driver it uses. The module is the one recorded in the message: the queue
 * may have another driver by now, or none. A second call does nothing.
 *
 * Context: any.
 */
void ap_msg_put_owner(struct ap_message *ap_msg)
{
	struct module *owner = ap_msg->owner;

	ap_msg->owner = NULL;
	module_put(owner);
}
EXPORT_SYMBOL(ap_msg_put_owner);
