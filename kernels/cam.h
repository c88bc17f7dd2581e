/*
 * Class activation maps from one layer's activations and the gradients of a score with
 * respect to them: one table row a method.
 */
#ifndef XK_CAM_H
#define XK_CAM_H

#include <stddef.h>

struct xk_cam {
    const char *name;
    const char *source;
    /*
     *   map   [h*w]     written: the weighted sum before clipping
     *   act   [c][h*w]  activations of one image
     *   grad  [c][h*w]  d score / d act
     *
     * Sums in double; threads may share act and grad.
     */
    void (*map)(float *map, const float *act, const float *grad, size_t c, size_t hw);
};

/* By name, or by index (NULL past the end). */
const struct xk_cam *xk_cam_find(const char *name);
const struct xk_cam *xk_cam_at(size_t i);

/* In place, to [0, 1]: clip at 0, subtract the least, divide by (1e-7 + the largest), as
 * pytorch-grad-cam 1.5.7 does before and after it resizes. */
void xk_cam_scale(float *map, size_t n);

#endif
