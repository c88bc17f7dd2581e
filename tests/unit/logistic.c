/* Multinomial logistic regression beside scikit-learn's. */
#include <string.h>

#include "logistic.h"
#include "tap.h"

#include "logistic_reference.h"

/* The tables of tests/reference/logistic.py. */
static void make(double *x, uint32_t *label, size_t n, size_t d, size_t k, uint64_t state)
{
    for (size_t i = 0; i < n; i++) {
        double v[16], best = -INFINITY;

        for (size_t j = 0; j <= d; j++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            v[j] = (double)(state >> 33) / 2147483648.0;
        }
        for (size_t j = 0; j < d; j++)
            x[i * d + j] = 4 * v[j] - 2;
        for (size_t c = 0; c < k; c++) {
            double a = x[i * d + c % d], b = x[i * d + (c + 1) % d];
            double score = (double)(c + 1) * a - (double)c * (b * b);

            if (score > best) {
                best = score;
                label[i] = (uint32_t)c;
            }
        }
        if (v[d] < 0.3)
            label[i] = (uint32_t)((size_t)(v[d] * 10 * (double)k) % k);
    }
}

static double worst_of(size_t i)
{
    static double x[6000];
    static uint32_t label[600];
    size_t size = cases[i].k * (cases[i].d + 1);
    struct xr_logistic m;
    struct xr_err err = {0};
    double worst = 0, scale = 0;

    make(x, label, cases[i].n, cases[i].d, cases[i].k, cases[i].seed);
    if (xr_logistic_fit(&m, x, label, cases[i].n, cases[i].d, cases[i].k, cases[i].ridge,
                        &err))
        return INFINITY;
    for (size_t j = 0; j < size; j++) {
        worst = fmax(worst, fabs(m.w[j] - cases[i].w[j]));
        scale = fmax(scale, fabs(cases[i].w[j]));
    }
    xr_logistic_free(&m);
    return worst / scale;
}

int main(void)
{
    static const double x[] = {-1, 0, 1, 3};
    static const uint32_t label[] = {0, 0, 1, 1};
    struct xr_logistic m;
    struct xr_err err = {0};
    double p[2];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok(worst_of(i) < 1e-5,
           "%zu rows, %zu features, %zu classes, ridge %g: off by %.2g", cases[i].n,
           cases[i].d, cases[i].k, cases[i].ridge, worst_of(i));
    ok(!xr_logistic_fit(&m, x, label, 4, 1, 2, 1e-3, &err), "rows that a line separates");
    xr_logistic_predict(p, &m, x);
    ok(p[0] > 0.95 && fabs(p[0] + p[1] - 1) < 1e-12, "probabilities add up to 1");
    near(m.w[1] + m.w[3], 0, 1e-9, "intercepts add up to 0");
    xr_logistic_free(&m);
    return tap_done();
}
