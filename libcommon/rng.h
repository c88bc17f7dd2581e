/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). A stream is a pure function of seed, epoch, key and
 * purpose.
 */
#ifndef XR_RNG_H
#define XR_RNG_H

#include <stddef.h>
#include <stdint.h>

/* For C, and for CUDA C++ on both sides. */
#ifdef __CUDACC__
#define XR_RNG_INLINE static __host__ __device__ __forceinline__
#else
#define XR_RNG_INLINE static inline
#endif

/* A plain value; copy it to fork it. One thread at a time. */
struct xr_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used; /* words of block already given */
};

/* One block of Philox4x32-10: the test vectors of Random123 hold. */
XR_RNG_INLINE void xr_philox(uint32_t out[4], const uint32_t counter[4],
                             const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;

        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* [0,1) from two words, 53 bits. */
XR_RNG_INLINE double xr_uniform_of(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

/* What call number i (from 0) of xr_rng_uniform gives behind xr_rng_init alone, for those
 * who draw in any order. */
XR_RNG_INLINE double xr_rng_uniform_at(const struct xr_rng *rng, uint64_t i)
{
    uint64_t block = i / 2;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), rng->counter[2],
                           rng->counter[3]};
    uint32_t out[4];

    xr_philox(out, counter, rng->key);
    return i % 2 ? xr_uniform_of(out[2], out[3]) : xr_uniform_of(out[0], out[1]);
}

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
