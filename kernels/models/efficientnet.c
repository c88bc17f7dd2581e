/*
 * EfficientNet (Tan and Le 2019) and EfficientNet-Lite as in timm.models.efficientnet.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_efficientnet;

#define IMAGENET                                                                         \
    {0.485f, 0.456f, 0.406f},                                                            \
    {                                                                                    \
        0.229f, 0.224f, 0.225f                                                           \
    }
#define HALF                                                                             \
    {0.5f, 0.5f, 0.5f},                                                                  \
    {                                                                                    \
        0.5f, 0.5f, 0.5f                                                                 \
    }

static const struct xk_arch archs[] = {
    {"efficientnet_b0", 224, IMAGENET, "bicubic", "classifier", "bn2"},
    {"tf_efficientnet_lite0", 224, HALF, "bicubic", "classifier", "bn2"},
    {0},
};

/* What differs between the members of the family. */
struct variant {
    enum xk_act act;
    bool same; /* TensorFlow's padding */
    bool se;   /* squeeze and excitation */
    float eps;
};

static const struct variant variants[] = {
    {XK_ACT_SILU, false, true, 1e-5f},
    {XK_ACT_RELU6, true, false, 1e-3f},
};

static const struct {
    size_t repeats, kernel, stride, expansion, out;
} stages[] = {
    {1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},  {3, 3, 2, 6, 80},
    {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320},
};

enum {
    N_STAGES = sizeof stages / sizeof *stages
};

static int conv(struct xk_graph *g, const struct variant *v, int x, size_t out,
                size_t kernel, size_t stride, size_t groups, bool bias,
                const char *prefix, const char *name)
{
    struct xk_conv c = {.out = out, .kernel = kernel, .stride = stride, .groups = groups};

    c.pad = kernel / 2;
    c.same = v->same;
    c.bias = bias;
    c.init_deviation = sqrt(2.0 / (double)(kernel * kernel * out / groups));
    return xk_conv(g, x, &c, "%s%s", prefix, name);
}

static int bn_act(struct xk_graph *g, const struct variant *v, int x, const char *prefix,
                  const char *name)
{
    return xk_act(g, xk_bn(g, x, v->eps, 1, "%s%s", prefix, name), v->act);
}

static int squeeze_excite(struct xk_graph *g, const struct variant *v, int x,
                          size_t width, size_t reduced, const char *prefix)
{
    int s = xk_gap(g, x);

    s = xk_act(g, conv(g, v, s, reduced, 1, 1, 1, true, prefix, ".se.conv_reduce"),
               v->act);
    s = conv(g, v, s, width, 1, 1, 1, true, prefix, ".se.conv_expand");
    return xk_gate(g, x, s, XK_ACT_SIGMOID);
}

/* One block; with expansion 1 timm's depthwise-separable form, which has other names. */
static int block(struct xk_graph *g, const struct variant *v, int x, size_t in,
                 size_t out, size_t kernel, size_t stride, size_t expansion,
                 float drop_path, const char *prefix)
{
    size_t width = in * expansion;
    bool plain = expansion == 1;
    int y = x;

    if (!plain) {
        y = conv(g, v, y, width, 1, 1, 1, false, prefix, ".conv_pw");
        y = bn_act(g, v, y, prefix, ".bn1");
    }
    y = conv(g, v, y, width, kernel, stride, width, false, prefix, ".conv_dw");
    y = bn_act(g, v, y, prefix, plain ? ".bn1" : ".bn2");
    if (v->se)
        y = squeeze_excite(g, v, y, width, in / 4, prefix);
    y = conv(g, v, y, out, 1, 1, 1, false, prefix, plain ? ".conv_pw" : ".conv_pwl");
    y = xk_bn(g, y, v->eps, 1, "%s%s", prefix, plain ? ".bn2" : ".bn3");
    if (stride == 1 && in == out)
        y = xk_add(g, xk_drop_path(g, y, drop_path, "%s.drop_path", prefix), x);
    return y;
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    const struct variant *v = &variants[row];
    size_t n_blocks = 0, done = 0, in = 32;
    char prefix[32];
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    for (size_t s = 0; s < N_STAGES; s++)
        n_blocks += stages[s].repeats;
    x = conv(g, v, x, in, 3, 2, 1, false, "", "conv_stem");
    x = bn_act(g, v, x, "", "bn1");
    xk_layer(g, x, "bn1");
    for (size_t s = 0; s < N_STAGES; s++) {
        for (size_t b = 0; b < stages[s].repeats; b++, done++) {
            float drop = spec->drop_path_rate * (float)done / (float)n_blocks;

            snprintf(prefix, sizeof prefix, "blocks.%zu.%zu", s, b);
            x = block(g, v, x, in, stages[s].out, stages[s].kernel,
                      b == 0 ? stages[s].stride : 1, stages[s].expansion, drop, prefix);
            xk_layer(g, x, "%s", prefix);
            in = stages[s].out;
        }
        xk_layer(g, x, "blocks.%zu", s);
    }
    x = conv(g, v, x, 1280, 1, 1, 1, false, "", "conv_head");
    xk_layer(g, x, "conv_head");
    x = bn_act(g, v, x, "", "bn2");
    xk_layer(g, x, "bn2");
    x = xk_dropout(g, xk_gap(g, x), spec->drop_rate);
    xk_linear(g, x, spec->n_classes, 1.0 / sqrt((double)spec->n_classes), 0,
              "classifier");
}

const struct xk_family xk_family_efficientnet = {archs, build};
