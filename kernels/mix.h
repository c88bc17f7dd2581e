/*
 * MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019) on a batch, as timm.data.Mixup
 * does in its mode "batch": one draw for all images, image i is mixed with image n-1-i.
 */
#ifndef XK_MIX_H
#define XK_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xk_mix {
    double mixup, cutmix; /* alpha of the Beta distributions, 0: none */
    double prob;          /* of mixing a batch */
    double switch_prob;   /* of CutMix where both are wanted */
};

/* One draw. lam is the part of the image's own label: 1 where nothing is mixed. */
struct xk_mixed {
    double lam;
    bool cut;
    size_t y0, y1, x0, x1; /* cut: rows and columns that are the other image's */
};

/* A pure function of seed, epoch and the step in it. */
void xk_mix_draw(struct xk_mixed *mixed, const struct xk_mix *mix, uint64_t seed,
                 uint64_t epoch, uint64_t step, size_t height, size_t width);
/* CutMix's box around (cy, cx) for a lambda, cut at the borders; lam becomes what is left
 * of the image. */
void xk_mix_box(struct xk_mixed *mixed, double lam, size_t cy, size_t cx, size_t height,
                size_t width);
/* x [n][channels][height][width], normalised, in place. */
void xk_mix_images(float *x, const struct xk_mixed *mixed, size_t n, size_t channels,
                   size_t height, size_t width);

#endif
