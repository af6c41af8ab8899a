// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the memory that instructions name
 *
 * Everything is copied with care: a bad address ends the instruction, not
 * apsim.  That a page has a struct page does not make it safe to touch: it may
 * be read-only, unmapped for debugging, protected as the low core is, or not
 * be there.  Where an operand is ordinary RAM the access is shown to KASAN and
 * KCSAN as well, so that a driver that hands a freed buffer to NQAP or DQAP is
 * found.
 */

#include <linux/instrumented.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/uaccess.h>

#include "apsim.h"

/* The first two pages are the low core; no device may write there. */
#define LOWEST_ADDRESS 0x2000UL

static bool can_read(unsigned long addr)
{
	u8 byte;

	return !get_kernel_nofault(byte, (u8 *)addr);
}

/* Only what is mapped has a shadow that the sanitizers can look at. */
static bool is_plain_ram(unsigned long addr, size_t len)
{
	unsigned long last = addr + len - 1;

	return last >= addr && virt_addr_valid((void *)addr) &&
	       virt_addr_valid((void *)last) && can_read(addr) &&
	       can_read(last);
}

/* What copy_to_kernel_nofault() does; modules do not get that one. */
static bool put_carefully(u8 *dst, const u8 *src, size_t len)
{
	pagefault_disable();
	for (; len >= sizeof(u64); len -= sizeof(u64)) {
		__put_kernel_nofault(dst, src, u64, fault);
		dst += sizeof(u64);
		src += sizeof(u64);
	}
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
	if (is_plain_ram(addr, len))
		instrument_read((void *)addr, len);
	return !copy_from_kernel_nofault(dst, (void *)addr, len);
}

/**
 * apsim_mem_probe() - stand for the fetch of an operand nobody has a use for
 * @addr: kernel address, anything
 * @len: bytes, not 0
 *
 * The sanitizers are shown all of it, the end of it is read.
 *
 * Context: any.
 * Return: false when it cannot be read
 */
bool apsim_mem_probe(unsigned long addr, size_t len)
{
	unsigned long last = addr + len - 1;

	if (is_plain_ram(addr, len))
		instrument_read((void *)addr, len);
	return last >= addr && can_read(last);
}

/**
 * apsim_mem_put() - store to where an instruction's operand is
 * @addr: kernel address, anything
 * @src: what to store
 * @len: bytes, not 0
 *
 * Context: any.
 * Return: false when it cannot be written; a part of it may have been
 */
bool apsim_mem_put(unsigned long addr, const void *src, size_t len)
{
	if (is_plain_ram(addr, len))
		instrument_write((void *)addr, len);
	return put_carefully((u8 *)addr, src, len);
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
	return abs >= LOWEST_ADDRESS && pfn_valid(PFN_DOWN(abs)) &&
	       can_read((unsigned long)__va(abs));
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
