/*
 * Elementwise kernels, sums over pixels, optimiser updates.
 */
static void act_rows(float *y, const float *x, size_t n, enum xk_act act)
{
    for (size_t i = 0; i < n; i += VEC) {
        vf v = vload_n(x + i, n - i);

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
        default:
            break;
        }
        vstore_n(y + i, v, n - i);
    }
}

static void act_grad_rows(float *dx, const float *dy, const float *x, size_t n,
                          enum xk_act act)
{
    for (size_t i = 0; i < n; i += VEC) {
        vf v = vload_n(x + i, n - i), g = vload_n(dy + i, n - i);

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
        default:
            break;
        }
        vstore_n(dx + i, g, n - i);
    }
}

static void add_rows(float *dst, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i += VEC)
        vstore_n(dst + i, vload_n(a + i, n - i) + vload_n(b + i, n - i), n - i);
}

static void scale_rows(float *y, const float *x, const float *gate, size_t c, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i += VEC)
            vstore_n(y + r * c + i,
                     vload_n(x + r * c + i, c - i) * vload_n(gate + i, c - i), c - i);
}

static void sum_rows(double *sum, const float *x, size_t c, size_t rows)
{
    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < rows ? r + BN_BLOCK : rows;

        for (size_t i = 0; i < c; i += VEC) {
            vf s = vset(0);

            for (size_t j = r; j < end; j++)
                s += vload_n(x + j * c + i, c - i);
            add_double(sum + i, s);
        }
    }
}

static void dot_rows(double *sum, const float *x, const float *dy, size_t c, size_t rows)
{
    for (size_t r = 0; r < rows; r += BN_BLOCK) {
        size_t end = r + BN_BLOCK < rows ? r + BN_BLOCK : rows;

        for (size_t i = 0; i < c; i += VEC) {
            vf s = vset(0);

            for (size_t j = r; j < end; j++)
                s = vfma(vload_n(x + j * c + i, c - i), vload_n(dy + j * c + i, c - i),
                         s);
            add_double(sum + i, s);
        }
    }
}

static void fill_rows(float *y, const float *v, size_t c, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * c, v, c * sizeof *y);
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

static void sgd(float *p, float *b, const float *g, size_t n, float scale,
                struct xk_sgd o)
{
    for (size_t i = 0; i < n; i += VEC) {
        vf v = vload_n(p + i, n - i);
        vf d = vload_n(g + i, n - i) * vset(scale) + vset(o.decay) * v;

        if (o.momentum != 0.0f) {
            vf m = vset(o.momentum) * vload_n(b + i, n - i) + d;

            vstore_n(b + i, m, n - i);
            d = o.nesterov ? d + vset(o.momentum) * m : m;
        }
        vstore_n(p + i, v - vset(o.lr) * d, n - i);
    }
}

static void adamw(float *p, float *m, float *v, const float *g, size_t n, float scale,
                  struct xk_adamw o)
{
    vf beta1 = vset(1.0f - o.beta1), beta2 = vset(o.beta2), rest2 = vset(1.0f - o.beta2);

    for (size_t i = 0; i < n; i += VEC) {
        vf grad = vload_n(g + i, n - i) * vset(scale), first = vload_n(m + i, n - i);
        vf second = vload_n(v + i, n - i) * beta2 + rest2 * grad * grad;

        first += (grad - first) * beta1;
        vstore_n(m + i, first, n - i);
        vstore_n(v + i, second, n - i);
        vstore_n(p + i,
                 vload_n(p + i, n - i) * vset(o.shrink) -
                     vset(o.step) * first / (vsqrt(second) / vset(o.root) + vset(o.eps)),
                 n - i);
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

/* NaN wins, as in PyTorch. */
static void max_taps(float *y, uint8_t *winner, const float *const *taps,
                     const uint8_t *ids, size_t n_taps, size_t c)
{
    size_t i = 0;

    for (; i + VEC <= c; i += VEC) {
        vf top = vload(taps[0] + i);
        vi at = (vi){0} + ids[0];

        for (size_t k = 1; k < n_taps; k++) {
            vf v = vload(taps[k] + i);
            vi more = (v > top) | (v != v);

            top = (vf)(((vi)v & more) | ((vi)top & ~more));
            at = (((vi){0} + ids[k]) & more) | (at & ~more);
        }
        vstore(y + i, top);
        *(vb_mem *)(void *)(winner + i) = __builtin_convertvector(at, vb);
    }
    for (; i < c; i++) {
        y[i] = taps[0][i];
        winner[i] = ids[0];
        for (size_t k = 1; k < n_taps; k++)
            if (taps[k][i] > y[i] || isnan(taps[k][i])) {
                y[i] = taps[k][i];
                winner[i] = ids[k];
            }
    }
}
