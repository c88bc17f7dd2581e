/* Decision curves of a table of predictions. */
#include "metrics_subgroups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_parts.h"
#include "stats_decision.h"

#define N_THRESHOLDS 99

static void add_curve(cJSON *list, const char *name, const struct xr_decision *d)
{
    cJSON *curve = cJSON_CreateObject(), *counts[2], *figures[2];

    cJSON_AddItemToArray(list, curve);
    cJSON_AddStringToObject(curve, "class", name);
    cJSON_AddItemToObject(curve, "threshold",
                          cJSON_CreateDoubleArray(d->threshold, (int)d->n_thresholds));
    counts[0] = cJSON_AddArrayToObject(curve, "tp");
    counts[1] = cJSON_AddArrayToObject(curve, "fp");
    figures[0] = cJSON_AddArrayToObject(curve, "net_benefit");
    figures[1] = cJSON_AddArrayToObject(curve, "treat_all");
    for (size_t t = 0; t < d->n_thresholds; t++) {
        cJSON_AddItemToArray(counts[0], cJSON_CreateNumber((double)d->tp[t]));
        cJSON_AddItemToArray(counts[1], cJSON_CreateNumber((double)d->fp[t]));
        cJSON_AddItemToArray(figures[0], xr_figure_json(&d->net_benefit[t]));
        cJSON_AddItemToArray(figures[1], xr_figure_json(&d->treat_all[t]));
    }
}

/* The class whose name is the first `length` bytes of text; k: none. */
static size_t find_class(const struct xr_predictions *p, const char *text, size_t length)
{
    size_t c = 0;

    while (c < p->k &&
           (strlen(p->classes[c]) != length || memcmp(p->classes[c], text, length) != 0))
        c++;
    return c;
}

int xr_add_decision(cJSON *json, const struct xr_classify *set,
                    const struct xr_predictions *p, const struct xr_bootstrap *bootstrap,
                    const char *classes, struct xr_err *err)
{
    const struct xr_scored scored = xr_classify_scored(set, p);
    cJSON *list = cJSON_AddArrayToObject(json, "decision_curves");
    double threshold[N_THRESHOLDS];

    for (int t = 0; t < N_THRESHOLDS; t++)
        threshold[t] = (t + 1) / 100.0;
    for (const char *at = classes; at;) {
        /* a class may have a comma in its name */
        size_t length =
            find_class(p, at, strlen(at)) < p->k ? strlen(at) : strcspn(at, ",");
        size_t c = find_class(p, at, length);
        struct xr_decision d;

        if (c == p->k)
            return xr_fail_usage(err, "--decision: '%.*s': %s has no such class",
                                 (int)length, at, p->table.name);
        if (xr_decision_make(&d, &scored, c, threshold, N_THRESHOLDS, bootstrap, err))
            return -1;
        add_curve(list, p->classes[c], &d);
        xr_decision_free(&d);
        at = at[length] ? at + length + 1 : NULL;
    }
    return 0;
}

/* --- text ------------------------------------------------------------------------- */

static const cJSON *item(const cJSON *curve, const char *key, int at)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(curve, key), at);
}

static int put_line(struct xr_buf *buf, const cJSON *curve, int at, struct xr_err *err)
{
    size_t from;

    if (xr_buf_printf(
            buf, err, "%9.2f  %6.0f  %6.0f  ", item(curve, "threshold", at)->valuedouble,
            item(curve, "tp", at)->valuedouble, item(curve, "fp", at)->valuedouble))
        return -1;
    from = buf->size;
    return xr_text_figure(buf, item(curve, "net_benefit", at), true, err) ||
                   xr_text_fill(buf, from, XR_FIGURE_WIDTH + 2, err) ||
                   xr_text_figure(buf, item(curve, "treat_all", at), true, err) ||
                   xr_buf_text(buf, "\n", err)
               ? -1
               : 0;
}

int xr_decision_text(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    /* of 0.01 to 0.99 */
    static const int shown[] = {0, 1, 4, 9, 14, 19, 24, 29, 39, 49, 59, 69, 79, 89, 94};
    const cJSON *curve;
    size_t from = buf->size;

    cJSON_ArrayForEach(curve, cJSON_GetObjectItemCaseSensitive(json, "decision_curves"))
    {
        if (xr_buf_text(buf, "Net benefit of acting on ", err) ||
            xr_text_pad(buf, xr_json_text(curve, "class", ""), 0, false, err) ||
            xr_buf_printf(buf, err,
                          " (to act on none: 0)\nthreshold      TP      FP  %-*s  %s\n",
                          XR_FIGURE_WIDTH, "net benefit", "to act on all"))
            return -1;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            if (put_line(buf, curve, shown[i], err))
                return -1;
        if (xr_buf_text(buf, "\n", err))
            return -1;
    }
    if (xr_text_star(buf, from, err))
        return -1;
    xr_text_trim(buf, from);
    return 0;
}
