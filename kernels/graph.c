/*
 * The array of nodes: building it, shapes, counting.
 */
#include "graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *xk_op_name(enum xk_op op)
{
    static const char *const names[XK_N_OPS] = {
        "none",      "input",   "conv",    "bn",        "act",    "add",
        "concat",    "maxpool", "avgpool", "gap",       "gate",   "scale",
        "layernorm", "flatten", "dropout", "drop_path", "linear",
    };

    return names[op];
}

void xk_graph_free(struct xk_graph *graph)
{
    free(graph->nodes);
    free(graph->params);
    free(graph->layers);
    memset(graph, 0, sizeof *graph);
}

static void set_names(struct xk_graph *graph)
{
    for (int i = 0; i < graph->n_params; i++)
        graph->params[i].param.name = graph->params[i].name;
}

int xk_graph_copy(struct xk_graph *to, const struct xk_graph *from, struct xr_err *err)
{
    *to = *from;
    to->nodes = xr_alloc_array((size_t)from->n_nodes, sizeof *to->nodes, err);
    to->layers = xr_alloc_array((size_t)from->n_layers, sizeof *to->layers, err);
    to->params = xr_alloc_array((size_t)from->n_params, sizeof *to->params, err);
    if (!to->nodes || !to->layers || !to->params) {
        xk_graph_free(to);
        return -1;
    }
    memcpy(to->nodes, from->nodes, (size_t)from->n_nodes * sizeof *to->nodes);
    if (from->n_layers)
        memcpy(to->layers, from->layers, (size_t)from->n_layers * sizeof *to->layers);
    if (from->n_params)
        memcpy(to->params, from->params, (size_t)from->n_params * sizeof *to->params);
    to->room_nodes = to->n_nodes;
    to->room_layers = to->n_layers;
    to->room_params = to->n_params;
    set_names(to);
    return 0;
}

/* --- building ---------------------------------------------------------------------- */

/* A new zeroed element at the end of a growing array; NULL (and failed) if memory is
 * short. */
static void *grow(struct xk_graph *graph, void *array, int *n, int *room, size_t size)
{
    char *old = *(char **)array, *more;
    int want = *room ? *room * 2 : 64;

    if (graph->failed)
        return NULL;
    if (*n == *room) {
        more = xr_alloc_array((size_t)want, size, &graph->err);
        if (!more) {
            graph->failed = 1;
            return NULL;
        }
        if (old)
            memcpy(more, old, (size_t)*n * size);
        free(old);
        *(char **)array = more;
        *room = want;
    }
    return *(char **)array + (size_t)(*n)++ * size;
}

static struct xk_node *add_node(struct xk_graph *graph, enum xk_op op, int x, int x1)
{
    struct xk_node *node =
        grow(graph, &graph->nodes, &graph->n_nodes, &graph->room_nodes, sizeof *node);

    if (!node)
        return NULL;
    node->op = op;
    node->inputs[0] = x;
    node->inputs[1] = x1;
    node->n_inputs = (x >= 0) + (x1 >= 0);
    node->kernel = node->stride = node->groups = 1;
    node->pre = node->post = node->gate = node->applied_by = node->done_by = -1;
    node->gated_by = node->pooled_by = -1;
    node->out = x >= 0 ? graph->nodes[x].out : 0;
    for (int i = 0; i < XK_N_ROLES; i++)
        node->param[i] = -1;
    return node;
}

static int last_node(const struct xk_graph *graph)
{
    return graph->failed ? 0 : graph->n_nodes - 1;
}

/* Register a parameter of the last node; shapes that depend on the input come later. */
static struct xk_param *add_param(struct xk_graph *graph, enum xk_role role,
                                  const char *suffix, enum xk_init init, double value)
{
    struct xk_tensor_info *info =
        grow(graph, &graph->params, &graph->n_params, &graph->room_params, sizeof *info);
    struct xk_node *node;

    if (!info)
        return NULL;
    node = &graph->nodes[graph->n_nodes - 1];
    node->param[role] = graph->n_params - 1;
    snprintf(info->name, sizeof info->name, "%s.%s", node->name, suffix);
    info->init = init;
    info->init_value = value;
    info->param.n_dims = 1;
    info->param.shape[0] = node->out;
    info->param.trainable = true;
    return &info->param;
}

static void put_name(struct xk_node *node, const char *fmt, va_list ap)
{
    if (node)
        vsnprintf(node->name, sizeof node->name, fmt, ap);
}

int xk_input(struct xk_graph *graph, size_t c, size_t h, size_t w)
{
    struct xk_node *node = add_node(graph, XK_OP_INPUT, -1, -1);

    if (node) {
        node->shape = (struct xk_shape){h, w, c};
        node->out = c;
    }
    return last_node(graph);
}

int xk_conv(struct xk_graph *graph, int x, const struct xk_conv *conv, const char *name,
            ...)
{
    struct xk_node *node = add_node(graph, XK_OP_CONV, x, -1);
    struct xk_param *p;
    va_list ap;

    va_start(ap, name);
    put_name(node, name, ap);
    va_end(ap);
    if (!node)
        return 0;
    node->out = conv->out;
    node->kernel = conv->kernel;
    node->stride = conv->stride ? conv->stride : 1;
    node->groups = conv->groups ? conv->groups : 1;
    node->pad = conv->pad;
    node->same = conv->same;
    p = add_param(graph, XK_WEIGHT, "weight", XK_INIT_NORMAL, conv->init_deviation);
    if (p) {
        p->n_dims = conv->linear ? 2 : 4;
        p->shape[2] = p->shape[3] = conv->kernel;
    }
    if (conv->bias)
        add_param(graph, XK_BIAS, "bias", XK_INIT_CONSTANT, 0);
    return last_node(graph);
}

int xk_bn(struct xk_graph *graph, int x, float eps, double gamma, const char *name, ...)
{
    struct xk_node *node = add_node(graph, XK_OP_BN, x, -1);
    struct xk_param *p;
    va_list ap;

    va_start(ap, name);
    put_name(node, name, ap);
    va_end(ap);
    if (!node)
        return 0;
    node->eps = eps;
    add_param(graph, XK_GAMMA, "weight", XK_INIT_CONSTANT, gamma);
    add_param(graph, XK_BETA, "bias", XK_INIT_CONSTANT, 0);
    p = add_param(graph, XK_MEAN, "running_mean", XK_INIT_CONSTANT, 0);
    if (p)
        p->trainable = false;
    p = add_param(graph, XK_VAR, "running_var", XK_INIT_CONSTANT, 1);
    if (p)
        p->trainable = false;
    p = add_param(graph, XK_COUNT, "num_batches_tracked", XK_INIT_CONSTANT, 0);
    if (p) {
        p->trainable = false;
        p->counter = true;
        p->n_dims = 0;
    }
    return last_node(graph);
}

int xk_act(struct xk_graph *graph, int x, enum xk_act act)
{
    struct xk_node *node = add_node(graph, XK_OP_ACT, x, -1);

    if (node)
        node->act = act;
    return last_node(graph);
}

int xk_add(struct xk_graph *graph, int x, int shortcut)
{
    add_node(graph, XK_OP_ADD, x, shortcut);
    return last_node(graph);
}

int xk_concat(struct xk_graph *graph, int x, int behind)
{
    struct xk_node *node = add_node(graph, XK_OP_CONCAT, x, behind);

    if (node)
        node->out += graph->nodes[behind].out;
    return last_node(graph);
}

int xk_maxpool(struct xk_graph *graph, int x, size_t kernel, size_t stride, size_t pad)
{
    struct xk_node *node = add_node(graph, XK_OP_MAXPOOL, x, -1);

    if (node) {
        node->kernel = kernel;
        node->stride = stride;
        node->pad = pad;
    }
    return last_node(graph);
}

int xk_avgpool(struct xk_graph *graph, int x, size_t kernel, size_t stride, size_t pad)
{
    int pool = xk_maxpool(graph, x, kernel, stride, pad);

    if (!graph->failed)
        graph->nodes[pool].op = XK_OP_AVGPOOL;
    return pool;
}

int xk_adaptive_pool(struct xk_graph *graph, int x, size_t h, size_t w)
{
    struct xk_node *node = add_node(graph, XK_OP_AVGPOOL, x, -1);

    if (node) {
        node->kernel = 0;
        node->shape = (struct xk_shape){h, w, 0};
    }
    return last_node(graph);
}

int xk_gap(struct xk_graph *graph, int x)
{
    add_node(graph, XK_OP_GAP, x, -1);
    return last_node(graph);
}

int xk_flatten(struct xk_graph *graph, int x)
{
    add_node(graph, XK_OP_FLATTEN, x, -1);
    return last_node(graph);
}

int xk_layernorm(struct xk_graph *graph, int x, float eps, const char *name, ...)
{
    struct xk_node *node = add_node(graph, XK_OP_LAYERNORM, x, -1);
    va_list ap;

    va_start(ap, name);
    put_name(node, name, ap);
    va_end(ap);
    if (!node)
        return 0;
    node->eps = eps;
    add_param(graph, XK_GAMMA, "weight", XK_INIT_CONSTANT, 1);
    add_param(graph, XK_BETA, "bias", XK_INIT_CONSTANT, 0);
    return last_node(graph);
}

int xk_scale_param(struct xk_graph *graph, size_t channels, double init, const char *name,
                   ...)
{
    struct xk_tensor_info *info =
        grow(graph, &graph->params, &graph->n_params, &graph->room_params, sizeof *info);
    va_list ap;

    if (!info)
        return 0;
    va_start(ap, name);
    vsnprintf(info->name, sizeof info->name, name, ap);
    va_end(ap);
    info->init = XK_INIT_CONSTANT;
    info->init_value = init;
    info->param.n_dims = 1;
    info->param.shape[0] = channels;
    info->param.trainable = true;
    return graph->n_params - 1;
}

int xk_scale(struct xk_graph *graph, int x, int param)
{
    struct xk_node *node = add_node(graph, XK_OP_SCALE, x, -1);

    if (node) {
        node->param[XK_GAMMA] = param;
        snprintf(node->name, sizeof node->name, "%.*s", (int)sizeof node->name - 1,
                 graph->params[param].name);
    }
    return last_node(graph);
}

int xk_gate(struct xk_graph *graph, int x, int gate, enum xk_act act)
{
    struct xk_node *node = add_node(graph, XK_OP_GATE, x, gate);

    if (node)
        node->act = act;
    return last_node(graph);
}

int xk_dropout(struct xk_graph *graph, int x, float rate)
{
    struct xk_node *node;

    if (rate <= 0)
        return x;
    node = add_node(graph, XK_OP_DROPOUT, x, -1);
    if (node) {
        node->rate = rate;
        node->head = true;
        snprintf(node->name, sizeof node->name, "dropout");
    }
    return last_node(graph);
}

int xk_dropout_at(struct xk_graph *graph, int x, float rate, const char *name)
{
    int drop = xk_dropout(graph, x, rate);

    if (drop != x && !graph->failed)
        snprintf(graph->nodes[drop].name, sizeof graph->nodes[drop].name, "%s", name);
    return drop;
}

int xk_drop_path(struct xk_graph *graph, int x, float rate, const char *name, ...)
{
    struct xk_node *node;
    va_list ap;

    if (rate <= 0)
        return x;
    node = add_node(graph, XK_OP_DROP_PATH, x, -1);
    if (node)
        node->rate = rate;
    va_start(ap, name);
    put_name(node, name, ap);
    va_end(ap);
    return last_node(graph);
}

int xk_linear(struct xk_graph *graph, int x, size_t out, double weight_range,
              double bias_range, const char *name)
{
    struct xk_node *node = add_node(graph, XK_OP_LINEAR, x, -1);
    struct xk_param *p;

    if (!node)
        return 0;
    node->out = out;
    node->head = true;
    snprintf(node->name, sizeof node->name, "%s", name);
    p = add_param(graph, XK_WEIGHT, "weight", XK_INIT_UNIFORM, weight_range);
    if (p) {
        p->n_dims = 2;
        p->head = true;
    }
    p = add_param(graph, XK_BIAS, "bias", XK_INIT_UNIFORM, bias_range);
    if (p)
        p->head = true;
    return last_node(graph);
}

int xk_hidden(struct xk_graph *graph, int x, size_t out, size_t in, const char *name)
{
    double range = 1.0 / sqrt((double)in);
    int node = xk_linear(graph, x, out, range, range, name);

    if (graph->failed)
        return node;
    graph->nodes[node].head = false;
    for (int r = 0; r < XK_N_ROLES; r++)
        if (graph->nodes[node].param[r] >= 0)
            graph->params[graph->nodes[node].param[r]].param.head = false;
    return node;
}

void xk_map_head(struct xk_graph *graph)
{
    struct xk_conv one = {.out = 1, .kernel = 1, .bias = true};
    int x = graph->logits, first = graph->n_params;

    while (!graph->failed && graph->nodes[x].op != XK_OP_GAP &&
           graph->nodes[x].op != XK_OP_INPUT)
        x = graph->nodes[x].inputs[0];
    if (graph->failed)
        return;
    if (graph->nodes[x].op == XK_OP_INPUT) {
        xk_refuse(graph, "no map of features is pooled");
        return;
    }
    graph->map = xk_conv(graph, graph->nodes[x].inputs[0], &one, "lesion_map");
    xk_init(graph, graph->map, XK_BIAS, XK_INIT_CONSTANT, -3);
    for (int i = first; i < graph->n_params; i++)
        graph->params[i].param.map = true;
}

void xk_init(struct xk_graph *graph, int node, enum xk_role role, enum xk_init init,
             double value)
{
    int p;

    if (graph->failed)
        return;
    p = graph->nodes[node].param[role];
    graph->params[p].init = init;
    graph->params[p].init_value = value;
}

void xk_refuse(struct xk_graph *graph, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    if (graph->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    graph->failed = 1;
    xr_fail_usage(&graph->err, "%s", text);
}

void xk_layer(struct xk_graph *graph, int x, const char *name, ...)
{
    struct xk_layer *layer =
        grow(graph, &graph->layers, &graph->n_layers, &graph->room_layers, sizeof *layer);
    va_list ap;

    if (!layer)
        return;
    va_start(ap, name);
    vsnprintf(layer->name, sizeof layer->name, name, ap);
    va_end(ap);
    layer->node = x;
}

/* --- shapes ------------------------------------------------------------------------ */

/* Outputs along one side and the padding before the first element; 0 if the kernel does
 * not fit. */
static size_t window(size_t *before, const struct xk_node *node, size_t in)
{
    size_t out, need;

    if (node->same) {
        out = (in + node->stride - 1) / node->stride;
        need = (out - 1) * node->stride + node->kernel;
        *before = need > in ? (need - in) / 2 : 0;
        return out;
    }
    *before = node->pad;
    if (in + 2 * node->pad < node->kernel)
        return 0;
    return (in + 2 * node->pad - node->kernel) / node->stride + 1;
}

static int window_shape(struct xk_node *node, struct xk_shape in, struct xr_err *err)
{
    node->shape.h = window(&node->pad_h, node, in.h);
    node->shape.w = window(&node->pad_w, node, in.w);
    node->shape.c = node->op == XK_OP_CONV ? node->out : in.c;
    if (node->shape.h == 0 || node->shape.w == 0)
        return xr_fail_usage(err, "%s: the image is too small",
                             *node->name ? node->name : xk_op_name(node->op));
    return 0;
}

static int node_shape(struct xk_graph *graph, struct xk_node *node, struct xr_err *err)
{
    struct xk_shape in = {0};
    struct xk_param *weight = NULL;

    if (node->n_inputs)
        in = graph->nodes[node->inputs[0]].shape;
    if (node->param[XK_WEIGHT] >= 0)
        weight = &graph->params[node->param[XK_WEIGHT]].param;
    switch (node->op) {
    case XK_OP_INPUT:
        break;
    case XK_OP_CONV:
        if (window_shape(node, in, err))
            return -1;
        weight->shape[1] = in.c / node->groups;
        node->macs = (uint64_t)node->shape.h * node->shape.w * node->out *
                     weight->shape[1] * node->kernel * node->kernel;
        break;
    case XK_OP_MAXPOOL:
        return window_shape(node, in, err);
    case XK_OP_AVGPOOL:
        if (node->kernel)
            return window_shape(node, in, err);
        node->shape.c = in.c;
        break;
    case XK_OP_CONCAT:
        node->shape = in;
        node->shape.c += graph->nodes[node->inputs[1]].shape.c;
        break;
    case XK_OP_FLATTEN:
        node->shape = (struct xk_shape){1, 1, in.h * in.w * in.c};
        break;
    case XK_OP_GAP:
        node->shape = (struct xk_shape){1, 1, in.c};
        break;
    case XK_OP_LINEAR:
        node->shape = (struct xk_shape){1, 1, node->out};
        weight->shape[1] = in.c;
        node->macs = (uint64_t)node->out * in.c;
        break;
    default:
        node->shape = in;
    }
    return 0;
}

int xk_graph_shapes(struct xk_graph *graph, struct xr_err *err)
{
    size_t offset = 0;

    if (graph->failed) {
        *err = graph->err;
        return -1;
    }
    for (int i = 0; i < graph->n_nodes; i++)
        if (node_shape(graph, &graph->nodes[i], err))
            return -1;
    set_names(graph);
    for (int i = 0; i < graph->n_params; i++) {
        struct xk_tensor_info *info = &graph->params[i];

        info->param.count = 1;
        for (int d = 0; d < info->param.n_dims; d++)
            info->param.count *= info->param.shape[d];
        info->offset = offset;
        offset += (info->param.count + 15) / 16 * 16; /* tensors begin on cache lines */
    }
    graph->param_floats = offset;
    return 0;
}

void xk_graph_dtypes(struct xk_graph *graph, enum xk_dtype dtype)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        struct xk_node *node = &graph->nodes[i];

        node->dtype = node->op == XK_OP_GAP || node->op == XK_OP_LINEAR ? XK_F32
                      : node->op == XK_OP_INPUT                         ? dtype
                      : node->n_inputs ? graph->nodes[node->inputs[0]].dtype
                                       : XK_F32;
    }
}

int xk_graph_layer(const struct xk_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_layers; i++)
        if (strcmp(graph->layers[i].name, name) == 0)
            return graph->layers[i].node;
    return -1;
}

int xk_graph_consumers(const struct xk_graph *graph, int node, int *last)
{
    int n = 0;

    for (int i = 0; i < graph->n_nodes; i++) {
        for (int k = 0; k < graph->nodes[i].n_inputs; k++) {
            if (graph->nodes[i].op == XK_OP_NONE || graph->nodes[i].inputs[k] != node)
                continue;
            n++;
            *last = i;
        }
    }
    return n;
}
