/* Gray, RGB, alpha and levels of an image in memory: the one rule of xr-augment(1). */
#include <string.h>

#include "image_codec.h"

void xr_gray_of_rgb8(uint8_t *gray, const uint8_t *rgb, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gray[i] = (uint8_t)xr_luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void xr_gray_of_rgb16(uint16_t *gray, const uint16_t *rgb, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gray[i] = (uint16_t)xr_luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void xr_over_black(struct xr_image *image)
{
    size_t n = image->width * image->height, c = image->channels, keep = c - 1;

    if (c != 2 && c != 4)
        return;
    if (image->depth == 16) {
        uint16_t *to = image->data;
        const uint16_t *from = image->data;

        for (size_t i = 0; i < n; i++, from += c) {
            uint32_t a = from[keep];

            for (size_t k = 0; k < keep; k++)
                *to++ = (uint16_t)((from[k] * a + 32767u) / 65535u);
        }
    } else {
        uint8_t *to = image->data;
        const uint8_t *from = image->data;

        for (size_t i = 0; i < n; i++, from += c) {
            unsigned a = from[keep];

            for (size_t k = 0; k < keep; k++)
                *to++ = (uint8_t)((from[k] * a + 127u) / 255u);
        }
    }
    image->channels = keep;
}

int xr_recolor(struct xr_image *image, enum xr_color color, struct xr_err *err)
{
    size_t n = image->width * image->height;
    struct xr_image rgb;

    if (color == XR_COLOR_GRAY && image->channels == 3) {
        if (image->depth == 16)
            xr_gray_of_rgb16(image->data, image->data, n);
        else
            xr_gray_of_rgb8(image->data, image->data, n);
        image->channels = 1;
    } else if (color == XR_COLOR_RGB && image->channels == 1) {
        if (xr_image_alloc(&rgb, image->width, image->height, 3, image->depth, err))
            return -1;
        for (size_t i = 0; i < 3 * n; i++) {
            if (image->depth == 16)
                ((uint16_t *)rgb.data)[i] = ((const uint16_t *)image->data)[i / 3];
            else
                ((uint8_t *)rgb.data)[i] = ((const uint8_t *)image->data)[i / 3];
        }
        xr_image_free(image);
        *image = rgb;
    }
    return 0;
}

void xr_spread(struct xr_image *image, unsigned top)
{
    size_t n = image->width * image->height * image->channels;
    unsigned full = image->depth == 16 ? 65535 : 255;

    if (top == full || top == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        unsigned v = image->depth == 16 ? ((uint16_t *)image->data)[i]
                                        : ((uint8_t *)image->data)[i];

        v = v >= top ? full : (unsigned)(((uint64_t)v * full + top / 2) / top);
        if (image->depth == 16)
            ((uint16_t *)image->data)[i] = (uint16_t)v;
        else
            ((uint8_t *)image->data)[i] = (uint8_t)v;
    }
}
