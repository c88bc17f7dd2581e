/*
 * Which rows of a table have the same name: an index of texts that are made when they are
 * needed, so that a million names cost no copies.
 */
#ifndef XR_SPLIT_INDEX_H
#define XR_SPLIT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "csv.h"

/* {0} is empty; one thread at a time. 16 bytes a name at most. */
struct xr_index {
    uint32_t *slots;            /* id + 1, 0: free */
    size_t n_slots;             /* a power of two */
    uint32_t *hash, *first_row; /* [n] of each id */
    size_t n, room;
};

/* Has `row` this name? */
typedef bool xr_index_same(const void *arg, uint32_t row, const char *name);

/* For names that are the cells of a column: the `arg` of xr_index_same_cell. */
struct xr_index_column {
    const struct xr_table *table;
    size_t col;
};
bool xr_index_same_cell(const void *column, uint32_t row, const char *name);

/* The id of a name (numbered as they come). 1: it is new, 0: it was there, -1: memory is
 * short. */
int xr_index_put(struct xr_index *index, uint32_t *id, const char *name, uint32_t row,
                 xr_index_same *same, const void *arg, struct xr_err *err) XR_MUST_USE;
/* Is it there? */
bool xr_index_get(const struct xr_index *index, const char *name, xr_index_same *same,
                  const void *arg);
void xr_index_free(struct xr_index *index);

#endif
