/*
 * Overlap of boxes and suppression of those that are not the best of their place. A box
 * is x1, y1, x2, y2 in pixels, without +1 in its sides. Nothing here keeps state.
 */
#ifndef XR_STATS_BOXES_H
#define XR_STATS_BOXES_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum xr_iou_kind {
    XR_IOU,  /* what both cover / what either covers */
    XR_GIOU, /* less the share of the box around both that neither covers */
    XR_DIOU, /* less the squared distance of the centres over the squared diagonal of
                the box around both */
    XR_CIOU  /* less a term for the shape too */
};

/*
 * Overlap of two boxes, from -1.. to 1. Boxes without area overlap by 0.
 * Source: Rezatofighi et al., CVPR 2019 (GIoU); Zheng et al., AAAI 2020 (DIoU, CIoU),
 * with torchvision's eps of 1e-7.
 */
double xr_iou(const double a[4], const double b[4], enum xr_iou_kind kind);
/* The share of a that b covers: COCO's overlap with a region of a crowd. */
double xr_covered(const double a[4], const double b[4]);
double xr_box_area(const double box[4]);

/*
 * Keep the boxes that overlap (XR_IOU) none of higher score that is kept by more than
 * threshold; of equal scores the first one comes first.
 *
 *   keep   [n] indices of those kept, by falling score; *n_keep of them
 *   class  [n] boxes of different classes do not suppress each other; NULL: all do
 *
 * O(n^2) in the worst case. Source: torchvision's nms.
 */
int xr_nms(size_t *keep, size_t *n_keep, const double (*box)[4], const double *score,
           const uint32_t *class, size_t n, double threshold,
           struct xr_err *err) XR_MUST_USE;

#endif
