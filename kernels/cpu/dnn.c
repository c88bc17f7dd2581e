/*
 * oneDNN behind a small interface: 2.x (Debian 12 has 2.6) and 3.x (Debian 13, Ubuntu
 * 24.04). What differs stands under DNNL_VERSION_MAJOR, all of it near the top.
 */
#include "dnn.h"

#include <stdlib.h>

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>

struct xk_dnn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *room; /* for the weights of whichever backward pass is running */
    size_t room_bytes;
};

/* One weights layout, and the reorder from (or to) the plain one. Those of backward
 * passes are used up at once and lie in dnn->room, all in the same place. */
struct layout {
    dnnl_memory_t memory, plain; /* plain: handle set before each reorder */
    bool in_room;
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
    free(dnn->room);
    free(dnn);
}

/* --- descriptors ------------------------------------------------------------------- */

/* A memory descriptor is a value in version 2 and a handle that has to be destroyed in
 * version 3. */
struct desc {
    dnnl_memory_desc_t md;
    bool open;
};

#if DNNL_VERSION_MAJOR >= 3

static const_dnnl_memory_desc_t ref(const struct desc *d)
{
    return d->md;
}

static dnnl_status_t desc_init(struct desc *d, int ndims, const dnnl_dims_t dims,
                               dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_status_t status =
        dnnl_memory_desc_create_with_tag(&d->md, ndims, dims, type, tag);

    d->open = status == dnnl_success;
    return status;
}

static void desc_free(struct desc *d)
{
    if (d->open)
        dnnl_memory_desc_destroy(d->md);
    d->open = false;
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind,
                                    float alpha, float beta)
{
    return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
}

#else

typedef const dnnl_memory_desc_t *const_dnnl_memory_desc_t; /* version 3 has the name */

static const_dnnl_memory_desc_t ref(const struct desc *d)
{
    return &d->md;
}

static dnnl_status_t desc_init(struct desc *d, int ndims, const dnnl_dims_t dims,
                               dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(&d->md, ndims, dims, type, tag);
}

static void desc_free(struct desc *d)
{
    (void)d;
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f);
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind,
                                    float alpha, float beta)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, alpha, beta);
}

#endif

static dnnl_data_type_t type_of(enum xk_dtype dtype)
{
    return dtype == XK_BF16 ? dnnl_bf16 : dnnl_f32;
}

static int tensor_desc(struct desc *d, enum xk_dtype dtype, size_t n, size_t c, size_t h,
                       size_t w, struct xr_err *err)
{
    dnnl_dims_t dims = {(dnnl_dim_t)n, (dnnl_dim_t)c, (dnnl_dim_t)h, (dnnl_dim_t)w};

    TRY(desc_init(d, 4, dims, type_of(dtype), dnnl_nhwc));
    return 0;
}

/* Weights or their gradient: [oc][c/groups][k][k] as given, or whatever is liked best. */
static int weights_desc(struct desc *d, enum xk_dtype dtype,
                        const struct xk_dnn_conv_spec *s, bool any, struct xr_err *err)
{
    dnnl_dim_t g = (dnnl_dim_t)s->groups, k = (dnnl_dim_t)s->k;
    dnnl_dim_t oc = (dnnl_dim_t)s->oc, c = (dnnl_dim_t)s->c;
    dnnl_dims_t plain = {oc, c, k, k}, grouped = {g, oc / g, c / g, k, k};

    if (g == 1)
        TRY(desc_init(d, 4, plain, type_of(dtype),
                      any ? dnnl_format_tag_any : dnnl_oihw));
    else
        TRY(desc_init(d, 5, grouped, type_of(dtype),
                      any ? dnnl_format_tag_any : dnnl_goihw));
    return 0;
}

/* What a convolution is described by. Padding hi is what the last window needs behind the
 * image; it may be negative. */
struct geometry {
    struct desc x, y, w, dw, bias;
    dnnl_dims_t stride, dilation, lo, hi;
};

static int describe(struct geometry *g, const struct xk_dnn_conv_spec *s,
                    struct xr_err *err)
{
    dnnl_dims_t bias = {(dnnl_dim_t)s->oc};
    dnnl_dim_t k = (dnnl_dim_t)s->k, stride = (dnnl_dim_t)s->stride;

    if (tensor_desc(&g->x, s->dtype, s->n, s->c, s->h, s->w, err) ||
        tensor_desc(&g->y, s->dtype, s->n, s->oc, s->oh, s->ow, err) ||
        weights_desc(&g->w, s->dtype, s, true, err) ||
        weights_desc(&g->dw, XK_F32, s, true, err))
        return -1;
    TRY(desc_init(&g->bias, 1, bias, dnnl_f32, dnnl_a));
    g->stride[0] = g->stride[1] = stride;
    g->lo[0] = (dnnl_dim_t)s->pad_h;
    g->lo[1] = (dnnl_dim_t)s->pad_w;
    g->hi[0] = ((dnnl_dim_t)s->oh - 1) * stride + k - (dnnl_dim_t)s->h - g->lo[0];
    g->hi[1] = ((dnnl_dim_t)s->ow - 1) * stride + k - (dnnl_dim_t)s->w - g->lo[1];
    return 0;
}

static void geometry_free(struct geometry *g)
{
    desc_free(&g->x);
    desc_free(&g->y);
    desc_free(&g->w);
    desc_free(&g->dw);
    desc_free(&g->bias);
}

/* The three convolutions' primitive descriptors. */
#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t describe_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const struct geometry *g, bool training, bool bias,
                                      dnnl_primitive_attr_t attr)
{
    return dnnl_convolution_forward_primitive_desc_create(
        pd, engine, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, ref(&g->x), ref(&g->w), bias ? ref(&g->bias) : NULL,
        ref(&g->y), g->stride, g->dilation, g->lo, g->hi, attr);
}

static dnnl_status_t describe_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                   const struct geometry *g, dnnl_primitive_desc_t hint)
{
    return dnnl_convolution_backward_data_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, ref(&g->x), ref(&g->w), ref(&g->y),
        g->stride, g->dilation, g->lo, g->hi, hint, NULL);
}

static dnnl_status_t describe_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const struct geometry *g,
                                      dnnl_primitive_desc_t hint)
{
    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, ref(&g->x), ref(&g->dw), NULL, ref(&g->y),
        g->stride, g->dilation, g->lo, g->hi, hint, NULL);
}

#else

static dnnl_status_t describe_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const struct geometry *g, bool training, bool bias,
                                      dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &d, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, ref(&g->x), ref(&g->w), bias ? ref(&g->bias) : NULL,
        ref(&g->y), g->stride, g->lo, g->hi);

    return status == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, NULL)
                                  : status;
}

static dnnl_status_t describe_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                   const struct geometry *g, dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t status = dnnl_convolution_backward_data_desc_init(
        &d, dnnl_convolution_direct, ref(&g->x), ref(&g->w), ref(&g->y), g->stride, g->lo,
        g->hi);

    return status == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint)
                                  : status;
}

static dnnl_status_t describe_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const struct geometry *g,
                                      dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(
        &d, dnnl_convolution_direct, ref(&g->x), ref(&g->dw), NULL, ref(&g->y), g->stride,
        g->lo, g->hi);

    return status == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint)
                                  : status;
}

#endif

int xk_dnn_has(struct xk_dnn *dnn, enum xk_dtype dtype, struct xr_err *err)
{
    const struct xk_dnn_conv_spec spec = {.n = 1,
                                          .h = 1,
                                          .w = 1,
                                          .c = 16,
                                          .oh = 1,
                                          .ow = 1,
                                          .oc = 16,
                                          .k = 1,
                                          .stride = 1,
                                          .groups = 1,
                                          .dtype = dtype};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_success;
    struct geometry g = {0};
    int failed = describe(&g, &spec, err);

    if (!failed)
        status = describe_forward(&pd, dnn->engine, &g, false, false, NULL);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    geometry_free(&g);
    if (!failed && dtype == XK_BF16 && status == dnnl_unimplemented)
        return xr_fail(err, "this processor has no bf16 arithmetic (needs AVX-512)");
    return failed ? -1 : check(status, "convolution", err);
}

/* --- convolution ------------------------------------------------------------------- */

static int need_room(struct xk_dnn *dnn, size_t bytes, struct xr_err *err)
{
    void *more;

    if (bytes <= dnn->room_bytes)
        return 0;
    more = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!more)
        return xr_fail(err, "out of memory");
    free(dnn->room);
    dnn->room = more;
    dnn->room_bytes = bytes;
    return 0;
}

/* Memory for the layout that a primitive wants, and a reorder: to_plain adds to the plain
 * side. */
static int open_layout(struct layout *l, struct xk_dnn_conv *conv,
                       const_dnnl_memory_desc_t md, bool in_room, bool to_plain,
                       struct xr_err *err)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    struct desc plain = {0};
    dnnl_engine_t e = conv->dnn->engine;
    dnnl_status_t s;

    l->in_room = in_room;
    if (in_room && need_room(conv->dnn, dnnl_memory_desc_get_size(md), err))
        return -1;
    if (weights_desc(&plain, XK_F32, &conv->spec, false, err))
        return -1;
    s = dnnl_memory_create(&l->plain, ref(&plain), e, DNNL_MEMORY_NONE);
    if (s == dnnl_success)
        s = dnnl_memory_create(&l->memory, md, e,
                               in_room ? DNNL_MEMORY_NONE : DNNL_MEMORY_ALLOCATE);
    if (s == dnnl_success && to_plain) {
        s = dnnl_primitive_attr_create(&attr);
        if (s == dnnl_success)
            s = dnnl_post_ops_create(&ops);
        if (s == dnnl_success)
            s = append_sum(ops);
        if (s == dnnl_success)
            s = dnnl_primitive_attr_set_post_ops(attr, ops);
        if (ops)
            dnnl_post_ops_destroy(ops);
    }
    if (s == dnnl_success)
        s = to_plain
                ? dnnl_reorder_primitive_desc_create(&pd, md, e, ref(&plain), e, attr)
                : dnnl_reorder_primitive_desc_create(&pd, ref(&plain), e, md, e, NULL);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (s == dnnl_success)
        s = dnnl_primitive_create(&l->reorder, pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    desc_free(&plain);
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
    if (l->in_room)
        TRY(dnnl_memory_set_data_handle(l->memory, conv->dnn->room));
    TRY(dnnl_primitive_execute(l->reorder, conv->dnn->stream, 2, args));
    return 0;
}

static int make_attr(dnnl_primitive_attr_t *attr, const struct xk_dnn_conv_spec *s,
                     struct xr_err *err)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status;

    *attr = NULL;
    TRY(dnnl_primitive_attr_create(attr));
    status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success && s->sum)
        status = append_sum(ops);
    if (status == dnnl_success && s->act == XK_ACT_RELU)
        status = append_eltwise(ops, dnnl_eltwise_relu, 0, 0);
    if (status == dnnl_success && s->act == XK_ACT_RELU6)
        status = append_eltwise(ops, dnnl_eltwise_clip, 0, 6.0f);
    if (status == dnnl_success && s->act == XK_ACT_SILU)
        status = append_eltwise(ops, dnnl_eltwise_swish, 1.0f, 0);
    if (status == dnnl_success && s->act == XK_ACT_GELU)
        status = append_eltwise(ops, dnnl_eltwise_gelu_erf, 0, 0);
    if (status == dnnl_success && s->act == XK_ACT_HARDSWISH) /* 2.x ignores 1/6, 1/2 */
        status = append_eltwise(ops, dnnl_eltwise_hardswish, 1.0f / 6.0f, 0.5f);
    if (status == dnnl_success && s->act == XK_ACT_SIGMOID)
        status = append_eltwise(ops, dnnl_eltwise_logistic, 0, 0);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ops)
        dnnl_post_ops_destroy(ops);
    return check(status, "post operations", err);
}

/* Each makes the primitive and the layouts of the weights that it wants. */
static int open_forward(struct xk_dnn_conv *conv, dnnl_primitive_desc_t *pd,
                        const struct geometry *g, struct xr_err *err)
{
    dnnl_primitive_attr_t attr;
    dnnl_status_t status = dnnl_success;
    int failed = make_attr(&attr, &conv->spec, err);

    if (!failed)
        status = describe_forward(pd, conv->dnn->engine, g, conv->spec.backward,
                                  conv->spec.bias, attr);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (failed || check(status, "convolution", err))
        return -1;
    TRY(dnnl_primitive_create(&conv->forward, *pd));
    return open_layout(&conv->w_forward, conv,
                       dnnl_primitive_desc_query_md(*pd, dnnl_query_weights_md, 0), false,
                       false, err);
}

static int open_weights(struct xk_dnn_conv *conv, dnnl_primitive_desc_t hint,
                        const struct geometry *g, struct xr_err *err)
{
    dnnl_primitive_desc_t pd;
    int failed;

    TRY(describe_weights(&pd, conv->dnn->engine, g, hint));
    failed = check(dnnl_primitive_create(&conv->weights, pd), "weights' gradient", err) ||
             open_layout(&conv->w_grad, conv,
                         dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 0),
                         true, true, err);
    dnnl_primitive_desc_destroy(pd);
    return failed ? -1 : 0;
}

static int open_data(struct xk_dnn_conv *conv, dnnl_primitive_desc_t hint,
                     const struct geometry *g, struct xr_err *err)
{
    dnnl_primitive_desc_t pd;
    int failed;

    TRY(describe_data(&pd, conv->dnn->engine, g, hint));
    failed = check(dnnl_primitive_create(&conv->data, pd), "data's gradient", err) ||
             open_layout(&conv->w_data, conv,
                         dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), true,
                         false, err);
    dnnl_primitive_desc_destroy(pd);
    return failed ? -1 : 0;
}

static int open_memory(dnnl_memory_t *memory, const struct xk_dnn_conv *conv,
                       const struct desc *d, struct xr_err *err)
{
    TRY(dnnl_memory_create(memory, ref(d), conv->dnn->engine, DNNL_MEMORY_NONE));
    return 0;
}

int xk_dnn_conv_open(struct xk_dnn_conv **out, struct xk_dnn *dnn,
                     const struct xk_dnn_conv_spec *spec, struct xr_err *err)
{
    struct xk_dnn_conv *conv = xr_alloc_array(1, sizeof *conv, err);
    dnnl_primitive_desc_t pd = NULL;
    struct geometry g = {0};
    int failed;

    *out = NULL;
    if (!conv)
        return -1;
    conv->dnn = dnn;
    conv->spec = *spec;
    failed = describe(&g, spec, err) || open_forward(conv, &pd, &g, err) ||
             (spec->backward && open_weights(conv, pd, &g, err)) ||
             (spec->backward && spec->data && open_data(conv, pd, &g, err)) ||
             open_memory(&conv->x, conv, &g.x, err) ||
             open_memory(&conv->y, conv, &g.y, err) ||
             open_memory(&conv->bias, conv, &g.bias, err);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    geometry_free(&g);
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

/* The library takes handles without const; a source is not written. */
int xk_dnn_conv_weights(struct xk_dnn_conv *conv, const float *weights,
                        struct xr_err *err)
{
    return reorder(conv, &conv->w_forward, (float *)weights, false, err);
}

static int set_tensors(struct xk_dnn_conv *conv, const void *x, const void *y,
                       struct xr_err *err)
{
    TRY(dnnl_memory_set_data_handle(conv->x, (void *)x));
    TRY(dnnl_memory_set_data_handle(conv->y, (void *)y));
    return 0;
}

int xk_dnn_conv_forward(struct xk_dnn_conv *conv, void *y, const void *x,
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

int xk_dnn_conv_backward_data(struct xk_dnn_conv *conv, void *dx, const void *dy,
                              const float *weights, struct xr_err *err)
{
    dnnl_exec_arg_t args[3] = {{DNNL_ARG_DIFF_SRC, conv->x},
                               {DNNL_ARG_WEIGHTS, conv->w_data.memory},
                               {DNNL_ARG_DIFF_DST, conv->y}};

    if (set_tensors(conv, dx, dy, err) ||
        reorder(conv, &conv->w_data, (float *)weights, false, err))
        return -1;
    TRY(dnnl_primitive_execute(conv->data, conv->dnn->stream, 3, args));
    return 0;
}

int xk_dnn_conv_backward_weights(struct xk_dnn_conv *conv, float *dw, const void *x,
                                 const void *dy, struct xr_err *err)
{
    dnnl_exec_arg_t args[3] = {{DNNL_ARG_SRC, conv->x},
                               {DNNL_ARG_DIFF_WEIGHTS, conv->w_grad.memory},
                               {DNNL_ARG_DIFF_DST, conv->y}};

    if (set_tensors(conv, x, dy, err))
        return -1;
    TRY(dnnl_memory_set_data_handle(conv->w_grad.memory, conv->dnn->room));
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
