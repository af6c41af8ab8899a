/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How AP queues are handed over from one driver to another: a model for spin.
 *
 * Names are those of the code in drivers/s390/crypto. What the code does under a
 * queue's lock is one atomic step of the process queue(); what it does without
 * lies between steps, where anybody can come in. Which state may follow which,
 * what its beginning hands back and in which states messages are taken stands
 * not here: states.pml is made of the table ap_states[] in ap_queue.c.
 *
 * The rules are those of Documentation/arch/s390/zcrypt-remove.rst. BREAK_* are
 * mistakes that the protocol must not make: the rule that each of them breaks is
 * in scripts/model, which runs all of this.
 */
#include "states.pml"

#ifndef NS
#define NS 2	/* senders */
#endif
#ifndef NQ
#define NQ 2	/* queues */
#endif

/* Drivers, each in a module of its own; only the first one is ever unloaded */
#define NO_DRIVER	0
#define CEX4QUEUE	1
#define OTHER		2

mtype = { LIVE, GOING, GONE };		/* a module */
mtype = { IN_USE, FLUSHED, REMOVED };	/* how far a removal is */
mtype = { AP_MSG_PREPARED, AP_MSG_REQUESTQ, AP_MSG_PENDINGQ, AP_MSG_RECEIVED };

/* What is done with a queue under its lock */
mtype = { ap_queue_look, ap_queue_watch, ap_queue_scanned, ap_queue_reset,
	  ap_queue_message, ap_cancel_message, ap_queue_claim, ap_queue_init_state,
	  ap_queue_open, ap_queue_remove_begin, ap_queue_remove_done,
	  ap_queue_zero_start };

/* The rule that a failed assertion is about; always 0 */
bit R1_admission, R2_once, R3_order, R4_silence, R5_clean, R6_owner,
	R7_bounded, R8_nothing_lost, R9_table;
#define rule(name, holds)	assert(name || (holds))
/* No code of a module that has gone is run */
#define driver_runs(d)		rule(R6_owner, module[d] != GONE)

typedef ap_queue {
	mtype state = AP_STATE_UNBOUND;
	byte driver;
	bool open;			/* probe() has succeeded */
	bool reply;			/* there is a buffer for replies */
	bool device_locked;
	byte pool;			/* whose zcrypt_queue is in the pool */
#ifdef TIMERS
	bool look;			/* armed */
	bool look_runs;			/* its function was called */
	bool watchdog;
	bool watchdog_runs;
	bool silent;			/* the watchdog has seen no reply */
	byte clock;			/* looks that this wait has lasted for */
#endif
	mtype phase = REMOVED;		/* for the rules only */
	/* what the card and its firmware know */
	bool fw_reset;			/* a reset is under way */
	bool fw_zeroized = true;	/* by ZAPQ, and nobody had it since */
	bool fw_stale;			/* has a message whose sender has gone */
}

/* A message, and what of its request (struct zcrypt_request) matters */
typedef ap_message {
	mtype stage = AP_MSG_PREPARED;
	byte owner;
	bool again;			/* rc is -EAGAIN */
	byte zq;			/* the queue picked */
	bool bound;			/* of the zcrypt_queue picked */
	byte zq_driver;			/* whose that is: for the rules only */
	bool waits;			/* the bus may touch it: for the rules only */
	bool at_card;			/* what the card knows */
}

ap_queue aq[NQ];
ap_message msg[NS];
mtype module[3];
byte refs[3];				/* module references of messages */
bool rcu[NS];				/* in a read side section */

chan lock[NQ] = [0] of { mtype, byte };
#define with_lock(q, what, arg)	lock[q] ! what, arg

#define on_requestq(m, q)	(msg[m].zq == q && msg[m].stage == AP_MSG_REQUESTQ)
#define on_pendingq(m, q)	(msg[m].zq == q && msg[m].stage == AP_MSG_PENDINGQ)
#define on_queue(m, q)		(on_requestq(m, q) || on_pendingq(m, q))
#define in_card(m, q)		(msg[m].zq == q && msg[m].at_card)
#if NS == 2
#define any(what, q)		(what(0, q) || what(1, q))
#define number(what, q)		(what(0, q) + what(1, q))
#define one_of(what, q)		if :: what(0, q) -> m = 0 :: what(1, q) -> m = 1 fi
#else
#define any(what, q)		what(0, q)
#define number(what, q)		what(0, q)
#define one_of(what, q)		m = 0
#endif

#define ap_queue_accepts(q)	(accepts(aq[q].state) && aq[q].open && aq[q].reply)

/*
 * The firmware's side. A queue holds two messages. Whether a reply is there, how
 * long a reset takes, and whether a card has gone, nobody can know: each answer is
 * tried at each instruction.
 */
#define DEPTH		2
#define fw_count(q)	(aq[q].fw_stale + number(in_card, q))

/* RAPQ and ZAPQ drop every request and reply */
inline fw_drop(q)
{
	aq[q].fw_stale = false;
	for (m : 0 .. NS - 1) {
		if
		:: in_card(m, q) -> msg[m].at_card = false
		:: else
		fi
	}
	m = 0
}

/* Nobody waits for it any more: its reply will be dropped when it comes */
inline fw_forsake(m)
{
	if
	:: msg[m].at_card -> msg[m].at_card = false; aq[msg[m].zq].fw_stale = true
	:: else
	fi
}

/*
 * ap_queue.c. Each of the following is under the queue's lock. A step says which
 * state follows (next), and whether to look again at once (now).
 */
#define AP_STATE_KEEP	0

/* The sender may free the message as soon as receive() has woken it */
inline ap_msg_hand_back(m, eagain)
{
	rule(R2_once, msg[m].waits && msg[m].stage != AP_MSG_RECEIVED);
	msg[m].stage = AP_MSG_RECEIVED;
	msg[m].again = eagain
}

#ifdef BREAK_FLUSH_FORGETS_PENDING
#define flushed(m, q)	(flush == ALL && on_requestq(m, q))
#else
#define flushed(m, q)	(on_pendingq(m, q) || (flush == ALL && on_requestq(m, q)))
#endif
#define NOTHING	0
#define SENT	1
#define ALL	2

/* ap_flush_sent(), ap_flush_both() */
inline ap_flush(q)
{
	for (m : 0 .. NS - 1) {
		if
		:: flushed(m, q) -> fw_forsake(m); ap_msg_hand_back(m, true)
		:: else
		fi
	}
	m = 0;
	flush = NOTHING
}

inline ap_queue_set_state(q)
{
	rule(R9_table, next == aq[q].state || may_follow(aq[q].state, next));
	flush = (next == aq[q].state -> NOTHING :
		 (flush_all(next) -> ALL : (flush_sent(next) -> SENT : NOTHING)));
#ifdef TIMERS
	aq[q].clock = 0;
#endif
	aq[q].state = next;
	next = AP_STATE_KEEP
}

/* AP_STATE_READY */
#define ready(q) \
	(fw_count(q) == 0 -> AP_STATE_IDLE : \
	 (fw_count(q) < DEPTH -> AP_STATE_WORKING : AP_STATE_QUEUE_FULL))

/* Phase 2 has not begun, and for the reply there is a buffer */
inline for_driver(q)
{
	rule(R4_silence, aq[q].phase == IN_USE)
}

inline ap_queue_nqap(q)
{
	for_driver(q);
	one_of(on_requestq, q);
	now = true;
	if
	:: fw_count(q) < DEPTH ->			/* NORMAL */
		msg[m].at_card = true;
		msg[m].stage = AP_MSG_PENDINGQ;
		next = ready(q)
	:: fw_count(q) > 0 ->				/* Q_FULL */
		next = AP_STATE_QUEUE_FULL;
		now = false
#ifdef FAULTS
	:: ap_msg_hand_back(m, false)			/* MESSAGE_TOO_BIG: -EINVAL */
	:: next = AP_STATE_ERROR			/* DECONFIGURED */
#endif
	fi;
	m = 0
}

inline ap_queue_dqap(q)
{
	for_driver(q);
	rule(R4_silence, aq[q].reply);
	if
	:: any(in_card, q) ->				/* NORMAL */
		one_of(in_card, q);
		msg[m].at_card = false;
#ifdef TIMERS
		aq[q].silent = false;
#endif
		if
		:: on_pendingq(m, q) ->
			ap_msg_hand_back(m, false);
#ifdef BREAK_DOUBLE_RECEIVE
			/* its sender has been woken, but it is on the list still */
			msg[m].waits = false;
			msg[m].stage = AP_MSG_PENDINGQ
#endif
		:: else
		fi;
		next = ready(q)
	:: aq[q].fw_stale ->				/* NORMAL, for nobody */
		aq[q].fw_stale = false;
		next = ready(q)
	:: true						/* NO_PENDING_REPLY */
#ifdef FAULTS
	:: fw_drop(q); flush = SENT; next = ready(q)	/* and empty: lost */
	:: next = AP_STATE_ERROR			/* CHECKSTOPPED */
#endif
	fi;
	m = 0
}

/* A reset is not over yet, and the card decides how long it takes */
inline ap_queue_check_clock(q, after)
{
	if
#ifdef TIMERS
	:: aq[q].clock == 0 -> aq[q].clock = 1
	:: aq[q].clock == 1 -> next = after
#else
	:: true
	:: next = after					/* the time is up */
#endif
	fi
}

inline ap_step_reset(q)
{
	for_driver(q);
	if
	:: aq[q].fw_reset ->				/* RAPQ: 02 */
		next = AP_STATE_RESET_WAIT
	:: !aq[q].fw_reset ->				/* NORMAL */
		fw_drop(q);
		aq[q].fw_reset = true;
		next = AP_STATE_RESET_WAIT
#ifdef FAULTS
	:: ap_queue_check_clock(q, AP_STATE_ERROR)	/* BUSY */
#endif
	fi
}

inline ap_step_reset_wait(q)
{
	for_driver(q);
	if
	:: aq[q].fw_reset = false;			/* TAPQ: NORMAL */
		next = AP_STATE_IDLE;
		now = true
#if defined FAULTS || defined TIMERS
	:: ap_queue_check_clock(q, AP_STATE_ERROR)
#else
	:: true						/* not yet, but in time */
#endif
	fi
}

inline ap_step_zero(q)
{
	rule(R3_order, aq[q].phase == REMOVED);
	if
	:: aq[q].fw_reset -> next = AP_STATE_ZERO_BUSY	/* ZAPQ: 02, it did nothing */
	:: !aq[q].fw_reset ->				/* NORMAL */
		fw_drop(q);
		aq[q].fw_reset = true;
		aq[q].fw_zeroized = true;
		next = AP_STATE_ZERO_WAIT;
		now = true
#ifdef BREAK_ZAPQ_ANSWER_IGNORED
	:: next = AP_STATE_ZERO_WAIT			/* BUSY */
#endif
#ifdef FAULTS
	:: next = AP_STATE_ZERO_BUSY			/* BUSY: it did nothing */
	:: next = AP_STATE_UNCLEAN			/* DECONFIGURED */
#endif
	fi
}

inline ap_step_zero_busy(q)
{
	if
	:: aq[q].fw_reset = false;			/* TAPQ: NORMAL */
		next = AP_STATE_ZERO_START;
		now = true
	:: ap_queue_check_clock(q, AP_STATE_UNCLEAN)
	fi
}

inline ap_step_zero_wait(q)
{
	if
	:: aq[q].fw_reset = false;			/* TAPQ: NORMAL, empty */
		next = AP_STATE_UNBOUND
	:: ap_queue_check_clock(q, AP_STATE_UNCLEAN)
	fi
}

/* One turn of ap_queue_run(): the step of the state */
inline ap_queue_step(q)
{
	now = false;
	if
	:: aq[q].state == AP_STATE_RESET_START -> ap_step_reset(q)
	:: aq[q].state == AP_STATE_RESET_WAIT -> ap_step_reset_wait(q)
	:: (aq[q].state == AP_STATE_IDLE || aq[q].state == AP_STATE_WORKING) &&
	   any(on_requestq, q) -> ap_queue_nqap(q)
	:: outstanding(aq[q].state) -> ap_queue_dqap(q)
	:: aq[q].state == AP_STATE_ZERO_START -> ap_step_zero(q)
	:: aq[q].state == AP_STATE_ZERO_BUSY -> ap_step_zero_busy(q)
	:: aq[q].state == AP_STATE_ZERO_WAIT -> ap_step_zero_wait(q)
#ifdef BREAK_POLL_IN_REMOVE
	:: aq[q].state == AP_STATE_REMOVE -> ap_queue_dqap(q)
#endif
	:: else						/* ap_step_rest() */
	fi
}

/* ap_queue_message(): what it looks at; the rest is in queue() */
#ifdef BREAK_OWNER_NOT_CHECKED
#define admitted(m, q)	ap_queue_accepts(q)
#else
#define admitted(m, q)	(ap_queue_accepts(q) && msg[m].owner == aq[q].driver)
#endif

inline ap_msg_accept(q)
{
	rule(R1_admission, aq[q].phase == IN_USE && aq[q].open);
	rule(R6_owner, msg[arg].owner == aq[q].driver);
	msg[arg].waits = true;
	msg[arg].stage = AP_MSG_REQUESTQ;
#ifdef TIMERS
#ifndef BREAK_NO_WATCHDOG
	aq[q].watchdog = true;
#endif
#endif
	now = aq[q].state == AP_STATE_IDLE || aq[q].state == AP_STATE_WORKING
}

inline do_cancel(q)
{
#ifndef BREAK_CANCEL_LEAVES_IT
	if
	:: on_queue(arg, q) ->
		fw_forsake(arg);
		msg[arg].stage = AP_MSG_PREPARED
	:: else
	fi;
#endif
	msg[arg].waits = false;
	msg[arg].again = false
}

/* Too long without a reply: give the messages back, and the card a reset */
inline ap_queue_give_up(q)
{
	flush = ALL;
	if
	:: outstanding(aq[q].state) -> next = AP_STATE_RESET_START; now = true
	:: else
	fi
}

#define ap_queue_watched(q)	(any(on_queue, q) || outstanding(aq[q].state))

inline do_watch(q)
{
#ifdef TIMERS
	if
	:: ap_queue_watched(q) && !aq[q].silent -> aq[q].silent = true; now = outstanding(aq[q].state)
	:: ap_queue_watched(q) && aq[q].silent -> aq[q].silent = false; ap_queue_give_up(q)
	:: else -> aq[q].silent = false
	fi
#else
	ap_queue_give_up(q)
#endif
}

inline do_scanned(q)
{
	if
	:: runs(aq[q].state) && aq[q].state != AP_STATE_ERROR -> next = AP_STATE_ERROR
#ifdef BREAK_SCAN_RESTARTS_REMOVED
	:: aq[q].state == AP_STATE_REMOVE -> next = AP_STATE_RESET_START
#endif
	:: aq[q].state == AP_STATE_ERROR -> next = AP_STATE_RESET_START
	:: aq[q].state == AP_STATE_UNCLEAN -> next = AP_STATE_ZERO_START
	:: else
	fi;
	now = true
}

inline do_reset(q)
{
	if
	:: runs(aq[q].state) -> flush = ALL; next = AP_STATE_RESET_START
	:: aq[q].state == AP_STATE_UNCLEAN -> next = AP_STATE_ZERO_START
	:: else
	fi;
	now = true
}

/* Fails closed */
inline do_claim(q)
{
	if
#ifdef BREAK_NO_WAIT_FOR_RESET
	:: zeroing(aq[q].state) ->
		aq[q].state = AP_STATE_UNBOUND;
		aq[q].driver = arg; aq[q].phase = IN_USE; next = AP_STATE_BOUND
#endif
#ifdef BREAK_PROBE_OF_UNCLEAN
	:: aq[q].state == AP_STATE_UNCLEAN ->
		aq[q].state = AP_STATE_UNBOUND;
		aq[q].driver = arg; aq[q].phase = IN_USE; next = AP_STATE_BOUND
#endif
	:: aq[q].state == AP_STATE_UNBOUND ->
		aq[q].driver = arg;
		aq[q].phase = IN_USE;
		next = AP_STATE_BOUND
	:: else						/* -EBUSY */
	fi
}

/* Phase 1: no message gets in, all are handed back */
inline do_remove_begin(q)
{
	next = AP_STATE_REMOVE;
	aq[q].open = false;
	aq[q].reply = false;
	aq[q].phase = FLUSHED
}

inline do_zero_start(q)
{
	if
	:: aq[q].state == AP_STATE_REMOVE || (arg == 1 && aq[q].state == AP_STATE_UNCLEAN) ->
		next = AP_STATE_ZERO_START
	:: else
	fi;
	now = true
}

/* End of ap_queue_run(): which timers are armed is what the state says */
inline ap_poll_arm(q)
{
#ifdef TIMERS
	if
	:: outstanding(aq[q].state) || aq[q].state == AP_STATE_RESET_START ||
#ifndef BREAK_ZERO_NOT_LOOKED_AT
	   zeroing(aq[q].state) ||
#endif
	   aq[q].state == AP_STATE_RESET_WAIT ->
		rule(R4_silence, aq[q].phase == IN_USE || zeroing(aq[q].state));
		aq[q].look = true
	:: else
	fi;
	if
#ifdef BREAK_TIMER_REARMED
	:: op == ap_queue_watch ->
#else
	:: op == ap_queue_watch && ap_queue_watched(q) ->
#endif
		rule(R4_silence, aq[q].phase == IN_USE);
		aq[q].watchdog = true
	:: else
	fi
#else
	skip
#endif
}

/*
 * A queue: one thing at a time, under its lock. Without TIMERS anybody may look at
 * it at any moment, which is more than interrupts, timers, the poll thread, the
 * scan and sysfs ever do.
 */
proctype queue(byte q)
{
	mtype op, next;
	byte arg, m, flush;
	bool now;

end:	do
	:: atomic {
		if
		:: lock[q] ? op, arg
#ifndef TIMERS
		:: op = ap_queue_look
		:: op = ap_queue_watch
		:: aq[q].state == AP_STATE_UNCLEAN -> op = ap_queue_reset
#ifdef FAULTS
		:: op = ap_queue_reset
		:: op = ap_queue_scanned
#endif
#endif
		fi;
		if
		:: op == ap_queue_look -> now = true
		:: op == ap_queue_watch -> do_watch(q)
		:: op == ap_queue_reset -> do_reset(q)
#ifdef FAULTS
		:: op == ap_queue_scanned -> do_scanned(q)
#endif
		:: op == ap_queue_message ->
#ifdef BREAK_ADMISSION_WITHOUT_LOCK
			ap_msg_accept(q)
#else
			if
			:: admitted(arg, q) -> ap_msg_accept(q)
			:: else			/* -ENODEV, and nothing has changed */
			fi
#endif
		:: op == ap_cancel_message -> do_cancel(q)
		:: op == ap_queue_claim -> do_claim(q)
		:: op == ap_queue_init_state ->
			if
			:: next = AP_STATE_RESET_START; now = true
#ifdef FAULTS
			:: next = AP_STATE_ERROR	/* deconfigured */
#endif
			fi
		:: op == ap_queue_open -> aq[q].open = true
		:: op == ap_queue_remove_begin -> do_remove_begin(q)
		:: op == ap_queue_remove_done ->
			driver_runs(aq[q].driver);	/* until here */
			aq[q].driver = NO_DRIVER;
			aq[q].phase = REMOVED
		:: op == ap_queue_zero_start -> do_zero_start(q)
		fi;
		do
		:: flush != NOTHING -> ap_flush(q)
		:: flush == NOTHING && next != AP_STATE_KEEP -> ap_queue_set_state(q)
		:: flush == NOTHING && next == AP_STATE_KEEP && now -> ap_queue_step(q)
		:: else -> break
		od;
		ap_poll_arm(q);
		op = 0;
		arg = 0
	   }
	od
}

/*
 * Timers and interrupts (ap_poll.c). They have found the queue before they have its
 * lock. The one in ap_poll_queue_stop() waits for a function that runs.
 */
#ifdef TIMERS
proctype look_timer(byte q)
{
end:	do
	:: atomic { aq[q].look -> aq[q].look = false; aq[q].look_runs = true }
	   with_lock(q, ap_queue_look, 0);
	   aq[q].look_runs = false
	od
}

proctype watchdog_timer(byte q)
{
end:	do
	:: atomic { aq[q].watchdog -> aq[q].watchdog = false; aq[q].watchdog_runs = true }
	   with_lock(q, ap_queue_watch, 0);
	   aq[q].watchdog_runs = false
	od
}

/* An interrupt, or the poll thread: the mark of the queue was there */
proctype poller(byte q)
{
end:	do
	:: outstanding(aq[q].state) ->
	   with_lock(q, ap_queue_look, 0)
	od
}

inline ap_poll_queue_stop(q)
{
#ifdef BREAK_TIMER_NOT_WAITED
	aq[q].look = false;
	aq[q].watchdog = false
#else
	atomic { !aq[q].look_runs -> aq[q].look = false };
	atomic { !aq[q].watchdog_runs -> aq[q].watchdog = false }
#endif
}
#endif

/*
 * ap_bus.c: with the device lock held.
 */
/* Phase 2: zcrypt_cex4_queue_remove() and the like */
inline driver_remove(q)
{
	atomic {
		driver_runs(aq[q].driver);
		rule(R3_order, !any(on_queue, q));
#ifdef TIMERS
		rule(R4_silence, !aq[q].look && !aq[q].watchdog);
		rule(R4_silence, !aq[q].look_runs && !aq[q].watchdog_runs);
#endif
		/* zcrypt_pool_del_queue(); who has picked it sees that */
		aq[q].pool = NO_DRIVER;
		for (k : 0 .. NS - 1) {
			if
			:: msg[k].zq == q -> msg[k].bound = false
			:: else
			fi
		}
		k = 0
	}
}

inline ap_queue_take_back(q)
{
#ifdef BREAK_REMOVE_BEFORE_FLUSH
	driver_remove(q);
#endif
	with_lock(q, ap_queue_remove_begin, 0);
#ifdef TIMERS
	ap_poll_queue_stop(q);
#endif
#ifdef BREAK_ZAPQ_BEFORE_REMOVE
	with_lock(q, ap_queue_zero_start, 0);
#endif
#ifndef BREAK_REMOVE_BEFORE_FLUSH
	driver_remove(q);
#endif
	with_lock(q, ap_queue_remove_done, 0);
	with_lock(q, ap_queue_zero_start, 0)
}

/* Phase 3 is over, or is awaited by who comes next: see ap_queue_claim() */
inline ap_bus_probe(q, d)
{
#ifdef TIMERS
	with_lock(q, ap_queue_zero_start, 1);	/* ap_queue_heal_unclean() */
	!zeroing(aq[q].state);			/* ap_queue_zero_wait() */
#endif
	with_lock(q, ap_queue_claim, d);
	if
	:: aq[q].driver == NO_DRIVER
	:: atomic { aq[q].driver != NO_DRIVER ->
		/* zcrypt_cex4_queue_probe() and the like */
		driver_runs(aq[q].driver);
		rule(R5_clean, aq[q].fw_zeroized && !aq[q].fw_reset && fw_count(q) == 0);
		aq[q].fw_zeroized = false;
		aq[q].reply = true;		/* ap_queue_init_reply() */
		aq[q].pool = aq[q].driver	/* zcrypt_pool_add_queue() */
	   }
	   with_lock(q, ap_queue_init_state, 0);
	   with_lock(q, ap_queue_open, 0)
	fi
}

inline ap_bus_remove(q)
{
	ap_queue_take_back(q);
#ifdef TIMERS
	!zeroing(aq[q].state)			/* ap_queue_zero_wait() */
#endif
}

/*
 * Senders (zcrypt_sched.c, zcrypt_send.c, ap_msg.c).
 */

/* What zcrypt_pick() finds is a guess: all of it may be over the next moment */
#define fits(q)	(aq[q].pool != NO_DRIVER && ap_queue_accepts(q))

inline hold(m, q)
{
	msg[m].zq = q;
	msg[m].zq_driver = aq[q].pool;
	msg[m].bound = true;
	msg[m].again = true
}

/* No lock: a driver lies in its module, which goes a grace period after it */
inline ap_msg_get_owner(m)
{
	atomic { rcu[m] = true; drv = aq[msg[m].zq].driver }
	atomic {
		if
		:: drv != NO_DRIVER && ap_queue_accepts(msg[m].zq) ->
			driver_runs(drv);		/* drv->driver.owner is in it */
			if
			:: module[drv] == LIVE ->	/* try_module_get() */
				refs[drv]++;
				msg[m].owner = drv
			:: else
			fi
		:: else
		fi;
		drv = NO_DRIVER;
		rcu[m] = false
	}
}

/* On the module that the message records, whoever has the queue by now */
inline ap_msg_put_owner(m)
{
	atomic {
#ifdef BREAK_PUT_TO_PRESENT_DRIVER
		drv = aq[msg[m].zq].driver;
#else
		drv = msg[m].owner;
#endif
		if
		:: msg[m].owner != NO_DRIVER ->
			rule(R6_owner, drv == msg[m].owner && refs[drv] > 0);
			refs[drv]--;
			msg[m].owner = NO_DRIVER
		:: else
		fi;
		drv = NO_DRIVER
	}
}

#ifdef BREAK_BOUND_NOT_CHECKED
#define picked(m)	(msg[m].owner != NO_DRIVER)
#else
#define picked(m)	(msg[m].owner != NO_DRIVER && msg[m].bound)
#endif

/* One request after another; each is sent until it is done, or taken back */
proctype sender(byte m)
{
	byte drv;
	bool used;			/* something of the driver */
#if NQ == 2 && defined STAYS
	bool tried;			/* queue 0 */
#endif

end:	do
#if NQ == 2 && defined STAYS
	:: /* best_queue() looks at one after the other, those that were tried last */
	   if
	   :: atomic { !tried && fits(0) -> hold(m, 0); tried = true }
	   :: atomic { !fits(0) || tried }
	   fi;
	   if
	   :: atomic { msg[m].again }
	   :: atomic { !msg[m].again ->
		rule(R8_nothing_lost, fits(1));		/* else -ENODEV */
		hold(m, 1)
	      }
	   fi;
#else
	:: atomic {
		if
		:: fits(0) -> hold(m, 0)
#if NQ == 2
		:: fits(1) -> hold(m, 1)
#endif
		fi
	   }
#endif
	   ap_msg_get_owner(m);
	   if
	   :: atomic { picked(m) ->
		/* the message is built by the operations of the queue picked */
		rule(R6_owner, msg[m].zq_driver == msg[m].owner);
		driver_runs(msg[m].zq_driver);
		used = true
	      }
#ifdef BREAK_ADMISSION_WITHOUT_LOCK
	      if
	      :: admitted(m, msg[m].zq) -> with_lock(msg[m].zq, ap_queue_message, m)
	      :: else
	      fi;
#else
	      with_lock(msg[m].zq, ap_queue_message, m);
#endif
	      if
	      :: !msg[m].waits				/* -ENODEV: elsewhere */
	      :: atomic { msg[m].waits && msg[m].stage == AP_MSG_RECEIVED -> msg[m].waits = false }
#ifdef CANCEL
	      :: msg[m].waits -> with_lock(msg[m].zq, ap_cancel_message, m)
#endif
	      fi
	   :: else
	   fi;
	   /*
	    * zcrypt_drop(): unhold(), which is the last use of the driver, and
	    * then ap_msg_put_owner(). Nobody can tell when they are one step.
	    */
#ifdef BREAK_PUT_BEFORE_LAST_USE
	   ap_msg_put_owner(m);
#endif
	   atomic {
		if
		:: used -> driver_runs(msg[m].zq_driver); used = false
		:: else
		fi;
#ifndef BREAK_PUT_BEFORE_LAST_USE
		ap_msg_put_owner(m);
#endif
		msg[m].stage = AP_MSG_PREPARED;
		msg[m].zq_driver = NO_DRIVER;
		msg[m].bound = false;
		msg[m].zq = 0;
#if NQ == 2 && defined STAYS
#ifdef BREAK_NOT_SENT_ELSEWHERE
		rule(R8_nothing_lost, !msg[m].again);
#endif
		tried = tried && msg[m].again;
#endif
		msg[m].again = false
	   }
	od
}

/*
 * Who moves queues, and who unloads modules.
 */
inline device_lock(q)
{
	atomic { !aq[q].device_locked -> aq[q].device_locked = true }
}

/* Unbind, bind, a mask, the scan's device_attach(): of any queue, in any order */
proctype binder()
{
	byte k, q;

end:	do
	:: atomic {
		if
		:: !aq[0].device_locked -> q = 0
#if NQ == 2 && !defined STAYS
		:: !aq[1].device_locked -> q = 1
#endif
		fi;
		aq[q].device_locked = true
	   }
	   if
	   :: aq[q].driver != NO_DRIVER -> ap_bus_remove(q)
	   :: aq[q].driver == NO_DRIVER && module[CEX4QUEUE] == LIVE -> ap_bus_probe(q, CEX4QUEUE)
	   :: aq[q].driver == NO_DRIVER -> ap_bus_probe(q, OTHER)
	   fi;
	   atomic { aq[q].device_locked = false; q = 0 }
	od
}

/* The module of CEX4QUEUE is unloaded, and loaded again */
proctype rmmod()
{
	byte k, q;

end:	do
	:: atomic {
#ifndef BREAK_UNLOAD_WITH_MESSAGES
		refs[CEX4QUEUE] == 0;
#endif
		module[CEX4QUEUE] = GOING
	   }
	   /* ap_driver_unregister() */
	   do
	   :: q < NQ ->
		device_lock(q);
		if
		:: aq[q].driver == CEX4QUEUE -> ap_queue_take_back(q)
		:: else
		fi;
		atomic { aq[q].device_locked = false; q++ }
	   :: else -> break
	   od;
	   q = 0;
#ifndef BREAK_NO_GRACE_PERIOD
	   !rcu[0];
#if NS == 2
	   !rcu[1];
#endif
#endif
	   module[CEX4QUEUE] = GONE;
	   module[CEX4QUEUE] = LIVE
	od
}

init {
	byte n;

	atomic {
		module[CEX4QUEUE] = LIVE;
		module[OTHER] = LIVE;
		for (n : 0 .. NQ - 1) {
			run queue(n);
#ifdef TIMERS
			run look_timer(n);
			run watchdog_timer(n);
			run poller(n)
#endif
		}
#ifdef STAYS
		/* the last queue is one that nobody takes away */
		aq[NQ - 1].state = AP_STATE_IDLE;
		aq[NQ - 1].driver = CEX4QUEUE;
		aq[NQ - 1].pool = CEX4QUEUE;
		aq[NQ - 1].open = true;
		aq[NQ - 1].reply = true;
		aq[NQ - 1].phase = IN_USE;
		aq[NQ - 1].fw_zeroized = false;
#endif
		for (n : 0 .. NS - 1) {
			run sender(n)
		}
#if NQ == 2 || !defined STAYS
		run binder();
#endif
#ifdef RMMOD
		run rmmod()
#endif
	}
}

#ifdef LTL
/* Weak fairness: whoever can go on does so in the end */
ltl R7_bounded_message { [] (msg[0].waits -> <> !msg[0].waits) }
ltl R7_bounded_removal { [] (aq[0].phase == FLUSHED -> <> (aq[0].phase == REMOVED)) }
ltl R7_bounded_binding { [] (aq[0].device_locked -> <> !aq[0].device_locked) }
#endif
