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
    enum xk_dtype t = step->node->dtype;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd[t]->act(xk_at(step->y, t, r0), xk_at(step->x[0], t, r0), r1 - r0,
                          step->node->act);
    }
    return 0;
}

static int act_backward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);
    enum xk_dtype t = step->node->dtype;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd[t]->act_grad(xk_at(step->dx[0], t, r0), xk_at(step->dy[0], t, r0),
                               xk_at(step->x[0], t, r0), r1 - r0, step->node->act);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_act = {NULL, NULL, act_forward, act_backward, true};

static int add_forward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);
    enum xk_dtype t = step->node->dtype;

    (void)err;
#pragma omp parallel num_threads(cpu->n_threads)
    {
        SPAN(n);
        cpu->simd[t]->add(xk_at(step->y, t, r0), xk_at(step->x[0], t, r0),
                          xk_at(step->x[1], t, r0), r1 - r0);
    }
    return 0;
}

/* The plan hands an addition's gradient on as it is. */
const struct xk_cpu_op xk_cpu_add = {NULL, NULL, add_forward, NULL, true};

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
static void maxpool_pixel(void *y, uint8_t *winner, const struct xk_simd *simd,
                          const struct xk_step *step, size_t n, size_t oy, size_t ox)
{
    const struct xk_node *node = step->node;
    size_t c = step->in.c, h = step->in.h, w = step->in.w, k = node->kernel, n_taps = 0;
    const void *taps[15 * 15];
    uint8_t ids[15 * 15];

    for (size_t ky = 0; ky < k; ky++) {
        size_t iy = oy * node->stride + ky - node->pad_h;

        for (size_t kx = 0; kx < k && iy < h; kx++) { /* negative wraps to large */
            size_t ix = ox * node->stride + kx - node->pad_w;

            if (ix >= w)
                continue;
            taps[n_taps] = xk_at(step->x[0], node->dtype, ((n * h + iy) * w + ix) * c);
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
            maxpool_pixel(xk_at(step->y, step->node->dtype, (r * s.w + ox) * s.c),
                          (uint8_t *)step->saved + (r * s.w + ox) * s.c,
                          cpu->simd[step->node->dtype], step, r / s.h, r % s.h, ox);
    return 0;
}

/* A pixel's gradient, from the windows over it. */
static void maxpool_back_pixel(void *dx, const struct xk_simd *simd,
                               const struct xk_step *step, size_t n, size_t iy, size_t ix)
{
    const struct xk_node *node = step->node;
    size_t k = node->kernel, stride = node->stride, n_taps = 0;
    size_t y = iy + node->pad_h, x = ix + node->pad_w;
    struct xk_max_tap taps[15 * 15];

    for (size_t oy = y < k ? 0 : (y - k) / stride + 1;
         oy <= y / stride && oy < node->shape.h; oy++)
        for (size_t ox = x < k ? 0 : (x - k) / stride + 1;
             ox <= x / stride && ox < node->shape.w; ox++) {
            size_t p = ((n * node->shape.h + oy) * node->shape.w + ox) * node->shape.c;

            taps[n_taps++] = (struct xk_max_tap){
                (const uint8_t *)step->saved + p, xk_at(step->dy[0], node->dtype, p),
                (uint8_t)((y - oy * stride) * k + x - ox * stride)};
        }
    simd->max_back(dx, taps, n_taps, node->shape.c);
}

static int maxpool_backward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    size_t h = step->in.h, w = step->in.w, rows = pass->n * h;
    enum xk_dtype t = step->node->dtype;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t ix = 0; ix < w; ix++)
            maxpool_back_pixel(xk_at(step->dx[0], t, (r * w + ix) * step->in.c),
                               cpu->simd[t], step, r / h, r % h, ix);
    return 0;
}

const struct xk_cpu_op xk_cpu_maxpool = {maxpool_prepare, NULL, maxpool_forward,
                                         maxpool_backward, true};

/* --- mean over the image ----------------------------------------------------------- */

static int pool_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    return xk_cpu_partial(cpu, xk_padded(step->in.c), err) ||
                   xk_cpu_scratch(cpu, (size_t)cpu->n_threads * 5 * xk_padded(step->in.c),
                                  err)
               ? -1
               : 0;
}

static int gap_forward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;
    enum xk_dtype t = step->in_dtype[0];
    float *y = step->y; /* of either type, but always pooled to float32 */

    struct xk_cpu_bn_saved s = {0};

    (void)err;
    if (step->pre)
        s = xk_cpu_bn_saved(step->pre);
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        double *sum = cpu->partial + (size_t)omp_get_thread_num() * xk_padded(c);
        const void *x = xk_at(step->x[0], t, n * pixels * c);

        memset(sum, 0, xk_padded(c) * sizeof *sum);
        if (step->pre)
            cpu->simd[t]->sum_act_rows(sum, x, s.scale, s.shift, step->pre->node->act, c,
                                       pixels);
        else
            cpu->simd[t]->sum_rows(sum, x, c, pixels);
        for (size_t i = 0; i < c; i++)
            y[n * c + i] = (float)(sum[i] / (double)pixels);
    }
    return 0;
}

/* Before a hidden batch norm: the gradient of a pixel, and the sums of its slope where no
 * gate takes them. */
static int gap_backward_hidden(struct xk_cpu *cpu, struct xk_step *step,
                               const struct xk_pass *pass)
{
    size_t c = step->in.c, cp = xk_padded(c), pixels = step->in.h * step->in.w;
    size_t one = step->batch * cp;
    enum xk_dtype t = step->in_dtype[0];
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step->pre);
    const float *dy = step->dy[0];
    bool alone = !step->pre->gated_by;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *add = step->saved + n * cp;

        for (size_t i = 0; i < c; i++)
            add[i] = dy[n * c + i] / (float)pixels;
        if (alone) {
            float *sums = cpu->scratch + (size_t)omp_get_thread_num() * 5 * cp;

            cpu->simd[t]->gate_sums(sums, cp, xk_at(step->x[0], t, n * pixels * c), NULL,
                                    s.scale, s.shift, s.mean, step->pre->node->act, c,
                                    pixels);
            memcpy(add + one, sums + 3 * cp, cp * sizeof *sums);
            memcpy(add + 2 * one, sums + 4 * cp, cp * sizeof *sums);
        }
    }
    return 0;
}

static int gap_backward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;
    enum xk_dtype t = step->in_dtype[0];
    const float *dy = step->dy[0];

    (void)err;
    if (step->pre)
        return gap_backward_hidden(cpu, step, pass);
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *v = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);

        for (size_t i = 0; i < c; i++)
            v[i] = dy[n * c + i] / (float)pixels;
        cpu->simd[t]->fill_rows(xk_at(step->dx[0], t, n * pixels * c), v, c, pixels);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_gap = {pool_prepare, NULL, gap_forward, gap_backward, true};

/* --- gate -------------------------------------------------------------------------- */

static int gate_forward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;
    enum xk_dtype t = step->in_dtype[0];
    const float *x1 = step->x[1];

    (void)err;
    if (step->node->hidden) { /* the factors alone: the convolution behind takes them */
        for (size_t n = 0; n < pass->n; n++)
            cpu->simd[XK_F32]->act(step->saved + n * xk_padded(c), x1 + n * c, c,
                                   step->node->act);
        return 0;
    }
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *gate = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);

        cpu->simd[XK_F32]->act(gate, x1 + n * c, c, step->node->act);
        cpu->simd[t]->scale_rows(xk_at(step->y, t, n * pixels * c),
                                 xk_at(step->x[0], t, n * pixels * c), gate, c, pixels);
    }
    return 0;
}

/* Behind a hidden batch norm: the gradient of the factors, and sums for the batch norm.
 */
static int gate_backward_hidden(struct xk_cpu *cpu, struct xk_step *step,
                                const struct xk_pass *pass)
{
    size_t c = step->in.c, cp = xk_padded(c), pixels = step->in.h * step->in.w;
    size_t one = step->batch * cp;
    enum xk_dtype t = step->in_dtype[0];
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step->pre);
    const float *x1 = step->x[1];
    float *dx1 = step->dx[1];

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *sums = step->saved + one + n * cp;
        size_t at = n * pixels * c;

        cpu->simd[t]->gate_sums(sums, one, xk_at(step->x[0], t, at),
                                xk_at(step->dy[0], t, at), s.scale, s.shift, s.mean,
                                step->pre->node->act, c, pixels);
        cpu->simd[XK_F32]->act_grad(dx1 + n * c, sums, x1 + n * c, c, step->node->act);
    }
    return 0;
}

static int gate_backward(struct xk_cpu *cpu, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->in.c, pixels = step->in.h * step->in.w;
    enum xk_dtype t = step->in_dtype[0];
    const float *x1 = step->x[1];
    float *dx1 = step->dx[1];

    (void)err;
    if (step->pre)
        return gate_backward_hidden(cpu, step, pass);
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        float *gate = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);
        double *sum = cpu->partial + (size_t)omp_get_thread_num() * xk_padded(c);
        float *ds = dx1 + n * c;
        size_t at = n * pixels * c;

        memset(sum, 0, xk_padded(c) * sizeof *sum);
        cpu->simd[t]->dot_rows(sum, xk_at(step->x[0], t, at), xk_at(step->dy[0], t, at),
                               c, pixels);
        for (size_t i = 0; i < c; i++)
            gate[i] = (float)sum[i];
        cpu->simd[XK_F32]->act_grad(ds, gate, x1 + n * c, c, step->node->act);
        cpu->simd[XK_F32]->act(gate, x1 + n * c, c, step->node->act);
        cpu->simd[t]->scale_rows(xk_at(step->dx[0], t, at), xk_at(step->dy[0], t, at),
                                 gate, c, pixels);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_gate = {pool_prepare, NULL, gate_forward, gate_backward,
                                      true};
