/* An open-addressing table of 32-bit hashes and ids. */
#include "split_index.h"

#include <stdlib.h>
#include <string.h>

#include "rng.h"

bool xr_index_same_cell(const void *column, uint32_t row, const char *name)
{
    const struct xr_index_column *c = column;

    return !strcmp(xr_cell(c->table, row, c->col), name);
}

static uint32_t hash_of(const char *name)
{
    uint64_t h = xr_fnv1a64(name);

    return (uint32_t)((h ^ h >> 29) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static int resize(struct xr_index *x, struct xr_err *err)
{
    size_t n = x->n_slots ? 2 * x->n_slots : 1024;

    free(x->slots); /* made anew from the hashes */
    x->n_slots = 0;
    x->slots = xr_alloc_array(n, sizeof *x->slots, err);
    if (!x->slots)
        return -1;
    x->n_slots = n;
    for (size_t id = 0; id < x->n; id++) {
        size_t at = x->hash[id] & (n - 1);

        while (x->slots[at])
            at = (at + 1) & (n - 1);
        x->slots[at] = (uint32_t)id + 1;
    }
    return 0;
}

static int grow(struct xr_index *x, struct xr_err *err)
{
    size_t room = x->room ? 2 * x->room : 256;
    uint32_t *p = realloc(x->first_row, room * sizeof *p);

    if (p) {
        x->first_row = p;
        p = realloc(x->hash, room * sizeof *p);
    }
    if (!p)
        return xr_fail(err, "out of memory: %zu bytes", room * sizeof *p);
    x->hash = p;
    x->room = room;
    return 0;
}

int xr_index_put(struct xr_index *index, uint32_t *id, const char *name, uint32_t row,
                 xr_index_same *same, const void *arg, struct xr_err *err)
{
    uint32_t hash = hash_of(name);
    size_t at;

    if ((index->n >= index->n_slots / 4 * 3 && resize(index, err)) ||
        (index->n == index->room && grow(index, err)))
        return -1;
    for (at = hash & (index->n_slots - 1); index->slots[at];
         at = (at + 1) & (index->n_slots - 1)) {
        uint32_t other = index->slots[at] - 1;

        if (index->hash[other] == hash && same(arg, index->first_row[other], name)) {
            *id = other;
            return 0;
        }
    }
    *id = (uint32_t)index->n++;
    index->hash[*id] = hash;
    index->first_row[*id] = row;
    index->slots[at] = *id + 1;
    return 1;
}

bool xr_index_get(const struct xr_index *index, const char *name, xr_index_same *same,
                  const void *arg)
{
    uint32_t hash = hash_of(name);

    if (!index->n_slots)
        return false;
    for (size_t at = hash & (index->n_slots - 1); index->slots[at];
         at = (at + 1) & (index->n_slots - 1)) {
        uint32_t other = index->slots[at] - 1;

        if (index->hash[other] == hash && same(arg, index->first_row[other], name))
            return true;
    }
    return false;
}

void xr_index_free(struct xr_index *index)
{
    free(index->slots);
    free(index->hash);
    free(index->first_row);
    memset(index, 0, sizeof *index);
}
