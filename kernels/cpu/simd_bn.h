/*
 * Batch normalisation with the activation, drop path and addition behind it.
 *
 * Rows are taken in blocks; inside a block, up to BN_GROUP vectors of channels are
 * visited together, so that memory is read in long runs. Sums run in float inside a block
 * and in double across blocks.
 */
#define BN_BLOCK 64
#define BN_GROUP 4

typedef double vd __attribute__((vector_size(2 * VEC_BYTES)));
typedef double vd_mem __attribute__((vector_size(2 * VEC_BYTES), aligned(8), may_alias));

/* sum[0..VEC-1] += v */
VEC_INLINE void add_double(double *sum, vf v)
{
    *(vd_mem *)(void *)sum += __builtin_convertvector(v, vd);
}

/* Call body(NV, i, n) for groups of 4, 2 and 1 vectors that cover c channels: i is the
 * first channel, n the channels of the last vector. All of it is constant but i, and n of
 * the very last group. */
#define FOR_GROUPS(c, body)                                                              \
    do {                                                                                 \
        size_t i_ = 0, c_ = (c);                                                         \
        for (; i_ + 4 * VEC <= c_; i_ += 4 * VEC)                                        \
            body(4, i_, VEC);                                                            \
        for (; i_ + 2 * VEC <= c_; i_ += 2 * VEC)                                        \
            body(2, i_, VEC);                                                            \
        for (; i_ + VEC <= c_; i_ += VEC)                                                \
            body(1, i_, VEC);                                                            \
        if (i_ < c_)                                                                     \
            body(1, i_, c_ - i_);                                                        \
    } while (0)

#define UNROLL _Pragma("GCC unroll 4")

VEC_INLINE void bn_stats_group(double *sum, double *squares, const act_t *x,
                               const float *center, size_t c, size_t r0, size_t r1,
                               const int nv, size_t i, size_t n)
{
    vf s[BN_GROUP], q[BN_GROUP];

    UNROLL for (int k = 0; k < nv; k++) s[k] = q[k] = vset(0);
    for (size_t r = r0; r < r1; r++) {
        const act_t *p = x + r * c + i;

        UNROLL for (int k = 0; k < nv; k++)
        {
            vf v = aload_n(p + k * VEC, n) - vload(center + i + k * VEC);

            s[k] += v;
            q[k] = vfma(v, v, q[k]);
        }
    }
    UNROLL for (int k = 0; k < nv; k++)
    {
        add_double(sum + i + k * VEC, s[k]);
        add_double(squares + i + k * VEC, q[k]);
    }
}

static void bn_stats(double *sum, double *squares, const void *x, const float *center,
                     size_t c, size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = r0 + BN_BLOCK < r1 ? r0 + BN_BLOCK : r1;
#define BODY(nv, i, n) bn_stats_group(sum, squares, x, center, c, r0, end, nv, i, n)
        FOR_GROUPS(c, BODY);
#undef BODY
    }
}

/* Rows of one image. */
VEC_INLINE void bn_apply_group(const struct xk_bn_args *a, const enum xk_act act, float f,
                               size_t r0, size_t r1, const int nv, size_t i, size_t n)
{
    const act_t *x = a->x, *shortcut = a->shortcut;
    act_t *y = a->y;
    size_t c = a->c;
    vf scale[BN_GROUP], shift[BN_GROUP];

    UNROLL for (int k = 0; k < nv; k++)
    {
        scale[k] = vload(a->scale + i + k * VEC) * vset(f);
        shift[k] = vload(a->shift + i + k * VEC) * vset(f);
    }
    for (size_t r = r0; r < r1; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t at = r * c + i + (size_t)k * VEC;
            vf v = vfma(aload_n(x + at, n), scale[k], shift[k]);

            if (shortcut)
                v += aload_n(shortcut + at, n);
            astore_n(y + at, vact(act, v), n);
        }
    }
}

VEC_INLINE void bn_apply_act(const struct xk_bn_args *a, const enum xk_act act, size_t r0,
                             size_t r1)
{
    float f = a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f;

    for (size_t end; r0 < r1; r0 = end) {
        end = r0 + BN_BLOCK < r1 ? r0 + BN_BLOCK : r1;
#define BODY(nv, i, n) bn_apply_group(a, act, f, r0, end, nv, i, n)
        FOR_GROUPS(a->c, BODY);
#undef BODY
    }
}

/* Where the next image begins, or r1. */
VEC_INLINE size_t bn_image_end(const struct xk_bn_args *a, size_t r, size_t r1)
{
    size_t end = a->factor ? (r / a->rows_per_image + 1) * a->rows_per_image : r1;

    return end < r1 ? end : r1;
}

/* body(act) with act a constant: those that fusing puts behind a batch norm */
#define SWITCH_ACT(act, body)                                                            \
    switch (act) {                                                                       \
    case XK_ACT_RELU:                                                                    \
        body(XK_ACT_RELU);                                                               \
        break;                                                                           \
    case XK_ACT_RELU6:                                                                   \
        body(XK_ACT_RELU6);                                                              \
        break;                                                                           \
    case XK_ACT_SILU:                                                                    \
        body(XK_ACT_SILU);                                                               \
        break;                                                                           \
    case XK_ACT_HARDSWISH:                                                               \
        body(XK_ACT_HARDSWISH);                                                          \
        break;                                                                           \
    default:                                                                             \
        body(XK_ACT_NONE);                                                               \
    }

static void bn_apply(const struct xk_bn_args *a, size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
#define BODY(act) bn_apply_act(a, act, r0, end)
        SWITCH_ACT(a->act, BODY)
#undef BODY
    }
}

/* The gradient behind the activation at one place: of its output (y given) or its input.
 */
VEC_INLINE vf bn_g(const struct xk_bn_args *a, const enum xk_act act, vf scale, vf shift,
                   vf x, size_t at, size_t n)
{
    const act_t *dy0 = a->dy[0], *dy1 = a->dy[1], *y = a->y;
    vf g = aload_n(dy0 + at, n);

    if (dy1)
        g += aload_n(dy1 + at, n);
    if (act == XK_ACT_NONE)
        return g;
    if (y)
        return vact_grad(act, aload_n(y + at, n), g);
    return vact_grad(act, vfma(x, scale, shift), g);
}

VEC_INLINE void bn_reduce_group(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                                const enum xk_act act, vf f, size_t r0, size_t r1,
                                const int nv, size_t i, size_t n)
{
    const act_t *px = a->x;
    act_t *pg = a->g;
    size_t c = a->c;
    vf s[BN_GROUP], q[BN_GROUP];

    UNROLL for (int k = 0; k < nv; k++) s[k] = q[k] = vset(0);
    for (size_t r = r0; r < r1; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t j = i + (size_t)k * VEC, at = r * c + j;
            vf x = aload_n(px + at, n);
            vf g = bn_g(a, act, vload(a->scale + j), vload(a->shift + j), x, at, n);

            if (pg) {
                astore_n(pg + at, g, n);
                g = vstored(g);
            }
            g *= f;
            s[k] += g;
            q[k] = vfma(g, x - vload(a->mean + j), q[k]);
        }
    }
    UNROLL for (int k = 0; k < nv; k++)
    {
        add_double(sum_g + i + k * VEC, s[k]);
        add_double(sum_gx + i + k * VEC, q[k]);
    }
}

VEC_INLINE void bn_reduce_act(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                              const enum xk_act act, size_t r0, size_t r1)
{
    vf f = vset(a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f);

    for (size_t end; r0 < r1; r0 = end) {
        end = r0 + BN_BLOCK < r1 ? r0 + BN_BLOCK : r1;
#define BODY(nv, i, n) bn_reduce_group(sum_g, sum_gx, a, act, f, r0, end, nv, i, n)
        FOR_GROUPS(a->c, BODY);
#undef BODY
    }
}

static void bn_reduce(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                      size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
#define BODY(act) bn_reduce_act(sum_g, sum_gx, a, act, r0, end)
        SWITCH_ACT(a->act, BODY)
#undef BODY
    }
}

VEC_INLINE void bn_backward_group(const struct xk_bn_args *a, const enum xk_act act, vf f,
                                  size_t r0, size_t r1, const int nv, size_t i, size_t n)
{
    const act_t *px = a->x;
    act_t *dx = a->dx;
    size_t c = a->c;

    for (size_t r = r0; r < r1; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t j = i + (size_t)k * VEC, at = r * c + j;
            vf x = aload_n(px + at, n);
            vf g = bn_g(a, act, vload(a->scale + j), vload(a->shift + j), x, at, n) * f;

            astore_n(
                dx + at,
                vfma(g, vload(a->kg + j), vfma(x, vload(a->kx + j), vload(a->k1 + j))),
                n);
        }
    }
}

VEC_INLINE void bn_backward_act(const struct xk_bn_args *a, const enum xk_act act,
                                size_t r0, size_t r1)
{
    vf f = vset(a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f);

    for (size_t end; r0 < r1; r0 = end) {
        end = r0 + BN_BLOCK < r1 ? r0 + BN_BLOCK : r1;
#define BODY(nv, i, n) bn_backward_group(a, act, f, r0, end, nv, i, n)
        FOR_GROUPS(a->c, BODY);
#undef BODY
    }
}

static void bn_backward(const struct xk_bn_args *a, size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
#define BODY(act) bn_backward_act(a, act, r0, end)
        SWITCH_ACT(a->act, BODY)
#undef BODY
    }
}
