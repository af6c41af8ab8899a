// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: what the firmware of a coprocessor says about itself
 *
 * It is there for others to ask; nothing here depends on it.  There are no
 * master keys, only what can be told about them: the state of their registers
 * and a verification pattern for each.
 */

#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/hex.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "apsim.h"

/* Guards the firmware of all cards and queues, which is rarely asked. */
static DEFINE_MUTEX(firmware_mutex);

static const char *const kept[] = { "invalid", "valid", NULL };
static const char *const cca_new[] = { "empty", "partial", "full" };
static const char *const ep11_new[] = { "empty", "uncommitted", "committed" };

/* The registers of a kind of card, in the order of struct apsim_keys. */
static const struct mk_register {
	char mode;
	char name[10];
	u8 size;			/* of the pattern */
	const char *const *state;	/* three names */
} registers[] = {
	{ 'c', "sym new", 16, cca_new },
	{ 'c', "sym cur", 16, kept },
	{ 'c', "sym old", 16, kept },
	{ 'c', "asym new", 16, cca_new },
	{ 'c', "asym cur", 16, kept },
	{ 'c', "asym old", 16, kept },
	{ 'c', "aes new", 8, cca_new },
	{ 'c', "aes cur", 8, kept },
	{ 'c', "aes old", 8, kept },
	{ 'c', "apka new", 8, cca_new },
	{ 'c', "apka cur", 8, kept },
	{ 'c', "apka old", 8, kept },
	{ 'p', "wk cur", 32, kept },
	{ 'p', "wk new", 32, ep11_new },
};

static bool is_cca(const struct apsim_card *card)
{
	return card->type->mode == 'c';
}

/* The first register of a card; there are @nr of them. */
static const struct mk_register *registers_of(const struct apsim_card *card,
					      u32 *nr)
{
	const struct mk_register *first = NULL;
	u32 i;

	*nr = 0;
	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].mode != card->type->mode)
			continue;
		if (!first)
			first = &registers[i];
		++*nr;
	}
	return first;
}

/**
 * apsim_firmware_card() - give a new card a serial number and so on
 * @card: the card, nobody knows it yet
 *
 * Context: any.
 */
void apsim_firmware_card(struct apsim_card *card)
{
	static const u8 api_of_gen[] = { [4] = 2, 2, 2, 4, 6 };
	struct apsim_ident *ident = &card->ident;
	u8 gen = card->type->gen;

	if (is_cca(card))
		snprintf(ident->serial, sizeof(ident->serial), "SIMC%04u",
			 card->id);
	else
		snprintf(ident->serial, sizeof(ident->serial), "SIMP%012u",
			 card->id);
	ident->api = api_of_gen[gen];
	ident->version = gen << 8 | 1;
	ident->modes = gen < 7 ? 0x3f : 0x7f;
}
EXPORT_SYMBOL_GPL(apsim_firmware_card);

/* The golden ratio: neighbours get seeds that have nothing in common. */
#define SEED_STEP	0x9e3779b1

/**
 * apsim_firmware_queue() - give a new queue its domain's master keys
 * @q: the queue, nobody knows it yet
 *
 * All cards have the same current key in a domain, as where somebody has
 * loaded it everywhere.
 *
 * Context: any.
 */
void apsim_firmware_queue(struct apsim_queue *q)
{
	u32 random = apsim_knob(APSIM_KNOB_SEED) + q->domain * SEED_STEP;
	const struct mk_register *r;
	struct apsim_mk *mk;
	u32 nr, i, byte;

	r = registers_of(q->card, &nr);
	for (i = 0; i < nr; i++, r++) {
		mk = &q->keys.mk[i];
		for (byte = 0; byte < r->size; byte++)
			mk->pattern[byte] = apsim_random(&random) >> 16;
		if (str_has_prefix(strchr(r->name, ' '), " cur"))
			mk->state = APSIM_MK_LOADED;
	}
	q->keys.modes = 0x3;
}
EXPORT_SYMBOL_GPL(apsim_firmware_queue);

/**
 * apsim_ident_get() - what a card says about itself
 * @card: a coprocessor
 * @ident: a copy
 *
 * Context: process, sleeps.
 */
void apsim_ident_get(const struct apsim_card *card, struct apsim_ident *ident)
{
	mutex_lock(&firmware_mutex);
	*ident = card->ident;
	mutex_unlock(&firmware_mutex);
}

/**
 * apsim_keys_get() - what can be told about a domain's master keys
 * @q: queue of a coprocessor
 * @keys: a copy
 *
 * Context: process, sleeps.
 */
void apsim_keys_get(const struct apsim_queue *q, struct apsim_keys *keys)
{
	mutex_lock(&firmware_mutex);
	*keys = q->keys;
	mutex_unlock(&firmware_mutex);
}
EXPORT_SYMBOL_GPL(apsim_keys_get);

/**
 * apsim_serial_set() - change a serial number
 * @card: a coprocessor
 * @text: 8 letters and digits for a CCA card, 16 for an EP11 card
 *
 * Context: process, sleeps.
 * Return: 0 or -EINVAL
 */
int apsim_serial_set(struct apsim_card *card, const char *text)
{
	size_t len = is_cca(card) ? APSIM_SERIAL_CCA : APSIM_SERIAL_EP11;
	const char *c;

	for (c = text; isalnum(*c); c++)
		;
	if (*c || strlen(text) != len)
		return -EINVAL;
	mutex_lock(&firmware_mutex);
	strscpy(card->ident.serial, text);
	mutex_unlock(&firmware_mutex);
	apsim_log_text(APSIM_CONFIG, card->id, APSIM_NO_DOMAIN, "serialnr=%s",
		       text);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_serial_set);

static int parse_version(const char *text, u16 *version)
{
	char major[4];
	size_t len = strcspn(text, ".");
	u8 high, low;

	if (!text[len] || len >= sizeof(major))
		return -EINVAL;
	strscpy(major, text, len + 1);
	if (kstrtou8(major, 10, &high) || kstrtou8(text + len + 1, 10, &low))
		return -EINVAL;
	*version = high << 8 | low;
	return 0;
}

static int parse_ident(struct apsim_ident *ident, const char *word)
{
	if (str_has_prefix(word, "api="))
		return kstrtou32(word + 4, 10, &ident->api);
	if (str_has_prefix(word, "version="))
		return parse_version(word + 8, &ident->version);
	if (str_has_prefix(word, "modes="))
		return kstrtou64(word + 6, 16, &ident->modes);
	return -EINVAL;
}

/**
 * apsim_ident_set() - change what an EP11 card says about its firmware
 * @card: the card
 * @text: some of "api=N version=N.N modes=0xN"; is taken apart
 *
 * Context: process, sleeps.
 * Return: 0, or -EINVAL with nothing changed
 */
int apsim_ident_set(struct apsim_card *card, char *text)
{
	struct apsim_ident ident;
	char *word;
	int rc = 0;

	mutex_lock(&firmware_mutex);
	ident = card->ident;
	while (!rc && (word = strsep(&text, " ")))
		rc = parse_ident(&ident, word) ? -EINVAL : 0;
	if (!rc)
		card->ident = ident;
	mutex_unlock(&firmware_mutex);
	if (!rc)
		apsim_log_text(APSIM_CONFIG, card->id, APSIM_NO_DOMAIN,
			       "firmware");
	return rc;
}
EXPORT_SYMBOL_GPL(apsim_ident_set);

/**
 * apsim_modes_set() - change the operational modes of an EP11 domain
 * @q: its queue
 * @text: a hexadecimal number
 *
 * Context: process, sleeps.
 * Return: 0 or -EINVAL
 */
int apsim_modes_set(struct apsim_queue *q, const char *text)
{
	u64 modes;

	if (kstrtou64(text, 16, &modes))
		return -EINVAL;
	mutex_lock(&firmware_mutex);
	q->keys.modes = modes;
	mutex_unlock(&firmware_mutex);
	apsim_log_text(APSIM_CONFIG, q->card->id, q->domain, "modes=0x%llx",
		       modes);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_modes_set);

/**
 * apsim_keys_show() - list the registers of a domain
 * @m: where to
 * @q: queue of a coprocessor
 *
 * Context: process, sleeps.
 */
void apsim_keys_show(struct seq_file *m, const struct apsim_queue *q)
{
	const struct mk_register *r;
	struct apsim_keys keys;
	u32 nr, i;

	apsim_keys_get(q, &keys);
	r = registers_of(q->card, &nr);
	for (i = 0; i < nr; i++, r++)
		seq_printf(m, "%s %s %*phN\n", r->name,
			   r->state[keys.mk[i].state], r->size,
			   keys.mk[i].pattern);
}

/* "STATE" or "STATE PATTERN" */
static int parse_mk(struct apsim_mk *mk, const struct mk_register *r, char *text)
{
	char *state = strsep(&text, " ");
	u32 i;

	for (i = 0; i <= APSIM_MK_COMPLETE; i++)
		if (r->state[i] && !strcmp(state, r->state[i]))
			break;
	if (i > APSIM_MK_COMPLETE)
		return -EINVAL;
	mk->state = i;
	if (!text)
		return 0;
	return strlen(text) == 2 * r->size &&
	       !hex2bin(mk->pattern, text, r->size) ? 0 : -EINVAL;
}

/**
 * apsim_mk_set() - change a register of a domain
 * @q: queue of a coprocessor
 * @text: "REGISTER STATE" or "REGISTER STATE PATTERN", the register and its
 *	state named as apsim_keys_show() does; is taken apart
 *
 * Context: process, sleeps.
 * Return: 0, or -EINVAL with nothing changed
 */
int apsim_mk_set(struct apsim_queue *q, char *text)
{
	const struct mk_register *r;
	struct apsim_mk mk;
	int rc = -EINVAL;
	size_t len = 0;
	u32 nr, i;

	r = registers_of(q->card, &nr);
	for (i = 0; i < nr; i++, r++) {
		len = strlen(r->name);
		if (str_has_prefix(text, r->name) && text[len] == ' ')
			break;
	}
	if (i == nr)
		return -EINVAL;
	mutex_lock(&firmware_mutex);
	mk = q->keys.mk[i];
	rc = parse_mk(&mk, r, text + len + 1);
	if (!rc)
		q->keys.mk[i] = mk;
	mutex_unlock(&firmware_mutex);
	if (!rc)
		apsim_log_text(APSIM_CONFIG, q->card->id, q->domain,
			       "mk %s %s", r->name, r->state[mk.state]);
	return rc;
}
EXPORT_SYMBOL_GPL(apsim_mk_set);
