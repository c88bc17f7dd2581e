/*
 * Batch normalisation with what is fused behind it: activation, drop path, addition.
 */
#include "cpu.h"
#include "rng.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct xk_cpu_bn_saved xk_cpu_bn_saved(const struct xk_step *bn)
{
    size_t c = xk_padded(bn->node->shape.c);
    float *s = bn->saved;

    return (struct xk_cpu_bn_saved){s,         s + c,     s + 2 * c, s + 3 * c,
                                    s + 4 * c, s + 5 * c, s + 6 * c, s + 7 * c};
}

enum xk_act xk_cpu_bn_pending_act(const struct xk_step *bn)
{
    bool taken = bn->node->applied_by >= 0 || bn->node->n_inputs == 2;

    return taken ? XK_ACT_NONE : bn->node->act;
}

static int bn_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    size_t c = xk_padded(step->node->shape.c);

    return xk_cpu_partial(cpu, 2 * c, err) || xk_cpu_scratch(cpu, c, err) ? -1 : 0;
}

struct xk_cpu_bn_dy xk_cpu_bn_dy(const struct xk_step *bn, void *const dy[XK_MAX_GRADS])
{
    struct xk_cpu_bn_dy d = {{dy[0], dy[1]}, NULL, NULL};

    if (bn->gated_by)
        d.mul = bn->gated_by->saved;
    if (bn->pooled_by)
        d.add = bn->pooled_by->saved;
    if (bn->pooled_by && !bn->gated_by)
        d.dy[0] = NULL; /* it stands for the pooled gradient, which is in add */
    return d;
}

/* Factors 0 or 1/(1-rate) for whole images, from (seed, step, name). */
static void drop_factors(float *factor, const struct xk_node *node,
                         const struct xk_pass *pass, size_t n)
{
    struct xr_rng rng;
    bool drop = node->rate > 0 && pass->mode == XK_TRAIN;

    xr_rng_init(&rng, pass->seed, pass->step, node->name, "drop");
    for (size_t i = 0; i < n; i++)
        factor[i] = drop ? xk_drop_factor(xr_rng_uniform(&rng), node->rate) : 1.0f;
}

/* Mean of a few rows: the point around which sums of squares do not cancel. */
static void rough_mean(float *center, const void *x, enum xk_dtype dtype, size_t c,
                       size_t rows)
{
    size_t n = rows < 16 ? rows : 16;

    memset(center, 0, c * sizeof *center);
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < c; i++)
            center[i] += xk_value_at(x, dtype, r * (rows / n) * c + i);
    for (size_t i = 0; i < c; i++)
        center[i] /= (float)n;
}

void xk_cpu_join(double *partial, size_t n, int threads)
{
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < n; i++)
            partial[i] += partial[(size_t)t * n + i];
}

void xk_cpu_bn_statistics(struct xk_step *bn, const struct xk_pass *pass,
                          const double *sum, const double *squares, const float *center,
                          size_t rows)
{
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(bn);
    const int *param = bn->node->param;
    float *running_mean = pass->running + bn->graph->params[param[XK_MEAN]].offset;
    float *running_var = pass->running + bn->graph->params[param[XK_VAR]].offset;
    float *count = pass->running + bn->graph->params[param[XK_COUNT]].offset;

    for (size_t i = 0; i < bn->node->shape.c; i++) {
        double m, var;

        xk_bn_moments(&m, &var, sum[i], squares[i], (double)center[i], (double)rows);
        s.mean[i] = (float)m;
        s.rstd[i] = xk_bn_rstd(var, (double)bn->node->eps);
        running_mean[i] = xk_bn_running(running_mean[i], m);
        running_var[i] = xk_bn_running(running_var[i], xk_bn_unbiased(var, (double)rows));
    }
    *count += 1.0f;
}

void xk_cpu_bn_factors(struct xk_step *bn, const struct xk_pass *pass)
{
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(bn);
    const float *gamma = xk_value(bn, pass, XK_GAMMA),
                *beta = xk_value(bn, pass, XK_BETA);
    const float *mean = xk_value(bn, pass, XK_MEAN), *var = xk_value(bn, pass, XK_VAR);

    for (size_t i = 0; i < bn->node->shape.c; i++) {
        if (pass->mode != XK_TRAIN) {
            s.mean[i] = mean[i];
            s.rstd[i] = xk_bn_rstd((double)var[i], (double)bn->node->eps);
        }
        s.scale[i] = gamma[i] * s.rstd[i];
        s.shift[i] = xk_bn_shift(beta[i], s.mean[i], s.scale[i]);
    }
}

void xk_cpu_bn_gradients(struct xk_step *bn, const struct xk_pass *pass,
                         const double *sum_g, const double *sum_gx, size_t rows)
{
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(bn);
    float *dgamma = xk_grad(bn, pass, XK_GAMMA), *dbeta = xk_grad(bn, pass, XK_BETA);

    for (size_t i = 0; i < bn->node->shape.c; i++) {
        if (dgamma) {
            dgamma[i] += (float)(sum_gx[i] * (double)s.rstd[i]);
            dbeta[i] += (float)sum_g[i];
        }
        xk_bn_slopes(&s.kg[i], &s.kx[i], &s.k1[i], sum_g[i], sum_gx[i], (double)rows,
                     s.scale[i], s.rstd[i], s.mean[i], pass->mode == XK_TRAIN);
    }
}

static void batch_statistics(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, size_t rows)
{
    size_t c = step->node->shape.c, cp = xk_padded(c);
    float *center = cpu->scratch;
    int threads = 1;

    rough_mean(center, step->x[0], step->in_dtype[0], c, rows);
#pragma omp parallel num_threads(cpu->n_threads)
    {
        int t = omp_get_thread_num();
        double *mine = cpu->partial + (size_t)t * 2 * cp;
        size_t r0, r1;

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, t, omp_get_num_threads());
        cpu->simd[step->node->dtype]->bn_stats(mine, mine + cp, step->x[0], center, c, r0,
                                               r1);
    }
    xk_cpu_join(cpu->partial, 2 * cp, threads);
    xk_cpu_bn_statistics(step, pass, cpu->partial, cpu->partial + cp, center, rows);
}

void xk_cpu_bn_apply(struct xk_cpu *cpu, const struct xk_step *step,
                     const struct xk_pass *pass, void *y)
{
    const struct xk_node *node = step->node;
    size_t rows = pass->n * node->shape.h * node->shape.w;
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step);
    struct xk_bn_args a = {.c = node->shape.c,
                           .rows_per_image = node->shape.h * node->shape.w,
                           .act = node->act,
                           .x = step->x[0],
                           .scale = s.scale,
                           .shift = s.shift,
                           .factor = node->rate > 0 ? s.factor : NULL,
                           .shortcut = step->x[1],
                           .y = y};

#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1;

        xk_cpu_part(&r0, &r1, rows, omp_get_thread_num(), omp_get_num_threads());
        cpu->simd[step->node->dtype]->bn_apply(&a, r0, r1);
    }
}

static int bn_forward(struct xk_cpu *cpu, struct xk_step *step,
                      const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;

    (void)err;
    if (pass->mode == XK_TRAIN && node->done_by < 0)
        batch_statistics(cpu, step, pass, pass->n * node->shape.h * node->shape.w);
    xk_cpu_bn_factors(step, pass);
    if (node->hidden)
        return 0;
    drop_factors(xk_cpu_bn_saved(step).factor, node, pass, pass->n);
    xk_cpu_bn_apply(cpu, step, pass, step->y);
    return 0;
}

/* The sums over all rows, and what follows from them. */
static void reduce(struct xk_cpu *cpu, struct xk_step *step, const struct xk_pass *pass,
                   const struct xk_bn_args *a, size_t rows)
{
    size_t cp = xk_padded(a->c);
    int threads = 1;

#pragma omp parallel num_threads(cpu->n_threads)
    {
        int t = omp_get_thread_num();
        double *mine = cpu->partial + (size_t)t * 2 * cp;
        size_t r0, r1;

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, rows, t, omp_get_num_threads());
        if (pass->mode == XK_TRAIN || a->g)
            cpu->simd[step->node->dtype]->bn_reduce(mine, mine + cp, a, r0, r1);
    }
    xk_cpu_join(cpu->partial, 2 * cp, threads);
    xk_cpu_bn_gradients(step, pass, cpu->partial, cpu->partial + cp, rows);
}

/*
 * The sums of a batch norm whose output was gated or pooled, from those that the gate or
 * the pool has taken of each image: the gradient behind the activation is dy * factor +
 * add there, so that sums of dy and of the slope alone are enough.
 */
static void join_pooled(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass)
{
    size_t c = step->node->shape.c, cp = xk_padded(c);
    size_t one = step->batch * cp, pixels = step->node->shape.h * step->node->shape.w;
    const float *gate = step->gated_by ? step->gated_by->saved : NULL;
    const float *add = step->pooled_by ? step->pooled_by->saved : NULL;
    const float *slopes = gate ? gate + 4 * one : add + one;
    double *sum_g = cpu->partial, *sum_gx = cpu->partial + cp;

    memset(cpu->partial, 0, 2 * cp * sizeof *cpu->partial);
    for (size_t n = 0; n < pass->n; n++)
        for (size_t i = 0; i < c; i++) {
            size_t at = n * cp + i;
            double f = gate ? (double)gate[at] : 0, p = add ? (double)add[at] : 0;

            if (gate) {
                sum_g[i] += f * (double)gate[2 * one + at];
                sum_gx[i] += f * (double)gate[3 * one + at];
            }
            sum_g[i] += p * (double)slopes[at];
            sum_gx[i] += p * (double)slopes[one + at];
        }
    xk_cpu_bn_gradients(step, pass, sum_g, sum_gx, pass->n * pixels);
}

static int bn_backward(struct xk_cpu *cpu, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    size_t rows = pass->n * node->shape.h * node->shape.w;
    struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step);
    bool masked = step->g && step->g != step->dy[0];
    struct xk_bn_args a = {.c = node->shape.c,
                           .rows_per_image = node->shape.h * node->shape.w,
                           .act = node->act,
                           .x = step->x[0],
                           .scale = s.scale,
                           .shift = s.shift,
                           .factor = node->rate > 0 ? s.factor : NULL,
                           .y = node->n_inputs == 2 ? step->y : NULL,
                           .dy = {step->dy[0], step->dy[1]},
                           .mean = s.mean,
                           .dx = step->dx[0],
                           .kg = s.kg,
                           .kx = s.kx,
                           .k1 = s.k1};

    (void)err;
    /* in place too, when there is something to mask or to add */
    if (step->g && (masked || node->act != XK_ACT_NONE || step->n_dy > 1))
        a.g = step->g;
    if (node->applied_by >= 0)
        a.act = XK_ACT_NONE; /* masked and summed by the convolution */
    else if (node->hidden)
        join_pooled(cpu, step, pass);
    else
        reduce(cpu, step, pass, &a, rows);
    if (!a.dx)
        return 0;
    if (a.g) { /* masked and summed already */
        a.dy[0] = a.g;
        a.dy[1] = NULL;
        a.act = XK_ACT_NONE;
    }
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1;

        xk_cpu_part(&r0, &r1, rows, omp_get_thread_num(), omp_get_num_threads());
        cpu->simd[step->node->dtype]->bn_backward(&a, r0, r1);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_bn = {bn_prepare, NULL, bn_forward, bn_backward, true};

/* --- drop path that was not fused, dropout ----------------------------------------- */

static int drop_path_forward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    size_t per_image = node->shape.h * node->shape.w * node->shape.c;
    const float *x = step->x[0];
    float *y = step->y;

    (void)err;
    drop_factors(step->saved, node, pass, pass->n);
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++)
        for (size_t i = 0; i < per_image; i++)
            y[n * per_image + i] = x[n * per_image + i] * step->saved[n];
    return 0;
}

static int drop_path_backward(struct xk_cpu *cpu, struct xk_step *step,
                              const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    size_t per_image = node->shape.h * node->shape.w * node->shape.c;
    const float *dy = step->dy[0];
    float *dx = step->dx[0];

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++)
        for (size_t i = 0; i < per_image; i++)
            dx[n * per_image + i] = dy[n * per_image + i] * step->saved[n];
    return 0;
}

const struct xk_cpu_op xk_cpu_drop_path = {NULL, NULL, drop_path_forward,
                                           drop_path_backward, false};

static int dropout_forward(struct xk_cpu *cpu, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    size_t count = pass->n * node->shape.h * node->shape.w * node->shape.c;
    const float *x = step->x[0];
    float *y = step->y;

    (void)cpu;
    (void)err;
    drop_factors(step->saved, node, pass, count);
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * step->saved[i];
    return 0;
}

static int dropout_backward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    size_t count = pass->n * node->shape.h * node->shape.w * node->shape.c;
    const float *dy = step->dy[0];
    float *dx = step->dx[0];

    (void)cpu;
    (void)err;
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * step->saved[i];
    return 0;
}

const struct xk_cpu_op xk_cpu_dropout = {NULL, NULL, dropout_forward, dropout_backward,
                                         false};
