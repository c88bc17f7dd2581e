/* NIfTI images and slices of volumes as pictures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nifti.h"

/* The values that become black and white: the header's, or else the least and the
 * greatest finite one of the file. */
static void find_range(double *low, double *high, const struct xr_nifti *n)
{
    double least, most;

    *low = n->cal[0];
    *high = n->cal[1];
    if (isfinite(*low) && isfinite(*high) && *low < *high)
        return;
    xr_nifti_range(&least, &most, n);
    least = least * n->slope + n->inter;
    most = most * n->slope + n->inter;
    *low = least < most ? least : most;
    *high = least < most ? most : least;
}

/* A slice: where its first voxel is, and the steps to the next column and row. */
struct slice {
    size_t width, height, start, column, row;
};

/* Columns go along the first of the other axes, rows down the second one: an image viewer
 * has the last y above. */
static struct slice cut(const struct xr_nifti *n, int axis, size_t index, size_t volume)
{
    static const int other[3][2] = {{1, 2}, {0, 2}, {0, 1}};
    size_t step[3] = {1, n->side[0], n->side[0] * n->side[1]};
    int c = other[axis][0], r = other[axis][1];
    struct slice s = {n->side[c], n->side[r], index * step[axis], step[c], step[r]};

    s.start += volume * step[2] * n->side[2];
    return s;
}

static size_t at(const struct slice *s, size_t x, size_t y)
{
    return s->start + x * s->column + (s->height - 1 - y) * s->row;
}

static int read_color(struct xr_image *image, const struct xr_nifti *n,
                      const struct slice *s, struct xr_err *err)
{
    uint8_t *to;

    if (xr_image_alloc(image, s->width, s->height, n->width, 8, err))
        return -1;
    to = image->data;
    for (size_t y = 0; y < s->height; y++) {
        for (size_t x = 0; x < s->width; x++, to += n->width)
            memcpy(to, n->voxels + at(s, x, y) * n->width, n->width);
    }
    xr_over_black(image);
    return 0;
}

static int read_gray(struct xr_image *image, struct xr_image_info *info,
                     const struct xr_nifti *n, const struct slice *s, struct xr_err *err)
{
    bool plain = !strcmp(n->type_name, "UINT8") && !n->scaled && !(n->cal[0] < n->cal[1]);
    double low = 0, high = 255;
    size_t bad = 0;
    char text[80];

    if (xr_image_alloc(image, s->width, s->height, 1, plain ? 8 : 16, err))
        return -1;
    if (!plain)
        find_range(&low, &high, n);
    for (size_t y = 0; y < s->height; y++) {
        for (size_t x = 0; x < s->width; x++) {
            double v = xr_nifti_raw(n, at(s, x, y)), level;

            if (plain) {
                ((uint8_t *)image->data)[y * s->width + x] = (uint8_t)v;
                continue;
            }
            bad += isnan(v);
            v = v * n->slope + n->inter;
            level = high > low ? (v - low) / (high - low) : 0;
            level = level > 0 ? level < 1 ? level : 1 : 0; /* not a number: black */
            ((uint16_t *)image->data)[y * s->width + x] =
                (uint16_t)floor(level * 65535 + 0.5);
        }
    }
    if (bad) {
        snprintf(text, sizeof text, "%zu voxels that are not a number became black", bad);
        xr_image_warn(info, text);
    }
    if (!plain && isfinite(low) && isfinite(high))
        xr_image_json(info, "range", "[%.9g, %.9g]", low, high);
    return 0;
}

/* --- the file
 * --------------------------------------------------------------------------- */

static int choose(int *axis, size_t *index, size_t *volume, const struct xr_nifti *n,
                  const struct xr_pick *pick, struct xr_err *err)
{
    *axis = pick->axis ? pick->axis - 'x' : 2;
    *index = pick->index ? pick->index - 1 : 0;
    *volume = pick->volume ? pick->volume - 1 : 0;
    if (!pick->axis && pick->index > 1)
        return xr_fail(err, "a volume: choose a slice in its path, as in FILE#z%zu",
                       pick->index);
    if (!pick->axis && n->side[2] > 1)
        return xr_fail(err,
                       "a volume of %zu x %zu x %zu voxels: choose a slice in its path, "
                       "as in FILE#z%zu",
                       n->side[0], n->side[1], n->side[2], (n->side[2] + 1) / 2);
    if (!pick->volume && n->volumes > 1)
        return xr_fail(err, "%zu volumes: choose a slice of one, as in FILE#z%zut1",
                       n->volumes, (n->side[2] + 1) / 2);
    if (*index >= n->side[*axis])
        return xr_fail(err, "no slice %c%zu: it has %zu", "xyz"[*axis], pick -> index,
                       n -> side[*axis]);
    if (*volume >= n->volumes)
        return xr_fail(err, "no volume %zu: it has %zu", pick->volume, n->volumes);
    return 0;
}

static void keep(struct xr_image_info *info, const struct xr_nifti *n, int axis,
                 size_t index, size_t volume)
{
    info->stored_depth = (int)(8 * n->width);
    snprintf(info->mode, sizeof info->mode, "%s",
             n->width == 4 && n->color ? "rgba"
             : n->color                ? "rgb"
                                       : "gray");
    xr_image_text(info, "type", n->type_name);
    xr_image_text(info, "axes", n->axes);
    xr_image_json(info, "spacing", "[%.9g, %.9g, %.9g]", n->spacing[0], n->spacing[1],
                  n->spacing[2]);
    if (n->scaled)
        xr_image_json(info, "rescale", "[%.9g, %.9g]", n->slope, n->inter);
    if (n->side[2] > 1 || axis != 2) {
        xr_image_text(info, "axis", axis == 0 ? "x" : axis == 1 ? "y" : "z");
        xr_image_json(info, "slice", "%zu", index + 1);
        xr_image_json(info, "slices", "%zu", n->side[axis]);
    }
    if (n->volumes > 1)
        xr_image_json(info, "volume", "%zu", volume + 1);
}

int xr_nifti_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err)
{
    struct xr_nifti n;
    struct slice s;
    size_t index, volume;
    int axis, rc;

    snprintf(info->format, sizeof info->format, "nifti");
    if (xr_nifti_open(&n, data, size, false, err))
        return -1;
    rc = choose(&axis, &index, &volume, &n, pick, err);
    if (rc == 0) {
        s = cut(&n, axis, index, volume);
        rc = n.color ? read_color(image, &n, &s, err)
                     : read_gray(image, info, &n, &s, err);
    }
    if (rc == 0) {
        keep(info, &n, axis, index, volume);
        rc = xr_recolor(image, color, err);
    }
    xr_nifti_close(&n);
    return rc;
}

int xr_nifti_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err)
{
    struct xr_nifti n;

    if (xr_nifti_open(&n, data, size, true, err))
        return -1;
    if (n.side[2] > 1 || n.volumes > 1) {
        memcpy(frames->side, n.side, sizeof frames->side);
        frames->volumes = n.volumes;
        frames->n = n.side[2] * n.volumes;
    }
    xr_nifti_close(&n);
    return 0;
}
