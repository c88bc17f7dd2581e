/*
 * Reading the stored values of scikit-learn and SciPy (../shared/golden/metrics) and
 * comparing with them.
 */
#ifndef METRICS_REFERENCE_H
#define METRICS_REFERENCE_H

#include "json.h"
#include "predictions.h"
#include "stats_metrics.h"

#include "tap.h"

static void need(int good, const struct xr_err *err)
{
    if (good)
        return;
    printf("Bail out! %s\n", err->text);
    exit(1);
}

/* One figure: null is undefined; abs 1e-10 or rel 1e-9. Returns 1 if it agrees. */
__attribute__((unused)) static int agrees(double got, const cJSON *want, const char *file,
                                          const char *what)
{
    double v = cJSON_IsNumber(want) ? want->valuedouble : NAN;

    if (!want) {
        printf("# %s: %s: nothing to compare with\n", file, what);
        return 0;
    }
    if (isnan(got) && isnan(v))
        return 1;
    if (fabs(got - v) <= 1e-10 || fabs(got - v) <= 1e-9 * fabs(v))
        return 1;
    printf("# %s: %s: got %.17g, want %.17g\n", file, what, got, v);
    return 0;
}

__attribute__((unused)) static const cJSON *get(const cJSON *object, const char *a,
                                                const char *b)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, a);

    return b ? cJSON_GetObjectItemCaseSensitive(item, b) : item;
}

__attribute__((unused)) static void load_rows(struct xr_predictions *pred,
                                              const char *dir, const char *file)
{
    struct xr_predictions_options options = {0};
    struct xr_err err = {0};
    char path[4400];

    snprintf(path, sizeof path, "%s/golden/metrics/%s.csv", dir, file);
    need(!xr_predictions_read(pred, path, &options, &err), &err);
}

__attribute__((unused)) static void load(struct xr_predictions *pred,
                                         struct xr_metrics **m, const char *dir,
                                         const char *file)
{
    struct xr_scored scored;
    struct xr_err err = {0};

    load_rows(pred, dir, file);
    scored = (struct xr_scored){
        .n = pred->n, .k = pred->k, .p = pred->p, .label = pred->label};
    need(!xr_metrics_open(m, &scored, &err), &err);
}

__attribute__((unused)) static cJSON *expected(const char *dir, const char *file)
{
    struct xr_err err = {0};
    char path[4400];
    cJSON *json;

    snprintf(path, sizeof path, "%s/golden/metrics/%s.expected.json", dir, file);
    json = xr_json_read(path, NULL, &err);
    need(json != NULL, &err);
    return json;
}

#endif
