/*
 * Convolutions of any shape, one output a thread: where cuDNN has no engine, or none
 * that gives the same bytes from run to run.
 */
#include "common.cuh"

/* Channels of a group: inputs, outputs. */
#define IN(conv) ((conv).window.c / (conv).groups)
#define OUT(conv) ((conv).out / (conv).groups)

template <typename T> struct direct_op {
    T *y;
    const T *x, *w;
    struct xk_cu_direct conv;
    __device__ void operator()(size_t i) const
    {
        const struct xk_cu_window &g = conv.window;
        size_t in = IN(conv), o = i % conv.out, ox = i / conv.out % g.ow,
               oy = i / conv.out / g.ow % g.oh, n = i / conv.out / g.ow / g.oh;
        size_t from = o / OUT(conv) * in;
        float sum = 0;

        for (size_t ky = 0; ky < g.kernel; ky++)
            for (size_t kx = 0; kx < g.kernel; kx++) {
                size_t iy = oy * g.stride + ky - g.pad_h; /* negative wraps to large */
                size_t ix = ox * g.stride + kx - g.pad_w;
                const T *p = x + ((n * g.h + iy) * g.w + ix) * g.c + from;
                const T *q = w + ((o * g.kernel + ky) * g.kernel + kx) * in;

                for (size_t k = 0; k < in && iy < g.h && ix < g.w; k++)
                    sum += widen(p[k]) * widen(q[k]);
            }
        narrow(y[i], sum);
    }
};

void xk_cu_direct(xk_stream s, enum xk_dtype t, void *y, const void *x,
                  const void *weights, const struct xk_cu_direct *conv)
{
    BY_VALUE(t, each(s,
                     direct_op<T>{(T *)y, (const T *)x, (const T *)weights, *conv},
                     conv->window.n * conv->window.oh * conv->window.ow * conv->out));
}

template <typename T> struct direct_data_op {
    T *dx;
    const T *dy, *w;
    struct xk_cu_direct conv;
    __device__ void operator()(size_t i) const
    {
        const struct xk_cu_window &g = conv.window;
        size_t in = IN(conv), out = OUT(conv), c = i % g.c, x = i / g.c % g.w,
               y = i / g.c / g.w % g.h, n = i / g.c / g.w / g.h;
        size_t from = c / in * out;
        float sum = 0;

        for (size_t ky = 0; ky < g.kernel; ky++)
            for (size_t kx = 0; kx < g.kernel; kx++) {
                size_t ty = y + g.pad_h - ky, tx = x + g.pad_w - kx;
                size_t oy = ty / g.stride, ox = tx / g.stride;

                if (y + g.pad_h < ky || x + g.pad_w < kx || ty % g.stride ||
                    tx % g.stride || oy >= g.oh || ox >= g.ow)
                    continue;
                for (size_t o = from; o < from + out; o++)
                    sum += widen(dy[((n * g.oh + oy) * g.ow + ox) * conv.out + o]) *
                           widen(w[((o * g.kernel + ky) * g.kernel + kx) * in + c % in]);
            }
        narrow(dx[i], sum);
    }
};

void xk_cu_direct_data(xk_stream s, enum xk_dtype t, void *dx, const void *dy,
                       const void *weights, const struct xk_cu_direct *conv)
{
    BY_VALUE(t, each(s,
                     direct_data_op<T>{(T *)dx, (const T *)dy, (const T *)weights, *conv},
                     conv->window.n * conv->window.h * conv->window.w * conv->window.c));
}

/* --- gradient of the weights: rows of outputs in chunks ----------------------------- */

static size_t chunk_rows(const struct xk_cu_direct *conv)
{
    return xk_parts(conv->window.n * conv->window.oh, XK_MAX_CHUNKS);
}

static size_t n_weights(const struct xk_cu_direct *conv)
{
    return conv->out * IN(*conv) * conv->window.kernel * conv->window.kernel;
}

static size_t n_chunks(const struct xk_cu_direct *conv)
{
    return xk_parts(conv->window.n * conv->window.oh, chunk_rows(conv));
}

size_t xk_cu_direct_floats(const struct xk_cu_direct *conv)
{
    return n_chunks(conv) * n_weights(conv);
}

/* partial [chunk][weights in dw's order] */
template <typename T> struct direct_weights_op {
    float *partial;
    const T *x, *dy;
    struct xk_cu_direct conv;
    size_t weights, rows; /* of a chunk */
    __device__ void operator()(size_t i) const
    {
        const struct xk_cu_window &g = conv.window;
        size_t taps = g.kernel * g.kernel, in = IN(conv), j = i % weights;
        size_t tap = j % taps, k = j / taps % in, o = j / taps / in;
        size_t c = o / OUT(conv) * in + k, r0 = i / weights * rows,
               all = g.n * g.oh, r1 = r0 + rows < all ? r0 + rows : all;
        float sum = 0;

        for (size_t r = r0; r < r1; r++) {
            size_t iy = r % g.oh * g.stride + tap / g.kernel - g.pad_h;

            for (size_t ox = 0; ox < g.ow && iy < g.h; ox++) {
                size_t ix = ox * g.stride + tap % g.kernel - g.pad_w;

                if (ix < g.w)
                    sum += widen(dy[(r * g.ow + ox) * conv.out + o]) *
                           widen(x[((r / g.oh * g.h + iy) * g.w + ix) * g.c + c]);
            }
        }
        partial[i] = sum;
    }
};

struct direct_add {
    float *dw;
    __device__ void operator()(size_t i, const double (&total)[1]) const
    {
        dw[i] += (float)total[0];
    }
};

void xk_cu_direct_weights(xk_stream s, enum xk_dtype t, float *dw, const void *x,
                          const void *dy, const struct xk_cu_direct *conv, float *scratch)
{
    size_t weights = n_weights(conv), chunks = n_chunks(conv);
    struct xk_grid last = xk_grid_images(1, weights);

    BY_VALUE(t, each(s,
                     direct_weights_op<T>{scratch, (const T *)x, (const T *)dy, *conv,
                                          weights, chunk_rows(conv)},
                     chunks * weights));
    XK_LAUNCH_SYNC((finish_kernel<1, direct_add>), last, s, direct_add{dw},
                   (const float *)scratch, chunks, weights);
}
