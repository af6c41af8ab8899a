#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# usage: ap_soak.sh MINUTES
# A life of AP queues, a sample of what the kernel holds at the end of each
# minute; ./lab soak draws it and judges.  For a guest whose clock jumps over the
# time in which it is idle (scripts/guest --icount).  Prints:
#	sample MINUTE, then /proc/meminfo, /proc/slabinfo, /proc/modules, and lines
#	"KEY VALUE"; after a load line the requests done, wrong and failed in sum
# What happens at minute N is decided by N alone.  AP_SOAK_LEAK=1 leaves a device
# node behind each minute, to see that ./lab soak notices.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

CARDS="cards=8a,8a,8c domains=4 rsa=2 log=64 reset_ms=20 service_us=6000"
QUEUES=12
DONE=0
FAILED=0
TROUBLES=0

trouble() {
	TROUBLES=$((TROUBLES + 1))
	[ $TROUBLES -gt 20 ] || echo "trouble $MINUTE $*"
}

# must COMMAND...
must() {
	"$@" || trouble "$*${RES:+: $RES}"
}

online() {
	local q n=0

	for q in "$DEV"/??.????/online; do
		value "$q"
		[ "$VAL" != 1 ] || n=$((n + 1))
	done
	[ $n -ge $QUEUES ]
}

up() {
	must modprobe ap
	must modprobe zcrypt_cex4
	must modprobe vfio_ap
	must wait_for 20 online
	put $AP/config_time 30
}

# A program's load, in the background, and its results
load_begin() {
	ap_load --op me-pub --threads 4 --seconds 3 >"$TMP/load" 2>&1 &
	LOAD=$!
	nap 0.3
}

load_end() {
	wait $LOAD || trouble "load: $(tr '\n' ' ' <"$TMP/load")"
	value=$(load_result "done" "$TMP/load")
	DONE=$((DONE + ${value:-0}))
	for key in wrong errors stuck; do
		value=$(load_result $key "$TMP/load")
		FAILED=$((FAILED + ${value:-0}))
	done
}

# Each of these happens under load
hand_over() { # QUEUE
	must wr $AP/drivers/cex4queue/unbind "$1"
	must q_clean_is "$1" clean
	must wr $AP/drivers/cex4queue/bind "$1"
}

move_domain() { # DOMAIN
	must wr $AP/aqmask "-$1"
	must wait_for 10 q_has_driver "01.000$1" vfio_ap
	nap 0.2
	must wr $AP/aqmask "+$1"
	must wait_for 10 q_has_driver "01.000$1" cex4queue
}

lose_card() { # CARD FILE AWAY BACK
	put "$SIM/card$1/$2" "$3"
	must wr $AP/scans 1
	nap 0.5
	put "$SIM/card$1/$2" "$4"
	must wr $AP/scans 1
}

set_offline() { # CARD
	must wr "$DEV/card$1/online" 0
	nap 0.2
	must wr "$DEV/card$1/online" 1
}

reset_queue() { # QUEUE
	must wr "$DEV/$1/reset" 1
	must wr $AP/scans 1
}

break_queue() { # QUEUE
	put $SIM/fault "add apqn=$1 insn=NQAP do=rc=36+async"
}

hold_replies() {
	put $SIM/fault "add apqn=00.* insn=REPLY do=hold count=4"
	nap 1
	# the rule first: what it still held after the release would be held for good
	put $SIM/fault clear
	put $SIM/release '*'
}

# And these without
node() { # NAME
	must wr /sys/class/zcrypt/create "$1"
	must wait_for 5 [ -c "/dev/$1" ]
	put "/sys/class/zcrypt/$1/ioctlmask" +0-255
	put "/sys/class/zcrypt/$1/apmask" +0-255
	put "/sys/class/zcrypt/$1/aqmask" +0-255
	must ap_load --device "/dev/$1" --op me-pub --requests 8 >/dev/null
}

killed_program() {
	echo 500000 >$SIM/service_us
	ap_load --op me-pub --threads 16 --seconds 30 >/dev/null 2>&1 &
	nap 0.7
	kill -9 $!
	wait $! 2>/dev/null
	echo 6000 >$SIM/service_us
	nap 3
}

reload_driver() {
	must rmmod zcrypt_cex4
	must rmmod vfio_ap
	must modprobe zcrypt_cex4
	must modprobe vfio_ap
}

reload_all() {
	must stack_down
	must modprobe apsim $CARDS
	up
}

every() { # N: whether it is time
	[ $((MINUTE % $1)) -eq $(($1 / 2)) ]
}

minute() {
	local d=$((MINUTE % 3 + 1))

	load_begin
	hand_over "0$((MINUTE % 2)).000$d"
	! every 2 || move_domain $d
	! every 4 || reset_queue "00.000$d"
	! every 6 || lose_card 01 config 0 1
	! every 9 || lose_card 01 chkstop 1 0
	! every 12 || set_offline 00
	! every 15 || break_queue "00.000$d"
	! every 18 || hold_replies
	load_end
	! every 20 || lose_card 02 present 0 1
	if every 3; then
		node soak
		must wr /sys/class/zcrypt/destroy soak
	fi
	! every 5 || killed_program
	! every 10 || reload_driver
	! every 30 || reload_all
	[ -z "$AP_SOAK_LEAK" ] || node "soak$MINUTE"
	must wait_for 20 online
}

# With nothing else going on; the clock counts instructions, so it can be compared
latency() {
	local line

	echo 50 >$SIM/service_us
	nap 1
	line=$(ap_cost 200) || trouble "ap_cost"
	# shellcheck disable=SC2086
	set -- $line
	while [ $# -gt 1 ]; do
		case $1 in
		p50_ns | p99_ns) echo "$1 $2" ;;
		esac
		shift
	done
	echo 6000 >$SIM/service_us
}

sample() {
	echo "sample $MINUTE"
	latency
	# what the kernel would give back by itself does not count
	sync
	echo 3 >/proc/sys/vm/drop_caches
	nap 1
	cat /proc/meminfo /proc/slabinfo /proc/modules
	# shellcheck disable=SC2046
	set -- $(cat /proc/loadavg)
	echo "threads ${4#*/}"
	set -- "$DEV"/*
	echo "devices $#"
	set -- /sys/class/zcrypt/*
	echo "nodes $#"
	echo "done $DONE"
	echo "failed $FAILED"
	echo "troubles $TROUBLES"
	echo "end"
}

mkdir -p "$TMP"
nap_begin
MINUTE=0
modprobe apsim $CARDS || exit 2
up
now_cs
begin=$NOW
while [ $MINUTE -lt "$1" ]; do
	MINUTE=$((MINUTE + 1))
	minute
	sample
	now_cs
	left=$((begin + MINUTE * 6000 - NOW))
	[ $left -le 0 ] || nap $((left / 100)).$((left / 10 % 10))
done
stack_down || trouble "modules stay"
rm -rf "$TMP"
[ $((TROUBLES + FAILED)) -eq 0 ]
