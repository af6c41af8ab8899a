// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: results that were computed before
 *
 * A card's arithmetic costs the guest nothing; ours takes the guest's own CPUs,
 * emulated ones at that, and programs under test send the same few numbers over
 * and over.  So the results of the last computations are kept, and found again
 * by all of their operands.
 */

#include <linux/jhash.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "apsim.h"

#define SLOTS 64

/**
 * struct memo - a computation that was done
 * @compute: which one; NULL in a slot that is free
 * @rc: what it returned
 * @size: length of the result
 * @bytes: the result, then the operands, each behind its length
 */
struct memo {
	apsim_compute_fn *compute;
	int rc;
	u32 size;
	u8 *bytes;
};

/* Guards all slots; nothing else is taken with it held. */
static DEFINE_MUTEX(memo_mutex);
static struct memo memos[SLOTS];

static u32 hash_of(const struct apsim_num *num, u32 count, u32 size)
{
	u32 hash = size;

	for (; count--; num++)
		hash = jhash(num->bytes, num->len, hash ^ num->len);
	return hash;
}

static bool is_memo_of(const struct memo *memo, apsim_compute_fn *compute,
		       const struct apsim_num *num, u32 count, u32 size)
{
	const u8 *at;

	if (memo->compute != compute || memo->size != size)
		return false;
	/* Each computation has its own number of operands: they all are there. */
	for (at = memo->bytes + size; count--; at += num++->len) {
		if (memcmp(at, &num->len, sizeof(num->len)))
			return false;
		at += sizeof(num->len);
		if (memcmp(at, num->bytes, num->len))
			return false;
	}
	return true;
}

static void forget(struct memo *memo)
{
	kfree_sensitive(memo->bytes);
	*memo = (struct memo) {};
}

static void keep(struct memo *memo, apsim_compute_fn *compute, int rc,
		 const struct apsim_num *num, u32 count, const u8 *out, u32 size)
{
	u32 len = size, i;
	u8 *at;

	forget(memo);
	for (i = 0; i < count; i++)
		len += sizeof(num[i].len) + num[i].len;
	at = kmalloc(len, GFP_KERNEL);
	if (!at)
		return;
	*memo = (struct memo) { compute, rc, size, at };
	if (!rc)
		memcpy(at, out, size);
	at += size;
	for (i = 0; i < count; i++) {
		memcpy(at, &num[i].len, sizeof(num[i].len));
		at += sizeof(num[i].len);
		memcpy(at, num[i].bytes, num[i].len);
		at += num[i].len;
	}
}

/**
 * apsim_memo() - compute something, or know it from before
 * @compute: does it
 * @num: its operands; always the same number for the same @compute
 * @count: how many there are
 * @out: the result
 * @size: bytes of @out
 *
 * Unless the knob "rsa" is at 2 everything is computed anew.
 *
 * Context: process, may take long.
 * Return: what @compute returns; @out is set when that is 0
 */
int apsim_memo(apsim_compute_fn *compute, const struct apsim_num *num,
	       u32 count, u8 *out, u32 size)
{
	struct memo *memo = &memos[hash_of(num, count, size) % SLOTS];
	bool known;
	int rc = 0;

	if (apsim_knob(APSIM_KNOB_RSA) < APSIM_RSA_KEEP)
		return compute(num, out, size);

	mutex_lock(&memo_mutex);
	known = is_memo_of(memo, compute, num, count, size);
	if (known) {
		rc = memo->rc;
		if (!rc)
			memcpy(out, memo->bytes, size);
	}
	mutex_unlock(&memo_mutex);
	if (known)
		return rc;

	rc = compute(num, out, size);
	/* Not an answer, but a lack of memory */
	if (rc == APSIM_ERR_MACHINE)
		return rc;
	mutex_lock(&memo_mutex);
	keep(memo, compute, rc, num, count, out, size);
	mutex_unlock(&memo_mutex);
	return rc;
}

/**
 * apsim_memo_exit() - forget all results
 *
 * Context: process; nothing is computed any more.
 */
void apsim_memo_exit(void)
{
	u32 i;

	for (i = 0; i < SLOTS; i++)
		forget(&memos[i]);
}
