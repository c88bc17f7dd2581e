/*
 * The features of an audit. Private to libcommon/audit*.c.
 */
#ifndef XR_AUDIT_FEATURES_H
#define XR_AUDIT_FEATURES_H

#include "audit.h"

#define XR_AUDIT_MISSING UINT32_MAX

enum xr_feature_source {
    XR_FEATURE_COLUMN,
    XR_FEATURE_ROW, /* the order of rows, numbers in keys: no network sees them */
    XR_FEATURE_FILM
};

/* One thing that is known of each row. */
struct xr_feature {
    char *name;
    enum xr_feature_source source;
    int col;         /* of the table, -1 */
    double *x;       /* [n] numbers, NaN missing; or NULL: a category */
    uint32_t *level; /* [n] of a category, below n_levels, XR_AUDIT_MISSING */
    size_t n_levels, n_missing;
};

/* Rows of a split that take part, their classes, groups and folds, and their features. */
struct xr_audit {
    size_t n, n_classes, n_groups, n_folds;
    const char *const *classes;     /* [n_classes], of the split */
    uint32_t *row;                  /* [n] of the table */
    uint32_t *label, *group, *fold; /* [n] */
    struct xr_feature *features;
    size_t n_features;
    bool *skip; /* [n_cols of the table] */
};

int xr_audit_open(struct xr_audit *audit, struct xr_split *s,
                  const struct xr_audit_rule *rule, struct xr_err *err) XR_MUST_USE;
void xr_audit_close(struct xr_audit *audit);

/* The numbers of x [n] that are not missing, sorted; how many there are. */
size_t xr_audit_sorted(double *sorted, const double *x, size_t n);
/* ",0.1234"; "," for NaN. */
int xr_audit_put(struct xr_buf *csv, double v, struct xr_err *err) XR_MUST_USE;

#endif
