/*
 * Areas under ROC curves of the same rows, with their covariance (DeLong, DeLong and
 * Clarke-Pearson, Biometrics 44, 1988), from mid-ranks in O(n log n) a score (Sun and Xu,
 * IEEE Signal Processing Letters 21, 2014). Nothing here keeps state: threads may share
 * all inputs.
 */
#ifndef XR_STATS_DELONG_H
#define XR_STATS_DELONG_H

#include "stats.h"

/*
 * The structural components of one area: v10 of a positive is the share of the negatives
 * below it, v01 of a negative the share of the positives above it, ties one half.
 *
 *   auc       the mean of either; NaN unless there are both classes
 *   v         [n] in the order of the rows: v10 where positive[i], else v01
 *   score     [n] finite
 *   positive  [n] non-zero: positive
 *
 * Returns 0; -1 with *err: out of memory.
 */
int xr_delong_components(double *auc, double *v, const double *score,
                         const unsigned char *positive, size_t n,
                         struct xr_err *err) XR_MUST_USE;

/*
 * k areas of the same rows: auc [k] and covariance [k][k] =
 * S10 / positives + S01 / negatives, each S with n - 1. score [k] points to [n] each.
 * With fewer than two positives or negatives the covariance is NaN; without one of the
 * classes auc is NaN too.
 */
int xr_delong(double *auc, double *covariance, const double *const *score,
              const unsigned char *positive, size_t n, size_t k,
              struct xr_err *err) XR_MUST_USE;

/*
 * The interval of an area from its variance: value -+ z sd, clipped to [0, 1] (logit
 * false, XR_CI_DELONG), or the same of log(auc / (1 - auc)), whose sd is sd / (auc (1 -
 * auc)) (logit true, XR_CI_DELONG_LOGIT). An area of 0 or 1 has no logit: then it is
 * DELONG, and figure->note says so; a variance of 0 gives an interval without width,
 * which is noted too (constant). variance NaN: XR_CI_NONE with a reason in note.
 */
void xr_delong_interval(struct xr_figure *figure, double auc, double variance,
                        double confidence, bool logit);

#endif
