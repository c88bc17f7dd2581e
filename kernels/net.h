/*
 * A network on a device: what xr-train, xr-predict and xr-cam see of the engine.
 *
 * One thread drives a net; work inside runs on n_threads threads. Results are the same
 * bytes for the same number of threads.
 */
#ifndef XK_NET_H
#define XK_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dtype.h"
#include "err.h"

/* --- architectures ----------------------------------------------------------------- */

/* What is known of an architecture before it is built; timm's defaults. */
struct xk_arch {
    const char *name; /* timm's: "efficientnet_b0" */
    size_t size;      /* default height and width */
    float mean[3], std[3];
    const char *interpolation;
    const char *classifier; /* prefix of the head's parameters: "classifier", "fc" */
    const char *cam_layer;  /* where a class activation map is taken by default */
};

const struct xk_arch *xk_arch_find(const char *name); /* NULL: unknown */
const struct xk_arch *xk_arch_at(size_t i);           /* NULL: past the end */

struct xk_spec;
/* Trainable parameters and multiply-adds of a net, which is built but gets no memory. */
int xk_arch_size(const struct xk_spec *spec, uint64_t *params, uint64_t *macs,
                 struct xr_err *err) XR_MUST_USE;

/* --- nets -------------------------------------------------------------------------- */

struct xk_spec {
    const char *arch;
    const char *device; /* "auto", "cpu", "cuda[:N]"; NULL: XR_DEVICE, else "auto" */
    size_t n_classes;
    size_t channels, height, width; /* of the input; channels 1 or 3 */
    size_t batch;                   /* the largest batch */
    bool training;                  /* memory for the backward pass is planned */
    enum xk_dtype dtype;            /* of activations and their gradients */
    int n_threads;                  /* 0: the CPUs of the affinity mask */
    bool tf32;          /* GPU: float32 products may round their factors to 10 bits */
    bool deterministic; /* GPU: the same bytes from run to run (the CPU's always are) */
    float drop_rate, drop_path_rate;
    bool map; /* a second head, see xk_net_map; needs training */
    const char *
        keep; /* layer whose activation and gradient are kept (needs training), or NULL */
};

struct xk_net;
int xk_net_open(struct xk_net **net, const struct xk_spec *spec,
                struct xr_err *err) XR_MUST_USE;
void xk_net_close(struct xk_net *net);
uint64_t xk_net_macs(const struct xk_net *net); /* multiply-adds of convolutions and
                                                   linear layers, one image */
size_t xk_net_bytes(const struct xk_net *net);  /* planned memory */
size_t xk_net_peak(const struct xk_net *net);   /* most memory taken of a device that has
                                                   its own, else 0 */
/* The device, for a person; lives as long as the net. */
const char *xk_net_device(const struct xk_net *net);
const struct xk_arch *xk_net_arch(const struct xk_net *net);

/* Tensors of the state dict: timm's names, shapes and order, num_batches_tracked
 * included. */
struct xk_param {
    const char *name;
    int n_dims;
    size_t shape[4], count;
    bool trainable; /* false: a buffer (running_mean, running_var, num_batches_tracked) */
    bool counter;   /* num_batches_tracked: int64 in files, one float here */
    bool head;      /* belongs to the classifier */
    bool map;       /* belongs to the second head: nothing but training needs it */
    bool frozen;    /* set by xk_net_freeze: no gradient, no update */
};

size_t xk_net_n_params(const struct xk_net *net);
const struct xk_param *xk_net_param(const struct xk_net *net, size_t i);
/* Values and gradients in timm's layout (O,I,kh,kw), whatever the device keeps. */
int xk_net_get(struct xk_net *net, size_t i, float *dst, struct xr_err *err) XR_MUST_USE;
int xk_net_set(struct xk_net *net, size_t i, const float *src,
               struct xr_err *err) XR_MUST_USE;
int xk_net_get_grad(struct xk_net *net, size_t i, float *dst,
                    struct xr_err *err) XR_MUST_USE;
int xk_net_set_grad(struct xk_net *net, size_t i, const float *src,
                    struct xr_err *err) XR_MUST_USE;

/* Depth of every parameter: 0 for the head, then one more for every block (a residual
 * unit, an inverted bottleneck, ...) and for the stem, as timm's
 * param_groups_layer_decay counts them. */
void xk_net_depths(const struct xk_net *net, int *depth);

/* timm's own initialisation of this architecture, from counter-based random numbers. */
int xk_net_init(struct xk_net *net, uint64_t seed, struct xr_err *err) XR_MUST_USE;

/* Everything but the head stands still: neither trained nor its batch statistics updated
 * (those layers run as in inference), and the backward pass ends at the head. */
void xk_net_freeze(struct xk_net *net, bool backbone);

/* Inputs of one batch of n <= spec.batch images.
 * u8: (n,H,W,C) with C = 1 (replicated to the net's channels) or C = channels;
 *     becomes (v/255 - mean)/std in float32, as torchvision computes it.
 * f32: (n,C,H,W), already normalised. */
int xk_net_input_u8(struct xk_net *net, const uint8_t *pixels, size_t n, size_t channels,
                    const float *mean, const float *std, struct xr_err *err) XR_MUST_USE;
int xk_net_input_f32(struct xk_net *net, const float *pixels, size_t n,
                     struct xr_err *err) XR_MUST_USE;

/*
 * Forward pass over the input that was set; logits [n][n_classes] are written.
 * training: batch statistics are used and the running ones updated, dropout and drop path
 * drawn from (seed, step), and the backward pass may follow. Otherwise inference.
 */
int xk_net_forward(struct xk_net *net, float *logits, bool training, uint64_t seed,
                   uint64_t step, struct xr_err *err) XR_MUST_USE;
/* The same from pooled features [n][features] (xk_net_pooled) instead of an input: only
 * what follows them runs. training needs a frozen backbone. */
int xk_net_forward_head(struct xk_net *net, float *logits, const float *features,
                        size_t n, bool training, uint64_t seed, uint64_t step,
                        struct xr_err *err) XR_MUST_USE;
/* Inference that keeps what a backward pass needs (explanations: running statistics, no
 * dropout). The backward pass behind it computes gradients of activations only, and ends
 * at the kept layer. */
int xk_net_forward_keep(struct xk_net *net, float *logits,
                        struct xr_err *err) XR_MUST_USE;

/*
 * The second head: a 1x1 convolution with bias, "lesion_map", of what the classifier
 * pools, one logit for each of its h x w cells. It runs in training alone and leaves the
 * classifier's own pass as it is; its weight and bias begin at 0 and -3 (a lesion is
 * rare). dst [n][h][w] (NULL: only the shape) after a forward pass in training.
 */
int xk_net_map(struct xk_net *net, float *dst, size_t *h, size_t *w,
               struct xr_err *err) XR_MUST_USE;
/* The gradient of its logits, [n][h][w], for the backward pass that follows; without one
 * it is that of the last batch. */
int xk_net_set_map_grad(struct xk_net *net, const float *d_map,
                        struct xr_err *err) XR_MUST_USE;

/* d_logits [n][n_classes]: gradients are added to what is there (xk_net_zero_grad first).
 */
int xk_net_backward(struct xk_net *net, const float *d_logits,
                    struct xr_err *err) XR_MUST_USE;
int xk_net_zero_grad(struct xk_net *net, struct xr_err *err) XR_MUST_USE;

/* The kept layer, after forward_keep and backward: shape (n,C,H,W). gradient may be asked
 * after backward only. dst NULL: only the shape. */
int xk_net_kept(struct xk_net *net, float *activation, float *gradient, size_t shape[4],
                struct xr_err *err) XR_MUST_USE;
/* Features, the input of the last layer (before dropout), [n][features], after any
 * forward pass. */
int xk_net_pooled(struct xk_net *net, float *dst, size_t *features,
                  struct xr_err *err) XR_MUST_USE;
/* Are pooled features of a frozen net the same in every pass: is there no dropout before
 * them? */
bool xk_net_features_fixed(const struct xk_net *net);
/* Names of the layers that `keep` accepts, NULL past the end. */
const char *xk_net_layer(const struct xk_net *net, size_t i);

/* Time spent in each step of the last plan that ran, summed over all passes; false past
 * the end. */
struct xk_profile {
    const char *name, *op;
    double forward, backward; /* seconds */
    size_t h, w, c;           /* of the output */
};
bool xk_net_profile(const struct xk_net *net, size_t i, struct xk_profile *profile);

#endif
