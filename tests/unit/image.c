/* Decoders and encoders: the files of data/mixed, orientation, hostile bytes. */
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "csv.h"
#include "image.h"
#include "image_codec.h"
#include "io.h"
#include "rng.h"
#include "tap.h"

static double mean_of(const struct xr_image *im)
{
    size_t n = im->width * im->height * im->channels;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += im->depth == 16 ? ((uint16_t *)im->data)[i] : ((uint8_t *)im->data)[i];
    return sum / (double)n;
}

/* "sha256:..." of the gray pixels; with `alpha` opaque alphas put behind every `every`
 * samples */
static void digest_of(char text[XR_SHA256_TEXT], const struct xr_image *im, size_t alpha,
                      unsigned divide)
{
    struct xr_sha256 *sha = xr_sha256_new(NULL);
    size_t n = im->width * im->height * im->channels, bytes = im->depth == 16 ? 2 : 1;

    for (size_t i = 0; i < n; i++) {
        uint8_t v[2];

        memcpy(v, (uint8_t *)im->data + i * bytes, bytes);
        v[0] = (uint8_t)(v[0] / divide);
        xr_sha256_add(sha, v, bytes);
        if (alpha && (i + 1) % alpha == 0)
            xr_sha256_add(sha, "\xff", 1);
    }
    xr_sha256_text(sha, text);
    xr_sha256_free(sha);
}

static void mixed_good(const char *file, const struct xr_table *t, size_t row,
                       const struct xr_buf *buf)
{
    const char *mode = xr_cell(t, row, (size_t)xr_table_col(t, "mode"));
    const char *sha = xr_cell(t, row, (size_t)xr_table_col(t, "pixel_sha256"));
    double mean = atof(xr_cell(t, row, (size_t)xr_table_col(t, "mean"))), want = mean;
    struct xr_image gray, rgb, luma;
    struct xr_image_info info;
    struct xr_err err = {0};
    char size[32], got[XR_SHA256_TEXT];
    int is_png;

    if (!ok(xr_image_decode(&gray, &info, buf->data, buf->size, XR_COLOR_GRAY, &err) == 0,
            "%s decodes to gray %s", file, err.text))
        return;
    is_png = strcmp(info.format, "png") == 0;
    if (!ok(xr_image_decode(&rgb, NULL, buf->data, buf->size, XR_COLOR_RGB, &err) == 0,
            "%s decodes to RGB", file))
        return;
    snprintf(size, sizeof size, "%zux%zu", gray.width, gray.height);
    ok(strcmp(size, xr_cell(t, row, (size_t)xr_table_col(t, "oriented"))) == 0,
       "%s is %s, mode %s", file, size, info.mode);
    ok((info.orientation == 6) == (strstr(file, "rot6") != NULL), "%s orientation %d",
       file, info.orientation);
    ok(gray.depth == (strstr(file, "16.png") ? 16 : 8), "%s depth %d", file, gray.depth);

    /* what Pillow's raw mode says about the gray of that mode */
    if (!strcmp(mode, "LA"))
        want = 2 * mean - 255;
    else if (!strcmp(mode, "RGBA"))
        want = (4 * mean - 255) / 3;
    else if (!strcmp(mode, "CMYK"))
        want = 255 - mean * 4 / 3; /* inks, and no black in this file */
    else if (!strcmp(mode, "1"))
        want = 255 * mean;
    else if (strstr(file, "rgb16"))
        want = 257 * mean;
    if (strcmp(mode, "P") && strcmp(file, "COVID-00004.jpg")) /* indices; real colours */
        near(mean_of(&gray), want,
             strstr(file, "rgb16") ? 130
             : is_png              ? 2e-4
                                   : 0.02,
             file);
    if (!strcmp(mode, "P"))
        near(mean_of(&gray), 172.035, 0.02, "the palette file is the gray film");
    if (!strcmp(mode, "RGB") && !is_png)
        near(mean_of(&rgb), mean, 0.02, file);

    /* gray is the luma of the RGB that the same file decodes to */
    if (xr_image_alloc(&luma, rgb.width, rgb.height, 1, rgb.depth, &err))
        return;
    if (rgb.depth == 16)
        xr_gray_of_rgb16(luma.data, rgb.data, rgb.width * rgb.height);
    else
        xr_gray_of_rgb8(luma.data, rgb.data, rgb.width * rgb.height);
    if (rgb.depth == 8) {
        int worst = 0;

        for (size_t i = 0; i < rgb.width * rgb.height; i++) {
            int d = abs((int)((uint8_t *)luma.data)[i] - (int)((uint8_t *)gray.data)[i]);

            worst = d > worst ? d : worst;
        }
        ok(worst <= (is_png || !strcmp(mode, "L") || !strcmp(mode, "CMYK") ? 0 : 1),
           "%s: gray is the luma of its RGB (off by %d)", file, worst);
    } else {
        ok(memcmp(luma.data, gray.data, 2 * rgb.width * rgb.height) == 0,
           "%s: gray is the luma of its RGB, 16 bit", file);
    }
    if (*sha && strcmp(mode, "P") && !strstr(file, "rgb16")) {
        const struct xr_image *im =
            !strcmp(mode, "RGBA") || !strcmp(mode, "RGB") ? &rgb : &gray;

        digest_of(got, im, !strcmp(mode, "LA") ? 1 : !strcmp(mode, "RGBA") ? 3 : 0, 1);
        ok(strcmp(got + 7, sha) == 0, "%s: every sample as Pillow reads it", file);
    }
    xr_image_free(&luma);
    xr_image_free(&gray);
    xr_image_free(&rgb);
}

static void mixed(const char *shared)
{
    struct xr_table t;
    struct xr_err err = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/data/mixed/reference.csv", shared);
    if (!ok(xr_table_read(&t, path, &err) == 0, "reference.csv %s", err.text))
        return;
    for (size_t row = 0; row < t.n_rows; row++) {
        const char *file = xr_cell(&t, row, 0);
        struct xr_buf buf = {0};

        snprintf(path, sizeof path, "%s/data/mixed/%s", shared, file);
        if (xr_read_file(&buf, path, SIZE_MAX / 4, NULL, &err)) {
            ok(0, "%s", err.text);
            continue;
        }
        if (*xr_cell(&t, row, (size_t)xr_table_col(&t, "error"))) {
            struct xr_image im;
            int rc = xr_image_decode(&im, NULL, buf.data, buf.size, XR_COLOR_GRAY, &err);

            ok(rc == -1 && err.text[0] && !strchr(err.text, '\n') && !im.data,
               "%s is refused: %s", file, err.text);
            if (strstr(file, "truncated.jpg"))
                ok(!strcmp(err.text, "Premature end of JPEG file"), "and says why");
        } else {
            mixed_good(file, &t, row, &buf);
        }
        xr_buf_free(&buf);
    }
    xr_table_free(&t);
}

/* Four quadrants of different gray, wider than high. */
static void quadrants(struct xr_image *im, uint8_t *data)
{
    static const uint8_t level[4] = {10, 90, 170, 250};

    *im = (struct xr_image){64, 32, 1, 8, data};
    for (size_t y = 0; y < 32; y++) {
        for (size_t x = 0; x < 64; x++)
            data[y * 64 + x] = level[(y >= 16) * 2 + (x >= 32)];
    }
}

static void orientations(void)
{
    /* what the corners (left above, right above, left below, right below) become */
    static const char want[9][5] = {"",     "0123", "1032", "3210", "2301",
                                    "0213", "2031", "3120", "1302"};
    unsigned char app[] =
        "\xff\xe1\0\x22"
        "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    uint8_t data[64 * 32];
    struct xr_image im, back;
    struct xr_buf plain = {0};

    quadrants(&im, data);
    if (xr_image_jpeg(&plain, &im, 95, NULL))
        return;
    for (int o = 1; o <= 8; o++) {
        struct xr_image_info info;
        struct xr_buf file = {0};
        char got[5] = "";

        app[4 + 6 + 8 + 2 + 9] = (unsigned char)o;
        if (xr_buf_put(&file, plain.data, 2, NULL) || xr_buf_put(&file, app, 36, NULL) ||
            xr_buf_put(&file, plain.data + 2, plain.size - 2, NULL) ||
            xr_image_decode(&back, &info, file.data, file.size, XR_COLOR_GRAY, NULL)) {
            ok(0, "orientation %d decodes", o);
            continue;
        }
        for (int i = 0; i < 4; i++) {
            size_t x = i & 1 ? back.width - 4 : 3, y = i & 2 ? back.height - 4 : 3;

            got[i] = (char)('0' + (((uint8_t *)back.data)[y * back.width + x] + 30) / 80);
        }
        ok(!strcmp(got, want[o]) && info.orientation == o &&
               back.width == (o > 4 ? 32 : 64),
           "EXIF orientation %d: corners %s", o, got);
        xr_image_free(&back);
        xr_buf_free(&file);
    }
    xr_buf_free(&plain);
}

static void round_trips(void)
{
    struct xr_rng rng;

    xr_rng_init(&rng, 0, 0, "", "round trip");
    for (int depth = 8; depth <= 16; depth += 8) {
        for (size_t c = 1; c <= 3; c += 2) {
            struct xr_image im, back;
            struct xr_buf one = {0}, two = {0};
            size_t bytes = 31 * 17 * c * (size_t)(depth / 8);

            if (xr_image_alloc(&im, 31, 17, c, depth, NULL))
                return;
            for (size_t i = 0; i < bytes; i++)
                ((uint8_t *)im.data)[i] = (uint8_t)xr_rng_u32(&rng);
            if (xr_image_png(&one, &im, NULL) || xr_image_png(&two, &im, NULL) ||
                xr_image_decode(&back, NULL, one.data, one.size,
                                c == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB, NULL)) {
                ok(0, "PNG of %zu channels, %d bits", c, depth);
                continue;
            }
            ok(back.depth == depth && back.channels == c &&
                   memcmp(back.data, im.data, bytes) == 0,
               "PNG of %zu channels, %d bits comes back", c, depth);
            ok(one.size == two.size && memcmp(one.data, two.data, one.size) == 0,
               "and equal pixels give equal bytes");
            xr_image_free(&im);
            xr_image_free(&back);
            xr_buf_free(&one);
            xr_buf_free(&two);
        }
    }
}

/* RGBA by hand: transparent pixels are black, whatever lies under them. */
static void alpha(void)
{
    uint8_t rgba[] = {200, 200, 200, 255, 200, 200, 200, 0, 200, 200, 200, 128};
    struct xr_image im = {3, 1, 4, 8, rgba}, back;
    struct xr_buf buf = {0};

    if (xr_image_png(&buf, &im, NULL) ||
        xr_image_decode(&back, NULL, buf.data, buf.size, XR_COLOR_GRAY, NULL)) {
        ok(0, "RGBA decodes");
        return;
    }
    ok(((uint8_t *)back.data)[0] == 200 && ((uint8_t *)back.data)[1] == 0 &&
           ((uint8_t *)back.data)[2] == 100,
       "alpha: light over a black ground");
    xr_image_free(&back);
    xr_buf_free(&buf);
}

/* Every truncation is refused, random damage never crashes, extraneous bytes only warn.
 */
static void hostile(void)
{
    uint8_t data[64 * 32];
    struct xr_image im, back;
    struct xr_rng rng;

    quadrants(&im, data);
    for (int png = 0; png < 2; png++) {
        struct xr_buf file = {0};
        size_t whole = 0;

        if (png ? xr_image_png(&file, &im, NULL) : xr_image_jpeg(&file, &im, 90, NULL))
            return;
        for (size_t n = 0; n < file.size; n++) {
            char *part = malloc(n ? n : 1); /* exact size, so that ASan sees an overrun */

            memcpy(part, file.data, n);
            if (xr_image_decode(&back, NULL, part, n, XR_COLOR_GRAY, NULL) == 0) {
                whole++;
                xr_image_free(&back);
            }
            free(part);
        }
        ok(whole == 0, "%s: every truncation is refused", png ? "PNG" : "JPEG");
        xr_rng_init(&rng, 0, 0, "", "damage");
        for (int round = 0; round < 3000; round++) {
            char *part = malloc(file.size);

            memcpy(part, file.data, file.size);
            for (uint64_t k = 1 + xr_rng_below(&rng, 8); k > 0; k--)
                part[xr_rng_below(&rng, file.size)] = (char)xr_rng_u32(&rng);
            if (xr_image_decode(&back, NULL, part, file.size,
                                round & 1 ? XR_COLOR_RGB : XR_COLOR_GRAY, NULL) == 0)
                xr_image_free(&back);
            free(part);
        }
        ok(1, "%s: 3000 damaged files did no harm", png ? "PNG" : "JPEG");
        xr_buf_free(&file);
    }
}

static void extraneous(void)
{
    uint8_t data[64 * 32];
    struct xr_image im, back;
    struct xr_image_info info;
    struct xr_buf file = {0}, more = {0};

    quadrants(&im, data);
    if (xr_image_jpeg(&file, &im, 90, NULL) ||
        xr_buf_put(&more, file.data, file.size - 2, NULL) ||
        xr_buf_put(&more, "\x12\x34\x56\xff\xd9", 5, NULL))
        return;
    ok(xr_image_decode(&back, &info, more.data, more.size, XR_COLOR_GRAY, NULL) == 0 &&
           info.n_warnings == 1 && strstr(info.warning, "extraneous"),
       "extraneous bytes: %s", info.warning);
    xr_image_free(&back);
    xr_buf_free(&file);
    xr_buf_free(&more);
}

/* CMYK and YCCK as Photoshop stores them, inverted: 255 is no ink. */
static void inks(void)
{
    static const uint8_t ink[2][4] = {{200, 120, 40, 255}, {255, 255, 255, 102}};

    for (int ycck = 0; ycck < 2; ycck++) {
        struct jpeg_compress_struct jpeg;
        struct jpeg_error_mgr trap;
        unsigned char *file = NULL;
        unsigned long size = 0;
        uint8_t row[64 * 4];
        JSAMPROW line = row;
        struct xr_image_info info;
        struct xr_image im;
        bool same = true;

        jpeg.err = jpeg_std_error(&trap);
        jpeg_create_compress(&jpeg);
        jpeg_mem_dest(&jpeg, &file, &size);
        jpeg.image_width = 64;
        jpeg.image_height = 32;
        jpeg.input_components = 4;
        jpeg.in_color_space = JCS_CMYK;
        jpeg_set_defaults(&jpeg);
        jpeg_set_colorspace(&jpeg, ycck ? JCS_YCCK : JCS_CMYK);
        jpeg_set_quality(&jpeg, 100, TRUE);
        jpeg_start_compress(&jpeg, TRUE);
        for (size_t i = 0; i < 64; i++)
            memcpy(row + 4 * i, ink[i >= 32], 4);
        for (int y = 0; y < 32; y++)
            jpeg_write_scanlines(&jpeg, &line, 1);
        jpeg_finish_compress(&jpeg);
        jpeg_destroy_compress(&jpeg);
        if (!ok(xr_image_decode(&im, &info, file, size, XR_COLOR_RGB, NULL) == 0 &&
                    !strcmp(info.mode, "cmyk"),
                "%s decodes", ycck ? "YCCK" : "CMYK"))
            continue;
        for (size_t k = 0; k < 3; k++) {
            const uint8_t *p = im.data;

            same &= abs(p[3 * 8 + k] - ink[0][k]) <= 3;
            same &= abs(p[3 * 56 + k] - 102) <= 3;
        }
        ok(same, "each of R, G, B is what its ink leaves times what black leaves");
        xr_image_free(&im);
        free(file);
    }
}

static void dark(void)
{
    uint16_t data[4] = {0, 17, 4095, 9};
    struct xr_image im = {2, 2, 1, 16, data}, back;
    struct xr_image_info info;
    struct xr_buf file = {0};

    for (int bright = 0; bright < 2; bright++) {
        data[3] = bright ? 40000 : 9;
        file.size = 0;
        if (xr_image_png(&file, &im, NULL) ||
            xr_image_decode(&back, &info, file.data, file.size, XR_COLOR_GRAY, NULL))
            return;
        ok(info.n_warnings == (bright ? 0 : 1) && back.depth == 16,
           "16 bits up to %d: %s", bright ? 40000 : 4095, info.warning);
        xr_image_free(&back);
    }
    xr_buf_free(&file);
}

static void too_large(void)
{
    uint8_t data[64 * 32];
    struct xr_image im, back;
    struct xr_buf file = {0};
    struct xr_err err = {0};

    quadrants(&im, data);
    if (xr_image_jpeg(&file, &im, 90, NULL))
        return;
    for (size_t i = 2; i + 9 < file.size; i++) {
        if ((uint8_t)file.data[i] == 0xff && (uint8_t)file.data[i + 1] == 0xc0) {
            memcpy(file.data + i + 5, "\xff\x00\xff\x00", 4); /* 65280 x 65280 */
            break;
        }
    }
    ok(xr_image_decode(&back, NULL, file.data, file.size, XR_COLOR_GRAY, &err) == -1 &&
           strstr(err.text, "65280x65280"),
       "a header that promises too much: %s", err.text);
    xr_buf_free(&file);
}

int main(void)
{
    const char *shared = tap_shared();

    if (shared)
        mixed(shared);
    else
        tap_skip("data/mixed", "no reference data");
    orientations();
    round_trips();
    alpha();
    hostile();
    extraneous();
    too_large();
    inks();
    dark();
    return tap_done();
}
