#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The status ioctls, those of old too, say what sysfs and the simulated
# hardware say; and programs of 31 bits get the same from all ioctls as those of
# 64 bits.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 32
stack_up "cards=8a,8c,8p,7a domains=3 depth=2" "domain=1"
# Requests are counted here, and the kernel's own would be, too
HWRNG=/sys/class/misc/hw_random
wait_for 20 grep -qw zcrypt $HWRNG/rng_available
set_to $HWRNG/rng_current none
MINE=/sys/class/zcrypt/mine

# What each queue that has a driver is, as the ioctl is to say it
devices() {
	local q card fac online

	for q in $(queues); do
		q_has_driver "$q" cex4queue || continue
		card=${q%.*}
		fac=$(tr ' ' '\n' <"$SIM/card$card/type" | sed -n 's/^fac=//p')
		read -r online <"$DEV/$q/online"
		printf '%s hwtype %s online %s functions %02x\n' "$q" \
			"$(cat "$DEV/card$card/hwtype")" "$online" $((fac >> 26))
	done
}

# The same of the hardware: its type, and the cards there are
sim_types() {
	local f card

	for f in "$SIM"/card*/type; do
		card=${f%/type}
		echo "${card##*/card} $(tr ' ' '\n' <"$f" | sed -n 's/^type=//p')"
	done
}

same_devices() {
	devices >"$TMP/want"
	ap_status devices >"$TMP/new"
	ap_status old-devices >"$TMP/old"
	diff "$TMP/want" "$TMP/new" && diff "$TMP/want" "$TMP/old"
}

check "every queue is shown" same_devices
expect "there are 12 of them" "$(wc -l <"$TMP/new")" 12
expect "of the hardware's types" \
	"$(sed 's/\.[0-9a-f]* hwtype \([0-9]*\) .*/ \1/' "$TMP/new" | sort -u)" \
	"$(sim_types | sort)"
# CCA cards have always said here that they are CEX3C, all others CEX6
expect "the type of each card" "$(ap_status types)" \
	"$(printf 'card0%u %u\n' 0 12 1 7 2 12 3 12)"
expect "the same of old" "$(ap_status old-types)" "$(ap_status types)"

set_to "$DEV/01.0002/online" 0
set_to "$DEV/card03/online" 0
unbind 02.0001 || die "unbind: $RES"
check "what is offline is offline, what is gone is gone" same_devices
expect "four queues are offline" "$(grep -c 'online 0' "$TMP/new")" 4
expect "a card that is off, one without a queue here" "$(ap_status types)" \
	"$(printf 'card0%u %u\n' 0 12 1 7 3 13)"
expect "the same of old" "$(ap_status old-types)" "$(ap_status types)"
bind_to 02.0001 cex4queue || die "bind: $RES"
set_to "$DEV/card03/online" 1
set_to "$DEV/01.0002/online" 1
wait_for 10 all_idle || die "queues do not get ready"

expect "the domain" "$(ap_status domain)" "$(cat $AP/ap_domain)"
expect "it is the one that was asked for" "$(ap_status domain)" 1

# Requests: on all cards that do RSA, and all domains
ap_load --threads 4 --requests "$(rounds 200)" --key 1024 --op me-pub >"$TMP/load"
diag "$(head -n 2 "$TMP/load" | tail -n 1)"

# counts_by WHAT DOMAIN: for each card, without zeroes
counts_by() {
	local q n

	for q in $(queues); do
		[ "${q#*.}" = "000$2" ] || continue
		if [ "$1" = sim ]; then
			n=$(sim_count "$q" nqap_ok)
		else
			read -r n <"$DEV/$q/request_count"
		fi
		[ "$n" = 0 ] || echo "card${q%.*} $n"
	done
}
for domain in 1 2; do
	set_to $AP/ap_domain $domain
	ap_status counts >"$TMP/counts"
	expect_range "requests were counted in domain $domain" \
		"$(wc -l <"$TMP/counts")" 1 4
	expect "as in sysfs" "$(cat "$TMP/counts")" "$(counts_by sysfs $domain)"
	expect "as the hardware has taken them" "$(cat "$TMP/counts")" \
		"$(counts_by sim $domain)"
	expect "the same of old" "$(ap_status old-counts)" "$(cat "$TMP/counts")"
done
expect "the other domain is the domain now" "$(ap_status domain)" 2

# Five requests for a queue with room for two, and one for another domain's
set_to /sys/class/zcrypt/create mine
set_to $MINE/ioctlmask +5
set_to $MINE/apmask +0
set_to $MINE/aqmask +2
wait_for 5 test -c /dev/mine || die "no /dev/mine"
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job five ap_load --device /dev/mine --threads 5 --requests 5 --key 1024 \
	--op me-pub
five=$JOB
held() {
	[ "$(cat "$DEV/$1/pendingq_count") $(cat "$DEV/$1/requestq_count")" = "$2" ]
}
wait_for 20 held 00.0002 "2 3" || die "not five requests in 00.0002"
set_to $MINE/aqmask +0,-2
job one ap_load --device /dev/mine --threads 1 --requests 1 --key 1024 \
	--op me-pub
one=$JOB
wait_for 20 held 00.0000 "1 0" || die "no request in 00.0000"
expect "depth: what waits and what is with the card" "$(ap_status depths)" "card00 5"
expect "the same of old" "$(ap_status old-depths)" "card00 5"
expect "as many as the hardware has" "$(ap_status pending)" \
	"$(sim_state 00.0002 entries)"
expect "as many as wait" "$(ap_status waiting)" "$(cat "$DEV/00.0002/requestq_count")"
sim fault clear
sim release '*'
# What became ready before the rule was gone has been held
released() {
	echo '*' >$SIM/release
	gone "$five" && gone "$one"
}
wait_for 20 released || die "requests do not end"
expect "then nothing" "$(ap_status depths pending waiting | tr '\n' ' ')" "0 0 "

expect "files that are open" "$(ap_status open) $(ap_status -o 7 open)" "1 8"
expect "bad addresses, numbers of old" "$(ap_status errors)" ""
expect_like "not through a node that does not admit it" \
	"$(ap_status -d /dev/mine types 2>&1)" "*Operation not permitted*"
set_to /sys/class/zcrypt/destroy mine

# While queues come and go
job asking ap_status -n "$(rounds 300)" devices old-devices types depths counts \
	old-types old-depths old-counts waiting pending open domain
asking=$JOB
while ! gone "$asking"; do
	unbind 00.0002 && bind_to 00.0002 cex4queue || die "rebinding: $RES"
done
wait "$asking"
expect "asked while queues come and go" $? 0

# 64 bits, and 31; which cards have had a request depends on whose turn it was
same() {
	sed 's/^counts errno 0 cards [1-9]$/counts/' "$1"
}

ap_compat >"$TMP/64"
sed 's/^/# /' "$TMP/64"
expect "four right results" "$(grep -c 'errno 0 length .* right$' "$TMP/64")" 4
expect "two bad addresses" "$(grep -c '^bad address.* errno 14$' "$TMP/64")" 2
ap_compat31 >"$TMP/31" 2>"$TMP/31-said"
status=$?
if [ $status = 0 ]; then
	expect "31 bits: the same as with 64" "$(same "$TMP/31")" "$(same "$TMP/64")"
elif zcat /proc/config.gz 2>/dev/null | grep -q '^CONFIG_COMPAT=y'; then
	diag "exit status $status, after"
	sed 's/^/# /' "$TMP/31" "$TMP/31-said"
	not_ok "31 bits: the same as with 64"
else
	skip "31 bits: the same as with 64" "this kernel runs no such programs"
fi
finish
