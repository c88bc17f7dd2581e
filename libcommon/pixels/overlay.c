/* Heat maps over films. */
#include "pixels/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "colormaps.inc"

static const uint32_t *const tables[] = {jet, viridis, inferno, turbo};

uint32_t xr_colormap(int table, unsigned i)
{
    return tables[table][i];
}

int xr_overlay(struct xr_image *dst, const struct xr_image *film, const float *heat,
               int table, double weight, struct xr_err *err)
{
    size_t n = film->width * film->height, step = film->channels == 3;
    const uint8_t *pixels = film->data;
    float *blend, largest = 0, w = (float)weight;
    uint8_t *out;

    memset(dst, 0, sizeof *dst);
    if (film->depth != 8 || (film->channels != 1 && film->channels != 3))
        return xr_fail(err, "an overlay needs a film of 8 bit with 1 or 3 channels");
    blend = xr_alloc_array(3 * n, sizeof *blend, err);
    if (!blend)
        return -1;
    if (xr_image_alloc(dst, film->width, film->height, 3, 8, err)) {
        free(blend);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        float h = heat[i] > 0 ? heat[i] < 1 ? heat[i] : 1 : 0;
        uint32_t colour = tables[table][(unsigned)(255 * h)];

        for (size_t c = 0; c < 3; c++) {
            float v = (float)pixels[i * film->channels + c * step] / 255;
            float hot = (float)(colour >> (16 - 8 * c) & 255) / 255;

            blend[3 * i + c] = w * v + (1 - w) * hot;
            largest = blend[3 * i + c] > largest ? blend[3 * i + c] : largest;
        }
    }
    out = dst->data;
    for (size_t i = 0; i < 3 * n; i++)
        out[i] = largest > 0 ? (uint8_t)(255 * (blend[i] / largest)) : 0;
    free(blend);
    return 0;
}
