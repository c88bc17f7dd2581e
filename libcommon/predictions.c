/* Reading a predictions CSV. */
#include "predictions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rng.h"

#define SUM_TOLERANCE 1e-4

/* Texts and their numbers in order of first sight: open addressing, never more than half
 * full. */
struct names {
    const char **slot;
    uint32_t *number;
    size_t mask, n;
};

static int names_init(struct names *names, size_t most, struct xr_err *err)
{
    size_t size = 16;

    while (size < 2 * most)
        size *= 2;
    names->mask = size - 1;
    names->n = 0;
    names->slot = xr_alloc_array(size, sizeof *names->slot, err);
    names->number = xr_alloc_array(size, sizeof *names->number, err);
    return names->slot && names->number ? 0 : -1;
}

static void names_free(struct names *names)
{
    free(names->slot);
    free(names->number);
}

/* The number of a text; *fresh says whether it was new. */
static uint32_t names_put(struct names *names, const char *text, bool *fresh)
{
    size_t at = (size_t)xr_fnv1a64(text) & names->mask;

    while (names->slot[at] && strcmp(names->slot[at], text) != 0)
        at = (at + 1) & names->mask;
    *fresh = !names->slot[at];
    if (*fresh) {
        names->slot[at] = text;
        names->number[at] = (uint32_t)names->n++;
    }
    return names->number[at];
}

struct columns {
    int key, label, split, group;
    size_t *p; /* [k] */
};

static int find_columns(struct columns *columns, struct xr_predictions *out,
                        const struct xr_predictions_options *options, struct xr_err *err)
{
    const struct xr_table *t = &out->table;

    columns->p = xr_alloc_array(t->n_cols, sizeof *columns->p, err);
    out->classes = xr_alloc_array(t->n_cols, sizeof *out->classes, err);
    if (!columns->p || !out->classes)
        return -1;
    if (xr_table_need(&columns->key, t, "key", err) ||
        xr_table_need(&columns->label, t, "label", err))
        return -1;
    columns->split = xr_table_col(t, "split");
    if (options->split && columns->split < 0)
        return xr_table_need(&columns->split, t, "split", err);
    columns->group = -1;
    if (options->group && xr_table_need(&columns->group, t, options->group, err))
        return -1;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (strncmp(t->names[c], "p_", 2) != 0 || !t->names[c][2])
            continue;
        columns->p[out->k] = c;
        out->classes[out->k++] = t->names[c] + 2;
    }
    if (out->k == 0)
        return xr_fail(err, "%s:1: no column p_<class>: this is no table of predictions",
                       t->name);
    return 0;
}

static int find_label(uint32_t *label, const struct xr_predictions *out, const char *text)
{
    for (size_t c = 0; c < out->k; c++) {
        if (strcmp(out->classes[c], text) == 0) {
            *label = (uint32_t)c;
            return 0;
        }
    }
    return -1;
}

static int read_row(struct xr_predictions *out, const struct columns *columns, size_t row,
                    const struct xr_predictions_options *options, struct xr_err *err)
{
    const struct xr_table *t = &out->table;
    const char *label = xr_cell(t, row, (size_t)columns->label);
    double *p = out->p + out->n * out->k, sum = 0.0;
    unsigned line = t->lines[row];

    out->label[out->n] = XR_UNLABELLED;
    if (!*label && !options->keep_unlabelled) {
        if (!options->skip_unlabelled)
            return xr_fail(err,
                           "%s:%u: no label (--skip-unlabelled leaves such rows out)",
                           t->name, line);
        out->n_unlabelled++;
        return 0;
    }
    if (*label && find_label(&out->label[out->n], out, label))
        return xr_fail(err, "%s:%u: unknown label '%s': there is no column 'p_%s'",
                       t->name, line, label, label);
    for (size_t c = 0; c < out->k; c++) {
        const char *text = xr_cell(t, row, columns->p[c]);
        struct xr_err why;

        if (xr_parse_real(&p[c], text, 0.0, 1.0, &why))
            return xr_fail(err, "%s:%u: column '%s': %s", t->name, line,
                           t->names[columns->p[c]], why.text);
        sum += p[c];
    }
    if (fabs(sum - 1.0) > SUM_TOLERANCE)
        return xr_fail(err, "%s:%u: the probabilities add up to %.9g, not to 1", t->name,
                       line, sum);
    out->row[out->n++] = (uint32_t)row;
    return 0;
}

static int read_rows(struct xr_predictions *out, const struct columns *columns,
                     const struct xr_predictions_options *options, struct xr_err *err)
{
    const struct xr_table *t = &out->table;
    struct names keys = {0}, splits = {0};
    bool fresh;
    int status = -1;

    if (names_init(&keys, t->n_rows, err) || names_init(&splits, t->n_rows, err))
        goto done;
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *key = xr_cell(t, row, (size_t)columns->key);
        const char *split =
            columns->split < 0 ? "" : xr_cell(t, row, (size_t)columns->split);
        size_t before = out->n;

        names_put(&keys, key, &fresh);
        if (!*key || !fresh) {
            xr_fail(err, *key ? "%s:%u: key '%s' was there before" : "%s:%u: no key%s",
                    t->name, t->lines[row], key);
            goto done;
        }
        if (options->split && strcmp(split, options->split) != 0)
            continue;
        if (read_row(out, columns, row, options, err))
            goto done;
        if (out->n > before && columns->split >= 0)
            names_put(&splits, split, &fresh);
    }
    out->n_splits = splits.n;
    if (out->n || options->may_be_empty)
        status = 0;
    else if (options->split)
        xr_fail(err, "%s: no%s row of split '%s'", t->name,
                out->n_unlabelled ? " labelled" : "", options->split);
    else
        xr_fail(err, "%s: no%s row", t->name, out->n_unlabelled ? " labelled" : "");
done:
    names_free(&keys);
    names_free(&splits);
    return status;
}

static int number_groups(struct xr_predictions *out, int column, struct xr_err *err)
{
    struct names names = {0};
    uint32_t lone = 0;
    int status = -1;

    out->group = xr_alloc_array(out->n, sizeof *out->group, err);
    if (!out->group || names_init(&names, out->n, err))
        goto done;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < out->n; i++) {
            const char *text = xr_cell(&out->table, out->row[i], (size_t)column);
            bool fresh;

            if (pass == 0 && *text)
                out->group[i] = names_put(&names, text, &fresh);
            else if (pass == 1 && !*text)
                out->group[i] = (uint32_t)names.n + lone++;
        }
    }
    out->n_groups = names.n + lone;
    status = 0;
done:
    names_free(&names);
    return status;
}

int xr_predictions_take(struct xr_predictions *out, struct xr_table *table,
                        const struct xr_predictions_options *options, struct xr_err *err)
{
    struct columns columns = {0};
    int status = -1;

    *out = (struct xr_predictions){.table = *table};
    *table = (struct xr_table){0};
    if (find_columns(&columns, out, options, err))
        goto done;
    if (out->table.n_rows && out->k > SIZE_MAX / out->table.n_rows) {
        xr_fail(err, "%s: too large", out->table.name);
        goto done;
    }
    out->p = xr_alloc_array(out->table.n_rows * out->k, sizeof *out->p, err);
    out->label = xr_alloc_array(out->table.n_rows, sizeof *out->label, err);
    out->row = xr_alloc_array(out->table.n_rows, sizeof *out->row, err);
    if (!out->p || !out->label || !out->row || read_rows(out, &columns, options, err))
        goto done;
    status = options->group ? number_groups(out, columns.group, err) : 0;
done:
    free(columns.p);
    if (status)
        xr_predictions_free(out);
    return status;
}

int xr_predictions_read(struct xr_predictions *out, const char *path,
                        const struct xr_predictions_options *options, struct xr_err *err)
{
    struct xr_table table;

    *out = (struct xr_predictions){0};
    if (xr_table_read(&table, path, err))
        return -1;
    return xr_predictions_take(out, &table, options, err);
}

void xr_predictions_free(struct xr_predictions *predictions)
{
    free(predictions->classes);
    free(predictions->p);
    free(predictions->label);
    free(predictions->row);
    free(predictions->group);
    xr_table_free(&predictions->table);
    *predictions = (struct xr_predictions){0};
}
