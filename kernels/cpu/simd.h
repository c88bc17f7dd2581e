/*
 * The vector kernels of one instruction set and one storage type of activations (void *
 * below). All are serial and work on a range of rows; threads and the order of sums are
 * the callers'. Rows are pixels (NHWC), channels are contiguous. Arrays of one value a
 * channel are float32 and have room for xk_padded(c) values: kernels read and write whole
 * vectors.
 */
#ifndef XK_SIMD_H
#define XK_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dtype.h"

#define XK_LANES 16

static inline size_t xk_padded(size_t c)
{
    return (c + XK_LANES - 1) / XK_LANES * XK_LANES;
}

/* What BN kernels need of a layer. Arrays [c] but x, y, ...: [rows][c]. An activation
 * together with factor or shortcut has its slope taken from the output (y). */
struct xk_bn_args {
    size_t c;
    size_t rows_per_image; /* for factor */
    enum xk_act act;
    const void *x;      /* the input */
    const float *scale; /* y = act((scale * x + shift) * factor + shortcut) */
    const float *shift;
    const float *factor;  /* [images] of drop path, or NULL */
    const void *shortcut; /* or NULL */
    void *y;              /* backward: given where the slope is taken from the output */
    /* backward */
    const void *dy[2]; /* summed; dy[1] may be NULL */
    const float *mean;
    void *g;  /* written: summed gradient behind the activation, or NULL */
    void *dx; /* dx = kg * g * factor + kx * x + k1 */
    const float *kg, *kx, *k1;
};

/*
 * A depthwise convolution, with what is done to its input on loading (a batch norm and
 * activation), to its output before storing (bias and activation, or sums for the batch
 * norm behind it), and to the gradient on loading (that batch norm's backward pass).
 */
struct xk_dw_args {
    size_t c, h, w, oh, ow, k, stride, pad_h, pad_w;
    const float *weights;       /* [k*k][padded c] */
    const void *x;              /* [n][h][w][c] */
    void *y;                    /* [n][oh][ow][c] */
    const float *scale, *shift; /* x is act_in(scale * x + shift); NULL: x as it is */
    enum xk_act act_in;
    const float *bias;   /* or NULL */
    enum xk_act act_out; /* behind the bias */
    const float *center; /* sums of y - center and its square are wanted; or NULL */
    /* backward */
    const void *dy[2];            /* summed; may be NULL */
    const float *dy_mul, *dy_add; /* [images][padded c]: dy * mul + add; or NULL */
    const float *post_scale, *post_shift, *kg, *kx,
        *k1; /* gradient of the batch norm behind: */
    enum xk_act
        post_act; /* kg * act'(post_scale * y + post_shift) * dy + kx * y + k1; or NULL */
    void *dx;     /* or NULL; with scale: behind act_in's slope */
    const float *mean; /* of x, with scale */
};

/* Thread-private sums: double, padded c. */
struct xk_dw_sums {
    double *sum, *squares; /* of y (forward), or of dx and dx * (x - mean) (backward) */
    double *dw;            /* [k*k][padded c]; NULL: not wanted */
};

/* Floats of scratch that the depthwise kernels need for a thread. */
size_t xk_dw_scratch(const struct xk_dw_args *a);

/*
 * A pointwise convolution of rows [rows][in] to [rows][out], with what is done to its
 * input on loading (batch norm, activation, one factor an image and channel), to its
 * output before storing (bias, shortcut, activation; or sums for the batch norm behind
 * it), and to the gradient on loading (that batch norm's backward pass).
 */
struct xk_pw_args {
    size_t in, out;
    size_t per_image; /* rows, for gate, dy_mul, dy_add, factor */
    /* Row r is pixel r of x and dx; with stride > 1 (dx is zero then where no row is)
     * pixel (r / out_w * stride, r % out_w * stride) of an image [in_h][in_w]. */
    size_t stride, in_h, in_w, out_w;
    const void *x;
    void *y;
    const int32_t *weights, *weights_back; /* by pw_pack, for forward and for dx */
    const float *scale, *shift; /* x is act_in(scale * x + shift); NULL: x as it is */
    enum xk_act act_in;
    const float *gate;    /* [images][padded in], times that; or NULL */
    const float *bias;    /* or NULL */
    const void *shortcut; /* added, or NULL */
    enum xk_act act_out;  /* behind both */
    const float *center;  /* sums of y - center and its square are wanted; or NULL */
    /* backward */
    const void *dy[2]; /* summed; dy[0] may be NULL with dy_add, dy[1] always */
    const float *dy_mul, *dy_add; /* [images][padded out]: dy * mul + add; or NULL */
    const float *post_scale, *post_shift, *kg, *kx, *k1; /* as in xk_dw_args */
    enum xk_act post_act;
    const float *factor; /* [images], of drop path, between kg and the slope; or NULL */
    void *dx;            /* or NULL; with scale and no gate: behind act_in's slope */
    const float *mean;   /* of x, with scale */
};

/* Thread-private sums, as xk_dw_sums; dw: float [pw_dw_rows][pw_dw_cols], the smaller
 * number of channels down, NULL: not wanted. */
struct xk_pw_sums {
    double *sum, *squares;
    float *dw;
};

/* A window of max pooling over a pixel: winners and gradients of its channels, and the
 * pixel's id in it. */
struct xk_max_tap {
    const uint8_t *winner;
    const void *dy;
    uint8_t id;
};

/*
 * A 3x3 convolution at stride 1, padded by 1, of images [in_h][in_w] takes the same.
 * weights: 16 packed right factors [in][out], one for each place of a tile, one behind
 * the other; weights_back the same of the weights turned by 180 degrees, [out][in]. gate
 * is not known.
 */
struct xk_simd {
    const char *name;
    enum xk_dtype dtype;

    /* sum and sum of squares of x - center over rows r0..r1-1, added */
    void (*bn_stats)(double *sum, double *squares, const void *x, const float *center,
                     size_t c, size_t r0, size_t r1);
    void (*bn_apply)(const struct xk_bn_args *a, size_t r0, size_t r1);
    /* sums of g * factor and g * factor * (x - mean), added; writes a->g where it is
     * wanted */
    void (*bn_reduce)(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                      size_t r0, size_t r1);
    void (*bn_backward)(const struct xk_bn_args *a, size_t r0, size_t r1);

    /* output rows r0..r1-1 of n * oh */
    void (*dw_forward)(const struct xk_dw_args *a, const struct xk_dw_sums *s,
                       float *scratch, size_t r0, size_t r1);
    /* input rows r0..r1-1 of n * h, and the output rows whose first input row (less the
     * padding) is among them: dx is written, dw added to */
    void (*dw_backward)(const struct xk_dw_args *a, const struct xk_dw_sums *s,
                        float *scratch, size_t r0, size_t r1);

    /* rows r0..r1-1; scratch: pw_scratch bytes a thread, on a cache line */
    void (*pw_forward)(const struct xk_pw_args *a, const struct xk_pw_sums *s,
                       void *scratch, size_t r0, size_t r1);
    /* dx is written, dw added to */
    void (*pw_backward)(const struct xk_pw_args *a, const struct xk_pw_sums *s,
                        void *scratch, size_t r0, size_t r1);
    size_t (*pw_scratch)(const struct xk_pw_args *a, bool backward);
    size_t (*pw_dw_rows)(const struct xk_pw_args *a);
    size_t (*pw_dw_cols)(const struct xk_pw_args *a);
    /* One panel of pw_panel columns of a right factor: see simd_pw.h. */
    void (*pw_pack)(int32_t *panels, const float *w, size_t inner, size_t inner_step,
                    size_t cols, size_t col_step, size_t panel);
    size_t pw_panel;

    /* Tiles t0..t1-1 of n * (h + 1) / 2 * (w + 1) / 2, in order of their images and rows.
     * dw: the sums of 16 places, one behind the other */
    void (*wg_forward)(const struct xk_pw_args *a, const struct xk_pw_sums *s,
                       void *scratch, size_t t0, size_t t1);
    void (*wg_backward)(const struct xk_pw_args *a, const struct xk_pw_sums *s,
                        void *scratch, size_t t0, size_t t1);
    size_t (*wg_scratch)(const struct xk_pw_args *a, bool backward);
    /* GgG' of n filters [3][3] into u, 16 places `apart` floats from each other; turned:
     * of filters turned by 180 degrees. */
    void (*wg_filters)(float *u, size_t apart, const float *w, size_t n, bool turned);
    /* G'uG of n filters, added to dw. */
    void (*wg_filters_back)(float *dw, const float *u, size_t apart, size_t n);

    /* elementwise; y may be x, dx may be dy */
    void (*act)(void *y, const void *x, size_t n, enum xk_act act);
    void (*act_grad)(void *dx, const void *dy, const void *x, size_t n, enum xk_act act);
    void (*add)(void *dst, const void *a, const void *b, size_t n);

    /* rows of one image: y[r][c] = x[r][c] * gate[c]; sums over rows, double, added */
    void (*scale_rows)(void *y, const void *x, const float *gate, size_t c, size_t rows);
    void (*sum_rows)(double *sum, const void *x, size_t c, size_t rows);
    /* rows of one image behind y = act(scale * x + shift): sums of y, added */
    void (*sum_act_rows)(double *sum, const void *x, const float *scale,
                         const float *shift, enum xk_act act, size_t c, size_t rows);
    /* sums[5][apart]: of dy * y, of g = dy * slope, of g * (x - mean), of the slope, of
     * slope * (x - mean); written. dy NULL: only the last two */
    void (*gate_sums)(float *sums, size_t apart, const void *x, const void *dy,
                      const float *scale, const float *shift, const float *mean,
                      enum xk_act act, size_t c, size_t rows);
    void (*dot_rows)(double *sum, const void *x, const void *dy, size_t c, size_t rows);
    void (*fill_rows)(void *y, const float *v, size_t c, size_t rows);

    /* layer norm of rows r0..r1-1: y = (x - mean) * rstd * gamma + beta, mean and rstd
     * [rows] are written; backward: sums for gamma and beta, double, padded c, added; dx
     * may be NULL or dy */
    void (*ln_forward)(float *y, float *mean, float *rstd, const float *x,
                       const float *gamma, const float *beta, float eps, size_t c,
                       size_t r0, size_t r1);
    void (*ln_backward)(float *dx, double *dgamma, double *dbeta, const float *dy,
                        const float *x, const float *mean, const float *rstd,
                        const float *gamma, size_t c, size_t r0, size_t r1);

    /* the largest of some pixels, channel by channel, and the id of the first that has it
     */
    void (*max_taps)(void *y, uint8_t *winner, const void *const *taps,
                     const uint8_t *ids, size_t n_taps, size_t c);
    /* a pixel's gradient: of each window over it, dy where the pixel has won */
    void (*max_back)(void *dx, const struct xk_max_tap *taps, size_t n_taps, size_t c);

    void (*add_floats)(float *to, const float *x, size_t n); /* to += x */
    double (*sum_squares)(const float *x, size_t n);
    /* of optimisers (formula.h): g times scale is the gradient */
    void (*update[XK_N_OPTIMS])(float *p, float *m, float *v, float *g, size_t n,
                                float scale, const struct xk_hyper *o);
    void (*ema)(float *e, const float *p, size_t n, float decay);
};

extern const struct xk_simd xk_simd_generic, xk_simd_avx2, xk_simd_avx512;
extern const struct xk_simd xk_simd_generic_bf16, xk_simd_avx2_bf16, xk_simd_avx512_bf16,
    xk_simd_avx512bf16_bf16; /* the last with the processor's own bfloat16 arithmetic */

/* The best that this processor has; XR_CPU=avx512bf16|avx512|avx2|generic in the
 * environment takes another. */
const struct xk_simd *xk_simd_find(enum xk_dtype dtype);

#endif
