// SPDX-License-Identifier: GPL-2.0
/*
 * The one path of every request, see zcrypt_request.h.
 *
 * When it ends:
 * - A queue that goes away hands its messages back, and they are sent
 *   elsewhere. When there is no queue left, the bus is scanned once, for at
 *   most RESCAN_MS, and -ENODEV follows if that did not help.
 * - One wait for a card ends with the card's reply, or when the bus gives up on
 *   it after the time that requests of this kind may take, see limits();
 *   or WAIT_SLACK after the driver's request_timeout, whatever the bus does. A
 *   signal ends it at once, if the request may be sent again; otherwise
 *   SIGNAL_GRACE later, unless it kills the sender.
 * - No request is sent again when the time for that, likewise, is over since it
 *   had to be for the first time, nor when CARD_REFUSALS queues have refused it:
 *   -EIO.
 */
#define pr_fmt(fmt) "zcrypt: " fmt

#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define CREATE_TRACE_POINTS
#include <asm/trace/zcrypt.h>

#include "zcrypt_error.h"
#include "zcrypt_request.h"
#include "zcrypt_trace.h"

EXPORT_TRACEPOINT_SYMBOL(s390_zcrypt_req);
EXPORT_TRACEPOINT_SYMBOL(s390_zcrypt_rep);

/* Well within the two seconds after which a program is told */
#define RESCAN_MS	1500
#define WAIT_SLACK	(60 * HZ)
#define SIGNAL_GRACE	(5 * HZ)
#define CARD_REFUSALS	10

/*
 * What can be run twice takes milliseconds. The longest of the rest makes a key,
 * but for administrative requests, which take what they take.
 */
static const struct zcrypt_limits {
	unsigned int answer_s;		/* 0: the driver's request_timeout */
	unsigned int resend_s;
} short_limits = { 9, 30 }, key_limits = { 120, 900 }, admin_limits = { 0, 900 };

static const struct zcrypt_limits *limits(const struct zcrypt_request *req)
{
	if (req->msg.flags & AP_MSG_FLAG_ADMIN)
		return &admin_limits;
	return req->repeatable ? &short_limits : &key_limits;
}

/* Handed back that often, a queue is flapping: no hurry to try the next one */
#define HAND_BACKS_IN_A_ROW	32

/*
 * Which requests may be executed twice.
 *
 * A message that was at a card when the card was taken away may have been
 * executed, and nobody can tell. It is sent again only if running it twice is
 * the same as running it once; all others end with -ECANCELED, and the program
 * has to decide. Functions that are not listed here are of these others:
 * making a key twice is two keys, changing a state twice may be two changes.
 */
static const struct {
	enum zcrypt_op op;
	unsigned int fcode;
} repeatable[] = {
	/* RSA on given numbers */
	{ ZCRYPT_OP_CPRB, 0x504b },	/* PK */
	{ ZCRYPT_OP_CPRB, 0x5044 },	/* PD */
	/* The same key in another wrapping */
	{ ZCRYPT_OP_CPRB, 0x4155 },	/* AU */
	{ ZCRYPT_OP_CPRB, 0x5553 },	/* US */
	{ ZCRYPT_OP_EP11, 33 },		/* wrap key */
	/* Queries, and random numbers, which are not the same anyway */
	{ ZCRYPT_OP_CPRB, 0x4651 },	/* FQ: facility query */
	{ ZCRYPT_OP_CPRB, 0x524c },	/* RL */
	{ ZCRYPT_OP_EP11, 38 },		/* module, domain and card info */
};

/**
 * zcrypt_repeatable() - whether a request may be executed twice
 * @op: what it does
 * @fcode: function code, when it is a CPRB
 * @flags: of the message; administrative requests, whatever they ask for, may not
 *
 * Context: any.
 * Return: true if so.
 */
bool zcrypt_repeatable(enum zcrypt_op op, unsigned int fcode, u16 flags)
{
	int i;

	if (flags & AP_MSG_FLAG_ADMIN)
		return false;
	if (op != ZCRYPT_OP_CPRB && op != ZCRYPT_OP_EP11)
		return true;
	for (i = 0; i < ARRAY_SIZE(repeatable); i++)
		if (repeatable[i].op == op && repeatable[i].fcode == fcode)
			return true;
	return false;
}

/*
 * Descriptions.
 */
struct rsa_class {
	unsigned int max_len;
	enum crypto_ops me, crt;
};

static_assert(NUM_OPS <= AP_MSG_KINDS);

static const struct rsa_class rsa_classes[] = {
	{ 128, MEX_1K, CRT_1K },
	{ 256, MEX_2K, CRT_2K },
	{ UINT_MAX, MEX_4K, CRT_4K },
};

/* As many bytes go out as came in; a larger buffer is of no use */
static int describe_rsa(struct zcrypt_request *req, unsigned int in,
			unsigned int *out)
{
	const struct rsa_class *class = rsa_classes;

	if (!in || *out < in)
		return -EINVAL;
	*out = in;
	while (in > class->max_len)
		class++;
	req->speed = req->op == ZCRYPT_OP_ME ? class->me : class->crt;
	req->fcode = req->speed;
	req->mod_len = in;
	return 0;
}

static int describe_me(struct zcrypt_request *req)
{
	return describe_rsa(req, req->me->inputdatalength,
			    &req->me->outputdatalength);
}

static int describe_crt(struct zcrypt_request *req)
{
	return describe_rsa(req, req->crt->inputdatalength,
			    &req->crt->outputdatalength);
}

static int describe_rng(struct zcrypt_request *req)
{
	req->speed = HWRNG;
	req->fcode = HWRNG;
	return 0;
}

static const struct {
	u32 trace;
	unsigned int kinds;
	int (*describe)(struct zcrypt_request *req);
} operations[NR_ZCRYPT_OPS] = {
	[ZCRYPT_OP_ME]	 = { TP_ICARSAMODEXPO,
			     ZCRYPT_KIND_ACCEL | ZCRYPT_KIND_CCA, describe_me },
	[ZCRYPT_OP_CRT]	 = { TP_ICARSACRT,
			     ZCRYPT_KIND_ACCEL | ZCRYPT_KIND_CCA, describe_crt },
	[ZCRYPT_OP_CPRB] = { TB_ZSECSENDCPRB,
			     ZCRYPT_KIND_CCA, zcrypt_describe_cprb },
	[ZCRYPT_OP_EP11] = { TP_ZSENDEP11CPRB,
			     ZCRYPT_KIND_EP11, zcrypt_describe_ep11 },
	[ZCRYPT_OP_RNG]	 = { TP_HWRNGCPRB,
			     ZCRYPT_KIND_CCA, describe_rng },
};

/*
 * Buffers. What is in them is keys and clear text.
 *
 * Most messages are short. They get a buffer of ZCRYPT_SMALL bytes, and their
 * reply goes behind them in the same buffer. Each CPU keeps the last one that was
 * given back, wiped; the others come from a slab cache. What is longer is
 * allocated as it is needed.
 */
static struct kmem_cache *small_buffers;
static DEFINE_PER_CPU(void *, spare_buffer);

static void *get_small_buffer(void)
{
	return this_cpu_xchg(spare_buffer, NULL) ?:
	       kmem_cache_alloc(small_buffers, GFP_KERNEL);
}

static void put_small_buffer(void *buf)
{
	buf = this_cpu_xchg(spare_buffer, buf);
	if (buf)
		kmem_cache_free(small_buffers, buf);
}

/**
 * zcrypt_buffers_init() - prepare for requests
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int __init zcrypt_buffers_init(void)
{
	small_buffers = kmem_cache_create_usercopy("zcrypt_small", ZCRYPT_SMALL,
						   0, SLAB_HWCACHE_ALIGN, 0,
						   ZCRYPT_SMALL, NULL);
	return small_buffers ? 0 : -ENOMEM;
}

/**
 * zcrypt_buffers_exit() - the reverse
 *
 * Context: module exit, or init that failed; no request is under way.
 */
void zcrypt_buffers_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu(spare_buffer, cpu))
			kmem_cache_free(small_buffers, per_cpu(spare_buffer, cpu));
	kmem_cache_destroy(small_buffers);
}

static bool from_reserve(const struct zcrypt_request *req)
{
	return req->msg.flags & AP_MSG_FLAG_MEMPOOL;
}

static bool reply_is_behind(const struct zcrypt_request *req)
{
	const u8 *begin = req->msg.msg;

	return req->reply >= begin && req->reply < begin + req->room;
}

static void free_reply(struct zcrypt_request *req)
{
	if (req->reply && !reply_is_behind(req))
		kfree_sensitive(req->reply);
	req->reply = NULL;
	req->reply_room = 0;
}

/* A small buffer is clean where nothing was written to it */
static void free_message(struct zcrypt_request *req)
{
	struct ap_message *msg = &req->msg;

	if (from_reserve(req)) {
		ap_release_apmsg(msg);
	} else if (req->room == ZCRYPT_SMALL) {
		memzero_explicit(msg->msg, req->written);
		put_small_buffer(msg->msg);
	} else {
		kfree_sensitive(msg->msg);
	}
	msg->msg = NULL;
	req->room = 0;
	req->written = 0;
}

static int alloc_message(struct zcrypt_request *req, size_t len)
{
	struct ap_message *msg = &req->msg;
	size_t room = max_t(size_t, len, ZCRYPT_SMALL);
	int rc;

	if (req->xflags & ZCRYPT_XFLAG_NOMEMALLOC) {
		rc = ap_init_apmsg(msg, AP_MSG_FLAG_MEMPOOL);
		if (rc)
			return rc;
		room = msg->bufsize;
	} else if (len <= ZCRYPT_SMALL) {
		msg->msg = get_small_buffer();
	} else {
		msg->msg = kmalloc(len, GFP_KERNEL);
	}
	req->room = msg->msg ? room : 0;
	return msg->msg ? 0 : -ENOMEM;
}

/**
 * zcrypt_request_buffer() - room for the request's message
 * @req: the request
 * @len: the message's length
 *
 * The buffer is zeroed, and @req->msg.len set. With ZCRYPT_XFLAG_NOMEMALLOC it
 * is one from the bus's reserve; that has to be asked for before a queue is
 * picked. A reply buffer has to be asked for anew.
 *
 * Context: process; sleeps unless ZCRYPT_XFLAG_NOMEMALLOC.
 * Return: 0, -EMSGSIZE or -ENOMEM.
 */
int zcrypt_request_buffer(struct zcrypt_request *req, size_t len)
{
	struct ap_message *msg = &req->msg;
	int rc;

	if (msg->msg && len > req->room && !from_reserve(req)) {
		free_reply(req);
		free_message(req);
	}
	if (!msg->msg) {
		rc = alloc_message(req, len);
		if (rc)
			return rc;
	}
	if (len > req->room)
		return -EMSGSIZE;
	memset(msg->msg, 0, len);
	req->written = max(req->written, len);
	msg->len = len;
	msg->bufsize = req->room;
	return 0;
}

/*
 * What is beyond the message in its buffer. Callers offer more room than the
 * reply takes, so that the reserve will do with less; a reply that does not fit
 * after all is cut off like any that is too long, and -EMSGSIZE.
 */
static bool reply_behind(struct zcrypt_request *req, size_t len)
{
	size_t used = ALIGN(req->msg.len, 8);
	size_t least = from_reserve(req) ? ZCRYPT_REPLY_MIN : len;

	if (used + least > req->room)
		return false;
	free_reply(req);
	req->reply = req->msg.msg + used;
	req->reply_room = min(len, req->room - used);
	req->written = max(req->written, used + req->reply_room);
	return true;
}

/**
 * zcrypt_reply_buffer() - room for the sender's copy of the reply
 * @req: the request, its message is built
 * @len: the longest reply that the sender can make use of
 *
 * Context: process; sleeps unless ZCRYPT_XFLAG_NOMEMALLOC.
 * Return: 0 or -ENOMEM.
 */
int zcrypt_reply_buffer(struct zcrypt_request *req, size_t len)
{
	/* Headers of all types can be looked at, whatever the card sends */
	len = max_t(size_t, len, ZCRYPT_REPLY_MIN);
	if (reply_behind(req, len))
		return 0;
	if (from_reserve(req))
		return -ENOMEM;
	if (len > req->reply_room || reply_is_behind(req)) {
		free_reply(req);
		req->reply = kmalloc(len, GFP_KERNEL);
		req->reply_room = req->reply ? len : 0;
	}
	return req->reply ? 0 : -ENOMEM;
}

/**
 * zcrypt_request_release() - wipe and free what a request has allocated
 * @req: the request; its message is with no queue
 *
 * Context: process.
 */
void zcrypt_request_release(struct zcrypt_request *req)
{
	free_reply(req);
	if (req->msg.msg)
		free_message(req);
	if (req->targets && zcrypt_from_user(req)) {
		kvfree(req->targets);
		kvfree(req->target_map);
	}
	req->targets = NULL;
	req->target_map = NULL;
}

/*
 * Answers.
 */

/* With the queue's lock held: copies, and judges nothing */
static void receive(struct ap_queue *aq, struct ap_message *msg,
		    struct ap_message *reply)
{
	struct zcrypt_request *req = container_of(msg, struct zcrypt_request, msg);
	size_t len;

	if (reply) {
		len = min(reply->len, reply->bufsize);
		req->reply_len = len;
		memcpy(req->reply, reply->msg, min(len, req->reply_room));
	}
	/* ap_queue_message() has not returned yet: await() looks and does not wait */
	if (!msg->at_once)
		complete(&msg->response.work);
}

/**
 * zcrypt_distrust() - a reply made no sense: the queue goes offline
 * @req: the request
 * @why: what was wrong, for the log
 *
 * If the queue has lost its driver since the reply came, or got one anew, nobody
 * is told: the admin would be sent to a queue that works. A driver that goes just
 * after the look is no different from one that goes just after the message.
 *
 * Context: process, sleeps.
 * Return: -EAGAIN, for the sender to try another queue.
 */
int zcrypt_distrust(struct zcrypt_request *req, const char *why)
{
	struct ap_queue *aq = req->zq->queue;
	unsigned int card = AP_QID_CARD(aq->qid), dom = AP_QID_QUEUE(aq->qid);
	const u8 *reply = req->reply;

	WRITE_ONCE(req->zq->online, 0);
	req->unclear = true;
	/* Once it is false it stays so: the next driver has another one */
	if (!READ_ONCE(req->zq->bound))
		return -EAGAIN;
	pr_err_ratelimited("queue %02x.%04x: %s (reply of type 0x%02x, %zu bytes), set offline; to use it again write 1 to its online attribute\n",
			   card, dom, why, reply[1], req->reply_len);
	ZCRYPT_DBF_ERR("queue %02x.%04x: bad reply, type 0x%02x, %lu bytes, online=0\n",
		       card, dom, reply[1], (unsigned long)req->reply_len);
	ap_send_online_uevent(&aq->ap_dev, 0);
	return -EAGAIN;
}

/*
 * Codes of those errors that another queue may not have, by which the card says
 * that it could not even read the request. After all others (a machine failure
 * for one) it may have been at work.
 */
static const u8 unread_codes[] = {
	REP82_ERROR_MESSAGE_TYPE,
	REP82_ERROR_INVALID_COMM_CD,
	REP82_ERROR_INVALID_COMMAND,
	REP82_ERROR_RESERVED_FIELDO,
	REP82_ERROR_WORD_ALIGNMENT,
	REP82_ERROR_RESERVED_FIELD,
	REP82_ERROR_ZERO_BUFFER_LEN,
};

/**
 * zcrypt_card_error() - the errno for a reply that is an error
 * @req: the request
 *
 * Context: process.
 * Return: -EINVAL, or -EAGAIN for the sender to try another queue; see
 * zcrypt_error.h.
 */
int zcrypt_card_error(struct zcrypt_request *req)
{
	struct ap_message reply = { .msg = req->reply, .len = req->reply_len };
	const struct error_hdr *head = reply.msg;
	int rc = convert_error(req->zq, &reply);

	req->unclear = rc == -EAGAIN &&
		       !memchr(unread_codes, head->reply_code,
			       sizeof(unread_codes));
	return rc;
}

/*
 * Sending.
 */
/*
 * Each CPU counts for itself, in steps that keep the CPUs' numbers apart: one is
 * used twice after 2^48 messages.
 */
static DEFINE_PER_CPU(unsigned long, last_psmid);

static unsigned long next_psmid(void)
{
	unsigned long psmid = (unsigned long)get_cpu() << 48;

	psmid |= this_cpu_inc_return(last_psmid) & GENMASK(47, 0);
	put_cpu();
	return psmid;
}

/*
 * Whether the card may have executed a message that it has not answered.
 *
 * Once the message has come back, or was taken back, this is exact: either takes
 * the queue's lock, under which @sent is set. As long as the queue has the message,
 * a yes is final, and a no may be out of date the next moment.
 */
static bool may_have_run(const struct zcrypt_request *req)
{
	return READ_ONCE(req->msg.sent) && !req->repeatable;
}

/*
 * A wait is also interrupted by what no program notices otherwise: it is stopped
 * and goes on, it is traced, the machine is suspended. Of a request that cannot
 * be restarted the answer would be lost, so it gets a while longer to come, and
 * only then what interrupts is taken for a signal that somebody waits to see
 * handled. A message that goes to the card just after may_have_run() said no has
 * no such chance; await() looks again, and takes it for one that may have run.
 */
static long wait_for_answer(struct zcrypt_request *req)
{
	unsigned long limit = req->zq->queue->request_timeout + WAIT_SLACK;
	struct completion *answer = &req->msg.response.work;
	long left = wait_for_completion_interruptible_timeout(answer, limit);

	if (left >= 0 || !may_have_run(req))
		return left;
	return wait_for_completion_killable_timeout(answer, SIGNAL_GRACE) ?: left;
}

/*
 * The message comes back with the bus's answer, or is taken back. Restarting
 * the system call after a signal is sending again too.
 */
static int await(struct zcrypt_request *req)
{
	struct ap_queue *aq = req->zq->queue;
	struct ap_message *msg = &req->msg;
	long left;

	if (msg->at_once)
		return msg->rc;
	left = wait_for_answer(req);
	if (left <= 0) {
		ap_cancel_message(aq, msg);
		if (msg->stage != AP_MSG_RECEIVED) {
			if (!left)
				return may_have_run(req) ? -ECANCELED : -EIO;
			return may_have_run(req) ? -EINTR : -ERESTARTSYS;
		}
	}
	return msg->rc;
}

static int refused(struct zcrypt_request *req, int rc, unsigned int *refusals)
{
	if (rc != -EAGAIN)
		return rc;
	/* These have never been sent again, and programs know the errno */
	if (req->msg.flags & AP_MSG_FLAG_ADMIN)
		return -EIO;
	if (req->unclear && !req->repeatable)
		return -ECANCELED;
	return ++*refusals < CARD_REFUSALS ? -EAGAIN : -EIO;
}

/* Sent before @nr times; returns -EAGAIN if it should go to another queue */
static long send_once(struct zcrypt_request *req, unsigned int *refusals,
		      unsigned int nr)
{
	const struct zcrypt_verb *verb = &req->zq->ops->verb[req->op];
	struct ap_message *msg = &req->msg;
	int rc;

	rc = verb->build(req);
	if (rc)
		return rc;
	msg->psmid = next_psmid();
	msg->receive = receive;
	msg->kind = req->speed;
	msg->limit = limits(req)->answer_s * HZ;
	msg->rc = 0;
	msg->sent = false;
	msg->at_once = false;
	msg->stage = AP_MSG_PREPARED;
	req->reply_len = 0;
	req->unclear = false;
	/* All that is looked at without asking for its length */
	memset(req->reply, 0, ZCRYPT_REPLY_MIN);
	init_completion(&msg->response.work);

	trace_s390_zcrypt_send(req->block, msg->psmid,
			       AP_QID_CARD(req->zq->queue->qid),
			       AP_QID_QUEUE(req->zq->queue->qid), nr);
	rc = ap_queue_message(req->zq->queue, msg);
	if (rc)
		return rc == -ENODEV ? -EAGAIN : rc;
	rc = await(req);
	if (rc == -EAGAIN)
		return may_have_run(req) ? -ECANCELED : -EAGAIN;
	return rc ? rc : refused(req, verb->parse(req), refusals);
}

static long send_till_done(struct zcrypt_request *req)
{
	unsigned int refusals = 0, hand_backs = 0;
	unsigned long give_up = 0;
	bool scanned = false;
	long rc;

	for (;;) {
		rc = zcrypt_pick(&zcrypt_pool, req);
		if (rc) {
			if (scanned)
				return rc;
			ap_bus_rescan(msecs_to_jiffies(RESCAN_MS));
			scanned = true;
			continue;
		}
		rc = send_once(req, &refusals, hand_backs);
		if (rc == -EAGAIN)
			ap_queue_resent(req->zq->queue);
		zcrypt_drop(req);
		if (rc != -EAGAIN)
			return rc;
		/* A card that kept it for long has not used up its other chances */
		if (!hand_backs++)
			give_up = jiffies + limits(req)->resend_s * HZ;
		else if (time_after(jiffies, give_up))
			return -EIO;
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (hand_backs % HAND_BACKS_IN_A_ROW == 0)
			msleep_interruptible(10);
		scanned = false;
	}
}

/**
 * zcrypt_send_request() - have a card do something
 * @req: the request: @op, the operation's block, @xflags and @perms set, all
 *	else zero
 *
 * Context: process, sleeps; see the top of this file for how long.
 * Return: 0, or a number of bytes for ZCRYPT_OP_RNG; -ENODEV: there is no
 * queue for it; -ECANCELED: the card may or may not have done it; -EIO: no
 * queue was able to; -ERESTARTSYS or -EINTR: a signal came; -EINVAL, -EFAULT,
 * -EMSGSIZE, -EOPNOTSUPP, -ENOMEM.
 */
long zcrypt_send_request(struct zcrypt_request *req)
{
	ap_qid_t qid = 0;
	u64 psmid;
	long rc;

	trace_s390_zcrypt_req(req->block, operations[req->op].trace);
	req->kinds = operations[req->op].kinds;
	req->card = AUTOSELECT;
	req->domain = AUTOSEL_DOM;
	req->ctrl_domain = AUTOSEL_DOM;
	req->factor = 1;
	INIT_LIST_HEAD(&req->msg.list);

	rc = operations[req->op].describe(req);
	if (!rc) {
		req->repeatable = zcrypt_repeatable(req->op, req->fcode,
						    req->msg.flags);
		rc = send_till_done(req);
	}
	if (req->nr_tried)
		qid = req->tried[(req->nr_tried - 1) % ZCRYPT_NR_TRIED];
	psmid = req->msg.psmid;
	zcrypt_request_release(req);
	zcrypt_trace_rep(req->block, req->fcode, rc, AP_QID_CARD(qid),
			 AP_QID_QUEUE(qid), psmid);
	return rc;
}
