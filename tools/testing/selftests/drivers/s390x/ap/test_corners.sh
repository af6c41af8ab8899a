#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the other tests do not come by: replies that stay away longer than the
# driver's time limit or come in many parts, a bus scan and a reset that get odd
# answers, parameters and uses that make no sense, and more of something than there
# is room for.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

Q=00.0001
LIMIT=3000	# the second driver's time limit for a reply, ms

ready() {
	wait_for 20 q_idle $Q || die "$Q does not get ready: $(q_state $Q)"
}

# said TEXT: the kernel, since this test began
said() {
	dmesg | sed "1,/$DMESG_MARK/d" | grep -qF "$1"
}

# resets: how many RAPQ the queue was given
resets() {
	sim_count $Q rapq
}

# reset_since NUMBER: until there are more resets than that
reset_since() {
	wait_for 20 eval '[ "$(resets)" -gt '"$1"' ]'
}

# came KIND NUMBER: the second driver's messages ended like that, once each
came() {
	expect "$WHAT: $2 $1, each once" \
		"$(td_result "$1") $(td_balance) $(td_broken)" "$2 0 0"
}

works_again() {
	sim fault clear
	sim release '*'
	ready
	td results_clear 1
	td submit "$Q 4"
	WHAT="$WHAT, and then"
	came replied 4
}

# withheld RULE: no reply at all; what waits is handed back and the queue reset
withheld() {
	local before

	td results_clear 1
	before=$(resets)
	sim fault "add apqn=$Q $1 count=inf"
	td submit "$Q 4"
	came flushed 4
	reset_since "$before"
	expect "$WHAT: the queue is reset" $? 0
	works_again
}

clean_is() {
	wait_for 10 q_clean_is $Q "$1"
	expect "$2" "$(q_clean $Q)" "$1"
}

# nodes_full: create nodes until it fails
nodes_full() {
	NODES=0
	while wr /sys/class/zcrypt/create ap$NODES; do
		NODES=$((NODES + 1))
		[ $NODES -le 300 ] || return 1
	done
}

plan 30
stack_up "cards=8a,8a domains=2"
td_load
td request_timeout_ms $LIMIT
td_take 1

WHAT="replies are withheld"
withheld "insn=REPLY do=hold"
WHAT="the card is full with nothing in it"
withheld "insn=NQAP do=rc=10"

# The bus takes 32 parts; these are of 144 bytes, in parts of 5 and of 4
WHAT="replies in 29 parts"
td results_clear 1
before=$(resets)
sim fault "add apqn=$Q insn=REPLY do=parts=1d count=4"
td submit "$Q 4"
came replied 4
expect "$WHAT: no reset" "$(resets)" "$before"
works_again
WHAT="a reply in 36 parts"
td results_clear 1
sim fault "add apqn=$Q insn=REPLY do=parts=24 count=1"
td submit "$Q 1"
came flushed 1
# A timer does it, a little later than the message is handed back
reset_since $before
expect "$WHAT: the queue is reset" "$(resets)" $((before + 1))
works_again

# One reply stays away, others come: that one is handed back after the limit, the
# queue is left at work, and the late reply is nobody's
WHAT="one reply is withheld, others come"
td results_clear 1
before=$(resets)
sim fault "add apqn=$Q insn=REPLY do=hold count=1"
job held ap_write $TD/submit "$Q 1"
held=$JOB
wait_for 10 td_is submitted -eq 1
n=0
longest=0
now_cs
while ! gone "$held" && [ $n -lt 300 ]; do
	last=$NOW
	td submit "$Q 1"
	n=$((n + 1))
	nap 0.05
	now_cs
	[ $((NOW - last)) -le $longest ] || longest=$((NOW - last))
done
after=$(resets)
expect "$WHAT: it is handed back, once" \
	"$(td_result flushed) $(td_balance) $(td_broken)" "1 0 0"
expect "$WHAT: they are answered" "$(td_result replied)" $n
# From the last reply to the look at the counter is such a time, too
if [ $((longest * 20)) -lt $LIMIT ]; then
	expect "$WHAT: no reset" "$after" "$before"
else
	skip "$WHAT: no reset" "up to ${longest}0 ms from one reply to the next"
fi
works_again
set_to $AP/aqmask +1
wait_for 20 q_has_driver $Q cex4queue
ready

before=$(resets)
sim fault "add apqn=$Q insn=TAPQ do=rc=77 count=1"
rescan
said "$Q: unexpected answer to TAPQ"
expect "a scan is told nonsense once: it asks again, and all is well" "$? $(resets)" "1 $before"
sim fault "add apqn=$Q insn=TAPQ do=rc=77 count=2"
rescan
check "twice: the log says so" said "$Q: unexpected answer to TAPQ"
check "and the queue is reset, and comes back" wait_for 20 q_idle $Q

set_to /sys/module/ap/parameters/remove_timeout 100
sim fault "add apqn=$Q insn=ZAPQ do=rc=0A count=inf"
unbind $Q
clean_is "not clean: state change in progress" "ZAPQ answers 0A for too long"
sim fault clear
rescan
clean_is "clean" "and then no more"
bind_to $Q cex4queue
ready

ap_load --threads 1 --key 1024 --op me-pub --requests 8
wr "$DEV/$Q/request_count" 1
expect "a queue's request_count is cleared by a write" "$RES $(cat "$DEV/$Q/request_count")" "OK 0"
set_to "$DEV/card00/online" 0
wr "$DEV/$Q/online" 1
expect "no queue of a card that is off line goes on line" "$RES $(cat "$DEV/$Q/online")" "EINVAL 0"
set_to "$DEV/card00/online" 1
cat /dev/z90crypt 2>&1 | grep -q "not permitted"
expect "the device node cannot be read" $? 0
wr /dev/z90crypt x
expect "nor written" "$RES" EPERM
if [ $DEBUG_KERNEL = 1 ]; then
	skip "as many nodes as there are numbers" "takes a minute on a debug kernel"
else
	nodes_full
	expect "as many nodes as there are numbers" "$NODES $RES" "256 ENOSPC"
fi

stack_down
modprobe apsim cards=8a domains=2 && modprobe ap apmask=0x8000 aqmask=+1 || die "ap does not load"
expect_like "masks that are parameters" "$(cat $AP/apmask $AP/aqmask | tr -d '\n')" "0x80000*0x40000*"
rmmod ap
modprobe ap apmask=junk domain=200 || die "ap does not load"
check "a mask that is none: the log says so" said "apmask=junk is malformed"
expect_like "and the default drivers have no card" "$(cat $AP/apmask)" "0x0000*"
check "a domain that is none: the log says so" said "domain=200 is no domain"
finish
