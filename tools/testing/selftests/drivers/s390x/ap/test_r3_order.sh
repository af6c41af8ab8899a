#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R3: every receive() of phase 1 has returned before remove() starts, and
# remove() has returned before the first ZAPQ.  Proved by the times in the logs
# of the simulator and of the second driver, which use the same clock.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# One removal by COMMAND..., with messages waiting for held replies in both
# queues of the driver; sets off FLUSHED messages and takes QUEUES queues.  The
# rule holds every queue's replies: harmless for those without messages.
removal() {
	local what="$1" q

	shift
	sim_clear
	td_clear
	sim fault "add apqn=* insn=REPLY do=hold count=inf"
	for q in 00.0001 01.0001; do
		job "send.$q" ap_write $TD/submit "$q 24"
	done
	wait_for 10 td_is submitted -eq 48 || die "messages are not sent"
	check "$what: done" "$@"
	merge_logs "$TMP/merged"
	sim fault clear
	sim release '*'
	wait_for 20 gone "$JOB"
	expect "$what: $FLUSHED messages came back flushed" "$(td_result flushed)" "$FLUSHED"
	order_offences "$TMP/merged" >"$TMP/offences"
	expect_none "$what: receives, remove(), ZAPQ in this order" "$TMP/offences"
	awk '$2 == "T" && $4 == "REMOVE" && $5 == "exit" { gone[$3] = 1 }
		$2 == "S" && $4 == "ZAPQ" && gone[$3] { zapq[$3] = 1 }
		END { for (q in zapq) n++; print n + 0 }' "$TMP/merged" >"$TMP/complete"
	expect "$what: remove(), then ZAPQ, were seen for $QUEUES queue(s)" "$(cat "$TMP/complete")" "$QUEUES"
	expect "$what: no promise broken" "$(td_broken)" 0
}

back() {
	local q

	for q in 00.0001 01.0001; do
		q_has_driver $q ap_testdrv || bind_to $q ap_testdrv || die "bind $q: $RES"
		wait_for 20 q_idle $q || die "$q does not get ready: $(q_state $q)"
	done
}

plan 20
stack_up "cards=8a,8a domains=4"
td_take 1

FLUSHED=24
QUEUES=1
removal "unbind" unbind 00.0001
wait_for 20 eval '[ "$(td_balance)" -eq 0 ]'
back

td remove_delay_ms 300
removal "unbind, slow remove()" unbind 00.0001
td remove_delay_ms 0
wait_for 20 eval '[ "$(td_balance)" -eq 0 ]'
back

FLUSHED=48
QUEUES=2
removal "mask write" wr $AP/aqmask +1
set_to $AP/aqmask -1
wait_for 20 q_has_driver 00.0001 ap_testdrv && wait_for 20 q_has_driver 01.0001 ap_testdrv ||
	die "queues do not come back"
back

# rmmod is no case: while messages are under way their senders hold the driver.
# When a card goes without notice, its queues answer 01 to ZAPQ.
card_gone() {
	sim card00/present 0
	rescan
}
FLUSHED=24
QUEUES=1
removal "card taken away" card_gone
sim card00/present 1
rescan
finish
