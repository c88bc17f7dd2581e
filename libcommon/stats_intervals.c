/* Intervals of figures by formula. */
#include "stats_intervals.h"

#include <math.h>
#include <stdlib.h>

#include "stats_delong.h"
#include "stats_proportion.h"

/* The new interval of a figure; its value and reason stay. */
static void replace(struct xr_figure *figure, const struct xr_figure *by)
{
    const char *reason = figure->reason;
    double value = figure->value;

    *figure = *by;
    figure->value = value;
    figure->reason = reason;
}

static int delong_class(struct xr_figure *figures, const struct xr_scored *s, size_t c,
                        double *score, unsigned char *positive, bool logit,
                        double confidence, struct xr_err *err)
{
    struct xr_figure *area = &figures[xr_metric_at(c, XR_CLASS_ROC_AUC)], by;
    const double *const scores[1] = {score};
    double auc, variance;

    if (isnan(area->value))
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        score[i] = s->p[i * s->k + c];
        positive[i] = s->label[i] == c;
    }
    if (xr_delong(&auc, &variance, scores, positive, s->n, 1, err))
        return -1;
    xr_delong_interval(&by, auc, variance, confidence, logit);
    if (by.method == XR_CI_NONE)
        area->note = by.note;
    else
        replace(area, &by);
    return 0;
}

static int delong(struct xr_figure *figures, const struct xr_scored *s, bool logit,
                  double confidence, struct xr_err *err)
{
    static const enum xr_metric same[] = {
        XR_METRIC_ROC_AUC_MACRO, XR_METRIC_ROC_AUC_WEIGHTED, XR_METRIC_ROC_AUC_OVO_MACRO,
        XR_METRIC_ROC_AUC_OVO_WEIGHTED};
    double *score = xr_alloc_array(s->n, sizeof *score, err);
    unsigned char *positive = xr_alloc_array(s->n, 1, err);
    int status = score && positive ? 0 : -1;

    for (size_t c = 0; status == 0 && c < s->k; c++)
        status = delong_class(figures, s, c, score, positive, logit, confidence, err);
    for (size_t i = 0; s->k == 2 && i < sizeof same / sizeof *same; i++)
        if (!isnan(figures[same[i]].value))
            replace(&figures[same[i]], &figures[xr_metric_at(1, XR_CLASS_ROC_AUC)]);
    free(score);
    free(positive);
    return status;
}

static int proportion(struct xr_figure *figures, const struct xr_metrics *metrics,
                      size_t n, enum xr_ci_method method, double confidence,
                      struct xr_err *err)
{
    uint64_t *part = xr_alloc_array(n, sizeof *part, err);
    uint64_t *whole = xr_alloc_array(n, sizeof *whole, err);
    int status = -1;

    if (part && whole && xr_metrics_shares(part, whole, metrics, err) == 0) {
        for (size_t f = 0; f < n; f++) {
            struct xr_figure by;

            if (whole[f] == UINT64_MAX)
                continue;
            xr_proportion(&by, part[f], whole[f], confidence, method);
            replace(&figures[f], &by);
        }
        status = 0;
    }
    free(part);
    free(whole);
    return status;
}

int xr_metrics_intervals(struct xr_figure *figures, const struct xr_metrics *metrics,
                         const struct xr_scored *scored, enum xr_ci_method auc,
                         enum xr_ci_method proportions, double confidence,
                         struct xr_err *err)
{
    if (auc != XR_CI_NONE &&
        delong(figures, scored, auc == XR_CI_DELONG_LOGIT, confidence, err))
        return -1;
    return proportions == XR_CI_NONE
               ? 0
               : proportion(figures, metrics, xr_n_metrics(scored->k), proportions,
                            confidence, err);
}
