/*
 * Convolutions through oneDNN, dense and grouped, and folding what is behind one.
 */
#include "cpu.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

void xk_cpu_fold(float *weights, float *bias, const struct xk_step *step,
                 const struct xk_pass *pass, size_t per_out)
{
    const float *w = xk_value(step, pass, XK_WEIGHT), *b = xk_value(step, pass, XK_BIAS);
    const float *gamma = xk_value(step, pass, XK_GAMMA),
                *beta = xk_value(step, pass, XK_BETA);
    const float *mean = xk_value(step, pass, XK_MEAN),
                *var = xk_value(step, pass, XK_VAR);

#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < step->node->out; o++) {
        double scale, shift;

        xk_fold(&scale, &shift, b ? b + o : NULL, gamma ? gamma + o : NULL,
                beta ? beta + o : NULL, mean ? mean + o : NULL, var ? var + o : NULL,
                step->node->eps);
        for (size_t i = 0; i < per_out && weights; i++)
            weights[o * per_out + i] = (float)((double)w[o * per_out + i] * scale);
        bias[o] = (float)shift;
    }
}

/* --- dense ------------------------------------------------------------------------- */

/* Primitives are made for a batch size, when a batch of that size comes: the planned one
 * and the last other one stay. */
enum {
    N_SIZES = 2
};

struct dense {
    struct xk_dnn_conv *conv[N_SIZES];
    size_t n[N_SIZES];
    uint64_t forward_version[N_SIZES];
    float *bias; /* the convolution's own or a fused batch norm's */
};

static size_t per_out(const struct xk_step *step)
{
    return step->in.c / step->node->groups * step->node->kernel * step->node->kernel;
}

static int dense_open(struct xk_cpu *cpu, struct xk_step *step, int slot, size_t n,
                      struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct dense *d = step->impl;
    struct xk_dnn_conv_spec spec = {.n = n,
                                    .h = step->in.h,
                                    .w = step->in.w,
                                    .c = step->in.c,
                                    .oh = node->shape.h,
                                    .ow = node->shape.w,
                                    .oc = node->out,
                                    .k = node->kernel,
                                    .stride = node->stride,
                                    .pad_h = node->pad_h,
                                    .pad_w = node->pad_w,
                                    .groups = node->groups,
                                    .bias = d->bias != NULL,
                                    .sum = node->n_inputs == 2,
                                    .act = node->act,
                                    .backward = step->backward,
                                    .data = step->dx[0] != NULL,
                                    .dtype = node->dtype};

    if (d->n[slot] == n)
        return 0;
    xk_dnn_conv_close(d->conv[slot]);
    d->conv[slot] = NULL;
    d->n[slot] = 0;
    if (xk_dnn_conv_open(&d->conv[slot], cpu->dnn, &spec, err))
        return -1;
    d->n[slot] = n;
    d->forward_version[slot] = 0;
    return 0;
}

static int dense_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    struct dense *d = xk_cpu_take(cpu, 1, sizeof *d, err);

    step->impl = d;
    if (!d)
        return -1;
    if (xk_cpu_partial(cpu, xk_padded(step->node->out), err))
        return -1;
    if (step->node->param[XK_GAMMA] < 0 && step->node->param[XK_BIAS] < 0)
        return 0;
    d->bias = xk_cpu_take(cpu, step->node->out, sizeof *d->bias, err);
    return !d->bias || xk_cpu_scratch(cpu, step->node->out * per_out(step), err) ? -1 : 0;
}

static void dense_release(struct xk_step *step)
{
    struct dense *d = step->impl;

    for (int i = 0; i < N_SIZES; i++)
        xk_dnn_conv_close(d->conv[i]);
}

static int slot_of(const struct xk_step *step, const struct xk_pass *pass)
{
    return pass->n == step->batch ? 0 : 1;
}

static int dense_forward(struct xk_cpu *cpu, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    struct dense *d = step->impl;
    int slot = slot_of(step, pass);
    const float *w = xk_value(step, pass, XK_WEIGHT);

    if (dense_open(cpu, step, slot, pass->n, err))
        return -1;
    if (d->forward_version[slot] != pass->version) {
        if (d->bias) {
            xk_cpu_fold(cpu->scratch, d->bias, step, pass, per_out(step));
            w = cpu->scratch;
        }
        if (xk_dnn_conv_weights(d->conv[slot], w, err))
            return -1;
        d->forward_version[slot] = pass->version;
    }
    if (step->node->n_inputs == 2 && step->y != step->x[1])
        memcpy(step->y, step->x[1],
               pass->n * step->node->shape.h * step->node->shape.w * step->node->out *
                   xk_dtype_size(step->node->dtype));
    return xk_dnn_conv_forward(d->conv[slot], step->y, step->x[0], d->bias, err);
}

static int dense_backward(struct xk_cpu *cpu, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    struct dense *d = step->impl;
    int slot = slot_of(step, pass);

    xk_cpu_bias_gradient(cpu, step, pass);
    if (pass->grads &&
        xk_dnn_conv_backward_weights(d->conv[slot], xk_grad(step, pass, XK_WEIGHT),
                                     step->x[0], step->dy[0], err))
        return -1;
    if (!step->dx[0])
        return 0;
    return xk_dnn_conv_backward_data(d->conv[slot], step->dx[0], step->dy[0],
                                     xk_value(step, pass, XK_WEIGHT), err);
}

const struct xk_cpu_op xk_cpu_conv = {dense_prepare, dense_release, dense_forward,
                                      dense_backward, true};
