/*
 * Means over folds: their intervals against a plain evaluation of the same resamples, the
 * variance of areas against influence functions, the t distribution against its tables.
 */
#include "metrics_fold_means.h"

#include <string.h>

#include "rng.h"
#include "stats_folds.h"

#include "metrics_reference.h"

enum {
    N = 90,
    K = 3,
    V = 3,
    F = XR_N_METRICS + K * XR_PER_CLASS
};

static double p[N * K];
static uint32_t label[N], group[N], fold[N];

static void make_rows(void)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 21, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        double sum = 0;

        label[i] = (uint32_t)xr_rng_below(&rng, K);
        group[i] = (uint32_t)(i / 2);
        fold[i] = (uint32_t)(i / 2 % V);
        for (size_t c = 0; c < K; c++)
            sum += p[i * K + c] =
                exp(xr_rng_normal(&rng) + (c == label[i] ? 0.5 + 0.5 * fold[i] : 0));
        for (size_t c = 0; c < K; c++)
            p[i * K + c] /= sum;
    }
}

/* The plain way: figures of a fold from weights that are 0 elsewhere. Summed in the same
 * order, so that resamples that equal the value do so to the last bit. */
static void eval_plain(double *means, void *room, const void *context,
                       const uint32_t *weight)
{
    uint32_t own[N];
    double figures[F];
    struct xr_err err = {0};

    (void)room;
    for (size_t f = 0; f < F; f++)
        means[f] = 0;
    for (uint32_t v = 0; v < V; v++) {
        for (size_t i = 0; i < N; i++)
            own[i] = fold[i] == v ? weight[i] : 0;
        need(!xr_metrics_eval(figures, context, own, &err), &err);
        for (size_t f = 0; f < F; f++)
            means[f] += figures[f];
    }
    for (size_t f = 0; f < F; f++)
        means[f] /= V;
}

/* Bins of equal mass are of the rows that were opened: the same in folds and in all only
 * for other figures. */
static int same_bins(size_t f)
{
    return f != XR_METRIC_ECE_EQUAL_MASS;
}

static void check_means(int grouped, int stratified, enum xr_ci_method method)
{
    struct xr_classify set = XR_CLASSIFY_DEFAULT;
    struct xr_scored s = {.n = N,
                          .k = K,
                          .p = p,
                          .label = label,
                          .group = grouped ? group : NULL,
                          .n_groups = grouped ? N / 2 : 0,
                          .stratified = stratified};
    struct xr_bootstrap none = {.confidence = 0.9, .method = XR_CI_NONE, .jobs = 1};
    struct xr_bootstrap b = {
        .n_resamples = 300, .confidence = 0.9, .method = method, .seed = 4, .jobs = 2};
    struct xr_statistic statistic = {.n_figures = F, .eval = eval_plain};
    struct xr_units units = {.n = N, .group = s.group, .n_groups = s.n_groups};
    struct xr_figure got[F], want[F];
    struct xr_levels levels;
    struct xr_sampler *sampler;
    struct xr_metrics *m;
    struct xr_err err = {0};
    double values[F];
    uint32_t ones[N], stratum[N];
    int good = 1, bca = 0;

    for (size_t i = 0; i < N; i++) {
        ones[i] = 1;
        stratum[i] = stratified ? fold[i] * K + label[i] : fold[i];
    }
    units.stratum = stratum;
    units.n_strata = stratified ? V * K : V;
    set.resamples = 0;
    need(!xr_levels_make(&levels, &set, &s, fold, V, &none, &err), &err);
    need(!xr_fold_means(got, &levels, fold, &b, XR_CI_NONE, &err), &err);
    need(!xr_metrics_open(&m, &s, &err) && !xr_sampler_open(&sampler, &units, &err),
         &err);
    statistic.context = m;
    eval_plain(values, NULL, m, ones);
    need(!xr_sampler_intervals(want, values, sampler, &b, NULL, &statistic, NULL, &err),
         &err);
    for (size_t f = 0; f < F; f++) {
        int same = got[f].method == want[f].method &&
                   fabs(got[f].value - want[f].value) < 1e-12 &&
                   fabs(got[f].low - want[f].low) < 1e-7 &&
                   fabs(got[f].high - want[f].high) < 1e-7;

        bca += got[f].method == XR_CI_BCA;
        if (!same && same_bins(f))
            printf("# figure %zu: got %s %.9g %.9g %.9g, want %s %.9g %.9g %.9g\n", f,
                   xr_ci_method_name(got[f].method), got[f].value, got[f].low,
                   got[f].high, xr_ci_method_name(want[f].method), want[f].value,
                   want[f].low, want[f].high);
        good &= same || !same_bins(f);
    }
    ok(good && (method != XR_CI_BCA || bca > F / 2), "means over folds, %s, %s%s",
       xr_ci_method_name(method), grouped ? "groups" : "rows",
       stratified ? ", stratified" : "");
    xr_metrics_close(m);
    xr_sampler_close(sampler);
    xr_levels_free(&levels);
}

/* LeDell, Petersen and van der Laan: sum over folds of the mean squared influence. */
static double influence_variance(size_t c)
{
    double total = 0;

    for (uint32_t v = 0; v < V; v++) {
        double n[2] = {0}, area = 0, squares = 0, n_fold;

        for (size_t i = 0; i < N; i++)
            if (fold[i] == v)
                n[label[i] == c]++;
        n_fold = n[0] + n[1];
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++)
                if (fold[i] == v && fold[j] == v && label[i] == c && label[j] != c)
                    area += (p[i * K + c] > p[j * K + c]) / (n[0] * n[1]);
        for (size_t i = 0; i < N; i++) {
            int side = label[i] == c;
            double wins = 0;

            if (fold[i] != v)
                continue;
            for (size_t j = 0; j < N; j++)
                if (fold[j] == v && (label[j] == c) != side)
                    wins += (side ? p[i * K + c] > p[j * K + c]
                                  : p[j * K + c] > p[i * K + c]) /
                            n[!side];
            squares += pow((wins - area) * n_fold / n[side], 2) / n_fold;
        }
        total += squares / n_fold / (V * V);
    }
    return total;
}

static void check_areas(void)
{
    struct xr_classify set = XR_CLASSIFY_DEFAULT;
    struct xr_scored s = {.n = N, .k = K, .p = p, .label = label};
    struct xr_bootstrap b = {
        .n_resamples = 4000, .confidence = 0.95, .method = XR_CI_PERCENTILE, .jobs = 1};
    struct xr_figure drawn[F], normal[F];
    struct xr_levels levels;
    struct xr_err err = {0};
    size_t macro = XR_METRIC_ROC_AUC_MACRO;
    int good = 1;

    set.resamples = 0;
    need(!xr_levels_make(&levels, &set, &s, fold, V, &b, &err), &err);
    need(!xr_fold_means(drawn, &levels, fold, &b, XR_CI_NONE, &err), &err);
    need(!xr_fold_means(normal, &levels, fold, &b, XR_CI_DELONG, &err), &err);
    for (size_t c = 0; c < K; c++) {
        const struct xr_figure *f = &normal[xr_metric_at(c, XR_CLASS_ROC_AUC)];
        double sd = sqrt(influence_variance(c)), own = (f->value - f->low) / 1.959963985;

        /* n - 1 for n: folds have about ten rows of a class */
        good &= own > sd && own < 1.1 * sd;
        if (!(own > sd && own < 1.1 * sd))
            printf("# class %zu: %g, influence functions %g\n", c, own, sd);
    }
    ok(good, "DeLong's variance of mean areas is that of influence functions");
    ok(normal[macro].method == XR_CI_DELONG &&
           fabs((normal[macro].high - normal[macro].low) /
                    (drawn[macro].high - drawn[macro].low) -
                1) < 0.1,
       "the macro mean's interval is as wide as that of the resamples");
    printf("# %g..%g, resamples %g..%g\n", normal[macro].low, normal[macro].high,
           drawn[macro].low, drawn[macro].high);
    xr_levels_free(&levels);
}

static void check_spread(void)
{
    double values[5] = {0.8, 0.85, 0.9, 0.75, 0.7};
    struct xr_spread s;

    /* tables of the t distribution */
    near(xr_t_quantile(0.95, 1), 12.706204736432095, 1e-9, "t, 1 degree of freedom");
    near(xr_t_quantile(0.95, 4), 2.7764451051977987, 1e-10, "t, 4 degrees of freedom");
    near(xr_t_quantile(0.9, 9), 1.8331129326536335, 1e-10, "t, 9 degrees of freedom");
    near(xr_t_quantile(0.95, 1e6), 1.959966, 1e-5, "t, many degrees of freedom");
    xr_fold_spread(&s, values, 5, 0.95);
    near(s.mean, 0.8, 1e-15, "mean of folds");
    near(s.sd, sqrt(0.025 / 4), 1e-15, "deviation of folds");
    near(s.high - s.mean, 2.7764451051977987 * sqrt(0.025 / 4) * sqrt(1 / 5. + 1 / 4.),
         1e-10, "corrected t");
    xr_fold_spread(&s, values, 1, 0.95);
    ok(s.mean == 0.8 && isnan(s.sd) && isnan(s.low), "one fold: no spread");
    values[2] = NAN;
    xr_fold_spread(&s, values, 5, 0.95);
    ok(isnan(s.mean) && isnan(s.sd) && isnan(s.high), "undefined in a fold");
}

int main(void)
{
    make_rows();
    check_means(0, 0, XR_CI_PERCENTILE);
    check_means(0, 0, XR_CI_BCA);
    check_means(1, 0, XR_CI_BCA);
    check_means(0, 1, XR_CI_BCA);
    check_areas();
    check_spread();
    return tap_done();
}
