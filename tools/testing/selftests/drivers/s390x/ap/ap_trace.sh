#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints the trace of two queues that go to vfio_ap and come back while programs
# compute RSA on them and on two others; see Documentation/arch/s390/zcrypt-trace.rst.
#
# usage: ap_trace.sh
# Exit status: 0 all went well, 1 not.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

TRACING=/sys/kernel/tracing

die() {
	echo "ap_trace.sh: $*" >&2
	exit 1
}

mkdir -p "$TMP"
nap_begin
trap 'stop_jobs; rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP
stack_up "cards=8a,8a domains=2 depth=4 service_us=4000 reset_ms=20"
need vfio_ap
[ -e $TRACING/events/s390/s390_ap_state ] || die "this kernel has no trace events"
put $TRACING/buffer_size_kb 16384
put $TRACING/trace_clock mono
put $TRACING/options/hash-ptr 0
job load ap_load --threads 20 --key 1024 --op me-pub --seconds 3600
LOAD=$JOB
wait_for 20 eval '[ "$(cat $DEV/card00/request_count)" -gt 40 ]' ||
	die "the load does not start: $(cat "$TMP/load")"
put $TRACING/trace 1
for e in $TRACING/events/s390/s390_ap_* $TRACING/events/s390/s390_zcrypt_*; do
	put "$e/enable" 1 || die "cannot switch on ${e##*/}"
done
nap 0.1
set_to $AP/aqmask -1
nap 0.03
set_to $AP/aqmask +1
nap 0.1
put $TRACING/tracing_on 0
for e in $TRACING/events/s390/s390_ap_* $TRACING/events/s390/s390_zcrypt_*; do
	put "$e/enable" 0
done
cat $TRACING/trace
kill "$LOAD"
wait_for 90 gone "$LOAD" || die "the load does not end"
# shellcheck disable=SC2034
JOBS=
[ "$(load_result wrong "$TMP/load") $(load_result stuck "$TMP/load") $(load_errors "$TMP/load")" = "0 0 " ] ||
	die "the load: $(cat "$TMP/load")"
stack_down || die "modules do not unload"
