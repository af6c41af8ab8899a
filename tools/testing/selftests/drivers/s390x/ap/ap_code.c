// SPDX-License-Identifier: GPL-2.0
/*
 * Does this machine run the code that is in its memory?  A function is copied
 * over another one by MVC, and not at the beginning of what is stored.  Modules
 * that come where others were are written like that.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK	256	/* as much as one MVC stores */
#define ENTRY	128
#define RESULT	(ENTRY + 3)

static const unsigned char function[] = {
	0xa7, 0x29, 0x00, 0x00,		/* lghi %r2,0 */
	0x07, 0xfe,			/* br %r14 */
};

typedef long entry_fn(void);

static long copied_and_called(unsigned char *to, unsigned char result)
{
	unsigned char block[BLOCK] = {};
	entry_fn *call = (entry_fn *)(to + ENTRY);

	memcpy(block + ENTRY, function, sizeof(function));
	block[RESULT] = result;
	asm volatile("mvc 0(256,%0),0(%1)" : : "a" (to), "a" (block) : "memory");
	return call();
}

int main(void)
{
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, stale = 0;

	if (page == MAP_FAILED)
		err(2, "mmap");
	for (i = 1; i <= 100; i++)
		stale += copied_and_called(page, i) != i;
	printf("%d of 100 calls ran what was there before\n", stale);
	return stale != 0;
}
