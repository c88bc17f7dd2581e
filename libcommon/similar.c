/* Pairs of films that are copies of each other: equal pixels by their digest, near ones
 * by a hash and the correlation of detail. */
#include "scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#define MAX_PAIRS ((size_t)1 << 24)
#define MAX_BITS 84 /* of 256 that a copy may differ in: at most 77 of 10,424 did */
#define BLOCK 64    /* films of one job */

const char *const xr_pair_names[] = {"exact", "near", "hflip", "vflip", "turn"};

struct list {
    struct xr_pair *items;
    size_t n, room;
};

struct run {
    const struct xr_scan *films;
    const uint32_t *ids; /* [n] films that stand for those of equal pixels */
    uint64_t (*hash)[4]; /* [n] theirs, side by side */
    size_t n, at;
    double least;
    bool flips;
    uint64_t mask[XR_PAIR_TURN + 1][4]; /* signs that change when a film is mirrored */
};

struct slot {
    size_t first;
    struct list found;
};

static int add(struct list *list, struct xr_pair pair, struct xr_err *err)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct xr_pair *items;

        if (list->n >= MAX_PAIRS)
            return xr_fail(err,
                           "more than %zu pairs of films look alike: a higher "
                           "--near-threshold, or none",
                           MAX_PAIRS);
        items = realloc(list->items, room * sizeof *items);
        if (!items)
            return xr_fail(err, "out of memory: %zu bytes", room * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = pair;
    return 0;
}

/* --- equal pixels ---------------------------------------------------------------- */

static int cmp_pixels(const void *a, const void *b, void *arg)
{
    const struct xr_scan *films = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int d = memcmp(films[x].pixels, films[y].pixels, sizeof films->pixels);

    return d ? d : x < y ? -1 : x > y;
}

static int cmp_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Link films of equal pixels; ids: the first of each, and n of these. */
static int equal_pixels(struct list *found, uint32_t *ids, size_t *n,
                        const struct xr_scan *films, size_t n_films, struct xr_err *err)
{
    size_t kept = 0;

    *n = 0;
    for (size_t i = 0; i < n_films; i++) {
        if (!films[i].why)
            ids[(*n)++] = (uint32_t)i;
    }
    qsort_r(ids, *n, sizeof *ids, cmp_pixels, (void *)films);
    for (size_t i = 0; i < *n; i++) {
        const uint32_t a = i ? ids[i - 1] : 0, b = ids[i];

        if (i && !memcmp(films[a].pixels, films[b].pixels, sizeof films->pixels)) {
            if (add(found, (struct xr_pair){a, b, XR_PAIR_EXACT, 1}, err))
                return -1;
        }
    }
    for (size_t i = 0; i < *n; i++) { /* from behind, as ids[i - 1] is needed */
        size_t j = *n - 1 - i;

        if (j &&
            !memcmp(films[ids[j - 1]].pixels, films[ids[j]].pixels, sizeof films->pixels))
            ids[j] = UINT32_MAX;
    }
    for (size_t i = 0; i < *n; i++) {
        if (ids[i] != UINT32_MAX && films[ids[i]].fine)
            ids[kept++] = ids[i];
    }
    *n = kept;
    qsort(ids, kept, sizeof *ids, cmp_ids);
    return 0;
}

/* --- near ones ------------------------------------------------------------------- */

static inline __attribute__((always_inline)) int
bits_of(const uint64_t *a, const uint64_t *b, const uint64_t *mask)
{
    int n = 0;

    for (int i = 0; i < 4; i++)
        n += __builtin_popcountll(a[i] ^ b[i] ^ mask[i]);
    return n;
}

/* Does film b come near enough to film a to be looked at? Of those from `from` on, the
 * next; n: none. */
static inline __attribute__((always_inline)) size_t
next_plain(const struct run *run, size_t a, size_t from, const uint64_t *mask)
{
    while (from < run->n && bits_of(run->hash[a], run->hash[from], mask) > MAX_BITS)
        from++;
    return from;
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static size_t
next_popcnt(const struct run *run, size_t a, size_t from, const uint64_t *mask)
{
    return next_plain(run, a, from, mask);
}
#endif

static size_t next_near(const struct run *run, size_t a, size_t from,
                        const uint64_t *mask)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("popcnt"))
        return next_popcnt(run, a, from, mask);
#endif
    return next_plain(run, a, from, mask);
}

static double correlation(const struct xr_scan *a, const struct xr_scan *b,
                          enum xr_pair_kind kind)
{
    const bool h = kind == XR_PAIR_HFLIP || kind == XR_PAIR_TURN;
    const bool v = kind == XR_PAIR_VFLIP || kind == XR_PAIR_TURN;
    int32_t sum = 0;

    for (size_t y = 0; y < XR_SCAN_INNER; y++) {
        const int8_t *p = a->fine + y * XR_SCAN_INNER;
        const int8_t *q = b->fine + (v ? XR_SCAN_INNER - 1 - y : y) * XR_SCAN_INNER;

        for (size_t x = 0; x < XR_SCAN_INNER; x++)
            sum += p[x] * q[h ? XR_SCAN_INNER - 1 - x : x];
    }
    return (double)sum / (a->norm * b->norm);
}

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct run *run = shared;
    struct slot *s = slot;

    (void)err;
    s->first = run->at;
    s->found.n = 0;
    run->at += BLOCK;
    return s->first < run->n;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    const struct run *run = shared;
    struct slot *s = slot;
    size_t end = s->first + BLOCK < run->n ? s->first + BLOCK : run->n;

    for (size_t i = s->first; i < end; i++) {
        for (int kind = XR_PAIR_NEAR; kind <= (run->flips ? XR_PAIR_TURN : XR_PAIR_NEAR);
             kind++) {
            for (size_t j = next_near(run, i, i + 1, run->mask[kind]); j < run->n;
                 j = next_near(run, i, j + 1, run->mask[kind])) {
                uint32_t a = run->ids[i], b = run->ids[j];
                double r =
                    correlation(&run->films[a], &run->films[b], (enum xr_pair_kind)kind);

                if (r >= run->least &&
                    add(&s->found, (struct xr_pair){a, b, (enum xr_pair_kind)kind, r},
                        err))
                    return -1;
            }
        }
    }
    return 0;
}

static void clear(void *slot)
{
    free(((struct slot *)slot)->found.items);
}

/* A coefficient of odd frequency changes its sign in the mirror. */
static void set_masks(struct run *run)
{
    size_t bit = 0;

    for (size_t s = 2; bit < 256; s++) {
        for (size_t v = 0; v <= s && bit < 256; v++, bit++) {
            uint64_t one = UINT64_C(1) << bit % 64;
            bool h = (s - v) & 1, w = v & 1;

            run->mask[XR_PAIR_HFLIP][bit / 64] |= h ? one : 0;
            run->mask[XR_PAIR_VFLIP][bit / 64] |= w ? one : 0;
            run->mask[XR_PAIR_TURN][bit / 64] |= h != w ? one : 0;
        }
    }
}

static int near_pixels(struct list *found, struct run *run, int jobs, struct xr_err *err)
{
    struct xr_pool_job job = {run, sizeof(struct slot), fetch, work, clear};
    struct xr_pool *pool = NULL;
    int got, failed = 0;
    void *slot;

    set_masks(run);
    run->hash = xr_alloc_array(run->n, sizeof *run->hash, err);
    if (!run->hash)
        return -1;
    for (size_t i = 0; i < run->n; i++)
        memcpy(run->hash[i], run->films[run->ids[i]].hash, sizeof *run->hash);
    if (xr_pool_open(&pool, &job, jobs > 0 ? (size_t)jobs : 1, err))
        return -1;
    while ((got = xr_pool_next(pool, &slot, &failed, err)) > 0 && !failed) {
        const struct list *more = &((struct slot *)slot)->found;

        for (size_t i = 0; i < more->n && !failed; i++)
            failed = add(found, more->items[i], err);
        if (failed)
            break;
    }
    xr_pool_close(pool);
    return got < 0 || failed ? -1 : 0;
}

static int cmp_pairs(const void *a, const void *b)
{
    const struct xr_pair *x = a, *y = b;

    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

int xr_similar(struct xr_pair **pairs, size_t *n_pairs, const struct xr_scan *films,
               size_t n, double least, bool flips, int jobs, struct xr_err *err)
{
    uint32_t *ids = xr_alloc_array(n, sizeof *ids, err);
    struct run run = {.films = films, .ids = ids, .least = least, .flips = flips};
    struct list found = {0};

    *pairs = NULL;
    *n_pairs = 0;
    if (!ids || equal_pixels(&found, ids, &run.n, films, n, err) ||
        near_pixels(&found, &run, jobs, err)) {
        free(found.items);
        free(run.hash);
        free(ids);
        return -1;
    }
    free(run.hash);
    free(ids);
    if (found.n)
        qsort(found.items, found.n, sizeof *found.items, cmp_pairs);
    *pairs = found.items;
    *n_pairs = found.n;
    return 0;
}
