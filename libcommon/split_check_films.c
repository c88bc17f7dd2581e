/* Proving with the films at hand that no copy of one lies in another part. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

static unsigned line_of(const struct xr_table *t, size_t row)
{
    return (unsigned)t->lines[row];
}

/* Columns that say the part of a row; a copy may be in another subset. */
static bool says_part(const char *name)
{
    return !strcmp(name, "split") || !strcmp(name, "fold") || xr_split_is_inner(name);
}

/* One pair: -1 if it is in two parts. */
static int check_pair(const struct xr_table *t, const struct xr_pair *p, int key,
                      struct xr_err *err)
{
    for (size_t c = 0; c < t->n_cols; c++) {
        const char *a = xr_cell(t, p->a, c), *b = xr_cell(t, p->b, c);

        if (!says_part(t->names[c]) || !strcmp(a, b))
            continue;
        return xr_fail(err,
                       "%s:%u: '%s' %s '%s' in line %u (%s, correlation %.2f), but its "
                       "%s is '%s', not '%s'",
                       t->name, line_of(t, p->b), xr_cell(t, p->b, (size_t)key),
                       p->kind == XR_PAIR_EXACT ? "has the pixels of" : "looks like",
                       xr_cell(t, p->a, (size_t)key), line_of(t, p->a),
                       xr_pair_names[p->kind], p->r, t->names[c], b, a);
    }
    return 0;
}

int xr_split_check_films(size_t *n_pairs, const struct xr_table *table,
                         const struct xr_split_look *look, struct xr_err *err)
{
    const char **paths = xr_alloc_array(table->n_rows, sizeof *paths, err);
    struct xr_scan *films = xr_alloc_array(table->n_rows, sizeof *films, err);
    struct xr_pair *pairs = NULL;
    int status = -1, path, key;

    if (!paths || !films || xr_table_need(&path, table, "path", err) ||
        xr_table_need(&key, table, "key", err))
        goto done;
    for (size_t i = 0; i < table->n_rows; i++)
        paths[i] = xr_cell(table, i, (size_t)path);
    if (xr_scan_films(films, paths, table->n_rows, look->root, true, look->jobs, err))
        goto done;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (films[i].why && !look->skip_bad) {
            xr_fail(err, "%s:%u: %s", table->name, line_of(table, i), films[i].why);
            goto done;
        }
    }
    if (xr_similar(&pairs, n_pairs, films, table->n_rows, look->threshold, look->flips,
                   look->jobs, err))
        goto done;
    status = 0;
    for (size_t i = 0; i < *n_pairs && !status; i++)
        status = check_pair(table, &pairs[i], key, err);
done:
    free(pairs);
    free(paths);
    xr_scan_free(films, table->n_rows);
    return status;
}
