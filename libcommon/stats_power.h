/*
 * How many cases an interval of a wanted half-width needs. Nothing here keeps state.
 */
#ifndef XR_STATS_POWER_H
#define XR_STATS_POWER_H

#include <stdbool.h>
#include <stdint.h>

#define XR_POWER_MOST 1e12 /* more cases than this: 0 is returned */

/*
 * The least n with which the interval of a proportion is no wider than 2 half_width, if
 * the proportion that is found is p. 0: there is none.
 *
 *   p           in [0, 1]
 *   half_width  in (0, 0.5), half of upper less lower bound
 *   confidence  in (0, 1)
 *   wilson      Wilson's interval (JASA 22, 1927), whose centre is not p; else the normal
 *               one, z sqrt(p (1 - p) / n), which is useless near 0 and 1
 */
uint64_t xr_power_proportion(double p, double half_width, double confidence, bool wilson);

/*
 * The least n, of which the share `prevalence` is positive, with which a normal interval
 * of an area under the ROC curve is no wider than 2 half_width; *positives and
 * *negatives are both rounded up. 0: there is none.
 *
 *   auc  in (0.5, 1) expected
 *
 * The variance is that of Hanley and McNeil, Radiology 143 (1982), for scores of
 * exponential distributions:
 *
 *   (A (1 - A) + (n+ - 1) (Q1 - A^2) + (n- - 1) (Q2 - A^2)) / (n+ n-),
 *   Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)
 */
uint64_t xr_power_auc(uint64_t *positives, uint64_t *negatives, double auc,
                      double prevalence, double half_width, double confidence);
double xr_auc_variance(double auc, double positives, double negatives);

/*
 * The same from the components of a variance s10 / n+ + s01 / n- that was measured
 * (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988).
 */
uint64_t xr_power_components(uint64_t *positives, uint64_t *negatives, double s10,
                             double s01, double prevalence, double half_width,
                             double confidence);

#endif
