/*
 * Depthwise convolutions.
 *
 * A sweep down an image keeps the rows it needs in a ring, 16 channels to a cache line,
 * with zeros around them, so that the inner loops know no borders. Whatever is to be done
 * to an input (batch norm, activation, a batch norm's gradient) is done once, when its
 * row enters the ring. Channels go in groups of DW_GROUP vectors, so that the rings stay
 * in the second-level cache.
 *
 * The row kernels exist for 3x3 and 5x5 windows at strides 1 and 2, with weights and sums
 * in registers, and once for any window.
 */
#define DW_GROUP 16

/* Rows of a ring: [rows][blocks][cols][VEC]; row ids as they lie in the slots. */
struct dw_ring {
    float *data, *zero;
    size_t rows, cols, row_floats;
    ptrdiff_t id[16];
};

VEC_INLINE void ring_init(struct dw_ring *r, float **scratch, size_t rows, size_t cols,
                          size_t blocks)
{
    r->rows = rows;
    r->cols = cols;
    r->row_floats = blocks * cols * VEC;
    r->data = *scratch;
    r->zero = *scratch + rows * r->row_floats;
    *scratch += (rows + 1) * r->row_floats;
    memset(r->data, 0,
           (rows + 1) * r->row_floats * sizeof(float)); /* the zeros around rows stay */
    for (size_t i = 0; i < rows; i++)
        r->id[i] = -1000;
}

VEC_INLINE void ring_forget(struct dw_ring *r)
{
    for (size_t i = 0; i < r->rows; i++)
        r->id[i] = -1000;
}

/* --- loading ----------------------------------------------------------------------- */

/* Row of x, NV vectors of channels from i on, into ring blocks of `stride` floats each.
 */
VEC_INLINE void load_x_group(float *dst, const struct xk_dw_args *a, const act_t *x,
                             size_t i, size_t stride, const enum xk_act act,
                             const bool norm, const int nv, size_t n)
{
    vf scale[BN_GROUP], shift[BN_GROUP];

    UNROLL for (int k = 0; k < nv && norm; k++)
    {
        scale[k] = vload(a->scale + i + k * VEC);
        shift[k] = vload(a->shift + i + k * VEC);
    }
    for (size_t ix = 0; ix < a->w; ix++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            vf v = aload_n(x + ix * a->c + i + k * VEC, n);

            vstore(dst + (size_t)k * stride + ix * VEC,
                   norm ? vact(act, vfma(v, scale[k], shift[k])) : v);
        }
    }
}

/* Row of x, channels c0 to c1-1, into a ring row. */
static void load_x(float *dst, const struct xk_dw_args *a, const act_t *x, size_t c0,
                   size_t c1, size_t stride)
{
#define GROUP(nv, i, n)                                                                  \
    load_x_group(dst + (i) / VEC * stride, a, x, c0 + (i), stride, XK_ACT_NONE, false,   \
                 nv, n)
    if (!a->scale) {
        FOR_GROUPS(c1 - c0, GROUP);
        return;
    }
#undef GROUP
#define GROUP(nv, i, n)                                                                  \
    load_x_group(dst + (i) / VEC * stride, a, x, c0 + (i), stride, GROUP_ACT, true, nv, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        FOR_GROUPS(c1 - c0, GROUP);                                                      \
    } while (0)
    SWITCH_ACT(a->act_in, BODY)
#undef BODY
#undef GROUP
}

/* The gradient of y's row `at` (floats from the beginning), through the batch norm
 * behind. */
VEC_INLINE void load_dy_group(float *dst, const struct xk_dw_args *a, size_t at,
                              size_t image, size_t i, size_t stride,
                              const enum xk_act act, const bool norm, const int nv,
                              size_t n)
{
    const act_t *dy0 = a->dy[0], *dy1 = a->dy[1], *py = a->y;
    const float *mul = a->dy_mul ? a->dy_mul + image * xk_padded(a->c) : NULL;
    const float *add = a->dy_add ? a->dy_add + image * xk_padded(a->c) : NULL;

    for (size_t ox = 0; ox < a->ow; ox++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t j = i + (size_t)k * VEC, p = at + ox * a->c + j;
            vf g = dy0 ? aload_n(dy0 + p, n) : vset(0);

            if (dy1)
                g += aload_n(dy1 + p, n);
            if (mul)
                g *= vload(mul + j);
            if (add)
                g += vload(add + j);
            if (norm) {
                vf y = aload_n(py + p, n);

                g = vact_grad(
                    act, vfma(y, vload(a->post_scale + j), vload(a->post_shift + j)), g);
                g = vfma(g, vload(a->kg + j),
                         vfma(y, vload(a->kx + j), vload(a->k1 + j)));
            }
            vstore(dst + (size_t)k * stride + ox * VEC, g);
        }
    }
}

static void load_dy(float *dst, const struct xk_dw_args *a, size_t at, size_t image,
                    size_t c0, size_t c1, size_t stride)
{
#define GROUP(nv, i, n)                                                                  \
    load_dy_group(dst + (i) / VEC * stride, a, at, image, c0 + (i), stride, XK_ACT_NONE, \
                  false, nv, n)
    if (!a->kg) {
        FOR_GROUPS(c1 - c0, GROUP);
        return;
    }
#undef GROUP
#define GROUP(nv, i, n)                                                                  \
    load_dy_group(dst + (i) / VEC * stride, a, at, image, c0 + (i), stride, GROUP_ACT,   \
                  true, nv, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        FOR_GROUPS(c1 - c0, GROUP);                                                      \
    } while (0)
    SWITCH_ACT(a->post_act, BODY)
#undef BODY
#undef GROUP
}

/* The channel behind the last of `blocks` blocks from c0 on. */
VEC_INLINE size_t last_channel(const struct xk_dw_args *a, size_t c0, size_t blocks)
{
    return c0 + blocks * VEC < a->c ? c0 + blocks * VEC : a->c;
}

/* Row iy of image n of x, from the ring or into it. */
VEC_INLINE const float *ring_x(struct dw_ring *r, const struct xk_dw_args *a, size_t n,
                               ptrdiff_t iy, size_t c0, size_t blocks)
{
    size_t slot;
    float *dst;

    if (iy < 0 || iy >= (ptrdiff_t)a->h)
        return r->zero;
    slot = (size_t)iy % r->rows;
    dst = r->data + slot * r->row_floats;
    if (r->id[slot] != iy) {
        load_x(dst + a->pad_w * VEC, a,
               (const act_t *)a->x + (n * a->h + (size_t)iy) * a->w * a->c, c0,
               last_channel(a, c0, blocks), r->cols * VEC);
        r->id[slot] = iy;
    }
    return dst;
}

VEC_INLINE const float *ring_dy(struct dw_ring *r, const struct xk_dw_args *a, size_t n,
                                ptrdiff_t oy, size_t c0, size_t blocks, size_t left)
{
    size_t slot;
    float *dst;

    if (oy < 0 || oy >= (ptrdiff_t)a->oh)
        return r->zero;
    slot = (size_t)oy % r->rows;
    dst = r->data + slot * r->row_floats;
    if (r->id[slot] != oy) {
        load_dy(dst + left * VEC, a, (n * a->oh + (size_t)oy) * a->ow * a->c, n, c0,
                last_channel(a, c0, blocks), r->cols * VEC);
        r->id[slot] = oy;
    }
    return dst;
}

/* Columns of a ring for x: from -pad_w to the last that a window or the image has. */
VEC_INLINE size_t x_cols(const struct xk_dw_args *a)
{
    size_t need = (a->ow - 1) * a->stride + a->k;

    return need > a->w + a->pad_w ? need : a->w + a->pad_w;
}

/* Zero columns before dy's first, and all columns. */
VEC_INLINE size_t dy_left(const struct xk_dw_args *a)
{
    return (a->k - 1 + a->stride - 1) / a->stride;
}

VEC_INLINE size_t dy_cols(const struct xk_dw_args *a)
{
    size_t last = (a->w - 1 + a->pad_w) / a->stride + 1;

    return dy_left(a) + (last > a->ow ? last : a->ow);
}

/*
 * Ask for part `part` of `parts` of a row that is needed soon: rows are read and written
 * in strides, which the processor does not foresee. Rows outside 0..rows-1 are left
 * alone.
 */
VEC_INLINE void prefetch_row(const act_t *x, ptrdiff_t row, size_t rows, size_t width,
                             size_t c, size_t c0, size_t c1, size_t part, size_t parts,
                             const int write)
{
    if (row < 0 || row >= (ptrdiff_t)rows)
        return;
    x += (size_t)row * width * c;
    for (size_t i = width * part / parts; i < width * (part + 1) / parts; i++)
        for (size_t j = c0; j < c1; j += 64 / sizeof *x)
            __builtin_prefetch(x + i * c + j, write, 2);
}

/* --- row kernels ----------------------------------------------------------------------
 */

#define MAX_K 7

/*
 * One row of one block of 16 channels, from ring rows to cache-line pixels `out`:
 *   forward: out[ox] = bias + sum of rows[ky][ox * S + kx] w[ky][kx]
 *   data: out[ix] for every ix: sum over ky = py, py + S, ... and the kx that fit; rows
 * are dy's for those ky, in their order, at the column of dy's first pixel weights:
 * acc[ky][kx] += sum over ox of rows[ky][ox * S + kx] dy[ox] w has the stride cp from one
 * window place to the next.
 */
struct dw_kernels {
    void (*forward)(float *out, const float *const *rows, const float *w, size_t cp,
                    const float *bias, size_t ow, size_t k, size_t stride);
    void (*data)(float *out, const float *const *rows, const float *w, size_t cp,
                 size_t width, size_t pad, size_t py, size_t k, size_t stride);
    void (*weights)(float *acc, const float *const *rows, const float *dy, size_t ow,
                    size_t k, size_t stride);
};

/* With K and S known when compiled. UNROLL_K undoes every loop over the window. */
#define UNROLL_K _Pragma("GCC unroll 8")

VEC_INLINE void forward_fixed(float *out, const float *const *rows, const float *weights,
                              size_t cp, const float *bias, size_t ow, const size_t K,
                              const size_t S)
{
    vf w[MAX_K * MAX_K], b = bias ? vload(bias) : vset(0);

    UNROLL_K for (size_t ky = 0; ky < K; ky++)
    {
        UNROLL_K for (size_t kx = 0; kx < K; kx++)
        {
            w[ky * K + kx] = vload(weights + (ky * K + kx) * cp);
        }
    }
    for (size_t ox = 0; ox < ow; ox++) {
        vf v = b;

        UNROLL_K for (size_t ky = 0; ky < K; ky++)
        {
            UNROLL_K for (size_t kx = 0; kx < K; kx++)
            {
                v = vfma(vload(rows[ky] + (ox * S + kx) * VEC), w[ky * K + kx], v);
            }
        }
        vstore(out + ox * VEC, v);
    }
}

VEC_INLINE void weights_fixed(float *acc, const float *const *rows, const float *dy,
                              size_t ow, const size_t K, const size_t S)
{
    vf s[MAX_K * MAX_K];

    UNROLL_K for (size_t k = 0; k < K; k++)
    {
        UNROLL_K for (size_t kx = 0; kx < K; kx++)
        {
            s[k * K + kx] = vload(acc + (k * K + kx) * VEC);
        }
    }
    for (size_t ox = 0; ox < ow; ox++) {
        vf g = vload(dy + ox * VEC);

        UNROLL_K for (size_t ky = 0; ky < K; ky++)
        {
            UNROLL_K for (size_t kx = 0; kx < K; kx++)
            {
                s[ky * K + kx] =
                    vfma(vload(rows[ky] + (ox * S + kx) * VEC), g, s[ky * K + kx]);
            }
        }
    }
    UNROLL_K for (size_t k = 0; k < K; k++)
    {
        UNROLL_K for (size_t kx = 0; kx < K; kx++)
        {
            vstore(acc + (k * K + kx) * VEC, s[k * K + kx]);
        }
    }
}

/* The columns of one place PX among the strides. */
VEC_INLINE void data_cols(float *out, const float *const *rows, const float *weights,
                          size_t cp, size_t width, size_t pad, const size_t K,
                          const size_t S, const size_t PY, const size_t PX)
{
    size_t x0 =
        (PX + S * MAX_K - pad) % S; /* the first column with (x0 + pad) % S = PX */
    vf w[MAX_K * MAX_K];

    UNROLL_K for (size_t ky = PY; ky < K; ky += S)
    {
        UNROLL_K for (size_t kx = PX; kx < K; kx += S)
        {
            w[ky * K + kx] = vload(weights + (ky * K + kx) * cp);
        }
    }
    for (size_t ix = x0; ix < width; ix += S) {
        ptrdiff_t first = (ptrdiff_t)((ix + pad - PX) / S); /* dy's column for kx = PX */
        vf g = vset(0);

        UNROLL_K for (size_t ky = PY; ky < K; ky += S)
        {
            UNROLL_K for (size_t kx = PX; kx < K; kx += S)
            {
                g = vfma(vload(rows[(ky - PY) / S] +
                               (first - (ptrdiff_t)((kx - PX) / S)) * VEC),
                         w[ky * K + kx], g);
            }
        }
        vstore(out + ix * VEC, g);
    }
}

VEC_INLINE void data_fixed(float *out, const float *const *rows, const float *w,
                           size_t cp, size_t width, size_t pad, size_t py, const size_t K,
                           const size_t S)
{
    if (S == 1) {
        data_cols(out, rows, w, cp, width, pad, K, S, 0, 0);
    } else if (py == 0) {
        data_cols(out, rows, w, cp, width, pad, K, S, 0, 0);
        data_cols(out, rows, w, cp, width, pad, K, S, 0, 1);
    } else {
        data_cols(out, rows, w, cp, width, pad, K, S, 1, 0);
        data_cols(out, rows, w, cp, width, pad, K, S, 1, 1);
    }
}

#define FIXED(name, K, S)                                                                \
    static void forward_##name(float *out, const float *const *rows, const float *w,     \
                               size_t cp, const float *bias, size_t ow, size_t k,        \
                               size_t stride)                                            \
    {                                                                                    \
        (void)k;                                                                         \
        (void)stride;                                                                    \
        forward_fixed(out, rows, w, cp, bias, ow, K, S);                                 \
    }                                                                                    \
    static void data_##name(float *out, const float *const *rows, const float *w,        \
                            size_t cp, size_t width, size_t pad, size_t py, size_t k,    \
                            size_t stride)                                               \
    {                                                                                    \
        (void)k;                                                                         \
        (void)stride;                                                                    \
        data_fixed(out, rows, w, cp, width, pad, py, K, S);                              \
    }                                                                                    \
    static void weights_##name(float *acc, const float *const *rows, const float *dy,    \
                               size_t ow, size_t k, size_t stride)                       \
    {                                                                                    \
        (void)k;                                                                         \
        (void)stride;                                                                    \
        weights_fixed(acc, rows, dy, ow, K, S);                                          \
    }                                                                                    \
    static const struct dw_kernels dw_##name = {forward_##name, data_##name,             \
                                                weights_##name};

/* Any window and stride; weights come from memory. */
static void forward_any(float *out, const float *const *rows, const float *w, size_t cp,
                        const float *bias, size_t ow, size_t k, size_t stride)
{
    for (size_t ox = 0; ox < ow; ox++) {
        vf v = bias ? vload(bias) : vset(0);

        for (size_t ky = 0; ky < k; ky++)
            for (size_t kx = 0; kx < k; kx++)
                v = vfma(vload(rows[ky] + (ox * stride + kx) * VEC),
                         vload(w + (ky * k + kx) * cp), v);
        vstore(out + ox * VEC, v);
    }
}

static void data_any(float *out, const float *const *rows, const float *w, size_t cp,
                     size_t width, size_t pad, size_t py, size_t k, size_t stride)
{
    for (size_t ix = 0; ix < width; ix++) {
        size_t px = (ix + pad) % stride;
        ptrdiff_t first = (ptrdiff_t)((ix + pad) / stride);
        vf g = vset(0);

        for (size_t ky = py; ky < k; ky += stride)
            for (size_t kx = px; kx < k; kx += stride)
                g = vfma(vload(rows[(ky - py) / stride] +
                               (first - (ptrdiff_t)((kx - px) / stride)) * VEC),
                         vload(w + (ky * k + kx) * cp), g);
        vstore(out + ix * VEC, g);
    }
}

static void weights_any(float *acc, const float *const *rows, const float *dy, size_t ow,
                        size_t k, size_t stride)
{
    for (size_t ky = 0; ky < k; ky++)
        for (size_t kx = 0; kx < k; kx++) {
            vf s = vload(acc + (ky * k + kx) * VEC);

            for (size_t ox = 0; ox < ow; ox++)
                s = vfma(vload(rows[ky] + (ox * stride + kx) * VEC), vload(dy + ox * VEC),
                         s);
            vstore(acc + (ky * k + kx) * VEC, s);
        }
}

static const struct dw_kernels dw_any = {forward_any, data_any, weights_any};

#ifdef __AVX512F__ /* 32 registers */
FIXED(3_1, 3, 1)
FIXED(3_2, 3, 2)
FIXED(5_1, 5, 1)
FIXED(5_2, 5, 2)
#endif

static const struct dw_kernels *dw_kernels(size_t k, size_t stride)
{
#ifdef __AVX512F__
    if (k == 3 && stride == 1)
        return &dw_3_1;
    if (k == 3 && stride == 2)
        return &dw_3_2;
    if (k == 5 && stride == 1)
        return &dw_5_1;
    if (k == 5 && stride == 2)
        return &dw_5_2;
#endif
    (void)k;
    (void)stride;
    return &dw_any;
}

/* --- forward --------------------------------------------------------------------------
 */

/* A finished row of one block on its way to memory: activation, sums. */
static void store_y(act_t *y, const float *row, const struct xk_dw_args *a,
                    const struct xk_dw_sums *sums, size_t i)
{
    size_t n = a->c - i;
    vf s = vset(0), q = vset(0), center;

    if (a->center) {
        center = vload(a->center + i);
        for (size_t ox = 0; ox < a->ow; ox++) {
            vf v = vload(row + ox * VEC);

            astore_n(y + ox * a->c + i, v, n);
            v = vstored(v) - center;
            s += v;
            q = vfma(v, v, q);
        }
        add_double(sums->sum + i, s);
        add_double(sums->squares + i, q);
        return;
    }
#define BODY(act)                                                                        \
    for (size_t ox = 0; ox < a->ow; ox++)                                                \
    astore_n(y + ox * a->c + i, vact(act, vload(row + ox * VEC)), n)
    SWITCH_ACT(a->act_out, BODY)
#undef BODY
}

static void forward_rows(const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                         float *scratch, size_t r0, size_t r1, size_t c0, size_t blocks)
{
    const struct dw_kernels *kernels = dw_kernels(a->k, a->stride);
    size_t cp = xk_padded(a->c), k = a->k, c1 = last_channel(a, c0, blocks);
    struct dw_ring ring;
    float *out = scratch;

    scratch += a->ow * VEC;
    ring_init(&ring, &scratch, k, x_cols(a), blocks);
    for (size_t r = r0; r < r1; r++) {
        size_t n = r / a->oh, oy = r % a->oh;
        const float *rows[MAX_K], *at[MAX_K];

        if (oy == 0)
            ring_forget(&ring);
        for (size_t ky = 0; ky < k; ky++)
            rows[ky] = ring_x(&ring, a, n,
                              (ptrdiff_t)(oy * a->stride + ky) - (ptrdiff_t)a->pad_h, c0,
                              blocks);
        for (size_t b = 0; b < blocks; b++) {
            size_t i = c0 + b * VEC;

            for (size_t s = 0; s < a->stride; s++)
                prefetch_row((const act_t *)a->x + n * a->h * a->w * a->c,
                             (ptrdiff_t)(oy * a->stride + k + s) - (ptrdiff_t)a->pad_h,
                             a->h, a->w, a->c, c0, c1, b, blocks, 0);
            prefetch_row((const act_t *)a->y + n * a->oh * a->ow * a->c,
                         (ptrdiff_t)oy + 1, a->oh, a->ow, a->c, c0, c1, b, blocks, 1);
            for (size_t ky = 0; ky < k; ky++)
                at[ky] = rows[ky] + b * ring.cols * VEC;
            kernels->forward(out, at, a->weights + i, cp, a->bias ? a->bias + i : NULL,
                             a->ow, k, a->stride);
            store_y((act_t *)a->y + r * a->ow * a->c, out, a, sums, i);
        }
    }
}

static void dw_forward(const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                       float *scratch, size_t r0, size_t r1)
{
    size_t blocks = (a->c + VEC - 1) / VEC, groups = (blocks + DW_GROUP - 1) / DW_GROUP;

    for (size_t g = 0; g < groups && r0 < r1; g++) {
        size_t b0 = blocks * g / groups, b1 = blocks * (g + 1) / groups;

        forward_rows(a, sums, scratch, r0, r1, b0 * VEC, b1 - b0);
    }
}

/* --- backward -------------------------------------------------------------------------
 */

/* A finished row of dx of one block on its way to memory: the slope of act_in, sums. */
VEC_INLINE void store_dx_act(act_t *dx, const float *row, const act_t *x,
                             const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                             size_t i, const enum xk_act act)
{
    size_t n = a->c - i;
    vf scale = vload(a->scale + i), shift = vload(a->shift + i),
       mean = vload(a->mean + i);
    vf s = vset(0), q = vset(0);

    for (size_t ix = 0; ix < a->w; ix++) {
        vf v = aload_n(x + ix * a->c + i, n);
        vf g = vact_grad(act, vfma(v, scale, shift), vload(row + ix * VEC));

        astore_n(dx + ix * a->c + i, g, n);
        g = vstored(g);
        s += g;
        q = vfma(g, v - mean, q);
    }
    add_double(sums->sum + i, s);
    add_double(sums->squares + i, q);
}

static void store_dx(act_t *dx, const float *row, const act_t *x,
                     const struct xk_dw_args *a, const struct xk_dw_sums *sums, size_t i)
{
    if (!a->scale) {
        for (size_t ix = 0; ix < a->w; ix++)
            astore_n(dx + ix * a->c + i, vload(row + ix * VEC), a->c - i);
        return;
    }
#define BODY(act) store_dx_act(dx, row, x, a, sums, i, act)
    SWITCH_ACT(a->act_in, BODY)
#undef BODY
}

/* One row of dx, all blocks. */
static void data_row(const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                     const struct dw_kernels *kernels, struct dw_ring *ring, float *out,
                     size_t n, size_t iy, size_t c0, size_t blocks)
{
    const float *rows[MAX_K], *at[MAX_K];
    size_t row = (n * a->h + iy) * a->w * a->c, n_rows = 0,
           py = (iy + a->pad_h) % a->stride;
    size_t image = n * a->h * a->w * a->c, out_image = n * a->oh * a->ow * a->c;
    size_t c1 = last_channel(a, c0, blocks);
    ptrdiff_t next = (ptrdiff_t)((iy + a->pad_h) / a->stride + 1);

    for (size_t ky = py; ky < a->k; ky += a->stride) {
        ptrdiff_t oy =
            iy + a->pad_h < ky ? -1 : (ptrdiff_t)((iy + a->pad_h - ky) / a->stride);

        rows[n_rows++] = ring_dy(ring, a, n, oy, c0, blocks, dy_left(a));
    }
    for (size_t b = 0; b < blocks; b++) {
        size_t i = c0 + b * VEC;

        prefetch_row((const act_t *)a->x + image,
                     (ptrdiff_t)(iy + a->k) - (ptrdiff_t)a->pad_h, a->h, a->w, a->c, c0,
                     c1, b, blocks, 0);
        prefetch_row((const act_t *)a->dx + image, (ptrdiff_t)iy + 1, a->h, a->w, a->c,
                     c0, c1, b, blocks, 1);
        prefetch_row((const act_t *)a->dy[0] + out_image, next, a->oh, a->ow, a->c, c0,
                     c1, b, blocks, 0);
        if (a->kg)
            prefetch_row((const act_t *)a->y + out_image, next, a->oh, a->ow, a->c, c0,
                         c1, b, blocks, 0);
        for (size_t k = 0; k < n_rows; k++)
            at[k] = rows[k] + (b * ring->cols + dy_left(a)) * VEC;
        kernels->data(out, at, a->weights + i, xk_padded(a->c), a->w, a->pad_w, py, a->k,
                      a->stride);
        store_dx((act_t *)a->dx + row, out, (const act_t *)a->x + row, a, sums, i);
    }
}

/* The products of one row of dy, all blocks, into float sums [blocks][k*k][VEC]. */
static void weights_row(const struct xk_dw_args *a, const struct dw_kernels *kernels,
                        struct dw_ring *ring_of_x, struct dw_ring *ring_of_dy, float *acc,
                        size_t n, size_t oy, size_t c0, size_t blocks)
{
    const float *rows[MAX_K], *at[MAX_K];
    const float *dy = ring_dy(ring_of_dy, a, n, (ptrdiff_t)oy, c0, blocks, dy_left(a));

    for (size_t ky = 0; ky < a->k; ky++)
        rows[ky] =
            ring_x(ring_of_x, a, n,
                   (ptrdiff_t)(oy * a->stride + ky) - (ptrdiff_t)a->pad_h, c0, blocks);
    for (size_t b = 0; b < blocks; b++) {
        for (size_t ky = 0; ky < a->k; ky++)
            at[ky] = rows[ky] + b * ring_of_x->cols * VEC;
        kernels->weights(acc + b * a->k * a->k * VEC, at,
                         dy + (b * ring_of_dy->cols + dy_left(a)) * VEC, a->ow, a->k,
                         a->stride);
    }
}

static void flush_weights(double *dw, float *acc, size_t cp, size_t c0, size_t blocks,
                          size_t k2)
{
    for (size_t b = 0; b < blocks; b++)
        for (size_t k = 0; k < k2; k++) {
            float *s = acc + (b * k2 + k) * VEC;

            add_double(dw + k * cp + c0 + b * VEC, vload(s));
            vstore(s, vset(0));
        }
}

/* After this many products the float sums go into the double ones. */
#define DW_FLUSH 8192

static void backward_rows(const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                          float *scratch, size_t r0, size_t r1, size_t c0, size_t blocks)
{
    const struct dw_kernels *kernels = dw_kernels(a->k, a->stride);
    struct dw_ring ring_of_x, ring_of_dy;
    size_t cp = xk_padded(a->c), k2 = a->k * a->k, pending = 0;
    float *acc = scratch, *out = acc + blocks * k2 * VEC;

    memset(acc, 0, blocks * k2 * VEC * sizeof *acc);
    scratch = out + a->w * VEC;
    ring_init(&ring_of_x, &scratch, a->k, x_cols(a), blocks);
    ring_init(&ring_of_dy, &scratch, (a->k - 1) / a->stride + 2, dy_cols(a), blocks);
    for (size_t r = r0; r < r1; r++) {
        size_t n = r / a->h, iy = r % a->h, oy = iy / a->stride;

        if (iy == 0) {
            ring_forget(&ring_of_x);
            ring_forget(&ring_of_dy);
        }
        if (sums->dw && iy % a->stride == 0 && oy < a->oh) {
            weights_row(a, kernels, &ring_of_x, &ring_of_dy, acc, n, oy, c0, blocks);
            pending += a->ow;
            if (pending >= DW_FLUSH) {
                flush_weights(sums->dw, acc, cp, c0, blocks, k2);
                pending = 0;
            }
        }
        if (a->dx)
            data_row(a, sums, kernels, &ring_of_dy, out, n, iy, c0, blocks);
    }
    if (sums->dw)
        flush_weights(sums->dw, acc, cp, c0, blocks, k2);
}

static void dw_backward(const struct xk_dw_args *a, const struct xk_dw_sums *sums,
                        float *scratch, size_t r0, size_t r1)
{
    size_t blocks = (a->c + VEC - 1) / VEC, groups = (blocks + DW_GROUP - 1) / DW_GROUP;

    for (size_t g = 0; g < groups && r0 < r1; g++) {
        size_t b0 = blocks * g / groups, b1 = blocks * (g + 1) / groups;

        backward_rows(a, sums, scratch, r0, r1, b0 * VEC, b1 - b0);
    }
}
