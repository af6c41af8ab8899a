/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zcrypt: what its parts, the card drivers and the key handlers share.
 *
 * What a request is and how it is sent is in zcrypt_request.h.
 */
#ifndef _ZCRYPT_API_H_
#define _ZCRYPT_API_H_

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/debug.h>
#include <asm/zcrypt.h>
#include "ap_bus.h"
#include "ap_compat.h"

/* Device types as the old status ioctls show them */
#define ZCRYPT_CEX2C	5
#define ZCRYPT_CEX2A	6
#define ZCRYPT_CEX3C	7
#define ZCRYPT_CEX3A	8
#define ZCRYPT_CEX4	10
#define ZCRYPT_CEX5	11
#define ZCRYPT_CEX6	12
#define ZCRYPT_CEX7	13

/* Random bytes asked of a card in one request */
#define ZCRYPT_RNG_BUFFER_SIZE	4096

/* How long the first user of the in-kernel API waits for the bus */
#define ZCRYPT_WAIT_BINDINGS_COMPLETE_MS	30000

/* Columns of a card's speed ratings */
enum crypto_ops {
	MEX_1K,
	MEX_2K,
	MEX_4K,
	CRT_1K,
	CRT_2K,
	CRT_4K,
	HWRNG,
	SECKEY,
	NUM_OPS
};

/* Flags for zcrypt_send_cprb() and zcrypt_send_ep11_cprb() */
#define ZCRYPT_XFLAG_USERSPACE	0x0001	/* the addresses are user space's */
#define ZCRYPT_XFLAG_NOMEMALLOC	0x0002	/* no allocation: from the reserve */

struct zcrypt_ops;
struct zcrypt_queue;
struct zcrypt_group;

/**
 * struct zcrypt_numbers - a set of card or domain numbers, to go through
 * @nr: how many
 * @number: which, in no order and without gaps
 */
struct zcrypt_numbers {
	unsigned int nr;
	u8 number[256];
};

static_assert(AP_DEVICES == 256 && AP_DOMAINS == 256);

/**
 * struct zcrypt_card - a card with a driver
 * @card: the AP card
 * @online: switched on by the admin
 * @user_space_type: ZCRYPT_CEX*, for the old status ioctls
 * @type_string: for sysfs
 * @min_mod_size: shortest RSA modulus, bytes
 * @max_mod_size: longest RSA modulus, bytes
 * @max_exp_bit_length: longest exponent in an RSA request that is not CRT
 * @speed_rating: weight of a request, by enum crypto_ops; small is fast
 * @load: weights of all requests under way
 * @refcount: one for the driver, one for the pool, one for each queue and for
 *	each request under way
 * @rcu: readers find cards under RCU
 * @dev: the AP card's device, held from registration to the end
 * @group: cards like this one, while it is in the pool
 * @cursor: where in @domains the next look for a queue begins
 * @domains: domains with an entry in @queue
 * @queue: the card's queues, by domain
 *
 * What comes before @refcount is the card driver's to set.
 */
struct zcrypt_card {
	struct ap_card *card;
	int online;
	int user_space_type;
	char *type_string;
	int min_mod_size;
	int max_mod_size;
	int max_exp_bit_length;
	const int *speed_rating;
	atomic_t load;

	struct kref refcount;
	struct rcu_head rcu;
	struct device *dev;
	struct zcrypt_group *group;
	unsigned int cursor;
	struct zcrypt_numbers domains;
	struct zcrypt_queue __rcu *queue[AP_DOMAINS];
};

/**
 * struct zcrypt_queue - a queue with a driver
 * @queue: the AP queue
 * @ops: how its messages look
 * @online: switched on by the admin, and not found to give wrong answers
 * @load: weights of the requests under way
 * @reply: buffer that the AP bus puts replies into
 * @zcard: its card, or NULL while that has no driver; the pool's lock
 * @refcount: one for the driver, one for the pool, one for each request
 * @rcu: readers find queues under RCU
 * @dev: the AP queue's device, held from registration to the end
 * @list: all queues of the pool; the pool's lock
 * @bound: its driver has not been removed; what it was bound to when it is
 *	read as true, it has been bound to since registration
 *
 * What comes before @zcard is the driver's to set.
 */
struct zcrypt_queue {
	struct ap_queue *queue;
	const struct zcrypt_ops *ops;
	int online;
	atomic_t load;
	struct ap_message reply;

	struct zcrypt_card *zcard;
	struct kref refcount;
	struct rcu_head rcu;
	struct device *dev;
	struct list_head list;
	bool bound;
};

struct zcrypt_card *zcrypt_card_alloc(void);
void zcrypt_card_free(struct zcrypt_card *zc);
void zcrypt_card_get(struct zcrypt_card *zc);
int zcrypt_card_put(struct zcrypt_card *zc);
int zcrypt_card_register(struct zcrypt_card *zc);
void zcrypt_card_unregister(struct zcrypt_card *zc);

struct zcrypt_queue *zcrypt_queue_alloc(size_t reply_buf_size);
void zcrypt_queue_free(struct zcrypt_queue *zq);
void zcrypt_queue_get(struct zcrypt_queue *zq);
int zcrypt_queue_put(struct zcrypt_queue *zq);
int zcrypt_queue_register(struct zcrypt_queue *zq);
void zcrypt_queue_unregister(struct zcrypt_queue *zq);
bool zcrypt_queue_force_online(struct zcrypt_queue *zq, int online);

int zcrypt_rng_device_add(void);
void zcrypt_rng_device_remove(void);

const struct zcrypt_ops *zcrypt_msgtype(const char *name, int variant);

long zcrypt_send_cprb(struct ica_xcRB *xcrb, u32 xflags);
long zcrypt_send_ep11_cprb(struct ep11_urb *urb, u32 xflags);
int zcrypt_device_status_ext(int card, int queue,
			     struct zcrypt_device_status_ext *devstatus);
int zcrypt_wait_api_operational(void);

/* For data of callers in user space and in the kernel; bytes not copied */
static inline unsigned long z_copy_from_user(bool userspace, void *to,
					     const void __user *from,
					     unsigned long n)
{
	if (!userspace) {
		memcpy(to, (const void __force *)from, n);
		n = 0;
	} else {
		n = copy_from_user(to, from, n);
	}
	return n;
}

static inline unsigned long z_copy_to_user(bool userspace, void __user *to,
					   const void *from, unsigned long n)
{
	if (!userspace) {
		memcpy((void __force *)to, from, n);
		n = 0;
	} else {
		n = copy_to_user(to, from, n);
	}
	return n;
}

#endif /* _ZCRYPT_API_H_ */
