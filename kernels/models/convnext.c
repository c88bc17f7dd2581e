/*
 * ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022) as in timm.models.convnext.
 */
#include <stdio.h>

#include "graph.h"

extern const struct xk_family xk_family_convnext;

static const struct xk_arch archs[] = {
    {"convnext_atto", 224, XK_IMAGENET, "bicubic", "head.fc", "stages.3"},
    {"convnext_tiny", 224, XK_IMAGENET, "bicubic", "head.fc", "stages.3"},
    {0},
};

enum {
    N_STAGES = 4
};

#define EPS 1e-6f
#define DEVIATION 0.02 /* timm's truncated normal; its bounds of +-2 are never met */

static const struct {
    size_t depths[N_STAGES], widths[N_STAGES];
    bool linear; /* the weights of the MLP are those of Linear */
} rows[] = {
    {{2, 2, 6, 2}, {40, 80, 160, 320}, false},
    {{3, 3, 9, 3}, {96, 192, 384, 768}, true},
};

/* Without padding: patches. */
static int patches(struct xk_graph *g, int x, size_t out, size_t kernel, const char *name)
{
    struct xk_conv c = {.out = out,
                        .kernel = kernel,
                        .stride = kernel,
                        .bias = true,
                        .init_deviation = DEVIATION};

    return xk_conv(g, x, &c, "%s", name);
}

static int mlp(struct xk_graph *g, int x, size_t width, bool linear, const char *prefix)
{
    struct xk_conv c = {.out = 4 * width,
                        .kernel = 1,
                        .bias = true,
                        .linear = linear,
                        .init_deviation = DEVIATION};

    x = xk_act(g, xk_conv(g, x, &c, "%s.mlp.fc1", prefix), XK_ACT_GELU);
    c.out = width;
    return xk_conv(g, x, &c, "%s.mlp.fc2", prefix);
}

static int block(struct xk_graph *g, int x, size_t width, bool linear, float drop_path,
                 const char *prefix)
{
    struct xk_conv depthwise = {.out = width,
                                .kernel = 7,
                                .pad = 3,
                                .groups = width,
                                .bias = true,
                                .init_deviation = DEVIATION};
    int gamma = xk_scale_param(g, width, 1e-6, "%s.gamma", prefix), y;

    y = xk_conv(g, x, &depthwise, "%s.conv_dw", prefix);
    y = mlp(g, xk_layernorm(g, y, EPS, "%s.norm", prefix), width, linear, prefix);
    y = xk_drop_path(g, xk_scale(g, y, gamma), drop_path, "%s.drop_path", prefix);
    return xk_add(g, y, x);
}

static void build(struct xk_graph *g, size_t row, const struct xk_spec *spec)
{
    const size_t *depths = rows[row].depths, *widths = rows[row].widths;
    size_t n_blocks = depths[0] + depths[1] + depths[2] + depths[3], done = 0;
    char name[48];
    int x = xk_input(g, spec->channels, spec->height, spec->width);

    x = xk_layernorm(g, patches(g, x, widths[0], 4, "stem.0"), EPS, "stem.1");
    xk_layer(g, x, "stem");
    for (size_t s = 0; s < N_STAGES; s++) {
        if (s > 0) {
            x = xk_layernorm(g, x, EPS, "stages.%zu.downsample.0", s);
            snprintf(name, sizeof name, "stages.%zu.downsample.1", s);
            x = patches(g, x, widths[s], 2, name);
        }
        for (size_t b = 0; b < depths[s]; b++, done++) {
            float drop = spec->drop_path_rate * (float)done / (float)(n_blocks - 1);

            snprintf(name, sizeof name, "stages.%zu.blocks.%zu", s, b);
            x = block(g, x, widths[s], rows[row].linear, drop, name);
            xk_layer(g, x, "%s", name);
        }
        xk_layer(g, x, "stages.%zu", s);
    }
    x = xk_layernorm(g, xk_gap(g, x), EPS, "head.norm");
    x = xk_dropout(g, x, spec->drop_rate);
    x = xk_linear(g, x, spec->n_classes, 0, 0, "head.fc");
    xk_init(g, x, XK_WEIGHT, XK_INIT_NORMAL, DEVIATION);
}

const struct xk_family xk_family_convnext = {archs, build};
