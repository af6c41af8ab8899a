#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Documentation/ABI/testing/sysfs-bus-ap names every attribute that there is, and
# none that there is not.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

DOC=./sysfs-bus-ap
[ -e $DOC ] || DOC=../../../../../../Documentation/ABI/testing/sysfs-bus-ap
[ -e $DOC ] || skip_all "no sysfs-bus-ap to compare with"

# Those of the driver core, and those that only other machines have
CORE='^(uevent|drivers_autoprobe|drivers_probe)$'
ELSEWHERE='^(se_bind|se_associate)$'

# section PATTERN: names of one entry, from its What: lines or its table
section() {
	awk -v want="$1" '
	/^What:/ { on = 0; what = 1 }
	/^[A-Z][a-z]*:/ && !/^What:/ { what = 0 }
	what && index($NF, want) == 1 {
		name = substr($NF, length(want) + 1)
		on = on || name == ""
		if (name ~ /^[a-z_]+$/)
			print name
	}
	on && !what && /^\t\t[A-Za-z_]+ +\(R[OW]\)/ { print $1 }' $DOC | sort -u
}

# there DIRECTORY...: names of the attributes in any of them
there() {
	find "$@" -maxdepth 1 -type f | sed 's,.*/,,' | grep -Ev "$CORE" | sort -u
}

# compare WHAT: $TMP/there and $TMP/told are the same
compare() {
	grep -vxF -f "$TMP/told" "$TMP/there" >"$TMP/offences"
	expect_none "$1: each is in the document" "$TMP/offences"
	grep -vxF -f "$TMP/there" "$TMP/told" | grep -Ev "$ELSEWHERE" >"$TMP/offences"
	expect_none "$1: each of the document is there" "$TMP/offences"
}

plan 10
stack_up "cards=8a,8c,8p domains=2"
there "$AP" >"$TMP/there"
section /sys/bus/ap/ >"$TMP/told"
compare "attributes of the bus"

# shellcheck disable=SC2086
there $DEV/card00/ $DEV/card01/ $DEV/card02/ >"$TMP/there"
section /sys/bus/ap/devices/cardCC/ >"$TMP/told"
compare "attributes of cards"

# shellcheck disable=SC2046
there $(queues | sed "s,.*,$DEV/&/,") >"$TMP/there"
section /sys/bus/ap/devices/CC.DDDD/ >"$TMP/told"
compare "attributes of queues"

ls /sys/module/ap/parameters/ >"$TMP/there"
section /sys/module/ap/parameters/ >"$TMP/told"
compare "parameters of the bus"

put /sys/class/zcrypt/create abi
{
	there /sys/class/zcrypt/
	there /sys/class/zcrypt/abi/ | grep -vx dev
} | sort -u >"$TMP/there"
{
	section /sys/class/zcrypt/NAME/
	section /sys/class/zcrypt/
} | sort -u >"$TMP/told"
compare "attributes of device nodes"
put /sys/class/zcrypt/destroy abi
finish
