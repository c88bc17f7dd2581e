/* The figures of a classifier: from weights, their jackknife and their bootstrap. */
#include "stats_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_sums.h"

#define MAX_JACK ((size_t)1 << 27)

void xr_metrics_confusion(uint64_t *confusion, const struct xr_metrics *m)
{
    memset(confusion, 0, m->k * m->k * sizeof *confusion);
    for (size_t i = 0; i < m->n; i++)
        confusion[m->truth[i] * m->k + m->predicted[i]]++;
}

/* weight NULL: every row once. */
static void fill(struct xr_metrics_room *room, const struct xr_metrics *m,
                 const uint32_t *weight)
{
    for (size_t i = 0; i < m->n; i++)
        room->weight[i] = weight ? weight[m->row[i]] : 1;
    xr_sums_fill(room, m);
}

void xr_metrics_eval_in(double *figures, struct xr_metrics_room *room,
                        const struct xr_metrics *m, const uint32_t *weight)
{
    fill(room, m, weight);
    xr_figures_of(figures, &room->sums, weight ? NAN : 0.0);
}

int xr_metrics_eval(double *figures, const struct xr_metrics *m, const uint32_t *weight,
                    struct xr_err *err)
{
    struct xr_metrics_room *room = xr_metrics_room_open(m, err);

    if (!room)
        return -1;
    xr_metrics_eval_in(figures, room, m, weight);
    xr_metrics_room_close(room);
    return 0;
}

int xr_metrics_reasons(const char **reasons, const struct xr_metrics *m,
                       struct xr_err *err)
{
    struct xr_metrics_room *room = xr_metrics_room_open(m, err);
    double *figures = xr_alloc_array(xr_n_metrics(m->k), sizeof *figures, err);
    int status = -1;

    if (room && figures) {
        xr_metrics_eval_in(figures, room, m, NULL);
        xr_figure_reasons(reasons, figures, &room->sums);
        status = 0;
    }
    xr_metrics_room_close(room);
    free(figures);
    return status;
}

int xr_metrics_shares(uint64_t *part, uint64_t *whole, const struct xr_metrics *m,
                      struct xr_err *err)
{
    struct xr_metrics_room *room = xr_metrics_room_open(m, err);

    if (!room)
        return -1;
    fill(room, m, NULL);
    xr_figure_shares(part, whole, &room->sums);
    xr_metrics_room_close(room);
    return 0;
}

size_t xr_metrics_top_k(const struct xr_metrics *m)
{
    return m->top_k;
}

size_t xr_metrics_n_bins(const struct xr_metrics *m)
{
    return m->n_bins;
}

int xr_metrics_bins(uint64_t *n, uint64_t *right, double *confidence,
                    const struct xr_metrics *m, struct xr_err *err)
{
    struct xr_metrics_room *room = xr_metrics_room_open(m, err);
    const struct xr_bin_sums *bins;

    if (!room)
        return -1;
    fill(room, m, NULL);
    bins = &room->sums.bins[m->k];
    memcpy(n, bins->n, m->n_bins * sizeof *n);
    memcpy(right, bins->right, m->n_bins * sizeof *right);
    memcpy(confidence, bins->confidence, m->n_bins * sizeof *confidence);
    xr_metrics_room_close(room);
    return 0;
}

/* --- resampling ------------------------------------------------------------------- */

static void *open_room(const void *context, struct xr_err *err)
{
    return xr_metrics_room_open(context, err);
}

static void close_room(void *room)
{
    xr_metrics_room_close(room);
}

static void eval_room(double *figures, void *room, const void *context,
                      const uint32_t *weight)
{
    xr_metrics_eval_in(figures, room, context, weight);
}

static struct xr_statistic statistic_of(const struct xr_metrics *m)
{
    return (struct xr_statistic){.n_figures = xr_n_metrics(m->k),
                                 .context = m,
                                 .open = open_room,
                                 .close = close_room,
                                 .eval = eval_room};
}

int xr_metrics_jackknife(double *jack, const struct xr_metrics *m, struct xr_err *err)
{
    const struct xr_statistic statistic = statistic_of(m);

    if (!m->grouped)
        return xr_jackknife_rows(jack, m, err);
    return xr_sampler_jackknife(jack, m->sampler, &statistic, err);
}

int xr_metrics_bootstrap_with(struct xr_figure *figures, const struct xr_metrics *m,
                              const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                              struct xr_err *err)
{
    const struct xr_statistic statistic = statistic_of(m);
    size_t n_figures = statistic.n_figures, units = xr_sampler_n_units(m->sampler);
    struct xr_bootstrap how = *bootstrap;
    double *values = xr_alloc_array(n_figures, sizeof *values, err), *jack = NULL;
    const char **reasons = xr_alloc_array(n_figures, sizeof *reasons, err);
    int status = -1;

    if (!values || !reasons || xr_metrics_eval(values, m, NULL, err) ||
        xr_metrics_reasons(reasons, m, err))
        goto done;
    if (how.n_resamples && how.method == XR_CI_BCA) {
        if (units > MAX_JACK / n_figures) {
            how.method = XR_CI_PERCENTILE;
        } else {
            jack = xr_alloc_array(n_figures * units, sizeof *jack, err);
            if (!jack || xr_metrics_jackknife(jack, m, err))
                goto done;
        }
    }
    if (xr_sampler_intervals(figures, values, m->sampler, &how, draws, &statistic, jack,
                             err))
        goto done;
    for (size_t f = 0; f < n_figures; f++) {
        figures[f].reason = reasons[f];
        if (how.method != bootstrap->method && figures[f].method == XR_CI_PERCENTILE)
            figures[f].note = "too many rows for the jackknife of BCa";
    }
    status = 0;
done:
    free(values);
    free(reasons);
    free(jack);
    return status;
}

int xr_metrics_bootstrap(struct xr_figure *figures, const struct xr_metrics *metrics,
                         const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    return xr_metrics_bootstrap_with(figures, metrics, bootstrap, NULL, err);
}

int xr_metrics_point(double *figures, const float *p, const int64_t *label, size_t n,
                     size_t k, struct xr_err *err)
{
    struct xr_scored scored = {.n = n, .k = k};
    struct xr_metrics *metrics = NULL;
    double *wide = NULL;
    uint32_t *narrow = NULL;
    int status = -1;

    if (k && n > SIZE_MAX / k)
        return xr_fail(err, "too many rows");
    wide = xr_alloc_array(n * k, sizeof *wide, err);
    narrow = xr_alloc_array(n, sizeof *narrow, err);
    if (!wide || !narrow)
        goto done;
    for (size_t i = 0; i < n * k; i++)
        wide[i] = (double)p[i];
    for (size_t i = 0; i < n; i++)
        narrow[i] =
            label[i] < 0 || label[i] >= UINT32_MAX ? UINT32_MAX : (uint32_t)label[i];
    scored.p = wide;
    scored.label = narrow;
    if (xr_metrics_open(&metrics, &scored, err) == 0)
        status = xr_metrics_eval(figures, metrics, NULL, err);
done:
    xr_metrics_close(metrics);
    free(wide);
    free(narrow);
    return status;
}
