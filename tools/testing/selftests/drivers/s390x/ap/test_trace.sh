#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The trace events tell what the bus, the programs and the simulated card know in
# other ways: one hand-over under load, then one that fails; each event and each
# of its fields is compared.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

TRACING=/sys/kernel/tracing
EVENTS=$TRACING/events/s390
Q=00.0001
ALL="s390_ap_nqap s390_ap_dqap s390_ap_state s390_ap_remove s390_ap_msg_queued
	s390_ap_msg_done s390_zcrypt_send s390_zcrypt_req s390_zcrypt_rep"

# events_on 0|1: all events of the bus and of zcrypt
events_on() {
	local e

	for e in $ALL; do
		put "$EVENTS/$e/enable" "$1" || die "$e cannot be switched on or off"
	done
}

trace_begin() {
	put $TRACING/trace 1
	events_on 1
}

# trace_end FILE: "NS EVENT KEY=VALUE...", a line per event; 0 if none was lost
trace_end() {
	events_on 0
	awk '
		/^# entries-in-buffer/ { split($3, n, "/"); lost = n[1] != n[2] }
		/^#/ { next }
		{
			for (i = 3; $i !~ /^[0-9]+\.[0-9]+:$/; i++)
				if (i > 6)
					next
			ns = $i
			sub(/:$/, "", ns)
			sub(/\./, "", ns)
			event = $(i + 1)
			sub(/:$/, "", event)
			line = ns "000 " event
			for (i += 2; i <= NF; i++)
				line = line " " $i
			print line
		}
		END { exit lost }' $TRACING/trace >"$1"
}

# What each question below begins with: the fields of a line, and its queue
FIELDS='
	{
		delete f
		for (i = 3; i <= NF; i++) {
			eq = index($i, "=")
			f[substr($i, 1, eq - 1)] = substr($i, eq + 1)
		}
		q = sprintf("%02x.%04x", f["card"], f["dom"])
	}'

# ask FILE PROGRAM [VARIABLE=VALUE]...: awk with these
ask() {
	local file="$1" program="$2"

	shift 2
	awk "$FIELDS $program" Q="$Q" "$@" "$file"
}

plan 26
[ -d $TRACING/events ] || skip_all "a kernel without trace events"
stack_up "cards=8a,8a domains=2 depth=4 service_us=5000"
value $TRACING/buffer_size_kb
size=${VAL% *}
put $TRACING/buffer_size_kb 8192
put $TRACING/trace_clock mono

# As kernels from 7.x on have them
formats() {
	sed -n 's/.*field:\([^;]*\);.*/\1/p' "$EVENTS/$1/format" | grep -v common_ | tr '\n' ';'
}
expect "s390_ap_nqap: fields" "$(formats s390_ap_nqap)" "u16 card;u16 dom;u32 status;u64 psmid;"
expect "s390_ap_dqap: fields" "$(formats s390_ap_dqap)" "u16 card;u16 dom;u32 status;u64 psmid;"

# A hand-over under load; the trace is longer than the load.  Replies are held until
# then, or it could be over before the hand-over begins; those of all queues, or
# all requests would go where they are answered
before="$(cat $DEV/$Q/hand_over_count) $(cat $DEV/$Q/flushed_count)"
resent=$(cat $AP/resent_count)
flushed=$(cat $AP/flushed_count)
nqap=$(sim_total nqap_ok)
dqap=$(sim_total dqap_ok)
trace_begin
REQUESTS=$(rounds 640)
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job load ap_load --threads 16 --key 1024 --op me-pub --requests "$REQUESTS"
full() {
	[ "$(cat $DEV/$Q/pendingq_count)" -ge 3 ]
}
wait_for 20 full || die "no load: $(cat "$TMP/load")"
unbind $Q || die "unbind: $RES"
sim fault clear
sim release '*'
bind_to $Q cex4queue || die "bind: $RES"
wait_for 60 gone "$JOB"
trace_end "$TMP/trace"
expect "nothing of the trace was lost" $? 0
expect "the load had no error" "$(load_result wrong "$TMP/load") $(load_errors "$TMP/load")" "0 "

for e in $ALL; do
	check "$e: there" grep -q " $e " "$TMP/trace"
done

# The card's side
expect "s390_ap_nqap: as many good ones as requests at the cards" \
	"$(ask "$TMP/trace" '$2 == "s390_ap_nqap" && substr(f["status"], 5, 2) == "00" { n++ } END { print n + 0 }')" \
	$(($(sim_total nqap_ok) - nqap))
expect "s390_ap_dqap: as many good ones as replies of the cards" \
	"$(ask "$TMP/trace" '$2 == "s390_ap_dqap" && substr(f["status"], 5, 2) == "00" { n++ } END { print n + 0 }')" \
	$(($(sim_total dqap_ok) - dqap))

# Messages: queued, sent, at the card, received or flushed, once each and in order
ask "$TMP/trace" '
	function bad(what) { print what ":", $0 }
	{ id = f["psmid"] }
	$2 == "s390_zcrypt_send" { where[id] = q; ptr[id] = f["ptr"] }
	$2 == "s390_ap_msg_queued" {
		if (where[id] != q) bad("not sent there")
		if (id in stage) bad("queued twice")
		stage[id] = "queued"
	}
	$2 == "s390_ap_nqap" && substr(f["status"], 5, 2) == "00" {
		if (stage[id] != "queued") bad("at the card, but " stage[id])
		stage[id] = "sent"
	}
	$2 == "s390_ap_dqap" && substr(f["status"], 5, 2) == "00" {
		if (stage[id] != "sent") bad("a reply, but " stage[id])
		stage[id] = "replied"
	}
	$2 == "s390_ap_msg_done" {
		if (where[id] != q) bad("done elsewhere")
		if (f["rc"] == 0 && stage[id] != "replied") bad("received, but " stage[id])
		if (f["rc"] == -11 && stage[id] != "sent" && stage[id] != "queued") bad("flushed, but " stage[id])
		if (f["rc"] != 0 && f["rc"] != -11) bad("odd rc")
		stage[id] = "done"
	}
	END {
		for (id in stage) {
			n++
			if (stage[id] != "done")
				print "not done:", id, stage[id]
		}
		if (n < REQUESTS)
			print "only", n, "messages"
	}' REQUESTS="$REQUESTS" >"$TMP/offences"
expect_none "messages: queued, sent, received or flushed, in order, once" "$TMP/offences"

# A request: from its begin to its end it is sent, and after each flush again
ask "$TMP/trace" '
	function bad(what) { print what ":", $0 }
	$2 == "s390_zcrypt_req" { open[f["ptr"]] = 1; nr[f["ptr"]] = 0; begun++ }
	$2 == "s390_zcrypt_send" {
		of[f["psmid"]] = f["ptr"]
		if (!open[f["ptr"]]) bad("of no request")
		if (f["nr"] != nr[f["ptr"]]++) bad("not the number " nr[f["ptr"]] - 1)
		again += f["nr"] > 0
		owed[f["ptr"]] = 0
	}
	$2 == "s390_ap_msg_done" && f["rc"] == -11 { owed[of[f["psmid"]]] = 1; flushed++ }
	$2 == "s390_zcrypt_rep" {
		if (owed[f["ptr"]]) bad("not sent again")
		if (f["rc"] != 0) bad("failed")
		open[f["ptr"]] = 0
		ended++
	}
	END {
		if (begun != ended || begun != REQUESTS)
			print begun, "requests begun,", ended, "ended, not", REQUESTS
		if (!flushed || again < flushed)
			print flushed + 0, "flushed,", again + 0, "sent again"
		print again + 0 >AGAIN
	}' AGAIN="$TMP/again" REQUESTS="$REQUESTS" >"$TMP/offences"
expect_none "requests: each flushed one was sent again, and each is over" "$TMP/offences"
expect "as many sent again as the bus has counted" "$(cat "$TMP/again")" \
	$(($(cat $AP/resent_count) - resent))

# The removal
phases='$2 == "s390_ap_remove" && q == Q { printf "%s(%s) ", f["phase"], f["driver"] }'
expect "s390_ap_remove: the phases, in order" "$(ask "$TMP/trace" "$phases")" \
	"flush(cex4queue) remove(cex4queue) clean(cex4queue) proven(cex4queue) "
ask "$TMP/trace" '
	$2 == "s390_ap_remove" && q == Q { phase = f["phase"]; said = f["flushed"] }
	$2 == "s390_ap_msg_done" && q == Q && f["rc"] == -11 && phase == "flush" { n++ }
	END { print n + 0, said }' >"$TMP/flushed"
read -r in_trace said <"$TMP/flushed"
field flushed /sys/kernel/debug/ap/hand_overs
line=$(grep "^$Q " /sys/kernel/debug/ap/hand_overs)
line=${line#* flushed=}
check "some were flushed" [ "$in_trace" -gt 0 ]
expect "flushed: the same by the messages, by the phases, and by debugfs" \
	"$in_trace $said" "${line%% *} ${line%% *}"
# shellcheck disable=SC2086
set -- $before
expect "and by the queue's and the bus's attributes" \
	"$(($(cat $DEV/$Q/hand_over_count) - $1)) $(($(cat $DEV/$Q/flushed_count) - $2)) $(($(cat $AP/flushed_count) - flushed))" \
	"1 $in_trace $in_trace"

# The states: each begins where the last one ended
states='$2 == "s390_ap_state" && q == Q {
		if (last != "" && f["from"] != last)
			print "from", f["from"], "but it was", last
		last = f["to"]
	}'
ask "$TMP/trace" "$states" >"$TMP/offences"
expect_none "s390_ap_state: no change is missing" "$TMP/offences"
path='$2 == "s390_ap_state" && q == Q && f["to"] == "REMOVE" { on = 1 }
	on && $2 == "s390_ap_state" && q == Q { printf "%s ", f["to"] }
	q == Q && f["to"] == "IDLE" { on = 0 }'
expect_like "s390_ap_state: from the removal to the next driver" \
	"$(ask "$TMP/trace" "$path" | tr -s ' ')" \
	"REMOVE ZERO_START ZERO_WAIT UNBOUND BOUND RESET_START RESET_WAIT IDLE *"

# One that is not proven
set_to /sys/module/ap/parameters/remove_timeout 500
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
trace_begin
unbind $Q || die "unbind: $RES"
trace_end "$TMP/trace"
# then it may have been tried again
expect_like "a reset that does not end: the phases" "$(ask "$TMP/trace" "$phases")" \
	"flush(cex4queue) remove(cex4queue) clean(cex4queue) unproven(cex4queue) *"
expect "a reset that does not end: the state, and why" \
	"$(ask "$TMP/trace" '$2 == "s390_ap_state" && q == Q && f["to"] == "UNCLEAN" { print f["from"], f["rc"]; exit }')" \
	"ZERO_WAIT 0x02"
sim release $Q
put $TRACING/buffer_size_kb "${size%% *}"
put $TRACING/trace_clock local
finish
