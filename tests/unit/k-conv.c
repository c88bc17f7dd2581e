/*
 * The devices' own pointwise and 3x3 convolutions (simd_pw.h, simd_wg.h), every set of
 * vector kernels and both storage types, against naive loops in doubles: with and without
 * the batch norms on both sides, gates, shortcuts, strides, odd sizes and channels.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/simd.h"
#include "exact.h"
#include "rng.h"
#include "tap.h"

struct conv_case {
    size_t n, h, w, in, out, stride; /* stride 0: 3x3 by Winograd's way */
    enum xk_act act_in, act_out, post_act;
    bool norm, gate, shortcut, drop;
};

static double stored(const void *v, enum xk_dtype t, size_t i)
{
    return t == XK_BF16 ? (double)xk_bf16_to_f32(((const uint16_t *)v)[i])
                        : (double)((const float *)v)[i];
}

static void store(void *v, enum xk_dtype t, size_t i, double x)
{
    if (t == XK_BF16)
        ((uint16_t *)v)[i] = xk_f32_to_bf16((float)x);
    else
        ((float *)v)[i] = (float)x;
}

/* Tensors of their exact size, so that a sanitizer sees what reads too far. */
static void *tensor(enum xk_dtype t, size_t n, const char *name, double lo, double hi)
{
    void *v = malloc(n * xk_dtype_size(t));
    struct xr_rng rng;

    xr_rng_init(&rng, 3, 0, name, "test");
    for (size_t i = 0; i < n; i++)
        store(v, t, i, xr_rng_between(&rng, lo, hi));
    return v;
}

static float *floats(size_t n, const char *name, double lo, double hi)
{
    return tensor(XK_F32, n, name, lo, hi);
}

static double *zeros(size_t n)
{
    return calloc(n + 1, sizeof(double));
}

/* L2 norm of the difference over that of what is wanted. */
static double off_by(const double *got, const double *want, size_t n)
{
    double d = 0, s = 1e-30;

    for (size_t i = 0; i < n; i++) {
        d += (got[i] - want[i]) * (got[i] - want[i]);
        s += want[i] * want[i];
    }
    return isnan(d) ? INFINITY : sqrt(d / s);
}

static double tensor_off(const void *got, enum xk_dtype t, const double *want, size_t n)
{
    double *v = zeros(n), off;

    for (size_t i = 0; i < n; i++)
        v[i] = stored(got, t, i);
    off = off_by(v, want, n);
    free(v);
    return off;
}

/* body for every product: input i (pixel * in + ic), output o, weight f */
#define FOR_PRODUCTS(body)                                                               \
    for (size_t n = 0; n < t->n; n++)                                                    \
        for (size_t oy = 0; oy < oh; oy++)                                               \
            for (size_t ox = 0; ox < ow; ox++)                                           \
                for (size_t k = 0; k < k2; k++) {                                        \
                    size_t iy = wg ? oy + k / 3 - 1 : oy * t->stride;                    \
                    size_t ix = wg ? ox + k % 3 - 1 : ox * t->stride;                    \
                    for (size_t oc = 0; oc < t->out && iy < t->h && ix < t->w; oc++)     \
                        for (size_t ic = 0; ic < t->in; ic++) {                          \
                            size_t i = ((n * t->h + iy) * t->w + ix) * t->in + ic;       \
                            size_t o = ((n * oh + oy) * ow + ox) * t->out + oc;          \
                            size_t f = (oc * t->in + ic) * k2 + k;                       \
                            body;                                                        \
                        }                                                                \
                }

static void pack_all(const struct xk_simd *simd, int32_t *to, const float *w,
                     size_t inner, size_t inner_step, size_t cols, size_t col_step)
{
    for (size_t p = 0; p * simd->pw_panel < cols; p++)
        simd->pw_pack(to, w, inner, inner_step, cols, col_step, p);
}

static size_t factor_units(const struct xk_simd *simd, size_t inner, size_t cols)
{
    size_t unit = simd->dtype == XK_BF16 ? 2 : 1;

    return (cols + simd->pw_panel - 1) / simd->pw_panel * simd->pw_panel *
           ((inner + unit - 1) / unit);
}

static void pack_weights(const struct xk_simd *simd, int32_t **forward, int32_t **back,
                         const float *w, size_t in, size_t out, bool wg)
{
    size_t places = wg ? 16 : 1, one = factor_units(simd, in, out),
           one_back = factor_units(simd, out, in);
    float *u = malloc(places * in * out * sizeof *u);

    *forward = malloc(places * one * sizeof **forward);
    *back = malloc(places * one_back * sizeof **back);
    for (int turned = 0; turned < 2; turned++) {
        if (wg)
            simd->wg_filters(u, in * out, w, in * out, turned);
        for (size_t p = 0; p < places; p++) {
            const float *from = wg ? u + p * in * out : w;

            if (turned)
                pack_all(simd, *back + p * one_back, from, out, in, in, 1);
            else
                pack_all(simd, *forward + p * one, from, in, 1, out, in);
        }
    }
    free(u);
}

static void check(const struct xk_simd *simd, const struct conv_case *t)
{
    enum xk_dtype d = simd->dtype;
    bool wg = t->stride == 0, back_sums = t->norm && !t->gate;
    size_t s = wg ? 1 : t->stride, oh = (t->h + s - 1) / s, ow = (t->w + s - 1) / s;
    size_t k2 = wg ? 9 : 1, nx = t->n * t->h * t->w * t->in, ny = t->n * oh * ow * t->out;
    size_t ip = xk_padded(t->in), op = xk_padded(t->out), nw = t->in * t->out * k2;
    size_t most = ip > op ? ip : op, places = wg ? 16 : 1;
    void *x = tensor(d, nx, "x", -2, 3), *y = tensor(d, ny, "y", 0, 0);
    void *dy = tensor(d, ny, "dy", -1, 1), *dy2 = tensor(d, ny, "dy2", -1, 1);
    void *dx = tensor(d, nx, "dx", 0, 0), *shortcut = tensor(d, ny, "shortcut", -1, 1);
    float *w = floats(nw, "w", -.5, .5), *scale = floats(ip, "scale", .5, 2),
          *shift = floats(ip, "shift", -1, 1), *mean = floats(ip, "mean", -1, 1),
          *gate = floats(t->n * ip, "gate", .1, 1), *bias = floats(op, "bias", -1, 1),
          *center = floats(op, "center", -1, 1), *ps = floats(op, "ps", .5, 2),
          *pb = floats(op, "pb", -1, 1), *kg = floats(op, "kg", .5, 1),
          *kx = floats(op, "kx", -.1, .1), *k1 = floats(op, "k1", -1, 1),
          *mul = floats(t->n * op, "mul", .1, 1), *add = floats(t->n * op, "add", -1, 1),
          *factor = floats(t->n, "factor", .5, 2);
    double *z = zeros(nx), *want = zeros(ny), *g = zeros(ny), *want_dx = zeros(nx),
           *want_dw = zeros(nw), *got_dw = zeros(nw), *sums = zeros(2 * op),
           *want_sums = zeros(2 * op), *back = zeros(2 * most),
           *want_back = zeros(2 * most);
    struct xk_pw_args a;
    struct xk_pw_sums forward = {.sum = sums, .squares = sums + op};
    struct xk_pw_sums backward = {.sum = back, .squares = back + ip};
    size_t units = wg ? t->n * ((oh + 1) / 2) * ((ow + 1) / 2) : t->n * oh * ow;
    double tolerance = d == XK_BF16 ? (wg ? 2e-2 : 6e-3) : 3e-6;
    int32_t *packed, *packed_back;
    size_t rows, cols, bytes;
    void *scratch;
    int good;

    pack_weights(simd, &packed, &packed_back, w, t->in, t->out, wg);
    a = (struct xk_pw_args){.in = t->in,
                            .out = t->out,
                            .per_image = oh * ow,
                            .stride = s,
                            .in_h = t->h,
                            .in_w = t->w,
                            .out_w = ow,
                            .x = x,
                            .y = y,
                            .weights = packed,
                            .weights_back = packed_back,
                            .gate = t->gate ? gate : NULL,
                            .dy = {dy, dy2},
                            .dx = dx};
    if (t->norm) {
        a.scale = scale;
        a.shift = shift;
        a.mean = mean;
        a.act_in = t->act_in;
        a.center = center;
        a.post_scale = ps;
        a.post_shift = pb;
        a.post_act = t->post_act;
        a.kg = kg;
        a.kx = kx;
        a.k1 = k1;
        a.dy_mul = mul;
        a.dy_add = add;
        a.factor = t->drop ? factor : NULL;
    } else {
        a.bias = bias;
        a.act_out = t->act_out;
        a.shortcut = t->shortcut ? shortcut : NULL;
    }
    rows = simd->pw_dw_rows(&a);
    cols = simd->pw_dw_cols(&a);
    backward.dw = calloc(places * rows * cols, sizeof *backward.dw);
    bytes = wg ? simd->wg_scratch(&a, true) : simd->pw_scratch(&a, true);
    scratch = aligned_alloc(64, bytes);
    memset(scratch, 0xff, bytes); /* NaN: what is not written must not count */

    for (size_t i = 0; i < nx; i++) {
        size_t c = i % t->in, image = i / (t->h * t->w * t->in);
        double v = stored(x, d, i);

        if (t->norm)
            v = act_exact(t->act_in, v * (double)scale[c] + (double)shift[c]);
        z[i] = t->gate ? v * (double)gate[image * ip + c] : v;
    }
    FOR_PRODUCTS(want[o] += z[i] * (double)w[f])
    for (size_t o = 0; o < ny; o++) {
        size_t c = o % t->out;

        if (t->norm) {
            want_sums[c] += want[o] - (double)center[c];
            want_sums[op + c] +=
                (want[o] - (double)center[c]) * (want[o] - (double)center[c]);
        } else {
            want[o] =
                act_exact(t->act_out, want[o] + (double)bias[c] +
                                          (t->shortcut ? stored(shortcut, d, o) : 0));
        }
    }
    for (size_t half = 0; half < 2; half++) {
        size_t u0 = half ? units / 2 : 0, u1 = half ? units : units / 2;

        if (wg)
            simd->wg_forward(&a, &forward, scratch, u0, u1);
        else
            simd->pw_forward(&a, &forward, scratch, u0, u1);
    }
    good = tensor_off(y, d, want, ny) < tolerance &&
           (!t->norm || (off_by(sums, want_sums, t->out) < tolerance &&
                         off_by(sums + op, want_sums + op, t->out) < tolerance));
    for (size_t o = 0; o < ny; o++) { /* of what was stored: the kernels read that */
        size_t c = o % t->out, image = o / (oh * ow * t->out);
        double v = stored(dy, d, o) + stored(dy2, d, o), yo = stored(y, d, o);

        if (t->norm) {
            v = v * (double)mul[image * op + c] + (double)add[image * op + c];
            v *= slope_exact(t->post_act, yo * (double)ps[c] + (double)pb[c]);
            v = v * (t->drop ? (double)factor[image] : 1) * (double)kg[c] +
                yo * (double)kx[c] + (double)k1[c];
        }
        g[o] = v;
    }
    FOR_PRODUCTS(want_dx[i] += g[o] * (double)w[f]; want_dw[f] += g[o] * z[i])
    for (size_t i = 0; i < nx && back_sums; i++) {
        size_t c = i % t->in;
        double v = stored(x, d, i);

        want_dx[i] *= slope_exact(t->act_in, v * (double)scale[c] + (double)shift[c]);
        want_back[c] += want_dx[i];
        want_back[ip + c] += want_dx[i] * (v - (double)mean[c]);
    }
    memset(scratch, 0xff, bytes);
    for (size_t half = 0; half < 2; half++) {
        size_t u0 = half ? units / 2 : 0, u1 = half ? units : units / 2;

        if (wg)
            simd->wg_backward(&a, &backward, scratch, u0, u1);
        else
            simd->pw_backward(&a, &backward, scratch, u0, u1);
    }
    for (size_t oc = 0; oc < t->out; oc++)
        for (size_t ic = 0; ic < t->in; ic++) {
            size_t at = t->in < t->out ? ic * cols + oc : oc * cols + ic;
            float u[16], dw[9] = {0};

            for (size_t p = 0; p < places; p++)
                u[p] = backward.dw[p * rows * cols + at];
            if (wg)
                simd->wg_filters_back(dw, u, 1, 1);
            else
                dw[0] = u[0];
            for (size_t k = 0; k < k2; k++)
                got_dw[(oc * t->in + ic) * k2 + k] = (double)dw[k];
        }
    ok(good && tensor_off(dx, d, want_dx, nx) < tolerance &&
           off_by(got_dw, want_dw, nw) < tolerance &&
           (!back_sums || (off_by(back, want_back, t->in) < 3 * tolerance &&
                           off_by(back + ip, want_back + ip, t->in) < 3 * tolerance)),
       "%s: %s of %zux%zux%zux%zu to %zu, stride %zu%s%s%s", simd->name,
       wg ? "3x3" : "pointwise", t->n, t->h, t->w, t->in, t->out, s,
       t->norm ? ", batch norms" : "", t->gate ? ", gate" : "",
       t->shortcut ? ", shortcut" : "");
    free(x), free(y), free(dy), free(dy2), free(dx), free(shortcut), free(w), free(scale),
        free(shift), free(mean), free(gate), free(bias), free(center), free(ps), free(pb),
        free(kg), free(kx), free(k1), free(mul), free(add), free(factor), free(z),
        free(want), free(g), free(want_dx), free(want_dw), free(got_dw), free(sums),
        free(want_sums), free(back), free(want_back), free(packed), free(packed_back),
        free(backward.dw), free(scratch);
}

static void check_table(const struct xk_simd *simd)
{
    static const struct conv_case cases[] = {
        {2, 5, 7, 16, 24, 1, 0, XK_ACT_SILU, 0, 0, 0, 1, 0},
        {1, 13, 9, 40, 70, 1, 0, XK_ACT_RELU, 0, 0, 0, 0, 0},
        {3, 6, 5, 17, 3, 1, XK_ACT_SILU, 0, XK_ACT_SILU, 1, 0, 0, 0},
        {2, 7, 7, 96, 33, 1, XK_ACT_SILU, 0, XK_ACT_NONE, 1, 1, 0, 1},
        {2, 5, 6, 8, 130, 1, XK_ACT_RELU6, 0, XK_ACT_RELU6, 1, 0, 0, 1},
        {1, 1, 2, 3, 5, 1, 0, 0, 0, 0, 0, 0, 0},
        {2, 7, 5, 20, 48, 2, 0, 0, 0, 0, 0, 0, 0},
        {2, 6, 8, 33, 20, 2, XK_ACT_RELU, 0, XK_ACT_RELU, 1, 0, 0, 0},
        {2, 8, 6, 16, 32, 0, 0, XK_ACT_RELU, 0, 0, 0, 1, 0},
        {2, 7, 5, 35, 19, 0, XK_ACT_RELU, 0, XK_ACT_RELU, 1, 0, 0, 0},
        {1, 1, 3, 20, 70, 0, 0, XK_ACT_SILU, 0, 0, 0, 0, 0},
        {3, 9, 11, 64, 80, 0, XK_ACT_SILU, 0, XK_ACT_NONE, 1, 0, 0, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(simd, &cases[i]);
}

int main(void)
{
    static const struct xk_simd *const tables[2][4] = {
        {&xk_simd_generic, &xk_simd_avx2, &xk_simd_avx512, NULL},
        {&xk_simd_generic_bf16, &xk_simd_avx2_bf16, &xk_simd_avx512_bf16,
         &xk_simd_avx512bf16_bf16}};

    for (int type = XK_F32; type <= XK_BF16; type++) {
        const struct xk_simd *best = xk_simd_find((enum xk_dtype)type);

        for (int level = 0; level < 4 && tables[type][level]; level++) {
            check_table(tables[type][level]);
            if (tables[type][level] == best)
                break;
        }
    }
    return tap_done();
}
