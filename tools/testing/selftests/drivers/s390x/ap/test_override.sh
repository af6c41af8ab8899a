#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# driver_override: one queue for one driver, by name, without the masks; never
# together with them.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

# override QUEUE NAME: RES of the write, and what reads then
override() {
	wr "$DEV/$1/driver_override" "$2"
	value "$DEV/$1/driver_override"
	RES="$RES '$VAL'"
}

# bound QUEUE DRIVER: RES of the bind, and who has the queue then
bound() {
	bind_to "$1" "$2"
	driver_of "$1"
	RES="$RES $DRIVER"
}

# mask NAME TEXT: RES of the write, and whether the mask is full then
mask() {
	wr "$AP/$1" "$2"
	case $(cat "$AP/$1") in
	*[!0xf]*) RES="$RES, restricts" ;;
	*) RES="$RES, full" ;;
	esac
}

plan 43
stack_up "cards=8a,8a domains=2"
need vfio_ap
Q=00.0001
OTHER=01.0001
# an empty line; a write of nothing at all does not get to an attribute
NONE='
'

expect "no queue has one at first" "$(cat $DEV/??.????/driver_override | tr -d '\n')" ""
override $Q vfio_ap
expect "it is taken" "$RES" "OK 'vfio_ap'"
expect "the queue stays where it is" "$(q_driver $Q) $(cat $AP/bindings)" "cex4queue 4/4 (complete)"
unbind $Q
bound $Q cex4queue
expect "another driver does not get it" "$RES" "ENODEV none"
expect "and is missed" "$(cat $AP/bindings)" "3/4"
bound $Q vfio_ap
expect "the one that is named does, inside of both masks" "$RES" "OK vfio_ap"
expect "then nothing is missed" "$(cat $AP/bindings)" "4/4 (complete)"
sim_log "$TMP/sim"
check "it was shown clean before" proven $Q "$TMP/sim"
unbind $OTHER
bound $OTHER vfio_ap
expect "a queue without one is for whom the masks say" "$RES" "ENODEV none"
bound $OTHER cex4queue
expect "and only for that one" "$RES" "OK cex4queue"

# One way or the other
mask aqmask -1
expect "aqmask cannot be written now" "$RES" "EINVAL, full"
mask apmask -0
expect "nor apmask" "$RES" "EINVAL, full"
mask apmask +0
expect "nor a value that it has" "$RES" "EINVAL, full"
check "the kernel log says why" sh -c 'dmesg | tail -n 20 | grep -q "aqmask cannot be written while queues have a driver_override (1 do)"'
override $OTHER vfio_ap
expect "a second queue gets one" "$RES" "OK 'vfio_ap'"
override $OTHER "$NONE"
expect "an empty line ends it" "$RES" "OK ''"
mask aqmask -1
expect "there is still the first one" "$RES" "EINVAL, full"
override $Q "$NONE"
expect "the last one ends" "$RES" "OK ''"
expect "the queue stays where it is" "$(q_driver $Q)" vfio_ap
mask aqmask -1
expect "now aqmask is taken" "$RES" "OK, restricts"
override $Q vfio_ap
expect "with it there is no driver_override" "$RES" "EINVAL ''"
check "the kernel log says why" sh -c 'dmesg | tail -n 20 | grep -q "driver_override of queue 00.0001 cannot be written while apmask or aqmask is not full"'
override $Q "$NONE"
expect "not even none" "$RES" "EINVAL ''"
mask aqmask +1
expect "aqmask full again: all queues go back" "$RES $(driver_counts)" "OK, full 4 cex4queue "
mask apmask -0
override $OTHER cex4queue
expect "with apmask there is none either" "$RES" "EINVAL ''"
mask apmask +0

# A driver that comes later
override $Q ap_testdrv
unbind $Q
bound $Q cex4queue
expect "the name of a driver that is not there is taken" "$RES" "ENODEV none"
rescan
expect "nobody else gets the queue" "$(q_driver $Q)" none
td_load
check "it gets the queue when it comes" wait_for 10 q_has_driver $Q ap_testdrv
check "all others stay" q_has_driver $OTHER cex4queue
check "zcrypt_cex4 unloads" unload zcrypt_cex4
need zcrypt_cex4
expect "and takes no more than it may when it is back" \
	"$(driver_counts)" "1 ap_testdrv 3 cex4queue "
override $Q cex4queue
move_to $Q cex4queue
expect "another name, another driver" "$RES $(q_driver $Q)" "OK cex4queue"

# The queue goes, with it what it had
sim card00/present 0
rescan
mask aqmask -1
expect "the queue is gone: the masks can be written" "$RES" "OK, restricts"
mask aqmask +1
sim card00/present 1
rescan
wait_for 10 bindings_complete
value $DEV/$Q/driver_override
expect "the queue is back, and has none" "'$VAL' $(q_driver $Q)" "'' cex4queue"

# A guest's matrix: what is free for it, what is needed by it
MATRIX=/sys/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough
UUID=5b1a7a8e-6b8e-4f0e-9a37-0d0a7c1f5e21
MDEV=/sys/devices/vfio_ap/matrix/$UUID
set_to $MATRIX/create $UUID
set_to $MDEV/assign_adapter 0
wr $MDEV/assign_domain 1
expect "a guest cannot have a queue of the default drivers" "$RES" EADDRNOTAVAIL
override $Q vfio_ap
wr $MDEV/assign_domain 1
expect "nor while such a driver still has it" "$RES" EADDRNOTAVAIL
move_to $Q vfio_ap
wr $MDEV/assign_domain 1
expect "when vfio_ap has it it can" "$RES" OK
wr $MDEV/assign_domain 0
expect "but not the one beside it" "$RES" EADDRNOTAVAIL
override $Q "$NONE"
expect "the end of the override leaves it to the guest" "$RES $(q_driver $Q)" "OK '' vfio_ap"
mask aqmask -0
expect "a mask that would take it away is refused" "$RES $(q_driver $Q)" "EBUSY, full vfio_ap"
mask aqmask -1
expect "one that leaves it is taken" "$RES $(q_driver $Q)" "OK, restricts vfio_ap"
set_to $MDEV/remove 1
mask aqmask +1
expect "and the guest's end frees it" "$RES $(q_driver $Q)" "OK, full cex4queue"
expect_like "afterwards: RSA" "$(ap_request me)" "OK *"
finish
