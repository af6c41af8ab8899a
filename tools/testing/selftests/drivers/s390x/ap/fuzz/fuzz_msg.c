// SPDX-License-Identifier: GPL-2.0
/*
 * zcrypt's request path, from the ioctl to its end, for libFuzzer: the files of
 * the kernel as they are, in a program of the host, between a user space, a bus
 * and a card that do as the bytes of the input say.
 *
 * An input is read from its beginning; where it ends there are zeroes. With
 * nothing but zeroes all is as it should be: a valid request, and a valid reply.
 * Other bytes make a length, an address or a byte of a message different, a
 * reply short, long, or another one, an allocation fail, a queue go away.
 *
 * What must hold for each of them: no access beside a piece of memory, none to
 * what was never written (the sanitizers), and all that holds() says here.
 *
 * Numbers of a message are those of the host, little-endian, as the kernel's are
 * its own: for lengths and ends that is the same.
 */
#include <stdarg.h>
#include <stdint.h>
#include <linux/compat.h>

#include "ap_priv.h"
#include "zcrypt_error.h"
#include "zcrypt_msgtype50.h"
#include "zcrypt_msgtype6.h"
#include "zcrypt_request.h"

#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define must_be_written(p, n)	__msan_check_mem_is_initialized(p, n)
#define was_never_written(p, n)	__msan_allocated_memory(p, n)
#define is_written(p, n)	__msan_unpoison(p, n)
#else
#define must_be_written(...)
#define is_written(...)
#define was_never_written(...)
#endif

#define MAX_PIECE	(64 * 1024)
#define MAX_FILL	1024
#define MAX_PIECES	12
#define MAX_ROUNDS	12
#define PIECE_SHIFT	24
#define T50_LEN		16	/* the header of a message of type 50 or 80 */
#define T86_LEN		(sizeof(struct type86_hdr) + sizeof(struct type86_fmt2_ext))

struct head86 {
	struct type86_hdr hdr;
	struct type86_fmt2_ext fmt2;
} __packed;

struct cprb86 {
	struct head86 head;
	struct CPRBX cprbx;
	u8 function[2];
	u16 rule_len;
	u16 len;
} __packed;

static size_t t50_field(size_t mod_len)
{
	return mod_len <= 128 ? 128 : mod_len <= 256 ? 256 : 512;
}

/* Ends the program with what was wrong and the stack, as a sanitizer would */
#define holds(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "does not hold: %s (line %d)\n", #cond,	\
			__LINE__);					\
		abort();						\
	}								\
} while (0)

enum entry {
	ME, CRT, CPRB, EP11,
	ME31, CRT31, CPRB31, EP11_31,
	KERNEL_CPRB, KERNEL_EP11, RNG,
	NR_ENTRIES
};

/* A piece of user space, or of a caller in the kernel */
struct piece {
	u64 addr;
	size_t len;
	u8 *mem;
};

/* Where the request admits that something is written to */
struct window {
	u64 addr;
	u64 len;
	bool answer;	/* what comes there is the card's */
};

/* What becomes of a message */
enum fate {
	AT_ONCE, LATER, NOT_TAKEN, REFUSED, HANDED_BACK, TOO_LONG, SIGNAL,
	SIGNAL_AND_REPLY, TIMEOUT, TIMEOUT_AND_REPLY, NR_FATES
};

/* One case */
static struct {
	const u8 *at;
	size_t left;

	enum entry entry;
	bool user;
	bool odd_pointers;
	bool lacks_input;
	struct piece piece[MAX_PIECES];
	unsigned int nr_pieces;
	struct window window[MAX_PIECES];
	unsigned int nr_windows;
	u64 random;

	unsigned int fail_alloc;
	bool failed_alloc;
	bool usage_domain, ctrl_domain;
	bool signal;

	struct ap_card card;
	struct ap_queue queue;
	struct zcrypt_card zc;
	struct zcrypt_queue zq;
	unsigned int rounds;
	bool picked;
	struct zcrypt_request *req;
	struct ap_message *pending;
	enum fate fate;
	const u8 *reply;
	size_t reply_len;
} c;

static long live;	/* pieces of memory that are allocated */
static const struct file_operations *node;

struct ap_perms ap_perms, other_perms;
struct mutex ap_perms_mutex;	/* of @ap_perms */
struct zcrypt_pool zcrypt_pool;
unsigned long jiffies;

/* ---- the input ---- */

static u64 take(unsigned int bytes)
{
	u64 val = 0;

	if (bytes > c.left)
		bytes = c.left;
	memcpy(&val, c.at, bytes);
	c.at += bytes;
	c.left -= bytes;
	return val;
}

static bool take_one_in(unsigned int n)
{
	return take(1) % n == n - 1;
}

static u64 odd_length(u64 len)
{
	static const u64 limits[] = {
		1, 2, 3, 16, 31, 32, 48, 49, 64, 128, 129, 220, 221, 222, 223,
		256, 257, 268, 288, 512, 513, 1024, 3584, 4096, 4097, 12200,
		12240, 12288, 12289, 65535, 65536, INT_MAX, UINT_MAX - 87,
		UINT_MAX - 3, UINT_MAX, U64_MAX - 3, U64_MAX,
	};

	switch (take(1) % 16) {
	case 9:
		return 0;
	case 10:
		return len + (s8)take(1);
	case 11:
		return take(2);
	case 12:
		return take(4);
	case 13:
		return take(8);
	case 14:
		return limits[take(1) % ARRAY_SIZE(limits)];
	case 15:
		return limits[take(1) % ARRAY_SIZE(limits)] - len;
	default:
		return len;
	}
}

/* Bytes that are like no others, so that one can see where they come from */
static void fill(u8 *to, size_t len)
{
	size_t i, n;

	if (len > MAX_FILL)
		memset(to + MAX_FILL, 0x5a, len - MAX_FILL);
	len = min_t(size_t, len, MAX_FILL);
	for (i = 0; i < len; i += n) {
		n = min(len - i, sizeof(c.random));
		c.random ^= c.random << 13;
		c.random ^= c.random >> 7;
		c.random ^= c.random << 17;
		memcpy(to + i, &c.random, n);
	}
}

static void spoil(u8 *mem, size_t len)
{
	unsigned int n = take(1) % 8;

	while (n-- && len) {
		size_t at = take(2) % len, bytes = 1 << take(1) % 3;
		u32 val = take(bytes);

		memcpy(mem + at, &val, min(bytes, len - at));
	}
}

/* ---- user space ---- */

static const struct piece *find_piece(u64 addr)
{
	unsigned int i;

	for (i = 0; i < c.nr_pieces; i++)
		if (addr - c.piece[i].addr < c.piece[i].len)
			return &c.piece[i];
	return NULL;
}

unsigned long copy_from_user(void *to, const void *from, unsigned long n)
{
	u64 addr = (uintptr_t)from;
	const struct piece *piece = find_piece(addr);
	size_t done = 0;

	holds(c.user);
	if (piece) {
		done = min((u64)n, piece->addr + piece->len - addr);
		memcpy(to, piece->mem + (addr - piece->addr), done);
	}
	memset((u8 *)to + done, 0, n - done);
	return n - done;
}

/* Whether these are @n bytes of the reply, from @offset on */
static bool from_reply(const void *from, u64 n, u64 offset)
{
	return offset + n <= c.reply_len && !memcmp(from, c.reply + offset, n);
}

/* The field of a longer number, with zeroes in front of the last @n bytes */
static bool is_larger_field(u64 n)
{
	size_t field = c.reply_len - T50_LEN;

	return (field == 256 || field == 512) && field >= t50_field(n) &&
	       !memchr_inv(c.reply + T50_LEN, 0, field - n);
}

/* Whether it is what the format of the reply says to be the answer */
static bool is_answer(const void *from, u64 n)
{
	const struct cprb86 *r = (const void *)c.reply;
	const struct type86_fmt2_ext *fmt2;

	if (!r)
		return false;
	fmt2 = &r->head.fmt2;
	if (c.zq.ops == &zcrypt_msgtype50_ops)
		return (c.reply_len == T50_LEN + n ||
			c.reply_len == T50_LEN + t50_field(n) ||
			is_larger_field(n)) &&
		       from_reply(from, n, c.reply_len - n);
	if (c.req->mod_len)
		return n == c.req->mod_len && r->len == n + 2 &&
		       from_reply(from, n, sizeof(*r));
	return (n == fmt2->count1 && fmt2->offset1 >= T86_LEN &&
		from_reply(from, n, fmt2->offset1)) ||
	       (n == fmt2->count2 && fmt2->offset2 >= T86_LEN &&
		from_reply(from, n, fmt2->offset2));
}

/* Nothing goes out but the card's answer, and the block with its lengths */
static void may_go_out(u64 addr, const void *from, u64 n)
{
	unsigned int i;

	must_be_written(from, n);
	for (i = 0; i < c.nr_windows; i++) {
		const struct window *w = &c.window[i];

		if (addr < w->addr || n > w->len || addr - w->addr > w->len - n)
			continue;
		if (!w->answer || is_answer(from, n))
			return;
	}
	holds(!"written to where the request does not say");
}

unsigned long copy_to_user(void *to, const void *from, unsigned long n)
{
	u64 addr = (uintptr_t)to;
	const struct piece *piece = find_piece(addr);
	size_t done = 0;

	holds(c.user);
	if (!n)
		return 0;
	may_go_out(addr, from, n);
	if (piece) {
		done = min((u64)n, piece->addr + piece->len - addr);
		memcpy(piece->mem + (addr - piece->addr), from, done);
	}
	return n - done;
}

/* Memory of @len bytes, as a rule; the address of it */
static u64 put_any(u64 len, u8 **mem, bool *lacks)
{
	struct piece *p = &c.piece[c.nr_pieces];
	u64 size = len, addr;
	unsigned int how = c.user ? take(1) % 16 : 0;

	switch (how) {
	case 10:
		size -= min(size, take(1) + 1);
		break;
	case 11:
		size += 16;
		break;
	case 12:
		size = 0;
		break;
	}
	size = min(size, (u64)MAX_PIECE);
	if (size < len || how > 12)
		c.odd_pointers = true;
	*lacks |= len && (size < len || how == 13);
	p->len = size;
	p->mem = malloc(size);
	p->addr = c.user ? (u64)(c.nr_pieces + 1) << PIECE_SHIFT : (uintptr_t)p->mem;
	fill(p->mem, size);
	addr = p->addr;
	if (how == 13)
		addr = 0;
	else if (how == 14)
		addr = take(8);
	else if (how == 15)
		addr = ((take(1) % MAX_PIECES + 1ull) << PIECE_SHIFT) + take(2);
	c.nr_pieces++;
	if (mem)
		*mem = p->mem;
	return addr;
}

/* What the kernel reads: without all of it the request cannot succeed */
static u64 put(u64 len, u8 **mem)
{
	return put_any(len, mem, &c.lacks_input);
}

static u64 put_out(u64 len, u64 window)
{
	bool unused = false;
	u64 addr = put_any(len, NULL, &unused);

	c.window[c.nr_windows++] = (struct window) { addr, window, true };
	return addr;
}

/* ---- memory of the kernel ---- */

void *fuzz_alloc(size_t size)
{
	if (c.fail_alloc && !--c.fail_alloc) {
		c.failed_alloc = true;
		return NULL;
	}
	live++;
	return malloc(size);
}

void fuzz_free(void *p)
{
	live -= !!p;
	free(p);
}

void *fuzz_zeroes(size_t size)
{
	void *p = fuzz_alloc(size);

	return p ? memset(p, 0, size) : NULL;
}

/* So that one sees what is left there; its user sees nothing */
void *fuzz_clean(size_t size)
{
	void *p = fuzz_alloc(size);

	if (p) {
		memset(p, 0, size);
		was_never_written(p, size);
	}
	return p;
}

/* The buffer that is kept for the next one has nothing of this one in it */
void *fuzz_spare(void **at, void *buf)
{
	void *old = *at;
	size_t i;

	live += !!old - !!buf;
	if (buf) {
		is_written(buf, ZCRYPT_SMALL);
		for (i = 0; i < ZCRYPT_SMALL; i++)
			holds(!((u8 *)buf)[i]);
		was_never_written(buf, ZCRYPT_SMALL);
	}
	*at = buf;
	return old;
}

void fuzz_text(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	must_be_written(text, strlen(text));
}

void *memchr_inv(const void *start, int value, size_t len)
{
	const u8 *p = start;

	while (len && *p == (u8)value) {
		p++;
		len--;
	}
	return len ? (void *)p : NULL;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return n < (int)size ? n : (int)size - 1;
}

/* ---- the card ---- */

#define MAX_REPLY	(64 * 1024)
static u8 reply[2 * MAX_REPLY];

/* Of a part of the reply; the header will say the same */
static size_t answer_len(size_t len)
{
	return min_t(u64, odd_length(len), MAX_REPLY / 2);
}

/* What an honest card would say, but for lengths; its length */
static size_t honest_rsa50(const struct zcrypt_request *req)
{
	size_t len = T50_LEN + answer_len(t50_field(req->mod_len));

	fill(reply, len);
	memset(reply, 0, T50_LEN);
	reply[1] = 0x80;
	reply[2] = len >> 8;
	reply[3] = len;
	return len;
}

static size_t honest_rsa6(const struct zcrypt_request *req)
{
	struct cprb86 *r = (struct cprb86 *)reply;
	size_t n = answer_len(req->mod_len), len = sizeof(*r) + n + 2;

	fill(reply, len);
	memset(r, 0, sizeof(*r));
	r->head.hdr.type = TYPE86_RSP_CODE;
	r->cprbx.cprb_ver_id = 2;
	r->len = n + 2;
	return len;
}

static size_t honest_blocks(const struct zcrypt_request *req, u8 version)
{
	const struct type6_hdr *asked = req->msg.msg;
	struct cprb86 *r = (struct cprb86 *)reply;
	size_t control = min(asked->fromcardlen1, 240u), data, len;

	if (req->op == ZCRYPT_OP_EP11)
		control = min((u64)control, req->urb->resp_len);
	control = answer_len(control);
	data = answer_len(asked->fromcardlen2);
	len = T86_LEN + control;
	if (data)
		len = T86_LEN + ALIGN(control, 4) + data;
	fill(reply, len);
	memset(r, 0, offsetof(struct cprb86, function));
	r->head.hdr.type = TYPE86_RSP_CODE;
	r->head.hdr.format = TYPE86_FMT2;
	r->head.fmt2.offset1 = T86_LEN;
	r->head.fmt2.count1 = control;
	if (data) {
		r->head.fmt2.offset2 = T86_LEN + ALIGN(control, 4);
		r->head.fmt2.count2 = data;
	}
	r->cprbx.cprb_ver_id = version;
	return len;
}

static size_t honest_reply(const struct zcrypt_request *req)
{
	if (req->zq->ops == &zcrypt_msgtype50_ops)
		return honest_rsa50(req);
	if (req->op == ZCRYPT_OP_ME || req->op == ZCRYPT_OP_CRT)
		return honest_rsa6(req);
	return honest_blocks(req, req->op == ZCRYPT_OP_EP11 ? 4 : 2);
}

/* A block of the reply that is somewhere else, or of another length */
static void odd_block(struct type86_fmt2_ext *fmt2)
{
	u32 *const fields[] = {
		&fmt2->count1, &fmt2->offset1, &fmt2->count2, &fmt2->offset2,
	};
	u32 *field = fields[take(1) % ARRAY_SIZE(fields)];

	*field = odd_length(*field);
}

static size_t any_reply(const struct zcrypt_request *req)
{
	struct cprb86 *r = (struct cprb86 *)reply;
	size_t len = honest_reply(req), i;

	switch (take(1) % 16) {
	case 8:
		odd_block(&r->head.fmt2);
		break;
	case 9:		/* an error */
		r->head.hdr.type = TYPE82_RSP_CODE;
		r->head.hdr.reply_code = take(1);
		break;
	case 10:
		r->head.hdr.type = TYPE88_RSP_CODE;
		r->head.hdr.reply_code = take(1);
		break;
	case 11:
		r->head.hdr.type = TYPE87_RSP_CODE;
		r->head.hdr.reply_code = take(1);
		break;
	case 12:
		r->head.hdr.reply_code = take(1);
		r->head.fmt2.apfs[take(1) % 4] = take(1);
		break;
	case 13:	/* of the function */
		r->cprbx.ccp_rtcode = take(1);
		r->cprbx.ccp_rscode = take(2);
		break;
	case 14:	/* noise */
		len = take(1);
		for (i = 0; i < len; i++)
			reply[i] = take(1);
		break;
	case 15:	/* another card's */
		honest_blocks(req, take(1));
		break;
	}
	spoil(reply, min_t(size_t, len, 512));
	return min_t(u64, odd_length(len), MAX_REPLY);
}

/* As DQAP leaves it in the queue's buffer; behind its end there is nothing */
static void make_reply(struct zcrypt_request *req)
{
	struct ap_message *to = &c.zq.reply;
	size_t len = any_reply(req);

	to->len = len;
	len = min(len, to->bufsize);
	memcpy(to->msg, reply, len);
	was_never_written((u8 *)to->msg + len, to->bufsize - len);
	c.reply = to->msg;
	c.reply_len = len;
}

static void check_message(const struct zcrypt_request *req)
{
	const struct ap_message *msg = &req->msg;
	const struct type6_hdr *hdr = msg->msg;
	const u8 *head = msg->msg;

	must_be_written(msg->msg, msg->len);
	holds(msg->len <= msg->bufsize && msg->len <= c.card.maxmsgsize);
	holds(req->reply && req->reply_room >= ZCRYPT_REPLY_MIN);
	if (req->zq->ops == &zcrypt_msgtype50_ops) {
		holds(msg->len > T50_LEN && head[1] == 0x50);
		holds((head[2] << 8 | head[3]) == (int)msg->len);
		return;
	}
	holds(msg->len >= sizeof(*hdr) && hdr->type == 6);
	holds(hdr->offset1 == sizeof(*hdr));
	holds((u64)hdr->offset1 + hdr->tocardlen1 <= msg->len);
	if (hdr->tocardlen2) {
		holds(hdr->offset2 >= hdr->offset1 + hdr->tocardlen1);
		holds((u64)hdr->offset2 + hdr->tocardlen2 <= msg->len);
	}
	if (req->op == ZCRYPT_OP_CPRB || req->op == ZCRYPT_OP_EP11)
		holds((u64)hdr->fromcardlen1 + hdr->fromcardlen2 + T86_LEN <=
		      c.zq.reply.bufsize);
}

/* ---- the bus ---- */

static void hand_back(int rc, bool with_reply)
{
	struct ap_message *msg = c.pending;

	c.pending = NULL;
	msg->rc = rc;
	msg->stage = AP_MSG_RECEIVED;
	if (with_reply)
		make_reply(container_of(msg, struct zcrypt_request, msg));
	msg->receive(&c.queue, msg, with_reply ? &c.zq.reply : NULL);
}

int ap_queue_message(struct ap_queue *aq, struct ap_message *msg)
{
	holds(aq == &c.queue && c.picked && !c.pending);
	check_message(container_of(msg, struct zcrypt_request, msg));
	c.fate = take(1) % (2 * NR_FATES);
	if (c.fate >= NR_FATES)
		c.fate = AT_ONCE;
	if (c.fate == NOT_TAKEN)
		return -ENODEV;
	if (c.fate == REFUSED)
		return -EINVAL;
	c.pending = msg;
	msg->stage = AP_MSG_PENDINGQ;
	msg->sent = !take_one_in(4);
	if (c.fate == AT_ONCE) {
		msg->at_once = true;
		hand_back(0, true);
	}
	return 0;
}

long fuzz_wait(struct completion *work)
{
	holds(c.pending);
	switch (c.fate) {
	case LATER:
		hand_back(0, true);
		return 1;
	case HANDED_BACK:
		hand_back(-EAGAIN, false);
		return 1;
	case TOO_LONG:
		hand_back(-EMSGSIZE, false);
		return 1;
	case SIGNAL:
	case SIGNAL_AND_REPLY:
		c.signal = true;
		return -ERESTARTSYS;
	default:
		return 0;
	}
}

/* What cannot be restarted is waited for a while longer */
long fuzz_wait_on(struct completion *work)
{
	holds(c.pending && c.signal);
	if (c.fate != SIGNAL_AND_REPLY)
		return 0;
	hand_back(0, true);
	return 1;
}

void ap_cancel_message(struct ap_queue *aq, struct ap_message *msg)
{
	holds(aq == &c.queue && c.pending == msg);
	if (c.fate == SIGNAL_AND_REPLY || c.fate == TIMEOUT_AND_REPLY)
		hand_back(0, true);
	c.pending = NULL;
}

bool fuzz_signal_pending(void)
{
	return c.signal;
}

/* Counts what came back, while the queue it came from is held */
void ap_queue_resent(struct ap_queue *aq)
{
	holds(aq == &c.queue && c.picked && !c.pending);
}

bool ap_bus_rescan(unsigned long patience)
{
	jiffies += patience;
	return true;
}

int ap_wait_apqn_bindings_complete(unsigned long timeout)
{
	return 0;
}

int ap_test_config_usage_domain(unsigned int domain)
{
	return c.usage_domain;
}

int ap_test_config_ctrl_domain(unsigned int domain)
{
	return c.ctrl_domain;
}

void ap_send_online_uevent(struct ap_device *ap_dev, int online)
{
	holds(ap_dev == &c.queue.ap_dev);
}

void module_put(struct module *module)
{
}

/* ---- what is left out of zcrypt ---- */

static const struct zcrypt_ops *any_ops(enum zcrypt_op op)
{
	bool other = take_one_in(4);

	switch (op) {
	case ZCRYPT_OP_EP11:
		return other ? &zcrypt_msgtype6_ops : &zcrypt_msgtype6_ep11_ops;
	case ZCRYPT_OP_ME:
	case ZCRYPT_OP_CRT:
		return other ? &zcrypt_msgtype6_ops : &zcrypt_msgtype50_ops;
	default:
		return other ? &zcrypt_msgtype6_ep11_ops : &zcrypt_msgtype6_ops;
	}
}

/* A queue that admits the request, as the real one would; each time another */
int zcrypt_pick(struct zcrypt_pool *pool, struct zcrypt_request *req)
{
	static const unsigned int sizes[] = {
		12 * 1024, 4096, 8192, 16 * 1024, 60 * 1024,
	};

	holds(!c.picked && !c.pending);
	c.card.maxmsgsize = sizes[take(1) % ARRAY_SIZE(sizes)];
	c.zc.max_exp_bit_length = take_one_in(4) ? 17 : 4096;
	c.zq.ops = any_ops(req->op);
	c.zq.online = 1;
	c.zq.bound = true;
	c.queue.qid = AP_MKQID(3, take(1));
	jiffies += take(1) << 10;
	if (++c.rounds > MAX_ROUNDS || !zcrypt_can(&c.zq, req->op) ||
	    req->msg.len > c.card.maxmsgsize ||
	    (req->mod_len && (req->mod_len < 64 || req->mod_len > 512)))
		return -ENODEV;
	c.zq.reply.bufsize = c.card.maxmsgsize;
	if (c.zq.ops->longest_reply)
		c.zq.reply.bufsize = min(c.zq.reply.bufsize,
					 c.zq.ops->longest_reply);
	c.zq.reply.msg = malloc(c.zq.reply.bufsize);
	c.reply = c.zq.reply.msg;
	c.reply_len = 0;
	req->zc = &c.zc;
	req->zq = &c.zq;
	c.req = req;
	c.picked = true;
	return 0;
}

void zcrypt_drop(struct zcrypt_request *req)
{
	holds(c.picked && !c.pending && req == c.req);
	c.picked = false;
	c.reply = NULL;
	c.reply_len = 0;
	free(c.zq.reply.msg);
	req->tried[req->nr_tried++ % ZCRYPT_NR_TRIED] = req->zq->queue->qid;
	req->zq = NULL;
	req->zc = NULL;
	ap_msg_put_owner(&req->msg);
}

void zcrypt_pool_init(struct zcrypt_pool *pool)
{
}

int zcrypt_node_init(const struct file_operations *fops)
{
	node = fops;
	return 0;
}

void zcrypt_node_exit(void)
{
}

int zcrypt_node_open(struct inode *inode, struct file *file)
{
	return 0;
}

int zcrypt_node_release(struct inode *inode, struct file *file)
{
	return 0;
}

long zcrypt_status_ioctl(unsigned int cmd, void *arg)
{
	return -ENOTTY;
}

void zcrypt_status_opened(int change)
{
}

void zcrypt_ccamisc_exit(void)
{
}

void zcrypt_ep11misc_exit(void)
{
}

/* ---- requests ---- */

/* As zcrypt_api.c has them, for programs of 31 bits */
struct me31 {
	u32 inputdata, inputdatalength, outputdata, outputdatalength;
	u32 b_key, n_modulus;
};

struct crt31 {
	u32 inputdata, inputdatalength, outputdata, outputdatalength;
	u32 bp_key, bq_key, np_prime, nq_prime, u_mult_inv;
};

struct wide31 {
	u8 pad[12];
	u32 ptr;
} __packed;

struct xcrb31 {
	u16 agent_id;
	u32 user_defined;
	u16 request_id;
	u32 request_control_len;
	struct wide31 request_control;
	u32 request_data_len;
	struct wide31 request_data;
	u32 reply_control_len;
	struct wide31 reply_control;
	u32 reply_data_len;
	struct wide31 reply_data;
	u16 priority_window;
	u32 status;
} __packed;

union block {
	struct ica_rsa_modexpo me;
	struct ica_rsa_modexpo_crt crt;
	struct ica_xcRB xcrb;
	struct ep11_urb urb;
	struct me31 me31;
	struct crt31 crt31;
	struct xcrb31 xcrb31;
	u8 byte[128];
};

static const struct {
	unsigned int cmd;
	bool compat;
	size_t size;
} ways[NR_ENTRIES] = {
	[ME]	  = { ICARSAMODEXPO, false, sizeof(struct ica_rsa_modexpo) },
	[CRT]	  = { ICARSACRT, false, sizeof(struct ica_rsa_modexpo_crt) },
	[CPRB]	  = { ZSECSENDCPRB, false, sizeof(struct ica_xcRB) },
	[EP11]	  = { ZSENDEP11CPRB, false, sizeof(struct ep11_urb) },
	[ME31]	  = { ICARSAMODEXPO, true, sizeof(struct me31) },
	[CRT31]	  = { ICARSACRT, true, sizeof(struct crt31) },
	[CPRB31]  = { ZSECSENDCPRB, true, sizeof(struct xcrb31) },
	[EP11_31] = { ZSENDEP11CPRB, true, sizeof(struct ep11_urb) },
};

static u32 any_modulus(void)
{
	static const u16 lengths[] = {
		128, 64, 65, 127, 129, 192, 256, 257, 384, 511, 512, 513, 63, 1,
	};

	return lengths[take(1) % ARRAY_SIZE(lengths)];
}

static struct ica_rsa_modexpo make_me(void)
{
	u32 in = odd_length(any_modulus()), out = odd_length(in);
	struct ica_rsa_modexpo me = {
		.inputdatalength = in,
		.outputdatalength = out,
	};

	me.inputdata = (u8 *)(uintptr_t)put(in, NULL);
	me.b_key = (u8 *)(uintptr_t)put(in, NULL);
	me.n_modulus = (u8 *)(uintptr_t)put(in, NULL);
	me.outputdata = (u8 *)(uintptr_t)put_out(min(in, out), in);
	return me;
}

static struct ica_rsa_modexpo_crt make_crt(void)
{
	u32 in = odd_length(any_modulus()), out = odd_length(in);
	u64 half = in / 2 + in % 2;
	struct ica_rsa_modexpo_crt crt = {
		.inputdatalength = in,
		.outputdatalength = out,
	};

	crt.inputdata = (u8 *)(uintptr_t)put(in, NULL);
	crt.bp_key = (u8 *)(uintptr_t)put(half + 8, NULL);
	crt.bq_key = (u8 *)(uintptr_t)put(half, NULL);
	crt.np_prime = (u8 *)(uintptr_t)put(half + 8, NULL);
	crt.nq_prime = (u8 *)(uintptr_t)put(half, NULL);
	crt.u_mult_inv = (u8 *)(uintptr_t)put(half + 8, NULL);
	crt.outputdata = (u8 *)(uintptr_t)put_out(min(in, out), in);
	return crt;
}

static u8 *put_bytes(u64 len, const void *head, size_t head_len)
{
	u8 *mem;
	u64 addr = put(len, &mem);
	size_t there = c.piece[c.nr_pieces - 1].len;

	memcpy(mem, head, min(there, head_len));
	spoil(mem, min_t(size_t, there, 256));
	return (u8 *)(uintptr_t)addr;
}

static struct ica_xcRB make_xcrb(void)
{
	static const char functions[][3] = { "FQ", "PK", "KG", "US", "AU", "RL" };
	struct {
		struct CPRBX cprbx;
		u8 function[2];
	} __packed head = {
		.cprbx = {
			.cprb_len = sizeof(struct CPRBX),
			.cprb_ver_id = 2,
			.func_id = { 'T', '2' + take(1) % 8 },
			.domain = take(1) % 2 ? take(2) : AUTOSEL_DOM,
		},
	};
	struct ica_xcRB xcrb = { .user_defined = AUTOSELECT };

	memcpy(head.function, functions[take(1) % ARRAY_SIZE(functions)], 2);
	xcrb.agent_ID = take(2);
	xcrb.request_control_blk_length = odd_length(sizeof(head) + take(1));
	xcrb.request_control_blk_addr =
		put_bytes(xcrb.request_control_blk_length, &head, sizeof(head));
	xcrb.request_data_length = odd_length(take(1));
	xcrb.request_data_address =
		(u8 *)(uintptr_t)put(xcrb.request_data_length, NULL);
	xcrb.reply_control_blk_length = odd_length(2048);
	xcrb.reply_control_blk_addr = (u8 *)(uintptr_t)
		put_out(xcrb.reply_control_blk_length,
			xcrb.reply_control_blk_length);
	xcrb.reply_data_length = odd_length(take(1));
	xcrb.reply_data_addr = (u8 *)(uintptr_t)
		put_out(xcrb.reply_data_length, xcrb.reply_data_length);
	xcrb.priority_window = take(2);
	return xcrb;
}

static struct ep11_urb make_urb(void)
{
	struct {
		struct ep11_cprb cprb;
		u8 payload[18];
	} __packed head = {
		.cprb = {
			.cprb_len = sizeof(struct ep11_cprb),
			.cprb_ver_id = 4,
			.flags = take(1),
			.func_id = { 'T', '4' },
			.target_id = take(1) % 2 ? take(4) : 0,
			.payload_len = sizeof(head.payload),
		},
		.payload = { 0x30, 16, 4, 4, 38, 0, 0, 0, 4, 4 },
	};
	struct ep11_urb urb = {};

	head.payload[1] ^= take(1);
	urb.targets_num = odd_length(0);
	urb.targets = (u8 *)(uintptr_t)put(urb.targets_num *
					   sizeof(struct ep11_target_dev), NULL);
	urb.req_len = odd_length(sizeof(head) + take(1));
	urb.req = put_bytes(urb.req_len, &head, sizeof(head));
	urb.resp_len = odd_length(2048);
	urb.resp = (u8 *)(uintptr_t)put_out(urb.resp_len, urb.resp_len);
	return urb;
}

#define PTR31(p)	((u32)(uintptr_t)(p))

static void make_me31(struct me31 *me31)
{
	struct ica_rsa_modexpo me = make_me();

	*me31 = (struct me31) {
		PTR31(me.inputdata), me.inputdatalength,
		PTR31(me.outputdata), me.outputdatalength,
		PTR31(me.b_key), PTR31(me.n_modulus),
	};
}

static void make_crt31(struct crt31 *crt31)
{
	struct ica_rsa_modexpo_crt crt = make_crt();

	*crt31 = (struct crt31) {
		PTR31(crt.inputdata), crt.inputdatalength,
		PTR31(crt.outputdata), crt.outputdatalength,
		PTR31(crt.bp_key), PTR31(crt.bq_key), PTR31(crt.np_prime),
		PTR31(crt.nq_prime), PTR31(crt.u_mult_inv),
	};
}

static void make_xcrb31(struct xcrb31 *xcrb31)
{
	struct ica_xcRB xcrb = make_xcrb();

	*xcrb31 = (struct xcrb31) {
		.agent_id = xcrb.agent_ID,
		.user_defined = xcrb.user_defined,
		.request_control_len = xcrb.request_control_blk_length,
		.request_control.ptr = PTR31(xcrb.request_control_blk_addr),
		.request_data_len = xcrb.request_data_length,
		.request_data.ptr = PTR31(xcrb.request_data_address),
		.reply_control_len = xcrb.reply_control_blk_length,
		.reply_control.ptr = PTR31(xcrb.reply_control_blk_addr),
		.reply_data_len = xcrb.reply_data_length,
		.reply_data.ptr = PTR31(xcrb.reply_data_addr),
		.priority_window = xcrb.priority_window,
	};
}

/* The windows of a program of 31 bits are where it says it in its 32 bits */
static void narrow_windows(void)
{
	unsigned int i;

	for (i = 0; i < c.nr_windows; i++)
		c.window[i].addr = (u32)c.window[i].addr;
}

static void make_block(union block *b)
{
	memset(b, 0, sizeof(*b));
	switch (c.entry) {
	case ME:
		b->me = make_me();
		break;
	case CRT:
		b->crt = make_crt();
		break;
	case CPRB:
	case KERNEL_CPRB:
		b->xcrb = make_xcrb();
		break;
	case EP11:
	case EP11_31:
	case KERNEL_EP11:
		b->urb = make_urb();
		break;
	case ME31:
		make_me31(&b->me31);
		break;
	case CRT31:
		make_crt31(&b->crt31);
		break;
	case CPRB31:
		make_xcrb31(&b->xcrb31);
		break;
	default:
		break;
	}
	if (ways[c.entry].compat && c.entry != EP11_31)
		narrow_windows();
}

/* What the caller reads as the length of its answer is within what it gave */
static void check_lengths(const union block *before, const union block *after)
{
	switch (c.entry) {
	case ME:
		holds(after->me.outputdatalength <= before->me.outputdatalength);
		break;
	case CRT:
		holds(after->crt.outputdatalength <=
		      before->crt.outputdatalength);
		break;
	case CPRB:
	case KERNEL_CPRB:
		holds(after->xcrb.reply_control_blk_length <=
		      before->xcrb.reply_control_blk_length);
		holds(after->xcrb.reply_data_length <=
		      before->xcrb.reply_data_length);
		break;
	case EP11:
	case EP11_31:
	case KERNEL_EP11:
		holds(after->urb.resp_len <= before->urb.resp_len);
		break;
	case ME31:
		holds(after->me31.outputdatalength <=
		      before->me31.outputdatalength);
		break;
	case CRT31:
		holds(after->crt31.outputdatalength <=
		      before->crt31.outputdatalength);
		break;
	case CPRB31:
		holds(after->xcrb31.reply_control_len <=
		      before->xcrb31.reply_control_len);
		holds(after->xcrb31.reply_data_len <=
		      before->xcrb31.reply_data_len);
		break;
	default:
		break;
	}
}

/* The rest of the block is as it was */
static void check_rest(union block before, union block after)
{
	switch (c.entry) {
	case ME:
		before.me.outputdatalength = after.me.outputdatalength;
		break;
	case CRT:
		before.crt.outputdatalength = after.crt.outputdatalength;
		break;
	case CPRB:
	case KERNEL_CPRB:
		before.xcrb.reply_control_blk_length =
			after.xcrb.reply_control_blk_length;
		before.xcrb.reply_data_length = after.xcrb.reply_data_length;
		before.xcrb.status = after.xcrb.status;
		break;
	case EP11:
	case EP11_31:
	case KERNEL_EP11:
		before.urb.resp_len = after.urb.resp_len;
		break;
	case ME31:
		before.me31.outputdatalength = after.me31.outputdatalength;
		break;
	case CRT31:
		before.crt31.outputdatalength = after.crt31.outputdatalength;
		break;
	case CPRB31:
		before.xcrb31.reply_control_len = after.xcrb31.reply_control_len;
		before.xcrb31.reply_data_len = after.xcrb31.reply_data_len;
		before.xcrb31.status = after.xcrb31.status;
		break;
	default:
		break;
	}
	holds(!memcmp(&before, &after, sizeof(before)));
}

static void check_result(long rc)
{
	switch (rc) {
	case 0:
		holds(!c.user || !c.lacks_input);
		return;
	case -EINVAL:
	case -ENODEV:
	case -EMSGSIZE:
	case -EOPNOTSUPP:
	case -EIO:
	case -EINTR:
	case -ERESTARTSYS:
	case -ECANCELED:
		return;
	case -EFAULT:
		holds(c.odd_pointers);
		return;
	case -ENOMEM:
		holds(c.failed_alloc || !c.user);
		return;
	}
	holds(c.entry == RNG && rc > 0 && rc <= ZCRYPT_RNG_BUFFER_SIZE);
}

static long by_ioctl(const union block *b)
{
	struct file file = {
		.private_data = take_one_in(4) ? &other_perms : &ap_perms,
	};
	size_t size = ways[c.entry].size;
	struct window *w = &c.window[c.nr_windows++];
	union block after = *b;
	u64 addr;
	u8 *mem;
	long rc;

	addr = put(size, &mem);
	memcpy(mem, b, min(size, c.piece[c.nr_pieces - 1].len));
	if (ways[c.entry].compat)
		addr = (u32)addr;
	*w = (struct window) { addr, size };
	if (ways[c.entry].compat)
		rc = node->compat_ioctl(&file, ways[c.entry].cmd, addr);
	else
		rc = node->unlocked_ioctl(&file, ways[c.entry].cmd, addr);
	if (c.odd_pointers)
		return rc;
	memcpy(&after, mem, size);
	check_lengths(b, &after);
	check_rest(*b, after);
	return rc;
}

static long from_kernel(const union block *b)
{
	u32 flags = take_one_in(2) ? ZCRYPT_XFLAG_NOMEMALLOC : 0;
	union block after = *b;
	long rc;

	if (c.entry == KERNEL_CPRB)
		rc = zcrypt_send_cprb(&after.xcrb, flags);
	else
		rc = zcrypt_send_ep11_cprb(&after.urb, flags);
	check_lengths(b, &after);
	check_rest(*b, after);
	return rc;
}

static long random_numbers(void)
{
	struct zcrypt_request req = {
		.op = ZCRYPT_OP_RNG,
		.rng = malloc(ZCRYPT_RNG_BUFFER_SIZE),
		.perms = &ap_perms,
	};
	u8 *rng = req.rng;
	long rc = zcrypt_send_request(&req);

	if (rc > 0)
		must_be_written(rng, rc);
	free(rng);
	return rc;
}

/* The kernel trusts its own: what they give is there, as long as they say */
static bool kernel_would(const union block *b)
{
	unsigned int i;

	for (i = 0; i < c.nr_windows; i++)
		if (c.window[i].len > MAX_PIECE)
			return false;
	if (c.entry == KERNEL_CPRB)
		return b->xcrb.request_control_blk_length <= MAX_PIECE &&
		       b->xcrb.request_data_length <= MAX_PIECE;
	return b->urb.req_len <= MAX_PIECE &&
	       b->urb.targets_num <= MAX_PIECE / sizeof(struct ep11_target_dev);
}

static void one_case(void)
{
	union block b;
	long before = live, rc = 0;

	c.entry = take(1) % NR_ENTRIES;
	c.user = c.entry < KERNEL_CPRB;
	c.fail_alloc = take_one_in(8) ? take(1) % 8 : 0;
	c.usage_domain = take_one_in(2);
	c.ctrl_domain = take_one_in(2);
	make_block(&b);
	if (c.user)
		rc = by_ioctl(&b);
	else if (c.entry == RNG)
		rc = random_numbers();
	else if (kernel_would(&b))
		rc = from_kernel(&b);
	c.fail_alloc = 0;
	check_result(rc);
	holds(live == before && !c.picked && !c.pending);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	holds(!ap_msg_init(1) && !fuzz_init_zcrypt_init());
	memset(&ap_perms, 0xff, sizeof(ap_perms));
	other_perms = ap_perms;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	memset(&c, 0, sizeof(c));
	c.at = data;
	c.left = size;
	c.random = 0x9e3779b97f4a7c15;
	c.queue.card = &c.card;
	c.zq.queue = &c.queue;
	c.zc.card = &c.card;
	one_case();
	while (c.nr_pieces--)
		free(c.piece[c.nr_pieces].mem);
	return 0;
}
