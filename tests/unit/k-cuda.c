/*
 * What the CUDA device computes on the host: launch geometry up to its limits, against
 * counting; random numbers drawn in any order, against those drawn in order; formulas
 * that both devices share, against the definitions they come from, in plain double; the
 * check of a plugin.
 */
#include "cuda/tuned.c" /* part of the plugin, which a program does not link */

#include <math.h>

#include "plugin.h"
#include "rng.h"
#include "tap.h"

/* --- geometry ---------------------------------------------------------------------- */

static int grid_is_legal(const struct xk_grid *g)
{
    return g->x >= 1 && g->x <= 0x7fffffffu && g->y >= 1 && g->y <= 65535 && g->tx >= 1 &&
           g->tx * g->ty == XK_THREADS;
}

/* Every element is somebody's: blocks times threads reach n, or go on in strides. */
static void test_flat(void)
{
    static const size_t sizes[] = {
        1, 255, 256, 257, 1 << 20, (size_t)1 << 28, (size_t)1 << 31, SIZE_MAX};
    int legal = 1, enough = 1;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct xk_grid g = xk_grid_flat(sizes[i]), r = xk_grid_rows(sizes[i]);

        legal = legal && grid_is_legal(&g) && grid_is_legal(&r);
        if (g.x < XK_MAX_BLOCKS)
            enough = enough && (size_t)g.x * g.tx >= sizes[i] &&
                     ((size_t)g.x - 1) * g.tx < sizes[i];
        if (r.x < XK_MAX_BLOCKS)
            enough = enough && (size_t)r.x * r.ty >= sizes[i];
    }
    ok(legal, "grids of up to 2^64 elements are within CUDA's limits");
    ok(enough, "and have a thread for every element, and no idle block");
}

/* Chunks cover all rows, each once; partial sums fit into what is asked for. */
static void test_columns(void)
{
    static const size_t rows[] = {1, 2, 7, 8, 49, 1000, 100352, 1605632, (size_t)1 << 32};
    static const size_t channels[] = {1,  3,   4,    8,    12,   24,
                                      96, 100, 1280, 2048, 4096, 100000};
    int legal = 1, covered = 1, fits = 1;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof channels / sizeof *channels; k++)
            for (size_t v = 1; v <= 8; v *= 2) {
                struct xk_columns c;

                if (channels[k] % v || v == 2)
                    continue;
                c = xk_columns_of(rows[i], channels[k] / v);
                legal = legal && grid_is_legal(&c.grid) && c.chunks <= XK_MAX_CHUNKS &&
                        c.grid.y == c.chunks;
                covered = covered && c.chunks * c.per_chunk >= rows[i] &&
                          (c.chunks - 1) * c.per_chunk < rows[i] &&
                          (size_t)c.grid.x * c.grid.tx * v >= channels[k];
                fits = fits && c.chunks * channels[k] * 2 <=
                                   xk_columns_floats(rows[i], channels[k], 2);
            }
    ok(legal, "sums over rows: grids are within CUDA's limits");
    ok(covered, "their chunks cover all rows once, and all channels");
    ok(fits, "and their partial sums the room that is asked for");
}

static void test_images(void)
{
    int good = 1;

    for (size_t images = 1; images < 200000; images = images * 3 + 1)
        for (size_t packs = 1; packs < 3000; packs = packs * 2 + 1) {
            struct xk_grid g = xk_grid_images(images, packs);

            good = good && grid_is_legal(&g) && (size_t)g.x * g.tx >= packs &&
                   (g.y == images || g.y == XK_MAX_SIDE);
        }
    ok(good, "sums over images: grids are within CUDA's limits and reach all channels");
}

/* --- formulas ---------------------------------------------------------------------- */

static void test_uniform(void)
{
    struct xr_rng in_order, at;
    int same = 1;

    xr_rng_init(&in_order, 3, 7, "blocks.1.drop", "drop");
    at = in_order;
    for (uint64_t i = 0; i < 1001; i++)
        same = same && xr_rng_uniform(&in_order) == xr_rng_uniform_at(&at, i);
    ok(same, "number i of a stream is the same in any order");
    /* behind 2^32 blocks the counter's second word counts */
    xr_rng_init(&in_order, 3, 7, "x", "drop");
    at = in_order;
    in_order.counter[0] = 5;
    in_order.counter[1] = 2;
    ok(xr_rng_uniform(&in_order) == xr_rng_uniform_at(&at, 2 * ((2ull << 32) + 5)),
       "also far behind");
}

enum {
    ROWS = 37
};

/* A batch norm of one channel from its definition, and from the shared formulas. */
static void test_bn(void)
{
    double x[ROWS], dy[ROWS], mean = 0, var = 0, sum = 0, squares = 0, sum_g = 0,
                              sum_gx = 0, worst = 0, m, v;
    const double center = 2.5, eps = 1e-5;
    const float gamma = 1.5f, beta = -0.25f;
    float rstd, scale, shift, kg, kx, k1;
    struct xr_rng rng;

    xr_rng_init(&rng, 1, 0, "bn", "test");
    for (int i = 0; i < ROWS; i++) {
        x[i] = 3 + 2 * xr_rng_normal(&rng);
        dy[i] = xr_rng_normal(&rng);
        mean += x[i] / ROWS;
        sum += x[i] - center;
        squares += (x[i] - center) * (x[i] - center);
    }
    for (int i = 0; i < ROWS; i++)
        var += (x[i] - mean) * (x[i] - mean) / ROWS;
    xk_bn_moments(&m, &v, sum, squares, center, ROWS);
    near(m, mean, 1e-12, "batch norm: the mean, from sums around a point");
    near(v, var, 1e-12, "its variance");
    near(xk_bn_unbiased(v, ROWS), var * ROWS / (ROWS - 1), 1e-12, "without bias");
    near((double)xk_bn_running(2, 4), 0.9 * 2 + 0.1 * 4, 1e-6, "running mean");
    rstd = xk_bn_rstd(v, eps);
    scale = gamma * rstd;
    shift = xk_bn_shift(beta, (float)m, scale);
    for (int i = 0; i < ROWS; i++)
        worst =
            fmax(worst,
                 fabs((double)scale * x[i] + (double)shift -
                      ((x[i] - mean) / sqrt(var + eps) * (double)gamma + (double)beta)));
    near(worst, 0, 1e-6, "scale and shift");
    for (int i = 0; i < ROWS; i++) {
        sum_g += dy[i];
        sum_gx += dy[i] * (x[i] - mean);
    }
    xk_bn_slopes(&kg, &kx, &k1, sum_g, sum_gx, ROWS, scale, rstd, (float)m, 1);
    worst = 0;
    for (int i = 0; i < ROWS; i++) { /* Ioffe and Szegedy 2015, section 3 */
        double n = (x[i] - mean) / sqrt(var + eps), mean_g = sum_g / ROWS,
               mean_gn = sum_gx / sqrt(var + eps) / ROWS;
        double want = (double)gamma / sqrt(var + eps) * (dy[i] - mean_g - n * mean_gn);

        worst =
            fmax(worst, fabs((double)kg * dy[i] + (double)kx * x[i] + (double)k1 - want));
    }
    near(worst, 0, 1e-6, "the gradient of its input");
    xk_bn_slopes(&kg, &kx, &k1, sum_g, sum_gx, ROWS, scale, rstd, (float)m, 0);
    ok(kg == scale && kx == 0 && k1 == 0, "with running statistics x does not move them");
}

static void test_fold(void)
{
    const float bias = 0.5f, gamma = 2, beta = -1, mean = 3, var = 4, eps = 1e-3f;
    double scale, shift, w = 0.7, x = 1.3;

    xk_fold(&scale, &shift, NULL, NULL, NULL, NULL, NULL, eps);
    ok(scale == 1 && shift == 0, "nothing is folded into a convolution alone");
    xk_fold(&scale, &shift, &bias, &gamma, &beta, &mean, &var, eps);
    near(w * scale * x + shift,
         (w * x + (double)bias - (double)mean) / sqrt((double)var + (double)eps) * 2 - 1,
         1e-12, "a batch norm folded into a convolution with a bias");
    xk_fold(&scale, &shift, &bias, &gamma, NULL, NULL, NULL, eps);
    near(w * scale * x + shift, (w * x + (double)bias) * 2, 1e-12, "a layer scale");
    ok(xk_drop_factor(0.2, 0.25f) == 0 && xk_drop_factor(0.25, 0.25f) == 1 / 0.75f,
       "dropout keeps what it does not drop at the same mean");
    near((double)xk_ema(1, 3, 0.75f), 1.5, 1e-7, "a moving average");
}

/* --- plugin ------------------------------------------------------------------------ */

static void test_plugin(void)
{
    struct xk_plugin p = {.abi = XK_PLUGIN_ABI,
                          .sizes = XK_PLUGIN_SIZES,
                          .version = XR_VERSION,
                          .built = "here",
                          .backend = &xk_backend_cpu};
    struct xk_plugin other = p;
    struct xr_err err = {0};
    int refused;

    ok(xk_plugin_check(&p, "p", &err) == 0, "a plugin of the same headers is taken");
    other.abi++;
    ok(xk_plugin_check(&other, "p", &err) != 0, "one of another table is not: %s",
       err.text);
    other = p;
    other.version = "0.0.9";
    ok(xk_plugin_check(&other, "p", &err) != 0, "nor one of another version: %s",
       err.text);
    refused = 1;
    for (int i = 0; i < XK_PLUGIN_N_SIZES; i++) {
        other = p;
        other.sizes[i] += 8;
        refused = refused && xk_plugin_check(&other, "p", &err) != 0;
    }
    ok(refused, "nor one with a structure of another size");
}

/* --- what was found by trying ------------------------------------------------------ */

static void test_tuned(void)
{
    char dir[] = "/tmp/xr-tuned-XXXXXX", path[PATH_MAX];
    FILE *f;

    if (!mkdtemp(dir)) {
        ok(0, "a folder");
        return;
    }
    snprintf(path, sizeof path, "%s/deep/er", dir);
    setenv("XDG_CACHE_HOME", path, 1);
    ok(xk_tuned_get("engines", "a;1") == -1, "nothing is known at first");
    xk_tuned_put("engines", "a;1", 3);
    xk_tuned_put("engines", "a;11", 4);
    xk_tuned_put("engines", "b;1", 0);
    ok(xk_tuned_get("engines", "a;1") == 3 && xk_tuned_get("engines", "a;11") == 4 &&
           xk_tuned_get("engines", "b;1") == 0 && xk_tuned_get("engines", "a") == -1,
       "what was found is known again, by its whole key");
    xk_tuned_put("engines", "a;1", 5);
    ok(xk_tuned_get("engines", "a;1") == 5, "the last word counts");
    snprintf(path, sizeof path, "%s/deep/er/xr/engines", dir);
    f = fopen(path, "a");
    if (f) {
        fputs("a;11 x\na;11 -4\na;11 99999999999999999999\na;11", f);
        fclose(f);
    }
    ok(xk_tuned_get("engines", "a;11") == 4, "damaged lines are passed over");
    unlink(path);
    snprintf(path, sizeof path, "%s/deep/er/xr", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/deep/er", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/deep", dir);
    rmdir(path);
    rmdir(dir);
    setenv("XDG_CACHE_HOME", "/proc/none", 1);
    xk_tuned_put("engines", "a;1", 5);
    ok(xk_tuned_get("engines", "a;1") == -1,
       "where nothing can be written nothing is lost");
}

int main(void)
{
    test_flat();
    test_columns();
    test_images();
    test_uniform();
    test_bn();
    test_fold();
    test_plugin();
    test_tuned();
    return tap_done();
}
