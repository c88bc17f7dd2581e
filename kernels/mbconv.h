/*
 * What EfficientNet, its relatives and the MobileNets share: timm's
 * _efficientnet_builder.py. A network is a table of rows; the builder scales, names and
 * connects their blocks.
 */
#ifndef XK_MBCONV_H
#define XK_MBCONV_H

#include "graph.h"

enum xk_mb_kind {
    XK_MB_SEPARABLE, /* "ds": depthwise, pointwise */
    XK_MB_INVERTED,  /* "ir": pointwise, depthwise, pointwise */
    XK_MB_EDGE,      /* "er": dense, pointwise */
    XK_MB_CONV       /* "cn": one convolution with batch norm and activation */
};

/* One row of timm's arch_def; rows of one stage follow each other. */
struct xk_mb_row {
    size_t stage;
    enum xk_mb_kind kind;
    size_t repeats, kernel, stride; /* stride of the first block */
    double expansion;
    size_t out;
    double se; /* channels of squeeze and excitation by those of the block; 0: none */
    enum xk_act act; /* NONE: the network's */
};

struct xk_mb_net {
    const struct xk_mb_row *rows;
    size_t n_rows;
    double width, depth;   /* multipliers; 0: 1 */
    bool fixed_ends;       /* depth spares the first and the last stage */
    size_t stem;           /* channels, scaled unless fixed_stem */
    bool fixed_stem;       /* and features */
    size_t features;       /* of the head's convolution, scaled as well */
    bool head_behind_pool; /* MobileNetV3: that convolution has a bias, no batch norm */
    enum xk_act act;
    bool same;           /* TensorFlow's padding */
    float eps;           /* of batch norms */
    bool se_of_expanded; /* se is a share of the expanded channels, not of the input */
    bool se_round;       /* to multiples of 8 */
    enum xk_act se_act;  /* NONE: the block's */
    enum xk_act se_gate;
};

/* The nearest multiple of 8 that is not below 0.9 v: timm's make_divisible. */
size_t xk_mb_round(double v);
void xk_mb_build(struct xk_graph *graph, const struct xk_mb_net *net,
                 const struct xk_spec *spec);

#endif
