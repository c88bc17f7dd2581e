/*
 * Batch normalisation with what is fused behind it: activation, drop path, addition. Two
 * passes over memory forward (one to gather, one to apply) and two backward.
 */
#include "common.cuh"

/* The seven values a channel and the factors of struct xk_cu_bn's saved. */
struct bn_saved {
    float *mean, *rstd, *scale, *shift, *kg, *kx, *k1;
    const float *factor; /* NULL: none */
};

static struct bn_saved saved_of(const struct xk_cu_bn *bn)
{
    float *s = bn->saved;
    size_t c = bn->cp;

    return {s,         s + c,     s + 2 * c, s + 3 * c,
            s + 4 * c, s + 5 * c, s + 6 * c, bn->factors ? s + 7 * c : nullptr};
}

/* --- statistics -------------------------------------------------------------------- */

/* The mean of a few rows: the point around which sums of squares do not cancel. */
template <typename T> struct rough_mean {
    float *center;
    const T *x;
    size_t rows, c;
    __device__ void operator()(size_t i) const
    {
        size_t n = rows < 16 ? rows : 16;
        float sum = 0;

        for (size_t r = 0; r < n; r++)
            sum += widen(x[r * (rows / n) * c + i]);
        center[i] = sum / (float)n;
    }
};

template <typename T, int V> struct moments {
    struct local {
        float center[V];
    };
    const T *x;
    const float *center;
    size_t c;
    __device__ void begin(local &l, size_t i) const
    {
        load(l.center, center + i);
    }
    __device__ void row(local &l, float (&sum)[2][V], size_t r, size_t i) const
    {
        float v[V];

        load(v, x + r * c + i);
#pragma unroll
        for (int k = 0; k < V; k++) {
            float d = v[k] - l.center[k];

            sum[0][k] += d;
            sum[1][k] += d * d;
        }
    }
};

struct bn_factors_op {
    struct bn_saved s;
    const float *gamma, *beta, *mean, *var;
    float eps;
    __device__ void set(size_t i, float m, float rstd) const
    {
        s.mean[i] = m;
        s.rstd[i] = rstd;
        s.scale[i] = gamma[i] * rstd;
        s.shift[i] = xk_bn_shift(beta[i], m, s.scale[i]);
    }
    __device__ void operator()(size_t i) const
    {
        set(i, mean[i], xk_bn_rstd((double)var[i], (double)eps));
    }
};

struct bn_statistics_op {
    struct bn_factors_op set;
    const float *center;
    float *mean, *var, *count;
    double rows;
    __device__ void operator()(size_t i, const double (&total)[2]) const
    {
        double m, v;

        xk_bn_moments(&m, &v, total[0], total[1], (double)center[i], rows);
        mean[i] = xk_bn_running(mean[i], m);
        var[i] = xk_bn_running(var[i], xk_bn_unbiased(v, rows));
        set.set(i, (float)m, xk_bn_rstd(v, (double)set.eps));
        if (i == 0)
            *count += 1.0f;
    }
};

void xk_cu_bn_statistics(xk_stream s, const struct xk_cu_bn *bn)
{
    struct bn_saved saved = saved_of(bn);
    struct bn_factors_op set = {saved, bn->gamma, bn->beta, bn->mean, bn->var, bn->eps};
    struct bn_statistics_op then = {set,     saved.kg,  bn->mean,
                                    bn->var, bn->count, (double)bn->rows};

    if (!bn->batch) {
        each(s, set, bn->c);
        return;
    }
    BY_VALUE(bn->dtype, each(s, rough_mean<T>{saved.kg, (const T *)bn->x, bn->rows, bn->c},
                             bn->c));
    BY_TYPE(bn->dtype, bn->c,
            (columns<2, V>(s, moments<T, V>{(const T *)bn->x, saved.kg, bn->c}, then,
                           bn->rows, bn->c, bn->scratch)));
}

/* --- forward ----------------------------------------------------------------------- */

template <typename T, int V> struct bn_apply_op {
    T *y;
    const T *x, *shortcut;
    struct bn_saved s;
    size_t packs, per_image; /* packs of a row, of an image */
    enum xk_act act;
    __device__ void operator()(size_t i) const
    {
        float v[V], scale[V], shift[V];

        load(v, x + i * V);
        load(scale, s.scale + i % packs * V);
        load(shift, s.shift + i % packs * V);
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] = scale[k] * v[k] + shift[k];
        if (s.factor) {
            float factor = s.factor[i / per_image];

#pragma unroll
            for (int k = 0; k < V; k++)
                v[k] *= factor;
        }
        if (shortcut) {
            load(scale, shortcut + i * V);
#pragma unroll
            for (int k = 0; k < V; k++)
                v[k] += scale[k];
        }
#pragma unroll
        for (int k = 0; k < V; k++)
            v[k] = xk_act_forward(act, v[k]);
        store(y + i * V, v);
    }
};

void xk_cu_bn_apply(xk_stream s, const struct xk_cu_bn *bn)
{
    BY_TYPE(bn->dtype, bn->c,
            each(s,
                 bn_apply_op<T, V>{(T *)bn->y, (const T *)bn->x, (const T *)bn->shortcut,
                                   saved_of(bn), bn->c / V, bn->per_image * bn->c / V,
                                   bn->act},
                 bn->rows * bn->c / V));
}

/* --- backward ---------------------------------------------------------------------- */

/* The gradient of a pack of the batch norm's own output. */
template <typename T, int V> struct bn_gradient {
    const T *dy0, *dy1, *x;
    const T *y; /* with a shortcut: the slope is taken from the output */
    T *g;       /* where it goes before drop path, or NULL */
    struct bn_saved s;
    enum xk_act act;
    size_t rows_per_image;

    __device__ void take(float (&d)[V], const float (&v)[V], const float (&scale)[V],
                         const float (&shift)[V], size_t at, size_t r) const
    {
        float w[V];

        load(d, dy0 + at);
        if (dy1) {
            load(w, dy1 + at);
#pragma unroll
            for (int k = 0; k < V; k++)
                d[k] += w[k];
        }
        if (act != XK_ACT_NONE) {
            if (y)
                load(w, y + at);
#pragma unroll
            for (int k = 0; k < V; k++)
                d[k] *= xk_act_slope(act, y ? w[k] : scale[k] * v[k] + shift[k]);
        }
        if (g)
            store(g + at, d);
        if (s.factor) {
            float factor = s.factor[r / rows_per_image];

#pragma unroll
            for (int k = 0; k < V; k++)
                d[k] *= factor;
        }
    }
};

template <typename T, int V> struct bn_reduce {
    struct local {
        float scale[V], shift[V], mean[V];
    };
    struct bn_gradient<T, V> gradient;
    size_t c;
    __device__ void begin(local &l, size_t i) const
    {
        load(l.scale, gradient.s.scale + i);
        load(l.shift, gradient.s.shift + i);
        load(l.mean, gradient.s.mean + i);
    }
    __device__ void row(local &l, float (&sum)[2][V], size_t r, size_t i) const
    {
        float v[V], d[V];

        load(v, gradient.x + r * c + i);
        gradient.take(d, v, l.scale, l.shift, r * c + i, r);
#pragma unroll
        for (int k = 0; k < V; k++) {
            sum[0][k] += d[k];
            sum[1][k] += d[k] * (v[k] - l.mean[k]);
        }
    }
};

struct bn_gradients_op {
    struct bn_saved s;
    float *dgamma, *dbeta;
    double rows;
    bool batch;
    __device__ void operator()(size_t i, const double (&total)[2]) const
    {
        if (dgamma) {
            dgamma[i] += (float)(total[1] * (double)s.rstd[i]);
            dbeta[i] += (float)total[0];
        }
        xk_bn_slopes(&s.kg[i], &s.kx[i], &s.k1[i], total[0], total[1], rows, s.scale[i],
                     s.rstd[i], s.mean[i], batch);
    }
};

template <typename T, int V> struct bn_data_op {
    T *dx;
    struct bn_gradient<T, V> gradient;
    size_t packs;
    __device__ void operator()(size_t i) const
    {
        size_t at = i % packs * V, r = i / packs;
        float v[V], d[V], a[V], b[V];

        load(v, gradient.x + i * V);
        load(a, gradient.s.scale + at);
        load(b, gradient.s.shift + at);
        gradient.take(d, v, a, b, i * V, r);
        load(a, gradient.s.kg + at);
        load(b, gradient.s.kx + at);
#pragma unroll
        for (int k = 0; k < V; k++)
            d[k] = a[k] * d[k] + b[k] * v[k];
        load(a, gradient.s.k1 + at);
#pragma unroll
        for (int k = 0; k < V; k++)
            d[k] += a[k];
        store(dx + i * V, d);
    }
};

void xk_cu_bn_backward(xk_stream s, const struct xk_cu_bn *bn)
{
    struct bn_gradients_op then = {saved_of(bn), bn->dgamma, bn->dbeta, (double)bn->rows,
                                   bn->batch};

    BY_TYPE(bn->dtype, bn->c, {
        struct bn_gradient<T, V> gradient = {(const T *)bn->dy[0],
                                             (const T *)bn->dy[1],
                                             (const T *)bn->x,
                                             bn->shortcut ? (const T *)bn->y : nullptr,
                                             (T *)bn->g,
                                             saved_of(bn),
                                             bn->act,
                                             bn->per_image};

        (columns<2, V>(s, bn_reduce<T, V>{gradient, bn->c}, then, bn->rows, bn->c,
                       bn->scratch));
        if (bn->g) { /* summed and behind the slope already */
            gradient.dy0 = (const T *)bn->g;
            gradient.dy1 = nullptr;
            gradient.g = nullptr;
            gradient.act = XK_ACT_NONE;
        }
        if (bn->dx)
            each(s, bn_data_op<T, V>{(T *)bn->dx, gradient, bn->c / V},
                 bn->rows * bn->c / V);
    });
}
