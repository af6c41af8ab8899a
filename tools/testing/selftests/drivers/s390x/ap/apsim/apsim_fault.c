// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: rules by which the facility misbehaves
 *
 * A rule names an APQN (or many), an instruction (or REPLY, the moment at
 * which a reply becomes available) and what is to happen instead.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/hex.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "apsim.h"

#define FOR_EVER U32_MAX

/**
 * struct apsim_rule - a rule
 * @id: number the user knows it by, 0 for a free place
 * @card: card number, -1 for all
 * @domain: domain, -1 for all
 * @what: instruction, or APSIM_REPLY
 * @fault: what to do
 * @prob: chance in per cent
 * @skip: matches still to be let pass
 * @left: hits still to come, FOR_EVER for no end
 * @hits: hits so far
 */
struct apsim_rule {
	u32 id;
	int card;
	int domain;
	u8 what;
	struct apsim_fault fault;
	u32 prob;
	u32 skip;
	u32 left;
	u32 hits;
};

static DEFINE_RAW_SPINLOCK(rules_lock);	/* guards all of the following */
static struct apsim_rule rules[APSIM_MAX_RULES];
static u32 last_rule;			/* highest place in use, plus 1 */
static u32 next_id = 1;
static u32 dice;
/* Instructions that some rule is about; read without the lock. */
static unsigned long rules_what;

#define BIT_OF(what)	BIT(APSIM_##what)
#define RESETS		(BIT_OF(RAPQ) | BIT_OF(ZAPQ))
#define ON_REPLY	BIT_OF(REPLY)
#define INSTRUCTIONS	(BIT_OF(TAPQ) | RESETS | BIT_OF(AQIC) | BIT_OF(NQAP) | \
			 BIT_OF(DQAP))

static const struct {
	const char *name;
	unsigned long what;	/* instructions it goes with */
	bool code;		/* takes "=HH" */
} actions[APSIM_NR_ACTIONS] = {
	[APSIM_DO_RC]		= { "rc", INSTRUCTIONS, true },
	[APSIM_DO_SWALLOW]	= { "swallow", ON_REPLY },
	[APSIM_DO_STALE]	= { "stale", ON_REPLY },
	[APSIM_DO_FOREIGN]	= { "foreign", ON_REPLY },
	[APSIM_DO_LOST_IRQ]	= { "lost-irq", ON_REPLY },
	[APSIM_DO_SPURIOUS_IRQ]	= { "spurious-irq", ON_REPLY },
	[APSIM_DO_HANG]		= { "hang", RESETS },
	[APSIM_DO_HOLD]		= { "hold", ON_REPLY },
	[APSIM_DO_ERROR]	= { "error", ON_REPLY, true },
	[APSIM_DO_MUTATE]	= { "mutate", ON_REPLY, true },
	[APSIM_DO_PARTS]	= { "parts", ON_REPLY, true },
	[APSIM_DO_ENDLESS]	= { "endless", ON_REPLY },
	[APSIM_DO_STUCK]	= { "stuck", ON_REPLY | BIT_OF(NQAP) },
};

static void refresh_summary(void)
{
	unsigned long what = 0;
	u32 i;

	last_rule = 0;
	for (i = 0; i < APSIM_MAX_RULES; i++) {
		if (!rules[i].id)
			continue;
		last_rule = i + 1;
		if (rules[i].left)
			what |= BIT(rules[i].what);
	}
	WRITE_ONCE(rules_what, what);
}

static bool rule_hits(struct apsim_rule *r, const struct apsim_queue *q,
		      enum apsim_what what, bool refused)
{
	if (!r->id || !r->left || r->what != what)
		return false;
	/* what does not begin cannot hang or get stuck */
	if (refused && (r->fault.action == APSIM_DO_HANG ||
			r->fault.action == APSIM_DO_STUCK))
		return false;
	if (r->card >= 0 && r->card != q->card->id)
		return false;
	if (r->domain >= 0 && r->domain != q->domain)
		return false;
	if (r->skip) {
		r->skip--;
		return false;
	}
	return r->prob >= 100 || apsim_random(&dice) % 100 < r->prob;
}

static void describe(char *text, size_t size, const struct apsim_rule *r)
{
	const char *name = actions[r->fault.action].name;

	if (actions[r->fault.action].code)
		snprintf(text, size, "insn=%s do=%s=%02x%s",
			 apsim_what_name[r->what], name, r->fault.code,
			 r->fault.async ? "+async" : "");
	else
		snprintf(text, size, "insn=%s do=%s",
			 apsim_what_name[r->what], name);
	if (r->fault.action == APSIM_DO_MUTATE)
		snprintf(text + strlen(text), size - strlen(text), " seed=%u",
			 r->fault.seed);
}

/**
 * apsim_fault_hit() - does a rule apply here and now
 * @q: queue the instruction or reply is for
 * @what: instruction or APSIM_REPLY
 * @psmid: of the reply or of the message, 0 when it is about none
 * @refused: the queue is in no state to do the instruction, or this is the
 *	second part of one
 * @fault: what to do, when one does
 *
 * The first rule that applies is used up by one and logged.
 *
 * Context: any; the caller holds @q's lock.
 * Return: true when there is such a rule
 */
bool apsim_fault_hit(const struct apsim_queue *q, enum apsim_what what,
		     u64 psmid, bool refused, struct apsim_fault *fault)
{
	struct apsim_rec rec = {
		.what = APSIM_FAULT,
		.card = q->card->id,
		.domain = q->domain,
		.psmid = psmid,
	};
	char text[APSIM_MARK_MAX - sizeof("rule=4294967295")];
	unsigned long flags;
	bool hit = false;
	u32 i, id = 0;

	if (likely(!(READ_ONCE(rules_what) & BIT(what))))
		return false;
	raw_spin_lock_irqsave(&rules_lock, flags);
	for (i = 0; i < last_rule && !hit; i++) {
		hit = rule_hits(&rules[i], q, what, refused);
		if (!hit)
			continue;
		rules[i].hits++;
		if (rules[i].left != FOR_EVER && !--rules[i].left)
			refresh_summary();
		*fault = rules[i].fault;
		id = rules[i].id;
		describe(text, sizeof(text), &rules[i]);
		/* the next hit is another one; its number is in the log */
		apsim_random(&rules[i].fault.seed);
	}
	raw_spin_unlock_irqrestore(&rules_lock, flags);
	if (hit) {
		snprintf(rec.text, sizeof(rec.text), "rule=%u %s", id, text);
		apsim_log_add(&rec);
	}
	return hit;
}

/* Nothing but hexadecimal digits, 1 to @most of them, and less than @limit. */
static int parse_hex(const char *text, size_t len, size_t most, int limit)
{
	int val = 0;

	if (!len || len > most)
		return -EINVAL;
	for (; len; len--, text++) {
		if (!isxdigit(*text))
			return -EINVAL;
		val = val << 4 | hex_to_bin(*text);
	}
	return val < limit ? val : -EINVAL;
}

/**
 * apsim_apqn_parse() - understand "CC.DDDD", "CC.*" or "*"
 * @text: the text; hexadecimal as in the names of AP devices
 * @card: card number, -1 for all
 * @domain: domain, -1 for all
 *
 * Context: any.
 * Return: 0 or -EINVAL
 */
int apsim_apqn_parse(const char *text, int *card, int *domain)
{
	const char *dot;
	int val;

	*card = -1;
	*domain = -1;
	if (!strcmp(text, "*"))
		return 0;
	dot = strchr(text, '.');
	if (!dot)
		return -EINVAL;
	val = parse_hex(text, dot - text, 2, APSIM_MAX_CARDS);
	if (val < 0)
		return val;
	*card = val;
	if (!strcmp(dot + 1, "*"))
		return 0;
	val = parse_hex(dot + 1, strlen(dot + 1), 4, APSIM_MAX_DOMAINS);
	if (val < 0)
		return val;
	*domain = val;
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_apqn_parse);

static int parse_what(struct apsim_rule *r, const char *text)
{
	unsigned long ok = INSTRUCTIONS | ON_REPLY;
	u32 what;

	for_each_set_bit(what, &ok, APSIM_NR_WHAT) {
		if (!strcmp(text, apsim_what_name[what])) {
			r->what = what;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_code(struct apsim_fault *fault, char *text)
{
	char *plus = strchr(text, '+');

	if (plus) {
		if (fault->action != APSIM_DO_RC || strcmp(plus, "+async"))
			return -EINVAL;
		*plus = '\0';
		fault->async = true;
	}
	if (strlen(text) != 2 || !isxdigit(text[0]) ||
	    kstrtou8(text, 16, &fault->code))
		return -EINVAL;
	/* An error of code 0 could not be told from no error. */
	if (!fault->code && (fault->async || fault->action == APSIM_DO_PARTS))
		return -EINVAL;
	return 0;
}

static int parse_action(struct apsim_rule *r, char *text)
{
	char *code = strchr(text, '=');
	u32 i;

	if (code)
		*code++ = '\0';
	for (i = 0; i < APSIM_NR_ACTIONS; i++)
		if (!strcmp(text, actions[i].name))
			break;
	if (i == APSIM_NR_ACTIONS || actions[i].code != !!code)
		return -EINVAL;
	r->fault.action = i;
	return code ? parse_code(&r->fault, code) : 0;
}

static int parse_number(u32 *val, const char *text, u32 min, u32 max)
{
	if (kstrtou32(text, 10, val) || *val < min || *val > max)
		return -EINVAL;
	return 0;
}

static int parse_word(struct apsim_rule *r, char *word, unsigned long *seen)
{
	static const char *const keys[] = {
		"apqn", "insn", "do", "count", "prob", "skip", "seed"
	};
	char *val = strchr(word, '=');
	int i;

	if (!val)
		return -EINVAL;
	*val++ = '\0';
	i = match_string(keys, ARRAY_SIZE(keys), word);
	if (i < 0 || __test_and_set_bit(i, seen))
		return -EINVAL;
	switch (i) {
	case 0:
		return apsim_apqn_parse(val, &r->card, &r->domain);
	case 1:
		return parse_what(r, val);
	case 2:
		return parse_action(r, val);
	case 3:
		if (!strcmp(val, "inf")) {
			r->left = FOR_EVER;
			return 0;
		}
		return parse_number(&r->left, val, 1, FOR_EVER - 1);
	case 4:
		return parse_number(&r->prob, val, 1, 100);
	case 5:
		return parse_number(&r->skip, val, 0, U32_MAX);
	default:
		return parse_number(&r->fault.seed, val, 0, U32_MAX);
	}
}

/* Makes room at the end; the rules that are left stay in their order. */
static void forget_used_up(void)
{
	u32 i, n = 0;

	for (i = 0; i < APSIM_MAX_RULES; i++)
		if (rules[i].id && rules[i].left)
			rules[n++] = rules[i];
	memset(&rules[n], 0, (APSIM_MAX_RULES - n) * sizeof(rules[0]));
	refresh_summary();
}

static int rule_add(char *line)
{
	struct apsim_rule r = { .left = 1, .prob = 100 };
	unsigned long seen = 0, flags;
	int rc = -ENOSPC;
	char *word;

	while ((word = strsep(&line, " "))) {
		if (*word && parse_word(&r, word, &seen))
			return -EINVAL;
	}
	/* apqn=, insn= and do= have no default; seed= is for one of them */
	if ((seen & 7) != 7 ||
	    (seen & BIT(6) && r.fault.action != APSIM_DO_MUTATE) ||
	    !(actions[r.fault.action].what & BIT(r.what)))
		return -EINVAL;
	raw_spin_lock_irqsave(&rules_lock, flags);
	if (last_rule == APSIM_MAX_RULES)
		forget_used_up();
	if (last_rule < APSIM_MAX_RULES) {
		r.id = next_id++;
		rules[last_rule] = r;
		refresh_summary();
		rc = 0;
	}
	raw_spin_unlock_irqrestore(&rules_lock, flags);
	return rc;
}

static int rule_del(const char *text)
{
	unsigned long flags;
	int rc = -ENOENT;
	u32 id, i;

	if (kstrtou32(text, 10, &id) || !id)
		return -EINVAL;
	raw_spin_lock_irqsave(&rules_lock, flags);
	for (i = 0; i < APSIM_MAX_RULES; i++) {
		if (rules[i].id != id)
			continue;
		rules[i].id = 0;
		rc = 0;
	}
	refresh_summary();
	raw_spin_unlock_irqrestore(&rules_lock, flags);
	return rc;
}

/**
 * apsim_fault_clear() - have no rules, and begin the random numbers anew
 *
 * Context: any.
 */
void apsim_fault_clear(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&rules_lock, flags);
	memset(rules, 0, sizeof(rules));
	dice = apsim_knob(APSIM_KNOB_SEED);
	refresh_summary();
	raw_spin_unlock_irqrestore(&rules_lock, flags);
}
EXPORT_SYMBOL_GPL(apsim_fault_clear);

/**
 * apsim_fault_command() - do what was written to debugfs file "fault"
 * @line: "add …", "del N" or "clear"; is taken apart
 *
 * Context: any.
 * Return: 0, -EINVAL, -ENOENT (no such rule) or -ENOSPC (too many rules)
 */
int apsim_fault_command(char *line)
{
	char *verb = strsep(&line, " ");

	if (!strcmp(verb, "clear") && !line) {
		apsim_fault_clear();
		return 0;
	}
	if (!line)
		return -EINVAL;
	if (!strcmp(verb, "add"))
		return rule_add(line);
	if (!strcmp(verb, "del"))
		return rule_del(line);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(apsim_fault_command);

static void show_rule(struct seq_file *m, const struct apsim_rule *r)
{
	char text[APSIM_MARK_MAX];

	seq_printf(m, "%u: apqn=", r->id);
	if (r->card < 0)
		seq_putc(m, '*');
	else if (r->domain < 0)
		seq_printf(m, "%02x.*", r->card);
	else
		seq_printf(m, "%02x.%04x", r->card, r->domain);
	describe(text, sizeof(text), r);
	seq_printf(m, " %s", text);
	if (r->prob < 100)
		seq_printf(m, " prob=%u", r->prob);
	if (r->skip)
		seq_printf(m, " skip=%u", r->skip);
	seq_printf(m, " hits=%u left=", r->hits);
	if (r->left == FOR_EVER)
		seq_puts(m, "inf\n");
	else
		seq_printf(m, "%u\n", r->left);
}

/**
 * apsim_fault_show() - list the rules
 * @m: where to
 *
 * Context: process.
 */
void apsim_fault_show(struct seq_file *m)
{
	struct apsim_rule r;
	unsigned long flags;
	u32 i;

	for (i = 0; i < APSIM_MAX_RULES; i++) {
		raw_spin_lock_irqsave(&rules_lock, flags);
		r = rules[i];
		raw_spin_unlock_irqrestore(&rules_lock, flags);
		if (r.id)
			show_rule(m, &r);
	}
}

/**
 * apsim_release_command() - let held replies go and hanging resets end
 * @text: "CC.DDDD", "CC.*" or "*"
 *
 * Context: process.
 * Return: 0, -EINVAL or -ENODEV
 */
int apsim_release_command(char *text)
{
	struct apsim_queue *q;
	int id, dom, c, d, n = 0;

	if (apsim_apqn_parse(text, &id, &dom))
		return -EINVAL;
	for (c = 0; c < APSIM_MAX_CARDS; c++) {
		for (d = 0; d < APSIM_MAX_DOMAINS; d++) {
			if ((id >= 0 && id != c) || (dom >= 0 && dom != d))
				continue;
			q = apsim_queue_get(c << 8 | d);
			if (!q)
				continue;
			apsim_queue_release(q);
			n++;
		}
	}
	return n ? 0 : -ENODEV;
}
EXPORT_SYMBOL_GPL(apsim_release_command);
