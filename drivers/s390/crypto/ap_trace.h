/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the AP bus does with queues and messages, as trace events. NQAP and DQAP
 * have theirs in asm/trace/ap.h, requests in asm/trace/zcrypt.h and
 * zcrypt_trace.h. Documentation/arch/s390/zcrypt-trace.rst says how they are used.
 *
 * All are called with the queue's lock held, so that the events of a queue are in
 * the order in which things have happened.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM s390
/* another header of this group may be read by the same file */
#undef TRACE_SYSTEM_VAR
#define TRACE_SYSTEM_VAR s390_ap

#if !defined(_AP_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _AP_TRACE_H_

#include <linux/tracepoint.h>

#include "ap_bus.h"

/* Where a removal is; numbers, so that tools see them in the event's format */
#define AP_PHASE_FLUSH		1
#define AP_PHASE_REMOVE		2
#define AP_PHASE_CLEAN		3
#define AP_PHASE_PROVEN		4
#define AP_PHASE_UNPROVEN	5

#define show_ap_phase(phase)				\
	__print_symbolic(phase,				\
			 { AP_PHASE_FLUSH, "flush" },	\
			 { AP_PHASE_REMOVE, "remove" },	\
			 { AP_PHASE_CLEAN, "clean" },	\
			 { AP_PHASE_PROVEN, "proven" },	\
			 { AP_PHASE_UNPROVEN, "unproven" })

/**
 * s390_ap_state() - the state of a queue changes
 * @aq: the queue, still in its old state
 * @from: name of the old state
 * @to: name of the new one
 *
 * Back and forth between IDLE, WORKING and QUEUE_FULL it goes with each message.
 * The field rc is the response code of the last error, and for a queue without
 * driver that of the last answer.
 */
TRACE_EVENT(s390_ap_state,
	    TP_PROTO(const struct ap_queue *aq, const char *from, const char *to),
	    TP_ARGS(aq, from, to),
	    TP_STRUCT__entry(__field(u16, card)
			     __field(u16, dom)
			     __string(from, from)
			     __string(to, to)
			     __field(int, rc)),
	    TP_fast_assign(__entry->card = AP_QID_CARD(aq->qid);
			   __entry->dom = AP_QID_QUEUE(aq->qid);
			   __assign_str(from);
			   __assign_str(to);
			   __entry->rc = aq->last_err_rc;),
	    TP_printk("card=%u dom=%u from=%s to=%s rc=0x%02x",
		      __entry->card, __entry->dom, __get_str(from), __get_str(to),
		      __entry->rc)
);

/**
 * s390_ap_remove() - a phase of a removal begins, or the last one is over
 * @aq: the queue
 * @phase: AP_PHASE_*
 *
 * "flush", "remove" and "clean" begin; "proven" is the end of the last one, with
 * TAPQ's proof that the queue is clean, "unproven" its end without. A queue that
 * was only found, or is cleaned again, has "clean" and what follows. The field
 * flushed is the number of messages that the first phase hands back; zapq and tapq
 * count the instructions of the third one so far.
 */
TRACE_EVENT(s390_ap_remove,
	    TP_PROTO(const struct ap_queue *aq, unsigned int phase),
	    TP_ARGS(aq, phase),
	    TP_STRUCT__entry(__field(u16, card)
			     __field(u16, dom)
			     __field(u8, phase)
			     __string(driver, aq->hand_over.driver)
			     __field(unsigned int, flushed)
			     __field(unsigned int, zapq)
			     __field(unsigned int, tapq)),
	    TP_fast_assign(__entry->card = AP_QID_CARD(aq->qid);
			   __entry->dom = AP_QID_QUEUE(aq->qid);
			   __entry->phase = phase;
			   __assign_str(driver);
			   __entry->flushed = aq->hand_over.flushed;
			   __entry->zapq = aq->hand_over.zapq;
			   __entry->tapq = aq->hand_over.tapq;),
	    TP_printk("card=%u dom=%u phase=%s driver=%s flushed=%u zapq=%u tapq=%u",
		      __entry->card, __entry->dom, show_ap_phase(__entry->phase),
		      __get_str(driver), __entry->flushed, __entry->zapq,
		      __entry->tapq)
);

DECLARE_EVENT_CLASS(s390_ap_msg,
		    TP_PROTO(const struct ap_queue *aq, const struct ap_message *msg, int rc),
		    TP_ARGS(aq, msg, rc),
		    TP_STRUCT__entry(__field(u16, card)
				     __field(u16, dom)
				     __field(int, rc)
				     __field(u64, psmid)
				     __field(int, requestq)
				     __field(int, pendingq)),
		    TP_fast_assign(__entry->card = AP_QID_CARD(aq->qid);
				   __entry->dom = AP_QID_QUEUE(aq->qid);
				   __entry->rc = rc;
				   __entry->psmid = msg->psmid;
				   __entry->requestq = aq->requestq_count;
				   __entry->pendingq = aq->pendingq_count;),
		    TP_printk("card=%u dom=%u psmid=0x%016llx rc=%d requestq=%d pendingq=%d",
			      __entry->card, __entry->dom, __entry->psmid, __entry->rc,
			      __entry->requestq, __entry->pendingq)
);

/**
 * s390_ap_msg_queued() - a queue has taken a message
 * @aq: the queue
 * @msg: the message
 * @rc: 0
 *
 * The fields requestq and pendingq are the numbers of messages that wait and that
 * are at the card, this one included.
 */
DEFINE_EVENT(s390_ap_msg, s390_ap_msg_queued,
	     TP_PROTO(const struct ap_queue *aq, const struct ap_message *msg, int rc),
	     TP_ARGS(aq, msg, rc)
);

/**
 * s390_ap_msg_done() - a queue has done with a message
 * @aq: the queue
 * @msg: the message
 * @rc: 0: with its reply; -EAGAIN: flushed, to be sent elsewhere; -EINVAL: the
 *	queue does not take it; -EMSGSIZE: its reply was too long; -ECANCELED:
 *	its sender has taken it back
 *
 * Once for each message that was queued. The numbers are without this one.
 */
DEFINE_EVENT(s390_ap_msg, s390_ap_msg_done,
	     TP_PROTO(const struct ap_queue *aq, const struct ap_message *msg, int rc),
	     TP_ARGS(aq, msg, rc)
);

#endif /* _AP_TRACE_H_ */

/* outside of the guard: this reads the file again */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE ap_trace
#include <trace/define_trace.h>
