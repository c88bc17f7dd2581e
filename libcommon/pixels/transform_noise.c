/* Noise: of a field that is written down by its seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

#define CHUNK 1024 /* samples at once */

XR_CLONES static void normal_row(float *noise, const uint32_t *words, size_t n, float std)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t a = words[i], b = words[n + i];
        uint32_t pairs =
            (a & 0xff00ff) + (a >> 8 & 0xff00ff) + (b & 0xff00ff) + (b >> 8 & 0xff00ff);

        noise[i] =
            (float)((int32_t)(pairs & 0xffff) + (int32_t)(pairs >> 16) - 1020) * std;
    }
}

/* The sum of eight even numbers, here bytes, is normal to within a percent up to three
 * deviations, and, unlike logarithms, the same to the last bit on every machine. */
static int do_gauss_noise(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = image->width * image->height * image->channels;
    double std = xr_job_value(job, 0) / sqrt(8 * 65535.0 / 12);
    float *noise = xr_alloc_array(n, sizeof *noise, job->err);
    uint32_t words[2 * CHUNK];
    struct xr_rng rng;

    if (!noise)
        return -1;
    xr_job_field(job, &rng);
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t m = n - i < CHUNK ? n - i : CHUNK;

        xr_rng_fill(&rng, words, 2 * m);
        normal_row(noise + i, words, m, (float)std);
    }
    xr_add_noise(image, noise);
    free(noise);
    return 0;
}

/* --- quanta --------------------------------------------------------------------------
 */

#define GUIDES 512                       /* of a level: where to begin to search */
#define REACH(mean) (7 * sqrt(mean) + 8) /* of the counts from the mean */

/* The distribution of one level: count first + i for 32 random bits below limit[i]. */
struct quanta {
    uint32_t first, n;
    uint16_t guide[GUIDES];
    uint32_t *limit;
};

/*
 * Poisson's probabilities of the counts within 7 deviations of the mean, from the largest
 * one outwards by their ratios: additions, multiplications and divisions only, so that
 * the same bits come out everywhere. inverse: 1/i.
 */
static int quanta_make(struct quanta *q, double mean, const double *inverse,
                       struct xr_err *err)
{
    double reach = REACH(mean), sum = 0, below = 0, less = 1 / mean, share;
    size_t low = mean > reach ? (size_t)(mean - reach) : 0;
    size_t high = (size_t)(mean + reach), top = (size_t)mean - low, n = high - low + 1;
    double *p = xr_alloc_array(n, sizeof *p, err);

    q->limit = xr_alloc_array(n, sizeof *q->limit, err);
    if (!p || !q->limit) {
        free(p);
        return -1;
    }
    q->first = (uint32_t)low;
    q->n = (uint32_t)n;
    p[top] = 1;
    for (size_t i = 1; i < n; i++) { /* both ways at once: neither waits for the other */
        if (top + i < n)
            p[top + i] = p[top + i - 1] * (mean * inverse[low + top + i]);
        if (i <= top)
            p[top - i] = p[top - i + 1] * ((double)(low + top - i + 1) * less);
    }
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    share = 4294967295.0 / sum;
    for (size_t i = 0, g = 0; i < n; i++) {
        double limit = (below += p[i]) * share;

        q->limit[i] = i + 1 == n || limit > 4294967295.0 ? UINT32_MAX : (uint32_t)limit;
        while (g < GUIDES && (uint64_t)g << 23 < q->limit[i])
            q->guide[g++] = (uint16_t)i;
        for (size_t rest = g; i + 1 == n && rest < GUIDES; rest++)
            q->guide[rest] = (uint16_t)i;
    }
    free(p);
    return 0;
}

static uint32_t quanta_count(const struct quanta *q, uint32_t bits)
{
    uint32_t i = q->guide[bits >> 23];

    while (i + 1 < q->n && bits >= q->limit[i])
        i++;
    return q->first + i;
}

/* The tables of a film, each made when its level comes first. Quanta of a sum are the sum
 * of quanta: of 16 bits the high byte and the low one are counted by tables of their own.
 */
struct film_quanta {
    double photons, white;
    const double *inverse;
    struct quanta *of[2]; /* [256]: of the level, or its high byte; of its low byte */
};

static int count_byte(double *counts, struct film_quanta *f, int low, size_t byte,
                      double level, uint32_t bits, struct xr_err *err)
{
    struct quanta *q = &f->of[low][byte];

    if (byte == 0)
        return 0;
    if (!q->limit && quanta_make(q, level * f->photons / f->white, f->inverse, err))
        return -1;
    *counts += quanta_count(q, bits);
    return 0;
}

/* n samples from `from` on. words: one for each sample, with 16 bits two, the second ones
 * behind the first. */
static int count_levels(struct xr_image *image, size_t from, size_t n,
                        struct film_quanta *f, const uint32_t *words, struct xr_err *err)
{
    bool deep = image->depth == 16;
    double level = f->white / f->photons;

    for (size_t i = 0; i < n; i++) {
        size_t v = xr_level(image, from + i), high = deep ? v >> 8 : v;
        double counts = 0, out;

        if (count_byte(&counts, f, 0, high, (double)(deep ? high << 8 : v), words[i],
                       err) ||
            (deep &&
             count_byte(&counts, f, 1, v & 255, (double)(v & 255), words[n + i], err)))
            return -1;
        out = counts * level;
        xr_set_level(image, from + i, (size_t)(out > f->white ? f->white : rint(out)));
    }
    return 0;
}

/* Levels as so many photons at white, each counted. */
static int do_poisson(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = image->width * image->height * image->channels;
    size_t bytes = image->depth == 16 ? 2 : 1;
    struct film_quanta f = {.photons = xr_job_value(job, 0),
                            .white = (double)xr_white(image)};
    struct quanta *q = xr_alloc_array(512, sizeof *q, job->err);
    size_t most = (size_t)(f.photons + REACH(f.photons)) + 2;
    double *inverse = xr_alloc_array(most, sizeof *inverse, job->err);
    uint32_t words[2 * CHUNK];
    struct xr_rng rng;
    int rc = q && inverse ? 0 : -1;

    for (size_t i = 1; i < most && rc == 0; i++)
        inverse[i] = 1 / (double)i;
    f.inverse = inverse;
    f.of[0] = q;
    f.of[1] = q ? q + 256 : NULL;
    xr_job_field(job, &rng);
    for (size_t i = 0; i < n && rc == 0; i += CHUNK) {
        size_t m = n - i < CHUNK ? n - i : CHUNK;

        xr_rng_fill(&rng, words, bytes * m);
        rc = count_levels(image, i, m, &f, words, job->err);
    }
    for (size_t i = 0; i < 512 && q; i++)
        free(q[i].limit);
    free(inverse);
    free(q);
    return rc;
}

const struct xr_transform xr_transforms_noise[] = {
    {"gauss_noise", do_gauss_noise, {{"std", XR_REAL, 2, 10, 0, 255, NULL}}, .p = 0.5},
    {"poisson", do_poisson, {{"photons", XR_REAL, 500, 5000, 5, 10000, NULL}}, .p = 0.5},
    {0},
};
