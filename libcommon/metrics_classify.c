/* xr-metrics of one table of predictions. */
#include "metrics_classify.h"

#include <stdlib.h>

#include "certificate.h"
#include "metrics_ledger.h"
#include "metrics_subgroups.h"
#include "stats_intervals.h"
#include "stats_report.h"

struct xr_bootstrap xr_classify_bootstrap(const struct xr_classify *set,
                                          const struct xr_cli *cli)
{
    static const enum xr_ci_method methods[] = {XR_CI_BCA, XR_CI_PERCENTILE, XR_CI_BASIC};

    return (struct xr_bootstrap){.n_resamples = set->resamples,
                                 .confidence = set->confidence,
                                 .method =
                                     set->resamples ? methods[set->method] : XR_CI_NONE,
                                 .seed = (uint64_t)cli->seed,
                                 .jobs = cli->jobs ? (int)cli->jobs : 1};
}

int xr_classify_check(const struct xr_classify *set, struct xr_err *err)
{
    if (set->group && set->auc_interval)
        return xr_fail_usage(err,
                             "--auc-interval: DeLong's interval is of independent rows, "
                             "not of those of --group");
    if (set->group && set->proportion_interval)
        return xr_fail_usage(err,
                             "--proportion-interval: these intervals are of independent "
                             "rows, not of those of --group");
    return xr_fit_check(&set->fit, set->split, err);
}

/* The rows are whole parts of the split that the certificate is of. */
static int verify(const struct xr_classify *set, const struct xr_cli *cli,
                  const struct xr_table *table, struct xr_err *err)
{
    struct xr_certificate certificate = {0};
    int status = 0;

    if (!set->certificate)
        return 0;
    if (xr_certificate_read(&certificate, set->certificate, err) ||
        xr_certificate_verify(&certificate, table, false, err))
        status = -1;
    else if (!xr_certificate_grouped(&certificate))
        xr_cli_warn(cli, "%s: the split was made without groups", certificate.name);
    xr_certificate_free(&certificate);
    return status;
}

int xr_classify_take(struct xr_predictions *p, const struct xr_classify *set,
                     const struct xr_cli *cli, struct xr_table *table, struct xr_err *err)
{
    const struct xr_predictions_options which = {.split = set->split,
                                                 .group = set->group,
                                                 .skip_unlabelled = set->skip_unlabelled};

    if (xr_predictions_take(p, table, &which, err))
        return -1;
    if (verify(set, cli, &p->table, err)) {
        xr_predictions_free(p);
        return -1;
    }
    if (!set->split && p->n_splits > 1)
        xr_cli_warn(cli,
                    "%s: rows of %zu splits are measured together; --split takes one",
                    p->table.name, p->n_splits);
    if (p->n_unlabelled)
        xr_cli_warn(cli, "%s: %zu rows without a label left out", p->table.name,
                    p->n_unlabelled);
    return 0;
}

struct xr_scored xr_classify_scored(const struct xr_classify *set,
                                    const struct xr_predictions *p)
{
    return (struct xr_scored){.n = p->n,
                              .k = p->k,
                              .p = p->p,
                              .label = p->label,
                              .group = p->group,
                              .n_groups = p->n_groups,
                              .stratified = set->stratified,
                              .n_bins = (size_t)set->bins,
                              .top_k = (size_t)set->top_k};
}

static enum xr_ci_method proportion_method(const struct xr_classify *set)
{
    static const enum xr_ci_method methods[] = {XR_CI_NONE, XR_CI_WILSON,
                                                XR_CI_CLOPPER_PEARSON};

    return methods[set->proportion_interval];
}

int xr_classify_figures(struct xr_figure *figures, struct xr_metrics **metrics,
                        const struct xr_classify *set, const struct xr_scored *scored,
                        const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    static const enum xr_ci_method areas[] = {XR_CI_NONE, XR_CI_DELONG,
                                              XR_CI_DELONG_LOGIT};

    if (xr_metrics_open(metrics, scored, err))
        return -1;
    if (xr_metrics_bootstrap(figures, *metrics, bootstrap, err) ||
        xr_metrics_intervals(figures, *metrics, scored, areas[set->auc_interval],
                             proportion_method(set), set->confidence, err)) {
        xr_metrics_close(*metrics);
        *metrics = NULL;
        return -1;
    }
    return 0;
}

/* What made the intervals. */
static void add_intervals(cJSON *json, const struct xr_classify *set,
                          const struct xr_bootstrap *b)
{
    static const char *const areas[] = {NULL, "delong", "delong_logit"};
    static const char *const proportions[] = {NULL, "wilson", "clopper_pearson"};
    const char *bootstrap = xr_ci_method_name(b->method);
    const char *area = areas[set->auc_interval];
    const char *proportion = proportions[set->proportion_interval];
    cJSON *intervals = cJSON_AddObjectToObject(json, "intervals");

    cJSON_AddStringToObject(intervals, "bootstrap", bootstrap);
    cJSON_AddStringToObject(intervals, "auc", area ? area : bootstrap);
    cJSON_AddStringToObject(intervals, "proportions",
                            proportion ? proportion : bootstrap);
}

cJSON *xr_classify_object(const struct xr_classify *set,
                          const struct xr_metrics_report *report, struct xr_buf *text,
                          struct xr_err *err)
{
    const struct xr_predictions *p = report->predictions;
    cJSON *json = xr_metrics_json(report, err);

    if (!json)
        return NULL;
    add_intervals(json, set, report->bootstrap);
    if ((set->by && xr_add_subgroups(json, set, p, report->bootstrap, set->by, err)) ||
        (set->decision &&
         xr_add_decision(json, set, p, report->bootstrap, set->decision, err)) ||
        (text &&
         (xr_metrics_text(text, report, err) || xr_subgroups_text(text, json, err) ||
          xr_decision_text(text, json, err)))) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

cJSON *xr_classify_rows(const struct xr_classify *set, const struct xr_cli *cli,
                        const struct xr_predictions *predictions, struct xr_buf *text,
                        struct xr_err *err)
{
    const struct xr_bootstrap bootstrap = xr_classify_bootstrap(set, cli);
    const struct xr_scored scored = xr_classify_scored(set, predictions);
    struct xr_figure *figures =
        xr_alloc_array(xr_n_metrics(scored.k), sizeof *figures, err);
    struct xr_metrics *metrics = NULL;
    cJSON *json = NULL;

    if (!figures ||
        xr_classify_figures(figures, &metrics, set, &scored, &bootstrap, err)) {
        xr_fail_in(err, "%s", predictions->table.name);
    } else {
        const struct xr_metrics_report report = {.predictions = predictions,
                                                 .metrics = metrics,
                                                 .figures = figures,
                                                 .bootstrap = &bootstrap,
                                                 .split = set->split,
                                                 .stratified = set->stratified};

        json = xr_classify_object(set, &report, text, err);
        if (json && xr_metrics_set_rows(json, cli, predictions, err)) {
            cJSON_Delete(json);
            json = NULL;
        }
    }
    xr_metrics_close(metrics);
    free(figures);
    return json;
}

void xr_classify_history(cJSON *json, const struct xr_cli *cli, const cJSON *inputs)
{
    cJSON *entry = xr_cli_history(cli, inputs);

    xr_metrics_set_files(json, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
}

static void add_digest(cJSON *inputs, const struct xr_table *table)
{
    cJSON_AddStringToObject(inputs, xr_last_part(table->name), table->digest);
}

/* The rows of table, after what is fitted on others. */
static cJSON *run_fitted(const struct xr_classify *set, const struct xr_cli *cli,
                         struct xr_table *table, cJSON *inputs, struct xr_buf *text,
                         struct xr_err *err)
{
    const struct xr_bootstrap bootstrap = xr_classify_bootstrap(set, cli);
    struct xr_predictions predictions = {0};
    struct xr_fit_rows rows = {0};
    cJSON *json = NULL, *said = NULL;
    bool wanted = xr_fit_wanted(&set->fit);

    add_digest(inputs, table);
    if ((wanted && xr_fit_read(&rows, &set->fit, table, set->skip_unlabelled, err)) ||
        xr_classify_take(&predictions, set, cli, table, err))
        goto done;
    if (rows.own_table)
        add_digest(inputs, &rows.predictions.table);
    if (wanted && (xr_fit_apart(&rows, &predictions, err) ||
                   xr_fit_calibrate(&rows, &predictions, &set->fit, cli, &said, err)))
        goto done;
    json = xr_classify_rows(set, cli, &predictions, text, err);
    if (json && said) {
        cJSON_AddItemToObject(json, "calibrated_by", said);
        said = NULL;
    }
    if (json && wanted &&
        xr_fit_operate(json, text, &rows, &predictions, &set->fit, set->split,
                       set->stratified, &bootstrap, proportion_method(set), err)) {
        cJSON_Delete(json);
        json = NULL;
    }
done:
    cJSON_Delete(said);
    xr_fit_free(&rows);
    xr_predictions_free(&predictions);
    return json;
}

cJSON *xr_classify_run(const struct xr_classify *set, const struct xr_cli *cli,
                       const char *path, struct xr_buf *text, struct xr_err *err)
{
    struct xr_table table;
    cJSON *json, *inputs;

    if (xr_table_read(&table, path, err))
        return NULL;
    inputs = cJSON_CreateObject();
    json = run_fitted(set, cli, &table, inputs, text, err);
    if (json)
        xr_classify_history(json, cli, inputs);
    cJSON_Delete(inputs);
    return json;
}
