/* Class activation maps against pytorch-grad-cam's, and the overlay. */
#include <string.h>

#include "array.h"
#include "cam.h"
#include "formula.h"
#include "json.h"
#include "model.h"
#include "net.h"
#include "pixels/overlay.h"
#include "pixels/pixels.h"
#include "tap.h"

static int load(struct xr_array *a, const char *dir, const char *name)
{
    struct xr_buf buf;
    struct xr_err err;
    char path[512];
    int rc;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    rc = xr_read_file(&buf, path, 1 << 28, NULL, &err) ||
         xr_npy_parse(a, buf.data, buf.size, &err);
    if (rc)
        printf("# %s\n", err.text);
    else
        xr_buf_free(&buf);
    return rc;
}

/* One case of expected.json on a net whose input is set: raw within the README's bound,
 * scaled 1e-3. */
static void one_case(const char *dir, const char *key, const cJSON *item,
                     const char *method, int class, const float *act, const float *grad,
                     const size_t *shape)
{
    const struct xk_cam *cam = xk_cam_find(method);
    size_t hw = shape[2] * shape[3];
    double worst = 0, gap = xr_json_number(item, "float32_vs_float64_max_abs_raw", 0),
           bound = 1e-5 * xr_json_number(item, "raw_max_abs", 0);
    float *raw = calloc(hw, sizeof *raw), *heat = calloc(224 * 224, sizeof *heat);
    struct xr_array want;
    struct xr_err err;
    char name[256];

    bound = bound > 30 * gap ? bound : 30 * gap;
    cam->map(raw, act, grad, shape[1], hw);
    snprintf(name, sizeof name, "%s.raw.npy", key);
    if (load(&want, dir, name)) {
        ok(0, "%s", name);
        return;
    }
    for (size_t i = 0; i < hw; i++)
        worst = fmax(worst, fabs(raw[i] - ((float *)want.data)[i]));
    xr_array_free(&want);
    ok(worst <= bound, "%s class %d raw: off by %.3g, allowed %.3g", key, class, worst,
       bound);
    snprintf(name, sizeof name, "%s/%s.scaled.npy", dir, key);
    if (!fopen(name, "r")) {
        free(raw);
        free(heat);
        return;
    }
    snprintf(name, sizeof name, "%s.scaled.npy", key);
    xk_cam_scale(raw, hw);
    if (load(&want, dir, name) ||
        xr_resize_f32(heat, 224, 224, raw, shape[2], shape[3], XR_BILINEAR, &err)) {
        ok(0, "%s", name);
        return;
    }
    xk_cam_scale(heat, 224 * 224);
    worst = 0;
    for (size_t i = 0; i < 224 * 224; i++)
        worst = fmax(worst, fabs(heat[i] - ((float *)want.data)[i]));
    ok(worst <= 1e-3, "%s scaled: off by %.3g, allowed 0.001", key, worst);
    xr_array_free(&want);
    free(raw);
    free(heat);
}

/* All methods of this file at one layer, for the classes that expected.json has. */
static void one_layer(const char *dir, const cJSON *all, struct xk_spec spec,
                      const char *label, const char *layer, struct xr_model *weights,
                      double rv, const float *input)
{
    struct xk_net *net = NULL;
    struct xr_err err;
    float *logits = calloc(2 * spec.n_classes, sizeof *logits), *act, *grad,
          *d = calloc(2 * spec.n_classes, sizeof *d);
    size_t shape[4];

    spec.keep = layer;
    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", label, err.text);
        return;
    }
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v = calloc(p->count, sizeof *v);
        int rc = 0;

        if (!weights)
            fm_golden(v, p->name, p->n_dims, p->shape, p->count, rv);
        else if (xr_model_tensor(weights, p->name))
            rc = xr_tensor_f32(v, xr_model_tensor(weights, p->name), &err);
        rc = rc || xk_net_set(net, i, v, &err);
        free(v);
        if (rc)
            ok(0, "%s", err.text);
    }
    if (xk_net_kept(net, NULL, NULL, shape, &err)) {
        ok(0, "%s", err.text);
        return;
    }
    act = calloc(2 * shape[1] * shape[2] * shape[3], sizeof *act);
    grad = calloc(2 * shape[1] * shape[2] * shape[3], sizeof *grad);
    for (size_t class = 0; class < spec.n_classes; class ++) {
        int wanted = 0;
        char key[128];

        for (size_t m = 0; xk_cam_at(m); m++) {
            snprintf(key, sizeof key, "%s.%s.%s.class%zu", label, layer,
                     xk_cam_at(m)->name, class);
            wanted |= cJSON_GetObjectItem(all, key) != NULL;
        }
        if (!wanted)
            continue;
        memset(d, 0, 2 * spec.n_classes * sizeof *d);
        d[class] = 1;
        if (xk_net_input_f32(net, input, 1, &err) ||
            xk_net_forward_keep(net, logits, &err) || xk_net_zero_grad(net, &err) ||
            xk_net_backward(net, d, &err) || xk_net_kept(net, act, grad, shape, &err)) {
            ok(0, "%s: %s", label, err.text);
            continue;
        }
        for (size_t m = 0; xk_cam_at(m); m++) {
            snprintf(key, sizeof key, "%s.%s.%s.class%zu", label, layer,
                     xk_cam_at(m)->name, class);
            if (cJSON_GetObjectItem(all, key))
                one_case(dir, key, cJSON_GetObjectItem(all, key), xk_cam_at(m)->name,
                         (int)class, act, grad, shape);
        }
    }
    xk_net_close(net);
    free(logits);
    free(d);
    free(act);
    free(grad);
}

static void nets(const char *shared, const char *dir, const cJSON *all)
{
    struct xk_spec spec = {.n_classes = 3,
                           .channels = 3,
                           .height = 224,
                           .width = 224,
                           .batch = 1,
                           .training = true};
    float *input = calloc(2 * 3 * 224 * 224, sizeof *input);
    struct xr_model lite;
    struct xr_array pretrained;
    struct xr_err err;
    char path[512];

    fm_images(input, "input", 2, 3, 224, 224);
    spec.arch = "resnet18";
    one_layer(dir, all, spec, "resnet18", "layer4", NULL, 1.5, input);
    one_layer(dir, all, spec, "resnet18", "layer3", NULL, 1.5, input);
    spec.arch = "efficientnet_b0";
    one_layer(dir, all, spec, "efficientnet_b0", "bn2", NULL, 0.7, input);
    one_layer(dir, all, spec, "efficientnet_b0", "blocks.6", NULL, 0.7, input);
    free(input);
    snprintf(path, sizeof path, "%s/weights", shared);
    if (load(&pretrained, path, "golden_input.npy"))
        return;
    snprintf(path, sizeof path, "%s/weights/tf_efficientnet_lite0.safetensors", shared);
    if (xr_model_open(&lite, path, &err)) {
        ok(0, "%s", err.text);
        return;
    }
    spec.arch = "tf_efficientnet_lite0";
    spec.n_classes = 1000;
    one_layer(dir, all, spec, "pretrained_lite0", "bn2", &lite, 0, pretrained.data);
    one_layer(dir, all, spec, "pretrained_lite0", "blocks.4", &lite, 0, pretrained.data);
    xr_model_close(&lite);
    xr_array_free(&pretrained);
}

static int read_png(struct xr_image *image, const char *dir, const char *name)
{
    struct xr_image_info info;
    struct xr_buf buf;
    struct xr_err err;
    char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (xr_read_file(&buf, path, 1 << 26, NULL, &err) ||
        xr_image_decode(image, &info, buf.data, buf.size, XR_COLOR_RGB, &err)) {
        ok(0, "%s", err.text);
        return -1;
    }
    xr_buf_free(&buf);
    return 0;
}

static void overlays(const char *dir)
{
    static const char *const names[] = {"jet", "viridis", "inferno", "turbo"};
    struct xr_image film, want, got;
    struct xr_array heat, table;
    struct xr_err err;

    for (int t = 0; t < 4; t++) {
        char name[64];
        int bad = 0;

        snprintf(name, sizeof name, "colormap_%s_rgb.npy", names[t]);
        if (load(&table, dir, name))
            continue;
        for (int i = 0; i < 768; i++)
            bad += (xr_colormap(t, (unsigned)i / 3) >> (16 - 8 * (i % 3)) & 255) !=
                   ((uint8_t *)table.data)[i];
        ok(!bad, "colour table %s", names[t]);
        xr_array_free(&table);
    }
    if (read_png(&film, dir, "overlay_input.png") ||
        load(&heat, dir, "resnet18.layer4.gradcam.class2.scaled.npy"))
        return;
    for (int w = 5; w <= 7; w += 2) {
        char name[64];
        int worst = 0;

        snprintf(name, sizeof name, "overlay_jet_w0.%d.png", w);
        if (read_png(&want, dir, name) ||
            xr_overlay(&got, &film, heat.data, 0, w / 10.0, &err)) {
            ok(0, "%s", name);
            return;
        }
        for (size_t i = 0; i < 3 * got.width * got.height; i++) {
            int off = abs(((uint8_t *)got.data)[i] - ((uint8_t *)want.data)[i]);

            worst = off > worst ? off : worst;
        }
        ok(worst <= 1, "%s: off by %d levels", name, worst);
        xr_image_free(&want);
        xr_image_free(&got);
    }
    xr_image_free(&film);
    xr_array_free(&heat);
}

/* By hand, where no reference is at hand: two channels over two pixels. */
static void by_hand(void)
{
    static const float act[] = {1, 2, 3, 4}, grad[] = {1, 3, -2, 0};
    float map[2];

    xk_cam_find("gradcam")->map(map, act, grad, 2, 2);
    near(map[0], 2 * 1 - 1 * 3, 1e-6, "gradcam: means of the gradients weigh");
    xk_cam_find("hirescam")->map(map, act, grad, 2, 2);
    near(map[1], 6, 1e-6, "hirescam: products");
    xk_cam_find("layercam")->map(map, act, grad, 2, 2);
    near(map[0], 1, 1e-6, "layercam: positive gradients");
    map[0] = -1;
    map[1] = 4;
    xk_cam_scale(map, 2);
    ok(map[0] == 0 && fabsf(map[1] - 1) < 1e-6f, "scaled to [0, 1]");
    ok(!xk_cam_find("nocam"), "an unknown method is not found");
}

int main(void)
{
    const char *shared = tap_shared();
    char dir[512], path[600];
    struct xr_err err;
    cJSON *all, *cam;

    by_hand();
    if (!shared) {
        tap_skip("golden/cam", "reference data not found (set XR_SHARED)");
        return tap_done();
    }
    snprintf(dir, sizeof dir, "%s/golden/cam", shared);
    snprintf(path, sizeof path, "%s/expected.json", dir);
    all = xr_json_read(path, NULL, &err);
    cam = cJSON_GetObjectItem(all, "cam");
    if (!ok(cam != NULL, "expected.json"))
        return tap_done();
    nets(shared, dir, cam);
    overlays(dir);
    cJSON_Delete(all);
    return tap_done();
}
