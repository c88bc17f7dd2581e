/*
 * Sums over rows: gradients of biases and layer scales, means and products over images.
 */
#include "common.cuh"

/* --- over all rows ----------------------------------------------------------------- */

template <typename T, int V> struct sum_rows {
    struct local {
    };
    const T *x;
    size_t c;
    __device__ void begin(local &, size_t) const
    {
    }
    __device__ void row(local &, float (&sum)[1][V], size_t r, size_t i) const
    {
        float v[V];

        load(v, x + r * c + i);
#pragma unroll
        for (int k = 0; k < V; k++)
            sum[0][k] += v[k];
    }
};

template <typename T, int V> struct dot_rows {
    struct local {
    };
    const T *x, *dy;
    size_t c;
    __device__ void begin(local &, size_t) const
    {
    }
    __device__ void row(local &, float (&sum)[1][V], size_t r, size_t i) const
    {
        float v[V], d[V];

        load(v, x + r * c + i);
        load(d, dy + r * c + i);
#pragma unroll
        for (int k = 0; k < V; k++)
            sum[0][k] += v[k] * d[k];
    }
};

struct add_total {
    float *to;
    __device__ void operator()(size_t i, const double (&total)[1]) const
    {
        to[i] += (float)total[0];
    }
};

void xk_cu_sum_columns(xk_stream s, enum xk_dtype t, float *to, const void *x,
                       size_t rows, size_t c, float *scratch)
{
    BY_TYPE(t, c,
            (columns<1, V>(s, sum_rows<T, V>{(const T *)x, c}, add_total{to}, rows, c,
                           scratch)));
}

void xk_cu_dot_columns(xk_stream s, enum xk_dtype t, float *to, const void *x,
                       const void *dy, size_t rows, size_t c, float *scratch)
{
    BY_TYPE(t, c,
            (columns<1, V>(s, dot_rows<T, V>{(const T *)x, (const T *)dy, c},
                           add_total{to}, rows, c, scratch)));
}

/* --- over the pixels of each image ------------------------------------------------- */

/* then(image, channel, sum) for all channels of all images. */
template <int V, typename F, typename G>
__global__ void images_kernel(F f, G then, size_t images, size_t pixels, size_t c)
{
    __shared__ float room[XK_THREADS][V];
    size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * V;

    for (size_t n = blockIdx.y; n < images; n += gridDim.y) {
        float sum[1][V];

        fill(sum[0], 0);
        if (i < c) {
            typename F::local l;

            f.begin(l, i);
            for (size_t p = threadIdx.y; p < pixels; p += blockDim.y)
                f.row(l, sum, n * pixels + p, i);
        }
        join_rows<float, V>(sum[0], room);
        if (threadIdx.y == 0 && i < c)
#pragma unroll
            for (int k = 0; k < V; k++)
                then(n, i + k, sum[0][k]);
    }
}

struct put_mean {
    float *y;
    size_t c;
    float pixels;
    __device__ void operator()(size_t n, size_t i, float sum) const
    {
        y[n * c + i] = sum / pixels;
    }
};

struct put_gate_grad {
    float *ds;
    const float *gate;
    size_t c;
    enum xk_act act;
    __device__ void operator()(size_t n, size_t i, float sum) const
    {
        ds[n * c + i] = sum * xk_act_slope(act, gate[n * c + i]);
    }
};

template <int V, typename F, typename G>
static void per_image(xk_stream s, const F &f, const G &then, size_t images,
                      size_t pixels, size_t c)
{
    struct xk_grid grid = xk_grid_images(images, c / V);

    XK_LAUNCH_SYNC((images_kernel<V, F, G>), grid, s, f, then, images, pixels, c);
}

void xk_cu_mean_images(xk_stream s, enum xk_dtype t, float *y, const void *x,
                       size_t images, size_t pixels, size_t c)
{
    BY_TYPE(t, c,
            (per_image<V>(s, sum_rows<T, V>{(const T *)x, c},
                          put_mean{y, c, (float)pixels}, images, pixels, c)));
}

void xk_cu_gate_grad(xk_stream s, enum xk_dtype t, float *ds, const void *x,
                     const void *dy, const float *gate, size_t images, size_t pixels,
                     size_t c, enum xk_act act)
{
    BY_TYPE(t, c,
            (per_image<V>(s, dot_rows<T, V>{(const T *)x, (const T *)dy, c},
                          put_gate_grad{ds, gate, c, act}, images, pixels, c)));
}
