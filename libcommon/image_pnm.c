/* PBM, PGM and PPM files, plain (P1 to P3) and raw (P4 to P6), of 8 and 16 bits. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "image_codec.h"

/* The file and the place in it. */
struct pnm {
    const unsigned char *data;
    size_t size, at;
    int kind; /* 1..6 */
    unsigned top;
};

bool xr_pnm_is(const unsigned char *head, size_t size)
{
    return size >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' &&
           (isspace(head[2]) || head[2] == '#');
}

static int cut_short(struct xr_err *err)
{
    return xr_fail(err, "Premature end of PNM file");
}

/* Blanks and comments; a comment ends with its line. */
static void skip(struct pnm *p)
{
    while (p->at < p->size) {
        if (p->data[p->at] == '#') {
            while (p->at < p->size && p->data[p->at] != '\n')
                p->at++;
        } else if (isspace(p->data[p->at])) {
            p->at++;
        } else {
            return;
        }
    }
}

static int number(unsigned *value, struct pnm *p, unsigned most, struct xr_err *err)
{
    uint64_t v = 0;

    skip(p);
    if (p->at == p->size)
        return cut_short(err);
    if (!isdigit(p->data[p->at]))
        return xr_fail(err, "byte %zu of the PNM file is no number", p->at);
    for (; p->at < p->size && isdigit(p->data[p->at]); p->at++) {
        v = v * 10 + (unsigned)(p->data[p->at] - '0');
        if (v > most)
            return xr_fail(err, "a number above %u in the PNM file", most);
    }
    *value = (unsigned)v;
    return 0;
}

/* A plain bitmap's 0 and 1 need no blanks between them. */
static int plain_bit(unsigned *value, struct pnm *p, struct xr_err *err)
{
    skip(p);
    if (p->at == p->size)
        return cut_short(err);
    if (p->data[p->at] != '0' && p->data[p->at] != '1')
        return xr_fail(err, "byte %zu of the PNM file is neither 0 nor 1", p->at);
    *value = (unsigned)(p->data[p->at++] - '0');
    return 0;
}

static void put(struct xr_image *image, size_t i, unsigned v)
{
    if (image->depth == 16)
        ((uint16_t *)image->data)[i] = (uint16_t)v;
    else
        ((uint8_t *)image->data)[i] = (uint8_t)v;
}

static int read_plain(struct xr_image *image, struct pnm *p, struct xr_err *err)
{
    size_t n = image->width * image->height * image->channels;
    unsigned v;

    for (size_t i = 0; i < n; i++) {
        if (p->kind == 1 ? plain_bit(&v, p, err) : number(&v, p, p->top, err))
            return -1;
        put(image, i, p->kind == 1 ? 255 * !v : v); /* in a bitmap 1 is black */
    }
    return 0;
}

static int read_raw(struct xr_image *image, struct pnm *p, struct xr_err *err)
{
    size_t row = image->width * image->channels, bytes = image->depth == 16 ? 2 : 1;
    size_t stride = p->kind == 4 ? (image->width + 7) / 8 : row * bytes;
    const unsigned char *from;

    p->at++; /* one blank, whatever it is */
    if (p->at > p->size || p->size - p->at < stride * image->height)
        return cut_short(err);
    for (size_t y = 0; y < image->height; y++) {
        from = p->data + p->at + y * stride;
        for (size_t x = 0; x < row; x++) {
            unsigned v = p->kind == 4 ? 255u * !(from[x / 8] >> (7 - x % 8) & 1)
                         : bytes == 2 ? (unsigned)from[2 * x] << 8 | from[2 * x + 1]
                                      : from[x];

            if (v > p->top)
                return xr_fail(err, "a level of %u where %u is the highest", v, p->top);
            put(image, y * row + x, v);
        }
    }
    p->at += stride * image->height;
    return 0;
}

int xr_pnm_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, enum xr_color color, struct xr_err *err)
{
    static const char *const modes[] = {"bits", "gray", "rgb"};
    struct pnm p = {.data = data, .size = size, .at = 2, .top = 255};
    unsigned width, height;
    size_t channels;
    int depth;

    p.kind = p.data[1] - '0';
    channels = p.kind % 3 == 0 ? 3 : 1;
    snprintf(info->format, sizeof info->format, "pnm");
    snprintf(info->mode, sizeof info->mode, "%s", modes[(p.kind - 1) % 3]);
    if (number(&width, &p, 1u << 30, err) || number(&height, &p, 1u << 30, err) ||
        (p.kind % 3 != 1 && number(&p.top, &p, 65535, err)))
        return -1;
    if (p.top == 0)
        return xr_fail(err, "a PNM file whose highest level is 0");
    depth = p.top > 255 ? 16 : 8;
    info->stored_depth = p.kind % 3 == 1 ? 1 : 32 - __builtin_clz(p.top);
    if (xr_image_check(width, height, err))
        return -1;
    /* every sample takes at least a bit of the file: no memory for what cannot be there
     */
    if ((size_t)width * height * channels / 8 > size - p.at)
        return cut_short(err);
    if (xr_image_alloc(image, width, height, channels, depth, err) ||
        (p.kind < 4 ? read_plain(image, &p, err) : read_raw(image, &p, err)))
        return -1;
    skip(&p);
    if (p.at < p.size)
        xr_image_warn(info, "bytes behind the first picture of the PNM file");
    xr_spread(image, p.top);
    return xr_recolor(image, color, err);
}
