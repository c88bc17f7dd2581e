/*
 * Fusing: rewrites the array of nodes so that a pass over memory does the work of several
 * nodes.
 */
#include "graph.h"

#include <string.h>

/* The only consumer of a node, if it has the wanted operation; else -1. */
static int only_consumer(const struct xk_graph *graph, int node, enum xk_op op)
{
    int consumer = -1;

    if (xk_graph_consumers(graph, node, &consumer) != 1)
        return -1;
    return graph->nodes[consumer].op == op ? consumer : -1;
}

/* Put what stands at `from` into the slot `to`, which it has absorbed. */
static int move(struct xk_graph *graph, int from, int to)
{
    struct xk_shape shape = graph->nodes[to].shape;
    bool head = graph->nodes[to].head;

    graph->nodes[to] = graph->nodes[from];
    graph->nodes[to].shape = shape;
    graph->nodes[to].head = head;
    graph->nodes[from].op = XK_OP_NONE;
    graph->nodes[from].n_inputs = 0;
    return to;
}

static int absorb_act(struct xk_graph *graph, int node, int act)
{
    graph->nodes[node].act = graph->nodes[act].act;
    return move(graph, node, act);
}

static int absorb_add(struct xk_graph *graph, int node, int add)
{
    const int *in = graph->nodes[add].inputs;

    graph->nodes[node].inputs[1] = in[0] == node ? in[1] : in[0];
    graph->nodes[node].n_inputs = 2;
    return move(graph, node, add);
}

/* Behind an addition the slope of the activation is taken from its output: ReLU and ReLU6
 * only. */
static bool slope_from_output(enum xk_act act)
{
    return act == XK_ACT_RELU || act == XK_ACT_RELU6;
}

/* Activations that batch norms, depthwise and 3x3 convolutions know; others also know one
 * that no network has behind a batch norm. */
static bool known_act(enum xk_act act, bool dense)
{
    return act == XK_ACT_RELU || act == XK_ACT_RELU6 || act == XK_ACT_SILU ||
           act == XK_ACT_HARDSWISH || (dense && act == XK_ACT_GELU);
}

static void fuse_bn(struct xk_graph *graph, int bn, int keep)
{
    int next;

    if (bn == keep)
        return;
    next = only_consumer(graph, bn, XK_OP_ACT);
    if (next >= 0) {
        if (known_act(graph->nodes[next].act, false))
            absorb_act(graph, bn, next);
        return;
    }
    next = only_consumer(graph, bn, XK_OP_DROP_PATH);
    if (next >= 0) {
        /* the random numbers are named after the drop path */
        graph->nodes[bn].rate = graph->nodes[next].rate;
        memmove(graph->nodes[bn].name, graph->nodes[next].name,
                sizeof graph->nodes[bn].name);
        bn = move(graph, bn, next);
        if (bn == keep)
            return;
    }
    next = only_consumer(graph, bn, XK_OP_ADD);
    if (next < 0)
        return;
    bn = absorb_add(graph, bn, next);
    if (bn == keep)
        return;
    next = only_consumer(graph, bn, XK_OP_ACT);
    if (next >= 0 && slope_from_output(graph->nodes[next].act))
        absorb_act(graph, bn, next);
}

/* Plain batch norm, perhaps with an activation. */
static bool plain_bn(const struct xk_graph *graph, int node)
{
    const struct xk_node *n = &graph->nodes[node];

    return n->op == XK_OP_BN && n->n_inputs == 1 && n->rate <= 0;
}

bool xk_depthwise(const struct xk_graph *graph, const struct xk_node *node)
{
    size_t c = node->n_inputs ? graph->nodes[node->inputs[0]].shape.c : 0;

    return node->op == XK_OP_CONV && node->n_inputs == 1 && node->groups > 1 &&
           node->groups == c && node->groups == node->out && node->kernel <= 7 &&
           2 * node->pad_h < node->kernel && 2 * node->pad_w < node->kernel;
}

bool xk_pointwise(const struct xk_graph *graph, const struct xk_node *node)
{
    const struct xk_node *in = node->n_inputs ? &graph->nodes[node->inputs[0]]
                                              : NULL; /* pooled: a linear layer */

    return node->op == XK_OP_CONV && node->kernel == 1 && node->groups == 1 &&
           node->pad == 0 && in && in->shape.h * in->shape.w > 1;
}

bool xk_dense3(const struct xk_graph *graph, const struct xk_node *node)
{
    const struct xk_node *in = node->n_inputs ? &graph->nodes[node->inputs[0]] : NULL;

    return node->op == XK_OP_CONV && node->dtype == XK_BF16 && node->kernel == 3 &&
           node->stride == 1 && node->groups == 1 && node->pad_h == 1 &&
           node->pad_w == 1 && in && in->shape.c >= 16 && node->out >= 16 &&
           in->shape.h >= 4 && in->shape.w >= 4;
}

/* Batch norms around a convolution of the devices' own: what is behind it may add a
 * shortcut if it is dense. */
static void fuse_own(struct xk_graph *graph, int conv, int keep)
{
    int before = graph->nodes[conv].inputs[0], after, consumer;
    bool dense = !xk_depthwise(graph, &graph->nodes[conv]);

    if (plain_bn(graph, before) && before != keep &&
        xk_graph_consumers(graph, before, &consumer) == 1) {
        graph->nodes[conv].pre = before;
        graph->nodes[before].applied_by = conv;
        graph->nodes[before].hidden = true;
    }
    after = only_consumer(graph, conv, XK_OP_BN);
    if (after >= 0 && graph->nodes[after].inputs[0] == conv && conv != keep &&
        graph->nodes[conv].param[XK_BIAS] < 0 && /* its gradient needs this output's */
        (plain_bn(graph, after) || (dense && graph->nodes[after].n_inputs == 2))) {
        graph->nodes[conv].post = after;
        graph->nodes[after].done_by = conv;
    }
}

/* A gate before a pointwise convolution, which takes the factors on loading. */
static int gated_conv(const struct xk_graph *graph, int gate)
{
    int conv = only_consumer(graph, gate, XK_OP_CONV);

    return conv >= 0 && graph->nodes[conv].inputs[0] == gate &&
                   xk_pointwise(graph, &graph->nodes[conv])
               ? conv
               : -1;
}

/*
 * Squeeze and excitation between a convolution's batch norm and a pointwise convolution,
 * or a batch norm that is only pooled: whoever reads the batch norm's output makes it on
 * loading.
 */
static void fuse_pooled(struct xk_graph *graph, int bn, int keep)
{
    struct xk_node *node = &graph->nodes[bn];
    int gap = -1, gate = -1, conv = -1;

    if (!plain_bn(graph, bn) || node->done_by < 0 || node->hidden || bn == keep)
        return;
    for (int i = bn + 1; i < graph->n_nodes; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++) {
            if (graph->nodes[i].op == XK_OP_NONE || graph->nodes[i].inputs[k] != bn)
                continue;
            if (graph->nodes[i].op == XK_OP_GAP && gap < 0)
                gap = i;
            else if (graph->nodes[i].op == XK_OP_GATE && gate < 0 && k == 0 && i != keep)
                gate = i;
            else
                return;
        }
    if (gate >= 0) {
        conv = gated_conv(graph, gate);
        if (conv < 0)
            return;
        graph->nodes[conv].pre = graph->nodes[gate].pre = bn;
        graph->nodes[conv].gate = gate;
        graph->nodes[gate].hidden = true;
    }
    if (gap >= 0)
        graph->nodes[gap].pre = bn;
    node->gated_by = gate;
    node->pooled_by = gap;
    node->hidden = gap >= 0 || gate >= 0;
}

void xk_fuse_train(struct xk_graph *graph, int keep, bool loads_norms)
{
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == XK_OP_BN && graph->nodes[i].n_inputs == 1 &&
            graph->nodes[i].act == XK_ACT_NONE)
            fuse_bn(graph, i, keep);
    for (int i = 0; i < graph->n_nodes && loads_norms; i++)
        if (graph->nodes[i].n_inputs == 1 &&
            (xk_depthwise(graph, &graph->nodes[i]) ||
             xk_pointwise(graph, &graph->nodes[i]) || xk_dense3(graph, &graph->nodes[i])))
            fuse_own(graph, i, keep);
    for (int i = 0; i < graph->n_nodes && loads_norms; i++)
        if (graph->nodes[i].op == XK_OP_BN)
            fuse_pooled(graph, i, keep);
}

static void drop_node(struct xk_graph *graph, int node)
{
    int x = graph->nodes[node].inputs[0];

    graph->nodes[node].op = XK_OP_NONE;
    graph->nodes[node].n_inputs = 0;
    for (int i = 0; i < graph->n_nodes; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] == node)
                graph->nodes[i].inputs[k] = x;
}

void xk_fuse_infer(struct xk_graph *graph, bool loads_norms)
{
    if (graph->map) {
        graph->nodes[graph->map].op = XK_OP_NONE;
        graph->nodes[graph->map].n_inputs = 0;
        graph->map = 0;
    }
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == XK_OP_DROP_PATH)
            drop_node(graph, i);
    for (int i = 0; i < graph->n_nodes; i++) {
        int at = i, next;

        if (graph->nodes[i].op != XK_OP_CONV || graph->nodes[i].n_inputs != 1 ||
            graph->nodes[i].act != XK_ACT_NONE || graph->nodes[i].param[XK_GAMMA] >= 0)
            continue;
        next = only_consumer(graph, at, XK_OP_BN);
        if (next >= 0) {
            for (int r = XK_GAMMA; r <= XK_COUNT; r++)
                graph->nodes[at].param[r] = graph->nodes[next].param[r];
            graph->nodes[at].eps = graph->nodes[next].eps;
            at = move(graph, at, next);
        } else {
            next = only_consumer(graph, at, XK_OP_SCALE);
            if (next >= 0) {
                graph->nodes[at].param[XK_GAMMA] = graph->nodes[next].param[XK_GAMMA];
                at = move(graph, at, next);
            }
        }
        if (next >= 0) {
            next = only_consumer(graph, at, XK_OP_ADD);
            if (next >= 0)
                at = absorb_add(graph, at, next);
        }
        next = only_consumer(graph, at, XK_OP_ACT);
        if (next >= 0 &&
            known_act(graph->nodes[next].act, !xk_depthwise(graph, &graph->nodes[at]) &&
                                                  !xk_dense3(graph, &graph->nodes[at])))
            absorb_act(graph, at, next);
    }
    for (int i = 0; i < graph->n_nodes; i++) /* those in front of their convolution */
        if (graph->nodes[i].op == XK_OP_BN && graph->nodes[i].act == XK_ACT_NONE)
            fuse_bn(graph, i, -1);
    for (int i = 0; i < graph->n_nodes && loads_norms; i++) {
        int conv = graph->nodes[i].op == XK_OP_GATE ? gated_conv(graph, i) : -1;

        if (conv >= 0) {
            graph->nodes[conv].gate = i;
            graph->nodes[i].hidden = true;
        }
    }
}
