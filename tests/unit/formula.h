/*
 * Tensors that are functions of a name: the two generators of the reference data
 * (golden/common and weights/prng), written from their descriptions.
 */
#ifndef FORMULA_H
#define FORMULA_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline uint64_t fm_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline uint64_t fm_fnv(const char *s)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
    return h;
}

#define FM_GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t fm_key(const char *name)
{
    return fm_mix(fm_fnv(name) + FM_GOLDEN); /* seed 1 */
}

/* (-1, 1), exact in double */
static inline double fm_u(uint64_t key, uint64_t j)
{
    return ((double)(fm_mix(key + (j + 1) * FM_GOLDEN) >> 40) + 0.5) * 0x1p-23 - 1.0;
}

/* [0, 1) of weights/README.md */
static inline double fm_prng(const char *name, uint64_t i)
{
    return (double)(fm_mix(fm_fnv(name) + (i + 1) * FM_GOLDEN) >> 40) * 0x1p-24;
}

static inline int fm_ends(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

/* A parameter of golden/: rv is the file's running_var_scale. */
static inline void fm_golden(float *dst, const char *name, int n_dims,
                             const size_t *shape, size_t count, double rv)
{
    uint64_t key = fm_key(name);
    double fan_in = 1;

    for (int d = 1; d < n_dims; d++)
        fan_in *= (double)shape[d];
    for (size_t i = 0; i < count; i++) {
        double u = fm_u(key, i), v;

        if (fm_ends(name, "num_batches_tracked"))
            v = 0;
        else if (fm_ends(name, "running_mean") || fm_ends(name, "bias"))
            v = 0.1 * u;
        else if (fm_ends(name, "running_var"))
            v = rv * (1 + 0.5 * fabs(u));
        else if (fm_ends(name, "gamma"))
            v = 0.5 + 0.1 * u;
        else if (n_dims >= 2)
            v = sqrt(6 / fan_in) * u;
        else
            v = 1 + 0.1 * u;
        dst[i] = (float)v;
    }
}

/* A parameter of weights/prng. */
static inline void fm_weights(float *dst, const char *arch, const char *name, int n_dims,
                              const size_t *shape, size_t count)
{
    double fan_in = 1, shrink = 1;

    for (int d = 1; d < n_dims; d++)
        fan_in *= (double)shape[d];
    if (strncmp(name, "layer", 5) == 0 &&
        ((strcmp(arch, "resnet50") == 0 && fm_ends(name, ".bn3.weight")) ||
         (strcmp(arch, "resnet18") == 0 && fm_ends(name, ".bn2.weight"))))
        shrink = 0.2;
    for (size_t i = 0; i < count; i++) {
        double u = fm_prng(name, i), v;

        if (fm_ends(name, "num_batches_tracked"))
            v = 0;
        else if (n_dims == 4)
            v = (2 * u - 1) * sqrt(6 / fan_in);
        else if (n_dims == 2)
            v = (2 * u - 1) * sqrt(3 / fan_in);
        else if (fm_ends(name, "running_var"))
            v = 0.5 + u;
        else if (fm_ends(name, "bias") || fm_ends(name, "running_mean"))
            v = (2 * u - 1) * 0.1;
        else
            v = (0.5 + u) * shrink;
        dst[i] = (float)v;
    }
}

/* input_images(name, (n,c,h,w)) */
static inline void fm_images(float *dst, const char *name, size_t n, size_t c, size_t h,
                             size_t w)
{
    char text[64];
    uint64_t coarse, fine;

    snprintf(text, sizeof text, "%s.coarse", name);
    coarse = fm_key(text);
    snprintf(text, sizeof text, "%s.fine", name);
    fine = fm_key(text);
    for (size_t i = 0; i < n * c; i++)
        for (size_t y = 0; y < h; y++)
            for (size_t x = 0; x < w; x++)
                dst[(i * h + y) * w + x] =
                    (float)(1.5 * fm_u(coarse, (i * 8 + y * 8 / h) * 8 + x * 8 / w) +
                            0.5 * fm_u(fine, (i * h + y) * w + x));
}

#endif
