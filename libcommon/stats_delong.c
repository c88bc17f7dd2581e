/* DeLong's covariance of areas under ROC curves. */
#include "stats_delong.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double score;
    size_t row;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return (x->score > y->score) - (x->score < y->score);
}

int xr_delong_components(double *auc, double *v, const double *score,
                         const unsigned char *positive, size_t n, struct xr_err *err)
{
    struct ranked *rows = xr_alloc_array(n, sizeof *rows, err);
    uint64_t pos = 0, neg, below[2] = {0}, pairs2 = 0;

    if (!rows)
        return -1;
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct ranked){score[i], i};
        pos += positive[i] != 0;
    }
    neg = n - pos;
    qsort(rows, n, sizeof *rows, compare_ranked);
    for (size_t from = 0, to; from < n; from = to) {
        uint64_t tied[2] = {0};

        for (to = from; to < n && rows[to].score == rows[from].score; to++)
            tied[positive[rows[to].row] != 0]++;
        for (size_t i = from; i < to; i++) {
            size_t row = rows[i].row;

            if (positive[row])
                v[row] = ((double)below[0] + 0.5 * (double)tied[0]) / (double)neg;
            else
                v[row] = ((double)(pos - below[1]) - 0.5 * (double)tied[1]) / (double)pos;
        }
        pairs2 += tied[1] * (2 * below[0] + tied[0]);
        below[0] += tied[0];
        below[1] += tied[1];
    }
    *auc = pos && neg ? (double)pairs2 / (2.0 * (double)pos * (double)neg) : NAN;
    free(rows);
    return 0;
}

/* Covariance of the components of one class over its rows, divided by their number. */
static double covariance_of(const double *a, const double *b, double mean_a,
                            double mean_b, const unsigned char *positive, bool kind,
                            size_t n)
{
    double sum = 0.0, count = 0.0;

    for (size_t i = 0; i < n; i++) {
        if ((positive[i] != 0) != kind)
            continue;
        sum += (a[i] - mean_a) * (b[i] - mean_b);
        count++;
    }
    return count > 1.0 ? sum / (count - 1.0) / count : NAN;
}

int xr_delong(double *auc, double *covariance, const double *const *score,
              const unsigned char *positive, size_t n, size_t k, struct xr_err *err)
{
    double *v = NULL;
    int status = -1;

    if (n && k > SIZE_MAX / n)
        return xr_fail(err, "too many scores");
    v = xr_alloc_array(k * n, sizeof *v, err);
    if (!v)
        goto done;
    for (size_t a = 0; a < k; a++)
        if (xr_delong_components(&auc[a], v + a * n, score[a], positive, n, err))
            goto done;
    for (size_t a = 0; a < k; a++)
        for (size_t b = 0; b <= a; b++)
            covariance[a * k + b] = covariance[b * k + a] =
                covariance_of(v + a * n, v + b * n, auc[a], auc[b], positive, true, n) +
                covariance_of(v + a * n, v + b * n, auc[a], auc[b], positive, false, n);
    status = 0;
done:
    free(v);
    return status;
}

void xr_delong_interval(struct xr_figure *figure, double auc, double variance,
                        double confidence, bool logit)
{
    double z = -xr_norm_quantile((1.0 - confidence) / 2.0), sd = sqrt(variance);

    *figure = (struct xr_figure){.value = auc,
                                 .low = NAN,
                                 .high = NAN,
                                 .method = XR_CI_NONE,
                                 .z0 = NAN,
                                 .acceleration = NAN};
    if (isnan(auc))
        return;
    if (isnan(variance)) {
        figure->note = "DeLong's interval needs two rows of either kind";
        return;
    }
    if (logit && auc > 0.0 && auc < 1.0) {
        double centre = log(auc / (1.0 - auc)), step = z * sd / (auc * (1.0 - auc));

        figure->method = XR_CI_DELONG_LOGIT;
        figure->low = 1.0 / (1.0 + exp(step - centre));
        figure->high = 1.0 / (1.0 + exp(-step - centre));
    } else {
        figure->method = XR_CI_DELONG;
        figure->low = fmax(auc - z * sd, 0.0);
        figure->high = fmin(auc + z * sd, 1.0);
        if (logit)
            figure->note = "an area of 0 or 1 has no logit";
    }
    figure->constant = variance <= 0.0;
    if (figure->constant)
        figure->note = "the variance is 0: the interval says nothing";
}
