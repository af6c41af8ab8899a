/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request to a card: what it is, who may have it, and how it is sent.
 *
 * A request is described once. What is done for it is the same for all:
 *
 *	describe	what it needs; for a CPRB, fetch it
 *	pick		a queue, and hold it		zcrypt_sched.c
 *	build		the message for that queue	zcrypt_msgtype*.c
 *	send, wait					zcrypt_send.c
 *	parse		the reply			zcrypt_msgtype*.c
 *	drop		the queue; perhaps begin anew	zcrypt_send.c
 */
#ifndef _ZCRYPT_REQUEST_H_
#define _ZCRYPT_REQUEST_H_

#include <linux/seqlock.h>

#include "zcrypt_api.h"

enum zcrypt_op {
	ZCRYPT_OP_ME,		/* RSA: modulus and exponent */
	ZCRYPT_OP_CRT,		/* RSA: Chinese remainder theorem */
	ZCRYPT_OP_CPRB,		/* CCA connectivity programming request block */
	ZCRYPT_OP_EP11,		/* EP11 connectivity programming request block */
	ZCRYPT_OP_RNG,		/* random numbers from a CCA card */
	NR_ZCRYPT_OPS
};

/* Kinds of cards */
#define ZCRYPT_KIND_ACCEL	BIT(0)
#define ZCRYPT_KIND_CCA		BIT(1)
#define ZCRYPT_KIND_EP11	BIT(2)

/* Queues that a request remembers to have tried */
#define ZCRYPT_NR_TRIED		16

/* Every reply buffer is that large: the headers of any type fit */
#define ZCRYPT_REPLY_MIN	288

/*
 * A request with 4096 bits to an accelerator or 2048 to a CCA coprocessor, and its
 * reply
 */
#define ZCRYPT_SMALL		3584

/* A list of EP11 targets that is longer than this is not walked for each queue */
#define ZCRYPT_FEW_TARGETS	64

/* Of what a target names: any card or domain, and none that there can be */
#define ZCRYPT_TARGET_ANY	AP_DEVICES
#define ZCRYPT_TARGET_NONE	(ZCRYPT_TARGET_ANY + 1)
#define ZCRYPT_TARGET_ROW	(ZCRYPT_TARGET_NONE + 1)

/**
 * struct zcrypt_target_map - the queues of a list of EP11 targets
 * @cards: cards that the list names, whatever the domain
 * @queues: a row of domains for each card
 *
 * Besides the cards and domains there can be, there is ZCRYPT_TARGET_ANY of both.
 * What is said of ZCRYPT_TARGET_NONE nobody looks at.
 */
struct zcrypt_target_map {
	DECLARE_BITMAP(cards, ZCRYPT_TARGET_ROW);
	DECLARE_BITMAP(queues, ZCRYPT_TARGET_ROW * ZCRYPT_TARGET_ROW);
};

/**
 * struct zcrypt_request - a request
 * @op: what is to be done
 * @me: ZCRYPT_OP_ME: the request, a copy in the kernel
 * @crt: ZCRYPT_OP_CRT: likewise
 * @xcrb: ZCRYPT_OP_CPRB: likewise
 * @urb: ZCRYPT_OP_EP11: likewise
 * @rng: ZCRYPT_OP_RNG: where to, ZCRYPT_RNG_BUFFER_SIZE bytes
 * @block: any of these
 * @xflags: ZCRYPT_XFLAG_*: where the addresses in it point to
 * @perms: what the sender's device node admits
 *
 * @kinds: kinds of cards that can do it
 * @mod_len: length of the RSA modulus, or 0
 * @fcode: function code, as the tracepoint shows it
 * @speed: column of the speed ratings
 * @factor: by which the rating is multiplied
 * @card: the card wanted, or AUTOSELECT
 * @domain: the domain wanted, or AUTOSEL_DOM
 * @ctrl_domain: control domain that it is about, for the masks of its node, or
 *	AUTOSEL_DOM
 * @targets: EP11: the queues wanted, or NULL
 * @nr_targets: number of @targets
 * @target_map: the same as @targets, if they are many; or NULL
 * @repeatable: may be executed twice
 * @tail: EP11: offset of the domain in the payload
 *
 * @msg: the message
 * @room: size of the message's buffer; @msg.bufsize is the same
 * @written: how much of it may have been written to
 * @reply: the sender's copy of the reply
 * @reply_room: size of @reply
 * @reply_len: length of the reply as the card sent it; what is beyond
 *	@reply_room was cut off
 *
 * @zc: the card picked
 * @zq: the queue picked
 * @weight: what it adds to their load
 * @unclear: the card may have done it, but its reply does not tell
 * @nr_tried: number of queues ever tried
 * @tried: the last ones of these
 *
 * Lives on the sender's stack, or where the sender waits for it.
 */
struct zcrypt_request {
	enum zcrypt_op op;
	union {
		struct ica_rsa_modexpo *me;
		struct ica_rsa_modexpo_crt *crt;
		struct ica_xcRB *xcrb;
		struct ep11_urb *urb;
		u8 *rng;
		void *block;
	};
	u32 xflags;
	const struct ap_perms *perms;

	unsigned int kinds;
	unsigned int mod_len;
	unsigned int fcode;
	enum crypto_ops speed;
	unsigned int factor;
	unsigned int card;
	unsigned int domain;
	unsigned int ctrl_domain;
	struct ep11_target_dev *targets;
	unsigned int nr_targets;
	struct zcrypt_target_map *target_map;
	bool repeatable;
	unsigned int tail;

	struct ap_message msg;
	size_t room;
	size_t written;
	u8 *reply;
	size_t reply_room;
	size_t reply_len;

	struct zcrypt_card *zc;
	struct zcrypt_queue *zq;
	unsigned int weight;
	bool unclear;
	unsigned int nr_tried;
	ap_qid_t tried[ZCRYPT_NR_TRIED];
};

static inline bool zcrypt_from_user(const struct zcrypt_request *req)
{
	return req->xflags & ZCRYPT_XFLAG_USERSPACE;
}

/**
 * struct zcrypt_verb - one operation, in the messages of one type
 * @build: make the message for the queue that was picked. Process context,
 *	sleeps; returns 0 or an errno that ends the request.
 * @parse: see what the card has answered and hand it to the sender. Process
 *	context, sleeps; returns 0, a number of bytes, -EAGAIN when another
 *	queue should be asked, or an errno that ends the request.
 */
struct zcrypt_verb {
	int (*build)(struct zcrypt_request *req);
	int (*parse)(struct zcrypt_request *req);
};

/**
 * struct zcrypt_ops - a type of messages
 * @name: its name
 * @variant: more than one can have the name
 * @longest_reply: bytes; 0 when only the card limits it
 * @verb: what can be done with it
 */
struct zcrypt_ops {
	const char *name;
	int variant;
	size_t longest_reply;
	struct zcrypt_verb verb[NR_ZCRYPT_OPS];
};

static inline bool zcrypt_can(const struct zcrypt_queue *zq, enum zcrypt_op op)
{
	return zq->ops && zq->ops->verb[op].build;
}

/* zcrypt_send.c */
int zcrypt_buffers_init(void);
void zcrypt_buffers_exit(void);
long zcrypt_send_request(struct zcrypt_request *req);
int zcrypt_request_buffer(struct zcrypt_request *req, size_t len);
int zcrypt_reply_buffer(struct zcrypt_request *req, size_t len);
void zcrypt_request_release(struct zcrypt_request *req);
int zcrypt_distrust(struct zcrypt_request *req, const char *why);
int zcrypt_card_error(struct zcrypt_request *req);
bool zcrypt_repeatable(enum zcrypt_op op, unsigned int fcode, u16 flags);

/* zcrypt_msgtype6.c */
int zcrypt_describe_cprb(struct zcrypt_request *req);
int zcrypt_describe_ep11(struct zcrypt_request *req);
struct zcrypt_target_map *zcrypt_map_targets(const struct ep11_target_dev *targets,
					     unsigned int count);

/**
 * struct zcrypt_group - cards of one kind and speed
 * @list: the pool's groups
 * @kind: ZCRYPT_KIND_*
 * @speed_rating: as in the cards
 * @cards: which
 * @rcu: readers find groups under RCU
 */
struct zcrypt_group {
	struct list_head list;
	unsigned int kind;
	const int *speed_rating;
	struct zcrypt_numbers cards;
	struct rcu_head rcu;
};

/**
 * struct zcrypt_pool - the cards and queues that requests can go to
 * @lock: for changes; readers use RCU
 * @changed: counts the changes of numbers that readers go through
 * @queues: all queues
 * @groups: all cards, in groups
 * @card: the cards, by number
 */
struct zcrypt_pool {
	struct mutex lock;	/* see above */
	seqcount_mutex_t changed;
	struct list_head queues;
	struct list_head groups;
	struct zcrypt_card __rcu *card[AP_DEVICES];
};

extern struct zcrypt_pool zcrypt_pool;

/* zcrypt_sched.c */
void zcrypt_pool_init(struct zcrypt_pool *pool);
int zcrypt_pool_add_card(struct zcrypt_pool *pool, struct zcrypt_card *zc);
void zcrypt_pool_del_card(struct zcrypt_pool *pool, struct zcrypt_card *zc);
void zcrypt_pool_add_queue(struct zcrypt_pool *pool, struct zcrypt_queue *zq);
void zcrypt_pool_del_queue(struct zcrypt_pool *pool, struct zcrypt_queue *zq);
void zcrypt_pool_visit(struct zcrypt_pool *pool,
		       void (*visit)(struct zcrypt_card *zc,
				     struct zcrypt_queue *zq, void *arg),
		       void *arg);
int zcrypt_pick(struct zcrypt_pool *pool, struct zcrypt_request *req);
void zcrypt_drop(struct zcrypt_request *req);

/* zcrypt_node.c */
int zcrypt_node_init(const struct file_operations *fops);
void zcrypt_node_exit(void);
int zcrypt_node_open(struct inode *inode, struct file *file);
int zcrypt_node_release(struct inode *inode, struct file *file);

/* zcrypt_status.c */
long zcrypt_status_ioctl(unsigned int cmd, void __user *arg);
void zcrypt_status_opened(int change);

#endif /* _ZCRYPT_REQUEST_H_ */
