/*
 * What the parts of films.h share. Private to libcommon/films*.c.
 */
#ifndef XR_FILMS_PARTS_H
#define XR_FILMS_PARTS_H

#include "films.h"

/* The columns a table may have; -1: it has not. */
struct xr_film_columns {
    int key, path, mask, label, index, split, fold;
};

static inline const char *xr_films_cell(const struct xr_films *f, size_t row, int col)
{
    return col < 0 ? "" : xr_cell(&f->table, row, (size_t)col);
}

static inline unsigned xr_films_line(const struct xr_films *f, size_t row)
{
    return f->table.lines[row];
}

/* --classes: names with commas. */
int xr_films_classes_given(struct xr_films *films, const char *list,
                           struct xr_err *err) XR_MUST_USE;
/* Those of the rule, or of the table. */
int xr_films_classes(struct xr_films *films, const struct xr_film_columns *columns,
                     const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/* The class of a row, -1 where it is unknown. */
int xr_films_label(int64_t *label, const struct xr_films *films, size_t row,
                   const struct xr_film_columns *columns, struct xr_err *err) XR_MUST_USE;

#endif
