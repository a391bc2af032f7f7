/* Loaded before the C library (LD_PRELOAD), it writes down what a process does to the files below one folder, in order:
   every write with its bytes, every change of a length or a name, every barrier. test/soak/disk-log.ts reads it, in the
   same order of fields. It also counts barriers. A barrier is logged once it is over, and everything in one file under one
   lock, so that what a thread did because of a barrier stands behind it. Files in shared memory ("-shm") are left out:
   SQLite makes them anew.

     POWER_FOLDER  the folder, absolute, with a slash at its end
     POWER_LOG     where to write it down; without it barriers are only counted
     POWER_COUNT   a file of 8 bytes in which barriers are counted, of all files */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS 65536
#define REAL(result, name, ...) \
  static result (*real)(__VA_ARGS__); \
  if (real == NULL) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

enum { OPEN = 1, WRITE, LENGTH, SYNC, RENAME, UNLINK, FOLDER, UNKNOWN };

struct entry {
  uint32_t operation, path_bytes;
  uint64_t nanoseconds, file, offset, data_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t files[FDS]; /* the number of the file's inode, 0 for what is not watched */
static const char *folder;
static int log_fd = -1;
static volatile uint64_t *count;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_writev)(int, const struct iovec *, int);

__attribute__((constructor)) static void begin(void) {
  if (real_open != NULL) return;
  real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  real_writev = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
  const char *log = getenv("POWER_LOG"), *counted = getenv("POWER_COUNT");
  folder = getenv("POWER_FOLDER");
  if (log != NULL && folder != NULL) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (counted == NULL) return;
  int fd = real_open(counted, O_RDWR | O_CLOEXEC);
  void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) count = page;
}

/* The folder itself is asked for without its slash. */
static const char *name_in(const char *path) {
  size_t bytes = strlen(folder);
  if (strncmp(path, folder, bytes) == 0) return path + bytes;
  return strncmp(path, folder, bytes - 1) == 0 && path[bytes - 1] == 0 ? path + bytes - 1 : NULL;
}

static int is_watched(const char *path) {
  if (log_fd < 0 || name_in(path) == NULL) return 0;
  size_t bytes = strlen(path);
  return bytes < 4 || strcmp(path + bytes - 4, "-shm") != 0;
}

/* The caller holds the lock, so that an operation and its entry are not parted by another thread's. */
static void note(uint32_t operation, uint64_t file, uint64_t offset, const char *path, const void *data, uint64_t bytes) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct entry entry = {operation, (uint32_t)strlen(path), (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                        file, offset, bytes};
  struct iovec parts[3] = {{&entry, sizeof entry}, {(void *)path, entry.path_bytes}, {(void *)data, bytes}};
  if (real_writev(log_fd, parts, 3) != (ssize_t)(sizeof entry + entry.path_bytes + bytes)) abort();
}

static uint64_t watched(int fd) { return fd >= 0 && fd < FDS ? files[fd] : 0; }

static int opened(int fd, const char *path, int flags) {
  struct stat found;
  if (fd < 0 || fd >= FDS || !is_watched(path) || fstat(fd, &found) != 0) return fd;
  files[fd] = found.st_ino;
  note(OPEN, found.st_ino, (flags & O_TRUNC) != 0, name_in(path), "", 0);
  return fd;
}

static int open_with(const char *path, int flags, mode_t mode) {
  if (real_open == NULL) begin();
  if (!is_watched(path)) {
    /* Its number may have been a watched file's, whose end was not seen here. */
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FDS) files[fd] = 0;
    return fd;
  }
  pthread_mutex_lock(&lock);
  int fd = opened(real_open(path, flags, mode), path, flags);
  pthread_mutex_unlock(&lock);
  return fd;
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest); \
    return open_with(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

int close(int fd) {
  REAL(int, close, int);
  if (fd >= 0 && fd < FDS) files[fd] = 0;
  return real(fd);
}

static ssize_t written(int fd, off64_t offset, const void *data, ssize_t bytes) {
  if (bytes > 0) note(WRITE, watched(fd), (uint64_t)offset, "", data, (uint64_t)bytes);
  return bytes;
}

static off64_t place(int fd) {
  int flags = fcntl(fd, F_GETFL);
  struct stat found;
  if ((flags & O_APPEND) != 0 && fstat(fd, &found) == 0) return found.st_size;
  return lseek64(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  REAL(ssize_t, write, int, const void *, size_t);
  if (watched(fd) == 0) return real(fd, data, bytes);
  pthread_mutex_lock(&lock);
  off64_t offset = place(fd);
  ssize_t result = written(fd, offset, data, real(fd, data, bytes));
  pthread_mutex_unlock(&lock);
  return result;
}

#define PWRITES(name) \
  ssize_t name(int fd, const void *data, size_t bytes, off64_t offset) { \
    REAL(ssize_t, name, int, const void *, size_t, off64_t); \
    if (watched(fd) == 0) return real(fd, data, bytes, offset); \
    pthread_mutex_lock(&lock); \
    ssize_t result = written(fd, offset, data, real(fd, data, bytes, offset)); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
PWRITES(pwrite)
PWRITES(pwrite64)

static ssize_t written_parts(int fd, off64_t offset, const struct iovec *parts, int count, ssize_t bytes) {
  for (ssize_t left = bytes, part = 0; left > 0 && part < count; part += 1) {
    ssize_t piece = left < (ssize_t)parts[part].iov_len ? left : (ssize_t)parts[part].iov_len;
    written(fd, offset + bytes - left, parts[part].iov_base, piece);
    left -= piece;
  }
  return bytes;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (watched(fd) == 0) return real_writev(fd, parts, count);
  pthread_mutex_lock(&lock);
  off64_t offset = place(fd);
  ssize_t result = written_parts(fd, offset, parts, count, real_writev(fd, parts, count));
  pthread_mutex_unlock(&lock);
  return result;
}

#define PWRITEVS(name) \
  ssize_t name(int fd, const struct iovec *parts, int count, off64_t offset) { \
    REAL(ssize_t, name, int, const struct iovec *, int, off64_t); \
    if (watched(fd) == 0) return real(fd, parts, count, offset); \
    pthread_mutex_lock(&lock); \
    ssize_t result = written_parts(fd, offset, parts, count, real(fd, parts, count, offset)); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
PWRITEVS(pwritev)
PWRITEVS(pwritev64)

#define TRUNCATES(name) \
  int name(int fd, off64_t length) { \
    REAL(int, name, int, off64_t); \
    if (watched(fd) == 0) return real(fd, length); \
    pthread_mutex_lock(&lock); \
    int result = real(fd, length); \
    if (result == 0) note(LENGTH, watched(fd), (uint64_t)length, "", "", 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
TRUNCATES(ftruncate)
TRUNCATES(ftruncate64)

/* Not under the lock, as others must be able to write meanwhile, but noted under it. What another thread writes into the
   file meanwhile is not secured: each file here is written by one thread. */
#define SYNCS(name) \
  int name(int fd) { \
    REAL(int, name, int); \
    int result = real(fd); \
    if (result == 0 && count != NULL) __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); \
    if (result != 0 || watched(fd) == 0) return result; \
    pthread_mutex_lock(&lock); \
    note(SYNC, watched(fd), 0, "", "", 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
SYNCS(fsync)
SYNCS(fdatasync)

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  if (!is_watched(from) || !is_watched(to)) return real(from, to);
  pthread_mutex_lock(&lock);
  int result = real(from, to);
  const char *name = name_in(to);
  if (result == 0) note(RENAME, 0, 0, name_in(from), name, strlen(name));
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  if (!is_watched(path)) return real(path);
  pthread_mutex_lock(&lock);
  int result = real(path);
  if (result == 0) note(UNLINK, 0, 0, name_in(path), "", 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  if (!is_watched(path)) return real(path, mode);
  pthread_mutex_lock(&lock);
  int result = real(path, mode);
  if (result == 0) note(FOLDER, 0, 0, name_in(path), "", 0);
  pthread_mutex_unlock(&lock);
  return result;
}

/* What nobody uses here yet is noted as unknown, and whoever reads it complains. */
#define UNKNOWNS(name, parameters, arguments, is_here) \
  int name parameters { \
    static int (*real) parameters; \
    if (real == NULL) real = (int (*) parameters)dlsym(RTLD_NEXT, #name); \
    int result = real arguments; \
    if (!(is_here)) return result; \
    pthread_mutex_lock(&lock); \
    note(UNKNOWN, 0, 0, #name, "", 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
UNKNOWNS(fallocate, (int fd, int mode, off64_t offset, off64_t bytes), (fd, mode, offset, bytes), watched(fd) != 0)
UNKNOWNS(posix_fallocate, (int fd, off64_t offset, off64_t bytes), (fd, offset, bytes), watched(fd) != 0)
UNKNOWNS(sync_file_range, (int fd, off64_t offset, off64_t bytes, unsigned flags), (fd, offset, bytes, flags), watched(fd) != 0)
UNKNOWNS(link, (const char *from, const char *to), (from, to), is_watched(to))
UNKNOWNS(rmdir, (const char *path), (path), is_watched(path))
UNKNOWNS(truncate, (const char *path, off64_t bytes), (path, bytes), is_watched(path))
