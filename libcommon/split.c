/* Which group goes to which part: exact rounding for single rows, dealing and local
 * search for groups. */
#include "split_deal.h"

#include <stdlib.h>
#include <string.h>

#include "rng.h"

static int begin(struct xr_deal *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    struct xr_rng rng;

    w->type_of = xr_alloc_array(pb->n_groups, sizeof *w->type_of, err);
    w->prefer = xr_alloc_array(pb->n_parts, sizeof *w->prefer, err);
    if (!w->type_of || !w->prefer || xr_deal_rehash(w, err))
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

static int solve(struct xr_deal *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    size_t n_rows = 0;
    bool single = true;

    w->dealt = xr_alloc_array(w->n_types, pb->n_parts * sizeof *w->dealt, err);
    w->dev = xr_alloc_array(pb->n_classes + 1, pb->n_parts * sizeof *w->dev, err);
    if (!w->dealt || !w->dev)
        return -1;
    for (size_t t = 0; t < w->n_types; t++) {
        struct xr_deal_type *ty = &w->types[t];
        struct xr_rng rng;

        xr_rng_init(&rng, pb->seed, xr_deal_hash(w->counts + ty->at, ty->len), "",
                    "split types");
        ty->tie = xr_rng_u64(&rng);
        n_rows += (size_t)ty->size * ty->n;
        single &= ty->size == 1;
    }
    if (single)
        return xr_deal_round(w, n_rows, err);
    for (size_t t = 0; t < w->n_types;
         t++) { /* nobody is anywhere yet: all shares are missing */
        const struct xr_deal_type *ty = &w->types[t];

        for (size_t p = 0; p < pb->n_parts; p++) {
            for (uint32_t i = 0; i < ty->len; i++) {
                const struct xr_deal_count *c = &w->counts[ty->at + i];

                w->dev[c->class * pb->n_parts + p] -= (double)c->n * ty->n * pb->share[p];
            }
            w->dev[pb->n_classes * pb->n_parts + p] -=
                (double)ty->size * ty->n * pb->share[p];
        }
    }
    return xr_deal_search(w, err);
}

int xr_split_assign(uint16_t *part, const struct xr_split_problem *problem,
                    struct xr_err *err)
{
    struct xr_deal w = {.pb = problem};
    int status = -1;

    memset(part, 0, problem->n_groups * sizeof *part);
    if (begin(&w, err) || xr_deal_types(&w, err) || xr_deal_arrange(&w, err) ||
        solve(&w, err))
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
