/* Safetensors files: mapped and checked whole when read, written in the order given. */
#include "model.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

#define HEADER_MAX ((uint64_t)100 << 20)
#define MAX_TENSORS 100000

struct xr_model_map {
    unsigned char *data;
    size_t size;
    cJSON *header; /* owns the names */
};

static const struct {
    const char *name;
    enum xr_dtype dtype;
} types[] = {
    {"F32", XR_F32}, {"F16", XR_F16}, {"BF16", XR_BF16},
    {"F64", XR_F64}, {"I64", XR_I64}, {"I32", XR_I32},
    {"U8", XR_U8},   {"U16", XR_U16}, {"BOOL", XR_BOOL},
};

/* --- reading
 * --------------------------------------------------------------------------------- */

/* A whole number that a double holds exactly, from an array of JSON. */
static int whole(size_t *out, const cJSON *item)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 9e15) ||
        item->valuedouble != floor(item->valuedouble))
        return -1;
    *out = (size_t)item->valuedouble;
    return 0;
}

static int one_tensor(struct xr_tensor *t, const cJSON *item, size_t *end,
                      const struct xr_model_map *map, size_t base, struct xr_err *err)
{
    const char *dtype = xr_json_text(item, "dtype", "");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape"), *dim;
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    size_t i = 0, from, to;

    t->name = item->string;
    while (i < sizeof types / sizeof *types && strcmp(types[i].name, dtype))
        i++;
    if (i == sizeof types / sizeof *types)
        return xr_fail(err, "tensor '%s': type '%s' is not supported", t->name, dtype);
    t->array.dtype = types[i].dtype;
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > XR_MAX_DIMS)
        return xr_fail(err, "tensor '%s': no shape, or more than %d dimensions", t->name,
                       XR_MAX_DIMS);
    cJSON_ArrayForEach(dim, shape)
    {
        if (whole(&t->array.shape[t->array.n_dims++], dim))
            return xr_fail(err, "tensor '%s': a bad shape", t->name);
    }
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        whole(&from, cJSON_GetArrayItem(offsets, 0)) ||
        whole(&to, cJSON_GetArrayItem(offsets, 1)) || to < from ||
        to > map->size - base || to - from != xr_array_bytes(&t->array))
        return xr_fail(err, "tensor '%s': its offsets do not match its shape or the file",
                       t->name);
    *end = to;
    t->array.data = map->data + base + from;
    return 0;
}

static int by_data(const void *a, const void *b)
{
    const struct xr_tensor *x = a, *y = b;

    if (x->array.data != y->array.data)
        return (const char *)x->array.data < (const char *)y->array.data ? -1 : 1;
    return xr_array_bytes(&x->array) < xr_array_bytes(&y->array)
               ? -1
               : xr_array_bytes(&x->array) > xr_array_bytes(&y->array);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No holes, no overlaps, no name twice: what the format demands of a whole file. */
static int check_layout(const struct xr_model *model, const unsigned char *base,
                        size_t size, struct xr_err *err)
{
    size_t n = model->n_tensors;
    struct xr_tensor *sorted = xr_alloc_array(n, sizeof *sorted, err);
    const char **names = xr_alloc_array(n, sizeof *names, err);
    const unsigned char *at = base;
    int rc = -1;

    if (!sorted || !names)
        goto done;
    memcpy(sorted, model->tensors, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_data);
    for (size_t i = 0; i < n; i++) {
        names[i] = model->tensors[i].name;
        if ((const unsigned char *)sorted[i].array.data != at) {
            xr_fail(err, "tensor '%s': overlaps another or leaves a hole",
                    sorted[i].name);
            goto done;
        }
        at += xr_array_bytes(&sorted[i].array);
    }
    if (at != base + size) {
        xr_fail(err, "%zu bytes behind the last tensor", (size_t)(base + size - at));
        goto done;
    }
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 1; i < n; i++) {
        if (!strcmp(names[i], names[i - 1])) {
            xr_fail(err, "tensor '%s' stands twice", names[i]);
            goto done;
        }
    }
    rc = 0;
done:
    free(sorted);
    free(names);
    return rc;
}

static int parse(struct xr_model *model, struct xr_err *err)
{
    struct xr_model_map *map = model->map;
    const cJSON *item;
    uint64_t length = 0;
    size_t base, n = 0, end;

    if (map->size >= 4 &&
        (!memcmp(map->data, "PK\3\4", 4) ||
         (map->size > 8 && map->data[0] == 0x80 && map->data[8] != '{')))
        return xr_fail(
            err,
            "a PyTorch pickle (.pth, .pt, .bin, .ckpt), not safetensors; convert it: "
            "python3 -c 'import sys, torch, safetensors.torch as s; "
            "m = torch.load(sys.argv[1], \"cpu\", weights_only=True); "
            "m = m.get(\"state_dict\", m); "
            "s.save_file({k: v.clone().contiguous() for k, v in m.items()}, "
            "sys.argv[2])' "
            "OLD NEW.safetensors");
    if (map->size < 10)
        return xr_fail(err, "%s",
                       map->size ? "not a safetensors file: too short"
                                 : "empty input: did the previous command fail?");
    for (int i = 7; i >= 0; i--)
        length = length << 8 | map->data[i];
    if (length > HEADER_MAX || length > map->size - 8 || map->data[8] != '{')
        return xr_fail(err, "not a safetensors file, or cut in its header");
    base = 8 + (size_t)length;
    map->header = xr_json_parse((char *)map->data + 8, (size_t)length, "its header", err);
    if (!map->header)
        return -1;
    cJSON_ArrayForEach(item, map->header) n++;
    if (n > MAX_TENSORS)
        return xr_fail(err, "more than %d tensors", MAX_TENSORS);
    model->tensors = xr_alloc_array(n, sizeof *model->tensors, err);
    if (!model->tensors)
        return -1;
    cJSON_ArrayForEach(item, map->header)
    {
        if (!strcmp(item->string, "__metadata__")) {
            const cJSON *value;

            cJSON_ArrayForEach(value, item)
            {
                if (!cJSON_IsString(value))
                    return xr_fail(err, "metadata '%s' is not a text", value->string);
            }
            if (model->meta || !cJSON_IsObject(item))
                return xr_fail(err, "bad metadata");
            model->meta = cJSON_Duplicate(item, 1);
        } else if (one_tensor(&model->tensors[model->n_tensors], item, &end, map, base,
                              err)) {
            return -1;
        } else {
            model->n_tensors++;
        }
    }
    if (!model->meta && !(model->meta = cJSON_CreateObject()))
        return xr_fail(err, "out of memory");
    return check_layout(model, map->data + base, map->size - base, err);
}

int xr_model_open(struct xr_model *model, const char *path, struct xr_err *err)
{
    struct stat st;
    int fd, rc = -1;

    memset(model, 0, sizeof *model);
    model->path = path;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return xr_fail_errno(err, "%s: cannot open", path);
    model->map = xr_alloc_array(1, sizeof *model->map, err);
    if (!model->map)
        goto done;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        xr_fail(err, "%s: a model is read from a plain file", path);
        goto done;
    }
    if (st.st_size > 0) {
        model->map->data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (model->map->data == MAP_FAILED) {
            model->map->data = NULL;
            xr_fail_errno(err, "%s: cannot map", path);
            goto done;
        }
        model->map->size = (size_t)st.st_size;
    }
    rc = parse(model, err);
    if (rc)
        xr_fail_in(err, "%s", path);
done:
    close(fd);
    if (rc)
        xr_model_close(model);
    return rc;
}

const struct xr_tensor *xr_model_tensor(const struct xr_model *model, const char *name)
{
    for (size_t i = 0; i < model->n_tensors; i++) {
        if (!strcmp(model->tensors[i].name, name))
            return &model->tensors[i];
    }
    return NULL;
}

cJSON *xr_model_json(const struct xr_model *model, const char *key)
{
    const char *text = xr_json_text(model->meta, key, NULL);

    return text ? cJSON_Parse(text) : NULL;
}

int xr_model_digest(struct xr_model *model, struct xr_err *err)
{
    struct xr_sha256 *sha = xr_sha256_new(err);

    if (!sha)
        return -1;
    xr_sha256_add(sha, model->map->data, model->map->size);
    xr_sha256_text(sha, model->digest);
    xr_sha256_free(sha);
    return 0;
}

void xr_model_close(struct xr_model *model)
{
    if (model->map && model->map->data)
        munmap(model->map->data, model->map->size);
    if (model->map)
        cJSON_Delete(model->map->header);
    free(model->map);
    free(model->tensors);
    cJSON_Delete(model->meta);
    memset(model, 0, sizeof *model);
}

/* --- values
 * -------------------------------------------------------------------------------------
 */

static float half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    float v = exponent == 0    ? ldexpf((float)mantissa, -24)
              : exponent == 31 ? (mantissa ? NAN : INFINITY)
                               : ldexpf((float)(mantissa + 1024), exponent - 25);

    return h & 0x8000 ? -v : v;
}

int xr_tensor_f32(float *dst, const struct xr_tensor *tensor, struct xr_err *err)
{
    const unsigned char *p = tensor->array.data;
    size_t n = xr_array_count(&tensor->array);

    /* the data of a file need not be aligned: every value is copied out */
#define EACH(type, expression)                                                           \
    for (size_t i = 0; i < n; i++) {                                                     \
        type v;                                                                          \
        memcpy(&v, p + i * sizeof v, sizeof v);                                          \
        dst[i] = (expression);                                                           \
    }
    switch (tensor->array.dtype) {
    case XR_F32:
        memcpy(dst, p, n * sizeof *dst);
        return 0;
    case XR_F64:
        EACH(double, (float)v)
        return 0;
    case XR_F16:
        EACH(uint16_t, half(v))
        return 0;
    case XR_BF16:
        for (size_t i = 0; i < n; i++) {
            uint16_t v;
            uint32_t bits;

            memcpy(&v, p + i * sizeof v, sizeof v);
            bits = (uint32_t)v << 16;
            memcpy(&dst[i], &bits, sizeof bits);
        }
        return 0;
    case XR_I64:
        EACH(int64_t, (float)v)
        return 0;
    case XR_I32:
        EACH(int32_t, (float)v)
        return 0;
    default:
        return xr_fail(err, "tensor '%s': values of %s cannot be weights", tensor->name,
                       xr_dtype_name(tensor->array.dtype));
    }
#undef EACH
}

/* --- writing
 * -------------------------------------------------------------------------------------
 */

static int put_meta(cJSON *to, const cJSON *meta, struct xr_err *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, meta)
    {
        struct xr_buf text = {0};

        if (cJSON_IsString(item)) {
            cJSON_AddStringToObject(to, item->string, item->valuestring);
            continue;
        }
        if (xr_json_line(&text, item, err))
            return -1;
        cJSON_AddStringToObject(to, item->string, text.data);
        xr_buf_free(&text);
    }
    return 0;
}

int xr_model_write(struct xr_out *out, const struct xr_tensor *tensors, size_t n_tensors,
                   const cJSON *meta, struct xr_err *err)
{
    cJSON *header = cJSON_CreateObject(),
          *to = cJSON_AddObjectToObject(header, "__metadata__");
    struct xr_buf text = {0};
    unsigned char length[8];
    size_t at = 0;
    int rc = -1;

    if (!to || put_meta(to, meta, err))
        goto done;
    for (size_t i = 0; i < n_tensors; i++) {
        const struct xr_array *a = &tensors[i].array;
        cJSON *item = cJSON_AddObjectToObject(header, tensors[i].name), *list;
        size_t k = 0, bytes = xr_array_bytes(a);

        while (types[k].dtype != a->dtype)
            k++;
        cJSON_AddStringToObject(item, "dtype", types[k].name);
        list = cJSON_AddArrayToObject(item, "shape");
        for (int d = 0; d < a->n_dims; d++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)a->shape[d]));
        list = cJSON_AddArrayToObject(item, "data_offsets");
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)at));
        at += bytes;
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)at));
    }
    if (xr_json_line(&text, header, err))
        goto done;
    while (text.size % 8) { /* so that the data begin aligned */
        if (xr_buf_text(&text, " ", err))
            goto done;
    }
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)text.size >> 8 * i);
    rc =
        xr_out_write(out, length, 8, err) || xr_out_write(out, text.data, text.size, err);
    for (size_t i = 0; !rc && i < n_tensors; i++)
        rc = xr_out_write(out, tensors[i].array.data, xr_array_bytes(&tensors[i].array),
                          err);
done:
    cJSON_Delete(header);
    xr_buf_free(&text);
    return rc ? -1 : 0;
}

/* --- preprocessing
 * --------------------------------------------------------------------------------- */

int xr_model_preprocess(struct xr_preprocess *pre, const struct xr_model *model,
                        struct xr_err *err)
{
    cJSON *json = xr_model_json(model, "preprocessing");
    const cJSON *mean = cJSON_GetObjectItemCaseSensitive(json, "mean");
    const cJSON *std = cJSON_GetObjectItemCaseSensitive(json, "std");
    double h = xr_json_number(json, "height", 0), w = xr_json_number(json, "width", 0),
           c = xr_json_number(json, "channels", 0);
    int rc = -1, n = cJSON_GetArraySize(mean);

    memset(pre, 0, sizeof *pre);
    if (!json) {
        xr_fail(err, "%s: no preprocessing in its metadata: not a model of xr-train",
                model->path);
        goto done;
    }
    if (!(h >= 1 && h <= 65500 && w >= 1 && w <= 65500 && c >= 1 && c <= 4) || n < 1 ||
        n > 4 || cJSON_GetArraySize(std) != n || (c > 1 && c != n)) {
        xr_fail(err, "%s: bad preprocessing in its metadata", model->path);
        goto done;
    }
    pre->height = (size_t)h;
    pre->width = (size_t)w;
    pre->channels = (size_t)c;
    pre->net_channels = (size_t)n;
    for (int i = 0; i < n; i++) {
        pre->mean[i] = (float)cJSON_GetArrayItem(mean, i)->valuedouble;
        pre->std[i] = (float)cJSON_GetArrayItem(std, i)->valuedouble;
        if (!isfinite(pre->mean[i]) || !(pre->std[i] > 0)) {
            xr_fail(err, "%s: bad mean or std in its metadata", model->path);
            goto done;
        }
    }
    snprintf(pre->interpolation, sizeof pre->interpolation, "%s",
             xr_json_text(json, "interpolation", "bicubic"));
    snprintf(pre->fit, sizeof pre->fit, "%s", xr_json_text(json, "fit", "squash"));
    rc = 0;
done:
    cJSON_Delete(json);
    return rc;
}

/* A float as the shortest decimal that reads back to it. */
static double shortest(float v)
{
    char text[32];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return strtod(text, NULL);
}

cJSON *xr_preprocess_json(const struct xr_preprocess *pre)
{
    cJSON *json = cJSON_CreateObject(), *mean, *std;

    cJSON_AddNumberToObject(json, "height", (double)pre->height);
    cJSON_AddNumberToObject(json, "width", (double)pre->width);
    cJSON_AddNumberToObject(json, "channels", (double)pre->channels);
    mean = cJSON_AddArrayToObject(json, "mean");
    std = cJSON_AddArrayToObject(json, "std");
    for (size_t i = 0; i < pre->net_channels; i++) {
        cJSON_AddItemToArray(mean, cJSON_CreateNumber(shortest(pre->mean[i])));
        cJSON_AddItemToArray(std, cJSON_CreateNumber(shortest(pre->std[i])));
    }
    cJSON_AddStringToObject(json, "interpolation", pre->interpolation);
    cJSON_AddStringToObject(json, "fit", pre->fit);
    return json;
}
