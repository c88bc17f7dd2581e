/*
 * A CSV read part by part, for tables that memory should not hold: each part is a table
 * of its own, with the header and some of the rows.
 */
#ifndef XR_CSV_PARTS_H
#define XR_CSV_PARTS_H

#include "csv.h"

#define XR_PART_BYTES                                                                    \
    ((size_t)8 << 20) /* about, of one part; a row is at most that long */

struct xr_parts;
/* A file or "-". */
int xr_parts_open(struct xr_parts **parts, const char *path,
                  struct xr_err *err) XR_MUST_USE;
/* 1 with the next rows in *table, which the caller frees; 0 at the end; -1 with *err,
 * whose line is that of the file. Refused is what xr_table_read refuses. */
int xr_parts_next(struct xr_table *table, struct xr_parts *parts,
                  struct xr_err *err) XR_MUST_USE;
/* Of all bytes read so far. */
void xr_parts_digest(char digest[XR_SHA256_TEXT], struct xr_parts *parts);
void xr_parts_close(struct xr_parts *parts);

#endif
