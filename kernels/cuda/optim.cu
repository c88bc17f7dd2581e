/*
 * Optimisers over all tensors at once: a block has a chunk of one of them.
 */
#include "common.cuh"

__global__ void squares_kernel(double *partial, const struct xk_span *spans,
                               const struct xk_cu_chunk *chunks)
{
    __shared__ double room[XK_THREADS][1];
    const struct xk_cu_chunk chunk = chunks[blockIdx.x];
    const float *g = spans[chunk.span].g;
    double sum[1] = {0};
    /* one column of threads, so that join_rows adds all of them */
    for (size_t i = chunk.begin + threadIdx.y; i < chunk.end; i += blockDim.y)
        sum[0] += (double)g[i] * (double)g[i];
    join_rows<double, 1>(sum, room);
    if (threadIdx.y == 0)
        partial[blockIdx.x] = sum[0];
}

struct join_chunks {
    double *sums;
    const double *partial;
    const struct xk_cu_chunk *chunks;
    size_t n_chunks;
    __device__ void operator()(size_t i) const /* a chunk: the first of a span adds all */
    {
        double sum = 0;

        if (chunks[i].first != i)
            return;
        for (size_t k = i; k < n_chunks && chunks[k].first == i; k++)
            sum += partial[k];
        sums[chunks[i].span] = sum;
    }
};

void xk_cu_sum_squares(xk_stream s, double *sums, const struct xk_span *spans,
                       const struct xk_cu_chunk *chunks, size_t n_chunks, size_t n_spans,
                       double *scratch)
{
    struct xk_grid grid = {(unsigned)n_chunks, 1, 1, XK_THREADS};

    (void)n_spans;
    XK_LAUNCH_SYNC((squares_kernel), grid, s, scratch, spans, chunks);
    each(s, join_chunks{sums, scratch, chunks, n_chunks}, n_chunks);
}

__device__ static inline void update_one(enum xk_optim_kind kind,
                                         const struct xk_span *s, size_t i, float scale)
{
    float g = s->g[i] * scale, none = 0, *m = s->m ? s->m + i : &none;

    switch (kind) {
    case XK_ADAMW:
        xk_adamw_update(s->p + i, m, s->v + i, g, &s->hyper);
        break;
    case XK_LAMB: /* the direction stays where the gradient was */
        s->g[i] = xk_lamb_direction(s->p[i], m, s->v + i, g, &s->hyper);
        break;
    case XK_LION:
        xk_lion_update(s->p + i, m, g, &s->hyper);
        break;
    default:
        xk_sgd_update(s->p + i, m, g, &s->hyper);
    }
}

__global__ void update_kernel(enum xk_optim_kind kind, const struct xk_span *spans,
                              const struct xk_cu_chunk *chunks, float scale)
{
    const struct xk_cu_chunk chunk = chunks[blockIdx.x];
    const struct xk_span span = spans[chunk.span];

    for (size_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x)
        update_one(kind, &span, i, scale);
}

void xk_cu_update(xk_stream s, enum xk_optim_kind kind, const struct xk_span *spans,
                  const struct xk_cu_chunk *chunks, size_t n_chunks, float scale)
{
    struct xk_grid grid = {(unsigned)n_chunks, 1, XK_THREADS, 1};

    XK_LAUNCH((update_kernel), grid, s, kind, spans, chunks, scale);
}

__global__ void ema_kernel(const struct xk_span *spans, const struct xk_cu_chunk *chunks,
                           float decay)
{
    const struct xk_cu_chunk chunk = chunks[blockIdx.x];
    const struct xk_span span = spans[chunk.span];

    for (size_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x)
        span.m[i] = xk_ema(span.m[i], span.p[i], decay);
}

void xk_cu_ema(xk_stream s, const struct xk_span *spans, const struct xk_cu_chunk *chunks,
               size_t n_chunks, float decay)
{
    struct xk_grid grid = {(unsigned)n_chunks, 1, XK_THREADS, 1};

    XK_LAUNCH((ema_kernel), grid, s, spans, chunks, decay);
}

struct swap_op {
    float *a, *b;
    __device__ void operator()(size_t i) const
    {
        float t = a[i];

        a[i] = b[i];
        b[i] = t;
    }
};

void xk_cu_swap(xk_stream s, float *a, float *b, size_t n)
{
    each(s, swap_op{a, b}, n);
}
