/* Subgroups of a table of predictions and the gaps between them. */
#include "metrics_subgroups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_levels.h"
#include "metrics_parts.h"

/* One column's subgroups. */
struct subgroups {
    struct xr_cut cut;
    struct xr_levels levels;
    uint32_t *high, *low; /* [n_figures] levels furthest apart; equal: none */
};

static void subgroups_free(struct subgroups *s)
{
    xr_levels_free(&s->levels);
    free(s->high);
    free(s->low);
    xr_cut_free(&s->cut);
}

/* --- gaps ------------------------------------------------------------------------- */

static const struct xr_figure *figure_at(const struct subgroups *s, size_t l, size_t f)
{
    return &s->levels.figures[l * s->levels.n_figures + f];
}

static bool has_all_classes(const struct subgroups *s, size_t l)
{
    size_t k = s->levels.scored.k;

    for (size_t c = 0; c < k; c++)
        if (!s->levels.support[l * k + c])
            return false;
    return true;
}

/* May the figure of this level be compared with others? */
static bool comparable(const struct subgroups *s, size_t l, size_t f)
{
    const struct xr_figure *figure = figure_at(s, l, f);
    const char *parent = f < XR_N_METRICS ? xr_metric_parent((enum xr_metric)f) : NULL;

    if (isnan(figure->value) || figure->reason)
        return false;
    return !parent || strcmp(parent, "macro_avg") != 0 || has_all_classes(s, l);
}

static void choose(struct subgroups *s, size_t f)
{
    bool any = false;

    for (size_t l = 0; l < s->cut.n_levels; l++) {
        double value = figure_at(s, l, f)->value;

        if (!comparable(s, l, f))
            continue;
        if (!any)
            s->high[f] = s->low[f] = (uint32_t)l;
        any = true;
        if (value > figure_at(s, s->high[f], f)->value)
            s->high[f] = (uint32_t)l;
        if (value <= figure_at(s, s->low[f], f)->value)
            s->low[f] = (uint32_t)l;
    }
}

static void *open_room(const void *context, struct xr_err *err)
{
    return xr_levels_room_open(&((const struct subgroups *)context)->levels, err);
}

static void close_room(void *room)
{
    xr_levels_room_close(room);
}

/* The gaps in one resample of all rows. */
static void eval_gaps(double *gaps, void *room, const void *context,
                      const uint32_t *weight)
{
    const struct subgroups *s = context;
    const double *figures = xr_levels_eval(room, &s->levels, weight);
    size_t n = s->levels.n_figures;

    for (size_t f = 0; f < n; f++)
        gaps[f] = figures[s->high[f] * n + f] - figures[s->low[f] * n + f];
}

static int measure_gaps(struct xr_figure *gaps, struct subgroups *s,
                        const struct xr_bootstrap *asked, struct xr_err *err)
{
    const struct xr_units units = {
        .n = s->levels.scored.n,
        .group = s->levels.scored.group,
        .n_groups = s->levels.scored.n_groups,
        .stratum = s->levels.scored.stratified ? s->levels.scored.label : NULL,
        .n_strata = s->levels.scored.k};
    const struct xr_statistic statistic = {.n_figures = s->levels.n_figures,
                                           .context = s,
                                           .open = open_room,
                                           .close = close_room,
                                           .eval = eval_gaps};
    struct xr_bootstrap bootstrap = *asked;
    struct xr_sampler *sampler = NULL;
    double *values = xr_alloc_array(s->levels.n_figures, sizeof *values, err);
    int status = -1;

    if (bootstrap.method != XR_CI_NONE)
        bootstrap.method = XR_CI_PERCENTILE;
    if (!values || xr_sampler_open(&sampler, &units, err))
        goto done;
    for (size_t f = 0; f < s->levels.n_figures; f++) {
        choose(s, f);
        values[f] = s->high[f] == s->low[f] ? NAN
                                            : figure_at(s, s->high[f], f)->value -
                                                  figure_at(s, s->low[f], f)->value;
    }
    status = xr_sampler_intervals(gaps, values, sampler, &bootstrap, NULL, &statistic,
                                  NULL, err);
    for (size_t f = 0; status == 0 && f < s->levels.n_figures; f++)
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
    cJSON *entry = cJSON_CreateObject();

    cJSON_AddItemToArray(list, entry);
    cJSON_AddStringToObject(entry, "column", s->cut.column);
    cJSON_AddStringToObject(entry, "value", s->cut.levels[l]);
    return xr_levels_json(entry, &s->levels, l, classes, err);
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
    const struct xr_scored scored = xr_classify_scored(set, p);
    struct subgroups s = {0};
    struct xr_figure *largest = NULL;
    int status = -1;

    if (xr_cut_make(&s.cut, p, spec, err))
        return -1;
    if (has_column(groups, s.cut.column)) {
        xr_fail_usage(err, "--by: column '%s' comes twice", s.cut.column);
        goto done;
    }
    if (xr_levels_make(&s.levels, set, &scored, s.cut.level, s.cut.n_levels, bootstrap,
                       err))
        goto done;
    largest = xr_alloc_array(s.levels.n_figures, sizeof *largest, err);
    s.high = xr_alloc_array(s.levels.n_figures, sizeof *s.high, err);
    s.low = xr_alloc_array(s.levels.n_figures, sizeof *s.low, err);
    if (!largest || !s.high || !s.low || measure_gaps(largest, &s, bootstrap, err))
        goto done;
    for (size_t l = 0; l < s.cut.n_levels; l++)
        if (add_level(groups, &s, l, p->classes, err))
            goto done;
    for (size_t f = 0; f < s.levels.n_figures; f++)
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
