#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Coprocessors: what sysfs says of CCA and EP11 cards is what the cards say, RSA
# and random numbers by CCA cards, errors as the card means them, and CPRBs
# while queues change hands.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 62
HWRNG=/sys/class/misc/hw_random
stack_up "cards=8c,8p,7c domains=2 log=262144"
# The kernel helps itself to random numbers at any time; not yet
wait_for 20 grep -qw zcrypt $HWRNG/rng_available
set_to $HWRNG/rng_current none

# --- what the cards say of themselves -----------------------------------------

# cca_mkvps QUEUE: the simulator's master keys in the words of sysfs
cca_mkvps() {
	awk '
		{ state[$1 " " $2] = $3; pattern[$1 " " $2] = $4 }
		END {
			split("aes apka asym", kinds)
			split("new cur old", ages)
			for (k = 1; k <= 3; k++)
				for (a = 1; a <= 3; a++) {
					reg = kinds[k] " " ages[a]
					p = pattern[reg]
					if (state[reg] != "valid" && state[reg] != "full")
						gsub(/./, "0", p)
					printf "%s: %s 0x%s\n", toupper(reg), state[reg], p
				}
		}' "$(sim_q "$1")/mk"
}

# ep11_mkvps QUEUE
ep11_mkvps() {
	awk '{
		p = $3 == "invalid" || $3 == "empty" ? "-" : "0x" $4
		printf "%s: %s %s\n", toupper($1 " " $2), $3, p
	}' "$(sim_q "$1")/mk"
}

# set_mk QUEUE REGISTER STATE [PATTERN]
set_mk() {
	set_to "$(sim_q "$1")/mk" "$2 $3${4:+ $4}"
}

expect "CCA: serial number" "$(cat $DEV/card00/serialnr)" "$(cat $SIM/card00/serialnr)"
expect_like "which is one" "$(cat $DEV/card00/serialnr)" "????????"
check "another card has another one" [ "$(cat $DEV/card00/serialnr)" != "$(cat $DEV/card02/serialnr)" ]
set_to $SIM/card00/serialnr ABCD1234
expect "sysfs follows the card" "$(cat $DEV/card00/serialnr)" ABCD1234
for q in 00.0000 00.0001 02.0001; do
	expect "CCA: master keys of $q" "$(cat $DEV/$q/mkvps)" "$(cca_mkvps $q)"
done
check "domains differ" [ "$(cat $DEV/00.0000/mkvps)" != "$(cat $DEV/00.0001/mkvps)" ]
set_mk 00.0001 "aes new" full 0123456789abcdef
set_mk 00.0001 "aes cur" invalid
set_mk 00.0001 "aes old" valid fedcba9876543210
set_mk 00.0001 "asym new" partial
set_mk 00.0001 "asym old" valid 00112233445566778899aabbccddeeff
set_mk 00.0001 "apka new" full 1122334455667788
set_mk 00.0001 "apka old" valid 8877665544332211
cat $DEV/00.0001/mkvps >"$TMP/mkvps"
expect "they follow the card" "$(cat "$TMP/mkvps")" "$(cca_mkvps 00.0001)"
expect "in these words" "$(sed -n '1p;2p;9p' "$TMP/mkvps" | tr '\n' ';')" \
	"AES NEW: full 0x0123456789abcdef;AES CUR: invalid 0x0000000000000000;ASYM OLD: valid 0x00112233445566778899aabbccddeeff;"

expect "EP11: serial number" "$(cat $DEV/card01/serialnr)" "$(cat $SIM/card01/serialnr)"
expect "EP11: API, version and modes" \
	"api=$(cat $DEV/card01/API_ordinalnr) version=$(cat $DEV/card01/FW_version) modes=$(cat $DEV/card01/op_modes)" \
	"$(sed 's/modes=.*/modes=FIPS2009 BSI2009 FIPS2011 BSI2011 SIGG-IMPORT SIGG BSICC2017/' $SIM/card01/firmware)"
set_to $SIM/card01/firmware "api=4 version=7.15 modes=0x81"
expect "they follow the card" \
	"$(cat $DEV/card01/API_ordinalnr) $(cat $DEV/card01/FW_version) $(cat $DEV/card01/op_modes)" \
	"4 7.15 FIPS2009 FIPS2021"
for q in 01.0000 01.0001; do
	expect "EP11: wrapping keys of $q" "$(cat $DEV/$q/mkvps)" "$(ep11_mkvps $q)"
done
expect "EP11: modes of a domain" "$(cat $DEV/01.0001/op_modes)" "FIPS2009 BSI2009"
set_to "$(sim_q 01.0001)/modes" 0x104
set_mk 01.0001 "wk cur" invalid
set_mk 01.0001 "wk new" committed
expect "they follow the card" "$(cat $DEV/01.0001/op_modes)" "FIPS2011 FIPS2024"
expect "so do wrapping keys" "$(cat $DEV/01.0001/mkvps)" "$(ep11_mkvps 01.0001)"
expect_like "in these words" "$(tr '\n' ';' <$DEV/01.0001/mkvps)" "WK CUR: invalid -;WK NEW: committed 0x????????????????????????????????????????????????????????????????;"
set_mk 01.0001 "wk cur" valid

# --- RSA ------------------------------------------------------------------------

# Requests that CCA cards have answered so far
count() {
	cat $DEV/card00/request_count $DEV/card02/request_count |
		awk '{ n += $1 } END { print n }'
}

accelerators=$(grep -l 'CEX.A' $SIM/card*/type | wc -l)
expect "there is no accelerator" "$accelerators" 0
before=$(count)
many=$(rounds 24)
bounded 300 ap_load --threads 4 --key mix --op mix --requests "$many"
expect "RSA of 1024 to 4096 bits by CCA cards" $? 0
sed 's/^/# /' "$TMP/bounded"
expect_range "all of it" $(($(count) - before)) "$many" 100
right=
for bits in 128 512 1000 1024 2048 3072 4096; do
	right="$right $(ap_coproc me $bits)"
done
expect "other sizes, from 128 bits on" "$right" " OK OK OK OK OK OK OK"
expect "512 bits by the Chinese remainder theorem" "$(ap_coproc crt)" OK
flaws=
for flaw in even large zero; do
	flaws="$flaws $(ap_coproc me 512 $flaw) $(ap_coproc me 4096 $flaw) $(ap_coproc crt $flaw)"
done
expect "bad numbers are the sender's fault" "$flaws" \
	" EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL"
nulls=
for n in 0 1 2; do
	nulls="$nulls $(ap_coproc me 512 null$n)"
done
for n in 0 1 2 3 4 5; do
	nulls="$nulls $(ap_coproc crt null$n)"
done
expect "and numbers that are nowhere" "$nulls" \
	" EFAULT EFAULT EFAULT EFAULT EFAULT EFAULT EFAULT EFAULT EFAULT"
expect "and no queue suffers" "$(cat $DEV/0?.????/online | sort | uniq -c | tr -s ' ')" " 6 1"

# --- other requests ----------------------------------------------------------------

expect "a query by a program" "$(ap_coproc query STATICSA 0 1)" "0/0 80 ABCD1234"
expect "and of any card" "$(ap_coproc query STATICSB -1 -1 | cut -d' ' -f1,2)" "0/0 104"
expect "a query of something else" "$(ap_coproc query NOSUCHTH 0 1)" "8/33 0"
expect "a verb the card has not got" "$(ap_coproc verb KG 0 1)" "8/335 0"
expect "random numbers by a program" "$(ap_coproc random 300 2 0 | cut -d' ' -f1,2)" "0/0 300"
expect "as many as are possible" "$(ap_coproc random 8192 0 0 | cut -d' ' -f1,2)" "0/0 8192"
expect "an EP11 query" "$(ap_coproc info 1 1 1 | cut -d' ' -f1,2)" "0x0 196"
expect "an EP11 query of something else" "$(ap_coproc info 9 1 1)" "0x7 0"
expect "a function the card has not got" "$(ap_coproc ep11 7 1 1)" "0x54 0"
expect "an empty request is malformed" "$(ap_request cprb FQ 0 1 | cut -d' ' -f1)" EINVAL
expect "a CPRB for an EP11 card finds none" "$(ap_coproc query STATICSA 1 1)" ENODEV

# A card that says something else than it should
sim fault "add apqn=* insn=REPLY do=error=8b"
expect "an error reply to a query" "$(ap_coproc query STATICSA 0 1)" EINVAL
sim fault "add apqn=* insn=REPLY do=error=90"
expect "one after which another queue is asked" "$(ap_coproc random 8 -1 -1 | cut -d' ' -f1,2)" "0/0 8"
sim fault clear

# --- random numbers for the kernel ------------------------------------------------

has_hwrng() {
	grep -qw zcrypt $HWRNG/rng_available
}

expect "zcrypt has random numbers" "$(has_hwrng; echo $?)" 0
set_to $HWRNG/rng_current zcrypt
before=$(count)
for n in 1 2; do
	bounded 60 dd if=/dev/hwrng of="$TMP/random$n" bs=1000 count=10
done
expect "as many as were asked for" "$(wc -c <"$TMP/random1") $(wc -c <"$TMP/random2")" "10000 10000"
check "not the same twice" eval '! cmp -s "$TMP/random1" "$TMP/random2"'
# what is random cannot be packed
expect_range "and of no pattern" "$(gzip -c "$TMP/random1" | wc -c)" 9900 11000
# 4096 at a time, some of which were there
expect_range "from CCA cards" $(($(count) - before)) 3 1000

# A reader that waits for a card, while one queue after the other goes away
pending() {
	[ "$(cat $DEV/0[02].????/pendingq_count | sort -n | tail -n 1)" -ge 1 ]
}
sim fault "add apqn=* insn=REPLY do=hold count=inf"
job reader dd if=/dev/hwrng of=/dev/null bs=10000 count=10
READER=$JOB
wait_for 20 pending || die "nobody waits for random numbers"
now_cs
start=$NOW
for q in 00.0000 00.0001 02.0000 02.0001; do
	bounded 30 ap_write $AP/drivers/cex4queue/unbind $q || die "unbind $q: $(cat "$TMP/bounded")"
done
now_cs
took=$(((NOW - start) * 10))
expect "all CCA queues go away" "$(q_driver 00.0000) $(q_driver 00.0001) $(q_driver 02.0000) $(q_driver 02.0001)" "none none none none"
expect_range "in time (ms)" $took 0 $((4000 + SLACK_MS))
expect "the reader gets an end" "$(wait_for 10 gone "$READER"; echo $?)" 0
expect "there are no random numbers" "$(has_hwrng; echo $?)" 1
sim fault clear
sim release '*'
for q in 00.0000 00.0001 02.0000 02.0001; do
	bind_to $q cex4queue || die "bind $q: $RES"
done
wait_for 20 all_idle
wait_for 20 has_hwrng
set_to $HWRNG/rng_current zcrypt
bounded 60 dd if=/dev/hwrng of="$TMP/random1" bs=1000 count=1
expect "with the queues they come back" "$(wc -c <"$TMP/random1")" 1000

# The last one is pulled. One reader waits for its card, and many for their turn;
# what removes the queue is the scan that they would have to wait for.
READERS=20
all_read() {
	local syscall n=0

	for p in $pids; do
		read -r syscall _ <"/proc/$p/syscall" && [ "$syscall" = 3 ] &&
			n=$((n + 1))
	done 2>/dev/null
	[ $n = $READERS ]
}
for q in 00.0000 00.0001 02.0000; do
	unbind $q || die "unbind $q: $RES"
done
sim fault "add apqn=* insn=REPLY do=hold count=inf"
pids=
for n in $(seq $READERS); do
	job reader dd if=/dev/hwrng of=/dev/null bs=10000 count=1
	pids="$pids $JOB"
done
wait_for 20 pending || die "nobody waits for random numbers"
wait_for 20 all_read || die "not all wait for random numbers"
sim card02/0001/present 0
now_cs
start=$NOW
rescan
within 60 [ ! -e $DEV/02.0001 ] || die "the queue does not go"
now_cs
expect_range "the last queue goes away in one reader's time (ms)" \
	$(((NOW - start) * 10)) 0 $((1500 + SLACK_MS))
# shellcheck disable=SC2086
wait_jobs $pids
expect "there are no random numbers" "$(has_hwrng; echo $?)" 1
sim fault clear
sim release '*'
sim card02/0001/present 1
rescan
for q in 00.0000 00.0001 02.0000; do
	bind_to $q cex4queue || die "bind $q: $RES"
done
wait_for 20 q_has_driver 02.0001 cex4queue || die "the queue does not come back"
wait_for 20 all_idle
wait_for 20 has_hwrng
set_to $HWRNG/rng_current zcrypt
bounded 60 dd if=/dev/hwrng of="$TMP/random1" bs=1000 count=1
expect "with the queues they come back" "$(wc -c <"$TMP/random1")" 1000

# --- pkey --------------------------------------------------------------------------

if modprobe pkey_cca 2>"$TMP/err" && modprobe pkey_ep11 2>>"$TMP/err"; then
	expect "pkey finds the queues that have a CCA master key" \
		"$(ap_coproc apqns cca)" "00.0000 02.0000 02.0001"
	wk=$(sed -n 's/^wk cur valid //p' "$(sim_q 01.0001)/mk")
	expect "and that of an EP11 wrapping key" "$(ap_coproc apqns ep11 "$wk")" 01.0001
	expect "a key by a card that makes none" "$(ap_coproc seckey 0 0)" EIO
else
	diag "$(cat "$TMP/err")"
	for n in 1 2 3; do
		skip "pkey" "no pkey for this CPU"
	done
fi

# --- hand-overs ---------------------------------------------------------------------

need vfio_ap
sim service_us 300
job rsa ap_load --threads 4 --key 1024 --op mix --seconds 600
RSA=$JOB
job cprb ap_coproc load 4
CPRB=$JOB
wait_for 20 eval '[ "$(count)" -gt '$(($(count) + 20))' ]' || die "no load"
round=0
max=$(rounds 3)
sim_clear
while [ $round -lt "$max" ]; do
	round=$((round + 1))
	set_to $AP/aqmask -1
	for q in 00.0001 01.0001 02.0001; do
		wait_for 20 q_has_driver $q vfio_ap || diag "$q: $(q_driver $q)"
	done
	set_to $AP/aqmask +1
	for q in 00.0001 01.0001 02.0001; do
		wait_for 20 q_has_driver $q cex4queue || diag "$q: $(q_driver $q)"
	done
done
kill "$RSA" "$CPRB"
wait_for 90 gone "$RSA"
wait_for 90 gone "$CPRB"
sim_log "$TMP/sim"
sed 's/^/# /' "$TMP/rsa" "$TMP/cprb"
for q in 00.0001 01.0001 02.0001; do
	proven $q "$TMP/sim" || echo "$q was not proven clean"
done >"$TMP/offences"
expect_none "hand-overs under load: each queue was proven clean" "$TMP/offences"
zapq_offences "$TMP/sim" >"$TMP/offences"
expect_none "the firmware saw no message to a queue that was away" "$TMP/offences"
expect "RSA: nothing wrong, no error, none stuck" \
	"$(grep -o 'wrong .*' "$TMP/rsa")" "wrong 0 errors 0 stuck 0"
expect_like "CPRBs: nothing wrong, no error" "$(cat "$TMP/cprb")" "done [1-9]* wrong 0 errors 0"
expect "no load is left behind" "$(cat $DEV/*/load | sort -u)" 0
expect "all queues are online" "$(cat $DEV/0?.????/online | sort -u)" 1
finish
