// Turns a simulated meter in the kernel guest: the same pulses on lines of gpio-sim, by their `pull` attributes, for as
// long as the level of another line (the relay) is what a closed switch shows. Keeps what it has done in a file that
// others read at any time: eight bytes of pulses, eight of the longest delay in microseconds.
//   pulse-generator COUNT_FILE RATE [--while VALUE_FILE LEVEL] [--pulses N] PULL_FILE...
// gpio-sim drops an edge while the interrupt thread of the one before has not run, which a chip that latches would not.
// On one processor that thread comes before us; so all of them are moved to ours.

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct tally {
	volatile uint64_t pulses;
	volatile uint64_t late_us_max;
};

#define LINES_MAX 8
/* How often a switch that is open is looked at. */
#define LOOK_NS 200000
/* The processor of the pulses. */
#define CPU 0

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
	struct timespec at = { at_ns / 1000000000, at_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void move_here(pid_t pid)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(CPU, &cpus);
	sched_setaffinity(pid, sizeof cpus, &cpus);
}

static void move_interrupts_here(void)
{
	DIR *all = opendir("/proc");
	struct dirent *each;

	while (all != NULL && (each = readdir(all)) != NULL) {
		char path[300], name[16] = "";
		FILE *comm;

		if (!isdigit((unsigned char)each->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/comm", each->d_name);
		comm = fopen(path, "re");
		if (comm == NULL)
			continue;
		if (fgets(name, sizeof name, comm) != NULL && strncmp(name, "irq/", 4) == 0)
			move_here(atoi(each->d_name));
		fclose(comm);
	}
	if (all != NULL)
		closedir(all);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0) {
		fprintf(stderr, "pulse-generator: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static void pull(int fd, const char *word)
{
	size_t length = strlen(word);

	if (pwrite(fd, word, length, 0) != (ssize_t)length) {
		perror("pulse-generator: pull");
		exit(1);
	}
}

static int is_closed(int fd, char level)
{
	char value;

	if (fd < 0)
		return 1;
	return pread(fd, &value, 1, 0) == 1 && value == level;
}

static struct tally *open_tally(const char *path)
{
	int fd = open_or_die(path, O_RDWR | O_CREAT);
	void *at;

	if (ftruncate(fd, sizeof(struct tally)) != 0)
		exit(1);
	at = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		exit(1);
	return at;
}

int main(int argc, char **argv)
{
	struct tally *tally;
	uint64_t left = UINT64_MAX;
	int64_t period_ns, due_ns;
	int pull_fds[LINES_MAX], lines = 0, value_fd = -1, was_closed = 0;
	char level = '1';

	if (argc < 4 || atol(argv[2]) <= 0) {
		fprintf(stderr, "pulse-generator COUNT_FILE RATE [--while VALUE_FILE LEVEL] [--pulses N] PULL_FILE...\n");
		return 2;
	}
	tally = open_tally(argv[1]);
	period_ns = 1000000000 / atol(argv[2]);
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "--while") == 0 && i + 2 < argc) {
			value_fd = open_or_die(argv[i + 1], O_RDONLY);
			level = argv[i + 2][0];
			i += 2;
		} else if (strcmp(argv[i], "--pulses") == 0 && i + 1 < argc) {
			left = strtoull(argv[++i], NULL, 10);
		} else if (lines < LINES_MAX) {
			pull_fds[lines++] = open_or_die(argv[i], O_WRONLY);
		}
	}
	move_here(0);
	for (int i = 0; i < lines; i++)
		pull(pull_fds[i], "pull-down");
	due_ns = now_ns();
	while (left > 0) {
		int64_t late_us;

		if (!is_closed(value_fd, level)) {
			was_closed = 0;
			due_ns = now_ns() + LOOK_NS;
			sleep_until(due_ns);
			continue;
		}
		/* Whoever counts may be another program than last time. */
		if (!was_closed)
			move_interrupts_here();
		was_closed = 1;
		if (now_ns() < due_ns)
			sleep_until(due_ns);
		late_us = (now_ns() - due_ns) / 1000;
		if (late_us > 0 && (uint64_t)late_us > tally->late_us_max)
			tally->late_us_max = late_us;
		/* A meter does not hurry up for what it has missed. */
		due_ns = (late_us * 1000 > period_ns ? now_ns() : due_ns) + period_ns;
		for (int i = 0; i < lines; i++)
			pull(pull_fds[i], "pull-up");
		for (int i = 0; i < lines; i++)
			pull(pull_fds[i], "pull-down");
		tally->pulses++;
		left--;
	}
	return 0;
}
