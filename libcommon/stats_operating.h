/*
 * Operating points: a threshold on the score of one class, chosen by a rule on some rows,
 * and what it does to others. A row is positive where its score is at or above it.
 */
#ifndef XR_STATS_OPERATING_H
#define XR_STATS_OPERATING_H

#include "stats_sampler.h"

enum xr_rule_kind {
    XR_RULE_SENSITIVITY, /* "sens=0.95": the highest threshold that reaches it */
    XR_RULE_SPECIFICITY, /* "spec=0.95": among thresholds that keep it, the most
                            sensitive, the highest of such */
    XR_RULE_YOUDEN, /* "youden": the most sensitivity + specificity, the highest on ties
                     */
    XR_RULE_COST    /* "cost=5": a missed positive costs as much as 5 false ones; the
                       least cost, the highest on ties */
};

struct xr_rule {
    enum xr_rule_kind kind;
    double value;
    char name[64];          /* as written, without the class */
    const char *class_name; /* behind the first ':', within the text; NULL: none */
};

/* Read "sens=0.95", "youden:malignant", ...; a usage error says what is allowed. Shares
 * are above 0 and at most 1, costs above 0. text must outlive rule. */
int xr_rule_parse(struct xr_rule *rule, const char *text, struct xr_err *err) XR_MUST_USE;

/*
 * The threshold of n rows (positive non-zero): one of their scores, or +inf where no row
 * may be positive. Refused: no positive or no negative row. Source: the points are those
 * of scikit-learn's roc_curve without drop_intermediate.
 */
int xr_rule_threshold(double *threshold, const struct xr_rule *rule, const double *score,
                      const unsigned char *positive, size_t n,
                      struct xr_err *err) XR_MUST_USE;

enum xr_operating_figure {
    XR_AT_SENSITIVITY,
    XR_AT_SPECIFICITY,
    XR_AT_PPV,
    XR_AT_NPV,
    XR_AT_LR_POSITIVE, /* sensitivity / (1 - specificity); undefined without a false
                          positive */
    XR_AT_LR_NEGATIVE, /* (1 - sensitivity) / specificity; undefined at specificity 0 */
    XR_N_AT
};
const char *xr_operating_name(enum xr_operating_figure figure); /* "sensitivity", ... */

struct xr_operating {
    uint64_t tp, fp, fn, tn;
    struct xr_figure figures[XR_N_AT];
};

/*
 * What a threshold does to n rows, with intervals: of the four proportions by
 * `proportions` (XR_CI_WILSON, XR_CI_CLOPPER_PEARSON) or, where that is XR_CI_NONE, and
 * of the ratios, by the bootstrap over sampler's units.
 */
int xr_operating_measure(struct xr_operating *operating, const double *score,
                         const unsigned char *positive, size_t n, double threshold,
                         const struct xr_sampler *sampler,
                         const struct xr_bootstrap *bootstrap,
                         enum xr_ci_method proportions, struct xr_err *err) XR_MUST_USE;

#endif
