/*
 * Vectors of 16 numbers in GNU C, and functions compiled for several instruction sets, of
 * which the loader picks one. All of them do the same IEEE and integer operations in the
 * same order (the build forbids contraction), so the choice changes speed, never a byte.
 * CPPFLAGS=-DXR_PLAIN builds none of them, to compare.
 */
#ifndef XR_SIMD_H
#define XR_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && !defined(XR_PLAIN)
#define XR_CLONES                                                                        \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define XR_CLONES
#endif
/* The same by hand: functions for AVX2 and AVX-512, chosen with xr_simd() (2, 1 or 0). */
#if defined(__x86_64__) && !defined(XR_PLAIN)
#include <immintrin.h>
#define XR_X86
#define XR_AVX2 __attribute__((target("avx2")))
#define XR_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq")))
/* Where xr_simd() is 2 and xr_simd_vnni() says so. */
#define XR_VNNI                                                                          \
    __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
static inline int xr_simd_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni");
}
/* Where xr_simd_vbmi() says so. */
#define XR_VBMI                                                                          \
    __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")))
static inline int xr_simd(void)
{
    return __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl")
               ? 2
           : __builtin_cpu_supports("avx2") ? 1
                                            : 0;
}
static inline int xr_simd_vbmi(void)
{
    return xr_simd() == 2 && __builtin_cpu_supports("avx512vbmi");
}
#else
static inline int xr_simd(void)
{
    return 0;
}
#endif

/* out[i] = table[at[i]]. A function of its own, that no instruction set turns into its
 * gathers, which are slower than loads one by one. */
void xr_look_up(uint32_t *restrict out, const uint32_t *restrict table,
                const int32_t *restrict at, size_t n);
/* The same of bytes, table [256]. */
void xr_look_up_bytes(uint32_t *restrict out, const uint32_t *restrict table,
                      const uint8_t *restrict level, size_t n);

#define XR_INLINE static inline __attribute__((always_inline))

typedef uint8_t v16u8 __attribute__((vector_size(16)));

/* rintf, to even, of |v| < 2^22, without a call where there is no instruction for it */
XR_INLINE float xr_round(float v)
{
    return v + 12582912.0f - 12582912.0f;
}

/* A value of exp, sin, pow ... (below 2^20) without its last bits, which differ between
 * processors. */
XR_INLINE double xr_snap(double v)
{
    const double grid = 1099511627776.0; /* 2^40 */

    return (double)(int64_t)(v * grid + (v < 0 ? -0.5 : 0.5)) / grid;
}

#endif
