/* In bulk: random numbers, Philox for many blocks at a time; look-ups. */
#include <string.h>

#include "simd.h"
#include "transform.h"

#define LANES 16

/* xr_philox of LANES counters that follow each other, block behind block. */
static void blocks(uint32_t out[4 * LANES], const uint32_t counter[4],
                   const uint32_t key[2])
{
    uint64_t low = (uint64_t)counter[1] << 32 | counter[0];

    for (uint32_t i = 0; i < LANES; i++) {
        uint32_t at[4] = {(uint32_t)(low + i), (uint32_t)((low + i) >> 32), counter[2],
                          counter[3]};

        xr_philox(out + 4 * (size_t)i, at, key);
    }
}

#ifdef XR_X86
/* Eight or four blocks in the even 32-bit lanes of a vector each; the odd ones hold what
 * multiplications leave there. */
#define PHILOX(V, n, mul, shift, xor, set)                                               \
    uint64_t low = (uint64_t)counter[1] << 32 | counter[0];                              \
    uint64_t words[4][n];                                                                \
                                                                                         \
    for (uint32_t from = 0; from < LANES; from += n) {                                   \
        uint32_t k0 = key[0], k1 = key[1];                                               \
        V c0, c1, c2 = set(counter[2]), c3 = set(counter[3]);                            \
                                                                                         \
        for (uint32_t i = 0; i < n; i++) {                                               \
            words[0][i] = (uint32_t)(low + from + i);                                    \
            words[1][i] = (low + from + i) >> 32;                                        \
        }                                                                                \
        memcpy(&c0, words[0], sizeof c0);                                                \
        memcpy(&c1, words[1], sizeof c1);                                                \
        for (int round = 0; round < 10; round++) {                                       \
            V p0 = mul(c0, set(0xD2511F53u)), p1 = mul(c2, set(0xCD9E8D57u));            \
                                                                                         \
            c0 = xor(xor(shift(p1, 32), c1), set(k0));                                   \
            c2 = xor(xor(shift(p0, 32), c3), set(k1));                                   \
            c1 = p1;                                                                     \
            c3 = p0;                                                                     \
            k0 += 0x9E3779B9u;                                                           \
            k1 += 0xBB67AE85u;                                                           \
        }                                                                                \
        memcpy(words[0], &c0, sizeof c0);                                                \
        memcpy(words[1], &c1, sizeof c1);                                                \
        memcpy(words[2], &c2, sizeof c2);                                                \
        memcpy(words[3], &c3, sizeof c3);                                                \
        for (uint32_t i = 0; i < 4 * n; i++)                                             \
            *out++ = (uint32_t)words[i % 4][i / 4];                                      \
    }

XR_AVX2 static void blocks_avx2(uint32_t out[4 * LANES], const uint32_t counter[4],
                                const uint32_t key[2]){
    PHILOX(__m256i, 4, _mm256_mul_epu32, _mm256_srli_epi64, _mm256_xor_si256,
           _mm256_set1_epi64x)}

XR_AVX512 static void blocks_avx512(uint32_t out[4 * LANES], const uint32_t counter[4],
                                    const uint32_t key[2])
{
    PHILOX(__m512i, 8, _mm512_mul_epu32, _mm512_srli_epi64, _mm512_xor_si512,
           _mm512_set1_epi64)
}
#endif

void xr_rng_fill(struct xr_rng *rng, uint32_t *out, size_t n)
{
    void (*make)(uint32_t *, const uint32_t *, const uint32_t *) = blocks;

#ifdef XR_X86
    make = xr_simd() == 2 ? blocks_avx512 : xr_simd() == 1 ? blocks_avx2 : blocks;
#endif
    for (; rng->used == 4 && n >= 4 * (size_t)LANES; n -= 4 * (size_t)LANES) {
        uint64_t low = (uint64_t)rng->counter[1] << 32 | rng->counter[0];

        make(out, rng->counter, rng->key);
        out += 4 * LANES;
        low += LANES;
        rng->counter[0] = (uint32_t)low;
        rng->counter[1] = (uint32_t)(low >> 32);
    }
    while (n-- > 0)
        *out++ = xr_rng_u32(rng);
}

void xr_look_up(uint32_t *restrict out, const uint32_t *restrict table,
                const int32_t *restrict at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = table[at[i]];
}

void xr_look_up_bytes(uint32_t *restrict out, const uint32_t *restrict table,
                      const uint8_t *restrict level, size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        uint32_t at;

        memcpy(&at, level + i, sizeof at);
        out[i] = table[at & 255];
        out[i + 1] = table[at >> 8 & 255];
        out[i + 2] = table[at >> 16 & 255];
        out[i + 3] = table[at >> 24];
    }
    for (; i < n; i++)
        out[i] = table[level[i]];
}
