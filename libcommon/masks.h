/*
 * Masks by key, from a folder, a single file or a record stream, and the same of two
 * sources joined.
 */
#ifndef XR_MASKS_H
#define XR_MASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* One mask: 1 inside, 0 outside. A plain value; {0} is empty. */
struct xr_mask {
    char *key;
    size_t height, width;
    unsigned char *on; /* [height][width] */
    double spacing[2]; /* mm between rows and columns, where the record tells; else 0 */
    char *group;       /* the cell of the column that was asked for; NULL: none */
};
void xr_mask_free(struct xr_mask *mask); /* and makes it {0} */

struct xr_masks_rule {
    double threshold;  /* of floating-point masks: inside from here on */
    const char *group; /* a column of KEY.json; NULL: none. Streams only */
    bool spacing;      /* a record that does not tell its spacing is an error */
    bool absent;       /* a record without a mask is one of height 0, and no error */
};

/* What gives masks in some order; one thread at a time. */
struct xr_masks;

/*
 * path: a folder of .npy files and pictures, whose key is the name less its suffix and
 * less ".mask" (where there is such a name, files without ".mask" are passed over); one
 * such file (its key is "mask"); COCO's JSON (.json), whose polygons and run-length masks
 * of an image are one mask, drawn as xr_boxes_draw does; else a record stream ("-":
 * standard input) with KEY.mask.npy or KEY.mask.png, of one epoch. A picture or a mask of
 * whole numbers is inside where it is not 0. A mask is (H,W), sides from 1 to 65,500; a
 * picture has one gray level a pixel. Refused: a key twice in a folder, a record without
 * a mask.
 */
int xr_masks_open(struct xr_masks **masks, const char *path,
                  const struct xr_masks_rule *rule, struct xr_err *err) XR_MUST_USE;
/* 1: *mask (freed first) is the next one; 0: the end; -1: an error. */
int xr_masks_next(struct xr_masks *masks, struct xr_mask *mask,
                  struct xr_err *err) XR_MUST_USE;
/* "sha256:..." of what was read, in its order; whole once _next has given 0. */
void xr_masks_digest(const struct xr_masks *masks, char text[72]);
void xr_masks_close(struct xr_masks *masks);

/*
 * Pairs of masks with the same key, [0] from one source and [1] from the other, as they
 * become complete. Sources in the same order need the memory of one pair; what comes in
 * another order is kept, one bit a pixel. Refused: a key of only one source, or twice in
 * one, sizes that differ. Where [0] is absent, [1] may be anything.
 */
struct xr_mask_pairs;
int xr_mask_pairs_open(struct xr_mask_pairs **pairs, struct xr_masks *sources[2],
                       const char *const names[2], struct xr_err *err) XR_MUST_USE;
int xr_mask_pairs_next(struct xr_mask_pairs *pairs, struct xr_mask pair[2],
                       struct xr_err *err) XR_MUST_USE;
void xr_mask_pairs_close(struct xr_mask_pairs *pairs); /* the sources stay open */

#endif
