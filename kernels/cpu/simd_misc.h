/*
 * Elementwise kernels, sums over pixels, optimiser updates.
 */
static void act_rows(void *to, const void *from, size_t n, enum xk_act act)
{
    const act_t *x = from;
    act_t *y = to;

    for (size_t i = 0; i < n; i += VEC) {
        vf v = aload_n(x + i, n - i);

        switch (act) {
        case XK_ACT_RELU:
            v = vact(XK_ACT_RELU, v);
            break;
        case XK_ACT_RELU6:
            v = vact(XK_ACT_RELU6, v);
            break;
        case XK_ACT_SILU:
            v = vact(XK_ACT_SILU, v);
            break;
        case XK_ACT_SIGMOID:
            v = vact(XK_ACT_SIGMOID, v);
            break;
        case XK_ACT_GELU:
            v = vact(XK_ACT_GELU, v);
            break;
        case XK_ACT_TANH:
            v = vact(XK_ACT_TANH, v);
            break;
        case XK_ACT_HARDSWISH:
            v = vact(XK_ACT_HARDSWISH, v);
            break;
        case XK_ACT_HARDSIGMOID:
            v = vact(XK_ACT_HARDSIGMOID, v);
            break;
        default:
            break;
        }
        astore_n(y + i, v, n - i);
    }
}

static void act_grad_rows(void *to, const void *grad, const void *from, size_t n,
                          enum xk_act act)
{
    const act_t *x = from, *dy = grad;
    act_t *dx = to;

    for (size_t i = 0; i < n; i += VEC) {
        vf v = aload_n(x + i, n - i), g = aload_n(dy + i, n - i);

        switch (act) {
        case XK_ACT_RELU:
            g = vact_grad(XK_ACT_RELU, v, g);
            break;
        case XK_ACT_RELU6:
            g = vact_grad(XK_ACT_RELU6, v, g);
            break;
        case XK_ACT_SILU:
            g = vact_grad(XK_ACT_SILU, v, g);
            break;
        case XK_ACT_SIGMOID:
            g = vact_grad(XK_ACT_SIGMOID, v, g);
            break;
        case XK_ACT_GELU:
            g = vact_grad(XK_ACT_GELU, v, g);
            break;
        case XK_ACT_TANH:
            g = vact_grad(XK_ACT_TANH, v, g);
            break;
        case XK_ACT_HARDSWISH:
            g = vact_grad(XK_ACT_HARDSWISH, v, g);
            break;
        case XK_ACT_HARDSIGMOID:
            g = vact_grad(XK_ACT_HARDSIGMOID, v, g);
            break;
        default:
            break;
        }
        astore_n(dx + i, g, n - i);
    }
}

static void add_rows(void *to, const void *pa, const void *pb, size_t n)
{
    const act_t *a = pa, *b = pb;
    act_t *dst = to;

    for (size_t i = 0; i < n; i += VEC)
        astore_n(dst + i, aload_n(a + i, n - i) + aload_n(b + i, n - i), n - i);
}

static void scale_rows(void *to, const void *from, const float *gate, size_t c,
                       size_t rows)
{
    const act_t *x = from;
    act_t *y = to;

    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i += VEC)
            astore_n(y + r * c + i,
                     aload_n(x + r * c + i, c - i) * vload_n(gate + i, c - i), c - i);
}

static void sum_rows(double *sum, const void *from, size_t c, size_t rows)
{
    const act_t *x = from;

    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < rows ? r + BN_BLOCK : rows;

        for (size_t i = 0; i < c; i += VEC) {
            vf s = vset(0);

            for (size_t j = r; j < end; j++)
                s += aload_n(x + j * c + i, c - i);
            add_double(sum + i, s);
        }
    }
}

VEC_INLINE void sum_act_group(double *sum, const act_t *x, const float *scale,
                              const float *shift, const enum xk_act act, size_t c,
                              size_t rows, const int nv, size_t i, size_t n)
{
    vf s[BN_GROUP], a[BN_GROUP], b[BN_GROUP];

    UNROLL for (int k = 0; k < nv; k++)
    {
        a[k] = vload(scale + i + k * VEC);
        b[k] = vload(shift + i + k * VEC);
        s[k] = vset(0);
    }
    for (size_t r = 0; r < rows; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            vf v = aload_n(x + r * c + i + k * VEC, n);

            s[k] += vact(act, vfma(v, a[k], b[k]));
        }
    }
    UNROLL for (int k = 0; k < nv; k++)
    {
        add_double(sum + i + k * VEC, s[k]);
    }
}

static void sum_act_rows(double *sum, const void *from, const float *scale,
                         const float *shift, enum xk_act act, size_t c, size_t rows)
{
    const act_t *x = from;

    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t m = rows - r < BN_BLOCK ? rows - r : BN_BLOCK;
#define GROUP(nv, i, n)                                                                  \
    sum_act_group(sum, x + r * c, scale, shift, GROUP_ACT, c, m, nv, i, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        FOR_GROUPS(c, GROUP);                                                            \
    } while (0)
        SWITCH_ACT(act, BODY)
#undef BODY
#undef GROUP
    }
}

VEC_INLINE void gate_sums_group(float *sums, size_t apart, const act_t *x,
                                const act_t *dy, const float *scale, const float *shift,
                                const float *mean, const enum xk_act act, size_t c,
                                size_t rows, const int nv, size_t i, size_t n)
{
    vf s[5][2], a[2], b[2], m[2];

    UNROLL for (int k = 0; k < nv; k++)
    {
        a[k] = vload(scale + i + k * VEC);
        b[k] = vload(shift + i + k * VEC);
        m[k] = vload(mean + i + k * VEC);
        s[0][k] = s[1][k] = s[2][k] = s[3][k] = s[4][k] = vset(0);
    }
    for (size_t r = 0; r < rows; r++) {
        UNROLL for (int k = 0; k < nv; k++)
        {
            size_t at = r * c + i + (size_t)k * VEC;
            vf v = aload_n(x + at, n), u = vfma(v, a[k], b[k]), g;
            vf slope = vact_grad(act, u, vset(1.0f));

            v -= m[k];
            s[3][k] += slope;
            s[4][k] = vfma(slope, v, s[4][k]);
            if (!dy)
                continue;
            g = aload_n(dy + at, n);
            s[0][k] = vfma(g, vact(act, u), s[0][k]);
            g *= slope;
            s[1][k] += g;
            s[2][k] = vfma(g, v, s[2][k]);
        }
    }
    for (size_t q = dy ? 0 : 3; q < 5; q++)
        UNROLL for (int k = 0; k < nv; k++)
        {
            float *to = sums + q * apart + i + (size_t)k * VEC;

            vstore(to, vload(to) + s[q][k]);
        }
}

static void gate_sums(float *sums, size_t apart, const void *from, const void *grad,
                      const float *scale, const float *shift, const float *mean,
                      enum xk_act act, size_t c, size_t rows)
{
    const act_t *x = from, *dy = grad;

    for (size_t q = 0; q < 5; q++)
        memset(sums + q * apart, 0, xk_padded(c) * sizeof *sums);
    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t m = rows - r < BN_BLOCK ? rows - r : BN_BLOCK;
#define GROUP(nv, i, n)                                                                  \
    gate_sums_group(sums, apart, x + r * c, dy ? dy + r * c : NULL, scale, shift, mean,  \
                    GROUP_ACT, c, m, nv, i, n)
#define BODY(act)                                                                        \
    do {                                                                                 \
        const enum xk_act GROUP_ACT = act;                                               \
        size_t i_ = 0;                                                                   \
        for (; i_ + 2 * VEC <= c; i_ += 2 * VEC)                                         \
            GROUP(2, i_, VEC);                                                           \
        for (; i_ < c; i_ += VEC)                                                        \
            GROUP(1, i_, c - i_);                                                        \
    } while (0)
        SWITCH_ACT(act, BODY)
#undef BODY
#undef GROUP
    }
}

static void dot_rows(double *sum, const void *from, const void *grad, size_t c,
                     size_t rows)
{
    const act_t *x = from, *dy = grad;

    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < rows ? r + BN_BLOCK : rows;

        for (size_t i = 0; i < c; i += VEC) {
            vf s = vset(0);

            for (size_t j = r; j < end; j++)
                s = vfma(aload_n(x + j * c + i, c - i), aload_n(dy + j * c + i, c - i),
                         s);
            add_double(sum + i, s);
        }
    }
}

static void fill_rows(void *to, const float *v, size_t c, size_t rows)
{
    act_t *y = to;

    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i += VEC)
            astore_n(y + r * c + i, vload_n(v + i, c - i), c - i);
}

static void add_floats(float *to, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VEC)
        vstore_n(to + i, vload_n(to + i, n - i) + vload_n(x + i, n - i), n - i);
}

static double sum_squares(const float *x, size_t n)
{
    double sum[VEC] = {0}, total = 0;

    for (size_t i = 0; i < n; i += 16 * VEC) {
        size_t end = i + 16 * VEC < n ? i + 16 * VEC : n;
        vf s = vset(0);

        for (size_t j = i; j < end; j += VEC) {
            vf v = vload_n(x + j, end - j);

            s = vfma(v, v, s);
        }
        add_double(sum, s);
    }
    for (int i = 0; i < VEC; i++)
        total += sum[i];
    return total;
}

static void sgd(float *p, float *m, float *v, float *g, size_t n, float scale,
                const struct xk_hyper *o)
{
    (void)v;
    for (size_t i = 0; i < n; i += VEC) {
        vf x = vload_n(p + i, n - i);
        vf d = vload_n(g + i, n - i) * vset(scale) + vset(o->decay) * x;

        if (o->beta1 != 0.0f) {
            vf first = vset(o->beta1) * vload_n(m + i, n - i) + d;

            vstore_n(m + i, first, n - i);
            d = o->nesterov ? d + vset(o->beta1) * first : first;
        }
        vstore_n(p + i, x - vset(o->lr) * d, n - i);
    }
}

static void adamw(float *p, float *m, float *v, float *g, size_t n, float scale,
                  const struct xk_hyper *o)
{
    vf beta1 = vset(1.0f - o->beta1), beta2 = vset(o->beta2),
       rest2 = vset(1.0f - o->beta2);

    for (size_t i = 0; i < n; i += VEC) {
        vf grad = vload_n(g + i, n - i) * vset(scale), first = vload_n(m + i, n - i);
        vf second = vload_n(v + i, n - i) * beta2 + rest2 * grad * grad;

        first += (grad - first) * beta1;
        vstore_n(m + i, first, n - i);
        vstore_n(v + i, second, n - i);
        vstore_n(p + i,
                 vload_n(p + i, n - i) * vset(o->shrink) -
                     vset(o->step) * first /
                         (vsqrt(second) / vset(o->root) + vset(o->eps)),
                 n - i);
    }
}

/* The direction takes the gradient's place. */
static void lamb(float *p, float *m, float *v, float *g, size_t n, float scale,
                 const struct xk_hyper *o)
{
    vf beta1 = vset(1.0f - o->beta1), beta2 = vset(o->beta2),
       rest2 = vset(1.0f - o->beta2);

    for (size_t i = 0; i < n; i += VEC) {
        vf grad = vload_n(g + i, n - i) * vset(scale), first = vload_n(m + i, n - i);
        vf second = vload_n(v + i, n - i) * beta2 + rest2 * grad * grad;

        first += (grad - first) * beta1;
        vstore_n(m + i, first, n - i);
        vstore_n(v + i, second, n - i);
        vstore_n(g + i,
                 first * vset(o->step) / (vsqrt(second) / vset(o->root) + vset(o->eps)) +
                     vset(o->decay) * vload_n(p + i, n - i),
                 n - i);
    }
}

static void lion(float *p, float *m, float *v, float *g, size_t n, float scale,
                 const struct xk_hyper *o)
{
    vf beta1 = vset(1.0f - o->beta1), beta2 = vset(1.0f - o->beta2), lr = vset(o->lr);

    (void)v;
    for (size_t i = 0; i < n; i += VEC) {
        vf grad = vload_n(g + i, n - i) * vset(scale), first = vload_n(m + i, n - i);
        vf way = first + (grad - first) * beta1;
        vf go = vwhere_above(way, vset(0), lr) - vwhere_above(-way, vset(0), lr);

        vstore_n(m + i, first + (grad - first) * beta2, n - i);
        vstore_n(p + i, vload_n(p + i, n - i) * vset(o->shrink) - go, n - i);
    }
}

static void ema(float *e, const float *p, size_t n, float decay)
{
    for (size_t i = 0; i < n; i += VEC)
        vstore_n(e + i,
                 vset(decay) * vload_n(e + i, n - i) +
                     vset(1.0f - decay) * vload_n(p + i, n - i),
                 n - i);
}

typedef uint8_t vb __attribute__((vector_size(VEC)));
typedef uint8_t vb_mem __attribute__((vector_size(VEC), aligned(1), may_alias));

/* Vector i of what windows with the winners `winner` and gradients `dy` give to a pixel.
 */
VEC_INLINE vf taken(const struct xk_max_tap *taps, size_t n_taps, size_t i, size_t n)
{
    vf sum = vset(0);

    for (size_t k = 0; k < n_taps; k++) {
        vf g = aload_n((const act_t *)taps[k].dy + i, n);
        vb id = {0};

        if (n >= VEC)
            id = *(const vb_mem *)(const void *)(taps[k].winner + i);
        else
            memcpy(&id, taps[k].winner + i, n);
        sum +=
            (vf)((vi)g & (vi)(__builtin_convertvector(id, vi) == (vi){0} + taps[k].id));
    }
    return sum;
}

static void max_back(void *to, const struct xk_max_tap *taps, size_t n_taps, size_t c)
{
    for (size_t i = 0; i < c; i += VEC)
        astore_n((act_t *)to + i, taken(taps, n_taps, i, c - i), c - i);
}

/* NaN wins, as in PyTorch. */
static void max_taps(void *to, uint8_t *winner, const void *const *taps,
                     const uint8_t *ids, size_t n_taps, size_t c)
{
    act_t *y = to;
    size_t i = 0;

    for (; i + VEC <= c; i += VEC) {
        vf top = aload((const act_t *)taps[0] + i);
        vi at = (vi){0} + ids[0];

        for (size_t k = 1; k < n_taps; k++) {
            vf v = aload((const act_t *)taps[k] + i);
            vi more = (v > top) | (v != v);

            top = (vf)(((vi)v & more) | ((vi)top & ~more));
            at = (((vi){0} + ids[k]) & more) | (at & ~more);
        }
        astore(y + i, top);
        *(vb_mem *)(void *)(winner + i) = __builtin_convertvector(at, vb);
    }
    if (i < c) { /* the last channels, in a vector that is not full */
        size_t n = c - i;
        vf top = aload_n((const act_t *)taps[0] + i, n);
        uint8_t id[VEC];

        memset(id, ids[0], sizeof id);
        for (size_t k = 1; k < n_taps; k++) {
            vf v = aload_n((const act_t *)taps[k] + i, n);

            for (size_t j = 0; j < n; j++)
                if (v[j] > top[j] || isnan(v[j])) {
                    top[j] = v[j];
                    id[j] = ids[k];
                }
        }
        astore_n(y + i, top, n);
        memcpy(winner + i, id, n);
    }
}
