#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R4: after remove() returned no code of that driver runs for the queue, no
# message instruction goes to it until the next probe(), and its timers and
# deferred work are gone.  Under load, with interrupts and with polling.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

sender() {
	while [ ! -e "$TMP/stop" ]; do
		ap_write $TD/submit "$1 24" >/dev/null
		nap 0.05
	done
}

# Hand-overs of both queues under senders, and RSA on the other queues
under_load() {
	local what="$1" n=0 max q senders=

	max=$(rounds 5)

	td_clear
	rm -f "$TMP/stop"
	sim service_us 2000
	for q in 00.0001 01.0001; do
		job "send.$q" sender $q
		senders="$senders $JOB"
	done
	job load ap_load --threads 2 --key 1024 --op me-pub --seconds 200
	nap 0.3
	sim_clear
	sim watch 1
	while [ $n -lt "$max" ]; do
		for q in 00.0001 01.0001; do
			unbind $q || die "unbind $q: $RES"
		done
		# long enough for whatever should not be there to show
		nap 0.2
		for q in 00.0001 01.0001; do
			bind_to $q ap_testdrv || die "bind $q: $RES"
			wait_for 20 q_has_messages $q || die "$q is not used: $(q_state $q)"
		done
		n=$((n + 1))
	done
	touch "$TMP/stop"
	# shellcheck disable=SC2086
	wait_jobs $senders
	stop_jobs
	# read when nothing is written to it any more
	merge_logs "$TMP/merged"
	sim service_us 0
	silence_offences "$TMP/merged" >"$TMP/offences"
	expect_none "$what: silence from remove() to probe()" "$TMP/offences"
	sim watch 0
	diag "$(head -n 1 $SIM/watch)"
	sed 1d $SIM/watch >"$TMP/offences"
	expect_none "$what: the same as apsim's watch sees it, on all queues" "$TMP/offences"
	expect "$what: removals seen" "$(grep -c 'REMOVE exit' "$TMP/merged")" $((2 * max))
	diag "$(cat $TD/results)"
	expect "$what: no late call, no late write to the reply buffer" \
		"$(td_result late_calls) $(td_result in_remove_calls) $(td_result late_writes)" "0 0 0"
	expect "$what: no promise broken, all messages accounted for" "$(td_broken) $(td_balance)" "0 0"
	expect "$what: answers of RSA on the other queues" \
		"wrong $(load_result wrong "$TMP/load") errors $(load_result errors "$TMP/load")" "wrong 0 errors 0"
}

q_has_messages() {
	local base counters=$SIM/card${1%.*}/${1#*.}/counters

	field nqap_ok "$counters"
	base=$VAL
	nap 0.05
	field nqap_ok "$counters"
	[ "$VAL" -gt "$base" ]
}

plan 34
stack_up "cards=8a,8a domains=4 log=262144"
td_take 1
under_load "interrupts"

# A reply time-out that is due after remove(): it must not do anything
td request_timeout_ms 1000
unbind 00.0001 && bind_to 00.0001 ap_testdrv || die "rebind: $RES"
wait_for 20 q_idle 00.0001
sim fault "add apqn=00.0001 insn=REPLY do=hold count=inf"
td_clear
job held ap_write $TD/submit "00.0001 8"
wait_for 10 td_is submitted -eq 8
sim_clear
unbind 00.0001 || die "unbind: $RES"
sleep 2
sim fault clear
sim release '*'
nap 0.3
sim_log "$TMP/sim"
awk '$5 == "00.0001" && $4 ~ /^(ZAPQ|NQAP|DQAP|RAPQ|AQIC|TAPQ)$/ && last { print }
	$5 == "00.0001" && $4 == "ZAPQ" { zapq = 1 }
	$5 == "00.0001" && $4 == "TAPQ" && zapq && substr($8, 8, 4) == "8000" { last = 1 }' \
	"$TMP/sim" | grep -v TAPQ >"$TMP/offences"
expect_none "a time-out due after remove() does not touch the queue" "$TMP/offences"
check "the queue was proven clean" proven 00.0001 "$TMP/sim"
expect "no promise broken" "$(td_broken)" 0

# A driver that fails in probe() after it has set the queue up
move_to 00.0001 ap_testdrv || die "bind: $RES"
wait_for 20 q_idle 00.0001
unbind 00.0001 || die "unbind: $RES"
td probe_error 12
td probe_error_late 1
td probe_error_count 1
td_clear
sim_clear
bind_to 00.0001 ap_testdrv
expect "probe() fails: the bind says so" "$RES" ENOMEM
nap 0.3
sim_log "$TMP/sim"
# its set-up may have issued RAPQ and AQIC; from the bus's ZAPQ on it is quiet
zapq_offences "$TMP/sim" >"$TMP/offences"
expect_none "probe() fails: silence afterwards" "$TMP/offences"
check "probe() fails: the queue is cleaned and proven" wait_for 10 q_clean_is 00.0001 clean
td probe_error_late 0

# What this driver sends to a queue that another one has by then: refused, or, by the
# base for a queue that is not configured, taken, and handed back when the other one
# goes.  This driver is away, but no promise to it is broken.
sim watch 1
move_to 00.0001 ap_testdrv || die "bind: $RES"
wait_for 20 q_idle 00.0001
unbind 00.0001 || die "unbind: $RES"
sim card00/0001/config 0
rescan
set_to $AP/aqmask +1
check "another driver's queue" wait_for 20 q_has_driver 00.0001 cex4queue
job astray ap_write $TD/submit "00.0001 12"
wait_for 10 td_is submitted -eq 12 || die "no messages: $(cat "$TMP/astray")"
unbind 00.0001 || die "unbind: $RES"
check "another driver's queue: all messages come back" wait_for 10 gone "$JOB"
sim watch 0
sed 1d $SIM/watch >"$TMP/offences"
expect_none "another driver's queue: nothing that is late, for apsim's watch" "$TMP/offences"
astray="refused $(td_result refused) handed back $(td_result flushed)"
if ours; then
	expect "another driver's queue: refused" "$astray" "refused 12 handed back 0"
else
	expect "another driver's queue: taken" "$astray" "refused 0 handed back 12"
fi
expect "another driver's queue: no promise broken, all messages accounted for" \
	"$(td_broken) $(td_balance)" "0 0"
sim card00/0001/config 1
unload ap_testdrv || die "ap_testdrv does not unload"
stack_down || die "modules do not unload"

# No interrupts: timers and the poll thread look at the queues
stack_up "cards=8a,8a domains=4 irq=0 log=262144"
td_take 1
under_load "timer"
set_to $AP/poll_thread 1
under_load "poll thread"
appoll() {
	grep -qsx appoll /proc/[0-9]*/comm
}
check "there is a poll thread" appoll
unload ap_testdrv || die "ap_testdrv does not unload"
stack_down || die "modules do not unload"
check "it goes with the bus" eval '! appoll'

# The bus goes while its first scan runs: nothing of that stays, no device, no timer
n=0
early=0
while [ $n -lt 3 ]; do
	modprobe apsim cards=8a,8a,8a,8a domains=16 && modprobe ap || break
	nap 0.0$n
	[ "$(queues | wc -w)" -ge 64 ] || early=$((early + 1))
	rmmod ap && rmmod apsim || break
	n=$((n + 1))
done
expect "the bus goes while it scans" $n 3
expect_range "not all queues were found then (of 3)" $early 1 3
modprobe apsim cards=8a domains=2 && modprobe ap && modprobe zcrypt_cex4
check "and comes again" wait_for 20 bindings_complete
finish
