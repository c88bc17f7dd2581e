/* xr-metrics of one table of predictions. */
#include "metrics_classify.h"

#include <stdlib.h>

#include "certificate.h"
#include "predictions.h"
#include "stats_report.h"

/* One run: what was read and what was made of it. */
struct run {
    const struct xr_classify *set;
    const struct xr_cli *cli;
    struct xr_predictions predictions;
    struct xr_bootstrap bootstrap;
    struct xr_metrics *metrics;
    struct xr_figure *figures; /* [xr_n_metrics(k)] */
};

struct xr_bootstrap xr_classify_bootstrap(const struct xr_classify *set,
                                          const struct xr_cli *cli)
{
    enum xr_ci_method method = set->method ? XR_CI_PERCENTILE : XR_CI_BCA;

    return (struct xr_bootstrap){.n_resamples = set->resamples,
                                 .confidence = set->confidence,
                                 .method = set->resamples ? method : XR_CI_NONE,
                                 .seed = (uint64_t)cli->seed,
                                 .jobs = cli->jobs ? (int)cli->jobs : 1};
}

/* The rows are whole parts of the split that the certificate is of. */
static int verify(const struct run *run, struct xr_err *err)
{
    struct xr_certificate certificate = {0};
    int status = 0;

    if (!run->set->certificate)
        return 0;
    if (xr_certificate_read(&certificate, run->set->certificate, err) ||
        xr_certificate_verify(&certificate, &run->predictions.table, false, err))
        status = -1;
    else if (!xr_certificate_grouped(&certificate))
        xr_cli_warn(run->cli, "%s: the split was made without groups", certificate.name);
    xr_certificate_free(&certificate);
    return status;
}

static int read_rows(struct run *run, const char *path, struct xr_err *err)
{
    const struct xr_predictions_options which = {.split = run->set->split,
                                                 .group = run->set->group,
                                                 .skip_unlabelled =
                                                     run->set->skip_unlabelled};
    const struct xr_predictions *p = &run->predictions;

    if (xr_predictions_read(&run->predictions, path, &which, err) || verify(run, err))
        return -1;
    if (!run->set->split && p->n_splits > 1)
        xr_cli_warn(run->cli,
                    "%s: rows of %zu splits are measured together; --split takes one",
                    p->table.name, p->n_splits);
    if (p->n_unlabelled)
        xr_cli_warn(run->cli, "%s: %zu rows without a label left out", p->table.name,
                    p->n_unlabelled);
    return 0;
}

static int measure(struct run *run, struct xr_err *err)
{
    const struct xr_predictions *p = &run->predictions;
    const struct xr_scored scored = {.n = p->n,
                                     .k = p->k,
                                     .p = p->p,
                                     .label = p->label,
                                     .group = p->group,
                                     .n_groups = p->n_groups};

    run->figures = xr_alloc_array(xr_n_metrics(p->k), sizeof *run->figures, err);
    if (!run->figures || xr_metrics_open(&run->metrics, &scored, err) ||
        xr_metrics_bootstrap(run->figures, run->metrics, &run->bootstrap, err))
        return xr_fail_in(err, "%s", p->table.name);
    return 0;
}

static void add_history(cJSON *json, const struct run *run)
{
    const struct xr_table *table = &run->predictions.table;
    cJSON *inputs = cJSON_CreateObject(), *entry;

    cJSON_AddStringToObject(inputs, xr_last_part(table->name), table->digest);
    entry = xr_cli_history(run->cli, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
    cJSON_Delete(inputs);
}

cJSON *xr_classify_run(const struct xr_classify *set, const struct xr_cli *cli,
                       const char *path, struct xr_buf *text, struct xr_err *err)
{
    struct run run = {.set = set, .cli = cli};
    struct xr_metrics_report report;
    cJSON *json = NULL;

    run.bootstrap = xr_classify_bootstrap(set, cli);
    if (read_rows(&run, path, err) || measure(&run, err))
        goto done;
    report = (struct xr_metrics_report){.predictions = &run.predictions,
                                        .metrics = run.metrics,
                                        .figures = run.figures,
                                        .bootstrap = &run.bootstrap,
                                        .split = set->split};
    if ((text && xr_metrics_text(text, &report, err)) ||
        !(json = xr_metrics_json(&report, err)))
        goto done;
    add_history(json, &run);
done:
    xr_metrics_close(run.metrics);
    free(run.figures);
    xr_predictions_free(&run.predictions);
    return json;
}
