/*
 * Networks against timm: golden/models (names, shapes, counts, inference, one
 * training step; of others names and shapes) at the tolerances of its README.
 */
#include "graph.h"
#include "json.h"
#include "loss.h"
#include "nets.h"

static const char *shared;

static double *numbers(const cJSON *array, size_t *n)
{
    double *v;
    size_t i = 0;
    const cJSON *item;

    *n = (size_t)cJSON_GetArraySize(array);
    v = calloc(*n + 1, sizeof *v);
    cJSON_ArrayForEach(item, array) v[i++] = item->valuedouble;
    return v;
}

static cJSON *read_json(const char *fmt, const char *name)
{
    char path[4096];
    struct xr_err err = {0};
    cJSON *json;

    snprintf(path, sizeof path, fmt, shared, name);
    json = xr_json_read(path, NULL, &err);
    if (!json)
        ok(0, "%s", err.text);
    return json;
}

/* Worst of |got - want| / allowed over the samples of a checksum. */
static double samples_off(const float *v, size_t n, const cJSON *samples, double allowed)
{
    size_t k;
    double *want = numbers(samples, &k), worst = 0;

    for (size_t i = 0; i < k; i++) {
        double off = fabs((double)v[(2 * i + 1) * n / (2 * k)] - want[i]) / allowed;

        worst = off > worst || isnan(off) ? off : worst;
    }
    free(want);
    return worst;
}

/* A checksum object of activations. */
static int activation_agrees(const float *v, size_t n, const cJSON *sum,
                             double l2_tolerance, const char *what)
{
    double std = xr_json_number(sum, "std", 0), want = xr_json_number(sum, "l2", 0);
    double samples =
        samples_off(v, n, cJSON_GetObjectItem(sum, "samples"), 1e-4 * std + 1e-5);
    double off = fabs(l2(v, n) - want) / want;
    int good = ok(samples <= 1 && off <= l2_tolerance, "%s", what);

    if (!good)
        printf("# samples off by %g of what is allowed, L2 by %g\n", samples, off);
    return good;
}

/* The state dict, without memory for it. */
static void check_names(const cJSON *model, const char *arch)
{
    const cJSON *t = cJSON_GetObjectItem(model, "tensors")->child;
    struct xk_spec spec = {.n_classes = 3, .channels = 3, .height = 224, .width = 224};
    struct xk_graph graph = {0};
    struct xr_err err = {0};
    size_t row, n, i = 0, parameters = 0;
    const struct xk_family *family = xk_family_find(arch, &row);
    int good = 1;

    if (!family) {
        ok(0, "%s is not known", arch);
        return;
    }
    family->build(&graph, row, &spec);
    if (xk_graph_shapes(&graph, &err))
        ok(0, "%s: %s", arch, err.text);
    n = (size_t)graph.n_params;
    for (; t && i < n; t = t->next, i++) {
        const struct xk_param *p = &graph.params[i].param;
        size_t n_dims;
        double *shape = numbers(cJSON_GetArrayItem(t, 1), &n_dims);

        good &= strcmp(p->name, cJSON_GetArrayItem(t, 0)->valuestring) == 0 &&
                (size_t)p->n_dims == n_dims;
        for (size_t d = 0; d < n_dims; d++)
            good &= p->shape[d] == (size_t)shape[d];
        good &=
            p->trainable == (strcmp(cJSON_GetArrayItem(t, 3)->valuestring, "param") == 0);
        good &=
            p->counter == (strcmp(cJSON_GetArrayItem(t, 2)->valuestring, "int64") == 0);
        parameters += p->trainable ? p->count : 0;
        free(shape);
        if (!good) {
            printf("# first difference at %s\n", p->name);
            break;
        }
    }
    ok(good && !t && i == n, "%s: names, shapes and order are timm's", arch);
    ok((double)parameters == xr_json_number(model, "parameter_count", 0),
       "%s: parameter count", arch);
    xk_graph_free(&graph);
}

static struct xk_net *open_net(const char *arch, const char *keep, bool training,
                               double rv)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = 3,
                           .height = 224,
                           .width = 224,
                           .batch = 2,
                           .training = training,
                           .n_threads = 1,
                           .keep = keep};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        return NULL;
    }
    fill(net, rv);
    return net;
}

static double logits_off(const float *got, const cJSON *want)
{
    double worst = 0;
    size_t i = 0;
    const cJSON *row, *v;

    cJSON_ArrayForEach(row, want) cJSON_ArrayForEach(v, row)
    {
        double off = fabs((double)got[i++] - v->valuedouble);

        worst = off > worst || isnan(off) ? off : worst;
    }
    return worst;
}

static double largest(const cJSON *rows)
{
    const cJSON *row, *v;
    double top = 0;

    cJSON_ArrayForEach(row, rows)
        cJSON_ArrayForEach(v, row) if (fabs(v->valuedouble) > top) top =
            fabs(v->valuedouble);
    return top;
}

static void check_eval(struct xk_net *net, const cJSON *json, const char *arch,
                       bool training, double l2_tolerance)
{
    const cJSON *eval = cJSON_GetObjectItem(json, "eval");
    const cJSON *want = cJSON_GetObjectItem(eval, "logits_float64");
    double allowed =
        fmax(1e-5, 30 * xr_json_number(eval, "float32_vs_float64_max_abs", 0));
    float logits[6], *pooled;
    size_t features;
    char what[64];
    struct xr_err err = {0};

    allowed = fmin(allowed, 1e-4 * largest(want));
    if (xk_net_forward(net, logits, false, 0, 0, &err))
        ok(0, "%s", err.text);
    snprintf(what, sizeof what, "%s: logits", arch);
    near(logits_off(logits, want), 0, allowed, what);
    if (xk_net_pooled(net, NULL, &features, &err))
        ok(0, "%s", err.text);
    pooled = malloc(2 * features * sizeof *pooled);
    if (xk_net_pooled(net, pooled, &features, &err))
        ok(0, "%s", err.text);
    snprintf(what, sizeof what, "%s: pooled features", arch);
    activation_agrees(pooled, 2 * features, cJSON_GetObjectItem(eval, "pooled"),
                      l2_tolerance, what);
    free(pooled);
    if (!training)
        return;
    if (xk_net_forward_keep(net, logits, &err))
        ok(0, "%s", err.text);
    snprintf(what, sizeof what, "%s: logits of the unfused pass", arch);
    near(logits_off(logits, want), 0, allowed, what);
}

static void check_layer(const cJSON *json, const char *arch, const char *layer,
                        const float *images, double rv, double l2_tolerance)
{
    const cJSON *a;
    struct xk_net *net = open_net(arch, layer, true, rv);
    struct xr_err err = {0};
    size_t shape[4];
    float logits[6], *v;
    char what[96];

    if (!net)
        return;
    cJSON_ArrayForEach(a, cJSON_GetObjectItem(json, "eval_activations"))
    {
        if (strcmp(xr_json_text(a, "module", ""), layer) != 0)
            continue;
        if (xk_net_input_f32(net, images, 2, &err) ||
            xk_net_forward_keep(net, logits, &err) ||
            xk_net_kept(net, NULL, NULL, shape, &err))
            ok(0, "%s", err.text);
        v = malloc(shape[0] * shape[1] * shape[2] * shape[3] * sizeof *v);
        if (xk_net_kept(net, v, NULL, shape, &err))
            ok(0, "%s", err.text);
        snprintf(what, sizeof what, "%s: activation of %s", arch, layer);
        activation_agrees(v, shape[0] * shape[1] * shape[2] * shape[3], a, l2_tolerance,
                          what);
        free(v);
    }
    xk_net_close(net);
}

/*
 * ReLUs whose input is nearly 0 fall to either side by rounding alone, and a gradient
 * jumps with them. Where that happens, this much of the README's tolerance is allowed:
 * PyTorch 2.15's own float32 needs 4.9 (resnet50) and 13.4 (tf_efficientnet_lite0) of it,
 * channels last on 2 threads; resnet18 holds it or not by the last bit of one pixel. That
 * the formulas are exact shows in k-weights and k-train.
 */
static double slack(const char *arch)
{
    if (strncmp(arch, "resnet", 6) == 0)
        return 6;
    return strcmp(arch, "tf_efficientnet_lite0") == 0 ? 14 : 1;
}

static void check_gradients(struct xk_net *net, const cJSON *json, const char *arch)
{
    double global =
        xr_json_number(cJSON_GetObjectItem(json, "train"), "grad_global_l2", 0);
    const cJSON *g = cJSON_GetObjectItem(json, "train_gradients")->child;
    double worst_l2 = 0, worst_sample = 0;
    struct xr_err err = {0};
    int good = 1;

    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v;
        double want, off;

        if (!p->trainable)
            continue;
        if (!g || strcmp(p->name, cJSON_GetArrayItem(g, 0)->valuestring) != 0) {
            good = 0;
            break;
        }
        v = malloc(p->count * sizeof *v);
        if (xk_net_get_grad(net, i, v, &err))
            ok(0, "%s", err.text);
        want = cJSON_GetArrayItem(g, 1)->valuedouble;
        off = fabs(l2(v, p->count) - want) / (1e-3 * want + 1e-5 * global);
        if (!(off <= slack(arch)))
            printf("# %s: L2 %g, want %g\n", p->name, l2(v, p->count), want);
        worst_l2 = fmax(worst_l2, isnan(off) ? INFINITY : off);
        off = samples_off(v, p->count, cJSON_GetArrayItem(g, 2),
                          1e-2 * want / sqrt((double)p->count) + 1e-5 * global);
        if (!(off <= slack(arch)))
            printf("# %s: samples off by %g of what is allowed\n", p->name, off);
        worst_sample = fmax(worst_sample, isnan(off) ? INFINITY : off);
        free(v);
        g = g->next;
    }
    ok(good && !g, "%s: every parameter has its gradient", arch);
    ok(worst_l2 <= slack(arch), "%s: L2 norms of the gradients (%.2g of what is allowed)",
       arch, worst_l2);
    ok(worst_sample <= slack(arch),
       "%s: samples of the gradients (%.2g of what is allowed)", arch, worst_sample);
}

static void check_buffers(struct xk_net *net, const cJSON *json, const char *arch)
{
    const cJSON *b = cJSON_GetObjectItem(json, "train_updated_buffers")->child;
    double worst = 0;
    struct xr_err err = {0};
    int counted = 1;

    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v;

        if (p->trainable)
            continue;
        v = malloc(p->count * sizeof *v);
        if (xk_net_get(net, i, v, &err))
            ok(0, "%s", err.text);
        if (p->counter) {
            counted &= v[0] == 1;
        } else if (b && strcmp(p->name, cJSON_GetArrayItem(b, 0)->valuestring) == 0) {
            double want = cJSON_GetArrayItem(b, 1)->valuedouble;

            worst = fmax(worst, fabs(l2(v, p->count) - want) / want);
            b = b->next;
        }
        free(v);
    }
    ok(!b && worst <= 1e-5, "%s: running statistics (off by %.2g)", arch, worst);
    ok(counted, "%s: batches are counted", arch);
}

static void check_train(struct xk_net *net, const cJSON *json, const char *arch)
{
    const cJSON *train = cJSON_GetObjectItem(json, "train");
    double want = xr_json_number(train, "loss_float64", 0), loss;
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    int64_t labels[2] = {0, 2};
    float logits[6], d_logits[6];
    char what[64];
    struct xr_err err = {0};

    if (xk_net_zero_grad(net, &err) || xk_net_forward(net, logits, true, 0, 0, &err))
        ok(0, "%s", err.text);
    loss = xk_loss_forward(d_logits, logits, labels, 2, 3, &ce, NULL);
    snprintf(what, sizeof what, "%s: loss in training mode", arch);
    near(loss, want, 1e-5 * fabs(want), what);
    if (xk_net_backward(net, d_logits, &err))
        ok(0, "%s", err.text);
    check_gradients(net, json, arch);
    check_buffers(net, json, arch);
}

static void check_model(const char *arch, const cJSON *all, const char *const *layers,
                        double l2_tolerance)
{
    cJSON *json = read_json("%s/golden/models/%s.expected.json", arch);
    const cJSON *model = cJSON_GetObjectItem(all, arch);
    float *images = malloc(2 * 3 * 224 * 224 * sizeof *images);
    bool training = cJSON_HasObjectItem(json, "train");
    double rv;
    struct xk_net *net;
    struct xr_err err = {0};

    if (!json)
        return;
    rv = xr_json_number(json, "running_var_scale", 0);
    fm_images(images, "input", 2, 3, 224, 224);
    net = open_net(arch, NULL, training, rv);
    if (net) {
        check_names(model, arch);
        ok((double)xk_net_macs(net) == xr_json_number(json, "macs_224_conv_linear", 0),
           "%s: multiply-adds", arch);
        if (xk_net_input_f32(net, images, 2, &err))
            ok(0, "%s", err.text);
        check_eval(net, json, arch, training, l2_tolerance);
        if (training)
            check_train(net, json, arch);
        xk_net_close(net);
    }
    for (; *layers; layers++)
        check_layer(json, arch, *layers, images, rv, l2_tolerance);
    free(images);
    cJSON_Delete(json);
}

int main(void)
{
    static const char *const resnet[] = {"act1",   "layer1", "layer2",
                                         "layer3", "layer4", NULL};
    static const char *const efficientnet[] = {
        "bn1",      "blocks.0", "blocks.1", "blocks.2",  "blocks.3", "blocks.4",
        "blocks.5", "blocks.6", "bn2",      "conv_head", NULL};
    static const char *const mobilenet[] = {"bn1",      "blocks.0", "blocks.1",
                                            "blocks.4", "blocks.5", NULL};
    static const char *const densenet[] = {"features.norm0", "features.transition2",
                                           "features.norm5", NULL};
    static const char *const convnext[] = {"stem", "stages.1", "stages.3", NULL};
    static const char *const vgg[] = {"features.28", NULL};
    static const char *const names[] = {
        "resnet34",        "resnet101",       "resnext50_32x4d", "efficientnet_b1",
        "efficientnet_b2", "efficientnet_b3", "mobilenetv2_100", "mobilenetv3_large_100",
        "vgg16_bn",        "convnext_tiny"};
    cJSON *all;

    shared = tap_shared();
    if (!shared) {
        tap_skip("networks against timm", "no reference data ($XR_SHARED)");
        return tap_done();
    }
    all = read_json("%s/golden/models/%s.json", "tensors");
    if (!all)
        return tap_done();
    check_model("resnet18", all, resnet, 1e-5);
    check_model("resnet50", all, resnet, 1e-5);
    check_model("efficientnet_b0", all, efficientnet, 1e-5);
    check_model("tf_efficientnet_lite0", all, efficientnet, 5e-5);
    check_model("mobilenetv3_small_100", all, mobilenet, 1e-5);
    check_model("densenet121", all, densenet, 1e-5);
    check_model("convnext_atto", all, convnext, 1e-5);
    check_model("vgg11_bn", all, vgg, 1e-5);
    check_model("vgg16", all, vgg + 1, 1e-5);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_names(cJSON_GetObjectItem(all, names[i]), names[i]);
    cJSON_Delete(all);
    return tap_done();
}
