/* xr-metrics: the figures of a classifier with their intervals, from a CSV of
 * predictions. */
#include <stdlib.h>

#include "certificate.h"
#include "cli.h"
#include "json.h"
#include "predictions.h"
#include "stats_metrics.h"
#include "stats_report.h"

struct settings {
    int64_t resamples;
    double confidence;
    int method;
    char *split, *group;
    char *certificate;
    bool skip_unlabelled, text;
};

static const struct xr_opt options[] = {
    {"resamples", 'n', XR_OPT_INT, offsetof(struct settings, resamples), "N",
     "resamples of the bootstrap, 0 for no intervals", 0, 1e7, NULL, false},
    {"confidence", 0, XR_OPT_REAL, offsetof(struct settings, confidence), "P",
     "level of the intervals", 0.01, 0.9999, NULL, false},
    {"method", 0, XR_OPT_CHOICE, offsetof(struct settings, method), "METHOD",
     "bca or percentile bounds", 0, 0, "bca|percentile", false},
    {"split", 0, XR_OPT_TEXT, offsetof(struct settings, split), "NAME",
     "only rows of this split", 0, 0, NULL, false},
    {"group", 0, XR_OPT_TEXT, offsetof(struct settings, group), "COLUMN",
     "resample whole groups of this column", 0, 0, NULL, false},
    {"certificate", 0, XR_OPT_TEXT, offsetof(struct settings, certificate), "FILE",
     "verify that the rows are whole parts of this split", 0, 0, NULL, false},
    {"skip-unlabelled", 0, XR_OPT_FLAG, offsetof(struct settings, skip_unlabelled), NULL,
     "leave out rows without a label", 0, 0, NULL, false},
    {"text", 't', XR_OPT_FLAG, offsetof(struct settings, text), NULL,
     "a report for people instead of JSON", 0, 0, NULL, false},
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-metrics",
    .summary = "measure predictions against labels, each figure with its interval",
    .operands = "[FILE]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_HISTORY,
    .max_operands = 1,
};

/* The rows are whole parts of the split that the certificate is of. */
static int verify(const struct xr_table *table, const struct settings *set,
                  const struct xr_cli *cli, struct xr_err *err)
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

static int write_json(struct xr_out *out, const struct xr_metrics_report *report,
                      const struct xr_cli *cli, struct xr_err *err)
{
    const struct xr_table *table = &report->predictions->table;
    cJSON *json = xr_metrics_json(report, err), *inputs, *entry;
    int status;

    if (!json)
        return -1;
    inputs = cJSON_CreateObject();
    cJSON_AddStringToObject(inputs, xr_last_part(table->name), table->digest);
    entry = xr_cli_history(cli, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
    status = xr_json_write(out, json, err);
    cJSON_Delete(inputs);
    cJSON_Delete(json);
    return status;
}

static int write_text(struct xr_out *out, const struct xr_metrics_report *report,
                      struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = xr_metrics_text(&buf, report, err);

    if (status == 0)
        status = xr_out_write(out, buf.data, buf.size, err);
    xr_buf_free(&buf);
    return status;
}

int main(int argc, char **argv)
{
    struct settings set = {.resamples = 9999, .confidence = 0.95};
    struct xr_cli cli;
    struct xr_predictions_options which;
    struct xr_predictions predictions = {0};
    struct xr_bootstrap bootstrap;
    struct xr_metrics_report report;
    struct xr_metrics *metrics = NULL;
    struct xr_figure *figures = NULL;
    struct xr_out *out = NULL;
    struct xr_scored scored;
    struct xr_err err = {0};
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    which = (struct xr_predictions_options){
        .split = set.split, .group = set.group, .skip_unlabelled = set.skip_unlabelled};
    bootstrap = (struct xr_bootstrap){.n_resamples = set.resamples,
                                      .confidence = set.confidence,
                                      .method = set.method ? XR_CI_PERCENTILE : XR_CI_BCA,
                                      .seed = (uint64_t)cli.seed,
                                      .jobs = cli.jobs ? (int)cli.jobs : 1};
    if (bootstrap.n_resamples == 0)
        bootstrap.method = XR_CI_NONE;

    if (xr_predictions_read(&predictions, xr_cli_input(&cli), &which, &err))
        goto done;
    if (verify(&predictions.table, &set, &cli, &err))
        goto done;
    if (!set.split && predictions.n_splits > 1)
        xr_cli_warn(&cli,
                    "%s: rows of %zu splits are measured together; --split takes one",
                    predictions.table.name, predictions.n_splits);
    if (predictions.n_unlabelled)
        xr_cli_warn(&cli, "%s: %zu rows without a label left out", predictions.table.name,
                    predictions.n_unlabelled);
    scored = (struct xr_scored){.n = predictions.n,
                                .k = predictions.k,
                                .p = predictions.p,
                                .label = predictions.label,
                                .group = predictions.group,
                                .n_groups = predictions.n_groups};
    figures = xr_alloc_array(xr_n_metrics(scored.k), sizeof *figures, &err);
    if (!figures || xr_metrics_open(&metrics, &scored, &err) ||
        xr_metrics_bootstrap(figures, metrics, &bootstrap, &err)) {
        xr_fail_in(&err, "%s", predictions.table.name);
        goto done;
    }

    report = (struct xr_metrics_report){.predictions = &predictions,
                                        .metrics = metrics,
                                        .figures = figures,
                                        .bootstrap = &bootstrap,
                                        .split = set.split};
    if (xr_out_open(&out, cli.output, 0, &err) == 0 &&
        (set.text ? write_text(out, &report, &err)
                  : write_json(out, &report, &cli, &err)) == 0 &&
        xr_out_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_out_close(out);
    xr_metrics_close(metrics);
    free(figures);
    xr_predictions_free(&predictions);
    return xr_cli_end(&cli, status, &err);
}
