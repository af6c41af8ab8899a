// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue gets a request.
 *
 * A card's engines work for all of its domains, so the card is chosen first:
 * the one with the smallest load, this request's weight included. Then the
 * queue, beginning behind the one that had the last request of this card. A
 * queue will do if it has no more to do than the card's queues have on average.
 * There always is one, and few have to be looked at to find some, however many
 * there are; of LOOK_AT of these the best is taken. With nothing to do anywhere
 * the queues take turns.
 *
 * Readers are under RCU and take no lock but that of the AP queue they look
 * at. What they find can be on its way out; who is picked is held, and
 * ap_msg_get_owner() says whether it still takes messages.
 */
#include <linux/nospec.h>
#include <linux/slab.h>

#include "zcrypt_request.h"

struct zcrypt_pool zcrypt_pool;

/**
 * zcrypt_pool_init() - an empty pool
 * @pool: the pool
 *
 * Context: any.
 */
void zcrypt_pool_init(struct zcrypt_pool *pool)
{
	mutex_init(&pool->lock);
	INIT_LIST_HEAD(&pool->queues);
}

/*
 * Changes.
 */
static struct zcrypt_card *pool_card(struct zcrypt_pool *pool, unsigned int id)
{
	return rcu_dereference_check(pool->card[id],
				     lockdep_is_held(&pool->lock));
}

static void pool_attach(struct zcrypt_card *zc, struct zcrypt_queue *zq)
{
	unsigned int dom = AP_QID_QUEUE(zq->queue->qid);

	zcrypt_card_get(zc);
	zq->zcard = zc;
	rcu_assign_pointer(zc->queue[dom], zq);
	set_bit(dom, zc->domains);
	WRITE_ONCE(zc->nr_queues, zc->nr_queues + 1);
}

static void pool_detach(struct zcrypt_queue *zq)
{
	unsigned int dom = AP_QID_QUEUE(zq->queue->qid);
	struct zcrypt_card *zc = zq->zcard;

	WRITE_ONCE(zc->nr_queues, zc->nr_queues - 1);
	clear_bit(dom, zc->domains);
	RCU_INIT_POINTER(zc->queue[dom], NULL);
	zq->zcard = NULL;
	zcrypt_card_put(zc);
}

/**
 * zcrypt_pool_add_card() - a card got a driver
 * @pool: the pool
 * @zc: the card
 *
 * Queues that had a driver before their card are attached now.
 *
 * Context: process; takes the pool's lock.
 * Return: 0, or -EEXIST when there is one of this number.
 */
int zcrypt_pool_add_card(struct zcrypt_pool *pool, struct zcrypt_card *zc)
{
	unsigned int id = zc->card->id;
	struct zcrypt_queue *zq;
	int rc = -EEXIST;

	mutex_lock(&pool->lock);
	if (!test_bit(id, pool->cards)) {
		zcrypt_card_get(zc);
		rcu_assign_pointer(pool->card[id], zc);
		set_bit(id, pool->cards);
		list_for_each_entry(zq, &pool->queues, list)
			if (zq->queue->card == zc->card && !zq->zcard)
				pool_attach(zc, zq);
		rc = 0;
	}
	mutex_unlock(&pool->lock);
	return rc;
}

/**
 * zcrypt_pool_del_card() - a card loses its driver
 * @pool: the pool
 * @zc: the card
 *
 * Context: process; takes the pool's lock. Who has picked it still holds it.
 */
void zcrypt_pool_del_card(struct zcrypt_pool *pool, struct zcrypt_card *zc)
{
	struct zcrypt_queue *zq;

	mutex_lock(&pool->lock);
	clear_bit(zc->card->id, pool->cards);
	RCU_INIT_POINTER(pool->card[zc->card->id], NULL);
	list_for_each_entry(zq, &pool->queues, list)
		if (zq->zcard == zc)
			pool_detach(zq);
	mutex_unlock(&pool->lock);
	zcrypt_card_put(zc);
}

/**
 * zcrypt_pool_add_queue() - a queue got a driver
 * @pool: the pool
 * @zq: the queue
 *
 * Context: process; takes the pool's lock.
 */
void zcrypt_pool_add_queue(struct zcrypt_pool *pool, struct zcrypt_queue *zq)
{
	struct zcrypt_card *zc;

	zcrypt_queue_get(zq);
	mutex_lock(&pool->lock);
	WRITE_ONCE(zq->bound, true);
	list_add_tail(&zq->list, &pool->queues);
	zc = pool_card(pool, AP_QID_CARD(zq->queue->qid));
	if (zc && zc->card == zq->queue->card)
		pool_attach(zc, zq);
	mutex_unlock(&pool->lock);
}

/**
 * zcrypt_pool_del_queue() - a queue loses its driver
 * @pool: the pool
 * @zq: the queue
 *
 * Context: process; takes the pool's lock. Nobody who picks it after this
 * takes it for bound.
 */
void zcrypt_pool_del_queue(struct zcrypt_pool *pool, struct zcrypt_queue *zq)
{
	mutex_lock(&pool->lock);
	WRITE_ONCE(zq->bound, false);
	list_del_init(&zq->list);
	if (zq->zcard)
		pool_detach(zq);
	mutex_unlock(&pool->lock);
	zcrypt_queue_put(zq);
}

/**
 * zcrypt_pool_visit() - look at all queues whose card has a driver
 * @pool: the pool
 * @visit: called for each; must not sleep
 * @arg: for @visit
 *
 * Context: any but hard irq; under RCU, without locks.
 */
void zcrypt_pool_visit(struct zcrypt_pool *pool,
		       void (*visit)(struct zcrypt_card *zc,
				     struct zcrypt_queue *zq, void *arg),
		       void *arg)
{
	struct zcrypt_queue *zq;
	struct zcrypt_card *zc;
	unsigned int id, dom;

	rcu_read_lock();
	for_each_set_bit(id, pool->cards, AP_DEVICES) {
		zc = rcu_dereference(pool->card[id]);
		if (!zc)
			continue;
		for_each_set_bit(dom, zc->domains, AP_DOMAINS) {
			zq = rcu_dereference(zc->queue[dom]);
			if (zq)
				visit(zc, zq, arg);
		}
	}
	rcu_read_unlock();
}

/*
 * What a request needs.
 */
static unsigned int card_kind(const struct ap_card *ac)
{
	if (ac->hwinfo.accel)
		return ZCRYPT_KIND_ACCEL;
	if (ac->hwinfo.cca)
		return ZCRYPT_KIND_CCA;
	return ac->hwinfo.ep11 ? ZCRYPT_KIND_EP11 : 0;
}

static bool target_wanted(const struct zcrypt_request *req, unsigned int card,
			  unsigned int dom)
{
	const struct ep11_target_dev *t = req->targets;
	const struct ep11_target_dev *end = t + req->nr_targets;

	if (!t)
		return true;
	for (; t < end; t++)
		if ((t->ap_id == card || t->ap_id == AUTOSEL_AP) &&
		    (dom == AUTOSEL_DOM || t->dom_id == dom ||
		     t->dom_id == AUTOSEL_DOM))
			return true;
	return false;
}

/* Administrative requests name a domain beside the one that carries them out */
static bool control_admitted(const struct zcrypt_request *req)
{
	return req->ctrl_domain >= AP_DOMAINS ||
	       test_bit_inv(array_index_nospec(req->ctrl_domain, AP_DOMAINS),
			    req->perms->adm);
}

static bool card_suits(const struct zcrypt_request *req,
		       const struct zcrypt_card *zc)
{
	const struct ap_card *ac = zc->card;

	if (!READ_ONCE(zc->online) || !ac->config || ac->chkstop ||
	    !(card_kind(ac) & req->kinds))
		return false;
	if (!test_bit_inv(ac->id, req->perms->apm) || !control_admitted(req))
		return false;
	if (req->card != AUTOSELECT && req->card != ac->id)
		return false;
	if (req->mod_len && (req->mod_len < zc->min_mod_size ||
			     req->mod_len > zc->max_mod_size))
		return false;
	return req->msg.len <= ac->maxmsgsize &&
	       target_wanted(req, ac->id, AUTOSEL_DOM);
}

static bool queue_suits(const struct zcrypt_request *req,
			const struct zcrypt_queue *zq)
{
	unsigned int dom = AP_QID_QUEUE(zq->queue->qid);

	return READ_ONCE(zq->online) && zcrypt_can(zq, req->op) &&
	       test_bit_inv(dom, req->perms->aqm) &&
	       (req->domain == AUTOSEL_DOM || req->domain == dom) &&
	       target_wanted(req, AP_QID_CARD(zq->queue->qid), dom) &&
	       ap_queue_usable(zq->queue);
}

static unsigned int card_weight(const struct zcrypt_request *req,
				const struct zcrypt_card *zc)
{
	return req->factor * zc->speed_rating[req->speed];
}

/*
 * What was tried already is not forbidden: it may be the only one there is.
 */
static bool tried_queue(const struct zcrypt_request *req, ap_qid_t qid)
{
	unsigned int i, n = min(req->nr_tried, ZCRYPT_NR_TRIED);

	for (i = 0; i < n; i++)
		if (req->tried[i] == qid)
			return true;
	return false;
}

static bool tried_card(const struct zcrypt_request *req, unsigned int id)
{
	unsigned int i, n = min(req->nr_tried, ZCRYPT_NR_TRIED);

	for (i = 0; i < n; i++)
		if (AP_QID_CARD(req->tried[i]) == id)
			return true;
	return false;
}

/**
 * struct card_rank - what is compared to find the best card
 * @tried: it had the request before
 * @load: its load, with this request
 * @count: requests it ever had
 */
struct card_rank {
	bool tried;
	unsigned int load;
	u64 count;
};

static bool better_card(const struct card_rank *a, const struct card_rank *b)
{
	if (a->tried != b->tried)
		return b->tried;
	return a->load != b->load ? a->load < b->load : a->count < b->count;
}

static struct zcrypt_card *best_card(struct zcrypt_pool *pool,
				     const struct zcrypt_request *req,
				     const unsigned long *passed)
{
	struct card_rank rank, best_rank = {};
	struct zcrypt_card *zc, *best = NULL;
	unsigned int id;

	for_each_andnot_bit(id, pool->cards, passed, AP_DEVICES) {
		zc = rcu_dereference(pool->card[id]);
		if (!zc || !card_suits(req, zc))
			continue;
		rank.tried = tried_card(req, id);
		rank.load = card_weight(req, zc) + atomic_read(&zc->load);
		rank.count = atomic64_read(&zc->card->total_request_count);
		if (!best || better_card(&rank, &best_rank)) {
			best = zc;
			best_rank = rank;
		}
	}
	return best;
}

/* That many queues that would do are compared */
#define LOOK_AT	8

static bool better_queue(const struct zcrypt_queue *a, int a_load,
			 const struct zcrypt_queue *b, int b_load)
{
	if (a_load != b_load)
		return a_load < b_load;
	return READ_ONCE(a->queue->total_request_count) <
	       READ_ONCE(b->queue->total_request_count);
}

static struct zcrypt_queue *best_queue(struct zcrypt_card *zc,
				       const struct zcrypt_request *req,
				       bool tried_too)
{
	unsigned int nr = max(READ_ONCE(zc->nr_queues), 1U);
	int average = atomic_read(&zc->load) / (int)nr;
	struct zcrypt_queue *zq, *best = NULL;
	int load, best_load = 0, seen = 0;
	unsigned int dom;

	for_each_set_bit_wrap(dom, zc->domains, AP_DOMAINS,
			      READ_ONCE(zc->cursor) % AP_DOMAINS) {
		zq = rcu_dereference(zc->queue[dom]);
		if (!zq || (!tried_too && tried_queue(req, zq->queue->qid)) ||
		    !queue_suits(req, zq))
			continue;
		load = atomic_read(&zq->load);
		if (!best || better_queue(zq, load, best, best_load)) {
			best = zq;
			best_load = load;
		}
		if (load <= average && ++seen == LOOK_AT)
			break;
	}
	if (best)
		WRITE_ONCE(zc->cursor, AP_QID_QUEUE(best->queue->qid) + 1);
	return best;
}

/*
 * The load counts from here on, so that who picks next sees it. On success
 * both are held. A reference is never dropped under RCU: it could be the last,
 * and then more goes than may go there.
 */
static int hold_best(struct zcrypt_pool *pool, struct zcrypt_request *req)
{
	DECLARE_BITMAP(passed, AP_DEVICES);
	struct zcrypt_queue *zq = NULL;
	struct zcrypt_card *zc = NULL;
	bool zc_held = false;
	int again;

	rcu_read_lock();
	for (again = 0; again <= !!req->nr_tried && !zq; again++) {
		bitmap_zero(passed, AP_DEVICES);
		while (!zq && (zc = best_card(pool, req, passed))) {
			zq = best_queue(zc, req, again);
			if (zq && !kref_get_unless_zero(&zq->refcount))
				zq = NULL;
			if (!zq)
				set_bit(zc->card->id, passed);
		}
	}
	if (zq)
		zc_held = kref_get_unless_zero(&zc->refcount);
	if (zc_held) {
		req->zc = zc;
		req->zq = zq;
		req->weight = card_weight(req, zc);
		atomic_add(req->weight, &zc->load);
		atomic_add(req->weight, &zq->load);
	}
	rcu_read_unlock();

	if (!zq)
		return -ENODEV;
	if (!zc_held) {
		zcrypt_queue_put(zq);
		return -EAGAIN;
	}
	return 0;
}

static void unhold(struct zcrypt_request *req)
{
	atomic_sub(req->weight, &req->zq->load);
	atomic_sub(req->weight, &req->zc->load);
	zcrypt_queue_put(req->zq);
	zcrypt_card_put(req->zc);
	req->zq = NULL;
	req->zc = NULL;
}

/*
 * Each time this goes round, a queue has gone away between two instructions.
 * Nobody can do that for long, but nothing here relies on it.
 */
#define PICK_ATTEMPTS	64

/**
 * zcrypt_pick() - find a queue for a request
 * @pool: the cards and queues
 * @req: the request
 *
 * On success the queue, its card and the module of the queue's driver are held
 * for the request, until zcrypt_drop().
 *
 * Context: process; takes the lock of a few AP queues, no global one.
 * Return: 0, or -ENODEV when no queue will do.
 */
int zcrypt_pick(struct zcrypt_pool *pool, struct zcrypt_request *req)
{
	int attempt, rc;

	for (attempt = 0; attempt < PICK_ATTEMPTS; attempt++) {
		rc = hold_best(pool, req);
		if (rc == -ENODEV)
			return rc;
		if (rc)
			continue;
		if (!ap_msg_get_owner(req->zq->queue, &req->msg)) {
			/*
			 * The owner is the queue's driver of that moment. It is
			 * the one that @zq stands for if that one is still
			 * there now.
			 */
			if (READ_ONCE(req->zq->bound))
				return 0;
		}
		/* Its driver is going; one of another module may not be */
		zcrypt_drop(req);
	}
	return -ENODEV;
}

/**
 * zcrypt_drop() - let go of what zcrypt_pick() found
 * @req: the request; the bus has handed its message back
 *
 * The queue is remembered as tried. The module comes last: what is dropped
 * before may be its.
 *
 * Context: process, may sleep.
 */
void zcrypt_drop(struct zcrypt_request *req)
{
	req->tried[req->nr_tried++ % ZCRYPT_NR_TRIED] = req->zq->queue->qid;
	unhold(req);
	ap_msg_put_owner(&req->msg);
}
