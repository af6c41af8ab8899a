// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue gets a request.
 *
 * A card's engines work for all of its domains, so the card is chosen first:
 * the one with the smallest load, this request's weight included; then one of
 * its queues, by load again. What that costs does not grow with their number.
 * Cards of one kind and speed are a group, and take turns, as a card's queues
 * do: one with nothing to do, whose turn it is, is as good as any other, and the
 * rest of them is not looked at. Where all have something to do, the best one of
 * the next LOOK_AT is taken. So idle ones get equal shares, and busy ones equal
 * loads. Groups, of which there are few, are compared by load.
 *
 * A queue that is being reset, or whose card has not answered for a while, is
 * only taken when there is no other.
 *
 * Readers are under RCU and take no lock. What they find can be on its way out;
 * who is picked is held, and ap_msg_get_owner() says whether it still takes
 * messages. They can miss a card or queue whose number is moved to a gap while
 * they go through the numbers: @changed tells them, and who has found nothing
 * looks again.
 */
#include <linux/cleanup.h>
#include <linux/nospec.h>
#include <linux/seqlock.h>
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
	seqcount_mutex_init(&pool->changed, &pool->lock);
	INIT_LIST_HEAD(&pool->queues);
	INIT_LIST_HEAD(&pool->groups);
}

/*
 * Numbers. Lock-free for readers: each is one byte that always is the number of
 * a card or domain, and what it stands for is looked at anyway.
 */
static void numbers_add(struct zcrypt_pool *pool, struct zcrypt_numbers *set,
			unsigned int number)
{
	write_seqcount_begin(&pool->changed);
	WRITE_ONCE(set->number[set->nr], number);
	/* Pairs with numbers_count(): there is a number in each place counted */
	smp_store_release(&set->nr, set->nr + 1);
	write_seqcount_end(&pool->changed);
}

static void numbers_del(struct zcrypt_pool *pool, struct zcrypt_numbers *set,
			unsigned int number)
{
	unsigned int last = set->nr - 1;
	u8 *at = memchr(set->number, number, set->nr);

	write_seqcount_begin(&pool->changed);
	WRITE_ONCE(*at, set->number[last]);
	WRITE_ONCE(set->nr, last);
	write_seqcount_end(&pool->changed);
}

static unsigned int numbers_count(const struct zcrypt_numbers *set)
{
	/* Pairs with numbers_add() */
	return min(smp_load_acquire(&set->nr), ARRAY_SIZE(set->number));
}

/*
 * Changes.
 */
static struct zcrypt_card *pool_card(struct zcrypt_pool *pool, unsigned int id)
{
	return rcu_dereference_check(pool->card[id],
				     lockdep_is_held(&pool->lock));
}

static unsigned int card_kind(const struct ap_card *ac)
{
	if (ac->hwinfo.accel)
		return ZCRYPT_KIND_ACCEL;
	if (ac->hwinfo.cca)
		return ZCRYPT_KIND_CCA;
	return ac->hwinfo.ep11 ? ZCRYPT_KIND_EP11 : 0;
}

/* The group of cards like this one, made if it is the first; or NULL */
static struct zcrypt_group *pool_group(struct zcrypt_pool *pool,
				       const struct zcrypt_card *zc)
{
	unsigned int kind = card_kind(zc->card);
	struct zcrypt_group *group;

	list_for_each_entry(group, &pool->groups, list)
		if (group->kind == kind &&
		    group->speed_rating == zc->speed_rating)
			return group;
	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (group) {
		group->kind = kind;
		group->speed_rating = zc->speed_rating;
		list_add_tail_rcu(&group->list, &pool->groups);
	}
	return group;
}

static void pool_attach(struct zcrypt_pool *pool, struct zcrypt_card *zc,
			struct zcrypt_queue *zq)
{
	unsigned int dom = AP_QID_QUEUE(zq->queue->qid);

	zcrypt_card_get(zc);
	zq->zcard = zc;
	rcu_assign_pointer(zc->queue[dom], zq);
	numbers_add(pool, &zc->domains, dom);
}

static void pool_detach(struct zcrypt_pool *pool, struct zcrypt_queue *zq)
{
	unsigned int dom = AP_QID_QUEUE(zq->queue->qid);
	struct zcrypt_card *zc = zq->zcard;

	numbers_del(pool, &zc->domains, dom);
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
 * Context: process, sleeps; takes the pool's lock.
 * Return: 0; -EEXIST when there is one of this number; -ENOMEM.
 */
int zcrypt_pool_add_card(struct zcrypt_pool *pool, struct zcrypt_card *zc)
{
	unsigned int id = zc->card->id;
	struct zcrypt_queue *zq;

	guard(mutex)(&pool->lock);
	if (pool_card(pool, id))
		return -EEXIST;
	zc->group = pool_group(pool, zc);
	if (!zc->group)
		return -ENOMEM;
	zcrypt_card_get(zc);
	rcu_assign_pointer(pool->card[id], zc);
	numbers_add(pool, &zc->group->cards, id);
	list_for_each_entry(zq, &pool->queues, list)
		if (zq->queue->card == zc->card && !zq->zcard)
			pool_attach(pool, zc, zq);
	return 0;
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
	struct zcrypt_group *group;
	struct zcrypt_queue *zq;

	mutex_lock(&pool->lock);
	group = zc->group;
	numbers_del(pool, &group->cards, zc->card->id);
	RCU_INIT_POINTER(pool->card[zc->card->id], NULL);
	list_for_each_entry(zq, &pool->queues, list)
		if (zq->zcard == zc)
			pool_detach(pool, zq);
	if (!group->cards.nr) {
		list_del_rcu(&group->list);
		kfree_rcu(group, rcu);
	}
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
		pool_attach(pool, zc, zq);
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
		pool_detach(pool, zq);
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
	for (id = 0; id < AP_DEVICES; id++) {
		zc = rcu_dereference(pool->card[id]);
		if (!zc)
			continue;
		for (dom = 0; dom < AP_DOMAINS; dom++) {
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
static bool target_mapped(const struct zcrypt_target_map *map,
			  unsigned int card, unsigned int dom)
{
	return test_bit(card * ZCRYPT_TARGET_ROW + dom, map->queues) ||
	       test_bit(card * ZCRYPT_TARGET_ROW + ZCRYPT_TARGET_ANY,
			map->queues);
}

static bool map_has(const struct zcrypt_target_map *map, unsigned int card,
		    unsigned int dom)
{
	if (dom == AUTOSEL_DOM)
		return test_bit(card, map->cards) ||
		       test_bit(ZCRYPT_TARGET_ANY, map->cards);
	return target_mapped(map, card, dom) ||
	       target_mapped(map, ZCRYPT_TARGET_ANY, dom);
}

static bool target_wanted(const struct zcrypt_request *req, unsigned int card,
			  unsigned int dom)
{
	const struct ep11_target_dev *t = req->targets;
	const struct ep11_target_dev *end = t + req->nr_targets;

	if (!t)
		return true;
	if (req->target_map)
		return map_has(req->target_map, card, dom);
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

/* Whether the request says where it wants to go; most do not */
static bool choosy(const struct zcrypt_request *req)
{
	return req->card != AUTOSELECT || req->domain != AUTOSEL_DOM ||
	       req->targets || req->ctrl_domain < AP_DOMAINS;
}

static bool card_wanted(const struct zcrypt_request *req, unsigned int id)
{
	return (req->card == AUTOSELECT || req->card == id) &&
	       control_admitted(req) && target_wanted(req, id, AUTOSEL_DOM);
}

static bool queue_wanted(const struct zcrypt_request *req, unsigned int id,
			 unsigned int dom)
{
	return (req->domain == AUTOSEL_DOM || req->domain == dom) &&
	       target_wanted(req, id, dom);
}

static bool card_suits(const struct zcrypt_request *req,
		       const struct zcrypt_card *zc, unsigned int id)
{
	const struct ap_card *ac = zc->card;

	if (!READ_ONCE(zc->online) || !READ_ONCE(ac->config) ||
	    READ_ONCE(ac->chkstop) ||
	    !test_bit_inv(id, req->perms->apm) ||
	    req->msg.len > ac->maxmsgsize)
		return false;
	if (req->mod_len && (req->mod_len < zc->min_mod_size ||
			     req->mod_len > zc->max_mod_size))
		return false;
	return !choosy(req) || card_wanted(req, id);
}

static bool queue_suits(const struct zcrypt_request *req,
			const struct zcrypt_queue *zq, unsigned int dom)
{
	return READ_ONCE(zq->online) && zcrypt_can(zq, req->op) &&
	       test_bit_inv(dom, req->perms->aqm) &&
	       (!choosy(req) ||
		queue_wanted(req, AP_QID_CARD(zq->queue->qid), dom));
}

static unsigned int weight(const struct zcrypt_request *req,
			   const int *speed_rating)
{
	return req->factor * speed_rating[req->speed];
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

/* That many are compared when all have something to do */
#define LOOK_AT	8

/* Whose turn it is; each CPU has turns of its own */
static DEFINE_PER_CPU(unsigned int, turns);

/**
 * struct rank - what is compared to find the best card
 * @tried: it had the request before
 * @load: its load, with this request
 * @count: requests it ever had
 */
struct rank {
	bool tried;
	unsigned int load;
	u64 count;
};

static bool better(const struct rank *a, const struct rank *b)
{
	if (a->tried != b->tried)
		return b->tried;
	return a->load != b->load ? a->load < b->load : a->count < b->count;
}

static struct zcrypt_card *best_of_group(struct zcrypt_pool *pool,
					 const struct zcrypt_group *group,
					 const struct zcrypt_request *req,
					 const unsigned long *passed,
					 struct rank *best_rank)
{
	unsigned int nr = numbers_count(&group->cards), seen = 0, i, at, id;
	struct zcrypt_card *zc, *best = NULL;
	struct rank rank;

	if (!nr)
		return NULL;
	at = this_cpu_read(turns) % nr;
	for (i = 0; i < nr && seen < LOOK_AT; i++) {
		id = READ_ONCE(group->cards.number[at]);
		if (++at == nr)
			at = 0;
		zc = rcu_dereference(pool->card[id]);
		if (!zc || test_bit(id, passed) || !card_suits(req, zc, id))
			continue;
		rank.tried = tried_card(req, id);
		rank.load = atomic_read(&zc->load);
		rank.count = atomic64_read(&zc->card->total_request_count);
		if (!best || better(&rank, best_rank)) {
			best = zc;
			*best_rank = rank;
		}
		seen++;
	}
	best_rank->load += weight(req, group->speed_rating);
	return best;
}

static struct zcrypt_card *best_card(struct zcrypt_pool *pool,
				     const struct zcrypt_request *req,
				     const unsigned long *passed)
{
	struct rank rank = {}, best_rank = {};
	struct zcrypt_card *zc, *best = NULL;
	struct zcrypt_group *group;

	list_for_each_entry_rcu(group, &pool->groups, list) {
		if (!(group->kind & req->kinds))
			continue;
		zc = best_of_group(pool, group, req, passed, &rank);
		if (zc && (!best || better(&rank, &best_rank))) {
			best = zc;
			best_rank = rank;
		}
	}
	return best;
}

static struct zcrypt_queue *best_queue(struct zcrypt_card *zc,
				       const struct zcrypt_request *req,
				       enum ap_fitness needed)
{
	unsigned int nr = numbers_count(&zc->domains), seen = 0, i, at, dom;
	unsigned int next = READ_ONCE(zc->cursor);
	int load, average, best_load = INT_MAX;
	struct zcrypt_queue *zq, *best = NULL;

	if (!nr)
		return NULL;
	at = next < nr ? next : 0;
	average = atomic_read(&zc->load) / (int)nr;
	for (i = 0; i < nr && best_load && seen < LOOK_AT; i++) {
		dom = READ_ONCE(zc->domains.number[at]);
		if (++at == nr)
			at = 0;
		zq = rcu_dereference(zc->queue[dom]);
		if (!zq || !queue_suits(req, zq, dom) ||
		    ap_queue_fitness(zq->queue) < needed)
			continue;
		if (needed == AP_FIT_NOW && tried_queue(req, zq->queue->qid))
			continue;
		load = atomic_read(&zq->load);
		/* There always is one that has no more to do than the average */
		seen += load <= average;
		if (load < best_load) {
			best = zq;
			best_load = load;
			next = at;
		}
	}
	if (best)
		WRITE_ONCE(zc->cursor, next);
	return best;
}

/* The group that the request is done fastest in; NULL when that is not one */
static struct zcrypt_group *fastest_group(struct zcrypt_pool *pool,
					  const struct zcrypt_request *req)
{
	struct zcrypt_group *group, *best = NULL;
	int speed, best_speed = INT_MAX;
	bool alone = false;

	list_for_each_entry_rcu(group, &pool->groups, list) {
		if (!(group->kind & req->kinds))
			continue;
		speed = group->speed_rating[req->speed];
		if (speed > best_speed)
			continue;
		alone = speed < best_speed;
		best = group;
		best_speed = speed;
	}
	return alone ? best : NULL;
}

/*
 * Nobody can be better than a card with nothing to do in the fastest group, and
 * its queue whose turn it is. When there is little to do, this is all that
 * is looked at.
 */
static struct zcrypt_card *idle_in_turn(struct zcrypt_pool *pool,
					const struct zcrypt_request *req,
					struct zcrypt_queue **held)
{
	struct zcrypt_group *group = fastest_group(pool, req);
	unsigned int nr = group ? numbers_count(&group->cards) : 0;
	struct zcrypt_queue *zq;
	struct zcrypt_card *zc;
	unsigned int id, at;

	if (!nr || req->nr_tried)
		return NULL;
	id = READ_ONCE(group->cards.number[this_cpu_read(turns) % nr]);
	zc = rcu_dereference(pool->card[id]);
	if (!zc || atomic_read(&zc->load) || !card_suits(req, zc, id))
		return NULL;
	at = READ_ONCE(zc->cursor);
	if (at >= numbers_count(&zc->domains))
		at = 0;
	id = READ_ONCE(zc->domains.number[at]);
	zq = rcu_dereference(zc->queue[id]);
	if (!zq || !queue_suits(req, zq, id) ||
	    ap_queue_fitness(zq->queue) != AP_FIT_NOW ||
	    !kref_get_unless_zero(&zq->refcount))
		return NULL;
	WRITE_ONCE(zc->cursor, at + 1);
	*held = zq;
	return zc;
}

/*
 * Returns the card of the best queue, and the queue, held, in @held. Twice: what
 * would have to wait, and what was tried, is not forbidden.
 */
static struct zcrypt_card *find_best(struct zcrypt_pool *pool,
				     const struct zcrypt_request *req,
				     struct zcrypt_queue **held)
{
	DECLARE_BITMAP(passed, AP_DEVICES);
	enum ap_fitness needed;
	struct zcrypt_queue *zq;
	struct zcrypt_card *zc;

	this_cpu_inc(turns);
	zc = idle_in_turn(pool, req, held);
	if (zc)
		return zc;
	for (needed = AP_FIT_NOW; needed > AP_UNFIT; needed--) {
		bitmap_zero(passed, AP_DEVICES);
		while ((zc = best_card(pool, req, passed))) {
			zq = best_queue(zc, req, needed);
			if (zq && kref_get_unless_zero(&zq->refcount)) {
				*held = zq;
				return zc;
			}
			set_bit(zc->card->id, passed);
		}
	}
	return NULL;
}

/*
 * The load counts from here on, so that who picks next sees it. On success
 * both are held. A reference is never dropped under RCU: it could be the last,
 * and then more goes than may go there.
 */
static int hold_best(struct zcrypt_pool *pool, struct zcrypt_request *req)
{
	struct zcrypt_queue *zq = NULL;
	struct zcrypt_card *zc;
	bool zc_held = false;
	unsigned int seq;

	rcu_read_lock();
	do {
		seq = raw_seqcount_begin(&pool->changed);
		zc = find_best(pool, req, &zq);
	} while (!zc && read_seqcount_retry(&pool->changed, seq));
	if (zc)
		zc_held = kref_get_unless_zero(&zc->refcount);
	if (zc_held) {
		req->zc = zc;
		req->zq = zq;
		req->weight = weight(req, zc->speed_rating);
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
