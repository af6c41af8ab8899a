#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# OpenSSL signs and verifies on the cards while queues change hands under it:
# each signature is OpenSSL's own, and no program sees an error.
# shellcheck shell=dash source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

SIZES=$(rsa_sizes)
plan $((6 + 2 * $(echo "$SIZES" | wc -w)))
need_programs openssl
ibmca "$TMP/ibmca.cnf"
stack_up "cards=8a,8a domains=3 service_us=3000"
echo "what is to be signed" >"$TMP/data"
for bits in $SIZES; do
	openssl_key $bits
done

# sign_verify BITS
sign_verify() {
	on_cards 200 openssl dgst -sha256 -sign "$TMP/key.$1" -out "$TMP/signature" "$TMP/data" &&
		cmp "$TMP/signature" "$TMP/key.$1.alone" &&
		on_cards 100 openssl dgst -sha256 -verify "$TMP/key.$1.pub" \
			-signature "$TMP/key.$1.alone" "$TMP/data"
}

# One request is certain to lose its queue: its reply does not come before that is
# taken. Domain 0 stays where it is, so it must not get the request.
domain_0_online() {
	local q

	for q in $(queues_of 0); do
		set_to "$DEV/$q/online" "$1"
	done
}

# taker: the queue that has a request at its card, in TAKER
taker() {
	for TAKER in $(queues); do
		value "$DEV/$TAKER/pendingq_count"
		[ "$VAL" = 0 ] || return 0
	done
	return 1
}

before=$(sim_total lost)
domain_0_online 0
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job loser sign_verify 1024
loser=$JOB
wait_for 100 taker || die "no request at a card: $(cat "$TMP/loser")"
domain_0_online 1
check "a queue is taken with a request at its card" unbind "$TAKER"
sim fault clear
sim release '*'
wait_jobs "$loser"
wait "$loser"
expect "that is sent elsewhere, and the signature is right" \
	"$? $(($(sim_total lost) - before))" "0 1"
sed 's/^/# /' "$TMP/loser"
bind_to "$TAKER" cex4queue || die "bind: $RES"
wait_for 20 all_idle || die "queues do not get ready"

hand_overs_begin
for bits in $SIZES; do
	before=$(answered)
	moved=$(cat "$TMP/hand_overs")
	check "RSA-$bits: sign and verify" during_hand_overs $((moved + $(rounds 8))) sign_verify $bits
	expect "RSA-$bits: requests, two for each of $RUNS runs" \
		$(($(answered) - before)) $((2 * RUNS))
done

# Two at a time, so that queues have something to lose.  openssl speed goes on
# when an operation fails; only its words tell.
two_speeds() {
	local one two i

	for i in 1 2; do
		OPENSSL_CONF=$TMP/ibmca.cnf timeout -s KILL $((200 * PATIENCE)) \
			openssl speed -seconds 4 rsa1024 >"$TMP/speed.$i" 2>&1 &
		[ "$i" != 1 ] || one=$!
		two=$!
	done
	wait $one || return
	wait $two || return
	cat "$TMP/speed.1" "$TMP/speed.2" >>"$TMP/speed"
}

: >"$TMP/speed"
before=$(answered)
moved=$(cat "$TMP/hand_overs")
check "openssl speed" during_hand_overs $((moved + $(rounds 24))) two_speeds
requests=$(($(answered) - before))
hand_overs_end "each hand-over clean and to the right driver" "$(rounds 40)"
grep -v '^compiler:' "$TMP/speed" | grep -iE 'fail|error|routines' >"$TMP/offences"
expect_none "openssl speed saw no error" "$TMP/offences"
did=$(sed -n 's/^Doing 1024 bits [a-z]* rsa.s for 4s: \([0-9]*\) .*/\1/p' "$TMP/speed" |
	awk '{ n += $1 } END { print n + 0 }')
expect_range "requests beyond the $did that $((2 * RUNS)) runs of openssl speed count" \
	$((requests - did)) 0 $((2 * RUNS * 8))
# as it comes
diag "requests that lost their queue and were sent elsewhere: $(sim_total lost)"
finish
