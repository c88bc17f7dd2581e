/* Films to a few numbers each: size, brightness, a hash, detail. */
#include "scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frames.h"
#include "image.h"
#include "io.h"
#include "pixels/pixels.h"
#include "pool.h"
#include "stats.h"

#define SIDE XR_SCAN_SIDE
#define N_FREQ 23 /* frequencies a way that the hash looks at */
#define SIGMA 1.5 /* of the blur that detail is left from */
#define TAPS 13   /* of it */
#define CLIP 4    /* detail is cut off at as many times its root mean square */
#define BORDER XR_SCAN_BORDER
#define INNER XR_SCAN_INNER
#define FLAT 1e-5 /* detail of less, full scale being 1, is rounding */

/* --- one image ------------------------------------------------------------------- */

/* 8 bit as 16 bit, so that averages keep their fractions. */
static int as16(struct xr_image *wide, const struct xr_image *image, struct xr_err *err)
{
    size_t n = image->width * image->height;
    const uint8_t *from = image->data;
    uint16_t *to;

    if (xr_image_alloc(wide, image->width, image->height, 1, 16, err))
        return -1;
    to = wide->data;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t)(from[i] * 257);
    return 0;
}

/* The film as SIDE x SIDE numbers from 0 to 1. */
static int thumbnail(float *thumb, const struct xr_image *image, struct xr_err *err)
{
    struct xr_image wide = {0}, small = {0};
    int status = 0;

    if (image->depth == 8)
        status = as16(&wide, image, err);
    if (!status)
        status = xr_resize(&small, image->depth == 8 ? &wide : image, NULL, SIDE, SIDE,
                           XR_BOX, err);
    for (size_t i = 0; i < SIDE * SIDE && !status; i++)
        thumb[i] = (float)((const uint16_t *)small.data)[i] / 65535.0f;
    xr_image_free(&wide);
    xr_image_free(&small);
    return status;
}

static void brightness(struct xr_scan *film, const float *thumb)
{
    double sum = 0, sum2 = 0, border = 0;
    double sorted[SIDE * SIDE];
    size_t n_border = 0;

    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            double v = (double)thumb[y * SIDE + x];

            sorted[y * SIDE + x] = v;
            film->dark += (v < 0.02) / (double)(SIDE * SIDE);
            film->bright += (v > 0.98) / (double)(SIDE * SIDE);
            sum += v;
            sum2 += v * v;
            if (y < BORDER || x < BORDER || y >= SIDE - BORDER || x >= SIDE - BORDER) {
                border += v;
                n_border++;
            }
        }
    }
    film->mean = sum / (SIDE * SIDE);
    film->sd = sqrt(fmax(0, sum2 / (SIDE * SIDE) - film->mean * film->mean));
    film->border = border / (double)n_border;
    xr_sort(sorted, SIDE * SIDE);
    film->median = xr_quantile_sorted(sorted, SIDE * SIDE, 0.5);
}

/* Signs of low frequencies, those with the least sum first. */
static void hash_of(uint64_t hash[4], const float *thumb)
{
    double wave[N_FREQ][SIDE], rows[SIDE][N_FREQ];
    size_t bit = 0;

    for (size_t u = 0; u < N_FREQ; u++) {
        for (size_t x = 0; x < SIDE; x++)
            wave[u][x] = cos(M_PI * (2 * (double)x + 1) * (double)u / (2 * SIDE));
    }
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t u = 0; u < N_FREQ; u++) {
            rows[y][u] = 0;
            for (size_t x = 0; x < SIDE; x++)
                rows[y][u] += (double)thumb[y * SIDE + x] * wave[u][x];
        }
    }
    memset(hash, 0, 4 * sizeof *hash);
    for (size_t s = 2; bit < 256; s++) {
        for (size_t v = 0; v <= s && bit < 256; v++, bit++) {
            double sum = 0;

            for (size_t y = 0; y < SIDE; y++)
                sum += rows[y][s - v] * wave[v][y];
            if (sum > 0)
                hash[bit / 64] |= UINT64_C(1) << bit % 64;
        }
    }
}

static int detail(struct xr_scan *film, const float *thumb, bool fine, struct xr_err *err)
{
    float low[SIDE * SIDE], high[INNER * INNER];
    double sum = 0;
    float scale;

    memcpy(low, thumb, sizeof low);
    if (xr_gauss_f32(low, SIDE, SIDE, SIGMA, TAPS, true, err))
        return -1;
    for (size_t i = 0; i < INNER * INNER; i++) {
        size_t at = (i / INNER + BORDER) * SIDE + i % INNER + BORDER;

        high[i] = thumb[at] - low[at];
        sum += (double)high[i] * (double)high[i];
    }
    sum = sqrt(sum / (INNER * INNER));
    film->detail = sum;
    if (!fine || sum < FLAT)
        return 0;
    film->fine = xr_alloc_array(INNER * INNER, sizeof *film->fine, err);
    if (!film->fine)
        return -1;
    scale = (float)(127 / (CLIP * sum));
    sum = 0;
    for (size_t i = 0; i < INNER * INNER; i++) {
        float v = rintf(high[i] * scale);

        film->fine[i] = (int8_t)(v < -127 ? -127 : v > 127 ? 127 : v);
        sum += (double)(film->fine[i] * film->fine[i]);
    }
    film->norm = sqrt(sum);
    return 0;
}

/* Of size, depth and gray levels. */
static int digest_pixels(struct xr_scan *film, const struct xr_image *image,
                         struct xr_err *err)
{
    uint64_t shape[3] = {image->width, image->height, (uint64_t)image->depth};
    struct xr_sha256 *sha = xr_sha256_new(err);
    unsigned char digest[32];

    if (!sha)
        return -1;
    xr_sha256_add(sha, shape, sizeof shape);
    xr_sha256_add(sha, image->data,
                  image->width * image->height * (size_t)(image->depth / 8));
    xr_sha256_bytes(sha, digest);
    xr_sha256_free(sha);
    memcpy(film->pixels, digest, sizeof film->pixels);
    return 0;
}

int xr_scan_image(struct xr_scan *film, const struct xr_image *image, bool fine,
                  struct xr_err *err)
{
    float thumb[SIDE * SIDE];

    film->width = image->width;
    film->height = image->height;
    if (thumbnail(thumb, image, err) || digest_pixels(film, image, err))
        return -1;
    brightness(film, thumb);
    hash_of(film->hash, thumb);
    return detail(film, thumb, fine, err);
}

/* --- many files ------------------------------------------------------------------ */

struct run {
    const char *const *paths;
    const char *root;
    struct xr_scan *films;
    size_t n, at;
    bool fine;
};

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct run *run = shared;
    size_t *i = slot;

    (void)err;
    *i = run->at++;
    return *i < run->n;
}

/* Bytes of the file, without what a path may choose of it. */
static uint64_t file_size(const char *path, struct xr_err *err)
{
    struct xr_pick pick;
    char *file = xr_sprintf(err, "%.*s", (int)xr_frames_find(&pick, path), path);
    struct stat st = {0};

    if (file && stat(file, &st))
        st.st_size = 0;
    free(file);
    return (uint64_t)st.st_size;
}

static int read_one(struct xr_scan *film, const char *path, const struct run *run,
                    struct xr_err *err)
{
    bool joined = run->root && *path != '/';
    char *full =
        joined ? xr_sprintf(err, "%s/%s", run->root, path) : xr_strdup(path, err);
    struct xr_image image = {0};
    struct xr_image_info info = {0};
    int status = -1;

    if (full) {
        film->bytes = file_size(full, err);
        status = xr_frames_read(&image, &info, full, XR_COLOR_GRAY, NULL, err);
        if (status && strncmp(err->text, full, strlen(full)))
            xr_fail_in(err, "%s", full);
    }
    if (!status)
        status = xr_scan_image(film, &image, run->fine, err);
    xr_image_free(&image);
    free(full);
    return status;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    struct run *run = shared;
    size_t i = *(size_t *)slot;
    struct xr_err why = {0};

    if (read_one(&run->films[i], run->paths[i], run, &why)) {
        run->films[i].why = xr_strdup(why.text, err);
        return run->films[i].why ? 0 : -1;
    }
    return 0;
}

static void clear(void *slot)
{
    (void)slot;
}

int xr_scan_films(struct xr_scan *films, const char *const *paths, size_t n,
                  const char *root, bool fine, int jobs, struct xr_err *err)
{
    struct run run = {paths, root, films, n, 0, fine};
    struct xr_pool_job job = {&run, sizeof(size_t), fetch, work, clear};
    struct xr_pool *pool = NULL;
    void *slot;
    int got, failed = 0;

    if (xr_pool_open(&pool, &job, jobs > 0 ? (size_t)jobs : 1, err))
        return -1;
    while ((got = xr_pool_next(pool, &slot, &failed, err)) > 0 && !failed)
        continue;
    xr_pool_close(pool);
    return got || failed ? -1 : 0;
}

void xr_scan_free(struct xr_scan *films, size_t n)
{
    for (size_t i = 0; films && i < n; i++) {
        free(films[i].why);
        free(films[i].fine);
    }
    free(films);
}
