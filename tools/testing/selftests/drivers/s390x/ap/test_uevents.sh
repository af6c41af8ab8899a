#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The uevents that programs (udev, the tools) wait for.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# seen WHAT ACTION PATH [TEXT...]: an event with all of these since begin()
matches() {
	tail -n "+$FROM" "$TMP/uevents" | awk -v a="$1" -v p="$2" -v t="$3" '
		$2 == a && $3 == p && index($0 " ", t " ") { n++ }
		END { exit !n }'
}

seen() {
	if wait_for 10 matches "$2" "$3" "$4"; then
		ok "$1"
	else
		tail -n "+$FROM" "$TMP/uevents" | head -n 20 | sed 's/^/# /'
		diag "not seen: $2 $3 ... $4"
		not_ok "$1"
	fi
}

begin() {
	FROM=$(($(wc -l <"$TMP/uevents") + 1))
}

listening() {
	grep -q listening "$TMP/uevents"
}

plan 40
stack_down || die "modules do not unload"
job uevents ap_uevent --seconds 600
UEVENT=$JOB
wait_for 5 listening || die "ap_uevent: $(cat "$TMP/uevents")"

begin
stack_up "cards=8a,7c domains=2"
C=/devices/ap/card00
Q=$C/00.0001
seen "load: a card appears" add $C "MODE=accel"
seen "load: with its type" add $C "DEV_TYPE=000E MODALIAS=ap:t0E MODE=accel"
seen "load: a card of another kind" add /devices/ap/card01 "DEV_TYPE=000D MODALIAS=ap:t0D MODE=cca"
seen "load: a queue appears" add $Q "MODE=accel"
seen "load: a driver is bound" bind $Q "DRIVER=cex4queue"
seen "load: the initial scan is over" change /devices/ap "INITSCAN=done"
seen "load: all bindings are complete" change /devices/ap "BINDINGS=complete"
seen "load: they are counted" change /devices/ap "COMPLETECOUNT=1"
expect "load: the count can be read" "$(cat $AP/bindings_complete_count)" 1

begin
unbind 00.0001
seen "unbind" unbind $Q "MODE=accel"
seen "unbind: from which driver it was taken" change $Q "REMOVED=cex4queue"
seen "unbind: it was shown to be clean" change $Q "CLEAN=1"
expect "in this order" "$(tail -n "+$FROM" "$TMP/uevents" | grep -o 'REMOVED=cex4queue\|CLEAN=1' | tr '\n' ' ')" \
	"REMOVED=cex4queue CLEAN=1 "
begin
bind_to 00.0001 cex4queue
seen "bind" bind $Q "DRIVER=cex4queue"
# no scan was asked for, and the next one is far away
seen "bindings complete again, and counted" change /devices/ap "BINDINGS=complete"
value $AP/bindings_complete_count
seen "the count is that of the last event" change /devices/ap "BINDINGS=complete COMPLETECOUNT=$VAL"

# A reset that does not end, is tried again in vain, and succeeds
set_to /sys/module/ap/parameters/remove_timeout 300
sim fault "add apqn=00.0001 insn=ZAPQ do=hang count=1"
begin
unbind 00.0001
seen "not clean: says so, and why" change $Q "CLEAN=0 REASON=reset not finished"
before=$(sim_count 00.0001 zapq)
wait_for 20 eval 'rescan; nap 0.1; [ "$(sim_count 00.0001 zapq)" -gt '"$before"' ]' ||
	die "it is not tried again"
tried() {
	q_state 00.0001 | grep -q UNCLEAN
}
wait_for 20 tried || die "the second try does not end: $(q_state 00.0001)"
# no scan now but those that are asked for
set_to $AP/config_time 120
told=$FROM
begin
bind_to 00.0001 cex4queue
expect "a bind fails" "$RES" EBUSY
seen "bindings are as complete as they were" change /devices/ap "BINDINGS=complete"
begin
sim release 00.0001
set_to $DEV/00.0001/reset 1
seen "clean at last" change $Q "CLEAN=1"
for _ in $(seq 20); do
	set_to $AP/config_time 120
	nap 0.02
done
expect "not clean: once, however often that is tried" \
	"$(tail -n "+$told" "$TMP/uevents" | grep "change $Q " | grep -o 'CLEAN=[01]' | tr '\n' ' ')" \
	"CLEAN=0 CLEAN=1 "
seen "the driver that was refused comes soon, whatever the interval" bind $Q "DRIVER=cex4queue"
set_to $AP/config_time 30

# Found where it cannot be cleaned
sim card01/present 0
rescan
sim fault "add apqn=01.0000 insn=ZAPQ do=hang count=1"
begin
sim card01/present 1
rescan
seen "found and not clean: says so, and why" change /devices/ap/card01/01.0000 \
	"CLEAN=0 REASON=reset not finished"
begin
sim release 01.0000
set_to $DEV/01.0000/reset 1
seen "then clean" change /devices/ap/card01/01.0000 "CLEAN=1"
set_to /sys/module/ap/parameters/remove_timeout 3000
wait_for 10 q_has_driver 01.0000 cex4queue

begin
need vfio_ap
set_to $AP/aqmask -1
seen "aqmask: the new mask" change /devices/ap "AQMASK=0xbfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff|"
seen "aqmask: the queue moves" bind $Q "DRIVER=vfio_ap"
begin
set_to $AP/aqmask +1
seen "aqmask: the queue moves back" bind $Q "DRIVER=cex4queue"
begin
set_to $AP/apmask -1
seen "apmask: the new mask" change /devices/ap "APMASK=0xbfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff|"
set_to $AP/apmask +1

begin
set_to $DEV/card00/online 0
seen "card offline" change $C "ONLINE=0"
seen "card offline: its queues too" change $Q "ONLINE=0"
begin
set_to $DEV/card00/online 1
seen "card online" change $C "ONLINE=1"
begin
set_to $DEV/00.0001/online 0
seen "queue offline" change $Q "ONLINE=0"
set_to $DEV/00.0001/online 1

begin
sim card00/config 0
rescan
seen "deconfigured: the card" change $C "CONFIG=0"
seen "deconfigured: the queue" change $Q "CONFIG=0"
begin
sim card00/config 1
rescan
seen "configured: the card" change $C "CONFIG=1"
seen "configured: the queue" change $Q "CONFIG=1"

begin
sim card01/present 0
rescan
seen "card gone" remove /devices/ap/card01 "MODE=cca"
expect "card gone: nothing else is told of its queues" \
	"$(tail -n "+$FROM" "$TMP/uevents" | grep -c "CLEAN=\|REMOVED=")" 0
seen "card gone: its queues too" remove /devices/ap/card01/01.0000 "MODE=cca"
kill $UEVENT
expect "no event was lost" "$(grep -c '^# lost' "$TMP/uevents")" 0
finish
