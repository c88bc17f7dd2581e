/*
 * The seven trajectories of golden/train: losses, learning rates, gradient norms, first
 * step, EMA.
 */
#include "json.h"
#include "loss.h"
#include "nets.h"
#include "optim.h"
#include "schedule.h"

enum {
    BATCH = 8,
    SIDE = 64,
    PIXELS = 3 * SIDE * SIDE,
    STEPS = 30
};

static const char *shared;

static void must(int failed, const struct xr_err *err)
{
    if (failed)
        ok(0, "%s", err->text);
}

static void make_batch(float *x, int64_t *labels, int t)
{
    char name[32];
    uint64_t key;

    snprintf(name, sizeof name, "labels%d", t);
    key = fm_key(name);
    for (size_t n = 0; n < BATCH; n++) {
        double u = fm_u(key, n);

        labels[n] = u < 0 ? 0 : u < 0.8 ? 1 : 2;
    }
    snprintf(name, sizeof name, "batch%d.coarse", t);
    key = fm_key(name);
    snprintf(name, sizeof name, "batch%d.fine", t);
    for (size_t i = 0; i < (size_t)BATCH * 3; i++) {
        uint64_t fine = fm_key(name);
        double shift = (int64_t)(i % 3) == labels[i / 3] ? 0.5 : 0;

        for (size_t p = 0; p < SIDE * SIDE; p++) {
            size_t y = p / SIDE, c = p % SIDE;

            x[i * SIDE * SIDE + p] =
                (float)(1.5 * fm_u(key, (i * 8 + y * 8 / SIDE) * 8 + c * 8 / SIDE) +
                        0.5 * fm_u(fine, i * SIDE * SIDE + p) + shift);
        }
    }
}

static struct xk_net *open_net(const char *arch)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = 3,
                           .height = SIDE,
                           .width = SIDE,
                           .batch = BATCH,
                           .n_threads = 1,
                           .training = true};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        return NULL;
    }
    fill(net, 1);
    return net;
}

static double sample_of(const float *v, size_t n, size_t i, size_t k)
{
    return (double)v[(2 * i + 1) * n / (2 * k)];
}

/*
 * Tensors after the first step. SGD: the L2 norm's and the samples' change; AdamW:
 * samples within 5 % of lr. Tensors whose change is rounding alone (their gradient is 0
 * in theory) have none to compare.
 */
static void check_first_step(struct xk_net *net, const cJSON *json, const char *run,
                             bool adamw, double lr)
{
    const cJSON *row = cJSON_GetObjectItem(json, "tensors_after_step_1")->child;
    double top = 0;
    size_t n = 0, zero = 0;
    struct xr_err err = {0};

    for (size_t i = 0; i < xk_net_n_params(net) && row; i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v, *start;

        if (strcmp(cJSON_GetArrayItem(row, 0)->valuestring, p->name) != 0)
            continue;
        v = malloc(p->count * sizeof *v);
        start = malloc(p->count * sizeof *start);
        must(xk_net_get(net, i, v, &err), &err);
        fm_golden(start, p->name, p->n_dims, p->shape, p->count, 1);
        for (size_t k = 0; k < 4; k++, n++) {
            double want =
                cJSON_GetArrayItem(cJSON_GetArrayItem(row, 2), (int)k)->valuedouble;
            double got = sample_of(v, p->count, k, 4),
                   old = sample_of(start, p->count, k, 4);
            double change = fabs(want - old), off = fabs(got - want);

            if (!p->trainable)
                off = off / (1e-5 * fmax(1, fabs(want)));
            else if (adamw)
                off = off / (0.05 * lr + 1.2e-7 * fabs(want));
            else
                off = off / (1e-3 * change + 1e-3 * lr + 1.2e-7 * fabs(want));
            /* a gradient that is 0 but for rounding: its sign is chance, its step at most
             * lr */
            if (adamw && p->trainable && change < 1e-3 * lr) {
                off = fabs(got - want) / (1.01 * lr + 1.2e-7 * fabs(want));
                zero++;
            }
            top = fmax(top, isnan(off) ? INFINITY : off);
        }
        free(v);
        free(start);
        row = row->next;
    }
    ok(!row && top <= 1,
       "%s: tensors after the first step (%.2g of what is allowed; %zu of %zu gradients "
       "are "
       "zero in theory)",
       run, top, zero, n);
}

static void check_logits(struct xk_net *net, const cJSON *json, const char *key,
                         const char *run)
{
    float *x = malloc(4 * PIXELS * sizeof *x), logits[12];
    const cJSON *rows = cJSON_GetObjectItem(json, key), *row, *v;
    char f32[64];
    const cJSON *other;
    double off = 0, drift = 0;
    int i = 0;
    struct xr_err err = {0};

    snprintf(f32, sizeof f32, "%s_float32", key);
    other = cJSON_GetObjectItem(json, f32);
    fm_images(x, "eval", 4, 3, SIDE, SIDE);
    must(xk_net_input_f32(net, x, 4, &err) ||
             xk_net_forward(net, logits, false, 0, 0, &err),
         &err);
    cJSON_ArrayForEach(row, rows) cJSON_ArrayForEach(v, row)
    {
        off = fmax(off, fabs((double)logits[i] - v->valuedouble));
        if (other)
            drift = fmax(drift,
                         fabs(cJSON_GetArrayItem(cJSON_GetArrayItem(other, i / 3), i % 3)
                                  ->valuedouble -
                              v->valuedouble));
        i++;
    }
    /* the run's own float32 drift is the measure, as for its losses */
    ok(off <= fmax(2e-2, 20 * drift), "%s: %s (off by %.2g, PyTorch's float32 by %.2g)",
       run, key, off, drift);
    free(x);
}

static struct xk_optim_spec optim_spec(const cJSON *config)
{
    struct xk_optim_spec spec = {.momentum = 0.9,
                                 .nesterov = true,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .decay_1d = true};

    spec.kind = strcmp(xr_json_text(config, "opt", ""), "adamw") == 0 ? XK_ADAMW : XK_SGD;
    spec.decay = xr_json_number(config, "wd", 0);
    spec.clip = xr_json_number(config, "clip", 0);
    spec.ema = xr_json_number(config, "ema", 0);
    if (cJSON_IsTrue(cJSON_GetObjectItem(config, "no_decay_1d")))
        spec.decay_1d = false;
    return spec;
}

static void follow(const char *run)
{
    static const double weights[3] = {0.5, 0.8, 2.5};
    static float x[BATCH * PIXELS];
    char path[4096];
    const cJSON *config, *step;
    cJSON *json;
    struct xk_net *net;
    struct xk_optim *optim;
    struct xk_optim_spec spec;
    struct xk_loss loss = {.gamma = 2};
    struct xk_schedule schedule = {.kind = 1, .warmup = 5, .steps = STEPS};
    const char *kind;
    double top = 0, drift = 0, norms = 0, rates = 0, last = 0;
    int64_t labels[BATCH];
    struct xr_err err = {0};
    int t = 0;

    snprintf(path, sizeof path, "%s/golden/train/%s.expected.json", shared, run);
    json = xr_json_read(path, NULL, &err);
    if (!json) {
        ok(0, "%s", err.text);
        return;
    }
    config = cJSON_GetObjectItem(json, "config");
    kind = xr_json_text(config, "loss", "");
    loss.kind = strcmp(kind, "focal") == 0 ? XK_LOSS_FOCAL : XK_LOSS_CROSS_ENTROPY;
    loss.weights = strcmp(kind, "ce") == 0 ? NULL : weights;
    loss.smoothing = xr_json_number(config, "smoothing", 0);
    schedule.base = xr_json_number(config, "lr", 0);
    schedule.low = schedule.base / 100;
    spec = optim_spec(config);
    net = open_net(xr_json_text(config, "model", ""));
    must(xk_optim_open(&optim, net, &spec, &err), &err);
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(json, "steps"))
    {
        float logits[BATCH * 3], d_logits[BATCH * 3];
        double want = xr_json_number(step, "loss", 0), value, norm, allowed;
        double lr = xk_schedule_lr(&schedule, (uint64_t)t);
        double want_norm = xr_json_number(step, "grad_norm_before_clip", 0);

        rates = fmax(rates, fabs(lr / xr_json_number(step, "lr", 0) - 1));
        make_batch(x, labels, t);
        must(xk_net_zero_grad(net, &err) || xk_net_input_f32(net, x, BATCH, &err) ||
                 xk_net_forward(net, logits, true, 0, (uint64_t)t, &err),
             &err);
        value = xk_loss_forward(d_logits, logits, labels, BATCH, 3, &loss, NULL);
        must(xk_net_backward(net, d_logits, &err) ||
                 xk_optim_step(optim, lr, &norm, &err),
             &err);
        drift = fmax(drift, fabs(xr_json_number(step, "loss_float32", 0) - want));
        allowed = t == 0   ? 1e-5 * fabs(want)
                  : t <= 4 ? 1e-4 * fmax(1, want)
                           : fmax(1e-3, 20 * drift);
        top = fmax(top, fabs(value - want) / allowed);
        if (t < 3)
            norms = fmax(norms, fabs(norm / want_norm - 1));
        last = lr;
        if (t++ == 0)
            check_first_step(net, json, run, spec.kind == XK_ADAMW, lr);
    }
    (void)last;
    ok(t == STEPS && top <= 1, "%s: losses of %d steps (%.2g of what is allowed)", run, t,
       top);
    ok(rates <= 1e-12, "%s: learning rates", run);
    ok(norms <= 1e-3, "%s: gradient norms of the first steps (off by %.2g)", run, norms);
    check_logits(net, json, "eval_logits", run);
    if (spec.ema > 0) {
        must(xk_optim_swap_ema(optim, &err), &err);
        check_logits(net, json, "ema_eval_logits", run);
    }
    xk_optim_close(optim);
    xk_net_close(net);
    cJSON_Delete(json);
}

int main(void)
{
    static const char *const runs[] = {"resnet18_sgd",
                                       "resnet18_sgd_weighted",
                                       "resnet18_sgd_weighted_smooth_clip",
                                       "resnet18_adamw_focal",
                                       "resnet18_adamw_smooth_clip_ema",
                                       "efficientnet_b0_sgd_smooth",
                                       "efficientnet_b0_adamw_weighted_clip_ema"};

    shared = tap_shared();
    if (!shared) {
        tap_skip("trajectories", "no reference data ($XR_SHARED)");
        return tap_done();
    }
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        follow(runs[i]);
    return tap_done();
}
