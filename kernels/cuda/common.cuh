/*
 * What all kernels share: types of activations, packs of 16 bytes, launches.
 *
 * Kernels use threads, blocks, shared memory and __syncthreads alone, so that
 * tests/emulated can run them on the host, thread by thread.
 */
#ifndef XK_CUDA_COMMON_CUH
#define XK_CUDA_COMMON_CUH

#ifdef XK_EMULATED
#include "emulated.h"
#else
#include <cuda_runtime.h>
#define XK_LAUNCH(kernel, grid, stream, ...)                                             \
    do {                                                                                 \
        auto kernel_ = kernel;                                                           \
        kernel_<<<dim3((grid).x, (grid).y), dim3((grid).tx, (grid).ty), 0, stream>>>(    \
            __VA_ARGS__);                                                                \
    } while (0)
#define XK_LAUNCH_SYNC XK_LAUNCH /* for kernels that wait for each other's threads */
#endif

#include "geometry.h"
#include "launch.h"

struct bf16 {
    uint16_t bits;
};

__device__ __forceinline__ float widen(float v)
{
    return v;
}

__device__ __forceinline__ float widen(bf16 v)
{
    return xk_bf16_to_f32(v.bits);
}

__device__ __forceinline__ void narrow(float &to, float v)
{
    to = v;
}

__device__ __forceinline__ void narrow(bf16 &to, float v)
{
    to.bits = xk_f32_to_bf16(v);
}

/* V values that lie side by side, read and written at once. */
template <typename T, int V> struct alignas(sizeof(T) * V) pack {
    T v[V];
};

template <typename T, int V>
__device__ __forceinline__ void load(float (&to)[V], const T *from)
{
    pack<T, V> p = *reinterpret_cast<const pack<T, V> *>(from);

#pragma unroll
    for (int i = 0; i < V; i++)
        to[i] = widen(p.v[i]);
}

template <typename T, int V>
__device__ __forceinline__ void store(T *to, const float (&from)[V])
{
    pack<T, V> p;

#pragma unroll
    for (int i = 0; i < V; i++)
        narrow(p.v[i], from[i]);
    *reinterpret_cast<pack<T, V> *>(to) = p;
}

template <int V> __device__ __forceinline__ void fill(float (&to)[V], float v)
{
#pragma unroll
    for (int i = 0; i < V; i++)
        to[i] = v;
}

/* f(i) for i from 0 to n-1, in any order. */
template <typename F> __global__ void each_kernel(F f, size_t n)
{
    size_t step = (size_t)gridDim.x * blockDim.x;

    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
        f(i);
}

template <typename F> static void each(xk_stream s, const F &f, size_t n)
{
    struct xk_grid grid = xk_grid_flat(n);

    if (n)
        XK_LAUNCH((each_kernel<F>), grid, s, f, n);
}

/* Run the statement with T the type of activations and V the values of a pack that divide
 * n evenly: 16 bytes, or one value. */
#define BY_TYPE(dtype, n, ...)                                                           \
    do {                                                                                 \
        if ((dtype) == XK_BF16 && (n) % 8 == 0) {                                        \
            using T = bf16;                                                              \
            constexpr int V = 8;                                                         \
            __VA_ARGS__;                                                                 \
        } else if ((dtype) == XK_BF16) {                                                 \
            using T = bf16;                                                              \
            constexpr int V = 1;                                                         \
            __VA_ARGS__;                                                                 \
        } else if ((n) % 4 == 0) {                                                       \
            using T = float;                                                             \
            constexpr int V = 4;                                                         \
            __VA_ARGS__;                                                                 \
        } else {                                                                         \
            using T = float;                                                             \
            constexpr int V = 1;                                                         \
            __VA_ARGS__;                                                                 \
        }                                                                                \
    } while (0)

/* The same, one value at a time. */
#define BY_VALUE(dtype, ...)                                                             \
    do {                                                                                 \
        if ((dtype) == XK_BF16) {                                                        \
            using T = bf16;                                                              \
            __VA_ARGS__;                                                                 \
        } else {                                                                         \
            using T = float;                                                             \
            __VA_ARGS__;                                                                 \
        }                                                                                \
    } while (0)

/*
 * The sum of v over the threads of a block that have the same threadIdx.x, in their
 * order, for the one with threadIdx.y = 0. All threads of the block must come here.
 */
template <typename S, int V>
__device__ __forceinline__ void join_rows(S (&v)[V], S (*room)[V])
{
    unsigned me = threadIdx.y * blockDim.x + threadIdx.x;

    __syncthreads();
#pragma unroll
    for (int i = 0; i < V; i++)
        room[me][i] = v[i];
    __syncthreads();
    if (threadIdx.y == 0)
        for (unsigned y = 1; y < blockDim.y; y++)
#pragma unroll
            for (int i = 0; i < V; i++)
                v[i] += room[y * blockDim.x + threadIdx.x][i];
}

/*
 * Sums over rows. F has a type `local`, begin(local &, i): constants of V channels from
 * i; row(local &, float (&sum)[N][V], r, i): adds what row r gives. partial [chunk][N][c].
 */
template <int N, int V, typename F>
__global__ void columns_kernel(float *partial, F f, size_t rows, size_t c,
                               size_t per_chunk)
{
    __shared__ float room[XK_THREADS][V];
    size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * V;
    size_t r0 = blockIdx.y * per_chunk, r1 = r0 + per_chunk < rows ? r0 + per_chunk : rows;
    float sum[N][V];

#pragma unroll
    for (int k = 0; k < N; k++)
        fill(sum[k], 0);
    if (i < c) {
        typename F::local l;

        f.begin(l, i);
        for (size_t r = r0 + threadIdx.y; r < r1; r += blockDim.y)
            f.row(l, sum, r, i);
    }
#pragma unroll
    for (int k = 0; k < N; k++) {
        join_rows<float, V>(sum[k], room);
        if (threadIdx.y == 0 && i < c)
#pragma unroll
            for (int j = 0; j < V; j++)
                partial[(blockIdx.y * N + k) * c + i + j] = sum[k][j];
    }
}

/* f(i, total[N]) for every channel, from the partial sums of all chunks. */
template <int N, typename F>
__global__ void finish_kernel(F f, const float *partial, size_t chunks, size_t c)
{
    __shared__ double room[XK_THREADS][N];
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    double total[N];

#pragma unroll
    for (int k = 0; k < N; k++)
        total[k] = 0;
    if (i < c)
        for (size_t q = threadIdx.y; q < chunks; q += blockDim.y)
#pragma unroll
            for (int k = 0; k < N; k++)
                total[k] += (double)partial[(q * N + k) * c + i];
    join_rows<double, N>(total, room);
    if (threadIdx.y == 0 && i < c)
        f(i, total);
}

/* Both: the sums of `add` over all rows, for `then`. */
template <int N, int V, typename F, typename G>
static void columns(xk_stream s, const F &add, const G &then, size_t rows, size_t c,
                    float *scratch)
{
    struct xk_columns col = xk_columns_of(rows, xk_parts(c, V));
    struct xk_grid last = xk_grid_images(1, c);

    XK_LAUNCH_SYNC((columns_kernel<N, V, F>), col.grid, s, scratch, add, rows, c,
                   col.per_chunk);
    XK_LAUNCH_SYNC((finish_kernel<N, G>), last, s, then, (const float *)scratch,
                   col.chunks, c);
}

#endif
