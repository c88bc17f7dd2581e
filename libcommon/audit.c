/* How much each feature says by itself. */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit_features.h"
#include "stats.h"

#define BINS 32
#define SHRINK 10 /* rows of the whole's shares that every value is given */

/* --- areas ----------------------------------------------------------------------- */

/* What a way gives: the mean over folds for each class, and the mean of these. */
struct areas {
    double *of_class; /* [n_classes] */
    double macro;
    const char *way;
};

struct work {
    const struct xr_audit *a;
    double *score;           /* [n][n_classes] */
    double *column;          /* [n] */
    unsigned char *positive; /* [n] */
    uint32_t *bin;           /* [n] */
    double *sorted;          /* [n] */
    double *share;           /* [n_levels + 1][n_classes + 1] */
    size_t room;             /* of share */
    struct areas now, best;
};

static int area_of(double *auc, const struct work *w, size_t n, struct xr_err *err)
{
    struct xr_curve curve;

    if (xr_curve_make(&curve, w->column, w->positive, n, err))
        return -1;
    *auc = xr_curve_auc(&curve);
    xr_curve_free(&curve);
    return 0;
}

/* Of the scores of one class, in each fold; the mean of those that have both sides. */
static int mean_area(double *mean, const struct work *w, size_t class, struct xr_err *err)
{
    const struct xr_audit *a = w->a;
    double sum = 0;
    size_t folds = 0;

    for (size_t f = 0; f < a->n_folds; f++) {
        double auc;
        size_t n = 0;

        for (size_t i = 0; i < a->n; i++) {
            if (a->fold[i] != f)
                continue;
            w->column[n] = w->score[i * a->n_classes + class];
            w->positive[n++] = a->label[i] == class;
        }
        if (area_of(&auc, w, n, err))
            return -1;
        if (!isnan(auc)) {
            sum += auc;
            folds++;
        }
    }
    *mean = folds ? sum / (double)folds : NAN;
    return 0;
}

/* Take the scores as they are; keep them if they say more. */
static int judge(struct work *w, const char *way, struct xr_err *err)
{
    size_t k = w->a->n_classes, defined = 0;
    struct areas held;

    w->now.way = way;
    w->now.macro = 0;
    for (size_t c = 0; c < k; c++) {
        if (mean_area(&w->now.of_class[c], w, c, err))
            return -1;
        if (!isnan(w->now.of_class[c])) {
            w->now.macro += w->now.of_class[c];
            defined++;
        }
    }
    w->now.macro = defined ? w->now.macro / (double)defined : NAN;
    if (w->best.way && !(w->now.macro > w->best.macro))
        return 0;
    held = w->best;
    w->best = w->now;
    w->now = held;
    return 0;
}

/* --- scores ---------------------------------------------------------------------- */

/* Shares of the classes among rows of equal value in the other folds. */
static int by_value(struct work *w, const uint32_t *level, size_t n_levels,
                    struct xr_err *err)
{
    const struct xr_audit *a = w->a;
    size_t k = a->n_classes, width = k + 1, room = (n_levels + 2) * width;

    if (room > w->room) {
        free(w->share);
        w->share = xr_alloc_array(room, sizeof *w->share, err);
        w->room = w->share ? room : 0;
        if (!w->share)
            return -1;
    }
    for (size_t f = 0; f < a->n_folds; f++) {
        double *all = w->share + (n_levels + 1) * width;

        memset(w->share, 0, room * sizeof *w->share);
        for (size_t i = 0; i < a->n; i++) {
            size_t v = level[i] == XR_AUDIT_MISSING ? n_levels : level[i];

            if (a->fold[i] == f)
                continue;
            w->share[v * width + a->label[i]]++;
            w->share[v * width + k]++;
            all[a->label[i]]++;
            all[k]++;
        }
        for (size_t i = 0; i < a->n; i++) {
            size_t v = level[i] == XR_AUDIT_MISSING ? n_levels : level[i];
            const double *own = w->share + v * width;

            for (size_t c = 0; c < k && a->fold[i] == f; c++)
                w->score[i * k + c] =
                    (own[c] + SHRINK * all[c] / all[k]) / (own[k] + SHRINK);
        }
    }
    return 0;
}

/* Numbers to bins of equal counts; equal numbers are in one. */
static size_t cut(struct work *w, const double *x)
{
    double edge[BINS];
    size_t n = 0, n_bins = 0;

    n = xr_audit_sorted(w->sorted, x, w->a->n);
    for (size_t b = 0; b < BINS && n; b++) {
        double v = w->sorted[b * n / BINS];

        if (!n_bins || v > edge[n_bins - 1])
            edge[n_bins++] = v;
    }
    for (size_t i = 0; i < w->a->n; i++) {
        size_t b = 0;

        while (b + 1 < n_bins && x[i] >= edge[b + 1])
            b++;
        w->bin[i] = isnan(x[i]) ? XR_AUDIT_MISSING : (uint32_t)b;
    }
    return n_bins;
}

/* The number itself, or its negative: which of them, the other folds say. */
static int by_rank(struct work *w, const double *x, struct xr_err *err)
{
    const struct xr_audit *a = w->a;
    double middle = 0;
    size_t n = 0;

    n = xr_audit_sorted(w->sorted, x, w->a->n);
    if (n)
        middle = xr_quantile_sorted(w->sorted, n, 0.5);
    for (size_t f = 0; f < a->n_folds; f++) {
        for (size_t c = 0; c < a->n_classes; c++) {
            double auc;

            n = 0;
            for (size_t i = 0; i < a->n; i++) {
                if (a->fold[i] == f)
                    continue;
                w->column[n] = isnan(x[i]) ? middle : x[i];
                w->positive[n++] = a->label[i] == c;
            }
            if (area_of(&auc, w, n, err))
                return -1;
            for (size_t i = 0; i < a->n; i++) {
                if (a->fold[i] == f)
                    w->score[i * a->n_classes + c] =
                        (auc < 0.5 ? -1 : 1) * (isnan(x[i]) ? middle : x[i]);
            }
        }
    }
    return 0;
}

static int judge_feature(struct work *w, const struct xr_feature *f, struct xr_err *err)
{
    w->best.way = NULL;
    if (!f->x)
        return by_value(w, f->level, f->n_levels, err) || judge(w, "value", err) ? -1 : 0;
    return by_value(w, w->bin, cut(w, f->x), err) || judge(w, "bins", err) ||
                   by_rank(w, f->x, err) || judge(w, "rank", err)
               ? -1
               : 0;
}

/* --- the table ------------------------------------------------------------------- */

struct line {
    const struct xr_feature *feature;
    const char *way;
    double macro;
    size_t n_values;
    double *of_class; /* [n_classes] */
};

static int cmp_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    double p = isnan(x->macro) ? -1 : x->macro, q = isnan(y->macro) ? -1 : y->macro;

    if (p != q)
        return p < q ? 1 : -1;
    return strcmp(x->feature->name, y->feature->name);
}

static size_t count_values(struct work *w, const struct xr_feature *f)
{
    size_t n = 0, values = 0;

    if (!f->x)
        return f->n_levels;
    n = xr_audit_sorted(w->sorted, f->x, w->a->n);
    for (size_t i = 0; i < n; i++)
        values += i == 0 || w->sorted[i] != w->sorted[i - 1];
    return values;
}

static int write_lines(struct xr_buf *csv, const struct xr_audit *a,
                       const struct line *lines, struct xr_err *err)
{
    static const char *const sources[] = {"column", "row", "film"};

    if (xr_buf_text(csv, "feature,from,kind,way,values,missing,auc", err))
        return -1;
    for (size_t c = 0; c < a->n_classes; c++) {
        char *name = xr_sprintf(err, "auc_%s", a->classes[c]);
        int bad = !name || xr_csv_put(csv, false, name, err);

        free(name);
        if (bad)
            return -1;
    }
    for (size_t i = 0; i < a->n_features; i++) {
        const struct line *l = &lines[i];

        if (xr_buf_text(csv, "\n", err) || xr_csv_put(csv, true, l->feature->name, err) ||
            xr_buf_printf(csv, err, ",%s,%s,%s,%zu,%zu", sources[l->feature->source],
                          l->feature->x ? "number" : "category", l->way, l->n_values,
                          l->feature->n_missing) ||
            xr_audit_put(csv, l->macro, err))
            return -1;
        for (size_t c = 0; c < a->n_classes; c++) {
            if (xr_audit_put(csv, l->of_class[c], err))
                return -1;
        }
    }
    return xr_buf_text(csv, "\n", err);
}

static int judge_all(struct line *lines, double *of_class, struct work *w,
                     struct xr_err *err)
{
    const struct xr_audit *a = w->a;

    for (size_t i = 0; i < a->n_features; i++) {
        struct line *l = &lines[i];

        if (judge_feature(w, &a->features[i], err))
            return -1;
        l->feature = &a->features[i];
        l->way = w->best.way;
        l->macro = w->best.macro;
        l->n_values = count_values(w, l->feature);
        l->of_class = of_class + i * a->n_classes;
        memcpy(l->of_class, w->best.of_class, a->n_classes * sizeof *l->of_class);
    }
    qsort(lines, a->n_features, sizeof *lines, cmp_lines);
    return 0;
}

int xr_audit_table(struct xr_buf *csv, struct xr_audit_worst *worst, struct xr_split *s,
                   const struct xr_audit_rule *rule, struct xr_err *err)
{
    struct xr_audit a;
    struct work w = {.a = &a};
    struct line *lines = NULL;
    double *of_class = NULL;
    int status = -1;

    if (xr_audit_open(&a, s, rule, err))
        goto done;
    w.score = xr_alloc_array(a.n, a.n_classes * sizeof *w.score, err);
    w.column = xr_alloc_array(a.n, sizeof *w.column, err);
    w.positive = xr_alloc_array(a.n, 1, err);
    w.bin = xr_alloc_array(a.n, sizeof *w.bin, err);
    w.sorted = xr_alloc_array(a.n, sizeof *w.sorted, err);
    w.now.of_class = xr_alloc_array(a.n_classes, sizeof *w.now.of_class, err);
    w.best.of_class = xr_alloc_array(a.n_classes, sizeof *w.best.of_class, err);
    lines = xr_alloc_array(a.n_features, sizeof *lines, err);
    of_class = xr_alloc_array(a.n_features, a.n_classes * sizeof *of_class, err);
    if (!w.score || !w.column || !w.positive || !w.bin || !w.sorted || !w.now.of_class ||
        !w.best.of_class || !lines || !of_class || judge_all(lines, of_class, &w, err) ||
        write_lines(csv, &a, lines, err))
        goto done;
    worst->auc = isnan(lines[0].macro) ? 0 : lines[0].macro;
    snprintf(worst->name, sizeof worst->name,
             lines[0].feature->source == XR_FEATURE_COLUMN ? "column '%s'" : "the %s",
             lines[0].feature->name);
    status = 0;
done:
    free(w.score);
    free(w.column);
    free(w.positive);
    free(w.bin);
    free(w.sorted);
    free(w.share);
    free(w.now.of_class);
    free(w.best.of_class);
    free(lines);
    free(of_class);
    xr_audit_close(&a);
    return status;
}
