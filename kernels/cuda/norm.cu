/*
 * Layer norm over the channels of each pixel: 32 threads a row.
 */
#include "common.cuh"

/* The sum of v over the 32 threads of a row, for all of them. All threads come here. */
__device__ static inline float row_sum(float v, float (*room)[32])
{
    float sum = 0;

    __syncthreads();
    room[threadIdx.y][threadIdx.x] = v;
    __syncthreads();
    for (int i = 0; i < 32; i++)
        sum += room[threadIdx.y][i];
    return sum;
}

template <typename T>
__global__ void layernorm_kernel(T *y, float *mean, float *rstd, const T *x,
                                 const float *gamma, const float *beta, float eps,
                                 size_t rows, size_t c)
{
    __shared__ float room[XK_THREADS / 32][32];

    /* all threads of a block go round equally often */
    for (size_t r0 = (size_t)blockIdx.x * blockDim.y; r0 < rows;
         r0 += (size_t)gridDim.x * blockDim.y) {
        size_t r = r0 + threadIdx.y, n = r < rows ? c : 0;
        const T *p = x + (r < rows ? r : 0) * c;
        float sum = 0, m, k;

        for (size_t i = threadIdx.x; i < n; i += 32)
            sum += widen(p[i]);
        m = row_sum(sum, room) / (float)c;
        sum = 0;
        for (size_t i = threadIdx.x; i < n; i += 32)
            sum += (widen(p[i]) - m) * (widen(p[i]) - m);
        k = 1.0f / sqrtf(row_sum(sum, room) / (float)c + eps);
        if (n && threadIdx.x == 0) {
            mean[r] = m;
            rstd[r] = k;
        }
        for (size_t i = threadIdx.x; i < n; i += 32)
            narrow(y[r * c + i], (widen(p[i]) - m) * k * gamma[i] + beta[i]);
    }
}

void xk_cu_layernorm(xk_stream s, enum xk_dtype t, void *y, float *mean, float *rstd,
                     const void *x, const float *gamma, const float *beta, float eps,
                     size_t rows, size_t c)
{
    struct xk_grid grid = xk_grid_rows(rows);

    BY_VALUE(t, XK_LAUNCH_SYNC((layernorm_kernel<T>), grid, s, (T *)y, mean, rstd,
                               (const T *)x, gamma, beta, eps, rows, c));
}

/* With n = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean of g - n * mean of
 * g * n). */
template <typename T>
__global__ void layernorm_grad_kernel(T *dx, const T *dy, const T *x, const float *mean,
                                      const float *rstd, const float *gamma, size_t rows,
                                      size_t c)
{
    __shared__ float room[XK_THREADS / 32][32];

    for (size_t r0 = (size_t)blockIdx.x * blockDim.y; r0 < rows;
         r0 += (size_t)gridDim.x * blockDim.y) {
        size_t r = r0 + threadIdx.y, n = r < rows ? c : 0, at = (r < rows ? r : 0) * c;
        float m = mean[r < rows ? r : 0], k = rstd[r < rows ? r : 0], sum = 0, dot = 0;

        for (size_t i = threadIdx.x; i < n; i += 32) {
            float g = widen(dy[at + i]) * gamma[i];

            sum += g;
            dot += g * ((widen(x[at + i]) - m) * k);
        }
        sum = row_sum(sum, room) / (float)c;
        dot = row_sum(dot, room) / (float)c;
        for (size_t i = threadIdx.x; i < n; i += 32) {
            float g = widen(dy[at + i]) * gamma[i];

            narrow(dx[at + i], k * (g - sum - (widen(x[at + i]) - m) * k * dot));
        }
    }
}

/* Gradients of gamma and beta. */
template <typename T, int V> struct layernorm_sums {
    struct local {
    };
    const T *dy, *x;
    const float *mean, *rstd;
    size_t c;
    __device__ void begin(local &, size_t) const
    {
    }
    __device__ void row(local &, float (&sum)[2][V], size_t r, size_t i) const
    {
        float d[V], v[V], m = mean[r], k = rstd[r];

        load(d, dy + r * c + i);
        load(v, x + r * c + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            sum[0][j] += d[j] * ((v[j] - m) * k);
            sum[1][j] += d[j];
        }
    }
};

struct add_two {
    float *dgamma, *dbeta;
    __device__ void operator()(size_t i, const double (&total)[2]) const
    {
        dgamma[i] += (float)total[0];
        dbeta[i] += (float)total[1];
    }
};

void xk_cu_layernorm_grad(xk_stream s, enum xk_dtype t, void *dx, float *dgamma,
                          float *dbeta, const void *dy, const void *x, const float *mean,
                          const float *rstd, const float *gamma, size_t rows, size_t c,
                          float *scratch)
{
    struct xk_grid grid = xk_grid_rows(rows);

    /* the sums first: dx may be dy */
    if (dgamma)
        BY_TYPE(t, c,
                (columns<2, V>(
                    s, layernorm_sums<T, V>{(const T *)dy, (const T *)x, mean, rstd, c},
                    add_two{dgamma, dbeta}, rows, c, scratch)));
    if (dx)
        BY_VALUE(t, XK_LAUNCH_SYNC((layernorm_grad_kernel<T>), grid, s, (T *)dx,
                                   (const T *)dy, (const T *)x, mean, rstd, gamma, rows,
                                   c));
}
