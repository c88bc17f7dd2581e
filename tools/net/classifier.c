/* A classifier to and from model files. */
#include "classifier.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

/* --- values
 * ---------------------------------------------------------------------------------- */

size_t xr_net_count(const struct xk_net *net)
{
    size_t n = 0;

    for (size_t i = 0; i < xk_net_n_params(net); i++)
        n += xk_net_param(net, i)->count;
    return n;
}

int xr_net_values(float *values, struct xk_net *net, struct xr_err *err)
{
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        if (xk_net_get(net, i, values, err))
            return -1;
        values += xk_net_param(net, i)->count;
    }
    return 0;
}

int xr_net_set_values(struct xk_net *net, const float *values, struct xr_err *err)
{
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        if (xk_net_set(net, i, values, err))
            return -1;
        values += xk_net_param(net, i)->count;
    }
    return 0;
}

int xr_net_tensors(struct xr_tensor **tensors, int64_t **counters,
                   const struct xk_net *net, float *values, struct xr_err *err)
{
    size_t n = xk_net_n_params(net);

    *tensors = xr_alloc_array(n, sizeof **tensors, err);
    *counters = xr_alloc_array(n, sizeof **counters, err);
    if (!*tensors || !*counters) {
        free(*tensors);
        free(*counters);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const struct xk_param *p = xk_net_param(net, i);
        struct xr_array *a = &(*tensors)[i].array;

        (*tensors)[i].name = p->name;
        a->dtype = p->counter ? XR_I64 : XR_F32;
        a->n_dims = p->n_dims;
        memcpy(a->shape, p->shape, (size_t)p->n_dims * sizeof *a->shape);
        (*counters)[i] = p->counter ? (int64_t)values[0] : 0;
        a->data = p->counter ? (void *)&(*counters)[i] : (void *)values;
        values += p->count;
    }
    return 0;
}

/* --- loading
 * ------------------------------------------------------------------------------------ */

static bool same_shape(const struct xk_param *p, const struct xr_array *a)
{
    if (p->counter)
        return xr_array_count(a) == 1;
    if (p->n_dims != a->n_dims)
        return false;
    for (int i = 0; i < p->n_dims; i++) {
        if (p->shape[i] != a->shape[i])
            return false;
    }
    return true;
}

/* A convolution over 3 channels, summed over them: what timm does for in_chans=1. */
static bool summed_shape(const struct xk_param *p, const struct xr_array *a)
{
    return p->n_dims == 4 && a->n_dims == 4 && p->shape[1] == 1 && a->shape[1] == 3 &&
           p->shape[0] == a->shape[0] && p->shape[2] == a->shape[2] &&
           p->shape[3] == a->shape[3];
}

static void sum_channels(float *dst, const float *src, size_t out, size_t kernel)
{
    for (size_t o = 0; o < out; o++) {
        for (size_t k = 0; k < kernel; k++)
            dst[o * kernel + k] = src[(3 * o + 0) * kernel + k] +
                                  src[(3 * o + 1) * kernel + k] +
                                  src[(3 * o + 2) * kernel + k];
    }
}

static int load_one(struct xk_net *net, size_t i, const struct xr_tensor *t, bool first,
                    struct xr_err *err)
{
    const struct xk_param *p = xk_net_param(net, i);
    size_t n = xr_array_count(&t->array);
    float *values;
    int rc = -1;

    /* float32 goes from the mapped file into the net without a copy in between */
    if (t->array.dtype == XR_F32 && same_shape(p, &t->array) &&
        (uintptr_t)t->array.data % sizeof(float) == 0)
        return xk_net_set(net, i, t->array.data, err);
    values = xr_alloc_array(n + p->count, sizeof *values, err);
    if (!values)
        return -1;
    if (xr_tensor_f32(values, t, err))
        goto done;
    if (same_shape(p, &t->array)) {
        rc = xk_net_set(net, i, values, err);
    } else if (first && summed_shape(p, &t->array)) {
        sum_channels(values + n, values, p->shape[0], p->shape[2] * p->shape[3]);
        rc = xk_net_set(net, i, values + n, err);
    } else {
        xr_fail(err, "tensor '%s' has another shape than %s needs", t->name,
                xk_net_arch(net)->name);
    }
done:
    free(values);
    return rc;
}

int xr_net_load(struct xk_net *net, const struct xr_model *model, bool new_head,
                struct xr_err *err)
{
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        const struct xr_tensor *t = xr_model_tensor(model, p->name);

        if ((p->head && new_head) || ((p->counter || p->map) && !t))
            continue;
        if (!t)
            return xr_fail(err, "%s: tensor '%s' of %s is missing", model->path, p->name,
                           xk_net_arch(net)->name);
        if (load_one(net, i, t, i == 0, err))
            return xr_fail_in(err, "%s", model->path);
    }
    return 0;
}

static int load_classes(struct xr_classifier *c, const struct xr_model *model,
                        struct xr_err *err)
{
    cJSON *list = xr_model_json(model, "classes");
    const cJSON *item;
    int n = cJSON_GetArraySize(list), rc = -1;

    if (!cJSON_IsArray(list) || n < 2 || n > XR_MAX_CLASSES) {
        xr_fail(err, "%s: no classes in its metadata: not a model of xr-train",
                model->path);
        goto done;
    }
    c->classes = xr_alloc_array((size_t)n, sizeof *c->classes, err);
    if (!c->classes)
        goto done;
    cJSON_ArrayForEach(item, list)
    {
        c->classes[c->n_classes] =
            xr_strdup(cJSON_IsString(item) ? item->valuestring : "", err);
        if (!c->classes[c->n_classes++])
            goto done;
    }
    rc = 0;
done:
    cJSON_Delete(list);
    return rc;
}

int xr_classifier_open(struct xr_classifier *c, const char *path,
                       const struct xr_run *run, struct xr_err *err)
{
    struct xr_model model;
    struct xk_spec spec = {.device = run->device,
                           .batch = run->batch,
                           .training = run->training,
                           .dtype = (enum xk_dtype)run->precision,
                           .n_threads = run->threads,
                           .tf32 = run->tf32,
                           .deterministic = run->deterministic,
                           .keep = run->keep};
    int rc = -1;

    memset(c, 0, sizeof *c);
    if (xr_model_open(&model, path, err))
        return -1;
    spec.arch = xr_json_text(model.meta, "architecture", NULL);
    if (!spec.arch) {
        xr_fail(err, "%s: no architecture in its metadata: not a model of xr-train",
                path);
        goto done;
    }
    if (xr_model_preprocess(&c->pre, &model, err) || load_classes(c, &model, err))
        goto done;
    c->history = xr_model_json(&model, "history");
    spec.n_classes = c->n_classes;
    spec.channels = c->pre.net_channels;
    spec.height = c->pre.height;
    spec.width = c->pre.width;
    if (xk_net_open(&c->net, &spec, err) || xr_net_load(c->net, &model, false, err))
        goto done;
    rc = 0;
done:
    xr_model_close(&model);
    if (rc)
        xr_classifier_close(c);
    return rc;
}

void xr_classifier_close(struct xr_classifier *c)
{
    xk_net_close(c->net);
    for (size_t i = 0; i < c->n_classes; i++)
        free(c->classes[i]);
    free(c->classes);
    cJSON_Delete(c->history);
    memset(c, 0, sizeof *c);
}

int xr_classifier_accepts(const struct xr_classifier *c, const struct xr_stream_header *h,
                          const char *name, struct xr_err *err)
{
    const struct xr_preprocess *pre = &c->pre;

    if (h->height != pre->height || h->width != pre->width)
        return xr_fail(
            err,
            "%s: images of %zux%zu; the model takes %zux%zu (xr-augment --like copies "
            "what a model takes)",
            name, h->height, h->width, pre->height, pre->width);
    if (h->channels != pre->channels)
        return xr_fail(err, "%s: images of %zu channels; the model takes %zu", name,
                       h->channels, pre->channels);
    if (strcmp(h->fit, pre->fit) || strcmp(h->interpolation, pre->interpolation))
        return xr_fail(
            err, "%s: images were fitted by '%s' and '%s'; the model takes '%s' and '%s'",
            name, h->fit, h->interpolation, pre->fit, pre->interpolation);
    if (h->n_classes && h->n_classes != c->n_classes)
        return xr_fail(err, "%s: %zu classes; the model has %zu", name, h->n_classes,
                       c->n_classes);
    for (size_t i = 0; i < h->n_classes; i++) {
        if (strcmp(h->classes[i], c->classes[i]))
            return xr_fail(err, "%s: class %zu is '%s'; the model's is '%s'", name, i,
                           h->classes[i], c->classes[i]);
    }
    return 0;
}
