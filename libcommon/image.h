/*
 * Image files to pixels and back. Content decides what a file is, not its name.
 */
#ifndef XR_IMAGE_H
#define XR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* A raster: rows of interleaved channels, no padding. depth 8: uint8_t, 16: uint16_t
 * (native). */
struct xr_image {
    size_t width, height, channels; /* channels 1 (gray) or 3 (RGB) once decoded */
    int depth;
    void *data; /* owned: xr_image_free */
};

int xr_image_alloc(struct xr_image *image, size_t width, size_t height, size_t channels,
                   int depth, struct xr_err *err) XR_MUST_USE; /* zeroed */
void xr_image_free(struct xr_image *image);

/* What the file said, besides its pixels. */
struct xr_image_info {
    char format[16];     /* jpeg, png, ... */
    char mode[16];       /* as stored: gray, rgb, cmyk, palette, graya, rgba, bits */
    int orientation;     /* EXIF 1..8; pixels are already turned */
    int stored_depth;    /* 1..16 */
    unsigned n_warnings; /* extraneous bytes in a JPEG, 16 bits of which 12 are used */
    char warning[200];   /* the first one */
};

enum xr_color {
    XR_COLOR_GRAY,
    XR_COLOR_RGB
};

/*
 * Decode a whole file in memory, to gray (the one rule of xr-augment(1)) or RGB, 8 or 16
 * bit as it is stored (depths below 8 are scaled to 0..255). Sides above 65,500 and more
 * than 2^28 pixels are refused before any allocation. libjpeg's premature end is an
 * error, extraneous bytes a warning.
 */
int xr_image_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;

/* Append an encoded file; equal pixels give equal bytes. Text chunks are not written. */
int xr_image_png(struct xr_buf *buf, const struct xr_image *image,
                 struct xr_err *err) XR_MUST_USE;
int xr_image_jpeg(struct xr_buf *buf, const struct xr_image *image, int quality,
                  struct xr_err *err) XR_MUST_USE;

#endif
