/*
 * The scalar formulas of the engine, once, for C and CUDA C++: activations, optimiser
 * updates, normalisation. Vector kernels are tested against these.
 */
#ifndef XK_FORMULA_H
#define XK_FORMULA_H

#include <math.h>

#ifdef __CUDACC__
#define XK_INLINE static __host__ __device__ __forceinline__
#else
#define XK_INLINE static inline
#endif

enum xk_act {
    XK_ACT_NONE,
    XK_ACT_RELU,
    XK_ACT_RELU6,
    XK_ACT_SILU,
    XK_ACT_SIGMOID,
    XK_N_ACTS
};

XK_INLINE float xk_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

XK_INLINE float xk_act_forward(enum xk_act act, float x)
{
    switch (act) {
    case XK_ACT_RELU:
        return x > 0.0f ? x : 0.0f;
    case XK_ACT_RELU6:
        return x > 0.0f ? (x < 6.0f ? x : 6.0f) : 0.0f;
    case XK_ACT_SILU:
        return x * xk_sigmoid(x);
    case XK_ACT_SIGMOID:
        return xk_sigmoid(x);
    default:
        return x;
    }
}

/* Derivative at the input x. ReLU and ReLU6 have 0 at their corners, as in PyTorch. */
XK_INLINE float xk_act_slope(enum xk_act act, float x)
{
    float s;

    switch (act) {
    case XK_ACT_RELU:
        return x > 0.0f ? 1.0f : 0.0f;
    case XK_ACT_RELU6:
        return x > 0.0f && x < 6.0f ? 1.0f : 0.0f;
    case XK_ACT_SILU:
        s = xk_sigmoid(x);
        return s * (1.0f + x * (1.0f - s));
    case XK_ACT_SIGMOID:
        s = xk_sigmoid(x);
        return s * (1.0f - s);
    default:
        return 1.0f;
    }
}

/* One pixel value of an 8-bit image to the network's input, as torchvision's ToTensor and
 * Normalize. */
XK_INLINE float xk_normalize(unsigned char v, float mean, float std)
{
    return ((float)v / 255.0f - mean) / std;
}

/* torch.optim.SGD: b = momentum * b + g, g from the decayed gradient. */
struct xk_sgd {
    float lr, decay, momentum;
    int nesterov;
};

XK_INLINE void xk_sgd_update(float *p, float *b, float g, struct xk_sgd o)
{
    g += o.decay * *p;
    if (o.momentum != 0.0f) {
        *b = o.momentum * *b + g;
        g = o.nesterov ? g + o.momentum * *b : *b;
    }
    *p -= o.lr * g;
}

/* torch.optim.AdamW: shrink = 1 - lr * decay, step = lr / (1 - beta1^k), root = sqrt(1 -
 * beta2^k). */
struct xk_adamw {
    float shrink, beta1, beta2, step, root, eps;
};

XK_INLINE void xk_adamw_update(float *p, float *m, float *v, float g, struct xk_adamw o)
{
    *p *= o.shrink;
    *m += (g - *m) * (1.0f - o.beta1);
    *v = *v * o.beta2 + (1.0f - o.beta2) * g * g;
    *p -= o.step * *m / (sqrtf(*v) / o.root + o.eps);
}

#endif
