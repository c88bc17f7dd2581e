/* An open-addressing table of 32-bit hashes and ids. */
#include "split_index.h"

#include <stdlib.h>
#include <string.h>

#include "rng.h"

static uint32_t hash_of(const char *name)
{
    uint64_t h = xr_fnv1a64(name);

    return (uint32_t)((h ^ h >> 29) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static int resize(struct xr_index *x, struct xr_err *err)
{
    size_t n = x->n_slots ? 2 * x->n_slots : 1024;
    uint64_t *slots = xr_alloc_array(n, sizeof *slots, err);

    if (!slots)
        return -1;
    for (size_t i = 0; i < x->n_slots; i++) {
        size_t at;

        if (!x->slots[i])
            continue;
        for (at = (size_t)(x->slots[i] >> 32) & (n - 1); slots[at];
             at = (at + 1) & (n - 1))
            ;
        slots[at] = x->slots[i];
    }
    free(x->slots);
    x->slots = slots;
    x->n_slots = n;
    return 0;
}

int xr_index_put(struct xr_index *index, uint32_t *id, const char *name, uint32_t row,
                 xr_index_same *same, const void *arg, struct xr_err *err)
{
    uint32_t hash = hash_of(name);
    size_t at;

    if (index->n >= index->n_slots / 4 * 3 && resize(index, err))
        return -1;
    if (index->n == index->room) {
        size_t room = index->room ? 2 * index->room : 256;
        uint32_t *rows = realloc(index->first_row, room * sizeof *rows);

        if (!rows)
            return xr_fail(err, "out of memory: %zu bytes", room * sizeof *rows);
        index->first_row = rows;
        index->room = room;
    }
    for (at = hash & (index->n_slots - 1); index->slots[at];
         at = (at + 1) & (index->n_slots - 1)) {
        uint32_t other = (uint32_t)index->slots[at] - 1;

        if (index->slots[at] >> 32 == hash && same(arg, index->first_row[other], name)) {
            *id = other;
            return 0;
        }
    }
    *id = (uint32_t)index->n;
    index->first_row[index->n++] = row;
    index->slots[at] = (uint64_t)hash << 32 | (*id + 1);
    return 1;
}

void xr_index_free(struct xr_index *index)
{
    free(index->slots);
    free(index->first_row);
    memset(index, 0, sizeof *index);
}
