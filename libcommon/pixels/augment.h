/*
 * A chain of transforms with random parameters: parsed from "name(parameter=value,...)",
 * applied in order, everything that was drawn written down. One table row a transform, in
 * augment.c.
 */
#ifndef XR_AUGMENT_H
#define XR_AUGMENT_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "image.h"

/* The arithmetic of this version; larger whenever equal parameters give other pixels. */
#define XR_TRANSFORM_SCHEMA 1

struct xr_chain; /* opaque, read-only once made: threads may share it */

/*
 * Parse n texts such as "clahe(clip=1:4,p=.5)". A value is a number, or a range lo:hi
 * from which one is drawn evenly for each film. Wrong usage names the text and what would
 * be right.
 */
int xr_chain_parse(struct xr_chain **chain, const char *const *texts, size_t n,
                   struct xr_err *err) XR_MUST_USE;
/* Can it be applied to images of this size? A usage error says which transform cannot. */
int xr_chain_check(const struct xr_chain *chain, size_t height, size_t width,
                   struct xr_err *err) XR_MUST_USE;
void xr_chain_free(struct xr_chain *chain);

/* The training set of transforms that is used when none is named: *n texts. */
const char *const *xr_chain_default(size_t *n);

/* Every transform with its parameters and defaults, a line each, for people. */
int xr_chain_describe(struct xr_buf *buf, struct xr_err *err) XR_MUST_USE;

/* The chain with every default filled in: an array of objects. The caller owns it. */
cJSON *xr_chain_json(const struct xr_chain *chain);

/*
 * Apply to an 8-bit image, gray or RGB, and its mask (NULL: none), both changed in place;
 * geometry moves both, the mask by nearest neighbour. Random numbers come from (seed,
 * epoch, key) and the transform's name and place, nothing else. What was drawn is
 * appended to the array `applied` (may be NULL), one object for each transform that was
 * applied.
 */
int xr_chain_apply(const struct xr_chain *chain, struct xr_image *image,
                   struct xr_image *mask, uint64_t seed, uint64_t epoch, const char *key,
                   cJSON *applied, struct xr_err *err) XR_MUST_USE;

#endif
