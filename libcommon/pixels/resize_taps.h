/*
 * Weights of resampling, shared by resize.c and resize8.c.
 */
#ifndef XR_RESIZE_TAPS_H
#define XR_RESIZE_TAPS_H

#include "pixels.h"

#define PRECISION 22 /* bits behind the point of Pillow's weights: 32 - 8 - 2 */
#define LANES 64     /* rows or columns worked on at once */

/* For output i the sum over t < count[i] of weight[i*room + t] * input[start[i] + t]. */
struct xr_taps {
    size_t n, room;
    uint32_t *start, *count;
    double *weight;
    int32_t *fixed; /* the weights in 22-bit fixed point */
    float *single;  /* the weights in float32 */
    int32_t *quads; /* the same in bytes, [n][3][room4]: see quads_make; or NULL */
    size_t room4;
};

static inline size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

void xr_taps_free(struct xr_taps *taps);

/* 8 bit, Pillow's bytes: columns with the weights tx, then rows with ty. dst is there. tx
 * may get another form of its weights. */
int xr_resize8(struct xr_image *dst, const struct xr_image *src, const struct xr_box *box,
               struct xr_taps *tx, const struct xr_taps *ty,
               struct xr_err *err) XR_MUST_USE;

#endif
