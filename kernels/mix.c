/* MixUp and CutMix. */
#include "mix.h"

#include <math.h>
#include <stdio.h>

#include "rng.h"

/* Gamma(a, 1): Marsaglia and Tsang, "A simple method for generating gamma variables"
 * (2000); below 1 by Gamma(a + 1) u^(1/a). As a logarithm, so that a small a does not
 * underflow. */
static double log_gamma(struct xr_rng *rng, double a)
{
    double d = (a < 1 ? a + 1 : a) - 1.0 / 3.0, c = 1 / sqrt(9 * d), more = 0;

    if (a < 1)
        more = log(1 - xr_rng_uniform(rng)) / a;
    for (;;) {
        double x = xr_rng_normal(rng), v = pow(1 + c * x, 3);
        double u = 1 - xr_rng_uniform(rng);

        if (v > 0 && log(u) < x * x / 2 + d * (1 - v + log(v)))
            return log(d * v) + more;
    }
}

static double beta(struct xr_rng *rng, double alpha)
{
    double a = log_gamma(rng, alpha), b = log_gamma(rng, alpha);

    return 1 / (1 + exp(b - a));
}

void xk_mix_box(struct xk_mixed *mixed, double lam, size_t cy, size_t cx, size_t height,
                size_t width)
{
    double side = sqrt(1 - lam);
    size_t h = (size_t)((double)height * side), w = (size_t)((double)width * side);

    mixed->cut = true;
    mixed->y0 = cy > h / 2 ? cy - h / 2 : 0;
    mixed->x0 = cx > w / 2 ? cx - w / 2 : 0;
    mixed->y1 = cy + (h + 1) / 2 < height ? cy + (h + 1) / 2 : height;
    mixed->x1 = cx + (w + 1) / 2 < width ? cx + (w + 1) / 2 : width;
    mixed->lam = 1 - (double)((mixed->y1 - mixed->y0) * (mixed->x1 - mixed->x0)) /
                         (double)(height * width);
}

void xk_mix_draw(struct xk_mixed *mixed, const struct xk_mix *mix, uint64_t seed,
                 uint64_t epoch, uint64_t step, size_t height, size_t width)
{
    struct xr_rng rng;
    char key[32];
    bool cut;

    *mixed = (struct xk_mixed){.lam = 1};
    snprintf(key, sizeof key, "%llu", (unsigned long long)step);
    xr_rng_init(&rng, seed, epoch, key, "mix");
    if ((mix->mixup <= 0 && mix->cutmix <= 0) || xr_rng_uniform(&rng) >= mix->prob)
        return;
    cut = mix->mixup > 0 && mix->cutmix > 0 ? xr_rng_uniform(&rng) < mix->switch_prob
                                            : mix->cutmix > 0;
    mixed->lam = beta(&rng, cut ? mix->cutmix : mix->mixup);
    if (cut) {
        size_t cy = (size_t)xr_rng_below(&rng, height);

        xk_mix_box(mixed, mixed->lam, cy, (size_t)xr_rng_below(&rng, width), height,
                   width);
    }
}

/* Two planes into each other; where they are one, it is mixed with itself. */
static void blend(float *a, float *b, float lam, size_t n)
{
    float rest = 1.0f - lam;

    for (size_t i = 0; i < n; i++) {
        float x = a[i], y = b[i];

        a[i] = x * lam + y * rest;
        b[i] = y * lam + x * rest;
    }
}

static void exchange(float *a, float *b, const struct xk_mixed *m, size_t width)
{
    for (size_t y = m->y0; y < m->y1; y++)
        for (size_t i = y * width + m->x0; i < y * width + m->x1; i++) {
            float t = a[i];

            a[i] = b[i];
            b[i] = t;
        }
}

void xk_mix_images(float *x, const struct xk_mixed *mixed, size_t n, size_t channels,
                   size_t height, size_t width)
{
    size_t plane = height * width;

    if (mixed->lam == 1 && !mixed->cut)
        return;
    for (size_t i = 0; i < n / 2; i++)
        for (size_t c = 0; c < channels; c++) {
            float *a = x + (i * channels + c) * plane;
            float *b = x + ((n - 1 - i) * channels + c) * plane;

            if (mixed->cut)
                exchange(a, b, mixed, width);
            else
                blend(a, b, (float)mixed->lam, plane);
        }
}
