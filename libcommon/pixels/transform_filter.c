/* Blurs and sharpening, and what compression and small screens leave. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

static int do_blur(struct xr_job *job)
{
    return xr_gauss_blur(job->film->image, xr_job_value(job, 0), 0, job->err);
}

static int do_median(struct xr_job *job)
{
    return xr_median(job->film->image, xr_job_value(job, 0) < 4 ? 3 : 5, job->err);
}

/* --- sharpening ----------------------------------------------------------------------
 */

/* Weights of a pixel and of the sum of its eight neighbours. */
struct kernel3 {
    float middle, around;
};

XR_CLONES static void sum_rows(uint16_t *restrict sum, const uint8_t *restrict a,
                               const uint8_t *restrict b, const uint8_t *restrict d,
                               size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = (uint16_t)(a[i] + b[i] + d[i]);
}

/* dst may be the row itself. sum: of three rows, with a pixel of border on each side. */
XR_CLONES static void kernel_row(uint8_t *dst, const uint8_t *row, const uint16_t *sum,
                                 size_t n, size_t c, struct kernel3 k)
{
    for (size_t i = 0; i < n; i++) {
        float near = (float)(sum[i] + sum[i + c] + sum[i + 2 * c] - row[i]);
        float v = k.middle * (float)row[i] + k.around * near;

        dst[i] = (uint8_t)(int32_t)xr_round(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static size_t mirrored(size_t i, size_t n)
{
    return n == 1 ? 0 : i < n ? i : 2 * (n - 1) - i;
}

/* The same of 16 bits, sample by sample. */
static void convolve3_16(uint16_t *out, const struct xr_image *image, struct kernel3 k)
{
    size_t c = image->channels, n = image->width * c, h = image->height;
    size_t wide = image->width > 1 ? c : 0;

    for (size_t y = 0; y < h; y++) {
        size_t lines[3] = {y ? y - 1 : mirrored(1, h), y, mirrored(y + 1, h)};

        for (size_t i = 0; i < n; i++) {
            size_t left = i < c ? i + wide : i - c, right = i + c < n ? i + c : i - wide;
            const uint16_t *row = (const uint16_t *)image->data + y * n;
            uint32_t near = 0;
            float v;

            for (int t = 0; t < 3; t++) {
                const uint16_t *p = (const uint16_t *)image->data + lines[t] * n;

                near += (uint32_t)p[left] + p[i] + p[right];
            }
            v = k.middle * (float)row[i] + k.around * (float)(near - row[i]);
            out[y * n + i] = (uint16_t)(int32_t)xr_round(v < 0       ? 0
                                                         : v > 65535 ? 65535
                                                                     : v);
        }
    }
}

/* A 3x3 kernel, mirrored at the border, rounded: out of the image's size and depth. */
static int convolve3(void *to, const struct xr_image *image, struct kernel3 k,
                     struct xr_err *err)
{
    size_t c = image->channels, n = image->width * c, h = image->height;
    const uint8_t *p = image->data;
    uint8_t *out = to;
    uint16_t *sum;

    if (image->depth == 16) {
        convolve3_16(to, image, k);
        return 0;
    }
    sum = xr_alloc_array(n + 2 * c, sizeof *sum, err);
    if (!sum)
        return -1;
    for (size_t y = 0; y < h; y++) {
        size_t above = y ? y - 1 : mirrored(1, h), below = mirrored(y + 1, h);

        sum_rows(sum + c, p + above * n, p + y * n, p + below * n, n);
        memcpy(sum, sum + (image->width > 1 ? 2 * c : c), c * sizeof *sum);
        memcpy(sum + n + c, sum + (image->width > 1 ? n - c : c), c * sizeof *sum);
        kernel_row(out + y * n, p + y * n, sum, n, c, k);
    }
    free(sum);
    return 0;
}

static void *samples_like(const struct xr_image *image, struct xr_err *err)
{
    return xr_alloc_array(image->width * image->channels,
                          image->height * (image->depth == 16 ? 2 : 1), err);
}

/* albumentations' Sharpen, by its kernel. */
static int do_sharpen(struct xr_job *job)
{
    double alpha = xr_job_value(job, 0), lightness = xr_job_value(job, 1);
    struct kernel3 k = {(float)(1 - alpha + alpha * (8 + lightness)), (float)-alpha};
    void *out = samples_like(job->film->image, job->err);

    if (!out || convolve3(out, job->film->image, k, job->err)) {
        free(out);
        return -1;
    }
    free(job->film->image->data);
    job->film->image->data = out;
    return 0;
}

XR_CLONES static void blend_rows(uint8_t *row, const uint8_t *smooth, size_t n,
                                 float factor)
{
    for (size_t i = 0; i < n; i++) {
        float v = (float)smooth[i] + factor * ((float)row[i] - (float)smooth[i]);

        row[i] = (uint8_t)(int32_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static void blend_rows16(uint16_t *row, const uint16_t *smooth, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++) {
        float v = (float)smooth[i] + factor * ((float)row[i] - (float)smooth[i]);

        row[i] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
    }
}

/* Pillow's ImageEnhance.Sharpness: the outermost pixels stay as they are. */
static int do_sharpness(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    float factor = (float)(1 + xr_job_value(job, 0));
    size_t c = image->channels, n = image->width * c;
    void *smooth = samples_like(image, job->err);
    int rc = smooth ? convolve3(smooth, image, (struct kernel3){5 / 13.0F, 1 / 13.0F},
                                job->err)
                    : -1;

    for (size_t y = 1; y + 1 < image->height && rc == 0 && n > 2 * c; y++) {
        size_t at = y * n + c;

        if (image->depth == 16)
            blend_rows16((uint16_t *)image->data + at, (uint16_t *)smooth + at, n - 2 * c,
                         factor);
        else
            blend_rows((uint8_t *)image->data + at, (uint8_t *)smooth + at, n - 2 * c,
                       factor);
    }
    free(smooth);
    return rc;
}

/* What one channel of an unsharp mask is made of. */
struct unsharp {
    size_t height, width, taps;
    double sigma;
    float amount, threshold, white;
    float *level, *plane, *edge; /* the levels; blurred; where they differ, blurred */
};

XR_CLONES static void unsharp_mix(const struct unsharp *u, size_t n)
{
    const float *blurred = u->plane, *soft = u->edge;
    float amount = u->amount, white = u->white, *level = u->level;

    for (size_t i = 0; i < n; i++) {
        float v = level[i], sharp = v + amount * (v - blurred[i]);

        sharp = sharp < 0 ? 0 : sharp > white ? white : sharp;
        level[i] = v + soft[i] * (sharp - v);
    }
}

static int unsharp_plane(const struct unsharp *u, struct xr_err *err)
{
    size_t n = u->height * u->width;

    memcpy(u->plane, u->level, n * sizeof *u->plane);
    if (xr_gauss_f32(u->plane, u->height, u->width, u->sigma, u->taps, false, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        u->edge[i] = fabsf(u->level[i] - u->plane[i]) > u->threshold;
    if (xr_gauss_f32(u->edge, u->height, u->width, u->sigma, u->taps, false, err))
        return -1;
    unsharp_mix(u, n);
    return 0;
}

/* albumentations' UnsharpMask, with as many taps as the deviation needs. */
static int do_unsharp(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = image->width * image->height;
    struct unsharp u = {.height = image->height, .width = image->width};
    int rc = 0;

    u.sigma = xr_job_value(job, 0);
    u.amount = (float)xr_job_value(job, 1);
    u.threshold = (float)xr_levels(image, xr_job_value(job, 2));
    u.white = (float)xr_white(image);
    u.taps = (size_t)(8 * u.sigma + 1.5) | 1;
    u.level = xr_alloc_array(n, 3 * sizeof *u.level, job->err);
    if (!u.level)
        return -1;
    u.plane = u.level + n;
    u.edge = u.plane + n;
    for (size_t k = 0; k < image->channels && rc == 0; k++) {
        xr_plane_load(u.level, image, k);
        rc = unsharp_plane(&u, job->err);
        if (rc == 0)
            xr_plane_store(image, k, u.level);
    }
    free(u.level);
    return rc;
}

/* --- what is lost on the way ---------------------------------------------------------
 */

static int do_jpeg(struct xr_job *job)
{
    struct xr_image *image = job->film->image, out;
    enum xr_color color = image->channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
    struct xr_buf file = {0};
    int rc = xr_image_jpeg(&file, image, (int)xr_job_value(job, 0), job->err) ||
             xr_image_decode(&out, NULL, file.data, file.size, color, job->err);

    xr_buf_free(&file);
    return xr_image_become(image, &out, rc ? -1 : 0);
}

static int do_downscale(struct xr_job *job)
{
    struct xr_image *image = job->film->image, low, out;
    double scale = xr_job_value(job, 0);
    enum xr_interp down = (enum xr_interp)xr_job_word(job, 1),
                   up = (enum xr_interp)xr_job_word(job, 2);
    size_t w = (size_t)fmax(1, rint((double)image->width * scale));
    size_t h = (size_t)fmax(1, rint((double)image->height * scale));
    int rc;

    if (xr_resize(&low, image, NULL, w, h, down, job->err))
        return -1;
    rc = xr_resize(&out, &low, NULL, image->width, image->height, up, job->err);
    xr_image_free(&low);
    return xr_image_become(image, &out, rc);
}

const struct xr_transform xr_transforms_filter[] = {
    {"blur", do_blur, {{"sigma", XR_REAL, 0.5, 1.5, 0.1, 50, NULL}}, .p = 0.5},
    {"median", do_median, {{"size", XR_WHOLE, 3, 3, 3, 5, NULL}}, .p = 0.5},
    {"sharpen",
     do_sharpen,
     {{"alpha", XR_REAL, 0.1, 0.3, 0, 1, NULL},
      {"lightness", XR_REAL, 0.5, 1, 0, 10, NULL}},
     .p = 0.5},
    {"unsharp",
     do_unsharp,
     {{"sigma", XR_REAL, 0.5, 2, 0.1, 50, NULL},
      {"amount", XR_REAL, 0.2, 0.5, 0, 10, NULL},
      {"threshold", XR_REAL, 10, 10, 0, 255, NULL}},
     .p = 0.5},
    {"sharpness",
     do_sharpness,
     {{"sharpness", XR_AROUND, -0.5, 0.5, -1, 10, NULL}},
     .p = 0.5},
    {"jpeg", do_jpeg, {{"quality", XR_WHOLE, 40, 90, 1, 100, NULL}}, XR_ONLY8, .p = 0.5},
    {"downscale",
     do_downscale,
     {{"scale", XR_REAL, 0.4, 0.8, 0.01, 1, NULL},
      {"down", XR_WORD, XR_BOX, XR_BOX, 0, 6, XR_INTERPS},
      {"up", XR_WORD, XR_BILINEAR, XR_BILINEAR, 0, 6, XR_INTERPS}},
     .p = 0.5},
    {0},
};
