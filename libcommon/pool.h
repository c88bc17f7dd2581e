/*
 * Worker threads over a sequence of jobs: fetched in order by one thread at a time,
 * worked on by many, given back in order. The number of threads changes speed, never the
 * results or their order.
 */
#ifndef XR_POOL_H
#define XR_POOL_H

#include <stddef.h>

#include "err.h"

/* What a pool does; every function gets `shared` and a slot of slot_size bytes, zeroed at
 * first and then used again and again. Functions return -1 with *err on failure. */
struct xr_pool_job {
    void *shared;
    size_t slot_size;
    /* Fill a slot with the next job: 1, or 0 at the end. One thread at a time, in order.
     */
    int (*fetch)(void *shared, void *slot, struct xr_err *err);
    /* Work on it: any thread, many at a time. */
    int (*work)(void *shared, void *slot, struct xr_err *err);
    /* Free what a slot still holds; called once a slot when the pool is closed. */
    void (*clear)(void *slot);
};

struct xr_pool; /* used by one thread */

/*
 * Start n_threads workers (0 or 1: none, the caller's thread works). At most 4 n_threads
 * jobs are in flight, so memory does not grow with the sequence.
 */
int xr_pool_open(struct xr_pool **pool, const struct xr_pool_job *job, size_t n_threads,
                 struct xr_err *err) XR_MUST_USE;

/*
 * The next job, in order. 1: *slot is done, and valid until the next call; where its work
 * failed, *failed is 1 and *err says why. 0: the end. -1: fetching failed (nothing
 * follows).
 */
int xr_pool_next(struct xr_pool *pool, void **slot, int *failed,
                 struct xr_err *err) XR_MUST_USE;

/* Stop early or at the end; waits for the work in hand. NULL is allowed. */
void xr_pool_close(struct xr_pool *pool);

#endif
