/* The table of transforms, and chains of them. */
#include "augment.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"
#include "rng.h"

#define MAX_PARAMS 5
#define MAX_CHAIN 64

enum kind {
    PLAIN,  /* v is v, lo:hi is drawn between */
    AROUND, /* v is -v:v */
    WHOLE,  /* whole numbers, both ends included */
    BORDER, /* the words black and reflect */
};

struct param {
    const char *name;
    enum kind kind;
    double lo, hi;   /* the default */
    double min, max; /* what may be asked for */
};

/* One transform at work on one film. */
struct job {
    struct xr_image *image, *mask;
    const struct step *step;
    struct xr_rng rng;
    cJSON *said; /* what was drawn; NULL: nobody asks */
    struct xr_err *err;
};

struct transform {
    const char *name;
    int (*apply)(struct job *job);
    struct param params[MAX_PARAMS]; /* ended by a NULL name */
};

/* A transform of a chain, with its settings. */
struct step {
    const struct transform *transform;
    double p, lo[MAX_PARAMS], hi[MAX_PARAMS];
    char purpose[64]; /* of its random numbers */
};

struct xr_chain {
    size_t n;
    struct step steps[MAX_CHAIN];
};

static void say(struct job *job, const char *name, double v)
{
    if (job->said)
        cJSON_AddNumberToObject(job->said, name, v);
}

/* A value of parameter i, not yet written down. */
static double draw(struct job *job, int i)
{
    double lo = job->step->lo[i], hi = job->step->hi[i];

    if (lo == hi)
        return lo;
    if (job->step->transform->params[i].kind == WHOLE)
        return lo + (double)xr_rng_below(&job->rng, (uint64_t)(hi - lo) + 1);
    return xr_rng_between(&job->rng, lo, hi);
}

static double draw_said(struct job *job, int i)
{
    double v = draw(job, i);

    say(job, job->step->transform->params[i].name, v);
    return v;
}

static enum xr_border draw_border(struct job *job, int i)
{
    enum xr_border border =
        job->step->lo[i] == 0 ? XR_BORDER_CONSTANT : XR_BORDER_REFLECT;

    if (job->said)
        cJSON_AddStringToObject(job->said, "border", border ? "reflect" : "black");
    return border;
}

/* --- the transforms ---------------------------------------------------------- */

static int do_clahe(struct job *job)
{
    double clip = draw_said(job, 0), tiles = draw_said(job, 1);

    return xr_clahe(job->image, clip, (size_t)tiles, job->err);
}

/* Move image and mask along a map. */
static int follow(struct job *job, const struct xr_map *map, enum xr_border border)
{
    struct xr_image out;

    if (xr_remap(&out, job->image, map, false, border, 0, job->err))
        return -1;
    xr_image_free(job->image);
    *job->image = out;
    if (!job->mask)
        return 0;
    if (xr_remap(&out, job->mask, map, true, border, 0, job->err))
        return -1;
    xr_image_free(job->mask);
    *job->mask = out;
    return 0;
}

/* The displacement has the strength that albumentations' ElasticTransform gives it:
 * there, noise whose largest magnitude (about 4.5 deviations) is scaled to 1, blurred,
 * times alpha. */
static int do_elastic(struct job *job)
{
    static const double unit[6] = {1, 0, 0, 0, 1, 0};
    double alpha = draw_said(job, 0), sigma = draw_said(job, 1);
    enum xr_border border = draw_border(job, 2);
    size_t w = job->image->width, h = job->image->height, n = xr_field_noise(w, h, sigma);
    double amplitude = alpha / (2 * 1.7724538509055159 * sigma) / 4.5;
    float *noise = xr_alloc_array(n, 2 * sizeof *noise, job->err);
    struct xr_map map = {0};
    int rc = -1;

    if (noise && xr_map_alloc(&map, w, h, job->err) == 0) {
        /* even noise of unit variance: some twenty nodes add up at each pixel */
        for (size_t i = 0; i < 2 * n; i++)
            noise[i] = ((float)(int32_t)xr_rng_u32(&job->rng) * 0x1p-31f) * 1.7320508f;
        xr_map_affine(&map, unit);
        rc = xr_map_field(&map, noise, sigma, amplitude, job->err) ||
                     follow(job, &map, border)
                 ? -1
                 : 0;
    }
    free(noise);
    xr_map_free(&map);
    return rc;
}

static int do_shift_scale_rotate(struct job *job)
{
    double dx = draw(job, 0), dy = draw(job, 0), m[6];
    double scale = 1 + draw(job, 1), degrees = draw(job, 2);
    enum xr_border border = draw_border(job, 3);
    size_t w = job->image->width, h = job->image->height;
    struct xr_map map;
    int rc;

    say(job, "shift_x", dx);
    say(job, "shift_y", dy);
    say(job, "scale", scale);
    say(job, "rotate", degrees);
    if (xr_map_alloc(&map, w, h, job->err))
        return -1;
    xr_affine_inverse(m, w, h, degrees, scale, dx * (double)w, dy * (double)h);
    xr_map_affine(&map, m);
    rc = follow(job, &map, border);
    xr_map_free(&map);
    return rc;
}

static int do_coarse_dropout(struct job *job)
{
    size_t n = (size_t)draw(job, 0), w = job->image->width, h = job->image->height,
           box[1][4];
    double fill = draw(job, 3);
    cJSON *boxes = job->said ? cJSON_AddArrayToObject(job->said, "boxes") : NULL;

    for (size_t i = 0; i < n; i++) {
        size_t bh = (size_t)(draw(job, 1) * (double)h + 0.5);
        size_t bw = (size_t)(draw(job, 2) * (double)w + 0.5);

        bh = bh < 1 ? 1 : bh;
        bw = bw < 1 ? 1 : bw;
        box[0][0] = (size_t)xr_rng_below(&job->rng, w - bw + 1);
        box[0][1] = (size_t)xr_rng_below(&job->rng, h - bh + 1);
        box[0][2] = box[0][0] + bw;
        box[0][3] = box[0][1] + bh;
        xr_fill_boxes(job->image, (const size_t(*)[4])box, 1, (uint8_t)fill);
        if (boxes) {
            double v[4] = {(double)box[0][0], (double)box[0][1], (double)box[0][2],
                           (double)box[0][3]};

            cJSON_AddItemToArray(boxes, cJSON_CreateDoubleArray(v, 4));
        }
    }
    say(job, "fill", fill);
    return 0;
}

static int do_hflip(struct job *job)
{
    xr_hflip(job->image);
    if (job->mask)
        xr_hflip(job->mask);
    return 0;
}

static int do_vflip(struct job *job)
{
    xr_vflip(job->image);
    if (job->mask)
        xr_vflip(job->mask);
    return 0;
}

static int do_rot90(struct job *job)
{
    bool square = job->image->width == job->image->height;
    int turns = (int)draw(job, 0);

    turns = square ? turns : turns & 2; /* a quarter turn would change the shape */
    say(job, "turns", turns);
    return xr_rot90(job->image, turns, job->err) ||
                   (job->mask && xr_rot90(job->mask, turns, job->err))
               ? -1
               : 0;
}

static int do_transpose(struct job *job)
{
    return xr_transpose(job->image, job->err) ||
                   (job->mask && xr_transpose(job->mask, job->err))
               ? -1
               : 0;
}

static int do_brightness_contrast(struct job *job)
{
    double brightness = draw_said(job, 0), contrast = draw_said(job, 1);
    uint8_t lut[256];

    xr_lut_linear(lut, (float)(1 + contrast), (float)(brightness * 255));
    xr_lut_apply(job->image, lut);
    return 0;
}

static int do_gamma(struct job *job)
{
    uint8_t lut[256];

    xr_lut_gamma(lut, draw_said(job, 0));
    xr_lut_apply(job->image, lut);
    return 0;
}

/* The sum of eight even numbers is normal to within a percent up to three deviations,
 * and, unlike logarithms, the same to the last bit on every machine. */
static int do_gauss_noise(struct job *job)
{
    size_t n = job->image->width * job->image->height * job->image->channels;
    double std = draw_said(job, 0) * sqrt(12.0 / 8) / 65536;
    float *noise = xr_alloc_array(n, sizeof *noise, job->err);

    if (!noise)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int32_t sum = -8 * 65535 / 2;

        for (int k = 0; k < 4; k++) {
            uint32_t v = xr_rng_u32(&job->rng);

            sum += (int32_t)(v & 0xffff) + (int32_t)(v >> 16);
        }
        noise[i] = (float)(sum * std);
    }
    xr_add_noise(job->image, noise);
    free(noise);
    return 0;
}

static int do_blur(struct job *job)
{
    return xr_gauss_blur(job->image, draw_said(job, 0), 0, job->err);
}

static int do_median(struct job *job)
{
    return xr_median(job->image, draw_said(job, 0) < 4 ? 3 : 5, job->err);
}

static int do_equalize(struct job *job)
{
    size_t n = job->image->width * job->image->height, c = job->image->channels;
    struct xr_image one = {job->image->width, job->image->height, 1, 8, NULL};
    uint8_t lut[256], *p = job->image->data, *plane;

    plane = xr_alloc_array(n, 1, job->err);
    if (!plane)
        return -1;
    one.data = plane;
    for (size_t k = 0; k < c; k++) {
        for (size_t i = 0; i < n; i++)
            plane[i] = p[i * c + k];
        xr_lut_equalize(lut, &one, false);
        for (size_t i = 0; i < n; i++)
            p[i * c + k] = lut[plane[i]];
    }
    free(plane);
    return 0;
}

static int do_invert(struct job *job)
{
    uint8_t lut[256];

    xr_lut_linear(lut, -1, 255);
    xr_lut_apply(job->image, lut);
    return 0;
}

static const struct transform table[] = {
    {"clahe", do_clahe, {{"clip", PLAIN, 2, 2, 0.1, 100}, {"tiles", WHOLE, 8, 8, 1, 64}}},
    {"elastic",
     do_elastic,
     {{"alpha", PLAIN, 50, 50, 0, 10000},
      {"sigma", PLAIN, 7, 7, 1, 1000},
      {"border", BORDER, 0, 0, 0, 1}}},
    {"shift_scale_rotate",
     do_shift_scale_rotate,
     {{"shift", AROUND, -0.0625, 0.0625, -1, 1},
      {"scale", AROUND, -0.1, 0.1, -0.9, 9},
      {"rotate", AROUND, -15, 15, -180, 180},
      {"border", BORDER, 0, 0, 0, 1}}},
    {"coarse_dropout",
     do_coarse_dropout,
     {{"holes", WHOLE, 1, 4, 1, 1000},
      {"height", PLAIN, 0.05, 0.15, 0, 1},
      {"width", PLAIN, 0.05, 0.15, 0, 1},
      {"fill", WHOLE, 0, 0, 0, 255}}},
    {"hflip", do_hflip, {{0}}},
    {"vflip", do_vflip, {{0}}},
    {"rot90", do_rot90, {{"turns", WHOLE, 0, 3, 0, 3}}},
    {"transpose", do_transpose, {{0}}},
    {"brightness_contrast",
     do_brightness_contrast,
     {{"brightness", AROUND, -0.2, 0.2, -1, 1}, {"contrast", AROUND, -0.2, 0.2, -1, 10}}},
    {"gamma", do_gamma, {{"gamma", PLAIN, 0.8, 1.25, 0.05, 20}}},
    {"gauss_noise", do_gauss_noise, {{"std", PLAIN, 2, 10, 0, 255}}},
    {"blur", do_blur, {{"sigma", PLAIN, 0.5, 1.5, 0.1, 50}}},
    {"median", do_median, {{"size", WHOLE, 3, 3, 3, 5}}},
    {"equalize", do_equalize, {{0}}},
    {"invert", do_invert, {{0}}},
};

#define N_TRANSFORMS (sizeof table / sizeof *table)

static const char *const default_chain[] = {
    "clahe(clip=1:2,p=0.3)",
    "hflip(p=0.5)",
    "shift_scale_rotate(shift=0.0625,scale=0.1,rotate=15,p=0.7)",
    "elastic(alpha=50,sigma=7,p=0.1)",
    "brightness_contrast(brightness=0.2,contrast=0.2,p=0.5)",
    "coarse_dropout(holes=1:4,height=0.05:0.15,width=0.05:0.15,p=0.3)",
};

const char *const *xr_chain_default(size_t *n)
{
    *n = sizeof default_chain / sizeof *default_chain;
    return default_chain;
}

/* --- texts ------------------------------------------------------------------- */

static int n_params(const struct transform *t)
{
    int n = 0;

    while (n < MAX_PARAMS && t->params[n].name)
        n++;
    return n;
}

/* The value of a parameter as a text that parses to it. */
static void value_text(char *text, size_t size, enum kind kind, double lo, double hi)
{
    if (kind == BORDER)
        snprintf(text, size, "%s", lo == 0 ? "black" : "reflect");
    else if (kind == AROUND && lo == -hi)
        snprintf(text, size, "%.15g", hi);
    else if (lo == hi && kind != AROUND)
        snprintf(text, size, "%.15g", lo);
    else
        snprintf(text, size, "%.15g:%.15g", lo, hi);
}

int xr_chain_describe(struct xr_buf *buf, struct xr_err *err)
{
    for (size_t i = 0; i < N_TRANSFORMS; i++) {
        const struct transform *t = &table[i];

        if (xr_buf_printf(buf, err, "%s(", t->name))
            return -1;
        for (int k = 0; k < n_params(t); k++) {
            char value[64];

            value_text(value, sizeof value, t->params[k].kind, t->params[k].lo,
                       t->params[k].hi);
            if (xr_buf_printf(buf, err, "%s=%s,", t->params[k].name, value))
                return -1;
        }
        if (xr_buf_text(buf, "p=0.5)\n", err))
            return -1;
    }
    return 0;
}

static const char *skip_blanks(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

/* A word of letters, digits and underscores; its end. */
static const char *word(char *to, size_t size, const char *s)
{
    size_t n = 0;

    for (; isalnum((unsigned char)*s) || *s == '_'; s++) {
        if (n + 1 < size)
            to[n++] = *s;
    }
    to[n] = '\0';
    return skip_blanks(s);
}

/* A number in a range, NULL with *err if it is none. */
static const char *number(double *v, const char *s, const char *name, double min,
                          double max, enum kind kind, const char *text,
                          struct xr_err *err)
{
    char *end;

    *v = strtod(s, &end);
    if (end == s || !(*v >= min && *v <= max)) {
        xr_fail_usage(err, "'%s': %s must be from %g to %g", text, name, min, max);
        return NULL;
    }
    if (kind == WHOLE && *v != floor(*v)) {
        xr_fail_usage(err, "'%s': %s must be a whole number", text, name);
        return NULL;
    }
    return skip_blanks(end);
}

static const char *value(double *lo, double *hi, const struct param *p, const char *s,
                         const char *text, struct xr_err *err)
{
    char name[32];

    if (p->kind == BORDER) {
        s = word(name, sizeof name, s);
        if (strcmp(name, "black") && strcmp(name, "reflect")) {
            xr_fail_usage(err, "'%s': border must be black or reflect", text);
            return NULL;
        }
        *lo = *hi = strcmp(name, "black") != 0;
        return s;
    }
    s = number(lo, s, p->name, p->min, p->max, p->kind, text, err);
    if (!s)
        return NULL;
    *hi = *lo;
    if (*s == ':') {
        s = number(hi, skip_blanks(s + 1), p->name, p->min, p->max, p->kind, text, err);
        if (s && *hi < *lo) {
            xr_fail_usage(err, "'%s': %s from %g to %g is no range", text, p->name, *lo,
                          *hi);
            return NULL;
        }
    } else if (p->kind == AROUND) {
        *hi = fabs(*lo);
        *lo = -*hi < p->min ? p->min : -*hi;
    }
    return s;
}

static int unknown_param(const struct transform *t, const char *name, const char *text,
                         struct xr_err *err)
{
    char known[256] = "";
    size_t n = 0;

    for (int i = 0; i < n_params(t); i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s, ", t->params[i].name);
    return xr_fail_usage(err, "'%s': %s has no parameter '%s' (%sp)", text, t->name, name,
                         known);
}

/* "k=v,k=v)" behind the opening bracket; the end of it. */
static const char *settings(struct step *step, const char *s, const char *text,
                            struct xr_err *err)
{
    const struct transform *t = step->transform;

    while (*s != ')') {
        char name[32];
        int i = 0, n = n_params(t);

        s = word(name, sizeof name, s);
        if (*s != '=') {
            xr_fail_usage(err, "'%s': expected NAME=VALUE,... and ')'", text);
            return NULL;
        }
        s = skip_blanks(s + 1);
        while (i < n && strcmp(name, t->params[i].name))
            i++;
        if (strcmp(name, "p") == 0)
            s = number(&step->p, s, "p", 0, 1, PLAIN, text, err);
        else if (i < n)
            s = value(&step->lo[i], &step->hi[i], &t->params[i], s, text, err);
        else
            s = unknown_param(t, name, text, err) ? NULL : s;
        if (!s)
            return NULL;
        if (*s == ',')
            s = skip_blanks(s + 1);
        else if (*s != ')') {
            xr_fail_usage(err, "'%s': '%s' behind %s", text, s, name);
            return NULL;
        }
    }
    return skip_blanks(s + 1);
}

static int unknown_transform(const char *name, const char *text, struct xr_err *err)
{
    char known[512] = "";
    size_t n = 0;

    for (size_t i = 0; i < N_TRANSFORMS; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              table[i].name);
    return xr_fail_usage(err, "'%s': unknown transform '%s' (%s)", text, name, known);
}

static int parse_step(struct step *step, const char *text, size_t place,
                      struct xr_err *err)
{
    char name[32];
    const char *s = word(name, sizeof name, skip_blanks(text));

    memset(step, 0, sizeof *step);
    for (size_t i = 0; i < N_TRANSFORMS; i++) {
        if (strcmp(name, table[i].name) == 0)
            step->transform = &table[i];
    }
    if (!step->transform)
        return unknown_transform(name, text, err);
    step->p = 0.5;
    for (int i = 0; i < n_params(step->transform); i++) {
        step->lo[i] = step->transform->params[i].lo;
        step->hi[i] = step->transform->params[i].hi;
    }
    if (*s == '(') {
        s = settings(step, skip_blanks(s + 1), text, err);
        if (!s)
            return -1;
    }
    if (*s)
        return xr_fail_usage(err, "'%s': '%s' at the end", text, s);
    snprintf(step->purpose, sizeof step->purpose, "%s/%zu", name, place);
    return 0;
}

int xr_chain_parse(struct xr_chain **chain, const char *const *texts, size_t n,
                   struct xr_err *err)
{
    struct xr_chain *c;

    *chain = NULL;
    if (n > MAX_CHAIN)
        return xr_fail_usage(err, "more than %d transforms", MAX_CHAIN);
    c = xr_alloc_array(1, sizeof *c, err);
    if (!c)
        return -1;
    for (; c->n < n; c->n++) {
        if (parse_step(&c->steps[c->n], texts[c->n], c->n, err)) {
            xr_chain_free(c);
            return -1;
        }
    }
    *chain = c;
    return 0;
}

int xr_chain_check(const struct xr_chain *chain, size_t height, size_t width,
                   struct xr_err *err)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->steps[i].transform->apply == do_transpose && height != width)
            return xr_fail_usage(err, "transpose needs a square size, not %zux%zu",
                                 height, width);
    }
    return 0;
}

void xr_chain_free(struct xr_chain *chain)
{
    free(chain);
}

cJSON *xr_chain_json(const struct xr_chain *chain)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < chain->n; i++) {
        const struct step *s = &chain->steps[i];
        cJSON *item = cJSON_CreateObject();

        cJSON_AddStringToObject(item, "name", s->transform->name);
        for (int k = 0; k < n_params(s->transform); k++) {
            const struct param *p = &s->transform->params[k];
            double range[2] = {s->lo[k], s->hi[k]};

            if (p->kind == BORDER)
                cJSON_AddStringToObject(item, p->name,
                                        s->lo[k] == 0 ? "black" : "reflect");
            else if (s->lo[k] == s->hi[k])
                cJSON_AddNumberToObject(item, p->name, s->lo[k]);
            else
                cJSON_AddItemToObject(item, p->name, cJSON_CreateDoubleArray(range, 2));
        }
        cJSON_AddNumberToObject(item, "p", s->p);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

int xr_chain_apply(const struct xr_chain *chain, struct xr_image *image,
                   struct xr_image *mask, uint64_t seed, uint64_t epoch, const char *key,
                   cJSON *applied, struct xr_err *err)
{
    for (size_t i = 0; i < chain->n; i++) {
        const struct step *s = &chain->steps[i];
        struct job job = {.image = image, .mask = mask, .step = s, .err = err};

        xr_rng_init(&job.rng, seed, epoch, key, s->purpose);
        if (xr_rng_uniform(&job.rng) >= s->p)
            continue;
        if (applied) {
            job.said = cJSON_CreateObject();
            cJSON_AddStringToObject(job.said, "name", s->transform->name);
            cJSON_AddItemToArray(applied, job.said);
        }
        if (s->transform->apply(&job))
            return -1;
    }
    return 0;
}
