/*
 * Depthwise convolutions of 3x3, 5x5 and 7x7 at strides 1 and 2, over channels that come
 * in whole packs of 16 bytes. A thread has a pack of channels and four outputs side by
 * side, which share what they read.
 */
#include "common.cuh"

/* Run the statement with T the type of activations and V the values of a pack. */
#define BY_PACK(dtype, ...)                                                              \
    do {                                                                                 \
        if ((dtype) == XK_BF16) {                                                        \
            using T = bf16;                                                              \
            constexpr int V = 8;                                                         \
            __VA_ARGS__;                                                                 \
        } else {                                                                         \
            using T = float;                                                             \
            constexpr int V = 4;                                                         \
            __VA_ARGS__;                                                                 \
        }                                                                                \
    } while (0)

enum {
    SIDE = 4 /* outputs of a thread */
};

/* --- forward; turned round, the gradient of the input at stride 1 ------------------- */

template <typename T, int V, int K, int S> struct depthwise_op {
    T *y;
    const T *x;
    const float *weights, *bias;
    enum xk_act act;
    struct xk_cu_window g;
    size_t packs, tiles; /* of a pixel; of a row of outputs */
    bool turned;
    __device__ void operator()(size_t i) const
    {
        size_t p = i % packs * V, ox = i / packs % tiles * SIDE;
        size_t oy = i / packs / tiles % g.oh, n = i / packs / tiles / g.oh;
        float sum[SIDE][V];

#pragma unroll
        for (int t = 0; t < SIDE; t++)
            fill(sum[t], 0);
#pragma unroll
        for (int ky = 0; ky < K; ky++) {
            size_t iy = oy * S + ky - g.pad_h; /* negative wraps to large */
            float w[K][V];

            if (iy >= g.h)
                continue;
#pragma unroll
            for (int kx = 0; kx < K; kx++) {
                int tap = ky * K + kx;

                load(w[kx], weights + (turned ? K * K - 1 - tap : tap) * g.c + p);
            }
#pragma unroll
            for (int j = 0; j < (SIDE - 1) * S + K; j++) {
                size_t ix = ox * S + j - g.pad_w;
                float v[V];

                if (ix >= g.w)
                    continue;
                load(v, x + ((n * g.h + iy) * g.w + ix) * g.c + p);
#pragma unroll
                for (int t = 0; t < SIDE; t++)
                    if (j - t * S >= 0 && j - t * S < K)
#pragma unroll
                        for (int k = 0; k < V; k++)
                            sum[t][k] += v[k] * w[j - t * S < 0   ? 0
                                                  : j - t * S < K ? j - t * S
                                                                  : 0][k];
            }
        }
#pragma unroll
        for (int t = 0; t < SIDE; t++) {
            float b[V];

            if (ox + t >= g.ow)
                continue;
            fill(b, 0);
            if (bias)
                load(b, bias + p);
#pragma unroll
            for (int k = 0; k < V; k++)
                sum[t][k] = xk_act_forward(act, sum[t][k] + b[k]);
            store(y + ((n * g.oh + oy) * g.ow + ox + t) * g.c + p, sum[t]);
        }
    }
};

template <typename T, int V, int K, int S>
static void depthwise(xk_stream s, void *y, const void *x, const float *weights,
                      const float *bias, enum xk_act act, const struct xk_cu_window &g,
                      bool turned)
{
    size_t packs = g.c / V, tiles = xk_parts(g.ow, SIDE);

    each(s,
         depthwise_op<T, V, K, S>{(T *)y, (const T *)x, weights, bias, act, g, packs,
                                  tiles, turned},
         g.n * g.oh * tiles * packs);
}

/* Run the statement with K and S constants. */
#define BY_KERNEL(kernel, stride, ...)                                                   \
    do {                                                                                 \
        if ((stride) == 1) {                                                             \
            constexpr int S = 1;                                                         \
            BY_SIDE(kernel, __VA_ARGS__);                                                \
        } else {                                                                         \
            constexpr int S = 2;                                                         \
            BY_SIDE(kernel, __VA_ARGS__);                                                \
        }                                                                                \
    } while (0)
#define BY_SIDE(kernel, ...)                                                             \
    do {                                                                                 \
        if ((kernel) == 3) {                                                             \
            constexpr int K = 3;                                                         \
            __VA_ARGS__;                                                                 \
        } else if ((kernel) == 5) {                                                      \
            constexpr int K = 5;                                                         \
            __VA_ARGS__;                                                                 \
        } else {                                                                         \
            constexpr int K = 7;                                                         \
            __VA_ARGS__;                                                                 \
        }                                                                                \
    } while (0)

void xk_cu_depthwise(xk_stream s, enum xk_dtype t, void *y, const void *x,
                     const float *weights, const float *bias, enum xk_act act,
                     const struct xk_cu_window *g)
{
    BY_PACK(t,
            BY_KERNEL(g->kernel, g->stride,
                      (depthwise<T, V, K, S>(s, y, x, weights, bias, act, *g, false))));
}

/* --- gradient of the input at stride 2 ---------------------------------------------- */

template <typename T, int V> struct depthwise_data_op {
    T *dx;
    const T *dy;
    const float *weights;
    struct xk_cu_window g;
    size_t packs;
    __device__ void operator()(size_t i) const
    {
        size_t p = i % packs * V, x = i / packs % g.w, y = i / packs / g.w % g.h,
               n = i / packs / g.w / g.h;
        float sum[V];

        fill(sum, 0);
        for (size_t ky = 0; ky < g.kernel; ky++) {
            size_t ty = y + g.pad_h - ky, oy = ty / g.stride; /* wraps to large */

            if (y + g.pad_h < ky || ty % g.stride || oy >= g.oh)
                continue;
            for (size_t kx = 0; kx < g.kernel; kx++) {
                size_t tx = x + g.pad_w - kx, ox = tx / g.stride;
                float d[V], w[V];

                if (x + g.pad_w < kx || tx % g.stride || ox >= g.ow)
                    continue;
                load(d, dy + ((n * g.oh + oy) * g.ow + ox) * g.c + p);
                load(w, weights + (ky * g.kernel + kx) * g.c + p);
#pragma unroll
                for (int k = 0; k < V; k++)
                    sum[k] += d[k] * w[k];
            }
        }
        store(dx + i * V, sum);
    }
};

void xk_cu_depthwise_data(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                          const float *weights, const struct xk_cu_window *g)
{
    if (g->stride == 1) { /* a convolution of dy with the weights turned round */
        struct xk_cu_window back = {g->n,  g->oh,     g->ow, g->c,
                                    g->h,  g->w,      g->kernel, 1,
                                    g->kernel - 1 - g->pad_h, g->kernel - 1 - g->pad_w};

        BY_PACK(t,
                BY_SIDE(g->kernel, (depthwise<T, V, K, 1>(s, dx, dy, weights, nullptr,
                                                          XK_ACT_NONE, back, true))));
        return;
    }
    BY_PACK(t,
            each(s,
                 depthwise_data_op<T, V>{(T *)dx, (const T *)dy, weights, *g, g->c / V},
                 g->n * g->h * g->w * (g->c / V)));
}

/* --- gradient of the weights -------------------------------------------------------- */

/* Values of a pack here: all taps of it are sums in registers. */
static size_t weights_pack(const struct xk_cu_window *g)
{
    return g->kernel < 7 ? 2 : 1;
}

static struct xk_columns weights_columns(const struct xk_cu_window *g)
{
    return xk_columns_of(g->n * g->oh, g->c / weights_pack(g));
}

size_t xk_cu_depthwise_floats(const struct xk_cu_window *g)
{
    return weights_columns(g).chunks * g->kernel * g->kernel * g->c;
}

/* A thread walks along rows of outputs with the window of inputs in registers. partial
 * [chunk][tap][c] */
template <typename T, int V, int K, int S>
__global__ void depthwise_weights_kernel(float *partial, const T *x, const T *dy,
                                         struct xk_cu_window g, size_t per_chunk)
{
    __shared__ float room[XK_THREADS][V];
    size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * V, rows = g.n * g.oh;
    size_t r0 = blockIdx.y * per_chunk, r1 = r0 + per_chunk < rows ? r0 + per_chunk : rows;
    float sum[K * K][V];

#pragma unroll
    for (int tap = 0; tap < K * K; tap++)
        fill(sum[tap], 0);
    for (size_t r = r0 + threadIdx.y; i < g.c && r < r1; r += blockDim.y) {
        size_t n = r / g.oh, oy = r % g.oh;
        float v[K][K][V];

#pragma unroll
        for (int ky = 0; ky < K; ky++)
#pragma unroll
            for (int kx = 0; kx < K; kx++) {
                size_t iy = oy * S + ky - g.pad_h, ix = kx - g.pad_w;

                fill(v[ky][kx], 0);
                if (iy < g.h && ix < g.w)
                    load(v[ky][kx], x + ((n * g.h + iy) * g.w + ix) * g.c + i);
            }
        for (size_t ox = 0; ox < g.ow; ox++) {
            float d[V];

            load(d, dy + (r * g.ow + ox) * g.c + i);
#pragma unroll
            for (int ky = 0; ky < K; ky++) {
                size_t iy = oy * S + ky - g.pad_h;

#pragma unroll
                for (int kx = 0; kx < K; kx++)
#pragma unroll
                    for (int k = 0; k < V; k++)
                        sum[ky * K + kx][k] += d[k] * v[ky][kx][k];
                /* on to the next output */
#pragma unroll
                for (int kx = 0; kx < K; kx++) {
                    size_t ix = (ox + 1) * S + kx - g.pad_w;

                    if (kx + S < K) {
#pragma unroll
                        for (int k = 0; k < V; k++)
                            v[ky][kx][k] = v[ky][kx + S < K ? kx + S : kx][k];
                        continue;
                    }
                    fill(v[ky][kx], 0);
                    if (iy < g.h && ix < g.w)
                        load(v[ky][kx], x + ((n * g.h + iy) * g.w + ix) * g.c + i);
                }
            }
        }
    }
#pragma unroll
    for (int tap = 0; tap < K * K; tap++) {
        join_rows<float, V>(sum[tap], room);
        if (threadIdx.y == 0 && i < g.c)
#pragma unroll
            for (int k = 0; k < V; k++)
                partial[(blockIdx.y * K * K + tap) * g.c + i + k] = sum[tap][k];
    }
}

struct add_taps {
    float *dw;
    size_t c, taps;
    __device__ void operator()(size_t i, const double (&total)[1]) const
    {
        dw[i % c * taps + i / c] += (float)total[0];
    }
};

template <typename T, int V, int K, int S>
static void depthwise_weights(xk_stream s, float *dw, const void *x, const void *dy,
                              const struct xk_cu_window &g, float *scratch)
{
    struct xk_columns col = weights_columns(&g);
    struct xk_grid last = xk_grid_images(1, K * K * g.c);

    XK_LAUNCH_SYNC((depthwise_weights_kernel<T, V, K, S>), col.grid, s, scratch,
                   (const T *)x, (const T *)dy, g, col.per_chunk);
    XK_LAUNCH_SYNC((finish_kernel<1, add_taps>), last, s,
                   (add_taps{dw, g.c, (size_t)K * K}), (const float *)scratch, col.chunks,
                   K * K * g.c);
}

void xk_cu_depthwise_weights(xk_stream s, enum xk_dtype t, float *dw, const void *x,
                             const void *dy, const struct xk_cu_window *g, float *scratch)
{
    BY_VALUE(t, BY_KERNEL(g->kernel, g->stride,
                          (depthwise_weights<T, K == 7 ? 1 : 2, K, S>(s, dw, x, dy, *g,
                                                                      scratch))));
}
