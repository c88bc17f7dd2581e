/*
 * What a training recipe is made of, against timm and PyTorch: training_reference.h is
 * made by tests/reference/training.py.
 */
#include <string.h>

#include "formula.h"
#include "loss.h"
#include "mix.h"
#include "optim.h"
#include "schedule.h"
#include "tap.h"
#include "training_reference.h"

static void must(int failed, const struct xr_err *err)
{
    if (failed)
        ok(0, "%s", err->text);
}

static size_t find_param(const struct xk_net *net, const char *name)
{
    size_t i = 0;

    while (xk_net_param(net, i) && strcmp(xk_net_param(net, i)->name, name) != 0)
        i++;
    return i;
}

static struct xk_net *open_net(const char *arch)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = 3,
                           .height = 32,
                           .width = 32,
                           .batch = 2,
                           .n_threads = 1,
                           .training = true};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        exit(tap_done());
    }
    return net;
}

/* --- optimisers: the classifier of resnet18, whose gradients are formulas ----------- */

static const char *const moved[2] = {"fc.weight", "fc.bias"};

static void set_weights(struct xk_net *net)
{
    struct xr_err err = {0};
    float v[1536];

    for (int k = 0; k < 2; k++) {
        size_t i = find_param(net, moved[k]);
        const struct xk_param *p = xk_net_param(net, i);

        fm_golden(v, p->name, p->n_dims, p->shape, p->count, 1);
        must(xk_net_set(net, i, v, &err), &err);
    }
}

static void set_gradients(struct xk_net *net, int t)
{
    struct xr_err err = {0};
    float v[1536];
    char name[32];

    for (int k = 0; k < 2; k++) {
        size_t i = find_param(net, moved[k]);

        snprintf(name, sizeof name, "%s.grad%d", moved[k], t);
        for (size_t j = 0; j < xk_net_param(net, i)->count; j++)
            v[j] = (float)(0.5 * fm_u(fm_key(name), j));
        must(xk_net_set_grad(net, i, v, &err), &err);
    }
}

/* The largest difference to a row of the reference. */
static double distance(struct xk_net *net, const double *want)
{
    struct xr_err err = {0};
    float w[1536], b[3];
    double norm = 0, off;

    must(xk_net_get(net, find_param(net, moved[0]), w, &err) ||
             xk_net_get(net, find_param(net, moved[1]), b, &err),
         &err);
    for (size_t j = 0; j < 1536; j++)
        norm += (double)w[j] * (double)w[j];
    off = fabs(sqrt(norm) / want[0] - 1);
    for (size_t j = 0; j < 8; j++)
        off = fmax(off, fabs((double)w[(2 * j + 1) * 1536 / 16] - want[1 + j]));
    for (size_t j = 0; j < 3; j++)
        off = fmax(off, fabs((double)b[j] - want[9 + j]));
    return off;
}

static void check_optimiser(const struct xk_optim_spec *spec, const double want[3][12])
{
    struct xk_net *net = open_net("resnet18");
    const char *name = xk_optim_row(spec->kind)->name;
    struct xk_optim *optim;
    double off = 0, norm = 0, sum = 0;
    struct xr_err err = {0};
    int row = 0;

    xk_net_freeze(net, true);
    set_weights(net);
    must(xk_optim_open(&optim, net, spec, &err), &err);
    for (int t = 0; t < 10; t++) {
        set_gradients(net, t);
        must(xk_optim_step(optim, 0.01 * (1 + t), &norm, &err), &err);
        if (t == 0 || t == 4 || t == 9)
            off = fmax(off, distance(net, want[row++]));
    }
    for (int k = 0; k < 2; k++)
        for (size_t j = 0; j < xk_net_param(net, find_param(net, moved[k]))->count; j++) {
            char grad[32];

            snprintf(grad, sizeof grad, "%s.grad9", moved[k]);
            sum += pow(0.5 * fm_u(fm_key(grad), j), 2);
        }
    ok(off < 3e-6, "%s: ten steps as PyTorch and timm take them (off by %.2g)", name,
       off);
    near(norm, sqrt(sum), 1e-6 * norm, "the norm before clipping");
    /* a gradient that is not a number moves nothing */
    must(xk_net_set_grad(net, find_param(net, "fc.bias"),
                         (const float[]){NAN, 1.0f, 1.0f}, &err),
         &err);
    ok(xk_optim_step(optim, 0.1, NULL, &err) != 0 && distance(net, want[2]) < 3e-6,
       "%s: %s", name, err.text);
    xk_optim_close(optim);
    xk_net_close(net);
}

static void check_optimisers(void)
{
    const struct xk_optim_row *lamb = xk_optim_row(XK_LAMB),
                              *lion = xk_optim_row(XK_LION);
    struct xk_optim_spec adamw = {
        .kind = XK_ADAMW, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-8, .decay = 0.05};
    struct xk_optim_spec sgd = {
        .kind = XK_SGD, .momentum = 0.9, .nesterov = true, .decay = 0.05};
    struct xk_optim_spec lamb_spec = {.kind = XK_LAMB,
                                      .beta1 = lamb->beta1,
                                      .beta2 = lamb->beta2,
                                      .eps = lamb->eps,
                                      .decay = 0.05,
                                      .clip = lamb->clip};
    struct xk_optim_spec lion_spec = {
        .kind = XK_LION, .beta1 = lion->beta1, .beta2 = lion->beta2, .decay = 0.05};

    check_optimiser(&adamw, ref_adamw);
    check_optimiser(&sgd, ref_sgd);
    check_optimiser(&lamb_spec, ref_lamb);
    check_optimiser(&lion_spec, ref_lion);
}

/* An average that warms up: 1 - k^(-2/3) is 0, 0.37, 0.52 in the first updates. */
static void check_average(void)
{
    struct xk_optim_spec spec = {
        .kind = XK_LION, .beta1 = 0.9, .beta2 = 0.99, .ema = 0.5, .ema_warmup = true};
    struct xk_net *net = open_net("resnet18");
    size_t bias = find_param(net, moved[1]), stem = find_param(net, "conv1.weight");
    float v[3] = {0}, frozen[2][9408];
    double want = 0;
    struct xk_optim *optim;
    struct xr_err err = {0};

    must(xk_net_init(net, 1, &err), &err);
    xk_net_freeze(net, true);
    must(xk_net_set(net, bias, v, &err) || xk_net_get(net, stem, frozen[0], &err), &err);
    must(xk_optim_open(&optim, net, &spec, &err), &err);
    for (int k = 1; k <= 3; k++) { /* every step adds 0.25 */
        double decay = fmin(0.5, 1 - pow(k, -2.0 / 3.0));

        must(xk_net_set_grad(net, bias, (const float[]){-1.0f, -1.0f, -1.0f}, &err),
             &err);
        must(xk_optim_step(optim, 0.25, NULL, &err), &err);
        want = decay * want + (1 - decay) * 0.25 * k;
    }
    must(xk_optim_swap_ema(optim, &err) || xk_net_get(net, bias, v, &err) ||
             xk_net_get(net, stem, frozen[1], &err),
         &err);
    near((double)v[0], want, 1e-6, "a moving average that warms up");
    ok(memcmp(frozen[0], frozen[1], sizeof *frozen) == 0,
       "what is frozen has its own value for an average, to the bit");
    xk_optim_close(optim);
    xk_net_close(net);
}

/* --- schedules --------------------------------------------------------------------- */

static void check_cycle(const double (*want)[2], uint64_t n, double part)
{
    struct xk_schedule s = {
        .kind = XK_ONECYCLE, .base = 0.1, .steps = n, .rise = part * (double)n};
    double rate = 0, momentum = 0;

    for (uint64_t t = 0; t < n; t++) {
        rate = fmax(rate, fabs(xk_schedule_lr(&s, t) / want[t][0] - 1));
        momentum = fmax(momentum, fabs(xk_schedule_momentum(&s, t) - want[t][1]));
    }
    ok(rate < 1e-9 && momentum < 1e-12, "one-cycle of %llu: rate and momentum (%.2g)",
       (unsigned long long)n, rate);
    ok(xk_schedule_lr(&s, n + 5) == xk_schedule_lr(&s, n - 1), "it stays at its end");
}

static void check_steps(void)
{
    struct xk_schedule marks = {.kind = XK_STEP,
                                .base = 0.1,
                                .steps = 8,
                                .factor = 0.3,
                                .milestones = {2, 5, 6},
                                .n_milestones = 3};
    struct xk_schedule every = {
        .kind = XK_STEP, .base = 0.1, .steps = 8, .factor = 0.5, .every = 3};
    double off = 0;

    for (uint64_t e = 0; e < 8; e++) {
        off = fmax(off, fabs(xk_schedule_lr(&marks, e) / ref_multistep[e][0] - 1));
        off = fmax(off, fabs(xk_schedule_lr(&every, e) / ref_step[e][0] - 1));
    }
    ok(off < 1e-12, "steps at milestones and at equal distances");
    every.low = 0.04;
    every.warmup = 2;
    near(xk_schedule_lr(&every, 0), 0.05, 1e-15, "steps behind a warm-up");
    near(xk_schedule_lr(&every, 7), 0.04, 1e-15, "no rate below the lowest");
}

static void check_plateau(const double (*want)[2], bool lower)
{
    struct xk_plateau p = {.factor = 0.2,
                           .threshold = 1e-2,
                           .low = 1e-4,
                           .patience = 2,
                           .cooldown = 1,
                           .lower = lower};
    double rate = 0.1, off = 0;

    for (int e = 0; e < 40; e++) {
        rate = xk_plateau_rate(&p, rate, want[e][0]);
        off = fmax(off, fabs(rate / want[e][1] - 1));
    }
    ok(off < 1e-12, "a plateau, %s is better", lower ? "smaller" : "larger");
}

/* --- layer-wise rates -------------------------------------------------------------- */

static void check_layers(const char *arch, const char *runs)
{
    struct xk_net *net = open_net(arch);
    int *depth = malloc(xk_net_n_params(net) * sizeof *depth), want = 0, n = 0, used = 0;
    size_t wrong = 0;

    xk_net_depths(net, depth);
    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        if (!xk_net_param(net, i)->trainable)
            continue;
        if (n == 0) {
            if (sscanf(runs, "%dx%d%n", &want, &n, &used) != 2)
                break;
            runs += used;
        }
        wrong += depth[i] != want;
        n--;
    }
    ok(wrong == 0 && n == 0 && !*runs, "%s: depths as timm's layer decay", arch);
    free(depth);
    xk_net_close(net);
}

/* A block moves by the decay to the power of its depth. */
static void check_layer_rates(void)
{
    struct xk_optim_spec spec = {.kind = XK_SGD, .layer_decay = 0.5};
    static const struct {
        const char *name;
        int depth;
    } some[] = {{"fc.bias", 0}, {"layer4.1.bn2.bias", 1}, {"bn1.bias", 9}};
    struct xk_net *net = open_net("resnet18");
    struct xk_optim *optim;
    double off = 0;
    float v[512], one[512];
    struct xr_err err = {0};

    must(xk_optim_open(&optim, net, &spec, &err) || xk_net_zero_grad(net, &err), &err);
    for (size_t i = 0; i < 512; i++)
        one[i] = 1;
    for (size_t k = 0; k < 3; k++)
        must(xk_net_set_grad(net, find_param(net, some[k].name), one, &err), &err);
    must(xk_optim_step(optim, 0.25, NULL, &err), &err);
    for (size_t k = 0; k < 3; k++) {
        must(xk_net_get(net, find_param(net, some[k].name), v, &err), &err);
        off = fmax(off, fabs((double)v[0] + 0.25 * pow(0.5, some[k].depth)));
    }
    ok(off < 1e-9, "the rate of a block is scaled by its depth");
    xk_optim_close(optim);
    xk_net_close(net);
}

/* --- MixUp and CutMix -------------------------------------------------------------- */

static void check_boxes(void)
{
    size_t n = sizeof ref_boxes / sizeof *ref_boxes;
    double off = 0;

    for (size_t i = 0; i < n; i++) {
        const double *r = ref_boxes[i];
        struct xk_mixed m = {0};

        xk_mix_box(&m, r[2], (size_t)r[3], (size_t)r[4], (size_t)r[0], (size_t)r[1]);
        off = fmax(off, fabs((double)m.y0 - r[5]) + fabs((double)m.y1 - r[6]) +
                            fabs((double)m.x0 - r[7]) + fabs((double)m.x1 - r[8]) +
                            fabs(m.lam - r[9]));
    }
    ok(off < 1e-12, "CutMix's boxes are timm's");
}

static void check_mixed_loss(void)
{
    static const int64_t labels[5] = {0, 3, 1, 1, 2};
    struct xk_loss loss = {.kind = XK_LOSS_CROSS_ENTROPY, .smoothing = 0.1};
    float z[20], d[20];
    double off = 0, weight;

    for (size_t i = 0; i < 20; i++)
        z[i] = (float)(3 * fm_u(fm_key("mix.logits"), i));
    near(xk_loss_mixed(d, z, labels, 5, 4, &loss, 0.35, &weight), ref_mix_loss, 1e-6,
         "a mixed batch's loss is timm's");
    for (size_t i = 0; i < 20; i++)
        off = fmax(off, fabs((double)d[i] - ref_mix_gradient[i / 4][i % 4]));
    ok(off < 1e-7 && weight == 5, "and its gradient");
    loss.sum = true;
    xk_loss_mixed(d, z, labels, 5, 4, &loss, 0.35, NULL);
    for (size_t i = 0; i < 20; i++)
        off = fmax(off, fabs((double)d[i] - 5 * ref_mix_gradient[i / 4][i % 4]));
    ok(off < 1e-6, "and the gradient of the sum");
}

/* max(z, 0) - z t + log(1 + exp(-|z|)), worked out by hand. */
static void check_map_loss(void)
{
    static const float z[3] = {0, 2, -3}, t[3] = {0.5f, 1, 0.25f};
    static const double slope[3] = {0, 0.8807970780 - 1, 0.0474258732 - 0.25};
    float d[3];
    double off = 0;

    near(xk_loss_map(d, z, t, 3, 6), (0.6931471806 + 0.1269280110 + 0.7985873516) / 3,
         1e-9, "the loss of a map is the mean of its cells'");
    for (size_t i = 0; i < 3; i++)
        off = fmax(off, fabs((double)d[i] - 2 * slope[i]));
    ok(off < 1e-6, "and its gradient, scaled");
}

/* Draws of Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)). */
static void check_draws(void)
{
    struct xk_mix both = {.mixup = 0.2, .cutmix = 1, .prob = 0.8, .switch_prob = 0.3};
    struct xk_mix mixup = {.mixup = 0.2, .prob = 1}, cutmix = {.cutmix = 1, .prob = 1};
    size_t n = 4000, plain = 0, cut = 0, outside = 0;
    double sum = 0, squares = 0, area = 0;
    struct xk_mixed m, again;

    for (size_t i = 0; i < n; i++) {
        xk_mix_draw(&m, &mixup, 7, 2, i, 20, 30);
        sum += m.lam;
        squares += (m.lam - 0.5) * (m.lam - 0.5);
        outside += !(m.lam >= 0 && m.lam <= 1);
        xk_mix_draw(&m, &both, 7, 2, i, 20, 30);
        plain += m.lam == 1 && !m.cut;
        cut += m.cut;
        outside += m.cut && (m.y1 > 20 || m.x1 > 30 || m.y0 > m.y1 || m.x0 > m.x1);
        xk_mix_draw(&m, &cutmix, 7, 2, i, 20, 30);
        outside += !m.cut;
        area += m.lam;
    }
    near(sum / (double)n, 0.5, 0.03, "Beta(0.2, 0.2): its mean");
    near(squares / (double)n, 1 / (4 * 1.4), 0.01, "and its variance");
    near((double)plain / (double)n, 0.2, 0.03, "batches that stay as they are");
    near((double)cut / (double)n, 0.8 * 0.3, 0.03, "batches with a box");
    ok(outside == 0 && area / (double)n > 0.5, "every draw is in its range");
    xk_mix_draw(&m, &both, 7, 2, 11, 20, 30);
    xk_mix_draw(&again, &both, 7, 2, 11, 20, 30);
    ok(m.lam == again.lam && m.cut == again.cut && m.y0 == again.y0, "a draw repeats");
    xk_mix_draw(&again, &mixup, 8, 2, 11, 20, 30);
    xk_mix_draw(&m, &mixup, 7, 2, 11, 20, 30);
    ok(m.lam != again.lam, "another seed draws otherwise");
}

static void check_mixed_images(void)
{
    float x[3 * 2 * 12], want = 0;
    struct xk_mixed blend = {.lam = 0.25},
                    box = {.lam = 0.5, .cut = true, .y0 = 1, .y1 = 3, .x0 = 0, .x1 = 2};
    size_t wrong = 0;

    for (size_t i = 0; i < 72; i++)
        x[i] = (float)i;
    xk_mix_images(x, &blend, 3, 2, 3, 4);
    for (size_t i = 0; i < 72; i++) {
        want = 0.25f * (float)i + 0.75f * (float)((2 - i / 24) * 24 + i % 24);
        wrong += fabsf(x[i] - want) > 1e-4f;
    }
    ok(wrong == 0, "MixUp of three images, the middle one with itself");
    for (size_t i = 0; i < 72; i++)
        x[i] = (float)i;
    xk_mix_images(x, &box, 3, 2, 3, 4);
    for (size_t i = 0; i < 72; i++) {
        size_t p = i % 12;

        want = p / 4 >= 1 && p % 4 < 2 ? (float)((2 - i / 24) * 24 + i % 24) : (float)i;
        wrong += x[i] != want;
    }
    ok(wrong == 0, "CutMix exchanges the box");
}

/* Whether features may be kept. */
static void check_fixed(const char *arch, float drop, bool want)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = 3,
                           .height = 64,
                           .width = 64,
                           .batch = 1,
                           .n_threads = 1,
                           .drop_rate = drop};
    struct xk_net *net;
    struct xr_err err = {0};

    if (xk_net_open(&net, &spec, &err)) {
        ok(0, "%s: %s", arch, err.text);
        return;
    }
    ok(xk_net_features_fixed(net) == want, "%s, dropout %g: features are %s", arch,
       (double)drop, want ? "fixed" : "random");
    xk_net_close(net);
}

int main(void)
{
    check_fixed("resnet18", 0.5f, true);
    check_fixed("alexnet", 0.5f, false);
    check_fixed("alexnet", 0, true);
    check_boxes();
    check_map_loss();
    check_mixed_loss();
    check_draws();
    check_mixed_images();
    check_optimisers();
    check_average();
    check_cycle(ref_onecycle, 40, 0.3);
    check_cycle(ref_onecycle_half, 9, 0.5);
    check_steps();
    check_plateau(ref_plateau_max, false);
    check_plateau(ref_plateau_min, true);
    for (size_t i = 0; i < sizeof ref_layers / sizeof *ref_layers; i++)
        check_layers(ref_layers[i].arch, ref_layers[i].runs);
    check_layer_rates();
    return tap_done();
}
