#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Which queue gets a request, seen from the card: equal queues get equal shares,
# and one that does not answer any more, or is being reset, gets nothing while
# there are others.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh

shares() {
	local q

	for q in $(queues); do
		sim_count "$q" nqap_ok
	done
}

plan 13
stack_up "cards=8*8a domains=8 service_us=500 log=0 rsa=2"
# Where a CPU of ours is kept off, requests wait with it, and what is sent meanwhile
# goes to other queues: that evens out, what the choice prefers does not.
N=19200
[ $DEBUG_KERNEL = 0 ] || N=6400
shares >"$TMP/before"
bounded 120 ap_load --threads 16 --key 1024 --op me-pub --requests $N
expect "16 threads, 64 queues: $N requests" "$?" 0
shares >"$TMP/after"
paste "$TMP/before" "$TMP/after" | awk '{ n = $2 - $1; sum += n; if (n > max) max = n }
	END { print sum, max * NR }' >"$TMP/sum"
read -r sum max <"$TMP/sum"
diag "requests $sum, the busiest times 64 $max, the slowest $(load_result max "$TMP/bounded") us"
check "no request was sent twice" [ "$sum" -eq $N ]
expect_range "the busiest queue: at most 1.1 times the mean" "$max" "$sum" $((sum * 11 / 10))

# 4 queues: one swallows a request, and goes on
stack_up "cards=8a,8a domains=2 service_us=2000 rsa=2"
sim fault "add apqn=00.0001 insn=REPLY do=swallow"
shares >"$TMP/before"
job stuck ap_load --threads 8 --key 1024 --op me-pub --seconds 60
sleep 4
shares >"$TMP/after"
kill -9 "$JOB"
check "the program goes when it is killed" wait_for 5 gone "$JOB"
paste "$TMP/before" "$TMP/after" | awk 'NR == 2 { stuck = $2 - $1 } { sum += $2 - $1 }
	END { print int(sum / NR), stuck }' >"$TMP/sum"
read -r mean stuck <"$TMP/sum"
diag "mean $mean, the one with the stuck request $stuck"
expect "it has swallowed one" "$(sim_count 00.0001 swallowed)" 1
expect_range "with a stuck request it gets no more than the others" "$stuck" 1 $((mean * 11 / 10))

# one answers nothing any more
sim fault "add apqn=00.0000 insn=REPLY do=hold count=inf"
none=$(sim_count 00.0000 nqap)
job held ap_load --threads 8 --key 1024 --op me-pub --seconds 60
# it is full when another one gets requests and it gets none; all of it within the
# 9 s after which the bus takes back what is held
reached() {
	[ "$(sim_count 01.0000 nqap)" -ge "$1" ]
}
full() {
	before=$(sim_count 00.0000 nqap)
	wait_for 5 reached $(($(sim_count 01.0000 nqap) + 50))
	[ "$before" -gt "$none" ] && [ "$(sim_count 00.0000 nqap)" = "$before" ]
}
check "a queue that does not answer at all is full some time" wait_for 8 full
check "others get more" wait_for 8 reached $(($(sim_count 01.0000 nqap) + 200))
expect "it gets nothing" "$(sim_count 00.0000 nqap)" "$before"
sim fault clear
sim release '*'
kill -9 "$JOB"
wait_jobs "$JOB"

stack_up "cards=8a,8a domains=2 service_us=2000 rsa=2"
sim fault "add apqn=01.0000 insn=RAPQ do=hang count=1"
wr $DEV/01.0000/reset 1
job resetting ap_load --threads 8 --key 1024 --op me-pub --seconds 2
resetting=$JOB
check "others get requests" wait_for 10 eval '[ "$(sim_count 01.0001 nqap)" -ge 20 ]'
expect "a queue in reset gets no request" "$(cat $DEV/01.0000/requestq_count)" 0
expect_like "it still is in reset" "$(q_state 01.0000)" "*RESET*"
wait_jobs "$resetting"
sim release 01.0000
expect "and no request has waited for it" "$(grep -c 'errors 0 stuck 0' "$TMP/resetting")" 1
finish
