/*
 * Pointwise (1x1) convolutions by own kernels, with the batch norms on both sides of
 * them.
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

static int pointwise_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    struct xk_pw_args a = xk_cpu_product_args(step);
    size_t scratch = cpu->simd[step->node->dtype]->pw_scratch(&a, step->backward);

    if (xk_cpu_product_folds(step) && xk_cpu_scratch(cpu, a.in * a.out, err))
        return -1;
    return xk_cpu_product_prepare(cpu, step, 1, scratch, err);
}

static int pointwise_forward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_simd *simd = cpu->simd[step->node->dtype];
    struct xk_cpu_product *p = step->impl;
    size_t in = step->in.c, out = step->node->out;
    size_t rows = pass->n * step->node->shape.h * step->node->shape.w;
    size_t first = rows < 12 ? rows : 12;

    (void)err;
    if (p->version != pass->version) {
        const float *w = xk_value(step, pass, XK_WEIGHT);

        if (xk_cpu_product_folds(step)) {
            xk_cpu_fold(cpu->scratch, p->bias, step, pass, in);
            w = cpu->scratch;
        }
        xk_cpu_product_pack(cpu, simd, p->weights, w, in, 1, out, in);
        p->version = pass->version;
    }
    xk_cpu_product_forward(cpu, step, pass, simd->pw_forward, rows, first, first);
    return 0;
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
    const struct xk_simd *simd = cpu->simd[step->node->dtype];
    struct xk_pw_args a = xk_cpu_product_args(step);
    struct xk_cpu_product *p = step->impl;
    float *parts;
    int threads;

    (void)err;
    if (step->dx[0] && p->back_version != pass->version) {
        xk_cpu_product_pack(cpu, simd, p->weights_back, xk_value(step, pass, XK_WEIGHT),
                            a.out, a.in, a.in, 1);
        p->back_version = pass->version;
    }
    if (step->dx[0] && a.stride > 1)
        clear(cpu, step->dx[0],
              pass->n * a.in_h * a.in_w * a.in * xk_dtype_size(step->in_dtype[0]));
    parts = xk_cpu_product_backward(cpu, step, pass, simd->pw_backward,
                                    pass->n * a.per_image, &threads);
    if (parts)
        add_weights(cpu, xk_grad(step, pass, XK_WEIGHT), parts, &a, p->dw_floats,
                    simd->pw_dw_cols(&a), threads);
    return 0;
}

const struct xk_cpu_op xk_cpu_pointwise = {pointwise_prepare, NULL, pointwise_forward,
                                           pointwise_backward, true};
