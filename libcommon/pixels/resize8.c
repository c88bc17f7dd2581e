/* Resampling 8-bit images in two passes of integers, as Pillow does. */
#include <stdlib.h>
#include <string.h>

#include "resize_taps.h"
#include "simd.h"

/* Interleave the low (high) halves of two vectors: what transposing is made of. */
#ifdef __clang__
#define ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ZIP(a, b, ...) __builtin_shuffle(a, b, (v16u8){__VA_ARGS__})
#endif

XR_INLINE v16u8 zip_low(v16u8 a, v16u8 b)
{
    return ZIP(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

XR_INLINE v16u8 zip_high(v16u8 a, v16u8 b)
{
    return ZIP(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* dst[c*dst_stride + r] = src[r*src_stride + c] for 16 x 16 bytes */
XR_INLINE void transpose16(uint8_t *dst, size_t dst_stride, const uint8_t *src,
                           size_t src_stride)
{
    v16u8 a[16], b[16];

    for (int i = 0; i < 16; i++)
        memcpy(&a[i], src + (size_t)i * src_stride, 16);
    for (int pass = 0; pass < 2; pass++) { /* four perfect shuffles of the rows */
        for (int i = 0; i < 8; i++) {
            b[2 * i] = zip_low(a[i], a[i + 8]);
            b[2 * i + 1] = zip_high(a[i], a[i + 8]);
        }
        for (int i = 0; i < 8; i++) {
            a[2 * i] = zip_low(b[i], b[i + 8]);
            a[2 * i + 1] = zip_high(b[i], b[i + 8]);
        }
    }
    for (int i = 0; i < 16; i++)
        memcpy(dst + (size_t)i * dst_stride, &a[i], 16);
}

/*
 * LANES sums at once, tap after tap: dst[i] = clip((half + sum of weight[t] * at[t*step +
 * i]) >> 22). Three forms of the same integers.
 */
XR_INLINE void weigh_base(uint8_t *dst, const uint8_t *at, size_t step,
                          const int32_t *weight, uint32_t n)
{
    int32_t sum[LANES];

    for (size_t i = 0; i < LANES; i++)
        sum[i] = 1 << (PRECISION - 1);
    for (uint32_t t = 0; t < n; t++, at += step) {
        for (size_t i = 0; i < LANES; i++)
            sum[i] += weight[t] * at[i];
    }
    for (size_t i = 0; i < LANES; i++) {
        int32_t v = sum[i] >> PRECISION;

        dst[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

#ifdef XR_X86
XR_INLINE XR_AVX2 void weigh_avx2(uint8_t *dst, const uint8_t *at, size_t step,
                                  const int32_t *weight, uint32_t n)
{
    __m256i sum[LANES / 8];

    for (int i = 0; i < LANES / 8; i++)
        sum[i] = _mm256_set1_epi32(1 << (PRECISION - 1));
    for (uint32_t t = 0; t < n; t++, at += step) {
        __m256i w = _mm256_set1_epi32(weight[t]);

        for (int i = 0; i < LANES / 8; i++) {
            __m128i bytes = _mm_loadl_epi64((const void *)(at + 8 * i));

            sum[i] = _mm256_add_epi32(sum[i],
                                      _mm256_mullo_epi32(w, _mm256_cvtepu8_epi32(bytes)));
        }
    }
    for (int i = 0; i < LANES / 8;
         i += 4) { /* packing saturates; it works within halves */
        __m256i low = _mm256_packs_epi32(_mm256_srai_epi32(sum[i], PRECISION),
                                         _mm256_srai_epi32(sum[i + 1], PRECISION));
        __m256i high = _mm256_packs_epi32(_mm256_srai_epi32(sum[i + 2], PRECISION),
                                          _mm256_srai_epi32(sum[i + 3], PRECISION));
        __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        __m256i bytes = _mm256_packus_epi16(low, high);

        _mm256_storeu_si256((void *)(dst + 8 * i),
                            _mm256_permutevar8x32_epi32(bytes, order));
    }
}

XR_INLINE XR_AVX512 void weigh_avx512(uint8_t *dst, const uint8_t *at, size_t step,
                                      const int32_t *weight, uint32_t n)
{
    __m512i sum[LANES / 16];

    for (int i = 0; i < LANES / 16; i++)
        sum[i] = _mm512_set1_epi32(1 << (PRECISION - 1));
    for (uint32_t t = 0; t < n; t++, at += step) {
        __m512i w = _mm512_set1_epi32(weight[t]);

        for (int i = 0; i < LANES / 16; i++) {
            __m128i bytes = _mm_loadu_si128((const void *)(at + 16 * i));

            sum[i] = _mm512_add_epi32(sum[i],
                                      _mm512_mullo_epi32(w, _mm512_cvtepu8_epi32(bytes)));
        }
    }
    for (int i = 0; i < LANES / 16; i++) {
        __m512i v = _mm512_max_epi32(_mm512_srai_epi32(sum[i], PRECISION),
                                     _mm512_setzero_si512());

        _mm_storeu_si128((void *)(dst + 16 * i), _mm512_cvtusepi32_epi8(v));
    }
}
#endif

/*
 * across: LANES rows of row_stride bytes (row_stride a multiple of 16) to LANES rows of
 * dst_stride; turned: [row_stride][LANES]. down: one output row from the rows of a plane.
 */
#define PASSES(isa, target)                                                              \
    target static void across_##isa(uint8_t *dst, size_t dst_stride, uint8_t *turned,    \
                                    const uint8_t *rows, size_t row_stride,              \
                                    size_t width, const struct xr_taps *taps)            \
    {                                                                                    \
        uint8_t tile[16 * LANES];                                                        \
                                                                                         \
        for (size_t x = 0; x < width; x += 16) {                                         \
            for (size_t r = 0; r < LANES; r += 16)                                       \
                transpose16(turned + x * LANES + r, LANES, rows + r * row_stride + x,    \
                            row_stride);                                                 \
        }                                                                                \
        for (size_t x = 0; x < taps->n; x += 16) {                                       \
            size_t n = taps->n - x < 16 ? taps->n - x : 16;                              \
                                                                                         \
            for (size_t i = 0; i < n; i++)                                               \
                weigh_##isa(tile + i * LANES,                                            \
                            turned + (size_t)taps->start[x + i] * LANES, LANES,          \
                            taps->fixed + (x + i) * taps->room, taps->count[x + i]);     \
            for (size_t r = 0; r < LANES; r += 16)                                       \
                transpose16(dst + r * dst_stride + x, dst_stride, tile + r, LANES);      \
        }                                                                                \
    }                                                                                    \
    target static void down_##isa(uint8_t *dst, const uint8_t *plane, size_t stride,     \
                                  const int32_t *weight, uint32_t n)                     \
    {                                                                                    \
        for (size_t x = 0; x < stride; x += LANES)                                       \
            weigh_##isa(dst + x, plane + x, stride, weight, n);                          \
    }

PASSES(base, )
#ifdef XR_X86
PASSES(avx2, XR_AVX2)
PASSES(avx512, XR_AVX512)
#endif

#ifdef XR_X86
/*
 * The horizontal pass by products of four bytes (AVX-512 VNNI): a weight is three signed
 * bytes, w = a + 256 b + 65536 c, and the sums of each are the same integers. Pixels stay
 * in groups of four; taps begin at a multiple of four, the weights before are 0.
 */
static int quads_make(struct xr_taps *taps, struct xr_err *err)
{
    taps->room4 = (taps->room + 3 + 3) / 4;
    taps->quads = xr_alloc_array(taps->n, 3 * taps->room4 * sizeof *taps->quads, err);
    if (!taps->quads)
        return -1;
    for (size_t i = 0; i < taps->n; i++) {
        int8_t *to = (int8_t *)(taps->quads + i * 3 * taps->room4);

        for (uint32_t t = 0; t < taps->count[i]; t++) {
            int32_t w = taps->fixed[i * taps->room + t];
            size_t at = taps->start[i] % 4 + t;

            for (size_t digit = 0; digit < 3; digit++) {
                int8_t low = (int8_t)(w & 255);

                to[digit * 4 * taps->room4 + at] = low;
                w = (w - low) / 256;
            }
        }
    }
    return 0;
}

/* Four rows of 16 bytes as four columns of groups, 4 LANES bytes apart. */
XR_INLINE XR_AVX512 void turn_quads_4(uint8_t *to, const uint8_t *from, size_t stride)
{
    __m128i a = _mm_loadu_si128((const void *)from);
    __m128i b = _mm_loadu_si128((const void *)(from + stride));
    __m128i c = _mm_loadu_si128((const void *)(from + 2 * stride));
    __m128i d = _mm_loadu_si128((const void *)(from + 3 * stride));
    __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    __m128i ef = _mm_unpackhi_epi32(a, b), gh = _mm_unpackhi_epi32(c, d);

    _mm_storeu_si128((void *)to, _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((void *)(to + 4 * LANES), _mm_unpackhi_epi64(ab, cd));
    _mm_storeu_si128((void *)(to + 8 * LANES), _mm_unpacklo_epi64(ef, gh));
    _mm_storeu_si128((void *)(to + 12 * LANES), _mm_unpackhi_epi64(ef, gh));
}

/* LANES rows as [row_stride / 4][LANES] groups of four bytes, whole lines of the cache at
 * a time. */
XR_INLINE XR_AVX512 void turn_quads(uint8_t *turned, const uint8_t *rows,
                                    size_t row_stride, size_t width)
{
    for (size_t r = 0; r < LANES; r += 16) {
        for (size_t x = 0; x < width; x += 16) {
            for (size_t i = r; i < r + 16; i += 4)
                turn_quads_4(turned + x * LANES + i * 4, rows + i * row_stride + x,
                             row_stride);
        }
    }
}

/* The sums of LANES rows at one output. */
XR_INLINE XR_VNNI void weigh_quads(uint8_t *dst, const uint8_t *at, const int32_t *quads,
                                   size_t room4, size_t n)
{
    __m512i sum[3][LANES / 16];

    for (int i = 0; i < LANES / 16; i++) {
        sum[0][i] = _mm512_set1_epi32(1 << (PRECISION - 1));
        sum[1][i] = sum[2][i] = _mm512_setzero_si512();
    }
    for (size_t t = 0; t < n; t++, at += 4 * LANES) {
        for (int i = 0; i < LANES / 16; i++) {
            __m512i v = _mm512_loadu_si512(at + 64 * i);

            for (size_t k = 0; k < 3; k++)
                sum[k][i] = _mm512_dpbusd_epi32(sum[k][i], v,
                                                _mm512_set1_epi32(quads[k * room4 + t]));
        }
    }
    for (int i = 0; i < LANES / 16; i++) {
        __m512i v = _mm512_add_epi32(sum[0][i],
                                     _mm512_add_epi32(_mm512_slli_epi32(sum[1][i], 8),
                                                      _mm512_slli_epi32(sum[2][i], 16)));

        v = _mm512_max_epi32(_mm512_srai_epi32(v, PRECISION), _mm512_setzero_si512());
        _mm_storeu_si128((void *)(dst + 16 * i), _mm512_cvtusepi32_epi8(v));
    }
}

XR_VNNI static void across_vnni(uint8_t *dst, size_t dst_stride, uint8_t *turned,
                                const uint8_t *rows, size_t row_stride, size_t width,
                                const struct xr_taps *taps)
{
    uint8_t tile[16 * LANES];

    turn_quads(turned, rows, row_stride, width);
    for (size_t x = 0; x < taps->n; x += 16) {
        size_t n = taps->n - x < 16 ? taps->n - x : 16;

        for (size_t i = 0; i < n; i++) {
            uint32_t start = taps->start[x + i], skew = start % 4;

            weigh_quads(tile + i * LANES, turned + (size_t)(start - skew) * LANES,
                        taps->quads + (x + i) * 3 * taps->room4, taps->room4,
                        (taps->count[x + i] + skew + 3) / 4);
        }
        for (size_t r = 0; r < LANES; r += 16)
            transpose16(dst + r * dst_stride + x, dst_stride, tile + r, LANES);
    }
}
#endif

static void across(uint8_t *dst, size_t dst_stride, uint8_t *turned, const uint8_t *rows,
                   size_t row_stride, size_t width, const struct xr_taps *taps)
{
    switch (xr_simd()) {
#ifdef XR_X86
    case 2:
        if (taps->quads) {
            across_vnni(dst, dst_stride, turned, rows, row_stride, width, taps);
            return;
        }
        across_avx512(dst, dst_stride, turned, rows, row_stride, width, taps);
        return;
    case 1:
        across_avx2(dst, dst_stride, turned, rows, row_stride, width, taps);
        return;
#endif
    default:
        across_base(dst, dst_stride, turned, rows, row_stride, width, taps);
    }
}

static void down(uint8_t *dst, const uint8_t *plane, size_t stride, const int32_t *weight,
                 uint32_t n)
{
    switch (xr_simd()) {
#ifdef XR_X86
    case 2:
        down_avx512(dst, plane, stride, weight, n);
        return;
    case 1:
        down_avx2(dst, plane, stride, weight, n);
        return;
#endif
    default:
        down_base(dst, plane, stride, weight, n);
    }
}

/* Channel c of row y of the box, packed. */
static void take_row(uint8_t *to, const struct xr_image *src, const struct xr_box *box,
                     size_t y, size_t c)
{
    const uint8_t *from = (const uint8_t *)src->data +
                          ((box->y + y) * src->width + box->x) * src->channels + c;

    if (src->channels == 1) {
        memcpy(to, from, box->w);
        return;
    }
    for (size_t x = 0; x < box->w; x++)
        to[x] = from[x * src->channels];
}

/* Horizontal pass of channel c into plane [box->h rounded up to LANES][stride]. */
static int plane_across(uint8_t *plane, size_t stride, const struct xr_image *src,
                        const struct xr_box *box, size_t c, const struct xr_taps *taps,
                        struct xr_err *err)
{
    size_t wide = round_up(box->w, 16);
    uint8_t *rows, *turned;

    if (taps->n == box->w) { /* the same width: nothing to do, as in Pillow */
        for (size_t y = 0; y < box->h; y++)
            take_row(plane + y * stride, src, box, y, c);
        return 0;
    }
    rows = xr_alloc_array(LANES, wide, err);
    turned = xr_alloc_array(LANES, wide, err);
    for (size_t y = 0; rows && turned && y < box->h; y += LANES) {
        if (src->channels == 1 &&
            y + LANES < box->h) { /* rows follow: reading on is safe */
            across(plane + y * stride, stride, turned,
                   (const uint8_t *)src->data + (box->y + y) * src->width + box->x,
                   src->width, box->w, taps);
            continue;
        }
        for (size_t i = 0; i < LANES && y + i < box->h; i++)
            take_row(rows + i * wide, src, box, y + i, c);
        across(plane + y * stride, stride, turned, rows, wide, wide, taps);
    }
    free(rows);
    free(turned);
    return rows && turned ? 0 : -1;
}

int xr_resize8(struct xr_image *dst, const struct xr_image *src, const struct xr_box *box,
               struct xr_taps *tx, const struct xr_taps *ty, struct xr_err *err)
{
    size_t stride = round_up(tx->n, LANES), channels = src->channels;
    uint8_t *plane = xr_alloc_array(round_up(box->h, LANES), stride, err);
    uint8_t *line = xr_alloc_array(stride, 1, err);
    int rc = plane && line ? 0 : -1;

#ifdef XR_X86
    if (rc == 0 && xr_simd() == 2 && xr_simd_vnni())
        rc = quads_make(tx, err);
#endif
    for (size_t c = 0; c < channels && rc == 0; c++) {
        rc = plane_across(plane, stride, src, box, c, tx, err);
        for (size_t y = 0; y < ty->n && rc == 0; y++) {
            uint8_t *to = (uint8_t *)dst->data + y * tx->n * channels + c;
            const uint8_t *from = line;

            if (ty->n == box->h)
                from = plane + y * stride;
            else
                down(line, plane + (size_t)ty->start[y] * stride, stride,
                     ty->fixed + y * ty->room, ty->count[y]);
            if (channels == 1) {
                memcpy(to, from, tx->n);
                continue;
            }
            for (size_t x = 0; x < tx->n; x++)
                to[x * channels] = from[x];
        }
    }
    free(plane);
    free(line);
    return rc;
}
