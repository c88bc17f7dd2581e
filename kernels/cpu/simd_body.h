/*
 * All vector kernels, compiled once for each instruction set. See simd.h for what they
 * do.
 */
#include "vec.h"

#include "simd_bn.h"
#include "simd_dw.h"
#include "simd_misc.h"
#include "simd_norm.h"
#include "simd_pw.h"
#include "simd_wg.h"

const struct xk_simd SIMD_TABLE = {
    .name = SIMD_NAME,
#ifdef SIMD_BF16
    .dtype = XK_BF16,
#endif
    .bn_stats = bn_stats,
    .bn_apply = bn_apply,
    .bn_reduce = bn_reduce,
    .bn_backward = bn_backward,
    .dw_forward = dw_forward,
    .dw_backward = dw_backward,
    .pw_forward = pw_forward,
    .pw_backward = pw_backward,
    .pw_scratch = pw_scratch,
    .pw_dw_rows = pw_dw_rows,
    .pw_dw_cols = pw_dw_cols,
    .pw_pack = pw_pack,
    .pw_panel = PW_PANEL,
    .wg_forward = wg_forward,
    .wg_backward = wg_backward,
    .wg_scratch = wg_scratch,
    .wg_filters = wg_filters,
    .wg_filters_back = wg_filters_back,
    .act = act_rows,
    .act_grad = act_grad_rows,
    .add = add_rows,
    .scale_rows = scale_rows,
    .sum_rows = sum_rows,
    .sum_act_rows = sum_act_rows,
    .gate_sums = gate_sums,
    .dot_rows = dot_rows,
    .fill_rows = fill_rows,
    .ln_forward = ln_forward,
    .ln_backward = ln_backward,
    .max_taps = max_taps,
    .max_back = max_back,
    .add_floats = add_floats,
    .sum_squares = sum_squares,
    .update = {[XK_ADAMW] = adamw, [XK_SGD] = sgd, [XK_LAMB] = lamb, [XK_LION] = lion},
    .ema = ema,
};
