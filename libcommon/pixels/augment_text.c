/* Chains of transforms as texts and JSON. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "io.h"

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

/* --- out -----------------------------------------------------------------------------
 */

/* The default of a parameter as a text that parses to it. */
static void value_text(char *text, size_t size, const struct xr_param *p)
{
    const char *word;
    size_t n;

    if (p->kind == XR_WORD) {
        n = xr_word_at(&word, p->words, (size_t)p->lo);
        snprintf(text, size, "%.*s", (int)n, word);
    } else if (p->kind == XR_FILE) {
        snprintf(text, size, "FILE");
    } else if (p->kind == XR_AROUND && p->lo == -p->hi) {
        snprintf(text, size, "%.15g", p->hi);
    } else if (p->lo == p->hi && p->kind != XR_AROUND) {
        snprintf(text, size, "%.15g", p->lo);
    } else {
        snprintf(text, size, "%.15g:%.15g", p->lo, p->hi);
    }
}

int xr_chain_describe(struct xr_buf *buf, struct xr_err *err)
{
    const struct xr_transform *t;

    for (size_t i = 0; (t = xr_transform_at(i)); i++) {
        /* what holds others is shown with two of them, where the user is to name them */
        bool holds = t->flags & XR_HOLDS;

        if (xr_buf_printf(buf, err, "%s(%s", t->name, holds ? "hflip,vflip," : ""))
            return -1;
        for (int k = 0; k < xr_transform_n_params(t); k++) {
            char value[64];

            value_text(value, sizeof value, &t->params[k]);
            if (xr_buf_printf(buf, err, "%s=%s,", t->params[k].name, value))
                return -1;
        }
        if (xr_buf_printf(buf, err, "p=%g)\n", t->p))
            return -1;
    }
    return 0;
}

static cJSON *steps_json(const struct xr_step *steps, size_t n);

static cJSON *step_json(const struct xr_step *s)
{
    cJSON *item = cJSON_CreateObject();
    const char *at;
    char word[64];

    cJSON_AddStringToObject(item, "name", s->transform->name);
    if (s->n_inner)
        cJSON_AddItemToObject(item, "transforms", steps_json(s->inner, s->n_inner));
    for (int k = 0; k < xr_transform_n_params(s->transform); k++) {
        const struct xr_param *p = &s->transform->params[k];
        double range[2] = {s->lo[k], s->hi[k]};

        if (p->kind == XR_WORD) {
            size_t n = xr_word_at(&at, p->words, (size_t)s->lo[k]);

            snprintf(word, sizeof word, "%.*s", (int)n, at);
            cJSON_AddStringToObject(item, p->name, word);
        } else if (p->kind == XR_FILE) {
            cJSON_AddStringToObject(item, p->name, s->file ? xr_last_part(s->file) : "");
        } else if (range[0] == range[1]) {
            cJSON_AddNumberToObject(item, p->name, range[0]);
        } else {
            cJSON_AddItemToObject(item, p->name, cJSON_CreateDoubleArray(range, 2));
        }
    }
    cJSON_AddNumberToObject(item, "p", s->p);
    return item;
}

static cJSON *steps_json(const struct xr_step *steps, size_t n)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, step_json(&steps[i]));
    return list;
}

cJSON *xr_chain_json(const struct xr_chain *chain)
{
    return steps_json(chain->steps, chain->n);
}

/* --- in ------------------------------------------------------------------------------
 */

/* A text that is read. */
struct reading {
    const char *text; /* all of it, for messages */
    size_t steps;     /* read so far, of the whole chain */
    struct xr_err *err;
};

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
static const char *number(struct reading *r, double *v, const char *s, const char *name,
                          double min, double max, bool whole)
{
    char *end;

    *v = strtod(s, &end);
    if (end == s || !(*v >= min && *v <= max)) {
        xr_fail_usage(r->err, "'%s': %s must be from %g to %g", r->text, name, min, max);
        return NULL;
    }
    if (whole && *v != floor(*v)) {
        xr_fail_usage(r->err, "'%s': %s must be a whole number", r->text, name);
        return NULL;
    }
    return skip_blanks(end);
}

/* "a|b|c" as "a, b or c". */
static void words_text(char *to, size_t size, const char *words)
{
    size_t n = 0;

    for (const char *p = words; *p && n + 8 < size; p++) {
        bool last = !strchr(p + 1, '|');

        if (*p == '|')
            n += (size_t)snprintf(to + n, size - n, last ? " or " : ", ");
        else
            to[n++] = *p;
    }
    to[n] = '\0';
}

static const char *word_value(struct reading *r, double *v, const struct xr_param *p,
                              const char *s)
{
    char name[32], known[256];
    int index;

    s = word(name, sizeof name, s);
    index = xr_word_index(p->words, name);
    if (index < 0) {
        words_text(known, sizeof known, p->words);
        xr_fail_usage(r->err, "'%s': %s must be %s", r->text, p->name, known);
        return NULL;
    }
    *v = index;
    return s;
}

static const char *file_value(struct reading *r, char **file, const struct xr_param *p,
                              const char *s)
{
    size_t n = strcspn(s, ",()");

    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    if (n == 0) {
        xr_fail_usage(r->err, "'%s': %s must be a file", r->text, p->name);
        return NULL;
    }
    free(*file);
    *file = xr_sprintf(r->err, "%.*s", (int)n, s);
    return *file ? skip_blanks(s + n) : NULL;
}

static const char *value(struct reading *r, struct xr_step *step, int i, const char *s)
{
    const struct xr_param *p = &step->transform->params[i];
    double *lo = &step->lo[i], *hi = &step->hi[i];
    bool whole = p->kind == XR_WHOLE || p->kind == XR_FIXED;

    if (p->kind == XR_FILE)
        return file_value(r, &step->file, p, s);
    if (p->kind == XR_WORD) {
        s = word_value(r, lo, p, s);
        *hi = *lo;
        return s;
    }
    s = number(r, lo, s, p->name, p->min, p->max, whole);
    if (!s)
        return NULL;
    *hi = *lo;
    if (*s == ':' && p->kind != XR_FIXED) {
        s = number(r, hi, skip_blanks(s + 1), p->name, p->min, p->max, whole);
        if (s && *hi < *lo) {
            xr_fail_usage(r->err, "'%s': %s from %g to %g is no range", r->text, p->name,
                          *lo, *hi);
            return NULL;
        }
    } else if (p->kind == XR_AROUND) {
        *hi = fabs(*lo);
        *lo = -*hi < p->min ? p->min : -*hi;
    }
    return s;
}

static const char *parameter(struct reading *r, struct xr_step *step, const char *name,
                             const char *s)
{
    const struct xr_transform *t = step->transform;
    int i = 0, n = xr_transform_n_params(t);
    char known[256] = "";
    size_t at = 0;

    while (i < n && strcmp(name, t->params[i].name))
        i++;
    if (strcmp(name, "p") == 0)
        return number(r, &step->p, s, "p", 0, 1, false);
    if (i < n)
        return value(r, step, i, s);
    for (i = 0; i < n; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s, ", t->params[i].name);
    xr_fail_usage(r->err, "'%s': %s has no parameter '%s' (%sp)", r->text, t->name, name,
                  known);
    return NULL;
}

static const char *call(struct reading *r, struct xr_step *step, const char *s,
                        const char *place, int depth);

/* A transform inside another one. */
static const char *inner(struct reading *r, struct xr_step *step, const char *s,
                         int depth)
{
    struct xr_step *more =
        realloc(step->inner, (step->n_inner + 1) * sizeof *step->inner);
    char place[48];

    if (!more) {
        xr_fail(r->err, "out of memory");
        return NULL;
    }
    step->inner = more;
    memset(&more[step->n_inner], 0, sizeof *more);
    snprintf(place, sizeof place, "%.26s.%zu", step->place, step->n_inner);
    return call(r, &more[step->n_inner++], s, place, depth + 1);
}

/* "k=v,k=v)" behind the opening bracket; the end of it. */
static const char *settings(struct reading *r, struct xr_step *step, const char *s,
                            int depth)
{
    while (*s != ')') {
        const char *from = s;
        char name[32];

        s = word(name, sizeof name, s);
        if (*s == '=') {
            s = parameter(r, step, name, skip_blanks(s + 1));
        } else if (*name && step->transform->flags & XR_HOLDS) {
            s = inner(r, step, from, depth);
        } else {
            xr_fail_usage(r->err, "'%s': expected NAME=VALUE,... and ')'", r->text);
            return NULL;
        }
        if (!s)
            return NULL;
        if (*s == ',') {
            s = skip_blanks(s + 1);
        } else if (*s != ')') {
            xr_fail_usage(r->err, "'%s': '%s' behind %s", r->text, s, name);
            return NULL;
        }
    }
    return skip_blanks(s + 1);
}

static void unknown_transform(struct reading *r, const char *name)
{
    const struct xr_transform *t;
    char known[900] = "";
    size_t n = 0;

    for (size_t i = 0; (t = xr_transform_at(i)) && n < sizeof known; i++)
        n +=
            (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", t->name);
    xr_fail_usage(r->err, "'%.60s': unknown transform '%s' (%s)", r->text, name, known);
}

/* "name" or "name(...)"; the end of it, or NULL with the error set. */
static const char *call(struct reading *r, struct xr_step *step, const char *s,
                        const char *place, int depth)
{
    const struct xr_transform *t;
    char name[32];

    s = word(name, sizeof name, skip_blanks(s));
    t = xr_transform_named(name);
    if (!t) {
        unknown_transform(r, name);
        return NULL;
    }
    if (depth >= XR_DEPTH || ++r->steps > XR_STEPS) {
        xr_fail_usage(r->err, "'%.60s': more than %d transforms, or nested above %d",
                      r->text, XR_STEPS, XR_DEPTH);
        return NULL;
    }
    xr_step_init(step, t);
    snprintf(step->place, sizeof step->place, "%s", place);
    snprintf(step->purpose, sizeof step->purpose, "%s/%s", name, place);
    if (*s == '(')
        s = settings(r, step, skip_blanks(s + 1), depth);
    if (s && t->flags & XR_HOLDS && step->n_inner == 0) {
        xr_fail_usage(r->err, "'%s': %s of which transforms?", r->text, name);
        return NULL;
    }
    return s && t->load && t->load(step, r->err) ? NULL : s;
}

int xr_chain_parse(struct xr_chain **chain, const char *const *texts, size_t n,
                   struct xr_err *err)
{
    struct reading r = {.err = err};
    struct xr_chain *c;

    *chain = NULL;
    if (n > XR_STEPS)
        return xr_fail_usage(err, "more than %d transforms", XR_STEPS);
    c = xr_alloc_array(1, sizeof *c, err);
    if (c)
        c->steps = xr_alloc_array(n, sizeof *c->steps, err);
    for (size_t i = 0; c && c->steps && i < n; i++) {
        const char *end;
        char place[16];

        snprintf(place, sizeof place, "%zu", i);
        r.text = texts[i];
        c->n++;
        end = call(&r, &c->steps[i], texts[i], place, 0);
        if (end && *end)
            xr_fail_usage(err, "'%s': '%s' at the end", texts[i], end);
        if (!end || *end) {
            xr_chain_free(c);
            return -1;
        }
    }
    if (!c || !c->steps) {
        xr_chain_free(c);
        return -1;
    }
    *chain = c;
    return 0;
}
