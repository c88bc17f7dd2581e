/*
 * The figures of a detector: COCO's twelve, average precision of classes, and FROC. What
 * is found is matched once an image; then every resample of images is a vector of
 * weights.
 *
 * Definitions are those of pycocotools' COCOeval (bbox), compared with stored values in
 * tests/unit/detect.c.
 */
#ifndef XR_STATS_DETECT_H
#define XR_STATS_DETECT_H

#include "stats.h"

#define XR_DETECT_THRESHOLDS 10 /* IoU .5, .55, ... .95 */
#define XR_DETECT_RECALLS 101   /* recall 0, .01, ... 1 */
#define XR_DETECT_MOST 100      /* of an image and class, by falling score */

/* What there is, and what was found; plain values. */
struct xr_truth_box {
    uint32_t image, class;
    double box[4], area; /* area: COCO's, of the object; of a box its own */
    bool crowd; /* a region of many: what lies in it is neither right nor wrong */
};
struct xr_found_box {
    uint32_t image, class;
    double box[4], score; /* finite */
};

/* The caller owns the arrays; they are only read while it is opened. */
struct xr_detect_input {
    const struct xr_truth_box *truth;
    size_t n_truth;
    const struct xr_found_box *found;
    size_t n_found;
    size_t n_images, n_classes;
    double froc_iou; /* a finding is right from this IoU on: .5 */
    const double *rates;
    size_t n_rates; /* false positives an image at which FROC is asked for */
};

enum xr_coco_figure {
    XR_COCO_AP, /* mean over thresholds, recalls and the classes that occur */
    XR_COCO_AP50,
    XR_COCO_AP75,
    XR_COCO_AP_SMALL, /* area up to 32^2 */
    XR_COCO_AP_MEDIUM,
    XR_COCO_AP_LARGE, /* from 96^2 on */
    XR_COCO_AR_1,     /* recall with that many of an image and class, mean over thresholds
                       */
    XR_COCO_AR_10,
    XR_COCO_AR_100,
    XR_COCO_AR_SMALL,
    XR_COCO_AR_MEDIUM,
    XR_COCO_AR_LARGE,
    XR_N_COCO
};
const char *xr_coco_name(enum xr_coco_figure figure); /* "AP", "AP50", ... "AR_large" */

/* Prepared: sorted and matched, then only read; threads may share it. */
struct xr_detect;

/* Refused: no image, no class, numbers out of range, a box whose x2 < x1, more than 2^26
 * boxes. */
int xr_detect_open(struct xr_detect **detect, const struct xr_detect_input *input,
                   struct xr_err *err) XR_MUST_USE;
void xr_detect_close(struct xr_detect *detect);

/*
 * All figures in one array: the XR_N_COCO; FROC of all classes together, a rate each, and
 * its mean; then of each class XR_DETECT_THRESHOLDS average precisions, their mean, FROC
 * by rate, and the precision at IoU .5 of XR_DETECT_RECALLS recalls.
 */
size_t xr_detect_n(const struct xr_detect *detect);
size_t xr_detect_froc(const struct xr_detect *detect); /* the first of n_rates + 1 */
size_t xr_detect_class(const struct xr_detect *detect, size_t class);
/* Behind xr_detect_class: */
#define XR_DETECT_CLASS_AP XR_DETECT_THRESHOLDS
#define XR_DETECT_CLASS_FROC (XR_DETECT_THRESHOLDS + 1)
size_t xr_detect_class_precision(const struct xr_detect *detect); /* to add to it */

/* The figures of images counted weight[i] times each; an xr_weighted of
 * stats_weighted.h. NaN: no such object. */
int xr_detect_eval(double *figures, const uint32_t *weight, const void *detect,
                   struct xr_err *err) XR_MUST_USE;

/* The FROC curve of all classes together: [n] points by falling score. Owned: free() each
 * array. */
struct xr_froc_curve {
    double *threshold, *false_positives, *sensitivity; /* fp an image */
    size_t n;
};
int xr_detect_curve(struct xr_froc_curve *curve, const struct xr_detect *detect,
                    struct xr_err *err) XR_MUST_USE;

#endif
