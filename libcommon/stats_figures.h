/*
 * Figures that are any function of row weights, with their values, resamples, jackknife
 * and intervals in one call.
 */
#ifndef XR_STATS_FIGURES_H
#define XR_STATS_FIGURES_H

#include <cjson/cJSON.h>

#include "stats_weighted.h"

/*
 * figures [n_figures] with intervals from bootstrap. The value is that of all weights 1.
 * BCa takes the jackknife of units left out one by one; with more than 20,000 units it
 * would cost too much: then the method is PERCENTILE, and a note says so. Where a value
 * is NaN its reason is left NULL for the caller.
 */
int xr_figures_bootstrap(struct xr_figure *figures, size_t n_figures,
                         const struct xr_resampling *from,
                         const struct xr_bootstrap *bootstrap, xr_weighted *measure,
                         const void *of, struct xr_err *err) XR_MUST_USE;

/* Add the object "bootstrap" to json: method, resamples, confidence, seed, what was
 * resampled (unit; "group" where there are groups) and how many. */
void xr_figures_said(cJSON *json, const struct xr_bootstrap *bootstrap,
                     const struct xr_resampling *from, const char *unit);

#endif
