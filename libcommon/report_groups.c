/* Figures of groups of patients, at thresholds, of calibration, decisions and
 * comparisons: what xr-metrics adds to its JSON when asked. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_chart.h"
#include "report_parts.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void sub(struct report_data *d, const char *text)
{
    xr_doc_heading(&d->doc, d->doc.shift ? 2 : 3, NULL, text);
}

static void cell(struct xr_doc *doc, const cJSON *x)
{
    xr_doc_cell(doc, cJSON_IsNumber(x));
    if (cJSON_IsString(x))
        xr_doc_text(doc, x->valuestring);
    else if (cJSON_IsNumber(x) || cJSON_IsObject(x))
        xr_report_figure(doc, x);
    xr_doc_cell_end(doc, cJSON_IsNumber(x));
}

/* --- subgroups -------------------------------------------------------------------- */

static const char *column_of(const cJSON *group)
{
    return xr_json_text(group, "column", "");
}

/* The few figures shown first, groups down. */
static void headlines(struct report_data *d, const cJSON *first, const char *column)
{
    const char *keys[24], *names[26];
    struct xr_doc *doc = &d->doc;
    size_t n = 0;
    const cJSON *g, *x;

    cJSON_ArrayForEach(x, get(first, "figures"))
    {
        if (n < sizeof keys / sizeof *keys && x->string && xr_report_headlines(x->string))
            keys[n++] = x->string;
    }
    names[0] = column;
    names[1] = ">films";
    for (size_t i = 0; i < n; i++)
        names[i + 2] = xr_report_name_text(keys[i], d->err);
    for (size_t i = 0; i < n; i++)
        d->h.failed |= !names[i + 2];
    if (!d->h.failed) {
        xr_doc_table(doc, NULL, names, n + 2);
        for (g = first; g; g = g->next) {
            if (strcmp(column_of(g), column))
                continue;
            xr_doc_row(doc);
            cell(doc, get(g, "value"));
            cell(doc, get(g, "n"));
            for (size_t i = 0; i < n; i++)
                cell(doc, get(get(g, "figures"), keys[i]));
            xr_doc_row_end(doc);
        }
        xr_doc_table_end(doc);
    }
    for (size_t i = 0; i < n; i++)
        free((void *)names[i + 2]);
}

/* All figures of a column down, its groups across. */
static void all_figures(struct report_data *d, const cJSON *first, const char *column)
{
    size_t n = 1, room = 1;
    struct xr_doc *doc = &d->doc;
    const char **names;
    const cJSON *g, *x;

    for (g = first; g; g = g->next)
        room += !strcmp(column_of(g), column);
    names = xr_alloc_array(room, sizeof *names, d->err);
    if (!names) {
        d->h.failed = 1;
        return;
    }
    names[0] = column;
    for (g = first; g; g = g->next) {
        if (!strcmp(column_of(g), column))
            names[n++] = xr_json_text(g, "value", "");
    }
    xr_doc_table(doc, NULL, names, n);
    cJSON_ArrayForEach(x, get(first, "figures"))
    {
        if (!x->string)
            continue;
        xr_doc_row(doc);
        xr_doc_cell(doc, false);
        xr_report_name(doc, x->string);
        xr_doc_cell_end(doc, false);
        for (g = first; g; g = g->next) {
            if (!strcmp(column_of(g), column))
                cell(doc, get(get(g, "figures"), x->string));
        }
        xr_doc_row_end(doc);
    }
    xr_doc_table_end(doc);
    free(names);
}

static void gaps(struct report_data *d, bool all)
{
    static const char *const names[] = {"column", "figure", "largest gap", "between"};
    const cJSON *list = xr_report_metric(d, "gaps", NULL), *g, *x;

    if (!cJSON_IsArray(list) || !list->child)
        return;
    xr_doc_table(&d->doc, "The largest gap between two groups of a column", names, 4);
    cJSON_ArrayForEach(g, list)
    {
        int n = 0;

        if (!all && !xr_report_headlines(xr_json_text(g, "figure", "")))
            continue;
        xr_doc_row(&d->doc);
        cell(&d->doc, get(g, "column"));
        xr_doc_cell(&d->doc, false);
        xr_report_name(&d->doc, xr_json_text(g, "figure", ""));
        xr_doc_cell_end(&d->doc, false);
        cell(&d->doc, get(g, "largest"));
        xr_doc_cell(&d->doc, false);
        cJSON_ArrayForEach(x, get(g, "between"))
        {
            xr_doc_text(&d->doc, n++ ? " and " : "");
            xr_doc_text(&d->doc, cJSON_GetStringValue(x));
        }
        xr_doc_cell_end(&d->doc, false);
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}

/* For the first group of each column. */
static void each_column(struct report_data *d, const cJSON *groups,
                        void (*table)(struct report_data *, const cJSON *, const char *))
{
    const cJSON *g, *before;

    cJSON_ArrayForEach(g, groups)
    {
        for (before = groups->child; before != g; before = before->next) {
            if (!strcmp(column_of(before), column_of(g)))
                break;
        }
        if (before == g)
            table(d, g, column_of(g));
    }
}

void xr_report_subgroups(struct report_data *d)
{
    const cJSON *groups = xr_report_metric(d, "subgroups", NULL);

    if (!cJSON_IsArray(groups) || !groups->child)
        return;
    sub(d, "By group of patients");
    each_column(d, groups, headlines);
    gaps(d, false);
    if (d->doc.shift && xr_report_has_plot(d, "forest")) {
        xr_html_raw(&d->h, "<div class=\"charts\">\n");
        xr_report_plots(d, "forest");
        xr_html_raw(&d->h, "</div>\n");
    }
    if (d->doc.markdown)
        return;
    xr_html_raw(&d->h, "<details><summary>All figures of all groups</summary>\n");
    each_column(d, groups, all_figures);
    gaps(d, true);
    xr_html_raw(&d->h, "</details>\n");
}

/* --- thresholds ------------------------------------------------------------------- */

void xr_report_operating(struct report_data *d)
{
    static const char *const keys[] = {"sensitivity", "specificity", "ppv",
                                       "npv",         "lr_positive", "lr_negative"};
    static const char *const names[] = {
        "class",       "rule", ">threshold", "chosen on", "measured on",
        ">TP",         ">FP",  ">FN",        ">TN",       "sensitivity",
        "specificity", "PPV",  "NPV",        "LR+",       "LR-"};
    static const char *const counts[] = {"tp", "fp", "fn", "tn"};
    static const char *const where[] = {"fitted_on", "measured_on"};
    const cJSON *points = xr_report_metric(d, "operating_points", NULL), *p;
    struct xr_doc *doc = &d->doc;

    if (!cJSON_IsArray(points) || !points->child)
        return;
    sub(d, "Operating points");
    xr_doc_table(doc, "Thresholds chosen by rule on one part and applied to another",
                 names, sizeof names / sizeof *names);
    cJSON_ArrayForEach(p, points)
    {
        xr_doc_row(doc);
        cell(doc, get(p, "class"));
        cell(doc, get(p, "rule"));
        cell(doc, get(p, "threshold"));
        for (size_t i = 0; i < 2; i++) {
            const cJSON *on = get(p, where[i]);

            xr_doc_cell(doc, false);
            xr_doc_textf(doc, "%s", xr_json_text(on, "split", ""));
            if (isfinite(xr_json_number(on, "n", NAN)))
                xr_doc_textf(doc, " (%.0f)", xr_json_number(on, "n", 0));
            xr_doc_cell_end(doc, false);
        }
        for (size_t i = 0; i < 4; i++)
            cell(doc, get(p, counts[i]));
        for (size_t i = 0; i < 6; i++)
            cell(doc, get(p, keys[i]));
        xr_doc_row_end(doc);
    }
    xr_doc_table_end(doc);
}

/* --- calibration ------------------------------------------------------------------ */

static void reliability(struct report_data *d, const cJSON *bins)
{
    size_t n = (size_t)cJSON_GetArraySize(bins), i = 0;
    double *xy = xr_alloc_array(2 * n, sizeof *xy, d->err);
    struct xr_chart chart = {.title = "Reliability",
                             .x_name = "mean probability",
                             .y_name = "share that is right",
                             .n_lines = 1,
                             .unit = true,
                             .diagonal = true};
    const cJSON *b;

    if (!xy) {
        d->h.failed = 1;
        return;
    }
    cJSON_ArrayForEach(b, bins)
    {
        const cJSON *right = get(b, "accuracy");

        xy[i] = xr_json_number(b, "confidence", NAN);
        xy[n + i] = cJSON_IsNumber(right) ? right->valuedouble
                                          : xr_json_number(right, "value", NAN);
        i++;
    }
    chart.lines[0] = (struct xr_line){"bins", xy, xy + n, n, true};
    xr_html_raw(&d->h, "<div class=\"charts\">\n");
    xr_chart_write(&d->h, &chart);
    xr_html_raw(&d->h, "</div>\n");
    free(xy);
}

static void bins_table(struct report_data *d, const cJSON *bins)
{
    static const char *const names[] = {"from", ">to", ">films", ">mean probability",
                                        "share that is right"};
    static const char *const keys[] = {"low", "high", "n", "confidence", "accuracy"};
    const cJSON *b;

    xr_doc_table(&d->doc, "Films by the probability of the call", names, 5);
    cJSON_ArrayForEach(b, bins)
    {
        xr_doc_row(&d->doc);
        for (size_t i = 0; i < 5; i++) /* an empty bin has no share */
            cell(&d->doc,
                 i < 4 || xr_json_number(b, "n", 0) > 0 ? get(b, keys[i]) : NULL);
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}

/* Figures of an object, and of the objects in it. */
static void rows_of(struct report_data *d, const cJSON *object, const char *of)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, object)
    {
        if (!x->string || cJSON_IsArray(x) || cJSON_IsString(x))
            continue;
        if (cJSON_IsObject(x) && !xr_report_is_figure(x)) {
            rows_of(d, x, x->string);
            continue;
        }
        xr_doc_row(&d->doc);
        xr_doc_cell(&d->doc, false);
        xr_report_name(&d->doc, x->string);
        if (of) {
            xr_doc_text(&d->doc, ", ");
            xr_report_name(&d->doc, of);
        }
        xr_doc_cell_end(&d->doc, false);
        cell(&d->doc, x);
        xr_doc_row_end(&d->doc);
    }
}

void xr_report_calibration(struct report_data *d)
{
    static const char *const names[] = {"figure", "value"};
    const cJSON *c = xr_report_metric(d, "calibration", NULL), *bins = get(c, "bins");

    if (!cJSON_IsObject(c) || !c->child)
        return;
    sub(d, "Calibration");
    xr_doc_table(&d->doc, NULL, names, 2);
    rows_of(d, c, NULL);
    xr_doc_table_end(&d->doc);
    if (d->doc.shift && xr_report_has_plot(d, "reliability")) {
        xr_html_raw(&d->h, "<div class=\"charts\">\n");
        xr_report_plots(d, "reliability");
        xr_report_plots(d, "scores");
        xr_html_raw(&d->h, "</div>\n");
    } else if (!d->doc.markdown && cJSON_IsArray(bins) && bins->child) {
        reliability(d, bins);
    }
    if (cJSON_IsArray(bins) && bins->child)
        bins_table(d, bins);
}

/* --- decision curves -------------------------------------------------------------- */

/* Up to six curves of one class: the model, and treating all. */
static void decision_chart(struct report_data *d, const cJSON *curve, const char *title)
{
    const cJSON *t = get(curve, "threshold"), *net = get(curve, "net_benefit"),
                *all = get(curve, "treat_all"), *x;
    size_t n = (size_t)cJSON_GetArraySize(t), i = 0;
    double *xy = xr_alloc_array(4 * n, sizeof *xy, d->err);
    struct xr_chart chart = {.title = title,
                             .x_name = "threshold probability",
                             .y_name = "net benefit",
                             .n_lines = 3};

    if (!xy || (size_t)cJSON_GetArraySize(net) != n ||
        (size_t)cJSON_GetArraySize(all) != n) {
        d->h.failed |= !xy;
        free(xy);
        return;
    }
    cJSON_ArrayForEach(x, t) xy[i++] = cJSON_IsNumber(x) ? x->valuedouble : NAN;
    cJSON_ArrayForEach(x, net) xy[i++] =
        cJSON_IsNumber(x) ? x->valuedouble : xr_json_number(x, "value", NAN);
    cJSON_ArrayForEach(x, all)
    {
        double v = cJSON_IsNumber(x) ? x->valuedouble : xr_json_number(x, "value", NAN);

        xy[i++] = v < -0.1 ? NAN : v; /* it falls without end */
    }
    chart.lines[0] = (struct xr_line){"the model", xy, xy + n, n, false};
    chart.lines[1] = (struct xr_line){"treat all", xy, xy + 2 * n, n, false};
    chart.lines[2] = (struct xr_line){"treat none", xy, xy + 3 * n, n, false};
    xr_chart_write(&d->h, &chart);
    free(xy);
}

static void decision_table(struct report_data *d, const cJSON *curve, const char *caption)
{
    static const char *const names[] = {"threshold", "net benefit", "treat all"};
    const cJSON *t = get(curve, "threshold"), *net = get(curve, "net_benefit"),
                *all = get(curve, "treat_all"), *x;

    xr_doc_table(&d->doc, caption, names, 3);
    net = net ? net->child : NULL;
    all = all ? all->child : NULL;
    cJSON_ArrayForEach(x, t)
    {
        xr_doc_row(&d->doc);
        cell(&d->doc, x);
        cell(&d->doc, net);
        cell(&d->doc, all);
        xr_doc_row_end(&d->doc);
        net = net ? net->next : NULL;
        all = all ? all->next : NULL;
    }
    xr_doc_table_end(&d->doc);
}

void xr_report_decision(struct report_data *d)
{
    const cJSON *curves = xr_report_metric(d, "decision_curves", NULL), *c;
    bool html = !d->doc.markdown,
         drawn = d->doc.shift && xr_report_has_plot(d, "decision");

    if (!cJSON_IsArray(curves) || !curves->child)
        return;
    sub(d, "Decision curves");
    if (html)
        xr_html_raw(&d->h, "<div class=\"charts\">\n");
    if (drawn)
        xr_report_plots(d, "decision");
    cJSON_ArrayForEach(c, curves)
    {
        if (html && !drawn)
            decision_chart(d, c, xr_json_text(c, "class", ""));
    }
    if (html)
        xr_html_raw(&d->h,
                    "</div>\n<details><summary>All values of the curves</summary>\n");
    cJSON_ArrayForEach(c, curves)
        decision_table(d, c, xr_json_text(c, "class", "net benefit"));
    if (html)
        xr_html_raw(&d->h, "</details>\n");
}

/* --- comparisons ------------------------------------------------------------------ */

void xr_report_comparison(struct report_data *d)
{
    static const char *const names[] = {"a",  "b",         "figure", "difference",
                                        ">p", ">p (Holm)", "method"};
    static const char *const keys[] = {"difference", "p", "p_holm", "method"};
    const cJSON *files = get(d->comparison, "files"), *f, *figure, *x;
    size_t n_files = (size_t)cJSON_GetArraySize(files), n = 0;
    const char **heads;

    if (!d->comparison)
        return;
    heads = xr_alloc_array(n_files + 1, sizeof *heads, d->err);
    if (!heads) {
        d->h.failed = 1;
        return;
    }
    sub(d, "Compared with other predictions");
    heads[n++] = "figure";
    cJSON_ArrayForEach(f, files) heads[n++] =
        cJSON_IsString(f) ? f->valuestring : xr_json_text(f, "name", "");
    xr_doc_table(&d->doc, "Figures of each file, on the same films", heads, n);
    cJSON_ArrayForEach(figure, get(d->comparison, "figures"))
    {
        xr_doc_row(&d->doc);
        xr_doc_cell(&d->doc, false);
        xr_report_name(&d->doc, figure->string ? figure->string : "");
        xr_doc_cell_end(&d->doc, false);
        cJSON_ArrayForEach(x, figure) cell(&d->doc, x);
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
    free(heads);
    xr_doc_table(&d->doc, "Paired differences; p after Holm is for all of them together",
                 names, 7);
    cJSON_ArrayForEach(x, get(d->comparison, "comparisons"))
    {
        xr_doc_row(&d->doc);
        cell(&d->doc, get(x, "a"));
        cell(&d->doc, get(x, "b"));
        xr_doc_cell(&d->doc, false);
        xr_report_name(&d->doc, xr_json_text(x, "figure", ""));
        xr_doc_cell_end(&d->doc, false);
        for (size_t i = 0; i < 4; i++)
            cell(&d->doc, get(x, keys[i]));
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}
