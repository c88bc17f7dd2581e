/*
 * The vector kernels of one instruction set. All are serial and work on a range of rows;
 * threads and the order of sums are the callers'. Rows are pixels (NHWC), channels are
 * contiguous.
 */
#ifndef XK_SIMD_H
#define XK_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formula.h"

/* What BN kernels need of a layer. Arrays [c] but x, y, ...: [rows][c]. */
struct xk_bn_args {
    size_t c;
    size_t rows_per_image; /* for factor */
    enum xk_act act;
    const float *x;     /* the input */
    const float *scale; /* y = act((scale * x + shift) * factor + shortcut) */
    const float *shift;
    const float *factor;   /* [images] of drop path, or NULL */
    const float *shortcut; /* or NULL */
    float *y;
    /* backward */
    const float *dy[2]; /* summed; dy[1] may be NULL */
    const float *mean;
    float *g;  /* written: summed gradient behind the activation, or NULL */
    float *dx; /* dx = kg * g + kx * x + k1 */
    const float *kg, *kx, *k1;
};

/* A depthwise convolution: weights as [k*k][c]. */
struct xk_dw_args {
    size_t c, h, w, oh, ow, k, stride, pad_h, pad_w;
    const float *x;       /* [n][h][w][c] */
    float *y;             /* [n][oh][ow][c] */
    const float *weights; /* [k*k][c] */
    const float *bias;    /* [c] or NULL: added before act */
    enum xk_act act;
    const float *dy;
    float *dx;
};

struct xk_simd {
    const char *name;

    /* sum and sum of squares of x - center over rows r0..r1-1, added to double arrays [c]
     */
    void (*bn_stats)(double *sum, double *squares, const float *x, const float *center,
                     size_t c, size_t r0, size_t r1);
    void (*bn_apply)(const struct xk_bn_args *a, size_t r0, size_t r1);
    /* sums of g and g * (x - mean), added to double arrays [c]; writes a->g where it is
     * wanted */
    void (*bn_reduce)(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                      size_t r0, size_t r1);
    void (*bn_backward)(const struct xk_bn_args *a, size_t r0, size_t r1);

    /* output rows r0..r1-1 of n * oh; input rows of n * h */
    void (*dw_forward)(const struct xk_dw_args *a, size_t r0, size_t r1);
    void (*dw_backward_data)(const struct xk_dw_args *a, size_t r0, size_t r1);
    /* added to dw, double [k*k][c], over output rows r0..r1-1 */
    void (*dw_backward_weights)(double *dw, const struct xk_dw_args *a, size_t r0,
                                size_t r1);

    /* elementwise; y may be x, dx may be dy */
    void (*act)(float *y, const float *x, size_t n, enum xk_act act);
    void (*act_grad)(float *dx, const float *dy, const float *x, size_t n,
                     enum xk_act act);
    void (*add)(float *dst, const float *a, const float *b, size_t n);

    /* rows of one image: y[r][c] = x[r][c] * gate[c]; sums over rows, double, added */
    void (*scale_rows)(float *y, const float *x, const float *gate, size_t c,
                       size_t rows);
    void (*sum_rows)(double *sum, const float *x, size_t c, size_t rows);
    void (*dot_rows)(double *sum, const float *x, const float *dy, size_t c, size_t rows);
    void (*fill_rows)(float *y, const float *v, size_t c, size_t rows);

    double (*sum_squares)(const float *x, size_t n);
    void (*sgd)(float *p, float *b, const float *g, size_t n, float scale,
                struct xk_sgd o);
    void (*adamw)(float *p, float *m, float *v, const float *g, size_t n, float scale,
                  struct xk_adamw o);
    void (*ema)(float *e, const float *p, size_t n, float decay);
};

extern const struct xk_simd xk_simd_generic, xk_simd_avx2, xk_simd_avx512;

/* The best that this processor has; XR_CPU=avx512|avx2|generic in the environment takes
 * another. */
const struct xk_simd *xk_simd_find(void);

#endif
