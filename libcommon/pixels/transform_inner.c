/* Transforms that apply others: one of them, some, a sequence, RandAugment's spaces. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

/* One, with the probability of its own p among theirs. */
static int do_one_of(struct xr_job *job)
{
    const struct xr_step *step = job->step;
    double sum = 0, at;

    for (size_t i = 0; i < step->n_inner; i++)
        sum += step->inner[i].p;
    at = xr_rng_uniform(&job->rng) * sum;
    for (size_t i = 0; i < step->n_inner; i++) {
        if (at < step->inner[i].p)
            return xr_job_inner(job, &step->inner[i], true);
        at -= step->inner[i].p;
    }
    return 0; /* all of them 0 */
}

/* n of them, drawn evenly without putting back, in their order, each with its own p. */
static int do_some_of(struct xr_job *job)
{
    const struct xr_step *step = job->step;
    size_t order[XR_STEPS], n = (size_t)xr_job_draw(job, 0);
    bool chosen[XR_STEPS] = {false};

    for (size_t i = 0; i < step->n_inner; i++)
        order[i] = i;
    xr_rng_shuffle(&job->rng, order, step->n_inner);
    for (size_t i = 0; i < step->n_inner && i < n; i++)
        chosen[order[i]] = true;
    for (size_t i = 0; i < step->n_inner; i++) {
        if (chosen[i] && xr_job_inner(job, &step->inner[i], false))
            return -1;
    }
    return 0;
}

static int do_sequence(struct xr_job *job)
{
    for (size_t i = 0; i < job->step->n_inner; i++) {
        if (xr_job_inner(job, &job->step->inner[i], false))
            return -1;
    }
    return 0;
}

/* --- RandAugment, TrivialAugment -----------------------------------------------------
 */

/*
 * An operation of torchvision's spaces, made of a row of ours: the value of one parameter
 * at magnitude 30 of 30, in RandAugment and in TrivialAugmentWide. Colour is left out:
 * films have none. Shears and turns are about the centre, resampled bilinearly.
 */
enum {
    SIGNED,
    SHEAR,
    BITS,
    LEVELS,
    NONE
};

static const struct operation {
    const char *row;
    int param, kind;
    double most[2];
} operations[] = {
    {NULL, 0, NONE, {0, 0}}, /* identity */
    {"affine", 2, SHEAR, {0.3, 0.99}},
    {"affine", 3, SHEAR, {0.3, 0.99}},
    {"affine", 4, SIGNED, {150.0 / 331, 32.0 / 224}},
    {"affine", 5, SIGNED, {150.0 / 331, 32.0 / 224}},
    {"affine", 1, SIGNED, {30, 135}},
    {"brightness", 0, SIGNED, {0.9, 0.99}},
    {"contrast", 0, SIGNED, {0.9, 0.99}},
    {"sharpness", 0, SIGNED, {0.9, 0.99}},
    {"posterize", 0, BITS, {4, 6}},
    {"solarize", 0, LEVELS, {255, 255}},
    {"autocontrast", 0, NONE, {0, 0}},
    {"equalize", 0, NONE, {0, 0}},
};

/* Apply one at magnitude m of 30. */
static int operate(struct xr_job *job, const struct operation *op, int space, double m,
                   double border)
{
    double v = op->most[space] * m / 30;
    struct xr_step step;

    if (!op->row)
        return 0;
    xr_step_init(&step, xr_transform_named(op->row));
    for (int i = 0; i < xr_transform_n_params(step.transform); i++)
        step.lo[i] = step.hi[i] = 0;
    if (strcmp(op->row, "affine") == 0)
        step.lo[6] = step.hi[6] = border;
    if (strcmp(op->row, "equalize") == 0)
        step.lo[0] = step.hi[0] = 1; /* Pillow's */
    if (op->kind == SHEAR)
        v = xr_snap(atan(v)) * (180 / 3.14159265358979323846);
    if (op->kind == BITS)
        v = 8 - rint(v);
    if (op->kind == LEVELS)
        v = rint(255 - v);
    if ((op->kind == SIGNED || op->kind == SHEAR) && xr_rng_below(&job->rng, 2))
        v = -v;
    if (op->kind != NONE)
        step.lo[op->param] = step.hi[op->param] = v;
    return xr_job_inner(job, &step, true);
}

static const struct operation *draw_operation(struct xr_job *job)
{
    return &operations[xr_rng_below(&job->rng, sizeof operations / sizeof *operations)];
}

static int do_rand_augment(struct xr_job *job)
{
    size_t n = (size_t)xr_job_draw(job, 0);

    for (size_t i = 0; i < n; i++) {
        const struct operation *op = draw_operation(job);

        if (operate(job, op, 0, xr_job_draw(job, 1), job->step->lo[2]))
            return -1;
    }
    return 0;
}

static int do_trivial_augment(struct xr_job *job)
{
    const struct operation *op = draw_operation(job);

    return operate(job, op, 1, (double)xr_rng_below(&job->rng, 31), job->step->lo[0]);
}

const struct xr_transform xr_transforms_inner[] = {
    {"one_of", do_one_of, {{0}}, XR_INNER | XR_HOLDS, .p = 1},
    {"some_of",
     do_some_of,
     {{"n", XR_WHOLE, 1, 2, 0, XR_STEPS, NULL}},
     XR_INNER | XR_HOLDS,
     .p = 1},
    {"sequence", do_sequence, {{0}}, XR_INNER | XR_HOLDS, .p = 1},
    {"rand_augment",
     do_rand_augment,
     {{"n", XR_WHOLE, 2, 2, 0, 20, NULL},
      {"magnitude", XR_REAL, 9, 9, 0, 30, NULL},
      XR_BORDER_PARAM},
     XR_INNER,
     .p = 1},
    {"trivial_augment", do_trivial_augment, {XR_BORDER_PARAM}, XR_INNER, .p = 1},
    {0},
};
