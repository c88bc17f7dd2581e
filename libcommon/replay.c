/* What an earlier run has applied, by key. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pixels/augment.h"
#include "stream.h"

#define MAX_LINES ((size_t)1 << 30) /* bytes of JSON lines */

struct entry {
    char *key;
    cJSON *applied;
};

struct xr_replay {
    char *name;
    struct entry *entries; /* sorted by key */
    size_t n, room;
    cJSON *chain;
    size_t height, width;
};

void xr_replay_close(struct xr_replay *replay)
{
    if (!replay)
        return;
    for (size_t i = 0; i < replay->n; i++) {
        free(replay->entries[i].key);
        cJSON_Delete(replay->entries[i].applied);
    }
    cJSON_Delete(replay->chain);
    free(replay->entries);
    free(replay->name);
    free(replay);
}

/* Take the list of transforms out of what is said of a record. */
static int add(struct xr_replay *r, const char *key, cJSON *meta, struct xr_err *err)
{
    cJSON *applied = cJSON_DetachItemFromObjectCaseSensitive(meta, "transforms");

    if (!cJSON_IsArray(applied)) {
        cJSON_Delete(applied);
        return xr_fail(err, "record '%s' has no list 'transforms'", key);
    }
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct entry *more = realloc(r->entries, room * sizeof *more);

        if (!more) {
            cJSON_Delete(applied);
            return xr_fail(err, "out of memory");
        }
        r->entries = more;
        r->room = room;
    }
    r->entries[r->n] = (struct entry){xr_strdup(key, err), applied};
    return r->entries[r->n++].key ? 0 : -1;
}

static int read_stream(struct xr_replay *r, const char *path, char *digest,
                       struct xr_err *err)
{
    struct xr_record record = {0};
    struct xr_reader *reader;
    const struct xr_stream_header *h;
    int got;

    if (xr_reader_open(&reader, path, false, err))
        return -1;
    h = xr_reader_header(reader);
    r->height = h->height;
    r->width = h->width;
    r->chain =
        cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(h->json, "transforms"), true);
    got = h->transform_schema == XR_TRANSFORM_SCHEMA
              ? 1
              : xr_fail(err,
                        "its transforms are of schema %lld, here they are of %d: the "
                        "pixels would be others",
                        (long long)h->transform_schema, XR_TRANSFORM_SCHEMA);
    while (got > 0 && (got = xr_reader_next(reader, &record, err)) > 0) {
        if (add(r, record.key, record.meta, err))
            got = -1;
    }
    xr_reader_digest(reader, digest);
    xr_record_free(&record);
    xr_reader_close(reader);
    return got;
}

static int read_lines(struct xr_replay *r, const struct xr_buf *text, struct xr_err *err)
{
    size_t line = 1;

    for (const char *at = text->data, *end = at + text->size; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        cJSON *json;
        int rc = -1;

        if (size && strspn(at, " \t\r") < size) {
            json = xr_json_parse(at, size, r->name, err);
            if (!json)
                return -1;
            if (*xr_json_text(json, "key", ""))
                rc = add(r, xr_json_text(json, "key", ""), json, err);
            else
                rc = xr_fail(err, "no key");
            cJSON_Delete(json);
            if (rc)
                return xr_fail_in(err, "line %zu", line);
        }
        at += size + 1;
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* Does it begin as a JSON object does? A stream never does: a name comes first. */
static int is_lines(const char *path, struct xr_buf *text, char *digest,
                    struct xr_err *err)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : NULL;
    int first = file ? fgetc(file) : 0;

    if (file)
        fclose(file);
    if (strcmp(path, "-") == 0)
        return 0;
    if (!file)
        return xr_fail_errno(err, "cannot open");
    return first == '{' ? (xr_read_file(text, path, MAX_LINES, digest, err) ? -1 : 1) : 0;
}

int xr_replay_open(struct xr_replay **replay, const char *path, cJSON *inputs,
                   struct xr_err *err)
{
    struct xr_replay *r = xr_alloc_array(1, sizeof *r, err);
    char digest[XR_SHA256_TEXT] = "";
    struct xr_buf text = {0};
    int lines, rc = -1;

    *replay = NULL;
    if (!r)
        return -1;
    r->name = xr_strdup(xr_input_name(path), err);
    lines = r->name ? is_lines(path, &text, digest, err) : -1;
    if (lines >= 0)
        rc = lines ? read_lines(r, &text, err) : read_stream(r, path, digest, err);
    xr_buf_free(&text);
    if (rc == 0 && r->n > 1)
        qsort(r->entries, r->n, sizeof *r->entries, by_key);
    for (size_t i = 1; rc == 0 && i < r->n; i++) {
        if (by_key(&r->entries[i - 1], &r->entries[i]) == 0)
            rc = xr_fail(err, "record '%s' comes twice", r->entries[i].key);
    }
    if (rc) {
        if (strncmp(err->text, r->name, strlen(r->name)) != 0)
            xr_fail_in(err, "%s", r->name);
        xr_replay_close(r);
        return -1;
    }
    cJSON_AddStringToObject(inputs, xr_last_part(path), digest);
    *replay = r;
    return 0;
}

const char *xr_replay_name(const struct xr_replay *replay)
{
    return replay->name;
}

const cJSON *xr_replay_find(const struct xr_replay *replay, const char *key)
{
    struct entry wanted = {.key = (char *)(size_t)key};
    const struct entry *found = NULL;

    if (replay->n)
        found = bsearch(&wanted, replay->entries, replay->n, sizeof wanted, by_key);
    return found ? found->applied : NULL;
}

const cJSON *xr_replay_chain(const struct xr_replay *replay, size_t *height,
                             size_t *width)
{
    *height = replay->height;
    *width = replay->width;
    return replay->chain;
}
