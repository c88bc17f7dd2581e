/*
 * The vector kernels for AVX2 and FMA, activations in bfloat16.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#pragma GCC target("avx2,fma")
#include <immintrin.h>

#define SIMD_BF16
#define SIMD_TABLE xk_simd_avx2_bf16
#define SIMD_NAME "avx2 bf16"
#include "simd_body.h"
