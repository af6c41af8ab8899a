/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of a kernel as zcrypt's request path needs to run in a program of the
 * host. Included before all else in each file. What tools/include has is taken
 * from there, the rest is here; headers of which nothing is needed are empty.
 *
 * User space is a few pieces of memory in fuzz_msg.c, whose addresses are no
 * pointers: who does not go through copy_from_user() and copy_to_user() is
 * stopped by the machine.
 */
#ifndef _FUZZ_KERNEL_H
#define _FUZZ_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/ioctl.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

#define CONFIG_COMPAT	1

#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX
#define WARN_ON_ONCE(cond)	({ assert(!(cond)); 0; })
#define ERESTARTSYS	512
#define HZ		100
#define KBUILD_MODNAME	"zcrypt"

#define MODULE_DESCRIPTION(...)
#define MODULE_LICENSE(...)
#define EXPORT_TRACEPOINT_SYMBOL(...)
#define THIS_MODULE	NULL
#define module_init(f)	int (*const fuzz_init_##f)(void) = f
#define module_exit(f)	void (*const fuzz_exit_##f)(void) = f

#define atomic_read(v)	((v)->counter)
#define ATOMIC_INIT(n)	{ (n) }

struct atomic64 {
	s64 counter;
};

#define atomic64_t	struct atomic64

/* What is only ever a part of something else */
struct device {
	const struct device_type *type;
};

struct device_driver {
	int unused;
};

struct hrtimer {
	int unused;
};

struct work_struct {
	int unused;
};

struct timer_list {
	int unused;
};

struct rcu_head {
	int unused;
};

struct kref {
	int unused;
};

/* There is one thread */
struct mutex {
	int unused;
};

struct completion {
	int unused;
};

struct module;
struct inode;
struct debug_info;

#define debug_info_t		struct debug_info
#define seqcount_mutex_t	struct mutex
#define mempool_t		struct mempool
#define __rcu

#define DEFINE_MUTEX(name)	struct mutex name
#define mutex_lock_interruptible(m)	((void)(m), 0)
#define mutex_unlock(m)		((void)(m))

/* Memory: each piece as long as was asked for, and counted */
struct mempool {
	size_t size;
};

void *fuzz_alloc(size_t size);
void *fuzz_zeroes(size_t size);
void *fuzz_clean(size_t size);
void fuzz_free(void *p);
void *fuzz_spare(void **at, void *buf);

struct kmem_cache {
	size_t size;
};

#define SLAB_HWCACHE_ALIGN	0
#define kmem_cache_create_usercopy(name, size, ...)	((void)(name), fuzz_cache(size))
#define kmem_cache_destroy(cache)	free(cache)
#define kmem_cache_alloc(cache, ...)	fuzz_clean((cache)->size)
#define kmem_cache_free(cache, p)	((void)(cache), fuzz_free(p))
#define kmalloc(size, ...)	fuzz_alloc(size)
#define kvmalloc(size, ...)	fuzz_alloc(size)
#define kvzalloc(size, ...)	fuzz_zeroes(size)
#define kfree(p)		fuzz_free(p)
#define kvfree(p)		fuzz_free(p)
#define kfree_sensitive(p)	fuzz_free(p)
#define memzero_explicit(p, n)	memset(p, 0, n)
#define mempool_create_kmalloc_pool(nr, size)	((void)(nr), fuzz_pool(size))
#define mempool_destroy(pool)	free(pool)
#define mempool_alloc_preallocated(pool)	fuzz_alloc((pool)->size)
#define mempool_free(p, ...)	fuzz_free(p)

static inline struct kmem_cache *fuzz_cache(size_t size)
{
	struct kmem_cache *cache = malloc(sizeof(*cache));

	cache->size = size;
	return cache;
}

static inline struct mempool *fuzz_pool(size_t size)
{
	struct mempool *pool = malloc(sizeof(*pool));

	pool->size = size;
	return pool;
}

/* One CPU; DEFINE_PER_CPU is defined for the compiler, scripts/fuzz */
#define per_cpu(var, ...)		(var)
/* Only for an end that never comes */
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; 0; )
#define this_cpu_xchg(var, val)		fuzz_spare(&(var), val)
#define this_cpu_inc_return(var)	(++(var))
#define get_cpu()			0
#define put_cpu()

/* User space */
#define compat_uptr_t	u32
#define compat_ptr(p)	((void *)(uintptr_t)(p))

unsigned long copy_from_user(void *to, const void *from, unsigned long n);
unsigned long copy_to_user(void *to, const void *from, unsigned long n);

#define put_user(val, to) ({						\
	typeof(val) fuzz_val = (val);					\
	copy_to_user(to, &fuzz_val, sizeof(fuzz_val)) ? -EFAULT : 0;	\
})

static inline unsigned long array_index_nospec(unsigned long index,
					       unsigned long size)
{
	return index < size ? index : 0;
}

/* Bit 0 is the leftmost */
static inline int test_bit_inv(unsigned long nr, const unsigned long *map)
{
	return map[nr / BITS_PER_LONG] >>
	       (BITS_PER_LONG - 1 - nr % BITS_PER_LONG) & 1;
}

/* Time passes, and signals come, as the case says */
extern unsigned long jiffies;
bool fuzz_signal_pending(void);
long fuzz_wait(struct completion *work);
long fuzz_wait_on(struct completion *work);

#define msecs_to_jiffies(ms)	((ms) / (1000 / HZ))
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define msleep_interruptible(...)
#define current			NULL
#define signal_pending(...)	fuzz_signal_pending()
#define init_completion(...)
#define complete(...)
#define wait_for_completion_interruptible_timeout(work, limit)		\
	((void)(limit), fuzz_wait(work))
#define wait_for_completion_killable_timeout(work, ...)	fuzz_wait_on(work)

/* Texts: nobody reads them, but each argument is looked at */
__printf(1, 2) void fuzz_text(const char *fmt, ...);

#define DBF_VIEW	0
#define debug_sprintf_event(id, level, ...)	((void)(level), (void)(id), fuzz_text(__VA_ARGS__))
#define pr_err_ratelimited(...)			fuzz_text(__VA_ARGS__)
#define debug_register(...)			((struct debug_info *)1)
#define debug_register_view(...)
#define debug_set_level(...)
#define debug_unregister(...)

#define TP_ICARSAMODEXPO	1
#define TP_ICARSACRT		2
#define TB_ZSECSENDCPRB		3
#define TP_ZSENDEP11CPRB	4
#define TP_HWRNGCPRB		5
#define TRACE_EVENT(...)
#define trace_s390_zcrypt_req(...)
#define trace_s390_zcrypt_send(...)
#define trace_s390_zcrypt_rep(block, ...)				\
	((void)(block), fuzz_text("%u %ld %u %u", __VA_ARGS__))

/* Device nodes */
struct file {
	void *private_data;
};

struct file_operations {
	struct module *owner;
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	ssize_t (*read)(struct file *file, char *buf, size_t count, loff_t *pos);
	ssize_t (*write)(struct file *file, const char *buf, size_t count,
			 loff_t *pos);
	long (*unlocked_ioctl)(struct file *file, unsigned int cmd,
			       unsigned long arg);
	long (*compat_ioctl)(struct file *file, unsigned int cmd,
			     unsigned long arg);
};

struct miscdevice {
	const char *name;
	int minor;
	const struct file_operations *fops;
};

#define MISC_DYNAMIC_MINOR	255
#define misc_register(misc)	((void)(misc), 0)
#define misc_deregister(...)
#define stream_open(...)	0

/* The hardware */
#define ap_qid_t		unsigned int
#define AP_MKQID(card, queue)	((card) << 8 | (queue))
#define AP_QID_CARD(qid)	((qid) >> 8 & 0xff)
#define AP_QID_QUEUE(qid)	((qid) & 0xff)

struct ap_tapq_hwinfo {
	bool accel;
	bool ep11;
};

struct ap_config_info {
	int unused;
};

/* Nothing here looks at what an instruction answers; a header does */
struct ap_queue_status {
	int response_code;
	int async;
};

struct ap_device_id;

void module_put(struct module *module);

/* zcrypt_api.c's module_init() */
extern int (*const fuzz_init_zcrypt_init)(void);

#endif /* _FUZZ_KERNEL_H */
