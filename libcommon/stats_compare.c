/* Paired tests: DeLong's, McNemar's, and Holm's adjustment. */
#include "stats_compare.h"

#include <math.h>
#include <stdlib.h>

#include "stats_delong.h"

/* --- areas ------------------------------------------------------------------------ */

/* Room for one class. */
struct work {
    double *score, *own;     /* [n], components */
    unsigned char *positive; /* [n] */
    uint32_t *seen; /* [2 * units] class + 1 that counted this unit last, by side */
};

static void count_side(const struct xr_scored *s, size_t c, double *rows, double *units,
                       uint32_t *seen, uint32_t mark)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t unit = s->group ? s->group[i] : i;
        int side = s->label[i] == c;

        rows[side]++;
        if (seen[2 * unit + (size_t)side] != mark) {
            seen[2 * unit + (size_t)side] = mark;
            units[side]++;
        }
    }
}

static int make_class(struct xr_areas *a, struct work *w, const struct xr_scored *s,
                      size_t c, struct xr_err *err)
{
    double *part = a->part + c * a->units, rows[2] = {0}, units[2] = {0}, scale[2];

    for (size_t i = 0; i < s->n; i++) {
        w->score[i] = s->p[i * s->k + c];
        w->positive[i] = s->label[i] == c;
    }
    if (xr_delong_components(&a->area[c], w->own, w->score, w->positive, s->n, err))
        return -1;
    count_side(s, c, rows, units, w->seen, (uint32_t)c + 1);
    if (units[0] < 2.0 || units[1] < 2.0)
        return 0;
    a->able[c] = 1;
    for (int side = 0; side < 2; side++)
        scale[side] = sqrt(units[side] / (units[side] - 1.0)) / rows[side];
    for (size_t i = 0; i < s->n; i++)
        part[s->group ? s->group[i] : i] +=
            (w->own[i] - a->area[c]) * scale[w->positive[i]];
    return 0;
}

static void make_macro(struct xr_areas *a)
{
    size_t k = a->k, from = k == 2 ? 1 : 0, to = k;
    double *part = a->part + k * a->units, n = (double)(to - from);

    a->able[k] = 1;
    for (size_t c = from; c < to; c++) {
        a->area[k] += a->area[c] / n;
        a->able[k] = a->able[k] && a->able[c];
        for (size_t u = 0; u < a->units; u++)
            part[u] += a->part[c * a->units + u] / n;
    }
}

int xr_areas_make(struct xr_areas *areas, const struct xr_scored *s, struct xr_err *err)
{
    struct work w = {0};
    int status = -1;

    *areas =
        (struct xr_areas){.n = s->n, .k = s->k, .units = s->group ? s->n_groups : s->n};
    if (s->n == 0 || s->k == 0)
        return xr_fail(err, "there is no row to measure");
    if (areas->units > SIZE_MAX / (s->k + 1))
        return xr_fail(err, "%zu rows of %zu classes are too many", s->n, s->k);
    areas->area = xr_alloc_array(s->k + 1, sizeof *areas->area, err);
    areas->part = xr_alloc_array((s->k + 1) * areas->units, sizeof *areas->part, err);
    areas->able = xr_alloc_array(s->k + 1, 1, err);
    w.score = xr_alloc_array(s->n, sizeof *w.score, err);
    w.own = xr_alloc_array(s->n, sizeof *w.own, err);
    w.positive = xr_alloc_array(s->n, 1, err);
    w.seen = xr_alloc_array(2 * areas->units, sizeof *w.seen, err);
    if (!areas->area || !areas->part || !areas->able || !w.score || !w.own ||
        !w.positive || !w.seen)
        goto done;
    for (size_t c = 0; c < s->k; c++)
        if (make_class(areas, &w, s, c, err))
            goto done;
    make_macro(areas);
    status = 0;
done:
    free(w.score);
    free(w.own);
    free(w.positive);
    free(w.seen);
    if (status)
        xr_areas_free(areas);
    return status;
}

void xr_areas_free(struct xr_areas *areas)
{
    free(areas->area);
    free(areas->part);
    free(areas->able);
    *areas = (struct xr_areas){0};
}

double xr_areas_covariance(const struct xr_areas *x, size_t a, const struct xr_areas *y,
                           size_t b)
{
    const double *p = x->part + a * x->units, *q = y->part + b * y->units;
    double sum = 0.0;

    if (!x->able[a] || !y->able[b])
        return NAN;
    for (size_t u = 0; u < x->units; u++)
        sum += p[u] * q[u];
    return sum;
}

void xr_areas_compare(struct xr_difference *d, const struct xr_areas *x,
                      const struct xr_areas *y, size_t c, double confidence)
{
    const double *p = x->part + c * x->units, *q = y->part + c * y->units;
    double half, reach;

    *d = (struct xr_difference){
        .value = x->area[c] - y->area[c], .low = NAN, .high = NAN, .z = NAN, .p = NAN};
    d->variance = x->able[c] && y->able[c] ? 0.0 : NAN;
    for (size_t u = 0; u < x->units; u++)
        d->variance += (p[u] - q[u]) * (p[u] - q[u]);
    if (!(d->variance >= 0.0))
        return;
    half = sqrt(d->variance);
    reach = -xr_norm_quantile((1.0 - confidence) / 2.0) * half;
    d->low = d->value - reach;
    d->high = d->value + reach;
    if (d->variance > 0.0) {
        d->z = d->value / half;
        d->p = 2.0 * xr_norm_cdf(-fabs(d->z));
    } else if (d->value == 0.0) {
        d->p = 1.0;
    }
}

/* --- McNemar ---------------------------------------------------------------------- */

/* P(X = k) of n fair coins, 2 k <= n: by the product where it does not overflow. */
static double coin(uint64_t k, uint64_t n)
{
    double ways = 1.0;

    if (n > 1000)
        return exp(lgamma((double)n + 1.0) - lgamma((double)k + 1.0) -
                   lgamma((double)(n - k) + 1.0) - (double)n * log(2.0));
    for (uint64_t i = 1; i <= k; i++)
        ways = ways * (double)(n - k + i) / (double)i;
    return ldexp(ways, -(int)n);
}

/* P(X <= k) too: summed from k down, where the terms fall at once. */
static double coins(uint64_t k, uint64_t n, double *at_k)
{
    double term = coin(k, n);
    double sum = 0.0;

    *at_k = term;
    for (uint64_t i = k; term > sum * 1e-18; i--) {
        sum += term;
        if (i == 0)
            break;
        term *= (double)i / (double)(n - i + 1);
    }
    return sum;
}

/* P(X >= x) of chi-square with one degree of freedom. */
static double chi2_tail(double x)
{
    return erfc(sqrt(x / 2.0));
}

void xr_mcnemar_test(struct xr_mcnemar *t)
{
    uint64_t n = t->first + t->second,
             least = t->first < t->second ? t->first : t->second;
    double sum, at, gap = (double)n - 2.0 * (double)least, less;

    if (n == 0) {
        t->exact = t->mid_p = 1.0;
        t->chi2 = t->chi2_p = t->corrected = t->corrected_p = NAN;
        return;
    }
    sum = coins(least, n, &at);
    t->exact = 2.0 * sum < 1.0 ? 2.0 * sum : 1.0;
    t->mid_p = t->first == t->second ? 1.0 - at : 2.0 * sum - at;
    t->chi2 = gap * gap / (double)n;
    less = gap > 1.0 ? gap - 1.0 : 0.0;
    t->corrected = less * less / (double)n;
    t->chi2_p = chi2_tail(t->chi2);
    t->corrected_p = chi2_tail(t->corrected);
}

/* --- bootstrap ------------------------------------------------------------------- */

double xr_bootstrap_p(const struct xr_figure *figure, const double *theta)
{
    double below = 0.0, share, w, p;

    if (figure->method == XR_CI_NONE || figure->n_defined == 0)
        return NAN;
    for (size_t i = 0; i < figure->n_defined; i++)
        below += theta[i] < 0.0 ? 1.0 : theta[i] == 0.0 ? 0.5 : 0.0;
    share = (below + 0.5) / ((double)figure->n_defined + 1.0);
    w = xr_norm_quantile(share);
    if (figure->method == XR_CI_BCA) {
        double q = w - figure->z0;

        w = q / (1.0 + figure->acceleration * q) - figure->z0;
    }
    p = 2.0 * xr_norm_cdf(-fabs(w));
    p = fmax(p, 1.0 / ((double)figure->n_defined + 1.0));
    return p < 1.0 ? p : 1.0;
}

/* --- Holm ------------------------------------------------------------------------- */

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int xr_holm(double *adjusted, const double *p, size_t n, struct xr_err *err)
{
    struct ranked *ranked = xr_alloc_array(n, sizeof *ranked, err);
    double least = 0.0;
    size_t m = 0;

    if (!ranked)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = NAN;
        else
            ranked[m++] = (struct ranked){p[i], i};
    }
    qsort(ranked, m, sizeof *ranked, by_p);
    for (size_t i = 0; i < m; i++) {
        double own = (double)(m - i) * ranked[i].p;

        least = own > least ? own : least;
        adjusted[ranked[i].at] = least < 1.0 ? least : 1.0;
    }
    free(ranked);
    return 0;
}
