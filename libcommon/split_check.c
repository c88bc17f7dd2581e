/* Proving an existing split, row by row, so that the first violation is the one that is
 * named. */
#include "split.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "split_index.h"
#include "stream.h"

#define MAX_FOLDS (XR_SPLIT_MAX_PARTS - 1)
#define UNLABELLED UINT16_MAX

/* Where a row is: a fold, or one of these. */
enum {
    PART_TRAIN = MAX_FOLDS,
    PART_VAL,
    PART_TEST,
    N_PARTS
};

struct check {
    const struct xr_table *table;
    int key, path, label, class, group, split, fold; /* columns, -1: none */
    int inner[XR_SPLIT_MAX_INNER]; /* columns inner_0, ...: nested folds */
    size_t n_inner;
    struct xr_index keys, paths, groups, labels;
    uint16_t *part;               /* [n_rows] */
    uint16_t *number;             /* [n_rows] label id, UNLABELLED */
    int index_of[XR_MAX_CLASSES]; /* class index by label id */
    int label_of[XR_MAX_CLASSES]; /* label id by class index, -1: none yet */
};

static const char *at(const struct check *k, size_t row, int col)
{
    return xr_cell(k->table, row, (size_t)col);
}

static bool same_key(const void *arg, uint32_t row, const char *name)
{
    const struct check *k = arg;
    char *key;
    bool same;

    if (xr_key_of(&key, at(k, row, k->key), NULL, NULL))
        return false;
    same = !strcmp(key, name);
    free(key);
    return same;
}

/* "./a" and "a" are one file. */
static const char *plain_path(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

static bool same_path(const void *arg, uint32_t row, const char *name)
{
    const struct check *k = arg;

    return !strcmp(plain_path(at(k, row, k->path)), name);
}

static unsigned line_of(const struct check *k, size_t row)
{
    return (unsigned)k->table->lines[row];
}

static const char *part_text(uint16_t part, char text[16])
{
    static const char *const names[] = {"train", "val", "test"};

    if (part < MAX_FOLDS)
        snprintf(text, 16, "fold %u", (unsigned)part);
    else
        snprintf(text, 16, "%s", names[part - MAX_FOLDS]);
    return text;
}

static int check_key(struct check *k, size_t row, struct xr_err *err)
{
    char *key;
    uint32_t id;
    int got;

    if (xr_key_of(&key, at(k, row, k->key), NULL, err))
        return -1;
    got = xr_index_put(&k->keys, &id, key, (uint32_t)row, same_key, k, err);
    if (got == 0)
        xr_fail(err, "key '%s' is also that of line %u", key,
                line_of(k, k->keys.first_row[id]));
    free(key);
    return got == 1 ? 0 : -1;
}

/* The part of a row. A row with split=test beside a fold column is a hold-out in every
 * fold. */
static int check_part(struct check *k, size_t row, struct xr_err *err)
{
    const char *split = k->split >= 0 ? at(k, row, k->split) : "";
    const char *fold = k->fold >= 0 ? at(k, row, k->fold) : "";
    int part = !strcmp(split, "train")  ? PART_TRAIN
               : !strcmp(split, "val")  ? PART_VAL
               : !strcmp(split, "test") ? PART_TEST
                                        : -1;
    int64_t f;

    if (*split && part < 0)
        return xr_fail(err, "split '%s' is not train, val or test", split);
    if (*fold) {
        if (xr_parse_int(&f, fold, 0, MAX_FOLDS - 1, NULL))
            return xr_fail(err, "fold '%s' is not a number from 0 to %d", fold,
                           MAX_FOLDS - 1);
        if (part != PART_TEST)
            part = (int)f;
    } else if (k->fold >= 0 && part != PART_TEST) {
        return xr_fail(err, "no fold");
    }
    if (part < 0)
        return xr_fail(err, "no split");
    k->part[row] = (uint16_t)part;
    return 0;
}

static int check_class(struct check *k, size_t row, struct xr_err *err)
{
    const char *label = k->label >= 0 ? at(k, row, k->label) : "";
    const char *class = k->class >= 0 ? at(k, row, k->class) : "";
    struct xr_index_column cell = {k->table, (size_t)k->label};
    uint32_t id;
    int64_t c;
    int got;

    k->number[row] = UNLABELLED;
    if (k->label < 0 || (!*label && !*class))
        return 0;
    if (!*label)
        return xr_fail(err, "class %s without a label", class);
    got = xr_index_put(&k->labels, &id, label, (uint32_t)row, xr_index_same_cell, &cell,
                       err);
    if (got < 0)
        return -1;
    if (id >= XR_MAX_CLASSES)
        return xr_fail(err, "more than %d classes", XR_MAX_CLASSES);
    k->number[row] = (uint16_t)id;
    if (k->class < 0)
        return 0;
    if (xr_parse_int(&c, class, 0, XR_MAX_CLASSES - 1, NULL))
        return xr_fail(err, "class '%s' is not a number from 0 to %d", class,
                       XR_MAX_CLASSES - 1);
    if (!got && k->index_of[id] != (int)c)
        return xr_fail(err, "label '%s' has class %d, but %d in line %u", label, (int)c,
                       k->index_of[id], line_of(k, k->labels.first_row[id]));
    if (got && k->label_of[c] >= 0) {
        size_t other = k->labels.first_row[k->label_of[c]];

        return xr_fail(err, "class %d is '%s', but '%s' in line %u", (int)c, label,
                       at(k, other, k->label), line_of(k, other));
    }
    k->index_of[id] = (int)c;
    k->label_of[c] = (int)id;
    return 0;
}

/* Rows of one group, or of one path, are in one part; and so by both columns where both
 * are there. */
static int check_together(struct check *k, const char *what, const char *name,
                          size_t first, size_t row, struct xr_err *err)
{
    char a[16], b[16];

    if (k->part[first] != k->part[row])
        return xr_fail(err, "%s '%s' is in %s, and in %s in line %u", what, name,
                       part_text(k->part[row], a), part_text(k->part[first], b),
                       line_of(k, first));
    if (k->fold >= 0 && k->split >= 0 &&
        strcmp(at(k, first, k->split), at(k, row, k->split)))
        return xr_fail(err, "%s '%s' has split '%s', and '%s' in line %u", what, name,
                       at(k, row, k->split), at(k, first, k->split), line_of(k, first));
    for (size_t i = 0; i < k->n_inner; i++) {
        const char *x = at(k, row, k->inner[i]), *y = at(k, first, k->inner[i]);

        if (strcmp(x, y))
            return xr_fail(err, "%s '%s' is in %s '%s', and in '%s' in line %u", what,
                           name, k->table->names[k->inner[i]], x, y, line_of(k, first));
    }
    return 0;
}

static int check_row(struct check *k, size_t row, struct xr_err *err)
{
    struct xr_index_column group = {k->table, (size_t)k->group};
    uint32_t id;
    int got;

    if (check_key(k, row, err) || check_part(k, row, err) || check_class(k, row, err))
        return -1;
    if (k->path >= 0) {
        const char *path = plain_path(at(k, row, k->path));

        if (!*path)
            return xr_fail(err, "no path");
        got = xr_index_put(&k->paths, &id, path, (uint32_t)row, same_path, k, err);
        if (got < 0 ||
            (!got && check_together(k, "path", path, k->paths.first_row[id], row, err)))
            return -1;
    }
    if (k->group >= 0) {
        const char *name = at(k, row, k->group);

        if (!*name)
            return xr_fail(err, "no group");
        got = xr_index_put(&k->groups, &id, name, (uint32_t)row, xr_index_same_cell,
                           &group, err);
        if (got < 0 ||
            (!got && check_together(k, "group", name, k->groups.first_row[id], row, err)))
            return -1;
    }
    return 0;
}

/* Folds are 0..k-1, none empty. */
static int check_folds(const struct check *k, struct xr_err *err)
{
    unsigned char seen[MAX_FOLDS] = {0};
    int most = -1;

    if (k->fold < 0)
        return 0;
    for (size_t i = 0; i < k->table->n_rows; i++) {
        if (k->part[i] < MAX_FOLDS) {
            seen[k->part[i]] = 1;
            most = k->part[i] > most ? k->part[i] : most;
        }
    }
    if (most < 1)
        return xr_fail(err, "%s: fewer than two folds", k->table->name);
    for (int f = 0; f < most; f++) {
        if (!seen[f])
            return xr_fail(err, "%s: no row is in fold %d, though there is a fold %d",
                           k->table->name, f, most);
    }
    return 0;
}

/* Label ids in class order; without indices in order of names. */
static int cmp_labels(const void *a, const void *b, void *arg)
{
    const struct check *k = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (k->class >= 0)
        return k->index_of[x] - k->index_of[y];
    return strcmp(at(k, k->labels.first_row[x], k->label),
                  at(k, k->labels.first_row[y], k->label));
}

static int summary_row(struct xr_buf *out, const struct check *k, const char *name,
                       const uint64_t *count, const uint32_t *order, uint64_t groups,
                       bool unlabelled, struct xr_err *err)
{
    size_t n = k->labels.n;
    uint64_t rows = count[n];

    for (size_t c = 0; c < n; c++)
        rows += count[c];
    if (xr_buf_printf(out, err, "%s,%llu", name, (unsigned long long)rows) ||
        (k->group >= 0 && xr_buf_printf(out, err, ",%llu", (unsigned long long)groups)))
        return -1;
    for (size_t c = 0; c < n; c++) {
        if (xr_buf_printf(out, err, ",%llu", (unsigned long long)count[order[c]]))
            return -1;
    }
    if (unlabelled && xr_buf_printf(out, err, ",%llu", (unsigned long long)count[n]))
        return -1;
    return xr_buf_text(out, "\n", err);
}

static int summary_head(struct xr_buf *out, const struct check *k, const uint32_t *order,
                        bool unlabelled, struct xr_err *err)
{
    if (xr_buf_text(out, k->group >= 0 ? "part,rows,groups" : "part,rows", err))
        return -1;
    for (size_t c = 0; c < k->labels.n; c++) {
        char *name =
            xr_sprintf(err, "n_%s", at(k, k->labels.first_row[order[c]], k->label));
        int bad = !name || xr_csv_put(out, false, name, err);

        free(name);
        if (bad)
            return -1;
    }
    return xr_buf_text(out, unlabelled ? ",unlabelled\n" : "\n", err);
}

static int summarise(struct xr_buf *out, const struct check *k, struct xr_err *err)
{
    size_t n = k->labels.n + 1; /* the last: no label */
    uint64_t *count = xr_alloc_array((N_PARTS + 1) * n, sizeof *count, err);
    uint64_t *groups = xr_alloc_array(N_PARTS + 1, sizeof *groups, err);
    uint32_t *order = xr_alloc_array(n, sizeof *order, err);
    bool unlabelled, used[N_PARTS] = {false};
    int status = -1;

    if (!count || !groups || !order)
        goto done;
    for (size_t i = 0; i < k->table->n_rows; i++) {
        size_t c = k->number[i] == UNLABELLED ? n - 1 : k->number[i];

        count[k->part[i] * n + c]++;
        count[N_PARTS * n + c]++;
        used[k->part[i]] = true;
    }
    for (size_t g = 0; g < k->groups.n; g++)
        groups[k->part[k->groups.first_row[g]]]++;
    groups[N_PARTS] = k->groups.n;
    for (size_t c = 0; c + 1 < n; c++)
        order[c] = (uint32_t)c;
    qsort_r(order, n - 1, sizeof *order, cmp_labels, (void *)k);
    unlabelled = count[N_PARTS * n + n - 1] > 0;
    if (summary_head(out, k, order, unlabelled, err))
        goto done;
    for (uint16_t p = 0; p < N_PARTS; p++) {
        char text[16];
        const char *name = part_text(p, text);

        if (k->fold < 0 && p >= PART_TRAIN)
            used[p] = true; /* an empty part is worth a line */
        if (p < MAX_FOLDS)
            name += 5; /* "fold " */
        if (used[p] &&
            summary_row(out, k, name, count + p * n, order, groups[p], unlabelled, err))
            goto done;
    }
    status = summary_row(out, k, "all", count + N_PARTS * n, order, groups[N_PARTS],
                         unlabelled, err);
done:
    free(count);
    free(groups);
    free(order);
    return status;
}

static int find_columns(struct check *k, const char *group, bool no_group,
                        struct xr_err *err)
{
    const struct xr_table *t = k->table;

    if (xr_table_need(&k->key, t, "key", err))
        return -1;
    k->path = xr_table_col(t, "path");
    k->label = xr_table_col(t, "label");
    k->class = xr_table_col(t, "class");
    k->split = xr_table_col(t, "split");
    k->fold = xr_table_col(t, "fold");
    for (size_t c = 0; c < t->n_cols && k->n_inner < XR_SPLIT_MAX_INNER; c++) {
        if (xr_split_is_inner(t->names[c]))
            k->inner[k->n_inner++] = (int)c;
    }
    k->group = no_group ? -1 : xr_table_col(t, group ? group : "group");
    if (group && k->group < 0)
        return xr_table_need(&k->group, t, group, err);
    if (k->split < 0 && k->fold < 0)
        return xr_fail(err, "%s:1: no column 'split' or 'fold'", t->name);
    if (t->n_rows == 0)
        return xr_fail(err, "%s: a header without rows", t->name);
    return 0;
}

int xr_split_check(struct xr_buf *summary, bool *grouped, const struct xr_table *table,
                   const char *group, bool no_group, struct xr_err *err)
{
    struct check *k = xr_alloc_array(1, sizeof *k, err);
    int status = -1;

    if (!k)
        return -1;
    k->table = table;
    for (size_t i = 0; i < XR_MAX_CLASSES; i++)
        k->label_of[i] = -1;
    if (find_columns(k, group, no_group, err))
        goto done;
    *grouped = k->group >= 0;
    k->part = xr_alloc_array(table->n_rows, sizeof *k->part, err);
    k->number = xr_alloc_array(table->n_rows, sizeof *k->number, err);
    if (!k->part || !k->number)
        goto done;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (check_row(k, i, err)) {
            xr_fail_in(err, "%s:%u", table->name, line_of(k, i));
            goto done;
        }
    }
    if (!check_folds(k, err))
        status = summarise(summary, k, err);
done:
    xr_index_free(&k->keys);
    xr_index_free(&k->paths);
    xr_index_free(&k->groups);
    xr_index_free(&k->labels);
    free(k->part);
    free(k->number);
    free(k);
    return status;
}
