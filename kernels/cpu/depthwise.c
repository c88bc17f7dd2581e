/*
 * Depthwise convolutions by own kernels, with the batch norms on both sides of them.
 */
#include "cpu.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct depthwise {
    uint64_t version;
    float *weights; /* [k*k][padded c] */
    float *folded, *bias;
    size_t scratch; /* floats a thread */
};

static size_t window(const struct xk_step *step)
{
    return step->node->kernel * step->node->kernel;
}

static struct xk_dw_args geometry(const struct xk_step *step)
{
    const struct xk_node *node = step->node;

    return (struct xk_dw_args){.c = step->in.c,
                               .h = step->in.h,
                               .w = step->in.w,
                               .oh = node->shape.h,
                               .ow = node->shape.w,
                               .k = node->kernel,
                               .stride = node->stride,
                               .pad_h = node->pad_h,
                               .pad_w = node->pad_w,
                               .act_out = node->act,
                               .x = step->x[0],
                               .y = step->y};
}

static int depthwise_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    size_t cp = xk_padded(step->in.c), k2 = window(step);
    struct xk_dw_args a = geometry(step);
    struct depthwise *d = xk_cpu_take(cpu, 1, sizeof *d, err);

    step->impl = d;
    if (!d)
        return -1;
    d->scratch = xk_padded(xk_dw_scratch(&a));
    d->weights = xk_cpu_take(cpu, cp * k2, sizeof *d->weights, err);
    d->folded = xk_cpu_take(cpu, cp * k2, sizeof *d->folded, err);
    d->bias = xk_cpu_take(cpu, cp, sizeof *d->bias, err);
    if (!d->weights || !d->folded || !d->bias ||
        xk_cpu_scratch(cpu, cp + (size_t)cpu->n_threads * d->scratch, err))
        return -1;
    return xk_cpu_partial(cpu, (2 + k2) * cp, err);
}

/* Geometry, weights of this version, and the batch norm before. */
static struct xk_dw_args arguments(const struct xk_step *step, const struct xk_pass *pass)
{
    struct xk_dw_args a = geometry(step);
    struct depthwise *d = step->impl;
    size_t cp = xk_padded(a.c), k2 = window(step);

    if (d->version != pass->version) {
        xk_cpu_fold(d->folded, d->bias, step, pass, k2);
        for (size_t i = 0; i < a.c; i++)
            for (size_t k = 0; k < k2; k++)
                d->weights[k * cp + i] = d->folded[i * k2 + k];
        d->version = pass->version;
    }
    a.weights = d->weights;
    if (step->node->param[XK_GAMMA] >= 0 || step->node->param[XK_BIAS] >= 0)
        a.bias = d->bias;
    if (step->pre) {
        struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step->pre);

        a.scale = s.scale;
        a.shift = s.shift;
        a.mean = s.mean;
        a.act_in = step->pre->node->act;
    }
    return a;
}

static int depthwise_forward(struct xk_cpu *cpu, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_dw_args a = arguments(step, pass);
    struct depthwise *d = step->impl;
    size_t cp = xk_padded(a.c);
    bool sums = step->post && pass->mode == XK_TRAIN;
    float *center = cpu->scratch, *scratch = cpu->scratch + cp;
    int threads = 1;

    (void)err;
    if (sums) { /* the running mean is near: squares around it do not cancel */
        memcpy(center, xk_value(step->post, pass, XK_MEAN), a.c * sizeof *center);
        a.center = center;
    }
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * cp;
        struct xk_dw_sums s = {.sum = mine, .squares = mine + cp};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * cp * sizeof *mine);
        xk_cpu_part(&r0, &r1, pass->n * a.oh, (int)t, omp_get_num_threads());
        cpu->simd[step->node->dtype]->dw_forward(&a, &s, scratch + t * d->scratch, r0,
                                                 r1);
    }
    if (sums) {
        xk_cpu_join(cpu->partial, 2 * cp, threads);
        xk_cpu_bn_statistics(step->post, pass, cpu->partial, cpu->partial + cp, center,
                             pass->n * a.oh * a.ow);
    }
    return 0;
}

static int depthwise_backward(struct xk_cpu *cpu, struct xk_step *step,
                              const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_dw_args a = arguments(step, pass);
    struct depthwise *d = step->impl;
    size_t cp = xk_padded(a.c), k2 = window(step), size = (2 + k2) * cp;
    float *dw = xk_grad(step, pass, XK_WEIGHT), *scratch = cpu->scratch + cp;
    int threads = 1;

    (void)err;
    xk_cpu_bias_gradient(cpu, step, pass);
    a.dy[0] = step->dy[0];
    a.dy[1] = step->dy[1];
    a.dx = step->dx[0];
    if (step->post) {
        struct xk_cpu_bn_saved s = xk_cpu_bn_saved(step->post);
        struct xk_cpu_bn_dy dy = xk_cpu_bn_dy(step->post, step->dy);

        a.dy[0] = dy.dy[0];
        a.dy[1] = dy.dy[1];
        a.dy_mul = dy.mul;
        a.dy_add = dy.add;
        a.post_scale = s.scale;
        a.post_shift = s.shift;
        a.kg = s.kg;
        a.kx = s.kx;
        a.k1 = s.k1;
        a.post_act = xk_cpu_bn_pending_act(step->post);
    }
#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t r0, r1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * size;
        struct xk_dw_sums s = {mine, mine + cp, dw ? mine + 2 * cp : NULL};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, size * sizeof *mine);
        xk_cpu_part(&r0, &r1, pass->n * a.h, (int)t, omp_get_num_threads());
        cpu->simd[step->node->dtype]->dw_backward(&a, &s, scratch + t * d->scratch, r0,
                                                  r1);
    }
    xk_cpu_join(cpu->partial, size, threads);
    for (size_t i = 0; dw && i < a.c; i++)
        for (size_t k = 0; k < k2; k++)
            dw[i * k2 + k] += (float)cpu->partial[(2 + k) * cp + i];
    if (step->pre)
        xk_cpu_bn_gradients(step->pre, pass, cpu->partial, cpu->partial + cp,
                            pass->n * a.h * a.w);
    return 0;
}

const struct xk_cpu_op xk_cpu_depthwise = {depthwise_prepare, NULL, depthwise_forward,
                                           depthwise_backward, true};
