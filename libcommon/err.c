/* Errors and memory. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fill(struct xr_err *err, int usage, const char *tail, const char *fmt,
                va_list ap)
{
    char text[sizeof err->text];
    size_t n;

    if (!err)
        return -1;
    vsnprintf(text, sizeof text, fmt, ap);
    n = strlen(text);
    if (tail)
        snprintf(text + n, sizeof text - n, ": %s", tail);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    memcpy(err->text, text, sizeof text);
    err->usage = usage;
    return -1;
}

int xr_fail(struct xr_err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fill(err, 0, NULL, fmt, ap);
    va_end(ap);
    return -1;
}

int xr_fail_usage(struct xr_err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fill(err, 1, NULL, fmt, ap);
    va_end(ap);
    return -1;
}

int xr_fail_errno(struct xr_err *err, const char *fmt, ...)
{
    const char *why = strerror(errno);
    va_list ap;

    va_start(ap, fmt);
    fill(err, 0, why, fmt, ap);
    va_end(ap);
    return -1;
}

int xr_fail_in(struct xr_err *err, const char *fmt, ...)
{
    char old[sizeof err->text];
    va_list ap;

    if (!err)
        return -1;
    memcpy(old, err->text, sizeof old);
    va_start(ap, fmt);
    fill(err, err->usage, old, fmt, ap);
    va_end(ap);
    return -1;
}

void *xr_alloc_array(size_t n, size_t size, struct xr_err *err)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2 - 64) {
        xr_fail(err, "out of memory: %zu elements of %zu bytes", n, size);
        return NULL;
    }
    bytes = (bytes + 64) & ~(size_t)63; /* at least one line: a valid pointer for n = 0 */
    p = aligned_alloc(64, bytes);
    if (!p) {
        xr_fail(err, "out of memory: %zu bytes", bytes);
        return NULL;
    }
    memset(p, 0, bytes);
    return p;
}

char *xr_strdup(const char *text, struct xr_err *err)
{
    char *copy = strdup(text);

    if (!copy)
        xr_fail(err, "out of memory");
    return copy;
}

char *xr_sprintf(struct xr_err *err, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    return text;
}

int xr_buf_reserve(struct xr_buf *buf, size_t more, struct xr_err *err)
{
    size_t need, room;
    char *data;

    if (__builtin_add_overflow(buf->size, more, &need) || need > SIZE_MAX / 4)
        return xr_fail(err, "out of memory: a buffer of more than %zu bytes", buf->size);
    if (need + 1 <= buf->room)
        return 0;
    room = buf->room ? buf->room : 256;
    while (room < need + 1)
        room += room / 2;
    data = realloc(buf->data, room);
    if (!data)
        return xr_fail(err, "out of memory: %zu bytes", room);
    buf->data = data;
    buf->room = room;
    return 0;
}

int xr_buf_put(struct xr_buf *buf, const void *data, size_t size, struct xr_err *err)
{
    if (xr_buf_reserve(buf, size, err))
        return -1;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
    return 0;
}

int xr_buf_text(struct xr_buf *buf, const char *text, struct xr_err *err)
{
    return xr_buf_put(buf, text, strlen(text), err);
}

int xr_buf_printf(struct xr_buf *buf, struct xr_err *err, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return xr_fail(err, "cannot format a text");
    if (xr_buf_reserve(buf, (size_t)n, err))
        return -1;
    va_start(ap, fmt);
    vsnprintf(buf->data + buf->size, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->size += (size_t)n;
    return 0;
}

void xr_buf_free(struct xr_buf *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}
