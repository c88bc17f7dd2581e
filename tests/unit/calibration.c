/*
 * Calibrations: the temperature against SciPy's (../shared/golden/metrics), the others
 * against their conditions of a minimum, and every file read back.
 */
#include "stats_calibration.h"

#include <string.h>
#include <unistd.h>

#include "csv.h"
#include "rng.h"

#include "metrics_reference.h"

enum {
    N = 300,
    K = 3
};

static void check_temperature(const char *dir)
{
    cJSON *want = expected(dir, "a_logits");
    struct xr_predictions pred;
    struct xr_table table;
    struct xr_err err = {0};
    char path[4400];
    double *z, t, nll = 0, want_t = xr_json_number(want, "T", NAN);
    bool at_bound;
    int z_from;

    load_rows(&pred, dir, "a_test562"); /* the labels of the same rows */
    snprintf(path, sizeof path, "%s/golden/metrics/a_logits.csv", dir);
    need(!xr_table_read(&table, path, &err), &err);
    need(!xr_table_need(&z_from, &table, "z_normal", &err), &err);
    z = calloc(table.n_rows * 3, sizeof *z);
    for (size_t i = 0; i < table.n_rows * 3; i++)
        z[i] = strtod(xr_cell(&table, i / 3, (size_t)z_from + i % 3), NULL);
    xr_temperature_fit(&t, &at_bound, z, pred.label, table.n_rows, 3);
    near(t, want_t, 1e-9 * want_t, "temperature of SciPy");
    ok(!at_bound, "inside the bounds");
    for (size_t i = 0; i < table.n_rows; i++) {
        double sum = 0, own = z[3 * i + pred.label[i]];

        for (size_t c = 0; c < 3; c++)
            sum += exp((z[3 * i + c] - own) / t);
        nll += log(sum) / (double)table.n_rows;
    }
    near(nll, xr_json_number(want, "nll_after", NAN), 1e-9, "its likelihood");
    for (size_t i = 0; i < table.n_rows * 3; i++)
        z[i] = i % 3 == pred.label[i / 3] ? 5 : 0;
    xr_temperature_fit(&t, &at_bound, z, pred.label, table.n_rows, 3);
    ok(at_bound && fabs(t - exp(-4)) < 1e-12, "all right: the lower bound");
    for (size_t i = 0; i < table.n_rows * 3; i++)
        z[i] = i % 3 == pred.label[i / 3] ? 0 : 5;
    xr_temperature_fit(&t, &at_bound, z, pred.label, table.n_rows, 3);
    ok(at_bound && fabs(t - exp(4)) < 1e-9, "all wrong: the upper bound");
    free(z);
    xr_table_free(&table);
    xr_predictions_free(&pred);
    cJSON_Delete(want);
}

/* Overconfident rows of k classes. */
static void make_rows(double *p, uint32_t *label, size_t k)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 11, 0, "", "test");
    for (size_t i = 0; i < N; i++) {
        double sum = 0;

        label[i] = (uint32_t)xr_rng_below(&rng, k);
        for (size_t c = 0; c < k; c++)
            sum += p[i * k + c] =
                exp(2.5 * xr_rng_normal(&rng) + (c == label[i] ? 2.0 : 0.0));
        for (size_t c = 0; c < k; c++)
            p[i * k + c] /= sum;
    }
}

static double loss_of(const struct xr_calibration *cal, const double *p,
                      const uint32_t *label, size_t k)
{
    double sum = 0, row[K];

    for (size_t i = 0; i < N; i++) {
        memcpy(row, p + i * k, k * sizeof *row);
        xr_calibration_apply(cal, row);
        sum -= log(fmax(row[label[i]], 1e-300));
    }
    return sum / N;
}

/* The slopes of Platt's loss at its minimum are 0. */
static void check_platt(const struct xr_calibration *cal, const double *p,
                        const uint32_t *label, size_t k)
{
    double worst = 0;

    for (size_t map = 0; map < cal->n_maps; map++) {
        size_t c = k == 2 ? 1 : map;
        double pos = 0, g[2] = {0};

        for (size_t i = 0; i < N; i++)
            pos += label[i] == c;
        for (size_t i = 0; i < N; i++) {
            double x = log(p[i * k + c] / (1 - p[i * k + c]));
            double q = 1 / (1 + exp(-(cal->a[map] * x + cal->b[map])));
            double t = label[i] == c ? (pos + 1) / (pos + 2) : 1 / (N - pos + 2);

            g[0] += (q - t) * x;
            g[1] += q - t;
        }
        worst = fmax(worst, fmax(fabs(g[0]), fabs(g[1])));
    }
    near(worst, 0, 1e-6, "Platt: no slope is left");
}

/* Isotonic by its formula: y at x_i = max over a <= i of min over b >= i of the mean of
 * rows a..b (Barlow et al. 1972). */
static void check_isotonic(const struct xr_calibration *cal, const double *p,
                           const uint32_t *label)
{
    double x[N], y[N], worst = 0;

    for (size_t i = 0; i < N; i++) { /* insertion sort of the last class's probability */
        size_t at = i;

        for (; at && x[at - 1] > p[i * 2 + 1]; at--) {
            x[at] = x[at - 1];
            y[at] = y[at - 1];
        }
        x[at] = p[i * 2 + 1];
        y[at] = label[i] == 1;
    }
    for (size_t i = 0; i < N; i += 7) {
        double best = 0, row[2] = {1 - x[i], x[i]};

        for (size_t a = 0; a <= i; a++) {
            double least = 1;

            for (size_t b = i; b < N; b++) {
                double sum = 0;

                for (size_t j = a; j <= b; j++)
                    sum += y[j];
                least = fmin(least, sum / (double)(b - a + 1));
            }
            best = fmax(best, least);
        }
        xr_calibration_apply(cal, row);
        worst = fmax(worst, fabs(row[1] - best));
    }
    near(worst, 0, 1e-12, "isotonic: the formula of largest and least means");
}

static void round_trip(const struct xr_calibration *cal, const double *p, size_t k,
                       const char *name)
{
    static const char *const classes[] = {"a", "b \"x\"", "c"};
    char path[] = "/tmp/xr-calibration-XXXXXX";
    struct xr_calibration again;
    struct xr_out *out = NULL;
    struct xr_err err = {0};
    cJSON *json = cJSON_CreateObject();
    double one[K], two[K];
    int fd = mkstemp(path), good = 1;

    cJSON_AddItemToObject(json, "calibration", xr_calibration_json(cal, classes));
    need(!xr_out_open(&out, path, 0, &err) && !xr_json_write(out, json, &err) &&
             !xr_out_finish(out, &err),
         &err);
    xr_out_close(out);
    need(!xr_calibration_read(&again, path, &err), &err);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;

        memcpy(one, p + i * k, k * sizeof *one);
        memcpy(two, one, sizeof one);
        xr_calibration_apply(cal, one);
        xr_calibration_apply(&again, two);
        for (size_t c = 0; c < k; c++) {
            good &= one[c] == two[c] && one[c] >= 0;
            sum += one[c];
        }
        good &= fabs(sum - 1) < 1e-12;
    }
    ok(good && again.k == k && !strcmp(again.classes[1], classes[1]),
       "%s of %zu classes: read back, rows add up to 1", name, k);
    xr_calibration_free(&again);
    cJSON_Delete(json);
    close(fd);
    unlink(path);
}

static void check_methods(size_t k)
{
    double *p = calloc(N * k, sizeof *p), before, after;
    uint32_t label[N];
    struct xr_err err = {0};

    make_rows(p, label, k);
    for (int m = XR_CALIBRATE_TEMPERATURE; m <= XR_CALIBRATE_DIRICHLET; m++) {
        const char *name = xr_calibration_name((enum xr_calibration_method)m);
        struct xr_calibration cal, none = {.k = k};

        need(!xr_calibration_fit(&cal, (enum xr_calibration_method)m, p, label, N, k,
                                 &err),
             &err);
        before = loss_of(&none, p, label, k);
        after = loss_of(&cal, p, label, k);
        ok(after < before, "%s of %zu classes: likelier than before", name, k);
        if (m == XR_CALIBRATE_PLATT)
            check_platt(&cal, p, label, k);
        if (m == XR_CALIBRATE_ISOTONIC && k == 2)
            check_isotonic(&cal, p, label);
        if (m == XR_CALIBRATE_TEMPERATURE) {
            struct xr_calibration off = cal;

            off.temperature = cal.temperature * 1.01;
            ok(loss_of(&off, p, label, k) > after, "temperature: more is worse");
            off.temperature = cal.temperature / 1.01;
            ok(loss_of(&off, p, label, k) > after, "temperature: less is worse");
        }
        round_trip(&cal, p, k, name);
        xr_calibration_free(&cal);
    }
    free(p);
}

static void check_refusals(void)
{
    static const char *const bad[] = {
        "[]",
        "{\"calibration\": {\"method\": \"none\"}}",
        "{\"calibration\": {\"method\": \"temperature\", \"classes\": [\"a\"]}}",
        "{\"calibration\": {\"method\": \"temperature\", \"classes\": [\"a\", 1]}}",
        "{\"calibration\": {\"method\": \"temperature\", \"classes\": [\"a\", \"b\"], "
        "\"parameters\": {\"temperature\": 0}}}",
        "{\"calibration\": {\"method\": \"platt\", \"classes\": [\"a\", \"b\"], "
        "\"parameters\": {\"a\": [1], \"b\": []}}}",
        "{\"calibration\": {\"method\": \"isotonic\", \"classes\": [\"a\", \"b\"], "
        "\"parameters\": {\"x\": [[0, 1]], \"y\": [[1, 0]]}}}",
        "{\"calibration\": {\"method\": \"isotonic\", \"classes\": [\"a\", \"b\"], "
        "\"parameters\": {\"x\": [[0, 0]], \"y\": [[0, 1]]}}}",
        "{\"calibration\": {\"method\": \"dirichlet\", \"classes\": [\"a\", \"b\"], "
        "\"parameters\": {\"w\": [[1, 0, 0], [0, 1]]}}}"};
    double p[4] = {0.4, 0.6, 0.7, 0.3};
    uint32_t label[2] = {0, 0};
    struct xr_calibration cal;
    struct xr_err err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[] = "/tmp/xr-calibration-XXXXXX";
        int fd = mkstemp(path);

        need(write(fd, bad[i], strlen(bad[i])) > 0, &err);
        close(fd);
        ok(xr_calibration_read(&cal, path, &err) == -1 && strstr(err.text, path),
           "refused: %.60s", bad[i]);
        unlink(path);
    }
    ok(xr_calibration_fit(&cal, XR_CALIBRATE_PLATT, p, label, 2, 2, &err) == -1,
       "Platt without a row of a class is refused");
    ok(xr_calibration_fit(&cal, XR_CALIBRATE_TEMPERATURE, p, label, 0, 2, &err) == -1,
       "no row is refused");
}

int main(void)
{
    const char *dir = tap_shared();

    check_methods(2);
    check_methods(3);
    check_refusals();
    if (dir)
        check_temperature(dir);
    else
        tap_skip("SciPy's temperature", "no reference data");
    return tap_done();
}
