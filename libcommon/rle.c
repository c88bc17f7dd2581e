/* COCO's run-length masks, plain and compressed. */
#include "rle.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_SIDE 65500
#define MAX_PIXELS ((size_t)1 << 28)

/* A number of pixels up to most. */
static int whole(size_t *n, const cJSON *number, size_t most)
{
    double v = cJSON_IsNumber(number) ? number->valuedouble : -1;

    if (!(v >= 0 && v <= (double)most) || v != floor(v))
        return -1;
    *n = (size_t)v;
    return 0;
}

int xr_rle_size(size_t *height, size_t *width, const cJSON *segmentation,
                struct xr_err *err)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(segmentation, "size");

    if (cJSON_GetArraySize(size) != 2 ||
        whole(height, cJSON_GetArrayItem(size, 0), MAX_SIDE) ||
        whole(width, cJSON_GetArrayItem(size, 1), MAX_SIDE) || !*height || !*width ||
        *height > MAX_PIXELS / *width)
        return xr_fail(err, "a run-length mask without a usable size");
    return 0;
}

/* Where runs go. */
struct drawing {
    unsigned char *mask;
    size_t height, width, at;
};

/* The next run; -1: it goes beyond the image. */
static int draw_run(struct drawing *d, size_t n, bool on)
{
    size_t end;

    if (n > d->height * d->width - d->at)
        return -1;
    for (end = d->at + n; d->at < end; d->at++)
        if (on)
            d->mask[d->at % d->height * d->width + d->at / d->height] = 1;
    return 0;
}

static int draw_list(struct drawing *d, const cJSON *counts)
{
    const cJSON *count;
    bool on = false;

    cJSON_ArrayForEach(count, counts)
    {
        size_t n;

        if (whole(&n, count, MAX_PIXELS) || draw_run(d, n, on))
            return -1;
        on = !on;
    }
    return 0;
}

/* Groups of 5 bits, lowest first, from the 48th character on; bit 6 says that more
 * follow, bit 5 of the last is the sign. From the fourth run on it is the difference to
 * the one two before. */
static int draw_text(struct drawing *d, const char *text)
{
    int64_t before[2] = {0, 0};

    for (size_t run = 0; *text; run++) {
        int64_t n = 0;
        unsigned shift = 0, c;

        do {
            c = (unsigned)(unsigned char)*text - 48;
            if (!*text || c > 63 || shift > 30)
                return -1;
            n |= (int64_t)(c & 31) << shift;
            shift += 5;
            text++;
        } while (c & 32);
        if (c & 16)
            n -= (int64_t)1 << shift;
        if (run > 2)
            n += before[0];
        if (n < 0 || draw_run(d, (size_t)n, run % 2))
            return -1;
        before[0] = before[1];
        before[1] = n;
    }
    return 0;
}

int xr_rle_draw(unsigned char *mask, size_t height, size_t width,
                const cJSON *segmentation, struct xr_err *err)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(segmentation, "counts");
    struct drawing d = {mask, 0, 0, 0};
    int bad;

    if (xr_rle_size(&d.height, &d.width, segmentation, err))
        return -1;
    if (d.height != height || d.width != width)
        return xr_fail(err, "a run-length mask of %zux%zu for an image of %zux%zu",
                       d.width, d.height, width, height);
    if (cJSON_IsString(counts))
        bad = draw_text(&d, counts->valuestring);
    else
        bad = !cJSON_IsArray(counts) || draw_list(&d, counts);
    if (bad || d.at != height * width)
        return xr_fail(err, "a run-length mask whose runs do not make %zux%zu pixels",
                       width, height);
    return 0;
}
