/*
 * Intervals of a proportion, and the beta distribution they need. Nothing here keeps
 * state.
 */
#ifndef XR_STATS_PROPORTION_H
#define XR_STATS_PROPORTION_H

#include "stats.h"

/*
 * part of whole as a figure with its interval.
 *
 *   method  XR_CI_WILSON: Wilson, JASA 22 (1927), without correction for continuity;
 *           XR_CI_CLOPPER_PEARSON: Clopper and Pearson, Biometrika 26 (1934), by
 * quantiles of the beta distribution; anything else: no interval
 *
 * part <= whole. whole 0: the value is NaN, with a reason.
 */
void xr_proportion(struct xr_figure *figure, uint64_t part, uint64_t whole,
                   double confidence, enum xr_ci_method method);

/* The regularised incomplete beta function I_x(a, b), a and b > 0, x in [0, 1]: relative
 * error about 1e-13. Source: the continued fraction of Didonato and Morris, ACM TOMS 18
 * (1992), by Lentz's method. */
double xr_beta_cdf(double x, double a, double b);
/* Its inverse in x, for p in [0, 1], by bisection to the last bit but a few. */
double xr_beta_quantile(double p, double a, double b);

#endif
