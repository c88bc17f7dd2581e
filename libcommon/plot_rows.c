/* Plots of one figure in many rows: subgroups, folds. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "plot_kinds.h"
#include "stats_folds.h"

#define MAX_ROWS 200
#define MAX_NAME 160
#define MAX_PATH 512

/* Rows from the top down; without a value a heading. */
struct rows {
    size_t n;
    char names[MAX_ROWS][MAX_NAME];
    struct xr_figure figures[MAX_ROWS];
    bool heading[MAX_ROWS];
};

struct xr_figure xr_plot_figure(const cJSON *json)
{
    struct xr_figure f = {.value = xr_json_number(json, "value", NAN),
                          .low = xr_json_number(json, "low", NAN),
                          .high = xr_json_number(json, "high", NAN)};

    return f;
}

/* The figure at "a.b.c"; NULL where there is none. A member's own name may hold dots. */
static const cJSON *find_figure(const cJSON *json, const char *path)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, path);
    char head[MAX_PATH];

    if (item)
        return cJSON_GetObjectItemCaseSensitive(item, "value") ? item : NULL;
    for (const char *dot = strchr(path, '.'); dot && dot - path < MAX_PATH;
         dot = strchr(dot + 1, '.')) {
        const cJSON *inner;

        memcpy(head, path, (size_t)(dot - path));
        head[dot - path] = '\0';
        inner = cJSON_GetObjectItemCaseSensitive(json, head);
        item = inner ? find_figure(inner, dot + 1) : NULL;
        if (item)
            return item;
    }
    return NULL;
}

static int add_row(struct rows *rows, bool heading, const struct xr_figure *f,
                   struct xr_err *err, const char *fmt, ...) XR_PRINTF(5, 6);
static int add_row(struct rows *rows, bool heading, const struct xr_figure *f,
                   struct xr_err *err, const char *fmt, ...)
{
    va_list ap;

    if (rows->n == MAX_ROWS)
        return xr_fail(err, "more than %d rows are too many for a plot", MAX_ROWS);
    va_start(ap, fmt);
    vsnprintf(rows->names[rows->n], MAX_NAME, fmt, ap);
    va_end(ap);
    rows->heading[rows->n] = heading;
    if (f)
        rows->figures[rows->n] = *f;
    else
        rows->figures[rows->n].value = rows->figures[rows->n].low = NAN;
    rows->n++;
    return 0;
}

/* Points with their intervals, text beside, a line at the value of them all. */
static int draw_rows(struct xr_drawing *d, const struct rows *rows, const char *figure,
                     double all, size_t first)
{
    struct xr_panel *panel = xr_draw_panel(d, figure, "");
    const char *names[MAX_ROWS];
    char text[64];

    for (size_t i = 0; i < rows->n; i++)
        names[i] = rows->names[i];
    xr_draw_names(d, &panel->y, names, rows->n);
    panel->beside = xr_alloc_array(rows->n, sizeof *panel->beside, d->err);
    if (d->failed || !panel->beside)
        return -1;
    panel->y.from = (double)rows->n - 0.5;
    panel->y.to = -0.5;
    panel->rows = true;
    panel->heading = xr_draw_text(d, "value [interval]");
    if (!isnan(all))
        xr_draw_rule(d, panel, all, -0.5, all, (double)rows->n - 0.5);
    for (size_t i = 0; i < rows->n; i++) {
        const struct xr_figure *f = &rows->figures[i];
        bool interval = !isnan(f->low) && !isnan(f->high);
        struct xr_series *s;

        if (rows->heading[i])
            continue;
        xr_draw_figure(text, sizeof text, f);
        panel->beside[i] = xr_draw_text(d, "%s", text);
        if (isnan(f->value))
            continue;
        s = xr_draw_series(d, panel, XR_MARK_POINTS, i < first ? 6 : 0, 1,
                           XR_DRAW_NOTED | (interval ? XR_DRAW_LEFT_RIGHT : 0));
        if (!s)
            return -1;
        s->x[0] = f->value;
        s->y[0] = (double)i;
        if (interval) {
            s->left[0] = f->low;
            s->right[0] = f->high;
        }
        s->notes[0] = xr_draw_text(d, "%s: %s %s", rows->names[i], figure, text);
    }
    return d->failed ? -1 : 0;
}

/* --- subgroups -----------------------------------------------------------------------
 */

/* The first figure that subgroups have which the whole has too. */
static const char *first_figure(const cJSON *groups, const cJSON *metrics)
{
    const cJSON *figures =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(groups, 0), "figures");
    const cJSON *item;

    if (find_figure(figures, "roc_auc_ovr_macro"))
        return "roc_auc_ovr_macro";
    cJSON_ArrayForEach(item, figures)
    {
        if (find_figure(metrics, item->string))
            return item->string;
    }
    return figures && figures->child ? figures->child->string : "accuracy";
}

int xr_plot_forest(struct xr_drawing *d, const cJSON *metrics, const char *name,
                   const char *figure)
{
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(metrics, "subgroups"), *group;
    const cJSON *whole;
    struct rows *rows = xr_alloc_array(1, sizeof *rows, d->err);
    const char *last = NULL;
    struct xr_figure f = {.value = NAN};
    size_t found = 0;
    int status = -1;

    d->failed = true;
    if (!rows)
        return -1;
    if (!cJSON_IsArray(groups) || !cJSON_GetArraySize(groups)) {
        xr_fail(d->err, "%s: no subgroups: xr-metrics --by COLUMN makes them", name);
        goto done;
    }
    if (!figure)
        figure = first_figure(groups, metrics);
    whole = find_figure(metrics, figure);
    if (whole) {
        f = xr_plot_figure(whole);
        if (add_row(rows, false, &f, d->err, "all (%.0f)",
                    xr_json_number(metrics, "n", NAN)))
            goto done;
    }
    cJSON_ArrayForEach(group, groups)
    {
        const char *column = xr_json_text(group, "column", "?");
        const char *value = xr_json_text(group, "value", "?");
        const cJSON *own =
            find_figure(cJSON_GetObjectItemCaseSensitive(group, "figures"), figure);
        struct xr_figure g = xr_plot_figure(own);

        found += own != NULL;
        if ((!last || strcmp(last, column) != 0) &&
            add_row(rows, true, NULL, d->err, "%s:", column))
            goto done;
        last = column;
        if (add_row(rows, false, &g, d->err, "%s (%.0f)", *value ? value : "(empty)",
                    xr_json_number(group, "n", NAN)))
            goto done;
    }
    if (!found) {
        xr_fail(d->err, "%s: no subgroup has the figure '%s'", name, figure);
        goto done;
    }
    d->failed = false;
    status = draw_rows(d, rows, figure, f.value, whole != NULL);
done:
    free(rows);
    return status;
}

/* --- folds ---------------------------------------------------------------------------
 */

int xr_plot_folds(struct xr_drawing *d, cJSON *const *metrics, const char *const *names,
                  size_t n, const char *figure, double confidence)
{
    struct rows *rows = xr_alloc_array(1, sizeof *rows, d->err);
    double values[XR_PLOT_FILES];
    struct xr_spread spread;
    int status = -1;

    d->failed = true;
    if (!rows)
        return -1;
    if (!figure)
        figure = "roc_auc_ovr_macro";
    for (size_t i = 0; i < n; i++) {
        const cJSON *own = find_figure(metrics[i], figure);
        struct xr_figure f = xr_plot_figure(own);

        if (!own) {
            xr_fail(d->err, "%s: no figure '%s'", names[i], figure);
            goto done;
        }
        if (add_row(rows, false, &f, d->err, "%s (%.0f)", names[i],
                    xr_json_number(metrics[i], "n", NAN)))
            goto done;
        values[i] = f.value;
    }
    d->failed = false;
    xr_fold_spread(&spread, values, n, confidence);
    if (n > 1 && !isnan(spread.mean)) {
        xr_draw_note(d, "mean of %zu: %.3f [%.3f, %.3f]", n, spread.mean, spread.low,
                     spread.high);
        xr_draw_note(d, "standard deviation %.3f", spread.sd);
    }
    status = draw_rows(d, rows, figure, n > 1 ? spread.mean : NAN, 0);
done:
    free(rows);
    return status;
}
