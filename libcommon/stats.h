/*
 * Statistics that know no classifier: the normal distribution, quantiles, bootstrap
 * intervals, ROC and precision-recall curves. Nothing here keeps state: threads may share
 * all inputs.
 */
#ifndef XR_STATS_H
#define XR_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* --- the normal distribution ----------------------------------------------------------
 */

/* P(Z <= x), through erfc; exact to a few units in the last place in both tails. */
double xr_norm_cdf(double x);
/* Its inverse, relative error about 1e-16; -inf at 0, +inf at 1, NaN outside [0, 1].
 * Source: Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), PPND16. */
double xr_norm_quantile(double p);

/* --- sums and quantiles ---------------------------------------------------------------
 */

/* Sum with Neumaier's correction: the error does not grow with n. */
double xr_sum(const double *x, size_t n);
/* Sum of weight [n] times x [n]; weights below 2^31. */
double xr_weighted_sum(const uint32_t *weight, const double *x, size_t n);
/* Sort ascending; there must be no NaN. */
void xr_sort(double *x, size_t n);
/* Quantile of sorted values, n > 0, q in [0, 1]: linear between order statistics (numpy's
 * "linear", Hyndman and Fan's type 7). */
double xr_quantile_sorted(const double *sorted, size_t n, double q);

/* --- bootstrap intervals ---------------------------------------------------------- */

enum xr_ci_method {
    XR_CI_BCA,                   /* bias corrected and accelerated */
    XR_CI_PERCENTILE,            /* of all resamples */
    XR_CI_BASIC,                 /* twice the value less the percentiles */
    XR_CI_PERCENTILE_OF_DEFINED, /* of the resamples in which the figure is defined */
    XR_CI_DELONG,                /* value +- z standard errors (stats_delong.h) */
    XR_CI_DELONG_LOGIT,          /* the same on the logit scale */
    XR_CI_WILSON,                /* of a proportion (stats_proportion.h) */
    XR_CI_CLOPPER_PEARSON,       /* of a proportion, exact */
    XR_CI_NONE                   /* no interval: low and high are NaN */
};
const char *
xr_ci_method_name(enum xr_ci_method method); /* "bca", "percentile", ... "none" */

/* One figure with its interval. A plain value; NaN is "undefined". */
struct xr_figure {
    const char
        *reason; /* why the value is undefined, or what it was agreed to be; or NULL */
    const char *note; /* what to know of the interval, as that it is another than was
                         asked for; or NULL. Both are constant texts */
    double value, low, high;
    enum xr_ci_method
        method; /* how low and high were made, which may be less than was asked for */
    size_t n_defined; /* resamples in which it was defined */
    bool constant;    /* all of these gave the same value: the interval says nothing */
    double z0, acceleration; /* of BCa; NaN where they were not needed or do not exist */
};

/*
 * The interval of a figure from its value in n_theta resamples (theta, reordered here;
 * NaN: undefined in that resample) and its n_jack jackknife values (NULL: none).
 *
 * method BCA falls back to PERCENTILE where z0 or the acceleration does not exist (all
 * resamples equal, or all on one side of the value), and every method to
 * PERCENTILE_OF_DEFINED where a resample is undefined: leaving rows out of the reference
 * distribution spoils its bias correction. Either is said in figure->note. value NaN, or
 * no resample defined: XR_CI_NONE. BASIC bounds may lie outside the range of the figure.
 *
 *   z0 = quantile((#{t < value} + #{t <= value}) / 2B),
 *   a  = sum u^3 / (6 (sum u^2)^1.5),  u_i = mean(jack) - jack_i,
 *   bounds at cdf(z0 + (z0 + z) / (1 - a (z0 + z))) for z = quantile((1 -+ confidence) /
 * 2).
 *
 * Source: Efron, "Better bootstrap confidence intervals", JASA 82 (1987); the rule for
 * ties and the scaling are those of scipy.stats.bootstrap, compared in
 * tests/unit/metrics.c.
 */
void xr_bootstrap_interval(struct xr_figure *figure, double value, double *theta,
                           size_t n_theta, const double *jack, size_t n_jack,
                           double confidence, enum xr_ci_method method);
/* The same from the acceleration itself (NaN: there is none). */
void xr_bootstrap_bounds(struct xr_figure *figure, double value, double *theta,
                         size_t n_theta, double acceleration, double confidence,
                         enum xr_ci_method method);

/* The acceleration from the jackknife; NaN if a value is NaN or all are equal. */
double xr_bca_acceleration(const double *jack, size_t n_jack);

/* --- curves ----------------------------------------------------------------------- */

/*
 * The points of a ROC and a precision-recall curve, one a distinct score, from the
 * highest down: n_tp and n_fp rows have score >= threshold. Owned: xr_curve_free.
 */
struct xr_curve {
    size_t n;
    double *threshold; /* [n], descending */
    uint64_t *tp,
        *fp; /* [n], ascending counts; the last are all positives and all negatives */
};

/*
 * Count the curve of n scores (finite) with their truth (non-zero: positive). n may be 0.
 * Source: scikit-learn's _binary_clf_curve.
 */
int xr_curve_make(struct xr_curve *curve, const double *score,
                  const unsigned char *positive, size_t n,
                  struct xr_err *err) XR_MUST_USE;
void xr_curve_free(struct xr_curve *curve);

/* Leave out points that do not change the drawing, as scikit-learn's drop_intermediate:
 * for the ROC those on a straight line of equal steps, for precision-recall those whose
 * neighbours have as many true positives. */
void xr_curve_drop_roc(struct xr_curve *curve);
void xr_curve_drop_pr(struct xr_curve *curve);

/* Area under the ROC curve, ties one half; NaN unless there are both classes. Exact up to
 * one rounding: the pairs are counted in integers. Call before any drop. */
double xr_curve_auc(const struct xr_curve *curve);
/* Average precision, sum of (R_n - R_(n-1)) P_n, no interpolation; NaN without a
 * positive. Call before any drop. */
double xr_curve_average_precision(const struct xr_curve *curve);

#endif
