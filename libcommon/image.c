/* Images in memory, which decoder reads a file, how its gray is made and how EXIF turns
 * it. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"

int xr_image_check(size_t width, size_t height, struct xr_err *err)
{
    if (width == 0 || height == 0)
        return xr_fail(err, "an image of %zux%zu pixels", width, height);
    if (width > XR_IMAGE_MAX_SIDE || height > XR_IMAGE_MAX_SIDE ||
        width * height > XR_IMAGE_MAX_PIXELS)
        return xr_fail(err,
                       "%zux%zu pixels: more than is read (sides up to %d, %zu pixels)",
                       width, height, XR_IMAGE_MAX_SIDE, XR_IMAGE_MAX_PIXELS);
    return 0;
}

int xr_image_alloc(struct xr_image *image, size_t width, size_t height, size_t channels,
                   int depth, struct xr_err *err)
{
    memset(image, 0, sizeof *image);
    if (xr_image_check(width, height, err))
        return -1;
    image->data = xr_alloc_array(width * height * channels, depth == 16 ? 2 : 1, err);
    if (!image->data)
        return -1;
    image->width = width;
    image->height = height;
    image->channels = channels;
    image->depth = depth;
    return 0;
}

void xr_image_free(struct xr_image *image)
{
    if (!image)
        return;
    free(image->data);
    memset(image, 0, sizeof *image);
}

void xr_image_warn(struct xr_image_info *info, const char *text)
{
    if (info->n_warnings++ == 0)
        snprintf(info->warning, sizeof info->warning, "%s", text);
}

void xr_gray_of_rgb8(uint8_t *gray, const uint8_t *rgb, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gray[i] = (uint8_t)((19595u * rgb[3 * i] + 38470u * rgb[3 * i + 1] +
                             7471u * rgb[3 * i + 2] + 32768u) >>
                            16);
}

void xr_gray_of_rgb16(uint16_t *gray, const uint16_t *rgb, size_t n)
{
    for (size_t i = 0; i < n; i++) /* 65535 * 65536 + 32768 still fits 32 bits */
        gray[i] = (uint16_t)((19595u * rgb[3 * i] + 38470u * rgb[3 * i + 1] +
                              7471u * rgb[3 * i + 2] + 32768u) >>
                             16);
}

static unsigned tiff16(const unsigned char *p, int big)
{
    return big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static uint32_t tiff32(const unsigned char *p, int big)
{
    return big ? (uint32_t)tiff16(p, 1) << 16 | tiff16(p + 2, 1)
               : (uint32_t)tiff16(p + 2, 0) << 16 | tiff16(p, 0);
}

int xr_exif_orientation(const unsigned char *tiff, size_t size)
{
    size_t ifd, n;
    int big;

    if (size < 14 || (memcmp(tiff, "MM\0*", 4) && memcmp(tiff, "II*\0", 4)))
        return 1;
    big = tiff[0] == 'M';
    ifd = tiff32(tiff + 4, big);
    if (ifd > size - 2)
        return 1;
    n = tiff16(tiff + ifd, big);
    for (size_t i = 0, at = ifd + 2; i < n && size - at >= 12; i++, at += 12) {
        unsigned value = tiff16(tiff + at + 8, big);

        if (tiff16(tiff + at, big) != 0x0112)
            continue;
        return tiff16(tiff + at + 2, big) == 3 && value >= 1 && value <= 8 ? (int)value
                                                                           : 1;
    }
    return 1;
}

/* Turn the stored raster as EXIF says: 2..4 keep the sides, 5..8 exchange them. */
static int turn(struct xr_image *image, int orientation, struct xr_err *err)
{
    size_t w = image->width, h = image->height, c = image->channels;
    size_t bytes = c * (image->depth == 16 ? 2 : 1);
    const unsigned char *src = image->data;
    struct xr_image out;
    unsigned char *dst;

    if (xr_image_alloc(&out, orientation > 4 ? h : w, orientation > 4 ? w : h, c,
                       image->depth, err))
        return -1;
    dst = out.data;
    for (size_t y = 0; y < out.height; y++) {
        for (size_t x = 0; x < out.width; x++, dst += bytes) {
            size_t sx = orientation > 4 ? y : x, sy = orientation > 4 ? x : y;

            /* 2: mirrored, 3: half turn, 4: upside down, 5: transposed, 6: to be turned
             * clockwise, 7: transversed, 8: to be turned counter-clockwise */
            if (orientation == 2 || orientation == 3 || orientation == 7 ||
                orientation == 8)
                sx = w - 1 - sx;
            if (orientation == 3 || orientation == 4 || orientation == 6 ||
                orientation == 7)
                sy = h - 1 - sy;
            memcpy(dst, src + (sy * w + sx) * bytes, bytes);
        }
    }
    xr_image_free(image);
    *image = out;
    return 0;
}

/* A film of 10 or 12 bits in a file of 16, not scaled, comes out nearly black: say so. */
static void warn_dark(const struct xr_image *image, struct xr_image_info *info)
{
    size_t n = image->width * image->height * image->channels;
    const uint16_t *p = image->data;
    unsigned top = 0;
    char text[120];

    for (size_t i = 0; i < n; i++)
        top = p[i] > top ? p[i] : top;
    if (top == 0 || top >= 8192)
        return;
    snprintf(text, sizeof text,
             "its 16-bit levels end at %u of 65535, so it is dark: scale them first",
             top);
    xr_image_warn(info, text);
}

int xr_image_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, enum xr_color color, struct xr_err *err)
{
    const unsigned char *bytes = data;
    struct xr_image_info unused;
    int rc;

    info = info ? info : &unused;
    memset(image, 0, sizeof *image);
    memset(info, 0, sizeof *info);
    info->orientation = 1;
    if (size == 0)
        return xr_fail(err, "the file is empty");
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        rc = xr_jpeg_decode(image, info, data, size, color, err);
    else if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        rc = xr_png_decode(image, info, data, size, color, err);
    else if (size >= 132 && memcmp(bytes + 128, "DICM", 4) == 0)
        return xr_fail(err, "a DICOM file: only JPEG and PNG are read");
    else
        return xr_fail(err, "neither a JPEG nor a PNG file");
    if (rc == 0 && info->orientation > 1)
        rc = turn(image, info->orientation, err);
    if (rc == 0 && image->depth == 16)
        warn_dark(image, info);
    if (rc)
        xr_image_free(image);
    return rc;
}
