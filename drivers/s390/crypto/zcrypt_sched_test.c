// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: which queue gets a request. Cards and queues are made up, and so is
 * the pool; the AP queues are in a state in which they would take a message.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "zcrypt_request.h"

#define CARDS	4
#define DOMAINS	8

struct sched_fixture {
	struct zcrypt_pool pool;
	struct ap_perms perms;
	struct ap_driver driver;
	struct ap_card *ac[CARDS];
	struct zcrypt_card *zc[CARDS];
	struct ap_queue *aq[CARDS][DOMAINS];
	struct zcrypt_queue *zq[CARDS][DOMAINS];
};

static int build_nothing(struct zcrypt_request *req)
{
	return 0;
}

static const struct zcrypt_ops accel_ops = {
	.verb = {
		[ZCRYPT_OP_ME] = { .build = build_nothing },
		[ZCRYPT_OP_CRT] = { .build = build_nothing },
	},
};

static const struct zcrypt_ops cca_ops = {
	.verb = {
		[ZCRYPT_OP_ME] = { .build = build_nothing },
		[ZCRYPT_OP_CPRB] = { .build = build_nothing },
		[ZCRYPT_OP_RNG] = { .build = build_nothing },
	},
};

static const struct zcrypt_ops ep11_ops = {
	.verb = {
		[ZCRYPT_OP_EP11] = { .build = build_nothing },
	},
};

static const int slow[NUM_OPS] = { 30, 30, 30, 30, 30, 30, 30, 30 };
static const int fast[NUM_OPS] = { 10, 10, 10, 10, 10, 10, 10, 10 };

static int sched_init(struct kunit *test)
{
	struct sched_fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	zcrypt_pool_init(&fix->pool);
	memset(&fix->perms, 0xff, sizeof(fix->perms));
	fix->driver.driver.owner = THIS_MODULE;
	test->priv = fix;
	return 0;
}

static void drop_queue(struct sched_fixture *fix, int id, int dom)
{
	if (!fix->zq[id][dom])
		return;
	zcrypt_pool_del_queue(&fix->pool, fix->zq[id][dom]);
	zcrypt_queue_put(fix->zq[id][dom]);
	fix->zq[id][dom] = NULL;
}

static void sched_exit(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	int id, dom;

	for (id = 0; id < CARDS; id++) {
		for (dom = 0; dom < DOMAINS; dom++)
			drop_queue(fix, id, dom);
		if (fix->zc[id]) {
			zcrypt_pool_del_card(&fix->pool, fix->zc[id]);
			zcrypt_card_put(fix->zc[id]);
		}
	}
	/* Queues and cards are freed by RCU and look at nothing of the test */
}

static struct zcrypt_card *add_card(struct kunit *test, int id, char kind,
				    const int *rating)
{
	struct sched_fixture *fix = test->priv;
	struct ap_card *ac = kunit_kzalloc(test, sizeof(*ac), GFP_KERNEL);
	struct zcrypt_card *zc = zcrypt_card_alloc();

	KUNIT_ASSERT_NOT_NULL(test, ac);
	KUNIT_ASSERT_NOT_NULL(test, zc);
	ac->id = id;
	ac->config = true;
	ac->maxmsgsize = AP_DEFAULT_MAX_MSG_SIZE;
	ac->hwinfo.accel = kind == 'a';
	ac->hwinfo.cca = kind == 'c';
	ac->hwinfo.ep11 = kind == 'p';
	zc->card = ac;
	zc->online = 1;
	zc->speed_rating = rating;
	zc->min_mod_size = 16;
	zc->max_mod_size = 512;
	KUNIT_ASSERT_EQ(test, zcrypt_pool_add_card(&fix->pool, zc), 0);
	fix->ac[id] = ac;
	fix->zc[id] = zc;
	return zc;
}

static struct zcrypt_queue *add_queue(struct kunit *test, int id, int dom)
{
	struct sched_fixture *fix = test->priv;
	struct ap_queue *aq = kunit_kzalloc(test, sizeof(*aq), GFP_KERNEL);
	struct zcrypt_queue *zq = zcrypt_queue_alloc(64);
	const struct ap_card *ac = fix->ac[id];

	KUNIT_ASSERT_NOT_NULL(test, aq);
	KUNIT_ASSERT_NOT_NULL(test, zq);
	spin_lock_init(&aq->lock);
	aq->qid = AP_MKQID(id, dom);
	aq->card = fix->ac[id];
	aq->config = true;
	aq->state = AP_STATE_IDLE;
	aq->driver = &fix->driver;
	aq->open = true;
	aq->reply = &zq->reply;
	zq->queue = aq;
	zq->online = 1;
	zq->ops = ac->hwinfo.accel ? &accel_ops :
		  ac->hwinfo.cca ? &cca_ops : &ep11_ops;
	zcrypt_pool_add_queue(&fix->pool, zq);
	fix->aq[id][dom] = aq;
	fix->zq[id][dom] = zq;
	return zq;
}

static void add_cards(struct kunit *test, int cards, int domains,
		      const int *rating)
{
	int id, dom;

	for (id = 0; id < cards; id++) {
		add_card(test, id, 'a', rating);
		for (dom = 0; dom < domains; dom++)
			add_queue(test, id, dom);
	}
}

static void me_request(struct kunit *test, struct zcrypt_request *req)
{
	struct sched_fixture *fix = test->priv;

	*req = (struct zcrypt_request) {
		.op = ZCRYPT_OP_ME,
		.kinds = ZCRYPT_KIND_ACCEL | ZCRYPT_KIND_CCA,
		.perms = &fix->perms,
		.mod_len = 256,
		.speed = MEX_2K,
		.factor = 1,
		.card = AUTOSELECT,
		.domain = AUTOSEL_DOM,
		.ctrl_domain = AUTOSEL_DOM,
	};
}

/* Picks, and says what */
static int pick(struct kunit *test, struct zcrypt_request *req)
{
	struct sched_fixture *fix = test->priv;
	int rc = zcrypt_pick(&fix->pool, req);

	if (rc)
		return rc;
	atomic64_inc(&req->zc->card->total_request_count);
	return req->zq->queue->qid;
}

/* Picks and drops again */
static int pick_once(struct kunit *test, struct zcrypt_request *req)
{
	int qid = pick(test, req);

	if (qid >= 0)
		zcrypt_drop(req);
	return qid;
}

static void nothing_to_pick(struct kunit *test)
{
	struct zcrypt_request req;

	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	add_card(test, 0, 'a', fast);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	add_queue(test, 0, 3);
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(0, 3));
}

#define MANY	640

/* All are held: no queue has more than one request more than another */
static void even_when_busy(struct kunit *test)
{
	struct zcrypt_request *req;
	int count[CARDS][DOMAINS] = {};
	int i, qid, id, dom, low = INT_MAX, high = 0;

	req = kunit_kcalloc(test, MANY, sizeof(*req), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	add_cards(test, 2, DOMAINS, fast);
	for (i = 0; i < MANY - 3; i++) {
		me_request(test, &req[i]);
		qid = pick(test, &req[i]);
		KUNIT_ASSERT_GE(test, qid, 0);
		count[AP_QID_CARD(qid)][AP_QID_QUEUE(qid)]++;
	}
	for (id = 0; id < 2; id++) {
		for (dom = 0; dom < DOMAINS; dom++) {
			low = min(low, count[id][dom]);
			high = max(high, count[id][dom]);
		}
	}
	KUNIT_EXPECT_LE(test, high - low, 1);
	for (i = 0; i < MANY - 3; i++)
		zcrypt_drop(&req[i]);
}

/* One after the other: they take turns, with gaps in the domains too */
static void even_when_idle(struct kunit *test)
{
	static const int domains[] = { 0, 1, 6 };
	int count[CARDS][DOMAINS] = {};
	struct zcrypt_request req;
	int i, id, qid;

	for (id = 0; id < 2; id++) {
		add_card(test, id, 'a', fast);
		for (i = 0; i < ARRAY_SIZE(domains); i++)
			add_queue(test, id, domains[i]);
	}
	/* Each CPU has turns of its own */
	migrate_disable();
	for (i = 0; i < 600; i++) {
		me_request(test, &req);
		qid = pick_once(test, &req);
		if (qid >= 0)
			count[AP_QID_CARD(qid)][AP_QID_QUEUE(qid)]++;
	}
	migrate_enable();
	for (id = 0; id < 2; id++)
		for (i = 0; i < ARRAY_SIZE(domains); i++)
			KUNIT_EXPECT_EQ(test, count[id][domains[i]], 100);
}

/* Requests end in any order: still no queue falls behind */
static void even_when_mixed(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request *req;
	unsigned int i, n, seed = 1;
	int dom, low, high;

	req = kunit_kcalloc(test, 64, sizeof(*req), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	add_cards(test, 1, DOMAINS, fast);
	for (n = 0; n < 2000; n++) {
		seed = seed * 1103515245 + 12345;
		i = seed >> 16 & 63;
		if (req[i].zq)
			zcrypt_drop(&req[i]);
		me_request(test, &req[i]);
		KUNIT_ASSERT_GE(test, pick(test, &req[i]), 0);
		low = INT_MAX;
		high = 0;
		for (dom = 0; dom < DOMAINS; dom++) {
			low = min(low, atomic_read(&fix->zq[0][dom]->load));
			high = max(high, atomic_read(&fix->zq[0][dom]->load));
		}
	}
	/* 64 requests of weight 10 on 8 queues are 80 each */
	KUNIT_EXPECT_GE(test, low, 40);
	KUNIT_EXPECT_LE(test, high, 120);
	for (i = 0; i < 64; i++)
		if (req[i].zq)
			zcrypt_drop(&req[i]);
	for (dom = 0; dom < DOMAINS; dom++)
		KUNIT_EXPECT_EQ(test, atomic_read(&fix->zq[0][dom]->load), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fix->zc[0]->load), 0);
}

/* A card that is three times as fast gets three times as many */
static void faster_gets_more(struct kunit *test)
{
	struct zcrypt_request *req;
	int count[CARDS] = {}, i, qid;

	req = kunit_kcalloc(test, 400, sizeof(*req), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	add_card(test, 0, 'a', slow);
	add_queue(test, 0, 0);
	add_card(test, 1, 'a', fast);
	add_queue(test, 1, 0);
	for (i = 0; i < 400; i++) {
		me_request(test, &req[i]);
		qid = pick(test, &req[i]);
		KUNIT_ASSERT_GE(test, qid, 0);
		count[AP_QID_CARD(qid)]++;
	}
	KUNIT_EXPECT_GE(test, count[1], 298);
	KUNIT_EXPECT_LE(test, count[1], 302);
	for (i = 0; i < 400; i++)
		zcrypt_drop(&req[i]);
}

static void permissions(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request req;
	int i;

	add_cards(test, 3, 4, fast);
	memset(&fix->perms, 0, sizeof(fix->perms));
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	set_bit_inv(1, fix->perms.apm);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	set_bit_inv(2, fix->perms.aqm);
	for (i = 0; i < 20; i++) {
		me_request(test, &req);
		KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 2));
	}
	/* Who asks for what is not admitted gets nothing, not something else */
	me_request(test, &req);
	req.card = 0;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	/* The domain that it is about counts each time, too */
	me_request(test, &req);
	req.ctrl_domain = 7;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	set_bit_inv(7, fix->perms.adm);
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 2));
	clear_bit_inv(7, fix->perms.adm);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	clear_bit_inv(1, fix->perms.apm);
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
}

static void size_limits(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request req;

	add_cards(test, 2, 1, fast);
	fix->zc[0]->max_mod_size = 256;
	fix->zc[1]->min_mod_size = 200;
	me_request(test, &req);
	req.mod_len = 257;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 0));
	me_request(test, &req);
	req.mod_len = 199;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(0, 0));
	me_request(test, &req);
	req.mod_len = 513;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	req.mod_len = 15;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);

	/* What has no modulus has a message */
	me_request(test, &req);
	req.mod_len = 0;
	req.msg.len = AP_DEFAULT_MAX_MSG_SIZE + 1;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	fix->ac[1]->maxmsgsize = AP_DEFAULT_MAX_MSG_SIZE + 1;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 0));
}

static void kinds_of_cards(struct kunit *test)
{
	struct zcrypt_request req;
	int i;

	add_card(test, 0, 'a', slow);
	add_queue(test, 0, 0);
	add_card(test, 1, 'c', fast);
	add_queue(test, 1, 0);
	add_card(test, 2, 'p', fast);
	add_queue(test, 2, 0);
	for (i = 0; i < 10; i++) {
		me_request(test, &req);
		KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 0));
	}
	me_request(test, &req);
	req.op = ZCRYPT_OP_EP11;
	req.kinds = ZCRYPT_KIND_EP11;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(2, 0));
	me_request(test, &req);
	req.op = ZCRYPT_OP_RNG;
	req.kinds = ZCRYPT_KIND_CCA;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 0));
	/* Of the right kind, but not able to: no verb for it */
	me_request(test, &req);
	req.op = ZCRYPT_OP_CRT;
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(0, 0));
}

static void wanted_ones(struct kunit *test)
{
	struct ep11_target_dev targets[] = {
		{ 9, 9 }, { 1, 2 }, { 2, AUTOSEL_DOM },
	};
	struct zcrypt_request req;
	int i, qid, card1 = 0, card2 = 0;

	add_cards(test, 3, 4, fast);
	for (i = 0; i < 8; i++) {
		me_request(test, &req);
		req.card = 2;
		req.domain = 3;
		KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(2, 3));
	}
	me_request(test, &req);
	req.domain = 7;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	req.domain = 0x1234;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);

	for (i = 0; i < 40; i++) {
		me_request(test, &req);
		req.targets = targets;
		req.nr_targets = ARRAY_SIZE(targets);
		qid = pick_once(test, &req);
		if (AP_QID_CARD(qid) == 2)
			card2++;
		else if (qid == AP_MKQID(1, 2))
			card1++;
		else
			KUNIT_FAIL(test, "%04x was not wanted", qid);
	}
	KUNIT_EXPECT_GT(test, card1, 0);
	KUNIT_EXPECT_GT(test, card2, 0);
	me_request(test, &req);
	req.targets = targets;
	req.nr_targets = 1;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	targets[0].ap_id = AUTOSEL_AP;
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	targets[0].dom_id = 1;
	qid = pick_once(test, &req);
	KUNIT_EXPECT_EQ(test, AP_QID_QUEUE(qid), 1);
}

/* A card or domain, or one that there is not, or any */
static unsigned int some_number(u32 *seed, unsigned int max)
{
	static const u16 odd[] = { AUTOSEL_AP, 256, 257, 258, 0xfffe };

	*seed = *seed * 1103515245 + 12345;
	if (*seed >> 16 & 7)
		return (*seed >> 19) % max;
	return odd[(*seed >> 19) % ARRAY_SIZE(odd)];
}

/* Whether the queue is picked for a request that wants it, and the targets */
static bool is_target(struct kunit *test, const struct zcrypt_request *like,
		      unsigned int card, unsigned int dom, bool mapped)
{
	struct zcrypt_request req;

	me_request(test, &req);
	req.targets = like->targets;
	req.nr_targets = like->nr_targets;
	req.target_map = mapped ? like->target_map : NULL;
	req.card = card;
	req.domain = dom;
	return pick_once(test, &req) >= 0;
}

/* The map of a list of targets says the same as the list */
static void mapped_targets(struct kunit *test)
{
	struct ep11_target_dev targets[3];
	struct zcrypt_request req = { .targets = targets };
	unsigned int n, i, card, dom, picked = 0, differ = 0;
	u32 seed = 1;
	bool is;

	add_cards(test, 3, 4, fast);
	for (n = 0; n < 500; n++) {
		req.nr_targets = n % ARRAY_SIZE(targets) + 1;
		for (i = 0; i < req.nr_targets; i++) {
			targets[i].ap_id = some_number(&seed, 4);
			targets[i].dom_id = some_number(&seed, 5);
		}
		req.target_map = zcrypt_map_targets(targets, req.nr_targets);
		KUNIT_ASSERT_NOT_NULL(test, req.target_map);
		for (card = 0; card < 3; card++) {
			for (dom = 0; dom < 4; dom++) {
				is = is_target(test, &req, card, dom, false);
				picked += is;
				differ += is != is_target(test, &req, card, dom, true);
			}
		}
		kvfree(req.target_map);
	}
	KUNIT_EXPECT_EQ(test, differ, 0);
	KUNIT_EXPECT_GT(test, picked, 500);
	KUNIT_EXPECT_LT(test, picked, 5500);
}

static void tried_ones_come_last(struct kunit *test)
{
	struct zcrypt_request req;
	int first, second, third;

	add_cards(test, 2, 2, fast);
	me_request(test, &req);
	first = pick_once(test, &req);
	second = pick_once(test, &req);
	KUNIT_EXPECT_NE(test, AP_QID_CARD(first), AP_QID_CARD(second));
	third = pick_once(test, &req);
	KUNIT_EXPECT_NE(test, third, first);
	KUNIT_EXPECT_NE(test, third, second);
	KUNIT_EXPECT_EQ(test, AP_MKQID(0, 0) + AP_MKQID(0, 1) + AP_MKQID(1, 0) +
			AP_MKQID(1, 1),
			first + second + third + pick_once(test, &req));
	/* All were tried: rather again than not at all */
	KUNIT_EXPECT_GE(test, pick_once(test, &req), 0);
}

/* Also when the one that was not tried is the slower one by far */
static void tried_fast_or_fresh_slow(struct kunit *test)
{
	struct zcrypt_request req;

	add_card(test, 0, 'a', fast);
	add_queue(test, 0, 0);
	add_card(test, 1, 'a', slow);
	add_queue(test, 1, 0);
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(0, 0));
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(1, 0));
}

/* What would have to wait is picked when there is nothing else, and only then */
static void waiting_ones_come_last(struct kunit *test)
{
	static const enum ap_state states[] = {
		AP_STATE_RESET_START, AP_STATE_RESET_WAIT, AP_STATE_SETIRQ_WAIT,
		AP_STATE_ASSOC_WAIT, AP_STATE_WORKING, AP_STATE_QUEUE_FULL,
	};
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request req;
	int i, n, dom;

	add_cards(test, 2, 2, fast);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		for (dom = 0; dom < 2; dom++) {
			fix->aq[0][dom]->state = states[i];
			/* busy is no matter, no reply for long is */
			fix->aq[0][dom]->progress = jiffies - HZ;
		}
		for (n = 0; n < 8; n++) {
			me_request(test, &req);
			KUNIT_EXPECT_EQ(test, AP_QID_CARD(pick_once(test, &req)), 1);
			me_request(test, &req);
			req.card = 0;
			KUNIT_EXPECT_EQ(test, AP_QID_CARD(pick_once(test, &req)), 0);
		}
		fix->aq[0][1]->state = AP_STATE_IDLE;
		for (n = 0; n < 8; n++) {
			me_request(test, &req);
			req.card = 0;
			KUNIT_EXPECT_EQ(test, pick_once(test, &req), AP_MKQID(0, 1));
		}
	}
}

/* Two types of card, as fast as each other, share what there is to do */
static void equal_types_share(struct kunit *test)
{
	struct zcrypt_request req;
	int count[2] = {}, i, qid;

	add_card(test, 0, 'a', fast);
	add_queue(test, 0, 0);
	add_card(test, 1, 'c', fast);
	add_queue(test, 1, 0);
	for (i = 0; i < 100; i++) {
		me_request(test, &req);
		qid = pick_once(test, &req);
		KUNIT_ASSERT_GE(test, qid, 0);
		count[AP_QID_CARD(qid)]++;
	}
	KUNIT_EXPECT_EQ(test, count[0], 50);
	KUNIT_EXPECT_EQ(test, count[1], 50);
}

/*
 * Slower ones share the second place, and are known before the fastest ones. Those
 * take turns all the same, however much one of them has had to do.
 */
static void fastest_last(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request req;
	int count[CARDS] = {}, id, qid, i;

	add_card(test, 0, 'a', slow);
	add_card(test, 1, 'c', slow);
	add_card(test, 2, 'a', fast);
	add_card(test, 3, 'a', fast);
	for (id = 0; id < CARDS; id++)
		add_queue(test, id, 0);
	atomic64_set(&fix->ac[2]->total_request_count, 1000);
	/* Each CPU has turns of its own */
	migrate_disable();
	for (i = 0; i < 20; i++) {
		me_request(test, &req);
		qid = pick_once(test, &req);
		if (qid >= 0)
			count[AP_QID_CARD(qid)]++;
	}
	migrate_enable();
	KUNIT_EXPECT_EQ(test, count[2], 10);
	KUNIT_EXPECT_EQ(test, count[3], 10);
}

/* With @size bytes at @place as in @bad the queue is not picked */
static void expect_none_with(struct kunit *test, void *place, const void *bad,
			     size_t size)
{
	struct zcrypt_request req;
	u8 good[8];

	KUNIT_ASSERT_LE(test, size, sizeof(good));
	memcpy(good, place, size);
	memcpy(place, bad, size);
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	memcpy(place, good, size);
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), 0);
}

static void not_available(struct kunit *test)
{
	static const enum ap_state states[] = {
		AP_STATE_UNBOUND, AP_STATE_BOUND, AP_STATE_ERROR,
		AP_STATE_REMOVE, AP_STATE_ZERO_WAIT, AP_STATE_UNCLEAN,
	};
	struct sched_fixture *fix = test->priv;
	const bool yes = true, no = false;
	const void *none = NULL;
	struct zcrypt_queue *zq;
	const int off = 0;
	struct ap_queue *aq;
	int i;

	add_card(test, 0, 'a', fast);
	zq = add_queue(test, 0, 0);
	aq = zq->queue;
	expect_none_with(test, &zq->online, &off, sizeof(off));
	expect_none_with(test, &fix->zc[0]->online, &off, sizeof(off));
	expect_none_with(test, &fix->ac[0]->config, &no, sizeof(no));
	expect_none_with(test, &fix->ac[0]->chkstop, &yes, sizeof(yes));
	expect_none_with(test, &aq->config, &no, sizeof(no));
	expect_none_with(test, &aq->chkstop, &yes, sizeof(yes));
	expect_none_with(test, &aq->reply, &none, sizeof(none));
	for (i = 0; i < ARRAY_SIZE(states); i++)
		expect_none_with(test, &aq->state, &states[i], sizeof(states[i]));
}

/* Built in, there is no module to hold */
static unsigned int module_uses(void)
{
#ifdef MODULE
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

/* Module, queue and card are held from pick to drop, and not longer */
static void references(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	unsigned int uses = module_uses(), held;
	struct zcrypt_request req;
	struct zcrypt_card *zc;
	struct zcrypt_queue *zq;

	zc = add_card(test, 0, 'a', fast);
	zq = add_queue(test, 0, 0);
	KUNIT_ASSERT_EQ(test, kref_read(&zq->refcount), 2);
	KUNIT_ASSERT_EQ(test, kref_read(&zc->refcount), 3);
	me_request(test, &req);
	KUNIT_ASSERT_EQ(test, pick(test, &req), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&zq->refcount), 3);
	KUNIT_EXPECT_EQ(test, kref_read(&zc->refcount), 4);
	KUNIT_EXPECT_PTR_EQ(test, req.msg.owner, THIS_MODULE);
	held = module_uses() - uses;
#ifdef MODULE
	KUNIT_EXPECT_EQ(test, held, 1);
#else
	KUNIT_EXPECT_EQ(test, held, 0);
#endif

	/* The queue is taken away under the sender, and gets another driver */
	zcrypt_queue_get(zq);
	drop_queue(fix, 0, 0);
	fix->aq[0][0]->driver = NULL;
	KUNIT_EXPECT_EQ(test, kref_read(&zq->refcount), 2);
	zcrypt_drop(&req);
	KUNIT_EXPECT_EQ(test, kref_read(&zq->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&zc->refcount), 2);
	KUNIT_EXPECT_NULL(test, req.msg.owner);
	KUNIT_EXPECT_EQ(test, module_uses(), uses);
	KUNIT_EXPECT_EQ(test, atomic_read(&zq->load), 0);
	zcrypt_queue_put(zq);
}

/* What is in a reader's hands when the queue goes is not picked */
static void unbound_is_not_picked(struct kunit *test)
{
	unsigned int uses = module_uses();
	struct zcrypt_request req;
	struct zcrypt_queue *zq;

	add_card(test, 0, 'a', fast);
	zq = add_queue(test, 0, 0);
	WRITE_ONCE(zq->bound, false);
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	KUNIT_EXPECT_EQ(test, module_uses(), uses);
	KUNIT_EXPECT_EQ(test, kref_read(&zq->refcount), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&zq->load), 0);
	WRITE_ONCE(zq->bound, true);
	KUNIT_EXPECT_EQ(test, pick_once(test, &req), 0);
}

/* A card can lose its driver and get it back while its queues stay */
static void card_comes_and_goes(struct kunit *test)
{
	struct sched_fixture *fix = test->priv;
	struct zcrypt_request req;
	struct zcrypt_card *zc;

	zc = add_card(test, 0, 'a', fast);
	add_queue(test, 0, 0);
	KUNIT_EXPECT_EQ(test, zcrypt_pool_add_card(&fix->pool, zc), -EEXIST);
	zcrypt_pool_del_card(&fix->pool, zc);
	KUNIT_EXPECT_NULL(test, fix->zq[0][0]->zcard);
	me_request(test, &req);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	add_queue(test, 0, 1);
	KUNIT_EXPECT_EQ(test, pick(test, &req), -ENODEV);
	KUNIT_EXPECT_EQ(test, zcrypt_pool_add_card(&fix->pool, zc), 0);
	KUNIT_EXPECT_PTR_EQ(test, fix->zq[0][0]->zcard, zc);
	KUNIT_EXPECT_PTR_EQ(test, fix->zq[0][1]->zcard, zc);
	KUNIT_EXPECT_EQ(test, zc->domains.nr, 2);
	KUNIT_EXPECT_GE(test, pick_once(test, &req), 0);
}

static struct kunit_case sched_cases[] = {
	KUNIT_CASE(nothing_to_pick),
	KUNIT_CASE(even_when_busy),
	KUNIT_CASE(even_when_idle),
	KUNIT_CASE(even_when_mixed),
	KUNIT_CASE(faster_gets_more),
	KUNIT_CASE(permissions),
	KUNIT_CASE(size_limits),
	KUNIT_CASE(kinds_of_cards),
	KUNIT_CASE(wanted_ones),
	KUNIT_CASE(mapped_targets),
	KUNIT_CASE(tried_ones_come_last),
	KUNIT_CASE(tried_fast_or_fresh_slow),
	KUNIT_CASE(waiting_ones_come_last),
	KUNIT_CASE(equal_types_share),
	KUNIT_CASE(fastest_last),
	KUNIT_CASE(not_available),
	KUNIT_CASE(references),
	KUNIT_CASE(unbound_is_not_picked),
	KUNIT_CASE(card_comes_and_goes),
	{}
};

static struct kunit_suite sched_suite = {
	.name = "zcrypt_sched",
	.init = sched_init,
	.exit = sched_exit,
	.test_cases = sched_cases,
};

kunit_test_suite(sched_suite);
