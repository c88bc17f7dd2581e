/*
 * A net: graph, plans, parameters and a device, driven pass by pass.
 */
#include "net_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKEND(net) ((net)->dev->backend)

/* --- opening ----------------------------------------------------------------------- */

static int check_spec(const struct xk_spec *spec, struct xr_err *err)
{
    if (spec->n_classes < 1 || spec->n_classes > 100000)
        return xr_fail_usage(err, "%zu classes: not from 1 to 100000", spec->n_classes);
    if (spec->channels != 1 && spec->channels != 3)
        return xr_fail_usage(err, "%zu channels: not 1 or 3", spec->channels);
    if (spec->height < 1 || spec->width < 1 || spec->height > 8192 || spec->width > 8192)
        return xr_fail_usage(err, "images of %zux%zu: not from 1 to 8192", spec->height,
                             spec->width);
    if (spec->batch < 1 || spec->batch > 65536)
        return xr_fail_usage(err, "batch %zu: not from 1 to 65536", spec->batch);
    if (!(spec->drop_rate >= 0 && spec->drop_rate < 1) ||
        !(spec->drop_path_rate >= 0 && spec->drop_path_rate < 1))
        return xr_fail_usage(err, "drop rates: not from 0 to below 1");
    if (spec->map && !spec->training)
        return xr_fail_usage(err, "a second head needs a net for training");
    return 0;
}

static int build_graph(struct xk_net *net, const struct xk_family *family, size_t row,
                       struct xr_err *err)
{
    net->arch = &family->archs[row];
    family->build(&net->graph, row, &net->spec);
    net->graph.logits = net->graph.n_nodes - 1;
    if (net->spec.map)
        xk_map_head(&net->graph);
    if (xk_graph_shapes(&net->graph, err))
        return -1;
    xk_graph_dtypes(&net->graph, net->spec.dtype);
    net->keep = -1;
    if (!net->spec.keep)
        return 0;
    net->keep = xk_graph_layer(&net->graph, net->spec.keep);
    if (net->keep < 0)
        return xr_fail_usage(err, "%s has no layer '%s'", net->arch->name,
                             net->spec.keep);
    if (!net->spec.training)
        return xr_fail_usage(err, "a kept layer needs a net for training");
    return 0;
}

static int build_plans(struct xk_net *net, const struct xk_backend *backend,
                       struct xr_err *err)
{
    struct xk_graph copy;

    if (xk_graph_copy(&copy, &net->graph, err))
        return -1;
    xk_fuse_infer(&copy, backend->loads_norms);
    if (xk_plan_init(&net->infer, &copy, net->spec.batch, false, false, -1, err))
        return -1;
    if (!net->spec.training)
        return 0;
    if (xk_graph_copy(&copy, &net->graph, err))
        return -1;
    xk_fuse_train(&copy, net->keep, backend->loads_norms);
    return xk_plan_init(&net->train, &copy, net->spec.batch, true, backend->makes_again,
                        net->keep, err);
}

static int prepare(struct xk_net *net, struct xk_plan *plan, struct xr_err *err)
{
    for (int i = 0; i < plan->n_steps; i++) {
        enum xk_op op = plan->steps[i].node->op;

        if (op != XK_OP_NONE && op != XK_OP_INPUT &&
            BACKEND(net)->prepare(net->dev, &plan->steps[i], err))
            return xr_fail_in(err, "%s", plan->steps[i].node->name);
    }
    return 0;
}

static size_t input_bytes(const struct xk_net *net)
{
    return net->spec.batch * net->spec.height * net->spec.width * net->spec.channels *
           xk_dtype_size(net->spec.dtype);
}

/* The gradient of the second head's logits. */
static size_t map_bytes(const struct xk_net *net)
{
    const struct xk_node *node = net->spec.map ? &net->graph.nodes[net->graph.map] : NULL;

    return node ? net->spec.batch * node->shape.h * node->shape.w *
                      xk_dtype_size(node->dtype)
                : 0;
}

static int get_memory(struct xk_net *net, struct xr_err *err)
{
    const struct xk_backend *b = BACKEND(net);
    size_t params = net->graph.param_floats * sizeof(float);
    size_t logits = net->spec.batch * net->spec.n_classes * sizeof(float);

    net->arena_bytes =
        net->train.bytes > net->infer.bytes ? net->train.bytes : net->infer.bytes;
    net->values = b->alloc(net->dev, params, err);
    net->input = b->alloc(net->dev, input_bytes(net), err);
    net->d_logits = b->alloc(net->dev, logits, err);
    net->arena = b->alloc(net->dev, net->arena_bytes, err);
    if (!net->values || !net->input || !net->d_logits || !net->arena)
        return -1;
    if (net->spec.map) {
        net->d_map = b->alloc(net->dev, map_bytes(net), err);
        if (!net->d_map)
            return -1;
    }
    if (net->spec.training) {
        net->grads = b->alloc(net->dev, params, err);
        if (!net->grads)
            return -1;
        xk_plan_bind(&net->train, net->arena, net->input, net->d_logits, net->d_map);
    }
    xk_plan_bind(&net->infer, net->arena, net->input, net->d_logits, NULL);
    return 0;
}

int xk_net_open_family(struct xk_net **out, const struct xk_family *family, size_t row,
                       const struct xk_spec *spec, struct xr_err *err)
{
    const struct xk_backend *backend;
    struct xk_net *net;
    struct xk_device_spec device = {.n_threads = spec->n_threads,
                                    .tf32 = spec->tf32,
                                    .deterministic = spec->deterministic};

    *out = NULL;
    if (check_spec(spec, err) ||
        xk_backend_find(&backend, &device.index, spec->device, err))
        return -1;
    net = xr_alloc_array(1, sizeof *net, err);
    if (!net)
        return -1;
    net->spec = *spec;
    net->version = 1;
    if (build_graph(net, family, row, err) || build_plans(net, backend, err) ||
        backend->open(&net->dev, &device, err) || get_memory(net, err) ||
        prepare(net, &net->infer, err) || prepare(net, &net->train, err)) {
        xk_net_close(net);
        return -1;
    }
    net->spec.arch = net->arch->name;
    net->spec.device = net->spec.keep = NULL; /* belong to the caller */
    *out = net;
    return 0;
}

int xk_net_open(struct xk_net **net, const struct xk_spec *spec, struct xr_err *err)
{
    size_t row;
    const struct xk_family *family = xk_family_find(spec->arch, &row);

    *net = NULL;
    if (!family)
        return xr_fail_usage(err, "unknown architecture '%s'", spec->arch);
    return xk_net_open_family(net, family, row, spec, err);
}

int xk_arch_size(const struct xk_spec *spec, uint64_t *params, uint64_t *macs,
                 struct xr_err *err)
{
    size_t row;
    const struct xk_family *family = xk_family_find(spec->arch, &row);
    struct xk_net net = {.spec = *spec};
    int failed;

    if (!family)
        return xr_fail_usage(err, "unknown architecture '%s'", spec->arch);
    failed = check_spec(spec, err) || build_graph(&net, family, row, err);
    *params = 0;
    for (int i = 0; i < net.graph.n_params; i++)
        if (net.graph.params[i].param.trainable)
            *params += net.graph.params[i].param.count;
    *macs = xk_net_macs(&net);
    xk_graph_free(&net.graph);
    return failed ? -1 : 0;
}

static void release(struct xk_net *net, struct xk_plan *plan)
{
    for (int i = 0; i < plan->n_steps && net->dev && plan->steps; i++)
        if (plan->steps[i].impl)
            BACKEND(net)->release(net->dev, &plan->steps[i]);
    xk_plan_free(plan);
}

void xk_net_close(struct xk_net *net)
{
    size_t params;

    if (!net)
        return;
    params = net->graph.param_floats * sizeof(float);
    release(net, &net->infer);
    release(net, &net->train);
    if (net->dev) {
        const struct xk_backend *b = BACKEND(net);

        b->free(net->dev, net->values, params);
        b->free(net->dev, net->grads, params);
        b->free(net->dev, net->input, input_bytes(net));
        b->free(net->dev, net->d_map, map_bytes(net));
        b->free(net->dev, net->d_logits,
                net->spec.batch * net->spec.n_classes * sizeof(float));
        b->free(net->dev, net->arena, net->arena_bytes);
        b->close(net->dev);
    }
    xk_graph_free(&net->graph);
    free(net);
}

/* --- what a net is ----------------------------------------------------------------- */

uint64_t xk_net_macs(const struct xk_net *net)
{
    uint64_t macs = 0;

    for (int i = 0; i < net->graph.n_nodes; i++)
        macs += net->graph.nodes[i].macs;
    return macs;
}

size_t xk_net_bytes(const struct xk_net *net)
{
    size_t params = net->graph.param_floats * sizeof(float);

    return net->arena_bytes + input_bytes(net) + params + (net->grads ? params : 0);
}

size_t xk_net_peak(const struct xk_net *net)
{
    return BACKEND(net)->peak ? BACKEND(net)->peak(net->dev) : 0;
}

const char *xk_net_device(const struct xk_net *net)
{
    return BACKEND(net)->describe(net->dev);
}

const struct xk_arch *xk_net_arch(const struct xk_net *net)
{
    return net->arch;
}

size_t xk_net_n_params(const struct xk_net *net)
{
    return (size_t)net->graph.n_params;
}

const struct xk_param *xk_net_param(const struct xk_net *net, size_t i)
{
    return i < (size_t)net->graph.n_params ? &net->graph.params[i].param : NULL;
}

const char *xk_net_layer(const struct xk_net *net, size_t i)
{
    return i < (size_t)net->graph.n_layers ? net->graph.layers[i].name : NULL;
}

bool xk_net_profile(const struct xk_net *net, size_t i, struct xk_profile *profile)
{
    const struct xk_plan *plan = net->ran ? net->ran : &net->infer;
    const struct xk_node *node;

    if (i >= (size_t)plan->n_steps)
        return false;
    node = &plan->graph.nodes[i];
    *profile = (struct xk_profile){
        node->name,    xk_op_name(node->op), plan->seconds[0][i], plan->seconds[1][i],
        node->shape.h, node->shape.w,        node->shape.c};
    return true;
}

static int check_param(const struct xk_net *net, size_t i, struct xr_err *err)
{
    if (i >= (size_t)net->graph.n_params)
        return xr_fail(err, "no parameter %zu", i);
    return 0;
}

int xk_net_get(struct xk_net *net, size_t i, float *dst, struct xr_err *err)
{
    if (check_param(net, i, err))
        return -1;
    BACKEND(net)->download(net->dev, dst, xk_net_value_at(net, i),
                           net->graph.params[i].param.count * sizeof(float));
    return 0;
}

int xk_net_set(struct xk_net *net, size_t i, const float *src, struct xr_err *err)
{
    if (check_param(net, i, err))
        return -1;
    BACKEND(net)->upload(net->dev, xk_net_value_at(net, i), src,
                         net->graph.params[i].param.count * sizeof(float));
    net->version++;
    return 0;
}

static int check_grad(const struct xk_net *net, size_t i, struct xr_err *err)
{
    if (check_param(net, i, err))
        return -1;
    if (!net->grads || !net->graph.params[i].param.trainable)
        return xr_fail(err, "%s has no gradient", net->graph.params[i].param.name);
    return 0;
}

int xk_net_get_grad(struct xk_net *net, size_t i, float *dst, struct xr_err *err)
{
    if (check_grad(net, i, err))
        return -1;
    BACKEND(net)->download(net->dev, dst, net->grads + net->graph.params[i].offset,
                           net->graph.params[i].param.count * sizeof(float));
    return 0;
}

int xk_net_set_grad(struct xk_net *net, size_t i, const float *src, struct xr_err *err)
{
    if (check_grad(net, i, err))
        return -1;
    BACKEND(net)->upload(net->dev, net->grads + net->graph.params[i].offset, src,
                         net->graph.params[i].param.count * sizeof(float));
    return 0;
}

void xk_net_freeze(struct xk_net *net, bool backbone)
{
    net->frozen = backbone;
    net->can_backward = false;
    for (int i = 0; i < net->graph.n_params; i++)
        net->graph.params[i].param.frozen = backbone && !net->graph.params[i].param.head;
}

/* --- passes ------------------------------------------------------------------------ */

static int check_input(struct xk_net *net, size_t n, struct xr_err *err)
{
    net->n = 0;
    if (n < 1 || n > net->spec.batch)
        return xr_fail(err, "%zu images in a batch of at most %zu", n, net->spec.batch);
    net->n = n;
    net->can_backward = false;
    return 0;
}

int xk_net_input_u8(struct xk_net *net, const uint8_t *pixels, size_t n, size_t channels,
                    const float *mean, const float *std, struct xr_err *err)
{
    if (check_input(net, n, err))
        return -1;
    if (channels != 1 && channels != net->spec.channels)
        return xr_fail(err, "images of %zu channels for a net of %zu", channels,
                       net->spec.channels);
    BACKEND(net)->input_u8(net->dev, net->spec.dtype, net->input, pixels,
                           n * net->spec.height * net->spec.width, channels,
                           net->spec.channels, mean, std);
    return 0;
}

int xk_net_input_f32(struct xk_net *net, const float *pixels, size_t n,
                     struct xr_err *err)
{
    struct xk_shape shape = {net->spec.height, net->spec.width, net->spec.channels};

    if (check_input(net, n, err))
        return -1;
    BACKEND(net)->input_f32(net->dev, net->spec.dtype, net->input, pixels, n, shape);
    return 0;
}

/* One thread: its own time, so that profiles hold on a busy machine too. */
static double now(const struct xk_net *net)
{
    struct timespec t;

    clock_gettime(net->spec.n_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC,
                  &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A frozen backbone runs as in inference, whatever the head does. */
static enum xk_mode step_mode(const struct xk_net *net, const struct xk_plan *plan, int i)
{
    return plan == &net->infer && !plan->graph.nodes[i].head ? XK_INFER : net->pass.mode;
}

/* A device may run its own recording of a pass; see struct xk_backend. */
static int begin(struct xk_net *net, struct xk_plan *plan, int from, bool backward,
                 struct xr_err *err)
{
    struct xk_run run = {plan->steps, plan->n_steps, from, backward, net->frozen};

    return BACKEND(net)->begin ? BACKEND(net)->begin(net->dev, &run, &net->pass, err) : 0;
}

static int end(struct xk_net *net, struct xr_err *err)
{
    return BACKEND(net)->end ? BACKEND(net)->end(net->dev, err) : 0;
}

/* Copies and sums of other devices cannot say at once what went wrong. */
static int check_device(struct xk_net *net, struct xr_err *err)
{
    return BACKEND(net)->check ? BACKEND(net)->check(net->dev, err) : 0;
}

static int call_forward(struct xk_net *net, struct xk_plan *plan, int from,
                        struct xr_err *err)
{
    double before = now(net), after;
    struct xk_pass pass;

    for (int i = from + 1; i < plan->n_steps; i++) {
        enum xk_op op = plan->graph.nodes[i].op;

        if (op == XK_OP_NONE || op == XK_OP_INPUT)
            continue;
        pass = net->pass;
        pass.mode = step_mode(net, plan, i);
        if (BACKEND(net)->forward(net->dev, &plan->steps[i], &pass, err))
            return xr_fail_in(err, "%s", plan->graph.nodes[i].name);
        after = now(net);
        plan->seconds[0][i] += after - before;
        before = after;
    }
    return end(net, err);
}

/* Run the steps behind `from` (-1: all of them). */
static int run_forward(struct xk_net *net, struct xk_plan *plan, int from, float *logits,
                       struct xr_err *err)
{
    int recorded;

    if (net->n == 0)
        return xr_fail(err, "no input");
    net->pass.n = net->n;
    net->pass.version = net->version;
    net->pass.values = net->pass.running = net->values;
    recorded = begin(net, plan, from, false, err);
    for (int again = !recorded; again;) {
        again = call_forward(net, plan, from, err);
        if (again < 0)
            return -1;
    }
    if (recorded < 0)
        return -1;
    net->ran = plan;
    net->backward_done = false;
    BACKEND(net)->download(net->dev, logits, plan->steps[plan->graph.logits].y,
                           net->n * net->spec.n_classes * sizeof(float));
    return check_device(net, err);
}

int xk_net_forward(struct xk_net *net, float *logits, bool training, uint64_t seed,
                   uint64_t step, struct xr_err *err)
{
    struct xk_plan *plan = training && !net->frozen ? &net->train : &net->infer;

    if (training && !net->spec.training)
        return xr_fail(err, "the net was not opened for training");
    net->pass = (struct xk_pass){.mode = training ? XK_TRAIN : XK_INFER,
                                 .seed = seed,
                                 .step = step,
                                 .grads = net->grads};
    net->can_backward = false;
    if (run_forward(net, plan, -1, logits, err))
        return -1;
    net->can_backward = training;
    if (training && !net->frozen)
        net->version++; /* running statistics moved */
    return 0;
}

/* What the classifier reads, before dropout. */
static int features_node(const struct xk_plan *plan)
{
    int i = plan->graph.nodes[plan->graph.logits].inputs[0];

    while (plan->graph.nodes[i].op == XK_OP_DROPOUT)
        i = plan->graph.nodes[i].inputs[0];
    return i;
}

bool xk_net_features_fixed(const struct xk_net *net)
{
    int from = features_node(&net->infer);

    for (int i = 0; i < from; i++)
        if (net->infer.graph.nodes[i].op == XK_OP_DROPOUT)
            return false;
    return true;
}

int xk_net_forward_head(struct xk_net *net, float *logits, const float *features,
                        size_t n, bool training, uint64_t seed, uint64_t step,
                        struct xr_err *err)
{
    struct xk_plan *plan = &net->infer;
    int from = features_node(plan);

    if (training && (!net->spec.training || !net->frozen))
        return xr_fail(err, "a head is trained alone on a frozen backbone only");
    if (check_input(net, n, err))
        return -1;
    net->pass = (struct xk_pass){.mode = training ? XK_TRAIN : XK_INFER,
                                 .seed = seed,
                                 .step = step,
                                 .grads = net->grads};
    BACKEND(net)->upload(net->dev, plan->steps[from].y, features,
                         n * plan->graph.nodes[from].shape.c * sizeof(float));
    if (run_forward(net, plan, from, logits, err))
        return -1;
    net->can_backward = training;
    return 0;
}

int xk_net_forward_keep(struct xk_net *net, float *logits, struct xr_err *err)
{
    if (!net->spec.training)
        return xr_fail(err, "the net was not opened for training");
    net->pass = (struct xk_pass){.mode = XK_KEEP};
    net->can_backward = false;
    if (run_forward(net, &net->train, -1, logits, err))
        return -1;
    net->can_backward = true;
    return 0;
}

static size_t floats(const struct xk_node *node, size_t n)
{
    return n * node->shape.h * node->shape.w * node->shape.c;
}

/* One step back. Gradients that meet at it are summed first, where it cannot do so on
 * load. */
static int step_backward(struct xk_net *net, struct xk_step *step, struct xr_err *err)
{
    struct xk_step one = *step;

    if (step->n_dy == 2 && step->node->op != XK_OP_BN && !step->post) {
        BACKEND(net)->sum(net->dev, step->node->dtype, step->g, step->dy[0], step->dy[1],
                          floats(step->node, net->n));
        one.dy[0] = step->g;
        one.dy[1] = NULL;
        one.n_dy = 1;
    }
    if (step->node->op != XK_OP_ADD && /* which hands its gradient on as it is */
        BACKEND(net)->backward(net->dev, &one, &net->pass, err))
        return -1;
    for (int k = 0; k < step->node->n_inputs; k++) {
        const struct xk_node *in = &step->graph->nodes[step->node->inputs[k]];

        if (step->merge[k][0])
            BACKEND(net)->sum(net->dev, in->dtype, step->merge[k][0], step->merge[k][1],
                              step->merge[k][2], floats(in, net->n));
    }
    return 0;
}

static int call_backward(struct xk_net *net, struct xk_plan *plan, int from,
                         struct xr_err *err)
{
    double before = now(net), after;

    for (int i = plan->n_steps - 1; i > from; i--) {
        struct xk_step *step = &plan->steps[i];

        if (step->node->op == XK_OP_NONE || step->n_dy == 0)
            continue;
        if (net->frozen && net->pass.mode == XK_TRAIN && !step->node->head)
            break;
        if (step_backward(net, step, err))
            return xr_fail_in(err, "%s", step->node->name);
        after = now(net);
        plan->seconds[1][i] += after - before;
        before = after;
    }
    return end(net, err);
}

int xk_net_backward(struct xk_net *net, const float *d_logits, struct xr_err *err)
{
    struct xk_plan *plan = net->ran;
    int from = net->pass.mode == XK_KEEP ? net->keep : -1, recorded;

    if (!net->can_backward)
        return xr_fail(err, "a backward pass without its forward pass");
    net->can_backward = false; /* forward's memory is used up */
    BACKEND(net)->upload(net->dev, net->d_logits, d_logits,
                         net->n * net->spec.n_classes * sizeof(float));
    recorded = begin(net, plan, from, true, err);
    for (int again = !recorded; again;) {
        again = call_backward(net, plan, from, err);
        if (again < 0)
            return -1;
    }
    if (recorded < 0)
        return -1;
    net->backward_done = true;
    return check_device(net, err);
}

static const struct xk_node *map_node(const struct xk_net *net, struct xr_err *err)
{
    if (net->spec.map)
        return &net->graph.nodes[net->graph.map];
    xr_fail(err, "the net was opened without a second head");
    return NULL;
}

int xk_net_map(struct xk_net *net, float *dst, size_t *h, size_t *w, struct xr_err *err)
{
    const struct xk_node *node = map_node(net, err);
    size_t count, size;
    char *part;

    if (!node)
        return -1;
    *h = node->shape.h;
    *w = node->shape.w;
    if (!dst)
        return 0;
    if (net->ran != &net->train)
        return xr_fail(err, "the second head before a forward pass in training");
    count = floats(node, net->n);
    size = xk_dtype_size(node->dtype);
    part = xr_alloc_array(count, size, err);
    if (!part)
        return -1;
    BACKEND(net)->download(net->dev, part, net->train.steps[net->graph.map].y,
                           count * size);
    for (size_t i = 0; i < count; i++)
        dst[i] = xk_value_at(part, node->dtype, i);
    free(part);
    return 0;
}

int xk_net_set_map_grad(struct xk_net *net, const float *d_map, struct xr_err *err)
{
    const struct xk_node *node = map_node(net, err);
    size_t count, size;
    void *part;

    if (!node)
        return -1;
    count = floats(node, net->n);
    size = xk_dtype_size(node->dtype);
    part = xr_alloc_array(count, size, err);
    if (!part)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (node->dtype == XK_BF16)
            ((uint16_t *)part)[i] = xk_f32_to_bf16(d_map[i]);
        else
            ((float *)part)[i] = d_map[i];
    }
    BACKEND(net)->upload(net->dev, net->d_map, part, count * size);
    free(part);
    return 0;
}

int xk_net_zero_grad(struct xk_net *net, struct xr_err *err)
{
    if (!net->grads)
        return xr_fail(err, "the net was not opened for training");
    BACKEND(net)->zero(net->dev, net->grads, net->graph.param_floats);
    return 0;
}

/* --- what a pass left -------------------------------------------------------------- */

/* Device NHWC, summed over n_src tensors, to host NCHW. */
static int download_nchw(struct xk_net *net, float *dst, void *const *src, int n_src,
                         const struct xk_node *node, struct xr_err *err)
{
    struct xk_shape s = node->shape;
    size_t pixels = s.h * s.w, count = net->n * pixels * s.c;
    void *part = xr_alloc_array(count, xk_dtype_size(node->dtype), err);

    if (!part)
        return -1;
    memset(dst, 0, count * sizeof *dst);
    for (int k = 0; k < n_src; k++) {
        BACKEND(net)->download(net->dev, part, src[k],
                               count * xk_dtype_size(node->dtype));
        for (size_t n = 0; n < net->n; n++)
            for (size_t p = 0; p < pixels; p++)
                for (size_t c = 0; c < s.c; c++)
                    dst[(n * s.c + c) * pixels + p] +=
                        xk_value_at(part, node->dtype, (n * pixels + p) * s.c + c);
    }
    free(part);
    return 0;
}

int xk_net_kept(struct xk_net *net, float *activation, float *gradient, size_t shape[4],
                struct xr_err *err)
{
    struct xk_step *step;
    struct xk_shape s;

    if (net->keep < 0)
        return xr_fail(err, "no layer is kept");
    step = &net->train.steps[net->keep];
    s = step->node->shape;
    if (shape) {
        shape[0] = net->n;
        shape[1] = s.c;
        shape[2] = s.h;
        shape[3] = s.w;
    }
    if ((activation || gradient) && net->ran != &net->train)
        return xr_fail(err, "the kept layer before a pass that keeps it");
    if (gradient && !net->backward_done)
        return xr_fail(err, "the kept layer's gradient before the backward pass");
    if (activation && download_nchw(net, activation, &step->y, 1, step->node, err))
        return -1;
    if (gradient && download_nchw(net, gradient, step->dy, step->n_dy, step->node, err))
        return -1;
    return 0;
}

int xk_net_pooled(struct xk_net *net, float *dst, size_t *features, struct xr_err *err)
{
    struct xk_plan *plan = net->ran ? net->ran : &net->infer;
    int i = features_node(plan);

    *features = plan->graph.nodes[i].shape.c;
    if (!dst)
        return 0;
    if (!net->ran)
        return xr_fail(err, "pooled features before a forward pass");
    BACKEND(net)->download(net->dev, dst, plan->steps[i].y,
                           net->n * *features * sizeof(float));
    return 0;
}
