#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Those of test_failing.sh's paths that load the drivers' modules: allocations that fail
# in their init functions. See test_failing_scans.sh.
cd "$(dirname "$0")" || exit
if [ -n "$AP_FAILING" ]; then
	echo "1..0 # SKIP test_failing.sh has the paths of AP_FAILING"
	exit 4
fi
AP_FAILING=modules exec ./test_failing.sh
