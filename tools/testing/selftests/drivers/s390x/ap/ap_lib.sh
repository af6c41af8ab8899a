# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Sourced by the tests: KTAP output, the stack of modules under test, waiting
# with a bound, and questions to the logs of apsim and ap_testdrv.  Written for
# busybox ash.
#
# A test script:
#	. ap_lib.sh
#	plan 2
#	stack_up "cards=8a,8a domains=4"
#	check "what must hold" COMMAND...
#	expect "what must be equal" "$actual" "$expected"
#	finish
# finish adds one test: no warning of the kernel, everything unloads.

PATH=$PWD:$PATH:/sbin:/usr/sbin
AP=/sys/bus/ap
DEV=$AP/devices
SIM=/sys/kernel/debug/apsim
TD=/sys/kernel/debug/ap_testdrv
# What a bound (R7 in Documentation/arch/s390/zcrypt-remove.rst) may be missed by on a
# busy machine without that being a broken promise; a debug kernel under emulation is ten times slower.
if [ -e /proc/lockdep ] || [ -e /sys/kernel/debug/kmemleak ]; then
	DEBUG_KERNEL=1
	PATIENCE=6
	SLACK_MS=${SLACK_MS:-10000}
else
	DEBUG_KERNEL=0
	PATIENCE=1
	SLACK_MS=${SLACK_MS:-3000}
fi
MODULES="ap_testdrv vfio_ap zcrypt_cex4 pkey_cca pkey_ep11 pkey_pckmo pkey zcrypt ap apsim"
TMP=${TMPDIR:-/tmp}/ap-test.$$
KTAP_NR=0
KTAP_FAILED=0
KTAP_SKIPPED=0
KTAP_PLAN=0
JOBS=

# --- KTAP ---------------------------------------------------------------

# script_begin COMMAND: a directory, debugfs, and what is done at the end, however it
# comes.  Everything the kernel says from here on is this script's.
script_begin() {
	mkdir -p "$TMP"
	nap_begin
	# shellcheck disable=SC2064 # it is to be this command
	trap "$1" EXIT
	trap 'exit 1' INT TERM HUP
	grep -q " /sys/kernel/debug debugfs" /proc/mounts ||
		mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	mark_dmesg
}

plan() {
	KTAP_PLAN=$(($1 + 1))
	echo "KTAP version 1"
	echo "1..$KTAP_PLAN"
	script_begin cleanup
	[ -d /sys/kernel/debug/tracing ] || [ -d $SIM ] || grep -q debugfs /proc/mounts ||
		die "no debugfs"
	if lacks_module apsim && ! [ -d /sys/module/apsim ]; then
		skip_all "no module apsim for this kernel"
	fi
	if [ -d /sys/module/ap ] && ! grep -q '^ap ' /proc/modules; then
		skip_all "the AP bus is built in: it cannot be loaded anew"
	fi
}

lacks_module() {
	! modprobe -D "$1" >/dev/null 2>/dev/null && ! [ -d "/sys/module/$1" ]
}

# part_of SCRIPT VARIABLE ARGUMENTS...: this is another part of SCRIPT where there are
# arguments; when VARIABLE says what is wanted of it, SCRIPT alone has that
part_of() {
	local script="$1" choice="$2"

	shift 2
	eval "[ $# -gt 0 ] && [ -n \"\$$choice\" ]" || return 0
	echo "1..0 # SKIP $script has what $choice says"
	exit 4
}

skip_all() {
	local i=$KTAP_NR

	while [ "$i" -lt "$KTAP_PLAN" ]; do
		i=$((i + 1))
		echo "ok $i # SKIP $1"
	done
	KTAP_NR=$KTAP_PLAN
	trap - EXIT
	rm -rf "$TMP"
	exit 4
}

diag() {
	echo "# $*"
}

ok() {
	KTAP_NR=$((KTAP_NR + 1))
	echo "ok $KTAP_NR $*"
}

not_ok() {
	KTAP_NR=$((KTAP_NR + 1))
	KTAP_FAILED=$((KTAP_FAILED + 1))
	echo "not ok $KTAP_NR $*"
}

# skip WHAT WHY
skip() {
	KTAP_NR=$((KTAP_NR + 1))
	KTAP_SKIPPED=$((KTAP_SKIPPED + 1))
	echo "ok $KTAP_NR $1 # SKIP $2"
}

die() {
	echo "Bail out! $*"
	KTAP_FAILED=$((KTAP_FAILED + 1))
	exit 1
}

# check WHAT COMMAND...
check() {
	local what="$1"

	shift
	if "$@"; then
		ok "$what"
	else
		diag "failed: $*"
		not_ok "$what"
	fi
}

# expect WHAT ACTUAL EXPECTED
expect() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		diag "is '$2', must be '$3'"
		not_ok "$1"
	fi
}

# expect_like WHAT ACTUAL PATTERN (of case)
expect_like() {
	# shellcheck disable=SC2254
	case "$2" in
	$3) ok "$1" ;;
	*)
		diag "is '$2', must be like '$3'"
		not_ok "$1"
		;;
	esac
}

# expect_range WHAT NUMBER MIN MAX
expect_range() {
	if [ -n "$2" ] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
		ok "$1 ($2)"
	else
		diag "is '$2', must be from $3 to $4"
		not_ok "$1"
	fi
}

# expect_none WHAT FILE: the file lists offences and must be empty
expect_none() {
	if [ -s "$2" ]; then
		head -n 10 "$2" | sed 's/^/# /'
		diag "$(wc -l <"$2") in all"
		not_ok "$1"
	else
		ok "$1"
	fi
}

# A line in the kernel log that says where this test begins
mark_dmesg() {
	DMESG_MARK="ap test ${0##*/} $$ begins"
	echo "$DMESG_MARK" >/dev/kmsg
}

# What of the kernel log since then is a warning of any kind.  If the mark has
# fallen out of the log, all of the log counts.
kernel_splats() {
	dmesg >"$TMP/dmesg"
	if grep -qF "$DMESG_MARK" "$TMP/dmesg"; then
		sed "1,/$DMESG_MARK/d" "$TMP/dmesg"
	else
		cat "$TMP/dmesg"
	fi | awk '
		/WARNING:|BUG:|BUG |Oops|Call Trace:|possible recursive|possible circular|KASAN|KCSAN|UBSAN|kmemleak: [1-9]|rcu_sched.*stall|rcu:.*stall|soft lockup|blocked for more than|Unable to handle|Kernel panic|ODEBUG|sleeping function/'
}

finish() {
	# What the second driver has seen during the whole test
	if [ -e $TD/results ]; then
		diag "ap_testdrv: $(cat $TD/results)"
	fi
	if ! stack_down; then
		diag "modules left: $(lsmod | tr '\n' ';')"
		not_ok "everything unloads, and the kernel warned of nothing"
	else
		kernel_splats >"$TMP/splats"
		expect_none "everything unloads, and the kernel warned of nothing" "$TMP/splats"
	fi
	exit_now
}

exit_now() {
	if [ "$KTAP_NR" -ne "$KTAP_PLAN" ]; then
		diag "planned $KTAP_PLAN tests, ran $KTAP_NR"
		KTAP_FAILED=$((KTAP_FAILED + 1))
	fi
	diag "Totals: pass:$((KTAP_NR - KTAP_FAILED - KTAP_SKIPPED)) fail:$KTAP_FAILED skip:$KTAP_SKIPPED"
	trap - EXIT
	rm -rf "$TMP"
	[ "$KTAP_FAILED" -eq 0 ] || exit 1
	exit 0
}

cleanup() {
	stop_jobs
	stack_down || diag "modules left loaded"
	rm -rf "$TMP"
	exit 1
}

# --- without a program ----------------------------------------------------
#
# A debug kernel under emulation takes a tenth of a second to start a program,
# and half of that to fork: what is done often is done by the shell alone, and
# leaves its answer in a variable. The functions further down that print are
# for use where it does not matter.

# value FILE: its first line, in VAL; nothing if it cannot be read
value() {
	VAL=
	{ IFS= read -r VAL <"$1"; } 2>/dev/null
}

# field KEY FILE: what follows KEY= in a file of such words, in VAL
field() {
	local line word

	VAL=
	while read -r line; do
		for word in $line; do
			case "$word" in
			"$1="*)
				VAL=${word#*=}
				return 0
				;;
			esac
		done
	done <"$2"
	return 1
}

# put FILE STRING: as wr, but the reason and the time of a refusal are lost
put() {
	{ echo "$2" >"$1"; } 2>/dev/null
}

# nap SECONDS: wait for what nobody will write to a pipe
nap_begin() {
	[ -p "$TMP/nap" ] || mkfifo "$TMP/nap"
	exec 9<>"$TMP/nap"
	# not every shell has read -t
	# shellcheck disable=SC3045
	read -r -t 0.01 _ <&9 2>/dev/null
	[ $? -ne 2 ] || NAP="sleep"
}
NAP=

nap() {
	if [ -n "$NAP" ]; then
		sleep "$1"
	else
		# shellcheck disable=SC3045
		read -r -t "$1" _ <&9 || :
	fi
}

# --- waiting, with a bound ------------------------------------------------

# Hundredths of a second since boot, in NOW. The 1 before the fraction is there
# because the shell takes 08 for a bad octal number.
now_cs() {
	local up rest

	# shellcheck disable=SC2034
	read -r up rest </proc/uptime
	NOW=$((${up%.*} * 100 + 1${up#*.} - 100))
}

# rounds N: how often to repeat; a debug kernel is slow, and sees more each time
rounds() {
	if [ $DEBUG_KERNEL = 1 ]; then
		echo $((($1 + 4) / 5))
	else
		echo "$1"
	fi
}

# within SECONDS COMMAND...: until the command succeeds
within() {
	local end

	now_cs
	end=$((NOW + $1 * 100))
	shift
	while ! "$@"; do
		now_cs
		[ "$NOW" -lt "$end" ] || return 1
		nap 0.05
	done
}

# wait_for SECONDS COMMAND...: the same where the time is no promise of anybody,
# just more than it takes; a debug kernel gets a multiple
wait_for() {
	local secs=$(($1 * PATIENCE))

	shift
	within $secs "$@"
}

# gone PID: it is no more, or waits to be waited for
gone() {
	local key val

	kill -0 "$1" 2>/dev/null || return 0
	while read -r key val; do
		case "$key$val" in
		State:Z*) return 0 ;;
		State:*) return 1 ;;
		esac
	done 2>/dev/null <"/proc/$1/status"
	! kill -0 "$1" 2>/dev/null
}

# job NAME COMMAND...: in the background, output to $TMP/NAME; PID in JOB
job() {
	local name="$1"

	shift
	"$@" >"$TMP/$name" 2>&1 &
	JOB=$!
	JOBS="$JOBS $JOB"
}

# wait_jobs PID...: for what ends by itself
wait_jobs() {
	local p

	for p in "$@"; do
		wait_for 30 gone "$p" || diag "PID $p does not end"
	done
}

stop_jobs() {
	local p

	# shellcheck disable=SC2086
	[ -z "$JOBS" ] || kill $JOBS 2>/dev/null
	for p in $JOBS; do
		wait_for 10 gone "$p" || kill -9 "$p" 2>/dev/null
	done
	JOBS=
}

# bounded SECONDS COMMAND...: its status, or 124 if it is not over by then.
# The command may hang in the kernel where no signal ends it; then it stays.
bounded() {
	local secs="$1" pid rc

	shift
	"$@" >"$TMP/bounded" 2>&1 &
	pid=$!
	if ! wait_for "$secs" gone "$pid"; then
		diag "not over after $secs s: $*"
		return 124
	fi
	wait "$pid"
	rc=$?
	return $rc
}

# wr FILE STRING: RES is OK or the name of the errno, NS the time it took
wr() {
	# shellcheck disable=SC2046
	set -- $(ap_write "$1" "$2")
	RES=$1
	NS=$2
	# shellcheck disable=SC2034
	MS=$(((NS + 999999) / 1000000))
	[ "$RES" = OK ]
}

# set_to FILE STRING: a write that must work for the test to make sense
set_to() {
	put "$1" "$2" || wr "$1" "$2" || die "$1 does not take '$2': $RES"
}

# --- the stack ------------------------------------------------------------

loaded() {
	[ -e "/sys/module/$1/refcnt" ]
}

use_count() {
	value "/sys/module/$1/refcnt"
	echo "${VAL:--}"
}

unload() {
	loaded "$1" || return 0
	wait_for 20 try_unload "$1"
}

try_unload() {
	rmmod "$1" 2>/dev/null
	! loaded "$1"
}

stack_down() {
	local m

	if [ -d $SIM ]; then
		echo clear >$SIM/fault 2>/dev/null
		echo '*' >$SIM/release 2>/dev/null
	fi
	for m in $MODULES; do
		unload "$m" || return 1
	done
}

bindings_complete() {
	value $AP/bindings
	case "$VAL" in
	*complete*) return 0 ;;
	esac
	return 1
}

# stack_up APSIM_PARAMETERS [AP_PARAMETERS]: simulator, bus, zcrypt
# shellcheck disable=SC2086
stack_up() {
	stack_down || die "modules of an earlier test cannot be unloaded: $(lsmod | tr '\n' ';')"
	modprobe apsim $1 || die "apsim does not load with '$1'"
	modprobe ap $2 || die "ap does not load with '$2'"
	modprobe zcrypt_cex4 || die "zcrypt_cex4 does not load"
	wait_for 20 bindings_complete || die "not all queues found a driver: $(cat $AP/bindings)"
	wait_for 20 all_idle || die "queues do not get ready: $(cat $DEV/*/states 2>/dev/null | sort | uniq -c)"
	sim_clear
}

# In 6.12 sched_cpu_dying() takes the fair server of a CPU that goes for a task left
# on it, and WARNs, before it stops it; the server is at work when fair tasks have
# waited long for a CPU, as they do here.  So it is switched off, and stays so: given
# its share again while its timer runs, it gives back more than it took, and WARNs.
no_fair_server() {
	local file

	for file in /sys/kernel/debug/sched/fair_server/cpu*/runtime; do
		{ echo 0 >"$file"; } 2>/dev/null
	done
}

need() {
	loaded "$1" || modprobe "$1" || die "$1 does not load"
}

queues() {
	local q

	for q in "$DEV"/??.????; do
		[ -e "$q" ] && echo "${q##*/}"
	done
}

# driver_of QUEUE: in DRIVER, "none" without
driver_of() {
	for DRIVER in $AP/drivers/*; do
		if [ "$DEV/$1/driver" -ef "$DRIVER" ]; then
			DRIVER=${DRIVER##*/}
			return
		fi
	done
	DRIVER=none
}

q_driver() {
	driver_of "$1"
	echo "$DRIVER"
}

q_has_driver() {
	driver_of "$1"
	[ "$DRIVER" = "$2" ]
}

q_state() {
	value "$DEV/$1/states"
	echo "$VAL"
}

q_idle() {
	value "$DEV/$1/states"
	[ "$VAL" = "OPERATING [IDLE]" ]
}

# All queues of the default driver
all_idle() {
	local q

	for q in $AP/drivers/cex4queue/??.????; do
		[ ! -e "$q" ] || q_idle "${q##*/}" || return 1
	done
}

# How many queues are with which driver: "2 vfio_ap 6 cex4queue "
driver_counts() {
	ls -l $DEV/??.????/driver 2>/dev/null | sed 's|.*/||' | sort | uniq -c |
		sed 's/^ *//' | tr '\n' ' '
}

clean_of() {
	value "$DEV/$1/clean" || VAL="no such attribute"
}

q_clean() {
	clean_of "$1"
	echo "$VAL"
}

# q_clean_is QUEUE PATTERN (of case)
q_clean_is() {
	clean_of "$1"
	# shellcheck disable=SC2254
	case "$VAL" in
	$2) return 0 ;;
	esac
	return 1
}

unbind() {
	wr "$DEV/$1/driver/unbind" "$1"
}

# bind_to QUEUE DRIVER
bind_to() {
	wr "$AP/drivers/$2/bind" "$1"
}

# move_to QUEUE DRIVER: by sysfs; the masks must allow it
move_to() {
	q_has_driver "$1" "$2" && return 0
	if ! q_has_driver "$1" none; then
		unbind "$1" || return 1
	fi
	bind_to "$1" "$2"
}

# ours: the AP bus of this tree, not another one with some of its rules
ours() {
	[ -d /sys/kernel/debug/ap ] && [ -e /sys/kernel/debug/ap/hand_overs ]
}

rescan() {
	put $AP/scans 1
	# The base's only waits for a scan that is running, which may have gone past
	# what was changed; the second one cannot
	ours || put $AP/scans 1
}

# --- the simulator ----------------------------------------------------------

sim() {
	put "$SIM/$1" "$2" || wr "$SIM/$1" "$2" || die "apsim: $1 does not take '$2': $RES"
}

sim_clear() {
	sim log_clear 1
}

# sim_q QUEUE: its directory in debugfs
sim_q() {
	echo "$SIM/card${1%.*}/${1#*.}"
}

# sim_state QUEUE KEY
sim_state() {
	field "$2" "$SIM/card${1%.*}/${1#*.}/state"
	echo "$VAL"
}

# sim_count QUEUE KEY
sim_count() {
	field "$2" "$SIM/card${1%.*}/${1#*.}/counters"
	echo "$VAL"
}

# sim_log FILE: a copy of the log without its heading, LINES of it; ends the
# test when it is not complete: nothing is proven by lines that are missing
sim_log() {
	LINES=$(awk -v to="$1" '
		NR == 1 && !/^# dropped=0 / { print "overflowed:", $0; stop = 1; exit 1 }
		/^#/ { last = $0; next }
		{ last = ""; n++; print >to }
		END {
			if (stop)
				exit 1
			if (last != "# lost=0") {
				print "overflowed while it was read:", last
				exit 1
			}
			if (!n)
				printf "" >to
			print n + 0
		}' $SIM/log) || die "the simulator's log $LINES"
}

# --- the second driver --------------------------------------------------------

td() {
	put "$TD/$1" "$2" || wr "$TD/$1" "$2" || die "ap_testdrv: $1 does not take '$2': $RES"
}

td_load() {
	need ap_testdrv
	[ -d $TD ] || die "ap_testdrv has no debugfs directory"
}

# td_take DOMAIN: all queues of a domain go to the second driver
td_take() {
	local q

	loaded ap_testdrv || td_load
	set_to $AP/aqmask "-$1"
	for q in $(queues); do
		[ "$((0x${q#*.}))" -eq "$1" ] || continue
		wait_for 20 q_has_driver "$q" ap_testdrv ||
			die "$q does not get to ap_testdrv: $(q_driver "$q")"
		wait_for 20 q_idle "$q" || die "$q does not get ready: $(q_state "$q")"
	done
}

# What follows gives "?" for a result that is not there, which is no number: a 0
# would let a test of a misspelt one pass.

# td_result KEY
td_result() {
	field "$1" $TD/results || VAL="?"
	echo "$VAL"
}

# td_is KEY OPERATOR NUMBER (of test)
td_is() {
	field "$1" $TD/results && test "$VAL" "$2" "$3"
}

# td_sum "KEY..." "KEY...": the results of the first less those of the second,
# all as of one moment
# shellcheck disable=SC2086
td_sum() {
	local line word wanted=0 sum=0

	for word in $1 $2; do
		wanted=$((wanted + 1))
	done
	read -r line <$TD/results
	for word in $line; do
		case " $1 " in
		*" ${word%%=*} "*) sum=$((sum + ${word#*=})) wanted=$((wanted - 1)) ;;
		esac
		case " $2 " in
		*" ${word%%=*} "*) sum=$((sum - ${word#*=})) wanted=$((wanted - 1)) ;;
		esac
	done
	[ $wanted -eq 0 ] || sum="?"
	echo "$sum"
}

# Every promise of the bus the driver watches, in one number
TD_PROMISES="wrong lost double after_cancel refused_changed refused_oddly"
TD_PROMISES="$TD_PROMISES open_at_remove in_remove_calls late_calls late_writes"
td_broken() {
	td_sum "$TD_PROMISES" ""
}

# All messages are accounted for when this is 0
td_balance() {
	td_sum submitted "refused replied flushed error cancelled wrong lost"
}

# td_log FILE: a copy of its log without the heading; ends the test when it is not
# complete, as sim_log does
td_log() {
	awk -v to="$1" '
		NR == 1 {
			if (!/^# dropped=0 /)
				exit 1
			next_seq = substr($3, 7)
			printf "" >to
			next
		}
		$1 != next_seq { exit 1 }	# it was overwritten while it was read
		{ next_seq++; print >to }
		END { if (!NR) exit 1 }' $TD/log || die "ap_testdrv's log is not complete"
}

# td_saw EVENT QUEUE [TEXT]: the log has such a line
td_saw() {
	td_log "$TMP/saw"
	awk -v e="$1" -v q="$2" -v t="$3" '
		$4 == e && $5 == q && (t == "" || index($0, t)) { n++ }
		END { exit !n }' "$TMP/saw"
}

td_clear() {
	td log_clear 1
	td results_clear 1
}

# --- questions to both logs -----------------------------------------------------

# merge_logs FILE: "TIME_NS S|T APQN EVENT TEXT", oldest first
merge_logs() {
	sim_log "$TMP/merge.sim"
	td_log "$TMP/merge.td"
	{
		awk '{ print $2, "S", $5, $4, $8 }' "$TMP/merge.sim"
		awk '{ print $2, "T", $5, $4, $6, $7, $8, $9 }' "$TMP/merge.td"
	} | sort -n -k 1 >"$1"
}

# R3 in a merged log: each receive before remove() starts, remove() over before
# the first ZAPQ.  Prints offences.
# shellcheck disable=SC2120
order_offences() {
	awk '
		$2 == "T" && $4 == "PROBE" && $5 == "enter" { removing[$3] = 0; done[$3] = 0 }
		$2 == "T" && $4 == "REMOVE" && $5 == "enter" { removing[$3] = 1 }
		$2 == "T" && $4 == "REMOVE" && $5 == "exit" { removing[$3] = 0; done[$3] = 1 }
		$2 == "T" && $4 == "RECEIVE" && (removing[$3] || done[$3]) { print "receive after the start of remove():", $0 }
		$2 == "S" && $4 == "ZAPQ" && removing[$3] { print "ZAPQ during remove():", $0 }
	' "$@"
}

# R4 in a merged log: from the end of remove() to the next probe() nothing but
# resets and their test.  Prints offences.
# shellcheck disable=SC2120
silence_offences() {
	awk '
		$2 == "T" && $4 == "REMOVE" && $5 == "exit" { away[$3] = 1 }
		$2 == "T" && $4 == "PROBE" && $5 == "enter" { away[$3] = 0 }
		$2 == "S" && away[$3] && ($4 == "NQAP" || $4 == "DQAP" || $4 == "AQIC" || $4 == "RAPQ") { print "after remove():", $0 }
		$2 == "T" && away[$3] && $4 == "RECEIVE" { print "after remove():", $0 }
	' "$@"
}

# The same seen by the firmware alone, for any driver: after a ZAPQ that was
# accepted, the first instruction that uses the queue is the RAPQ of a probe.
# A file from sim_log.  Prints offences.
zapq_offences() {
	awk '
		$4 == "ZAPQ" { away[$5] = 1 }
		$4 == "RAPQ" { away[$5] = 0 }
		away[$5] && ($4 == "NQAP" || $4 == "DQAP" || $4 == "AQIC") { print "after ZAPQ:", $0 }
	' "$@"
}

# proven QUEUE FILE: the last ZAPQ of a queue was followed by a TAPQ that says
# response code 00, queue empty, no reply waiting, interrupts off.
proven() {
	awk -v q="$1" '
		$5 != q { next }
		$4 == "ZAPQ" { seen = 1; good = 0 }
		$4 == "RAPQ" || $4 == "NQAP" { if (seen && !good) early = 1 }
		$4 == "TAPQ" && seen && substr($8, 8, 4) == "8000" { good = 1 }
		END { exit !(seen && good && !early) }
	' "$2"
}

# unproven FILE NUMBER: which queues that had a ZAPQ were not proven clean by
# TAPQ; and a line if there were not NUMBER of them
unproven() {
	awk -v want="$2" '
		$4 == "ZAPQ" { seen[$5] = 1; good[$5] = 0 }
		($4 == "RAPQ" || $4 == "NQAP") && ($5 in seen) && !good[$5] { early[$5] = 1 }
		$4 == "TAPQ" && ($5 in seen) && substr($8, 8, 4) == "8000" { good[$5] = 1 }
		END {
			for (q in seen) {
				n++
				if (!good[q] || early[q])
					print q, "was not proven clean"
			}
			if (n != want)
				print n + 0, "queues had a ZAPQ, not", want
		}' "$1"
}

# ms since 0 of a time in ns
ms() {
	echo $((($1 + 999999) / 1000000))
}

# load_result KEY FILE: a number of ap_load's report
load_result() {
	local line

	while read -r line; do
		case " $line " in
		*" $1 "?*)
			line=" $line "
			line=${line#*" $1 "}
			echo "${line%% *}"
			return
			;;
		esac
	done <"$2"
}

# load_errors FILE: the errnos other than those given
load_errors() {
	local file="$1"

	shift
	awk -v allow=" $* " '$1 == "error" && !index(allow, " " $2 " ") { print }' "$file"
}

# --- programs of Debian -----------------------------------------------------------
# Guests of test_prog_*.sh have them (config/guest-programs).  What a program
# says of itself is not believed: a library may compute in software when the
# card does not answer.  So libica is told not to, and apsim is asked how many
# requests it answered: the engine of OpenSSL leaves RSA to OpenSSL all the same
# when it finds no card as it starts.
export LIBICA_FALLBACK_MODE=0

# need_programs NAME...
need_programs() {
	local p

	for p in "$@"; do
		command -v "$p" >/dev/null || skip_all "no program $p in this guest"
	done
}

# prog SECONDS COMMAND...: its output to $TMP/prog; ended, and not good, when it
# is not over by then
prog() {
	local secs=$(($1 * PATIENCE)) rc

	shift
	timeout -s KILL "$secs" "$@" >"$TMP/prog" 2>&1 </dev/null
	rc=$?
	[ $rc -eq 0 ] || {
		diag "exit status $rc: $*"
		tail -n 15 "$TMP/prog" | sed 's/^/#   /'
	}
	return $rc
}

# What a debug kernel under emulation does of RSA in its time
rsa_sizes() {
	if [ $DEBUG_KERNEL = 1 ]; then
		echo "1024 2048"
	else
		echo "1024 2048 3072 4096"
	fi
}

# prog_says TEXT: in the output of the last one; a fixed text
prog_says() {
	grep -qF -- "$1" "$TMP/prog" && return
	sed 's/^/#   /' "$TMP/prog" | head -n 30
	return 1
}

# sim_total KEY: a counter of apsim, all queues together
sim_total() {
	cat $SIM/card??/????/counters | tr ' ' '\n' |
		awk -F= -v k="$1" '$1 == k { n += $2 } END { print n + 0 }'
}

# answered: replies that the cards delivered so far
answered() {
	sim_total dqap_ok
}

# queues_of DOMAIN
queues_of() {
	local q

	for q in $(queues); do
		[ "$((0x${q#*.}))" -ne "$1" ] || echo "$q"
	done
}

# hand_over_domain DOMAIN: all its queues from cex4queue to vfio_ap by the mask,
# away from it and to it again, and back by the mask; then away from cex4queue
# and to it again.  A line for what goes wrong; HAND_OVERS counts.
hand_over_domain() {
	local q d

	for d in vfio_ap cex4queue; do
		case $d in
		vfio_ap) wr $AP/aqmask "-$1" || echo "aqmask -$1: $RES" ;;
		*) wr $AP/aqmask "+$1" || echo "aqmask +$1: $RES" ;;
		esac
		for q in $(queues_of "$1"); do
			wait_for 20 q_has_driver "$q" $d || echo "$q is with $(q_driver "$q"), not $d"
			unbind "$q" || echo "unbind of $q from $d: $RES"
			q_clean_is "$q" clean || echo "$q left $d as '$(q_clean "$q")'"
			bind_to "$q" $d || echo "bind of $q to $d: $RES"
			q_has_driver "$q" $d || echo "$q is with $(q_driver "$q"), not $d"
			HAND_OVERS=$((HAND_OVERS + 2))
		done
	done
	# Whoever reads it finds one or the other number
	echo $HAND_OVERS >"$TMP/hand_overs.new"
	mv "$TMP/hand_overs.new" "$TMP/hand_overs"
}

# Domain 0 stays with zcrypt: while one queue is there no program may see an
# error.
hand_over_all() {
	local d

	while [ -d "$TMP" ] && ! [ -e "$TMP/enough" ]; do
		for d in $(queues | sed 's/.*\.//' | sort -u); do
			[ $((0x$d)) -eq 0 ] || hand_over_domain $((0x$d))
		done
	done
}

hand_overs_begin() {
	need vfio_ap
	rm -f "$TMP/enough"
	HAND_OVERS=0
	echo 0 >"$TMP/hand_overs"
	hand_over_all >"$TMP/hand_overs.bad" 2>&1 &
	HANDER=$!
	JOBS="$JOBS $HANDER"
}

# hand_overs_end WHAT MINIMUM: one test
hand_overs_end() {
	: >"$TMP/enough"
	wait_for 120 gone $HANDER || echo "a hand-over does not end" >>"$TMP/hand_overs.bad"
	HAND_OVERS=$(cat "$TMP/hand_overs")
	[ "$HAND_OVERS" -ge "$2" ] ||
		echo "$HAND_OVERS hand-overs, not $2" >>"$TMP/hand_overs.bad"
	wait_for 10 bindings_complete || echo "bindings: $(cat $AP/bindings)" >>"$TMP/hand_overs.bad"
	expect_none "$1 ($HAND_OVERS hand-overs)" "$TMP/hand_overs.bad"
}

# during_hand_overs NUMBER COMMAND...: the command again and again while queues
# change hands, until they have done so NUMBER times.  Each run must be good;
# RUNS counts them.  That somebody still hands over is looked at, too.
during_hand_overs() {
	local number="$1"

	shift
	RUNS=0
	while :; do
		"$@" || return 1
		RUNS=$((RUNS + 1))
		! gone $HANDER || return 1
		[ "$(cat "$TMP/hand_overs")" -lt "$number" ] || return 0
	done
}

# ibmca FILE: a configuration of OpenSSL that gives RSA to the cards, as the
# package's example has it
ibmca() {
	local engine

	# shellcheck disable=SC2231
	for engine in /usr/lib/*/openssl-*/engines/libibmca.so; do
		[ -e "$engine" ] || skip_all "no engine libibmca.so in this guest"
	done
	cat >"$1" <<-CONF
	openssl_conf = all
	[all]
	engines = list
	[list]
	ibmca = card
	[card]
	dynamic_path = $engine
	engine_id = ibmca
	init = 1
	default_algorithms = RSA
	CONF
}

# openssl_key BITS: a key, $TMP/key.BITS and key.BITS.pub, and key.BITS.alone, how
# OpenSSL signs $TMP/data with it
openssl_key() {
	local key="$TMP/key.$1"

	ap_key "$1" >"$key.der"
	prog 100 openssl rsa -inform DER -in "$key.der" -out "$key" || die "the key of $1 bits"
	prog 100 openssl rsa -in "$key" -pubout -out "$key.pub" || die "the public key of $1 bits"
	prog 100 openssl dgst -sha256 -sign "$key" -out "$key.alone" "$TMP/data" ||
		die "OpenSSL does not sign"
}

# on_cards SECONDS COMMAND...: prog with that configuration, $TMP/ibmca.cnf
on_cards() {
	local secs="$1"

	shift
	prog "$secs" env OPENSSL_CONF="$TMP/ibmca.cnf" "$@"
}

# libica_counts: RSA operations by hardware and in software, as libica counts
# them for all processes of this user (icastats -R begins anew)
libica_counts() {
	icastats | awk '
		/^ *RSA-/ {
			split($0, side, "|")
			hard += side[2]
			soft += side[3]
		}
		END { print hard + 0, soft + 0 }'
}
