#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Many queues at once: all resets are issued, then waited for.  64 queues of
# 4 cards, taken away by unloading their driver and by one mask write, within
# two reset times and 100 ms; one queue within a reset time and 10 ms.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

RESET=1000

all_begun() {
	[ "$(sim_total zapq)" -ge $((BEGUN + 64)) ]
}

all_back() {
	modprobe zcrypt_cex4 || die "zcrypt_cex4 does not load"
	set_to $AP/apmask +0-3
	wait_for 60 bindings_complete || die "queues without driver: $(cat $AP/bindings)"
	wait_for 30 all_idle || die "queues do not get ready"
}

# ended: the job is; RES and MS are what it says of that, as its last line
ended() {
	wait_for 60 gone "$JOB" || diag "it does not end"
	# shellcheck disable=SC2046
	set -- $(tail -n 1 "$TMP/many")
	[ $# -eq 2 ] || set -- OK "$@"
	RES=$1
	MS=$(ms "$2")
}

# many COMMAND...: it takes 64 queues away. No reset ends before all were begun, so
# that their order is not a question of time; if they never are, it shows.
many() {
	sim_clear
	BEGUN=$(sim_total zapq)
	sim fault "add apqn=* insn=ZAPQ do=hang count=inf"
	job many "$@"
	wait_for 30 all_begun || diag "begun: $(sim_total zapq)"
	sim fault clear
	sim release '*'
	ended
}

# in_time WHAT COMMAND...: the same with resets that end by themselves; the best of
# three, as the machine is not ours alone
in_time() {
	local what="$1: time, best of three (ms)" best=999999 most=$((2 * RESET + 100)) n

	shift
	if [ $DEBUG_KERNEL = 1 ]; then
		# its checks take their time for each queue
		skip "$what" "on a debug kernel that figure says nothing"
		return
	fi
	for n in 1 2 3; do
		[ $best -gt $most ] || break
		all_back
		job many "$@"
		ended
		[ "$RES" = OK ] || die "$*: $RES"
		[ "$MS" -ge $best ] || best=$MS
		diag "$n: $MS ms"
	done
	expect_range "$what" $best $RESET $most
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
	sort $DEV/??.????/clean 2>/dev/null | uniq -c | sed 's/^ *//' >"$TMP/clean"
	unproven "$TMP/sim" "$want" >"$TMP/offences"
	expect_none "$what: every queue proven by TAPQ" "$TMP/offences"
}

plan 13
# The base's bus has no such parameter, and takes no notice of it.
stack_up "cards=4*8a domains=16 reset_ms=$RESET log=262144" "remove_timeout=60000"
expect "queues" "$(driver_counts)" "64 cex4queue "
many ap_timed rmmod zcrypt_cex4
taken "rmmod" 64
expect "rmmod: clean" "$(cat "$TMP/clean")" "64 clean"
in_time "rmmod" ap_timed rmmod zcrypt_cex4

all_back
many ap_write $AP/apmask -0-3
taken "mask write" 64
expect "mask write: clean" "$(cat "$TMP/clean")" "64 clean"
in_time "mask write" ap_write $AP/apmask -0-3

# The same into another driver's hands.  Not vfio_ap's: that one resets each
# queue itself, in probe() and in remove(), one after the other.
td_load
all_back
many ap_write $AP/apmask -0-3
expect "mask write, hand-over to another driver" \
	"$RES $(driver_counts)" "OK 64 ap_testdrv "
expect "mask write, hand-over to another driver: ZAPQs" "$(issue_order)" \
	"64 ZAPQ, all before the first reset was over"
in_time "mask write, hand-over to another driver" ap_write $AP/apmask -0-3

# One queue: the best of ten, as the machine is not ours alone
sim reset_ms 20
all_back
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
