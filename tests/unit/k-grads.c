/*
 * Numerical gradients of every operation of the graph: small graphs around each, odd
 * sizes, strides, groups, images of one pixel, batches of one. The loss is a weighted sum
 * of the logits; along a random direction of each parameter its central difference must
 * be the gradient's. A convolution in front of the operation sees the gradient of its
 * input, one behind it makes the pixels unequal.
 */
#include <string.h>

#include "net_impl.h"
#include "rng.h"
#include "tap.h"

enum {
    N_CLASSES = 3
};

/* One graph; x is a convolution of `channels` with a bias over an image of h x w. */
struct test {
    const char *name;
    int (*build)(struct xk_graph *g, int x);
    size_t h, w, batch, channels;
};

static bool second_head;           /* of all nets, counted too */
static const struct test *current; /* what build_test builds: a family has no closure */

static int conv(struct xk_graph *g, int x, size_t out, size_t kernel, size_t stride,
                size_t pad, size_t groups, bool bias, const char *name)
{
    struct xk_conv c = {.out = out,
                        .kernel = kernel,
                        .stride = stride,
                        .pad = pad,
                        .groups = groups,
                        .bias = bias,
                        .init_deviation = 0.5};

    return xk_conv(g, x, &c, "%s", name);
}

static void build_test(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    (void)row;
    x = conv(g, x, current->channels, 1, 1, 0, 1, true, "before");
    x = current->build(g, x);
    x = xk_flatten(g, x); /* every value of the result counts on its own */
    xk_linear(g, x, spec->n_classes, 0.5, 0.5, "head");
}

static const struct xk_arch archs[] = {{.name = "test"}, {0}};
static const struct xk_family family = {archs, build_test};

/* What a logit of the second head weighs in the loss. */
static float map_weight(size_t i)
{
    return 0.3f + 0.1f * (float)(i % 7);
}

static double forward_map(struct xk_net *net)
{
    float map[256];
    double loss = 0;
    size_t h, w;
    struct xr_err err = {0};

    if (!net->spec.map)
        return 0;
    if (xk_net_map(net, map, &h, &w, &err))
        ok(0, "%s", err.text);
    for (size_t i = 0; i < current->batch * h * w; i++)
        loss += (double)map[i] * (double)map_weight(i);
    return loss;
}

static void backward(struct xk_net *net, const float *d)
{
    float map[256];
    struct xr_err err = {0};

    for (size_t i = 0; i < 256; i++)
        map[i] = map_weight(i);
    if ((net->spec.map && xk_net_set_map_grad(net, map, &err)) ||
        xk_net_backward(net, d, &err))
        ok(0, "%s", err.text);
}

static double forward(struct xk_net *net, const float *d)
{
    float logits[8 * N_CLASSES];
    double loss = 0;
    struct xr_err err = {0};

    if (xk_net_forward(net, logits, true, 5, 7, &err))
        ok(0, "%s", err.text);
    for (size_t i = 0; i < current->batch * N_CLASSES; i++)
        loss += (double)logits[i] * (double)d[i];
    return loss + forward_map(net);
}

static float *fill(size_t n, const char *name, double lo, double hi)
{
    float *v = malloc((n + 1) * sizeof *v);
    struct xr_rng rng;

    xr_rng_init(&rng, 2, 0, name, "fill");
    for (size_t i = 0; i < n; i++)
        v[i] = (float)xr_rng_between(&rng, lo, hi);
    return v;
}

/* Worst difference over all parameters, in units of what a random direction gives (and
 * what rounding of the loss makes of gradients that are 0: a bias before a batch norm).
 */
static double worst_slope(struct xk_net *net, const float *d)
{
    double worst = 0;
    struct xr_err err = {0};

    if (xk_net_zero_grad(net, &err))
        ok(0, "%s", err.text);
    forward(net, d);
    backward(net, d);
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v, *g, *way, *moved;
        double slope = 0, up = 0, down = 0, size = 0, h = 2e-3;

        if (!p->trainable)
            continue;
        v = malloc(p->count * sizeof *v);
        g = malloc(p->count * sizeof *g);
        moved = malloc(p->count * sizeof *moved);
        way = fill(p->count, p->name, -1, 1);
        if (xk_net_get(net, i, v, &err) || xk_net_get_grad(net, i, g, &err))
            ok(0, "%s", err.text);
        for (size_t k = 0; k < p->count; k++) {
            slope += (double)g[k] * (double)way[k];
            size += (double)g[k] * (double)g[k];
        }
        for (int side = 0; side < 2; side++) {
            for (size_t k = 0; k < p->count; k++)
                moved[k] = v[k] + (float)(side ? -h : h) * way[k];
            if (xk_net_set(net, i, moved, &err))
                ok(0, "%s", err.text);
            *(side ? &down : &up) = forward(net, d);
        }
        if (xk_net_set(net, i, v, &err))
            ok(0, "%s", err.text);
        slope = fabs((up - down) / (2 * h) - slope) /
                (sqrt(size / 3) + 0.1 + 0.02 * fabs(up));
        if (!(slope < 1e-2))
            printf("# %s: off by %.3g of |gradient|\n", p->name, slope);
        worst = fmax(worst, isnan(slope) ? INFINITY : slope);
        free(v);
        free(g);
        free(moved);
        free(way);
    }
    return worst;
}

static struct xk_net *open_net(const struct test *t, enum xk_dtype dtype,
                               const float *pixels)
{
    struct xk_spec spec = {.n_classes = N_CLASSES,
                           .channels = 3,
                           .height = t->h,
                           .width = t->w,
                           .batch = t->batch,
                           .training = true,
                           .dtype = dtype,
                           .map = second_head,
                           .n_threads = 2};
    struct xk_net *net;
    struct xr_err err = {0};

    current = t;
    if (xk_net_open_family(&net, &family, 0, &spec, &err)) {
        ok(0, "%s: %s", t->name, err.text);
        exit(tap_done());
    }
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        bool positive = p->n_dims == 1 && !strstr(p->name, "bias");
        float *v = fill(p->count, p->name, positive ? 0.5 : -1, 1);

        if (p->trainable && xk_net_set(net, i, v, &err))
            ok(0, "%s", err.text);
        free(v);
    }
    if (xk_net_input_f32(net, pixels, t->batch, &err))
        ok(0, "%s", err.text);
    return net;
}

/* All gradients, one behind the other, where the parameters lie. */
static float *gradients(struct xk_net *net, const float *d)
{
    float *g = calloc(net->graph.param_floats, sizeof *g);
    struct xr_err err = {0};

    if (xk_net_zero_grad(net, &err))
        ok(0, "%s", err.text);
    forward(net, d);
    backward(net, d);
    for (size_t i = 0; i < xk_net_n_params(net); i++)
        if (xk_net_param(net, i)->trainable &&
            xk_net_get_grad(net, i, g + net->graph.params[i].offset, &err))
            ok(0, "%s", err.text);
    return g;
}

/* Tensors stored in bfloat16 have gradients a few roundings (2^-9) away. */
static double bf16_off(struct xk_net *net, const struct test *t, const float *pixels,
                       const float *d)
{
    struct xk_net *narrow = open_net(t, XK_BF16, pixels);
    float *want = gradients(net, d), *got = gradients(narrow, d);
    double off = 0, size = 0;

    for (size_t i = 0; i < net->graph.param_floats; i++) {
        off += pow((double)got[i] - (double)want[i], 2);
        size += pow((double)want[i], 2);
    }
    free(want);
    free(got);
    xk_net_close(narrow);
    return sqrt(off / size);
}

static void check(const struct test *t)
{
    float *pixels = fill(t->batch * 3 * t->h * t->w, "pixels", -1, 1);
    float *d = fill(8 * N_CLASSES, "d", 0.5, 1.5);
    struct xk_net *net = open_net(t, XK_F32, pixels);
    double off = worst_slope(net, d), narrow = bf16_off(net, t, pixels, d);

    ok(off < 1e-2, "%s of %zux%zux%zu, batch %zu (%.1g)", t->name, t->h, t->w,
       t->channels, t->batch, off);
    ok(narrow < 0.05, "the same in bfloat16 (%.1g)", narrow);
    xk_net_close(net);
    free(pixels);
    free(d);
}

/* --- the operations ---------------------------------------------------------------- */

static int conv_3x3(struct xk_graph *g, int x)
{
    return conv(g, x, 5, 3, 1, 1, 1, false, "op");
}

/* many channels: by Winograd's way */
static int conv_3x3_wide(struct xk_graph *g, int x)
{
    return conv(g, x, 18, 3, 1, 1, 1, true, "op");
}

static int conv_3x3_norms(struct xk_graph *g, int x)
{
    x = xk_act(g, xk_bn(g, x, 1e-3f, 1, "norm1"), XK_ACT_HARDSWISH);
    x = conv(g, x, current->channels, 3, 1, 1, 1, false, "op");
    return xk_act(g, xk_bn(g, x, 1e-3f, 1, "norm2"), XK_ACT_SILU);
}

static int conv_strided(struct xk_graph *g, int x)
{
    return conv(g, x, 7, 3, 2, 1, 1, true, "op");
}

static int conv_patch(struct xk_graph *g, int x)
{
    return conv(g, x, 6, 2, 2, 0, 1, true, "op");
}

static int conv_5x5_stride_3(struct xk_graph *g, int x)
{
    return conv(g, x, 4, 5, 3, 2, 1, true, "op");
}

static int conv_grouped(struct xk_graph *g, int x)
{
    return conv(g, x, 8, 3, 2, 1, 2, true, "op");
}

static int conv_same(struct xk_graph *g, int x)
{
    struct xk_conv c = {
        .out = 4, .kernel = 3, .stride = 2, .same = true, .init_deviation = 0.5};

    return xk_conv(g, x, &c, "op");
}

static int conv_whole(struct xk_graph *g, int x)
{
    return conv(g, x, 6, 3, 1, 0, 1, true, "op");
}

static int conv_linear(struct xk_graph *g, int x)
{
    struct xk_conv c = {
        .out = 5, .kernel = 1, .bias = true, .linear = true, .init_deviation = 0.5};

    return xk_conv(g, x, &c, "op");
}

static int depthwise(struct xk_graph *g, int x)
{
    return conv(g, x, current->channels, 3, 1, 1, current->channels, true, "op");
}

static int depthwise_7x7(struct xk_graph *g, int x)
{
    return conv(g, x, current->channels, 7, 1, 3, current->channels, true, "op");
}

static int depthwise_5x5_strided(struct xk_graph *g, int x)
{
    return conv(g, x, current->channels, 5, 2, 2, current->channels, false, "op");
}

/* with batch norms on both sides, which fusing puts into the convolution */
static int depthwise_norms(struct xk_graph *g, int x)
{
    x = xk_act(g, xk_bn(g, x, 1e-3f, 1, "norm1"), XK_ACT_HARDSWISH);
    x = conv(g, x, current->channels, 3, 2, 1, current->channels, false, "op");
    return xk_act(g, xk_bn(g, x, 1e-3f, 1, "norm2"), XK_ACT_SILU);
}

/* a bias in front of a batch norm: fusing must leave them alone */
static int depthwise_bias_norm(struct xk_graph *g, int x)
{
    x = conv(g, x, current->channels, 3, 1, 1, current->channels, true, "op");
    return xk_bn(g, x, 1e-3f, 1, "norm");
}

static int bn(struct xk_graph *g, int x)
{
    return xk_bn(g, x, 1e-3f, 1, "op");
}

static int bn_silu(struct xk_graph *g, int x)
{
    return xk_act(g, bn(g, x), XK_ACT_SILU);
}

static int bn_hardswish(struct xk_graph *g, int x)
{
    return xk_act(g, bn(g, x), XK_ACT_HARDSWISH);
}

static int bn_gelu(struct xk_graph *g, int x)
{
    return xk_act(g, bn(g, x), XK_ACT_GELU);
}

static int bn_residual(struct xk_graph *g, int x)
{
    int y = conv(g, x, current->channels, 3, 1, 1, 1, false, "op");

    y = xk_drop_path(g, xk_bn(g, y, 1e-3f, 1, "norm"), 0.4f, "path");
    return xk_act(g, xk_add(g, y, x), XK_ACT_RELU);
}

#define ACT(name, id)                                                                    \
    static int name(struct xk_graph *g, int x)                                           \
    {                                                                                    \
        return xk_act(g, x, id);                                                         \
    }
ACT(relu, XK_ACT_RELU)
ACT(relu6, XK_ACT_RELU6)
ACT(silu, XK_ACT_SILU)
ACT(sigmoid, XK_ACT_SIGMOID)
ACT(gelu, XK_ACT_GELU)
ACT(tanhyp, XK_ACT_TANH)
ACT(hardswish, XK_ACT_HARDSWISH)
ACT(hardsigmoid, XK_ACT_HARDSIGMOID)

static int add(struct xk_graph *g, int x)
{
    return xk_add(g, conv(g, x, current->channels, 1, 1, 0, 1, true, "op"), x);
}

static int concat(struct xk_graph *g, int x)
{
    return xk_concat(g, conv(g, x, 3, 3, 1, 1, 1, false, "op"), x);
}

/* A chain as in DenseNet: two gradients meet at every tensor of it. */
static int concat_chain(struct xk_graph *g, int x)
{
    char name[16];

    for (int i = 0; i < 3; i++) {
        int y;

        snprintf(name, sizeof name, "norm%d", i);
        y = xk_act(g, xk_bn(g, x, 1e-3f, 1, "%s", name), XK_ACT_SILU);
        snprintf(name, sizeof name, "conv%d", i);
        x = xk_concat(g, x, conv(g, y, 3, 3, 1, 1, 1, false, name));
    }
    return x;
}

/* Five gradients meet at x, some of them shared buffers of additions. */
static int many_readers(struct xk_graph *g, int x)
{
    int a = conv(g, x, current->channels, 3, 1, 1, 1, true, "a");
    int b = xk_act(g, x, XK_ACT_TANH), y;

    y = xk_add(g, xk_add(g, a, x), xk_add(g, b, x));
    return xk_concat(g, y, x);
}

static int maxpool(struct xk_graph *g, int x)
{
    return xk_maxpool(g, x, 3, 2, 1);
}

static int maxpool_2x2(struct xk_graph *g, int x)
{
    return xk_maxpool(g, x, 2, 2, 0);
}

static int avgpool(struct xk_graph *g, int x)
{
    return xk_avgpool(g, x, 2, 2, 0);
}

static int avgpool_padded(struct xk_graph *g, int x)
{
    return xk_avgpool(g, x, 3, 2, 1);
}

static int adaptive(struct xk_graph *g, int x)
{
    return xk_adaptive_pool(g, x, 3, 4);
}

static int gap(struct xk_graph *g, int x)
{
    return xk_gap(g, x);
}

static int bn_silu_gap(struct xk_graph *g, int x)
{
    x = conv(g, x, current->channels, 3, 1, 1, 1, false, "op");
    return xk_gap(g, xk_act(g, xk_bn(g, x, 1e-3f, 1, "norm"), XK_ACT_SILU));
}

static int gate(struct xk_graph *g, int x)
{
    int s = conv(g, xk_gap(g, x), 2, 1, 1, 0, 1, true, "reduce");

    s = xk_act(g, s, XK_ACT_SILU);
    s = conv(g, s, current->channels, 1, 1, 0, 1, true, "expand");
    return xk_gate(g, x, s, XK_ACT_SIGMOID);
}

static int gate_hard(struct xk_graph *g, int x)
{
    int s = conv(g, xk_gap(g, x), current->channels, 1, 1, 0, 1, true, "op");

    return xk_gate(g, x, s, XK_ACT_HARDSIGMOID);
}

static int layernorm(struct xk_graph *g, int x)
{
    return xk_layernorm(g, x, 1e-3f, "op");
}

static int scale(struct xk_graph *g, int x)
{
    return xk_scale(g, x, xk_scale_param(g, current->channels, 1, "gamma"));
}

static int dropout(struct xk_graph *g, int x)
{
    return xk_dropout(g, x, 0.3f);
}

static int drop_path(struct xk_graph *g, int x)
{
    return xk_drop_path(g, x, 0.4f, "op");
}

static int hidden(struct xk_graph *g, int x)
{
    size_t in = current->h * current->w * current->channels;

    return xk_act(g, xk_hidden(g, xk_flatten(g, x), 9, in, "op"), XK_ACT_TANH);
}

int main(void)
{
    static const struct test tests[] = {
        {"conv 3x3", conv_3x3, 5, 7, 2, 4},
        {"conv 3x3", conv_3x3, 1, 1, 1, 4},
        {"conv 3x3, bias", conv_3x3_wide, 5, 7, 2, 17},
        {"conv 3x3 between batch norms", conv_3x3_norms, 5, 6, 2, 17},
        {"conv 3x3 stride 2, bias", conv_strided, 7, 6, 3, 5},
        {"conv 2x2 stride 2, bias", conv_patch, 7, 5, 2, 4},
        {"conv 5x5 stride 3, bias", conv_5x5_stride_3, 9, 8, 1, 3},
        {"conv in 2 groups, bias", conv_grouped, 5, 6, 2, 6},
        {"conv, TensorFlow's padding", conv_same, 6, 7, 2, 4},
        {"conv over the whole image", conv_whole, 3, 3, 3, 4},
        {"conv over the whole image", conv_whole, 3, 3, 1, 5},
        {"linear on pixels", conv_linear, 3, 5, 2, 4},
        {"linear on pixels", conv_linear, 1, 1, 1, 4},
        {"depthwise 3x3, bias", depthwise, 5, 4, 2, 5},
        {"depthwise 3x3, bias", depthwise, 1, 1, 1, 17},
        {"depthwise 7x7, bias", depthwise_7x7, 5, 9, 2, 6},
        {"depthwise 7x7, bias", depthwise_7x7, 1, 2, 1, 3},
        {"depthwise 5x5 stride 2", depthwise_5x5_strided, 7, 5, 2, 5},
        {"depthwise 3x3, bias, whole packs", depthwise, 5, 9, 2, 16},
        {"depthwise 7x7, bias, whole packs", depthwise_7x7, 6, 5, 2, 8},
        {"depthwise 5x5 stride 2, whole packs", depthwise_5x5_strided, 7, 10, 2, 24},
        {"depthwise between batch norms", depthwise_norms, 5, 7, 3, 6},
        {"depthwise with bias, batch norm", depthwise_bias_norm, 5, 4, 2, 5},
        {"batch norm", bn, 5, 3, 2, 5},
        {"batch norm", bn, 1, 1, 5, 3},
        {"batch norm, SiLU", bn_silu, 3, 4, 2, 6},
        {"batch norm, SiLU, whole packs", bn_silu, 3, 4, 2, 24},
        {"batch norm, hard swish", bn_hardswish, 3, 5, 2, 6},
        {"batch norm, GELU", bn_gelu, 3, 5, 2, 6},
        {"batch norm, drop path, addition, ReLU", bn_residual, 4, 5, 4, 5},
        {"batch norm, drop path, addition, whole packs", bn_residual, 4, 5, 4, 16},
        {"ReLU", relu, 3, 5, 2, 4},
        {"ReLU6", relu6, 3, 5, 2, 4},
        {"SiLU", silu, 3, 5, 2, 4},
        {"sigmoid", sigmoid, 3, 5, 2, 4},
        {"GELU", gelu, 3, 5, 2, 4},
        {"tanh", tanhyp, 1, 1, 1, 4},
        {"hard swish", hardswish, 3, 5, 2, 4},
        {"hard sigmoid", hardsigmoid, 3, 5, 2, 4},
        {"addition", add, 3, 5, 2, 4},
        {"concatenation", concat, 3, 5, 2, 4},
        {"concatenation", concat, 1, 1, 1, 17},
        {"chain of concatenations", concat_chain, 4, 3, 2, 5},
        {"five readers of one tensor", many_readers, 4, 3, 2, 5},
        {"max pooling 3x3 stride 2", maxpool, 7, 6, 2, 5},
        {"max pooling 3x3 stride 2", maxpool, 1, 1, 1, 5},
        {"max pooling 2x2", maxpool_2x2, 5, 7, 2, 5},
        {"average pooling 2x2", avgpool, 5, 7, 2, 5},
        {"average pooling 3x3 stride 2, padded", avgpool_padded, 6, 7, 2, 17},
        {"average pooling 3x3 stride 2, padded", avgpool_padded, 1, 1, 1, 3},
        {"adaptive pooling, down", adaptive, 7, 9, 2, 5},
        {"adaptive pooling, up", adaptive, 2, 1, 2, 5},
        {"adaptive pooling, one pixel", adaptive, 1, 1, 1, 3},
        {"global pooling", gap, 5, 3, 2, 5},
        {"global pooling", gap, 1, 1, 1, 5},
        {"gate", gate, 5, 3, 2, 5},
        {"gate, hard sigmoid", gate_hard, 1, 1, 1, 5},
        {"layer norm", layernorm, 3, 5, 2, 5},
        {"gate, whole packs", gate, 5, 3, 2, 16},
        {"layer norm", layernorm, 1, 1, 1, 33},
        {"layer norm, whole packs", layernorm, 2, 3, 2, 40},
        {"layer scale", scale, 3, 5, 2, 5},
        {"layer scale", scale, 1, 1, 1, 20},
        {"dropout", dropout, 3, 5, 2, 5},
        {"drop path", drop_path, 3, 5, 4, 5},
        {"hidden linear", hidden, 3, 2, 2, 4},
        {"hidden linear", hidden, 1, 1, 1, 4},
    };
    static const struct test mapped[] = {
        {"pooling, a second head", gap, 5, 3, 2, 5},
        {"pooling, a second head", gap, 1, 1, 1, 18},
        {"batch norm, SiLU, pooling, a second head", bn_silu_gap, 4, 3, 2, 6},
    };

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        check(&tests[i]);
    second_head = true;
    for (size_t i = 0; i < sizeof mapped / sizeof *mapped; i++)
        check(&mapped[i]);
    return tap_done();
}
