/*
 * A classifier: a net with its classes and its preprocessing, to and from model files.
 * What xr-train, xr-predict and xr-cam share; the layer between the tools and libcommon +
 * kernels.
 */
#ifndef XR_CLASSIFIER_H
#define XR_CLASSIFIER_H

#include "model.h"
#include "net.h"
#include "stream.h"

struct xr_classifier {
    struct xk_net *net;
    char **classes;
    size_t n_classes;
    struct xr_preprocess pre;
    cJSON *history; /* of the model file, or NULL */
};

/* How activations are stored, in the order of enum xk_dtype. */
#define XR_PRECISIONS "float32|bf16"

/* How a net is run. */
struct xr_run {
    const char *device;
    bool tf32, deterministic; /* see struct xk_spec */
    int threads;              /* 0: the CPUs of the affinity mask */
    size_t batch;
    int precision;    /* XR_PRECISIONS */
    bool training;    /* memory for a backward pass */
    const char *keep; /* see struct xk_spec */
};

/* A trained classifier from a model file of xr-train. */
int xr_classifier_open(struct xr_classifier *c, const char *path,
                       const struct xr_run *run, struct xr_err *err) XR_MUST_USE;
void xr_classifier_close(struct xr_classifier *c);

/* Refuse a stream whose size, channels, fit or interpolation is not the model's, or whose
 * classes, where it has any, are others or in another order. `name` is the stream's, for
 * the message. */
int xr_classifier_accepts(const struct xr_classifier *c,
                          const struct xr_stream_header *header, const char *name,
                          struct xr_err *err) XR_MUST_USE;

/*
 * Values of a model file into a net, by timm's names; num_batches_tracked may be missing.
 * A first convolution over three channels is summed for a net with one, as timm does.
 * new_head: the head's tensors are left as they are. The file is named in errors, as is
 * the first tensor that is missing or has another shape.
 */
int xr_net_load(struct xk_net *net, const struct xr_model *model, bool new_head,
                struct xr_err *err) XR_MUST_USE;

/* All values of a net one behind the other, in the order of its state dict: count is the
 * number of floats. Set writes them back. */
size_t xr_net_count(const struct xk_net *net);
int xr_net_values(float *values, struct xk_net *net, struct xr_err *err) XR_MUST_USE;
int xr_net_set_values(struct xk_net *net, const float *values,
                      struct xr_err *err) XR_MUST_USE;

/* The tensors of a state dict over `values`, counters as int64 (their data lies in
 * *counters, which the caller frees with *tensors). */
int xr_net_tensors(struct xr_tensor **tensors, int64_t **counters,
                   const struct xk_net *net, float *values,
                   struct xr_err *err) XR_MUST_USE;

#endif
