/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which messages a request is sent as. asm/trace/zcrypt.h has where it begins and
 * where it ends, by its address; the bus knows messages, by their psmid.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM s390
/* another header of this group may be read by the same file */
#undef TRACE_SYSTEM_VAR
#define TRACE_SYSTEM_VAR s390_zcrypt

#if !defined(_ZCRYPT_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _ZCRYPT_TRACE_H_

#include <linux/tracepoint.h>

/**
 * s390_zcrypt_send() - a request goes to a queue
 * @ptr: address of the request, as in s390_zcrypt_req and s390_zcrypt_rep
 * @psmid: its message, as in the events of the bus
 * @card: number of the card
 * @dom: domain of the queue
 * @nr: how often it was sent before; from 1 on it is sent again
 *
 * The queue may turn out not to take it: then no s390_ap_msg_queued follows.
 *
 * Context: process.
 */
TRACE_EVENT(s390_zcrypt_send,
	    TP_PROTO(void *ptr, u64 psmid, u16 card, u16 dom, unsigned int nr),
	    TP_ARGS(ptr, psmid, card, dom, nr),
	    TP_STRUCT__entry(__field(void *, ptr)
			     __field(u64, psmid)
			     __field(u16, card)
			     __field(u16, dom)
			     __field(unsigned int, nr)),
	    TP_fast_assign(__entry->ptr = ptr;
			   __entry->psmid = psmid;
			   __entry->card = card;
			   __entry->dom = dom;
			   __entry->nr = nr;),
	    TP_printk("ptr=%p psmid=0x%016llx card=%u dom=%u nr=%u",
		      __entry->ptr, __entry->psmid, __entry->card, __entry->dom,
		      __entry->nr)
);

#endif /* _ZCRYPT_TRACE_H_ */

/* outside of the guard: this reads the file again */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE zcrypt_trace
#include <trace/define_trace.h>
