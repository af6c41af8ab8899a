#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each command in the section "Recipes" of zcrypt-remove.rst does what is said
# there: it succeeds, and answers what follows it, "..." being anything; or it
# fails, and that is what follows.  A comment ".. test: COMMAND" there is what
# somebody does to the hardware meanwhile.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

DOC=./zcrypt-remove.rst
[ -e $DOC ] || DOC=../../../../../../Documentation/arch/s390/zcrypt-remove.rst
[ -e $DOC ] || skip_all "no zcrypt-remove.rst to take the recipes from"

# steps: of the document, a line each: "title TEXT" of a recipe, "hook COMMAND",
# "run COMMAND", "says TEXT" of what was run last
steps() {
	awk '
	function underlined(with) {
		return length(line) && length($0) >= length(line) && $0 ~ "^" with "+$"
	}
	underlined("-") || underlined("=") { on = line == "Recipes" }
	on && underlined("~") { print "title", line }
	on && /^\.\. test: / { print "hook", substr($0, 10) }
	on && /^    # / { print "run", substr($0, 7); block = 1 }
	on && /^    [^#]/ && block { print "says", substr($0, 5) }
	/^$/ { block = 0 }
	{ line = $0 }' $DOC
}

# matches FILE PATTERNS: line by line, and not a line more
matches() {
	awk '
	function like(text, pattern, part, n, i, at) {
		n = split(pattern, part, /\.\.\./)
		if (n == 1)
			return text == pattern
		if (substr(text, 1, length(part[1])) != part[1])
			return 0
		text = substr(text, length(part[1]) + 1)
		for (i = 2; i < n; i++) {
			at = index(text, part[i])
			if (!at)
				return 0
			text = substr(text, at + length(part[i]))
		}
		return length(text) >= length(part[n]) &&
		       substr(text, length(text) - length(part[n]) + 1) == part[n]
	}
	NR == FNR { want[++wanted] = $0; next }
	{ there++; if (!like($0, want[there])) bad = 1 }
	END { exit bad || there != wanted }' "$2" "$1"
}

# An answer that tells of a failure
refusal() {
	grep -qE 'error: |No such file or directory$' "$1"
}

# try: the command that was read last, one test
try() {
	local rc

	[ -n "$COMMAND" ] || return
	(cd / && exec sh -c "$COMMAND") >"$TMP/said" 2>&1
	rc=$?
	if refusal "$TMP/says"; then
		[ $rc -ne 0 ]
	else
		[ $rc -eq 0 ]
	fi && matches "$TMP/said" "$TMP/says"
	rc=$?
	[ $rc -eq 0 ] || {
		sed 's/^/# it says: /' "$TMP/said"
		sed 's/^/# must be: /' "$TMP/says"
	}
	check "$TITLE: $COMMAND" [ $rc -eq 0 ]
	COMMAND=
}

mkdir -p "$TMP"
steps >"$TMP/steps"
NUMBER=$(grep -c '^run ' "$TMP/steps")
plan "$NUMBER"
[ "$NUMBER" -gt 0 ] || die "no recipe in $DOC"
stack_up "cards=8a,8a,8c,8a domains=6"
need vfio_ap

COMMAND=
while IFS= read -r line; do
	text=${line#* }
	case $line in
	"says "*)
		echo "$text" >>"$TMP/says"
		continue
		;;
	esac
	try
	case $line in
	"title "*) TITLE=$text ;;
	"hook "*) eval "$text" ;;
	"run "*)
		COMMAND=$text
		: >"$TMP/says"
		;;
	esac
done <"$TMP/steps"
try
finish
