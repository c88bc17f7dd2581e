/* A split table as CSV. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

#define WRITE_SIZE 65536 /* bytes at a time */

/* Columns that this tool writes itself are not passed through. */
static bool own_column(const struct xr_split *s, const char *name)
{
    static const char *const own[] = {"key",   "path",  "mask", "label",
                                      "class", "split", "fold"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(name, own[i]))
            return true;
    }
    if (s->n_inner && xr_split_is_inner(name))
        return true;
    return (s->group_of && !strcmp(name, "group")) ||
           (s->subset && !strcmp(name, "subset"));
}

bool xr_split_is_inner(const char *name)
{
    return !strncmp(name, "inner_", 6) && name[6] &&
           !name[6 + strspn(name + 6, "0123456789")];
}

static bool writes_mask(const struct xr_split *s)
{
    return s->rule->mask || s->mask_col >= 0;
}

static int write_header(const struct xr_split *s, struct xr_buf *out, struct xr_err *err)
{
    const bool folds = xr_split_folds(s), hold = s->has_test;

    if (xr_buf_printf(out, err, "key,path%s,label,class%s%s%s",
                      writes_mask(s) ? ",mask" : "", s->group_of ? ",group" : "",
                      !folds || hold ? ",split" : "", folds ? ",fold" : ""))
        return -1;
    for (size_t f = 0; f < s->n_inner; f++) {
        if (xr_buf_printf(out, err, ",inner_%zu", f))
            return -1;
    }
    if (s->subset && xr_buf_printf(out, err, ",subset"))
        return -1;
    for (size_t c = 0; c < s->table->n_cols; c++) {
        if (!own_column(s, s->table->names[c]) &&
            xr_csv_put(out, false, s->table->names[c], err))
            return -1;
    }
    return xr_buf_text(out, "\n", err);
}

/* The mask of a row: by template, by the column that was there, or none. */
static int write_mask(struct xr_split *s, size_t row, const char *key, struct xr_buf *out,
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
    return xr_csv_put(out, false, text, err);
}

static int write_part(const struct xr_split *s, size_t unit, struct xr_buf *out,
                      struct xr_err *err)
{
    static const char *const names[] = {",train", ",val", ",test"};
    size_t p = s->part[unit];
    bool test = xr_split_folds(s) ? s->has_test && p == s->n_parts - 1 : p == 2;
    int bad;

    if (!xr_split_folds(s))
        bad = xr_buf_put(out, names[p], strlen(names[p]), err);
    else if (test)
        bad = xr_buf_put(out, ",test,", 6, err);
    else
        bad = xr_buf_printf(out, err, "%s,%zu", s->has_test ? "," : "", p);
    for (size_t f = 0; f < s->n_inner && !bad; f++)
        bad = test || f == p ? xr_buf_put(out, ",", 1, err)
                             : xr_buf_printf(out, err, ",%u", s->inner[f][unit]);
    if (s->subset && !bad) {
        if (xr_split_folds(s) ? test : p > 0)
            bad = xr_buf_put(out, ",", 1, err);
        else
            bad = xr_buf_printf(
                out, err, ",%.9g",
                s->subset[unit] < s->n_subsets ? s->subsets[s->subset[unit]] : 1.0);
    }
    return bad ? -1 : 0;
}

static int write_row(struct xr_split *s, size_t row, const char *key, const bool *own,
                     struct xr_buf *buf, struct xr_buf *out, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    const char *name;
    bool empty;

    if (xr_csv_put(out, true, key, err) ||
        xr_tmpl_fill(s, &s->path, row, key, &empty, err) ||
        xr_csv_put(out, false, s->scratch.data, err))
        return -1;
    if (writes_mask(s) && write_mask(s, row, key, out, err))
        return -1;
    if (xr_csv_put(out, false, s->classes.items[s->class_of[row]], err) ||
        xr_buf_printf(out, err, ",%u", (unsigned)s->class_of[row]))
        return -1;
    if (s->group_of) {
        name = xr_split_group(buf, s, row, err);
        if (!name || xr_csv_put(out, false, name, err))
            return -1;
    }
    if (write_part(s, xr_split_unit(s, row), out, err))
        return -1;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!own[c] && xr_csv_put(out, false, xr_cell(t, row, c), err))
            return -1;
    }
    return xr_buf_text(out, "\n", err);
}

/* Rows into *text, which is emptied into out (NULL: never) when it is large. */
static int write_rows(struct xr_split *s, struct xr_buf *text, struct xr_out *out,
                      struct xr_err *err)
{
    bool *own = xr_alloc_array(s->table->n_cols, sizeof *own, err);
    struct xr_buf buf = {0};
    int status = -1;

    if (!own || write_header(s, text, err))
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
        bad = write_row(s, i, key, own, &buf, text, err);
        free(key);
        if (bad)
            goto done;
        if (out && text->size >= WRITE_SIZE) {
            if (xr_out_write(out, text->data, text->size, err))
                goto done;
            text->size = 0;
        }
    }
    status = 0;
done:
    free(own);
    xr_buf_free(&buf);
    return status;
}

int xr_split_write(struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    struct xr_buf text = {0};
    int status = write_rows(s, &text, out, err);

    if (!status)
        status = xr_out_write(out, text.data, text.size, err);
    xr_buf_free(&text);
    return status;
}

int xr_split_result(struct xr_table *result, struct xr_split *s, struct xr_err *err)
{
    struct xr_buf text = {0};

    if (write_rows(s, &text, NULL, err)) {
        xr_buf_free(&text);
        return -1;
    }
    return xr_table_parse(result, &text, s->table->name, err);
}
