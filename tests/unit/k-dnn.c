/*
 * Convolutions behind the wrapper of oneDNN against naive loops in doubles, in float32
 * and in bf16 (whose naive loops take the rounded inputs and weights).
 */
#include <string.h>
#include <unistd.h>

#include "cpu/dnn.h"
#include "exact.h"
#include "rng.h"
#include "tap.h"

/* A tensor as it is stored, and the same values as doubles. */
struct tensor {
    void *stored;
    double *exact;
    size_t n;
    enum xk_dtype dtype;
};

static void store(struct tensor *t, size_t i, float v)
{
    if (t->dtype == XK_BF16)
        ((uint16_t *)t->stored)[i] = xk_f32_to_bf16(v);
    else
        ((float *)t->stored)[i] = v;
}

static double stored(const struct tensor *t, size_t i)
{
    return t->dtype == XK_BF16 ? (double)xk_bf16_to_f32(((uint16_t *)t->stored)[i])
                               : (double)((float *)t->stored)[i];
}

static struct tensor noise(enum xk_dtype dtype, size_t n, const char *name)
{
    struct tensor t = {malloc(n * xk_dtype_size(dtype)), calloc(n, sizeof(double)), n,
                       dtype};
    struct xr_rng rng;

    xr_rng_init(&rng, 1, 0, name, "test");
    for (size_t i = 0; i < n; i++) {
        store(&t, i, (float)xr_rng_between(&rng, -1, 1));
        t.exact[i] = stored(&t, i);
    }
    return t;
}

static void tensor_free(struct tensor *t)
{
    free(t->stored);
    free(t->exact);
}

/* Largest error: of one value beyond its own rounding, over the largest value. */
static double off_by(const struct tensor *got)
{
    double top = 0, scale = 1e-30, rounding = got->dtype == XK_BF16 ? 1.0 / 256 : 1e-7;

    for (size_t i = 0; i < got->n; i++)
        scale = fmax(scale, fabs(got->exact[i]));
    for (size_t i = 0; i < got->n; i++) {
        double off =
            fabs(stored(got, i) - got->exact[i]) - rounding * fabs(got->exact[i]);

        top = off > top || isnan(off) ? off : top;
    }
    return top / scale;
}

/* y, dx and dw of one pass, added to what is there. */
static void naive(const struct xk_dnn_conv_spec *s, struct tensor *y, struct tensor *dx,
                  double *dw, const struct tensor *x, const double *w,
                  const struct tensor *dy)
{
    size_t cg = s->c / s->groups, og = s->oc / s->groups, k2 = s->k * s->k;

    for (size_t p = 0; p < s->n * s->oh * s->ow; p++)
        for (size_t o = 0; o < s->oc; o++)
            for (size_t k = 0; k < k2; k++) {
                size_t n = p / (s->oh * s->ow);
                size_t iy = p / s->ow % s->oh * s->stride + k / s->k - s->pad_h;
                size_t ix = p % s->ow * s->stride + k % s->k - s->pad_w;

                for (size_t c = 0; c < cg && iy < s->h && ix < s->w; c++) {
                    size_t i = ((n * s->h + iy) * s->w + ix) * s->c + o / og * cg + c;
                    size_t j = (o * cg + c) * k2 + k;

                    y->exact[p * s->oc + o] += x->exact[i] * w[j];
                    if (dx)
                        dx->exact[i] += dy->exact[p * s->oc + o] * w[j];
                    if (dw)
                        dw[j] += dy->exact[p * s->oc + o] * x->exact[i];
                }
            }
}

static void check_conv(struct xk_dnn *dnn, struct xk_dnn_conv_spec s)
{
    struct tensor x = noise(s.dtype, s.n * s.h * s.w * s.c, "x");
    struct tensor y = noise(s.dtype, s.n * s.oh * s.ow * s.oc, "y");
    struct tensor dx = noise(s.dtype, x.n, "dx"), dy = noise(s.dtype, y.n, "dy");
    size_t n_w = s.oc * (s.c / s.groups) * s.k * s.k;
    struct tensor w = noise(XK_F32, n_w, "w"), dw = noise(XK_F32, n_w, "dw");
    struct tensor bias = noise(XK_F32, s.oc, "bias");
    double tolerance = 2e-6, off[3] = {0};
    struct xk_dnn_conv *conv = NULL;
    struct xr_err err = {0};

    for (size_t i = 0; i < n_w && s.dtype == XK_BF16; i++)
        w.exact[i] = (double)xk_bf16_to_f32(xk_f32_to_bf16((float)w.exact[i]));
    for (size_t i = 0; i < y.n; i++)
        y.exact[i] = (s.bias ? bias.exact[i % s.oc] : 0) + (s.sum ? y.exact[i] : 0);
    memset(dx.exact, 0, dx.n * sizeof *dx.exact);
    naive(&s, &y, s.data ? &dx : NULL, s.backward ? dw.exact : NULL, &x, w.exact, &dy);
    for (size_t i = 0; i < y.n; i++)
        y.exact[i] = act_exact(s.act, y.exact[i]);
    if (xk_dnn_conv_open(&conv, dnn, &s, &err) ||
        xk_dnn_conv_weights(conv, w.stored, &err) ||
        xk_dnn_conv_forward(conv, y.stored, x.stored, bias.stored, &err) ||
        (s.data &&
         xk_dnn_conv_backward_data(conv, dx.stored, dy.stored, w.stored, &err)) ||
        (s.backward &&
         xk_dnn_conv_backward_weights(conv, dw.stored, x.stored, dy.stored, &err)))
        ok(0, "%s", err.text);
    off[0] = off_by(&y);
    off[1] = s.data ? off_by(&dx) : 0;
    off[2] = s.backward ? off_by(&dw) : 0;
    ok(off[0] < tolerance && off[1] < tolerance && off[2] < tolerance,
       "%s, %zux%zu of %zux%zux%zu to %zu, stride %zu, %zu groups%s%s%s%s (%.1g, %.1g, "
       "%.1g)",
       s.dtype == XK_BF16 ? "bf16" : "float32", s.k, s.k, s.h, s.w, s.c, s.oc, s.stride,
       s.groups, s.bias ? ", bias" : "", s.sum ? ", sum" : "", s.act ? ", act" : "",
       s.backward ? ", backward" : "", off[0], off[1], off[2]);
    xk_dnn_conv_close(conv);
    tensor_free(&x), tensor_free(&y), tensor_free(&dx), tensor_free(&dy);
    tensor_free(&w), tensor_free(&dw), tensor_free(&bias);
}

static void check_all(struct xk_dnn *dnn, enum xk_dtype dtype)
{
    /* n h w c, oh ow oc, k stride pad_h pad_w groups, bias sum act, backward data */
    static const struct xk_dnn_conv_spec specs[] = {
        {3, 5, 7, 32, 5, 7, 48, 1, 1, 0, 0, 1, false, false, XK_ACT_NONE, true, true, 0},
        {2, 9, 7, 24, 9, 7, 40, 3, 1, 1, 1, 1, false, false, XK_ACT_NONE, true, true, 0},
        {2, 9, 8, 16, 5, 4, 33, 3, 2, 1, 1, 1, false, false, XK_ACT_NONE, true, true, 0},
        {1, 8, 10, 3, 4, 5, 32, 3, 2, 0, 0, 1, false, false, XK_ACT_NONE, true, false, 0},
        {2, 17, 15, 3, 9, 8, 64, 7, 2, 3, 3, 1, false, false, XK_ACT_NONE, true, false,
         0},
        {2, 15, 13, 1, 7, 6, 8, 5, 2, 1, 1, 1, false, false, XK_ACT_NONE, true, false, 0},
        {1, 6, 6, 64, 6, 6, 64, 3, 1, 1, 1, 4, false, false, XK_ACT_NONE, true, true, 0},
        {2, 6, 5, 12, 3, 3, 20, 3, 2, 1, 1, 4, false, false, XK_ACT_NONE, true, true, 0},
        {4, 1, 1, 20, 1, 1, 5, 1, 1, 0, 0, 1, true, false, XK_ACT_NONE, true, true, 0},
        {1, 1, 1, 7, 1, 1, 9, 3, 1, 1, 1, 1, false, false, XK_ACT_NONE, true, true, 0},
        {2, 7, 7, 48, 7, 7, 24, 1, 1, 0, 0, 1, true, true, XK_ACT_NONE, false, false, 0},
        {2, 7, 7, 48, 7, 7, 64, 1, 1, 0, 0, 1, true, true, XK_ACT_RELU, false, false, 0},
        {1, 9, 9, 16, 9, 9, 32, 3, 1, 1, 1, 1, true, false, XK_ACT_RELU6, false, false,
         0},
        {1, 9, 9, 16, 9, 9, 32, 1, 1, 0, 0, 1, true, false, XK_ACT_SILU, false, false, 0},
        {1, 4, 4, 16, 4, 4, 32, 1, 1, 0, 0, 1, true, false, XK_ACT_SIGMOID, false, false,
         0},
    };

    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct xk_dnn_conv_spec s = specs[i];

        s.dtype = dtype;
        check_conv(dnn, s);
    }
}

int main(int argc, char **argv)
{
    struct xk_dnn *dnn;
    struct xr_err err = {0};

    (void)argc;
    if (!getenv("GOMP_SPINCOUNT")) { /* a busy machine: threads that wait should sleep */
        setenv("GOMP_SPINCOUNT", "1000", 1);
        execv("/proc/self/exe", argv);
    }
    if (xk_dnn_open(&dnn, &err)) {
        ok(0, "%s", err.text);
        return tap_done();
    }
    check_all(dnn, XK_F32);
    if (xk_dnn_has(dnn, XK_BF16, &err) == 0)
        check_all(dnn, XK_BF16);
    else
        tap_skip("bf16", err.text);
    xk_dnn_close(dnn);
    return tap_done();
}
