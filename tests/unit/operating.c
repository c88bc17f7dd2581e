/*
 * Thresholds by rule against stored values of scikit-learn's curves
 * (../shared/golden/metrics), and what a threshold does against plain counts.
 */
#include "stats_operating.h"

#include <string.h>

#include "rng.h"
#include "stats_proportion.h"

#include "metrics_reference.h"

static void check_rules(const char *dir, const char *file)
{
    static const char *const rules[][2] = {{"youden", "youden"},
                                           {"spec=0.95", "sens_at_spec95"},
                                           {"sens=0.95:x", "spec_at_sens95"}};
    struct xr_predictions pred;
    cJSON *json = expected(dir, file);
    const cJSON *all;
    struct xr_err err = {0};
    double *score;
    unsigned char *positive;
    char key[256];
    size_t c;

    load_rows(&pred, dir, file);
    c = pred.k - 1;
    score = malloc(pred.n * sizeof *score);
    positive = malloc(pred.n);
    for (size_t i = 0; i < pred.n; i++) {
        score[i] = pred.p[i * pred.k + c];
        positive[i] = pred.label[i] == c;
    }
    snprintf(key, sizeof key, "operating_points_%s", pred.classes[c]);
    all = get(json, key, NULL);
    for (size_t r = 0; all && r < 3; r++) {
        const cJSON *want = get(all, rules[r][1], NULL);
        const cJSON *at = get(want, "threshold", NULL);
        struct xr_rule rule;
        struct xr_bootstrap none = {.method = XR_CI_NONE};
        struct xr_units units = {.n = pred.n};
        struct xr_sampler *sampler;
        struct xr_operating o;
        double threshold;

        need(!xr_rule_parse(&rule, rules[r][0], &err), &err);
        need(!xr_rule_threshold(&threshold, &rule, score, positive, pred.n, &err), &err);
        need(!xr_sampler_open(&sampler, &units, &err), &err);
        need(!xr_operating_measure(&o, score, positive, pred.n, threshold, sampler, &none,
                                   XR_CI_NONE, &err),
             &err);
        ok((cJSON_IsString(at) ? isinf(threshold)
                               : agrees(threshold, at, file, "threshold")) &&
               agrees(o.figures[XR_AT_SENSITIVITY].value, get(want, "sensitivity", NULL),
                      file, "sensitivity") &&
               agrees(o.figures[XR_AT_SPECIFICITY].value, get(want, "specificity", NULL),
                      file, "specificity"),
           "%s: %s", file, rules[r][0]);
        xr_sampler_close(sampler);
    }
    free(score);
    free(positive);
    xr_predictions_free(&pred);
    cJSON_Delete(json);
}

/* The least cost by trying every threshold; the figures from counts. */
static void check_plain(void)
{
    enum {
        N = 80
    };
    double score[N], cost[2] = {INFINITY, 0}, at = INFINITY;
    unsigned char positive[N];
    struct xr_units units = {.n = N};
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_sampler *sampler;
    struct xr_operating o;
    struct xr_figure f;
    struct xr_rule rule;
    struct xr_rng rng;
    struct xr_err err = {0};
    double got, tp = 0, fp = 0, pos = 0;

    xr_rng_init(&rng, 9, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        positive[i] = xr_rng_below(&rng, 3) == 0;
        score[i] = (double)xr_rng_below(&rng, 20) + (positive[i] ? 4 : 0);
    }
    for (int t = 30; t >= 0; t--) {
        cost[1] = 0;
        for (size_t i = 0; i < N; i++) {
            bool called = score[i] >= t;

            cost[1] += positive[i] && !called ? 2.5 : !positive[i] && called ? 1 : 0;
        }
        if (cost[1] < cost[0]) {
            cost[0] = cost[1];
            at = t;
        }
    }
    need(!xr_rule_parse(&rule, "cost=2.5", &err), &err);
    need(!xr_rule_threshold(&got, &rule, score, positive, N, &err), &err);
    near(got, at, 1e-12, "the least cost");
    need(!xr_sampler_open(&sampler, &units, &err), &err);
    bootstrap.n_resamples = 400;
    need(!xr_operating_measure(&o, score, positive, N, got, sampler, &bootstrap,
                               XR_CI_CLOPPER_PEARSON, &err),
         &err);
    for (size_t i = 0; i < N; i++) {
        pos += positive[i];
        tp += positive[i] && score[i] >= got;
        fp += !positive[i] && score[i] >= got;
    }
    xr_proportion(&f, (uint64_t)tp, (uint64_t)(tp + fp), 0.95, XR_CI_CLOPPER_PEARSON);
    ok((double)o.tp == tp && (double)o.fp == fp && (double)(o.tp + o.fn) == pos &&
           o.tp + o.fp + o.fn + o.tn == N,
       "counts");
    ok(o.figures[XR_AT_PPV].low == f.low && o.figures[XR_AT_PPV].value == f.value,
       "PPV is a proportion of those called");
    near(o.figures[XR_AT_LR_POSITIVE].value, tp / pos / (fp / (N - pos)), 1e-12,
         "positive likelihood ratio");
    near(o.figures[XR_AT_LR_NEGATIVE].value, (1 - tp / pos) / (1 - fp / (N - pos)), 1e-12,
         "negative likelihood ratio");
    ok(o.figures[XR_AT_LR_POSITIVE].low < o.figures[XR_AT_LR_POSITIVE].value,
       "a ratio has an interval");
    need(!xr_operating_measure(&o, score, positive, N, INFINITY, sampler, &bootstrap,
                               XR_CI_NONE, &err),
         &err);
    ok(isnan(o.figures[XR_AT_PPV].value) && o.figures[XR_AT_PPV].reason &&
           o.figures[XR_AT_SENSITIVITY].value == 0,
       "a threshold above all rows: PPV is undefined, with a reason");
    xr_sampler_close(sampler);
    for (size_t i = 0; i < N; i++)
        positive[i] = 1;
    ok(xr_rule_threshold(&got, &rule, score, positive, N, &err) == -1,
       "no negative row: nothing to fit on");
}

static void check_texts(void)
{
    static const char *const bad[] = {"",        "sens",   "sens=",    "sens=0",
                                      "sens=2",  "spec=x", "youden=1", "cost=0",
                                      "cost=-1", "Youden", "sens=0.9x"};
    struct xr_rule rule;
    struct xr_err err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(xr_rule_parse(&rule, bad[i], &err) == -1 && err.usage, "'%s' is no rule",
           bad[i]);
    ok(xr_rule_parse(&rule, "cost=5:a:b", &err) == 0 && rule.kind == XR_RULE_COST &&
           rule.value == 5 && !strcmp(rule.class_name, "a:b") &&
           !strcmp(rule.name, "cost=5"),
       "rule, value and class are told apart");
}

int main(void)
{
    static const char *const files[] = {"a_test562",  "b_small40_ties",   "c_binary300",
                                        "d_constant", "d_all_wrong_hard", "d_perfect",
                                        "e_all3746"};
    const char *dir = tap_shared();

    check_texts();
    check_plain();
    if (!dir) {
        tap_skip("thresholds of scikit-learn's curves", "no reference data");
        return tap_done();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_rules(dir, files[i]);
    return tap_done();
}
