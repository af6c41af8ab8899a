// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the arithmetic of an accelerator
 *
 * All numbers are unsigned, most significant byte first, as in the messages.
 */

#include <linux/errno.h>
#include <linux/mpi.h>
#include <linux/string.h>

#include "apsim.h"

/* Numbers of one computation; freed in one go. */
struct numbers {
	MPI n[10];
	u32 used;
	bool failed;
};

static MPI number(struct numbers *all, MPI n)
{
	if (!n)
		all->failed = true;
	else
		all->n[all->used++] = n;
	return n;
}

static MPI read_number(struct numbers *all, const u8 *bytes, u32 size)
{
	return number(all, mpi_read_raw_data(bytes, size));
}

static MPI new_number(struct numbers *all)
{
	return number(all, mpi_alloc(0));
}

static void free_numbers(struct numbers *all)
{
	while (all->used)
		mpi_free(all->n[--all->used]);
}

static bool is_zero(MPI n)
{
	return !mpi_cmp_ui(n, 0);
}

/* What a card says about a modulus, or a prime, before it starts. */
static int check_odd(MPI n)
{
	if (is_zero(n))
		return APSIM_ERR_OPERAND_SIZE;
	return mpi_test_bit(n, 0) ? 0 : APSIM_ERR_EVEN_MODULUS;
}

static int write_number(MPI n, u8 *out, u32 size)
{
	unsigned int len;

	if (mpi_read_buffer(n, out, size, &len, NULL))
		return APSIM_ERR_MACHINE;
	memmove(out + size - len, out, len);
	memset(out, 0, size - len);
	return 0;
}

/**
 * apsim_rsa_me() - modular exponentiation
 * @exp: exponent
 * @mod: modulus
 * @in: input
 * @size: bytes of each of them and of @out
 * @out: the result, padded on the left
 *
 * Context: process, may take long.
 * Return: 0 or the code of an error reply.  Which code belongs to which
 *	mistake follows the names in the AP drivers' zcrypt_error.h.
 */
int apsim_rsa_me(const u8 *exp, const u8 *mod, const u8 *in, u32 size,
		 u8 *out)
{
	struct numbers all = {};
	MPI e = read_number(&all, exp, size);
	MPI n = read_number(&all, mod, size);
	MPI m = read_number(&all, in, size);
	MPI r = new_number(&all);
	int rc = APSIM_ERR_MACHINE;

	if (all.failed)
		goto out;
	rc = check_odd(n);
	if (!rc && (is_zero(e) || mpi_cmp(m, n) >= 0))
		rc = APSIM_ERR_OPERAND;
	if (!rc && mpi_powm(r, m, e, n))
		rc = APSIM_ERR_MACHINE;
	if (!rc)
		rc = write_number(r, out, size);
out:
	free_numbers(&all);
	return rc;
}

/**
 * apsim_rsa_crt() - exponentiation by the Chinese remainder theorem
 * @parts: p, q, dp, dq and u = 1/q mod p, each of half @size
 * @in: input, of @size
 * @size: bytes of @in and @out
 * @out: the result, padded on the left
 *
 * Context: process, may take long.
 * Return: 0 or the code of an error reply
 */
int apsim_rsa_crt(const u8 *parts, const u8 *in, u32 size, u8 *out)
{
	struct numbers all = {};
	u32 half = size / 2;
	MPI p = read_number(&all, parts, half);
	MPI q = read_number(&all, parts + half, half);
	MPI dp = read_number(&all, parts + 2 * half, half);
	MPI dq = read_number(&all, parts + 3 * half, half);
	MPI u = read_number(&all, parts + 4 * half, half);
	MPI m = read_number(&all, in, size);
	MPI mp = new_number(&all);
	MPI mq = new_number(&all);
	MPI h = new_number(&all);
	int rc = APSIM_ERR_MACHINE;

	if (all.failed)
		goto out;
	rc = check_odd(p) ?: check_odd(q);
	if (!rc && (is_zero(dp) || is_zero(dq) || is_zero(u)))
		rc = APSIM_ERR_OPERAND;
	if (!rc && mpi_mul(h, p, q))
		rc = APSIM_ERR_MACHINE;
	if (!rc && mpi_cmp(m, h) >= 0)
		rc = APSIM_ERR_OPERAND;
	if (rc)
		goto out;
	/* in^dq + q * ((in^dp - in^dq) * u mod p) */
	rc = APSIM_ERR_MACHINE;
	if (mpi_powm(mp, m, dp, p) || mpi_powm(mq, m, dq, q) ||
	    mpi_subm(h, mp, mq, p) || mpi_mulm(mp, h, u, p) ||
	    mpi_mul(h, mp, q) || mpi_add(mp, h, mq))
		goto out;
	rc = write_number(mp, out, size);
out:
	free_numbers(&all);
	return rc;
}
