/*
 * Which vector kernels to use.
 */
#include "simd.h"

#include <stdlib.h>
#include <string.h>

const struct xk_simd *xk_simd_find(void)
{
    const char *want = getenv("XR_CPU");
    int level = 2; /* 0 generic, 1 avx2, 2 avx512 */

    if (want && strcmp(want, "generic") == 0)
        level = 0;
    else if (want && strcmp(want, "avx2") == 0)
        level = 1;
    __builtin_cpu_init();
    if (level == 2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return &xk_simd_avx512;
    if (level >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &xk_simd_avx2;
    return &xk_simd_generic;
}
