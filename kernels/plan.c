/*
 * Which tensors exist, how long each lives, and where it lies in the arena.
 *
 * Time runs over the forward steps 0..n-1 and the backward steps n..2n-1, the latter in
 * reverse order of the nodes. Buffers that are alive at the same time do not overlap.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    NO_BUFFER = -1,
    BUFFER_INPUT = -2,
    BUFFER_LOGITS = -3,
    BUFFER_MAP = -4
};

struct xk_buffer {
    size_t bytes, offset;
    int first, last; /* times of the first write and the last use */
    int owners;      /* tensors that use it as their gradient */
};

size_t xk_saved_floats(const struct xk_node *node, size_t batch)
{
    size_t c = (node->shape.c + 15) / 16 * 16; /* values a channel, in whole vectors */

    switch (node->op) {
    case XK_OP_BN: /* seven; a factor an image */
        return 7 * c + batch;
    case XK_OP_GATE: /* hidden: the factors, and five sums an image and channel */
        return node->hidden ? 6 * batch * c : 0;
    case XK_OP_GAP: /* of a hidden batch norm: the gradient of a pixel, and two sums */
        return node->pre >= 0 ? 3 * batch * c : 0;
    case XK_OP_LAYERNORM: /* mean and 1/deviation of each pixel */
        return 2 * batch * node->shape.h * node->shape.w;
    case XK_OP_MAXPOOL: /* one byte an output: the winner of its window */
        return (batch * node->shape.h * node->shape.w * node->shape.c + 3) / 4;
    case XK_OP_DROPOUT: /* the factors */
        return batch * node->shape.h * node->shape.w * node->shape.c;
    case XK_OP_DROP_PATH:
        return batch;
    default:
        return 0;
    }
}

static size_t tensor_bytes(const struct xk_node *node, size_t batch)
{
    return batch * node->shape.h * node->shape.w * node->shape.c *
           xk_dtype_size(node->dtype);
}

static int new_buffer(struct xk_plan *plan, size_t bytes, int time)
{
    struct xk_buffer *b = &plan->buffers[plan->n_buffers];

    *b = (struct xk_buffer){.bytes = (bytes + 63) / 64 * 64, .first = time, .last = time};
    return plan->n_buffers++;
}

static void use(struct xk_plan *plan, int buffer, int time)
{
    if (buffer >= 0 && plan->buffers[buffer].last < time)
        plan->buffers[buffer].last = time;
}

/* --- forward ----------------------------------------------------------------------- */

/* A fused convolution adds onto its shortcut's memory when nobody needs that any more. */
static bool adds_in_place(const struct xk_plan *plan, int i, bool backward)
{
    const struct xk_node *node = &plan->graph.nodes[i];
    int last = -1;

    if (backward || node->op != XK_OP_CONV || node->n_inputs != 2)
        return false;
    xk_graph_consumers(&plan->graph, node->inputs[1], &last);
    return last == i && plan->y[node->inputs[1]] >= 0;
}

static int last_use(const struct xk_plan *plan, int i)
{
    int last = i;

    xk_graph_consumers(&plan->graph, i, &last);
    return last;
}

static void plan_forward(struct xk_plan *plan, size_t batch, bool backward)
{
    int n = plan->n_steps;

    for (int i = 0; i < n; i++) {
        const struct xk_node *node = &plan->graph.nodes[i];
        size_t saved = xk_saved_floats(node, batch);

        plan->y[i] = plan->saved[i] = NO_BUFFER;
        if (node->op == XK_OP_INPUT)
            plan->y[i] = BUFFER_INPUT;
        if (node->op == XK_OP_INPUT || node->op == XK_OP_NONE)
            continue;
        for (int k = 0; k < node->n_inputs; k++)
            use(plan, plan->y[node->inputs[k]], i);
        if (node->hidden)
            plan->y[i] = plan->y[node->inputs[0]];
        else if (adds_in_place(plan, i, backward))
            plan->y[i] = plan->y[node->inputs[1]];
        else
            plan->y[i] = new_buffer(plan, tensor_bytes(node, batch), i);
        if (saved) {
            plan->saved[i] = new_buffer(plan, saved * sizeof(float), i);
            if (backward)
                use(plan, plan->saved[i], 2 * n - 1 - i);
            if (node->done_by >= 0) {
                plan->buffers[plan->saved[i]].first = node->done_by;
                use(plan, plan->saved[i], 2 * n - 1 - node->done_by);
            }
            if (backward && node->pre >= 0) /* read by the convolution before that */
                use(plan, plan->saved[i],
                    2 * n - 1 - plan->graph.nodes[node->pre].done_by);
            if (node->hidden) /* a gate's factors */
                use(plan, plan->saved[i], last_use(plan, i));
        }
    }
    for (int i = plan->graph.logits; i > 0; i = plan->graph.nodes[i].inputs[0]) {
        use(plan, plan->y[i], 2 * n); /* xk_net_pooled */
        if (i < plan->graph.logits && plan->graph.nodes[i].op != XK_OP_DROPOUT)
            break;
    }
    for (int i = 0; i < n; i++) { /* logits and the classifier's input stay readable */
        const struct xk_node *node = &plan->graph.nodes[i];

        if (node->op == XK_OP_LINEAR || node->op == XK_OP_GAP || node->head ||
            (i && i == plan->graph.map)) {
            use(plan, plan->y[i], 2 * n);
            use(plan, plan->saved[i], 2 * n);
        }
    }
}

/* --- backward ---------------------------------------------------------------------- */

/* Does the backward pass of this operation read its input k, its output? */
static bool needs_x(const struct xk_node *node, int k)
{
    switch (node->op) {
    case XK_OP_CONV:
    case XK_OP_LINEAR:
    case XK_OP_BN:
    case XK_OP_ACT:
    case XK_OP_SCALE:
    case XK_OP_LAYERNORM:
        return k == 0;
    case XK_OP_GATE:
        return true;
    case XK_OP_GAP:
        return node->pre >= 0;
    default:
        return false;
    }
}

static bool needs_y(const struct xk_node *node)
{
    if (node->op == XK_OP_CONV)
        return node->post >= 0;
    return node->op == XK_OP_BN && node->n_inputs == 2 && node->act != XK_ACT_NONE;
}

/* May dx overwrite the (only) dy? */
static bool elementwise(const struct xk_node *node)
{
    return node->op == XK_OP_ACT || node->op == XK_OP_SCALE ||
           node->op == XK_OP_LAYERNORM || node->op == XK_OP_DROPOUT ||
           node->op == XK_OP_DROP_PATH;
}

static bool private_buffer(const struct xk_plan *plan, int buffer, int i, int keep)
{
    return buffer >= 0 && plan->buffers[buffer].owners == 1 && i != keep;
}

static void own(struct xk_plan *plan, int buffer, int more)
{
    if (buffer >= 0)
        plan->buffers[buffer].owners += more;
}

/* Input k of step i gets this gradient. One more than a tensor has room for is added to
 * the last of them as soon as it is there. */
static void add_grad(struct xk_plan *plan, int i, int k, int buffer, size_t batch)
{
    int tensor = plan->graph.nodes[i].inputs[k], time = 2 * plan->n_steps - 1 - i;
    int *dy = plan->dy + tensor * XK_MAX_GRADS, *last = dy + XK_MAX_GRADS - 1;
    int *merge = plan->merge + (2 * i + k) * 3;

    for (int j = 0; j < XK_MAX_GRADS; j++)
        if (dy[j] == NO_BUFFER) {
            dy[j] = buffer;
            own(plan, buffer, 1);
            return;
        }
    merge[1] = *last;
    merge[2] = buffer;
    if (!private_buffer(plan, *last, tensor, -1)) {
        own(plan, *last, -1);
        *last = new_buffer(plan, tensor_bytes(&plan->graph.nodes[tensor], batch), time);
        own(plan, *last, 1);
    }
    merge[0] = *last;
    for (int j = 0; j < 3; j++)
        use(plan, merge[j], time);
}

/* Where the gradient of BN behind its fused activation goes: read again for input 1. */
static int bn_masked(struct xk_plan *plan, int i, size_t batch, int keep, int time)
{
    const struct xk_node *node = &plan->graph.nodes[i];
    int *dy = plan->dy + i * XK_MAX_GRADS;

    if (dy[1] == NO_BUFFER && node->act == XK_ACT_NONE)
        return dy[0];
    if (private_buffer(plan, dy[0], i, keep))
        return dy[0];
    return new_buffer(plan, tensor_bytes(node, batch), time);
}

static void plan_bn_backward(struct xk_plan *plan, int i, size_t batch, int keep,
                             int time)
{
    const struct xk_node *node = &plan->graph.nodes[i];
    int *dy = plan->dy + i * XK_MAX_GRADS, x = plan->y[node->inputs[0]], consumer;
    int dx = NO_BUFFER;

    if (node->n_inputs == 2) {
        plan->g[i] = bn_masked(plan, i, batch, keep, time);
        use(plan, plan->g[i], time);
        add_grad(plan, i, 1, plan->g[i], batch);
    }
    if (node->done_by >= 0) { /* the convolution before it reads the same gradients */
        const int *read = node->n_inputs == 2 ? &plan->g[i] : dy;
        int n = node->n_inputs == 2 ? 1 : XK_MAX_GRADS;

        for (int k = 0; k < n && read[k] != NO_BUFFER; k++)
            add_grad(plan, i, 0, read[k], batch);
        return;
    }
    if (node->n_inputs == 1 && private_buffer(plan, dy[0], i, keep))
        dx = dy[0];
    /* else over the input, which nobody reads after this */
    if (dx == NO_BUFFER && x >= 0 && node->inputs[0] != keep &&
        xk_graph_consumers(&plan->graph, node->inputs[0], &consumer) == 1 &&
        plan->graph.nodes[node->inputs[0]].op == XK_OP_CONV)
        dx = x;
    if (dx == NO_BUFFER)
        dx = new_buffer(plan, tensor_bytes(node, batch), time);
    plan->dx[2 * i] = dx;
    use(plan, dx, time);
    add_grad(plan, i, 0, dx, batch);
}

/* Tensor i has had its backward pass: what it owned belongs to those it was handed to. */
static void disown(struct xk_plan *plan, int i, int keep)
{
    const int *dy = plan->dy + i * XK_MAX_GRADS;

    for (int k = 0; k < XK_MAX_GRADS && i != keep; k++)
        if (dy[k] >= 0)
            plan->buffers[dy[k]].owners--;
}

/*
 * A batch norm's output that one convolution alone reads is worth a pass over memory, but
 * not its place from the forward to the backward pass: it is made once more.
 */
static bool made_again(const struct xk_plan *plan, int conv, int keep)
{
    const struct xk_node *node = &plan->graph.nodes[conv], *bn;
    int consumer;

    if (node->op != XK_OP_CONV || node->pre >= 0)
        return false;
    bn = &plan->graph.nodes[node->inputs[0]];
    return bn->op == XK_OP_BN && bn->n_inputs == 1 && bn->rate <= 0 && !bn->hidden &&
           node->inputs[0] != keep &&
           xk_graph_consumers(&plan->graph, node->inputs[0], &consumer) == 1;
}

static void plan_backward(struct xk_plan *plan, size_t batch, bool makes_again, int keep)
{
    int n = plan->n_steps;

    for (int i = n - 1; i >= 0; i--) {
        const struct xk_node *node = &plan->graph.nodes[i];
        int *dy = plan->dy + i * XK_MAX_GRADS, time = 2 * n - 1 - i;

        if (i == keep) {
            use(plan, plan->y[i], 2 * n);
            for (int k = 0; k < XK_MAX_GRADS; k++)
                use(plan, dy[k], 2 * n);
        }
        if (dy[0] == NO_BUFFER || node->op == XK_OP_INPUT)
            continue;
        for (int k = 0; k < XK_MAX_GRADS; k++)
            use(plan, dy[k], time);
        if (makes_again && made_again(plan, i, keep))
            plan->again[i] = new_buffer(
                plan, tensor_bytes(&plan->graph.nodes[node->inputs[0]], batch), time);
        for (int k = 0; k < node->n_inputs; k++)
            if (needs_x(node, k) && (k || plan->again[i] == NO_BUFFER))
                use(plan, plan->y[node->inputs[k]], time);
        if (needs_y(node))
            use(plan, plan->y[i], time);
        if (node->op == XK_OP_BN) {
            plan_bn_backward(plan, i, batch, keep, time);
            disown(plan, i, keep);
            continue;
        }
        if (dy[1] != NO_BUFFER && node->post < 0) { /* summed before the node runs */
            plan->g[i] = private_buffer(plan, dy[0], i, keep)
                             ? dy[0]
                             : new_buffer(plan, tensor_bytes(node, batch), time);
            use(plan, plan->g[i], time);
        }
        for (int k = 0; k < node->n_inputs; k++) {
            int in = node->inputs[k], dx;

            if (plan->graph.nodes[in].op == XK_OP_INPUT)
                continue;
            if (k == 0 && node->pre >= 0 &&
                (node->op == XK_OP_GATE || node->op == XK_OP_GAP)) {
                /* what it is made of reaches the batch norm as it is; with a gate, what
                 * is pooled comes from saved */
                if (node->op == XK_OP_GATE || plan->graph.nodes[in].gated_by < 0)
                    add_grad(plan, i, 0, dy[0], batch);
                continue;
            }
            if (node->op == XK_OP_ADD)
                dx = plan->g[i] == NO_BUFFER ? dy[0] : plan->g[i];
            else if (elementwise(node) && dy[1] == NO_BUFFER &&
                     private_buffer(plan, dy[0], i, keep))
                dx = dy[0];
            else
                dx = new_buffer(plan, tensor_bytes(&plan->graph.nodes[in], batch), time);
            plan->dx[2 * i + k] = dx;
            add_grad(plan, i, k, dx, batch);
        }
        disown(plan, i, keep);
    }
}

/* --- places ------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    const struct xk_buffer *x = *(struct xk_buffer *const *)a,
                           *y = *(struct xk_buffer *const *)b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x < y ? -1 : x > y);
}

static int by_offset(const void *a, const void *b)
{
    const struct xk_buffer *x = *(struct xk_buffer *const *)a,
                           *y = *(struct xk_buffer *const *)b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Largest first, each at the lowest place that is free for its whole life. */
static int place(struct xk_plan *plan, struct xr_err *err)
{
    size_t n = (size_t)plan->n_buffers;
    struct xk_buffer **order = xr_alloc_array(n, sizeof *order, err);
    struct xk_buffer **busy = xr_alloc_array(n, sizeof *busy, err);

    if (!order || !busy) {
        free(order);
        free(busy);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = &plan->buffers[i];
    qsort(order, n, sizeof *order, by_size);
    for (size_t i = 0; i < n; i++) {
        size_t n_busy = 0, at = 0;

        for (size_t j = 0; j < i; j++)
            if (order[j]->first <= order[i]->last && order[i]->first <= order[j]->last)
                busy[n_busy++] = order[j];
        qsort(busy, n_busy, sizeof *busy, by_offset);
        for (size_t j = 0; j < n_busy; j++) {
            if (at + order[i]->bytes <= busy[j]->offset)
                break;
            if (busy[j]->offset + busy[j]->bytes > at)
                at = busy[j]->offset + busy[j]->bytes;
        }
        order[i]->offset = at;
        if (at + order[i]->bytes > plan->bytes)
            plan->bytes = at + order[i]->bytes;
    }
    free(order);
    free(busy);
    return 0;
}

/* Of a step: y, g, saved, dy, dx, merge, again. */
#define PLACES (3 + XK_MAX_GRADS + 2 + 6 + 1)

int xk_plan_init(struct xk_plan *plan, struct xk_graph *graph, size_t batch,
                 bool backward, bool makes_again, int keep, struct xr_err *err)
{
    size_t n = (size_t)graph->n_nodes;

    memset(plan, 0, sizeof *plan);
    plan->graph = *graph;
    memset(graph, 0, sizeof *graph);
    plan->n_steps = (int)n;
    plan->steps = xr_alloc_array(n, sizeof *plan->steps, err);
    plan->buffers = xr_alloc_array(n * 9, sizeof *plan->buffers, err);
    plan->y = xr_alloc_array(n * PLACES, sizeof *plan->y, err);
    plan->seconds[0] = xr_alloc_array(n, sizeof(double), err);
    plan->seconds[1] = xr_alloc_array(n, sizeof(double), err);
    if (!plan->steps || !plan->buffers || !plan->y || !plan->seconds[0] ||
        !plan->seconds[1])
        return -1;
    plan->g = plan->y + n;
    plan->saved = plan->g + n;
    plan->dy = plan->saved + n;
    plan->dx = plan->dy + n * XK_MAX_GRADS;
    plan->merge = plan->dx + 2 * n;
    plan->again = plan->merge + 6 * n;
    for (size_t i = 0; i < n * PLACES; i++)
        plan->y[i] = NO_BUFFER;
    plan->dy[plan->graph.logits * XK_MAX_GRADS] = BUFFER_LOGITS;
    if (plan->graph.map && backward)
        plan->dy[plan->graph.map * XK_MAX_GRADS] = BUFFER_MAP;
    plan_forward(plan, batch, backward);
    if (backward)
        plan_backward(plan, batch, makes_again, keep);
    for (int i = 0; i < plan->n_steps; i++) {
        struct xk_step *step = &plan->steps[i];

        step->node = &plan->graph.nodes[i];
        step->graph = &plan->graph;
        step->batch = batch;
        step->backward = backward;
        if (step->node->n_inputs)
            step->in = plan->graph.nodes[step->node->inputs[0]].shape;
        for (int k = 0; k < step->node->n_inputs; k++)
            step->in_dtype[k] = plan->graph.nodes[step->node->inputs[k]].dtype;
    }
    return place(plan, err);
}

void xk_plan_bind(struct xk_plan *plan, char *arena, void *input, float *d_logits,
                  void *d_map)
{
#define AT(buffer)                                                                       \
    ((buffer) == BUFFER_INPUT    ? input                                                 \
     : (buffer) == BUFFER_LOGITS ? d_logits                                              \
     : (buffer) == BUFFER_MAP    ? d_map                                                 \
     : (buffer) == NO_BUFFER     ? NULL                                                  \
                                 : (void *)(arena + plan->buffers[buffer].offset))
    for (int i = 0; i < plan->n_steps; i++) {
        struct xk_step *step = &plan->steps[i];

        step->y = AT(plan->y[i]);
        step->g = AT(plan->g[i]);
        step->saved = AT(plan->saved[i]);
        for (int k = 0; k < 2; k++) {
            step->x[k] =
                k < step->node->n_inputs ? AT(plan->y[step->node->inputs[k]]) : NULL;
            step->dx[k] = AT(plan->dx[2 * i + k]);
            for (int j = 0; j < 3; j++)
                step->merge[k][j] = AT(plan->merge[(2 * i + k) * 3 + j]);
        }
        step->x_again = AT(plan->again[i]);
        step->source = step->x_again ? &plan->steps[step->node->inputs[0]] : NULL;
        step->pre = step->node->pre >= 0 ? &plan->steps[step->node->pre] : NULL;
        step->post = step->node->post >= 0 ? &plan->steps[step->node->post] : NULL;
        step->gate = step->node->gate >= 0 ? &plan->steps[step->node->gate] : NULL;
        step->gated_by =
            step->node->gated_by >= 0 ? &plan->steps[step->node->gated_by] : NULL;
        step->pooled_by =
            step->node->pooled_by >= 0 ? &plan->steps[step->node->pooled_by] : NULL;
        step->n_dy = 0;
        for (int k = 0; k < XK_MAX_GRADS; k++) {
            step->dy[k] = AT(plan->dy[i * XK_MAX_GRADS + k]);
            step->n_dy += step->dy[k] != NULL;
        }
    }
#undef AT
}

void xk_plan_free(struct xk_plan *plan)
{
    xk_graph_free(&plan->graph);
    free(plan->steps);
    free(plan->buffers);
    free(plan->y);
    free(plan->seconds[0]);
    free(plan->seconds[1]);
    memset(plan, 0, sizeof *plan);
}
