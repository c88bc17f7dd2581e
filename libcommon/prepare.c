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

int xr_prepare_begin(struct xr_prepare *run, struct xr_err *err)
{
    run->order = xr_alloc_array(run->films->n, sizeof *run->order, err);
    if (!run->order)
        return -1;
    for (size_t i = 0; i < run->films->n; i++)
        run->order[i] = i;
    run->at = run->shard;
    run->epoch = 1;
    if (run->shuffle)
        xr_films_shuffle(run->order, run->films, run->seed, 1);
    return 0;
}

void xr_prepare_end(struct xr_prepare *run)
{
    free(run->order);
    run->order = NULL;
}

size_t xr_prepare_records(const struct xr_prepare *run)
{
    size_t n = run->films->n;

    return n / run->n_shards + (run->shard < n % run->n_shards);
}

int xr_prepare_header(struct xr_stream_header *h, const struct xr_prepare *run,
                      struct xr_err *err)
{
    const struct xr_films *f = run->films;
    cJSON *sampling;
    char shard[48];

    memset(h, 0, sizeof *h);
    h->height = run->fit.height;
    h->width = run->fit.width;
    h->channels = run->color == XR_COLOR_GRAY ? 1 : 3;
    h->dtype = XR_U8;
    xr_fit_name(h->fit, &run->fit);
    snprintf(h->interpolation, sizeof h->interpolation, "%s",
             xr_interp_names[run->fit.interp]);
    snprintf(h->split, sizeof h->split, "%s", run->split);
    h->fold = run->fold;
    h->epochs = run->epochs;
    h->records_per_epoch = (int64_t)xr_prepare_records(run);
    h->transform_schema = XR_TRANSFORM_SCHEMA;
    h->classes = xr_alloc_array(f->n_classes, sizeof *h->classes, err);
    h->class_counts = xr_alloc_array(f->n_classes, sizeof *h->class_counts, err);
    if (!h->classes || !h->class_counts)
        goto fail;
    for (; h->n_classes < f->n_classes; h->n_classes++) {
        h->classes[h->n_classes] = xr_strdup(f->classes[h->n_classes], err);
        h->class_counts[h->n_classes] = f->class_counts[h->n_classes];
        if (!h->classes[h->n_classes])
            goto fail;
    }
    h->json = cJSON_CreateObject();
    sampling = cJSON_AddObjectToObject(h->json, "sampling");
    cJSON_AddStringToObject(sampling, "order", run->shuffle ? "permutation" : "table");
    cJSON_AddNumberToObject(sampling, "unlabelled", (double)f->n_unlabelled);
    if (run->n_shards > 1) {
        snprintf(shard, sizeof shard, "%zu/%zu", run->shard + 1, run->n_shards);
        cJSON_AddStringToObject(sampling, "shard", shard);
    }
    cJSON_AddItemToObject(h->json, "transforms",
                          run->chain ? xr_chain_json(run->chain) : cJSON_CreateArray());
    return 0;
fail:
    xr_stream_header_free(h);
    return -1;
}

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;

    (void)err;
    while (run->at >= run->films->n) {
        if (run->epoch >= run->epochs || run->shard >= run->films->n)
            return 0;
        run->epoch++;
        run->at = run->shard;
        if (run->shuffle)
            xr_films_shuffle(run->order, run->films, run->seed, (uint64_t)run->epoch);
    }
    to->film = run->order[run->at];
    to->epoch = run->epoch;
    run->at += run->n_shards;
    return 1;
}

static cJSON *source_json(const struct xr_image_info *info, const struct xr_image *image)
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

static int fill_record(struct xr_prepared *to, const struct xr_prepare *run,
                       struct xr_image *image, struct xr_image *mask, cJSON **source,
                       cJSON **applied, struct xr_err *err)
{
    const struct xr_film *film = &run->films->films[to->film];
    struct xr_record *r = &to->record;
    cJSON *row = xr_films_row(run->films, to->film);

    r->key = run->epochs > 1
                 ? xr_sprintf(err, "%04lld/%s", (long long)to->epoch, film->key)
                 : xr_strdup(film->key, err);
    r->label = film->label;
    r->meta = cJSON_CreateObject();
    cJSON_AddNumberToObject(r->meta, "epoch", (double)to->epoch);
    if (film->label >= 0)
        cJSON_AddStringToObject(r->meta, "label", run->films->classes[film->label]);
    if (row)
        cJSON_AddItemToObject(r->meta, "row", row);
    cJSON_AddItemToObject(r->meta, "source", *source);
    cJSON_AddItemToObject(r->meta, "transforms", *applied);
    *source = *applied = NULL;
    r->image = array_of(image);
    if (!r->key)
        return -1;
    return mask->data ? put_mask(r, mask, err) : 0;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    const struct xr_prepare *run = shared;
    struct xr_prepared *to = slot;
    struct xr_fit mask_fit = run->fit;
    struct xr_image image = {0}, mask = {0};
    cJSON *source = NULL, *applied = NULL;
    int rc = -1;

    xr_record_free(&to->record);
    mask_fit.interp = XR_NEAREST;
    if (xr_films_read(&image, &mask, &to->info, run->films, to->film, run->color, err))
        return -1;
    source = source_json(&to->info, &image);
    applied = cJSON_CreateArray();
    if (shape(&image, &run->fit, err) == 0 &&
        (!mask.data || shape(&mask, &mask_fit, err) == 0) &&
        (!run->chain ||
         xr_chain_apply(run->chain, &image, mask.data ? &mask : NULL, run->seed,
                        (uint64_t)to->epoch, run->films->films[to->film].key, applied,
                        err) == 0))
        rc = fill_record(to, run, &image, &mask, &source, &applied, err);
    xr_image_free(&image);
    xr_image_free(&mask);
    cJSON_Delete(source);
    cJSON_Delete(applied);
    return rc;
}

static void clear(void *slot)
{
    struct xr_prepared *p = slot;

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
