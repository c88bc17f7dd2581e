/*
 * The operations of the graph but convolutions: each a few kernels.
 */
#include "cuda.h"
#include "geometry.h"

#include <stdlib.h>
#include <string.h>

struct xk_cu_window xk_cuda_window(const struct xk_step *step, size_t n)
{
    const struct xk_node *node = step->node;

    return (struct xk_cu_window){n,
                                 step->in.h,
                                 step->in.w,
                                 step->in.c,
                                 node->shape.h,
                                 node->shape.w,
                                 node->kernel,
                                 node->stride,
                                 node->pad_h,
                                 node->pad_w};
}

static size_t count(const struct xk_step *step, size_t n)
{
    return n * step->node->shape.h * step->node->shape.w * step->node->shape.c;
}

static size_t pixels(const struct xk_step *step)
{
    return step->in.h * step->in.w;
}

/* Room for sums over rows of two values a channel. */
static float *sums(struct xk_cuda *cuda, size_t rows, size_t c, struct xr_err *err)
{
    return xk_cuda_scratch(cuda, xk_columns_floats(rows, c, 2) * sizeof(float), err);
}

/* --- batch norm -------------------------------------------------------------------- */

static int bn_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    const struct xk_node *node = step->node;

    if (node->hidden || node->done_by >= 0 || step->in_dtype[0] != node->dtype ||
        (node->n_inputs == 2 && step->in_dtype[1] != node->dtype))
        return xr_fail(err, "a batch norm that the device does not know");
    return node->rate > 0 ? xk_cuda_drop_prepare(cuda, step, err) : 0;
}

static float *running(const struct xk_step *step, const struct xk_pass *pass,
                      enum xk_role role)
{
    return pass->running + step->graph->params[step->node->param[role]].offset;
}

static struct xk_cu_bn bn_of(const struct xk_step *step, const struct xk_pass *pass)
{
    const struct xk_node *node = step->node;

    return (struct xk_cu_bn){.dtype = node->dtype,
                             .rows = pass->n * node->shape.h * node->shape.w,
                             .c = node->shape.c,
                             .cp = (node->shape.c + 15) / 16 * 16,
                             .per_image = node->shape.h * node->shape.w,
                             .saved = step->saved,
                             .factors = node->rate > 0,
                             .eps = node->eps,
                             .act = node->act,
                             .x = step->x[0],
                             .shortcut = node->n_inputs == 2 ? step->x[1] : NULL,
                             .y = step->y,
                             .gamma = xk_value(step, pass, XK_GAMMA),
                             .beta = xk_value(step, pass, XK_BETA),
                             .mean = running(step, pass, XK_MEAN),
                             .var = running(step, pass, XK_VAR),
                             .count = running(step, pass, XK_COUNT),
                             .batch = pass->mode == XK_TRAIN};
}

static int bn_forward(struct xk_cuda *cuda, struct xk_step *step,
                      const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_bn bn = bn_of(step, pass);

    bn.scratch = sums(cuda, bn.rows, bn.c, err);
    if (!bn.scratch)
        return -1;
    xk_cu_bn_statistics(cuda->stream, &bn);
    if (bn.factors)
        xk_cuda_drop_factors(cuda, step, pass, step->saved + 7 * bn.cp, pass->n);
    xk_cu_bn_apply(cuda->stream, &bn);
    return 0;
}

static int bn_backward(struct xk_cuda *cuda, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_bn bn = bn_of(step, pass);
    bool masked = step->g && step->g != step->dy[0];

    bn.dy[0] = step->dy[0];
    bn.dy[1] = step->dy[1];
    /* in place too, where there is something to mask or to add */
    if (step->g && (masked || bn.act != XK_ACT_NONE || step->n_dy > 1))
        bn.g = step->g;
    bn.dx = step->dx[0];
    bn.dgamma = xk_grad(step, pass, XK_GAMMA);
    bn.dbeta = xk_grad(step, pass, XK_BETA);
    bn.scratch = sums(cuda, bn.rows, bn.c, err);
    if (!bn.scratch)
        return -1;
    xk_cu_bn_backward(cuda->stream, &bn);
    return 0;
}

static const struct xk_cuda_op bn = {bn_prepare, xk_cuda_drop_release, bn_forward,
                                     bn_backward};

/* --- elementwise ------------------------------------------------------------------- */

static int act_forward(struct xk_cuda *cuda, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_act(cuda->stream, step->node->dtype, step->y, step->x[0], count(step, pass->n),
              step->node->act);
    return 0;
}

static int act_backward(struct xk_cuda *cuda, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    if (step->dx[0])
        xk_cu_act_grad(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                       step->x[0], count(step, pass->n), step->node->act);
    return 0;
}

static const struct xk_cuda_op act = {NULL, NULL, act_forward, act_backward};

/* The plan hands an addition's gradient on as it is. */
static int add_forward(struct xk_cuda *cuda, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_add(cuda->stream, step->node->dtype, step->y, step->x[0], step->x[1],
              count(step, pass->n));
    return 0;
}

static const struct xk_cuda_op add = {NULL, NULL, add_forward, NULL};

static int drop_forward(struct xk_cuda *cuda, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);
    size_t per = step->node->op == XK_OP_DROPOUT ? 1 : n / pass->n;

    (void)err;
    xk_cuda_drop_factors(cuda, step, pass, step->saved, n / per);
    xk_cu_factor(cuda->stream, step->node->dtype, step->y, step->x[0], step->saved, n,
                 per);
    return 0;
}

static int drop_backward(struct xk_cuda *cuda, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    size_t n = count(step, pass->n);
    size_t per = step->node->op == XK_OP_DROPOUT ? 1 : n / pass->n;

    (void)err;
    if (step->dx[0])
        xk_cu_factor(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                     step->saved, n, per);
    return 0;
}

static const struct xk_cuda_op dropout = {xk_cuda_drop_prepare, xk_cuda_drop_release,
                                          drop_forward, drop_backward};

static int scale_forward(struct xk_cuda *cuda, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_scale(cuda->stream, step->node->dtype, step->y, step->x[0],
                xk_value(step, pass, XK_GAMMA), pass->n * pixels(step), step->in.c);
    return 0;
}

static int scale_backward(struct xk_cuda *cuda, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    size_t rows = pass->n * pixels(step), c = step->in.c;
    float *dgamma = xk_grad(step, pass, XK_GAMMA), *room = sums(cuda, rows, c, err);

    if (!room)
        return -1;
    if (dgamma) /* before dx, which may be dy */
        xk_cu_dot_columns(cuda->stream, step->node->dtype, dgamma, step->x[0],
                          step->dy[0], rows, c, room);
    if (step->dx[0])
        xk_cu_scale(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                    xk_value(step, pass, XK_GAMMA), rows, c);
    return 0;
}

static const struct xk_cuda_op scale = {NULL, NULL, scale_forward, scale_backward};

/* --- layer norm -------------------------------------------------------------------- */

static int layernorm_forward(struct xk_cuda *cuda, struct xk_step *step,
                             const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_layernorm(cuda->stream, step->node->dtype, step->y, step->saved,
                    step->saved + step->batch * pixels(step), step->x[0],
                    xk_value(step, pass, XK_GAMMA), xk_value(step, pass, XK_BETA),
                    step->node->eps, pass->n * pixels(step), step->in.c);
    return 0;
}

static int layernorm_backward(struct xk_cuda *cuda, struct xk_step *step,
                              const struct xk_pass *pass, struct xr_err *err)
{
    size_t rows = pass->n * pixels(step);
    float *room = sums(cuda, rows, step->in.c, err);

    if (!room)
        return -1;
    xk_cu_layernorm_grad(cuda->stream, step->node->dtype, step->dx[0],
                         xk_grad(step, pass, XK_GAMMA), xk_grad(step, pass, XK_BETA),
                         step->dy[0], step->x[0], step->saved,
                         step->saved + step->batch * pixels(step),
                         xk_value(step, pass, XK_GAMMA), rows, step->in.c, room);
    return 0;
}

static const struct xk_cuda_op layernorm = {NULL, NULL, layernorm_forward,
                                            layernorm_backward};

/* --- pooling ----------------------------------------------------------------------- */

static int pool_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    const struct xk_node *node = step->node;

    (void)cuda;
    if (node->kernel > 15 || 2 * node->pad > node->kernel)
        return xr_fail(err, "pooling over %zu pixels, padded by %zu", node->kernel,
                       node->pad);
    return 0;
}

static int maxpool_forward(struct xk_cuda *cuda, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_window window = xk_cuda_window(step, pass->n);

    (void)err;
    xk_cu_maxpool(cuda->stream, step->node->dtype, step->y, (uint8_t *)step->saved,
                  step->x[0], &window);
    return 0;
}

static int maxpool_backward(struct xk_cuda *cuda, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_window window = xk_cuda_window(step, pass->n);

    (void)err;
    if (step->dx[0])
        xk_cu_maxpool_grad(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                           (const uint8_t *)step->saved, &window);
    return 0;
}

static const struct xk_cuda_op maxpool = {pool_prepare, NULL, maxpool_forward,
                                          maxpool_backward};

static int avgpool_forward(struct xk_cuda *cuda, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_window window = xk_cuda_window(step, pass->n);

    (void)err;
    xk_cu_avgpool(cuda->stream, step->node->dtype, step->y, step->x[0], &window);
    return 0;
}

static int avgpool_backward(struct xk_cuda *cuda, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cu_window window = xk_cuda_window(step, pass->n);

    (void)err;
    if (step->dx[0])
        xk_cu_avgpool_grad(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                           &window);
    return 0;
}

static const struct xk_cuda_op avgpool = {pool_prepare, NULL, avgpool_forward,
                                          avgpool_backward};

static int gap_forward(struct xk_cuda *cuda, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_mean_images(cuda->stream, step->in_dtype[0], step->y, step->x[0], pass->n,
                      pixels(step), step->in.c);
    return 0;
}

static int gap_backward(struct xk_cuda *cuda, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    if (step->dx[0])
        xk_cu_spread(cuda->stream, step->in_dtype[0], step->dx[0], step->dy[0], pass->n,
                     pixels(step), step->in.c);
    return 0;
}

static const struct xk_cuda_op gap = {NULL, NULL, gap_forward, gap_backward};

/* --- gate -------------------------------------------------------------------------- */

static int gate_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    (void)cuda;
    if (step->node->hidden || step->in_dtype[1] != XK_F32)
        return xr_fail(err, "a gate that the device does not know");
    return 0;
}

static int gate_forward(struct xk_cuda *cuda, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_gate(cuda->stream, step->node->dtype, step->y, step->x[0], step->x[1], pass->n,
               pixels(step), step->in.c, step->node->act);
    return 0;
}

static int gate_backward(struct xk_cuda *cuda, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    if (step->dx[1])
        xk_cu_gate_grad(cuda->stream, step->node->dtype, step->dx[1], step->x[0],
                        step->dy[0], step->x[1], pass->n, pixels(step), step->in.c,
                        step->node->act);
    if (step->dx[0])
        xk_cu_gate(cuda->stream, step->node->dtype, step->dx[0], step->dy[0], step->x[1],
                   pass->n, pixels(step), step->in.c, step->node->act);
    return 0;
}

static const struct xk_cuda_op gate = {gate_prepare, NULL, gate_forward, gate_backward};

/* --- what only moves values -------------------------------------------------------- */

static int concat_forward(struct xk_cuda *cuda, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->node->shape.c, c0 = step->in.c, rows = pass->n * pixels(step);

    (void)err;
    xk_cu_put_columns(cuda->stream, step->node->dtype, step->y, step->x[0], rows, c, 0,
                      c0);
    xk_cu_put_columns(cuda->stream, step->node->dtype, step->y, step->x[1], rows, c, c0,
                      c - c0);
    return 0;
}

static int concat_backward(struct xk_cuda *cuda, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    size_t c = step->node->shape.c, c0 = step->in.c, rows = pass->n * pixels(step);

    (void)err;
    if (step->dx[0])
        xk_cu_get_columns(cuda->stream, step->node->dtype, step->dx[0], step->dy[0], rows,
                          c, 0, c0);
    if (step->dx[1])
        xk_cu_get_columns(cuda->stream, step->node->dtype, step->dx[1], step->dy[0], rows,
                          c, c0, c - c0);
    return 0;
}

static const struct xk_cuda_op concat = {NULL, NULL, concat_forward, concat_backward};

static int flatten_forward(struct xk_cuda *cuda, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    xk_cu_to_chw(cuda->stream, step->node->dtype, step->y, step->x[0], pass->n,
                 pixels(step), step->in.c);
    return 0;
}

static int flatten_backward(struct xk_cuda *cuda, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    (void)err;
    if (step->dx[0])
        xk_cu_to_hwc(cuda->stream, step->node->dtype, step->dx[0], step->dy[0], pass->n,
                     pixels(step), step->in.c);
    return 0;
}

static const struct xk_cuda_op flatten = {NULL, NULL, flatten_forward, flatten_backward};

/* --- linear: float32, whatever comes before ------------------------------------------
 */

struct linear {
    struct xk_gemm_plan *product[3];
};

static int linear_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    (void)cuda;
    step->impl = xr_alloc_array(1, sizeof(struct linear), err);
    if (!step->impl)
        return -1;
    if (pixels(step) != 1 || step->node->dtype != XK_F32)
        return xr_fail(err, "a linear layer that the device does not know");
    return 0;
}

static void linear_release(struct xk_cuda *cuda, struct xk_step *step)
{
    struct linear *l = step->impl;

    (void)cuda;
    for (int k = 0; k < 3; k++)
        xk_gemm_plan_free(l->product[k]);
    free(l);
}

/* The input, or room for its gradient, as float32. */
static float *wide(struct xk_cuda *cuda, const struct xk_step *step, void *x, size_t n,
                   bool read, struct xr_err *err)
{
    size_t values = n * step->in.c;
    float *room;

    if (step->in_dtype[0] == XK_F32)
        return x;
    room = xk_cuda_scratch(cuda, values * sizeof *room, err);
    if (room && read)
        xk_cu_convert(cuda->stream, XK_F32, room, step->in_dtype[0], x, values);
    return room;
}

static int linear_forward(struct xk_cuda *cuda, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    struct linear *l = step->impl;
    struct xk_gemm g = {.factors = XK_F32,
                        .result = XK_F32,
                        .d = step->y,
                        .a = wide(cuda, step, step->x[0], pass->n, true, err),
                        .b = xk_value(step, pass, XK_WEIGHT),
                        .bias = xk_value(step, pass, XK_BIAS),
                        .m = pass->n,
                        .n = step->node->out,
                        .k = step->in.c,
                        .tb = true};

    return g.a ? xk_gemm(cuda, &l->product[0], &g, err) : -1;
}

static int linear_backward(struct xk_cuda *cuda, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    struct linear *l = step->impl;
    float *dw = xk_grad(step, pass, XK_WEIGHT), *db = xk_grad(step, pass, XK_BIAS), *room;
    size_t out = step->node->out, in = step->in.c;
    struct xk_gemm weights = {.factors = XK_F32,
                              .result = XK_F32,
                              .d = dw,
                              .a = step->dy[0],
                              .m = out,
                              .n = in,
                              .k = pass->n,
                              .ta = true,
                              .beta = 1};
    struct xk_gemm data = {.factors = XK_F32,
                           .result = XK_F32,
                           .a = step->dy[0],
                           .b = xk_value(step, pass, XK_WEIGHT),
                           .m = pass->n,
                           .n = in,
                           .k = out};

    if (db) {
        room = sums(cuda, pass->n, out, err);
        if (!room)
            return -1;
        xk_cu_sum_columns(cuda->stream, XK_F32, db, step->dy[0], pass->n, out, room);
    }
    if (dw) {
        weights.b = wide(cuda, step, step->x[0], pass->n, true, err);
        if (!weights.b || xk_gemm(cuda, &l->product[1], &weights, err))
            return -1;
    }
    if (!step->dx[0])
        return 0;
    room = wide(cuda, step, step->dx[0], pass->n, false, err);
    data.d = room;
    if (!room || xk_gemm(cuda, &l->product[2], &data, err))
        return -1;
    if (step->in_dtype[0] != XK_F32)
        xk_cu_convert(cuda->stream, step->in_dtype[0], step->dx[0], XK_F32, room,
                      pass->n * in);
    return 0;
}

static const struct xk_cuda_op linear = {linear_prepare, linear_release, linear_forward,
                                         linear_backward};

const struct xk_cuda_op *xk_cuda_op(enum xk_op op)
{
    static const struct xk_cuda_op *const ops[XK_N_OPS] = {
        [XK_OP_CONV] = &xk_cuda_conv,
        [XK_OP_BN] = &bn,
        [XK_OP_ACT] = &act,
        [XK_OP_ADD] = &add,
        [XK_OP_CONCAT] = &concat,
        [XK_OP_MAXPOOL] = &maxpool,
        [XK_OP_AVGPOOL] = &avgpool,
        [XK_OP_GAP] = &gap,
        [XK_OP_GATE] = &gate,
        [XK_OP_SCALE] = &scale,
        [XK_OP_LAYERNORM] = &layernorm,
        [XK_OP_FLATTEN] = &flatten,
        [XK_OP_DROPOUT] = &dropout,
        [XK_OP_DROP_PATH] = &dropout,
        [XK_OP_LINEAR] = &linear,
    };

    return ops[op];
}
