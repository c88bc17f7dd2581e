/* TIFF and PNM in all their ways, DICOM's windows, tables and colours, NIfTI's types:
 * files made here, pictures computed here by other means. */
#include <string.h>
#include <unistd.h>

#include <tiffio.h>

#include "frames.h"
#include "image.h"
#include "image_codec.h"
#include "io.h"
#include "optional.h"
#include "tap.h"

static unsigned pixel(const struct xr_image *im, size_t i)
{
    return im->depth == 16 ? ((uint16_t *)im->data)[i] : ((uint8_t *)im->data)[i];
}

/* Every truncation of a file is refused with one line, at exact size for ASan. */
static void truncations(const struct xr_buf *file, const char *what)
{
    size_t whole = 0, silent = 0;

    for (size_t n = 0; n < file->size; n++) {
        char *part = malloc(n ? n : 1);
        struct xr_err err = {0};
        struct xr_image im;

        memcpy(part, file->data, n);
        if (xr_image_decode(&im, NULL, part, n, XR_COLOR_GRAY, &err) == 0)
            whole++;
        else
            silent += !err.text[0] || strchr(err.text, '\n') || im.data;
        xr_image_free(&im);
        free(part);
    }
    ok(whole == 0 && silent == 0, "%s: every truncation is refused (%zu were not)", what,
       whole);
}

/* --- PNM --------------------------------------------------------------------------- */

struct pnm_case {
    const char *text;
    size_t size;
    const char *mode;
    int depth;
    unsigned want[6];
};

static void pnm(void)
{
#define FILE_OF(text) text, sizeof text - 1
    static const struct pnm_case good[] = {
        {FILE_OF("P1\n# a comment\n3 2\n1 0 1\n010\n"),
         "bits",
         8,
         {0, 255, 0, 255, 0, 255}},
        {FILE_OF("P2 3 2 255 0 1 2\n253 254 255"), "gray", 8, {0, 1, 2, 253, 254, 255}},
        {FILE_OF("P2 3 2 # x\n15\n0 1 2 13 14 15\n"),
         "gray",
         8,
         {0, 17, 34, 221, 238, 255}},
        {FILE_OF("P2 3 2 1000 0 1 2 500 999 1000"),
         "gray",
         16,
         {0, 66, 131, 32768, 65469, 65535}},
        {FILE_OF("P3 1 2 255 255 0 0  0 255 0"), "rgb", 8, {255, 0, 0, 0, 255, 0}},
        {FILE_OF("P4 3 2\n\xa0\x5f"), "bits", 8, {0, 255, 0, 255, 0, 255}},
        {FILE_OF("P5 3#\n2 255\n\0\1\2\xfd\xfe\xff"),
         "gray",
         8,
         {0, 1, 2, 253, 254, 255}},
        {FILE_OF("P5 3 2 65535\n\0\0\0\1\1\0\x12\x34\xff\xfe\xff\xff"),
         "gray",
         16,
         {0, 1, 256, 0x1234, 65534, 65535}},
        {FILE_OF("P6 1 2 255\n\xff\0\0\0\xff\0"), "rgb", 8, {255, 0, 0, 0, 255, 0}},
        {FILE_OF("P6 1 2 256\n\1\0\0\0\0\0\0\0\1\0\0\0"),
         "rgb",
         16,
         {65535, 0, 0, 0, 65535, 0}},
    };
    static const char *const bad[] = {
        "P5 3 2 255\n12345",
        "P2 3 2 255 1 2 3 4 5",
        "P2 3 2 255 1 2 3 4 5 256",
        "P5 0 2 255\n",
        "P5 3 2 0\n123456",
        "P5 3 2 65536\n123456",
        "P5 99999999 99999999 255\n",
        "P5 65501 1 255\n",
        "P1 2 1 1 2",
        "P5 -3 2 255\n123456",
        "P5 65000 65000 255\n1",
        "P7 3 2 255\n123456",
        "P5 3 2 9\n12345\n",
        "P3 1 1 255 1 2",
        "P5",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct pnm_case *c = &good[i];
        bool rgb = !strcmp(c->mode, "rgb"), same = true;
        struct xr_image_info info;
        struct xr_err err = {0};
        struct xr_image im;
        int rc = xr_image_decode(&im, &info, c->text, c->size,
                                 rgb ? XR_COLOR_RGB : XR_COLOR_GRAY, &err);

        for (size_t k = 0; rc == 0 && k < 6; k++)
            same &= pixel(&im, k) == c->want[k];
        ok(rc == 0 && same && im.depth == c->depth && !strcmp(info.mode, c->mode) &&
               !info.n_warnings,
           "PNM %zu: %s %d bits %s", i, info.mode, im.depth, err.text);
        xr_image_free(&im);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct xr_err err = {0};
        struct xr_image im;

        ok(xr_image_decode(&im, NULL, bad[i], strlen(bad[i]), XR_COLOR_GRAY, &err) ==
                   -1 &&
               err.text[0] && !im.data,
           "bad PNM %zu: %s", i, err.text);
    }
}

/* --- TIFF -------------------------------------------------------------------------- */

struct tiff_case {
    const char *name;
    uint16_t bits, samples, photometric, compression, planar, extra;
    bool tiled;
};

/* Sample k of pixel i of the picture that is written. */
static unsigned sample_of(const struct tiff_case *c, size_t i, size_t k)
{
    return (unsigned)((i * 2654435761u + k * 40503u) >> 7) & ((1u << c->bits) - 1);
}

static void pack(uint8_t *row, size_t at, unsigned bits, unsigned v)
{
    if (bits == 16) {
        uint16_t wide = (uint16_t)v;

        memcpy(row + 2 * at, &wide, 2);
        return;
    }
    for (unsigned b = 0; b < bits; b++) {
        size_t bit = at * bits + b;

        row[bit / 8] |= (uint8_t)((v >> (bits - 1 - b) & 1) << (7 - bit % 8));
    }
}

enum {
    W = 37,
    H = 29
};

static void write_page(TIFF *tiff, const struct tiff_case *c)
{
    size_t planes = c->planar == PLANARCONFIG_SEPARATE ? c->samples : 1;
    size_t each = c->samples / planes, bw = c->tiled ? 16 : W, bh = c->tiled ? 16 : 5;
    uint16_t map[3][256];
    uint8_t block[W * 8 * 16];

    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, c->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, c->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, c->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, c->compression);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, c->planar);
    if (c->extra)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &c->extra);
    if (c->photometric == PHOTOMETRIC_PALETTE) {
        for (unsigned i = 0; i < 256; i++) {
            map[0][i] = (uint16_t)(257 * (255 - i));
            map[1][i] = (uint16_t)(257 * i);
            map[2][i] = (uint16_t)(257 * (i / 2));
        }
        TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    }
    if (c->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 5);
    }
    for (size_t p = 0; p < planes; p++) {
        for (size_t y0 = 0; y0 < H; y0 += bh) {
            for (size_t x0 = 0; x0 < W; x0 += bw) {
                size_t stride = (bw * each * c->bits + 7) / 8;
                size_t rows = !c->tiled && H - y0 < bh ? H - y0 : bh;

                memset(block, 0, sizeof block);
                for (size_t y = 0; y < rows && y0 + y < H; y++) {
                    for (size_t x = 0; x < bw && x0 + x < W; x++) {
                        for (size_t k = 0; k < each; k++)
                            pack(block + y * stride, x * each + k, c->bits,
                                 sample_of(c, (y0 + y) * W + x0 + x, p + k));
                    }
                }
                if (c->tiled)
                    TIFFWriteTile(tiff, block, (uint32_t)x0, (uint32_t)y0, 0,
                                  (uint16_t)p);
                else
                    TIFFWriteEncodedStrip(
                        tiff, TIFFComputeStrip(tiff, (uint32_t)y0, (uint16_t)p), block,
                        (tmsize_t)(rows * stride));
            }
        }
    }
    TIFFWriteDirectory(tiff);
}

static int make_tiff(struct xr_buf *buf, const struct tiff_case *cases, size_t n,
                     const char *how)
{
    char name[] = "/tmp/xr-readers-XXXXXX";
    int fd = mkstemp(name), rc = -1;
    TIFF *tiff = fd < 0 ? NULL : TIFFFdOpen(fd, "test", how);

    for (size_t i = 0; tiff && i < n; i++)
        write_page(tiff, &cases[i]);
    if (tiff) {
        TIFFClose(tiff);
        rc = xr_read_file(buf, name, SIZE_MAX / 4, NULL, NULL);
    }
    unlink(name);
    return rc;
}

/* The picture by the rules of the page, in doubles: spread to the depth, then rounded. */
static double wanted(const struct tiff_case *c, size_t i, size_t k)
{
    double top = (1u << c->bits) - 1, full = c->bits > 8 ? 65535 : 255;
    double v = sample_of(c, i, k) / top * full;

    if (c->photometric == PHOTOMETRIC_MINISWHITE)
        return full - v;
    if (c->photometric == PHOTOMETRIC_PALETTE)
        return k == 0   ? 255 - sample_of(c, i, 0)
               : k == 1 ? sample_of(c, i, 0)
                        : sample_of(c, i, 0) / 2;
    if (c->photometric == PHOTOMETRIC_SEPARATED)
        return (full - v) * (1 - sample_of(c, i, 3) / top);
    if (c->extra == EXTRASAMPLE_UNASSALPHA)
        return v * (sample_of(c, i, c->samples - 1u) / top);
    return v;
}

static const struct tiff_case tiffs[] = {
    {"8 bits", 8, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, 1, 0, false},
    {"1 bit", 1, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_PACKBITS, 1, 0, false},
    {"1 bit, fax", 1, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, 1, 0, false},
    {"4 bits", 4, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_LZW, 1, 0, false},
    {"12 bits", 12, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, 1, 0, false},
    {"16 bits, LZW", 16, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_LZW, 1, 0, false},
    {"16 bits, deflate, tiles", 16, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_ADOBE_DEFLATE,
     1, 0, true},
    {"RGB", 8, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, 1, 0, false},
    {"RGB, planes", 8, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, 2, 0, false},
    {"RGB 16, planes, tiles", 16, 3, PHOTOMETRIC_RGB, COMPRESSION_ADOBE_DEFLATE, 2, 0,
     true},
    {"RGBA", 8, 4, PHOTOMETRIC_RGB, COMPRESSION_LZW, 1, EXTRASAMPLE_UNASSALPHA, false},
    {"RGBA, multiplied", 8, 4, PHOTOMETRIC_RGB, COMPRESSION_LZW, 1,
     EXTRASAMPLE_ASSOCALPHA, false},
    {"gray and alpha 16", 16, 2, PHOTOMETRIC_MINISBLACK, COMPRESSION_LZW, 1,
     EXTRASAMPLE_UNASSALPHA, true},
    {"palette", 8, 1, PHOTOMETRIC_PALETTE, COMPRESSION_LZW, 1, 0, false},
    {"CMYK", 8, 4, PHOTOMETRIC_SEPARATED, COMPRESSION_NONE, 1, 0, false},
};

static void check_tiff(const struct tiff_case *c, const char *how)
{
    bool rgb = c->photometric == PHOTOMETRIC_RGB ||
               c->photometric == PHOTOMETRIC_PALETTE ||
               c->photometric == PHOTOMETRIC_SEPARATED;
    size_t channels = rgb ? 3 : 1;
    struct xr_image_info info;
    struct xr_err err = {0};
    struct xr_buf file = {0};
    struct xr_image im;
    double worst = 0;
    int rc;

    if (!ok(make_tiff(&file, c, 1, how) == 0, "TIFF %s is made", c->name))
        return;
    rc = xr_image_decode(&im, &info, file.data, file.size,
                         rgb ? XR_COLOR_RGB : XR_COLOR_GRAY, &err);
    for (size_t i = 0; rc == 0 && i < W * H * channels; i++) {
        double d = fabs(pixel(&im, i) - wanted(c, i / channels, i % channels));

        worst = d > worst ? d : worst;
    }
    ok(rc == 0 && im.width == W && im.height == H && im.depth == (c->bits > 8 ? 16 : 8) &&
           info.stored_depth == c->bits && worst <= (info.mode[0] == 'c' ? 1 : 0.5001),
       "TIFF %s (%s): mode %s, off by %g %s", c->name, how, info.mode, worst, err.text);
    xr_image_free(&im);
    if (c->compression != COMPRESSION_CCITTFAX4) /* a fax has no check of its own */
        truncations(&file, c->name);
    xr_buf_free(&file);
}

static void tiff_pages(void)
{
    struct xr_buf file = {0};
    struct xr_image_info info;
    struct xr_frames frames;
    struct xr_err err = {0};
    struct xr_image im;
    struct xr_pick pick = {.index = 3};

    if (make_tiff(&file, tiffs, 3, "w"))
        return;
    ok(xr_image_frames(&frames, file.data, file.size, NULL) == 0 && frames.n == 3,
       "TIFF of 3 pages");
    ok(xr_image_decode(&im, &info, file.data, file.size, XR_COLOR_GRAY, NULL) == 0 &&
           info.n_warnings == 1 && info.stored_depth == 8,
       "the first by default: %s", info.warning);
    xr_image_free(&im);
    ok(xr_image_decode_pick(&im, &info, file.data, file.size, &pick, XR_COLOR_GRAY,
                            NULL) == 0 &&
           !info.n_warnings && pixel(&im, 5) == (unsigned)wanted(&tiffs[2], 5, 0),
       "the third where it is chosen");
    xr_image_free(&im);
    pick.index = 4;
    ok(xr_image_decode_pick(&im, &info, file.data, file.size, &pick, XR_COLOR_GRAY,
                            &err) == -1,
       "no fourth: %s", err.text);
    xr_buf_free(&file);
}

static void tiff(void)
{
    for (size_t i = 0; i < sizeof tiffs / sizeof *tiffs; i++)
        check_tiff(&tiffs[i], i % 2 ? "wl" : "wb");
    check_tiff(&tiffs[5], "w8");
    tiff_pages();
}

/* --- DICOM ------------------------------------------------------------------------- */

#ifdef XR_HAS_DCMTK

static void put_bytes(struct xr_buf *b, unsigned group, unsigned element, const char *vr,
                      const void *value, size_t size)
{
    bool wide = strstr("OB OW SQ UN", vr) != NULL;
    unsigned char head[12] = {(unsigned char)group,   (unsigned char)(group >> 8),
                              (unsigned char)element, (unsigned char)(element >> 8),
                              (unsigned char)vr[0],   (unsigned char)vr[1]};
    size_t even = size + size % 2, at = wide ? 8 : 6;

    head[at] = (unsigned char)even;
    head[at + 1] = (unsigned char)(even >> 8);
    if (wide)
        head[at + 2] = (unsigned char)(even >> 16);
    if (xr_buf_put(b, head, wide ? 12 : 8, NULL) || xr_buf_put(b, value, size, NULL) ||
        (size % 2 && xr_buf_put(b, vr[0] == 'U' || vr[0] == 'O' ? "\0" : " ", 1, NULL)))
        abort();
}

static void put_text(struct xr_buf *b, unsigned group, unsigned element, const char *vr,
                     const char *text)
{
    put_bytes(b, group, element, vr, text, strlen(text));
}

static void put_us(struct xr_buf *b, unsigned group, unsigned element, unsigned v)
{
    unsigned char two[2] = {(unsigned char)v, (unsigned char)(v >> 8)};

    put_bytes(b, group, element, "US", two, 2);
}

struct film {
    const char *photometric, *center, *width, *function, *slope, *inter;
    unsigned bits, is_signed;
    bool modality_lut, voi_lut;
};

enum {
    VALUES = 64
};

/* Values all over the range, the ends among them. */
static int value_of(const struct film *f, size_t i)
{
    int top = (1 << f->bits) - 1, v = (int)((double)i / (VALUES - 1) * top + 0.5);

    return f->is_signed ? v - (1 << (f->bits - 1)) : v;
}

/* A table of 8 entries from `first` on. */
static unsigned entry(size_t i)
{
    return (unsigned)(i * i * 80 + 7);
}

static void put_lut(struct xr_buf *b, unsigned group, unsigned element, int first)
{
    uint16_t descriptor[3] = {8, (uint16_t)first, 12}, entries[8];
    struct xr_buf in = {0}, item = {0};
    unsigned char head[8] = {0xfe, 0xff, 0x00, 0xe0};

    for (size_t i = 0; i < 8; i++)
        entries[i] = (uint16_t)entry(i);
    put_bytes(&in, 0x28, 0x3002, "US", descriptor, sizeof descriptor);
    put_bytes(&in, 0x28, 0x3006, "US", entries, sizeof entries);
    head[4] = (unsigned char)in.size;
    if (xr_buf_put(&item, head, 8, NULL) || xr_buf_put(&item, in.data, in.size, NULL))
        abort();
    put_bytes(b, group, element, "SQ", item.data, item.size);
    xr_buf_free(&in);
    xr_buf_free(&item);
}

static void dicom_head(struct xr_buf *b)
{
    char zeros[128] = {0};
    struct xr_buf meta = {0};
    unsigned char length[4] = {0};

    put_text(&meta, 2, 0x10, "UI", "1.2.840.10008.1.2.1");
    length[0] = (unsigned char)meta.size;
    if (xr_buf_put(b, zeros, 128, NULL) || xr_buf_put(b, "DICM", 4, NULL))
        abort();
    put_bytes(b, 2, 0, "UL", length, 4);
    if (xr_buf_put(b, meta.data, meta.size, NULL))
        abort();
    xr_buf_free(&meta);
}

static void make_film(struct xr_buf *b, const struct film *f)
{
    uint16_t pixels[VALUES];

    dicom_head(b);
    put_text(b, 0x08, 0x60, "CS", "DX");
    put_text(b, 0x18, 0x1164, "DS", "0.125\\0.25");
    put_text(b, 0x18, 0x5101, "CS", "PA");
    put_us(b, 0x28, 0x02, 1);
    put_text(b, 0x28, 0x04, "CS", f->photometric);
    put_us(b, 0x28, 0x10, 4);
    put_us(b, 0x28, 0x11, VALUES / 4);
    put_us(b, 0x28, 0x100, 16);
    put_us(b, 0x28, 0x101, f->bits);
    put_us(b, 0x28, 0x102, f->bits - 1);
    put_us(b, 0x28, 0x103, f->is_signed);
    if (f->center)
        put_text(b, 0x28, 0x1050, "DS", f->center);
    if (f->width)
        put_text(b, 0x28, 0x1051, "DS", f->width);
    if (f->inter)
        put_text(b, 0x28, 0x1052, "DS", f->inter);
    if (f->slope)
        put_text(b, 0x28, 0x1053, "DS", f->slope);
    if (f->function)
        put_text(b, 0x28, 0x1056, "CS", f->function);
    if (f->modality_lut)
        put_lut(b, 0x28, 0x3000, f->is_signed ? -4 : 4);
    if (f->voi_lut)
        put_lut(b, 0x28, 0x3010, f->is_signed ? -4 : 4);
    for (size_t i = 0; i < VALUES;
         i++) /* above the high bit stands what must not count */
        pixels[i] = (uint16_t)((value_of(f, i) & ((1 << f->bits) - 1)) |
                               (f->bits < 16 ? 1 << f->bits : 0));
    put_bytes(b, 0x7fe0, 0x10, "OW", pixels, sizeof pixels);
}

static double table(const struct film *f, double v)
{
    double i = v - (f->is_signed ? -4 : 4);

    return entry(i < 0 ? 0 : i > 7 ? 7 : (size_t)i);
}

/* PS3.3 C.11.2.1.2, as its pseudo code says it. */
static double windowed(const struct film *f, double x)
{
    double c = atof(f->center), w = atof(f->width);

    if (f->function && !strcmp(f->function, "SIGMOID"))
        return 1 / (1 + exp(-4 * (x - c) / w));
    if (f->function && !strcmp(f->function, "LINEAR_EXACT"))
        return x <= c - w / 2 ? 0 : x > c + w / 2 ? 1 : (x - c) / w + 0.5;
    if (x <= c - 0.5 - (w - 1) / 2)
        return 0;
    if (x > c - 0.5 + (w - 1) / 2)
        return 1;
    return (x - (c - 0.5)) / (w - 1) + 0.5;
}

static double film_level(const struct film *f, size_t i)
{
    double slope = f->slope ? atof(f->slope) : 1, inter = f->inter ? atof(f->inter) : 0;
    double v = value_of(f, i), y;
    double low = f->is_signed ? -(1 << (f->bits - 1)) : 0,
           high = low + (1 << f->bits) - 1;

    if (f->modality_lut)
        v = table(f, v);
    else
        v = v * slope + inter;
    if (f->voi_lut)
        y = table(f, v) / 4095;
    else if (f->center)
        y = windowed(f, v);
    else if (f->modality_lut)
        y = v / 4095;
    else if (slope < 0)
        y = (high - value_of(f, i)) / (high - low);
    else
        y = (value_of(f, i) - low) / (high - low);
    return 65535 * (!strcmp(f->photometric, "MONOCHROME1") ? 1 - y : y);
}

static void films(void)
{
    static const struct film list[] = {
        {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 12, 0, false, false},
        {"MONOCHROME1", NULL, NULL, NULL, NULL, NULL, 12, 0, false, false},
        {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 16, 0, false, false},
        {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 16, 1, false, false},
        {"MONOCHROME2", NULL, NULL, NULL, "-2", "7", 10, 0, false, false},
        {"MONOCHROME2", "2048", "4096", NULL, NULL, NULL, 12, 0, false, false},
        {"MONOCHROME1", "1500.5\\7", "2000\\9", "LINEAR", NULL, NULL, 12, 0, false,
         false},
        {"MONOCHROME1", "40", "400", NULL, "1", "-1024", 12, 0, false, false},
        {"MONOCHROME2", "40", "400", "LINEAR_EXACT", "1.5", "-1024", 12, 1, false, false},
        {"MONOCHROME2", "500", "800", "SIGMOID", NULL, NULL, 14, 0, false, false},
        {"MONOCHROME2", "7", "1", NULL, NULL, NULL, 10, 1, false, false},
        {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 10, 0, true, false},
        {"MONOCHROME1", "1000", "900", NULL, NULL, NULL, 10, 1, true, false},
        {"MONOCHROME1", "1000", "900", NULL, NULL, NULL, 10, 0, false, true},
        {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 10, 1, false, true},
    };

    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        struct xr_image_info info;
        struct xr_buf file = {0};
        struct xr_err err = {0};
        struct xr_image im;
        double worst = 0;
        int rc;

        make_film(&file, &list[k]);
        rc = xr_image_decode(&im, &info, file.data, file.size, XR_COLOR_GRAY, &err);
        for (size_t i = 0; rc == 0 && i < VALUES; i++) {
            double d = fabs(pixel(&im, i) - film_level(&list[k], i));

            worst = d > worst ? d : worst;
        }
        ok(rc == 0 && im.depth == 16 && im.width == VALUES / 4 && worst <= 0.5001,
           "DICOM %zu: %s %s %s, off by %g %s", k, list[k].photometric,
           list[k].center ? list[k].center : "-",
           list[k].function ? list[k].function : "", worst, err.text);
        ok(info.n_tags > 3 && !strcmp(info.tags[0].value, "DX") &&
               !strcmp(info.tags[1].value, "PA"),
           "and what it is");
        xr_image_free(&im);
        if (k == 0)
            truncations(&file, "DICOM");
        xr_buf_free(&file);
    }
}

/* Colours: planes, palettes, YBR; gray is the luma of the RGB, or Y. */
static void colors(void)
{
    static const uint8_t interleaved[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30};
    static const uint8_t planes[12] = {255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30};
    static const uint8_t ybr[12] = {76, 85, 255, 150, 44, 21, 29, 255, 107, 18, 135, 122};
    static const uint8_t indices[4] = {3, 0, 9, 1};
    uint16_t map[3][4] = {
        {0, 0x1234, 0xffff, 256}, {1, 2, 3, 4}, {0x8000, 0x4000, 0x2000, 0x1000}};
    static const char *const names[] = {"RGB", "RGB", "YBR_FULL", "PALETTE COLOR"};

    for (int kind = 0; kind < 4; kind++) {
        uint16_t descriptor[3] = {4, 0, 16};
        struct xr_image gray, rgb;
        struct xr_err err = {0};
        struct xr_buf b = {0};
        bool same = true;

        dicom_head(&b);
        put_us(&b, 0x28, 0x02, kind == 3 ? 1 : 3);
        put_text(&b, 0x28, 0x04, "CS", names[kind]);
        if (kind < 3)
            put_us(&b, 0x28, 0x06, kind == 1);
        put_us(&b, 0x28, 0x10, 2);
        put_us(&b, 0x28, 0x11, 2);
        put_us(&b, 0x28, 0x100, 8);
        put_us(&b, 0x28, 0x101, 8);
        put_us(&b, 0x28, 0x102, 7);
        put_us(&b, 0x28, 0x103, 0);
        for (unsigned k = 0; kind == 3 && k < 3; k++)
            put_bytes(&b, 0x28, 0x1101 + k, "US", descriptor, 6);
        for (unsigned k = 0; kind == 3 && k < 3; k++)
            put_bytes(&b, 0x28, 0x1201 + k, "OW", map[k], 8);
        put_bytes(&b, 0x7fe0, 0x10, "OB",
                  kind == 0   ? interleaved
                  : kind == 1 ? planes
                  : kind == 2 ? ybr
                              : indices,
                  kind == 3 ? 4 : 12);
        if (!ok(xr_image_decode(&rgb, NULL, b.data, b.size, XR_COLOR_RGB, &err) == 0 &&
                    xr_image_decode(&gray, NULL, b.data, b.size, XR_COLOR_GRAY, &err) ==
                        0,
                "DICOM %s decodes %s", names[kind], err.text))
            continue;
        for (size_t i = 0; i < 12; i++) {
            unsigned v = pixel(&rgb, i),
                     clamped = indices[i / 3] > 3 ? 3 : indices[i / 3];

            same &= kind < 2    ? v == interleaved[i]
                    : kind == 2 ? abs((int)v - interleaved[i]) <= 1
                                : v == map[i % 3][clamped];
        }
        ok(same && rgb.depth == (kind == 3 ? 16 : 8), "its colours");
        for (size_t i = 0; i < 4; i++) {
            double luma = 0.299 * pixel(&rgb, 3 * i) + 0.587 * pixel(&rgb, 3 * i + 1) +
                          0.114 * pixel(&rgb, 3 * i + 2);

            same &= kind == 2 ? pixel(&gray, i) == ybr[3 * i]
                              : fabs(pixel(&gray, i) - luma) <= 1.5;
        }
        ok(same, "its gray");
        xr_image_free(&rgb);
        xr_image_free(&gray);
        xr_buf_free(&b);
    }
}
#endif

/* --- NIfTI ------------------------------------------------------------------------- */

#ifdef XR_HAS_NIFTI

static void put_at(struct xr_buf *b, size_t at, const void *value, size_t size, bool swap)
{
    for (size_t i = 0; i < size; i++)
        b->data[at + i] = ((const char *)value)[swap ? size - 1 - i : i];
}

/* 4 x 3 x 2 voxels of v(x, y, z) = x + 10 y + 100 z, in any type and byte order. */
static void make_nifti(struct xr_buf *b, int16_t type, int16_t bits, bool swap,
                       float slope, float inter)
{
    int32_t size = 348;
    int16_t dims[8] = {3, 4, 3, 2, 1, 1, 1, 1};
    float offset = 352, one = 1;

    if (xr_buf_reserve(b, 352 + 24 * 8, NULL))
        abort();
    b->size = 352 + 24 * (size_t)bits / 8;
    memset(b->data, 0, b->size);
    put_at(b, 0, &size, 4, swap);
    for (size_t i = 0; i < 8; i++) {
        put_at(b, 40 + 2 * i, &dims[i], 2, swap);
        put_at(b, 76 + 4 * i, &one, 4, swap);
    }
    put_at(b, 70, &type, 2, swap);
    put_at(b, 72, &bits, 2, swap);
    put_at(b, 108, &offset, 4, swap);
    put_at(b, 112, &slope, 4, swap);
    put_at(b, 116, &inter, 4, swap);
    memcpy(b->data + 344, "n+1", 4);
    for (int i = 0; i < 24; i++) {
        int v = i % 4 + 10 * (i / 4 % 3) + 100 * (i / 12);
        int8_t i8 = (int8_t)v;
        uint8_t u8 = (uint8_t)v;
        int16_t i16 = (int16_t)v;
        int32_t i32 = v;
        int64_t i64 = v;
        float f32 = (float)v;
        double f64 = v;
        const void *from = type == 2                  ? (const void *)&u8
                           : type == 256              ? (const void *)&i8
                           : type == 4 || type == 512 ? (const void *)&i16
                           : type == 8 || type == 768 ? (const void *)&i32
                           : type == 16               ? (const void *)&f32
                           : type == 64               ? (const void *)&f64
                                                      : (const void *)&i64;

        put_at(b, 352 + (size_t)i * (size_t)bits / 8, from, (size_t)bits / 8, swap);
    }
}

static void nifti(void)
{
    static const int16_t types[][2] = {{2, 8},     {4, 16},   {8, 32},   {16, 32},
                                       {64, 64},   {256, 8},  {512, 16}, {768, 32},
                                       {1024, 64}, {1280, 64}};

    for (size_t t = 0; t < 20; t++) {
        int16_t type = types[t / 2][0];
        float slope = t % 4 < 2 ? 0 : -2;

        for (int axis = 0; axis < 3; axis++) {
            static const size_t side[3] = {4, 3, 2}, step[3] = {1, 10, 100};
            size_t c = axis == 0 ? 1 : 0, r = axis == 2 ? 1 : 2;
            struct xr_pick pick = {.axis = (char)('x' + axis), .index = 2};
            struct xr_err err = {0};
            struct xr_buf b = {0};
            struct xr_image im;
            double worst = 0;
            int rc;

            make_nifti(&b, type, types[t / 2][1], t % 2, slope, 5);
            rc = xr_image_decode_pick(&im, NULL, b.data, b.size, &pick, XR_COLOR_GRAY,
                                      &err);
            for (size_t i = 0; rc == 0 && i < im.width * im.height; i++) {
                size_t x = i % im.width, y = im.height - 1 - i / im.width;
                double v = (double)(x * step[c] + y * step[r] + step[axis]);
                double y16 = (slope < 0 ? 123 - v : v) / 123 * 65535;

                worst = fmax(worst, fabs(pixel(&im, i) - (im.depth == 8 ? v : y16)));
            }
            ok(rc == 0 && im.width == side[c] && im.height == side[r] &&
                   im.depth == (type == 2 && slope == 0 ? 8 : 16) && worst <= 0.5001,
               "NIfTI type %d%s, slope %g, axis %c: off by %g %s", type,
               t % 2 ? " swapped" : "", (double)slope, 'x' + axis, worst, err.text);
            xr_image_free(&im);
            if (t == 3 && axis == 0)
                truncations(&b, "NIfTI");
            xr_buf_free(&b);
        }
    }
}

static void not_numbers(void)
{
    struct xr_pick pick = {.axis = 'z', .index = 1};
    struct xr_image_info info;
    struct xr_buf b = {0};
    struct xr_image im;
    float odd[3] = {NAN, INFINITY, -INFINITY};

    make_nifti(&b, 16, 32, false, 0, 0);
    memcpy(b.data + 352 + 8 * 4, odd, 12);
    ok(xr_image_decode_pick(&im, &info, b.data, b.size, &pick, XR_COLOR_GRAY, NULL) ==
               0 &&
           pixel(&im, 0) == 0 && pixel(&im, 1) == 65535 && pixel(&im, 2) == 0 &&
           info.n_warnings == 1,
       "not a number is black, infinities are the ends: %s", info.warning);
    xr_image_free(&im);
    xr_buf_free(&b);
}
#endif

/* --- paths ------------------------------------------------------------------------- */

static void choices(void)
{
    static const struct {
        const char *path;
        size_t len;
        char axis;
        size_t index, volume;
        const char *key;
    } list[] = {
        {"a.dcm#3", 5, 0, 3, 0, "_f003"},
        {"d/v.nii.gz#z12", 10, 'z', 12, 0, "_z012"},
        {"v.nii#x1t22", 5, 'x', 1, 22, "_x001_t022"},
        {"a.dcm", 5, 0, 0, 0, ""},
        {"a.dcm#0", 7, 0, 0, 0, ""},
        {"a.dcm#", 6, 0, 0, 0, ""},
        {"a.dcm#3b", 8, 0, 0, 0, ""},
        {"a#3/b.dcm", 9, 0, 0, 0, ""},
        {"a.dcm#w3", 8, 0, 0, 0, ""},
        {"#3", 2, 0, 0, 0, ""},
        {"a.dcm#99999999999999999999", 26, 0, 0, 0, ""},
        {"a.dcm#3t2", 9, 0, 0, 0, ""},
        {"a#1#2.dcm#4", 9, 0, 4, 0, "_f004"},
        {"a.nii#z3t0", 10, 0, 0, 0, ""},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char key[XR_FRAMES_TEXT], again[XR_FRAMES_TEXT];
        struct xr_pick pick;
        size_t n = xr_frames_split(&pick, list[i].path);

        xr_frames_suffix(key, &pick);
        xr_frames_choice(again, &pick);
        ok(n == list[i].len && pick.axis == list[i].axis && pick.index == list[i].index &&
               pick.volume == list[i].volume && !strcmp(key, list[i].key) &&
               !strcmp(again, list[i].path + n),
           "%s: %zu, %s", list[i].path, n, key);
    }
}

int main(void)
{
    pnm();
    tiff();
#ifdef XR_HAS_DCMTK
    films();
    colors();
#else
    tap_skip("DICOM", "built without DCMTK");
#endif
#ifdef XR_HAS_NIFTI
    nifti();
    not_numbers();
#else
    tap_skip("NIfTI", "built without libnifti");
#endif
    choices();
    return tap_done();
}
