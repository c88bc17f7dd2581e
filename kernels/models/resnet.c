/*
 * ResNet (He et al., "Deep residual learning for image recognition", 2015), ResNeXt (Xie
 * et al. 2016) and SE-ResNet (Hu et al. 2017) as in timm.models.resnet.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_resnet;

#define NET(name)                                                                        \
    {                                                                                    \
        name, 224, XK_IMAGENET, "bicubic", "fc", "layer4"                                \
    }

static const struct xk_arch archs[] = {
    NET("resnet18"),
    NET("resnet34"),
    NET("resnet50"),
    NET("resnet101"),
    NET("resnext50_32x4d"),
    NET("seresnet50"),
    {0},
};

struct variant {
    size_t blocks[4];
    size_t expansion; /* 1: two 3x3 convolutions, 4: bottleneck */
    size_t groups;    /* of the bottleneck's 3x3 convolution */
    size_t widen;     /* of the bottleneck: groups times their width of 4, by 64 */
    bool se;          /* squeeze and excitation */
};

static const struct variant variants[] = {
    {{2, 2, 2, 2}, 1, 1, 1, false},  {{3, 4, 6, 3}, 1, 1, 1, false},
    {{3, 4, 6, 3}, 4, 1, 1, false},  {{3, 4, 23, 3}, 4, 1, 1, false},
    {{3, 4, 6, 3}, 4, 32, 2, false}, {{3, 4, 6, 3}, 4, 1, 1, true},
};

static int conv(struct xk_graph *g, int x, size_t out, size_t kernel, size_t stride,
                size_t groups, const char *prefix, const char *name)
{
    struct xk_conv c = {.out = out,
                        .kernel = kernel,
                        .stride = stride,
                        .groups = groups,
                        .pad = kernel / 2};

    c.init_deviation = sqrt(2.0 / (double)(out * kernel * kernel));
    return xk_conv(g, x, &c, "%s%s", prefix, name);
}

static int bn(struct xk_graph *g, int x, double gamma, const char *prefix,
              const char *name)
{
    return xk_bn(g, x, 1e-5f, gamma, "%s%s", prefix, name);
}

static int bn_relu(struct xk_graph *g, int x, const char *prefix, const char *name)
{
    return xk_act(g, bn(g, x, 1, prefix, name), XK_ACT_RELU);
}

/* A convolution of pooled values; timm leaves its bias as torch begins it. */
static int excite(struct xk_graph *g, int x, size_t in, size_t out, const char *prefix,
                  const char *name)
{
    struct xk_conv c = {.out = out, .kernel = 1, .bias = true};

    c.init_deviation = sqrt(2.0 / (double)out);
    x = xk_conv(g, x, &c, "%s%s", prefix, name);
    xk_init(g, x, XK_BIAS, XK_INIT_UNIFORM, 1.0 / sqrt((double)in));
    return x;
}

static int squeeze_excite(struct xk_graph *g, int x, size_t channels, const char *prefix)
{
    size_t reduced = channels / 16;
    int s = excite(g, xk_gap(g, x), channels, reduced, prefix, ".se.fc1");

    s = excite(g, xk_act(g, s, XK_ACT_RELU), reduced, channels, prefix, ".se.fc2");
    return xk_gate(g, x, s, XK_ACT_SIGMOID);
}

static int block(struct xk_graph *g, const struct variant *v, int x, size_t planes,
                 size_t stride, bool downsample, float drop_path, const char *prefix)
{
    size_t out = planes * v->expansion, width = planes * v->widen;
    int shortcut = x, y;

    if (v->expansion == 1) {
        y = bn_relu(g, conv(g, x, planes, 3, stride, 1, prefix, ".conv1"), prefix,
                    ".bn1");
        y = bn(g, conv(g, y, out, 3, 1, 1, prefix, ".conv2"), 0, prefix, ".bn2");
    } else {
        y = bn_relu(g, conv(g, x, width, 1, 1, 1, prefix, ".conv1"), prefix, ".bn1");
        y = conv(g, y, width, 3, stride, v->groups, prefix, ".conv2");
        y = bn_relu(g, y, prefix, ".bn2");
        y = bn(g, conv(g, y, out, 1, 1, 1, prefix, ".conv3"), 0, prefix, ".bn3");
    }
    if (v->se)
        y = squeeze_excite(g, y, out, prefix);
    if (downsample) {
        shortcut = conv(g, x, out, 1, stride, 1, prefix, ".downsample.0");
        shortcut = bn(g, shortcut, 1, prefix, ".downsample.1");
    }
    y = xk_drop_path(g, y, drop_path, "%s.drop_path", prefix);
    return xk_act(g, xk_add(g, y, shortcut), XK_ACT_RELU);
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    const struct variant *v = &variants[row];
    size_t n_blocks = 0, done = 0;
    double range;
    char prefix[32];
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    for (size_t s = 0; s < 4; s++)
        n_blocks += v->blocks[s];
    x = bn_relu(g, conv(g, x, 64, 7, 2, 1, "", "conv1"), "", "bn1");
    xk_layer(g, x, "act1");
    x = xk_maxpool(g, x, 3, 2, 1);
    xk_layer(g, x, "maxpool");
    for (size_t s = 0; s < 4; s++) {
        for (size_t b = 0; b < v->blocks[s]; b++, done++) {
            size_t stride = b == 0 && s > 0 ? 2 : 1;
            float drop = spec->drop_path_rate * (float)done / (float)(n_blocks - 1);

            snprintf(prefix, sizeof prefix, "layer%zu.%zu", s + 1, b);
            x = block(g, v, x, (size_t)64 << s, stride,
                      b == 0 && (s > 0 || v->expansion > 1), drop, prefix);
            xk_layer(g, x, "%s", prefix);
        }
        xk_layer(g, x, "layer%zu", s + 1);
    }
    x = xk_dropout(g, xk_gap(g, x), spec->drop_rate);
    range = 1.0 / sqrt(512.0 * (double)v->expansion);
    xk_linear(g, x, spec->n_classes, range, range, "fc");
}

const struct xk_family xk_family_resnet = {archs, build};
