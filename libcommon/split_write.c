/* A split table as CSV. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

/* Columns that this tool writes itself are not passed through. */
static bool own_column(const struct xr_split *s, const char *name)
{
    static const char *const own[] = {"key",   "path",  "mask", "label",
                                      "class", "split", "fold"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(name, own[i]))
            return true;
    }
    return s->n_group_cols && !strcmp(name, "group");
}

static bool writes_mask(const struct xr_split *s)
{
    return s->rule->mask || s->mask_col >= 0;
}

static int write_header(const struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    const bool folds = s->rule->folds > 0, hold = folds && s->rule->test_ratio > 0;

    if (xr_out_printf(out, err, "key,path%s,label,class%s%s%s",
                      writes_mask(s) ? ",mask" : "", s->n_group_cols ? ",group" : "",
                      !folds || hold ? ",split" : "", folds ? ",fold" : ""))
        return -1;
    for (size_t c = 0; c < s->table->n_cols; c++) {
        if (!own_column(s, s->table->names[c]) &&
            xr_csv_field(out, false, s->table->names[c], err))
            return -1;
    }
    return xr_csv_end(out, err);
}

/* The mask of a row: by template, by the column that was there, or none. */
static int write_mask(struct xr_split *s, size_t row, const char *key, struct xr_out *out,
                      struct xr_err *err)
{
    const char *text = "";
    bool empty;

    if (!s->rule->mask) {
        text = xr_cell(s->table, row, (size_t)s->mask_col);
    } else if (!s->has_mask || s->has_mask[s->class_of[row]]) {
        if (xr_tmpl_fill(s, &s->mask, row, key, &empty, err))
            return -1;
        text = empty ? "" : s->scratch.data;
    }
    return xr_csv_field(out, false, text, err);
}

static int write_part(const struct xr_split *s, size_t p, struct xr_out *out,
                      struct xr_err *err)
{
    static const char *const names[] = {",train", ",val", ",test"};
    const char *text;

    if (!s->rule->folds) {
        text = names[p];
    } else if (p == (size_t)s->rule->folds) {
        text = ",test,";
    } else {
        if (s->rule->test_ratio > 0 && xr_out_write(out, ",", 1, err))
            return -1;
        return xr_out_printf(out, err, ",%zu", p);
    }
    return xr_out_write(out, text, strlen(text), err);
}

static int write_row(struct xr_split *s, size_t row, const char *key, const bool *own,
                     struct xr_buf *buf, struct xr_out *out, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    const char *name;
    bool empty;

    if (xr_csv_field(out, true, key, err) ||
        xr_tmpl_fill(s, &s->path, row, key, &empty, err) ||
        xr_csv_field(out, false, s->scratch.data, err))
        return -1;
    if (writes_mask(s) && write_mask(s, row, key, out, err))
        return -1;
    if (xr_csv_field(out, false, s->classes.items[s->class_of[row]], err) ||
        xr_out_printf(out, err, ",%u", (unsigned)s->class_of[row]))
        return -1;
    if (s->n_group_cols) {
        name = xr_split_group(buf, s, row, err);
        if (!name || xr_csv_field(out, false, name, err))
            return -1;
    }
    if (write_part(s, s->part[s->group_of ? s->group_of[row] : row], out, err))
        return -1;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!own[c] && xr_csv_field(out, false, xr_cell(t, row, c), err))
            return -1;
    }
    return xr_csv_end(out, err);
}

int xr_split_write(struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    bool *own = xr_alloc_array(s->table->n_cols, sizeof *own, err);
    struct xr_buf buf = {0};
    int status = -1;

    if (!own || write_header(s, out, err))
        goto done;
    for (size_t c = 0; c < s->table->n_cols; c++)
        own[c] = own_column(s, s->table->names[c]);
    for (size_t i = 0; i < s->table->n_rows; i++) {
        char *key;
        int bad;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (xr_split_key(s, &key, i, err))
            goto done;
        bad = write_row(s, i, key, own, &buf, out, err);
        free(key);
        if (bad)
            goto done;
    }
    status = 0;
done:
    free(own);
    xr_buf_free(&buf);
    return status;
}
