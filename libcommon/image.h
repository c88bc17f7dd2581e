/*
 * Image files to pixels and back. Content decides what a file is, not its name.
 */
#ifndef XR_IMAGE_H
#define XR_IMAGE_H

#include <stdbool.h>
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
/* For what makes an image anew: where rc, which is given back, is 0, *image is freed and
 * becomes *out. Arguments are worked out first: xr_image_become(im, &out, make(&out,
 * im)).
 */
static inline int xr_image_become(struct xr_image *image, const struct xr_image *out,
                                  int rc)
{
    if (rc == 0) {
        xr_image_free(image);
        *image = *out;
    }
    return rc;
}

/* A fact about the file that goes into KEY.json as it is: text, or JSON where json. */
struct xr_image_tag {
    char name[28];
    char value[80];
    bool json;
};
#define XR_IMAGE_MAX_TAGS 24

/* What the file said, besides its pixels. */
struct xr_image_info {
    size_t width, height; /* as stored and turned; larger than those of the image where it
                           * was decoded smaller */
    char format[16];      /* jpeg, png, tiff, pnm, dicom, nifti */
    char mode[16];       /* as stored: gray, rgb, cmyk, palette, graya, rgba, bits, ... */
    int orientation;     /* EXIF 1..8; pixels are already turned */
    int stored_depth;    /* 1..16; of NIfTI up to 64 */
    unsigned n_warnings; /* extraneous bytes in a JPEG, 16 bits of which 12 are used */
    char warning[200];   /* the first one */
    struct xr_image_tag tags[XR_IMAGE_MAX_TAGS];
    size_t n_tags;
};

/* Which picture of a file that holds several; {0}: none was chosen. */
struct xr_pick {
    char axis;     /* x, y or z of a volume; 0: a frame or page */
    size_t index;  /* from 1 */
    size_t volume; /* of several volumes, from 1; 0: not said */
};

/* What there is to choose from. */
struct xr_frames {
    size_t n;       /* frames or pages; 1: nothing to choose */
    size_t side[3]; /* of a volume: slices along x, y, z; else 0, 0, 0 */
    size_t volumes; /* of a volume, at least 1 */
};

/* The one rule by which colours become gray, for levels up to 65535: BT.601's luma as
 * JPEG stores it and as Pillow's convert("L") computes it. */
static inline uint32_t xr_luma(uint32_t r, uint32_t g, uint32_t b)
{
    return (19595u * r + 38470u * g + 7471u * b + 32768u) >> 16; /* fits 32 bits */
}

enum xr_color {
    XR_COLOR_GRAY,
    XR_COLOR_RGB
};

/*
 * Decode a whole file in memory, to gray (the one rule of xr-augment(1)) or RGB, 8 or 16
 * bit as it is stored (depths below 8 are scaled to 0..255, those between to 0..65535).
 * Sides above 65,500 and more than 2^28 pixels are refused before any allocation.
 * libjpeg's premature end is an error, extraneous bytes a warning. Of a file of several
 * frames none is chosen silently: it is refused with their number, but for TIFF, whose
 * first page is read with a warning. info may be NULL. Threads may decode at once.
 */
int xr_image_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, enum xr_color color, struct xr_err *err) XR_MUST_USE;
/* The same of one of its frames or slices. */
int xr_image_decode_pick(struct xr_image *image, struct xr_image_info *info,
                         const void *data, size_t size, const struct xr_pick *pick,
                         enum xr_color color, struct xr_err *err) XR_MUST_USE;

/*
 * The same, but it may come out smaller, where the format is quicker so: least(of, ...)
 * says how large a film that is seen as width x height has to be. JPEG: by 2, 4 or 8,
 * sides rounded up (libjpeg's scaled inverse transforms).
 */
struct xr_image_least {
    void (*least)(size_t sides[2], const void *of, size_t width, size_t height);
    const void *of;
};
int xr_image_decode_least(struct xr_image *image, struct xr_image_info *info,
                          const void *data, size_t size, const struct xr_pick *pick,
                          enum xr_color color, const struct xr_image_least *least,
                          struct xr_err *err) XR_MUST_USE;

/* How many pictures a file holds; for DICOM its first part is enough. */
int xr_image_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err) XR_MUST_USE;

/* Do these first bytes (512 are enough) begin a file that is read here? */
bool xr_image_sniff(const void *head, size_t size);

/* Is it of a format whose files can hold several pictures? */
bool xr_image_many(const void *head, size_t size);

/* Formats that were built in or left out, one line each for --version, NULL-ended. */
extern const char *const xr_image_libraries[];

/* Append an encoded file; equal pixels give equal bytes. Text chunks are not written. */
int xr_image_png(struct xr_buf *buf, const struct xr_image *image,
                 struct xr_err *err) XR_MUST_USE;
int xr_image_jpeg(struct xr_buf *buf, const struct xr_image *image, int quality,
                  struct xr_err *err) XR_MUST_USE;

#endif
