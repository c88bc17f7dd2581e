/* Selecting films from a table, and reading them. */
#include "films.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli.h"
#include "pixels/pixels.h"
#include "rng.h"
#include "stream.h"

#define MAX_FILE ((size_t)1 << 30)

/* The columns a table may have; -1: it has not. */
struct columns {
    int key, path, mask, label, index, split, fold;
};

static const char *cell(const struct xr_films *f, size_t row, int col)
{
    return col < 0 ? "" : xr_cell(&f->table, row, (size_t)col);
}

static unsigned line_of(const struct xr_films *f, size_t row)
{
    return f->table.lines[row];
}

/* --- classes ----------------------------------------------------------------- */

static int add_class(struct xr_films *f, const char *name, size_t len, struct xr_err *err)
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

static int64_t class_of(const struct xr_films *f, const char *name)
{
    for (size_t i = 0; i < f->n_classes; i++) {
        if (f->classes[i] && strcmp(f->classes[i], name) == 0)
            return (int64_t)i;
    }
    return -1;
}

static int classes_given(struct xr_films *f, const char *list, struct xr_err *err)
{
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        char *last;

        if (n == 0)
            return xr_fail_usage(err, "--classes: '%s' has an empty name", list);
        if (add_class(f, p, n, err))
            return -1;
        last = f->classes[f->n_classes - 1];
        if (class_of(f, last) != (int64_t)f->n_classes - 1)
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

static int classes_sorted(struct xr_films *f, const struct columns *c, struct xr_err *err)
{
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *name = cell(f, r, c->label);

        if (*name && class_of(f, name) < 0 && add_class(f, name, strlen(name), err))
            return -1;
    }
    if (f->n_classes)
        qsort(f->classes, f->n_classes, sizeof *f->classes, by_text);
    return 0;
}

/* The index in a row's column class, -1 where it is empty, -2 with an error. */
static int64_t index_of(const struct xr_films *f, size_t row, const struct columns *c,
                        struct xr_err *err)
{
    const char *text = cell(f, row, c->index);
    int64_t v;

    if (!*text)
        return -1;
    if (xr_parse_int(&v, text, 0, XR_MAX_CLASSES - 1, NULL)) {
        xr_fail(err, "%s:%u: class '%s' is not a number from 0", f->name, line_of(f, row),
                text);
        return -2;
    }
    return v;
}

static int classes_indexed(struct xr_films *f, const struct columns *c,
                           struct xr_err *err)
{
    f->classes = xr_alloc_array(XR_MAX_CLASSES, sizeof *f->classes, err);
    if (!f->classes)
        return -1;
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *name = cell(f, r, c->label);
        int64_t i = index_of(f, r, c, err), known;

        if (i == -2)
            return -1;
        if (i < 0 || !*name)
            continue;
        known = class_of(f, name);
        if (known == i)
            continue;
        if (known >= 0 || ((size_t)i < f->n_classes && f->classes[i]))
            return xr_fail(err,
                           "%s:%u: class %lld is '%s' here and something else above: see "
                           "xr-split --check",
                           f->name, line_of(f, r), (long long)i, name);
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

static int settle_classes(struct xr_films *f, const struct columns *c,
                          const struct xr_films_rule *rule, struct xr_err *err)
{
    if (rule->classes)
        return classes_given(f, rule->classes, err);
    if (c->label < 0)
        return 0;
    return c->index >= 0 ? classes_indexed(f, c, err) : classes_sorted(f, c, err);
}

static int label_of(int64_t *label, const struct xr_films *f, size_t row,
                    const struct columns *c, struct xr_err *err)
{
    const char *name = cell(f, row, c->label);
    int64_t index = index_of(f, row, c, err);

    if (index == -2)
        return -1;
    *label = *name ? class_of(f, name) : -1;
    if (*name && *label < 0)
        return xr_fail(err, "%s:%u: unknown class '%s'", f->name, line_of(f, row), name);
    if (index >= 0 && index != *label)
        return xr_fail(
            err, "%s:%u: '%s' has index %lld here and %lld in the order of classes",
            f->name, line_of(f, row), name, (long long)index, (long long)*label);
    return 0;
}

/* --- which rows -------------------------------------------------------------- */

enum part {
    TRAIN,
    VAL,
    TEST,
    NONE
};
static const char *const part_names[] = {"train", "val", "test", "all"};

/* The number of folds of a table; errors name the line. */
static int count_folds(int64_t *k, const struct xr_films *f, const struct columns *c,
                       int64_t fold, struct xr_err *err)
{
    *k = 0;
    if (c->fold < 0)
        return xr_fail(err, "%s: no column 'fold'", f->name);
    for (size_t r = 0; r < f->table.n_rows; r++) {
        const char *text = cell(f, r, c->fold);
        int64_t v;

        if (!*text && strcmp(cell(f, r, c->split), "test") == 0)
            continue;
        if (xr_parse_int(&v, text, 0, 1000000, NULL))
            return xr_fail(err, "%s:%u: fold '%s' is not a number from 0", f->name,
                           line_of(f, r), text);
        *k = v + 1 > *k ? v + 1 : *k;
    }
    if (fold >= *k)
        return xr_fail_usage(err, "--fold %lld: %s has folds 0 to %lld", (long long)fold,
                             f->name, (long long)*k - 1);
    return 0;
}

static int part_of(enum part *part, const struct xr_films *f, size_t row,
                   const struct columns *c, int64_t fold, int64_t k, struct xr_err *err)
{
    const char *text = cell(f, row, c->split);
    int64_t v;

    *part = NONE;
    if (fold >= 0) {
        if (strcmp(text, "test") == 0 ||
            xr_parse_int(&v, cell(f, row, c->fold), 0, k, NULL))
            return 0; /* held out of every fold */
        *part = v == fold ? TEST : v == (fold + 1) % k ? VAL : TRAIN;
        return 0;
    }
    for (int i = 0; i < NONE; i++) {
        if (strcmp(text, part_names[i]) == 0)
            *part = (enum part)i;
    }
    if (*part == NONE && (*text || c->fold < 0))
        return xr_fail(err, "%s:%u: split '%s' is not train, val or test", f->name,
                       line_of(f, row), text);
    return 0;
}

/* --- keys -------------------------------------------------------------------- */

static int key_of(char **key, const struct xr_films *f, size_t row,
                  const struct columns *c, const struct xr_films_rule *rule,
                  struct xr_err *err)
{
    const char *text = cell(f, row, c->key);

    if (c->key < 0)
        return xr_key_of(key, cell(f, row, c->path), rule->key_replace, err);
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

static int refuse_doubles(const struct xr_films *f, struct xr_err *err)
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
        if (f->has_table)
            rc = xr_fail(err, "%s:%u: key '%s' stands in line %u already", f->name,
                         line_of(f, b->row), b->key, line_of(f, a->row));
        else
            rc = xr_fail(err, "'%s' and '%s' give the same key '%s'", a->path, b->path,
                         a->key);
    }
    free(sorted);
    return rc;
}

/* --- tables and files -------------------------------------------------------- */

static int find_columns(struct columns *c, const struct xr_films *f,
                        const struct xr_films_rule *rule, struct xr_err *err)
{
    const struct xr_table *t = &f->table;

    c->key = xr_table_col(t, "key");
    c->mask = xr_table_col(t, "mask");
    c->label = xr_table_col(t, "label");
    c->index = xr_table_col(t, "class");
    c->split = xr_table_col(t, "split");
    c->fold = xr_table_col(t, "fold");
    if (xr_table_need(&c->path, t, "path", err))
        return -1;
    if (c->label < 0)
        c->index = -1; /* an index alone names nothing */
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

static int take_row(struct xr_films *f, size_t row, const struct columns *c,
                    const struct xr_films_rule *rule, struct xr_err *err)
{
    struct xr_film *film = &f->films[f->n];

    film->row = row;
    film->path = cell(f, row, c->path);
    film->mask = cell(f, row, c->mask);
    if (!*film->path)
        return xr_fail(err, "%s:%u: the path is empty", f->name, line_of(f, row));
    if (label_of(&film->label, f, row, c, err))
        return -1;
    if (key_of(&film->key, f, row, c, rule, err))
        return xr_fail_in(err, "%s:%u", f->name, line_of(f, row));
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
    struct columns c;
    int64_t k = 0;

    if (find_columns(&c, f, rule, err) || settle_classes(f, &c, rule, err) ||
        (rule->fold >= 0 && count_folds(&k, f, &c, rule->fold, err)))
        return -1;
    f->films = xr_alloc_array(f->table.n_rows, sizeof *f->films, err);
    f->class_counts = xr_alloc_array(f->n_classes, sizeof *f->class_counts, err);
    if (!f->films || !f->class_counts)
        return -1;
    for (size_t r = 0; r < f->table.n_rows; r++) {
        enum part part = NONE;

        if (!all && part_of(&part, f, r, &c, rule->fold, k, err))
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
    return refuse_doubles(f, err);
}

int xr_films_table(struct xr_films *films, const char *path,
                   const struct xr_films_rule *rule, struct xr_err *err)
{
    memset(films, 0, sizeof *films);
    if (xr_table_read(&films->table, path, err))
        return -1;
    films->has_table = true;
    films->name = films->table.name;
    films->root = rule->root;
    if (select_rows(films, rule, err) == 0)
        return 0;
    xr_films_free(films);
    return -1;
}

int xr_films_files(struct xr_films *films, char *const *paths, size_t n,
                   const struct xr_films_rule *rule, struct xr_err *err)
{
    memset(films, 0, sizeof *films);
    films->root = rule->root;
    films->films = xr_alloc_array(n, sizeof *films->films, err);
    if (rule->classes && classes_given(films, rule->classes, err))
        goto fail;
    films->class_counts =
        xr_alloc_array(films->n_classes, sizeof *films->class_counts, err);
    if (!films->films || !films->class_counts)
        goto fail;
    for (; films->n < n; films->n++) {
        struct xr_film *film = &films->films[films->n];

        film->path = paths[films->n];
        film->label = -1;
        if (xr_key_of(&film->key, film->path, rule->key_replace, err))
            goto fail;
    }
    films->n_unlabelled = n;
    if (refuse_doubles(films, err) == 0)
        return 0;
fail:
    xr_films_free(films);
    return -1;
}

void xr_films_free(struct xr_films *films)
{
    for (size_t i = 0; films->films && i < films->n; i++)
        free(films->films[i].key);
    for (size_t i = 0; films->classes && i < films->n_classes; i++)
        free(films->classes[i]);
    free(films->films);
    free(films->classes);
    free(films->class_counts);
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
    if (films->has_table)
        snprintf(text, size, "%s:%u: ", films->name, line_of(films, films->films[i].row));
}

static int read_one(struct xr_image *image, struct xr_image_info *info,
                    const struct xr_films *films, size_t i, const char *path,
                    enum xr_color color, struct xr_err *err)
{
    bool joined = films->root && *path != '/';
    char *full =
        joined ? xr_sprintf(err, "%s/%s", films->root, path) : xr_strdup(path, err);
    struct xr_buf buf = {0};
    struct xr_err why = {0};
    char where[512];
    int rc = -1;

    if (!full)
        return -1;
    if (xr_read_file(&buf, full, MAX_FILE, NULL, &why) == 0)
        rc = xr_image_decode(image, info, buf.data, buf.size, color, &why);
    xr_buf_free(&buf);
    if (rc) { /* the reader names the file itself: once is enough */
        size_t n = strlen(full);
        bool again =
            strncmp(why.text, full, n) == 0 && strncmp(why.text + n, ": ", 2) == 0;

        xr_films_where(where, sizeof where, films, i);
        xr_fail(err, "%scannot read '%s': %s", where, full,
                why.text + (again ? n + 2 : 0));
    }
    free(full);
    return rc;
}

int xr_films_read(struct xr_image *image, struct xr_image *mask,
                  struct xr_image_info *info, const struct xr_films *films, size_t i,
                  enum xr_color color, struct xr_err *err)
{
    const struct xr_film *film = &films->films[i];
    char where[512];

    memset(mask, 0, sizeof *mask);
    if (read_one(image, info, films, i, film->path, color, err))
        return -1;
    if (!film->mask || !*film->mask)
        return 0;
    if (read_one(mask, NULL, films, i, film->mask, XR_COLOR_GRAY, err) ||
        xr_to8(mask, err)) {
        xr_image_free(image);
        return -1;
    }
    if (mask->width != image->width || mask->height != image->height) {
        xr_films_where(where, sizeof where, films, i);
        xr_fail(err, "%smask '%s' is %zux%zu, image '%s' is %zux%zu", where, film->mask,
                mask->width, mask->height, film->path, image->width, image->height);
        xr_image_free(image);
        xr_image_free(mask);
        return -1;
    }
    return 0;
}

/* What standard input will give, without taking it: of a pipe, what has arrived so far.
 */
static size_t peek(unsigned char *head, size_t size)
{
    off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    ssize_t n = -1;
    int twin[2];

    if (at >= 0) {
        n = pread(STDIN_FILENO, head, size, at);
    } else if (pipe(twin) == 0) {
        n = tee(STDIN_FILENO, twin[1], size, 0); /* waits for the first byte */
        close(twin[1]);
        n = n > 0 ? read(twin[0], head, size) : n;
        close(twin[0]);
    }
    return n > 0 ? (size_t)n : 0;
}

int xr_films_sniff(const char *path)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png"};
    unsigned char head[512] = {0};
    bool standard = strcmp(path, "-") == 0;
    size_t n = 0, len = strlen(path);
    FILE *file = standard ? NULL : fopen(path, "rb");

    if (file) {
        n = fread(head, 1, sizeof head, file);
        fclose(file);
    } else if (standard) {
        n = peek(head, sizeof head);
    }
    if (n >= 4 && (!memcmp(head, "\xff\xd8\xff", 3) || !memcmp(head, "\x89PNG", 4)))
        return 'i';
    if (n >= 4 && (!memcmp(head, "\x1f\x8b", 2) || !memcmp(head, "\x28\xb5\x2f\xfd", 4) ||
                   (n >= 263 && !memcmp(head + 257, "ustar", 5))))
        return 't';
    if (n >= 100 && memchr(head, 0, 100)) /* a tar header begins with a name and NULs */
        return 't';
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t m = strlen(suffixes[i]);

        if (len > m && strcasecmp(path + len - m, suffixes[i]) == 0)
            return 'i';
    }
    return 'c';
}
