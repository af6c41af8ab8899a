#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R9: everything at once, from many shells: unbind and bind between three
# drivers, masks, online, config, reset, scans, cards that go, come, stop and lose
# their configuration, odd answers, hanging resets, CPUs that come and go, device
# nodes made and destroyed under their users, programs that are killed, modules
# unloaded and loaded, readers of every attribute, and senders on both sides: 16
# threads whose every result is checked.  At the end all must be healthy, nothing
# lost, use counts as before, and apsim's watch must have seen no breach of R3 and
# R4.
#
# Whether there are interrupts follows from the seed and from the kernel: of a lab
# and a debug kernel that have the same seed one polls, by timers and by the poll
# thread, which comes and goes.
#
# Three parts: in the first, two thirds of the time, there is always a queue that
# the programs may have, and they must see no error.  In the second zcrypt_cex4
# is unloaded, too; then they may see ENODEV.  In the third they are gone, and
# zcrypt and ap are unloaded as well.
# usage: test_r9_storm.sh [SECONDS]	(default: AP_STORM, or 20)
# AP_SEED=N makes the choices of the storm that printed this number.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh
# shellcheck source=ap_storm.sh
. ./ap_storm.sh

SECONDS_=${1:-${AP_STORM:-20}}
case "$SECONDS_" in
'' | *[!0-9]*)
	echo "${0##*/}: SECONDS must be a number, not '$SECONDS_'" >&2
	exit 2
	;;
esac

healthy() {
	local c q

	rescan
	for c in "$DEV"/card*; do
		say "$c/online" 1
	done
	for q in $(queues); do
		q_has_driver "$q" none && say $AP/drivers/cex4queue/bind "$q"
		q_has_driver "$q" cex4queue || return 1
		say "$DEV/$q/online" 1
	done
	bindings_complete && all_idle
}

counts() {
	local m

	for m in ap zcrypt zcrypt_cex4 vfio_ap ap_testdrv; do
		echo "$m=$(use_count $m)"
	done | tr '\n' ' '
}

# Devices of the bus, and device nodes
devices() {
	ls "$DEV" $CLASS | sort | tr '\n' ' '
}

watched() {
	field "$1" $SIM/watch
	echo "${VAL:-0}"
}

unbroken() {
	field breaches $SIM/watch
	[ "$VAL" = 0 ]
}

# Everything is there again
cards_back() {
	local c d

	for c in 00 01 02 03 04; do
		sim card$c/present 1
		sim card$c/config 1
		sim card$c/chkstop 0
		for d in 0000 0001 0002 0003; do
			sim card$c/$d/present 1
			sim card$c/$d/config 1
			sim card$c/$d/chkstop 0
		done
	done
}

# over PID: without our AP bus what waits for a card may wait for a scan
over() {
	gone "$1" && return
	ours || rescan
	return 1
}

# What the base hands back because it was put off line stays in the card until the
# queue is used again; only that is reset, all else must have come out by itself
reset_off_line() {
	local q

	diag "left before what was off line is reset: $(unaccounted)"
	for q in 00.0003 01.0000 01.0001 01.0002 01.0003 04.0002; do
		put "$DEV/$q/reset" 1
	done
	wait_for 20 all_idle
}

# Left in the cards: what went in and did not come out, nor was reset away
unaccounted() {
	echo $(($(sim_total nqap_ok) - $(sim_total dqap_ok) - $(sim_total lost) - \
		$(sim_total swallowed)))
}

# breached: "SEQ APQN" of the first breach of each queue that has one
breached() {
	awk '{
		for (i = 5; i < NF; i++)
			if ($(i + 1) ~ /^psmid=/ && !seen[$i]++)
				print $(i - 4), $i
	}' "$TMP/breaches"
}

# storm SECONDS: stops at once when there is a breach, while the log has it, and
# tells: what breaks these rules may soon break the kernel
storm() {
	local end

	now_cs
	end=$((NOW + $1 * 100))
	while [ "$NOW" -lt $end ] && unbroken; do
		nap 1
		now_cs
	done
	unbroken || sed 's/^/# watch: /' $SIM/watch
}

# asks PID: its threads are at work, and it knows what the answers must be
asks() {
	[ -e "/proc/$1/task" ] && [ "$(ls "/proc/$1/task" | wc -l)" -gt 1 ]
}

# part NAME: the time at which it begins
part() {
	now_cs
	diag "after $((NOW / 100)) s: $1"
}

# Who asks the cards: 12 threads of RSA, and 4 of CCA and EP11 requests
load_begin() {
	job load set_back 0 exec ap_load --threads 8 --key 1024 --op me-pub --seconds 86400 --signals
	LOAD=$JOB
	job load2 set_back 0 exec ap_load --threads 4 --key $SIZES --op mix --seconds 86400 --signals
	LOAD2=$JOB
	job coproc set_back 0 exec ap_coproc load 4
	LOAD3=$JOB
	wait_for 60 asks "$LOAD3" || die "ap_coproc does not begin: $(cat "$TMP/coproc")"
}

# The simulator computes each result once and keeps it: that takes our own CPUs,
# and in the storm it would take them for half of the time.
warm_up() {
	SIZES=mix
	[ $DEBUG_KERNEL = 0 ] || SIZES=2048
	bounded 120 ap_load --threads 2 --key $SIZES --op mix --requests 48 &&
		bounded 60 ap_load --threads 2 --key 1024 --op mix --requests 12 ||
		die "no requests before the storm: $(cat "$TMP/bounded")"
}

# load_end DIR: what they got goes there.  It is judged when the storm is over: that
# takes long in it.
load_end() {
	local p

	part "the programs are told to end"
	kill "$LOAD" "$LOAD2" "$LOAD3" 2>/dev/null
	mkdir "$TMP/$1"
	: >"$TMP/$1/hung"
	for p in $LOAD $LOAD2 $LOAD3; do
		wait_for 90 gone "$p" || echo "PID $p does not end" >>"$TMP/$1/hung"
	done
	mv "$TMP/load" "$TMP/load2" "$TMP/coproc" "$TMP/$1/"
	part "they have"
}

# load_judge DIR WHAT ERRNO...: errors other than these are none of ours
load_judge() {
	local in="$TMP/$1" what="$2" f wrong

	shift 2
	sed "s/^/# $what: /" "$in/load" "$in/load2" "$in/coproc"
	wrong=$(cat "$in/hung")
	for f in load load2; do
		wrong="$wrong$(load_result wrong "$in/$f") $(load_result stuck "$in/$f") "
	done
	wrong="$wrong$(load_result wrong "$in/coproc")"
	expect "$what: no wrong answer, no stuck request" "$wrong" "0 0 0 0 0"
	if ours; then
		cat "$in/load" "$in/load2" "$in/coproc" >"$TMP/loads"
		load_errors "$TMP/loads" "$@" >"$TMP/errors"
		expect_none "$what: no error for a program${1:+ but $1}" "$TMP/errors"
	else
		skip "$what: no error for a program" "not promised without our AP bus"
	fi
	# A storm that lets nothing through proves nothing
	for f in load load2 coproc; do
		expect_range "$what: requests answered ($f)" \
			"$(load_result "done" "$in/$f")" 1 1000000000
	done
}

plan 26
storm_seed
CARDS="cards=8a,8a,7a,8c,8p domains=4 service_us=3000 rsa=2"
irq=useirq=1
stack_up "$CARDS" $irq
if ours && [ $(((STORM_SEED + DEBUG_KERNEL) % 2)) = 0 ]; then
	irq=useirq=0
	stack_up "$CARDS" $irq
fi
diag "with $irq"
# A card does not wait for a CPU of ours
say /sys/devices/virtual/workqueue/apsim/nice -5
need vfio_ap
td_load
td_settings
wr /sys/module/ap/parameters/remove_timeout 500 || diag "no remove_timeout: $RES"
before=$(counts)
there=$(devices)
diag "use counts before: $before"
ours && third=$((SECONDS_ / 6)) || third=0
warm_up
part "the storm begins"
sim watch 1

go_ahead
actor hand_over1 1 hand_over
actor hand_over2 2 hand_over
actor hand_over3 3 hand_over
actor masks 4
actor attributes 5
actor scans 6
actor poll_thread 17
actor hardware 7
HARDWARE=$JOB
actor faults 8
actor readers 9
[ -e /sys/devices/system/cpu/cpu1/online ] && actor cpus 10
actor senders1 11 senders
actor senders2 12 senders
load_begin
if [ -e $CLASS/create ]; then
	actor nodes1 13 nodes
	actor nodes2 14 nodes
fi
actor victims 15
actor modules 16
part "all are at it"
storm $((SECONDS_ - 2 * third))
load_end first

if ours; then
	load_begin
	: >"$TMP/cex4"
	part "zcrypt_cex4 goes, too"
	storm $third
	check "zcrypt_cex4 was unloaded" wait_for 90 [ -e "$TMP/did.cex4" ]
	load_end second
	: >"$TMP/alone"
	part "zcrypt and ap go, too"
	storm $third
	check "and so were zcrypt and ap" wait_for 90 [ -e "$TMP/did.alone" ]
fi

part "it ends"
touch "$TMP/stop"
# What hangs by a fault of the simulator gets free
sim fault clear
sim release '*'
if ! ours; then
	wait_for 90 gone "$HARDWARE"
	cards_back
fi
hung=
for p in $JOBS; do
	wait_for 90 over "$p" || hung="$hung $p"
done
if [ -n "$hung" ]; then
	for p in $hung; do
		diag "PID $p: $(tr '\0' ' ' <"/proc/$p/cmdline")"
		sed 's/^/#   /' "/proc/$p/stack" 2>/dev/null
	done
	echo w >/proc/sysrq-trigger
fi
expect "everything that ran in the storm ends" "$hung" ""
JOBS=
part "it is calm"
load_judge first "storm"
if ours; then
	load_judge second "zcrypt_cex4 unloaded" ENODEV
else
	for n in 1 2 3 4 5 6 7; do
		skip "zcrypt_cex4 unloaded ($n)" "not without our AP bus"
	done
fi
if [ $irq = useirq=0 ]; then
	check "the poll thread has run" [ -e "$TMP/did.poll" ]
else
	check "with interrupts there is no poll thread" [ ! -e "$TMP/did.poll" ]
fi
cat "$TMP"/actor.* | sed 's/^/# /'
grep -h '^[A-Z]' "$TMP"/actor.* >"$TMP/complaints"
expect_none "killed programs go, nodes give no wrong answer, modules come and go" "$TMP/complaints"
if [ -e $TD/results ]; then
	diag "$(cat $TD/results)"
fi
expect "messages of the second driver: all accounted for, no promise broken" \
	"$(td_balance) $(td_broken)" "0 0"

# Calm: everything as at the start
cards_back
set_to $AP/poll_thread 0
set_to $AP/apmask +0-255
set_to $AP/aqmask +0-255
wait_for 90 healthy
ours || reset_off_line
for q in $(queues); do
	q_has_driver "$q" cex4queue && q_idle "$q" ||
		diag "$q: $(q_driver "$q"), $(q_state "$q"), $(q_clean "$q")"
done
expect "all 20 queues are back with the default driver and ready" \
	"$(cat $AP/bindings)" "20/20 (complete)"
check "all queues are idle" all_idle
expect "use counts are as before" "$(counts)" "$before"
expect "devices and nodes are as before" "$(devices)" "$there"
bounded 90 ap_load --threads 4 --key 1024 --op crt --requests 48
expect "RSA after the storm: all right" $? 0
expect "requests that are left in the cards" "$(unaccounted)" 0
sim watch 0
diag "$(head -n 1 $SIM/watch)"
sed 1d $SIM/watch >"$TMP/breaches"
# What these queues went through before that, if the log still has it
breached |
	while read -r n q; do
		awk -v n="$n" -v q="$q" '$5 == q && $1 <= n' $SIM/log | tail -n 60
	done | sed 's/^/# log: /'
expect_none "R3, R4: no instruction and no call to a driver where none may be" "$TMP/breaches"
expect_range "queues shown clean, as the simulator's log has it" "$(watched clean)" 1 1000000000
expect_range "and taken into use again" "$(watched reopened)" 1 1000000000
# On a debug kernel: timers, work and RCU heads
if [ -e /sys/kernel/debug/debug_objects/stats ]; then
	expect "objects that were freed or begun in use" \
		"$(awk -F: '/^warnings/ { print $2 + 0 }' /sys/kernel/debug/debug_objects/stats)" 0
else
	skip "objects that were freed or begun in use" "a kernel without debug objects"
fi
finish
