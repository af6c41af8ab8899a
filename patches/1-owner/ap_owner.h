/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module that a message holds.
 */
#ifndef _AP_OWNER_H_
#define _AP_OWNER_H_

struct ap_message;
struct ap_queue;
struct module;

void ap_queue_probe_begin(struct ap_queue *aq, struct module *owner);
void ap_queue_probe_end(struct ap_queue *aq);
int ap_msg_get_owner(struct ap_queue *aq, struct ap_message *ap_msg);
void ap_msg_put_owner(struct ap_message *ap_msg);

#endif /* _AP_OWNER_H_ */
