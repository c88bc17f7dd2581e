/*
 * What the decoders behind image.h share. Private to libcommon/image*.c.
 */
#ifndef XR_IMAGE_CODEC_H
#define XR_IMAGE_CODEC_H

#include "image.h"

#define XR_IMAGE_MAX_SIDE 65500
#define XR_IMAGE_MAX_PIXELS ((size_t)1 << 28)

/* The caps of image.h, checked by every decoder before it allocates. */
int xr_image_check(size_t width, size_t height, struct xr_err *err) XR_MUST_USE;

/* Note a warning of a codec library: the first text is kept, all are counted. */
void xr_image_warn(struct xr_image_info *info, const char *text);

/* EXIF orientation 1..8 from a TIFF block (what follows "Exif\0\0"), 1 if it says nothing
 * usable. */
int xr_exif_orientation(const unsigned char *tiff, size_t size);

/*
 * Gray of one row or a whole image: n pixels of RGB, (19595 R + 38470 G + 7471 B + 32768)
 * >> 16, which is BT.601's luma as JPEG stores it and as Pillow's convert("L") computes
 * it. In place is allowed.
 */
void xr_gray_of_rgb8(uint8_t *gray, const uint8_t *rgb, size_t n);
void xr_gray_of_rgb16(uint16_t *gray, const uint16_t *rgb, size_t n);

int xr_jpeg_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                   size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;
int xr_png_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;

#endif
