/*
 * Two binary masks of one film compared: overlap, and the distances between their
 * surfaces. Nothing here keeps state: threads may share all inputs.
 *
 * Definitions are those of MONAI and medpy, as SciPy computes them, compared with stored
 * values in tests/unit/segment.c.
 */
#ifndef XR_STATS_SEGMENT_H
#define XR_STATS_SEGMENT_H

#include <stdint.h>

#include "stats.h"

enum xr_segment_figure {
    XR_SEGMENT_DICE,      /* 2 both / (truth + prediction) */
    XR_SEGMENT_JACCARD,   /* both / either */
    XR_SEGMENT_PRECISION, /* both / prediction */
    XR_SEGMENT_RECALL,    /* both / truth */
    XR_N_OVERLAP,
    XR_SEGMENT_HAUSDORFF = XR_N_OVERLAP, /* the larger of both directions */
    XR_SEGMENT_HAUSDORFF95_POOLED,       /* 95th percentile of both directions together */
    XR_SEGMENT_HAUSDORFF95_DIRECTED,     /* the larger of the two directed percentiles */
    XR_SEGMENT_ASSD_DIRECTED,            /* mean of the two directed means */
    XR_SEGMENT_ASSD_POOLED,              /* mean of both directions together */
    XR_N_SEGMENT
};

/* "dice", ..., "hausdorff95_max_of_directed", ... */
const char *xr_segment_name(enum xr_segment_figure figure);

struct xr_segment {
    uint64_t truth, prediction, both; /* pixels */
    double figure[XR_N_SEGMENT];      /* NaN: the denominator is 0, or a mask is empty */
};

/* The overlap figures of these counts. */
void xr_segment_overlap(double figure[XR_N_OVERLAP], uint64_t truth, uint64_t prediction,
                        uint64_t both);

/*
 * Compare two masks [height][width], non-zero inside; sides from 1 to 65,500.
 *
 *   spacing  of pixels: between rows, between columns, > 0; distances are in its unit
 *
 * Surface: pixels of the mask with a 4-neighbour outside of it; beyond the image is
 * outside. A directed distance goes from the centre of a surface pixel to the nearest
 * surface pixel of the other mask. Percentiles are numpy's "linear". Memory: at most 25
 * bytes a pixel of the smallest box that holds both masks.
 */
int xr_segment_measure(struct xr_segment *segment, const unsigned char *truth,
                       const unsigned char *prediction, size_t height, size_t width,
                       const double spacing[2], struct xr_err *err) XR_MUST_USE;

/*
 * The exact Euclidean distance transform: squared [height][width] is the square of the
 * distance to the nearest pixel that is on (non-zero), INFINITY where there is none.
 *
 *   wanted  [height][width] or NULL: only rows with a non-zero pixel are filled
 *
 * O(pixels). Source: Felzenszwalb and Huttenlocher, "Distance transforms of sampled
 * functions", Theory of Computing 8 (2012); the first of the two passes counts pixels.
 */
int xr_distance_transform(double *squared, const unsigned char *on,
                          const unsigned char *wanted, size_t height, size_t width,
                          const double spacing[2], struct xr_err *err) XR_MUST_USE;

/* Connected parts of a mask, neighbours 4 or 8. */
int xr_mask_parts(size_t *n, const unsigned char *on, size_t height, size_t width,
                  int neighbours, struct xr_err *err) XR_MUST_USE;

#endif
