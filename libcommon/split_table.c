/* From a table and what the user asked for to keys, groups and parts. */
#include "split_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "split_index.h"

int xr_split_at_line(const struct xr_split *s, size_t row, struct xr_err *err)
{
    return xr_fail_in(err, "%s:%u", s->table->name, (unsigned)s->table->lines[row]);
}

/* --- keys, paths, groups --------------------------------------------------------- */

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

const char *xr_split_group(struct xr_buf *buf, const struct xr_split *s, size_t row,
                           struct xr_err *err)
{
    if (s->n_group_cols == 1)
        return xr_cell(s->table, row, (size_t)s->group_cols[0]);
    buf->size = 0;
    for (size_t i = 0; i < s->n_group_cols; i++) {
        if ((i && xr_buf_put(buf, ":", 1, err)) ||
            xr_buf_text(buf, xr_cell(s->table, row, (size_t)s->group_cols[i]), err))
            return NULL;
    }
    return buf->data;
}

static bool same_group(const void *arg, uint32_t row, const char *name)
{
    struct xr_buf buf = {0};
    const char *other = xr_split_group(&buf, arg, row, NULL);
    bool same = other && !strcmp(other, name);

    xr_buf_free(&buf);
    return same;
}

static int settle_group_columns(struct xr_split *s, struct xr_err *err)
{
    struct xr_names cols = {0};
    int status = 0;

    if (s->rule->no_group)
        return 0;
    if (!s->rule->group) {
        s->group_cols[0] = xr_table_col(s->table, "group");
        s->n_group_cols = s->group_cols[0] >= 0;
        return 0;
    }
    if (xr_names_parse(&cols, "--group", s->rule->group, err))
        status = -1;
    else if (cols.n > MAX_GROUP_COLS)
        status = xr_fail_usage(err, "--group: more than %d columns", MAX_GROUP_COLS);
    for (size_t i = 0; i < cols.n && !status; i++)
        status = xr_table_need(&s->group_cols[i], s->table, cols.items[i], err);
    s->n_group_cols = cols.n;
    xr_names_free(&cols);
    return status;
}

static int settle_groups(struct xr_split *s, struct xr_err *err)
{
    struct xr_index index = {0};
    struct xr_buf buf = {0};
    int status = -1;

    if (settle_group_columns(s, err))
        return -1;
    s->n_groups = s->table->n_rows;
    if (!s->n_group_cols)
        return 0;
    s->group_of = xr_alloc_array(s->table->n_rows, sizeof *s->group_of, err);
    if (!s->group_of)
        return -1;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        const char *name;
        bool empty = true;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        for (size_t c = 0; c < s->n_group_cols; c++)
            empty &= !*xr_cell(s->table, i, (size_t)s->group_cols[c]);
        if (empty) {
            xr_fail(err, "no group in column '%s'", s->table->names[s->group_cols[0]]);
            xr_split_at_line(s, i, err);
            goto done;
        }
        name = xr_split_group(&buf, s, i, err);
        if (!name || xr_index_put(&index, &s->group_of[i], name, (uint32_t)i, same_group,
                                  s, err) < 0)
            goto done;
    }
    s->n_groups = index.n;
    status = 0;
done:
    xr_buf_free(&buf);
    xr_index_free(&index);
    return status;
}

/* --- parts ----------------------------------------------------------------------- */

/* A random number a group, from the seed and the group's name (a row's key without
 * groups). */
static int draw(const struct xr_split *s, uint64_t *order, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = -1;

    for (size_t i = s->table->n_rows; i-- > 0;) { /* any row of a group gives the same */
        char *key = NULL;
        struct xr_rng rng;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (s->group_of) {
            const char *name;

            if (order[s->group_of[i]])
                continue;
            name = xr_split_group(&buf, s, i, err);
            if (!name)
                goto done;
            xr_rng_init(&rng, s->rule->seed, 0, name, "split");
        } else {
            if (xr_split_key(s, &key, i, err))
                goto done;
            xr_rng_init(&rng, s->rule->seed, 0, key, "split");
            free(key);
        }
        order[s->group_of ? s->group_of[i] : i] = xr_rng_u64(&rng) | 1;
    }
    status = 0;
done:
    xr_buf_free(&buf);
    return status;
}

static int settle_shares(struct xr_split *s, struct xr_err *err)
{
    const struct xr_split_rule *r = s->rule;

    s->n_parts = r->folds ? (size_t)r->folds + (r->test_ratio > 0) : 3;
    if (s->n_parts > XR_SPLIT_MAX_PARTS)
        return xr_fail_usage(err, "more than %d parts", XR_SPLIT_MAX_PARTS);
    s->share = xr_alloc_array(s->n_parts, sizeof *s->share, err);
    if (!s->share)
        return -1;
    for (size_t p = 0; p < s->n_parts; p++)
        s->share[p] = !r->folds               ? r->ratio[p]
                      : p == (size_t)r->folds ? r->test_ratio
                                              : (1 - r->test_ratio) / (double)r->folds;
    if (r->folds && (s->group_of ? s->n_groups : s->n_kept) < s->n_parts)
        return xr_fail(err, "%s: %zu %s cannot fill %zu parts", s->table->name,
                       s->group_of ? s->n_groups : s->n_kept,
                       s->group_of ? "groups" : "rows", s->n_parts);
    return 0;
}

static const char *part_name(const struct xr_split *s, size_t p, char text[32])
{
    static const char *const names[] = {"train", "val", "test"};

    if (s->rule->folds && p < (size_t)s->rule->folds)
        snprintf(text, 32, "fold %zu", p);
    else
        snprintf(text, 32, "%s", s->rule->folds ? "test" : names[p]);
    return text;
}

/* Say where groups are too large, or classes too small, for what was asked. */
static int warn_shares(struct xr_split *s, struct xr_err *err)
{
    size_t n_cells = s->classes.n * s->n_parts;
    size_t *count = xr_alloc_array(n_cells, sizeof *count, err);
    size_t *of_part = xr_alloc_array(s->n_parts, sizeof *of_part, err);
    size_t *of_class = xr_alloc_array(s->classes.n, sizeof *of_class, err);
    int status = count && of_part && of_class ? 0 : -1;
    char name[32];

    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        uint16_t c = s->class_of[i];
        size_t p;

        if (c == XR_SPLIT_NONE)
            continue;
        p = s->part[s->group_of ? s->group_of[i] : i];
        count[c * s->n_parts + p]++;
        of_part[p]++;
        of_class[c]++;
    }
    for (size_t c = 0; c < s->classes.n && !status; c++) {
        size_t missing = 0;

        for (size_t p = 0; p < s->n_parts; p++)
            missing += s->share[p] > 0 && !count[c * s->n_parts + p];
        if (missing)
            status =
                xr_buf_printf(&s->warnings, err,
                              "class '%s' (%zu rows) is absent from %zu of the parts\n",
                              s->classes.items[c], of_class[c], missing);
    }
    for (size_t p = 0; p < s->n_parts && !status; p++) {
        double exact = s->share[p] * (double)s->n_kept;
        double off = fabs((double)of_part[p] - exact);

        if (off > 0.01 * (double)s->n_kept && off > 1)
            status = xr_buf_printf(&s->warnings, err,
                                   "%s has %zu rows where the exact share is %.1f: the "
                                   "groups are too large\n",
                                   part_name(s, p, name), of_part[p], exact);
    }
    free(count);
    free(of_part);
    free(of_class);
    return status;
}

static int settle_parts(struct xr_split *s, struct xr_err *err)
{
    struct xr_split_problem pb = {
        .n_rows = s->table->n_rows,
        .n_classes = s->classes.n,
        .n_groups = s->n_groups,
        .n_parts = s->n_parts,
        .class_of = s->class_of,
        .group_of = s->group_of,
        .share = s->share,
        .seed = s->rule->seed,
    };
    uint64_t *order = xr_alloc_array(s->n_groups, sizeof *order, err);
    int status = -1;

    s->part = xr_alloc_array(s->n_groups, sizeof *s->part, err);
    pb.order = order;
    if (order && s->part && !draw(s, order, err))
        status = xr_split_assign(s->part, &pb, err);
    free(order);
    return status;
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
    if (check_keys(s, err) || check_paths(s, err) || settle_groups(s, err) ||
        settle_shares(s, err) || settle_parts(s, err))
        goto fail;
    if (!s->n_group_cols && !rule->no_group &&
        xr_buf_text(
            &s->warnings,
            "no --group: films of one patient may come to lie in two parts, which makes "
            "results look better than they are (--no-group: they are independent)\n",
            err))
        goto fail;
    if (s->n_kept < table->n_rows &&
        xr_buf_printf(&s->warnings, err, "%zu rows without a label are left out\n",
                      table->n_rows - s->n_kept))
        goto fail;
    if (warn_shares(s, err))
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
    free(split->part);
    free(split->share);
    xr_buf_free(&split->warnings);
    xr_buf_free(&split->scratch);
    free(split);
}
