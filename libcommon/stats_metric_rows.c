/* The table of figures: each a function of the sums over weighted rows. */
#include <math.h>

#include "stats_sums.h"

static double ratio(uint64_t part, uint64_t whole, double otherwise)
{
    return whole ? (double)part / (double)whole : otherwise;
}

/* --- of one class ----------------------------------------------------------------- */

static double precision(const struct xr_sums *s, size_t c, double absent)
{
    return ratio(s->hits[c], s->predicted[c], absent);
}

static double recall(const struct xr_sums *s, size_t c, double absent)
{
    return ratio(s->hits[c], s->support[c], absent);
}

/* Rows that neither are of the class nor are predicted to be. */
static uint64_t true_negatives(const struct xr_sums *s, size_t c)
{
    return s->total - s->support[c] - s->predicted[c] + s->hits[c];
}

static double specificity(const struct xr_sums *s, size_t c, double absent)
{
    return ratio(true_negatives(s, c), s->total - s->support[c], absent);
}

static double npv(const struct xr_sums *s, size_t c, double absent)
{
    return ratio(true_negatives(s, c), s->total - s->predicted[c], absent);
}

static double f1(const struct xr_sums *s, size_t c, double absent)
{
    return ratio(2 * s->hits[c], s->support[c] + s->predicted[c], absent);
}

static double class_auc(const struct xr_sums *s, size_t c, double absent)
{
    (void)absent;
    return s->auc[c];
}

static double class_ap(const struct xr_sums *s, size_t c, double absent)
{
    (void)absent;
    return s->ap[c];
}

static double class_brier(const struct xr_sums *s, size_t c, double absent)
{
    (void)absent;
    return s->total ? s->row_sums[2 + c] / (double)s->total : NAN;
}

static double class_ece(const struct xr_sums *s, size_t c, double absent)
{
    const struct xr_bin_sums *bins = &s->bins[c];
    double sum = 0.0;

    (void)absent;
    for (size_t b = 0; b < s->n_bins; b++)
        sum += fabs((double)bins->right[b] - bins->confidence[b]);
    return s->total ? sum / (double)s->total : NAN;
}

static const char *no_row_of_class(const struct xr_sums *s, size_t c)
{
    return s->support[c] ? NULL : "no row is of this class";
}

static const char *recall_reason(const struct xr_sums *s, size_t c)
{
    return s->support[c] ? NULL : "no row is of this class: 0 by agreement";
}

static const char *precision_reason(const struct xr_sums *s, size_t c)
{
    return s->predicted[c] ? NULL
                           : "no row is predicted to be of this class: 0 by agreement";
}

static const char *specificity_reason(const struct xr_sums *s, size_t c)
{
    return s->support[c] < s->total ? NULL : "every row is of this class: 0 by agreement";
}

static const char *npv_reason(const struct xr_sums *s, size_t c)
{
    return s->predicted[c] < s->total
               ? NULL
               : "every row is predicted to be of this class: 0 by agreement";
}

static const char *f1_reason(const struct xr_sums *s, size_t c)
{
    return s->support[c] + s->predicted[c]
               ? NULL
               : "no row is of this class or predicted to be: 0 by agreement";
}

static const char *auc_reason(const struct xr_sums *s, size_t c)
{
    return s->support[c] == s->total ? "every row is of this class"
                                     : no_row_of_class(s, c);
}

static void precision_share(const struct xr_sums *s, size_t c, uint64_t share[2])
{
    share[0] = s->hits[c];
    share[1] = s->predicted[c];
}

static void recall_share(const struct xr_sums *s, size_t c, uint64_t share[2])
{
    share[0] = s->hits[c];
    share[1] = s->support[c];
}

static void specificity_share(const struct xr_sums *s, size_t c, uint64_t share[2])
{
    share[0] = true_negatives(s, c);
    share[1] = s->total - s->support[c];
}

static void npv_share(const struct xr_sums *s, size_t c, uint64_t share[2])
{
    share[0] = true_negatives(s, c);
    share[1] = s->total - s->predicted[c];
}

static const struct {
    const char *key;
    double (*of)(const struct xr_sums *s, size_t c, double absent);
    const char *(*reason)(const struct xr_sums *s, size_t c);
    void (*share)(const struct xr_sums *s, size_t c, uint64_t share[2]);
} class_rows[XR_PER_CLASS] = {
    [XR_CLASS_PRECISION] = {"precision", precision, precision_reason, precision_share},
    [XR_CLASS_RECALL] = {"recall", recall, recall_reason, recall_share},
    [XR_CLASS_SPECIFICITY] = {"specificity", specificity, specificity_reason,
                              specificity_share},
    [XR_CLASS_F1] = {"f1", f1, f1_reason, NULL},
    [XR_CLASS_ROC_AUC] = {"roc_auc", class_auc, auc_reason, NULL},
    [XR_CLASS_AVERAGE_PRECISION] = {"average_precision", class_ap, no_row_of_class, NULL},
    [XR_CLASS_NPV] = {"npv", npv, npv_reason, npv_share},
    [XR_CLASS_BRIER] = {"brier_score", class_brier, NULL, NULL},
    [XR_CLASS_ECE] = {"ece", class_ece, NULL, NULL},
};

/* --- of all classes --------------------------------------------------------------- */

typedef double class_figure(const struct xr_sums *s, size_t c, double absent);

/* Mean over classes; NaN where a class has none. */
static double mean(const struct xr_sums *s, class_figure *of)
{
    double sum = 0.0;

    for (size_t c = 0; c < s->k; c++)
        sum += of(s, c, 0.0);
    return sum / (double)s->k;
}

/* Mean over the classes that have one. */
static double mean_defined(const struct xr_sums *s, class_figure *of)
{
    double sum = 0.0, count = 0.0;

    for (size_t c = 0; c < s->k; c++) {
        double value = of(s, c, NAN);

        if (!isnan(value)) {
            sum += value;
            count++;
        }
    }
    return count > 0.0 ? sum / count : NAN;
}

/* Mean weighted by support; classes without rows left out. */
static double weighted(const struct xr_sums *s, class_figure *of)
{
    double sum = 0.0;

    for (size_t c = 0; c < s->k; c++)
        if (s->support[c])
            sum += of(s, c, 0.0) * (double)s->support[c];
    return s->total ? sum / (double)s->total : NAN;
}

static double accuracy(const struct xr_sums *s, double absent)
{
    uint64_t hits = 0;

    (void)absent;
    for (size_t c = 0; c < s->k; c++)
        hits += s->hits[c];
    return ratio(hits, s->total, NAN);
}

static double top_k(const struct xr_sums *s, double absent)
{
    (void)absent;
    return ratio(s->in_top, s->total, NAN);
}

static double balanced_accuracy(const struct xr_sums *s, double absent)
{
    (void)absent;
    return mean_defined(s, recall);
}

#define AVERAGE(name, how, of)                                                           \
    static double name(const struct xr_sums *s, double absent)                           \
    {                                                                                    \
        (void)absent;                                                                    \
        return how(s, of);                                                               \
    }
AVERAGE(precision_macro, mean, precision)
AVERAGE(recall_macro, mean, recall)
AVERAGE(f1_macro, mean, f1)
AVERAGE(precision_weighted, weighted, precision)
AVERAGE(recall_weighted, weighted, recall)
AVERAGE(f1_weighted, weighted, f1)
AVERAGE(auc_defined, mean_defined, class_auc)
AVERAGE(ap_macro, mean, class_ap)
AVERAGE(ap_weighted, weighted, class_ap)
AVERAGE(ap_defined, mean_defined, class_ap)
AVERAGE(ece_classwise, mean, class_ece)

static double auc_macro(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->k == 2 ? s->auc[1] : mean(s, class_auc);
}

static double auc_weighted(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->k == 2 ? s->auc[1] : weighted(s, class_auc);
}

/* Pairs of classes that occur, each with the mean of both directions. */
static double one_vs_one(const struct xr_sums *s, bool by_rows)
{
    double sum = 0.0, weights = 0.0;

    if (!s->pair)
        return s->k == 2 ? s->auc[1] : NAN;
    for (size_t a = 0; a < s->k; a++) {
        for (size_t b = a + 1; b < s->k; b++) {
            double w = by_rows ? (double)(s->support[a] + s->support[b]) : 1.0;

            if (!s->support[a] || !s->support[b])
                continue;
            sum += w * 0.5 * (s->pair[a * s->k + b] + s->pair[b * s->k + a]);
            weights += w;
        }
    }
    return weights > 0.0 ? sum / weights : NAN;
}

static double ovo_macro(const struct xr_sums *s, double absent)
{
    (void)absent;
    return one_vs_one(s, false);
}

static double ovo_weighted(const struct xr_sums *s, double absent)
{
    (void)absent;
    return one_vs_one(s, true);
}

static double auc_micro(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->micro_auc;
}

static double ap_micro(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->micro_ap;
}

/* One less the disagreement over the expected one, times n. */
static double kappa_of(double observed, double expected, uint64_t total)
{
    return expected > 0.0 ? 1.0 - observed * (double)total / expected : NAN;
}

static double kappa(const struct xr_sums *s, double absent)
{
    double n = (double)s->total, right = 0.0, expected = n * n;

    (void)absent;
    for (size_t c = 0; c < s->k; c++) {
        right += (double)s->hits[c];
        expected -= (double)s->support[c] * (double)s->predicted[c];
    }
    return kappa_of(n - right, expected, s->total);
}

/* sum abs(i - j) t_i p_j: every border between classes is crossed either way. */
static double kappa_linear(const struct xr_sums *s, double absent)
{
    double n = (double)s->total, t = 0.0, p = 0.0, expected = 0.0;

    (void)absent;
    for (size_t c = 0; c < s->k; c++) {
        t += (double)s->support[c];
        p += (double)s->predicted[c];
        expected += t * (n - p) + (n - t) * p;
    }
    return kappa_of(s->off, expected, s->total);
}

/* sum (i - j)^2 t_i p_j from the first two moments of either. */
static double kappa_quadratic(const struct xr_sums *s, double absent)
{
    double n = (double)s->total, t[2] = {0}, p[2] = {0};

    (void)absent;
    for (size_t c = 0; c < s->k; c++) {
        double i = (double)c;

        t[0] += i * (double)s->support[c];
        t[1] += i * i * (double)s->support[c];
        p[0] += i * (double)s->predicted[c];
        p[1] += i * i * (double)s->predicted[c];
    }
    return kappa_of(s->off2, n * (t[1] + p[1]) - 2.0 * t[0] * p[0], s->total);
}

/* Covariances of truth and prediction, times n^2; Gorodkin, Comput Biol Chem 28 (2004).
 */
static void matthews_parts(double parts[3], const struct xr_sums *s)
{
    double n = (double)s->total, hits = 0.0;

    parts[1] = parts[2] = n * n;
    parts[0] = 0.0;
    for (size_t c = 0; c < s->k; c++) {
        double t = (double)s->support[c], p = (double)s->predicted[c];

        hits += (double)s->hits[c];
        parts[0] -= t * p;
        parts[1] -= t * t;
        parts[2] -= p * p;
    }
    parts[0] += hits * n;
}

static double matthews(const struct xr_sums *s, double absent)
{
    double parts[3];

    matthews_parts(parts, s);
    if (!(parts[1] > 0.0 && parts[2] > 0.0))
        return absent;
    return parts[0] / (sqrt(parts[1]) * sqrt(parts[2]));
}

static double log_loss(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->total ? s->row_sums[0] / (double)s->total : NAN;
}

/* Of two classes the usual score is that of one probability: half the sum. */
static double brier_scale(const struct xr_sums *s)
{
    return s->k == 2 ? 0.5 : 1.0;
}

static double brier(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->total ? brier_scale(s) * s->row_sums[1] / (double)s->total : NAN;
}

static double ece(const struct xr_sums *s, double absent)
{
    return class_ece(s, s->k, absent);
}

static double ece_equal_mass(const struct xr_sums *s, double absent)
{
    (void)absent;
    return s->total ? s->mass_gap / (double)s->total : NAN;
}

static double mce(const struct xr_sums *s, double absent)
{
    const struct xr_bin_sums *bins = &s->bins[s->k];
    double worst = 0.0;

    (void)absent;
    for (size_t b = 0; b < s->n_bins; b++)
        if (bins->n[b])
            worst = fmax(worst, fabs((double)bins->right[b] - bins->confidence[b]) /
                                    (double)bins->n[b]);
    return s->total ? worst : NAN;
}

static double brier_reliability(const struct xr_sums *s, double absent)
{
    double sum = 0.0;

    (void)absent;
    for (size_t c = 0; c < s->k; c++) {
        const struct xr_bin_sums *bins = &s->bins[c];

        for (size_t b = 0; b < s->n_bins; b++) {
            double gap = (double)bins->right[b] - bins->confidence[b];

            if (bins->n[b])
                sum += gap * gap / (double)bins->n[b];
        }
    }
    return s->total ? brier_scale(s) * sum / (double)s->total : NAN;
}

static double brier_resolution(const struct xr_sums *s, double absent)
{
    double n = (double)s->total, sum = 0.0;

    (void)absent;
    for (size_t c = 0; c < s->k && s->total; c++) {
        const struct xr_bin_sums *bins = &s->bins[c];
        double share = (double)s->support[c] / n;

        for (size_t b = 0; b < s->n_bins; b++) {
            double gap = (double)bins->right[b] - share * (double)bins->n[b];

            if (bins->n[b])
                sum += gap * gap / (double)bins->n[b];
        }
    }
    return s->total ? brier_scale(s) * sum / n : NAN;
}

static double brier_uncertainty(const struct xr_sums *s, double absent)
{
    double sum = 0.0;

    (void)absent;
    for (size_t c = 0; c < s->k && s->total; c++) {
        double share = (double)s->support[c] / (double)s->total;

        sum += share * (1.0 - share);
    }
    return s->total ? brier_scale(s) * sum : NAN;
}

static double brier_within(const struct xr_sums *s, double absent)
{
    return brier(s, absent) - brier_reliability(s, absent) + brier_resolution(s, absent) -
           brier_uncertainty(s, absent);
}

static const char *ranks_reason(const struct xr_sums *s)
{
    for (size_t c = 0; c < s->k; c++)
        if (s->support[c] == s->total)
            return "every row is of one class";
    return "a class has no row";
}

static const char *ovo_reason(const struct xr_sums *s)
{
    return s->pair || s->k == 2 ? ranks_reason(s)
                                : "areas of pairs are made of 2 to 64 classes";
}

static const char *kappa_reason(const struct xr_sums *s)
{
    (void)s;
    return "the expected disagreement is 0";
}

static const char *matthews_reason(const struct xr_sums *s)
{
    double parts[3];

    matthews_parts(parts, s);
    return parts[1] > 0.0 && parts[2] > 0.0
               ? NULL
               : "all rows are of one class or predicted to be: 0 by agreement";
}

static void accuracy_share(const struct xr_sums *s, uint64_t share[2])
{
    share[0] = 0;
    share[1] = s->total;
    for (size_t c = 0; c < s->k; c++)
        share[0] += s->hits[c];
}

static void top_k_share(const struct xr_sums *s, uint64_t share[2])
{
    share[0] = s->in_top;
    share[1] = s->total;
}

/* reason: of an undefined value; always: also of one that is 0 by agreement. */
static const struct {
    const char *parent, *key;
    double (*of)(const struct xr_sums *s, double absent);
    const char *(*reason)(const struct xr_sums *s);
    bool always, loss;
    void (*share)(const struct xr_sums *s, uint64_t share[2]);
} rows[XR_N_METRICS] = {
    [XR_METRIC_ACCURACY] = {NULL, "accuracy", accuracy, .share = accuracy_share},
    [XR_METRIC_BALANCED_ACCURACY] = {NULL, "balanced_accuracy", balanced_accuracy},
    [XR_METRIC_ROC_AUC_MACRO] = {NULL, "roc_auc_ovr_macro", auc_macro, ranks_reason},
    [XR_METRIC_ROC_AUC_WEIGHTED] = {NULL, "roc_auc_ovr_weighted", auc_weighted,
                                    ranks_reason},
    [XR_METRIC_AVERAGE_PRECISION] = {NULL, "average_precision_macro", ap_macro,
                                     ranks_reason},
    [XR_METRIC_PRECISION_MACRO] = {"macro_avg", "precision", precision_macro},
    [XR_METRIC_RECALL_MACRO] = {"macro_avg", "recall", recall_macro},
    [XR_METRIC_F1_MACRO] = {"macro_avg", "f1", f1_macro},
    [XR_METRIC_PRECISION_WEIGHTED] = {"weighted_avg", "precision", precision_weighted},
    [XR_METRIC_RECALL_WEIGHTED] = {"weighted_avg", "recall", recall_weighted},
    [XR_METRIC_F1_WEIGHTED] = {"weighted_avg", "f1", f1_weighted},
    [XR_METRIC_KAPPA] = {NULL, "cohen_kappa", kappa, kappa_reason},
    [XR_METRIC_KAPPA_LINEAR] = {NULL, "cohen_kappa_linear", kappa_linear, kappa_reason},
    [XR_METRIC_KAPPA_QUADRATIC] = {NULL, "cohen_kappa_quadratic", kappa_quadratic,
                                   kappa_reason},
    [XR_METRIC_MATTHEWS] = {NULL, "matthews_corrcoef", matthews, matthews_reason, true},
    [XR_METRIC_LOG_LOSS] = {NULL, "log_loss", log_loss, .loss = true},
    [XR_METRIC_BRIER] = {NULL, "brier_score", brier, .loss = true},
    [XR_METRIC_TOP_K] = {NULL, "top_k_accuracy", top_k, .share = top_k_share},
    [XR_METRIC_ROC_AUC_OVO_MACRO] = {NULL, "roc_auc_ovo_macro", ovo_macro, ovo_reason},
    [XR_METRIC_ROC_AUC_OVO_WEIGHTED] = {NULL, "roc_auc_ovo_weighted", ovo_weighted,
                                        ovo_reason},
    [XR_METRIC_ROC_AUC_MICRO] = {NULL, "roc_auc_ovr_micro", auc_micro, ranks_reason},
    [XR_METRIC_ROC_AUC_MACRO_DEFINED] = {NULL, "roc_auc_ovr_macro_defined", auc_defined,
                                         ranks_reason},
    [XR_METRIC_AVERAGE_PRECISION_WEIGHTED] = {NULL, "average_precision_weighted",
                                              ap_weighted},
    [XR_METRIC_AVERAGE_PRECISION_MICRO] = {NULL, "average_precision_micro", ap_micro},
    [XR_METRIC_AVERAGE_PRECISION_DEFINED] = {NULL, "average_precision_macro_defined",
                                             ap_defined},
    [XR_METRIC_ECE] = {NULL, "ece", ece, .loss = true},
    [XR_METRIC_ECE_EQUAL_MASS] = {NULL, "ece_equal_mass", ece_equal_mass, .loss = true},
    [XR_METRIC_ECE_CLASSWISE] = {NULL, "classwise_ece", ece_classwise, .loss = true},
    [XR_METRIC_MCE] = {NULL, "mce", mce, .loss = true},
    [XR_METRIC_BRIER_RELIABILITY] = {"calibration.brier", "reliability",
                                     brier_reliability, .loss = true},
    [XR_METRIC_BRIER_RESOLUTION] = {"calibration.brier", "resolution", brier_resolution},
    [XR_METRIC_BRIER_UNCERTAINTY] = {"calibration.brier", "uncertainty",
                                     brier_uncertainty, .loss = true},
    [XR_METRIC_BRIER_WITHIN] = {"calibration.brier", "within_bins", brier_within,
                                .loss = true},
};

bool xr_figure_is_ranked(size_t f)
{
    static const enum xr_metric ranked[] = {
        XR_METRIC_ROC_AUC_MACRO,           XR_METRIC_ROC_AUC_WEIGHTED,
        XR_METRIC_AVERAGE_PRECISION,       XR_METRIC_ROC_AUC_OVO_MACRO,
        XR_METRIC_ROC_AUC_OVO_WEIGHTED,    XR_METRIC_ROC_AUC_MICRO,
        XR_METRIC_ROC_AUC_MACRO_DEFINED,   XR_METRIC_AVERAGE_PRECISION_WEIGHTED,
        XR_METRIC_AVERAGE_PRECISION_MICRO, XR_METRIC_AVERAGE_PRECISION_DEFINED,
        XR_METRIC_ECE_EQUAL_MASS};

    if (f >= XR_N_METRICS) {
        size_t own = (f - XR_N_METRICS) % XR_PER_CLASS;

        return own == XR_CLASS_ROC_AUC || own == XR_CLASS_AVERAGE_PRECISION;
    }
    for (size_t i = 0; i < sizeof ranked / sizeof *ranked; i++)
        if (f == ranked[i])
            return true;
    return false;
}

const char *xr_metric_name(enum xr_metric metric)
{
    return rows[metric].key;
}

const char *xr_metric_parent(enum xr_metric metric)
{
    return rows[metric].parent;
}

bool xr_metric_is_loss(enum xr_metric metric)
{
    return rows[metric].loss;
}

const char *xr_class_metric_name(enum xr_class_metric metric)
{
    return class_rows[metric].key;
}

void xr_figures_of(double *f, const struct xr_sums *s, double absent)
{
    for (size_t i = 0; i < XR_N_METRICS; i++)
        f[i] = rows[i].of(s, absent);
    for (size_t c = 0; c < s->k; c++)
        for (size_t i = 0; i < XR_PER_CLASS; i++)
            f[xr_metric_at(c, (enum xr_class_metric)i)] = class_rows[i].of(s, c, absent);
}

void xr_figure_reasons(const char **reasons, const double *figures,
                       const struct xr_sums *s)
{
    for (size_t i = 0; i < XR_N_METRICS; i++)
        reasons[i] = rows[i].reason && (rows[i].always || isnan(figures[i]))
                         ? rows[i].reason(s)
                         : NULL;
    for (size_t c = 0; c < s->k; c++)
        for (size_t i = 0; i < XR_PER_CLASS; i++)
            reasons[xr_metric_at(c, (enum xr_class_metric)i)] =
                class_rows[i].reason ? class_rows[i].reason(s, c) : NULL;
}

void xr_figure_shares(uint64_t *part, uint64_t *whole, const struct xr_sums *s)
{
    uint64_t share[2];

    for (size_t i = 0; i < xr_n_metrics(s->k); i++)
        whole[i] = UINT64_MAX;
    for (size_t i = 0; i < XR_N_METRICS; i++) {
        if (!rows[i].share)
            continue;
        rows[i].share(s, share);
        part[i] = share[0];
        whole[i] = share[1];
    }
    for (size_t c = 0; c < s->k; c++) {
        for (size_t i = 0; i < XR_PER_CLASS; i++) {
            size_t at = xr_metric_at(c, (enum xr_class_metric)i);

            if (!class_rows[i].share)
                continue;
            class_rows[i].share(s, c, share);
            part[at] = share[0];
            whole[at] = share[1];
        }
    }
}
