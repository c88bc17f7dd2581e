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

#include "stats.h"

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
    XR_N_METRICS
};

enum xr_class_metric {
    XR_CLASS_PRECISION,
    XR_CLASS_RECALL,
    XR_CLASS_SPECIFICITY,
    XR_CLASS_F1,
    XR_CLASS_ROC_AUC, /* undefined unless there are rows of this class and of others */
    XR_CLASS_AVERAGE_PRECISION, /* undefined without rows of this class */
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

/*
 * All figures of the rows, each counted weight[i] times (NULL: once), into figures
 * [xr_n_metrics(k)]. NaN: undefined. Precision, recall, specificity and F1 of a class
 * whose denominator is 0 are 0 if weight is NULL (scikit-learn's zero_division=0) and NaN
 * in a resample, which is left out of the interval: a sample without the class says
 * nothing about its recall. The sum of the weights must be below 2^31.
 */
int xr_metrics_eval(double *figures, const struct xr_metrics *metrics,
                    const uint32_t *weight, struct xr_err *err) XR_MUST_USE;

/* Figures with row (group) i left out, for every i: jack [xr_n_metrics(k)][units], units
 * = n or n_groups. O(n) a figure for rows, O(n * groups) for groups. */
int xr_metrics_jackknife(double *jack, const struct xr_metrics *metrics,
                         struct xr_err *err) XR_MUST_USE;

struct xr_bootstrap {
    int64_t n_resamples; /* 0: no intervals */
    double confidence;   /* in (0, 1) */
    enum xr_ci_method method;
    uint64_t seed;
    int jobs; /* threads, at least 1; does not change the result */
};
#define XR_BOOTSTRAP_DEFAULT                                                             \
    {                                                                                    \
        .n_resamples = 9999, .confidence = 0.95, .method = XR_CI_BCA, .jobs = 1          \
    }

/*
 * Every figure with its interval into figures [xr_n_metrics(k)]. Resample b draws units
 * with replacement from the stream (seed, b, "", "bootstrap"). Refused: more than 2^27
 * figures of resamples in all.
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
