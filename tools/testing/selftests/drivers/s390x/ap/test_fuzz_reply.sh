#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Cards that lie: valid requests, and the kernel's wish for random numbers, while
# a quarter of all replies is spoilt in one way after the other.  What the format
# of an RSA reply gives away is never taken for a result, nothing hangs, nothing
# is written beside what is there for the reply, and afterwards all is well.  Then
# each request draws how its reply is spoilt, guided by what of the code was reached
# when the kernel has KCOV: the sender itself looks at its reply.
# AP_FUZZ_COUNT: requests for each way (default 1000).
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

plan 22
COUNT=${AP_FUZZ_COUNT:-$(rounds 1000)}
SEED=${AP_FUZZ_SEED:-$(date +%s)}
stack_up "cards=2*8a,8c,8p domains=2 rsa=2"
diag "seed $SEED"

refuses() {
	! wr $SIM/fault "$1" && [ "$RES" = EINVAL ]
}
check "mutate needs to know how" refuses "add apqn=* insn=REPLY do=mutate"
check "only replies can be spoilt" refuses "add apqn=* insn=NQAP do=mutate=01"
check "a seed is for mutate alone" \
	refuses "add apqn=* insn=REPLY do=error=90 seed=1"
check "a seed is a number" refuses "add apqn=* insn=REPLY do=mutate=01 seed=x"

# The same number spoils a reply in the same way, and the log tells it.  All
# queues but one are offline, so that the replies are the same, too.
seeds_of() {
	for f in $DEV/card*/online; do
		set_to "$f" 0
	done
	set_to $DEV/card00/online 1
	set_to $DEV/00.0001/online 0
	sim fault clear
	sim_clear
	sim fault "add apqn=* insn=REPLY do=mutate=40 seed=$1 count=inf"
	ap_fuzz --count 60 --seed 3 --threads 1 --race 0 --spoil 0 --lies \
		--garbled >"$TMP/$2.run" 2>&1
	sim fault clear
	sim_log "$TMP/$2.log"
	sed -n 's/.* FAULT .*do=mutate=40 seed=//p' "$TMP/$2.log" >"$TMP/$2"
	grep '^ICA' "$TMP/$2.run" | sed 's/ spent.*//' >>"$TMP/$2"
	online
}

online() {
	local f

	for f in $DEV/card*/online $DEV/??.????/online; do
		echo 1 >"$f" 2>/dev/null
	done
}

seeds_of 5 one
seeds_of 5 two
check "a seed says all" diff "$TMP/one" "$TMP/two"
third=$(sed -n 3p "$TMP/one")
seeds_of "$third" three
expect "every hit can be had again" "$(sed -n 2p "$TMP/three")" \
	"$(sed -n 4p "$TMP/one")"

# Who gives a wrong answer is taken offline: somebody has to look after that
medic() {
	while :; do
		for f in $DEV/??.????/online; do
			echo 1 >"$f"
		done
		usleep 20000
	done
}
job medic medic

# Replies that are for the driver itself: random numbers, and what cards say of
# themselves
HWRNG=/sys/class/misc/hw_random
asker() {
	while :; do
		timeout -s KILL 60 head -c 512 /dev/hwrng >/dev/null
		cat $DEV/card02/serialnr $DEV/02.0000/mkvps $DEV/card03/serialnr
		sleep 0.5
	done >/dev/null 2>&1
}
wait_for 20 grep -qw zcrypt $HWRNG/rng_available
set_to $HWRNG/rng_current zcrypt
job asker asker

# lie HOW WHAT [OPTION]
hits=0
lie() {
	local n

	sim fault "add apqn=* insn=REPLY do=mutate=$1 seed=$SEED prob=25 count=inf"
	# shellcheck disable=SC2086
	ap_fuzz --count "$COUNT" --seed "$SEED" --spoil 0 --verify-every 4 \
		--lies $3 >"$TMP/fuzz" 2>&1
	rc=$?
	n=$(sed -n 's/.* hits=\([0-9]*\) .*/\1/p' $SIM/fault)
	sim fault clear
	diag "$2: $n of the replies; $(grep -v '^seed' "$TMP/fuzz" | tr '\n' ';')"
	hits=$((hits + n))
	expect "$2" $rc 0
}
lie 01 "of another type"
lie 02 "with a wrong length in it"
lie 04 "with an error code"
lie 08 "cut off"
lie 10 "too long"
lie 20 "with a result that is too short"
lie 40 "with some wrong bytes" --garbled
lie 80 "that is nothing but noise" --garbled
lie ff "with any of that" --garbled
cover=
[ ! -e /sys/kernel/debug/kcov ] || cover="--cover guide"
# shellcheck disable=SC2086
ap_fuzz --count "$COUNT" --seed "$SEED" --threads 1 --race 0 --spoil 0 \
	--verify-every 4 $cover --faults $SIM/fault --garbled >"$TMP/fuzz" 2>&1
rc=$?
sim fault clear
sed 's/^/# /' "$TMP/fuzz"
expect "spoilt as each request draws it" $rc 0
expect_range "replies were spoilt" $hits $((COUNT / 2)) $((COUNT * 90))

stop_jobs
online
set_to $HWRNG/rng_current none
check "all queues are idle" wait_for 30 all_idle
expect "no load is left behind" "$(cat $DEV/*/load | sort -u)" 0
expect "all cards and queues are online" \
	"$(cat $DEV/card*/online $DEV/??.????/online | sort -u)" 1
set_to $DEV/card02/online 0
ap_fuzz --count "$COUNT" --seed "$SEED" --spoil 0 --verify-every 2 >"$TMP/fuzz" 2>&1
expect "honest again, every result is right" $? 0
sed 's/^/# /' "$TMP/fuzz"
set_to $DEV/card02/online 1
job me ap_request me
wait_for 20 gone "$JOB"
expect_like "and a request of another program" "$(cat "$TMP/me")" "OK *"
finish
