/* From DICOM's stored values to a picture: rescale, window or tables, inversion, colours.
 * Source: PS3.3 C.11.1, C.11.2, C.7.6.3, as behaviour. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dicom.h"

bool xr_dicom_is(const unsigned char *head, size_t size)
{
    return size >= 132 && memcmp(head + 128, "DICM", 4) == 0;
}

void xr_dicom_free(struct xr_dicom *d)
{
    free(d->modality_lut.entries);
    free(d->voi_lut.entries);
    for (int k = 0; k < 3; k++)
        free(d->palette[k].entries);
    memset(d, 0, sizeof *d);
}

/* --- gray --------------------------------------------------------------------------- */

static unsigned look_up(const struct xr_dicom_lut *lut, double value)
{
    double i = floor(value + 0.5) - lut->first;

    return lut->entries[i <= 0 ? 0 : i >= (double)(lut->n - 1) ? lut->n - 1 : (size_t)i];
}

/* The window's share of white, 0 to 1: PS3.3 C.11.2.1.2 and C.11.2.1.3. */
static double window(const struct xr_dicom *d, double x)
{
    double c = d->center, w = d->width, y;

    if (strcmp(d->function, "SIGMOID") == 0)
        return 1 / (1 + exp(-4 * (x - c) / w));
    if (strcmp(d->function, "LINEAR_EXACT") == 0)
        y = (x - c) / w + 0.5;
    else if (w > 1)
        y = (x - (c - 0.5)) / (w - 1) + 0.5;
    else
        y = x > c - 0.5; /* a width of 1 is a threshold */
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static bool window_holds(const struct xr_dicom *d)
{
    bool linear = strcmp(d->function, "SIGMOID") && strcmp(d->function, "LINEAR_EXACT");

    return d->has_window && d->width > 0 && (!linear || d->width >= 1);
}

/* What a stored value means: modality table or rescale. */
static double modality(const struct xr_dicom *d, double v)
{
    if (d->modality_lut.n)
        return look_up(&d->modality_lut, v);
    return v * d->slope + d->intercept;
}

/* The levels that are black and white where neither window nor table says so: the whole
 * range of the stored bits. */
static void full_range(double *low, double *high, const struct xr_dicom *d)
{
    double least = d->is_signed ? -ldexp(1, (int)d->stored - 1) : 0;
    double a = modality(d, least), b = modality(d, least + ldexp(1, (int)d->stored) - 1);

    *low = a < b ? a : b;
    *high = a < b ? b : a;
    if (d->modality_lut.n) {
        *low = 0;
        *high = ldexp(1, (int)d->modality_lut.bits) - 1;
    }
}

/* The 16-bit level of every stored value there can be; index: the value's bits. */
static uint16_t *make_levels(const struct xr_dicom *d, struct xr_err *err)
{
    size_t n = (size_t)1 << d->stored;
    uint16_t *levels = xr_alloc_array(65536, sizeof *levels, err);
    bool inverted = strcmp(d->photometric, "MONOCHROME1") == 0;
    double low, high;

    if (!levels)
        return NULL;
    full_range(&low, &high, d);
    for (size_t i = 0; i < n; i++) {
        bool negative = d->is_signed && i >= n / 2;
        double stored = (double)i - (negative ? (double)n : 0);
        double m = modality(d, stored), y;

        if (d->voi_lut.n)
            y = look_up(&d->voi_lut, m) / (ldexp(1, (int)d->voi_lut.bits) - 1);
        else if (window_holds(d))
            y = window(d, m);
        else
            y = high > low ? (m - low) / (high - low) : 0;
        y = y < 0 ? 0 : y > 1 ? 1 : y;
        y = inverted ? 1 - y : y;
        levels[(uint16_t)(int)stored] = (uint16_t)floor(y * 65535 + 0.5);
    }
    return levels;
}

static int to_gray(struct xr_image *image, struct xr_image_info *info,
                   const struct xr_dicom *d, const struct xr_dicom_values *v,
                   struct xr_err *err)
{
    /* up to 8 bits that nothing widens stay as they are */
    bool windowed = d->voi_lut.n || window_holds(d);
    bool narrow = d->stored <= 8 && !windowed && !d->modality_lut.n;
    uint16_t *levels = make_levels(d, err);
    unsigned least = 65535, most = 0;
    char text[120];

    if (!levels || xr_image_alloc(image, d->cols, d->rows, 1, narrow ? 8 : 16, err)) {
        free(levels);
        return -1;
    }
    for (size_t i = 0; i < v->n; i++) {
        unsigned level = levels[v->data[i]];

        least = level < least ? level : least;
        most = level > most ? level : most;
        if (narrow)
            ((uint8_t *)image->data)[i] = (uint8_t)((level * 255u + 32767u) / 65535u);
        else
            ((uint16_t *)image->data)[i] = (uint16_t)level;
    }
    free(levels);
    if (d->has_window && !window_holds(d) && !d->voi_lut.n)
        xr_image_warn(info, "its window is not wide enough to be one, and not used");
    if (!windowed && !narrow && most - least < 8192) {
        snprintf(text, sizeof text,
                 "no window, and only levels %u to %u of 65535: it has little contrast",
                 least, most);
        xr_image_warn(info, text);
    }
    return 0;
}

/* --- colours ------------------------------------------------------------------------ */

static uint8_t byte_of(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : floor(v + 0.5));
}

static int to_palette(struct xr_image *image, const struct xr_dicom *d,
                      const struct xr_dicom_values *v, struct xr_err *err)
{
    unsigned bits = 8;

    for (int k = 0; k < 3; k++) {
        const struct xr_dicom_lut *lut = &d->palette[k];

        if (!lut->n)
            return xr_fail(err, "a palette without its tables");
        for (size_t i = 0; i < lut->n; i++) /* some call 8 bits 16 */
            bits = lut->bits > 8 && lut->entries[i] > 255 ? 16 : bits;
    }
    if (xr_image_alloc(image, d->cols, d->rows, 3, (int)bits, err))
        return -1;
    for (size_t i = 0; i < 3 * v->n; i++) {
        unsigned stored = v->data[i / 3];
        double value = d->is_signed ? (int16_t)stored : (double)stored;
        unsigned level = look_up(&d->palette[i % 3], value);

        if (bits == 16)
            ((uint16_t *)image->data)[i] = (uint16_t)level;
        else
            ((uint8_t *)image->data)[i] = (uint8_t)level;
    }
    return 0;
}

/* YCbCr of the full range; where gray is wanted, it is Y, as in a JPEG. */
static int to_ybr(struct xr_image *image, const struct xr_dicom *d,
                  const struct xr_dicom_values *v, enum xr_color color,
                  struct xr_err *err)
{
    uint8_t *out;

    if (d->stored != 8)
        return xr_fail(err, "%s of %u bits", d->photometric, d->stored);
    if (xr_image_alloc(image, d->cols, d->rows, color == XR_COLOR_GRAY ? 1 : 3, 8, err))
        return -1;
    out = image->data;
    for (size_t i = 0; i < v->n; i += 3) {
        double y = v->data[i], b = v->data[i + 1] - 128.0, r = v->data[i + 2] - 128.0;

        if (color == XR_COLOR_GRAY) {
            out[i / 3] = (uint8_t)v->data[i];
            continue;
        }
        out[i] = byte_of(y + 1.402 * r);
        out[i + 1] = byte_of(y - 0.344136286 * b - 0.714136286 * r);
        out[i + 2] = byte_of(y + 1.772 * b);
    }
    return 0;
}

static int to_rgb(struct xr_image *image, const struct xr_dicom *d,
                  const struct xr_dicom_values *v, struct xr_err *err)
{
    if (d->is_signed)
        return xr_fail(err, "%s of signed samples", d->photometric);
    if (xr_image_alloc(image, d->cols, d->rows, 3, d->stored > 8 ? 16 : 8, err))
        return -1;
    for (size_t i = 0; i < v->n; i++) {
        if (image->depth == 16)
            ((uint16_t *)image->data)[i] = v->data[i];
        else
            ((uint8_t *)image->data)[i] = (uint8_t)v->data[i];
    }
    xr_spread(image, (1u << d->stored) - 1);
    return 0;
}

static int to_picture(struct xr_image *image, struct xr_image_info *info,
                      const struct xr_dicom *d, const struct xr_dicom_values *v,
                      enum xr_color color, struct xr_err *err)
{
    const char *p = d->photometric;
    int rc;

    if (d->samples == 1 && strcmp(p, "PALETTE COLOR") == 0)
        rc = to_palette(image, d, v, err);
    else if (d->samples == 1 && (!*p || strncmp(p, "MONOCHROME", 10) == 0))
        rc = to_gray(image, info, d, v, err);
    else if (d->samples == 3 && strncmp(p, "YBR_FULL", 8) == 0)
        rc = to_ybr(image, d, v, color, err);
    else if (d->samples == 3 &&
             (!strcmp(p, "RGB") || !strcmp(p, "YBR_ICT") || !strcmp(p, "YBR_RCT")))
        rc = to_rgb(image, d, v, err); /* JPEG 2000 turned the last two into RGB itself */
    else
        return xr_fail(err, "%u samples in '%s', which is not read", d->samples, p);
    snprintf(info->mode, sizeof info->mode, "%s",
             d->samples == 3        ? "rgb"
             : image->channels == 3 ? "palette"
                                    : "gray");
    return rc ? -1 : xr_recolor(image, color, err);
}

/* --- the file ----------------------------------------------------------------------- */

/* What is kept of the dataset: nothing that names a person, a place or a time. */
static void keep(struct xr_image_info *info, const struct xr_dicom *d, size_t frame)
{
    bool gray = d->samples == 1 && strcmp(d->photometric, "PALETTE COLOR");

    info->stored_depth = (int)d->stored;
    xr_image_text(info, "modality", d->modality);
    xr_image_text(info, "body_part", d->body_part);
    xr_image_text(info, "view_position", d->view);
    xr_image_text(info, "laterality",
                  d->image_laterality[0] ? d->image_laterality : d->laterality);
    xr_image_text(info, "photometric", d->photometric);
    xr_image_text(info, "transfer_syntax", d->transfer);
    xr_image_text(info, "presentation_intent", d->intent);
    xr_image_text(info, "burned_in_annotation", d->burned_in);
    if (d->spacing[0] > 0) {
        xr_image_json(info, "spacing", "[%.9g, %.9g]", d->spacing[0], d->spacing[1]);
        xr_image_text(info, "spacing_of", d->spacing_kind);
    }
    if (gray && d->has_rescale && !d->modality_lut.n)
        xr_image_json(info, "rescale", "[%.9g, %.9g]", d->slope, d->intercept);
    if (gray)
        xr_image_text(info, "voi",
                      d->voi_lut.n       ? "table"
                      : !window_holds(d) ? "none"
                      : d->function[0]   ? d->function
                                         : "LINEAR");
    if (gray && window_holds(d) && !d->voi_lut.n)
        xr_image_json(info, "window", "[%.9g, %.9g]", d->center, d->width);
    if (d->frames > 1) {
        xr_image_json(info, "frame", "%zu", frame + 1);
        xr_image_json(info, "frames", "%zu", d->frames);
    }
}

int xr_dicom_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err)
{
    struct xr_dicom_values values = {0};
    struct xr_dicom_file *file = NULL;
    struct xr_dicom d = {0};
    size_t frame = 0;
    int rc = -1;

    snprintf(info->format, sizeof info->format, "dicom");
    if (xr_dicom_open(&file, data, size, false, err) ||
        xr_dicom_describe(&d, file, 0, err) || xr_pick_frame(&frame, pick, d.frames, err))
        goto done;
    if (frame > 0) {
        xr_dicom_free(&d);
        if (xr_dicom_describe(&d, file, frame, err))
            goto done;
    }
    rc = xr_dicom_stored(&values, &d, file, frame, err);
    if (rc == 0)
        rc = to_picture(image, info, &d, &values, color, err);
    if (rc == 0)
        keep(info, &d, frame);
done:
    free(values.data);
    xr_dicom_free(&d);
    xr_dicom_close(file);
    return rc;
}

int xr_dicom_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err)
{
    struct xr_dicom_file *file = NULL;
    struct xr_dicom d = {0};
    int rc =
        xr_dicom_open(&file, data, size, true, err) || xr_dicom_describe(&d, file, 0, err)
            ? -1
            : 0;

    if (rc == 0)
        frames->n = d.frames;
    xr_dicom_free(&d);
    xr_dicom_close(file);
    return rc;
}
