/* Tables of predictions brought into one order. */
#include "metrics_join.h"

#include <stdlib.h>
#include <string.h>

#include "split_index.h"

/* The end of a path with `depth` slashes in it. */
static const char *path_end(const char *path, int depth)
{
    const char *at = path + strlen(path);

    while (at > path && !(at[-1] == '/' && depth-- == 0))
        at--;
    return at;
}

static bool all_differ(const char *const *paths, size_t n, int depth)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(path_end(paths[i], depth), path_end(paths[j], depth)))
                return false;
    return true;
}

static int name_tables(struct xr_tables *t, const char *const *paths, struct xr_err *err)
{
    int depth = 0;

    while (depth < 64 && !all_differ(paths, t->n, depth))
        depth++;
    for (size_t i = 0; i < t->n; i++) {
        size_t twin = 1;

        for (size_t j = 0; depth == 64 && j < i; j++)
            twin += !strcmp(paths[i], paths[j]);
        if (depth == 64 && twin > 1)
            t->names[i] = xr_sprintf(err, "%s#%zu", xr_last_part(paths[i]), twin);
        else
            t->names[i] = xr_strdup(path_end(paths[i], depth == 64 ? 0 : depth), err);
        if (!t->names[i])
            return -1;
    }
    return 0;
}

/* One table: verified and with its groups, or as it is. */
static int read_one(struct xr_predictions *p, const char *path,
                    const struct xr_classify *set, const struct xr_cli *cli, bool plain,
                    struct xr_err *err)
{
    const struct xr_predictions_options which = {.split = set->split,
                                                 .keep_unlabelled = set->skip_unlabelled};
    struct xr_table table;

    if (xr_table_read(&table, path, err))
        return -1;
    return plain ? xr_predictions_take(p, &table, &which, err)
                 : xr_classify_take(p, set, cli, &table, err);
}

static int read_all(struct xr_tables *t, const struct xr_classify *set,
                    const struct xr_cli *cli, bool plain, struct xr_err *err)
{
    const char *input = xr_cli_input(cli), *const *paths = &input;
    struct xr_classify one = *set;

    *t = (struct xr_tables){.n = 1};
    if (cli->n_operands > 1) {
        t->n = cli->n_operands;
        paths = (const char *const *)cli->operands;
    }
    t->of = xr_alloc_array(t->n, sizeof *t->of, err);
    t->names = xr_alloc_array(t->n, sizeof *t->names, err);
    if (!t->of || !t->names || name_tables(t, paths, err))
        goto fail;
    for (size_t i = 0; i < t->n; i++) {
        if (read_one(&t->of[i], paths[i], &one, cli, plain, err))
            goto fail;
        one.group = NULL;
    }
    return 0;
fail:
    xr_tables_free(t);
    return -1;
}

int xr_tables_read(struct xr_tables *t, const struct xr_classify *set,
                   const struct xr_cli *cli, struct xr_err *err)
{
    return read_all(t, set, cli, false, err);
}

int xr_tables_read_plain(struct xr_tables *t, const struct xr_classify *set,
                         const struct xr_cli *cli, struct xr_err *err)
{
    return read_all(t, set, cli, true, err);
}

void xr_tables_free(struct xr_tables *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->of)
            xr_predictions_free(&t->of[i]);
        if (t->names)
            free(t->names[i]);
    }
    free(t->of);
    free(t->names);
    *t = (struct xr_tables){0};
}

int xr_tables_same_classes(const struct xr_tables *t, struct xr_err *err)
{
    const struct xr_predictions *first = &t->of[0];

    for (size_t i = 1; i < t->n; i++) {
        const struct xr_predictions *p = &t->of[i];

        for (size_t c = 0; c < p->k || c < first->k; c++) {
            if (c >= p->k)
                return xr_fail(err, "%s:1: no class '%s', which %s has", p->table.name,
                               first->classes[c], first->table.name);
            if (c >= first->k || strcmp(p->classes[c], first->classes[c]) != 0)
                return xr_fail(err, "%s:1: class %zu is '%s', in %s it is '%s'",
                               p->table.name, c + 1, p->classes[c], first->table.name,
                               c < first->k ? first->classes[c] : "");
        }
    }
    return 0;
}

/* Move row i of p to place to[i]. */
static int permute(struct xr_predictions *p, const uint32_t *to, struct xr_err *err)
{
    double *scores = xr_alloc_array(p->n * p->k, sizeof *scores, err);
    uint32_t *label = xr_alloc_array(p->n, sizeof *label, err);
    uint32_t *row = xr_alloc_array(p->n, sizeof *row, err);

    if (!scores || !label || !row) {
        free(scores);
        free(label);
        free(row);
        return -1;
    }
    for (size_t i = 0; i < p->n; i++) {
        memcpy(scores + to[i] * p->k, p->p + i * p->k, p->k * sizeof *scores);
        label[to[i]] = p->label[i];
        row[to[i]] = p->row[i];
    }
    free(p->p);
    free(p->label);
    free(p->row);
    p->p = scores;
    p->label = label;
    p->row = row;
    return 0;
}

static const char *label_of(const struct xr_predictions *p, size_t i)
{
    return p->label[i] == XR_UNLABELLED ? "" : p->classes[p->label[i]];
}

static const char *key_of(const struct xr_predictions *p, size_t i)
{
    return xr_cell(&p->table, p->row[i], (size_t)xr_table_col(&p->table, "key"));
}

/* The first row of the first table whose place nothing came to. */
static int missing(const struct xr_predictions *first, const struct xr_predictions *p,
                   const uint32_t *to, struct xr_err *err)
{
    unsigned char *taken = xr_alloc_array(first->n, 1, err);
    size_t i = 0;

    if (!taken)
        return -1;
    for (size_t r = 0; r < p->n; r++)
        taken[to[r]] = 1;
    while (taken[i])
        i++;
    free(taken);
    return xr_fail(err, "%s: no key '%s', which %s has", p->table.name, key_of(first, i),
                   first->table.name);
}

/* The key's row in the first table: xr_index gives ids in the order of those rows. */
static int place(uint32_t *to, struct xr_index *index,
                 const struct xr_index_column *column, const struct xr_predictions *first,
                 const struct xr_predictions *p, struct xr_err *err)
{
    const struct xr_table *t = &p->table;

    for (size_t i = 0; i < p->n; i++) {
        const char *key = key_of(p, i);

        if (!xr_index_get(index, key, xr_index_same_cell, column))
            return xr_fail(err, "%s:%u: key '%s' is not in %s", t->name,
                           t->lines[p->row[i]], key, first->table.name);
        if (xr_index_put(index, &to[i], key, 0, xr_index_same_cell, column, err) < 0)
            return -1;
        if (p->label[i] != first->label[to[i]])
            return xr_fail(err, "%s:%u: key '%s' has label '%s', in %s it is '%s'",
                           t->name, t->lines[p->row[i]], key, label_of(p, i),
                           first->table.name, label_of(first, to[i]));
    }
    return p->n < first->n ? missing(first, p, to, err) : 0;
}

int xr_tables_join(struct xr_tables *t, struct xr_err *err)
{
    struct xr_predictions *first = &t->of[0];
    struct xr_index_column column = {&first->table, 0};
    struct xr_index index = {0};
    uint32_t *to = NULL, id;
    int status = -1;

    if (xr_tables_same_classes(t, err))
        return -1;
    column.col = (size_t)xr_table_col(&first->table, "key");
    for (size_t i = 0; i < first->n; i++)
        if (xr_index_put(&index, &id, key_of(first, i), first->row[i], xr_index_same_cell,
                         &column, err) < 0)
            goto done;
    for (size_t i = 1; i < t->n; i++) {
        free(to);
        to = xr_alloc_array(t->of[i].n, sizeof *to, err);
        if (!to || place(to, &index, &column, first, &t->of[i], err) ||
            permute(&t->of[i], to, err))
            goto done;
    }
    status = 0;
done:
    free(to);
    xr_index_free(&index);
    return status;
}

cJSON *xr_tables_digests(const struct xr_tables *t)
{
    cJSON *inputs = cJSON_CreateObject();

    for (size_t i = 0; i < t->n; i++)
        cJSON_AddStringToObject(inputs, t->names[i], t->of[i].table.digest);
    return inputs;
}
