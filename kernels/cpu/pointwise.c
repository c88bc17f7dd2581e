/*
 * Pointwise (1x1) convolutions by own kernels, with the batch norms on both sides of
 * them.
 */
#include "cpu.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct pointwise {
    uint64_t version, back_version;
    int32_t *weights, *weights_back;
    float *bias;
    size_t scratch, dw_floats; /* bytes and floats a thread */
};

static const struct xk_simd *simd_of(const struct xk_cpu *cpu, const struct xk_step *step)
{
    return cpu->simd[step->node->dtype];
}

struct xk_pw_args xk_cpu_pw_geometry(const struct xk_step *step)
{
    return (struct xk_pw_args){.in = step->in.c,
                               .out = step->node->out,
                               .per_image = step->node->shape.h * step->node->shape.w,
                               .stride = step->node->stride,
                               .in_h = step->in.h,
                               .in_w = step->in.w,
                               .out_w = step->node->shape.w,
                               .act_out = step->node->act,
                               .x = step->x[0],
                               .y = step->y};
}

static size_t panels(const struct xk_simd *simd, size_t cols)
{
    return (cols + simd->pw_panel - 1) / simd->pw_panel;
}

/* Are weights and a bias made of the convolution's bias or a fused batch norm? */
static bool folds(const struct xk_step *step)
{
    return step->node->param[XK_GAMMA] >= 0 || step->node->param[XK_BIAS] >= 0;
}

size_t xk_cpu_pw_packed(const struct xk_simd *simd, size_t inner, size_t cols)
{
    return panels(simd, cols) * simd->pw_panel * inner;
}

size_t xk_cpu_pw_units(const struct xk_simd *simd, size_t inner, size_t cols)
{
    size_t unit = simd->dtype == XK_BF16 ? 2 : 1;

    return panels(simd, cols) * simd->pw_panel * ((inner + unit - 1) / unit);
}

static int pointwise_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_pw_args a = xk_cpu_pw_geometry(step);
    size_t out = xk_padded(a.out), in = xk_padded(a.in), most = out > in ? out : in;
    size_t threads = (size_t)cpu->n_threads;
    struct pointwise *p = xk_cpu_take(cpu, 1, sizeof *p, err);

    step->impl = p;
    if (!p)
        return -1;
    p->scratch = simd->pw_scratch(&a, step->backward);
    p->dw_floats = step->backward ? simd->pw_dw_rows(&a) * simd->pw_dw_cols(&a) : 0;
    p->weights =
        xk_cpu_take(cpu, xk_cpu_pw_packed(simd, a.in, a.out), sizeof *p->weights, err);
    p->bias = xk_cpu_take(cpu, out, sizeof *p->bias, err);
    if (!p->weights || !p->bias)
        return -1;
    if (folds(step) && xk_cpu_scratch(cpu, a.in * a.out, err))
        return -1;
    if (step->backward) {
        p->weights_back = xk_cpu_take(cpu, xk_cpu_pw_packed(simd, a.out, a.in),
                                      sizeof *p->weights_back, err);
        if (!p->weights_back)
            return -1;
    }
    if (xk_cpu_scratch(cpu, out + threads * (p->scratch / sizeof(float) + p->dw_floats),
                       err))
        return -1;
    return xk_cpu_partial(cpu, 2 * most, err);
}

void xk_cpu_pw_pack(const struct xk_cpu *cpu, const struct xk_simd *simd, int32_t *to,
                    const float *w, size_t inner, size_t inner_step, size_t cols,
                    size_t col_step)
{
    size_t n = panels(simd, cols);

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        simd->pw_pack(to, w, inner, inner_step, cols, col_step, i);
}

void xk_cpu_pw_pre(struct xk_pw_args *a, const struct xk_step *step)
{
    struct xk_cpu_bn_saved s;

    if (step->gate)
        a->gate = step->gate->saved;
    if (!step->pre)
        return;
    s = xk_cpu_bn_saved(step->pre);
    a->scale = s.scale;
    a->shift = s.shift;
    a->mean = s.mean;
    a->act_in = step->pre->node->act;
}

static int pointwise_forward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_pw_args a = xk_cpu_pw_geometry(step);
    struct pointwise *p = step->impl;
    const float *w = xk_value(step, pass, XK_WEIGHT);
    size_t cp = xk_padded(a.out), rows = pass->n * a.per_image;
    bool sums = step->post && pass->mode == XK_TRAIN;
    float *center = cpu->scratch;
    char *scratch = (char *)(cpu->scratch + cp);
    int threads = 1;

    (void)err;
    if (p->version != pass->version) {
        if (folds(step)) {
            xk_cpu_fold(cpu->scratch, p->bias, step, pass, a.in);
            w = cpu->scratch;
        }
        xk_cpu_pw_pack(cpu, simd, p->weights, w, a.in, 1, a.out, a.in);
        p->version = pass->version;
    }
    a.weights = p->weights;
    if (folds(step))
        a.bias = p->bias;
    if (step->node->n_inputs == 2)
        a.shortcut = step->x[1];
    xk_cpu_pw_pre(&a, step);
    if (sums) {
        struct xk_pw_sums first = {.sum = cpu->partial, .squares = cpu->partial + cp};
        size_t n = rows < 12 ? rows : 12;

        /* the mean of a few rows is near: squares around it do not cancel */
        memset(center, 0, cp * sizeof *center);
        memset(cpu->partial, 0, 2 * cp * sizeof *cpu->partial);
        a.center = center;
        simd->pw_forward(&a, &first, scratch, 0, n);
        for (size_t i = 0; i < a.out; i++)
            center[i] = (float)(first.sum[i] / (double)n);
    }
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;
        struct xk_pw_sums s = {.sum = mine, .squares = mine + cp};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, (int)t, omp_get_num_threads());
        simd->pw_forward(&a, &s, scratch + t * p->scratch, r0, r1);
    }
    if (sums) {
        xk_cpu_join(cpu->partial, 2 * cp, threads);
        xk_cpu_bn_statistics(step->post, pass, cpu->partial, cpu->partial + cp, center,
                             rows);
    }
    return 0;
}

void xk_cpu_pw_post(struct xk_pw_args *a, const struct xk_step *step)
{
    const struct xk_step *post = step->post;
    struct xk_cpu_bn_saved s;
    struct xk_cpu_bn_dy d;

    a->dy[0] = step->dy[0];
    a->dy[1] = step->dy[1];
    if (!post)
        return;
    d = xk_cpu_bn_dy(post, step->dy);
    a->dy[0] = d.dy[0];
    a->dy[1] = d.dy[1];
    a->dy_mul = d.mul;
    a->dy_add = d.add;
    s = xk_cpu_bn_saved(post);
    a->post_scale = s.scale;
    a->post_shift = s.shift;
    a->kg = s.kg;
    a->kx = s.kx;
    a->k1 = s.k1;
    a->post_act = xk_cpu_bn_pending_act(post);
    a->factor = post->node->rate > 0 ? s.factor : NULL;
}

/* Sum the threads' gradients of the weights, in their order, onto dw [out][in]. */
static void add_weights(const struct xk_cpu *cpu, float *dw, const float *parts,
                        const struct xk_pw_args *a, size_t floats, size_t ld, int threads)
{
    bool out_wide = a->in < a->out;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t o = 0; o < a->out; o++)
        for (size_t i = 0; i < a->in; i++) {
            size_t at = out_wide ? i * ld + o : o * ld + i;
            float sum = parts[at];

            for (int t = 1; t < threads; t++)
                sum += parts[(size_t)t * floats + at];
            dw[o * a->in + i] += sum;
        }
}

static void clear(const struct xk_cpu *cpu, char *to, size_t bytes)
{
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t b0, b1;

        xk_cpu_part(&b0, &b1, bytes, omp_get_thread_num(), omp_get_num_threads());
        memset(to + b0, 0, b1 - b0);
    }
}

static int pointwise_backward(struct xk_cpu *cpu, struct xk_step *step,
                              const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_simd *simd = simd_of(cpu, step);
    struct xk_pw_args a = xk_cpu_pw_geometry(step);
    struct pointwise *p = step->impl;
    size_t cp = xk_padded(a.in), rows = pass->n * a.per_image;
    float *dw = xk_grad(step, pass, XK_WEIGHT), *parts = cpu->scratch + xk_padded(a.out);
    char *scratch = (char *)(parts + (size_t)cpu->n_threads * p->dw_floats);
    int threads = 1;

    (void)err;
    xk_cpu_bias_gradient(cpu, step, pass);
    a.dx = step->dx[0];
    xk_cpu_pw_pre(&a, step);
    xk_cpu_pw_post(&a, step);
    if (a.dx && p->back_version != pass->version) {
        xk_cpu_pw_pack(cpu, simd, p->weights_back, xk_value(step, pass, XK_WEIGHT), a.out,
                       a.in, a.in, 1);
        p->back_version = pass->version;
    }
    a.weights_back = p->weights_back;
    if (a.dx && a.stride > 1)
        clear(cpu, a.dx,
              pass->n * a.in_h * a.in_w * a.in * xk_dtype_size(step->in_dtype[0]));
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;
        struct xk_pw_sums s = {mine, mine + cp, dw ? parts + t * p->dw_floats : NULL};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        if (dw)
            memset(s.dw, 0, p->dw_floats * sizeof *s.dw);
        xk_cpu_part(&r0, &r1, rows, (int)t, omp_get_num_threads());
        simd->pw_backward(&a, &s, scratch + t * p->scratch, r0, r1);
    }
    if (dw)
        add_weights(cpu, dw, parts, &a, p->dw_floats, simd->pw_dw_cols(&a), threads);
    if (step->pre && !step->gate) {
        xk_cpu_join(cpu->partial, 2 * cp, threads);
        xk_cpu_bn_gradients(step->pre, pass, cpu->partial, cpu->partial + cp,
                            pass->n * a.in_h * a.in_w);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_pointwise = {pointwise_prepare, NULL, pointwise_forward,
                                           pointwise_backward, true};
