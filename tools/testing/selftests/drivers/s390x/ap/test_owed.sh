#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A card is at work with requests that nobody waits for any more: whoever sent them
# was killed.  That takes its time, for those behind as well; and when the card does
# nothing at all, that is noticed although its requests come and go.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

HWRNG=/sys/class/misc/hw_random
Q=00.0000

resets() {
	sim_count $Q rapq
}

pending() { # NUMBER
	value $DEV/$Q/pendingq_count
	[ "$VAL" = "$1" ]
}

plan 6
# Held for longer than a query may take, see short_limits in zcrypt_send.c, and less
# than a verb may
stack_up "cards=8c domains=1"
wait_for 20 grep -qw zcrypt $HWRNG/rng_available
set_to $HWRNG/rng_current none
sim fault "add apqn=$Q insn=REPLY do=hold count=inf"
before=$(resets)
job killed ap_coproc verb KG 0 0
wait_for 10 pending 1 || die "no request at the card"
kill -9 "$JOB"
wait_for 10 pending 0 || die "a killed program waits"
job query ap_request me
query=$JOB
wait_for 10 pending 1 || die "no query at the card"
job verb ap_coproc verb KG 0 0
verb=$JOB
wait_for 10 pending 2 || die "no second verb at the card"
nap 12
sim fault clear
sim release $Q
wait_for 60 gone "$query"
wait_for 60 gone "$verb"
expect_like "a query behind a verb whose sender was killed: answered" "$(cat "$TMP/query")" "OK *"
expect "the verb behind that, too" "$(cat "$TMP/verb")" "8/335 0"
expect "and the card was not reset" "$(resets)" "$before"

# A card that answers nothing, and programs that do not wait for long
before=$(resets)
sim fault "add apqn=* insn=REPLY do=hold count=inf"
now_cs
began=$NOW
while [ "$(resets)" -le "$before" ] && [ $((NOW - began)) -lt 4000 ]; do
	ap_load --threads 1 --key 1024 --op me-pub --requests 1 >/dev/null 2>&1 &
	pid=$!
	nap 0.8
	kill -9 $pid
	wait $pid 2>/dev/null
	now_cs
done
check "no reply, and senders that are killed: it is reset all the same" \
	eval '[ "$(resets)" -gt '"$before ]"
expect_range "not before the first one has had its time (ms)" \
	$(((NOW - began) * 10)) 9000 40000
sim fault clear
sim release '*'
wait_for 20 q_idle $Q
ap_load --threads 2 --key 1024 --op me-pub --requests 8 >"$TMP/load"
expect "then it works" "$? $(load_result wrong "$TMP/load")" "0 0"
finish
