/*
 * Linear layers, and convolutions whose one window is the whole image, as matrix
 * products: for the latter oneDNN would keep three copies of weights that are the largest
 * of their network (VGG's first fully connected layer: 411 MB).
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

bool xk_cpu_is_full(const struct xk_step *step)
{
    const struct xk_node *node = step->node;

    return node->op == XK_OP_CONV && node->groups == 1 && node->n_inputs == 1 &&
           node->param[XK_GAMMA] < 0 && node->kernel == step->in.h &&
           node->kernel == step->in.w && node->shape.h == 1 && node->shape.w == 1 &&
           node->pad_h == 0 && node->pad_w == 0;
}

static size_t image_floats(const struct xk_step *step)
{
    return step->in.h * step->in.w * step->in.c;
}

static int full_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    return xk_cpu_scratch(cpu, step->batch * image_floats(step), err) ||
                   xk_cpu_partial(cpu, xk_padded(step->node->out), err)
               ? -1
               : 0;
}

/* The input in the order of the weights: channel, row, column. */
static const float *input_chw(struct xk_cpu *cpu, const struct xk_step *step, size_t n)
{
    const float *x = step->x[0];
    float *to = cpu->scratch;
    size_t size = image_floats(step), pixels = step->in.h * step->in.w;

    if (pixels == 1)
        return x;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        xk_cpu_to_chw(to + i * size, x + i * size, pixels, step->in.c);
    return to;
}

static int full_forward(struct xk_cpu *cpu, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t out = step->node->out;
    const float *bias = xk_value(step, pass, XK_BIAS);
    float *y = step->y;

    for (size_t n = 0; n < pass->n && bias; n++)
        memcpy(y + n * out, bias, out * sizeof *bias);
    if (xk_dnn_gemm(y, input_chw(cpu, step, pass->n), xk_value(step, pass, XK_WEIGHT),
                    pass->n, out, image_floats(step), false, true, bias ? 1.0f : 0.0f,
                    err))
        return -1;
    if (step->node->act != XK_ACT_NONE)
        cpu->simd[XK_F32]->act(y, y, pass->n * out, step->node->act);
    return 0;
}

static int full_backward(struct xk_cpu *cpu, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    size_t out = step->node->out, size = image_floats(step),
           pixels = step->in.h * step->in.w;
    float *dw = xk_grad(step, pass, XK_WEIGHT), *dx = step->dx[0];
    float *chw = pixels == 1 ? dx : cpu->scratch;

    if (dw && xk_dnn_gemm(dw, step->dy[0], input_chw(cpu, step, pass->n), out, size,
                          pass->n, true, false, 1.0f, err))
        return -1;
    xk_cpu_bias_gradient(cpu, step, pass);
    if (!dx)
        return 0;
    if (xk_dnn_gemm(chw, step->dy[0], xk_value(step, pass, XK_WEIGHT), pass->n, size, out,
                    false, false, 0.0f, err))
        return -1;
    for (size_t n = 0; n < pass->n && chw != dx; n++)
        xk_cpu_to_hwc(dx + n * size, chw + n * size, pixels, step->in.c);
    return 0;
}

const struct xk_cpu_op xk_cpu_full = {full_prepare, NULL, full_forward, full_backward,
                                      false};
