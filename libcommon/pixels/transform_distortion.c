/* Maps without a matrix: smooth noise, stretched cells, a lens. */
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

#define MAX_CELLS 32 /* of a side, in grid_distortion */

/* The displacement has the strength that albumentations' ElasticTransform gives it:
 * there, noise whose largest magnitude (about 4.5 deviations) is scaled to 1, blurred,
 * times alpha. */
static int do_elastic(struct xr_job *job)
{
    static const double unit[6] = {1, 0, 0, 0, 1, 0};
    double alpha = xr_job_value(job, 0), sigma = xr_job_value(job, 1);
    enum xr_border border = (enum xr_border)xr_job_word(job, 2);
    size_t w = job->film->image->width, h = job->film->image->height;
    size_t n = xr_field_noise(w, h, sigma);
    double amplitude = alpha / (2 * 1.7724538509055159 * sigma) / 4.5;
    float *noise = xr_alloc_array(n, 2 * sizeof *noise, job->err);
    struct xr_map map = {0};
    struct xr_rng rng;
    int rc = -1;

    xr_job_field(job, &rng);
    if (noise && xr_map_alloc(&map, w, h, job->err) == 0) {
        /* even noise of unit variance: some twenty nodes add up at each pixel */
        xr_rng_fill(&rng, (uint32_t *)noise, 2 * n);
        for (size_t i = 0; i < 2 * n; i++) {
            int32_t bits;

            memcpy(&bits, &noise[i], sizeof bits);
            noise[i] = ((float)bits * 0x1p-31f) * 1.7320508f;
        }
        xr_map_affine(&map, unit);
        rc = xr_map_field(&map, noise, sigma, amplitude, job->err) ||
                     xr_job_follow(job, &map, NULL, border)
                 ? -1
                 : 0;
    }
    free(noise);
    xr_map_free(&map);
    return rc;
}

/* Where n pixels come from when a side is cut in cells of equal length, and each is made
 * of a part of the input as wide as its share of the sum. */
static void cell_ramp(float *at, size_t n, const double *shares, size_t cells)
{
    double sum = 0, from[MAX_CELLS + 1];

    from[0] = 0;
    for (size_t i = 0; i < cells; i++)
        sum += shares[i];
    for (size_t i = 0; i < cells; i++)
        from[i + 1] = from[i] + shares[i] / sum;
    for (size_t x = 0; x < n; x++) {
        double t = ((double)x + 0.5) / (double)n * (double)cells;
        size_t i = (size_t)t < cells ? (size_t)t : cells - 1;

        at[x] =
            (float)((from[i] + (t - (double)i) * (from[i + 1] - from[i])) * (double)n -
                    0.5);
    }
}

static int do_grid_distortion(struct xr_job *job)
{
    size_t cells = (size_t)xr_job_value(job, 0);
    double shares[2][MAX_CELLS];
    enum xr_border border = (enum xr_border)xr_job_word(job, 2);
    size_t w = job->film->image->width, h = job->film->image->height;
    float *down = xr_alloc_array(h, sizeof *down, job->err);
    struct xr_map map = {0};
    int rc = -1;

    for (size_t i = 0; i < 2 * cells; i++)
        shares[i / cells][i % cells] = 1 + xr_job_draw(job, 1);
    if (down && xr_job_say_list(job, "columns", shares[0], cells, 0.05, 2) == 0 &&
        xr_job_say_list(job, "rows", shares[1], cells, 0.05, 2) == 0 &&
        xr_map_alloc(&map, w, h, job->err) == 0) {
        cell_ramp(map.x, w, shares[0], cells);
        cell_ramp(down, h, shares[1], cells);
        for (size_t y = 0; y < h; y++) {
            if (y > 0)
                memcpy(map.x + y * w, map.x, w * sizeof *map.x);
            for (size_t x = 0; x < w; x++)
                map.y[y * w + x] = down[y];
        }
        rc = xr_job_follow(job, &map, NULL, border);
    }
    free(down);
    xr_map_free(&map);
    return rc;
}

XR_CLONES static void lens_row(float *mx, float *my, size_t n, double y, double height,
                               double k)
{
    double cx = ((double)n - 1) / 2, cy = (height - 1) / 2, v = (y - cy) / height;

    for (size_t i = 0; i < n; i++) {
        double u = ((double)(int32_t)i - cx) / (double)n, r2 = u * u + v * v;
        double grow = 1 + k * r2 + k * r2 * r2;

        mx[i] = (float)(cx + (double)n * u * grow);
        my[i] = (float)(cy + height * v * grow);
    }
}

/* OpenCV's camera with k1 = k2 = k, focal lengths as long as the sides and the axis
 * through the centre, as albumentations calls it (which is half a pixel off there). */
static int do_optical_distortion(struct xr_job *job)
{
    double k = xr_job_value(job, 0);
    enum xr_border border = (enum xr_border)xr_job_word(job, 1);
    size_t w = job->film->image->width, h = job->film->image->height;
    struct xr_map map;
    int rc;

    if (xr_map_alloc(&map, w, h, job->err))
        return -1;
    for (size_t y = 0; y < h; y++)
        lens_row(map.x + y * w, map.y + y * w, w, (double)y, (double)h, k);
    rc = xr_job_follow(job, &map, NULL, border);
    xr_map_free(&map);
    return rc;
}

const struct xr_transform xr_transforms_distortion[] = {
    {"elastic",
     do_elastic,
     {{"alpha", XR_REAL, 50, 50, 0, 10000, NULL},
      {"sigma", XR_REAL, 7, 7, 1, 1000, NULL},
      XR_BORDER_PARAM},
     .p = 0.5},
    {"grid_distortion",
     do_grid_distortion,
     {{"cells", XR_WHOLE, 5, 5, 1, MAX_CELLS, NULL},
      {"distort", XR_AROUND, -0.3, 0.3, -0.9, 0.9, NULL},
      XR_BORDER_PARAM},
     .p = 0.5},
    {"optical_distortion",
     do_optical_distortion,
     {{"k", XR_AROUND, -0.1, 0.1, -0.5, 5, NULL}, XR_BORDER_PARAM},
     .p = 0.5},
    {0},
};
