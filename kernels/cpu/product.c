/*
 * What pointwise and Winograd's convolutions share: memory, the batch norms on both
 * sides, and passes of their kernels over rows or tiles on all threads.
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

struct xk_pw_args xk_cpu_product_args(const struct xk_step *step)
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

bool xk_cpu_product_folds(const struct xk_step *step)
{
    return step->node->param[XK_GAMMA] >= 0 || step->node->param[XK_BIAS] >= 0;
}

/* --- memory ------------------------------------------------------------------------ */

static size_t panels(const struct xk_simd *simd, size_t cols)
{
    return (cols + simd->pw_panel - 1) / simd->pw_panel;
}

size_t xk_cpu_product_units(const struct xk_simd *simd, size_t inner, size_t cols)
{
    size_t unit = simd->dtype == XK_BF16 ? 2 : 1;

    return panels(simd, cols) * simd->pw_panel * ((inner + unit - 1) / unit);
}

void xk_cpu_product_pack(const struct xk_cpu *cpu, const struct xk_simd *simd,
                         int32_t *to, const float *w, size_t inner, size_t inner_step,
                         size_t cols, size_t col_step)
{
    size_t n = panels(simd, cols);

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        simd->pw_pack(to, w, inner, inner_step, cols, col_step, i);
}

int xk_cpu_product_prepare(struct xk_cpu *cpu, struct xk_step *step, size_t places,
                           size_t scratch, struct xr_err *err)
{
    const struct xk_simd *simd = cpu->simd[step->node->dtype];
    struct xk_pw_args a = xk_cpu_product_args(step);
    size_t out = xk_padded(a.out), in = xk_padded(a.in), threads = (size_t)cpu->n_threads;
    struct xk_cpu_product *p = xk_cpu_take(cpu, 1, sizeof *p, err);

    step->impl = p;
    if (!p)
        return -1;
    p->scratch = scratch;
    p->weights = xk_cpu_take(cpu, places * xk_cpu_product_units(simd, a.in, a.out),
                             sizeof *p->weights, err);
    p->bias = xk_cpu_take(cpu, out, sizeof *p->bias, err);
    if (!p->weights || !p->bias)
        return -1;
    if (step->backward) {
        p->dw_floats = places * simd->pw_dw_rows(&a) * simd->pw_dw_cols(&a);
        p->weights_back =
            xk_cpu_take(cpu, places * xk_cpu_product_units(simd, a.out, a.in),
                        sizeof *p->weights_back, err);
        if (!p->weights_back)
            return -1;
    }
    if (xk_cpu_scratch(cpu, out + threads * (scratch / sizeof(float) + p->dw_floats),
                       err))
        return -1;
    return xk_cpu_partial(cpu, 2 * (out > in ? out : in), err);
}

/* --- batch norms ------------------------------------------------------------------- */

/* The one (and the gate) that is applied to x on loading. */
static void set_pre(struct xk_pw_args *a, const struct xk_step *step)
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

/* dy, and the gradient of the one behind, applied to it on loading. */
static void set_post(struct xk_pw_args *a, const struct xk_step *step)
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

/* --- passes ------------------------------------------------------------------------ */

/* All units, a contiguous part a thread. Returns the threads that took part, whose sums
 * of n channels are in cpu->partial and whose gradients of weights are in `parts`. */
static int run(const struct xk_cpu *cpu, const struct xk_cpu_product *p,
               xk_product_pass *pass, const struct xk_pw_args *a, size_t units, size_t n,
               float *parts, char *scratch)
{
    int threads = 1;

#pragma omp parallel num_threads(cpu->n_threads)
    {
        size_t u0, u1, t = (size_t)omp_get_thread_num();
        double *mine = cpu->partial + t * 2 * n;
        struct xk_pw_sums s = {mine, mine + n, parts ? parts + t * p->dw_floats : NULL};

#pragma omp single nowait
        threads = omp_get_num_threads();
        memset(mine, 0, 2 * n * sizeof *mine);
        if (parts)
            memset(s.dw, 0, p->dw_floats * sizeof *s.dw);
        xk_cpu_part(&u0, &u1, units, (int)t, omp_get_num_threads());
        pass(a, &s, scratch + t * p->scratch, u0, u1);
    }
    return threads;
}

void xk_cpu_product_forward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, xk_product_pass *kernel,
                            size_t units, size_t first, size_t pixels)
{
    struct xk_cpu_product *p = step->impl;
    struct xk_pw_args a = xk_cpu_product_args(step);
    size_t cp = xk_padded(a.out);
    float *center = cpu->scratch;
    char *scratch = (char *)(center + cp);
    int threads;

    a.weights = p->weights;
    if (xk_cpu_product_folds(step))
        a.bias = p->bias;
    if (step->node->n_inputs == 2)
        a.shortcut = step->x[1];
    set_pre(&a, step);
    if (!step->post || pass->mode != XK_TRAIN) {
        (void)run(cpu, p, kernel, &a, units, cp, NULL, scratch);
        return;
    }
    /* the mean of a few pixels is near: squares around it do not cancel */
    memset(center, 0, cp * sizeof *center);
    memset(cpu->partial, 0, 2 * cp * sizeof *cpu->partial);
    a.center = center;
    kernel(&a, &(struct xk_pw_sums){cpu->partial, cpu->partial + cp, NULL}, scratch, 0,
           first);
    for (size_t i = 0; i < a.out; i++)
        center[i] = (float)(cpu->partial[i] / (double)pixels);
    threads = run(cpu, p, kernel, &a, units, cp, NULL, scratch);
    xk_cpu_join(cpu->partial, 2 * cp, threads);
    xk_cpu_bn_statistics(step->post, pass, cpu->partial, cpu->partial + cp, center,
                         pass->n * a.per_image);
}

float *xk_cpu_product_backward(struct xk_cpu *cpu, struct xk_step *step,
                               const struct xk_pass *pass, xk_product_pass *kernel,
                               size_t units, int *threads)
{
    struct xk_cpu_product *p = step->impl;
    struct xk_pw_args a = xk_cpu_product_args(step);
    size_t cp = xk_padded(a.in);
    float *room = cpu->scratch + xk_padded(a.out);
    float *parts = xk_grad(step, pass, XK_WEIGHT) ? room : NULL;

    xk_cpu_bias_gradient(cpu, step, pass);
    a.dx = step->dx[0];
    a.weights_back = p->weights_back;
    set_pre(&a, step);
    set_post(&a, step);
    *threads = run(cpu, p, kernel, &a, units, cp, parts,
                   (char *)(room + (size_t)cpu->n_threads * p->dw_floats));
    if (step->pre && !step->gate) {
        xk_cpu_join(cpu->partial, 2 * cp, *threads);
        xk_cpu_bn_gradients(step->pre, pass, cpu->partial, cpu->partial + cp,
                            pass->n * a.in_h * a.in_w);
    }
    return parts;
}
