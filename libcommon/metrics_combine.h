/*
 * xr-metrics of several tables made into one: an ensemble of models of the same rows, or
 * the rows of several folds.
 */
#ifndef XR_METRICS_COMBINE_H
#define XR_METRICS_COMBINE_H

#include "metrics_classify.h"
#include "stats_ensemble.h"

struct xr_combine {
    int ensemble;          /* 0: none; else 1 + enum xr_ensemble_rule */
    int folds;             /* an index of XR_COMBINE_FOLDS */
    char *predictions_out; /* write the table that was measured here; NULL: nowhere */
};
#define XR_COMBINE_ENSEMBLES "none|" XR_ENSEMBLE_RULES
#define XR_COMBINE_FOLDS "none|pooled|averaged"

/* Settings that do not go together: wrong usage in *err. */
int xr_combine_check(const struct xr_combine *set, const struct xr_cli *cli,
                     struct xr_err *err) XR_MUST_USE;

/*
 * Measure the ensemble of the tables named on the command line, joined on their keys: the
 * object of xr_classify_run with `ensemble` {rule, files}, which the caller deletes; NULL
 * with *err. The combined table has the columns of the first. Where text is not NULL the
 * same as text for people is appended to it.
 */
cJSON *xr_ensemble_run(const struct xr_combine *set, const struct xr_classify *classify,
                       const struct xr_cli *cli, struct xr_buf *text,
                       struct xr_err *err) XR_MUST_USE;

#endif
