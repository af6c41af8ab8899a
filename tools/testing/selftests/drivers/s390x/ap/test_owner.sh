#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R6: a sender that has its reply but has not looked at it yet, while its queue
# goes to another driver and back.  It holds the module of the driver it has
# sent through, and no other: that one cannot be unloaded, the other one can.
#
# Asking the queue's present driver instead fails here when the sender goes on
# while its queue is away: vfio_ap would be put once too often, and zcrypt_cex4
# never.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 13
stack_up "cards=8a domains=1"
need vfio_ap
Q=00.0000
before="$(use_count zcrypt_cex4) $(use_count vfio_ap)"
RT=/proc/sys/kernel/sched_rt_runtime_us
rt=$(cat $RT)
set_to $RT -1

# What is done while the sender is frozen, by another shell: first its reply comes
cat >"$TMP/reply" <<EOF
. ./ap_lib.sh
fetched() {
	value $DEV/$Q/pendingq_count
	[ "\$VAL" = 0 ]
}
sim fault clear
sim release $Q
wait_for 20 fetched || die "no reply"
EOF
frozen() {
	sim fault "add apqn=$Q insn=REPLY do=hold count=1"
	bounded 60 ap_request -q $Q -f "sh $TMP/meanwhile" me
}

cat >"$TMP/meanwhile" <<EOF
exec >"$TMP/seen" 2>&1
. "$TMP/reply"
echo "pending \$(cat $DEV/$Q/pendingq_count) \$(use_count zcrypt_cex4) \$(use_count vfio_ap)"
set_to $AP/aqmask -0
wait_for 5 q_has_driver $Q vfio_ap
echo "away \$(q_driver $Q) \$(use_count zcrypt_cex4) \$(use_count vfio_ap)"
rmmod zcrypt_cex4 2>/dev/null && echo unloaded
rmmod vfio_ap && modprobe vfio_ap
wait_for 5 q_has_driver $Q vfio_ap
echo "again \$(q_driver $Q) \$(use_count zcrypt_cex4) \$(use_count vfio_ap)"
set_to $AP/aqmask +0
wait_for 5 q_has_driver $Q cex4queue
echo "back \$(q_driver $Q) \$(use_count zcrypt_cex4) \$(use_count vfio_ap)"
EOF
frozen
expect "the frozen sender ends" $? 0
diag "sender: $(cat "$TMP/bounded")"
seen() {
	grep "^$1 " "$TMP/seen"
}
expect "its reply had come, and it held its driver" "$(seen pending)" "pending 0 1 0"
expect "its queue went to another driver" "$(seen away)" "away vfio_ap 1 0"
expect "its driver could not be unloaded" "$(grep -c unloaded "$TMP/seen")" 0
expect "the other one could" "$(seen again)" "again vfio_ap 1 0"
expect "its queue came back" "$(seen back)" "back cex4queue 1 0"
expect_like "it got its result" "$(cat "$TMP/bounded")" "OK *"
expect "use counts are as before" \
	"$(use_count zcrypt_cex4) $(use_count vfio_ap)" "$before"

# Now it goes on while its queue is away
cat >"$TMP/meanwhile" <<EOF
. "$TMP/reply"
set_to $AP/aqmask -0
wait_for 5 q_has_driver $Q vfio_ap
EOF
frozen
expect "a sender frozen until its queue is away ends" $? 0
set_to $RT "$rt"
expect_like "it got its result too" "$(cat "$TMP/bounded")" "OK *"
expect "use counts are as before while the queue is away" \
	"$(q_driver $Q) $(use_count zcrypt_cex4) $(use_count vfio_ap)" \
	"vfio_ap $before"
set_to $AP/aqmask +0
wait_for 10 all_idle

expect "no load is left behind" "$(cat "$DEV/$Q/load" "$DEV/card00/load" | tr '\n' ' ')" "0 0 "
expect_like "afterwards: RSA" "$(ap_request me)" "OK *"
finish
