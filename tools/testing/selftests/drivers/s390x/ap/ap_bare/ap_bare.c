// SPDX-License-Identifier: GPL-2.0
/*
 * ap_bare: an RSA request with no AP bus and no zcrypt
 *
 * The limit that a driver is measured against: the ioctl of zcrypt for modulus
 * and exponent, one request at a time, to one queue that is named when the
 * module is loaded, with nothing that a driver of many queues and many programs
 * needs. What remains is copying between the program and the message, NQAP, a
 * sleep and a wake-up where the reply takes time, DQAP, copying back. The module
 * "ap" must not be loaded.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/airq.h>
#include <asm/ap.h>
#include <asm/isc.h>
#include <asm/zcrypt.h>

static unsigned int apqn;
module_param(apqn, uint, 0444);
MODULE_PARM_DESC(apqn, "card << 8 | domain (0)");
static bool irq;
module_param(irq, bool, 0444);
MODULE_PARM_DESC(irq, "wait for an interrupt (0)");
static unsigned int wait_us;
module_param(wait_us, uint, 0444);
MODULE_PARM_DESC(wait_us, "without interrupts: sleep that long after NQAP (0)");

#define FIELD		256	/* format 2 of a type 50 message: up to 2048 bits */
#define HEAD		16
#define MESSAGE		(HEAD + 3 * FIELD)
#define REPLY		(HEAD + FIELD)
#define PATIENCE	(10 * HZ)

static DEFINE_MUTEX(one_at_a_time);
static DECLARE_COMPLETION(replied);
static u8 message[MESSAGE] __aligned(8);
static u8 reply[REPLY] __aligned(8);
static unsigned long psmid;

static void on_interrupt(struct airq_struct *airq, struct tpi_info *tpi_info)
{
	xchg(airq->lsi_ptr, 0);
	complete(&replied);
}

static struct airq_struct bare_airq = {
	.handler = on_interrupt,
	.isc = AP_ISC,
};

static int bare_wait(void)
{
	ktime_t delay = ns_to_ktime(wait_us * 1000ULL);

	if (irq)
		return wait_for_completion_timeout(&replied, PATIENCE) ? 0 : -EIO;
	if (wait_us) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_hrtimeout_range(&delay, 0, HRTIMER_MODE_REL);
	}
	return 0;
}

/* Also before it is noticed by timer: it can be a moment late */
static int bare_receive(void)
{
	struct ap_queue_status status;
	unsigned long id, deadline = jiffies + PATIENCE;
	size_t len;

	do {
		status = ap_dqap(apqn, &id, reply, sizeof(reply), &len, NULL, NULL);
		if (!status.response_code)
			return id == psmid ? 0 : -EIO;
		if (status.response_code != 0x10)
			return -EIO;
	} while (time_before(jiffies, deadline));
	return -EIO;
}

static int bare_send(const struct ica_rsa_modexpo *me)
{
	unsigned int len = me->inputdatalength;
	u8 *end = message + HEAD;
	int rc;

	memset(message, 0, sizeof(message));
	message[1] = 0x50;
	*(u16 *)(message + 2) = sizeof(message);
	*(u16 *)(message + 8) = 2;
	end += FIELD;
	rc = copy_from_user(end - len, me->b_key, len);
	end += FIELD;
	rc |= copy_from_user(end - len, me->n_modulus, len);
	end += FIELD;
	rc |= copy_from_user(end - len, me->inputdata, len);
	if (rc)
		return -EFAULT;
	if (ap_nqap(apqn, ++psmid, message, sizeof(message)).response_code)
		return -EIO;
	return 0;
}

static int bare_request(struct ica_rsa_modexpo *me)
{
	int rc;

	if (me->inputdatalength > FIELD || !me->inputdatalength ||
	    me->outputdatalength < me->inputdatalength)
		return -EINVAL;
	rc = bare_send(me) ?: bare_wait() ?: bare_receive();
	if (rc)
		return rc;
	if (reply[1] != 0x80)
		return -EIO;
	if (copy_to_user(me->outputdata, reply + REPLY - me->inputdatalength,
			 me->inputdatalength))
		return -EFAULT;
	return 0;
}

static long bare_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ica_rsa_modexpo me;
	int rc;

	if (cmd != ICARSAMODEXPO)
		return -ENOTTY;
	if (copy_from_user(&me, (void __user *)arg, sizeof(me)))
		return -EFAULT;
	if (mutex_lock_killable(&one_at_a_time))
		return -EINTR;
	rc = bare_request(&me);
	mutex_unlock(&one_at_a_time);
	return rc;
}

static const struct file_operations bare_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bare_ioctl,
};

static struct miscdevice bare_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ap_bare",
	.fops = &bare_fops,
};

static int bare_reset(void)
{
	unsigned long deadline = jiffies + PATIENCE;
	struct ap_queue_status status;

	if (ap_zapq(apqn, 0).response_code)
		return -EIO;
	do {
		usleep_range(500, 1000);
		status = ap_tapq(apqn, NULL);
		if (!status.response_code)
			return 0;
	} while (time_before(jiffies, deadline));
	return -EIO;
}

static int bare_enable(void)
{
	union ap_qirq_ctrl ctrl = { .ir = 1, .isc = AP_ISC };
	unsigned long deadline = jiffies + PATIENCE;

	if (ap_aqic(apqn, ctrl, virt_to_phys(bare_airq.lsi_ptr)).response_code)
		return -EIO;
	while (!ap_tapq(apqn, NULL).irq_enabled) {
		if (time_after(jiffies, deadline))
			return -EIO;
		usleep_range(500, 1000);
	}
	return 0;
}

static int __init bare_init(void)
{
	int rc;

	rc = bare_reset();
	if (rc)
		return rc;
	if (irq) {
		rc = register_adapter_interrupt(&bare_airq);
		if (rc)
			return rc;
		rc = bare_enable();
	}
	if (!rc)
		rc = misc_register(&bare_misc);
	if (rc && irq) {
		bare_reset();
		unregister_adapter_interrupt(&bare_airq);
	}
	return rc;
}

static void __exit bare_exit(void)
{
	misc_deregister(&bare_misc);
	/* Ends the interrupts, too */
	bare_reset();
	if (irq)
		unregister_adapter_interrupt(&bare_airq);
}

module_init(bare_init);
module_exit(bare_exit);

MODULE_DESCRIPTION("An RSA request without the AP bus");
MODULE_LICENSE("GPL");
