/* xr-metrics --stream. */
#include "metrics_stream.h"

#include <stdlib.h>
#include <string.h>

#include "csv_parts.h"
#include "stats_report.h"
#include "stats_stream.h"

/* What is known after all parts. */
struct summed {
    struct xr_stream_sums *sums;
    char **classes; /* [k] */
    size_t k, n, n_unlabelled;
    bool splits; /* more than one split was measured */
    char digest[XR_SHA256_TEXT];
};

int xr_stream_check(const struct xr_classify *set, struct xr_err *err)
{
    if (set->stratified || set->auc_interval || set->certificate || set->by ||
        set->decision || xr_fit_wanted(&set->fit))
        return xr_fail_usage(err, "--stream keeps no rows: not with --stratified, "
                                  "--auc-interval, --certificate, --by, --decision, --at "
                                  "or --calibrate");
    return 0;
}

static void summed_free(struct summed *s)
{
    for (size_t c = 0; s->classes && c < s->k; c++)
        free(s->classes[c]);
    free(s->classes);
    xr_stream_sums_close(s->sums);
}

/* The classes, from the first part. */
static int begin(struct summed *s, const struct xr_predictions *p,
                 const struct xr_classify *set, struct xr_err *err)
{
    if (s->sums)
        return 0;
    s->k = p->k;
    s->classes = xr_alloc_array(p->k, sizeof *s->classes, err);
    if (!s->classes)
        return -1;
    for (size_t c = 0; c < p->k; c++)
        if (!(s->classes[c] = xr_strdup(p->classes[c], err)))
            return -1;
    return xr_stream_sums_open(&s->sums, p->k, (size_t)set->bins, (size_t)set->top_k,
                               err);
}

static int add_part(struct summed *s, const struct xr_predictions *p,
                    const struct xr_classify *set, struct xr_err *err)
{
    int key = xr_table_col(&p->table, "key"), group = -1;

    if (begin(s, p, set, err) ||
        (set->group && xr_table_need(&group, &p->table, set->group, err)))
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        const char *unit = group < 0 ? "" : xr_cell(&p->table, p->row[i], (size_t)group);

        if (!*unit)
            unit = xr_cell(&p->table, p->row[i], (size_t)key);
        xr_stream_sums_add(s->sums, p->p + i * p->k, p->label[i], unit);
    }
    s->n += p->n;
    s->n_unlabelled += p->n_unlabelled;
    s->splits = s->splits || p->n_splits > 1;
    return 0;
}

static int read_parts(struct summed *s, const struct xr_classify *set, const char *path,
                      struct xr_err *err)
{
    const struct xr_predictions_options which = {.split = set->split,
                                                 .skip_unlabelled = set->skip_unlabelled,
                                                 .may_be_empty = true};
    struct xr_parts *parts = NULL;
    struct xr_table table;
    int got;

    if (xr_parts_open(&parts, path, err))
        return -1;
    while ((got = xr_parts_next(&table, parts, err)) > 0) {
        struct xr_predictions p;

        if (xr_predictions_take(&p, &table, &which, err)) {
            got = -1;
            break;
        }
        if (add_part(s, &p, set, err))
            got = -1;
        xr_predictions_free(&p);
        if (got < 0)
            break;
    }
    xr_parts_digest(s->digest, parts);
    xr_parts_close(parts);
    if (got == 0 && s->n == 0)
        return xr_fail(err, "%s: no row to measure", xr_input_name(path));
    return got;
}

static cJSON *report_of(const struct summed *s, const struct xr_classify *set,
                        const struct xr_cli *cli, struct xr_buf *text, struct xr_err *err)
{
    static const enum xr_ci_method methods[] = {XR_CI_NONE, XR_CI_WILSON,
                                                XR_CI_CLOPPER_PEARSON};
    const struct xr_bootstrap bootstrap = xr_classify_bootstrap(set, cli);
    const struct xr_predictions p = {.n = s->n,
                                     .k = s->k,
                                     .classes = (const char **)s->classes,
                                     .n_unlabelled = s->n_unlabelled};
    size_t n_bins = (size_t)set->bins;
    uint64_t *confusion = xr_alloc_array(s->k * s->k, sizeof *confusion, err);
    uint64_t *n = xr_alloc_array(n_bins, sizeof *n, err);
    uint64_t *right = xr_alloc_array(n_bins, sizeof *right, err);
    double *confidence = xr_alloc_array(n_bins, sizeof *confidence, err);
    struct xr_figure *figures = xr_alloc_array(xr_n_metrics(s->k), sizeof *figures, err);
    cJSON *json = NULL;

    if (confusion && n && right && confidence && figures &&
        xr_stream_sums_figures(figures, s->sums, &bootstrap,
                               methods[set->proportion_interval], err) == 0) {
        const struct xr_metrics_counts counts = {.confusion = confusion,
                                                 .n_bins = n_bins,
                                                 .top_k = (size_t)set->top_k,
                                                 .n_blocks =
                                                     xr_stream_sums_n_blocks(s->sums),
                                                 .bin_n = n,
                                                 .bin_right = right,
                                                 .bin_confidence = confidence};
        const struct xr_metrics_report report = {.predictions = &p,
                                                 .counts = &counts,
                                                 .figures = figures,
                                                 .bootstrap = &bootstrap,
                                                 .split = set->split};

        xr_stream_sums_counts(confusion, n, right, confidence, s->sums);
        json = xr_classify_object(set, &report, text, err);
    }
    free(confusion);
    free(n);
    free(right);
    free(confidence);
    free(figures);
    return json;
}

cJSON *xr_stream_run(const struct xr_classify *set, const struct xr_cli *cli,
                     const char *path, struct xr_buf *text, struct xr_err *err)
{
    struct summed s = {0};
    cJSON *json = NULL, *inputs;

    if (read_parts(&s, set, path, err) == 0) {
        if (s.splits)
            xr_cli_warn(cli,
                        "%s: rows of several splits are measured together; --split "
                        "takes one",
                        xr_input_name(path));
        json = report_of(&s, set, cli, text, err);
    }
    if (json) {
        inputs = cJSON_CreateObject();
        cJSON_AddStringToObject(inputs, xr_last_part(xr_input_name(path)), s.digest);
        xr_classify_history(json, cli, inputs);
        cJSON_Delete(inputs);
    }
    summed_free(&s);
    return json;
}
