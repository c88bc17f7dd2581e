/* Images in memory, which decoder reads a file, and how EXIF turns it. */
#include "image.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"
#include "optional.h"

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

static int image_of(struct xr_image *image, size_t width, size_t height, size_t channels,
                    int depth, bool zero, struct xr_err *err)
{
    size_t bytes = depth == 16 ? 2 : 1;

    memset(image, 0, sizeof *image);
    if (xr_image_check(width, height, err))
        return -1;
    image->data = zero ? xr_alloc_array(width * height * channels, bytes, err)
                       : malloc(width * height * channels * bytes); /* 2^28 at most */
    if (!image->data)
        return zero ? -1 : xr_fail(err, "out of memory");
    image->width = width;
    image->height = height;
    image->channels = channels;
    image->depth = depth;
    return 0;
}

int xr_image_alloc(struct xr_image *image, size_t width, size_t height, size_t channels,
                   int depth, struct xr_err *err)
{
    return image_of(image, width, height, channels, depth, true, err);
}

int xr_image_room(struct xr_image *image, size_t width, size_t height, size_t channels,
                  int depth, struct xr_err *err)
{
    return image_of(image, width, height, channels, depth, false, err);
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

void xr_image_text(struct xr_image_info *info, const char *name, const char *value)
{
    struct xr_image_tag *tag = &info->tags[info->n_tags];

    if (!*value || info->n_tags == XR_IMAGE_MAX_TAGS ||
        strlen(value) >= sizeof tag->value)
        return;
    snprintf(tag->name, sizeof tag->name, "%s", name);
    snprintf(tag->value, sizeof tag->value, "%s", value);
    tag->json = false;
    info->n_tags++;
}

void xr_image_json(struct xr_image_info *info, const char *name, const char *fmt, ...)
{
    char value[sizeof info->tags[0].value];
    size_t n = info->n_tags;
    va_list ap;
    int length;

    va_start(ap, fmt);
    length = vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    if (length < 0 || (size_t)length >= sizeof value)
        return;
    xr_image_text(info, name, value);
    if (info->n_tags > n)
        info->tags[n].json = true;
}

int xr_pick_frame(size_t *index, const struct xr_pick *pick, size_t n, struct xr_err *err)
{
    *index = pick->index ? pick->index - 1 : 0;
    if (pick->axis || pick->volume)
        return xr_fail(err, "no volume: #%c%zu names a slice of one", pick->axis,
                       pick->index);
    if (!pick->index && n > 1)
        return xr_fail(err, "%zu frames: choose one in its path, as in FILE#1", n);
    if (pick->index > n)
        return xr_fail(err, "no frame %zu: it has %zu", pick->index, n);
    return 0;
}

/* What the first bytes say. */
enum kind {
    UNKNOWN,
    JPEG,
    PNG,
    PNM,
    TIFF,
    DICOM,
    NIFTI
};

static enum kind kind_of(const unsigned char *bytes, size_t size)
{
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return JPEG;
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return PNG;
    if (xr_dicom_is(bytes, size)) /* before TIFF, which may hide in its first 128 bytes */
        return DICOM;
    if (xr_tiff_is(bytes, size))
        return TIFF;
    if (xr_pnm_is(bytes, size))
        return PNM;
    return xr_nifti_is(bytes, size) ? NIFTI : UNKNOWN;
}

bool xr_image_sniff(const void *head, size_t size)
{
    return kind_of(head, size) != UNKNOWN;
}

bool xr_image_many(const void *head, size_t size)
{
    enum kind kind = kind_of(head, size);

    return kind == TIFF || kind == DICOM || kind == NIFTI;
}

const char *const xr_image_libraries[] = {
    "images: JPEG (libjpeg), PNG (libpng), TIFF (libtiff), PNM",
#ifdef XR_HAS_DCMTK
    "DICOM: DCMTK",
#else
    "DICOM: not built in (libdcmtk-dev and a C++ compiler)",
#endif
#ifdef XR_HAS_OPENJPEG
    "JPEG 2000 in DICOM: OpenJPEG",
#else
    "JPEG 2000 in DICOM: not built in (libopenjp2-7-dev)",
#endif
#ifdef XR_HAS_NIFTI
    "NIfTI: libnifti",
#else
    "NIfTI: not built in (libnifti2-dev)",
#endif
    NULL};

static int unknown(const unsigned char *bytes, size_t size, struct xr_err *err)
{
    /* (0008,0005) of either byte order: a dataset whose transfer syntax nobody knows */
    if (size >= 8 &&
        (memcmp(bytes, "\x08\0\x05\0", 4) == 0 || memcmp(bytes, "\x08\0\0\0", 4) == 0 ||
         memcmp(bytes, "\0\x08\0\x05", 4) == 0))
        return xr_fail(err, "a DICOM dataset without the header of a file: its transfer "
                            "syntax is not known");
    return size ? xr_fail(err, "no JPEG, PNG, TIFF, PNM, DICOM or NIfTI file")
                : xr_fail(err, "the file is empty");
}

int xr_image_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err)
{
    *frames = (struct xr_frames){.n = 1};
    switch (kind_of(data, size)) {
    case TIFF:
        return xr_tiff_frames(frames, data, size, err);
    case DICOM:
        return xr_dicom_frames(frames, data, size, err);
    case NIFTI:
        return xr_nifti_frames(frames, data, size, err);
    case UNKNOWN:
        return unknown(data, size, err);
    default:
        return 0;
    }
}

static int decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, const struct xr_pick *pick, enum xr_color color,
                  const struct xr_image_least *least, struct xr_err *err)
{
    enum kind kind = kind_of(data, size);
    size_t index;

    switch (kind) {
    case TIFF:
        return xr_tiff_decode(image, info, data, size, pick, color, err);
    case DICOM:
        return xr_dicom_decode(image, info, data, size, pick, color, err);
    case NIFTI:
        return xr_nifti_decode(image, info, data, size, pick, color, err);
    case UNKNOWN:
        return unknown(data, size, err);
    default:
        break;
    }
    if (xr_pick_frame(&index, pick, 1, err))
        return -1;
    return kind == JPEG  ? xr_jpeg_decode(image, info, data, size, color, least, err)
           : kind == PNG ? xr_png_decode(image, info, data, size, color, err)
                         : xr_pnm_decode(image, info, data, size, color, err);
}

int xr_image_decode_least(struct xr_image *image, struct xr_image_info *info,
                          const void *data, size_t size, const struct xr_pick *pick,
                          enum xr_color color, const struct xr_image_least *least,
                          struct xr_err *err)
{
    struct xr_image_info unused;
    int rc;

    info = info ? info : &unused;
    memset(image, 0, sizeof *image);
    memset(info, 0, sizeof *info);
    info->orientation = 1;
    rc = decode(image, info, data, size, pick, color, least, err);
    info->width = info->width ? info->width : image->width;
    info->height = info->height ? info->height : image->height;
    if (info->orientation > 4) {
        size_t width = info->width;

        info->width = info->height;
        info->height = width;
    }
    if (rc == 0 && info->orientation > 1)
        rc = turn(image, info->orientation, err);
    if (rc == 0 && image->depth == 16 && strcmp(info->format, "dicom") &&
        strcmp(info->format, "nifti")) /* those two have levels of their own */
        warn_dark(image, info);
    if (rc)
        xr_image_free(image);
    return rc;
}

int xr_image_decode_pick(struct xr_image *image, struct xr_image_info *info,
                         const void *data, size_t size, const struct xr_pick *pick,
                         enum xr_color color, struct xr_err *err)
{
    return xr_image_decode_least(image, info, data, size, pick, color, NULL, err);
}

int xr_image_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, enum xr_color color, struct xr_err *err)
{
    struct xr_pick none = {0};

    return xr_image_decode_pick(image, info, data, size, &none, color, err);
}
