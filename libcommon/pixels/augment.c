/* Chains of transforms at work on films: what comes out, applied, applied again. */
#include "augment.h"

#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "json.h"

static void free_steps(struct xr_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free_steps(steps[i].inner, steps[i].n_inner);
        free(steps[i].file);
        free(steps[i].loaded);
    }
    free(steps);
}

void xr_chain_free(struct xr_chain *chain)
{
    if (chain)
        free_steps(chain->steps, chain->n);
    free(chain);
}

/* --- sizes ---------------------------------------------------------------------------
 */

static int step_size(const struct xr_step *step, size_t *height, size_t *width,
                     struct xr_err *err);

/* What comes out of transforms of which one, some or all are applied. */
static int inner_size(const struct xr_step *step, size_t *height, size_t *width,
                      struct xr_err *err)
{
    bool all = strcmp(step->transform->name, "sequence") == 0;
    size_t h = *height, w = *width;

    for (size_t i = 0; i < step->n_inner; i++) {
        size_t ih = all ? h : *height, iw = all ? w : *width;

        if (step_size(&step->inner[i], &ih, &iw, err))
            return -1;
        if (!all && i > 0 && (ih != h || iw != w))
            return xr_fail_usage(err,
                                 "%s: '%s' gives %zux%zu, another one %zux%zu: the size "
                                 "must not be left to chance",
                                 step->transform->name, step->inner[i].transform->name,
                                 ih, iw, h, w);
        h = ih;
        w = iw;
    }
    *height = h;
    *width = w;
    return 0;
}

static int step_size(const struct xr_step *step, size_t *height, size_t *width,
                     struct xr_err *err)
{
    const struct xr_transform *t = step->transform;
    size_t h = *height, w = *width;
    bool some = strcmp(t->name, "some_of") == 0;

    if (t->flags & XR_SQUARE && h != w)
        return xr_fail_usage(err, "%s needs a square size, not %zux%zu", t->name, h, w);
    if (t->size)
        t->size(step, height, width);
    if (inner_size(step, height, width, err))
        return -1;
    if ((step->p < 1 || some) && (h != *height || w != *width))
        return xr_fail_usage(err,
                             "%s makes %zux%zu of %zux%zu: give it p=1, that the size is "
                             "not left to chance",
                             t->name, *height, *width, h, w);
    return 0;
}

int xr_chain_size(const struct xr_chain *chain, size_t *height, size_t *width,
                  struct xr_err *err)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (step_size(&chain->steps[i], height, width, err))
            return -1;
    }
    return 0;
}

/* --- depths --------------------------------------------------------------------------
 */

static int depth_of(const struct xr_transform *t, int depth, size_t channels,
                    struct xr_err *err)
{
    if (depth == 16 && t->flags & XR_ONLY8)
        return xr_fail_usage(err, "%s takes 8 bits only, not 16", t->name);
    if (depth == 16 && t->flags & XR_GRAY16 && channels > 1)
        return xr_fail_usage(err, "%s takes 16 bits in gray only, not in colour",
                             t->name);
    return 0;
}

static int steps_depth(const struct xr_step *steps, size_t n, int depth, size_t channels,
                       struct xr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (depth_of(steps[i].transform, depth, channels, err) ||
            steps_depth(steps[i].inner, steps[i].n_inner, depth, channels, err))
            return -1;
    }
    return 0;
}

int xr_chain_depth(const struct xr_chain *chain, int depth, size_t channels,
                   struct xr_err *err)
{
    return steps_depth(chain->steps, chain->n, depth, channels, err);
}

/* --- films ---------------------------------------------------------------------------
 */

static int apply_step(const struct xr_step *step, const struct xr_subject *film,
                      const struct xr_draw *draw, bool surely, struct xr_err *err)
{
    struct xr_job job = {.film = film, .step = step, .draw = draw, .err = err};

    xr_rng_init(&job.rng, draw->seed, draw->epoch, draw->key, step->purpose);
    if (!xr_job_chance(&job, step->p) && !surely)
        return 0;
    if (draw->applied && !(step->transform->flags & XR_INNER)) {
        job.said = cJSON_CreateObject();
        cJSON_AddStringToObject(job.said, "name", step->transform->name);
        cJSON_AddItemToArray(draw->applied, job.said);
    }
    return step->transform->apply(&job);
}

int xr_job_inner(struct xr_job *job, const struct xr_step *step, bool surely)
{
    return apply_step(step, job->film, job->draw, surely, job->err);
}

int xr_chain_apply(const struct xr_chain *chain, const struct xr_subject *film,
                   uint64_t seed, uint64_t epoch, const char *key, cJSON *applied,
                   struct xr_err *err)
{
    struct xr_draw draw = {seed, epoch, key, applied};

    for (size_t i = 0; i < chain->n; i++) {
        if (apply_step(&chain->steps[i], film, &draw, false, err))
            return -1;
    }
    return 0;
}

static int replay_entry(const struct xr_subject *film, const cJSON *entry,
                        struct xr_err *err)
{
    const char *name = xr_json_text(entry, "name", "");
    const struct xr_transform *row = xr_transform_named(name);
    struct xr_job job = {.film = film, .again = entry, .err = err};
    struct xr_step step;

    if (!row || row->flags & XR_INNER)
        return xr_fail(err, "unknown transform '%s'", name);
    if (row->flags & XR_SQUARE && film->image->width != film->image->height)
        return xr_fail(err, "%s: the film is not square", name);
    if (depth_of(row, film->image->depth, film->image->channels, err)) {
        err->usage = 0; /* not the command line's fault */
        return -1;
    }
    xr_step_init(&step, row);
    job.step = &step;
    return row->apply(&job) || job.failed ? -1 : 0;
}

int xr_chain_replay(const struct xr_subject *film, const cJSON *applied, size_t from,
                    struct xr_err *err)
{
    const cJSON *entry;
    size_t i = 0;

    cJSON_ArrayForEach(entry, applied)
    {
        if (i++ >= from && replay_entry(film, entry, err))
            return xr_fail_in(err, "transform %zu", i);
    }
    return 0;
}
