/* The plan of a run of xr-augment, and what is done to each film. */
#include "prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "model.h"

int xr_prepare_shard(struct xr_prepare *run, const char *text, struct xr_err *err)
{
    const char *slash = strchr(text, '/');
    char first[32] = "";
    int64_t i, n;

    if (slash && slash - text < 31)
        memcpy(first, text, (size_t)(slash - text));
    if (!slash || xr_parse_int(&n, slash + 1, 1, 1000000, NULL) ||
        xr_parse_int(&i, first, 1, n, NULL))
        return xr_fail_usage(err, "--shard: '%s': not I/N with I from 1 to N", text);
    run->shard = (size_t)i - 1;
    run->n_shards = (size_t)n;
    return 0;
}

int xr_fit_size(struct xr_fit *fit, const char *text, struct xr_err *err)
{
    const char *x = strchr(text, 'x');
    char first[32] = "";
    int64_t h, w;

    if (x && x - text < 31)
        memcpy(first, text, (size_t)(x - text));
    if (xr_parse_int(&h, x ? first : text, 1, 16384, NULL) ||
        xr_parse_int(&w, x ? x + 1 : text, 1, 16384, NULL))
        return xr_fail_usage(err, "--size: '%s': not N or HxW from 1 to 16384", text);
    fit->height = (size_t)h;
    fit->width = (size_t)w;
    return 0;
}

int xr_prepare_like(struct xr_prepare *run, const char *path, cJSON *inputs,
                    struct xr_err *err)
{
    struct xr_model model;
    struct xr_preprocess pre;
    int rc = -1;

    if (xr_model_open(&model, path, err))
        return -1;
    if (xr_model_preprocess(&pre, &model, err) == 0 &&
        xr_model_digest(&model, err) == 0) {
        cJSON_AddStringToObject(inputs, xr_last_part(path), model.digest);
        run->fit.height = pre.height;
        run->fit.width = pre.width;
        run->color = pre.channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
        run->fit.interp = XR_NEAREST;
        rc = xr_fit_parse(&run->fit, pre.fit, err);
        while (rc == 0 && strcmp(xr_interp_names[run->fit.interp], pre.interpolation)) {
            if (++run->fit.interp == XR_N_INTERP)
                rc = xr_fail(err, "unknown interpolation '%s'", pre.interpolation);
        }
        if (rc) { /* not the command line's fault */
            xr_fail_in(err, "%s", path);
            err->usage = 0;
        }
    }
    xr_model_close(&model);
    return rc;
}

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
    run->at = run->reader ? 0 : run->shard;
    run->epoch = 1;
    if (run->reader)
        return 0;
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
}

size_t xr_prepare_records(const struct xr_prepare *run)
{
    size_t n = run->films->n;

    return n / run->n_shards + (run->shard < n % run->n_shards);
}

void xr_prepare_like_stream(struct xr_prepare *run, bool size, bool channels)
{
    const struct xr_stream_header *h = xr_reader_header(run->reader);

    if (size && h->height && h->width) {
        run->fit.height = h->height;
        run->fit.width = h->width;
    }
    if (channels && h->channels)
        run->color = h->channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
}

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
    if (run->reader) {
        if (xr_stream_header_copy(h, xr_reader_header(run->reader), err))
            return -1;
        if (!h->json || run->n_shards > 1) /* a shard counts through the epochs */
            h->records_per_epoch = -1;
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
    cJSON *sampling, *transforms, *chain = run->chain ? xr_chain_json(run->chain) : NULL;
    cJSON *before = cJSON_DetachItemFromObjectCaseSensitive(json, "sampling");
    char shard[48];

    sampling = cJSON_AddObjectToObject(json, "sampling");
    cJSON_AddStringToObject(sampling, "order",
                            run->reader    ? "stream"
                            : run->quota   ? "balanced"
                            : run->shuffle ? "permutation"
                                           : "table");
    if (!run->reader)
        cJSON_AddNumberToObject(sampling, "unlabelled", (double)run->films->n_unlabelled);
    if (run->n_shards > 1) {
        snprintf(shard, sizeof shard, "%zu/%zu", run->shard + 1, run->n_shards);
        cJSON_AddStringToObject(sampling, "shard", shard);
    }
    header_balance(sampling, before, run);
    cJSON_Delete(before);
    transforms = cJSON_GetObjectItemCaseSensitive(json, "transforms");
    if (!cJSON_IsArray(transforms)) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, "transforms");
        transforms = cJSON_AddArrayToObject(json, "transforms");
    }
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
    if (!run->reader || h->height != run->fit.height || h->width != run->fit.width) {
        xr_fit_name(h->fit, &run->fit);
        snprintf(h->interpolation, sizeof h->interpolation, "%s",
                 xr_interp_names[run->fit.interp]);
    }
    if (!run->reader || run->split_given || !h->split[0])
        snprintf(h->split, sizeof h->split, "%s", run->split);
    h->height = run->fit.height;
    h->width = run->fit.width;
    h->channels = run->color == XR_COLOR_GRAY ? 1 : 3;
    h->dtype = XR_U8;
    h->transform_schema = XR_TRANSFORM_SCHEMA;
    h->json = h->json ? h->json : cJSON_CreateObject();
    header_json(h->json, run);
    return 0;
}

/* The name of a record's class; here, because the header may change with the next record.
 */
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
    int got;

    do {
        got = xr_reader_next(run->reader, &to->in, err);
        to->film = run->at++;
    } while (got == 1 && to->film % run->n_shards != run->shard);
    if (got == 1)
        name_label(&to->in, xr_reader_header(run->reader));
    return got;
}

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;

    if (run->reader)
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

cJSON *xr_prepare_source(const struct xr_image_info *info, const struct xr_image *image)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "format", info->format);
    cJSON_AddStringToObject(json, "mode", info->mode);
    cJSON_AddNumberToObject(json, "depth", info->stored_depth);
    cJSON_AddNumberToObject(json, "height", (double)image->height);
    cJSON_AddNumberToObject(json, "width", (double)image->width);
    cJSON_AddNumberToObject(json, "orientation", info->orientation);
    return json;
}

/* Bring an image to its final shape and 8 bits. */
static int shape(struct xr_image *image, const struct xr_fit *fit, struct xr_err *err)
{
    struct xr_image out;

    if (xr_fit_apply(&out, image, fit, err))
        return -1;
    xr_image_free(image);
    *image = out;
    return xr_to8(image, err);
}

/* An 8-bit image as an array; it takes the pixels over. */
static struct xr_array array_of(struct xr_image *image)
{
    struct xr_array array = {.dtype = XR_U8,
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

/* Decode a film of a table; key, label and the columns of its row go to the record. */
static int open_film(struct xr_opened *opened, struct xr_prepared *to,
                     const struct xr_prepare *run, struct xr_err *err)
{
    const struct xr_film *film = &run->films->films[to->film];
    struct xr_record *r = &to->record;
    char *key = xr_repeat_key(film->key, to->repeat, err);
    cJSON *row;

    if (!key || xr_films_read(&opened->image, &opened->mask, &to->info, run->films,
                              to->film, run->color, err)) {
        free(key);
        return -1;
    }
    opened->source = xr_prepare_source(&to->info, &opened->image);
    r->key = run->epochs > 1 ? xr_sprintf(err, "%04lld/%s", (long long)to->epoch, key)
                             : xr_strdup(key, err);
    free(key);
    r->label = film->label;
    r->meta = cJSON_CreateObject();
    cJSON_AddNumberToObject(r->meta, "epoch", (double)to->epoch);
    if (film->label >= 0)
        cJSON_AddStringToObject(r->meta, "label", run->films->classes[film->label]);
    if (run->quota)
        cJSON_AddNumberToObject(r->meta, "repeat", (double)to->repeat);
    row = xr_films_row(run->films, to->film);
    if (row)
        cJSON_AddItemToObject(r->meta, "row", row);
    return r->key ? 0 : -1;
}

/* The list in meta to which what is applied is added. */
static cJSON *applied_list(cJSON *meta)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(meta, "transforms");

    if (cJSON_IsArray(list))
        return list;
    cJSON_DeleteItemFromObjectCaseSensitive(meta, "transforms");
    return cJSON_AddArrayToObject(meta, "transforms");
}

static int finish_film(struct xr_opened *opened, struct xr_prepared *to,
                       const struct xr_prepare *run, struct xr_err *err)
{
    struct xr_image *image = &opened->image,
                    *mask = opened->mask.data ? &opened->mask : NULL;
    struct xr_fit mask_fit = run->fit;
    cJSON *list;
    /* an epoch's folder is no part of the film's name; its repeats are varied otherwise
     */
    const char *key = run->reader || run->epochs == 1 ? to->record.key
                                                      : strchr(to->record.key, '/') + 1;

    if (opened->source) {
        cJSON_DeleteItemFromObjectCaseSensitive(to->record.meta, "source");
        cJSON_AddItemToObject(to->record.meta, "source", opened->source);
        opened->source = NULL;
    }
    list = applied_list(to->record.meta);
    mask_fit.interp = XR_NEAREST;
    if (shape(image, &run->fit, err) || (mask && shape(mask, &mask_fit, err)))
        return -1;
    if (run->chain && xr_chain_apply(run->chain, image, mask, run->seed,
                                     (uint64_t)to->epoch, key, list, err))
        return -1;
    to->record.image = array_of(image);
    return mask ? put_mask(&to->record, mask, err) : 0;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    const struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;
    struct xr_opened opened = {0};
    int rc;

    xr_record_free(&to->record);
    memset(&to->info, 0, sizeof to->info);
    rc = run->reader ? xr_prepare_open_record(&opened, to, run, err)
                     : open_film(&opened, to, run, err);
    if (rc == 0)
        rc = finish_film(&opened, to, run, err);
    xr_image_free(&opened.image);
    xr_image_free(&opened.mask);
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
