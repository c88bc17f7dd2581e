/*
 * The figures of a classifier, each with a bootstrap interval. One sort a class, then
 * every resample is a vector of row weights from which all figures follow in O(rows *
 * classes).
 *
 * Definitions are scikit-learn's (zero_division = 0, ties in the area count one half, no
 * interpolation in average precision), compared with stored values in
 * tests/unit/metrics.c.
 */
#ifndef XR_STATS_METRICS_H
#define XR_STATS_METRICS_H

#include "stats_sampler.h"

/*
 * Predictions of n rows over k classes. The caller owns all arrays; they are only read.
 *
 *   p      [n][k]  scores, finite; a row's class is the column of its largest, the lowest
 * on ties label  [n]     0..k-1 group  [n]     0..n_groups-1, rows that are resampled
 * together; NULL: every row for itself
 */
struct xr_scored {
    size_t n, k;
    const double *p;
    const uint32_t *label;
    const uint32_t *group;
    size_t n_groups;
    bool stratified; /* resample within classes */
    size_t n_bins;   /* of calibration; 0: 15 */
    size_t top_k;    /* of top_k_accuracy; 0: 2 */
};

/* Figures come in one array: these, then XR_PER_CLASS of each class (xr_metric_at). */
enum xr_metric {
    XR_METRIC_ACCURACY,
    XR_METRIC_BALANCED_ACCURACY, /* mean recall of the classes that occur among the labels
                                  */
    XR_METRIC_ROC_AUC_MACRO, /* one-vs-rest mean; undefined unless every class is; of two
                                classes: the area of the last */
    XR_METRIC_ROC_AUC_WEIGHTED, /* the same weighted by support; classes without rows left
                                   out */
    XR_METRIC_AVERAGE_PRECISION, /* mean over classes; undefined unless every class is */
    XR_METRIC_PRECISION_MACRO,   /* in the averages an undefined member counts as 0 */
    XR_METRIC_RECALL_MACRO,
    XR_METRIC_F1_MACRO,
    XR_METRIC_PRECISION_WEIGHTED,
    XR_METRIC_RECALL_WEIGHTED,
    XR_METRIC_F1_WEIGHTED,
    XR_METRIC_KAPPA,        /* Cohen's; undefined where the expected disagreement is 0 */
    XR_METRIC_KAPPA_LINEAR, /* weighted by the distance of the classes' indices */
    XR_METRIC_KAPPA_QUADRATIC, /* by its square */
    XR_METRIC_MATTHEWS,        /* of k classes (Gorodkin); 0 where its denominator is 0 */
    XR_METRIC_LOG_LOSS, /* natural logarithm, probabilities clipped to 2^-52 .. 1 - 2^-52
                         */
    XR_METRIC_BRIER, /* mean of the sum over classes of (p - y)^2; of two classes half of
                        it, as is usual for one probability */
    XR_METRIC_TOP_K, /* the true class is among the top_k largest, lowest index on ties */
    XR_METRIC_ROC_AUC_OVO_MACRO,    /* Hand and Till: pairs of classes that occur, mean of
                                       both    directions; of two classes: the area of the
                                       last
                                     */
    XR_METRIC_ROC_AUC_OVO_WEIGHTED, /* weighted by the rows of the pair */
    XR_METRIC_ROC_AUC_MICRO,        /* of all scores in one ranking */
    XR_METRIC_ROC_AUC_MACRO_DEFINED, /* one-vs-rest mean of the classes that have an area
                                      */
    XR_METRIC_AVERAGE_PRECISION_WEIGHTED,
    XR_METRIC_AVERAGE_PRECISION_MICRO,
    XR_METRIC_AVERAGE_PRECISION_DEFINED, /* mean of the classes that occur */
    XR_METRIC_ECE, /* expected calibration error of the predicted class: bins of equal
                      width, bin b holds (b / n_bins, (b + 1) / n_bins], the first 0 too
                    */
    XR_METRIC_ECE_EQUAL_MASS, /* bins of equal counts: a row with r rows below it and t as
                                 confident as it is in bin floor(n_bins (r + t / 2) / n)
                               */
    XR_METRIC_ECE_CLASSWISE,  /* mean over classes of the error of p_c against "is c" */
    XR_METRIC_MCE,            /* the largest gap of the bins of XR_METRIC_ECE */
    XR_METRIC_BRIER_RELIABILITY, /* Murphy's parts of the Brier score, over the bins of
                                    each class: reliability - resolution + uncertainty +
                                    within, the last what bins of some width leave over */
    XR_METRIC_BRIER_RESOLUTION,
    XR_METRIC_BRIER_UNCERTAINTY,
    XR_METRIC_BRIER_WITHIN,
    XR_N_METRICS
};

enum xr_class_metric {
    XR_CLASS_PRECISION,
    XR_CLASS_RECALL,
    XR_CLASS_SPECIFICITY,
    XR_CLASS_F1,
    XR_CLASS_ROC_AUC, /* undefined unless there are rows of this class and of others */
    XR_CLASS_AVERAGE_PRECISION, /* undefined without rows of this class */
    XR_CLASS_NPV,               /* negative predictive value */
    XR_CLASS_BRIER,             /* mean of (p - y)^2 of this class */
    XR_CLASS_ECE,               /* calibration error of p against "is of this class" */
    XR_PER_CLASS
};

static inline size_t xr_n_metrics(size_t k)
{
    return XR_N_METRICS + k * XR_PER_CLASS;
}

static inline size_t xr_metric_at(size_t class_index, enum xr_class_metric metric)
{
    return XR_N_METRICS + class_index * XR_PER_CLASS + metric;
}

/* The prepared data: sorted once, then only read; threads may share it. */
struct xr_metrics;

/* Refused: no row, no class, a label or a group out of range, a score that is not finite,
 * more than 2^24 scores. */
int xr_metrics_open(struct xr_metrics **metrics, const struct xr_scored *scored,
                    struct xr_err *err) XR_MUST_USE;
void xr_metrics_close(struct xr_metrics *metrics);

/* Rows by truth and prediction, [k][k], rows are the truth. */
void xr_metrics_confusion(uint64_t *confusion, const struct xr_metrics *metrics);

/* scikit-learn's name of a figure: "accuracy", "roc_auc_ovr_macro", ...; of a class:
 * "precision", ...; and the objects it stands in in the JSON, joined with dots, or NULL.
 */
const char *xr_metric_name(enum xr_metric metric);
const char *xr_metric_parent(enum xr_metric metric);
const char *xr_class_metric_name(enum xr_class_metric metric);

/* Whether less is better, as for a loss. */
bool xr_metric_is_loss(enum xr_metric metric);

/*
 * All figures of the rows, each counted weight[i] times (NULL: once), into figures
 * [xr_n_metrics(k)]. NaN: undefined. Precision, recall, specificity, NPV and F1 of a
 * class and Matthews' coefficient are 0 where their denominator is 0 if weight is NULL
 * (scikit-learn's zero_division=0) and NaN in a resample, which is left out of the
 * interval: a sample without the class says nothing about its recall. The sum of the
 * weights must be below 2^31.
 */
int xr_metrics_eval(double *figures, const struct xr_metrics *metrics,
                    const uint32_t *weight, struct xr_err *err) XR_MUST_USE;

/* The same again and again in one room, which belongs to one thread. */
struct xr_metrics_room;
struct xr_metrics_room *xr_metrics_room_open(const struct xr_metrics *metrics,
                                             struct xr_err *err) XR_MUST_USE;
void xr_metrics_room_close(struct xr_metrics_room *room);
void xr_metrics_eval_in(double *figures, struct xr_metrics_room *room,
                        const struct xr_metrics *metrics, const uint32_t *weight);

/* Figures with row (group) i left out, for every i: jack [xr_n_metrics(k)][units], units
 * = n or n_groups. O(n) a figure for rows, O(n * groups) for groups. */
int xr_metrics_jackknife(double *jack, const struct xr_metrics *metrics,
                         struct xr_err *err) XR_MUST_USE;

/* Why a figure is undefined, or what it was agreed to be: constant texts or NULL, into
 * reasons [xr_n_metrics(k)]. */
int xr_metrics_reasons(const char **reasons, const struct xr_metrics *metrics,
                       struct xr_err *err) XR_MUST_USE;

/*
 * The shares among the figures: part [xr_n_metrics(k)] of whole [...]; whole is
 * UINT64_MAX for what is no share. For the intervals of stats_proportion.h.
 */
int xr_metrics_shares(uint64_t *part, uint64_t *whole, const struct xr_metrics *metrics,
                      struct xr_err *err) XR_MUST_USE;

size_t xr_metrics_top_k(const struct xr_metrics *metrics);

/* The reliability table: n, right, and sum of the confidence of the predicted class in
 * n_bins bins of equal width; each [n_bins]. */
size_t xr_metrics_n_bins(const struct xr_metrics *metrics);
int xr_metrics_bins(uint64_t *n, uint64_t *right, double *confidence,
                    const struct xr_metrics *metrics, struct xr_err *err) XR_MUST_USE;

/*
 * Every figure with its interval and reason into figures [xr_n_metrics(k)]. Where the
 * jackknife of BCa would take more than 2^27 numbers, bounds are percentiles, with a
 * note.
 */
int xr_metrics_bootstrap(struct xr_figure *figures, const struct xr_metrics *metrics,
                         const struct xr_bootstrap *bootstrap,
                         struct xr_err *err) XR_MUST_USE;

/* The same with given draws [n_resamples][units], each below units: for tests and
 * comparisons. */
int xr_metrics_bootstrap_with(struct xr_figure *figures, const struct xr_metrics *metrics,
                              const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                              struct xr_err *err) XR_MUST_USE;

/* For a log: the figures alone of scores in single precision, without keeping anything.
 */
int xr_metrics_point(double *figures, const float *p, const int64_t *label, size_t n,
                     size_t k, struct xr_err *err) XR_MUST_USE;

#endif
