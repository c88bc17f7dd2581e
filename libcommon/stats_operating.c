/* Thresholds by rule, and what they do. */
#include "stats_operating.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "stats_proportion.h"

int xr_rule_parse(struct xr_rule *rule, const char *text, struct xr_err *err)
{
    static const struct {
        const char *name;
        enum xr_rule_kind kind;
        double most; /* 0: no value */
    } known[] = {{"sens=", XR_RULE_SENSITIVITY, 1.0},
                 {"spec=", XR_RULE_SPECIFICITY, 1.0},
                 {"cost=", XR_RULE_COST, 1e9},
                 {"youden", XR_RULE_YOUDEN, 0.0}};
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    struct xr_err why;

    *rule = (struct xr_rule){.class_name = colon ? colon + 1 : NULL};
    if (size < sizeof rule->name) {
        memcpy(rule->name, text, size);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            size_t length = strlen(known[i].name);

            if (strncmp(rule->name, known[i].name, length) != 0)
                continue;
            rule->kind = known[i].kind;
            if (known[i].most == 0.0 && size == length)
                return 0;
            if (known[i].most > 0.0 && xr_parse_real(&rule->value, rule->name + length,
                                                     1e-9, known[i].most, &why) == 0)
                return 0;
        }
    }
    return xr_fail_usage(err,
                         "--at: '%s' is no rule: sens=S, spec=S (0 < S <= 1), youden or "
                         "cost=R, and perhaps :CLASS",
                         text);
}

/* Is point i (thresholds fall, point n is "none") better than the best one so far? */
static bool better(const struct xr_rule *rule, const double here[2], const double best[2],
                   double pos, double neg)
{
    double cost[2];

    switch (rule->kind) {
    case XR_RULE_SENSITIVITY:
        return here[0] >= rule->value - 1e-12 && best[0] < rule->value - 1e-12;
    case XR_RULE_SPECIFICITY:
        return here[1] <= 1.0 - rule->value + 1e-12 && here[0] > best[0];
    case XR_RULE_YOUDEN:
        return here[0] - here[1] > best[0] - best[1];
    default:
        cost[0] = rule->value * pos * (1.0 - here[0]) + neg * here[1];
        cost[1] = rule->value * pos * (1.0 - best[0]) + neg * best[1];
        /* equal but for rounding: the higher threshold stays */
        return cost[0] < cost[1] - 1e-12 * (rule->value * pos + neg);
    }
}

int xr_rule_threshold(double *threshold, const struct xr_rule *rule, const double *score,
                      const unsigned char *positive, size_t n, struct xr_err *err)
{
    struct xr_curve curve;
    double best[2] = {0.0, 0.0}, pos, neg; /* sensitivity, 1 - specificity */

    if (xr_curve_make(&curve, score, positive, n, err))
        return -1;
    pos = curve.n ? (double)curve.tp[curve.n - 1] : 0.0;
    neg = curve.n ? (double)curve.fp[curve.n - 1] : 0.0;
    if (pos > 0.0 && neg > 0.0) {
        *threshold = INFINITY; /* the first point: no row is positive */
        for (size_t i = 0; i < curve.n; i++) {
            double here[2] = {(double)curve.tp[i] / pos, (double)curve.fp[i] / neg};

            if (better(rule, here, best, pos, neg)) {
                *threshold = curve.threshold[i];
                memcpy(best, here, sizeof best);
            }
        }
    }
    xr_curve_free(&curve);
    if (pos > 0.0 && neg > 0.0)
        return 0;
    return xr_fail(err, "there is no %s row to fit '%s' on", pos > 0.0 ? "other" : "such",
                   rule->name);
}

const char *xr_operating_name(enum xr_operating_figure figure)
{
    static const char *const names[XR_N_AT] = {"sensitivity", "specificity", "ppv", "npv",
                                               "lr_positive", "lr_negative"};

    return names[figure];
}

static double over(double part, double whole)
{
    return whole > 0.0 ? part / whole : NAN;
}

/* From the numbers of true and false positives, positives and rows. */
static void figures_of(double *figures, const double *sums, const void *context)
{
    double tp = sums[0], fp = sums[1], pos = sums[2], neg = sums[3] - pos;

    (void)context;
    figures[XR_AT_SENSITIVITY] = over(tp, pos);
    figures[XR_AT_SPECIFICITY] = over(neg - fp, neg);
    figures[XR_AT_PPV] = over(tp, tp + fp);
    figures[XR_AT_NPV] = over(neg - fp, neg - fp + pos - tp);
    figures[XR_AT_LR_POSITIVE] = over(figures[XR_AT_SENSITIVITY], over(fp, neg));
    figures[XR_AT_LR_NEGATIVE] = over(over(pos - tp, pos), figures[XR_AT_SPECIFICITY]);
}

static void say_reasons(struct xr_operating *o)
{
    static const char *const reasons[XR_N_AT] = {
        "no row is of this class",
        "every row is of this class",
        "no row is at or above the threshold",
        "no row is below the threshold",
        "no other row is at or above the threshold",
        "every other row is at or above the threshold",
    };

    for (int f = 0; f < XR_N_AT; f++)
        if (isnan(o->figures[f].value))
            o->figures[f].reason = reasons[f];
}

static void proportions_of(struct xr_operating *o, double confidence,
                           enum xr_ci_method method)
{
    const uint64_t shares[][2] = {{o->tp, o->tp + o->fn},
                                  {o->tn, o->tn + o->fp},
                                  {o->tp, o->tp + o->fp},
                                  {o->tn, o->tn + o->fn}};

    for (int f = XR_AT_SENSITIVITY; f <= XR_AT_NPV; f++)
        xr_proportion(&o->figures[f], shares[f][0], shares[f][1], confidence, method);
}

int xr_operating_measure(struct xr_operating *o, const double *score,
                         const unsigned char *positive, size_t n, double threshold,
                         const struct xr_sampler *sampler,
                         const struct xr_bootstrap *bootstrap,
                         enum xr_ci_method proportions, struct xr_err *err)
{
    double *x = xr_alloc_array(4 * n, sizeof *x, err);
    const struct xr_additive additive = {
        .n = n, .m = 4, .n_figures = XR_N_AT, .x = x, .of = figures_of};
    int status;

    *o = (struct xr_operating){0};
    if (!x)
        return -1;
    for (size_t i = 0; i < n; i++) {
        bool called = score[i] >= threshold, is = positive[i] != 0;

        x[i] = called && is;
        x[n + i] = called && !is;
        x[2 * n + i] = is;
        x[3 * n + i] = 1.0;
        o->tp += called && is;
        o->fp += called && !is;
        o->fn += !called && is;
        o->tn += !called && !is;
    }
    status = xr_additive_intervals(o->figures, sampler, bootstrap, &additive, err);
    if (status == 0 && proportions != XR_CI_NONE)
        proportions_of(o, bootstrap->confidence, proportions);
    say_reasons(o);
    free(x);
    return status;
}
