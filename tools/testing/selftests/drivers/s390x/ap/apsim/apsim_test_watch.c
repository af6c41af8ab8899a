// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the watch: it must see each breach, and none where there is
 * none.  Made-up records, no AP instruction.
 */

#include <kunit/test.h>
#include <linux/string.h>

#include "apsim.h"

#define CLEAN	0x80000000	/* normal, empty */
#define RC(rc)	(0x80000000 | (rc) << 16)
#define IRQ_ON	0x81000000
#define ENTRY	0x00000000	/* normal, not empty */
#define REPLY	0x40000000
#define STEPS	12

/**
 * struct story - what a queue went through
 * @name: of the story
 * @breach: number of the record that is the breach, the first is 1; 0 none
 * @steps: its records
 */
struct story {
	const char *name;
	u32 breach;
	struct {
		u8 what;
		u32 status;
		const char *text;
	} steps[STEPS];
};

#define I(what, status)	{ APSIM_##what, status }
#define M(text)		{ APSIM_MARK, 0, text }
#define C(text)		{ APSIM_CONFIG, 0, text }
#define END		{ APSIM_NR_WHAT }

static const struct story stories[] = {
	{ "what was before is not known", 0, {
		I(DQAP, RC(0x10)), I(NQAP, ENTRY), I(AQIC, CLEAN), END } },
	{ "a hand-over", 0, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(TAPQ, CLEAN), I(RAPQ, CLEAN),
		I(TAPQ, CLEAN), I(AQIC, CLEAN), I(NQAP, ENTRY), I(DQAP, CLEAN), END } },
	{ "DQAP after ZAPQ", 2, {
		I(ZAPQ, CLEAN), I(DQAP, RC(2)), END } },
	{ "DQAP of a clean queue", 4, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(TAPQ, CLEAN), I(DQAP, RC(0x10)),
		END } },
	{ "NQAP of a clean queue", 4, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(TAPQ, CLEAN), I(NQAP, ENTRY), END } },
	{ "AQIC of a clean queue", 4, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(TAPQ, CLEAN), I(AQIC, CLEAN), END } },
	{ "use after a ZAPQ that was refused", 2, {
		I(ZAPQ, RC(5)), I(NQAP, ENTRY), END } },
	{ "use of a queue that is gone", 2, {
		I(ZAPQ, RC(1)), I(DQAP, RC(1)), END } },
	{ "RAPQ while ZAPQ is at work", 3, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(RAPQ, RC(2)), END } },
	{ "TAPQ after a ZAPQ that was refused shows nothing", 3, {
		I(ZAPQ, RC(2)), I(TAPQ, CLEAN), I(RAPQ, CLEAN), END } },
	{ "not empty is not clean", 3, {
		I(ZAPQ, CLEAN), I(TAPQ, ENTRY), I(RAPQ, CLEAN), END } },
	{ "a reply is not clean", 3, {
		I(ZAPQ, CLEAN), I(TAPQ, REPLY), I(RAPQ, CLEAN), END } },
	{ "interrupts are not clean", 3, {
		I(ZAPQ, CLEAN), I(TAPQ, IRQ_ON), I(RAPQ, CLEAN), END } },
	{ "a second ZAPQ does it", 0, {
		I(ZAPQ, RC(5)), I(TAPQ, CLEAN), I(ZAPQ, CLEAN), I(TAPQ, RC(2)),
		I(TAPQ, CLEAN), I(RAPQ, CLEAN), I(TAPQ, CLEAN), I(AQIC, CLEAN), END } },
	{ "it has to be clean after the last ZAPQ", 5, {
		I(ZAPQ, CLEAN), I(TAPQ, RC(2)), I(TAPQ, CLEAN), I(ZAPQ, CLEAN),
		I(RAPQ, CLEAN), END } },
	{ "lost with its card, reset when it is back", 0, {
		I(ZAPQ, CLEAN), C("answers=03"), I(RAPQ, RC(3)), C("answers=00"),
		I(RAPQ, CLEAN), I(NQAP, ENTRY), END } },
	{ "lost before ZAPQ, reset when it is back", 0, {
		C("answers=01"), I(ZAPQ, RC(1)), C("answers=00"), I(RAPQ, CLEAN),
		END } },
	{ "lost before a ZAPQ that answers something else", 0, {
		C("answers=03"), I(ZAPQ, RC(2)), I(TAPQ, RC(3)), C("answers=00"),
		I(RAPQ, CLEAN), END } },
	{ "lost, and used without a reset", 4, {
		I(ZAPQ, CLEAN), C("answers=04"), C("answers=00"), I(DQAP, CLEAN),
		END } },
	{ "that a card is back shows nothing", 3, {
		I(ZAPQ, CLEAN), C("answers=00"), I(RAPQ, CLEAN), END } },
	{ "a driver that tells", 0, {
		M("PROBE enter"), I(RAPQ, CLEAN), I(TAPQ, CLEAN), I(AQIC, CLEAN),
		M("RECEIVE"), M("REMOVE enter"), M("REMOVE exit"), I(ZAPQ, CLEAN),
		I(TAPQ, RC(2)), I(TAPQ, CLEAN), M("PROBE enter"), END } },
	{ "and another after it", 0, {
		M("REMOVE enter"), M("REMOVE exit"), I(ZAPQ, CLEAN), I(TAPQ, RC(2)),
		I(TAPQ, CLEAN), I(RAPQ, CLEAN), I(TAPQ, CLEAN), I(AQIC, CLEAN),
		I(NQAP, ENTRY), END } },
	{ "receive() in remove()", 3, {
		M("PROBE enter"), M("REMOVE enter"), M("RECEIVE"), END } },
	{ "receive() after remove()", 3, {
		M("REMOVE enter"), M("REMOVE exit"), M("RECEIVE"), END } },
	{ "receive() after probe() has failed", 3, {
		M("PROBE enter"), M("PROBE failed"), M("RECEIVE"), END } },
	{ "ZAPQ in remove()", 3, {
		M("PROBE enter"), M("REMOVE enter"), I(ZAPQ, CLEAN), END } },
	{ "DQAP between remove() and ZAPQ", 6, {
		M("PROBE enter"), I(RAPQ, CLEAN), I(DQAP, RC(0x10)), M("REMOVE enter"),
		M("REMOVE exit"), I(DQAP, RC(0x10)), END } },
	{ "RAPQ between remove() and ZAPQ", 4, {
		I(RAPQ, CLEAN), M("REMOVE enter"), M("REMOVE exit"), I(RAPQ, CLEAN),
		END } },
	{ "a broken promise", 1, {
		M("BROKEN lost"), END } },
	{ "other marks", 0, {
		M("REMOVE enter"), M("begin"), M(""), C("serialnr=1"), END } },
};

static void test_stories(struct kunit *test)
{
	const struct story *s;
	u32 i;

	for (s = stories; s < stories + ARRAY_SIZE(stories); s++) {
		struct apsim_watched queue = {};
		u32 breach = 0;

		for (i = 0; i < STEPS && s->steps[i].what != APSIM_NR_WHAT; i++) {
			struct apsim_rec rec = {
				.what = s->steps[i].what,
				.status = s->steps[i].status,
			};

			if (s->steps[i].text)
				strscpy(rec.text, s->steps[i].text);
			if (apsim_watch_judge(&queue, &rec) && !breach)
				breach = i + 1;
		}
		KUNIT_EXPECT_LT_MSG(test, i, STEPS, "%s: no end", s->name);
		KUNIT_EXPECT_EQ_MSG(test, breach, s->breach, "%s", s->name);
	}
}

/* From the log to the count; a card that is not there: nobody else is in it */
static void test_counts(struct kunit *test)
{
	struct apsim_rec rec = { .card = APSIM_MAX_CARDS - 3, .domain = 7 };
	static const struct { u8 what; u32 status; } steps[] = {
		I(ZAPQ, CLEAN), I(TAPQ, CLEAN), I(RAPQ, CLEAN), I(ZAPQ, CLEAN),
		I(DQAP, RC(0x10)),
	};
	u64 zeroed, clean, breaches;
	u32 i;

	if (!apsim_log_on || apsim_card_get(rec.card))
		kunit_skip(test, "no log, or the card is there");
	apsim_watch_set(true);
	zeroed = apsim_watch_count(APSIM_WATCH_ZEROED);
	clean = apsim_watch_count(APSIM_WATCH_CLEAN);
	breaches = apsim_watch_count(APSIM_WATCH_BREACHES);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		rec.what = steps[i].what;
		rec.status = steps[i].status;
		apsim_log_add(&rec);
	}
	apsim_mark_queue(rec.card << 8 | rec.domain, "BROKEN promise");
	apsim_watch_set(false);
	apsim_log_add(&rec);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_ZEROED) - zeroed, 2);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_CLEAN) - clean, 1);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_REOPENED), 1);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_BREACHES) - breaches, 2);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_MARKS), 1);
	apsim_watch_set(true);
	apsim_watch_set(false);
	KUNIT_EXPECT_EQ(test, apsim_watch_count(APSIM_WATCH_BREACHES), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_stories),
	KUNIT_CASE(test_counts),
	{}
};

static struct kunit_suite suite = {
	.name = "apsim_watch",
	.test_cases = cases,
};

kunit_test_suite(suite);
