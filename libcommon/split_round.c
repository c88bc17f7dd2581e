/* Single rows: a controlled rounding of the exact shares. */
#include "split_deal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double xr_deal_floor(double x)
{
    double r = rint(x);

    return fabs(x - r) < 1e-7 ? r : floor(x);
}

/* Give one more row of type t to a part that may take it, moving other types' extra rows
 * out of the way where needed (an augmenting path). extra[t][p]: t already has its extra
 * row there. */
static int augment(struct xr_deal *w, size_t t, unsigned char *extra,
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
static void needs(int64_t *need, const struct xr_deal *w, size_t n_rows)
{
    const struct xr_split_problem *pb = w->pb;
    int64_t left = (int64_t)n_rows;

    for (size_t p = 0; p < pb->n_parts; p++) {
        need[p] = (int64_t)xr_deal_floor((double)n_rows * pb->share[p]);
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

int xr_deal_round(struct xr_deal *w, size_t n_rows, struct xr_err *err)
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

            w->dealt[t * pb->n_parts + p] = (uint32_t)xr_deal_floor(x);
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
