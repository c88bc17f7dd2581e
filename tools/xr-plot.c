/* xr-plot: figures of predictions, logs, tables and streams. */
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
    char *title;
    struct xr_plot_request request;
    bool script, html;
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
    {"split", 0, XR_OPT_TEXT, offsetof(struct settings, request.split), "NAME",
     "only predictions of this split", 0, 0, NULL, false},
    {"group", 0, XR_OPT_TEXT, offsetof(struct settings, request.group), "COLUMN",
     "resample whole groups of this column", 0, 0, NULL, false},
    {"class", 0, XR_OPT_LIST, offsetof(struct settings, request.classes), "NAME",
     "only the curve of this class; may be repeated", 0, 0, NULL, false},
    {"figure", 0, XR_OPT_TEXT, offsetof(struct settings, request.figure), "NAME",
     "what forest and folds show", 0, 0, NULL, false},
    {"films", 0, XR_OPT_INT, offsetof(struct settings, request.films), "N",
     "how many cam and sheet show, 0: as suits", 0, 64, NULL, false},
    {"resamples", 'n', XR_OPT_INT, offsetof(struct settings, request.resamples), "N",
     "resamples of the intervals, 0 for none", 0, 1e7, NULL, false},
    {"confidence", 0, XR_OPT_REAL, offsetof(struct settings, request.confidence), "P",
     "level of the intervals", 0.01, 0.9999, NULL, false},
    {"html", 0, XR_OPT_FLAG, offsetof(struct settings, html), NULL,
     "one page that says values where one points", 0, 0, NULL, false},
    {"script", 0, XR_OPT_FLAG, offsetof(struct settings, script), NULL,
     "print the script for gnuplot instead of running it", 0, 0, NULL, false},
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-plot",
    .summary = "draw predictions, training logs, tables, heat maps",
    .operands = "KIND [FILE...]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED,
    .min_operands = 1,
    .max_operands = -1,
};

static int settle_kind(const struct xr_cli *cli)
{
    int kind = xr_plot_find(cli->operands[0]);
    size_t most;

    if (kind < 0)
        xr_cli_usage(cli, "'%s': not one of %s", cli->operands[0], xr_plot_names);
    most = xr_plot_files(kind);
    if (cli->n_operands - 1 > most)
        xr_cli_usage(cli, "%s takes at most %zu file%s", cli->operands[0], most,
                     most == 1 ? "" : "s");
    return kind;
}

static bool has_suffix(const char *path, const char *suffix)
{
    const char *own = path ? strrchr(xr_last_part(path), '.') : NULL;

    return own && !strcasecmp(own, suffix);
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

    if (xr_cli_given(cli, "format"))
        return style;
    for (size_t i = 0; i < 3; i++)
        if (has_suffix(cli->output, suffixes[i]))
            style.format = (enum xr_plot_format)i;
    return style;
}

int main(int argc, char **argv)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input}, **paths = one;
    struct settings set = {
        .width = 8.8,
        .font_size = 8,
        .dpi = 300,
        .request = {.resamples = 9999, .confidence = 0.95},
    };
    struct xr_cli cli;
    struct xr_plot_style style;
    struct xr_err err = {0};
    struct xr_drawing drawing = {.err = &err};
    struct xr_script script = {.err = &err};
    struct xr_buf image = {0}, *result = &script.buf;
    size_t n_paths = 1;
    int status = EXIT_FAILURE, flags = 0, kind;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    kind = settle_kind(&cli);
    set.html = set.html || has_suffix(cli.output, ".html");
    style = settle_style(&cli, &set);
    set.request.style = &style;
    if (cli.n_operands > 1) {
        paths = cli.operands + 1;
        n_paths = cli.n_operands - 1;
    }
    if (xr_plot_fill(&drawing, kind, paths, n_paths, &set.request, &cli) ||
        (set.html ? xr_drawing_html(&image, &style, &drawing, &err)
                  : xr_drawing_script(&script, &style, &drawing)))
        goto done;
    if (set.html) {
        result = &image;
    } else if (!set.script) {
        if (xr_plot_run(&image, &script.buf, &style, &err))
            goto done;
        result = &image;
        flags = style.format == XR_PLOT_SVG ? 0 : XR_OUT_BINARY;
    }
    if (xr_write_file(cli.output, result->data, result->size, flags, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_drawing_free(&drawing);
    xr_buf_free(&image);
    xr_buf_free(&script.buf);
    return xr_cli_end(&cli, status, &err);
}
