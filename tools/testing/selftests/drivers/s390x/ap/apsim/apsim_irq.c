// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: adapter interrupts
 *
 * An irq_work brings us into hard interrupt context, where the notification
 * byte is set and the kernel's own handler for adapter interrupts is called
 * with registers that name the interruption subclass, as after a real one.
 */

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
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

static void on_irq_work(struct irq_work *work)
{
	struct apsim_queue *q = container_of(work, struct apsim_queue,
					     irq_work);
	u8 isc;

	while (set_notification(q, &isc))
		interrupt(isc);
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
	irq_work_queue(&q->irq_work);
}
