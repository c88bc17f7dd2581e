/*
 * What the parts of films.h share. Private to libcommon/films*.c.
 */
#ifndef XR_FILMS_PARTS_H
#define XR_FILMS_PARTS_H

#include "films.h"

/* The columns a table may have; -1: it has not. */
struct xr_film_columns {
    int key, path, mask, annotation, label, index, split, fold, inner, subset;
};

static inline const char *xr_films_cell(const struct xr_films *f, size_t row, int col)
{
    return col < 0 ? "" : xr_cell(&f->table, row, (size_t)col);
}

static inline unsigned xr_films_line(const struct xr_films *f, size_t row)
{
    return f->has_table ? f->table.lines[row] : (unsigned)row + 1;
}

/* Put a film behind the others (class_counts are there), or all frames of a file that has
 * several; keys are made of key_path. */
int xr_films_add(struct xr_films *films, const char *path, const char *key_path,
                 int64_t label, size_t row, const struct xr_films_rule *rule,
                 struct xr_err *err) XR_MUST_USE;
/* xr_films_files with what is in *films already (name, text). */
int xr_films_paths(struct xr_films *films, char *const *paths, size_t n,
                   const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/* A path of the table below the root; free with free(). */
char *xr_films_path(const struct xr_films *films, const char *path, struct xr_err *err);
/* Two films with one key are an error. */
int xr_films_distinct(const struct xr_films *films, struct xr_err *err) XR_MUST_USE;

/* --classes: names with commas. */
int xr_films_classes_given(struct xr_films *films, const char *list,
                           struct xr_err *err) XR_MUST_USE;
/* One more; a name that is there already is found by xr_films_class. */
int xr_films_class_add(struct xr_films *films, const char *name, size_t len,
                       struct xr_err *err) XR_MUST_USE;
/* Its index, -1: none. */
int64_t xr_films_class(const struct xr_films *films, const char *name);
/* Those of the rule, or of the table. */
int xr_films_classes(struct xr_films *films, const struct xr_film_columns *columns,
                     const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/* The class of a row, -1 where it is unknown. */
int xr_films_label(int64_t *label, const struct xr_films *films, size_t row,
                   const struct xr_film_columns *columns, struct xr_err *err) XR_MUST_USE;

#endif
