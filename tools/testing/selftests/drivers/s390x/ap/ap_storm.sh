# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Sourced by test_r9_storm.sh, after ap_lib.sh: those who make the storm.  Each
# runs in a shell of its own until $TMP/stop is there, makes its choices from a
# seed of its own, and says at its end how much it did.
# shellcheck disable=SC2086 # names from ap_lib.sh, and of queues: single words

# The whole storm's choices follow from this number
storm_seed() {
	STORM_SEED=${AP_SEED:-}
	if [ -z "$STORM_SEED" ]; then
		STORM_SEED=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')
		STORM_SEED=$((STORM_SEED + 1))
	fi
	case "$STORM_SEED" in
	*[!0-9]* | 0*) die "AP_SEED must be a number from 1 to 4294967295, not '$STORM_SEED'" ;;
	esac
	diag "seed $STORM_SEED; for the same choices again: AP_SEED=$STORM_SEED"
}

# seed NUMBER: that of one actor
seed() {
	SEED=$(((STORM_SEED * 31 + $1 * 7919) & 0x7fffffff))
}

# rnd N: a number from 0 to N-1 in R; one sequence per shell
rnd() {
	SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff))
	R=$(((SEED >> 8) % $1))
}

running() {
	[ ! -e "$TMP/stop" ]
}

# say FILE STRING: it may be refused, and the file may be gone
say() {
	{ echo "$2" >"$1"; } 2>/dev/null
}

# There are more who want a CPU than CPUs: the shell that starts them, and says when a
# part of the storm is over, does not wait for its turn; it would for minutes.
AHEAD=0
go_ahead() {
	AHEAD=10
	renice -n -$AHEAD -p $$ >/dev/null || AHEAD=0
}

# set_back MORE COMMAND...: as a job of that shell, behind it by as much, and MORE
set_back() {
	local pid rest

	# shellcheck disable=SC2034 # rest: of the line
	read -r pid rest </proc/self/stat
	renice -n $((AHEAD + $1)) -p "$pid" >/dev/null
	shift
	"$@"
}

# actor NAME NUMBER [FUNCTION].  Those that could do without end leave time to those
# who ask the cards, and who take them away.  Not much: they hold locks of sysfs for
# which all others wait.  A part of the storm lasts until modules has done its work in
# it, and a module goes in a moment in which nobody uses it.
actor() {
	local more

	case $1 in
	modules) more=-5 ;;
	hand_over*) more=0 ;;
	*) more=4 ;;
	esac
	job "actor.$1" set_back $more "${3:-$1}" "$2"
}

# Domain 0 is left to the requests
hand_over() {
	local q n=0

	seed "$1"
	while running; do
		rnd 3
		q=000$((R + 1))
		rnd 5
		case $R in
		0 | 1) q=00.$q ;;
		2) q=01.$q ;;
		3) q=03.$q ;;
		4) q=04.$q ;;
		esac
		say "$DEV/$q/driver/unbind" $q
		rnd 3
		case $R in
		0) say $AP/drivers/cex4queue/bind $q ;;
		1) say $AP/drivers/ap_testdrv/bind $q ;;
		2) say $AP/drivers/vfio_ap/bind $q ;;
		esac
		n=$((n + 1))
		nap 0.03
	done
	echo "hand_over $n"
}

# at_random NAME NUMBER PAUSE FILE STRING [FILE STRING]...: one of the writes, all the
# time
at_random() {
	local name="$1" pause="$3" n=0 file string

	seed "$2"
	shift 3
	while running; do
		rnd $(($# / 2))
		eval "file=\${$((2 * R + 1))} string=\${$((2 * R + 2))}"
		say "$file" "$string"
		n=$((n + 1))
		nap "$pause"
	done
	echo "$name $n"
}

masks() {
	at_random masks "$1" 0.05 \
		$AP/aqmask -1-2 \
		$AP/aqmask +0-255 \
		$AP/apmask -1 \
		$AP/apmask +0-255
}

attributes() {
	at_random attributes "$1" 0.02 \
		$DEV/card01/online 0 \
		$DEV/card01/online 1 \
		$DEV/00.0003/online 0 \
		$DEV/00.0003/online 1 \
		$DEV/00.0001/reset 1 \
		$DEV/01.0002/reset 1 \
		$AP/poll_timeout 100000 \
		$AP/poll_timeout 2000000 \
		$DEV/card01/config 0 \
		$DEV/card01/config 1 \
		$DEV/03.0001/reset 1 \
		$DEV/04.0002/online 0 \
		$DEV/04.0002/online 1
}

scans() {
	local n=0

	while running; do
		say $AP/scans 1
		n=$((n + 1))
		nap 0.03
	done
	echo "scans $n"
}

# Where there are interrupts it does not start
poll_thread() {
	local n=0

	while running; do
		say $AP/poll_thread 1
		! grep -qs 1 $AP/poll_thread || : >"$TMP/did.poll"
		nap 0.3
		say $AP/poll_thread 0
		n=$((n + 1))
		nap 0.3
	done
	echo "poll_thread $n"
}

hardware() {
	at_random hardware "$1" 0.1 \
		$SIM/card02/present 0 \
		$SIM/card02/present 1 \
		$SIM/card01/config 0 \
		$SIM/card01/config 1 \
		$SIM/card01/chkstop 1 \
		$SIM/card01/chkstop 0 \
		$SIM/card00/0002/config 0 \
		$SIM/card00/0002/config 1 \
		$SIM/card02/0001/present 0 \
		$SIM/card02/0001/present 1 \
		$SIM/card03/0002/chkstop 1 \
		$SIM/card03/0002/chkstop 0 \
		$SIM/card04/0001/config 0 \
		$SIM/card04/0001/config 1
}

faults() {
	local n=0 insn rc

	seed "$1"
	while running; do
		rnd 4
		case $R in
		0) insn=ZAPQ ;;
		1) insn=TAPQ ;;
		2) insn=RAPQ ;;
		3) insn=AQIC ;;
		esac
		# vfio_ap issues these two as well, and WARNs on any odd code
		case $insn in
		ZAPQ | TAPQ) rnd 2 ;;
		*) rnd 5 ;;
		esac
		case $R in
		0) rc=02 ;;
		1) rc=05 ;;
		2) rc=06 ;;
		3) rc=77 ;;
		4) rc=01 ;;
		esac
		say $SIM/fault "add apqn=01.* insn=$insn do=rc=$rc count=2"
		rnd 4
		case $R in
		0) say $SIM/fault "add apqn=02.* insn=ZAPQ do=hang count=1" ;;
		1) say $SIM/fault "add apqn=00.0001 insn=REPLY do=hold count=3" ;;
		2) say $SIM/fault "add apqn=00.* insn=REPLY do=lost-irq count=2" ;;
		3) say $SIM/fault "add apqn=02.* insn=REPLY do=spurious-irq count=2" ;;
		esac
		nap 0.3
		say $SIM/fault clear
		say $SIM/release '*'
		n=$((n + 1))
	done
	echo "faults $n"
}

readers() {
	local n=0

	while running; do
		cat $AP/[a-z]*[a-z] $DEV/*/[a-z]* $CLASS/*/*mask \
			/sys/kernel/debug/ap/* >/dev/null 2>&1
		n=$((n + 1))
	done
	echo "readers $n"
}

cpus() {
	local n=0

	no_fair_server
	while running; do
		say /sys/devices/system/cpu/cpu1/online 0
		nap 0.7
		say /sys/devices/system/cpu/cpu1/online 1
		nap 0.7
		n=$((n + 1))
	done
	say /sys/devices/system/cpu/cpu1/online 1
	echo "cpus $n"
}

# Messages of the second driver; they hold it, so not while it is to go
senders() {
	local n=0 q mode

	seed "$1"
	while running; do
		if [ -e "$TMP/pause" ] || ! [ -e $TD/submit ]; then
			nap 0.1
			continue
		fi
		rnd 2
		q=0$R.0001
		rnd 2
		[ "$R" = 0 ] || q=${q%1}2
		rnd 2
		[ "$R" = 0 ] && mode= || mode=cancel
		say $TD/submit "$q 12 $mode"
		n=$((n + 1))
	done
	echo "senders $n"
}

# Programs that are killed with requests under way: all of them go at once
victims() {
	local n=0 pid

	seed "$1"
	while running; do
		if [ -e "$TMP/alone" ]; then
			nap 0.2
			continue
		fi
		rnd 3
		if [ "$R" = 0 ]; then
			ap_coproc load 2 >/dev/null 2>&1 &
		else
			ap_load --threads 3 --key 1024 --op me --seconds 1000 >/dev/null 2>&1 &
		fi
		pid=$!
		rnd 10
		nap 0.${R}5
		kill -9 $pid 2>/dev/null
		wait_for 10 gone $pid || echo "VICTIM $pid does not go"
		wait $pid 2>/dev/null
		n=$((n + 1))
	done
	echo "victims $n"
}

# Device nodes that are made, used, and destroyed under their users
nodes() {
	local n=0 pid name file

	seed "$1"
	while running; do
		name=storm$1_$n
		if [ -e "$TMP/alone" ] || ! say $CLASS/create $name; then
			nap 0.2
			continue
		fi
		for file in ioctlmask apmask aqmask; do
			say $CLASS/$name/$file +0-255
		done
		ap_load --device /dev/$name --threads 2 --key 1024 --op me-pub \
			--requests 8 >"$TMP/node$1" 2>&1 &
		pid=$!
		rnd 5
		nap 0.$((R * 2))1
		say $CLASS/destroy $name
		wait_for 60 gone $pid || echo "NODE: a user of $name does not end"
		wait $pid 2>/dev/null
		grep -q ' wrong 0 .* stuck 0' "$TMP/node$1" || ! grep -q ' wrong ' "$TMP/node$1" ||
			echo "NODE: $(cat "$TMP/node$1")"
		n=$((n + 1))
	done
	echo "nodes $n"
}
CLASS=/sys/class/zcrypt

# take_out TRIES MODULE: one that is in use is tried again
take_out() {
	local n=0

	while [ -e "/sys/module/$2/refcnt" ]; do
		rmmod "$2" 2>/dev/null && return 0
		n=$((n + 1))
		[ $n -lt "$1" ] || return 1
		nap 0.05
	done
}

# The second driver as the storm wants it
td_settings() {
	say $TD/wait_ms 20000
	say $TD/linger_ms 20
	say $TD/request_timeout_ms 3000
}

# The driver's sums go with it; that they come out even it looks at itself then
take_out_drivers() {
	[ -e $TD/results ] && field submitted $TD/results && SUBMITTED=$((SUBMITTED + VAL))
	take_out 60 ap_testdrv && OUT=$((OUT + 1))
	take_out 20 vfio_ap && OUT=$((OUT + 1))
}

put_in_drivers() {
	modprobe vfio_ap || echo "MODULE vfio_ap does not load"
	modprobe ap_testdrv || echo "MODULE ap_testdrv does not load"
	td_settings
}

# Requests hold the driver that works their queue: with all cards off line
# they are handed back, find no queue, and end
take_out_cex4() {
	local card n=0

	while [ $n -lt 20 ] && loaded zcrypt_cex4; do
		for card in "$DEV"/card*; do
			say "$card/online" 0
		done
		take_out 5 zcrypt_cex4 && CEX4=$((CEX4 + 1)) && : >"$TMP/did.cex4"
		n=$((n + 1))
	done
	modprobe zcrypt_cex4 || echo "MODULE zcrypt_cex4 does not load"
}

# All but the simulator, with nobody left but who reads and writes sysfs
take_out_all() {
	local m

	for m in $MODULES; do
		[ $m = apsim ] || take_out 100 $m ||
			echo "MODULE $m does not unload, $(use_count $m)"
	done
	loaded ap || ALL=$((ALL + 1))
	loaded ap || : >"$TMP/did.alone"
	# shellcheck disable=SC2154 # by test_r9_storm.sh
	modprobe ap "$irq" || echo "MODULE ap does not load"
	say /sys/module/ap/parameters/remove_timeout 500
	modprobe zcrypt_cex4 || echo "MODULE zcrypt_cex4 does not load"
}

# What it does depends on the part of the storm, see test_r9_storm.sh
modules() {
	local begun rest

	OUT=0
	CEX4=0
	ALL=0
	SUBMITTED=0
	while running; do
		now_cs
		begun=$NOW
		: >"$TMP/pause"
		if [ -e "$TMP/alone" ]; then
			take_out_drivers
			take_out_all
			put_in_drivers
		else
			[ ! -e "$TMP/cex4" ] || take_out_cex4
			take_out_drivers
			put_in_drivers
		fi
		rm "$TMP/pause"
		# The second driver's senders have their turn, half as long as it took,
		# but not less than a second nor more than five
		now_cs
		rest=$(((NOW - begun) / 200))
		[ $rest -ge 1 ] || rest=1
		[ $rest -le 5 ] || rest=5
		nap $rest
		# It takes the base long to let them go: be there as long
		ours || nap 4
	done
	echo "modules $OUT drivers, $CEX4 zcrypt_cex4, $ALL the whole stack"
	echo "messages of the second driver $SUBMITTED"
}
