/* Writing record streams: fixed times, owners and modes, so that equal records are equal
 * bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "json.h"
#include "stream_json.h"
#include "text.h"

struct xr_writer {
    struct archive *tar;
    struct xr_out *out;
    struct xr_sha256 *sha;
    struct xr_stream_header header; /* to check every record against */
    uint64_t records, skipped, bytes;
    cJSON *sources;
    char *last_key;
    uint64_t parts; /* of which it is the last one; 0: it is not, or no part */
    bool settled;   /* the end is written */
    bool discard;   /* what the archive still writes goes nowhere */
    locale_t utf8;
    struct xr_err io; /* what the callback could not say otherwise */
};

static la_ssize_t write_some(struct archive *tar, void *arg, const void *data,
                             size_t size)
{
    struct xr_writer *w = arg;

    if (!w->discard && xr_out_write(w->out, data, size, &w->io)) {
        archive_set_error(tar, EIO, "%s", w->io.text);
        return -1;
    }
    w->bytes += size;
    return (la_ssize_t)size;
}

static int put_member(struct xr_writer *w, const char *name, const void *data,
                      size_t size, int digest, struct xr_err *err)
{
    struct archive_entry *entry;
    locale_t before;
    int rc;

    if (size > XR_MAX_MEMBER)
        return xr_fail(err, "member '%s' is larger than %zu bytes", name, XR_MAX_MEMBER);
    entry = archive_entry_new();
    if (!entry)
        return xr_fail(err, "out of memory");
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    before = xr_use_locale(w->utf8);
    rc = archive_write_header(w->tar, entry);
    uselocale(before);
    archive_entry_free(entry);
    if (rc == ARCHIVE_OK && size &&
        archive_write_data(w->tar, data, size) != (la_ssize_t)size)
        rc = ARCHIVE_FATAL;
    if (rc == ARCHIVE_OK)
        rc = archive_write_finish_entry(w->tar);
    if (rc != ARCHIVE_OK)
        return w->io.text[0] ? xr_fail(err, "%s", w->io.text)
                             : xr_fail(err, "cannot write member '%s': %s", name,
                                       archive_error_string(w->tar));
    if (digest)
        xr_stream_digest_member(w->sha, name, data, size);
    return 0;
}

static int put_json(struct xr_writer *w, const char *name, const cJSON *json, int digest,
                    struct xr_err *err)
{
    struct xr_buf buf = {0};
    int rc = xr_json_line(&buf, json, err) || xr_buf_text(&buf, "\n", err) ||
             put_member(w, name, buf.data, buf.size, digest, err);

    xr_buf_free(&buf);
    return rc ? -1 : 0;
}

int xr_writer_open(struct xr_writer **writer, const char *path,
                   const struct xr_stream_header *header, struct xr_err *err)
{
    struct xr_writer *w = xr_alloc_array(1, sizeof *w, err);
    cJSON *json = NULL;

    *writer = NULL;
    if (!w)
        return -1;
    w->sources = cJSON_CreateObject();
    w->utf8 = xr_utf8_locale();
    w->sha = xr_sha256_new(err);
    w->tar = archive_write_new();
    if (!w->sha || xr_stream_header_copy(&w->header, header, err) ||
        xr_out_open(&w->out, path, XR_OUT_BINARY, err))
        goto fail;
    if (!w->tar || archive_write_set_format_pax_restricted(w->tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(w->tar, 0) != ARCHIVE_OK ||
        archive_write_open(w->tar, w, NULL, write_some, NULL) != ARCHIVE_OK) {
        xr_fail(err, "cannot start a tar archive");
        goto fail;
    }
    json = xr_header_to_json(header);
    if (put_json(w, XR_HEADER_NAME, json, 1, err))
        goto fail;
    cJSON_Delete(json);
    *writer = w;
    return 0;
fail:
    cJSON_Delete(json);
    xr_writer_close(w);
    return -1;
}

/* The key is a relative path without a dot in its last part, so that readers find its
 * end. */
static int check_key(const char *key, struct xr_err *err)
{
    const char *last = xr_last_part(key);

    if (!xr_is_name(key))
        return xr_fail(err, "'%s' cannot be a key: not UTF-8, or control characters",
                       key);
    if (!*last || strchr(last, '.') || *key == '/' || !strncmp(key, "__xr__/", 7) ||
        !strncmp(key, "../", 3) || strstr(key, "/../"))
        return xr_fail(
            err,
            "'%s' cannot be a key (empty, or a dot in its last part: see --key-replace)",
            key);
    return 0;
}

static int check_image(const struct xr_writer *w, const struct xr_record *r,
                       struct xr_err *err)
{
    const struct xr_stream_header *h = &w->header;
    size_t channels =
        r->image.n_dims == 3 ? r->image.shape[h->dtype == XR_F32 ? 0 : 2] : 1;
    int at = r->image.n_dims == 3 && h->dtype == XR_F32;

    if (r->image.n_dims < 2 || r->image.n_dims > 3 || r->image.dtype != h->dtype ||
        r->image.shape[at] != h->height || r->image.shape[at + 1] != h->width ||
        channels != h->channels)
        return xr_fail(err, "record '%s': its image is not what the header says", r->key);
    return 0;
}

int xr_writer_put(struct xr_writer *w, const struct xr_record *record, struct xr_err *err)
{
    struct xr_buf name = {0}, data = {0};
    size_t stem;
    int rc = -1;

    if (check_key(record->key, err))
        goto done;
    if (w->last_key && !strcmp(w->last_key, record->key)) {
        xr_fail(err, "two records with the key '%s', one behind the other", record->key);
        goto done;
    }
    if ((record->image.n_dims && check_image(w, record, err)) ||
        xr_buf_printf(&name, err, "%s.", record->key))
        goto done;
    stem = name.size;
    if (record->image.n_dims) {
        if (xr_npy_format(&data, &record->image, err) || xr_buf_text(&name, "npy", err) ||
            put_member(w, name.data, data.data, data.size, 1, err))
            goto done;
        name.size = stem;
    }
    if (record->label >= 0) {
        data.size = 0;
        if (xr_buf_printf(&data, err, "%lld", (long long)record->label) ||
            xr_buf_text(&name, "cls", err) ||
            put_member(w, name.data, data.data, data.size, 1, err))
            goto done;
        name.size = stem;
    }
    if (record->meta) {
        if (xr_buf_text(&name, "json", err) ||
            put_json(w, name.data, record->meta, 1, err))
            goto done;
        name.size = stem;
    }
    for (size_t i = 0; i < record->n_members; i++) {
        const struct xr_member *m = &record->members[i];

        if (xr_buf_text(&name, m->suffix, err) ||
            put_member(w, name.data, m->data, m->size, 1, err))
            goto done;
        name.size = stem;
    }
    free(w->last_key);
    w->last_key = xr_strdup(record->key, err);
    w->records++;
    rc = w->last_key ? 0 : -1;
done:
    xr_buf_free(&name);
    xr_buf_free(&data);
    return rc;
}

void xr_writer_skip(struct xr_writer *w)
{
    w->skipped++;
}

int xr_writer_source(struct xr_writer *w, const char *name, const char *digest,
                     struct xr_err *err)
{
    if (!cJSON_AddStringToObject(w->sources, name, digest))
        return xr_fail(err, "out of memory");
    return 0;
}

void xr_writer_last(struct xr_writer *w, uint64_t parts)
{
    w->parts = parts;
}

uint64_t xr_writer_bytes(const struct xr_writer *w)
{
    return w->bytes;
}

uint64_t xr_writer_records(const struct xr_writer *w)
{
    return w->records;
}

/* What only writing needs; also of a writer that is not whole. */
static void free_archive(struct xr_writer *w)
{
    /* no zero blocks behind a stream that is not whole (archive_write_fail would leak) */
    w->discard = true;
    if (w->tar)
        archive_write_free(w->tar);
    w->tar = NULL;
    xr_sha256_free(w->sha);
    w->sha = NULL;
    xr_stream_header_free(&w->header);
    cJSON_Delete(w->sources);
    w->sources = NULL;
    free(w->last_key);
    w->last_key = NULL;
    if (w->utf8)
        freelocale(w->utf8);
    w->utf8 = (locale_t)0;
}

int xr_writer_settle(struct xr_writer *w, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];
    cJSON *json;
    int rc;

    if (w->settled)
        return 0;
    json = cJSON_CreateObject();
    xr_sha256_text(w->sha, digest);
    cJSON_AddNumberToObject(json, "records", (double)w->records);
    cJSON_AddNumberToObject(json, "skipped", (double)w->skipped);
    cJSON_AddStringToObject(json, "digest", digest);
    if (w->parts)
        cJSON_AddNumberToObject(json, "parts", (double)w->parts);
    if (w->sources->child)
        cJSON_AddItemToObject(json, "sources", cJSON_Duplicate(w->sources, 1));
    rc = put_json(w, XR_END_NAME, json, 0, err);
    cJSON_Delete(json);
    if (rc)
        return -1;
    if (archive_write_close(w->tar) != ARCHIVE_OK)
        return w->io.text[0] ? xr_fail(err, "%s", w->io.text)
                             : xr_fail(err, "cannot end the archive: %s",
                                       archive_error_string(w->tar));
    free_archive(w);
    w->settled = true;
    return xr_out_settle(w->out, err);
}

int xr_writer_finish(struct xr_writer *w, struct xr_err *err)
{
    return xr_writer_settle(w, err) || xr_out_finish(w->out, err) ? -1 : 0;
}

void xr_writer_close(struct xr_writer *w)
{
    if (!w)
        return;
    free_archive(w);
    xr_out_close(w->out);
    free(w);
}
