#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every attribute of the bus, its drivers, cards, queues, device nodes and modules
# is written with malformed, huge and binary texts (ap_sysfs): all are refused with
# EINVAL and change nothing, and afterwards all is as it was and works.
# AP_FUZZ_SEED says which random bytes.  On a debug kernel each attribute gets a
# quarter of the texts, each time others.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 14
SEED=${AP_FUZZ_SEED:-$(date +%s)}
STEP=1
[ $DEBUG_KERNEL = 0 ] || STEP=4
stack_up "cards=8a,8c,8p domains=1 rsa=2"
NODES=/sys/class/zcrypt
set_to $NODES/create keep
wait_for 5 test -c /dev/keep || die "no /dev/keep"

# everything FILE: all attributes with what is in them, but for what counts
everything() {
	find $AP/ /sys/devices/ap /sys/devices/virtual/zcrypt /sys/module/ap/parameters \
		-type f ! -path '*/power/*' ! -name scans ! -name '*_count' ! -name reset \
		! -name states ! -name interrupt ! -name reset_time | sort | while read -r f; do
		echo "$f: $(tr '\n' ' ' 2>/dev/null <"$f")"
	done >"$1" 2>/dev/null
}

wait_for 20 all_idle
everything "$TMP/before"
diag "seed $SEED"
ap_sysfs "$SEED" $STEP $AP/ /sys/devices/ap $NODES/ /sys/devices/virtual/zcrypt \
	/sys/module/ap/parameters >"$TMP/out" 2>&1
rc=$?
sed 's/^/# /' "$TMP/out"
expect "nothing malformed is taken, and nothing changes" $rc 0
expect_range "attributes were written to" "$(load_result written "$TMP/out")" 30 9999
expect_range "texts were refused" "$(load_result refused "$TMP/out")" $((2000 / STEP)) 99999
wait_for 20 all_idle
everything "$TMP/after"
check "all reads as before" diff "$TMP/before" "$TMP/after"

# What a name of a device node must not be
refuses() { # NAME [ERRNO]
	! wr $NODES/create "$1" && [ "$RES" = "${2:-EINVAL}" ]
}
check "no node has a / in its name" refuses a/b
check "nor a control character" refuses "$(printf 'a\nb')"
check "nor a byte that is no character" refuses "$(printf 'a\377')"
check "nor one that is too long" refuses aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
check "nor one that is there" refuses keep EEXIST
expect "the nodes are those from before" "$(ls /sys/devices/virtual/zcrypt)" keep
set_to $NODES/destroy keep

# A correct write works
wr $AP/config_time 31
expect "config_time is taken" "$RES $(cat $AP/config_time)" "OK 31"
set_to $AP/config_time 30
set_to $DEV/card01/online 0
expect_like "and a request is answered" "$(ap_request me)" "OK *"
set_to $DEV/card01/online 1
expect "all queues have their driver" "$(cat $AP/bindings)" "3/3 (complete)"
check "all queues are idle" wait_for 20 all_idle
finish
