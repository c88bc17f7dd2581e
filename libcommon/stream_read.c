/* Reading record streams: every size is checked, a stream without its end is an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "json.h"
#include "stream_json.h"
#include "text.h"

#define READ_ROOM ((size_t)1 << 18)
#define PIPE_ROOM (1 << 20) /* what Linux lets everyone have */
#define MAX_MEMBERS 64
#define MAX_NAME 4096
#define MAX_JSON ((size_t)1 << 26) /* bytes of a header or an end */

enum state {
    AT_START,
    IN_RECORDS,
    AT_END
};

struct xr_reader {
    struct archive *tar;
    const char *name; /* for messages */
    char *path;
    int fd, eof, plain_ok, has_header;
    int ended; /* the archive came to its end: it must not be asked again */
    char *room;
    uint64_t bytes;
    struct xr_sha256 *sha, *parts; /* of this part; of the digests of those before it */
    struct xr_stream_header header;
    struct xr_part_row row;
    bool more; /* another input follows this one */
    enum state state;
    struct archive_entry *entry; /* read but not used yet */
    uint64_t records, skipped, since_header;
    char *last_key;
    locale_t utf8;
};

/* --- the archive
 * ------------------------------------------------------------------------- */

static la_ssize_t read_some(struct archive *tar, void *arg, const void **data)
{
    struct xr_reader *r = arg;
    ssize_t got;

    *data = r->room;
    do
        got = read(r->fd, r->room, READ_ROOM);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        archive_set_error(tar, errno, "%s", strerror(errno));
    r->eof = got == 0;
    r->bytes += got > 0 ? (uint64_t)got : 0;
    return got;
}

/* Every error of the archive that is not a plain end of it. */
static int broken(struct xr_reader *r, struct xr_err *err)
{
    unsigned long long at = r->records + 1;

    if (!r->bytes)
        return xr_fail(err, "%s: empty input: did the previous command fail?", r->name);
    if (r->state == AT_START && !r->records)
        return xr_fail(err, "%s: not a record stream: %s", r->name,
                       r->eof ? "it ends in its header" : archive_error_string(r->tar));
    if (r->eof)
        return xr_fail(err, "%s: record %llu: the stream was cut%s%s%s", r->name, at,
                       r->last_key ? "; the last whole record is '" : "",
                       r->last_key ? r->last_key : "", r->last_key ? "'" : "");
    return xr_fail(err, "%s: record %llu: %s", r->name, at,
                   archive_error_string(r->tar) ? archive_error_string(r->tar)
                                                : "broken archive");
}

/* 1: r->entry is the next member; 0: the archive is at its end; -1: error. */
static int next_entry(struct xr_reader *r, struct xr_err *err)
{
    if (r->ended)
        return 0;
    while (!r->entry) {
        struct archive_entry *entry = NULL;
        locale_t before = xr_use_locale(r->utf8);
        int rc = archive_read_next_header(r->tar, &entry);
        const char *name = entry ? archive_entry_pathname(entry) : NULL;

        uselocale(before);
        if (rc == ARCHIVE_EOF) {
            r->ended = 1;
            return r->bytes ? 0 : broken(r, err);
        }
        if (rc == ARCHIVE_RETRY || rc == ARCHIVE_FATAL || rc == ARCHIVE_FAILED) {
            /* zero blocks or padding that are missing behind a whole end are no loss */
            if (r->state == AT_END && r->eof && archive_error_string(r->tar) &&
                strstr(archive_error_string(r->tar), "runcated")) {
                r->ended = 1;
                return 0;
            }
            return broken(r, err);
        }
        if (!name || strlen(name) > MAX_NAME || !xr_is_name(name))
            return xr_fail(err, "%s: record %llu: a member without a usable name",
                           r->name, (unsigned long long)r->records + 1);
        if (archive_entry_filetype(entry) == AE_IFDIR)
            continue;
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
            archive_entry_sparse_count(entry) > 1)
            return xr_fail(err, "%s: member '%s' is not a plain file", r->name, name);
        if (archive_entry_size(entry) < 0 ||
            (uint64_t)archive_entry_size(entry) > XR_MAX_MEMBER)
            return xr_fail(err, "%s: member '%s' is larger than %zu bytes", r->name, name,
                           XR_MAX_MEMBER);
        r->entry = entry;
    }
    return 1;
}

/* The bytes of the current member; it grows with what arrives, not with what was
 * announced. */
static int member_data(struct xr_reader *r, struct xr_buf *buf, struct xr_err *err)
{
    const char *name = archive_entry_pathname(r->entry);
    uint64_t size = (uint64_t)archive_entry_size(r->entry);

    memset(buf, 0, sizeof *buf);
    if (xr_buf_reserve(buf, size < (1u << 22) ? (size_t)size : 1u << 22, err))
        return -1;
    while (buf->size < size) {
        size_t want = buf->room - buf->size - 1;
        la_ssize_t got;

        if (!want) {
            if (xr_buf_reserve(buf, buf->size / 2 + 4096, err))
                return -1;
            continue;
        }
        if (want > size - buf->size)
            want = (size_t)(size - buf->size);
        got = archive_read_data(r->tar, buf->data + buf->size, want);
        if (got <= 0) {
            xr_buf_free(buf);
            return broken(r, err);
        }
        buf->size += (size_t)got;
    }
    buf->data[buf->size] = '\0';
    if (strcmp(name, XR_END_NAME))
        xr_stream_digest_member(r->sha, name, buf->data, buf->size);
    return 0;
}

static cJSON *member_json(struct xr_reader *r, struct xr_err *err)
{
    struct xr_buf buf = {0};
    cJSON *json;

    if ((uint64_t)archive_entry_size(r->entry) > MAX_JSON) {
        xr_fail(err, "%s: '%s' is larger than %zu bytes", r->name,
                archive_entry_pathname(r->entry), MAX_JSON);
        return NULL;
    }
    if (member_data(r, &buf, err))
        return NULL;
    json = xr_json_parse(buf.data, buf.size, archive_entry_pathname(r->entry), err);
    if (!json)
        xr_fail_in(err, "%s", r->name);
    xr_buf_free(&buf);
    return json;
}

/* --- header and end
 * --------------------------------------------------------------------------- */

static int read_header(struct xr_reader *r, struct xr_err *err)
{
    struct xr_stream_header next = {0};
    cJSON *json;

    if (r->has_header) { /* behind an end: what was read so far is one digest */
        char digest[XR_SHA256_TEXT];

        if (!r->parts && !(r->parts = xr_sha256_new(err)))
            return -1;
        xr_sha256_text(r->sha, digest);
        xr_sha256_add(r->parts, digest, strlen(digest));
    }
    xr_sha256_free(r->sha);
    r->sha = xr_sha256_new(err);
    if (!r->sha)
        return -1;
    json = member_json(r, err);
    r->entry = NULL;
    if (!json)
        return -1;
    if (xr_header_from_json(&next, json, err) ||
        (r->has_header && xr_header_agree(&r->header, &next, err)) ||
        xr_part_begin(&r->row, next.json, err)) {
        xr_stream_header_free(&next);
        return xr_fail_in(err, "%s", r->name);
    }
    xr_stream_header_free(&r->header);
    r->header = next;
    r->has_header = 1;
    r->since_header = 0;
    r->state = IN_RECORDS;
    return 0;
}

static int read_end(struct xr_reader *r, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];
    cJSON *json = member_json(r, err);
    double records, skipped;
    int same;

    r->entry = NULL;
    if (!json)
        return -1;
    xr_sha256_text(r->sha, digest);
    records = xr_json_number(json, "records", -1);
    skipped = xr_json_number(json, "skipped", 0);
    same = !strcmp(xr_json_text(json, "digest", ""), digest);
    xr_part_end(&r->row, json);
    cJSON_Delete(json);
    if (records != (double)r->since_header)
        return xr_fail(err, "%s: the end says %.0f records, %llu were read", r->name,
                       records, (unsigned long long)r->since_header);
    if (!same)
        return xr_fail(err, "%s: the digest of the stream does not match its end",
                       r->name);
    if (skipped > 0 && skipped < 1e15)
        r->skipped += (uint64_t)skipped;
    r->state = AT_END;
    return 0;
}

/* Pass over the members between records. 1: r->entry begins a record; 0: the end; -1:
 * error. */
static int to_record(struct xr_reader *r, struct xr_err *err)
{
    for (;;) {
        int got = next_entry(r, err);
        const char *name;

        if (got < 0)
            return -1;
        if (got == 0 && (r->state == AT_END || !r->has_header))
            return !r->more && xr_part_finish(&r->row, err)
                       ? xr_fail_in(err, "%s", r->name)
                       : 0;
        if (got == 0) {
            r->eof = 1;
            return broken(r, err);
        }
        name = archive_entry_pathname(r->entry);
        if (!strcmp(name, XR_HEADER_NAME)) {
            if (r->state == IN_RECORDS && r->has_header)
                return xr_fail(err,
                               "%s: record %llu: a header before the end of the stream",
                               r->name, (unsigned long long)r->records + 1);
            if (r->records && !r->has_header)
                return xr_fail(err, "%s: a header behind records", r->name);
            if (read_header(r, err))
                return -1;
        } else if (!strcmp(name, XR_END_NAME) && r->state == IN_RECORDS &&
                   r->has_header) {
            if (read_end(r, err))
                return -1;
        } else if (!strncmp(name, "__xr__/", 7)) {
            struct xr_buf buf = {
                0}; /* of a later version: kept in the digest, else passed over */

            if (member_data(r, &buf, err))
                return -1;
            xr_buf_free(&buf);
            r->entry = NULL;
        } else if (r->state == AT_END) {
            return xr_fail(err, "%s: member '%s' behind the end of the stream", r->name,
                           name);
        } else {
            r->state = IN_RECORDS;
            return 1;
        }
    }
}

int xr_reader_open(struct xr_reader **reader, const char *path, bool plain_ok,
                   struct xr_err *err)
{
    struct xr_reader *r = xr_alloc_array(1, sizeof *r, err);
    int got;

    *reader = NULL;
    if (!r)
        return -1;
    r->fd = -1;
    r->plain_ok = plain_ok;
    r->path = xr_strdup(path, err);
    r->room = xr_alloc_array(READ_ROOM, 1, err);
    r->utf8 = xr_utf8_locale();
    r->sha = xr_sha256_new(err);
    r->tar = archive_read_new();
    if (!r->path || !r->room || !r->sha)
        goto fail;
    r->name = xr_input_name(r->path);
    r->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (r->fd < 0) {
        xr_fail_errno(err, "%s: cannot open", path);
        goto fail;
    }
    /* a pipe that holds some films lets its writer work while a batch is computed; other
     * files, and systems that do not allow it, go on as they are */
    (void)fcntl(r->fd, F_SETPIPE_SZ, PIPE_ROOM);
    if (r->fd == STDIN_FILENO && isatty(r->fd)) {
        xr_fail_usage(
            err,
            "a record stream is not read from a terminal (name a FILE or use a pipe)");
        goto fail;
    }
    if (!r->tar || archive_read_support_filter_gzip(r->tar) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(r->tar) != ARCHIVE_OK ||
        archive_read_support_format_tar(r->tar) != ARCHIVE_OK ||
        archive_read_set_options(r->tar, "read_concatenated_archives") != ARCHIVE_OK) {
        xr_fail(err, "cannot start reading a tar archive");
        goto fail;
    }
    if (archive_read_open(r->tar, r, NULL, read_some, NULL) != ARCHIVE_OK) {
        broken(r, err);
        goto fail;
    }
    got = to_record(r, err);
    if (got < 0)
        goto fail;
    if (!r->has_header && got == 0) {
        xr_fail(err, "%s: not a record stream: no members", r->name);
        goto fail;
    }
    if (!r->has_header && !plain_ok) {
        xr_fail(err,
                "%s: a tar archive without a stream header: pipe it through xr-augment",
                r->name);
        goto fail;
    }
    *reader = r;
    return 0;
fail:
    xr_reader_close(r);
    return -1;
}

const struct xr_stream_header *xr_reader_header(const struct xr_reader *r)
{
    return &r->header;
}

/* --- records
 * --------------------------------------------------------------------------------------
 */

/* Where the suffix of a member's name begins (behind the first dot of its last part); 0:
 * none. */
static size_t stem_of(const char *name)
{
    const char *dot = strchr(xr_last_part(name), '.');

    return dot && dot != name && dot[-1] != '/' ? (size_t)(dot - name) : 0;
}

static int check_image(const struct xr_reader *r, const struct xr_array *image,
                       struct xr_err *err)
{
    const struct xr_stream_header *h = &r->header;
    int at = image->n_dims == 3 && image->dtype == XR_F32;
    size_t channels = image->n_dims == 3 ? image->shape[at ? 0 : 2] : 1;

    if (image->n_dims < 2 || image->n_dims > 3 ||
        (image->dtype != XR_U8 && image->dtype != XR_U16 && image->dtype != XR_F32))
        return xr_fail(err, "an image of %s in %d dimensions",
                       xr_dtype_name(image->dtype), image->n_dims);
    if (!r->has_header)
        return 0;
    if (image->dtype != h->dtype || image->shape[at] != h->height ||
        image->shape[at + 1] != h->width || channels != h->channels)
        return xr_fail(err, "an image of %zux%zux%zu %s; the header says %zux%zux%zu %s",
                       image->shape[at], image->shape[at + 1], channels,
                       xr_dtype_name(image->dtype), h->height, h->width, h->channels,
                       xr_dtype_name(h->dtype));
    return 0;
}

static int take_member(struct xr_reader *r, struct xr_record *record, const char *suffix,
                       struct xr_buf *buf, struct xr_err *err)
{
    int64_t limit = r->has_header && r->header.n_classes
                        ? (int64_t)r->header.n_classes - 1
                        : XR_MAX_CLASSES - 1;
    void *data;

    if (!strcmp(suffix, "npy")) {
        if (record->image.n_dims)
            return xr_fail(err, "two images");
        return xr_npy_parse(&record->image, buf->data, buf->size, err) ||
                       check_image(r, &record->image, err)
                   ? -1
                   : 0;
    }
    if (!strcmp(suffix, "cls")) {
        char *end;
        long label = strtol(buf->data, &end, 10);

        while (*end == '\n' || *end == '\r' || *end == ' ')
            end++;
        if (record->label >= 0 || !buf->size || end != buf->data + buf->size ||
            label < 0 || label > limit)
            return xr_fail(err, "class '%.20s' is not an index from 0 to %lld", buf->data,
                           (long long)limit);
        record->label = label;
        return 0;
    }
    if (!strcmp(suffix, "json")) {
        if (record->meta)
            return xr_fail(err, "two members .json");
        record->meta = xr_json_parse(buf->data, buf->size, "its .json", err);
        if (record->meta && !cJSON_IsObject(record->meta))
            return xr_fail(err, "its .json is not an object");
        return record->meta ? 0 : -1;
    }
    if (record->n_members == MAX_MEMBERS || xr_record_member(record, suffix))
        return xr_fail(err, "too many members, or two of '.%s'", suffix);
    data = buf->data;
    buf->data = NULL; /* the record owns it now */
    return xr_record_put(record, suffix, data, buf->size, err);
}

int xr_reader_next(struct xr_reader *r, struct xr_record *record, struct xr_err *err)
{
    int got;

    xr_record_free(record);
    got = to_record(r, err);
    if (got <= 0)
        return got;
    while (r->entry) {
        const char *name = archive_entry_pathname(r->entry);
        size_t stem = stem_of(name);
        struct xr_buf buf = {0};
        int rc;

        if (!strncmp(name, "__xr__/", 7) ||
            (record->key &&
             (strlen(record->key) != stem || strncmp(record->key, name, stem))))
            break;
        if (!stem)
            return xr_fail(err, "%s: record %llu: member '%s' has no suffix", r->name,
                           (unsigned long long)r->records + 1, name);
        if (!record->key && !(record->key = xr_sprintf(err, "%.*s", (int)stem, name)))
            return -1;
        if (member_data(r, &buf, err))
            return -1;
        rc = take_member(r, record, name + stem + 1, &buf, err);
        free(buf.data);
        if (rc)
            return xr_fail_in(err, "%s: record %llu: '%s'", r->name,
                              (unsigned long long)r->records + 1, record->key);
        r->entry = NULL;
        got = next_entry(r, err);
        if (got < 0)
            return -1;
    }
    /* the last record of a stream with a header is whole only once something follows it
     */
    if (!r->entry && r->has_header) {
        r->eof = 1;
        return broken(r, err);
    }
    if (!record->meta && !(record->meta = cJSON_CreateObject()))
        return xr_fail(err, "out of memory");
    r->records++;
    r->since_header++;
    free(r->last_key);
    r->last_key = xr_strdup(record->key, err);
    return r->last_key ? 1 : -1;
}

const struct xr_part_row *xr_reader_parts(const struct xr_reader *r)
{
    return &r->row;
}

int xr_reader_follow(struct xr_reader *r, const struct xr_part_row *before, bool more,
                     struct xr_err *err)
{
    r->row = *before;
    r->more = more;
    return xr_part_begin(&r->row, r->header.json, err) ? xr_fail_in(err, "%s", r->name)
                                                       : 0;
}

uint64_t xr_reader_records(const struct xr_reader *r)
{
    return r->records;
}

uint64_t xr_reader_skipped(const struct xr_reader *r)
{
    return r->skipped;
}

/* Of a stream of several parts: SHA-256 of the texts of their digests, one behind the
 * other. */
void xr_reader_digest(const struct xr_reader *r, char text[XR_SHA256_TEXT])
{
    struct xr_sha256 *all;

    xr_sha256_text(r->sha, text);
    all = r->parts ? xr_sha256_copy(r->parts) : NULL;
    if (!all)
        return;
    xr_sha256_add(all, text, strlen(text));
    xr_sha256_text(all, text);
    xr_sha256_free(all);
}

void xr_reader_close(struct xr_reader *r)
{
    if (!r)
        return;
    if (r->tar)
        archive_read_free(r->tar);
    if (r->fd > STDIN_FILENO)
        close(r->fd);
    xr_sha256_free(r->sha);
    xr_sha256_free(r->parts);
    if (r->utf8)
        freelocale(r->utf8);
    xr_stream_header_free(&r->header);
    free(r->last_key);
    free(r->room);
    free(r->path);
    free(r);
}
