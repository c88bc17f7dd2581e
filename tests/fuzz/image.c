/* Image files: pixels of the size that was promised, or one line of error. */
#include "fuzz.h"
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int color = 0; color < 2; color++) {
        struct xr_image image = {0};
        struct xr_image_info info;
        struct xr_err err = {0};
        unsigned sum = 0;
        size_t bytes;

        if (xr_image_decode(&image, &info, data, size,
                            color ? XR_COLOR_RGB : XR_COLOR_GRAY, &err)) {
            if (!err.text[0])
                abort();
            continue;
        }
        bytes = image.width * image.height * image.channels * (size_t)image.depth / 8;
        for (size_t i = 0; i < bytes; i++)
            sum += ((unsigned char *)image.data)[i];
        if (sum > 255 * bytes || image.channels != (color ? 3u : 1u))
            abort();
        xr_image_free(&image);
    }
    return 0;
}
