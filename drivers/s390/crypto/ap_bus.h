/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver for AP devices may use. The bus's inner workings are declared
 * in ap_priv.h, which no driver includes.
 */
#ifndef _AP_BUS_H_
#define _AP_BUS_H_

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <asm/ap.h>
#include <asm/isc.h>

#define AP_DEVICES	256
#define AP_DOMAINS	256
#define AP_IOCTLS	256

#define AP_DEFAULT_MAX_MSG_SIZE		(12 * 1024)
#define AP_TAPQ_ML_FIELD_CHUNK_SIZE	4096

/* GR2 fields of TAPQ that belong to the card, not to one of its queues */
#define TAPQ_CARD_HWINFO_MASK	0xFFFF0000FFFF0F1FUL
#define ASSOC_IDX_INVALID	0x10000

extern int ap_domain_index;
extern atomic_t ap_max_msg_size;

/* Response codes of PQAP, NQAP and DQAP (architecture) */
#define AP_RESPONSE_NORMAL			0x00
#define AP_RESPONSE_Q_NOT_AVAIL			0x01
#define AP_RESPONSE_RESET_IN_PROGRESS		0x02
#define AP_RESPONSE_DECONFIGURED		0x03
#define AP_RESPONSE_CHECKSTOPPED		0x04
#define AP_RESPONSE_BUSY			0x05
#define AP_RESPONSE_INVALID_ADDRESS		0x06
#define AP_RESPONSE_OTHERWISE_CHANGED		0x07
#define AP_RESPONSE_INVALID_GISA		0x08
#define AP_RESPONSE_Q_BOUND_TO_ANOTHER		0x09
#define AP_RESPONSE_STATE_CHANGE_IN_PROGRESS	0x0A
#define AP_RESPONSE_Q_NOT_BOUND			0x0B
#define AP_RESPONSE_Q_FULL			0x10
#define AP_RESPONSE_NO_PENDING_REPLY		0x10
#define AP_RESPONSE_INDEX_TOO_BIG		0x11
#define AP_RESPONSE_NO_FIRST_PART		0x13
#define AP_RESPONSE_MESSAGE_TOO_BIG		0x15
#define AP_RESPONSE_REQ_FAC_NOT_INST		0x16
#define AP_RESPONSE_Q_BIND_ERROR		0x30
#define AP_RESPONSE_Q_NOT_AVAIL_FOR_ASSOC	0x31
#define AP_RESPONSE_Q_NOT_EMPTY			0x32
#define AP_RESPONSE_BIND_LIMIT_EXCEEDED		0x33
#define AP_RESPONSE_INVALID_ASSOC_SECRET	0x34
#define AP_RESPONSE_ASSOC_SECRET_NOT_UNIQUE	0x35
#define AP_RESPONSE_ASSOC_FAILED		0x36
#define AP_RESPONSE_INVALID_DOMAIN		0x42

/* Device types the bus knows (TAPQ's AT field) */
#define AP_DEVICE_TYPE_CEX4	10
#define AP_DEVICE_TYPE_CEX5	11
#define AP_DEVICE_TYPE_CEX6	12
#define AP_DEVICE_TYPE_CEX7	13
#define AP_DEVICE_TYPE_CEX8	14

/**
 * enum ap_state - the states of an AP queue
 * @AP_STATE_UNBOUND: no driver, and proven clean: the reset is over, the
 *	firmware's queue is empty, interrupts are off; or not used since it
 *	was found where it could not be reset (untouched)
 * @AP_STATE_BOUND: has a driver that does not use the bus's messages (or not
 *	yet); the bus issues no instruction to it
 * @AP_STATE_RESET_START: RAPQ is to be issued
 * @AP_STATE_RESET_WAIT: a reset is under way, TAPQ tells when it is over
 * @AP_STATE_SETIRQ_WAIT: AQIC was issued, TAPQ tells when it is in force
 * @AP_STATE_IDLE: ready, no message at the card
 * @AP_STATE_WORKING: messages at the card, room for more
 * @AP_STATE_QUEUE_FULL: messages at the card, no room
 * @AP_STATE_ASSOC_WAIT: an association (secure guest) is under way
 * @AP_STATE_ERROR: out of order; is reset again after a while
 * @AP_STATE_REMOVE: the driver is being removed: flushed, and silent
 * @AP_STATE_ZERO_START: ZAPQ is to be issued
 * @AP_STATE_ZERO_BUSY: ZAPQ was not accepted, TAPQ tells when to try again
 * @AP_STATE_ZERO_WAIT: a zero-reset is under way, TAPQ tells when it is over
 * @AP_STATE_UNCLEAN: no driver, and could not be shown to be clean
 * @NR_AP_STATES: number of states
 *
 * What follows what is in ap_queue.c, in one table.
 */
enum ap_state {
	AP_STATE_UNBOUND,
	AP_STATE_BOUND,
	AP_STATE_RESET_START,
	AP_STATE_RESET_WAIT,
	AP_STATE_SETIRQ_WAIT,
	AP_STATE_IDLE,
	AP_STATE_WORKING,
	AP_STATE_QUEUE_FULL,
	AP_STATE_ASSOC_WAIT,
	AP_STATE_ERROR,
	AP_STATE_REMOVE,
	AP_STATE_ZERO_START,
	AP_STATE_ZERO_BUSY,
	AP_STATE_ZERO_WAIT,
	AP_STATE_UNCLEAN,
	NR_AP_STATES
};

struct ap_device {
	struct device device;
	int device_type;
};

#define to_ap_dev(x) container_of((x), struct ap_device, device)

/* Driver for queues inside apmask and aqmask; others get the queues outside */
#define AP_DRIVER_FLAG_DEFAULT	0x0001

/**
 * struct ap_driver - a driver for AP cards or queues
 * @driver: the driver core's part
 * @ids: device types it handles, ended by an entry without match flags
 * @flags: AP_DRIVER_FLAG_*
 * @probe: a device was found for the driver; a queue is clean when it comes
 * @remove: tidy up. Every message of the queue has been handed back before.
 *	When it returns, the driver is not called for the device any more.
 * @in_use: whether the driver still needs an APQN of these masks; called with
 *	ap_perms_mutex held, non-zero vetoes the change of a mask
 * @on_config_changed: start of a bus scan that found other QCI information
 * @on_scan_complete: end of such a scan
 *
 * All are called in process context and may sleep.
 */
struct ap_driver {
	struct device_driver driver;
	struct ap_device_id *ids;
	unsigned int flags;

	int (*probe)(struct ap_device *ap_dev);
	void (*remove)(struct ap_device *ap_dev);
	int (*in_use)(unsigned long *apm, unsigned long *aqm);
	void (*on_config_changed)(struct ap_config_info *new_config_info,
				  struct ap_config_info *old_config_info);
	void (*on_scan_complete)(struct ap_config_info *new_config_info,
				 struct ap_config_info *old_config_info);
};

#define to_ap_drv(x) container_of_const((x), struct ap_driver, driver)

int ap_driver_register(struct ap_driver *ap_drv, struct module *owner,
		       char *name);
void ap_driver_unregister(struct ap_driver *ap_drv);

/* Kinds of requests that a card takes unlike times for, see struct ap_message */
#define AP_MSG_KINDS	8

/**
 * struct ap_card - an AP card
 * @ap_dev: the device
 * @hwinfo: GR2 of TAPQ, the card's fields
 * @id: its number
 * @maxmsgsize: longest message, bytes
 * @config: configured, as the last scan saw it
 * @chkstop: checkstopped, as the last scan saw it
 * @quick: the last time that somebody looked right behind NQAP, the reply was
 *	there
 * @reset_ns: how long resets of its queues have taken
 * @reply_ns: how long replies take by polling's experience, by kind of request
 * @total_request_count: messages ever accepted
 * @rcu: who chooses a card does so under RCU
 *
 * @quick, @reset_ns and @reply_ns are guesses, written and read without a lock: a wrong one
 * costs a DQAP in vain, or some microseconds.
 */
struct ap_card {
	struct ap_device ap_dev;
	struct ap_tapq_hwinfo hwinfo;
	int id;
	unsigned int maxmsgsize;
	bool config;
	bool chkstop;
	bool quick;
	u32 reset_ns;
	u32 reply_ns[AP_MSG_KINDS];
	atomic64_t total_request_count;
	struct rcu_head rcu;
};

#define to_ap_card(x) container_of((x), struct ap_card, ap_dev.device)

struct ap_message;

/**
 * struct ap_hand_over - what the last removal of a driver took
 * @driver: name of the driver that was removed
 * @flushed: messages handed back in phase 1
 * @start: begin of phase 1, ktime_get_ns()
 * @flush_ns: length of phase 1
 * @remove_ns: length of phase 2
 * @reset_ns: length of phase 3
 * @zapq: ZAPQ instructions issued in phase 3, with those of later tries
 * @tapq: TAPQ instructions, likewise
 * @end: end of phase 3, 0 while it is not over
 * @clean: how it ended: TAPQ has shown the queue clean
 * @opened: there was something to take away: the driver's probe() had succeeded
 */
struct ap_hand_over {
	char driver[32];
	unsigned int flushed;
	unsigned int zapq;
	unsigned int tapq;
	u64 start;
	u64 flush_ns;
	u64 remove_ns;
	u64 reset_ns;
	u64 end;
	bool clean;
	bool opened;
};

/**
 * enum ap_figure - what is counted for a queue, and for the bus
 * @AP_FIGURE_HAND_OVERS: how often a driver was removed
 * @AP_FIGURE_FLUSHED: messages that were handed back, to be sent elsewhere
 * @AP_FIGURE_RESENT: requests that came back, to be sent elsewhere; those that then
 *	are given up for a signal or their time limit are counted, too
 * @AP_FIGURE_RESET_NS: time of all zero-resets
 * @NR_AP_FIGURES: number of figures
 */
enum ap_figure {
	AP_FIGURE_HAND_OVERS,
	AP_FIGURE_FLUSHED,
	AP_FIGURE_RESENT,
	AP_FIGURE_RESET_NS,
	NR_AP_FIGURES
};

/**
 * struct ap_queue - an AP queue (APQN)
 * @ap_dev: the device
 * @card: its card, which lives at least as long
 * @qid: the APQN
 * @config: configured, as the last scan saw it
 * @chkstop: checkstopped, as the last scan saw it
 * @lock: protects all that follows; taken with bottom halves off, innermost
 *	but for the poll code's; receive() is called with it held
 * @state: written by the state machine only
 * @err_from: the state that an error or the removal ended
 * @last_err_rc: response code of the last error; without driver, of the last
 *	answer in phase 3
 * @queue_count: messages at the card
 * @pendingq_count: messages on @pendingq
 * @requestq_count: messages on @requestq
 * @total_request_count: messages ever accepted
 * @request_timeout: jiffies without a reply after which the queue is reset,
 *	unless a message says less
 * @pendingq: messages sent to the card
 * @requestq: messages that wait for room
 * @reply: the driver's buffer for replies
 * @driver: driver the queue is bound to; NULL from the end of its remove()
 * @se_bstate: secure guest: bind state as TAPQ's BS field last showed it
 * @assoc_idx: secure guest: index of the association secret
 * @rapq_fbit: F bit for the next RAPQ
 * @irq: the last answer said that interrupts are on
 * @irq_delay: there are no interrupts, and replies are polled for; tried again
 *	after so many jiffies; or 0
 * @irq_again: when (jiffies)
 * @aqic_again: AQIC was not accepted yet
 * @outstanding: the poll code knows of messages at the card
 * @open: probe() has succeeded, and remove() has not begun
 * @unproven: its driver got it untouched, and it was not zero-reset since
 * @off_line: somebody has set it off line in zcrypt while it was that
 * @attach: a bind was refused because the queue was not clean
 * @slot: dense number of the queue among all, see ap_poll.c
 * @clock_start: when the wait of the present state began (ktime_get_ns())
 * @recovering: a reset has begun after which the queue has not worked yet
 * @recovery_start: when it began (ktime_get_ns())
 * @progress: jiffies of the last reply, or of the first message that waits
 * @turn: since when the card is at the first message on @pendingq, or at one that
 *	was sent before (jiffies)
 * @owed_limit: how long the card may be at work with messages that nobody waits for
 *	any more, and that nothing was sent behind, or 0
 * @quiet_since: when the first message was sent that nobody waits for any more, since
 *	the last reply (jiffies)
 * @quiet_limit: how long that one may take, or 0
 * @poll_start: since when polling waits for a reply (ktime_get_ns()), or 0
 * @late: the next look comes after the time that waits like this one have taken
 * @trial: counts messages, some of which are looked for right behind NQAP
 * @attended: the message whose sender is looking for its reply
 * @strays: replies for which there was no request
 * @doubts: odd answers since the last reply
 * @doubted: when the last one came (jiffies)
 * @heal_ms: the last time between two tries to set the queue right, or 0
 * @heal_at: when the next one is due (ktime_get_ns())
 * @retired: the device is gone, nothing is begun any more
 * @cleanings: how many are over
 * @unclean: a cleaning failed, and none has succeeded since
 * @unclean_rc: the last answer of the last cleaning that failed
 * @untouched: found where it could not be reset, and never had a driver
 * @reserved: for the default drivers, as of the last change of a mask
 * @override: name of the one driver that may have it, whatever the masks say;
 *	or NULL. Protected by ap_perms_mutex
 * @scan_node: for the bus scan
 * @look: the next look at the queue
 * @watchdog: looks now and then while there are messages
 * @hand_over: about the last removal of a driver
 * @figures: see enum ap_figure; atomic, not under @lock
 * @listed: the device is there, and user space is told of it
 * @news: what is to be told, AP_NEWS_*
 * @news_work: tells it; holds the device
 * @rcu: the poll code finds queues under RCU
 */
struct ap_queue {
	struct ap_device ap_dev;
	struct ap_card *card;
	ap_qid_t qid;
	bool config;
	bool chkstop;

	spinlock_t lock;	/* see above */
	enum ap_state state;
	enum ap_state err_from;
	int last_err_rc;
	int queue_count;
	int pendingq_count;
	int requestq_count;
	u64 total_request_count;
	int request_timeout;
	struct list_head pendingq;
	struct list_head requestq;
	struct ap_message *reply;
	struct ap_driver *driver;
	unsigned int se_bstate;
	unsigned int assoc_idx;
	int rapq_fbit;
	bool irq;
	unsigned int irq_delay;
	unsigned long irq_again;
	bool aqic_again;
	bool outstanding;
	bool recovering;
	bool open;
	bool attach;
	unsigned int strays;
	u8 doubts;
	unsigned long doubted;
	unsigned int heal_ms;
	u64 heal_at;
	bool retired;
	unsigned int cleanings;
	int unclean_rc;
	bool unclean;
	bool untouched;
	bool unproven;
	bool off_line;
	bool reserved;
	char *override;
	unsigned int slot;
	u64 clock_start;
	u64 recovery_start;
	unsigned long progress;
	unsigned long turn;
	unsigned long owed_limit;
	unsigned long quiet_since;
	unsigned long quiet_limit;
	u64 poll_start;
	bool late;
	u8 trial;
	struct ap_message *attended;
	struct hrtimer look;
	struct timer_list watchdog;
	struct ap_hand_over hand_over;
	atomic64_t figures[NR_AP_FIGURES];
	bool listed;
	u8 news;
	struct work_struct news_work;
	struct list_head scan_node;
	struct rcu_head rcu;
};

#define to_ap_queue(x) container_of((x), struct ap_queue, ap_dev.device)

const char *ap_state_name(enum ap_state state);

struct ap_response_type {
	struct completion work;
	int type;
};

/* Where in its life a message is; each arrow is one function of ap_queue.c */
enum ap_msg_stage {
	AP_MSG_PREPARED,	/* the sender's */
	AP_MSG_REQUESTQ,	/* waits for room at the card */
	AP_MSG_PENDINGQ,	/* at the card */
	AP_MSG_RECEIVED,	/* handed back, once */
};

/**
 * struct ap_message - a request for a card
 * @list: on one of the queue's lists, see @stage
 * @psmid: program supplied message identifier
 * @msg: message buffer
 * @len: length of the message
 * @bufsize: size of @msg
 * @flags: AP_MSG_FLAG_*
 * @kind: requests of a kind take about the same time; below AP_MSG_KINDS
 * @rc: 0, or the reason why there is no reply: -EAGAIN (flushed, send it
 *	elsewhere), -EINVAL (the queue does not take it), -EMSGSIZE (the reply
 *	did not fit)
 * @stage: written by the bus, under the queue's lock
 * @limit: jiffies after which its reply is overdue, 0 for the queue's
 *	@request_timeout, which is never exceeded
 * @since: jiffies when the message came to this stage
 * @sent: it was at the card, which may have begun with it; the bus sets it, the
 *	sender clears it before it sends the message again
 * @at_once: receive() is called before ap_queue_message() returns; the bus sets
 *	it, the sender clears it before it sends the message
 * @owner: module of the driver the message is sent through, see
 *	ap_msg_get_owner()
 * @response: for the sender
 * @receive: hands the message back, with a reply or with NULL and @rc set;
 *	called once, in softirq or process context with bottom halves off,
 *	with the queue's lock held
 */
struct ap_message {
	struct list_head list;
	unsigned long psmid;
	void *msg;
	size_t len;
	size_t bufsize;
	u16 flags;
	u8 kind;
	int rc;
	enum ap_msg_stage stage;
	unsigned int limit;
	unsigned long since;
	bool sent;
	bool at_once;
	struct module *owner;
	struct ap_response_type response;
	void (*receive)(struct ap_queue *aq, struct ap_message *request,
			struct ap_message *reply);
};

#define AP_MSG_FLAG_SPECIAL	0x0001	/* NQAP with the special bit */
#define AP_MSG_FLAG_USAGE	0x0002	/* CCA, EP11: usage request */
#define AP_MSG_FLAG_ADMIN	0x0004	/* CCA, EP11: control request */
#define AP_MSG_FLAG_MEMPOOL	0x0008	/* buffer is from the reserve */

int ap_init_apmsg(struct ap_message *ap_msg, u32 flags);
void ap_release_apmsg(struct ap_message *ap_msg);
int ap_msg_get_owner(struct ap_queue *aq, struct ap_message *ap_msg);
void ap_msg_put_owner(struct ap_message *ap_msg);

void ap_queue_init_state(struct ap_queue *aq);
void ap_queue_init_reply(struct ap_queue *aq, struct ap_message *reply);
int ap_queue_message(struct ap_queue *aq, struct ap_message *ap_msg);
void ap_cancel_message(struct ap_queue *aq, struct ap_message *ap_msg);
void ap_flush_queue(struct ap_queue *aq);
void ap_queue_resent(struct ap_queue *aq);

/**
 * enum ap_fitness - whether a queue is fit for a message
 * @AP_UNFIT: it takes none
 * @AP_FIT_LATER: it does, but that has to wait: for a reset, or it gets into line
 *	at a card that does not answer
 * @AP_FIT_NOW: it does
 */
enum ap_fitness {
	AP_UNFIT,
	AP_FIT_LATER,
	AP_FIT_NOW,
};

enum ap_fitness ap_queue_fitness(const struct ap_queue *aq);
struct ap_queue *ap_get_qdev(ap_qid_t qid);

bool ap_is_se_guest(void);
bool ap_bus_rescan(unsigned long patience);
bool ap_bus_force_rescan(void);
int ap_wait_apqn_bindings_complete(unsigned long timeout);
int ap_test_config_usage_domain(unsigned int domain);
int ap_test_config_ctrl_domain(unsigned int domain);
void ap_send_config_uevent(struct ap_device *ap_dev, bool cfg);
void ap_send_online_uevent(struct ap_device *ap_dev, int online);

/* Permissions: which ioctls, cards and domains. Bit 0 is the leftmost. */
struct ap_perms {
	unsigned long ioctlm[BITS_TO_LONGS(AP_IOCTLS)];
	unsigned long apm[BITS_TO_LONGS(AP_DEVICES)];
	unsigned long aqm[BITS_TO_LONGS(AP_DOMAINS)];
	unsigned long adm[BITS_TO_LONGS(AP_DOMAINS)];
};

/* The mutex has this name in newer kernels; drivers of both know it */
#define ap_perms_mutex	ap_attr_mutex

extern struct ap_perms ap_perms;
/* protects ap_perms, and driver_override of the queues */
extern struct mutex ap_perms_mutex;

int ap_owned_by_def_drv(int card, int queue);
int ap_apqn_in_matrix_owned_by_def_drv(unsigned long *apm, unsigned long *aqm);
int ap_hex2bitmap(const char *str, unsigned long *bitmap, int bits);
int ap_parse_mask_str(const char *str, unsigned long *bitmap,
		      int bits, struct mutex *lock);

#endif /* _AP_BUS_H_ */
