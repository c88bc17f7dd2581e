/* The plan of a run of xr-augment, and what is done to each film. */
#include "prepare.h"

#include <stdlib.h>
#include <string.h>

/* The films of an epoch in their order. */
static int plan_epoch(struct xr_prepare *run, struct xr_err *err)
{
    if (run->quota)
        return xr_balance_draw(run->order, run->repeat, run->films, run->quota, run->seed,
                               (uint64_t)run->epoch, err);
    if (run->shuffle)
        xr_films_shuffle(run->order, run->films, run->seed, (uint64_t)run->epoch);
    return 0;
}

int xr_prepare_begin(struct xr_prepare *run, struct xr_err *err)
{
    if (xr_prepare_size(run, err))
        return -1;
    if (run->source)
        return 0;
    if (run->start_epoch > run->epochs ||
        (run->start_at && run->start_at >= xr_prepare_records(run)))
        return xr_fail(err, "--start-at %lld:%llu: %lld epochs of %zu records",
                       (long long)run->start_epoch, (unsigned long long)run->start_at + 1,
                       (long long)run->epochs, xr_prepare_records(run));
    run->at = run->shard + (size_t)run->start_at * run->n_shards;
    run->epoch = run->start_epoch;
    run->order = xr_alloc_array(run->films->n, sizeof *run->order, err);
    if (!run->order)
        return -1;
    for (size_t i = 0; i < run->films->n; i++)
        run->order[i] = i;
    if (run->balance != XR_BALANCE_NONE) {
        run->quota = xr_alloc_array(run->films->n_classes, sizeof *run->quota, err);
        run->repeat = xr_alloc_array(run->films->n, sizeof *run->repeat, err);
        if (!run->quota || !run->repeat ||
            xr_balance_quotas(run->quota, run->films, run->balance, run->balance_beta,
                              err))
            return -1;
    }
    return plan_epoch(run, err);
}

void xr_prepare_end(struct xr_prepare *run)
{
    free(run->order);
    free(run->repeat);
    free(run->quota);
    run->order = run->repeat = NULL;
    run->quota = NULL;
    xr_deidentify_close(run->deidentify);
    run->deidentify = NULL;
    xr_prepare_boxes_close(run);
    xr_cache_close(run->cache);
    run->cache = NULL;
}

size_t xr_prepare_records(const struct xr_prepare *run)
{
    size_t n = run->films->n;

    return n / run->n_shards + (run->shard < n % run->n_shards);
}

uint64_t xr_prepare_left(const struct xr_prepare *run)
{
    uint64_t epochs = (uint64_t)(run->epochs - run->start_epoch + 1);

    return epochs * xr_prepare_records(run) - run->start_at;
}

/* The name of a record's class. */
static void name_label(struct xr_record *record, const struct xr_stream_header *header)
{
    if (!record->meta)
        record->meta = cJSON_CreateObject();
    if (record->label >= 0 && (size_t)record->label < header->n_classes &&
        !cJSON_GetObjectItemCaseSensitive(record->meta, "label"))
        cJSON_AddStringToObject(record->meta, "label", header->classes[record->label]);
}

static int fetch_record(struct xr_prepare *run, struct xr_prepared *to,
                        struct xr_err *err)
{
    int got = xr_source_next(run->source, &to->in, &to->from, err);

    if (got == 1)
        name_label(&to->in, xr_source_header(run->source));
    return got;
}

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;

    if (run->source)
        return fetch_record(run, to, err);
    while (run->at >= run->films->n) {
        if (run->epoch >= run->epochs || run->shard >= run->films->n)
            return 0;
        run->epoch++;
        run->at = run->shard;
        if (plan_epoch(run, err))
            return -1;
    }
    to->film = run->order[run->at];
    to->repeat = run->quota ? run->repeat[run->at] : 1;
    to->epoch = run->epoch;
    run->at += run->n_shards;
    return 1;
}

/* An image as an array; it takes the pixels over. */
static struct xr_array array_of(struct xr_image *image)
{
    struct xr_array array = {.dtype = image->depth == 16 ? XR_U16 : XR_U8,
                             .n_dims = image->channels == 1 ? 2 : 3,
                             .shape = {image->height, image->width, image->channels},
                             .data = image->data};

    image->data = NULL;
    return array;
}

static int put_mask(struct xr_record *record, struct xr_image *mask, struct xr_err *err)
{
    struct xr_array array = array_of(mask);
    struct xr_buf buf = {0};
    int rc = xr_npy_format(&buf, &array, err);

    xr_array_free(&array);
    if (rc) {
        xr_buf_free(&buf);
        return -1;
    }
    return xr_record_put(record, "mask.npy", buf.data, buf.size, err);
}

static int finish_film(struct xr_opened *opened, struct xr_prepared *to,
                       const struct xr_prepare *run, struct xr_err *err)
{
    struct xr_image *image = &opened->image,
                    *mask = opened->mask.data ? &opened->mask : NULL;

    if (opened->source) {
        cJSON_DeleteItemFromObjectCaseSensitive(to->record.meta, "source");
        cJSON_AddItemToObject(to->record.meta, "source", opened->source);
        opened->source = NULL;
    }
    if (xr_prepare_fit(opened, run, err))
        return -1;
    if (xr_prepare_vary(run,
                        &(struct xr_subject){image, mask, opened->boxes.points,
                                             opened->boxes.n_points},
                        to, err))
        return -1;
    to->record.image = array_of(image);
    return (mask && put_mask(&to->record, mask, err)) ||
                   xr_prepare_boxes_put(&to->record, &opened->boxes, run, err)
               ? -1
               : 0;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    const struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;
    struct xr_opened opened = {0};
    int rc;

    xr_record_free(&to->record);
    memset(&to->info, 0, sizeof to->info);
    rc = run->source ? xr_prepare_open_record(&opened, to, run, err)
                     : xr_prepare_open_film(&opened, to, run, err);
    if (rc == 0 && run->deidentify && run->source)
        rc = xr_deidentify_key(&to->record.key, run->deidentify,
                               xr_source_header(run->source)->epochs > 1, err);
    if (rc == 0)
        rc = finish_film(&opened, to, run, err);
    if (rc == 0 && run->deidentify)
        rc = xr_deidentify_meta(&to->record.meta, run->deidentify, err) ||
                     xr_deidentify_boxes(&to->record, err)
                 ? -1
                 : 0;
    xr_image_free(&opened.image);
    xr_image_free(&opened.mask);
    xr_boxes_free(&opened.boxes);
    cJSON_Delete(opened.source);
    return rc;
}

static void clear(void *slot)
{
    struct xr_prepared *p = slot;

    xr_record_free(&p->in);
    xr_record_free(&p->record);
}

struct xr_pool_job xr_prepare_job(struct xr_prepare *run)
{
    struct xr_pool_job job = {.shared = run,
                              .slot_size = sizeof(struct xr_prepared),
                              .fetch = fetch,
                              .work = work,
                              .clear = clear};

    return job;
}
