/* Log rows, monitored figures, scores of a pass. */
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_metrics.h"

/* --- the monitored figure
 * ------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
    bool lower;
} columns[] = {
    {"loss", offsetof(struct xr_log_row, loss), true},
    {"accuracy", offsetof(struct xr_log_row, accuracy), false},
    {"balanced_accuracy", offsetof(struct xr_log_row, balanced_accuracy), false},
    {"auc", offsetof(struct xr_log_row, auc), false},
    {"lr", offsetof(struct xr_log_row, lr), true},
};

int xr_monitor_parse(struct xr_monitor *m, const char *text, bool has_val,
                     struct xr_err *err)
{
    const char *colon = strchr(text, ':');

    snprintf(m->split, sizeof m->split, "%.*s", colon ? (int)(colon - text) : 7,
             colon     ? text
             : has_val ? "val"
                       : "train");
    if (strcmp(m->split, "train") && strcmp(m->split, "val"))
        return xr_fail_usage(err, "--monitor: '%s': not train:COLUMN or val:COLUMN",
                             text);
    if (!strcmp(m->split, "val") && !has_val)
        return xr_fail_usage(err, "--monitor: '%s' needs --val", text);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!strcmp(columns[i].name, colon ? colon + 1 : text)) {
            snprintf(m->column, sizeof m->column, "%s", columns[i].name);
            m->lower = columns[i].lower;
            return 0;
        }
    }
    return xr_fail_usage(err, "--monitor: '%s' is not a figure of the log", text);
}

int xr_monitor_read(double *value, const struct xr_monitor *m,
                    const struct xr_log_row *row)
{
    if (strcmp(m->split, row->split))
        return 0;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!strcmp(columns[i].name, m->column))
            memcpy(value, (const char *)row + columns[i].offset, sizeof *value);
    }
    return 1;
}

/* --- log rows
 * ------------------------------------------------------------------------------------ */

static int figure(struct xr_buf *buf, double v, const char *format, struct xr_err *err)
{
    char text[40] = "";

    if (isfinite(v))
        snprintf(text, sizeof text, format, v); /* NOLINT: formats of this file */
    return xr_buf_printf(buf, err, ",%s", text);
}

int xr_log_format(struct xr_buf *buf, const struct xr_log_row *row, struct xr_err *err)
{
    return xr_buf_printf(buf, err, "%lld,%s", (long long)row->epoch, row->split) ||
                   figure(buf, row->loss, "%.9g", err) ||
                   figure(buf, row->accuracy, "%.9g", err) ||
                   figure(buf, row->balanced_accuracy, "%.9g", err) ||
                   figure(buf, row->auc, "%.9g", err) ||
                   figure(buf, row->lr, "%.9g", err) ||
                   figure(buf, row->seconds, "%.3f", err) ||
                   figure(buf, row->images_per_second, "%.2f", err) ||
                   xr_buf_text(buf, "\n", err)
               ? -1
               : 0;
}

static void add(cJSON *json, const char *name, double v)
{
    if (isfinite(v))
        cJSON_AddNumberToObject(json, name, v);
    else
        cJSON_AddNullToObject(json, name);
}

cJSON *xr_log_json(const struct xr_log_row *row)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "epoch", (double)row->epoch);
    cJSON_AddStringToObject(json, "split", row->split);
    add(json, "loss", row->loss);
    add(json, "accuracy", row->accuracy);
    add(json, "balanced_accuracy", row->balanced_accuracy);
    add(json, "auc", row->auc);
    return json;
}

/* --- scores
 * --------------------------------------------------------------------------------------
 */

int xr_scores_add(struct xr_scores *s, const float *logits, const int64_t *labels,
                  size_t n, double loss, double weight, struct xr_err *err)
{
    if (s->n + n > s->room) {
        size_t room = 2 * (s->n + n);
        float *p = realloc(s->p, room * s->k * sizeof *p);
        int64_t *l;

        if (p)
            s->p = p;
        l = p ? realloc(s->labels, room * sizeof *l) : NULL;
        if (!l)
            return xr_fail(err, "out of memory");
        s->labels = l;
        s->room = room;
    }
    xk_softmax(s->p + s->n * s->k, logits, n, s->k);
    memcpy(s->labels + s->n, labels, n * sizeof *labels);
    s->n += n;
    s->loss += loss * weight;
    s->weight += weight;
    return 0;
}

int xr_scores_row(struct xr_log_row *row, const struct xr_scores *s, struct xr_err *err)
{
    double *figures = xr_alloc_array(xr_n_metrics(s->k), sizeof *figures, err);
    int rc;

    if (!figures)
        return -1;
    rc = xr_metrics_point(figures, s->p, s->labels, s->n, s->k, err);
    row->loss = s->loss / s->weight;
    row->accuracy = figures[XR_METRIC_ACCURACY];
    row->balanced_accuracy = figures[XR_METRIC_BALANCED_ACCURACY];
    row->auc = figures[XR_METRIC_ROC_AUC_MACRO];
    free(figures);
    return rc;
}

void xr_scores_clear(struct xr_scores *s)
{
    s->n = 0;
    s->loss = s->weight = 0;
}

void xr_scores_free(struct xr_scores *s)
{
    free(s->p);
    free(s->labels);
    memset(s, 0, sizeof *s);
}
