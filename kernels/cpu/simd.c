/*
 * Which vector kernels to use.
 */
#include "simd.h"

#include <stdlib.h>
#include <string.h>

size_t xk_dw_scratch(const struct xk_dw_args *a)
{
    size_t blocks = xk_padded(a->c) / XK_LANES, group = blocks < 16 ? blocks : 16;
    size_t cols =
        (a->w > a->ow * a->stride ? a->w : a->ow * a->stride) + 2 * a->k + a->pad_w;

    /* two rings of at most k + 1 rows and one of zeros, and sums of the weights */
    return group * XK_LANES * (2 * (a->k + 2) * cols + a->k * a->k) + XK_LANES * cols;
}

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
