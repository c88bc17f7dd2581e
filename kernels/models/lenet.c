/*
 * LeNet-5 (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
 * document recognition", 1998) in the form in which it is taught today.
 *
 * The paper's sizes: C1 6 maps by 5x5, S2 halves, C3 16 maps by 5x5, S4 halves, C5 120
 * maps by 5x5, F6 84 units. Choices where practice has moved on: subsampling is a plain
 * mean (no coefficient and bias of its own), C3 sees all maps of S2 (no table of
 * connections), the squashing function is tanh (not 1.7159 tanh(2x/3)) and stands behind
 * layers with weights only, the output is linear for softmax (not radial basis
 * functions), and weights begin as torch's do. On images larger than the paper's 32x32
 * C5 has more than one pixel, whose mean goes to F6.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_lenet;

static const struct xk_arch archs[] = {
    {"lenet5", 32, XK_HALF, "bilinear", "fc2", "conv2"},
    {0},
};

static int conv(struct xk_graph *g, int x, size_t out, const char *name)
{
    struct xk_conv c = {.out = out, .kernel = 5, .bias = true};
    size_t in = g->failed ? 1 : g->nodes[x].out;
    double range = 1.0 / sqrt((double)(in * 25));

    x = xk_conv(g, x, &c, "%s", name);
    xk_init(g, x, XK_WEIGHT, XK_INIT_UNIFORM, range);
    xk_init(g, x, XK_BIAS, XK_INIT_UNIFORM, range);
    x = xk_act(g, x, XK_ACT_TANH);
    xk_layer(g, x, "%s", name);
    return x;
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    double range = 1.0 / sqrt(84.0);
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    if (spec->drop_path_rate > 0)
        xk_refuse(g, "%s has no paths to drop", archs[row].name);
    x = xk_avgpool(g, conv(g, x, 6, "conv1"), 2, 2, 0);
    x = xk_avgpool(g, conv(g, x, 16, "conv2"), 2, 2, 0);
    x = xk_gap(g, conv(g, x, 120, "conv3"));
    x = xk_act(g, xk_hidden(g, x, 84, 120, "fc1"), XK_ACT_TANH);
    x = xk_dropout(g, x, spec->drop_rate);
    xk_linear(g, x, spec->n_classes, range, range, "fc2");
}

const struct xk_family xk_family_lenet = {archs, build};
