/* Resamples of rows or groups as weights, on several threads. */
#include "stats_weighted.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define MAX_THETA ((size_t)1 << 27)

/* Resamples from..to-1, the share of one thread. */
struct share {
    const struct xr_resampling *from_rows;
    const struct xr_bootstrap *bootstrap;
    xr_weighted *measure;
    const void *of;
    double *theta;
    size_t n_figures, units, from, to;
    uint32_t *draws, *drawn, *weight; /* [units], [units], [n]; weight may be drawn */
    double *figures;                  /* [n_figures] */
    struct xr_err err;
    int status;
};

static void share_free(struct share *s)
{
    if (s->weight != s->drawn)
        free(s->weight);
    free(s->draws);
    free(s->drawn);
    free(s->figures);
}

static int share_alloc(struct share *s, struct xr_err *err)
{
    s->draws = xr_alloc_array(s->units, sizeof *s->draws, err);
    s->drawn = xr_alloc_array(s->units, sizeof *s->drawn, err);
    s->weight = s->drawn;
    if (s->from_rows->group)
        s->weight = xr_alloc_array(s->from_rows->n, sizeof *s->weight, err);
    s->figures = xr_alloc_array(s->n_figures, sizeof *s->figures, err);
    return s->draws && s->drawn && s->weight && s->figures ? 0 : -1;
}

static void *run_share(void *arg)
{
    struct share *s = arg;
    const struct xr_resampling *from = s->from_rows;
    size_t n_resamples = (size_t)s->bootstrap->n_resamples;

    for (size_t b = s->from; b < s->to && s->status == 0; b++) {
        struct xr_rng rng;

        xr_rng_init(&rng, s->bootstrap->seed, b, from->key, "bootstrap");
        xr_rng_fill_below(&rng, s->draws, s->units, (uint32_t)s->units);
        memset(s->drawn, 0, s->units * sizeof *s->drawn);
        for (size_t i = 0; i < s->units; i++)
            s->drawn[s->draws[i]]++;
        for (size_t i = 0; from->group && i < from->n; i++)
            s->weight[i] = s->drawn[from->group[i]];
        s->status = s->measure(s->figures, s->weight, s->of, &s->err);
        for (size_t f = 0; f < s->n_figures; f++)
            s->theta[f * n_resamples + b] = s->figures[f];
    }
    return NULL;
}

/* A share whose thread cannot be started is done by the caller's. */
static int run_shares(struct share *shares, size_t jobs, struct xr_err *err)
{
    pthread_t *threads = xr_alloc_array(jobs, sizeof *threads, err);
    size_t started = 1;

    if (!threads)
        return -1;
    while (started < jobs &&
           !pthread_create(&threads[started], NULL, run_share, &shares[started]))
        started++;
    run_share(&shares[0]);
    for (size_t j = started; j < jobs; j++)
        run_share(&shares[j]);
    for (size_t j = 1; j < started; j++)
        pthread_join(threads[j], NULL);
    free(threads);
    for (size_t j = 0; j < jobs; j++)
        if (shares[j].status)
            return xr_fail(err, "%s", shares[j].err.text);
    return 0;
}

int xr_resample(double *theta, size_t n_figures, const struct xr_resampling *from,
                const struct xr_bootstrap *bootstrap, xr_weighted *measure,
                const void *of, struct xr_err *err)
{
    size_t total = (size_t)bootstrap->n_resamples;
    size_t jobs = bootstrap->jobs < 1 ? 1 : (size_t)bootstrap->jobs;
    struct share *shares;
    int status = 0;

    if (bootstrap->n_resamples < 0 || (n_figures && total > MAX_THETA / n_figures))
        return xr_fail(err, "%lld resamples of %zu figures are too many",
                       (long long)bootstrap->n_resamples, n_figures);
    if (total == 0 || n_figures == 0)
        return 0;
    if (jobs > total)
        jobs = total;
    shares = xr_alloc_array(jobs, sizeof *shares, err);
    if (!shares)
        return -1;
    for (size_t j = 0; j < jobs && status == 0; j++) {
        shares[j] = (struct share){.from_rows = from,
                                   .bootstrap = bootstrap,
                                   .measure = measure,
                                   .of = of,
                                   .theta = theta,
                                   .n_figures = n_figures,
                                   .units = from->group ? from->n_groups : from->n,
                                   .from = total * j / jobs,
                                   .to = total * (j + 1) / jobs};
        status = share_alloc(&shares[j], err);
    }
    if (status == 0)
        status = run_shares(shares, jobs, err);
    for (size_t j = 0; j < jobs; j++)
        share_free(&shares[j]);
    free(shares);
    return status;
}
