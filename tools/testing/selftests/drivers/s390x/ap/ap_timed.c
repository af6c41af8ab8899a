// SPDX-License-Identifier: GPL-2.0
/*
 * ap_timed: run a command and print how many nanoseconds it took, as the last
 * line of standard output.  The exit status is the command's, 128 + the signal
 * that ended it, or 127 where it could not be started.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ap_clock.h"

int main(int argc, char **argv)
{
	unsigned long long begin;
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: %s COMMAND [ARGUMENT]...\n", argv[0]);
		return 2;
	}
	begin = now_ns();
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "%s: fork: %s\n", argv[0], strerror(errno));
		return 1;
	}
	if (!pid) {
		execvp(argv[1], argv + 1);
		fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			fprintf(stderr, "%s: waitpid: %s\n", argv[0], strerror(errno));
			return 1;
		}
	}
	printf("%llu\n", now_ns() - begin);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
