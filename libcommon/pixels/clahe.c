/* Contrast-limited adaptive histogram equalisation, to OpenCV's bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "simd.h"

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

            for (size_t i = 0; i < rest && step == 1; i++)
                hist[i]++;
            for (size_t i = 0; i < bins && rest > 0 && step > 1; i += step, rest--)
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

    for (; x < to; x++)
        hist[xr_level(image, row + (x < inside ? x : reflect(x, image->width)))]++;
}

/* The histogram of a region of 8 bits that lies inside, of at most 65535 pixels: by turns
 * in four, so that equal neighbours do not wait. */
XR_CLONES static void count_region(uint32_t *hist, const uint8_t *p, size_t stride,
                                   size_t width, size_t height)
{
    uint16_t part[4 * 256] = {0};

    for (size_t y = 0; y < height; y++, p += stride) {
        size_t x = 0;

        for (; x + 4 <= width; x += 4) {
            uint32_t four;

            memcpy(&four, p + x, sizeof four);
            part[four & 255]++;
            part[256 + (four >> 8 & 255)]++;
            part[512 + (four >> 16 & 255)]++;
            part[768 + (four >> 24)]++;
        }
        for (; x < width; x++)
            part[p[x]]++;
    }
    for (size_t i = 0; i < 256; i++)
        hist[i] = (uint32_t)part[i] + part[256 + i] + part[512 + i] + part[768 + i];
}

/* Histograms and tables of all regions. hist: bins of scratch. */
static void region_luts(float *luts, uint32_t *hist, const struct xr_image *image,
                        size_t rw, size_t rh, size_t tiles, size_t bins, double clip)
{
    for (size_t ty = 0; ty < tiles; ty++) {
        for (size_t tx = 0; tx < tiles; tx++) {
            if (bins == 256 && rw * rh < 65536 && (tx + 1) * rw <= image->width &&
                (ty + 1) * rh <= image->height) {
                count_region(
                    hist, (const uint8_t *)image->data + ty * rh * image->width + tx * rw,
                    image->width, rw, rh);
            } else {
                memset(hist, 0, bins * sizeof *hist);
                for (size_t y = ty * rh; y < (ty + 1) * rh; y++)
                    count_row(hist, image, y, tx * rw, (tx + 1) * rw);
            }
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

XR_CLONES static void mix_row(uint8_t *row, const uint32_t *v, const float *shares,
                              size_t n, float share)
{
    for (size_t i = 0; i < n; i++) {
        float a = shares[i], b = 1.0f - a;
        float p = (float)(int32_t)(v[i] & 255), q = (float)(int32_t)(v[i] >> 8 & 255);
        float r = (float)(int32_t)(v[i] >> 16 & 255), s = (float)(int32_t)(v[i] >> 24);
        float mix = (p * b + q * a) * (1.0f - share) + (r * b + s * a) * share;

        row[i] = (uint8_t)(int32_t)xr_round(mix); /* between levels: no clipping */
    }
}

/* What rows of 8 bits are mixed with: four of the tables that meet in each cell, ends of
 * the columns of the cells, shares of the right ones. v: scratch of a row. */
struct mixed {
    uint32_t *four, *ends, *v; /* [tiles+1][256], [tiles+1], [width] */
    float *shares;             /* [width] */
    size_t tiles, width;
};

/* Rows [from, to) of the same four tables. */
static void blend8(uint8_t *pixels, const struct mixed *m, const struct between *rows,
                   size_t from, size_t to)
{
    for (size_t y = from; y < to; y++) {
        uint8_t *row = pixels + y * m->width;
        uint32_t x = 0;

        for (size_t cell = 0; cell <= m->tiles; cell++) {
            xr_look_up_bytes(m->v + x, m->four + cell * 256, row + x, m->ends[cell] - x);
            x = m->ends[cell];
        }
        mix_row(row, m->v, m->shares, m->width, rows[y].share);
    }
}

#ifdef XR_X86
/* The k-th bytes of a table of four, in order. */
XR_VBMI static void split_table(__m512i t[4], const uint32_t *four, int k)
{
    uint8_t bytes[256];

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)(four[i] >> 8 * k);
    for (size_t i = 0; i < 4; i++)
        t[i] = _mm512_loadu_si512(bytes + 64 * i);
}

/* 16 pixels, as mix_row mixes them. */
XR_VBMI static void mix16(uint8_t *row, uint8_t (*looked)[64], const float *shares,
                          __mmask16 some, float share)
{
    __m512 a = _mm512_maskz_loadu_ps(some, shares), v[4];
    __m512 b = _mm512_sub_ps(_mm512_set1_ps(1.0f), a), above, below;

    for (int k = 0; k < 4; k++)
        v[k] = _mm512_cvtepi32_ps(
            _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)looked[k])));
    above = _mm512_add_ps(_mm512_mul_ps(v[0], b), _mm512_mul_ps(v[1], a));
    below = _mm512_add_ps(_mm512_mul_ps(v[2], b), _mm512_mul_ps(v[3], a));
    above = _mm512_add_ps(_mm512_mul_ps(above, _mm512_set1_ps(1.0f - share)),
                          _mm512_mul_ps(below, _mm512_set1_ps(share)));
    _mm512_mask_cvtepi32_storeu_epi8(row, some, _mm512_cvtps_epi32(above));
}

/* The same; tables of bytes stay in registers for all rows of a cell. */
XR_VBMI static void blend_vbmi(uint8_t *pixels, const struct mixed *m,
                               const struct between *rows, size_t from, size_t to)
{
    for (size_t cell = 0; cell <= m->tiles; cell++) {
        size_t begin = cell ? m->ends[cell - 1] : 0, end = m->ends[cell];
        __m512i t[4][4];
        uint8_t looked[4][64];

        for (int k = 0; k < 4; k++)
            split_table(t[k], m->four + cell * 256, k);
        for (size_t y = from; y < to; y++) {
            for (size_t x = begin; x < end; x += 64) {
                uint8_t *row = pixels + y * m->width + x;
                size_t n = end - x < 64 ? end - x : 64;
                __m512i v = _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), row);
                __mmask64 upper = _mm512_movepi8_mask(v);

                for (int k = 0; k < 4; k++) {
                    __m512i low = _mm512_permutex2var_epi8(t[k][0], v, t[k][1]);
                    __m512i high = _mm512_permutex2var_epi8(t[k][2], v, t[k][3]);

                    _mm512_storeu_si512(looked[k],
                                        _mm512_mask_mov_epi8(low, upper, high));
                }
                for (size_t i = 0; i < n; i += 16)
                    mix16(row + i, (uint8_t(*)[64])(looked[0] + i), m->shares + x + i,
                          (__mmask16)(0xffff >> (n - i < 16 ? 16 - (n - i) : 0)),
                          rows[y].share);
            }
        }
    }
}
#endif

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
static void blend_rows(struct xr_image *image, const float *luts, struct mixed *m,
                       const struct between *cols, const struct between *rows)
{
    size_t w = image->width, h = image->height, tiles = m->tiles, to;
    size_t step = tiles * (image->depth == 16 ? 65536 : 256);
    void (*blend)(uint8_t *, const struct mixed *, const struct between *, size_t,
                  size_t) = blend8;

#ifdef XR_X86
    if (xr_simd_vbmi())
        blend = blend_vbmi;
#endif
    for (size_t y = 0; y < h && image->depth == 16; y++)
        blend16((uint16_t *)image->data + y * w, cols, w, luts + rows[y].low * step,
                luts + rows[y].high * step, rows[y].share);
    for (size_t y = 0; y < h && image->depth == 8; y = to) {
        for (to = y + 1; to < h && rows[to].cell == rows[y].cell; to++)
            ;
        fill_cells(m->four, luts + rows[y].low * step, luts + rows[y].high * step, tiles);
        blend(image->data, m, rows, y, to);
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
    uint32_t *hist = xr_alloc_array(bins, sizeof *hist, err);
    struct mixed m = {.tiles = tiles, .width = w};
    struct between *cols = xr_alloc_array(w, sizeof *cols, err);
    struct between *rows = xr_alloc_array(h, sizeof *rows, err);
    int rc = -1;

    m.four = xr_alloc_array(tiles + 1, 256 * sizeof *m.four, err);
    m.ends = xr_alloc_array(tiles + 1, sizeof *m.ends, err);
    m.v = xr_alloc_array(w, sizeof *m.v, err);
    m.shares = xr_alloc_array(w, sizeof *m.shares, err);
    if (luts && hist && m.four && m.ends && m.v && m.shares && cols && rows) {
        rc = 0;
        region_luts(luts, hist, image, rw, rh, tiles, bins, clip);
        place(cols, w, rw, tiles);
        place(rows, h, rh, tiles);
        for (size_t x = 0; x < w; x++) {
            m.shares[x] = cols[x].share;
            m.ends[cols[x].cell] = (uint32_t)x + 1;
        }
        for (size_t i = 1; i <= tiles; i++) /* those without a column */
            m.ends[i] = m.ends[i] > m.ends[i - 1] ? m.ends[i] : m.ends[i - 1];
        blend_rows(image, luts, &m, cols, rows);
    }
    free(luts);
    free(hist);
    free(m.four);
    free(m.ends);
    free(m.v);
    free(m.shares);
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
