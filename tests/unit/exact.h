/*
 * Activations and their slopes in double, what kernels are compared with.
 */
#ifndef TEST_EXACT_H
#define TEST_EXACT_H

#include <math.h>

#include "dtype.h"

static inline double act_exact(enum xk_act act, double x)
{
    switch (act) {
    case XK_ACT_RELU:
        return x > 0 ? x : 0;
    case XK_ACT_RELU6:
        return x > 0 ? (x < 6 ? x : 6) : 0;
    case XK_ACT_SILU:
        return x / (1 + exp(-x));
    case XK_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case XK_ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2));
    case XK_ACT_TANH:
        return tanh(x);
    case XK_ACT_HARDSWISH:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case XK_ACT_HARDSIGMOID:
        return fmin(fmax(x + 3, 0), 6) / 6;
    default:
        return x;
    }
}

static inline double slope_exact(enum xk_act act, double x)
{
    double s = 1 / (1 + exp(-x));

    switch (act) {
    case XK_ACT_RELU:
        return x > 0;
    case XK_ACT_RELU6:
        return x > 0 && x < 6;
    case XK_ACT_SILU:
        return s * (1 + x * (1 - s));
    case XK_ACT_SIGMOID:
        return s * (1 - s);
    case XK_ACT_GELU:
        return 0.5 * erfc(-x / sqrt(2)) + x * exp(-0.5 * x * x) / sqrt(2 * acos(-1));
    case XK_ACT_TANH:
        return 1 - tanh(x) * tanh(x);
    case XK_ACT_HARDSWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case XK_ACT_HARDSIGMOID:
        return x > -3 && x < 3 ? 1.0 / 6 : 0;
    default:
        return 1;
    }
}

#endif
