#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# usage: ap_bench.sh CASE...
# Measures the AP drivers that this kernel has, on apsim; ./lab bench compares
# two of them.  Each case prints lines "bench CASE NAME VALUE"; what it has loaded
# is gone afterwards.
#	cost:Q:IRQ:US		one thread: instructions (qemu -icount), latency; Q
#				queues, interrupts or not, service time
#	bare:IRQ:US		the same request with no driver (module ap_bare)
#	scan:Q			a bus scan that finds nothing new
#	rate:T:Q:IRQ:US:S	T threads, for S seconds
#	reset:IRQ		latency on one queue while another is being reset
#	lost:HOW:IRQ		the longest request, when its card is deconfigured or
#				checkstopped and there is another one
#	unbind			one of 64 queues, under load
#	unload:Q		the driver
#	memory:KIND		of an idle queue and of a request, KIND a or c
AP=/sys/bus/ap
SIM=/sys/kernel/debug/apsim
MODULES="ap_bare zcrypt_cex4 pkey_cca pkey_ep11 pkey zcrypt ap apsim"

say() {
	echo "bench $case $*"
}

die() {
	echo "ap_bench.sh: $case: $*" >&2
	exit 1
}

# Q is a square: as many cards as domains
side() {
	side=1
	while [ $((side * side)) -lt "$1" ]; do
		side=$((side + 1))
	done
	[ $((side * side)) -eq "$1" ] || die "$1 is not a square"
}

# sim CARDS DOMAINS PARAMETER...
sim() {
	local cards="$1" domains="$2"

	shift 2
	modprobe apsim "cards=$cards" "domains=$domains" log=0 rsa=0 "$@" || die "no apsim"
}

online() {
	grep -l 1 "$AP"/devices/??.????/online 2>/dev/null | wc -l
}

# drivers QUEUES: load them, until they work for all queues and nothing else
# goes on
drivers() {
	local tries=0

	modprobe ap || die "no ap"
	modprobe zcrypt_cex4 || die "no zcrypt_cex4"
	while [ "$(online)" -lt "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || die "$(online) of $1 queues work"
		sleep 0.2
	done
	echo 0 >$AP/poll_thread
	echo 120 >$AP/config_time
	sleep 1
}

down() {
	local m

	for m in $MODULES; do
		[ ! -d "/sys/module/$m" ] || rmmod "$m" || die "$m cannot be unloaded"
	done
}

# value NAME LINE: the word behind NAME
value() {
	local name="$1"

	# shellcheck disable=SC2086
	set -- $2
	while [ $# -gt 1 ]; do
		if [ "$1" = "$name" ]; then
			echo "$2"
			return
		fi
		shift
	done
	die "no $name"
}

report_cost() {
	local line="$1" name

	for name in requests ns idle_ns insn insn_ns irq irq_ns timer timer_ns way_ns \
		irq_way_ns p50_ns p99_ns max_ns; do
		say $name "$(value $name "$line")"
	done
}

# Fewer where each takes long
requests() {
	if [ "$1" -ge 1024 ]; then
		echo 100
	else
		echo 500
	fi
}

bench_cost() { # Q IRQ US
	local line

	side "$1"
	sim "$side*8a" "$side" reset_ms=1 "irq=$2" "service_us=$3"
	drivers "$1"
	echo 1 >$SIM/cost
	line=$(ap_cost "$(requests "$1")") || die "ap_cost failed"
	report_cost "$line"
}

bench_bare() { # IRQ US
	local line

	sim 8a 1 reset_ms=1 "irq=$1" "service_us=$2"
	modprobe ap_bare "irq=$1" "wait_us=$2" || die "no ap_bare"
	echo 1 >$SIM/cost
	line=$(ap_cost 500 /dev/ap_bare) || die "ap_cost failed"
	report_cost "$line"
}

bench_scan() { # Q
	local line

	side "$1"
	sim "$side*8a" "$side" reset_ms=1
	drivers "$1"
	line=$(ap_timed sh -c "echo 1 >$AP/scans")
	say ns "${line##* }"
}

counts() {
	local q

	for q in "$AP"/devices/??.????/request_count; do
		read -r n <"$q" && echo "$n"
	done
}

# load ARGUMENT...: rate, latency and errors
load() {
	local line

	line=$(ap_load --op me-pub --unchecked "$@") || echo "$line" >&2
	line=$(echo "$line" | tr '\n' ' ')
	say requests "$(value "done" "$line")"
	say errors "$(($(value errors "$line") + $(value stuck "$line")))"
	say rate "$(value rate "$line")"
	say p50_us "$(value p50 "$line")"
	say p99_us "$(value p99 "$line")"
	say max_us "$(value max "$line")"
}

bench_rate() { # THREADS Q IRQ US SECONDS
	side "$2"
	sim "$side*8a" "$side" reset_ms=1 "irq=$3" "service_us=$4"
	drivers "$2"
	counts >/tmp/before
	load --threads "$1" --seconds "$5"
	counts >/tmp/after
	say dqap_per_reply "$(cat $SIM/card*/*/counters | tr ' ' '\n' | awk -F= '
		{ n[$1] += $2 } END { printf "%.2f", n["dqap_ok"] ? n["dqap"] / n["dqap_ok"] : 0 }')"
	say busiest_to_mean "$(paste /tmp/before /tmp/after | awk '
		{ n = $2 - $1; sum += n; if (n > max) max = n }
		END { printf "%.4f", sum ? max * NR / sum : 0 }')"
}

# A node for the queue 00.0000 alone
node() {
	echo bench >/sys/class/zcrypt/create || die "no node"
	echo "+$((0x$1))" >/sys/class/zcrypt/bench/apmask
	echo +0 >/sys/class/zcrypt/bench/aqmask
	seq -f +%g -s , 1 127 >/sys/class/zcrypt/bench/ioctlmask 2>/dev/null ||
		echo 0xffffffffffffffffffffffffffffffff >/sys/class/zcrypt/bench/ioctlmask
	[ -e /dev/bench ] || sleep 1
}

resets() {
	while [ -e /tmp/resets ]; do
		echo 1 >$AP/devices/01.0000/reset
		sleep 0.21
	done
}

bench_reset() { # IRQ
	sim 8a,8a 1 reset_ms=200 "irq=$1" service_us=50
	drivers 2
	node 00
	load --threads 1 --seconds 3 --device /dev/bench | sed 's/ \([a-z0-9_]* [^ ]*\)$/ calm_\1/'
	: >/tmp/resets
	resets &
	load --threads 1 --seconds 3 --device /dev/bench
	rm /tmp/resets
	wait
	echo bench >/sys/class/zcrypt/destroy
}

bench_lost() { # HOW IRQ
	sim 8a,8a 1 reset_ms=20 "irq=$2" service_us=500
	drivers 2
	echo 30 >$AP/config_time
	(
		sleep 2
		case $1 in
		config) echo 0 >$SIM/card00/config ;;
		chkstop) echo 1 >$SIM/card00/chkstop ;;
		esac
	) &
	load --threads 8 --seconds 36
	wait
}

bench_unbind() {
	local i=0

	sim '8*8a' 8 reset_ms=0 service_us=50
	drivers 64
	ap_load --op me-pub --unchecked --threads 16 --seconds 60 >/tmp/load &
	sleep 1
	while [ $i -lt 21 ]; do
		# the write alone
		# shellcheck disable=SC2046
		set -- $(ap_write $AP/drivers/cex4queue/unbind 00.0000)
		[ "$1" = OK ] || die "unbind: $1"
		say ns "$2"
		sleep 0.1
		echo 00.0000 >$AP/drivers/cex4queue/bind
		sleep 0.2
		i=$((i + 1))
	done
	kill -INT $!
	wait
}

bench_unload() { # Q
	side "$1"
	sim "$side*8a" "$side" reset_ms=20
	drivers "$1"
	say ns "$(ap_timed rmmod zcrypt_cex4)"
}

slab_kb() {
	sed -n 's/^Slab: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# Bytes that requests can be in: objects of the caches that are not accounted to a
# process, and what is too long for a cache of kmalloc()
request_bytes() {
	awk '/^Slab:/ { all = $2 * 1024 }
		$1 ~ /^kmalloc-[0-9]|^zcrypt/ && NF > 12 { sum += $2 * $4 }
		NF > 12 && $2 ~ /^[0-9]+$/ { all -= $15 * $6 * 4096 }
		END { print sum + all }' /proc/meminfo /proc/slabinfo
}

# in_flight ARGUMENT...: bytes for each of 200 threads with a request, and the rest of
# what there is for a thread, in BYTES
in_flight() {
	local with

	ap_load --op me-pub --unchecked --threads 200 --requests 200 "$@" >/tmp/load &
	sleep 1.5
	with=$(request_bytes)
	kill -9 $!
	wait
	sleep 1
	BYTES=$(((with - $(request_bytes)) / 200))
}

bench_memory() { # KIND
	local before queues=1024

	sim "32*8$1" 32 reset_ms=1
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	before=$(slab_kb)
	drivers $queues
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	say queue_bytes $((($(slab_kb) - before) * 1024 / queues))
	echo 3000000 >$SIM/service_us
	in_flight
	say request_bytes $BYTES
	down
	# The same threads, all but one of which wait for a lock
	sim 8a 1 reset_ms=1 service_us=3000000
	modprobe ap_bare wait_us=3000000 || die "no ap_bare"
	in_flight --device /dev/ap_bare
	say thread_bytes $BYTES
}

for case in "$@"; do
	# shellcheck disable=SC2046
	set -- $(echo "$case" | tr : ' ')
	what=$1
	shift
	"bench_$what" "$@" || die "failed"
	down
done
