/* Resamples of figures that may fail, by the sampler. */
#include "stats_weighted.h"

#include <math.h>
#include <pthread.h>

#define MAX_THETA ((size_t)1 << 27)

struct failure {
    pthread_mutex_t lock;
    struct xr_err err;
    int status;
};

struct call {
    xr_weighted *measure;
    const void *of;
    size_t n_figures;
    struct failure *failure; /* shared by threads */
};

static void eval(double *figures, void *room, const void *context, const uint32_t *weight)
{
    const struct call *call = context;
    struct xr_err err = {0};

    (void)room;
    if (call->measure(figures, weight, call->of, &err) == 0)
        return;
    for (size_t f = 0; f < call->n_figures; f++)
        figures[f] = NAN;
    pthread_mutex_lock(&call->failure->lock);
    if (call->failure->status == 0)
        call->failure->err = err;
    call->failure->status = -1;
    pthread_mutex_unlock(&call->failure->lock);
}

int xr_resample(double *theta, size_t n_figures, const struct xr_resampling *from,
                const struct xr_bootstrap *bootstrap, xr_weighted *measure,
                const void *of, struct xr_err *err)
{
    const struct xr_units units = {
        .n = from->n, .group = from->group, .n_groups = from->n_groups};
    struct failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct call call = {measure, of, n_figures, &failure};
    const struct xr_statistic statistic = {
        .n_figures = n_figures, .context = &call, .eval = eval};
    struct xr_sampler *sampler = NULL;
    int status;

    if (bootstrap->n_resamples < 0 ||
        (n_figures && (size_t)bootstrap->n_resamples > MAX_THETA / n_figures))
        return xr_fail(err, "%lld resamples of %zu figures are too many",
                       (long long)bootstrap->n_resamples, n_figures);
    if (bootstrap->n_resamples == 0 || n_figures == 0)
        return 0;
    if (xr_sampler_open(&sampler, &units, err))
        return -1;
    status = xr_sampler_run(theta, sampler, bootstrap, NULL, &statistic, err);
    xr_sampler_close(sampler);
    if (status == 0 && failure.status)
        status = xr_fail(err, "%s", failure.err.text);
    return status;
}
