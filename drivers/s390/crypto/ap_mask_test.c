// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the masks' texts and of the questions asked about them.
 */
#include <kunit/test.h>

#include "ap_priv.h"

#define BITS	256

/*
 * What a mask has to look like is written as the list of its bits, in the
 * order and with the numbers that people use, so that the tests share no
 * arithmetic with what they test.
 */
#define NONE		-1	/* ends a list */
#define ALL		-2	/* all 256 bits, in place of a list */
#define MAX_LISTED	12

struct mask_case {
	const char *text;
	short from[MAX_LISTED];	/* the mask before */
	short to[MAX_LISTED];	/* the mask after; none: -EINVAL, as before */
	bool bad;
};

#define ZEROES_60	"000000000000000000000000000000000000000000000000000000000000"
#define EFFS_60		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static const struct mask_case hex_cases[] = {
	/* text, before, after */
	{ "0x4", { NONE }, { 1, NONE } },
	{ "0x8", { 5, NONE }, { 0, NONE } },
	{ "0x1", { ALL }, { 3, NONE } },
	{ "0x41", { NONE }, { 1, 7, NONE } },
	{ "41", { NONE }, { 1, 7, NONE } },
	{ "x41", { NONE }, { 1, 7, NONE } },
	{ "0x41\n", { NONE }, { 1, 7, NONE } },
	{ "0", { ALL }, { NONE } },
	{ "0x0\n", { ALL }, { NONE } },
	{ "00000", { 4, NONE }, { NONE } },
	{ "0xaB", { NONE }, { 0, 2, 4, 6, 7, NONE } },
	{ "7d", { ALL }, { 1, 2, 3, 4, 5, 7, NONE } },
	{ "0x00000000000000018", { NONE }, { 63, 64, NONE } },
	{ "0x000000000000000000000000000000018", { NONE }, { 127, 128, NONE } },
	{ "0x0000000000000001", { 64, 200, NONE }, { 63, NONE } },
	{ "0x8" ZEROES_60 "001", { 9, NONE }, { 0, 255, NONE } },
	{ "8" ZEROES_60 "001\n", { NONE }, { 0, 255, NONE } },
	{ "0x" EFFS_60 "ffff", { NONE }, { ALL } },
	{ EFFS_60 "FFFF\n", { 7, NONE }, { ALL } },
	{ "0b1", { 1, NONE }, { 4, 6, 7, 11, NONE } },	/* not binary */
	/* bad: no digit */
	{ "", { 1, NONE }, .bad = true },
	{ "\n", { 1, NONE }, .bad = true },
	{ "0x", { 1, NONE }, .bad = true },
	{ "0x\n", { 1, NONE }, .bad = true },
	{ "x", { 1, NONE }, .bad = true },
	/* bad: too long, be the digits too many zeroes only */
	{ "0x" ZEROES_60 "00000", { 1, NONE }, .bad = true },
	{ "0x" EFFS_60 "fffff", { 1, NONE }, .bad = true },
	{ EFFS_60 "fffff\n", { 1, NONE }, .bad = true },
	{ EFFS_60 EFFS_60, { 1, NONE }, .bad = true },
	/* bad: junk before, within, behind */
	{ "0X41", { 1, NONE }, .bad = true },
	{ "xx41", { 1, NONE }, .bad = true },
	{ "0xx41", { 1, NONE }, .bad = true },
	{ "0x0x41", { 1, NONE }, .bad = true },
	{ "0xx", { 1, NONE }, .bad = true },
	{ " 0x41", { 1, NONE }, .bad = true },
	{ "\n0x41", { 1, NONE }, .bad = true },
	{ "0x41 ", { 1, NONE }, .bad = true },
	{ "0x41\n\n", { 1, NONE }, .bad = true },
	{ "0x41\n0", { 1, NONE }, .bad = true },
	{ "0x41\r\n", { 1, NONE }, .bad = true },
	{ "0x4g", { 1, NONE }, .bad = true },
	{ "0x4,1", { 1, NONE }, .bad = true },
	{ "0x41,", { 1, NONE }, .bad = true },
	{ "0x41+7", { 1, NONE }, .bad = true },
	{ "0xff-1", { 1, NONE }, .bad = true },
	{ "0x4\x80", { 1, NONE }, .bad = true },
	{ "\xff\xfe", { 1, NONE }, .bad = true },
	{ "all", { 1, NONE }, .bad = true },
	{ ",", { 1, NONE }, .bad = true },
};

static const struct mask_case change_cases[] = {
	{ "+0", { NONE }, { 0, NONE } },
	{ "+0\n", { 9, NONE }, { 0, 9, NONE } },
	{ "-13", { 12, 13, 14, NONE }, { 12, 14, NONE } },
	{ "-13", { 12, NONE }, { 12, NONE } },
	{ "+255", { NONE }, { 255, NONE } },
	{ "-255", { 254, 255, NONE }, { 254, NONE } },
	/* how numbers are written */
	{ "+0x41", { NONE }, { 65, NONE } },
	{ "+0X1f,+0x1F", { NONE }, { 31, NONE } },
	{ "-0xff", { 1, 255, NONE }, { 1, NONE } },
	{ "+017", { NONE }, { 15, NONE } },
	{ "+0377", { NONE }, { 255, NONE } },
	{ "+000000000000000000000000000007", { NONE }, { 7, NONE } },
	{ "+0x00000000000000000000000000007", { NONE }, { 7, NONE } },
	{ "+00", { NONE }, { 0, NONE } },
	/* ranges */
	{ "+5-5", { NONE }, { 5, NONE } },
	{ "+62-65", { NONE }, { 62, 63, 64, 65, NONE } },
	{ "+0-255", { NONE }, { ALL } },
	{ "-0-255", { ALL }, { NONE } },
	{ "-0x0-0xff,+1", { ALL }, { 1, NONE } },
	{ "+0xe-020", { NONE }, { 14, 15, 16, NONE } },
	{ "-1-254", { ALL }, { 0, 255, NONE } },
	/* lists: the last word counts */
	{ "+0,-6,+0x47,-0xf0", { 6, 8, 240, NONE }, { 0, 8, 71, NONE } },
	{ "+1-4,-2-3,+3", { NONE }, { 1, 3, 4, NONE } },
	{ "+3,-3", { NONE }, { NONE } },
	{ "-3,+3", { 3, NONE }, { 3, NONE } },
	{ "-0-255,+1-3,+0x80", { ALL }, { 1, 2, 3, 128, NONE } },
	/* what may stand between and behind */
	{ "+1,+2\n", { NONE }, { 1, 2, NONE } },
	{ "+1,", { NONE }, { 1, NONE } },
	{ "+1,\n", { NONE }, { 1, NONE } },
	{ "+2,,", { 1, NONE }, { 1, 2, NONE } },
	{ "+1,,+2", { NONE }, { 1, 2, NONE } },
	{ "+1\n+2\n\n", { NONE }, { 1, 2, NONE } },
	{ "+1,\n+2,\n", { NONE }, { 1, 2, NONE } },
	/* bad: no sign, no number */
	{ "+", { 1, NONE }, .bad = true },
	{ "-", { 1, NONE }, .bad = true },
	{ "+\n", { 1, NONE }, .bad = true },
	{ "+,", { 1, NONE }, .bad = true },
	{ "+-", { 1, NONE }, .bad = true },
	{ "+-5", { 1, NONE }, .bad = true },
	{ "--5", { 1, NONE }, .bad = true },
	{ "++5", { 1, NONE }, .bad = true },
	{ "+5-", { 1, NONE }, .bad = true },
	{ "+5-\n", { 1, NONE }, .bad = true },
	{ "+5--7", { 1, NONE }, .bad = true },
	{ "+5-+7", { 1, NONE }, .bad = true },
	{ "+x", { 1, NONE }, .bad = true },
	{ "+0x", { 1, NONE }, .bad = true },
	{ "+0x,+2", { 1, NONE }, .bad = true },
	{ "+0xg", { 1, NONE }, .bad = true },
	{ "+2,5", { 1, NONE }, .bad = true },
	{ "+2,0x4", { 1, NONE }, .bad = true },
	{ "+a", { 1, NONE }, .bad = true },
	{ "+5a", { 1, NONE }, .bad = true },
	{ "+09", { 1, NONE }, .bad = true },
	{ "+017,+08", { 1, NONE }, .bad = true },
	{ "+08-9", { 1, NONE }, .bad = true },
	{ "+0b1", { 1, NONE }, .bad = true },
	/* bad: out of range, and what would wrap around into it */
	{ "+256", { 1, NONE }, .bad = true },
	{ "-256", { 1, NONE }, .bad = true },
	{ "+0x100", { 1, NONE }, .bad = true },
	{ "+0400", { 1, NONE }, .bad = true },
	{ "+250-256", { 1, NONE }, .bad = true },
	{ "+4294967296", { 1, NONE }, .bad = true },
	{ "+4294967301", { 1, NONE }, .bad = true },
	{ "+18446744073709551616", { 1, NONE }, .bad = true },
	{ "+18446744073709551621", { 1, NONE }, .bad = true },
	{ "+0x10000000000000005", { 1, NONE }, .bad = true },
	{ "+3-0x10000000000000005", { 1, NONE }, .bad = true },
	{ "+02000000000000000000005", { 1, NONE }, .bad = true },
	{ "+99999999999999999999999999999999999999", { 1, NONE }, .bad = true },
	/* bad: reversed */
	{ "+5-4", { 1, NONE }, .bad = true },
	{ "-255-0", { 1, NONE }, .bad = true },
	{ "+0x10-15", { 1, NONE }, .bad = true },
	/* bad: run together, or something else between */
	{ "+1+2", { 1, NONE }, .bad = true },
	{ "+1-5-7", { 1, NONE }, .bad = true },
	{ "+1-5+7", { 1, NONE }, .bad = true },
	{ "+3 +4", { 1, NONE }, .bad = true },
	{ "+3, +4", { 1, NONE }, .bad = true },
	{ "+3;+4", { 1, NONE }, .bad = true },
	{ "+ 3", { 1, NONE }, .bad = true },
	{ "+3 ", { 1, NONE }, .bad = true },
	{ "+3\r\n", { 1, NONE }, .bad = true },
	{ "+3\t", { 1, NONE }, .bad = true },
	{ " +3", { 1, NONE }, .bad = true },
	{ ",+3", { 1, NONE }, .bad = true },
	{ "\n+3", { 1, NONE }, .bad = true },
	{ "+3.5", { 1, NONE }, .bad = true },
	/* bad only at the end: what stands before must not have been done */
	{ "+3,-1,+256", { 1, NONE }, .bad = true },
	{ "-0-255,+", { 1, NONE }, .bad = true },
	{ "-0-255,junk", { 1, 77, NONE }, .bad = true },
	{ "-0-255\x01", { ALL }, .bad = true },
};

static void fill(unsigned long *mask, const short *list)
{
	int i, nr;

	memset(mask, *list == ALL ? 0xff : 0, BITS / 8);
	if (*list == ALL)
		return;
	for (i = 0; list[i] != NONE; i++) {
		nr = list[i];
		((u8 *)mask)[nr / 8] |= 0x80 >> nr % 8;
	}
}

static void case_desc(const struct mask_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%*pE'", (int)strlen(c->text),
		 c->text);
}

KUNIT_ARRAY_PARAM(hex, hex_cases, case_desc);
KUNIT_ARRAY_PARAM(change, change_cases, case_desc);

/* One guard word on each side: nothing outside the mask is written */
struct guarded_mask {
	unsigned long before;
	unsigned long mask[BITS_TO_LONGS(BITS)];
	unsigned long behind;
};

#define GUARD	0x5a5a5a5a5a5a5a5aUL

static void check_case(struct kunit *test, const struct mask_case *c, int rc,
		       const struct guarded_mask *got)
{
	unsigned long want[BITS_TO_LONGS(BITS)];

	fill(want, c->bad ? c->from : c->to);
	KUNIT_EXPECT_EQ(test, rc, c->bad ? -EINVAL : 0);
	KUNIT_EXPECT_MEMEQ(test, got->mask, want, sizeof(want));
	KUNIT_EXPECT_EQ(test, got->before, GUARD);
	KUNIT_EXPECT_EQ(test, got->behind, GUARD);
}

static void parse_mask_str(struct kunit *test)
{
	struct guarded_mask got = { .before = GUARD, .behind = GUARD };
	const struct mask_case *c = test->param_value;
	struct mutex lock;	/* for the function to take */
	int rc;

	mutex_init(&lock);
	fill(got.mask, c->from);
	rc = ap_parse_mask_str(c->text, got.mask, BITS, &lock);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&lock));
	check_case(test, c, rc, &got);
}

static void hex_text(struct kunit *test)
{
	parse_mask_str(test);
}

static void change_text(struct kunit *test)
{
	parse_mask_str(test);
}

static void hex2bitmap(struct kunit *test)
{
	struct guarded_mask got = { .before = GUARD, .behind = GUARD };
	const struct mask_case *c = test->param_value;
	int rc;

	fill(got.mask, c->from);
	rc = ap_hex2bitmap(c->text, got.mask, BITS);
	check_case(test, c, rc, &got);
}

/* Lists of changes mean nothing to a function that makes a map of a number */
static void hex2bitmap_takes_no_changes(struct kunit *test)
{
	struct guarded_mask got = { .before = GUARD, .behind = GUARD };
	const struct mask_case *c = test->param_value;
	const struct mask_case refused = {
		.text = c->text, .from = { 1, 200, NONE }, .bad = true,
	};
	int rc;

	fill(got.mask, refused.from);
	rc = ap_hex2bitmap(c->text, got.mask, BITS);
	check_case(test, &refused, rc, &got);
}

/* Sizes other than 256: how far a text reaches, and how far it may */
static void sizes(struct kunit *test)
{
	static const struct {
		const char *text;
		int bits;
		int rc;
		unsigned long first, second;
	} cases[] = {
		{ "0x81", 8, 0, 0x8100000000000000UL, 0 },
		{ "0x8", 8, 0, 0x8000000000000000UL, 0 },
		{ "0x811", 8, -EINVAL },
		{ "+7", 8, 0, 0x0100000000000000UL, 0 },
		{ "+8", 8, -EINVAL },
		{ "ffffffffffffffff", 64, 0, ~0UL, 0 },
		{ "ffffffffffffffff8", 64, -EINVAL },
		{ "+63", 64, 0, 1, 0 },
		{ "+64", 64, -EINVAL },
		{ "ffffffffffffffff81", 72, 0, ~0UL, 0x8100000000000000UL },
		{ "+63-64,+71", 72, 0, 1, 0x8100000000000000UL },
		{ "+72", 72, -EINVAL },
		/* no size at all */
		{ "0x0", 0, -EINVAL },
		{ "+0", 0, -EINVAL },
		{ "0x8", 1, -EINVAL },
		{ "+0", 4, -EINVAL },
		{ "0x8", 65, -EINVAL },
		{ "+0", 255, -EINVAL },
		{ "0x8", -8, -EINVAL },
		{ "+0", -256, -EINVAL },
	};
	struct mutex lock;	/* for the function to take */
	int i;

	mutex_init(&lock);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long map[3] = { 0, 0, GUARD };
		int rc;

		rc = ap_parse_mask_str(cases[i].text, map, cases[i].bits, &lock);
		KUNIT_EXPECT_EQ_MSG(test, rc, cases[i].rc, "%s in %d bits",
				    cases[i].text, cases[i].bits);
		KUNIT_EXPECT_EQ_MSG(test, map[0], cases[i].first, "%s in %d bits",
				    cases[i].text, cases[i].bits);
		KUNIT_EXPECT_EQ_MSG(test, map[1], cases[i].second, "%s in %d bits",
				    cases[i].text, cases[i].bits);
		KUNIT_EXPECT_EQ(test, map[2], GUARD);
	}
}

/*
 * The queries are about the masks that are in force. They are changed for a
 * moment with their mutex held, so that no driver is bound by them.
 */
static void perms_borrow(struct ap_perms *saved, const short *apm,
			 const short *aqm)
{
	mutex_lock(&ap_perms_mutex);
	*saved = ap_perms;
	fill(ap_perms.apm, apm);
	fill(ap_perms.aqm, aqm);
}

static void perms_return(const struct ap_perms *saved)
{
	ap_perms = *saved;
	mutex_unlock(&ap_perms_mutex);
}

static const short some_cards[] = { 0, 5, 64, 255, NONE };
static const short some_domains[] = { 1, 63, 128, 255, NONE };

static bool listed(const short *list, int nr)
{
	for (; *list != NONE; list++)
		if (*list == nr)
			return true;
	return false;
}

static void owner_of_each_apqn(struct kunit *test)
{
	static const int none[][2] = {
		{ -1, 1 }, { 0, -1 }, { 256, 1 }, { 0, 256 }, { -1, -1 },
		{ 256, 256 }, { INT_MIN, 1 }, { 0, INT_MAX },
	};
	int card, domain, want, i, wrong = 0, refused = 0;
	struct ap_perms saved;

	perms_borrow(&saved, some_cards, some_domains);
	for (card = 0; card < AP_DEVICES; card++) {
		for (domain = 0; domain < AP_DOMAINS; domain++) {
			want = listed(some_cards, card) &&
			       listed(some_domains, domain);
			wrong += ap_owned_by_def_drv(card, domain) != want;
		}
	}
	for (i = 0; i < ARRAY_SIZE(none); i++)
		refused += ap_owned_by_def_drv(none[i][0], none[i][1]) == -EINVAL;
	perms_return(&saved);

	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, refused, (int)ARRAY_SIZE(none));
}

static void matrix_owner(struct kunit *test)
{
	static const struct {
		short apm[MAX_LISTED], aqm[MAX_LISTED];
		short card[MAX_LISTED], domain[MAX_LISTED];
		int want;
	} cases[] = {
		/* masks in force, matrix asked about */
		{ { ALL }, { ALL }, { 0, NONE }, { 0, NONE }, 1 },
		{ { ALL }, { ALL }, { ALL }, { ALL }, 1 },
		{ { ALL }, { ALL }, { NONE }, { ALL }, 0 },
		{ { ALL }, { ALL }, { ALL }, { NONE }, 0 },
		{ { ALL }, { ALL }, { NONE }, { NONE }, 0 },
		{ { NONE }, { ALL }, { ALL }, { ALL }, 0 },
		{ { ALL }, { NONE }, { ALL }, { ALL }, 0 },
		{ { NONE }, { NONE }, { ALL }, { ALL }, 0 },
		{ { 3, NONE }, { 7, NONE }, { 3, NONE }, { 7, NONE }, 1 },
		{ { 3, NONE }, { 7, NONE }, { 3, NONE }, { 8, NONE }, 0 },
		{ { 3, NONE }, { 7, NONE }, { 4, NONE }, { 7, NONE }, 0 },
		{ { 3, NONE }, { 7, NONE }, { 4, NONE }, { 8, NONE }, 0 },
		{ { 3, NONE }, { 7, NONE }, { 7, NONE }, { 3, NONE }, 0 },
		{ { 3, NONE }, { 7, NONE }, { 2, 3, NONE }, { 7, 8, NONE }, 1 },
		{ { 255, NONE }, { 255, NONE }, { ALL }, { 255, NONE }, 1 },
		{ { 255, NONE }, { 255, NONE }, { ALL }, { 254, NONE }, 0 },
		{ { 0, 64, NONE }, { 63, 192, NONE },
		  { 1, 64, NONE }, { 62, 192, NONE }, 1 },
		{ { 0, 64, NONE }, { 63, 192, NONE },
		  { 1, 63, 65, NONE }, { ALL }, 0 },
	};
	DECLARE_BITMAP(card, AP_DEVICES);
	DECLARE_BITMAP(domain, AP_DOMAINS);
	struct ap_perms saved;
	int i, got;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fill(card, cases[i].card);
		fill(domain, cases[i].domain);
		perms_borrow(&saved, cases[i].apm, cases[i].aqm);
		got = ap_apqn_in_matrix_owned_by_def_drv(card, domain);
		perms_return(&saved);
		KUNIT_EXPECT_EQ_MSG(test, got, cases[i].want, "case %d", i);
	}
}

static struct kunit_case mask_cases[] = {
	KUNIT_CASE_PARAM(hex_text, hex_gen_params),
	KUNIT_CASE_PARAM(change_text, change_gen_params),
	KUNIT_CASE_PARAM(hex2bitmap, hex_gen_params),
	KUNIT_CASE_PARAM(hex2bitmap_takes_no_changes, change_gen_params),
	KUNIT_CASE(sizes),
	KUNIT_CASE(owner_of_each_apqn),
	KUNIT_CASE(matrix_owner),
	{}
};

static struct kunit_suite mask_suite = {
	.name = "ap_mask",
	.test_cases = mask_cases,
};

kunit_test_suite(mask_suite);
