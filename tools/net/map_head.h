/*
 * A second task for training: where the lesion is, from the masks of the records.
 */
#ifndef XR_MAP_HEAD_H
#define XR_MAP_HEAD_H

#include "batch.h"
#include "mix.h"

/* Room for one batch; zeroed: there is no second task. */
struct xr_map_head {
    double weight;                     /* of its loss beside the classifier's; 0: none */
    size_t h, w;                       /* cells of an image */
    float *logits, *d_logits, *target; /* [room][h][w] */
    bool any;                          /* has a record had a mask? */
    float *masks; /* [room][height][width] of the images: 0 or 1, or mixed */
};

/* For a net that was opened with its second head. */
int xr_map_head_open(struct xr_map_head *map, struct xk_net *net, double weight,
                     size_t room, size_t height, size_t width,
                     struct xr_err *err) XR_MUST_USE;
/*
 * Between the net's forward and backward pass in training: the gradient of `scale` times
 * weight times the mean binary cross-entropy of all cells. What a cell should be is the
 * share of it that the mask covers (the member mask.npy: uint8, height x width, non-zero
 * is lesion); a record without a mask has no lesion; masks are mixed as the images were.
 * The weighted mean is added to *loss.
 */
int xr_map_head_step(struct xr_map_head *map, struct xk_net *net,
                     const struct xr_batch *batch, const struct xk_mixed *mixed,
                     double scale, double *loss, struct xr_err *err) XR_MUST_USE;
void xr_map_head_close(struct xr_map_head *map);

#endif
