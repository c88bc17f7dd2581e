/* Record streams (xr-stream(5)): headers, records and what readers and writers share. */
#include "stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "stream_json.h"
#include "text.h"

/* --- records
 * ----------------------------------------------------------------------------- */

void xr_record_free(struct xr_record *record)
{
    for (size_t i = 0; i < record->n_members; i++) {
        free(record->members[i].suffix);
        free(record->members[i].data);
    }
    free(record->members);
    free(record->key);
    xr_array_free(&record->image);
    cJSON_Delete(record->meta);
    memset(record, 0, sizeof *record);
    record->label = -1;
}

const struct xr_member *xr_record_member(const struct xr_record *record,
                                         const char *suffix)
{
    for (size_t i = 0; i < record->n_members; i++) {
        if (!strcmp(record->members[i].suffix, suffix))
            return &record->members[i];
    }
    return NULL;
}

int xr_record_put(struct xr_record *record, const char *suffix, void *data, size_t size,
                  struct xr_err *err)
{
    struct xr_member *members;

    for (size_t i = 0; i < record->n_members; i++) {
        if (!strcmp(record->members[i].suffix, suffix)) {
            free(record->members[i].data);
            record->members[i].data = data;
            record->members[i].size = size;
            return 0;
        }
    }
    members = realloc(record->members, (record->n_members + 1) * sizeof *members);
    if (members) {
        record->members = members;
        members[record->n_members].suffix = xr_strdup(suffix, err);
        members[record->n_members].data = data;
        members[record->n_members].size = size;
        if (members[record->n_members].suffix) {
            record->n_members++;
            return 0;
        }
    } else {
        xr_fail(err, "out of memory");
    }
    free(data);
    return -1;
}

int xr_record_array(struct xr_array *array, const struct xr_record *record,
                    const char *suffix, struct xr_err *err)
{
    const struct xr_member *member = xr_record_member(record, suffix);

    memset(array, 0, sizeof *array);
    if (!member)
        return 0;
    if (xr_npy_parse(array, member->data, member->size, err))
        return xr_fail_in(err, "'%s.%s'", record->key, suffix);
    return 1;
}

/* --- headers
 * -------------------------------------------------------------------------------- */

void xr_stream_header_free(struct xr_stream_header *header)
{
    for (size_t i = 0; i < header->n_classes; i++)
        free(header->classes[i]);
    free(header->classes);
    free(header->class_counts);
    cJSON_Delete(header->history);
    cJSON_Delete(header->json);
    memset(header, 0, sizeof *header);
}

int xr_stream_header_copy(struct xr_stream_header *to,
                          const struct xr_stream_header *from, struct xr_err *err)
{
    *to = *from;
    to->classes = NULL;
    to->class_counts = NULL;
    to->n_classes = 0;
    to->history = from->history ? cJSON_Duplicate(from->history, 1) : NULL;
    to->json = from->json ? cJSON_Duplicate(from->json, 1) : NULL;
    to->classes = xr_alloc_array(from->n_classes, sizeof *to->classes, err);
    if (!to->classes)
        goto fail;
    for (; to->n_classes < from->n_classes; to->n_classes++) {
        to->classes[to->n_classes] = xr_strdup(from->classes[to->n_classes], err);
        if (!to->classes[to->n_classes])
            goto fail;
    }
    if (from->class_counts) {
        to->class_counts = xr_alloc_array(from->n_classes, sizeof *to->class_counts, err);
        if (!to->class_counts)
            goto fail;
        memcpy(to->class_counts, from->class_counts,
               from->n_classes * sizeof *to->class_counts);
    }
    return 0;
fail:
    xr_stream_header_free(to);
    return -1;
}

/* Names this file writes itself; everything else in json passes through. */
static const char *const own_keys[] = {
    "format", "version", "transform_schema", "classes",           "image",       "split",
    "fold",   "epochs",  "history",          "records_per_epoch", "class_counts"};

cJSON *xr_header_to_json(const struct xr_stream_header *h)
{
    cJSON *json = cJSON_CreateObject(), *image, *array;
    const cJSON *item;

    cJSON_AddStringToObject(json, "format", "xr-stream");
    cJSON_AddNumberToObject(json, "version", XR_STREAM_VERSION);
    cJSON_AddNumberToObject(json, "transform_schema", (double)h->transform_schema);
    array = cJSON_AddArrayToObject(json, "classes");
    for (size_t i = 0; i < h->n_classes; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(h->classes[i]));
    image = cJSON_AddObjectToObject(json, "image");
    cJSON_AddNumberToObject(image, "height", (double)h->height);
    cJSON_AddNumberToObject(image, "width", (double)h->width);
    cJSON_AddNumberToObject(image, "channels", (double)h->channels);
    cJSON_AddStringToObject(image, "dtype", xr_dtype_name(h->dtype));
    cJSON_AddStringToObject(image, "fit", h->fit);
    cJSON_AddStringToObject(image, "interpolation", h->interpolation);
    cJSON_AddStringToObject(json, "split", h->split);
    if (h->fold >= 0)
        cJSON_AddNumberToObject(json, "fold", (double)h->fold);
    cJSON_AddNumberToObject(json, "epochs", (double)h->epochs);
    if (h->records_per_epoch >= 0)
        cJSON_AddNumberToObject(json, "records_per_epoch", (double)h->records_per_epoch);
    if (h->class_counts) {
        array = cJSON_AddArrayToObject(json, "class_counts");
        for (size_t i = 0; i < h->n_classes; i++)
            cJSON_AddItemToArray(array, cJSON_CreateNumber((double)h->class_counts[i]));
    }
    cJSON_ArrayForEach(item, h->json)
    {
        size_t i = 0;

        while (i < sizeof own_keys / sizeof *own_keys &&
               strcmp(own_keys[i], item->string))
            i++;
        if (i == sizeof own_keys / sizeof *own_keys)
            cJSON_AddItemToObject(json, item->string, cJSON_Duplicate(item, 1));
    }
    if (h->history)
        cJSON_AddItemToObject(json, "history", cJSON_Duplicate(h->history, 1));
    return json;
}

/* A whole number of a header in a range; `otherwise` where the key is absent. */
static int whole(int64_t *out, const cJSON *object, const char *key, double lo, double hi,
                 int64_t otherwise, struct xr_err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    double v = cJSON_IsNumber(item) ? item->valuedouble : (double)otherwise;

    if (item && (!cJSON_IsNumber(item) || !(v >= lo && v <= hi) || v != floor(v)))
        return xr_fail(err, "header: '%s' is not a whole number from %.0f to %.0f", key,
                       lo, hi);
    *out = (int64_t)v;
    return 0;
}

static int class_list(struct xr_stream_header *h, const cJSON *json, struct xr_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "classes"), *item;
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(json, "class_counts");
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

    if (n > XR_MAX_CLASSES)
        return xr_fail(err, "header: more than %d classes", XR_MAX_CLASSES);
    h->classes = xr_alloc_array((size_t)n, sizeof *h->classes, err);
    if (!h->classes)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || !xr_is_name(item->valuestring))
            return xr_fail(err, "header: a class without a usable name");
        for (size_t i = 0; i < h->n_classes; i++) {
            if (!strcmp(h->classes[i], item->valuestring))
                return xr_fail(err, "header: class '%s' stands twice", item->valuestring);
        }
        h->classes[h->n_classes] = xr_strdup(item->valuestring, err);
        if (!h->classes[h->n_classes])
            return -1;
        h->n_classes++;
    }
    if (!counts)
        return 0;
    if (!cJSON_IsArray(counts) || cJSON_GetArraySize(counts) != n)
        return xr_fail(err, "header: class_counts does not match classes");
    h->class_counts = xr_alloc_array((size_t)n, sizeof *h->class_counts, err);
    if (!h->class_counts)
        return -1;
    n = 0;
    cJSON_ArrayForEach(item, counts)
    {
        if (!cJSON_IsNumber(item) ||
            !(item->valuedouble >= 0 && item->valuedouble < 1e15))
            return xr_fail(err, "header: a class count is not a count");
        h->class_counts[n++] = (int64_t)item->valuedouble;
    }
    return 0;
}

int xr_header_from_json(struct xr_stream_header *h, cJSON *json, struct xr_err *err)
{
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(json, "image");
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(json, "history");
    const char *dtype = xr_json_text(image, "dtype", "uint8");
    int64_t version, height, width, channels;

    memset(h, 0, sizeof *h);
    h->json = json;
    if (strcmp(xr_json_text(json, "format", ""), "xr-stream"))
        return xr_fail(err, "header: not an xr-stream");
    if (whole(&version, json, "version", 1, 1e6, 0, err))
        return -1;
    if (version != XR_STREAM_VERSION)
        return xr_fail(err, "header: stream version %lld; this program reads version %d",
                       (long long)version, XR_STREAM_VERSION);
    if (whole(&height, image, "height", 1, 65500, 0, err) ||
        whole(&width, image, "width", 1, 65500, 0, err) ||
        whole(&channels, image, "channels", 1, 4, 1, err) ||
        whole(&h->fold, json, "fold", 0, 1e6, -1, err) ||
        whole(&h->epochs, json, "epochs", 1, 1e6, 1, err) ||
        whole(&h->records_per_epoch, json, "records_per_epoch", 0, 1e12, -1, err) ||
        whole(&h->transform_schema, json, "transform_schema", 0, 1e6, 0, err) ||
        class_list(h, json, err))
        return -1;
    if (!height || !width)
        return xr_fail(err, "header: no image size");
    h->dtype = !strcmp(dtype, "uint8")    ? XR_U8
               : !strcmp(dtype, "uint16") ? XR_U16
                                          : XR_F32;
    if (strcmp(dtype, xr_dtype_name(h->dtype)))
        return xr_fail(err, "header: images of type '%s'", dtype);
    h->height = (size_t)height;
    h->width = (size_t)width;
    h->channels = (size_t)channels;
    snprintf(h->fit, sizeof h->fit, "%s", xr_json_text(image, "fit", ""));
    snprintf(h->interpolation, sizeof h->interpolation, "%s",
             xr_json_text(image, "interpolation", ""));
    snprintf(h->split, sizeof h->split, "%s", xr_json_text(json, "split", ""));
    if (cJSON_IsArray(history))
        h->history = cJSON_Duplicate(history, 1);
    return 0;
}

int xr_header_agree(const struct xr_stream_header *a, const struct xr_stream_header *b,
                    struct xr_err *err)
{
    if (a->height != b->height || a->width != b->width || a->channels != b->channels ||
        a->dtype != b->dtype || strcmp(a->fit, b->fit))
        return xr_fail(
            err,
            "joined streams differ: images %zux%zux%zu %s %s, then %zux%zux%zu %s %s",
            a->height, a->width, a->channels, xr_dtype_name(a->dtype), a->fit, b->height,
            b->width, b->channels, xr_dtype_name(b->dtype), b->fit);
    if (a->n_classes != b->n_classes)
        return xr_fail(err, "joined streams differ: %zu classes, then %zu", a->n_classes,
                       b->n_classes);
    for (size_t i = 0; i < a->n_classes; i++) {
        if (strcmp(a->classes[i], b->classes[i]))
            return xr_fail(err, "joined streams differ: class %zu is '%s', then '%s'", i,
                           a->classes[i], b->classes[i]);
    }
    return 0;
}
