/* Bands of curves: one curve a resample, percentiles at each x. */
#include "stats_bands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

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

struct work {
    uint32_t **slots; /* [n_classes][n] */
    size_t *n_slots;  /* [n_classes] */
    double **values;  /* [n_classes][XR_BAND_POINTS * resamples] */
    uint32_t *weight, *draws, *drawn;
    uint64_t *tp, *fp;
    struct scored_row *rows;
};

static int work_alloc(struct work *w, const struct xr_scored *s, size_t n_classes,
                      size_t units, size_t resamples, struct xr_err *err)
{
    w->slots = xr_alloc_array(n_classes, sizeof *w->slots, err);
    w->n_slots = xr_alloc_array(n_classes, sizeof *w->n_slots, err);
    w->values = xr_alloc_array(n_classes, sizeof *w->values, err);
    w->weight = xr_alloc_array(s->n, sizeof *w->weight, err);
    w->draws = xr_alloc_array(units, sizeof *w->draws, err);
    w->drawn = xr_alloc_array(units, sizeof *w->drawn, err);
    w->tp = xr_alloc_array(s->n, sizeof *w->tp, err);
    w->fp = xr_alloc_array(s->n, sizeof *w->fp, err);
    w->rows = xr_alloc_array(s->n, sizeof *w->rows, err);
    if (!w->slots || !w->n_slots || !w->values || !w->weight || !w->draws || !w->drawn ||
        !w->tp || !w->fp || !w->rows)
        return -1;
    for (size_t i = 0; i < n_classes; i++) {
        w->slots[i] = xr_alloc_array(s->n, sizeof **w->slots, err);
        w->values[i] = xr_alloc_array(XR_BAND_POINTS * resamples, sizeof(double), err);
        if (!w->slots[i] || !w->values[i])
            return -1;
    }
    return 0;
}

static void work_free(struct work *w, size_t n_classes)
{
    for (size_t i = 0; i < n_classes; i++) {
        if (w->slots)
            free(w->slots[i]);
        if (w->values)
            free(w->values[i]);
    }
    free(w->slots);
    free(w->n_slots);
    free(w->values);
    free(w->weight);
    free(w->draws);
    free(w->drawn);
    free(w->tp);
    free(w->fp);
    free(w->rows);
}

static void draw_weights(struct work *w, const struct xr_scored *s, size_t units,
                         uint64_t seed, size_t b)
{
    struct xr_rng rng;

    xr_rng_init(&rng, seed, b, "", "bootstrap");
    xr_rng_fill_below(&rng, w->draws, units, (uint32_t)units);
    memset(w->drawn, 0, units * sizeof *w->drawn);
    for (size_t i = 0; i < units; i++)
        w->drawn[w->draws[i]]++;
    for (size_t i = 0; i < s->n; i++)
        w->weight[i] = w->drawn[s->group ? s->group[i] : i];
}

/* tp and fp of a resample at each threshold. */
static void count(struct work *w, size_t c, size_t n)
{
    const uint32_t *slot = w->slots[c];
    uint64_t tp = 0, fp = 0;

    memset(w->tp, 0, w->n_slots[c] * sizeof *w->tp);
    memset(w->fp, 0, w->n_slots[c] * sizeof *w->fp);
    for (size_t i = 0; i < n; i++)
        *(slot[i] & 1 ? &w->tp[slot[i] >> 1] : &w->fp[slot[i] >> 1]) += w->weight[i];
    for (size_t i = 0; i < w->n_slots[c]; i++) {
        tp += w->tp[i];
        fp += w->fp[i];
        w->tp[i] = tp;
        w->fp[i] = fp;
    }
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
    size_t units = s->group ? s->n_groups : s->n, resamples = XR_BAND_RESAMPLES;
    size_t affordable = XR_BAND_ADDITIONS / (s->n * n_classes + 1);
    struct work w = {0};
    int status = -1;

    affordable = affordable > 100 ? affordable : 100;
    resamples = resamples < affordable ? resamples : affordable;
    if ((uint64_t)bootstrap->n_resamples < resamples)
        resamples = (size_t)bootstrap->n_resamples;
    if (work_alloc(&w, s, n_classes, units, resamples, err))
        goto done;
    for (size_t c = 0; c < n_classes; c++)
        w.n_slots[c] = rank_rows(w.slots[c], w.rows, s, classes[c]);
    for (size_t b = 0; b < resamples; b++) {
        draw_weights(&w, s, units, bootstrap->seed, b);
        for (size_t c = 0; c < n_classes; c++) {
            count(&w, c, s->n);
            for (size_t x = 0; x < XR_BAND_POINTS; x++)
                w.values[c][x * resamples + b] = xr_curve_at(
                    w.tp, w.fp, w.n_slots[c], (double)x / (XR_BAND_POINTS - 1), pr);
        }
    }
    for (size_t c = 0; c < n_classes; c++)
        percentiles(&bands[c], w.values[c], resamples, bootstrap->confidence);
    status = 0;
done:
    work_free(&w, n_classes);
    return status;
}
