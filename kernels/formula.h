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
    XK_ACT_GELU, /* with the error function, not the approximation by tanh */
    XK_ACT_TANH,
    XK_ACT_HARDSWISH,
    XK_ACT_HARDSIGMOID,
    XK_N_ACTS
};

XK_INLINE float xk_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* relu6(x + 3) / 6 */
XK_INLINE float xk_hardsigmoid(float x)
{
    return x > -3.0f ? (x < 3.0f ? (x + 3.0f) / 6.0f : 1.0f) : 0.0f;
}

/* The normal distribution up to x, and its density there. */
XK_INLINE float xk_normal_cdf(float x)
{
    return 0.5f * erfcf(x * -0.707106781186547524f);
}

XK_INLINE float xk_normal_density(float x)
{
    return 0.398942280401432678f * expf(-0.5f * x * x);
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
    case XK_ACT_GELU:
        return x * xk_normal_cdf(x);
    case XK_ACT_TANH:
        return tanhf(x);
    case XK_ACT_HARDSWISH:
        return x * xk_hardsigmoid(x);
    case XK_ACT_HARDSIGMOID:
        return xk_hardsigmoid(x);
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
    case XK_ACT_GELU:
        return xk_normal_cdf(x) + x * xk_normal_density(x);
    case XK_ACT_TANH:
        s = tanhf(x);
        return 1.0f - s * s;
    case XK_ACT_HARDSWISH:
        return x > -3.0f ? (x < 3.0f ? x / 3.0f + 0.5f : 1.0f) : 0.0f;
    case XK_ACT_HARDSIGMOID:
        return x > -3.0f && x < 3.0f ? 1.0f / 6.0f : 0.0f;
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

/* --- batch norm, one channel: sums over rows in double ------------------------------ */

/* Mean and variance from the sums of x - center and of its square. */
XK_INLINE void xk_bn_moments(double *mean, double *var, double sum, double squares,
                             double center, double rows)
{
    double m = sum / rows, v = squares / rows - m * m;

    *mean = m + center;
    *var = v > 0 ? v : 0;
}

XK_INLINE float xk_bn_rstd(double var, double eps)
{
    return (float)(1.0 / sqrt(var + eps));
}

/* The running mean, or variance, as torch moves it at momentum 0.1. */
XK_INLINE float xk_bn_running(float old, double now)
{
    return (float)(0.9 * (double)old + 0.1 * now);
}

XK_INLINE double xk_bn_unbiased(double var, double rows)
{
    return rows > 1 ? var * rows / (rows - 1) : var;
}

/* y = scale * x + shift, scale = gamma * rstd */
XK_INLINE float xk_bn_shift(float beta, float mean, float scale)
{
    return (float)((double)beta - (double)mean * (double)scale);
}

/* dx = kg * g + kx * x + k1, from the sums of g and g * (x - mean); batch: the statistics
 * were those of the batch, so that x moves them. */
XK_INLINE void xk_bn_slopes(float *kg, float *kx, float *k1, double sum_g, double sum_gx,
                            double rows, float scale, float rstd, float mean, int batch)
{
    double r = (double)rstd, k = (double)scale;

    *kg = scale;
    *kx = *k1 = 0;
    if (batch) {
        *kx = (float)(-k * r * r * sum_gx / rows);
        *k1 = (float)(-k * sum_g / rows + k * r * r * sum_gx / rows * (double)mean);
    }
}

/* A convolution's weights times scale, plus shift, are the convolution and the batch norm
 * (var given) or the layer scale (gamma alone) behind it. NULL: there is none. */
XK_INLINE void xk_fold(double *scale, double *shift, const float *bias,
                       const float *gamma, const float *beta, const float *mean,
                       const float *var, float eps)
{
    *scale = 1;
    *shift = bias ? (double)*bias : 0;
    if (gamma && !var) {
        *scale = (double)*gamma;
        *shift *= *scale;
    } else if (gamma) {
        *scale = (double)*gamma / sqrt((double)*var + (double)eps);
        *shift = (double)*beta + (*shift - (double)*mean) * *scale;
    }
}

/* What dropout and drop path multiply by; u from [0,1). */
XK_INLINE float xk_drop_factor(double u, float rate)
{
    return u < (double)rate ? 0.0f : 1.0f / (1.0f - rate);
}

/* --- optimisers --------------------------------------------------------------------- */

/* A moving average. */
XK_INLINE float xk_ema(float e, float p, float decay)
{
    return decay * e + (1.0f - decay) * p;
}

enum xk_optim_kind {
    XK_ADAMW,
    XK_SGD,
    XK_LAMB,
    XK_LION,
    XK_N_OPTIMS
};

/*
 * The constants of one update, for all optimisers. An update moves the parameter p by its
 * gradient g and may keep a first (m) and a second moment (v).
 */
struct xk_hyper {
    float lr;
    float decay;        /* SGD, LAMB: added to the gradient or the update, times p */
    float shrink;       /* AdamW, Lion: 1 - lr * decay, decoupled */
    float beta1, beta2; /* beta1 is SGD's momentum too */
    float step;         /* AdamW: lr / (1 - beta1^k); LAMB: 1 / (1 - beta1^k) */
    float root;         /* AdamW, LAMB: sqrt(1 - beta2^k) */
    float eps;
    int nesterov; /* SGD */
};

/* torch.optim.SGD: m = momentum * m + g, g from the decayed gradient. */
XK_INLINE void xk_sgd_update(float *p, float *m, float g, const struct xk_hyper *o)
{
    g += o->decay * *p;
    if (o->beta1 != 0.0f) {
        *m = o->beta1 * *m + g;
        g = o->nesterov ? g + o->beta1 * *m : *m;
    }
    *p -= o->lr * g;
}

/* torch.optim.AdamW (Loshchilov and Hutter 2019). */
XK_INLINE void xk_adamw_update(float *p, float *m, float *v, float g,
                               const struct xk_hyper *o)
{
    *p *= o->shrink;
    *m += (g - *m) * (1.0f - o->beta1);
    *v = *v * o->beta2 + (1.0f - o->beta2) * g * g;
    *p -= o->step * *m / (sqrtf(*v) / o->root + o->eps);
}

/* timm.optim.Lamb (You et al. 2020), its direction alone: how far p goes along it depends
 * on the norms of all p and all directions of the tensor. */
XK_INLINE float xk_lamb_direction(float p, float *m, float *v, float g,
                                  const struct xk_hyper *o)
{
    *m += (g - *m) * (1.0f - o->beta1);
    *v = *v * o->beta2 + (1.0f - o->beta2) * g * g;
    return *m * o->step / (sqrtf(*v) / o->root + o->eps) + o->decay * p;
}

/* timm.optim.Lion (Chen et al. 2023). */
XK_INLINE void xk_lion_update(float *p, float *m, float g, const struct xk_hyper *o)
{
    float way = *m + (g - *m) * (1.0f - o->beta1);

    *p = *p * o->shrink - o->lr * (float)((way > 0.0f) - (way < 0.0f));
    *m += (g - *m) * (1.0f - o->beta2);
}

#endif
