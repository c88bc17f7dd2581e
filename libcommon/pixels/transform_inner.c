/* Transforms that apply others: one of them, some, a sequence, RandAugment's spaces. */
#include <stdlib.h>
#include <string.h>

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

const struct xr_transform xr_transforms_inner[] = {
    {"one_of", do_one_of, {{0}}, XR_INNER | XR_HOLDS, .p = 1},
    {"some_of",
     do_some_of,
     {{"n", XR_WHOLE, 1, 2, 0, XR_STEPS, NULL}},
     XR_INNER | XR_HOLDS,
     .p = 1},
    {"sequence", do_sequence, {{0}}, XR_INNER | XR_HOLDS, .p = 1},
    {0},
};
