/*
 * 3x3 convolutions at stride 1 by Winograd's minimal filtering, with the batch norms on
 * both sides of them: see simd_wg.h.
 */
#include "cpu.h"

#include <omp.h>

enum {
    PLACES = 16
};

static size_t tiles(const struct xk_step *step, size_t n)
{
    return n * ((step->in.h + 1) / 2) * ((step->in.w + 1) / 2);
}

static int winograd_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    struct xk_pw_args a = xk_cpu_product_args(step);
    size_t scratch = cpu->simd[step->node->dtype]->wg_scratch(&a, step->backward);

    /* G g G', and in front of it the filters with a batch norm folded in */
    if (xk_cpu_scratch(cpu, (PLACES + 9) * a.in * a.out, err))
        return -1;
    return xk_cpu_product_prepare(cpu, step, PLACES, scratch, err);
}

/* GgG' of all filters, packed: place by place, as factors [in][out], or of filters turned
 * by 180 degrees [out][in]. */
static void pack(struct xk_cpu *cpu, const struct xk_step *step, int32_t *to,
                 const float *w, bool turned)
{
    const struct xk_simd *simd = cpu->simd[step->node->dtype];
    size_t in = step->in.c, out = step->node->out, n = in * out;
    float *values = cpu->scratch + 9 * n;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t o = 0; o < out; o++)
        simd->wg_filters(values + o * in, n, w + 9 * o * in, in, turned);
    for (size_t p = 0; p < PLACES; p++)
        if (turned)
            xk_cpu_product_pack(cpu, simd, to + p * xk_cpu_product_units(simd, out, in),
                                values + p * n, out, in, in, 1);
        else
            xk_cpu_product_pack(cpu, simd, to + p * xk_cpu_product_units(simd, in, out),
                                values + p * n, in, 1, out, in);
}

/* Pixels in the first n tiles of 2x2. */
static size_t tile_pixels(size_t h, size_t w, size_t n)
{
    size_t wide = (w + 1) / 2, of_image = (h + 1) / 2 * wide, pixels = 0;

    for (size_t t = 0; t < n; t++) {
        size_t y = t % of_image / wide * 2, x = t % of_image % wide * 2;

        pixels += (h - y < 2 ? 1 : 2) * (w - x < 2 ? 1 : 2);
    }
    return pixels;
}

static int winograd_forward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cpu_product *p = step->impl;
    size_t all = tiles(step, pass->n), first = all < 6 ? all : 6;

    (void)err;
    if (p->version != pass->version) {
        const float *w = xk_value(step, pass, XK_WEIGHT);

        if (xk_cpu_product_folds(step)) {
            xk_cpu_fold(cpu->scratch, p->bias, step, pass, 9 * step->in.c);
            w = cpu->scratch;
        }
        pack(cpu, step, p->weights, w, false);
        p->version = pass->version;
    }
    xk_cpu_product_forward(cpu, step, pass, cpu->simd[step->node->dtype]->wg_forward, all,
                           first, tile_pixels(step->in.h, step->in.w, first));
    return 0;
}

/* dw [out][in][3][3] += G' dU G, dU the sum of the threads' parts, in their order, which
 * goes into the first's. */
static void add_weights(const struct xk_cpu *cpu, const struct xk_simd *simd, float *dw,
                        float *parts, const struct xk_pw_args *a, size_t floats,
                        size_t ld, int threads)
{
    bool out_wide = a->in < a->out;
    size_t one = floats / PLACES, rows = one / ld, high = out_wide ? a->in : a->out;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t r = 0; r < PLACES * rows; r++)
        for (int t = 1; t < threads; t++)
            simd->add_floats(parts + r * ld, parts + (size_t)t * floats + r * ld, ld);
    if (!out_wide) {
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
        for (size_t o = 0; o < a->out; o++)
            simd->wg_filters_back(dw + 9 * o * a->in, parts + o * ld, one, a->in);
        return;
    }
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t o = 0; o < a->out; o++)
        for (size_t i = 0; i < high; i++) {
            float u[PLACES];

            for (size_t p = 0; p < PLACES; p++)
                u[p] = parts[p * one + i * ld + o];
            simd->wg_filters_back(dw + 9 * (o * a->in + i), u, 1, 1);
        }
}

static int winograd_backward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_simd *simd = cpu->simd[step->node->dtype];
    struct xk_pw_args a = xk_cpu_product_args(step);
    struct xk_cpu_product *p = step->impl;
    float *parts;
    int threads;

    (void)err;
    if (step->dx[0] && p->back_version != pass->version) {
        pack(cpu, step, p->weights_back, xk_value(step, pass, XK_WEIGHT), true);
        p->back_version = pass->version;
    }
    parts = xk_cpu_product_backward(cpu, step, pass, simd->wg_backward,
                                    tiles(step, pass->n), &threads);
    if (parts)
        add_weights(cpu, simd, xk_grad(step, pass, XK_WEIGHT), parts, &a, p->dw_floats,
                    simd->pw_dw_cols(&a), threads);
    return 0;
}

const struct xk_cpu_op xk_cpu_winograd = {winograd_prepare, NULL, winograd_forward,
                                          winograd_backward, true};
