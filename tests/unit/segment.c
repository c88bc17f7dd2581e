/* Masks compared, the distance transform, parts, run lengths: against plain loops and,
 * where it is there, reference data made with SciPy and pycocotools. */
#include <string.h>

#include "array.h"
#include "json.h"
#include "rle.h"
#include "rng.h"
#include "stats_segment.h"
#include "tap.h"

static struct xr_err err;

static unsigned char *random_mask(struct xr_rng *rng, size_t h, size_t w, double share)
{
    unsigned char *m = xr_alloc_array(h * w, 1, &err);

    for (size_t i = 0; i < h * w; i++)
        m[i] = xr_rng_uniform(rng) < share;
    return m;
}

/* The nearest pixel by looking at all of them. */
static double nearest(const unsigned char *on, size_t h, size_t w, size_t y, size_t x,
                      const double spacing[2])
{
    double best = INFINITY;

    for (size_t i = 0; i < h * w; i++) {
        double dy = ((double)(i / w) - (double)y) * spacing[0],
               dx = ((double)(i % w) - (double)x) * spacing[1];

        if (on[i] && dy * dy + dx * dx < best)
            best = dy * dy + dx * dx;
    }
    return best;
}

static void test_transform(void)
{
    static const size_t sides[][2] = {{1, 1}, {1, 17}, {13, 1}, {24, 31}, {40, 23}};
    static const double spacings[][2] = {{1, 1}, {0.5, 0.8}, {3, 0.01}, {0.02, 5}};
    static const double shares[] = {0, 0.003, 0.1, 0.9, 1};
    struct xr_rng rng;
    double worst = 0;
    int infinite = 1;

    xr_rng_init(&rng, 1, 0, "", "test");
    for (size_t t = 0; t < 5 * 4 * 5; t++) {
        size_t h = sides[t % 5][0], w = sides[t % 5][1];
        const double *spacing = spacings[t / 5 % 4];
        unsigned char *on = random_mask(&rng, h, w, shares[t / 20]);
        double *d2 = xr_alloc_array(h * w, sizeof *d2, &err);

        if (xr_distance_transform(d2, on, NULL, h, w, spacing, &err))
            infinite = 0;
        for (size_t i = 0; i < h * w; i++) {
            double want = nearest(on, h, w, i / w, i % w, spacing);

            if (isinf(want))
                infinite = infinite && isinf(d2[i]);
            else if (fabs(d2[i] - want) > worst * (1 + want))
                worst = fabs(d2[i] - want) / (1 + want);
        }
        free(on);
        free(d2);
    }
    near(worst, 0, 1e-14, "the distance transform is that of looking at every pixel");
    ok(infinite, "it is infinite where no pixel is on");
}

/* Parts by flooding. */
static size_t flood(unsigned char *m, size_t h, size_t w, size_t i, int neighbours)
{
    size_t y = i / w, x = i % w;

    if (!m[i])
        return 0;
    m[i] = 0;
    for (int k = 0; k < 9; k++) {
        int dy = k / 3 - 1, dx = k % 3 - 1;

        if ((neighbours == 4 && dy && dx) || (!y && dy < 0) || (!x && dx < 0) ||
            (y + 1 == h && dy > 0) || (x + 1 == w && dx > 0))
            continue;
        flood(m, h, w, (size_t)((ptrdiff_t)i + dy * (ptrdiff_t)w + dx), neighbours);
    }
    return 1;
}

static void test_parts(void)
{
    struct xr_rng rng;
    int good = 1;

    xr_rng_init(&rng, 2, 0, "", "test");
    for (int t = 0; t < 60; t++) {
        size_t h = 1 + xr_rng_below(&rng, 30), w = 1 + xr_rng_below(&rng, 30);
        int neighbours = t % 2 ? 4 : 8;
        unsigned char *m = random_mask(&rng, h, w, 0.3 + 0.01 * t / 2);
        size_t n, want = 0;

        good = good && xr_mask_parts(&n, m, h, w, neighbours, &err) == 0;
        for (size_t i = 0; i < h * w; i++)
            want += flood(m, h, w, i, neighbours);
        good = good && n == want;
        free(m);
    }
    ok(good, "parts are as many as flooding finds");
}

static void test_refusals(void)
{
    static const unsigned char one[1] = {1};
    static const double bad[][2] = {{0, 1}, {1, -1}, {NAN, 1}, {INFINITY, 1}};
    struct xr_segment s;
    int good = 1;

    for (int i = 0; i < 4; i++)
        good = good && xr_segment_measure(&s, one, one, 1, 1, bad[i], &err);
    ok(good, "a spacing that is none is refused");
    ok(xr_segment_measure(&s, one, one, 1, 1, (double[]){2, 3}, &err) == 0 &&
           s.figure[XR_SEGMENT_HAUSDORFF] == 0 && s.figure[XR_SEGMENT_DICE] == 1,
       "a mask of one pixel against itself");
}

/* Runs: plain, compressed, damaged. */
static void test_runs(void)
{
    static const char *const bad[] = {
        "{\"size\": [2, 3], \"counts\": [1, 2]}",
        "{\"size\": [2, 3], \"counts\": [1, 6]}",
        "{\"size\": [2, 3], \"counts\": [1, -2, 7]}",
        "{\"size\": [2, 3], \"counts\": [1.5, 4.5]}",
        "{\"size\": [2, 3], \"counts\": \"12\"}",
        "{\"size\": [2, 3], \"counts\": \"P\"}",
        "{\"size\": [2, 3], \"counts\": \"PPPPPPPPP0\"}",
        "{\"size\": [2, 3], \"counts\": \"1 3\"}",
        "{\"size\": [3, 2], \"counts\": [6]}",
        "{\"size\": [2], \"counts\": [6]}",
        "{\"size\": [0, 3], \"counts\": []}",
        "{\"size\": [65500, 65500], \"counts\": []}",
        "{\"counts\": [6]}",
        "[]",
    };
    static const char *const same[] = {
        "{\"size\": [2, 3], \"counts\": [1, 2, 3]}",
        "{\"size\": [2, 3], \"counts\": \"123\"}",
    };
    static const unsigned char want[6] = {0, 1, 0, 1, 0, 0};
    int good = 1;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *json = cJSON_Parse(bad[i]);
        unsigned char m[6] = {0};

        if (xr_rle_draw(m, 2, 3, json, &err) == 0) {
            good = 0;
            printf("# taken: %s\n", bad[i]);
        }
        cJSON_Delete(json);
    }
    ok(good, "runs that do not make the image are refused");
    for (int i = 0; i < 2; i++) {
        cJSON *json = cJSON_Parse(same[i]);
        unsigned char m[6] = {0};

        ok(xr_rle_draw(m, 2, 3, json, &err) == 0 && !memcmp(m, want, 6),
           "runs of columns, %s", i ? "compressed" : "plain");
        cJSON_Delete(json);
    }
}

/* --- reference data ---------------------------------------------------------------- */

static int read_mask(struct xr_array *a, const char *dir, const char *name,
                     const char *kind)
{
    struct xr_buf buf = {0};
    char path[4096];
    int rc;

    snprintf(path, sizeof path, "%s/golden/segment/%s.%s.npy", dir, name, kind);
    rc = xr_read_file(&buf, path, 1 << 20, NULL, &err) ||
         xr_npy_parse(a, buf.data, buf.size, &err);
    xr_buf_free(&buf);
    return rc;
}

/* How far a figure is from what the object says; null is NaN. */
static double off(const cJSON *want, const char *name, double got)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(want, name);

    if (!item || cJSON_IsNull(item))
        return item && isnan(got) ? 0 : INFINITY;
    return isnan(got) ? INFINITY : fabs(got - item->valuedouble);
}

static void check_measures(const cJSON *pair, const char *key, const double spacing[2],
                           const struct xr_array *truth,
                           const struct xr_array *prediction)
{
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(pair, key);
    struct xr_segment s;
    double worst = 0, d;

    if (xr_segment_measure(&s, truth->data, prediction->data, truth->shape[0],
                           truth->shape[1], spacing, &err)) {
        ok(0, "%s: %s", pair->string, err.text);
        return;
    }
    ok(off(want, "pixels_truth", (double)s.truth) == 0 &&
           off(want, "pixels_prediction", (double)s.prediction) == 0 &&
           off(want, "intersection", (double)s.both) == 0,
       "%s: counts", pair->string);
    for (int f = 0; f < XR_N_SEGMENT; f++) {
        d = off(want, xr_segment_name(f), s.figure[f]);
        worst = d > worst ? d : worst;
    }
    if (!ok(worst <= 1e-9, "%s, %s: figures", pair->string, key))
        printf("# off by %g\n", worst);
}

static void check_pair(const cJSON *pair, const char *dir)
{
    const cJSON *rle = cJSON_GetObjectItemCaseSensitive(pair, "truth_coco_rle");
    cJSON *plain = cJSON_CreateObject();
    struct xr_array m[2] = {0};
    unsigned char *drawn = NULL;
    int good = 1;

    if (read_mask(&m[0], dir, pair->string, "truth") ||
        read_mask(&m[1], dir, pair->string, "prediction")) {
        ok(0, "%s: %s", pair->string, err.text);
        goto done;
    }
    check_measures(pair, "spacing_1_1", (double[]){1, 1}, &m[0], &m[1]);
    check_measures(pair, "spacing_0.5_0.8", (double[]){0.5, 0.8}, &m[0], &m[1]);
    for (int i = 0; i < 4; i++) {
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(
            pair, i / 2 ? "prediction_components" : "truth_components");
        size_t n;

        good = good &&
               !xr_mask_parts(&n, m[i / 2].data, m[i / 2].shape[0], m[i / 2].shape[1],
                              i % 2 ? 8 : 4, &err) &&
               off(want, i % 2 ? "connectivity8" : "connectivity4", (double)n) == 0;
    }
    ok(good, "%s: parts", pair->string);
    cJSON_AddItemReferenceToObject(plain, "size",
                                   cJSON_GetObjectItemCaseSensitive(rle, "size"));
    cJSON_AddItemReferenceToObject(plain, "counts",
                                   cJSON_GetObjectItemCaseSensitive(rle, "uncompressed"));
    for (int i = 0; i < 2; i++) {
        free(drawn);
        drawn = xr_alloc_array(xr_array_count(&m[0]), 1, &err);
        ok(!xr_rle_draw(drawn, m[0].shape[0], m[0].shape[1], i ? plain : rle, &err) &&
               !memcmp(drawn, m[0].data, xr_array_count(&m[0])),
           "%s: runs, %s", pair->string, i ? "plain" : "compressed");
    }
done:
    free(drawn);
    cJSON_Delete(plain);
    xr_array_free(&m[0]);
    xr_array_free(&m[1]);
}

static void test_reference(void)
{
    const char *dir = tap_shared();
    char path[4096];
    const cJSON *pair;
    cJSON *json;

    if (!dir) {
        tap_skip("masks of SciPy", "no reference data (XR_SHARED)");
        return;
    }
    snprintf(path, sizeof path, "%s/golden/segment/expected.json", dir);
    json = xr_json_read(path, NULL, &err);
    ok(json != NULL, "expected.json");
    cJSON_ArrayForEach(pair, cJSON_GetObjectItemCaseSensitive(json, "pairs"))
    {
        check_pair(pair, dir);
    }
    cJSON_Delete(json);
}

int main(void)
{
    test_transform();
    test_parts();
    test_refusals();
    test_runs();
    test_reference();
    return tap_done();
}
