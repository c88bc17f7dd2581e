/*
 * Bootstrap resamples of whatever is a function of row weights and may fail: the draws of
 * stats_sampler.h, so that several tables, curves or figures are measured on the same
 * resamples.
 */
#ifndef XR_STATS_WEIGHTED_H
#define XR_STATS_WEIGHTED_H

#include "stats_metrics.h"

/* What is drawn from; nothing is owned. */
struct xr_resampling {
    size_t n;              /* rows, at least 1 */
    const uint32_t *group; /* [n] 0..n_groups-1, drawn together; NULL: every row alone */
    size_t n_groups;
};

/*
 * Figures of rows counted weight[i] times each, NaN where undefined. Called from several
 * threads at a time, with the same `of`. Returns 0, or -1 with *err.
 */
typedef int xr_weighted(double *figures, const uint32_t *weight, const void *of,
                        struct xr_err *err);

/*
 * theta [n_figures][n_resamples]: n_figures figures in every resample, drawn as
 * xr_sampler_run does. Of bootstrap, n_resamples, seed and jobs are used. Where measure
 * fails, -1 with the first of its errors. Refused: more than 2^27 figures of resamples in
 * all.
 */
int xr_resample(double *theta, size_t n_figures, const struct xr_resampling *from,
                const struct xr_bootstrap *bootstrap, xr_weighted *measure,
                const void *of, struct xr_err *err) XR_MUST_USE;

#endif
