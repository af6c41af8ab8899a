#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The programs of s390-tools that an admin uses with crypto cards: what they
# show is what the simulated cards are, and what they set is set.  Also while
# queues change hands; then, what they set belongs to queues that stay, for one
# that is with another driver has no such attribute.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 43
need_programs lszcrypt chzcrypt zcryptctl zcryptstats icainfo icastats
stack_up "cards=7a,7c,7p domains=3 service_us=500"

# shown DEVICE: the row of lszcrypt -V in one line with single blanks
shown() {
	lszcrypt -V >"$TMP/lszcrypt" 2>&1 || echo "exit status $?" >>"$TMP/lszcrypt"
	# compared as text: 00 and 00.0000 are the same number
	awk -v d="$1" '$1 "" == d "" { $1 = $1; print }' "$TMP/lszcrypt"
}

status_of() {
	shown "$1" | cut -d' ' -f4
}

# rows_wrong: what lszcrypt -V shows otherwise than the cards are
rows_wrong() {
	lszcrypt -V >"$TMP/lszcrypt" || echo "exit status $?"
	awk '
		BEGIN {
			type["00"] = "CEX7A Accelerator"
			type["01"] = "CEX7C CCA-Coproc"
			type["02"] = "CEX7P EP11-Coproc"
		}
		!/^[0-9a-f][0-9a-f]/ { next }
		{
			rows++
			driver = $1 ~ /\./ ? "cex4queue" : "cex4card"
			if ($2 " " $3 != type[substr($1, 1, 2)] || $4 != "online" || $7 != 13 || $NF != driver)
				print
		}
		END {
			if (rows != 12)
				print rows, "rows, not 12"
		}' "$TMP/lszcrypt"
}

rows_wrong >"$TMP/offences"
expect_none "lszcrypt -V: each card and queue as it is" "$TMP/offences"
expect "ap_load: done" "$(bounded 60 ap_load --key 1024 --op me-pub --requests 6; echo $?)" 0
lszcrypt -V >"$TMP/lszcrypt"
expect "lszcrypt -V: requests, all cards" \
	"$(awk '$1 ~ /^[0-9a-f][0-9a-f]$/ { n += $5 } END { print n }' "$TMP/lszcrypt")" "$(answered)"
expect "lszcrypt -V: requests, all queues" \
	"$(awk '$1 ~ /\./ { n += $5 } END { print n }' "$TMP/lszcrypt")" "$(answered)"
check "lszcrypt -b" prog 20 lszcrypt -b
check "it shows the highest domain" prog_says "ap_max_domain_id=0x3f"
check "and interrupts" prog_says "ap_interrupts are enabled"
check "lszcrypt -d" prog 20 lszcrypt -d
expect "it shows three domains" "$(grep '^ *00 ' "$TMP/prog" | grep -o B | wc -l)" 3
check "lszcrypt -c 1" prog 20 lszcrypt -c 1
check "it shows what a CCA card can" prog_says "CCA Secure Key"

# Offline and online again, by the program
check "chzcrypt -d of a queue" prog 20 chzcrypt -d 00.0001
expect "the queue is offline, the card is not" "$(status_of 00.0001) $(status_of 00)" "offline online"
expect "the attribute agrees" "$(cat $DEV/00.0001/online)" 0
set_to $DEV/card01/online 0
set_to $DEV/card02/online 0
before=$(sim_count 00.0001 nqap)
all=$(answered)
bounded 60 ap_load --key 1024 --op me-pub --requests 6
expect "RSA goes on" "$? $(($(answered) - all))" "0 6"
expect "the queue gets nothing" "$(sim_count 00.0001 nqap)" "$before"
check "chzcrypt -e of the queue" prog 20 chzcrypt -e 00.0001
expect "it is online" "$(status_of 00.0001)" online
check "chzcrypt -d of all" prog 20 chzcrypt -d -a
expect "all are offline" "$(status_of 00) $(status_of 00.0002) $(status_of 02.0000)" "offline offline offline"
bounded 60 ap_load --key 1024 --op me-pub --requests 1
expect "RSA is refused" "$(awk '$1 == "error" { print $2 }' "$TMP/bounded")" ENODEV
check "chzcrypt -e of all" prog 20 chzcrypt -e -a
expect "all are online" "$(status_of 00) $(status_of 00.0002) $(status_of 02.0000)" "online online online"

# The configuration belongs to the machine: QEMU's SCLP cannot change it, so
# the program gets told so; what the card says of itself is shown.
wr $DEV/card00/config 0
expect "config 0 where SCLP cannot do it" "$RES" EOPNOTSUPP
expect "chzcrypt says so" "$(prog 20 chzcrypt --config-off 0 >/dev/null; echo $?)" 1
expect "nothing has changed" "$(cat $DEV/card00/config) $(status_of 00)" "1 online"
sim card01/config 0
rescan
expect "a card that was deconfigured" "$(status_of 01) $(status_of 01.0001)" "deconfig deconfig"
sim card01/config 1
rescan
wait_for 20 all_idle
expect "and configured again" "$(status_of 01) $(status_of 01.0001)" "online online"

# Values of the bus
check "chzcrypt -t: the poll timeout" prog 20 chzcrypt -t 300000
expect "is set" "$(cat $AP/poll_timeout)" 300000
check "chzcrypt -c: the time between scans" prog 20 chzcrypt -c 45
expect "is set" "$(cat $AP/config_time)" 45

# Device nodes
check "zcryptctl makes a node for RSA on one queue" eval \
	'prog 20 zcryptctl create lab && prog 20 zcryptctl addap lab 0 &&
	 prog 20 zcryptctl adddom lab 1 && prog 20 zcryptctl addioctl lab ICARSAMODEXPO'
prog 20 zcryptctl list
check "zcryptctl list shows it" prog_says "/dev/lab"
before=$(sim_count 00.0001 dqap_ok)
all=$(answered)
wait_for 10 test -e /dev/lab
bounded 60 ap_load --device /dev/lab --key 1024 --op me-pub --requests 6
expect "RSA on it, all by that queue" \
	"$? $(($(sim_count 00.0001 dqap_ok) - before)) $(($(answered) - all))" "0 6 6"
bounded 60 ap_load --device /dev/lab --key 1024 --op crt --requests 1
expect "what it does not allow" "$(awk '$1 == "error" { print $2 }' "$TMP/bounded")" EPERM
check "zcryptctl destroy" prog 20 zcryptctl destroy lab

# This asks the channel subsystem, not the cards, and QEMU's keeps no such
# figures (response code 4).  So all that can be seen here is that the program
# comes as far as that and says so.
modprobe chsc_sch
check "zcryptstats" prog 20 zcryptstats -i 1 -c 1
check "it says that this machine measures nothing" \
	prog_says "crypto measurement data: Operation not supported"

# Readers and setters while queues come and go
check "chzcrypt -d of one card" prog 20 chzcrypt -d 01
job load ap_load --threads 2 --key 1024 --op me-pub --seconds 3600
LOAD=$JOB
through_node() {
	prog 60 zcryptctl create moving && prog 60 zcryptctl addap moving 0 &&
		prog 60 zcryptctl adddom moving 0 && prog 60 zcryptctl adddom moving 1 &&
		prog 60 zcryptctl addioctl moving ICARSAMODEXPO && prog 60 zcryptctl list &&
		prog_says /dev/moving && wait_for 10 test -e /dev/moving &&
		prog 60 ap_load --device /dev/moving --key 1024 --op me-pub --requests 4 &&
		prog 60 zcryptctl destroy moving
}
tools_round() {
	prog 60 lszcrypt -V && prog_says 00.0000 &&
		prog 60 lszcrypt -b && prog 60 lszcrypt -d && through_node &&
		prog 60 chzcrypt -d 02 && prog 60 chzcrypt -e 02 &&
		prog 60 chzcrypt -d 02.0000 && prog 60 chzcrypt -e 02.0000 &&
		prog 60 icainfo && prog 60 icastats &&
		prog 60 zcryptstats -i 1 -c 1 && prog_says "Operation not supported"
}
hand_overs_begin
check "all of them while queues change hands" during_hand_overs "$(rounds 24)" tools_round
hand_overs_end "each clean and to the right driver" "$(rounds 24)"
rmmod chsc_sch
kill "$LOAD"
wait_for 90 gone "$LOAD"
sed 's/^/# /' "$TMP/load"
expect_like "no program saw an error" \
	"$(load_result "done" "$TMP/load") $(grep -o 'wrong .*' "$TMP/load")" \
	"[1-9]* wrong 0 errors 0 stuck 0"
finish
