/*
 * Real weights (tf_efficientnet_lite0) and the generated-weight runs of weights/prng:
 * inference at 224, losses and gradients in training mode at 96, six steps of SGD and
 * AdamW.
 */
#include "formula.h"
#include "json.h"
#include "loss.h"
#include "model.h"
#include "optim.h"
#include "tap.h"

static const char *shared;

static void must(int failed, const struct xr_err *err)
{
    if (failed)
        ok(0, "%s", err->text);
}

static int load_npy(struct xr_array *a, const char *fmt, const char *arch)
{
    char path[4096];
    struct xr_buf buf = {0};
    struct xr_err err = {0};
    int failed;

    snprintf(path, sizeof path, fmt, shared, arch);
    failed = xr_read_file(&buf, path, (size_t)1 << 30, NULL, &err) ||
             xr_npy_parse(a, buf.data, buf.size, &err);
    xr_buf_free(&buf);
    if (failed)
        ok(0, "%s", err.text);
    return failed ? -1 : 0;
}

static double worst(const float *a, const float *b, size_t n)
{
    double top = 0;

    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)a[i] - (double)b[i]);

        if (off > top || isnan(off))
            top = off;
    }
    return top;
}

static struct xk_net *open_net(const char *arch, size_t n_classes, size_t size,
                               size_t batch, bool training)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = n_classes,
                           .channels = 3,
                           .height = size,
                           .width = size,
                           .batch = batch,
                           .training = training,
                           .n_threads = 1};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        return NULL;
    }
    return net;
}

static void fill(struct xk_net *net, const char *arch)
{
    struct xr_err err = {0};

    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v = malloc(p->count * sizeof *v);

        fm_weights(v, arch, p->name, p->n_dims, p->shape, p->count);
        must(xk_net_set(net, i, v, &err), &err);
        free(v);
    }
}

/* Logits and pooled features on golden_input.npy. */
static void check_inference(struct xk_net *net, const char *arch, const char *logits_path,
                            const char *features_path)
{
    struct xr_array input, logits, features;
    float *got = malloc(2 * 1000 * sizeof *got), *pooled;
    size_t n;
    char what[96];
    struct xr_err err = {0};

    if (load_npy(&input, "%s/weights/golden_input.npy", arch) ||
        load_npy(&logits, logits_path, arch) || load_npy(&features, features_path, arch))
        return;
    must(xk_net_input_f32(net, input.data, 2, &err), &err);
    must(xk_net_forward(net, got, false, 0, 0, &err), &err);
    snprintf(what, sizeof what, "%s: 1000 logits of two images", arch);
    near(worst(got, logits.data, 2000), 0, 1e-4, what);
    must(xk_net_pooled(net, NULL, &n, &err), &err);
    ok(n == features.shape[1], "%s: %zu features", arch, n);
    pooled = malloc(2 * n * sizeof *pooled);
    must(xk_net_pooled(net, pooled, &n, &err), &err);
    snprintf(what, sizeof what, "%s: pooled features", arch);
    near(worst(pooled, features.data, 2 * n), 0, 1e-4, what);
    free(pooled);
    free(got);
    xr_array_free(&input);
    xr_array_free(&logits);
    xr_array_free(&features);
}

static void check_real(void)
{
    struct xk_net *net = open_net("tf_efficientnet_lite0", 1000, 224, 2, false);
    struct xr_model model;
    char path[4096];
    struct xr_err err = {0};
    size_t found = 0;

    snprintf(path, sizeof path, "%s/weights/tf_efficientnet_lite0.safetensors", shared);
    if (!net || xr_model_open(&model, path, &err)) {
        ok(0, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        const struct xr_tensor *t = xr_model_tensor(&model, p->name);
        float *v = malloc(p->count * sizeof *v);

        if (t && xr_array_count(&t->array) == p->count) {
            must(xr_tensor_f32(v, t, &err) || xk_net_set(net, i, v, &err), &err);
            found++;
        }
        free(v);
    }
    ok(found == model.n_tensors,
       "tf_efficientnet_lite0: all %zu tensors of the file have a place",
       model.n_tensors);
    check_inference(net, "tf_efficientnet_lite0", "%s/weights/%s.golden_logits.npy",
                    "%s/weights/%s.golden_features.npy");
    xr_model_close(&model);
    xk_net_close(net);
}

static void check_prng_inference(const char *arch)
{
    struct xk_net *net = open_net(arch, 1000, 224, 2, false);

    if (!net)
        return;
    fill(net, arch);
    check_inference(net, arch, "%s/weights/prng/%s.logits.npy",
                    "%s/weights/prng/%s.features.npy");
    xk_net_close(net);
}

/* --- training ---------------------------------------------------------------------- */

static const int64_t labels[4] = {0, 1, 2, 1};

static double l2(const float *v, size_t n)
{
    double s = 0;

    for (size_t i = 0; i < n; i++)
        s += (double)v[i] * (double)v[i];
    return sqrt(s);
}

/* Norm, and first, second and last value, of every gradient against train_grads.csv. */
static void check_gradients(struct xk_net *net, const char *arch, double all,
                            double bound)
{
    char path[4096], line[512], name[128];
    double want_l2, g0, g1, last, sum, top = 0;
    FILE *f;
    size_t n = 0, expected = 0;
    struct xr_err err = {0};

    snprintf(path, sizeof path, "%s/weights/prng/%s.train_grads.csv", shared, arch);
    f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f)) {
        ok(0, "%s", path);
        return;
    }
    for (size_t i = 0; i < xk_net_n_params(net); i++)
        expected += xk_net_param(net, i)->trainable;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%127[^,],%*[^,],%lf,%lf,%lf,%lf,%lf", name, &want_l2, &sum, &g0,
                   &g1, &last) != 6)
            continue;
        for (size_t i = 0; i < xk_net_n_params(net); i++) {
            const struct xk_param *p = xk_net_param(net, i);
            double scale = fmax(want_l2, 1e-4 * all);
            float *v;

            if (strcmp(p->name, name) != 0)
                continue;
            v = malloc(p->count * sizeof *v);
            must(xk_net_get_grad(net, i, v, &err), &err);
            top = fmax(top, fabs(l2(v, p->count) - want_l2) / scale);
            top = fmax(top, fabs((double)v[0] - g0) / scale);
            top = fmax(top, fabs((double)v[1] - g1) / scale);
            top = fmax(top, fabs((double)v[p->count - 1] - last) / scale);
            free(v);
            n++;
        }
    }
    fclose(f);
    ok(n == expected && top <= bound, "%s: %zu gradients, off by %.2g of %.2g", arch, n,
       top, bound);
}

static void check_statistics(struct xk_net *net, const cJSON *json, const char *arch)
{
    const cJSON *want;
    struct xr_err err = {0};

    cJSON_ArrayForEach(want,
                       cJSON_GetObjectItem(json, "running_stat_l2_after_one_forward"))
    {
        for (size_t i = 0; i < xk_net_n_params(net); i++) {
            const struct xk_param *p = xk_net_param(net, i);
            char what[128];
            float *v;

            if (strcmp(p->name, want->string) != 0)
                continue;
            v = malloc(p->count * sizeof *v);
            must(xk_net_get(net, i, v, &err), &err);
            snprintf(what, sizeof what, "%s: %s after one pass", arch, p->name);
            near(l2(v, p->count), want->valuedouble, 1e-5 * want->valuedouble, what);
            free(v);
        }
    }
}

static void check_losses(const float *logits, const cJSON *json, const char *arch)
{
    static const double weights[3] = {0.5, 1, 2.5};
    const struct {
        const char *key;
        struct xk_loss loss;
    } kinds[] = {
        {"loss", {.kind = XK_LOSS_CROSS_ENTROPY}},
        {"loss_class_weights_0p5_1_2p5", {.weights = weights}},
        {"loss_label_smoothing_0p1", {.smoothing = 0.1}},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        double want = xr_json_number(json, kinds[i].key, 0);
        char what[96];

        snprintf(what, sizeof what, "%s: %s", arch, kinds[i].key);
        near(xk_loss_forward(NULL, logits, labels, 4, 3, &kinds[i].loss, NULL), want,
             1e-5 * fabs(want), what);
    }
}

/* Losses before each of six steps; as near as three times PyTorch's float32, and 1e-5
 * anyway. */
static void check_steps(const char *arch, const float *input, const cJSON *json,
                        const char *name, const struct xk_optim_spec *spec, double lr)
{
    struct xk_net *net = open_net(arch, 3, 96, 4, true);
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    struct xk_optim *optim;
    char key[64];
    const cJSON *f64, *f32;
    double top = 0, drift = 0;
    struct xr_err err = {0};

    if (!net)
        return;
    fill(net, arch);
    must(xk_optim_open(&optim, net, spec, &err), &err);
    snprintf(key, sizeof key, "loss_%s_float64", name);
    f64 = cJSON_GetObjectItem(json, key);
    snprintf(key, sizeof key, "loss_%s_float32", name);
    f32 = cJSON_GetObjectItem(json, key);
    for (int i = 0; i < 6; i++) {
        float logits[12], d_logits[12];
        double want = cJSON_GetArrayItem(f64, i)->valuedouble, loss;

        must(xk_net_zero_grad(net, &err) || xk_net_input_f32(net, input, 4, &err) ||
                 xk_net_forward(net, logits, true, 0, (uint64_t)i, &err),
             &err);
        loss = xk_loss_forward(d_logits, logits, labels, 4, 3, &ce, NULL);
        must(xk_net_backward(net, d_logits, &err) || xk_optim_step(optim, lr, NULL, &err),
             &err);
        drift = fmax(drift, fabs(cJSON_GetArrayItem(f32, i)->valuedouble - want));
        top = fmax(top, fabs(loss - want) / fmax(1e-5 * fmax(1, want), 10 * drift));
    }
    ok(top <= 1, "%s: losses of six steps of %s (%.2g of what is allowed)", arch, name,
       top);
    xk_optim_close(optim);
    xk_net_close(net);
}

static void check_training(const char *arch)
{
    struct xk_net *net = open_net(arch, 3, 96, 4, true);
    struct xk_optim_spec sgd = {
        .kind = XK_SGD, .momentum = 0.9, .decay = 1e-4, .decay_1d = true};
    struct xk_optim_spec adamw = {.kind = XK_ADAMW,
                                  .beta1 = 0.9,
                                  .beta2 = 0.999,
                                  .eps = 1e-8,
                                  .decay = 1e-2,
                                  .decay_1d = true};
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    size_t count = 4 * 3 * 96 * 96;
    float *input = malloc(count * sizeof *input), logits[12], d_logits[12];
    const cJSON *row, *v;
    char path[4096], what[96];
    const char *name;
    cJSON *json;
    double off = 0, deviation;
    struct xr_err err = {0};
    int i = 0;

    snprintf(path, sizeof path, "%s/weights/prng/%s.train.json", shared, arch);
    json = xr_json_read(path, NULL, &err);
    if (!json || !net) {
        ok(0, "%s", err.text);
        return;
    }
    name = xr_json_text(json, "input_name", "");
    for (size_t j = 0; j < count; j++)
        input[j] = (float)(2 * fm_prng(name, j) - 1);
    fill(net, arch);
    must(xk_net_zero_grad(net, &err) || xk_net_input_f32(net, input, 4, &err) ||
             xk_net_forward(net, logits, true, 0, 0, &err),
         &err);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "logits"))
        cJSON_ArrayForEach(v, row) off =
            fmax(off, fabs((double)logits[i++] - v->valuedouble));
    snprintf(what, sizeof what, "%s: logits in training mode", arch);
    near(off, 0,
         fmax(1e-5, 10 * xr_json_number(json, "torch_float32_logit_deviation", 0)), what);
    check_losses(logits, json, arch);
    xk_loss_forward(d_logits, logits, labels, 4, 3, &ce, NULL);
    must(xk_net_backward(net, d_logits, &err), &err);
    deviation = xr_json_number(json, "torch_float32_gradient_deviation", 0);
    check_gradients(net, arch, xr_json_number(json, "grad_l2_all", 0),
                    fmax(2e-5, 3 * deviation));
    check_statistics(net, json, arch);
    xk_net_close(net);
    check_steps(arch, input, json, "sgd", &sgd, 0.01);
    check_steps(arch, input, json, "adamw", &adamw, 1e-3);
    free(input);
    cJSON_Delete(json);
}

int main(void)
{
    shared = tap_shared();
    if (!shared) {
        tap_skip("weights", "no reference data ($XR_SHARED)");
        return tap_done();
    }
    check_real();
    check_prng_inference("resnet18");
    check_prng_inference("resnet50");
    check_prng_inference("efficientnet_b0");
    check_prng_inference("tf_efficientnet_lite0");
    check_training("resnet18");
    check_training("resnet50");
    check_training("efficientnet_b0");
    return tap_done();
}
