/*
 * Own kernels against naive double loops on odd shapes, for each instruction set this
 * machine has; whole nets against finite differences, themselves, other batch sizes and
 * thread counts. No reference data is needed.
 */
#include <string.h>
#include <unistd.h>

#include "cpu/simd.h"
#include "exact.h"
#include "loss.h"
#include "optim.h"
#include "rng.h"
#include "schedule.h"
#include "tap.h"

static void must(int failed, const struct xr_err *err)
{
    if (failed)
        ok(0, "%s", err->text);
}

static float *noise(size_t n, const char *name, double lo, double hi)
{
    struct xr_err err = {0};
    float *v = xr_alloc_array(n + 64, sizeof *v, &err);
    struct xr_rng rng;

    xr_rng_init(&rng, 1, 0, name, "test");
    for (size_t i = 0; i < n; i++)
        v[i] = (float)xr_rng_between(&rng, lo, hi);
    return v;
}

static double *zeros(size_t n)
{
    struct xr_err err = {0};

    return xr_alloc_array(n + 64, sizeof(double), &err);
}

/* Largest |got - want| over the largest |want|. */
static double off_by(const float *got, const double *want, size_t n)
{
    double top = 0, scale = 1e-30;

    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)got[i] - want[i]);

        top = off > top || isnan(off) ? off : top;
        scale = fmax(scale, fabs(want[i]));
    }
    return top / scale;
}

/* Lanes behind the last channel hold anything: they are not compared. */
static double off_by_double(const double *got, const double *want, size_t n)
{
    double top = 0, scale = 1e-30;

    for (size_t i = 0; i < n; i++) {
        top = fmax(top, fabs(got[i] - want[i]));
        scale = fmax(scale, fabs(want[i]));
    }
    return top / scale;
}

/* --- activations ----------------------------------------------------------------------
 */

static void check_acts(const struct xk_simd *simd)
{
    enum {
        N = 4001
    };
    static float x[N], y[N], dy[N], dx[N];
    static double want[N], want_dx[N];

    for (int act = 0; act < XK_N_ACTS; act++) {
        double scalar = 0;

        for (int i = 0; i < N; i++) {
            x[i] = (float)(i - 2000) / 37.0f;
            dy[i] = 1.0f + (float)(i % 7);
            want[i] = act_exact((enum xk_act)act, (double)x[i]);
            want_dx[i] = (double)dy[i] * slope_exact((enum xk_act)act, (double)x[i]);
            scalar = fmax(scalar,
                          fabs((double)xk_act_forward((enum xk_act)act, x[i]) - want[i]) /
                              fmax(1, fabs(want[i])));
            scalar =
                fmax(scalar, fabs((double)(xk_act_slope((enum xk_act)act, x[i]) * dy[i]) -
                                  want_dx[i]) /
                                 8);
        }
        simd->act(y, x, N, (enum xk_act)act);
        simd->act_grad(dx, dy, x, N, (enum xk_act)act);
        ok(off_by(y, want, N) < 3e-7 && off_by(dx, want_dx, N) < 2e-6 && scalar < 2e-6,
           "%s: activation %d, its slope, and the scalar formulas (%.1g, %.1g, %.1g)",
           simd->name, act, off_by(y, want, N), off_by(dx, want_dx, N), scalar);
    }
}

/* --- batch norm -----------------------------------------------------------------------
 */

static void check_bn(const struct xk_simd *simd, size_t c, size_t rows, enum xk_act act,
                     bool shortcut, bool drop)
{
    size_t n = c * rows, cp = xk_padded(c);
    float *x = noise(n, "x", -3, 5), *dy = noise(n, "dy", -1, 1),
          *dy2 = noise(n, "dy2", -1, 1);
    float *s = noise(n, "s", -1, 1), *y = noise(n, "y", 0, 0), *dx = noise(n, "dx", 0, 0);
    float *g = noise(n, "g", 0, 0), *scale = noise(cp, "scale", .5, 2);
    float *shift = noise(cp, "shift", -1, 1), *mean = noise(cp, "mean", -1, 1);
    float *kg = noise(cp, "kg", -1, 1), *kx = noise(cp, "kx", -1, 1),
          *k1 = noise(cp, "k1", -1, 1);
    float factor[3] = {1.25f, 0, 1.25f};
    double *want = zeros(n), *want_g = zeros(n), *want_dx = zeros(n),
           *sums = zeros(2 * cp);
    double *want_sums = zeros(2 * cp), *stats = zeros(2 * cp),
           *want_stats = zeros(2 * cp);
    struct xk_bn_args a = {.c = c,
                           .rows_per_image = (rows + 2) / 3,
                           .act = act,
                           .x = x,
                           .scale = scale,
                           .shift = shift,
                           .factor = drop ? factor : NULL,
                           .shortcut = shortcut ? s : NULL,
                           .y = y,
                           .dy = {dy, dy2},
                           .mean = mean,
                           .g = shortcut ? g : NULL,
                           .dx = dx,
                           .kg = kg,
                           .kx = kx,
                           .k1 = k1};

    for (size_t i = 0; i < n; i++) {
        size_t k = i % c, r = i / c;
        double f = drop ? (double)factor[r / a.rows_per_image] : 1;
        double v = ((double)x[i] * (double)scale[k] + (double)shift[k]) * f +
                   (shortcut ? (double)s[i] : 0);

        want[i] = act_exact(act, v);
        want_g[i] = ((double)dy[i] + (double)dy2[i]) * slope_exact(act, v);
        want_sums[k] += want_g[i] * f;
        want_sums[cp + k] += want_g[i] * f * ((double)x[i] - (double)mean[k]);
        want_dx[i] =
            (double)kg[k] * want_g[i] * f + (double)kx[k] * (double)x[i] + (double)k1[k];
        v = (double)x[i] - (double)mean[k];
        want_stats[k] += v;
        want_stats[cp + k] += v * v;
    }
    simd->bn_stats(stats, stats + cp, x, mean, c, 0, rows / 2);
    simd->bn_stats(stats, stats + cp, x, mean, c, rows / 2, rows);
    simd->bn_apply(&a, 0, rows / 3);
    simd->bn_apply(&a, rows / 3, rows);
    if (!shortcut)
        a.y = NULL;
    simd->bn_reduce(sums, sums + cp, &a, 0, rows / 2);
    simd->bn_reduce(sums, sums + cp, &a, rows / 2, rows);
    simd->bn_backward(&a, 0, rows / 2);
    simd->bn_backward(&a, rows / 2, rows);
    ok(off_by(y, want, n) < 1e-6 && off_by(dx, want_dx, n) < 2e-6 &&
           off_by_double(sums, want_sums, c) < 1e-5 &&
           off_by_double(sums + cp, want_sums + cp, c) < 1e-5 &&
           off_by_double(stats, want_stats, c) < 1e-6 &&
           off_by_double(stats + cp, want_stats + cp, c) < 1e-6 &&
           (!shortcut || off_by(g, want_g, n) < 1e-6),
       "%s: batch norm of %zu rows of %zu, activation %d%s%s", simd->name, rows, c, act,
       shortcut ? ", shortcut" : "", drop ? ", drop path" : "");
    free(x), free(dy), free(dy2), free(s), free(y), free(dx), free(g), free(scale),
        free(shift);
    free(mean), free(kg), free(kx), free(k1), free(want), free(want_g), free(want_dx),
        free(sums);
    free(want_sums), free(stats), free(want_stats);
}

/* --- depthwise convolution ------------------------------------------------------------
 */

struct dw_case {
    size_t n, c, h, w, k, stride, pad_h, pad_w, oh, ow;
    enum xk_act in, post; /* with `norm` */
    bool norm;
};

/* body for every product of the convolution: input i, output o, place k, channel c */
#define FOR_WINDOW(t, body)                                                              \
    for (size_t n = 0; n < (t)->n; n++)                                                  \
        for (size_t oy = 0; oy < (t)->oh; oy++)                                          \
            for (size_t ox = 0; ox < (t)->ow; ox++)                                      \
                for (size_t k = 0; k < (t)->k * (t)->k; k++)                             \
                    for (size_t c = 0; c < (t)->c; c++) {                                \
                        size_t iy = oy * (t)->stride + k / (t)->k - (t)->pad_h;          \
                        size_t ix = ox * (t)->stride + k % (t)->k - (t)->pad_w;          \
                        size_t i = ((n * (t)->h + iy) * (t)->w + ix) * (t)->c + c;       \
                        size_t o = ((n * (t)->oh + oy) * (t)->ow + ox) * (t)->c + c;     \
                        if (iy < (t)->h && ix < (t)->w) {                                \
                            body;                                                        \
                        }                                                                \
                    }

static void check_dw(const struct xk_simd *simd, const struct dw_case *t)
{
    size_t nx = t->n * t->h * t->w * t->c, ny = t->n * t->oh * t->ow * t->c,
           k2 = t->k * t->k;
    size_t cp = xk_padded(t->c);
    float *x = noise(nx, "x", -2, 3), *w = noise(cp * k2, "w", -1, 1);
    float *dy = noise(ny, "dy", -1, 1), *dy2 = noise(ny, "dy2", -1, 1);
    float *y = noise(ny, "y", 0, 0), *dx = noise(nx, "dx", 7, 8);
    float *scale = noise(cp, "scale", .5, 2), *shift = noise(cp, "shift", -1, 1);
    float *mean = noise(cp, "mean", -1, 1), *ps = noise(cp, "ps", .5, 2),
          *pb = noise(cp, "pb", -1, 1);
    float *kg = noise(cp, "kg", -1, 1), *kx = noise(cp, "kx", -.1, .1),
          *k1 = noise(cp, "k1", -1, 1);
    float *scratch;
    double *z = zeros(nx), *want = zeros(ny), *g = zeros(ny), *want_dx = zeros(nx);
    double *dw = zeros(k2 * cp), *want_dw = zeros(k2 * cp), *sums = zeros(2 * cp);
    double *want_sums = zeros(2 * cp), *back = zeros(2 * cp), *want_back = zeros(2 * cp);
    struct xk_dw_args a = {.c = t->c,
                           .h = t->h,
                           .w = t->w,
                           .oh = t->oh,
                           .ow = t->ow,
                           .k = t->k,
                           .stride = t->stride,
                           .pad_h = t->pad_h,
                           .pad_w = t->pad_w,
                           .weights = w,
                           .x = x,
                           .y = y,
                           .dy = {dy, NULL},
                           .dx = dx};
    struct xk_dw_sums forward = {.sum = sums, .squares = sums + cp};
    struct xk_dw_sums backward = {back, back + cp, dw};
    size_t rows = t->n * t->oh, in_rows = t->n * t->h;
    double dw_off = 0;

    if (t->norm) {
        a.scale = scale;
        a.shift = shift;
        a.act_in = t->in;
        a.mean = mean;
        a.center = mean;
        a.dy[1] = dy2;
        a.post_scale = ps;
        a.post_shift = pb;
        a.post_act = t->post;
        a.kg = kg;
        a.kx = kx;
        a.k1 = k1;
    } else {
        a.bias = shift;
        a.act_out = t->in;
    }
    scratch = noise(xk_dw_scratch(&a), "scratch", 0, 1);
    for (size_t i = 0; i < nx; i++) {
        double v = (double)x[i] * (double)scale[i % t->c] + (double)shift[i % t->c];

        z[i] = t->norm ? act_exact(t->in, v) : (double)x[i];
    }
    FOR_WINDOW(t, want[o] += z[i] * (double)w[k * cp + c])
    for (size_t o = 0; o < ny; o++) {
        size_t c = o % t->c;

        if (t->norm) {
            want_sums[c] += want[o] - (double)mean[c];
            want_sums[cp + c] +=
                (want[o] - (double)mean[c]) * (want[o] - (double)mean[c]);
            g[o] = (double)kg[c] * ((double)dy[o] + (double)dy2[o]) *
                       slope_exact(t->post, want[o] * (double)ps[c] + (double)pb[c]) +
                   (double)kx[c] * want[o] + (double)k1[c];
        } else {
            want[o] = act_exact(t->in, want[o] + (double)shift[c]);
            g[o] = (double)dy[o];
        }
    }
    FOR_WINDOW(t, want_dx[i] += g[o] * (double)w[k * cp + c];
               want_dw[k * cp + c] += g[o] * z[i])
    for (size_t i = 0; i < nx && t->norm; i++) {
        size_t c = i % t->c;

        want_dx[i] *=
            slope_exact(t->in, (double)x[i] * (double)scale[c] + (double)shift[c]);
        want_back[c] += want_dx[i];
        want_back[cp + c] += want_dx[i] * ((double)x[i] - (double)mean[c]);
    }
    simd->dw_forward(&a, &forward, scratch, 0, rows / 2);
    simd->dw_forward(&a, &forward, scratch, rows / 2, rows);
    simd->dw_backward(&a, &backward, scratch, 0, in_rows / 2 + 1);
    simd->dw_backward(&a, &backward, scratch, in_rows / 2 + 1, in_rows);
    for (size_t k = 0; k < k2; k++)
        dw_off = fmax(dw_off, off_by_double(dw + k * cp, want_dw + k * cp, t->c));
    ok(off_by(y, want, ny) < 2e-6 && off_by(dx, want_dx, nx) < 5e-6 && dw_off < 5e-6 &&
           (!t->norm || (off_by_double(sums, want_sums, t->c) < 1e-5 &&
                         off_by_double(sums + cp, want_sums + cp, t->c) < 1e-5 &&
                         off_by_double(back, want_back, t->c) < 1e-5 &&
                         off_by_double(back + cp, want_back + cp, t->c) < 1e-5)),
       "%s: depthwise %zux%zu of %zux%zux%zu, stride %zu, pad %zu%s", simd->name, t->k,
       t->k, t->h, t->w, t->c, t->stride, t->pad_h, t->norm ? ", batch norms" : "");
    free(x), free(w), free(dy), free(dy2), free(y), free(dx), free(scale), free(shift),
        free(mean);
    free(ps), free(pb), free(kg), free(kx), free(k1), free(scratch), free(z), free(want),
        free(g);
    free(want_dx), free(dw), free(want_dw), free(sums), free(want_sums), free(back),
        free(want_back);
}

/* --- max pooling -----------------------------------------------------------------------
 */

/* Four pixels under a window, which is one of four over a pixel: ties, NaN, channels that
 * fill no vector. */
static void check_max(const struct xk_simd *simd, size_t c)
{
    enum {
        N = 4
    };
    static const uint8_t ids[N] = {0, 1, 3, 7};
    float *x = noise(N * c, "x", -1, 1), *dy = noise(N * c, "dy", -1, 1);
    float *y = noise(c, "y", 0, 0), *dx = noise(c, "dx", 5, 6);
    uint8_t winner[N][64];
    const void *taps[N];
    struct xk_max_tap back[N];
    size_t wrong = 0, wrong_dx = 0;

    for (size_t i = 0; i < c; i++) { /* a tie, which the first wins, and a NaN */
        if (i % 5 == 1)
            x[2 * c + i] = x[c + i] = 2;
        if (i % 7 == 3)
            x[3 * c + i] = NAN;
    }
    for (size_t k = 0; k < N; k++)
        taps[k] = x + k * c;
    simd->max_taps(y, winner[0], taps, ids, N, c);
    for (size_t i = 0; i < c; i++) {
        size_t best = 0;

        for (size_t k = 1; k < N; k++)
            if (x[k * c + i] > x[best * c + i] || isnan(x[k * c + i]))
                best = k;
        wrong +=
            winner[0][i] != ids[best] || memcmp(&y[i], &x[best * c + i], sizeof *y) != 0;
    }
    for (size_t k = 0; k < N; k++) {
        for (size_t i = 0; i < c; i++)
            winner[k][i] = ids[(i + k) % 3];
        back[k] = (struct xk_max_tap){winner[k], dy + k * c, ids[k % 2]};
    }
    simd->max_back(dx, back, N, c);
    for (size_t i = 0; i < c; i++) {
        float want = 0;

        for (size_t k = 0; k < N; k++)
            want += winner[k][i] == back[k].id ? dy[k * c + i] : 0;
        wrong_dx += !(fabsf(dx[i] - want) <= 1e-6f);
    }
    ok(!wrong && !wrong_dx, "%s: max pooling of %zu channels and its gradient (%zu, %zu)",
       simd->name, c, wrong, wrong_dx);
    free(x);
    free(dy);
    free(y);
    free(dx);
}

static void check_simd(const struct xk_simd *simd)
{
    static const struct dw_case cases[] = {
        {2, 5, 7, 9, 3, 1, 1, 1, 7, 9, XK_ACT_RELU6, XK_ACT_RELU6, true},
        {2, 24, 8, 7, 3, 2, 1, 1, 4, 4, XK_ACT_SILU, XK_ACT_SILU, true},
        {1, 40, 9, 11, 5, 1, 2, 2, 9, 11, XK_ACT_RELU, XK_ACT_NONE, true},
        {3, 17, 10, 13, 5, 2, 2, 2, 5, 7, XK_ACT_NONE, XK_ACT_RELU, true},
        {2, 40, 9, 7, 5, 2, 2, 2, 5, 4, XK_ACT_HARDSWISH, XK_ACT_HARDSWISH, true},
        {1, 24, 9, 7, 3, 1, 1, 1, 9, 7, XK_ACT_HARDSWISH, XK_ACT_NONE, false},
        {1, 16, 8, 8, 3, 2, 0, 0, 4, 4, XK_ACT_RELU6, XK_ACT_RELU6, true},
        {1, 33, 8, 10, 5, 2, 1, 1, 4, 5, XK_ACT_SILU, XK_ACT_SILU, true},
        {1, 272, 4, 4, 5, 1, 2, 2, 4, 4, XK_ACT_RELU6, XK_ACT_RELU6, true},
        {2, 7, 3, 2, 5, 1, 2, 2, 3, 2, XK_ACT_RELU6, XK_ACT_NONE, false},
        {1, 48, 12, 9, 7, 1, 3, 3, 12, 9, XK_ACT_SILU, XK_ACT_NONE, false},
        {1, 20, 13, 14, 7, 3, 3, 3, 5, 5, XK_ACT_NONE, XK_ACT_NONE, false},
        {1, 32, 1, 1, 3, 1, 1, 1, 1, 1, XK_ACT_RELU, XK_ACT_NONE, false},
    };

    check_acts(simd);
    check_bn(simd, 5, 7, XK_ACT_NONE, false, false);
    check_bn(simd, 24, 131, XK_ACT_RELU6, false, false);
    check_bn(simd, 96, 200, XK_ACT_SILU, false, false);
    check_bn(simd, 40, 99, XK_ACT_HARDSWISH, false, false);
    check_bn(simd, 48, 100, XK_ACT_RELU6, true, true);
    check_bn(simd, 64, 77, XK_ACT_RELU, true, false);
    check_bn(simd, 113, 66, XK_ACT_NONE, true, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_dw(simd, &cases[i]);
    for (size_t c = 1; c <= 64; c += 21)
        check_max(simd, c);
}

/* --- whole nets -----------------------------------------------------------------------
 */

static struct xk_net *open_net(const char *arch, size_t size, size_t batch,
                               size_t channels, int threads, float drop)
{
    bool no_paths = strcmp(arch, "densenet121") == 0 || strcmp(arch, "lenet5") == 0;
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = channels,
                           .height = size,
                           .width = size,
                           .batch = batch,
                           .training = true,
                           .n_threads = threads,
                           .drop_rate = drop,
                           .drop_path_rate = no_paths ? 0 : drop};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        exit(tap_done());
    }
    must(xk_net_init(net, 3, &err), &err);
    return net;
}

static double train_once(struct xk_net *net, struct xk_optim *optim,
                         const uint8_t *pixels, size_t n, uint64_t step)
{
    static const float mean[3] = {0.5f, 0.4f, 0.6f}, std[3] = {0.2f, 0.25f, 0.3f};
    static const int64_t labels[8] = {0, 1, 2, 1, 0, 2, 2, 1};
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    float logits[24], d[24];
    double loss;
    struct xr_err err = {0};

    must(xk_net_input_u8(net, pixels, n, 1, mean, std, &err) ||
             xk_net_zero_grad(net, &err) ||
             xk_net_forward(net, logits, true, 9, step, &err),
         &err);
    loss = xk_loss_forward(d, logits, labels, n, 3, &ce, NULL);
    must(xk_net_backward(net, d, &err), &err);
    if (optim)
        must(xk_optim_step(optim, 1e-2, NULL, &err), &err);
    return loss;
}

static uint8_t *make_pixels(size_t n)
{
    uint8_t *p = malloc(n);
    struct xr_rng rng;

    xr_rng_init(&rng, 4, 0, "pixels", "test");
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)xr_rng_below(&rng, 256);
    return p;
}

/* Training runs twice give the same bytes; so do runs with a smaller batch in between. */
static void check_repeats(const char *arch)
{
    struct xk_optim_spec spec = {.kind = XK_SGD, .momentum = 0.9, .ema = 0.9, .clip = 1};
    uint8_t *pixels = make_pixels(8 * 40 * 40);
    double loss[2];
    uint64_t sum[2] = {0, 0};
    struct xr_err err = {0};

    for (int run = 0; run < 2; run++) {
        struct xk_net *net = open_net(arch, 40, 8, 3, 2, 0.2f);
        struct xk_optim *optim;

        must(xk_optim_open(&optim, net, &spec, &err), &err);
        train_once(net, optim, pixels, 8, 0);
        train_once(net, optim, pixels, 3, 1);
        loss[run] = train_once(net, optim, pixels, 8, 2);
        for (size_t i = 0; i < xk_net_n_params(net); i++) {
            size_t count = xk_net_param(net, i)->count;
            float *v = malloc(count * sizeof *v);

            must(xk_net_get(net, i, v, &err), &err);
            for (size_t k = 0; k < count; k++) {
                uint32_t bits;

                memcpy(&bits, v + k, sizeof bits);
                sum[run] = sum[run] * UINT64_C(0x100000001B3) + bits;
            }
            free(v);
        }
        xk_optim_close(optim);
        xk_net_close(net);
    }
    ok(loss[0] == loss[1] && sum[0] == sum[1],
       "%s: two runs on two threads, the same bytes", arch);
    free(pixels);
}

/* Part of a batch gives what the whole one gave. */
static void check_part(const char *arch)
{
    static const float mean[3] = {0.5f, 0.4f, 0.6f}, std[3] = {0.2f, 0.25f, 0.3f};
    struct xk_net *net = open_net(arch, 64, 7, 1, 2, 0);
    uint8_t *pixels = make_pixels(7 * 64 * 64);
    float whole[21], part[21], keep[21];
    double off = 0, unfused = 0;
    struct xr_err err = {0};

    train_once(net, NULL, pixels, 7,
               0); /* so that the running statistics mean something */
    must(xk_net_input_u8(net, pixels, 7, 1, mean, std, &err) ||
             xk_net_forward(net, whole, false, 0, 0, &err) ||
             xk_net_forward_keep(net, keep, &err) ||
             xk_net_input_u8(net, pixels, 3, 1, mean, std, &err) ||
             xk_net_forward(net, part, false, 0, 0, &err),
         &err);
    for (int i = 0; i < 9; i++)
        off = fmax(off,
                   fabs((double)(part[i] - whole[i])) / fmax(1, fabs((double)whole[i])));
    for (int i = 0; i < 21; i++)
        unfused = fmax(unfused, fabs((double)(keep[i] - whole[i])) /
                                    fmax(1, fabs((double)whole[i])));
    ok(off < 1e-5, "%s: 3 of 7 images, one channel (%.1g)", arch, off);
    ok(unfused < 1e-4, "%s: fused and unfused inference agree (%.1g)", arch, unfused);
    xk_net_close(net);
    free(pixels);
}

/* The slope of the loss along the gradient, by central differences. */
static void check_slope(const char *arch, float drop)
{
    struct xk_net *net = open_net(arch, 64, 4, 3, 1, drop);
    uint8_t *pixels = make_pixels(4 * 64 * 64);
    size_t n = xk_net_n_params(net);
    double squares = 0, up, down, h;
    float **v = calloc(n, sizeof *v), **g = calloc(n, sizeof *g);
    struct xr_err err = {0};

    for (size_t i = 0; i < n; i++) { /* norms at 0 would hide what is behind them */
        const struct xk_param *p = xk_net_param(net, i);

        v[i] = malloc(p->count * sizeof **v);
        g[i] = calloc(p->count, sizeof **g);
        must(xk_net_get(net, i, v[i], &err), &err);
        if (p->trainable && p->n_dims == 1 &&
            (strstr(p->name, "weight") || strstr(p->name, "gamma"))) {
            for (size_t k = 0; k < p->count; k++)
                v[i][k] = 0.7f + 0.1f * (float)(k % 5);
            must(xk_net_set(net, i, v[i], &err), &err);
        }
    }
    train_once(net, NULL, pixels, 4, 5);
    for (size_t i = 0; i < n; i++) {
        if (!xk_net_param(net, i)->trainable)
            continue;
        must(xk_net_get_grad(net, i, g[i], &err), &err);
        for (size_t k = 0; k < xk_net_param(net, i)->count; k++)
            squares += (double)g[i][k] * (double)g[i][k];
    }
    h = 3e-5 / sqrt(squares);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) {
            size_t count = xk_net_param(net, i)->count;
            float *moved = malloc(count * sizeof *moved);

            for (size_t k = 0; k < count; k++)
                moved[k] = v[i][k] + (float)((side ? -h : h) * (double)g[i][k]);
            must(xk_net_set(net, i, moved, &err), &err);
            free(moved);
        }
        *(side ? &down : &up) = train_once(net, NULL, pixels, 4, 5);
    }
    ok(fabs((up - down) / (2 * h) / squares - 1) < 0.03,
       "%s%s: slope of the loss along its gradient (ratio %.4f)", arch,
       drop > 0 ? " with dropout and drop path" : "", (up - down) / (2 * h) / squares);
    for (size_t i = 0; i < n; i++) {
        free(v[i]);
        free(g[i]);
    }
    free(v);
    free(g);
    xk_net_close(net);
    free(pixels);
}

/* Frozen: only the head moves, the statistics stand still; thawed, everything does. */
static void check_freeze(void)
{
    struct xk_optim_spec spec = {
        .kind = XK_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    struct xk_net *net = open_net("efficientnet_b0", 32, 4, 3, 2, 0.2f);
    uint8_t *pixels = make_pixels(4 * 32 * 32);
    struct xk_optim *optim;
    size_t wrong[2] = {0, 0};
    double first, last = 0;
    struct xr_err err = {0};

    must(xk_optim_open(&optim, net, &spec, &err), &err);
    first = train_once(net, optim, pixels, 4, 0);
    for (int i = 1; i < 15; i++)
        last = train_once(net, optim, pixels, 4, (uint64_t)i);
    ok(last < first, "the loss falls (%.3f to %.3f)", first, last);
    for (int thawed = 0; thawed < 2; thawed++) {
        xk_net_freeze(net, !thawed);
        for (size_t i = 0; i < xk_net_n_params(net); i++) {
            const struct xk_param *p = xk_net_param(net, i);
            float *old = malloc(p->count * sizeof *old),
                  *v = malloc(p->count * sizeof *v);

            must(xk_net_get(net, i, old, &err), &err);
            if (i % 37 == 0 || p->head) { /* a sample: each check is a step */
                train_once(net, optim, pixels, 4, i);
                must(xk_net_get(net, i, v, &err), &err);
                wrong[thawed] +=
                    (memcmp(old, v, p->count * sizeof *v) != 0) != (thawed || p->head);
            }
            free(old);
            free(v);
        }
    }
    ok(wrong[0] == 0, "frozen: the head moves, nothing else");
    ok(wrong[1] == 0, "thawed: everything moves");
    xk_optim_close(optim);
    xk_net_close(net);
    free(pixels);
}

/* Optimiser state out of one run and into another continues it exactly. */
static void check_state(void)
{
    struct xk_optim_spec spec = {.kind = XK_ADAMW,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .decay = 0.05,
                                 .ema = 0.9};
    struct xk_net *a = open_net("resnet18", 32, 4, 3, 2, 0), *b;
    struct xk_optim *oa, *ob;
    uint8_t *pixels = make_pixels(4 * 32 * 32);
    size_t named = 0;
    double la, lb;
    struct xr_err err = {0};

    must(xk_optim_open(&oa, a, &spec, &err), &err);
    for (int i = 0; i < 3; i++)
        train_once(a, oa, pixels, 4, (uint64_t)i);
    b = open_net("resnet18", 32, 4, 3, 2, 0);
    must(xk_optim_open(&ob, b, &spec, &err), &err);
    for (size_t i = 0; i < xk_net_n_params(a); i++) {
        float *v = malloc(xk_net_param(a, i)->count * sizeof *v);

        must(xk_net_get(a, i, v, &err) || xk_net_set(b, i, v, &err), &err);
        free(v);
    }
    for (size_t i = 0; i < xk_optim_n_state(oa); i++) {
        size_t shape[4] = {1, 1, 1, 1}, count = 1;
        int n_dims;
        float *v;

        xk_optim_state_shape(oa, i, &n_dims, shape);
        for (int d = 0; d < n_dims; d++)
            count *= shape[d];
        v = malloc(count * sizeof *v);
        must(xk_optim_get(oa, i, v, &err) || xk_optim_set(ob, i, v, &err), &err);
        free(v);
        named += strncmp(xk_optim_state_name(oa, i), "optimizer.", 10) == 0 ||
                 strncmp(xk_optim_state_name(oa, i), "ema.", 4) == 0;
    }
    ok(named == xk_optim_n_state(oa), "state is named optimizer.* and ema.*");
    la = lb = 0;
    for (int i = 3; i < 6; i++) {
        la += train_once(a, oa, pixels, 4, (uint64_t)i);
        lb += train_once(b, ob, pixels, 4, (uint64_t)i);
    }
    must(xk_optim_swap_ema(oa, &err) || xk_optim_swap_ema(ob, &err), &err);
    la += train_once(a, oa, pixels, 4, 6);
    lb += train_once(b, ob, pixels, 4, 6);
    ok(la == lb, "a continued run is the uninterrupted one");
    xk_optim_close(oa);
    xk_optim_close(ob);
    xk_net_close(a);
    xk_net_close(b);
    free(pixels);
}

static void check_errors(void)
{
    struct xk_spec spec = {.arch = "resnet19",
                           .n_classes = 3,
                           .channels = 3,
                           .height = 64,
                           .width = 64,
                           .batch = 2};
    struct xk_net *net;
    struct xr_err err = {0};
    float logits[6];

    ok(xk_net_open(&net, &spec, &err) != 0 && err.usage, "unknown architecture: %s",
       err.text);
    spec.arch = "vgg11_bn";
    spec.height = 31;
    ok(xk_net_open(&net, &spec, &err) != 0 && err.usage && strstr(err.text, "too small"),
       "an image that a pooling finds too small: %s", err.text);
    spec.height = 64;
    spec.drop_path_rate = 0.1f;
    ok(xk_net_open(&net, &spec, &err) != 0 && err.usage, "no paths to drop: %s",
       err.text);
    spec.drop_path_rate = 0;
    spec.arch = "resnet18";
    spec.device = "tpu";
    ok(xk_net_open(&net, &spec, &err) != 0 && err.usage, "unknown device: %s", err.text);
    spec.device = "cpu";
    spec.keep = "layer9";
    spec.training = true;
    ok(xk_net_open(&net, &spec, &err) != 0 && err.usage, "unknown layer: %s", err.text);
    spec.keep = NULL;
    spec.training = false;
    must(xk_net_open(&net, &spec, &err), &err);
    ok(xk_net_forward(net, logits, false, 0, 0, &err) != 0, "no input: %s", err.text);
    ok(xk_net_forward(net, logits, true, 0, 0, &err) != 0, "no training: %s", err.text);
    ok(xk_net_backward(net, logits, &err) != 0, "no forward pass: %s", err.text);
    xk_net_close(net);
}

int main(int argc, char **argv)
{
    static const char *const archs[] = {
        "efficientnet_b0", "tf_efficientnet_lite0",
        "resnet18",        "resnet50",
        "densenet121",     "mobilenetv3_small_100",
        "convnext_atto",   "lenet5"}; /* one of each kind */
    const struct xk_simd *best = xk_simd_find(XK_F32);

    (void)argc;
    if (!getenv("GOMP_SPINCOUNT")) { /* a busy machine: threads that wait should sleep */
        setenv("GOMP_SPINCOUNT", "1000", 1);
        execv("/proc/self/exe", argv);
    }

    if (best == &xk_simd_avx512)
        check_simd(&xk_simd_avx512);
    else
        tap_skip("AVX-512 kernels", "this processor has none");
    if (best != &xk_simd_generic)
        check_simd(&xk_simd_avx2);
    else
        tap_skip("AVX2 kernels", "this processor has none");
    check_simd(&xk_simd_generic);
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        check_repeats(archs[i]);
        check_part(archs[i]);
        check_slope(archs[i], 0);
    }
    check_slope("efficientnet_b0", 0.3f);
    check_slope("resnet18", 0.3f);
    check_freeze();
    check_state();
    check_errors();
    return tap_done();
}
