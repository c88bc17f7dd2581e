/*
 * What several folds of a cross-validation say of one figure. Nothing keeps state.
 */
#ifndef XR_STATS_FOLDS_H
#define XR_STATS_FOLDS_H

#include <stddef.h>

/* The t distribution's quantile, two-sided: P(|T| <= t) = confidence with df > 0 degrees
 * of freedom, through the beta distribution. */
double xr_t_quantile(double confidence, double df);

/* Mean over folds, their standard deviation (n - 1), and an interval; NaN: undefined. */
struct xr_spread {
    double mean, sd, low, high;
};

/*
 * Of n values, one a fold of n-fold cross-validation. The interval is
 * mean -+ t sd sqrt(1/n + 1/(n - 1)) with n - 1 degrees of freedom: the corrected
 * resampled t of Nadeau and Bengio, Machine Learning 52 (2003), whose second term
 * (test rows / training rows) allows for training sets that share rows; no unbiased
 * variance exists (Bengio and Grandvalet, JMLR 5, 2004). A value that is NaN: all NaN.
 * n < 2: no interval.
 */
void xr_fold_spread(struct xr_spread *spread, const double *values, size_t n,
                    double confidence);

#endif
