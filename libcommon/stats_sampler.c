/* Bootstrap and jackknife of figures of weighted rows. */
#include "stats_sampler.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define MAX_THETA ((size_t)1 << 27)

struct xr_sampler {
    size_t n, units, n_strata;
    uint32_t *group;      /* [n] NULL: every row for itself */
    uint32_t *by_group;   /* [n] rows by group */
    size_t *group_from;   /* [units + 1] into by_group */
    uint32_t *by_stratum; /* [units] units by stratum; NULL: one stratum */
    size_t *stratum_from; /* [n_strata + 1] into by_stratum */
};

/* Counting sort of 0..n-1 by key; from [n_keys + 1]. */
static void bucket(uint32_t *order, size_t *from, const uint32_t *key, size_t n,
                   size_t n_keys)
{
    memset(from, 0, (n_keys + 1) * sizeof *from);
    for (size_t i = 0; i < n; i++)
        from[key[i] + 1]++;
    for (size_t g = 0; g < n_keys; g++)
        from[g + 1] += from[g];
    for (size_t i = 0; i < n; i++)
        order[from[key[i]]++] = (uint32_t)i;
    memmove(from + 1, from, n_keys * sizeof *from);
    from[0] = 0;
}

/* The stratum of every unit: of a group the rarest of its rows, the first of such. */
static int unit_strata(uint32_t *of_unit, const struct xr_units *u, size_t units,
                       struct xr_err *err)
{
    size_t *rows = xr_alloc_array(u->n_strata, sizeof *rows, err);

    if (!rows)
        return -1;
    for (size_t i = 0; i < u->n; i++)
        rows[u->stratum[i]]++;
    for (size_t g = 0; g < units; g++)
        of_unit[g] = UINT32_MAX;
    for (size_t i = 0; i < u->n; i++) {
        uint32_t unit = u->group ? u->group[i] : (uint32_t)i, s = u->stratum[i];
        uint32_t had = of_unit[unit];

        if (had == UINT32_MAX || rows[s] < rows[had] || (rows[s] == rows[had] && s < had))
            of_unit[unit] = s;
    }
    free(rows);
    return 0;
}

static int open_strata(struct xr_sampler *r, const struct xr_units *u, struct xr_err *err)
{
    uint32_t *of_unit = xr_alloc_array(r->units, sizeof *of_unit, err);
    int status = -1;

    r->n_strata = u->n_strata;
    r->by_stratum = xr_alloc_array(r->units, sizeof *r->by_stratum, err);
    r->stratum_from = xr_alloc_array(u->n_strata + 1, sizeof *r->stratum_from, err);
    if (of_unit && r->by_stratum && r->stratum_from &&
        unit_strata(of_unit, u, r->units, err) == 0) {
        bucket(r->by_stratum, r->stratum_from, of_unit, r->units, u->n_strata);
        status = 0;
    }
    free(of_unit);
    return status;
}

static int open_groups(struct xr_sampler *r, const struct xr_units *u, struct xr_err *err)
{
    r->group = xr_alloc_array(r->n, sizeof *r->group, err);
    r->by_group = xr_alloc_array(r->n, sizeof *r->by_group, err);
    r->group_from = xr_alloc_array(r->units + 1, sizeof *r->group_from, err);
    if (!r->group || !r->by_group || !r->group_from)
        return -1;
    memcpy(r->group, u->group, r->n * sizeof *r->group);
    bucket(r->by_group, r->group_from, r->group, r->n, r->units);
    return 0;
}

int xr_sampler_open(struct xr_sampler **sampler, const struct xr_units *u,
                    struct xr_err *err)
{
    struct xr_sampler *r = NULL;

    *sampler = NULL;
    if (u->n == 0 || u->n >= UINT32_MAX)
        return xr_fail(err, "%zu rows cannot be resampled", u->n);
    for (size_t i = 0; i < u->n; i++) {
        if (u->group && u->group[i] >= u->n_groups)
            return xr_fail(err, "row %zu: group %u of %zu", i + 1, u->group[i],
                           u->n_groups);
        if (u->stratum && u->stratum[i] >= u->n_strata)
            return xr_fail(err, "row %zu: stratum %u of %zu", i + 1, u->stratum[i],
                           u->n_strata);
    }
    r = xr_alloc_array(1, sizeof *r, err);
    if (!r)
        return -1;
    r->n = u->n;
    r->units = u->group ? u->n_groups : u->n;
    if ((u->group && open_groups(r, u, err)) || (u->stratum && open_strata(r, u, err))) {
        xr_sampler_close(r);
        return -1;
    }
    *sampler = r;
    return 0;
}

void xr_sampler_close(struct xr_sampler *r)
{
    if (!r)
        return;
    free(r->group);
    free(r->by_group);
    free(r->group_from);
    free(r->by_stratum);
    free(r->stratum_from);
    free(r);
}

size_t xr_sampler_n_units(const struct xr_sampler *r)
{
    return r->units;
}

/* --- one thread ------------------------------------------------------------------- */

/* The share of one thread: resamples from..to-1 into theta [figure][n_resamples]. */
struct share {
    const struct xr_sampler *sampler;
    const struct xr_bootstrap *bootstrap;
    const struct xr_statistic *statistic;
    const uint32_t *draws; /* NULL: random */
    double *theta;
    size_t from, to;
    void *room;
    uint32_t *weight, *drawn; /* [n], [units] how often */
    uint32_t *own_draws;      /* [units] */
    double *figures;          /* [n_figures] */
};

static void share_free(struct share *share)
{
    if (share->room && share->statistic->close)
        share->statistic->close(share->room);
    free(share->weight);
    free(share->drawn);
    free(share->own_draws);
    free(share->figures);
}

static int share_alloc(struct share *share, struct xr_err *err)
{
    const struct xr_sampler *r = share->sampler;
    const struct xr_statistic *s = share->statistic;

    share->weight = xr_alloc_array(r->n, sizeof *share->weight, err);
    share->drawn = xr_alloc_array(r->units, sizeof *share->drawn, err);
    share->own_draws = xr_alloc_array(r->units, sizeof *share->own_draws, err);
    share->figures = xr_alloc_array(s->n_figures, sizeof *share->figures, err);
    if (!share->weight || !share->drawn || !share->own_draws || !share->figures)
        return -1;
    return s->open && !(share->room = s->open(s->context, err)) ? -1 : 0;
}

/* Draw all units of resample b: their numbers into own_draws. */
static void draw(struct share *share, size_t b)
{
    const struct xr_sampler *r = share->sampler;
    uint32_t *to = share->own_draws;
    struct xr_rng rng;

    xr_rng_init(&rng, share->bootstrap->seed, b, "", "bootstrap");
    if (!r->by_stratum) {
        xr_rng_fill_below(&rng, to, r->units, (uint32_t)r->units);
        return;
    }
    for (size_t s = 0; s < r->n_strata; s++) {
        size_t from = r->stratum_from[s], n = r->stratum_from[s + 1] - from;

        if (!n)
            continue;
        xr_rng_fill_below(&rng, to + from, n, (uint32_t)n);
        for (size_t i = from; i < from + n; i++)
            to[i] = r->by_stratum[from + to[i]];
    }
}

static void weigh(struct share *share, const uint32_t *draws)
{
    const struct xr_sampler *r = share->sampler;
    uint32_t *drawn = r->group ? share->drawn : share->weight;

    memset(drawn, 0, r->units * sizeof *drawn);
    for (size_t i = 0; i < r->units; i++)
        drawn[draws[i]]++;
    if (r->group)
        for (size_t i = 0; i < r->n; i++)
            share->weight[i] = drawn[r->group[i]];
}

static void *run_share(void *arg)
{
    struct share *share = arg;
    const struct xr_statistic *s = share->statistic;
    size_t total = (size_t)share->bootstrap->n_resamples;

    for (size_t b = share->from; b < share->to; b++) {
        if (share->draws) {
            weigh(share, share->draws + b * share->sampler->units);
        } else {
            draw(share, b);
            weigh(share, share->own_draws);
        }
        s->eval(share->figures, share->room, s->context, share->weight);
        for (size_t f = 0; f < s->n_figures; f++)
            share->theta[f * total + b] = share->figures[f];
    }
    return NULL;
}

/* A thread that cannot be started is done here. */
static void run_shares(struct share *shares, pthread_t *threads, size_t jobs)
{
    size_t started = 1;

    while (started < jobs &&
           !pthread_create(&threads[started], NULL, run_share, &shares[started]))
        started++;
    run_share(&shares[0]);
    for (size_t j = started; j < jobs; j++)
        run_share(&shares[j]);
    for (size_t j = 1; j < started; j++)
        pthread_join(threads[j], NULL);
}

int xr_sampler_run(double *theta, const struct xr_sampler *r,
                   const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                   const struct xr_statistic *statistic, struct xr_err *err)
{
    size_t total = (size_t)bootstrap->n_resamples;
    size_t jobs = bootstrap->jobs < 1 ? 1 : (size_t)bootstrap->jobs;
    struct share *shares;
    pthread_t *threads;
    int status = 0;

    if (total == 0)
        return 0;
    if (jobs > total)
        jobs = total;
    shares = xr_alloc_array(jobs, sizeof *shares, err);
    threads = xr_alloc_array(jobs, sizeof *threads, err);
    if (!shares || !threads) {
        free(shares);
        free(threads);
        return -1;
    }
    for (size_t j = 0; j < jobs; j++) {
        shares[j] = (struct share){.sampler = r,
                                   .bootstrap = bootstrap,
                                   .statistic = statistic,
                                   .draws = draws,
                                   .theta = theta,
                                   .from = total * j / jobs,
                                   .to = total * (j + 1) / jobs};
        if (status == 0)
            status = share_alloc(&shares[j], err);
    }
    if (status == 0)
        run_shares(shares, threads, jobs);
    for (size_t j = 0; j < jobs; j++)
        share_free(&shares[j]);
    free(shares);
    free(threads);
    return status;
}

int xr_sampler_jackknife(double *jack, const struct xr_sampler *r,
                         const struct xr_statistic *s, struct xr_err *err)
{
    struct share share = {.sampler = r, .statistic = s};
    int status = share_alloc(&share, err);

    for (size_t i = 0; status == 0 && i < r->n; i++)
        share.weight[i] = 1;
    for (size_t u = 0; status == 0 && u < r->units; u++) {
        uint32_t row = (uint32_t)u;
        const uint32_t *rows = r->group ? r->by_group + r->group_from[u] : &row;
        size_t n = r->group ? r->group_from[u + 1] - r->group_from[u] : 1;

        for (size_t i = 0; i < n; i++)
            share.weight[rows[i]] = 0;
        s->eval(share.figures, share.room, s->context, share.weight);
        for (size_t f = 0; f < s->n_figures; f++)
            jack[f * r->units + u] = share.figures[f];
        for (size_t i = 0; i < n; i++)
            share.weight[rows[i]] = 1;
    }
    share_free(&share);
    return status;
}

/* --- intervals -------------------------------------------------------------------- */

double xr_sampler_acceleration(const struct xr_sampler *r, const double *jack)
{
    double sum2 = 0.0, sum3 = 0.0, low = INFINITY, high = -INFINITY;

    if (!r->by_stratum)
        return xr_bca_acceleration(jack, r->units);
    for (size_t u = 0; u < r->units; u++) {
        if (isnan(jack[u]))
            return NAN;
        low = fmin(low, jack[u]);
        high = fmax(high, jack[u]);
    }
    if (!(high - low > 1e-14 * (1.0 + fabs(low))))
        return NAN;
    for (size_t s = 0; s < r->n_strata; s++) {
        const uint32_t *units = r->by_stratum + r->stratum_from[s];
        size_t n = r->stratum_from[s + 1] - r->stratum_from[s];
        double mean = 0.0, scale = n ? ((double)n - 1.0) / (double)n : 0.0;

        for (size_t i = 0; i < n; i++)
            mean += jack[units[i]] / (double)n;
        for (size_t i = 0; i < n; i++) {
            double u = scale * (mean - jack[units[i]]);

            sum2 += u * u;
            sum3 += u * u * u;
        }
    }
    return sum3 / (6.0 * sum2 * sqrt(sum2));
}

int xr_sampler_intervals(struct xr_figure *figures, const double *values,
                         const struct xr_sampler *r, const struct xr_bootstrap *bootstrap,
                         const uint32_t *draws, const struct xr_statistic *s,
                         const double *jack, struct xr_err *err)
{
    size_t total = (size_t)bootstrap->n_resamples;
    double *theta = NULL, *own = NULL;
    int status = -1;

    if (bootstrap->n_resamples < 0 || total > MAX_THETA / (s->n_figures + 1))
        return xr_fail(err, "%lld resamples of %zu figures are too many",
                       (long long)bootstrap->n_resamples, s->n_figures);
    theta = xr_alloc_array(s->n_figures * total, sizeof *theta, err);
    if (!theta || xr_sampler_run(theta, r, bootstrap, draws, s, err))
        goto done;
    if (total && bootstrap->method == XR_CI_BCA && !jack) {
        own = xr_alloc_array(s->n_figures * r->units, sizeof *own, err);
        if (!own || xr_sampler_jackknife(own, r, s, err))
            goto done;
        jack = own;
    }
    for (size_t f = 0; f < s->n_figures; f++) {
        double a = jack ? xr_sampler_acceleration(r, jack + f * r->units) : NAN;

        xr_bootstrap_bounds(&figures[f], values[f], theta + f * total, total, a,
                            bootstrap->confidence, bootstrap->method);
    }
    status = 0;
done:
    free(theta);
    free(own);
    return status;
}

/* --- figures of sums -------------------------------------------------------------- */

static void *additive_open(const void *context, struct xr_err *err)
{
    const struct xr_additive *a = context;

    return xr_alloc_array(a->m, sizeof(double), err);
}

static void additive_eval(double *figures, void *room, const void *context,
                          const uint32_t *weight)
{
    const struct xr_additive *a = context;
    double *sums = room;

    for (size_t j = 0; j < a->m; j++)
        sums[j] = xr_weighted_sum(weight, a->x + j * a->n, a->n);
    a->of(figures, sums, a->context);
}

/* All sums less those of one unit, for each. */
static void additive_jackknife(double *jack, double *figures, double *sums,
                               const double *all, const struct xr_sampler *r,
                               const struct xr_additive *a)
{
    for (size_t u = 0; u < r->units; u++) {
        uint32_t row = (uint32_t)u;
        const uint32_t *rows = r->group ? r->by_group + r->group_from[u] : &row;
        size_t n = r->group ? r->group_from[u + 1] - r->group_from[u] : 1;

        memcpy(sums, all, a->m * sizeof *sums);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < a->m; j++)
                sums[j] -= a->x[j * a->n + rows[i]];
        a->of(figures, sums, a->context);
        for (size_t f = 0; f < a->n_figures; f++)
            jack[f * r->units + u] = figures[f];
    }
}

int xr_additive_intervals(struct xr_figure *figures, const struct xr_sampler *r,
                          const struct xr_bootstrap *bootstrap,
                          const struct xr_additive *a, struct xr_err *err)
{
    const struct xr_statistic statistic = {.n_figures = a->n_figures,
                                           .context = a,
                                           .open = additive_open,
                                           .close = free,
                                           .eval = additive_eval};
    double *values = xr_alloc_array(a->n_figures, sizeof *values, err);
    double *one = xr_alloc_array(a->n_figures, sizeof *one, err);
    double *all = xr_alloc_array(a->m, sizeof *all, err);
    double *sums = xr_alloc_array(a->m, sizeof *sums, err);
    double *jack = NULL;
    int status = -1;

    if (!values || !one || !all || !sums)
        goto done;
    for (size_t j = 0; j < a->m; j++)
        all[j] = xr_sum(a->x + j * a->n, a->n);
    a->of(values, all, a->context);
    if (bootstrap->method == XR_CI_BCA && bootstrap->n_resamples) {
        jack = xr_alloc_array(a->n_figures * r->units, sizeof *jack, err);
        if (!jack)
            goto done;
        additive_jackknife(jack, one, sums, all, r, a);
    }
    status =
        xr_sampler_intervals(figures, values, r, bootstrap, NULL, &statistic, jack, err);
done:
    free(values);
    free(one);
    free(all);
    free(sums);
    free(jack);
    return status;
}
