#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The fault matrix: ap_matrix.c says what it is, and what its rules are.  On a
# debug kernel a sample of it.  AP_MATRIX is QUEUES:STRIDE:HOLD_MS:SLACK_MS:GLOB
# for another choice.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan $((57 + 3))
stack_up "cards=8a domains=40 depth=2 rsa=2 log=1024"
wr /sys/module/ap/parameters/remove_timeout 1000 || diag "no remove_timeout: $RES"
if [ $DEBUG_KERNEL = 1 ]; then
	set -- 20 29 3000 "$SLACK_MS"
else
	set -- 40 1 12000 0
fi
if [ -n "$AP_MATRIX" ]; then
	set -f
	# shellcheck disable=SC2046
	set -- $(echo "$AP_MATRIX" | tr ':' ' ')
	set +f
fi
mkfifo "$TMP/pipe"
ap_matrix "$@" >"$TMP/pipe" &
pid=$!
while read -r word rest; do
	case "$word $rest" in
	"ok "*SKIP*) skip "$(echo "${rest#* }" | sed 's/ # .*//')" "not asked for" ;;
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
