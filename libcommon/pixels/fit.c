/* Films of any shape become films of the wanted one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"

int xr_fit_parse(struct xr_fit *fit, const char *text, struct xr_err *err)
{
    double ratio = 1;
    char *end;

    if (strncmp(text, "crop:", 5) == 0) {
        ratio = strtod(text + 5, &end);
        if (end == text + 5 || *end || strlen(text) > 15 ||
            !(ratio >= 0.05 && ratio <= 1))
            return xr_fail_usage(err, "'%s': crop takes a ratio from 0.05 to 1", text);
        fit->mode = XR_FIT_CROP;
    } else if (strcmp(text, "crop") == 0) {
        fit->mode = XR_FIT_CROP;
    } else if (strcmp(text, "pad") == 0) {
        fit->mode = XR_FIT_PAD;
    } else if (strcmp(text, "squash") == 0) {
        fit->mode = XR_FIT_SQUASH;
    } else {
        return xr_fail_usage(err, "'%s': not one of squash, pad, crop, crop:RATIO", text);
    }
    fit->ratio = ratio;
    return 0;
}

void xr_fit_name(char text[16], const struct xr_fit *fit)
{
    char ratio[32];

    snprintf(ratio, sizeof ratio, "crop:%.6g", fit->ratio);
    if (fit->mode == XR_FIT_CROP && fit->ratio < 1)
        snprintf(text, 16, "%.15s", ratio);
    else
        snprintf(text, 16, "%s",
                 fit->mode == XR_FIT_CROP  ? "crop"
                 : fit->mode == XR_FIT_PAD ? "pad"
                                           : "squash");
}

static size_t at_least_1(double v)
{
    return v < 1 ? 1 : (size_t)v;
}

/* Where the film lies in the wanted shape: the sides it is resampled to, and the place of
 * its corner there, which is outside where it is cropped. */
struct placed {
    size_t width, height;
    ptrdiff_t x, y;
};

/* The sides to resize to: the one that is shorter in units of the wanted shape becomes
 * wanted / ratio, the other keeps the proportions; both as timm computes them for
 * squares. */
static struct placed place_crop(const struct xr_fit *fit, size_t width, size_t height)
{
    bool tall = width * fit->height <= height * fit->width;
    size_t side = (size_t)((double)(tall ? fit->width : fit->height) / fit->ratio);
    size_t other = tall ? at_least_1((double)(side * height) / (double)width)
                        : at_least_1((double)(side * width) / (double)height);
    struct placed p = {tall ? side : other, tall ? other : side, 0, 0};

    p.width = p.width < fit->width ? fit->width : p.width;
    p.height = p.height < fit->height ? fit->height : p.height;
    p.x = -(ptrdiff_t)rint((double)(p.width - fit->width) / 2);
    p.y = -(ptrdiff_t)rint((double)(p.height - fit->height) / 2);
    return p;
}

static struct placed place(const struct xr_fit *fit, size_t width, size_t height)
{
    double sx = (double)fit->width / (double)width;
    double sy = (double)fit->height / (double)height, s = sx < sy ? sx : sy;
    struct placed p = {fit->width, fit->height, 0, 0};

    if (fit->mode == XR_FIT_CROP)
        return place_crop(fit, width, height);
    if (fit->mode == XR_FIT_PAD) {
        p.width = at_least_1(rint((double)width * s));
        p.height = at_least_1(rint((double)height * s));
        p.x = (ptrdiff_t)((fit->width - p.width) / 2);
        p.y = (ptrdiff_t)((fit->height - p.height) / 2);
    }
    return p;
}

void xr_fit_least(size_t sides[2], const struct xr_fit *fit, size_t width, size_t height)
{
    struct placed p = place(fit, width, height);

    sides[0] = p.width;
    sides[1] = p.height;
}

int xr_fit_apply(struct xr_image *dst, const struct xr_image *src,
                 const struct xr_fit *fit, struct xr_err *err)
{
    return xr_fit_apply_of(dst, src, src->width, src->height, fit, err);
}

int xr_fit_apply_of(struct xr_image *dst, const struct xr_image *src, size_t width,
                    size_t height, const struct xr_fit *fit, struct xr_err *err)
{
    struct placed p = place(fit, width, height);
    struct xr_image inner;
    int rc;

    if (p.width == fit->width && p.height == fit->height)
        return xr_resize(dst, src, NULL, p.width, p.height, fit->interp, err);
    if (xr_resize(&inner, src, NULL, p.width, p.height, fit->interp, err))
        return -1;
    rc = xr_window(dst, &inner, -p.x, -p.y, fit->width, fit->height, err);
    xr_image_free(&inner);
    return rc;
}

void xr_fit_points(float *points, size_t n, size_t width, size_t height,
                   const struct xr_fit *fit)
{
    struct placed p = place(fit, width, height);
    double sx = (double)p.width / (double)width, sy = (double)p.height / (double)height;

    for (size_t i = 0; i < n; i++) {
        double x = points[2 * i], y = points[2 * i + 1];

        points[2 * i] = (float)((x + 0.5) * sx - 0.5 + (double)p.x);
        points[2 * i + 1] = (float)((y + 0.5) * sy - 0.5 + (double)p.y);
    }
}

int xr_window(struct xr_image *dst, const struct xr_image *src, ptrdiff_t x, ptrdiff_t y,
              size_t width, size_t height, struct xr_err *err)
{
    size_t bytes = src->channels * (src->depth == 16 ? 2 : 1);
    ptrdiff_t w = (ptrdiff_t)width, sw = (ptrdiff_t)src->width;
    ptrdiff_t left = x < 0 ? -x : 0, right = sw - x < w ? sw - x : w;

    if (xr_image_alloc(dst, width, height, src->channels, src->depth, err))
        return -1;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)height && left < right; i++) {
        if (y + i < 0 || y + i >= (ptrdiff_t)src->height)
            continue;
        memcpy((uint8_t *)dst->data + (size_t)(i * w + left) * bytes,
               (const uint8_t *)src->data + (size_t)((y + i) * sw + x + left) * bytes,
               (size_t)(right - left) * bytes);
    }
    return 0;
}

int xr_to8(struct xr_image *image, struct xr_err *err)
{
    size_t n = image->width * image->height * image->channels;
    const uint16_t *from = image->data;
    uint8_t *to;

    if (image->depth == 8)
        return 0;
    to = xr_alloc_array(n, 1, err);
    if (!to)
        return -1;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)((from[i] * 255u + 32767u) / 65535u);
    free(image->data);
    image->data = to;
    image->depth = 8;
    return 0;
}

int xr_to16(struct xr_image *image, struct xr_err *err)
{
    size_t n = image->width * image->height * image->channels;
    const uint8_t *from = image->data;
    uint16_t *to;

    if (image->depth == 16)
        return 0;
    to = xr_alloc_array(n, sizeof *to, err);
    if (!to)
        return -1;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t)(from[i] * 257u);
    free(image->data);
    image->data = to;
    image->depth = 16;
    return 0;
}

/* The level of rank `rank` (from 0, between samples) of n. */
static double percentile(const size_t *hist, size_t n, double percent)
{
    double rank = (double)(n - 1) * percent / 100, below;
    size_t whole = (size_t)rank, level = 0, sum = hist[0], next;

    while (sum <= whole)
        sum += hist[++level];
    below = (double)level;
    next = level;
    while (sum <= whole + 1 && sum < n)
        sum += hist[++next];
    return below + (rank - (double)whole) * ((double)next - below);
}

int xr_stretch(struct xr_image *image, const double ends[2], struct xr_err *err)
{
    size_t n = image->width * image->height * image->channels;
    size_t *hist = xr_alloc_array(65536, sizeof *hist, err);
    double low, high;

    if (!hist || xr_to16(image, err)) {
        free(hist);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        hist[xr_level(image, i)]++;
    low = percentile(hist, n, ends[0]);
    high = percentile(hist, n, ends[1]);
    free(hist);
    for (size_t i = 0; i < n && high > low; i++) {
        double v = ((double)xr_level(image, i) - low) / (high - low);

        xr_set_level(image, i, (size_t)rint((v < 0 ? 0 : v > 1 ? 1 : v) * 65535));
    }
    return 0;
}

int xr_to_depth(struct xr_image *image, int depth, struct xr_err *err)
{
    return depth == 16 ? xr_to16(image, err) : xr_to8(image, err);
}
