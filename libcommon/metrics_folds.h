/*
 * xr-metrics --folds: the rows of several folds pooled, or the mean of their figures.
 */
#ifndef XR_METRICS_FOLDS_H
#define XR_METRICS_FOLDS_H

#include "metrics_combine.h"

/*
 * Measure folds: the tables named on the command line, which have no key in common, or
 * the rows of one table by its column `fold`. Returns the object of xr_classify_run with
 * `folds` {kind, table, between}, which the caller deletes; NULL with *err. Where text is
 * not NULL the same as text for people is appended to it.
 *
 *   pooled    all rows as one table
 *   averaged  every figure is the mean of the folds' figures; intervals are of rows
 *             (groups) resampled within folds, that is, of the models as they are. With
 *             --auc-interval delong the variance of a mean area is the sum of the folds'
 *             DeLong variances over n^2, which are those of LeDell, Petersen and van der
 *             Laan's influence functions (Electronic Journal of Statistics 9, 2015).
 *             Counts are sums over folds.
 */
cJSON *xr_folds_run(const struct xr_combine *set, const struct xr_classify *classify,
                    const struct xr_cli *cli, struct xr_buf *text,
                    struct xr_err *err) XR_MUST_USE;

#endif
