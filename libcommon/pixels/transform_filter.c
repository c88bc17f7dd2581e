/* Blurs, sharpening, noise, and what compression and small screens leave. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

static int do_blur(struct xr_job *job)
{
    return xr_gauss_blur(job->film->image, xr_job_value(job, 0), 0, job->err);
}

static int do_median(struct xr_job *job)
{
    return xr_median(job->film->image, xr_job_value(job, 0) < 4 ? 3 : 5, job->err);
}

/* The sum of eight even numbers is normal to within a percent up to three deviations,
 * and, unlike logarithms, the same to the last bit on every machine. */
static int do_gauss_noise(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = image->width * image->height * image->channels;
    double std = xr_job_value(job, 0) * sqrt(12.0 / 8) / 65536;
    float *noise = xr_alloc_array(n, sizeof *noise, job->err);
    struct xr_rng rng;

    if (!noise)
        return -1;
    xr_job_field(job, &rng);
    for (size_t i = 0; i < n; i++) {
        int32_t sum = -8 * 65535 / 2;

        for (int k = 0; k < 4; k++) {
            uint32_t v = xr_rng_u32(&rng);

            sum += (int32_t)(v & 0xffff) + (int32_t)(v >> 16);
        }
        noise[i] = (float)(sum * std);
    }
    xr_add_noise(image, noise);
    free(noise);
    return 0;
}

const struct xr_transform xr_transforms_filter[] = {
    {"blur", do_blur, {{"sigma", XR_PLAIN, 0.5, 1.5, 0.1, 50, NULL}}, .p = 0.5},
    {"median", do_median, {{"size", XR_WHOLE, 3, 3, 3, 5, NULL}}, .p = 0.5},
    {"gauss_noise", do_gauss_noise, {{"std", XR_PLAIN, 2, 10, 0, 255, NULL}}, .p = 0.5},
    {0},
};
