/* Bands of curves: one curve a resample, percentiles at each x. */
#include "stats_bands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_weighted.h"

struct scored_row {
    double score;
    uint32_t row;
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored_row *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

/* slot[i] = 2 * place of row i's score among the distinct ones, highest first, and 1 for
 * a row of the class. */
static size_t rank_rows(uint32_t *slot, struct scored_row *rows,
                        const struct xr_scored *s, size_t c)
{
    size_t at = 0;

    for (size_t i = 0; i < s->n; i++)
        rows[i] = (struct scored_row){s->p[i * s->k + c], (uint32_t)i};
    qsort(rows, s->n, sizeof *rows, compare_scores);
    for (size_t i = 0; i < s->n; i++) {
        at += i > 0 && rows[i].score != rows[i - 1].score;
        slot[rows[i].row] = (uint32_t)(2 * at + (s->label[rows[i].row] == c));
    }
    return at + 1;
}

/* The first threshold for which counts[i] >= wanted. */
static size_t first_reaching(const uint64_t *counts, size_t n, double wanted)
{
    size_t from = 0, to = n;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if ((double)counts[mid] >= wanted)
            to = mid;
        else
            from = mid + 1;
    }
    return from;
}

double xr_curve_at(const uint64_t *tp, const uint64_t *fp, size_t n, double x, bool pr)
{
    uint64_t pos = n ? tp[n - 1] : 0, neg = n ? fp[n - 1] : 0;
    double wanted, f0, t0;
    size_t i;

    if (!pos || (!pr && !neg))
        return NAN;
    if (pr) {
        i = first_reaching(tp, n, x * (double)pos * (1.0 - 1e-12));
        while (i < n && !tp[i] && !fp[i])
            i++; /* thresholds that no row of this resample has */
        return i < n ? (double)tp[i] / (double)(tp[i] + fp[i]) : NAN;
    }
    wanted = x * (double)neg;
    i = first_reaching(fp, n, wanted * (1.0 + 1e-12) + 1e-300); /* fp[i - 1] <= wanted */
    while (i < n && (double)fp[i] <= wanted)
        i++;
    if (i == n)
        return 1.0;
    f0 = i ? (double)fp[i - 1] : 0.0;
    t0 = i ? (double)tp[i - 1] : 0.0;
    return (t0 + ((double)tp[i] - t0) * (wanted - f0) / ((double)fp[i] - f0)) /
           (double)pos;
}

/* The classes whose curves are wanted, their rows ranked. */
struct ranked {
    const struct xr_scored *scored;
    uint32_t **slots; /* [n_classes][n] */
    size_t *n_slots;  /* [n_classes] */
    size_t n_classes;
    bool pr;
};

static void ranked_free(struct ranked *r)
{
    for (size_t c = 0; r->slots && c < r->n_classes; c++)
        free(r->slots[c]);
    free(r->slots);
    free(r->n_slots);
}

static int rank_all(struct ranked *r, const size_t *classes, struct xr_err *err)
{
    const struct xr_scored *s = r->scored;
    struct scored_row *rows = xr_alloc_array(s->n, sizeof *rows, err);
    int status = -1;

    r->slots = xr_alloc_array(r->n_classes, sizeof *r->slots, err);
    r->n_slots = xr_alloc_array(r->n_classes, sizeof *r->n_slots, err);
    if (!rows || !r->slots || !r->n_slots)
        goto done;
    for (size_t c = 0; c < r->n_classes; c++) {
        r->slots[c] = xr_alloc_array(s->n, sizeof **r->slots, err);
        if (!r->slots[c])
            goto done;
        r->n_slots[c] = rank_rows(r->slots[c], rows, s, classes[c]);
    }
    status = 0;
done:
    free(rows);
    return status;
}

/* tp and fp of weighted rows at each threshold. */
static void count(uint64_t *tp, uint64_t *fp, const struct ranked *r, size_t c,
                  const uint32_t *weight)
{
    const uint32_t *slot = r->slots[c];
    size_t n = r->n_slots[c];

    memset(tp, 0, n * sizeof *tp);
    memset(fp, 0, n * sizeof *fp);
    for (size_t i = 0; i < r->scored->n; i++)
        *(slot[i] & 1 ? &tp[slot[i] >> 1] : &fp[slot[i] >> 1]) += weight[i];
    for (size_t i = 1; i < n; i++) {
        tp[i] += tp[i - 1];
        fp[i] += fp[i - 1];
    }
}

/* All curves at all x, of weighted rows: an xr_weighted. */
static int measure(double *values, const uint32_t *weight, const void *of,
                   struct xr_err *err)
{
    const struct ranked *r = of;
    uint64_t *tp = xr_alloc_array(r->scored->n, sizeof *tp, err);
    uint64_t *fp = xr_alloc_array(r->scored->n, sizeof *fp, err);
    int status = tp && fp ? 0 : -1;

    for (size_t c = 0; status == 0 && c < r->n_classes; c++) {
        count(tp, fp, r, c, weight);
        for (size_t x = 0; x < XR_BAND_POINTS; x++)
            *values++ = xr_curve_at(tp, fp, r->n_slots[c],
                                    (double)x / (XR_BAND_POINTS - 1), r->pr);
    }
    free(tp);
    free(fp);
    return status;
}

static void percentiles(struct xr_band *band, double *values, size_t resamples,
                        double confidence)
{
    for (size_t x = 0; x < XR_BAND_POINTS; x++) {
        double *at = values + x * resamples;
        size_t n = 0;

        for (size_t b = 0; b < resamples; b++)
            if (!isnan(at[b]))
                at[n++] = at[b];
        band->low[x] = band->high[x] = NAN;
        if (n < 2)
            continue;
        xr_sort(at, n);
        band->low[x] = xr_quantile_sorted(at, n, (1.0 - confidence) / 2.0);
        band->high[x] = xr_quantile_sorted(at, n, (1.0 + confidence) / 2.0);
    }
}

int xr_curve_bands(struct xr_band *bands, const struct xr_scored *s,
                   const size_t *classes, size_t n_classes, bool pr,
                   const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    struct ranked ranked = {.scored = s, .n_classes = n_classes, .pr = pr};
    struct xr_resampling from = {s->n, s->group, s->n_groups};
    size_t affordable = XR_BAND_ADDITIONS / (s->n * n_classes + 1);
    size_t n_figures = XR_BAND_POINTS * n_classes, resamples = XR_BAND_RESAMPLES;
    struct xr_bootstrap fewer = *bootstrap;
    double *theta = NULL;
    int status = -1;

    affordable = affordable > 100 ? affordable : 100;
    resamples = resamples < affordable ? resamples : affordable;
    if ((uint64_t)bootstrap->n_resamples < resamples)
        resamples = (size_t)bootstrap->n_resamples;
    fewer.n_resamples = (int64_t)resamples;
    theta = xr_alloc_array(n_figures * resamples, sizeof *theta, err);
    if (theta && rank_all(&ranked, classes, err) == 0 &&
        xr_resample(theta, n_figures, &from, &fewer, measure, &ranked, err) == 0) {
        for (size_t c = 0; c < n_classes; c++)
            percentiles(&bands[c], theta + c * XR_BAND_POINTS * resamples, resamples,
                        bootstrap->confidence);
        status = 0;
    }
    free(theta);
    ranked_free(&ranked);
    return status;
}
