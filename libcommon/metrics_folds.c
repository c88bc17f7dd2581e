/* Folds of a cross-validation, pooled or averaged. */
#include "metrics_folds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_fold_means.h"
#include "metrics_join.h"
#include "metrics_ledger.h"
#include "metrics_parts.h"
#include "split_index.h"
#include "stats_folds.h"

struct folds {
    const struct xr_classify *set;
    struct xr_bootstrap bootstrap;
    struct xr_predictions rows; /* all */
    struct xr_cut cut;          /* levels are the folds' names */
    struct xr_levels levels;
};

/* --- one table of all ------------------------------------------------------------- */

/* No key is in two tables. */
static int check_keys(const struct xr_tables *t, struct xr_err *err)
{
    int status = 0;

    for (size_t a = 0; a < t->n && status == 0; a++) {
        const struct xr_table *table = &t->of[a].table;
        struct xr_index_column column = {table, (size_t)xr_table_col(table, "key")};
        struct xr_index index = {0};
        uint32_t id;

        for (size_t i = 0; i < t->of[a].n && status >= 0; i++)
            status =
                xr_index_put(&index, &id, xr_cell(table, t->of[a].row[i], column.col),
                             t->of[a].row[i], xr_index_same_cell, &column, err);
        status = status < 0 ? -1 : 0;
        for (size_t b = a + 1; b < t->n && status == 0; b++) {
            const struct xr_predictions *p = &t->of[b];
            size_t col = (size_t)xr_table_col(&p->table, "key");

            for (size_t i = 0; i < p->n && status == 0; i++)
                if (xr_index_get(&index, xr_cell(&p->table, p->row[i], col),
                                 xr_index_same_cell, &column))
                    status = xr_fail(err,
                                     "%s:%u: key '%s' is in %s too: folds have no row in "
                                     "common (--ensemble takes models of the same rows)",
                                     p->table.name, p->table.lines[p->row[i]],
                                     xr_cell(&p->table, p->row[i], col), table->name);
        }
        xr_index_free(&index);
    }
    return status;
}

/* The kept rows of table t under the columns of the first; a column that it lacks is
 * empty. */
static int put_rows(struct xr_buf *csv, const struct xr_tables *tables, size_t t,
                    struct xr_err *err)
{
    const struct xr_table *first = &tables->of[0].table;
    const struct xr_predictions *p = &tables->of[t];

    for (size_t i = 0; i < p->n; i++) {
        for (size_t c = 0; c < first->n_cols; c++) {
            int col = xr_table_col(&p->table, first->names[c]);

            if (xr_csv_put(csv, c == 0,
                           col < 0 ? "" : xr_cell(&p->table, p->row[i], (size_t)col),
                           err))
                return -1;
        }
        if (xr_buf_text(csv, "\n", err))
            return -1;
    }
    return 0;
}

static int pool(struct xr_buf *csv, const struct xr_tables *tables, struct xr_err *err)
{
    const struct xr_table *first = &tables->of[0].table;

    for (size_t c = 0; c < first->n_cols; c++)
        if (xr_csv_put(csv, c == 0, first->names[c], err))
            return -1;
    if (xr_buf_text(csv, "\n", err))
        return -1;
    for (size_t t = 0; t < tables->n; t++)
        if (put_rows(csv, tables, t, err))
            return -1;
    return 0;
}

/* --- which fold ------------------------------------------------------------------- */

/* Rows by the table they came from: rows of the pooled table are in that order. */
static int cut_tables(struct folds *f, const struct xr_tables *t, struct xr_err *err)
{
    size_t i = 0, end = 0;

    f->cut.levels = xr_alloc_array(t->n, sizeof *f->cut.levels, err);
    f->cut.level = xr_alloc_array(f->rows.n, sizeof *f->cut.level, err);
    if (!f->cut.levels || !f->cut.level)
        return -1;
    for (size_t fold = 0; fold < t->n; fold++) {
        size_t from = i;

        f->cut.levels[fold] = xr_strdup(t->names[fold], err);
        if (!f->cut.levels[fold])
            return -1;
        f->cut.n_levels = fold + 1;
        for (end += t->of[fold].n; i < f->rows.n && f->rows.row[i] < end; i++)
            f->cut.level[i] = (uint32_t)fold;
        if (i == from)
            return xr_fail(err, "%s: no labelled row", t->of[fold].table.name);
    }
    return 0;
}

/* Rows by the column `fold`. */
static int cut_column(struct folds *f, const char *name, struct xr_err *err)
{
    int col;

    if (xr_table_need(&col, &f->rows.table, "fold", err) ||
        xr_cut_make(&f->cut, &f->rows, "fold", err))
        return -1;
    if (f->cut.n_levels < 2)
        return xr_fail(err, "%s: one fold only", name);
    for (size_t i = 0; i < f->rows.n; i++)
        if (!*xr_cell(&f->rows.table, f->rows.row[i], (size_t)col))
            return xr_fail(err, "%s: a row without a fold", name);
    return 0;
}

/* --- measuring -------------------------------------------------------------------------
 */

static cJSON *measure_average(const struct folds *f, struct xr_buf *text,
                              struct xr_err *err)
{
    static const enum xr_ci_method areas[] = {XR_CI_NONE, XR_CI_DELONG,
                                              XR_CI_DELONG_LOGIT};
    struct xr_figure *figures = xr_alloc_array(f->levels.n_figures, sizeof *figures, err);
    struct xr_metrics *metrics = NULL;
    cJSON *json = NULL;

    if (figures && xr_metrics_open(&metrics, &f->levels.scored, err) == 0 &&
        xr_fold_means(figures, &f->levels, f->cut.level, &f->bootstrap,
                      areas[f->set->auc_interval], err) == 0) {
        const struct xr_metrics_report report = {.predictions = &f->rows,
                                                 .metrics = metrics,
                                                 .figures = figures,
                                                 .bootstrap = &f->bootstrap,
                                                 .split = f->set->split,
                                                 .stratified = f->set->stratified};

        json = xr_classify_object(f->set, &report, text, err);
        if (json)
            cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(json, "bootstrap"),
                                    "within", "fold");
    }
    xr_metrics_close(metrics);
    free(figures);
    return json;
}

/* --- the object ------------------------------------------------------------------- */

static int add_between(cJSON *folds, const struct folds *f, struct xr_err *err)
{
    const struct xr_levels *s = &f->levels;
    cJSON *between = cJSON_AddObjectToObject(folds, "between");
    double *values = xr_alloc_array(s->n, sizeof *values, err);

    for (size_t i = 0; values && i < s->n_figures; i++) {
        char *path = xr_metric_path(i, f->rows.classes, err);
        struct xr_spread spread;
        cJSON *entry;

        if (!path)
            goto fail;
        for (size_t l = 0; l < s->n; l++)
            values[l] = s->figures[l * s->n_figures + i].value;
        xr_fold_spread(&spread, values, s->n, f->bootstrap.confidence);
        entry = cJSON_AddObjectToObject(between, path);
        free(path);
        xr_json_add_real(entry, "value", spread.mean);
        xr_json_add_real(entry, "low", spread.low);
        xr_json_add_real(entry, "high", spread.high);
        cJSON_AddStringToObject(entry, "method",
                                isnan(spread.low) ? "none" : "corrected_t");
        xr_json_add_real(entry, "sd", spread.sd);
        if (isnan(spread.mean))
            cJSON_AddStringToObject(entry, "reason", "undefined in a fold");
    }
    free(values);
    return values ? 0 : -1;
fail:
    free(values);
    return -1;
}

static int add_folds(cJSON *json, const struct folds *f, const char *kind,
                     struct xr_err *err)
{
    cJSON *folds = cJSON_AddObjectToObject(json, "folds"), *table;

    cJSON_AddStringToObject(folds, "kind", kind);
    table = cJSON_AddArrayToObject(folds, "table");
    for (size_t l = 0; l < f->levels.n; l++) {
        cJSON *entry = cJSON_CreateObject();

        cJSON_AddItemToArray(table, entry);
        cJSON_AddStringToObject(entry, "fold", f->cut.levels[l]);
        if (xr_levels_json(entry, &f->levels, l, f->rows.classes, err))
            return -1;
    }
    return add_between(folds, f, err);
}

static int put_between(struct xr_buf *buf, const cJSON *json, int first,
                       struct xr_err *err)
{
    const cJSON *between = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(json, "folds"), "between");

    if (xr_text_pad(buf, "between folds", first, false, err) ||
        xr_buf_printf(buf, err, "  %-*s  deviation\n", XR_FIGURE_WIDTH,
                      "mean [corrected t]"))
        return -1;
    for (size_t i = 0;; i++) {
        bool last;
        char *path = xr_levels_path(cJSON_GetObjectItemCaseSensitive(json, "classes"), i,
                                    &last, err);
        const cJSON *entry =
            path ? cJSON_GetObjectItemCaseSensitive(between, path) : NULL;
        size_t from;
        int status = -1;

        if (path && xr_text_pad(buf, path, first + 2, false, err) == 0) {
            from = buf->size;
            status = xr_text_figure(buf, entry, false, err) ||
                     xr_text_fill(buf, from, XR_FIGURE_WIDTH + 2, err) ||
                     (isnan(xr_json_number(entry, "sd", NAN))
                          ? xr_buf_text(buf, "-\n", err)
                          : xr_buf_printf(buf, err, "%.3f\n",
                                          xr_json_number(entry, "sd", NAN)));
        }
        free(path);
        if (last)
            return xr_buf_text(buf, "\n", err);
        if (status)
            return -1;
    }
}

static int folds_text(struct xr_buf *buf, const cJSON *json, size_t n, struct xr_err *err)
{
    const cJSON *table = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(json, "folds"), "table");
    const cJSON **list = xr_alloc_array(n, sizeof *list, err), *item;
    size_t from = buf->size, l = 0;
    int first;

    if (!list)
        return -1;
    cJSON_ArrayForEach(item, table)
    {
        list[l++] = item;
    }
    first = xr_levels_text(buf, list, n, "fold", "fold",
                           cJSON_GetObjectItemCaseSensitive(json, "classes"), err);
    free(list);
    if (first < 0 || put_between(buf, json, first, err))
        return -1;
    if (xr_text_star(buf, from, err))
        return -1;
    xr_text_trim(buf, from);
    return 0;
}

static cJSON *measure(const struct folds *f, const struct xr_cli *cli, bool averaged,
                      struct xr_buf *text, struct xr_err *err)
{
    cJSON *json;

    if (text && xr_buf_printf(text, err,
                              averaged ? "mean of %zu folds, rows resampled within each\n"
                                       : "rows of %zu folds together\n",
                              f->levels.n))
        return NULL;
    json = averaged ? measure_average(f, text, err)
                    : xr_classify_rows(f->set, cli, &f->rows, text, err);
    if (!json)
        return NULL;
    if ((averaged && xr_metrics_set_rows(json, cli, &f->rows, err)) ||
        add_folds(json, f, averaged ? "averaged" : "pooled", err) ||
        (text && folds_text(text, json, f->levels.n, err))) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* All rows as one table, and the fold of each. */
static int gather(struct folds *f, struct xr_buf *csv, const struct xr_tables *tables,
                  const struct xr_cli *cli, struct xr_err *err)
{
    struct xr_scored scored;
    struct xr_table table;
    struct xr_buf copy = {0};

    if (xr_tables_same_classes(tables, err) || check_keys(tables, err) ||
        pool(csv, tables, err) || xr_buf_put(&copy, csv->data, csv->size, err) ||
        xr_table_parse(&table, &copy, tables->n > 1 ? "folds" : tables->of[0].table.name,
                       err) ||
        xr_classify_take(&f->rows, f->set, cli, &table, err))
        return -1;
    if (tables->n > 1 ? cut_tables(f, tables, err)
                      : cut_column(f, tables->of[0].table.name, err))
        return -1;
    scored = xr_classify_scored(f->set, &f->rows);
    return xr_levels_make(&f->levels, f->set, &scored, f->cut.level, f->cut.n_levels,
                          &f->bootstrap, err);
}

cJSON *xr_folds_run(const struct xr_combine *set, const struct xr_classify *classify,
                    const struct xr_cli *cli, struct xr_buf *text, struct xr_err *err)
{
    bool averaged = set->folds == 2;
    struct folds f = {.set = classify, .bootstrap = xr_classify_bootstrap(classify, cli)};
    struct xr_tables tables;
    struct xr_buf csv = {0};
    cJSON *json = NULL, *inputs;

    if (averaged && (classify->by || classify->decision)) {
        xr_fail_usage(err, "--by and --decision go with --folds pooled, not averaged");
        return NULL;
    }
    if (averaged && classify->proportion_interval) {
        xr_fail_usage(err, "--proportion-interval: a mean over folds is no proportion");
        return NULL;
    }
    if (xr_tables_read_plain(&tables, classify, cli, err))
        return NULL;
    if (gather(&f, &csv, &tables, cli, err) ||
        !(json = measure(&f, cli, averaged, text, err)))
        goto done;
    if (set->predictions_out &&
        xr_write_file(set->predictions_out, csv.data, csv.size, 0, err)) {
        cJSON_Delete(json);
        json = NULL;
        goto done;
    }
    inputs = xr_tables_digests(&tables);
    xr_classify_history(json, cli, inputs);
    cJSON_Delete(inputs);
done:
    xr_levels_free(&f.levels);
    xr_cut_free(&f.cut);
    xr_predictions_free(&f.rows);
    xr_buf_free(&csv);
    xr_tables_free(&tables);
    return json;
}
