/* Tables of predictions made into one. */
#include "metrics_combine.h"

#include <stdlib.h>
#include <string.h>

#include "metrics_join.h"

int xr_combine_check(const struct xr_combine *set, const struct xr_cli *cli,
                     struct xr_err *err)
{
    if (set->ensemble && set->folds)
        return xr_fail_usage(err, "--ensemble and --folds do not go together");
    if (set->ensemble && cli->n_operands < 2)
        return xr_fail_usage(err, "--ensemble takes two tables or more");
    if (set->predictions_out && !set->ensemble && !set->folds)
        return xr_fail_usage(err, "--predictions-out is for --ensemble or --folds");
    if (set->predictions_out && cli->output && !strcmp(set->predictions_out, cli->output))
        return xr_fail_usage(err, "--predictions-out and --output name the same file");
    return 0;
}

/* What stands in a column of the combined table. */
enum kind {
    AS_IT_IS,
    PROBABILITY,
    PREDICTED
};

static enum kind kind_of(const char *name)
{
    if (!strncmp(name, "p_", 2) && name[2])
        return PROBABILITY;
    return strcmp(name, "pred") != 0 ? AS_IT_IS : PREDICTED;
}

/* The first table with p [n][k] instead of its own, and the classes they predict. */
static int put_table(struct xr_buf *csv, const struct xr_predictions *first,
                     const double *p, struct xr_err *err)
{
    const struct xr_table *t = &first->table;

    for (size_t c = 0; c < t->n_cols; c++)
        if (xr_csv_put(csv, c == 0, t->names[c], err))
            return -1;
    for (size_t i = 0; i < first->n; i++) {
        const double *own = p + i * first->k;
        size_t class_index = 0;

        if (xr_buf_text(csv, "\n", err))
            return -1;
        for (size_t c = 0; c < t->n_cols; c++) {
            const char *text = xr_cell(t, first->row[i], c);
            enum kind kind = kind_of(t->names[c]);
            char number[32];

            if (kind == PROBABILITY) {
                snprintf(number, sizeof number, "%.17g", own[class_index++]);
                text = number;
            } else if (kind == PREDICTED) {
                text = first->classes[xr_predicted(own, first->k)];
            }
            if (xr_csv_put(csv, c == 0, text, err))
                return -1;
        }
    }
    return xr_buf_text(csv, "\n", err);
}

static int combine(struct xr_buf *csv, const struct xr_tables *tables,
                   enum xr_ensemble_rule rule, struct xr_err *err)
{
    const struct xr_predictions *first = &tables->of[0];
    const double **all = xr_alloc_array(tables->n, sizeof *all, err);
    double *p = xr_alloc_array(first->n * first->k, sizeof *p, err);
    int status = -1;

    if (all && p) {
        for (size_t t = 0; t < tables->n; t++)
            all[t] = tables->of[t].p;
        xr_ensemble(p, all, tables->n, first->n, first->k, rule);
        status = put_table(csv, first, p, err);
    }
    free(all);
    free(p);
    return status;
}

/* Measure the table csv, which is taken over after it was written where it is wanted. */
static cJSON *measure(const struct xr_combine *set, const struct xr_classify *classify,
                      const struct xr_cli *cli, struct xr_buf *csv, const char *name,
                      struct xr_buf *text, struct xr_err *err)
{
    struct xr_predictions predictions = {0};
    struct xr_buf kept = {0};
    struct xr_table table;
    cJSON *json = NULL;

    if ((set->predictions_out && xr_buf_put(&kept, csv->data, csv->size, err)) ||
        xr_table_parse(&table, csv, name, err) ||
        xr_classify_take(&predictions, classify, cli, &table, err))
        goto done;
    json = xr_classify_rows(classify, cli, &predictions, text, err);
    if (json && set->predictions_out &&
        xr_write_file(set->predictions_out, kept.data, kept.size, 0, err)) {
        cJSON_Delete(json);
        json = NULL;
    }
done:
    xr_predictions_free(&predictions);
    xr_buf_free(&kept);
    return json;
}

cJSON *xr_ensemble_run(const struct xr_combine *set, const struct xr_classify *classify,
                       const struct xr_cli *cli, struct xr_buf *text, struct xr_err *err)
{
    static const char *const names[] = {"mean", "logmean", "vote"};
    enum xr_ensemble_rule rule = (enum xr_ensemble_rule)(set->ensemble - 1);
    struct xr_tables tables;
    struct xr_buf csv = {0};
    cJSON *json = NULL, *inputs, *said;

    if (xr_tables_read_plain(&tables, classify, cli, err))
        return NULL;
    if (text && (xr_buf_printf(text, err, "%s of %zu tables\n", names[rule], tables.n)))
        goto done;
    if (xr_tables_join(&tables, err) || combine(&csv, &tables, rule, err) ||
        !(json = measure(set, classify, cli, &csv, "ensemble", text, err)))
        goto done;
    said = cJSON_AddObjectToObject(json, "ensemble");
    cJSON_AddStringToObject(said, "rule", names[rule]);
    cJSON_AddItemToObject(
        said, "files",
        cJSON_CreateStringArray((const char *const *)tables.names, (int)tables.n));
    inputs = xr_tables_digests(&tables);
    xr_classify_history(json, cli, inputs);
    cJSON_Delete(inputs);
done:
    xr_buf_free(&csv);
    xr_tables_free(&tables);
    return json;
}
