/*
 * Batch normalisation with the activation, drop path and addition behind it.
 *
 * Rows are taken in blocks that stay in the first-level cache while the channels of a
 * block are visited 16 at a time; sums run in float inside a block and in double across
 * blocks.
 */
#define BN_BLOCK 64

VEC_INLINE void add_double(double *sum, vf v, size_t n)
{
    float lane[VEC] __attribute__((aligned(64)));

    *(vf *)(void *)lane = v;
    for (size_t i = 0; i < (n < VEC ? n : VEC); i++)
        sum[i] += (double)lane[i];
}

static void bn_stats(double *sum, double *squares, const float *x, const float *center,
                     size_t c, size_t r0, size_t r1)
{
    for (size_t r = r0; r < r1; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < r1 ? r + BN_BLOCK : r1;

        for (size_t i = 0; i < c; i += VEC) {
            vf k = vload_n(center + i, c - i), s = vset(0), q = vset(0), s1 = s, q1 = q,
               v;
            const float *p = x + r * c + i;
            size_t j = r;

            for (; j + 2 <= end; j += 2, p += 2 * c) {
                v = vload_n(p, c - i) - k;
                s += v;
                q = vfma(v, v, q);
                v = vload_n(p + c, c - i) - k;
                s1 += v;
                q1 = vfma(v, v, q1);
            }
            if (j < end) {
                v = vload_n(p, c - i) - k;
                s += v;
                q = vfma(v, v, q);
            }
            add_double(sum + i, s + s1, c - i);
            add_double(squares + i, q + q1, c - i);
        }
    }
}

/* Rows r0..r1-1 of one image. */
VEC_INLINE void bn_apply_act(const struct xk_bn_args *a, enum xk_act act, size_t r0,
                             size_t r1)
{
    size_t c = a->c;
    float f = a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f;

    for (size_t r = r0; r < r1; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < r1 ? r + BN_BLOCK : r1;

        for (size_t i = 0; i < c; i += VEC) {
            vf scale = vload_n(a->scale + i, c - i) * vset(f);
            vf shift = vload_n(a->shift + i, c - i) * vset(f);
            size_t at = r * c + i;

            for (size_t j = r; j < end; j++, at += c) {
                vf v = vfma(vload_n(a->x + at, c - i), scale, shift);

                if (a->shortcut)
                    v += vload_n(a->shortcut + at, c - i);
                vstore_n(a->y + at, vact(act, v), c - i);
            }
        }
    }
}

/* Where the next image begins, or r1. */
VEC_INLINE size_t bn_image_end(const struct xk_bn_args *a, size_t r, size_t r1)
{
    size_t end = a->factor ? (r / a->rows_per_image + 1) * a->rows_per_image : r1;

    return end < r1 ? end : r1;
}

static void bn_apply(const struct xk_bn_args *a, size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
        switch (a->act) {
        case XK_ACT_RELU:
            bn_apply_act(a, XK_ACT_RELU, r0, end);
            break;
        case XK_ACT_RELU6:
            bn_apply_act(a, XK_ACT_RELU6, r0, end);
            break;
        case XK_ACT_SILU:
            bn_apply_act(a, XK_ACT_SILU, r0, end);
            break;
        case XK_ACT_SIGMOID:
            bn_apply_act(a, XK_ACT_SIGMOID, r0, end);
            break;
        default:
            bn_apply_act(a, XK_ACT_NONE, r0, end);
        }
    }
}

/* The gradient behind the activation at one place: of its output (y given) or its input.
 */
VEC_INLINE vf bn_g(const struct xk_bn_args *a, enum xk_act act, vf scale, vf shift, vf x,
                   size_t at, size_t n)
{
    vf g = vload_n(a->dy[0] + at, n);

    if (a->dy[1])
        g += vload_n(a->dy[1] + at, n);
    if (act == XK_ACT_NONE)
        return g;
    if (a->y)
        return vact_grad(act, vload_n(a->y + at, n), g);
    return vact_grad(act, vfma(x, scale, shift), g);
}

VEC_INLINE void bn_reduce_act(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                              enum xk_act act, size_t r0, size_t r1)
{
    size_t c = a->c;
    vf f = vset(a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f);

    for (size_t r = r0; r < r1; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < r1 ? r + BN_BLOCK : r1;

        for (size_t i = 0; i < c; i += VEC) {
            size_t n = c - i, at = r * c + i;
            vf scale = vload_n(a->scale + i, n), shift = vload_n(a->shift + i, n);
            vf mean = vload_n(a->mean + i, n), s = vset(0), q = vset(0);

            for (size_t j = r; j < end; j++, at += c) {
                vf x = vload_n(a->x + at, n);
                vf g = bn_g(a, act, scale, shift, x, at, n);

                if (a->g)
                    vstore_n(a->g + at, g, n);
                g *= f;
                s += g;
                q = vfma(g, x - mean, q);
            }
            add_double(sum_g + i, s, n);
            add_double(sum_gx + i, q, n);
        }
    }
}

static void bn_reduce(double *sum_g, double *sum_gx, const struct xk_bn_args *a,
                      size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
        switch (a->act) {
        case XK_ACT_RELU:
            bn_reduce_act(sum_g, sum_gx, a, XK_ACT_RELU, r0, end);
            break;
        case XK_ACT_RELU6:
            bn_reduce_act(sum_g, sum_gx, a, XK_ACT_RELU6, r0, end);
            break;
        case XK_ACT_SILU:
            bn_reduce_act(sum_g, sum_gx, a, XK_ACT_SILU, r0, end);
            break;
        case XK_ACT_SIGMOID:
            bn_reduce_act(sum_g, sum_gx, a, XK_ACT_SIGMOID, r0, end);
            break;
        default:
            bn_reduce_act(sum_g, sum_gx, a, XK_ACT_NONE, r0, end);
        }
    }
}

VEC_INLINE void bn_backward_act(const struct xk_bn_args *a, enum xk_act act, size_t r0,
                                size_t r1)
{
    size_t c = a->c;
    float f = a->factor ? a->factor[r0 / a->rows_per_image] : 1.0f;

    for (size_t r = r0; r < r1; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < r1 ? r + BN_BLOCK : r1;

        for (size_t i = 0; i < c; i += VEC) {
            size_t n = c - i, at = r * c + i;
            vf scale = vload_n(a->scale + i, n), shift = vload_n(a->shift + i, n);
            vf kg = vload_n(a->kg + i, n) * vset(f), kx = vload_n(a->kx + i, n);
            vf k1 = vload_n(a->k1 + i, n);

            for (size_t j = r; j < end; j++, at += c) {
                vf x = vload_n(a->x + at, n);
                vf g = bn_g(a, act, scale, shift, x, at, n);

                vstore_n(a->dx + at, vfma(g, kg, vfma(x, kx, k1)), n);
            }
        }
    }
}

static void bn_backward(const struct xk_bn_args *a, size_t r0, size_t r1)
{
    for (size_t end; r0 < r1; r0 = end) {
        end = bn_image_end(a, r0, r1);
        switch (a->act) {
        case XK_ACT_RELU:
            bn_backward_act(a, XK_ACT_RELU, r0, end);
            break;
        case XK_ACT_RELU6:
            bn_backward_act(a, XK_ACT_RELU6, r0, end);
            break;
        case XK_ACT_SILU:
            bn_backward_act(a, XK_ACT_SILU, r0, end);
            break;
        case XK_ACT_SIGMOID:
            bn_backward_act(a, XK_ACT_SIGMOID, r0, end);
            break;
        default:
            bn_backward_act(a, XK_ACT_NONE, r0, end);
        }
    }
}
