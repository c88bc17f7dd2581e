/* Event files: framing, protobuf's wire format by hand, and the log's rows as scalars. */
#include "tensorboard.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

#define MAX_SPLITS 64
#define FILE_NAME "events.out.tfevents.0.xr-plot"
#define VERSION "brain.Event:2"

/* Fields of the messages, and the wire types of protobuf's encoding. */
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE = 2,
};
enum {
    VARINT = 0,
    FIXED64 = 1,
    BYTES = 2,
    FIXED32 = 5,
};

/* --- checksums -------------------------------------------------------------------- */

uint32_t xr_crc32c(uint32_t crc, const void *data, size_t size)
{
    const unsigned char *p = data;

    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

uint32_t xr_crc32c_masked(const void *data, size_t size)
{
    uint32_t crc = xr_crc32c(0, data, size);

    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* --- bytes ------------------------------------------------------------------------ */

static int put_little(struct xr_buf *buf, uint64_t v, int n, struct xr_err *err)
{
    unsigned char bytes[8];

    for (int i = 0; i < n; i++)
        bytes[i] = (unsigned char)(v >> 8 * i);
    return xr_buf_put(buf, bytes, (size_t)n, err);
}

static int put_varint(struct xr_buf *buf, uint64_t v, struct xr_err *err)
{
    unsigned char bytes[10];
    size_t n = 0;

    do {
        bytes[n] = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        v >>= 7;
        n++;
    } while (v);
    return xr_buf_put(buf, bytes, n, err);
}

static int put_key(struct xr_buf *buf, unsigned field, unsigned type, struct xr_err *err)
{
    return put_varint(buf, field << 3 | type, err);
}

static int put_bytes(struct xr_buf *buf, unsigned field, const void *data, size_t size,
                     struct xr_err *err)
{
    return put_key(buf, field, BYTES, err) || put_varint(buf, size, err) ||
                   xr_buf_put(buf, data, size, err)
               ? -1
               : 0;
}

static int put_double(struct xr_buf *buf, unsigned field, double v, struct xr_err *err)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return put_key(buf, field, FIXED64, err) || put_little(buf, bits, 8, err) ? -1 : 0;
}

static int put_float(struct xr_buf *buf, unsigned field, float v, struct xr_err *err)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    return put_key(buf, field, FIXED32, err) || put_little(buf, bits, 4, err) ? -1 : 0;
}

static int put_record(struct xr_buf *buf, const struct xr_buf *data, struct xr_err *err)
{
    size_t from = buf->size;

    if (put_little(buf, data->size, 8, err) ||
        put_little(buf, xr_crc32c_masked(buf->data + from, 8), 4, err) ||
        xr_buf_put(buf, data->data, data->size, err))
        return -1;
    return put_little(buf, xr_crc32c_masked(data->data, data->size), 4, err);
}

/* --- the log ---------------------------------------------------------------------- */

struct log {
    const struct xr_table *table;
    int epoch, split, time, seconds; /* columns, -1: none */
    bool *scalar;                    /* [n_cols] */
};

/* A cell as a number; false where it is empty or something else. */
static bool number(double *v, const struct xr_table *t, size_t row, size_t col)
{
    const char *text = xr_cell(t, row, col);
    char *end;

    *v = strtod(text, &end);
    return end != text && !*end;
}

static int log_open(struct log *log, const struct xr_table *t, struct xr_err *err)
{
    *log = (struct log){.table = t,
                        .split = xr_table_col(t, "split"),
                        .time = xr_table_col(t, "time"),
                        .seconds = xr_table_col(t, "seconds")};
    if (xr_table_need(&log->epoch, t, "epoch", err))
        return -1;
    log->scalar = xr_alloc_array(t->n_cols, sizeof *log->scalar, err);
    if (!log->scalar)
        return -1;
    for (size_t c = 0; c < t->n_cols; c++) {
        double v;

        log->scalar[c] =
            (int)c != log->epoch && (int)c != log->split && (int)c != log->time;
        for (size_t row = 0; row < t->n_rows && log->scalar[c]; row++)
            log->scalar[c] = !*xr_cell(t, row, c) || number(&v, t, row, c);
    }
    return 0;
}

/* Seconds since 1970, or since the start. */
static int wall_time(double *when, double *passed, const struct log *log, size_t row,
                     int64_t epoch, struct xr_err *err)
{
    const struct xr_table *t = log->table;
    double v;

    if (log->time >= 0) {
        if (!number(when, t, row, (size_t)log->time) || !isfinite(*when))
            return xr_fail(err, "%s:%u: column 'time': '%s': not a time", t->name,
                           t->lines[row], xr_cell(t, row, (size_t)log->time));
        return 0;
    }
    if (log->seconds < 0) {
        *when = (double)epoch;
        return 0;
    }
    if (number(&v, t, row, (size_t)log->seconds) && isfinite(v))
        *passed += v;
    *when = *passed;
    return 0;
}

static int put_scalars(struct xr_buf *summary, const struct log *log, size_t row,
                       struct xr_err *err)
{
    const struct xr_table *t = log->table;
    struct xr_buf value = {0};
    int status = 0;

    for (size_t c = 0; c < t->n_cols && !status; c++) {
        double v;

        if (!log->scalar[c] || !number(&v, t, row, c))
            continue;
        value.size = 0;
        status = put_bytes(&value, VALUE_TAG, t->names[c], strlen(t->names[c]), err) ||
                         put_float(&value, VALUE_SIMPLE, (float)v, err) ||
                         put_bytes(summary, SUMMARY_VALUE, value.data, value.size, err)
                     ? -1
                     : 0;
    }
    xr_buf_free(&value);
    return status;
}

static int put_event(struct xr_buf *buf, const struct log *log, size_t row, double when,
                     int64_t epoch, struct xr_err *err)
{
    struct xr_buf event = {0}, summary = {0};
    int status = put_scalars(&summary, log, row, err);

    if (!status && summary.size)
        status =
            put_double(&event, EVENT_WALL_TIME, when, err) ||
                    put_key(&event, EVENT_STEP, VARINT, err) ||
                    put_varint(&event, (uint64_t)epoch, err) ||
                    put_bytes(&event, EVENT_SUMMARY, summary.data, summary.size, err) ||
                    put_record(buf, &event, err)
                ? -1
                : 0;
    xr_buf_free(&event);
    xr_buf_free(&summary);
    return status;
}

static int put_version(struct xr_buf *buf, double when, struct xr_err *err)
{
    struct xr_buf event = {0};
    int status =
        put_double(&event, EVENT_WALL_TIME, when, err) ||
                put_bytes(&event, EVENT_FILE_VERSION, VERSION, strlen(VERSION), err) ||
                put_record(buf, &event, err)
            ? -1
            : 0;

    xr_buf_free(&event);
    return status;
}

static int put_rows(struct xr_buf *buf, const struct log *log, const char *split,
                    struct xr_err *err)
{
    const struct xr_table *t = log->table;
    double passed = 0;
    bool first = true;

    for (size_t row = 0; row < t->n_rows; row++) {
        int64_t epoch;
        double when;
        struct xr_err why;

        if (xr_parse_int(&epoch, xr_cell(t, row, (size_t)log->epoch), 0, INT64_MAX, &why))
            return xr_fail(err, "%s:%u: column 'epoch': %s", t->name, t->lines[row],
                           why.text);
        if (wall_time(&when, &passed, log, row, epoch, err))
            return -1;
        if (split && strcmp(xr_cell(t, row, (size_t)log->split), split))
            continue;
        if (first && put_version(buf, when, err))
            return -1;
        first = false;
        if (put_event(buf, log, row, when, epoch, err))
            return -1;
    }
    return first ? put_version(buf, 0, err) : 0;
}

int xr_tensorboard_events(struct xr_buf *buf, const struct xr_table *table,
                          const char *split, struct xr_err *err)
{
    struct log log;
    int status = log_open(&log, table, err);

    if (!status && split && log.split < 0)
        status = xr_fail(err, "%s:1: no column 'split'", table->name);
    if (!status)
        status = put_rows(buf, &log, split, err);
    free(log.scalar);
    return status;
}

/* --- files ------------------------------------------------------------------------ */

static int make_folder(const char *path, struct xr_err *err)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        return xr_fail_errno(err, "%s: cannot make the folder", path);
    return 0;
}

static int write_run(const char *dir, const char *split, const struct xr_table *log,
                     struct xr_err *err)
{
    struct xr_buf buf = {0};
    char *folder = split ? xr_sprintf(err, "%s/%s", dir, split) : xr_strdup(dir, err);
    char *path = folder ? xr_sprintf(err, "%s/" FILE_NAME, folder) : NULL;
    int status = !path || xr_tensorboard_events(&buf, log, split, err) ||
                         make_folder(folder, err) ||
                         xr_write_file(path, buf.data, buf.size, 0, err)
                     ? -1
                     : 0;

    xr_buf_free(&buf);
    free(path);
    free(folder);
    return status;
}

/* May it be the name of a folder? */
static bool plain(const char *name)
{
    return *name && *name != '.' && strlen(name) <= 100 &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789-_.")];
}

int xr_tensorboard_write(const char *dir, const struct xr_table *log, struct xr_err *err)
{
    const char *seen[MAX_SPLITS];
    int col = xr_table_col(log, "split");
    size_t n = 0;

    for (size_t row = 0; row < log->n_rows && col >= 0; row++) {
        const char *name = xr_cell(log, row, (size_t)col);
        size_t i = 0;

        while (i < n && strcmp(seen[i], name))
            i++;
        if (i < n)
            continue;
        if (!plain(name))
            return xr_fail(err, "%s:%u: column 'split': '%s' cannot name a folder",
                           log->name, log->lines[row], name);
        if (n == MAX_SPLITS)
            return xr_fail(err, "%s:%u: more than %d splits", log->name, log->lines[row],
                           MAX_SPLITS);
        seen[n++] = name;
    }
    if (make_folder(dir, err))
        return -1;
    if (!n)
        return write_run(dir, NULL, log, err);
    for (size_t i = 0; i < n; i++) {
        if (write_run(dir, seen[i], log, err))
            return -1;
    }
    return 0;
}
