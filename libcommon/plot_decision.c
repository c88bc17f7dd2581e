/* Decision curves. */
#include <math.h>
#include <stdlib.h>

#include "plot_kinds.h"
#include "stats_decision.h"

#define MAX_PANELS 4
#define THRESHOLDS 99 /* 0.01, 0.02, ... 0.99 */

static struct xr_series *put_curve(struct xr_drawing *d, struct xr_panel *panel,
                                   const double *x, const struct xr_figure *y, int color,
                                   const char *name, size_t group)
{
    struct xr_series *s = xr_draw_series(d, panel, XR_MARK_LINE, color, THRESHOLDS, 0);

    if (!s)
        return NULL;
    s->name = xr_draw_text(d, "%s", name);
    s->group = group;
    for (size_t i = 0; i < THRESHOLDS; i++) {
        s->x[i] = x[i];
        s->y[i] = y[i].value;
    }
    return s;
}

/* The net benefit of one class, of acting on all rows and on none. */
static void put_class(struct xr_drawing *d, struct xr_panel *panel,
                      const struct xr_decision *curve, bool intervals)
{
    struct xr_series *band, *all;
    double most = 0.0;

    if (intervals) {
        band = xr_draw_series(d, panel, XR_MARK_BAND, 0, THRESHOLDS, 0);
        for (size_t i = 0; band && i < THRESHOLDS; i++) {
            band->group = 1;
            band->x[i] = curve->threshold[i];
            band->low[i] = curve->net_benefit[i].low;
            band->high[i] = curve->net_benefit[i].high;
        }
    }
    put_curve(d, panel, curve->threshold, curve->net_benefit, 0, "act on the score", 1);
    all = put_curve(d, panel, curve->threshold, curve->treat_all, 1, "act on all", 2);
    if (all) {
        all->thin = true;
        all->dash = 2;
    }
    xr_draw_rule(d, panel, 0.0, 0.0, 1.0, 0.0);
    for (size_t i = 0; i < THRESHOLDS; i++) {
        const struct xr_figure *f = &curve->net_benefit[i];

        most = fmax(most, fmax(f->value, isnan(f->high) ? 0.0 : f->high));
        most = fmax(most, curve->treat_all[i].value);
    }
    /* far below zero nothing is to be seen: there one would rather not act */
    panel->y.from = most > 0.0 ? -0.15 * most : -0.05;
    panel->y.to = most > 0.0 ? 1.05 * most : 0.05;
}

int xr_plot_decision(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    bool intervals = scored->bootstrap->n_resamples > 0;
    double threshold[THRESHOLDS];
    size_t wanted = 0;

    if (xr_plot_check(d, scored))
        return -1;
    for (size_t i = 0; i < THRESHOLDS; i++)
        threshold[i] = (double)(i + 1) / (THRESHOLDS + 1);
    for (size_t c = 0; c < p->k; c++)
        wanted += xr_plot_wanted(scored, c);
    d->failed = true;
    if (wanted > MAX_PANELS)
        return xr_fail(d->err,
                       "%s: %zu classes are too many for decision curves (%d at most): "
                       "choose some with --class",
                       p->table.name, wanted, MAX_PANELS);
    d->failed = false;
    for (size_t c = p->k == 2 && !scored->n_only ? 1 : 0; c < p->k; c++) {
        struct xr_decision curve;
        struct xr_panel *panel;
        char *x;

        if (!xr_plot_wanted(scored, c))
            continue;
        if (xr_decision_make(&curve, scored->rows, c, threshold, THRESHOLDS,
                             scored->bootstrap, d->err)) {
            d->failed = true;
            return -1;
        }
        x = xr_draw_text(d, "threshold of the probability of %s", p->classes[c]);
        panel = xr_draw_panel(d, x ? x : "", "net benefit");
        free(x);
        panel->ratio = 0.5;
        panel->x.from = 0.0;
        panel->x.to = 1.0;
        panel->x.step = 0.2;
        panel->x.format = "%.1f";
        put_class(d, panel, &curve, intervals);
        xr_decision_free(&curve);
        if (--wanted > (size_t)(p->k == 2 && !scored->n_only)) /* one legend for all */
            for (size_t i = 0; i < panel->n_series; i++) {
                free(panel->series[i]->name);
                panel->series[i]->name = NULL;
            }
        else if (intervals)
            panel->legend = xr_draw_text(d, "[%.4g %% band, at each threshold]",
                                         100.0 * scored->bootstrap->confidence);
    }
    return d->failed ? -1 : 0;
}
