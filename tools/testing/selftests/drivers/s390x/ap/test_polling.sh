#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Without interrupts: timers and the poll thread; with interrupts: none of both.
# An idle bus issues nothing at all.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

good_load() {
	bounded 120 ap_load --threads 4 --key 1024 --op me-pub --requests 200
	expect "$1: 200 requests" "$?" 0
	grep -E 'seconds|latency' "$TMP/bounded" | sed 's/^/# /'
}

thread() {
	ps | grep -q '[a]ppoll'
}

# Instructions in two seconds without work; a scan is allowed its tests
idle() {
	nap 0.5
	sim_clear
	sleep 2
	sim_log "$TMP/sim"
	awk '$4 == "NQAP" || $4 == "DQAP" || $4 == "AQIC" || $4 == "RAPQ" || $4 == "ZAPQ"' "$TMP/sim" >"$TMP/offences"
	expect_none "$1: an idle bus issues nothing" "$TMP/offences"
}

plan 23
stack_up "cards=8a,8a domains=2 service_us=200"
expect "interrupts" "$(cat $AP/ap_interrupts)" 1
expect "interrupts on at the card" "$(sim_state 00.0000 irq)" 1
good_load "interrupts"
idle "interrupts"
wr $AP/poll_thread 1
expect "with interrupts the poll thread is not needed and does not start" "$RES $(cat $AP/poll_thread)" "OK 0"
check "with interrupts there is no thread" eval '! thread'

stack_up "cards=8a,8a domains=2 service_us=200 irq=0"
expect "no interrupts" "$(cat $AP/ap_interrupts)" 0
expect "interrupts off at the card" "$(sim_state 00.0000 irq)" 0
good_load "timer"
idle "timer"
set_to $AP/poll_timeout 5000000
good_load "timer of 5 ms"
set_to $AP/poll_timeout 50000
good_load "timer of 50 us"
wr $AP/poll_thread 1
expect "the poll thread starts" "$RES $(cat $AP/poll_thread)" "OK 1"
check "there is a thread" wait_for 5 thread
good_load "poll thread"
idle "poll thread"
job load ap_load --threads 4 --key 1024 --op me-pub --seconds 4
for _ in 1 2 3 4 5 6; do
	set_to $AP/poll_thread 0
	nap 0.2
	set_to $AP/poll_thread 1
	nap 0.2
done
set_to $AP/poll_thread 0
wait_for 30 gone "$JOB"
sed 's/^/# /' "$TMP/load"
expect "the poll thread comes and goes under load: no error" \
	"$(load_result wrong "$TMP/load") $(load_result errors "$TMP/load") $(load_result stuck "$TMP/load")" "0 0 0"
check "no thread is left" wait_for 5 eval '! thread'

stack_up "cards=8a,8a domains=2 service_us=200" "useirq=0"
expect "useirq=0: no interrupts" "$(cat $AP/ap_interrupts)" 0
good_load "useirq=0"
sim_log "$TMP/sim"
expect "useirq=0: AQIC is not issued" "$(awk '$4 == "AQIC"' "$TMP/sim" | wc -l)" 0
stack_up "cards=8a,8a domains=2 service_us=200 irq=0" "poll_thread=1"
expect "poll_thread=1 at load" "$(cat $AP/poll_thread)" 1
good_load "poll_thread=1 at load"
finish
