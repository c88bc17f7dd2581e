/*
 * A network as data: an array of nodes in order of execution, and the tensors of its
 * state dict. Families in kernels/models/ build it; shape inference, fusing, planning,
 * running and counting walk it.
 */
#ifndef XK_GRAPH_H
#define XK_GRAPH_H

#include "dtype.h"
#include "net.h"

enum xk_op {
    XK_OP_NONE, /* absorbed by fusing */
    XK_OP_INPUT,
    XK_OP_CONV,
    XK_OP_BN,
    XK_OP_ACT,
    XK_OP_ADD,
    XK_OP_CONCAT, /* channels of input 0, then those of input 1 */
    XK_OP_MAXPOOL,
    XK_OP_AVGPOOL,   /* kernel 0: adaptive, to the shape asked for */
    XK_OP_GAP,       /* mean over height and width */
    XK_OP_GATE,      /* input 0 times act(input 1), one factor a channel */
    XK_OP_SCALE,     /* one factor a channel: layer scale */
    XK_OP_LAYERNORM, /* over the channels of each pixel */
    XK_OP_FLATTEN,   /* to one pixel, in the order channel, row, column */
    XK_OP_DROPOUT,
    XK_OP_DROP_PATH,
    XK_OP_LINEAR,
    XK_N_OPS
};

const char *xk_op_name(enum xk_op op);

/* What a parameter is to its node. */
enum xk_role {
    XK_WEIGHT,
    XK_BIAS,
    XK_GAMMA,
    XK_BETA,
    XK_MEAN,
    XK_VAR,
    XK_COUNT,
    XK_N_ROLES
};

enum xk_init {
    XK_INIT_CONSTANT,
    XK_INIT_NORMAL,
    XK_INIT_UNIFORM
}; /* value, deviation, +-range */

struct xk_shape {
    size_t h, w, c; /* of one image */
};

struct xk_node {
    enum xk_op op;
    char name[64]; /* timm's module */
    int n_inputs,
        inputs[2];         /* nodes; input 1 of a fused CONV or BN is added before act */
    int param[XK_N_ROLES]; /* -1: none */
    size_t out;            /* channels */
    size_t kernel, stride, groups;
    size_t pad; /* on every side, or with `same` as TensorFlow pads */
    bool same;
    bool head;       /* part of the classifier */
    enum xk_act act; /* ACT, GATE; others: fused behind */
    float eps;       /* BN, LAYERNORM */
    float rate;      /* DROPOUT, DROP_PATH; BN: fused drop path */
    /* by xk_fuse_train (gate, hidden: xk_fuse_infer too): nodes that share their work
     * with others, -1: none */
    int pre, post; /* CONV, GAP, GATE: the batch norm it applies on loading; CONV: the one
                    * that it takes sums for and whose gradient it applies on loading */
    int gate;      /* CONV: the GATE whose factors it applies on loading, behind pre */
    bool hidden;   /* BN, GATE: the output is never stored: y is input 0's */
    int applied_by;          /* BN: the only CONV whose pre this is */
    int done_by;             /* BN: the CONV whose post this is: its dx is never stored */
    int gated_by, pooled_by; /* BN: the GATE and the GAP whose pre this is */
    /* by xk_graph_shapes */
    struct xk_shape shape;
    size_t pad_h, pad_w; /* before the first row and column */
    uint64_t macs;
    enum xk_dtype dtype; /* of the output */
};

struct xk_tensor_info {
    struct xk_param param; /* its name is set by xk_graph_shapes */
    char name[112];
    enum xk_init init;
    double init_value;
    size_t offset; /* floats into the value and gradient buffers */
};

struct xk_layer {
    char name[64];
    int node;
};

struct xk_graph {
    struct xk_node *nodes;
    int n_nodes, room_nodes;
    struct xk_tensor_info *params;
    int n_params, room_params;
    struct xk_layer *layers;
    int n_layers, room_layers;
    int logits, map;     /* nodes: the result; the second head, 0: none */
    size_t param_floats; /* size of the value buffer */
    int failed;          /* sticky: set by a builder function, with err */
    struct xr_err err;
};

void xk_graph_free(struct xk_graph *graph);
int xk_graph_copy(struct xk_graph *to, const struct xk_graph *from,
                  struct xr_err *err) XR_MUST_USE; /* shares nothing */

/*
 * Builder: each returns the new node. Errors are sticky (graph->failed) and need no check
 * on the way; node numbers stay valid. Parameters are registered in order of the calls,
 * which must be the order of timm's state dict.
 */
int xk_input(struct xk_graph *graph, size_t c, size_t h, size_t w);

struct xk_conv {
    size_t out, kernel, stride, pad, groups; /* stride and groups 0 mean 1 */
    bool same, bias;
    bool linear; /* a Linear over the channels of every pixel: its weight has no kernel */
    double init_deviation; /* of the weight; biases begin at 0 */
};
int xk_conv(struct xk_graph *graph, int x, const struct xk_conv *conv, const char *name,
            ...) XR_PRINTF(4, 5);
/* gamma: the initial weight */
int xk_bn(struct xk_graph *graph, int x, float eps, double gamma, const char *name, ...)
    XR_PRINTF(5, 6);
int xk_act(struct xk_graph *graph, int x, enum xk_act act);
int xk_add(struct xk_graph *graph, int x, int shortcut);
int xk_concat(struct xk_graph *graph, int x, int behind);
int xk_maxpool(struct xk_graph *graph, int x, size_t kernel, size_t stride, size_t pad);
/* Means over those pixels of each window that lie in the image. */
int xk_avgpool(struct xk_graph *graph, int x, size_t kernel, size_t stride, size_t pad);
/* Means over windows that divide the image into h x w, as torch's AdaptiveAvgPool2d. */
int xk_adaptive_pool(struct xk_graph *graph, int x, size_t h, size_t w);
int xk_gap(struct xk_graph *graph, int x);
int xk_flatten(struct xk_graph *graph, int x);
int xk_layernorm(struct xk_graph *graph, int x, float eps, const char *name, ...)
    XR_PRINTF(4, 5);
/* A layer scale is a parameter of its block, before those of the layers: register it
 * first, then use it. */
int xk_scale_param(struct xk_graph *graph, size_t channels, double init, const char *name,
                   ...) XR_PRINTF(4, 5);
int xk_scale(struct xk_graph *graph, int x, int param);
int xk_gate(struct xk_graph *graph, int x, int gate, enum xk_act act);
int xk_dropout(struct xk_graph *graph, int x, float rate);
/* Inside of the classifier: more than one, each with numbers of its own. */
int xk_dropout_at(struct xk_graph *graph, int x, float rate, const char *name);
int xk_drop_path(struct xk_graph *graph, int x, float rate, const char *name, ...)
    XR_PRINTF(4, 5);
int xk_linear(struct xk_graph *graph, int x, size_t out, double weight_range,
              double bias_range, const char *name);
/* A fully connected layer that is not the classifier, with torch's initialisation. */
int xk_hidden(struct xk_graph *graph, int x, size_t out, size_t in, const char *name);
/* The second head of xk_net_map, behind the finished graph. Refuses a network that does
 * not pool a map of features. */
void xk_map_head(struct xk_graph *graph);
/* Another initialisation than the builder's for a parameter of this node. */
void xk_init(struct xk_graph *graph, int node, enum xk_role role, enum xk_init init,
             double value);
/* The network cannot be built as asked: graph->failed, with this text. */
void xk_refuse(struct xk_graph *graph, const char *fmt, ...) XR_PRINTF(2, 3);
/* Give the output of a node a name that `keep` accepts. */
void xk_layer(struct xk_graph *graph, int x, const char *name, ...) XR_PRINTF(3, 4);

/* Shapes, padding and multiply-adds of all nodes, offsets of all parameters. */
int xk_graph_shapes(struct xk_graph *graph, struct xr_err *err) XR_MUST_USE;
/* Storage of all outputs: this type up to the pooled features, float32 from there on. */
void xk_graph_dtypes(struct xk_graph *graph, enum xk_dtype dtype);
int xk_graph_layer(const struct xk_graph *graph, const char *name); /* -1: unknown */
int xk_graph_consumers(const struct xk_graph *graph, int node, int *last);

/*
 * Fusing rewrites the array: an absorbed node becomes NONE, and the result stands in the
 * slot of the last node of the chain, so that the order stays one of execution. `keep` is
 * never hidden. train:  BN [-> drop path] [-> ADD] [-> ACT] infer:  CONV -> BN [-> ADD]
 * [-> ACT]; drop path vanishes. loads_norms: the device's convolutions apply the batch
 * norms and gates around them.
 */
void xk_fuse_train(struct xk_graph *graph, int keep, bool loads_norms);
void xk_fuse_infer(struct xk_graph *graph, bool loads_norms);
/* A depthwise convolution that the devices' own kernels take. */
bool xk_depthwise(const struct xk_graph *graph, const struct xk_node *node);
/* A 1x1 convolution of an image that they take. */
bool xk_pointwise(const struct xk_graph *graph, const struct xk_node *node);
/* A dense 3x3 convolution at stride 1, padded by 1, that they take: in bfloat16 alone,
 * whose rounding hides that of Winograd's way; float32 keeps the direct one's last
 * digits. */
bool xk_dense3(const struct xk_graph *graph, const struct xk_node *node);

/* The window of output o along one side of AVGPOOL: lo..hi-1, within the image. kernel 0:
 * adaptive. */
XK_INLINE void xk_window(size_t *lo, size_t *hi, size_t kernel, size_t stride, size_t o,
                         size_t in, size_t out, size_t pad)
{
    if (kernel == 0) {
        *lo = o * in / out;
        *hi = ((o + 1) * in + out - 1) / out;
        return;
    }
    *lo = o * stride > pad ? o * stride - pad : 0;
    *hi = o * stride + kernel - pad;
    *hi = *hi < in ? *hi : in;
}

/* --- families ---------------------------------------------------------------------- */

/* Means and deviations that most weights were trained with. */
#define XK_IMAGENET                                                                      \
    {0.485f, 0.456f, 0.406f},                                                            \
    {                                                                                    \
        0.229f, 0.224f, 0.225f                                                           \
    }
#define XK_HALF                                                                          \
    {0.5f, 0.5f, 0.5f},                                                                  \
    {                                                                                    \
        0.5f, 0.5f, 0.5f                                                                 \
    }

/* Row of a family's table: what is known of it and how it differs from its sisters. */
struct xk_family {
    const struct xk_arch *archs; /* ends with name NULL */
    void (*build)(struct xk_graph *graph, size_t row, const struct xk_spec *spec);
};

/* The family of an architecture and its row there; NULL: unknown. */
const struct xk_family *xk_family_find(const char *arch, size_t *row);

#endif
