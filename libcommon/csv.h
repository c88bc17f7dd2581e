/*
 * xr-csv(5): RFC 4180, UTF-8, a header line, columns found by name. LF on output; CRLF, a
 * byte-order mark and a missing last end of line are accepted on input.
 */
#ifndef XR_CSV_H
#define XR_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"

/*
 * A whole table in memory: the file's own bytes, unquoted in place, and one 32-bit offset
 * a cell (tables above 4 GiB are refused). Read-only after opening: threads may share it.
 */
struct xr_table {
    size_t n_rows, n_cols;
    const char **names;          /* [n_cols] */
    const char *name;            /* the input's name, for messages */
    char digest[XR_SHA256_TEXT]; /* of the bytes read */
    char *text;                  /* cells, each ended by NUL */
    uint32_t *cells;             /* [n_rows * n_cols] offsets into text */
    uint32_t *lines;             /* [n_rows] line on which the row begins (header: 1) */
};

/*
 * Read a table from a file or "-". Refused with file and line: no header, an empty or
 * doubled column name, a row with another number of fields, an open quote at the end, a
 * NUL byte, text that is not UTF-8, an empty input ("did the previous command fail?").
 */
int xr_table_read(struct xr_table *table, const char *path,
                  struct xr_err *err) XR_MUST_USE;
/* The same from memory, which it takes over (also on failure); no digest. An empty buffer
 * needs its NUL, as xr_buf_put leaves one. */
int xr_table_parse(struct xr_table *table, struct xr_buf *text, const char *name,
                   struct xr_err *err) XR_MUST_USE;
/* The same of a header and rows that stand `skipped` lines further down in their file. */
int xr_table_parse_at(struct xr_table *table, struct xr_buf *text, const char *name,
                      size_t skipped, struct xr_err *err) XR_MUST_USE;
void xr_table_free(struct xr_table *table);

static inline const char *xr_cell(const struct xr_table *t, size_t row, size_t col)
{
    return t->text + t->cells[row * t->n_cols + col];
}

/* Column by name; -1 if there is none (xr_table_col) or with an error naming it
 * (xr_table_need). */
int xr_table_col(const struct xr_table *table, const char *name);
int xr_table_need(int *col, const struct xr_table *table, const char *name,
                  struct xr_err *err) XR_MUST_USE;

/* Write one field, quoted only where it must be, with a comma before it unless it is the
 * first of its row; then the end of the row. */
int xr_csv_field(struct xr_out *out, bool first, const char *text,
                 struct xr_err *err) XR_MUST_USE;
int xr_csv_end(struct xr_out *out, struct xr_err *err) XR_MUST_USE;
/* The same into memory, for writers of many rows. The end of a row is a "\n" of the
 * caller's. */
int xr_csv_put(struct xr_buf *buf, bool first, const char *text,
               struct xr_err *err) XR_MUST_USE;

/*
 * The default key of an image: the last part of its path less a known image suffix (.jpg
 * .jpeg .png .tif .tiff .pgm .ppm .pbm .dcm .dicom .nii .nii.gz, any case); of a frame
 * (a.dcm#3, vol.nii#z12, see frames.h) a_f003, vol_z012. A dot that is left is refused,
 * with the hint
 * --key-replace .=_ ; `replace` (may be NULL) is such a rule "FROM=TO". Free *key with
 * free().
 */
int xr_key_of(char **key, const char *path, const char *replace,
              struct xr_err *err) XR_MUST_USE;

/* Bytes of such a suffix at the end of name, 0: none. A name is never only a suffix. */
size_t xr_image_suffix(const char *name);

#endif
