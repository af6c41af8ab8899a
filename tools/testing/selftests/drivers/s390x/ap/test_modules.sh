#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Modules: all come and go 20 times, in several orders, with use counts as they
# should be; what is needed cannot be taken away.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

counts() {
	local m

	for m in ap zcrypt zcrypt_cex4 vfio_ap ap_testdrv; do
		loaded $m && echo "$m=$(use_count $m)"
	done | tr '\n' ' '
}

plan 14
stack_up "cards=8a,7p domains=2"
need vfio_ap
td_load
first=$(counts)
diag "use counts: $first"
rmmod apsim 2>"$TMP/err"
expect "the simulator cannot be unloaded under the bus" $? 1
rmmod ap 2>"$TMP/err"
expect "the bus cannot be unloaded under its drivers" $? 1
check "and works on" ap_load --threads 2 --key 1024 --op me-pub --requests 4
expect "use counts are unchanged" "$(counts)" "$first"

# zcrypt_device_status_mask_ext() is this, for who includes zcrypt_api.h
ko=$(find "/lib/modules/$(uname -r)" -name 'zcrypt.ko*')
expect "what the inline function of zcrypt_api.h calls is exported" \
	"$(grep -c __ksymtab_zcrypt_status_matrix "$ko")" 1

n=0
max=$(rounds 20)
odd=
while [ $n -lt "$max" ]; do
	stack_down || break
	modprobe apsim cards=8a,7p domains=2 && modprobe ap || break
	# the order of the drivers changes from time to time
	case $((n % 4)) in
	0) order="zcrypt_cex4 vfio_ap ap_testdrv" ;;
	1) order="ap_testdrv vfio_ap zcrypt_cex4" ;;
	2) order="vfio_ap zcrypt_cex4 ap_testdrv" ;;
	3) order="zcrypt_cex4 ap_testdrv vfio_ap" ;;
	esac
	for m in $order; do
		modprobe $m || break 2
	done
	# half of the time without waiting: the first scan may still run
	if [ $((n & 1)) = 0 ]; then
		wait_for 20 bindings_complete || break
		wait_for 20 all_idle || break
		[ "$(counts)" = "$first" ] || odd="$odd [$(counts)]"
	fi
	n=$((n + 1))
done
expect "all modules loaded and unloaded $max times" $n "$max"
expect "use counts the same each time" "$odd" ""
wait_for 20 bindings_complete

# A driver module that is unloaded with queues, and comes back
td_take 1
expect "the second driver has the queues of domain 1" "$(q_driver 00.0001) $(q_driver 01.0001)" "ap_testdrv ap_testdrv"
rmmod ap_testdrv
expect "it is unloaded" "$? $(q_driver 00.0001) $(q_driver 01.0001)" "0 none none"
expect "its queues are clean" "$(q_clean 00.0001) $(q_clean 01.0001)" "clean clean"
modprobe ap_testdrv
wait_for 20 q_has_driver 01.0001 ap_testdrv
expect "it is loaded again, and gets them" "$(q_driver 00.0001) $(q_driver 01.0001)" "ap_testdrv ap_testdrv"

# R6: messages under way keep the module of the driver they were sent through
wait_for 20 q_idle 00.0001
sim fault "add apqn=00.0001 insn=REPLY do=hold count=inf"
exec 3<$TD/results		# an open file, to be told apart from messages
base=$(use_count ap_testdrv)
exec 3<&-
job held ap_write $TD/submit "00.0001 8"
wait_for 10 td_is submitted -eq 8
expect "8 messages under way: 8 references, and one of the open file" \
	"$(use_count ap_testdrv)" "$((base + 8))"
rmmod ap_testdrv 2>/dev/null
expect "the driver cannot be unloaded under them" "$? $(loaded ap_testdrv && echo loaded)" "1 loaded"
sim fault clear
sim release '*'
wait_for 20 gone "$JOB"
expect "they are back: no reference left" "$(use_count ap_testdrv) $(td_broken)" "$((base - 1)) 0"
finish
