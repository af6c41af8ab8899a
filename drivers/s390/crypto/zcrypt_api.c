// SPDX-License-Identifier: GPL-2.0
/*
 * The ways into zcrypt: ioctls of programs, native and of 31 bits, and calls of
 * the kernel's key handlers. All that is done here is to turn what they bring
 * into a description of the request, see zcrypt_request.h.
 */
#define pr_fmt(fmt) "zcrypt: " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>

#include "zcrypt_debug.h"
#include "zcrypt_ccamisc.h"
#include "zcrypt_ep11misc.h"
#include "zcrypt_msgtype50.h"
#include "zcrypt_msgtype6.h"
#include "zcrypt_request.h"

MODULE_DESCRIPTION("Requests to AP cryptographic adapters");
MODULE_LICENSE("GPL");

debug_info_t *zcrypt_dbf_info;

/*
 * Message types. There are few, and they all are part of this module.
 */
static const struct zcrypt_ops *const msgtypes[] = {
	&zcrypt_msgtype50_ops,
	&zcrypt_msgtype6_ops,
	&zcrypt_msgtype6_ep11_ops,
};

/**
 * zcrypt_msgtype() - find a message type
 * @name: its name
 * @variant: its variant
 *
 * Context: any.
 * Return: the type, or NULL.
 */
const struct zcrypt_ops *zcrypt_msgtype(const char *name, int variant)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(msgtypes); i++)
		if (msgtypes[i]->variant == variant &&
		    !strcmp(msgtypes[i]->name, name))
			return msgtypes[i];
	return NULL;
}
EXPORT_SYMBOL(zcrypt_msgtype);

/*
 * Ioctls that are requests.
 */
union zcrypt_block {
	struct ica_rsa_modexpo me;
	struct ica_rsa_modexpo_crt crt;
	struct ica_xcRB xcrb;
	struct ep11_urb urb;
};

/**
 * struct zcrypt_form - what the argument of an ioctl looks like
 * @cmd: the ioctl
 * @op: the request it is
 * @load: fetch it; returns 0 or -EFAULT
 * @store: hand back what is new in it; returns 0 or -EFAULT
 * @store_always: also if the request has failed
 */
struct zcrypt_form {
	unsigned int cmd;
	enum zcrypt_op op;
	int (*load)(union zcrypt_block *block, void __user *arg);
	int (*store)(const union zcrypt_block *block, void __user *arg);
	bool store_always;
};

static int load_me(union zcrypt_block *block, void __user *arg)
{
	return copy_from_user(&block->me, arg, sizeof(block->me)) ? -EFAULT : 0;
}

static int store_me(const union zcrypt_block *block, void __user *arg)
{
	struct ica_rsa_modexpo __user *me = arg;

	return put_user(block->me.outputdatalength, &me->outputdatalength);
}

static int load_crt(union zcrypt_block *block, void __user *arg)
{
	return copy_from_user(&block->crt, arg, sizeof(block->crt)) ? -EFAULT : 0;
}

static int store_crt(const union zcrypt_block *block, void __user *arg)
{
	struct ica_rsa_modexpo_crt __user *crt = arg;

	return put_user(block->crt.outputdatalength, &crt->outputdatalength);
}

static int load_xcrb(union zcrypt_block *block, void __user *arg)
{
	return copy_from_user(&block->xcrb, arg, sizeof(block->xcrb)) ? -EFAULT : 0;
}

static int store_xcrb(const union zcrypt_block *block, void __user *arg)
{
	return copy_to_user(arg, &block->xcrb, sizeof(block->xcrb)) ? -EFAULT : 0;
}

static int load_urb(union zcrypt_block *block, void __user *arg)
{
	return copy_from_user(&block->urb, arg, sizeof(block->urb)) ? -EFAULT : 0;
}

static int store_urb(const union zcrypt_block *block, void __user *arg)
{
	return copy_to_user(arg, &block->urb, sizeof(block->urb)) ? -EFAULT : 0;
}

static const struct zcrypt_form native_forms[] = {
	{ ICARSAMODEXPO, ZCRYPT_OP_ME, load_me, store_me },
	{ ICARSACRT, ZCRYPT_OP_CRT, load_crt, store_crt },
	{ ZSECSENDCPRB, ZCRYPT_OP_CPRB, load_xcrb, store_xcrb, true },
	{ ZSENDEP11CPRB, ZCRYPT_OP_EP11, load_urb, store_urb, true },
};

static bool ioctl_admitted(const struct ap_perms *perms, unsigned int cmd)
{
	unsigned int nr = array_index_nospec(_IOC_NR(cmd), AP_IOCTLS);

	return nr && test_bit_inv(nr, perms->ioctlm);
}

static long request_ioctl(const struct zcrypt_form *form,
			  const struct ap_perms *perms, void __user *arg)
{
	union zcrypt_block block;
	struct zcrypt_request req = {
		.op = form->op,
		.block = &block,
		.xflags = ZCRYPT_XFLAG_USERSPACE,
		.perms = perms,
	};
	long rc;

	rc = form->load(&block, arg);
	if (rc)
		return rc;
	rc = zcrypt_send_request(&req);
	if ((!rc || form->store_always) && form->store(&block, arg))
		rc = -EFAULT;
	return rc;
}

static long zcrypt_ioctl(const struct zcrypt_form *form, size_t nr_forms,
			 struct file *file, unsigned int cmd, void __user *arg)
{
	const struct ap_perms *perms = file->private_data;
	size_t i;

	if (!ioctl_admitted(perms, cmd)) {
		ZCRYPT_DBF_WARN("ioctl 0x%08x is not admitted\n", cmd);
		return -EPERM;
	}
	for (i = 0; i < nr_forms; i++)
		if (form[i].cmd == cmd)
			return request_ioctl(&form[i], perms, arg);
	return zcrypt_status_ioctl(cmd, arg);
}

static long zcrypt_native_ioctl(struct file *file, unsigned int cmd,
				unsigned long arg)
{
	return zcrypt_ioctl(native_forms, ARRAY_SIZE(native_forms), file, cmd,
			    (void __user *)arg);
}

#ifdef CONFIG_COMPAT
/*
 * The same for programs of 31 bits. What has no pointers in it is the same, and
 * an EP11 request has always been taken in its 64-bit form only.
 */
struct compat_rsa_modexpo {
	compat_uptr_t inputdata;
	u32 inputdatalength;
	compat_uptr_t outputdata;
	u32 outputdatalength;
	compat_uptr_t key[2];
};

struct compat_rsa_modexpo_crt {
	compat_uptr_t inputdata;
	u32 inputdatalength;
	compat_uptr_t outputdata;
	u32 outputdatalength;
	compat_uptr_t key[5];
};

/* A pointer at the end of 16 bytes */
struct compat_wide_ptr {
	u8 pad[16 - sizeof(compat_uptr_t)];
	compat_uptr_t ptr;
} __packed;

struct compat_xcrb {
	u16 agent_id;
	u32 user_defined;
	u16 request_id;
	u32 request_control_len;
	struct compat_wide_ptr request_control;
	u32 request_data_len;
	struct compat_wide_ptr request_data;
	u32 reply_control_len;
	struct compat_wide_ptr reply_control;
	u32 reply_data_len;
	struct compat_wide_ptr reply_data;
	u16 priority_window;
	u32 status;
} __packed;

static_assert(sizeof(struct compat_xcrb) == 94);

static int load_me31(union zcrypt_block *block, void __user *arg)
{
	struct compat_rsa_modexpo me;

	if (copy_from_user(&me, arg, sizeof(me)))
		return -EFAULT;
	block->me = (struct ica_rsa_modexpo) {
		.inputdata = compat_ptr(me.inputdata),
		.inputdatalength = me.inputdatalength,
		.outputdata = compat_ptr(me.outputdata),
		.outputdatalength = me.outputdatalength,
		.b_key = compat_ptr(me.key[0]),
		.n_modulus = compat_ptr(me.key[1]),
	};
	return 0;
}

static int store_me31(const union zcrypt_block *block, void __user *arg)
{
	struct compat_rsa_modexpo __user *me = arg;

	return put_user(block->me.outputdatalength, &me->outputdatalength);
}

static int load_crt31(union zcrypt_block *block, void __user *arg)
{
	struct compat_rsa_modexpo_crt crt;

	if (copy_from_user(&crt, arg, sizeof(crt)))
		return -EFAULT;
	block->crt = (struct ica_rsa_modexpo_crt) {
		.inputdata = compat_ptr(crt.inputdata),
		.inputdatalength = crt.inputdatalength,
		.outputdata = compat_ptr(crt.outputdata),
		.outputdatalength = crt.outputdatalength,
		.bp_key = compat_ptr(crt.key[0]),
		.bq_key = compat_ptr(crt.key[1]),
		.np_prime = compat_ptr(crt.key[2]),
		.nq_prime = compat_ptr(crt.key[3]),
		.u_mult_inv = compat_ptr(crt.key[4]),
	};
	return 0;
}

static int store_crt31(const union zcrypt_block *block, void __user *arg)
{
	struct compat_rsa_modexpo_crt __user *crt = arg;

	return put_user(block->crt.outputdatalength, &crt->outputdatalength);
}

static int load_xcrb31(union zcrypt_block *block, void __user *arg)
{
	struct compat_xcrb xcrb;

	if (copy_from_user(&xcrb, arg, sizeof(xcrb)))
		return -EFAULT;
	block->xcrb = (struct ica_xcRB) {
		.agent_ID = xcrb.agent_id,
		.user_defined = xcrb.user_defined,
		.request_ID = xcrb.request_id,
		.request_control_blk_length = xcrb.request_control_len,
		.request_control_blk_addr = compat_ptr(xcrb.request_control.ptr),
		.request_data_length = xcrb.request_data_len,
		.request_data_address = compat_ptr(xcrb.request_data.ptr),
		.reply_control_blk_length = xcrb.reply_control_len,
		.reply_control_blk_addr = compat_ptr(xcrb.reply_control.ptr),
		.reply_data_length = xcrb.reply_data_len,
		.reply_data_addr = compat_ptr(xcrb.reply_data.ptr),
		.priority_window = xcrb.priority_window,
		.status = xcrb.status,
	};
	return 0;
}

static int store_xcrb31(const union zcrypt_block *block, void __user *arg)
{
	struct compat_xcrb __user *xcrb = arg;

	if (put_user(block->xcrb.reply_control_blk_length,
		     &xcrb->reply_control_len) ||
	    put_user(block->xcrb.reply_data_length, &xcrb->reply_data_len) ||
	    put_user(block->xcrb.status, &xcrb->status))
		return -EFAULT;
	return 0;
}

static const struct zcrypt_form compat_forms[] = {
	{ ICARSAMODEXPO, ZCRYPT_OP_ME, load_me31, store_me31 },
	{ ICARSACRT, ZCRYPT_OP_CRT, load_crt31, store_crt31 },
	{ ZSECSENDCPRB, ZCRYPT_OP_CPRB, load_xcrb31, store_xcrb31, true },
	{ ZSENDEP11CPRB, ZCRYPT_OP_EP11, load_urb, store_urb, true },
};

static long zcrypt_compat_ioctl(struct file *file, unsigned int cmd,
				unsigned long arg)
{
	return zcrypt_ioctl(compat_forms, ARRAY_SIZE(compat_forms), file, cmd,
			    compat_ptr(arg));
}
#endif /* CONFIG_COMPAT */

/*
 * Files.
 */
static int zcrypt_open(struct inode *inode, struct file *file)
{
	int rc = zcrypt_node_open(inode, file);

	if (rc)
		return rc;
	zcrypt_status_opened(1);
	return stream_open(inode, file);
}

static int zcrypt_release(struct inode *inode, struct file *file)
{
	zcrypt_status_opened(-1);
	return zcrypt_node_release(inode, file);
}

/* Programs of old look for these errors */
static ssize_t zcrypt_no_read(struct file *file, char __user *buf, size_t count,
			      loff_t *pos)
{
	return -EPERM;
}

static ssize_t zcrypt_no_write(struct file *file, const char __user *buf,
			       size_t count, loff_t *pos)
{
	return -EPERM;
}

static const struct file_operations zcrypt_fops = {
	.owner = THIS_MODULE,
	.open = zcrypt_open,
	.release = zcrypt_release,
	.read = zcrypt_no_read,
	.write = zcrypt_no_write,
	.unlocked_ioctl = zcrypt_native_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = zcrypt_compat_ioctl,
#endif
};

static struct miscdevice zcrypt_misc = {
	.name = "z90crypt",
	.minor = MISC_DYNAMIC_MINOR,
	.fops = &zcrypt_fops,
};

/*
 * In the kernel.
 */

/**
 * zcrypt_send_cprb() - have a CCA card do something
 * @xcrb: the request, and lengths and status of the reply
 * @xflags: ZCRYPT_XFLAG_*
 *
 * Context: process, sleeps; the caller uses all cards and domains.
 * Return: 0 or an errno, see zcrypt_send_request().
 */
long zcrypt_send_cprb(struct ica_xcRB *xcrb, u32 xflags)
{
	struct zcrypt_request req = {
		.op = ZCRYPT_OP_CPRB,
		.xcrb = xcrb,
		.xflags = xflags,
		.perms = &ap_perms,
	};

	return zcrypt_send_request(&req);
}
EXPORT_SYMBOL(zcrypt_send_cprb);

/**
 * zcrypt_send_ep11_cprb() - have an EP11 card do something
 * @urb: the request, and the length of the reply
 * @xflags: ZCRYPT_XFLAG_*
 *
 * Context: process, sleeps; the caller uses all cards and domains.
 * Return: 0 or an errno, see zcrypt_send_request().
 */
long zcrypt_send_ep11_cprb(struct ep11_urb *urb, u32 xflags)
{
	struct zcrypt_request req = {
		.op = ZCRYPT_OP_EP11,
		.urb = urb,
		.xflags = xflags,
		.perms = &ap_perms,
	};

	return zcrypt_send_request(&req);
}
EXPORT_SYMBOL(zcrypt_send_ep11_cprb);

/**
 * zcrypt_wait_api_operational() - wait for the bus to have found its queues
 *
 * The first one to ask waits for up to ZCRYPT_WAIT_BINDINGS_COMPLETE_MS. What
 * came of that is what all others are told.
 *
 * Context: process, sleeps.
 * Return: 0; -ETIME: it took too long; -EINTR: a signal came, ask again.
 */
int zcrypt_wait_api_operational(void)
{
	const unsigned long limit =
		msecs_to_jiffies(ZCRYPT_WAIT_BINDINGS_COMPLETE_MS);
	static DEFINE_MUTEX(mutex);
	static bool decided;
	static int verdict;
	int rc;

	if (mutex_lock_interruptible(&mutex))
		return -EINTR;
	rc = verdict;
	if (!decided) {
		rc = ap_wait_apqn_bindings_complete(limit);
		decided = !rc || rc == -ETIME;
		if (decided)
			verdict = rc;
		if (rc == -ETIME)
			ZCRYPT_DBF_WARN("the bus has not bound all queues in time\n");
	}
	mutex_unlock(&mutex);
	return rc;
}
EXPORT_SYMBOL(zcrypt_wait_api_operational);

/*
 * Module.
 */

/**
 * zcrypt_debug_init() - register with the s390 debug feature
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int __init zcrypt_debug_init(void)
{
	zcrypt_dbf_info = debug_register("zcrypt", 2, 1,
					 ZCRYPT_DBF_MAX_SPRINTF_ARGS *
					 sizeof(long));
	if (!zcrypt_dbf_info)
		return -ENOMEM;
	debug_register_view(zcrypt_dbf_info, &debug_sprintf_view);
	debug_set_level(zcrypt_dbf_info, DBF_ERR);
	return 0;
}

/**
 * zcrypt_debug_exit() - the reverse
 *
 * Context: module exit, or init that failed.
 */
void zcrypt_debug_exit(void)
{
	debug_unregister(zcrypt_dbf_info);
}

static int __init zcrypt_init(void)
{
	int rc;

	zcrypt_pool_init(&zcrypt_pool);
	rc = zcrypt_debug_init();
	if (rc)
		return rc;
	rc = zcrypt_helpers_init();
	if (rc)
		goto no_helpers;
	rc = zcrypt_buffers_init();
	if (rc)
		goto no_buffers;
	rc = zcrypt_node_init(&zcrypt_fops);
	if (rc)
		goto no_nodes;
	rc = misc_register(&zcrypt_misc);
	if (!rc)
		return 0;
	zcrypt_node_exit();
no_nodes:
	zcrypt_buffers_exit();
no_buffers:
	zcrypt_helpers_undo();
no_helpers:
	zcrypt_debug_exit();
	return rc;
}

static void __exit zcrypt_exit(void)
{
	misc_deregister(&zcrypt_misc);
	zcrypt_node_exit();
	zcrypt_ccamisc_exit();
	zcrypt_ep11misc_exit();
	zcrypt_buffers_exit();
	zcrypt_debug_exit();
}

module_init(zcrypt_init);
module_exit(zcrypt_exit);
