/* Comparison of tables of predictions, as a JSON object. */
#include "metrics_compare.h"

#include <math.h>
#include <stdlib.h>

#include "metrics_join.h"
#include "metrics_ledger.h"
#include "metrics_parts.h"
#include "stats_compare.h"
#include "stats_ensemble.h"

#define MAX_TABLES 64
#define MAX_NUMBERS ((size_t)1 << 27)

/* One run. Arrays of a table stand one behind the other. */
struct run {
    const struct xr_classify *set;
    struct xr_bootstrap bootstrap;
    struct xr_tables tables;
    size_t n_figures, n_pairs, units;
    bool no_jack; /* BCa is asked for, but its jackknife is too large */
    struct xr_sampler *sampler;
    struct xr_metrics **metrics; /* [tables] */
    struct xr_areas *areas;      /* [tables] */
    struct xr_figure *figures;   /* [tables][n_figures] */
    double *theta, *jack;        /* [tables][n_figures][resamples], [...][units] */
    double *one, *jack_one;      /* [resamples], [units]: of a difference */
    double *p;                   /* [n_pairs] */
    cJSON **entries;             /* [n_pairs], not owned */
};

static void run_free(struct run *run)
{
    for (size_t t = 0; t < run->tables.n; t++) {
        if (run->metrics)
            xr_metrics_close(run->metrics[t]);
        if (run->areas)
            xr_areas_free(&run->areas[t]);
    }
    xr_sampler_close(run->sampler);
    free(run->metrics);
    free(run->areas);
    free(run->figures);
    free(run->theta);
    free(run->jack);
    free(run->one);
    free(run->jack_one);
    free(run->p);
    free(run->entries);
    xr_tables_free(&run->tables);
}

/* All figures of all tables from one vector of weights, in one room a table. */
static void close_rooms(void *arg)
{
    struct xr_metrics_room **rooms = arg;

    for (size_t t = 0; rooms && rooms[t]; t++)
        xr_metrics_room_close(rooms[t]);
    free(rooms);
}

static void *open_rooms(const void *context, struct xr_err *err)
{
    const struct run *run = context;
    struct xr_metrics_room **rooms =
        xr_alloc_array(run->tables.n + 1, sizeof(struct xr_metrics_room *), err);

    for (size_t t = 0; rooms && t < run->tables.n; t++)
        if (!(rooms[t] = xr_metrics_room_open(run->metrics[t], err))) {
            close_rooms(rooms);
            return NULL;
        }
    return rooms;
}

static void eval_tables(double *figures, void *arg, const void *context,
                        const uint32_t *weight)
{
    const struct run *run = context;
    struct xr_metrics_room **rooms = arg;

    for (size_t t = 0; t < run->tables.n; t++)
        xr_metrics_eval_in(figures + t * run->n_figures, rooms[t], run->metrics[t],
                           weight);
}

static int alloc(struct run *run, struct xr_err *err)
{
    const struct xr_predictions *first = &run->tables.of[0];
    size_t n = run->tables.n, b = (size_t)run->bootstrap.n_resamples, all;

    run->n_figures = xr_n_metrics(first->k);
    run->n_pairs = n * (n - 1) / 2;
    run->units = first->group ? first->n_groups : first->n;
    all = n * run->n_figures;
    if (b > MAX_NUMBERS / all)
        return xr_fail(err, "%lld resamples of %zu figures of %zu tables are too many",
                       (long long)run->bootstrap.n_resamples, run->n_figures, n);
    run->no_jack = run->bootstrap.method == XR_CI_BCA && run->units > MAX_NUMBERS / all;
    run->metrics = xr_alloc_array(n, sizeof *run->metrics, err);
    run->areas = xr_alloc_array(n, sizeof *run->areas, err);
    run->figures = xr_alloc_array(all, sizeof *run->figures, err);
    run->theta = xr_alloc_array(all * b, sizeof *run->theta, err);
    run->one = xr_alloc_array(b, sizeof *run->one, err);
    run->p = xr_alloc_array(run->n_pairs, sizeof *run->p, err);
    run->entries = xr_alloc_array(run->n_pairs, sizeof(cJSON *), err);
    if (run->bootstrap.method == XR_CI_BCA && !run->no_jack) {
        run->jack = xr_alloc_array(all * run->units, sizeof *run->jack, err);
        run->jack_one = xr_alloc_array(run->units, sizeof *run->jack_one, err);
        if (!run->jack || !run->jack_one)
            return -1;
    }
    return run->metrics && run->areas && run->figures && run->theta && run->one &&
                   run->p && run->entries
               ? 0
               : -1;
}

/* The rows of table t with the groups of the first. */
static struct xr_scored scored_of(const struct run *run, size_t t)
{
    struct xr_scored scored = xr_classify_scored(run->set, &run->tables.of[t]);

    scored.group = run->tables.of[0].group;
    scored.n_groups = run->tables.of[0].n_groups;
    return scored;
}

static int resample(struct run *run, struct xr_err *err)
{
    const struct xr_scored first = scored_of(run, 0);
    const struct xr_units units = {.n = first.n,
                                   .group = first.group,
                                   .n_groups = first.n_groups,
                                   .stratum = first.stratified ? first.label : NULL,
                                   .n_strata = first.k};
    const struct xr_statistic statistic = {.n_figures = run->tables.n * run->n_figures,
                                           .context = run,
                                           .open = open_rooms,
                                           .close = close_rooms,
                                           .eval = eval_tables};

    if (xr_sampler_open(&run->sampler, &units, err))
        return -1;
    return run->bootstrap.n_resamples
               ? xr_sampler_run(run->theta, run->sampler, &run->bootstrap, NULL,
                                &statistic, err)
               : 0;
}

static int measure(struct run *run, struct xr_err *err)
{
    if (alloc(run, err))
        return -1;
    for (size_t t = 0; t < run->tables.n; t++) {
        const struct xr_scored scored = scored_of(run, t);

        if (xr_classify_figures(run->figures + t * run->n_figures, &run->metrics[t],
                                run->set, &scored, &run->bootstrap, err) ||
            xr_areas_make(&run->areas[t], &scored, err) ||
            (run->jack &&
             xr_metrics_jackknife(run->jack + t * run->n_figures * run->units,
                                  run->metrics[t], err)))
            return xr_fail_in(err, "%s", run->tables.of[t].table.name);
    }
    return resample(run, err);
}

/* --- differences ------------------------------------------------------------------ */

/* The difference of figure f of tables a and b from the same resamples; returns its p. */
static double difference_of(struct xr_figure *out, struct run *run, size_t a, size_t b,
                            size_t f)
{
    size_t at[2] = {a * run->n_figures + f, b * run->n_figures + f};
    size_t total = (size_t)run->bootstrap.n_resamples;
    enum xr_ci_method method = run->no_jack ? XR_CI_PERCENTILE : run->bootstrap.method;

    for (size_t i = 0; i < total; i++)
        run->one[i] = run->theta[at[0] * total + i] - run->theta[at[1] * total + i];
    for (size_t u = 0; run->jack && u < run->units; u++)
        run->jack_one[u] =
            run->jack[at[0] * run->units + u] - run->jack[at[1] * run->units + u];
    xr_bootstrap_bounds(
        out, run->figures[at[0]].value - run->figures[at[1]].value, run->one, total,
        run->jack ? xr_sampler_acceleration(run->sampler, run->jack_one) : NAN,
        run->bootstrap.confidence, method);
    if (run->no_jack && !out->note)
        out->note = "too many rows for the jackknife of BCa";
    if (isnan(out->value))
        out->reason = "undefined for these rows";
    return xr_bootstrap_p(out, run->one);
}

/* An entry of `comparisons`, for all pairs at once; what belongs to one of them is added
 * by the caller through run->entries. */
static cJSON *add_entry(const struct run *run, cJSON *list, size_t a, size_t b,
                        const char *figure, const char *method)
{
    cJSON *entry = cJSON_CreateObject();

    cJSON_AddStringToObject(entry, "a", run->tables.names[a]);
    cJSON_AddStringToObject(entry, "b", run->tables.names[b]);
    cJSON_AddStringToObject(entry, "figure", figure);
    cJSON_AddStringToObject(entry, "method", method);
    cJSON_AddItemToArray(list, entry);
    return entry;
}

/* p of all pairs, adjusted over them. */
static int add_p(struct run *run, struct xr_err *err)
{
    double *adjusted = xr_alloc_array(run->n_pairs, sizeof *adjusted, err);

    if (!adjusted || xr_holm(adjusted, run->p, run->n_pairs, err)) {
        free(adjusted);
        return -1;
    }
    for (size_t i = 0; i < run->n_pairs; i++) {
        xr_json_add_real(run->entries[i], "p", run->p[i]);
        xr_json_add_real(run->entries[i], "p_holm", adjusted[i]);
    }
    free(adjusted);
    return 0;
}

static int add_bootstrap_of(struct run *run, cJSON *list, size_t f, const char *path,
                            struct xr_err *err)
{
    size_t pair = 0;

    for (size_t a = 0; a < run->tables.n; a++)
        for (size_t b = a + 1; b < run->tables.n; b++, pair++) {
            struct xr_figure difference;

            run->p[pair] = difference_of(&difference, run, a, b, f);
            run->entries[pair] = add_entry(run, list, a, b, path, "paired_bootstrap");
            cJSON_AddItemToObject(run->entries[pair], "difference",
                                  xr_figure_json(&difference));
        }
    return add_p(run, err);
}

static int add_delong_of(struct run *run, cJSON *list, size_t c, const char *path,
                         struct xr_err *err)
{
    bool grouped = run->tables.of[0].group != NULL;
    size_t pair = 0;

    for (size_t a = 0; a < run->tables.n; a++)
        for (size_t b = a + 1; b < run->tables.n; b++, pair++) {
            struct xr_difference d;
            struct xr_figure figure = {.method = XR_CI_DELONG};
            cJSON *entry =
                add_entry(run, list, a, b, path, grouped ? "delong_clustered" : "delong");

            xr_areas_compare(&d, &run->areas[a], &run->areas[b], c,
                             run->bootstrap.confidence);
            figure.value = d.value;
            figure.low = d.low;
            figure.high = d.high;
            if (isnan(d.value))
                figure.reason = "undefined for these rows";
            else if (isnan(d.variance))
                figure.note = "fewer than two rows (groups) of a class or of the others: "
                              "no variance";
            else if (d.variance == 0.0)
                figure.note = "the variance is 0: the interval says nothing";
            if (isnan(d.low))
                figure.method = XR_CI_NONE;
            cJSON_AddItemToObject(entry, "difference", xr_figure_json(&figure));
            xr_json_add_real(entry, "variance", d.variance);
            xr_json_add_real(entry, "z", d.z);
            run->p[pair] = d.p;
            run->entries[pair] = entry;
        }
    return add_p(run, err);
}

/* --- McNemar ---------------------------------------------------------------------- */

static void count_hits(struct xr_mcnemar *t, const struct xr_predictions *x,
                       const struct xr_predictions *y)
{
    *t = (struct xr_mcnemar){0};
    for (size_t i = 0; i < x->n; i++) {
        bool a = xr_predicted(x->p + i * x->k, x->k) == x->label[i];
        bool b = xr_predicted(y->p + i * y->k, y->k) == y->label[i];

        t->both += a && b;
        t->first += a && !b;
        t->second += !a && b;
        t->neither += !a && !b;
    }
    xr_mcnemar_test(t);
}

static void add_counts(cJSON *entry, const struct xr_mcnemar *t)
{
    cJSON *counts = cJSON_AddObjectToObject(entry, "rows");

    cJSON_AddNumberToObject(counts, "both_right", (double)t->both);
    cJSON_AddNumberToObject(counts, "only_a_right", (double)t->first);
    cJSON_AddNumberToObject(counts, "only_b_right", (double)t->second);
    cJSON_AddNumberToObject(counts, "both_wrong", (double)t->neither);
}

static int add_mcnemar(struct run *run, cJSON *list, struct xr_err *err)
{
    static const char *const names[] = {"mcnemar_exact", "mcnemar_mid_p", "mcnemar_chi2",
                                        "mcnemar_chi2_corrected"};

    for (int test = 0; test < 4; test++) {
        size_t pair = 0;

        for (size_t a = 0; a < run->tables.n; a++)
            for (size_t b = a + 1; b < run->tables.n; b++, pair++) {
                cJSON *entry = add_entry(run, list, a, b, "accuracy", names[test]);
                struct xr_mcnemar t;
                struct xr_figure difference;

                count_hits(&t, &run->tables.of[a], &run->tables.of[b]);
                difference_of(&difference, run, a, b, XR_METRIC_ACCURACY);
                cJSON_AddItemToObject(entry, "difference", xr_figure_json(&difference));
                add_counts(entry, &t);
                if (test >= 2)
                    xr_json_add_real(entry, "chi2", test == 2 ? t.chi2 : t.corrected);
                if (test >= 2 && isnan(t.chi2))
                    cJSON_AddStringToObject(entry, "reason", "no row differs");
                if (run->tables.of[0].group)
                    cJSON_AddStringToObject(entry, "note",
                                            "takes rows of a group as independent");
                run->p[pair] = test == 0   ? t.exact
                               : test == 1 ? t.mid_p
                               : test == 2 ? t.chi2_p
                                           : t.corrected_p;
                run->entries[pair] = entry;
            }
        if (add_p(run, err))
            return -1;
    }
    return 0;
}

/* --- the object ------------------------------------------------------------------- */

static int add_comparisons(struct run *run, cJSON *json, struct xr_err *err)
{
    const struct xr_predictions *first = &run->tables.of[0];
    cJSON *list = cJSON_AddArrayToObject(json, "comparisons");

    for (size_t c = 0; c <= first->k; c++) {
        char *path = xr_metric_path(c < first->k ? xr_metric_at(c, XR_CLASS_ROC_AUC)
                                                 : XR_METRIC_ROC_AUC_MACRO,
                                    first->classes, err);
        int status = path ? add_delong_of(run, list, c, path, err) : -1;

        free(path);
        if (status)
            return -1;
    }
    if (add_mcnemar(run, list, err))
        return -1;
    for (size_t f = 0; run->bootstrap.n_resamples && f < run->n_figures; f++) {
        char *path = xr_metric_path(f, first->classes, err);
        int status = path ? add_bootstrap_of(run, list, f, path, err) : -1;

        free(path);
        if (status)
            return -1;
    }
    return 0;
}

static int add_figures(struct run *run, cJSON *json, struct xr_err *err)
{
    cJSON *all = cJSON_AddObjectToObject(json, "figures");

    for (size_t f = 0; f < run->n_figures; f++) {
        char *path = xr_metric_path(f, run->tables.of[0].classes, err);
        cJSON *row;

        if (!path)
            return -1;
        row = cJSON_AddArrayToObject(all, path);
        free(path);
        for (size_t t = 0; t < run->tables.n; t++) {
            const struct xr_figure *figure = &run->figures[t * run->n_figures + f];

            cJSON_AddItemToArray(row, xr_figure_json(figure));
        }
    }
    return 0;
}

static cJSON *texts(const char *const *of, size_t n)
{
    return cJSON_CreateStringArray(of, (int)n);
}

static cJSON *make(struct run *run, const char *split, struct xr_err *err)
{
    const struct xr_predictions *first = &run->tables.of[0];
    cJSON *json = cJSON_CreateObject(), *b;

    cJSON_AddNumberToObject(json, "n", (double)first->n);
    if (split)
        cJSON_AddStringToObject(json, "split", split);
    cJSON_AddItemToObject(json, "classes", texts(first->classes, first->k));
    cJSON_AddItemToObject(json, "files",
                          texts((const char *const *)run->tables.names, run->tables.n));
    if (add_figures(run, json, err) || add_comparisons(run, json, err)) {
        cJSON_Delete(json);
        return NULL;
    }
    b = cJSON_AddObjectToObject(json, "bootstrap");
    cJSON_AddStringToObject(b, "method", xr_ci_method_name(run->bootstrap.method));
    cJSON_AddNumberToObject(b, "resamples", (double)run->bootstrap.n_resamples);
    cJSON_AddNumberToObject(b, "confidence", run->bootstrap.confidence);
    cJSON_AddNumberToObject(b, "seed", (double)run->bootstrap.seed);
    cJSON_AddStringToObject(b, "unit", first->group ? "group" : "row");
    cJSON_AddNumberToObject(b, "units", (double)run->units);
    return json;
}

cJSON *xr_compare_run(const struct xr_classify *set, const struct xr_cli *cli,
                      struct xr_buf *text, struct xr_err *err)
{
    struct run run = {.set = set, .bootstrap = xr_classify_bootstrap(set, cli)};
    cJSON *json = NULL, *inputs;

    if (cli->n_operands > MAX_TABLES) {
        xr_fail_usage(err, "%zu tables: at most %d are compared", cli->n_operands,
                      MAX_TABLES);
        return NULL;
    }
    if (xr_tables_read(&run.tables, set, cli, err) || xr_tables_join(&run.tables, err) ||
        measure(&run, err) || !(json = make(&run, set->split, err)))
        goto done;
    inputs = xr_tables_digests(&run.tables);
    xr_classify_history(json, cli, inputs);
    if (xr_metrics_set_rows(json, cli, &run.tables.of[0], err) ||
        (text && xr_compare_text(text, json, err))) {
        cJSON_Delete(json);
        json = NULL;
    }
    xr_metrics_set_files(json, inputs);
    cJSON_Delete(inputs);
done:
    run_free(&run);
    return json;
}
