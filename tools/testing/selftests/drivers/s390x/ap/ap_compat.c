// SPDX-License-Identifier: GPL-2.0
/*
 * ap_compat: one request of each kind, and what became of it, for programs of
 * 31 and of 64 bits alike.
 *
 * A C library for 31 bits is hardly to be found any more. So this is compiled
 * twice from the same source: with one, for 64 bits, and for 31 bits with what
 * it needs of the kernel's interface at the end of this file. Both are to print
 * the same. An EP11 request is of the 64-bit form in either.
 *
 * QEMU (10.0.2) takes the address of a branch over into the PSW with bit 32,
 * which is set in every link address of 31 bits. An interrupt right behind the
 * branch stores it so, and no PSW with that bit can be loaded again: the program
 * gets SIGILL. So with 31 bits all functions return through a piece of code, at
 * the end of this file, that clears the bit.
 */
#include <asm/zcrypt.h>
#include <stddef.h>

#include "ap_keys.h"

#if __STDC_HOSTED__
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#else
#define O_RDWR	2
static int open(const char *name, int flags);
static int ioctl(int fd, unsigned long cmd, void *arg);
static long write(int fd, const void *buf, size_t len);
static int errno;
#endif

#define CRT_PAD		8
#define REPLY_ROOM	1024

/* An EP11 request of 64 bits; its numbers are not aligned */
struct wide {
	__u16 part[4];
};

struct wide_urb {
	__u16 targets_num;
	struct wide targets, weight, req_no, req_len, req, resp_len, resp;
};

/* In static memory, which is zeroed: nothing here needs a library */
static __u8 out[AP_KEY_MAX], exponent[AP_KEY_MAX];
static __u8 p[AP_KEY_MAX / 2 + CRT_PAD], dp[AP_KEY_MAX / 2 + CRT_PAD];
static __u8 u[AP_KEY_MAX / 2 + CRT_PAD];
static __u8 reply[REPLY_ROOM];
static __u8 cprb[sizeof(struct CPRBX) + 16];
static __u8 ep11[sizeof(struct ep11_cprb) + 28];
static int counts[MAX_ZDEV_CARDIDS_EXT];

static void say(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	(void)!write(1, text, len);
}

static void say_number(unsigned int n)
{
	char text[12];
	int at = sizeof(text) - 1;

	text[at] = 0;
	do {
		text[--at] = '0' + n % 10;
		n /= 10;
	} while (n);
	say(text + at);
}

static void say_errno(int rc)
{
	say(" errno ");
	say_number(rc ? errno : 0);
}

static void copy(__u8 *to, const void *from, size_t len)
{
	const __u8 *byte = from;

	while (len--)
		*to++ = *byte++;
}

static struct wide wide(unsigned long val)
{
	__u64 all = val;

	return (struct wide) { { all >> 48, all >> 32, all >> 16, all } };
}

static int equal(const __u8 *a, const __u8 *b, size_t len)
{
	while (len && *a++ == *b++)
		len--;
	return !len;
}

/* The length handed back is that of the modulus, which is not what was given */
static void say_result(int rc, const __u8 *answer, size_t len, size_t out_len)
{
	say_errno(rc);
	say(" length ");
	say_number(out_len);
	say(equal(out, answer, len) ? " right\n" : " wrong\n");
}

static void try_me(int fd, const struct ap_key *key)
{
	size_t len = key->bits / 8;
	struct ica_rsa_modexpo me = {
		.inputdata = (__u8 *)key->clear,
		.inputdatalength = len,
		.outputdata = out,
		.outputdatalength = sizeof(out),
		.b_key = exponent + sizeof(exponent) - len,
		.n_modulus = (__u8 *)key->n,
	};

	exponent[sizeof(exponent) - 3] = 1;
	exponent[sizeof(exponent) - 1] = 1;
	say("ME");
	say_result(ioctl(fd, ICARSAMODEXPO, &me), key->sealed, len,
		   me.outputdatalength);
}

static void try_crt(int fd, const struct ap_key *key)
{
	size_t len = key->bits / 8;
	struct ica_rsa_modexpo_crt crt = {
		.inputdata = (__u8 *)key->sealed,
		.inputdatalength = len,
		.outputdata = out,
		.outputdatalength = sizeof(out),
		.bp_key = dp,
		.bq_key = (__u8 *)key->dq,
		.np_prime = p,
		.nq_prime = (__u8 *)key->q,
		.u_mult_inv = u,
	};

	copy(p + CRT_PAD, key->p, len / 2);
	copy(dp + CRT_PAD, key->dp, len / 2);
	copy(u + CRT_PAD, key->u, len / 2);
	say("CRT");
	say_result(ioctl(fd, ICARSACRT, &crt), key->clear, len,
		   crt.outputdatalength);
}

/* A query of the card's static information */
static void try_cprb(int fd)
{
	static const __u8 query[] = "FQ\0\nSTATICSA\0\2\0\2";
	struct CPRBX *cprbx = (struct CPRBX *)cprb;
	struct ica_xcRB xcrb = {
		.agent_ID = 'C' << 8 | 'A',
		.user_defined = AUTOSELECT,
		.request_control_blk_length = sizeof(cprb),
		.request_control_blk_addr = cprb,
		.reply_control_blk_length = sizeof(reply),
		.reply_control_blk_addr = reply,
		.status = 77,
	};
	int rc;

	cprbx->cprb_len = sizeof(*cprbx);
	cprbx->cprb_ver_id = 2;
	copy(cprbx->func_id, "T2", 2);
	cprbx->req_parml = 16;
	cprbx->rpl_msgbl = sizeof(reply);
	cprbx->domain = AUTOSEL_DOM;
	copy(cprb + sizeof(*cprbx), query, 16);
	say("CPRB");
	rc = ioctl(fd, ZSECSENDCPRB, &xcrb);
	say_errno(rc);
	say(" length ");
	say_number(xcrb.reply_control_blk_length);
	say(" status ");
	say_number(xcrb.status);
	say(" reply ");
	say_number(reply[0] << 8 | reply[1]);
	say("\n");
}

/* A query of the card's information */
static void try_ep11(int fd)
{
	static const __u8 query[] = {
		0x30, 0x82, 0, 24, 4, 4, 0, 1, 0, 38, 4, 4, 0, 0, 0, 0,
		4, 4, 0, 0, 0, 1, 4, 4, 0, 0, 0, 0,
	};
	struct ep11_cprb *head = (struct ep11_cprb *)ep11;
	struct wide_urb urb = {
		.req_len = wide(sizeof(ep11)),
		.req = wide((unsigned long)ep11),
		.resp_len = wide(sizeof(reply)),
		.resp = wide((unsigned long)reply),
	};
	int rc;

	head->cprb_len = sizeof(*head);
	head->cprb_ver_id = 4;
	copy(head->func_id, "T4", 2);
	head->payload_len = sizeof(query);
	copy(ep11 + sizeof(*head), query, sizeof(query));
	say("EP11");
	rc = ioctl(fd, ZSENDEP11CPRB, &urb);
	say_errno(rc);
	say(" length ");
	say_number(urb.resp_len.part[3]);
	say("\n");
}

static void try_status(int fd)
{
	unsigned int sum = 0, i;
	int domain = -1, rc;

	rc = ioctl(fd, ZCRYPT_PERDEV_REQCNT, counts);
	for (i = 0; i < MAX_ZDEV_CARDIDS_EXT; i++)
		sum += !!counts[i];
	say("counts");
	say_errno(rc);
	say(" cards ");
	say_number(sum);
	rc = ioctl(fd, Z90STAT_DOMAIN_INDEX, &domain);
	say("\ndomain");
	say_errno(rc);
	say(" is ");
	say_number(domain);
	say("\nbad address");
	say_errno(ioctl(fd, ICARSAMODEXPO, NULL));
	say("\nbad address of a CPRB");
	say_errno(ioctl(fd, ZSECSENDCPRB, NULL));
	say("\n");
}

static void come_back(void)
{
}

/* Long enough for many interrupts to hit a branch back */
static void come_back_often(void)
{
	void (*call)(void) = come_back;
	unsigned int i;

	/* What is called is hidden, or nothing would be */
	asm("" : "+d" (call));
	for (i = 0; i < 20000000; i++)
		call();
}

int main(void)
{
	int fd = open("/dev/z90crypt", O_RDWR);
	unsigned int i;

	if (fd < 0) {
		say("/dev/z90crypt cannot be opened\n");
		return 4;
	}
	come_back_often();
	for (i = 0; i < 2; i++) {
		try_me(fd, &ap_keys[i]);
		try_crt(fd, &ap_keys[i]);
	}
	try_cprb(fd);
	try_ep11(fd);
	try_status(fd);
	return 0;
}

#if !__STDC_HOSTED__
/* ---- what a C library would do ---- */

#define NR_EXIT		1
#define NR_WRITE	4
#define NR_OPEN		5
#define NR_IOCTL	54

static long system_call(unsigned long nr, unsigned long a, unsigned long b,
			unsigned long c)
{
	register unsigned long r1 asm("1") = nr;
	register long r2 asm("2") = a;
	register unsigned long r3 asm("3") = b;
	register unsigned long r4 asm("4") = c;

	asm volatile("svc 0" : "+d" (r2) : "d" (r1), "d" (r3), "d" (r4)
		     : "cc", "memory");
	if (r2 < 0 && r2 > -4096) {
		errno = -r2;
		return -1;
	}
	return r2;
}

static int open(const char *name, int flags)
{
	return system_call(NR_OPEN, (unsigned long)name, flags, 0);
}

static int ioctl(int fd, unsigned long cmd, void *arg)
{
	return system_call(NR_IOCTL, fd, cmd, (unsigned long)arg);
}

static long write(int fd, const void *buf, size_t len)
{
	return system_call(NR_WRITE, fd, (unsigned long)buf, len);
}

/* Clearing structures is a call to this for some compilers */
void *memset(void *to, int c, size_t len);

void *memset(void *to, int c, size_t len)
{
	__u8 *byte = to;

	while (len--) {
		*byte++ = c;
		/* or this loop becomes a call of memset() */
		asm volatile("" : : : "memory");
	}
	return to;
}

void start(void);

void start(void)
{
	system_call(NR_EXIT, main(), 0, 0);
	for (;;)
		;
}

/* The kernel leaves nothing for a function to save its registers in */
asm(".globl	_start\n"
	"_start:	ahi	%r15,-96\n"
	"	xc	0(4,%r15),0(%r15)\n"
	"	brasl	%r14,start\n");

/* Where -mfunction-return=thunk-extern has every function end */
asm(".globl	__s390_indirect_jump_r14\n"
	"__s390_indirect_jump_r14:\n"
	"	la	%r14,0(%r14)\n"
	"	br	%r14\n");
#endif
