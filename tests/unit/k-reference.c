/*
 * Networks against the small files of tests/reference/models (made by
 * tests/reference/models.py): the state dict, multiply-adds, logits, and loss, gradients
 * and running statistics of one training step.
 */
#include "json.h"
#include "loss.h"
#include "net_impl.h"
#include "nets.h"

enum {
    BATCH = 2,
    N_CLASSES = 3
};

/* "name:1x2x3;" of every tensor, as models.py's digest. */
static void check_state(const struct xk_net *net, const cJSON *json, const char *arch)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    char text[192], want[24];
    double parameters = 0;

    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        int n = snprintf(text, sizeof text, "%s:", p->name);

        for (int d = 0; d < p->n_dims; d++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s%zu", d ? "x" : "",
                          p->shape[d]);
        snprintf(text + n, sizeof text - (size_t)n, ";");
        for (const char *s = text; *s; s++)
            h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
        parameters += p->trainable ? (double)p->count : 0;
    }
    snprintf(want, sizeof want, "%016llx", (unsigned long long)h);
    ok(strcmp(want, xr_json_text(json, "state", "")) == 0,
       "%s: names, shapes and order of the state dict", arch);
    ok(parameters == xr_json_number(json, "parameters", 0) &&
           (double)xk_net_macs(net) == xr_json_number(json, "macs", 0),
       "%s: parameters and multiply-adds", arch);
}

static void check_logits(struct xk_net *net, const cJSON *json, const char *arch)
{
    double allowed = fmax(1e-5, 30 * xr_json_number(json, "float32_logits_off", 0));
    double off = 0, top = 0;
    float logits[BATCH * N_CLASSES];
    size_t i = 0;
    const cJSON *row, *v;
    struct xr_err err = {0};

    if (xk_net_forward(net, logits, false, 0, 0, &err))
        ok(0, "%s", err.text);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "logits"))
    {
        cJSON_ArrayForEach(v, row)
        {
            double diff = fabs((double)logits[i++] - v->valuedouble);

            off = diff > off || isnan(diff) ? diff : off;
            top = fmax(top, fabs(v->valuedouble));
        }
    }
    allowed = fmin(allowed, 1e-4 * top);
    ok(i == BATCH * N_CLASSES && off <= allowed, "%s: logits (off by %.1g of %.1g)", arch,
       off, allowed);
}

/* The parameter of this name; NULL: none. */
static const struct xk_param *find(const struct xk_net *net, const char *name, size_t *at)
{
    for (size_t i = 0; i < xk_net_n_params(net); i++)
        if (strcmp(xk_net_param(net, i)->name, name) == 0) {
            *at = i;
            return xk_net_param(net, i);
        }
    return NULL;
}

static double gradient_off(struct xk_net *net, const cJSON *g, double global)
{
    const char *name = cJSON_GetArrayItem(g, 0)->valuestring;
    double want = cJSON_GetArrayItem(g, 1)->valuedouble, off;
    size_t at, k = 0;
    const struct xk_param *p = find(net, name, &at);
    const cJSON *sample;
    float *v;
    struct xr_err err = {0};

    if (!p)
        return INFINITY;
    v = malloc(p->count * sizeof *v);
    if (xk_net_get_grad(net, at, v, &err))
        ok(0, "%s", err.text);
    off = fabs(l2(v, p->count) - want) / (1e-3 * want + 1e-5 * global);
    cJSON_ArrayForEach(sample, cJSON_GetArrayItem(g, 2))
    {
        double got = (double)v[(2 * k++ + 1) * p->count / 4];

        off = fmax(off, fabs(got - sample->valuedouble) /
                            (1e-2 * want / sqrt((double)p->count) + 1e-5 * global));
    }
    if (!(off <= 1))
        printf("# %s: L2 %g, want %g, off by %.2g\n", name, l2(v, p->count), want, off);
    free(v);
    return isnan(off) ? INFINITY : off;
}

/*
 * The tolerances of golden/models/README.md, as far as float32 can hold them: rounding
 * alone moves ReLUs whose input is nearly 0, and torch's own float32 gradients miss them
 * by the file's float32_gradients_off.
 */
static void check_train(struct xk_net *net, const cJSON *json, const char *arch)
{
    static const int64_t labels[BATCH] = {0, 2};
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    double want = xr_json_number(json, "loss", 0), off = 0, n = 0, loss;
    double slack = fmax(1e-5 * want, 30 * xr_json_number(json, "float32_loss_off", 0));
    double global = xr_json_number(json, "grad_global_l2", 0);
    double allowed = fmax(4, 4 * xr_json_number(json, "float32_gradients_off", 0));
    float logits[BATCH * N_CLASSES], d[BATCH * N_CLASSES];
    const cJSON *item;
    struct xr_err err = {0};

    if (xk_net_zero_grad(net, &err) || xk_net_forward(net, logits, true, 0, 0, &err))
        ok(0, "%s", err.text);
    loss = xk_loss_forward(d, logits, labels, BATCH, N_CLASSES, &ce, NULL);
    ok(fabs(loss - want) <= slack, "%s: loss in training mode (off by %.1g of %.1g)",
       arch, fabs(loss - want), slack);
    if (xk_net_backward(net, d, &err))
        ok(0, "%s", err.text);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "gradients"))
    {
        off = fmax(off, gradient_off(net, item, global));
        n++;
    }
    ok(n > 0 && off <= allowed, "%s: gradients (%.2g of %.2g)", arch, off, allowed);
    off = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "running"))
    {
        size_t at;
        const struct xk_param *p =
            find(net, cJSON_GetArrayItem(item, 0)->valuestring, &at);
        float *v = malloc((p ? p->count : 1) * sizeof *v);

        if (!p || xk_net_get(net, at, v, &err))
            off = INFINITY;
        want = cJSON_GetArrayItem(item, 1)->valuedouble;
        if (p)
            off = fmax(off, fabs(l2(v, p->count) - want) / want);
        free(v);
    }
    ok(off <= 1e-5, "%s: running statistics (off by %.1g)", arch, off);
}

static void check(const char *arch)
{
    char path[256];
    struct xr_err err = {0};
    cJSON *json;
    struct xk_net *net;
    struct xk_spec spec = {.arch = arch,
                           .n_classes = N_CLASSES,
                           .channels = 3,
                           .batch = BATCH,
                           .training = true,
                           .n_threads = 1};
    float *images;

    snprintf(path, sizeof path, "tests/reference/models/%s.json", arch);
    json = xr_json_read(path, NULL, &err);
    if (!json) {
        ok(0, "%s", err.text);
        return;
    }
    spec.height = (size_t)xr_json_number(json, "height", 0);
    spec.width = (size_t)xr_json_number(json, "width", 0);
    images = malloc(BATCH * 3 * spec.height * spec.width * sizeof *images);
    fm_images(images, "input", BATCH, 3, spec.height, spec.width);
    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
    } else {
        check_state(net, json, arch);
        fill(net, xr_json_number(json, "running_var_scale", 0));
        if (xk_net_input_f32(net, images, BATCH, &err))
            ok(0, "%s", err.text);
        check_logits(net, json, arch);
        check_train(net, json, arch);
        xk_net_close(net);
    }
    free(images);
    cJSON_Delete(json);
}

int main(int argc, char **argv)
{
    static const char *const archs[] = {"efficientnet_b1",
                                        "efficientnet_b2",
                                        "efficientnet_b3",
                                        "efficientnet_b4",
                                        "efficientnet_b5",
                                        "efficientnet_b6",
                                        "efficientnet_b7",
                                        "tf_efficientnet_b0",
                                        "tf_efficientnet_lite1",
                                        "tf_efficientnet_lite2",
                                        "efficientnetv2_s",
                                        "mobilenetv2_100",
                                        "mobilenetv3_large_100",
                                        "resnet34",
                                        "resnet101",
                                        "resnext50_32x4d",
                                        "seresnet50",
                                        "vgg16_bn",
                                        "convnext_tiny",
                                        "alexnet",
                                        "lenet5"};

    for (int i = 1; i < argc; i++)
        check(argv[i]);
    for (size_t i = 0; argc < 2 && i < sizeof archs / sizeof *archs; i++)
        check(archs[i]);
    return tap_done();
}
