/*
 * How activations and their gradients are stored. Arithmetic is float32 everywhere;
 * parameters, their gradients and the optimiser's state are float32 always.
 */
#ifndef XK_DTYPE_H
#define XK_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "formula.h"

enum xk_dtype {
    XK_F32,
    XK_BF16, /* the upper half of a float32: 8 bits of exponent, 7 of fraction */
};

XK_INLINE size_t xk_dtype_size(enum xk_dtype dtype)
{
    return dtype == XK_BF16 ? 2 : 4;
}

XK_INLINE float xk_bf16_to_f32(uint16_t v)
{
    uint32_t bits = (uint32_t)v << 16;
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* To the nearest, ties to even; a NaN stays one. */
XK_INLINE uint16_t xk_f32_to_bf16(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* The value of element i of an array of this type. */
XK_INLINE float xk_value_at(const void *array, enum xk_dtype dtype, size_t i)
{
    return dtype == XK_BF16 ? xk_bf16_to_f32(((const uint16_t *)array)[i])
                            : ((const float *)array)[i];
}

/* Element i of an array of this type, for reading or writing there. */
XK_INLINE void *xk_at(const void *array, enum xk_dtype dtype, size_t i)
{
    return (char *)(uintptr_t)array + i * xk_dtype_size(dtype);
}

#endif
