// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the memory that instructions name
 *
 * Where an operand is ordinary RAM the access is shown to KASAN and KCSAN, so
 * that a driver that hands a freed buffer to NQAP or DQAP is found.  Everything
 * else is copied with care, and a bad address ends the instruction, not apsim.
 */

#include <linux/instrumented.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/uaccess.h>

#include "apsim.h"

/* The first two pages are the low core; no device may write there. */
#define LOWEST_ADDRESS 0x2000UL

static bool is_plain_ram(unsigned long addr, size_t len)
{
	return addr + len - 1 >= addr &&
	       virt_addr_valid((void *)addr) &&
	       virt_addr_valid((void *)(addr + len - 1));
}

static bool put_carefully(u8 *dst, const u8 *src, size_t len)
{
	pagefault_disable();
	while (len--) {
		__put_kernel_nofault(dst, src, u8, fault);
		dst++;
		src++;
	}
	pagefault_enable();
	return true;
fault:
	pagefault_enable();
	return false;
}

/**
 * apsim_mem_get() - fetch from where an instruction's operand is
 * @dst: where to
 * @addr: kernel address, anything
 * @len: bytes, not 0
 *
 * Context: any.
 * Return: false when it cannot be read
 */
bool apsim_mem_get(void *dst, unsigned long addr, size_t len)
{
	if (!is_plain_ram(addr, len))
		return !copy_from_kernel_nofault(dst, (void *)addr, len);
	/* memcpy() itself is not checked with every compiler */
	instrument_read((void *)addr, len);
	memcpy(dst, (void *)addr, len);
	return true;
}

/**
 * apsim_mem_put() - store to where an instruction's operand is
 * @addr: kernel address, anything
 * @src: what to store
 * @len: bytes, not 0
 *
 * Context: any.
 * Return: false when it cannot be written
 */
bool apsim_mem_put(unsigned long addr, const void *src, size_t len)
{
	if (!is_plain_ram(addr, len))
		return put_carefully((u8 *)addr, src, len);
	instrument_write((void *)addr, len);
	memcpy((void *)addr, src, len);
	return true;
}

/**
 * apsim_mem_byte_ok() - can a notification byte be there
 * @abs: absolute address as AQIC got it
 *
 * Context: any.
 * Return: true when it is in RAM above the low core
 */
bool apsim_mem_byte_ok(unsigned long abs)
{
	u8 byte;

	return abs >= LOWEST_ADDRESS && pfn_valid(PFN_DOWN(abs)) &&
	       !get_kernel_nofault(byte, (u8 *)__va(abs));
}

/**
 * apsim_mem_set_byte() - set a notification byte
 * @abs: absolute address that apsim_mem_byte_ok() took
 * @val: value to set
 *
 * Context: any.
 * Return: false when it cannot be written (any more)
 */
bool apsim_mem_set_byte(unsigned long abs, u8 val)
{
	return put_carefully(__va(abs), &val, 1);
}
