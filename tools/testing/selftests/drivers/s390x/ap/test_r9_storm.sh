#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R9: everything at once, from many shells: unbind and bind between three
# drivers, masks, online, reset, scans, the poll thread, cards that go, come,
# stop and lose their configuration, odd answers, hanging resets, CPUs that
# come and go, readers of every attribute, and senders on both sides.  At the
# end all must be healthy, nothing lost, use counts as before.
# usage: test_r9_storm.sh [SECONDS]	(default: AP_STORM, or 20)
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

SECONDS_=${1:-${AP_STORM:-20}}
case "$SECONDS_" in
'' | *[!0-9]*)
	echo "${0##*/}: SECONDS must be a number, not '$SECONDS_'" >&2
	exit 2
	;;
esac

SEED=1
# rnd N: a number from 0 to N-1 in R; one sequence per shell
rnd() {
	SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff))
	R=$(((SEED >> 8) % $1))
}

running() {
	[ ! -e "$TMP/stop" ]
}

# say FILE STRING: it may be refused, and the file may be gone
say() {
	{ echo "$2" >"$1"; } 2>/dev/null
}

hand_over() {
	local q n=0

	SEED=$1
	while running; do
		rnd 3		# domain 0 is left to the requests
		q=00.000$((R + 1))
		rnd 2
		[ "$R" = 0 ] || q=01${q#00}
		say "$DEV/$q/driver/unbind" $q
		rnd 3
		case $R in
		0) say $AP/drivers/cex4queue/bind $q ;;
		1) say $AP/drivers/ap_testdrv/bind $q ;;
		2) say $AP/drivers/vfio_ap/bind $q ;;
		esac
		n=$((n + 1))
		nap 0.03
	done
	echo "hand_over $n"
}

masks() {
	local n=0

	SEED=11
	while running; do
		rnd 4
		case $R in
		0) say $AP/aqmask -1-2 ;;
		1) say $AP/aqmask +0-255 ;;
		2) say $AP/apmask -1 ;;
		3) say $AP/apmask +0-255 ;;
		esac
		n=$((n + 1))
		nap 0.05
	done
	echo "masks $n"
}

attributes() {
	local n=0

	SEED=23
	while running; do
		rnd 10
		case $R in
		0) say $DEV/card01/online 0 ;;
		1) say $DEV/card01/online 1 ;;
		2) say $DEV/00.0003/online 0 ;;
		3) say $DEV/00.0003/online 1 ;;
		4) say $DEV/00.0001/reset 1 ;;
		5) say $DEV/01.0002/reset 1 ;;
		6) say $AP/poll_thread 1 ;;
		7) say $AP/poll_thread 0 ;;
		8) say $AP/poll_timeout 100000 ;;
		9) say $AP/poll_timeout 2000000 ;;
		esac
		n=$((n + 1))
		nap 0.02
	done
	echo "attributes $n"
}

scans() {
	local n=0

	while running; do
		say $AP/scans 1
		n=$((n + 1))
		nap 0.03
	done
	echo "scans $n"
}

hardware() {
	local n=0

	SEED=37
	while running; do
		rnd 10
		case $R in
		0) say $SIM/card02/present 0 ;;
		1) say $SIM/card02/present 1 ;;
		2) say $SIM/card01/config 0 ;;
		3) say $SIM/card01/config 1 ;;
		4) say $SIM/card01/chkstop 1 ;;
		5) say $SIM/card01/chkstop 0 ;;
		6) say $SIM/card00/0002/config 0 ;;
		7) say $SIM/card00/0002/config 1 ;;
		8) say $SIM/card02/0001/present 0 ;;
		9) say $SIM/card02/0001/present 1 ;;
		esac
		n=$((n + 1))
		nap 0.1
	done
	echo "hardware $n"
}

faults() {
	local n=0 insn rc

	SEED=53
	while running; do
		rnd 4
		case $R in
		0) insn=ZAPQ ;;
		1) insn=TAPQ ;;
		2) insn=RAPQ ;;
		3) insn=AQIC ;;
		esac
		# vfio_ap issues these two as well, and WARNs on any odd code
		case $insn in
		ZAPQ | TAPQ) rnd 2 ;;
		*) rnd 5 ;;
		esac
		case $R in
		0) rc=02 ;;
		1) rc=05 ;;
		2) rc=06 ;;
		3) rc=77 ;;
		4) rc=01 ;;
		esac
		say $SIM/fault "add apqn=01.* insn=$insn do=rc=$rc count=2"
		rnd 4
		case $R in
		0) say $SIM/fault "add apqn=02.* insn=ZAPQ do=hang count=1" ;;
		1) say $SIM/fault "add apqn=00.0001 insn=REPLY do=hold count=3" ;;
		2) say $SIM/fault "add apqn=00.* insn=REPLY do=lost-irq count=2" ;;
		3) say $SIM/fault "add apqn=02.* insn=REPLY do=spurious-irq count=2" ;;
		esac
		nap 0.3
		say $SIM/fault clear
		say $SIM/release '*'
		n=$((n + 1))
	done
	echo "faults $n"
}

readers() {
	local n=0

	while running; do
		cat $AP/[a-z]*[a-z] $DEV/*/[a-z]* /sys/kernel/debug/ap/*/* >/dev/null 2>&1
		n=$((n + 1))
	done
	echo "readers $n"
}

cpus() {
	local n=0

	while running; do
		say /sys/devices/system/cpu/cpu1/online 0
		nap 0.7
		say /sys/devices/system/cpu/cpu1/online 1
		nap 0.7
		n=$((n + 1))
	done
	say /sys/devices/system/cpu/cpu1/online 1
	echo "cpus $n"
}

senders() {
	local n=0

	SEED=71
	while running; do
		rnd 2
		q=0$R.0001
		rnd 2
		[ "$R" = 0 ] || q=${q%1}2
		rnd 2
		[ "$R" = 0 ] && mode= || mode=cancel
		say $TD/submit "$q 12 $mode"
		n=$((n + 1))
	done
	echo "senders $n"
}

healthy() {
	rescan
	for c in "$DEV"/card*; do
		say "$c/online" 1
	done
	for q in $(queues); do
		q_has_driver "$q" none && say $AP/drivers/cex4queue/bind "$q"
		q_has_driver "$q" cex4queue || return 1
		say "$DEV/$q/online" 1
	done
	bindings_complete && all_idle
}

plan 8
stack_up "cards=8a,8a,7a domains=4 service_us=300"
need vfio_ap
td_load
td wait_ms 20000
td linger_ms 20
td request_timeout_ms 3000
wr /sys/module/ap/parameters/remove_timeout 500 || diag "no remove_timeout: $RES"
counts() {
	local m

	for m in ap zcrypt zcrypt_cex4 vfio_ap ap_testdrv; do
		echo "$m=$(use_count $m)"
	done | tr '\n' ' '
}
before=$(counts)
diag "use counts before: $before"

job hand_over1 hand_over 3
job hand_over2 hand_over 5
job hand_over3 hand_over 7
job masks masks
job attributes attributes
job scans scans
job hardware hardware
job faults faults
job readers readers
[ -e /sys/devices/system/cpu/cpu1/online ] && job cpus cpus
job senders1 senders
job senders2 senders
job load ap_load --threads 4 --key 1024 --op me-pub --seconds "$SECONDS_"
LOAD=$JOB
job load2 ap_load --threads 2 --key mix --op mix --seconds "$SECONDS_"
LOAD2=$JOB

sleep "$SECONDS_"
touch "$TMP/stop"
# What hangs by a fault of the simulator gets free
sim fault clear
sim release '*'
hung=
for p in $JOBS; do
	wait_for 90 gone "$p" || hung="$hung $p"
done
if [ -n "$hung" ]; then
	for p in $hung; do
		diag "PID $p: $(tr '\0' ' ' <"/proc/$p/cmdline")"
		sed 's/^/#   /' "/proc/$p/stack" 2>/dev/null
	done
	echo w >/proc/sysrq-trigger
fi
expect "everything that ran in the storm ends" "$hung" ""
JOBS=
cat "$TMP"/hand_over? "$TMP/masks" "$TMP/attributes" "$TMP/scans" "$TMP/hardware" \
	"$TMP/faults" "$TMP/readers" "$TMP"/senders? "$TMP/cpus" 2>/dev/null | sed 's/^/# /'
sed 's/^/# load: /' "$TMP/load" "$TMP/load2"
expect "RSA: no wrong answer, no stuck request" \
	"$(load_result wrong "$TMP/load") $(load_result stuck "$TMP/load") $(load_result wrong "$TMP/load2") $(load_result stuck "$TMP/load2")" "0 0 0 0"
# A storm that lets nothing through proves nothing
expect_range "RSA: requests answered in the storm" "$(load_result "done" "$TMP/load")" 1 1000000000
expect "messages of the second driver: all accounted for, no promise broken" \
	"$(td_balance) $(td_broken)" "0 0"
diag "$(cat $TD/results)"

# Calm: everything as at the start
for c in 00 01 02; do
	sim card$c/present 1
	sim card$c/config 1
	sim card$c/chkstop 0
	for d in 0000 0001 0002 0003; do
		sim card$c/$d/present 1
		sim card$c/$d/config 1
		sim card$c/$d/chkstop 0
	done
done
set_to $AP/poll_thread 0
set_to $AP/apmask +0-255
set_to $AP/aqmask +0-255
wait_for 90 healthy
for q in $(queues); do
	q_has_driver "$q" cex4queue && q_idle "$q" ||
		diag "$q: $(q_driver "$q"), $(q_state "$q"), $(q_clean "$q")"
done
expect "all 12 queues are back with the default driver and ready" \
	"$(cat $AP/bindings)" "12/12 (complete)"
check "all queues are idle" all_idle
expect "use counts are as before" "$(counts)" "$before"
bounded 90 ap_load --threads 4 --key 1024 --op crt --requests 48
expect "RSA after the storm: all right" $? 0
finish
