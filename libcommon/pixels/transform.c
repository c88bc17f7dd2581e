/* All rows of the tables of transforms, and what their functions draw, say and replay. */
#include "transform.h"

#include <math.h>
#include <string.h>

#include "json.h"

static const struct xr_transform *const tables[] = {
    xr_transforms_geometry,  xr_transforms_distortion, xr_transforms_size,
    xr_transforms_intensity, xr_transforms_filter,     xr_transforms_noise,
    xr_transforms_occlusion, xr_transforms_inner};

const struct xr_transform *xr_transform_at(size_t i)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct xr_transform *row = tables[t]; row->name; row++) {
            if (i-- == 0)
                return row;
        }
    }
    return NULL;
}

const struct xr_transform *xr_transform_named(const char *name)
{
    const struct xr_transform *row;

    for (size_t i = 0; (row = xr_transform_at(i)); i++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

int xr_transform_n_params(const struct xr_transform *t)
{
    int n = 0;

    while (n < XR_PARAMS && t->params[n].name)
        n++;
    return n;
}

void xr_step_init(struct xr_step *step, const struct xr_transform *transform)
{
    memset(step, 0, sizeof *step);
    step->transform = transform;
    step->p = transform->p;
    for (int i = 0; i < xr_transform_n_params(transform); i++) {
        step->lo[i] = transform->params[i].lo;
        step->hi[i] = transform->params[i].hi;
    }
}

size_t xr_word_at(const char **word, const char *words, size_t i)
{
    for (; i > 0; i--)
        words += strcspn(words, "|") + 1;
    *word = words;
    return strcspn(words, "|");
}

int xr_word_index(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (int i = 0; *words; i++) {
        size_t len = strcspn(words, "|");

        if (len == n && memcmp(words, word, n) == 0)
            return i;
        words += len + (words[len] == '|');
    }
    return -1;
}

/* --- what a film gets ----------------------------------------------------------------
 */

double xr_job_draw(struct xr_job *job, int i)
{
    double lo = job->step->lo[i], hi = job->step->hi[i];

    if (lo == hi || job->again)
        return lo;
    if (job->step->transform->params[i].kind == XR_WHOLE)
        return lo + (double)xr_rng_below(&job->rng, (uint64_t)(hi - lo) + 1);
    return xr_rng_between(&job->rng, lo, hi);
}

/* A number that was written down; what is not there or out of range is a failure. */
static double recalled(struct xr_job *job, const cJSON *item, const char *name,
                       double min, double max)
{
    double v = cJSON_IsNumber(item) ? item->valuedouble : NAN;

    if (v >= min && v <= max)
        return v;
    if (!job->failed)
        xr_fail(job->err, "%s: '%s' is not there, or not from %g to %g",
                job->step->transform->name, name, min, max);
    job->failed = true;
    return min;
}

double xr_job_say(struct xr_job *job, const char *name, double v, double min, double max)
{
    if (job->again)
        v = recalled(job, cJSON_GetObjectItemCaseSensitive(job->again, name), name, min,
                     max);
    if (job->said)
        cJSON_AddNumberToObject(job->said, name, v);
    return v;
}

int xr_job_say_list(struct xr_job *job, const char *name, double *v, size_t n, double min,
                    double max)
{
    const cJSON *list =
        job->again ? cJSON_GetObjectItemCaseSensitive(job->again, name) : NULL;

    if (job->again && (size_t)cJSON_GetArraySize(list) != n) {
        job->failed = true;
        return xr_fail(job->err, "%s: '%s' is not a list of %zu numbers",
                       job->step->transform->name, name, n);
    }
    for (size_t i = 0; i < n && job->again; i++)
        v[i] = recalled(job, cJSON_GetArrayItem(list, (int)i), name, min, max);
    if (job->said)
        cJSON_AddItemToObject(job->said, name, cJSON_CreateDoubleArray(v, (int)n));
    return job->failed ? -1 : 0;
}

double xr_job_value(struct xr_job *job, int i)
{
    const struct xr_param *p = &job->step->transform->params[i];
    double v = xr_job_say(job, p->name, xr_job_draw(job, i), p->min, p->max);

    if (job->again && (p->kind == XR_WHOLE || p->kind == XR_FIXED) && v != floor(v)) {
        xr_fail(job->err, "%s: '%s' is not a whole number", job->step->transform->name,
                p->name);
        job->failed = true;
    }
    return v;
}

int xr_job_word(struct xr_job *job, int i)
{
    return xr_job_say_word(job, i, (int)job->step->lo[i]);
}

int xr_job_say_word(struct xr_job *job, int i, int index)
{
    const struct xr_param *p = &job->step->transform->params[i];
    const char *at;
    char word[32] = "";
    size_t length;

    if (job->again) {
        index = xr_word_index(p->words, xr_json_text(job->again, p->name, ""));
        if (index < 0) {
            xr_fail(job->err, "%s: '%s' is not one of %s", job->step->transform->name,
                    p->name, p->words);
            job->failed = true;
            index = 0;
        }
    }
    length = xr_word_at(&at, p->words, (size_t)index);
    memcpy(word, at, length < sizeof word ? length : sizeof word - 1);
    if (job->said)
        cJSON_AddStringToObject(job->said, p->name, word);
    return index;
}

void xr_job_field(struct xr_job *job, struct xr_rng *rng)
{
    double seed = job->again ? 0 : (double)(xr_rng_u64(&job->rng) >> 11);

    seed = xr_job_say(job, "field", seed, 0, 9007199254740991.0);
    xr_rng_init(rng, (uint64_t)seed, 0, "", job->step->transform->name);
}

bool xr_job_chance(struct xr_job *job, double p)
{
    return xr_rng_uniform(&job->rng) < p;
}
