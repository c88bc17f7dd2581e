/*
 * Pointwise confidence bands of ROC and precision-recall curves, by the bootstrap.
 */
#ifndef XR_STATS_BANDS_H
#define XR_STATS_BANDS_H

#include "stats_metrics.h"

#define XR_BAND_POINTS 201          /* 0, 0.005, ... 1 */
#define XR_BAND_RESAMPLES 2000      /* at most */
#define XR_BAND_ADDITIONS 300000000 /* fewer resamples, but 100, where they cost more */

/* Between low and high lie `confidence` of the resamples, at each x by itself; NaN where
 * fewer than two resamples are defined. */
struct xr_band {
    double low[XR_BAND_POINTS], high[XR_BAND_POINTS];
};

/*
 * Bands of one-vs-rest curves: sensitivity at each 1 - specificity (pr false; straight
 * between the points of a curve, their upper end where it rises), or precision at each
 * recall (pr true; that of the highest threshold that reaches the recall). Vertical
 * averaging: every resample gives a curve, and each x has its percentiles.
 *
 *   bands    [n_classes]
 *   classes  [n_classes] which of scored->k
 *
 * Resample b draws units (rows, or whole groups) as xr_metrics_bootstrap does, from the
 * stream (seed, b, "", "bootstrap"). Source: Fawcett, "An introduction to ROC analysis",
 * Pattern Recognition Letters 27 (2006), section 8.
 */
int xr_curve_bands(struct xr_band *bands, const struct xr_scored *scored,
                   const size_t *classes, size_t n_classes, bool pr,
                   const struct xr_bootstrap *bootstrap, struct xr_err *err) XR_MUST_USE;

/* y at x in [0, 1] of one curve of counts, which are ascending: tp and fp of n
 * thresholds, weighted. NaN without a positive, or (pr false) without a negative. */
double xr_curve_at(const uint64_t *tp, const uint64_t *fp, size_t n, double x, bool pr);

#endif
