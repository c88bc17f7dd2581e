/* Net benefit from row weights: one pass over the rows, then one over the thresholds. */
#include "stats_decision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JACK ((size_t)1 << 27)

/* The rows as counts see them: slot 2 s + positive, where the row's score reaches the
 * first s thresholds. */
struct counted {
    size_t n, n_thresholds;
    uint32_t *slot;          /* [n] */
    const double *threshold; /* [T] */
};

static size_t n_slots(const struct counted *c)
{
    return 2 * (c->n_thresholds + 1);
}

/* TP and FP at every threshold, and all of either, from the counts of slots. */
static void figures_from(double *figures, const uint64_t *slots, const struct counted *c)
{
    size_t n_t = c->n_thresholds;
    double hits[2] = {0}, all[2] = {0}, n;

    for (size_t s = 0; s <= n_t; s++) {
        all[0] += (double)slots[2 * s];
        all[1] += (double)slots[2 * s + 1];
    }
    n = all[0] + all[1];
    for (size_t t = n_t; t-- > 0;) {
        double odds = c->threshold[t] / (1.0 - c->threshold[t]);

        hits[0] += (double)slots[2 * (t + 1)];
        hits[1] += (double)slots[2 * (t + 1) + 1];
        figures[t] = n > 0.0 ? hits[1] / n - hits[0] / n * odds : NAN;
        figures[n_t + t] = n > 0.0 ? all[1] / n - all[0] / n * odds : NAN;
    }
}

static void *open_room(const void *context, struct xr_err *err)
{
    return xr_alloc_array(n_slots(context), sizeof(uint64_t), err);
}

static void eval(double *figures, void *room, const void *context, const uint32_t *weight)
{
    const struct counted *c = context;
    uint64_t *slots = room;

    memset(slots, 0, n_slots(c) * sizeof *slots);
    for (size_t i = 0; i < c->n; i++)
        slots[c->slot[i]] += weight[i];
    figures_from(figures, slots, c);
}

static void count_all(uint64_t *slots, const struct counted *c)
{
    for (size_t i = 0; i < c->n; i++)
        slots[c->slot[i]]++;
}

/*
 * Figures without one unit, from the sums of what its rows add: jack [2 T][units]. sums
 * holds, for each unit, its number of rows and of positives.
 */
static void jackknife(double *jack, double *rows, double *positives,
                      const struct xr_scored *s, const struct counted *c,
                      const uint64_t *slots, size_t units)
{
    size_t n_t = c->n_thresholds;
    double all[2] = {0}, hits[2] = {0};

    for (size_t i = 0; i < c->n; i++) {
        size_t unit = s->group ? s->group[i] : i;

        rows[unit]++;
        positives[unit] += c->slot[i] % 2;
        all[c->slot[i] % 2]++;
    }
    for (size_t t = n_t; t-- > 0;) {
        double odds = c->threshold[t] / (1.0 - c->threshold[t]);
        double *net = jack + t * units, *treat = jack + (n_t + t) * units;

        hits[0] += (double)slots[2 * (t + 1)];
        hits[1] += (double)slots[2 * (t + 1) + 1];
        for (size_t u = 0; u < units; u++)
            net[u] = 0.0;
        for (size_t i = 0; i < c->n; i++)
            if (c->slot[i] / 2 > t)
                net[s->group ? s->group[i] : i] += c->slot[i] % 2 ? 1.0 : -odds;
        for (size_t u = 0; u < units; u++) {
            double n = (double)c->n - rows[u];
            double own = positives[u] - odds * (rows[u] - positives[u]);

            net[u] = n > 0.0 ? (hits[1] - odds * hits[0] - net[u]) / n : NAN;
            treat[u] = n > 0.0 ? (all[1] - odds * all[0] - own) / n : NAN;
        }
    }
}

static int make_jack(double **jack, const struct xr_scored *s, const struct counted *c,
                     const uint64_t *slots, size_t units, struct xr_err *err)
{
    double *rows = xr_alloc_array(units, sizeof *rows, err);
    double *positives = xr_alloc_array(units, sizeof *positives, err);

    *jack = xr_alloc_array(2 * c->n_thresholds * units, sizeof **jack, err);
    if (rows && positives && *jack)
        jackknife(*jack, rows, positives, s, c, slots, units);
    free(rows);
    free(positives);
    return rows && positives && *jack ? 0 : -1;
}

static void count_curve(struct xr_decision *d, const uint64_t *slots)
{
    uint64_t hits[2] = {0};

    for (size_t t = d->n_thresholds; t-- > 0;) {
        hits[0] += slots[2 * (t + 1)];
        hits[1] += slots[2 * (t + 1) + 1];
        d->fp[t] = hits[0];
        d->tp[t] = hits[1];
    }
}

/* Net benefit and treat-all in one array, as the sampler takes them. */
static int intervals(struct xr_decision *d, const struct xr_scored *s,
                     const struct counted *c, const uint64_t *slots,
                     const struct xr_bootstrap *asked, struct xr_err *err)
{
    const struct xr_units units = {.n = s->n,
                                   .group = s->group,
                                   .n_groups = s->n_groups,
                                   .stratum = s->stratified ? s->label : NULL,
                                   .n_strata = s->k};
    const struct xr_statistic statistic = {.n_figures = 2 * c->n_thresholds,
                                           .context = c,
                                           .open = open_room,
                                           .close = free,
                                           .eval = eval};
    size_t n = statistic.n_figures, n_units = s->group ? s->n_groups : s->n;
    struct xr_bootstrap bootstrap = *asked;
    bool large = bootstrap.method == XR_CI_BCA && n_units > MAX_JACK / n;
    struct xr_figure *figures = xr_alloc_array(n, sizeof *figures, err);
    double *values = xr_alloc_array(n, sizeof *values, err), *jack = NULL;
    struct xr_sampler *sampler = NULL;
    int status = -1;

    if (large)
        bootstrap.method = XR_CI_PERCENTILE;
    if (!figures || !values || xr_sampler_open(&sampler, &units, err))
        goto done;
    figures_from(values, slots, c);
    if ((bootstrap.method == XR_CI_BCA && make_jack(&jack, s, c, slots, n_units, err)) ||
        xr_sampler_intervals(figures, values, sampler, &bootstrap, NULL, &statistic, jack,
                             err))
        goto done;
    for (size_t i = 0; large && i < n; i++)
        figures[i].note = "too many rows for the jackknife of BCa";
    memcpy(d->net_benefit, figures, c->n_thresholds * sizeof *figures);
    memcpy(d->treat_all, figures + c->n_thresholds, c->n_thresholds * sizeof *figures);
    status = 0;
done:
    free(figures);
    free(values);
    free(jack);
    xr_sampler_close(sampler);
    return status;
}

/* How many thresholds a score reaches. */
static size_t reached(const double *threshold, size_t n, double p)
{
    size_t from = 0, to = n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (p >= threshold[middle])
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int check(const double *threshold, size_t n, struct xr_err *err)
{
    if (n == 0)
        return xr_fail(err, "no threshold");
    for (size_t t = 0; t < n; t++)
        if (!(threshold[t] > 0.0 && threshold[t] < 1.0) ||
            (t && !(threshold[t] > threshold[t - 1])))
            return xr_fail(err,
                           "threshold %.9g: not above the one before it, or not "
                           "between 0 and 1",
                           threshold[t]);
    return 0;
}

int xr_decision_make(struct xr_decision *d, const struct xr_scored *s, size_t class_index,
                     const double *threshold, size_t n_thresholds,
                     const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    struct counted c = {.n = s->n, .n_thresholds = n_thresholds};
    uint64_t *slots = NULL;
    int status = -1;

    *d = (struct xr_decision){.n_thresholds = n_thresholds};
    if (check(threshold, n_thresholds, err))
        return -1;
    if (s->n == 0 || class_index >= s->k)
        return xr_fail(err, "there is no row to measure");
    d->threshold = xr_alloc_array(n_thresholds, sizeof *d->threshold, err);
    d->tp = xr_alloc_array(n_thresholds, sizeof *d->tp, err);
    d->fp = xr_alloc_array(n_thresholds, sizeof *d->fp, err);
    d->net_benefit = xr_alloc_array(n_thresholds, sizeof *d->net_benefit, err);
    d->treat_all = xr_alloc_array(n_thresholds, sizeof *d->treat_all, err);
    c.slot = xr_alloc_array(s->n, sizeof *c.slot, err);
    c.threshold = d->threshold;
    slots = xr_alloc_array(n_slots(&c), sizeof *slots, err);
    if (!d->threshold || !d->tp || !d->fp || !d->net_benefit || !d->treat_all ||
        !c.slot || !slots)
        goto done;
    memcpy(d->threshold, threshold, n_thresholds * sizeof *threshold);
    for (size_t i = 0; i < s->n; i++)
        c.slot[i] = (uint32_t)(2 * reached(threshold, n_thresholds,
                                           s->p[i * s->k + class_index]) +
                               (s->label[i] == class_index));
    count_all(slots, &c);
    count_curve(d, slots);
    status = intervals(d, s, &c, slots, bootstrap, err);
done:
    free(c.slot);
    free(slots);
    if (status)
        xr_decision_free(d);
    return status;
}

void xr_decision_free(struct xr_decision *d)
{
    free(d->threshold);
    free(d->tp);
    free(d->fp);
    free(d->net_benefit);
    free(d->treat_all);
    *d = (struct xr_decision){0};
}
