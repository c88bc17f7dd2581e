/* Cases by key, with their groups. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *xr_case_key(const char *path, struct xr_err *err)
{
    const char *last = xr_last_part(path);

    return xr_sprintf(err, "%.*s", (int)(strlen(last) - xr_image_suffix(last)), last);
}

/* `arg` is where the names stand. */
static bool same(const void *arg, uint32_t row, const char *name)
{
    char *const *names = arg;

    return !strcmp(names[row], name);
}

int xr_texts_put(struct xr_texts *names, uint32_t *i, const char *text,
                 struct xr_err *err)
{
    char *copy, **more;
    int is_new;

    if (names->n == names->room) {
        more = realloc(names->text, (2 * names->room + 64) * sizeof *more);
        if (!more)
            return xr_fail(err, "out of memory");
        names->text = more;
        names->room = 2 * names->room + 64;
    }
    copy = names->n < UINT32_MAX - 1 ? xr_strdup(text, err) : NULL;
    if (!copy)
        return -1;
    names->text[names->n] = copy;
    is_new =
        xr_index_put(&names->index, i, copy, (uint32_t)names->n, same, names->text, err);
    if (is_new == 1)
        names->n++;
    else
        free(copy);
    return is_new;
}

void xr_texts_free(struct xr_texts *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->text[i]);
    free(names->text);
    xr_index_free(&names->index);
    memset(names, 0, sizeof *names);
}

/* The group of the last case: "" is its own, whose name no cell has. */
static int put_group(struct xr_cases *c, const char *group, struct xr_err *err)
{
    uint32_t *more;
    char own[32];

    if (c->keys.n > c->room) {
        more = realloc(c->group, (2 * c->room + 64) * sizeof *more);
        if (!more)
            return xr_fail(err, "out of memory");
        c->group = more;
        c->room = 2 * c->room + 64;
    }
    snprintf(own, sizeof own, "\n%zu", c->keys.n);
    return xr_texts_put(&c->groups, &c->group[c->keys.n - 1], *group ? group : own, err);
}

/* 1: it is new. */
static int add(struct xr_cases *c, uint32_t *i, const char *key, const char *group,
               struct xr_err *err)
{
    int is_new = xr_texts_put(&c->keys, i, key, err);

    return is_new == 1 && group && put_group(c, group, err) < 0 ? -1 : is_new;
}

/* Columns of the table; -1: not asked for. */
struct columns {
    int key, path, split, group;
};

static int find_columns(struct columns *at, const struct xr_table *t, const char *split,
                        const char *group, struct xr_err *err)
{
    *at = (struct columns){xr_table_col(t, "key"), xr_table_col(t, "path"), -1, -1};
    if (at->key < 0 && at->path < 0)
        return xr_fail(err, "%s:1: neither a column 'key' nor 'path'", t->name);
    if ((split && xr_table_need(&at->split, t, "split", err)) ||
        (group && xr_table_need(&at->group, t, group, err)))
        return -1;
    return 0;
}

static int read_row(struct xr_cases *c, const struct xr_table *t, size_t row,
                    const struct columns *at, const char *split, struct xr_err *err)
{
    char *key = at->key >= 0 ? xr_strdup(xr_cell(t, row, (size_t)at->key), err)
                             : xr_case_key(xr_cell(t, row, (size_t)at->path), err);
    uint32_t i;
    int got;

    if (!key)
        return -1;
    if (split && strcmp(xr_cell(t, row, (size_t)at->split), split))
        got = xr_texts_put(&c->others, &i, key, err) < 0 ? -1 : 1;
    else
        got = add(c, &i, key, at->group < 0 ? NULL : xr_cell(t, row, (size_t)at->group),
                  err);
    if (got == 0)
        xr_fail(err, "%s:%u: the key '%s' is there twice", t->name, t->lines[row], key);
    free(key);
    return got == 1 ? 0 : -1;
}

int xr_cases_read(struct xr_cases *c, const char *path, const char *split,
                  const char *group, struct xr_err *err)
{
    struct xr_table t = {0};
    struct columns at;
    int status;

    memset(c, 0, sizeof *c);
    if (xr_table_read(&t, path, err))
        return -1;
    status = find_columns(&at, &t, split, group, err);
    for (size_t row = 0; row < t.n_rows && status == 0; row++)
        status = read_row(c, &t, row, &at, split, err);
    if (status == 0 && !c->keys.n)
        status = split ? xr_fail(err, "%s: no row of split '%s'", t.name, split)
                       : xr_fail(err, "%s: no row", t.name);
    memcpy(c->digest, t.digest, sizeof c->digest);
    c->closed = true;
    c->name = xr_strdup(xr_last_part(t.name), err);
    xr_table_free(&t);
    if (status || !c->name) {
        xr_cases_free(c);
        return -1;
    }
    return 0;
}

int xr_cases_number(struct xr_cases *c, uint32_t *i, const char *key, const char *group,
                    struct xr_err *err)
{
    if (!c->closed || xr_index_get(&c->keys.index, key, same, c->keys.text))
        return add(c, i, key, group, err) < 0 ? -1 : 1;
    if (xr_index_get(&c->others.index, key, same, c->others.text))
        return 0;
    return xr_fail(err, "'%s' is not in the table %s", key, c->name);
}

void xr_cases_free(struct xr_cases *c)
{
    xr_texts_free(&c->keys);
    xr_texts_free(&c->groups);
    xr_texts_free(&c->others);
    free(c->group);
    free(c->name);
    memset(c, 0, sizeof *c);
}
