/*
 * Image files: pixels of the size that was promised, or one line of error.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include "fuzz.h"
#include "image.h"
#include "image_codec.h"

__attribute__((unused)) static void fuzz_pick(const uint8_t *data, size_t size,
                                              const struct xr_pick *pick)
{
    for (int color = 0; color < 2; color++) {
        struct xr_image image = {0};
        struct xr_image_info info;
        struct xr_err err = {0};
        unsigned sum = 0;
        size_t bytes;

        if (xr_image_decode_pick(&image, &info, data, size, pick,
                                 color ? XR_COLOR_RGB : XR_COLOR_GRAY, &err)) {
            if (!err.text[0] || image.data)
                abort();
            continue;
        }
        bytes = image.width * image.height * image.channels * (size_t)image.depth / 8;
        for (size_t i = 0; i < bytes; i++)
            sum |= ((unsigned char *)image.data)[i];
        if (sum > 255 || image.channels != (color ? 3u : 1u) ||
            info.n_tags > XR_IMAGE_MAX_TAGS)
            abort();
        xr_image_free(&image);
    }
}

/* As a whole, and one of the last of what it says it has. */
__attribute__((unused)) static void fuzz_picture(const uint8_t *data, size_t size)
{
    struct xr_pick none = {0}, last = {0};
    struct xr_frames frames;
    struct xr_err err = {0};

    fuzz_pick(data, size, &none);
    if (xr_image_frames(&frames, data, size, &err)) {
        if (!err.text[0])
            abort();
        return;
    }
    if (frames.n < 1)
        abort();
    last.index = frames.n;
    if (frames.side[2]) {
        last.axis = "xyz"[size % 3];
        last.index = frames.side[size % 3];
        last.volume = frames.volumes;
    }
    if (frames.n > 1)
        fuzz_pick(data, size, &last);
}

#endif
