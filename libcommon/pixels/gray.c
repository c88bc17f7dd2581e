/* Gray levels: look-up tables, histograms, CLAHE, CIELAB. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "simd.h"

#define CHUNK 256 /* pixels of a row worked on at once */

#ifdef XR_X86
/* Two look-ups among 128 bytes each; the highest bit chooses. */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static size_t
apply_vbmi(uint8_t *p, const uint8_t *lut, size_t n)
{
    __m512i a = _mm512_loadu_si512(lut), b = _mm512_loadu_si512(lut + 64);
    __m512i c = _mm512_loadu_si512(lut + 128), d = _mm512_loadu_si512(lut + 192);
    size_t i = 0;

    for (; i + 64 <= n; i += 64) {
        __m512i v = _mm512_loadu_si512(p + i);
        __m512i low = _mm512_permutex2var_epi8(a, v, b);
        __m512i high = _mm512_permutex2var_epi8(c, v, d);

        _mm512_storeu_si512(p + i,
                            _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(v), high));
    }
    return i;
}
#endif

void xr_lut_apply(struct xr_image *image, const uint16_t *wide)
{
    size_t n = image->width * image->height * image->channels, i = 0;
    uint8_t *p = image->data, lut[256];

    if (image->depth == 16) {
        for (uint16_t *deep = image->data; i < n; i++)
            deep[i] = wide[deep[i]];
        return;
    }
    for (size_t v = 0; v < 256; v++)
        lut[v] = (uint8_t)wide[v];
#ifdef XR_X86
    if (xr_simd() == 2 && __builtin_cpu_supports("avx512vbmi"))
        i = apply_vbmi(p, lut, n);
#endif
    for (; i < n; i++)
        p[i] = lut[p[i]];
}

void xr_histogram(size_t *hist, const struct xr_image *image, size_t channel)
{
    uint32_t part[4][256] = {{0}}; /* by turns: equal neighbours do not wait */
    size_t n = image->width * image->height, c = image->channels, i = 0;
    const uint8_t *levels = image->data;

    if (c > 1 || image->depth == 16) {
        memset(hist, 0, (xr_white(image) + 1) * sizeof *hist);
        for (; i < n; i++)
            hist[xr_level(image, i * c + channel)]++;
        return;
    }
    for (; i + 4 <= n; i += 4) {
        part[0][levels[i]]++;
        part[1][levels[i + 1]]++;
        part[2][levels[i + 2]]++;
        part[3][levels[i + 3]]++;
    }
    for (; i < n; i++)
        part[0][levels[i]]++;
    for (int v = 0; v < 256; v++)
        hist[v] = (size_t)part[0][v] + part[1][v] + part[2][v] + part[3][v];
}

void xr_lut_linear(uint16_t *lut, size_t white, float alpha, float beta)
{
    float top = (float)white, add = beta * (float)(white / 255);

    for (size_t i = 0; i <= white; i++) {
        float v = (float)(int32_t)i * alpha + add;

        lut[i] = (uint16_t)(v < 0 ? 0 : v > top ? top : v);
    }
}

void xr_lut_gamma(uint16_t *lut, size_t white, double gamma)
{
    double top = (double)white;

    /* the hair's breadth keeps whole results whole where pow() is off in its last bit,
     * which differs between processors */
    for (size_t i = 0; i < white; i++)
        lut[i] =
            (uint16_t)(top * pow((double)i / top, gamma) + (white == 255 ? 1e-9 : 1e-6));
    lut[white] = (uint16_t)white;
}

void xr_lut_equalize(uint16_t *lut, const size_t *hist, size_t white, bool pillow)
{
    size_t n = 0, first = 0, last = white, sum = 0;

    for (size_t i = 0; i <= white; i++) {
        n += hist[i];
        lut[i] = (uint16_t)i;
    }
    while (first < white && hist[first] == 0)
        first++;
    while (last > 0 && hist[last] == 0)
        last--;
    if (first >= last) /* one level: both leave it */
        return;
    if (pillow && white == 255) {
        size_t step = (n - hist[last]) / 255, at = step / 2;

        for (size_t i = 0; i < 256 && step > 0; i++) {
            lut[i] = (uint16_t)(at / step < 255 ? at / step : 255);
            at += hist[i];
        }
        return;
    }
    if (pillow) { /* few films have a pixel for every level */
        double step = (double)(n - hist[last]) / (double)white, top = (double)white;

        for (size_t i = 0; i <= white; i++) {
            double v = (double)sum / step + 0.5;

            lut[i] = (uint16_t)(v < top ? v : top);
            sum += hist[i];
        }
        return;
    }
    for (size_t i = 0; i <= white; i++) {
        float scale = (float)white / (float)(n - hist[first]);

        sum += i > first ? hist[i] : 0;
        lut[i] = (uint16_t)xr_round((float)sum * scale);
    }
}

/* --- CLAHE ------------------------------------------------------------------- */

/* Cut counts off at a limit; what was above it, all together. */
XR_CLONES static size_t clip_counts(uint32_t *hist, size_t bins, uint32_t limit)
{
    uint32_t excess = 0;

    for (size_t i = 0; i < bins; i++) {
        uint32_t kept = hist[i] < limit ? hist[i] : limit;

        excess += hist[i] - kept;
        hist[i] = kept;
    }
    return excess;
}

XR_CLONES static void scale_counts(float *lut, const uint32_t *sums, size_t bins,
                                   float scale)
{
    float most = (float)(bins - 1);

    for (size_t i = 0; i < bins; i++) {
        float v = xr_round((float)(int32_t)sums[i] * scale);

        lut[i] = v > most ? most : v;
    }
}

/* The steps of one region's histogram: clip, spread the excess, add up. */
static void region_lut(float *lut, uint32_t *hist, size_t bins, size_t area, double clip)
{
    size_t limit = (size_t)(clip * (double)area / (double)bins), excess;
    uint32_t sum = 0;
    float scale = (float)(bins - 1) / (float)area;

    limit = limit < 1 ? 1 : limit;
    excess = clip_counts(hist, bins, limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX);
    if (excess > 0) {
        size_t share = excess / bins, rest = excess % bins;

        for (size_t i = 0; i < bins; i++)
            hist[i] += (uint32_t)share;
        if (rest > 0) {
            size_t step = bins / rest > 1 ? bins / rest : 1;

            for (size_t i = 0; i < bins && rest > 0; i += step, rest--)
                hist[i]++;
        }
    }
    for (size_t i = 0; i < bins; i++) {
        sum += hist[i];
        hist[i] = sum;
    }
    scale_counts(lut, hist, bins, scale);
}

static size_t reflect(size_t i, size_t n)
{
    if (n == 1)
        return 0;
    i %= 2 * (n - 1);
    return i < n ? i : 2 * (n - 1) - i;
}

/* Where a column (or row) lies between region centres. */
struct between {
    uint32_t low, high; /* regions */
    uint32_t cell;      /* 0: before the first centre, 1: behind it, ... */
    float share;        /* of high */
};

static void place(struct between *at, size_t n, size_t region, size_t tiles)
{
    float inverse = 1.0f / (float)region;

    for (size_t i = 0; i < n; i++) {
        float f = (float)i * inverse - 0.5f, low = floorf(f);

        at[i].share = f - low;
        at[i].low = low < 0 ? 0 : (uint32_t)low;
        at[i].high = (uint32_t)(low + 1);
        at[i].cell = at[i].high < tiles ? at[i].high : (uint32_t)tiles;
        if (at[i].high > tiles - 1)
            at[i].high = (uint32_t)(tiles - 1);
        if (at[i].low > tiles - 1)
            at[i].low = (uint32_t)(tiles - 1);
    }
}

/* Count the levels of part of a row, which may reach past the image, where it is
 * reflected. */
static void count_row(uint32_t *hist, const struct xr_image *image, size_t y, size_t from,
                      size_t to)
{
    size_t row = reflect(y, image->height) * image->width;
    size_t inside = to < image->width ? to : image->width, x = from;

    if (image->depth ==
        8) { /* by turns in four histograms: equal neighbours do not wait */
        const uint8_t *p = (const uint8_t *)image->data + row;

        for (; x + 4 <= inside; x += 4) {
            uint32_t four;

            memcpy(&four, p + x, sizeof four);
            hist[four & 255]++;
            hist[256 + (four >> 8 & 255)]++;
            hist[512 + (four >> 16 & 255)]++;
            hist[768 + (four >> 24)]++;
        }
    }
    for (; x < to; x++)
        hist[xr_level(image, row + (x < inside ? x : reflect(x, image->width)))]++;
}

/* Histograms and tables of all regions. hist: 4 bins of scratch. */
static void region_luts(float *luts, uint32_t *hist, const struct xr_image *image,
                        size_t rw, size_t rh, size_t tiles, size_t bins, double clip)
{
    for (size_t ty = 0; ty < tiles; ty++) {
        for (size_t tx = 0; tx < tiles; tx++) {
            memset(hist, 0, 4 * bins * sizeof *hist);
            for (size_t y = ty * rh; y < (ty + 1) * rh; y++)
                count_row(hist, image, y, tx * rw, (tx + 1) * rw);
            for (size_t i = 0; bins == 256 && i < 256; i++)
                hist[i] += hist[256 + i] + hist[512 + i] + hist[768 + i];
            region_lut(luts + (ty * tiles + tx) * bins, hist, bins, rw * rh, clip);
        }
    }
}

/*
 * The four tables that meet in a cell between region centres become one of four bytes a
 * level, so that a pixel is one look-up. above, below: tables of two rows of regions;
 * four: [tiles+1][256].
 */
XR_CLONES static void fill_cells(uint32_t *four, const float *above, const float *below,
                                 size_t tiles)
{
    for (size_t i = 0; i <= tiles; i++) {
        size_t low = (i ? i - 1 : 0) * 256, high = (i < tiles ? i : tiles - 1) * 256;

        for (size_t v = 0; v < 256; v++)
            four[i * 256 + v] =
                (uint32_t)((int32_t)above[low + v] | (int32_t)above[high + v] << 8 |
                           (int32_t)below[low + v] << 16) |
                (uint32_t)(int32_t)below[high + v] << 24;
    }
}

XR_CLONES static void blend8(uint8_t *row, const uint32_t *cells, const float *shares,
                             size_t width, const uint32_t *four, float share)
{
    uint32_t v[CHUNK];

    for (size_t x = 0; x < width; x += CHUNK) {
        size_t n = width - x < CHUNK ? width - x : CHUNK;

        xr_look_up_cells(v, four, cells + x, row + x, n);
        for (size_t i = 0; i < n; i++) {
            float a = shares[x + i], b = 1.0f - a;
            float p = (float)(int32_t)(v[i] & 255), q = (float)(int32_t)(v[i] >> 8 & 255);
            float r = (float)(int32_t)(v[i] >> 16 & 255),
                  s = (float)(int32_t)(v[i] >> 24);
            float mix = (p * b + q * a) * (1.0f - share) + (r * b + s * a) * share;

            row[x + i] =
                (uint8_t)(int32_t)xr_round(mix); /* between levels: no clipping */
        }
    }
}

static void blend16(uint16_t *row, const struct between *cols, size_t width,
                    const float *above, const float *below, float share)
{
    for (size_t x = 0; x < width; x++) {
        size_t low = cols[x].low * 65536u + row[x], high = cols[x].high * 65536u + row[x];
        float a = cols[x].share, b = 1.0f - a;
        float v = (above[low] * b + above[high] * a) * (1.0f - share) +
                  (below[low] * b + below[high] * a) * share;

        row[x] = (uint16_t)rintf(v);
    }
}

/* Every row, with the tables made before. */
static void blend_rows(struct xr_image *image, const float *luts, uint32_t *four,
                       const struct between *cols, const struct between *rows,
                       const uint32_t *cells, const float *shares, size_t tiles)
{
    size_t w = image->width, bins = image->depth == 16 ? 65536 : 256;
    const float *last_above = NULL, *last_below = NULL;

    for (size_t y = 0; y < image->height; y++) {
        const float *above = luts + rows[y].low * tiles * bins;
        const float *below = luts + rows[y].high * tiles * bins;

        if (image->depth == 16) {
            blend16((uint16_t *)image->data + y * w, cols, w, above, below,
                    rows[y].share);
            continue;
        }
        if (above != last_above || below != last_below)
            fill_cells(four, above, below, tiles);
        last_above = above;
        last_below = below;
        blend8((uint8_t *)image->data + y * w, cells, shares, w, four, rows[y].share);
    }
}

static int clahe_gray(struct xr_image *image, double clip, size_t tiles,
                      struct xr_err *err)
{
    size_t w = image->width, h = image->height, bins = image->depth == 16 ? 65536 : 256;
    size_t pad =
        w % tiles || h % tiles ? 1 : 0; /* either side: both grow, as in OpenCV */
    size_t rw = (w + pad * (tiles - w % tiles)) / tiles;
    size_t rh = (h + pad * (tiles - h % tiles)) / tiles;
    float *luts = xr_alloc_array(tiles * tiles, bins * sizeof *luts, err);
    uint32_t *hist = xr_alloc_array(bins, 4 * sizeof *hist, err);
    uint32_t *four = xr_alloc_array(tiles + 1, 256 * sizeof *four, err);
    float *shares = xr_alloc_array(w, sizeof *shares, err);
    uint32_t *cells = xr_alloc_array(w, sizeof *cells, err);
    struct between *cols = xr_alloc_array(w, sizeof *cols, err);
    struct between *rows = xr_alloc_array(h, sizeof *rows, err);
    int rc = luts && hist && four && shares && cells && cols && rows ? 0 : -1;

    if (rc == 0) {
        region_luts(luts, hist, image, rw, rh, tiles, bins, clip);
        place(cols, w, rw, tiles);
        place(rows, h, rh, tiles);
        for (size_t x = 0; x < w; x++) {
            shares[x] = cols[x].share;
            cells[x] = cols[x].cell * 256;
        }
        blend_rows(image, luts, four, cols, rows, cells, shares, tiles);
    }
    free(luts);
    free(hist);
    free(four);
    free(shares);
    free(cells);
    free(cols);
    free(rows);
    return rc;
}

int xr_clahe(struct xr_image *image, double clip, size_t tiles, struct xr_err *err)
{
    size_t n = image->width * image->height;
    struct xr_image light = {0};
    uint8_t *lab;
    int rc;

    if (tiles < 1 || tiles > 64)
        return xr_fail(err, "%zu tiles: from 1 to 64", tiles);
    if (image->channels == 1)
        return clahe_gray(image, clip, tiles, err);
    if (image->depth != 8)
        return xr_fail(err, "CLAHE of 16-bit colour");
    lab = xr_alloc_array(n, 3, err);
    if (!lab || xr_image_alloc(&light, image->width, image->height, 1, 8, err)) {
        free(lab);
        return -1;
    }
    xr_lab_of_rgb(lab, image->data, n);
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)light.data)[i] = lab[3 * i];
    rc = clahe_gray(&light, clip, tiles, err);
    for (size_t i = 0; i < n; i++)
        lab[3 * i] = ((uint8_t *)light.data)[i];
    if (rc == 0)
        xr_rgb_of_lab(image->data, lab, n);
    xr_image_free(&light);
    free(lab);
    return rc;
}

/* --- CIELAB ------------------------------------------------------------------ */

/* D65's white, and the sRGB primaries in XYZ (IEC 61966-2-1) */
static const double white[3] = {0.950456, 1, 1.088754};
static const double to_xyz[3][3] = {{0.412453, 0.357580, 0.180423},
                                    {0.212671, 0.715160, 0.072169},
                                    {0.019334, 0.119193, 0.950227}};
static const double from_xyz[3][3] = {{3.240479, -1.53715, -0.498535},
                                      {-0.969256, 1.875991, 0.041556},
                                      {0.055648, -0.204043, 1.057311}};

static uint8_t byte_of(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : rint(v));
}

/*
 * In OpenCV's integers, so that a film gets the same CLAHE: linear light in 11 bits, cube
 * roots in 15 behind the point. Exact formulas differ from it by up to 2 levels in the
 * shadows.
 */
#define LIGHT 8 /* steps of linear light in a level */
#define ROOTS (256 * 3 / 2 * LIGHT)

struct lab_tables {
    uint16_t light[256];
    uint16_t root[ROOTS];
    int32_t mix[3][3];
};

static void lab_tables(struct lab_tables *t)
{
    for (int i = 0; i < 256; i++) {
        double v = i / 255.0;

        v = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
        t->light[i] = (uint16_t)rint(255 * LIGHT * v);
    }
    for (int i = 0; i < ROOTS; i++) {
        double v = i / (255.0 * LIGHT);

        t->root[i] =
            (uint16_t)rint(32768 * (v < 0.008856 ? v * 7.787 + 16.0 / 116 : cbrt(v)));
    }
    for (int k = 0; k < 3; k++) {
        for (int c = 0; c < 3; c++)
            t->mix[k][c] = (int32_t)rint(4096 * to_xyz[k][c] / white[k]);
    }
}

static int32_t descale(int32_t v, int bits)
{
    return (v + (1 << (bits - 1))) >> bits;
}

static uint8_t clip8(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void xr_lab_of_rgb(uint8_t *lab, const uint8_t *rgb, size_t n)
{
    struct lab_tables t;

    lab_tables(&t);
    for (size_t i = 0; i < n; i++, rgb += 3, lab += 3) {
        int32_t r = t.light[rgb[0]], g = t.light[rgb[1]], b = t.light[rgb[2]], f[3];

        for (int k = 0; k < 3; k++)
            f[k] =
                t.root[descale(r * t.mix[k][0] + g * t.mix[k][1] + b * t.mix[k][2], 12)];
        lab[0] = clip8(
            descale((116 * 255 + 50) / 100 * f[1] - (16 * 255 * 32768 + 50) / 100, 15));
        lab[1] = clip8(descale(500 * (f[0] - f[1]) + 128 * 32768, 15));
        lab[2] = clip8(descale(200 * (f[1] - f[2]) + 128 * 32768, 15));
    }
}

void xr_rgb_of_lab(uint8_t *rgb, const uint8_t *lab, size_t n)
{
    for (size_t i = 0; i < n; i++, rgb += 3, lab += 3) {
        double l = lab[0] * 100 / 255.0, y = (l + 16) / 116, f[3], xyz[3];

        f[0] = (lab[1] - 128) / 500.0 + y;
        f[1] = y;
        f[2] = y - (lab[2] - 128) / 200.0;
        for (int k = 0; k < 3; k++)
            xyz[k] = white[k] *
                     (f[k] > 6.0 / 29 ? f[k] * f[k] * f[k] : (f[k] - 16.0 / 116) / 7.787);
        if (l <= 8)
            xyz[1] = l / 903.3;
        for (int k = 0; k < 3; k++) {
            double v = from_xyz[k][0] * xyz[0] + from_xyz[k][1] * xyz[1] +
                       from_xyz[k][2] * xyz[2];

            v = v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
            rgb[k] = byte_of(v * 255);
        }
    }
}
