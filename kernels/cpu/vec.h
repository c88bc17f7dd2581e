/*
 * Vectors of floats, for whichever instruction set the including file is compiled for,
 * and activations stored as float32 or (SIMD_BF16) bfloat16. Included by simd_body.h
 * only. Lanes behind `n` of a short load are 0 and are not stored.
 */
#ifndef XK_VEC_H
#define XK_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dtype.h"

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

/* --- activations in memory -----------------------------------------------------------
 */

#ifdef SIMD_BF16

typedef uint16_t act_t;
typedef uint16_t vh __attribute__((vector_size(2 * VEC)));
typedef uint16_t vh_mem __attribute__((vector_size(2 * VEC), aligned(2), may_alias));
typedef uint32_t vu __attribute__((vector_size(VEC_BYTES)));

#ifdef __AVX512BF16__

VEC_INLINE vf vwiden(vh v)
{
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)v), 16);
}

VEC_INLINE vh vnarrow(vf v)
{
    return (vh)_mm512_cvtneps_pbh((__m512)v);
}

VEC_INLINE vh hload_part(const act_t *p, size_t n)
{
    return (vh)_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p);
}

VEC_INLINE void hstore_part(act_t *p, vh v, size_t n)
{
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)v);
}

#else

VEC_INLINE vf vwiden(vh v)
{
    return (vf)(__builtin_convertvector(v, vu) << 16);
}

/* xk_f32_to_bf16, lane by lane */
VEC_INLINE vh vnarrow(vf v)
{
    vu bits = (vu)v, odd = bits >> 16 & 1;
    vu nan = (vu)((bits & 0x7fffffffu) > (vu){0} + 0x7f800000u);
    vu even = (bits + 0x7fffu + odd) >> 16, quiet = bits >> 16 | 0x40;

    return __builtin_convertvector((quiet & nan) | (even & ~nan), vh);
}

VEC_INLINE vh hload_part(const act_t *p, size_t n)
{
    vh v = {0};

    memcpy(&v, p, n * sizeof *p);
    return v;
}

VEC_INLINE void hstore_part(act_t *p, vh v, size_t n)
{
    memcpy(p, &v, n * sizeof *p);
}

#endif

VEC_INLINE vf aload(const act_t *p)
{
    return vwiden(*(const vh_mem *)(const void *)p);
}

VEC_INLINE void astore(act_t *p, vf v)
{
    *(vh_mem *)(void *)p = vnarrow(v);
}

VEC_INLINE vf aload_n(const act_t *p, size_t n)
{
    return n >= VEC ? aload(p) : vwiden(hload_part(p, n));
}

VEC_INLINE void astore_n(act_t *p, vf v, size_t n)
{
    if (n >= VEC)
        astore(p, v);
    else
        hstore_part(p, vnarrow(v), n);
}

/* What a stored value is when it is read again. */
VEC_INLINE vf vstored(vf v)
{
    return vwiden(vnarrow(v));
}

#else

typedef float act_t;

VEC_INLINE vf aload(const act_t *p)
{
    return vload(p);
}

VEC_INLINE void astore(act_t *p, vf v)
{
    vstore(p, v);
}

VEC_INLINE vf aload_n(const act_t *p, size_t n)
{
    return vload_n(p, n);
}

VEC_INLINE void astore_n(act_t *p, vf v, size_t n)
{
    vstore_n(p, v, n);
}

VEC_INLINE vf vstored(vf v)
{
    return v;
}

#endif

/* --- activation functions ------------------------------------------------------------
 */

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

#if defined SIMD_BF16 && defined __AVX512BF16__

/*
 * To 2e-4 of its value, where results are stored with 8 bits: 2^t = 2^n 2^r with |r| <=
 * 1/2 and the minimax polynomial of degree 3 for 2^r (relative error 7.5e-5), and the
 * processor's estimate of the reciprocal (2^-14).
 */
VEC_INLINE vf vsigmoid(vf x)
{
    __m512 t = _mm512_mul_ps((__m512)x, _mm512_set1_ps(-1.44269504088896341f));
    __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_sub_ps(t, n), p = _mm512_set1_ps(0.0551716703f);

    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.2426111252f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.6932609853f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.9999280730f));
    p = _mm512_add_ps(_mm512_scalef_ps(p, n), _mm512_set1_ps(1.0f));
    return (vf)_mm512_rcp14_ps(p);
}

#else

VEC_INLINE vf vsigmoid(vf x)
{
    return vset(1.0f) / (vset(1.0f) + vexp(-x));
}

#endif

/* 1 - 2 / (e^2x + 1): absolute error of about 1e-7 */
VEC_INLINE vf vtanh(vf x)
{
    return vset(1.0f) - vset(2.0f) / (vset(1.0f) + vexp(x + x));
}

VEC_INLINE vf vhardsigmoid(vf x)
{
    return vmin(vmax(x + vset(3.0f), vset(0)), vset(6.0f)) * vset(1.0f / 6.0f);
}

/*
 * The normal distribution up to x, to about 1.5e-7, and e^(-x^2/2). With t = |x| / sqrt 2
 * and y = 1 / (1 + 0.4 t): erfc(t) e^(t^2) is y times a polynomial in y, fitted by least
 * squares with Lawson's weights on 0 <= t <= 6.5.
 */
VEC_INLINE vf vnormal_cdf(vf x, vf *gauss)
{
    vf t = vmax(x, -x) * vset(0.707106781186547524f), p;
    vf y = vset(1.0f) / vfma(t, vset(0.4f), vset(1.0f));
    vi negative = x < vset(0);

    *gauss = vexp(-t * t);
    p = vset(-0.0059996848f);
    p = vfma(p, y, vset(0.11467696f));
    p = vfma(p, y, vset(-0.50831753f));
    p = vfma(p, y, vset(0.860622346f));
    p = vfma(p, y, vset(-0.538621426f));
    p = vfma(p, y, vset(0.503864527f));
    p = vfma(p, y, vset(0.106561169f));
    p = vfma(p, y, vset(0.242769882f));
    p = vfma(p, y, vset(0.224443719f));
    p = p * y * *gauss * vset(0.5f);
    return (vf)(((vi)p & negative) | ((vi)(vset(1.0f) - p) & ~negative));
}

/* The vector forms of xk_act_forward and xk_act_slope; act is a constant where they are
 * inlined. */
VEC_INLINE vf vact(enum xk_act act, vf x)
{
    vf e;

    switch (act) {
    case XK_ACT_RELU:
        return vmax(x, vset(0));
    case XK_ACT_RELU6:
        return vmin(vmax(x, vset(0)), vset(6.0f));
    case XK_ACT_SILU:
        return x * vsigmoid(x);
    case XK_ACT_SIGMOID:
        return vsigmoid(x);
    case XK_ACT_GELU:
        return x * vnormal_cdf(x, &e);
    case XK_ACT_TANH:
        return vtanh(x);
    case XK_ACT_HARDSWISH:
        return x * vhardsigmoid(x);
    case XK_ACT_HARDSIGMOID:
        return vhardsigmoid(x);
    default:
        return x;
    }
}

/* g times the slope of act at x. */
VEC_INLINE vf vact_grad(enum xk_act act, vf x, vf g)
{
    vf s, e;

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
    case XK_ACT_GELU:
        s = vnormal_cdf(x, &e);
        return g * vfma(x * vset(0.398942280401432678f), e, s);
    case XK_ACT_TANH:
        s = vtanh(x);
        return g * (vset(1.0f) - s * s);
    case XK_ACT_HARDSWISH:
        s = vwhere_between(x, vset(-3.0f), vset(3.0f),
                           vfma(x, vset(1.0f / 3.0f), vset(0.5f)) - vset(1.0f));
        return g * (s + vwhere_above(x, vset(-3.0f), vset(1.0f)));
    case XK_ACT_HARDSIGMOID:
        return vwhere_between(x, vset(-3.0f), vset(3.0f), g * vset(1.0f / 6.0f));
    default:
        return g;
    }
}

#endif
