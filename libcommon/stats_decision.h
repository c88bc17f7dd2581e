/*
 * Decision curves: the net benefit of acting on a score, at each threshold.
 */
#ifndef XR_STATS_DECISION_H
#define XR_STATS_DECISION_H

#include "stats_metrics.h"

/*
 * One class against the rest at T thresholds. Owned: xr_decision_free.
 *
 *   net_benefit = TP/n - FP/n * t/(1 - t), a row is acted on where its p >= t
 *   treat_all   = the same where every row is acted on; where none is, it is 0
 */
struct xr_decision {
    size_t n_thresholds;
    double *threshold;             /* [T] ascending, in (0, 1) */
    uint64_t *tp, *fp;             /* [T] */
    struct xr_figure *net_benefit; /* [T] */
    struct xr_figure *treat_all;   /* [T] */
};

/*
 * Make the curve of class `class_index` with bootstrap intervals over the rows (groups,
 * strata) of scored. Source: Vickers and Elkin, Medical Decision Making 26 (2006). The
 * jackknife of BCa is exact, as n times the net benefit is a sum over rows; above 2^27
 * numbers of it bounds are percentiles, which figure->note says. Refused: no threshold,
 * one that is not in (0, 1) or not above the one before it.
 */
int xr_decision_make(struct xr_decision *decision, const struct xr_scored *scored,
                     size_t class_index, const double *threshold, size_t n_thresholds,
                     const struct xr_bootstrap *bootstrap,
                     struct xr_err *err) XR_MUST_USE;
void xr_decision_free(struct xr_decision *decision);

#endif
