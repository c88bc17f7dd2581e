/* The plots of one file of predictions that are curves or counts: confusion, ROC,
 * precision-recall. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot_kinds.h"
#include "stats_bands.h"
#include "stats_proportion.h"

#define MAX_BANDS 4           /* more would cover each other */
#define FINEST (1.0 / 2000.0) /* points nearer than this share of an axis are one */

bool xr_plot_wanted(const struct xr_plot_scored *scored, size_t c)
{
    for (size_t i = 0; i < scored->n_only; i++)
        if (!strcmp(scored->only[i], scored->predictions->classes[c]))
            return true;
    return scored->n_only == 0;
}

int xr_plot_check(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;

    d->failed = true;
    if (p->k > XR_PLOT_CLASSES)
        return xr_fail(d->err, "%s: %zu classes are too many for a plot (%d at most)",
                       p->table.name, p->k, XR_PLOT_CLASSES);
    for (size_t i = 0; i < scored->n_only; i++) {
        size_t c = 0;

        while (c < p->k && strcmp(scored->only[i], p->classes[c]) != 0)
            c++;
        if (c == p->k)
            return xr_fail(d->err, "%s: no class '%s'", p->table.name, scored->only[i]);
    }
    d->failed = false;
    return 0;
}

bool xr_plot_intervals(const struct xr_plot_scored *scored)
{
    for (size_t i = 0; i < xr_n_metrics(scored->predictions->k); i++)
        if (!isnan(scored->figures[i].low))
            return true;
    return false;
}

static bool has_interval(const struct xr_figure *f)
{
    return !isnan(f->low) && !f->constant;
}

/* --- confusion -------------------------------------------------------------------- */

static void put_cell(struct xr_drawing *d, struct xr_panel *panel,
                     const struct xr_plot_scored *scored, size_t t, size_t c,
                     uint64_t count, uint64_t row)
{
    const struct xr_predictions *p = scored->predictions;
    bool intervals = scored->bootstrap->n_resamples > 0 && !p->group;
    struct xr_figure f = {.low = NAN};
    double share = row ? (double)count / (double)row : 0.0;
    struct xr_cell_drawn *cell = xr_draw_cell(d, panel, (double)c, (double)t, share);

    if (!cell)
        return;
    cell->lines[0] = xr_draw_text(d, "%llu", (unsigned long long)count);
    if (row)
        cell->lines[1] = xr_draw_text(d, "%.1f %%", 100.0 * share);
    if (row && t != c && intervals)
        xr_proportion(&f, count, row, scored->bootstrap->confidence, XR_CI_WILSON);
    else if (t == c)
        f = scored->figures[xr_metric_at(t, XR_CLASS_RECALL)];
    if (row && has_interval(&f))
        cell->lines[2] = xr_draw_text(d, "[%.1f, %.1f]", 100.0 * f.low, 100.0 * f.high);
    cell->note =
        xr_draw_text(d, "truth %s, predicted %s: %llu of %llu%s%s", p->classes[t],
                     p->classes[c], (unsigned long long)count, (unsigned long long)row,
                     cell->lines[1] ? ", " : "", cell->lines[1] ? cell->lines[1] : "");
}

int xr_plot_confusion(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    size_t k = p->k;
    struct xr_panel *panel;
    uint64_t *counts;
    char text[64];

    if (xr_plot_check(d, scored))
        return -1;
    counts = xr_alloc_array(k * k, sizeof *counts, d->err);
    if (!counts) {
        d->failed = true;
        return -1;
    }
    xr_metrics_confusion(counts, scored->metrics);
    panel = xr_draw_panel(d, "predicted", "truth");
    panel->ratio = k == 1 ? 0.4 : k < 4 ? 0.8 : 0.9;
    xr_draw_names(d, &panel->x, p->classes, k);
    xr_draw_names(d, &panel->y, p->classes, k);
    panel->y.from = (double)k - 0.5;
    panel->y.to = -0.5;
    for (size_t t = 0; t < k; t++) {
        uint64_t row = 0;

        for (size_t c = 0; c < k; c++)
            row += counts[t * k + c];
        for (size_t c = 0; c < k; c++)
            put_cell(d, panel, scored, t, c, counts[t * k + c], row);
    }
    free(counts);
    xr_draw_figure(text, sizeof text, &scored->figures[XR_METRIC_ACCURACY]);
    xr_draw_note(d, "accuracy %s", text);
    xr_draw_figure(text, sizeof text, &scored->figures[XR_METRIC_BALANCED_ACCURACY]);
    if (xr_plot_intervals(scored))
        xr_draw_note(d, "balanced accuracy %s (%.4g %% intervals)", text,
                     100.0 * scored->bootstrap->confidence);
    else
        xr_draw_note(d, "balanced accuracy %s", text);
    return d->failed ? -1 : 0;
}

/* --- ROC and precision-recall ----------------------------------------------------- */

static int class_curve(struct xr_curve *curve, const struct xr_predictions *p, size_t c,
                       struct xr_err *err)
{
    double *score = xr_alloc_array(p->n, sizeof *score, err);
    unsigned char *positive = xr_alloc_array(p->n, 1, err);
    int status = -1;

    if (score && positive) {
        for (size_t i = 0; i < p->n; i++) {
            score[i] = p->p[i * p->k + c];
            positive[i] = p->label[i] == c;
        }
        status = xr_curve_make(curve, score, positive, p->n, err);
    }
    free(score);
    free(positive);
    return status;
}

/* The points of one curve, those left out that no eye can tell from their neighbours. */
static struct xr_series *put_curve(struct xr_drawing *d, struct xr_panel *panel,
                                   const struct xr_curve *curve, int color, bool pr)
{
    double pos = (double)curve->tp[curve->n - 1], neg = (double)curve->fp[curve->n - 1];
    struct xr_series *s = xr_draw_series(d, panel, pr ? XR_MARK_STEPS : XR_MARK_LINE,
                                         color, curve->n + 1, 0);
    size_t n = 0;

    if (!s)
        return NULL;
    for (size_t i = 0; i < curve->n; i++) {
        double tp = (double)curve->tp[i], fp = (double)curve->fp[i];
        double x = pr ? tp / pos : fp / neg, y = pr ? tp / (tp + fp) : tp / pos;

        if (i == 0) {
            s->x[n] = 0.0;
            s->y[n++] = pr ? y : 0.0;
        } else if (pr && curve->tp[i] == curve->tp[i - 1]) {
            continue; /* only falls, where nothing more is found */
        }
        s->x[n] = x;
        s->y[n++] = y;
    }
    s->n = n;
    xr_draw_thin(s, FINEST, FINEST);
    return s;
}

static void put_band(struct xr_drawing *d, struct xr_panel *panel,
                     const struct xr_band *band, int color, size_t group)
{
    struct xr_series *s =
        xr_draw_series(d, panel, XR_MARK_BAND, color, XR_BAND_POINTS, 0);

    if (!s)
        return;
    s->group = group;
    for (size_t i = 0; i < XR_BAND_POINTS; i++) {
        s->x[i] = (double)i / (XR_BAND_POINTS - 1);
        s->low[i] = band->low[i];
        s->high[i] = band->high[i];
    }
}

/* Where the decision for the largest score stands, with intervals where there is room. */
static void put_decision(struct xr_drawing *d, struct xr_panel *panel,
                         const struct xr_plot_scored *scored, size_t c, int color,
                         size_t group, bool pr, bool intervals)
{
    const struct xr_figure *own = &scored->figures[xr_metric_at(c, 0)];
    const struct xr_figure *recall = &own[XR_CLASS_RECALL];
    const struct xr_figure *x = pr ? recall : &own[XR_CLASS_SPECIFICITY];
    const struct xr_figure *y = pr ? &own[XR_CLASS_PRECISION] : recall;
    struct xr_series *s;
    char texts[2][64];

    if (pr && recall->value == 0.0)
        return; /* without a hit there is no point on the curve */
    s = xr_draw_series(d, panel, XR_MARK_POINTS, color, 1,
                       XR_DRAW_NOTED |
                           (intervals ? XR_DRAW_LOW_HIGH | XR_DRAW_LEFT_RIGHT : 0));
    if (!s)
        return;
    s->group = group;
    s->x[0] = pr ? x->value : 1.0 - x->value;
    s->y[0] = y->value;
    if (intervals) {
        s->low[0] = y->low;
        s->high[0] = y->high;
        s->left[0] = pr ? x->low : 1.0 - x->high;
        s->right[0] = pr ? x->high : 1.0 - x->low;
    }
    xr_draw_figure(texts[0], sizeof texts[0], x);
    xr_draw_figure(texts[1], sizeof texts[1], y);
    s->notes[0] =
        xr_draw_text(d, "%s, decision for the largest score: %s %s, %s %s",
                     scored->predictions->classes[c], pr ? "recall" : "specificity",
                     texts[0], pr ? "precision" : "sensitivity", texts[1]);
}

/* A class in the legend: "0.778 [0.704, 0.839]" and its name. */
static void entitle(struct xr_drawing *d, struct xr_series *s, const char *name,
                    const struct xr_figure *f)
{
    char text[64];

    xr_draw_figure(text, sizeof text, f);
    s->value = xr_draw_text(d, "%s", text);
    s->name = xr_draw_text(d, "%s", name);
}

static int draw_class(struct xr_drawing *d, struct xr_panel *panel,
                      const struct xr_plot_scored *scored, size_t c, bool pr,
                      const struct xr_band *band, int color)
{
    const struct xr_predictions *p = scored->predictions;
    const struct xr_figure *f = &scored->figures[xr_metric_at(
        c, pr ? XR_CLASS_AVERAGE_PRECISION : XR_CLASS_ROC_AUC)];
    struct xr_curve curve;
    struct xr_series *s;
    double share;

    if (isnan(f->value)) {
        s = xr_draw_series(d, panel, XR_MARK_LINE, XR_GRAY, 0, 0);
        if (s)
            entitle(d, s, p->classes[c], f);
        return d->failed ? -1 : 0;
    }
    if (class_curve(&curve, p, c, d->err)) {
        d->failed = true;
        return -1;
    }
    if (pr) {
        share = (double)curve.tp[curve.n - 1] / (double)p->n;
        xr_draw_rule(d, panel, 0.0, share, 1.0, share);
        if (!d->failed) {
            panel->series[panel->n_series - 1]->color = color;
            panel->series[panel->n_series - 1]->group = c + 1;
        }
    }
    if (band)
        put_band(d, panel, band, color, c + 1);
    s = put_curve(d, panel, &curve, color, pr);
    xr_curve_free(&curve);
    if (s) {
        entitle(d, s, p->classes[c], f);
        s->group = c + 1;
    }
    return d->failed ? -1 : 0;
}

static int draw_curves(struct xr_drawing *d, const struct xr_plot_scored *scored, bool pr)
{
    const struct xr_predictions *p = scored->predictions;
    const struct xr_figure *mean =
        &scored->figures[pr ? XR_METRIC_AVERAGE_PRECISION : XR_METRIC_ROC_AUC_MACRO];
    const enum xr_class_metric metric =
        pr ? XR_CLASS_AVERAGE_PRECISION : XR_CLASS_ROC_AUC;
    size_t classes[XR_PLOT_CLASSES], n = 0, defined = 0;
    size_t with_band[MAX_BANDS], n_bands = 0;
    struct xr_band *bands = NULL;
    bool intervals = scored->bootstrap->n_resamples > 0;
    struct xr_panel *panel;
    int status = -1;

    if (xr_plot_check(d, scored))
        return -1;
    for (size_t c = p->k == 2 && !scored->n_only ? 1 : 0; c < p->k; c++) {
        if (!xr_plot_wanted(scored, c))
            continue;
        classes[n++] = c;
        if (isnan(scored->figures[xr_metric_at(c, metric)].value))
            continue;
        if (defined++ < MAX_BANDS)
            with_band[n_bands++] = c;
    }
    intervals = intervals && defined <= MAX_BANDS;
    panel = xr_draw_panel(d, pr ? "recall" : "1 \xe2\x88\x92 specificity",
                          pr ? "precision" : "sensitivity");
    panel->x.from = panel->y.from = 0.0;
    panel->x.to = panel->y.to = 1.0;
    panel->x.step = panel->y.step = 0.2;
    panel->x.format = panel->y.format = "%.1f";
    panel->legend = xr_draw_text(d, pr ? "average precision" : "AUC");
    if (xr_plot_intervals(scored)) {
        free(panel->legend);
        panel->legend =
            xr_draw_text(d, "%s [%.4g %% interval]", pr ? "average precision" : "AUC",
                         100.0 * scored->bootstrap->confidence);
    }
    if (!pr)
        xr_draw_rule(d, panel, 0.0, 0.0, 1.0, 1.0);
    bands = xr_alloc_array(MAX_BANDS, sizeof *bands, d->err);
    if (!bands || (intervals && n_bands &&
                   xr_curve_bands(bands, scored->rows, with_band, n_bands, pr,
                                  scored->bootstrap, d->err))) {
        d->failed = true;
        goto done;
    }
    for (size_t i = 0, b = 0; i < n; i++) {
        bool has = b < n_bands && classes[i] == with_band[b];

        if (draw_class(d, panel, scored, classes[i], pr,
                       has && intervals ? &bands[b] : NULL, (int)i))
            goto done;
        b += has;
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(scored->figures[xr_metric_at(classes[i], metric)].value))
            continue;
        if (!scored->points)
            put_decision(d, panel, scored, classes[i], (int)i, classes[i] + 1, pr,
                         intervals);
        else if (xr_plot_points(d, panel, scored, classes[i], (int)i, pr))
            goto done;
    }
    if (p->k > 2 && !scored->n_only) {
        struct xr_series *s = xr_draw_series(d, panel, XR_MARK_LINE, XR_BLANK, 0, 0);

        if (s)
            entitle(d, s, "macro average", mean);
    }
    status = d->failed ? -1 : 0;
done:
    free(bands);
    return status;
}

int xr_plot_roc(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    return draw_curves(d, scored, false);
}

int xr_plot_pr(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    return draw_curves(d, scored, true);
}
