/* What the header of a stream says of the run that makes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "prepare.h"

/* The classes and counts of a table. */
static int header_classes(struct xr_stream_header *h, const struct xr_films *f,
                          struct xr_err *err)
{
    h->classes = xr_alloc_array(f->n_classes, sizeof *h->classes, err);
    h->class_counts = xr_alloc_array(f->n_classes, sizeof *h->class_counts, err);
    if (!h->classes || !h->class_counts)
        return -1;
    for (; h->n_classes < f->n_classes; h->n_classes++) {
        h->classes[h->n_classes] = xr_strdup(f->classes[h->n_classes], err);
        h->class_counts[h->n_classes] = f->class_counts[h->n_classes];
        if (!h->classes[h->n_classes])
            return -1;
    }
    return 0;
}

/* Names given for a stream; one that says its own must say the same. */
static int header_names(struct xr_stream_header *h, const char *list, struct xr_err *err)
{
    size_t n = 1, i = 0;

    for (const char *p = list; *p; p++)
        n += *p == ',';
    if (h->n_classes && h->n_classes != n)
        return xr_fail(err, "--classes: the stream has %zu classes", h->n_classes);
    for (const char *p = list; h->n_classes && i < n; p += strcspn(p, ",") + 1, i++) {
        size_t len = strcspn(p, ",");

        if (strlen(h->classes[i]) != len || strncmp(h->classes[i], p, len))
            return xr_fail(err, "--classes: class %zu of the stream is '%s'", i,
                           h->classes[i]);
    }
    if (h->n_classes)
        return 0;
    free(h->classes);
    h->classes = xr_alloc_array(n, sizeof *h->classes, err);
    if (!h->classes)
        return -1;
    for (const char *p = list; h->n_classes < n; p += strcspn(p, ",") + 1) {
        h->classes[h->n_classes] = xr_sprintf(err, "%.*s", (int)strcspn(p, ","), p);
        if (!h->classes[h->n_classes])
            return -1;
        h->n_classes++;
    }
    return 0;
}

/* What a table or a stream says of its records. */
static int header_plan(struct xr_stream_header *h, const struct xr_prepare *run,
                       struct xr_err *err)
{
    if (run->source) {
        if (xr_stream_header_copy(h, xr_source_header(run->source), err))
            return -1;
        if (!h->json || run->n_shards > 1) /* a shard is known once it is read */
            h->records_per_epoch = -1;
        xr_stream_no_part(h);
        if (!h->json) { /* an ordinary WebDataset shard says nothing */
            h->epochs = 1;
            h->fold = -1;
        }
        return run->classes ? header_names(h, run->classes, err) : 0;
    }
    h->fold = run->fold;
    h->epochs = run->epochs;
    h->records_per_epoch = (int64_t)xr_prepare_records(run);
    if (header_classes(h, run->films, err))
        return -1;
    if (run->quota)
        memcpy(h->class_counts, run->quota, h->n_classes * sizeof *h->class_counts);
    return 0;
}

/* What was balanced stays so, whoever passes it on: xr-train asks. */
static void header_balance(cJSON *sampling, cJSON *before, const struct xr_prepare *run)
{
    static const char *const names[] = {"none", "class", "sqrt", "effective"};
    static const char *const kept[] = {"balance", "balance_beta", "films_per_class"};
    cJSON *list;

    for (size_t i = 0; i < sizeof kept / sizeof *kept && before; i++) {
        cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(before, kept[i]);

        if (item)
            cJSON_AddItemToObject(sampling, kept[i], item);
    }
    if (!run->quota)
        return;
    cJSON_AddStringToObject(sampling, "balance", names[run->balance]);
    if (run->balance == XR_BALANCE_EFFECTIVE)
        cJSON_AddNumberToObject(sampling, "balance_beta", run->balance_beta);
    list = cJSON_AddArrayToObject(sampling, "films_per_class");
    for (size_t c = 0; c < run->films->n_classes; c++)
        cJSON_AddItemToArray(list,
                             cJSON_CreateNumber((double)run->films->class_counts[c]));
}

/* What the stream's header has of its own besides: sampling and transforms. */
static void header_json(cJSON *json, const struct xr_prepare *run)
{
    cJSON *sampling, *transforms, *chain = xr_prepare_chain_json(run);
    cJSON *before = cJSON_DetachItemFromObjectCaseSensitive(json, "sampling");
    char shard[48];

    sampling = cJSON_AddObjectToObject(json, "sampling");
    cJSON_AddStringToObject(sampling, "order",
                            run->source    ? run->buffer > 1 ? "buffer" : "stream"
                            : run->quota   ? "balanced"
                            : run->shuffle ? "permutation"
                                           : "table");
    if (!run->source)
        cJSON_AddNumberToObject(sampling, "unlabelled", (double)run->films->n_unlabelled);
    if (run->n_shards > 1) {
        snprintf(shard, sizeof shard, "%zu/%zu", run->shard + 1, run->n_shards);
        cJSON_AddStringToObject(sampling, "shard", shard);
    }
    if (run->source && run->buffer > 1)
        cJSON_AddNumberToObject(sampling, "buffer", (double)run->buffer);
    if (run->start_epoch > 1 || run->start_at) {
        cJSON *start = cJSON_AddObjectToObject(sampling, "start");

        cJSON_AddNumberToObject(start, "epoch", (double)run->start_epoch);
        cJSON_AddNumberToObject(start, "record", (double)run->start_at + 1);
    }
    header_balance(sampling, before, run);
    cJSON_Delete(before);
    transforms = cJSON_GetObjectItemCaseSensitive(json, "transforms");
    if (!cJSON_IsArray(transforms)) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, "transforms");
        transforms = cJSON_AddArrayToObject(json, "transforms");
    }
    while (run->replay && chain && transforms->child) /* a replay's is whole */
        cJSON_DeleteItemFromArray(transforms, 0);
    while (chain && chain->child)
        cJSON_AddItemToArray(transforms, cJSON_DetachItemFromArray(chain, 0));
    cJSON_Delete(chain);
}

int xr_prepare_header(struct xr_stream_header *h, const struct xr_prepare *run,
                      struct xr_err *err)
{
    memset(h, 0, sizeof *h);
    if (header_plan(h, run, err)) {
        xr_stream_header_free(h);
        return -1;
    }
    /* a stream that already has the size is not resampled: what it says of it stays true
     */
    if (!run->source || h->height != run->fit.height || h->width != run->fit.width) {
        xr_fit_name(h->fit, &run->fit);
        snprintf(h->interpolation, sizeof h->interpolation, "%s",
                 xr_interp_names[run->fit.interp]);
    }
    if (!run->source || run->split_given || !h->split[0])
        snprintf(h->split, sizeof h->split, "%s", run->split);
    h->height = run->height;
    h->width = run->width;
    h->channels = run->color == XR_COLOR_GRAY ? 1 : 3;
    h->dtype = run->depth == 16 ? XR_U16 : XR_U8;
    h->transform_schema = XR_TRANSFORM_SCHEMA;
    h->json = h->json ? h->json : cJSON_CreateObject();
    header_json(h->json, run);
    return 0;
}
