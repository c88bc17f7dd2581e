/*
 * Intervals of the classifier's figures by formula, instead of by the bootstrap.
 */
#ifndef XR_STATS_INTERVALS_H
#define XR_STATS_INTERVALS_H

#include "stats_metrics.h"

/*
 * Give the areas under ROC curves of the classes (and, of two classes, those that are the
 * area of the last) the interval `auc`, and the proportions (accuracy, top k, precision,
 * recall, specificity, npv) the interval `proportions`; XR_CI_NONE leaves them as they
 * are.
 *
 *   figures      [xr_n_metrics(k)] with their values, as xr_metrics_bootstrap makes them;
 *                where DeLong's variance does not exist, or a proportion is of no row,
 * they keep their interval, and a note says so scored       rows that are independent:
 * groups are not looked at auc          XR_CI_DELONG, XR_CI_DELONG_LOGIT or XR_CI_NONE
 *   proportions  XR_CI_WILSON, XR_CI_CLOPPER_PEARSON or XR_CI_NONE
 */
int xr_metrics_intervals(struct xr_figure *figures, const struct xr_metrics *metrics,
                         const struct xr_scored *scored, enum xr_ci_method auc,
                         enum xr_ci_method proportions, double confidence,
                         struct xr_err *err) XR_MUST_USE;

#endif
