/*
 * AlexNet (Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
 * 2014) as in torchvision.models.alexnet. Dropout stands before both hidden layers; its
 * rate is the caller's (torchvision's default is 0.5).
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_alexnet;

static const struct xk_arch archs[] = {
    {"alexnet", 224, XK_IMAGENET, "bilinear", "classifier.6", "features.12"},
    {0},
};

enum {
    GRID = 6,
    HIDDEN = 4096
};

static const struct {
    size_t module, out, kernel, stride, pad;
    bool pool; /* behind it */
} convs[] = {
    {0, 64, 11, 4, 2, true},  {3, 192, 5, 1, 2, true},  {6, 384, 3, 1, 1, false},
    {8, 256, 3, 1, 1, false}, {10, 256, 3, 1, 1, true},
};

/* Convolution and ReLU, initialised as torch does by default. */
static int conv(struct xk_graph *g, int x, size_t i)
{
    struct xk_conv c = {.out = convs[i].out,
                        .kernel = convs[i].kernel,
                        .stride = convs[i].stride,
                        .pad = convs[i].pad,
                        .bias = true};
    size_t in = g->failed ? 1 : g->nodes[x].out;
    double range = 1.0 / sqrt((double)(in * c.kernel * c.kernel));

    x = xk_conv(g, x, &c, "features.%zu", convs[i].module);
    xk_init(g, x, XK_WEIGHT, XK_INIT_UNIFORM, range);
    xk_init(g, x, XK_BIAS, XK_INIT_UNIFORM, range);
    return xk_act(g, x, XK_ACT_RELU);
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    double range = 1.0 / sqrt((double)HIDDEN);
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    if (spec->drop_path_rate > 0)
        xk_refuse(g, "%s has no paths to drop", archs[row].name);
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        x = conv(g, x, i);
        xk_layer(g, x, "features.%zu", convs[i].module + 1);
        if (convs[i].pool) {
            x = xk_maxpool(g, x, 3, 2, 0);
            xk_layer(g, x, "features.%zu", convs[i].module + 2);
        }
    }
    x = xk_flatten(g, xk_adaptive_pool(g, x, GRID, GRID));
    x = xk_dropout_at(g, x, spec->drop_rate, "classifier.0");
    x = xk_hidden(g, x, HIDDEN, 256 * GRID * GRID, "classifier.1");
    x = xk_dropout_at(g, xk_act(g, x, XK_ACT_RELU), spec->drop_rate, "classifier.3");
    x = xk_hidden(g, x, HIDDEN, HIDDEN, "classifier.4");
    xk_linear(g, xk_act(g, x, XK_ACT_RELU), spec->n_classes, range, range,
              "classifier.6");
}

const struct xk_family xk_family_alexnet = {archs, build};
