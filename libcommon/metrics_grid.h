/*
 * A table of texts and its writers. Private to metrics_table.c and metrics_grid.c.
 */
#ifndef XR_METRICS_GRID_H
#define XR_METRICS_GRID_H

#include <stdbool.h>

#include "metrics_table.h"

/* Rows of cells, the first of which are the names of the columns. {0} is empty; owned:
 * xr_grid_free. */
struct xr_grid {
    const char *title;             /* not owned */
    size_t n_cols, n_rows, n_keys; /* n_keys first columns: repeated where it is cut */
    char **cells;                  /* [n_rows][n_cols]; NULL: empty */
    bool *text;                    /* [n_cols] to the left */
};

int xr_grid_make(struct xr_grid *grid, const char *title, size_t n_rows, size_t n_cols,
                 struct xr_err *err) XR_MUST_USE;
/* A copy of text into an empty cell. */
int xr_grid_put(struct xr_grid *grid, size_t row, size_t col, const char *text,
                struct xr_err *err) XR_MUST_USE;
int xr_grid_write(struct xr_buf *buf, const struct xr_grid *grid,
                  enum xr_metrics_format format, struct xr_err *err) XR_MUST_USE;
void xr_grid_free(struct xr_grid *grid);

/* A text as a format needs it; control characters become '?'. */
int xr_grid_escape(struct xr_buf *buf, const char *text, enum xr_metrics_format format,
                   struct xr_err *err) XR_MUST_USE;

#endif
