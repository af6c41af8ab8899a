#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R2: a message that was let in comes back exactly once: with its reply, flushed
# (-EAGAIN), or with the error its queue died of; one that its sender cancelled
# is not touched any more.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

Q=00.0001

# Send $2 messages to $Q in the background, while replies are held
send_held() {
	sim fault "add apqn=$Q insn=REPLY do=hold count=inf"
	td results_clear 1
	job held ap_write $TD/submit "$Q $1"
	wait_for 10 eval '[ "$(sim_state $Q entries)" -gt 0 ] && [ "$(td_result submitted)" -ge '"$1"' ]' ||
		die "messages do not reach the card: $(cat $TD/results)"
}

release() {
	sim fault clear
	sim release "$Q"
}

all_back() {
	[ "$(td_balance)" -eq 0 ]
}

# All came back, and only as said: COUNT KIND...
came_back() {
	local n=$1 k got=0

	shift
	for k; do
		got=$((got + $(td_result "$k")))
	done
	echo "back=$got/$n broken=$(td_broken)"
}

ready() {
	wait_for 20 q_idle $Q || die "$Q does not get ready: $(q_state $Q)"
}

plan 16
stack_up "cards=8a,8a domains=4"
td_take 1

td submit "$Q 64"
expect "64 messages: 64 answers" "$(came_back 64 replied)" "back=64/64 broken=0"

sim reorder 1
sim service_us 2000
td results_clear 1
td submit "$Q 64"
expect "64 messages, replies out of order: 64 answers" "$(came_back 64 replied)" "back=64/64 broken=0"
sim reorder 0
sim service_us 0

send_held 32
check "unbind with 32 messages under way" unbind $Q
wait_for 10 gone "$JOB"
expect "unbind: all flushed, once" "$(came_back 32 flushed)" "back=32/32 broken=0"
release
move_to $Q ap_testdrv || die "bind: $RES"
ready

send_held 32
check "reset with 32 messages under way" wr $DEV/$Q/reset 1
wait_for 10 gone "$JOB"
expect "reset: all flushed, once" "$(came_back 32 flushed)" "back=32/32 broken=0"
release
ready

td results_clear 1
sim fault "add apqn=$Q insn=REPLY do=hold count=inf"
td linger_ms 1000
job cancel ap_write $TD/submit "$Q 32 cancel"
wait_for 10 td_is cancelled -eq 32
release		# now the replies to cancelled messages come
wait_for 10 gone "$JOB"
expect "cancelled: not touched any more, replies that come later fall away" \
	"$(came_back 32 cancelled)" "back=32/32 broken=0"
td results_clear 1
td submit "$Q 16"
expect "after that 16 messages: 16 answers" "$(came_back 16 replied)" "back=16/16 broken=0"

td results_clear 1
td linger_ms 200
sim service_us 1000
for n in 1 2 3 4 5 6 7 8; do
	td submit "$Q 16 cancel"
done
sim service_us 0
td submit "$Q 8"
expect "cancel races with replies: each once, and not touched afterwards" \
	"$(came_back 136 replied cancelled)" "back=136/136 broken=0"
ready

# Replies that are not what was asked for.  The real one never comes: the
# queue's time-out for replies has to deal with it.
td request_timeout_ms 1000		# taken over at the next probe
unbind $Q && bind_to $Q ap_testdrv || die "rebind: $RES"
ready
for kind in foreign stale swallow; do
	# a stale psmid needs an earlier message
	td submit "$Q 4"
	td results_clear 1
	sim fault "add apqn=$Q insn=REPLY do=$kind count=1"
	td submit "$Q 16"
	expect "a reply that is $kind: 16 messages come back, once" \
		"$(came_back 16 replied flushed)" "back=16/16 broken=0"
	sim fault clear
	ready
done
td request_timeout_ms 60000
unbind $Q && bind_to $Q ap_testdrv || die "rebind: $RES"
ready

# The queue dies with messages at the card
send_held 16
sim "card00/0001/config" 0
rescan
wait_for 10 all_back
expect "deconfigured: all came back, once" "$(came_back 16 flushed error)" "back=16/16 broken=0"
wait_for 20 gone "$JOB"
sim "card00/0001/config" 1
release
rescan
ready

send_held 16
sim "card00/present" 0
rescan
wait_for 10 all_back
expect "card gone: all came back, once" "$(came_back 16 flushed error)" "back=16/16 broken=0"
wait_for 20 gone "$JOB"
check "card gone: no device is left" eval '! [ -e $DEV/$Q ]'
sim "card00/present" 1
release
rescan
wait_for 20 q_has_driver $Q ap_testdrv
ready
td results_clear 1
td submit "$Q 16"
expect "card back: 16 messages: 16 answers" "$(came_back 16 replied)" "back=16/16 broken=0"
finish
