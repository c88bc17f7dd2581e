/* DICOM's windows, tables, colours and fragments: files made here, pictures computed here
 * as PS3.3 says it. */
#include <string.h>

#include "image.h"
#include "io.h"
#include "optional.h"
#include "pictures.h"
#include "tap.h"

#ifdef XR_HAS_DCMTK

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
    for (size_t k = 0; k < sizeof film_list / sizeof *film_list; k++) {
        struct xr_image_info info;
        struct xr_buf file = {0};
        struct xr_err err = {0};
        struct xr_image im;
        double worst = 0;
        int rc;

        make_film(&file, &film_list[k]);
        rc = xr_image_decode(&im, &info, file.data, file.size, XR_COLOR_GRAY, &err);
        for (size_t i = 0; rc == 0 && i < VALUES; i++) {
            double d = fabs(pixel(&im, i) - film_level(&film_list[k], i));

            worst = d > worst ? d : worst;
        }
        ok(rc == 0 && im.depth == 16 && im.width == VALUES / 4 && worst <= 0.5001,
           "DICOM %zu: %s %s %s, off by %g %s", k, film_list[k].photometric,
           film_list[k].center ? film_list[k].center : "-",
           film_list[k].function ? film_list[k].function : "", worst, err.text);
        ok(info.n_tags > 3 && !strcmp(info.tags[0].value, "DX") &&
               !strcmp(info.tags[1].value, "PA"),
           "and what it is");
        xr_image_free(&im);
        if (k == 0)
            ok(truncations(&file) == 0, "%s: every truncation is refused", "DICOM");
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

        dicom_head(&b, "1.2.840.10008.1.2.1");
        put_us(&b, 0x28, 0x02, kind == 3 ? 1 : 3);
        put_text(&b, 0x28, 0x04, "CS", names[kind]);
        if (kind < 3)
            put_us(&b, 0x28, 0x06, kind == 1);
        put_shape(&b, 2, 2, 8, 8, false);
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
/* One fragment of compressed pixels. */
static void put_item(struct xr_buf *b, const void *data, size_t size)
{
    unsigned char head[8] = {0xfe, 0xff, 0x00, 0xe0};

    head[4] = (unsigned char)(size + size % 2);
    head[5] = (unsigned char)((size + size % 2) >> 8);
    if (xr_buf_put(b, head, 8, NULL) || xr_buf_put(b, data, size, NULL) ||
        (size % 2 && xr_buf_put(b, "", 1, NULL)))
        abort();
}

/* Three frames of JPEG, each cut into two fragments; the offset table says where they
 * begin, or nothing does but their own first bytes. */
static void fragments(bool offsets)
{
    static const unsigned char delimiter[8] = {0xfe, 0xff, 0xdd, 0xe0};
    uint32_t table[3] = {0};
    struct xr_buf b = {0}, jpeg[3] = {{0}, {0}, {0}};
    struct xr_frames frames;
    uint8_t level[64];
    size_t at = 0;

    for (size_t f = 0; f < 3; f++) {
        struct xr_image im = {8, 8, 1, 8, level};

        memset(level, (int)(40 + 80 * f), sizeof level);
        if (xr_image_jpeg(&jpeg[f], &im, 95, NULL))
            return;
        table[f] = (uint32_t)at;
        at += 16 + 100 + (jpeg[f].size - 100 + jpeg[f].size % 2);
    }
    dicom_head(&b, "1.2.840.10008.1.2.4.50");
    put_us(&b, 0x28, 0x02, 1);
    put_text(&b, 0x28, 0x04, "CS", "MONOCHROME2");
    put_text(&b, 0x28, 0x08, "IS", "3");
    put_shape(&b, 8, 8, 8, 8, false);
    if (xr_buf_put(&b, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12, NULL))
        return;
    put_item(&b, table, offsets ? sizeof table : 0);
    for (size_t f = 0; f < 3; f++) {
        put_item(&b, jpeg[f].data, 100);
        put_item(&b, jpeg[f].data + 100, jpeg[f].size - 100);
        xr_buf_free(&jpeg[f]);
    }
    if (xr_buf_put(&b, delimiter, 8, NULL))
        return;
    ok(xr_image_frames(&frames, b.data, b.size, NULL) == 0 && frames.n == 3,
       "three frames in six fragments");
    for (size_t f = 0; f < 3; f++) {
        struct xr_pick pick = {.index = f + 1};
        struct xr_err err = {0};
        struct xr_image im;

        ok(xr_image_decode_pick(&im, NULL, b.data, b.size, &pick, XR_COLOR_GRAY, &err) ==
                   0 &&
               im.depth == 8 && abs((int)pixel(&im, 9) - (int)(40 + 80 * f)) <= 1,
           "frame %zu of fragments%s %s", f + 1, offsets ? " with a table" : "",
           err.text);
        xr_image_free(&im);
    }
    xr_buf_free(&b);
}

int main(void)
{
    films();
    colors();
    fragments(true);
    fragments(false);
    return tap_done();
}

#else

int main(void)
{
    tap_skip("DICOM", "built without DCMTK");
    return tap_done();
}

#endif
