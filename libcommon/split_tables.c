/* Tables for a paper: what became of the rows, and who is in which part. */
#include "split_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "split_index.h"
#include "stats.h"

#define FEW_NUMBERS 10 /* as many different numbers are categories */
#define MOST_LEVELS 50 /* of a category that is listed */

/* --- what became of the rows ----------------------------------------------------- */

int xr_split_flow(struct xr_out *out, const struct xr_split *s, struct xr_err *err)
{
    static const char *const why[XR_N_LEFT_OUT] = {"unlabelled", "unreadable",
                                                   "conflicting", "duplicate"};
    size_t *rows = xr_alloc_array(s->n_parts, sizeof *rows, err);
    int status = rows ? 0 : -1;

    if (!status)
        status =
            xr_out_printf(out, err, "step,reason,rows\nread,,%zu\n", s->table->n_rows);
    for (size_t i = 0; i < XR_N_LEFT_OUT && !status; i++) {
        if (i == XR_LEFT_UNLABELLED || s->rule->look.near) /* else nobody looked */
            status =
                xr_out_printf(out, err, "left out,%s,%zu\n", why[i], s->n_left_out[i]);
    }
    if (!status)
        status = xr_out_printf(out, err, "kept,,%zu\n", s->n_kept);
    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        if (s->class_of[i] != XR_SPLIT_NONE)
            rows[s->part[xr_split_unit(s, i)]]++;
    }
    for (size_t p = 0; p < s->n_parts && !status; p++) {
        char name[32];

        status = xr_out_printf(out, err, "part,%s,%zu\n", xr_split_part_name(s, p, name),
                               rows[p]);
    }
    free(rows);
    return status;
}

/* --- who is in which part -------------------------------------------------------- */

/* One column of the table, or the classes. Part n_parts is all of them. */
struct view {
    const struct xr_split *s;
    int col;         /* -1: the classes */
    double *x;       /* [n_rows] numbers, NaN missing */
    uint32_t *level; /* [n_rows] of a category */
    uint32_t *first; /* [n_levels] a row of each */
    uint32_t *order; /* [n_levels] sorted by text */
    size_t n_levels;
    size_t *n_of;   /* [n_parts + 1] rows of each part, and of all */
    size_t *tally;  /* [n_levels][n_parts + 1] those of each level that is listed */
    double *values; /* [n_rows] scratch */
    struct xr_buf cells;
};

static const char *text_of(const struct view *v, size_t row)
{
    if (v->col < 0)
        return v->s->classes.items[v->s->class_of[row]];
    return xr_cell(v->s->table, row, (size_t)v->col);
}

static bool same_text(const void *arg, uint32_t row, const char *name)
{
    return !strcmp(text_of(arg, row), name);
}

static int cmp_levels(const void *a, const void *b, void *arg)
{
    const struct view *v = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (v->col < 0) /* classes in their order */
        return (int)v->s->class_of[v->first[x]] - (int)v->s->class_of[v->first[y]];
    return strcmp(text_of(v, v->first[x]), text_of(v, v->first[y]));
}

/* Levels of the column; whether it is one of numbers. */
static int open_view(struct view *v, int col, bool *number, struct xr_err *err)
{
    const struct xr_split *s = v->s;
    struct xr_index index = {0};
    int status = 0;

    v->col = col;
    *number = col >= 0;
    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        const char *text;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        text = text_of(v, i);
        v->x[i] = NAN;
        if (*text && xr_parse_real(&v->x[i], text, -1e300, 1e300, NULL))
            *number = false;
        status =
            xr_index_put(&index, &v->level[i], text, (uint32_t)i, same_text, v, err) < 0;
    }
    v->n_levels = index.n;
    *number &= index.n > FEW_NUMBERS;
    for (size_t l = 0; l < index.n && !status; l++) {
        v->first[l] = index.first_row[l];
        v->order[l] = (uint32_t)l;
    }
    if (!status && !*number && v->n_levels <= MOST_LEVELS)
        qsort_r(v->order, v->n_levels, sizeof *v->order, cmp_levels, v);
    xr_index_free(&index);
    return status ? -1 : 0;
}

/* Is a row in part p (n_parts: in any)? outside: in another part. */
static bool in_part(const struct xr_split *s, size_t row, size_t p, bool outside)
{
    if (s->class_of[row] == XR_SPLIT_NONE)
        return false;
    return p == s->n_parts || (s->part[xr_split_unit(s, row)] == p) != outside;
}

/* Rows of part p, or outside of it, that have this level. */
static size_t count(const struct view *v, size_t p, bool outside, uint32_t level)
{
    const size_t *of = v->tally + level * (v->s->n_parts + 1);

    return outside ? of[v->s->n_parts] - of[p] : of[p];
}

static size_t count_all(const struct view *v, size_t p, bool outside)
{
    return outside ? v->n_of[v->s->n_parts] - v->n_of[p] : v->n_of[p];
}

/* Rows by level and part, in one pass. */
static int make_tally(struct view *v, struct xr_err *err)
{
    const struct xr_split *s = v->s;
    size_t n = s->n_parts + 1;

    free(v->tally);
    v->tally = xr_alloc_array(v->n_levels, n * sizeof *v->tally, err);
    if (!v->tally)
        return -1;
    memset(v->n_of, 0, n * sizeof *v->n_of);
    for (size_t i = 0; i < s->table->n_rows; i++) {
        size_t p;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        p = s->part[xr_split_unit(s, i)];
        v->n_of[p]++;
        v->n_of[s->n_parts]++;
        v->tally[v->level[i] * n + p]++;
        v->tally[v->level[i] * n + s->n_parts]++;
    }
    return 0;
}

enum statistic {
    N,
    MISSING,
    MEAN,
    SD,
    MEDIAN,
    Q1,
    Q3,
    LEAST,
    MOST,
    N_STATISTICS
};

/* Sorts the numbers of the part into v->values. */
static void describe(double to[N_STATISTICS], struct view *v, size_t p, bool outside)
{
    double sum = 0, sum2 = 0;
    size_t n = 0, missing = 0;

    for (size_t i = 0; i < v->s->table->n_rows; i++) {
        if (!in_part(v->s, i, p, outside))
            continue;
        if (isnan(v->x[i]))
            missing++;
        else
            v->values[n++] = v->x[i];
    }
    for (size_t i = 0; i < N_STATISTICS; i++)
        to[i] = NAN;
    to[N] = (double)n;
    to[MISSING] = (double)missing;
    if (!n)
        return;
    xr_sort(v->values, n);
    for (size_t i = 0; i < n; i++)
        sum += v->values[i];
    to[MEAN] = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        sum2 += (v->values[i] - to[MEAN]) * (v->values[i] - to[MEAN]);
    to[SD] = n > 1 ? sqrt(sum2 / (double)(n - 1)) : NAN;
    to[MEDIAN] = xr_quantile_sorted(v->values, n, 0.5);
    to[Q1] = xr_quantile_sorted(v->values, n, 0.25);
    to[Q3] = xr_quantile_sorted(v->values, n, 0.75);
    to[LEAST] = v->values[0];
    to[MOST] = v->values[n - 1];
}

/* Difference of two means in units of the deviations' mean square. */
static double standardised(double a, double b, double var_a, double var_b)
{
    double sd = sqrt((var_a + var_b) / 2);

    return sd > 0 ? (a - b) / sd : a == b ? 0 : NAN;
}

static int put_number(struct xr_buf *to, double x, struct xr_err *err)
{
    return isnan(x) ? xr_buf_text(to, ",", err) : xr_buf_printf(to, err, ",%.6g", x);
}

/* column,level,statistic */
static int start(struct view *v, const char *level, const char *statistic,
                 struct xr_err *err)
{
    const char *name = v->col < 0 ? "label" : v->s->table->names[v->col];

    v->cells.size = 0;
    return xr_csv_put(&v->cells, true, name, err) ||
                   xr_csv_put(&v->cells, false, level, err) ||
                   xr_csv_put(&v->cells, false, statistic, err)
               ? -1
               : 0;
}

static int end(struct view *v, struct xr_out *out, bool differences, struct xr_err *err)
{
    for (size_t p = 0; p < v->s->n_parts && !differences; p++) {
        if (xr_buf_text(&v->cells, ",", err))
            return -1;
    }
    if (xr_buf_text(&v->cells, "\n", err))
        return -1;
    return xr_out_write(out, v->cells.data, v->cells.size, err);
}

static int write_numbers(struct view *v, struct xr_out *out, struct xr_err *err)
{
    static const char *const names[] = {"n",  "missing", "mean",    "sd",     "median",
                                        "q1", "q3",      "minimum", "maximum"};
    size_t n = v->s->n_parts;
    double(*of)[N_STATISTICS] = xr_alloc_array(2 * n + 1, sizeof *of, err);
    int status = of ? 0 : -1;

    for (size_t p = 0; p <= n && of; p++)
        describe(of[p], v, p, false);
    for (size_t p = 0; p < n && of; p++)
        describe(of[n + 1 + p], v, p, true);
    for (int k = 0; k < N_STATISTICS && !status; k++) {
        status = start(v, "", names[k], err);
        for (size_t p = 0; p <= n && !status; p++)
            status = put_number(&v->cells, of[p ? p - 1 : n][k], err);
        for (size_t p = 0; p < n && !status && k == MEAN; p++) {
            const double *a = of[p], *b = of[n + 1 + p];

            status = put_number(
                &v->cells, standardised(a[MEAN], b[MEAN], a[SD] * a[SD], b[SD] * b[SD]),
                err);
        }
        if (!status)
            status = end(v, out, k == MEAN, err);
    }
    free(of);
    return status;
}

static int write_level(struct view *v, uint32_t level, struct xr_out *out,
                       struct xr_err *err)
{
    const char *name = text_of(v, v->first[level]);
    size_t n = v->s->n_parts;

    if (start(v, name, "n", err))
        return -1;
    for (size_t p = 0; p <= n; p++) {
        if (put_number(&v->cells, (double)count(v, p ? p - 1 : n, false, level), err))
            return -1;
    }
    if (end(v, out, false, err) || start(v, name, "share", err))
        return -1;
    for (size_t p = 0; p <= n; p++) {
        size_t part = p ? p - 1 : n;

        if (put_number(&v->cells,
                       (double)count(v, part, false, level) /
                           (double)count_all(v, part, false),
                       err))
            return -1;
    }
    for (size_t p = 0; p < n; p++) {
        double a = (double)count(v, p, false, level) / (double)count_all(v, p, false);
        double b = (double)count(v, p, true, level) / (double)count_all(v, p, true);

        if (put_number(&v->cells, standardised(a, b, a * (1 - a), b * (1 - b)), err))
            return -1;
    }
    return end(v, out, true, err);
}

/* Too many levels to list, as of names: how many there are. */
static int write_values(struct view *v, struct xr_out *out, struct xr_err *err)
{
    size_t n = v->s->n_parts;

    if (start(v, "", "values", err))
        return -1;
    for (size_t p = 0; p <= n; p++) {
        size_t values = 0;

        for (size_t l = 0; l < v->n_levels; l++)
            v->order[l] = 0;
        for (size_t i = 0; i < v->s->table->n_rows; i++) {
            if (in_part(v->s, i, p ? p - 1 : n, false) && !v->order[v->level[i]]) {
                v->order[v->level[i]] = 1;
                values++;
            }
        }
        if (put_number(&v->cells, (double)values, err))
            return -1;
    }
    return end(v, out, false, err);
}

static int write_view(struct view *v, int col, struct xr_out *out, struct xr_err *err)
{
    bool number;
    int status = open_view(v, col, &number, err);

    if (status || number)
        return status ? -1 : write_numbers(v, out, err);
    if (v->n_levels > MOST_LEVELS && col >= 0)
        return write_values(v, out, err);
    if (make_tally(v, err))
        return -1;
    for (size_t l = 0; l < v->n_levels && !status; l++)
        status = write_level(v, v->order[l], out, err);
    return status;
}

static int write_head(const struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    char name[32];
    int status = xr_out_printf(out, err, "column,level,statistic,all");

    for (size_t p = 0; p < s->n_parts && !status; p++)
        status = xr_out_printf(out, err, ",%s", xr_split_part_name(s, p, name));
    for (size_t p = 0; p < s->n_parts && !status; p++)
        status =
            xr_out_printf(out, err, ",difference %s", xr_split_part_name(s, p, name));
    return status ? -1 : xr_out_printf(out, err, "\n");
}

int xr_split_demographics(struct xr_out *out, const struct xr_split *s,
                          struct xr_err *err)
{
    size_t n = s->table->n_rows;
    struct view v = {.s = s};
    int status = -1;

    v.x = xr_alloc_array(n, sizeof *v.x, err);
    v.level = xr_alloc_array(n, sizeof *v.level, err);
    v.first = xr_alloc_array(n, sizeof *v.first, err);
    v.order = xr_alloc_array(n, sizeof *v.order, err);
    v.values = xr_alloc_array(n, sizeof *v.values, err);
    v.n_of = xr_alloc_array(s->n_parts + 1, sizeof *v.n_of, err);
    if (v.x && v.level && v.first && v.order && v.values && v.n_of &&
        !write_head(s, out, err))
        status = write_view(&v, -1, out, err);
    for (size_t c = 0; c < s->table->n_cols && !status; c++) {
        if (!xr_split_own_column(s, c))
            status = write_view(&v, (int)c, out, err);
    }
    free(v.x);
    free(v.level);
    free(v.first);
    free(v.order);
    free(v.values);
    free(v.n_of);
    free(v.tally);
    xr_buf_free(&v.cells);
    return status;
}
