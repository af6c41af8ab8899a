#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress-ng on the device nodes and on each attribute of bus, cards and queues,
# while two threads compute RSA; then again while queues change hands.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 12
need_programs stress-ng zcryptctl
command -v unshare >/dev/null || skip_all "no program unshare in this guest"
stack_up "cards=8a,8a domains=3 service_us=500"

# The sysfs stressor takes all of /sys.  So its /sys has in it only what is the
# AP bus's: links lead nowhere then, directories and files are all there.
STRESSED="devices/ap bus/ap class/zcrypt devices/virtual/zcrypt module/ap module/zcrypt"
cat >"$TMP/only_ap" <<-SCRIPT
	#!/bin/sh
	mkdir -p "$TMP/real" && mount --rbind /sys "$TMP/real" &&
		mount -t tmpfs sys /sys || exit 9
	for d in $STRESSED; do
		[ -d "$TMP/real/\$d" ] || continue
		mkdir -p "/sys/\$d" && mount --bind "$TMP/real/\$d" "/sys/\$d" || exit 9
	done
	umount -l "$TMP/real" || exit 9
	exec "\$@"
SCRIPT
chmod 755 "$TMP/only_ap"

# How many files that is
attributes() {
	unshare -m "$TMP/only_ap" find /sys -type f | wc -l
}

# bogo_ops: what the stressor says it did
bogo_ops() {
	sed -n "s/.*metrc: *\[[0-9]*\] $1 *\([0-9]*\) .*/\1/p" "$TMP/prog"
}

# stress_node NODE OPERATIONS: over when they are done, or after 20 seconds
stress_node() {
	prog 150 stress-ng --dev 2 --dev-file "$1" --dev-ops "$2" --timeout 20s --metrics-brief &&
		prog_says "successful run completed"
}

# stress_sysfs SECONDS: when this stressor is told to end after so many
# operations, it calls it an error that it has to end its own processes for that
stress_sysfs() {
	prog 100 unshare -m "$TMP/only_ap" stress-ng --sysfs 2 --timeout "$1s" \
		--metrics-brief --verbose && prog_says "successful run completed"
}

diag "$(attributes) attributes"
prog 20 zcryptctl create lab || die "no second device node"
wait_for 10 test -c /dev/lab || die "no /dev/lab"
job load ap_load --threads 2 --key 1024 --op me-pub --seconds 3600
LOAD=$JOB
wait_for 30 eval '[ "$(answered)" -gt 20 ]' || die "the load does not start: $(cat "$TMP/load")"

for node in /dev/z90crypt /dev/lab; do
	check "stress-ng --dev on $node" stress_node $node 16
	expect_range "it was at work" "$(bogo_ops dev)" 1 1000000000
done
check "stress-ng --sysfs on all attributes" stress_sysfs $((25 * PATIENCE))
expect_range "it was at work" "$(bogo_ops sysfs)" 1 1000000000
expect "it left none out" "$(grep -c 'sysfs: skipped 0 out of' "$TMP/prog")" 2

both() {
	stress_node /dev/z90crypt 4 && stress_sysfs 5
}

before=$(answered)
hand_overs_begin
check "both while queues change hands" during_hand_overs "$(rounds 24)" both
hand_overs_end "each hand-over clean and to the right driver" "$(rounds 24)"
check "the load went on" [ "$(answered)" -gt "$before" ]
kill "$LOAD"
wait_for 90 gone "$LOAD"
sed 's/^/# /' "$TMP/load"
load_errors "$TMP/load" >"$TMP/offences"
expect_none "no program saw an error" "$TMP/offences"
expect "no wrong answer, no request stuck" \
	"$(load_result wrong "$TMP/load") $(load_result stuck "$TMP/load")" "0 0"
prog 20 zcryptctl destroy lab
finish
