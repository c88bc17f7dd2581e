/*
 * Convolutions: depthwise by own kernels, 1x1 and whole images as products by cuBLASLt
 * where it has a way, all others by cuDNN, or directly where it has no engine.
 */
#include "cuda.h"

#include <stdlib.h>
#include <string.h>

enum kind {
    DEPTHWISE,
    PRODUCT,
    GENERAL
};

/* Plans are made for a batch size: the planned one and the last other one stay. */
enum {
    N_SIZES = 2
};

struct engine {
    size_t n[N_SIZES];                 /* 0: not asked yet */
    struct xk_dnn_plan *plan[N_SIZES]; /* NULL: directly */
    bool narrow[N_SIZES];              /* gradients of weights come as activations are */
};

struct conv {
    enum kind kind;
    uint64_t version; /* of the packed weights */
    void *weights, *bias_t;
    float *bias;
    size_t weights_bytes, bias_bytes; /* bias: of both, one behind the other */
    struct engine engine[3];          /* by enum xk_dnn_kind */
    struct xk_gemm_plan *product[3];
};

static size_t taps(const struct xk_step *step)
{
    return step->node->kernel * step->node->kernel;
}

static struct xk_cu_direct shape_of(const struct xk_step *step, size_t n)
{
    return (struct xk_cu_direct){xk_cuda_window(step, n), step->node->out,
                                 step->node->groups};
}

static size_t rows_of(const struct xk_step *step, size_t n)
{
    return n * step->node->shape.h * step->node->shape.w;
}

/* One window is the whole image: its pixels are a product's channels. */
static bool is_whole(const struct xk_step *step)
{
    const struct xk_node *node = step->node;

    return node->kernel == step->in.h && node->kernel == step->in.w &&
           node->shape.h == 1 && node->shape.w == 1 && !node->pad_h && !node->pad_w;
}

static enum kind kind_of(const struct xk_step *step)
{
    const struct xk_node *node = step->node;

    if (xk_depthwise(step->graph, node) && node->kernel % 2 == 1 && node->kernel >= 3 &&
        node->stride <= 2 && node->out * xk_dtype_size(node->dtype) % 16 == 0)
        return DEPTHWISE;
    if (node->groups == 1 && (is_whole(step) || (node->kernel == 1 && node->stride == 1 &&
                                                 !node->pad_h && !node->pad_w)))
        return PRODUCT;
    return GENERAL;
}

static bool has_bias(const struct xk_step *step)
{
    return step->node->param[XK_BIAS] >= 0 || step->node->param[XK_GAMMA] >= 0;
}

static int conv_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct conv *c = xr_alloc_array(1, sizeof *c, err);
    size_t in = step->in.c / node->groups, size;

    step->impl = c;
    if (!c)
        return -1;
    if (step->in_dtype[0] != node->dtype)
        return xr_fail(err, "a convolution between two types");
    c->kind = kind_of(step);
    size = c->kind == DEPTHWISE ? sizeof(float) : xk_dtype_size(node->dtype);
    c->weights_bytes = node->out * in * taps(step) * size;
    c->weights = xk_cuda_take(cuda, c->weights_bytes, err);
    if (!c->weights)
        return -1;
    if (!has_bias(step))
        return 0;
    c->bias_bytes = (node->out + 15) / 16 * 16 * 2 * sizeof(float);
    c->bias = xk_cuda_take(cuda, c->bias_bytes, err);
    if (!c->bias)
        return -1;
    c->bias_t = c->bias + (node->out + 15) / 16 * 16;
    return 0;
}

static void conv_release(struct xk_cuda *cuda, struct xk_step *step)
{
    struct conv *c = step->impl;

    xk_cuda_give(cuda, c->weights, c->weights_bytes);
    xk_cuda_give(cuda, c->bias, c->bias_bytes);
    for (int k = 0; k < 3; k++) {
        xk_gemm_plan_free(c->product[k]);
        for (int i = 0; i < N_SIZES; i++)
            xk_dnn_plan_free(c->engine[k].plan[i]);
    }
    free(c);
}

/* In training always, so that a recording of the pass has it too. */
static void pack(struct xk_cuda *cuda, const struct xk_step *step,
                 const struct xk_pass *pass)
{
    struct conv *c = step->impl;
    struct xk_cu_fold fold = {.bias = xk_value(step, pass, XK_BIAS),
                              .gamma = xk_value(step, pass, XK_GAMMA),
                              .beta = xk_value(step, pass, XK_BETA),
                              .mean = xk_value(step, pass, XK_MEAN),
                              .var = xk_value(step, pass, XK_VAR),
                              .eps = step->node->eps};

    if (pass->mode != XK_TRAIN && c->version == pass->version)
        return;
    xk_cu_pack(cuda->stream, step->node->dtype, c->weights, c->bias, c->bias_t,
               xk_value(step, pass, XK_WEIGHT), &fold, step->node->out,
               step->in.c / step->node->groups, taps(step), c->kind == DEPTHWISE);
    c->version = pass->version;
}

/* --- cuDNN, or directly ------------------------------------------------------------- */

/* The plan for this kind and batch; NULL: there is none. */
static int plan_for(struct xk_dnn_plan **plan, struct xk_cuda *cuda,
                    const struct xk_step *step, enum xk_dnn_kind kind, size_t n, void *x,
                    void *w, void *y, struct xr_err *err)
{
    struct conv *c = step->impl;
    struct engine *e = &c->engine[kind];
    int slot = n == step->batch ? 0 : 1, rc;
    struct xk_dnn_shape shape = {kind, shape_of(step, n), step->node->dtype,
                                 step->node->dtype};

    if (e->n[slot] != n) {
        if (cuda->now) /* engines are tried, which cannot be recorded */
            return xr_fail(err, "a convolution of a new size in a recording");
        if (e->plan[slot])
            cuda->generation++; /* recordings may use its code */
        xk_dnn_plan_free(e->plan[slot]);
        e->plan[slot] = NULL;
        e->n[slot] = 0;
        rc = 1;
        e->narrow[slot] = false;
        if (kind == XK_DNN_WEIGHTS) { /* as they will be added, where that can be had */
            shape.w_dtype = XK_F32;
            rc = xk_dnn_plan(&e->plan[slot], cuda, &shape, x, w, y, err);
            shape.w_dtype = step->node->dtype;
            e->narrow[slot] = rc == 1 && step->node->dtype != XK_F32;
        }
        if (rc == 1 && (kind != XK_DNN_WEIGHTS || e->narrow[slot]))
            rc = xk_dnn_plan(&e->plan[slot], cuda, &shape, x, w, y, err);
        if (rc < 0)
            return -1;
        e->n[slot] = n;
    }
    *plan = e->plan[slot];
    return 0;
}

static int general_forward(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                           void *y, struct xr_err *err)
{
    struct conv *c = step->impl;
    struct xk_cu_direct shape = shape_of(step, n);
    struct xk_dnn_plan *plan;

    if (plan_for(&plan, cuda, step, XK_DNN_FORWARD, n, step->x[0], c->weights, y, err))
        return -1;
    if (plan)
        return xk_dnn_run(cuda, plan, step->x[0], c->weights, y, err);
    xk_cu_direct(cuda->stream, step->node->dtype, y, step->x[0], c->weights, &shape);
    return 0;
}

static int general_weights(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                           float *dw, struct xr_err *err)
{
    struct conv *c = step->impl;
    struct xk_cu_direct shape = shape_of(step, n);
    size_t in = step->in.c / step->node->groups;
    void *room =
        xk_cuda_scratch(cuda, step->node->out * in * taps(step) * sizeof(float), err);
    struct xk_dnn_plan *plan;

    if (!room || plan_for(&plan, cuda, step, XK_DNN_WEIGHTS, n, step->x[0], room,
                          step->dy[0], err))
        return -1;
    if (plan) {
        bool narrow = c->engine[XK_DNN_WEIGHTS].narrow[n == step->batch ? 0 : 1];

        if (xk_dnn_run(cuda, plan, step->x[0], room, step->dy[0], err))
            return -1;
        xk_cu_unpack(cuda->stream, narrow ? step->node->dtype : XK_F32, dw, room,
                     step->node->out, in, taps(step));
        return 0;
    }
    room = xk_cuda_scratch(cuda, xk_cu_direct_floats(&shape) * sizeof(float), err);
    if (!room)
        return -1;
    xk_cu_direct_weights(cuda->stream, step->node->dtype, dw, step->x[0], step->dy[0],
                         &shape, room);
    return 0;
}

static int general_data(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                        struct xr_err *err)
{
    struct conv *c = step->impl;
    struct xk_cu_direct shape = shape_of(step, n);
    struct xk_dnn_plan *plan;

    if (plan_for(&plan, cuda, step, XK_DNN_DATA, n, step->dx[0], c->weights, step->dy[0],
                 err))
        return -1;
    if (plan)
        return xk_dnn_run(cuda, plan, step->dx[0], c->weights, step->dy[0], err);
    xk_cu_direct_data(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                      c->weights, &shape);
    return 0;
}

/* --- products ----------------------------------------------------------------------- */

/* Rows by channels, times weights [out][channels]. */
static int product_forward(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                           struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct conv *c = step->impl;
    bool relu = node->act == XK_ACT_RELU, adds = node->n_inputs == 2;
    struct xk_gemm g = {.factors = node->dtype,
                        .result = node->dtype,
                        .d = step->y,
                        .a = step->x[0],
                        .b = c->weights,
                        .c = adds ? step->x[1] : NULL,
                        .bias = !c->bias                ? NULL
                                : node->dtype == XK_F32 ? (void *)c->bias
                                                        : c->bias_t,
                        .m = rows_of(step, n),
                        .n = node->out,
                        .k = step->in.c * taps(step),
                        .tb = true,
                        .relu = relu,
                        .beta = adds ? 1 : 0};

    int rc = xk_gemm(cuda, &c->product[0], &g, err);

    if (rc)
        return rc;
    if (!relu && node->act != XK_ACT_NONE)
        xk_cu_bias_act(cuda->stream, node->dtype, step->y, step->y, NULL, NULL,
                       rows_of(step, n), node->out, node->act);
    return 0;
}

static int product_weights(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                           float *dw, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct conv *c = step->impl;
    size_t k = step->in.c * taps(step);
    float *room = dw;
    int rc;
    struct xk_gemm g = {.factors = node->dtype,
                        .result = XK_F32,
                        .a = step->dy[0],
                        .b = step->x[0],
                        .m = node->out,
                        .n = k,
                        .k = rows_of(step, n),
                        .ta = true};

    if (taps(step) > 1) { /* another order than dw's */
        room = xk_cuda_scratch(cuda, node->out * k * sizeof *room, err);
        if (!room)
            return -1;
    }
    g.d = room;
    g.beta = room == dw ? 1 : 0;
    rc = xk_gemm(cuda, &c->product[1], &g, err);
    if (rc)
        return rc;
    if (room != dw)
        xk_cu_unpack(cuda->stream, XK_F32, dw, room, node->out, step->in.c, taps(step));
    return 0;
}

static int product_data(struct xk_cuda *cuda, const struct xk_step *step, size_t n,
                        struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct conv *c = step->impl;
    struct xk_gemm g = {.factors = node->dtype,
                        .result = node->dtype,
                        .d = step->dx[0],
                        .a = step->dy[0],
                        .b = c->weights,
                        .m = rows_of(step, n),
                        .n = step->in.c * taps(step),
                        .k = node->out};

    return xk_gemm(cuda, &c->product[2], &g, err);
}

/* --- the operation ------------------------------------------------------------------ */

static int conv_forward(struct xk_cuda *cuda, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    const struct xk_node *node = step->node;
    struct conv *c = step->impl;
    struct xk_cu_window window = xk_cuda_window(step, pass->n);
    size_t rows = rows_of(step, pass->n);
    void *shortcut = node->n_inputs == 2 ? step->x[1] : NULL, *y = step->y;
    int rc;

    pack(cuda, step, pass);
    if (c->kind == DEPTHWISE) {
        xk_cu_depthwise(cuda->stream, node->dtype, y, step->x[0], c->weights, c->bias,
                        node->act, &window);
        return 0;
    }
    rc = c->kind == PRODUCT ? product_forward(cuda, step, pass->n, err) : 1;
    if (rc <= 0)
        return rc;
    if (y == shortcut) { /* which the convolution would write over */
        y = xk_cuda_scratch(cuda, rows * node->out * xk_dtype_size(node->dtype), err);
        if (!y)
            return -1;
    }
    if (general_forward(cuda, step, pass->n, y, err))
        return -1;
    if (c->bias || shortcut || node->act != XK_ACT_NONE)
        xk_cu_bias_act(cuda->stream, node->dtype, step->y, y, c->bias, shortcut, rows,
                       node->out, node->act);
    return 0;
}

static int bias_gradient(struct xk_cuda *cuda, const struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    float *db = xk_grad(step, pass, XK_BIAS), *room;
    size_t rows = rows_of(step, pass->n), out = step->node->out;

    if (!db)
        return 0;
    room = xk_cuda_scratch(cuda, xk_columns_floats(rows, out, 1) * sizeof *room, err);
    if (!room)
        return -1;
    xk_cu_sum_columns(cuda->stream, step->node->dtype, db, step->dy[0], rows, out, room);
    return 0;
}

static int conv_backward(struct xk_cuda *cuda, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    struct conv *c = step->impl;
    struct xk_cu_window window = xk_cuda_window(step, pass->n);
    float *dw = xk_grad(step, pass, XK_WEIGHT), *room;
    int rc;

    if (bias_gradient(cuda, step, pass, err))
        return -1;
    if (dw && c->kind == DEPTHWISE) {
        room = xk_cuda_scratch(cuda, xk_cu_depthwise_floats(&window) * sizeof *room, err);
        if (!room)
            return -1;
        xk_cu_depthwise_weights(cuda->stream, step->node->dtype, dw, step->x[0],
                                step->dy[0], &window, room);
    } else if (dw) {
        rc = c->kind == PRODUCT ? product_weights(cuda, step, pass->n, dw, err) : 1;
        if (rc < 0 || (rc && general_weights(cuda, step, pass->n, dw, err)))
            return -1;
    }
    if (!step->dx[0])
        return 0;
    if (c->kind == DEPTHWISE) {
        xk_cu_depthwise_data(cuda->stream, step->node->dtype, step->dx[0], step->dy[0],
                             c->weights, &window);
        return 0;
    }
    rc = c->kind == PRODUCT ? product_data(cuda, step, pass->n, err) : 1;
    return rc > 0 ? general_data(cuda, step, pass->n, err) : rc;
}

const struct xk_cuda_op xk_cuda_conv = {conv_prepare, conv_release, conv_forward,
                                        conv_backward};
