// SPDX-License-Identifier: GPL-2.0
/*
 * Random numbers of CCA cards for the kernel, as long as there is such a card.
 */
#include <linux/hw_random.h>
#include <linux/slab.h>

#include "zcrypt_request.h"

static DEFINE_MUTEX(rng_mutex);	/* protects rng_users */
static unsigned int rng_users;

/* The RNG core calls for data from one task at a time */
static u8 *rng_buf;
static size_t rng_left;		/* the last ones of rng_buf are unused */
static size_t rng_end;

/*
 * The last queue is going: who reads gets nothing any more. Readers take no lock
 * for it: hwrng_unregister() waits for them with rng_mutex held.
 */
static bool rng_gone;

static int rng_fill(void)
{
	struct zcrypt_request req = {
		.op = ZCRYPT_OP_RNG,
		.rng = rng_buf,
		.perms = &ap_perms,
	};
	long rc = zcrypt_send_request(&req);

	if (rc <= 0)
		return -EIO;
	rng_left = rc;
	rng_end = rc;
	return 0;
}

static int rng_read(struct hwrng *rng, void *data, size_t max, bool wait)
{
	size_t n;
	int rc;

	/*
	 * Otherwise all who wait for their turn would ask for a scan, one after
	 * the other, and it may be a scan that waits for them.
	 */
	if (READ_ONCE(rng_gone))
		return -ENODEV;
	/* Also for those who would rather not wait: it has always been so */
	rc = rng_left ? 0 : rng_fill();
	if (rc)
		return rc;
	n = min(max, rng_left);
	memcpy(data, rng_buf + rng_end - rng_left, n);
	/* What was given out is nobody else's */
	memzero_explicit(rng_buf + rng_end - rng_left, n);
	rng_left -= n;
	return n;
}

static struct hwrng zcrypt_rng = {
	.name = "zcrypt",
	.read = rng_read,
	.quality = 990,
};

static int rng_start(void)
{
	int rc;

	rng_buf = kzalloc(ZCRYPT_RNG_BUFFER_SIZE, GFP_KERNEL);
	if (!rng_buf)
		return -ENOMEM;
	rng_left = 0;
	WRITE_ONCE(rng_gone, false);
	rc = hwrng_register(&zcrypt_rng);
	if (rc)
		kfree(rng_buf);
	return rc;
}

/**
 * zcrypt_rng_device_add() - there is one more queue that has random numbers
 *
 * Context: process, sleeps.
 * Return: 0 or an errno.
 */
int zcrypt_rng_device_add(void)
{
	int rc = 0;

	mutex_lock(&rng_mutex);
	if (!rng_users)
		rc = rng_start();
	if (!rc)
		rng_users++;
	mutex_unlock(&rng_mutex);
	return rc;
}

/**
 * zcrypt_rng_device_remove() - there is one less
 *
 * Context: process, sleeps; for the last one, until nobody reads any more. Readers
 * that wait for their turn do not add to that.
 */
void zcrypt_rng_device_remove(void)
{
	mutex_lock(&rng_mutex);
	if (!--rng_users) {
		WRITE_ONCE(rng_gone, true);
		hwrng_unregister(&zcrypt_rng);
		kfree_sensitive(rng_buf);
	}
	mutex_unlock(&rng_mutex);
}
