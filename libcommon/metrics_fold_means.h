/*
 * The mean over folds of every figure of a classifier, with intervals.
 */
#ifndef XR_METRICS_FOLD_MEANS_H
#define XR_METRICS_FOLD_MEANS_H

#include "metrics_levels.h"

/*
 * figures [levels->n_figures]: means of the folds' figures (levels), with intervals of
 * the models as they are: rows (groups; classes apart where scored is stratified) are
 * resampled within folds. level [scored.n] is the fold of each row. NaN, with a reason,
 * where the figure is undefined in a fold.
 *
 * auc XR_CI_DELONG or XR_CI_DELONG_LOGIT: areas of classes and their macro mean get the
 * normal interval instead, whose variance is the sum of the folds' DeLong variances over
 * n^2. Folds share no row, so that variances add up; they are those of the influence
 * functions of LeDell, Petersen and van der Laan (Electronic Journal of Statistics 9,
 * 2015) but for n - 1 instead of n. The jackknife of BCa leaves out units within folds;
 * above 2^27 numbers of it bounds are percentiles, with a note.
 */
int xr_fold_means(struct xr_figure *figures, const struct xr_levels *levels,
                  const uint32_t *level, const struct xr_bootstrap *bootstrap,
                  enum xr_ci_method auc, struct xr_err *err) XR_MUST_USE;

#endif
