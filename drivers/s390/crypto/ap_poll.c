// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue is looked at when.
 *
 * Each queue has a number, dense among all queues, and a bit of this number in
 * ap_outstanding while it has messages at the card that nobody is looking after;
 * which words of the bitmap may have one is in ap_words. Each queue also has a
 * notification byte, by the same number, which the card sets when a reply comes. An
 * adapter interrupt says only that some byte was set: those of the queues with
 * the bit are looked at, and of these only the queues whose byte it was. So its cost
 * follows the work. What is waited for without an interrupt has a timer of its own
 * in the queue.
 */
#define KMSG_COMPONENT "ap"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/bitops.h>
#include <linux/freezer.h>
#include <linux/interrupt.h>
#include <linux/kernel_stat.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <asm/airq.h>

#include "ap_compat.h"
#include "ap_priv.h"

/* First and longest interval; under z/VM each DQAP is an exit to the host */
#define AP_POLL_LPAR_MIN_NS	(10 * NSEC_PER_USEC)
#define AP_POLL_LPAR_MAX_NS	(250 * NSEC_PER_USEC)
#define AP_POLL_VM_MIN_NS	(250 * NSEC_PER_USEC)
#define AP_POLL_VM_MAX_NS	(1500 * NSEC_PER_USEC)
#define AP_POLL_LIMIT_NS	(120 * NSEC_PER_SEC)
#define AP_RESET_MIN_NS		(1 * NSEC_PER_MSEC)
#define AP_RESET_MAX_NS		(40 * NSEC_PER_MSEC)
#define AP_LATER_NS		(2 * NSEC_PER_MSEC)
#define AP_WATCH_PERIOD		(HZ / 4)

/* The longest time between two polls for a reply */
static unsigned long ap_poll_max_ns = AP_POLL_LPAR_MAX_NS;
static u64 ap_poll_min_ns = AP_POLL_LPAR_MIN_NS;

/* Queues whose notification bytes are one piece of memory */
#define AP_NIB_GROUP	256

static DEFINE_XARRAY_ALLOC(ap_slots);
static struct airq_iv *ap_nibs[AP_DEVICES * AP_DOMAINS / AP_NIB_GROUP];
static DECLARE_BITMAP(ap_outstanding, AP_DEVICES * AP_DOMAINS);
static DECLARE_BITMAP(ap_words, BITS_TO_LONGS(AP_DEVICES * AP_DOMAINS));
static unsigned int ap_words_end;

static DECLARE_WAIT_QUEUE_HEAD(ap_poll_wait);
static DEFINE_MUTEX(ap_poll_thread_mutex);
static struct task_struct *ap_poll_thread;

/*
 * The bits of one word, lock-free. That a word has none is noted before it is
 * looked at for the last time, and a bit is set before that is asked: either
 * ap_poll_mark() sees the note or we see the bit.
 */
static unsigned long ap_poll_word(unsigned int word)
{
	unsigned long bits = READ_ONCE(ap_outstanding[word]);

	if (!bits) {
		clear_bit(word, ap_words);
		/* Pairs with the first one in ap_poll_mark() */
		smp_mb__after_atomic();
		bits = READ_ONCE(ap_outstanding[word]);
		if (bits)
			set_bit(word, ap_words);
	}
	return bits;
}

/*
 * A queue's notification byte. The memory is an interrupt vector's, which firmware
 * can write to in a secure guest, too; that it has bits for others is no matter.
 */
static u8 *ap_nib(unsigned int slot)
{
	struct airq_iv *iv = ap_nibs[slot / AP_NIB_GROUP];

	return iv ? (u8 *)iv->vector + slot % AP_NIB_GROUP : NULL;
}

static void ap_poll_mark(unsigned int slot)
{
	u8 *nib = ap_nib(slot);

	/* What was announced before is looked for by who marks the queue */
	if (nib)
		WRITE_ONCE(*nib, 0);
	set_bit(slot, ap_outstanding);
	/* Pairs with ap_poll_word(), and is before the card has the message */
	smp_mb__after_atomic();
	if (!test_bit(BIT_WORD(slot), ap_words)) {
		set_bit(BIT_WORD(slot), ap_words);
		/* Before the card has the message, whose reply interrupts */
		smp_mb__after_atomic();
	}
}

/*
 * xchg() is a full barrier: a reply that comes after the clearing sets the byte
 * again and interrupts again, one that came before is found by the look.
 */
static bool ap_poll_announced(unsigned int slot)
{
	u8 *nib = ap_nib(slot);

	return nib && READ_ONCE(*nib) && xchg(nib, 0);
}

static void ap_poll_slot(unsigned long slot)
{
	struct ap_queue *aq = xa_load(&ap_slots, slot);

	if (aq)
		ap_queue_look(aq);
}

/*
 * Lock-free: a bit that is set during the walk belongs to a message that goes
 * to the card during the walk, and its reply brings an interrupt of its own; a
 * bit that is cleared costs a look in vain. Slots come into being below
 * ap_words_end before their queue can have a message.
 */
static __always_inline void ap_poll_marked(void (*look)(unsigned long slot))
{
	unsigned int end = READ_ONCE(ap_words_end);
	unsigned long word, bit, bits;

	for_each_set_bit(word, ap_words, end) {
		bits = ap_poll_word(word);
		for_each_set_bit(bit, &bits, BITS_PER_LONG)
			look(word * BITS_PER_LONG + bit);
	}
}

/*
 * The poll thread is of the lowest priority: preempted in here on a busy CPU it
 * would not run again for many seconds, and RCU would wait for it. So it is not,
 * as long as it looks at one queue.
 */
static void ap_poll_one(unsigned long slot)
{
	local_bh_disable();
	rcu_read_lock();
	ap_poll_slot(slot);
	rcu_read_unlock();
	local_bh_enable();
}

static void ap_poll_all(void)
{
	ap_poll_marked(ap_poll_one);
}

static bool ap_poll_any(void)
{
	unsigned int end = READ_ONCE(ap_words_end);
	unsigned long word;

	for_each_set_bit(word, ap_words, end)
		if (ap_poll_word(word))
			return true;
	return false;
}

/*
 * Interrupts.
 */
static void ap_irq_handler(struct airq_struct *airq, struct tpi_info *tpi_info);

/* The indicator that the handler is called for: always set, the bytes are ours */
static u8 ap_irq_always = 0xff;

static struct airq_struct ap_airq = {
	.handler = ap_irq_handler,
	.lsi_ptr = &ap_irq_always,
	.isc = AP_ISC,
};

static bool ap_irq_on;
static DECLARE_BITMAP(ap_nibs_kept, AP_DEVICES * AP_DOMAINS / AP_NIB_GROUP);

static void ap_poll_if_announced(unsigned long slot)
{
	if (ap_poll_announced(slot))
		ap_poll_slot(slot);
}

static void ap_irq_tasklet_fn(struct tasklet_struct *unused)
{
	rcu_read_lock();
	ap_poll_marked(ap_poll_if_announced);
	rcu_read_unlock();
}

static DECLARE_TASKLET(ap_irq_tasklet, ap_irq_tasklet_fn);

/*
 * Where there is no mark, the reply is found by the sender, who has not marked its
 * queue yet, see ap_queue_attend().
 */
static void ap_irq_handler(struct airq_struct *airq, struct tpi_info *tpi_info)
{
	inc_irq_stat(IRQIO_APB);
	if (ap_poll_any())
		tasklet_schedule(&ap_irq_tasklet);
}

/**
 * ap_poll_interrupts() - whether the bus uses interrupts
 *
 * Return: true if so.
 */
bool ap_poll_interrupts(void)
{
	return ap_irq_on;
}

/**
 * ap_poll_nib() - the notification byte that AQIC is given
 * @aq: the queue
 *
 * Return: its absolute address; the bus uses interrupts.
 */
phys_addr_t ap_poll_nib(const struct ap_queue *aq)
{
	return virt_to_phys(ap_nib(aq->slot));
}

/**
 * ap_poll_keep_nib() - a queue that is left may still use its notification byte
 * @aq: the queue
 *
 * Its interrupts could not be switched off: the memory is never given back.
 *
 * Context: any.
 */
void ap_poll_keep_nib(const struct ap_queue *aq)
{
	if (ap_irq_on)
		set_bit(aq->slot / AP_NIB_GROUP, ap_nibs_kept);
}

/*
 * The timers of a queue. It is looked at in a softirq, but its timer is none that
 * expires there: in 6.12 a CPU that goes away with such timers to run does not run
 * them, nor any that it gets when it is back, since hrtimers_cpu_starting() leaves
 * softirq_activated as it was. The tasklets of a CPU that goes are taken over.
 */
static DECLARE_BITMAP(ap_due, AP_DEVICES * AP_DOMAINS);
static DECLARE_BITMAP(ap_due_words, BITS_TO_LONGS(AP_DEVICES * AP_DOMAINS));

/*
 * Lock-free: a bit of ap_due is set before that of its word, and the word's is
 * cleared before they are taken, so that none is left with its word not noted. What
 * is noted during the walk has the tasklet run again. The queue of a bit may be
 * gone, and its number another one's: that costs a look in vain.
 */
static void ap_due_tasklet_fn(struct tasklet_struct *unused)
{
	unsigned int end = READ_ONCE(ap_words_end);
	unsigned long word, bit, bits;

	rcu_read_lock();
	for_each_set_bit(word, ap_due_words, end) {
		clear_bit(word, ap_due_words);
		/* xchg() is a full barrier */
		bits = xchg(&ap_due[word], 0);
		for_each_set_bit(bit, &bits, BITS_PER_LONG)
			ap_poll_slot(word * BITS_PER_LONG + bit);
	}
	rcu_read_unlock();
}

static DECLARE_TASKLET(ap_due_tasklet, ap_due_tasklet_fn);

static enum hrtimer_restart ap_look_expired(struct hrtimer *timer)
{
	struct ap_queue *aq = container_of(timer, struct ap_queue, look);

	set_bit(aq->slot, ap_due);
	/* Pairs with xchg() in ap_due_tasklet_fn() */
	smp_mb__after_atomic();
	set_bit(BIT_WORD(aq->slot), ap_due_words);
	tasklet_schedule(&ap_due_tasklet);
	return HRTIMER_NORESTART;
}

static void ap_watchdog_expired(struct timer_list *timer)
{
	ap_queue_watch(container_of(timer, struct ap_queue, watchdog));
}

/**
 * ap_poll_watch() - have the watchdog look at a queue in a while
 * @aq: the queue, with messages
 *
 * Not put off by further messages: it finds out itself how long there has been
 * no reply, so that a message costs no timer.
 *
 * Context: softirq or process, queue's lock held.
 */
void ap_poll_watch(struct ap_queue *aq)
{
	lockdep_assert_held(&aq->lock);
	if (!timer_pending(&aq->watchdog))
		mod_timer(&aq->watchdog, jiffies + AP_WATCH_PERIOD);
}

/*
 * A wait that others have been like is looked at when those were over, and, when it
 * lasts longer, after an eighth of the time waited each.
 */
static u64 ap_next_look(struct ap_queue *aq, u64 waited, u64 known, u64 min, u64 max)
{
	aq->late = waited && waited >= known;
	if (aq->late)
		return clamp(waited / 8, min, max);
	return clamp(known - waited, min, max);
}

/*
 * A wait is over. Found when it was looked at first, it may have been for a while:
 * next time that is a fraction of 1/@hit earlier. Found later, that was too early:
 * half the difference. So few looks are in vain, and few are much too late.
 */
static void ap_learn(struct ap_queue *aq, u32 *guess, u64 took, unsigned int hit)
{
	u64 known = READ_ONCE(*guess);

	lockdep_assert_held(&aq->lock);
	if (!aq->late)
		known = min(known - known / hit, took);
	else if (known)
		known = (known + took) / 2;
	else
		known = took;
	WRITE_ONCE(*guess, min_t(u64, known, NSEC_PER_SEC));
}

static u32 *ap_reply_guess(struct ap_queue *aq, const struct ap_message *msg)
{
	return &aq->card->reply_ns[msg->kind % AP_MSG_KINDS];
}

static u64 ap_reply_interval(struct ap_queue *aq, u64 now)
{
	/* No busy loop in the timer softirq, whatever was asked for */
	u64 max = max(READ_ONCE(ap_poll_max_ns), 1UL * NSEC_PER_USEC);
	u64 min = min(ap_poll_min_ns, max);
	const struct ap_message *msg;
	u64 waited;

	if (!aq->poll_start)
		aq->poll_start = now;
	waited = now - aq->poll_start;
	msg = list_first_entry_or_null(&aq->pendingq, struct ap_message, list);
	return ap_next_look(aq, waited, msg ? READ_ONCE(*ap_reply_guess(aq, msg)) : 0,
			    waited ? min / 4 : min, max);
}

/**
 * ap_poll_learn() - a reply has come: remember how long it took
 * @aq: the queue
 * @msg: the message it is for
 *
 * Context: softirq or process, queue's lock held; @aq->poll_start is set.
 */
void ap_poll_learn(struct ap_queue *aq, const struct ap_message *msg)
{
	ap_learn(aq, ap_reply_guess(aq, msg), ktime_get_ns() - aq->poll_start, 128);
}

/* The longer a wait for a reset lasts, the less it matters to be told at once */
static u64 ap_reset_interval(struct ap_queue *aq, u64 now)
{
	return ap_next_look(aq, now - aq->clock_start,
			    READ_ONCE(aq->card->reset_ns), AP_RESET_MIN_NS,
			    AP_RESET_MAX_NS);
}

/**
 * ap_poll_learn_reset() - a reset is over: remember how long it took
 * @aq: the queue
 *
 * Context: softirq or process, queue's lock held.
 */
void ap_poll_learn_reset(struct ap_queue *aq)
{
	/* A slow reset must not make later ones wait for long: a few hits forget it */
	ap_learn(aq, &aq->card->reset_ns, ktime_get_ns() - aq->clock_start, 16);
}

static u64 ap_look_interval(struct ap_queue *aq, enum ap_look look, u64 now)
{
	switch (look) {
	case AP_LOOK_RESET:
		return ap_reset_interval(aq, now);
	case AP_LOOK_REPLY:
		return ap_reply_interval(aq, now);
	case AP_LOOK_HEAL:
		return aq->heal_at > now ? aq->heal_at - now : 0;
	default:
		return AP_LATER_NS;
	}
}

/**
 * ap_poll_arm() - arrange for the next look at a queue
 * @aq: the queue
 * @look: what is waited for
 *
 * Context: softirq or process, queue's lock held. That the lock is held and the
 * state says what is waited for is why a timer cannot be armed again after
 * ap_queue_remove_begin().
 */
void ap_poll_arm(struct ap_queue *aq, enum ap_look look)
{
	ktime_t now, expires;

	lockdep_assert_held(&aq->lock);
	if (look == AP_LOOK_NONE)
		return;
	if (look == AP_LOOK_REPLY) {
		if (aq->irq)
			return;
		if (READ_ONCE(ap_poll_thread)) {
			wake_up(&ap_poll_wait);
			return;
		}
		/* For a message before this one */
		if (aq->poll_start && hrtimer_is_queued(&aq->look))
			return;
	}
	now = ktime_get();
	expires = ktime_add_ns(now, ap_look_interval(aq, look, now));
	if (!hrtimer_is_queued(&aq->look) ||
	    ktime_before(expires, hrtimer_get_expires(&aq->look)))
		hrtimer_start(&aq->look, expires, HRTIMER_MODE_ABS_HARD);
}

/**
 * ap_poll_outstanding() - whether a queue has messages at the card
 * @aq: the queue
 * @outstanding: it has, or is about to
 *
 * Context: softirq or process, queue's lock held.
 */
void ap_poll_outstanding(struct ap_queue *aq, bool outstanding)
{
	lockdep_assert_held(&aq->lock);
	if (aq->outstanding == outstanding)
		return;
	aq->outstanding = outstanding;
	if (outstanding)
		ap_poll_mark(aq->slot);
	else
		clear_bit(aq->slot, ap_outstanding);
}

/* Memory for the notification bytes of this slot's group; under the scan's mutex */
static int ap_nib_init(unsigned int slot)
{
	struct airq_iv **iv = &ap_nibs[slot / AP_NIB_GROUP];

	if (ap_irq_on && !*iv)
		*iv = airq_iv_create(AP_NIB_GROUP * BITS_PER_BYTE, 0, NULL);
	return ap_irq_on && !*iv ? -ENOMEM : 0;
}

static void ap_nib_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ap_nibs); i++) {
		if (!ap_nibs[i])
			continue;
		if (test_bit(i, ap_nibs_kept))
			kmemleak_not_leak(ap_nibs[i]);
		else
			airq_iv_release(ap_nibs[i]);
	}
}

/**
 * ap_poll_queue_init() - a queue comes into being
 * @aq: the queue
 *
 * Context: process, sleeps.
 * Return: 0 or -ENOMEM.
 */
int ap_poll_queue_init(struct ap_queue *aq)
{
	u32 slot;
	int rc;

	hrtimer_setup(&aq->look, ap_look_expired, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
	timer_setup(&aq->watchdog, ap_watchdog_expired, 0);

	/* The lowest free number: the bitmap stays as short as can be */
	rc = xa_alloc(&ap_slots, &slot, aq,
		      XA_LIMIT(0, AP_DEVICES * AP_DOMAINS - 1), GFP_KERNEL);
	if (rc)
		return rc;
	rc = ap_nib_init(slot);
	if (rc) {
		xa_erase(&ap_slots, slot);
		return rc;
	}
	aq->slot = slot;
	/* Queues come into being under the scan's mutex only */
	if (BIT_WORD(slot) >= ap_words_end)
		WRITE_ONCE(ap_words_end, BIT_WORD(slot) + 1);
	return 0;
}

/**
 * ap_poll_queue_stop() - cancel the timers of a queue, and wait for them
 * @aq: a queue in a state in which nothing arms them
 *
 * A look that one of them has asked for may still come, in the tasklet: the state,
 * under the queue's lock, says that nothing is to be done, and RCU keeps the queue.
 *
 * Context: process, sleeps.
 */
void ap_poll_queue_stop(struct ap_queue *aq)
{
	hrtimer_cancel(&aq->look);
	timer_delete_sync(&aq->watchdog);
}

/**
 * ap_poll_queue_exit() - a queue ceases to be
 * @aq: a queue whose timers are stopped; it is freed by RCU after this
 *
 * Context: process.
 */
void ap_poll_queue_exit(struct ap_queue *aq)
{
	xa_erase(&ap_slots, aq->slot);
}

/*
 * The poll thread: for those who would rather spend a CPU that has nothing
 * better to do than wait for a timer.
 */
static int ap_poll_thread_fn(void *unused)
{
	set_user_nice(current, MAX_NICE);
	set_freezable();
	while (!kthread_should_stop()) {
		wait_event_freezable(ap_poll_wait,
				     ap_poll_any() || kthread_should_stop());
		ap_poll_all();
		cond_resched();
	}
	return 0;
}

/**
 * ap_poll_thread_set() - start or stop the poll thread
 * @on: which
 *
 * With interrupts there is nothing to poll for: starting it does nothing.
 *
 * Context: process, sleeps.
 * Return: 0, or the reason why the thread could not be started.
 */
int ap_poll_thread_set(bool on)
{
	struct task_struct *thread;
	int rc = 0;

	if (on && ap_irq_on)
		return 0;
	mutex_lock(&ap_poll_thread_mutex);
	thread = ap_poll_thread;
	if (on && !thread) {
		thread = kthread_run(ap_poll_thread_fn, NULL, "appoll");
		if (IS_ERR(thread))
			rc = PTR_ERR(thread);
		else
			WRITE_ONCE(ap_poll_thread, thread);
	} else if (!on && thread) {
		/* Who sends from here on arms a timer; a look does, for the rest */
		WRITE_ONCE(ap_poll_thread, NULL);
		kthread_stop(thread);
		ap_poll_all();
	}
	mutex_unlock(&ap_poll_thread_mutex);
	return rc;
}

/**
 * ap_poll_thread_on() - whether the poll thread is there
 *
 * Return: true if so.
 */
bool ap_poll_thread_on(void)
{
	return READ_ONCE(ap_poll_thread);
}

/**
 * ap_poll_timeout_get() - the longest time between two polls for a reply
 *
 * Return: nanoseconds.
 */
unsigned long ap_poll_timeout_get(void)
{
	return READ_ONCE(ap_poll_max_ns);
}

/**
 * ap_poll_timeout_set() - change the longest time between two polls
 * @ns: nanoseconds, up to 120 seconds; the bus does not poll faster than
 *	every microsecond
 *
 * Context: process.
 * Return: 0, or -EINVAL.
 */
int ap_poll_timeout_set(unsigned long ns)
{
	if (ns > AP_POLL_LIMIT_NS)
		return -EINVAL;
	WRITE_ONCE(ap_poll_max_ns, ns);
	ap_poll_all();
	return 0;
}

/**
 * ap_poll_init() - set up interrupts and the poll thread
 * @useirq: use interrupts if the machine has them for AP
 * @poll_thread: start the poll thread
 *
 * Context: module init.
 * Return: 0 or an errno.
 */
int ap_poll_init(bool useirq, bool poll_thread)
{
	int rc;

	if (machine_is_vm()) {
		ap_poll_min_ns = AP_POLL_VM_MIN_NS;
		ap_poll_max_ns = AP_POLL_VM_MAX_NS;
	}
	if (useirq) {
		rc = register_adapter_interrupt(&ap_airq);
		if (rc)
			return rc;
		ap_irq_on = true;
	}
	if (poll_thread) {
		rc = ap_poll_thread_set(true);
		if (rc) {
			ap_poll_exit();
			return rc;
		}
	}
	return 0;
}

/**
 * ap_poll_exit() - undo ap_poll_init()
 *
 * Context: process, sleeps; all queues are gone.
 */
void ap_poll_exit(void)
{
	ap_poll_thread_set(false);
	tasklet_kill(&ap_due_tasklet);
	if (ap_irq_on) {
		ap_irq_on = false;
		unregister_adapter_interrupt(&ap_airq);
		tasklet_kill(&ap_irq_tasklet);
		ap_nib_exit();
	}
	xa_destroy(&ap_slots);
}
