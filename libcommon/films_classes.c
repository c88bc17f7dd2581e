/* Classes of a table of films: given, by their index, or sorted by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "films_parts.h"
#include "stream.h"

int xr_films_class_add(struct xr_films *f, const char *name, size_t len,
                       struct xr_err *err)
{
    char **classes = realloc(f->classes, (f->n_classes + 1) * sizeof *classes);

    if (!classes)
        return xr_fail(err, "out of memory");
    f->classes = classes;
    if (f->n_classes == XR_MAX_CLASSES)
        return xr_fail(err, "more than %d classes", XR_MAX_CLASSES);
    classes[f->n_classes] = strndup(name, len);
    return classes[f->n_classes] && ++f->n_classes ? 0 : xr_fail(err, "out of memory");
}

int64_t xr_films_class(const struct xr_films *f, const char *name)
{
    for (size_t i = 0; i < f->n_classes; i++) {
        if (f->classes[i] && strcmp(f->classes[i], name) == 0)
            return (int64_t)i;
    }
    return -1;
}

int xr_films_classes_given(struct xr_films *f, const char *list, struct xr_err *err)
{
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        char *last;

        if (n == 0)
            return xr_fail_usage(err, "--classes: '%s' has an empty name", list);
        if (xr_films_class_add(f, p, n, err))
            return -1;
        last = f->classes[f->n_classes - 1];
        if (xr_films_class(f, last) != (int64_t)f->n_classes - 1)
            return xr_fail_usage(err, "--classes: '%s' stands twice", last);
        p += n;
        if (!*p)
            return 0;
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int classes_sorted(struct xr_films *f, const struct xr_film_columns *c,
                          struct xr_err *err)
{
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *name = xr_films_cell(f, r, c->label);

        if (*name && xr_films_class(f, name) < 0 &&
            xr_films_class_add(f, name, strlen(name), err))
            return -1;
    }
    if (f->n_classes)
        qsort(f->classes, f->n_classes, sizeof *f->classes, by_text);
    return 0;
}

/* The index in a row's column class, -1 where it is empty, -2 with an error. */
static int64_t index_of(const struct xr_films *f, size_t row,
                        const struct xr_film_columns *c, struct xr_err *err)
{
    const char *text = xr_films_cell(f, row, c->index);
    int64_t v;

    if (!*text)
        return -1;
    if (xr_parse_int(&v, text, 0, XR_MAX_CLASSES - 1, NULL)) {
        xr_fail(err, "%s:%u: class '%s' is not a number from 0", f->name,
                xr_films_line(f, row), text);
        return -2;
    }
    return v;
}

static int classes_indexed(struct xr_films *f, const struct xr_film_columns *c,
                           struct xr_err *err)
{
    f->classes = xr_alloc_array(XR_MAX_CLASSES, sizeof *f->classes, err);
    if (!f->classes)
        return -1;
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *name = xr_films_cell(f, r, c->label);
        int64_t i = index_of(f, r, c, err), known;

        if (i == -2)
            return -1;
        if (i < 0 || !*name)
            continue;
        known = xr_films_class(f, name);
        if (known == i)
            continue;
        if (known >= 0 || ((size_t)i < f->n_classes && f->classes[i]))
            return xr_fail(err,
                           "%s:%u: class %lld is '%s' here and something else above: see "
                           "xr-split --check",
                           f->name, xr_films_line(f, r), (long long)i, name);
        f->classes[i] = xr_strdup(name, err);
        if (!f->classes[i])
            return -1;
        f->n_classes = (size_t)i + 1 > f->n_classes ? (size_t)i + 1 : f->n_classes;
    }
    for (size_t i = 0; i < f->n_classes; i++) {
        if (!f->classes[i])
            return xr_fail(err, "%s: no row names class %zu: give --classes", f->name, i);
    }
    return 0;
}

int xr_films_classes(struct xr_films *f, const struct xr_film_columns *c,
                     const struct xr_films_rule *rule, struct xr_err *err)
{
    if (rule->classes)
        return xr_films_classes_given(f, rule->classes, err);
    if (c->label < 0)
        return 0;
    return c->index >= 0 ? classes_indexed(f, c, err) : classes_sorted(f, c, err);
}

int xr_films_label(int64_t *label, const struct xr_films *f, size_t row,
                   const struct xr_film_columns *c, struct xr_err *err)
{
    const char *name = xr_films_cell(f, row, c->label);
    int64_t index = index_of(f, row, c, err);

    if (index == -2)
        return -1;
    *label = *name ? xr_films_class(f, name) : -1;
    if (*name && *label < 0)
        return xr_fail(err, "%s:%u: unknown class '%s'", f->name, xr_films_line(f, row),
                       name);
    if (index >= 0 && index != *label)
        return xr_fail(
            err, "%s:%u: '%s' has index %lld here and %lld in the order of classes",
            f->name, xr_films_line(f, row), name, (long long)index, (long long)*label);
    return 0;
}
