/*
 * Sixteen floats at a time, for whichever instruction set the including file is compiled
 * for. Included by simd_body.h only. Lanes behind `n` of a short load are 0 and are not
 * stored.
 */
#ifndef XK_VEC_H
#define XK_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "formula.h"

#ifdef __AVX512F__
#define VEC 16
#elif defined __AVX2__
#define VEC 8
#else
#define VEC 4
#endif
#define VEC_BYTES (4 * VEC)

/* All functions here are inlined: how vectors are passed (-Wpsabi) does not matter. */
typedef float vf __attribute__((vector_size(VEC_BYTES), aligned(VEC_BYTES)));
typedef float vf_mem __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(VEC_BYTES)));

#define VEC_INLINE static inline __attribute__((always_inline, unused))

#ifdef __AVX512F__

VEC_INLINE vf vset(float v)
{
    return (vf)_mm512_set1_ps(v);
}

VEC_INLINE vf vfma(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

VEC_INLINE vf vmin(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}

VEC_INLINE vf vmax(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}

/* a where lo < x, else 0; the second also where x < hi only. */
VEC_INLINE vf vwhere_above(vf x, vf lo, vf a)
{
    return (vf)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)x, (__m512)lo, _CMP_GT_OQ),
                                   (__m512)a);
}

VEC_INLINE vf vwhere_between(vf x, vf lo, vf hi, vf a)
{
    __mmask16 m = _mm512_cmp_ps_mask((__m512)x, (__m512)lo, _CMP_GT_OQ);

    m = _mm512_mask_cmp_ps_mask(m, (__m512)x, (__m512)hi, _CMP_LT_OQ);
    return (vf)_mm512_maskz_mov_ps(m, (__m512)a);
}

VEC_INLINE vf vround(vf x)
{
    return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT);
}

VEC_INLINE vf vsqrt(vf x)
{
    return (vf)_mm512_sqrt_ps((__m512)x);
}

VEC_INLINE vf vload_part(const float *p, size_t n)
{
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

VEC_INLINE void vstore_part(float *p, vf v, size_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}

#else

VEC_INLINE vf vset(float v)
{
    return v - (vf){0}; /* the compiler's way to broadcast */
}

#ifdef __FMA__
VEC_INLINE vf vfma(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#else
VEC_INLINE vf vfma(vf a, vf b, vf c)
{
    return a * b + c;
}
#endif

VEC_INLINE vf vselect(vi mask, vf a)
{
    return (vf)((vi)a & mask);
}

VEC_INLINE vf vmin(vf a, vf b)
{
    vi m = a < b;

    return (vf)(((vi)a & m) | ((vi)b & ~m));
}

VEC_INLINE vf vmax(vf a, vf b)
{
    vi m = a > b;

    return (vf)(((vi)a & m) | ((vi)b & ~m));
}

VEC_INLINE vf vwhere_above(vf x, vf lo, vf a)
{
    return vselect(x > lo, a);
}

VEC_INLINE vf vwhere_between(vf x, vf lo, vf hi, vf a)
{
    return vselect((x > lo) & (x < hi), a);
}

/* To the nearest integer, for |x| < 2^22. */
VEC_INLINE vf vround(vf x)
{
    vf magic = vset(12582912.0f);

    return (x + magic) - magic;
}

VEC_INLINE vf vsqrt(vf x)
{
    for (int i = 0; i < VEC; i++)
        x[i] = sqrtf(x[i]);
    return x;
}

VEC_INLINE vf vload_part(const float *p, size_t n)
{
    vf v = vset(0);

    memcpy(&v, p, n * sizeof *p);
    return v;
}

VEC_INLINE void vstore_part(float *p, vf v, size_t n)
{
    memcpy(p, &v, n * sizeof *p);
}

#endif

VEC_INLINE vf vload(const float *p)
{
    return *(const vf_mem *)(const void *)p;
}

VEC_INLINE void vstore(float *p, vf v)
{
    *(vf_mem *)(void *)p = v;
}

/* n of them, 1 to VEC and more */
VEC_INLINE vf vload_n(const float *p, size_t n)
{
    return n >= VEC ? vload(p) : vload_part(p, n);
}

VEC_INLINE void vstore_n(float *p, vf v, size_t n)
{
    if (n >= VEC)
        vstore(p, v);
    else
        vstore_part(p, v, n);
}

/*
 * e^x to about 1 ulp: x = k ln2 + r, |r| <= ln2 / 2, a polynomial of degree 6 for e^r
 * (coefficients of Cephes' expf), scaled by 2^k in the exponent. Arguments are held in
 * -87..88.
 */
VEC_INLINE vf vexp(vf x)
{
    vf k, r, p;
    vi bits;

    x = vmin(vmax(x, vset(-87.0f)), vset(88.0f));
    k = vround(x * vset(1.44269504088896341f));
    r = vfma(k, vset(-0.693359375f), x);
    r = vfma(k, vset(2.12194440e-4f), r);
    p = vset(1.9875691500e-4f);
    p = vfma(p, r, vset(1.3981999507e-3f));
    p = vfma(p, r, vset(8.3334519073e-3f));
    p = vfma(p, r, vset(4.1665795894e-2f));
    p = vfma(p, r, vset(1.6666665459e-1f));
    p = vfma(p, r, vset(5.0000001201e-1f));
    p = vfma(p, r * r, r + vset(1.0f));
    bits = (__builtin_convertvector(k, vi) + 127) << 23;
    return p * (vf)bits;
}

VEC_INLINE vf vsigmoid(vf x)
{
    return vset(1.0f) / (vset(1.0f) + vexp(-x));
}

/* The vector forms of xk_act_forward and xk_act_slope; act is a constant where they are
 * inlined. */
VEC_INLINE vf vact(enum xk_act act, vf x)
{
    switch (act) {
    case XK_ACT_RELU:
        return vmax(x, vset(0));
    case XK_ACT_RELU6:
        return vmin(vmax(x, vset(0)), vset(6.0f));
    case XK_ACT_SILU:
        return x * vsigmoid(x);
    case XK_ACT_SIGMOID:
        return vsigmoid(x);
    default:
        return x;
    }
}

/* g times the slope of act at x. */
VEC_INLINE vf vact_grad(enum xk_act act, vf x, vf g)
{
    vf s;

    switch (act) {
    case XK_ACT_RELU:
        return vwhere_above(x, vset(0), g);
    case XK_ACT_RELU6:
        return vwhere_between(x, vset(0), vset(6.0f), g);
    case XK_ACT_SILU:
        s = vsigmoid(x);
        return g * s * vfma(x, vset(1.0f) - s, vset(1.0f));
    case XK_ACT_SIGMOID:
        s = vsigmoid(x);
        return g * s * (vset(1.0f) - s);
    default:
        return g;
    }
}

#endif
