/* Figures of a report: headline, tables with intervals, confusion, ROC and PR, confident
 * errors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_chart.h"
#include "report_parts.h"

#define CURVE_POINTS 400
#define N_ERRORS 12

/* --- headline
 * ----------------------------------------------------------------------------- */

static void card(struct report_data *d, const char *key)
{
    const cJSON *figure = xr_report_metric(d, key, NULL);
    double lo = xr_json_number(figure, "low", NAN),
           hi = xr_json_number(figure, "high", NAN);
    struct xr_html *h = &d->h;

    if (!xr_report_is_figure(figure) || !isfinite(xr_json_number(figure, "value", NAN)))
        return;
    xr_html_rawf(h, "<li><b>%.3f</b><span>", xr_json_number(figure, "value", NAN));
    xr_report_name(&d->doc, key);
    if (isfinite(lo) && isfinite(hi))
        xr_html_rawf(h, "<br>%.4g&#160;%% interval %.3f to %.3f", xr_report_level(d), lo,
                     hi);
    xr_html_raw(h, "</span></li>\n");
}

void xr_report_headline(struct report_data *d)
{
    static const char *const keys[] = {"roc_auc", "roc_auc_ovr_macro",
                                       "balanced_accuracy", "accuracy"};
    const cJSON *n = xr_report_metric(d, "n", NULL);
    struct xr_html *h = &d->h;

    if (!d->metrics)
        return;
    xr_html_raw(h, "<ul class=\"cards\">\n");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        card(d, keys[i]);
    if (cJSON_IsNumber(n))
        xr_html_rawf(h, "<li><b>%.0f</b><span>films measured</span></li>\n",
                     n->valuedouble);
    xr_html_raw(h, "</ul>\n");
}

/* --- confusion -------------------------------------------------------------------- */

/* With colours: the share of the row. */
static void confusion(struct report_data *d)
{
    const cJSON *matrix = xr_report_metric(d, "confusion_matrix", NULL), *row, *cell;
    const cJSON *classes = xr_report_metric(d, "classes", NULL);
    struct xr_html *h = &d->h;
    int i = 0, j;

    if (!cJSON_IsArray(matrix) || !cJSON_IsArray(classes) ||
        cJSON_GetArraySize(matrix) != cJSON_GetArraySize(classes))
        return;
    xr_html_raw(
        h,
        "<h3>Confusion matrix</h3>\n<div class=\"scroll\"><table class=\"confusion\">\n"
        "<caption>Rows are the truth, columns the call; shares are of the "
        "row.</caption>\n<thead><tr><td></td>");
    cJSON_ArrayForEach(cell, classes)
    {
        xr_html_raw(h, "<th scope=\"col\">called ");
        xr_html_text(h, cJSON_GetStringValue(cell));
        xr_html_raw(h, "</th>");
    }
    xr_html_raw(h, "</tr></thead>\n<tbody>\n");
    cJSON_ArrayForEach(row, matrix)
    {
        double sum = 0;

        cJSON_ArrayForEach(cell, row) sum += cell->valuedouble;
        xr_html_raw(h, "<tr>");
        xr_html_element(h, "th scope=\"row\"",
                        cJSON_GetStringValue(cJSON_GetArrayItem(classes, i)));
        j = 0;
        cJSON_ArrayForEach(cell, row)
        {
            double share = sum > 0 ? cell->valuedouble / sum : 0;

            xr_html_rawf(h,
                         "<td%s style=\"background:rgba(var(--cell),%.2f)\">%.0f <span "
                         "class=\"share\">%.0f&#160;%%</span></td>",
                         i == j ? " class=\"hit\"" : "", 0.55 * share, cell->valuedouble,
                         100 * share);
            j++;
        }
        xr_html_raw(h, "</tr>\n");
        i++;
    }
    xr_html_raw(h, "</tbody></table></div>\n");
}

/* --- ROC and PR
 * --------------------------------------------------------------------------------- */

struct ranked {
    double p;
    int hit;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->p > y->p ? -1 : x->p < y->p;
}

/* Points of the ROC (x: 1 - specificity) or PR curve (x: recall), thinned to what can be
 * seen. */
static size_t curve(double *x, double *y, const struct ranked *r, size_t n, bool pr)
{
    size_t hits = 0, misses = 0, all_hits = 0, out = 0;

    for (size_t i = 0; i < n; i++)
        all_hits += (size_t)r[i].hit;
    if (!all_hits || all_hits == n)
        return 0;
    if (!pr) {
        x[out] = y[out] = 0;
        out++;
    }
    for (size_t i = 0; i < n; i++) {
        double a, b;

        hits += (size_t)r[i].hit;
        misses += (size_t)!r[i].hit;
        if (i + 1 < n && r[i + 1].p == r[i].p)
            continue;
        a = pr ? (double)hits / (double)all_hits
               : (double)misses / (double)(n - all_hits);
        b = pr ? (double)hits / (double)(hits + misses) : (double)hits / (double)all_hits;
        if (pr && !hits)
            continue;
        if (out && i + 1 < n &&
            fabs(a - x[out - 1]) + fabs(b - y[out - 1]) < 2.0 / CURVE_POINTS)
            continue;
        x[out] = a;
        y[out] = b;
        out++;
    }
    return out;
}

static void curves_of(struct report_data *d, bool pr, double *x, double *y,
                      struct ranked *r, char (*names)[160])
{
    const struct xr_predictions *p = &d->pred;
    struct xr_chart chart = {
        .title = pr ? "Precision and recall" : "ROC, one class against the rest",
        .x_name = pr ? "recall" : "1 - specificity",
        .y_name = pr ? "precision" : "sensitivity",
        .unit = true,
        .diagonal = !pr,
    };

    if (p->k == 2 && !pr)
        chart.title = "ROC";
    for (size_t c = p->k == 2; c < p->k && chart.n_lines < XR_CHART_LINES; c++) {
        const cJSON *figure = cJSON_GetObjectItemCaseSensitive(
            xr_report_metric(d, "per_class", p->classes[c]),
            pr ? "average_precision" : "roc_auc");
        struct xr_line *line = &chart.lines[chart.n_lines];
        size_t n = 0, at = chart.n_lines * (p->n + 2);

        for (size_t i = 0; i < p->n; i++) {
            if (p->label[i] != XR_UNLABELLED)
                r[n++] = (struct ranked){p->p[i * p->k + c], p->label[i] == c};
        }
        qsort(r, n, sizeof *r, by_score);
        n = curve(x + at, y + at, r, n, pr);
        if (!n)
            continue;
        if (isfinite(xr_json_number(figure, "value", NAN)))
            snprintf(names[chart.n_lines], sizeof *names, "%.120s (%s %.3f)",
                     p->classes[c], pr ? "AP" : "AUC",
                     xr_json_number(figure, "value", NAN));
        else
            snprintf(names[chart.n_lines], sizeof *names, "%.120s", p->classes[c]);
        *line = (struct xr_line){names[chart.n_lines], x + at, y + at, n, false};
        chart.n_lines++;
    }
    if (p->k > XR_CHART_LINES)
        chart.title = pr ? "Precision and recall, the first 6 classes"
                         : "ROC, the first 6 classes against the rest";
    xr_chart_write(&d->h, &chart);
}

static void curves(struct report_data *d)
{
    bool roc = d->pred.n && !xr_report_has_plot(d, "roc");
    bool pr = d->pred.n && !xr_report_has_plot(d, "pr");
    size_t room = XR_CHART_LINES * (d->pred.n + 2);
    double *x = xr_alloc_array(room, sizeof *x, d->err),
           *y = xr_alloc_array(room, sizeof *y, d->err);
    struct ranked *r = xr_alloc_array(d->pred.n, sizeof *r, d->err);
    char names[XR_CHART_LINES][160];

    if (!x || !y || !r)
        d->h.failed = 1;
    else if (roc || pr)
        xr_html_raw(&d->h, "<h3>ROC and precision-recall</h3>\n<div class=\"charts\">\n");
    if (roc && !d->h.failed)
        curves_of(d, false, x, y, r, names);
    if (pr && !d->h.failed)
        curves_of(d, true, x, y, r, names);
    if (roc || pr)
        xr_html_raw(&d->h, "</div>\n");
    free(x);
    free(y);
    free(r);
}

/* --- confident errors
 * ----------------------------------------------------------------------------- */

static size_t called(const struct xr_predictions *p, size_t i)
{
    size_t best = 0;

    for (size_t c = 1; c < p->k; c++) {
        if (p->p[i * p->k + c] > p->p[i * p->k + best])
            best = c;
    }
    return best;
}

static void errors(struct report_data *d)
{
    const struct xr_predictions *p = &d->pred;
    int key = p->n ? xr_table_col(&p->table, "key") : -1;
    size_t top[N_ERRORS], n = 0, n_wrong = 0;
    struct xr_html *h = &d->h;

    if (key < 0)
        return;
    for (size_t i = 0; i < p->n; i++) {
        double mine;
        size_t at;

        if (p->label[i] == XR_UNLABELLED || called(p, i) == p->label[i])
            continue;
        n_wrong++;
        mine = p->p[i * p->k + called(p, i)];
        for (at = n; at > 0 && p->p[top[at - 1] * p->k + called(p, top[at - 1])] < mine;
             at--) {
            if (at < N_ERRORS)
                top[at] = top[at - 1];
        }
        if (at < N_ERRORS)
            top[at] = i;
        n += n < N_ERRORS;
    }
    if (!n)
        return;
    xr_html_rawf(
        h,
        "<h3>The most confident wrong calls</h3>\n<div class=\"scroll\"><table>\n"
        "<caption>%zu of %zu films were called wrongly; look at these "
        "first.</caption>\n<thead><tr><th scope=\"col\">key</th><th "
        "scope=\"col\">truth</th><th scope=\"col\" class=\"n\">p</th><th "
        "scope=\"col\">called</th><th scope=\"col\" class=\"n\">p</th></tr></thead>\n"
        "<tbody>\n",
        n_wrong, p->n);
    for (size_t i = 0; i < n; i++) {
        size_t row = top[i], call = called(p, row);

        xr_html_raw(h, "<tr><td>");
        xr_html_element(h, "code", xr_cell(&p->table, p->row[row], (size_t)key));
        xr_html_raw(h, "</td>");
        xr_html_element(h, "td", p->classes[p->label[row]]);
        xr_html_rawf(h, "<td class=\"n\">%.3f</td>", p->p[row * p->k + p->label[row]]);
        xr_html_element(h, "td", p->classes[call]);
        xr_html_rawf(h, "<td class=\"n\">%.3f</td></tr>\n", p->p[row * p->k + call]);
    }
    xr_html_raw(h, "</tbody></table></div>\n");
}

bool xr_report_has_results(const struct report_data *d)
{
    return d->metrics || d->pred.n || d->comparison || xr_report_has_plot(d, "roc") ||
           xr_report_has_plot(d, "pr") || xr_report_has_plot(d, "confusion");
}

void xr_report_results(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!xr_report_has_results(d))
        return;
    xr_html_raw(h, "<section id=\"results\">\n<h2>Results</h2>\n");
    if (d->metrics) {
        xr_report_figures(d);
        if (xr_report_metric(d, "per_class", NULL))
            xr_html_raw(h, "<h3>By class</h3>\n");
        xr_report_classes(d);
        if (!xr_report_has_plot(d, "confusion"))
            confusion(d);
    }
    if (xr_report_has_plot(d, "confusion") || xr_report_has_plot(d, "roc") ||
        xr_report_has_plot(d, "pr")) {
        xr_html_raw(h, "<div class=\"charts\">\n");
        xr_report_plots(d, "confusion");
        xr_report_plots(d, "roc");
        xr_report_plots(d, "pr");
        xr_html_raw(h, "</div>\n");
    }
    if (d->pred.n)
        curves(d);
    xr_report_operating(d);
    xr_report_calibration(d);
    xr_report_subgroups(d);
    xr_report_decision(d);
    xr_report_comparison(d);
    if (d->pred.n)
        errors(d);
    xr_html_raw(h, "</section>\n");
}
