// A second hand on the outputs, outside the metering loop. The loop starts it before it drives anything and beats on
// its standard input. When the loop dies, or is silent for too long, this program drives every output to its safe level.
//
// guard LOOP_PID SILENT_MS LINE...    LINE: /dev/gpiochipN:OFFSET:LEVEL or sysfs:NUMBER:LEVEL, LEVEL the safe level on
//                                     the wire, 0 or 1
//
// Says "ready" on standard output once it is armed. Input: "q" = the loop has opened and closed its outputs itself, any
// other byte = it is alive; the end of the input = it is dead. A silent loop is killed first: it still holds the lines.
//
// What a kernel does with a line that nobody holds differs: some keep the level, some turn the pin into an input, and
// its pull decides. So lines of the character device are held here at the safe level until the next loop asks for them
// by SIGTERM (it reads our process id from the line's consumer); for the moment in between, some milliseconds, the line
// is as at power-up. Lines exported in sysfs stay driven without anybody.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX 64
#define RETRY_MS 1
#define START_TIMES 50
// Who asks for the lines waits no longer than this for one that cannot be driven yet, and no disturbance is waited out
// for longer: by then the next loop may drive what has no owner in sysfs.
#define RETRIES_MAX 200

struct line {
  int chip; // descriptor, -1 for sysfs
  unsigned number;
  bool level;
  int held; // descriptor, -1 while not held
};

static struct line lines[LINES_MAX];
static int line_count;
static pid_t loop_pid;
static int retries;
static volatile sig_atomic_t leave;

static void on_term(int signal) {
  (void)signal;
  leave = 1;
}

static void pause_ms(long ms) {
  struct timespec delay = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&delay, NULL);
}

static bool parse_number(const char *text, unsigned long max, unsigned long *value) {
  char *end;
  errno = 0;
  *value = strtoul(text, &end, 10);
  return errno == 0 && end != text && *end == 0 && *value <= max;
}

static bool parse_line(char *text, struct line *line) {
  unsigned long number, level;
  char *last = strrchr(text, ':');
  if (last == NULL) return false;
  *last = 0;
  char *middle = strrchr(text, ':');
  if (middle == NULL) return false;
  *middle = 0;
  if (!parse_number(middle + 1, 65535, &number) || !parse_number(last + 1, 1, &level)) return false;
  line->number = number;
  line->level = level;
  line->held = -1;
  line->chip = -1;
  if (strcmp(text, "sysfs") == 0) return true;
  line->chip = open(text, O_RDONLY | O_CLOEXEC);
  if (line->chip < 0) fprintf(stderr, "guard: %s: %s\n", text, strerror(errno));
  return line->chip >= 0;
}

// The bus of an expander that is disturbed, or want of memory: it may work a moment later.
static bool may_pass(void) {
  bool passes = errno == EIO || errno == EREMOTEIO || errno == ETIMEDOUT || errno == EAGAIN || errno == EINTR ||
                errno == ENOMEM || errno == ENFILE;
  return passes && retries < RETRIES_MAX;
}

// "low" and "high" are levels on the wire, whatever active_low says, and set direction and level in one. False when it
// may work a moment later.
static bool drive_sysfs(const struct line *line) {
  char path[64];
  const char *word = line->level ? "high" : "low";
  snprintf(path, sizeof path, "/sys/class/gpio/gpio%u/direction", line->number);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return !may_pass(); // mostly: given up in order, or never taken
  bool done = write(fd, word, strlen(word)) >= 0 || !may_pass();
  close(fd);
  return done;
}

// Not while the dead loop's own descriptor is still being closed.
static bool held_by_another(const struct line *line) {
  char dead[GPIO_MAX_NAME_SIZE];
  struct gpio_v2_line_info info = {.offset = line->number};
  snprintf(dead, sizeof dead, "sluice %d", loop_pid);
  if (ioctl(line->chip, GPIO_V2_GET_LINEINFO_IOCTL, &info) != 0) return true;
  return (info.flags & GPIO_V2_LINE_FLAG_USED) != 0 && strcmp(info.consumer, dead) != 0;
}

// False when it may work a moment later.
static bool drive_chip(struct line *line) {
  struct gpio_v2_line_request request = {.offsets = {line->number}, .num_lines = 1};
  snprintf(request.consumer, sizeof request.consumer, "sluice-guard %d", getpid());
  request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
  request.config.num_attrs = 1;
  request.config.attrs[0].mask = 1;
  request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  request.config.attrs[0].attr.values = line->level;
  if (ioctl(line->chip, GPIO_V2_GET_LINE_IOCTL, &request) == 0) {
    line->held = request.fd;
    return true;
  }
  // The next loop, or a program that took the line over: it is theirs to drive.
  return errno == EBUSY ? held_by_another(line) : !may_pass();
}

// How many lines are held afterwards.
static int drive_all(void) {
  bool done[LINES_MAX] = {false};
  int left = line_count, held = 0;
  for (retries = 0; left > 0 && !(leave && retries > RETRIES_MAX); retries++) {
    if (retries > 0) pause_ms(RETRY_MS);
    for (int i = 0; i < line_count; i++) {
      if (done[i]) continue;
      done[i] = lines[i].chip < 0 ? drive_sysfs(&lines[i]) : drive_chip(&lines[i]);
      if (done[i]) left--;
      if (lines[i].held >= 0) held++;
    }
  }
  return held;
}

// True when the loop has gone or was silent; false when it left in order.
static bool watch(int silent_ms) {
  bool doubted = false;
  // Until its first beat the loop loads and opens its outputs, and closes no switch.
  int limit_ms = silent_ms * START_TIMES;
  for (;;) {
    char bytes[512];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    // After a silence once more, shortly: it may be this program, or the whole machine, that slept.
    int ready = poll(&input, 1, doubted ? limit_ms / 10 + 1 : limit_ms);
    if (ready < 0) continue; // a signal
    if (ready == 0 && !doubted) {
      doubted = true;
      continue;
    }
    if (ready == 0) {
      // Our parent as long as it lives: its number cannot have been given to another.
      if (getppid() == loop_pid) kill(loop_pid, SIGKILL);
      return true;
    }
    doubted = false;
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return true;
    if (bytes[got - 1] == 'q') return false;
    limit_ms = silent_ms;
  }
}

int main(int argc, char **argv) {
  unsigned long pid, silent_ms;
  for (int fd = 3; fd < 1024; fd++) close(fd);
  if (argc < 3 || argc - 3 > LINES_MAX || !parse_number(argv[1], 1 << 30, &pid) ||
      !parse_number(argv[2], 3600000, &silent_ms) || silent_ms == 0) {
    fprintf(stderr, "guard: started by the metering loop, not by hand\n");
    return 2;
  }
  loop_pid = pid;
  for (int i = 3; i < argc; i++) {
    if (!parse_line(argv[i], &lines[line_count])) {
      fprintf(stderr, "guard: cannot guard %s\n", argv[i]);
      return 1;
    }
    line_count++;
  }
  prctl(PR_SET_NAME, "sluice-guard");
  // It must be there when memory is short and the loop is what had to go. Both may be forbidden.
  mlockall(MCL_CURRENT | MCL_FUTURE);
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    if (write(score, "-900", 4) < 0) errno = 0;
    close(score);
  }
  // Whoever stops the whole service tells us too, and we go only after the loop. The group's keys are not for us.
  struct sigaction term = {.sa_handler = on_term};
  sigaction(SIGTERM, &term, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  if (write(STDOUT_FILENO, "ready\n", 6) < 0) return 1;
  if (!watch(silent_ms)) return 0;
  int held = drive_all();
  sigset_t none, blocked;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  while (held > 0 && !leave) sigsuspend(&none);
  return 0;
}
