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

/* Tables lut[v] for every level v up to white, 255 or 65535, made of a few numbers. */
typedef void curve(uint16_t *lut, size_t white, const double *numbers);

/* Make a table and look every pixel up. */
static int by_curve(struct xr_job *job, curve *make, const double *numbers)
{
    size_t white = xr_white(job->film->image);
    uint16_t few[256], *lut = few;

    if (white > 255 && !(lut = xr_alloc_array(white + 1, sizeof *lut, job->err)))
        return -1;
    make(lut, white, numbers);
    xr_lut_apply(job->film->image, lut);
    if (white > 255)
        free(lut);
    return 0;
}

/* trunc(clip(v a + b)) */
static void line(uint16_t *lut, size_t white, const double *ab)
{
    xr_lut_linear(lut, white, (float)ab[0], (float)ab[1]);
}

static int do_brightness_contrast(struct xr_job *job)
{
    double brightness = xr_job_value(job, 0), contrast = xr_job_value(job, 1);

    return by_curve(job, line, (const double[2]){1 + contrast, brightness * 255});
}

static void power(uint16_t *lut, size_t white, const double *gamma)
{
    xr_lut_gamma(lut, white, *gamma);
}

static int do_gamma(struct xr_job *job)
{
    return by_curve(job, power, (const double[1]){xr_job_value(job, 0)});
}

static int do_invert(struct xr_job *job)
{
    return by_curve(job, line, (const double[2]){-1, 255});
}

static void windowed(uint16_t *lut, size_t white, const double *number)
{
    double top = (double)white, middle = top / 2;
    double level = middle + top * number[0], width = top * (1 + number[1]);

    for (size_t i = 0; i <= white; i++) {
        double v = ((double)i - level) / width * top + middle;

        lut[i] = (uint16_t)rint(v < 0 ? 0 : v > top ? top : v);
    }
}

/* As a reader moves and stretches the window of a film: black below it, white above. */
static int do_window(struct xr_job *job)
{
    double level = xr_job_value(job, 0), width = xr_job_value(job, 1);

    return by_curve(job, windowed, (const double[2]){level, width});
}

static void few_levels(uint16_t *lut, size_t white, const double *bits)
{
    int dropped = (white > 255 ? 16 : 8) - (int)*bits;

    for (size_t i = 0; i <= white; i++)
        lut[i] = (uint16_t)(i >> dropped << dropped);
}

static int do_posterize(struct xr_job *job)
{
    return by_curve(job, few_levels, (const double[1]){xr_job_value(job, 0)});
}

static void turned(uint16_t *lut, size_t white, const double *threshold)
{
    double from = white > 255 ? 257 * *threshold : *threshold;

    for (size_t i = 0; i <= white; i++)
        lut[i] = (uint16_t)((double)i < from ? i : white - i);
}

static int do_solarize(struct xr_job *job)
{
    return by_curve(job, turned, (const double[1]){xr_job_value(job, 0)});
}

/* Pillow's Image.blend of one level with every other: float32, cut off, not rounded. */
static void blended(uint16_t *lut, size_t white, const double *number)
{
    float from = (float)number[0], factor = (float)number[1], top = (float)white;

    for (size_t i = 0; i <= white; i++) {
        float v = from + factor * ((float)(int32_t)i - from);

        lut[i] = (uint16_t)(v < 0 ? 0 : v > top ? top : v);
    }
}

static int do_brightness(struct xr_job *job)
{
    return by_curve(job, blended, (const double[2]){0, 1 + xr_job_value(job, 0)});
}

static int do_contrast(struct xr_job *job)
{
    const struct xr_image *im = job->film->image;
    size_t n = im->width * im->height, sum = 0;
    double mean;

    for (size_t i = 0; i < n; i++)
        sum += im->channels == 1 ? xr_level(im, i)
                                 : xr_luma((uint32_t)xr_level(im, 3 * i),
                                           (uint32_t)xr_level(im, 3 * i + 1),
                                           (uint32_t)xr_level(im, 3 * i + 2));
    mean = floor((double)sum / (double)n + 0.5);
    return by_curve(job, blended, (const double[2]){mean, 1 + xr_job_value(job, 0)});
}

/* --- a table for each channel --------------------------------------------------------
 */

/* A table of one channel, made from its histogram. */
typedef void from_counts(uint16_t *lut, const size_t *hist, size_t white, size_t channel,
                         void *arg);

/* Make a table for every channel, and look pixels up. */
static int by_histogram(struct xr_job *job, from_counts *make, void *arg)
{
    struct xr_image *image = job->film->image;
    size_t white = xr_white(image), levels = white + 1, c = image->channels;
    size_t n = image->width * image->height * c;
    size_t *hist = xr_alloc_array(levels, sizeof *hist, job->err);
    uint16_t *lut = xr_alloc_array(levels, c * sizeof *lut, job->err);
    int rc = hist && lut ? 0 : -1;

    for (size_t k = 0; k < c && rc == 0; k++) {
        xr_histogram(hist, image, k);
        make(lut + k * levels, hist, white, k, arg);
    }
    if (rc == 0 && c == 1)
        xr_lut_apply(image, lut);
    for (size_t i = 0, k = 0; i < n && c > 1 && rc == 0; i++, k = k + 1 < c ? k + 1 : 0)
        xr_set_level(image, i, lut[k * levels + xr_level(image, i)]);
    free(hist);
    free(lut);
    return rc;
}

static void make_equal(uint16_t *lut, const size_t *hist, size_t white, size_t channel,
                       void *pillow)
{
    (void)channel;
    xr_lut_equalize(lut, hist, white, *(const int *)pillow);
}

static int do_equalize(struct xr_job *job)
{
    int pillow = xr_job_word(job, 0);

    return by_histogram(job, make_equal, &pillow);
}

/* ImageOps.autocontrast without cut-off. */
static void make_stretched(uint16_t *lut, const size_t *hist, size_t white,
                           size_t channel, void *arg)
{
    double top = (double)white, low, scale;
    size_t lo = 0, hi = white;

    (void)channel;
    (void)arg;
    while (lo < white && hist[lo] == 0)
        lo++;
    while (hi > 0 && hist[hi] == 0)
        hi--;
    low = (double)lo;
    scale = hi > lo ? top / ((double)hi - low) : 1;
    for (size_t i = 0; i <= white; i++) {
        double v = hi > lo ? (double)i * scale - low * scale : (double)i;

        lut[i] = (uint16_t)(v < 0 ? 0 : v > top ? top : v);
    }
}

static int do_autocontrast(struct xr_job *job)
{
    return by_histogram(job, make_stretched, NULL);
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
static void make_match(uint16_t *lut, const size_t *hist, size_t white, size_t channel,
                       void *arg)
{
    struct match *m = arg;
    const size_t *want = m->ref->hist[m->channels == 1 ? 0 : channel + 1];
    double n = (double)total(hist), n_want = (double)total(want), below = 0, above = 0;
    size_t sum = 0, sum_want = 0;
    int low = -1, high = -1; /* the levels around, of those the reference has */

    (void)white; /* 255: a table of 65536 would be written down for every film */
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
        lut[i] = m->lut[channel][i] = (uint8_t)rint(v);
    }
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

static void make_again(uint16_t *lut, const size_t *hist, size_t white, size_t channel,
                       void *arg)
{
    (void)hist;
    for (size_t i = 0; i <= white; i++)
        lut[i] = ((struct match *)arg)->lut[channel][i];
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
    return by_histogram(job, make_again, m);
}

static int do_match_histogram(struct xr_job *job)
{
    struct match m = {.ref = job->step->loaded, .channels = job->film->image->channels};

    m.blend = xr_job_value(job, 1);
    if (job->again)
        return recall_lut(job, &m);
    if (by_histogram(job, make_match, &m))
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
     XR_GRAY16,
     .p = 0.5},
    {"equalize", do_equalize, {{"mode", XR_WORD, 0, 0, 0, 1, "cv|pil"}}, .p = 0.5},
    {"match_histogram",
     do_match_histogram,
     {{"reference", XR_FILE, 0, 0, 0, 0, NULL}, {"blend", XR_REAL, 0.5, 1, 0, 1, NULL}},
     XR_ONLY8,
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
