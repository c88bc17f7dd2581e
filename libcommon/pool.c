/* A ring of slots: free, then in work, then done, then with the caller, then free again.
 */
#include "pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024

struct slot {
    bool done;
    int failed;
    struct xr_err err;
};

struct xr_pool {
    struct xr_pool_job job;
    size_t n_threads, n_slots;
    pthread_t *threads;
    struct slot *slots;
    char *data;
    pthread_mutex_t fetching; /* held while a job is fetched: jobs come in order */
    pthread_mutex_t lock;     /* of what follows */
    pthread_cond_t room, ready;
    size_t fetched, taken,
        given; /* jobs: fetched; whose slot the caller has; given back */
    int end;   /* 1: no more jobs, -1: fetching failed */
    bool stop;
    struct xr_err end_err;
};

static void *data_of(struct xr_pool *p, size_t ticket)
{
    return p->data + ticket % p->n_slots * p->job.slot_size;
}

/* Fetch one job into its slot. True with *ticket set if there is one. */
static bool fetch(struct xr_pool *p, size_t *ticket)
{
    struct xr_err err = {0};
    bool go;
    int got;

    pthread_mutex_lock(&p->fetching);
    pthread_mutex_lock(&p->lock);
    while (!p->stop && !p->end && p->fetched - p->given == p->n_slots)
        pthread_cond_wait(&p->room, &p->lock);
    go = !p->stop && !p->end;
    *ticket = p->fetched;
    pthread_mutex_unlock(&p->lock);
    if (go) {
        got = p->job.fetch(p->job.shared, data_of(p, *ticket), &err);
        pthread_mutex_lock(&p->lock);
        if (got == 1) {
            p->slots[*ticket % p->n_slots].done = false;
            p->fetched++;
        } else {
            p->end = got == 0 ? 1 : -1;
            p->end_err = err;
            go = false;
            pthread_cond_broadcast(&p->ready);
            pthread_cond_broadcast(&p->room);
        }
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&p->fetching);
    return go;
}

static void work(struct xr_pool *p, size_t ticket)
{
    struct slot *slot = &p->slots[ticket % p->n_slots];
    struct xr_err err = {0};
    int failed = p->job.work(p->job.shared, data_of(p, ticket), &err) != 0;

    pthread_mutex_lock(&p->lock);
    slot->failed = failed;
    slot->err = err;
    slot->done = true;
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
}

static void *run(void *arg)
{
    struct xr_pool *p = arg;
    size_t ticket;

    while (fetch(p, &ticket))
        work(p, ticket);
    return NULL;
}

int xr_pool_open(struct xr_pool **pool, const struct xr_pool_job *job, size_t n_threads,
                 struct xr_err *err)
{
    struct xr_pool *p = xr_alloc_array(1, sizeof *p, err);

    *pool = NULL;
    if (!p)
        return -1;
    n_threads = n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    p->job = *job;
    p->n_slots = n_threads > 1 ? 4 * n_threads : 1;
    pthread_mutex_init(&p->fetching, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->slots = xr_alloc_array(p->n_slots, sizeof *p->slots, err);
    p->data = xr_alloc_array(p->n_slots, job->slot_size, err);
    p->threads = xr_alloc_array(n_threads, sizeof *p->threads, err);
    if (!p->slots || !p->data || !p->threads) {
        xr_pool_close(p);
        return -1;
    }
    for (; n_threads > 1 && p->n_threads < n_threads; p->n_threads++) {
        int rc = pthread_create(&p->threads[p->n_threads], NULL, run, p);

        if (rc) {
            xr_fail(err, "cannot start a thread: %s", strerror(rc));
            xr_pool_close(p);
            return -1;
        }
    }
    *pool = p;
    return 0;
}

int xr_pool_next(struct xr_pool *p, void **slot, int *failed, struct xr_err *err)
{
    struct slot *s = &p->slots[p->taken % p->n_slots];
    size_t ticket;

    pthread_mutex_lock(&p->lock);
    p->given = p->taken; /* the slot of the last call */
    pthread_cond_signal(&p->room);
    pthread_mutex_unlock(&p->lock);
    if (p->n_threads == 0 && fetch(p, &ticket))
        work(p, ticket);

    pthread_mutex_lock(&p->lock);
    while (p->taken == p->fetched ? !p->end : !s->done)
        pthread_cond_wait(&p->ready, &p->lock);
    if (p->taken == p->fetched) {
        int end = p->end;

        if (end < 0 && err)
            *err = p->end_err;
        pthread_mutex_unlock(&p->lock);
        return end < 0 ? -1 : 0;
    }
    *slot = data_of(p, p->taken);
    *failed = s->failed;
    if (s->failed && err)
        *err = s->err;
    p->taken++;
    pthread_mutex_unlock(&p->lock);
    return 1;
}

void xr_pool_close(struct xr_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    for (size_t i = 0; p->data && p->job.clear && i < p->n_slots; i++)
        p->job.clear(p->data + i * p->job.slot_size);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->fetching);
    free(p->threads);
    free(p->slots);
    free(p->data);
    free(p);
}
