/* A training run made ready: settings, data, net, optimiser. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "certificate.h"
#include "devices.h"
#include "json.h"
#include "trainer_state.h"

/* Was the stream made from the split that the certificate is of? */
static int certified(const struct xr_trainer *t, const char *stream,
                     const struct xr_stream_header *h, const char *want, cJSON *inputs,
                     struct xr_err *err)
{
    if (!t->set->certificate)
        return 0;
    return xr_certificate_stream(t->set->certificate, stream, h->history, h->split, want,
                                 inputs, err);
}

/* The validation set, read whole once: it must be there, complete, labelled, and fit. */
static int check_val(struct xr_trainer *t, cJSON *inputs, struct xr_err *err)
{
    struct xr_reader *reader = NULL;
    struct xr_record r = {0};
    char digest[XR_SHA256_TEXT];
    struct stat st;
    int got;

    if (!t->set->val)
        return 0;
    if (stat(t->set->val, &st))
        return xr_fail_errno(err, "%s: cannot open", t->set->val);
    if (!S_ISREG(st.st_mode))
        return xr_fail(err, "%s: a validation set is read once an epoch: not from a pipe",
                       t->set->val);
    if (xr_reader_open(&reader, t->set->val, false, err))
        return -1;
    got = xr_classifier_accepts(&t->c, xr_reader_header(reader), t->set->val, err);
    if (!got)
        got = certified(t, t->set->val, xr_reader_header(reader), "val", inputs, err);
    if (!got && !xr_reader_header(reader)->n_classes)
        got = xr_fail(err, "%s: a validation set without classes", t->set->val);
    while (got == 0 && (got = xr_reader_next(reader, &r, err)) > 0) {
        got = r.label < 0
                  ? xr_fail(err, "%s: record '%s' has no label", t->set->val, r.key)
                  : 0;
        if (got)
            break;
        got = 0;
        continue;
    }
    xr_reader_digest(reader, digest);
    if (!got && !xr_reader_records(reader))
        got = xr_fail(err, "%s: no records", t->set->val);
    if (!got)
        cJSON_AddStringToObject(inputs, xr_last_part(t->set->val), digest);
    if (!got)
        xr_batch_warn(t->cli, reader, t->set->val);
    xr_record_free(&r);
    xr_reader_close(reader);
    return got ? -1 : 0;
}

/* Is the head of an initial model the one wanted here: as many classes, and the same if
 * it says? */
static bool same_head(const struct xr_trainer *t, const struct xr_model *model)
{
    cJSON *list = xr_model_json(model, "classes");
    bool same = true;

    for (size_t i = 0; i < xk_net_n_params(t->c.net); i++) {
        const struct xk_param *p = xk_net_param(t->c.net, i);
        const struct xr_tensor *tensor = p->head ? xr_model_tensor(model, p->name) : NULL;

        if (p->head && (!tensor || tensor->array.shape[0] != p->shape[0]))
            same = false;
    }
    for (int i = 0; same && list && i < cJSON_GetArraySize(list); i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);

        same = cJSON_IsString(item) && !strcmp(item->valuestring, t->c.classes[i]);
    }
    cJSON_Delete(list);
    return same;
}

/* A model of xr-train brings its own mean and deviation. */
static void take_normalisation(struct xr_trainer *t, const struct xr_model *model)
{
    struct xr_preprocess pre;

    if (!xr_model_preprocess(&pre, model, NULL) &&
        pre.net_channels == t->c.pre.net_channels) {
        memcpy(t->c.pre.mean, pre.mean, sizeof pre.mean);
        memcpy(t->c.pre.std, pre.std, sizeof pre.std);
    }
}

/* A new classifier that prefers no class. */
static int zero_head(struct xk_net *net, struct xr_err *err)
{
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *zeros;
        int rc;

        if (!p->head)
            continue;
        zeros = xr_alloc_array(p->count, sizeof *zeros, err);
        if (!zeros)
            return -1;
        rc = xk_net_set(net, i, zeros, err);
        free(zeros);
        if (rc)
            return -1;
    }
    return 0;
}

static int load_init(struct xr_trainer *t, cJSON *inputs, struct xr_err *err)
{
    struct xr_model model;
    const char *arch;
    int rc = -1;

    if (t->set->head_init && zero_head(t->c.net, err))
        return -1;
    if (!t->set->init)
        return 0;
    if (xr_model_open(&model, t->set->init, err))
        return -1;
    arch = xr_json_text(model.meta, "architecture", t->set->model);
    if (strcmp(arch, t->set->model)) {
        xr_fail(err, "%s: a model of %s, not of %s", t->set->init, arch, t->set->model);
        goto done;
    }
    if (xr_model_digest(&model, err) ||
        xr_net_load(t->c.net, &model, !same_head(t, &model), err))
        goto done;
    take_normalisation(t, &model);
    cJSON_AddStringToObject(inputs, xr_last_part(t->set->init), model.digest);
    rc = 0;
done:
    xr_model_close(&model);
    return rc;
}

static int open_net(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_stream_header *h = &t->header;
    const struct xr_train *set = t->set;
    struct xr_stream_header from = {.classes = h->classes, .n_classes = h->n_classes},
                            classes;
    struct xk_spec spec = {.arch = set->model,
                           .device = t->cli->device,
                           .tf32 = t->cli->tf32,
                           .deterministic = t->cli->deterministic,
                           .n_classes = h->n_classes,
                           .height = h->height,
                           .width = h->width,
                           .batch = (size_t)set->batch,
                           .training = true,
                           .dtype = (enum xk_dtype)set->precision,
                           .n_threads = (int)t->cli->jobs,
                           .drop_rate = (float)set->drop,
                           .drop_path_rate = (float)set->drop_path,
                           .map = set->mask_loss > 0};
    struct xr_preprocess *pre = &t->c.pre;
    const struct xk_arch *arch;

    spec.channels = set->channels ? (size_t)set->channels : 3;
    if (h->channels > 1 && h->channels != spec.channels)
        return xr_fail(err, "images of %zu channels for a network of %zu", h->channels,
                       spec.channels);
    if (xk_net_open(&t->c.net, &spec, err) ||
        xk_net_init(t->c.net, (uint64_t)t->cli->seed, err))
        return -1;
    xr_device_say(t->cli, t->c.net);
    arch = xk_net_arch(t->c.net);
    *pre = (struct xr_preprocess){.height = h->height,
                                  .width = h->width,
                                  .channels = h->channels,
                                  .net_channels = spec.channels};
    for (size_t i = 0; i < spec.channels; i++) {
        /* one channel: the mean of the colours' */
        pre->mean[i] = spec.channels == 3
                           ? arch->mean[i]
                           : (arch->mean[0] + arch->mean[1] + arch->mean[2]) / 3;
        pre->std[i] = spec.channels == 3
                          ? arch->std[i]
                          : (arch->std[0] + arch->std[1] + arch->std[2]) / 3;
    }
    memcpy(pre->fit, h->fit, sizeof pre->fit);
    memcpy(pre->interpolation, h->interpolation, sizeof pre->interpolation);
    if (xr_stream_header_copy(&classes, &from, err))
        return -1;
    t->c.classes = classes.classes; /* its other members are empty */
    t->c.n_classes = classes.n_classes;
    return 0;
}

/* What the model file says of its training, and what a checkpoint is compared by. */
static cJSON *training_json(const struct xr_trainer *t, const struct xk_optim_spec *optim)
{
    const struct xr_stream_header *h = &t->header;
    cJSON *json = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(json, "version", XR_VERSION);
    cJSON_AddItemToObject(json, "arguments", cJSON_Duplicate(t->cli->arguments, 1));
    cJSON_AddNumberToObject(json, "seed", (double)t->cli->seed);
    cJSON_AddNumberToObject(json, "batch", (double)t->set->batch);
    cJSON_AddNumberToObject(json, "epochs", (double)h->epochs);
    cJSON_AddNumberToObject(json, "records_per_epoch", (double)h->records_per_epoch);
    /* what was not given is the optimiser's own, and may be another one day */
    cJSON_AddStringToObject(json, "optimizer", xk_optim_row(optim->kind)->name);
    cJSON_AddNumberToObject(json, "lr", t->schedule.base);
    cJSON_AddNumberToObject(json, "weight_decay", optim->decay);
    if (h->class_counts) {
        list = cJSON_AddArrayToObject(json, "class_counts");
        for (size_t i = 0; i < h->n_classes; i++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)h->class_counts[i]));
    }
    if (t->weights) {
        list = cJSON_AddArrayToObject(json, "class_weights");
        for (size_t i = 0; i < h->n_classes; i++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber(t->weights[i]));
    }
    cJSON_AddNumberToObject(json, "threads",
                            (double)(t->cli->jobs ? t->cli->jobs : xr_cpus()));
    return json;
}

static void set_history(struct xr_trainer *t, const cJSON *inputs)
{
    cJSON *entry = xr_cli_history(t->cli, inputs->child ? inputs : NULL);

    t->c.history =
        t->header.history ? cJSON_Duplicate(t->header.history, 1) : cJSON_CreateArray();
    if (!entry)
        return;
    cJSON_AddNumberToObject(entry, "seed", (double)t->cli->seed);
    cJSON_AddNumberToObject(entry, "threads",
                            (double)(t->cli->jobs ? t->cli->jobs : xr_cpus()));
    cJSON_AddItemToArray(t->c.history, entry);
}

static int check_stream(const struct xr_trainer *t, const char *input, struct xr_err *err)
{
    const struct xr_stream_header *h = &t->header;
    const char *name = xr_input_name(input);

    if (h->n_classes < 2)
        return xr_fail(err,
                       "%s: a training stream needs two classes or more, this has %zu",
                       name, h->n_classes);
    if (h->records_per_epoch < 1)
        return xr_fail(err, "%s: %s", name,
                       h->records_per_epoch
                           ? "the header does not say how many records an epoch has"
                           : "no records to train on");
    if (strcmp(h->split, "train") && strcmp(h->split, "all") && *h->split)
        xr_cli_warn(t->cli, "%s: training on the split '%s'", name, h->split);
    return 0;
}

/* Where the head alone is trained from beginning to end, on images as they are. */
static int open_features(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_train *set = t->set;

    if (set->freeze_epochs < t->header.epochs || t->mixed ||
        !xk_net_features_fixed(t->c.net))
        return 0;
    return xr_features_open(&t->features, t->c.net, t->header.n_classes,
                            (size_t)set->batch, (size_t)set->feature_cache << 20, err);
}

int xr_trainer_open(struct xr_trainer *t, const char *input, struct xr_err *err)
{
    const struct xr_train *set = t->set;
    struct xk_optim_spec optim = xr_recipe_optim(set);
    cJSON *inputs = cJSON_CreateObject();
    size_t k, room = (size_t)set->batch;
    int rc = -1;

    t->monitored = set->val || set->monitor;
    if (xr_recipe_check(set, err) ||
        xr_monitor_parse(&t->monitor, set->monitor ? set->monitor : "auc",
                         set->val != NULL, err) ||
        xr_reader_open(&t->in, input, false, err) ||
        xr_stream_header_copy(&t->header, xr_reader_header(t->in), err) ||
        check_stream(t, input, err) ||
        certified(t, xr_input_name(input), &t->header, "train", inputs, err) ||
        xr_recipe_loss(t, err) || xr_recipe_schedule(t, err) || open_net(t, err) ||
        load_init(t, inputs, err) || check_val(t, inputs, err) ||
        xk_optim_open(&t->optim, t->c.net, &optim, err) ||
        xr_batch_open(&t->batch, &t->header, room, err))
        goto done;
    k = t->scores.k = t->header.n_classes;
    t->logits = xr_alloc_array(room * k, sizeof *t->logits, err);
    t->d_logits = xr_alloc_array(room * k, sizeof *t->d_logits, err);
    t->labels = xr_alloc_array(room, sizeof *t->labels, err);
    t->mix = xr_recipe_mix(set);
    if (t->mix.mixup > 0 || t->mix.cutmix > 0)
        t->mixed = xr_alloc_array(room * t->c.pre.net_channels * t->header.height,
                                  t->header.width * sizeof *t->mixed, err);
    t->values = xr_alloc_array(xr_net_count(t->c.net), sizeof *t->values, err);
    t->best_values = xr_alloc_array(xr_net_count(t->c.net), sizeof *t->best_values, err);
    t->seen = xr_sha256_new(err);
    if (!t->logits || !t->d_logits || !t->labels ||
        ((t->mix.mixup > 0 || t->mix.cutmix > 0) && !t->mixed) || !t->values ||
        !t->best_values || !t->seen)
        goto done;
    if (set->mask_loss > 0 && xr_map_head_open(&t->map, t->c.net, set->mask_loss, room,
                                               t->header.height, t->header.width, err))
        goto done;
    if (open_features(t, err))
        goto done;
    t->training = training_json(t, &optim);
    set_history(t, inputs);
    rc = 0;
done:
    cJSON_Delete(inputs);
    return rc;
}

void xr_trainer_close(struct xr_trainer *t)
{
    xr_features_close(t->features);
    xr_map_head_close(&t->map);
    xk_optim_close(t->optim);
    xr_device_say_peak(t->cli, t->c.net);
    xr_classifier_close(&t->c);
    xr_reader_close(t->in);
    xr_stream_header_free(&t->header);
    xr_batch_close(&t->batch);
    xr_scores_free(&t->scores);
    xr_sha256_free(t->seen);
    xr_buf_free(&t->log);
    cJSON_Delete(t->training);
    cJSON_Delete(t->best_row);
    free(t->weights);
    free(t->logits);
    free(t->d_logits);
    free(t->mixed);
    free(t->labels);
    free(t->values);
    free(t->best_values);
}
