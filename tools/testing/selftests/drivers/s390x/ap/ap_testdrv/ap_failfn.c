// SPDX-License-Identifier: GPL-2.0
/*
 * What of the driver core and its like fail_function may let fail, see
 * Documentation/fault-injection/fault-injection.rst. A list and nothing else.
 *
 * All of these are called by the AP bus or by zcrypt, say in their return value
 * that they have failed, have done nothing then, and can fail without one of
 * their allocations having failed: a name is taken, a limit reached.
 *
 * device_register() is not here: who calls it has to put the device when it has
 * failed, so it must have come to its device_initialize(). Its other half is
 * device_add().
 */
#include <linux/cdev.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/error-injection.h>
#include <linux/fs.h>
#include <linux/hw_random.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <asm/airq.h>
#include <asm/chsc.h>
#include <asm/debug.h>

ALLOW_ERROR_INJECTION(__kmem_cache_create_args, NULL);
ALLOW_ERROR_INJECTION(__root_device_register, ERRNO);
ALLOW_ERROR_INJECTION(airq_iv_create, NULL);
ALLOW_ERROR_INJECTION(alloc_chrdev_region, ERRNO);
ALLOW_ERROR_INJECTION(bus_register, ERRNO);
ALLOW_ERROR_INJECTION(cdev_add, ERRNO);
ALLOW_ERROR_INJECTION(chsc_notifier_register, ERRNO);
ALLOW_ERROR_INJECTION(class_register, ERRNO);
ALLOW_ERROR_INJECTION(debug_register, NULL);
ALLOW_ERROR_INJECTION(debugfs_create_dir, ERRNO);
ALLOW_ERROR_INJECTION(device_add, ERRNO);
ALLOW_ERROR_INJECTION(driver_register, ERRNO);
ALLOW_ERROR_INJECTION(hwrng_register, ERRNO);
ALLOW_ERROR_INJECTION(kthread_create_on_node, ERRNO);
ALLOW_ERROR_INJECTION(misc_register, ERRNO);
ALLOW_ERROR_INJECTION(register_adapter_interrupt, ERRNO);
ALLOW_ERROR_INJECTION(sysfs_create_group, ERRNO);

MODULE_DESCRIPTION("Functions that may be made to fail");
MODULE_LICENSE("GPL");
