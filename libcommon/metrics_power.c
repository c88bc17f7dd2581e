/* xr-metrics --power. */
#include "metrics_power.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "predictions.h"
#include "stats_delong.h"
#include "stats_ensemble.h"
#include "stats_power.h"

enum figure {
    SENSITIVITY,
    SPECIFICITY,
    PPV,
    NPV,
    ACCURACY,
    AUC,
    PREVALENCE,
    N_FIGURES
};
static const char *const names[N_FIGURES] = {
    "sensitivity", "specificity", "ppv", "npv", "accuracy", "auc", "prevalence"};

/* FIGURE[:CLASS]=NUMBER */
struct rule {
    enum figure figure;
    char class[256]; /* empty: none was named */
    double number;
};

/* What is expected of one class; NaN: unknown. */
struct expected {
    const char *class; /* NULL: without a table */
    double value[N_FIGURES];
    double predicted; /* share of rows that are predicted to be of it */
    double s10, s01;  /* of the area's variance */
};

struct run {
    const struct xr_power_set *set;
    double confidence;
    struct xr_predictions rows;
    bool file;
    cJSON *list;
};

static int read_rule(struct rule *rule, const char *option, const char *text, double most,
                     struct xr_err *err)
{
    const char *equals = strrchr(text, '='), *colon;
    size_t n;

    if (!equals)
        return xr_fail_usage(err, "%s: '%s': not FIGURE=NUMBER", option, text);
    colon = memchr(text, ':', (size_t)(equals - text));
    n = (size_t)((colon ? colon : equals) - text);
    for (rule->figure = 0; rule->figure < N_FIGURES; rule->figure++)
        if (strlen(names[rule->figure]) == n && !strncmp(names[rule->figure], text, n))
            break;
    if (rule->figure == N_FIGURES)
        return xr_fail_usage(err,
                             "%s: '%.*s': not one of sensitivity, specificity, ppv, "
                             "npv, accuracy, auc",
                             option, (int)n, text);
    snprintf(rule->class, sizeof rule->class, "%.*s",
             colon ? (int)(equals - colon - 1) : 0, colon ? colon + 1 : "");
    if (xr_parse_real(&rule->number, equals + 1, 0, most, err) || rule->number == 0)
        return xr_fail_usage(err, "%s: '%s': not a number above 0, up to %g", option,
                             text, most);
    return 0;
}

/* --- what a table tells ----------------------------------------------------------- */

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static int measure_area(struct expected *e, const struct xr_predictions *p,
                        uint32_t class, struct xr_err *err)
{
    double *score = xr_alloc_array(p->n, sizeof *score, err), sum[2] = {0};
    double *v = xr_alloc_array(p->n, sizeof *v, err);
    unsigned char *positive = xr_alloc_array(p->n, 1, err);
    size_t n[2] = {0};
    int status = score && v && positive ? 0 : -1;

    for (size_t i = 0; i < p->n && !status; i++) {
        score[i] = p->p[i * p->k + class];
        positive[i] = p->label[i] == class;
        n[positive[i]]++;
    }
    if (!status)
        status = xr_delong_components(&e->value[AUC], v, score, positive, p->n, err);
    for (size_t i = 0; i < p->n && !status; i++) {
        double off = v[i] - e->value[AUC];

        sum[positive[i]] += off * off;
    }
    e->s10 = n[1] > 1 ? sum[1] / (double)(n[1] - 1) : NAN;
    e->s01 = n[0] > 1 ? sum[0] / (double)(n[0] - 1) : NAN;
    free(score);
    free(v);
    free(positive);
    return status;
}

static int measure(struct expected *e, const struct run *run, uint32_t class,
                   struct xr_err *err)
{
    const struct xr_predictions *p = &run->rows;
    size_t n[2][2] = {{0}}, right = 0; /* by truth and prediction */

    for (size_t i = 0; i < p->n; i++) {
        uint32_t best = (uint32_t)xr_predicted(p->p + i * p->k, p->k);

        n[p->label[i] == class][best == class]++;
        right += best == p->label[i];
    }
    e->class = p->classes[class];
    e->value[SENSITIVITY] = share(n[1][1], n[1][0] + n[1][1]);
    e->value[SPECIFICITY] = share(n[0][0], n[0][0] + n[0][1]);
    e->value[PPV] = share(n[1][1], n[0][1] + n[1][1]);
    e->value[NPV] = share(n[0][0], n[0][0] + n[1][0]);
    e->value[ACCURACY] = share(right, p->n);
    e->value[PREVALENCE] = share(n[1][0] + n[1][1], p->n);
    e->predicted = share(n[0][1] + n[1][1], p->n);
    return measure_area(e, p, class, err);
}

/* --- entries ---------------------------------------------------------------------- */

static void add_count(cJSON *entry, const char *name, uint64_t n)
{
    if (n)
        cJSON_AddNumberToObject(entry, name, (double)n);
    else
        cJSON_AddNullToObject(entry, name);
}

static cJSON *add_entry(const struct run *run, const struct rule *rule,
                        const struct expected *e, const char *method)
{
    cJSON *entry = cJSON_CreateObject();

    cJSON_AddStringToObject(entry, "figure", names[rule->figure]);
    if (e->class)
        cJSON_AddStringToObject(entry, "class", e->class);
    cJSON_AddStringToObject(entry, "method", method);
    cJSON_AddNumberToObject(entry, "expected", e->value[rule->figure]);
    cJSON_AddNumberToObject(entry, "half_width", rule->number);
    cJSON_AddItemToArray(run->list, entry);
    return entry;
}

/* The rows a proportion is of: their share of all rows, and what they are called. */
static double stratum(const char **of, const struct rule *rule, const struct expected *e)
{
    double prevalence = e->value[PREVALENCE];

    switch (rule->figure) {
    case SENSITIVITY:
        *of = "rows of the class";
        return prevalence;
    case SPECIFICITY:
        *of = "rows of other classes";
        return 1 - prevalence;
    case PPV:
        *of = "rows predicted to be of the class";
        return e->predicted;
    case NPV:
        *of = "rows predicted to be of others";
        return 1 - e->predicted;
    default:
        *of = "rows";
        return 1;
    }
}

static void add_proportion(const struct run *run, const struct rule *rule,
                           const struct expected *e)
{
    const char *of;
    double part = stratum(&of, rule, e);

    for (int wilson = 1; wilson >= 0; wilson--) {
        cJSON *entry = add_entry(run, rule, e, wilson ? "wilson" : "normal");
        uint64_t n = xr_power_proportion(e->value[rule->figure], rule->number,
                                         run->confidence, wilson);
        bool known = part > 0 && part <= 1 && n;

        add_count(entry, "n_measured", n);
        cJSON_AddStringToObject(entry, "measured", of);
        add_count(entry, "n", known ? (uint64_t)ceil((double)n / part * (1 - 1e-12)) : 0);
        if (!known)
            cJSON_AddStringToObject(entry, "reason",
                                    n ? "how many rows in all: the share of these is "
                                        "not known (--expect prevalence=)"
                                      : "more than 1e12");
    }
}

static void add_area_entry(const struct run *run, const struct rule *rule,
                           const struct expected *e, bool measured)
{
    cJSON *entry = add_entry(run, rule, e, measured ? "delong" : "hanley_mcneil");
    double prevalence = e->value[PREVALENCE];
    uint64_t pos = 0, neg = 0, n = 0;
    const char *reason = NULL;

    if (!(prevalence > 0 && prevalence < 1))
        reason = "the prevalence is not known (--expect prevalence=)";
    else if (measured && !(e->s10 + e->s01 > 0))
        reason = "the area's variance is 0 or not defined in this table";
    else if (!measured && !(e->value[AUC] > 0.5 && e->value[AUC] < 1))
        reason = "the formula is for areas between 0.5 and 1";
    else if (measured)
        n = xr_power_components(&pos, &neg, e->s10, e->s01, prevalence, rule->number,
                                run->confidence);
    else
        n = xr_power_auc(&pos, &neg, e->value[AUC], prevalence, rule->number,
                         run->confidence);
    if (!n && !reason)
        reason = "more than 1e12";
    add_count(entry, "n_measured", n);
    cJSON_AddStringToObject(entry, "measured", "rows");
    add_count(entry, "n", n);
    add_count(entry, "n_of_class", pos);
    add_count(entry, "n_of_others", neg);
    if (reason)
        cJSON_AddStringToObject(entry, "reason", reason);
}

static bool is_of(const struct rule *rule, const struct expected *e)
{
    return !*rule->class || (e->class && !strcmp(rule->class, e->class));
}

/* What --expect says goes before what the table tells; the variance of another area than
 * was measured is not known. */
static int apply_expected(struct expected *e, const struct run *run, struct xr_err *err)
{
    for (size_t i = 0; i < run->set->expect.n; i++) {
        struct rule rule;

        if (read_rule(&rule, "--expect", run->set->expect.items[i], 1, err))
            return -1;
        if (!is_of(&rule, e))
            continue;
        e->value[rule.figure] = rule.number;
        if (rule.figure == AUC)
            e->s10 = e->s01 = NAN;
    }
    return 0;
}

/* One figure of one class. */
static int add_figure(const struct run *run, const struct rule *rule,
                      const struct expected *e, struct xr_err *err)
{
    if (isnan(e->value[rule->figure]))
        return run->file ? xr_fail(err, "%s: %s of '%s' is not defined",
                                   run->rows.table.name, names[rule->figure], e->class)
                         : xr_fail_usage(err,
                                         "--power %s: --expect %s=VALUE, or a table of "
                                         "predictions, says what to expect",
                                         names[rule->figure], names[rule->figure]);
    if (rule->figure != AUC) {
        add_proportion(run, rule, e);
    } else {
        add_area_entry(run, rule, e, false);
        if (run->file && !isnan(e->s10 + e->s01))
            add_area_entry(run, rule, e, true);
    }
    return 0;
}

static int add_rule(const struct run *run, const char *text, struct xr_err *err)
{
    uint32_t k = (uint32_t)run->rows.k, first = k == 2 ? 1 : 0, done = 0;
    struct rule rule;

    if (read_rule(&rule, "--power", text, 0.5, err))
        return -1;
    if (rule.figure == PREVALENCE)
        return xr_fail_usage(err, "--power: '%s': prevalence is for --expect", text);
    if (!run->file && *rule.class)
        return xr_fail_usage(err, "--power: '%s': a class needs a table of predictions",
                             text);
    for (uint32_t c = *rule.class ? 0 : first; c < (run->file ? k : 1); c++) {
        struct expected e = {.s10 = NAN, .s01 = NAN, .predicted = NAN};

        for (int i = 0; i < N_FIGURES; i++)
            e.value[i] = NAN;
        if (*rule.class && strcmp(rule.class, run->rows.classes[c]))
            continue;
        if ((run->file && measure(&e, run, c, err)) || apply_expected(&e, run, err) ||
            add_figure(run, &rule, &e, err))
            return -1;
        done++;
        if (rule.figure == ACCURACY)
            break;
    }
    return done ? 0 : xr_fail_usage(err, "--power: '%s': no such class", text);
}

cJSON *xr_power_run(const struct xr_power_set *set, const struct xr_classify *classify,
                    const struct xr_cli *cli, const char *path, struct xr_err *err)
{
    const struct xr_predictions_options which = {
        .split = classify->split, .skip_unlabelled = classify->skip_unlabelled};
    struct run run = {.set = set, .confidence = classify->confidence, .file = path};
    cJSON *json = cJSON_CreateObject(), *inputs = cJSON_CreateObject();
    int status = 0;

    cJSON_AddStringToObject(json, "task", "power");
    cJSON_AddNumberToObject(json, "confidence", run.confidence);
    if (path) {
        status = xr_predictions_read(&run.rows, path, &which, err);
        if (!status) {
            cJSON_AddNumberToObject(json, "n", (double)run.rows.n);
            cJSON_AddStringToObject(inputs, xr_last_part(run.rows.table.name),
                                    run.rows.table.digest);
        }
    }
    run.list = cJSON_AddArrayToObject(json, "power");
    for (size_t i = 0; i < set->power.n && !status; i++)
        status = add_rule(&run, set->power.items[i], err);
    if (!status)
        xr_classify_history(json, cli, inputs);
    cJSON_Delete(inputs);
    xr_predictions_free(&run.rows);
    if (status) {
        cJSON_Delete(json);
        json = NULL;
    }
    return json;
}
