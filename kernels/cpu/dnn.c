/*
 * oneDNN 2.x (Debian's libdnnl 2.6) behind a small interface.
 */
#include "dnn.h"

#include <stdlib.h>

#include <oneapi/dnnl/dnnl.h>

struct xk_dnn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

/* One weights layout: memory of our own, and the reorder from (or to) the plain layout.
 */
struct layout {
    dnnl_memory_t memory, plain; /* plain: handle set before each reorder */
    dnnl_primitive_t reorder;
};

struct xk_dnn_conv {
    struct xk_dnn *dnn;
    struct xk_dnn_conv_spec spec;
    dnnl_primitive_t forward, data, weights;
    dnnl_memory_t x, y, bias; /* handles set before each run */
    struct layout w_forward, w_data, w_grad;
};

static int check(dnnl_status_t status, const char *what, struct xr_err *err)
{
    static const char *const texts[] = {
        "success",       "out of memory", "invalid arguments", "not implemented",
        "iterator ends", "runtime error", "not required"};

    if (status == dnnl_success)
        return 0;
    return xr_fail(err, "oneDNN: %s: %s", what,
                   (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "?");
}

#define TRY(call)                                                                        \
    do {                                                                                 \
        if (check((call), #call, err))                                                   \
            return -1;                                                                   \
    } while (0)

int xk_dnn_open(struct xk_dnn **out, struct xr_err *err)
{
    struct xk_dnn *dnn = xr_alloc_array(1, sizeof *dnn, err);

    *out = dnn;
    if (!dnn)
        return -1;
    TRY(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags));
    return 0;
}

void xk_dnn_close(struct xk_dnn *dnn)
{
    if (!dnn)
        return;
    if (dnn->stream)
        dnnl_stream_destroy(dnn->stream);
    if (dnn->engine)
        dnnl_engine_destroy(dnn->engine);
    free(dnn);
}

/* --- convolution ------------------------------------------------------------------- */

static int tensor_md(dnnl_memory_desc_t *md, size_t n, size_t c, size_t h, size_t w,
                     struct xr_err *err)
{
    dnnl_dims_t dims = {(dnnl_dim_t)n, (dnnl_dim_t)c, (dnnl_dim_t)h, (dnnl_dim_t)w};

    TRY(dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, dnnl_nhwc));
    return 0;
}

static int weights_md(dnnl_memory_desc_t *md, const struct xk_dnn_conv_spec *s, bool any,
                      struct xr_err *err)
{
    dnnl_dim_t g = (dnnl_dim_t)s->groups, k = (dnnl_dim_t)s->k;
    dnnl_dim_t oc = (dnnl_dim_t)s->oc, c = (dnnl_dim_t)s->c;
    dnnl_dims_t plain = {oc, c, k, k}, grouped = {g, oc / g, c / g, k, k};

    if (g == 1)
        TRY(dnnl_memory_desc_init_by_tag(md, 4, plain, dnnl_f32,
                                         any ? dnnl_format_tag_any : dnnl_oihw));
    else
        TRY(dnnl_memory_desc_init_by_tag(md, 5, grouped, dnnl_f32,
                                         any ? dnnl_format_tag_any : dnnl_goihw));
    return 0;
}

/* Memory for the layout that a primitive wants, and a reorder: to_plain adds to the plain
 * side. */
static int open_layout(struct layout *l, struct xk_dnn_conv *conv,
                       const dnnl_memory_desc_t *md, bool to_plain, struct xr_err *err)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_memory_desc_t plain;
    dnnl_engine_t e = conv->dnn->engine;
    dnnl_status_t s = dnnl_success;

    if (weights_md(&plain, &conv->spec, false, err))
        return -1;
    TRY(dnnl_memory_create(&l->plain, &plain, e, DNNL_MEMORY_NONE));
    TRY(dnnl_memory_create(&l->memory, md, e, DNNL_MEMORY_ALLOCATE));
    if (to_plain) {
        TRY(dnnl_primitive_attr_create(&attr));
        s = dnnl_post_ops_create(&ops);
        if (s == dnnl_success)
            s = dnnl_post_ops_append_sum(ops, 1.0f);
        if (s == dnnl_success)
            s = dnnl_primitive_attr_set_post_ops(attr, ops);
        if (ops)
            dnnl_post_ops_destroy(ops);
    }
    if (s == dnnl_success)
        s = to_plain ? dnnl_reorder_primitive_desc_create(&pd, md, e, &plain, e, attr)
                     : dnnl_reorder_primitive_desc_create(&pd, &plain, e, md, e, NULL);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (s == dnnl_success)
        s = dnnl_primitive_create(&l->reorder, pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return check(s, "weights layout", err);
}

static void close_layout(struct layout *l)
{
    if (l->reorder)
        dnnl_primitive_destroy(l->reorder);
    if (l->memory)
        dnnl_memory_destroy(l->memory);
    if (l->plain)
        dnnl_memory_destroy(l->plain);
}

static int reorder(struct xk_dnn_conv *conv, struct layout *l, float *plain,
                   bool to_plain, struct xr_err *err)
{
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, to_plain ? l->memory : l->plain},
                               {DNNL_ARG_TO, to_plain ? l->plain : l->memory}};

    TRY(dnnl_memory_set_data_handle(l->plain, plain));
    TRY(dnnl_primitive_execute(l->reorder, conv->dnn->stream, 2, args));
    return 0;
}

static int make_attr(dnnl_primitive_attr_t *attr, const struct xk_dnn_conv_spec *s,
                     struct xr_err *err)
{
    dnnl_post_ops_t ops;
    dnnl_status_t status = dnnl_success;

    TRY(dnnl_primitive_attr_create(attr));
    TRY(dnnl_post_ops_create(&ops));
    if (s->sum)
        status = dnnl_post_ops_append_sum(ops, 1.0f);
    if (status == dnnl_success && s->act == XK_ACT_RELU)
        status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0);
    if (status == dnnl_success && s->act == XK_ACT_RELU6)
        status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, 0, 6.0f);
    if (status == dnnl_success && s->act == XK_ACT_SILU)
        status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_swish, 1.0f, 0);
    if (status == dnnl_success && s->act == XK_ACT_SIGMOID)
        status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_logistic, 0, 0);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return check(status, "post operations", err);
}

struct geometry {
    dnnl_memory_desc_t x, y, w, bias;
    dnnl_dims_t stride, dilation, lo, hi;
};

static int describe(struct geometry *g, const struct xk_dnn_conv_spec *s,
                    struct xr_err *err)
{
    dnnl_dims_t bias = {(dnnl_dim_t)s->oc};
    dnnl_dim_t k = (dnnl_dim_t)s->k, stride = (dnnl_dim_t)s->stride;

    if (tensor_md(&g->x, s->n, s->c, s->h, s->w, err) ||
        tensor_md(&g->y, s->n, s->oc, s->oh, s->ow, err) ||
        weights_md(&g->w, s, true, err))
        return -1;
    TRY(dnnl_memory_desc_init_by_tag(&g->bias, 1, bias, dnnl_f32, dnnl_a));
    g->stride[0] = g->stride[1] = stride;
    g->dilation[0] = g->dilation[1] = 0;
    g->lo[0] = (dnnl_dim_t)s->pad_h;
    g->lo[1] = (dnnl_dim_t)s->pad_w;
    /* what the last window needs behind the image; may be negative */
    g->hi[0] = ((dnnl_dim_t)s->oh - 1) * stride + k - (dnnl_dim_t)s->h - g->lo[0];
    g->hi[1] = ((dnnl_dim_t)s->ow - 1) * stride + k - (dnnl_dim_t)s->w - g->lo[1];
    return 0;
}

static int open_forward(struct xk_dnn_conv *conv, dnnl_primitive_desc_t *pd,
                        const struct geometry *g, struct xr_err *err)
{
    dnnl_convolution_desc_t d;
    dnnl_primitive_attr_t attr;
    dnnl_status_t status;

    if (make_attr(&attr, &conv->spec, err))
        return -1;
    status = dnnl_convolution_forward_desc_init(
        &d, conv->spec.backward ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, &g->x, &g->w, conv->spec.bias ? &g->bias : NULL, &g->y,
        g->stride, g->lo, g->hi);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(pd, &d, attr, conv->dnn->engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    if (check(status, "convolution", err))
        return -1;
    TRY(dnnl_primitive_create(&conv->forward, *pd));
    return open_layout(&conv->w_forward, conv,
                       dnnl_primitive_desc_query_md(*pd, dnnl_query_weights_md, 0), false,
                       err);
}

static int open_backward(struct xk_dnn_conv *conv, dnnl_primitive_desc_t hint,
                         const struct geometry *g, struct xr_err *err)
{
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t pd;
    int failed;

    TRY(dnnl_convolution_backward_weights_desc_init(
        &d, dnnl_convolution_direct, &g->x, &g->w, NULL, &g->y, g->stride, g->lo, g->hi));
    TRY(dnnl_primitive_desc_create(&pd, &d, NULL, conv->dnn->engine, hint));
    failed = check(dnnl_primitive_create(&conv->weights, pd), "weights' gradient", err) ||
             open_layout(&conv->w_grad, conv,
                         dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 0),
                         true, err);
    dnnl_primitive_desc_destroy(pd);
    if (failed || !conv->spec.data)
        return failed ? -1 : 0;
    TRY(dnnl_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &g->x,
                                                 &g->w, &g->y, g->stride, g->lo, g->hi));
    TRY(dnnl_primitive_desc_create(&pd, &d, NULL, conv->dnn->engine, hint));
    failed = check(dnnl_primitive_create(&conv->data, pd), "data's gradient", err) ||
             open_layout(&conv->w_data, conv,
                         dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0),
                         false, err);
    dnnl_primitive_desc_destroy(pd);
    return failed ? -1 : 0;
}

int xk_dnn_conv_open(struct xk_dnn_conv **out, struct xk_dnn *dnn,
                     const struct xk_dnn_conv_spec *spec, struct xr_err *err)
{
    struct xk_dnn_conv *conv = xr_alloc_array(1, sizeof *conv, err);
    dnnl_primitive_desc_t pd = NULL;
    struct geometry g;
    int failed;

    *out = NULL;
    if (!conv)
        return -1;
    conv->dnn = dnn;
    conv->spec = *spec;
    failed =
        describe(&g, spec, err) || open_forward(conv, &pd, &g, err) ||
        (spec->backward && open_backward(conv, pd, &g, err)) ||
        check(dnnl_memory_create(&conv->x, &g.x, dnn->engine, DNNL_MEMORY_NONE), "x",
              err) ||
        check(dnnl_memory_create(&conv->y, &g.y, dnn->engine, DNNL_MEMORY_NONE), "y",
              err) ||
        check(dnnl_memory_create(&conv->bias, &g.bias, dnn->engine, DNNL_MEMORY_NONE),
              "bias", err);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (failed) {
        xk_dnn_conv_close(conv);
        return -1;
    }
    *out = conv;
    return 0;
}

void xk_dnn_conv_close(struct xk_dnn_conv *conv)
{
    if (!conv)
        return;
    if (conv->forward)
        dnnl_primitive_destroy(conv->forward);
    if (conv->data)
        dnnl_primitive_destroy(conv->data);
    if (conv->weights)
        dnnl_primitive_destroy(conv->weights);
    if (conv->x)
        dnnl_memory_destroy(conv->x);
    if (conv->y)
        dnnl_memory_destroy(conv->y);
    if (conv->bias)
        dnnl_memory_destroy(conv->bias);
    close_layout(&conv->w_forward);
    close_layout(&conv->w_data);
    close_layout(&conv->w_grad);
    free(conv);
}

int xk_dnn_conv_weights(struct xk_dnn_conv *conv, const float *weights, bool backward,
                        struct xr_err *err)
{
    /* the library takes handles without const; a source is not written */
    return reorder(conv, backward ? &conv->w_data : &conv->w_forward, (float *)weights,
                   false, err);
}

static int set_tensors(struct xk_dnn_conv *conv, const float *x, const float *y,
                       struct xr_err *err)
{
    TRY(dnnl_memory_set_data_handle(conv->x, (float *)x));
    TRY(dnnl_memory_set_data_handle(conv->y, (float *)y));
    return 0;
}

int xk_dnn_conv_forward(struct xk_dnn_conv *conv, float *y, const float *x,
                        const float *bias, struct xr_err *err)
{
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, conv->x},
                               {DNNL_ARG_WEIGHTS, conv->w_forward.memory},
                               {DNNL_ARG_DST, conv->y},
                               {DNNL_ARG_BIAS, conv->bias}};

    if (set_tensors(conv, x, y, err))
        return -1;
    if (conv->spec.bias)
        TRY(dnnl_memory_set_data_handle(conv->bias, (float *)bias));
    TRY(dnnl_primitive_execute(conv->forward, conv->dnn->stream, conv->spec.bias ? 4 : 3,
                               args));
    return 0;
}

int xk_dnn_conv_backward_data(struct xk_dnn_conv *conv, float *dx, const float *dy,
                              struct xr_err *err)
{
    dnnl_exec_arg_t args[3] = {{DNNL_ARG_DIFF_SRC, conv->x},
                               {DNNL_ARG_WEIGHTS, conv->w_data.memory},
                               {DNNL_ARG_DIFF_DST, conv->y}};

    if (set_tensors(conv, dx, dy, err))
        return -1;
    TRY(dnnl_primitive_execute(conv->data, conv->dnn->stream, 3, args));
    return 0;
}

int xk_dnn_conv_backward_weights(struct xk_dnn_conv *conv, float *dw, const float *x,
                                 const float *dy, struct xr_err *err)
{
    dnnl_exec_arg_t args[3] = {{DNNL_ARG_SRC, conv->x},
                               {DNNL_ARG_DIFF_WEIGHTS, conv->w_grad.memory},
                               {DNNL_ARG_DIFF_DST, conv->y}};

    if (set_tensors(conv, x, dy, err))
        return -1;
    TRY(dnnl_primitive_execute(conv->weights, conv->dnn->stream, 3, args));
    return reorder(conv, &conv->w_grad, dw, true, err);
}

int xk_dnn_gemm(float *c, const float *a, const float *b, size_t m, size_t n, size_t k,
                bool ta, bool tb, float beta, struct xr_err *err)
{
    TRY(dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n,
                   (dnnl_dim_t)k, 1.0f, a, (dnnl_dim_t)(ta ? m : k), b,
                   (dnnl_dim_t)(tb ? k : n), beta, c, (dnnl_dim_t)n));
    return 0;
}
