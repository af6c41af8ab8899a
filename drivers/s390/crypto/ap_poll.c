// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue is looked at when.
 *
 * Each queue has a number, dense among all queues, and a bit of this number in
 * ap_outstanding while it has messages at the card. An adapter interrupt says
 * only that some queue of the bus has a reply: it looks at the queues with the
 * bit, so its cost follows the work. What is waited for without an interrupt
 * has a timer of its own in the queue.
 */
#define KMSG_COMPONENT "ap"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/bitops.h>
#include <linux/freezer.h>
#include <linux/interrupt.h>
#include <linux/kernel_stat.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <asm/airq.h>

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

static DEFINE_XARRAY_ALLOC(ap_slots);
static DECLARE_BITMAP(ap_outstanding, AP_DEVICES * AP_DOMAINS);
static unsigned int ap_slots_end;

static DECLARE_WAIT_QUEUE_HEAD(ap_poll_wait);
static DEFINE_MUTEX(ap_poll_thread_mutex);
static struct task_struct *ap_poll_thread;

/*
 * Lock-free: a bit that is set during the walk belongs to a message that goes
 * to the card during the walk, and its reply brings an interrupt of its own; a
 * bit that is cleared costs a look in vain. Slots come into being below
 * ap_slots_end before their queue can have a message.
 */
static void ap_poll_all(void)
{
	unsigned int end = READ_ONCE(ap_slots_end);
	struct ap_queue *aq;
	unsigned long slot;

	rcu_read_lock();
	for_each_set_bit(slot, ap_outstanding, end) {
		aq = xa_load(&ap_slots, slot);
		if (aq)
			ap_queue_look(aq);
	}
	rcu_read_unlock();
}

static bool ap_poll_any(void)
{
	unsigned int end = READ_ONCE(ap_slots_end);

	return find_first_bit(ap_outstanding, end) < end;
}

/*
 * Interrupts.
 */
static void ap_irq_handler(struct airq_struct *airq, struct tpi_info *tpi_info);

static struct airq_struct ap_airq = {
	.handler = ap_irq_handler,
	.isc = AP_ISC,
};

static bool ap_irq_on;
static bool ap_irq_byte_lost;

static void ap_irq_tasklet_fn(struct tasklet_struct *unused)
{
	/* ap_poll_exit() is about to give the byte back */
	if (!READ_ONCE(ap_irq_on))
		return;
	/*
	 * The byte is cleared first, and xchg() is a full barrier: a reply that
	 * comes after the clearing sets it again and interrupts again, one that
	 * came before is found by the looks that follow.
	 */
	xchg(ap_airq.lsi_ptr, 0);
	ap_poll_all();
}

static DECLARE_TASKLET(ap_irq_tasklet, ap_irq_tasklet_fn);

static void ap_irq_handler(struct airq_struct *airq, struct tpi_info *tpi_info)
{
	inc_irq_stat(IRQIO_APB);
	tasklet_schedule(&ap_irq_tasklet);
}

/**
 * ap_airq_ptr() - the notification byte that AQIC is given
 *
 * Return: its address; NULL when the bus does not use interrupts.
 */
void *ap_airq_ptr(void)
{
	return ap_irq_on ? ap_airq.lsi_ptr : NULL;
}

/**
 * ap_poll_keep_byte() - a queue that is left may still use the notification byte
 *
 * Its interrupts could not be switched off: the byte is never given back.
 *
 * Context: any.
 */
void ap_poll_keep_byte(void)
{
	WRITE_ONCE(ap_irq_byte_lost, true);
}

/*
 * The timers of a queue.
 */
static enum hrtimer_restart ap_look_expired(struct hrtimer *timer)
{
	ap_queue_look(container_of(timer, struct ap_queue, look));
	return HRTIMER_NORESTART;
}

static void ap_watchdog_expired(struct timer_list *timer)
{
	struct ap_queue *aq = from_timer(aq, timer, watchdog);

	ap_queue_watch(aq);
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
 * The longer a wait has lasted the less it matters to be told at once: the
 * interval is a fraction of the time waited, so the end is noticed late by no
 * more than that fraction.
 */
static u64 ap_look_interval(struct ap_queue *aq, enum ap_look look)
{
	/* No busy loop in the timer softirq, whatever was asked for */
	u64 max = max(READ_ONCE(ap_poll_max_ns), 1UL * NSEC_PER_USEC);

	switch (look) {
	case AP_LOOK_RESET:
		return clamp((ktime_get_ns() - aq->clock_start) / 8,
			     AP_RESET_MIN_NS, AP_RESET_MAX_NS);
	case AP_LOOK_REPLY:
		return clamp((ktime_get_ns() - aq->poll_start) / 4,
			     min(ap_poll_min_ns, max), max);
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
	ktime_t expires;

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
	}
	expires = ktime_add_ns(ktime_get(), ap_look_interval(aq, look));
	if (!hrtimer_is_queued(&aq->look) ||
	    ktime_before(expires, hrtimer_get_expires(&aq->look)))
		hrtimer_start(&aq->look, expires, HRTIMER_MODE_ABS_SOFT);
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
	if (!outstanding) {
		clear_bit(aq->slot, ap_outstanding);
		return;
	}
	set_bit(aq->slot, ap_outstanding);
	/* Visible before the NQAP whose reply brings the interrupt */
	smp_mb__after_atomic();
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

	hrtimer_init(&aq->look, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	aq->look.function = ap_look_expired;
	timer_setup(&aq->watchdog, ap_watchdog_expired, 0);

	/* The lowest free number: the bitmap stays as short as can be */
	rc = xa_alloc(&ap_slots, &slot, aq,
		      XA_LIMIT(0, AP_DEVICES * AP_DOMAINS - 1), GFP_KERNEL);
	if (rc)
		return rc;
	aq->slot = slot;
	/* Queues come into being under the scan's mutex only */
	if (slot >= ap_slots_end)
		WRITE_ONCE(ap_slots_end, slot + 1);
	return 0;
}

/**
 * ap_poll_queue_stop() - cancel the timers of a queue, and wait for them
 * @aq: a queue in a state in which nothing arms them
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

/* A timer takes over for what the thread has been polling for */
static void ap_poll_kick(void)
{
	local_bh_disable();
	ap_poll_all();
	local_bh_enable();
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
		/* Who sends from here on arms a timer; then the rest */
		WRITE_ONCE(ap_poll_thread, NULL);
		kthread_stop(thread);
		ap_poll_kick();
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
	ap_poll_kick();
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

	if (MACHINE_IS_VM) {
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
	if (ap_irq_on) {
		/* No run after the first kill uses the notification byte */
		WRITE_ONCE(ap_irq_on, false);
		tasklet_kill(&ap_irq_tasklet);
		if (ap_irq_byte_lost)
			ap_airq.flags &= ~AIRQ_PTR_ALLOCATED;
		unregister_adapter_interrupt(&ap_airq);
		tasklet_kill(&ap_irq_tasklet);
	}
	xa_destroy(&ap_slots);
}
