/* What a small model makes of all that is known of a film without looking at it. */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit_features.h"
#include "logistic.h"
#include "split_parts.h"
#include "stats.h"
#include "stats_metrics.h"

#define RIDGE 30
#define HINGES 7       /* quantiles above which a number counts again */
#define MOST_VALUES 20 /* of a category that have columns of their own */
#define MOST_PRODUCTS 40

/* --- columns --------------------------------------------------------------------- */

struct design {
    size_t n, d; /* rows and columns */
    double *x;   /* [n][d] */
};

struct columns {
    double **items; /* [n_items], each [n] */
    size_t n_items, n;
};

static double *new_column(struct columns *c, struct xr_err *err)
{
    double **items = realloc(c->items, (c->n_items + 1) * sizeof *items);

    if (!items) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    c->items = items;
    items[c->n_items] = xr_alloc_array(c->n, sizeof **items, err);
    return items[c->n_items] ? items[c->n_items++] : NULL;
}

/* The number (missing: its median), and where any is missing, whether. */
static int add_number(struct columns *c, const double *x, struct xr_err *err)
{
    double *sorted = xr_alloc_array(c->n, sizeof *sorted, err), *to, middle = 0;
    size_t n;

    if (!sorted)
        return -1;
    n = xr_audit_sorted(sorted, x, c->n);
    if (n)
        middle = xr_quantile_sorted(sorted, n, 0.5);
    free(sorted);
    to = new_column(c, err);
    for (size_t i = 0; i < c->n && to; i++)
        to[i] = isnan(x[i]) ? middle : x[i];
    if (to && n < c->n) {
        to = new_column(c, err);
        for (size_t i = 0; i < c->n && to; i++)
            to[i] = isnan(x[i]);
    }
    return to ? 0 : -1;
}

struct value {
    uint32_t level;
    size_t n;
};

static int cmp_values(const void *a, const void *b)
{
    const struct value *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return x->level < y->level ? -1 : x->level > y->level;
}

/* One column for each of the most frequent values; a missing one is a value. */
static int add_category(struct columns *c, const struct xr_feature *f, struct xr_err *err)
{
    struct value *values = xr_alloc_array(f->n_levels + 1, sizeof *values, err);
    int status = values ? 0 : -1;

    for (size_t v = 0; v <= f->n_levels && !status; v++)
        values[v].level = v == f->n_levels ? XR_AUDIT_MISSING : (uint32_t)v;
    for (size_t i = 0; i < c->n && !status; i++)
        values[f->level[i] == XR_AUDIT_MISSING ? f->n_levels : f->level[i]].n++;
    if (!status)
        qsort(values, f->n_levels + 1, sizeof *values, cmp_values);
    for (size_t v = 0; v <= f->n_levels && v < MOST_VALUES && !status; v++) {
        double *to = values[v].n ? new_column(c, err) : NULL;

        if (!values[v].n)
            break;
        status = to ? 0 : -1;
        for (size_t i = 0; i < c->n && to; i++)
            to[i] = f->level[i] == values[v].level;
    }
    free(values);
    return status;
}

static int add_products(struct columns *c, size_t n_base, struct xr_err *err)
{
    for (size_t a = 0; a < n_base; a++) {
        for (size_t b = a; b < n_base; b++) {
            double *to = new_column(c, err);

            if (!to)
                return -1;
            for (size_t i = 0; i < c->n; i++)
                to[i] = c->items[a][i] * c->items[b][i];
        }
    }
    return 0;
}

static int add_hinges(struct columns *c, size_t n_base, struct xr_err *err)
{
    double *sorted = xr_alloc_array(c->n, sizeof *sorted, err);
    int status = sorted ? 0 : -1;

    for (size_t a = 0; a < n_base && !status; a++) {
        double last = -INFINITY;

        memcpy(sorted, c->items[a], c->n * sizeof *sorted);
        xr_sort(sorted, c->n);
        if (c->n == 0 || sorted[0] >= sorted[c->n - 1])
            continue;
        for (size_t h = 1; h <= HINGES && !status; h++) {
            double at = xr_quantile_sorted(sorted, c->n, (double)h / (HINGES + 1)), *to;

            if (at <= last || at <= sorted[0] || at >= sorted[c->n - 1])
                continue;
            last = at;
            to = new_column(c, err);
            status = to ? 0 : -1;
            for (size_t i = 0; i < c->n && to; i++)
                to[i] = fmax(0, c->items[a][i] - at);
        }
    }
    free(sorted);
    return status;
}

/* In place: mean 0, deviation 1. */
static void standardise(double *x, size_t n)
{
    double sum = 0, sum2 = 0, mean, sd;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        sum2 += (x[i] - mean) * (x[i] - mean);
    sd = sqrt(sum2 / (double)n);
    for (size_t i = 0; i < n; i++)
        x[i] = sd > 1e-9 * (1 + fabs(mean)) ? (x[i] - mean) / sd : 0;
}

/* Columns are made without a look at the labels, so they may be made of all rows. */
static int make_design(struct design *to, size_t *n_features, const struct xr_audit *a,
                       int without, struct xr_err *err)
{
    struct columns c = {.n = a->n};
    size_t n_base;
    int status = 0;

    *n_features = 0;
    for (size_t i = 0; i < a->n_features && !status; i++) {
        const struct xr_feature *f = &a->features[i];

        if (f->source == XR_FEATURE_ROW || (without >= 0 && f->col == without))
            continue;
        ++*n_features;
        status = f->x ? add_number(&c, f->x, err) : add_category(&c, f, err);
    }
    n_base = c.n_items;
    for (size_t i = 0; i < n_base; i++)
        standardise(c.items[i], c.n);
    if (!status)
        status = add_hinges(&c, n_base, err);
    if (!status && n_base <= MOST_PRODUCTS)
        status = add_products(&c, n_base, err);
    for (size_t i = n_base; i < c.n_items; i++)
        standardise(c.items[i], c.n);
    *to = (struct design){a->n, c.n_items, NULL};
    if (!status)
        to->x = xr_alloc_array(a->n, c.n_items * sizeof *to->x, err);
    for (size_t j = 0; j < c.n_items; j++) {
        for (size_t i = 0; i < a->n && to->x; i++)
            to->x[i * c.n_items + j] = c.items[j][i];
        free(c.items[j]);
    }
    free(c.items);
    return to->x ? 0 : -1;
}

/* --- the model ------------------------------------------------------------------- */

struct target {
    const char *name;
    const uint32_t *label; /* [n] below n_classes */
    size_t n_classes;
};

/* p [n][n_classes]: each fold predicted by a model of the others. */
static int out_of_fold(double *p, const struct xr_audit *a, const struct design *design,
                       const struct target *t, struct xr_err *err)
{
    double *x = xr_alloc_array(a->n, design->d * sizeof *x, err);
    uint32_t *label = xr_alloc_array(a->n, sizeof *label, err);
    int status = x && label ? 0 : -1;

    for (size_t f = 0; f < a->n_folds && !status; f++) {
        struct xr_logistic model;
        size_t n = 0;

        for (size_t i = 0; i < a->n; i++) {
            if (a->fold[i] == f)
                continue;
            memcpy(x + n * design->d, design->x + i * design->d, design->d * sizeof *x);
            label[n++] = t->label[i];
        }
        if (xr_logistic_fit(&model, x, label, n, design->d, t->n_classes, RIDGE, err)) {
            status = -1;
            break;
        }
        for (size_t i = 0; i < a->n; i++) {
            if (a->fold[i] == f)
                xr_logistic_predict(p + i * t->n_classes, &model,
                                    design->x + i * design->d);
        }
        xr_logistic_free(&model);
    }
    free(x);
    free(label);
    return status;
}

static int measure(struct xr_figure *figure, const double *p, const struct xr_audit *a,
                   const struct target *t, const struct xr_audit_rule *rule,
                   uint64_t seed, struct xr_err *err)
{
    struct xr_scored scored = {.n = a->n,
                               .k = t->n_classes,
                               .p = p,
                               .label = t->label,
                               .group = a->group,
                               .n_groups = a->n_groups};
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_figure *figures =
        xr_alloc_array(xr_n_metrics(t->n_classes), sizeof *figures, err);
    struct xr_metrics *metrics = NULL;
    int status = -1;

    bootstrap.n_resamples = rule->resamples;
    bootstrap.seed = seed;
    if (rule->resamples == 0)
        bootstrap.method = XR_CI_NONE;
    if (figures && !xr_metrics_open(&metrics, &scored, err) &&
        !xr_metrics_bootstrap(figures, metrics, &bootstrap, err)) {
        *figure = figures[XR_METRIC_ROC_AUC_MACRO];
        status = 0;
    }
    xr_metrics_close(metrics);
    free(figures);
    return status;
}

/* without: a column that says the target itself, -1: none. */
static int probe(struct xr_buf *csv, const struct xr_audit *a, const struct target *t,
                 int without, const struct xr_audit_rule *rule, uint64_t seed,
                 struct xr_err *err)
{
    struct design design = {0};
    double *p = xr_alloc_array(a->n, t->n_classes * sizeof *p, err);
    struct xr_figure figure;
    size_t n_features;
    int status = -1;

    if (p && !make_design(&design, &n_features, a, without, err) &&
        !out_of_fold(p, a, &design, t, err) &&
        !measure(&figure, p, a, t, rule, seed, err) &&
        !xr_csv_put(csv, true, t->name, err))
        status = xr_buf_printf(csv, err, ",%zu,%zu,%zu", t->n_classes, a->n, n_features);
    if (!status &&
        (xr_audit_put(csv, figure.value, err) || xr_audit_put(csv, figure.low, err) ||
         xr_audit_put(csv, figure.high, err) || xr_buf_text(csv, "\n", err)))
        status = -1;
    free(design.x);
    free(p);
    return status;
}

/* The centre as a target: its values are numbered as they come. */
static int probe_site(struct xr_buf *csv, const struct xr_audit *a,
                      const struct xr_split *s, int col, const struct xr_audit_rule *rule,
                      struct xr_err *err)
{
    struct target t = {s->table->names[col], NULL, 0};
    struct xr_names values = {0};
    uint32_t *label = xr_alloc_array(a->n, sizeof *label, err);
    int status = label ? 0 : -1;

    for (size_t i = 0; i < a->n && !status; i++) {
        const char *text = xr_cell(s->table, a->row[i], (size_t)col);
        int v = xr_names_find(&values, text);

        if (v < 0 && values.n == 1000)
            status = xr_fail(err, "%s: column '%s' has more than 1000 values",
                             s->table->name, t.name);
        else if (v < 0)
            status = xr_names_add(&values, text, strlen(text), err);
        label[i] = (uint32_t)(v < 0 ? (int)values.n - 1 : v);
    }
    t.label = label;
    t.n_classes = values.n;
    if (!status && values.n > 1)
        status = probe(csv, a, &t, col, rule, s->rule->seed, err);
    free(label);
    xr_names_free(&values);
    return status;
}

int xr_audit_probe(struct xr_buf *csv, struct xr_split *s,
                   const struct xr_audit_rule *rule, struct xr_err *err)
{
    struct xr_audit a;
    int status = xr_audit_open(&a, s, rule, err), site = -1;
    struct target t = {"label", a.label, a.n_classes};

    if (!status && rule->site)
        status = xr_table_need(&site, s->table, rule->site, err);
    else if (!status)
        site = xr_table_col(s->table, "center");
    if (!status && a.n_classes < 2)
        status = xr_fail(err, "%s: one class only", s->table->name);
    if (!status)
        status = xr_buf_text(csv, "target,classes,rows,features,auc,low,high\n", err);
    if (!status)
        status = probe(csv, &a, &t, -1, rule, s->rule->seed, err);
    if (!status && site >= 0)
        status = probe_site(csv, &a, s, site, rule, err);
    xr_audit_close(&a);
    return status;
}
