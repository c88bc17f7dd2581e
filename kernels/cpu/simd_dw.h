/*
 * Depthwise convolutions, weights [k*k][c].
 */

/* The part of 0..k-1 that falls inside 0..size-1 from `first` on. */
VEC_INLINE void dw_span(size_t *lo, size_t *hi, ptrdiff_t first, size_t k, size_t size)
{
    *lo = first < 0 ? (size_t)-first : 0;
    *hi = first + (ptrdiff_t)k > (ptrdiff_t)size ? (size_t)((ptrdiff_t)size - first) : k;
}

static void dw_forward(const struct xk_dw_args *a, size_t r0, size_t r1)
{
    size_t c = a->c;

    for (size_t r = r0; r < r1; r++) {
        size_t n = r / a->oh, oy = r % a->oh, y0, y1;
        ptrdiff_t top = (ptrdiff_t)(oy * a->stride) - (ptrdiff_t)a->pad_h;

        dw_span(&y0, &y1, top, a->k, a->h);
        for (size_t ox = 0; ox < a->ow; ox++) {
            ptrdiff_t left = (ptrdiff_t)(ox * a->stride) - (ptrdiff_t)a->pad_w;
            size_t x0, x1;

            dw_span(&x0, &x1, left, a->k, a->w);
            for (size_t i = 0; i < c; i += VEC) {
                vf s = a->bias ? vload_n(a->bias + i, c - i) : vset(0);

                for (size_t ky = y0; ky < y1; ky++) {
                    const float *row =
                        a->x + ((n * a->h + (size_t)(top + (ptrdiff_t)ky)) * a->w) * c +
                        i;

                    for (size_t kx = x0; kx < x1; kx++)
                        s = vfma(vload_n(row + (size_t)(left + (ptrdiff_t)kx) * c, c - i),
                                 vload_n(a->weights + (ky * a->k + kx) * c + i, c - i),
                                 s);
                }
                if (a->act == XK_ACT_RELU)
                    s = vact(XK_ACT_RELU, s);
                else if (a->act == XK_ACT_RELU6)
                    s = vact(XK_ACT_RELU6, s);
                else if (a->act == XK_ACT_SILU)
                    s = vact(XK_ACT_SILU, s);
                vstore_n(a->y + (r * a->ow + ox) * c + i, s, c - i);
            }
        }
    }
}

static void dw_backward_data(const struct xk_dw_args *a, size_t r0, size_t r1)
{
    size_t c = a->c;

    for (size_t r = r0; r < r1; r++) {
        size_t n = r / a->h, iy = r % a->h;

        for (size_t ix = 0; ix < a->w; ix++) {
            for (size_t i = 0; i < c; i += VEC) {
                vf s = vset(0);

                for (size_t ky = (iy + a->pad_h) % a->stride; ky < a->k;
                     ky += a->stride) {
                    size_t oy = (iy + a->pad_h - ky) / a->stride;

                    if (iy + a->pad_h < ky || oy >= a->oh)
                        continue;
                    for (size_t kx = (ix + a->pad_w) % a->stride; kx < a->k;
                         kx += a->stride) {
                        size_t ox = (ix + a->pad_w - kx) / a->stride;

                        if (ix + a->pad_w < kx || ox >= a->ow)
                            continue;
                        s = vfma(vload_n(a->dy + ((n * a->oh + oy) * a->ow + ox) * c + i,
                                         c - i),
                                 vload_n(a->weights + (ky * a->k + kx) * c + i, c - i),
                                 s);
                    }
                }
                vstore_n(a->dx + (r * a->w + ix) * c + i, s, c - i);
            }
        }
    }
}

static void dw_backward_weights(double *dw, const struct xk_dw_args *a, size_t r0,
                                size_t r1)
{
    size_t c = a->c;

    for (size_t r = r0; r < r1; r++) {
        size_t n = r / a->oh, oy = r % a->oh, y0, y1;
        ptrdiff_t top = (ptrdiff_t)(oy * a->stride) - (ptrdiff_t)a->pad_h;

        dw_span(&y0, &y1, top, a->k, a->h);
        for (size_t i = 0; i < c; i += VEC) {
            for (size_t ky = y0; ky < y1; ky++) {
                const float *row =
                    a->x + ((n * a->h + (size_t)(top + (ptrdiff_t)ky)) * a->w) * c + i;

                for (size_t kx = 0; kx < a->k; kx++) {
                    vf s = vset(0);

                    for (size_t ox = 0; ox < a->ow; ox++) {
                        ptrdiff_t ix =
                            (ptrdiff_t)(ox * a->stride + kx) - (ptrdiff_t)a->pad_w;

                        if (ix < 0 || ix >= (ptrdiff_t)a->w)
                            continue;
                        s = vfma(vload_n(row + (size_t)ix * c, c - i),
                                 vload_n(a->dy + (r * a->ow + ox) * c + i, c - i), s);
                    }
                    add_double(dw + (ky * a->k + kx) * c + i, s, c - i);
                }
            }
        }
    }
}
