/* Makes the disk fail, for the files of one process whose path contains a text. Loaded with LD_PRELOAD by the tests that
   show what becomes of a commit; shim.ts compiles it. The variable FAULT_ORDER names a file of one line, looked at before
   each call: "CALL PART SKIPPED TIMES ERROR". From then on SKIPPED calls of that kind (fsync or write) to such files pass,
   and the next TIMES calls fail with EIO or ENOSPC, having done nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char armed[256];
static long seen;

/* Reads the order without the functions that are shimmed here. */
static int should_fail(const char *call, int file) {
  const char *path = getenv("FAULT_ORDER");
  if (path == NULL) return 0;
  char link[64], name[4096], order[256], wanted[16], part[128], error[16];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < 0) return 0;
  name[length] = '\0';
  int opened = open(path, O_RDONLY);
  if (opened < 0) return 0;
  length = read(opened, order, sizeof order - 1);
  close(opened);
  if (length <= 0) return 0;
  order[length] = '\0';
  long skipped, times;
  if (sscanf(order, "%15s %127s %ld %ld %15s", wanted, part, &skipped, &times, error) != 5) return 0;
  if (strcmp(wanted, call) != 0 || strstr(name, part) == NULL) return 0;
  pthread_mutex_lock(&lock);
  if (strcmp(armed, order) != 0) {
    strcpy(armed, order);
    seen = 0;
  }
  seen += 1;
  int fails = seen > skipped && seen <= skipped + times;
  pthread_mutex_unlock(&lock);
  if (!fails) return 0;
  return strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
}

#define SHIM(type, name, call, parameters, arguments)                         \
  type name parameters {                                                     \
    static type (*real) parameters;                                          \
    if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);    \
    int failure = should_fail(call, file);                                   \
    if (failure != 0) {                                                      \
      errno = failure;                                                       \
      return -1;                                                             \
    }                                                                        \
    return real arguments;                                                   \
  }

SHIM(int, fsync, "fsync", (int file), (file))
SHIM(int, fdatasync, "fsync", (int file), (file))
SHIM(ssize_t, pwrite, "write", (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
SHIM(ssize_t, pwrite64, "write", (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
SHIM(ssize_t, write, "write", (int file, const void *bytes, size_t count), (file, bytes, count))
