/* The classes of a table: from labels or one-hot columns, their order, which have masks.
 */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

#include "split_index.h"
#include "stream.h"

static int add_classes(struct xr_split *s, struct xr_err *err)
{
    return s->rule->classes
               ? xr_names_parse(&s->classes, "--classes", s->rule->classes, err)
               : 0;
}

static int settle_one_hot(struct xr_split *s, struct xr_err *err)
{
    struct xr_names hot = {0};
    int status = -1;

    if (xr_names_parse(&hot, "--one-hot", s->rule->one_hot, err))
        goto done;
    if (s->rule->rest && xr_names_find(&hot, s->rule->rest) >= 0) {
        xr_fail_usage(err, "--rest: '%s' is one of the columns of --one-hot",
                      s->rule->rest);
        goto done;
    }
    s->n_hot = hot.n;
    s->hot = xr_alloc_array(hot.n, sizeof *s->hot, err);
    s->hot_class = xr_alloc_array(hot.n, sizeof *s->hot_class, err);
    if (!s->hot || !s->hot_class)
        goto done;
    if (!s->rule->classes) { /* the rest first, then as written */
        if (s->rule->rest &&
            xr_names_add(&s->classes, s->rule->rest, strlen(s->rule->rest), err))
            goto done;
        for (size_t i = 0; i < hot.n; i++) {
            if (xr_names_add(&s->classes, hot.items[i], strlen(hot.items[i]), err))
                goto done;
        }
    } else if (s->classes.n != hot.n + (s->rule->rest != NULL)) {
        xr_fail_usage(err, "--classes: %zu names where --one-hot and --rest have %zu",
                      s->classes.n, hot.n + (s->rule->rest != NULL));
        goto done;
    }
    s->rest_class = s->rule->rest ? xr_names_find(&s->classes, s->rule->rest) : 0;
    for (size_t i = 0; i < hot.n; i++) {
        s->hot_class[i] = xr_names_find(&s->classes, hot.items[i]);
        if (s->hot_class[i] < 0 || s->rest_class < 0) {
            xr_fail_usage(err, "--classes: '%s' is missing",
                          s->rest_class < 0 ? s->rule->rest : hot.items[i]);
            goto done;
        }
        if (xr_table_need(&s->hot[i], s->table, hot.items[i], err))
            goto done;
    }
    status = 0;
done:
    xr_names_free(&hot);
    return status;
}

/* 0, 1, or -1 for anything else. */
static int truth(const char *text)
{
    if (text[0] != '0' && text[0] != '1')
        return -1;
    if (text[1] == '.' && text[2] == '0' && !text[2 + strspn(text + 2, "0")])
        return text[0] == '1';
    return text[1] ? -1 : text[0] == '1';
}

static int class_by_one_hot(struct xr_split *s, size_t row, struct xr_err *err)
{
    int found = -1;

    for (size_t i = 0; i < s->n_hot; i++) {
        const char *text = xr_cell(s->table, row, (size_t)s->hot[i]);
        int t = truth(text);

        if (t < 0) {
            xr_fail(err, "'%s' in column '%s' is neither 0 nor 1", text,
                    s->table->names[s->hot[i]]);
            return xr_split_at_line(s, row, err);
        }
        if (t && found >= 0) {
            xr_fail(err, "two classes: both '%s' and '%s' are 1",
                    s->table->names[s->hot[found]], s->table->names[s->hot[i]]);
            return xr_split_at_line(s, row, err);
        }
        if (t)
            found = (int)i;
    }
    if (found < 0 && !s->rule->rest) {
        xr_fail(err,
                "no class: none of the one-hot columns is 1 (name them with --rest)");
        return xr_split_at_line(s, row, err);
    }
    s->class_of[row] = (uint16_t)(found < 0 ? s->rest_class : s->hot_class[found]);
    return 0;
}

static int cmp_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool blank_edge(const char *text)
{
    size_t n = strlen(text);

    return n && (text[0] == ' ' || text[0] == '\t' || text[n - 1] == ' ' ||
                 text[n - 1] == '\t');
}

/* Names as found are numbered by row; then sorted, or checked against --classes. */
static int class_by_label(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    struct xr_index_column cell = {t, (size_t)s->label_col};
    struct xr_index index = {0};
    uint16_t *number = NULL;
    int status = -1;

    for (size_t i = 0; i < t->n_rows; i++) {
        const char *label = xr_cell(t, i, cell.col);
        uint32_t id;
        int got;

        if (!*label) {
            if (s->rule->drop_unlabelled) {
                s->class_of[i] = XR_SPLIT_NONE;
                continue;
            }
            xr_fail(err,
                    "no label in column '%s' (--drop-unlabelled leaves such rows out)",
                    t->names[cell.col]);
            xr_split_at_line(s, i, err);
            goto done;
        }
        got =
            xr_index_put(&index, &id, label, (uint32_t)i, xr_index_same_cell, &cell, err);
        if (got < 0)
            goto done;
        if (got && s->rule->classes && xr_names_find(&s->classes, label) < 0) {
            xr_fail(err, "unknown class '%s'", label);
            xr_split_at_line(s, i, err);
            goto done;
        }
        if (got && !s->rule->classes) {
            if (blank_edge(label))
                xr_fail(err, "class '%s' begins or ends with a blank", label);
            else if (index.n > XR_MAX_CLASSES)
                xr_fail(err, "more than %d classes: is '%s' a column of labels?",
                        XR_MAX_CLASSES, t->names[cell.col]);
            else
                got = 0;
            if (got) {
                xr_split_at_line(s, i, err);
                goto done;
            }
            if (xr_names_add(&s->classes, label, strlen(label), err))
                goto done;
        }
        s->class_of[i] = (uint16_t)id;
    }
    if (!s->rule->classes && s->classes.n)
        qsort(s->classes.items, s->classes.n, sizeof *s->classes.items, cmp_text);
    number = xr_alloc_array(index.n, sizeof *number, err);
    if (!number)
        goto done;
    for (size_t id = 0; id < index.n; id++)
        number[id] = (uint16_t)xr_names_find(&s->classes,
                                             xr_cell(t, index.first_row[id], cell.col));
    for (size_t i = 0; i < t->n_rows; i++) {
        if (s->class_of[i] != XR_SPLIT_NONE)
            s->class_of[i] = number[s->class_of[i]];
    }
    status = 0;
done:
    free(number);
    xr_index_free(&index);
    return status;
}

int xr_split_classes(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;

    s->class_of = xr_alloc_array(t->n_rows, sizeof *s->class_of, err);
    if (!s->class_of || add_classes(s, err))
        return -1;
    if (s->rule->one_hot) {
        if (settle_one_hot(s, err))
            return -1;
        for (size_t i = 0; i < t->n_rows; i++) {
            if (class_by_one_hot(s, i, err))
                return -1;
        }
    } else if (xr_table_need(&s->label_col, t, s->rule->label ? s->rule->label : "label",
                             err)) {
        if (s->rule->label)
            return -1;
        return xr_fail(
            err,
            "%s:1: no column 'label': name the column of labels with --label, or use "
            "--one-hot",
            t->name);
    } else if (class_by_label(s, err)) {
        return -1;
    }
    for (size_t i = 0; i < t->n_rows; i++)
        s->n_kept += s->class_of[i] != XR_SPLIT_NONE;
    if (s->classes.n > XR_MAX_CLASSES)
        return xr_fail(err, "more than %d classes", XR_MAX_CLASSES);
    return 0;
}

int xr_split_masks(struct xr_split *s, struct xr_err *err)
{
    struct xr_names with = {0};
    int status = 0;

    s->mask_col = xr_table_col(s->table, "mask");
    if (s->rule->mask && xr_tmpl_parse(&s->mask, "--mask", s->rule->mask, s->table, err))
        return -1;
    if (!s->rule->mask_labels)
        return 0;
    if (!s->rule->mask)
        return xr_fail_usage(err, "--mask-labels: needs --mask");
    s->has_mask = xr_alloc_array(s->classes.n, 1, err);
    if (!s->has_mask || xr_names_parse(&with, "--mask-labels", s->rule->mask_labels, err))
        status = -1;
    for (size_t i = 0; i < with.n && !status; i++) {
        int c = xr_names_find(&s->classes, with.items[i]);

        if (c < 0)
            status = xr_fail(err, "--mask-labels: there is no class '%s'", with.items[i]);
        else
            s->has_mask[c] = 1;
    }
    xr_names_free(&with);
    return status;
}
