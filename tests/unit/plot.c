/*
 * What xr-plot draws: curves against scikit-learn's points (../shared/golden/metrics),
 * their bands against resamples done one row after the other, thinning.
 */
#include "plot_kinds.h"

#include <string.h>

#include "json.h"
#include "rng.h"
#include "stats_bands.h"

#include "tap.h"

static void need(int good, const struct xr_err *err)
{
    if (good)
        return;
    printf("Bail out! %s\n", err->text);
    exit(1);
}

/* A file of predictions with all that a plot asks for. */
struct input {
    struct xr_predictions p;
    struct xr_scored rows;
    struct xr_metrics *metrics;
    struct xr_figure *figures;
    struct xr_bootstrap bootstrap;
    struct xr_plot_scored scored;
};

static void finish_input(struct input *in)
{
    struct xr_err err = {0};

    in->figures = xr_alloc_array(xr_n_metrics(in->rows.k), sizeof *in->figures, &err);
    need(in->figures && xr_metrics_open(&in->metrics, &in->rows, &err) == 0 &&
             xr_metrics_bootstrap(in->figures, in->metrics, &in->bootstrap, &err) == 0,
         &err);
    in->scored = (struct xr_plot_scored){.predictions = &in->p,
                                         .rows = &in->rows,
                                         .metrics = in->metrics,
                                         .figures = in->figures,
                                         .bootstrap = &in->bootstrap};
}

static void open_input(struct input *in, const char *path)
{
    struct xr_predictions_options which = {0};
    struct xr_err err = {0};

    memset(in, 0, sizeof *in);
    in->bootstrap =
        (struct xr_bootstrap){.n_resamples = 60, .confidence = 0.9, .seed = 5, .jobs = 1};
    need(xr_predictions_read(&in->p, path, &which, &err) == 0, &err);
    in->rows = (struct xr_scored){
        .n = in->p.n, .k = in->p.k, .p = in->p.p, .label = in->p.label};
    finish_input(in);
}

static void close_input(struct input *in)
{
    xr_metrics_close(in->metrics);
    free(in->figures);
    xr_predictions_free(&in->p);
}

/* The series that is named so. */
static const struct xr_series *named(const struct xr_drawing *d, const char *name)
{
    for (size_t i = 0; d->n_panels && i < d->panels[0].n_series; i++)
        if (d->panels[0].series[i]->name && !strcmp(d->panels[0].series[i]->name, name))
            return d->panels[0].series[i];
    return NULL;
}

/* Every point of the reference is near one that is drawn or between two of them, and the
 * drawn ones are of the reference. */
static void compare_points(const struct xr_series *s, const cJSON *xs, const cJSON *ys,
                           double slack, const char *what)
{
    int n = cJSON_GetArraySize(xs), good = s != NULL && n > 0;
    size_t missed = 0, strange = 0;

    for (int i = 0; good && i < n; i++) {
        double x = cJSON_GetArrayItem(xs, i)->valuedouble;
        double y = cJSON_GetArrayItem(ys, i)->valuedouble;
        int found = 0;

        for (size_t j = 0; j < s->n && !found; j++)
            found = fabs(s->x[j] - x) <= slack && fabs(s->y[j] - y) <= slack;
        missed += !found;
    }
    for (size_t j = 1; good && j < s->n; j++) {
        int found = 0;

        for (int i = 0; i < n && !found; i++)
            found = fabs(cJSON_GetArrayItem(xs, i)->valuedouble - s->x[j]) < 1e-9 &&
                    fabs(cJSON_GetArrayItem(ys, i)->valuedouble - s->y[j]) < 1e-9;
        strange += !found;
    }
    ok(good && missed == 0 && strange == 0,
       "%s: %zu of the reference missed, %zu of %zu "
       "drawn are not of it",
       what, missed, strange, s ? s->n : 0);
}

static void curves_against_reference(const char *dir)
{
    struct xr_drawing *d = calloc(1, sizeof *d);
    struct xr_err err = {0};
    char path[4200], digest[XR_SHA256_TEXT];
    const cJSON *curves, *roc;
    struct input in;
    cJSON *want;
    double worst = 0.0;

    d->err = &err;
    snprintf(path, sizeof path, "%s/golden/metrics/a_test562.csv", dir);
    open_input(&in, path);
    snprintf(path, sizeof path, "%s/golden/metrics/a_test562.expected.json", dir);
    want = xr_json_read(path, digest, &err);
    need(want != NULL, &err);
    curves = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(want, "curves_malignant"),
        "drop_intermediate_false");
    roc = cJSON_GetObjectItemCaseSensitive(curves, "roc");
    need(xr_plot_roc(d, &in.scored) == 0, &err);
    compare_points(named(d, "malignant"), cJSON_GetObjectItemCaseSensitive(roc, "fpr"),
                   cJSON_GetObjectItemCaseSensitive(roc, "tpr"), 5e-4, "ROC");
    ok(named(d, "malignant") && !strncmp(named(d, "malignant")->value, "0.778 [", 7),
       "its area is in the legend");
    { /* where the largest score decides */
        const struct xr_panel *p = &d->panels[0];
        const struct xr_series *s = p->series[p->n_series - 2];

        ok(s->mark == XR_MARK_POINTS &&
               fabs(s->x[0] - (1 - 0.8454011741682974)) < 1e-12 &&
               fabs(s->y[0] - 0.5294117647058824) < 1e-12 && s->left[0] < s->x[0] &&
               s->right[0] > s->x[0] && s->low[0] < s->y[0] && s->high[0] > s->y[0],
           "the decision stands at its specificity and sensitivity");
    }
    xr_drawing_free(d);
    need(xr_plot_pr(d, &in.scored) == 0, &err);
    { /* scikit-learn's curve also falls where nothing is found: not drawn */
        const cJSON *pr = cJSON_GetObjectItemCaseSensitive(curves, "pr");
        const cJSON *xs = cJSON_GetObjectItemCaseSensitive(pr, "recall");
        const cJSON *ys = cJSON_GetObjectItemCaseSensitive(pr, "precision");
        cJSON *tops[2] = {cJSON_CreateArray(), cJSON_CreateArray()};

        for (int i = 0; i < cJSON_GetArraySize(xs) - 1; i++) {
            double x = cJSON_GetArrayItem(xs, i)->valuedouble;

            if (x <= cJSON_GetArrayItem(xs, i + 1)->valuedouble)
                continue;
            cJSON_AddItemToArray(tops[0], cJSON_CreateNumber(x));
            cJSON_AddItemToArray(
                tops[1], cJSON_CreateNumber(cJSON_GetArrayItem(ys, i)->valuedouble));
        }
        compare_points(named(d, "malignant"), tops[0], tops[1], 5e-4,
                       "precision over recall");
        cJSON_Delete(tops[0]);
        cJSON_Delete(tops[1]);
    }
    { /* linear between scikit-learn's points, upper end where they stand on each other */
        const cJSON *xs = cJSON_GetObjectItemCaseSensitive(roc, "fpr");
        const cJSON *ys = cJSON_GetObjectItemCaseSensitive(roc, "tpr");
        uint64_t tp[600], fp[600];
        int n = cJSON_GetArraySize(xs);

        for (int i = 1; i < n; i++) {
            fp[i - 1] = (uint64_t)lround(cJSON_GetArrayItem(xs, i)->valuedouble * 511);
            tp[i - 1] = (uint64_t)lround(cJSON_GetArrayItem(ys, i)->valuedouble * 51);
        }
        for (int at = 0; at <= 1000; at++) {
            double x = at / 1000.0, y = 0.0;

            for (int i = 1; i < n; i++) {
                double x0 = cJSON_GetArrayItem(xs, i - 1)->valuedouble;
                double x1 = cJSON_GetArrayItem(xs, i)->valuedouble;
                double y0 = cJSON_GetArrayItem(ys, i - 1)->valuedouble;
                double y1 = cJSON_GetArrayItem(ys, i)->valuedouble;

                if (x1 <= x)
                    y = y1;
                else if (x0 <= x)
                    y = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
            }
            worst = fmax(worst, fabs(y - xr_curve_at(tp, fp, (size_t)n - 1, x, false)));
        }
        near(worst, 0.0, 1e-9, "sensitivity between scikit-learn's points");
    }
    xr_drawing_free(d);
    free(d);
    cJSON_Delete(want);
    close_input(&in);
}

/* Calibration and net benefit against scikit-learn's definitions in the stored values. */
static void scores_against_reference(const char *dir)
{
    static const char *const malignant[] = {"malignant"};
    struct xr_drawing *d = calloc(1, sizeof *d);
    struct xr_err err = {0};
    char path[4200];
    const cJSON *bins, *bin, *curve, *point;
    const struct xr_series *s;
    struct input in;
    cJSON *want;
    double worst = 0.0, sum = 0.0, rows = 0.0;
    size_t at = 0, missing = 0;

    d->err = &err;
    snprintf(path, sizeof path, "%s/golden/metrics/a_test562.csv", dir);
    open_input(&in, path);
    snprintf(path, sizeof path, "%s/golden/metrics/a_test562.expected.json", dir);
    want = xr_json_read(path, NULL, &err);
    need(want != NULL, &err);
    need(xr_plot_reliability(d, &in.scored) == 0, &err);
    s = d->panels[0].series[2];
    bins = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(want, "calibration"), "bins");
    cJSON_ArrayForEach(bin, bins)
    {
        double n = xr_json_number(bin, "n", NAN);

        rows = fmax(rows, n);
        if (n == 0.0)
            continue;
        worst = fmax(worst, fabs(s->x[at] - xr_json_number(bin, "confidence", NAN)));
        worst = fmax(worst, fabs(s->y[at] - xr_json_number(bin, "accuracy", NAN)));
        at++;
    }
    ok(at == s->n && at > 5, "%zu bins with rows", at);
    near(worst, 0.0, 1e-12, "confidence and share of every bin");
    near(d->panels[1].series[0]->n, cJSON_GetArraySize(bins), 0, "bars of all bins");
    for (size_t i = 0; i < d->panels[1].series[0]->n; i++)
        sum = fmax(sum, d->panels[1].series[0]->y[i]);
    near(sum, rows, 0, "the largest bar is the largest bin");
    ok(s->low[0] < s->y[0] && s->y[0] < s->high[0], "with intervals");
    xr_drawing_free(d);

    in.scored.only = malignant;
    in.scored.n_only = 1;
    need(xr_plot_reliability(d, &in.scored) == 0, &err);
    s = d->panels[0].series[2];
    sum = 0.0;
    at = 0;
    for (size_t i = 0; i < d->panels[1].series[0]->n; i++)
        if (d->panels[1].series[0]->y[i] > 0.0) {
            sum += d->panels[1].series[0]->y[i] * fabs(s->x[at] - s->y[at]);
            at++;
        }
    near(sum / 562.0,
         xr_json_number(
             cJSON_GetObjectItemCaseSensitive(
                 cJSON_GetObjectItemCaseSensitive(want, "calibration"), "classwise_ece"),
             "malignant", NAN),
         1e-12, "the bins of one class give its calibration error");
    xr_drawing_free(d);

    need(xr_plot_decision(d, &in.scored) == 0, &err);
    s = d->panels[0].series[1];
    curve = cJSON_GetObjectItemCaseSensitive(want, "decision_curve_malignant");
    worst = 0.0;
    cJSON_ArrayForEach(point, curve)
    {
        double t = xr_json_number(point, "threshold", NAN);
        size_t i = 0;

        while (i < s->n && fabs(s->x[i] - t) > 1e-9)
            i++;
        if (i == s->n) {
            missing++;
            continue;
        }
        worst = fmax(worst, fabs(s->y[i] - xr_json_number(point, "net_benefit", NAN)));
        worst = fmax(worst, fabs(d->panels[0].series[2]->y[i] -
                                 xr_json_number(point, "treat_all", NAN)));
    }
    ok(missing == 0 && cJSON_GetArraySize(curve) > 3, "all %d thresholds are drawn",
       cJSON_GetArraySize(curve));
    near(worst, 0.0, 1e-12, "net benefit, and that of acting on all");
    xr_drawing_free(d);
    free(d);
    cJSON_Delete(want);
    close_input(&in);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* One resample as rows that are really repeated; y at x from the definition. */
static double plain_at(const double *score, const unsigned char *positive, size_t n,
                       double x, bool pr)
{
    double pos = 0, neg = 0, best = NAN, last_x = 0, last_y = 0, y = 0;

    for (size_t i = 0; i < n; i++) {
        pos += positive[i];
        neg += !positive[i];
    }
    if (pos == 0 || (!pr && neg == 0))
        return NAN;
    for (double t = 1.25; t >= -0.01; t -= 0.125) { /* scores are eighths */
        double tp = 0, fp = 0;

        for (size_t i = 0; i < n; i++) {
            tp += positive[i] && score[i] >= t - 1e-9;
            fp += !positive[i] && score[i] >= t - 1e-9;
        }
        if (pr) {
            if (isnan(best) && tp + fp > 0 && tp / pos >= x - 1e-9)
                best = tp / (tp + fp);
            continue;
        }
        if (fp / neg <= x + 1e-12)
            y = tp / pos;
        else if (last_x <= x + 1e-12)
            y = last_y + (tp / pos - last_y) * (x - last_x) / (fp / neg - last_x);
        last_x = fp / neg;
        last_y = tp / pos;
    }
    return pr ? best : y;
}

static void bands_against_rows(bool pr, bool grouped)
{
    enum {
        N = 60,
        B = 99
    };
    static double p[2 * N], values[XR_BAND_POINTS][B];
    static uint32_t label[N], group[N], draws[N];
    struct xr_scored rows = {.n = N, .k = 2, .p = p, .label = label};
    struct xr_bootstrap bootstrap = {
        .n_resamples = B, .confidence = 0.8, .seed = 11, .jobs = 1};
    struct xr_band band;
    struct xr_err err = {0};
    size_t which = 1, units = grouped ? N / 3 : N;
    double worst = 0.0;
    struct xr_rng rng;

    xr_rng_init(&rng, 3, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        label[i] = xr_rng_below(&rng, 3) == 0;
        p[2 * i + 1] = (double)(xr_rng_below(&rng, 7) + label[i] * 2) / 8.0;
        p[2 * i] = 1.0 - p[2 * i + 1];
        group[i] = (uint32_t)(i / 3);
    }
    if (grouped) {
        rows.group = group;
        rows.n_groups = units;
    }
    need(xr_curve_bands(&band, &rows, &which, 1, pr, &bootstrap, &err) == 0, &err);
    for (size_t b = 0; b < B; b++) {
        size_t n = 0;
        static double repeated[3 * N];
        static unsigned char truth[3 * N];

        xr_rng_init(&rng, 11, b, "", "bootstrap");
        xr_rng_fill_below(&rng, draws, units, (uint32_t)units);
        for (size_t u = 0; u < units; u++)
            for (size_t i = 0; i < N; i++)
                if ((grouped ? group[i] : i) == draws[u]) {
                    repeated[n] = p[2 * i + 1];
                    truth[n++] = (unsigned char)label[i];
                }
        for (size_t x = 0; x < XR_BAND_POINTS; x++)
            values[x][b] =
                plain_at(repeated, truth, n, (double)x / (XR_BAND_POINTS - 1), pr);
    }
    for (size_t x = 0; x < XR_BAND_POINTS; x++) {
        size_t n = 0;

        for (size_t b = 0; b < B; b++)
            if (!isnan(values[x][b]))
                values[x][n++] = values[x][b];
        qsort(values[x], n, sizeof(double), compare_doubles);
        worst = fmax(worst, fabs(xr_quantile_sorted(values[x], n, 0.1) - band.low[x]));
        worst = fmax(worst, fabs(xr_quantile_sorted(values[x], n, 0.9) - band.high[x]));
    }
    near(worst, 0.0, 1e-9,
         pr        ? grouped ? "band of precision, groups" : "band of precision, rows"
         : grouped ? "band of sensitivity, groups"
                   : "band of sensitivity, rows");
}

/* A million points become few, none far from what was there. */
static void thinning(void)
{
    enum {
        N = 1000000
    };
    struct xr_err err = {0};
    struct xr_drawing *d = calloc(1, sizeof *d);
    struct xr_panel *panel;
    struct xr_series *s;
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), worst = 0.0;

    d->err = &err;
    panel = xr_draw_panel(d, "x", "y");
    s = xr_draw_series(d, panel, XR_MARK_LINE, 0, N, 0);
    need(s != NULL, &err);
    for (size_t i = 0; i < N; i++) {
        x[i] = s->x[i] = (double)i / (N - 1);
        y[i] = s->y[i] = pow(x[i], 0.2);
    }
    xr_draw_thin(s, 1.0 / 2000, 1.0 / 2000);
    ok(s->n < 5000 && s->n > 1500, "a million points become %zu", s->n);
    for (size_t i = 0, j = 0; i < N; i++) {
        double at, drawn;

        while (j + 2 < s->n && s->x[j + 1] < x[i])
            j++;
        at = (x[i] - s->x[j]) / (s->x[j + 1] - s->x[j]);
        drawn = s->y[j] + at * (s->y[j + 1] - s->y[j]);
        worst = fmax(worst, fabs(drawn - y[i]));
    }
    ok(worst < 1.0 / 2000, "none is off by more than %.2g of the axis", worst);
    ok(s->x[s->n - 1] == 1.0 && s->x[0] == 0.0, "both ends stay");
    xr_drawing_free(d);
    free(d);
    free(x);
    free(y);
}

int main(void)
{
    const char *dir = tap_shared();

    if (dir) {
        curves_against_reference(dir);
        scores_against_reference(dir);
    } else {
        tap_skip("curves against scikit-learn", "reference data not found");
    }
    bands_against_rows(false, false);
    bands_against_rows(false, true);
    bands_against_rows(true, false);
    bands_against_rows(true, true);
    thinning();
    return tap_done();
}
