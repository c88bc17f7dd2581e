/* Parts: shares or folds, folds by a column, a frozen hold-out, folds within folds, and
 * subsets of what is trained on. */
#include "split_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rng.h"
#include "split_index.h"

/* --- dividing some of the rows --------------------------------------------------- */

struct share_of {
    const uint16_t *class_of; /* [n_rows], XR_SPLIT_NONE: takes no part here */
    const double *share;      /* [n_parts] */
    size_t n_parts;
    const char *purpose; /* of the random numbers */
    uint64_t epoch;
};

/* A random number a group, from the seed and the group's name (a row's key without
 * groups). */
static int draw(const struct xr_split *s, uint64_t *order, const struct share_of *of,
                struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = -1;

    for (size_t i = s->table->n_rows; i-- > 0;) { /* any row of a group gives the same */
        const char *name;
        struct xr_rng rng;

        if (s->class_of[i] == XR_SPLIT_NONE || order[xr_split_unit(s, i)])
            continue;
        name = xr_split_group(&buf, s, i, err);
        if (!name)
            goto done;
        xr_rng_init(&rng, s->rule->seed, of->epoch, name, of->purpose);
        order[xr_split_unit(s, i)] = xr_rng_u64(&rng) | 1;
    }
    status = 0;
done:
    xr_buf_free(&buf);
    return status;
}

static int divide(uint16_t *part, const struct xr_split *s, const struct share_of *of,
                  struct xr_err *err)
{
    struct xr_split_problem pb = {
        .n_rows = s->table->n_rows,
        .n_classes = s->classes.n,
        .n_groups = s->n_groups,
        .n_parts = of->n_parts,
        .class_of = of->class_of,
        .group_of = s->group_of,
        .share = of->share,
        .seed = s->rule->seed,
    };
    uint64_t *order = xr_alloc_array(s->n_groups, sizeof *order, err);
    int status = -1;

    pb.order = order;
    if (order && !draw(s, order, of, err))
        status = xr_split_assign(part, &pb, err);
    free(order);
    return status;
}

/* The classes of the rows that are in part p (take true) or in none of p and the hold-out
 * (false); the others take no part. */
static void mask(uint16_t *class_of, const struct xr_split *s, size_t p, bool take)
{
    for (size_t i = 0; i < s->table->n_rows; i++) {
        class_of[i] = s->class_of[i];
        if (class_of[i] != XR_SPLIT_NONE) {
            size_t at = s->part[xr_split_unit(s, i)];
            bool test = s->has_test && at == s->n_parts - 1;

            if ((at == p) != take || (!take && test))
                class_of[i] = XR_SPLIT_NONE;
        }
    }
}

/* --- a frozen hold-out ----------------------------------------------------------- */

/* The keys of the earlier table's test rows. */
static int index_held(struct xr_index *index, struct xr_index_column *cell,
                      struct xr_err *err)
{
    const struct xr_table *t = cell->table;
    int key, split;

    if (xr_table_need(&key, t, "key", err) || xr_table_need(&split, t, "split", err))
        return -1;
    cell->col = (size_t)key;
    for (size_t i = 0; i < t->n_rows; i++) {
        uint32_t id;

        if (!strcmp(xr_cell(t, i, (size_t)split), "test") &&
            xr_index_put(index, &id, xr_cell(t, i, cell->col), (uint32_t)i,
                         xr_index_same_cell, cell, err) < 0)
            return -1;
    }
    return index->n ? 0 : xr_fail(err, "%s: no row has split 'test'", t->name);
}

/* Whole groups stay in the hold-out: those of which an earlier table has a test row. */
static int pin(struct xr_split *s, size_t *n_pinned, struct xr_err *err)
{
    struct xr_index_column cell = {s->rule->holdout, 0};
    struct xr_index index = {0};
    size_t found = 0;
    int status = -1;

    s->pinned = xr_alloc_array(s->n_groups, sizeof *s->pinned, err);
    if (!s->pinned || index_held(&index, &cell, err))
        goto done;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        char *key;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (xr_split_key(s, &key, i, err))
            goto done;
        if (xr_index_get(&index, key, xr_index_same_cell, &cell)) {
            s->pinned[xr_split_unit(s, i)] = true;
            found++;
        }
        free(key);
    }
    for (size_t i = 0; i < s->table->n_rows; i++)
        *n_pinned += s->class_of[i] != XR_SPLIT_NONE && s->pinned[xr_split_unit(s, i)];
    status = 0;
    if (found < index.n)
        status = xr_buf_printf(&s->warnings, err,
                               "%zu of the %zu test rows of %s are not in the table\n",
                               index.n - found, index.n, xr_last_part(cell.table->name));
    if (!status && *n_pinned > found)
        status = xr_buf_printf(
            &s->warnings, err,
            "%zu rows are in test because others of their groups were in %s\n",
            *n_pinned - found, xr_last_part(cell.table->name));
    if (!status && !found)
        status = xr_fail(err, "%s: none of the test rows of '%s' is in it",
                         s->table->name, xr_last_part(cell.table->name));
done:
    xr_index_free(&index);
    return status;
}

/* --- shares and folds ------------------------------------------------------------ */

static int settle_shares(struct xr_split *s, double held, struct xr_err *err)
{
    const struct xr_split_rule *r = s->rule;
    size_t n = s->group_of ? s->n_groups : s->n_kept;
    double free_share = r->holdout ? 1 - held : 1;

    s->has_test = r->folds && (r->test_ratio > 0 || r->holdout);
    s->n_parts = r->folds ? (size_t)r->folds + s->has_test : 3;
    if (s->n_parts > XR_SPLIT_MAX_PARTS)
        return xr_fail_usage(err, "more than %d parts", XR_SPLIT_MAX_PARTS);
    s->share = xr_alloc_array(s->n_parts, sizeof *s->share, err);
    if (!s->share)
        return -1;
    for (size_t p = 0; p < s->n_parts; p++) {
        if (r->folds)
            s->share[p] = p == (size_t)r->folds ? r->test_ratio
                                                : (1 - r->test_ratio) / (double)r->folds;
        else
            s->share[p] = r->ratio[p];
    }
    if (r->holdout) { /* the rest in the proportion asked for */
        double rest = 1 - s->share[s->n_parts - 1];

        if (rest <= 0)
            return xr_fail_usage(err, "--holdout: --ratio has neither train nor val");
        for (size_t p = 0; p < s->n_parts; p++)
            s->share[p] = p + 1 < s->n_parts ? s->share[p] / rest * free_share : held;
    }
    if (r->folds && n < s->n_parts)
        return xr_fail(err, "%s: %zu %s cannot fill %zu parts", s->table->name, n,
                       s->group_of ? "groups" : "rows", s->n_parts);
    return 0;
}

/* What is not pinned, by the shares of the other parts alone. */
static int divide_rest(struct xr_split *s, double held, struct xr_err *err)
{
    uint16_t *class_of = xr_alloc_array(s->table->n_rows, sizeof *class_of, err);
    double *share = xr_alloc_array(s->n_parts, sizeof *share, err);
    struct share_of of = {class_of, share, s->n_parts, "split", 0};
    int status = -1;

    if (!class_of || !share)
        goto done;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        class_of[i] = s->class_of[i];
        if (class_of[i] != XR_SPLIT_NONE && s->pinned[xr_split_unit(s, i)])
            class_of[i] = XR_SPLIT_NONE;
    }
    for (size_t p = 0; p + 1 < s->n_parts && held < 1; p++)
        share[p] = s->share[p] / (1 - held);
    if (held < 1)
        status = divide(s->part, s, &of, err);
    else
        status = xr_fail(err, "%s: every row is in the hold-out", s->table->name);
    for (size_t g = 0; g < s->n_groups && !status; g++) {
        if (s->pinned[g])
            s->part[g] = (uint16_t)(s->n_parts - 1);
    }
done:
    free(class_of);
    free(share);
    return status;
}

static int divide_by_shares(struct xr_split *s, struct xr_err *err)
{
    size_t n_pinned = 0;
    double held;
    struct share_of of;

    if (s->rule->holdout && pin(s, &n_pinned, err))
        return -1;
    held = (double)n_pinned / (double)s->n_kept;
    if (settle_shares(s, held, err))
        return -1;
    if (s->pinned)
        return divide_rest(s, held, err);
    of = (struct share_of){s->class_of, s->share, s->n_parts, "split", 0};
    return divide(s->part, s, &of, err);
}

/* --- a fold for each value of a column ------------------------------------------- */

static int cmp_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int cmp_numbers(const void *a, const void *b)
{
    double x = strtod(*(char *const *)a, NULL), y = strtod(*(char *const *)b, NULL);

    return x < y ? -1 : x > y ? 1 : cmp_bytes(a, b);
}

static int collect_values(struct xr_split *s, struct xr_err *err)
{
    bool numbers = true;

    for (size_t i = 0; i < s->table->n_rows; i++) {
        const char *text = xr_cell(s->table, i, (size_t)s->by_col);
        double x;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (!*text) {
            xr_fail(err, "no value in column '%s'", s->rule->by);
            return xr_split_at_line(s, i, err);
        }
        if (xr_names_find(&s->values, text) >= 0)
            continue;
        if (s->values.n == XR_SPLIT_MAX_PARTS - 1)
            return xr_fail(err, "%s: --by: column '%s' has more than %d values",
                           s->table->name, s->rule->by, XR_SPLIT_MAX_PARTS - 1);
        if (xr_names_add(&s->values, text, strlen(text), err))
            return -1;
        numbers &= !xr_parse_real(&x, text, -1e300, 1e300, NULL);
    }
    if (s->values.n < 2)
        return xr_fail(err, "%s: --by: column '%s' has one value only", s->table->name,
                       s->rule->by);
    qsort(s->values.items, s->values.n, sizeof *s->values.items,
          numbers ? cmp_numbers : cmp_bytes);
    return 0;
}

static int divide_by_column(struct xr_split *s, struct xr_err *err)
{
    uint32_t *first = xr_alloc_array(s->n_groups, sizeof *first, err); /* row + 1 */
    int status = first ? collect_values(s, err) : -1;

    s->n_parts = s->values.n;
    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        const char *text = xr_cell(s->table, i, (size_t)s->by_col);
        size_t g = xr_split_unit(s, i);
        uint16_t p;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        p = (uint16_t)xr_names_find(&s->values, text);
        if (first[g] && s->part[g] != p) {
            xr_fail(err, "%s '%s', but another row of its group has '%s' in line %u",
                    s->rule->by, text, s->values.items[s->part[g]],
                    (unsigned)s->table->lines[first[g] - 1]);
            status = xr_split_at_line(s, i, err);
        }
        if (!first[g])
            first[g] = (uint32_t)i + 1;
        s->part[g] = p;
    }
    free(first);
    return status;
}

/* --- folds within folds, subsets ------------------------------------------------- */

/* Where fold f is the test, the other rows are folds of their own: what settings are
 * chosen on never meets fold f. */
static int nest(struct xr_split *s, struct xr_err *err)
{
    size_t n_folds = s->n_parts - s->has_test, m = (size_t)s->rule->nested;
    uint16_t *class_of = xr_alloc_array(s->table->n_rows, sizeof *class_of, err);
    double *share = xr_alloc_array(m, sizeof *share, err);
    int status = -1;

    s->inner = xr_alloc_array(n_folds, sizeof *s->inner, err);
    if (!class_of || !share || !s->inner)
        goto done;
    s->n_inner = n_folds;
    for (size_t i = 0; i < m; i++)
        share[i] = 1 / (double)m;
    for (size_t f = 0; f < n_folds; f++) {
        struct share_of of = {class_of, share, m, "split nested", f + 1};

        s->inner[f] = xr_alloc_array(s->n_groups, sizeof **s->inner, err);
        mask(class_of, s, f, false);
        if (!s->inner[f] || divide(s->inner[f], s, &of, err))
            goto done;
    }
    status = 0;
done:
    free(class_of);
    free(share);
    return status;
}

static int settle_subsets(struct xr_split *s, double *share, struct xr_err *err)
{
    const char *p = s->rule->subsets;
    double last = 0;

    while (s->n_subsets < XR_SPLIT_MAX_SUBSETS) {
        char *number = xr_sprintf(err, "%.*s", (int)strcspn(p, ","), p);
        double x;
        int bad = !number || xr_parse_real(&x, number, 0, 1, NULL) || x <= last || x >= 1;

        free(number);
        if (bad)
            return xr_fail_usage(
                err, "--subsets: '%s': not rising shares between 0 and 1, as .1,.25,.5",
                s->rule->subsets);
        share[s->n_subsets] = x - last;
        s->subsets[s->n_subsets++] = last = x;
        p += strcspn(p, ",");
        if (!*p++) {
            share[s->n_subsets] = 1 - last;
            return 0;
        }
    }
    return xr_fail_usage(err, "--subsets: more than %d", XR_SPLIT_MAX_SUBSETS);
}

/* The parts that may be trained on are each cut into stratified steps; a subset is the
 * first steps together, so that each lies in the next. */
static int cut_subsets(struct xr_split *s, struct xr_err *err)
{
    size_t n = xr_split_folds(s) ? s->n_parts - s->has_test : 1;
    uint16_t *class_of = xr_alloc_array(s->table->n_rows, sizeof *class_of, err);
    uint16_t *step = xr_alloc_array(s->n_groups, sizeof *step, err);
    double share[XR_SPLIT_MAX_SUBSETS + 1];
    int status = -1;

    s->subsets = xr_alloc_array(XR_SPLIT_MAX_SUBSETS, sizeof *s->subsets, err);
    s->subset = xr_alloc_array(s->n_groups, sizeof *s->subset, err);
    if (!class_of || !step || !s->subsets || !s->subset || settle_subsets(s, share, err))
        goto done;
    for (size_t p = 0; p < n; p++) {
        struct share_of of = {class_of, share, s->n_subsets + 1, "split subset", p};

        mask(class_of, s, p, true);
        if (divide(step, s, &of, err))
            goto done;
        for (size_t g = 0; g < s->n_groups; g++) {
            if (s->part[g] == p)
                s->subset[g] = step[g];
        }
    }
    status = 0;
done:
    free(class_of);
    free(step);
    return status;
}

int xr_split_parts(struct xr_split *s, struct xr_err *err)
{
    s->part = xr_alloc_array(s->n_groups, sizeof *s->part, err);
    if (!s->part)
        return -1;
    if (s->rule->by && xr_table_need(&s->by_col, s->table, s->rule->by, err))
        return -1;
    if (s->by_col >= 0 ? divide_by_column(s, err) : divide_by_shares(s, err))
        return -1;
    if (s->rule->nested && nest(s, err))
        return -1;
    return s->rule->subsets ? cut_subsets(s, err) : 0;
}

/* --- what came out --------------------------------------------------------------- */

const char *xr_split_part_name(const struct xr_split *s, size_t p, char text[32])
{
    static const char *const names[] = {"train", "val", "test"};

    if (!xr_split_folds(s))
        snprintf(text, 32, "%s", names[p]);
    else if (s->has_test && p == s->n_parts - 1)
        snprintf(text, 32, "test");
    else
        snprintf(text, 32, "fold %zu", p);
    return text;
}

static int warn_absent(struct xr_split *s, const size_t *count, struct xr_err *err)
{
    for (size_t c = 0; c < s->classes.n; c++) {
        size_t missing = 0, rows = 0;

        for (size_t p = 0; p < s->n_parts; p++) {
            rows += count[c * s->n_parts + p];
            missing += (!s->share || s->share[p] > 0) && !count[c * s->n_parts + p];
        }
        if (missing &&
            xr_buf_printf(&s->warnings, err,
                          "class '%s' (%zu rows) is absent from %zu of the parts\n",
                          s->classes.items[c], rows, missing))
            return -1;
    }
    return 0;
}

int xr_split_warn_shares(struct xr_split *s, struct xr_err *err)
{
    size_t *count = xr_alloc_array(s->classes.n * s->n_parts, sizeof *count, err);
    size_t *of_part = xr_alloc_array(s->n_parts, sizeof *of_part, err);
    int status = count && of_part ? 0 : -1;
    char name[32];

    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        uint16_t c = s->class_of[i];

        if (c != XR_SPLIT_NONE) {
            size_t p = s->part[xr_split_unit(s, i)];

            count[c * s->n_parts + p]++;
            of_part[p]++;
        }
    }
    if (!status)
        status = warn_absent(s, count, err);
    for (size_t p = 0; p < s->n_parts && s->share && !status; p++) {
        double exact = s->share[p] * (double)s->n_kept;
        double off = fabs((double)of_part[p] - exact);

        if (off > 0.01 * (double)s->n_kept && off > 1)
            status = xr_buf_printf(&s->warnings, err,
                                   "%s has %zu rows where the exact share is %.1f: the "
                                   "groups are too large\n",
                                   xr_split_part_name(s, p, name), of_part[p], exact);
    }
    free(count);
    free(of_part);
    return status;
}
