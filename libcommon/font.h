/*
 * Letters for pictures: a fixed font of 5x7 dots.
 */
#ifndef XR_FONT_H
#define XR_FONT_H

#include "image.h"

#define XR_FONT_WIDTH 6 /* with the space between */
#define XR_FONT_HEIGHT 9

/* Draw a text in ASCII (others become '?') with its upper left corner at x, y, cut off at
 * the borders of an 8-bit RGB image. */
void xr_font_draw(struct xr_image *image, size_t x, size_t y, const char *text,
                  const uint8_t color[3]);

#endif
