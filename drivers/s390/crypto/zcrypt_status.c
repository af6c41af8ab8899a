// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls that ask how cards and queues are doing.
 *
 * Those that tell one thing for each card look at the queues of one domain, the
 * bus's default: the programs they were made for knew of no other.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "zcrypt_request.h"

#define STATUS_DISABLED	0x0d

static atomic_t files_open = ATOMIC_INIT(0);

/**
 * zcrypt_status_opened() - a file was opened or closed
 * @change: 1 or -1
 *
 * Context: any.
 */
void zcrypt_status_opened(int change)
{
	atomic_add(change, &files_open);
}

/*
 * All queues of all cards.
 */
static void fill_status(struct zcrypt_device_status_ext *stat,
			const struct zcrypt_card *zc,
			const struct zcrypt_queue *zq)
{
	*stat = (struct zcrypt_device_status_ext) {
		.hwtype = zc->card->ap_dev.device_type,
		.qid = zq->queue->qid,
		.online = !!READ_ONCE(zq->online),
		.functions = zc->card->hwinfo.fac >> 26,
	};
}

static unsigned int matrix_index(const struct zcrypt_queue *zq)
{
	return AP_QID_CARD(zq->queue->qid) * AP_DOMAINS +
	       AP_QID_QUEUE(zq->queue->qid);
}

static void visit_matrix(struct zcrypt_card *zc, struct zcrypt_queue *zq,
			 void *arg)
{
	struct zcrypt_device_status_ext *matrix = arg;

	fill_status(&matrix[matrix_index(zq)], zc, zq);
}

struct status_matrix {
	struct zcrypt_device_status_ext *entries;
	unsigned int cards;
	unsigned int domains;
};

static void visit_part_of_matrix(struct zcrypt_card *zc,
				 struct zcrypt_queue *zq, void *arg)
{
	unsigned int card = AP_QID_CARD(zq->queue->qid);
	unsigned int domain = AP_QID_QUEUE(zq->queue->qid);
	struct status_matrix *matrix = arg;

	if (card < matrix->cards && domain < matrix->domains)
		fill_status(&matrix->entries[card * matrix->domains + domain],
			    zc, zq);
}

/**
 * zcrypt_status_matrix() - the status of the queues of some cards
 * @matrix: @cards lines of @domains entries; those of queues are filled in
 * @cards: number of cards, from card 0
 * @domains: number of domains, from domain 0
 *
 * Context: any but hard irq.
 */
void zcrypt_status_matrix(struct zcrypt_device_status_ext *matrix,
			  unsigned int cards, unsigned int domains)
{
	struct status_matrix arg = { matrix, cards, domains };

	zcrypt_pool_visit(&zcrypt_pool, visit_part_of_matrix, &arg);
}
EXPORT_SYMBOL(zcrypt_status_matrix);

static void visit_old_matrix(struct zcrypt_card *zc, struct zcrypt_queue *zq,
			     void *arg)
{
	struct zcrypt_device_status *matrix = arg;
	struct zcrypt_device_status_ext now;

	if (matrix_index(zq) >= MAX_ZDEV_ENTRIES)
		return;
	fill_status(&now, zc, zq);
	matrix[matrix_index(zq)] = (struct zcrypt_device_status) {
		.hwtype = now.hwtype,
		.qid = now.qid,
		.online = now.online,
		.functions = now.functions,
	};
}

/**
 * zcrypt_device_status_ext() - the status of one queue
 * @card: its card
 * @queue: its domain
 * @devstatus: filled in; zero if there is none
 *
 * Context: any but hard irq.
 * Return: 0 or -ENODEV.
 */
int zcrypt_device_status_ext(int card, int queue,
			     struct zcrypt_device_status_ext *devstatus)
{
	struct zcrypt_queue *zq = NULL;
	struct zcrypt_card *zc = NULL;

	memset(devstatus, 0, sizeof(*devstatus));
	if (card < 0 || card >= AP_DEVICES || queue < 0 || queue >= AP_DOMAINS)
		return -ENODEV;
	rcu_read_lock();
	zc = rcu_dereference(zcrypt_pool.card[card]);
	if (zc)
		zq = rcu_dereference(zc->queue[queue]);
	if (zq)
		fill_status(devstatus, zc, zq);
	rcu_read_unlock();
	return zq ? 0 : -ENODEV;
}
EXPORT_SYMBOL(zcrypt_device_status_ext);

/*
 * One thing for each card.
 */
struct per_card {
	unsigned int nr_cards;
	u8 *bytes;
	u32 *words;
};

/*
 * Counters are read without the queue's lock: each is one aligned word, and
 * old by the time the program sees it anyway.
 */
static bool per_card_wanted(const struct per_card *to,
			    const struct zcrypt_queue *zq)
{
	return AP_QID_QUEUE(zq->queue->qid) == ap_domain_index &&
	       AP_QID_CARD(zq->queue->qid) < to->nr_cards;
}

static void visit_type(struct zcrypt_card *zc, struct zcrypt_queue *zq,
		       void *arg)
{
	struct per_card *to = arg;

	if (per_card_wanted(to, zq))
		to->bytes[zc->card->id] = READ_ONCE(zc->online) ?
					  zc->user_space_type : STATUS_DISABLED;
}

static void visit_depth(struct zcrypt_card *zc, struct zcrypt_queue *zq,
			void *arg)
{
	struct per_card *to = arg;

	if (per_card_wanted(to, zq))
		to->bytes[zc->card->id] = READ_ONCE(zq->queue->pendingq_count) +
					  READ_ONCE(zq->queue->requestq_count);
}

static void visit_count(struct zcrypt_card *zc, struct zcrypt_queue *zq,
			void *arg)
{
	u64 count = READ_ONCE(zq->queue->total_request_count);
	struct per_card *to = arg;

	if (per_card_wanted(to, zq))
		to->words[zc->card->id] = min_t(u64, count, UINT_MAX);
}

/*
 * One number in all.
 */
struct sums {
	unsigned int pending;
	unsigned int waiting;
};

static void visit_sums(struct zcrypt_card *zc, struct zcrypt_queue *zq,
		       void *arg)
{
	struct sums *sums = arg;

	if (AP_QID_QUEUE(zq->queue->qid) != ap_domain_index)
		return;
	sums->pending += READ_ONCE(zq->queue->pendingq_count);
	sums->waiting += READ_ONCE(zq->queue->requestq_count);
}

static long status_number(unsigned int cmd, int __user *arg)
{
	struct sums sums = {};

	zcrypt_pool_visit(&zcrypt_pool, visit_sums, &sums);
	switch (cmd) {
	case Z90STAT_REQUESTQ_COUNT:
		return put_user(sums.waiting, arg);
	case Z90STAT_PENDINGQ_COUNT:
		return put_user(sums.pending, arg);
	case Z90STAT_TOTALOPEN_COUNT:
		return put_user(atomic_read(&files_open), arg);
	case Z90STAT_DOMAIN_INDEX:
		return put_user(ap_domain_index, arg);
	}
	return -ENOIOCTLCMD;
}

/*
 * Ioctls that fill an array: how large, by what, and for how many cards when
 * there is one entry for each.
 */
static const struct status_array {
	unsigned int cmd;
	unsigned int size;
	unsigned int nr_cards;
	void (*visit)(struct zcrypt_card *zc, struct zcrypt_queue *zq,
		      void *arg);
} status_arrays[] = {
	{ ZCRYPT_DEVICE_STATUS, sizeof(struct zcrypt_device_matrix_ext),
	  0, visit_matrix },
	{ ZDEVICESTATUS, sizeof(struct zcrypt_device_matrix),
	  0, visit_old_matrix },
	{ ZCRYPT_STATUS_MASK, AP_DEVICES, AP_DEVICES, visit_type },
	{ ZCRYPT_QDEPTH_MASK, AP_DEVICES, AP_DEVICES, visit_depth },
	{ ZCRYPT_PERDEV_REQCNT, AP_DEVICES * sizeof(u32), AP_DEVICES,
	  visit_count },
	{ Z90STAT_STATUS_MASK, MAX_ZDEV_CARDIDS, MAX_ZDEV_CARDIDS, visit_type },
	{ Z90STAT_QDEPTH_MASK, MAX_ZDEV_CARDIDS, MAX_ZDEV_CARDIDS, visit_depth },
	{ Z90STAT_PERDEV_REQCNT, MAX_ZDEV_CARDIDS * sizeof(u32),
	  MAX_ZDEV_CARDIDS, visit_count },
};

/**
 * zcrypt_status_ioctl() - an ioctl that is no request
 * @cmd: the ioctl
 * @arg: where the answer goes
 *
 * Context: process, sleeps.
 * Return: 0, -EFAULT, -ENOMEM, or -ENOIOCTLCMD for one that does not exist.
 */
long zcrypt_status_ioctl(unsigned int cmd, void __user *arg)
{
	const struct status_array *array;
	struct per_card per_card;
	void *buf;
	long rc;

	for (array = status_arrays; array->cmd != cmd; array++)
		if (array == &status_arrays[ARRAY_SIZE(status_arrays) - 1])
			return status_number(cmd, arg);

	buf = kvzalloc(array->size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	per_card = (struct per_card) {
		.nr_cards = array->nr_cards,
		.bytes = buf,
		.words = buf,
	};
	zcrypt_pool_visit(&zcrypt_pool, array->visit,
			  array->nr_cards ? (void *)&per_card : buf);
	rc = copy_to_user(arg, buf, array->size) ? -EFAULT : 0;
	kvfree(buf);
	return rc;
}
