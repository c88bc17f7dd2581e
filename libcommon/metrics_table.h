/*
 * The JSON object of any mode of xr-metrics(1) as tables: CSV, aligned text, Markdown,
 * LaTeX. What the object holds decides the tables, not the mode.
 */
#ifndef XR_METRICS_TABLE_H
#define XR_METRICS_TABLE_H

#include <cjson/cJSON.h>

#include "err.h"

enum xr_metrics_format {
    XR_METRICS_JSON,
    XR_METRICS_CSV,
    XR_METRICS_TEXT,
    XR_METRICS_MARKDOWN,
    XR_METRICS_LATEX
};
#define XR_METRICS_FORMATS "json|csv|text|markdown|latex" /* in that order */

/*
 * Append the object, without its history, to buf.
 *
 * CSV: one row a leaf, with the columns figure (the names on the way to it, between dots;
 * places in a list count from 1), value, low, high, method and note; numbers read back to
 * the same double.
 *
 * The others: a table of what is counted and said; one of the figures; one for each
 * object of objects (rows are its members: classes), for each list of objects (rows are
 * its entries), for each matrix of counts, and for figures that come once a file. Figures
 * are rounded to three decimals and stand with their interval; lists of more than 12
 * numbers (curves) are left out; a wide table is cut into several, of about 100 columns
 * of text or 80 of LaTeX. Reasons and notes stand at the end, digests are cut short.
 * LaTeX needs booktabs and longtable, which is taken for more than 40 rows.
 *
 * format must not be XR_METRICS_JSON.
 */
int xr_metrics_table(struct xr_buf *buf, const cJSON *json, enum xr_metrics_format format,
                     struct xr_err *err) XR_MUST_USE;

#endif
