/*
 * A chain of transforms with random parameters: parsed from "name(parameter=value,...)",
 * applied in order, everything that was drawn written down, so that it can be applied
 * again. The tables of transforms are in transform_*.c.
 */
#ifndef XR_AUGMENT_H
#define XR_AUGMENT_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "image.h"

/* The arithmetic of this version; larger whenever equal parameters give other pixels, or
 * equal seeds other parameters. */
#define XR_TRANSFORM_SCHEMA 3

struct xr_chain; /* opaque, read-only once made: threads may share it */

/*
 * What moves together. Every geometric transform moves all of it; the others change the
 * image alone.
 */
struct xr_subject {
    struct xr_image *image; /* 8 or 16 bit, gray or RGB; changed in place */
    struct xr_image
        *mask; /* 8 bit gray of the same size, by nearest neighbour; or NULL */
    /*
     * n_points pairs x, y in pixels, or NULL. The centre of the pixel in column c and row
     * r is (c, r), so that the film reaches from -0.5 to width-0.5: a box of whole pixels
     * [x0, x1) has its edges at x0-0.5 and x1-0.5. Points may lie outside, and may be
     * moved there: nothing is clipped. Turns are exact, maps with a matrix exact to
     * float32, distortions are inverted by iteration to 0.01 pixels where they can be.
     */
    float *points;
    size_t n_points;
};

/*
 * Parse n texts such as "clahe(clip=1:4,p=.5)" or "one_of(blur,sharpen(p=.2),p=.3)". A
 * value is a number, or a range lo:hi from which one is drawn evenly for each film.
 * Wrong usage names the text and what would be right. Files that are named are read.
 */
int xr_chain_parse(struct xr_chain **chain, const char *const *texts, size_t n,
                   struct xr_err *err) XR_MUST_USE;
/* What becomes of films of that size, *height x *width: the size that comes out. A usage
 * error says which transform cannot be applied, or would leave the size to chance. */
int xr_chain_size(const struct xr_chain *chain, size_t *height, size_t *width,
                  struct xr_err *err) XR_MUST_USE;
/* Does every transform take films of that depth (8 or 16) and as many channels? A usage
 * error names the one that does not. */
int xr_chain_depth(const struct xr_chain *chain, int depth, size_t channels,
                   struct xr_err *err) XR_MUST_USE;
void xr_chain_free(struct xr_chain *chain);

/* The training set of transforms that is used when none is named: *n texts. */
const char *const *xr_chain_default(size_t *n);

/* Every transform with its parameters and defaults, a line each, for people. */
int xr_chain_describe(struct xr_buf *buf, struct xr_err *err) XR_MUST_USE;

/* The chain with every default filled in: an array of objects. The caller owns it. */
cJSON *xr_chain_json(const struct xr_chain *chain);

/*
 * Apply to a film. Random numbers come from (seed, epoch, key) and the transform's name
 * and place, nothing else. What was drawn is appended to the array `applied` (may be
 * NULL), one object for each transform that was applied.
 */
int xr_chain_apply(const struct xr_chain *chain, const struct xr_subject *film,
                   uint64_t seed, uint64_t epoch, const char *key, cJSON *applied,
                   struct xr_err *err) XR_MUST_USE;

/*
 * Apply again what xr_chain_apply has written into `applied`, from entry `from` on: the
 * same pixels from the same film. An entry that is not complete or out of range is an
 * error that names it. Threads may share applied.
 */
int xr_chain_replay(const struct xr_subject *film, const cJSON *applied, size_t from,
                    struct xr_err *err) XR_MUST_USE;

#endif
