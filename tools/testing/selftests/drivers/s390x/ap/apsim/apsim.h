/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A simulated AP facility for s390x guests: what its parts know of each other.
 */

#ifndef APSIM_H
#define APSIM_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct apsim_queue;
struct pt_regs;
struct seq_file;

#define APSIM_MAX_CARDS		64
#define APSIM_MAX_DOMAINS	64
#define APSIM_MAX_DEPTH		16
#define APSIM_MAX_RULES		64
#define APSIM_MARK_MAX		64
#define APSIM_ML_UNIT		4096U
#define APSIM_ML_DEFAULT	3U	/* TAPQ's ML 0 stands for three units */
#define APSIM_NO_DOMAIN		0xffff
#define APSIM_NO_CARD		0xff

/* Program interruption codes an AP instruction can end with. */
#define APSIM_PGM_PRIVILEGED	0x0002
#define APSIM_PGM_ADDRESSING	0x0005
#define APSIM_PGM_SPECIFICATION	0x0006

/* Response codes of the status word. */
enum apsim_rc {
	APSIM_RC_NORMAL		= 0x00,
	APSIM_RC_NOT_AVAILABLE	= 0x01,
	APSIM_RC_RESETTING	= 0x02,
	APSIM_RC_DECONFIGURED	= 0x03,
	APSIM_RC_CHECKSTOPPED	= 0x04,
	APSIM_RC_BUSY		= 0x05,
	APSIM_RC_BAD_ADDRESS	= 0x06,
	APSIM_RC_AS_IT_WAS	= 0x07,
	APSIM_RC_BAD_GISA	= 0x08,
	APSIM_RC_FULL_OR_NONE	= 0x10,
	APSIM_RC_NO_FIRST_PART	= 0x13,
	APSIM_RC_TOO_BIG	= 0x15,
	APSIM_RC_NO_FACILITY	= 0x16,
};

/* What a line of the log, or a fault rule, is about. */
enum apsim_what {
	APSIM_TAPQ, APSIM_RAPQ, APSIM_ZAPQ, APSIM_AQIC, APSIM_QCI, APSIM_QACT,
	APSIM_BAPQ, APSIM_AAPQ, APSIM_NQAP, APSIM_DQAP, APSIM_PQAP,
	APSIM_RESETDONE, APSIM_READY, APSIM_LOST, APSIM_IRQ, APSIM_FAULT,
	APSIM_MARK, APSIM_CONFIG,
	APSIM_REPLY,		/* only in fault rules */
	APSIM_NR_WHAT
};

extern const char *const apsim_what_name[APSIM_NR_WHAT];

/* ---- numbers a user can set ---- */

enum apsim_knob_id {
	APSIM_KNOB_DOMAINS, APSIM_KNOB_DEPTH, APSIM_KNOB_RESET_MS,
	APSIM_KNOB_IRQ, APSIM_KNOB_IRQ_US, APSIM_KNOB_REORDER, APSIM_KNOB_RSA,
	APSIM_KNOB_LOG, APSIM_KNOB_SEED,
	APSIM_KNOB_ME_US, APSIM_KNOB_CRT_US, APSIM_KNOB_OTHER_US,
	APSIM_NR_KNOBS
};

/**
 * struct apsim_knob - a number with the range it has to stay in
 * @name: as the user knows it
 * @min: smallest value accepted
 * @max: largest value accepted
 * @val: present value; read and written with READ_ONCE() and WRITE_ONCE()
 */
struct apsim_knob {
	const char *name;
	u32 min;
	u32 max;
	u32 val;
};

extern struct apsim_knob apsim_knobs[APSIM_NR_KNOBS];

static inline u32 apsim_knob(enum apsim_knob_id id)
{
	return READ_ONCE(apsim_knobs[id].val);
}

/* Values of APSIM_KNOB_RSA */
enum { APSIM_RSA_NONE, APSIM_RSA_COMPUTE, APSIM_RSA_KEEP };

int apsim_knob_set(struct apsim_knob *knob, const char *text);
int apsim_service_set(const char *text);

/* ---- what it costs ---- */

enum apsim_cost_kind {
	APSIM_COST_INSN, APSIM_COST_IRQ, APSIM_COST_TIMER,
	APSIM_NR_COSTS
};

/**
 * struct apsim_cost - what one CPU has done
 * @tod: time, in units of the TOD clock, by kind
 * @times: how often, by kind
 */
struct apsim_cost {
	unsigned long tod[APSIM_NR_COSTS];
	u64 times[APSIM_NR_COSTS];
};

extern bool apsim_cost_on;

void apsim_cost_add(enum apsim_cost_kind kind, unsigned long tod);
void apsim_cost_set(bool on);
void apsim_cost_show(struct seq_file *m);

/* ---- the log ---- */

/**
 * struct apsim_rec - one line of the log
 * @seq: its number, counted from the loading of the module
 * @time: CLOCK_MONOTONIC in ns
 * @psmid: the message it is about, or 0
 * @why: reason of a program interruption, a constant string
 * @status: low word of GR1 afterwards
 * @a: first detail, its meaning depends on @what
 * @b: second detail
 * @pgm: program interruption code, or 0
 * @cpu: where it happened
 * @domain: APSIM_NO_DOMAIN when it is not about one queue
 * @card: APSIM_NO_CARD when it is not about one card
 * @what: enum apsim_what
 * @cc: condition code
 * @text: used by marks, configuration changes and fault hits
 */
struct apsim_rec {
	u64 seq;
	u64 time;
	u64 psmid;
	const char *why;
	u32 status;
	u32 a;
	u32 b;
	u16 pgm;
	u16 cpu;
	u16 domain;
	u8 card;
	u8 what;
	u8 cc;
	char text[APSIM_MARK_MAX + 1];
};

extern bool apsim_log_on;

int apsim_log_init(u32 entries);
void apsim_log_exit(void);
void apsim_log_add(struct apsim_rec *rec);
__printf(4, 5)
void apsim_log_text(enum apsim_what what, u8 card, u16 domain,
		    const char *fmt, ...);
void apsim_log_clear(void);
void apsim_log_bounds(u64 *oldest, u64 *next, u64 *dropped);
bool apsim_log_read(u64 seq, struct apsim_rec *rec);
void apsim_log_show(struct seq_file *m, const struct apsim_rec *rec);

/* ---- the watch ---- */

/**
 * struct apsim_watched - what the watch knows of a queue
 * @use: how far it is between one use and the next
 * @driver: what a driver that tells has said last
 * @gone: it is not there for instructions, as the configuration has it
 */
struct apsim_watched {
	enum {
		APSIM_USE_OPEN,		/* or not known yet */
		APSIM_USE_OVER,		/* not zeroed */
		APSIM_USE_ZEROED,	/* ZAPQ was accepted */
		APSIM_USE_CLEAN,	/* and TAPQ has shown it */
	} use;
	enum {
		APSIM_DRIVER_SILENT, APSIM_DRIVER_HAS_IT,
		APSIM_DRIVER_REMOVING, APSIM_DRIVER_REMOVED,
	} driver;
	bool gone;
};

enum apsim_watch_count {
	APSIM_WATCH_RECORDS, APSIM_WATCH_ZEROED, APSIM_WATCH_CLEAN,
	APSIM_WATCH_REOPENED, APSIM_WATCH_MARKS, APSIM_WATCH_BREACHES,
	APSIM_NR_WATCH_COUNTS
};

const char *apsim_watch_judge(struct apsim_watched *w, const struct apsim_rec *rec);
void apsim_watch_record(const struct apsim_rec *rec);
void apsim_watch_set(bool on);
u64 apsim_watch_count(enum apsim_watch_count which);
void apsim_watch_show(struct seq_file *m);
void apsim_mark_queue(u16 apqn, const char *text);

/* ---- messages and replies ---- */

enum apsim_op { APSIM_OP_ME, APSIM_OP_CRT, APSIM_OP_OTHER };

#define APSIM_HEAD 16		/* bytes of a message that say what it is */

/**
 * struct apsim_format - one layout of a type 50 message
 * @keyblock: value of its keyblock type field
 * @op: what is asked for
 * @size: bytes of the modulus, the input and the result
 * @len: bytes of the whole message
 */
struct apsim_format {
	u16 keyblock;
	u8 op;
	u16 size;
	u16 len;
};

/**
 * struct apsim_reply - what DQAP will deliver
 * @head: its first @hlen bytes
 * @hlen: 8 for an error reply, APSIM_HEAD for one of type 80, 0 when @body is
 *	all of it
 * @len: all of it; what neither @head nor @body holds is zeroes
 * @body: the bytes after @head, or NULL; owned, freed with kfree_sensitive()
 * @body_len: how many
 */
struct apsim_reply {
	u8 head[APSIM_HEAD];
	u32 hlen;
	u32 len;
	u32 body_len;
	u8 *body;
};

/**
 * struct apsim_job - a request
 * @fmt: its layout, NULL for type 6 and when there is nothing to compute
 * @req: copy of the message, NULL when there is nothing to compute; owned
 * @len: bytes of @req
 * @op: enum apsim_op, for the service time
 * @type: message type byte, for the log
 */
struct apsim_job {
	const struct apsim_format *fmt;
	u8 *req;
	u32 len;
	u8 op;
	u8 type;
};

int apsim_msg_take(struct apsim_job *job, struct apsim_reply *reply,
		   char mode, unsigned long addr, u32 len);
void apsim_msg_compute(const struct apsim_queue *q, const struct apsim_job *job,
		       struct apsim_reply *reply);
void apsim_reply_error(struct apsim_reply *reply, u8 type, u8 code);
u32 apsim_reply_piece(const struct apsim_reply *reply, u32 off,
		      const u8 **piece);

/* ---- arithmetic ---- */

#define APSIM_NUM_MAX 512	/* bytes of the longest modulus */

/**
 * struct apsim_num - an unsigned number, somewhere in a message
 * @bytes: most significant byte first
 * @len: how many; a little more than APSIM_NUM_MAX at most
 */
struct apsim_num {
	const u8 *bytes;
	u32 len;
};

/**
 * struct apsim_me - operands of a modular exponentiation
 * @exp: exponent
 * @mod: modulus
 * @in: input
 */
struct apsim_me {
	struct apsim_num exp;
	struct apsim_num mod;
	struct apsim_num in;
};

/**
 * struct apsim_crt - operands for the Chinese remainder theorem
 * @p: a prime
 * @q: another
 * @dp: exponent modulo @p
 * @dq: exponent modulo @q
 * @u: 1/@q modulo @p
 * @in: input
 */
struct apsim_crt {
	struct apsim_num p;
	struct apsim_num q;
	struct apsim_num dp;
	struct apsim_num dq;
	struct apsim_num u;
	struct apsim_num in;
};

typedef int apsim_compute_fn(const struct apsim_num *num, u8 *out, u32 size);

int apsim_memo(apsim_compute_fn *compute, const struct apsim_num *num,
	       u32 count, u8 *out, u32 size);
void apsim_memo_exit(void);
int apsim_rsa_me(const struct apsim_me *me, u8 *out, u32 size);
int apsim_rsa_crt(const struct apsim_crt *crt, u8 *out, u32 size);

/* Reply codes of error replies. */
#define APSIM_ERR_MACHINE	0x10
#define APSIM_ERR_MSG_TYPE	0x20
#define APSIM_ERR_RESERVED	0x24
#define APSIM_ERR_FORMAT	0x29
#define APSIM_ERR_MALFORMED	0x40
#define APSIM_ERR_MSG_LENGTH	0x80
#define APSIM_ERR_OPERAND	0x82
#define APSIM_ERR_OPERAND_SIZE	0x84
#define APSIM_ERR_EVEN_MODULUS	0x85
#define APSIM_ERR_DOMAIN	0x8a
#define APSIM_ERR_TRUNCATED	0xa0

/* ---- requests to coprocessors, type 6 ---- */

/**
 * struct apsim_in - bytes of a request that were not looked at yet
 * @at: where they begin
 * @left: how many there are
 */
struct apsim_in {
	const u8 *at;
	u32 left;
};

/**
 * struct apsim_out - a part of a reply that is being made
 * @buf: where it begins
 * @room: how long it may become
 * @len: how long it is
 * @over: something did not fit
 */
struct apsim_out {
	u8 *buf;
	u32 room;
	u32 len;
	bool over;
};

const u8 *apsim_take(struct apsim_in *in, u32 n);
bool apsim_take_be16(struct apsim_in *in, u16 *val);
bool apsim_take_block(struct apsim_in *in, struct apsim_in *block);
u8 *apsim_put(struct apsim_out *out, u32 n);
void apsim_put_bytes(struct apsim_out *out, const void *bytes, u32 n);
void apsim_put_be16(struct apsim_out *out, u16 val);
void apsim_put_be32(struct apsim_out *out, u32 val);
void apsim_put_be64(struct apsim_out *out, u64 val);

/**
 * struct apsim_cprb - a request of type 6, and the reply to it
 * @q: the queue it came to
 * @agent: whom it is for: "CA" or "XC"
 * @control: its first block: a CPRB and what belongs to it
 * @data: its second block
 * @out: the reply's first block
 * @data_room: how long the reply's second block may be
 * @random: how many random bytes that is to have
 */
struct apsim_cprb {
	const struct apsim_queue *q;
	const u8 *agent;
	struct apsim_in control;
	struct apsim_in data;
	struct apsim_out out;
	u32 data_room;
	u32 random;
};

void apsim_cprb_compute(const struct apsim_queue *q, const struct apsim_job *job,
			struct apsim_reply *reply);
enum apsim_op apsim_cprb_op(const u8 *msg, u32 len);
enum apsim_op apsim_cca_op(const u8 *function);
u8 apsim_cca_answer(struct apsim_cprb *c);
u8 apsim_ep11_answer(struct apsim_cprb *c);

/* ---- memory the instructions name ---- */

bool apsim_mem_get(void *dst, unsigned long addr, size_t len);
bool apsim_mem_probe(unsigned long addr, size_t len);
bool apsim_mem_put(unsigned long addr, const void *src, size_t len);
bool apsim_mem_byte_ok(unsigned long abs);
bool apsim_mem_set_byte(unsigned long abs, u8 val);

/* ---- cards and queues ---- */

struct apsim_node;

/**
 * struct apsim_file - a file in debugfs
 * @node: what it is for
 * @object: what it is about
 */
struct apsim_file {
	const struct apsim_node *node;
	void *object;
};

/*
 * Registers of master keys, by their place in struct apsim_keys.  Of a CCA
 * domain's keys there are a new, a current and an old one each.
 */
#define APSIM_MK_MAX	12
#define APSIM_MK_SIZE	32	/* bytes of the longest verification pattern */

enum apsim_mk_age { APSIM_MK_NEW, APSIM_MK_CUR, APSIM_MK_OLD, APSIM_MK_AGES };
enum apsim_mk_cca { APSIM_MK_SYM, APSIM_MK_ASYM, APSIM_MK_AES, APSIM_MK_APKA };
enum apsim_mk_ep11 { APSIM_WK_CUR, APSIM_WK_NEW };

/* What is in a register. */
enum apsim_mk_state { APSIM_MK_EMPTY, APSIM_MK_LOADED, APSIM_MK_COMPLETE };

/**
 * struct apsim_mk - a register
 * @state: empty or invalid; partial, uncommitted or valid; full or committed
 * @pattern: verification pattern of the key in it
 */
struct apsim_mk {
	u8 state;
	u8 pattern[APSIM_MK_SIZE];
};

/**
 * struct apsim_keys - what the firmware of a coprocessor holds for a domain
 * @mk: the registers
 * @modes: EP11: operational modes
 */
struct apsim_keys {
	struct apsim_mk mk[APSIM_MK_MAX];
	u64 modes;
};

#define APSIM_SERIAL_CCA	8
#define APSIM_SERIAL_EP11	16

/**
 * struct apsim_ident - what the firmware of a coprocessor says about its card
 * @serial: serial number, as text
 * @api: EP11: API ordinal
 * @version: EP11: firmware version, major and minor number
 * @modes: EP11: operational modes the card has
 */
struct apsim_ident {
	char serial[APSIM_SERIAL_EP11 + 1];
	u32 api;
	u16 version;
	u64 modes;
};

/* Things that can be wrong with a card, or with one queue of it. */
enum apsim_flag { APSIM_PRESENT, APSIM_CONFIGURED, APSIM_STOPPED, APSIM_NR_FLAGS };

/**
 * struct apsim_type - a kind of card
 * @gen: generation, the n in CEXn
 * @mode: 'a', 'c' or 'p'
 * @at: AP type
 * @ml: ML field of TAPQ
 * @fac: facility word of TAPQ
 */
struct apsim_type {
	u8 gen;
	char mode;
	u8 at;
	u8 ml;
	u32 fac;
};

enum apsim_entry_state {
	APSIM_E_FREE,		/* on the queue's list of free entries */
	APSIM_E_TODO,		/* accepted, nobody looked at it yet */
	APSIM_E_BUSY,		/* the worker is computing it */
	APSIM_E_WAIT,		/* computed, its time has not come */
	APSIM_E_HELD,		/* its time has come, a rule holds it */
	APSIM_E_READY,		/* DQAP can have it */
};

/**
 * struct apsim_entry - a place in a queue
 * @list: the list its state says
 * @psmid: as given to NQAP, or what a fault rule made of it
 * @sent_as: as given to NQAP
 * @due: not available before this time
 * @job: the request
 * @reply: the reply
 * @sent: bytes that DQAP delivered so far
 * @part: bytes that DQAP delivers at a time, 0 for none at all
 * @endless: what DQAP delivered does not count, there is always as much left
 * @state: enum apsim_entry_state
 */
struct apsim_entry {
	struct list_head list;
	u64 psmid;
	u64 sent_as;
	ktime_t due;
	struct apsim_job job;
	struct apsim_reply reply;
	u32 sent;
	u32 part;
	bool endless;
	u8 state;
};

/**
 * struct apsim_stage - a request of which NQAP took a first part only
 * @buf: all of it, filled up to @have; owned; NULL when there is none
 * @psmid: given with the first part
 * @have: bytes taken
 * @len: bytes in all
 */
struct apsim_stage {
	u8 *buf;
	u64 psmid;
	u32 have;
	u32 len;
};

enum apsim_reset { APSIM_RESET_IDLE, APSIM_RESET_RUNNING, APSIM_RESET_HANGING };

/* What is counted per queue; in the order the counters file shows them. */
enum apsim_count {
	APSIM_C_NQAP, APSIM_C_NQAP_OK, APSIM_C_DQAP, APSIM_C_DQAP_OK,
	APSIM_C_TAPQ, APSIM_C_RAPQ, APSIM_C_ZAPQ, APSIM_C_AQIC,
	APSIM_C_REPLIES, APSIM_C_IRQS, APSIM_C_SWALLOWED, APSIM_C_LOST,
	APSIM_NR_COUNTS
};

/**
 * struct apsim_queue - one APQN
 * @lock: guards all that follows it
 * @card: its card
 * @domain: its domain
 * @depth: number of entries
 * @unavailable: response code every instruction gets, 0 when usable
 * @flag: by enum apsim_flag, of this queue alone
 * @dead: the module is about to go, start nothing any more
 * @used: an NQAP was accepted since the last completed ZAPQ
 * @async: sticky asynchronous error, or 0
 * @nr_entries: entries not free
 * @nr_ready: entries that DQAP can have
 * @free: entries by state
 * @todo: entries by state, oldest first
 * @wait: entries by state
 * @held: entries by state
 * @ready: entries by state, oldest first
 * @current_out: entry of which DQAP delivered a part
 * @busy: entry the worker is at
 * @stage: request of which NQAP took a part
 * @line_free: when the server of this queue is done with what it has
 * @last_psmid: the psmid delivered last, for stale replies
 * @reset: state of the reset
 * @reset_what: APSIM_RAPQ or APSIM_ZAPQ
 * @reset_end: when it is over
 * @irq_on: interrupts are enabled
 * @irq_change: an AQIC has not taken effect yet
 * @irq_next: what it asks for
 * @irq_pending: notifications to be made
 * @isc: interruption subclass
 * @nib: absolute address of the notification byte
 * @next_isc: as given by the AQIC that has not taken effect
 * @next_nib: as given by the AQIC that has not taken effect
 * @irq_at: when it takes effect
 * @random: state of the pseudo-random numbers
 * @count: by enum apsim_count
 * @timer: next point in time at which something happens by itself
 * @timer_at: that time, or KTIME_MAX
 * @irq_work: makes the notifications
 * @work: computes the entries on @todo
 * @keys: of a coprocessor; guarded by apsim_firmware.c
 * @file: its files in debugfs
 * @entry: the entries
 */
struct apsim_queue {
	raw_spinlock_t lock;
	struct apsim_card *card;
	u8 domain;
	u8 depth;
	u8 unavailable;
	bool flag[APSIM_NR_FLAGS];
	bool dead;
	bool used;
	u8 async;
	u8 nr_entries;
	u8 nr_ready;
	struct list_head free;
	struct list_head todo;
	struct list_head wait;
	struct list_head held;
	struct list_head ready;
	struct apsim_entry *current_out;
	struct apsim_entry *busy;
	struct apsim_stage stage;
	ktime_t line_free;
	u64 last_psmid;
	u8 reset;
	u8 reset_what;
	ktime_t reset_end;
	bool irq_on;
	bool irq_change;
	bool irq_next;
	u8 irq_pending;
	u8 isc;
	u8 next_isc;
	unsigned long nib;
	unsigned long next_nib;
	ktime_t irq_at;
	u32 random;
	u64 count[APSIM_NR_COUNTS];
	struct hrtimer timer;
	ktime_t timer_at;
	struct irq_work irq_work;
	struct work_struct work;
	struct apsim_keys keys;
	struct apsim_file file[7];
	struct apsim_entry entry[] __counted_by(depth);
};

/**
 * struct apsim_card - one adapter
 * @id: its number
 * @type: what it is
 * @flag: by enum apsim_flag; changed under the configuration mutex
 * @queue: its queues, NULL where there never was one
 * @ident: of a coprocessor; guarded by apsim_firmware.c
 * @dir: its place in debugfs
 * @file: its files in debugfs
 */
struct apsim_card {
	u8 id;
	const struct apsim_type *type;
	bool flag[APSIM_NR_FLAGS];
	struct apsim_queue *queue[APSIM_MAX_DOMAINS];
	struct apsim_ident ident;
	struct dentry *dir;
	struct apsim_file file[6];
};

/* More buffers than a queue can own at a time. */
#define APSIM_BIN (2 * APSIM_MAX_DEPTH + 2)

/**
 * struct apsim_bin - buffers to be freed once no lock is held
 * @nr: how many
 * @ptr: the buffers
 */
struct apsim_bin {
	u32 nr;
	void *ptr[APSIM_BIN];
};

static inline void apsim_bin_add(struct apsim_bin *bin, void *ptr)
{
	if (ptr && !WARN_ON_ONCE(bin->nr == APSIM_BIN))
		bin->ptr[bin->nr++] = ptr;
}

void apsim_bin_empty(struct apsim_bin *bin);

/* apsim_model.c */
int apsim_model_check(const char *cards);
int apsim_model_init(const char *cards);
void apsim_model_stop(void);
void apsim_model_exit(void);
int apsim_card_add(u32 id, const char *type);
struct apsim_card *apsim_card_get(u32 id);
struct apsim_queue *apsim_queue_get(u16 apqn);
int apsim_card_set(struct apsim_card *card, enum apsim_flag flag, bool on);
int apsim_queue_set(struct apsim_queue *q, enum apsim_flag flag, bool on);
int apsim_domains_set(bool usage, u64 mask);
u64 apsim_domains(bool usage);
u32 apsim_max_message(void);
void apsim_qci(void *block);
const struct apsim_type *apsim_type_find(const char *text, size_t len);
u32 apsim_type_limit(const struct apsim_type *type);

/* apsim_firmware.c */
void apsim_firmware_card(struct apsim_card *card);
void apsim_firmware_queue(struct apsim_queue *q);
void apsim_ident_get(const struct apsim_card *card, struct apsim_ident *ident);
int apsim_serial_set(struct apsim_card *card, const char *text);
int apsim_ident_set(struct apsim_card *card, char *text);
void apsim_keys_get(const struct apsim_queue *q, struct apsim_keys *keys);
void apsim_keys_show(struct seq_file *m, const struct apsim_queue *q);
int apsim_mk_set(struct apsim_queue *q, char *text);
int apsim_modes_set(struct apsim_queue *q, const char *text);

/* apsim_queue.c */
struct apsim_queue *apsim_queue_new(struct apsim_card *card, u8 domain);
void apsim_queue_stop(struct apsim_queue *q);
void apsim_queue_free(struct apsim_queue *q);
u32 apsim_queue_status(const struct apsim_queue *q, u8 rc);
void apsim_queue_advance(struct apsim_queue *q, struct apsim_bin *bin);
void apsim_queue_settle(struct apsim_queue *q);
void apsim_queue_drop(struct apsim_queue *q, struct apsim_bin *bin);
void apsim_queue_reset(struct apsim_queue *q, enum apsim_what what, bool hang,
		       struct apsim_bin *bin);
void apsim_queue_enqueue(struct apsim_queue *q, u64 psmid,
			 const struct apsim_job *job,
			 const struct apsim_reply *reply);
struct apsim_entry *apsim_queue_pick(struct apsim_queue *q);
void apsim_entry_done(struct apsim_queue *q, struct apsim_entry *e,
		      struct apsim_bin *bin);
void apsim_queue_set_irq(struct apsim_queue *q, bool on, u8 isc,
			 unsigned long nib);
void apsim_queue_release(struct apsim_queue *q);
u32 apsim_random(u32 *state);

int apsim_workers_start(void);
void apsim_workers_stop(void);

/* apsim_irq.c */
void apsim_irq_init(struct apsim_queue *q);
void apsim_irq_timer_begin(struct apsim_queue *q);
unsigned long apsim_irq_timer_end(struct apsim_queue *q);
void apsim_irq_raise(struct apsim_queue *q, u32 times);

/* apsim_insn.c */
int apsim_execute(struct pt_regs *regs, u32 insn);

/* ---- faults ---- */

enum apsim_action {
	APSIM_DO_RC, APSIM_DO_SWALLOW, APSIM_DO_STALE, APSIM_DO_FOREIGN,
	APSIM_DO_LOST_IRQ, APSIM_DO_SPURIOUS_IRQ, APSIM_DO_HANG, APSIM_DO_HOLD,
	APSIM_DO_ERROR, APSIM_DO_MUTATE, APSIM_DO_PARTS, APSIM_DO_ENDLESS,
	APSIM_DO_STUCK, APSIM_NR_ACTIONS
};

/**
 * struct apsim_fault - what a rule asks for
 * @action: enum apsim_action
 * @code: response code or reply code, ways to spoil a reply, or parts of one
 * @async: make @code stick
 * @seed: decides how a reply is spoilt
 */
struct apsim_fault {
	u8 action;
	u8 code;
	bool async;
	u32 seed;
};

bool apsim_fault_hit(const struct apsim_queue *q, enum apsim_what what,
		     u64 psmid, bool refused, struct apsim_fault *fault);
void apsim_fault_clear(void);
int apsim_fault_command(char *line);
int apsim_release_command(char *text);
void apsim_fault_show(struct seq_file *m);
int apsim_apqn_parse(const char *text, int *card, int *domain);

/* apsim_mutate.c */
void apsim_mutate(struct apsim_reply *reply, u8 how, u32 seed);

/* ---- debugfs ---- */

void apsim_debugfs_init(void);
void apsim_debugfs_exit(void);
void apsim_debugfs_card(struct apsim_card *card);
void apsim_debugfs_queue(struct apsim_queue *q);

bool apsim_ap_is_loaded(void);

#endif /* APSIM_H */
