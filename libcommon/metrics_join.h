/*
 * Several tables of predictions of the same rows: read, checked against each other, and
 * brought into one order.
 */
#ifndef XR_METRICS_JOIN_H
#define XR_METRICS_JOIN_H

#include "metrics_classify.h"

/* Tables of predictions; owned: xr_tables_free. */
struct xr_tables {
    size_t n;
    struct xr_predictions *of; /* [n] */
    char **names;              /* [n] the shortest ends of their paths that differ */
};

/*
 * Read the tables named on the command line (none: standard input), as `set` asks for
 * rows, each verified against the certificate. The column --group is read from the first
 * table alone. Where a path comes twice, "#2" is added to its name.
 */
int xr_tables_read(struct xr_tables *tables, const struct xr_classify *set,
                   const struct xr_cli *cli, struct xr_err *err) XR_MUST_USE;

/*
 * The same for tables that are made into one, which is verified afterwards: without
 * groups, and rows without a label are kept where `set` leaves them out.
 */
int xr_tables_read_plain(struct xr_tables *tables, const struct xr_classify *set,
                         const struct xr_cli *cli, struct xr_err *err) XR_MUST_USE;
void xr_tables_free(struct xr_tables *tables);

/* The classes of all tables are those of the first, in the same order; the first that is
 * not is named. */
int xr_tables_same_classes(const struct xr_tables *tables,
                           struct xr_err *err) XR_MUST_USE;

/*
 * Bring the rows of all tables into the order of the first, joined on `key`. Refused,
 * each with the first such row: other classes, a key that one of two tables lacks,
 * another label under the same key.
 */
int xr_tables_join(struct xr_tables *tables, struct xr_err *err) XR_MUST_USE;

/* {"name": "sha256:..."}, for the history; the caller deletes it. */
cJSON *xr_tables_digests(const struct xr_tables *tables);

#endif
