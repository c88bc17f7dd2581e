/*
 * DenseNet (Huang et al., "Densely connected convolutional networks", 2016) as in
 * timm.models.densenet. Each layer's output goes behind all there is: a chain of
 * concatenations, of which every tensor has two readers.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_densenet;

static const struct xk_arch archs[] = {
    {"densenet121", 224, XK_IMAGENET, "bicubic", "classifier", "features.norm5"},
    {0},
};

enum {
    N_BLOCKS = 4,
    GROWTH = 32,
    BOTTLENECK = 4 * GROWTH
};

static const size_t layers[][N_BLOCKS] = {{6, 12, 24, 16}};

static int conv(struct xk_graph *g, int x, size_t out, size_t kernel, size_t stride,
                const char *name)
{
    double fan_in = (double)(g->failed ? 1 : g->nodes[x].out * kernel * kernel);
    struct xk_conv c = {.out = out,
                        .kernel = kernel,
                        .stride = stride,
                        .pad = kernel / 2,
                        .init_deviation = sqrt(2.0 / fan_in)};

    return xk_conv(g, x, &c, "features.%s", name);
}

static int bn_relu(struct xk_graph *g, int x, const char *name)
{
    return xk_act(g, xk_bn(g, x, 1e-5f, 1, "features.%s", name), XK_ACT_RELU);
}

static int dense_layer(struct xk_graph *g, int x, size_t block, size_t layer)
{
    char name[64];
    int y = x;

#define NAME(part)                                                                       \
    (snprintf(name, sizeof name, "denseblock%zu.denselayer%zu." part, block, layer), name)
    y = bn_relu(g, y, NAME("norm1"));
    y = conv(g, y, BOTTLENECK, 1, 1, NAME("conv1"));
    y = bn_relu(g, y, NAME("norm2"));
    y = conv(g, y, GROWTH, 3, 1, NAME("conv2"));
#undef NAME
    return xk_concat(g, x, y);
}

static int transition(struct xk_graph *g, int x, size_t number, size_t out)
{
    char name[32];

    snprintf(name, sizeof name, "transition%zu.norm", number);
    x = bn_relu(g, x, name);
    snprintf(name, sizeof name, "transition%zu.conv", number);
    return xk_avgpool(g, conv(g, x, out, 1, 1, name), 2, 2, 0);
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    size_t channels = 2 * GROWTH;
    int x = xk_input(g, spec->channels, spec->height, spec->width);
    double range;

    if (spec->drop_path_rate > 0)
        xk_refuse(g, "%s has no paths to drop", archs[row].name);
    x = bn_relu(g, conv(g, x, channels, 7, 2, "conv0"), "norm0");
    xk_layer(g, x, "features.norm0");
    x = xk_maxpool(g, x, 3, 2, 1);
    for (size_t b = 0; b < N_BLOCKS; b++) {
        for (size_t l = 0; l < layers[row][b]; l++)
            x = dense_layer(g, x, b + 1, l + 1);
        xk_layer(g, x, "features.denseblock%zu", b + 1);
        channels += layers[row][b] * GROWTH;
        if (b + 1 < N_BLOCKS) {
            channels /= 2;
            x = transition(g, x, b + 1, channels);
            xk_layer(g, x, "features.transition%zu", b + 1);
        }
    }
    x = bn_relu(g, x, "norm5");
    xk_layer(g, x, "features.norm5");
    x = xk_dropout(g, xk_gap(g, x), spec->drop_rate);
    range = 1.0 / sqrt((double)channels);
    xk_linear(g, x, spec->n_classes, range, 0, "classifier");
}

const struct xk_family xk_family_densenet = {archs, build};
