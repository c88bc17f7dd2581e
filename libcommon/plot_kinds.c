/* The scripts of the plots that show predictions: confusion, ROC, precision-recall. */
#include "plot_kinds.h"

#include <math.h>
#include <stdlib.h>

#define MAX_CLASSES 40
#define MAX_NAME 24           /* characters of a class name in a legend */
#define FINEST (1.0 / 2000.0) /* points nearer than this share of an axis are one */

static int finish(struct xr_script *script)
{
    return script->failed ? -1 : 0;
}

static int refuse(struct xr_script *script, const struct xr_plot_scored *scored)
{
    script->failed = true;
    return xr_fail(script->err, "%s: %zu classes are too many for a plot (%d at most)",
                   scored->predictions->table.name, scored->predictions->k, MAX_CLASSES);
}

/* "0.881 [0.850, 0.906]" */
static void figure_text(char *text, size_t room, const struct xr_figure *f)
{
    if (isnan(f->value))
        snprintf(text, room, "undefined");
    else if (isnan(f->low) || f->constant) /* no width is no interval */
        snprintf(text, room, "%.3f", f->value);
    else
        snprintf(text, room, "%.3f [%.3f, %.3f]", f->value, f->low, f->high);
}

static bool has_intervals(const struct xr_plot_scored *scored)
{
    for (size_t i = 0; i < xr_n_metrics(scored->predictions->k); i++)
        if (!isnan(scored->figures[i].low))
            return true;
    return false;
}

/* --- confusion -------------------------------------------------------------------- */

/* A cell between white and blue by the share of its row, its text in what stands out on
 * it. */
static void put_cell(struct xr_script *script, const struct xr_plot_style *style,
                     size_t t, size_t p, uint64_t count, uint64_t row,
                     const struct xr_figure *recall, size_t k)
{
    double share = row ? (double)count / (double)row : 0.0;
    unsigned rgb[3] = {0x00, 0x72, 0xB2};
    const char *ink = share > 0.55 ? "#FFFFFF" : "#000000";
    bool shares = row && k <= 6; /* where cells are small only the count is legible */
    double lift = !shares ? 0.0 : recall ? 0.9 : 0.45, small = xr_plot_font(style, 0.85);
    double large = xr_plot_font(style, k <= 6 ? 1.1 : fmax(0.4, 9.0 / (double)k));

    for (int i = 0; i < 3; i++)
        rgb[i] = (unsigned)lround(255.0 - share * (255.0 - rgb[i]));
    xr_script_put(
        script,
        "set object rectangle from %zu-0.5,%zu-0.5 to %zu+0.5,%zu+0.5 fillcolor rgb "
        "'#%02X%02X%02X' fillstyle solid noborder behind\n",
        p, t, p, t, rgb[0], rgb[1], rgb[2]);
    xr_script_put(script,
                  "set label '%llu' at %zu,%zu center offset 0,%.2f font ',%.4g' "
                  "textcolor rgb '%s' front\n",
                  (unsigned long long)count, p, t, xr_plot_rise(style, lift), large, ink);
    if (!shares)
        return;
    xr_script_put(script,
                  "set label '%.1f %%' at %zu,%zu center offset 0,%.2f font ',%.4g' "
                  "textcolor rgb '%s' front\n",
                  100.0 * share, p, t, xr_plot_rise(style, lift - 1.0), small, ink);
    if (recall)
        xr_script_put(script,
                      "set label '[%.1f, %.1f]' at %zu,%zu center offset 0,%.2f "
                      "font ',%.4g' textcolor rgb '%s' front\n",
                      100.0 * recall->low, 100.0 * recall->high, p, t,
                      xr_plot_rise(style, lift - 1.95), small, ink);
}

int xr_plot_confusion(struct xr_script *script, const struct xr_plot_style *style,
                      const struct xr_plot_scored *scored)
{
    const struct xr_predictions *p = scored->predictions;
    size_t k = p->k;
    double line = xr_plot_line(style), top = style->title ? 4.2 : 2.9, left, bottom,
           height;
    struct xr_script tics = {.err = script->err};
    uint64_t *counts;
    char text[64];

    if (k > MAX_CLASSES)
        return refuse(script, scored);
    counts = xr_alloc_array(k * k, sizeof *counts, script->err);
    if (!counts) {
        script->failed = true;
        return -1;
    }
    xr_metrics_confusion(counts, scored->metrics);
    left = 2.6 + xr_script_classes(&tics, 'y', p->classes, k, 0);
    bottom = 1.9 + xr_script_classes(&tics, 'x', p->classes, k, 42);
    height = (style->width - (left + 0.5) * line) * 0.9 + (top + bottom) * line;
    xr_script_head(script, style, height);
    xr_script_box(script, style, height, left, 0.5, top, bottom);
    xr_script_put(
        script,
        "set border 0\nunset key\nset xrange [-0.5:%zu-0.5]\nset yrange [%zu-0.5:-0.5]\n"
        "set label 'predicted' at graph 0.5, screen %.4f center\n"
        "set label 'truth' at screen %.4f, graph 0.5 center rotate by 90\n%s",
        k, k, 0.8 * line / (style->height > 0 ? style->height : height),
        1.0 * line / style->width, tics.buf.data ? tics.buf.data : "");
    script->failed = script->failed || tics.failed;
    xr_buf_free(&tics.buf);
    for (size_t t = 0; t < k; t++) {
        const struct xr_figure *recall =
            &scored->figures[xr_metric_at(t, XR_CLASS_RECALL)];
        uint64_t row = 0;

        for (size_t c = 0; c < k; c++)
            row += counts[t * k + c];
        for (size_t c = 0; c < k; c++) {
            bool interval = c == t && !isnan(recall->low) && !recall->constant && k <= 4;

            put_cell(script, style, t, c, counts[t * k + c], row,
                     interval ? recall : NULL, k);
        }
    }
    free(counts);
    figure_text(text, sizeof text, &scored->figures[XR_METRIC_ACCURACY]);
    xr_script_put(script,
                  "set label 'accuracy %s' at screen %.4f, graph 1 left offset 0,%.2f\n",
                  text, 0.5 * line / style->width, xr_plot_rise(style, 1.85));
    figure_text(text, sizeof text, &scored->figures[XR_METRIC_BALANCED_ACCURACY]);
    xr_script_put(script, "set label 'balanced accuracy %s", text);
    if (has_intervals(scored))
        xr_script_put(script, " (%.4g %% intervals)", 100.0 * scored->confidence);
    xr_script_put(script, "' at screen %.4f, graph 1 left offset 0,%.2f\nplot 1/0\n",
                  0.5 * line / style->width, xr_plot_rise(style, 0.7));
    return finish(script);
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
static void put_points(struct xr_script *script, const struct xr_curve *curve, size_t c,
                       bool pr)
{
    double pos = (double)curve->tp[curve->n - 1], neg = (double)curve->fp[curve->n - 1];
    double last_x = -1.0, last_y = -1.0;

    xr_script_put(script, "$c%zu << EOD\n", c);
    for (size_t i = 0; i < curve->n; i++) {
        double tp = (double)curve->tp[i], fp = (double)curve->fp[i];
        double x = pr ? tp / pos : fp / neg, y = pr ? tp / (tp + fp) : tp / pos;

        if (i == 0)
            xr_script_put(script, "0 %.6g\n", pr ? y : 0.0);
        else if (pr && curve->tp[i] == curve->tp[i - 1])
            continue; /* only falls, where nothing more is found */
        else if (i + 1 < curve->n && fabs(x - last_x) < FINEST &&
                 fabs(y - last_y) < FINEST)
            continue;
        xr_script_put(script, "%.6g %.6g\n", x, y);
        last_x = x;
        last_y = y;
    }
    xr_script_put(script, "EOD\n");
}

/* "0.778 [0.704, 0.839]  malignant" as the title of a line. */
static void put_title(struct xr_script *script, const char *name,
                      const struct xr_figure *f)
{
    char text[64], *line;

    figure_text(text, sizeof text, f);
    line = xr_sprintf(script->err, "%s  %s", text, name);
    if (!line) {
        script->failed = true;
        return;
    }
    xr_script_put(script, "title ");
    xr_script_text(script, line, MAX_NAME + 22, false);
    free(line);
}

/* Below the plot, where it hides no curve. */
static void put_legend(struct xr_script *script, const struct xr_plot_style *style,
                       double height, const struct xr_plot_scored *scored,
                       const char *what, double lines)
{
    double line = xr_plot_line(style), h = style->height > 0 ? style->height : height;

    xr_script_put(script,
                  "set key at screen %.4f,%.4f left top vertical maxcols 1 "
                  "title '%s",
                  2.0 * line / style->width, (lines + 0.3) * line / h, what);
    if (has_intervals(scored))
        xr_script_put(script, " [%.4g %% interval]", 100.0 * scored->confidence);
    xr_script_put(script, "' left\n");
}

static int draw_curves(struct xr_script *script, const struct xr_plot_style *style,
                       const struct xr_plot_scored *scored, bool pr)
{
    const struct xr_predictions *p = scored->predictions;
    const enum xr_class_metric metric =
        pr ? XR_CLASS_AVERAGE_PRECISION : XR_CLASS_ROC_AUC;
    const struct xr_figure *mean =
        &scored->figures[pr ? XR_METRIC_AVERAGE_PRECISION : XR_METRIC_ROC_AUC_MACRO];
    size_t k = p->k, first = k == 2 ? 1 : 0;
    double lines = (double)(k - first + 1 + (k > 2)), line = xr_plot_line(style);
    double top = style->title ? 2.0 : 0.8, left = 4.0, right = 1.0, bottom = lines + 3.6;
    double height = style->width + (top + bottom - left - right) * line;

    if (k > MAX_CLASSES)
        return refuse(script, scored);
    xr_script_head(script, style, height);
    xr_script_box(script, style, height, left, right, top, bottom);
    xr_script_put(script,
                  "set xrange [0:1]\nset yrange [0:1]\n"
                  "set format '%%.1f'\nset xtics 0.2\nset ytics 0.2\n"
                  "set xlabel '%s'\nset ylabel '%s'\n",
                  pr ? "recall" : "1 \xe2\x88\x92 specificity",
                  pr ? "precision" : "sensitivity");
    put_legend(script, style, height, scored, pr ? "average precision" : "AUC", lines);
    if (!pr)
        xr_script_put(script, "set arrow from 0,0 to 1,1 nohead linecolor rgb '#999999' "
                              "dashtype 3 linewidth 0.8 back\n");
    for (size_t c = first; c < k; c++) {
        struct xr_curve curve;

        if (isnan(scored->figures[xr_metric_at(c, metric)].value))
            continue;
        if (class_curve(&curve, p, c, script->err)) {
            script->failed = true;
            return -1;
        }
        if (pr)
            xr_script_put(script,
                          "set arrow from 0,%.6g to 1,%.6g nohead linecolor rgb '%s' "
                          "dashtype 3 linewidth 0.8 back\n",
                          (double)curve.tp[curve.n - 1] / (double)p->n,
                          (double)curve.tp[curve.n - 1] / (double)p->n,
                          xr_plot_color(c - first));
        put_points(script, &curve, c, pr);
        xr_curve_free(&curve);
    }
    xr_script_put(script, "plot ");
    for (size_t c = first; c < k; c++) {
        const struct xr_figure *f = &scored->figures[xr_metric_at(c, metric)];

        if (isnan(f->value)) {
            xr_script_put(script, "NaN with lines linecolor rgb '#999999' ");
        } else {
            size_t dash = (c - first) / 7;

            xr_script_put(script,
                          "$c%zu using 1:2 with %s linecolor rgb '%s' linewidth 1.5 "
                          "dashtype %zu ",
                          c, pr ? "fsteps" : "lines", xr_plot_color(c - first), dash + 1);
        }
        put_title(script, p->classes[c], f);
        xr_script_put(script, c + 1 < k || k > 2 ? ", \\\n     " : "");
    }
    if (k > 2) {
        xr_script_put(script, "NaN with lines linecolor rgb '#FFFFFF' ");
        put_title(script, "macro average", mean);
    }
    xr_script_put(script, "\n");
    return finish(script);
}

int xr_plot_roc(struct xr_script *script, const struct xr_plot_style *style,
                const struct xr_plot_scored *scored)
{
    return draw_curves(script, style, scored, false);
}

int xr_plot_pr(struct xr_script *script, const struct xr_plot_style *style,
               const struct xr_plot_scored *scored)
{
    return draw_curves(script, style, scored, true);
}
