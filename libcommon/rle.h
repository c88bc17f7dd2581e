/*
 * COCO's run-length masks: runs in the order of columns, the first one of zeros.
 */
#ifndef XR_RLE_H
#define XR_RLE_H

#include <cjson/cJSON.h>

#include "err.h"

/*
 * Switch on, in mask [height][width] (uint8, 1 is on), the pixels of a segmentation
 * {"size": [height, width], "counts": "..." or [...]}. Others are left, so that several
 * objects of an image make one mask. Refused: another size, runs that do not add up to
 * it, text that is not a run of pycocotools' compressed string.
 * Source of the compressed form: rleFrString of pycocotools' maskApi.c.
 */
int xr_rle_draw(unsigned char *mask, size_t height, size_t width,
                const cJSON *segmentation, struct xr_err *err) XR_MUST_USE;

/* The size that a segmentation says; sides from 1 to 65,500, at most 2^28 pixels. */
int xr_rle_size(size_t *height, size_t *width, const cJSON *segmentation,
                struct xr_err *err) XR_MUST_USE;

#endif
