/*
 * Subgroups and decision curves against stored values of scikit-learn and statsmodels
 * (../shared/golden/metrics), and against plain forms of themselves.
 */
#include "stats_subgroups.h"

#include <string.h>

#include "rng.h"
#include "stats_decision.h"
#include "stats_proportion.h"

#include "metrics_reference.h"

static const cJSON *in(const cJSON *object, const char *key)
{
    return get(object, key, NULL);
}

static int within(double got, const cJSON *want, double rel, const char *what)
{
    double v = cJSON_IsNumber(want) ? want->valuedouble : NAN;
    int good = (isnan(got) && cJSON_IsNull(want)) || fabs(got - v) <= 1e-10 ||
               fabs(got - v) <= rel * fabs(v);

    if (!good)
        printf("# %s: got %.17g, want %.17g\n", what, got, v);
    return good;
}

static struct xr_scored scored_of(const struct xr_predictions *p)
{
    return (struct xr_scored){.n = p->n, .k = p->k, .p = p->p, .label = p->label};
}

/* --- subgroups -------------------------------------------------------------------- */

static int check_share(const cJSON *want, double part, double whole, const char *what)
{
    static const enum xr_ci_method methods[] = {XR_CI_WILSON, XR_CI_CLOPPER_PEARSON};
    static const char *const keys[] = {"wilson95", "clopper_pearson95"};
    int good = within(part, in(want, "k"), 0, what);

    for (int i = 0; i < 2; i++) {
        const cJSON *ci = in(want, keys[i]);
        struct xr_figure f;

        xr_proportion(&f, (uint64_t)part, (uint64_t)whole, 0.95, methods[i]);
        good &= within(f.value, in(want, "value"), 1e-9, what);
        good &= within(f.low, cJSON_GetArrayItem(ci, 0), 1e-7, keys[i]);
        good &= within(f.high, cJSON_GetArrayItem(ci, 1), 1e-7, keys[i]);
    }
    return good;
}

static int check_level(const cJSON *want, const struct xr_scored *s, const char *name)
{
    const cJSON *own = in(want, "malignant");
    struct xr_metrics *m;
    struct xr_err err = {0};
    double f[XR_N_METRICS + 3 * XR_PER_CLASS], hits = 0;
    uint64_t cm[9];
    int good = within((double)s->n, in(want, "n"), 0, name);

    need(!xr_metrics_open(&m, s, &err) && !xr_metrics_eval(f, m, NULL, &err), &err);
    xr_metrics_confusion(cm, m);
    xr_metrics_close(m);
    for (int c = 0; c < 3; c++) {
        good &= within((double)(cm[3 * c] + cm[3 * c + 1] + cm[3 * c + 2]),
                       cJSON_GetArrayItem(in(want, "support"), c), 0, "support");
        hits += (double)cm[4 * c];
    }
    good &= within(f[XR_METRIC_ACCURACY], in(want, "accuracy"), 1e-9, "accuracy");
    good &= within(f[XR_METRIC_BALANCED_ACCURACY], in(want, "balanced_accuracy"), 1e-9,
                   "balanced accuracy");
    good &= within(f[XR_METRIC_F1_MACRO], in(want, "macro_f1"), 1e-9, "F1");
    good &= within(f[XR_METRIC_ROC_AUC_MACRO], in(want, "macro_auc_ovr"), 1e-9, "AUC");
    good &= within(f[XR_METRIC_ECE], in(want, "ece"), 1e-9, "ECE");
    good &= within(f[xr_metric_at(2, XR_CLASS_PRECISION)], in(own, "precision"), 1e-9,
                   "precision");
    good &= within(f[xr_metric_at(2, XR_CLASS_F1)], in(own, "f1"), 1e-9, "F1 of it");
    good &= within(f[xr_metric_at(2, XR_CLASS_ROC_AUC)], in(own, "roc_auc_ovr"), 1e-9,
                   "area of it");
    good &= within(f[xr_metric_at(2, XR_CLASS_AVERAGE_PRECISION)],
                   in(own, "average_precision"), 1e-9, "average precision");
    good &= check_share(in(want, "accuracy_ci"), hits, (double)s->n, "accuracy");
    good &= check_share(in(own, "sensitivity_ci"), (double)cm[8],
                        (double)(cm[6] + cm[7] + cm[8]), "sensitivity");
    good &= check_share(
        in(own, "specificity_ci"), (double)(cm[0] + cm[1] + cm[3] + cm[4]),
        (double)(cm[0] + cm[1] + cm[2] + cm[3] + cm[4] + cm[5]), "specificity");
    return good;
}

static void check_golden(const char *dir)
{
    static const char *const specs[] = {"center", "sex", "age:0-18-40-60-200"};
    struct xr_predictions p;
    struct xr_scored s;
    struct xr_err err = {0};
    cJSON *want = expected(dir, "e_all3746");
    const cJSON *groups = in(want, "subgroups");
    int seen = 0;

    load_rows(&p, dir, "e_all3746");
    s = scored_of(&p);
    for (int i = 0; i < 3; i++) {
        struct xr_cut cut;

        need(!xr_cut_make(&cut, &p, specs[i], &err), &err);
        for (uint32_t l = 0; l < cut.n_levels; l++) {
            struct xr_level level;
            char key[64], *dash;

            snprintf(key, sizeof key, i == 2 ? "%s=[%s)" : "%s=%s", cut.column,
                     cut.levels[l]);
            dash = i == 2 ? strchr(key, '-') : NULL;
            if (dash)
                *dash = ',';
            need(!xr_level_make(&level, &s, cut.level, l, &err), &err);
            ok(in(groups, key) && check_level(in(groups, key), &level.scored, key),
               "subgroup %s", key);
            seen++;
            xr_level_free(&level);
        }
        xr_cut_free(&cut);
    }
    ok(seen == cJSON_GetArraySize(groups), "all subgroups of the reference");
    cJSON_Delete(want);
    xr_predictions_free(&p);
}

/* Predictions from a text of rows "key,label,x,patient". */
static void parse(struct xr_predictions *p, const char *rows)
{
    struct xr_predictions_options options = {.group = "patient"};
    struct xr_buf text = {0};
    struct xr_table table;
    struct xr_err err = {0};

    need(!xr_buf_printf(&text, &err, "key,label,x,patient,p_a,p_b\n%s", rows) &&
             !xr_table_parse(&table, &text, "t", &err) &&
             !xr_predictions_take(p, &table, &options, &err),
         &err);
}

/* Levels as one text, for tests: "1:0,2:1,..." (level names, then the level of rows). */
static void cut_is(const struct xr_predictions *p, const char *spec, const char *want)
{
    struct xr_cut cut;
    struct xr_err err = {0};
    struct xr_buf got = {0};

    if (xr_cut_make(&cut, p, spec, &err)) {
        ok(!strcmp(err.text, want), "%s: refused", spec);
        if (strcmp(err.text, want) != 0)
            printf("# got %s\n", err.text);
        return;
    }
    for (size_t l = 0; l < cut.n_levels; l++)
        need(!xr_buf_printf(&got, &err, "%s'%s'", l ? "," : "", cut.levels[l]), &err);
    for (size_t i = 0; i < p->n; i++)
        need(!xr_buf_printf(&got, &err, " %u", cut.level[i]), &err);
    ok(!strcmp(got.data, want), "%s", spec);
    if (strcmp(got.data, want) != 0)
        printf("# got %s\n", got.data);
    xr_buf_free(&got);
    xr_cut_free(&cut);
}

static void check_cuts(void)
{
    struct xr_predictions p;

    parse(&p,
          "r1,a,10,u,1,0\nr2,b,9,v,1,0\nr3,a,,u,1,0\nr4,b,-2.5,w,1,0\nr5,a,18,w,1,0\n");
    cut_is(&p, "x", "'-2.5','9','10','18','' 2 1 4 0 3");
    cut_is(&p, "label", "'a','b' 0 1 0 1 0");
    cut_is(&p, "x:-0-18-", "'-0','0-18','18-','' 1 1 3 0 2");
    cut_is(&p, "x:-10-", "'-10','10-','' 1 0 2 0 1");
    cut_is(&p, "x:-18-20-30", "'-18','18-20','' 0 0 2 0 1");
    cut_is(&p, "x:0-18-", "t:5: column 'x': '-2.5': in no band");
    cut_is(&p, "patient:0-", "t:2: column 'patient': 'u': not a number");
    cut_is(&p, "x:5", "--by: 'x:5': a band has two bounds");
    cut_is(&p, "x:5-3", "--by: 'x:5-3': bounds are not ascending");
    cut_is(&p, "x:5-5", "--by: 'x:5-5': bounds are not ascending");
    cut_is(&p, "x:1--3", "--by: 'x:1--3': bound '' is not a number");
    cut_is(&p, "x:1-b", "--by: 'x:1-b': bound 'b' is not a number");
    cut_is(&p, "y", "t:1: no column 'y'");
    {
        uint32_t level[5] = {0, 1, 1, 1, 0};
        struct xr_scored s = {.n = 5,
                              .k = 2,
                              .p = p.p,
                              .label = p.label,
                              .group = p.group,
                              .n_groups = p.n_groups};
        struct xr_level l;
        struct xr_err err = {0};

        need(!xr_level_make(&l, &s, level, 1, &err), &err);
        ok(l.scored.n == 3 && l.scored.n_groups == 3 && l.rows[0] == 1 &&
               l.rows[2] == 3 && l.group[0] == 0 && l.group[2] == 2 && l.label[0] == 1,
           "rows of a level, groups numbered anew");
        xr_level_free(&l);
    }
    xr_predictions_free(&p);
}

/* --- decision curves -------------------------------------------------------------- */

static void check_curve(const char *dir, const char *file)
{
    double t[99];
    struct xr_predictions p;
    struct xr_decision d;
    struct xr_scored s;
    struct xr_bootstrap none = {.confidence = 0.95, .method = XR_CI_NONE, .jobs = 1};
    struct xr_err err = {0};
    cJSON *want = expected(dir, file);
    const cJSON *point;
    char key[256];
    int good = 1, seen = 0;

    for (int i = 0; i < 99; i++)
        t[i] = (i + 1) / 100.0;
    load_rows(&p, dir, file);
    s = scored_of(&p);
    snprintf(key, sizeof key, "decision_curve_%s", p.classes[p.k - 1]);
    need(!xr_decision_make(&d, &s, p.k - 1, t, 99, &none, &err), &err);
    cJSON_ArrayForEach(point, in(want, key))
    {
        size_t at = (size_t)lround(100 * in(point, "threshold")->valuedouble) - 1;

        good &= within((double)d.tp[at], in(point, "tp"), 0, "tp");
        good &= within((double)d.fp[at], in(point, "fp"), 0, "fp");
        good &= within(d.net_benefit[at].value, in(point, "net_benefit"), 1e-9, "net");
        good &= within(d.treat_all[at].value, in(point, "treat_all"), 1e-9, "all");
        seen++;
    }
    ok(good && seen == 5, "net benefit of %s", file);
    xr_decision_free(&d);
    cJSON_Delete(want);
    xr_predictions_free(&p);
}

enum {
    N = 60,
    T = 3
};

/* Net benefit of drawn rows, from their counts (so that equal samples are equal). */
static double plain(const double *p, const uint32_t *label, const size_t *rows, size_t n,
                    double t, int all)
{
    double hits[2] = {0};

    for (size_t i = 0; i < n; i++)
        hits[label[rows[i]]] += all || p[2 * rows[i] + 1] >= t;
    return hits[1] / (double)n - hits[0] / (double)n * (t / (1 - t));
}

/* Intervals against those of values and jackknife made row by row from the same draws. */
static void check_intervals(int grouped)
{
    static const double t[T] = {0.25, 0.5, 0.8};
    double p[2 * N], theta[400], jack[N];
    uint32_t label[N], group[N];
    size_t rows[N * N], all[N];
    struct xr_scored s = {.n = N, .k = 2, .p = p, .label = label};
    struct xr_bootstrap b = {
        .n_resamples = 400, .confidence = 0.9, .method = XR_CI_BCA, .seed = 9, .jobs = 2};
    struct xr_decision d;
    struct xr_rng rng;
    struct xr_err err = {0};
    size_t units = grouped ? 15 : N;
    int good = 1, bca = 0;

    xr_rng_init(&rng, 4, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        p[2 * i + 1] = (double)xr_rng_below(&rng, 21) / 20; /* some on the thresholds */
        p[2 * i] = 1 - p[2 * i + 1];
        label[i] = xr_rng_uniform(&rng) < p[2 * i + 1];
        group[i] = (uint32_t)(grouped ? i % 15 : i);
        all[i] = i;
    }
    if (grouped) {
        s.group = group;
        s.n_groups = 15;
    }
    need(!xr_decision_make(&d, &s, 1, t, T, &b, &err), &err);
    for (int which = 0; which < 2 * T; which++) {
        const struct xr_figure *got =
            which < T ? &d.net_benefit[which] : &d.treat_all[which - T];
        double at = t[which % T];
        struct xr_figure want;

        for (size_t r = 0; r < 400; r++) {
            uint32_t draws[N];
            size_t n = 0;

            xr_rng_init(&rng, 9, r, "", "bootstrap");
            xr_rng_fill_below(&rng, draws, units, (uint32_t)units);
            for (size_t u = 0; u < units; u++)
                for (size_t i = 0; i < N; i++)
                    if (group[i] == draws[u])
                        rows[n++] = i;
            theta[r] = plain(p, label, rows, n, at, which >= T);
        }
        for (size_t u = 0; u < units; u++) {
            size_t n = 0;

            for (size_t i = 0; i < N; i++)
                if (group[i] != u)
                    rows[n++] = i;
            jack[u] = plain(p, label, rows, n, at, which >= T);
        }
        xr_bootstrap_interval(&want, plain(p, label, all, N, at, which >= T), theta, 400,
                              jack, units, 0.9, XR_CI_BCA);
        bca += got->method == XR_CI_BCA;
        if (got->method != want.method || fabs(got->low - want.low) > 1e-9)
            printf("# %d: got %s %g %g, want %s %g %g\n", which,
                   xr_ci_method_name(got->method), got->low, got->high,
                   xr_ci_method_name(want.method), want.low, want.high);
        good &= got->method == want.method && fabs(got->value - want.value) < 1e-12 &&
                fabs(got->low - want.low) < 1e-9 && fabs(got->high - want.high) < 1e-9;
    }
    ok(good && bca == 2 * T, "intervals of net benefit, of %s",
       grouped ? "groups" : "rows");
    xr_decision_free(&d);
}

static void check_refusals(void)
{
    double p[2] = {0.5, 0.5}, t[2] = {0.5, 0.5}, one = 1;
    uint32_t label = 1;
    struct xr_scored s = {.n = 1, .k = 2, .p = p, .label = &label};
    struct xr_bootstrap b = {.n_resamples = 20, .confidence = 0.9, .jobs = 1};
    struct xr_decision d;
    struct xr_err err = {0};

    ok(xr_decision_make(&d, &s, 1, t, 0, &b, &err) == -1, "no threshold");
    ok(xr_decision_make(&d, &s, 1, t, 2, &b, &err) == -1, "equal thresholds");
    ok(xr_decision_make(&d, &s, 1, &one, 1, &b, &err) == -1, "a threshold of 1");
    ok(xr_decision_make(&d, &s, 2, t, 1, &b, &err) == -1, "a class that is none");
    need(!xr_decision_make(&d, &s, 1, t, 1, &b, &err), &err);
    ok(d.tp[0] == 1 && d.net_benefit[0].value == 1 && d.net_benefit[0].constant,
       "one row: a value, an interval that says nothing");
    xr_decision_free(&d);
}

int main(void)
{
    static const char *const files[] = {"a_test562", "b_small40_ties", "c_binary300",
                                        "e_all3746"};
    const char *dir = tap_shared();

    check_cuts();
    check_intervals(0);
    check_intervals(1);
    check_refusals();
    if (dir) {
        check_golden(dir);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            check_curve(dir, files[i]);
    } else {
        tap_skip("subgroups and curves of reference data", "no shared reference data");
    }
    return tap_done();
}
