/* Whole files in, finished files out, digests. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

/* --- digests ---------------------------------------------------------------------------
 */

struct xr_sha256 {
    EVP_MD_CTX *ctx;
};

struct xr_sha256 *xr_sha256_new(struct xr_err *err)
{
    struct xr_sha256 *sha = xr_alloc_array(1, sizeof *sha, err);

    if (!sha)
        return NULL;
    sha->ctx = EVP_MD_CTX_new();
    if (!sha->ctx || !EVP_DigestInit_ex(sha->ctx, EVP_sha256(), NULL)) {
        xr_fail(err, "cannot start a SHA-256 digest");
        xr_sha256_free(sha);
        return NULL;
    }
    return sha;
}

void xr_sha256_add(struct xr_sha256 *sha, const void *data, size_t size)
{
    EVP_DigestUpdate(sha->ctx, data, size);
}

void xr_sha256_bytes(const struct xr_sha256 *sha, unsigned char bytes[32])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    unsigned n = 0;

    memset(bytes, 0, 32);
    if (copy && EVP_MD_CTX_copy_ex(copy, sha->ctx))
        EVP_DigestFinal_ex(copy, bytes, &n);
    EVP_MD_CTX_free(copy);
}

void xr_sha256_text(struct xr_sha256 *sha, char text[XR_SHA256_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[32];

    xr_sha256_bytes(sha, raw);
    memcpy(text, "sha256:", 7);
    for (unsigned i = 0; i < 32; i++) {
        text[7 + 2 * i] = hex[raw[i] >> 4];
        text[8 + 2 * i] = hex[raw[i] & 15];
    }
    text[71] = '\0';
}

struct xr_sha256 *xr_sha256_copy(const struct xr_sha256 *sha)
{
    struct xr_sha256 *copy = xr_sha256_new(NULL);

    if (copy && !EVP_MD_CTX_copy_ex(copy->ctx, sha->ctx)) {
        xr_sha256_free(copy);
        copy = NULL;
    }
    return copy;
}

void xr_sha256_free(struct xr_sha256 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->ctx);
    free(sha);
}

/* --- input
 * ------------------------------------------------------------------------------- */

const char *xr_input_name(const char *path)
{
    return strcmp(path, "-") ? path : "standard input";
}

const char *xr_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int read_all(struct xr_buf *buf, int fd, const char *name, size_t max,
                    struct xr_err *err)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return xr_fail(err, "%s: is a directory", name);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((uintmax_t)st.st_size > max)
            return xr_fail(err, "%s: larger than %zu bytes", name, max);
        if (xr_buf_reserve(buf, (size_t)st.st_size + 1, err))
            return -1;
    }
    for (;;) {
        ssize_t got;

        if (buf->room - buf->size < 65536 && buf->room < buf->size + 2 &&
            xr_buf_reserve(buf, buf->size / 2 + 65536, err))
            return -1;
        got = read(fd, buf->data + buf->size, buf->room - buf->size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return xr_fail_errno(err, "%s: cannot read", name);
        buf->size += (size_t)got;
        buf->data[buf->size] = '\0';
        if (got == 0)
            return 0;
        if (buf->size > max)
            return xr_fail(err, "%s: larger than %zu bytes", name, max);
    }
}

int xr_read_file(struct xr_buf *buf, const char *path, size_t max,
                 char digest[XR_SHA256_TEXT], struct xr_err *err)
{
    int is_stdin = !strcmp(path, "-"), fd = 0, rc;

    memset(buf, 0, sizeof *buf);
    if (!is_stdin) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return xr_fail_errno(err, "%s: cannot open", path);
    }
    rc = xr_buf_reserve(buf, 65536, err) ||
         read_all(buf, fd, xr_input_name(path), max, err);
    if (!is_stdin)
        close(fd);
    if (!rc && digest) {
        struct xr_sha256 *sha = xr_sha256_new(err);

        if (sha) {
            xr_sha256_add(sha, buf->data, buf->size);
            xr_sha256_text(sha, digest);
            xr_sha256_free(sha);
        } else {
            rc = -1;
        }
    }
    if (rc)
        xr_buf_free(buf);
    return rc ? -1 : 0;
}

/* --- output
 * -------------------------------------------------------------------------------- */

struct xr_out {
    char *path;      /* NULL: standard output */
    char *temporary; /* a name that must be removed; NULL where the file has none */
    int fd;
    int finished, settled, no_sync;
    char *buffer;
    size_t used;
};

#define OUT_ROOM ((size_t)1 << 16)

static const char *out_name(const struct xr_out *out)
{
    return out->path ? out->path : "standard output";
}

/* A name beside path that nothing has yet. */
static char *sibling(const char *path, unsigned n, struct xr_err *err)
{
    const char *last = xr_last_part(path);

    return xr_sprintf(err, "%.*s.%s.%ld-%u.tmp", (int)(last - path), path, last,
                      (long)getpid(), n);
}

static int open_beside(struct xr_out *out, struct xr_err *err)
{
    const char *last = xr_last_part(out->path);
    char *dir = last == out->path
                    ? xr_strdup(".", err)
                    : xr_sprintf(err, "%.*s", (int)(last - out->path), out->path);

    if (!dir)
        return -1;
    out->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (out->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        /* a file system without unnamed files */
        for (unsigned n = 0; out->fd < 0 && n < 1000; n++) {
            free(out->temporary);
            out->temporary = sibling(out->path, n, err);
            if (!out->temporary)
                break;
            out->fd = open(out->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
            if (out->fd < 0 && errno != EEXIST)
                break;
        }
    }
    if (out->fd < 0) {
        free(out->temporary);
        out->temporary = NULL;
        xr_fail_errno(err, "%s: cannot create a file in '%s'", out->path, dir);
    }
    free(dir);
    return out->fd < 0 ? -1 : 0;
}

int xr_out_open(struct xr_out **result, const char *path, int flags, struct xr_err *err)
{
    struct xr_out *out = xr_alloc_array(1, sizeof *out, err);

    *result = NULL;
    if (!out)
        return -1;
    out->fd = -1;
    out->no_sync = flags & XR_OUT_NO_SYNC;
    out->buffer = xr_alloc_array(OUT_ROOM, 1, err);
    if (!out->buffer)
        goto fail;
    if (!path || !strcmp(path, "-")) {
        out->fd = STDOUT_FILENO;
        if (flags & XR_OUT_BINARY && isatty(out->fd)) {
            xr_fail_usage(
                err,
                "binary output is not written to a terminal (use -o FILE or a pipe)");
            goto fail;
        }
    } else {
        struct stat st;

        out->path = xr_strdup(path, err);
        if (!out->path)
            goto fail;
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
            if (S_ISDIR(st.st_mode)) {
                xr_fail(err, "%s: is a directory", path);
                goto fail;
            }
            /* a device or a named pipe: written to as it is */
            out->fd = open(path, O_WRONLY | O_CLOEXEC);
            if (out->fd < 0) {
                xr_fail_errno(err, "%s: cannot open for writing", path);
                goto fail;
            }
            out->finished = -1;
        } else if (open_beside(out, err)) {
            goto fail;
        }
    }
    *result = out;
    return 0;
fail:
    xr_out_close(out);
    return -1;
}

static int write_all(struct xr_out *out, const char *data, size_t size,
                     struct xr_err *err)
{
    while (size) {
        ssize_t put = write(out->fd, data, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return xr_fail_errno(err, "%s: cannot write", out_name(out));
        data += put;
        size -= (size_t)put;
    }
    return 0;
}

int xr_out_flush(struct xr_out *out, struct xr_err *err)
{
    size_t used = out->used;

    out->used = 0;
    return write_all(out, out->buffer, used, err);
}

int xr_out_write(struct xr_out *out, const void *data, size_t size, struct xr_err *err)
{
    if (size > OUT_ROOM - out->used && xr_out_flush(out, err))
        return -1;
    if (size >= OUT_ROOM)
        return write_all(out, data, size, err);
    if (size)
        memcpy(out->buffer + out->used, data, size);
    out->used += size;
    return 0;
}

int xr_out_printf(struct xr_out *out, struct xr_err *err, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return xr_fail(err, "out of memory");
    n = xr_out_write(out, text, (size_t)n, err);
    free(text);
    return n;
}

/* Give the unnamed file a name, then move it onto its path. */
static int publish(struct xr_out *out, struct xr_err *err)
{
    for (unsigned n = 0; !out->temporary && n < 1000; n++) {
        char from[64];

        out->temporary = sibling(out->path, n, err);
        if (!out->temporary)
            return -1;
        snprintf(from, sizeof from, "/proc/self/fd/%d", out->fd);
        if (linkat(AT_FDCWD, from, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) == 0)
            break;
        free(out->temporary);
        out->temporary = NULL;
        if (errno != EEXIST)
            return xr_fail_errno(err, "%s: cannot name the finished file", out->path);
    }
    if (!out->temporary)
        return xr_fail(err, "%s: too many temporary files beside it", out->path);
    if (rename(out->temporary, out->path))
        return xr_fail_errno(err, "%s: cannot rename the finished file", out->path);
    free(out->temporary);
    out->temporary = NULL;
    return 0;
}

int xr_out_settle(struct xr_out *out, struct xr_err *err)
{
    if (out->settled)
        return 0;
    if (xr_out_flush(out, err))
        return -1;
    if (out->path && !out->finished && !out->no_sync && fsync(out->fd))
        return xr_fail_errno(err, "%s: cannot sync", out->path);
    free(out->buffer);
    out->buffer = NULL;
    out->settled = 1;
    return 0;
}

int xr_out_finish(struct xr_out *out, struct xr_err *err)
{
    if (xr_out_settle(out, err))
        return -1;
    if (out->path && !out->finished && publish(out, err))
        return -1;
    if (close(out->fd)) {
        out->fd = -1;
        return xr_fail_errno(err, "%s: cannot close", out_name(out));
    }
    out->fd = -1;
    out->finished = 1;
    return 0;
}

void xr_out_close(struct xr_out *out)
{
    if (!out)
        return;
    if (out->path && out->fd >= 0)
        close(out->fd);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    free(out->buffer);
    free(out);
}

int xr_write_file(const char *path, const void *data, size_t size, int flags,
                  struct xr_err *err)
{
    struct xr_out *out = NULL;
    int rc = xr_out_open(&out, path, flags, err) || xr_out_write(out, data, size, err) ||
             xr_out_finish(out, err);

    xr_out_close(out);
    return rc ? -1 : 0;
}
