#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Queues go from the zcrypt driver to vfio_ap and back while programs compute
# RSA on them; shows what the firmware and what the programs saw.
#
# usage: ap_demo.sh [--hand-overs N] [--threads N] [--key BITS] [--reset-ms N]
#	N hand-overs (default 40, an even number from 2 to 400), threads of load
#	(8), key size (2048), time a reset takes (20)
# Exit status: 0 all is well, 1 it is not, 2 bad usage.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

HAND_OVERS=40
THREADS=8
KEY=2048
RESET_MS=20
CARDS="00 01"
DOMAINS=4

usage() {
	echo "ap_demo.sh: $*" >&2
	exit 2
}

# number NAME VALUE MIN MAX
number() {
	case "$2" in
	'' | *[!0-9]* | ??????*) usage "$1 takes a number from $3 to $4, not '$2'" ;;
	esac
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] ||
		usage "$1 takes a number from $3 to $4, not '$2'"
}

while [ $# -gt 0 ]; do
	[ $# -gt 1 ] || usage "$1 is no option, or has no value"
	case "$1" in
	--hand-overs)
		number "$1" "$2" 2 400
		[ $(($2 % 2)) -eq 0 ] || usage "$1 takes an even number, not '$2'"
		HAND_OVERS=$2
		;;
	--threads)
		number "$1" "$2" 1 256
		THREADS=$2
		;;
	--key)
		case "$2" in
		1024 | 2048 | 3072 | 4096) KEY=$2 ;;
		*) usage "$1 takes 1024, 2048, 3072 or 4096, not '$2'" ;;
		esac
		;;
	--reset-ms)
		number "$1" "$2" 0 2000
		RESET_MS=$2
		;;
	*) usage "unknown option '$1'" ;;
	esac
	shift 2
done

mkdir -p "$TMP"
trap 'stop_jobs; rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP
grep -q " /sys/kernel/debug debugfs" /proc/mounts ||
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mark_dmesg
BAD=0

trouble() {
	BAD=$((BAD + 1))
	echo "  !! $*"
}

die() {
	echo "ap_demo.sh: $*" >&2
	exit 1
}

counts() {
	local m

	for m in ap zcrypt zcrypt_cex4 vfio_ap; do
		printf '%s=%s ' $m "$(use_count $m)"
	done
}

# us NS, ms1 NS: with one decimal
us() {
	case "$1" in
	'' | *[!0-9]*) echo - ;;
	*) echo "$(($1 / 1000)).$(($1 % 1000 / 100))" ;;
	esac
}

ms1() {
	case "$1" in
	'' | *[!0-9]*) echo - ;;
	*) us $(($1 / 1000)) ;;
	esac
}

# What the bus says of the last removal: KEY
last() {
	tr ' ' '\n' <"$TMP/last" | sed -n "s/^$1=//p"
}

FLUSHED=0
UNCLEAN=0

# row NR QUEUE FROM TO: the hand-over that has just been made
row() {
	local nr="$1" q="$2" from="$3" to="$4" reset proof clean flushed

	cat "/sys/kernel/debug/ap/$q/last_remove" >"$TMP/last" 2>/dev/null || echo >"$TMP/last"
	grep " $q " "$TMP/sim" >"$TMP/sim.q"
	# how long the firmware took for the last zero-reset
	reset=$(awk '$4 == "ZAPQ" && substr($8, 10, 2) == "00" { z = $2 }
		$4 == "RESETDONE" && z { r = $2 - z; z = 0 }
		END { print r ? r : "-" }' "$TMP/sim.q")
	proven "$q" "$TMP/sim.q" && proof=yes || proof=NO
	clean=$(last result)
	flushed=$(last flushed)
	printf '%3d  %s  %-10s %-10s %7s %9s %9s %9s %9s %5s %5s  %-6s %s\n' "$nr" "$q" "$from" "$to" \
		"${flushed:--}" "$(ms1 "$reset")" "$(us "$(last flush_ns)")" \
		"$(us "$(last remove_ns)")" "$(ms1 "$(last reset_ns)")" \
		"$(last zapq)" "$(last tapq)" "${clean:--}" "$proof"
	FLUSHED=$((FLUSHED + ${flushed:-0}))
	[ "$(last driver)" = "$from" ] || trouble "$q: the bus says it was taken from '$(last driver)'"
	[ "$proof" = yes ] && [ "$clean" = clean ] || UNCLEAN=$((UNCLEAN + 1))
	q_has_driver "$q" "$to" || trouble "$q is with '$(q_driver "$q")', not with $to"
}

stack_up "cards=8a,8a domains=$DOMAINS reset_ms=$RESET_MS"
need vfio_ap
echo "$(echo "$CARDS" | wc -w) cards x $DOMAINS domains, $THREADS threads of RSA-$KEY, $HAND_OVERS hand-overs, a reset takes $RESET_MS ms"
before=$(counts)
job load ap_load --threads "$THREADS" --key "$KEY" --op mix --seconds 3600
LOAD=$JOB
wait_for 20 eval '[ "$(cat $DEV/card00/request_count)" -gt "$THREADS" ]' ||
	die "the load does not start: $(cat "$TMP/load")"

echo
echo "                                       messages  reset at  phase 1   phase 2   phase 3"
echo " nr  queue    from       to         flushed  card, ms flush, us remove,us clean, ms  ZAPQ  TAPQ  clean  proven by TAPQ"
nr=0
domain=1
from=cex4queue
while [ $nr -lt "$HAND_OVERS" ]; do
	# let the queues get work
	sleep 0.1
	sim_clear
	if [ $from = cex4queue ]; then
		to=vfio_ap
		set_to $AP/aqmask "-$domain"
	else
		to=cex4queue
		set_to $AP/aqmask "+$domain"
	fi
	sim_log "$TMP/sim"
	for card in $CARDS; do
		nr=$((nr + 1))
		row $nr "$card.000$domain" $from $to
	done
	if [ $from = vfio_ap ]; then
		from=cex4queue
		domain=$((domain % (DOMAINS - 1) + 1))
	else
		from=vfio_ap
	fi
done
set_to $AP/aqmask "+0-255"
sleep 0.2

kill "$LOAD"
wait_for 90 gone "$LOAD" || trouble "the load does not end"
JOBS=
wait_for 10 eval '[ "$(counts)" = "$before" ]'
after=$(counts)
done_=$(load_result done "$TMP/load")
wrong=$(load_result wrong "$TMP/load")
stuck=$(load_result stuck "$TMP/load")
errors=$(load_result errors "$TMP/load")
# zcrypt may tell a program ENODEV when the queue it had chosen went away just
# before the request was queued: see test_load_handover.sh
refused=$(load_result ENODEV "$TMP/load")
refused=${refused:-0}
lost=$((${stuck:-1} + ${errors:-1} - refused))
echo
echo "requests      done ${done_:-?}, wrong ${wrong:-?}, lost $lost, sent elsewhere $FLUSHED, refused by zcrypt (ENODEV) $refused"
sed -n 's/^seconds/load          seconds/p; s/^latency_us/latency, us   /p; s/^error/errors       /p' "$TMP/load"
echo "use counts    before $before"
echo "              after  $after"

[ "${done_:-0}" -gt 0 ] || trouble "no request was answered"
[ "${wrong:-1}" -eq 0 ] || trouble "wrong answers: $wrong"
[ "$lost" -eq 0 ] || trouble "requests lost: $lost"
[ "$UNCLEAN" -eq 0 ] || trouble "hand-overs not proven clean: $UNCLEAN"
[ "$after" = "$before" ] || trouble "use counts differ"
[ "$(cat $AP/bindings)" = "$(queues | wc -l)/$(queues | wc -l) (complete)" ] ||
	trouble "bindings: $(cat $AP/bindings)"
stack_down || trouble "modules do not unload: $(lsmod | tr '\n' ';')"
kernel_splats >"$TMP/splats"
if [ -s "$TMP/splats" ]; then
	trouble "the kernel warned:"
	head -n 5 "$TMP/splats"
fi
echo
if [ $BAD -eq 0 ]; then
	echo "WELL: $nr hand-overs, all clean and proven; $done_ requests, none wrong, none lost"
	exit 0
fi
echo "NOT WELL: $BAD problem(s), see the lines with !!"
exit 1
