/* xr-plot: figures of predictions, logs and tables, drawn by gnuplot. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "io.h"
#include "plot_kinds.h"

struct settings {
    int format;
    double width, height, font_size;
    int64_t dpi;
    char *title, *split, *group;
    int64_t resamples;
    double confidence;
    struct xr_list classes;
    bool script;
};

static const struct xr_opt options[] = {
    {"format", 0, XR_OPT_CHOICE, offsetof(struct settings, format), "FORMAT",
     "svg, png or pdf; else by the suffix of -o, else", 0, 0, "svg|png|pdf", false},
    {"width", 'w', XR_OPT_REAL, offsetof(struct settings, width), "CM",
     "width, a journal's column by default", 4, 100, NULL, false},
    {"height", 0, XR_OPT_REAL, offsetof(struct settings, height), "CM",
     "height, 0: as suits the plot", 0, 100, NULL, false},
    {"font-size", 0, XR_OPT_REAL, offsetof(struct settings, font_size), "PT",
     "size of text", 4, 40, NULL, false},
    {"dpi", 0, XR_OPT_INT, offsetof(struct settings, dpi), "N", "resolution of PNG", 50,
     1200, NULL, false},
    {"title", 0, XR_OPT_TEXT, offsetof(struct settings, title), "TEXT",
     "a line above the plot", 0, 0, NULL, false},
    {"split", 0, XR_OPT_TEXT, offsetof(struct settings, split), "NAME",
     "only predictions of this split", 0, 0, NULL, false},
    {"group", 0, XR_OPT_TEXT, offsetof(struct settings, group), "COLUMN",
     "resample whole groups of this column", 0, 0, NULL, false},
    {"class", 0, XR_OPT_LIST, offsetof(struct settings, classes), "NAME",
     "only the curve of this class; may be repeated", 0, 0, NULL, false},
    {"resamples", 'n', XR_OPT_INT, offsetof(struct settings, resamples), "N",
     "resamples of the intervals, 0 for none", 0, 1e7, NULL, false},
    {"confidence", 0, XR_OPT_REAL, offsetof(struct settings, confidence), "P",
     "level of the intervals", 0.01, 0.9999, NULL, false},
    {"script", 0, XR_OPT_FLAG, offsetof(struct settings, script), NULL,
     "print the script for gnuplot instead of running it", 0, 0, NULL, false},
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-plot",
    .summary = "draw predictions, a training log or a table of splits",
    .operands = "confusion|roc|pr|curves|classes [FILE]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED,
    .min_operands = 1,
    .max_operands = 2,
};

static const struct {
    const char *name;
    xr_plot_of_scored *scored; /* one of the two */
    xr_plot_of_table *table;
} kinds[] = {
    {"confusion", xr_plot_confusion, NULL},
    {"roc", xr_plot_roc, NULL},
    {"pr", xr_plot_pr, NULL},
    {"curves", NULL, xr_plot_curves},
    {"classes", NULL, xr_plot_classes},
};

static size_t find_kind(const struct xr_cli *cli)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(cli->operands[0], kinds[i].name))
            return i;
    xr_cli_usage(cli, "'%s': not one of confusion|roc|pr|curves|classes",
                 cli->operands[0]);
}

static struct xr_plot_style settle_style(const struct xr_cli *cli,
                                         const struct settings *set)
{
    static const char *const suffixes[] = {".svg", ".png", ".pdf"};
    struct xr_plot_style style = {.format = (enum xr_plot_format)set->format,
                                  .width = set->width,
                                  .height = set->height,
                                  .font = set->font_size,
                                  .dpi = (int)set->dpi,
                                  .title = set->title};
    const char *suffix = cli->output ? strrchr(xr_last_part(cli->output), '.') : NULL;

    if (xr_cli_given(cli, "format"))
        return style;
    for (size_t i = 0; suffix && i < 3; i++)
        if (!strcasecmp(suffix, suffixes[i]))
            style.format = (enum xr_plot_format)i;
    return style;
}

static int plot_scored(struct xr_drawing *d, xr_plot_of_scored *plot,
                       const struct settings *set, const struct xr_cli *cli,
                       const char *path)
{
    struct xr_predictions_options which = {
        .split = set->split, .group = set->group, .skip_unlabelled = true};
    struct xr_bootstrap bootstrap = {.n_resamples = set->resamples,
                                     .confidence = set->confidence,
                                     .method = XR_CI_BCA,
                                     .seed = (uint64_t)cli->seed,
                                     .jobs = cli->jobs ? (int)cli->jobs : 1};
    struct xr_predictions p;
    struct xr_plot_scored scored;
    struct xr_metrics *metrics = NULL;
    struct xr_figure *figures = NULL;
    struct xr_scored rows;
    int status = -1;

    if (xr_predictions_read(&p, path, &which, d->err))
        return -1;
    if (!set->split && p.n_splits > 1)
        xr_cli_warn(cli, "%s: rows of %zu splits are drawn together; --split takes one",
                    p.table.name, p.n_splits);
    if (p.n_unlabelled)
        xr_cli_warn(cli, "%s: %zu rows without a label left out", p.table.name,
                    p.n_unlabelled);
    rows = (struct xr_scored){.n = p.n,
                              .k = p.k,
                              .p = p.p,
                              .label = p.label,
                              .group = p.group,
                              .n_groups = p.n_groups};
    figures = xr_alloc_array(xr_n_metrics(p.k), sizeof *figures, d->err);
    if (figures && xr_metrics_open(&metrics, &rows, d->err) == 0 &&
        xr_metrics_bootstrap(figures, metrics, &bootstrap, d->err) == 0) {
        scored = (struct xr_plot_scored){.predictions = &p,
                                         .rows = &rows,
                                         .metrics = metrics,
                                         .figures = figures,
                                         .bootstrap = &bootstrap,
                                         .only = (const char *const *)set->classes.items,
                                         .n_only = set->classes.n};
        status = plot(d, &scored);
    }
    xr_metrics_close(metrics);
    free(figures);
    xr_predictions_free(&p);
    return status;
}

static int plot_table(struct xr_drawing *d, xr_plot_of_table *plot, const char *path)
{
    struct xr_table table;
    int status;

    if (xr_table_read(&table, path, d->err))
        return -1;
    status = plot(d, &table);
    xr_table_free(&table);
    return status;
}

int main(int argc, char **argv)
{
    struct settings set = {
        .width = 8.8, .font_size = 8, .dpi = 300, .resamples = 9999, .confidence = 0.95};
    struct xr_cli cli;
    struct xr_plot_style style;
    struct xr_err err = {0};
    struct xr_drawing drawing = {.err = &err};
    struct xr_script script = {.err = &err};
    struct xr_buf image = {0}, *result = &script.buf;
    struct xr_out *out = NULL;
    const char *path;
    size_t kind;
    int status = EXIT_FAILURE, flags = 0;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    kind = find_kind(&cli);
    style = settle_style(&cli, &set);
    path = cli.n_operands > 1 ? cli.operands[1] : "-";
    if (kinds[kind].scored ? plot_scored(&drawing, kinds[kind].scored, &set, &cli, path)
                           : plot_table(&drawing, kinds[kind].table, path))
        goto done;
    if (xr_drawing_script(&script, &style, &drawing))
        goto done;
    if (!set.script) {
        if (xr_plot_run(&image, &script.buf, &style, &err))
            goto done;
        result = &image;
        flags = style.format == XR_PLOT_SVG ? 0 : XR_OUT_BINARY;
    }
    if (xr_out_open(&out, cli.output, flags, &err) == 0 &&
        xr_out_write(out, result->data, result->size, &err) == 0 &&
        xr_out_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_out_close(out);
    xr_drawing_free(&drawing);
    xr_buf_free(&image);
    xr_buf_free(&script.buf);
    return xr_cli_end(&cli, status, &err);
}
