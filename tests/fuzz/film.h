/*
 * A small film, its mask and points, for what is applied to films; and whether what is
 * asked for is small enough to be tried often.
 */
#ifndef FILM_H
#define FILM_H

#include <cjson/cJSON.h>

#include "fuzz.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"

#define FUZZ_SIDE 24

struct fuzz_film {
    struct xr_image image, mask;
    float points[4];
    struct xr_subject subject;
};

/* Depth and channels by the last bits of `kind`. */
__attribute__((unused)) static void fuzz_film(struct fuzz_film *film, size_t kind)
{
    size_t channels = kind & 2 ? 3 : 1, n = FUZZ_SIDE * FUZZ_SIDE;

    if (xr_image_alloc(&film->image, FUZZ_SIDE, FUZZ_SIDE, channels, 8, NULL) ||
        xr_image_alloc(&film->mask, FUZZ_SIDE, FUZZ_SIDE, 1, 8, NULL))
        abort();
    for (size_t i = 0; i < n * channels; i++)
        xr_set_level(&film->image, i, i * 7 % 251);
    for (size_t i = 0; i < n; i++)
        xr_set_level(&film->mask, i, i % 5 ? 0 : 255);
    if (kind & 1 && xr_to16(&film->image, NULL))
        abort();
    memcpy(film->points, (float[4]){0, 0, 12, 7.5F}, sizeof film->points);
    film->subject = (struct xr_subject){&film->image, &film->mask, film->points, 2};
}

__attribute__((unused)) static void fuzz_film_free(struct fuzz_film *film)
{
    xr_image_free(&film->image);
    xr_image_free(&film->mask);
}

/* Does no number called height or width make films large? */
__attribute__((unused)) static int fuzz_small(const cJSON *json)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json)
    {
        if (item->string &&
            (!strcmp(item->string, "height") || !strcmp(item->string, "width")) &&
            cJSON_IsNumber(item) && item->valuedouble > 64)
            return 0;
        if (!fuzz_small(item))
            return 0;
    }
    return 1;
}

#endif
