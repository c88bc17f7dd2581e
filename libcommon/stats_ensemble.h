/*
 * Predictions of several models for the same rows made into one.
 */
#ifndef XR_STATS_ENSEMBLE_H
#define XR_STATS_ENSEMBLE_H

#include <stddef.h>

#include "err.h"

enum xr_ensemble_rule {
    XR_ENSEMBLE_MEAN,    /* arithmetic mean of the probabilities */
    XR_ENSEMBLE_LOGMEAN, /* geometric mean, scaled to the sum 1: the mean of logits */
    XR_ENSEMBLE_VOTE,    /* share of models whose largest probability it is */
    XR_N_ENSEMBLE_RULES
};
#define XR_ENSEMBLE_RULES "mean|logmean|vote"

/* The predicted class of a row: the largest of p [k], the first on ties; k >= 1. */
size_t xr_predicted(const double *p, size_t k);

/*
 * out [n][k] from the tables p [n_models], each [n][k] with probabilities from 0 to 1
 * whose rows add up to 1; n_models >= 1. LOGMEAN takes a probability below 2^-52 as
 * 2^-52, so that one model alone cannot rule out a class; VOTE takes the first of equal
 * probabilities. Rows of out add up to 1 but for rounding. out may not overlap p.
 */
void xr_ensemble(double *out, const double *const *p, size_t n_models, size_t n, size_t k,
                 enum xr_ensemble_rule rule);

#endif
