#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Ioctls that are nearly right, from several threads: documented errors, no
# write beside the result, right results for those that are right, and queues
# and modules as before.  100000 of them; on a debug kernel as many as one minute
# is enough for.  With AP_FUZZ_COUNT as many as that says, however long it takes:
# 10000000 is the long run.  AP_FUZZ_SEED says which.  On a kernel with KCOV the
# fuzzer is guided by what of the code it has reached.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 11
COUNT=${AP_FUZZ_COUNT:-100000}
LEAST=$COUNT
limit=
if [ $DEBUG_KERNEL = 1 ] && [ -z "$AP_FUZZ_COUNT" ]; then
	limit="--seconds 60"
	# Fewer than that would be no test
	LEAST=1000
fi
cover=
[ ! -e /sys/kernel/debug/kcov ] || cover="--cover guide"
SEED=${AP_FUZZ_SEED:-$(date +%s)}
stack_up "cards=8a,8c,8p domains=2 rsa=2"
before="$(use_count ap) $(use_count zcrypt) $(use_count zcrypt_cex4)"

# What must succeed goes to the cards that can do it
set_to $DEV/card00/online 0
expect_like "the CCA card does RSA too" "$(ap_request me)" "OK *"
set_to $DEV/card00/online 1
set_to /sys/class/zcrypt/create good
for mask in ioctlmask aqmask; do
	set_to /sys/class/zcrypt/good/$mask +0-255
done
set_to /sys/class/zcrypt/good/apmask "+0,+1"
wait_for 5 test -c /dev/good || die "no /dev/good"

# shellcheck disable=SC2086
ap_fuzz --count "$COUNT" $limit $cover --seed "$SEED" --verify /dev/good >"$TMP/fuzz" 2>&1
rc=$?
sed 's/^/# /' "$TMP/fuzz"
expect "no offence" $rc 0
made=$(load_result ioctls "$TMP/fuzz")
expect_range "ioctls were made" "$made" "$LEAST" "$COUNT"
expect_range "known results were looked at" \
	"$(load_result known "$TMP/fuzz")" $((made / 100)) "$COUNT"

# Two thirds of what a thousand requests reach
if [ -n "$cover" ]; then
	expect_range "places of the code were reached" \
		"$(load_result places "$TMP/fuzz")" 450 65536
else
	skip "places of the code were reached" "no KCOV in this kernel"
fi

expect "all cards and queues are online" \
	"$(cat $DEV/card*/online $DEV/??.????/online | sort -u)" 1
expect "no load is left behind" "$(cat $DEV/*/load | sort -u)" 0
check "all queues are idle" wait_for 10 all_idle

# The same numbers give the same requests
same() {
	ap_fuzz --count "$(rounds 400)" --seed "$1" --threads 1 --race 0 --verify /dev/good |
		sed -n 's/^results //p'
}
same 7 >"$TMP/one"
same 7 >"$TMP/two"
same 8 >"$TMP/three"
check "a seed says all" cmp -s "$TMP/one" "$TMP/two"
expect "another one says something else" \
	"$(cmp -s "$TMP/one" "$TMP/three"; echo $?)" 1

set_to /sys/class/zcrypt/destroy good
expect "use counts are as before" \
	"$(use_count ap) $(use_count zcrypt) $(use_count zcrypt_cex4)" "$before"
finish
