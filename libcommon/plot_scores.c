/* Plots of scores themselves: how they are distributed, and how far they are right. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot_kinds.h"
#include "stats_proportion.h"

#define MAX_PANELS 4
#define BINS 25

static void name_line(struct xr_drawing *d, struct xr_series *s,
                      const struct xr_predictions *p, size_t t, uint64_t n)
{
    s->name = xr_draw_text(d, "truth %s (%llu)", p->classes[t], (unsigned long long)n);
    s->group = t + 1;
}

/* The outline of a histogram of the shares of rows of class t by the score of class c. */
static int put_outline(struct xr_drawing *d, struct xr_panel *panel,
                       const struct xr_predictions *p, size_t c, size_t t)
{
    uint64_t counts[BINS] = {0}, all = 0;
    struct xr_series *s;

    for (size_t i = 0; i < p->n; i++) {
        size_t bin = (size_t)(p->p[i * p->k + c] * BINS);

        if (p->label[i] != t)
            continue;
        counts[bin < BINS ? bin : BINS - 1]++;
        all++;
    }
    if (!all)
        return 0;
    s = xr_draw_series(d, panel, XR_MARK_LINE, (int)t, 2 * BINS + 2, 0);
    if (!s)
        return -1;
    name_line(d, s, p, t, all);
    for (size_t b = 0; b < BINS; b++) {
        s->x[2 * b + 1] = (double)b / BINS;
        s->x[2 * b + 2] = (double)(b + 1) / BINS;
        s->y[2 * b + 1] = s->y[2 * b + 2] = 100.0 * (double)counts[b] / (double)all;
    }
    s->x[0] = s->y[0] = s->y[2 * BINS + 1] = 0.0;
    s->x[2 * BINS + 1] = 1.0;
    return d->failed ? -1 : 0;
}

/* Of many classes: quantiles of the score of the true class, a row a class. */
static int put_quantiles(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    struct xr_panel *panel = xr_draw_panel(d, "probability of the true class", "truth");
    double *scores = xr_alloc_array(p->n, sizeof *scores, d->err);
    int status = -1;

    if (!scores)
        goto done;
    xr_draw_names(d, &panel->y, p->classes, p->k);
    panel->y.from = (double)p->k - 0.5;
    panel->y.to = -0.5;
    panel->x.from = 0.0;
    panel->x.to = 1.0;
    panel->x.step = 0.2;
    panel->rows = true;
    xr_draw_note(d, "dot: median; thick line: half of the rows; thin: 90 %%");
    for (size_t t = 0; t < p->k; t++) {
        static const double at[] = {0.05, 0.25, 0.5, 0.75, 0.95};
        struct xr_series *outer, *inner, *middle;
        double q[5];
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
            if (p->label[i] == t)
                scores[n++] = p->p[i * p->k + t];
        if (!n || !xr_plot_wanted(scored, t))
            continue;
        xr_sort(scores, n);
        for (size_t i = 0; i < 5; i++)
            q[i] = xr_quantile_sorted(scores, n, at[i]);
        outer = xr_draw_series(d, panel, XR_MARK_LINE, 0, 2, 0);
        inner = xr_draw_series(d, panel, XR_MARK_LINE, 4, 2, 0);
        middle = xr_draw_series(d, panel, XR_MARK_POINTS, 0, 1, XR_DRAW_NOTED);
        if (!outer || !inner || !middle)
            goto done;
        outer->dash = 1;
        outer->x[0] = q[0];
        outer->x[1] = q[4];
        outer->y[0] = outer->y[1] = (double)t;
        inner->x[0] = q[1];
        inner->x[1] = q[3];
        inner->y[0] = inner->y[1] = (double)t;
        inner->thick = true;
        middle->x[0] = q[2];
        middle->y[0] = (double)t;
        middle->notes[0] =
            xr_draw_text(d,
                         "%s (%zu): median %.3f, half in %.3f to %.3f, 90 %% in %.3f "
                         "to %.3f",
                         p->classes[t], n, q[2], q[1], q[3], q[0], q[4]);
    }
    status = d->failed ? -1 : 0;
done:
    d->failed = d->failed || status != 0;
    free(scores);
    return status;
}

int xr_plot_scores(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    size_t n = 0;

    if (xr_plot_check(d, scored))
        return -1;
    for (size_t c = 0; c < p->k; c++)
        n += xr_plot_wanted(scored, c);
    if (p->k > MAX_PANELS && (!scored->n_only || n > MAX_PANELS))
        return put_quantiles(d, scored);
    for (size_t c = p->k == 2 && !scored->n_only ? 1 : 0; c < p->k; c++) {
        struct xr_panel *panel;
        char *x;

        if (!xr_plot_wanted(scored, c))
            continue;
        x = xr_draw_text(d, "probability of %s", p->classes[c]);
        panel = xr_draw_panel(d, x ? x : "", "rows, %");
        free(x);
        panel->ratio = 0.4;
        panel->x.from = panel->y.from = 0.0;
        panel->x.to = 1.0;
        panel->x.step = 0.2;
        panel->x.format = "%.1f";
        for (size_t t = 0; t < p->k; t++)
            if (put_outline(d, panel, p, c, t))
                return -1;
        /* one legend for all panels */
        for (size_t i = 0; c + 1 < p->k && i < panel->n_series; i++) {
            bool last = true;

            for (size_t later = c + 1; later < p->k; later++)
                last = last && !xr_plot_wanted(scored, later);
            if (!last) {
                free(panel->series[i]->name);
                panel->series[i]->name = NULL;
            }
        }
    }
    return d->failed ? -1 : 0;
}

/* --- reliability ------------------------------------------------------------------- */

/* Rows by confidence: how many, how many of them right, sum of the confidences. */
struct bins {
    size_t n;
    uint64_t *rows, *right;
    double *confidence;
};

static void bins_free(struct bins *bins)
{
    free(bins->rows);
    free(bins->right);
    free(bins->confidence);
}

static int bins_alloc(struct bins *bins, size_t n, struct xr_err *err)
{
    *bins = (struct bins){.n = n};
    bins->rows = xr_alloc_array(n, sizeof *bins->rows, err);
    bins->right = xr_alloc_array(n, sizeof *bins->right, err);
    bins->confidence = xr_alloc_array(n, sizeof *bins->confidence, err);
    return bins->rows && bins->right && bins->confidence ? 0 : -1;
}

/* The score of one class against "is of this class", in bins as those of the predicted
 * class: (b / n, (b + 1) / n], 0 in the first. */
static void bin_class(struct bins *bins, const struct xr_predictions *p, size_t c)
{
    for (size_t i = 0; i < p->n; i++) {
        double score = p->p[i * p->k + c];
        size_t b = (size_t)(score * (double)bins->n);

        while (b > 0 && score <= (double)b / (double)bins->n)
            b--;
        b = b < bins->n ? b : bins->n - 1;
        bins->rows[b]++;
        bins->right[b] += p->label[i] == c;
        bins->confidence[b] += score;
    }
}

static void put_reliability(struct xr_drawing *d, struct xr_panel *panel,
                            const struct bins *bins, const struct xr_plot_scored *scored)
{
    const struct xr_bootstrap *bootstrap = scored->bootstrap;
    bool intervals = bootstrap->n_resamples > 0 && !scored->predictions->group;
    struct xr_series *line, *points;
    size_t used = 0, at = 0;
    char text[64];

    for (size_t b = 0; b < bins->n; b++)
        used += bins->rows[b] > 0;
    line = xr_draw_series(d, panel, XR_MARK_LINE, 0, used, 0);
    points = xr_draw_series(d, panel, XR_MARK_POINTS, 0, used,
                            XR_DRAW_NOTED | XR_DRAW_LOW_HIGH);
    if (!line || !points)
        return;
    line->thin = true;
    for (size_t b = 0; b < bins->n; b++) {
        struct xr_figure f = {.low = NAN, .high = NAN};

        if (!bins->rows[b])
            continue;
        xr_proportion(&f, bins->right[b], bins->rows[b], bootstrap->confidence,
                      intervals ? XR_CI_WILSON : XR_CI_NONE);
        line->x[at] = points->x[at] = bins->confidence[b] / (double)bins->rows[b];
        line->y[at] = points->y[at] = f.value;
        points->low[at] = f.low;
        points->high[at] = f.high;
        xr_draw_figure(text, sizeof text, &f);
        points->notes[at] =
            xr_draw_text(d, "%llu rows between %.3g and %.3g: mean %.3f, share %s",
                         (unsigned long long)bins->rows[b], (double)b / (double)bins->n,
                         (double)(b + 1) / (double)bins->n, line->x[at], text);
        at++;
    }
}

static void put_counts(struct xr_drawing *d, struct xr_panel *panel,
                       const struct bins *bins)
{
    struct xr_series *bars =
        xr_draw_series(d, panel, XR_MARK_BARS, 4, bins->n, XR_DRAW_NOTED);

    if (!bars)
        return;
    bars->width = 0.94 / (double)bins->n;
    for (size_t b = 0; b < bins->n; b++) {
        bars->x[b] = ((double)b + 0.5) / (double)bins->n;
        bars->y[b] = (double)bins->rows[b];
        bars->notes[b] = xr_draw_text(d, "%llu rows", (unsigned long long)bins->rows[b]);
    }
}

static void unit_axis(struct xr_axis *axis)
{
    axis->from = 0.0;
    axis->to = 1.0;
    axis->step = 0.2;
    axis->format = "%.1f";
}

static void say_figure(struct xr_drawing *d, struct xr_panel *panel, const char *name,
                       const struct xr_figure *f)
{
    struct xr_series *s = xr_draw_series(d, panel, XR_MARK_LINE, XR_BLANK, 0, 0);
    char text[64];

    if (!s)
        return;
    xr_draw_figure(text, sizeof text, f);
    s->value = xr_draw_text(d, "%s", text);
    s->name = xr_draw_text(d, "%s", name);
}

int xr_plot_reliability(struct xr_drawing *d, const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    struct xr_panel *panel;
    struct bins bins = {0};
    size_t c = 0;
    int status = -1;
    char *x = NULL;

    if (xr_plot_check(d, scored))
        return -1;
    if (scored->n_only > 1) {
        xr_fail_usage(d->err, "reliability shows one --class");
        goto done;
    }
    while (scored->n_only && c < p->k && !xr_plot_wanted(scored, c))
        c++;
    if (bins_alloc(&bins, xr_metrics_n_bins(scored->metrics), d->err))
        goto done;
    if (scored->n_only)
        bin_class(&bins, p, c);
    else if (xr_metrics_bins(bins.rows, bins.right, bins.confidence, scored->metrics,
                             d->err))
        goto done;
    x = scored->n_only ? xr_draw_text(d, "probability of %s", p->classes[c])
                       : xr_draw_text(d, "probability of the predicted class");
    panel = xr_draw_panel(d, "", scored->n_only ? "share of the class" : "share right");
    panel->ratio = 0.9;
    unit_axis(&panel->x);
    unit_axis(&panel->y);
    xr_draw_rule(d, panel, 0.0, 0.0, 1.0, 1.0);
    put_reliability(d, panel, &bins, scored);
    panel = xr_draw_panel(d, x ? x : "", "rows");
    panel->ratio = 0.3;
    unit_axis(&panel->x);
    panel->y.from = 0.0;
    put_counts(d, panel, &bins);
    if (xr_plot_intervals(scored))
        panel->legend =
            xr_draw_text(d, "[%.4g %% interval]", 100.0 * scored->bootstrap->confidence);
    if (scored->n_only) {
        say_figure(d, panel, "calibration error",
                   &scored->figures[xr_metric_at(c, XR_CLASS_ECE)]);
        say_figure(d, panel, "Brier score",
                   &scored->figures[xr_metric_at(c, XR_CLASS_BRIER)]);
    } else {
        say_figure(d, panel, "expected calibration error",
                   &scored->figures[XR_METRIC_ECE]);
        say_figure(d, panel, "largest calibration error",
                   &scored->figures[XR_METRIC_MCE]);
    }
    status = d->failed ? -1 : 0;
done:
    d->failed = d->failed || status != 0;
    free(x);
    bins_free(&bins);
    return status;
}
