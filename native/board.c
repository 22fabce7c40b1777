// What Node has no call for: ioctl, waiting on a descriptor that is no socket, reads and writes that answer with an
// errno, pseudo-terminals, and datagrams to a local socket. Thin on purpose: layouts, rules and words are in hal/linux.

#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#define TRY(call)                                                    \
  do {                                                               \
    if ((call) != napi_ok) return fail(env, #call);                  \
  } while (0)

static napi_value fail(napi_env env, const char *what) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, NULL, what);
  return NULL;
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  TRY(napi_create_int64(env, value, &result));
  return result;
}

static napi_status take_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  bool is_buffer = false;
  napi_status status = napi_is_buffer(env, value, &is_buffer);
  if (status != napi_ok) return status;
  if (!is_buffer) return napi_invalid_arg;
  return napi_get_buffer_info(env, value, (void **)bytes, length);
}

// ioctl(fd, request, buffer): the result, or -errno. The buffer is as long as the request says, or longer.
static napi_value board_ioctl(napi_env env, napi_callback_info info) {
  size_t count = 3, length = 0;
  napi_value args[3];
  int32_t fd;
  uint32_t request;
  uint8_t *bytes = NULL;
  TRY(napi_get_cb_info(env, info, &count, args, NULL, NULL));
  if (count != 3) return fail(env, "ioctl(fd, request, buffer)");
  TRY(napi_get_value_int32(env, args[0], &fd));
  TRY(napi_get_value_uint32(env, args[1], &request));
  TRY(take_bytes(env, args[2], &bytes, &length));
  if (length < _IOC_SIZE(request) || _IOC_SIZE(request) == 0) return fail(env, "ioctl: the buffer is too short");
  int result = ioctl(fd, (unsigned long)request, bytes);
  return number(env, result < 0 ? -errno : result);
}

static napi_value transfer(napi_env env, napi_callback_info info, bool writes) {
  size_t count = 2, length = 0;
  napi_value args[2];
  int32_t fd;
  uint8_t *bytes = NULL;
  TRY(napi_get_cb_info(env, info, &count, args, NULL, NULL));
  if (count != 2) return fail(env, "read or write(fd, buffer)");
  TRY(napi_get_value_int32(env, args[0], &fd));
  TRY(take_bytes(env, args[1], &bytes, &length));
  ssize_t done;
  do done = writes ? write(fd, bytes, length) : read(fd, bytes, length);
  while (done < 0 && errno == EINTR);
  return number(env, done < 0 ? -errno : done);
}

// read(fd, buffer), write(fd, buffer): bytes moved, or -errno.
static napi_value board_read(napi_env env, napi_callback_info info) { return transfer(env, info, false); }
static napi_value board_write(napi_env env, napi_callback_info info) { return transfer(env, info, true); }

struct poller {
  uv_poll_t poll;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  bool stopped;
};

// The memory belongs to libuv until the handle is closed, and to the finaliser of its external after that.
struct holder {
  struct poller *poller;
};

static void poller_closed(uv_handle_t *handle) {
  struct poller *poller = handle->data;
  napi_remove_async_cleanup_hook(poller->hook);
  free(poller);
}

static void poller_stop(struct poller *poller) {
  if (poller->stopped) return;
  poller->stopped = true;
  uv_poll_stop(&poller->poll);
  napi_delete_reference(poller->env, poller->callback);
  napi_async_destroy(poller->env, poller->context);
  uv_close((uv_handle_t *)&poller->poll, poller_closed);
}

static void poller_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  poller_stop(data);
}

static void poller_ready(uv_poll_t *handle, int status, int events) {
  struct poller *poller = handle->data;
  napi_env env = poller->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument, result;
  napi_status done = napi_generic_failure;
  if (napi_get_reference_value(env, poller->callback, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok &&
      napi_create_int32(env, status < 0 ? status : events, &argument) == napi_ok) {
    done = napi_make_callback(env, poller->context, receiver, callback, 1, &argument, &result);
  }
  if (done == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static void holder_free(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

// pollStart(fd, events, callback): a handle, or -errno. The callback is given the events, or -errno. Makes the
// descriptor non-blocking. Events are those of libuv: 1 readable, 2 writable, 4 hung up, 8 priority.
static napi_value poll_start(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3], name, handle;
  int32_t fd, events;
  uv_loop_t *loop;
  napi_valuetype type;
  TRY(napi_get_cb_info(env, info, &count, args, NULL, NULL));
  if (count != 3) return fail(env, "pollStart(fd, events, callback)");
  TRY(napi_get_value_int32(env, args[0], &fd));
  TRY(napi_get_value_int32(env, args[1], &events));
  TRY(napi_typeof(env, args[2], &type));
  if (type != napi_function) return fail(env, "pollStart: no callback");
  TRY(napi_get_uv_event_loop(env, &loop));
  struct poller *poller = calloc(1, sizeof *poller);
  struct holder *holder = calloc(1, sizeof *holder);
  if (poller == NULL || holder == NULL) abort();
  holder->poller = poller;
  poller->env = env;
  int status = uv_poll_init(loop, &poller->poll, fd);
  if (status != 0) {
    free(poller);
    free(holder);
    return number(env, status);
  }
  poller->poll.data = poller;
  if (napi_create_reference(env, args[2], 1, &poller->callback) != napi_ok ||
      napi_create_string_utf8(env, "sluice:poll", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &poller->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, poller_cleanup, poller, &poller->hook) != napi_ok ||
      napi_create_external(env, holder, holder_free, NULL, &handle) != napi_ok) {
    abort();
  }
  status = uv_poll_start(&poller->poll, events, poller_ready);
  if (status != 0) {
    poller_stop(poller);
    holder->poller = NULL;
    return number(env, status);
  }
  return handle;
}

// pollStop(handle): no callback comes after it. Call it before the descriptor is closed. Idempotent.
static napi_value poll_stop(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1], nothing;
  struct holder *holder;
  TRY(napi_get_cb_info(env, info, &count, args, NULL, NULL));
  if (count != 1) return fail(env, "pollStop(handle)");
  TRY(napi_get_value_external(env, args[0], (void **)&holder));
  if (holder->poller != NULL) poller_stop(holder->poller);
  holder->poller = NULL;
  TRY(napi_get_undefined(env, &nothing));
  return nothing;
}

// openPty(): {master, slave, path} of a new pseudo-terminal that changes no byte and echoes none, or -errno.
static napi_value open_pty(napi_env env, napi_callback_info info) {
  (void)info;
  char path[128];
  struct termios settings;
  int slave = -1;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return number(env, -errno);
  if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, path, sizeof path) == 0 &&
      (slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 && tcgetattr(slave, &settings) == 0) {
    cfmakeraw(&settings);
    if (tcsetattr(slave, TCSANOW, &settings) == 0) {
      napi_value result, value;
      TRY(napi_create_object(env, &result));
      TRY(napi_create_int32(env, master, &value));
      TRY(napi_set_named_property(env, result, "master", value));
      TRY(napi_create_int32(env, slave, &value));
      TRY(napi_set_named_property(env, result, "slave", value));
      TRY(napi_create_string_utf8(env, path, NAPI_AUTO_LENGTH, &value));
      TRY(napi_set_named_property(env, result, "path", value));
      return result;
    }
  }
  int failed = errno;
  close(master);
  if (slave >= 0) close(slave);
  return number(env, -failed);
}

// sendDatagram(address, bytes): bytes sent, or -errno. The address is a path, or a name in the abstract space that
// begins with a zero byte, as long as the buffer is (unix(7)). Never waits.
static napi_value send_datagram(napi_env env, napi_callback_info info) {
  size_t count = 2, name_length = 0, length = 0;
  napi_value args[2];
  uint8_t *name = NULL, *bytes = NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  TRY(napi_get_cb_info(env, info, &count, args, NULL, NULL));
  if (count != 2) return fail(env, "sendDatagram(address, bytes)");
  TRY(take_bytes(env, args[0], &name, &name_length));
  TRY(take_bytes(env, args[1], &bytes, &length));
  if (name_length == 0 || name_length >= sizeof address.sun_path) return fail(env, "sendDatagram: no such address");
  memcpy(address.sun_path, name, name_length);
  // A path ends with a zero byte that counts; of an abstract name every byte counts.
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + name_length + (name[0] == 0 ? 0 : 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  ssize_t sent = sendto(fd, bytes, length, MSG_NOSIGNAL, (struct sockaddr *)&address, size);
  int failed = errno;
  close(fd);
  return number(env, sent < 0 ? -failed : sent);
}

static napi_value init(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } calls[] = {
      {"ioctl", board_ioctl},      {"read", board_read},     {"write", board_write},
      {"pollStart", poll_start},   {"pollStop", poll_stop},  {"openPty", open_pty},
      {"sendDatagram", send_datagram},
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    napi_value call;
    TRY(napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH, calls[i].call, NULL, &call));
    TRY(napi_set_named_property(env, exports, calls[i].name, call));
  }
  return exports;
}

NAPI_MODULE(board, init)
