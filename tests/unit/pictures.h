/*
 * Files of every reader, made on the spot: for the unit tests and as seeds for fuzzing.
 */
#ifndef PICTURES_H
#define PICTURES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tiffio.h>

#include "image.h"
#include "io.h"

/* --- what tests do with them -------------------------------------------------------- */

__attribute__((unused)) static unsigned pixel(const struct xr_image *im, size_t i)
{
    return im->depth == 16 ? ((uint16_t *)im->data)[i] : ((uint8_t *)im->data)[i];
}

/* How many truncations of a file are not refused with one line; at exact size for ASan.
 */
__attribute__((unused)) static size_t truncations(const struct xr_buf *file)
{
    size_t bad = 0;

    for (size_t n = 0; n < file->size; n++) {
        char *part = malloc(n ? n : 1);
        struct xr_err err = {0};
        struct xr_image im;

        memcpy(part, file->data, n);
        if (xr_image_decode(&im, NULL, part, n, XR_COLOR_GRAY, &err) == 0)
            bad++;
        else
            bad += !err.text[0] || strchr(err.text, '\n') || im.data;
        xr_image_free(&im);
        free(part);
    }
    return bad;
}

/* --- TIFF -------------------------------------------------------------------------- */

struct tiff_case {
    const char *name;
    uint16_t bits, samples, photometric, compression, planar, extra;
    bool tiled;
};

/* Sample k of pixel i of the picture that is written. */
__attribute__((unused)) static unsigned sample_of(const struct tiff_case *c, size_t i,
                                                  size_t k)
{
    return (unsigned)((i * 2654435761u + k * 40503u) >> 7) & ((1u << c->bits) - 1);
}

__attribute__((unused)) static void pack(uint8_t *row, size_t at, unsigned bits,
                                         unsigned v)
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

__attribute__((unused)) static void write_page(TIFF *tiff, const struct tiff_case *c)
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

__attribute__((unused)) static int
make_tiff(struct xr_buf *buf, const struct tiff_case *cases, size_t n, const char *how)
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

__attribute__((unused)) static const struct tiff_case tiffs[] = {
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

/* --- DICOM ------------------------------------------------------------------------- */

__attribute__((unused)) static void put_bytes(struct xr_buf *b, unsigned group,
                                              unsigned element, const char *vr,
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

__attribute__((unused)) static void put_text(struct xr_buf *b, unsigned group,
                                             unsigned element, const char *vr,
                                             const char *text)
{
    put_bytes(b, group, element, vr, text, strlen(text));
}

__attribute__((unused)) static void put_us(struct xr_buf *b, unsigned group,
                                           unsigned element, unsigned v)
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
__attribute__((unused)) static int value_of(const struct film *f, size_t i)
{
    int top = (1 << f->bits) - 1, v = (int)((double)i / (VALUES - 1) * top + 0.5);

    return f->is_signed ? v - (1 << (f->bits - 1)) : v;
}

/* A table of 8 entries from `first` on. */
__attribute__((unused)) static unsigned entry(size_t i)
{
    return (unsigned)(i * i * 80 + 7);
}

__attribute__((unused)) static void put_lut(struct xr_buf *b, unsigned group,
                                            unsigned element, int first)
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

__attribute__((unused)) static void dicom_head(struct xr_buf *b, const char *transfer)
{
    char zeros[128] = {0};
    struct xr_buf meta = {0};
    unsigned char length[4] = {0};

    put_text(&meta, 2, 0x10, "UI", transfer);
    length[0] = (unsigned char)meta.size;
    if (xr_buf_put(b, zeros, 128, NULL) || xr_buf_put(b, "DICM", 4, NULL))
        abort();
    put_bytes(b, 2, 0, "UL", length, 4);
    if (xr_buf_put(b, meta.data, meta.size, NULL))
        abort();
    xr_buf_free(&meta);
}

/* Rows, columns, and bits allocated, stored, the highest one; signed or not. */
__attribute__((unused)) static void put_shape(struct xr_buf *b, unsigned rows,
                                              unsigned columns, unsigned allocated,
                                              unsigned stored, bool is_signed)
{
    put_us(b, 0x28, 0x10, rows);
    put_us(b, 0x28, 0x11, columns);
    put_us(b, 0x28, 0x100, allocated);
    put_us(b, 0x28, 0x101, stored);
    put_us(b, 0x28, 0x102, stored - 1);
    put_us(b, 0x28, 0x103, is_signed);
}

__attribute__((unused)) static void make_film(struct xr_buf *b, const struct film *f)
{
    uint16_t pixels[VALUES];

    dicom_head(b, "1.2.840.10008.1.2.1");
    put_text(b, 0x08, 0x60, "CS", "DX");
    put_text(b, 0x18, 0x1164, "DS", "0.125\\0.25");
    put_text(b, 0x18, 0x5101, "CS", "PA");
    put_us(b, 0x28, 0x02, 1);
    put_text(b, 0x28, 0x04, "CS", f->photometric);
    put_shape(b, 4, VALUES / 4, 16, f->bits, f->is_signed);
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

__attribute__((unused)) static const struct film film_list[] = {
    {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 12, 0, false, false},
    {"MONOCHROME1", NULL, NULL, NULL, NULL, NULL, 12, 0, false, false},
    {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 16, 0, false, false},
    {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 16, 1, false, false},
    {"MONOCHROME2", NULL, NULL, NULL, "-2", "7", 10, 0, false, false},
    {"MONOCHROME2", "2048", "4096", NULL, NULL, NULL, 12, 0, false, false},
    {"MONOCHROME1", "1500.5\\7", "2000\\9", "LINEAR", NULL, NULL, 12, 0, false, false},
    {"MONOCHROME1", "40", "400", NULL, "1", "-1024", 12, 0, false, false},
    {"MONOCHROME2", "40", "400", "LINEAR_EXACT", "1.5", "-1024", 12, 1, false, false},
    {"MONOCHROME2", "500", "800", "SIGMOID", NULL, NULL, 14, 0, false, false},
    {"MONOCHROME2", "7", "1", NULL, NULL, NULL, 10, 1, false, false},
    {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 10, 0, true, false},
    {"MONOCHROME1", "1000", "900", NULL, NULL, NULL, 10, 1, true, false},
    {"MONOCHROME1", "1000", "900", NULL, NULL, NULL, 10, 0, false, true},
    {"MONOCHROME2", NULL, NULL, NULL, NULL, NULL, 10, 1, false, true},
};

/* --- NIfTI ------------------------------------------------------------------------- */

__attribute__((unused)) static void put_at(struct xr_buf *b, size_t at, const void *value,
                                           size_t size, bool swap)
{
    for (size_t i = 0; i < size; i++)
        b->data[at + i] = ((const char *)value)[swap ? size - 1 - i : i];
}

/* 4 x 3 x 2 voxels of v(x, y, z) = x + 10 y + 100 z, in any type and byte order. */
__attribute__((unused)) static void make_nifti(struct xr_buf *b, int16_t type,
                                               int16_t bits, bool swap, float slope,
                                               float inter)
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

#endif
