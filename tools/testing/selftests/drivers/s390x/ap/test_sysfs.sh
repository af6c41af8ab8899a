#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every attribute of the bus, the cards and the queues is there, with the text
# that programs know, and takes nothing malformed.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

MASK='0x[0-9a-f]{64}'

# formats WHAT DIRECTORY: "NAME REGEX" lines on stdin
formats() {
	local what="$1" dir="$2" name regex

	while read -r name regex; do
		value "$dir/$name" || VAL="not to be read"
		printf '%s\t%s\t%s\n' "$dir/$name" "$VAL" "$regex"
	done >"$TMP/texts"
	awk -F '\t' '$2 !~ "^(" $3 ")$" {
		print $1 " is \047" $2 "\047, must be like \047" $3 "\047"
	}' "$TMP/texts" >"$TMP/offences"
	expect_none "$what" "$TMP/offences"
}

# rejects FILE STRING [ERRNO]: refused, and the attribute is as it was
rejects() {
	local file="$1" before after

	value "$file"
	before=$VAL
	wr "$file" "$2"
	value "$file"
	after=$VAL
	expect "${file#/sys/} does not take '$2'" "$RES, is $after" "${3:-EINVAL}, is $before"
}

# takes FILE STRING TEXT
takes() {
	wr "$1" "$2"
	value "$1"
	expect "${1#/sys/} takes '$2'" "$RES $VAL" "OK $3"
}

plan 117
stack_up "cards=8a,7c,6p domains=4 depth=4"

formats "attributes of the bus" $AP <<EOF
ap_domain 0
ap_control_domain_mask $MASK
ap_usage_domain_mask $MASK
ap_adapter_mask $MASK
ap_interrupts 1
ap_max_domain_id [0-9]+
ap_max_adapter_id [0-9]+
config_time 30
poll_thread 0
poll_timeout 250000
apmask 0xf{64}
aqmask 0xf{64}
scans [0-9]+
bindings_complete_count 1
bindings 12/12 \(complete\)
hand_over_count 0
flushed_count [0-9]+
resent_count 0
reset_time [1-9][0-9]*
features -|([A-Z0-9]+ )*[A-Z0-9]+
EOF
expect "ap_adapter_mask shows three cards" "$(cat $AP/ap_adapter_mask | cut -c 1-10)" 0xe0000000
expect "ap_usage_domain_mask shows four domains" "$(cat $AP/ap_usage_domain_mask | cut -c 1-10)" 0xf0000000

# type of the card: hardware type, raw type, functions, zcrypt's name
for c in "00 14 CEX8A" "01 13 CEX7C" "02 12 CEX6P"; do
	# shellcheck disable=SC2086
	set -- $c
	formats "attributes of card $1" $DEV/card$1 <<EOF
hwtype $2
raw_hwtype $2
depth 4
ap_functions 0x[0-9A-F]{8}
request_count [0-9]+
requestq_count 0
pendingq_count 0
modalias ap:t$(printf %02X "$2")
config 1
chkstop 0
max_msg_size [1-9][0-9]+
type $3
online 1
load 0
EOF
	formats "attributes of queue $1.0002" $DEV/$1.0002 <<EOF
request_count [0-9]+
requestq_count 0
pendingq_count 0
reset No Reset Timer set.
interrupt Interrupts enabled.
config 1
chkstop 0
ap_functions 0x[0-9A-F]{8}
states OPERATING \[IDLE\]
last_err_rc NORMAL
online 1
load 0
clean in use
hand_over_count 0
flushed_count 0
resent_count 0
reset_time [1-9][0-9]*
EOF
done
expect "the queue lies below its card" "$(readlink -f $DEV/01.0002)" "$(readlink -f $DEV/card01)/01.0002"

# The CCA card would get some of the RSA requests
set_to $DEV/card01/online 0

# A queue with work, one being reset, and one without a driver
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job load ap_load --threads 8 --key 1024 --op me-pub --requests 8
wait_for 10 eval '[ "$(cat $DEV/card00/pendingq_count)" = 8 ]'
expect "8 requests under way, none waits: the card's counts" \
	"$(cat $DEV/card00/pendingq_count) $(cat $DEV/card00/requestq_count)" "8 0"
wait_for 5 eval 'cat $DEV/00.*/states | grep -q WORKING'
q=$(grep -l 'WORKING' $DEV/00.*/states | head -n 1)
q=${q%/states}
expect "working: states" "$(cat "$q/states")" "OPERATING [WORKING]"
expect "working: reset" "$(cat "$q/reset")" "Reset Timer armed."
sim fault clear
sim release '*'
wait_for 10 gone "$JOB"
expect "request_count of the card" "$(cat $DEV/card00/request_count)" 8
takes $DEV/card00/request_count 0 0
expect "clearing it clears its queues'" "$(cat $DEV/00.000?/request_count | sort -u)" 0
sim fault "add apqn=00.0002 insn=RAPQ do=hang count=1"
wr $DEV/00.0002/reset 1
expect "reset" "$RES $(cat $DEV/00.0002/reset)" "OK Reset in progress."
expect_like "reset: states" "$(q_state 00.0002)" "OPERATING \[RESET_*\]"
sim release 00.0002
wait_for 20 q_idle 00.0002
set_to $DEV/card01/online 1
unbind 00.0003
formats "attributes of a queue without a driver" $DEV/00.0003 <<EOF
request_count -
requestq_count 0
pendingq_count 0
reset No Reset Timer set.|Reset in progress.
interrupt Interrupts disabled.
config 1
chkstop 0
ap_functions 0x[0-9A-F]{8}
states UNINITIATED
last_err_rc NORMAL
clean clean
hand_over_count 1
flushed_count 0
resent_count 0
reset_time [1-9][0-9]*
EOF
expect "bindings" "$(cat $AP/bindings)" "11/12"
bind_to 00.0003 cex4queue
wait_for 10 q_idle 00.0003

# Nobody needs to look again and again: poll() tells of a change
waits() { # NAME FILE TEXT: in the background, when it is not so yet
	job "$1" ap_await -v "$2" "$3" 60
	AWAIT=$JOB
	waits_after "$1" 0
}
waits_after() { # NAME NUMBER: woken so often, it waits again
	wait_for 20 grep -q "^waiting, woken $2$" "$TMP/$1" || diag "does not wait: $(cat "$TMP/$1")"
}
waited() { # WHAT NAME TEXT
	expect "$1" "$(grep -v '^waiting' "$TMP/$2" | tr '\n' ' ')" "$3 "
}
# Two changes are told as one to who sleeps too long, so the second one is made when
# the first was told: the reset hangs until then
sim fault "add apqn=00.0003 insn=ZAPQ do=hang count=1"
set_to /sys/module/ap/parameters/remove_timeout 60000
waits await $DEV/00.0003/clean "clean"
job unbind ap_write $DEV/00.0003/driver/unbind 00.0003
waits_after await 1
sim release 00.0003
wait_for 60 gone "$AWAIT"
waited "poll() on clean: taken away, and shown to be clean" await "clean woken 2"
wait_for 20 gone "$JOB"
waits await $DEV/00.0003/clean "in use"
clean_job=$AWAIT
waits bindings $AP/bindings "12/12 (complete)"
bind_to 00.0003 cex4queue
expect "a bind is complete when the write returns" "$RES $(q_driver 00.0003) $(cat $AP/bindings)" \
	"OK cex4queue 12/12 (complete)"
# by then, not only when the next scan has come
wait_for 3 gone "$AWAIT"
waited "poll() on bindings: complete" bindings "12/12 (complete) woken 1"
wait_for 30 gone "$clean_job"
waited "poll() on clean: it has a driver" await "in use woken 1"
wait_for 10 q_idle 00.0003
sim fault "add apqn=00.0003 insn=ZAPQ do=hang count=1"
waits counted $AP/bindings "11/11 (complete)"
counted_job=$AWAIT
waits await $DEV/00.0003/clean "not clean"
job unbind ap_write $DEV/00.0003/driver/unbind 00.0003
waits_after await 1
waits_after counted 1
sim card00/0003/config 0
wait_for 60 gone "$AWAIT"
waited "poll() on clean: not clean" await "not clean: deconfigured woken 2"
wait_for 20 gone "$counted_job"
waited "poll() on bindings: and not counted any more" counted "11/11 (complete) woken 2"
wait_for 20 gone "$JOB"
sim card00/0003/config 1
sim release 00.0003
bind_again() {
	bind_to 00.0003 cex4queue
	q_has_driver 00.0003 cex4queue
}
wait_for 20 bind_again
wait_for 10 q_idle 00.0003
sim fault "add apqn=00.0003 insn=ZAPQ do=hang count=1"
set_to /sys/module/ap/parameters/remove_timeout 300
unbind 00.0003
expect "not clean: the reason" "$(q_clean 00.0003)" "not clean: reset not finished"
# it may be tried again just now
expect_like "not clean: the state, and the reason" "$(q_state 00.0003) $(cat $DEV/00.0003/last_err_rc)" \
	"SHUTDOWN \[[UZ]*\] RESET_IN_PROGRESS"
set_to /sys/module/ap/parameters/remove_timeout 3000
sim release 00.0003
rescan
bind_to 00.0003 cex4queue
wait_for 10 q_idle 00.0003

# What the scan finds
sim card01/config 0
rescan
expect "deconfigured: card and queue show it" "$(cat $DEV/card01/config $DEV/01.0001/config | tr '\n' ' ')" "0 0 "
expect "deconfigured: not online" "$(cat $DEV/card01/online $DEV/01.0001/online | tr '\n' ' ')" "0 0 "
sim card01/config 1
rescan
expect "configured: card and queue show it" "$(cat $DEV/card01/config $DEV/01.0001/config | tr '\n' ' ')" "1 1 "
sim card01/chkstop 1
rescan
expect "checkstopped: card and queue show it" "$(cat $DEV/card01/chkstop $DEV/01.0001/chkstop | tr '\n' ' ')" "1 1 "
sim card01/chkstop 0
rescan
expect "no longer" "$(cat $DEV/card01/chkstop $DEV/01.0001/chkstop | tr '\n' ' ')" "0 0 "

# Masks: absolute, relative, malformed
ZERO60=000000000000000000000000000000000000000000000000000000000000
for m in apmask aqmask; do
	takes $AP/$m 0x8001 "0x8001$ZERO60"
	takes $AP/$m c "0xc000$ZERO60"
	takes $AP/$m +3 "0xd000$ZERO60"
	takes $AP/$m -0-1,+0x0f "0x1001$ZERO60"
	takes $AP/$m +4-7,-5 "0x1b01$ZERO60"
	for bad in 0xg 0x12z x0x1 +256 -256 +0-256 +5-3 + - +1,x +1--3 "+1 +2" +0x +-1 \
		"0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"; do
		rejects $AP/$m "$bad"
	done
	takes $AP/$m +0-255 "0x$(printf '%064d' 0 | tr 0 f)"
done

for bad in 4 121 -1 x 99999999999; do
	rejects $AP/config_time "$bad"
done
takes $AP/config_time 5 5
takes $AP/config_time 120 120
takes $AP/config_time 30 30
for bad in -1 x 120000000001 "1 2" 0x; do
	rejects $AP/poll_timeout "$bad"
done
takes $AP/poll_timeout 100000 100000
takes $AP/poll_timeout 0x10000 65536
takes $AP/poll_timeout 250000 250000
for bad in -1 256 x 99999; do
	rejects $AP/ap_domain "$bad"
done
takes $AP/ap_domain 2 2
set_to $AP/aqmask -3
rejects $AP/ap_domain 3
set_to $AP/aqmask +3
takes $AP/ap_domain 0 0
for bad in x 2 ""; do
	[ -z "$bad" ] || rejects $AP/poll_thread "$bad"
done
for bad in 2 -1 x; do
	rejects $DEV/card00/online "$bad"
	rejects $DEV/00.0001/online "$bad"
done
for bad in 2 -1 x; do
	rejects $DEV/card00/config "$bad"
done
takes $DEV/00.0001/online 0 0
takes $DEV/00.0001/online 1 1
takes $DEV/card00/online 0 0
expect "card offline: its queues are" "$(cat $DEV/00.000?/online | sort -u)" 0
takes $DEV/card00/online 1 1

# Read-only ones cannot be written
stat -c '%A %n' $AP/ap_interrupts $AP/ap_adapter_mask $AP/ap_usage_domain_mask $AP/ap_control_domain_mask \
	$AP/ap_max_domain_id $AP/ap_max_adapter_id $AP/bindings $AP/features \
	$DEV/card00/hwtype $DEV/card00/raw_hwtype $DEV/card00/depth $DEV/card00/ap_functions \
	$DEV/card00/requestq_count $DEV/card00/pendingq_count $DEV/card00/modalias \
	$DEV/card00/chkstop $DEV/card00/max_msg_size \
	$DEV/00.0000/requestq_count $DEV/00.0000/pendingq_count $DEV/00.0000/interrupt \
	$DEV/00.0000/config $DEV/00.0000/chkstop $DEV/00.0000/ap_functions $DEV/00.0000/states \
	$DEV/00.0000/hand_over_count $DEV/00.0000/flushed_count $DEV/00.0000/resent_count \
	$DEV/00.0000/reset_time $AP/hand_over_count $AP/flushed_count $AP/resent_count $AP/reset_time \
	$DEV/00.0000/last_err_rc $DEV/00.0000/clean 2>&1 |
	grep -v '^-r--r--r-- ' >"$TMP/offences"
expect_none "read-only attributes are 0444" "$TMP/offences"
before=$(cat $AP/scans)
rescan
expect_range "writing scans scans" "$(cat $AP/scans)" $((before + 1)) $((before + 1000))
set_to $DEV/card01/online 0
check "after all that: RSA" ap_load --threads 2 --key 1024 --op me-pub --requests 10
finish
