/* Groups: dealt in proportion, the rest placed, then a local search. */
#include "split_deal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define SIZE_WEIGHT                                                                      \
    0.5 /* of a part's size beside its class counts, in squared deviations */
#define SWAP_TYPES 600 /* exchanges are tried between the smallest types only */
#define SEARCH_CELLS 100000
#define SEARCH_ROUNDS 2000
#define SEARCH_BUDGET 100000000 /* steps of the search behind it */
#define BUDGET 300000000 /* steps of the local search: some seconds at the very most */

/* n groups of type t come to part p (n may be negative). */
static void put(struct xr_deal *w, size_t t, size_t p, int n)
{
    const struct xr_deal_type *ty = &w->types[t];
    size_t n_parts = w->pb->n_parts;

    w->dealt[t * n_parts + p] += (uint32_t)n;
    for (uint32_t i = 0; i < ty->len; i++) {
        const struct xr_deal_count *c = &w->counts[ty->at + i];

        w->dev[c->class * n_parts + p] += (double)c->n * n;
    }
    w->dev[w->pb->n_classes * n_parts + p] += (double)ty->size * n;
}

/* How the cost changes when a group of type t goes from p to q; p = n_parts: from
 * nowhere. */
static double move_cost(const struct xr_deal *w, size_t t, size_t p, size_t q)
{
    const struct xr_deal_type *ty = &w->types[t];
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
static double swap_cost(const struct xr_deal *w, size_t t, size_t u, size_t p, size_t q)
{
    const struct xr_deal_type *a = &w->types[t], *b = &w->types[u];
    const struct xr_deal_count *ca = w->counts + a->at, *cb = w->counts + b->at;
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
    const struct xr_deal_type *types = arg, *x = &types[*(const uint32_t *)a],
                              *y = &types[*(const uint32_t *)b];

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* Each type in proportion; its last few groups, largest first, where they fit best. The
 * cost is divided by the part's share here, so that large groups do not all go to the
 * largest part. */
static int deal(struct xr_deal *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *turn = xr_alloc_array(w->n_types, sizeof *turn, err);

    if (!turn)
        return -1;
    for (size_t t = 0; t < w->n_types; t++) {
        turn[t] = (uint32_t)t;
        for (size_t p = 0; p < pb->n_parts; p++)
            put(w, t, p, (int)xr_deal_floor((double)w->types[t].n * pb->share[p]));
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

static bool try_moves(struct xr_deal *w, size_t t)
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

static bool try_swaps(struct xr_deal *w, size_t t, size_t u)
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

static void improve(struct xr_deal *w)
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

static double cost_of(const struct xr_deal *w)
{
    size_t n_parts = w->pb->n_parts;
    double sum = 0;

    for (size_t i = 0; i < (w->pb->n_classes + 1) * n_parts; i++)
        sum += (i < w->pb->n_classes * n_parts ? 1 : SIZE_WEIGHT) * w->dev[i] * w->dev[i];
    return sum;
}

/* Every class count is its exact share rounded: nothing is left to gain. */
static bool exact(const struct xr_deal *w)
{
    for (size_t i = 0; i < w->pb->n_classes * w->pb->n_parts; i++) {
        if (fabs(w->dev[i]) > 1 - 1e-9)
            return false;
    }
    return true;
}

/* Move one group of a random type to a random part. */
static void kick(struct xr_deal *w, struct xr_rng *rng)
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
int xr_deal_search(struct xr_deal *w, struct xr_err *err)
{
    size_t n_dealt = w->n_types * w->pb->n_parts;
    size_t n_dev = (w->pb->n_classes + 1) * w->pb->n_parts;
    uint32_t *dealt;
    double *dev, best;
    struct xr_rng rng;

    if (deal(w, err))
        return -1;
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
