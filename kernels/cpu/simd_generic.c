/*
 * The vector kernels for any processor.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#define SIMD_TABLE xk_simd_generic
#define SIMD_NAME "generic"
#include "simd_body.h"
