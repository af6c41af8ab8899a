# SPDX-License-Identifier: GPL-2.0
# Sourced by the tests of patches, after ktap.sh: a git that knows nothing of who
# runs it, and what any patch has to pass.
# shellcheck shell=bash

unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
# A tree that is a copy of somebody else's directory has that owner, and git would
# not work in it
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost
export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost

# checkpatch PATCH [TYPES]: Who applies it signs it off, and MAINTAINERS has the
# directories of new files; other TYPES of messages are left out, too.
checkpatch() {
	local status
	perl "$BUILD/base/scripts/checkpatch.pl" --no-tree --strict --terse --show-types \
		--no-summary --ignore "MISSING_SIGN_OFF,FILE_PATH_CHANGES${2:+,$2}" "$1"
	status=$?
	# what it remembers of names
	rm -f .checkpatch-camelcase.*
	return "$status"
}
