/*
 * Heat maps over films: colour tables and blending.
 */
#ifndef XR_OVERLAY_H
#define XR_OVERLAY_H

#include "image.h"

#define XR_COLORMAPS "jet|viridis|inferno|turbo" /* OpenCV's tables, in this order */

/* Entry i of 0..255 of a table, as 0xRRGGBB. */
uint32_t xr_colormap(int table, unsigned i);

/*
 * Blend a heat map over a film of the same size, into an RGB image that is allocated.
 *
 *   film    8 bit, 1 or 3 channels
 *   heat    [height*width] in [0, 1]
 *   weight  of the film, 0..1
 *
 * index trunc(255 heat) in the table; weight * film + (1 - weight) * colour, divided by
 * the largest value of the whole image, trunc(255 v): pytorch-grad-cam 1.5.7's
 * show_cam_on_image.
 */
int xr_overlay(struct xr_image *dst, const struct xr_image *film, const float *heat,
               int table, double weight, struct xr_err *err) XR_MUST_USE;

#endif
