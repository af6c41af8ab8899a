// SPDX-License-Identifier: GPL-2.0
/*
 * ap_failnth: do one thing again and again, and have the kernel fail its first
 * allocation (or what else it can be told to let fail) the first time, its
 * second one the second time, and so on, until a whole pass ends before its
 * turn has come.
 *
 *	ap_failnth [OPTION]... write FILE TEXT | read FILE | open FILE |
 *		insmod FILE [PARAMETERS] | run COMMAND [ARGUMENT]...
 *
 *	-p FILE=TEXT	before each pass TEXT is written to FILE; must work
 *	-u FILE=TEXT	after each pass, to undo it; need not work
 *	-e FILE=PATTERN	after that the first line of FILE must be like PATTERN,
 *			soon
 *	-o FILE=PATTERN	so it must be at once after a pass that is OK
 *	-k		the passes are not made by this process, but by a kworker
 *			that it sets to work
 *	-m MAX		no more passes than that
 *	-v		tell about each pass
 *
 * See Documentation/fault-injection/fault-injection.rst, fail-nth. What counts
 * is chosen in debugfs before. A module that was loaded is unloaded after its
 * pass.
 *
 * The result of a pass is OK or the name of an errno; of a command that succeeds
 * the first word it prints. The last line is
 *
 *	injected=N longest_ms=N OK=N ENOMEM=N ...
 *
 * with the number of failures, the time of the longest pass, and how many passes
 * that had a failure came to which result. Exit status: 0; 1 when something was
 * not as it must be, or the pass without a failure not OK; 2 bad usage.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ap_clock.h"

#define MAX_STEPS	8
#define MAX_RESULTS	16
#define MAX_WORKERS	256
#define RESULT		32
#define SOON_MS		60000
#define TRIES		50

struct step {
	const char *file, *text;
};

struct steps {
	struct step step[MAX_STEPS];
	int nr;
};

static struct steps prepare, undo, expect, expect_ok;
static bool by_worker, verbose;
static unsigned int max_passes = 10000;
static int own_fail;			/* this process's fail-nth */

static struct {
	char name[RESULT];
	unsigned int nr;
} results[MAX_RESULTS];

static void bad_usage(void)
{
	fputs("usage: ap_failnth [-kv] [-m MAX] [-p FILE=TEXT]... [-u FILE=TEXT]...\n"
	      "       [-e FILE=PATTERN]... [-o FILE=PATTERN]... write FILE TEXT |\n"
	      "       read FILE | open FILE | insmod FILE [PARAMETERS] |\n"
	      "       run COMMAND [ARGUMENT]...\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Functions that can fail return 0 or an errno */

static int write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = errno;
	close(fd);
	return rc;
}

static int read_file(const char *file, char *line, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int rc;

	line[0] = '\0';
	if (fd < 0)
		return errno;
	len = read(fd, line, size - 1);
	rc = errno;
	close(fd);
	if (len < 0)
		return rc;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int open_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int load_module(const char *file, const char *params)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, params, 0))
		rc = errno;
	close(fd);
	return rc;
}

/* The name is that of the file; a module may be in use for a moment */
static void unload_module(const char *file)
{
	long long end = now_ms() + SOON_MS;
	const char *base = strrchr(file, '/');
	char name[64];

	snprintf(name, sizeof(name), "%s", base ? base + 1 : file);
	name[strcspn(name, ".")] = '\0';
	while (syscall(SYS_delete_module, name, O_NONBLOCK)) {
		if ((errno != EAGAIN && errno != EBUSY) || now_ms() > end)
			die("unload");
		usleep(20000);
	}
}

static void set_fail(int fd, unsigned int nth)
{
	char text[16];
	int len = sprintf(text, "%u", nth);

	if (pwrite(fd, text, len, 0) != len)
		die("fail-nth");
}

static int get_fail(int fd, unsigned int *nth)
{
	char text[16] = {};

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return errno;
	*nth = strtoul(text, NULL, 10);
	return 0;
}

/*
 * Kworkers. Which of them will do it nobody knows: all are told, and the one
 * whose number has changed has done it.
 */
static struct {
	int fail[MAX_WORKERS];
	int nr;
} workers;

static void find_workers(void)
{
	char path[300], comm[32];
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int fd;

	if (!dir)
		die("/proc");
	workers.nr = 0;
	while (workers.nr < MAX_WORKERS && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (atoi(entry->d_name) <= 0 ||
		    read_file(path, comm, sizeof(comm)) ||
		    strncmp(comm, "kworker/", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fail-nth", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			workers.fail[workers.nr++] = fd;
	}
	closedir(dir);
}

static void tell_workers(unsigned int nth)
{
	char text[16];
	int i, len = sprintf(text, "%u", nth);

	/* one may have gone */
	for (i = 0; i < workers.nr; i++)
		if (pwrite(workers.fail[i], text, len, 0) != len && errno != ESRCH)
			die("fail-nth of a kworker");
}

/* What is left of @nth, and the workers are closed */
static unsigned int ask_workers(unsigned int nth)
{
	unsigned int left, least = nth;
	int i;

	for (i = 0; i < workers.nr; i++)
		if (!get_fail(workers.fail[i], &left) && left < least)
			least = left;
	tell_workers(0);
	for (i = 0; i < workers.nr; i++)
		close(workers.fail[i]);
	return least;
}

/*
 * The pass.
 */

static void first_word(char *result, const char *text)
{
	snprintf(result, RESULT, "%.*s", (int)strcspn(text, "\n "), text);
}

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	char c[512];

	/* All of it, or the command would wait for a reader */
	while ((n = read(fd, c, sizeof(c))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (len < size - 1)
				text[len++] = c[i];
	text[len] = '\0';
}

/* A failure that is set up stays over an exec, but not over a fork */
static unsigned int run(char **argv, unsigned int nth, char *result)
{
	unsigned int left = nth;
	char path[64], text[1024];
	int out[2], status, fd;
	siginfo_t info;
	pid_t pid;

	if (pipe(out))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		write_file("/proc/self/fail-nth", "0");
		snprintf(text, sizeof(text), "%u", nth);
		write_file("/proc/self/fail-nth", text);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	read_all(out[0], text, sizeof(text));
	close(out[0]);
	/* While it waits to be waited for it can still be asked */
	if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT))
		die("waitid");
	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || get_fail(fd, &left))
		die(path);
	close(fd);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		snprintf(result, RESULT, "signal%d", WTERMSIG(status));
	else if (!WEXITSTATUS(status))
		first_word(result, text);
	else if (strstr(text, strerror(ENOMEM)))
		snprintf(result, RESULT, "ENOMEM");
	else
		snprintf(result, RESULT, "exit%d", WEXITSTATUS(status));
	return left;
}

static int act(char **argv)
{
	char line[256];

	if (!strcmp(argv[0], "write"))
		return write_file(argv[1], argv[2]);
	if (!strcmp(argv[0], "read"))
		return read_file(argv[1], line, sizeof(line));
	if (!strcmp(argv[0], "open"))
		return open_file(argv[1]);
	return load_module(argv[1], argv[2] ? argv[2] : "");
}

/* Returns what is left of @nth: 0 if something has failed */
static unsigned int pass(char **argv, unsigned int nth, char *result)
{
	unsigned int left = nth;
	int rc;

	if (!strcmp(argv[0], "run"))
		return run(argv + 1, nth, result);
	if (by_worker) {
		find_workers();
		tell_workers(nth);
	} else {
		set_fail(own_fail, nth);
	}
	rc = act(argv);
	if (by_worker) {
		left = ask_workers(nth);
	} else {
		get_fail(own_fail, &left);
		set_fail(own_fail, 0);
	}
	snprintf(result, RESULT, "%s", rc ? strerrorname_np(rc) : "OK");
	if (!rc && !strcmp(argv[0], "insmod"))
		unload_module(argv[1]);
	return left;
}

/*
 * Around it.
 */

static void make_ready(void)
{
	int i, rc;

	for (i = 0; i < prepare.nr; i++) {
		rc = write_file(prepare.step[i].file, prepare.step[i].text);
		if (rc) {
			errno = rc;
			die(prepare.step[i].file);
		}
	}
}

static void clean_up(void)
{
	int i;

	for (i = 0; i < undo.nr; i++)
		write_file(undo.step[i].file, undo.step[i].text);
}

static bool as_expected(const struct steps *steps, long long within_ms)
{
	const struct step *step = steps->step;
	long long end = now_ms() + within_ms;
	char line[256];

	while (step < steps->step + steps->nr) {
		if (!read_file(step->file, line, sizeof(line)) &&
		    !fnmatch(step->text, line, 0)) {
			step++;
			continue;
		}
		if (now_ms() > end) {
			printf("%s is '%s', must be '%s'\n", step->file, line,
			       step->text);
			return false;
		}
		usleep(5000);
	}
	return true;
}

static void count(const char *result)
{
	int i;

	for (i = 0; i < MAX_RESULTS - 1; i++) {
		if (!results[i].nr)
			snprintf(results[i].name, RESULT, "%s", result);
		if (!strcmp(results[i].name, result))
			break;
	}
	results[i].nr++;
}

static void report(unsigned int injected, long long longest)
{
	int i;

	printf("injected=%u longest_ms=%lld", injected, longest);
	for (i = 0; i < MAX_RESULTS && results[i].nr; i++)
		printf(" %s=%u", results[i].name, results[i].nr);
	putchar('\n');
}

static int all_passes(char **argv)
{
	unsigned int nth, left, tries = 0;
	long long begin, longest = 0;
	char result[RESULT];
	bool well;

	for (nth = 1; nth <= max_passes; nth++) {
		make_ready();
		begin = now_ms();
		left = pass(argv, nth, result);
		begin = now_ms() - begin;
		if (begin > longest)
			longest = begin;
		if (verbose)
			printf("pass %u: left %u, %s, %lld ms\n", nth, left,
			       result, begin);
		well = strcmp(result, "OK") || as_expected(&expect_ok, 0);
		clean_up();
		if (!well || !as_expected(&expect, SOON_MS)) {
			printf("after pass %u, which came to %s\n", nth, result);
			return 1;
		}
		if (!left) {
			count(result);
			tries = 0;
		} else if (by_worker && left == nth && ++tries < TRIES) {
			/* by a worker that is new */
			nth--;
		} else {
			break;
		}
	}
	report(nth - 1, longest);
	if (strcmp(result, "OK") && strcmp(argv[0], "run")) {
		printf("without a failure it comes to %s\n", result);
		return 1;
	}
	return nth > max_passes;
}

static void add_step(struct steps *steps, char *text)
{
	char *sep = strchr(text, '=');

	if (!sep || steps->nr == MAX_STEPS)
		bad_usage();
	*sep = '\0';
	steps->step[steps->nr].file = text;
	steps->step[steps->nr++].text = sep + 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int least;
	} actions[] = {
		{ "write", 3 }, { "read", 2 }, { "open", 2 }, { "insmod", 2 },
		{ "run", 2 }, { NULL, 0 }
	};
	int opt, i;

	while ((opt = getopt(argc, argv, "+p:u:e:o:m:kv")) != -1) {
		if (opt == 'p')
			add_step(&prepare, optarg);
		else if (opt == 'u')
			add_step(&undo, optarg);
		else if (opt == 'e')
			add_step(&expect, optarg);
		else if (opt == 'o')
			add_step(&expect_ok, optarg);
		else if (opt == 'm')
			max_passes = strtoul(optarg, NULL, 10);
		else if (opt == 'k')
			by_worker = true;
		else if (opt == 'v')
			verbose = true;
		else
			bad_usage();
	}
	argc -= optind;
	argv += optind;
	for (i = 0; actions[i].name; i++)
		if (argc >= actions[i].least && !strcmp(argv[0], actions[i].name))
			break;
	if (!actions[i].name)
		bad_usage();

	setvbuf(stdout, NULL, _IOLBF, 0);
	own_fail = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (own_fail < 0)
		die("/proc/self/fail-nth");
	return all_passes(argv);
}
