/*
 * The CPU device: memory, threads, dispatch, inputs, optimiser spans.
 */
#include "cpu.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- memory ------------------------------------------------------------------------ */

/* Large blocks lie on huge pages where the system gives them: first touch is what costs.
 */
#define HUGE_PAGE ((size_t)2 << 20)

static size_t map_bytes(size_t bytes)
{
    return (bytes + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE;
}

static void *cpu_alloc(struct xk_device *dev, size_t bytes, struct xr_err *err)
{
    void *mem;

    (void)dev;
    if (bytes > SIZE_MAX / 2) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    mem = mmap(NULL, map_bytes(bytes), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) {
        xr_fail_errno(err, "%zu MiB of memory", bytes >> 20);
        return NULL;
    }
    if (bytes >= HUGE_PAGE)
        (void)madvise(mem, map_bytes(bytes), MADV_HUGEPAGE); /* a hint */
    return mem;
}

static void cpu_free(struct xk_device *dev, void *mem, size_t bytes)
{
    (void)dev;
    if (mem)
        munmap(mem, map_bytes(bytes));
}

static void cpu_copy(struct xk_device *dev, void *dst, const void *src, size_t bytes)
{
    (void)dev;
    memcpy(dst, src, bytes);
}

static void cpu_zero(struct xk_device *dev, float *dst, size_t n)
{
    (void)dev;
    memset(dst, 0, n * sizeof *dst);
}

/* Blocks are mapped, not touched: what is not taken costs nothing. */
#define BLOCK ((size_t)32 << 20)

struct xk_cpu_block {
    struct xk_cpu_block *next;
    size_t bytes, used;
};

void *xk_cpu_take(struct xk_cpu *cpu, size_t n, size_t size, struct xr_err *err)
{
    struct xk_cpu_block *b = cpu->blocks;
    size_t head = (sizeof *b + 63) & ~(size_t)63, bytes;
    void *mem;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 4) {
        xr_fail(err, "out of memory: %zu elements of %zu bytes", n, size);
        return NULL;
    }
    bytes = (bytes + 63) & ~(size_t)63;
    if (!b || b->bytes - b->used < bytes) {
        size_t room = bytes > BLOCK - head ? bytes + head : BLOCK;

        b = cpu_alloc(&cpu->base, room, err);
        if (!b)
            return NULL;
        *b = (struct xk_cpu_block){cpu->blocks, room, head};
        cpu->blocks = b;
    }
    mem = (char *)b + b->used;
    b->used += bytes;
    return mem;
}

int xk_cpu_scratch(struct xk_cpu *cpu, size_t floats, struct xr_err *err)
{
    if (floats <= cpu->scratch_floats)
        return 0;
    cpu_free(&cpu->base, cpu->scratch, cpu->scratch_floats * sizeof *cpu->scratch);
    cpu->scratch_floats = 0;
    cpu->scratch = cpu_alloc(&cpu->base, floats * sizeof *cpu->scratch, err);
    if (!cpu->scratch)
        return -1;
    cpu->scratch_floats = floats;
    return 0;
}

int xk_cpu_partial(struct xk_cpu *cpu, size_t n, struct xr_err *err)
{
    n *= (size_t)cpu->n_threads;
    if (n <= cpu->partial_doubles)
        return 0;
    free(cpu->partial);
    cpu->partial_doubles = 0;
    cpu->partial = xr_alloc_array(n, sizeof *cpu->partial, err);
    if (!cpu->partial)
        return -1;
    cpu->partial_doubles = n;
    return 0;
}

/* --- opening ----------------------------------------------------------------------- */

static int affinity_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return 1;
}

static void cpu_close(struct xk_device *dev)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    if (!cpu)
        return;
    xk_dnn_close(cpu->dnn);
    cpu_free(dev, cpu->copies, cpu->copies_floats * sizeof(float));
    cpu_free(dev, cpu->scratch, cpu->scratch_floats * sizeof *cpu->scratch);
    free(cpu->partial);
    while (cpu->blocks) {
        struct xk_cpu_block *b = cpu->blocks;

        cpu->blocks = b->next;
        cpu_free(dev, b, b->bytes);
    }
    free(cpu);
}

static int cpu_open(struct xk_device **dev, const struct xk_device_spec *spec,
                    struct xr_err *err)
{
    struct xk_cpu *cpu = xr_alloc_array(1, sizeof *cpu, err);
    struct xr_err none = {0};

    *dev = NULL;
    if (!cpu)
        return -1;
    cpu->base.backend = &xk_backend_cpu;
    cpu->simd[XK_F32] = xk_simd_find(XK_F32);
    cpu->simd[XK_BF16] = xk_simd_find(XK_BF16);
    cpu->n_threads = spec->n_threads > 0 ? spec->n_threads : affinity_cpus();
    omp_set_num_threads(cpu->n_threads);
    if (xk_dnn_open(&cpu->dnn, err) || xk_cpu_scratch(cpu, 1024, err) ||
        xk_cpu_partial(cpu, 1024, err)) {
        cpu_close(&cpu->base);
        return -1;
    }
    cpu->dnn_bf16 = xk_dnn_has(cpu->dnn, XK_BF16, &none) == 0;
    *dev = &cpu->base;
    return 0;
}

/* --- steps ------------------------------------------------------------------------- */

static const struct xk_cpu_op *find_op(const struct xk_step *step)
{
    const struct xk_node *node = step->node;

    switch (node->op) {
    case XK_OP_CONV:
        if (xk_depthwise(step->graph, node))
            return &xk_cpu_depthwise;
        if (xk_cpu_is_full(step))
            return &xk_cpu_full;
        if (xk_pointwise(step->graph, node))
            return &xk_cpu_pointwise;
        if (xk_dense3(step->graph, node))
            return &xk_cpu_winograd;
        return &xk_cpu_conv;
    case XK_OP_BN:
        return &xk_cpu_bn;
    case XK_OP_ACT:
        return &xk_cpu_act;
    case XK_OP_ADD:
        return &xk_cpu_add;
    case XK_OP_CONCAT:
        return &xk_cpu_concat;
    case XK_OP_AVGPOOL:
        return &xk_cpu_avgpool;
    case XK_OP_SCALE:
        return &xk_cpu_scale;
    case XK_OP_LAYERNORM:
        return &xk_cpu_layernorm;
    case XK_OP_FLATTEN:
        return &xk_cpu_flatten;
    case XK_OP_MAXPOOL:
        return &xk_cpu_maxpool;
    case XK_OP_GAP:
        return &xk_cpu_gap;
    case XK_OP_GATE:
        return &xk_cpu_gate;
    case XK_OP_DROPOUT:
        return &xk_cpu_dropout;
    case XK_OP_DROP_PATH:
        return &xk_cpu_drop_path;
    case XK_OP_LINEAR:
        return &xk_cpu_full;
    default:
        return NULL;
    }
}

/* --- float32 copies for operations that know nothing else -----------------------------
 */

static bool all_f32(const struct xk_step *step)
{
    for (int k = 0; k < step->node->n_inputs; k++)
        if (step->in_dtype[k] != XK_F32)
            return false;
    return step->node->dtype == XK_F32;
}

static bool needs_copies(const struct xk_cpu *cpu, const struct xk_cpu_op *op,
                         const struct xk_step *step)
{
    bool any = op->any_dtype && (op != &xk_cpu_conv || cpu->dnn_bf16);

    return !any && !all_f32(step);
}

static size_t count_in(const struct xk_step *step, int k, size_t n)
{
    struct xk_shape s = step->graph->nodes[step->node->inputs[k]].shape;

    return n * s.h * s.w * s.c;
}

static size_t count_out(const struct xk_step *step, size_t n)
{
    return n * step->node->shape.h * step->node->shape.w * step->node->shape.c;
}

/* Room for copies of x, y, dy, g and dx, one behind the other. */
static int copies_prepare(struct xk_cpu *cpu, const struct xk_step *step,
                          struct xr_err *err)
{
    size_t out = xk_padded(count_out(step, step->batch)),
           floats = (2 + XK_MAX_GRADS) * out;

    for (int k = 0; k < step->node->n_inputs; k++)
        floats += 2 * xk_padded(count_in(step, k, step->batch));
    if (floats <= cpu->copies_floats)
        return 0;
    cpu_free(&cpu->base, cpu->copies, cpu->copies_floats * sizeof(float));
    cpu->copies_floats = 0;
    cpu->copies = cpu_alloc(&cpu->base, floats * sizeof(float), err);
    if (!cpu->copies)
        return -1;
    cpu->copies_floats = floats;
    return 0;
}

static void widen(struct xk_cpu *cpu, float *dst, const uint16_t *src, size_t n)
{
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        dst[i] = xk_bf16_to_f32(src[i]);
}

static void narrow(struct xk_cpu *cpu, uint16_t *dst, const float *src, size_t n)
{
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        dst[i] = xk_f32_to_bf16(src[i]);
}

/* A float32 place for a tensor of n elements, filled if `read`. */
static void *copy_of(struct xk_cpu *cpu, float **room, void *tensor, enum xk_dtype dtype,
                     size_t n, bool read)
{
    float *copy = *room;

    if (!tensor || dtype == XK_F32)
        return tensor;
    if (read)
        widen(cpu, copy, tensor, n);
    *room += xk_padded(n);
    return copy;
}

static int run_with_copies(struct xk_cpu *cpu, const struct xk_cpu_op *op,
                           struct xk_step *step, const struct xk_pass *pass,
                           bool backward, struct xr_err *err)
{
    struct xk_node node = *step->node;
    struct xk_step one = *step;
    float *room = cpu->copies;
    size_t out = count_out(step, pass->n);
    enum xk_dtype t = step->node->dtype;

    node.dtype = XK_F32;
    one.node = &node;
    for (int k = 0; k < step->node->n_inputs; k++) {
        size_t in = count_in(step, k, pass->n);

        one.x[k] = copy_of(cpu, &room, step->x[k], step->in_dtype[k], in, true);
        if (backward)
            one.dx[k] = copy_of(cpu, &room, step->dx[k], step->in_dtype[k], in, false);
        one.in_dtype[k] = XK_F32;
    }
    one.y = copy_of(cpu, &room, step->y, t, out, backward);
    if (!backward) {
        if (op->forward(cpu, &one, pass, err))
            return -1;
        if (one.y != step->y)
            narrow(cpu, step->y, one.y, out);
        return 0;
    }
    for (int k = 0; k < step->n_dy; k++)
        one.dy[k] = copy_of(cpu, &room, step->dy[k], t, out, true);
    one.g = copy_of(cpu, &room, step->g, t, out, false);
    if (op->backward(cpu, &one, pass, err))
        return -1;
    for (int k = 0; k < step->node->n_inputs; k++)
        if (one.dx[k] != step->dx[k])
            narrow(cpu, step->dx[k], one.dx[k], count_in(step, k, pass->n));
    if (one.g != step->g)
        narrow(cpu, step->g, one.g, out);
    return 0;
}

static int prepare_with_copies(struct xk_cpu *cpu, const struct xk_cpu_op *op,
                               struct xk_step *step, struct xr_err *err)
{
    struct xk_node node = *step->node;
    struct xk_step one = *step;
    int rc;

    if (copies_prepare(cpu, step, err))
        return -1;
    if (!op->prepare)
        return 0;
    node.dtype = one.in_dtype[0] = one.in_dtype[1] = XK_F32;
    one.node = &node;
    rc = op->prepare(cpu, &one, err);
    step->impl = one.impl;
    return rc;
}

static int cpu_prepare(struct xk_device *dev, struct xk_step *step, struct xr_err *err)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    const struct xk_cpu_op *op = find_op(step);

    omp_set_num_threads(cpu->n_threads);
    if (!op)
        return xr_fail(err, "the CPU has no operation '%s'", xk_op_name(step->node->op));
    return needs_copies(cpu, op, step) ? prepare_with_copies(cpu, op, step, err)
           : op->prepare               ? op->prepare(cpu, step, err)
                                       : 0;
}

static void cpu_release(struct xk_device *dev, struct xk_step *step)
{
    const struct xk_cpu_op *op = find_op(step);

    (void)dev;
    if (op && op->release)
        op->release(step);
    step->impl = NULL;
}

static int cpu_forward(struct xk_device *dev, struct xk_step *step,
                       const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    const struct xk_cpu_op *op = find_op(step);

    omp_set_num_threads(cpu->n_threads);
    return needs_copies(cpu, op, step) ? run_with_copies(cpu, op, step, pass, false, err)
                                       : op->forward(cpu, step, pass, err);
}

static int cpu_backward(struct xk_device *dev, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    const struct xk_cpu_op *op = find_op(step);
    struct xk_step one = *step;

    omp_set_num_threads(cpu->n_threads);
    if (step->source) {
        xk_cpu_bn_apply(cpu, step->source, pass, step->x_again);
        one.x[0] = step->x_again;
    }
    return needs_copies(cpu, op, step) ? run_with_copies(cpu, op, &one, pass, true, err)
                                       : op->backward(cpu, &one, pass, err);
}

/* Run body for every thread's span r0..r1-1 of n elements, cut at multiples of 16. */
#define FOR_SPANS(cpu, n, body)                                                          \
    _Pragma("omp parallel num_threads((cpu)->n_threads)")                                \
    {                                                                                    \
        size_t r0, r1;                                                                   \
        xk_cpu_part(&r0, &r1, ((n) + 15) / 16, omp_get_thread_num(),                     \
                    omp_get_num_threads());                                              \
        r0 *= 16;                                                                        \
        r1 = r1 * 16 < (n) ? r1 * 16 : (n);                                              \
        if (r0 < r1)                                                                     \
            body;                                                                        \
    }

static void cpu_sum(struct xk_device *dev, enum xk_dtype t, void *dst, const void *a,
                    const void *b, size_t n)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    FOR_SPANS(
        cpu, n,
        cpu->simd[t]->add(xk_at(dst, t, r0), xk_at(a, t, r0), xk_at(b, t, r0), r1 - r0))
}

/* --- inputs ------------------------------------------------------------------------ */

static void cpu_input_u8(struct xk_device *dev, enum xk_dtype dtype, void *dst,
                         const uint8_t *src, size_t pixels, size_t src_channels,
                         size_t channels, const float *mean, const float *std)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    float table[3][256], *wide = dst;
    uint16_t short_table[3][256], *narrow = dst;

    for (size_t c = 0; c < channels; c++)
        for (int v = 0; v < 256; v++) {
            table[c][v] = xk_normalize((unsigned char)v, mean[c], std[c]);
            short_table[c][v] = xk_f32_to_bf16(table[c][v]);
        }
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            uint8_t v = src[src_channels == 1 ? p : p * channels + c];

            if (dtype == XK_BF16)
                narrow[p * channels + c] = short_table[c][v];
            else
                wide[p * channels + c] = table[c][v];
        }
}

static void cpu_input_f32(struct xk_device *dev, enum xk_dtype dtype, void *dst,
                          const float *src, size_t n, struct xk_shape s)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    size_t pixels = s.h * s.w;
    float *wide = dst;
    uint16_t *narrow = dst;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < s.c; c++) {
                float v = src[(i * s.c + c) * pixels + p];

                if (dtype == XK_BF16)
                    narrow[(i * pixels + p) * s.c + c] = xk_f32_to_bf16(v);
                else
                    wide[(i * pixels + p) * s.c + c] = v;
            }
}

/* --- optimiser --------------------------------------------------------------------- */

static double sum_squares(struct xk_cpu *cpu, const float *g, size_t n)
{
    double sum = 0;

    for (int t = 0; t < cpu->n_threads; t++)
        cpu->partial[t] = 0;
    FOR_SPANS(cpu, n,
              cpu->partial[omp_get_thread_num()] =
                  cpu->simd[XK_F32]->sum_squares(g + r0, r1 - r0))
    for (int t = 0; t < cpu->n_threads; t++)
        sum += cpu->partial[t];
    return sum;
}

static void cpu_sum_squares(struct xk_device *dev, double *sums,
                            const struct xk_span *spans, size_t n_spans)
{
    for (size_t i = 0; i < n_spans; i++)
        sums[i] = sum_squares((struct xk_cpu *)dev, spans[i].g, spans[i].n);
}

static void cpu_update(struct xk_device *dev, enum xk_optim_kind kind,
                       const struct xk_span *spans, size_t n_spans, float scale)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    for (size_t i = 0; i < n_spans; i++) {
        const struct xk_span *s = &spans[i];

        FOR_SPANS(cpu, s->n,
                  cpu->simd[XK_F32]->update[kind](s->p + r0, s->m ? s->m + r0 : NULL,
                                                  s->v ? s->v + r0 : NULL, s->g + r0,
                                                  r1 - r0, scale, &s->hyper))
    }
}

static void cpu_ema(struct xk_device *dev, const struct xk_span *spans, size_t n_spans,
                    float decay)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    for (size_t i = 0; i < n_spans; i++) {
        const struct xk_span *s = &spans[i];

        FOR_SPANS(cpu, s->n, cpu->simd[XK_F32]->ema(s->m + r0, s->p + r0, r1 - r0, decay))
    }
}

static void cpu_swap(struct xk_device *dev, float *a, float *b, size_t n)
{
    (void)dev;
    for (size_t i = 0; i < n; i++) {
        float t = a[i];

        a[i] = b[i];
        b[i] = t;
    }
}

static const char *cpu_describe(const struct xk_device *dev)
{
    (void)dev;
    return "the CPU";
}

const struct xk_backend xk_backend_cpu = {
    .name = "cpu",
    .loads_norms = true,
    .makes_again = true,
    .describe = cpu_describe,
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .upload = cpu_copy,
    .download = cpu_copy,
    .zero = cpu_zero,
    .prepare = cpu_prepare,
    .release = cpu_release,
    .forward = cpu_forward,
    .backward = cpu_backward,
    .sum = cpu_sum,
    .input_u8 = cpu_input_u8,
    .input_f32 = cpu_input_f32,
    .sum_squares = cpu_sum_squares,
    .update = cpu_update,
    .ema = cpu_ema,
    .swap = cpu_swap,
};
