/*
 * DeLong's covariance and the intervals of proportions against stored values of
 * statsmodels and of the O(mn) form (../shared/golden/metrics), and against plain loops.
 */
#include "stats_delong.h"
#include "stats_proportion.h"

#include "rng.h"

#include "metrics_reference.h"

static int bounds(const struct xr_figure *f, const cJSON *want, const char *file,
                  const char *what)
{
    double low = cJSON_GetArrayItem(want, 0)->valuedouble;
    double high = cJSON_GetArrayItem(want, 1)->valuedouble;

    if (fabs(f->low - low) <= 1e-10 + 1e-7 * low &&
        fabs(f->high - high) <= 1e-10 + 1e-7 * high)
        return 1;
    printf("# %s: %s: got %.17g..%.17g, want %.17g..%.17g\n", file, what, f->low, f->high,
           low, high);
    return 0;
}

static void check_proportion(const cJSON *want, const char *file, const char *what)
{
    uint64_t part = (uint64_t)xr_json_number(want, "k", 0);
    uint64_t whole = (uint64_t)xr_json_number(want, "n", 0);
    struct xr_figure wilson, exact;

    xr_proportion(&wilson, part, whole, 0.95, XR_CI_WILSON);
    xr_proportion(&exact, part, whole, 0.95, XR_CI_CLOPPER_PEARSON);
    if (!whole)
        ok(isnan(wilson.value) && wilson.method == XR_CI_NONE && exact.reason,
           "%s: %s of no row is undefined, with a reason", file, what);
    else
        ok(bounds(&wilson, get(want, "wilson95", NULL), file, "Wilson") &
               bounds(&exact, get(want, "clopper_pearson95", NULL), file,
                      "Clopper-Pearson"),
           "%s: %s, %llu of %llu", file, what, (unsigned long long)part,
           (unsigned long long)whole);
}

static double *column(const struct xr_predictions *pred, size_t c)
{
    double *score = malloc(pred->n * sizeof *score);

    for (size_t i = 0; i < pred->n; i++)
        score[i] = pred->p[i * pred->k + c];
    return score;
}

static unsigned char *positives(const struct xr_predictions *pred, size_t c)
{
    unsigned char *positive = malloc(pred->n);

    for (size_t i = 0; i < pred->n; i++)
        positive[i] = pred->label[i] == c;
    return positive;
}

static void check_delong(const struct xr_predictions *pred, size_t c, const cJSON *want,
                         const char *file)
{
    double *score = column(pred, c), auc, variance;
    const double *const scores[1] = {score};
    unsigned char *positive = positives(pred, c);
    const cJSON *logit = get(want, "ci95_logit", NULL);
    struct xr_figure f;
    struct xr_err err = {0};
    int good;

    need(!xr_delong(&auc, &variance, scores, positive, pred->n, 1, &err), &err);
    if (cJSON_IsNull(want)) {
        xr_delong_interval(&f, auc, variance, 0.95, false);
        ok(f.method == XR_CI_NONE && (isnan(auc) || f.note),
           "%s: no DeLong of class %s, and said so", file, pred->classes[c]);
    } else {
        good = agrees(auc, get(want, "auc", NULL), file, "area") &
               agrees(variance, get(want, "variance", NULL), file, "variance");
        xr_delong_interval(&f, auc, variance, 0.95, false);
        good &= bounds(&f, get(want, "ci95_normal", NULL), file, "Wald") &
                (f.method == XR_CI_DELONG);
        xr_delong_interval(&f, auc, variance, 0.95, true);
        good &= logit ? bounds(&f, logit, file, "logit") && f.method == XR_CI_DELONG_LOGIT
                      : f.method == XR_CI_DELONG && f.note != NULL;
        ok(good, "%s: DeLong of class %s", file, pred->classes[c]);
    }
    free(score);
    free(positive);
}

static void check_file(const char *dir, const char *file)
{
    struct xr_predictions pred;
    cJSON *want = expected(dir, file);

    load_rows(&pred, dir, file);
    check_proportion(get(want, "accuracy_ci", NULL), file, "accuracy");
    for (size_t c = 0; c < pred.k; c++) {
        const cJSON *own = get(get(want, "per_class", NULL), pred.classes[c], NULL);

        check_proportion(get(own, "sensitivity_ci", NULL), file, "sensitivity");
        check_proportion(get(own, "specificity_ci", NULL), file, "specificity");
        check_delong(&pred, c, get(own, "delong", NULL), file);
    }
    xr_predictions_free(&pred);
    cJSON_Delete(want);
}

/* The covariance of two models' areas. */
static void check_pair(const char *dir, const char *file)
{
    struct xr_predictions one, two;
    char name[256];
    cJSON *want;

    snprintf(name, sizeof name, "%s_compare", file);
    want = expected(dir, name);
    snprintf(name, sizeof name, "%s_model2", file);
    load_rows(&one, dir, file);
    load_rows(&two, dir, name);
    for (size_t c = 0; c < one.k; c++) {
        const cJSON *own =
            get(get(want, "delong_paired_all", NULL), one.classes[c], NULL);
        const cJSON *rows = get(own, "covariance", NULL);
        double *a = column(&one, c), *b = column(&two, c), auc[2], cov[4];
        const double *const scores[2] = {a, b};
        unsigned char *positive = positives(&one, c);
        struct xr_err err = {0};
        int good = 1;

        need(!xr_delong(auc, cov, scores, positive, one.n, 2, &err), &err);
        good &= agrees(auc[0], get(own, "auc1", NULL), file, "first") &
                agrees(auc[1], get(own, "auc2", NULL), file, "second");
        for (int i = 0; i < 4; i++)
            good &=
                agrees(cov[i], cJSON_GetArrayItem(cJSON_GetArrayItem(rows, i / 2), i % 2),
                       file, "covariance");
        ok(good, "%s: covariance of two areas of class %s", file, one.classes[c]);
        free(a);
        free(b);
        free(positive);
    }
    xr_predictions_free(&one);
    xr_predictions_free(&two);
    cJSON_Delete(want);
}

/* Components by counting pairs, with many ties. */
static void check_plain(void)
{
    enum {
        N = 50
    };
    double score[N], v[N], auc, sum[2] = {0}, count[2] = {0};
    unsigned char positive[N];
    struct xr_rng rng;
    struct xr_err err = {0};
    int good = 1;

    xr_rng_init(&rng, 5, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        score[i] = (double)xr_rng_below(&rng, 8);
        positive[i] = xr_rng_below(&rng, 3) == 0;
    }
    need(!xr_delong_components(&auc, v, score, positive, N, &err), &err);
    for (size_t i = 0; i < N; i++) {
        double won = 0, all = 0;

        for (size_t j = 0; j < N; j++) {
            double pos = positive[i] ? score[i] : score[j];
            double neg = positive[i] ? score[j] : score[i];

            if (positive[i] == positive[j])
                continue;
            all++;
            won += pos > neg ? 1 : pos == neg ? 0.5 : 0;
        }
        good &= fabs(v[i] - won / all) < 1e-15;
        sum[positive[i]] += v[i];
        count[positive[i]]++;
    }
    ok(good, "components are the shares of pairs won");
    near(sum[0] / count[0], auc, 1e-15, "the area is the mean of the negatives'");
    near(sum[1] / count[1], auc, 1e-15, "and of the positives'");
}

/* The beta distribution against sums of binomial terms: I_p(k, n - k + 1) = P(X >= k). */
static void check_beta(void)
{
    static const int of[][2] = {{1, 1}, {1, 12}, {6, 12}, {40, 50}, {500, 1000}};
    struct xr_figure f;

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        double p = 0.37, sum = 0;
        int k = of[i][0], n = of[i][1];

        for (int j = k; j <= n; j++)
            sum += exp(lgamma(n + 1.0) - lgamma(j + 1.0) - lgamma(n - j + 1.0) +
                       j * log(p) + (n - j) * log1p(-p));
        near(xr_beta_cdf(p, k, n - k + 1), sum, 1e-12 * sum + 1e-300,
             "beta distribution");
        near(xr_beta_quantile(xr_beta_cdf(p, k, n - k + 1), k, n - k + 1), p, 1e-9,
             "its quantile inverts it");
    }
    xr_proportion(&f, 5000000, 10000000, 0.95, XR_CI_CLOPPER_PEARSON);
    ok(f.low > 0.49968 && f.low < 0.5 && f.high < 0.50032, "ten million rows");
    xr_proportion(&f, 0, 10, 0.95, XR_CI_CLOPPER_PEARSON);
    ok(f.low == 0.0 && fabs(f.high - (1 - pow(0.025, 0.1))) < 1e-12,
       "none of ten: the bound in closed form");
    xr_delong_interval(&f, 0.5, 0.0, 0.95, true);
    ok(f.constant && f.note && f.low == 0.5 && f.high == 0.5,
       "a variance of 0 is an interval without width, and said so");
}

int main(void)
{
    static const char *const files[] = {
        "a_test562", "b_small40_ties",   "c_binary300",    "d_absent_label", "d_constant",
        "d_perfect", "d_all_wrong_hard", "d_single_class", "e_all3746"};
    const char *dir = tap_shared();

    check_plain();
    check_beta();
    if (!dir) {
        tap_skip("intervals of statsmodels", "no reference data");
        return tap_done();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_file(dir, files[i]);
    check_pair(dir, "a_test562");
    check_pair(dir, "c_binary300");
    return tap_done();
}
