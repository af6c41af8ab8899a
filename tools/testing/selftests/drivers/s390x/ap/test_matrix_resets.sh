#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The groups of the fault matrix that test_matrix.sh leaves: AQIC, TAPQ and ZAPQ. All
# together take longer on a slow machine than one script may.
cd "$(dirname "$0")" && exec ./test_matrix.sh '[ATZ]*'
