/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that differs between the kernels these files are for, 6.12 to 7.x: here
 * the newer way is made of the older one where a tree has that only. The Makefile
 * looks for what it has.
 */
#ifndef _AP_COMPAT_H_
#define _AP_COMPAT_H_

#include <linux/hrtimer.h>
#include <asm/setup.h>
#include <asm/zcrypt.h>

/* The kernel */

#ifdef MACHINE_IS_VM
static inline bool machine_is_vm(void)
{
	return MACHINE_IS_VM;
}
#else
#include <asm/machine.h>
#endif

#ifndef AP_HAS_HRTIMER_SETUP
#define hrtimer_setup(timer, expired, clock, mode) do {		\
	struct hrtimer *_timer = (timer);			\
								\
	hrtimer_init(_timer, clock, mode);			\
	_timer->function = (expired);				\
} while (0)
#endif

/* What a function that makes parameters for KUNIT_CASE_PARAM() is given */
#ifdef AP_HAS_KUNIT_GEN_TEST
#define AP_KUNIT_GEN_ARGS struct kunit *test, const void *prev, char *desc
#else
#define AP_KUNIT_GEN_ARGS const void *prev, char *desc
#endif

/* The tree's own files around zcrypt */

#ifdef ZCRYPT_HAS_TRACE_PSMID
#define zcrypt_trace_rep(block, fcode, rc, card, domain, psmid) \
	trace_s390_zcrypt_rep(block, fcode, rc, card, domain, psmid)
#else
#define zcrypt_trace_rep(block, fcode, rc, card, domain, psmid) do {	\
	(void)(psmid);							\
	trace_s390_zcrypt_rep(block, fcode, rc, card, domain);		\
} while (0)
#endif

/* Final status in the head of a reply, as zcrypt_error.h takes it */
#ifdef ZCRYPT_HAS_APFS_NUMBER
#define ZCRYPT_APFS_TYPE	u32
#else
#define ZCRYPT_APFS_TYPE	typeof(u8[4])
#endif

void zcrypt_status_matrix(struct zcrypt_device_status_ext *matrix,
			  unsigned int cards, unsigned int domains);

/*
 * zcrypt_ccamisc.c and zcrypt_ep11misc.c: newer ones have buffers that are to be
 * set up, and ask for the status of some queues, not of all.
 */
#ifdef ZCRYPT_HAS_HELPER_INIT
extern unsigned int zcrypt_mempool_threshold;
int zcrypt_helpers_init(void);
void zcrypt_helpers_undo(void);

static inline void
zcrypt_device_status_mask_ext(struct zcrypt_device_status_ext *matrix,
			      int cards, int domains)
{
	zcrypt_status_matrix(matrix, cards, domains);
}
#else
static inline int zcrypt_helpers_init(void)
{
	return 0;
}

static inline void zcrypt_helpers_undo(void)
{
}

static inline void
zcrypt_device_status_mask_ext(struct zcrypt_device_status_ext *matrix)
{
	zcrypt_status_matrix(matrix, MAX_ZDEV_CARDIDS_EXT, MAX_ZDEV_DOMAINS_EXT);
}
#endif

#endif /* _AP_COMPAT_H_ */
