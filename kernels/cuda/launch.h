/*
 * The kernels, as C functions that put them into a stream. Tensors are NHWC on the
 * device, of the type that is named, n images. Nothing here can fail at once: what goes
 * wrong is found by the next check of the stream. No kernel adds in an order that depends
 * on time, so that all of them give the same bytes from run to run.
 */
#ifndef XK_CUDA_LAUNCH_H
#define XK_CUDA_LAUNCH_H

#include "device.h"
#include "rng.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CUstream_st *xk_stream; /* cudaStream_t */

/* --- each.cu: one value from one value --------------------------------------------- */

void xk_cu_act(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t n,
               enum xk_act act);
void xk_cu_act_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy, const void *x,
                    size_t n, enum xk_act act);
void xk_cu_add(xk_stream s, enum xk_dtype t, void *y, const void *a, const void *b,
               size_t n);
/* y = act(x + bias + shortcut) over rows of c channels; bias, shortcut may be NULL. */
void xk_cu_bias_act(xk_stream s, enum xk_dtype t, void *y, const void *x,
                    const float *bias, const void *shortcut, size_t rows, size_t c,
                    enum xk_act act);
/* y = x times a factor a channel. */
void xk_cu_scale(xk_stream s, enum xk_dtype t, void *y, const void *x, const float *gamma,
                 size_t rows, size_t c);
/* y = x times act(gate), one a channel of each image. */
void xk_cu_gate(xk_stream s, enum xk_dtype t, void *y, const void *x, const float *gate,
                size_t images, size_t pixels, size_t c, enum xk_act act);
/* dx = dy / pixels, the same for all pixels of an image. */
void xk_cu_spread(xk_stream s, enum xk_dtype t, void *dx, const float *dy, size_t images,
                  size_t pixels, size_t c);
/* y = x times a factor for each `per` values that follow each other. */
void xk_cu_factor(xk_stream s, enum xk_dtype t, void *y, const void *x,
                  const float *factor, size_t n, size_t per);
/* n factors of dropout or drop path, by a generator that lies on the device. */
void xk_cu_drop(xk_stream s, float *factor, const struct xr_rng *rng, float rate,
                size_t n);
void xk_cu_convert(xk_stream s, enum xk_dtype to, void *y, enum xk_dtype from,
                   const void *x, size_t n);
void xk_cu_input_u8(xk_stream s, enum xk_dtype t, void *dst, const uint8_t *src,
                    size_t pixels, size_t src_channels, size_t channels,
                    const float *mean, const float *std);
/* NCHW to NHWC */
void xk_cu_input_f32(xk_stream s, enum xk_dtype t, void *dst, const float *src, size_t n,
                     struct xk_shape shape);
/* Columns from..from+c-1 of rows that are `wide`, to or from rows of c. */
void xk_cu_put_columns(xk_stream s, enum xk_dtype t, void *wide_rows, const void *x,
                       size_t rows, size_t wide, size_t from, size_t c);
void xk_cu_get_columns(xk_stream s, enum xk_dtype t, void *x, const void *wide_rows,
                       size_t rows, size_t wide, size_t from, size_t c);
/* Images between the order of tensors here and channel, row, column. */
void xk_cu_to_chw(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t images,
                  size_t pixels, size_t c);
void xk_cu_to_hwc(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t images,
                  size_t pixels, size_t c);

/* --- weights.cu: convolutions' weights --------------------------------------------- */

/* What is behind a convolution and is folded into it; pointers of the device or NULL. */
struct xk_cu_fold {
    const float *bias, *gamma, *beta, *mean, *var;
    float eps;
};

/* [out][in][taps] to [out][taps][in] of type t, or (depthwise) [taps][out]; and the bias
 * [out], in float32 and in t (NULL: not wanted). */
void xk_cu_pack(xk_stream s, enum xk_dtype t, void *to, float *bias, void *bias_t,
                const float *w, const struct xk_cu_fold *fold, size_t out, size_t in,
                size_t taps, bool depthwise);
/* dw [out][in][taps] += from [out][taps][in] */
void xk_cu_unpack(xk_stream s, enum xk_dtype t, float *dw, const void *from, size_t out,
                  size_t in, size_t taps);

/* --- columns.cu: sums over rows ---------------------------------------------------- */

/* Each with room for xk_columns_floats(rows, c, 2) in scratch. */
/* to[c] += the sum of all rows of x */
void xk_cu_sum_columns(xk_stream s, enum xk_dtype t, float *to, const void *x,
                       size_t rows, size_t c, float *scratch);
/* to[c] += the sum of x * dy */
void xk_cu_dot_columns(xk_stream s, enum xk_dtype t, float *to, const void *x,
                       const void *dy, size_t rows, size_t c, float *scratch);
/* y[n][c] = the mean over the pixels of each image */
void xk_cu_mean_images(xk_stream s, enum xk_dtype t, float *y, const void *x,
                       size_t images, size_t pixels, size_t c);
/* ds[n][c] = slope of act at gate, times the sum of x * dy over the pixels */
void xk_cu_gate_grad(xk_stream s, enum xk_dtype t, float *ds, const void *x,
                     const void *dy, const float *gate, size_t images, size_t pixels,
                     size_t c, enum xk_act act);

/* --- bn.cu ------------------------------------------------------------------------- */

/* saved: xk_saved_floats of a BN node: mean, rstd, scale, shift, kg, kx, k1 of cp
 * channels each, then one factor an image. */
struct xk_cu_bn {
    enum xk_dtype dtype;
    size_t rows, c, cp, per_image; /* rows of one image */
    float *saved;
    bool factors; /* drop path is fused */
    float eps;
    enum xk_act act;
    const void *x, *shortcut;
    void *y;
    const float *gamma, *beta;
    float *mean, *var, *count; /* running */
    /* backward */
    const void *dy[2];     /* added; [1] may be NULL */
    void *g;               /* their sum behind the activation's slope, or NULL */
    void *dx;              /* or NULL */
    float *dgamma, *dbeta; /* added to, or NULL */
    bool batch;            /* statistics are the batch's */
    float *scratch;        /* xk_columns_floats(rows, c, 2) */
};

/* Statistics of the batch (batch) or the running ones, and scale and shift from them. */
void xk_cu_bn_statistics(xk_stream s, const struct xk_cu_bn *bn);
/* y = act((scale * x + shift) * factor + shortcut) */
void xk_cu_bn_apply(xk_stream s, const struct xk_cu_bn *bn);
void xk_cu_bn_backward(xk_stream s, const struct xk_cu_bn *bn);

/* --- norm.cu ----------------------------------------------------------------------- */

void xk_cu_layernorm(xk_stream s, enum xk_dtype t, void *y, float *mean, float *rstd,
                     const void *x, const float *gamma, const float *beta, float eps,
                     size_t rows, size_t c);
/* dx may be dy or NULL; scratch: xk_columns_floats(rows, c, 2) */
void xk_cu_layernorm_grad(xk_stream s, enum xk_dtype t, void *dx, float *dgamma,
                          float *dbeta, const void *dy, const void *x, const float *mean,
                          const float *rstd, const float *gamma, size_t rows, size_t c,
                          float *scratch);

/* --- pool.cu ----------------------------------------------------------------------- */

struct xk_cu_window {
    size_t n, h, w, c, oh, ow, kernel, stride, pad_h, pad_w;
};

void xk_cu_maxpool(xk_stream s, enum xk_dtype t, void *y, uint8_t *winner, const void *x,
                   const struct xk_cu_window *window);
void xk_cu_maxpool_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                        const uint8_t *winner, const struct xk_cu_window *window);
/* kernel 0: adaptive */
void xk_cu_avgpool(xk_stream s, enum xk_dtype t, void *y, const void *x,
                   const struct xk_cu_window *window);
void xk_cu_avgpool_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                        const struct xk_cu_window *window);

/* --- depthwise.cu: weights packed as [taps][c] float32 ------------------------------ */

void xk_cu_depthwise(xk_stream s, enum xk_dtype t, void *y, const void *x,
                     const float *weights, const float *bias, enum xk_act act,
                     const struct xk_cu_window *window);
void xk_cu_depthwise_data(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                          const float *weights, const struct xk_cu_window *window);
/* dw [c][taps] += ; scratch: xk_cu_depthwise_floats */
void xk_cu_depthwise_weights(xk_stream s, enum xk_dtype t, float *dw, const void *x,
                             const void *dy, const struct xk_cu_window *window,
                             float *scratch);
size_t xk_cu_depthwise_floats(const struct xk_cu_window *window);

/* --- direct.cu: any convolution, for shapes that cuDNN has no engine for ------------ */

struct xk_cu_direct {
    struct xk_cu_window window;
    size_t out, groups;
};

/* weights [out][taps][c / groups] of the same type */
void xk_cu_direct(xk_stream s, enum xk_dtype t, void *y, const void *x,
                  const void *weights, const struct xk_cu_direct *conv);
void xk_cu_direct_data(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                       const void *weights, const struct xk_cu_direct *conv);
/* dw [out][c / groups][taps] += ; scratch: xk_cu_direct_floats */
void xk_cu_direct_weights(xk_stream s, enum xk_dtype t, float *dw, const void *x,
                          const void *dy, const struct xk_cu_direct *conv,
                          float *scratch);
size_t xk_cu_direct_floats(const struct xk_cu_direct *conv);

/* --- optim.cu ---------------------------------------------------------------------- */

/* Elements begin..end-1 of a span: the work of one block. */
struct xk_cu_chunk {
    uint32_t span;
    uint32_t first; /* of its span: index of the chunk that begins it */
    size_t begin, end;
};

enum {
    XK_CHUNK = 32768
};

/* Spans and chunks lie on the device. scratch: a double for each chunk. */
void xk_cu_sum_squares(xk_stream s, double *sums, const struct xk_span *spans,
                       const struct xk_cu_chunk *chunks, size_t n_chunks, size_t n_spans,
                       double *scratch);
void xk_cu_update(xk_stream s, enum xk_optim_kind kind, const struct xk_span *spans,
                  const struct xk_cu_chunk *chunks, size_t n_chunks, float scale);
void xk_cu_ema(xk_stream s, const struct xk_span *spans, const struct xk_cu_chunk *chunks,
               size_t n_chunks, float decay);
void xk_cu_swap(xk_stream s, float *a, float *b, size_t n);

#ifdef __cplusplus
}
#endif

#endif
