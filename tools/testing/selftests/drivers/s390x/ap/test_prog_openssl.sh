#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# OpenSSL with the engine for libica: RSA of 1024 to 4096 bits on the cards is
# what OpenSSL computes alone, and the cards really did it.
# shellcheck shell=dash source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

SIZES=$(rsa_sizes)
plan $((5 + 7 * $(echo "$SIZES" | wc -w)))
need_programs openssl icastats
ibmca "$TMP/ibmca.cnf"
stack_up "cards=8a,8c domains=2 service_us=500"
# Requests are counted here, and the kernel's own would be, too
wait_for 20 grep -qw zcrypt /sys/class/misc/hw_random/rng_available
set_to /sys/class/misc/hw_random/rng_current none
echo "what is to be signed" >"$TMP/data"
echo "what is to be signeD" >"$TMP/other"
head -c 20 /dev/urandom >"$TMP/secret"

on_cards 60 openssl engine -c
check "the engine is there, for RSA" eval 'prog_says "(ibmca)" && prog_says " [RSA"'

icastats -R >/dev/null
first=$(answered)

# one_more WHAT COMMAND...: the command is good, and it was one request
one_more() {
	local what="$1" before

	shift
	before=$(answered)
	check "$what" "$@"
	expect "$what: requests" $(($(answered) - before)) 1
}

for bits in $SIZES; do
	openssl_key $bits
	key=$TMP/key.$bits

	one_more "RSA-$bits: sign" \
		on_cards 200 openssl dgst -sha256 -sign "$key" -out "$TMP/signature" "$TMP/data"
	check "RSA-$bits: the signature is OpenSSL's own" cmp "$TMP/signature" "$key.alone"
	one_more "RSA-$bits: verify" \
		on_cards 100 openssl dgst -sha256 -verify "$key.pub" -signature "$key.alone" "$TMP/data"
	expect "RSA-$bits: verify sees that something else was signed" \
		"$(on_cards 100 openssl dgst -sha256 -verify "$key.pub" -signature "$TMP/signature" "$TMP/other" >/dev/null; echo $?)" 1
	on_cards 100 openssl pkeyutl -encrypt -pubin -inkey "$key.pub" \
		-pkeyopt rsa_padding_mode:oaep -in "$TMP/secret" -out "$TMP/sealed"
	prog 100 openssl pkeyutl -decrypt -inkey "$key" \
		-pkeyopt rsa_padding_mode:oaep -in "$TMP/sealed" -out "$TMP/opened"
	check "RSA-$bits: encrypted by a card, OpenSSL alone decrypts it" cmp "$TMP/secret" "$TMP/opened"
	rm -f "$TMP/signature" "$TMP/sealed" "$TMP/opened"
done
expect "libica counts the same, and nothing in software" "$(libica_counts)" "$(($(answered) - first)) 0"

# Each run makes a few requests to try the key, and the last one of each kind
# may be over after the time.
before=$(answered)
check "openssl speed" on_cards 200 openssl speed -seconds 2 rsa1024
did=$(sed -n 's/^Doing 1024 bits [a-z]* rsa.s for 2s: \([0-9]*\) .*/\1/p' "$TMP/prog" |
	awk '{ n += $1 } END { print n + 0 }')
expect_range "openssl speed: requests beyond the $did it counts" \
	$(($(answered) - before - did)) 0 8

# What the counting is for
set_to $DEV/card00/online 0
set_to $DEV/card01/online 0
before=$(answered)
on_cards 200 openssl dgst -sha256 -sign "$TMP/key.1024" -out "$TMP/signature" "$TMP/data"
expect "without a card OpenSSL signs by itself, and the counters tell" \
	"$? $(($(answered) - before))" "0 0"
finish
