#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R8 and its limit: what becomes of a request whose queue is taken away while
# the card has it.  What can run twice goes to another queue; the rest ends with
# ECANCELED, and no card sees it again.  Without another queue: ENODEV, in time.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 20
stack_up "cards=8a,8c domains=2 service_us=1000000"
pending() {
	value "$DEV/$card/pendingq_count"
	[ "$VAL" -ge "$1" ]
}

# Two, one for each queue of the card, whichever it is: the second comes when the
# load of the first can be seen.
pair() {
	sim fault "add apqn=* insn=REPLY do=hold count=inf"
	job one ap_request "$@"
	one=$JOB
	wait_for 10 pending 1 || die "no request at $card"
	job two ap_request "$@"
	two=$JOB
	wait_for 10 pending 2 || die "no two requests at $card"
	unbind "$queue" || die "unbind: $RES"
	sim fault clear
	sim release '*'
	wait_for 20 gone "$one"
	wait_for 20 gone "$two"
	bind_to "$queue" cex4queue || die "bind: $RES"
	wait_for 10 all_idle
	pair=$(cat "$TMP/one" "$TMP/two" | cut -d' ' -f1 | sort | tr '\n' ' ')
}

# RSA by the accelerator only
set_to $DEV/card01/online 0
card=card00
queue=00.0001
pair me
expect "RSA is sent elsewhere" "$pair" "OK OK "
set_to $DEV/card01/online 1

# A request without its parameters: EINVAL is the answer
card=card01
queue=01.0001
pair cprb FQ 1 -1
expect "a query is sent elsewhere" "$pair" "EINVAL EINVAL "
sim_clear
pair cprb KG 1 -1
expect "what makes a key is not" "$pair" "ECANCELED EINVAL "
sim_log "$TMP/sim"
expect "the card saw each of the two once" \
	"$(awk '$4 == "NQAP" && / cc=0 / { n++ } END { print n + 0 }' "$TMP/sim")" 2

# Nowhere to go, and no reply before that
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job one ap_request cprb FQ 1 0
one=$JOB
wait_for 10 eval '[ "$(cat $DEV/01.0000/pendingq_count)" -ge 1 ]' || die "no request"
now_cs
start=$NOW
unbind 01.0000 || die "unbind: $RES"
wait_for 20 gone "$one"
now_cs
took=$(((NOW - start) * 10))
sim fault clear
sim release '*'
expect_like "the last queue gone: ENODEV" "$(cat "$TMP/one")" "ENODEV *"
expect_range "within two seconds (ms)" $took 0 $((2000 + SLACK_MS))
# shellcheck disable=SC2046
set -- $(ap_request cprb FQ 1 0)
expect "none to begin with: ENODEV" "$1" ENODEV
expect_range "within two seconds (ms)" "$2" 0 $((2000 + SLACK_MS))
bind_to 01.0000 cex4queue || die "bind: $RES"
wait_for 10 all_idle

# in_time WHAT COMMAND...: the best of three, because the machine may be busy
in_time() {
	local what="$1" best=1000000 answer ms

	shift
	for _ in 1 2 3; do
		now_cs
		start=$NOW
		answer=$("$@")
		now_cs
		ms=$(((NOW - start) * 10))
		[ $ms -ge $best ] || best=$ms
	done
	expect_like "$what, no queue: ENODEV" "$answer" "ENODEV*"
	expect_range "$what, no queue: time (ms)" $best 0 $IN_TIME
}
IN_TIME=2000
[ $DEBUG_KERNEL = 0 ] || IN_TIME=$((IN_TIME + SLACK_MS))
set_to $DEV/card00/online 0
set_to $DEV/card01/online 0
in_time ME ap_request me
in_time CRT ap_coproc crt
in_time CPRB ap_coproc query STATICSA -1 -1
in_time EP11 ap_coproc info 1 -1 -1
set_to $DEV/card00/online 1
set_to $DEV/card01/online 1

# A signal that ends the program; its reply does not
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job one ap_request me
one=$JOB
wait_for 10 eval '[ "$(cat $DEV/card00/pendingq_count)$(cat $DEV/card01/pendingq_count)" != 00 ]'
kill -9 "$one"
expect "a killed sender goes at once" "$(wait_for 1 gone "$one"; echo $?)" 0
sim fault clear
sim release '*'
expect "no load is left behind" "$(cat $DEV/*/load | sort -u)" 0

# A card that is slow but works is waited for, however much it has to do: the last
# of these is at the card for longer than one alone may be
stack_up "cards=8a domains=1 service_us=1300000"
ap_load --threads 10 --key 1024 --op me-pub --requests 10 >"$TMP/load"
expect "ten requests of a slow card: none fails" \
	"$? $(load_result 'done' "$TMP/load") $(load_errors "$TMP/load" | wc -l)" "0 10 0"
expect "none is taken back" "$(cat $AP/flushed_count)" 0
finish
