/*
 * What the decoders behind image.h share. Private to libcommon.
 */
#ifndef XR_IMAGE_CODEC_H
#define XR_IMAGE_CODEC_H

#include "image.h"

#define XR_IMAGE_MAX_SIDE 65500
#define XR_IMAGE_MAX_PIXELS ((size_t)1 << 28)

/* The caps of image.h, checked by every decoder before it allocates. */
int xr_image_check(size_t width, size_t height, struct xr_err *err) XR_MUST_USE;

/* As xr_image_alloc, but not zeroed: for who writes every pixel. A film of 5 million
 * pixels takes a fiftieth of its decoding to be zeroed. */
int xr_image_room(struct xr_image *image, size_t width, size_t height, size_t channels,
                  int depth, struct xr_err *err) XR_MUST_USE;

/* Note a warning of a codec library: the first text is kept, all are counted. */
void xr_image_warn(struct xr_image_info *info, const char *text);

/* EXIF orientation 1..8 from a TIFF block (what follows "Exif\0\0"), 1 if it says nothing
 * usable. */
int xr_exif_orientation(const unsigned char *tiff, size_t size);

/*
 * Gray of one row or a whole image: xr_luma of n pixels of RGB. In place is allowed.
 */
void xr_gray_of_rgb8(uint8_t *gray, const uint8_t *rgb, size_t n);
void xr_gray_of_rgb16(uint16_t *gray, const uint16_t *rgb, size_t n);

/* Light on a black ground: channels 2 and 4 end in alpha, which is multiplied in and
 * left out. */
void xr_over_black(struct xr_image *image);

/* Gray to RGB or RGB to gray, in place where it shrinks. */
int xr_recolor(struct xr_image *image, enum xr_color color,
               struct xr_err *err) XR_MUST_USE;

/* Spread levels 0..top (top up to 65535) over the whole of image->depth, rounded; what is
 * above top becomes the brightest. */
void xr_spread(struct xr_image *image, unsigned top);

/* Note a fact for KEY.json; what does not fit, and empty text, is left out. */
void xr_image_text(struct xr_image_info *info, const char *name, const char *value);
void xr_image_json(struct xr_image_info *info, const char *name, const char *fmt, ...)
    XR_PRINTF(3, 4);

/* Is `pick` one of n frames? *index counts from 0; of several one must be chosen. */
int xr_pick_frame(size_t *index, const struct xr_pick *pick, size_t n,
                  struct xr_err *err) XR_MUST_USE;

bool xr_pnm_is(const unsigned char *head, size_t size);
bool xr_tiff_is(const unsigned char *head, size_t size);
bool xr_dicom_is(const unsigned char *head, size_t size);
bool xr_nifti_is(const unsigned char *head, size_t size); /* also gzipped */

/* least: see xr_image_decode_least; NULL: whole. */
int xr_jpeg_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                   size_t size, enum xr_color color, const struct xr_image_least *least,
                   struct xr_err *err) XR_MUST_USE;
int xr_png_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;
int xr_pnm_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;
int xr_tiff_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                   size_t size, const struct xr_pick *pick, enum xr_color color,
                   struct xr_err *err) XR_MUST_USE;
int xr_tiff_frames(struct xr_frames *frames, const void *data, size_t size,
                   struct xr_err *err) XR_MUST_USE;
int xr_dicom_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err) XR_MUST_USE;
int xr_dicom_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err) XR_MUST_USE;
int xr_nifti_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err) XR_MUST_USE;
int xr_nifti_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err) XR_MUST_USE;

/* A JPEG of 8 bits without any conversion: its components as they are stored, interleaved
 * (YCbCr stays YCbCr), into out [height][width][channels] of exactly that shape. */
int xr_jpeg_stored(uint8_t *out, size_t width, size_t height, size_t channels,
                   const void *data, size_t size, struct xr_err *err) XR_MUST_USE;

#endif
