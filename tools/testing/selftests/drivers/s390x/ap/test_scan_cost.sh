#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What a bus scan costs: the instructions of one with 4096 queues are at most
# 20 times those of one with 256, which is the 16th part of them; 1024 and 64 on a
# debug kernel.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# The first scan has found all of NUMBER queues, and nothing more is going on
found() {
	[ "$(queues | wc -l)" -eq "$1" ] && ! cat $DEV/*/clean 2>/dev/null | grep -q "^in progress"
}

# cost CARDS DOMAINS: instructions of a scan in COST, its time in ms in MS
cost() {
	stack_down || die "modules do not unload"
	modprobe apsim "cards=$1*8a" "domains=$2" reset_ms=1 log=262144 || die "apsim does not load"
	modprobe ap || die "ap does not load"
	wait_for 100 found $(($1 * $2)) || die "$(queues | wc -l) queues instead of $(($1 * $2))"
	sleep 1
	sim_clear
	wr $AP/scans 1
	sim_log "$TMP/sim"
	COST=$(awk '$4 ~ /^(TAPQ|RAPQ|ZAPQ|AQIC|QCI|QACT|NQAP|DQAP)$/' "$TMP/sim" | wc -l)
	diag "$(($1 * $2)) queues: $COST instructions, $MS ms"
	diag "  $(awk '{ n[$4]++ } END { for (i in n) printf "%s %d ", i, n[i] }' "$TMP/sim")"
	diag "  free memory: $(sed -n 's/^MemAvailable: *//p' /proc/meminfo)"
}

plan 2
# a debug kernel takes minutes to make 1024 devices
if [ $DEBUG_KERNEL = 0 ]; then
	few=16
	many=64
	times=20
else
	few=8
	many=16
	times=5
fi
cost $few $few
small=$COST
expect_range "scan of $((few * few)) queues: instructions" "$small" $((few * few)) $((16 * few * few))
cost $many $many
expect_range "scan of $((many * many)) queues: instructions, at most $times times $small" \
	"$COST" $((many * many)) $((times * small))
finish
