/* A CSV part by part. */
#include "csv_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct xr_parts {
    char *path;
    int fd;
    bool is_stdin, ended, begun;
    struct xr_buf rest;   /* read, not given yet */
    struct xr_buf header; /* the header line with its end */
    size_t lines;         /* ends of lines in what was given, the header's too */
    struct xr_sha256 *sha;
};

int xr_parts_open(struct xr_parts **parts, const char *path, struct xr_err *err)
{
    struct xr_parts *p = xr_alloc_array(1, sizeof *p, err);

    *parts = NULL;
    if (!p)
        return -1;
    p->is_stdin = !strcmp(path, "-");
    p->path = xr_strdup(path, err);
    p->sha = xr_sha256_new(err);
    if (p->path && p->sha && !p->is_stdin) {
        p->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (p->fd < 0)
            xr_fail_errno(err, "%s: cannot open", path);
    }
    if (!p->path || !p->sha || p->fd < 0) {
        p->is_stdin = true;
        xr_parts_close(p);
        return -1;
    }
    *parts = p;
    return 0;
}

void xr_parts_close(struct xr_parts *p)
{
    if (!p)
        return;
    if (!p->is_stdin)
        close(p->fd);
    free(p->path);
    xr_buf_free(&p->rest);
    xr_buf_free(&p->header);
    xr_sha256_free(p->sha);
    free(p);
}

void xr_parts_digest(char digest[XR_SHA256_TEXT], struct xr_parts *p)
{
    xr_sha256_text(p->sha, digest);
}

/* Read until rest holds a part or the input ends. */
static int fill(struct xr_parts *p, struct xr_err *err)
{
    if (xr_buf_reserve(&p->rest, XR_PART_BYTES + 1, err))
        return -1;
    while (!p->ended && p->rest.size < XR_PART_BYTES) {
        ssize_t got =
            read(p->fd, p->rest.data + p->rest.size, XR_PART_BYTES - p->rest.size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return xr_fail_errno(err, "%s: cannot read", xr_input_name(p->path));
        p->ended = got == 0;
        xr_sha256_add(p->sha, p->rest.data + p->rest.size, (size_t)got);
        p->rest.size += (size_t)got;
    }
    p->rest.data[p->rest.size] = 0;
    return 0;
}

/* Bytes up to the end of the first row (first) or of the last whole one; 0: no row ends.
 */
static size_t rows_end(const char *text, size_t size, bool first)
{
    bool quoted = false;
    size_t end = 0;

    for (size_t i = 0; i < size && !(first && end); i++) {
        if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == '\n' && !quoted)
            end = i + 1;
    }
    return end;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Take `size` bytes off the front of rest, onto *to. */
static int take(struct xr_buf *to, struct xr_parts *p, size_t size, struct xr_err *err)
{
    if (xr_buf_put(to, p->rest.data, size, err))
        return -1;
    p->lines += count_lines(p->rest.data, size);
    memmove(p->rest.data, p->rest.data + size, p->rest.size - size + 1);
    p->rest.size -= size;
    return 0;
}

int xr_parts_next(struct xr_table *table, struct xr_parts *p, struct xr_err *err)
{
    struct xr_buf text = {0};
    size_t size, before;

    *table = (struct xr_table){0};
    if (fill(p, err))
        return -1;
    if (p->begun && !p->rest.size)
        return 0;
    if (!p->begun) {
        size = rows_end(p->rest.data, p->rest.size, true);
        if (take(&p->header, p, size ? size : p->rest.size, err) || fill(p, err))
            return -1;
        p->begun = true;
    }
    before = p->lines - count_lines(p->header.data, p->header.size);
    size = p->ended ? p->rest.size : rows_end(p->rest.data, p->rest.size, false);
    if (!size && !p->ended)
        return xr_fail(err, "%s:%zu: a row of more than %zu bytes",
                       xr_input_name(p->path), p->lines + 1, XR_PART_BYTES);
    if (xr_buf_put(&text, p->header.data, p->header.size, err) ||
        take(&text, p, size, err)) {
        xr_buf_free(&text);
        return -1;
    }
    return xr_table_parse_at(table, &text, xr_input_name(p->path), before, err) ? -1 : 1;
}
