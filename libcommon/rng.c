/* Philox4x32-10 and what is drawn from it. */
#include "rng.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

uint64_t xr_fnv1a64(const char *text)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return h;
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014): spreads what FNV leaves close
 * together */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void xr_rng_init(struct xr_rng *rng, uint64_t seed, uint64_t epoch, const char *key,
                 const char *purpose)
{
    uint64_t k = mix(xr_fnv1a64(purpose) + seed * UINT64_C(0x9E3779B97F4A7C15));
    uint64_t c = mix(xr_fnv1a64(key) + epoch * UINT64_C(0x9E3779B97F4A7C15));

    memset(rng, 0, sizeof *rng);
    rng->key[0] = (uint32_t)k;
    rng->key[1] = (uint32_t)(k >> 32);
    rng->counter[2] = (uint32_t)c;
    rng->counter[3] = (uint32_t)(c >> 32);
    rng->used = 4;
}

uint32_t xr_rng_u32(struct xr_rng *rng)
{
    if (rng->used == 4) {
        xr_philox(rng->block, rng->counter, rng->key);
        if (++rng->counter[0] == 0)
            rng->counter[1]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

uint64_t xr_rng_u64(struct xr_rng *rng)
{
    uint64_t high = xr_rng_u32(rng);

    return high << 32 | xr_rng_u32(rng);
}

double xr_rng_uniform(struct xr_rng *rng)
{
    uint32_t high = xr_rng_u32(rng);

    return xr_uniform_of(high, xr_rng_u32(rng));
}

double xr_rng_between(struct xr_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * xr_rng_uniform(rng);
}

uint64_t xr_rng_below(struct xr_rng *rng, uint64_t n)
{
    unsigned __int128 product = (unsigned __int128)xr_rng_u64(rng) * n;

    if ((uint64_t)product < n) {
        uint64_t floor = -n % n;

        while ((uint64_t)product < floor)
            product = (unsigned __int128)xr_rng_u64(rng) * n;
    }
    return (uint64_t)(product >> 64);
}

#ifdef __SSE2__
enum {
    LANES = 8 /* blocks beside each other, two a vector */
};

/* Blocks counter[0] .. counter[0] + LANES - 1 of xr_philox: the same words, in their
 * order. A lane is the low half of 64 bits; what stands above is never looked at. */
static void philox_lanes(uint32_t out[4 * LANES], const uint32_t counter[4],
                         const uint32_t key[2])
{
    const __m128i m0 = _mm_set1_epi64x(0xD2511F53), m1 = _mm_set1_epi64x(0xCD9E8D57);
    __m128i c[LANES / 2][4];
    uint32_t k0 = key[0], k1 = key[1];

    for (uint32_t v = 0; v < LANES / 2; v++) {
        uint32_t low = counter[0] + 2 * v, high = low + 1;

        c[v][0] = _mm_set_epi64x(high, low);
        c[v][1] = _mm_set1_epi64x(counter[1]);
        c[v][2] = _mm_set1_epi64x(counter[2]);
        c[v][3] = _mm_set1_epi64x(counter[3]);
    }
    for (int round = 0; round < 10; round++) {
        const __m128i key0 = _mm_set1_epi64x(k0), key1 = _mm_set1_epi64x(k1);

        for (int v = 0; v < LANES / 2; v++) {
            __m128i p0 = _mm_mul_epu32(c[v][0], m0), p1 = _mm_mul_epu32(c[v][2], m1);

            c[v][0] = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi64(p1, 32), c[v][1]), key0);
            c[v][2] = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi64(p0, 32), c[v][3]), key1);
            c[v][1] = p1;
            c[v][3] = p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int v = 0; v < LANES / 2; v++) {
        for (int word = 0; word < 4; word++) {
            uint64_t both[2];

            _mm_storeu_si128((__m128i *)both, c[v][word]);
            out[8 * v + word] = (uint32_t)both[0];
            out[8 * v + 4 + word] = (uint32_t)both[1];
        }
    }
}
#endif

void xr_rng_fill_below(struct xr_rng *rng, uint32_t *out, size_t count, uint32_t n)
{
    uint32_t floor = -n % n;
    size_t i = 0;

#ifdef __SSE2__
    /* whole blocks, while none of their words can be too many and the counter's low word
     * does not overflow */
    while (rng->used == 4 && count - i >= 4 * LANES &&
           rng->counter[0] < UINT32_MAX - LANES) {
        uint32_t words[4 * LANES];

        philox_lanes(words, rng->counter, rng->key);
        rng->counter[0] += LANES;
        for (size_t w = 0; w < 4 * LANES; w++) {
            uint64_t product = (uint64_t)words[w] * n;

            out[i] = (uint32_t)(product >> 32);
            i += (uint32_t)product >= floor;
        }
    }
#endif
    while (i < count) {
        uint64_t product = (uint64_t)xr_rng_u32(rng) * n;

        if ((uint32_t)product >= floor)
            out[i++] = (uint32_t)(product >> 32);
    }
}

double xr_rng_normal(struct xr_rng *rng)
{
    double u = 1.0 - xr_rng_uniform(rng), v = xr_rng_uniform(rng);

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void xr_rng_shuffle(struct xr_rng *rng, size_t *order, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)xr_rng_below(rng, i), t = order[i - 1];

        order[i - 1] = order[j];
        order[j] = t;
    }
}
