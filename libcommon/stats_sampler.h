/*
 * Resampling of rows, of whole groups, or within strata, and the intervals of any figure
 * of weighted rows. A resample is a vector of row weights. What is opened is only read:
 * threads may share it.
 */
#ifndef XR_STATS_SAMPLER_H
#define XR_STATS_SAMPLER_H

#include "stats.h"

struct xr_bootstrap {
    int64_t n_resamples; /* 0: no intervals */
    double confidence;   /* in (0, 1) */
    enum xr_ci_method method;
    uint64_t seed;
    int jobs; /* threads, at least 1; does not change the result */
};
#define XR_BOOTSTRAP_DEFAULT                                                             \
    {                                                                                    \
        .n_resamples = 9999, .confidence = 0.95, .method = XR_CI_BCA, .jobs = 1          \
    }

/*
 * What is drawn with replacement: units, which are rows, or groups of rows.
 *
 *   group    [n] 0..n_groups-1, every group with a row; NULL: every row for itself
 *   stratum  [n] 0..n_strata-1; units are drawn within their stratum, as many as it has.
 * A group is of the rarest stratum among its rows. NULL: all together
 */
struct xr_units {
    size_t n;
    const uint32_t *group;
    size_t n_groups;
    const uint32_t *stratum;
    size_t n_strata;
};

struct xr_sampler;
int xr_sampler_open(struct xr_sampler **sampler, const struct xr_units *units,
                    struct xr_err *err) XR_MUST_USE;
void xr_sampler_close(struct xr_sampler *sampler);
size_t xr_sampler_n_units(const struct xr_sampler *sampler);

/*
 * Figures of weighted rows. eval must write all figures (NaN: undefined) from weight [n];
 * room is what open made for this thread (open NULL: NULL).
 */
struct xr_statistic {
    size_t n_figures;
    const void *context;
    void *(*open)(const void *context, struct xr_err *err); /* NULL with *err */
    void (*close)(void *room);
    void (*eval)(double *figures, void *room, const void *context,
                 const uint32_t *weight);
};

/*
 * The figures of n_resamples resamples into theta [n_figures][n_resamples]. Resample b
 * draws from the stream (seed, b, "", "bootstrap"), stratum by stratum; draws, where it
 * is not NULL, is [n_resamples][units] numbers of units to take instead (then strata are
 * not looked at). Refused: more than 2^27 figures of resamples in all.
 */
int xr_sampler_run(double *theta, const struct xr_sampler *sampler,
                   const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                   const struct xr_statistic *statistic, struct xr_err *err) XR_MUST_USE;

/* The figures with one unit left out, for each: jack [n_figures][units]; O(n) a unit. */
int xr_sampler_jackknife(double *jack, const struct xr_sampler *sampler,
                         const struct xr_statistic *statistic,
                         struct xr_err *err) XR_MUST_USE;

/*
 * The acceleration of BCa from the jackknife of one figure [units]; NaN where a value is
 * NaN or all are equal. With strata that of several samples: sum over strata of sum u^3 /
 * n_s^3, over 6 times (sum over strata of sum u^2 / n_s^2)^1.5. Source:
 * scipy.stats.bootstrap.
 */
double xr_sampler_acceleration(const struct xr_sampler *sampler, const double *jack);

/*
 * Intervals of all figures: values [n_figures] are the figures of the rows as they are,
 * jack [n_figures][units] or NULL, which makes it where BCa needs it. draws as above.
 */
int xr_sampler_intervals(struct xr_figure *figures, const double *values,
                         const struct xr_sampler *sampler,
                         const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                         const struct xr_statistic *statistic, const double *jack,
                         struct xr_err *err) XR_MUST_USE;

/*
 * Figures of sums over rows, as shares and their differences are: x [m][n], and of()
 * makes n_figures from sums [m] of weighted rows (NaN: undefined). The jackknife costs
 * O(units), not O(n * units).
 */
struct xr_additive {
    size_t n, m, n_figures;
    const double *x;
    const void *context;
    void (*of)(double *figures, const double *sums, const void *context);
};
int xr_additive_intervals(struct xr_figure *figures, const struct xr_sampler *sampler,
                          const struct xr_bootstrap *bootstrap,
                          const struct xr_additive *additive,
                          struct xr_err *err) XR_MUST_USE;

#endif
