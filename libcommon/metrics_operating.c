/* xr-metrics --at and --calibrate. */
#include "metrics_operating.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_parts.h"
#include "stats_calibration.h"
#include "stats_operating.h"
#include "stats_report.h"

bool xr_fit_wanted(const struct xr_fit_settings *set)
{
    return set->at.n || set->calibrate;
}

int xr_fit_check(const struct xr_fit_settings *set, const char *measured,
                 struct xr_err *err)
{
    struct xr_rule rule;

    if (set->calibration_out && !set->calibrate)
        return xr_fail_usage(err, "--calibration-out needs --calibrate METHOD");
    if (!xr_fit_wanted(set))
        return set->file ? xr_fail_usage(err, "--fit needs --at or --calibrate") : 0;
    for (size_t i = 0; i < set->at.n; i++)
        if (xr_rule_parse(&rule, set->at.items[i], err))
            return -1;
    if (!strcmp(set->split, "test"))
        return xr_fail_usage(err, "--fit-split test: nothing may be fitted on test rows");
    if (!set->file && !measured)
        return xr_fail_usage(err, "--at and --calibrate need --split NAME, the rows to "
                                  "measure, or --fit FILE, other rows to fit on");
    if (!set->file && !strcmp(set->split, measured))
        return xr_fail_usage(err,
                             "--split %s: these rows are fitted on, so they cannot be "
                             "measured",
                             measured);
    return 0;
}

int xr_fit_read(struct xr_fit_rows *rows, const struct xr_fit_settings *set,
                struct xr_table *table, bool skip_unlabelled, struct xr_err *err)
{
    struct xr_predictions_options which = {.split = set->split,
                                           .skip_unlabelled = skip_unlabelled};
    struct xr_table own;

    *rows = (struct xr_fit_rows){.own_table = set->file != NULL};
    if (!set->file) {
        if (xr_predictions_take(&rows->predictions, table, &which, err))
            return -1;
        *table = rows->predictions.table;
        return 0;
    }
    if (xr_table_read(&own, set->file, err)) {
        xr_table_free(table);
        return -1;
    }
    if (xr_table_col(&own, "split") < 0)
        which.split = NULL;
    if (xr_predictions_take(&rows->predictions, &own, &which, err)) {
        xr_table_free(table);
        return -1;
    }
    return 0;
}

void xr_fit_free(struct xr_fit_rows *rows)
{
    if (!rows->own_table)
        rows->predictions.table = (struct xr_table){0};
    xr_predictions_free(&rows->predictions);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int xr_fit_apart(const struct xr_fit_rows *rows, const struct xr_predictions *measured,
                 struct xr_err *err)
{
    const struct xr_predictions *f = &rows->predictions;
    int mine = xr_table_col(&f->table, "key"),
        other = xr_table_col(&measured->table, "key");
    const char **keys;
    int status = 0;

    for (size_t c = 0; c < f->k || c < measured->k; c++)
        if (f->k != measured->k || strcmp(f->classes[c], measured->classes[c]) != 0)
            return xr_fail(err, "%s: its classes are not those of %s", f->table.name,
                           measured->table.name);
    keys = xr_alloc_array(f->n, sizeof *keys, err);
    if (!keys)
        return -1;
    for (size_t i = 0; i < f->n; i++)
        keys[i] = xr_cell(&f->table, f->row[i], (size_t)mine);
    qsort(keys, f->n, sizeof *keys, compare_texts);
    for (size_t i = 0; i < measured->n && status == 0; i++) {
        const char *key = xr_cell(&measured->table, measured->row[i], (size_t)other);

        if (bsearch(&key, keys, f->n, sizeof *keys, compare_texts))
            status = xr_fail(err, "%s:%u: key '%s' is among the rows to fit on",
                             measured->table.name,
                             measured->table.lines[measured->row[i]], key);
    }
    free(keys);
    return status;
}

static cJSON *fitted_on(const struct xr_fit_rows *rows, const struct xr_fit_settings *set)
{
    const struct xr_table *t = &rows->predictions.table;
    cJSON *json = cJSON_CreateObject();

    if (xr_table_col(t, "split") >= 0)
        cJSON_AddStringToObject(json, "split", set->split);
    else
        cJSON_AddNullToObject(json, "split");
    cJSON_AddNumberToObject(json, "n", (double)rows->predictions.n);
    cJSON_AddStringToObject(json, "digest", t->digest);
    return json;
}

/* --- calibration ------------------------------------------------------------------ */

/* The file for xr-predict: the calibration, what it was fitted on, and this run. */
static int write_calibration(const cJSON *calibration, const struct xr_fit_rows *rows,
                             const struct xr_fit_settings *set, const struct xr_cli *cli,
                             struct xr_err *err)
{
    const struct xr_table *t = &rows->predictions.table;
    cJSON *json = cJSON_CreateObject(), *inputs = cJSON_CreateObject(), *entry;
    struct xr_out *out = NULL;
    int status;

    cJSON_AddItemToObject(json, "calibration", cJSON_Duplicate(calibration, 1));
    cJSON_AddStringToObject(inputs, xr_last_part(t->name), t->digest);
    entry = xr_cli_history(cli, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
    status = xr_out_open(&out, set->calibration_out, 0, err) ||
             xr_json_write(out, json, err) || xr_out_finish(out, err);
    xr_out_close(out);
    cJSON_Delete(inputs);
    cJSON_Delete(json);
    return status ? -1 : 0;
}

int xr_fit_calibrate(struct xr_fit_rows *rows, struct xr_predictions *measured,
                     const struct xr_fit_settings *set, const struct xr_cli *cli,
                     cJSON **said, struct xr_err *err)
{
    struct xr_predictions *f = &rows->predictions;
    struct xr_calibration cal;

    *said = NULL;
    if (!set->calibrate)
        return 0;
    if (xr_calibration_fit(&cal, (enum xr_calibration_method)set->calibrate, f->p,
                           f->label, f->n, f->k, err))
        return xr_fail_in(err, "%s", f->table.name);
    if (cal.at_bound)
        xr_cli_warn(cli, "%s: no temperature is best: it is the bound %.3g",
                    f->table.name, cal.temperature);
    for (size_t i = 0; i < f->n; i++)
        xr_calibration_apply(&cal, f->p + i * f->k);
    for (size_t i = 0; i < measured->n; i++)
        xr_calibration_apply(&cal, measured->p + i * measured->k);
    *said = xr_calibration_json(&cal, (const char *const *)f->classes);
    cJSON_AddItemToObject(*said, "fitted_on", fitted_on(rows, set));
    xr_calibration_free(&cal);
    if (set->calibration_out && write_calibration(*said, rows, set, cli, err)) {
        cJSON_Delete(*said);
        *said = NULL;
        return -1;
    }
    return 0;
}

/* --- operating points ------------------------------------------------------------- */

/* One class against the rest. */
struct column {
    double *score;
    unsigned char *positive;
};

static void column_fill(struct column *c, const struct xr_predictions *p, size_t class)
{
    for (size_t i = 0; i < p->n; i++) {
        c->score[i] = p->p[i * p->k + class];
        c->positive[i] = p->label[i] == class;
    }
}

static int column_alloc(struct column *c, size_t n, struct xr_err *err)
{
    c->score = xr_alloc_array(n, sizeof *c->score, err);
    c->positive = xr_alloc_array(n, 1, err);
    return c->score && c->positive ? 0 : -1;
}

static void column_free(struct column *c)
{
    free(c->score);
    free(c->positive);
}

/* What one point needs. */
struct points {
    const struct xr_fit_rows *rows;
    const struct xr_predictions *measured;
    const struct xr_fit_settings *set;
    const char *split;
    struct column fit, at;
    struct xr_sampler *sampler;
    const struct xr_bootstrap *bootstrap;
    enum xr_ci_method proportions;
    cJSON *array;
    struct xr_buf *text;
};

static void add_point(const struct points *p, const char *class,
                      const struct xr_rule *rule, double threshold,
                      const struct xr_operating *o)
{
    cJSON *json = cJSON_CreateObject(), *on;

    cJSON_AddStringToObject(json, "class", class);
    cJSON_AddStringToObject(json, "rule", rule->name);
    xr_json_add_real(json, "threshold", threshold);
    if (!isfinite(threshold))
        cJSON_AddStringToObject(json, "reason", "above every score: no row is positive");
    cJSON_AddItemToObject(json, "fitted_on", fitted_on(p->rows, p->set));
    on = cJSON_AddObjectToObject(json, "measured_on");
    if (p->split)
        cJSON_AddStringToObject(on, "split", p->split);
    else
        cJSON_AddNullToObject(on, "split");
    cJSON_AddNumberToObject(on, "n", (double)p->measured->n);
    cJSON_AddNumberToObject(json, "tp", (double)o->tp);
    cJSON_AddNumberToObject(json, "fp", (double)o->fp);
    cJSON_AddNumberToObject(json, "fn", (double)o->fn);
    cJSON_AddNumberToObject(json, "tn", (double)o->tn);
    for (int f = 0; f < XR_N_AT; f++)
        cJSON_AddItemToObject(json, xr_operating_name(f), xr_figure_json(&o->figures[f]));
    cJSON_AddItemToArray(p->array, json);
}

static int put_point(const struct points *p, const char *class,
                     const struct xr_rule *rule, double threshold,
                     const struct xr_operating *o, struct xr_err *err)
{
    if (xr_buf_text(p->text, "\n", err) || xr_text_pad(p->text, class, 0, false, err) ||
        xr_buf_printf(p->text, err,
                      " at %s: threshold %.6g, fitted on %zu rows; tp %llu, fp %llu, fn "
                      "%llu, tn %llu\n",
                      rule->name, threshold, p->rows->predictions.n,
                      (unsigned long long)o->tp, (unsigned long long)o->fp,
                      (unsigned long long)o->fn, (unsigned long long)o->tn))
        return -1;
    for (int f = 0; f < XR_N_AT; f++) {
        const struct xr_figure *figure = &o->figures[f];

        if (xr_buf_printf(p->text, err, "  %-12s ", xr_operating_name(f)) ||
            (isnan(figure->value)
                 ? xr_buf_text(p->text, "    -", err)
                 : xr_buf_printf(p->text, err, "%5.3f", figure->value)) ||
            (figure->method != XR_CI_NONE &&
             xr_buf_printf(p->text, err, " [%5.3f, %5.3f]", figure->low, figure->high)) ||
            xr_buf_text(p->text, "\n", err))
            return -1;
    }
    return 0;
}

static int one_point(struct points *p, const struct xr_rule *rule, size_t class,
                     struct xr_err *err)
{
    const struct xr_predictions *f = &p->rows->predictions, *m = p->measured;
    struct xr_operating o;
    double threshold;

    column_fill(&p->fit, f, class);
    column_fill(&p->at, m, class);
    if (xr_rule_threshold(&threshold, rule, p->fit.score, p->fit.positive, f->n, err))
        return xr_fail_in(err, "%s: class '%s'", f->table.name, f->classes[class]);
    if (xr_operating_measure(&o, p->at.score, p->at.positive, m->n, threshold, p->sampler,
                             p->bootstrap, p->proportions, err))
        return -1;
    add_point(p, f->classes[class], rule, threshold, &o);
    return p->text ? put_point(p, f->classes[class], rule, threshold, &o, err) : 0;
}

/* A rule without a class: of two classes the last, of more each. */
static int points_of(struct points *p, const char *text, struct xr_err *err)
{
    const struct xr_predictions *f = &p->rows->predictions;
    struct xr_rule rule;
    size_t done = 0;

    if (xr_rule_parse(&rule, text, err))
        return -1;
    for (size_t c = f->k == 2 && !rule.class_name ? 1 : 0; c < f->k; c++) {
        if (rule.class_name && strcmp(rule.class_name, f->classes[c]) != 0)
            continue;
        if (one_point(p, &rule, c, err))
            return -1;
        done++;
    }
    return done
               ? 0
               : xr_fail(err, "%s: --at %s: there is no such class", f->table.name, text);
}

int xr_fit_operate(cJSON *json, struct xr_buf *text, const struct xr_fit_rows *rows,
                   const struct xr_predictions *measured,
                   const struct xr_fit_settings *set, const char *split, bool stratified,
                   const struct xr_bootstrap *bootstrap, enum xr_ci_method proportions,
                   struct xr_err *err)
{
    struct points points = {.rows = rows,
                            .measured = measured,
                            .set = set,
                            .split = split,
                            .bootstrap = bootstrap,
                            .proportions = proportions,
                            .text = text};
    const struct xr_units units = {.n = measured->n,
                                   .group = measured->group,
                                   .n_groups = measured->n_groups,
                                   .stratum = stratified ? measured->label : NULL,
                                   .n_strata = measured->k};
    int status = -1;

    if (!set->at.n)
        return 0;
    points.array = cJSON_AddArrayToObject(json, "operating_points");
    if (xr_sampler_open(&points.sampler, &units, err) ||
        column_alloc(&points.fit, rows->predictions.n, err) ||
        column_alloc(&points.at, measured->n, err))
        goto done;
    status = 0;
    for (size_t i = 0; i < set->at.n && status == 0; i++)
        status = points_of(&points, set->at.items[i], err);
done:
    column_free(&points.fit);
    column_free(&points.at);
    xr_sampler_close(points.sampler);
    return status;
}
