/*
 * What a training recipe is made of, against timm and PyTorch: training_reference.h is
 * made by tests/reference/training.py.
 */
#include <string.h>

#include "formula.h"
#include "optim.h"
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

int main(void)
{
    check_optimisers();
    check_average();
    return tap_done();
}
