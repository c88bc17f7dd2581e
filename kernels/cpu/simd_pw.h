/*
 * Pointwise (1x1) convolutions: matrix products with what is around them. A block of rows
 * is loaded once into the second-level cache, through the batch norm (or its gradient)
 * that is applied on loading; the product is taken panel by panel of the result's
 * columns, and each panel is finished (bias, activation, sums, slope) while it lies in
 * the first-level cache.
 *
 * The element of a product is a unit of 32 bits: one float32, or a pair of bfloat16 whose
 * two products are added. Left factors are read one unit at a time, right factors a
 * vector of units at a time, from panels [units][PW_PANEL]. For the gradient of the
 * weights the pairs run along rows, so that both blocks are interleaved two rows at a
 * time.
 *
 * Source of the register blocking: Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008; rows x vectors as 32 (16) registers allow.
 */
#if VEC == 16
#define PW_MR 6
#define PW_NV 4
#else
#define PW_MR 4
#define PW_NV 2
#endif
#define PW_PANEL (PW_NV * VEC)
#define PW_UNIT (4 / sizeof(act_t)) /* elements of a unit */

/* Bytes of a block of left factors, and of the blocks of a backward pass. */
#define PW_FORWARD_BYTES (96 << 10)
#define PW_BACKWARD_BYTES (1 << 20)
#define PW_FORWARD_ROWS 96
#define PW_BACKWARD_ROWS                                                                 \
    192 /* the gradient of the weights is loaded and stored once a block */

VEC_INLINE size_t pw_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Columns of a row of a block: whole vectors of either kind. */
VEC_INLINE size_t pw_cols(size_t c)
{
    return pw_up(c, 2 * VEC);
}

VEC_INLINE size_t pw_rows(size_t bytes_a_row, size_t bytes, size_t most)
{
    size_t rows = bytes / bytes_a_row;

    rows = (rows < most ? rows : most) / (2 * PW_MR) * (2 * PW_MR);
    return rows ? rows : 2 * PW_MR;
}

VEC_INLINE vf pw_dot(vf sum, vi a, vi b)
{
#ifndef SIMD_BF16
    return vfma((vf)a, (vf)b, sum);
#elif defined __AVX512BF16__
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    vi high = (vi){0} + (int32_t)0xffff0000;

    sum = vfma((vf)(a << 16), (vf)(b << 16), sum);
    return vfma((vf)(a & high), (vf)(b & high), sum);
#endif
}

VEC_INLINE vi pw_one(const int32_t *p)
{
#ifdef __AVX512F__
    return (vi)_mm512_set1_epi32(*p);
#else
    return (vi){0} + *p;
#endif
}

typedef int32_t vi_mem __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));

/* c[PW_MR][nv vectors] (+)= a b over `units`; rows of a are a_row apart, its units
 * a_unit. */
VEC_INLINE void pw_tile(float *c, size_t ldc, const int32_t *a, size_t a_row,
                        size_t a_unit, const int32_t *b, size_t b_unit, size_t units,
                        const int nv, bool add)
{
    vf s[PW_MR][PW_NV];

    _Pragma("GCC unroll 6") for (int i = 0; i < PW_MR; i++)
    {
        UNROLL for (int j = 0; j < nv; j++)
        {
            s[i][j] = add ? vload(c + (size_t)i * ldc + j * VEC) : vset(0);
        }
    }
    for (size_t u = 0; u < units; u++) {
        vi v[PW_NV];

        UNROLL for (int j = 0; j < nv; j++)
        {
            v[j] = *(const vi_mem *)(const void *)(b + j * VEC);
        }
        _Pragma("GCC unroll 6") for (int i = 0; i < PW_MR; i++)
        {
            vi w = pw_one(a + (size_t)i * a_row);

            UNROLL for (int j = 0; j < nv; j++)
            {
                s[i][j] = pw_dot(s[i][j], w, v[j]);
            }
        }
        a += a_unit;
        b += b_unit;
    }
    _Pragma("GCC unroll 6") for (int i = 0; i < PW_MR; i++)
    {
        UNROLL for (int j = 0; j < nv; j++)
        {
            vstore(c + (size_t)i * ldc + j * VEC, s[i][j]);
        }
    }
}

/* m rows, in whole tiles: a and c have room for them. nv vectors, at most PW_NV. */
static void pw_product(float *c, size_t ldc, const int32_t *a, size_t a_row,
                       size_t a_unit, const int32_t *b, size_t b_unit, size_t units,
                       size_t m, size_t nv, bool add)
{
#define TILES(nv)                                                                        \
    for (size_t i = 0; i < m; i += PW_MR)                                                \
    pw_tile(c + i * ldc, ldc, a + i * a_row, a_row, a_unit, b, b_unit, units, nv, add)
    if (nv == 1)
        TILES(1);
    else if (nv == 2)
        TILES(2);
#if PW_NV == 4
    else if (nv == 3)
        TILES(3);
    else
        TILES(4);
#endif
#undef TILES
}

/* --- loading ----------------------------------------------------------------------- */

/* The pixel of x that row r is. */
VEC_INLINE size_t pw_pixel(const struct xk_pw_args *a, size_t r)
{
    size_t image = r / a->per_image, place = r % a->per_image;

    if (a->stride == 1)
        return r;
    return (image * a->in_h + place / a->out_w * a->stride) * a->in_w +
           place % a->out_w * a->stride;
}

/* Vector i of a pixel of x, through the batch norm before. */
VEC_INLINE vf pw_norm_x(const struct xk_pw_args *a, const enum xk_act act, const act_t *x,
                        size_t i)
{
    vf v = aload_n(x + i, a->in - i);

    return vact(act, vfma(v, vload(a->scale + i), vload(a->shift + i)));
}

/* A pixel of dy, and what is done to it on loading: NULL what is not there. */
struct pw_dy {
    const act_t *dy0, *dy1, *y;
    const float *mul, *add;
    vf factor;
};

VEC_INLINE struct pw_dy pw_dy_at(const struct xk_pw_args *a, size_t row, size_t image)
{
    const act_t *dy0 = a->dy[0], *dy1 = a->dy[1];
    size_t at = row * a->out, of_image = image * xk_padded(a->out);

    return (struct pw_dy){.dy0 = dy0 ? dy0 + at : NULL,
                          .dy1 = dy1 ? dy1 + at : NULL,
                          .y = (const act_t *)a->y + at,
                          .mul = a->dy_mul ? a->dy_mul + of_image : NULL,
                          .add = a->dy_add ? a->dy_add + of_image : NULL,
                          .factor = vset(a->factor ? a->factor[image] : 1.0f)};
}

/* Vector j of it, through the gradient of the batch norm behind where there is one. */
VEC_INLINE vf pw_norm_dy(const struct xk_pw_args *a, const bool norm,
                         const enum xk_act act, const struct pw_dy *p, size_t j)
{
    size_t n = a->out - j;
    vf g = p->dy0 ? aload_n(p->dy0 + j, n) : vset(0), v;

    if (p->dy1)
        g += aload_n(p->dy1 + j, n);
    if (p->mul)
        g *= vload(p->mul + j);
    if (p->add)
        g += vload(p->add + j);
    if (!norm)
        return g;
    v = aload_n(p->y + j, n);
    if (act != XK_ACT_NONE)
        g = vact_grad(act, vfma(v, vload(a->post_scale + j), vload(a->post_shift + j)),
                      g);
    return vfma(g * p->factor, vload(a->kg + j),
                vfma(v, vload(a->kx + j), vload(a->k1 + j)));
}

/* Rows go one after the other, as they lie in memory: the processor foresees that. */
VEC_INLINE void pw_load_x_act(act_t *dst, size_t cols, const struct xk_pw_args *a,
                              size_t r0, size_t m, const enum xk_act act)
{
    for (size_t r = 0; r < m; r++, dst += cols) {
        const act_t *x = (const act_t *)a->x + pw_pixel(a, r0 + r) * a->in;
        const float *gate =
            a->gate ? a->gate + (r0 + r) / a->per_image * xk_padded(a->in) : NULL;

        for (size_t i = 0; i < a->in; i += VEC) {
            vf v = pw_norm_x(a, act, x, i);

            if (gate)
                v *= vload(gate + i);
            astore_n(dst + i, v, a->in - i);
        }
    }
}

/* Rows of x with a gate alone, or as they are. */
static void pw_copy_x(act_t *dst, size_t cols, const struct xk_pw_args *a, size_t r0,
                      size_t m)
{
    for (size_t r = 0; r < m; r++, dst += cols) {
        const act_t *x = (const act_t *)a->x + pw_pixel(a, r0 + r) * a->in;
        const float *gate =
            a->gate ? a->gate + (r0 + r) / a->per_image * xk_padded(a->in) : NULL;

        if (!gate) {
            memcpy(dst, x, a->in * sizeof *x);
            continue;
        }
        for (size_t i = 0; i < a->in; i += VEC)
            astore_n(dst + i, aload_n(x + i, a->in - i) * vload(gate + i), a->in - i);
    }
}

/* Rows r0..r0+m-1 of the left factor; columns behind a->in stay as they are (zero). */
static void pw_load_x(act_t *dst, size_t cols, const struct xk_pw_args *a, size_t r0,
                      size_t m)
{
    if (!a->scale) {
        pw_copy_x(dst, cols, a, r0, m);
        return;
    }
#define BODY(act) pw_load_x_act(dst, cols, a, r0, m, act)
    SWITCH_ACT(a->act_in, BODY)
#undef BODY
}

VEC_INLINE void pw_load_dy_act(act_t *dst, size_t cols, const struct xk_pw_args *a,
                               size_t r0, size_t m, const enum xk_act act,
                               const bool norm)
{
    for (size_t r = r0; r < r0 + m; r++, dst += cols) {
        struct pw_dy p = pw_dy_at(a, r, r / a->per_image);

        for (size_t j = 0; j < a->out; j += VEC)
            astore_n(dst + j, pw_norm_dy(a, norm, act, &p, j), a->out - j);
    }
}

static void pw_load_dy(act_t *dst, size_t cols, const struct xk_pw_args *a, size_t r0,
                       size_t m)
{
    if (!a->kg) {
        pw_load_dy_act(dst, cols, a, r0, m, XK_ACT_NONE, false);
        return;
    }
#define BODY(act) pw_load_dy_act(dst, cols, a, r0, m, act, true)
    SWITCH_ACT(a->post_act, BODY)
#undef BODY
}

/* Units of rows: pairs of them in bfloat16, m even. */
VEC_INLINE const int32_t *pw_interleave(act_t *dst, const act_t *src, size_t cols,
                                        size_t m)
{
#ifdef SIMD_BF16
    for (size_t r = 0; r < m; r += 2)
        for (size_t i = 0; i < cols; i += VEC) {
            vf low = aload(src + r * cols + i), high = aload(src + (r + 1) * cols + i);
            vu unit = (vu)low >> 16 | (vu)high;

            *(vi_mem *)(void *)(dst + r * cols + 2 * i) = (vi)unit;
        }
    return (const int32_t *)(const void *)dst;
#else
    (void)dst;
    (void)m;
    (void)cols;
    return (const int32_t *)(const void *)src;
#endif
}

/* --- finishing a panel ------------------------------------------------------------- */

/* Forward: bias, shortcut, activation. */
VEC_INLINE void pw_store_y_act(const struct xk_pw_args *a, const float *tile, size_t r0,
                               size_t m, size_t j0, const enum xk_act act, const int nv,
                               size_t n)
{
    act_t *y = (act_t *)a->y + r0 * a->out + j0;
    const act_t *shortcut =
        a->shortcut ? (const act_t *)a->shortcut + r0 * a->out + j0 : NULL;
    vf bias[PW_NV];

    UNROLL for (int k = 0; k < nv; k++)
    {
        bias[k] = a->bias ? vload(a->bias + j0 + k * VEC) : vset(0);
    }
    for (size_t r = 0; r < m; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t at = r * a->out + (size_t)k * VEC;
            vf v = vload(tile + r * PW_PANEL + k * VEC) + bias[k];

            if (shortcut)
                v += aload_n(shortcut + at, n);
            astore_n(y + at, vact(act, v), n);
        }
    }
}

/* Forward: sums for the batch norm behind. */
VEC_INLINE void pw_store_y_sums(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                                const float *tile, size_t r0, size_t m, size_t j0,
                                const int nv, size_t n)
{
    act_t *y = (act_t *)a->y + r0 * a->out + j0;
    vf s[PW_NV], q[PW_NV], center[PW_NV];

    UNROLL for (int k = 0; k < nv; k++)
    {
        center[k] = vload(a->center + j0 + k * VEC);
        s[k] = q[k] = vset(0);
    }
    for (size_t r = 0; r < m; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            vf v = vload(tile + r * PW_PANEL + k * VEC);

            astore_n(y + r * a->out + k * VEC, v, n);
            v = vstored(v) - center[k];
            s[k] += v;
            q[k] = vfma(v, v, q[k]);
        }
    }
    UNROLL for (int k = 0; k < nv; k++)
    {
        add_double(sums->sum + j0 + k * VEC, s[k]);
        add_double(sums->squares + j0 + k * VEC, q[k]);
    }
}

/* A panel of n columns from j0 on. */
static void pw_store_y(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                       const float *tile, size_t r0, size_t m, size_t j0, size_t n)
{
    if (a->center) {
#define GROUP(nv, i, n) pw_store_y_sums(a, sums, tile + (i), r0, m, j0 + (i), nv, n)
        FOR_GROUPS(n, GROUP);
#undef GROUP
        return;
    }
#define GROUP(nv, i, n) pw_store_y_act(a, tile + (i), r0, m, j0 + (i), GROUP_ACT, nv, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        FOR_GROUPS(n, GROUP);                                                            \
    } while (0)
    if (a->act_out == XK_ACT_GELU) { /* not behind batch norms: inference only */
        BODY(XK_ACT_GELU);
        return;
    }
    SWITCH_ACT(a->act_out, BODY)
#undef BODY
#undef GROUP
}

/* Backward: the slope of act_in and the sums of the batch norm that was applied on
 * loading. */
VEC_INLINE void pw_store_dx_act(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                                const float *tile, size_t r0, size_t m, size_t j0,
                                const enum xk_act act, const int nv, size_t n)
{
    act_t *dx = (act_t *)a->dx + j0;
    const act_t *x = (const act_t *)a->x + j0;
    vf scale[PW_NV], shift[PW_NV], mean[PW_NV], s[PW_NV], q[PW_NV];

    UNROLL for (int k = 0; k < nv; k++)
    {
        scale[k] = vload(a->scale + j0 + k * VEC);
        shift[k] = vload(a->shift + j0 + k * VEC);
        mean[k] = vload(a->mean + j0 + k * VEC);
        s[k] = q[k] = vset(0);
    }
    for (size_t r = 0; r < m; r++) {
        size_t at = pw_pixel(a, r0 + r) * a->in;

        UNROLL for (int k = 0; k < nv; k++)
        {
            vf v = aload_n(x + at + k * VEC, n);
            vf g = vact_grad(act, vfma(v, scale[k], shift[k]),
                             vload(tile + r * PW_PANEL + k * VEC));

            astore_n(dx + at + k * VEC, g, n);
            g = vstored(g);
            s[k] += g;
            q[k] = vfma(g, v - mean[k], q[k]);
        }
    }
    UNROLL for (int k = 0; k < nv; k++)
    {
        add_double(sums->sum + j0 + k * VEC, s[k]);
        add_double(sums->squares + j0 + k * VEC, q[k]);
    }
}

static void pw_store_dx(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                        const float *tile, size_t r0, size_t m, size_t j0, size_t n)
{
    if (!a->scale || a->gate) {
        for (size_t r = 0; r < m; r++) {
            act_t *dx = (act_t *)a->dx + pw_pixel(a, r0 + r) * a->in + j0;

            for (size_t i = 0; i < n; i += VEC)
                astore_n(dx + i, vload(tile + r * PW_PANEL + i), n - i);
        }
        return;
    }
#define GROUP(nv, i, n)                                                                  \
    pw_store_dx_act(a, sums, tile + (i), r0, m, j0 + (i), GROUP_ACT, nv, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        FOR_GROUPS(n, GROUP);                                                            \
    } while (0)
    SWITCH_ACT(a->act_in, BODY)
#undef BODY
#undef GROUP
}

/* --- passes ------------------------------------------------------------------------ */

static size_t pw_forward_rows(const struct xk_pw_args *a)
{
    return pw_rows(pw_cols(a->in) * sizeof(act_t), PW_FORWARD_BYTES, PW_FORWARD_ROWS);
}

static size_t pw_backward_rows(const struct xk_pw_args *a)
{
    return pw_rows(2 * (pw_cols(a->in) + pw_cols(a->out)) * sizeof(act_t),
                   PW_BACKWARD_BYTES, PW_BACKWARD_ROWS);
}

/* Elements of a block of rows; the slack is read, not used, by the last tile of a
 * product. */
VEC_INLINE size_t pw_block(size_t rows, size_t c)
{
    return rows * pw_cols(c) + 16 * PW_MR;
}

static size_t pw_scratch(const struct xk_pw_args *a, bool backward)
{
    size_t rows = pw_forward_rows(a), back = pw_backward_rows(a);
    size_t bytes =
        pw_block(rows, a->in) * sizeof(act_t) + rows * PW_PANEL * sizeof(float);
    size_t both = 2 * (pw_block(back, a->in) + pw_block(back, a->out)) * sizeof(act_t) +
                  back * PW_PANEL * sizeof(float);

    return pw_up(backward && both > bytes ? both : bytes, 64);
}

static size_t pw_dw_rows(const struct xk_pw_args *a)
{
    return pw_up(a->in < a->out ? a->in : a->out, PW_MR);
}

static size_t pw_dw_cols(const struct xk_pw_args *a)
{
    return pw_cols(a->in < a->out ? a->out : a->in);
}

static void pw_forward(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                       void *scratch, size_t r0, size_t r1)
{
    size_t rows = pw_forward_rows(a), cols = pw_cols(a->in);
    size_t units = pw_up(a->in, PW_UNIT) / PW_UNIT;
    bool in_place = !a->scale && !a->gate && a->stride == 1 && a->in % PW_UNIT == 0;
    act_t *block = scratch;
    float *tile = (float *)(void *)(block + pw_block(rows, a->in));

    memset(block, 0, pw_block(rows, a->in) * sizeof *block);
    for (size_t m; r0 < r1; r0 += m) {
        const act_t *x = block;
        size_t row = cols / PW_UNIT;

        m = r1 - r0 < rows ? r1 - r0 : rows;
        if (in_place && m % PW_MR == 0) {
            x = (const act_t *)a->x + r0 * a->in;
            row = a->in / PW_UNIT;
        } else {
            pw_load_x(block, cols, a, r0, m);
        }
        for (size_t j = 0; j < a->out; j += PW_PANEL) {
            size_t n = a->out - j < PW_PANEL ? a->out - j : PW_PANEL;

            pw_product(tile, PW_PANEL, (const int32_t *)(const void *)x, row, 1,
                       a->weights + j * units, PW_PANEL, units, m, (n + VEC - 1) / VEC,
                       false);
            pw_store_y(a, sums, tile, r0, m, j, n);
        }
    }
}

static void pw_backward_data(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                             const act_t *z, size_t cols, float *tile, size_t r0,
                             size_t m)
{
    size_t units = pw_up(a->out, PW_UNIT) / PW_UNIT;

    for (size_t j = 0; j < a->in; j += PW_PANEL) {
        size_t n = a->in - j < PW_PANEL ? a->in - j : PW_PANEL;

        pw_product(tile, PW_PANEL, (const int32_t *)(const void *)z, cols / PW_UNIT, 1,
                   a->weights_back + j * units, PW_PANEL, units, m, (n + VEC - 1) / VEC,
                   false);
        pw_store_dx(a, sums, tile, r0, m, j, n);
    }
}

/* dw[smaller][larger] += of one block: units run along its m rows (made even). */
static void pw_backward_weights(float *dw, const struct xk_pw_args *a, const int32_t *x,
                                const int32_t *z, size_t m)
{
    size_t x_cols = pw_cols(a->in), z_cols = pw_cols(a->out), ld = pw_dw_cols(a);
    size_t units = m / PW_UNIT;
    bool out_wide = a->in < a->out;
    size_t wide = out_wide ? a->out : a->in, high = out_wide ? a->in : a->out;

    for (size_t j = 0; j < wide; j += PW_PANEL) {
        size_t n = wide - j < PW_PANEL ? wide - j : PW_PANEL;

        pw_product(dw + j, ld, out_wide ? x : z, 1, out_wide ? x_cols : z_cols,
                   (out_wide ? z : x) + j, out_wide ? z_cols : x_cols, units, high,
                   (n + VEC - 1) / VEC, true);
    }
}

static void pw_backward(const struct xk_pw_args *a, const struct xk_pw_sums *sums,
                        void *scratch, size_t r0, size_t r1)
{
    size_t rows = pw_backward_rows(a), x_cols = pw_cols(a->in), z_cols = pw_cols(a->out);
    size_t x_block = pw_block(rows, a->in), z_block = pw_block(rows, a->out);
    act_t *x = scratch, *x_pairs = x + x_block, *z = x_pairs + x_block,
          *z_pairs = z + z_block;
    float *tile = (float *)(void *)(z_pairs + z_block);

    memset(scratch, 0, 2 * (x_block + z_block) * sizeof *x);
    for (size_t m; r0 < r1; r0 += m) {
        size_t even;

        m = r1 - r0 < rows ? r1 - r0 : rows;
        even = pw_up(m, PW_UNIT);
        pw_load_dy(z, z_cols, a, r0, m);
        if (a->dx)
            pw_backward_data(a, sums, z, z_cols, tile, r0, m);
        if (!sums->dw)
            continue;
        pw_load_x(x, x_cols, a, r0, m);
        memset(x + m * x_cols, 0, (even - m) * x_cols * sizeof *x);
        memset(z + m * z_cols, 0, (even - m) * z_cols * sizeof *z);
        pw_backward_weights(sums->dw, a, pw_interleave(x_pairs, x, x_cols, even),
                            pw_interleave(z_pairs, z, z_cols, even), even);
    }
}

/* Units of n neighbouring columns: w and, `next` floats on (0: none), its pair. */
VEC_INLINE void pw_pack_row(int32_t *dst, const float *w, size_t next, size_t n)
{
    for (size_t j = 0; j < n; j += VEC) {
        size_t part = n - j < VEC ? n - j : VEC;
        vf v = vload_n(w + j, part);
#ifdef SIMD_BF16
        vu low = (vu)vstored(v) >> 16;
        vu high = next ? (vu)vstored(vload_n(w + next + j, part)) : (vu){0};

        v = (vf)(low | high);
#else
        (void)next;
#endif
        vstore_n((float *)(void *)(dst + j), v, part);
    }
}

/* n units of one column, whose values are neighbours; odd: the last has no pair. */
VEC_INLINE void pw_pack_column(int32_t *dst, const float *w, size_t n, bool odd)
{
#ifdef SIMD_BF16
    for (size_t u = 0; u < n; u++) {
        uint32_t low, high = 0;

        memcpy(&low, w + 2 * u, sizeof low);
        if (u + 1 < n || !odd)
            memcpy(&high, w + 2 * u + 1, sizeof high);
        /* weights are finite: rounding needs no care for NaN */
        low += 0x7fff + (low >> 16 & 1);
        high += 0x7fff + (high >> 16 & 1);
        dst[u * PW_PANEL] = (int32_t)(low >> 16 | (high & 0xffff0000u));
    }
#else
    (void)odd;
    for (size_t u = 0; u < n; u++)
        memcpy(dst + u * PW_PANEL, w + u, sizeof *dst);
#endif
}

/*
 * Right factor of a product over `inner`: panels [PW_PANEL columns][units][PW_PANEL],
 * from plain weights w[column * col_step + inner * inner_step]. Panel p only.
 */
static void pw_pack(int32_t *panels, const float *w, size_t inner, size_t inner_step,
                    size_t cols, size_t col_step, size_t p)
{
    size_t units = pw_up(inner, PW_UNIT) / PW_UNIT, j0 = p * PW_PANEL;
    size_t n = cols - j0 < PW_PANEL ? cols - j0 : PW_PANEL;
    int32_t *dst = panels + j0 * units;

    if (n < PW_PANEL)
        memset(dst, 0, units * PW_PANEL * sizeof *dst);
    if (col_step == 1)
        for (size_t u = 0; u < units; u++)
            pw_pack_row(dst + u * PW_PANEL, w + u * PW_UNIT * inner_step + j0,
                        u * PW_UNIT + 1 < inner ? inner_step : 0, n);
    else
        for (size_t j = 0; j < n; j++)
            pw_pack_column(dst + j, w + (j0 + j) * col_step, units,
                           units * PW_UNIT > inner);
}
