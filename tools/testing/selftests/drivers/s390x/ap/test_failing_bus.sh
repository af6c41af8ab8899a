#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Those of test_failing.sh's paths that begin with no bus.
cd "$(dirname "$0")" && exec ./test_failing.sh bus
