/* Means and votes of models against the products and counts they stand for. */
#include "stats_ensemble.h"

#include "rng.h"

#include "tap.h"

enum {
    N = 50,
    K = 4,
    M = 3
};

static double p[M][N * K], out[N * K];

static void make(void)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 3, 0, "", "test");
    for (int m = 0; m < M; m++)
        for (int i = 0; i < N; i++) {
            double sum = 0;

            for (int c = 0; c < K; c++)
                sum += p[m][i * K + c] = 0.01 + xr_rng_uniform(&rng);
            for (int c = 0; c < K; c++)
                p[m][i * K + c] /= sum;
        }
}

/* Rules written out for one row; returns the largest error over all rows. */
static double error_of(enum xr_ensemble_rule rule)
{
    double worst = 0;

    for (int i = 0; i < N; i++) {
        double want[K] = {0}, sum = 0;

        for (int c = 0; c < K; c++) {
            double product = 1;

            for (int m = 0; m < M; m++) {
                const double *own = p[m] + i * K;
                int wins = 1;

                for (int d = 0; d < K; d++)
                    wins &= own[c] > own[d] || d == c || (own[c] == own[d] && c < d);
                product *= own[c];
                want[c] += rule == XR_ENSEMBLE_MEAN   ? own[c] / M
                           : rule == XR_ENSEMBLE_VOTE ? wins / (double)M
                                                      : 0;
            }
            if (rule == XR_ENSEMBLE_LOGMEAN)
                want[c] = pow(product, 1.0 / M);
            sum += want[c];
        }
        for (int c = 0; c < K; c++)
            worst = fmax(worst, fabs(out[i * K + c] - want[c] / sum));
    }
    return worst;
}

int main(void)
{
    static const char *const names[] = {"mean", "logmean", "vote"};
    const double *all[M] = {p[0], p[1], p[2]};
    double a[2] = {1, 0}, b[2] = {0, 1}, c[2] = {0.5, 0.5}, two[2];
    const double *pair[2] = {a, b}, *three[3] = {c, b, c};

    make();
    for (int rule = 0; rule < XR_N_ENSEMBLE_RULES; rule++) {
        xr_ensemble(out, all, M, N, K, (enum xr_ensemble_rule)rule);
        ok(error_of((enum xr_ensemble_rule)rule) < 1e-15, "%s", names[rule]);
        xr_ensemble(out, all, 1, N, K, (enum xr_ensemble_rule)rule);
        if (rule != XR_ENSEMBLE_VOTE) {
            double worst = 0;

            for (int i = 0; i < N * K; i++)
                worst = fmax(worst, fabs(out[i] - p[0][i]));
            ok(worst < 1e-15, "%s of one model is that model", names[rule]);
        }
    }
    xr_ensemble(two, pair, 2, 1, 2, XR_ENSEMBLE_LOGMEAN);
    ok(two[0] == 0.5 && two[1] == 0.5, "two models sure of different classes: one half");
    xr_ensemble(two, three, 3, 1, 2, XR_ENSEMBLE_VOTE);
    ok(two[0] == 2.0 / 3 && two[1] == 1.0 / 3, "a tie votes for the first class");
    xr_ensemble(two, three, 3, 1, 2, XR_ENSEMBLE_LOGMEAN);
    near(two[0], 1 / (1 + pow(2, 52.0 / 3)), 1e-12,
         "a probability of 0 is taken as 2^-52");
    return tap_done();
}
