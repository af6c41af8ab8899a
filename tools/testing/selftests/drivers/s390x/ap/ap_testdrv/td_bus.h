/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The AP buses that this driver is for: ours, a base tree's with the small patch,
 * and a base tree's as it is; the Makefile looks which it is. What they call the
 * state of a queue differs, and the last one has no owner of a message.
 */
#ifndef _TD_BUS_H_
#define _TD_BUS_H_

#include "ap_bus.h"

/* Of the simulator, which need not be there: asked for with symbol_get() */
void apsim_mark_queue(u16 apqn, const char *text);

#ifdef TD_BUS_OURS

static inline const char *td_state(struct ap_queue *aq)
{
	return ap_state_name(READ_ONCE(aq->state));
}

#else

static inline const char *td_state(struct ap_queue *aq)
{
	switch (READ_ONCE(aq->dev_state)) {
	case AP_DEV_STATE_UNINITIATED:
		return "UNBOUND";
	case AP_DEV_STATE_SHUTDOWN:
		return "REMOVE";
	case AP_DEV_STATE_ERROR:
		return "ERROR";
	default:
		return "OPERATING";
	}
}

#ifndef TD_BUS_SMALL
static inline int ap_msg_get_owner(struct ap_queue *aq, struct ap_message *msg)
{
	return 0;
}

static inline void ap_msg_put_owner(struct ap_message *msg)
{
}
#endif

#endif
#endif /* _TD_BUS_H_ */
