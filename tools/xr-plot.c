/* xr-plot: figures of predictions, logs, tables and streams. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli.h"
#include "io.h"
#include "plot_kinds.h"
#include "plot_live.h"
#include "tensorboard.h"

#define LIVE_PAUSE 0.2 /* seconds after which an epoch's rows have come */

struct settings {
    int format;
    double width, height, font_size;
    int64_t dpi;
    char *title, *tensorboard;
    struct xr_plot_request request;
    bool script, html, terminal, live;
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
    {"points", 0, XR_OPT_TEXT, offsetof(struct settings, request.points), "FILE",
     "roc, pr: the operating points of this JSON", 0, 0, NULL, false},
    {"films", 0, XR_OPT_INT, offsetof(struct settings, request.films), "N",
     "how many cam and sheet show, 0: as suits", 0, 64, NULL, false},
    {"resamples", 'n', XR_OPT_INT, offsetof(struct settings, request.resamples), "N",
     "resamples of the intervals, 0 for none", 0, 1e7, NULL, false},
    {"confidence", 0, XR_OPT_REAL, offsetof(struct settings, request.confidence), "P",
     "level of the intervals", 0.01, 0.9999, NULL, false},
    {"html", 0, XR_OPT_FLAG, offsetof(struct settings, html), NULL,
     "one page that says values where one points", 0, 0, NULL, false},
    {"terminal", 'T', XR_OPT_FLAG, offsetof(struct settings, terminal), NULL,
     "draw in the terminal", 0, 0, NULL, false},
    {"live", 0, XR_OPT_FLAG, offsetof(struct settings, live), NULL,
     "curves: draw again whenever an epoch has come", 0, 0, NULL, false},
    {"tensorboard", 0, XR_OPT_TEXT, offsetof(struct settings, tensorboard), "DIR",
     "curves: write event files of TensorBoard there", 0, 0, NULL, false},
    {"script", 0, XR_OPT_FLAG, offsetof(struct settings, script), NULL,
     "print the script for gnuplot instead of running it", 0, 0, NULL, false},
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-plot",
    .summary = "draw a KIND: confusion, roc, pr, scores, reliability, decision, forest, "
               "folds,\ncurves, classes, cam or sheet",
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

/* What is drawn how; of --live too. */
struct job {
    const struct settings *set;
    const struct xr_cli *cli;
    struct xr_plot_style style;
};

/* Make of a drawing what was asked for, and write it. */
static int show(const struct job *job, const struct xr_drawing *drawing,
                struct xr_err *err)
{
    const struct settings *set = job->set;
    struct xr_script script = {.err = err};
    struct xr_buf made = {0};
    int status = -1, flags = 0;

    if (set->terminal) {
        struct xr_terminal terminal = xr_terminal_of(job->cli->output ? -1 : 1);

        if (set->live && terminal.color && xr_buf_text(&made, "\033[H\033[2J", err))
            goto done;
        status = xr_drawing_terminal(&made, &job->style, drawing, &terminal, err);
    } else if (set->html) {
        status = xr_drawing_html(&made, &job->style, drawing, err);
    } else if (xr_drawing_script(&script, &job->style, drawing) == 0) {
        flags = job->style.format == XR_PLOT_SVG || set->script ? 0 : XR_OUT_BINARY;
        status = set->script ? xr_buf_put(&made, script.buf.data, script.buf.size, err)
                             : xr_plot_run(&made, &script.buf, &job->style, err);
    }
    if (status == 0)
        status = xr_write_file(job->cli->output, made.data, made.size, flags, err);
done:
    xr_buf_free(&made);
    xr_buf_free(&script.buf);
    return status;
}

/* The curves of a log, on boards too: an xr_live_draw. */
static int show_log(void *of, const struct xr_table *log, bool last, struct xr_err *err)
{
    const struct job *job = of;
    struct xr_drawing drawing = {.err = err};
    int status = 0;

    (void)last;
    if (job->set->tensorboard)
        status = xr_tensorboard_write(job->set->tensorboard, log, err);
    if (status == 0 && (!job->set->tensorboard || job->cli->output || job->set->terminal))
        status = xr_plot_curves(&drawing, log) || show(job, &drawing, err) ? -1 : 0;
    xr_drawing_free(&drawing);
    return status;
}

static int show_logs(const struct job *job, const char *path, struct xr_err *err)
{
    struct job own = *job;
    struct xr_table log;
    int status = -1, fd = 0;

    if (!job->set->live) {
        if (xr_table_read(&log, path, err))
            return -1;
        status = show_log(&own, &log, true, err);
        xr_table_free(&log);
        return status;
    }
    if (strcmp(path, "-") != 0 && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return xr_fail_errno(err, "%s: cannot open", path);
    status = xr_live_read(fd, xr_input_name(path), LIVE_PAUSE, show_log, &own, err);
    if (fd > 0)
        close(fd);
    return status;
}

static void check(const struct xr_cli *cli, const struct settings *set)
{
    if ((set->live || set->tensorboard) && strcmp(cli->operands[0], "curves") != 0)
        xr_cli_usage(cli, "--live and --tensorboard are for curves");
    if (set->terminal + set->html + set->script > 1)
        xr_cli_usage(cli, "--terminal, --html and --script exclude each other");
    if (set->live && !cli->output && !set->terminal && !set->tensorboard)
        xr_cli_usage(cli, "--live needs -o FILE or --terminal");
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
    struct xr_err err = {0};
    struct xr_drawing drawing = {.err = &err};
    struct job job = {.set = &set, .cli = &cli};
    size_t n_paths = 1;
    int status, kind;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    kind = settle_kind(&cli);
    set.html =
        set.html || (!set.terminal && !set.script && has_suffix(cli.output, ".html"));
    check(&cli, &set);
    job.style = settle_style(&cli, &set);
    set.request.style = &job.style;
    if (cli.n_operands > 1) {
        paths = cli.operands + 1;
        n_paths = cli.n_operands - 1;
    }
    if (set.live || set.tensorboard)
        status = show_logs(&job, paths[0], &err);
    else
        status = xr_plot_fill(&drawing, kind, paths, n_paths, &set.request, &cli) ||
                         show(&job, &drawing, &err)
                     ? -1
                     : 0;
    xr_drawing_free(&drawing);
    return xr_cli_end(&cli, status ? EXIT_FAILURE : EXIT_SUCCESS, &err);
}
