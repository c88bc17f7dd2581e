/* Resampling: Pillow's bytes for 8-bit images, float32 for the rest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "resize_taps.h"
#include "simd.h"

const char *const xr_interp_names[XR_N_INTERP] = {
    "nearest", "box", "bilinear", "bicubic", "lanczos", "area", "linear"};

void xr_taps_free(struct xr_taps *taps)
{
    free(taps->start);
    free(taps->count);
    free(taps->weight);
    free(taps->fixed);
    free(taps->single);
    free(taps->quads);
    memset(taps, 0, sizeof *taps);
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;

    return x == 0 ? 1 : sin(x * pi) / (x * pi);
}

static double filter(enum xr_interp interp, double x)
{
    const double a = -0.5;

    switch (interp) {
    case XR_BOX:
        return x > -0.5 && x <= 0.5 ? 1 : 0;
    case XR_BICUBIC:
        x = fabs(x);
        if (x < 1)
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    case XR_LANCZOS:
        return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    default:
        x = fabs(x);
        return x < 1 ? 1 - x : 0;
    }
}

static double support_of(enum xr_interp interp)
{
    return interp == XR_BOX       ? 0.5
           : interp == XR_BICUBIC ? 2
           : interp == XR_LANCZOS ? 3
                                  : 1;
}

/* Pillow's window and weights of output i; the count. */
static uint32_t pillow_taps(struct xr_taps *taps, size_t i, size_t in, double scale,
                            enum xr_interp interp)
{
    double wide = scale < 1 || interp == XR_LINEAR ? 1 : scale;
    double support = support_of(interp) * wide;
    double centre = ((double)i + 0.5) * scale, *w = taps->weight + i * taps->room,
           sum = 0;
    double low = centre - support + 0.5, high = centre + support + 0.5;
    uint32_t first = low < 0 ? 0 : (uint32_t)low;
    uint32_t last = high > (double)in ? (uint32_t)in : (uint32_t)high;

    for (uint32_t t = 0; t < last - first; t++) {
        w[t] = filter(interp, ((double)(t + first) - centre + 0.5) * (1.0 / wide));
        sum += w[t];
    }
    for (uint32_t t = 0; t < last - first && sum != 0; t++)
        w[t] /= sum;
    taps->start[i] = first;
    return last - first;
}

/* OpenCV's shares of the input pixels that output i covers. */
static uint32_t area_taps(struct xr_taps *taps, size_t i, size_t in, double scale)
{
    double from = (double)i * scale, to = from + scale,
           *w = taps->weight + i * taps->room;
    double cell = scale < (double)in - from ? scale : (double)in - from;
    size_t last = (size_t)to < in - 1 ? (size_t)to : in - 1, first = (size_t)ceil(from);
    uint32_t n = 0;

    first = first < last ? first : last;
    taps->start[i] = (uint32_t)first;
    if ((double)first - from > 1e-3) {
        taps->start[i]--;
        w[n++] = ((double)first - from) / cell;
    }
    for (size_t s = first; s < last; s++)
        w[n++] = 1 / cell;
    if (to - (double)last > 1e-3)
        w[n++] = fmin(fmin(to - (double)last, 1), cell) / cell;
    return n;
}

static int taps_make(struct xr_taps *taps, size_t in, size_t out, enum xr_interp interp,
                     struct xr_err *err)
{
    double scale = (double)in / (double)out;
    double wide = scale < 1 || interp == XR_LINEAR ? 1 : scale;

    memset(taps, 0, sizeof *taps);
    if (interp == XR_AREA && scale <= 1)
        interp = XR_BILINEAR;
    taps->n = out;
    taps->room = interp == XR_AREA ? (size_t)scale + 3
                                   : (size_t)ceil(support_of(interp) * wide) * 2 + 1;
    taps->start = xr_alloc_array(out, sizeof *taps->start, err);
    taps->count = xr_alloc_array(out, sizeof *taps->count, err);
    taps->weight = xr_alloc_array(out, taps->room * sizeof *taps->weight, err);
    taps->fixed = xr_alloc_array(out, taps->room * sizeof *taps->fixed, err);
    taps->single = xr_alloc_array(out, taps->room * sizeof *taps->single, err);
    if (!taps->start || !taps->count || !taps->weight || !taps->fixed || !taps->single) {
        xr_taps_free(taps);
        return -1;
    }
    for (size_t i = 0; i < out; i++)
        taps->count[i] = interp == XR_AREA ? area_taps(taps, i, in, scale)
                                           : pillow_taps(taps, i, in, scale, interp);
    for (size_t i = 0; i < out * taps->room; i++) {
        double w = taps->weight[i] * (1 << PRECISION);

        taps->fixed[i] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        taps->single[i] = (float)taps->weight[i];
    }
    return 0;
}

/* --- float32 ----------------------------------------------------------------- */

XR_INLINE void weigh_f32(float *dst, const float *at, size_t step, const float *weight,
                         uint32_t n)
{
    float sum[LANES] = {0};

    for (uint32_t t = 0; t < n; t++, at += step) {
        for (size_t i = 0; i < LANES; i++)
            sum[i] += at[i] * weight[t];
    }
    memcpy(dst, sum, sizeof sum);
}

/* turned: [n_in][LANES]; dst: LANES rows of dst_stride */
XR_CLONES static void across_f32(float *dst, size_t dst_stride, const float *turned,
                                 const struct xr_taps *taps)
{
    for (size_t x = 0; x < taps->n; x++) {
        float v[LANES];

        weigh_f32(v, turned + (size_t)taps->start[x] * LANES, LANES,
                  taps->single + x * taps->room, taps->count[x]);
        for (size_t r = 0; r < LANES; r++)
            dst[r * dst_stride + x] = v[r];
    }
}

XR_CLONES static void down_f32(float *dst, const float *plane, size_t stride,
                               const float *weight, uint32_t n)
{
    for (size_t x = 0; x < stride; x += LANES)
        weigh_f32(dst + x, plane + x, stride, weight, n);
}

/* plane [sh][sw] of floats to rows of dst [ty->n][tx->n] */
static int resize_plane(float *dst, const float *src, size_t sh, size_t sw,
                        const struct xr_taps *tx, const struct xr_taps *ty,
                        struct xr_err *err)
{
    size_t stride = round_up(tx->n, LANES);
    float *plane = xr_alloc_array(round_up(sh, LANES), stride * sizeof *plane, err);
    float *turned = xr_alloc_array(sw, LANES * sizeof *turned, err);
    float *line = xr_alloc_array(stride, sizeof *line, err);
    int rc = plane && turned && line ? 0 : -1;

    for (size_t y = 0; rc == 0 && y < sh; y += LANES) {
        for (size_t r = 0; r < LANES && y + r < sh; r++) {
            for (size_t x = 0; x < sw; x++)
                turned[x * LANES + r] = src[(y + r) * sw + x];
        }
        across_f32(plane + y * stride, stride, turned, tx);
    }
    for (size_t y = 0; rc == 0 && y < ty->n; y++) {
        down_f32(line, plane + (size_t)ty->start[y] * stride, stride,
                 ty->single + y * ty->room, ty->count[y]);
        memcpy(dst + y * tx->n, line, tx->n * sizeof *line);
    }
    free(plane);
    free(turned);
    free(line);
    return rc;
}

int xr_resize_f32(float *dst, size_t dh, size_t dw, const float *src, size_t sh,
                  size_t sw, enum xr_interp interp, struct xr_err *err)
{
    struct xr_taps tx = {0}, ty = {0};
    int rc;

    if (dh == 0 || dw == 0 || sh == 0 || sw == 0 || interp == XR_NEAREST)
        return xr_fail(err, "cannot resize %zux%zu to %zux%zu", sw, sh, dw, dh);
    rc = taps_make(&tx, sw, dw, interp, err) || taps_make(&ty, sh, dh, interp, err) ||
                 resize_plane(dst, src, sh, sw, &tx, &ty, err)
             ? -1
             : 0;
    xr_taps_free(&tx);
    xr_taps_free(&ty);
    return rc;
}

static float sample(const struct xr_image *im, size_t i)
{
    return im->depth == 16 ? (float)((const uint16_t *)im->data)[i]
                           : (float)((const uint8_t *)im->data)[i];
}

static int resize_float(struct xr_image *dst, const struct xr_image *src,
                        const struct xr_box *box, const struct xr_taps *tx,
                        const struct xr_taps *ty, struct xr_err *err)
{
    size_t channels = src->channels, n = tx->n * ty->n;
    float *in = xr_alloc_array(box->w, box->h * sizeof *in, err);
    float *out = xr_alloc_array(n, sizeof *out, err);
    float top = src->depth == 16 ? 65535 : 255;
    int rc = in && out ? 0 : -1;

    for (size_t c = 0; c < channels && rc == 0; c++) {
        for (size_t y = 0; y < box->h; y++) {
            size_t at = ((box->y + y) * src->width + box->x) * channels + c;

            for (size_t x = 0; x < box->w; x++)
                in[y * box->w + x] = sample(src, at + x * channels);
        }
        rc = resize_plane(out, in, box->h, box->w, tx, ty, err);
        for (size_t i = 0; i < n && rc == 0; i++) {
            float v = rintf(out[i] < 0 ? 0 : out[i] > top ? top : out[i]);

            if (src->depth == 16)
                ((uint16_t *)dst->data)[i * channels + c] = (uint16_t)v;
            else
                ((uint8_t *)dst->data)[i * channels + c] = (uint8_t)v;
        }
    }
    free(in);
    free(out);
    return rc;
}

/* --- whole images ------------------------------------------------------------ */

/* OpenCV's integers for 8-bit INTER_LINEAR: place and 11-bit weights of the two
 * neighbours. */
struct pair {
    size_t low, high;
    int32_t a, b;
};

static struct pair *pairs(size_t in, size_t out, struct xr_err *err)
{
    struct pair *p = xr_alloc_array(out, sizeof *p, err);
    double scale = (double)in / (double)out;

    for (size_t i = 0; p && i < out; i++) {
        float f = (float)(((double)i + 0.5) * scale - 0.5), low = floorf(f),
              share = f - low;

        if (low < 0 || low >= (float)(in - 1)) {
            low = low < 0 ? 0 : (float)(in - 1);
            share = 0;
        }
        p[i].low = (size_t)low;
        p[i].high = p[i].low + 1 < in ? p[i].low + 1 : p[i].low;
        p[i].a = (int32_t)rintf((1 - share) * 2048);
        p[i].b = (int32_t)rintf(share * 2048);
    }
    return p;
}

static int resize_linear(struct xr_image *dst, const struct xr_image *src,
                         const struct xr_box *box, struct xr_err *err)
{
    size_t c = src->channels;
    struct pair *px = pairs(box->w, dst->width, err),
                *py = pairs(box->h, dst->height, err);
    uint8_t *to = dst->data;

    for (size_t y = 0; px && py && y < dst->height; y++) {
        const uint8_t *rows[2];

        rows[0] =
            (const uint8_t *)src->data + ((box->y + py[y].low) * src->width + box->x) * c;
        rows[1] = (const uint8_t *)src->data +
                  ((box->y + py[y].high) * src->width + box->x) * c;
        for (size_t i = 0; i < dst->width * c; i++, to++) {
            const struct pair *p = &px[i / c];
            int32_t v[2];

            for (int r = 0; r < 2; r++)
                v[r] = (rows[r][p->low * c + i % c] * p->a +
                        rows[r][p->high * c + i % c] * p->b) >>
                       4;
            *to = (uint8_t)(((py[y].a * v[0] >> 16) + (py[y].b * v[1] >> 16) + 2) >> 2);
        }
    }
    free(px);
    free(py);
    return px && py ? 0 : -1;
}

/* Pillow adds the step again and again instead of multiplying: so must we, for equal
 * bytes. */
static int resize_nearest(struct xr_image *dst, const struct xr_image *src,
                          const struct xr_box *box, struct xr_err *err)
{
    size_t bytes = src->channels * (src->depth == 16 ? 2 : 1), *from;
    double step_x = (double)box->w / (double)dst->width, x_at = step_x * 0.5;
    double step_y = (double)box->h / (double)dst->height, y_at = step_y * 0.5;
    uint8_t *to = dst->data;

    from = xr_alloc_array(dst->width, sizeof *from, err);
    if (!from)
        return -1;
    for (size_t x = 0; x < dst->width; x++, x_at += step_x)
        from[x] = (size_t)x_at < box->w ? (size_t)x_at : box->w - 1;
    for (size_t y = 0; y < dst->height; y++, y_at += step_y) {
        size_t sy = (size_t)y_at < box->h ? (size_t)y_at : box->h - 1;
        const uint8_t *row =
            (const uint8_t *)src->data + ((box->y + sy) * src->width + box->x) * bytes;

        for (size_t x = 0; x < dst->width; x++, to += bytes)
            memcpy(to, row + from[x] * bytes, bytes);
    }
    free(from);
    return 0;
}

/* Pillow 13 takes rows away first where that is more than twice the columns that go
 * (found by comparing 6,000 shapes); earlier versions always began with the columns. */
static bool rows_first(const struct xr_box *box, size_t width, size_t height)
{
    int64_t columns = (int64_t)box->w - (int64_t)width;
    int64_t rows = (int64_t)box->h - (int64_t)height;

    return columns != 0 && rows > 0 && 2 * columns < rows;
}

int xr_resize(struct xr_image *dst, const struct xr_image *src, const struct xr_box *box,
              size_t width, size_t height, enum xr_interp interp, struct xr_err *err)
{
    struct xr_box all = {0, 0, src->width, src->height};
    struct xr_taps tx = {0}, ty = {0};
    int rc = -1;

    box = box ? box : &all;
    if (box->w == 0 || box->h == 0 || box->x + box->w > src->width ||
        box->y + box->h > src->height)
        return xr_fail(err, "a part outside the image");
    if (src->depth == 8 && interp < XR_AREA && interp != XR_NEAREST &&
        rows_first(box, width, height)) {
        struct xr_image low;

        if (xr_resize(&low, src, box, box->w, height, interp, err))
            return -1;
        rc = xr_resize(dst, &low, NULL, width, height, interp, err);
        xr_image_free(&low);
        return rc;
    }
    if (xr_image_alloc(dst, width, height, src->channels, src->depth, err))
        return -1;
    if (interp == XR_NEAREST)
        rc = resize_nearest(dst, src, box, err);
    else if (interp == XR_LINEAR && src->depth == 8)
        rc = resize_linear(dst, src, box, err);
    else if (taps_make(&tx, box->w, width, interp, err) == 0 &&
             taps_make(&ty, box->h, height, interp, err) == 0)
        rc = src->depth == 8 && interp < XR_AREA
                 ? xr_resize8(dst, src, box, &tx, &ty, err)
                 : resize_float(dst, src, box, &tx, &ty, err);
    xr_taps_free(&tx);
    xr_taps_free(&ty);
    if (rc)
        xr_image_free(dst);
    return rc;
}
