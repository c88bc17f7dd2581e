/*
 * Layer norm over the channels of each pixel, and layer scale.
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

static int norm_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    return xk_cpu_partial(cpu, 2 * xk_padded(step->in.c), err);
}

static size_t rows_of(const struct xk_step *step, size_t n)
{
    return n * step->in.h * step->in.w;
}

/* Add the sums of all threads, which lie `stride` apart, to a parameter's gradient. */
static void add_sums(float *grad, const double *partial, size_t c, size_t stride,
                     int threads)
{
    for (size_t i = 0; grad && i < c; i++) {
        double sum = 0;

        for (int t = 0; t < threads; t++)
            sum += partial[(size_t)t * stride + i];
        grad[i] += (float)sum;
    }
}

/* --- layer norm -------------------------------------------------------------------- */

static int layernorm_forward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0];
    float *y = step->y, *mean = step->saved, *rstd = mean + rows_of(step, step->batch);
    const float *gamma = xk_value(step, pass, XK_GAMMA),
                *beta = xk_value(step, pass, XK_BETA);
    size_t rows = rows_of(step, pass->n);

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1;

        xk_cpu_part(&r0, &r1, rows, omp_get_thread_num(), omp_get_num_threads());
        cpu->simd[XK_F32]->ln_forward(y, mean, rstd, x, gamma, beta, step->node->eps,
                                      step->in.c, r0, r1);
    }
    return 0;
}

static int layernorm_backward(struct xk_cpu *cpu, struct xk_step *step,
                              const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0], *dy = step->dy[0], *mean = step->saved,
                *rstd = mean + rows_of(step, step->batch);
    const float *gamma = xk_value(step, pass, XK_GAMMA);
    float *dx = step->dx[0];
    size_t rows = rows_of(step, pass->n), cp = xk_padded(step->in.c);
    int threads = 1;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, (int)t, omp_get_num_threads());
        cpu->simd[XK_F32]->ln_backward(dx, mine, mine + cp, dy, x, mean, rstd, gamma,
                                       step->in.c, r0, r1);
    }
    add_sums(xk_grad(step, pass, XK_GAMMA), cpu->partial, step->in.c, 2 * cp, threads);
    add_sums(xk_grad(step, pass, XK_BETA), cpu->partial + cp, step->in.c, 2 * cp,
             threads);
    return 0;
}

const struct xk_cpu_op xk_cpu_layernorm = {norm_prepare, NULL, layernorm_forward,
                                           layernorm_backward, false};

/* --- layer scale ------------------------------------------------------------------- */

static int scale_forward(struct xk_cpu *cpu, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0], *gamma = xk_value(step, pass, XK_GAMMA);
    float *y = step->y;
    size_t rows = rows_of(step, pass->n), c = step->in.c;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1;

        xk_cpu_part(&r0, &r1, rows, omp_get_thread_num(), omp_get_num_threads());
        cpu->simd[XK_F32]->scale_rows(y + r0 * c, x + r0 * c, gamma, c, r1 - r0);
    }
    return 0;
}

static int scale_backward(struct xk_cpu *cpu, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0], *dy = step->dy[0],
                *gamma = xk_value(step, pass, XK_GAMMA);
    float *dx = step->dx[0];
    size_t rows = rows_of(step, pass->n), c = step->in.c, cp = xk_padded(c);
    int threads = 1;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * cp;

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, (int)t, omp_get_num_threads());
        cpu->simd[XK_F32]->dot_rows(mine, x + r0 * c, dy + r0 * c, c, r1 - r0);
        if (dx) /* behind the sums: it may be dy */
            cpu->simd[XK_F32]->scale_rows(dx + r0 * c, dy + r0 * c, gamma, c, r1 - r0);
    }
    add_sums(xk_grad(step, pass, XK_GAMMA), cpu->partial, c, cp, threads);
    return 0;
}

const struct xk_cpu_op xk_cpu_scale = {norm_prepare, NULL, scale_forward, scale_backward,
                                       false};

/* --- the bias of a convolution ----------------------------------------------------- */

void xk_cpu_bias_gradient(struct xk_cpu *cpu, struct xk_step *step,
                          const struct xk_pass *pass)
{
    enum xk_dtype t = step->node->dtype;
    float *db = xk_grad(step, pass, XK_BIAS);
    size_t c = step->node->out, cp = xk_padded(c);
    size_t rows = pass->n * step->node->shape.h * step->node->shape.w;
    int threads = 1;

    if (!db)
        return;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1;
        int me = omp_get_thread_num();
        double *mine = cpu->partial + (size_t)me * cp;

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, me, omp_get_num_threads());
        for (int k = 0; k < step->n_dy; k++)
            cpu->simd[t]->sum_rows(mine, xk_at(step->dy[k], t, r0 * c), c, r1 - r0);
    }
    add_sums(db, cpu->partial, c, cp, threads);
}
