/* Transforms of gray levels: every pixel by itself, or by the histogram. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "simd.h"
#include "transform.h"

#define MAX_REFERENCE ((size_t)1 << 30) /* bytes of an image file */

static int do_clahe(struct xr_job *job)
{
    double clip = xr_job_value(job, 0), tiles = xr_job_value(job, 1);

    return xr_clahe(job->film->image, clip, (size_t)tiles, job->err);
}

/* --- one table for all pixels --------------------------------------------------------
 */

static int do_brightness_contrast(struct xr_job *job)
{
    double brightness = xr_job_value(job, 0), contrast = xr_job_value(job, 1);
    uint8_t lut[256];

    xr_lut_linear(lut, (float)(1 + contrast), (float)(brightness * 255));
    return xr_job_lut(job, lut);
}

static int do_gamma(struct xr_job *job)
{
    uint8_t lut[256];

    xr_lut_gamma(lut, xr_job_value(job, 0));
    return xr_job_lut(job, lut);
}

static int do_invert(struct xr_job *job)
{
    uint8_t lut[256];

    xr_lut_linear(lut, -1, 255);
    return xr_job_lut(job, lut);
}

/* As a reader moves and stretches the window of a film: black below it, white above. */
static int do_window(struct xr_job *job)
{
    double level = 127.5 + 255 * xr_job_value(job, 0);
    double width = 255 * (1 + xr_job_value(job, 1));
    uint8_t lut[256];

    for (int i = 0; i < 256; i++) {
        double v = ((double)i - level) / width * 255 + 127.5;

        lut[i] = (uint8_t)rint(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return xr_job_lut(job, lut);
}

static int do_posterize(struct xr_job *job)
{
    int dropped = 8 - (int)xr_job_value(job, 0);
    uint8_t lut[256];

    for (int i = 0; i < 256; i++)
        lut[i] = (uint8_t)(i >> dropped << dropped);
    return xr_job_lut(job, lut);
}

static int do_solarize(struct xr_job *job)
{
    double threshold = xr_job_value(job, 0);
    uint8_t lut[256];

    for (int i = 0; i < 256; i++)
        lut[i] = (uint8_t)(i < threshold ? i : 255 - i);
    return xr_job_lut(job, lut);
}

/* Pillow's Image.blend of one level with every other: float32, cut off, not rounded. */
static int blend_level(struct xr_job *job, float from, float factor)
{
    uint8_t lut[256];

    for (int i = 0; i < 256; i++) {
        float v = from + factor * ((float)i - from);

        lut[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return xr_job_lut(job, lut);
}

static int do_brightness(struct xr_job *job)
{
    return blend_level(job, 0, (float)(1 + xr_job_value(job, 0)));
}

static int do_contrast(struct xr_job *job)
{
    const struct xr_image *image = job->film->image;
    size_t n = image->width * image->height, sum = 0;
    const uint8_t *p = image->data;

    for (size_t i = 0; i < n; i++)
        sum +=
            image->channels == 1 ? p[i] : xr_luma(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
    return blend_level(job, (float)(size_t)((double)sum / (double)n + 0.5),
                       (float)(1 + xr_job_value(job, 0)));
}

/* --- a table for each channel --------------------------------------------------------
 */

/* Make a table from the histogram of every channel with `make`, and look pixels up. */
static int by_histogram(struct xr_job *job, size_t channels,
                        void (*make)(uint8_t lut[256], const size_t hist[256],
                                     size_t channel, void *arg),
                        void *arg)
{
    struct xr_image *image = job->film->image;
    size_t n = image->width * image->height * channels, hist[3][256] = {{0}};
    uint8_t lut[3][256], *p = image->data;

    if (channels == 1) {
        xr_histogram(hist[0], p, n);
        make(lut[0], (const size_t *)hist[0], 0, arg);
        return xr_job_lut(job, lut[0]);
    }
    for (size_t i = 0, k = 0; i < n; i++, k = k + 1 < channels ? k + 1 : 0)
        hist[k][p[i]]++;
    for (size_t k = 0; k < channels; k++)
        make(lut[k], (const size_t *)hist[k], k, arg);
    for (size_t i = 0, k = 0; i < n; i++, k = k + 1 < channels ? k + 1 : 0)
        p[i] = lut[k][p[i]];
    return 0;
}

static void make_equal(uint8_t lut[256], const size_t hist[256], size_t channel,
                       void *pillow)
{
    (void)channel;
    xr_lut_equalize(lut, hist, *(const int *)pillow);
}

static int do_equalize(struct xr_job *job)
{
    int pillow = xr_job_word(job, 0);

    return by_histogram(job, job->film->image->channels, make_equal, &pillow);
}

/* ImageOps.autocontrast without cut-off. */
static void make_stretched(uint8_t lut[256], const size_t hist[256], size_t channel,
                           void *arg)
{
    int lo = 0, hi = 255;
    double scale;

    (void)channel;
    (void)arg;
    while (lo < 255 && hist[lo] == 0)
        lo++;
    while (hi > 0 && hist[hi] == 0)
        hi--;
    scale = hi > lo ? 255.0 / (hi - lo) : 1;
    for (int i = 0; i < 256; i++) {
        double v = hi > lo ? i * scale - lo * scale : i;

        lut[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static int do_autocontrast(struct xr_job *job)
{
    return by_histogram(job, job->film->image->channels, make_stretched, NULL);
}

/* --- histogram matching --------------------------------------------------------------
 */

/* The histograms of a reference film: as gray, then of its three colours. */
struct reference {
    size_t hist[4][256];
};

static int load_reference(struct xr_step *step, struct xr_err *err)
{
    struct reference *ref = xr_alloc_array(1, sizeof *ref, err);
    struct xr_buf file = {0};
    int rc = -1;

    step->loaded = ref;
    if (!step->file)
        return xr_fail_usage(err, "match_histogram needs reference=FILE");
    if (!ref || xr_read_file(&file, step->file, MAX_REFERENCE, NULL, err))
        return -1;
    for (int rgb = 0; rgb < 2; rgb++) {
        struct xr_image im = {0};

        rc = xr_image_decode(&im, NULL, file.data, file.size,
                             rgb ? XR_COLOR_RGB : XR_COLOR_GRAY, err) ||
                     xr_to8(&im, err)
                 ? xr_fail_in(err, "cannot read '%s'", step->file)
                 : 0;
        for (size_t i = 0; rc == 0 && i < im.width * im.height * im.channels; i++)
            ref->hist[im.channels == 1 ? 0 : 1 + i % 3][((uint8_t *)im.data)[i]]++;
        xr_image_free(&im);
        if (rc)
            break;
    }
    xr_buf_free(&file);
    return rc;
}

struct match {
    const struct reference *ref;
    size_t channels;
    double blend;
    uint8_t lut[3][256];
};

static size_t total(const size_t hist[256])
{
    size_t n = 0;

    for (int i = 0; i < 256; i++)
        n += hist[i];
    return n;
}

/* The level of the reference below which the same share of pixels is, linear between
 * those it has, not rounded; blended with the film's own level. */
static void make_match(uint8_t lut[256], const size_t hist[256], size_t channel,
                       void *arg)
{
    struct match *m = arg;
    const size_t *want = m->ref->hist[m->channels == 1 ? 0 : channel + 1];
    double n = (double)total(hist), n_want = (double)total(want), below = 0, above = 0;
    size_t sum = 0, sum_want = 0;
    int low = -1, high = -1; /* the levels around, of those the reference has */

    for (int i = 0; i < 256; i++) {
        double share, v;

        sum += hist[i];
        share = (double)sum / n;
        while ((high < 0 || above < share) && high < 255) {
            int next = high + 1;

            while (next < 256 && want[next] == 0)
                next++;
            if (next == 256)
                break;
            low = high;
            below = above;
            high = next;
            sum_want += want[next];
            above = (double)sum_want / n_want;
        }
        v = low < 0 || share >= above
                ? high
                : low + (high - low) * ((share - below) / (above - below));
        v = m->blend * floor(v) + (1 - m->blend) * i;
        lut[i] = (uint8_t)rint(v);
    }
    memcpy(m->lut[channel], lut, 256);
}

static void say_lut(struct xr_job *job, const struct match *m)
{
    char text[3 * 512 + 1];

    for (size_t i = 0; i < m->channels * 256; i++) {
        text[2 * i] = "0123456789abcdef"[m->lut[i / 256][i % 256] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[m->lut[i / 256][i % 256] & 15];
    }
    text[m->channels * 512] = '\0';
    if (!job->said)
        return;
    cJSON_AddStringToObject(job->said, "reference", xr_last_part(job->step->file));
    cJSON_AddStringToObject(job->said, "lut", text);
}

static void make_again(uint8_t lut[256], const size_t hist[256], size_t channel,
                       void *arg)
{
    (void)hist;
    memcpy(lut, ((struct match *)arg)->lut[channel], 256);
}

/* A replay needs no reference: the tables are written down. */
static int recall_lut(struct xr_job *job, struct match *m)
{
    const char *digits = "0123456789abcdef", *text = xr_json_text(job->again, "lut", "");

    if (strlen(text) != m->channels * 512 || strspn(text, digits) != strlen(text))
        return xr_fail(job->err, "match_histogram: 'lut' is not %zu hexadecimal digits",
                       m->channels * 512);
    for (size_t i = 0; i < m->channels * 256; i++)
        m->lut[i / 256][i % 256] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
                                             (strchr(digits, text[2 * i + 1]) - digits));
    return by_histogram(job, m->channels, make_again, m);
}

static int do_match_histogram(struct xr_job *job)
{
    struct match m = {.ref = job->step->loaded, .channels = job->film->image->channels};

    m.blend = xr_job_value(job, 1);
    if (job->again)
        return recall_lut(job, &m);
    if (by_histogram(job, m.channels, make_match, &m))
        return -1;
    say_lut(job, &m);
    return 0;
}

#define AROUND(name, of, min, max)                                                       \
    {                                                                                    \
        name, XR_AROUND, -(of), of, min, max, NULL                                       \
    }

const struct xr_transform xr_transforms_intensity[] = {
    {"clahe",
     do_clahe,
     {{"clip", XR_REAL, 2, 2, 0.1, 100, NULL}, {"tiles", XR_WHOLE, 8, 8, 1, 64, NULL}},
     .p = 0.5},
    {"equalize", do_equalize, {{"mode", XR_WORD, 0, 0, 0, 1, "cv|pil"}}, .p = 0.5},
    {"match_histogram",
     do_match_histogram,
     {{"reference", XR_FILE, 0, 0, 0, 0, NULL}, {"blend", XR_REAL, 0.5, 1, 0, 1, NULL}},
     .p = 0.5,
     .load = load_reference},
    {"window",
     do_window,
     {AROUND("level", 0.1, -1, 1), AROUND("width", 0.2, -0.95, 10)},
     .p = 0.5},
    {"brightness_contrast",
     do_brightness_contrast,
     {AROUND("brightness", 0.2, -1, 1), AROUND("contrast", 0.2, -1, 10)},
     .p = 0.5},
    {"brightness", do_brightness, {AROUND("brightness", 0.2, -1, 10)}, .p = 0.5},
    {"contrast", do_contrast, {AROUND("contrast", 0.2, -1, 10)}, .p = 0.5},
    {"autocontrast", do_autocontrast, {{0}}, .p = 0.5},
    {"gamma", do_gamma, {{"gamma", XR_REAL, 0.8, 1.25, 0.05, 20, NULL}}, .p = 0.5},
    {"posterize", do_posterize, {{"bits", XR_WHOLE, 4, 7, 1, 8, NULL}}, .p = 0.5},
    {"solarize",
     do_solarize,
     {{"threshold", XR_WHOLE, 128, 255, 0, 256, NULL}},
     .p = 0.5},
    {"invert", do_invert, {{0}}, .p = 0.5},
    {0},
};
