#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# R7: everything ends within a stated bound, whatever the firmware answers or
# withholds: the removal of a queue within remove_timeout, of many queues
# within one remove_timeout, and a sender that is killed at once.  SLACK_MS
# (default 3000) is what a busy machine may add.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

PARAM=/sys/module/ap/parameters/remove_timeout
TIMEOUT=1500

hang_all() {
	sim fault "add apqn=* insn=ZAPQ do=hang count=inf"
}

heal_all() {
	sim fault clear
	sim release '*'
	wait_for 60 eval 'rescan; nap 0.5; all_clean'
}

all_clean() {
	! cat $DEV/*/clean | grep -q "^not clean\|^in progress"
}

# timed COMMAND...: its time in ms in MS, -1 if it fails
timed() {
	local rc

	bounded 60 ap_timed "$@"
	rc=$?
	case $rc in
	0) MS=$(ms "$(tail -n 1 "$TMP/bounded")") ;;
	124) MS=60000 ;;
	*)
		diag "$(tail -n 3 "$TMP/bounded")"
		MS=-1
		;;
	esac
}

bad_timeout() {
	wr $PARAM "$1"
	expect "remove_timeout does not take '$1'" "$RES $(cat $PARAM)" "EINVAL $TIMEOUT"
}

plan 29
stack_up "cards=8a,8a domains=4"
expect "remove_timeout's default" "$(cat $PARAM)" 3000
wr $PARAM $TIMEOUT
expect "remove_timeout takes $TIMEOUT" "$RES $(cat $PARAM)" "OK $TIMEOUT"
bad_timeout 99
bad_timeout 60001
bad_timeout -1
bad_timeout x
LIMIT=$((TIMEOUT + SLACK_MS))

# One queue
hang_all
timed ap_write $AP/drivers/cex4queue/unbind 00.0000
expect_range "unbind of a queue whose reset hangs (ms)" "$MS" $TIMEOUT $LIMIT
timed ap_write $AP/drivers/cex4queue/bind 00.0000 || true
bounded 60 ap_write $AP/drivers/cex4queue/bind 00.0000
expect "bind of a queue whose reset hangs: EBUSY" "$(cut -d ' ' -f 1 "$TMP/bounded")" EBUSY
expect_range "bind of a queue whose reset hangs (ms)" \
	"$(ms "$(cut -d ' ' -f 2 "$TMP/bounded")")" 0 $LIMIT
timed ap_write $DEV/00.0000/reset 1
timed ap_write $AP/scans 1
expect_range "scan with a queue whose reset hangs (ms)" "$MS" 0 $LIMIT
check "afterwards all is well again" heal_all
q_has_driver 00.0000 cex4queue || bind_to 00.0000 cex4queue
wait_for 20 all_idle || die "queues do not get ready"

# Half of the queues by one mask write, and all by rmmod
hang_all
timed ap_write $AP/apmask -1
expect_range "mask write that takes 4 queues whose resets hang (ms)" "$MS" $TIMEOUT $LIMIT
check "afterwards all is well again" heal_all
timed ap_write $AP/apmask +1
wait_for 20 bindings_complete || die "queues have no driver: $(cat $AP/bindings)"
wait_for 20 all_idle || die "queues do not get ready"
hang_all
timed rmmod zcrypt_cex4
expect_range "rmmod with 8 queues whose resets hang (ms)" "$MS" $TIMEOUT $((LIMIT + SLACK_MS))
timed modprobe zcrypt_cex4
expect_range "modprobe with 8 queues whose resets hang (ms)" "$MS" 0 $((LIMIT + SLACK_MS))
check "afterwards all is well again" heal_all
wait_for 60 eval 'rescan; nap 0.5; bindings_complete'
expect_like "the drivers that were refused come by the scan" "$(cat $AP/bindings)" "*complete*"
wait_for 20 all_idle || die "queues do not get ready"

# Who has nothing to do with queues that are not clean does not wait for each of
# them in turn. That looks at them by number; so their tries end the other way round
need ap_testdrv
set_to $PARAM 3000
hang_all
jobs=
for q in $(queues | sort -r); do
	job unbind ap_write $AP/drivers/cex4queue/unbind "$q"
	jobs="$jobs $JOB"
	nap 0.4
done
for JOB in $jobs; do
	wait_for 30 gone "$JOB"
done
timed rmmod ap_testdrv
expect_range "rmmod beside 8 queues that are tried again in turn (ms)" \
	"$MS" 0 $((3000 + SLACK_MS))
set_to $PARAM $TIMEOUT
check "afterwards all is well again" heal_all
for q in $(queues); do
	q_has_driver "$q" cex4queue || bind_to "$q" cex4queue
done
wait_for 20 all_idle || die "queues do not get ready"

# A probe with a reset that hangs: RAPQ
unbind 00.0000 || die "unbind: $RES"
sim fault "add apqn=00.0000 insn=RAPQ do=hang count=1"
timed ap_write $AP/drivers/cex4queue/bind 00.0000
expect_range "bind of a queue whose RAPQ hangs (ms)" "$MS" 0 $LIMIT
timed ap_write $DEV/00.0000/reset 1
expect_range "reset attribute of a queue whose RAPQ hangs (ms)" "$MS" 0 $LIMIT
timed ap_write $AP/drivers/cex4queue/unbind 00.0000
expect_range "unbind of a queue whose RAPQ hangs (ms)" "$MS" 0 $LIMIT
check "afterwards all is well again" heal_all
q_has_driver 00.0000 cex4queue || bind_to 00.0000 cex4queue
wait_for 20 all_idle || die "queues do not get ready"

# Programs whose replies are withheld
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job load ap_load --threads 4 --key 1024 --op me-pub --requests 100000
wait_for 10 eval '[ "$(cat $DEV/card00/pendingq_count)" -gt 0 ]'
kill -9 "$JOB"
within $(((SLACK_MS + 999) / 1000)) gone "$JOB"
check "a program that waits for a reply goes at once when it is killed" gone "$JOB"
sim fault clear
sim release '*'

# Programs whose queues are all taken away
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job load ap_load --threads 4 --key 1024 --op me-pub --requests 8
wait_for 10 eval '[ "$(cat $DEV/card00/pendingq_count)" -gt 0 ]'
timed rmmod zcrypt_cex4
expect_range "rmmod while programs wait for replies is over in time (ms)" "$MS" -1 $((LIMIT + SLACK_MS))
diag "rmmod: $(tail -n 1 "$TMP/bounded")"
wr $AP/apmask 0x0
expect "all queues taken away while programs wait" "$RES" OK
within $(((LIMIT + 999) / 1000)) gone "$JOB"
check "their requests end" gone "$JOB"
sed 's/^/# /' "$TMP/load"
expect "with ENODEV, none with another error" \
	"$(load_errors "$TMP/load" ENODEV | wc -l) $(load_result wrong "$TMP/load") $(load_result stuck "$TMP/load")" "0 0 0"
sim fault clear
sim release '*'
set_to $AP/apmask +0-255
modprobe zcrypt_cex4
wait_for 30 eval 'rescan; nap 0.3; bindings_complete'
ap_load --threads 2 --key 1024 --op me-pub --requests 20 >"$TMP/load"
expect "afterwards all is well again" "$?" 0
finish
