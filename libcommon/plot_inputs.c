/* The kinds of xr-plot by name, and reading what each of them draws. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_classify.h"
#include "plot_kinds.h"

#define MOST_ADDITIONS ((size_t)600000000) /* of rows, classes and resamples */
#define LEAST_RESAMPLES 200

typedef int of_scored(struct xr_drawing *, const struct xr_plot_scored *);
typedef int of_table(struct xr_drawing *, const struct xr_table *);
typedef int of_stream(struct xr_drawing *, const char *, const struct xr_plot_request *);

enum reads {
    READS_SCORED,
    READS_TABLE,
    READS_STREAM,
    READS_SUBGROUPS,
    READS_SEVERAL
};

static const struct {
    const char *name;
    enum reads reads;
    of_scored *scored;
    of_table *table;
    of_stream *stream;
} kinds[] = {
    {"confusion", READS_SCORED, xr_plot_confusion, NULL, NULL},
    {"roc", READS_SCORED, xr_plot_roc, NULL, NULL},
    {"pr", READS_SCORED, xr_plot_pr, NULL, NULL},
    {"scores", READS_SCORED, xr_plot_scores, NULL, NULL},
    {"reliability", READS_SCORED, xr_plot_reliability, NULL, NULL},
    {"decision", READS_SCORED, xr_plot_decision, NULL, NULL},
    {"forest", READS_SUBGROUPS, NULL, NULL, NULL},
    {"folds", READS_SEVERAL, NULL, NULL, NULL},
    {"curves", READS_TABLE, NULL, xr_plot_curves, NULL},
    {"classes", READS_TABLE, NULL, xr_plot_classes, NULL},
    {"cam", READS_STREAM, NULL, NULL, xr_plot_cam},
    {"sheet", READS_STREAM, NULL, NULL, xr_plot_sheet},
};
const char xr_plot_names[] =
    "confusion|roc|pr|scores|reliability|decision|forest|folds|curves|classes|cam|sheet";

int xr_plot_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i].name))
            return (int)i;
    return -1;
}

size_t xr_plot_files(int kind)
{
    return kinds[kind].reads == READS_SEVERAL ? XR_PLOT_FILES : 1;
}

/* Fewer resamples for very many rows, unless their number was asked for. */
static void spare_resamples(struct xr_bootstrap *bootstrap, const struct xr_scored *rows,
                            const struct xr_cli *cli)
{
    int64_t affordable = (int64_t)(MOST_ADDITIONS / (rows->n * rows->k));

    affordable = affordable > LEAST_RESAMPLES ? affordable : LEAST_RESAMPLES;
    if (xr_cli_given(cli, "resamples") || bootstrap->n_resamples <= affordable)
        return;
    bootstrap->n_resamples = affordable;
    xr_cli_warn(cli,
                "intervals are of %lld resamples only, as rows are many; -n takes "
                "another number",
                (long long)affordable);
}

static int read_points(cJSON **points, const char *path, struct xr_err *err)
{
    const cJSON *list;

    if (!path)
        return 0;
    *points = xr_json_read(path, NULL, err);
    list = cJSON_GetObjectItemCaseSensitive(*points, "operating_points");
    if (*points && (!cJSON_IsArray(list) || !cJSON_GetArraySize(list)))
        return xr_fail(err, "%s: no operating points: xr-metrics --at RULE makes them",
                       xr_input_name(path));
    return *points ? 0 : -1;
}

static int fill_scored(struct xr_drawing *d, of_scored *plot, const char *path,
                       const struct xr_plot_request *request, const struct xr_cli *cli)
{
    struct xr_predictions_options which = {
        .split = request->split, .group = request->group, .skip_unlabelled = true};
    struct xr_bootstrap bootstrap = {.n_resamples = request->resamples,
                                     .confidence = request->confidence,
                                     .method = XR_CI_BCA,
                                     .seed = (uint64_t)cli->seed,
                                     .jobs = cli->jobs ? (int)cli->jobs : 1};
    struct xr_predictions p;
    struct xr_plot_scored scored;
    cJSON *points = NULL;
    struct xr_metrics *metrics = NULL;
    struct xr_figure *figures = NULL;
    struct xr_scored rows;
    int status = -1;

    if (xr_predictions_read(&p, path, &which, d->err))
        return -1;
    if (!request->split && p.n_splits > 1)
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
    spare_resamples(&bootstrap, &rows, cli);
    figures = xr_alloc_array(xr_n_metrics(p.k), sizeof *figures, d->err);
    if (figures && read_points(&points, request->points, d->err) == 0 &&
        xr_metrics_open(&metrics, &rows, d->err) == 0 &&
        xr_metrics_bootstrap(figures, metrics, &bootstrap, d->err) == 0) {
        scored = (struct xr_plot_scored){
            .predictions = &p,
            .rows = &rows,
            .metrics = metrics,
            .figures = figures,
            .bootstrap = &bootstrap,
            .points = cJSON_GetObjectItemCaseSensitive(points, "operating_points"),
            .only = (const char *const *)request->classes.items,
            .n_only = request->classes.n};
        status = plot(d, &scored);
    }
    xr_metrics_close(metrics);
    cJSON_Delete(points);
    free(figures);
    xr_predictions_free(&p);
    return status;
}

static int fill_table(struct xr_drawing *d, of_table *plot, const char *path)
{
    struct xr_table table;
    int status;

    if (xr_table_read(&table, path, d->err))
        return -1;
    status = plot(d, &table);
    xr_table_free(&table);
    return status;
}

static int fill_subgroups(struct xr_drawing *d, const char *path,
                          const struct xr_plot_request *request)
{
    cJSON *metrics = xr_json_read(path, NULL, d->err);
    int status =
        metrics ? xr_plot_forest(d, metrics, xr_input_name(path), request->figure) : -1;

    cJSON_Delete(metrics);
    return status;
}

/* The last part of a path without its suffix; where another file has the same, the folder
 * that it is in. */
static void name_of(char *name, size_t room, char *const *paths, size_t n, size_t at)
{
    const char *path = xr_input_name(paths[at]), *from = xr_last_part(path), *end;
    bool same = false;

    for (size_t i = 0; i < n; i++)
        same = same || (i != at && !strcmp(xr_last_part(paths[i]), from));
    end = strrchr(from, '.');
    if (same && from > path)
        for (end = --from; from > path && from[-1] != '/';)
            from--;
    snprintf(name, room, "%.*s", end > from ? (int)(end - from) : (int)strlen(from),
             from);
}

/* A JSON of xr-metrics as it is; of predictions, what xr-metrics makes of them. */
static cJSON *metrics_of(const char *path, const struct xr_plot_request *request,
                         const struct xr_cli *cli, struct xr_err *err)
{
    struct xr_classify classify = XR_CLASSIFY_DEFAULT;
    size_t n = strlen(path);

    if (n > 5 && !strcmp(path + n - 5, ".json"))
        return xr_json_read(path, NULL, err);
    classify.resamples = request->resamples;
    classify.confidence = request->confidence;
    classify.split = request->split;
    classify.group = request->group;
    classify.skip_unlabelled = true;
    return xr_classify_run(&classify, cli, path, NULL, err);
}

static int fill_several(struct xr_drawing *d, char *const *paths, size_t n,
                        const struct xr_plot_request *request, const struct xr_cli *cli)
{
    cJSON *metrics[XR_PLOT_FILES] = {NULL};
    char texts[XR_PLOT_FILES][128];
    const char *names[XR_PLOT_FILES];
    int status = 0;

    for (size_t i = 0; i < n && status == 0; i++) {
        name_of(texts[i], sizeof texts[i], paths, n, i);
        names[i] = texts[i];
        metrics[i] = metrics_of(paths[i], request, cli, d->err);
        status = metrics[i] ? 0 : -1;
    }
    if (status == 0)
        status =
            xr_plot_folds(d, metrics, names, n, request->figure, request->confidence);
    for (size_t i = 0; i < n; i++)
        cJSON_Delete(metrics[i]);
    return status;
}

int xr_plot_fill(struct xr_drawing *d, int kind, char *const *paths, size_t n,
                 const struct xr_plot_request *request, const struct xr_cli *cli)
{
    switch (kinds[kind].reads) {
    case READS_SCORED:
        return fill_scored(d, kinds[kind].scored, paths[0], request, cli);
    case READS_TABLE:
        return fill_table(d, kinds[kind].table, paths[0]);
    case READS_STREAM:
        return kinds[kind].stream(d, paths[0], request);
    case READS_SUBGROUPS:
        return fill_subgroups(d, paths[0], request);
    default:
        return fill_several(d, paths, n, request, cli);
    }
}
