/*
 * The figures of parts of a table (subgroups, folds), each by itself and all of them in
 * one resample of all rows.
 */
#ifndef XR_METRICS_LEVELS_H
#define XR_METRICS_LEVELS_H

#include "metrics_classify.h"
#include "stats_subgroups.h"

/* Parts of the rows of `scored`. Owned: xr_levels_free; what scored points to is not. */
struct xr_levels {
    size_t n, n_figures;
    struct xr_scored scored;     /* all rows */
    struct xr_level *of;         /* [n] */
    struct xr_metrics **metrics; /* [n] */
    struct xr_figure *figures;   /* [n][n_figures] with intervals as of tables alone */
    uint64_t *support;           /* [n][k] */
};

/* level [scored->n] is the part of each row, 0..n-1; every part has a row. */
int xr_levels_make(struct xr_levels *levels, const struct xr_classify *set,
                   const struct xr_scored *scored, const uint32_t *level, size_t n,
                   const struct xr_bootstrap *bootstrap, struct xr_err *err) XR_MUST_USE;
void xr_levels_free(struct xr_levels *levels);

/* Room of one thread for xr_levels_eval. */
struct xr_levels_room;
struct xr_levels_room *xr_levels_room_open(const struct xr_levels *levels,
                                           struct xr_err *err) XR_MUST_USE;
void xr_levels_room_close(struct xr_levels_room *room); /* NULL is allowed */

/* The figures [n][n_figures] of all parts, in the room, from weights of all rows; NaN
 * where none of a part's rows counts. Valid until the next call. */
const double *xr_levels_eval(struct xr_levels_room *room, const struct xr_levels *levels,
                             const uint32_t *weight);

/* Add {n, groups, support, figures} of one part to an object. */
int xr_levels_json(cJSON *object, const struct xr_levels *levels, size_t l,
                   const char *const *classes, struct xr_err *err) XR_MUST_USE;

/*
 * Parts as text: blocks of three of the objects in `list`, figures below each other; not
 * all of them. `name` is the member that holds the part's name, `title` stands above the
 * names. Appends to buf; returns the width of the first column, or -1.
 */
int xr_levels_text(struct xr_buf *buf, const cJSON *const *list, size_t n,
                   const char *name, const char *title, const cJSON *classes,
                   struct xr_err *err) XR_MUST_USE;

/* The path of the i-th figure that text shows; NULL and *last true behind the last. Free
 * with free(). */
char *xr_levels_path(const cJSON *classes, size_t i, bool *last,
                     struct xr_err *err) XR_MUST_USE;

#endif
