# SPDX-License-Identifier: GPL-2.0
# Sourced by tests that run on the host: KTAP.
# shellcheck shell=bash

number=0
status=0

# report NAME OUTPUT: a test that is good when nothing was said
report() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number $1"
	else
		printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
		echo "not ok $number $1"
		status=1
	fi
}

# works NAME COMMAND...: must succeed; what it says matters only when it does not
works() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		report "$name" ""
	else
		report "$name" "${out:-exit status $?}"
	fi
}

plan() {
	echo "1..$number"
	exit "$status"
}
