/*
 * Two classifiers on the same rows: the areas under their ROC curves (DeLong), their hits
 * and misses (McNemar), and p values of several comparisons (Holm). Nothing keeps state.
 */
#ifndef XR_STATS_COMPARE_H
#define XR_STATS_COMPARE_H

#include "stats_metrics.h"

/*
 * The areas of one table of predictions with what their covariances are made of. The last
 * of the k + 1 areas is the macro average (of two classes: the area of the last, as
 * XR_METRIC_ROC_AUC_MACRO). Owned: xr_areas_free; read-only once made.
 */
struct xr_areas {
    size_t n, k, units;
    double *area;        /* [k + 1], NaN: undefined */
    double *part;        /* [k + 1][units], NaN: no variance; see xr_areas_covariance */
    unsigned char *able; /* [k + 1] is there a variance? */
};

/*
 * Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988): structural components,
 * ties one half; scaled so that the covariance of two areas is the sum over units of the
 * products of their parts. Where rows are groups, the components of a group are summed
 * first and the groups are the units: Obuchowski, Biometrics 53 (1997), with the
 * geometric mean of the two small-sample factors in its cross term. Areas of several
 * classes share rows, so their covariance, and with it the variance of the macro average,
 * is that of the same components (their influence functions). O(k n log n).
 *
 * Undefined area: a class without rows or without others. No variance: fewer than two
 * rows (groups) on either side.
 */
int xr_areas_make(struct xr_areas *areas, const struct xr_scored *scored,
                  struct xr_err *err) XR_MUST_USE;
void xr_areas_free(struct xr_areas *areas);

/* Covariance of area a of one table and area b of another with the same rows, labels and
 * groups (or of the same); NaN where there is none. */
double xr_areas_covariance(const struct xr_areas *x, size_t a, const struct xr_areas *y,
                           size_t b);

/* A difference x - y with its normal interval; NaN: undefined. */
struct xr_difference {
    double value, variance, low, high;
    double z, p; /* two-sided */
};

/* The paired test of area c, 0..k, at `confidence`. Without variance z and p are NaN; a
 * difference and a variance of exactly 0 (equal scores) have no z, and p = 1. */
void xr_areas_compare(struct xr_difference *difference, const struct xr_areas *x,
                      const struct xr_areas *y, size_t c, double confidence);

/* --- McNemar ---------------------------------------------------------------------- */

/* Rows by whether the first and the second classifier are right. */
struct xr_mcnemar {
    uint64_t both, first, second, neither; /* right: both, only the first, ... */
    double exact, mid_p;                   /* p, two-sided */
    double chi2, chi2_p;                   /* NaN where no row differs */
    double corrected, corrected_p;         /* with Edwards' continuity correction */
};

/*
 * Fill the tests from the four counts. exact: binomial of the rows that differ; mid_p
 * takes half the probability of the count itself (Fagerland, Lydersen and Laake, BMC
 * Medical Research Methodology 13:91, 2013). The correction never turns the sign: equal
 * counts give 0. Where no row differs exact and mid_p are 1. The rows must be
 * independent: not for groups.
 */
void xr_mcnemar_test(struct xr_mcnemar *mcnemar);

/* --- bootstrap ------------------------------------------------------------------- */

/*
 * Two-sided p of "the figure is zero" from the interval: the least level whose interval
 * does not hold zero. figure and theta are as xr_bootstrap_interval left them (theta:
 * n_defined values, sorted). BCa is inverted as
 *
 *   w = (q - z0) / (1 + a (q - z0)) - z0,  q = quantile of the share of theta below 0
 *
 * (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 14: the bounds
 * solved for the level), others take w = q. The share counts equals by half and one
 * resample more on either side, and p is at least 1 / (n_defined + 1). NaN without an
 * interval.
 */
double xr_bootstrap_p(const struct xr_figure *figure, const double *theta);

/* --- several comparisons ---------------------------------------------------------- */

/* Holm's step-down adjustment of n p values (Holm, Scandinavian Journal of Statistics 6,
 * 1979); NaN stay NaN and do not count. adjusted may be p. */
int xr_holm(double *adjusted, const double *p, size_t n, struct xr_err *err) XR_MUST_USE;

#endif
