/* Figures of rows that are only summed are those of rows kept, and their blocks resample
 * as groups do. */
#include "stats_stream.h"

#include <string.h>

#include "rng.h"

#include "tap.h"

enum {
    N = 500,
    K = 3,
    F = XR_N_METRICS + K * XR_PER_CLASS
};

static void need(int bad, const struct xr_err *err)
{
    if (!bad)
        return;
    printf("Bail out! %s\n", err->text);
    exit(1);
}

int main(void)
{
    static double p[N * K], values[F];
    static uint32_t label[N], group[N];
    static struct xr_figure kept[F], summed[F];
    uint64_t confusion[2][K * K], n[2][7], right[2][7];
    double confidence[2][7], worst = 0, bounds = 0;
    struct xr_scored scored = {
        .n = N, .k = K, .p = p, .label = label, .group = group, .n_bins = 7, .top_k = 2};
    struct xr_bootstrap bootstrap = XR_BOOTSTRAP_DEFAULT;
    struct xr_stream_sums *sums;
    struct xr_metrics *m;
    struct xr_rng rng;
    struct xr_err err = {0};
    size_t undefined = 0, blocks = 0;
    uint32_t *number = calloc(XR_STREAM_BLOCKS, sizeof *number);
    int same = 1;

    bootstrap.n_resamples = 400;
    xr_rng_init(&rng, 3, 0, "", "test");
    need(xr_stream_sums_open(&sums, K, 7, 2, &err), &err);
    for (size_t i = 0; i < N; i++) {
        double total = 0;
        char key[16];
        size_t block;

        label[i] = (uint32_t)xr_rng_below(&rng, K);
        for (size_t c = 0; c < K; c++)
            total += p[i * K + c] = xr_rng_uniform(&rng) + (c == label[i]);
        for (size_t c = 0; c < K; c++)
            p[i * K + c] /= total;
        snprintf(key, sizeof key, "k%zu", i);
        xr_stream_sums_add(sums, p + i * K, label[i], key);
        block = (size_t)(xr_fnv1a64(key) % XR_STREAM_BLOCKS);
        number[block] = 1;
        group[i] = (uint32_t)block;
    }
    /* blocks numbered as the sums number them: in their order */
    for (size_t b = 0; b < XR_STREAM_BLOCKS; b++)
        number[b] = number[b] ? (uint32_t)blocks++ : 0;
    for (size_t i = 0; i < N; i++)
        group[i] = number[group[i]];
    scored.n_groups = blocks;
    ok(xr_stream_sums_n_blocks(sums) == blocks, "blocks with a row");
    need(xr_metrics_open(&m, &scored, &err) || xr_metrics_eval(values, m, NULL, &err) ||
             xr_metrics_bootstrap(kept, m, &bootstrap, &err) ||
             xr_stream_sums_figures(summed, sums, &bootstrap, XR_CI_NONE, &err),
         &err);
    for (size_t f = 0; f < F; f++) {
        if (isnan(summed[f].value)) {
            undefined++;
            same &= summed[f].reason != NULL && summed[f].method == XR_CI_NONE;
            continue;
        }
        worst = fmax(worst, fabs(summed[f].value - values[f]));
        bounds = fmax(bounds, fabs(summed[f].low - kept[f].low));
        bounds = fmax(bounds, fabs(summed[f].high - kept[f].high));
        same &= summed[f].method == kept[f].method;
    }
    near(worst, 0, 1e-12, "figures are those of rows kept");
    near(bounds, 0, 1e-10, "so are the bounds, where blocks are groups");
    ok(same && undefined == 11 + 2 * K,
       "those that need an order are undefined, and say why");
    xr_metrics_confusion(confusion[0], m);
    need(xr_metrics_bins(n[0], right[0], confidence[0], m, &err), &err);
    xr_stream_sums_counts(confusion[1], n[1], right[1], confidence[1], sums);
    ok(!memcmp(confusion[0], confusion[1], sizeof *confusion) &&
           !memcmp(n[0], n[1], sizeof *n) && !memcmp(right[0], right[1], sizeof *right),
       "counts are the same");
    need(xr_stream_sums_figures(summed, sums, &bootstrap, XR_CI_WILSON, &err), &err);
    ok(summed[XR_METRIC_ACCURACY].method == XR_CI_WILSON &&
           summed[XR_METRIC_ACCURACY].low < values[XR_METRIC_ACCURACY],
       "proportions by formula");
    xr_stream_sums_close(sums);
    ok(xr_stream_sums_open(&sums, 65, 15, 2, &err) == -1, "too many classes are refused");
    xr_metrics_close(m);
    free(number);
    return tap_done();
}
