#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A program that has set itself a timer asks when no queue is there yet that the
# bus knows of. The scan that finds one is waited for all the same: ENODEV means
# that somebody has looked.  And what a signal is to a program whose request the
# card has: nothing, if it only stops it for a while and the card answers soon.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

ROUNDS=10
RESCAN_MS=1500	# so long the driver waits for a scan (zcrypt_send.c)
plan 7
# Many queues, for a scan that lasts longer than it takes a signal to come
stack_up "cards=4*8a domains=64 reset_ms=1"
set_to "$AP/config_time" 120
for card in card01 card02 card03; do
	sim $card/config 0
done

# No scan has ended lately, so none is left of those that were wanted soon
calm() {
	local before

	value $AP/scans
	before=$VAL
	nap 1
	value $AP/scans
	[ "$VAL" = "$before" ]
}

# Deconfigured, and the scan soon after that, if there is one, is over too
away() {
	sim card00/config 0
	rescan
	wait_for 20 calm || die "scans without end"
}

away
expect_like "no queue: ENODEV" "$(ap_request me)" "ENODEV *"
expect_like "no queue, and signals: ENODEV" "$(ap_request -s 20 me)" "ENODEV *"
# A scan that takes longer than that, on a machine that stands still, shows nothing
done=0
bad=0
for _ in $(seq $((3 * ROUNDS))); do
	sim card00/config 1
	res=$(ap_request -s 20 me)
	case $res in
	OK*) done=$((done + 1)) ;;
	ENODEV*)
		diag "$res"
		[ "${res#* }" -ge $RESCAN_MS ] || bad=$((bad + 1))
		;;
	*)
		diag "$res"
		bad=$((bad + 1))
		;;
	esac
	away
	[ $done -lt $ROUNDS ] || break
done
expect "a queue is there, no scan has found it yet, and signals come: found" \
	"$done $bad" "$ROUNDS 0"

# A card that takes two seconds, and a verb that must not run twice.  The
# kernel's own random numbers are not to be in its way.
HWRNG=/sys/class/misc/hw_random
stack_up "cards=8c domains=1"
wait_for 20 grep -qw zcrypt $HWRNG/rng_available
set_to $HWRNG/rng_current none
set_to $SIM/service_us 2000000
at_card() {
	value $DEV/00.0000/pendingq_count
	[ "$VAL" = 1 ]
}

# begin NAME COMMAND...: until the card has the request
begin() {
	job "$@"
	wait_for 10 at_card || die "no request at the card"
}

begin stopped ap_coproc verb KG 0 0
kill -STOP "$JOB"
nap 0.5
kill -CONT "$JOB"
wait_for 20 gone "$JOB"
expect "stopped and continued: the answer" "$(cat "$TMP/stopped")" "8/335 0"

# A handler has its turn, though the card says nothing
sim fault "add apqn=* insn=REPLY do=hold count=inf"
begin signals ap_request -s 20 cprb KG 0 0
wait_for 20 gone "$JOB"
expect_like "signals, and no answer: EINTR" "$(cat "$TMP/signals")" "EINTR *"
expect_range "five seconds later (ms)" "$(cut -d' ' -f2 "$TMP/signals")" \
	5000 $((5000 + SLACK_MS))
begin killed ap_request -s 20 cprb KG 0 0
nap 0.5
kill -9 "$JOB"
# well before they are over, on any machine
within 3 gone "$JOB"
check "killed in these: at once" gone "$JOB"
sim fault clear
sim release '*'
finish
