/*
 * The CPU device: what its files share.
 */
#ifndef XK_CPU_H
#define XK_CPU_H

#include "device.h"
#include "dnn.h"
#include "simd.h"

struct xk_cpu {
    struct xk_device base;
    const struct xk_simd *simd[2]; /* by the type of activations */
    struct xk_dnn *dnn;
    bool dnn_bf16; /* it has bfloat16 on this processor */
    int n_threads;
    float *scratch; /* shared by all steps: one runs at a time */
    size_t scratch_floats;
    float
        *copies; /* of tensors that are not float32, for operations that know no other */
    size_t copies_floats;
    double *partial; /* sums of each thread, combined in their order */
    size_t partial_doubles;
    struct xk_cpu_block *blocks; /* what steps took, newest first */
};

/* n elements for a step, zeroed, for as long as the device lives (prepare only). They lie
 * one behind the other on huge pages: small ones cost most of a start. */
void *xk_cpu_take(struct xk_cpu *cpu, size_t n, size_t size,
                  struct xr_err *err) XR_MUST_USE;

/* At least this much scratch from now on (prepare only). */
int xk_cpu_scratch(struct xk_cpu *cpu, size_t floats, struct xr_err *err) XR_MUST_USE;
/* n doubles for each thread (prepare only). */
int xk_cpu_partial(struct xk_cpu *cpu, size_t n, struct xr_err *err) XR_MUST_USE;

/* The part of n rows that thread t of the team takes: fixed, contiguous. */
static inline void xk_cpu_part(size_t *r0, size_t *r1, size_t n, int t, int threads)
{
    *r0 = n * (size_t)t / (size_t)threads;
    *r1 = n * ((size_t)t + 1) / (size_t)threads;
}

/*
 * An operation of the CPU. One that knows float32 only (any_dtype false) gets float32
 * copies of tensors that are stored otherwise.
 */
struct xk_cpu_op {
    int (*prepare)(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err);
    void (*release)(struct xk_step *step);
    int (*forward)(struct xk_cpu *cpu, struct xk_step *step, const struct xk_pass *pass,
                   struct xr_err *err);
    int (*backward)(struct xk_cpu *cpu, struct xk_step *step, const struct xk_pass *pass,
                    struct xr_err *err);
    bool any_dtype;
};

extern const struct xk_cpu_op xk_cpu_conv, xk_cpu_depthwise, xk_cpu_pointwise,
    xk_cpu_winograd, xk_cpu_bn, xk_cpu_act, xk_cpu_add, xk_cpu_maxpool, xk_cpu_gap,
    xk_cpu_gate, xk_cpu_dropout, xk_cpu_drop_path, xk_cpu_concat, xk_cpu_flatten,
    xk_cpu_avgpool, xk_cpu_layernorm, xk_cpu_scale, xk_cpu_full;

/* One image between the order of tensors here and that of torch's flatten. */
void xk_cpu_to_chw(float *dst, const float *src, size_t pixels, size_t c);
void xk_cpu_to_hwc(float *dst, const float *src, size_t pixels, size_t c);
/* A convolution for xk_cpu_full. */
bool xk_cpu_is_full(const struct xk_step *step);
/* Add a convolution's summed dy to the gradient of its bias, if it has one; partial sums
 * of out doubles must have been asked for. */
void xk_cpu_bias_gradient(struct xk_cpu *cpu, struct xk_step *step,
                          const struct xk_pass *pass);

/* What a batch norm keeps of a pass, one value a channel: mean and 1/deviation; y = scale
 * * x + shift; dx = kg * g + kx * x + k1. Then one factor an image for drop path. */
struct xk_cpu_bn_saved {
    float *mean, *rstd, *scale, *shift, *kg, *kx, *k1, *factor;
};

struct xk_cpu_bn_saved xk_cpu_bn_saved(const struct xk_step *bn);
/* The activation whose slope is still to be taken where this batch norm's gradient is
 * applied on loading: none if the step behind it has taken it, or itself behind an
 * addition. */
enum xk_act xk_cpu_bn_pending_act(const struct xk_step *bn);
/* The gradient of a batch norm's output, from the convolution's that is before it:
 * (dy[0] + dy[1]) * mul + add, factors [images][padded c]; all may be NULL. */
struct xk_cpu_bn_dy {
    const void *dy[2];
    const float *mul, *add;
};

struct xk_cpu_bn_dy xk_cpu_bn_dy(const struct xk_step *bn, void *const dy[XK_MAX_GRADS]);
/* From sums of x - center and its square over all rows: this pass's and the running
 * statistics. */
void xk_cpu_bn_statistics(struct xk_step *bn, const struct xk_pass *pass,
                          const double *sum, const double *squares, const float *center,
                          size_t rows);
/* scale and shift, from this pass's statistics (training) or the running ones. */
void xk_cpu_bn_factors(struct xk_step *bn, const struct xk_pass *pass);
/* y from x by the factors that the forward pass has set, and what is fused behind. */
void xk_cpu_bn_apply(struct xk_cpu *cpu, const struct xk_step *step,
                     const struct xk_pass *pass, void *y);
/* From sums of g and g * (x - mean): the gradients of gamma and beta, and kg, kx, k1. */
void xk_cpu_bn_gradients(struct xk_step *bn, const struct xk_pass *pass,
                         const double *sum_g, const double *sum_gx, size_t rows);
/* Add the n doubles of each thread, in their order, into the first's. */
void xk_cpu_join(double *partial, size_t n, int threads);

/* --- what pointwise and Winograd's convolutions share: product.c ------------------- */

/* step->impl of both. */
struct xk_cpu_product {
    uint64_t version, back_version;  /* of the packed weights */
    int32_t *weights, *weights_back; /* right factors of all places */
    float *bias;
    size_t scratch, dw_floats; /* bytes and floats a thread */
};

/* Of units u0..u1-1: rows or tiles. */
typedef void xk_product_pass(const struct xk_pw_args *a, const struct xk_pw_sums *s,
                             void *scratch, size_t u0, size_t u1);

/* Shapes and tensors of a step. */
struct xk_pw_args xk_cpu_product_args(const struct xk_step *step);
/* Are weights and a bias made of the convolution's bias or a fused batch norm? */
bool xk_cpu_product_folds(const struct xk_step *step);
/* 32-bit units of a packed right factor, and packing one. */
size_t xk_cpu_product_units(const struct xk_simd *simd, size_t inner, size_t cols);
void xk_cpu_product_pack(const struct xk_cpu *cpu, const struct xk_simd *simd,
                         int32_t *to, const float *w, size_t inner, size_t inner_step,
                         size_t cols, size_t col_step);
/* scratch: bytes that a pass of the kernels needs. */
int xk_cpu_product_prepare(struct xk_cpu *cpu, struct xk_step *step, size_t places,
                           size_t scratch, struct xr_err *err) XR_MUST_USE;
/* The first units have `pixels` pixels: their mean is what sums are taken around. */
void xk_cpu_product_forward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, xk_product_pass *kernel,
                            size_t units, size_t first, size_t pixels);
/* Returns the gradients of the weights, dw_floats for each of *threads, or NULL where
 * none are wanted. */
float *xk_cpu_product_backward(struct xk_cpu *cpu, struct xk_step *step,
                               const struct xk_pass *pass, xk_product_pass *kernel,
                               size_t units, int *threads);

/* Fold the batch norm or layer scale of a fused convolution: weights [out][per_out] and a
 * bias [out]. weights NULL: there is no batch norm, only the bias is wanted. */
void xk_cpu_fold(float *weights, float *bias, const struct xk_step *step,
                 const struct xk_pass *pass, size_t per_out);

#endif
