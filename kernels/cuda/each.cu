/*
 * Kernels that make one value from one value, or move it.
 */
#include "common.cuh"

template <typename T, int V> struct act_op {
    T *y;
    const T *x;
    enum xk_act act;
    __device__ void operator()(size_t i) const
    {
        float v[V];

        load(v, x + i * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] = xk_act_forward(act, v[k]);
        store(y + i * V, v);
    }
};

void xk_cu_act(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t n,
               enum xk_act act)
{
    BY_TYPE(t, n, each(s, act_op<T, V>{(T *)y, (const T *)x, act}, n / V));
}

template <typename T, int V> struct act_grad_op {
    T *dx;
    const T *dy, *x;
    enum xk_act act;
    __device__ void operator()(size_t i) const
    {
        float v[V], d[V];

        load(v, x + i * V);
        load(d, dy + i * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            d[k] *= xk_act_slope(act, v[k]);
        store(dx + i * V, d);
    }
};

void xk_cu_act_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy, const void *x,
                    size_t n, enum xk_act act)
{
    BY_TYPE(t, n,
            each(s, act_grad_op<T, V>{(T *)dx, (const T *)dy, (const T *)x, act}, n / V));
}

template <typename T, int V> struct add_op {
    T *y;
    const T *a, *b;
    __device__ void operator()(size_t i) const
    {
        float v[V], w[V];

        load(v, a + i * V);
        load(w, b + i * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] += w[k];
        store(y + i * V, v);
    }
};

void xk_cu_add(xk_stream s, enum xk_dtype t, void *y, const void *a, const void *b,
               size_t n)
{
    BY_TYPE(t, n, each(s, add_op<T, V>{(T *)y, (const T *)a, (const T *)b}, n / V));
}

/* i counts packs; c is a multiple of V, so that a pack lies in one row. */
template <typename T, int V> struct bias_act_op {
    T *y;
    const T *x, *shortcut;
    const float *bias;
    size_t packs; /* of a row */
    enum xk_act act;
    __device__ void operator()(size_t i) const
    {
        float v[V], w[V];

        load(v, x + i * V);
        if (bias) {
            load(w, bias + i % packs * V);
#pragma unroll
            for (int k = 0; k < V; k++)
                v[k] += w[k];
        }
        if (shortcut) {
            load(w, shortcut + i * V);
#pragma unroll
            for (int k = 0; k < V; k++)
                v[k] += w[k];
        }
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] = xk_act_forward(act, v[k]);
        store(y + i * V, v);
    }
};

void xk_cu_bias_act(xk_stream s, enum xk_dtype t, void *y, const void *x,
                    const float *bias, const void *shortcut, size_t rows, size_t c,
                    enum xk_act act)
{
    BY_TYPE(t, c,
            each(s,
                 bias_act_op<T, V>{(T *)y, (const T *)x, (const T *)shortcut, bias, c / V,
                                   act},
                 rows * c / V));
}

template <typename T, int V> struct scale_op {
    T *y;
    const T *x;
    const float *gamma;
    size_t packs;
    __device__ void operator()(size_t i) const
    {
        float v[V], w[V];

        load(v, x + i * V);
        load(w, gamma + i % packs * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] *= w[k];
        store(y + i * V, v);
    }
};

void xk_cu_scale(xk_stream s, enum xk_dtype t, void *y, const void *x, const float *gamma,
                 size_t rows, size_t c)
{
    BY_TYPE(t, c,
            each(s, scale_op<T, V>{(T *)y, (const T *)x, gamma, c / V}, rows * c / V));
}

template <typename T, int V> struct gate_op {
    T *y;
    const T *x;
    const float *gate;
    size_t packs, per_image; /* packs of a pixel, of an image */
    enum xk_act act;
    __device__ void operator()(size_t i) const
    {
        float v[V], w[V];

        load(v, x + i * V);
        load(w, gate + (i / per_image * packs + i % packs) * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] *= xk_act_forward(act, w[k]);
        store(y + i * V, v);
    }
};

void xk_cu_gate(xk_stream s, enum xk_dtype t, void *y, const void *x, const float *gate,
                size_t images, size_t pixels, size_t c, enum xk_act act)
{
    BY_TYPE(t, c,
            each(s,
                 gate_op<T, V>{(T *)y, (const T *)x, gate, c / V, pixels * c / V, act},
                 images * pixels * c / V));
}

template <typename T, int V> struct spread_op {
    T *dx;
    const float *dy;
    size_t packs, per_image;
    float pixels;
    __device__ void operator()(size_t i) const
    {
        float v[V];

        load(v, dy + (i / per_image * packs + i % packs) * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] /= pixels;
        store(dx + i * V, v);
    }
};

void xk_cu_spread(xk_stream s, enum xk_dtype t, void *dx, const float *dy, size_t images,
                  size_t pixels, size_t c)
{
    BY_TYPE(t, c,
            each(s, spread_op<T, V>{(T *)dx, dy, c / V, pixels * c / V, (float)pixels},
                 images * pixels * c / V));
}

template <typename T> struct factor_op {
    T *y;
    const T *x;
    const float *factor;
    size_t per;
    __device__ void operator()(size_t i) const
    {
        narrow(y[i], widen(x[i]) * factor[i / per]);
    }
};

void xk_cu_factor(xk_stream s, enum xk_dtype t, void *y, const void *x,
                  const float *factor, size_t n, size_t per)
{
    BY_VALUE(t, each(s, factor_op<T>{(T *)y, (const T *)x, factor, per}, n));
}

struct drop_op {
    float *factor;
    const struct xr_rng *rng;
    float rate;
    __device__ void operator()(size_t i) const
    {
        factor[i] = xk_drop_factor(xr_rng_uniform_at(rng, i), rate);
    }
};

struct ones_op {
    float *factor;
    __device__ void operator()(size_t i) const
    {
        factor[i] = 1.0f;
    }
};

void xk_cu_drop(xk_stream s, float *factor, const struct xr_rng *rng, float rate,
                size_t n)
{
    if (rng)
        each(s, drop_op{factor, rng, rate}, n);
    else
        each(s, ones_op{factor}, n);
}

template <typename T, typename U> struct convert_op {
    T *y;
    const U *x;
    __device__ void operator()(size_t i) const
    {
        narrow(y[i], widen(x[i]));
    }
};

void xk_cu_convert(xk_stream s, enum xk_dtype to, void *y, enum xk_dtype from,
                   const void *x, size_t n)
{
    if (from == XK_BF16)
        BY_VALUE(to, each(s, convert_op<T, bf16>{(T *)y, (const bf16 *)x}, n));
    else
        BY_VALUE(to, each(s, convert_op<T, float>{(T *)y, (const float *)x}, n));
}

/* --- inputs ------------------------------------------------------------------------ */

template <typename T> struct input_u8_op {
    T *y;
    const uint8_t *x;
    size_t src_channels, channels;
    float mean[3], std[3];
    __device__ void operator()(size_t i) const
    {
        unsigned c = (unsigned)(i % channels);

        /* not mean[c]: an index that is no constant would put both into local memory */
        narrow(y[i], xk_normalize(x[src_channels == 1 ? i / channels : i],
                                  c == 0   ? mean[0]
                                  : c == 1 ? mean[1]
                                           : mean[2],
                                  c == 0   ? std[0]
                                  : c == 1 ? std[1]
                                           : std[2]));
    }
};

void xk_cu_input_u8(xk_stream s, enum xk_dtype t, void *dst, const uint8_t *src,
                    size_t pixels, size_t src_channels, size_t channels,
                    const float *mean, const float *std)
{
    BY_VALUE(t, {
        input_u8_op<T> op = {(T *)dst, src, src_channels, channels, {0, 0, 0}, {1, 1, 1}};

        for (size_t c = 0; c < channels && c < 3; c++) {
            op.mean[c] = mean[c];
            op.std[c] = std[c];
        }
        each(s, op, pixels * channels);
    });
}

template <typename T> struct to_hwc_op {
    T *y;
    const T *x;
    size_t pixels, c;
    __device__ void operator()(size_t i) const
    {
        size_t image = i / (pixels * c), p = i / c % pixels, k = i % c;

        y[i] = x[(image * c + k) * pixels + p];
    }
};

template <typename T> struct to_chw_op {
    T *y;
    const T *x;
    size_t pixels, c;
    __device__ void operator()(size_t i) const
    {
        size_t image = i / (pixels * c), p = i / c % pixels, k = i % c;

        y[(image * c + k) * pixels + p] = x[i];
    }
};

void xk_cu_to_chw(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t images,
                  size_t pixels, size_t c)
{
    BY_VALUE(t, each(s, to_chw_op<T>{(T *)y, (const T *)x, pixels, c},
                     images * pixels * c));
}

void xk_cu_to_hwc(xk_stream s, enum xk_dtype t, void *y, const void *x, size_t images,
                  size_t pixels, size_t c)
{
    BY_VALUE(t, each(s, to_hwc_op<T>{(T *)y, (const T *)x, pixels, c},
                     images * pixels * c));
}

template <typename T> struct input_f32_op {
    T *y;
    const float *x;
    size_t pixels, c;
    __device__ void operator()(size_t i) const
    {
        size_t image = i / (pixels * c), p = i / c % pixels, k = i % c;

        narrow(y[i], x[(image * c + k) * pixels + p]);
    }
};

void xk_cu_input_f32(xk_stream s, enum xk_dtype t, void *dst, const float *src, size_t n,
                     struct xk_shape shape)
{
    size_t pixels = shape.h * shape.w;

    BY_VALUE(t, each(s, input_f32_op<T>{(T *)dst, src, pixels, shape.c},
                     n * pixels * shape.c));
}

/* --- columns of wider rows --------------------------------------------------------- */

/* Packs of all rows of the narrow side; wide, from and c count packs. */
template <typename T, int V> struct columns_op {
    pack<T, V> *wide_rows, *x;
    size_t wide, from, c;
    bool put;
    __device__ void operator()(size_t i) const
    {
        size_t at = i / c * wide + from + i % c;

        if (put)
            wide_rows[at] = x[i];
        else
            x[i] = wide_rows[at];
    }
};

static void move_columns(xk_stream s, enum xk_dtype t, void *wide_rows, void *x,
                         size_t rows, size_t wide, size_t from, size_t c, bool put)
{
    BY_TYPE(t, wide | from | c,
            each(s,
                 columns_op<T, V>{(pack<T, V> *)wide_rows, (pack<T, V> *)x, wide / V,
                                  from / V, c / V, put},
                 rows * c / V));
}

void xk_cu_put_columns(xk_stream s, enum xk_dtype t, void *wide_rows, const void *x,
                       size_t rows, size_t wide, size_t from, size_t c)
{
    move_columns(s, t, wide_rows, const_cast<void *>(x), rows, wide, from, c, true);
}

void xk_cu_get_columns(xk_stream s, enum xk_dtype t, void *x, const void *wide_rows,
                       size_t rows, size_t wide, size_t from, size_t c)
{
    move_columns(s, t, const_cast<void *>(wide_rows), x, rows, wide, from, c, false);
}
