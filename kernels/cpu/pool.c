/*
 * Pooling, gates, and the elementwise operations that fusing left over.
 */
#include "cpu.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static size_t count(const struct xk_step *step, size_t n)
{
    return n * step->node->shape.h * step->node->shape.w * step->node->shape.c;
}

/* --- activation, addition ---------------------------------------------------------- */

#define SPAN(total)                                                                      \
    size_t r0, r1;                                                                       \
    xk_cpu_part(&r0, &r1, (total), omp_get_thread_num(), omp_get_num_threads())

static int act_forward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd->act(step->y + r0, step->x[0] + r0, r1 - r0, step->node->act);
    }
    return 0;
}

static int act_backward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd->act_grad(step->dx[0] + r0, step->dy[0] + r0, step->x[0] + r0, r1 - r0,
                            step->node->act);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_act = {NULL, NULL, act_forward, act_backward};

static int add_forward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd->add(step->y + r0, step->x[0] + r0, step->x[1] + r0, r1 - r0);
    }
    return 0;
}

/* The plan hands an addition's gradient on as it is. */
const struct xk_cpu_op xk_cpu_add = {NULL, NULL, add_forward, NULL};

/* --- maximum ----------------------------------------------------------------------- */

/* The winner of each window is kept as ky * k + kx in a byte; the first in row order wins
 * ties. */
static int maxpool_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    (void)cpu;
    if (step->node->kernel > 15 || 2 * step->node->pad > step->node->kernel)
        return xr_fail(err, "max pooling over %zu pixels, padded by %zu",
                       step->node->kernel, step->node->pad);
    return 0;
}

/* Those pixels of a window that lie in the image. */
static void maxpool_pixel(float *y, uint8_t *winner, const struct xk_simd *simd,
                          const struct xk_step *step, size_t n, size_t oy, size_t ox)
{
    const struct xk_node *node = step->node;
    size_t c = step->in.c, h = step->in.h, w = step->in.w, k = node->kernel, n_taps = 0;
    const float *taps[15 * 15];
    uint8_t ids[15 * 15];

    for (size_t ky = 0; ky < k; ky++) {
        size_t iy = oy * node->stride + ky - node->pad_h;

        for (size_t kx = 0; kx < k && iy < h; kx++) { /* negative wraps to large */
            size_t ix = ox * node->stride + kx - node->pad_w;

            if (ix >= w)
                continue;
            taps[n_taps] = step->x[0] + ((n * h + iy) * w + ix) * c;
            ids[n_taps++] = (uint8_t)(ky * k + kx);
        }
    }
    simd->max_taps(y, winner, taps, ids, n_taps, c);
}

static int maxpool_forward(struct xk_cpu *cpu, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_shape s = step->node->shape;
    size_t rows = pass->n * s.h;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t ox = 0; ox < s.w; ox++)
            maxpool_pixel(step->y + (r * s.w + ox) * s.c,
                          (uint8_t *)step->saved + (r * s.w + ox) * s.c, cpu->simd, step,
                          r / s.h, r % s.h, ox);
    return 0;
}

static int maxpool_backward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct xk_shape s = node->shape;
    size_t c = s.c, h = step->in.h, w = step->in.w, k = node->kernel;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *dx = step->dx[0] + n * h * w * c;

        memset(dx, 0, h * w * c * sizeof *dx);
        for (size_t p = 0; p < s.h * s.w; p++) {
            const uint8_t *winner =
                (const uint8_t *)step->saved + (n * s.h * s.w + p) * c;
            const float *dy = step->dy[0] + (n * s.h * s.w + p) * c;

            for (size_t i = 0; i < c; i++) {
                size_t iy = p / s.w * node->stride + winner[i] / k - node->pad_h;
                size_t ix = p % s.w * node->stride + winner[i] % k - node->pad_w;

                if (winner[i] != 255)
                    dx[(iy * w + ix) * c + i] += dy[i];
            }
        }
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_maxpool = {maxpool_prepare, NULL, maxpool_forward,
                                         maxpool_backward};

/* --- mean over the image ----------------------------------------------------------- */

static int pool_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    return xk_cpu_partial(cpu, xk_padded(step->in.c), err) ||
                   xk_cpu_scratch(cpu, (size_t)cpu->n_threads * xk_padded(step->in.c),
                                  err)
               ? -1
               : 0;
}

static int gap_forward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        double *sum = cpu->partial + (size_t)omp_get_thread_num() * xk_padded(c);

        memset(sum, 0, xk_padded(c) * sizeof *sum);
        cpu->simd->sum_rows(sum, step->x[0] + n * pixels * c, c, pixels);
        for (size_t i = 0; i < c; i++)
            step->y[n * c + i] = (float)(sum[i] / (double)pixels);
    }
    return 0;
}

static int gap_backward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *v = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);

        for (size_t i = 0; i < c; i++)
            v[i] = step->dy[0][n * c + i] / (float)pixels;
        cpu->simd->fill_rows(step->dx[0] + n * pixels * c, v, c, pixels);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_gap = {pool_prepare, NULL, gap_forward, gap_backward};

/* --- gate -------------------------------------------------------------------------- */

static int gate_forward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *gate = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);

        cpu->simd->act(gate, step->x[1] + n * c, c, step->node->act);
        cpu->simd->scale_rows(step->y + n * pixels * c, step->x[0] + n * pixels * c, gate,
                              c, pixels);
    }
    return 0;
}

static int gate_backward(struct xk_cpu *cpu, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *gate = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);
        double *sum = cpu->partial + (size_t)omp_get_thread_num() * xk_padded(c);
        float *ds = step->dx[1] + n * c;
        size_t at = n * pixels * c;

        memset(sum, 0, xk_padded(c) * sizeof *sum);
        cpu->simd->dot_rows(sum, step->x[0] + at, step->dy[0] + at, c, pixels);
        for (size_t i = 0; i < c; i++)
            gate[i] = (float)sum[i];
        cpu->simd->act_grad(ds, gate, step->x[1] + n * c, c, step->node->act);
        cpu->simd->act(gate, step->x[1] + n * c, c, step->node->act);
        cpu->simd->scale_rows(step->dx[0] + at, step->dy[0] + at, gate, c, pixels);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_gate = {pool_prepare, NULL, gate_forward, gate_backward};
