// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: what it costs itself
 *
 * A real card does its work beside the CPU, this one on it.  Who measures a
 * driver wants to know how much of the time was ours: the time in our own code
 * is added up, and what it takes to get there, the way of an operation
 * exception or an irq_work through the kernel, is tried out when somebody asks.
 */

#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <asm/ap.h>

#include "apsim.h"

bool apsim_cost_on __read_mostly;

static DEFINE_PER_CPU(struct apsim_cost, costs);

/**
 * apsim_cost_add() - something was done
 * @kind: what
 * @tod: time it took, in units of the TOD clock
 *
 * Context: interrupts off.
 */
void apsim_cost_add(enum apsim_cost_kind kind, unsigned long tod)
{
	struct apsim_cost *cost = this_cpu_ptr(&costs);

	cost->tod[kind] += tod;
	cost->times[kind]++;
}

/**
 * apsim_cost_set() - begin to add up, from zero, or stop
 * @on: which
 *
 * Context: process.
 */
void apsim_cost_set(bool on)
{
	int cpu;

	WRITE_ONCE(apsim_cost_on, false);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&costs, cpu), 0, sizeof(struct apsim_cost));
	WRITE_ONCE(apsim_cost_on, on);
}

/* TAPQ for a card that cannot be there: as short as an instruction can be */
#define NOBODY	AP_MKQID(APSIM_NO_CARD, 0)
#define TRIES	64

/* An instruction's way to us and back, as a TOD clock difference */
static unsigned long way_to_us(void)
{
	struct apsim_cost *cost;
	unsigned long flags, tod, inside;
	int i;

	local_irq_save(flags);
	cost = this_cpu_ptr(&costs);
	inside = cost->tod[APSIM_COST_INSN];
	tod = get_tod_clock_fast();
	for (i = 0; i < TRIES; i++)
		ap_tapq(NOBODY, NULL);
	tod = get_tod_clock_fast() - tod;
	inside = cost->tod[APSIM_COST_INSN] - inside;
	cost->tod[APSIM_COST_INSN] -= inside;
	cost->times[APSIM_COST_INSN] -= TRIES;
	local_irq_restore(flags);
	return (tod - min(tod, inside)) / TRIES;
}

static void nothing(struct irq_work *work)
{
}

/* The same for an irq_work; that it is queued is part of what queues it */
static unsigned long irq_to_us(void)
{
	struct irq_work work = IRQ_WORK_INIT_HARD(nothing);
	unsigned long tod = 0;
	int i;

	for (i = 0; i < TRIES; i++) {
		local_irq_disable();
		irq_work_queue(&work);
		tod -= get_tod_clock_fast();
		local_irq_enable();
		irq_work_sync(&work);
		tod += get_tod_clock_fast();
	}
	return tod / TRIES;
}

/**
 * apsim_cost_show() - print what was added up
 * @m: where to
 *
 * Context: process.
 */
void apsim_cost_show(struct seq_file *m)
{
	static const char *const name[] = { "insn", "irq", "timer" };
	struct apsim_cost sum = {};
	int cpu, i;

	if (!READ_ONCE(apsim_cost_on)) {
		seq_puts(m, "off\n");
		return;
	}
	for_each_possible_cpu(cpu) {
		for (i = 0; i < APSIM_NR_COSTS; i++) {
			sum.tod[i] += per_cpu(costs, cpu).tod[i];
			sum.times[i] += per_cpu(costs, cpu).times[i];
		}
	}
	for (i = 0; i < APSIM_NR_COSTS; i++)
		seq_printf(m, "%s=%llu %s_ns=%lu ", name[i], sum.times[i],
			   name[i], tod_to_ns(sum.tod[i]));
	seq_printf(m, "way_ns=%lu irq_way_ns=%lu\n", tod_to_ns(way_to_us()),
		   tod_to_ns(irq_to_us()));
}
