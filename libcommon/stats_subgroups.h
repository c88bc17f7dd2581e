/*
 * Rows of a table of predictions cut into subgroups by a column.
 */
#ifndef XR_STATS_SUBGROUPS_H
#define XR_STATS_SUBGROUPS_H

#include "predictions.h"
#include "stats_metrics.h"

#define XR_MAX_LEVELS 64

/* The levels of one column. Owned: xr_cut_free. */
struct xr_cut {
    char *column;
    size_t n_levels;
    char **levels;   /* [n_levels]: the texts of cells, or bands as they were written;
                        "" (empty cells) is the last where it occurs */
    uint32_t *level; /* [n] of each row of the predictions */
};

/*
 * Cut the rows of p by `spec`: "COLUMN", by equal texts, in the order of numbers where
 * all are numbers, else of bytes; or "COLUMN:B-B-...-B" with ascending numbers, by bands:
 * "0-18-40-65-" is 0 <= x < 18, 18 <= x < 40, 40 <= x < 65, 65 <= x; an empty first bound
 * is open too. Bands without a row are left out; rows with an empty cell are a level of
 * their own. Wrong usage: bounds that are not ascending numbers. Refused: no such column,
 * more than XR_MAX_LEVELS levels, and with file and line a cell that is no number or in
 * no band.
 */
int xr_cut_make(struct xr_cut *cut, const struct xr_predictions *p, const char *spec,
                struct xr_err *err) XR_MUST_USE;
void xr_cut_free(struct xr_cut *cut);

/*
 * The rows of one level, copied, for stats_metrics.h: groups are numbered anew, so that
 * each has a row; rows [n] are their places in `scored`. Owned: xr_level_free.
 */
struct xr_level {
    struct xr_scored scored;
    double *p;
    uint32_t *label, *group, *rows;
};
int xr_level_make(struct xr_level *out, const struct xr_scored *scored,
                  const uint32_t *level, uint32_t which, struct xr_err *err) XR_MUST_USE;
void xr_level_free(struct xr_level *level);

#endif
