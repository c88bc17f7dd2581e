/* Values, resamples, jackknife and intervals of any figures. */
#include "stats_figures.h"

#include <math.h>
#include <stdlib.h>

#define MAX_JACK_UNITS 20000

/* jack [n_figures][units]: the figures with every unit left out in turn. */
static int jackknife(double *jack, size_t n_figures, const struct xr_resampling *from,
                     size_t units, xr_weighted *measure, const void *of,
                     struct xr_err *err)
{
    uint32_t *weight = xr_alloc_array(from->n, sizeof *weight, err);
    double *figures = xr_alloc_array(n_figures, sizeof *figures, err);
    int status = weight && figures ? 0 : -1;

    for (size_t u = 0; u < units && status == 0; u++) {
        for (size_t i = 0; i < from->n; i++)
            weight[i] = (from->group ? from->group[i] : i) != u;
        status = measure(figures, weight, of, err);
        for (size_t f = 0; f < n_figures && status == 0; f++)
            jack[f * units + u] = figures[f];
    }
    free(weight);
    free(figures);
    return status;
}

static int measure_all(double *values, const struct xr_resampling *from,
                       xr_weighted *measure, const void *of, struct xr_err *err)
{
    uint32_t *weight = xr_alloc_array(from->n, sizeof *weight, err);
    int status = -1;

    if (weight) {
        for (size_t i = 0; i < from->n; i++)
            weight[i] = 1;
        status = measure(values, weight, of, err);
    }
    free(weight);
    return status;
}

int xr_figures_bootstrap(struct xr_figure *figures, size_t n_figures,
                         const struct xr_resampling *from,
                         const struct xr_bootstrap *bootstrap, xr_weighted *measure,
                         const void *of, struct xr_err *err)
{
    struct xr_bootstrap b = *bootstrap;
    size_t total = (size_t)b.n_resamples, units = from->group ? from->n_groups : from->n;
    bool many = b.method == XR_CI_BCA && total && units > MAX_JACK_UNITS;
    double *values = xr_alloc_array(n_figures, sizeof *values, err), *theta = NULL,
           *jack = NULL;
    int status = -1;

    if (many)
        b.method = XR_CI_PERCENTILE;
    if (!values || measure_all(values, from, measure, of, err))
        goto done;
    if (total) {
        if (n_figures > SIZE_MAX / sizeof *theta / total)
            goto done;
        theta = xr_alloc_array(n_figures * total, sizeof *theta, err);
        if (!theta || xr_resample(theta, n_figures, from, &b, measure, of, err))
            goto done;
    }
    if (total && b.method == XR_CI_BCA) {
        jack = xr_alloc_array(n_figures * units, sizeof *jack, err);
        if (!jack || jackknife(jack, n_figures, from, units, measure, of, err))
            goto done;
    }
    for (size_t f = 0; f < n_figures; f++) {
        xr_bootstrap_interval(&figures[f], values[f], theta ? theta + f * total : NULL,
                              total, jack ? jack + f * units : NULL, units, b.confidence,
                              b.method);
        if (many && !figures[f].note && figures[f].method == XR_CI_PERCENTILE)
            figures[f].note = "BCa is left out: its jackknife is of too many units";
    }
    status = 0;
done:
    free(values);
    free(theta);
    free(jack);
    return status;
}

void xr_figures_said(cJSON *json, const struct xr_bootstrap *bootstrap,
                     const struct xr_resampling *from, const char *unit)
{
    cJSON *b = cJSON_AddObjectToObject(json, "bootstrap");

    cJSON_AddStringToObject(b, "method", xr_ci_method_name(bootstrap->method));
    cJSON_AddNumberToObject(b, "resamples", (double)bootstrap->n_resamples);
    cJSON_AddNumberToObject(b, "confidence", bootstrap->confidence);
    cJSON_AddNumberToObject(b, "seed", (double)bootstrap->seed);
    cJSON_AddStringToObject(b, "unit", from->group ? "group" : unit);
    cJSON_AddNumberToObject(b, "units", (double)(from->group ? from->n_groups : from->n));
}
