/*
 * Layer norm: every row of c channels has a mean and a deviation of its own.
 */
VEC_INLINE float vtotal(vf v)
{
    float sum = 0;

    for (int i = 0; i < VEC; i++)
        sum += v[i];
    return sum;
}

/* Sum over a row of (x - center) and of its square; the lanes behind c count nothing. */
VEC_INLINE void ln_row(float *sum, float *squares, const float *x, float center, size_t c)
{
    vf s = vset(0), q = vset(0);
    size_t i = 0;

    for (; i + VEC <= c; i += VEC) {
        vf v = vload(x + i) - vset(center);

        s += v;
        q = vfma(v, v, q);
    }
    *sum = vtotal(s);
    *squares = vtotal(q);
    for (; i < c; i++) {
        float v = x[i] - center;

        *sum += v;
        *squares += v * v;
    }
}

static void ln_forward(float *y, float *mean, float *rstd, const float *x,
                       const float *gamma, const float *beta, float eps, size_t c,
                       size_t r0, size_t r1)
{
    for (size_t r = r0; r < r1; r++) {
        const float *p = x + r * c;
        float sum, squares, m;

        ln_row(&sum, &squares, p, 0, c);
        m = sum / (float)c;
        ln_row(&sum, &squares, p, m, c); /* around the mean: nothing cancels */
        m += sum / (float)c;
        mean[r] = m;
        rstd[r] = 1.0f / sqrtf(squares / (float)c + eps);
        for (size_t i = 0; i < c; i += VEC) {
            vf v = (vload_n(p + i, c - i) - vset(m)) * vset(rstd[r]);

            vstore_n(y + r * c + i,
                     vfma(v, vload_n(gamma + i, c - i), vload_n(beta + i, c - i)), c - i);
        }
    }
}

/* With n = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean of g - n * mean of
 * g * n). dx may be dy. */
static void ln_backward(float *dx, double *dgamma, double *dbeta, const float *dy,
                        const float *x, const float *mean, const float *rstd,
                        const float *gamma, size_t c, size_t r0, size_t r1)
{
    for (size_t r = r0; r < r1; r++) {
        vf m = vset(mean[r]), k = vset(rstd[r]), s = vset(0), q = vset(0), sum, dot;

        for (size_t i = 0; i < c; i += VEC) {
            size_t left = c - i, at = r * c + i;
            vf d =
                vload_n(dy + at, left); /* 0 behind c, and so is what follows from it */
            vf n = (vload_n(x + at, left) - m) * k;
            vf g = d * vload_n(gamma + i, left);

            s += g;
            q = vfma(g, n, q);
            add_double(dgamma + i, d * n);
            add_double(dbeta + i, d);
        }
        if (!dx)
            continue;
        sum = vset(vtotal(s) / (float)c);
        dot = vset(vtotal(q) / (float)c);
        for (size_t i = 0; i < c; i += VEC) {
            size_t left = c - i, at = r * c + i;
            vf n = (vload_n(x + at, left) - m) * k;
            vf g = vload_n(dy + at, left) * vload_n(gamma + i, left);

            vstore_n(dx + at, (g - sum - n * dot) * k, left);
        }
    }
}
