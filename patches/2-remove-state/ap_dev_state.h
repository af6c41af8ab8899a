/* SPDX-License-Identifier: GPL-2.0 */
/*
 * States of a queue: which may follow which.
 */
#ifndef _AP_DEV_STATE_H_
#define _AP_DEV_STATE_H_

#include "ap_bus.h"

bool ap_set_dev_state(struct ap_queue *aq, enum ap_dev_state to);
bool ap_dev_state_in_use(struct ap_queue *aq);

#endif /* _AP_DEV_STATE_H_ */
