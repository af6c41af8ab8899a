// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers of zcrypt_ccamisc.c and zcrypt_ep11misc.c, where these have some, see
 * ap_compat.h: requests of the pkey drivers that must not wait for memory.
 */
#include <linux/init.h>
#include <linux/moduleparam.h>

#include "zcrypt_api.h"
#include "zcrypt_ccamisc.h"
#include "zcrypt_ep11misc.h"

/* A buffer is some ten kilobytes */
#define THRESHOLD_MIN	1
#define THRESHOLD_MAX	4096

unsigned int zcrypt_mempool_threshold = 5;

static int threshold_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, THRESHOLD_MIN, THRESHOLD_MAX);
}

static const struct kernel_param_ops threshold_ops = {
	.set = threshold_set,
	.get = param_get_uint,
};
module_param_cb(mempool_threshold, &threshold_ops, &zcrypt_mempool_threshold,
		0400);
MODULE_PARM_DESC(mempool_threshold, "Buffers in reserve for CCA and EP11 requests of the kernel, 1 to 4096 (default: 5)");

/**
 * zcrypt_helpers_init() - set up the buffers
 *
 * Context: module init.
 * Return: 0 or -ENOMEM; then there are none.
 */
int __init zcrypt_helpers_init(void)
{
	int rc = zcrypt_ccamisc_init();

	if (rc)
		return rc;
	rc = zcrypt_ep11misc_init();
	if (rc)
		zcrypt_ccamisc_exit();
	return rc;
}

/**
 * zcrypt_helpers_undo() - the reverse, where init fails later
 *
 * Context: module init.
 */
void __init zcrypt_helpers_undo(void)
{
	zcrypt_ep11misc_exit();
	zcrypt_ccamisc_exit();
}
