/*
 * Convolutions and matrix products by oneDNN: the only file that knows that library.
 * Tensors are NHWC; weights are kept in the type and layout the library likes best.
 */
#ifndef XK_DNN_H
#define XK_DNN_H

#include <stdbool.h>
#include <stddef.h>

#include "dtype.h"
#include "err.h"
#include "formula.h"

struct xk_dnn; /* engine and stream; one thread at a time */
int xk_dnn_open(struct xk_dnn **dnn, struct xr_err *err) XR_MUST_USE;
void xk_dnn_close(struct xk_dnn *dnn);

/* 0 where this processor computes with dtype. */
int xk_dnn_has(struct xk_dnn *dnn, enum xk_dtype dtype, struct xr_err *err) XR_MUST_USE;

struct xk_dnn_conv_spec {
    size_t n, h, w, c, oh, ow, oc, k, stride, pad_h, pad_w, groups;
    bool bias, sum;      /* sum: the result is added to y before act */
    enum xk_act act;     /* behind the bias and the sum */
    bool backward, data; /* backward of weights; of data as well */
    enum xk_dtype dtype; /* of x, y and their gradients; sums are float32 always */
};

/* One thread at a time. Threads inside are OpenMP's current number. */
struct xk_dnn_conv;
int xk_dnn_conv_open(struct xk_dnn_conv **conv, struct xk_dnn *dnn,
                     const struct xk_dnn_conv_spec *spec, struct xr_err *err) XR_MUST_USE;
void xk_dnn_conv_close(struct xk_dnn_conv *conv);

/* Take weights [oc][c/groups][k][k] for the forward passes that follow, rounded to the
 * type that is computed with. */
int xk_dnn_conv_weights(struct xk_dnn_conv *conv, const float *weights,
                        struct xr_err *err) XR_MUST_USE;
int xk_dnn_conv_forward(struct xk_dnn_conv *conv, void *y, const void *x,
                        const float *bias, struct xr_err *err) XR_MUST_USE;
/* weights as above, for this pass alone */
int xk_dnn_conv_backward_data(struct xk_dnn_conv *conv, void *dx, const void *dy,
                              const float *weights, struct xr_err *err) XR_MUST_USE;
/* dw [oc][c/groups][k][k] is added to. */
int xk_dnn_conv_backward_weights(struct xk_dnn_conv *conv, float *dw, const void *x,
                                 const void *dy, struct xr_err *err) XR_MUST_USE;

/* c[m][n] = beta * c + op(a) op(b), row-major; a is [m][k] ([k][m] if ta), b [k][n]
 * ([n][k] if tb). */
int xk_dnn_gemm(float *c, const float *a, const float *b, size_t m, size_t n, size_t k,
                bool ta, bool tb, float beta, struct xr_err *err) XR_MUST_USE;

#endif
