/* xr-report: one self-contained HTML page of an experiment, from the files the other
 * tools left. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "io.h"
#include "report.h"

struct settings {
    char *title, *split, *certificate, *demographics, *flow, *log, *metrics, *comparison,
        *predictions, *model, *cam, *cam_scores, *root, *rule, *intended_use, *limits,
        *source, *contact, *hardware;
    struct xr_list plots;
    bool card;
    int checklist, format;
    int64_t max_images;
};

#define TEXT(option, member, arg, help)                                                  \
    {                                                                                    \
        option, 0, XR_OPT_TEXT, offsetof(struct settings, member), arg, help, 0, 0,      \
            NULL, false                                                                  \
    }

static const struct xr_opt options[] = {
    TEXT("title", title, "TEXT", "title of the page"),
    TEXT("split", split, "FILE", "splits.csv of xr-split; proved again"),
    TEXT("certificate", certificate, "FILE", "split and predictions must be of it"),
    TEXT("demographics", demographics, "FILE", "demographics.csv of xr-split"),
    TEXT("flow", flow, "FILE", "flow.csv of xr-split"),
    TEXT("root", root, "DIR", "folder of the split's films: read for their digest"),
    TEXT("log", log, "FILE", "log.csv of xr-train"),
    TEXT("metrics", metrics, "FILE", "metrics.json of xr-metrics"),
    TEXT("comparison", comparison, "FILE", "JSON of xr-metrics of several predictions"),
    TEXT("predictions", predictions, "FILE", "predictions.csv of xr-predict"),
    {"model", 'm', XR_OPT_TEXT, offsetof(struct settings, model), "FILE",
     "the model, safetensors", 0, 0, NULL, false},
    TEXT("cam", cam, "FILE", "stream of xr-cam with heat maps"),
    TEXT("cam-scores", cam_scores, "FILE", "scores.csv of xr-cam"),
    {"plot", 0, XR_OPT_LIST, offsetof(struct settings, plots), "FILE",
     "an SVG or PNG of xr-plot; may be repeated", 0, 0, NULL, false},
    {"card", 0, XR_OPT_FLAG, offsetof(struct settings, card), NULL,
     "the model card alone", 0, 0, NULL, false},
    {"checklist", 0, XR_OPT_CHOICE, offsetof(struct settings, checklist), "NAME",
     "a filled checklist: " XR_CHECKLISTS, 0, 0, "none|" XR_CHECKLISTS, false},
    {"format", 0, XR_OPT_CHOICE, offsetof(struct settings, format), "FORMAT",
     "of card or checklist, by default after the suffix of -o", 0, 0,
     "auto|html|markdown", false},
    {"max-images", 0, XR_OPT_INT, offsetof(struct settings, max_images), "N",
     "heat maps shown at most", 0, 1000, NULL, false},
    TEXT("rule", rule, "TEXT", "how the table was split (a command)"),
    TEXT("intended-use", intended_use, "TEXT", "for the model card"),
    TEXT("limits", limits, "TEXT", "for the model card"),
    TEXT("source", source, "TEXT", "for the model card: where the films come from"),
    TEXT("contact", contact, "TEXT", "for the model card"),
    TEXT("hardware", hardware, "TEXT", "for the model card: what it was trained on"),
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-report",
    .summary = "make one self-contained HTML page of an experiment",
    .operands = "",
    .options = options,
    .common = XR_CLI_OUTPUT,
    .max_operands = 0,
};

static void check_usage(const struct xr_cli *cli, const struct settings *set)
{
    const char *const inputs[] = {set->split,       set->log,         set->metrics,
                                  set->predictions, set->model,       set->cam,
                                  set->cam_scores,  set->certificate, set->flow,
                                  set->comparison,  set->demographics};
    size_t n = 0, n_stdin = 0;

    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        n += inputs[i] != NULL;
        n_stdin += inputs[i] && !strcmp(inputs[i], "-");
    }
    if (!n && !set->plots.n)
        xr_cli_usage(cli, "nothing to report: give at least one file");
    if (n_stdin > 1)
        xr_cli_usage(cli, "only one file can be standard input");
    if (set->model && !strcmp(set->model, "-"))
        xr_cli_usage(cli, "--model: a model is read from a file");
    if (set->certificate && !set->split && !set->predictions)
        xr_cli_usage(cli, "--certificate: needs --split or --predictions to verify");
    if (set->root && !set->split)
        xr_cli_usage(cli, "--root: needs --split, which names the films");
    if (set->card && set->checklist)
        xr_cli_usage(cli, "--card and --checklist are two documents");
    if (!set->card && !set->checklist && set->format)
        xr_cli_usage(cli, "--format: of --card or --checklist");
}

/* Markdown by --format, else by the suffix of the output. */
static bool markdown(const struct xr_cli *cli, const struct settings *set)
{
    const char *suffix = cli->output ? strrchr(xr_last_part(cli->output), '.') : NULL;

    if (set->format)
        return set->format == 2;
    return suffix && (!strcasecmp(suffix, ".md") || !strcasecmp(suffix, ".markdown"));
}

int main(int argc, char **argv)
{
    struct settings set = {.max_images = 24};
    struct xr_out *out = NULL;
    struct xr_err err = {0};
    struct xr_cli cli;
    struct xr_report report;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    check_usage(&cli, &set);
    report = (struct xr_report){
        .kind = set.card        ? XR_REPORT_CARD
                : set.checklist ? XR_REPORT_CHECKLIST
                                : XR_REPORT_PAGE,
        .markdown = markdown(&cli, &set),
        .checklist = set.checklist - 1,
        .title = set.title,
        .split = set.split,
        .certificate = set.certificate,
        .demographics = set.demographics,
        .flow = set.flow,
        .root = set.root,
        .comparison = set.comparison,
        .hardware = set.hardware,
        .log = set.log,
        .metrics = set.metrics,
        .predictions = set.predictions,
        .model = set.model,
        .cam = set.cam,
        .cam_scores = set.cam_scores,
        .plots = set.plots.items,
        .n_plots = set.plots.n,
        .max_images = (size_t)set.max_images,
        .rule = set.rule,
        .intended_use = set.intended_use,
        .limits = set.limits,
        .source = set.source,
        .contact = set.contact,
    };
    if (xr_out_open(&out, cli.output, 0, &err) == 0 &&
        xr_report_write(out, &report, &err) == 0 && xr_out_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
    xr_out_close(out);
    return xr_cli_end(&cli, status, &err);
}
