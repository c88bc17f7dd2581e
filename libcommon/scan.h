/*
 * What a film shows without a network: its size, brightness, and what tells copies of it.
 */
#ifndef XR_SCAN_H
#define XR_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define XR_SCAN_SIDE 64 /* of the thumbnail, whatever the film's shape */
#define XR_SCAN_BORDER                                                                   \
    4 /* pixels of it: collimators and frames, which all films share                     \
       */
#define XR_SCAN_INNER (XR_SCAN_SIDE - 2 * XR_SCAN_BORDER)

/* A plain value; why and fine are owned: xr_scan_free. */
struct xr_scan {
    char *why; /* why it could not be read, else NULL */
    uint64_t bytes;
    size_t width, height;
    /* of the thumbnail (full scale is 1), its 4 outer pixels, the shares of pixels below
     * 0.02 and above 0.98, the root mean square of its detail */
    double mean, sd, median, border, dark, bright, detail;
    unsigned char pixels[16]; /* equal for equal size, depth and gray levels */
    uint64_t hash[4];         /* signs of 256 low frequencies of the thumbnail */
    int8_t *fine;             /* its detail, or NULL: not asked for, or there is none */
    double norm;              /* root of the sum of the squares of fine */
};

/*
 * Decode n films ("-" is none; paths are relative to root, NULL: the current folder) with
 * `jobs` threads into films[n]. A film that cannot be read has its reason in why, without
 * its path, and is no failure of this function. Memory: 3 KiB a film with `fine`.
 *
 * The thumbnail is an area average in 16 bit. hash: the DCT-II coefficients (u, v) of
 * least u + v from 2, rows first; detail: thumbnail less its Gaussian blur of sigma 1.5,
 * without the border,
 * in units of a quarter of its root mean square over 127, cut off beyond four of these.
 * After Zauner, "Implementation and benchmarking of perceptual image hash functions"
 * (2010), and normalised correlation of what is left of an image without its low
 * frequencies, in which different films of one view agree.
 */
int xr_scan_films(struct xr_scan *films, const char *const *paths, size_t n,
                  const char *root, bool fine, int jobs, struct xr_err *err) XR_MUST_USE;
/* One film that is decoded already; image is gray. */
struct xr_image;
int xr_scan_image(struct xr_scan *film, const struct xr_image *image, bool fine,
                  struct xr_err *err) XR_MUST_USE;
void xr_scan_free(struct xr_scan *films, size_t n); /* and the array itself */

/* --- pairs ----------------------------------------------------------------------- */

enum xr_pair_kind {
    XR_PAIR_EXACT, /* equal pixels */
    XR_PAIR_NEAR,
    XR_PAIR_HFLIP, /* one mirrored left to right, top to bottom, or turned by 180 degrees
                    */
    XR_PAIR_VFLIP,
    XR_PAIR_TURN
};
extern const char *const xr_pair_names[];

struct xr_pair {
    uint32_t a, b; /* a < b */
    enum xr_pair_kind kind;
    double r; /* correlation of detail, 1 for equal pixels */
};

/* Of the copies that were planted in 2,606 films this finds 99.7 %, and no pair of two
 * patients: tests/long/near-duplicates.bats. */
#define XR_SIMILAR_LEAST 0.7

/*
 * All pairs of films whose detail correlates with at least `least`, sorted by a and b;
 * films with equal pixels stand for each other and are linked one to the next. Films with
 * why or without detail are in no near pair. flips: also mirrored and turned copies.
 * *pairs is free()d by the caller. Candidates differ in at most 84 of 256 signs; all
 * pairs are looked at, 10^9 in a few seconds. More than 2^24 pairs are an error.
 */
int xr_similar(struct xr_pair **pairs, size_t *n_pairs, const struct xr_scan *films,
               size_t n, double least, bool flips, int jobs,
               struct xr_err *err) XR_MUST_USE;

#endif
