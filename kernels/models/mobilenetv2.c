/*
 * MobileNetV2 (Sandler et al., "Inverted residuals and linear bottlenecks", 2018) as in
 * timm.models.efficientnet.
 */
#include "mbconv.h"

extern const struct xk_family xk_family_mobilenetv2;

static const struct xk_arch archs[] = {
    {"mobilenetv2_100", 224, XK_IMAGENET, "bicubic", "classifier", "bn2"},
    {0},
};

static const struct xk_mb_row rows[] = {
    {0, XK_MB_SEPARABLE, 1, 3, 1, 1, 16, 0, 0},
    {1, XK_MB_INVERTED, 2, 3, 2, 6, 24, 0, 0},
    {2, XK_MB_INVERTED, 3, 3, 2, 6, 32, 0, 0},
    {3, XK_MB_INVERTED, 4, 3, 2, 6, 64, 0, 0},
    {4, XK_MB_INVERTED, 3, 3, 1, 6, 96, 0, 0},
    {5, XK_MB_INVERTED, 3, 3, 2, 6, 160, 0, 0},
    {6, XK_MB_INVERTED, 1, 3, 1, 6, 320, 0, 0},
};

static const struct xk_mb_net net = {.rows = rows,
                                     .n_rows = sizeof rows / sizeof *rows,
                                     .stem = 32,
                                     .features = 1280,
                                     .eps = 1e-5f,
                                     .act = XK_ACT_RELU6};

static void build(struct xk_graph *graph, size_t row, const struct xk_spec *spec)
{
    (void)row;
    xk_mb_build(graph, &net, spec);
}

const struct xk_family xk_family_mobilenetv2 = {archs, build};
