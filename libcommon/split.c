/* Which group goes to which part: exact rounding for single rows, dealing and local
 * search for groups. */
#include "split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define NO_TYPE UINT32_MAX
#define SIZE_WEIGHT                                                                      \
    0.5 /* of a part's size beside its class counts, in squared deviations */
#define SWAP_TYPES 600 /* exchanges are tried between the smallest types only */
#define SEARCH_CELLS 100000
#define SEARCH_ROUNDS 2000
#define SEARCH_BUDGET 100000000 /* steps of the search behind it */
#define BUDGET 300000000 /* steps of the local search: some seconds at the very most */

struct count {
    uint32_t class, n;
};

/* Groups with equal class counts are one type: only how many of a type a part gets
 * matters. */
struct type {
    uint32_t at, len; /* its counts, by class */
    uint32_t size;    /* rows of one such group */
    uint32_t first;   /* where its groups begin in `members` */
    uint32_t n;       /* groups */
    uint32_t next;    /* of the same hash, while types are collected */
    uint64_t tie;
};

struct work {
    const struct xr_split_problem *pb;
    struct type *types;
    size_t n_types, room_types;
    struct count *counts;
    size_t n_counts, room_counts;
    uint32_t *bucket; /* [n_buckets] first type of a hash */
    size_t n_buckets;
    uint32_t *type_of; /* [n_groups] */
    uint32_t *members; /* groups by type, then by order */
    uint32_t *dealt;   /* [n_types][n_parts] */
    double *
        dev; /* [n_classes + 1][n_parts]: rows above the exact share; last: all classes */
    uint16_t *prefer; /* [n_parts] parts in the order that settles ties */
    uint64_t steps;
};

/* --- types ----------------------------------------------------------------------- */

static int cmp_u16(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static int grow(void **array, size_t *room, size_t need, size_t size, struct xr_err *err)
{
    size_t more = *room ? *room : 64;
    void *p;

    if (need <= *room)
        return 0;
    while (more < need)
        more *= 2;
    p = realloc(*array, more * size);
    if (!p)
        return xr_fail(err, "out of memory: %zu bytes", more * size);
    *array = p;
    *room = more;
    return 0;
}

static uint64_t hash_counts(const struct count *c, size_t len)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < len; i++) {
        h = (h ^ c[i].class) * UINT64_C(0x100000001B3);
        h = (h ^ c[i].n) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return h;
}

static int rehash(struct work *w, struct xr_err *err)
{
    size_t n = w->n_buckets ? 4 * w->n_buckets : 1024;
    uint32_t *bucket = xr_alloc_array(n, sizeof *bucket, err);

    if (!bucket)
        return -1;
    memset(bucket, 0xff, n * sizeof *bucket);
    for (size_t t = 0; t < w->n_types; t++) {
        struct type *ty = &w->types[t];
        size_t b = hash_counts(w->counts + ty->at, ty->len) & (n - 1);

        ty->next = bucket[b];
        bucket[b] = (uint32_t)t;
    }
    free(w->bucket);
    w->bucket = bucket;
    w->n_buckets = n;
    return 0;
}

/* The type of a group whose rows have these classes (sorted here). */
static int intern(struct work *w, uint32_t *type, uint16_t *classes, uint32_t n,
                  struct xr_err *err)
{
    struct count *c;
    struct type *ty;
    uint32_t len = 0;
    size_t b;

    if (n > 1)
        qsort(classes, n, sizeof *classes, cmp_u16);
    if (grow((void **)&w->counts, &w->room_counts, w->n_counts + n, sizeof *c, err))
        return -1;
    c = w->counts + w->n_counts; /* kept only if the type is new */
    for (uint32_t i = 0; i < n; i++) {
        if (len && c[len - 1].class == classes[i])
            c[len - 1].n++;
        else
            c[len++] = (struct count){classes[i], 1};
    }
    if (w->n_types >= w->n_buckets && rehash(w, err))
        return -1;
    b = hash_counts(c, len) & (w->n_buckets - 1);
    for (uint32_t t = w->bucket[b]; t != NO_TYPE; t = w->types[t].next) {
        if (w->types[t].len == len &&
            !memcmp(w->counts + w->types[t].at, c, len * sizeof *c)) {
            w->types[t].n++;
            *type = t;
            return 0;
        }
    }
    if (grow((void **)&w->types, &w->room_types, w->n_types + 1, sizeof *ty, err))
        return -1;
    if (w->n_counts > UINT32_MAX - n)
        return xr_fail(err, "too many kinds of groups");
    ty = &w->types[w->n_types];
    *ty = (struct type){(uint32_t)w->n_counts, len, n, 0, 1, w->bucket[b], 0};
    w->n_counts += len;
    w->bucket[b] = (uint32_t)w->n_types;
    *type = (uint32_t)w->n_types++;
    return 0;
}

static int collect_types(struct work *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *start = NULL;
    uint16_t *classes = NULL;
    int status = -1;

    if (!pb->group_of) {
        for (size_t i = 0; i < pb->n_rows; i++) {
            uint16_t c = pb->class_of[i];

            if (c != XR_SPLIT_NONE && intern(w, &w->type_of[i], &c, 1, err))
                return -1;
        }
        return 0;
    }
    start = xr_alloc_array(pb->n_groups + 1, sizeof *start, err);
    classes = xr_alloc_array(pb->n_rows, sizeof *classes, err);
    if (!start || !classes)
        goto done;
    for (size_t i = 0; i < pb->n_rows; i++) {
        if (pb->class_of[i] != XR_SPLIT_NONE)
            start[pb->group_of[i]]++;
    }
    for (size_t g = 0, sum = 0; g <= pb->n_groups;
         g++) { /* ends, which filling makes starts */
        sum += start[g];
        start[g] = (uint32_t)sum;
    }
    for (size_t i = pb->n_rows; i-- > 0;) {
        if (pb->class_of[i] != XR_SPLIT_NONE)
            classes[--start[pb->group_of[i]]] = pb->class_of[i];
    }
    for (size_t g = 0; g < pb->n_groups; g++) {
        uint32_t n = start[g + 1] - start[g];

        if (n && intern(w, &w->type_of[g], classes + start[g], n, err))
            goto done;
    }
    status = 0;
done:
    free(start);
    free(classes);
    return status;
}

/* Canonical order: largest first, then by counts, so that nothing depends on the rows'
 * order. */
static int cmp_types(const void *a, const void *b, void *arg)
{
    const struct work *w = arg;
    const struct type *x = a, *y = b;
    const struct count *cx = w->counts + x->at, *cy = w->counts + y->at;

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    for (uint32_t i = 0; i < x->len && i < y->len; i++) {
        if (cx[i].class != cy[i].class)
            return cx[i].class < cy[i].class ? -1 : 1;
        if (cx[i].n != cy[i].n)
            return cx[i].n < cy[i].n ? 1 : -1;
    }
    return x->len < y->len ? -1 : x->len > y->len;
}

/* ids in rising order[]. The numbers are random, so one pass by their high bits leaves
 * almost nothing to insertion. */
static int sort_members(uint32_t *ids, size_t n, const uint64_t *order,
                        struct xr_err *err)
{
    unsigned bits = 1;
    uint32_t *count, *copy;
    size_t n_buckets;
    int shift;

    while (bits < 24 && ((size_t)1 << bits) < n / 2)
        bits++;
    n_buckets = (size_t)1 << bits;
    shift = 64 - (int)bits;
    count = xr_alloc_array(n_buckets + 1, sizeof *count, err);
    copy = xr_alloc_array(n, sizeof *copy, err);
    if (!count || !copy) {
        free(count);
        free(copy);
        return -1;
    }
    memcpy(copy, ids, n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        count[(order[ids[i]] >> shift) + 1]++;
    for (size_t b = 0; b < n_buckets; b++)
        count[b + 1] += count[b];
    for (size_t i = 0; i < n; i++)
        ids[count[order[copy[i]] >> shift]++] = copy[i];
    for (size_t i = 1; i < n; i++) {
        uint32_t id = ids[i];
        size_t j = i;

        for (; j > 0 && order[ids[j - 1]] > order[id]; j--)
            ids[j] = ids[j - 1];
        ids[j] = id;
    }
    free(count);
    free(copy);
    return 0;
}

/* Sort types, renumber type_of, list each type's groups in random order. */
static int arrange(struct work *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *number, *fill, sum = 0;
    int status = -1;

    number = xr_alloc_array(w->n_types, sizeof *number, err);
    fill = xr_alloc_array(w->n_types, sizeof *fill, err);
    if (!number || !fill)
        goto done;
    for (size_t t = 0; t < w->n_types; t++)
        w->types[t].next = (uint32_t)t; /* the old number */
    qsort_r(w->types, w->n_types, sizeof *w->types, cmp_types, w);
    for (size_t t = 0; t < w->n_types; t++) {
        number[w->types[t].next] = (uint32_t)t;
        w->types[t].first = fill[t] = sum;
        sum += w->types[t].n;
    }
    w->members = xr_alloc_array(sum, sizeof *w->members, err);
    if (!w->members)
        goto done;
    for (size_t g = 0; g < pb->n_groups; g++) {
        if (w->type_of[g] != NO_TYPE)
            w->members[fill[number[w->type_of[g]]]++] = (uint32_t)g;
    }
    for (size_t t = 0; t < w->n_types; t++) {
        if (sort_members(w->members + w->types[t].first, w->types[t].n, pb->order, err))
            goto done;
    }
    status = 0;
done:
    free(number);
    free(fill);
    return status;
}

/* --- single rows: controlled rounding -------------------------------------------- */

/* floor of x, where x is a product that may have lost its last digit */
static double floor_of(double x)
{
    double r = rint(x);

    return fabs(x - r) < 1e-7 ? r : floor(x);
}

/* Give one more row of type t to a part that may take it, moving other types' extra rows
 * out of the way where needed (an augmenting path). extra[t][p]: t already has its extra
 * row there. */
static int augment(struct work *w, size_t t, unsigned char *extra,
                   const unsigned char *may, int64_t *need, unsigned char *seen)
{
    size_t n_parts = w->pb->n_parts;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n_parts; i++) {
            size_t p = w->prefer[i];

            if (!may[t * n_parts + p] || extra[t * n_parts + p] || seen[p])
                continue;
            if (pass == 0) {
                if (need[p] <= 0)
                    continue;
                need[p]--;
                extra[t * n_parts + p] = 1;
                return 1;
            }
            seen[p] = 1;
            for (size_t u = 0; u < w->n_types; u++) {
                if (u == t || !extra[u * n_parts + p])
                    continue;
                extra[u * n_parts + p] = 0;
                if (augment(w, u, extra, may, need, seen)) {
                    extra[t * n_parts + p] = 1;
                    return 1;
                }
                extra[u * n_parts + p] = 1;
            }
        }
    }
    return 0;
}

/* Part sizes by largest remainder, less what the floors already give. */
static void needs(int64_t *need, const struct work *w, size_t n_rows)
{
    const struct xr_split_problem *pb = w->pb;
    int64_t left = (int64_t)n_rows;

    for (size_t p = 0; p < pb->n_parts; p++) {
        need[p] = (int64_t)floor_of((double)n_rows * pb->share[p]);
        left -= need[p];
    }
    for (; left > 0; left--) {
        size_t best = 0;
        double most = -2;

        for (size_t i = 0; i < pb->n_parts; i++) {
            size_t p = w->prefer[i];
            double d = (double)n_rows * pb->share[p] - (double)need[p];

            if (pb->share[p] > 0 && d > most + 1e-9) {
                most = d;
                best = p;
            }
        }
        need[best]++;
    }
    for (size_t t = 0; t < w->n_types; t++) {
        for (size_t p = 0; p < pb->n_parts; p++)
            need[p] -= w->dealt[t * pb->n_parts + p];
    }
}

/* Every type has groups of one row of one class: all entries, all part sizes exact to a
 * row. */
static int round_exactly(struct work *w, size_t n_rows, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    size_t n_cells = w->n_types * pb->n_parts;
    unsigned char *extra = xr_alloc_array(n_cells, 1, err);
    unsigned char *may = xr_alloc_array(n_cells, 1, err);
    unsigned char *seen = xr_alloc_array(pb->n_parts, 1, err);
    int64_t *need = xr_alloc_array(pb->n_parts, sizeof *need, err);
    int status = -1;

    if (!extra || !may || !seen || !need)
        goto done;
    for (size_t t = 0; t < w->n_types; t++) {
        for (size_t p = 0; p < pb->n_parts; p++) {
            double x = (double)w->types[t].n * pb->share[p];

            w->dealt[t * pb->n_parts + p] = (uint32_t)floor_of(x);
            may[t * pb->n_parts + p] = fabs(x - rint(x)) >= 1e-7;
        }
    }
    needs(need, w, n_rows);
    for (size_t t = 0; t < w->n_types; t++) {
        uint32_t sum = 0;

        for (size_t p = 0; p < pb->n_parts; p++)
            sum += w->dealt[t * pb->n_parts + p];
        for (; sum < w->types[t].n; sum++) {
            memset(seen, 0, pb->n_parts);
            if (!augment(w, t, extra, may, need, seen)) {
                xr_fail(err, "cannot round the shares"); /* excluded by the theorem */
                goto done;
            }
        }
    }
    for (size_t i = 0; i < n_cells; i++)
        w->dealt[i] += extra[i];
    status = 0;
done:
    free(extra);
    free(may);
    free(seen);
    free(need);
    return status;
}

/* --- groups: deal, place, improve ------------------------------------------------ */

/* n groups of type t come to part p (n may be negative). */
static void put(struct work *w, size_t t, size_t p, int n)
{
    const struct type *ty = &w->types[t];
    size_t n_parts = w->pb->n_parts;

    w->dealt[t * n_parts + p] += (uint32_t)n;
    for (uint32_t i = 0; i < ty->len; i++) {
        const struct count *c = &w->counts[ty->at + i];

        w->dev[c->class * n_parts + p] += (double)c->n * n;
    }
    w->dev[w->pb->n_classes * n_parts + p] += (double)ty->size * n;
}

/* How the cost changes when a group of type t goes from p to q; p = n_parts: from
 * nowhere. */
static double move_cost(const struct work *w, size_t t, size_t p, size_t q)
{
    const struct type *ty = &w->types[t];
    size_t n_parts = w->pb->n_parts;
    const double *dev;
    double sum = 0, s = ty->size;

    for (uint32_t i = 0; i < ty->len; i++) {
        double v = w->counts[ty->at + i].n;

        dev = w->dev + w->counts[ty->at + i].class * n_parts;
        sum += p < n_parts ? 2 * v * (v + dev[q] - dev[p]) : v * (v + 2 * dev[q]);
    }
    dev = w->dev + w->pb->n_classes * n_parts;
    return sum + SIZE_WEIGHT *
                     (p < n_parts ? 2 * s * (s + dev[q] - dev[p]) : s * (s + 2 * dev[q]));
}

/* The same when t goes from p to q and u from q to p. */
static double swap_cost(const struct work *w, size_t t, size_t u, size_t p, size_t q)
{
    const struct type *a = &w->types[t], *b = &w->types[u];
    const struct count *ca = w->counts + a->at, *cb = w->counts + b->at;
    size_t n_parts = w->pb->n_parts;
    uint32_t i = 0, j = 0;
    const double *dev;
    double sum = 0, s = (double)a->size - b->size;

    while (i < a->len || j < b->len) {
        uint32_t class;
        double v;

        if (j == b->len || (i < a->len && ca[i].class < cb[j].class)) {
            class = ca[i].class;
            v = ca[i++].n;
        } else if (i == a->len || cb[j].class < ca[i].class) {
            class = cb[j].class;
            v = -(double)cb[j++].n;
        } else {
            class = ca[i].class;
            v = (double)ca[i++].n - cb[j++].n;
        }
        dev = w->dev + class * n_parts;
        sum += 2 * v * (v + dev[q] - dev[p]);
    }
    dev = w->dev + w->pb->n_classes * n_parts;
    return sum + SIZE_WEIGHT * 2 * s * (s + dev[q] - dev[p]);
}

static int cmp_tie(const void *a, const void *b, void *arg)
{
    const struct type *types = arg, *x = &types[*(const uint32_t *)a],
                      *y = &types[*(const uint32_t *)b];

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* Each type in proportion; its last few groups, largest first, where they fit best. The
 * cost is divided by the part's share here, so that large groups do not all go to the
 * largest part. */
static int deal(struct work *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *turn = xr_alloc_array(w->n_types, sizeof *turn, err);

    if (!turn)
        return -1;
    for (size_t t = 0; t < w->n_types; t++) {
        turn[t] = (uint32_t)t;
        for (size_t p = 0; p < pb->n_parts; p++)
            put(w, t, p, (int)floor_of((double)w->types[t].n * pb->share[p]));
    }
    qsort_r(turn, w->n_types, sizeof *turn, cmp_tie, w->types);
    for (size_t i = 0; i < w->n_types; i++) {
        size_t t = turn[i];
        uint32_t sum = 0;

        for (size_t p = 0; p < pb->n_parts; p++)
            sum += w->dealt[t * pb->n_parts + p];
        for (; sum < w->types[t].n; sum++) {
            size_t best = w->prefer[0];
            double least = INFINITY;

            for (size_t j = 0; j < pb->n_parts; j++) {
                size_t p = w->prefer[j];
                double cost;

                if (pb->share[p] <= 0)
                    continue;
                cost = move_cost(w, t, pb->n_parts, p) / pb->share[p];
                if (cost < least - 1e-9) {
                    least = cost;
                    best = p;
                }
            }
            put(w, t, best, 1);
        }
    }
    free(turn);
    return 0;
}

static bool try_moves(struct work *w, size_t t)
{
    size_t n_parts = w->pb->n_parts;
    bool better = false;

    for (size_t i = 0; i < n_parts; i++) {
        for (size_t j = 0; j < n_parts; j++) {
            size_t p = w->prefer[i], q = w->prefer[j];

            if (p == q || !w->dealt[t * n_parts + p] || w->pb->share[q] <= 0)
                continue;
            w->steps += w->types[t].len;
            if (move_cost(w, t, p, q) < -1e-7) {
                put(w, t, p, -1);
                put(w, t, q, 1);
                better = true;
            }
        }
    }
    return better;
}

static bool try_swaps(struct work *w, size_t t, size_t u)
{
    size_t n_parts = w->pb->n_parts;
    bool better = false;

    for (size_t i = 0; i < n_parts; i++) {
        for (size_t j = 0; j < n_parts; j++) {
            size_t p = w->prefer[i], q = w->prefer[j];

            if (p == q || !w->dealt[t * n_parts + p] || !w->dealt[u * n_parts + q])
                continue;
            w->steps += w->types[t].len + w->types[u].len;
            if (swap_cost(w, t, u, p, q) < -1e-7) {
                put(w, t, p, -1);
                put(w, t, q, 1);
                put(w, u, q, -1);
                put(w, u, p, 1);
                better = true;
            }
        }
    }
    return better;
}

static void improve(struct work *w)
{
    size_t lo = w->n_types > SWAP_TYPES ? w->n_types - SWAP_TYPES : 0;
    bool better = true;

    while (better && w->steps < BUDGET) {
        better = false;
        for (size_t t = w->n_types; t-- > 0 && w->steps < BUDGET;)
            better |= try_moves(w, t);
        if (better)
            continue;
        for (size_t t = w->n_types; t-- > lo && w->steps < BUDGET;) {
            for (size_t u = t; u-- > lo && w->steps < BUDGET;)
                better |= try_swaps(w, t, u);
        }
    }
}

static double cost_of(const struct work *w)
{
    size_t n_parts = w->pb->n_parts;
    double sum = 0;

    for (size_t i = 0; i < (w->pb->n_classes + 1) * n_parts; i++)
        sum += (i < w->pb->n_classes * n_parts ? 1 : SIZE_WEIGHT) * w->dev[i] * w->dev[i];
    return sum;
}

/* Every class count is its exact share rounded: nothing is left to gain. */
static bool exact(const struct work *w)
{
    for (size_t i = 0; i < w->pb->n_classes * w->pb->n_parts; i++) {
        if (fabs(w->dev[i]) > 1 - 1e-9)
            return false;
    }
    return true;
}

/* Move one group of a random type to a random part. */
static void kick(struct work *w, struct xr_rng *rng)
{
    size_t n_parts = w->pb->n_parts, t = (size_t)xr_rng_below(rng, w->n_types);
    size_t p = (size_t)xr_rng_below(rng, n_parts), q = (size_t)xr_rng_below(rng, n_parts);

    for (size_t i = 0; i < n_parts && !w->dealt[t * n_parts + p]; i++)
        p = (p + 1) % n_parts;
    if (p == q || !w->dealt[t * n_parts + p] || w->pb->share[q] <= 0)
        return;
    put(w, t, p, -1);
    put(w, t, q, 1);
}

/* Iterated local search (Lourenco, Martin, Stuetzle 2003), which only tables of few,
 * large groups need: disturb the best found so far, improve, keep what is better. */
static int search(struct work *w, struct xr_err *err)
{
    size_t n_dealt = w->n_types * w->pb->n_parts;
    size_t n_dev = (w->pb->n_classes + 1) * w->pb->n_parts;
    uint32_t *dealt;
    double *dev, best;
    struct xr_rng rng;

    improve(w);
    if (exact(w) || n_dealt > SEARCH_CELLS)
        return 0;
    dealt = xr_alloc_array(n_dealt, sizeof *dealt, err);
    dev = xr_alloc_array(n_dev, sizeof *dev, err);
    if (!dealt || !dev) {
        free(dealt);
        free(dev);
        return -1;
    }
    best = cost_of(w);
    xr_rng_init(&rng, w->pb->seed, 0, "", "split search");
    w->steps = 0;
    for (int i = 0; i < SEARCH_ROUNDS && w->steps < SEARCH_BUDGET && !exact(w); i++) {
        memcpy(dealt, w->dealt, n_dealt * sizeof *dealt);
        memcpy(dev, w->dev, n_dev * sizeof *dev);
        for (uint64_t n = 2 + xr_rng_below(&rng, 6); n > 0; n--)
            kick(w, &rng);
        improve(w);
        if (cost_of(w) < best - 1e-7) {
            best = cost_of(w);
        } else {
            memcpy(w->dealt, dealt, n_dealt * sizeof *dealt);
            memcpy(w->dev, dev, n_dev * sizeof *dev);
        }
    }
    free(dealt);
    free(dev);
    return 0;
}

/* --- all together ---------------------------------------------------------------- */

static int begin(struct work *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    struct xr_rng rng;

    w->type_of = xr_alloc_array(pb->n_groups, sizeof *w->type_of, err);
    w->prefer = xr_alloc_array(pb->n_parts, sizeof *w->prefer, err);
    if (!w->type_of || !w->prefer || rehash(w, err))
        return -1;
    memset(w->type_of, 0xff, pb->n_groups * sizeof *w->type_of);
    xr_rng_init(&rng, pb->seed, 0, "", "split ties");
    for (size_t p = 0; p < pb->n_parts; p++) {
        size_t at = (size_t)xr_rng_below(&rng, p + 1);

        w->prefer[p] = w->prefer[at];
        w->prefer[at] = (uint16_t)p;
    }
    return 0;
}

static int solve(struct work *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    size_t n_rows = 0;
    bool single = true;

    w->dealt = xr_alloc_array(w->n_types, pb->n_parts * sizeof *w->dealt, err);
    w->dev = xr_alloc_array(pb->n_classes + 1, pb->n_parts * sizeof *w->dev, err);
    if (!w->dealt || !w->dev)
        return -1;
    for (size_t t = 0; t < w->n_types; t++) {
        struct type *ty = &w->types[t];
        struct xr_rng rng;

        xr_rng_init(&rng, pb->seed, hash_counts(w->counts + ty->at, ty->len), "",
                    "split types");
        ty->tie = xr_rng_u64(&rng);
        n_rows += (size_t)ty->size * ty->n;
        single &= ty->size == 1;
    }
    if (single)
        return round_exactly(w, n_rows, err);
    for (size_t t = 0; t < w->n_types;
         t++) { /* nobody is anywhere yet: all shares are missing */
        const struct type *ty = &w->types[t];

        for (size_t p = 0; p < pb->n_parts; p++) {
            for (uint32_t i = 0; i < ty->len; i++) {
                const struct count *c = &w->counts[ty->at + i];

                w->dev[c->class * pb->n_parts + p] -= (double)c->n * ty->n * pb->share[p];
            }
            w->dev[pb->n_classes * pb->n_parts + p] -=
                (double)ty->size * ty->n * pb->share[p];
        }
    }
    if (deal(w, err))
        return -1;
    return search(w, err);
}

int xr_split_assign(uint16_t *part, const struct xr_split_problem *problem,
                    struct xr_err *err)
{
    struct work w = {.pb = problem};
    int status = -1;

    memset(part, 0, problem->n_groups * sizeof *part);
    if (begin(&w, err) || collect_types(&w, err) || arrange(&w, err) || solve(&w, err))
        goto done;
    for (size_t t = 0; t < w.n_types; t++) {
        const uint32_t *g = w.members + w.types[t].first;

        for (size_t p = 0; p < problem->n_parts; p++) {
            for (uint32_t n = w.dealt[t * problem->n_parts + p]; n > 0; n--)
                part[*g++] = (uint16_t)p;
        }
    }
    status = 0;
done:
    free(w.types);
    free(w.counts);
    free(w.bucket);
    free(w.type_of);
    free(w.members);
    free(w.dealt);
    free(w.dev);
    free(w.prefer);
    return status;
}
