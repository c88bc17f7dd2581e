/*
 * Convolutions by cuDNN's graph interface: a graph of one operation, the engines that its
 * heuristics name, and of these the one that is fastest here.
 */
#include "cuda.h"

#include <cudnn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ENGINES = 24, /* looked at */
    MAX_TRIED = 8,    /* and run */
    MAX_NOTES = 16
};

#define CACHE "cudnn"
#define WORKSPACE ((int64_t)1 << 30)

struct xk_dnn_lib {
    cudnnHandle_t handle;
};

struct xk_dnn_plan {
    cudnnBackendDescriptor_t plan;
    int64_t workspace;
};

enum {
    ID_X = 1,
    ID_W,
    ID_Y
};

static int failed(cudnnStatus_t rc, const char *what, struct xr_err *err)
{
    return rc == CUDNN_STATUS_SUCCESS
               ? 0
               : xr_fail(err, "cuDNN: %s: %s", what, cudnnGetErrorString(rc));
}

int xk_dnn_open(struct xk_dnn_lib **out, xk_stream stream, struct xr_err *err)
{
    struct xk_dnn_lib *lib = xr_alloc_array(1, sizeof *lib, err);

    *out = NULL;
    if (!lib)
        return -1;
    if (failed(cudnnCreate(&lib->handle), "opening", err) ||
        failed(cudnnSetStream(lib->handle, stream), "its stream", err)) {
        xk_dnn_close(lib);
        return -1;
    }
    *out = lib;
    return 0;
}

void xk_dnn_close(struct xk_dnn_lib *lib)
{
    if (lib && lib->handle)
        (void)cudnnDestroy(lib->handle);
    free(lib);
}

void xk_dnn_plan_free(struct xk_dnn_plan *plan)
{
    if (plan && plan->plan)
        (void)cudnnBackendDestroyDescriptor(plan->plan);
    free(plan);
}

/* --- descriptors ------------------------------------------------------------------- */

/* One attribute of a descriptor that is being made; the first failure stays in *rc. */
static void set(cudnnStatus_t *rc, cudnnBackendDescriptor_t d,
                cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                int64_t n, const void *value)
{
    if (*rc == CUDNN_STATUS_SUCCESS)
        *rc = cudnnBackendSetAttribute(d, name, type, n, value);
}

static cudnnBackendDescriptor_t make(cudnnStatus_t *rc, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;

    if (*rc == CUDNN_STATUS_SUCCESS)
        *rc = cudnnBackendCreateDescriptor(type, &d);
    return d;
}

static void finalize(cudnnStatus_t *rc, cudnnBackendDescriptor_t d)
{
    if (*rc == CUDNN_STATUS_SUCCESS)
        *rc = cudnnBackendFinalize(d);
}

static void drop(cudnnBackendDescriptor_t d)
{
    if (d)
        (void)cudnnBackendDestroyDescriptor(d);
}

/* Dimensions in cuDNN's order n, c, h, w, stored as n, h, w, c. */
static cudnnBackendDescriptor_t tensor(cudnnStatus_t *rc, int64_t id, enum xk_dtype t,
                                       size_t n, size_t c, size_t h, size_t w)
{
    int64_t dim[4] = {(int64_t)n, (int64_t)c, (int64_t)h, (int64_t)w};
    int64_t stride[4] = {dim[1] * dim[2] * dim[3], 1, dim[1] * dim[3], dim[1]};
    int64_t align = 16;
    cudnnDataType_t type = t == XK_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t d = make(rc, CUDNN_BACKEND_TENSOR_DESCRIPTOR);

    set(rc, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
    set(rc, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(rc, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dim);
    set(rc, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride);
    set(rc, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
    finalize(rc, d);
    return d;
}

/* Padding behind the last row or column: what the windows reach over it. */
static int64_t behind(size_t in, size_t out, size_t kernel, size_t stride, size_t before)
{
    int64_t need = (int64_t)((out - 1) * stride + kernel) - (int64_t)in - (int64_t)before;

    return need > 0 ? need : 0;
}

static cudnnBackendDescriptor_t convolution(cudnnStatus_t *rc,
                                            const struct xk_cu_window *g)
{
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    int64_t dims = 2, one[2] = {1, 1},
            stride[2] = {(int64_t)g->stride, (int64_t)g->stride};
    int64_t before[2] = {(int64_t)g->pad_h, (int64_t)g->pad_w};
    int64_t after[2] = {behind(g->h, g->oh, g->kernel, g->stride, g->pad_h),
                        behind(g->w, g->ow, g->kernel, g->stride, g->pad_w)};
    cudnnBackendDescriptor_t d = make(rc, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);

    /* padding that no window needs does no harm, and most engines want both sides alike:
     * one more on the far side adds no output where it stays below the stride */
    for (int k = 0; k < 2; k++) {
        size_t in = k ? g->w : g->h, out = k ? g->ow : g->oh;

        if (after[k] < before[k] &&
            (in + 2 * (size_t)before[k] - g->kernel) / g->stride + 1 == out)
            after[k] = before[k];
    }
    set(rc, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, one);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before);
    set(rc, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after);
    finalize(rc, d);
    return d;
}

/* The attributes that the three operations call differently. */
static const struct names {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t alpha, beta, conv, x, w, y;
} names[] = {
    [XK_DNN_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    [XK_DNN_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    [XK_DNN_WEIGHTS] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
};

/* The graph of one operation; NULL with *rc set. */
static cudnnBackendDescriptor_t graph_of(cudnnStatus_t *rc, cudnnHandle_t handle,
                                         const struct xk_dnn_shape *shape)
{
    const struct xk_cu_window *g = &shape->conv.window;
    const struct names *is = &names[shape->kind];
    const float one = 1, none = 0;
    cudnnBackendDescriptor_t x = tensor(rc, ID_X, shape->dtype, g->n, g->c, g->h, g->w);
    cudnnBackendDescriptor_t w = tensor(rc, ID_W, shape->w_dtype, shape->conv.out,
                                        g->c / shape->conv.groups, g->kernel, g->kernel);
    cudnnBackendDescriptor_t y =
        tensor(rc, ID_Y, shape->dtype, g->n, shape->conv.out, g->oh, g->ow);
    cudnnBackendDescriptor_t conv = convolution(rc, g), op = make(rc, is->operation),
                             graph;

    set(rc, op, is->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(rc, op, is->beta, CUDNN_TYPE_FLOAT, 1, &none);
    set(rc, op, is->conv, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &conv);
    set(rc, op, is->x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);
    set(rc, op, is->w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w);
    set(rc, op, is->y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y);
    finalize(rc, op);
    graph = make(rc, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(rc, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(rc, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op);
    finalize(rc, graph);
    /* a descriptor that uses others holds them itself */
    drop(op);
    drop(conv);
    drop(x);
    drop(w);
    drop(y);
    if (*rc == CUDNN_STATUS_SUCCESS)
        return graph;
    drop(graph);
    return NULL;
}

/* --- engines ----------------------------------------------------------------------- */

/* Those that one kind of heuristics names, behind the n that are there; `end` at most. */
static int ask(cudnnBackendDescriptor_t *configs, int n, int end,
               cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode)
{
    cudnnStatus_t rc = CUDNN_STATUS_SUCCESS;
    cudnnBackendDescriptor_t heuristics = make(&rc, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    int64_t got = 0;
    int room = end - n, made = 0;

    set(&rc, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
    set(&rc, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    finalize(&rc, heuristics);
    while (made < room && rc == CUDNN_STATUS_SUCCESS) {
        configs[n + made] = make(&rc, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        made += rc == CUDNN_STATUS_SUCCESS;
    }
    if (rc == CUDNN_STATUS_SUCCESS && room > 0)
        rc = cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, room, &got,
                                      configs + n);
    if (rc != CUDNN_STATUS_SUCCESS || got < 0)
        got = 0;
    if (got > made)
        got = made;
    for (int i = (int)got; i < made; i++)
        drop(configs[n + i]);
    drop(heuristics);
    return n + (int)got;
}

/* Does an engine do what was not allowed? */
static bool allowed(cudnnBackendDescriptor_t config, const struct xk_cuda *cuda,
                    enum xk_dtype dtype)
{
    cudnnStatus_t rc = CUDNN_STATUS_SUCCESS;
    cudnnBackendDescriptor_t engine = make(&rc, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendNumericalNote_t notes[MAX_NOTES];
    int64_t n = 0;
    bool yes;

    if (rc == CUDNN_STATUS_SUCCESS)
        rc = cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine);
    n = 0;
    if (rc == CUDNN_STATUS_SUCCESS)
        rc = cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                      CUDNN_TYPE_NUMERICAL_NOTE, MAX_NOTES, &n, notes);
    /* nothing is known of it: good enough unless something was asked */
    yes = rc == CUDNN_STATUS_SUCCESS ||
          (!cuda->spec.deterministic && (dtype != XK_F32 || cuda->spec.tf32));
    for (int64_t i = 0; rc == CUDNN_STATUS_SUCCESS && i < n && i < MAX_NOTES; i++) {
        if (cuda->spec.deterministic && notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
            yes = false;
        if (dtype == XK_F32 && notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)
            yes = false; /* to less than TF32 */
        if (dtype == XK_F32 && !cuda->spec.tf32 &&
            notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
            yes = false;
    }
    drop(engine);
    return yes;
}

/* A plan of this engine, or NULL: it cannot do it after all. */
static struct xk_dnn_plan *plan_of(cudnnHandle_t handle, cudnnBackendDescriptor_t config)
{
    struct xk_dnn_plan *p = xr_alloc_array(1, sizeof *p, NULL);
    cudnnStatus_t rc = CUDNN_STATUS_SUCCESS;
    int64_t n = 0;

    if (!p)
        return NULL;
    p->plan = make(&rc, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    set(&rc, p->plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(&rc, p->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
    finalize(&rc, p->plan);
    if (rc == CUDNN_STATUS_SUCCESS)
        rc = cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                      CUDNN_TYPE_INT64, 1, &n, &p->workspace);
    if (rc == CUDNN_STATUS_SUCCESS && p->workspace <= WORKSPACE)
        return p;
    xk_dnn_plan_free(p);
    return NULL;
}

int xk_dnn_run(struct xk_cuda *cuda, const struct xk_dnn_plan *plan, void *x, void *w,
               void *y, struct xr_err *err)
{
    int64_t ids[3] = {ID_X, ID_W, ID_Y};
    void *tensors[3] = {x, w, y}, *workspace = NULL;
    cudnnStatus_t rc = CUDNN_STATUS_SUCCESS;
    cudnnBackendDescriptor_t pack;

    if (plan->workspace > 0) {
        workspace = xk_cuda_workspace(cuda, (size_t)plan->workspace, err);
        if (!workspace)
            return -1;
    }
    pack = make(&rc, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(&rc, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
    set(&rc, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3,
        tensors);
    set(&rc, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    finalize(&rc, pack);
    if (rc == CUDNN_STATUS_SUCCESS)
        rc = cudnnBackendExecute(cuda->dnn->handle, plan->plan, pack);
    drop(pack);
    return failed(rc, "a convolution", err);
}

/* --- choosing ---------------------------------------------------------------------- */

/* The least of three runs behind one to warm up, in ms; negative: it fails. */
static float time_of(struct xk_cuda *cuda, const struct xk_dnn_plan *plan, void *x,
                     void *w, void *y, struct xk_rt_event *const mark[2])
{
    struct xr_err none;
    float least = -1;

    for (int i = 0; i < 4; i++) {
        float ms;

        xk_rt_mark(mark[0], cuda->stream);
        if (xk_dnn_run(cuda, plan, x, w, y, &none))
            return -1;
        xk_rt_mark(mark[1], cuda->stream);
        ms = xk_rt_between(mark[0], mark[1]);
        if (i > 0 && (least < 0 || ms < least))
            least = ms;
    }
    return xk_rt_check(&none) ? -1 : least;
}

static void key_of(char *key, size_t size, const struct xk_cuda *cuda,
                   const struct xk_dnn_shape *shape)
{
    const struct xk_cu_window *g = &shape->conv.window;

    snprintf(
        key, size, "%.80s;%zu;%d;%d%d%d;%zux%zux%zux%zu;%zux%zux%zu;%zu/%zu+%zu+%zu;%zu",
        cuda->text, cudnnGetVersion(), (int)shape->kind, (int)shape->dtype,
        (int)shape->w_dtype, (int)cuda->spec.tf32, g->n, g->h, g->w, g->c, g->oh, g->ow,
        shape->conv.out, g->kernel, g->stride, g->pad_h, g->pad_w, shape->conv.groups);
    for (char *p = key; *p; p++) {
        if (*p == ' ')
            *p = '_';
    }
}

/* The fastest of those that run, and its place in the list. */
static struct xk_dnn_plan *fastest(int *place, struct xk_cuda *cuda,
                                   cudnnBackendDescriptor_t *configs, int n,
                                   enum xk_dtype dtype, void *x, void *w, void *y)
{
    struct xr_err none;
    struct xk_rt_event *mark[2] = {xk_rt_event(&none), xk_rt_event(&none)};
    struct xk_dnn_plan *best = NULL;
    float least = 0;
    int tried = 0;

    for (int i = 0; i < n && tried < MAX_TRIED && mark[0] && mark[1]; i++) {
        struct xk_dnn_plan *p = allowed(configs[i], cuda, dtype)
                                    ? plan_of(cuda->dnn->handle, configs[i])
                                    : NULL;
        float ms = p ? time_of(cuda, p, x, w, y, mark) : -1;

        tried += p != NULL;
        if (ms >= 0 && (!best || ms < least)) {
            xk_dnn_plan_free(best);
            best = p;
            least = ms;
            *place = i;
        } else
            xk_dnn_plan_free(p);
    }
    xk_rt_event_free(mark[0]);
    xk_rt_event_free(mark[1]);
    return best;
}

/* The first that may and can: with --deterministic nothing is decided by time. */
static struct xk_dnn_plan *first(struct xk_cuda *cuda, cudnnBackendDescriptor_t *configs,
                                 int n, enum xk_dtype dtype)
{
    struct xk_dnn_plan *p = NULL;

    for (int i = 0; i < n && !p; i++)
        if (allowed(configs[i], cuda, dtype))
            p = plan_of(cuda->dnn->handle, configs[i]);
    return p;
}

int xk_dnn_plan(struct xk_dnn_plan **plan, struct xk_cuda *cuda,
                const struct xk_dnn_shape *shape, void *x, void *w, void *y,
                struct xr_err *err)
{
    cudnnBackendDescriptor_t configs[MAX_ENGINES], graph;
    cudnnStatus_t rc = CUDNN_STATUS_SUCCESS;
    char key[400];
    int n, place = -1;

    *plan = NULL;
    if (xk_rt_wait(cuda->stream, err)) /* what fails from here on is the engines' */
        return -1;
    graph = graph_of(&rc, cuda->dnn->handle, shape);
    if (!graph)
        return 1;
    n = ask(configs, 0, MAX_ENGINES * 2 / 3, graph, CUDNN_HEUR_MODE_A);
    n = ask(configs, n, MAX_ENGINES, graph, CUDNN_HEUR_MODE_FALLBACK);
    key_of(key, sizeof key, cuda, shape);
    if (cuda->spec.deterministic)
        *plan = first(cuda, configs, n, shape->dtype);
    else {
        place = xk_tuned_get(CACHE, key);
        if (place >= 0 && place < n && allowed(configs[place], cuda, shape->dtype))
            *plan = plan_of(cuda->dnn->handle, configs[place]);
        if (!*plan) {
            *plan = fastest(&place, cuda, configs, n, shape->dtype, x, w, y);
            if (*plan)
                xk_tuned_put(CACHE, key, place);
        }
    }
    for (int i = 0; i < n; i++)
        drop(configs[i]);
    drop(graph);
    return *plan ? 0 : 1;
}
