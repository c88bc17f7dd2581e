/*
 * 3x3 convolutions at stride 1, padded by 1, by Winograd's minimal filtering F(2x2, 3x3):
 * 16 products where the direct way has 36. What is around them is done as in simd_pw.h: a
 * batch norm on loading, bias or sums before storing, its gradient on loading.
 *
 * Tiles of 2x2 outputs are taken in blocks. Their 4x4 inputs d become V = B'dB, in 16
 * matrices [tile][in]; with U = GgG' of the weights, 16 products M = VU; outputs are
 * A'MA. The gradient of the input is the same convolution of dy with the weights turned
 * by 180 degrees; that of the weights is G' (V'Z) G with Z = A dy A'.
 *
 * Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016,
 * section 4.1. Errors grow by a small factor: V has sums of four inputs, rounded to the
 * storage type.
 */
#define WG_N 16 /* places of a tile */
#define WG_VALUES_BYTES (400 << 10)
#define WG_MAX_TILES 48
#define WG_WEIGHT_TILES 128

VEC_INLINE size_t wg_tiles(const struct xk_pw_args *a)
{
    return (a->in_h + 1) / 2 * ((a->in_w + 1) / 2); /* of an image */
}

static size_t wg_block_tiles(size_t channels)
{
    size_t t =
        WG_VALUES_BYTES / (WG_N * pw_cols(channels) * sizeof(act_t)) / PW_MR * PW_MR;

    t = t > WG_MAX_TILES ? WG_MAX_TILES : t;
    return t > 2 * PW_MR ? t : 2 * PW_MR;
}

/* What is transformed: x through the batch norm before, or dy through the one behind. */
VEC_INLINE vf wg_load(const struct xk_pw_args *a, const bool grad, const bool norm,
                      const enum xk_act act, size_t row, size_t image, size_t i)
{
    if (grad) {
        struct pw_dy p = pw_dy_at(a, row, image);

        return pw_norm_dy(a, norm, act, &p, i);
    } else {
        const act_t *x = (const act_t *)a->x + row * a->in;

        return norm ? pw_norm_x(a, act, x, i) : aload_n(x + i, a->in - i);
    }
}

/* One tile's V for 16 places, `apart` elements from one place to the next. */
VEC_INLINE void wg_tile_values(act_t *dst, size_t apart, const struct xk_pw_args *a,
                               const bool grad, const bool norm, const enum xk_act act,
                               size_t image, size_t ty, size_t tx, size_t channels)
{
    size_t first = image * a->in_h * a->in_w, y0 = 2 * ty - 1, x0 = 2 * tx - 1;

    for (size_t i = 0; i < channels; i += VEC) {
        vf d[4][4], t[4][4];

        UNROLL for (size_t y = 0; y < 4; y++)
        {
            UNROLL for (size_t x = 0; x < 4; x++)
            { /* the row or column before the first wraps to large */
                d[y][x] = y0 + y < a->in_h && x0 + x < a->in_w
                              ? wg_load(a, grad, norm, act,
                                        first + (y0 + y) * a->in_w + x0 + x, image, i)
                              : vset(0);
            }
        }
        UNROLL for (int x = 0; x < 4; x++)
        {
            t[0][x] = d[0][x] - d[2][x];
            t[1][x] = d[1][x] + d[2][x];
            t[2][x] = d[2][x] - d[1][x];
            t[3][x] = d[1][x] - d[3][x];
        }
        UNROLL for (size_t y = 0; y < 4; y++)
        {
            act_t *to = dst + 4 * y * apart + i;

            astore(to, t[y][0] - t[y][2]);
            astore(to + apart, t[y][1] + t[y][2]);
            astore(to + 2 * apart, t[y][2] - t[y][1]);
            astore(to + 3 * apart, t[y][1] - t[y][3]);
        }
    }
}

/* One tile's Z = A dy A', from its 2x2 gradients. */
VEC_INLINE void wg_tile_spread(act_t *dst, size_t apart, const struct xk_pw_args *a,
                               const bool norm, const enum xk_act act, size_t image,
                               size_t ty, size_t tx)
{
    size_t first = image * a->in_h * a->in_w;

    for (size_t i = 0; i < a->out; i += VEC) {
        vf d[2][2], t[4][2];

        UNROLL for (size_t y = 0; y < 2; y++)
        {
            UNROLL for (size_t x = 0; x < 2; x++)
            {
                d[y][x] =
                    2 * ty + y < a->in_h && 2 * tx + x < a->in_w
                        ? wg_load(a, true, norm, act,
                                  first + (2 * ty + y) * a->in_w + 2 * tx + x, image, i)
                        : vset(0);
            }
        }
        UNROLL for (int x = 0; x < 2; x++)
        {
            t[0][x] = d[0][x];
            t[1][x] = d[0][x] + d[1][x];
            t[2][x] = d[0][x] - d[1][x];
            t[3][x] = -d[1][x];
        }
        UNROLL for (size_t y = 0; y < 4; y++)
        {
            act_t *to = dst + 4 * y * apart + i;

            astore(to, t[y][0]);
            astore(to + apart, t[y][0] + t[y][1]);
            astore(to + 2 * apart, t[y][0] - t[y][1]);
            astore(to + 3 * apart, -t[y][1]);
        }
    }
}

/* m tiles from t0 on: x's or dy's V (spread: dy's Z), [WG_N][tiles][cols]. */
VEC_INLINE void wg_values(act_t *dst, const struct xk_pw_args *a, const bool grad,
                          const bool spread, const bool norm, const enum xk_act act,
                          size_t t0, size_t m, size_t tiles)
{
    size_t wide = (a->in_w + 1) / 2, of_image = wg_tiles(a);
    size_t channels = grad ? a->out : a->in, cols = pw_cols(channels);

    for (size_t t = 0; t < m; t++) {
        size_t image = (t0 + t) / of_image, place = (t0 + t) % of_image;

        if (spread)
            wg_tile_spread(dst + t * cols, tiles * cols, a, norm, act, image,
                           place / wide, place % wide);
        else
            wg_tile_values(dst + t * cols, tiles * cols, a, grad, norm, act, image,
                           place / wide, place % wide, channels);
    }
}

static void wg_values_x(act_t *dst, const struct xk_pw_args *a, size_t t0, size_t m,
                        size_t tiles)
{
    if (!a->scale) {
        wg_values(dst, a, false, false, false, XK_ACT_NONE, t0, m, tiles);
        return;
    }
#define BODY(act) wg_values(dst, a, false, false, true, act, t0, m, tiles)
    SWITCH_ACT(a->act_in, BODY)
#undef BODY
}

static void wg_values_dy(act_t *dst, const struct xk_pw_args *a, size_t t0, size_t m,
                         size_t tiles)
{
    if (!a->kg) {
        wg_values(dst, a, true, false, false, XK_ACT_NONE, t0, m, tiles);
        return;
    }
#define BODY(act) wg_values(dst, a, true, false, true, act, t0, m, tiles)
    SWITCH_ACT(a->post_act, BODY)
#undef BODY
}

static void wg_spread_dy(act_t *dst, const struct xk_pw_args *a, size_t t0, size_t m,
                         size_t tiles)
{
    if (!a->kg) {
        wg_values(dst, a, true, true, false, XK_ACT_NONE, t0, m, tiles);
        return;
    }
#define BODY(act) wg_values(dst, a, true, true, true, act, t0, m, tiles)
    SWITCH_ACT(a->post_act, BODY)
#undef BODY
}

/* --- outputs ----------------------------------------------------------------------- */

enum wg_finish {
    WG_PLAIN, /* dx as it is */
    WG_BIAS,  /* y: bias, shortcut, activation */
    WG_SUMS,  /* y: and sums */
    WG_SLOPE  /* dx: slope and sums */
};

/* Vector i of a panel at column j0: outputs of m tiles, M [WG_N][tiles][PW_PANEL]. */
VEC_INLINE void wg_outputs(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                           const float *product, size_t tiles, size_t t0, size_t m,
                           size_t j, size_t n, const enum wg_finish finish,
                           const enum xk_act act)
{
    const struct xk_pw_args *p = a;
    bool back = finish == WG_PLAIN || finish == WG_SLOPE;
    size_t wide = (a->in_w + 1) / 2, of_image = wg_tiles(a), c = back ? p->in : p->out;
    act_t *out = back ? p->dx : p->y;
    const act_t *px = p->x, *shortcut = p->shortcut;
    vf bias = finish == WG_BIAS && p->bias ? vload(p->bias + j) : vset(0);
    vf center = finish == WG_SUMS    ? vload(p->center + j)
                : finish == WG_SLOPE ? vload(p->mean + j)
                                     : vset(0);
    vf scale = finish == WG_SLOPE ? vload(p->scale + j) : vset(0);
    vf shift = finish == WG_SLOPE ? vload(p->shift + j) : vset(0);
    vf s = vset(0), q = vset(0);

    for (size_t t = 0; t < m; t++) {
        size_t image = (t0 + t) / of_image, place = (t0 + t) % of_image;
        size_t y0 = 2 * (place / wide), x0 = 2 * (place % wide);
        const float *from = product + t * PW_PANEL;
        vf half[2][4], r[2][2];

        UNROLL for (size_t x = 0; x < 4; x++)
        {
            vf m0 = vload(from + (0 + x) * tiles * PW_PANEL),
               m1 = vload(from + (4 + x) * tiles * PW_PANEL),
               m2 = vload(from + (8 + x) * tiles * PW_PANEL),
               m3 = vload(from + (12 + x) * tiles * PW_PANEL);

            half[0][x] = m0 + m1 + m2;
            half[1][x] = m1 - m2 - m3;
        }
        UNROLL for (size_t y = 0; y < 2; y++)
        {
            r[y][0] = half[y][0] + half[y][1] + half[y][2];
            r[y][1] = half[y][1] - half[y][2] - half[y][3];
        }
        UNROLL for (size_t y = 0; y < 2; y++)
        {
            UNROLL for (size_t x = 0; x < 2; x++)
            {
                size_t at = ((image * a->in_h + y0 + y) * a->in_w + x0 + x) * c + j;
                vf v = r[y][x], u;

                if (y0 + y >= a->in_h || x0 + x >= a->in_w)
                    continue;
                if (finish == WG_BIAS) {
                    v += bias;
                    if (shortcut)
                        v += aload_n(shortcut + at, n);
                    v = vact(act, v);
                }
                if (finish == WG_SLOPE) {
                    u = aload_n(px + at, n);
                    v = vact_grad(act, vfma(u, scale, shift), v);
                    u -= center;
                }
                astore_n(out + at, v, n);
                if (finish == WG_SUMS) {
                    v = vstored(v) - center;
                    s += v;
                    q = vfma(v, v, q);
                }
                if (finish == WG_SLOPE) {
                    v = vstored(v);
                    s += v;
                    q = vfma(v, u, q);
                }
            }
        }
    }
    if (finish == WG_SUMS || finish == WG_SLOPE) {
        add_double(sums->sum + j, s);
        add_double(sums->squares + j, q);
    }
}

static void wg_store(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                     const float *product, size_t tiles, size_t t0, size_t m, size_t j0,
                     size_t n, bool back)
{
    for (size_t i = 0; i < n; i += VEC) {
        const float *from = product + i;
        size_t j = j0 + i, part = n - i;

        if (back && !a->scale) {
            wg_outputs(a, sums, from, tiles, t0, m, j, part, WG_PLAIN, XK_ACT_NONE);
        } else if (back) {
#define BODY(act) wg_outputs(a, sums, from, tiles, t0, m, j, part, WG_SLOPE, act)
            SWITCH_ACT(a->act_in, BODY)
#undef BODY
        } else if (a->center) {
            wg_outputs(a, sums, from, tiles, t0, m, j, part, WG_SUMS, XK_ACT_NONE);
        } else {
#define BODY(act) wg_outputs(a, sums, from, tiles, t0, m, j, part, WG_BIAS, act)
            SWITCH_ACT(a->act_out, BODY)
#undef BODY
        }
    }
}

/* --- passes ------------------------------------------------------------------------ */

static size_t wg_scratch(const struct xk_pw_args *a, bool backward)
{
    size_t in = pw_cols(a->in), out = pw_cols(a->out), bytes = 0;

    for (int back = 0; back <= (int)backward; back++) {
        size_t tiles = wg_block_tiles(back ? a->out : a->in);
        size_t need =
            WG_N * tiles * ((back ? out : in) * sizeof(act_t) + PW_PANEL * sizeof(float));

        bytes = need > bytes ? need : bytes;
    }
    if (backward) {
        size_t need =
            ((WG_N + 1) * WG_WEIGHT_TILES * (in + out) + 32 * PW_MR) * sizeof(act_t);

        bytes = need > bytes ? need : bytes;
    }
    return pw_up(bytes + 16 * PW_MR * sizeof(float), 64);
}

/* y of tiles t0..t1-1 from x, or dx from dy. */
static void wg_pass(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                    void *scratch, size_t t0, size_t t1, bool back)
{
    size_t inner = back ? a->out : a->in, outer = back ? a->in : a->out;
    size_t tiles = wg_block_tiles(inner), cols = pw_cols(inner);
    size_t units = pw_up(inner, PW_UNIT) / PW_UNIT;
    size_t one = pw_up(outer, PW_PANEL) * units; /* of a place's packed weights */
    const int32_t *weights = back ? a->weights_back : a->weights;
    act_t *values = scratch;
    float *product = (float *)(void *)(values + WG_N * tiles * cols);

    memset(values, 0, WG_N * tiles * cols * sizeof *values);
    for (size_t m; t0 < t1; t0 += m) {
        m = t1 - t0 < tiles ? t1 - t0 : tiles;
        if (back)
            wg_values_dy(values, a, t0, m, tiles);
        else
            wg_values_x(values, a, t0, m, tiles);
        for (size_t j = 0; j < outer; j += PW_PANEL) {
            size_t n = outer - j < PW_PANEL ? outer - j : PW_PANEL;

            for (size_t p = 0; p < WG_N; p++)
                pw_product(product + p * tiles * PW_PANEL, PW_PANEL,
                           (const int32_t *)(const void *)(values + p * tiles * cols),
                           cols / PW_UNIT, 1, weights + p * one + j * units, PW_PANEL,
                           units, m, (n + VEC - 1) / VEC, false);
            wg_store(a, sums, product, tiles, t0, m, j, n, back);
        }
    }
}

static void wg_forward(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                       void *scratch, size_t t0, size_t t1)
{
    wg_pass(a, sums, scratch, t0, t1, false);
}

/* V'Z of tiles t0..t1-1, added to sums->dw: WG_N times what a pointwise convolution has.
 */
static void wg_weights(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                       void *scratch, size_t t0, size_t t1)
{
    size_t x_cols = pw_cols(a->in), z_cols = pw_cols(a->out), tiles = WG_WEIGHT_TILES;
    size_t one = pw_dw_rows(a) * pw_dw_cols(a);
    act_t *x = scratch, *z = x + WG_N * tiles * x_cols,
          *x_pairs = z + WG_N * tiles * z_cols,
          *z_pairs = x_pairs + tiles * x_cols + 16 * PW_MR;

    memset(scratch, 0, ((WG_N + 1) * tiles * (x_cols + z_cols) + 32 * PW_MR) * sizeof *x);
    for (size_t m; t0 < t1; t0 += m) {
        size_t even;

        m = t1 - t0 < tiles ? t1 - t0 : tiles;
        even = pw_up(m, PW_UNIT);
        wg_values_x(x, a, t0, m, tiles);
        wg_spread_dy(z, a, t0, m, tiles);
        for (size_t p = 0; p < WG_N; p++) {
            act_t *px = x + p * tiles * x_cols, *pz = z + p * tiles * z_cols;

            memset(px + m * x_cols, 0, (even - m) * x_cols * sizeof *x);
            memset(pz + m * z_cols, 0, (even - m) * z_cols * sizeof *z);
            pw_backward_weights(sums->dw + p * one, a,
                                pw_interleave(x_pairs, px, x_cols, even),
                                pw_interleave(z_pairs, pz, z_cols, even), even);
        }
    }
}

static void wg_backward(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                        void *scratch, size_t t0, size_t t1)
{
    if (a->dx)
        wg_pass(a, sums, scratch, t0, t1, true);
    if (sums->dw)
        wg_weights(a, sums, scratch, t0, t1);
}

/* --- filters ----------------------------------------------------------------------- */

VEC_INLINE void wg_three_to_four(vf u[4], vf g0, vf g1, vf g2)
{
    vf even = vset(0.5f) * (g0 + g2), odd = vset(0.5f) * g1;

    u[0] = g0;
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g2;
}

static void wg_filters(float *u, size_t apart, const float *w, size_t n, bool turned)
{
    for (size_t f = 0; f < n; f += VEC) {
        size_t m = n - f < VEC ? n - f : VEC;
        float by_place[9][VEC] = {{0}};
        vf rows[3][4], column[4];

        for (size_t i = 0; i < m; i++)
            for (size_t k = 0; k < 9; k++)
                by_place[k][i] = w[(f + i) * 9 + (turned ? 8 - k : k)];
        for (size_t y = 0; y < 3; y++)
            wg_three_to_four(rows[y], vload(by_place[3 * y]), vload(by_place[3 * y + 1]),
                             vload(by_place[3 * y + 2]));
        for (size_t x = 0; x < 4; x++) {
            wg_three_to_four(column, rows[0][x], rows[1][x], rows[2][x]);
            for (size_t y = 0; y < 4; y++)
                vstore_n(u + (4 * y + x) * apart + f, column[y], m);
        }
    }
}

VEC_INLINE void wg_four_to_three(vf d[3], vf u0, vf u1, vf u2, vf u3)
{
    vf even = vset(0.5f) * (u1 + u2);

    d[0] = u0 + even;
    d[1] = vset(0.5f) * (u1 - u2);
    d[2] = even + u3;
}

static void wg_filters_back(float *dw, const float *u, size_t apart, size_t n)
{
    for (size_t f = 0; f < n; f += VEC) {
        size_t m = n - f < VEC ? n - f : VEC;
        float by_place[9][VEC];
        vf rows[4][3], d[3];

        for (size_t y = 0; y < 4; y++) {
            const float *p = u + 4 * y * apart + f;

            wg_four_to_three(rows[y], vload_n(p, m), vload_n(p + apart, m),
                             vload_n(p + 2 * apart, m), vload_n(p + 3 * apart, m));
        }
        for (size_t x = 0; x < 3; x++) {
            wg_four_to_three(d, rows[0][x], rows[1][x], rows[2][x], rows[3][x]);
            for (size_t y = 0; y < 3; y++)
                vstore(by_place[3 * y + x], d[y]);
        }
        for (size_t i = 0; i < m; i++)
            for (size_t k = 0; k < 9; k++)
                dw[(f + i) * 9 + k] += by_place[k][i];
    }
}
