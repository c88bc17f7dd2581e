/*
 * A device is a table of functions. The CPU is built in; others are plugins with the same
 * table.
 */
#ifndef XK_DEVICE_H
#define XK_DEVICE_H

#include "graph.h"

/* The parts of a pass that are the same for all of its nodes. */
enum xk_mode {
    XK_INFER, /* running statistics, nothing kept, fused plan */
    XK_KEEP,  /* running statistics, kept for a backward pass of activations */
    XK_TRAIN,
};

struct xk_pass {
    enum xk_mode mode;
    size_t n;            /* images of this batch */
    uint64_t seed, step; /* of dropout and drop path */
    uint64_t version;    /* grows when parameters or running statistics change */
    const float *values; /* all parameters; xk_tensor_info.offset */
    float *running;      /* the same buffer, for running statistics */
    float *grads;        /* gradients of parameters, NULL: none wanted */
};

/* Most gradients that meet at one tensor before they are summed on load; a further one is
 * added to the last of these. */
#define XK_MAX_GRADS 2

/*
 * A node bound to memory: all a device's operation gets. Tensors are NHWC of at most
 * `batch` images on the device; x[k] and dx[k] have the type in_dtype[k], y, dy and g
 * node->dtype.
 */
struct xk_step {
    const struct xk_node *node;
    const struct xk_graph *graph; /* for the parameters' offsets and shapes */
    struct xk_shape in;           /* of input 0 */
    size_t batch;
    bool backward; /* planned for training */
    enum xk_dtype in_dtype[2];
    void *x[2], *y;
    /* backward */
    void *dy[XK_MAX_GRADS]; /* summed; n_dy 0: this node has no backward pass */
    int n_dy;
    void
        *dx[2]; /* NULL: not wanted; may be dy[0] or x[0] where the operation allows it */
    void *g; /* BN with input 1: the summed gradient behind the activation (input 1's) */
    void *merge[2][3]; /* a further gradient of an input: [0] = [1] + [2] behind this */
    float *saved;      /* what forward keeps for backward; xk_saved_floats */
    /* CONV: the batch norm before it, whose output the forward pass lets go: backward it
     * is made once more, in x_again; or NULL */
    struct xk_step *source;
    void *x_again;
    struct xk_step *pre, *post, *gate, *gated_by, *pooled_by; /* of the node's, or NULL */
    void *impl;                                               /* the device's own */
};

/* Floats that a node keeps from forward to backward besides tensors. */
size_t xk_saved_floats(const struct xk_node *node, size_t batch);

/* Values of a parameter of this step, NULL where it has none. */
static inline const float *xk_value(const struct xk_step *step,
                                    const struct xk_pass *pass, enum xk_role role)
{
    int p = step->node->param[role];

    return p < 0 ? NULL : pass->values + step->graph->params[p].offset;
}

static inline float *xk_grad(const struct xk_step *step, const struct xk_pass *pass,
                             enum xk_role role)
{
    int p = step->node->param[role];

    return p < 0 || !pass->grads ? NULL : pass->grads + step->graph->params[p].offset;
}

struct xk_device {
    const struct xk_backend *backend;
};

/* A pass over the steps behind number `from` of a plan, or back to there. */
struct xk_run {
    struct xk_step *steps;
    int n_steps, from;
    bool backward;
    bool frozen; /* steps that do not belong to the head run as in inference */
};

/* A tensor's part of the buffers that an optimiser moves; m and v may be NULL. */
struct xk_span {
    float *p, *m, *v, *g;
    size_t n;
    struct xk_hyper hyper;
};

struct xk_device_spec {
    int index;          /* of several of a kind */
    int n_threads;      /* of the host, 0: the CPUs of the affinity mask */
    bool tf32;          /* float32 products may round their factors to 10 bits */
    bool deterministic; /* the same bytes from run to run, whatever that costs */
};

struct xk_backend {
    const char *name;
    /* Its convolutions apply the batch norms and gates around them, see fuse.c. */
    bool loads_norms;
    /* A batch norm's output that one convolution alone reads is not kept for the backward
     * pass but made again. */
    bool makes_again;
    int (*open)(struct xk_device **dev, const struct xk_device_spec *spec,
                struct xr_err *err);
    void (*close)(struct xk_device *dev);
    /* One line for a person: what it is. Lives as long as the device. */
    const char *(*describe)(const struct xk_device *dev);
    /* The most memory of the device that was taken at a time, in bytes; NULL: the host's
     * is all it has. */
    size_t (*peak)(const struct xk_device *dev);

    /* Memory of the device, zeroed. Copies are complete when they return. */
    void *(*alloc)(struct xk_device *dev, size_t bytes, struct xr_err *err);
    void (*free)(struct xk_device *dev, void *mem, size_t bytes);
    void (*upload)(struct xk_device *dev, void *dst, const void *src, size_t bytes);
    void (*download)(struct xk_device *dev, void *dst, const void *src, size_t bytes);
    void (*zero)(struct xk_device *dev, float *dst, size_t n);

    /* Around a pass; both may be NULL. begin returns 0: the steps are to be called, and
     * end behind them; 1: the device has run a recording of this pass instead of them; -1
     * with *err. end returns 1 where nothing was run and the steps are to be called once
     * more, and end behind them. */
    int (*begin)(struct xk_device *dev, const struct xk_run *run,
                 const struct xk_pass *pass, struct xr_err *err);
    int (*end)(struct xk_device *dev, struct xr_err *err);

    /* Steps. prepare is called once, before any pass; release once. */
    int (*prepare)(struct xk_device *dev, struct xk_step *step, struct xr_err *err);
    void (*release)(struct xk_device *dev, struct xk_step *step);
    int (*forward)(struct xk_device *dev, struct xk_step *step,
                   const struct xk_pass *pass, struct xr_err *err);
    /* Parameters' gradients are added to pass->grads; dx is written. */
    int (*backward)(struct xk_device *dev, struct xk_step *step,
                    const struct xk_pass *pass, struct xr_err *err);
    void (*sum)(struct xk_device *dev, enum xk_dtype dtype, void *dst, const void *a,
                const void *b, size_t n);

    /* Host images into the NHWC input. */
    void (*input_u8)(struct xk_device *dev, enum xk_dtype dtype, void *dst,
                     const uint8_t *src, size_t pixels, size_t src_channels,
                     size_t channels, const float *mean, const float *std);
    void (*input_f32)(struct xk_device *dev, enum xk_dtype dtype, void *dst,
                      const float *src, size_t n, struct xk_shape shape);

    /* Optimiser, over spans of the value buffer. sum_squares: sums[i] of g of span i.
     * update: gradients are multiplied by scale first. ema: of p, in m. */
    void (*sum_squares)(struct xk_device *dev, double *sums, const struct xk_span *spans,
                        size_t n_spans);
    void (*update)(struct xk_device *dev, enum xk_optim_kind kind,
                   const struct xk_span *spans, size_t n_spans, float scale);
    void (*ema)(struct xk_device *dev, const struct xk_span *spans, size_t n_spans,
                float decay);
    void (*swap)(struct xk_device *dev, float *a, float *b, size_t n);

    /* What went wrong in a call that cannot say so; NULL: such calls cannot fail. */
    int (*check)(struct xk_device *dev, struct xr_err *err);
};

extern const struct xk_backend xk_backend_cpu;

/* The backend that a name asks for ("auto", "cpu", "cuda:1"; NULL: what XR_DEVICE says,
 * else "auto"): the CPU's own, or a plugin's, which is loaded and stays. */
int xk_backend_find(const struct xk_backend **backend, int *index, const char *name,
                    struct xr_err *err) XR_MUST_USE;

#endif
