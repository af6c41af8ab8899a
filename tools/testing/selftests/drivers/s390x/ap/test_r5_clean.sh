#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R5: clean or closed.  A queue without a driver is proven clean by TAPQ after
# ZAPQ, or it says why it is not, in sysfs and in one log line, and gets no
# driver until it has been cleaned, by the bus scan or when a driver is bound.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

Q=00.0001

# How often the kernel log says since mark() that $Q is not clean
log_lines() {
	dmesg | awk -v q="$Q" -v m="mark r5 $MARK." '
		index($0, m) { on = 1; n = 0 }
		on && index($0, q) && /not clean/ { n++ }
		END { print n + 0 }'
}

mark() {
	MARK=$((MARK + 1))
	echo "mark r5 $MARK." >/dev/kmsg
}
MARK=0

take() {
	q_has_driver $Q ap_testdrv || bind_to $Q ap_testdrv || die "bind: $RES ($(q_clean $Q))"
	wait_for 20 q_idle $Q || die "$Q does not get ready: $(q_state $Q), $(q_clean $Q)"
	# messages were sent and interrupts are on: there is something to clean
	td submit "$Q 4"
	td_clear
	sim_clear
	mark
}

# A bus that does not have the attribute is not waited for
has_clean() {
	[ -e $DEV/$Q/clean ]
}

scanned_clean() {
	has_clean && wait_for 40 eval 'rescan; nap 0.4; q_clean_is $Q clean'
}

# refused WHY: after a removal that could not prove the queue clean
refused() {
	local what="$1" why="$2"

	# and goes on saying so while a scan tries again
	expect_like "$what: sysfs says why" "$(q_clean $Q)" "not clean: $why"
	expect "$what: said once in the log" "$(log_lines)" 1
	td log_clear 1
	bind_to $Q ap_testdrv
	expect "$what: a bind is refused" "$RES" EBUSY
	check "$what: probe() was not called" eval '! td_saw PROBE $Q'
	expect "$what: no driver" "$(q_driver $Q)" none
}

# The scan cleans the queue, and as a bind was refused meanwhile, it attaches
healed() {
	local what="$1"

	# the log since take(): the scan may have been here already
	wait_for 40 eval 'rescan; nap 0.5; q_has_driver $Q ap_testdrv'
	expect "$what: over, the scan cleans it and attaches the driver that was refused" \
		"$(q_driver $Q) $(q_clean $Q)" "ap_testdrv in use"
	sim_log "$TMP/sim"
	check "$what: over, TAPQ after ZAPQ proved it before the probe" \
		awk -v q=$Q '$5 == q && $4 == "ZAPQ" { z = $7 == "cc=0"; t = 0 }
		$5 == q && $4 == "TAPQ" && z && substr($8, 8, 4) == "8000" { t = 1 }
		$5 == q && $4 == "RAPQ" { exit }
		END { exit !t }' "$TMP/sim"
	wait_for 20 q_idle $Q || die "$what: $Q does not get ready: $(q_state $Q)"
}

# closed NAME REASON: unbind with the fault in force, heal, see that it heals
closed() {
	unbind $Q
	expect "$1: unbind" "$RES" OK
	refused "$1" "$2"
}

plan 111
stack_up "cards=8a,8a domains=4"
wr /sys/module/ap/parameters/remove_timeout 1000 || diag "no remove_timeout: $RES"
td_take 1

# The good case
sim reset_ms 200
take
expect "bound: the attribute says" "$(q_clean $Q)" "in use"
expect "bound: interrupts are on at the card" "$(sim_state $Q irq)" 1
expect "bound: the card has been used" "$(sim_state $Q used)" 1
unbind $Q || die "unbind: $RES"
expect_range "unbind waits for the reset (ms)" "$MS" 200 $((1000 + SLACK_MS))
expect "unbound: the attribute says" "$(q_clean $Q)" clean
expect "unbound: the firmware says" \
	"$(sim_state $Q used) $(sim_state $Q entries) $(sim_state $Q irq) $(sim_state $Q reset)" "0 0 0 idle"
sim_log "$TMP/sim"
check "unbound: TAPQ after ZAPQ proved it" proven $Q "$TMP/sim"
awk -v q=$Q '$5 == q && $4 == "RESETDONE" { d = 1 } $5 == q && $4 == "TAPQ" && substr($8, 8, 4) == "8000" { exit !d }' "$TMP/sim"
expect "unbound: not before the reset was over" $? 0
expect "unbound: nothing to say in the log" "$(log_lines)" 0
sim reset_ms 20

# A reset that does not end
take
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
unbind $Q || die "unbind: $RES"
expect_range "hanging reset: unbind gives up in time (ms)" "$MS" 1000 $((1000 + SLACK_MS))
refused "hanging reset" "reset not finished"
sim release $Q
healed "hanging reset"

# The same, but a bind finds it clean: no scan in between
take
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
unbind $Q || die "unbind: $RES"
sim release $Q
bind_late() {
	bind_to $Q ap_testdrv
	[ "$RES" = OK ]
}
check "hanging reset, then over: a bind cleans it" wait_for 20 bind_late

# Nobody asked for a driver meanwhile: the scan cleans it, and leaves it alone
take
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
unbind $Q || die "unbind: $RES"
sim release $Q
scanned_clean
expect "hanging reset, then over: the scan cleans it, and no driver comes unasked" \
	"$(q_clean $Q) $(q_driver $Q)" "clean none"

# The reset attribute of a queue without a driver tries the cleaning again
take
sim fault "add apqn=$Q insn=ZAPQ do=hang count=1"
unbind $Q || die "unbind: $RES"
has_clean && wait_for 20 q_clean_is $Q "not clean:*"
expect "while it hangs, the attribute says" "$(q_clean $Q)" "not clean: reset not finished"
sim release $Q
has_clean && wait_for 20 eval 'wr $DEV/$Q/reset 1; nap 0.2; q_clean_is $Q clean'
expect "reset attribute of a queue that is not clean: cleans it" "$(q_clean $Q) $(q_driver $Q)" "clean none"

# ZAPQ is busy for a while: nothing was zeroized, so it must be issued again
take
sim fault "add apqn=$Q insn=ZAPQ do=rc=05 count=3"
unbind $Q || die "unbind: $RES"
expect "ZAPQ busy three times: clean in the end" "$(q_clean $Q)" clean
sim_log "$TMP/sim"
expect_range "ZAPQ busy three times: issued again" "$(awk -v q=$Q '$5 == q && $4 == "ZAPQ" { n++ } END { print n + 0 }' "$TMP/sim")" 4 20
check "ZAPQ busy three times: proven in the end" proven $Q "$TMP/sim"
expect "ZAPQ busy three times: the firmware zeroized it" "$(sim_state $Q used)" 0

# ZAPQ answers that a reset is under way: the same
take
sim fault "add apqn=$Q insn=ZAPQ do=rc=02 count=2"
unbind $Q || die "unbind: $RES"
expect "ZAPQ answered 'reset in progress': clean in the end" "$(q_clean $Q) $(sim_state $Q used)" "clean 0"

# Busy for ever
take
sim fault "add apqn=$Q insn=ZAPQ do=rc=05 count=inf"
closed "ZAPQ always busy" busy
sim fault clear
healed "ZAPQ always busy"

# TAPQ never says that the reset is over
take
sim fault "add apqn=$Q insn=TAPQ do=rc=02 count=inf"
closed "TAPQ always 'reset in progress'" "reset not finished"
sim fault clear
healed "TAPQ always 'reset in progress'"

# Checkstopped and deconfigured: seen by the bus only in the answers
take
sim card00/0001/chkstop 1
closed "checkstopped" checkstopped
sim card00/0001/chkstop 0
healed "checkstopped"

take
sim card00/0001/config 0
unbind $Q
expect_range "deconfigured: unbind returns at once (ms)" "$MS" 0 $((500 + SLACK_MS / 2))
refused "deconfigured" deconfigured
sim card00/0001/config 1
healed "deconfigured"

# The scan has seen it before the removal
take
sim card00/0001/config 0
rescan
wait_for 20 eval '[ "$(cat $DEV/$Q/config)" = 0 ]'
mark
closed "deconfigured, known to the bus" deconfigured
sim card00/0001/config 1
healed "deconfigured, known to the bus"

# Gone
take
sim card00/0001/present 0
unbind $Q
expect "gone: unbind" "$RES" OK
# unless the scan, a quarter of a second later, was faster than we are
case "$(q_clean $Q)" in
"not clean: not available" | "no such attribute") ok "gone: sysfs says why" ;;
*) not_ok "gone: sysfs says why" ;;
esac
expect "gone: said once in the log" "$(log_lines)" 1
wait_for 20 eval 'rescan; ! [ -e $DEV/$Q ]'
check "gone: the scan removes the device" eval '! [ -e $DEV/$Q ]'
sim card00/0001/present 1
wait_for 20 eval 'rescan; q_has_driver $Q ap_testdrv'
check "back: the driver gets it" q_has_driver $Q ap_testdrv
wait_for 20 q_idle $Q

# Answers that make no sense
for answer in "ZAPQ 42" "ZAPQ 77" "TAPQ 77" "TAPQ 16"; do
	take
	sim fault "add apqn=$Q insn=${answer% *} do=rc=${answer#* } count=inf"
	closed "$answer for ever" "response code*${answer#* }"
	sim fault clear
	healed "$answer for ever"
done

# Once only: the next try may succeed at once, in any case it ends clean
for answer in "ZAPQ 77" "TAPQ 77" "TAPQ 05" "ZAPQ 06"; do
	take
	sim fault "add apqn=$Q insn=${answer% *} do=rc=${answer#* } count=1"
	unbind $Q || die "unbind: $RES"
	sim fault clear
	scanned_clean
	expect "$answer once: clean in the end" "$(q_clean $Q) $(sim_state $Q used)" "clean 0"
done

# An asynchronous error stays until a reset
take
sim fault "add apqn=$Q insn=TAPQ do=rc=07+async count=1"
cat $DEV/$Q/interrupt >/dev/null
unbind $Q || die "unbind: $RES"
sim fault clear
scanned_clean
expect "asynchronous error: gone with the reset" \
	"$(q_clean $Q) $(sim_state $Q async) $(sim_state $Q used)" "clean - 0"

# vfio_ap resets its queues itself
need vfio_ap
move_to $Q vfio_ap || die "bind to vfio_ap: $RES"
wr $DEV/$Q/reset 1
expect "reset attribute of a queue that vfio_ap has" "$RES" EBUSY
expect "it still is vfio_ap's" "$(q_driver $Q) $(q_clean $Q)" "vfio_ap in use"
unbind $Q || die "unbind from vfio_ap: $RES"
expect "unbound from vfio_ap" "$(q_clean $Q)" clean
finish
