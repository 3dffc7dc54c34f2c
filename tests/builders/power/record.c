/* Writes down what a program does to the files of one folder, so that a power cut can be played.
 *
 * Loaded before the C library (LD_PRELOAD). POWER_ROOT is the folder, POWER_LOG the record. A file
 * is known by its inode; what is written through a mapping is not seen (SQLite's -shm alone, which
 * no power cut leaves behind and SQLite builds anew). tests/builders/power/cut.py reads the record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    uint32_t magic, op;
    uint64_t inode, other, offset;
    uint32_t name, data; /* bytes that follow */
};
enum { WRITE = 1, CUT, SYNC, ENTER, LEAVE, FOLDER, FILE_, MOVE };

static const uint32_t MAGIC = 0x50574552;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int record = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("POWER_ROOT"), *path = getenv("POWER_LOG");
    if (!folder || !path || !realpath(folder, root)) return;
    root_length = strlen(root);
    record = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(uint32_t op, uint64_t inode, uint64_t other, uint64_t offset, const char *name,
                 const void *data, size_t length) {
    struct head head = {MAGIC, op, inode, other, offset, name ? strlen(name) : 0, length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, length}};
    if (REAL(writev)(record, parts, 3) < 0) abort(); /* a record with a hole proves nothing */
}

static int is_inside(const char *path) {
    return record >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int watched(int fd, struct stat *found) {
    char link[64], path[PATH_MAX];
    if (record < 0 || fd == record) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_inside(path) && fstat(fd, found) == 0;
}

/* The folder of a path and the name in it; 0 when it lies elsewhere. */
static int placed(int at, const char *path, struct stat *folder, const char **name) {
    static __thread char parent[PATH_MAX * 2], full[PATH_MAX];
    if (record < 0 || !path) return 0;
    if (path[0] == '/' || at == AT_FDCWD)
        snprintf(parent, sizeof parent, "%s", path);
    else {
        char link[64], base[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
        snprintf(parent, sizeof parent, "%s/%s", base, path);
    }
    size_t end = strlen(parent);
    while (end > 1 && parent[end - 1] == '/') parent[--end] = 0;
    char *slash = strrchr(parent, '/');
    *name = slash ? slash + 1 : parent;
    if (slash) *slash = 0;
    const char *where = slash ? (slash == parent ? "/" : parent) : ".";
    return realpath(where, full) && is_inside(full) && stat(full, folder) == 0;
}

static uint64_t inode_at(int at, const char *path) {
    struct stat found;
    return fstatat(at, path, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_ino : 0;
}

static int opened(int at, const char *path, int flags, mode_t mode, int (*real)(int, const char *, int, ...)) {
    struct stat folder;
    const char *name;
    if (!(flags & (O_CREAT | O_TRUNC)) || !placed(at, path, &folder, &name))
        return real(at, path, flags, mode);
    pthread_mutex_lock(&turn);
    uint64_t before = inode_at(at, path);
    int fd = real(at, path, flags, mode), why = errno;
    if (fd >= 0 && before == 0) {
        note(FILE_, inode_at(at, path), 0, 0, NULL, NULL, 0);
        note(ENTER, folder.st_ino, inode_at(at, path), 0, name, NULL, 0);
    }
    if (fd >= 0 && before != 0 && (flags & O_TRUNC)) note(CUT, before, 0, 0, NULL, NULL, 0);
    pthread_mutex_unlock(&turn);
    errno = why;
    return fd;
}

#define MODE(last)                                        \
    mode_t mode = 0;                                      \
    if (flags & (O_CREAT | O_TMPFILE)) {                  \
        va_list more;                                     \
        va_start(more, last);                             \
        mode = va_arg(more, mode_t);                      \
        va_end(more);                                     \
    }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode, REAL(openat)); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode, REAL(openat64)); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode, REAL(openat)); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode, REAL(openat64)); }

static ssize_t written(int fd, const void *data, size_t length, off_t at, int has_place) {
    struct stat found;
    if (!watched(fd, &found) || !S_ISREG(found.st_mode))
        return has_place ? REAL(pwrite64)(fd, data, length, at) : REAL(write)(fd, data, length);
    pthread_mutex_lock(&turn);
    fstat(fd, &found);
    if (!has_place) at = (REAL(fcntl)(fd, F_GETFL) & O_APPEND) ? found.st_size : lseek(fd, 0, SEEK_CUR);
    ssize_t done = has_place ? REAL(pwrite64)(fd, data, length, at) : REAL(write)(fd, data, length);
    int why = errno;
    if (done > 0) note(WRITE, found.st_ino, 0, at, NULL, data, done);
    pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return written(fd, data, length, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return written(fd, data, length, at, 1); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat found;
    if (!watched(fd, &found) || !S_ISREG(found.st_mode)) return REAL(writev)(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = written(fd, parts[i].iov_base, parts[i].iov_len, 0, 0);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}
/* Copies inside the kernel are not seen: programs fall back to reading and writing. */
ssize_t sendfile(int out, int in, off_t *at, size_t length) {
    struct stat found;
    if (watched(out, &found)) { errno = EINVAL; return -1; }
    return REAL(sendfile)(out, in, at, length);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    struct stat found;
    if (watched(out, &found)) { errno = EINVAL; return -1; }
    return REAL(sendfile64)(out, in, at, length);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *at, size_t length, unsigned flags) {
    struct stat found;
    if (watched(out, &found)) { errno = ENOSYS; return -1; }
    return REAL(copy_file_range)(in, from, out, at, length, flags);
}
int fallocate(int fd, int mode, off_t at, off_t length) {
    struct stat found;
    if (watched(fd, &found)) { errno = EOPNOTSUPP; return -1; }
    return REAL(fallocate)(fd, mode, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }

static int resized(int fd, off_t length) {
    struct stat found;
    int is_ours = watched(fd, &found);
    if (is_ours) pthread_mutex_lock(&turn);
    int done = REAL(ftruncate64)(fd, length), why = errno;
    if (is_ours && done == 0) note(CUT, found.st_ino, 0, length, NULL, NULL, 0);
    if (is_ours) pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
int ftruncate(int fd, off_t length) { return resized(fd, length); }
int ftruncate64(int fd, off64_t length) { return resized(fd, length); }

static int synced(int fd, int (*real)(int)) {
    struct stat found;
    int is_ours = watched(fd, &found);
    if (is_ours) pthread_mutex_lock(&turn);
    int done = real(fd), why = errno;
    if (is_ours && done == 0) note(SYNC, found.st_ino, 0, 0, NULL, NULL, 0);
    if (is_ours) pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

static int moved(int from_at, const char *from, int to_at, const char *to, int is_link, int flags) {
    struct stat source, target;
    const char *name;
    char leaving[NAME_MAX + 1] = "";
    int leaves = !is_link && placed(from_at, from, &source, &name);
    if (leaves) snprintf(leaving, sizeof leaving, "%s", name);
    int enters = placed(to_at, to, &target, &name);
    if (leaves || enters) pthread_mutex_lock(&turn);
    uint64_t inode = inode_at(from_at, from);
    int done = is_link ? REAL(linkat)(from_at, from, to_at, to, flags)
                       : REAL(renameat2)(from_at, from, to_at, to, flags);
    int why = errno;
    int is_move = leaves && enters && source.st_ino == target.st_ino;
    if (done == 0 && is_move) note(MOVE, target.st_ino, inode, 0, name, leaving, strlen(leaving));
    if (done == 0 && enters && !is_move) note(ENTER, target.st_ino, inode, 0, name, NULL, 0);
    if (done == 0 && leaves && !is_move) note(LEAVE, source.st_ino, inode, 0, leaving, NULL, 0);
    if (leaves || enters) pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 0, 0); }
int renameat(int a, const char *from, int b, const char *to) { return moved(a, from, b, to, 0, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return moved(a, from, b, to, 0, flags); }
int link(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 1, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return moved(a, from, b, to, 1, flags); }

static int removed(int at, const char *path, int flags) {
    struct stat folder;
    const char *name;
    int is_ours = placed(at, path, &folder, &name);
    if (is_ours) pthread_mutex_lock(&turn);
    uint64_t inode = inode_at(at, path);
    int done = REAL(unlinkat)(at, path, flags), why = errno;
    if (is_ours && done == 0) note(LEAVE, folder.st_ino, inode, 0, name, NULL, 0);
    if (is_ours) pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int remove(const char *path) {
    struct stat found;
    int is_folder = lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
    return removed(AT_FDCWD, path, is_folder ? AT_REMOVEDIR : 0);
}
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    struct stat folder;
    const char *name;
    int is_ours = placed(at, path, &folder, &name);
    if (is_ours) pthread_mutex_lock(&turn);
    int done = REAL(mkdirat)(at, path, mode), why = errno;
    if (is_ours && done == 0) {
        note(FOLDER, inode_at(at, path), 0, 0, NULL, NULL, 0);
        note(ENTER, folder.st_ino, inode_at(at, path), 0, name, NULL, 0);
    }
    if (is_ours) pthread_mutex_unlock(&turn);
    errno = why;
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
