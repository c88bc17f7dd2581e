/* Neighbourhood filters: Gaussian, median; noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "simd.h"

void xr_gauss_weights(double *weights, size_t n, double sigma)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double d = (double)i - (double)(n - 1) / 2;

        weights[i] = xr_snap(exp(-d * d / (2 * sigma * sigma)));
        sum += weights[i];
    }
    for (size_t i = 0; i < n; i++)
        weights[i] /= sum;
}

/* The index that stands for i outside 0..n-1. */
static size_t border(ptrdiff_t i, size_t n, bool replicate)
{
    ptrdiff_t last = (ptrdiff_t)n - 1;

    if (i >= 0 && i <= last)
        return (size_t)i;
    if (replicate || last == 0)
        return i < 0 ? 0 : (size_t)last;
    i = (i < 0 ? -i : i) % (2 * last);
    return (size_t)(i <= last ? i : 2 * last - i);
}

/* 16 floats anywhere in memory. */
typedef float v16f __attribute__((vector_size(64), aligned(4), may_alias));

/* dst[x] = sum over t of w[t] * rows[t][x], taps in order; sums stay in registers */
XR_CLONES static void weigh(float *dst, const float *const *rows, size_t n,
                            const float *w, size_t taps)
{
    size_t x = 0;

    for (; x + 64 <= n; x += 64) {
        v16f a = {0}, b = {0}, c = {0}, d = {0}, *to = (v16f *)(dst + x);

        for (size_t t = 0; t < taps; t++) {
            const v16f *from = (const v16f *)(rows[t] + x);
            float k = w[t];

            a += k * from[0];
            b += k * from[1];
            c += k * from[2];
            d += k * from[3];
        }
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
    }
    for (; x + 16 <= n; x += 16) {
        v16f sum = {0};

        for (size_t t = 0; t < taps; t++)
            sum += w[t] * *(const v16f *)(rows[t] + x);
        *(v16f *)(dst + x) = sum;
    }
    for (; x < n; x++) {
        float sum = 0;

        for (size_t t = 0; t < taps; t++)
            sum += w[t] * rows[t][x];
        dst[x] = sum;
    }
}

int xr_gauss_f32(float *plane, size_t height, size_t width, double sigma, size_t n,
                 bool replicate, struct xr_err *err)
{
    size_t half = n / 2;
    double *weights = xr_alloc_array(n, sizeof *weights, err);
    float *w = xr_alloc_array(n, sizeof *w, err);
    float *line = xr_alloc_array(width + n, sizeof *line, err);
    float *wide = xr_alloc_array(width, height * sizeof *wide, err);
    const float **rows = xr_alloc_array(n, sizeof *rows, err);
    int rc = weights && w && line && wide && rows ? 0 : -1;

    if (rc == 0) {
        xr_gauss_weights(weights, n, sigma);
        for (size_t i = 0; i < n; i++) {
            w[i] = (float)weights[i];
            rows[i] = line + i;
        }
    }
    for (size_t y = 0; y < height && rc == 0; y++) {
        for (size_t x = 0; x < half; x++) {
            line[x] = plane[y * width +
                            border((ptrdiff_t)x - (ptrdiff_t)half, width, replicate)];
            line[half + width + x] =
                plane[y * width + border((ptrdiff_t)(width + x), width, replicate)];
        }
        memcpy(line + half, plane + y * width, width * sizeof *line);
        weigh(wide + y * width, rows, width, w, n);
    }
    for (size_t y = 0; y < height && rc == 0; y++) {
        for (size_t t = 0; t < n; t++)
            rows[t] = wide + width * border((ptrdiff_t)(y + t) - (ptrdiff_t)half, height,
                                            replicate);
        weigh(plane + y * width, rows, width, w, n);
    }
    free(weights);
    free(w);
    free(line);
    free(wide);
    free(rows);
    return rc;
}

XR_CLONES static void floats_of(float *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
}

XR_CLONES static void floats_of16(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
}

XR_INLINE float rounded(float v, float white)
{
    return xr_round(v < 0 ? 0 : v > white ? white : v);
}

XR_CLONES static void bytes_of(uint8_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(int32_t)rounded(from[i], 255);
}

XR_CLONES static void words_of(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t)(int32_t)rounded(from[i], 65535);
}

void xr_plane_load(float *plane, const struct xr_image *image, size_t channel)
{
    size_t n = image->width * image->height, c = image->channels;

    if (c == 1 && image->depth == 8)
        floats_of(plane, image->data, n);
    else if (c == 1)
        floats_of16(plane, image->data, n);
    for (size_t i = 0; i < n && c > 1; i++)
        plane[i] = (float)xr_level(image, i * c + channel);
}

void xr_plane_store(struct xr_image *image, size_t channel, const float *plane)
{
    size_t n = image->width * image->height, c = image->channels;
    float white = (float)xr_white(image);

    if (c == 1 && image->depth == 8)
        bytes_of(image->data, plane, n);
    else if (c == 1)
        words_of(image->data, plane, n);
    for (size_t i = 0; i < n && c > 1; i++)
        xr_set_level(image, i * c + channel, (size_t)rounded(plane[i], white));
}

int xr_gauss_blur(struct xr_image *image, double sigma, size_t n, struct xr_err *err)
{
    float *plane = xr_alloc_array(image->width, image->height * sizeof *plane, err);
    int rc = plane ? 0 : -1;

    if (n == 0)
        n = (size_t)(6 * sigma + 1.5) | 1;
    for (size_t k = 0; k < image->channels && rc == 0; k++) {
        xr_plane_load(plane, image, k);
        rc = xr_gauss_f32(plane, image->height, image->width, sigma, n, false, err);
        if (rc == 0)
            xr_plane_store(image, k, plane);
    }
    free(plane);
    return rc;
}

static size_t median_of(uint16_t *v, size_t n)
{
    for (size_t i = 1; i < n; i++) { /* 25 values: insertion sort */
        uint16_t x = v[i];
        size_t j = i;

        for (; j > 0 && v[j - 1] > x; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
    return v[n / 2];
}

/* Medians of side x side, 3 or 5, of either depth. */
static void median_plain(struct xr_image *to, const struct xr_image *from, size_t side)
{
    size_t w = from->width, h = from->height, c = from->channels, n = side * side;
    ptrdiff_t half = (ptrdiff_t)(side / 2);
    uint16_t v[25];

    for (size_t i = 0; i < w * h * c; i++) {
        size_t y = i / (w * c), x = i / c % w, k = i % c;

        for (size_t t = 0; t < n; t++) {
            size_t sy = border((ptrdiff_t)(y + t / side) - half, h, true);
            size_t sx = border((ptrdiff_t)(x + t % side) - half, w, true);

            v[t] = (uint16_t)xr_level(from, (sy * w + sx) * c + k);
        }
        xr_set_level(to, i, median_of(v, n));
    }
}

XR_INLINE uint8_t least(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

XR_INLINE uint8_t most(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

XR_INLINE uint8_t middle(uint8_t a, uint8_t b, uint8_t c)
{
    return most(least(a, b), least(most(a, b), c));
}

/* Median of nine: the middle one of the largest minimum, the middle of the middles and
 * the smallest maximum of three columns. low, mid, high: scratch of n + 2c. */
XR_CLONES static void median3_row(uint8_t *restrict to, const uint8_t *a,
                                  const uint8_t *b, const uint8_t *d, size_t n, size_t c,
                                  uint8_t *restrict low, uint8_t *restrict mid,
                                  uint8_t *restrict high)
{
    for (size_t x = 0; x < n; x++) {
        uint8_t l = least(a[x], b[x]), m = most(a[x], b[x]);

        low[x + c] = least(l, d[x]);
        high[x + c] = most(m, d[x]);
        mid[x + c] = most(l, least(m, d[x]));
    }
    for (size_t k = 0; k < c; k++) { /* the border repeats its column */
        low[k] = low[k + c];
        mid[k] = mid[k + c];
        high[k] = high[k + c];
        low[n + c + k] = low[n + k];
        mid[n + c + k] = mid[n + k];
        high[n + c + k] = high[n + k];
    }
    for (size_t x = 0; x < n; x++)
        to[x] = middle(most(most(low[x], low[x + c]), low[x + 2 * c]),
                       middle(mid[x], mid[x + c], mid[x + 2 * c]),
                       least(least(high[x], high[x + c]), high[x + 2 * c]));
}

int xr_median(struct xr_image *image, size_t n, struct xr_err *err)
{
    size_t w = image->width, h = image->height, c = image->channels, stride = w * c;
    struct xr_image before = *image;
    uint8_t *from, *rows, *to = image->data;
    size_t bytes = stride * (image->depth == 16 ? 2 : 1);
    int rc = -1;

    if (n != 3 && n != 5)
        return xr_fail(err, "a median of %zux%zu: 3 or 5", n, n);
    from = before.data = xr_alloc_array(h, bytes, err);
    rows = xr_alloc_array(3, stride + 2 * c, err);
    if (from && rows) {
        rc = 0;
        memcpy(from, to, h * bytes);
        if (n == 5 || image->depth == 16)
            median_plain(image, &before, n);
        for (size_t y = 0; y < h && n == 3 && image->depth == 8; y++)
            median3_row(to + y * stride, from + (y ? y - 1 : 0) * stride,
                        from + y * stride, from + (y + 1 < h ? y + 1 : y) * stride,
                        stride, c, rows, rows + stride + 2 * c,
                        rows + 2 * (stride + 2 * c));
    }
    free(from);
    free(rows);
    return rc;
}

XR_CLONES static void add_row(uint8_t *p, const float *noise, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(int32_t)rounded((float)p[i] + noise[i], 255);
}

XR_CLONES static void add_row16(uint16_t *p, const float *noise, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint16_t)(int32_t)rounded((float)p[i] + 257 * noise[i], 65535);
}

void xr_add_noise(struct xr_image *image, const float *noise)
{
    size_t n = image->width * image->height * image->channels;

    if (image->depth == 16)
        add_row16(image->data, noise, n);
    else
        add_row(image->data, noise, n);
}
