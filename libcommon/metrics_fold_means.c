/* Means over folds, from resamples within folds. */
#include "metrics_fold_means.h"

#include <math.h>
#include <stdlib.h>

#include "stats_compare.h"
#include "stats_delong.h"

#define MAX_NUMBERS ((size_t)1 << 27)

static void *open_room(const void *context, struct xr_err *err)
{
    return xr_levels_room_open(context, err);
}

static void close_room(void *room)
{
    xr_levels_room_close(room);
}

static void eval_mean(double *means, void *room, const void *context,
                      const uint32_t *weight)
{
    const struct xr_levels *s = context;
    const double *figures = xr_levels_eval(room, s, weight);

    for (size_t f = 0; f < s->n_figures; f++) {
        double sum = 0.0;

        for (size_t l = 0; l < s->n; l++)
            sum += figures[l * s->n_figures + f];
        means[f] = sum / (double)s->n;
    }
}

/* Means without one unit, from the jackknife within its fold: jack [n_figures][units]
 * holds the means themselves on entry. */
static int jack_fold(double *jack, const struct xr_levels *s, size_t l, size_t units,
                     struct xr_err *err)
{
    const struct xr_level *own = &s->of[l];
    size_t local = s->scored.group ? own->scored.n_groups : own->scored.n;
    double *less = xr_alloc_array(s->n_figures * local, sizeof *less, err);
    uint32_t *to = xr_alloc_array(local, sizeof *to, err);
    int status = -1;

    if (!less || !to || xr_metrics_jackknife(less, s->metrics[l], err))
        goto done;
    for (size_t i = 0; i < own->scored.n; i++) {
        if (s->scored.group)
            to[own->group[i]] = s->scored.group[own->rows[i]];
        else
            to[i] = own->rows[i];
    }
    for (size_t f = 0; f < s->n_figures; f++)
        for (size_t u = 0; u < local; u++)
            jack[f * units + to[u]] +=
                (less[f * local + u] - s->figures[l * s->n_figures + f].value) /
                (double)s->n;
    status = 0;
done:
    free(less);
    free(to);
    return status;
}

static int jackknife(double **jack, const struct xr_levels *s, const double *means,
                     size_t units, struct xr_err *err)
{
    *jack = xr_alloc_array(s->n_figures * units, sizeof **jack, err);
    if (!*jack)
        return -1;
    for (size_t f = 0; f < s->n_figures; f++)
        for (size_t u = 0; u < units; u++)
            (*jack)[f * units + u] = means[f];
    for (size_t l = 0; l < s->n; l++)
        if (jack_fold(*jack, s, l, units, err))
            return -1;
    return 0;
}

/* Rows of a fold, or of a class within a fold, are drawn together. */
static uint32_t *strata(const struct xr_levels *s, const uint32_t *level,
                        struct xr_err *err)
{
    uint32_t *stratum = xr_alloc_array(s->scored.n, sizeof *stratum, err);

    for (size_t i = 0; stratum && i < s->scored.n; i++)
        stratum[i] = s->scored.stratified
                         ? level[i] * (uint32_t)s->scored.k + s->scored.label[i]
                         : level[i];
    return stratum;
}

static void fold_means(double *means, const struct xr_levels *s)
{
    for (size_t f = 0; f < s->n_figures; f++) {
        means[f] = 0.0;
        for (size_t l = 0; l < s->n; l++)
            means[f] += s->figures[l * s->n_figures + f].value;
        means[f] /= (double)s->n;
    }
}

static int resample(struct xr_figure *figures, const struct xr_levels *s,
                    const uint32_t *level, const struct xr_bootstrap *asked,
                    struct xr_err *err)
{
    struct xr_bootstrap bootstrap = *asked;
    size_t n_units = s->scored.group ? s->scored.n_groups : s->scored.n;
    bool large = bootstrap.method == XR_CI_BCA && n_units > MAX_NUMBERS / s->n_figures;
    const struct xr_statistic statistic = {.n_figures = s->n_figures,
                                           .context = s,
                                           .open = open_room,
                                           .close = close_room,
                                           .eval = eval_mean};
    struct xr_units units = {.n = s->scored.n,
                             .group = s->scored.group,
                             .n_groups = s->scored.n_groups,
                             .n_strata = s->n * (s->scored.stratified ? s->scored.k : 1)};
    double *means = xr_alloc_array(s->n_figures, sizeof *means, err), *jack = NULL;
    uint32_t *stratum = strata(s, level, err);
    struct xr_sampler *sampler = NULL;
    int status = -1;

    if (large)
        bootstrap.method = XR_CI_PERCENTILE;
    units.stratum = stratum;
    if (!means || !stratum || xr_sampler_open(&sampler, &units, err))
        goto done;
    fold_means(means, s);
    if ((bootstrap.method == XR_CI_BCA && jackknife(&jack, s, means, n_units, err)) ||
        xr_sampler_intervals(figures, means, sampler, &bootstrap, NULL, &statistic, jack,
                             err))
        goto done;
    for (size_t i = 0; i < s->n_figures; i++) {
        if (isnan(means[i]))
            figures[i].reason = "undefined in a fold";
        else if (large && !figures[i].note)
            figures[i].note = "too many rows for the jackknife of BCa";
    }
    status = 0;
done:
    free(means);
    free(jack);
    free(stratum);
    xr_sampler_close(sampler);
    return status;
}

/* Areas of the classes and their macro mean, with variances that add up over folds. */
static int areas(struct xr_figure *figures, const struct xr_levels *s, double confidence,
                 bool logit, struct xr_err *err)
{
    size_t k = s->scored.k;
    double n = (double)s->n;

    for (size_t c = 0; c <= k; c++) {
        struct xr_figure *figure =
            &figures[c < k ? xr_metric_at(c, XR_CLASS_ROC_AUC) : XR_METRIC_ROC_AUC_MACRO];
        const char *reason = figure->reason;
        double variance = 0.0;

        for (size_t l = 0; l < s->n; l++) {
            struct xr_areas areas;

            if (xr_areas_make(&areas, &s->of[l].scored, err))
                return -1;
            variance += xr_areas_covariance(&areas, c, &areas, c) / (n * n);
            xr_areas_free(&areas);
        }
        xr_delong_interval(figure, figure->value, variance, confidence, logit);
        figure->reason = reason;
    }
    return 0;
}

int xr_fold_means(struct xr_figure *figures, const struct xr_levels *levels,
                  const uint32_t *level, const struct xr_bootstrap *bootstrap,
                  enum xr_ci_method auc, struct xr_err *err)
{
    if (resample(figures, levels, level, bootstrap, err))
        return -1;
    if (auc != XR_CI_DELONG && auc != XR_CI_DELONG_LOGIT)
        return 0;
    return areas(figures, levels, bootstrap->confidence, auc == XR_CI_DELONG_LOGIT, err);
}
