/*
 * A predictions CSV (xr-csv(5)) as numbers: classes from its p_ columns, one label and
 * one row of probabilities a record.
 */
#ifndef XR_PREDICTIONS_H
#define XR_PREDICTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "csv.h"

#define XR_UNLABELLED UINT32_MAX

struct xr_predictions_options {
    const char *split; /* only rows of this split; NULL: all */
    const char *group; /* number the groups of this column; NULL: none */
    bool
        skip_unlabelled; /* leave rows with an empty label out instead of refusing them */
    bool may_be_empty;   /* no row left is no error */
    bool keep_unlabelled; /* keep them, with label XR_UNLABELLED */
};

/* Rows in file order; read-only once read, threads may share it. Owned:
 * xr_predictions_free. */
struct xr_predictions {
    size_t n, k;
    const char **classes; /* [k] in the order of the p_ columns; they live in table */
    double *p;            /* [n][k] */
    uint32_t *label;      /* [n] 0..k-1 */
    uint32_t *row;        /* [n] which row of table */
    uint32_t *group;      /* [n] 0..n_groups-1; NULL unless asked for */
    size_t n_groups;
    size_t n_unlabelled; /* left out */
    size_t n_splits; /* different values of the column split among the rows kept; 0: no
                        column */
    struct xr_table table;
};

/*
 * Read a file or "-". Needs the columns key and label and at least one p_<class>; with
 * options also split or group (a row with an empty group is a group of its own). Refused
 * with file and line: a key twice, a label that is no class, no label, a probability that
 * is not a number in [0, 1], a row whose probabilities do not add up to 1 within 1e-4. No
 * row left is refused too.
 */
int xr_predictions_read(struct xr_predictions *predictions, const char *path,
                        const struct xr_predictions_options *options,
                        struct xr_err *err) XR_MUST_USE;
/* The same of a table that was read or parsed, which it takes over (also on failure). */
int xr_predictions_take(struct xr_predictions *predictions, struct xr_table *table,
                        const struct xr_predictions_options *options,
                        struct xr_err *err) XR_MUST_USE;
void xr_predictions_free(struct xr_predictions *predictions);

#endif
