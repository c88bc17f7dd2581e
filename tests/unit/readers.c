/* TIFF and PNM in all their ways, DICOM's windows, tables and colours, NIfTI's types:
 * files made here, pictures computed here by other means. */
#include <string.h>
#include "frames.h"
#include "image.h"
#include "image_codec.h"
#include "io.h"
#include "optional.h"
#include "pictures.h"
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

        dicom_head(&b, "1.2.840.10008.1.2.1");
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
    put_us(&b, 0x28, 0x10, 8);
    put_us(&b, 0x28, 0x11, 8);
    put_us(&b, 0x28, 0x100, 8);
    put_us(&b, 0x28, 0x101, 8);
    put_us(&b, 0x28, 0x102, 7);
    put_us(&b, 0x28, 0x103, 0);
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
#endif

/* --- NIfTI ------------------------------------------------------------------------- */

#ifdef XR_HAS_NIFTI

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
    fragments(true);
    fragments(false);
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
