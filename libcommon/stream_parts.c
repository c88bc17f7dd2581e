/* One stream in several files, all of which get their names at the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stream_json.h"

#define MAX_DIGITS 9

struct xr_writers {
    struct xr_parts parts;
    struct xr_stream_header header;
    cJSON *sources;
    struct xr_writer **all; /* the last one is being written */
    size_t n, room;
    char *path;   /* NULL: standard output; with parts what stands before the number */
    char *behind; /* and behind it */
    int digits;
};

static bool limited(const struct xr_writers *w)
{
    return w->parts.bytes || w->parts.records;
}

/* Cut the pattern at its one %d or %0Nd. */
static int cut_pattern(struct xr_writers *w, const char *path, struct xr_err *err)
{
    const char *at = path ? strchr(path, '%') : NULL, *end;

    if (!at)
        return xr_fail_usage(err,
                             "a limit for each part: -o needs a place for the number "
                             "of a part, as in out-%%05d.tar");
    end = at + 1;
    if (*end == '0' && end[1] >= '1' && end[1] <= '0' + MAX_DIGITS) {
        w->digits = end[1] - '0';
        end += 2;
    }
    if (*end != 'd' || strchr(end, '%'))
        return xr_fail_usage(err,
                             "-o '%s': the number of a part is one %%d or %%0Nd, N "
                             "from 1 to %d",
                             path, MAX_DIGITS);
    w->path = xr_sprintf(err, "%.*s", (int)(at - path), path);
    w->behind = xr_strdup(end + 1, err);
    return w->path && w->behind ? 0 : -1;
}

static char *part_path(const struct xr_writers *w, size_t i, struct xr_err *err)
{
    return xr_sprintf(err, "%s%0*zu%s", w->path, w->digits, i, w->behind);
}

/* Every part stays open, without a name, until the last one is whole. */
static void allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* else opening says so */
    }
}

static int open_part(struct xr_writers *w, struct xr_err *err)
{
    struct xr_writer **all;
    const cJSON *item;
    char *path = w->path;
    int rc;

    if (w->n == w->room) {
        all = realloc(w->all, (2 * w->room + 1) * sizeof *all);
        if (!all)
            return xr_fail(err, "out of memory");
        w->all = all;
        w->room = 2 * w->room + 1;
    }
    if (limited(w)) {
        cJSON_DeleteItemFromObjectCaseSensitive(w->header.json, "part");
        cJSON_AddNumberToObject(w->header.json, "part", (double)w->n);
        path = part_path(w, w->n, err);
        if (!path)
            return -1;
    }
    rc = xr_writer_open(&w->all[w->n], path, &w->header, err);
    w->n += rc == 0;
    cJSON_ArrayForEach(item, w->sources)
    {
        rc = rc ||
             xr_writer_source(w->all[w->n - 1], item->string, item->valuestring, err);
    }
    if (limited(w))
        free(path);
    return rc ? -1 : 0;
}

int xr_writers_open(struct xr_writers **writers, const char *path,
                    const struct xr_parts *parts, const struct xr_stream_header *header,
                    struct xr_err *err)
{
    struct xr_writers *w = xr_alloc_array(1, sizeof *w, err);

    *writers = NULL;
    if (!w)
        return -1;
    w->parts = *parts;
    w->sources = cJSON_CreateObject();
    if (xr_stream_header_copy(&w->header, header, err))
        goto fail;
    if (!w->header.json)
        w->header.json = cJSON_CreateObject();
    if (limited(w)) {
        allow_files();
        if (cut_pattern(w, path, err))
            goto fail;
    } else if (path) {
        w->path = xr_strdup(path, err);
        if (!w->path)
            goto fail;
    }
    if (open_part(w, err))
        goto fail;
    *writers = w;
    return 0;
fail:
    xr_writers_close(w);
    return -1;
}

int xr_writers_put(struct xr_writers *w, const struct xr_record *record,
                   struct xr_err *err)
{
    struct xr_writer *last = w->all[w->n - 1];

    if (xr_writer_records(last) &&
        ((w->parts.records && xr_writer_records(last) >= w->parts.records) ||
         (w->parts.bytes && xr_writer_bytes(last) >= w->parts.bytes))) {
        if (xr_writer_settle(last, err) || open_part(w, err))
            return -1;
        last = w->all[w->n - 1];
    }
    return xr_writer_put(last, record, err);
}

void xr_writers_skip(struct xr_writers *w)
{
    xr_writer_skip(w->all[w->n - 1]);
}

int xr_writers_source(struct xr_writers *w, const char *name, const char *digest,
                      struct xr_err *err)
{
    if (!cJSON_AddStringToObject(w->sources, name, digest))
        return xr_fail(err, "out of memory");
    return xr_writer_source(w->all[w->n - 1], name, digest, err);
}

/* A part of a longer run before this one would be taken for one of this. */
static int refuse_left(const struct xr_writers *w, struct xr_err *err)
{
    char *next = part_path(w, w->n, err);
    int rc = next ? 0 : -1;

    if (next && access(next, F_OK) == 0)
        rc = xr_fail(err, "%s: of another run with more parts: remove it", next);
    free(next);
    return rc;
}

int xr_writers_finish(struct xr_writers *w, struct xr_err *err)
{
    if (limited(w))
        xr_writer_last(w->all[w->n - 1], w->n);
    if (xr_writer_settle(w->all[w->n - 1], err) || (limited(w) && refuse_left(w, err)))
        return -1;
    for (size_t i = 0; i < w->n; i++) {
        if (xr_writer_finish(w->all[i], err))
            return -1;
    }
    return 0;
}

void xr_writers_close(struct xr_writers *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        xr_writer_close(w->all[i]);
    free(w->all);
    xr_stream_header_free(&w->header);
    cJSON_Delete(w->sources);
    free(w->path);
    free(w->behind);
    free(w);
}
