/*
 * The vector kernels for AVX2 and FMA.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#pragma GCC target("avx2,fma")
#include <immintrin.h>

#define SIMD_TABLE xk_simd_avx2
#define SIMD_NAME "avx2"
#include "simd_body.h"
