#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# openCryptoki's ICA token: its daemon, its setup, and signatures by PKCS #11
# that are what OpenSSL computes, made by the cards; also while queues change
# hands.
# shellcheck shell=dash source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# The token needs SHA-1 for its PINs, which QEMU's CPU does not have; so libica
# may compute that in software.  That RSA was not computed so is told by apsim
# and by libica's own count.
unset LIBICA_FALLBACK_MODE

SIZES=$(rsa_sizes)
plan $((17 + 4 * $(echo "$SIZES" | wc -w)))
need_programs pkcsslotd pkcsconf pkcs11-tool openssl icainfo icastats
# shellcheck disable=SC2231
for MODULE in /usr/lib/*/libopencryptoki.so.0; do
	[ -e "$MODULE" ] || skip_all "no libopencryptoki.so.0 in this guest"
done
stack_up "cards=8a,8a domains=3 service_us=3000"

check "icainfo" prog 60 icainfo
check "it shows RSA by the cards" eval \
	'[ "$(awk -F"|" "/RSA ME|RSA CRT/ { print \$2 }" "$TMP/prog" | tr -d " \n")" = yesyes ]'
check "icastats starts from nothing" prog 60 icastats -R

# What the package's installation would do, where nobody has a token yet
[ ! -e /var/lib/opencryptoki/lite/NVTOK.DAT ] ||
	skip_all "this system has a token of its own, /var/lib/opencryptoki/lite"
grep -q ^pkcs11: /etc/group || echo "pkcs11:x:100:root" >>/etc/group
mkdir -p /var/run /var/log/opencryptoki /var/lock/opencryptoki/lite /var/lib/opencryptoki/lite/TOK_OBJ
chgrp -R pkcs11 /var/log/opencryptoki /var/lock/opencryptoki /var/lib/opencryptoki
chmod -R 770 /var/log/opencryptoki /var/lock/opencryptoki /var/lib/opencryptoki

daemon_runs() {
	[ -S /var/run/pkcsslotd.socket ] && kill -0 "$(cat /var/run/pkcsslotd.pid)"
}

check "pkcsslotd" prog 60 pkcsslotd
check "the daemon is there" wait_for 30 daemon_runs
JOBS="$JOBS $(cat /var/run/pkcsslotd.pid)"
check "pkcsconf -t" prog 60 pkcsconf -t
check "it shows the ICA token" prog_says "IBM ICA"
SLOT=$(sed -n 's/^Token #\([0-9]*\) Info.*/\1/p' "$TMP/prog" | head -n 1)
[ -n "$SLOT" ] || die "no token: $(cat "$TMP/prog")"

echo lab | timeout -s KILL $((60 * PATIENCE)) pkcsconf -I -c "$SLOT" -S 87654321 >"$TMP/init" 2>&1
expect "the token gets a label: exit status" $? 0
check "and a PIN of its officer" prog 60 pkcsconf -P -c "$SLOT" -S 87654321 -n 76543210
check "and a PIN of its user" prog 60 pkcsconf -u -c "$SLOT" -S 76543210 -n 12345678
prog 60 pkcsconf -t -c "$SLOT"
check "pkcsconf shows both" eval 'prog_says "Label: lab" && prog_says USER_PIN_INITIALIZED'

# token SECONDS OPTION...
token() {
	local secs="$1"

	shift
	prog "$secs" pkcs11-tool --module "$MODULE" --slot "$SLOT" --login --pin 12345678 "$@"
}

sign() {
	rm -f "$TMP/signature"
	token 200 --sign --mechanism RSA-PKCS --id "$1" --input-file "$TMP/data" \
		--output-file "$TMP/signature" && cmp "$TMP/signature" "$TMP/alone.$1"
}

verify() {
	token 100 --verify --mechanism RSA-PKCS --id "$1" --input-file "$2" \
		--signature-file "$TMP/alone.$1" && prog_says "Signature is valid"
}

printf 'what is to be signed' >"$TMP/data"
printf 'what is to be signeD' >"$TMP/other"
before=$(answered)
for bits in $SIZES; do
	id=${bits%${bits#??}}
	ap_key $bits >"$TMP/key.der"
	prog 100 openssl rsa -inform DER -in "$TMP/key.der" -out "$TMP/key" || die "the key of $bits bits"
	prog 100 openssl rsa -in "$TMP/key" -pubout -outform DER -out "$TMP/key.pub" || die "the public key of $bits bits"
	prog 100 openssl pkeyutl -sign -inkey "$TMP/key" -in "$TMP/data" -out "$TMP/alone.$id" ||
		die "OpenSSL does not sign"
	check "RSA-$bits: the token takes the key" eval '
		token 100 --write-object "$TMP/key.der" --type privkey --id $id --label "key $bits" &&
		token 100 --write-object "$TMP/key.pub" --type pubkey --id $id --label "key $bits"'
	one=$(answered)
	check "RSA-$bits: it signs as OpenSSL does" sign $id
	check "RSA-$bits: it verifies" verify $id "$TMP/data"
	expect "RSA-$bits: requests" $(($(answered) - one)) 2
done
expect "it sees that something else was signed" "$(verify 10 "$TMP/other" >/dev/null; echo $?)" 1
expect "libica counts the same, and nothing in software" "$(libica_counts)" "$(($(answered) - before)) 0"

round() {
	sign 10 && verify 10 "$TMP/data" && sign 20 && verify 20 "$TMP/data" &&
		prog 60 pkcsconf -t && prog 60 pkcsconf -m -c "$SLOT"
}

before=$(answered)
hand_overs_begin
check "the same while queues change hands" during_hand_overs "$(rounds 24)" round
expect "requests, four for each of $RUNS rounds" $(($(answered) - before)) $((4 * RUNS))
hand_overs_end "each hand-over clean and to the right driver" "$(rounds 24)"
check "the daemon lives" daemon_runs
stop_jobs
finish
