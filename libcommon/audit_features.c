/* Columns, the order of rows and the films themselves as features. */
#include "audit_features.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "split_index.h"
#include "split_parts.h"
#include "stats.h"

/* --- rows ------------------------------------------------------------------------ */

/* Folds of the table where it has them, else the parts of the split that was made for
 * this; rows outside all folds are one of their own. */
static int settle_folds(struct xr_audit *a, const struct xr_split *s, struct xr_err *err)
{
    int col = xr_table_col(s->table, "fold");
    bool own = col >= 0;

    for (size_t i = 0; i < a->n && own; i++) {
        const char *text = xr_cell(s->table, a->row[i], (size_t)col);
        int64_t f = XR_SPLIT_MAX_PARTS;

        own = !*text || !xr_parse_int(&f, text, 0, XR_SPLIT_MAX_PARTS - 1, NULL);
        a->fold[i] = (uint32_t)f;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!own)
            a->fold[i] = s->part[xr_split_unit(s, a->row[i])];
        if (a->fold[i] == XR_SPLIT_MAX_PARTS)
            a->fold[i] = (uint32_t)a->n_folds;
        else if (a->fold[i] >= a->n_folds)
            a->n_folds = a->fold[i] + 1;
    }
    for (size_t i = 0; i < a->n; i++) /* those of no fold, behind the others */
        a->n_folds += a->fold[i] == a->n_folds;
    return a->n_folds >= 2 ? 0 : xr_fail(err, "%s: fewer than two folds", s->table->name);
}

static int settle_rows(struct xr_audit *a, const struct xr_split *s, struct xr_err *err)
{
    a->row = xr_alloc_array(s->n_kept, sizeof *a->row, err);
    a->label = xr_alloc_array(s->n_kept, sizeof *a->label, err);
    a->group = xr_alloc_array(s->n_kept, sizeof *a->group, err);
    a->fold = xr_alloc_array(s->n_kept, sizeof *a->fold, err);
    if (!a->row || !a->label || !a->group || !a->fold)
        return -1;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        a->row[a->n] = (uint32_t)i;
        a->label[a->n] = s->class_of[i];
        a->group[a->n] = (uint32_t)(s->group_of ? s->group_of[i] : a->n);
        a->n++;
    }
    a->n_groups = s->group_of ? s->n_groups : a->n;
    a->n_classes = s->classes.n;
    a->classes = (const char *const *)s->classes.items;
    return settle_folds(a, s, err);
}

/* --- features -------------------------------------------------------------------- */

static struct xr_feature *add(struct xr_audit *a, const char *name,
                              enum xr_feature_source source, bool number,
                              struct xr_err *err)
{
    struct xr_feature *f, *all = realloc(a->features, (a->n_features + 1) * sizeof *all);

    if (!all) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    a->features = all;
    f = &all[a->n_features];
    *f = (struct xr_feature){.source = source, .col = -1};
    f->name = xr_strdup(name, err);
    if (number)
        f->x = xr_alloc_array(a->n, sizeof *f->x, err);
    else
        f->level = xr_alloc_array(a->n, sizeof *f->level, err);
    if (!f->name || (number ? !f->x : !f->level)) {
        free(f->name);
        free(f->x);
        free(f->level);
        return NULL;
    }
    a->n_features++;
    return f;
}

static bool all_numbers(const struct xr_audit *a, const struct xr_table *t, size_t col)
{
    bool any = false;
    double x;

    for (size_t i = 0; i < a->n; i++) {
        const char *text = xr_cell(t, a->row[i], col);

        if (*text && xr_parse_real(&x, text, -1e300, 1e300, NULL))
            return false;
        any |= *text != 0;
    }
    return any;
}

static int add_column(struct xr_audit *a, const struct xr_table *t, size_t col,
                      struct xr_err *err)
{
    bool number = all_numbers(a, t, col);
    struct xr_feature *f = add(a, t->names[col], XR_FEATURE_COLUMN, number, err);
    struct xr_index_column cell = {t, col};
    struct xr_index index = {0};
    int status = f ? 0 : -1;

    if (f)
        f->col = (int)col;
    for (size_t i = 0; i < a->n && !status; i++) {
        const char *text = xr_cell(t, a->row[i], col);

        f->n_missing += !*text;
        if (!number && !*text)
            f->level[i] = XR_AUDIT_MISSING;
        else if (!number)
            status = xr_index_put(&index, &f->level[i], text, a->row[i],
                                  xr_index_same_cell, &cell, err) < 0;
        else if (!*text || xr_parse_real(&f->x[i], text, -1e300, 1e300, NULL))
            f->x[i] = NAN;
    }
    if (f && !number)
        f->n_levels = index.n;
    xr_index_free(&index);
    return status ? -1 : 0;
}

/* The number at the end of a key, as in IMG000123; NaN: none. */
static double number_in(const char *key)
{
    size_t n = strlen(key), from = n;
    double x;

    while (from && isdigit((unsigned char)key[from - 1]))
        from--;
    if (from == n || n - from > 15 || xr_parse_real(&x, key + from, 0, 1e15, NULL))
        return NAN;
    return x;
}

static int add_rows(struct xr_audit *a, const struct xr_split *s, struct xr_err *err)
{
    struct xr_feature *f = add(a, "order of rows", XR_FEATURE_ROW, true, err);

    if (!f)
        return -1;
    for (size_t i = 0; i < a->n; i++)
        f->x[i] = a->row[i];
    f = add(a, "number in key", XR_FEATURE_ROW, true, err);
    if (!f)
        return -1;
    for (size_t i = 0; i < a->n; i++) {
        char *key;

        if (xr_split_key(s, &key, a->row[i], err))
            return -1;
        f->x[i] = number_in(key);
        f->n_missing += isnan(f->x[i]);
        free(key);
    }
    return 0;
}

static double film_number(const struct xr_scan *film, size_t which)
{
    double w = (double)film->width, h = (double)film->height;
    const double numbers[] = {(double)film->bytes,
                              w,
                              h,
                              w / h,
                              film->mean,
                              film->border,
                              film->sd,
                              film->median,
                              film->dark,
                              film->bright,
                              film->detail};

    return film->why ? NAN : numbers[which];
}

static int add_films(struct xr_audit *a, struct xr_split *s, struct xr_err *err)
{
    static const char *const names[] = {"file size",
                                        "image width",
                                        "image height",
                                        "aspect ratio",
                                        "mean brightness",
                                        "border brightness",
                                        "brightness deviation",
                                        "median brightness",
                                        "dark pixels",
                                        "bright pixels",
                                        "sharpness"};

    if (!s->films && xr_split_scan(s, false, err))
        return -1;
    for (size_t i = 0; i < s->n_films; i++) {
        if (s->films[i].why && !s->rule->look.skip_bad) {
            xr_fail(err, "%s", s->films[i].why);
            return xr_split_at_line(s, s->film_row[i], err);
        }
    }
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct xr_feature *f = add(a, names[k], XR_FEATURE_FILM, true, err);
        size_t at = 0;

        if (!f)
            return -1;
        for (size_t i = 0; i < a->n; i++) {
            while (s->film_row[at] != a->row[i])
                at++;
            f->x[i] = film_number(&s->films[at], k);
            f->n_missing += isnan(f->x[i]);
        }
    }
    return 0;
}

/* --- which columns --------------------------------------------------------------- */

static int settle_skip(struct xr_audit *a, const struct xr_split *s, const char *list,
                       struct xr_err *err)
{
    struct xr_names names = {0};
    int status = 0;

    a->skip = xr_alloc_array(s->table->n_cols, sizeof *a->skip, err);
    if (!a->skip || (list && xr_names_parse(&names, "--audit-skip", list, err)))
        status = -1;
    for (size_t i = 0; i < names.n && !status; i++) {
        int col;

        status = xr_table_need(&col, s->table, names.items[i], err);
        if (!status)
            a->skip[col] = true;
    }
    for (size_t c = 0; c < s->table->n_cols && !status; c++)
        a->skip[c] |= xr_split_own_column(s, c);
    xr_names_free(&names);
    return status;
}

int xr_audit_open(struct xr_audit *a, struct xr_split *s,
                  const struct xr_audit_rule *rule, struct xr_err *err)
{
    *a = (struct xr_audit){0};
    if (settle_rows(a, s, err) || settle_skip(a, s, rule->skip, err))
        return -1;
    for (size_t c = 0; c < s->table->n_cols; c++) {
        if (!a->skip[c] && add_column(a, s->table, c, err))
            return -1;
    }
    if (add_rows(a, s, err))
        return -1;
    return rule->files ? add_films(a, s, err) : 0;
}

void xr_audit_close(struct xr_audit *a)
{
    for (size_t i = 0; i < a->n_features; i++) {
        free(a->features[i].name);
        free(a->features[i].x);
        free(a->features[i].level);
    }
    free(a->features);
    free(a->row);
    free(a->label);
    free(a->group);
    free(a->fold);
    free(a->skip);
}

/* --- numbers --------------------------------------------------------------------- */

size_t xr_audit_sorted(double *sorted, const double *x, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isnan(x[i]))
            sorted[kept++] = x[i];
    }
    xr_sort(sorted, kept);
    return kept;
}

int xr_audit_put(struct xr_buf *csv, double v, struct xr_err *err)
{
    return isnan(v) ? xr_buf_text(csv, ",", err) : xr_buf_printf(csv, err, ",%.4f", v);
}
