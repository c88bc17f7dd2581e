/* Selecting films from a table, and reading them. */
#include "films.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "films_parts.h"
#include "frames.h"
#include "pixels/pixels.h"
#include "rng.h"
#include "stream.h"

/* --- which rows -------------------------------------------------------------- */

enum part {
    TRAIN,
    VAL,
    TEST,
    NONE
};
static const char *const part_names[] = {"train", "val", "test", "all"};

/* The number of folds of a table; errors name the line. */
static int count_folds(int64_t *k, const struct xr_films *f,
                       const struct xr_film_columns *c, int64_t fold, struct xr_err *err)
{
    *k = 0;
    if (c->fold < 0)
        return xr_fail(err, "%s: no column 'fold'", f->name);
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *text = xr_films_cell(f, r, c->fold);
        int64_t v;

        if (!*text && strcmp(xr_films_cell(f, r, c->split), "test") == 0)
            continue;
        if (xr_parse_int(&v, text, 0, 1000000, NULL))
            return xr_fail(err, "%s:%u: fold '%s' is not a number from 0", f->name,
                           xr_films_line(f, r), text);
        *k = v + 1 > *k ? v + 1 : *k;
    }
    if (fold >= *k)
        return xr_fail_usage(err, "--fold %lld: %s has folds 0 to %lld", (long long)fold,
                             f->name, (long long)*k - 1);
    return 0;
}

/* Which fold of the rest is a row in, where `fold` is the test? */
static int inner_of(enum part *part, const struct xr_films *f, size_t row,
                    const struct xr_film_columns *c, int64_t inner, struct xr_err *err)
{
    const char *text = xr_films_cell(f, row, c->inner);
    int64_t v;

    if (xr_parse_int(&v, text, 0, 1000000, NULL))
        return xr_fail(err, "%s:%u: %s '%s' is not a number from 0", f->name,
                       xr_films_line(f, row), f->table.names[c->inner], text);
    *part = v == inner ? VAL : TRAIN;
    return 0;
}

/* Not all that may be trained on: a step of a learning curve. */
static int subset_of(enum part *part, const struct xr_films *f, size_t row,
                     const struct xr_film_columns *c, double share, struct xr_err *err)
{
    const char *text = xr_films_cell(f, row, c->subset);
    double v;

    if (xr_parse_real(&v, text, 0, 1, NULL))
        return xr_fail(err, "%s:%u: subset '%s' is not a number from 0 to 1", f->name,
                       xr_films_line(f, row), text);
    if (v > share * (1 + 1e-9))
        *part = NONE;
    return 0;
}

static int part_of(enum part *part, const struct xr_films *f, size_t row,
                   const struct xr_film_columns *c, const struct xr_films_rule *rule,
                   int64_t k, struct xr_err *err)
{
    const int64_t fold = rule->fold;
    const char *text = xr_films_cell(f, row, c->split);
    int64_t v;

    *part = NONE;
    if (fold >= 0) {
        if (strcmp(text, "test") == 0 ||
            xr_parse_int(&v, xr_films_cell(f, row, c->fold), 0, k, NULL))
            return 0; /* held out of every fold */
        *part = v == fold ? TEST : v == (fold + 1) % k ? VAL : TRAIN;
        return v != fold && c->inner >= 0 ? inner_of(part, f, row, c, rule->inner, err)
                                          : 0;
    }
    for (int i = 0; i < NONE; i++) {
        if (strcmp(text, part_names[i]) == 0)
            *part = (enum part)i;
    }
    if (*part == NONE && (*text || c->fold < 0))
        return xr_fail(err, "%s:%u: split '%s' is not train, val or test", f->name,
                       xr_films_line(f, row), text);
    return 0;
}

/* --- keys -------------------------------------------------------------------- */

static int key_of(char **key, const struct xr_films *f, size_t row,
                  const struct xr_film_columns *c, const struct xr_films_rule *rule,
                  struct xr_err *err)
{
    const char *text = xr_films_cell(f, row, c->key);

    if (c->key < 0)
        return xr_key_of(key, xr_films_cell(f, row, c->path), rule->key_replace, err);
    if (!*text)
        return xr_fail(err, "the key is empty");
    if (!strchr(text, '/'))
        return xr_key_of(key, text, rule->key_replace, err);
    if (*text == '/' || strstr(text, "..") || strchr(xr_last_part(text), '.') ||
        !*xr_last_part(text) || !strncmp(text, "__xr__", 6))
        return xr_fail(err, "'%s' cannot be a key: it names a file in a stream", text);
    *key = xr_strdup(text, err);
    return *key ? 0 : -1;
}

static int by_key(const void *a, const void *b)
{
    const struct xr_film *x = *(struct xr_film *const *)a,
                         *y = *(struct xr_film *const *)b;
    int d = strcmp(x->key, y->key);

    return d ? d : (x > y) - (x < y);
}

int xr_films_distinct(const struct xr_films *f, struct xr_err *err)
{
    const struct xr_film **sorted = xr_alloc_array(f->n, sizeof *sorted, err);
    int rc = 0;

    if (!sorted)
        return -1;
    for (size_t i = 0; i < f->n; i++)
        sorted[i] = &f->films[i];
    qsort(sorted, f->n, sizeof *sorted, by_key);
    for (size_t i = 1; i < f->n && rc == 0; i++) {
        const struct xr_film *a = sorted[i - 1], *b = sorted[i];

        if (strcmp(a->key, b->key))
            continue;
        if (f->name)
            rc = xr_fail(err, "%s:%u: key '%s' stands in line %u already", f->name,
                         xr_films_line(f, b->row), b->key, xr_films_line(f, a->row));
        else
            rc = xr_fail(err, "'%s' and '%s' give the same key '%s'", a->path, b->path,
                         a->key);
    }
    free(sorted);
    return rc;
}

/* --- tables and files -------------------------------------------------------- */

static int find_inner(struct xr_film_columns *c, const struct xr_films *f,
                      const struct xr_films_rule *rule, struct xr_err *err)
{
    char name[40];

    c->inner = -1;
    if (rule->inner < 0)
        return 0;
    if (rule->fold < 0)
        return xr_fail_usage(err, "--inner: needs --fold");
    snprintf(name, sizeof name, "inner_%lld", (long long)rule->fold);
    return xr_table_need(&c->inner, &f->table, name, err);
}

static int find_columns(struct xr_film_columns *c, const struct xr_films *f,
                        const struct xr_films_rule *rule, struct xr_err *err)
{
    const struct xr_table *t = &f->table;

    c->key = xr_table_col(t, "key");
    c->mask = xr_table_col(t, "mask");
    c->annotation = xr_table_col(t, "annotation");
    c->label = xr_table_col(t, "label");
    c->index = xr_table_col(t, "class");
    c->split = xr_table_col(t, "split");
    c->fold = xr_table_col(t, "fold");
    if (xr_table_need(&c->path, t, "path", err))
        return -1;
    if (c->label < 0)
        c->index = -1; /* an index alone names nothing */
    if (find_inner(c, f, rule, err) ||
        (rule->subset > 0 && xr_table_need(&c->subset, t, "subset", err)))
        return -1;
    if (rule->fold < 0 && strcmp(rule->split, "all") && c->split < 0)
        return c->fold < 0
                   ? xr_fail(err,
                             "%s: no column 'split': make one with xr-split, or give "
                             "--split all",
                             f->name)
                   : xr_fail_usage(err, "%s has folds: give --fold, or --split all",
                                   f->name);
    return 0;
}

static int take_row(struct xr_films *f, size_t row, const struct xr_film_columns *c,
                    const struct xr_films_rule *rule, struct xr_err *err)
{
    struct xr_film *film = &f->films[f->n];

    film->row = row;
    film->path = xr_films_cell(f, row, c->path);
    film->mask = xr_films_cell(f, row, c->mask);
    film->annotation = xr_films_cell(f, row, c->annotation);
    if (!*film->path)
        return xr_fail(err, "%s:%u: the path is empty", f->name, xr_films_line(f, row));
    if (xr_films_label(&film->label, f, row, c, err))
        return -1;
    if (key_of(&film->key, f, row, c, rule, err))
        return xr_fail_in(err, "%s:%u", f->name, xr_films_line(f, row));
    f->n++;
    if (film->label >= 0)
        f->class_counts[film->label]++;
    else
        f->n_unlabelled++;
    return 0;
}

static int select_rows(struct xr_films *f, const struct xr_films_rule *rule,
                       struct xr_err *err)
{
    bool all = strcmp(rule->split, "all") == 0;
    struct xr_film_columns c;
    int64_t k = 0;

    if (find_columns(&c, f, rule, err) || xr_films_classes(f, &c, rule, err) ||
        (rule->fold >= 0 && count_folds(&k, f, &c, rule->fold, err)))
        return -1;
    f->films = xr_alloc_array(f->table.n_rows, sizeof *f->films, err);
    f->class_counts = xr_alloc_array(f->n_classes, sizeof *f->class_counts, err);
    if (!f->films || !f->class_counts)
        return -1;
    for (size_t r = 0; r < f->table.n_rows; r++) {
        enum part part = NONE;

        if (!all && (part_of(&part, f, r, &c, rule, k, err) ||
                     (part == TRAIN && rule->subset > 0 &&
                      subset_of(&part, f, r, &c, rule->subset, err))))
            return -1;
        if ((all || (part != NONE && strcmp(part_names[part], rule->split) == 0)) &&
            take_row(f, r, &c, rule, err))
            return -1;
    }
    if (f->n == 0 && !all && rule->fold < 0 && c.fold >= 0)
        return xr_fail_usage(err, "%s has folds: give --fold, or --split all", f->name);
    if (f->n == 0 && !all)
        return xr_fail(err, "%s: no film of split '%s'", f->name, rule->split);
    if (f->n == 0)
        return xr_fail(err, "%s: a header and no rows", f->name);
    return xr_films_distinct(f, err);
}

int xr_films_table(struct xr_films *films, const char *path,
                   const struct xr_films_rule *rule, struct xr_err *err)
{
    memset(films, 0, sizeof *films);
    if (xr_table_read(&films->table, path, err))
        return -1;
    films->has_table = true;
    films->name = films->table.name;
    memcpy(films->digest, films->table.digest, sizeof films->digest);
    films->root = rule->root;
    if (select_rows(films, rule, err) == 0)
        return 0;
    xr_films_free(films);
    return -1;
}

/* The path below the folder of relative paths; free it. */
char *xr_films_path(const struct xr_films *f, const char *path, struct xr_err *err)
{
    return f->root && *path != '/' ? xr_sprintf(err, "%s/%s", f->root, path)
                                   : xr_strdup(path, err);
}

static int make_room(struct xr_films *f, struct xr_err *err)
{
    size_t room = f->room ? 2 * f->room : 64;
    struct xr_film *films;

    if (f->n < f->room)
        return 0;
    films = realloc(f->films, room * sizeof *films);
    if (!films)
        return xr_fail(err, "out of memory");
    memset(films + f->n, 0, (room - f->n) * sizeof *films);
    f->films = films;
    f->room = room;
    return 0;
}

/* One film; pick {0}: what the path says. */
static int add_one(struct xr_films *f, const char *path, const char *key_path,
                   const struct xr_pick *pick, const struct xr_films_rule *rule,
                   struct xr_err *err)
{
    char choice[XR_FRAMES_TEXT], *key_text;
    struct xr_film *film;
    int rc;

    if (make_room(f, err))
        return -1;
    film = &f->films[f->n];
    memset(film, 0, sizeof *film);
    film->path = path;
    xr_frames_choice(choice, pick);
    if (*choice) {
        film->path = film->frame_path = xr_sprintf(err, "%s%s", path, choice);
        if (!film->path)
            return -1;
    }
    key_text = xr_sprintf(err, "%s%s", key_path, choice);
    rc = key_text ? xr_key_of(&film->key, key_text, rule->key_replace, err) : -1;
    free(key_text);
    if (rc)
        free(film->frame_path);
    f->n += rc == 0;
    return rc;
}

int xr_films_add(struct xr_films *f, const char *path, const char *key_path,
                 int64_t label, size_t row, const struct xr_films_rule *rule,
                 struct xr_err *err)
{
    char *full = xr_films_path(f, path, err);
    struct xr_frames frames = {.n = 1};
    struct xr_pick pick;

    if (!full)
        return -1;
    xr_frames_find(&pick, full);
    if (!pick.index)
        xr_frames_count(&frames, full);
    free(full);
    for (size_t i = 0; i < frames.n; i++) {
        pick = xr_frames_nth(&frames, i);
        if (add_one(f, path, key_path, &pick, rule, err))
            return f->name ? xr_fail_in(err, "%s:%u", f->name, xr_films_line(f, row))
                           : -1;
        f->films[f->n - 1].label = label;
        f->films[f->n - 1].row = row;
        if (label >= 0)
            f->class_counts[label]++;
        else
            f->n_unlabelled++;
    }
    return 0;
}

int xr_films_paths(struct xr_films *films, char *const *paths, size_t n,
                   const struct xr_films_rule *rule, struct xr_err *err)
{
    films->root = rule->root;
    if (rule->classes && xr_films_classes_given(films, rule->classes, err))
        return -1;
    films->class_counts =
        xr_alloc_array(films->n_classes, sizeof *films->class_counts, err);
    if (!films->class_counts)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (xr_films_add(films, paths[i], paths[i], -1, i, rule, err))
            return -1;
    }
    return xr_films_distinct(films, err);
}

int xr_films_files(struct xr_films *films, char *const *paths, size_t n,
                   const struct xr_films_rule *rule, struct xr_err *err)
{
    memset(films, 0, sizeof *films);
    if (xr_films_paths(films, paths, n, rule, err) == 0)
        return 0;
    xr_films_free(films);
    return -1;
}

void xr_films_free(struct xr_films *films)
{
    for (size_t i = 0; films->films && i < films->n; i++) {
        free(films->films[i].key);
        free(films->films[i].frame_path);
    }
    for (size_t i = 0; films->classes && i < films->n_classes; i++)
        free(films->classes[i]);
    free(films->films);
    free(films->classes);
    free(films->class_counts);
    free(films->text);
    if (films->has_table)
        xr_table_free(&films->table);
    memset(films, 0, sizeof *films);
}

void xr_films_shuffle(size_t *order, const struct xr_films *films, uint64_t seed,
                      uint64_t epoch)
{
    struct xr_rng rng;

    for (size_t i = 0; i < films->n; i++)
        order[i] = i;
    xr_rng_init(&rng, seed, epoch, "", "order");
    xr_rng_shuffle(&rng, order, films->n);
}

cJSON *xr_films_row(const struct xr_films *films, size_t i)
{
    cJSON *row;

    if (!films->has_table)
        return NULL;
    row = cJSON_CreateObject();
    for (size_t c = 0; c < films->table.n_cols; c++)
        cJSON_AddStringToObject(row, films->table.names[c],
                                xr_cell(&films->table, films->films[i].row, c));
    return row;
}

void xr_films_where(char *text, size_t size, const struct xr_films *films, size_t i)
{
    *text = '\0';
    if (films->name)
        snprintf(text, size, "%s:%u: ", films->name,
                 xr_films_line(films, films->films[i].row));
}
