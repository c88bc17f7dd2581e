/*
 * All vector kernels, compiled once for each instruction set. See simd.h for what they
 * do.
 */
#include "vec.h"

#include "simd_bn.h"
#include "simd_dw.h"
#include "simd_misc.h"

const struct xk_simd SIMD_TABLE = {
    .name = SIMD_NAME,
    .bn_stats = bn_stats,
    .bn_apply = bn_apply,
    .bn_reduce = bn_reduce,
    .bn_backward = bn_backward,
    .dw_forward = dw_forward,
    .dw_backward = dw_backward,
    .act = act_rows,
    .act_grad = act_grad_rows,
    .add = add_rows,
    .scale_rows = scale_rows,
    .sum_rows = sum_rows,
    .dot_rows = dot_rows,
    .fill_rows = fill_rows,
    .max_taps = max_taps,
    .sum_squares = sum_squares,
    .sgd = sgd,
    .adamw = adamw,
    .ema = ema,
};
