/*
 * The certificate of a split: what it was made by, and digests of its keys, labels,
 * groups and parts, so that every later tool can tell whether it has that split before
 * it.
 */
#ifndef XR_CERTIFICATE_H
#define XR_CERTIFICATE_H

#include <cjson/cJSON.h>

#include "csv.h"

/*
 * {"xr_certificate": 1, "rule", "grouped", "classes", "rows", "groups", "columns",
 * "digests": {"keys", "labels", "groups", "parts"}, "parts": [{"part", "rows", "groups",
 * "classes", "digests"}]} of a table with the columns key and split or fold. A digest is
 * that of the rows as CSV without a header, sorted by the bytes of their keys, of the
 * columns key; key,label; key,group; and key with all `columns`. rule is taken over; it
 * goes into the certificate as it is. NULL with *err set. The caller owns the result.
 */
cJSON *xr_certificate_make(const struct xr_table *table, cJSON *rule,
                           struct xr_err *err) XR_MUST_USE;

/* A certificate read from a file; owned: xr_certificate_free. */
struct xr_certificate {
    cJSON *json;
    const char *name; /* the file's, for messages; borrowed */
    char digest[XR_SHA256_TEXT];
};
int xr_certificate_read(struct xr_certificate *certificate, const char *path,
                        struct xr_err *err) XR_MUST_USE;
void xr_certificate_free(struct xr_certificate *certificate);

/* Was the split made of groups? */
bool xr_certificate_grouped(const struct xr_certificate *certificate);

/*
 * Is this table the split (whole), or each part that it has rows of the whole part of
 * that name (predictions)? -1: *err says what differs first. Columns label and group are
 * compared where the table has them; the others of a split only with whole.
 */
int xr_certificate_verify(const struct xr_certificate *certificate,
                          const struct xr_table *table, bool whole,
                          struct xr_err *err) XR_MUST_USE;

/*
 * For tools that read a stream: was the tool that made it given the certificate in file
 * `path`, and so verified its table? history and split are those of the header; want is
 * the split it must have, NULL: any. The name of the certificate and its digest go into
 * the object `inputs` (may be NULL).
 */
int xr_certificate_stream(const char *path, const char *stream, const cJSON *history,
                          const char *split, const char *want, cJSON *inputs,
                          struct xr_err *err) XR_MUST_USE;

#endif
