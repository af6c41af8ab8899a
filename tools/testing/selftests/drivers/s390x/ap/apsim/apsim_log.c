// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the log of instructions and events
 *
 * A ring under one raw spinlock.  The lock makes the sequence numbers the
 * order in which things happened, also between CPUs and between queues, which
 * is what a test wants to prove; with log=0 nobody takes it.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/export.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "apsim.h"

const char *const apsim_what_name[APSIM_NR_WHAT] = {
	[APSIM_TAPQ]		= "TAPQ",
	[APSIM_RAPQ]		= "RAPQ",
	[APSIM_ZAPQ]		= "ZAPQ",
	[APSIM_AQIC]		= "AQIC",
	[APSIM_QCI]		= "QCI",
	[APSIM_QACT]		= "QACT",
	[APSIM_BAPQ]		= "BAPQ",
	[APSIM_AAPQ]		= "AAPQ",
	[APSIM_NQAP]		= "NQAP",
	[APSIM_DQAP]		= "DQAP",
	[APSIM_PQAP]		= "PQAP",
	[APSIM_RESETDONE]	= "RESETDONE",
	[APSIM_READY]		= "READY",
	[APSIM_LOST]		= "LOST",
	[APSIM_IRQ]		= "IRQ",
	[APSIM_FAULT]		= "FAULT",
	[APSIM_MARK]		= "MARK",
	[APSIM_CONFIG]		= "CONFIG",
	[APSIM_REPLY]		= "REPLY",
};

/* Is there a log?  Asked before a record is made; set once, at load. */
bool apsim_log_on __read_mostly;
EXPORT_SYMBOL_GPL(apsim_log_on);

static struct {
	raw_spinlock_t lock;
	struct apsim_rec *ring;
	u32 size;
	u32 slot;		/* where the next record goes */
	u64 oldest;
	u64 next;
	u64 dropped;
} book = { .lock = __RAW_SPIN_LOCK_UNLOCKED(book.lock) };

/**
 * apsim_log_init() - get the memory of the log
 * @entries: how many records it holds, 0 for no log at all
 *
 * Context: process; before anything is logged.
 * Return: 0 or -ENOMEM
 */
int apsim_log_init(u32 entries)
{
	if (!entries)
		return 0;
	book.ring = vzalloc(array_size(entries, sizeof(*book.ring)));
	if (!book.ring) {
		pr_err("no memory for log=%u (%zu bytes each)\n", entries,
		       sizeof(*book.ring));
		return -ENOMEM;
	}
	book.size = entries;
	apsim_log_on = true;
	return 0;
}

/**
 * apsim_log_exit() - give the memory of the log back
 *
 * Context: process; after the last thing was logged and read.
 */
void apsim_log_exit(void)
{
	apsim_log_on = false;
	vfree(book.ring);
	book.ring = NULL;
	book.size = 0;
}

/**
 * apsim_log_add() - append a record
 * @rec: all but sequence number, time and CPU filled in; @rec->text counts
 *	for the kinds that have one
 *
 * Context: any; innermost but for the watch, takes the log's raw spinlock.
 */
void apsim_log_add(struct apsim_rec *rec)
{
	unsigned long flags;

	if (!apsim_log_on)
		return;
	raw_spin_lock_irqsave(&book.lock, flags);
	rec->seq = book.next++;
	rec->time = ktime_get_ns();
	rec->cpu = raw_smp_processor_id();
	book.ring[book.slot] = *rec;
	if (++book.slot == book.size)
		book.slot = 0;
	if (book.next - book.oldest > book.size) {
		book.oldest++;
		book.dropped++;
	}
	apsim_watch_record(rec);
	raw_spin_unlock_irqrestore(&book.lock, flags);
}
EXPORT_SYMBOL_GPL(apsim_log_add);

/**
 * apsim_log_text() - append an event that is described in words
 * @what: kind of event
 * @card: card it is about or APSIM_NO_CARD
 * @domain: domain it is about or APSIM_NO_DOMAIN
 * @fmt: printf format of the text, cut at APSIM_MARK_MAX characters
 *
 * Context: any.
 */
void apsim_log_text(enum apsim_what what, u8 card, u16 domain,
		    const char *fmt, ...)
{
	struct apsim_rec rec = { .what = what, .card = card, .domain = domain };
	va_list ap;

	if (!apsim_log_on)
		return;
	va_start(ap, fmt);
	vscnprintf(rec.text, sizeof(rec.text), fmt, ap);
	va_end(ap);
	apsim_log_add(&rec);
}
EXPORT_SYMBOL_GPL(apsim_log_text);

/**
 * apsim_log_clear() - forget all records; sequence numbers go on
 *
 * Context: any.
 */
void apsim_log_clear(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&book.lock, flags);
	book.oldest = book.next;
	book.dropped = 0;
	raw_spin_unlock_irqrestore(&book.lock, flags);
}
EXPORT_SYMBOL_GPL(apsim_log_clear);

/**
 * apsim_log_bounds() - which records there are
 * @oldest: sequence number of the oldest one kept
 * @next: sequence number the next one will get
 * @dropped: how many were overwritten since the last clear
 *
 * Context: any.
 */
void apsim_log_bounds(u64 *oldest, u64 *next, u64 *dropped)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&book.lock, flags);
	*oldest = book.oldest;
	*next = book.next;
	*dropped = book.dropped;
	raw_spin_unlock_irqrestore(&book.lock, flags);
}
EXPORT_SYMBOL_GPL(apsim_log_bounds);

/**
 * apsim_log_read() - get one record
 * @seq: its sequence number
 * @rec: where it goes
 *
 * Context: any.
 * Return: true; false when it is not there (any more)
 */
bool apsim_log_read(u64 seq, struct apsim_rec *rec)
{
	unsigned long flags;
	bool found;
	u32 back;

	raw_spin_lock_irqsave(&book.lock, flags);
	found = seq >= book.oldest && seq < book.next;
	if (found) {
		back = book.next - seq;
		back = book.slot >= back ? book.slot - back :
					   book.slot + book.size - back;
		*rec = book.ring[back];
	}
	raw_spin_unlock_irqrestore(&book.lock, flags);
	return found;
}
EXPORT_SYMBOL_GPL(apsim_log_read);

static void show_details(struct seq_file *m, const struct apsim_rec *rec)
{
	switch (rec->what) {
	case APSIM_TAPQ:
		seq_printf(m, "t=%u", rec->a);
		break;
	case APSIM_RAPQ:
	case APSIM_ZAPQ:
		seq_printf(m, "f=%u", rec->a);
		break;
	case APSIM_AQIC:
		seq_printf(m, "ir=%u isc=%u", rec->a, rec->b);
		break;
	case APSIM_NQAP:
		seq_printf(m, "len=%u type=%02x", rec->a, rec->b);
		break;
	case APSIM_DQAP:
		seq_printf(m, "len=%u rest=%u", rec->a, rec->b);
		break;
	case APSIM_READY:
		seq_printf(m, "len=%u", rec->a);
		break;
	case APSIM_IRQ:
		seq_printf(m, "isc=%u", rec->a);
		break;
	case APSIM_RESETDONE:
		seq_puts(m, apsim_what_name[rec->a]);
		break;
	case APSIM_QACT:
		seq_printf(m, "cat=%u", rec->a);
		break;
	default:
		seq_puts(m, rec->text[0] ? rec->text : "-");
		break;
	}
}

/**
 * apsim_log_show() - print one record as a line
 * @m: where to
 * @rec: the record
 *
 * Context: process.
 */
void apsim_log_show(struct seq_file *m, const struct apsim_rec *rec)
{
	seq_printf(m, "%llu %llu %u %s ", rec->seq, rec->time, rec->cpu,
		   apsim_what_name[rec->what]);
	if (rec->card == APSIM_NO_CARD)
		seq_puts(m, "--");
	else
		seq_printf(m, "%02x", rec->card);
	if (rec->domain == APSIM_NO_DOMAIN)
		seq_puts(m, ".----");
	else
		seq_printf(m, ".%04x", rec->domain);
	seq_printf(m, " psmid=%016llx cc=%u status=%08x ", rec->psmid, rec->cc,
		   rec->status);
	if (rec->pgm)
		seq_printf(m, "pgm=%04x %s", rec->pgm, rec->why);
	else
		show_details(m, rec);
	seq_putc(m, '\n');
}
