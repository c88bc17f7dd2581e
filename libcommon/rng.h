/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). A stream is a pure function of seed, epoch, key and
 * purpose.
 */
#ifndef XR_RNG_H
#define XR_RNG_H

#include <stddef.h>
#include <stdint.h>

/* A plain value; copy it to fork it. One thread at a time. */
struct xr_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used; /* words of block already given */
};

/* One block of Philox4x32-10: the test vectors of Random123 hold. */
void xr_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* seed and epoch are numbers; key (a record's, may be "") and purpose ("clahe", "order",
 * ...) are hashed with FNV-1a 64, so that any two different streams are independent. */
void xr_rng_init(struct xr_rng *rng, uint64_t seed, uint64_t epoch, const char *key,
                 const char *purpose);
uint32_t xr_rng_u32(struct xr_rng *rng);
uint64_t xr_rng_u64(struct xr_rng *rng);
double xr_rng_uniform(struct xr_rng *rng);                       /* [0,1), 53 bits */
double xr_rng_between(struct xr_rng *rng, double lo, double hi); /* [lo,hi) */
uint64_t xr_rng_below(struct xr_rng *rng,
                      uint64_t n); /* 0..n-1, unbiased (Lemire 2019); n > 0 */
/* count numbers in 0..n-1, unbiased, n > 0, from one 32-bit word each: for bulk work. Not
 * the sequence of xr_rng_below. */
void xr_rng_fill_below(struct xr_rng *rng, uint32_t *out, size_t count, uint32_t n);
double xr_rng_normal(struct xr_rng *rng); /* standard normal, Box-Muller */
void xr_rng_shuffle(struct xr_rng *rng, size_t *order, size_t n); /* Fisher-Yates */

uint64_t xr_fnv1a64(const char *text);

#endif
