/* TIFF and PNM in all their ways, NIfTI's types, frames in paths: files made here,
 * pictures computed here by other means. */
#include <string.h>

#include "frames.h"
#include "image.h"
#include "image_codec.h"
#include "io.h"
#include "optional.h"
#include "pictures.h"
#include "tap.h"

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
        ok(truncations(&file) == 0, "%s: every truncation is refused", c->name);
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
                ok(truncations(&b) == 0, "%s: every truncation is refused", "NIfTI");
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
#ifdef XR_HAS_NIFTI
    nifti();
    not_numbers();
#else
    tap_skip("NIfTI", "built without libnifti");
#endif
    choices();
    return tap_done();
}
