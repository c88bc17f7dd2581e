/*
 * Paired tests against stored values of SciPy, statsmodels and MLstatkit
 * (../shared/golden/metrics), and against plain forms of themselves.
 */
#include "stats_compare.h"

#include <string.h>

#include "rng.h"
#include "stats_weighted.h"

#include "metrics_reference.h"

static const cJSON *in(const cJSON *object, const char *key)
{
    return get(object, key, NULL);
}

static int within(double got, const cJSON *want, double rel, const char *what)
{
    double v = cJSON_IsNumber(want) ? want->valuedouble : NAN;
    int good = fabs(got - v) <= 1e-10 || fabs(got - v) <= rel * fabs(v);

    if (!good)
        printf("# %s: got %.17g, want %.17g\n", what, got, v);
    return good;
}

/* --- golden ----------------------------------------------------------------------- */

static struct xr_scored scored_of(const struct xr_predictions *p)
{
    return (struct xr_scored){.n = p->n, .k = p->k, .p = p->p, .label = p->label};
}

static void check_areas(const cJSON *want, const struct xr_predictions *p,
                        const struct xr_areas *x, const struct xr_areas *y, size_t c)
{
    const cJSON *w = in(in(want, "delong_paired_all"), p->classes[c]);
    const cJSON *cov = in(w, "covariance"), *ci = in(w, "ci95_diff");
    struct xr_difference d;
    int good = 1;

    xr_areas_compare(&d, x, y, c, 0.95);
    good &= within(x->area[c], in(w, "auc1"), 1e-9, "auc1");
    good &= within(y->area[c], in(w, "auc2"), 1e-9, "auc2");
    for (int i = 0; i < 4; i++)
        good &= within(xr_areas_covariance(i < 2 ? x : y, c, i % 2 ? y : x, c),
                       cJSON_GetArrayItem(cJSON_GetArrayItem(cov, i / 2), i % 2), 1e-9,
                       "covariance");
    good &= within(d.value, in(w, "diff"), 1e-9, "diff");
    good &= within(d.variance, in(w, "var_diff"), 1e-9, "var_diff");
    good &= within(d.z, in(w, "z"), 1e-9, "z");
    good &= within(d.p, in(w, "p_two_sided"), 1e-7, "p");
    good &= within(d.low, cJSON_GetArrayItem(ci, 0), 1e-7, "low");
    good &= within(d.high, cJSON_GetArrayItem(ci, 1), 1e-7, "high");
    ok(good, "paired DeLong of %s", p->classes[c]);
}

static void check_mcnemar(const cJSON *want, const struct xr_predictions *p,
                          const struct xr_predictions *q)
{
    const cJSON *table = in(want, "table_rows_model1_correct_wrong_cols_model2");
    struct xr_mcnemar t = {0};
    uint64_t *cell[] = {&t.both, &t.first, &t.second, &t.neither};
    int good = 1;

    for (int i = 0; i < 4; i++)
        *cell[i] = (uint64_t)cJSON_GetArrayItem(cJSON_GetArrayItem(table, i / 2), i % 2)
                       ->valuedouble;
    xr_mcnemar_test(&t);
    good &= within(t.exact, in(in(want, "mcnemar_exact"), "p"), 1e-7, "exact");
    good &= within(t.mid_p, in(in(want, "mcnemar_mid_p"), "p"), 1e-7, "mid-p");
    good &= within(t.chi2, in(in(want, "mcnemar_chi2"), "statistic"), 1e-9, "chi2");
    good &= within(t.chi2_p, in(in(want, "mcnemar_chi2"), "p"), 1e-7, "chi2 p");
    good &= within(t.corrected, in(in(want, "mcnemar_chi2_cc"), "statistic"), 1e-9,
                   "corrected");
    good &=
        within(t.corrected_p, in(in(want, "mcnemar_chi2_cc"), "p"), 1e-7, "corrected p");
    ok(good, "McNemar of %s and %s", p->table.name, q->table.name);
}

static void check_pair(const char *dir, const char *a, const char *b, const char *compare)
{
    struct xr_predictions p, q;
    struct xr_scored s, t;
    struct xr_areas x, y;
    struct xr_err err = {0};
    cJSON *want;

    load_rows(&p, dir, a);
    load_rows(&q, dir, b);
    want = expected(dir, compare);
    s = scored_of(&p);
    t = scored_of(&q);
    need(!xr_areas_make(&x, &s, &err) && !xr_areas_make(&y, &t, &err), &err);
    for (size_t c = 0; c < p.k; c++)
        check_areas(want, &p, &x, &y, c);
    check_mcnemar(want, &p, &q);
    xr_areas_free(&x);
    xr_areas_free(&y);
    cJSON_Delete(want);
    xr_predictions_free(&p);
    xr_predictions_free(&q);
}

/* --- plain forms ------------------------------------------------------------------ */

enum {
    N = 80,
    K = 3,
    F = XR_N_METRICS + K * XR_PER_CLASS
};

struct rows {
    double p[N * K], q[N * K];
    uint32_t label[N], group[N];
};

/* Two models whose scores are multiples of 1/8, so that there are many ties. */
static void make_rows(struct rows *r)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 11, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        r->label[i] = (uint32_t)xr_rng_below(&rng, K);
        r->group[i] = (uint32_t)xr_rng_below(&rng, 25);
        for (int model = 0; model < 2; model++) {
            double *p = model ? r->q : r->p;
            unsigned a = (unsigned)xr_rng_below(&rng, 9);
            unsigned b = (unsigned)xr_rng_below(&rng, 9 - a);

            p[i * K] = a / 8.0;
            p[i * K + 1] = b / 8.0;
            p[i * K + 2] = (8 - a - b) / 8.0;
        }
    }
}

/* psi of DeLong et al. */
static double wins(double x, double y)
{
    return x > y ? 1.0 : x == y ? 0.5 : 0.0;
}

/* Covariance of the areas of class c, from all pairs of rows. */
static double plain_covariance(const struct rows *r, const double *p, const double *q,
                               size_t c)
{
    double v[2][N] = {{0}}, mean[2][2] = {{0}}, count[2] = {0}, sum[2] = {0};
    const double *of[2] = {p, q};

    for (size_t i = 0; i < N; i++)
        count[r->label[i] == c]++;
    for (int model = 0; model < 2; model++)
        for (size_t i = 0; i < N; i++) {
            int side = r->label[i] == c;

            for (size_t j = 0; j < N; j++)
                if ((r->label[j] == c) != side)
                    v[model][i] += side
                                       ? wins(of[model][i * K + c], of[model][j * K + c])
                                       : wins(of[model][j * K + c], of[model][i * K + c]);
            v[model][i] /= count[!side];
            mean[model][side] += v[model][i] / count[side];
        }
    for (size_t i = 0; i < N; i++) {
        int side = r->label[i] == c;

        sum[side] += (v[0][i] - mean[0][side]) * (v[1][i] - mean[1][side]);
    }
    return sum[0] / (count[0] - 1) / count[0] + sum[1] / (count[1] - 1) / count[1];
}

static void check_plain(const struct rows *r)
{
    struct xr_scored s = {.n = N, .k = K, .p = r->p, .label = r->label}, t = s;
    struct xr_areas x, y;
    struct xr_metrics *m;
    struct xr_err err = {0};
    double values[F];
    int good = 1;

    t.p = r->q;
    need(!xr_areas_make(&x, &s, &err) && !xr_areas_make(&y, &t, &err), &err);
    need(!xr_metrics_open(&m, &s, &err) && !xr_metrics_eval(values, m, NULL, &err), &err);
    for (size_t c = 0; c < K; c++) {
        good &= fabs(xr_areas_covariance(&x, c, &y, c) -
                     plain_covariance(r, r->p, r->q, c)) < 1e-15;
        good &= fabs(xr_areas_covariance(&x, c, &x, c) -
                     plain_covariance(r, r->p, r->p, c)) < 1e-15;
        good &= fabs(x.area[c] - values[xr_metric_at(c, XR_CLASS_ROC_AUC)]) < 1e-14;
    }
    good &= fabs(x.area[K] - values[XR_METRIC_ROC_AUC_MACRO]) < 1e-14;
    ok(good, "covariances are those of all pairs of rows");
    xr_metrics_close(m);
    xr_areas_free(&x);
    xr_areas_free(&y);
}

/* The variance of the macro average from leaving out one unit after the other: another
 * estimate of the same, which agrees but for terms of higher order. */
static void check_macro(const struct rows *r, const uint32_t *group, size_t units,
                        double tolerance)
{
    struct xr_scored s = {
        .n = N, .k = K, .p = r->p, .label = r->label, .group = group, .n_groups = units};
    struct xr_areas x;
    struct xr_metrics *m;
    struct xr_err err = {0};
    double *jack = malloc(F * units * sizeof *jack), mean = 0, sum = 0, got;

    need(!xr_areas_make(&x, &s, &err) && !xr_metrics_open(&m, &s, &err) &&
             !xr_metrics_jackknife(jack, m, &err),
         &err);
    for (size_t u = 0; u < units; u++)
        mean += jack[XR_METRIC_ROC_AUC_MACRO * units + u] / (double)units;
    for (size_t u = 0; u < units; u++)
        sum += pow(jack[XR_METRIC_ROC_AUC_MACRO * units + u] - mean, 2);
    sum *= (double)(units - 1) / (double)units;
    got = xr_areas_covariance(&x, K, &x, K);
    ok(fabs(got / sum - 1) < tolerance,
       "variance of the macro area of %s: the jackknife's", group ? "groups" : "rows");
    printf("# %g, jackknife %g\n", got, sum);
    free(jack);
    xr_metrics_close(m);
    xr_areas_free(&x);
}

/* Every row twice in a group of its own says no more than every row once. */
static void check_doubled(const struct rows *r)
{
    double p[2 * N * K], q[2 * N * K];
    uint32_t label[2 * N], group[2 * N];
    struct xr_scored once = {.n = N, .k = K, .p = r->p, .label = r->label}, once2 = once;
    struct xr_scored twice = {
        .n = 2 * N, .k = K, .p = p, .label = label, .group = group, .n_groups = N};
    struct xr_scored twice2 = twice;
    struct xr_areas x, y, xx, yy;
    struct xr_err err = {0};
    int good = 1, wrong = 0;

    for (size_t i = 0; i < 2 * N; i++) {
        memcpy(p + i * K, r->p + i / 2 * K, K * sizeof *p);
        memcpy(q + i * K, r->q + i / 2 * K, K * sizeof *q);
        label[i] = r->label[i / 2];
        group[i] = (uint32_t)i / 2;
    }
    once2.p = r->q;
    twice2.p = q;
    need(!xr_areas_make(&x, &once, &err) && !xr_areas_make(&y, &once2, &err) &&
             !xr_areas_make(&xx, &twice, &err) && !xr_areas_make(&yy, &twice2, &err),
         &err);
    for (size_t c = 0; c <= K; c++) {
        struct xr_difference a, b;

        xr_areas_compare(&a, &x, &y, c, 0.9);
        xr_areas_compare(&b, &xx, &yy, c, 0.9);
        good &= fabs(a.variance - b.variance) < 1e-15 && fabs(a.p - b.p) < 1e-12;
    }
    ok(good, "rows doubled within groups change nothing");
    xr_areas_free(&xx);
    twice.group = NULL;
    need(!xr_areas_make(&xx, &twice, &err), &err);
    for (size_t c = 0; c <= K; c++)
        wrong |=
            xr_areas_covariance(&xx, c, &xx, c) < 0.6 * xr_areas_covariance(&x, c, &x, c);
    ok(wrong, "without groups they would seem to");
    xr_areas_free(&x);
    xr_areas_free(&y);
    xr_areas_free(&xx);
    xr_areas_free(&yy);
}

static void check_degenerate(void)
{
    double p[3 * 2] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, q[3 * 2] = {1, 0, 0, 1, 0, 1};
    uint32_t label[3] = {0, 1, 1}, one[3] = {0, 0, 0};
    struct xr_scored s = {.n = 3, .k = 2, .p = p, .label = label};
    struct xr_areas x, y;
    struct xr_difference d;
    struct xr_err err = {0};

    need(!xr_areas_make(&x, &s, &err), &err);
    s.p = q;
    need(!xr_areas_make(&y, &s, &err), &err);
    xr_areas_compare(&d, &x, &y, 1, 0.95);
    ok(d.value == -0.5 && isnan(d.variance) && isnan(d.p) && isnan(d.low),
       "one row of a class: a difference without variance");
    xr_areas_free(&x);
    xr_areas_free(&y);
    s.label = one;
    need(!xr_areas_make(&x, &s, &err), &err);
    ok(isnan(x.area[0]) && isnan(x.area[1]) && isnan(x.area[2]),
       "one class only: no area");
    xr_areas_free(&x);
    s.n = 0;
    ok(xr_areas_make(&x, &s, &err) == -1, "no row is refused");
}

static void check_constant(void)
{
    double p[4 * 2] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    uint32_t label[4] = {0, 1, 1, 0};
    struct xr_scored s = {.n = 4, .k = 2, .p = p, .label = label};
    struct xr_areas x;
    struct xr_difference d;
    struct xr_err err = {0};

    need(!xr_areas_make(&x, &s, &err), &err);
    xr_areas_compare(&d, &x, &x, 2, 0.95);
    ok(d.value == 0 && d.variance == 0 && d.p == 1 && isnan(d.z) && d.low == 0,
       "constant scores: no difference, p = 1");
    xr_areas_free(&x);
}

static void check_counts(void)
{
    struct xr_mcnemar none = {.both = 5}, equal = {.first = 3, .second = 3};
    struct xr_mcnemar large = {.first = 500400, .second = 499600}, ten = {.first = 10};
    struct xr_mcnemar many = {.first = 1040, .second = 960};

    xr_mcnemar_test(&none);
    ok(none.exact == 1 && none.mid_p == 1 && isnan(none.chi2) && isnan(none.chi2_p),
       "no row that differs: p = 1");
    xr_mcnemar_test(&equal);
    ok(equal.exact == 1 && equal.corrected == 0 && equal.corrected_p == 1,
       "equal counts: p = 1");
    near(equal.mid_p, 1 - 20.0 / 64, 1e-15, "mid-p of 3 and 3");
    xr_mcnemar_test(&ten);
    near(ten.exact, 2.0 / 1024, 1e-15, "exact p of 10 and 0");
    near(ten.mid_p, 1.0 / 1024, 1e-15, "mid-p of 10 and 0");
    xr_mcnemar_test(&large);
    /* 1 - the 799 terms in the middle, from Stirling's series of the largest */
    near(large.exact, 0.42429042595146094, 4e-8, "exact p of a million");
    xr_mcnemar_test(&many);
    /* sum of C(2000, j), j <= 960, in whole numbers */
    near(many.exact, 0.07728689056266842, 1e-12, "exact p of two thousand");
}

static void check_holm(void)
{
    /* R: p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.9), "holm") */
    double p[6] = {0.01, 0.04, NAN, 0.03, 0.005, 0.9}, got[6];
    double want[6] = {0.04, 0.09, NAN, 0.09, 0.025, 0.9};
    struct xr_err err = {0};
    int good = 1;

    need(!xr_holm(got, p, 6, &err), &err);
    for (int i = 0; i < 6; i++)
        good &= i == 2 ? isnan(got[i]) : fabs(got[i] - want[i]) < 1e-15;
    ok(good, "Holm's adjustment, one p undefined");
}

/* --- resamples -------------------------------------------------------------------- */

static int eval(double *figures, const uint32_t *weight, const void *of,
                struct xr_err *err)
{
    return xr_metrics_eval(figures, of, weight, err);
}

/* The interval of every figure from these resamples is that of xr_metrics_bootstrap. */
static void check_resamples(const struct rows *r)
{
    for (int grouped = 0; grouped < 2; grouped++) {
        struct xr_scored s = {.n = N, .k = K, .p = r->p, .label = r->label};
        struct xr_resampling from = {.n = N};
        struct xr_bootstrap b = XR_BOOTSTRAP_DEFAULT;
        struct xr_figure figures[F], own;
        struct xr_metrics *m;
        struct xr_err err = {0};
        double *theta = malloc(F * 300 * sizeof *theta);
        int good = 1;

        b.n_resamples = 300;
        b.method = XR_CI_PERCENTILE;
        b.seed = 5;
        if (grouped) {
            s.group = from.group = r->group;
            s.n_groups = from.n_groups = 25;
        }
        need(!xr_metrics_open(&m, &s, &err) &&
                 !xr_metrics_bootstrap(figures, m, &b, &err),
             &err);
        for (b.jobs = 1; b.jobs < 4; b.jobs += 2) {
            need(!xr_resample(theta, F, &from, &b, eval, m, &err), &err);
            for (size_t f = 0; f < F; f++) {
                xr_bootstrap_interval(&own, figures[f].value, theta + f * 300, 300, NULL,
                                      0, b.confidence, b.method);
                good &= own.low == figures[f].low && own.high == figures[f].high;
            }
        }
        ok(good, "the same resamples as the figures' (%s)", grouped ? "groups" : "rows");
        free(theta);
        xr_metrics_close(m);
    }
}

static int fails(double *figures, const uint32_t *weight, const void *of,
                 struct xr_err *err)
{
    (void)weight;
    (void)of;
    figures[0] = 0;
    return xr_fail(err, "no figure of these rows");
}

static void check_failure(void)
{
    struct xr_resampling from = {.n = 3};
    struct xr_bootstrap b = {.n_resamples = 7, .confidence = 0.9, .jobs = 2};
    struct xr_err err = {0};
    double theta[7];

    ok(xr_resample(theta, 1, &from, &b, fails, NULL, &err) == -1 &&
           !strcmp(err.text, "no figure of these rows"),
       "a figure that fails fails the resamples");
}

/* p is below a level exactly where the interval of that level leaves out zero. */
static void check_p(void)
{
    enum {
        B = 4000,
        J = 30
    };
    double *theta = malloc(B * sizeof *theta), jack[J];
    struct xr_rng rng;
    int good = 1, skewed = 0;

    xr_rng_init(&rng, 2, 0, "", "test");
    for (int j = 0; j < J; j++) {
        double e = -log(1 - xr_rng_uniform(&rng));

        jack[j] = 1 - 0.02 * e;
    }
    for (int bca = 0; bca < 2; bca++)
        for (int shift = 0; shift < 12; shift++) {
            enum xr_ci_method method = bca ? XR_CI_BCA : XR_CI_PERCENTILE;
            struct xr_figure f;
            double p, value = 0.25 * shift, half[2];

            for (int i = 0; i < B; i++)
                theta[i] = value + 0.1 - log(1 - xr_rng_uniform(&rng)) * 0.8 +
                           0.2 * xr_rng_normal(&rng) - 0.8;
            xr_bootstrap_interval(&f, value, theta, B, jack, J, 0.95, method);
            p = xr_bootstrap_p(&f, theta);
            skewed |= bca && f.method == XR_CI_BCA && fabs(f.acceleration) > 0.01;
            for (int i = 0; i < 2; i++) {
                double level = p * (i ? 1.05 : 0.95) - (i ? -3.0 : 3.0) / B;

                half[i] = NAN;
                if (level <= 0.001 || level >= 0.99)
                    continue;
                xr_bootstrap_interval(&f, value, theta, B, jack, J, 1 - level, method);
                half[i] = f.low <= 0 && 0 <= f.high;
            }
            good &= !(half[0] == 0) && !(half[1] == 1); /* narrower: zero is outside */
        }
    ok(good && skewed, "p and the interval agree on zero");
    for (int i = 0; i < B; i++)
        theta[i] = 1 + i;
    {
        struct xr_figure f;

        xr_bootstrap_interval(&f, 2000, theta, B, NULL, 0, 0.95, XR_CI_PERCENTILE);
        near(xr_bootstrap_p(&f, theta), 1.0 / (B + 1), 1e-12,
             "the least p of B resamples");
        f.method = XR_CI_NONE;
        ok(isnan(xr_bootstrap_p(&f, theta)), "no interval, no p");
    }
    free(theta);
}

int main(void)
{
    const char *dir = tap_shared();
    struct rows rows;

    make_rows(&rows);
    check_plain(&rows);
    check_macro(&rows, NULL, N, 0.05);
    check_macro(&rows, rows.group, 25, 0.1);
    check_doubled(&rows);
    check_degenerate();
    check_constant();
    check_counts();
    check_holm();
    check_resamples(&rows);
    check_failure();
    check_p();
    if (dir) {
        check_pair(dir, "a_test562", "a_test562_model2", "a_test562_compare");
        check_pair(dir, "c_binary300", "c_binary300_model2", "c_binary300_compare");
    } else {
        tap_skip("paired tests of reference data", "no shared reference data");
    }
    return tap_done();
}
