#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# CPUs that go and come under load.  What waits for a timer of a CPU that goes is
# looked at by another one, and a CPU that is back looks after its own again:
# replies that are polled for come in time, and resets end, whichever CPU waits.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

CPU=/sys/devices/system/cpu/cpu1/online
# A timer that is lost is so for good; a slow kernel only takes longer
CYCLES=15 THREADS=16 LATE=5
[ $DEBUG_KERNEL = 0 ] || CYCLES=2 THREADS=4 LATE=30

if ! [ -e $CPU ]; then
	echo "1..0 # SKIP one CPU, or none that can go"
	exit 4
fi

# Each CPU's own timers: a reply that is polled for, and a reset
in_time() { # CPU MASK
	bounded $LATE taskset "$2" ap_load --threads 1 --key 1024 --op me-pub --requests 3 ||
		echo "CPU $1: no reply in $LATE s"
	taskset "$2" sh -c "echo 1 >$DEV/01.0001/reset"
	wait_for $LATE q_idle 01.0001 || echo "CPU $1: no end of a reset in $LATE s"
}

# Many timers at a time, so that ksoftirqd has some left when its CPU goes
cycle() {
	local n=0

	while [ $n -lt $CYCLES ]; do
		set_to $CPU 0
		nap 0.1
		set_to $CPU 1
		in_time 0 1 >>"$TMP/late"
		in_time 1 2 >>"$TMP/late"
		n=$((n + 1))
		[ ! -s "$TMP/late" ] || return
	done
}

plan 6
stack_up "cards=8a,8a domains=8 service_us=300 rsa=2" "useirq=0"
no_fair_server
# However this ends
trap 'put $CPU 1; cleanup' EXIT
bounded 60 ap_load --threads 2 --key 1024 --op me-pub --requests 12
expect "requests before" $? 0
job load ap_load --threads $THREADS --key 1024 --op me-pub --seconds 86400
LOAD=$JOB
: >"$TMP/late"
cycle
expect_none "after each of $CYCLES times that a CPU went and came" "$TMP/late"
kill $LOAD
wait_for 30 gone $LOAD
check "the load ends" gone $LOAD
sed 's/^/# /' "$TMP/load"
expect "no error, none stuck" "$(load_result errors "$TMP/load") $(load_result stuck "$TMP/load")" "0 0"
set_to $CPU 1
check "all queues are idle" wait_for $LATE all_idle
in_time 0 1 >"$TMP/late"
in_time 1 2 >>"$TMP/late"
expect_none "in calm" "$TMP/late"
finish
