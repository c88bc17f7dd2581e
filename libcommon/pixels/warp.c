/* Geometry: exact turns, affine maps, smooth random displacement, resampling along a map.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "simd.h"

#define CHUNK 256     /* pixels of a row worked on at once */
#define BLOCK 16      /* of a side of the squares that are transposed */
#define NODE_STEP 0.8 /* of sigma, between the nodes of a random field */
#define NODE_PAD 6    /* nodes beyond the border: 4.8 sigma */
#define NODE_TAPS 12

static size_t pixel_bytes(const struct xr_image *image)
{
    return image->channels * (image->depth == 16 ? 2 : 1);
}

XR_CLONES static void reverse(uint8_t *row, size_t n)
{
    uint8_t *end = row + n - 1;

    for (size_t x = 0; x < n / 2; x++) {
        uint8_t t = row[x];

        row[x] = *(end - x);
        *(end - x) = t;
    }
}

void xr_hflip(struct xr_image *image)
{
    size_t b = pixel_bytes(image), w = image->width;
    unsigned char *row = image->data, t[6];

    for (size_t y = 0; y < image->height; y++, row += w * b) {
        if (b == 1) {
            reverse(row, w);
            continue;
        }
        for (size_t x = 0; x < w / 2; x++) {
            memcpy(t, row + x * b, b);
            memcpy(row + x * b, row + (w - 1 - x) * b, b);
            memcpy(row + (w - 1 - x) * b, t, b);
        }
    }
}

void xr_vflip(struct xr_image *image)
{
    size_t stride = pixel_bytes(image) * image->width;
    unsigned char *above = image->data, t[CHUNK];

    for (size_t y = 0; y < image->height / 2; y++, above += stride) {
        unsigned char *below =
            (unsigned char *)image->data + (image->height - 1 - y) * stride;

        for (size_t x = 0; x < stride; x += CHUNK) {
            size_t n = stride - x < CHUNK ? stride - x : CHUNK;

            memcpy(t, above + x, n);
            memcpy(above + x, below + x, n);
            memcpy(below + x, t, n);
        }
    }
}

XR_INLINE void turn_block(unsigned char *to, size_t to_stride, const unsigned char *from,
                          size_t from_stride, size_t rows, size_t cols, size_t b)
{
    for (size_t y = 0; y < rows; y++) {
        for (size_t x = 0; x < cols; x++)
            memcpy(to + (y * to_stride + x) * b, from + (x * from_stride + y) * b, b);
    }
}

int xr_transpose(struct xr_image *image, struct xr_err *err)
{
    size_t b = pixel_bytes(image), w = image->width, h = image->height;
    const unsigned char *src = image->data;
    struct xr_image out;
    unsigned char *dst;

    if (xr_image_alloc(&out, h, w, image->channels, image->depth, err))
        return -1;
    dst = out.data;
    for (size_t y0 = 0; y0 < w; y0 += BLOCK) { /* squares: both sides stay in the cache */
        for (size_t x0 = 0; x0 < h; x0 += BLOCK) {
            size_t rows = w - y0 < BLOCK ? w - y0 : BLOCK;
            size_t cols = h - x0 < BLOCK ? h - x0 : BLOCK;
            unsigned char *to = dst + (y0 * h + x0) * b;
            const unsigned char *from = src + (x0 * w + y0) * b;

            if (b == 1)
                turn_block(to, h, from, w, rows, cols, 1);
            else
                turn_block(to, h, from, w, rows, cols, b);
        }
    }
    xr_image_free(image);
    *image = out;
    return 0;
}

int xr_rot90(struct xr_image *image, int turns, struct xr_err *err)
{
    turns &= 3;
    if (turns == 2) {
        xr_hflip(image);
        xr_vflip(image);
    }
    if (turns == 2 || turns == 0)
        return 0;
    if (xr_transpose(image, err))
        return -1;
    if (turns == 1)
        xr_vflip(image);
    else
        xr_hflip(image);
    return 0;
}

/* --- maps -------------------------------------------------------------------- */

int xr_map_alloc(struct xr_map *map, size_t width, size_t height, struct xr_err *err)
{
    memset(map, 0, sizeof *map);
    map->x = xr_alloc_array(width, height * sizeof *map->x, err);
    map->y = xr_alloc_array(width, height * sizeof *map->y, err);
    if (!map->x || !map->y) {
        xr_map_free(map);
        return -1;
    }
    map->width = width;
    map->height = height;
    return 0;
}

void xr_map_free(struct xr_map *map)
{
    free(map->x);
    free(map->y);
    memset(map, 0, sizeof *map);
}

/* from + x step for x0, x0+1 ... */
XR_INLINE void ramp_row(float *dst, size_t n, int32_t x0, double step, double from)
{
    float a = (float)step, b = (float)from;

    for (size_t x = 0; x < n; x++)
        dst[x] = (float)(x0 + (int32_t)x) * a + b;
}

XR_CLONES static void ramp(float *dst, size_t n, double step, double from)
{
    ramp_row(dst, n, 0, step, from);
}

void xr_map_affine(struct xr_map *map, const double m[6])
{
    for (size_t y = 0; y < map->height; y++) {
        ramp(map->x + y * map->width, map->width, m[0], m[1] * (double)y + m[2]);
        ramp(map->y + y * map->width, map->width, m[3], m[4] * (double)y + m[5]);
    }
}

struct xr_map xr_map_of_affine(size_t width, size_t height, const double m[6])
{
    struct xr_map map = {.width = width, .height = height};

    memcpy(map.affine, m, sizeof map.affine);
    return map;
}

void xr_affine_inverse(double m[6], size_t width, size_t height, double degrees,
                       double scale, double dx, double dy)
{
    double angle = degrees * (3.14159265358979323846 / 180);
    double c = xr_snap(cos(angle)) / scale, s = xr_snap(sin(angle)) / scale;
    double cx = ((double)width - 1) / 2, cy = ((double)height - 1) / 2;

    m[0] = c;
    m[1] = -s;
    m[2] = cx - c * (cx + dx) + s * (cy + dy);
    m[3] = s;
    m[4] = c;
    m[5] = cy - s * (cx + dx) - c * (cy + dy);
}

/* --- smooth random displacement ---------------------------------------------- */

static size_t nodes_along(size_t n, double sigma)
{
    return (size_t)((double)(n - 1) / (NODE_STEP * sigma)) + 2 + 2 * NODE_PAD;
}

size_t xr_field_noise(size_t width, size_t height, double sigma)
{
    return nodes_along(width, sigma) * nodes_along(height, sigma);
}

/*
 * For every pixel along one side the first node and NODE_TAPS weights, of square sum
 * amplitude^2. The Gaussian at equal steps, with two exponentials a pixel: with a the
 * distance to the node in the middle and s the step, both in units of sigma, exp(-(a -
 * ks)^2 / 2) = exp(-a^2 / 2) exp(as)^k exp(-(ks)^2 / 2).
 */
static void node_weights(uint32_t *first, float *weight, size_t n, double sigma,
                         double amplitude)
{
    const int middle = NODE_TAPS / 2 - 1;
    double fall[NODE_TAPS];

    for (int t = 0; t < NODE_TAPS; t++)
        fall[t] = exp(-0.5 * NODE_STEP * NODE_STEP * (t - middle) * (t - middle));
    for (size_t x = 0; x < n; x++, weight += NODE_TAPS) {
        uint32_t node = (uint32_t)((double)x / (NODE_STEP * sigma));
        double a = (double)x / sigma - node * NODE_STEP;
        double ratio = exp(a * NODE_STEP), w[NODE_TAPS], sum = 0, scale;

        w[middle] = exp(-0.5 * a * a);
        for (int t = middle + 1; t < NODE_TAPS; t++)
            w[t] = w[t - 1] * ratio;
        for (int t = middle - 1; t >= 0; t--)
            w[t] = w[t + 1] / ratio;
        for (int t = 0; t < NODE_TAPS; t++) {
            w[t] = xr_snap(w[t] * fall[t]);
            sum += w[t] * w[t];
        }
        scale = amplitude / sqrt(sum);
        for (int t = 0; t < NODE_TAPS; t++)
            weight[t] = (float)(w[t] * scale);
        first[x] = node + NODE_PAD - (uint32_t)middle;
    }
}

/* column[i*stride] = sum over t of weight[t] * nodes[t*n + i] */
XR_CLONES static void nodes_across(float *column, size_t stride, const float *nodes,
                                   size_t n, const float *weight)
{
    float sum[CHUNK];

    for (size_t from = 0; from < n; from += CHUNK) {
        size_t m = n - from < CHUNK ? n - from : CHUNK;

        for (size_t i = 0; i < m; i++)
            sum[i] = weight[0] * nodes[from + i];
        for (size_t t = 1; t < NODE_TAPS; t++) {
            for (size_t i = 0; i < m; i++)
                sum[i] += weight[t] * nodes[t * n + from + i];
        }
        for (size_t i = 0; i < m; i++)
            column[(from + i) * stride] = sum[i];
    }
}

/* row[x] += sum over t of weight[t] * rows[t*n + x] */
XR_CLONES static void nodes_down(float *row, size_t n, const float *rows,
                                 const float *weight)
{
    float sum[CHUNK];

    for (size_t x = 0; x < n; x += CHUNK) {
        size_t m = n - x < CHUNK ? n - x : CHUNK;

        for (size_t i = 0; i < m; i++)
            sum[i] = weight[0] * rows[x + i];
        for (size_t t = 1; t < NODE_TAPS; t++) {
            for (size_t i = 0; i < m; i++)
                sum[i] += weight[t] * rows[t * n + x + i];
        }
        for (size_t i = 0; i < m; i++)
            row[x + i] += sum[i];
    }
}

int xr_map_field(struct xr_map *map, const float *noise, double sigma, double amplitude,
                 struct xr_err *err)
{
    size_t w = map->width, h = map->height;
    size_t ny = nodes_along(h, sigma), side = w > h ? w : h;
    uint32_t *first = xr_alloc_array(side, sizeof *first, err);
    float *weight = xr_alloc_array(side, NODE_TAPS * sizeof *weight, err);
    float *wide = xr_alloc_array(ny, 2 * w * sizeof *wide, err);
    int rc = first && weight && wide ? 0 : -1;

    if (rc == 0) {
        node_weights(first, weight, w, sigma, amplitude);
        for (size_t x = 0; x < w; x++)
            nodes_across(wide + x, w, noise + first[x] * 2 * ny, 2 * ny,
                         weight + x * NODE_TAPS);
        node_weights(first, weight, h, sigma, 1);
        for (size_t y = 0; y < h; y++) {
            const float *down = weight + y * NODE_TAPS;

            nodes_down(map->x + y * w, w, wide + first[y] * w, down);
            nodes_down(map->y + y * w, w, wide + (ny + first[y]) * w, down);
        }
    }
    free(first);
    free(weight);
    free(wide);
    return rc;
}

/* --- resampling -------------------------------------------------------------- */

/* The four pixels around every place between pixels, as one number: at it, right of it,
 * below it, both, lowest byte first; with a border of one pixel. */
struct packed {
    size_t width, height, stride; /* of the channel; stride = width + 2 */
    uint32_t *data;               /* [height+2][stride]: the first is at (-1, -1) */
};

XR_CLONES static void pack_row(uint32_t *to, const uint8_t *above, const uint8_t *below,
                               size_t n)
{
    for (size_t x = 0; x < n; x++)
        to[x] = (uint32_t)above[x] | (uint32_t)above[x + 1] << 8 |
                (uint32_t)below[x] << 16 | (uint32_t)below[x + 1] << 24;
}

static int pack(struct packed *to, const struct xr_image *src, size_t channel,
                uint8_t fill, struct xr_err *err)
{
    size_t c = src->channels, w = src->width, h = src->height;
    uint8_t *lines, *above, *below;

    *to = (struct packed){w, h, w + 2, NULL};
    to->data = xr_alloc_array(to->stride, (h + 2) * sizeof *to->data, err);
    lines = xr_alloc_array(w + 3, 2, err);
    if (!to->data || !lines) {
        free(to->data);
        free(lines);
        return -1;
    }
    memset(lines, fill, 2 * (w + 3));
    above = lines;
    below = lines + w + 3;
    for (size_t y = 0; y < h + 2; y++) {
        const uint8_t *from = (const uint8_t *)src->data + y * w * c + channel;
        uint8_t *swap = above;

        if (y >= h)
            memset(below, fill, w + 3);
        else if (c == 1)
            memcpy(below + 1, from, w);
        else
            for (size_t x = 0; x < w; x++)
                below[x + 1] = from[x * c];
        pack_row(to->data + y * to->stride, above, below, to->stride);
        above = below;
        below = swap;
    }
    free(lines);
    return 0;
}

/* Coordinates to places of what is packed, 0 .. n+1, where 1 is the first pixel. */
XR_INLINE float settle(float x, size_t n, enum xr_border border)
{
    float top = (float)n + 1, last = (float)n - 1, t = x;

    if (border == XR_BORDER_REFLECT) {
        float period = n > 1 ? 2 * last : 1, whole;

        t = t < 0 ? -t : t;
        t = t < 1e9f ? t : 0;
        whole = (float)(int32_t)(t / period);
        t -= whole * period;
        t = t < 0 ? -t : t;
        t = t > last ? 2 * last - t : t;
        t = t > 0 ? t : 0;
    }
    t += 1;
    t = t > 0 ? t : 0;
    return t < top ? t : top;
}

XR_INLINE void remap_row(uint8_t *dst, const struct packed *src, const float *mx,
                         const float *my, size_t n, bool nearest, enum xr_border border)
{
    int32_t at[CHUNK];
    float fx[CHUNK], fy[CHUNK];
    uint32_t four[CHUNK];
    float half = nearest ? 0.5f : 0;
    int32_t stride = (int32_t)src->stride;

    for (size_t i = 0; i < n; i++) {
        float x = settle(mx[i], src->width, border) + half;
        float y = settle(my[i], src->height, border) + half;
        int32_t ix = (int32_t)x, iy = (int32_t)y;

        fx[i] = x - (float)ix;
        fy[i] = y - (float)iy;
        at[i] = iy * stride + ix;
    }
    xr_look_up(four, src->data, at, n);
    if (nearest) {
        for (size_t i = 0; i < n; i++)
            dst[i] = (uint8_t)four[i];
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t v0 = four[i] & 255, v1 = four[i] >> 8 & 255;
        int32_t v2 = four[i] >> 16 & 255, v3 = (int32_t)(four[i] >> 24);
        float above = (float)v0 + fx[i] * (float)(v1 - v0);
        float below = (float)v2 + fx[i] * (float)(v3 - v2);

        dst[i] = (uint8_t)(int32_t)(above + fy[i] * (below - above) + 0.5f);
    }
}

XR_CLONES static void remap_plane(uint8_t *dst, const struct packed *src,
                                  const struct xr_map *map, bool nearest,
                                  enum xr_border border)
{
    size_t total = map->width * map->height;
    /* a matrix is never written out: it is a row of steps at a time */
    size_t most = map->x ? CHUNK : map->width < CHUNK ? map->width : CHUNK, n;
    const double *m = map->affine;
    float fx[CHUNK], fy[CHUNK];

    for (size_t i = 0; i < total; i += n) {
        const float *mx = map->x ? map->x + i : fx, *my = map->x ? map->y + i : fy;
        size_t left = map->x ? total - i : map->width - i % map->width;

        n = left < most ? left : most;
        if (!map->x) {
            double y = (double)(i / map->width);
            int32_t from = (int32_t)(i % map->width);

            ramp_row(fx, n, from, m[0], m[1] * y + m[2]);
            ramp_row(fy, n, from, m[3], m[4] * y + m[5]);
        }
        if (border == XR_BORDER_CONSTANT)
            remap_row(dst + i, src, mx, my, n, nearest, XR_BORDER_CONSTANT);
        else
            remap_row(dst + i, src, mx, my, n, nearest, XR_BORDER_REFLECT);
    }
}

/* A channel of 16 bits with a border around it, where every place that settle() gives has
 * its four pixels. */
static uint16_t *pad16(const struct xr_image *src, size_t channel, uint8_t fill,
                       struct xr_err *err)
{
    size_t c = src->channels, w = src->width, h = src->height, stride = w + 3;
    const uint16_t *from = (const uint16_t *)src->data + channel;
    uint16_t *to = xr_alloc_array(stride, (h + 3) * sizeof *to, err);

    if (!to)
        return NULL;
    memset(to, fill, stride * (h + 3) * sizeof *to); /* both bytes: 257 fill */
    for (size_t y = 0; y < h; y++) {
        for (size_t x = 0; x < w; x++)
            to[(y + 1) * stride + x + 1] = from[(y * w + x) * c];
    }
    return to;
}

/* A channel of 16 bits along a map, dst every c-th sample; src as pad16 makes it. */
static void remap16(uint16_t *dst, size_t c, const uint16_t *src, size_t width,
                    size_t height, const struct xr_map *map, bool nearest,
                    enum xr_border border)
{
    size_t w = map->width, stride = width + 3;
    const double *m = map->affine;
    float half = nearest ? 0.5f : 0, above, below;

    for (size_t i = 0, row = 0, column = 0; row < map->height; i++) {
        float x = map->x ? map->x[i] : 0, y = map->x ? map->y[i] : 0;
        const uint16_t *at;

        if (!map->x) {
            ramp_row(&x, 1, (int32_t)column, m[0], m[1] * (double)row + m[2]);
            ramp_row(&y, 1, (int32_t)column, m[3], m[4] * (double)row + m[5]);
        }
        x = settle(x, width, border) + half;
        y = settle(y, height, border) + half;
        at = src + (size_t)(int32_t)y * stride + (size_t)(int32_t)x;
        x -= (float)(int32_t)x;
        y -= (float)(int32_t)y;
        above = (float)at[0] + x * (float)(at[1] - at[0]);
        below = (float)at[stride] + x * (float)(at[stride + 1] - at[stride]);
        dst[i * c] =
            nearest ? *at : (uint16_t)(int32_t)(above + y * (below - above) + 0.5f);
        column = column + 1 < w ? column + 1 : 0;
        row += column == 0;
    }
}

static int remap_deep(struct xr_image *dst, const struct xr_image *src,
                      const struct xr_map *map, bool nearest, enum xr_border border,
                      uint8_t fill, struct xr_err *err)
{
    size_t c = src->channels;

    if (xr_image_alloc(dst, map->width, map->height, c, 16, err))
        return -1;
    for (size_t k = 0; k < c; k++) {
        uint16_t *plane = pad16(src, k, fill, err);

        if (!plane) {
            xr_image_free(dst);
            return -1;
        }
        remap16((uint16_t *)dst->data + k, c, plane, src->width, src->height, map,
                nearest, border);
        free(plane);
    }
    return 0;
}

int xr_remap(struct xr_image *dst, const struct xr_image *src, const struct xr_map *map,
             bool nearest, enum xr_border border, uint8_t fill, struct xr_err *err)
{
    size_t n = map->width * map->height, c = src->channels;
    struct packed plane;
    struct xr_image out;

    if (src->depth == 16)
        return remap_deep(dst, src, map, nearest, border, fill, err);
    if (xr_image_alloc(dst, map->width, map->height, c, 8, err))
        return -1;
    if (c > 1 && xr_image_alloc(&out, map->width, map->height, 1, 8, err)) {
        xr_image_free(dst);
        return -1;
    }
    for (size_t k = 0; k < c; k++) {
        uint8_t *to = c > 1 ? out.data : dst->data;

        if (pack(&plane, src, k, fill, err)) {
            xr_image_free(dst);
            break;
        }
        remap_plane(to, &plane, map, nearest, border);
        free(plane.data);
        for (size_t i = 0; i < n && c > 1; i++)
            ((uint8_t *)dst->data)[i * c + k] = to[i];
    }
    if (c > 1)
        xr_image_free(&out);
    return dst->data ? 0 : -1;
}

void xr_fill_boxes(struct xr_image *image, const size_t (*boxes)[4], size_t n,
                   uint8_t fill)
{
    size_t b = pixel_bytes(image);

    for (size_t i = 0; i < n; i++) {
        for (size_t y = boxes[i][1]; y < boxes[i][3]; y++)
            memset((uint8_t *)image->data + (y * image->width + boxes[i][0]) * b, fill,
                   (boxes[i][2] - boxes[i][0]) * b);
    }
}
