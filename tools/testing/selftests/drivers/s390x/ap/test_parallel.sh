#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Many queues at once: all resets are issued, then waited for.  64 queues of
# 4 cards, taken away by unloading their driver and by one mask write, within
# two reset times and 100 ms; one queue within a reset time and 10 ms.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

RESET=1000
TIMEOUT=$((3 * RESET))
# The checks of a debug kernel take their time for each queue, and how much says
# nothing: there no reset ends before all were begun.
[ $DEBUG_KERNEL = 0 ] || TIMEOUT=60000

all_begun() {
	[ "$(sim_total zapq)" -ge $((BEGUN + 64)) ]
}

# many COMMAND...: it takes 64 queues away; RES and MS are what it says of that,
# as its last line
many() {
	sim_clear
	BEGUN=$(sim_total zapq)
	[ $DEBUG_KERNEL = 0 ] || sim fault "add apqn=* insn=ZAPQ do=hang count=inf"
	job many "$@"
	if [ $DEBUG_KERNEL = 1 ]; then
		wait_for 30 all_begun || diag "begun: $(sim_total zapq)"
		sim fault clear
		sim release '*'
	fi
	wait_for 60 gone "$JOB" || diag "$* does not end"
	# shellcheck disable=SC2046
	set -- $(tail -n 1 "$TMP/many")
	[ $# -eq 2 ] || set -- OK "$@"
	RES=$1
	MS=$(ms "$2")
}

in_time() {
	if [ $DEBUG_KERNEL = 0 ]; then
		expect_range "$1: time (ms)" "$MS" $RESET $((2 * RESET + 100))
	else
		skip "$1: time (ms)" "$MS, on a debug kernel: that figure says nothing"
	fi
}

# All ZAPQs were issued before the first reset was over; how long that took
issue_order() {
	sim_log "$TMP/sim"
	awk '$4 == "ZAPQ" { n++; if (!first) first = $2; last = $2 }
		$4 == "RESETDONE" && n && !done { done = $2 }
		END {
			if (done && last < done)
				said = "all before the first reset was over"
			else
				said = "the last " last - first " ns after the first, but a reset was over after " done - first
			printf "%d ZAPQ, %s\n", n, said
		}' "$TMP/sim"
}

taken() {
	local what="$1" want="$2"

	expect "$what: ZAPQs" "$(issue_order)" "$want ZAPQ, all before the first reset was over"
	in_time "$what"
	sort $DEV/??.????/clean 2>/dev/null | uniq -c | sed 's/^ *//' >"$TMP/clean"
	unproven "$TMP/sim" "$want" >"$TMP/offences"
	expect_none "$what: every queue proven by TAPQ" "$TMP/offences"
}

plan 13
# The base's bus has no such parameter, and takes no notice of it.
stack_up "cards=4*8a domains=16 reset_ms=$RESET log=262144" "remove_timeout=$TIMEOUT"
expect "queues" "$(driver_counts)" "64 cex4queue "
many ap_timed rmmod zcrypt_cex4
taken "rmmod" 64
expect "rmmod: clean" "$(cat "$TMP/clean")" "64 clean"

modprobe zcrypt_cex4 || die "zcrypt_cex4 does not load"
wait_for 30 bindings_complete || die "queues without driver: $(cat $AP/bindings)"
wait_for 30 all_idle || die "queues do not get ready"
many ap_write $AP/apmask -0-3
taken "mask write" 64
expect "mask write: clean" "$(cat "$TMP/clean")" "64 clean"

# The same into another driver's hands.  Not vfio_ap's: that one resets each
# queue itself, in probe() and in remove(), one after the other.
td_load
set_to $AP/apmask +0-3
wait_for 60 bindings_complete || die "queues without driver: $(cat $AP/bindings)"
wait_for 30 all_idle || die "queues do not get ready"
many ap_write $AP/apmask -0-3
expect "mask write, hand-over to another driver" \
	"$RES $(driver_counts)" "OK 64 ap_testdrv "
in_time "mask write, hand-over to another driver"
expect "mask write, hand-over to another driver: ZAPQs" "$(issue_order)" \
	"64 ZAPQ, all before the first reset was over"

# One queue: the best of ten, as the machine is not ours alone
sim reset_ms 20
set_to $AP/apmask +0-3
wait_for 60 bindings_complete || die "queues without driver: $(cat $AP/bindings)"
wait_for 30 all_idle || die "queues do not get ready"
best=999999
for n in 0 1 2 3 4 5 6 7 8 9; do
	wr $AP/drivers/cex4queue/unbind 00.000$n || die "unbind: $RES"
	[ $MS -ge $best ] || best=$MS
done
what="unbind of one queue, reset time 20 ms: best of ten (ms)"
if [ $DEBUG_KERNEL = 0 ]; then
	expect_range "$what" $best 20 30
else
	skip "$what" "$best, on a debug kernel: that figure says nothing"
fi
NS=$(ap_timed rmmod zcrypt_cex4 | tail -n 1)
diag "rmmod of 54 queues, reset time 20 ms: $(ms "$NS") ms"
finish
