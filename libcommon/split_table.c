/* From a table and what the user asked for to classes, keys, groups, parts, and the table
 * written. */
#include "split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rng.h"
#include "split_index.h"
#include "stream.h"

#define MAX_GROUP_COLS 16
#define PIECE_KEY (-1)
#define PIECE_TEXT (-2)

/* A template: its pieces in turn. */
struct piece {
    int col; /* a column, PIECE_KEY or PIECE_TEXT */
    const char *text;
    size_t len;
};

struct tmpl {
    struct piece *pieces;
    size_t n;
};

struct names {
    char **items;
    size_t n;
};

struct xr_split {
    const struct xr_table *table;
    const struct xr_split_rule *rule;
    struct names classes;
    unsigned char *has_mask; /* [n_classes], NULL: all */
    int *hot;                /* [n_hot] one-hot columns */
    int *hot_class;          /* [n_hot] their classes */
    size_t n_hot;
    int rest_class;
    int label_col, key_col, mask_col; /* mask_col -1: none */
    int group_cols[MAX_GROUP_COLS];
    size_t n_group_cols;
    struct tmpl path, mask;
    uint16_t *class_of; /* [n_rows], XR_SPLIT_NONE: dropped */
    uint32_t *group_of; /* [n_rows], NULL without groups */
    uint16_t *part;     /* [n_groups], or [n_rows] without groups */
    size_t n_groups, n_parts, n_kept;
    double *share; /* [n_parts] */
    struct xr_buf warnings, scratch;
};

static int at_line(const struct xr_split *s, size_t row, struct xr_err *err)
{
    return xr_fail_in(err, "%s:%u", s->table->name, (unsigned)s->table->lines[row]);
}

/* --- lists and templates --------------------------------------------------------- */

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
    memset(names, 0, sizeof *names);
}

static int names_add(struct names *names, const char *text, size_t len,
                     struct xr_err *err)
{
    char **items = realloc(names->items, (names->n + 1) * sizeof *items);

    if (!items)
        return xr_fail(err, "out of memory");
    names->items = items;
    items[names->n] = xr_sprintf(err, "%.*s", (int)len, text);
    return items[names->n] ? (names->n++, 0) : -1;
}

static int names_find(const struct names *names, const char *text)
{
    for (size_t i = 0; i < names->n; i++) {
        if (!strcmp(names->items[i], text))
            return (int)i;
    }
    return -1;
}

/* "a,b,c" of option `name`: no empty item, none twice. */
static int names_parse(struct names *names, const char *option, const char *text,
                       struct xr_err *err)
{
    for (;;) {
        size_t len = strcspn(text, ",");

        if (len == 0)
            return xr_fail_usage(err, "%s: an empty name in the list", option);
        if (names_add(names, text, len, err))
            return -1;
        if (names_find(names, names->items[names->n - 1]) != (int)names->n - 1)
            return xr_fail_usage(err, "%s: '%s' is named twice", option,
                                 names->items[names->n - 1]);
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

static int tmpl_add(struct tmpl *t, int col, const char *text, size_t len,
                    struct xr_err *err)
{
    struct piece *pieces = realloc(t->pieces, (t->n + 1) * sizeof *pieces);

    if (!pieces)
        return xr_fail(err, "out of memory");
    t->pieces = pieces;
    pieces[t->n++] = (struct piece){col, text, len};
    return 0;
}

static int tmpl_parse(struct tmpl *t, const char *option, const char *text,
                      const struct xr_table *table, struct xr_err *err)
{
    if (!*text)
        return xr_fail_usage(err, "%s: an empty template", option);
    while (*text) {
        size_t len = strcspn(text, "{}");

        if (len && tmpl_add(t, PIECE_TEXT, text, len, err))
            return -1;
        text += len;
        if ((text[0] == '{' || text[0] == '}') && text[1] == text[0]) { /* {{ and }} */
            if (tmpl_add(t, PIECE_TEXT, text, 1, err))
                return -1;
            text += 2;
        } else if (*text == '{' && strchr(text, '}')) {
            char *name;
            int col = PIECE_KEY, bad = 0;

            len = (size_t)(strchr(text, '}') - text) - 1;
            name = xr_sprintf(err, "%.*s", (int)len, text + 1);
            if (!name)
                return -1;
            if (strcmp(name, "key")) {
                bad = xr_table_need(&col, table, name, err);
                if (bad)
                    xr_fail_in(err, "%s", option);
            }
            free(name);
            if (bad || tmpl_add(t, col, NULL, 0, err))
                return -1;
            text += len + 2;
        } else if (*text) {
            return xr_fail_usage(err, "%s: a single '%c' (write it twice to mean itself)",
                                 option, *text);
        }
    }
    return 0;
}

/* Into s->scratch, from its start. *empty: a column it uses is empty. */
static int tmpl_fill(struct xr_split *s, const struct tmpl *t, size_t row,
                     const char *key, bool *empty, struct xr_err *err)
{
    *empty = false;
    s->scratch.size = 0;
    if (xr_buf_reserve(&s->scratch, 0, err))
        return -1;
    s->scratch.data[0] = '\0';
    for (size_t i = 0; i < t->n; i++) {
        const struct piece *p = &t->pieces[i];
        const char *text = p->col == PIECE_KEY ? key
                           : p->col == PIECE_TEXT
                               ? p->text
                               : xr_cell(s->table, row, (size_t)p->col);
        size_t len = p->col == PIECE_TEXT ? p->len : strlen(text);

        *empty |= len == 0;
        if (xr_buf_put(&s->scratch, text, len, err))
            return -1;
    }
    return 0;
}

int xr_split_ratio(double ratio[3], const char *text, struct xr_err *err)
{
    const char *p = text;
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        size_t len = strcspn(p, "/,:");
        char *number = xr_sprintf(NULL, "%.*s", (int)len, p);
        int bad = !number || xr_parse_real(&ratio[i], number, 0, 100, NULL);

        free(number);
        p += len;
        if (bad || (i < 2 ? !*p : *p))
            return xr_fail_usage(
                err,
                "--ratio: '%s': not three shares train/val/test, such as "
                "70/15/15 or 80/0/20",
                text);
        p += i < 2;
        sum += ratio[i];
    }
    if (fabs(sum - 1) > 1e-6 && fabs(sum - 100) > 1e-4)
        return xr_fail_usage(err, "--ratio: '%s': the sum is %g, not 1 or 100", text,
                             sum);
    for (int i = 0; i < 3; i++)
        ratio[i] /= sum;
    return 0;
}

/* --- classes --------------------------------------------------------------------- */

static int add_classes(struct xr_split *s, struct xr_err *err)
{
    return s->rule->classes ? names_parse(&s->classes, "--classes", s->rule->classes, err)
                            : 0;
}

static int settle_one_hot(struct xr_split *s, struct xr_err *err)
{
    struct names hot = {0};
    int status = -1;

    if (names_parse(&hot, "--one-hot", s->rule->one_hot, err))
        goto done;
    if (s->rule->rest && names_find(&hot, s->rule->rest) >= 0) {
        xr_fail_usage(err, "--rest: '%s' is one of the columns of --one-hot",
                      s->rule->rest);
        goto done;
    }
    s->n_hot = hot.n;
    s->hot = xr_alloc_array(hot.n, sizeof *s->hot, err);
    s->hot_class = xr_alloc_array(hot.n, sizeof *s->hot_class, err);
    if (!s->hot || !s->hot_class)
        goto done;
    if (!s->rule->classes) { /* the rest first, then as written */
        if (s->rule->rest &&
            names_add(&s->classes, s->rule->rest, strlen(s->rule->rest), err))
            goto done;
        for (size_t i = 0; i < hot.n; i++) {
            if (names_add(&s->classes, hot.items[i], strlen(hot.items[i]), err))
                goto done;
        }
    } else if (s->classes.n != hot.n + (s->rule->rest != NULL)) {
        xr_fail_usage(err, "--classes: %zu names where --one-hot and --rest have %zu",
                      s->classes.n, hot.n + (s->rule->rest != NULL));
        goto done;
    }
    s->rest_class = s->rule->rest ? names_find(&s->classes, s->rule->rest) : 0;
    for (size_t i = 0; i < hot.n; i++) {
        s->hot_class[i] = names_find(&s->classes, hot.items[i]);
        if (s->hot_class[i] < 0 || s->rest_class < 0) {
            xr_fail_usage(err, "--classes: '%s' is missing",
                          s->rest_class < 0 ? s->rule->rest : hot.items[i]);
            goto done;
        }
        if (xr_table_need(&s->hot[i], s->table, hot.items[i], err))
            goto done;
    }
    status = 0;
done:
    names_free(&hot);
    return status;
}

/* 0, 1, or -1 for anything else. */
static int truth(const char *text)
{
    if (text[0] != '0' && text[0] != '1')
        return -1;
    if (text[1] == '.' && text[2] == '0' && !text[2 + strspn(text + 2, "0")])
        return text[0] == '1';
    return text[1] ? -1 : text[0] == '1';
}

static int class_by_one_hot(struct xr_split *s, size_t row, struct xr_err *err)
{
    int found = -1;

    for (size_t i = 0; i < s->n_hot; i++) {
        const char *text = xr_cell(s->table, row, (size_t)s->hot[i]);
        int t = truth(text);

        if (t < 0) {
            xr_fail(err, "'%s' in column '%s' is neither 0 nor 1", text,
                    s->table->names[s->hot[i]]);
            return at_line(s, row, err);
        }
        if (t && found >= 0) {
            xr_fail(err, "two classes: both '%s' and '%s' are 1",
                    s->table->names[s->hot[found]], s->table->names[s->hot[i]]);
            return at_line(s, row, err);
        }
        if (t)
            found = (int)i;
    }
    if (found < 0 && !s->rule->rest) {
        xr_fail(err,
                "no class: none of the one-hot columns is 1 (name them with --rest)");
        return at_line(s, row, err);
    }
    s->class_of[row] = (uint16_t)(found < 0 ? s->rest_class : s->hot_class[found]);
    return 0;
}

struct same_cell {
    const struct xr_table *table;
    size_t col;
};

static bool same_cell(const void *arg, uint32_t row, const char *name)
{
    const struct same_cell *c = arg;

    return !strcmp(xr_cell(c->table, row, c->col), name);
}

static int cmp_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool blank_edge(const char *text)
{
    size_t n = strlen(text);

    return n && (text[0] == ' ' || text[0] == '\t' || text[n - 1] == ' ' ||
                 text[n - 1] == '\t');
}

/* Names as found are numbered by row; then sorted, or checked against --classes. */
static int class_by_label(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    struct same_cell cell = {t, (size_t)s->label_col};
    struct xr_index index = {0};
    uint16_t *number = NULL;
    int status = -1;

    for (size_t i = 0; i < t->n_rows; i++) {
        const char *label = xr_cell(t, i, cell.col);
        uint32_t id;
        int got;

        if (!*label) {
            if (s->rule->drop_unlabelled) {
                s->class_of[i] = XR_SPLIT_NONE;
                continue;
            }
            xr_fail(err,
                    "no label in column '%s' (--drop-unlabelled leaves such rows out)",
                    t->names[cell.col]);
            at_line(s, i, err);
            goto done;
        }
        got = xr_index_put(&index, &id, label, (uint32_t)i, same_cell, &cell, err);
        if (got < 0)
            goto done;
        if (got && s->rule->classes && names_find(&s->classes, label) < 0) {
            xr_fail(err, "unknown class '%s'", label);
            at_line(s, i, err);
            goto done;
        }
        if (got && !s->rule->classes) {
            if (blank_edge(label))
                xr_fail(err, "class '%s' begins or ends with a blank", label);
            else if (index.n > XR_MAX_CLASSES)
                xr_fail(err, "more than %d classes: is '%s' a column of labels?",
                        XR_MAX_CLASSES, t->names[cell.col]);
            else
                got = 0;
            if (got) {
                at_line(s, i, err);
                goto done;
            }
            if (names_add(&s->classes, label, strlen(label), err))
                goto done;
        }
        s->class_of[i] = (uint16_t)id;
    }
    if (!s->rule->classes && s->classes.n)
        qsort(s->classes.items, s->classes.n, sizeof *s->classes.items, cmp_text);
    number = xr_alloc_array(index.n, sizeof *number, err);
    if (!number)
        goto done;
    for (size_t id = 0; id < index.n; id++)
        number[id] =
            (uint16_t)names_find(&s->classes, xr_cell(t, index.first_row[id], cell.col));
    for (size_t i = 0; i < t->n_rows; i++) {
        if (s->class_of[i] != XR_SPLIT_NONE)
            s->class_of[i] = number[s->class_of[i]];
    }
    status = 0;
done:
    free(number);
    xr_index_free(&index);
    return status;
}

static int settle_classes(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;

    s->class_of = xr_alloc_array(t->n_rows, sizeof *s->class_of, err);
    if (!s->class_of || add_classes(s, err))
        return -1;
    if (s->rule->one_hot) {
        if (settle_one_hot(s, err))
            return -1;
        for (size_t i = 0; i < t->n_rows; i++) {
            if (class_by_one_hot(s, i, err))
                return -1;
        }
    } else if (xr_table_need(&s->label_col, t, s->rule->label ? s->rule->label : "label",
                             err)) {
        if (s->rule->label)
            return -1;
        return xr_fail(
            err,
            "%s:1: no column 'label': name the column of labels with --label, or use "
            "--one-hot",
            t->name);
    } else if (class_by_label(s, err)) {
        return -1;
    }
    for (size_t i = 0; i < t->n_rows; i++)
        s->n_kept += s->class_of[i] != XR_SPLIT_NONE;
    if (s->classes.n > XR_MAX_CLASSES)
        return xr_fail(err, "more than %d classes", XR_MAX_CLASSES);
    return 0;
}

static int settle_masks(struct xr_split *s, struct xr_err *err)
{
    struct names with = {0};
    int status = 0;

    s->mask_col = xr_table_col(s->table, "mask");
    if (s->rule->mask && tmpl_parse(&s->mask, "--mask", s->rule->mask, s->table, err))
        return -1;
    if (!s->rule->mask_labels)
        return 0;
    if (!s->rule->mask)
        return xr_fail_usage(err, "--mask-labels: needs --mask");
    s->has_mask = xr_alloc_array(s->classes.n, 1, err);
    if (!s->has_mask || names_parse(&with, "--mask-labels", s->rule->mask_labels, err))
        status = -1;
    for (size_t i = 0; i < with.n && !status; i++) {
        int c = names_find(&s->classes, with.items[i]);

        if (c < 0)
            status = xr_fail(err, "--mask-labels: there is no class '%s'", with.items[i]);
        else
            s->has_mask[c] = 1;
    }
    names_free(&with);
    return status;
}

/* --- keys, paths, groups --------------------------------------------------------- */

static int key_at(const struct xr_split *s, char **key, size_t row, struct xr_err *err)
{
    if (xr_key_of(key, xr_cell(s->table, row, (size_t)s->key_col), s->rule->key_replace,
                  err))
        return err && err->usage ? -1 : at_line(s, row, err);
    return 0;
}

static bool same_key(const void *arg, uint32_t row, const char *name)
{
    char *key;
    bool same;

    if (key_at(arg, &key, row, NULL))
        return false;
    same = !strcmp(key, name);
    free(key);
    return same;
}

static int settle_columns(struct xr_split *s, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    const struct xr_split_rule *r = s->rule;
    int path_col = xr_table_col(t, "path");

    if (r->key) {
        if (xr_table_need(&s->key_col, t, r->key, err))
            return -1;
    } else {
        s->key_col = xr_table_col(t, "key");
        if (s->key_col < 0)
            s->key_col = path_col;
        if (s->key_col < 0)
            return xr_fail(
                err,
                "%s:1: no column 'key' or 'path': name the column of image names "
                "with --key",
                t->name);
    }
    if (r->path)
        return tmpl_parse(&s->path, "--path", r->path, t, err);
    return tmpl_add(&s->path, path_col >= 0 ? path_col : s->key_col, NULL, 0, err);
}

static int check_keys(struct xr_split *s, struct xr_err *err)
{
    struct xr_index index = {0};
    int status = -1;

    for (size_t i = 0; i < s->table->n_rows; i++) {
        char *key;
        uint32_t id;
        int got;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (key_at(s, &key, i, err))
            goto done;
        got = xr_index_put(&index, &id, key, (uint32_t)i, same_key, s, err);
        if (got == 0) {
            xr_fail(err, "key '%s' is also that of line %u", key,
                    (unsigned)s->table->lines[index.first_row[id]]);
            at_line(s, i, err);
        }
        free(key);
        if (got != 1)
            goto done;
    }
    status = 0;
done:
    xr_index_free(&index);
    return status;
}

struct same_path {
    struct xr_split *split;
};

static bool same_path(const void *arg, uint32_t row, const char *name)
{
    struct xr_split *s = ((const struct same_path *)arg)->split;
    struct xr_buf held = s->scratch; /* `name` lies in it */
    bool empty, same;
    char *key;

    if (key_at(s, &key, row, NULL))
        return false;
    memset(&s->scratch, 0, sizeof s->scratch);
    same =
        !tmpl_fill(s, &s->path, row, key, &empty, NULL) && !strcmp(s->scratch.data, name);
    xr_buf_free(&s->scratch);
    s->scratch = held;
    free(key);
    return same;
}

/* Two keys for one image would let it into two parts. A path that holds the key cannot
 * repeat. */
static int check_paths(struct xr_split *s, struct xr_err *err)
{
    struct same_path arg = {s};
    struct xr_index index = {0};
    int status = -1;

    for (size_t i = 0; i < s->path.n; i++) {
        if (s->path.pieces[i].col == PIECE_KEY || s->path.pieces[i].col == s->key_col)
            return 0;
    }
    for (size_t i = 0; i < s->table->n_rows; i++) {
        bool empty;
        char *key;
        uint32_t id;
        int got;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (key_at(s, &key, i, err))
            goto done;
        got = tmpl_fill(s, &s->path, i, key, &empty, err);
        free(key);
        if (got)
            goto done;
        if (empty) {
            xr_fail(err, "no path");
            at_line(s, i, err);
            goto done;
        }
        got =
            xr_index_put(&index, &id, s->scratch.data, (uint32_t)i, same_path, &arg, err);
        if (got == 0) {
            xr_fail(err, "path '%s' is also that of line %u", s->scratch.data,
                    (unsigned)s->table->lines[index.first_row[id]]);
            at_line(s, i, err);
        }
        if (got != 1)
            goto done;
    }
    status = 0;
done:
    xr_index_free(&index);
    return status;
}

/* The group's name: the cell, or the cells joined. It stays valid until the next call. */
static const char *group_name(struct xr_buf *buf, const struct xr_split *s, size_t row,
                              struct xr_err *err)
{
    if (s->n_group_cols == 1)
        return xr_cell(s->table, row, (size_t)s->group_cols[0]);
    buf->size = 0;
    for (size_t i = 0; i < s->n_group_cols; i++) {
        if ((i && xr_buf_put(buf, ":", 1, err)) ||
            xr_buf_text(buf, xr_cell(s->table, row, (size_t)s->group_cols[i]), err))
            return NULL;
    }
    return buf->data;
}

static bool same_group(const void *arg, uint32_t row, const char *name)
{
    struct xr_buf buf = {0};
    const char *other = group_name(&buf, arg, row, NULL);
    bool same = other && !strcmp(other, name);

    xr_buf_free(&buf);
    return same;
}

static int settle_group_columns(struct xr_split *s, struct xr_err *err)
{
    struct names cols = {0};
    int status = 0;

    if (s->rule->no_group)
        return 0;
    if (!s->rule->group) {
        s->group_cols[0] = xr_table_col(s->table, "group");
        s->n_group_cols = s->group_cols[0] >= 0;
        return 0;
    }
    if (names_parse(&cols, "--group", s->rule->group, err))
        status = -1;
    else if (cols.n > MAX_GROUP_COLS)
        status = xr_fail_usage(err, "--group: more than %d columns", MAX_GROUP_COLS);
    for (size_t i = 0; i < cols.n && !status; i++)
        status = xr_table_need(&s->group_cols[i], s->table, cols.items[i], err);
    s->n_group_cols = cols.n;
    names_free(&cols);
    return status;
}

static int settle_groups(struct xr_split *s, struct xr_err *err)
{
    struct xr_index index = {0};
    struct xr_buf buf = {0};
    int status = -1;

    if (settle_group_columns(s, err))
        return -1;
    s->n_groups = s->table->n_rows;
    if (!s->n_group_cols)
        return 0;
    s->group_of = xr_alloc_array(s->table->n_rows, sizeof *s->group_of, err);
    if (!s->group_of)
        return -1;
    for (size_t i = 0; i < s->table->n_rows; i++) {
        const char *name;
        bool empty = true;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        for (size_t c = 0; c < s->n_group_cols; c++)
            empty &= !*xr_cell(s->table, i, (size_t)s->group_cols[c]);
        if (empty) {
            xr_fail(err, "no group in column '%s'", s->table->names[s->group_cols[0]]);
            at_line(s, i, err);
            goto done;
        }
        name = group_name(&buf, s, i, err);
        if (!name || xr_index_put(&index, &s->group_of[i], name, (uint32_t)i, same_group,
                                  s, err) < 0)
            goto done;
    }
    s->n_groups = index.n;
    status = 0;
done:
    xr_buf_free(&buf);
    xr_index_free(&index);
    return status;
}

/* --- parts ----------------------------------------------------------------------- */

/* A random number a group, from the seed and the group's name (a row's key without
 * groups). */
static int draw(const struct xr_split *s, uint64_t *order, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = -1;

    for (size_t i = s->table->n_rows; i-- > 0;) { /* any row of a group gives the same */
        char *key = NULL;
        struct xr_rng rng;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (s->group_of) {
            const char *name;

            if (order[s->group_of[i]])
                continue;
            name = group_name(&buf, s, i, err);
            if (!name)
                goto done;
            xr_rng_init(&rng, s->rule->seed, 0, name, "split");
        } else {
            if (key_at(s, &key, i, err))
                goto done;
            xr_rng_init(&rng, s->rule->seed, 0, key, "split");
            free(key);
        }
        order[s->group_of ? s->group_of[i] : i] = xr_rng_u64(&rng) | 1;
    }
    status = 0;
done:
    xr_buf_free(&buf);
    return status;
}

static int settle_shares(struct xr_split *s, struct xr_err *err)
{
    const struct xr_split_rule *r = s->rule;

    s->n_parts = r->folds ? (size_t)r->folds + (r->test_ratio > 0) : 3;
    if (s->n_parts > XR_SPLIT_MAX_PARTS)
        return xr_fail_usage(err, "more than %d parts", XR_SPLIT_MAX_PARTS);
    s->share = xr_alloc_array(s->n_parts, sizeof *s->share, err);
    if (!s->share)
        return -1;
    for (size_t p = 0; p < s->n_parts; p++)
        s->share[p] = !r->folds               ? r->ratio[p]
                      : p == (size_t)r->folds ? r->test_ratio
                                              : (1 - r->test_ratio) / (double)r->folds;
    if (r->folds && (s->group_of ? s->n_groups : s->n_kept) < s->n_parts)
        return xr_fail(err, "%s: %zu %s cannot fill %zu parts", s->table->name,
                       s->group_of ? s->n_groups : s->n_kept,
                       s->group_of ? "groups" : "rows", s->n_parts);
    return 0;
}

static const char *part_name(const struct xr_split *s, size_t p, char text[32])
{
    static const char *const names[] = {"train", "val", "test"};

    if (s->rule->folds && p < (size_t)s->rule->folds)
        snprintf(text, 32, "fold %zu", p);
    else
        snprintf(text, 32, "%s", s->rule->folds ? "test" : names[p]);
    return text;
}

/* Say where groups are too large, or classes too small, for what was asked. */
static int warn_shares(struct xr_split *s, struct xr_err *err)
{
    size_t n_cells = s->classes.n * s->n_parts;
    size_t *count = xr_alloc_array(n_cells, sizeof *count, err);
    size_t *of_part = xr_alloc_array(s->n_parts, sizeof *of_part, err);
    size_t *of_class = xr_alloc_array(s->classes.n, sizeof *of_class, err);
    int status = count && of_part && of_class ? 0 : -1;
    char name[32];

    for (size_t i = 0; i < s->table->n_rows && !status; i++) {
        uint16_t c = s->class_of[i];
        size_t p;

        if (c == XR_SPLIT_NONE)
            continue;
        p = s->part[s->group_of ? s->group_of[i] : i];
        count[c * s->n_parts + p]++;
        of_part[p]++;
        of_class[c]++;
    }
    for (size_t c = 0; c < s->classes.n && !status; c++) {
        size_t missing = 0;

        for (size_t p = 0; p < s->n_parts; p++)
            missing += s->share[p] > 0 && !count[c * s->n_parts + p];
        if (missing)
            status =
                xr_buf_printf(&s->warnings, err,
                              "class '%s' (%zu rows) is absent from %zu of the parts\n",
                              s->classes.items[c], of_class[c], missing);
    }
    for (size_t p = 0; p < s->n_parts && !status; p++) {
        double exact = s->share[p] * (double)s->n_kept;
        double off = fabs((double)of_part[p] - exact);

        if (off > 0.01 * (double)s->n_kept && off > 1)
            status = xr_buf_printf(&s->warnings, err,
                                   "%s has %zu rows where the exact share is %.1f: the "
                                   "groups are too large\n",
                                   part_name(s, p, name), of_part[p], exact);
    }
    free(count);
    free(of_part);
    free(of_class);
    return status;
}

static int settle_parts(struct xr_split *s, struct xr_err *err)
{
    struct xr_split_problem pb = {
        .n_rows = s->table->n_rows,
        .n_classes = s->classes.n,
        .n_groups = s->n_groups,
        .n_parts = s->n_parts,
        .class_of = s->class_of,
        .group_of = s->group_of,
        .share = s->share,
        .seed = s->rule->seed,
    };
    uint64_t *order = xr_alloc_array(s->n_groups, sizeof *order, err);
    int status = -1;

    s->part = xr_alloc_array(s->n_groups, sizeof *s->part, err);
    pb.order = order;
    if (order && s->part && !draw(s, order, err))
        status = xr_split_assign(s->part, &pb, err);
    free(order);
    return status;
}

int xr_split_make(struct xr_split **split, const struct xr_table *table,
                  const struct xr_split_rule *rule, struct xr_err *err)
{
    struct xr_split *s = xr_alloc_array(1, sizeof *s, err);

    *split = NULL;
    if (!s)
        return -1;
    s->table = table;
    s->rule = rule;
    if (table->n_rows == 0) {
        xr_fail(err, "%s: a header without rows", table->name);
        goto fail;
    }
    if (settle_columns(s, err) || settle_classes(s, err) || settle_masks(s, err))
        goto fail;
    if (s->n_kept == 0) {
        xr_fail(err, "%s: no row has a label", table->name);
        goto fail;
    }
    if (check_keys(s, err) || check_paths(s, err) || settle_groups(s, err) ||
        settle_shares(s, err) || settle_parts(s, err))
        goto fail;
    if (!s->n_group_cols && !rule->no_group &&
        xr_buf_text(
            &s->warnings,
            "no --group: films of one patient may come to lie in two parts, which makes "
            "results look better than they are (--no-group: they are independent)\n",
            err))
        goto fail;
    if (s->n_kept < table->n_rows &&
        xr_buf_printf(&s->warnings, err, "%zu rows without a label are left out\n",
                      table->n_rows - s->n_kept))
        goto fail;
    if (warn_shares(s, err))
        goto fail;
    *split = s;
    return 0;
fail:
    xr_split_free(s);
    return -1;
}

const char *xr_split_warnings(const struct xr_split *split)
{
    return split->warnings.data ? split->warnings.data : "";
}

void xr_split_free(struct xr_split *split)
{
    if (!split)
        return;
    names_free(&split->classes);
    free(split->has_mask);
    free(split->hot);
    free(split->hot_class);
    free(split->path.pieces);
    free(split->mask.pieces);
    free(split->class_of);
    free(split->group_of);
    free(split->part);
    free(split->share);
    xr_buf_free(&split->warnings);
    xr_buf_free(&split->scratch);
    free(split);
}

/* --- writing --------------------------------------------------------------------- */

/* Columns that this tool writes itself are not passed through. */
static bool own_column(const struct xr_split *s, const char *name)
{
    static const char *const own[] = {"key",   "path",  "mask", "label",
                                      "class", "split", "fold"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(name, own[i]))
            return true;
    }
    return s->n_group_cols && !strcmp(name, "group");
}

static bool writes_mask(const struct xr_split *s)
{
    return s->rule->mask || s->mask_col >= 0;
}

static int write_header(const struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    const bool folds = s->rule->folds > 0, hold = folds && s->rule->test_ratio > 0;

    if (xr_out_printf(out, err, "key,path%s,label,class%s%s%s",
                      writes_mask(s) ? ",mask" : "", s->n_group_cols ? ",group" : "",
                      !folds || hold ? ",split" : "", folds ? ",fold" : ""))
        return -1;
    for (size_t c = 0; c < s->table->n_cols; c++) {
        if (!own_column(s, s->table->names[c]) &&
            xr_csv_field(out, false, s->table->names[c], err))
            return -1;
    }
    return xr_csv_end(out, err);
}

/* The mask of a row: by template, by the column that was there, or none. */
static int write_mask(struct xr_split *s, size_t row, const char *key, struct xr_out *out,
                      struct xr_err *err)
{
    const char *text = "";
    bool empty;

    if (!s->rule->mask) {
        text = xr_cell(s->table, row, (size_t)s->mask_col);
    } else if (!s->has_mask || s->has_mask[s->class_of[row]]) {
        if (tmpl_fill(s, &s->mask, row, key, &empty, err))
            return -1;
        text = empty ? "" : s->scratch.data;
    }
    return xr_csv_field(out, false, text, err);
}

static int write_part(const struct xr_split *s, size_t p, struct xr_out *out,
                      struct xr_err *err)
{
    static const char *const names[] = {",train", ",val", ",test"};
    const char *text;

    if (!s->rule->folds) {
        text = names[p];
    } else if (p == (size_t)s->rule->folds) {
        text = ",test,";
    } else {
        if (s->rule->test_ratio > 0 && xr_out_write(out, ",", 1, err))
            return -1;
        return xr_out_printf(out, err, ",%zu", p);
    }
    return xr_out_write(out, text, strlen(text), err);
}

static int write_row(struct xr_split *s, size_t row, const char *key, const bool *own,
                     struct xr_buf *buf, struct xr_out *out, struct xr_err *err)
{
    const struct xr_table *t = s->table;
    const char *name;
    bool empty;

    if (xr_csv_field(out, true, key, err) ||
        tmpl_fill(s, &s->path, row, key, &empty, err) ||
        xr_csv_field(out, false, s->scratch.data, err))
        return -1;
    if (writes_mask(s) && write_mask(s, row, key, out, err))
        return -1;
    if (xr_csv_field(out, false, s->classes.items[s->class_of[row]], err) ||
        xr_out_printf(out, err, ",%u", (unsigned)s->class_of[row]))
        return -1;
    if (s->n_group_cols) {
        name = group_name(buf, s, row, err);
        if (!name || xr_csv_field(out, false, name, err))
            return -1;
    }
    if (write_part(s, s->part[s->group_of ? s->group_of[row] : row], out, err))
        return -1;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!own[c] && xr_csv_field(out, false, xr_cell(t, row, c), err))
            return -1;
    }
    return xr_csv_end(out, err);
}

int xr_split_write(struct xr_split *s, struct xr_out *out, struct xr_err *err)
{
    bool *own = xr_alloc_array(s->table->n_cols, sizeof *own, err);
    struct xr_buf buf = {0};
    int status = -1;

    if (!own || write_header(s, out, err))
        goto done;
    for (size_t c = 0; c < s->table->n_cols; c++)
        own[c] = own_column(s, s->table->names[c]);
    for (size_t i = 0; i < s->table->n_rows; i++) {
        char *key;
        int bad;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (key_at(s, &key, i, err))
            goto done;
        bad = write_row(s, i, key, own, &buf, out, err);
        free(key);
        if (bad)
            goto done;
    }
    status = 0;
done:
    free(own);
    xr_buf_free(&buf);
    return status;
}
