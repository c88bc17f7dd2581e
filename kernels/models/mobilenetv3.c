/*
 * MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019) as in
 * timm.models.mobilenetv3: the head's convolution stands behind the pooling.
 */
#include "mbconv.h"

extern const struct xk_family xk_family_mobilenetv3;

static const struct xk_arch archs[] = {
    {"mobilenetv3_small_100", 224, XK_IMAGENET, "bicubic", "classifier", "blocks.5"},
    {"mobilenetv3_large_100", 224, XK_IMAGENET, "bicubic", "classifier", "blocks.6"},
    {0},
};

static const struct xk_mb_row small[] = {
    {0, XK_MB_SEPARABLE, 1, 3, 2, 1, 16, 0.25, XK_ACT_RELU},
    {1, XK_MB_INVERTED, 1, 3, 2, 4.5, 24, 0, XK_ACT_RELU},
    {1, XK_MB_INVERTED, 1, 3, 1, 3.67, 24, 0, XK_ACT_RELU},
    {2, XK_MB_INVERTED, 1, 5, 2, 4, 40, 0.25, 0},
    {2, XK_MB_INVERTED, 2, 5, 1, 6, 40, 0.25, 0},
    {3, XK_MB_INVERTED, 2, 5, 1, 3, 48, 0.25, 0},
    {4, XK_MB_INVERTED, 3, 5, 2, 6, 96, 0.25, 0},
    {5, XK_MB_CONV, 1, 1, 1, 1, 576, 0, 0},
};

static const struct xk_mb_row large[] = {
    {0, XK_MB_SEPARABLE, 1, 3, 1, 1, 16, 0, XK_ACT_RELU},
    {1, XK_MB_INVERTED, 1, 3, 2, 4, 24, 0, XK_ACT_RELU},
    {1, XK_MB_INVERTED, 1, 3, 1, 3, 24, 0, XK_ACT_RELU},
    {2, XK_MB_INVERTED, 3, 5, 2, 3, 40, 0.25, XK_ACT_RELU},
    {3, XK_MB_INVERTED, 1, 3, 2, 6, 80, 0, 0},
    {3, XK_MB_INVERTED, 1, 3, 1, 2.5, 80, 0, 0},
    {3, XK_MB_INVERTED, 2, 3, 1, 2.3, 80, 0, 0},
    {4, XK_MB_INVERTED, 2, 3, 1, 6, 112, 0.25, 0},
    {5, XK_MB_INVERTED, 3, 5, 2, 6, 160, 0.25, 0},
    {6, XK_MB_CONV, 1, 1, 1, 1, 960, 0, 0},
};

#define NET(table, n)                                                                    \
    {                                                                                    \
        .rows = table, .n_rows = sizeof(table) / sizeof *(table), .stem = 16,            \
        .features = n, .head_behind_pool = true, .eps = 1e-5f, .act = XK_ACT_HARDSWISH,  \
        .se_of_expanded = true, .se_round = true, .se_act = XK_ACT_RELU,                 \
        .se_gate = XK_ACT_HARDSIGMOID                                                    \
    }

static const struct xk_mb_net nets[] = {NET(small, 1024), NET(large, 1280)};

static void build(struct xk_graph *graph, size_t row, const struct xk_spec *spec)
{
    xk_mb_build(graph, &nets[row], spec);
}

const struct xk_family xk_family_mobilenetv3 = {archs, build};
