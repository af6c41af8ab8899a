#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Queues go from the zcrypt driver to vfio_ap and back while programs compute
# RSA on them, OpenSSL signs, and coprocessors are asked for what they are and for
# random numbers; shows what the firmware and what the programs saw.
#
# usage: ap_demo.sh [--hand-overs N] [--threads N] [--key BITS] [--op OP] [--reset-ms N]
#	N hand-overs (default 40, a multiple of 8 up to 400), threads of load
#	(8), key size (2048), operation as ap_load knows it (me-pub, the fastest
#	in an emulated guest, so that most is under way), time of a reset (20)
# Exit status: 0 all is well, 1 it is not, 2 bad usage.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

HAND_OVERS=40
THREADS=8
KEY=2048
OP=me-pub
RESET_MS=20
SERVICE_US=10000	# an operation; an emulated guest would do nothing else with less
CARDS="00 01 02 03"
TYPES=8a,8a,8c,8p
DOMAINS=4
SIGNERS="1 2"

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
		number "$1" "$2" 8 400
		[ $(($2 % 8)) -eq 0 ] || usage "$1 takes a multiple of 8, not '$2'"
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
	--op)
		case "$2" in
		me-pub | me-priv | me | crt | mix) OP=$2 ;;
		*) usage "$1 takes me-pub, me-priv, me, crt or mix, not '$2'" ;;
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

script_begin 'stop_jobs; rm -rf "$TMP"'
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

# What is to be signed, and OpenSSL's own signature.  SIGNERS is empty when the
# guest has no OpenSSL that can use cards.
signers_prepare() {
	# shellcheck disable=SC2231
	for engine in /usr/lib/*/openssl-*/engines/libibmca.so; do
		[ -e "$engine" ] && command -v openssl >/dev/null || SIGNERS=
	done
	[ -n "$SIGNERS" ] || {
		echo "(no OpenSSL with an engine for the cards in this guest, so nothing is signed)"
		return
	}
	ibmca "$TMP/ibmca.cnf"
	echo "what is to be signed" >"$TMP/data"
	ap_key "$KEY" >"$TMP/key.der" &&
		openssl rsa -inform DER -in "$TMP/key.der" -out "$TMP/key" 2>"$TMP/err" &&
		openssl rsa -in "$TMP/key" -pubout -out "$TMP/key.pub" 2>"$TMP/err" &&
		openssl dgst -sha256 -sign "$TMP/key" -out "$TMP/alone" "$TMP/data" 2>"$TMP/err" ||
		die "OpenSSL cannot use the key: $(cat "$TMP/err")"
	icastats -R >/dev/null
}

# signer NR: signs and verifies until $TMP/enough is there; how often, how often
# the signature was not OpenSSL's own, and how often the program failed
signer() {
	local good=0 wrong=0 failed=0

	export OPENSSL_CONF="$TMP/ibmca.cnf"
	while ! [ -e "$TMP/enough" ]; do
		if ! timeout -s KILL 200 openssl dgst -sha256 -sign "$TMP/key" -out "$TMP/signature.$1" "$TMP/data"; then
			failed=$((failed + 1))
		elif ! cmp "$TMP/signature.$1" "$TMP/alone"; then
			wrong=$((wrong + 1))
		elif ! timeout -s KILL 200 openssl dgst -sha256 -verify "$TMP/key.pub" \
			-signature "$TMP/signature.$1" "$TMP/data"; then
			failed=$((failed + 1))
		else
			good=$((good + 1))
		fi
	done >"$TMP/signer.$1.out" 2>&1
	echo "$good $wrong $failed" >"$TMP/signer.$1"
}

# What the signers say, and what libica counted for them
signers_result() {
	local good wrong failed hard soft

	: >"$TMP/enough"
	# shellcheck disable=SC2086
	wait $SIGNER_JOBS
	# shellcheck disable=SC2046
	set -- $(cat "$TMP"/signer.? | awk '{ g += $1; w += $2; f += $3 } END { print g + 0, w + 0, f + 0 }') $(libica_counts)
	good=$1
	wrong=$2
	failed=$3
	hard=$4
	soft=$5
	echo "OpenSSL       signed and verified $good, wrong $wrong, failed $failed; libica: $hard on cards, $soft in software"
	[ "$good" -gt 0 ] || trouble "OpenSSL signed nothing"
	[ "$wrong" -eq 0 ] || trouble "wrong signatures: $wrong"
	[ "$failed" -eq 0 ] || trouble "OpenSSL failed: $(grep -hv 'Verified OK' "$TMP"/signer.?.out | head -n 3)"
	[ "$hard" -ge $((2 * good)) ] && [ "$soft" -eq 0 ] ||
		trouble "not all was computed by the cards"
}

FLUSHED=0
UNCLEAN=0

# row NR QUEUE FROM TO: the hand-over that has just been made, by the figures
# of the bus ($TMP/hand_overs) and by what the firmware saw ($TMP/sim).  One
# program for all of it: a guest is slow at starting programs.
row() {
	awk -v nr="$1" -v q="$2" -v from="$3" -v to="$4" '
		function us(ns) { return ns == "" ? "-" : sprintf("%.1f", ns / 1000) }
		function ms(ns) { return ns == "" ? "-" : sprintf("%.1f", ns / 1000000) }
		FNR == 1 { file++ }
		file == 1 && $1 == q {
			for (i = 2; i <= NF; i++) {
				if (eq = index($i, "=")) {
					key = substr($i, 1, eq - 1)
					of[key] = substr($i, eq + 1)
				} else {
					of[key] = of[key] " " $i
				}
			}
		}
		file == 2 && $5 == q {
			if ($4 == "ZAPQ") {
				zapq = $2
				proven = 0
				seen = 1
			}
			# a message or a new set-up before the proof: too early
			if (($4 == "NQAP" || $4 == "RAPQ") && seen && !proven)
				early = 1
			if ($4 == "RESETDONE" && zapq)
				took = $2 - zapq
			if ($4 == "TAPQ" && seen && substr($8, 8, 4) == "8000")
				proven = 1
		}
		END {
			proof = seen && proven && !early ? "yes" : "NO"
			if (!("result" in of))
				of["result"] = of["driver"] = "?"
			printf "%3d  %s  %-10s %-10s %7s %9s %9s %9s %9s %5s %5s  %-6s %s\n", nr, q, from, to,
				of["flushed"], ms(took), us(of["flush_ns"]), us(of["remove_ns"]),
				ms(of["reset_ns"]), of["zapq"], of["tapq"], of["result"], proof
			print of["flushed"] + 0, of["driver"] == from,
				proof == "yes" && of["result"] == "clean" >STATE
		}' STATE="$TMP/row" "$TMP/hand_overs" "$TMP/sim"
	read -r flushed as_said clean <"$TMP/row"
	FLUSHED=$((FLUSHED + flushed))
	[ "$as_said" = 1 ] || trouble "$2: the bus does not say that $3 was removed"
	[ "$clean" = 1 ] || UNCLEAN=$((UNCLEAN + 1))
	q_has_driver "$2" "$4" || trouble "$2 is with '$(q_driver "$2")', not with $4"
}

stack_up "cards=$TYPES domains=$DOMAINS reset_ms=$RESET_MS service_us=$SERVICE_US"
need vfio_ap
echo "2 accelerators, a CCA and an EP11 coprocessor x $DOMAINS domains, $THREADS threads of RSA-$KEY ($OP), 2 of CPRBs, OpenSSL signs, $HAND_OVERS hand-overs, a reset takes $RESET_MS ms, an operation $((SERVICE_US / 1000)) ms"
signers_prepare
before=$(counts)
job load ap_load --threads "$THREADS" --key "$KEY" --op "$OP" --seconds 3600
LOAD=$JOB
wait_for 20 eval '[ "$(cat $DEV/card00/request_count)" -gt "$THREADS" ]' ||
	die "the load does not start: $(cat "$TMP/load")"
job cprbs ap_coproc load 2
CPRBS=$JOB
SIGNER_JOBS=
for i in $SIGNERS; do
	signer "$i" &
	SIGNER_JOBS="$SIGNER_JOBS $!"
	JOBS="$JOBS $!"
done

echo
echo "                                       messages  reset at  phase 1   phase 2   phase 3"
echo " nr  queue    from       to         flushed  card, ms flush, us remove,us clean, ms  ZAPQ  TAPQ  clean  proven by TAPQ"
nr=0
domain=1
from=cex4queue
while [ $nr -lt "$HAND_OVERS" ]; do
	# let the queues get work
	nap 0.1
	sim_clear
	if [ $from = cex4queue ]; then
		to=vfio_ap
		set_to $AP/aqmask "-$domain"
	else
		to=cex4queue
		set_to $AP/aqmask "+$domain"
	fi
	sim_log "$TMP/sim"
	cat /sys/kernel/debug/ap/hand_overs >"$TMP/hand_overs" 2>/dev/null || : >"$TMP/hand_overs"
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
nap 0.2

[ -z "$SIGNERS" ] || signers_result >"$TMP/signers"
kill "$LOAD" "$CPRBS"
wait_for 90 gone "$LOAD" || trouble "the load does not end"
wait_for 90 gone "$CPRBS" || trouble "the CPRBs do not end"
JOBS=
wait_for 10 eval '[ "$(counts)" = "$before" ]'
after=$(counts)
done_=$(load_result "done" "$TMP/load")
wrong=$(load_result wrong "$TMP/load")
stuck=$(load_result stuck "$TMP/load")
errors=$(load_result errors "$TMP/load")
lost=$((${stuck:-1} + ${errors:-1}))
echo
echo "requests      done ${done_:-?}, wrong ${wrong:-?}, lost $lost, sent elsewhere $FLUSHED"
sed -n 's/^seconds/load          seconds/p; s/^latency_us/latency, us   /p; s/^error/errors       /p' "$TMP/load"
read -r cprbs <"$TMP/cprbs" || cprbs=none
echo "CPRBs         $cprbs"
[ -z "$SIGNERS" ] || cat "$TMP/signers"
echo "use counts    before $before"
echo "              after  $after"

[ "${done_:-0}" -gt 0 ] || trouble "no request was answered"
[ "${wrong:-1}" -eq 0 ] || trouble "wrong answers: $wrong"
[ "$lost" -eq 0 ] || trouble "requests lost: $lost"
case $cprbs in
"done "[1-9]*" wrong 0 errors 0") ;;
*) trouble "CPRBs: $(cat "$TMP/cprbs")" ;;
esac
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
