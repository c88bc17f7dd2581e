/*
 * The vector kernels for any processor, activations in bfloat16.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#define SIMD_BF16
#define SIMD_TABLE xk_simd_generic_bf16
#define SIMD_NAME "generic bf16"
#include "simd_body.h"
