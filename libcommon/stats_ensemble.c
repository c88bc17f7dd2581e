/* Means and votes of models. */
#include "stats_ensemble.h"

#include <float.h>
#include <math.h>

size_t xr_predicted(const double *p, size_t k)
{
    size_t best = 0;

    for (size_t c = 1; c < k; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

/* exp of the mean logarithms less their largest, so that the largest is 1 before scaling:
 * nothing underflows together. */
static void scale_logs(double *out, size_t n_models, size_t k)
{
    double most = out[xr_predicted(out, k)], sum = 0.0;

    for (size_t c = 0; c < k; c++) {
        out[c] = exp((out[c] - most) / (double)n_models);
        sum += out[c];
    }
    for (size_t c = 0; c < k; c++)
        out[c] /= sum;
}

void xr_ensemble(double *out, const double *const *p, size_t n_models, size_t n, size_t k,
                 enum xr_ensemble_rule rule)
{
    for (size_t i = 0; i < n; i++) {
        double *row = out + i * k;

        for (size_t c = 0; c < k; c++)
            row[c] = 0.0;
        for (size_t m = 0; m < n_models; m++) {
            const double *own = p[m] + i * k;

            if (rule == XR_ENSEMBLE_VOTE)
                row[xr_predicted(own, k)] += 1.0;
            for (size_t c = 0; rule != XR_ENSEMBLE_VOTE && c < k; c++)
                row[c] +=
                    rule == XR_ENSEMBLE_MEAN ? own[c] : log(fmax(own[c], DBL_EPSILON));
        }
        if (rule == XR_ENSEMBLE_LOGMEAN)
            scale_logs(row, n_models, k);
        for (size_t c = 0; rule != XR_ENSEMBLE_LOGMEAN && c < k; c++)
            row[c] /= (double)n_models;
    }
}
