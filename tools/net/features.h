/*
 * What a frozen backbone makes of images, remembered: a head that is trained alone sees
 * every film many times, and its features are the same each time.
 */
#ifndef XR_FEATURES_H
#define XR_FEATURES_H

#include "batch.h"

struct xr_features; /* one thread at a time */

/* For batches of at most `room` images. limit: bytes of features that are kept, by the
 * digest of the pixels; what comes when they are full is computed each time. */
int xr_features_open(struct xr_features **features, struct xk_net *net, size_t n_classes,
                     size_t room, size_t limit, struct xr_err *err) XR_MUST_USE;
/*
 * Pooled features of a batch, [n][features], valid until the next call. Those that are
 * not known are computed, always in batches of `room` images, filled up where there are
 * fewer: so an image meets the same kernels whatever is known of the others.
 */
const float *xr_features_get(struct xr_features *features, const struct xr_batch *batch,
                             const struct xr_preprocess *pre, struct xr_err *err);
void xr_features_close(struct xr_features *features);

#endif
