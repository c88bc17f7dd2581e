/*
 * xr-stream(5): records in a tar archive of WebDataset layout, with header, end and
 * digest. Nothing else in the project knows tar.
 */
#ifndef XR_STREAM_H
#define XR_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "array.h"
#include "io.h"

#define XR_STREAM_VERSION 1
#define XR_MAX_CLASSES 4096
#define XR_MAX_MEMBER ((size_t)1 << 30) /* bytes of one member */

/* Another member of a record: KEY.suffix ("mask.npy", "boxes.json", "cam.npy", "png"). */
struct xr_member {
    char *suffix;
    void *data; /* owned */
    size_t size;
};

/* One record. A plain value: {0} is empty; xr_record_free frees what it holds. */
struct xr_record {
    char *key;             /* with its epoch folder, where there is one */
    struct xr_array image; /* uint8 or uint16 (H,W) or (H,W,C), or float32 (C,H,W); n_dims
                              0: no image */
    int64_t label;         /* class index, -1 where unknown */
    cJSON *meta;           /* KEY.json: an object, never NULL in what a reader gives */
    struct xr_member *members;
    size_t n_members;
};

void xr_record_free(struct xr_record *record); /* and makes it {0} */
/* The member with that suffix, or NULL. */
const struct xr_member *xr_record_member(const struct xr_record *record,
                                         const char *suffix);
/* Add or replace a member; takes data over (also on failure). */
int xr_record_put(struct xr_record *record, const char *suffix, void *data, size_t size,
                  struct xr_err *err) XR_MUST_USE;
/* The member as an array (".npy"). 1 found, 0 absent, -1 error. */
int xr_record_array(struct xr_array *array, const struct xr_record *record,
                    const char *suffix, struct xr_err *err) XR_MUST_USE;

/*
 * The header of a stream: a plain value with what all tools need; everything else stays
 * in json. Written members come from these fields; json (may be NULL) brings the rest.
 */
struct xr_stream_header {
    char **classes; /* in order; n_classes 0: unknown */
    size_t n_classes;
    size_t height, width, channels; /* of every image */
    enum xr_dtype dtype;            /* XR_U8, XR_U16 or XR_F32 */
    char fit[16];                   /* squash, pad, crop */
    char interpolation[16];         /* bilinear, bicubic, ... */
    char split[16];                 /* train, val, test, all */
    int64_t fold;                   /* -1: none */
    int64_t epochs;                 /* at least 1 */
    int64_t records_per_epoch;      /* as planned, -1: unknown */
    int64_t *class_counts;    /* [n_classes], of one epoch as planned; may be NULL */
    int64_t transform_schema; /* which arithmetic made the pixels */
    cJSON *history;           /* an array of entries; may be NULL */
    cJSON *json;              /* the whole header as read */
};

void xr_stream_header_free(struct xr_stream_header *header);
int xr_stream_header_copy(struct xr_stream_header *to,
                          const struct xr_stream_header *from,
                          struct xr_err *err) XR_MUST_USE;

/* Records per epoch and class counts become unknown. */
void xr_stream_forget(struct xr_stream_header *header);
/* What is written anew is no part, whatever was read: the number goes; the plan, which is
 * that of the whole, stays with what can follow the first part. */
void xr_stream_no_part(struct xr_stream_header *header);
/*
 * *sum, the header of inputs[0], becomes that of n > 1 inputs read one behind the other.
 * Parts of one output (xr_writers_open), from the first on in order, have the plan of
 * their whole. Else counts are summed, where each input can be looked into before it is
 * read, says its counts, and has one epoch (epochs cannot be joined end to end: an
 * error). Anything else that is wrong with an input is found when it is read.
 */
int xr_stream_join(struct xr_stream_header *sum, char *const *inputs, size_t n,
                   struct xr_err *err) XR_MUST_USE;

/* Which parts of one output (xr_writers_open) were read, one behind the other. */
struct xr_part_row {
    int64_t first, last; /* their numbers, from 0 */
    uint64_t n;          /* 0: what was read is no part */
    bool gap, complete;  /* complete: the last one said that it is the last */
};

/* Readers: one thread at a time; different readers are independent. */
struct xr_reader;

/*
 * Open a stream (file or "-"; .gz and .zst are read as they are) and read its header. A
 * WebDataset shard without one is refused with "pipe it through xr-augment" unless
 * plain_ok.
 */
int xr_reader_open(struct xr_reader **reader, const char *path, bool plain_ok,
                   struct xr_err *err) XR_MUST_USE;
/* The current header (the next one behind an end replaces it; kind and shape must agree).
 */
const struct xr_stream_header *xr_reader_header(const struct xr_reader *reader);
/* 1: *record is the next one (freed first). 0: the end member was read and its count and
 * digest hold. -1: an error, which names the last whole record where the stream was cut.
 */
int xr_reader_next(struct xr_reader *reader, struct xr_record *record,
                   struct xr_err *err) XR_MUST_USE;
/* Of all that was read so far; whole once _next has given 0. The digest is that of the
 * end member; of several parts in one input, SHA-256 over the texts of their digests. */
uint64_t xr_reader_records(const struct xr_reader *reader);
uint64_t xr_reader_skipped(const struct xr_reader *reader); /* as the end members say */
void xr_reader_digest(const struct xr_reader *reader, char text[XR_SHA256_TEXT]);
/*
 * What begins with part 0 and goes on has the plan of the whole, and must be all of it: a
 * part that is left out, or missing at the end, is an error of xr_reader_next. A row of
 * inputs is looked at as one: `before`, the row so far, is given to each reader as soon
 * as it is open, with whether another input follows.
 */
const struct xr_part_row *xr_reader_parts(const struct xr_reader *reader);
int xr_reader_follow(struct xr_reader *reader, const struct xr_part_row *before,
                     bool more, struct xr_err *err) XR_MUST_USE;
/* Parts were read, but not all: for a warning. */
bool xr_part_row_partial(const struct xr_part_row *row);
void xr_reader_close(struct xr_reader *reader);

/* Writers: one thread at a time. */
struct xr_writer;
int xr_writer_open(struct xr_writer **writer, const char *path,
                   const struct xr_stream_header *header, struct xr_err *err) XR_MUST_USE;
int xr_writer_put(struct xr_writer *writer, const struct xr_record *record,
                  struct xr_err *err) XR_MUST_USE;
void xr_writer_skip(struct xr_writer *writer); /* count a record that was dropped */
/* A digest of something that was read through a pipe, for the end member. */
int xr_writer_source(struct xr_writer *writer, const char *name, const char *digest,
                     struct xr_err *err) XR_MUST_USE;
/* It is the last of so many parts: written into its end. */
void xr_writer_last(struct xr_writer *writer, uint64_t parts);
/* Bytes and records so far. */
uint64_t xr_writer_bytes(const struct xr_writer *writer);
uint64_t xr_writer_records(const struct xr_writer *writer);
/* Write the end and free what writing needed; a file has no name yet. */
int xr_writer_settle(struct xr_writer *writer, struct xr_err *err) XR_MUST_USE;
/* The same, unless it was done, and give a file its name. */
int xr_writer_finish(struct xr_writer *writer, struct xr_err *err) XR_MUST_USE;
void xr_writer_close(struct xr_writer *writer);

/*
 * One stream, or the parts of one: each is a stream of its own, whose header has the
 * plan of the whole and the number of the part, "part", from 0. A part is ended once it
 * holds that many bytes or records (0: no limit). No part has its name before all are
 * whole. One thread at a time.
 */
struct xr_writers;
struct xr_parts {
    uint64_t bytes, records;
};
/* With a limit, path is a pattern with one %d or %0Nd, for the number; a file that would
 * be the part behind the last is an error, at the end. */
int xr_writers_open(struct xr_writers **writers, const char *path,
                    const struct xr_parts *parts, const struct xr_stream_header *header,
                    struct xr_err *err) XR_MUST_USE;
int xr_writers_put(struct xr_writers *writers, const struct xr_record *record,
                   struct xr_err *err) XR_MUST_USE;
void xr_writers_skip(struct xr_writers *writers);
int xr_writers_source(struct xr_writers *writers, const char *name, const char *digest,
                      struct xr_err *err) XR_MUST_USE;
int xr_writers_finish(struct xr_writers *writers, struct xr_err *err) XR_MUST_USE;
void xr_writers_close(struct xr_writers *writers);

#endif
