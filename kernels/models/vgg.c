/*
 * VGG (Simonyan and Zisserman, "Very deep convolutional networks", 2014) as in
 * timm.models.vgg: the fully connected layers are convolutions, the first one over 7x7.
 */
#include <math.h>
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_vgg;

enum {
    N_STAGES = 5,
    HEAD_KERNEL = 7,
    HIDDEN = 4096
};

static const struct xk_arch archs[] = {
    {"vgg11_bn", 224, XK_IMAGENET, "bilinear", "head.fc", "features.28"},
    {"vgg16", 224, XK_IMAGENET, "bilinear", "head.fc", "features.30"},
    {"vgg16_bn", 224, XK_IMAGENET, "bilinear", "head.fc", "features.43"},
    {0},
};

static const struct {
    size_t convs[N_STAGES];
    bool bn;
} rows[] = {
    {{1, 1, 2, 2, 2}, true},
    {{2, 2, 3, 3, 3}, false},
    {{2, 2, 3, 3, 3}, true},
};

static int conv(struct xk_graph *g, int x, size_t out, size_t kernel, size_t pad,
                const char *name)
{
    struct xk_conv c = {.out = out, .kernel = kernel, .pad = pad, .bias = true};

    c.init_deviation = sqrt(2.0 / (double)(out * kernel * kernel));
    return xk_conv(g, x, &c, "%s", name);
}

/* Modules are numbered: convolutions, batch norms, activations and poolings alike. */
static int features(struct xk_graph *g, int x, size_t row)
{
    static const size_t width[N_STAGES] = {64, 128, 256, 512, 512};
    char name[24];
    size_t module = 0;

    for (size_t s = 0; s < N_STAGES; s++) {
        for (size_t i = 0; i < rows[row].convs[s]; i++) {
            snprintf(name, sizeof name, "features.%zu", module++);
            x = conv(g, x, width[s], 3, 1, name);
            if (rows[row].bn)
                x = xk_bn(g, x, 1e-5f, 1, "features.%zu", module++);
            x = xk_act(g, x, XK_ACT_RELU);
            xk_layer(g, x, "features.%zu", module++);
        }
        x = xk_maxpool(g, x, 2, 2, 0);
        xk_layer(g, x, "features.%zu", module++);
    }
    return x;
}

static size_t at_least(size_t v, size_t least)
{
    return v > least ? v : least;
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    size_t h = spec->height >> N_STAGES, w = spec->width >> N_STAGES;
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    if (spec->drop_path_rate > 0)
        xk_refuse(g, "%s has no paths to drop", archs[row].name);
    x = features(g, x, row);
    if (h < HEAD_KERNEL || w < HEAD_KERNEL)
        x = xk_adaptive_pool(g, x, at_least(h, HEAD_KERNEL), at_least(w, HEAD_KERNEL));
    x = xk_act(g, conv(g, x, HIDDEN, HEAD_KERNEL, 0, "pre_logits.fc1"), XK_ACT_RELU);
    x = xk_dropout_at(g, x, spec->drop_rate, "pre_logits.drop");
    x = xk_act(g, conv(g, x, HIDDEN, 1, 0, "pre_logits.fc2"), XK_ACT_RELU);
    x = xk_dropout(g, xk_gap(g, x), spec->drop_rate);
    x = xk_linear(g, x, spec->n_classes, 0, 0, "head.fc");
    xk_init(g, x, XK_WEIGHT, XK_INIT_NORMAL, 0.01);
}

const struct xk_family xk_family_vgg = {archs, build};
