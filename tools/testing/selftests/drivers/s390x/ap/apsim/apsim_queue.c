// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: one queue, its entries and its time
 *
 * An entry goes TODO -> BUSY -> WAIT -> (HELD ->) READY -> free.  Nothing is
 * left out: what needs no computing passes the worker only to stay in order.
 * Whoever changes something under the lock calls apsim_queue_advance() for
 * what is due at once and apsim_queue_settle() for what is due later.
 */

#include <linux/slab.h>
#include <linux/timex.h>

#include "apsim.h"
#include "apsim_compat.h"

static struct workqueue_struct *workers;

/**
 * apsim_random() - next pseudo-random number
 * @state: the generator's state
 *
 * The same seed gives the same sequence, which is all that is asked for.
 *
 * Context: any; the caller guards @state.
 * Return: the number
 */
u32 apsim_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/**
 * apsim_bin_empty() - free buffers that were collected under a lock
 * @bin: the buffers
 *
 * Context: any; no raw spinlock held.
 */
void apsim_bin_empty(struct apsim_bin *bin)
{
	while (bin->nr)
		kfree_sensitive(bin->ptr[--bin->nr]);
}

static void log_event(const struct apsim_queue *q, enum apsim_what what,
		      u64 psmid, u32 detail)
{
	if (apsim_log_on) {
		struct apsim_rec rec = {
			.what = what,
			.card = q->card->id,
			.domain = q->domain,
			.psmid = psmid,
			.status = apsim_queue_status(q, 0),
			.a = detail,
		};

		apsim_log_add(&rec);
	}
}

/**
 * apsim_queue_status() - make a status word
 * @q: the queue
 * @rc: response code
 *
 * Context: any; the caller holds @q's lock.
 * Return: low word of GR1; bits as in struct ap_queue_status of asm/ap.h
 */
u32 apsim_queue_status(const struct apsim_queue *q, u8 rc)
{
	u32 status = (u32)rc << 16;

	if (!q->nr_entries)
		status |= BIT(31);
	if (q->nr_ready)
		status |= BIT(30);
	if (q->nr_entries == q->depth)
		status |= BIT(29);
	if (q->async && rc == q->async)
		status |= BIT(25);
	if (q->irq_on)
		status |= BIT(24);
	return status;
}

static void set_state(struct apsim_queue *q, struct apsim_entry *e,
		      enum apsim_entry_state state)
{
	struct list_head *const list[] = {
		[APSIM_E_FREE] = &q->free,
		[APSIM_E_TODO] = &q->todo,
		[APSIM_E_WAIT] = &q->wait,
		[APSIM_E_HELD] = &q->held,
		[APSIM_E_READY] = &q->ready,
	};

	q->nr_ready += (state == APSIM_E_READY) - (e->state == APSIM_E_READY);
	q->nr_entries += (state != APSIM_E_FREE) - (e->state != APSIM_E_FREE);
	e->state = state;
	if (state == APSIM_E_BUSY)
		list_del_init(&e->list);
	else
		list_move_tail(&e->list, list[state]);
}

/**
 * apsim_entry_done() - an entry leaves the queue
 * @q: the queue
 * @e: the entry
 * @bin: gets its buffers
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_entry_done(struct apsim_queue *q, struct apsim_entry *e,
		      struct apsim_bin *bin)
{
	if (q->current_out == e)
		q->current_out = NULL;
	if (q->busy == e)
		q->busy = NULL;
	apsim_bin_add(bin, e->job.req);
	apsim_bin_add(bin, e->reply.body);
	e->job.req = NULL;
	e->reply = (struct apsim_reply) {};
	set_state(q, e, APSIM_E_FREE);
}

/**
 * apsim_queue_drop() - lose all entries, and all that interrupts need
 * @q: the queue
 * @bin: gets the buffers
 *
 * Context: any; the caller holds @q's lock.  What the worker is computing is
 * thrown away by the worker.
 */
void apsim_queue_drop(struct apsim_queue *q, struct apsim_bin *bin)
{
	struct apsim_entry *e;
	u32 i;

	q->count[APSIM_C_LOST] += q->nr_entries;
	for (i = 0; i < q->depth; i++) {
		e = &q->entry[i];
		if (e->state == APSIM_E_FREE)
			continue;
		apsim_entry_done(q, e, bin);
		log_event(q, APSIM_LOST, e->sent_as, 0);
	}
	apsim_bin_add(bin, q->stage.buf);
	q->stage.buf = NULL;
	q->line_free = 0;
	q->irq_on = false;
	q->irq_change = false;
	q->irq_pending = 0;
	q->async = 0;
}

/**
 * apsim_queue_reset() - RAPQ or ZAPQ begins
 * @q: the queue
 * @what: APSIM_RAPQ or APSIM_ZAPQ
 * @hang: it shall not end by itself
 * @bin: gets the buffers
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_queue_reset(struct apsim_queue *q, enum apsim_what what, bool hang,
		       struct apsim_bin *bin)
{
	u32 ms = apsim_knob(APSIM_KNOB_RESET_MS);

	apsim_queue_drop(q, bin);
	q->reset = hang ? APSIM_RESET_HANGING : APSIM_RESET_RUNNING;
	q->reset_what = what;
	q->reset_end = ms ? ktime_add_ms(ktime_get(), ms) : 0;
}

static void reset_done(struct apsim_queue *q)
{
	q->reset = APSIM_RESET_IDLE;
	if (q->reset_what == APSIM_ZAPQ)
		q->used = false;
	log_event(q, APSIM_RESETDONE, 0, q->reset_what);
}

/**
 * apsim_queue_set_irq() - AQIC asks for interrupts or for none
 * @q: the queue
 * @on: what it asks for
 * @isc: interruption subclass
 * @nib: absolute address of the notification byte
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_queue_set_irq(struct apsim_queue *q, bool on, u8 isc,
			 unsigned long nib)
{
	u32 us = apsim_knob(APSIM_KNOB_IRQ_US);

	q->irq_change = true;
	q->irq_next = on;
	q->next_isc = isc;
	q->next_nib = nib;
	q->irq_at = us ? ktime_add_us(ktime_get(), us) : 0;
}

static void irq_takes_effect(struct apsim_queue *q)
{
	q->irq_change = false;
	q->irq_on = q->irq_next;
	q->irq_pending = 0;
	q->isc = q->next_isc;
	q->nib = q->next_nib;
	/* Replies that came before would otherwise never be announced. */
	if (q->nr_ready)
		apsim_irq_raise(q, 1);
}

static void announce(struct apsim_queue *q, struct apsim_entry *e, u32 irqs)
{
	set_state(q, e, APSIM_E_READY);
	q->count[APSIM_C_REPLIES]++;
	log_event(q, APSIM_READY, e->psmid, e->reply.len);
	if (irqs)
		apsim_irq_raise(q, irqs);
}

/* The moment at which fault rules for replies are asked. */
static void becomes_available(struct apsim_queue *q, struct apsim_entry *e,
			      struct apsim_bin *bin)
{
	struct apsim_fault fault;
	u32 irqs = 1;

	if (apsim_fault_hit(q, APSIM_REPLY, e->sent_as, false, &fault)) {
		switch (fault.action) {
		case APSIM_DO_SWALLOW:
			q->count[APSIM_C_SWALLOWED]++;
			apsim_entry_done(q, e, bin);
			return;
		case APSIM_DO_HOLD:
			set_state(q, e, APSIM_E_HELD);
			return;
		case APSIM_DO_STALE:
			e->psmid = q->last_psmid;
			break;
		case APSIM_DO_FOREIGN:
			e->psmid ^= 0xf0f0f0f0f0f0f0f0ULL;
			break;
		case APSIM_DO_ERROR:
			apsim_bin_add(bin, e->reply.body);
			apsim_reply_error(&e->reply, 0x82, fault.code);
			break;
		case APSIM_DO_MUTATE:
			apsim_mutate(&e->reply, fault.code, fault.seed);
			break;
		case APSIM_DO_PARTS:
			e->part = DIV_ROUND_UP(e->reply.len, fault.code);
			break;
		case APSIM_DO_ENDLESS:
			e->endless = true;
			break;
		case APSIM_DO_STUCK:
			e->part = 0;
			break;
		case APSIM_DO_LOST_IRQ:
			irqs = 0;
			break;
		case APSIM_DO_SPURIOUS_IRQ:
			irqs = 2;
			break;
		}
	}
	announce(q, e, irqs);
}

/* Zero stands for "at once"; most things are, so the clock is read late. */
static bool is_due(ktime_t when, ktime_t *now)
{
	if (!when)
		return true;
	if (!*now)
		*now = ktime_get();
	return when <= *now;
}

/**
 * apsim_queue_advance() - let everything happen that is due by now
 * @q: the queue
 * @bin: gets buffers that are not needed any more
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_queue_advance(struct apsim_queue *q, struct apsim_bin *bin)
{
	struct apsim_entry *e, *next;
	ktime_t now = 0;

	if (q->reset == APSIM_RESET_RUNNING && is_due(q->reset_end, &now))
		reset_done(q);
	if (q->irq_change && is_due(q->irq_at, &now))
		irq_takes_effect(q);
	list_for_each_entry_safe(e, next, &q->wait, list)
		if (is_due(e->due, &now))
			becomes_available(q, e, bin);
}

/**
 * apsim_queue_settle() - see to it that what is due later happens
 * @q: the queue, after apsim_queue_advance()
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_queue_settle(struct apsim_queue *q)
{
	struct apsim_entry *e;
	ktime_t when = KTIME_MAX;

	if (q->dead)
		return;
	if (!list_empty(&q->todo) && !q->busy)
		queue_work(workers, &q->work);
	if (q->reset == APSIM_RESET_RUNNING)
		when = q->reset_end;
	if (q->irq_change)
		when = min(when, q->irq_at);
	list_for_each_entry(e, &q->wait, list)
		when = min(when, e->due);
	if (when == KTIME_MAX || when == q->timer_at)
		return;
	q->timer_at = when;
	hrtimer_start(&q->timer, when, HRTIMER_MODE_ABS_HARD);
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct apsim_queue *q = container_of(timer, struct apsim_queue, timer);
	struct apsim_bin bin = { .nr = 0 };
	unsigned long flags, since = 0;

	apsim_irq_timer_begin(q);
	if (apsim_cost_on)
		since = get_tod_clock_fast();
	raw_spin_lock_irqsave(&q->lock, flags);
	q->timer_at = KTIME_MAX;
	apsim_queue_advance(q, &bin);
	apsim_queue_settle(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);
	if (since)
		since = get_tod_clock_fast() - since;
	apsim_cost_add(APSIM_COST_TIMER, since + apsim_irq_timer_end(q));
	return HRTIMER_NORESTART;
}

static u32 service_us(u8 op)
{
	switch (op) {
	case APSIM_OP_ME:
		return apsim_knob(APSIM_KNOB_ME_US);
	case APSIM_OP_CRT:
		return apsim_knob(APSIM_KNOB_CRT_US);
	default:
		return apsim_knob(APSIM_KNOB_OTHER_US);
	}
}

/*
 * In order, a queue is a server: an operation begins when the one before has
 * ended.  With reorder all begin at once and take half to one and a half of
 * their time.
 */
static ktime_t due_time(struct apsim_queue *q, u8 op, bool reorder)
{
	u32 us = service_us(op);
	ktime_t now;

	if (reorder)
		return us ? ktime_add_us(ktime_get(), us / 2 +
					 apsim_random(&q->random) % us) : 0;
	if (!us)
		return q->nr_entries ? q->line_free : 0;
	now = ktime_get();
	q->line_free = ktime_add_us(max(now, q->line_free), us);
	return q->line_free;
}

/**
 * apsim_queue_enqueue() - take a request into the queue
 * @q: the queue; it must have a free entry
 * @psmid: the message's identifier
 * @job: the request; @job->req becomes the queue's
 * @reply: the reply, when nothing has to be computed
 *
 * Context: any; the caller holds @q's lock and calls apsim_queue_advance()
 * and apsim_queue_settle() later.
 */
void apsim_queue_enqueue(struct apsim_queue *q, u64 psmid,
			 const struct apsim_job *job,
			 const struct apsim_reply *reply)
{
	struct apsim_entry *e = list_first_entry(&q->free, struct apsim_entry,
						 list);
	bool reorder = apsim_knob(APSIM_KNOB_REORDER);
	bool in_line = !reorder && (q->busy || !list_empty(&q->todo));

	e->psmid = psmid;
	e->sent_as = psmid;
	e->job = *job;
	e->sent = 0;
	e->part = U32_MAX;
	e->endless = false;
	e->reply = job->req ? (struct apsim_reply) {} : *reply;
	e->due = due_time(q, job->op, reorder);
	q->used = true;
	set_state(q, e, job->req || in_line ? APSIM_E_TODO : APSIM_E_WAIT);
}

/**
 * apsim_queue_pick() - which reply does DQAP get
 * @q: the queue
 *
 * A reply of which a part was delivered comes before all others.
 *
 * Context: any; the caller holds @q's lock.
 * Return: the entry, or NULL when no reply waits
 */
struct apsim_entry *apsim_queue_pick(struct apsim_queue *q)
{
	struct apsim_entry *e;
	u32 nth;

	if (q->current_out || !q->nr_ready)
		return q->current_out;
	if (!apsim_knob(APSIM_KNOB_REORDER))
		return list_first_entry(&q->ready, struct apsim_entry, list);
	nth = apsim_random(&q->random) % q->nr_ready;
	list_for_each_entry(e, &q->ready, list)
		if (!nth--)
			return e;
	return NULL;
}

/**
 * apsim_queue_release() - let held replies go, let a hanging reset end
 * @q: the queue
 *
 * Context: any.
 */
void apsim_queue_release(struct apsim_queue *q)
{
	struct apsim_bin bin = { .nr = 0 };
	struct apsim_entry *e, *next;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	list_for_each_entry_safe(e, next, &q->held, list)
		announce(q, e, 1);
	if (q->reset == APSIM_RESET_HANGING) {
		q->reset = APSIM_RESET_RUNNING;
		q->reset_end = 0;
	}
	apsim_queue_advance(q, &bin);
	apsim_queue_settle(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);
}

static struct apsim_entry *next_todo(struct apsim_queue *q)
{
	struct apsim_entry *e;
	u32 nth;

	if (list_empty(&q->todo))
		return NULL;
	if (!apsim_knob(APSIM_KNOB_REORDER))
		return list_first_entry(&q->todo, struct apsim_entry, list);
	nth = apsim_random(&q->random) % list_count_nodes(&q->todo);
	list_for_each_entry(e, &q->todo, list)
		if (!nth--)
			return e;
	return NULL;
}

/*
 * One entry per run, so that many queues share the workers evenly.  The
 * request is the worker's while the lock is dropped; when the entry was
 * dropped meanwhile (q->busy says so) the result is thrown away.
 */
static void on_work(struct work_struct *work)
{
	struct apsim_queue *q = container_of(work, struct apsim_queue, work);
	struct apsim_bin bin = { .nr = 0 };
	struct apsim_reply reply = {};
	struct apsim_job job = {};
	struct apsim_entry *e;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	e = next_todo(q);
	if (e) {
		job = e->job;
		e->job.req = NULL;
		set_state(q, e, APSIM_E_BUSY);
		q->busy = e;
	}
	raw_spin_unlock_irqrestore(&q->lock, flags);
	if (!e)
		return;

	if (job.req)
		apsim_msg_compute(q, &job, &reply);

	raw_spin_lock_irqsave(&q->lock, flags);
	if (q->busy == e) {
		q->busy = NULL;
		if (job.req)
			e->reply = reply;
		reply.body = NULL;
		set_state(q, e, APSIM_E_WAIT);
	}
	apsim_bin_add(&bin, reply.body);
	apsim_bin_add(&bin, job.req);
	apsim_queue_advance(q, &bin);
	apsim_queue_settle(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);
}

/**
 * apsim_queue_new() - make a queue
 * @card: its card
 * @domain: its domain
 *
 * Context: process.
 * Return: the queue, not yet visible to instructions, or NULL
 */
struct apsim_queue *apsim_queue_new(struct apsim_card *card, u8 domain)
{
	u32 depth = apsim_knob(APSIM_KNOB_DEPTH), i;
	struct apsim_queue *q;

	q = kzalloc(struct_size(q, entry, depth), GFP_KERNEL);
	if (!q)
		return NULL;
	raw_spin_lock_init(&q->lock);
	q->depth = depth;
	q->card = card;
	q->domain = domain;
	q->flag[APSIM_PRESENT] = true;
	q->flag[APSIM_CONFIGURED] = true;
	q->random = apsim_knob(APSIM_KNOB_SEED) + (card->id << 8) + domain;
	q->timer_at = KTIME_MAX;
	INIT_LIST_HEAD(&q->free);
	INIT_LIST_HEAD(&q->todo);
	INIT_LIST_HEAD(&q->wait);
	INIT_LIST_HEAD(&q->held);
	INIT_LIST_HEAD(&q->ready);
	for (i = 0; i < depth; i++)
		list_add_tail(&q->entry[i].list, &q->free);
	hrtimer_setup(&q->timer, on_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	INIT_WORK(&q->work, on_work);
	apsim_irq_init(q);
	return q;
}

/**
 * apsim_queue_stop() - end all that a queue does by itself
 * @q: the queue; no instruction can reach it any more
 *
 * Context: process, sleeps.
 */
void apsim_queue_stop(struct apsim_queue *q)
{
	struct apsim_bin bin = { .nr = 0 };
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	q->dead = true;
	q->reset = APSIM_RESET_IDLE;
	apsim_queue_drop(q, &bin);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);
	hrtimer_cancel(&q->timer);
	cancel_work_sync(&q->work);
	irq_work_sync(&q->irq_work);
}

/**
 * apsim_queue_free() - free a queue
 * @q: the queue, stopped, or NULL
 *
 * Context: process.
 */
void apsim_queue_free(struct apsim_queue *q)
{
	kfree(q);
}

/**
 * apsim_workers_start() - make the threads that compute
 *
 * Context: process.
 * Return: 0 or -ENOMEM
 */
int apsim_workers_start(void)
{
	workers = alloc_workqueue("apsim", WQ_UNBOUND | WQ_SYSFS,
				  clamp(num_possible_cpus(), 2U, 16U));
	return workers ? 0 : -ENOMEM;
}

/**
 * apsim_workers_stop() - end the threads that compute
 *
 * Context: process, sleeps; all queues are stopped.
 */
void apsim_workers_stop(void)
{
	if (workers)
		destroy_workqueue(workers);
	workers = NULL;
}
