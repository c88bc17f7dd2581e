/*
 * Pooling. Gradients are gathered by the pixel that gets them, so that nothing is added
 * in an order that depends on time.
 */
#include "common.cuh"

/* Element i of a tensor of h x w x c: its image, row, column, channel. */
struct place {
    size_t n, y, x, k;
};

__device__ static inline struct place place_of(size_t i, size_t h, size_t w, size_t c)
{
    return {i / c / w / h, i / c / w % h, i / c % w, i % c};
}

/* --- maximum: the first in row order wins ties, a NaN wins over all -------------------
 */

template <typename T> struct maxpool_op {
    T *y;
    uint8_t *winner;
    const T *x;
    struct xk_cu_window g;
    __device__ void operator()(size_t i) const
    {
        struct place p = place_of(i, g.oh, g.ow, g.c);
        float best = 0;
        int id = -1;

        for (size_t ky = 0; ky < g.kernel; ky++) {
            size_t iy = p.y * g.stride + ky - g.pad_h; /* negative wraps to large */

            for (size_t kx = 0; kx < g.kernel && iy < g.h; kx++) {
                size_t ix = p.x * g.stride + kx - g.pad_w;
                float v;

                if (ix >= g.w)
                    continue;
                v = widen(x[((p.n * g.h + iy) * g.w + ix) * g.c + p.k]);
                if (id < 0 || v > best || v != v) {
                    best = v;
                    id = (int)(ky * g.kernel + kx);
                }
            }
        }
        narrow(y[i], best);
        winner[i] = (uint8_t)id;
    }
};

void xk_cu_maxpool(xk_stream s, enum xk_dtype t, void *y, uint8_t *winner, const void *x,
                   const struct xk_cu_window *g)
{
    BY_VALUE(t, each(s, maxpool_op<T>{(T *)y, winner, (const T *)x, *g},
                     g->n * g->oh * g->ow * g->c));
}

/* Outputs lo..hi-1 along one side whose windows hold element i. */
__device__ static inline void windows_over(size_t *lo, size_t *hi, size_t i, size_t out,
                                           size_t kernel, size_t stride, size_t pad)
{
    size_t at = i + pad;

    *lo = at < kernel ? 0 : (at - kernel) / stride + 1;
    *hi = at / stride + 1 < out ? at / stride + 1 : out;
}

template <typename T> struct maxpool_grad_op {
    T *dx;
    const T *dy;
    const uint8_t *winner;
    struct xk_cu_window g;
    __device__ void operator()(size_t i) const
    {
        struct place p = place_of(i, g.h, g.w, g.c);
        size_t y0, y1, x0, x1;
        float sum = 0;

        windows_over(&y0, &y1, p.y, g.oh, g.kernel, g.stride, g.pad_h);
        windows_over(&x0, &x1, p.x, g.ow, g.kernel, g.stride, g.pad_w);
        for (size_t oy = y0; oy < y1; oy++)
            for (size_t ox = x0; ox < x1; ox++) {
                size_t o = ((p.n * g.oh + oy) * g.ow + ox) * g.c + p.k;
                size_t id = (p.y + g.pad_h - oy * g.stride) * g.kernel + p.x + g.pad_w -
                            ox * g.stride;

                if (winner[o] == id)
                    sum += widen(dy[o]);
            }
        narrow(dx[i], sum);
    }
};

void xk_cu_maxpool_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                        const uint8_t *winner, const struct xk_cu_window *g)
{
    BY_VALUE(t, each(s, maxpool_grad_op<T>{(T *)dx, (const T *)dy, winner, *g},
                     g->n * g->h * g->w * g->c));
}

/* --- mean -------------------------------------------------------------------------- */

/* The window of output o along one side. */
__device__ static inline void window_of(size_t *lo, size_t *hi,
                                        const struct xk_cu_window *g, size_t o, size_t in,
                                        size_t out, size_t pad)
{
    xk_window(lo, hi, g->kernel, g->stride, o, in, out, pad);
}

template <typename T> struct avgpool_op {
    T *y;
    const T *x;
    struct xk_cu_window g;
    __device__ void operator()(size_t i) const
    {
        struct place p = place_of(i, g.oh, g.ow, g.c);
        size_t y0, y1, x0, x1;
        float sum = 0;

        window_of(&y0, &y1, &g, p.y, g.h, g.oh, g.pad_h);
        window_of(&x0, &x1, &g, p.x, g.w, g.ow, g.pad_w);
        for (size_t iy = y0; iy < y1; iy++)
            for (size_t ix = x0; ix < x1; ix++)
                sum += widen(x[((p.n * g.h + iy) * g.w + ix) * g.c + p.k]);
        narrow(y[i], sum * (1.0f / (float)((y1 - y0) * (x1 - x0))));
    }
};

void xk_cu_avgpool(xk_stream s, enum xk_dtype t, void *y, const void *x,
                   const struct xk_cu_window *g)
{
    BY_VALUE(t, each(s, avgpool_op<T>{(T *)y, (const T *)x, *g},
                     g->n * g->oh * g->ow * g->c));
}

template <typename T> struct avgpool_grad_op {
    T *dx;
    const T *dy;
    struct xk_cu_window g;
    __device__ void operator()(size_t i) const
    {
        struct place p = place_of(i, g.h, g.w, g.c);
        size_t y0 = 0, y1 = g.oh, x0 = 0, x1 = g.ow; /* adaptive: any may hold it */
        float sum = 0;

        if (g.kernel) {
            windows_over(&y0, &y1, p.y, g.oh, g.kernel, g.stride, g.pad_h);
            windows_over(&x0, &x1, p.x, g.ow, g.kernel, g.stride, g.pad_w);
        }
        for (size_t oy = y0; oy < y1; oy++) {
            size_t a, b;

            window_of(&a, &b, &g, oy, g.h, g.oh, g.pad_h);
            if (p.y < a || p.y >= b)
                continue;
            for (size_t ox = x0; ox < x1; ox++) {
                size_t c, d;

                window_of(&c, &d, &g, ox, g.w, g.ow, g.pad_w);
                if (p.x >= c && p.x < d)
                    sum += widen(dy[((p.n * g.oh + oy) * g.ow + ox) * g.c + p.k]) *
                           (1.0f / (float)((b - a) * (d - c)));
            }
        }
        narrow(dx[i], sum);
    }
};

void xk_cu_avgpool_grad(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                        const struct xk_cu_window *g)
{
    BY_VALUE(t, each(s, avgpool_grad_op<T>{(T *)dx, (const T *)dy, *g},
                     g->n * g->h * g->w * g->c));
}
