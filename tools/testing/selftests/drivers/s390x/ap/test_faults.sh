#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Odd answers of the firmware, beyond what test_matrix.sh tries one by one: a fault
# that lasts as another driver and the kernel log see it, interrupts, and error
# replies.  One queue only, so that requests meet the fault.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

Q=00.0000
in_error() {
	value $DEV/$Q/states
	case "$VAL" in
	ERROR*) return 0 ;;
	esac
	return 1
}

heal() {
	put $AP/scans 1
	within 1 q_idle $Q
}

plan 13
stack_up "cards=8a domains=1"
expect "one queue" "$(queues)" $Q

# A fault that lasts, and that no reset gets over, leaves the queue in the named
# error state, with its code and a line in the log, and not in a loop.  Requests
# to zcrypt would have the bus scanned: so here the second driver has the queue.
td_take 0
sim fault "add apqn=$Q insn=NQAP do=rc=77 count=1"
sim fault "add apqn=$Q insn=RAPQ do=rc=77 count=inf"
td submit "$Q 4"
expect "NQAP, then RAPQ answer 77: messages come back, none twice" \
	"$(td_result replied) $(td_balance) $(td_broken)" "0 0 0"
wait_for 5 in_error
expect_like "NQAP, then RAPQ answer 77: named error state" "$(q_state $Q)" "ERROR*"
expect "NQAP, then RAPQ answer 77: the code" "$(cat $DEV/$Q/last_err_rc)" "response code 119"
dmesg | sed "1,/$DMESG_MARK/d" >"$TMP/dmesg"
check "NQAP, then RAPQ answer 77: a line in the kernel log" grep -q "ap: .*$Q" "$TMP/dmesg"
sim_clear
sleep 2
sim_log "$TMP/sim"
expect_range "error state: instructions in 2 s" $LINES 0 200
td results_clear 1
td submit "$Q 4"
expect "in the error state messages are refused" "$(td_result refused) $(td_broken)" "4 0"
sim fault clear
check "over: the scan brings it back" wait_for 60 heal
td submit "$Q 4"
expect "and messages are answered" "$(td_result replied)" 4
set_to $AP/aqmask +0
wait_for 20 q_has_driver $Q cex4queue
wait_for 20 q_idle $Q

# Interrupts
sim fault "add apqn=$Q insn=REPLY do=lost-irq count=3"
bounded 120 ap_load --threads 1 --key 1024 --op me-pub --requests 6
expect "lost interrupts: noticed, all requests answered" "$?" 0
grep latency "$TMP/bounded" | sed 's/^/# /'
sim fault clear
wait_for 120 heal
sim fault "add apqn=$Q insn=REPLY do=spurious-irq count=20"
bounded 120 ap_load --threads 2 --key 1024 --op me-pub --requests 20
expect "interrupts without need: harmless" "$?" 0
sim fault clear

# Error replies of the card: EINVAL for bad operands, others are tried again
sim fault "add apqn=$Q insn=REPLY do=error=84 count=1"
bounded 60 ap_load --threads 1 --key 1024 --op me-pub --requests 4
expect "error reply 84: EINVAL, once" "$(load_result EINVAL "$TMP/bounded") $(load_result wrong "$TMP/bounded")" "1 0"
sim fault clear
check "and the next is answered" ap_load --threads 1 --key 1024 --op me-pub --requests 4
finish
