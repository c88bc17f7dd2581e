/*
 * The vector kernels for AVX-512 with bfloat16 arithmetic, activations in bfloat16.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#pragma GCC target(                                                                      \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#include <immintrin.h>

#define SIMD_BF16
#define SIMD_TABLE xk_simd_avx512bf16_bf16
#define SIMD_NAME "avx512bf16 bf16"
#include "simd_body.h"
