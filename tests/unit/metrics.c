/*
 * The classifier's figures, intervals and curves against stored values of scikit-learn
 * and SciPy
 * (../shared/golden/metrics), and the fast forms against plain ones.
 */
#include <string.h>

#include "array.h"
#include "rng.h"

#include "metrics_reference.h"

static const char *const class_keys[XR_PER_CLASS] = {
    "precision",         "recall", "specificity", "f1", "roc_auc_ovr",
    "average_precision", "npv",    "brier_ovr"};

static void check_curve(const cJSON *want, const double *x, const double *y, size_t n,
                        const char *xs, const char *ys, const char *file,
                        const char *what)
{
    const cJSON *wx = get(want, xs, NULL), *wy = get(want, ys, NULL);
    int good = cJSON_GetArraySize(wx) == (int)n && cJSON_GetArraySize(wy) == (int)n;

    for (size_t i = 0; good && i < n; i++)
        good = agrees(x[i], cJSON_GetArrayItem(wx, (int)i), file, what) &&
               agrees(y[i], cJSON_GetArrayItem(wy, (int)i), file, what);
    ok(good, "%s: %s, %zu points", file, what, n);
}

static void check_curves(const cJSON *want, const struct xr_predictions *pred,
                         const char *file)
{
    size_t c = pred->k - 1, n = pred->n;
    double *score = malloc(n * sizeof *score), *x = malloc((n + 1) * sizeof *x);
    double *y = malloc((n + 1) * sizeof *y);
    unsigned char *positive = malloc(n);
    struct xr_curve curve;
    struct xr_err err = {0};

    for (size_t i = 0; i < n; i++) {
        score[i] = pred->p[i * pred->k + c];
        positive[i] = pred->label[i] == c;
    }
    for (int drop = 0; drop < 2; drop++) {
        const cJSON *w =
            get(want, drop ? "drop_intermediate_true" : "drop_intermediate_false", NULL);

        for (int pr = 0; pr < 2; pr++) {
            double pos, neg;
            size_t m = 0;

            need(!xr_curve_make(&curve, score, positive, n, &err), &err);
            pos = (double)curve.tp[curve.n - 1];
            neg = (double)curve.fp[curve.n - 1];
            if (drop && pr)
                xr_curve_drop_pr(&curve);
            else if (drop)
                xr_curve_drop_roc(&curve);
            if (!pr) {
                x[m] = y[m] = 0;
                m++;
            }
            for (size_t j = 0; j < curve.n; j++, m++) {
                size_t i = pr ? curve.n - 1 - j : j;
                double tp = (double)curve.tp[i], fp = (double)curve.fp[i];

                x[m] = pr ? tp / (tp + fp) : fp / neg;
                y[m] = tp / pos;
            }
            if (pr) {
                x[m] = 1;
                y[m++] = 0;
            }
            check_curve(get(w, pr ? "pr" : "roc", NULL), x, y, m,
                        pr ? "precision" : "fpr", pr ? "recall" : "tpr", file,
                        pr ? (drop ? "precision-recall, dropped" : "precision-recall")
                           : (drop ? "ROC, dropped" : "ROC"));
            xr_curve_free(&curve);
        }
    }
    free(score);
    free(x);
    free(y);
    free(positive);
}

/* The bounds are near the mean of the reference's runs. */
static void check_spread(const struct xr_figure *f, const cJSON *want, const char *method,
                         double n, int proportion, const char *file, const char *what)
{
    const cJSON *s = get(get(want, "spread", NULL), method, NULL);
    double least = fmax(proportion ? 1.0 / n : 0.0, 5e-4);
    double lo = fmax(4 * xr_json_number(s, "low_sd", 0), least);
    double hi = fmax(4 * xr_json_number(s, "high_sd", 0), least);
    double low = xr_json_number(s, "low_mean", NAN),
           high = xr_json_number(s, "high_mean", NAN);
    /* a proportion may be exactly one step off */
    int good = fabs(f->low - low) <= lo + 1e-12 && fabs(f->high - high) <= hi + 1e-12;

    ok(good && !strcmp(xr_ci_method_name(f->method), method), "%s: %s, %s interval", file,
       what, method);
    if (!good)
        printf("# got %s %.6f..%.6f, want %.6f..%.6f within %g, %g\n",
               xr_ci_method_name(f->method), f->low, f->high, low, high, lo, hi);
}

static void check_bootstrap(const cJSON *want, const struct xr_metrics *m,
                            const struct xr_predictions *pred, const char *file)
{
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_figure *bca, *percentile;
    size_t n_figures = xr_n_metrics(pred->k);
    struct xr_err err = {0};
    char key[256];

    bca = calloc(n_figures, sizeof *bca);
    percentile = calloc(n_figures, sizeof *percentile);
    need(!xr_metrics_bootstrap(bca, m, &bootstrap, &err), &err);
    bootstrap.method = XR_CI_PERCENTILE;
    bootstrap.jobs = 2;
    need(!xr_metrics_bootstrap(percentile, m, &bootstrap, &err), &err);
    snprintf(key, sizeof key, "sensitivity_%s", pred->classes[pred->k - 1]);
    for (int i = 0; i < 3; i++) {
        size_t at = i == 0   ? XR_METRIC_ACCURACY
                    : i == 1 ? XR_METRIC_ROC_AUC_MACRO
                             : xr_metric_at(pred->k - 1, XR_CLASS_RECALL);
        const char *name = i == 0   ? "accuracy"
                           : i == 1 ? pred->k > 2 ? "macro_auc" : "auc"
                                    : key;
        const cJSON *w = get(want, name, NULL);
        size_t n_units = pred->n;
        double *jack = malloc(n_figures * n_units * sizeof *jack);

        ok(agrees(bca[at].value, get(w, "point", NULL), file, name), "%s: %s", file,
           name);
        need(!xr_metrics_jackknife(jack, m, &err), &err);
        ok(agrees(xr_bca_acceleration(jack + at * n_units, n_units),
                  get(w, "bca_a", NULL), file, name),
           "%s: %s, acceleration", file, name);
        free(jack);
        if (get(get(w, "spread", NULL), "bca", NULL)) {
            /* 1/n of a proportion: the rows it is of */
            double n = i < 2 ? (double)pred->n : 0;

            for (size_t r = 0; i == 2 && r < pred->n; r++)
                n += pred->label[r] == pred->k - 1;
            check_spread(&bca[at], w, "bca", n, i != 1, file, name);
            check_spread(&percentile[at], w, "percentile", n, i != 1, file, name);
        } else {
            check_spread(&bca[at], w, "percentile_of_defined", (double)pred->n, i != 1,
                         file, name);
        }
    }
    free(bca);
    free(percentile);
}

/* The reliability table. */
static void check_bins(const cJSON *want, const struct xr_metrics *m, const char *file)
{
    uint64_t n[15], right[15];
    double confidence[15];
    struct xr_err err = {0};
    int good = xr_metrics_n_bins(m) == 15 && cJSON_GetArraySize(want) == 15;

    need(!xr_metrics_bins(n, right, confidence, m, &err), &err);
    for (int b = 0; good && b < 15; b++) {
        const cJSON *bin = cJSON_GetArrayItem(want, b);
        double count = (double)n[b], none = n[b] ? 0.0 : NAN;

        good &= agrees(count, get(bin, "n", NULL), file, "n") &
                agrees((double)right[b] / count + none, get(bin, "accuracy", NULL), file,
                       "accuracy") &
                agrees(confidence[b] / count + none, get(bin, "confidence", NULL), file,
                       "confidence");
    }
    ok(good, "%s: reliability table", file);
}

static void check_file(const char *dir, const char *file)
{
    static const struct {
        const char *a, *b;
        size_t at;
    } whole[] = {
        {"accuracy", NULL, XR_METRIC_ACCURACY},
        {"balanced_accuracy", NULL, XR_METRIC_BALANCED_ACCURACY},
        {"roc_auc", "sklearn_ovr_macro", XR_METRIC_ROC_AUC_MACRO},
        {"roc_auc", "sklearn_ovr_weighted", XR_METRIC_ROC_AUC_WEIGHTED},
        {"average_precision", "macro", XR_METRIC_AVERAGE_PRECISION},
        {"macro", "precision", XR_METRIC_PRECISION_MACRO},
        {"macro", "recall", XR_METRIC_RECALL_MACRO},
        {"macro", "f1", XR_METRIC_F1_MACRO},
        {"weighted", "precision", XR_METRIC_PRECISION_WEIGHTED},
        {"weighted", "recall", XR_METRIC_RECALL_WEIGHTED},
        {"weighted", "f1", XR_METRIC_F1_WEIGHTED},
        {"cohen_kappa", "none", XR_METRIC_KAPPA},
        {"cohen_kappa", "linear", XR_METRIC_KAPPA_LINEAR},
        {"cohen_kappa", "quadratic", XR_METRIC_KAPPA_QUADRATIC},
        {"mcc", NULL, XR_METRIC_MATTHEWS},
        {"log_loss", NULL, XR_METRIC_LOG_LOSS},
        {"top2_accuracy", NULL, XR_METRIC_TOP_K},
        {"roc_auc", "sklearn_ovo_macro", XR_METRIC_ROC_AUC_OVO_MACRO},
        {"roc_auc", "sklearn_ovo_weighted", XR_METRIC_ROC_AUC_OVO_WEIGHTED},
        {"roc_auc", "macro_over_defined_classes", XR_METRIC_ROC_AUC_MACRO_DEFINED},
        {"average_precision", "micro", XR_METRIC_AVERAGE_PRECISION_MICRO},
        {"average_precision", "macro_over_defined_classes",
         XR_METRIC_AVERAGE_PRECISION_DEFINED},
        {"calibration", "ece", XR_METRIC_ECE},
        {"calibration", "mce", XR_METRIC_MCE},
    };
    struct xr_predictions pred;
    struct xr_metrics *m;
    struct xr_err err = {0};
    cJSON *want = expected(dir, file);
    const cJSON *cm = get(want, "confusion_matrix_rows_true", NULL), *boot, *curves;
    double *figures;
    uint64_t *confusion;
    char key[256];
    int good = 1;

    load(&pred, &m, dir, file);
    figures = calloc(xr_n_metrics(pred.k), sizeof *figures);
    confusion = calloc(pred.k * pred.k, sizeof *confusion);
    xr_metrics_confusion(confusion, m);
    for (size_t i = 0; i < pred.k * pred.k; i++) {
        const cJSON *row = cJSON_GetArrayItem(cm, (int)(i / pred.k));
        const cJSON *cell = cJSON_GetArrayItem(row, (int)(i % pred.k));

        good = good && cell && (double)confusion[i] == cell->valuedouble;
    }
    ok(good, "%s: confusion matrix", file);
    need(!xr_metrics_eval(figures, m, NULL, &err), &err);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        ok(agrees(figures[whole[i].at], get(want, whole[i].a, whole[i].b), file,
                  whole[i].a),
           "%s: %s %s", file, whole[i].a, whole[i].b ? whole[i].b : "");
    for (size_t c = 0; c < pred.k; c++) {
        const cJSON *own = get(get(want, "per_class", NULL), pred.classes[c], NULL);

        good = 1;
        for (int i = 0; i < XR_CLASS_ECE; i++)
            good &= agrees(figures[xr_metric_at(c, i)], get(own, class_keys[i], NULL),
                           file, class_keys[i]);
        own = get(get(want, "calibration", NULL), "classwise_ece", NULL);
        good &= agrees(figures[xr_metric_at(c, XR_CLASS_ECE)],
                       get(own, pred.classes[c], NULL), file, "classwise_ece");
        ok(good, "%s: figures of class %s", file, pred.classes[c]);
    }
    ok(agrees(figures[XR_METRIC_BRIER],
              get(want, "brier", pred.k == 2 ? "half" : "sum_over_classes"), file,
              "brier"),
       "%s: brier", file);
    if (pred.k > 2)
        ok(agrees(figures[XR_METRIC_ROC_AUC_MICRO], get(want, "roc_auc", "ovr_micro"),
                  file, "micro"),
           "%s: roc_auc ovr_micro", file);
    check_bins(get(get(want, "calibration", NULL), "bins", NULL), m, file);
    near(figures[XR_METRIC_BRIER_RELIABILITY] - figures[XR_METRIC_BRIER_RESOLUTION] +
             figures[XR_METRIC_BRIER_UNCERTAINTY] + figures[XR_METRIC_BRIER_WITHIN],
         figures[XR_METRIC_BRIER], 1e-14, "the parts of the Brier score add up");
    boot = get(want, "bootstrap", NULL);
    if (boot)
        check_bootstrap(boot, m, &pred, file);
    snprintf(key, sizeof key, "curves_%s", pred.classes[pred.k - 1]);
    curves = get(want, key, NULL);
    if (curves)
        check_curves(curves, &pred, file);
    free(figures);
    free(confusion);
    xr_metrics_close(m);
    xr_predictions_free(&pred);
    cJSON_Delete(want);
}

/* The bootstrap without its random generator. */
static void check_fixed(const char *dir)
{
    struct xr_predictions pred;
    struct xr_metrics *m;
    struct xr_array index = {0};
    struct xr_buf buf = {0};
    struct xr_err err = {0};
    struct xr_figure f[3][XR_N_METRICS + 3 * XR_PER_CLASS];
    cJSON *want = expected(dir, "a_resample_fixed");
    static const char *const names[] = {"accuracy", "macro_auc", "sensitivity_malignant"};
    uint32_t *draws;
    size_t n;
    char path[4400];

    load(&pred, &m, dir, "a_test562");
    snprintf(path, sizeof path, "%s/golden/metrics/a_resample_indices.npy", dir);
    need(!xr_read_file(&buf, path, 1 << 24, NULL, &err), &err);
    need(!xr_npy_parse(&index, buf.data, buf.size, &err), &err);
    n = xr_array_count(&index);
    draws = malloc(n * sizeof *draws);
    for (size_t i = 0; i < n; i++)
        draws[i] = ((const uint16_t *)index.data)[i];
    for (int method = 0; method < 3; method++) {
        static const enum xr_ci_method methods[] = {XR_CI_BCA, XR_CI_PERCENTILE,
                                                    XR_CI_BASIC};
        struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;

        bootstrap.n_resamples = (int64_t)index.shape[0];
        bootstrap.method = methods[method];
        need(!xr_metrics_bootstrap_with(f[method], m, &bootstrap, draws, &err), &err);
    }
    for (int i = 0; i < 3; i++) {
        size_t at = i == 0   ? XR_METRIC_ACCURACY
                    : i == 1 ? XR_METRIC_ROC_AUC_MACRO
                             : xr_metric_at(2, XR_CLASS_RECALL);
        const cJSON *w = get(want, names[i], NULL), *bca = get(w, "bca95", NULL);
        const cJSON *ci = get(bca, "ci", NULL), *pc = get(w, "percentile95", NULL);
        const cJSON *first = get(w, "first_5_values", NULL);
        uint32_t weight[562];
        double values[XR_N_METRICS + 3 * XR_PER_CLASS];
        int good = 1;

        ok(agrees(f[0][at].z0, get(bca, "z0", NULL), "fixed", "z0"), "fixed: %s z0",
           names[i]);
        ok(agrees(f[0][at].acceleration, get(bca, "a", NULL), "fixed", "a"),
           "fixed: %s a", names[i]);
        ok(agrees(f[0][at].low, cJSON_GetArrayItem(ci, 0), "fixed", "low") &&
               agrees(f[0][at].high, cJSON_GetArrayItem(ci, 1), "fixed", "high"),
           "fixed: %s BCa", names[i]);
        ok(agrees(f[1][at].low, cJSON_GetArrayItem(pc, 0), "fixed", "low") &&
               agrees(f[1][at].high, cJSON_GetArrayItem(pc, 1), "fixed", "high"),
           "fixed: %s percentile", names[i]);
        pc = get(w, "basic95", NULL);
        ok(agrees(f[2][at].low, cJSON_GetArrayItem(pc, 0), "fixed", "low") &&
               agrees(f[2][at].high, cJSON_GetArrayItem(pc, 1), "fixed", "high") &&
               f[2][at].method == XR_CI_BASIC,
           "fixed: %s basic", names[i]);
        for (size_t b = 0; b < 5; b++) {
            memset(weight, 0, sizeof weight);
            for (size_t r = 0; r < 562; r++)
                weight[draws[b * 562 + r]]++;
            need(!xr_metrics_eval(values, m, weight, &err), &err);
            good &=
                agrees(values[at], cJSON_GetArrayItem(first, (int)b), "fixed", names[i]);
        }
        ok(good, "fixed: %s of the first resamples", names[i]);
    }
    free(draws);
    xr_array_free(&index);
    xr_buf_free(&buf);
    xr_metrics_close(m);
    xr_predictions_free(&pred);
    cJSON_Delete(want);
}

/* --- without reference data ------------------------------------------------------- */

enum {
    N = 60,
    K = 3,
    F = XR_N_METRICS + K * XR_PER_CLASS
};

/* Made-up rows whose scores are multiples of 1/8, so that there are many ties. */
static void make_rows(double *p, uint32_t *label, uint32_t *group)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 7, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        unsigned a = (unsigned)xr_rng_below(&rng, 9),
                 b = (unsigned)xr_rng_below(&rng, 9 - a);

        label[i] = (uint32_t)xr_rng_below(&rng, K);
        group[i] = (uint32_t)xr_rng_below(&rng, 20);
        p[i * K] = a / 8.0;
        p[i * K + 1] = b / 8.0;
        p[i * K + 2] = (8 - a - b) / 8.0;
    }
}

static int same(double a, double b, double tolerance)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance;
}

static void check_jackknife(void)
{
    double p[N * K], values[F], *jack = malloc(F * N * sizeof *jack);
    uint32_t label[N], group[N], own[N], weight[N];
    struct xr_err err = {0};
    double worst = 0;

    make_rows(p, label, group);
    for (size_t i = 0; i < N; i++)
        own[i] = (uint32_t)i;
    for (int mode = 0; mode < 3; mode++) {
        const uint32_t *groups = mode == 0 ? NULL : mode == 1 ? own : group;
        struct xr_scored scored = {.n = N,
                                   .k = K,
                                   .p = p,
                                   .label = label,
                                   .group = groups,
                                   .n_groups = mode < 2 ? N : 20};
        size_t units = mode < 2 ? N : 20;
        struct xr_metrics *m;
        int good = 1;

        need(!xr_metrics_open(&m, &scored, &err), &err);
        need(!xr_metrics_jackknife(jack, m, &err), &err);
        for (size_t u = 0; u < units; u++) {
            for (size_t i = 0; i < N; i++)
                weight[i] = mode < 2 ? i != u : group[i] != u;
            need(!xr_metrics_eval(values, m, weight, &err), &err);
            for (size_t f = 0; f < F; f++) {
                good &= same(jack[f * units + u], values[f], 1e-14);
                worst = fmax(worst, fabs(jack[f * units + u] - values[f]));
            }
        }
        ok(good, "jackknife is what leaving out gives (%s)",
           mode == 0   ? "rows"
           : mode == 1 ? "groups of one"
                       : "groups");
        xr_metrics_close(m);
    }
    free(jack);
}

/* Area and average precision by counting pairs, from drawn rows written out. */
static void check_plain(void)
{
    double p[N * K], values[F];
    uint32_t label[N], group[N], weight[N] = {0};
    struct xr_scored scored = {.n = N, .k = K, .p = p, .label = label};
    struct xr_metrics *m;
    struct xr_err err = {0};
    struct xr_rng rng;
    size_t rows[N];
    int good = 1, curve_good = 1;

    make_rows(p, label, group);
    xr_rng_init(&rng, 1, 0, "", "test");
    for (size_t i = 0; i < N; i++)
        weight[rows[i] = (size_t)xr_rng_below(&rng, N)]++;
    need(!xr_metrics_open(&m, &scored, &err), &err);
    need(!xr_metrics_eval(values, m, weight, &err), &err);
    for (size_t c = 0; c < K; c++) {
        double wins = 0, pos = 0, neg = 0, ap = 0, score[N];
        unsigned char positive[N];
        struct xr_curve curve;

        for (size_t i = 0; i < N; i++) {
            double above = 0, right = 0;

            score[i] = p[rows[i] * K + c];
            positive[i] = label[rows[i]] == c;
            pos += positive[i];
            neg += !positive[i];
            for (size_t j = 0; j < N; j++) {
                double other = p[rows[j] * K + c];

                if (positive[i] && label[rows[j]] != c)
                    wins += score[i] > other ? 1 : score[i] == other ? 0.5 : 0;
                above += other >= score[i];
                right += other >= score[i] && label[rows[j]] == c;
            }
            if (positive[i])
                ap += right / above;
        }
        good &=
            same(values[xr_metric_at(c, XR_CLASS_ROC_AUC)], wins / (pos * neg), 1e-15);
        good &=
            same(values[xr_metric_at(c, XR_CLASS_AVERAGE_PRECISION)], ap / pos, 1e-14);
        need(!xr_curve_make(&curve, score, positive, N, &err), &err);
        curve_good &= same(xr_curve_auc(&curve), wins / (pos * neg), 1e-15);
        curve_good &= same(xr_curve_average_precision(&curve), ap / pos, 1e-14);
        xr_curve_free(&curve);
    }
    ok(good, "weighted area and average precision are those of the rows written out");
    ok(curve_good, "so are those of a curve");
    xr_metrics_close(m);
}

/* Figures that scikit-learn has no name for, from drawn rows written out. */
static void check_plain_calibration(void)
{
    enum {
        BINS = 4
    };
    double p[N * K], values[F], conf[N], bin_gap[BINS] = {0}, mass = 0, ap = 0, mean = 0;
    double rel = 0, res = 0, unc = 0;
    uint32_t label[N], group[N], weight[N] = {0};
    struct xr_scored scored = {.n = N, .k = K, .p = p, .label = label, .n_bins = BINS};
    struct xr_metrics *m;
    struct xr_err err = {0};
    struct xr_rng rng;
    size_t rows[N], right[N];

    make_rows(p, label, group);
    xr_rng_init(&rng, 2, 0, "", "test");
    for (size_t i = 0; i < N; i++)
        weight[rows[i] = (size_t)xr_rng_below(&rng, N)]++;
    need(!xr_metrics_open(&m, &scored, &err), &err);
    need(!xr_metrics_eval(values, m, weight, &err), &err);
    for (size_t i = 0; i < N; i++) {
        const double *q = p + rows[i] * K;
        size_t best = q[1] > q[0] ? 1 : 0;

        best = q[2] > q[best] ? 2 : best;
        conf[i] = q[best];
        right[i] = best == label[rows[i]];
    }
    for (size_t i = 0; i < N; i++) {
        double below = 0, same_as = 0;

        for (size_t j = 0; j < N; j++) {
            below += conf[j] < conf[i];
            same_as += conf[j] == conf[i];
        }
        bin_gap[(size_t)(BINS * (below + same_as / 2) / N)] += (double)right[i] - conf[i];
    }
    for (size_t b = 0; b < BINS; b++)
        mass += fabs(bin_gap[b]) / N;
    near(values[XR_METRIC_ECE_EQUAL_MASS], mass, 1e-14, "bins of equal mass, with ties");
    for (size_t c = 0; c < K; c++) {
        double support = 0, share;

        for (size_t i = 0; i < N; i++)
            support += label[rows[i]] == c;
        share = support / N;
        ap += share * values[xr_metric_at(c, XR_CLASS_AVERAGE_PRECISION)];
        mean += values[xr_metric_at(c, XR_CLASS_ECE)] / K;
        unc += share * (1 - share);
        for (size_t b = 0; b < BINS; b++) {
            double n = 0, sum = 0, hits = 0;

            for (size_t i = 0; i < N; i++) {
                double q = p[rows[i] * K + c];

                if (q > (double)b / BINS && q <= (double)(b + 1) / BINS) {
                    n++;
                    sum += q;
                    hits += label[rows[i]] == c;
                } else if (q == 0 && b == 0) {
                    n++;
                    hits += label[rows[i]] == c;
                }
            }
            rel += n > 0 ? n * pow(sum / n - hits / n, 2) / N : 0;
            res += n > 0 ? n * pow(hits / n - share, 2) / N : 0;
        }
    }
    near(values[XR_METRIC_AVERAGE_PRECISION_WEIGHTED], ap, 1e-14,
         "average precision weighted by support");
    near(values[XR_METRIC_ECE_CLASSWISE], mean, 1e-14, "classwise error is a mean");
    near(values[XR_METRIC_BRIER_RELIABILITY], rel, 1e-14,
         "reliability of the Brier score");
    near(values[XR_METRIC_BRIER_RESOLUTION], res, 1e-14, "its resolution");
    near(values[XR_METRIC_BRIER_UNCERTAINTY], unc, 1e-14, "its uncertainty");
    xr_metrics_close(m);
}

static void check_threads(void)
{
    double p[N * K];
    uint32_t label[N], group[N];
    struct xr_figure one[F], three[F], other[F];
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_err err = {0};

    make_rows(p, label, group);
    bootstrap.n_resamples = 500;
    for (int grouped = 0; grouped < 2; grouped++) {
        struct xr_scored scored = {.n = N,
                                   .k = K,
                                   .p = p,
                                   .label = label,
                                   .group = grouped ? group : NULL,
                                   .n_groups = 20};
        struct xr_metrics *m;
        int good = 1, differs = 0;

        need(!xr_metrics_open(&m, &scored, &err), &err);
        bootstrap.jobs = 1;
        bootstrap.seed = 3;
        need(!xr_metrics_bootstrap(one, m, &bootstrap, &err), &err);
        bootstrap.jobs = 3;
        need(!xr_metrics_bootstrap(three, m, &bootstrap, &err), &err);
        bootstrap.seed = 4;
        need(!xr_metrics_bootstrap(other, m, &bootstrap, &err), &err);
        for (size_t f = 0; f < F; f++) {
            good &= one[f].low == three[f].low && one[f].high == three[f].high;
            differs |= one[f].low != other[f].low;
        }
        ok(good, "threads do not change an interval (%s)", grouped ? "groups" : "rows");
        ok(differs, "the seed does (%s)", grouped ? "groups" : "rows");
        xr_metrics_close(m);
    }
}

/* Strata keep their numbers: with draws within classes recall is a mean of independent
 * rows and prevalence does not vary. */
static void check_strata(void)
{
    double p[N * K], jack[N], u[K] = {0}, mean[K] = {0}, n[K] = {0}, sum2 = 0, sum3 = 0;
    uint32_t label[N], group[N];
    struct xr_scored scored = {
        .n = N, .k = K, .p = p, .label = label, .stratified = true};
    struct xr_units units = {.n = N, .stratum = label, .n_strata = K};
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_figure f[F];
    struct xr_sampler *sampler;
    struct xr_metrics *m;
    struct xr_err err = {0};

    make_rows(p, label, group);
    bootstrap.n_resamples = 300;
    need(!xr_metrics_open(&m, &scored, &err), &err);
    need(!xr_metrics_bootstrap(f, m, &bootstrap, &err), &err);
    ok(f[XR_METRIC_BRIER_UNCERTAINTY].constant && !f[XR_METRIC_ACCURACY].constant,
       "strata: the shares of the classes do not vary");
    xr_metrics_close(m);
    need(!xr_sampler_open(&sampler, &units, &err), &err);
    for (size_t i = 0; i < N; i++) {
        jack[i] = (double)(i * i % 17) + (i == 3 ? 40 : 0);
        n[label[i]]++;
        mean[label[i]] += jack[i];
    }
    for (size_t i = 0; i < N; i++) {
        size_t c = label[i];

        u[c] = (n[c] - 1) * (mean[c] / n[c] - jack[i]);
        sum2 += u[c] * u[c] / (n[c] * n[c]);
        sum3 += u[c] * u[c] * u[c] / (n[c] * n[c] * n[c]);
    }
    near(xr_sampler_acceleration(sampler, jack), sum3 / (6 * pow(sum2, 1.5)), 1e-14,
         "strata: the acceleration of several samples");
    xr_sampler_close(sampler);
}

/* Figures of sums: the same intervals as those of the rows counted again. */
static double mean_of(const double *sums)
{
    return sums[0] > 0 ? sums[1] / sums[0] : NAN;
}

static void ratio_of_sums(double *figures, const double *sums, const void *context)
{
    (void)context;
    figures[0] = mean_of(sums);
}

static void check_additive(void)
{
    double p[N * K], x[2 * N];
    uint32_t label[N], group[N];
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_err err = {0};

    make_rows(p, label, group);
    bootstrap.n_resamples = 500;
    for (int grouped = 0; grouped < 2; grouped++) {
        struct xr_scored scored = {.n = N,
                                   .k = K,
                                   .p = p,
                                   .label = label,
                                   .group = grouped ? group : NULL,
                                   .n_groups = 20};
        struct xr_units units = {.n = N, .group = grouped ? group : NULL, .n_groups = 20};
        struct xr_additive additive = {
            .n = N, .m = 2, .n_figures = 1, .x = x, .of = ratio_of_sums};
        struct xr_figure one, all[F];
        struct xr_sampler *sampler;
        struct xr_metrics *m;

        for (size_t i = 0; i < N; i++) {
            size_t best = p[i * K + 1] > p[i * K] ? 1 : 0;

            best = p[i * K + 2] > p[i * K + best] ? 2 : best;
            x[i] = 1;
            x[N + i] = best == label[i];
        }
        need(!xr_metrics_open(&m, &scored, &err), &err);
        need(!xr_metrics_bootstrap(all, m, &bootstrap, &err), &err);
        need(!xr_sampler_open(&sampler, &units, &err), &err);
        need(!xr_additive_intervals(&one, sampler, &bootstrap, &additive, &err), &err);
        ok(one.value == all[XR_METRIC_ACCURACY].value && one.method == XR_CI_BCA &&
               fabs(one.low - all[XR_METRIC_ACCURACY].low) < 1e-12 &&
               fabs(one.high - all[XR_METRIC_ACCURACY].high) < 1e-12,
           "accuracy as a ratio of sums (%s)", grouped ? "groups" : "rows");
        xr_sampler_close(sampler);
        xr_metrics_close(m);
    }
}

/* Bulk draws are the words of the stream, one after the other, scaled (Lemire 2019). */
static void check_draws(void)
{
    static const uint32_t below[] = {1, 7, 3746, 3000000000u};
    uint32_t out[203];
    int good = 1;

    for (size_t b = 0; b < sizeof below / sizeof *below; b++) {
        uint32_t n = below[b], floor = -n % n;
        struct xr_rng bulk, plain;

        xr_rng_init(&bulk, 3, b, "key", "draws");
        plain = bulk;
        for (int again = 0; again < 2; again++) {
            xr_rng_fill_below(&bulk, out, 203, n);
            for (size_t i = 0; i < 203; i++) {
                uint64_t product;

                do
                    product = (uint64_t)xr_rng_u32(&plain) * n;
                while ((uint32_t)product < floor);
                good &= out[i] == (uint32_t)(product >> 32);
            }
        }
        good &= xr_rng_u32(&bulk) == xr_rng_u32(&plain);
    }
    ok(good, "bulk draws are the words of the stream");
}

static void check_refusals(void)
{
    double p[2] = {0.5, 0.5}, bad[2] = {NAN, 0.5},
           figures[XR_N_METRICS + 2 * XR_PER_CLASS];
    uint32_t label = 0, wrong = 2;
    float single[4] = {0.9f, 0.1f, 0.2f, 0.8f};
    int64_t labels[2] = {0, 1}, minus[2] = {0, -1};
    struct xr_scored s = {.n = 1, .k = 2, .p = p, .label = &label};
    struct xr_metrics *m;
    struct xr_err err = {0};

    s.n = 0;
    ok(xr_metrics_open(&m, &s, &err) == -1 && !m, "no row is refused");
    s.n = 1;
    s.p = bad;
    ok(xr_metrics_open(&m, &s, &err) == -1, "a score that is not finite is refused");
    s.p = p;
    s.label = &wrong;
    ok(xr_metrics_open(&m, &s, &err) == -1, "a label out of range is refused");
    s.label = &label;
    s.n = SIZE_MAX / 2;
    ok(xr_metrics_open(&m, &s, &err) == -1,
       "too many rows are refused before allocation");
    ok(xr_metrics_point(figures, single, labels, 2, 2, &err) == 0 &&
           figures[XR_METRIC_ACCURACY] == 1.0 && figures[XR_METRIC_ROC_AUC_MACRO] == 1.0,
       "figures of single precision");
    ok(xr_metrics_point(figures, single, minus, 2, 2, &err) == -1,
       "a missing label is refused");
}

static void check_normal(void)
{
    static const double q[][2] = {{0.975, 1.959963984540054},
                                  {0.5, 0},
                                  {0.1, -1.2815515655446004},
                                  {1e-10, -6.361340902404056},
                                  {1e-300, -37.0471}};
    double theta[] = {4, 1, NAN, 3, 2, 2}, jack[] = {1, 2, 3};
    double big[] = {1.0, 1e100, 1.0, -1e100};
    struct xr_figure f;

    for (size_t i = 0; i < 5; i++)
        near(xr_norm_quantile(q[i][0]), q[i][1], i == 4 ? 1e-4 : 1e-14,
             "normal quantile");
    near(xr_norm_cdf(xr_norm_quantile(0.0321)), 0.0321, 1e-16,
         "normal distribution inverts it");
    ok(isinf(xr_norm_quantile(0)) && isnan(xr_norm_quantile(1.1)),
       "quantile at its borders");
    near(xr_sum(big, 4), 2.0, 0, "compensated sum");
    xr_bootstrap_interval(&f, 2, theta, 6, jack, 3, 0.5, XR_CI_BCA);
    ok(f.method == XR_CI_PERCENTILE_OF_DEFINED && f.n_defined == 5 && f.low == 2 &&
           f.high == 3,
       "an undefined resample is left out and said so");
    theta[0] = theta[1] = theta[2] = 1;
    xr_bootstrap_interval(&f, 1, theta, 3, jack, 3, 0.95, XR_CI_BCA);
    ok(f.method == XR_CI_PERCENTILE && f.constant && f.low == 1,
       "equal resamples: no BCa");
    theta[2] = 2;
    xr_bootstrap_interval(&f, 0, theta, 3, jack, 3, 0.95, XR_CI_BCA);
    ok(f.method == XR_CI_PERCENTILE && !f.constant, "all resamples on one side: no BCa");
    theta[0] = 2, theta[1] = 3, theta[2] = 4;
    xr_bootstrap_interval(&f, 1, theta, 3, NULL, 0, 0.95, XR_CI_PERCENTILE);
    ok(f.low > 1 && f.note && strstr(f.note, "leaves the value out"),
       "an interval beside its value says so");
    xr_bootstrap_interval(&f, 3, theta, 3, NULL, 0, 0.95, XR_CI_PERCENTILE);
    ok(!f.note, "one around it says nothing");
    xr_bootstrap_interval(&f, NAN, theta, 3, jack, 3, 0.95, XR_CI_BCA);
    ok(f.method == XR_CI_NONE && isnan(f.low), "an undefined figure has no interval");
}

int main(void)
{
    static const char *const files[] = {
        "a_test562", "b_small40_ties",   "c_binary300",    "d_absent_label", "d_constant",
        "d_perfect", "d_all_wrong_hard", "d_single_class", "e_all3746"};
    const char *dir = tap_shared();

    check_normal();
    check_plain();
    check_plain_calibration();
    check_jackknife();
    check_threads();
    check_draws();
    check_strata();
    check_additive();
    check_refusals();
    if (!dir) {
        tap_skip("figures of scikit-learn and SciPy", "no reference data");
        return tap_done();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_file(dir, files[i]);
    check_fixed(dir);
    return tap_done();
}
