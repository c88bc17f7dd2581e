/* xr-metrics: the figures of a classifier with their intervals, from a CSV of
 * predictions. */
#include <stdlib.h>

#include "cli.h"
#include "json.h"
#include "metrics_classify.h"
#include "metrics_combine.h"
#include "metrics_compare.h"

struct settings {
    struct xr_classify classify;
    struct xr_combine combine;
    bool text;
};

#define AT(field) offsetof(struct settings, field)
static const struct xr_opt options[] = {
    {"resamples", 'n', XR_OPT_INT, AT(classify.resamples), "N",
     "resamples of the bootstrap, 0 for no intervals", 0, 1e7, NULL, false},
    {"confidence", 0, XR_OPT_REAL, AT(classify.confidence), "P", "level of the intervals",
     0.01, 0.9999, NULL, false},
    {"method", 0, XR_OPT_CHOICE, AT(classify.method), "METHOD",
     "bounds of the bootstrap: bca, percentile or basic", 0, 0, XR_CLASSIFY_METHODS,
     false},
    {"auc-interval", 0, XR_OPT_CHOICE, AT(classify.auc_interval), "METHOD",
     "of areas: bootstrap, delong or delong-logit", 0, 0, XR_CLASSIFY_AUC, false},
    {"proportion-interval", 0, XR_OPT_CHOICE, AT(classify.proportion_interval), "METHOD",
     "of proportions: bootstrap, wilson or clopper-pearson", 0, 0,
     XR_CLASSIFY_PROPORTIONS, false},
    {"stratified", 0, XR_OPT_FLAG, AT(classify.stratified), NULL,
     "resample within each class", 0, 0, NULL, false},
    {"bins", 0, XR_OPT_INT, AT(classify.bins), "N", "bins of the calibration errors", 1,
     1000, NULL, false},
    {"top-k", 0, XR_OPT_INT, AT(classify.top_k), "K", "of the top-k accuracy", 1, 1000,
     NULL, false},
    {"split", 0, XR_OPT_TEXT, AT(classify.split), "NAME", "only rows of this split", 0, 0,
     NULL, false},
    {"group", 0, XR_OPT_TEXT, AT(classify.group), "COLUMN",
     "resample whole groups of this column", 0, 0, NULL, false},
    {"certificate", 0, XR_OPT_TEXT, AT(classify.certificate), "FILE",
     "verify that the rows are whole parts of this split", 0, 0, NULL, false},
    {"skip-unlabelled", 0, XR_OPT_FLAG, AT(classify.skip_unlabelled), NULL,
     "leave out rows without a label", 0, 0, NULL, false},
    {"by", 0, XR_OPT_TEXT, AT(classify.by), "COLUMNS",
     "subgroups and gaps: center,age:0-18-40-65-", 0, 0, NULL, false},
    {"decision", 0, XR_OPT_TEXT, AT(classify.decision), "CLASSES",
     "decision curves of these", 0, 0, NULL, false},
    {"ensemble", 0, XR_OPT_CHOICE, AT(combine.ensemble), "RULE",
     "measure the tables' ensemble", 0, 0, XR_COMBINE_ENSEMBLES, false},
    {"predictions-out", 0, XR_OPT_TEXT, AT(combine.predictions_out), "FILE",
     "write the table that was measured", 0, 0, NULL, true},
    {"text", 't', XR_OPT_FLAG, AT(text), NULL, "a report for people instead of JSON", 0,
     0, NULL, false},
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-metrics",
    .summary = "measure predictions against labels, each figure with its interval",
    .operands = "[FILE...]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_HISTORY,
    .max_operands = -1,
};

/* One mode makes the object, and its text where that is asked for. */
static cJSON *measure(const struct settings *set, const struct xr_cli *cli,
                      struct xr_buf *text, struct xr_err *err)
{
    if (xr_combine_check(&set->combine, cli, err))
        return NULL;
    if (set->combine.ensemble)
        return xr_ensemble_run(&set->combine, &set->classify, cli, text, err);
    if (cli->n_operands > 1 && (set->classify.by || set->classify.decision)) {
        xr_fail_usage(err, "--by and --decision are of one table, or of --ensemble");
        return NULL;
    }
    if (cli->n_operands > 1)
        return xr_compare_run(&set->classify, cli, text, err);
    return xr_classify_run(&set->classify, cli, xr_cli_input(cli), text, err);
}

int main(int argc, char **argv)
{
    struct settings set = {.classify = XR_CLASSIFY_DEFAULT};
    struct xr_cli cli;
    struct xr_buf text = {0};
    struct xr_out *out = NULL;
    struct xr_err err = {0};
    cJSON *json;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    if (xr_classify_check(&set.classify, &err))
        return xr_cli_end(&cli, EXIT_FAILURE, &err);
    json = measure(&set, &cli, set.text ? &text : NULL, &err);
    if (json && xr_out_open(&out, cli.output, 0, &err) == 0 &&
        (set.text ? xr_out_write(out, text.data, text.size, &err)
                  : xr_json_write(out, json, &err)) == 0 &&
        xr_out_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
    xr_out_close(out);
    cJSON_Delete(json);
    xr_buf_free(&text);
    return xr_cli_end(&cli, status, &err);
}
