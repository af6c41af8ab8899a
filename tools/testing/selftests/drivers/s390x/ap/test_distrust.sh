#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A reply that makes no sense takes its queue off line, and the log and a uevent say
# so. Not when the queue has another driver by the time that the sender looks at the
# reply, or the same one anew: then it is another one's queue.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 4
stack_up "cards=8a domains=1 service_us=1000000"
Q=00.0000
# The sender that is frozen is beside one that may have all of its CPU
RT=/proc/sys/kernel/sched_rt_runtime_us
rt=$(cat $RT)
set_to $RT -1

listening() {
	grep -q listening "$TMP/uevents"
}
told() {
	dmesg | sed "1,/$DMESG_MARK/d" | grep "queue $Q: .*set offline"
	grep -o "ONLINE=0" "$TMP/uevents"
}
job uevents ap_uevent --seconds 600
wait_for 5 listening || die "ap_uevent: $(cat "$TMP/uevents")"

cat >"$TMP/meanwhile" <<EOF
. ./ap_lib.sh
unbind $Q
bind_to $Q cex4queue
wait_for 5 q_idle $Q
EOF
sim fault "add apqn=$Q insn=REPLY do=mutate=01"
bounded 60 ap_request -f "sh $TMP/meanwhile" me
expect_like "a sender whose reply makes no sense tries again" "$(cat "$TMP/bounded")" "OK *"
expect_like "there was such a reply" "$(cat $SIM/fault)" "*hits=1*"
expect "nothing is said of the queue, which has got a driver anew" \
	"$(told) $(cat $DEV/$Q/online)" " 1"
sim fault clear

# The same without that
sim fault "add apqn=$Q insn=REPLY do=mutate=01"
bounded 60 ap_request -f true me
set_to $RT "$rt"
wait_for 5 eval '[ "$(told | wc -l)" -ge 2 ]'
expect "otherwise the log and a uevent say that it is off line" \
	"$(told | wc -l) $(cat $DEV/$Q/online)" "2 0"
sim fault clear
finish
