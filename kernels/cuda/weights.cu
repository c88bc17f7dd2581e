/*
 * Weights of convolutions: from timm's layout to that of the kernels, with what is folded
 * into them, and their gradients back.
 */
#include "common.cuh"

/* The fold of output channel o. */
__device__ static inline void fold_of(double *scale, double *shift,
                                      const struct xk_cu_fold *f, size_t o)
{
    xk_fold(scale, shift, f->bias ? f->bias + o : nullptr,
            f->gamma ? f->gamma + o : nullptr, f->beta ? f->beta + o : nullptr,
            f->mean ? f->mean + o : nullptr, f->var ? f->var + o : nullptr, f->eps);
}

template <typename T> struct pack_op {
    T *to;
    const float *w;
    struct xk_cu_fold fold;
    size_t out, in, taps;
    __device__ void operator()(size_t i) const /* of to */
    {
        size_t c = i % in, tap = i / in % taps, o = i / in / taps;
        double scale, shift;

        fold_of(&scale, &shift, &fold, o);
        narrow(to[i], (float)((double)w[(o * in + c) * taps + tap] * scale));
    }
};

struct pack_depthwise_op {
    float *to;
    const float *w;
    struct xk_cu_fold fold;
    size_t out, taps;
    __device__ void operator()(size_t i) const
    {
        size_t o = i % out, tap = i / out;
        double scale, shift;

        fold_of(&scale, &shift, &fold, o);
        to[i] = (float)((double)w[o * taps + tap] * scale);
    }
};

template <typename T> struct bias_op {
    float *bias;
    T *bias_t;
    struct xk_cu_fold fold;
    __device__ void operator()(size_t o) const
    {
        double scale, shift;

        fold_of(&scale, &shift, &fold, o);
        bias[o] = (float)shift;
        if (bias_t)
            narrow(bias_t[o], (float)shift);
    }
};

void xk_cu_pack(xk_stream s, enum xk_dtype t, void *to, float *bias, void *bias_t,
                const float *w, const struct xk_cu_fold *fold, size_t out, size_t in,
                size_t taps, bool depthwise)
{
    if (depthwise)
        each(s, pack_depthwise_op{(float *)to, w, *fold, out, taps}, out * taps);
    else
        BY_VALUE(t, each(s, pack_op<T>{(T *)to, w, *fold, out, in, taps},
                         out * in * taps));
    if (bias)
        BY_VALUE(t, each(s, bias_op<T>{bias, (T *)bias_t, *fold}, out));
}

template <typename T> struct unpack_op {
    float *dw;
    const T *from;
    size_t in, taps;
    __device__ void operator()(size_t i) const /* of dw */
    {
        size_t tap = i % taps, c = i / taps % in, o = i / taps / in;

        dw[i] += widen(from[(o * taps + tap) * in + c]);
    }
};

void xk_cu_unpack(xk_stream s, enum xk_dtype t, float *dw, const void *from, size_t out,
                  size_t in, size_t taps)
{
    BY_VALUE(t,
             each(s, unpack_op<T>{dw, (const T *)from, in, taps}, out * in * taps));
}
