/*
 * Whole files in, finished files out, digests. An output is complete under its name or
 * absent.
 */
#ifndef XR_IO_H
#define XR_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

/* --- digests -------------------------------------------------------------------------
 */

#define XR_SHA256_TEXT 72 /* "sha256:" + 64 hex digits + NUL */

struct xr_sha256; /* opaque; one thread at a time */
struct xr_sha256 *xr_sha256_new(struct xr_err *err) XR_MUST_USE;
void xr_sha256_add(struct xr_sha256 *sha, const void *data, size_t size);
/* The digest so far; as a text "sha256:" and 64 digits. */
void xr_sha256_bytes(const struct xr_sha256 *sha, unsigned char bytes[32]);
void xr_sha256_text(struct xr_sha256 *sha,
                    char text[XR_SHA256_TEXT]); /* may be asked more than once */
struct xr_sha256 *xr_sha256_copy(const struct xr_sha256 *sha); /* NULL: no memory */
void xr_sha256_free(struct xr_sha256 *sha);

/* --- input ----------------------------------------------------------------------------
 */

/*
 * The whole of a file, or of standard input for "-", into *buf (a NUL follows, not
 * counted). More than `max` bytes is an error. digest (may be NULL) gets "sha256:...".
 * Errors name the path.
 */
int xr_read_file(struct xr_buf *buf, const char *path, size_t max,
                 char digest[XR_SHA256_TEXT], struct xr_err *err) XR_MUST_USE;

/* "standard input" for "-", else the path: for messages. */
const char *xr_input_name(const char *path);

/* The part behind the last slash. */
const char *xr_last_part(const char *path);

/* --- output
 * ----------------------------------------------------------------------------- */

enum {
    XR_OUT_BINARY = 1,  /* refuse a terminal (usage error) */
    XR_OUT_NO_SYNC = 2, /* for what is checked when it is read: not forced to the disk */
};

/*
 * path NULL or "-": standard output. Else an unnamed temporary file in the same folder,
 * which xr_out_finish syncs and renames onto path; until then, and for ever if the
 * process dies, path is as it was. One thread at a time.
 */
struct xr_out;
int xr_out_open(struct xr_out **out, const char *path, int flags,
                struct xr_err *err) XR_MUST_USE;
int xr_out_write(struct xr_out *out, const void *data, size_t size,
                 struct xr_err *err) XR_MUST_USE;
int xr_out_printf(struct xr_out *out, struct xr_err *err, const char *fmt, ...)
    XR_PRINTF(3, 4) XR_MUST_USE;
int xr_out_flush(struct xr_out *out, struct xr_err *err) XR_MUST_USE;
/* Flush, check, sync, so that only the name is missing: nothing may be written after it,
 * and what is kept until xr_out_finish is little. */
int xr_out_settle(struct xr_out *out, struct xr_err *err) XR_MUST_USE;
/* Flush, check, sync, rename. After it only xr_out_close may be called. */
int xr_out_finish(struct xr_out *out, struct xr_err *err) XR_MUST_USE;
/* Not finished: what was written to a file is gone. NULL is allowed. */
void xr_out_close(struct xr_out *out);

/* Write the whole of a small file (or of standard output) the same way. */
int xr_write_file(const char *path, const void *data, size_t size, int flags,
                  struct xr_err *err) XR_MUST_USE;

#endif
