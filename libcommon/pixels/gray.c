/* Gray levels: look-up tables, histograms, CIELAB. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "simd.h"

#ifdef XR_X86
/* Two look-ups among 128 bytes each; the highest bit chooses. */
XR_VBMI static size_t apply_vbmi(uint8_t *p, const uint8_t *lut, size_t n)
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
    if (xr_simd_vbmi())
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
