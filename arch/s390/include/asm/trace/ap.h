/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages at the card: what NQAP and DQAP have answered.
 *
 * Between the two events of a psmid that are good, the card had the message.
 * Names and fields are those of the kernels from 7.x on, so that a tool needs to
 * know one form. What the bus itself does is in drivers/s390/crypto/ap_trace.h.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM s390

#if !defined(_ASM_S390_TRACE_AP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _ASM_S390_TRACE_AP_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(s390_ap_insn,
		    TP_PROTO(u16 card, u16 dom, u32 status, u64 psmid),
		    TP_ARGS(card, dom, status, psmid),
		    TP_STRUCT__entry(__field(u16, card)
				     __field(u16, dom)
				     __field(u32, status)
				     __field(u64, psmid)),
		    TP_fast_assign(__entry->psmid = psmid;
				   __entry->status = status;
				   __entry->dom = dom;
				   __entry->card = card;),
		    TP_printk("card=%u dom=%u status=0x%08x psmid=0x%016llx",
			      __entry->card, __entry->dom, __entry->status, __entry->psmid)
);

/**
 * s390_ap_nqap() - an NQAP is over
 * @card: number of the card
 * @dom: domain of the queue
 * @status: its answer, the right half of GR1; the second byte is the response code
 * @psmid: which message it was
 *
 * With response code 0 the card has the message; with any other it has not, and
 * the message stays where it was, or is handed back.
 *
 * Context: the queue's lock is held.
 */
DEFINE_EVENT(s390_ap_insn, s390_ap_nqap,
	     TP_PROTO(u16 card, u16 dom, u32 status, u64 psmid),
	     TP_ARGS(card, dom, status, psmid)
);

/**
 * s390_ap_dqap() - a DQAP is over
 * @card: number of the card
 * @dom: domain of the queue
 * @status: its answer, as above
 * @psmid: which message the reply is for; with a response code other than 0
 *	it means nothing
 *
 * Also for a look at a queue that has no reply (response code 10). A reply that
 * comes in parts is one event.
 *
 * Context: the queue's lock is held.
 */
DEFINE_EVENT(s390_ap_insn, s390_ap_dqap,
	     TP_PROTO(u16 card, u16 dom, u32 status, u64 psmid),
	     TP_ARGS(card, dom, status, psmid)
);

#endif /* _ASM_S390_TRACE_AP_H */

/* outside of the guard: this reads the file again */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH asm/trace
#define TRACE_INCLUDE_FILE ap
#include <trace/define_trace.h>
