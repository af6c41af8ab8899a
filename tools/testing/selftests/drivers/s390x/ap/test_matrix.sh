#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The fault matrix: ap_matrix.c says what it is, and what its rules are.  On a
# debug kernel a sample of it.  Here are the groups of instructions for messages and
# of RAPQ; test_matrix_resets.sh has the others.  AP_MATRIX is
# QUEUES:STRIDE:HOLD_MS:SLACK_MS:GLOB for another choice, of all groups.
# usage: test_matrix.sh [GLOB]
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

part_of test_matrix.sh AP_MATRIX "$@"
groups=${1:-[!ATZ]*}
queues=40 stride=1 hold=12000 slack=0
if [ $DEBUG_KERNEL = 1 ]; then
	queues=20 stride=29 hold=3000 slack=$SLACK_MS
fi
if [ -n "$AP_MATRIX" ]; then
	IFS=: read -r queues stride hold slack groups <<-CHOICE
	$AP_MATRIX
	CHOICE
fi
groups=${groups:-*}
number=$(ap_matrix groups "$groups") || exit 2
plan $((number + 3))
stack_up "cards=8a domains=40 depth=2 rsa=2 log=1024"
wr /sys/module/ap/parameters/remove_timeout 1000 || diag "no remove_timeout: $RES"
mkfifo "$TMP/pipe"
ap_matrix "$queues" "${stride:-1}" "${hold:-12000}" "${slack:-0}" "$groups" >"$TMP/pipe" &
pid=$!
while read -r word rest; do
	case "$word $rest" in
	"ok "*SKIP*) skip "$(echo "${rest#* }" | sed 's/ # .*//')" "none of this sample" ;;
	"ok "*) ok "${rest#* }" ;;
	"not ok "*) not_ok "${rest#ok * }" ;;
	"cell: "* | "#"* | "Bail"*) echo "$word $rest" | sed 's/^[cB]/# &/' ;;
	esac
	case "$word $rest" in
	"# "*" cells, "*) tried=${rest%% *} ;;
	esac
done <"$TMP/pipe"
wait $pid
expect "ap_matrix: exit status" $(($? > 1)) 0
check "all cells were tried" [ "${tried:-0}" -gt 0 ]
check "and all queues work" wait_for 10 all_idle
for n in /dev/matrix*; do
	[ ! -c "$n" ] || set_to /sys/class/zcrypt/destroy "${n#/dev/}"
done
finish
