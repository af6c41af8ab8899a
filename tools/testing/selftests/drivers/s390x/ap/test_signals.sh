#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A program that has set itself a timer asks when no queue is there yet that the
# bus knows of. The scan that finds one is waited for all the same: ENODEV means
# that somebody has looked.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

ROUNDS=10
plan 3
# Many queues, for a scan that lasts longer than it takes a signal to come
stack_up "cards=4*8a domains=64 reset_ms=1"
set_to "$AP/config_time" 120
for card in card01 card02 card03; do
	sim $card/config 0
done

# Deconfigured, and the scan soon after that is over too
away() {
	sim card00/config 0
	rescan
	sleep 1
}

away
expect_like "no queue: ENODEV" "$(ap_request me)" "ENODEV *"
expect_like "no queue, and signals: ENODEV" "$(ap_request -s 20 me)" "ENODEV *"
done=0
for _ in $(seq $ROUNDS); do
	sim card00/config 1
	res=$(ap_request -s 20 me)
	case $res in
	OK*) done=$((done + 1)) ;;
	*) diag "$res" ;;
	esac
	away
done
expect "a queue is there, no scan has found it yet, and signals come: found" \
	"$done" $ROUNDS
finish
