#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A reply that makes no sense takes its queue off line, and the log and a uevent say
# so. Not when the queue has another driver by the time that the sender looks at the
# reply, or the same one anew: then it is another one's queue.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 6
stack_up "cards=8a domains=1"
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

# One rule spoils the reply; another one has the card say that there is none, until
# the sender is frozen. Then one more request has the bus ask for replies again.
cat >"$TMP/reply" <<EOF
. ./ap_lib.sh
spoilt() {
	grep -q "do=mutate.* hits=1 " $SIM/fault
}
fetched() {
	value $DEV/$Q/pendingq_count
	[ "\$VAL" = 0 ]
}
wait_for 20 spoilt || die "no reply"
sim fault "del \$(sed -n 's/: .*insn=DQAP.*//p' $SIM/fault)"
ap_request me
wait_for 20 fetched || die "the reply is not fetched"
EOF
frozen() {
	sim fault "add apqn=$Q insn=DQAP do=rc=10 count=inf"
	sim fault "add apqn=$Q insn=REPLY do=mutate=01"
	bounded 60 ap_request -q $Q -f "sh $TMP/meanwhile" me
	expect "$1: it was frozen" $? 0
}

cat >"$TMP/meanwhile" <<EOF
. "$TMP/reply"
unbind $Q
bind_to $Q cex4queue
wait_for 5 q_idle $Q
EOF
frozen "a sender whose reply makes no sense"
expect_like "it tries again" "$(tail -n 1 "$TMP/bounded")" "OK *"
expect_like "there was such a reply" "$(cat $SIM/fault)" "*hits=1*"
expect "nothing is said of the queue, which has got a driver anew" \
	"$(told) $(cat $DEV/$Q/online)" " 1"
sim fault clear

# The same without that
echo ". $TMP/reply" >"$TMP/meanwhile"
frozen "one whose queue stays where it is"
set_to $RT "$rt"
wait_for 5 eval '[ "$(told | wc -l)" -ge 2 ]'
expect "otherwise the log and a uevent say that it is off line" \
	"$(told | wc -l) $(cat $DEV/$Q/online)" "2 0"
sim fault clear
finish
