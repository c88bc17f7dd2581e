/*
 * EfficientNet (Tan and Le 2019), EfficientNet-Lite and EfficientNetV2 (Tan and Le 2021)
 * as in timm.models.efficientnet.
 */
#include "mbconv.h"

extern const struct xk_family xk_family_efficientnet;

#define NET(name, size, norm)                                                            \
    {                                                                                    \
        name, size, norm, "bicubic", "classifier", "bn2"                                 \
    }

static const struct xk_arch archs[] = {
    NET("efficientnet_b0", 224, XK_IMAGENET),
    NET("efficientnet_b1", 240, XK_HALF),
    NET("efficientnet_b2", 256, XK_IMAGENET),
    NET("efficientnet_b3", 288, XK_IMAGENET),
    NET("efficientnet_b4", 320, XK_IMAGENET),
    NET("efficientnet_b5", 448, XK_IMAGENET),
    NET("efficientnet_b6", 528, XK_IMAGENET),
    NET("efficientnet_b7", 600, XK_IMAGENET),
    NET("tf_efficientnet_b0", 224, XK_IMAGENET),
    NET("tf_efficientnet_lite0", 224, XK_HALF),
    NET("tf_efficientnet_lite1", 240, XK_HALF),
    NET("tf_efficientnet_lite2", 260, XK_HALF),
    NET("efficientnetv2_s", 288, XK_IMAGENET),
    {0},
};

/* Stages of B0: EfficientNet has squeeze and excitation, Lite has none. */
#define STAGES(se)                                                                       \
    {0, XK_MB_SEPARABLE, 1, 3, 1, 1, 16, se, 0},                                         \
        {1, XK_MB_INVERTED, 2, 3, 2, 6, 24, se, 0},                                      \
        {2, XK_MB_INVERTED, 2, 5, 2, 6, 40, se, 0},                                      \
        {3, XK_MB_INVERTED, 3, 3, 2, 6, 80, se, 0},                                      \
        {4, XK_MB_INVERTED, 3, 5, 1, 6, 112, se, 0},                                     \
        {5, XK_MB_INVERTED, 4, 5, 2, 6, 192, se, 0},                                     \
        {6, XK_MB_INVERTED, 1, 3, 1, 6, 320, se, 0},

static const struct xk_mb_row b0[] = {STAGES(0.25)}, lite[] = {STAGES(0)};
static const struct xk_mb_row v2_s[] = {
    {0, XK_MB_CONV, 2, 3, 1, 1, 24, 0, 0},
    {1, XK_MB_EDGE, 4, 3, 2, 4, 48, 0, 0},
    {2, XK_MB_EDGE, 4, 3, 2, 4, 64, 0, 0},
    {3, XK_MB_INVERTED, 6, 3, 2, 4, 128, 0.25, 0},
    {4, XK_MB_INVERTED, 9, 3, 1, 6, 160, 0.25, 0},
    {5, XK_MB_INVERTED, 15, 3, 2, 6, 256, 0.25, 0},
};

#define ROWS(table) .rows = table, .n_rows = sizeof(table) / sizeof *(table)
#define B(w, d)                                                                          \
    {                                                                                    \
        ROWS(b0), .width = w, .depth = d, .stem = 32, .features = 1280, .eps = 1e-5f,    \
                  .act = XK_ACT_SILU, .se_gate = XK_ACT_SIGMOID                          \
    }
#define LITE(w, d)                                                                       \
    {                                                                                    \
        ROWS(lite), .width = w, .depth = d, .fixed_ends = true, .fixed_stem = true,      \
                    .stem = 32, .features = 1280, .eps = 1e-3f, .act = XK_ACT_RELU6,     \
                    .same = true                                                         \
    }

static const struct xk_mb_net nets[] = {
    B(1, 1),
    B(1, 1.1),
    B(1.1, 1.2),
    B(1.2, 1.4),
    B(1.4, 1.8),
    B(1.6, 2.2),
    B(1.8, 2.6),
    B(2, 3.1),
    {ROWS(b0), .stem = 32, .features = 1280, .eps = 1e-3f, .act = XK_ACT_SILU,
     .same = true, .se_gate = XK_ACT_SIGMOID},
    LITE(1, 1),
    LITE(1, 1.1),
    LITE(1.1, 1.2),
    {ROWS(v2_s), .stem = 24, .features = 1280, .eps = 1e-5f, .act = XK_ACT_SILU,
     .se_gate = XK_ACT_SIGMOID},
};

static void build(struct xk_graph *graph, size_t row, const struct xk_spec *spec)
{
    xk_mb_build(graph, &nets[row], spec);
}

const struct xk_family xk_family_efficientnet = {archs, build};
