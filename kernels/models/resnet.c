/*
 * ResNet (He et al., "Deep residual learning for image recognition", 2015) as in
 * timm.models.resnet.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_resnet;

#define IMAGENET                                                                         \
    {0.485f, 0.456f, 0.406f},                                                            \
    {                                                                                    \
        0.229f, 0.224f, 0.225f                                                           \
    }

static const struct xk_arch archs[] = {
    {"resnet18", 224, IMAGENET, "bicubic", "fc", "layer4"},
    {"resnet50", 224, IMAGENET, "bicubic", "fc", "layer4"},
    {0},
};

static const struct {
    size_t blocks[4];
    size_t expansion; /* 1: two 3x3 convolutions, 4: bottleneck */
} rows[] = {
    {{2, 2, 2, 2}, 1},
    {{3, 4, 6, 3}, 4},
};

static int conv(struct xk_graph *g, int x, size_t out, size_t kernel, size_t stride,
                const char *prefix, const char *name)
{
    struct xk_conv c = {
        .out = out, .kernel = kernel, .stride = stride, .pad = kernel / 2};

    c.init_deviation = sqrt(2.0 / (double)(out * kernel * kernel));
    return xk_conv(g, x, &c, "%s%s", prefix, name);
}

static int block(struct xk_graph *g, int x, size_t width, size_t expansion, size_t stride,
                 bool downsample, float drop_path, const char *prefix)
{
    int shortcut = x, y;

    if (expansion == 1) {
        y = conv(g, x, width, 3, stride, prefix, ".conv1");
        y = xk_act(g, xk_bn(g, y, 1e-5f, 1, "%s.bn1", prefix), XK_ACT_RELU);
        y = conv(g, y, width, 3, 1, prefix, ".conv2");
        y = xk_bn(g, y, 1e-5f, 0, "%s.bn2", prefix);
    } else {
        y = conv(g, x, width, 1, 1, prefix, ".conv1");
        y = xk_act(g, xk_bn(g, y, 1e-5f, 1, "%s.bn1", prefix), XK_ACT_RELU);
        y = conv(g, y, width, 3, stride, prefix, ".conv2");
        y = xk_act(g, xk_bn(g, y, 1e-5f, 1, "%s.bn2", prefix), XK_ACT_RELU);
        y = conv(g, y, width * expansion, 1, 1, prefix, ".conv3");
        y = xk_bn(g, y, 1e-5f, 0, "%s.bn3", prefix);
    }
    if (downsample) {
        shortcut = conv(g, x, width * expansion, 1, stride, prefix, ".downsample.0");
        shortcut = xk_bn(g, shortcut, 1e-5f, 1, "%s.downsample.1", prefix);
    }
    y = xk_drop_path(g, y, drop_path, "%s.drop_path", prefix);
    return xk_act(g, xk_add(g, y, shortcut), XK_ACT_RELU);
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    size_t n_blocks = 0, done = 0;
    double range;
    char prefix[32];
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    for (size_t s = 0; s < 4; s++)
        n_blocks += rows[row].blocks[s];
    x = conv(g, x, 64, 7, 2, "", "conv1");
    x = xk_act(g, xk_bn(g, x, 1e-5f, 1, "bn1"), XK_ACT_RELU);
    xk_layer(g, x, "act1");
    x = xk_maxpool(g, x, 3, 2, 1);
    xk_layer(g, x, "maxpool");
    for (size_t s = 0; s < 4; s++) {
        for (size_t b = 0; b < rows[row].blocks[s]; b++, done++) {
            size_t stride = b == 0 && s > 0 ? 2 : 1;
            float drop = spec->drop_path_rate * (float)done / (float)(n_blocks - 1);

            snprintf(prefix, sizeof prefix, "layer%zu.%zu", s + 1, b);
            x = block(g, x, (size_t)64 << s, rows[row].expansion, stride,
                      b == 0 && (s > 0 || rows[row].expansion > 1), drop, prefix);
            xk_layer(g, x, "%s", prefix);
        }
        xk_layer(g, x, "layer%zu", s + 1);
    }
    x = xk_dropout(g, xk_gap(g, x), spec->drop_rate);
    range = 1.0 / sqrt(512.0 * (double)rows[row].expansion);
    xk_linear(g, x, spec->n_classes, range, range, "fc");
}

const struct xk_family xk_family_resnet = {archs, build};
