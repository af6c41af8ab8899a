#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R1: once a queue is being removed, or has no driver, or has one that does not
# use the bus's messages, ap_queue_message() answers -ENODEV and changes nothing.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# What the bus and the firmware have of the queue's messages, in COUNTS
counts() {
	value "$DEV/$Q/requestq_count"
	COUNTS=$VAL
	value "$DEV/$Q/pendingq_count"
	COUNTS="$COUNTS $VAL"
	field nqap "$SIM/card00/0001/counters"
	COUNTS="$COUNTS $VAL"
}

# Send 8 messages to a queue that must refuse them: what of the results differs
# from "8 refused, nothing touched, nothing at the firmware"
refusal() {
	local before after

	td results_clear 1
	counts
	before=$COUNTS
	td submit "$Q 8 $1"
	counts
	after=$COUNTS
	echo "refused=$(td_result refused) broken=$(td_broken) $([ "$before" = "$after" ] && echo untouched || echo "$before -> $after")"
}
REFUSED="refused=8 broken=0 untouched"

plan 15
stack_up "cards=8a,8a domains=4"
td_take 1
Q=00.0001

td submit "$Q 8"
expect "a bound queue takes messages and answers them" \
	"$(td_result replied) $(td_broken)" "8 0"

# Phase 2: remove() takes its time, until it is told to go on
td remove_delay_ms 60000
td log_clear 1
job unbind ap_write $AP/drivers/ap_testdrv/unbind $Q
wait_for 10 td_saw REMOVE $Q enter || die "remove() was not called"
expect "remove() running: refused" "$(refusal noowner)" "$REFUSED"
expect "remove() running: refused, with the owner asked for first" "$(refusal)" "$REFUSED"
check "remove() was still running then" eval '! td_saw REMOVE $Q exit'
check "the queue's state was REMOVE when remove() was called" td_saw REMOVE $Q state=REMOVE
td remove_delay_ms 0
wait_for 15 gone "$JOB" || die "unbind does not end"

# Phase 3: the reset takes its time, until it is told to end
[ ! -e /sys/module/ap/parameters/remove_timeout ] ||
	set_to /sys/module/ap/parameters/remove_timeout 60000
move_to $Q ap_testdrv || die "bind: $RES"
wait_for 10 q_idle $Q || die "$Q does not get ready"
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
td log_clear 1
job unbind ap_write $AP/drivers/ap_testdrv/unbind $Q
wait_for 10 td_saw REMOVE $Q exit || die "remove() was not called"
expect "reset running: refused" "$(refusal noowner)" "$REFUSED"
expect "reset running: refused, with the owner asked for first" "$(refusal)" "$REFUSED"
expect "the reset was still running then" "$(sim_state $Q reset)" hanging
sim release $Q
wait_for 15 gone "$JOB" || die "unbind does not end"

# No driver
q_has_driver $Q none || die "$Q has a driver"
expect "without a driver: refused" "$(refusal noowner)" "$REFUSED"
expect "without a driver: refused, with the owner asked for first" "$(refusal)" "$REFUSED"

# A driver that leaves the queue alone
td passive 1
move_to $Q ap_testdrv || die "bind: $RES"
expect "a driver without messages: refused" "$(refusal noowner)" "$REFUSED"
unbind $Q || die "unbind: $RES"
td passive 0

# And back
move_to $Q ap_testdrv || die "bind: $RES"
wait_for 10 q_idle $Q || die "$Q does not get ready"
td results_clear 1
td submit "$Q 8"
expect "bound again: takes messages and answers them" \
	"$(td_result replied) $(td_broken)" "8 0"

# From many senders, while the queue comes and goes
storm() {
	while [ ! -e "$TMP/stop" ]; do
		ap_write $TD/submit "$Q 16" >/dev/null
		nap 0.02
	done
}
td results_clear 1
sim_clear
sim service_us 500
senders=
for n in 1 2 3; do
	job s$n storm
	senders="$senders $JOB"
done
n=0
max=$(rounds 20)
while [ $n -lt "$max" ]; do
	unbind $Q || die "unbind: $RES"
	bind_to $Q ap_testdrv || die "bind: $RES"
	# let some messages in, whatever the speed of the machine
	field replied $TD/results
	r=$VAL
	wait_for 5 td_is replied -gt "$r" || break
	n=$((n + 1))
done
touch "$TMP/stop"
# shellcheck disable=SC2086
wait_jobs $senders
sim service_us 0
expect "$max hand-overs under three senders: each was followed by answers" "$n" "$max"
diag "$(cat $TD/results)"
expect "$max hand-overs under three senders: every message accounted for, none in error" \
	"$(td_balance) $(td_broken) $(td_result error)" "0 0 0"
sim_log "$TMP/sim"
zapq_offences "$TMP/sim" >"$TMP/offences"
expect_none "the firmware saw no message of a queue that was away" "$TMP/offences"
finish
