// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: its directory in debugfs
 *
 * What a file is for is a struct apsim_node, what it is about an object; one
 * set of file operations serves them all.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/hex.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "apsim.h"

#define LONGEST_WRITE 512

static struct dentry *root;

/* ---- reading and writing text ---- */

/**
 * struct apsim_node - what a file is for
 * @name: its name
 * @show: prints it, NULL when it cannot be read
 * @store: takes a trimmed line, NULL when it cannot be written
 * @arg: for files that differ in a number only
 * @modes: what kinds of cards have it, NULL for all
 */
struct apsim_node {
	const char *name;
	void (*show)(struct seq_file *m, const struct apsim_file *f);
	int (*store)(char *text, const struct apsim_file *f);
	int arg;
	const char *modes;
};

static int node_show(struct seq_file *m, void *unused)
{
	const struct apsim_file *f = m->private;

	f->node->show(m, f);
	return 0;
}

static int node_open(struct inode *inode, struct file *file)
{
	return single_open(file, node_show, inode->i_private);
}

static ssize_t node_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *pos)
{
	const struct apsim_file *f = file_inode(file)->i_private;
	char *text;
	int rc;

	if (!count || count > LONGEST_WRITE)
		return -EINVAL;
	text = memdup_user_nul(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rc = strlen(text) == count ? 0 : -EINVAL;
	if (!rc)
		rc = f->node->store(strim(text), f);
	kfree(text);
	return rc ?: count;
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.read = seq_read,
	.write = node_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static void make_file(struct apsim_file *f, const struct apsim_node *node,
		      void *object, const char *name, struct dentry *dir)
{
	umode_t mode = (node->show ? 0444 : 0) | (node->store ? 0200 : 0);

	f->node = node;
	f->object = object;
	debugfs_create_file(name, mode, dir, f, &node_fops);
}

static int parse_flag(const char *text, bool *on)
{
	if (strcmp(text, "0") && strcmp(text, "1"))
		return -EINVAL;
	*on = *text == '1';
	return 0;
}

/* ---- the machine ---- */

static void show_cost(struct seq_file *m, const struct apsim_file *f)
{
	apsim_cost_show(m);
}

static int store_cost(char *text, const struct apsim_file *f)
{
	bool on;
	int rc = parse_flag(text, &on);

	if (!rc)
		apsim_cost_set(on);
	return rc;
}

static void show_knob(struct seq_file *m, const struct apsim_file *f)
{
	const struct apsim_knob *knob = f->object;

	seq_printf(m, "%u\n", READ_ONCE(knob->val));
}

static int store_knob(char *text, const struct apsim_file *f)
{
	struct apsim_knob *knob = f->object;
	int rc = apsim_knob_set(knob, text);

	if (!rc)
		apsim_log_text(APSIM_CONFIG, APSIM_NO_CARD, APSIM_NO_DOMAIN,
			       "%s=%u", knob->name, READ_ONCE(knob->val));
	return rc;
}

static void show_service(struct seq_file *m, const struct apsim_file *f)
{
	seq_printf(m, "me=%u crt=%u other=%u\n", apsim_knob(APSIM_KNOB_ME_US),
		   apsim_knob(APSIM_KNOB_CRT_US),
		   apsim_knob(APSIM_KNOB_OTHER_US));
}

static int store_service(char *text, const struct apsim_file *f)
{
	int rc = apsim_service_set(text);

	if (!rc)
		apsim_log_text(APSIM_CONFIG, APSIM_NO_CARD, APSIM_NO_DOMAIN,
			       "service_us %s", text);
	return rc;
}

/* 256 bits, bit 0 leftmost, as the AP bus prints its masks. */
static void show_mask(struct seq_file *m, bool usage)
{
	seq_printf(m, "0x%016llx%048u\n", apsim_domains(usage), 0);
}

static int store_mask(const char *text, bool usage)
{
	u64 mask = 0;
	u32 i, len;

	if (strncmp(text, "0x", 2))
		return -EINVAL;
	text += 2;
	len = strlen(text);
	if (!len || len > 64)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (!isxdigit(text[i]))
			return -EINVAL;
		/* domains above 63 do not exist */
		if (i >= 16 && text[i] != '0')
			return -EINVAL;
		if (i < 16)
			mask |= (u64)hex_to_bin(text[i]) << (60 - 4 * i);
	}
	return apsim_domains_set(usage, mask);
}

static void show_usage(struct seq_file *m, const struct apsim_file *f)
{
	show_mask(m, true);
}

static int store_usage(char *text, const struct apsim_file *f)
{
	return store_mask(text, true);
}

static void show_control(struct seq_file *m, const struct apsim_file *f)
{
	show_mask(m, false);
}

static int store_control(char *text, const struct apsim_file *f)
{
	return store_mask(text, false);
}

static int store_card(char *text, const struct apsim_file *f)
{
	char *number = strsep(&text, " ");
	u32 id;

	if (!text || strncmp(number, "id=", 3) || strncmp(text, "type=", 5) ||
	    !isdigit(number[3]) || kstrtou32(number + 3, 10, &id))
		return -EINVAL;
	return apsim_card_add(id, text + 5);
}

static int store_mark(char *text, const struct apsim_file *f)
{
	char *c;

	if (!*text || strlen(text) > APSIM_MARK_MAX)
		return -EINVAL;
	for (c = text; *c; c++)
		if (!isprint(*c))
			return -EINVAL;
	apsim_log_text(APSIM_MARK, APSIM_NO_CARD, APSIM_NO_DOMAIN, "%s", text);
	return 0;
}

static int store_log_clear(char *text, const struct apsim_file *f)
{
	apsim_log_clear();
	return 0;
}

static void show_watch(struct seq_file *m, const struct apsim_file *f)
{
	apsim_watch_show(m);
}

static int store_watch(char *text, const struct apsim_file *f)
{
	bool on;
	int rc = parse_flag(text, &on);

	if (!rc && on && !apsim_log_on)
		rc = -EINVAL;
	if (!rc)
		apsim_watch_set(on);
	return rc;
}

static void show_fault(struct seq_file *m, const struct apsim_file *f)
{
	apsim_fault_show(m);
}

static int store_fault(char *text, const struct apsim_file *f)
{
	return apsim_fault_command(text);
}

static int store_release(char *text, const struct apsim_file *f)
{
	return apsim_release_command(text);
}

/* ---- a card ---- */

static void show_type(struct seq_file *m, const struct apsim_file *f)
{
	const struct apsim_type *t = ((struct apsim_card *)f->object)->type;

	seq_printf(m, "CEX%u%c type=%u fac=0x%08x ml=%u\n", t->gen,
		   toupper(t->mode), t->at, t->fac, t->ml);
}

static void show_card_flag(struct seq_file *m, const struct apsim_file *f)
{
	const struct apsim_card *card = f->object;

	seq_printf(m, "%u\n", READ_ONCE(card->flag[f->node->arg]));
}

static int store_card_flag(char *text, const struct apsim_file *f)
{
	bool on;

	return parse_flag(text, &on) ?:
	       apsim_card_set(f->object, f->node->arg, on);
}

static void show_serial(struct seq_file *m, const struct apsim_file *f)
{
	struct apsim_ident ident;

	apsim_ident_get(f->object, &ident);
	seq_printf(m, "%s\n", ident.serial);
}

static int store_serial(char *text, const struct apsim_file *f)
{
	return apsim_serial_set(f->object, text);
}

static void show_ident(struct seq_file *m, const struct apsim_file *f)
{
	struct apsim_ident ident;

	apsim_ident_get(f->object, &ident);
	seq_printf(m, "api=%u version=%u.%u modes=0x%llx\n", ident.api,
		   ident.version >> 8, ident.version & 0xff, ident.modes);
}

static int store_ident(char *text, const struct apsim_file *f)
{
	return apsim_ident_set(f->object, text);
}

/* ---- a queue ---- */

static void show_keys(struct seq_file *m, const struct apsim_file *f)
{
	apsim_keys_show(m, f->object);
}

static int store_key(char *text, const struct apsim_file *f)
{
	return apsim_mk_set(f->object, text);
}

static void show_modes(struct seq_file *m, const struct apsim_file *f)
{
	struct apsim_keys keys;

	apsim_keys_get(f->object, &keys);
	seq_printf(m, "0x%llx\n", keys.modes);
}

static int store_modes(char *text, const struct apsim_file *f)
{
	return apsim_modes_set(f->object, text);
}

static void show_queue_flag(struct seq_file *m, const struct apsim_file *f)
{
	const struct apsim_queue *q = f->object;

	seq_printf(m, "%u\n", READ_ONCE(q->flag[f->node->arg]));
}

static int store_queue_flag(char *text, const struct apsim_file *f)
{
	bool on;

	return parse_flag(text, &on) ?:
	       apsim_queue_set(f->object, f->node->arg, on);
}

/* A flag of a queue together with its card's: both, or one of them. */
static bool flag_of(const struct apsim_queue *q, enum apsim_flag flag, bool both)
{
	bool queue = READ_ONCE(q->flag[flag]);
	bool card = READ_ONCE(q->card->flag[flag]);

	return both ? queue && card : queue || card;
}

static void show_state(struct seq_file *m, const struct apsim_file *f)
{
	static const char *const reset[] = {
		[APSIM_RESET_IDLE] = "idle",
		[APSIM_RESET_RUNNING] = "running",
		[APSIM_RESET_HANGING] = "hanging",
	};
	struct apsim_queue *q = f->object;
	struct apsim_bin bin = { .nr = 0 };
	unsigned long flags;
	char async[4] = "-";
	u32 entries, replies, rst, gone;
	bool irq, pending, used;

	raw_spin_lock_irqsave(&q->lock, flags);
	apsim_queue_advance(q, &bin);
	entries = q->nr_entries;
	replies = q->nr_ready;
	irq = q->irq_on;
	pending = q->irq_pending;
	rst = q->reset;
	used = q->used;
	gone = q->unavailable;
	if (q->async)
		snprintf(async, sizeof(async), "%02x", q->async);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);

	seq_printf(m, "entries=%u replies=%u irq=%u irqpending=%u reset=%s async=%s used=%u ",
		   entries, replies, irq, pending, reset[rst], async, used);
	seq_printf(m, "config=%u chkstop=%u present=%u\n",
		   flag_of(q, APSIM_CONFIGURED, true),
		   flag_of(q, APSIM_STOPPED, false),
		   gone != APSIM_RC_NOT_AVAILABLE);
}

static void show_counters(struct seq_file *m, const struct apsim_file *f)
{
	static const char *const name[APSIM_NR_COUNTS] = {
		"nqap", "nqap_ok", "dqap", "dqap_ok", "tapq", "rapq", "zapq",
		"aqic", "replies", "irqs", "swallowed", "lost"
	};
	struct apsim_queue *q = f->object;
	u64 count[APSIM_NR_COUNTS];
	unsigned long flags;
	u32 i;

	raw_spin_lock_irqsave(&q->lock, flags);
	memcpy(count, q->count, sizeof(count));
	raw_spin_unlock_irqrestore(&q->lock, flags);
	for (i = 0; i < APSIM_NR_COUNTS; i++)
		seq_printf(m, "%s%s=%llu", i ? " " : "", name[i], count[i]);
	seq_putc(m, '\n');
}

/* ---- who has which files ---- */

static const struct apsim_node machine_nodes[] = {
	{ "service_us", show_service, store_service },
	{ "usage_domains", show_usage, store_usage },
	{ "control_domains", show_control, store_control },
	{ "cards_new", NULL, store_card },
	{ "mark", NULL, store_mark },
	{ "log_clear", NULL, store_log_clear },
	{ "watch", show_watch, store_watch },
	{ "fault", show_fault, store_fault },
	{ "release", NULL, store_release },
	{ "cost", show_cost, store_cost },
};

static const enum apsim_knob_id knob_files[] = {
	APSIM_KNOB_RESET_MS, APSIM_KNOB_IRQ_US, APSIM_KNOB_REORDER,
	APSIM_KNOB_RSA
};

static const struct apsim_node knob_node = { "", show_knob, store_knob };

static const struct apsim_node card_nodes[] = {
	{ "type", show_type, NULL },
	{ "present", show_card_flag, store_card_flag, APSIM_PRESENT },
	{ "config", show_card_flag, store_card_flag, APSIM_CONFIGURED },
	{ "chkstop", show_card_flag, store_card_flag, APSIM_STOPPED },
	{ "serialnr", show_serial, store_serial, 0, "cp" },
	{ "firmware", show_ident, store_ident, 0, "p" },
};

static const struct apsim_node queue_nodes[] = {
	{ "state", show_state, NULL },
	{ "counters", show_counters, NULL },
	{ "present", show_queue_flag, store_queue_flag, APSIM_PRESENT },
	{ "config", show_queue_flag, store_queue_flag, APSIM_CONFIGURED },
	{ "chkstop", show_queue_flag, store_queue_flag, APSIM_STOPPED },
	{ "mk", show_keys, store_key, 0, "cp" },
	{ "modes", show_modes, store_modes, 0, "p" },
};

static struct apsim_file machine_files[ARRAY_SIZE(machine_nodes)];
static struct apsim_file knob_file[ARRAY_SIZE(knob_files)];

/* ---- the log ---- */

/**
 * struct reader - one who reads the log
 * @first: oldest record when the file was opened
 * @end: one behind the newest record when the file was opened
 * @dropped: records lost before
 * @lost: records that were there but were overwritten before they were read
 * @rec: the record being printed
 */
struct reader {
	u64 first;
	u64 end;
	u64 dropped;
	u64 lost;
	struct apsim_rec rec;
};

/*
 * Position 0 is the head line, position n the record @first + n - 1, and
 * behind the last record is the line that says how many are missing.
 */
static void *log_at(struct reader *r, loff_t *pos)
{
	u64 oldest, next, dropped, seq;

	if (!*pos) {
		r->lost = 0;
		return SEQ_START_TOKEN;
	}
	seq = r->first + *pos - 1;
	while (seq < r->end && !apsim_log_read(seq, &r->rec)) {
		/* overwritten meanwhile: go on with what is left */
		apsim_log_bounds(&oldest, &next, &dropped);
		oldest = min(oldest, r->end);
		r->lost += oldest - seq;
		*pos += oldest - seq;
		seq = oldest;
	}
	if (seq < r->end)
		return r;
	return seq == r->end ? &r->lost : NULL;
}

static void *log_start(struct seq_file *m, loff_t *pos)
{
	return log_at(m->private, pos);
}

static void *log_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return log_at(m->private, pos);
}

static void log_stop(struct seq_file *m, void *v)
{
}

static int log_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;

	if (v == SEQ_START_TOKEN)
		seq_printf(m, "# dropped=%llu next=%llu\n", r->dropped, r->end);
	else if (v == &r->lost)
		seq_printf(m, "# lost=%llu\n", r->lost);
	else
		apsim_log_show(m, &r->rec);
	return 0;
}

static const struct seq_operations log_ops = {
	.start = log_start,
	.next = log_next,
	.stop = log_stop,
	.show = log_show,
};

static int log_open(struct inode *inode, struct file *file)
{
	struct reader *r = __seq_open_private(file, &log_ops, sizeof(*r));

	if (!r)
		return -ENOMEM;
	apsim_log_bounds(&r->first, &r->end, &r->dropped);
	return 0;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/* ---- making and removing it all ---- */

static void make_card_file(struct apsim_file *f, const struct apsim_node *node,
			   void *object, const struct apsim_card *card,
			   struct dentry *dir)
{
	if (!node->modes || strchr(node->modes, card->type->mode))
		make_file(f, node, object, node->name, dir);
}

/**
 * apsim_debugfs_queue() - make the directory of a queue
 * @q: the queue; its card has a directory
 *
 * Context: process, sleeps.
 */
void apsim_debugfs_queue(struct apsim_queue *q)
{
	struct dentry *dir;
	char name[8];
	u32 i;

	BUILD_BUG_ON(ARRAY_SIZE(queue_nodes) != ARRAY_SIZE(q->file));
	snprintf(name, sizeof(name), "%04x", q->domain);
	dir = debugfs_create_dir(name, q->card->dir);
	for (i = 0; i < ARRAY_SIZE(queue_nodes); i++)
		make_card_file(&q->file[i], &queue_nodes[i], q, q->card, dir);
}

/**
 * apsim_debugfs_card() - make the directory of a card and of its queues
 * @card: the card
 *
 * Context: process, sleeps.
 */
void apsim_debugfs_card(struct apsim_card *card)
{
	char name[8];
	u32 i;

	BUILD_BUG_ON(ARRAY_SIZE(card_nodes) != ARRAY_SIZE(card->file));
	snprintf(name, sizeof(name), "card%02x", card->id);
	card->dir = debugfs_create_dir(name, root);
	for (i = 0; i < ARRAY_SIZE(card_nodes); i++)
		make_card_file(&card->file[i], &card_nodes[i], card, card,
			       card->dir);
	for (i = 0; i < APSIM_MAX_DOMAINS; i++)
		if (card->queue[i])
			apsim_debugfs_queue(card->queue[i]);
}

/**
 * apsim_debugfs_init() - make the directory
 *
 * Without debugfs the simulator works as well, only nobody can look at it.
 *
 * Context: process, sleeps; before there is a card.
 */
void apsim_debugfs_init(void)
{
	struct apsim_knob *knob;
	u32 i;

	root = debugfs_create_dir("apsim", NULL);
	for (i = 0; i < ARRAY_SIZE(machine_nodes); i++)
		make_file(&machine_files[i], &machine_nodes[i], NULL,
			  machine_nodes[i].name, root);
	for (i = 0; i < ARRAY_SIZE(knob_files); i++) {
		knob = &apsim_knobs[knob_files[i]];
		make_file(&knob_file[i], &knob_node, knob, knob->name, root);
	}
	debugfs_create_file("log", 0444, root, NULL, &log_fops);
}

/**
 * apsim_debugfs_exit() - remove the directory
 *
 * Context: process, sleeps until nobody is in one of our functions.
 */
void apsim_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
	root = NULL;
}
