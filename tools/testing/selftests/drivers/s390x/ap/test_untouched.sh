#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R5 where a queue cannot be reset when it comes: its card is there, but in standby.
# A default driver has it then, off line; when the card is configured the queue is
# zero-reset, and shown to be clean, before anybody uses it.  Other drivers get it
# only after that, and are not offered it before.  And ZAPQ that says whose the
# queue is has reset nothing.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

Q=01.0001

# Whether the card has shown a queue empty after a ZAPQ that it took, and before
# anything else of it was used
proven_first() { # QUEUE
	sim_log "$TMP/sim"
	awk -v q="$1" '$5 == q && $4 == "ZAPQ" { z = z || $7 == "cc=0" }
	$5 == q && $4 == "TAPQ" && z && substr($8, 8, 4) == "8000" { t = 1 }
	$5 == q && ($4 == "NQAP" || $4 == "RAPQ" || $4 == "AQIC") && !t { early = 1 }
	END { exit !(t && !early) }' "$TMP/sim"
}

completed() {
	cat $AP/bindings_complete_count
}

probes_failed() {
	dmesg | grep -c 'probe with driver vfio_ap failed'
}

# Two scans, each of which would offer again what was refused before
scans() {
	rescan
	nap 0.3
	rescan
	nap 0.3
}

plan 22
stack_up "cards=8a,8a domains=2"
ap_load --threads 4 --key 1024 --op me-pub --requests 64 >/dev/null || die "no requests"
expect "somebody has used the queue" "$(sim_state $Q used)" 1

# The card is pulled with what it has, and comes back in standby
sim card01/present 0
wait_for 20 eval 'rescan; ! [ -e $DEV/$Q ]' || die "$Q stays"
sim card01/config 0
sim card01/present 1
wait_for 20 eval 'rescan; q_has_driver $Q cex4queue' || die "$Q does not come"
expect_like "in standby: the default driver has it, off line" \
	"$(q_driver $Q) $(cat $DEV/$Q/config) $(q_state $Q)" "cex4queue 0 ERROR*"
expect "in standby: what was in it is in it" "$(sim_state $Q used)" 1
wr $DEV/$Q/reset 1
# An admin wants to see to it before anybody uses it
set_to $DEV/$Q/online 0
expect_like "in standby: a reset is asked for" "$RES $(q_state $Q)" "OK ERROR*"
sim_clear
sim card01/config 1
# Neither the reset attribute nor a timer is faster than the scan that sees to it
wr $DEV/$Q/reset 1
wait_for 20 eval 'rescan; q_idle $Q' || die "$Q does not get ready: $(q_state $Q)"
expect "configured: its driver has it again, off line as it was" \
	"$(q_driver $Q) $(cat $DEV/$Q/online) $(cat $DEV/01.0000/online)" "cex4queue 0 1"
set_to $DEV/$Q/online 1
check "configured: zero-reset and proven before that" proven_first $Q
check "configured: the other queue of the card, too" \
	eval 'wait_for 20 q_idle 01.0000 && proven_first 01.0000'
wait_for 10 bindings_complete
expect "configured: all bindings are complete" "$(cat $AP/bindings)" "4/4 (complete)"
ap_load --threads 4 --key 1024 --op me-pub --requests 64 >"$TMP/load"
expect "and it works" "$? $(load_result wrong "$TMP/load")" "0 0"

# From the beginning, and checkstopped
stack_down || die "modules stay"
modprobe apsim cards=8a,8a domains=2
sim card01/chkstop 1
modprobe ap || die "ap"
modprobe zcrypt_cex4 || die "zcrypt_cex4"
wait_for 20 bindings_complete || die "bindings: $(cat $AP/bindings)"
expect_like "checkstopped from the beginning: the driver has it" \
	"$(q_driver $Q) $(q_state $Q)" "cex4queue ERROR*"
sim_clear
sim card01/chkstop 0
wait_for 20 eval 'rescan; q_idle $Q' || die "$Q does not get ready: $(q_state $Q)"
check "it is repaired: zero-reset and proven first" proven_first $Q

# A driver that is not a default driver
stack_down || die "modules stay"
modprobe apsim cards=8a,8a domains=2
sim card01/config 0
modprobe ap apmask=-1 || die "ap"
modprobe zcrypt_cex4 || die "zcrypt_cex4"
need vfio_ap
wait_for 20 bindings_complete || die "bindings: $(cat $AP/bindings)"
scans
expect "for vfio_ap, in standby: untouched, without driver" \
	"$(q_driver $Q) $(q_clean $Q)" "none untouched"
expect "not counted" "$(cat $AP/bindings)" "2/2 (complete)"
told=$(completed)
failed=$(probes_failed)
scans
expect "not offered again by each scan" "$(probes_failed)" "$failed"
expect "nor said to be complete again" "$(completed)" "$told"
sim card01/config 1
wait_for 20 eval 'rescan; q_has_driver $Q vfio_ap'
expect "configured: cleaned, and offered" "$(q_driver $Q) $(q_clean $Q)" "vfio_ap in use"
check "configured: proven before" proven_first $Q
wait_for 10 eval '[ "$(completed)" -gt '"$told ]"
expect "and that is told" "$(cat $AP/bindings)" "4/4 (complete)"

# Masks that change while a card is in standby
set_to $AP/apmask +1
wait_for 20 q_has_driver $Q cex4queue
expect "the masks give it to the default driver: clean, and used" \
	"$(q_driver $Q)" cex4queue

# Not bound to this guest: only a secure guest is told that, and believes it
stack_up "cards=8a,8a domains=2" "useirq=0"
td_take 1
Q=00.0001
unbind $Q || die "unbind: $RES"
# What probe() did not keep nobody can take away
count=$(cat $DEV/$Q/hand_over_count)
td probe_error 12
td probe_error_late 1
td probe_error_count 1
bind_to $Q ap_testdrv
expect "a probe() that fails is no hand-over" \
	"$RES $(($(cat $DEV/$Q/hand_over_count) - count))" "ENOMEM 0"
bind_to $Q ap_testdrv || die "bind: $RES"
wait_for 20 q_idle $Q
td submit "$Q 4"
expect "a queue that was used" "$(sim_state $Q used)" 1
sim fault "add apqn=$Q insn=ZAPQ do=rc=0b count=1"
unbind $Q || die "unbind: $RES"
sim fault clear
wait_for 20 eval 'rescan; nap 0.3; q_clean_is $Q clean'
expect "ZAPQ says once that it is not bound: clean means zeroized" \
	"$(q_clean $Q) $(sim_state $Q used)" "clean 0"
finish
