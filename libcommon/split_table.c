/* From a table and what the user asked for to keys, paths, and all that follows. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

#include "split_index.h"

int xr_split_at_line(const struct xr_split *s, size_t row, struct xr_err *err)
{
    return xr_fail_in(err, "%s:%u", s->table->name, (unsigned)s->table->lines[row]);
}

/* --- keys and paths --------------------------------------------------------- */

int xr_split_key(const struct xr_split *s, char **key, size_t row, struct xr_err *err)
{
    if (xr_key_of(key, xr_cell(s->table, row, (size_t)s->key_col), s->rule->key_replace,
                  err))
        return err && err->usage ? -1 : xr_split_at_line(s, row, err);
    return 0;
}

static bool same_key(const void *arg, uint32_t row, const char *name)
{
    char *key;
    bool same;

    if (xr_split_key(arg, &key, row, NULL))
        return false;
    same = !strcmp(key, name);
    free(key);
    return same;
}

static int settle_columns(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    const struct xr_split_rule *r = s->rule;
    int path_col = xr_table_col(t, "path");

    if (r->key) {
        if (xr_table_need(&s->key_col, t, r->key, err))
            return -1;
    } else {
        s->key_col = xr_table_col(t, "key");
        if (s->key_col < 0)
            s->key_col = path_col;
        if (s->key_col < 0)
            return xr_fail(
                err,
                "%s:1: no column 'key' or 'path': name the column of image names "
                "with --key",
                t->name);
    }
    if (r->path)
        return xr_tmpl_parse(&s->path, "--path", r->path, t, err);
    return xr_tmpl_add(&s->path, path_col >= 0 ? path_col : s->key_col, NULL, 0, err);
}

static int check_keys(struct xr_split *s, struct xr_err *err)
{
    struct xr_index index = {0};
    int status = -1;

    for (size_t i = 0; i < s->table->n_rows; i++) {
        char *key;
        uint32_t id;
        int got;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (xr_split_key(s, &key, i, err))
            goto done;
        got = xr_index_put(&index, &id, key, (uint32_t)i, same_key, s, err);
        if (got == 0) {
            xr_fail(err, "key '%s' is also that of line %u", key,
                    (unsigned)s->table->lines[index.first_row[id]]);
            xr_split_at_line(s, i, err);
        }
        free(key);
        if (got != 1)
            goto done;
    }
    status = 0;
done:
    xr_index_free(&index);
    return status;
}

struct same_path {
    struct xr_split *split;
};

static bool same_path(const void *arg, uint32_t row, const char *name)
{
    struct xr_split *s = ((const struct same_path *)arg)->split;
    struct xr_buf held = s->scratch; /* `name` lies in it */
    bool empty, same;
    char *key;

    if (xr_split_key(s, &key, row, NULL))
        return false;
    memset(&s->scratch, 0, sizeof s->scratch);
    same = !xr_tmpl_fill(s, &s->path, row, key, &empty, NULL) &&
           !strcmp(s->scratch.data, name);
    xr_buf_free(&s->scratch);
    s->scratch = held;
    free(key);
    return same;
}

/* Two keys for one image would let it into two parts. A path that holds the key cannot
 * repeat. */
static int check_paths(struct xr_split *s, struct xr_err *err)
{
    struct same_path arg = {s};
    struct xr_index index = {0};
    int status = -1;

    for (size_t i = 0; i < s->path.n; i++) {
        if (s->path.pieces[i].col == PIECE_KEY || s->path.pieces[i].col == s->key_col)
            return 0;
    }
    for (size_t i = 0; i < s->table->n_rows; i++) {
        bool empty;
        char *key;
        uint32_t id;
        int got;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (xr_split_key(s, &key, i, err))
            goto done;
        got = xr_tmpl_fill(s, &s->path, i, key, &empty, err);
        free(key);
        if (got)
            goto done;
        if (empty) {
            xr_fail(err, "no path");
            xr_split_at_line(s, i, err);
            goto done;
        }
        got =
            xr_index_put(&index, &id, s->scratch.data, (uint32_t)i, same_path, &arg, err);
        if (got == 0) {
            xr_fail(err, "path '%s' is also that of line %u", s->scratch.data,
                    (unsigned)s->table->lines[index.first_row[id]]);
            xr_split_at_line(s, i, err);
        }
        if (got != 1)
            goto done;
    }
    status = 0;
done:
    xr_index_free(&index);
    return status;
}

static int keep_classes(struct xr_split *s, struct xr_err *err)
{
    size_t size = s->table->n_rows * sizeof *s->film_class;

    s->n_left_out[XR_LEFT_UNLABELLED] = s->table->n_rows - s->n_kept;
    if (!s->rule->look.near)
        return 0;
    s->film_class = xr_alloc_array(size, 1, err);
    if (!s->film_class)
        return -1;
    memcpy(s->film_class, s->class_of, size);
    return 0;
}

bool xr_split_own_column(const struct xr_split *s, size_t col)
{
    static const char *const own[] = {"key",   "path", "mask",  "label", "class",
                                      "split", "fold", "group", "subset"};
    const char *name = s->table->names[col];

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(name, own[i]))
            return true;
    }
    for (size_t i = 0; i < s->n_hot; i++) {
        if (s->hot[i] == (int)col)
            return true;
    }
    for (size_t i = 0; i < s->n_group_cols && !s->rule->group_runs; i++) {
        if (s->group_cols[i] == (int)col && s->n_group_cols == 1)
            return true;
    }
    return (int)col == s->key_col || (!s->rule->one_hot && (int)col == s->label_col) ||
           xr_split_is_inner(name);
}

static int warn(struct xr_split *s, struct xr_err *err)
{
    if (!s->group_of && !s->rule->no_group &&
        xr_buf_text(
            &s->warnings,
            "no --group: films of one patient may come to lie in two parts, which makes "
            "results look better than they are (--no-group: they are independent)\n",
            err))
        return -1;
    if (s->n_left_out[XR_LEFT_UNLABELLED] &&
        xr_buf_printf(&s->warnings, err, "%zu rows without a label are left out\n",
                      s->n_left_out[XR_LEFT_UNLABELLED]))
        return -1;
    return xr_split_warn_shares(s, err);
}

int xr_split_make(struct xr_split **split, const struct xr_table *table,
                  const struct xr_split_rule *rule, struct xr_err *err)
{
    struct xr_split *s = xr_alloc_array(1, sizeof *s, err);

    *split = NULL;
    if (!s)
        return -1;
    s->table = table;
    s->rule = rule;
    s->by_col = -1;
    if (table->n_rows == 0) {
        xr_fail(err, "%s: a header without rows", table->name);
        goto fail;
    }
    if (settle_columns(s, err) || xr_split_classes(s, err) || xr_split_masks(s, err))
        goto fail;
    if (s->n_kept == 0) {
        xr_fail(err, "%s: no row has a label", table->name);
        goto fail;
    }
    if (check_keys(s, err) || check_paths(s, err) || keep_classes(s, err) ||
        xr_split_films(s, err) || xr_split_groups(s, err) || xr_split_parts(s, err) ||
        warn(s, err))
        goto fail;
    *split = s;
    return 0;
fail:
    xr_split_free(s);
    return -1;
}

const char *xr_split_warnings(const struct xr_split *split)
{
    return split->warnings.data ? split->warnings.data : "";
}

void xr_split_free(struct xr_split *split)
{
    if (!split)
        return;
    xr_names_free(&split->classes);
    free(split->has_mask);
    free(split->hot);
    free(split->hot_class);
    free(split->path.pieces);
    free(split->mask.pieces);
    free(split->class_of);
    free(split->group_of);
    free(split->group_row);
    xr_scan_free(split->films, split->n_films);
    free(split->film_row);
    free(split->film_class);
    free(split->pairs);
    free(split->links);
    free(split->part);
    free(split->share);
    xr_names_free(&split->values);
    free(split->pinned);
    for (size_t f = 0; f < split->n_inner; f++)
        free(split->inner[f]);
    free(split->inner);
    free(split->subsets);
    free(split->subset);
    xr_buf_free(&split->warnings);
    xr_buf_free(&split->scratch);
    free(split);
}
