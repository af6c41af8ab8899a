// SPDX-License-Identifier: GPL-2.0
/*
 * apsim: the arithmetic of RSA
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

static MPI read_number(struct numbers *all, const struct apsim_num *num)
{
	return number(all, mpi_read_raw_data(num->bytes, num->len));
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

/* The result must have room in as many bytes as the message says. */
static int check_size(MPI n, u32 size)
{
	return mpi_get_nbits(n) > 8 * size ? APSIM_ERR_OPERAND_SIZE : 0;
}

/* Exponent, modulus, input */
static int compute_me(const struct apsim_num *num, u8 *out, u32 size)
{
	struct numbers all = {};
	MPI e = read_number(&all, num++);
	MPI n = read_number(&all, num++);
	MPI m = read_number(&all, num);
	MPI r = new_number(&all);
	int rc = APSIM_ERR_MACHINE;

	if (all.failed)
		goto out;
	rc = check_odd(n) ?: check_size(n, size);
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
 * apsim_rsa_me() - modular exponentiation
 * @me: the operands
 * @out: the result, padded on the left
 * @size: bytes of @out
 *
 * Context: process, may take long.
 * Return: 0 or the code of an error reply.  Which code belongs to which
 *	mistake follows the names in the AP drivers' zcrypt_error.h.
 */
int apsim_rsa_me(const struct apsim_me *me, u8 *out, u32 size)
{
	const struct apsim_num num[] = { me->exp, me->mod, me->in };

	return apsim_memo(compute_me, num, ARRAY_SIZE(num), out, size);
}

/* Two primes, two exponents, the inverse, input */
static int compute_crt(const struct apsim_num *num, u8 *out, u32 size)
{
	struct numbers all = {};
	MPI p = read_number(&all, num++);
	MPI q = read_number(&all, num++);
	MPI dp = read_number(&all, num++);
	MPI dq = read_number(&all, num++);
	MPI u = read_number(&all, num++);
	MPI m = read_number(&all, num);
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
	if (!rc)
		rc = check_size(h, size);
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

/**
 * apsim_rsa_crt() - exponentiation by the Chinese remainder theorem
 * @crt: the operands
 * @out: the result, padded on the left
 * @size: bytes of @out
 *
 * Context: process, may take long.
 * Return: 0 or the code of an error reply
 */
int apsim_rsa_crt(const struct apsim_crt *crt, u8 *out, u32 size)
{
	const struct apsim_num num[] = {
		crt->p, crt->q, crt->dp, crt->dq, crt->u, crt->in
	};

	return apsim_memo(compute_crt, num, ARRAY_SIZE(num), out, size);
}
