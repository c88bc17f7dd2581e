/*
 * Arithmetic on pixels: resize, warps, histograms, filters. Every function is a pure
 * function of its arguments, gives the same bytes on any processor, and may run in
 * several threads at once on different outputs. Images are those of image.h; "any" below
 * means 8 or 16 bit, 1 or 3 channels. Gray levels that are given to a function of 16 bits
 * are those of 8, so that black is 0 and white 255 at either depth: one of them is 257 of
 * the levels of 16.
 */
#ifndef XR_PIXELS_H
#define XR_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "image.h"

/* --- size -------------------------------------------------------------------- */

enum xr_interp {
    XR_NEAREST,
    XR_BOX,
    XR_BILINEAR,
    XR_BICUBIC, /* a = -0.5 */
    XR_LANCZOS, /* 3 lobes */
    XR_AREA,    /* OpenCV's INTER_AREA; where it enlarges, bilinear */
    XR_LINEAR,  /* OpenCV's INTER_LINEAR: no antialiasing */
    XR_N_INTERP
};

#define XR_INTERPS                                                                       \
    "nearest|box|bilinear|bicubic|lanczos|area|linear" /* in that order                  \
                                                        */
extern const char *const xr_interp_names[XR_N_INTERP];

/* The part of an image that is resampled: left, top, width, height in pixels. */
struct xr_box {
    size_t x, y, w, h;
};

/*
 * Resample box (NULL: all) of src to width x height. dst is allocated; src has 8 or 16
 * bit and 1 or 3 channels, dst the same. 8 bit, nearest to lanczos: Pillow 13's bytes
 * exactly (two passes, 8 bit between them, weights in 22-bit fixed point; the horizontal
 * one first, unless more than twice as many rows go as columns; filters widen when they
 * shrink, which is antialiasing). 16 bit and area: float32 sums, rounded once.
 * Source: Pillow's Resample.c and Geometry.c as behaviour; OpenCV's INTER_AREA.
 */
int xr_resize(struct xr_image *dst, const struct xr_image *src, const struct xr_box *box,
              size_t width, size_t height, enum xr_interp interp,
              struct xr_err *err) XR_MUST_USE;

/* The same for one plane of float32 [sh][sw] to [dh][dw], nothing rounded. Not nearest.
 */
int xr_resize_f32(float *dst, size_t dh, size_t dw, const float *src, size_t sh,
                  size_t sw, enum xr_interp interp, struct xr_err *err) XR_MUST_USE;

/* How a film of any shape becomes one of the wanted shape. */
enum xr_fit_mode {
    XR_FIT_PAD,
    XR_FIT_SQUASH,
    XR_FIT_CROP
};
struct xr_fit {
    enum xr_fit_mode mode;
    double ratio; /* crop: the side that is kept, 0.05..1 (timm's crop_pct) */
    size_t height, width;
    enum xr_interp interp;
};

/* "pad", "squash", "crop" or "crop:0.875", and back (at most 16 bytes with the NUL). */
int xr_fit_parse(struct xr_fit *fit, const char *text, struct xr_err *err) XR_MUST_USE;
void xr_fit_name(char text[16], const struct xr_fit *fit);

/*
 * Fit src (8 or 16 bit) into fit->height x fit->width; dst is allocated.
 *   squash  both sides are scaled by themselves
 *   pad     scaled by the smaller factor (sides rounded half to even), centred on black
 *   crop    the shorter side, in units of the wanted one, to wanted / ratio (rounded
 * down), then the centre is cut out (offset rounded half to even, as timm and torchvision
 * do)
 */
int xr_fit_apply(struct xr_image *dst, const struct xr_image *src,
                 const struct xr_fit *fit, struct xr_err *err) XR_MUST_USE;

/* Move n points (x, y; pixel centres at whole numbers) as xr_fit_apply moves the pixels
 * of a film of that size. */
void xr_fit_points(float *points, size_t n, size_t width, size_t height,
                   const struct xr_fit *fit);
/* The window of that size whose corner is pixel x, y of src, black outside of it; dst is
 * allocated. */
int xr_window(struct xr_image *dst, const struct xr_image *src, ptrdiff_t x, ptrdiff_t y,
              size_t width, size_t height, struct xr_err *err) XR_MUST_USE;

/* The sides that a film of width x height is resampled to. */
void xr_fit_least(size_t sides[2], const struct xr_fit *fit, size_t width, size_t height);
/* The same of src that stands for a film of width x height, which it was decoded smaller
 * than: it comes to the same place. */
int xr_fit_apply_of(struct xr_image *dst, const struct xr_image *src, size_t width,
                    size_t height, const struct xr_fit *fit,
                    struct xr_err *err) XR_MUST_USE;

/* 16 to 8 bit: (v*255 + 32767) / 65535. In place: the data is reallocated. 8 bit:
 * nothing. */
int xr_to8(struct xr_image *image, struct xr_err *err) XR_MUST_USE;
/* 8 to 16 bit: 257 v, of which xr_to8 makes v again. 16 bit: nothing. */
int xr_to16(struct xr_image *image, struct xr_err *err) XR_MUST_USE;
/* Stretch the film to 16 bits, between its own percentiles: what lies below ends[0] (from
 * 0 to 100, linear between samples as NumPy's percentile) becomes black, above ends[1]
 * white. One level: it is left. */
int xr_stretch(struct xr_image *image, const double ends[2],
               struct xr_err *err) XR_MUST_USE;
/* To 8 or 16 bit. */
int xr_to_depth(struct xr_image *image, int depth, struct xr_err *err) XR_MUST_USE;

/* The level of white, 255 or 65535. */
static inline size_t xr_white(const struct xr_image *image)
{
    return image->depth == 16 ? 65535 : 255;
}
/* Sample i of the rows, channels interleaved. */
static inline size_t xr_level(const struct xr_image *image, size_t i)
{
    return image->depth == 16 ? ((const uint16_t *)image->data)[i]
                              : ((const uint8_t *)image->data)[i];
}
static inline void xr_set_level(struct xr_image *image, size_t i, size_t level)
{
    if (image->depth == 16)
        ((uint16_t *)image->data)[i] = (uint16_t)level;
    else
        ((uint8_t *)image->data)[i] = (uint8_t)level;
}
/* A channel as floats, plane [height*width], and back: cut off at black and white,
 * rounded half to even. */
void xr_plane_load(float *plane, const struct xr_image *image, size_t channel);
void xr_plane_store(struct xr_image *image, size_t channel, const float *plane);

/* --- geometry ---------------------------------------------------------------- */

/* Exact turns of any depth and channels; in place (rot90 and transpose swap the sides).
 */
void xr_hflip(struct xr_image *image);
void xr_vflip(struct xr_image *image);
int xr_rot90(struct xr_image *image, int quarter_turns_counter_clockwise,
             struct xr_err *err) XR_MUST_USE;
int xr_transpose(struct xr_image *image, struct xr_err *err) XR_MUST_USE;

enum xr_border {
    XR_BORDER_CONSTANT,
    XR_BORDER_REFLECT /* reflect101: dcb|abcd|cba */
};

/* Where every pixel of the output comes from: x and y in pixels of the input, row by row.
 */
struct xr_map {
    size_t width, height;
    float *x, *y; /* [height*width], owned: xr_map_free; NULL: along a matrix */
    double affine[6];
};
/* The map along an affine matrix as xr_map_affine fills it in, but not written out: for
 * xr_remap alone. Nothing is to be freed. */
struct xr_map xr_map_of_affine(size_t width, size_t height, const double m[6]);
int xr_map_alloc(struct xr_map *map, size_t width, size_t height,
                 struct xr_err *err) XR_MUST_USE;
void xr_map_free(struct xr_map *map);

/* Fill a map with an affine transform, output to input: x' = m[0]x + m[1]y + m[2], y' =
 * m[3]x + m[4]y + m[5]; coordinates count from pixel centres. */
void xr_map_affine(struct xr_map *map, const double m[6]);
/* The inverse of: scale and turn (degrees, counter-clockwise on the screen) about the
 * centre
 * ((w-1)/2, (h-1)/2), then move by dx, dy pixels. */
void xr_affine_inverse(double m[6], size_t width, size_t height, double degrees,
                       double scale, double dx, double dy);

/* Bilinear (float32, rounded half up) or nearest (for masks: no new values). dst has the
 * map's size and is allocated; src any. `fill` is the constant border. */
int xr_remap(struct xr_image *dst, const struct xr_image *src, const struct xr_map *map,
             bool nearest, enum xr_border border, uint8_t fill,
             struct xr_err *err) XR_MUST_USE;

/*
 * Add a smooth random displacement to both coordinates of a map: a stationary
 * Gaussian-correlated field, exp(-d^2 / 4 sigma^2), as white noise blurred with sigma
 * has, of standard deviation `amplitude` pixels. noise: 2 xr_field_noise() values of
 * unit variance, a function of the caller's random numbers. The field is the sum of
 * Gaussians on a grid of step 0.8 sigma, which differs from blurred white noise by less
 * than 1e-6 in covariance and is a hundred times cheaper.
 */
size_t xr_field_noise(size_t width, size_t height, double sigma);
int xr_map_field(struct xr_map *map, const float *noise, double sigma, double amplitude,
                 struct xr_err *err) XR_MUST_USE;

/* Fill rectangles (x0, y0, x1, y1, ends exclusive, inside the image). */
void xr_fill_boxes(struct xr_image *image, const size_t (*boxes)[4], size_t n,
                   uint8_t fill);

/* --- gray levels ------------------------------------------------------------- */

/* How often each level of a channel comes: hist [white+1]. */
void xr_histogram(size_t *hist, const struct xr_image *image, size_t channel);
/* v becomes lut[v], every channel. Tables have an entry for each level up to white (255
 * or 65535), none above it. */
void xr_lut_apply(struct xr_image *image, const uint16_t *lut);
/* trunc(clip(v*alpha + beta)), beta in levels of 8 bits */
void xr_lut_linear(uint16_t *lut, size_t white, float alpha, float beta);
/* trunc(white (v/white)^gamma) */
void xr_lut_gamma(uint16_t *lut, size_t white, double gamma);
/* Histogram equalisation as OpenCV's equalizeHist, or as Pillow's ImageOps.equalize, of
 * one channel; Pillow's steps, so many pixels a level, are whole numbers for 8 bits only.
 */
void xr_lut_equalize(uint16_t *lut, const size_t *hist, size_t white, bool pillow);

/*
 * Contrast-limited adaptive histogram equalisation in place, OpenCV's bytes: tiles x
 * tiles regions, clip limit in units of the mean bin; 8 or 16 bit gray. RGB, 8 bit: on L
 * of 8-bit CIELAB, as albumentations does.
 */
int xr_clahe(struct xr_image *image, double clip, size_t tiles,
             struct xr_err *err) XR_MUST_USE;

/* 8-bit CIELAB as OpenCV scales it (L*255/100, a+128, b+128), sRGB, D65; n pixels, in
 * place is allowed. */
void xr_lab_of_rgb(uint8_t *lab, const uint8_t *rgb, size_t n);
void xr_rgb_of_lab(uint8_t *rgb, const uint8_t *lab, size_t n);

/* --- filters ----------------------------------------------------------------- */

/* Normalised Gaussian weights of odd size n, as OpenCV's getGaussianKernel in float64. */
void xr_gauss_weights(double *weights, size_t n, double sigma);
/* Separable Gaussian of one float32 plane, in place, n (odd) taps both ways. replicate:
 * the border repeats its pixel, else reflect101. */
int xr_gauss_f32(float *plane, size_t height, size_t width, double sigma, size_t n,
                 bool replicate, struct xr_err *err) XR_MUST_USE;
/* The same for any image (reflect101), rounded half to even. n 0: odd(round(6 sigma +
 * 1)). */
int xr_gauss_blur(struct xr_image *image, double sigma, size_t n,
                  struct xr_err *err) XR_MUST_USE;
/* Median of 3x3 or 5x5, border repeated. Any image. */
int xr_median(struct xr_image *image, size_t n, struct xr_err *err) XR_MUST_USE;
/* v + noise[i], clipped, rounded half to even; noise in levels of 8 bits, one a sample.
 */
void xr_add_noise(struct xr_image *image, const float *noise);

#endif
