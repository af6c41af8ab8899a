// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: a simulated AP facility for s390x guests
 *
 * Where the machine has no AP instructions they end with an operation
 * exception, of which the kernel tells the die notifiers.  Ours does the
 * instruction instead.  See README.rst.
 */

#define pr_fmt(fmt) "apsim: " fmt

#include <linux/export.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <linux/uaccess.h>
#include <asm/alternative.h>
#include <asm/ap.h>
#include <asm/facility.h>
#include <asm/ptrace.h>

#include "apsim.h"

#define LONGEST_SERVICE_US 10000000

/* Without MPILIB nothing can be computed. */
#define MOST_RSA (IS_REACHABLE(CONFIG_MPILIB) ? APSIM_RSA_KEEP : APSIM_RSA_NONE)
#define USUAL_RSA (IS_REACHABLE(CONFIG_MPILIB) ? APSIM_RSA_COMPUTE : APSIM_RSA_NONE)

#define KNOB(id, what, low, high, preset) \
	[APSIM_KNOB_##id] = { .name = what, .min = low, .max = high, .val = preset }

struct apsim_knob apsim_knobs[APSIM_NR_KNOBS] = {
	KNOB(DOMAINS, "domains", 1, APSIM_MAX_DOMAINS, 4),
	KNOB(DEPTH, "depth", 1, APSIM_MAX_DEPTH, 8),
	KNOB(RESET_MS, "reset_ms", 0, 60000, 20),
	KNOB(IRQ, "irq", 0, 1, 1),
	KNOB(IRQ_US, "irq_us", 0, 10000000, 0),
	KNOB(REORDER, "reorder", 0, 1, 0),
	KNOB(RSA, "rsa", 0, MOST_RSA, USUAL_RSA),
	KNOB(LOG, "log", 0, 1048576, 65536),
	KNOB(SEED, "seed", 0, U32_MAX, 1),
	KNOB(ME_US, "service_us me", 0, LONGEST_SERVICE_US, 0),
	KNOB(CRT_US, "service_us crt", 0, LONGEST_SERVICE_US, 0),
	KNOB(OTHER_US, "service_us other", 0, LONGEST_SERVICE_US, 0),
};
EXPORT_SYMBOL_GPL(apsim_knobs);

/**
 * apsim_knob_set() - set a number that a user gave as text
 * @knob: the number
 * @text: decimal
 *
 * Context: any.
 * Return: 0, or -EINVAL with the old value kept
 */
int apsim_knob_set(struct apsim_knob *knob, const char *text)
{
	u32 val;

	if (kstrtou32(text, 10, &val) || val < knob->min || val > knob->max)
		return -EINVAL;
	WRITE_ONCE(knob->val, val);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_knob_set);

/* One "me=N"; returns how much of the text it was, or -EINVAL. */
static int parse_service(const char *text, s64 *us)
{
	static const char *const keys[] = { "me=", "crt=", "other=" };
	char number[12];
	size_t key, len;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		key = strlen(keys[i]);
		if (strncmp(text, keys[i], key))
			continue;
		len = strcspn(text + key, " ,");
		if (!len || len >= sizeof(number) || us[i] >= 0)
			return -EINVAL;
		strscpy(number, text + key, len + 1);
		if (kstrtos64(number, 10, &us[i]) || us[i] < 0 ||
		    us[i] > LONGEST_SERVICE_US)
			return -EINVAL;
		return key + len;
	}
	return -EINVAL;
}

/**
 * apsim_service_set() - set the times operations take
 * @text: "N" for all, or some of "me=N crt=N other=N"; microseconds; a comma
 *	is as good as a space, which module parameters cannot have
 *
 * Context: any.
 * Return: 0, or -EINVAL with the old values kept
 */
int apsim_service_set(const char *text)
{
	s64 us[] = { -1, -1, -1 };
	int n;
	u32 i, all;

	if (!kstrtou32(text, 10, &all)) {
		if (all > LONGEST_SERVICE_US)
			return -EINVAL;
		for (i = 0; i < ARRAY_SIZE(us); i++)
			us[i] = all;
	} else {
		do {
			n = parse_service(text, us);
			if (n < 0)
				return n;
			text += n;
			if (*text && !*++text)
				return -EINVAL;
		} while (*text);
	}
	for (i = 0; i < ARRAY_SIZE(us); i++)
		if (us[i] >= 0)
			WRITE_ONCE(apsim_knobs[APSIM_KNOB_ME_US + i].val, us[i]);
	return 0;
}
EXPORT_SYMBOL_GPL(apsim_service_set);

/* ---- module parameters ---- */

static int set_number(const char *val, const struct kernel_param *kp)
{
	struct apsim_knob *knob = kp->arg;
	char text[16];
	int rc = -EINVAL;

	if (val && strlen(val) < sizeof(text)) {
		strscpy(text, val, sizeof(text));
		rc = apsim_knob_set(knob, strim(text));
	}
	if (rc)
		pr_err("parameter %s=%s: %u..%u\n", knob->name, val ?: "",
		       knob->min, knob->max);
	return rc;
}

static int get_number(char *buf, const struct kernel_param *kp)
{
	const struct apsim_knob *knob = kp->arg;

	return sysfs_emit(buf, "%u\n", READ_ONCE(knob->val));
}

static const struct kernel_param_ops number_ops = {
	.set = set_number,
	.get = get_number,
};

static int set_service(const char *val, const struct kernel_param *kp)
{
	char text[64];
	int rc = -EINVAL;

	if (val && strlen(val) < sizeof(text)) {
		strscpy(text, val, sizeof(text));
		rc = apsim_service_set(strim(text));
	}
	if (rc)
		pr_err("parameter service_us=%s: N or me=N,crt=N,other=N; N 0..%u\n",
		       val ?: "", LONGEST_SERVICE_US);
	return rc;
}

static int get_service(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "me=%u crt=%u other=%u\n",
			  apsim_knob(APSIM_KNOB_ME_US),
			  apsim_knob(APSIM_KNOB_CRT_US),
			  apsim_knob(APSIM_KNOB_OTHER_US));
}

static const struct kernel_param_ops service_ops = {
	.set = set_service,
	.get = get_service,
};

#define NUMBER_PARAM(name, id) \
	module_param_cb(name, &number_ops, &apsim_knobs[APSIM_KNOB_##id], 0444)

static char *cards = "8a,8a";
module_param(cards, charp, 0444);
MODULE_PARM_DESC(cards, "cards from number 0 on: generation 4..8 and a, c or p; N*8a for N of them (8a,8a)");
NUMBER_PARAM(domains, DOMAINS);
MODULE_PARM_DESC(domains, "number of usage and control domains, 1..64 (4)");
NUMBER_PARAM(depth, DEPTH);
MODULE_PARM_DESC(depth, "entries of a queue, 1..16 (8)");
module_param_cb(service_us, &service_ops, NULL, 0444);
MODULE_PARM_DESC(service_us, "microseconds an operation takes, N or me=N,crt=N,other=N (0)");
NUMBER_PARAM(reset_ms, RESET_MS);
MODULE_PARM_DESC(reset_ms, "time a reset takes, 0..60000 (20)");
NUMBER_PARAM(irq, IRQ);
MODULE_PARM_DESC(irq, "have AP interrupts, facility 65 (1)");
NUMBER_PARAM(reorder, REORDER);
MODULE_PARM_DESC(reorder, "replies may come out of order (0)");
NUMBER_PARAM(rsa, RSA);
MODULE_PARM_DESC(rsa, "compute; 0: results are zeroes (1)");
NUMBER_PARAM(log, LOG);
MODULE_PARM_DESC(log, "entries of the log, 0..1048576 (65536)");
NUMBER_PARAM(seed, SEED);
MODULE_PARM_DESC(seed, "of the pseudo-random numbers (1)");

/* ---- the notifier ---- */

/*
 * An operation exception is suppressing, the PSW is behind the instruction
 * and stays there.  When the instruction is to end with another exception
 * the kernel is told its code and goes on as after that one: the exception
 * table first (it is keyed by the address behind the instruction, see
 * ap_qci() in asm/ap.h), then die().
 */
static int on_die(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	unsigned long flags, since = 0;
	u32 insn;
	int pgm;

	if (event != DIE_BPT || regs->int_code >> 16 != sizeof(insn) ||
	    get_kernel_nofault(insn, (u32 *)(regs->psw.addr - sizeof(insn))))
		return NOTIFY_DONE;
	/* Nothing interrupts an instruction: what it raises comes behind it */
	local_irq_save(flags);
	if (apsim_cost_on)
		since = get_tod_clock_fast();
	pgm = apsim_execute(regs, insn);
	if (since)
		apsim_cost_add(APSIM_COST_INSN,
			       get_tod_clock_fast() - since);
	local_irq_restore(flags);
	if (!pgm)
		return NOTIFY_STOP;
	if (pgm > 0)
		regs->int_code = sizeof(insn) << 16 | pgm;
	return NOTIFY_DONE;
}

static struct notifier_block die_notifier = { .notifier_call = on_die };

/* ---- the AP bus comes and goes ---- */

static bool ap_loaded;	/* changed by the module loader only, one at a time */

/**
 * apsim_ap_is_loaded() - is there somebody else who uses the queues
 *
 * Context: any.
 * Return: true while the module "ap" is loaded; when the AP bus is built in
 *	nothing is known and the answer is true, too
 */
bool apsim_ap_is_loaded(void)
{
	return IS_BUILTIN(CONFIG_AP) || READ_ONCE(ap_loaded);
}
EXPORT_SYMBOL_GPL(apsim_ap_is_loaded);

static int on_module(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;

	if (strcmp(mod->name, "ap"))
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING && !ap_loaded) {
		/* fails when we are about to go: then ap must not come */
		if (!try_module_get(THIS_MODULE))
			return notifier_from_errno(-EBUSY);
		WRITE_ONCE(ap_loaded, true);
	} else if (state == MODULE_STATE_GOING && ap_loaded) {
		WRITE_ONCE(ap_loaded, false);
		module_put(THIS_MODULE);
	}
	return NOTIFY_DONE;
}

static struct notifier_block module_notifier = { .notifier_call = on_module };

/* ---- facilities ---- */

#define FACILITY_QCI	12
#define FACILITY_APFT	15
#define FACILITY_IRQ	65

static const u8 our_facilities[] = { FACILITY_QCI, FACILITY_APFT, FACILITY_IRQ };
static unsigned long facilities_set;	/* by index into our_facilities */

/*
 * Built-in code asks for a facility by a branch that was patched when the
 * kernel started; a module's is patched when the module is loaded.
 */
static void patch_built_in_code(void)
{
#ifndef MODULE
	struct alt_instr *alt;
	u32 i;

	for (alt = __alt_instructions; alt < __alt_instructions_end; alt++) {
		for (i = 0; i < ARRAY_SIZE(our_facilities); i++)
			if (alt->type == ALT_TYPE_FACILITY &&
			    alt->data == our_facilities[i])
				__apply_alternatives(alt, alt + 1,
						     ALT_CTX_ALL);
	}
#endif
}

static void set_facilities(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(our_facilities); i++) {
		if (our_facilities[i] == FACILITY_IRQ &&
		    !apsim_knob(APSIM_KNOB_IRQ))
			continue;
		if (__test_facility(our_facilities[i], stfle_fac_list))
			continue;
		__set_facility(our_facilities[i], stfle_fac_list);
		facilities_set |= BIT(i);
	}
	patch_built_in_code();
}

static void clear_facilities(void)
{
	u32 i;

	for_each_set_bit(i, &facilities_set, ARRAY_SIZE(our_facilities))
		__clear_facility(our_facilities[i], stfle_fac_list);
	facilities_set = 0;
}

/* ---- coming and going ---- */

static void take_down(void)
{
	apsim_debugfs_exit();
	apsim_model_stop();
	apsim_workers_stop();
	apsim_model_exit();
	apsim_memo_exit();
	apsim_log_exit();
}

static int build_up(void)
{
	int rc;

	rc = apsim_model_check(cards);
	if (rc)
		return rc;
	rc = apsim_log_init(apsim_knob(APSIM_KNOB_LOG));
	if (rc)
		return rc;
	rc = apsim_workers_start();
	if (rc)
		goto fail;
	apsim_fault_clear();
	apsim_debugfs_init();
	rc = apsim_model_init(cards);
	if (rc == -ENOMEM)
		pr_err("no memory for cards=%s\n", cards);
	if (rc)
		goto fail;
	/* An ap that comes as soon as there are instructions must be seen. */
	rc = register_module_notifier(&module_notifier);
	if (rc)
		goto fail;
	rc = register_die_notifier(&die_notifier);
	if (!rc)
		return 0;
	unregister_module_notifier(&module_notifier);
fail:
	take_down();
	return rc;
}

static int __init apsim_init(void)
{
	int rc;

	if (ap_instructions_available()) {
		pr_err("this machine has AP instructions, nothing to simulate\n");
		return -EEXIST;
	}
	rc = build_up();
	if (rc)
		return rc;
	set_facilities();
	pr_info("cards=%s domains=%u depth=%u irq=%u\n", cards,
		apsim_knob(APSIM_KNOB_DOMAINS), apsim_knob(APSIM_KNOB_DEPTH),
		apsim_knob(APSIM_KNOB_IRQ));
	return 0;
}

/*
 * Nobody is in on_die() once it is unregistered: that waits for it.  Until
 * then on_module() keeps ap from coming.
 */
static void __exit apsim_exit(void)
{
	unregister_die_notifier(&die_notifier);
	clear_facilities();
	unregister_module_notifier(&module_notifier);
	take_down();
}

/* Built in, it has to be there before the AP bus looks for instructions. */
subsys_initcall(apsim_init);
module_exit(apsim_exit);

MODULE_DESCRIPTION("Simulated AP facility");
MODULE_LICENSE("GPL");
