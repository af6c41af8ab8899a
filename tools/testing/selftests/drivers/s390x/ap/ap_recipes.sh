# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Sourced, after ap_lib.sh, by tests of what a document tells one to do.  In its
# section "Recipes" each command, a line that begins with "# ", is a test: it
# succeeds, and answers what follows it, or it fails, and that is what follows.
# "..." is anything there, and in a line of its own any number of lines.  A comment
# ".. test: COMMAND" is what somebody else does then: the test evaluates it.
#
#	recipes NAME.rst
#	plan $RECIPES
#	...
#	try_recipes
#	finish

# Where commands are run; "cd" changes it
WHERE=/

# recipes NAME: finds the document; RECIPES is how many commands there are
recipes() {
	DOC=./$1
	[ -e "$DOC" ] || DOC=../../../../../../Documentation/arch/s390/$1
	[ -e "$DOC" ] || skip_all "no $1 to take the recipes from"
	mkdir -p "$TMP"
	steps >"$TMP/steps"
	RECIPES=$(grep -c '^run ' "$TMP/steps")
	[ "$RECIPES" -gt 0 ] || die "no recipe in $DOC"
}

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
	{ line = $0 }' "$DOC"
}

# matches FILE PATTERNS: line by line, and not a line more; after "..." goes on
# with the first line that is like the next pattern
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
	FNR == 1 { at = 1 }
	want[at] == "..." {
		if (at == wanted || !like($0, want[at + 1]))
			next
		at++
	}
	{ if (!like($0, want[at++])) bad = 1 }
	END {
		if (want[at] == "..." && at == wanted)
			at++
		exit bad || (at && at != wanted + 1) || (!at && wanted)
	}' "$2" "$1"
}

# An answer that tells of a failure
refusal() {
	grep -qE 'error: |No such file or directory$' "$1"
}

# try: the command that was read last, one test
try() {
	local rc

	[ -n "$COMMAND" ] || return
	(cd "$WHERE" && exec sh -c "$COMMAND") >"$TMP/said" 2>&1
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
	case $COMMAND in
	"cd "*) WHERE=${COMMAND#cd } ;;
	esac
	COMMAND=
}

# All of the document, in its order
try_recipes() {
	local line text

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
}
