# SPDX-License-Identifier: GPL-2.0
# Sourced by the shell scripts of the lab: where things are, and how an error
# is told.  The current directory is the top of the tree.
# shellcheck shell=bash

export LC_ALL=C.UTF-8
unset LANGUAGE CDPATH		# as in lab
set -u

# Names that several scripts share are set here, used there.
# shellcheck disable=SC2034
{
BUILD=${LAB_BUILD:-build}
LOGS=build/log
CROSS=s390x-linux-gnu-
# the source tree that kmake works on
TREE=$BUILD/${LAB_TREE:-linux}
}

# fail STATUS TEXT...: one line on stderr, and the end
fail() {
	local status=$1
	shift
	printf '%s: %s\n' "${LAB_NAME:-lab}" "$*" >&2
	exit "$status"
}

# patiently COMMAND...: for what asks a mirror, which may have a bad minute
patiently() {
	local pause
	for pause in 10 30 60; do
		"$@" && return
		echo "that failed; once more in $pause s" >&2
		sleep "$pause"
	done
	"$@"
}

# The make of the kernel tree, with what every call of it needs.  CC and the
# goal are the caller's.  LOCALVERSION keeps the name of the kernel the one of
# the configuration, MAKEFLAGS of the make above must not reach this one.
kmake() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS \
		make -C "$PWD/$TREE" ARCH=s390 CROSS_COMPILE="$CROSS" \
		LOCALVERSION= KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab \
		-j"${JOBS:-$(nproc)}" "$@"
}
