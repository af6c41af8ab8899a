// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: a watch for what must never be in the log
 *
 * Looks at each record as it is added, so that a storm of any length is judged
 * whole, whatever the log still holds at its end.  What is watched is the
 * hand-over of a queue from one driver to another:
 *
 *  - from a ZAPQ on nothing may use the queue (NQAP, DQAP, AQIC) until a RAPQ
 *    has begun its next use, and that RAPQ may come only when TAPQ has shown
 *    the queue clean.  A driver that leaves the queue to a guest begins with no
 *    RAPQ: under it the queue is silent until it is taken away again.
 *  - a driver that tells when its probe() and remove() begin and end, see
 *    apsim_mark_queue(), gets no message back from the begin of remove() on;
 *    there is no ZAPQ in its remove(), and no use of the queue after it.
 *
 * A queue that answers that it is not there (01, 03, 04) has lost all that was
 * in it, and may be reset by whoever looks after it.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/export.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "apsim.h"

#define KEPT	16	/* breaches whose records are kept */

static struct {
	raw_spinlock_t lock;
	struct apsim_watched queue[APSIM_MAX_CARDS][APSIM_MAX_DOMAINS];
	u64 count[APSIM_NR_WATCH_COUNTS];
	struct {
		const char *why;
		struct apsim_rec rec;
	} kept[KEPT];
} watch = { .lock = __RAW_SPIN_LOCK_UNLOCKED(watch.lock) };

/* Asked for each record; set by the user */
static bool watching;

static bool is_gone(u8 rc)
{
	return rc == APSIM_RC_NOT_AVAILABLE || rc == APSIM_RC_DECONFIGURED ||
	       rc == APSIM_RC_CHECKSTOPPED;
}

static const char *saw_zapq(struct apsim_watched *w, u8 rc)
{
	/* Also when a fault rule had it answer something else */
	if (is_gone(rc) || w->gone)
		w->use = APSIM_USE_CLEAN;
	else
		w->use = rc ? APSIM_USE_OVER : APSIM_USE_ZEROED;
	return w->driver == APSIM_DRIVER_REMOVING ?
	       "ZAPQ before remove() has returned" : NULL;
}

static const char *saw_rapq(struct apsim_watched *w, u8 rc)
{
	bool early = w->use == APSIM_USE_OVER || w->use == APSIM_USE_ZEROED;

	/* It was not reset, and nobody can use it */
	if (is_gone(rc))
		return NULL;
	w->use = APSIM_USE_OPEN;
	if (w->driver == APSIM_DRIVER_REMOVED)
		w->driver = APSIM_DRIVER_SILENT;
	return early ? "RAPQ of a queue not shown to be clean" : NULL;
}

static void saw_change(struct apsim_watched *w, bool gone)
{
	w->gone = gone;
	if (gone && w->use != APSIM_USE_OPEN)
		w->use = APSIM_USE_CLEAN;
}

/* What a driver says of itself */
static const char *saw_mark(struct apsim_watched *w, const char *text)
{
	if (!strcmp(text, "PROBE enter")) {
		w->driver = APSIM_DRIVER_HAS_IT;
	} else if (!strcmp(text, "REMOVE enter")) {
		w->driver = APSIM_DRIVER_REMOVING;
	} else if (!strcmp(text, "REMOVE exit") || !strcmp(text, "PROBE failed")) {
		w->driver = APSIM_DRIVER_REMOVED;
		if (w->use == APSIM_USE_OPEN)
			w->use = w->gone ? APSIM_USE_CLEAN : APSIM_USE_OVER;
	} else if (!strcmp(text, "RECEIVE")) {
		if (w->driver == APSIM_DRIVER_REMOVING)
			return "receive() after the begin of remove()";
		if (w->driver == APSIM_DRIVER_REMOVED)
			return "receive() after remove()";
	} else if (!strncmp(text, "BROKEN", 6)) {
		return "the driver says that a promise was broken";
	}
	return NULL;
}

/**
 * apsim_watch_judge() - whether a record is a breach
 * @w: what is known of the queue that it is about; all zeroes at first
 * @rec: the record
 *
 * Context: any; nobody else uses @w meanwhile.
 * Return: what is wrong, or NULL
 */
const char *apsim_watch_judge(struct apsim_watched *w, const struct apsim_rec *rec)
{
	u8 rc = rec->status >> 16;

	switch (rec->what) {
	case APSIM_ZAPQ:
		return saw_zapq(w, rc);
	case APSIM_TAPQ:
		/* normal, empty, no reply, not full, interrupts off */
		if (w->use == APSIM_USE_ZEROED && rec->status >> 16 == 0x8000)
			w->use = APSIM_USE_CLEAN;
		return NULL;
	case APSIM_RAPQ:
		return saw_rapq(w, rc);
	case APSIM_NQAP:
	case APSIM_DQAP:
	case APSIM_AQIC:
		return w->use == APSIM_USE_OPEN ? NULL :
		       "use of a queue that was taken away";
	case APSIM_CONFIG:
		if (!strncmp(rec->text, "answers=", 8))
			saw_change(w, strcmp(rec->text, "answers=00"));
		return NULL;
	case APSIM_MARK:
		return saw_mark(w, rec->text);
	default:
		return NULL;
	}
}
EXPORT_SYMBOL_GPL(apsim_watch_judge);

/* A storm in which nothing happened proves nothing: count what there was */
static void count_record(const struct apsim_rec *rec, u8 before, u8 now)
{
	watch.count[APSIM_WATCH_RECORDS]++;
	if (rec->what == APSIM_ZAPQ && now == APSIM_USE_ZEROED)
		watch.count[APSIM_WATCH_ZEROED]++;
	if (before == APSIM_USE_ZEROED && now == APSIM_USE_CLEAN)
		watch.count[APSIM_WATCH_CLEAN]++;
	if (before == APSIM_USE_CLEAN && now == APSIM_USE_OPEN)
		watch.count[APSIM_WATCH_REOPENED]++;
	if (rec->what == APSIM_MARK)
		watch.count[APSIM_WATCH_MARKS]++;
}

/**
 * apsim_watch_record() - look at a record that is being added to the log
 * @rec: the record, all of it filled in
 *
 * Context: any; records come one at a time, in the order of the log; takes the
 * watch's raw spinlock.
 */
void apsim_watch_record(const struct apsim_rec *rec)
{
	struct apsim_watched *w;
	unsigned long flags;
	const char *why;
	u64 nr;
	u8 before;

	if (!READ_ONCE(watching) || rec->card >= APSIM_MAX_CARDS ||
	    rec->domain >= APSIM_MAX_DOMAINS)
		return;
	w = &watch.queue[rec->card][rec->domain];
	raw_spin_lock_irqsave(&watch.lock, flags);
	before = w->use;
	why = apsim_watch_judge(w, rec);
	count_record(rec, before, w->use);
	if (why) {
		nr = watch.count[APSIM_WATCH_BREACHES]++;
		if (nr < KEPT) {
			watch.kept[nr].why = why;
			watch.kept[nr].rec = *rec;
		}
	}
	raw_spin_unlock_irqrestore(&watch.lock, flags);
}

/**
 * apsim_watch_set() - begin anew, or stop
 * @on: which; what was seen stays to be read when it stops
 *
 * Context: any.
 */
void apsim_watch_set(bool on)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch.lock, flags);
	if (on) {
		memset(watch.queue, 0, sizeof(watch.queue));
		memset(watch.count, 0, sizeof(watch.count));
	}
	WRITE_ONCE(watching, on);
	raw_spin_unlock_irqrestore(&watch.lock, flags);
}
EXPORT_SYMBOL_GPL(apsim_watch_set);

/**
 * apsim_watch_count() - what was seen since it began
 * @which: of what
 *
 * Context: any.
 * Return: how many
 */
u64 apsim_watch_count(enum apsim_watch_count which)
{
	unsigned long flags;
	u64 count;

	raw_spin_lock_irqsave(&watch.lock, flags);
	count = watch.count[which];
	raw_spin_unlock_irqrestore(&watch.lock, flags);
	return count;
}
EXPORT_SYMBOL_GPL(apsim_watch_count);

/**
 * apsim_watch_show() - print what was seen, and the first breaches
 * @m: where to
 *
 * Context: process.
 */
void apsim_watch_show(struct seq_file *m)
{
	static const char *const name[APSIM_NR_WATCH_COUNTS] = {
		[APSIM_WATCH_RECORDS] = "records",
		[APSIM_WATCH_ZEROED] = "zeroed",
		[APSIM_WATCH_CLEAN] = "clean",
		[APSIM_WATCH_REOPENED] = "reopened",
		[APSIM_WATCH_MARKS] = "marks",
		[APSIM_WATCH_BREACHES] = "breaches",
	};
	u64 nr = apsim_watch_count(APSIM_WATCH_BREACHES);
	u32 i;

	seq_printf(m, "on=%u", READ_ONCE(watching));
	for (i = 0; i < APSIM_NR_WATCH_COUNTS; i++)
		seq_printf(m, " %s=%llu", name[i], apsim_watch_count(i));
	seq_putc(m, '\n');
	/* A record that is kept is not written again until it begins anew */
	for (i = 0; i < nr && i < KEPT; i++) {
		seq_printf(m, "%s: ", watch.kept[i].why);
		apsim_log_show(m, &watch.kept[i].rec);
	}
}

/**
 * apsim_mark_queue() - a driver under test says where it is
 * @apqn: the queue that it is about
 * @text: "PROBE enter", "PROBE failed", "REMOVE enter", "REMOVE exit",
 *	"RECEIVE" (of a message that it was this driver's to send there),
 *	"BROKEN ..." (a promise made to it was broken); anything else is only a
 *	line in the log
 *
 * Context: any.
 */
void apsim_mark_queue(u16 apqn, const char *text)
{
	apsim_log_text(APSIM_MARK, apqn >> 8, apqn & 0xff, "%s", text);
}
EXPORT_SYMBOL_GPL(apsim_mark_queue);
