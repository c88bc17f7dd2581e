/* In bulk: random numbers, Philox for many blocks at a time; look-ups. */
#include <string.h>

#include "simd.h"
#include "transform.h"

#define LANES 16

/* xr_philox of LANES counters that follow each other; out[4][LANES]. */
XR_CLONES static void blocks(uint32_t out[4][LANES], const uint32_t counter[4],
                             const uint32_t key[2])
{
    uint64_t low = (uint64_t)counter[1] << 32 | counter[0];
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES], k0 = key[0], k1 = key[1];

    for (uint32_t i = 0; i < LANES; i++) {
        c0[i] = (uint32_t)(low + i);
        c1[i] = (uint32_t)((low + i) >> 32);
        c2[i] = counter[2];
        c3[i] = counter[3];
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)c0[i] * 0xD2511F53u;
            uint64_t p1 = (uint64_t)c2[i] * 0xCD9E8D57u;

            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out[0], c0, sizeof c0);
    memcpy(out[1], c1, sizeof c1);
    memcpy(out[2], c2, sizeof c2);
    memcpy(out[3], c3, sizeof c3);
}

void xr_rng_fill(struct xr_rng *rng, uint32_t *out, size_t n)
{
    uint32_t words[4][LANES];

    for (; rng->used == 4 && n >= 4 * (size_t)LANES; n -= 4 * (size_t)LANES) {
        uint64_t low = (uint64_t)rng->counter[1] << 32 | rng->counter[0];

        blocks(words, rng->counter, rng->key);
        for (int i = 0; i < LANES; i++) {
            for (int k = 0; k < 4; k++)
                *out++ = words[k][i];
        }
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
