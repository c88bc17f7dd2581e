/* TIFF files through libtiff: strips and tiles, 1 to 16 bits, every page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "image_codec.h"

#define MAX_PAGES 10000
#define MAX_CHUNK ((tmsize_t)2 << 30) /* one strip may hold the largest image */

/* A file in memory, and what libtiff said of it. */
struct source {
    const unsigned char *data;
    uint64_t size, at;
    struct xr_image_info *info; /* NULL: only counted */
    char error[200];
};

/* The page that is read, as its tags say. */
struct page {
    uint32_t width, height, block_width, block_height;
    uint16_t bits, samples, photometric, planar, compression, alpha;
    size_t keep; /* samples of a pixel that are kept */
};

bool xr_tiff_is(const unsigned char *head, size_t size)
{
    return size >= 8 && (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
                         memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

/* --- libtiff's callbacks ----------------------------------------------------------- */

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t n)
{
    struct source *s = handle;
    uint64_t left = s->at < s->size ? s->size - s->at : 0;

    if (n < 0)
        return -1;
    n = (uint64_t)n > left ? (tmsize_t)left : n;
    memcpy(to, s->data + (n ? s->at : 0), (size_t)n);
    s->at += (uint64_t)n;
    return n;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t to, int whence)
{
    struct source *s = handle;

    s->at = whence == SEEK_CUR ? s->at + to : whence == SEEK_END ? s->size + to : to;
    return s->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((struct source *)handle)->size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *fmt,
                    va_list ap)
{
    struct source *s = user;

    (void)tiff, (void)module;
    if (!s->error[0])
        vsnprintf(s->error, sizeof s->error, fmt, ap);
    return 1;
}

/* What libjpeg inside libtiff warns of is lost pixels, and an IO error a file that ends
 * early; the rest is noted. */
static int on_warning(TIFF *tiff, void *user, const char *module, const char *fmt,
                      va_list ap)
{
    struct source *s = user;
    char text[200];

    if ((module && strncmp(module, "JPEGLib", 7) == 0) ||
        strncmp(fmt, "IO error", 8) == 0)
        return on_error(tiff, user, module, fmt, ap);
    vsnprintf(text, sizeof text, fmt, ap);
    if (s->info)
        xr_image_warn(s->info, text);
    return 1;
}

static int fail(const struct source *s, struct xr_err *err)
{
    return xr_fail(err, "%s", s->error[0] ? s->error : "damaged TIFF file");
}

static TIFF *open_tiff(struct source *s, struct xr_err *err)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    TIFF *tiff = NULL;

    if (options) {
        TIFFOpenOptionsSetMaxSingleMemAlloc(options, MAX_CHUNK);
        TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
        TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
        tiff = TIFFClientOpenExt("TIFF", "rm", s, on_read, on_write, on_seek, on_close,
                                 on_size, NULL, NULL, options);
        TIFFOpenOptionsFree(options);
    }
    if (!tiff)
        fail(s, err);
    return tiff;
}

/* --- pages ------------------------------------------------------------------------ */

/* A page for people: neither a thumbnail nor a transparency mask. */
static bool is_page(TIFF *tiff)
{
    uint32_t type = 0;

    TIFFGetFieldDefaulted(tiff, TIFFTAG_SUBFILETYPE, &type);
    return !(type & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static int count_pages(size_t *n, TIFF *tiff, struct source *s, struct xr_err *err)
{
    size_t directories = 0;

    *n = 0;
    do {
        *n += is_page(tiff);
        if (++directories > MAX_PAGES)
            return xr_fail(err, "a TIFF file of more than %d pages", MAX_PAGES);
    } while (TIFFReadDirectory(tiff));
    if (s->error[0])
        return fail(s, err);
    return *n ? 0 : xr_fail(err, "a TIFF file without a page");
}

static int go_to_page(TIFF *tiff, struct source *s, size_t index, struct xr_err *err)
{
    if (!TIFFSetDirectory(tiff, 0))
        return fail(s, err);
    for (;; index--) {
        while (!is_page(tiff)) {
            if (!TIFFReadDirectory(tiff))
                return fail(s, err);
        }
        if (index == 0)
            return 0;
        if (!TIFFReadDirectory(tiff))
            return fail(s, err);
    }
}

/* --- one page --------------------------------------------------------------------- */

static const char *mode_of(const struct page *p)
{
    switch (p->photometric) {
    case PHOTOMETRIC_PALETTE:
        return "palette";
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
        return p->keep == 4 ? "rgba" : "rgb";
    case PHOTOMETRIC_SEPARATED:
        return "cmyk";
    default:
        return p->keep == 2 ? "graya" : p->bits == 1 ? "bits" : "gray";
    }
}

/* Samples of a pixel that are kept: the colours, and an alpha that is not yet multiplied
 * in. */
static int settle_samples(struct page *p, TIFF *tiff, struct xr_err *err)
{
    uint16_t n_extra = 0, *extra = NULL, inks = 0;

    switch (p->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
        p->keep = 1;
        break;
    case PHOTOMETRIC_YCBCR:
        if (p->compression != COMPRESSION_JPEG)
            return xr_fail(err, "a TIFF file in YCbCr that is not compressed as JPEG");
        p->keep = 3;
        break;
    case PHOTOMETRIC_RGB:
        p->keep = 3;
        break;
    case PHOTOMETRIC_SEPARATED:
        TIFFGetFieldDefaulted(tiff, TIFFTAG_INKSET, &inks);
        if (inks != INKSET_CMYK)
            return xr_fail(err, "a TIFF file of inks that are not CMYK");
        p->keep = 4;
        break;
    default:
        return xr_fail(err, "a TIFF file in an unknown colour space (photometric %u)",
                       p->photometric);
    }
    if (p->samples < p->keep)
        return xr_fail(err, "a TIFF file of %u samples a pixel", p->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &n_extra, &extra);
    if (p->samples > p->keep && n_extra && extra[0] == EXTRASAMPLE_UNASSALPHA &&
        p->photometric != PHOTOMETRIC_PALETTE && p->photometric != PHOTOMETRIC_SEPARATED)
        p->alpha = 1;
    p->keep += p->alpha;
    return 0;
}

static int read_tags(struct page *p, TIFF *tiff, struct xr_image_info *info,
                     struct xr_err *err)
{
    uint16_t format = SAMPLEFORMAT_UINT, orientation = 1;
    bool sizes = TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p->width) &&
                 TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p->height);

    if (xr_image_check(sizes ? p->width : 0, sizes ? p->height : 0, err))
        return -1;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &p->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &p->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &p->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &p->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &p->photometric))
        p->photometric = p->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (p->bits < 1 || p->bits > 16 || p->samples < 1 || p->samples > 16 ||
        (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID))
        return xr_fail(err,
                       "a TIFF file of %u samples of %u bits%s: 1 to 16 bits are "
                       "read, unsigned",
                       p->samples, p->bits,
                       format == SAMPLEFORMAT_IEEEFP ? ", floating"
                       : format == SAMPLEFORMAT_INT  ? ", signed"
                                                     : "");
    if (!TIFFIsCODECConfigured(p->compression) || p->compression == COMPRESSION_OJPEG)
        return xr_fail(err, "a TIFF file of compression %u, which is not read",
                       p->compression);
    if (settle_samples(p, tiff, err))
        return -1;
    if (p->photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (TIFFIsTiled(tiff)) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &p->block_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &p->block_height);
    } else {
        p->block_width = p->width;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &p->block_height);
        p->block_height = p->block_height > p->height ? p->height : p->block_height;
    }
    if (p->block_width == 0 || p->block_height == 0)
        return xr_fail(err, "a TIFF file with blocks of no pixels");
    info->stored_depth = p->bits;
    info->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    snprintf(info->mode, sizeof info->mode, "%s", mode_of(p));
    return 0;
}

/* Sample i of a row as libtiff gives it: bits from the highest on, 16 bits native. */
static unsigned sample(const unsigned char *row, size_t i, unsigned bits)
{
    size_t at = i * bits;
    unsigned v = 0;
    uint16_t wide;

    if (bits == 8)
        return row[i];
    if (bits == 16) {
        memcpy(&wide, row + 2 * i, 2);
        return wide;
    }
    for (unsigned b = 0; b < bits; b++, at++)
        v = v << 1 | (row[at / 8] >> (7 - at % 8) & 1u);
    return v;
}

/* One strip or tile into its place; what juts out of the image is dropped. */
static void put_block(struct xr_image *image, const struct page *p,
                      const unsigned char *block, size_t stride, size_t x0, size_t y0,
                      size_t plane)
{
    size_t each = p->planar == PLANARCONFIG_SEPARATE ? 1 : p->samples;
    size_t n = each == 1 ? 1 : p->keep, c = image->channels;

    for (size_t y = 0; y < p->block_height && y0 + y < image->height; y++) {
        const unsigned char *row = block + y * stride;

        for (size_t x = 0; x < p->block_width && x0 + x < image->width; x++) {
            size_t to = ((y0 + y) * image->width + x0 + x) * c + plane;

            for (size_t k = 0; k < n; k++) {
                unsigned v = sample(row, x * each + k, p->bits);

                if (image->depth == 16)
                    ((uint16_t *)image->data)[to + k] = (uint16_t)v;
                else
                    ((uint8_t *)image->data)[to + k] = (uint8_t)v;
            }
        }
    }
}

static int read_blocks(struct xr_image *image, const struct page *p, TIFF *tiff,
                       struct source *s, struct xr_err *err)
{
    bool tiled = TIFFIsTiled(tiff);
    size_t planes = p->planar == PLANARCONFIG_SEPARATE ? p->keep : 1;
    tmsize_t stride = tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
    tmsize_t size = tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff);
    size_t each = p->planar == PLANARCONFIG_SEPARATE ? 1 : p->samples;
    unsigned char *block;
    int rc = 0;

    if (stride <= 0 || size <= 0 || size > MAX_CHUNK ||
        (size_t)stride < (p->block_width * each * p->bits + 7) / 8 ||
        (size_t)size / (size_t)stride < p->block_height)
        return s->error[0] ? fail(s, err) : xr_fail(err, "a TIFF file with odd blocks");
    block = xr_alloc_array((size_t)size, 1, err);
    if (!block)
        return -1;
    for (size_t k = 0; k < planes && rc == 0; k++) {
        for (uint32_t y = 0; y < p->height && rc == 0; y += p->block_height) {
            uint32_t rows =
                p->height - y < p->block_height ? p->height - y : p->block_height;
            tmsize_t want = tiled ? size : (tmsize_t)rows * stride;

            for (uint32_t x = 0; x < p->width && rc == 0; x += p->block_width) {
                tmsize_t got = tiled ? TIFFReadTile(tiff, block, x, y, 0, (uint16_t)k)
                                     : TIFFReadEncodedStrip(
                                           tiff, TIFFComputeStrip(tiff, y, (uint16_t)k),
                                           block, want);

                if (got < want || s->error[0])
                    rc = fail(s, err);
                else
                    put_block(image, p, block, (size_t)stride, x, y, k);
            }
        }
    }
    free(block);
    return rc;
}

/* --- colours ---------------------------------------------------------------------- */

/* A palette's entries have 16 bits, but some writers fill only the lower 8. */
static int look_up(struct xr_image *image, const struct page *p, TIFF *tiff,
                   struct xr_err *err)
{
    size_t n = image->width * image->height, entries = (size_t)1 << p->bits;
    uint16_t *map[3];
    struct xr_image rgb;
    bool narrow = true;

    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return xr_fail(err, "a TIFF file without its palette");
    for (size_t i = 0; i < 3 * entries && narrow; i++)
        narrow = map[i % 3][i / 3] < 256;
    if (xr_image_alloc(&rgb, image->width, image->height, 3, 8, err))
        return -1;
    for (size_t i = 0; i < 3 * n; i++) {
        unsigned v = image->depth == 16 ? ((uint16_t *)image->data)[i / 3]
                                        : ((uint8_t *)image->data)[i / 3];

        v = map[i % 3][v];
        ((uint8_t *)rgb.data)[i] = (uint8_t)(narrow ? v : (v * 255u + 32767u) / 65535u);
    }
    xr_image_free(image);
    *image = rgb;
    return 0;
}

static void invert(struct xr_image *image, size_t channels)
{
    size_t n = image->width * image->height;

    for (size_t i = 0; i < n * image->channels; i++) {
        if (i % image->channels >= channels)
            continue;
        if (image->depth == 16)
            ((uint16_t *)image->data)[i] =
                (uint16_t)(65535 - ((uint16_t *)image->data)[i]);
        else
            ((uint8_t *)image->data)[i] = (uint8_t)(255 - ((uint8_t *)image->data)[i]);
    }
}

/* CMYK is ink here: once it is inverted the light that black leaves works as alpha over
 * black does. */
static int to_picture(struct xr_image *image, const struct page *p, TIFF *tiff,
                      enum xr_color color, struct xr_err *err)
{
    if (p->photometric == PHOTOMETRIC_PALETTE)
        return look_up(image, p, tiff, err) || xr_recolor(image, color, err) ? -1 : 0;
    xr_spread(image, (1u << p->bits) - 1);
    if (p->photometric == PHOTOMETRIC_MINISWHITE)
        invert(image, 1);
    if (p->photometric == PHOTOMETRIC_SEPARATED)
        invert(image, 4);
    xr_over_black(image);
    return xr_recolor(image, color, err);
}

static int read_page(struct xr_image *image, struct xr_image_info *info, TIFF *tiff,
                     struct source *s, enum xr_color color, struct xr_err *err)
{
    struct page p = {0};

    if (read_tags(&p, tiff, info, err) ||
        xr_image_alloc(image, p.width, p.height, p.keep, p.bits > 8 ? 16 : 8, err) ||
        read_blocks(image, &p, tiff, s, err))
        return -1;
    return to_picture(image, &p, tiff, color, err);
}

int xr_tiff_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                   size_t size, const struct xr_pick *pick, enum xr_color color,
                   struct xr_err *err)
{
    struct source s = {.data = data, .size = size, .info = info};
    struct xr_pick first = *pick;
    TIFF *tiff = open_tiff(&s, err);
    size_t n, index;
    char text[100];
    int rc = -1;

    snprintf(info->format, sizeof info->format, "tiff");
    if (!tiff)
        return -1;
    if (count_pages(&n, tiff, &s, err) == 0) {
        if (!first.index && !first.axis && n > 1) {
            snprintf(text, sizeof text, "page 1 of %zu: choose another one as FILE#2", n);
            xr_image_warn(info, text);
            first.index = 1;
        }
        rc = xr_pick_frame(&index, &first, n, err);
        if (rc == 0 && n > 1) {
            xr_image_json(info, "frame", "%zu", index + 1);
            xr_image_json(info, "frames", "%zu", n);
        }
        if (rc == 0)
            rc = go_to_page(tiff, &s, index, err) ||
                         read_page(image, info, tiff, &s, color, err)
                     ? -1
                     : 0;
    }
    TIFFClose(tiff);
    return rc;
}

int xr_tiff_frames(struct xr_frames *frames, const void *data, size_t size,
                   struct xr_err *err)
{
    struct source s = {.data = data, .size = size};
    TIFF *tiff = open_tiff(&s, err);
    int rc;

    if (!tiff)
        return -1;
    rc = count_pages(&frames->n, tiff, &s, err);
    TIFFClose(tiff);
    return rc;
}
