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

int xk_cpu_scratch(struct xk_cpu *cpu, size_t floats, struct xr_err *err)
{
    if (floats <= cpu->scratch_floats)
        return 0;
    free(cpu->scratch);
    cpu->scratch_floats = 0;
    cpu->scratch = xr_alloc_array(floats, sizeof *cpu->scratch, err);
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
    free(cpu->scratch);
    free(cpu->partial);
    free(cpu);
}

static int cpu_open(struct xk_device **dev, int index, int n_threads, struct xr_err *err)
{
    struct xk_cpu *cpu = xr_alloc_array(1, sizeof *cpu, err);

    (void)index;
    *dev = NULL;
    if (!cpu)
        return -1;
    cpu->base.backend = &xk_backend_cpu;
    cpu->simd = xk_simd_find();
    cpu->n_threads = n_threads > 0 ? n_threads : affinity_cpus();
    omp_set_num_threads(cpu->n_threads);
    if (xk_dnn_open(&cpu->dnn, err) || xk_cpu_scratch(cpu, 1024, err) ||
        xk_cpu_partial(cpu, 1024, err)) {
        cpu_close(&cpu->base);
        return -1;
    }
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
        if (node->kernel == 1 && node->stride == 1 && step->in.h == 1 &&
            step->in.w == 1 && node->groups == 1 && node->n_inputs == 1 &&
            node->param[XK_GAMMA] < 0)
            return &xk_cpu_linear;
        return &xk_cpu_conv;
    case XK_OP_BN:
        return &xk_cpu_bn;
    case XK_OP_ACT:
        return &xk_cpu_act;
    case XK_OP_ADD:
        return &xk_cpu_add;
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
        return &xk_cpu_linear;
    default:
        return NULL;
    }
}

static int cpu_prepare(struct xk_device *dev, struct xk_step *step, struct xr_err *err)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    const struct xk_cpu_op *op = find_op(step);

    omp_set_num_threads(cpu->n_threads);
    if (!op)
        return xr_fail(err, "the CPU has no operation '%s'", xk_op_name(step->node->op));
    return op->prepare ? op->prepare(cpu, step, err) : 0;
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

    omp_set_num_threads(cpu->n_threads);
    return find_op(step)->forward(cpu, step, pass, err);
}

static int cpu_backward(struct xk_device *dev, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    omp_set_num_threads(cpu->n_threads);
    return find_op(step)->backward(cpu, step, pass, err);
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

static void cpu_sum(struct xk_device *dev, float *dst, const float *a, const float *b,
                    size_t n)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    FOR_SPANS(cpu, n, cpu->simd->add(dst + r0, a + r0, b + r0, r1 - r0))
}

/* --- inputs ------------------------------------------------------------------------ */

static void cpu_input_u8(struct xk_device *dev, float *dst, const uint8_t *src,
                         size_t pixels, size_t src_channels, size_t channels,
                         const float *mean, const float *std)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    float table[3][256];

    for (size_t c = 0; c < channels; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = xk_normalize((unsigned char)v, mean[c], std[c]);
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            dst[p * channels + c] =
                table[c][src[src_channels == 1 ? p : p * channels + c]];
}

static void cpu_input_f32(struct xk_device *dev, float *dst, const float *src, size_t n,
                          struct xk_shape s)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    size_t pixels = s.h * s.w;

#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < s.c; c++)
                dst[(i * pixels + p) * s.c + c] = src[(i * s.c + c) * pixels + p];
}

/* --- optimiser --------------------------------------------------------------------- */

static double cpu_sum_squares(struct xk_device *dev, const float *g, size_t n)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;
    double sum = 0;

    for (int t = 0; t < cpu->n_threads; t++)
        cpu->partial[t] = 0;
    FOR_SPANS(cpu, n,
              cpu->partial[omp_get_thread_num()] =
                  cpu->simd->sum_squares(g + r0, r1 - r0))
    for (int t = 0; t < cpu->n_threads; t++)
        sum += cpu->partial[t];
    return sum;
}

static void cpu_sgd(struct xk_device *dev, float *p, float *b, const float *g, size_t n,
                    float scale, struct xk_sgd o)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    FOR_SPANS(cpu, n,
              cpu->simd->sgd(p + r0, b ? b + r0 : NULL, g + r0, r1 - r0, scale, o))
}

static void cpu_adamw(struct xk_device *dev, float *p, float *m, float *v, const float *g,
                      size_t n, float scale, struct xk_adamw o)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    FOR_SPANS(cpu, n, cpu->simd->adamw(p + r0, m + r0, v + r0, g + r0, r1 - r0, scale, o))
}

static void cpu_ema(struct xk_device *dev, float *e, const float *p, size_t n,
                    float decay)
{
    struct xk_cpu *cpu = (struct xk_cpu *)dev;

    FOR_SPANS(cpu, n, cpu->simd->ema(e + r0, p + r0, r1 - r0, decay))
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

const struct xk_backend xk_backend_cpu = {
    .name = "cpu",
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
    .sgd = cpu_sgd,
    .adamw = cpu_adamw,
    .ema = cpu_ema,
    .swap = cpu_swap,
};
