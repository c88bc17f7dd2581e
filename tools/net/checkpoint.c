/* Checkpoints and results of a training run: complete files or none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "trainer_state.h"

char *xr_checkpoint_path(const struct xr_trainer *t, const char *name, struct xr_err *err)
{
    return xr_sprintf(err, "%s/%s", t->set->checkpoint, name);
}

/* Metadata that model and checkpoint share. */
static cJSON *metadata(const struct xr_trainer *t)
{
    cJSON *meta = cJSON_CreateObject(), *classes;

    cJSON_AddStringToObject(meta, "format",
                            "pt"); /* what other readers of safetensors expect */
    cJSON_AddStringToObject(meta, "architecture", xk_net_arch(t->c.net)->name);
    classes = cJSON_AddArrayToObject(meta, "classes");
    for (size_t i = 0; i < t->c.n_classes; i++)
        cJSON_AddItemToArray(classes, cJSON_CreateString(t->c.classes[i]));
    cJSON_AddItemToObject(meta, "preprocessing", xr_preprocess_json(&t->c.pre));
    cJSON_AddItemToObject(meta, "training", cJSON_Duplicate(t->training, 1));
    if (t->best_row)
        cJSON_AddItemToObject(meta, "metrics", cJSON_Duplicate(t->best_row, 1));
    if (t->c.history)
        cJSON_AddItemToObject(meta, "history", cJSON_Duplicate(t->c.history, 1));
    return meta;
}

static int write_file(const char *path, const struct xr_tensor *tensors, size_t n,
                      const cJSON *meta, struct xr_err *err)
{
    struct xr_out *out = NULL;
    int rc = xr_out_open(&out, path, XR_OUT_BINARY, err) ||
             xr_model_write(out, tensors, n, meta, err) || xr_out_finish(out, err);

    xr_out_close(out);
    return rc ? -1 : 0;
}

/* What belongs to training alone stays out of the result. */
static size_t result_tensors(struct xr_tensor *tensors, const struct xk_net *net)
{
    size_t n = 0;

    for (size_t i = 0; i < xk_net_n_params(net); i++)
        if (!xk_net_param(net, i)->map)
            tensors[n++] = tensors[i];
    return n;
}

int xr_trainer_write(struct xr_trainer *t, const char *path, struct xr_err *err)
{
    struct xr_tensor *tensors;
    int64_t *counters;
    cJSON *meta;
    int rc;

    if (xr_net_tensors(&tensors, &counters, t->c.net, t->best_values, err))
        return -1;
    meta = metadata(t);
    rc = write_file(path, tensors, result_tensors(tensors, t->c.net), meta, err);
    cJSON_Delete(meta);
    free(tensors);
    free(counters);
    return rc;
}

/* --- saving
 * ---------------------------------------------------------------------------------------
 */

static cJSON *state_json(const struct xr_trainer *t)
{
    cJSON *state = cJSON_CreateObject(), *plateau;
    char seen[XR_SHA256_TEXT];

    xr_sha256_text(t->seen, seen);
    cJSON_AddNumberToObject(state, "step", (double)t->step);
    cJSON_AddNumberToObject(state, "epoch_step", (double)t->epoch_step);
    cJSON_AddNumberToObject(state, "epoch", (double)t->epoch);
    cJSON_AddNumberToObject(state, "group", (double)t->group);
    cJSON_AddNumberToObject(state, "group_weight", t->group_weight);
    cJSON_AddStringToObject(state, "seen", seen);
    cJSON_AddStringToObject(state, "log", t->log.data ? t->log.data : "");
    cJSON_AddNumberToObject(state, "loss", t->scores.loss);
    cJSON_AddNumberToObject(state, "weight", t->scores.weight);
    cJSON_AddNumberToObject(state, "spent", t->spent);
    cJSON_AddNumberToObject(state, "best", t->best);
    cJSON_AddNumberToObject(state, "stale", (double)t->stale);
    cJSON_AddBoolToObject(state, "finished", t->finished);
    if (t->set->schedule == XK_PLATEAU) {
        plateau = cJSON_AddObjectToObject(state, "plateau");
        cJSON_AddNumberToObject(plateau, "lr", t->schedule.base);
        cJSON_AddNumberToObject(plateau, "bad", (double)t->plateau.bad);
        cJSON_AddNumberToObject(plateau, "wait", (double)t->plateau.wait);
        if (t->plateau.any)
            cJSON_AddNumberToObject(plateau, "best", t->plateau.best);
    }
    return state;
}

/* Gradients that no update has used yet, behind the others; *data holds the values. */
static int grad_tensors(struct xr_tensor *tensors, size_t *n, float **data, char **names,
                        struct xr_trainer *t, struct xr_err *err)
{
    struct xk_net *net = t->c.net;
    float *at;

    *n = 0;
    if (!t->group)
        return 0;
    at = *data = xr_alloc_array(xr_net_count(net), sizeof **data, err);
    if (!at)
        return -1;
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        struct xr_array *a = &tensors[*n].array;

        if (!p->trainable)
            continue;
        names[*n] = xr_sprintf(err, "grad.%s", p->name);
        if (!names[*n] || xk_net_get_grad(net, i, at, err))
            return -1;
        tensors[*n].name = names[*n];
        *a = (struct xr_array){.dtype = XR_F32, .n_dims = p->n_dims, .data = at};
        memcpy(a->shape, p->shape, (size_t)p->n_dims * sizeof *a->shape);
        at += p->count;
        ++*n;
    }
    return 0;
}

static int load_grads(struct xr_trainer *t, const struct xr_model *model,
                      struct xr_err *err)
{
    for (size_t i = 0; t->group && i < xk_net_n_params(t->c.net); i++) {
        const struct xk_param *p = xk_net_param(t->c.net, i);
        char name[160];
        const struct xr_tensor *g;

        if (!p->trainable)
            continue;
        snprintf(name, sizeof name, "grad.%s", p->name);
        g = xr_model_tensor(model, name);
        if (!g || xr_array_count(&g->array) != p->count)
            return xr_fail(err, "%s: tensor '%s' is missing or has another shape",
                           model->path, name);
        /* values is written anew before it is read */
        if (xr_tensor_f32(t->values, g, err) ||
            xk_net_set_grad(t->c.net, i, t->values, err))
            return -1;
    }
    return 0;
}

/* The optimiser's state behind the net's tensors; *data holds the values. */
static int optim_tensors(struct xr_tensor *tensors, float **data, struct xr_trainer *t,
                         struct xr_err *err)
{
    size_t n = xk_optim_n_state(t->optim), total = 0;
    float *at;

    for (size_t i = 0; i < n; i++) {
        struct xr_array *a = &tensors[i].array;

        tensors[i].name = xk_optim_state_name(t->optim, i);
        a->dtype = XR_F32;
        xk_optim_state_shape(t->optim, i, &a->n_dims, a->shape);
        total += xr_array_count(a);
    }
    at = *data = xr_alloc_array(total, sizeof **data, err);
    if (!at)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (xk_optim_get(t->optim, i, at, err))
            return -1;
        tensors[i].array.data = at;
        at += xr_array_count(&tensors[i].array);
    }
    return 0;
}

int xr_checkpoint_save(struct xr_trainer *t, struct xr_err *err)
{
    size_t n_net = xk_net_n_params(t->c.net), n_optim = xk_optim_n_state(t->optim);
    size_t n_grads = 0;
    struct xr_tensor *net = NULL, *all = NULL, *more;
    float *data = NULL, *grads = NULL;
    int64_t *counters = NULL;
    cJSON *meta = NULL;
    char *path = NULL, **names = NULL;
    int rc = -1;

    if (!t->set->checkpoint)
        return 0;
    if (xr_net_values(t->values, t->c.net, err) ||
        xr_net_tensors(&net, &counters, t->c.net, t->values, err))
        goto done;
    all = xr_alloc_array(2 * n_net + n_optim + 2, sizeof *all, err);
    names = xr_alloc_array(n_net, sizeof *names, err);
    path = xr_checkpoint_path(t, "last.safetensors", err);
    if (!all || !names || !path)
        goto done;
    memcpy(all, net, n_net * sizeof *all);
    if (optim_tensors(all + n_net, &data, t, err) ||
        grad_tensors(all + n_net + n_optim, &n_grads, &grads, names, t, err))
        goto done;
    more = all + n_net + n_optim + n_grads;
    more[0].name = "state.p";
    more[0].array = (struct xr_array){.dtype = XR_F32,
                                      .n_dims = 2,
                                      .shape = {t->scores.n, t->scores.k},
                                      .data = t->scores.p};
    more[1].name = "state.label";
    more[1].array = (struct xr_array){
        .dtype = XR_I64, .n_dims = 1, .shape = {t->scores.n}, .data = t->scores.labels};
    meta = metadata(t);
    cJSON_AddItemToObject(meta, "state", state_json(t));
    rc = write_file(path, all, n_net + n_optim + n_grads + 2, meta, err);
    clock_gettime(CLOCK_MONOTONIC, &t->last_save);
done:
    cJSON_Delete(meta);
    for (size_t i = 0; names && i < n_net; i++)
        free(names[i]);
    free(names);
    free(path);
    free(net);
    free(all);
    free(data);
    free(grads);
    free(counters);
    return rc;
}

/* --- going on
 * -------------------------------------------------------------------------------------
 */

/* The settings must be those of the checkpoint, or the result would be of neither. */
static int same_settings(struct xr_trainer *t, const struct xr_model *model,
                         struct xr_err *err)
{
    cJSON *then = xr_model_json(model, "training");
    const cJSON *now;
    int rc = 0;

    cJSON_ArrayForEach(now, t->training)
    {
        const cJSON *old = cJSON_GetObjectItemCaseSensitive(then, now->string);
        struct xr_buf a = {0}, b = {0};

        if (!cJSON_Compare(old, now, 1) && !strcmp(now->string, "threads")) {
            xr_cli_warn(t->cli,
                        "%s was written with another number of threads: the result will "
                        "differ in "
                        "the last digits",
                        model->path);
        } else if (!cJSON_Compare(old, now, 1) && !rc &&
                   !(old ? xr_json_line(&a, old, err)
                         : xr_buf_text(&a, "nothing", err)) &&
                   !xr_json_line(&b, now, err)) {
            rc = xr_fail(
                err,
                "%s: made with other settings or data: %s was %.200s, now %.200s (use "
                "another --checkpoint)",
                model->path, now->string, a.data, b.data);
        }
        xr_buf_free(&a);
        xr_buf_free(&b);
    }
    cJSON_Delete(then);
    return rc;
}

static int load_optim(struct xr_trainer *t, const struct xr_model *model,
                      struct xr_err *err)
{
    for (size_t i = 0; i < xk_optim_n_state(t->optim); i++) {
        const char *name = xk_optim_state_name(t->optim, i);
        const struct xr_tensor *s = xr_model_tensor(model, name);
        struct xr_array want = {0};
        float *values;
        int rc;

        xk_optim_state_shape(t->optim, i, &want.n_dims, want.shape);
        if (!s || xr_array_count(&s->array) != xr_array_count(&want))
            return xr_fail(err, "%s: tensor '%s' is missing or has another shape",
                           model->path, name);
        values = xr_alloc_array(xr_array_count(&want), sizeof *values, err);
        if (!values)
            return -1;
        rc = xr_tensor_f32(values, s, err) || xk_optim_set(t->optim, i, values, err);
        free(values);
        if (rc)
            return -1;
    }
    return 0;
}

static int load_scores(struct xr_trainer *t, const struct xr_model *model,
                       struct xr_err *err)
{
    const struct xr_tensor *p = xr_model_tensor(model, "state.p");
    const struct xr_tensor *label = xr_model_tensor(model, "state.label");
    struct xr_scores *s = &t->scores;

    if (!p || !label || p->array.n_dims != 2 || label->array.n_dims != 1 ||
        p->array.shape[1] != s->k || p->array.shape[0] != label->array.shape[0] ||
        p->array.dtype != XR_F32 || label->array.dtype != XR_I64)
        return xr_fail(err, "%s: not a checkpoint", model->path);
    s->n = s->room = p->array.shape[0];
    s->p = xr_alloc_array(s->n * s->k, sizeof *s->p, err);
    s->labels = xr_alloc_array(s->n, sizeof *s->labels, err);
    if (!s->p || !s->labels)
        return -1;
    memcpy(s->p, p->array.data, s->n * s->k * sizeof *s->p);
    memcpy(s->labels, label->array.data, s->n * sizeof *s->labels);
    for (size_t i = 0; i < s->n; i++) {
        if (s->labels[i] < 0 || (size_t)s->labels[i] >= s->k)
            return xr_fail(err, "%s: a label out of range", model->path);
    }
    return 0;
}

static int load_best(struct xr_trainer *t, struct xr_err *err)
{
    char *path = xr_checkpoint_path(t, "best.safetensors", err);
    struct xr_model model;
    int rc;

    if (!path)
        return -1;
    if (xr_model_open(&model, path, err)) {
        free(path);
        return -1;
    }
    /* through the net, whose own values are set afterwards */
    rc = xr_net_load(t->c.net, &model, false, err) ||
         xr_net_values(t->best_values, t->c.net, err);
    t->best_row = xr_model_json(&model, "metrics");
    xr_model_close(&model);
    free(path);
    return rc ? -1 : 0;
}

/* Read what was trained on before, and make sure that it is the same. */
static int skip_seen(struct xr_trainer *t, const char *seen, const char *path,
                     struct xr_err *err)
{
    char now[XR_SHA256_TEXT];

    for (uint64_t i = 0; i < t->step; i++) {
        int got = xr_batch_next(&t->batch, t->in, err);

        if (got < 0)
            return -1;
        if (got == 0)
            return xr_fail(err, "%s: made with more data than this stream has", path);
        xr_trainer_see(t, &t->batch);
    }
    xr_sha256_text(t->seen, now);
    if (strcmp(now, seen))
        return xr_fail(
            err,
            "%s: made with other data: the first %llu batches differ (use another "
            "--checkpoint)",
            path, (unsigned long long)t->step);
    return 0;
}

static void load_plateau(struct xr_trainer *t, const cJSON *json)
{
    if (!json)
        return;
    t->schedule.base = xr_json_number(json, "lr", t->schedule.base);
    t->plateau.bad = (int64_t)xr_json_number(json, "bad", 0);
    t->plateau.wait = (int64_t)xr_json_number(json, "wait", 0);
    t->plateau.any = cJSON_HasObjectItem(json, "best");
    t->plateau.best = xr_json_number(json, "best", 0);
}

static int load_state(struct xr_trainer *t, const struct xr_model *model,
                      struct xr_err *err)
{
    cJSON *state = xr_model_json(model, "state");
    const char *text = xr_json_text(state, "log", "");
    double step = xr_json_number(state, "step", -1);
    int rc = -1;

    if (step < 0 || step > 1e15) {
        xr_fail(err, "%s: not a checkpoint", model->path);
        goto done;
    }
    t->step = (uint64_t)step;
    t->epoch_step = (uint64_t)xr_json_number(state, "epoch_step", 0);
    t->epoch = (int64_t)xr_json_number(state, "epoch", 0);
    t->group = (int64_t)xr_json_number(state, "group", 0);
    t->group_weight = xr_json_number(state, "group_weight", 0);
    t->scores.loss = xr_json_number(state, "loss", 0);
    t->scores.weight = xr_json_number(state, "weight", 0);
    t->spent = xr_json_number(state, "spent", 0);
    t->best = xr_json_number(state, "best", 0);
    t->stale = (int64_t)xr_json_number(state, "stale", 0);
    t->finished = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(state, "finished"));
    load_plateau(t, cJSON_GetObjectItemCaseSensitive(state, "plateau"));
    if (xr_buf_text(&t->log, text, err))
        goto done;
    if (xr_json_text(model->meta, "metrics", NULL) && load_best(t, err))
        goto done;
    if (xr_net_load(t->c.net, model, false, err) || load_optim(t, model, err) ||
        load_grads(t, model, err) || load_scores(t, model, err))
        goto done;
    rc =
        t->finished ? 0 : skip_seen(t, xr_json_text(state, "seen", ""), model->path, err);
done:
    cJSON_Delete(state);
    return rc;
}

int xr_checkpoint_resume(struct xr_trainer *t, struct xr_err *err)
{
    struct xr_model model;
    char *path;
    int rc;

    if (!t->set->checkpoint)
        return 0;
    if (mkdir(t->set->checkpoint, 0777) && errno != EEXIST)
        return xr_fail_errno(err, "%s: cannot make the folder", t->set->checkpoint);
    path = xr_checkpoint_path(t, "last.safetensors", err);
    if (!path)
        return -1;
    if (access(path, F_OK)) {
        free(path);
        return 0;
    }
    if (xr_model_open(&model, path, err)) {
        free(path);
        return -1;
    }
    rc = same_settings(t, &model, err) || load_state(t, &model, err) ? -1 : 1;
    if (rc == 1)
        xr_cli_note(t->cli, "going on from %s: epoch %lld, step %llu", path,
                    (long long)t->epoch, (unsigned long long)t->step);
    xr_model_close(&model);
    free(path);
    return rc;
}
