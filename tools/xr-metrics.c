/* xr-metrics: the figures of a classifier with their intervals, from a CSV of
 * predictions. */
#include <stdlib.h>

#include "cli.h"
#include "metrics_classify.h"
#include "metrics_combine.h"
#include "metrics_compare.h"
#include "metrics_folds.h"
#include "metrics_modes.h"
#include "metrics_stream.h"

struct settings {
    struct xr_classify classify;
    struct xr_combine combine;
    struct xr_modes modes;
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
    {"at", 0, XR_OPT_LIST, AT(classify.fit.at), "RULE",
     "threshold: sens=S, spec=S, youden, cost=R, and :CLASS", 0, 0, NULL, false},
    {"calibrate", 0, XR_OPT_CHOICE, AT(classify.fit.calibrate), "METHOD",
     "calibrate the probabilities first", 0, 0, XR_FIT_CALIBRATIONS, false},
    {"calibration-out", 0, XR_OPT_TEXT, AT(classify.fit.calibration_out), "FILE",
     "write the calibration for xr-predict", 0, 0, NULL, true},
    {"fit-split", 0, XR_OPT_TEXT, AT(classify.fit.split), "NAME",
     "rows that --at and --calibrate are fitted on", 0, 0, NULL, false},
    {"fit", 0, XR_OPT_TEXT, AT(classify.fit.file), "FILE", "the table with these rows", 0,
     0, NULL, false},
    {"ensemble", 0, XR_OPT_CHOICE, AT(combine.ensemble), "RULE",
     "measure the tables together: mean, logmean or vote", 0, 0, XR_COMBINE_ENSEMBLES,
     false},
    {"folds", 0, XR_OPT_CHOICE, AT(combine.folds), "HOW",
     "the tables are folds: pooled or averaged", 0, 0, XR_COMBINE_FOLDS, false},
    {"predictions-out", 0, XR_OPT_TEXT, AT(combine.predictions_out), "FILE",
     "write the table that was measured", 0, 0, NULL, true},
    {"task", 0, XR_OPT_CHOICE, AT(modes.task), "TASK", "what is measured", 0, 0,
     XR_METRICS_TASKS, false},
    {"table", 0, XR_OPT_TEXT, AT(modes.table), "FILE",
     "segment, detect: the cases, with their groups", 0, 0, NULL, false},
    {"spacing", 0, XR_OPT_TEXT, AT(modes.spacing), "R,C",
     "segment: of pixels, or source: of the records", 0, 0, NULL, false},
    {"mask-threshold", 0, XR_OPT_REAL, AT(modes.mask_threshold), "T",
     "segment: floating-point masks are inside from here on", -1e9, 1e9, NULL, false},
    {"per-record", 0, XR_OPT_TEXT, AT(modes.per_record), "FILE",
     "segment: a table with a row a record", 0, 0, NULL, true},
    {"froc-rates", 0, XR_OPT_TEXT, AT(modes.rates), "LIST",
     "detect: false positives an image, " XR_DETECT_RATES, 0, 0, NULL, false},
    {"froc-iou", 0, XR_OPT_REAL, AT(modes.froc_iou), "T",
     "detect: right from this IoU on, in FROC", 0.01, 1, NULL, false},
    {"nms", 0, XR_OPT_REAL, AT(modes.nms), "T",
     "detect: leave out what overlaps a better one by more", 0, 1, NULL, false},
    {"one-class", 0, XR_OPT_FLAG, AT(modes.one_class), NULL,
     "detect: boxes of all classes are of one", 0, 0, NULL, false},
    {"overlaps", 0, XR_OPT_TEXT, AT(modes.overlaps), "FILE",
     "detect: a table with the IoU of all pairs", 0, 0, NULL, true},
    {"power", 0, XR_OPT_LIST, AT(modes.power.power), "FIGURE=W",
     "how many cases an interval of +-W needs", 0, 0, NULL, false},
    {"expect", 0, XR_OPT_LIST, AT(modes.power.expect), "FIGURE=V",
     "power: what will be found", 0, 0, NULL, false},
    {"ledger", 0, XR_OPT_TEXT, AT(modes.ledger), "FILE", "count looks at this test set",
     0, 0, NULL, false},
    {"format", 0, XR_OPT_CHOICE, AT(modes.format), "FORMAT", "of the result", 0, 0,
     XR_METRICS_FORMATS, false},
    {"stream", 0, XR_OPT_FLAG, AT(classify.stream), NULL,
     "keep sums, not rows: any number of rows", 0, 0, NULL, false},
    {"text", 't', XR_OPT_FLAG, AT(modes.text), NULL, "a report for people: --format text",
     0, 0, NULL, false},
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
    if (xr_modes_has(&set->modes))
        return xr_modes_run(&set->modes, &set->classify, cli, err);
    if (xr_combine_check(&set->combine, cli, err))
        return NULL;
    if ((set->combine.ensemble || set->combine.folds || cli->n_operands > 1) &&
        xr_fit_wanted(&set->classify.fit)) {
        xr_fail_usage(err, "--at and --calibrate are of one table");
        return NULL;
    }
    if (set->classify.stream) {
        if (set->combine.ensemble || set->combine.folds || cli->n_operands > 1) {
            xr_fail_usage(err, "--stream is of one table");
            return NULL;
        }
        return xr_stream_check(&set->classify, err)
                   ? NULL
                   : xr_stream_run(&set->classify, cli, xr_cli_input(cli), text, err);
    }
    if (set->combine.ensemble)
        return xr_ensemble_run(&set->combine, &set->classify, cli, text, err);
    if (set->combine.folds)
        return xr_folds_run(&set->combine, &set->classify, cli, text, err);
    if (cli->n_operands > 1 && (set->classify.by || set->classify.decision)) {
        xr_fail_usage(
            err, "--by and --decision are of one table, of --ensemble or --folds pooled");
        return NULL;
    }
    if (cli->n_operands > 1)
        return xr_compare_run(&set->classify, cli, text, err);
    return xr_classify_run(&set->classify, cli, xr_cli_input(cli), text, err);
}

int main(int argc, char **argv)
{
    struct settings set = {.classify = XR_CLASSIFY_DEFAULT, .modes = XR_MODES_DEFAULT};
    struct xr_cli cli;
    struct xr_buf text = {0};
    struct xr_err err = {0};
    cJSON *json;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    xr_modes_check(&set.modes, &cli);
    if (xr_classify_check(&set.classify, &err))
        return xr_cli_end(&cli, EXIT_FAILURE, &err);
    json = measure(&set, &cli, set.modes.format == XR_METRICS_TEXT ? &text : NULL, &err);
    if (json && xr_modes_write(json, &text, &set.modes, &cli, &err) == 0)
        status = EXIT_SUCCESS;
    cJSON_Delete(json);
    xr_buf_free(&text);
    return xr_cli_end(&cli, status, &err);
}
