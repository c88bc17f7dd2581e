/* Which rows stay together: equal cells, runs of equal cells; names of groups, and what
 * joins two of them. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

#include "split_index.h"

/* --- names ----------------------------------------------------------------------- */

/* The cells of the group columns of a row, joined by colons. */
static const char *cells_of(struct xr_buf *buf, const struct xr_split *s, size_t row,
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

const char *xr_split_group(struct xr_buf *buf, const struct xr_split *s, size_t row,
                           struct xr_err *err)
{
    size_t named = s->group_of ? s->group_row[s->group_of[row]] : row;
    char *key;
    int bad;

    if (s->by_cells)
        return cells_of(buf, s, named, err);
    if (xr_split_key(s, &key, named, err))
        return NULL;
    buf->size = 0;
    bad = xr_buf_text(buf, key, err);
    free(key);
    return bad ? NULL : buf->data;
}

/* --- columns --------------------------------------------------------------------- */

static int settle_columns(struct xr_split *s, struct xr_err *err)
{
    const struct xr_split_rule *r = s->rule;
    const char *option = r->group_runs ? "--group-runs" : "--group";
    const char *text = r->group_runs ? r->group_runs : r->group;
    struct xr_names cols = {0};
    int status = 0;

    if (r->no_group)
        return 0;
    if (!text) {
        s->group_cols[0] = xr_table_col(s->table, "group");
        s->n_group_cols = s->group_cols[0] >= 0;
        return 0;
    }
    if (xr_names_parse(&cols, option, text, err))
        status = -1;
    else if (cols.n > MAX_GROUP_COLS)
        status = xr_fail_usage(err, "%s: more than %d columns", option, MAX_GROUP_COLS);
    for (size_t i = 0; i < cols.n && !status; i++)
        status = xr_table_need(&s->group_cols[i], s->table, cols.items[i], err);
    s->n_group_cols = cols.n;
    xr_names_free(&cols);
    return status;
}

static int need_cells(const struct xr_split *s, size_t row, struct xr_err *err)
{
    for (size_t c = 0; c < s->n_group_cols; c++) {
        if (*xr_cell(s->table, row, (size_t)s->group_cols[c]))
            return 0;
    }
    xr_fail(err, "no group in column '%s'", s->table->names[s->group_cols[0]]);
    return xr_split_at_line(s, row, err);
}

static bool same_cells(const void *arg, uint32_t row, const char *name)
{
    struct xr_buf buf = {0};
    const char *other = cells_of(&buf, arg, row, NULL);
    bool same = other && !strcmp(other, name);

    xr_buf_free(&buf);
    return same;
}

/* --- who is in which group ------------------------------------------------------- */

/* Rows with equal cells, wherever they are. */
static int group_cells(struct xr_split *s, struct xr_err *err)
{
    struct xr_index index = {0};
    struct xr_buf buf = {0};
    int status = -1;

    s->by_cells = true;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        const char *name;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (need_cells(s, i, err))
            goto done;
        name = cells_of(&buf, s, i, err);
        if (!name || xr_index_put(&index, &s->group_of[i], name, (uint32_t)i, same_cells,
                                  s, err) < 0)
            goto done;
    }
    s->n_groups = index.n;
    memcpy(s->group_row, index.first_row, index.n * sizeof *s->group_row);
    status = 0;
done:
    xr_buf_free(&buf);
    xr_index_free(&index);
    return status;
}

static bool agree(const struct xr_split *s, size_t a, size_t b)
{
    for (size_t c = 0; c < s->n_group_cols; c++) {
        size_t col = (size_t)s->group_cols[c];

        if (strcmp(xr_cell(s->table, a, col), xr_cell(s->table, b, col)))
            return false;
    }
    return true;
}

/* Consecutive rows with equal cells; rows that take no part do not end a run by
 * themselves. Named by the key of the first. */
static int group_runs(struct xr_split *s, struct xr_err *err)
{
    for (size_t i = 0; i < s->table->n_rows; i++) {
        bool fresh = i == 0 || !agree(s, i - 1, i);

        if (fresh)
            s->run_open = false;
        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (need_cells(s, i, err))
            return -1;
        if (!s->run_open)
            s->group_row[s->n_groups++] = (uint32_t)i;
        s->run_open = true;
        s->group_of[i] = (uint32_t)(s->n_groups - 1);
    }
    return 0;
}

static void group_rows(struct xr_split *s)
{
    for (size_t i = 0; i < s->table->n_rows; i++) {
        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        s->group_of[i] = (uint32_t)s->n_groups;
        s->group_row[s->n_groups++] = (uint32_t)i;
    }
}

/* --- joining --------------------------------------------------------------------- */

static uint32_t root_of(uint32_t *parent, uint32_t g)
{
    while (parent[g] != g)
        g = parent[g] = parent[parent[g]];
    return g;
}

/* Does the name of group a come before that of b? What joins does not depend on the order
 * of rows, so neither may the name. */
static int name_before(bool *before, const struct xr_split *s, uint32_t a, uint32_t b,
                       struct xr_err *err)
{
    struct xr_buf x = {0}, y = {0};
    const char *p = xr_split_group(&x, s, s->group_row[a], err);
    const char *q = p ? xr_split_group(&y, s, s->group_row[b], err) : NULL;

    if (q)
        *before = strcmp(p, q) < 0;
    xr_buf_free(&x);
    xr_buf_free(&y);
    return q ? 0 : -1;
}

static int join_groups(struct xr_split *s, uint32_t *parent, uint32_t *number,
                       struct xr_err *err)
{
    size_t n = 0;

    for (size_t g = 0; g < s->n_groups; g++)
        parent[g] = (uint32_t)g;
    for (size_t i = 0; i < s->n_links; i++) {
        uint32_t a = root_of(parent, s->group_of[s->links[i][0]]);
        uint32_t b = root_of(parent, s->group_of[s->links[i][1]]);
        bool before;

        if (a == b)
            continue;
        if (name_before(&before, s, a, b, err))
            return -1;
        parent[before ? b : a] = before ? a : b;
        s->n_joined++;
    }
    for (size_t g = 0; g < s->n_groups; g++) {
        if (parent[g] == g)
            number[g] = (uint32_t)n++;
    }
    for (size_t i = 0; i < s->table->n_rows; i++) {
        if (s->class_of[i] != XR_SPLIT_NONE)
            s->group_of[i] = number[root_of(parent, s->group_of[i])];
    }
    for (size_t g = 0; g < s->n_groups; g++) {
        if (parent[g] == g)
            s->group_row[number[g]] = s->group_row[g];
    }
    s->n_groups = n;
    return 0;
}

static int join(struct xr_split *s, struct xr_err *err)
{
    uint32_t *parent = xr_alloc_array(s->n_groups, sizeof *parent, err);
    uint32_t *number = xr_alloc_array(s->n_groups, sizeof *number, err);
    int status = parent && number ? join_groups(s, parent, number, err) : -1;

    free(parent);
    free(number);
    return status;
}

int xr_split_groups(struct xr_split *s, struct xr_err *err)
{
    if (settle_columns(s, err))
        return -1;
    s->n_groups = s->table->n_rows;
    if (!s->n_group_cols && !s->n_links)
        return 0;
    s->group_of = xr_alloc_array(s->table->n_rows, sizeof *s->group_of, err);
    s->group_row = xr_alloc_array(s->table->n_rows, sizeof *s->group_row, err);
    if (!s->group_of || !s->group_row)
        return -1;
    s->n_groups = 0;
    if (s->n_group_cols && !s->rule->group_runs) {
        if (group_cells(s, err))
            return -1;
    } else if (s->n_group_cols) {
        if (group_runs(s, err))
            return -1;
    } else {
        group_rows(s);
    }
    return s->n_links ? join(s, err) : 0;
}
