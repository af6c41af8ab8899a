#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipes of zcrypt-trace.rst, with trace-cmd and without: each command does
# what is said there, and where a slow request has spent its time is what the card
# and the programs know of it.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh
# shellcheck source=ap_recipes.sh
. ./ap_recipes.sh

TRACING=/sys/kernel/tracing
SERVICE_US=300000

# at_cards NUMBER WAITING: so many messages are at the two cards, so many wait
at_cards() {
	local q at=0 waiting=0

	for q in 00.0000 01.0000; do
		value $DEV/$q/pendingq_count
		at=$((at + VAL))
		value $DEV/$q/requestq_count
		waiting=$((waiting + VAL))
	done
	[ "$at $waiting" = "$1 $2" ]
}

# requests NUMBER: begins them, and returns when two are at the cards, which keep
# their replies until answers
requests() {
	sim fault "add apqn=* insn=REPLY do=hold count=inf"
	ap_load --threads "$1" --requests "$1" --key 1024 --op me-pub >"$TMP/load" 2>&1 &
	LOAD=$!
	wait_for 20 at_cards 2 $(($1 - 2)) || die "requests are not at the cards"
}

answers() {
	sim fault clear
	sim release 01.0000
	wait_for 20 gone $LOAD || die "requests are not answered"
	wait $LOAD || die "requests: $(cat "$TMP/load")"
}

one_request() {
	ap_load --requests 1 --key 1024 --op me-pub >"$TMP/load" ||
		die "a request: $(cat "$TMP/load")"
}

# took: the longest, in ms, as the program has measured it
took() {
	local max

	max=$(load_result max "$TMP/load")
	echo "${max%.*} 1000" | awk '{ print ($1 + 1) / $2 }'
}

# Whether it took less than half of what the recipe calls slow; how many there were
quick_request() {
	one_request
	QUICK=$((${QUICK:-0} + 1))
	took | awk '{ exit !($1 < 50) }'
}

removals() {
	requests 2
	unbind 00.0000 || die "unbind: $RES"
	answers
	value /sys/module/ap/parameters/remove_timeout
	BOUND=$VAL
	set_to /sys/module/ap/parameters/remove_timeout 500
	sim fault "add apqn=01.0000 insn=ZAPQ do=hang count=1"
	unbind 01.0000 || die "unbind: $RES"
}

mend() {
	sim release 01.0000
	set_to /sys/module/ap/parameters/remove_timeout "$BOUND"
	bind_to 00.0000 cex4queue || die "bind: $RES"
	wait_for 20 q_clean_is 01.0000 clean || rescan
	wait_for 20 bind_to 01.0000 cex4queue || die "bind: $RES"
	wait_for 20 all_idle || die "queues do not get ready"
}

# Two requests at the cards, one that waits; then a queue is taken away, and its
# messages go to the other one, which has a reply only then. So one was at a card in
# vain, and one has waited for another one to be done.
slow_requests() {
	local before

	sim service_us $SERVICE_US
	sim_clear
	before=$(cat $AP/flushed_count)
	requests 3
	nap 0.05
	unbind 00.0000 || die "unbind: $RES"
	wait_for 20 at_cards 1 2 || die "requests are not sent again"
	answers
	echo $(($(cat $AP/flushed_count) - before)) >"$TMP/flushed"
	sim_log "$TMP/sim"
	sim service_us 0
	bind_to 00.0000 cex4queue || die "bind: $RES"
	wait_for 20 q_idle 00.0000 || die "00.0000 does not get ready"
}

records() {
	value $TRACING/events/s390/s390_zcrypt_send/enable
	[ "$VAL" = 1 ] || return
	value $TRACING/tracing_on
	[ "$VAL" = 1 ]
}

slow_requests_while_it_records() {
	# shellcheck disable=SC2034
	WHERE=$TMP
	(
		wait_for 60 records || die "trace-cmd does not record"
		slow_requests
	) &
	SLOW=$!
}

# A line of the text: its event, its fields, and when it was, in ns. Busybox's awk
# takes a number that begins with 0 for an octal one, so the seconds are before it.
PARSE='
	{
		event = ""
		delete f
		for (i = 1; i <= NF; i++) {
			eq = index($i, "=")
			if (eq)
				f[substr($i, 1, eq - 1)] = substr($i, eq + 1)
			else if ($i ~ /^s390_.*:$/) {
				event = substr($i, 6)
				ns = $(i - 1)
				gsub(/[.:]/, "", ns)
				ns += 0
			}
		}
		id = substr(f["psmid"], 3)
		good = substr(f["status"], 5, 2) == "00"
	}'

# Each request of the text: total, picking, waiting, in vain, at card, wake-up, in
# ms, and its queues
requests_of() {
	awk "$PARSE"'
	{
		now = ns / 1000000
		p = event ~ /^zcrypt/ ? f["ptr"] : of[id]
	}
	event == "zcrypt_req:" {
		begin[p] = at[p] = now
		pick[p] = wait[p] = vain[p] = card[p] = 0
		queues[p] = ""
	}
	!(p in begin) { next }
	event == "zcrypt_send:" {
		of[id] = p
		queues[p] = queues[p] sprintf(" %02x.%04x", f["card"], f["dom"])
	}
	event == "ap_msg_queued:" { pick[p] += now - at[p]; at[p] = now }
	event == "ap_nqap:" && good {
		wait[p] += now - at[p]
		at[p] = now
		sent[id] = 1
	}
	event == "ap_msg_done:" {
		if (!(id in sent))
			wait[p] += now - at[p]
		else if (f["rc"] != 0)
			vain[p] += now - at[p]
		else
			card[p] += now - at[p]
		at[p] = now
	}
	event == "zcrypt_rep:" {
		printf "%.3f %.3f %.3f %.3f %.3f %.3f%s\n", now - begin[p],
		       pick[p], wait[p], vain[p], card[p], now - at[p], queues[p]
		delete begin[p]
	}' "$1" | sort -rn
}

# The card's side of the same messages: queued before NQAP, which is before its
# event; and so on. Prints what is not so.
card_says() {
	awk '
	NR == FNR && $4 == "NQAP" && $7 == "cc=0" { nqap[substr($6, 7)] = $2 + 0 }
	NR == FNR && $4 == "DQAP" && $7 == "cc=0" { dqap[substr($6, 7)] = $2 + 0 }
	NR == FNR { next }'"$PARSE"'
	event == "ap_msg_queued:" && id in nqap && ns > nqap[id] {
		print "NQAP before it was queued:", $0
	}
	event == "ap_nqap:" && good {
		n++
		if (!(id in nqap) || ns < nqap[id] || (id in dqap && ns > dqap[id]))
			print "not when it was sent:", nqap[id], dqap[id], $0
	}
	event == "ap_dqap:" && good {
		m++
		if (!(id in dqap) || ns < dqap[id])
			print "not when the reply came:", dqap[id], $0
	}
	END {
		if (m != 3 || n < 4)
			print n, "were sent,", m, "replies"
	}' "$TMP/sim" "$1"
}

slow_text() {
	local flushed e

	wait_for 60 gone $SLOW && wait $SLOW
	expect "trace-cmd: three slow requests meanwhile" $? 0
	flushed=$(cat "$TMP/flushed")
	for e in $TRACING/events/s390/s390_ap_* $TRACING/events/s390/s390_zcrypt_*; do
		grep -q " ${e##*/}: " "$TMP/slow.txt" || echo "${e##*/}"
	done >"$TMP/offences"
	expect_none "trace-cmd: each event is there" "$TMP/offences"
	requests_of "$TMP/slow.txt" >"$TMP/rows"
	sed 's/^/# /' "$TMP/rows"
	expect "trace-cmd: three requests, a message for each and for each flush" \
		"$(wc -l <"$TMP/rows") $(grep -c s390_zcrypt_send: "$TMP/slow.txt")" \
		"3 $((3 + flushed))"
	awk '!($2 > 0 && $3 > 0 && $5 > 0 && $6 > 0)' "$TMP/rows" >"$TMP/offences"
	expect_none "trace-cmd: a time for each stage of each request" "$TMP/offences"
	expect "trace-cmd: one was at a card in vain, at two queues" \
		"$(awk '$4 > 0 { print NF - 6 }' "$TMP/rows")" 2
	check "trace-cmd: one has waited while another one was done" \
		awk -v us=$SERVICE_US '$3 * 1000 >= us + 0 { n++ } END { exit !n }' "$TMP/rows"
	card_says "$TMP/slow.txt" >"$TMP/offences"
	expect_none "trace-cmd: sent and received when the card says so" "$TMP/offences"
	check "trace-cmd: the slowest one took no longer than the program says" \
		awk -v took="$(took)" 'NR == 1 { exit !($1 <= took + 0) }' "$TMP/rows"
	# For ./lab check: the text, and what ./lab trace must make of it. There need
	# not be a removal in it.
	grep -v s390_ap_remove: "$TMP/slow.txt" | sed 's/^/lab-trace: /'
	sed 's/^/lab-trace-says: /' "$TMP/rows"
}

# quick_requests: until one of them is quick, on a busy machine not the first; that
# one is not told
quick_requests() {
	local quick told

	wait_for 20 quick_request
	quick=$?
	told=$(grep -vc '^#' $TRACING/trace)
	check "zcrypt_request: nothing of a quick one" [ $quick -eq 0 -a "$told" -lt "$QUICK" ]
	: >$TRACING/trace
}

# slow_events: what the trace says of three slow requests
slow_events() {
	awk -v service=$SERVICE_US '
	/^#/ { next }
	{
		delete f
		for (i = 1; i <= NF; i++) {
			eq = index($i, "=")
			# as a number, or it is compared as text
			f[substr($i, 1, eq - 1)] = substr($i, eq + 1) + 0
		}
		rest = f["us"] - f["pick"] - f["wait"] - f["card"] - f["wake"]
		n++
		again += f["again"] > 0
		vain += rest > 1000
		waited += f["wait"] + 1 >= service
		# each is rounded
		if (f["us"] <= 100000 || rest < -4 || f["card"] < service / 2)
			print "odd:", $0
	}
	END {
		if (n != 3 || !again || !vain || !waited)
			print n, "slow requests,", again, "sent again,",
			      vain, "in vain,", waited, "waited"
	}' $TRACING/trace >"$TMP/offences"
	expect_none "zcrypt_request: three requests, one in vain, one that waited" "$TMP/offences"
}

recipes zcrypt-trace.rst
plan $((RECIPES + 10))
need_programs trace-cmd
[ -e $TRACING/synthetic_events ] || skip_all "a kernel without CONFIG_HIST_TRIGGERS"
stack_up "cards=8a,8a domains=1 depth=1"
try_recipes
finish
