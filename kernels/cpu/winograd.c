/*
 * 3x3 convolutions at stride 1 by Winograd's minimal filtering, with the batch norms on
 * both sides of them: see simd_wg.h.
 */
#include "cpu.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 16
};

struct winograd {
    uint64_t version, back_version;
    int32_t *weights, *weights_back;
    float *values; /* [PLACES][out][in]: G g G' */
    float *folded, *bias;
    size_t scratch, dw_floats; /* bytes and floats a thread */
};

static const struct xk_simd *simd_of(const struct xk_cpu *cpu, const struct xk_step *step)
{
    return cpu->simd[step->node->dtype];
}

static struct xk_wg_args geometry(const struct xk_step *step)
{
    return (struct xk_wg_args){
        .p = xk_cpu_pw_geometry(step), .h = step->in.h, .w = step->in.w};
}

static int winograd_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_wg_args a = geometry(step);
    size_t in = a.p.in, out = a.p.out, most = xk_padded(in > out ? in : out);
    struct winograd *g = xr_alloc_array(1, sizeof *g, err);

    step->impl = g;
    if (!g)
        return -1;
    g->scratch = simd->wg_scratch(&a, step->backward);
    g->dw_floats =
        step->backward ? PLACES * simd->pw_dw_rows(&a.p) * simd->pw_dw_cols(&a.p) : 0;
    g->weights =
        xr_alloc_array(PLACES * xk_cpu_pw_packed(simd, in, out), sizeof *g->weights, err);
    g->values = xr_alloc_array(PLACES * in * out, sizeof *g->values, err);
    g->bias = xr_alloc_array(xk_padded(out), sizeof *g->bias, err);
    if (!g->weights || !g->values || !g->bias)
        return -1;
    if (step->node->param[XK_GAMMA] >= 0) {
        g->folded = xr_alloc_array(9 * in * out, sizeof *g->folded, err);
        if (!g->folded)
            return -1;
    }
    if (step->backward) {
        g->weights_back = xr_alloc_array(PLACES * xk_cpu_pw_packed(simd, out, in),
                                         sizeof *g->weights_back, err);
        if (!g->weights_back)
            return -1;
    }
    if (xk_cpu_scratch(cpu,
                       xk_padded(out) + (size_t)cpu->n_threads *
                                            (g->scratch / sizeof(float) + g->dw_floats),
                       err))
        return -1;
    return xk_cpu_partial(cpu, 2 * most, err);
}

static void winograd_release(struct xk_step *step)
{
    struct winograd *g = step->impl;

    free(g->weights);
    free(g->weights_back);
    free(g->values);
    free(g->folded);
    free(g->bias);
    free(g);
}

/* GgG' of all filters into values[place][out][in]. */
static void transform(const struct xk_cpu *cpu, const struct xk_simd *simd, float *values,
                      const float *w, size_t in, size_t out, bool turned)
{
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t o = 0; o < out; o++)
        simd->wg_filters(values + o * in, in * out, w + 9 * o * in, in, turned);
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
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_wg_args a = geometry(step);
    struct winograd *g = step->impl;
    size_t in = a.p.in, out = a.p.out, cp = xk_padded(out);
    size_t tiles = pass->n * ((a.h + 1) / 2) * ((a.w + 1) / 2);
    bool biased = g->folded || step->node->param[XK_BIAS] >= 0;
    bool sums = step->post && pass->mode == XK_TRAIN;
    float *center = cpu->scratch;
    char *scratch = (char *)(cpu->scratch + cp);
    int threads = 1;

    (void)err;
    if (g->version != pass->version) {
        const float *w = xk_value(step, pass, XK_WEIGHT);

        if (biased)
            xk_cpu_fold(g->folded, g->bias, step, pass, 9 * in);
        transform(cpu, simd, g->values, g->folded ? g->folded : w, in, out, false);
        for (size_t p = 0; p < PLACES; p++)
            xk_cpu_pw_pack(cpu, simd, g->weights + p * xk_cpu_pw_units(simd, in, out),
                           g->values + p * in * out, in, 1, out, in);
        g->version = pass->version;
    }
    a.p.weights = g->weights;
    if (biased)
        a.p.bias = g->bias;
    if (step->node->n_inputs == 2)
        a.p.shortcut = step->x[1];
    xk_cpu_pw_pre(&a.p, step);
    if (sums) {
        struct xk_pw_sums first = {.sum = cpu->partial, .squares = cpu->partial + cp};
        size_t n = tiles < 6 ? tiles : 6, seen = tile_pixels(a.h, a.w, n);

        /* the mean of a few pixels is near: squares around it do not cancel */
        memset(center, 0, cp * sizeof *center);
        memset(cpu->partial, 0, 2 * cp * sizeof *cpu->partial);
        a.p.center = center;
        simd->wg_forward(&a, &first, scratch, 0, n);
        for (size_t i = 0; i < out; i++)
            center[i] = (float)(first.sum[i] / (double)seen);
    }
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t t0, t1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;
        struct xk_pw_sums s = {.sum = mine, .squares = mine + cp};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&t0, &t1, tiles, (int)t, omp_get_num_threads());
        simd->wg_forward(&a, &s, scratch + t * g->scratch, t0, t1);
    }
    if (sums) {
        xk_cpu_join(cpu->partial, 2 * cp, threads);
        xk_cpu_bn_statistics(step->post, pass, cpu->partial, cpu->partial + cp, center,
                             pass->n * a.h * a.w);
    }
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
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_wg_args a = geometry(step);
    struct winograd *g = step->impl;
    size_t in = a.p.in, out = a.p.out, cp = xk_padded(in);
    size_t tiles = pass->n * ((a.h + 1) / 2) * ((a.w + 1) / 2);
    float *dw = xk_grad(step, pass, XK_WEIGHT), *parts = cpu->scratch + xk_padded(out);
    char *scratch = (char *)(parts + (size_t)cpu->n_threads * g->dw_floats);
    int threads = 1;

    (void)err;
    xk_cpu_bias_gradient(cpu, step, pass);
    a.p.dx = step->dx[0];
    xk_cpu_pw_pre(&a.p, step);
    xk_cpu_pw_post(&a.p, step);
    if (a.p.dx && g->back_version != pass->version) {
        transform(cpu, simd, g->values, xk_value(step, pass, XK_WEIGHT), in, out, true);
        for (size_t p = 0; p < PLACES; p++)
            xk_cpu_pw_pack(cpu, simd,
                           g->weights_back + p * xk_cpu_pw_units(simd, out, in),
                           g->values + p * in * out, out, in, in, 1);
        g->back_version = pass->version;
    }
    a.p.weights_back = g->weights_back;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t t0, t1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;
        struct xk_pw_sums s = {mine, mine + cp, dw ? parts + t * g->dw_floats : NULL};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        if (dw)
            memset(s.dw, 0, g->dw_floats * sizeof *s.dw);
        xk_cpu_part(&t0, &t1, tiles, (int)t, omp_get_num_threads());
        simd->wg_backward(&a, &s, scratch + t * g->scratch, t0, t1);
    }
    if (dw)
        add_weights(cpu, simd, dw, parts, &a.p, g->dw_floats, simd->pw_dw_cols(&a.p),
                    threads);
    if (step->pre) {
        xk_cpu_join(cpu->partial, 2 * cp, threads);
        xk_cpu_bn_gradients(step->pre, pass, cpu->partial, cpu->partial + cp,
                            pass->n * a.h * a.w);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_winograd = {winograd_prepare, winograd_release,
                                          winograd_forward, winograd_backward, true};
