#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# RSA from 16 threads (8 on a debug kernel) while queues go to other drivers and
# come back: no wrong answer, no request lost, and each queue changes hands clean.
#
# A program that had picked the queue just before it went sees no error either.
# AP_HAND_OVERS: at least so many (default 60).
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 11
stack_up "cards=8a,8a domains=4 service_us=500 log=262144"
need vfio_ap
td_load
before="$(use_count zcrypt_cex4) $(use_count vfio_ap) $(use_count ap_testdrv)"
THREADS=16
[ $DEBUG_KERNEL = 0 ] || THREADS=8
job load ap_load --threads $THREADS --key mix --op me-pub --seconds 86400
LOAD=$JOB
wait_for 10 eval '[ "$(cat $DEV/card00/request_count)" -gt 20 ]' || die "no load"
sim_clear

# with QUEUE DRIVER CLEAN: only a hand-over that went as it was meant to is one
with() {
	if q_has_driver "$1" "$2"; then
		hand_overs=$((hand_overs + $3))
	else
		wrong_driver=$((wrong_driver + 1))
	fi
}

hand_overs=0
unclean=0
wrong_driver=0
round=0
max=$(rounds 5)
[ -z "$AP_HAND_OVERS" ] || max=$(((AP_HAND_OVERS + 11) / 12))
: >"$TMP/offences"
while [ $round -lt "$max" ]; do
	round=$((round + 1))
	sim_clear
	for domain in 1 2; do
		set_to $AP/aqmask -$domain
		for q in 00.000$domain 01.000$domain; do
			for driver in ap_testdrv vfio_ap; do
				if ! q_has_driver $q none; then
					unbind $q || diag "unbind $q: $RES"
				fi
				clean=1
				q_clean_is $q clean || clean=0
				unclean=$((unclean + 1 - clean))
				bind_to $q $driver || diag "bind $q to $driver: $RES"
				with $q $driver $clean
			done
		done
		set_to $AP/aqmask +$domain
		for q in 00.000$domain 01.000$domain; do
			with $q cex4queue 1
		done
	done
	sim_log "$TMP/sim"
	diag "round $round: $(awk '{ n[$4]++ } END { for (i in n) printf "%s %d ", i, n[i] }' "$TMP/sim")"
	zapq_offences "$TMP/sim" >>"$TMP/offences"
done
done_before=$(cat $DEV/card00/request_count)
check "the load goes on" wait_for 20 eval '[ "$(cat $DEV/card00/request_count)" -gt '"$done_before"' ]'
kill "$LOAD"
wait_for 90 gone "$LOAD"
sed 's/^/# /' "$TMP/load"
expect "hand-overs" $hand_overs $((12 * max))
expect "each to the driver it was meant for" $wrong_driver 0
expect "each clean" $unclean 0
expect_range "requests answered" "$(load_result "done" "$TMP/load")" 10 1000000000
expect "no wrong answer, no request stuck" \
	"$(load_result wrong "$TMP/load") $(load_result stuck "$TMP/load")" "0 0"
load_errors "$TMP/load" >"$TMP/errors"
expect_none "no program saw an error" "$TMP/errors"
expect_none "the firmware saw no message to a queue that was away" "$TMP/offences"
expect "the second driver: no promise broken" "$(td_broken)" 0
bounded 60 ap_load --threads 8 --key 1024 --op mix --requests 40
expect "afterwards: RSA on all queues" $? 0
expect "use counts are as before" \
	"$(use_count zcrypt_cex4) $(use_count vfio_ap) $(use_count ap_testdrv)" "$before"
finish
