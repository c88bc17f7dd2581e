/* Subgroups of a table of predictions and the gaps between them. */
#include "metrics_subgroups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_parts.h"
#include "stats_subgroups.h"

/* One column's subgroups. */
struct subgroups {
    struct xr_cut cut;
    struct xr_scored scored; /* all rows */
    size_t n_figures;
    struct xr_level *levels;     /* [n_levels] */
    struct xr_metrics **metrics; /* [n_levels] */
    struct xr_figure *figures;   /* [n_levels][n_figures] */
    uint64_t *support;           /* [n_levels][k] */
    uint32_t *high, *low;        /* [n_figures] levels furthest apart; equal: none */
};

static void subgroups_free(struct subgroups *s)
{
    for (size_t l = 0; l < s->cut.n_levels; l++) {
        if (s->levels)
            xr_level_free(&s->levels[l]);
        if (s->metrics)
            xr_metrics_close(s->metrics[l]);
    }
    free(s->levels);
    free(s->metrics);
    free(s->figures);
    free(s->support);
    free(s->high);
    free(s->low);
    xr_cut_free(&s->cut);
}

static int measure(struct subgroups *s, const struct xr_classify *set,
                   const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    size_t n = s->cut.n_levels, k = s->scored.k;

    s->n_figures = xr_n_metrics(k);
    s->levels = xr_alloc_array(n, sizeof *s->levels, err);
    s->metrics = xr_alloc_array(n, sizeof *s->metrics, err);
    s->figures = xr_alloc_array(n * s->n_figures, sizeof *s->figures, err);
    s->support = xr_alloc_array(n * k, sizeof *s->support, err);
    s->high = xr_alloc_array(s->n_figures, sizeof *s->high, err);
    s->low = xr_alloc_array(s->n_figures, sizeof *s->low, err);
    if (!s->levels || !s->metrics || !s->figures || !s->support || !s->high || !s->low)
        return -1;
    for (size_t l = 0; l < n; l++) {
        struct xr_level *level = &s->levels[l];

        if (xr_level_make(level, &s->scored, s->cut.level, (uint32_t)l, err) ||
            xr_classify_figures(s->figures + l * s->n_figures, &s->metrics[l], set,
                                &level->scored, bootstrap, err))
            return -1;
        for (size_t i = 0; i < level->scored.n; i++)
            s->support[l * k + level->label[i]]++;
    }
    return 0;
}

/* --- gaps ------------------------------------------------------------------------- */

static bool has_all_classes(const struct subgroups *s, size_t l)
{
    for (size_t c = 0; c < s->scored.k; c++)
        if (!s->support[l * s->scored.k + c])
            return false;
    return true;
}

/* May the figure of this level be compared with others? */
static bool comparable(const struct subgroups *s, size_t l, size_t f)
{
    const struct xr_figure *figure = &s->figures[l * s->n_figures + f];
    const char *parent = f < XR_N_METRICS ? xr_metric_parent((enum xr_metric)f) : NULL;

    if (isnan(figure->value) || figure->reason)
        return false;
    return !parent || strcmp(parent, "macro_avg") != 0 || has_all_classes(s, l);
}

static void choose(struct subgroups *s, size_t f)
{
    bool any = false;

    for (size_t l = 0; l < s->cut.n_levels; l++) {
        double value = s->figures[l * s->n_figures + f].value;

        if (!comparable(s, l, f))
            continue;
        if (!any)
            s->high[f] = s->low[f] = (uint32_t)l;
        any = true;
        if (value > s->figures[s->high[f] * s->n_figures + f].value)
            s->high[f] = (uint32_t)l;
        if (value <= s->figures[s->low[f] * s->n_figures + f].value)
            s->low[f] = (uint32_t)l;
    }
}

/* What one thread evaluates resamples in. */
struct room {
    size_t n_levels;
    struct xr_metrics_room **rooms; /* [n_levels] */
    uint32_t *weight;               /* of the rows of a level */
    double *figures;                /* [n_levels][n_figures] */
};

static void close_room(void *arg)
{
    struct room *room = arg;

    if (!room)
        return;
    for (size_t l = 0; room->rooms && l < room->n_levels; l++)
        if (room->rooms[l])
            xr_metrics_room_close(room->rooms[l]);
    free(room->rooms);
    free(room->weight);
    free(room->figures);
    free(room);
}

static void *open_room(const void *context, struct xr_err *err)
{
    const struct subgroups *s = context;
    struct room *room = xr_alloc_array(1, sizeof *room, err);

    if (!room)
        return NULL;
    room->n_levels = s->cut.n_levels;
    room->rooms = xr_alloc_array(room->n_levels, sizeof(struct xr_metrics_room *), err);
    room->weight = xr_alloc_array(s->scored.n, sizeof *room->weight, err);
    room->figures =
        xr_alloc_array(room->n_levels * s->n_figures, sizeof *room->figures, err);
    if (!room->rooms || !room->weight || !room->figures)
        goto fail;
    for (size_t l = 0; l < room->n_levels; l++)
        if (!(room->rooms[l] = xr_metrics_room_open(s->metrics[l], err)))
            goto fail;
    return room;
fail:
    close_room(room);
    return NULL;
}

/* The gaps in one resample of all rows. A level none of whose rows was drawn has no
 * figures. */
static void eval_gaps(double *gaps, void *arg, const void *context,
                      const uint32_t *weight)
{
    const struct subgroups *s = context;
    struct room *room = arg;

    for (size_t l = 0; l < room->n_levels; l++) {
        const struct xr_level *level = &s->levels[l];
        double *figures = room->figures + l * s->n_figures;
        uint64_t drawn = 0;

        for (size_t i = 0; i < level->scored.n; i++)
            drawn += room->weight[i] = weight[level->rows[i]];
        if (drawn)
            xr_metrics_eval_in(figures, room->rooms[l], s->metrics[l], room->weight);
        for (size_t f = 0; !drawn && f < s->n_figures; f++)
            figures[f] = NAN;
    }
    for (size_t f = 0; f < s->n_figures; f++)
        gaps[f] = room->figures[s->high[f] * s->n_figures + f] -
                  room->figures[s->low[f] * s->n_figures + f];
}

static int measure_gaps(struct xr_figure *gaps, struct subgroups *s,
                        const struct xr_bootstrap *asked, struct xr_err *err)
{
    const struct xr_units units = {.n = s->scored.n,
                                   .group = s->scored.group,
                                   .n_groups = s->scored.n_groups,
                                   .stratum =
                                       s->scored.stratified ? s->scored.label : NULL,
                                   .n_strata = s->scored.k};
    const struct xr_statistic statistic = {.n_figures = s->n_figures,
                                           .context = s,
                                           .open = open_room,
                                           .close = close_room,
                                           .eval = eval_gaps};
    struct xr_bootstrap bootstrap = *asked;
    struct xr_sampler *sampler = NULL;
    double *values = xr_alloc_array(s->n_figures, sizeof *values, err);
    int status = -1;

    if (bootstrap.method != XR_CI_NONE)
        bootstrap.method = XR_CI_PERCENTILE;
    if (!values || xr_sampler_open(&sampler, &units, err))
        goto done;
    for (size_t f = 0; f < s->n_figures; f++) {
        choose(s, f);
        values[f] = s->high[f] == s->low[f]
                        ? NAN
                        : s->figures[s->high[f] * s->n_figures + f].value -
                              s->figures[s->low[f] * s->n_figures + f].value;
    }
    status = xr_sampler_intervals(gaps, values, sampler, &bootstrap, NULL, &statistic,
                                  NULL, err);
    for (size_t f = 0; status == 0 && f < s->n_figures; f++)
        if (isnan(values[f]))
            gaps[f].reason = "comparable in fewer than two subgroups";
done:
    free(values);
    xr_sampler_close(sampler);
    return status;
}

/* --- JSON ------------------------------------------------------------------------- */

static int add_level(cJSON *list, const struct subgroups *s, size_t l,
                     const char *const *classes, struct xr_err *err)
{
    cJSON *entry = cJSON_CreateObject(), *support, *figures;

    cJSON_AddItemToArray(list, entry);
    cJSON_AddStringToObject(entry, "column", s->cut.column);
    cJSON_AddStringToObject(entry, "value", s->cut.levels[l]);
    cJSON_AddNumberToObject(entry, "n", (double)s->levels[l].scored.n);
    if (s->scored.group)
        cJSON_AddNumberToObject(entry, "groups", (double)s->levels[l].scored.n_groups);
    support = cJSON_AddObjectToObject(entry, "support");
    for (size_t c = 0; c < s->scored.k; c++)
        cJSON_AddNumberToObject(support, classes[c],
                                (double)s->support[l * s->scored.k + c]);
    figures = cJSON_AddObjectToObject(entry, "figures");
    for (size_t f = 0; f < s->n_figures; f++) {
        char *path = xr_metric_path(f, classes, err);

        if (!path)
            return -1;
        cJSON_AddItemToObject(figures, path,
                              xr_figure_json(&s->figures[l * s->n_figures + f]));
        free(path);
    }
    return 0;
}

static int add_gap(cJSON *list, const struct subgroups *s, size_t f,
                   const struct xr_figure *gap, const char *const *classes,
                   struct xr_err *err)
{
    cJSON *entry = cJSON_CreateObject(), *between;
    char *path = xr_metric_path(f, classes, err);

    cJSON_AddItemToArray(list, entry);
    if (!path)
        return -1;
    cJSON_AddStringToObject(entry, "column", s->cut.column);
    cJSON_AddStringToObject(entry, "figure", path);
    cJSON_AddItemToObject(entry, "largest", xr_figure_json(gap));
    between = cJSON_AddArrayToObject(entry, "between");
    if (!isnan(gap->value)) {
        cJSON_AddItemToArray(between, cJSON_CreateString(s->cut.levels[s->high[f]]));
        cJSON_AddItemToArray(between, cJSON_CreateString(s->cut.levels[s->low[f]]));
    }
    free(path);
    return 0;
}

static bool has_column(const cJSON *groups, const char *column)
{
    const cJSON *group;

    cJSON_ArrayForEach(group, groups)
    {
        if (!strcmp(xr_json_text(group, "column", ""), column))
            return true;
    }
    return false;
}

static int add_column(cJSON *groups, cJSON *gaps, const struct xr_classify *set,
                      const struct xr_predictions *p,
                      const struct xr_bootstrap *bootstrap, const char *spec,
                      struct xr_err *err)
{
    struct subgroups s = {.scored = xr_classify_scored(set, p)};
    struct xr_figure *largest = NULL;
    int status = -1;

    if (xr_cut_make(&s.cut, p, spec, err))
        return -1;
    if (has_column(groups, s.cut.column)) {
        xr_fail_usage(err, "--by: column '%s' comes twice", s.cut.column);
        goto done;
    }
    if (measure(&s, set, bootstrap, err))
        goto done;
    largest = xr_alloc_array(s.n_figures, sizeof *largest, err);
    if (!largest || measure_gaps(largest, &s, bootstrap, err))
        goto done;
    for (size_t l = 0; l < s.cut.n_levels; l++)
        if (add_level(groups, &s, l, p->classes, err))
            goto done;
    for (size_t f = 0; f < s.n_figures; f++)
        if (add_gap(gaps, &s, f, &largest[f], p->classes, err))
            goto done;
    status = 0;
done:
    free(largest);
    subgroups_free(&s);
    return status;
}

int xr_add_subgroups(cJSON *json, const struct xr_classify *set,
                     const struct xr_predictions *p, const struct xr_bootstrap *bootstrap,
                     const char *by, struct xr_err *err)
{
    cJSON *groups = cJSON_AddArrayToObject(json, "subgroups");
    cJSON *gaps = cJSON_AddArrayToObject(json, "gaps");
    char *text = xr_strdup(by, err);
    int status = text ? 0 : -1;

    for (char *at = text, *next; at && status == 0; at = next) {
        next = strchr(at, ',');
        if (next)
            *next++ = 0;
        status = *at ? add_column(groups, gaps, set, p, bootstrap, at, err)
                     : xr_fail_usage(err, "--by: '%s': an empty name", by);
    }
    free(text);
    return status;
}
