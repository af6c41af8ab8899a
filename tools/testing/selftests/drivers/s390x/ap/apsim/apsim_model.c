// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the cards, their queues and the configuration
 *
 * Cards and queues are only ever added; what was made stays until the module
 * goes, so instructions look them up without a lock.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "apsim.h"

/* Facility word of TAPQ, bits as in struct ap_tapq_hwinfo of asm/ap.h. */
#define FAC_APSC	BIT(31)
#define FAC_MEX4K	BIT(30)
#define FAC_CRT4K	BIT(29)
#define FAC_CCA		BIT(28)
#define FAC_ACCEL	BIT(27)
#define FAC_EP11	BIT(26)
#define FAC_APXA	BIT(25)

#define FAC_A (FAC_MEX4K | FAC_CRT4K | FAC_ACCEL | FAC_APXA)
#define FAC_C (FAC_APSC | FAC_CCA | FAC_APXA)
#define FAC_P (FAC_APSC | FAC_EP11 | FAC_APXA)

static const struct apsim_type types[] = {
	{ 4, 'a', 10, 0, FAC_A }, { 4, 'c', 10, 0, FAC_C }, { 4, 'p', 10, 0, FAC_P },
	{ 5, 'a', 11, 0, FAC_A }, { 5, 'c', 11, 0, FAC_C }, { 5, 'p', 11, 0, FAC_P },
	{ 6, 'a', 12, 0, FAC_A }, { 6, 'c', 12, 0, FAC_C }, { 6, 'p', 12, 0, FAC_P },
	{ 7, 'a', 13, 0, FAC_A }, { 7, 'c', 13, 0, FAC_C }, { 7, 'p', 13, 0, FAC_P },
	/* 24 KiB: the coprocessors of this generation take long messages. */
	{ 8, 'a', 14, 0, FAC_A }, { 8, 'c', 14, 6, FAC_C }, { 8, 'p', 14, 6, FAC_P },
};

/* QCI, as in struct ap_config_info of asm/ap.h. */
#define QCI_BYTES	128
#define QCI_APSC	0x80
#define QCI_APXA	0x40
#define QCI_QACT	0x20
#define QCI_NA		4
#define QCI_ND		5
#define QCI_CARDS	16
#define QCI_USAGE	48
#define QCI_CONTROL	80

/* Serializes all changes of the configuration. */
static DEFINE_MUTEX(config_mutex);
static struct apsim_card *cards[APSIM_MAX_CARDS];
/* Bit 63 is domain 0, as in the masks of QCI; changed under the mutex. */
static u64 usage_domains;
static u64 control_domains;
static u32 max_message = APSIM_ML_DEFAULT * APSIM_ML_UNIT;

static DEFINE_RAW_SPINLOCK(qci_lock);	/* guards qci_block */
static u8 qci_block[QCI_BYTES];

static u64 leftmost(u32 nr)
{
	return nr ? GENMASK_ULL(63, 64 - nr) : 0;
}

static bool has_domain(u64 mask, u32 domain)
{
	return mask & BIT_ULL(63 - domain);
}

/**
 * apsim_type_find() - understand "8a" and the like
 * @text: the text, not ended by a zero byte
 * @len: its length
 *
 * Context: any.
 * Return: the type or NULL
 */
const struct apsim_type *apsim_type_find(const char *text, size_t len)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(types) && len == 2; i++)
		if (text[0] == '0' + types[i].gen && text[1] == types[i].mode)
			return &types[i];
	return NULL;
}
EXPORT_SYMBOL_GPL(apsim_type_find);

/**
 * apsim_type_limit() - longest message a card takes
 * @type: its type
 *
 * Context: any.
 * Return: bytes
 */
u32 apsim_type_limit(const struct apsim_type *type)
{
	return (type->ml ?: APSIM_ML_DEFAULT) * APSIM_ML_UNIT;
}
EXPORT_SYMBOL_GPL(apsim_type_limit);

/**
 * apsim_max_message() - longest message the machine takes
 *
 * Context: any.
 * Return: bytes; the largest limit of any card there ever was
 */
u32 apsim_max_message(void)
{
	return READ_ONCE(max_message);
}
EXPORT_SYMBOL_GPL(apsim_max_message);

/**
 * apsim_card_get() - find a card
 * @id: its number
 *
 * Context: any.
 * Return: the card or NULL
 */
struct apsim_card *apsim_card_get(u32 id)
{
	if (id >= APSIM_MAX_CARDS)
		return NULL;
	/* pairs with the release in add_card() */
	return smp_load_acquire(&cards[id]);
}
EXPORT_SYMBOL_GPL(apsim_card_get);

/**
 * apsim_queue_get() - find a queue
 * @apqn: card number and domain, 8 bits each
 *
 * Context: any.
 * Return: the queue or NULL; it may be unavailable
 */
struct apsim_queue *apsim_queue_get(u16 apqn)
{
	struct apsim_card *card = apsim_card_get(apqn >> 8);
	u32 domain = apqn & 0xff;

	if (!card || domain >= APSIM_MAX_DOMAINS)
		return NULL;
	/* pairs with the release in add_queues() */
	return smp_load_acquire(&card->queue[domain]);
}
EXPORT_SYMBOL_GPL(apsim_queue_get);

/**
 * apsim_qci() - copy the answer to QCI
 * @block: 128 bytes
 *
 * Context: any.
 */
void apsim_qci(void *block)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&qci_lock, flags);
	memcpy(block, qci_block, QCI_BYTES);
	raw_spin_unlock_irqrestore(&qci_lock, flags);
}

static void refresh_qci(void)
{
	u8 block[QCI_BYTES] = {
		[0] = QCI_APSC | QCI_APXA | QCI_QACT,
		[QCI_NA] = APSIM_MAX_CARDS - 1,
		[QCI_ND] = APSIM_MAX_DOMAINS - 1,
	};
	unsigned long flags;
	u32 id;

	for (id = 0; id < APSIM_MAX_CARDS; id++)
		if (cards[id] && cards[id]->flag[APSIM_PRESENT])
			block[QCI_CARDS + id / 8] |= 0x80 >> id % 8;
	/* s390 stores the most significant byte first, as the masks want it */
	memcpy(block + QCI_USAGE, &usage_domains, sizeof(usage_domains));
	memcpy(block + QCI_CONTROL, &control_domains, sizeof(control_domains));
	raw_spin_lock_irqsave(&qci_lock, flags);
	memcpy(qci_block, block, QCI_BYTES);
	raw_spin_unlock_irqrestore(&qci_lock, flags);
}

/* The response code of a queue that cannot be used, in the order of rank. */
static u8 why_unavailable(const struct apsim_queue *q)
{
	const bool *queue = q->flag, *card = q->card->flag;

	if (!card[APSIM_PRESENT] || !queue[APSIM_PRESENT] ||
	    !has_domain(usage_domains, q->domain))
		return APSIM_RC_NOT_AVAILABLE;
	if (!card[APSIM_CONFIGURED] || !queue[APSIM_CONFIGURED])
		return APSIM_RC_DECONFIGURED;
	if (card[APSIM_STOPPED] || queue[APSIM_STOPPED])
		return APSIM_RC_CHECKSTOPPED;
	return APSIM_RC_NORMAL;
}

/*
 * What becomes unusable loses its entries, its interrupts and its reset.  The
 * line in the log is made under the queue's lock: what instructions find
 * changes exactly there.  Nobody can have asked a card that is just made.
 */
static void refresh_queue(struct apsim_queue *q)
{
	struct apsim_bin bin = { .nr = 0 };
	unsigned long flags;
	u8 code;

	raw_spin_lock_irqsave(&q->lock, flags);
	code = why_unavailable(q);
	if (code) {
		apsim_queue_drop(q, &bin);
		q->reset = APSIM_RESET_IDLE;
	}
	if (code != q->unavailable && cards[q->card->id] == q->card)
		apsim_log_text(APSIM_CONFIG, q->card->id, q->domain,
			       "answers=%02x", code);
	q->unavailable = code;
	raw_spin_unlock_irqrestore(&q->lock, flags);
	apsim_bin_empty(&bin);
}

static void refresh_card(struct apsim_card *card)
{
	u32 d;

	for (d = 0; d < APSIM_MAX_DOMAINS; d++)
		if (card->queue[d])
			refresh_queue(card->queue[d]);
}

/* Give a card a queue for each usage domain it has none for yet. */
static int add_queues(struct apsim_card *card, u64 mask)
{
	struct apsim_queue *q;
	u32 d;

	for (d = 0; d < APSIM_MAX_DOMAINS; d++) {
		if (!has_domain(mask, d) || card->queue[d])
			continue;
		q = apsim_queue_new(card, d);
		if (!q)
			return -ENOMEM;
		q->unavailable = APSIM_RC_NOT_AVAILABLE;
		apsim_firmware_queue(q);
		/* made before it can be found by apsim_queue_get() */
		smp_store_release(&card->queue[d], q);
		if (card->dir)
			apsim_debugfs_queue(q);
	}
	return 0;
}

static void free_card(struct apsim_card *card)
{
	u32 d;

	for (d = 0; d < APSIM_MAX_DOMAINS; d++)
		apsim_queue_free(card->queue[d]);
	kfree(card);
}

static int add_card(u32 id, const struct apsim_type *type)
{
	struct apsim_card *card;

	if (cards[id])
		return -EEXIST;
	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	card->id = id;
	card->type = type;
	card->flag[APSIM_PRESENT] = true;
	card->flag[APSIM_CONFIGURED] = true;
	apsim_firmware_card(card);
	if (add_queues(card, usage_domains)) {
		free_card(card);
		return -ENOMEM;
	}
	refresh_card(card);
	WRITE_ONCE(max_message, max(max_message, apsim_type_limit(type)));
	apsim_log_text(APSIM_CONFIG, id, APSIM_NO_DOMAIN, "new CEX%u%c",
		       type->gen, type->mode - 'a' + 'A');
	/* made before it can be found by apsim_card_get() */
	smp_store_release(&cards[id], card);
	refresh_qci();
	apsim_debugfs_card(card);
	return 0;
}

/**
 * apsim_card_add() - add a card with queues for all usage domains
 * @id: its number
 * @type: what it is: "8a"
 *
 * Context: process, sleeps.
 * Return: 0, -EINVAL, -EEXIST or -ENOMEM
 */
int apsim_card_add(u32 id, const char *type)
{
	const struct apsim_type *t = apsim_type_find(type, strlen(type));
	int rc;

	if (id >= APSIM_MAX_CARDS || !t)
		return -EINVAL;
	mutex_lock(&config_mutex);
	rc = add_card(id, t);
	mutex_unlock(&config_mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(apsim_card_add);

static const char *const flag_name[APSIM_NR_FLAGS] = {
	[APSIM_PRESENT] = "present",
	[APSIM_CONFIGURED] = "config",
	[APSIM_STOPPED] = "chkstop",
};

/**
 * apsim_card_set() - make a card appear, disappear, fail, …
 * @card: the card
 * @flag: what changes
 * @on: how
 *
 * Context: process, sleeps.
 * Return: 0
 */
int apsim_card_set(struct apsim_card *card, enum apsim_flag flag, bool on)
{
	mutex_lock(&config_mutex);
	if (card->flag[flag] != on) {
		WRITE_ONCE(card->flag[flag], on);
		apsim_log_text(APSIM_CONFIG, card->id, APSIM_NO_DOMAIN,
			       "%s=%u", flag_name[flag], on);
		refresh_card(card);
		refresh_qci();
	}
	mutex_unlock(&config_mutex);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_card_set);

/**
 * apsim_queue_set() - make one queue appear, disappear, fail, …
 * @q: the queue
 * @flag: what changes
 * @on: how
 *
 * Context: process, sleeps.
 * Return: 0
 */
int apsim_queue_set(struct apsim_queue *q, enum apsim_flag flag, bool on)
{
	mutex_lock(&config_mutex);
	if (q->flag[flag] != on) {
		WRITE_ONCE(q->flag[flag], on);
		apsim_log_text(APSIM_CONFIG, q->card->id, q->domain, "%s=%u",
			       flag_name[flag], on);
		refresh_queue(q);
	}
	mutex_unlock(&config_mutex);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_queue_set);

/* The line comes first, those of the queues it is about follow. */
static void log_domains(const char *kind, u64 mask)
{
	apsim_log_text(APSIM_CONFIG, APSIM_NO_CARD, APSIM_NO_DOMAIN,
		       "%s_domains=0x%016llx", kind, mask);
}

static int set_usage(u64 mask)
{
	u32 id;
	int rc = 0;

	for (id = 0; id < APSIM_MAX_CARDS && !rc; id++)
		if (cards[id])
			rc = add_queues(cards[id], mask);
	if (rc)
		return rc;
	log_domains("usage", mask);
	WRITE_ONCE(usage_domains, mask);
	for (id = 0; id < APSIM_MAX_CARDS; id++)
		if (cards[id])
			refresh_card(cards[id]);
	return 0;
}

/**
 * apsim_domains_set() - change the domains of the machine
 * @usage: usage domains, otherwise control domains
 * @mask: bit 63 is domain 0
 *
 * Context: process, sleeps.
 * Return: 0 or -ENOMEM
 */
int apsim_domains_set(bool usage, u64 mask)
{
	int rc = 0;

	mutex_lock(&config_mutex);
	if (usage) {
		rc = set_usage(mask);
	} else {
		log_domains("control", mask);
		WRITE_ONCE(control_domains, mask);
	}
	if (!rc)
		refresh_qci();
	mutex_unlock(&config_mutex);
	return rc;
}
EXPORT_SYMBOL_GPL(apsim_domains_set);

/**
 * apsim_domains() - the domains of the machine
 * @usage: usage domains, otherwise control domains
 *
 * Context: any.
 * Return: the mask, bit 63 is domain 0
 */
u64 apsim_domains(bool usage)
{
	return usage ? READ_ONCE(usage_domains) : READ_ONCE(control_domains);
}
EXPORT_SYMBOL_GPL(apsim_domains);

/* One item of cards=: "8a" or "3*8a"; its cards are made if @make says so. */
static int parse_item(const char *item, u32 *id, bool make)
{
	const char *star = strchr(item, '*');
	const char *name = star ? star + 1 : item;
	const struct apsim_type *type;
	char number[4];
	u32 n = 1;
	int rc;

	type = apsim_type_find(name, strlen(name));
	if (!type)
		return -EINVAL;
	if (star) {
		if (star - item >= sizeof(number))
			return -EINVAL;
		strscpy(number, item, star - item + 1);
		if (kstrtou32(number, 10, &n) || !n)
			return -EINVAL;
	}
	if (n > APSIM_MAX_CARDS - *id)
		return -EINVAL;
	for (rc = 0; n && !rc; n--, ++*id)
		if (make)
			rc = add_card(*id, type);
	return rc;
}

static int parse_cards(const char *list, bool make)
{
	char *copy = kstrdup(list, GFP_KERNEL), *rest = copy, *item;
	u32 id = 0;
	int rc = 0;

	if (!copy)
		return -ENOMEM;
	while (!rc && (item = strsep(&rest, ",")))
		rc = parse_item(item, &id, make);
	kfree(copy);
	if (rc == -EINVAL)
		pr_err("parameter cards=%s: a list of [N*]Gm, G 4..8, m one of a, c, p; %u cards at most\n",
		       list, APSIM_MAX_CARDS);
	return rc;
}

/**
 * apsim_model_check() - look for mistakes before anything is made
 * @list: what cards there shall be, the module parameter
 *
 * Context: process, sleeps.
 * Return: 0, -EINVAL (the kernel log says why) or -ENOMEM
 */
int apsim_model_check(const char *list)
{
	return parse_cards(list, false);
}

/**
 * apsim_model_init() - make the machine
 * @list: what cards it has, as apsim_model_check() liked it
 *
 * Context: process, sleeps.
 * Return: 0 or -ENOMEM; apsim_model_exit() cleans up in any case
 */
int apsim_model_init(const char *list)
{
	u64 mask = leftmost(apsim_knob(APSIM_KNOB_DOMAINS));
	int rc;

	mutex_lock(&config_mutex);
	usage_domains = mask;
	control_domains = mask;
	rc = parse_cards(list, true);
	refresh_qci();
	mutex_unlock(&config_mutex);
	return rc;
}

/**
 * apsim_model_stop() - end all that queues do by themselves
 *
 * Context: process, sleeps; no instruction comes any more.
 */
void apsim_model_stop(void)
{
	u32 id, d;

	for (id = 0; id < APSIM_MAX_CARDS; id++) {
		for (d = 0; cards[id] && d < APSIM_MAX_DOMAINS; d++)
			if (cards[id]->queue[d])
				apsim_queue_stop(cards[id]->queue[d]);
	}
}

/**
 * apsim_model_exit() - free the machine
 *
 * Context: process; everything is stopped and debugfs is gone.
 */
void apsim_model_exit(void)
{
	u32 id;

	for (id = 0; id < APSIM_MAX_CARDS; id++) {
		if (cards[id])
			free_card(cards[id]);
		cards[id] = NULL;
	}
}
