#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Allocations that fail, and what of the driver core can fail, at each place of
# each path, one by one until a whole pass succeeds (ap_failnth): the writer is
# told or served, nothing hangs, the next pass finds all as it was, and the bus
# works. That nothing is lost or freed twice is for KASAN, debug objects and
# kmemleak to say.
#
# AP_FAILING=GROUP,GROUP... takes only these groups of paths, without it those that
# test_failing_scans.sh, _modules.sh and _bus.sh leave: all together take longer on a
# kernel that looks for mistakes than one script may.  AP_FAILING_TRACE=2 shows in the
# kernel log where each failure is (and so makes the last test fail).
# usage: test_failing.sh [GROUP,GROUP...]
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

DEBUGFS=/sys/kernel/debug
KINDS="failslab fail_page_alloc fail_function"
CLASS=/sys/class/zcrypt
A=00.0000	# accelerator
C=01.0000	# CCA
P=02.0000	# EP11
ONES=ffffffffffffffff
TOTAL=0
CHOSEN=

# set_all FILE VALUE: of all kinds of failures
set_all() {
	local kind

	for kind in $KINDS; do
		set_to "$DEBUGFS/$kind/$1" "$2"
	done
}

# Where the functions are below which something is to fail
addresses() {
	local names="_stext|bind_store|unbind_store|do_sys_openat2|__kmem_cache_create_args|bus_register"

	# with the next one, where the function ends
	grep -E -A 1 " ($names)\$|\[apsim\]" /proc/kallsyms | awk -v names="$names" '
		want != "" { print want, start, $1; want = "" }
		index("|" names "|", "|" $3 "|") { want = $3; start = $1 }
		$4 == "[apsim]" && tolower($2) == "t" {
			# as text: they would be numbers, some of them
			if (low == "" || $1 "" < low "")
				low = $1
			if ($1 "" > high "")
				high = $1
		}
		END { print "apsim", low, high }' >"$TMP/addresses"
}

# below WHAT: only there; modules are all in front of the kernel
below() {
	local name start end

	while read -r name start end; do
		case "$1 $name" in
		"modules _stext") set -- "$1" 1 "0x$start" ;;
		"$name $name") set -- "$1" "0x$start" "0x$end" ;;
		esac
	done <"$TMP/addresses"
	[ $# -eq 3 ] || die "where is $1?"
	set_all require-start "$2"
	set_all require-end "$3"
}

# spare WHAT: not below the simulated hardware, or a function. That it is called
# counts: behind its first instruction it begins to be spared
spare() {
	local name start end

	while read -r name start end; do
		[ "$name" = "$1" ] || continue
		set_all reject-start "$((0x$start + 8))"
		set_all reject-end "0x$end"
	done <"$TMP/addresses"
}

# What watches over memory needs some itself, and copes without
spare_caches() {
	local cache

	for cache in /sys/kernel/slab/*; do
		case "$cache" in
		*/kmemleak* | */debug_objects*) ;;
		*)
			value "$cache/failslab"
			[ "$VAL" = 1 ] || put "$cache/failslab" 1
			;;
		esac
	done
}

inject() {
	local name

	for name in "$@"; do
		set_to $DEBUGFS/fail_function/inject "$name"
		case "$name" in
		__kmem_cache_create_args | airq_iv_create | debug_register) ;;
		*) set_to "$DEBUGFS/fail_function/$name/retval" 0xfffffffffffffff4 ;;
		esac
	done
}

setup() {
	set_all verbose "${AP_FAILING_TRACE:-0}"
	put $DEBUGFS/failslab/ignore-gfp-wait N
	put $DEBUGFS/failslab/cache-filter Y
	put $DEBUGFS/fail_page_alloc/ignore-gfp-wait N
	put $DEBUGFS/fail_page_alloc/min-order 0
	inject __kmem_cache_create_args __root_device_register airq_iv_create alloc_chrdev_region \
		bus_register cdev_add chsc_notifier_register class_register \
		debug_register debugfs_create_dir device_add driver_register \
		hwrng_register kthread_create_on_node misc_register \
		register_adapter_interrupt sysfs_create_group
	addresses
	spare apsim
	spare_caches
	below modules
}

# failing WHAT RESULTS ARGUMENTS...: of ap_failnth; one test. RESULTS are those
# that a pass with a failure may come to; one with "!" is to be among them
failing() {
	local what="$1" may="$2" must word rc bad=

	case "$may" in
	*!*)
		must=${may%%!*}
		must=${must##* }
		;;
	*) must= ;;
	esac
	shift 2
	now_cs
	word=$NOW
	ap_failnth ${AP_FAILING_TRACE:+-v} "$@" >"$TMP/failing" 2>&1
	rc=$?
	now_cs
	word=$((NOW - word))
	# shellcheck disable=SC2046
	set -- $(tail -n 1 "$TMP/failing")
	diag "$what: $*, in $((word / 100)) s"
	for word in "$@"; do
		case "$word" in
		injected=0) bad="nothing can fail" ;;
		injected=*) TOTAL=$((TOTAL + ${word#*=})) ;;
		longest_ms=*)
			[ "${word#*=}" -le $((10000 + SLACK_MS)) ] || bad="too long" ;;
		*)
			case " $may " in
			*" ${word%=*} "*) ;;
			*" ${word%=*}! "*) must= ;;
			*) bad="comes to ${word%=*}" ;;
			esac
			;;
		esac
	done
	[ -z "$must" ] || bad="does not come to $must $bad"
	[ $rc = 0 ] || bad="ap_failnth: $rc $bad"
	if [ -n "$AP_FAILING_TRACE$bad" ]; then
		sed 's/^/#   /' "$TMP/failing"
	fi
	expect "$what" "$bad" ""
}

counts() {
	local m

	for m in ap zcrypt zcrypt_cex4 vfio_ap; do
		echo "$m=$(use_count $m)"
	done | tr '\n' ' '
}

# works WHAT: one test: all have their driver and are idle, all answers are right,
# no reference on a module is left over
works() {
	local q

	if ! wait_for 20 bindings_complete || ! wait_for 20 all_idle; then
		diag "$(cat $AP/bindings $DEV/??.????/states | tr '\n' ' ')"
	fi
	ap_load --threads 2 --key 1024 --op me-pub --requests 4 >"$TMP/works" 2>&1 ||
		sed 's/^/#   /' "$TMP/works"
	{
		value $AP/bindings
		echo "$VAL"
		for q in $A $C $P; do
			q_driver $q
		done
		load_result wrong "$TMP/works"
		load_result errors "$TMP/works"
		ap_coproc query STATICSA 1 0
		ap_coproc info 1 2 0
		counts
	} >"$TMP/is" 2>&1
	[ -e "$TMP/must" ] || cp "$TMP/is" "$TMP/must"
	expect "works: $1" "$(tr '\n' ' ' <"$TMP/is")" "$(tr '\n' ' ' <"$TMP/must")"
}

# module NAME: its file
module() {
	find /lib/modules -name "$1.ko"
}

CEX4=$AP/drivers/cex4queue
VFIO=$AP/drivers/vfio_ap
IDLE="OPERATING ?IDLE?"

# Each CPU keeps a buffer that is free: two requests that are not answered have
# these, and who comes next needs memory.
hold_buffers() {
	sim fault "add apqn=* insn=REPLY do=hold count=2"
	job hold0 taskset 1 ap_request me
	HOLDERS=$JOB
	job hold1 taskset 2 ap_request me
	HOLDERS="$HOLDERS $JOB"
	wait_for 20 two_held || diag "nothing is held"
}

two_held() {
	[ "$(cat $SIM/card0?/0000/state | grep -c entries=1)" = 2 ] ||
		grep -q entries=2 $SIM/card0?/0000/state
}

release_buffers() {
	sim fault clear
	sim release '*'
	# shellcheck disable=SC2086
	wait_jobs $HOLDERS
}

ioctls() {
	below do_sys_openat2
	failing "open" "ENOMEM OK" open /dev/z90crypt
	below modules
	hold_buffers
	failing "ioctl: a short message" "ENOMEM 0/0" run ap_coproc query STATICSA 1 0
	release_buffers
	failing "ioctl: a long message" "ENOMEM 0/0" run ap_coproc random 8192 1 0
	failing "ioctl: ZSENDEP11CPRB" "ENOMEM 0x0" run ap_coproc info 1 2 0
	failing "ioctl: ZDEVICESTATUS" "ENOMEM 00.0000" run ap_status old-devices
	works "after ioctls"
}

nodes() {
	failing "node: create" "ENOMEM OK" -u $CLASS/destroy=aptest write $CLASS/create aptest
	put $CLASS/create aptest
	wait_for 5 [ -c /dev/aptest ]
	# OK: a page that slab tries to have, or what watches over it, and does without
	failing "node: mask" "ENOMEM! OK" -p $CLASS/aptest/ioctlmask=-0-255 \
		-o "$CLASS/aptest/ioctlmask=0x$ONES$ONES$ONES$ONES" \
		write $CLASS/aptest/ioctlmask +0-255
	below do_sys_openat2
	failing "node: open" "ENOMEM OK" open /dev/aptest
	below modules
	failing "node: destroy" "ENOMEM OK" -u $CLASS/create=aptest write $CLASS/destroy aptest
	put $CLASS/destroy aptest
	works "after nodes"
}

# probing QUEUE WHAT
probing() {
	below bind_store
	failing "bind: $2" "ENOMEM OK" -p $CEX4/unbind="$1" -u $CEX4/bind="$1" \
		-e "$DEV/$1/states=$IDLE" write $CEX4/bind "$1"
	below unbind_store
	failing "unbind: $2" "OK" -u $CEX4/bind="$1" -e "$DEV/$1/states=$IDLE" \
		write $CEX4/unbind "$1"
}

bindings() {
	local card

	probing $A "accelerator queue"
	probing $C "CCA queue"
	probing $P "EP11 queue"
	below bind_store
	for card in card00 card01 card02; do
		failing "bind: $card" "ENOMEM OK" -p $AP/drivers/cex4card/unbind=$card \
			-u $AP/drivers/cex4card/bind=$card \
			-e "$DEV/$card/online=1" write $AP/drivers/cex4card/bind $card
	done
	below modules
	works "after bindings"
}

masks() {
	failing "aqmask: away" "ENOMEM OK" -u $AP/aqmask=+0 -e "$AP/bindings=*complete*" \
		-e "$DEV/$A/states=$IDLE" -e "$DEV/$C/states=$IDLE" -e "$DEV/$P/states=$IDLE" \
		write $AP/aqmask -0
	set_to $AP/aqmask -0
	below bind_store
	failing "bind: vfio_ap" "ENOMEM OK" -p $VFIO/unbind=$A -u $VFIO/bind=$A \
		-e "$DEV/$A/clean=in use" write $VFIO/bind $A
	below modules
	failing "aqmask: back" "ENOMEM OK" -u $AP/aqmask=-0 -e "$AP/bindings=*complete*" \
		write $AP/aqmask +0
	set_to $AP/aqmask +0
	failing "apmask" "ENOMEM OK" -u $AP/apmask=+1 -e "$AP/bindings=*complete*" \
		-e "$DEV/$C/states=$IDLE" write $AP/apmask -1
	set_to $AP/apmask +1
	works "after masks"
}

# scanning CARD QUEUE WHAT: a scan finds it, a scan loses it
scanning() {
	failing "scan: $3 comes" OK -k -p "$SIM/$1/present=0" -p $AP/scans=1 \
		-p "$SIM/$1/present=1" -u $AP/scans=1 \
		-u "$AP/drivers/cex4card/bind=$1" -u "$CEX4/bind=$2" \
		-e "$DEV/$2/states=$IDLE" -e "$AP/bindings=*complete*" write $AP/scans 1
	failing "scan: $3 goes" OK -k -p "$SIM/$1/present=1" -p $AP/scans=1 \
		-p "$SIM/$1/present=0" -u $AP/scans=1 write $AP/scans 1
	put "$SIM/$1/present" 1
	rescan
	wait_for 20 q_idle "$2"
}

scans() {
	scanning card01 $C "CCA coprocessor"
	works "after scans"
}

more_scans() {
	scanning card00 $A accelerator
	scanning card02 $P "EP11 coprocessor"
	works "after more scans"
}

attributes() {
	failing "queue: online" OK -u "$DEV/$C/online=1" write "$DEV/$C/online" 0
	failing "card: online" OK -u "$DEV/card01/online=1" write "$DEV/card01/online" 0
	failing "card: serialnr" "OK" read "$DEV/card01/serialnr"
	failing "queue: mkvps, CCA" "OK" read "$DEV/$C/mkvps"
	failing "queue: mkvps, EP11" "OK" read "$DEV/$P/mkvps"
	works "after attributes"
}

# One card is enough: each pass probes all there are
begin_modules() {
	sim card00/present 0
	sim card02/present 0
	rescan
	for m in vfio_ap zcrypt_cex4 pkey_cca pkey_ep11 pkey_pckmo pkey; do
		unload $m
	done
}

end_modules() {
	spare apsim
	sim card00/present 1
	sim card02/present 1
	modprobe ap
	modprobe zcrypt_cex4 || die "modules do not load any more"
	modprobe vfio_ap
	rescan
}

modules() {
	begin_modules
	# EINVAL: module_add_driver() says so when it cannot make its directory
	failing "init: zcrypt_cex4" "ENOMEM EINVAL OK" insmod "$(module zcrypt_cex4)"
	unload zcrypt
	# which makes much noise when it fails in its inside
	spare __kmem_cache_create_args
	failing "init: zcrypt" "ENOMEM OK" insmod "$(module zcrypt)"
	end_modules
	works "after modules"
}

bus() {
	begin_modules
	unload zcrypt
	unload ap
	# When it fails in its inside it takes back what it has not yet told lockdep
	# of, which warns (6.12.117).  No instruction has the simulator allocate here.
	spare bus_register
	failing "init: ap" "ENOMEM OK" insmod "$(module ap)"
	failing "init: ap, polling" "ENOMEM OK" insmod "$(module ap)" "useirq=0 poll_thread=1"
	end_modules
	works "after the bus"
}

# Groups of paths, with their number of tests. more_scans is the same for other
# kinds of cards, whose probing is in bindings, and takes minutes: only for who
# asks for it.
GROUPS_OF_PATHS="ioctls:6 nodes:5 attributes:6 bindings:10 masks:5 scans:3 modules:3
	bus:3 more_scans:5"
part_of test_failing.sh AP_FAILING "$@"
AP_FAILING=${AP_FAILING:-${1:-ioctls,nodes,attributes,bindings,masks}}
TESTS=1
for group in $GROUPS_OF_PATHS; do
	case ",$AP_FAILING," in
	*",${group%:*},"*)
		CHOSEN="$CHOSEN ${group%:*}"
		TESTS=$((TESTS + ${group#*:}))
		;;
	esac
done
plan $TESTS
if ! [ -e /proc/self/fail-nth ] || ! [ -d $DEBUGFS/fail_function ]; then
	skip_all "no fault injection in this kernel"
fi
stack_up "cards=8a,8c,8p domains=1 rsa=2 reset_ms=1"
need vfio_ap
need ap_failfn
setup
works "at first"
for group in $CHOSEN; do
	$group
done
put $DEBUGFS/fail_function/inject ""
rmmod ap_failfn
diag "failures in all: $TOTAL"
finish
