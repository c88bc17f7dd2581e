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

enum level {
    GENERIC,
    AVX2,
    AVX512,
    AVX512BF16,
    N_LEVELS
};

static enum level processor(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512bf16") ? AVX512BF16 : AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return AVX2;
    return GENERIC;
}

const struct xk_simd *xk_simd_find(enum xk_dtype dtype)
{
    static const char *const names[N_LEVELS] = {"generic", "avx2", "avx512",
                                                "avx512bf16"};
    static const struct xk_simd *const tables[2][N_LEVELS] = {
        {&xk_simd_generic, &xk_simd_avx2, &xk_simd_avx512, &xk_simd_avx512},
        {&xk_simd_generic_bf16, &xk_simd_avx2_bf16, &xk_simd_avx512_bf16,
         &xk_simd_avx512bf16_bf16}};
    const char *want = getenv("XR_CPU");
    enum level level = processor();

    for (int i = GENERIC; want && i < (int)level; i++)
        if (strcmp(want, names[i]) == 0)
            level = (enum level)i;
    return tables[dtype == XK_BF16][level];
}
