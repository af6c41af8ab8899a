#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Device nodes beside /dev/z90crypt: what their masks admit, and their end with
# the module while others create and destroy some.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

CLASS=/sys/class/zcrypt
NODES=/sys/devices/virtual/zcrypt

# answer: to a request through the node
answer() {
	ap_request -d /dev/aptest me | cut -d' ' -f1
}

mask() { # NAME VALUE
	set_to "$CLASS/aptest/$1" "$2"
}

# requests CARD: how many it ever had
requests() {
	cat "$DEV/$1/request_count"
}

plan 15
stack_up "cards=8a,8a domains=2"
expect "mode of create and destroy" \
	"$(stat -c %a $CLASS/create $CLASS/destroy | tr '\n' ' ')" "600 600 "
set_to $CLASS/create aptest
wait_for 5 [ -c /dev/aptest ]
wr $CLASS/create aptest
expect_like "a second one of the same name" "$RES" "*EEXIST*"
expect "a new node admits nothing" "$(answer)" EPERM
mask ioctlmask +0-255
expect "ioctls, but no card" "$(answer)" ENODEV
mask apmask +1
expect "a card, but no domain" "$(answer)" ENODEV
mask aqmask +0-255
zero=$(requests card00)
one=$(requests card01)
expect "card 1" "$(answer)$(answer)$(answer)" OKOKOK
expect "and no other had the requests" \
	"$(($(requests card00) - zero)) $(($(requests card01) - one))" "0 3"
set_to $CLASS/destroy aptest
wr $CLASS/destroy aptest
expect_like "a node that is not there" "$RES" "*ENOENT*"

# A name that the kernel would choose may be taken
nodes() {
	ls $NODES 2>/dev/null
}
names=
for _ in 1 2 3; do
	for name in zcrypt_1 ""; do
		{ echo none; nodes; } >"$TMP/before"
		wr $CLASS/create "$name "
		names="$names$RES $(nodes | grep -vxFf "$TMP/before") "
	done
done
expect "names that the kernel chooses are free ones" "$names" \
	"OK zcrypt_1 OK zcrypt_2 EEXIST  OK zcrypt_3 EEXIST  OK zcrypt_4 "
for name in $(nodes); do
	set_to $CLASS/destroy "$name"
done
wr $CLASS/create " "
expect "numbers that were passed over are free" "$RES $(nodes)" "OK zcrypt_0"
set_to $CLASS/destroy zcrypt_0

# Nodes come, with names that the kernel chooses, while the module goes
cat >"$TMP/creator" <<EOF
while :; do
	echo >$CLASS/create || [ -d $CLASS ] || sleep 0.1
done 2>/dev/null
EOF
for i in 1 2 3 4; do
	job busy$i sh "$TMP/creator"
done
n=0
left=0
max=$(rounds 10)
while [ $n -lt "$max" ]; do
	wait_for 10 [ -d $NODES ] || die "nobody creates nodes"
	for m in pkey_cca pkey_ep11 pkey_pckmo pkey zcrypt_cex4; do
		unload $m || break 2
	done
	bounded 60 rmmod zcrypt || break
	[ ! -e $NODES ] || left=$((left + 1))
	n=$((n + 1))
	# What they make after the last time would stay
	[ $n -lt "$max" ] || stop_jobs
	modprobe zcrypt_cex4 || break
done
stop_jobs
expect "unloaded and loaded $max times" $n "$max"
expect "no node outlived its module" $left 0
wait_for 20 bindings_complete
wait_for 20 all_idle
set_to $CLASS/create aptest
expect "afterwards: a node" "$(test -d $NODES/aptest; echo $?)" 0
set_to $CLASS/destroy aptest
expect "afterwards: none" "$(test -e /dev/aptest; echo $?)" 1
expect_like "afterwards: RSA" "$(ap_request me)" "OK *"
finish
