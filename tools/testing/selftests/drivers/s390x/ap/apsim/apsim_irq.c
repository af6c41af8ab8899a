// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: adapter interrupts
 *
 * The notification byte is set and the kernel's own handler for adapter
 * interrupts called in hard interrupt context, with registers that name the
 * interruption subclass, as after a real one.  A timer that brought a reply
 * does that when it is done; behind an instruction that brought one we get there
 * by an irq_work.
 */

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/percpu.h>
#include <linux/timex.h>
#include <asm/irq.h>
#include <asm/irq_regs.h>
#include <asm/ptrace.h>
#include <asm/tpi.h>

#include "apsim.h"

/* Drivers test the byte for not zero; hardware's bit is the leftmost. */
#define NOTIFICATION 0x80

static bool set_notification(struct apsim_queue *q, u8 *isc)
{
	struct apsim_rec rec = {
		.what = APSIM_IRQ, .card = q->card->id, .domain = q->domain
	};
	unsigned long flags;
	bool ok;

	raw_spin_lock_irqsave(&q->lock, flags);
	ok = q->irq_on && q->irq_pending &&
	     apsim_mem_set_byte(q->nib, NOTIFICATION);
	if (ok) {
		q->irq_pending--;
		q->count[APSIM_C_IRQS]++;
		*isc = q->isc;
		rec.a = q->isc;
		rec.status = apsim_queue_status(q, 0);
		apsim_log_add(&rec);
	}
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return ok;
}

static void interrupt(u8 isc)
{
	struct pt_regs *old = get_irq_regs();
	struct pt_regs regs = {};

	/* There are none when a CPU that goes offline runs what is left. */
	if (old)
		regs = *old;
	regs.tpi_info = (struct tpi_info) { .adapter_IO = 1, .isc = isc };
	set_irq_regs(&regs);
	generic_handle_irq(THIN_INTERRUPT);
	set_irq_regs(old);
}

/* Returns what of it was our own time */
static unsigned long notify(struct apsim_queue *q)
{
	unsigned long since = 0, spent = 0;
	bool more;
	u8 isc;

	do {
		if (apsim_cost_on)
			since = get_tod_clock_fast();
		more = set_notification(q, &isc);
		if (since)
			spent += get_tod_clock_fast() - since;
		if (more)
			interrupt(isc);
	} while (more);
	return spent;
}

static void on_irq_work(struct irq_work *work)
{
	struct apsim_queue *q = container_of(work, struct apsim_queue,
					     irq_work);

	apsim_cost_add(APSIM_COST_IRQ, notify(q));
}

/* The queue whose timer is running on this CPU, and whether it has raised one */
static DEFINE_PER_CPU(struct apsim_queue *, timed);
static DEFINE_PER_CPU(bool, raised);

/**
 * apsim_irq_timer_begin() - a queue's timer is running
 * @q: the queue
 *
 * Context: hard interrupt.
 */
void apsim_irq_timer_begin(struct apsim_queue *q)
{
	this_cpu_write(raised, false);
	this_cpu_write(timed, q);
}

/**
 * apsim_irq_timer_end() - it is done: make the notification that it has raised
 * @q: the queue, not locked
 *
 * Context: hard interrupt.
 * Return: what of the time since it was done was our own, in TOD clock units
 */
unsigned long apsim_irq_timer_end(struct apsim_queue *q)
{
	this_cpu_write(timed, NULL);
	return this_cpu_read(raised) ? notify(q) : 0;
}

/**
 * apsim_irq_init() - prepare a queue for interrupts
 * @q: the queue
 *
 * Context: process; nobody else knows @q yet.
 */
void apsim_irq_init(struct apsim_queue *q)
{
	q->irq_work = IRQ_WORK_INIT_HARD(on_irq_work);
}

/**
 * apsim_irq_raise() - have the notification made
 * @q: the queue
 * @times: 1, or 2 for one that has no reason
 *
 * Notifications not yet made are not added up: the byte is one bit.
 *
 * Context: any; the caller holds @q's lock.
 */
void apsim_irq_raise(struct apsim_queue *q, u32 times)
{
	if (!q->irq_on || q->dead)
		return;
	q->irq_pending = max_t(u32, q->irq_pending, times);
	if (this_cpu_read(timed) == q)
		this_cpu_write(raised, true);
	else
		irq_work_queue(&q->irq_work);
}
