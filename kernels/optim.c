/*
 * Optimisers: spans of the value buffer, tensor by tensor, on the net's device.
 */
#include "optim.h"
#include "net_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One tensor of the state: a part of a device buffer, or (part < 0) the steps taken. */
struct state {
    char *name;
    int part;     /* 0: first moment or momentum, 1: second moment, 2: EMA */
    size_t param; /* index */
};

enum {
    MOMENT,
    SECOND,
    EMA,
    N_PARTS
};

struct xk_optim {
    struct xk_net *net;
    struct xk_optim_spec spec;
    float *parts[N_PARTS]; /* laid out as the values */
    float *steps;          /* taken by each parameter; frozen ones do not count */
    double scale;          /* of the gradients */
    double *rates;         /* of each parameter: factors of the learning rate */
    struct xk_span *spans; /* room for all parameters, and the sums over them */
    double *sums;
    size_t *moved; /* the parameters that move */
    double lr;     /* of this step */
    struct state *states;
    size_t n_states;
};

#define BACKEND(optim) ((optim)->net->dev->backend)

/* --- the optimisers ---------------------------------------------------------------- */

/* Each fills what its formula needs besides: k counts the updates of the tensor from 1.
 */
static void settle_sgd(struct xk_hyper *h, const struct xk_optim_spec *o, double lr,
                       double k)
{
    (void)lr;
    (void)k;
    h->beta1 = (float)o->momentum;
    h->nesterov = o->nesterov;
}

static void settle_adamw(struct xk_hyper *h, const struct xk_optim_spec *o, double lr,
                         double k)
{
    h->step = (float)(lr / (1 - pow(o->beta1, k)));
    h->root = (float)sqrt(1 - pow(o->beta2, k));
}

static void settle_lamb(struct xk_hyper *h, const struct xk_optim_spec *o, double lr,
                        double k)
{
    (void)lr;
    settle_adamw(h, o, 1, k);
}

static void settle_lion(struct xk_hyper *h, const struct xk_optim_spec *o, double lr,
                        double k)
{
    (void)h;
    (void)o;
    (void)lr;
    (void)k;
}

/* clip_eps: added to the norm that is clipped by (torch.nn.utils.clip_grad_norm_, but
 * timm's Lamb, which clips itself). state: names of the moments, NULL: it has none. */
static const struct row {
    struct xk_optim_row is;
    void (*settle)(struct xk_hyper *h, const struct xk_optim_spec *o, double lr,
                   double k);
    double clip_eps;
    const char *state[2];
} rows[XK_N_OPTIMS] = {
    /* name, lr, decay, beta1, beta2, eps, clip */
    [XK_ADAMW] = {{"adamw", 1e-3, 0.02, 0.9, 0.999, 1e-8, 0},
                  settle_adamw,
                  1e-6,
                  {"optimizer.exp_avg.", "optimizer.exp_avg_sq."}},
    [XK_SGD] = {{"sgd", 1e-3, 0.02, 0, 0, 0, 0},
                settle_sgd,
                1e-6,
                {"optimizer.momentum_buffer.", NULL}},
    [XK_LAMB] = {{"lamb", 1e-3, 0.01, 0.9, 0.999, 1e-6, 1},
                 settle_lamb,
                 0,
                 {"optimizer.exp_avg.", "optimizer.exp_avg_sq."}},
    [XK_LION] = {{"lion", 1e-4, 0, 0.9, 0.99, 0, 0},
                 settle_lion,
                 1e-6,
                 {"optimizer.exp_avg.", NULL}},
};

const struct xk_optim_row *xk_optim_row(enum xk_optim_kind kind)
{
    return &rows[kind].is;
}

/* --- opening ----------------------------------------------------------------------- */

static int add_state(struct xk_optim *optim, int part, size_t param, const char *fmt,
                     struct xr_err *err)
{
    struct state *s = &optim->states[optim->n_states];

    s->name = part < 0
                  ? xr_strdup("optimizer.step", err)
                  : xr_sprintf(err, "%s%s", fmt, optim->net->graph.params[param].name);
    if (!s->name)
        return -1;
    s->part = part;
    s->param = param;
    optim->n_states++;
    return 0;
}

static int list_state(struct xk_optim *optim, struct xr_err *err)
{
    size_t n = (size_t)optim->net->graph.n_params;

    optim->states = xr_alloc_array(3 * n + 1, sizeof *optim->states, err);
    if (!optim->states || add_state(optim, -1, 0, NULL, err))
        return -1;
    for (int part = 0; part < N_PARTS; part++)
        for (size_t i = 0; i < n && optim->parts[part]; i++)
            if ((part == EMA || optim->net->graph.params[i].param.trainable) &&
                add_state(optim, part, i,
                          part == EMA ? "ema." : rows[optim->spec.kind].state[part], err))
                return -1;
    return 0;
}

static int set_rates(struct xk_optim *optim, struct xr_err *err)
{
    size_t n = (size_t)optim->net->graph.n_params;
    int *depth = xr_alloc_array(n, sizeof *depth, err);

    optim->rates = xr_alloc_array(n, sizeof *optim->rates, err);
    if (!depth || !optim->rates) {
        free(depth);
        return -1;
    }
    xk_net_depths(optim->net, depth);
    for (size_t i = 0; i < n; i++)
        optim->rates[i] =
            optim->spec.layer_decay > 0 ? pow(optim->spec.layer_decay, depth[i]) : 1;
    free(depth);
    return 0;
}

int xk_optim_open(struct xk_optim **out, struct xk_net *net,
                  const struct xk_optim_spec *spec, struct xr_err *err)
{
    struct xk_optim *optim = xr_alloc_array(1, sizeof *optim, err);
    size_t bytes = net->graph.param_floats * sizeof(float);
    bool want[N_PARTS] = {spec->kind != XK_SGD || spec->momentum != 0,
                          rows[spec->kind].state[SECOND] != NULL, spec->ema > 0};

    *out = NULL;
    if (!optim)
        return -1;
    optim->net = net;
    optim->spec = *spec;
    optim->scale = 1;
    if (!net->spec.training) {
        xr_fail(err, "an optimiser for a net that was not opened for training");
        goto failed;
    }
    optim->steps = xr_alloc_array((size_t)net->graph.n_params, sizeof *optim->steps, err);
    optim->spans =
        xr_alloc_array(2 * (size_t)net->graph.n_params, sizeof *optim->spans, err);
    optim->sums =
        xr_alloc_array(2 * (size_t)net->graph.n_params, sizeof *optim->sums, err);
    optim->moved = xr_alloc_array((size_t)net->graph.n_params, sizeof *optim->moved, err);
    if (!optim->steps || !optim->spans || !optim->sums || !optim->moved ||
        set_rates(optim, err))
        goto failed;
    for (int part = 0; part < N_PARTS; part++) {
        if (!want[part])
            continue;
        optim->parts[part] = BACKEND(optim)->alloc(net->dev, bytes, err);
        if (!optim->parts[part])
            goto failed;
    }
    if (optim->parts[EMA]) { /* begins as the values are now */
        struct xk_span all = {
            .p = net->values, .m = optim->parts[EMA], .n = net->graph.param_floats};

        BACKEND(optim)->ema(net->dev, &all, 1, 0);
    }
    if (list_state(optim, err))
        goto failed;
    *out = optim;
    return 0;
failed:
    xk_optim_close(optim);
    return -1;
}

void xk_optim_close(struct xk_optim *optim)
{
    if (!optim)
        return;
    for (int part = 0; part < N_PARTS; part++)
        BACKEND(optim)->free(optim->net->dev, optim->parts[part],
                             optim->net->graph.param_floats * sizeof(float));
    for (size_t i = 0; i < optim->n_states; i++)
        free(optim->states[i].name);
    free(optim->states);
    free(optim->steps);
    free(optim->rates);
    free(optim->spans);
    free(optim->sums);
    free(optim->moved);
    free(optim);
}

static bool moves(const struct xk_param *p)
{
    return p->trainable && !p->frozen;
}

double xk_optim_norm(struct xk_optim *optim)
{
    struct xk_net *net = optim->net;
    size_t n = 0;
    double sum = 0;

    for (int i = 0; i < net->graph.n_params; i++) {
        const struct xk_tensor_info *info = &net->graph.params[i];

        if (moves(&info->param))
            optim->spans[n++] =
                (struct xk_span){.g = net->grads + info->offset, .n = info->param.count};
    }
    BACKEND(optim)->sum_squares(net->dev, optim->sums, optim->spans, n);
    for (size_t i = 0; i < n; i++)
        sum += optim->sums[i];
    return sqrt(sum);
}

static double decay_of(const struct xk_optim *optim, const struct xk_param *p)
{
    return p->n_dims > 1 || optim->spec.decay_1d ? optim->spec.decay : 0;
}

/* The tensor's next update. */
static struct xk_span span_of(struct xk_optim *optim, size_t i, double lr)
{
    struct xk_net *net = optim->net;
    const struct xk_optim_spec *o = &optim->spec;
    const struct xk_tensor_info *info = &net->graph.params[i];
    size_t at = info->offset;
    double decay = decay_of(optim, &info->param);
    double k = (double)(optim->steps[i] += 1.0f);
    struct xk_span span = {.p = net->values + at,
                           .m = optim->parts[MOMENT] ? optim->parts[MOMENT] + at : NULL,
                           .v = optim->parts[SECOND] ? optim->parts[SECOND] + at : NULL,
                           .g = net->grads + at,
                           .n = info->param.count,
                           .hyper = {.lr = (float)lr,
                                     .decay = (float)decay,
                                     .shrink = (float)(1 - lr * decay),
                                     .beta1 = (float)o->beta1,
                                     .beta2 = (float)o->beta2,
                                     .eps = (float)o->eps}};

    rows[o->kind].settle(&span.hyper, o, lr, k);
    return span;
}

/* LAMB: how far the n tensors go along their directions, which stand in their gradients.
 * timm: what is not decayed is not adapted. */
static void follow_directions(struct xk_optim *optim, size_t n)
{
    struct xk_device *dev = optim->net->dev;
    double *p = optim->sums, *u = p + n;

    for (size_t i = 0; i < n; i++) {
        optim->spans[n + i] = optim->spans[i];
        optim->spans[n + i].g = optim->spans[i].p;
    }
    BACKEND(optim)->sum_squares(dev, u, optim->spans, n);
    BACKEND(optim)->sum_squares(dev, p, optim->spans + n, n);
    for (size_t i = 0; i < n; i++) {
        struct xk_span *s = &optim->spans[i];
        bool adapted = s->hyper.decay > 0 && p[i] > 0 && u[i] > 0;
        double lr = optim->lr * optim->rates[optim->moved[i]];

        s->m = s->v = NULL;
        s->hyper =
            (struct xk_hyper){.lr = (float)(lr * (adapted ? sqrt(p[i] / u[i]) : 1))};
    }
    BACKEND(optim)->update(dev, XK_SGD, optim->spans, n, 1);
}

static void update(struct xk_optim *optim, double lr, float scale)
{
    struct xk_net *net = optim->net;
    size_t n = 0;

    optim->lr = lr;
    for (size_t i = 0; i < (size_t)net->graph.n_params; i++)
        if (moves(&net->graph.params[i].param)) {
            optim->moved[n] = i;
            optim->spans[n++] = span_of(optim, i, lr * optim->rates[i]);
        }
    BACKEND(optim)->update(net->dev, optim->spec.kind, optim->spans, n, scale);
    if (optim->spec.kind == XK_LAMB)
        follow_directions(optim, n);
}

/* What stands still has no average to move: its own value is exact. */
static void average(struct xk_optim *optim)
{
    struct xk_net *net = optim->net;
    double decay = optim->spec.ema, k = 0;
    size_t n = 0;

    for (int i = 0; i < net->graph.n_params; i++)
        k = fmax(k, (double)optim->steps[i]);
    if (optim->spec.ema_warmup)
        decay = fmin(decay, 1 - pow(k, -2.0 / 3.0));
    for (int i = 0; i < net->graph.n_params; i++) {
        const struct xk_tensor_info *info = &net->graph.params[i];

        if (!info->param.frozen)
            optim->spans[n++] = (struct xk_span){.p = net->values + info->offset,
                                                 .m = optim->parts[EMA] + info->offset,
                                                 .n = info->param.count};
    }
    BACKEND(optim)->ema(net->dev, optim->spans, n, (float)decay);
}

int xk_optim_step(struct xk_optim *optim, double lr, double *norm, struct xr_err *err)
{
    struct xk_net *net = optim->net;
    double length = xk_optim_norm(optim) * optim->scale, scale = 1;

    if (norm)
        *norm = length;
    if (!isfinite(length))
        return xr_fail(err, "the norm of the gradients is not finite");
    if (optim->spec.clip > 0) {
        scale = optim->spec.clip / (length + rows[optim->spec.kind].clip_eps);
        scale = scale < 1 ? scale : 1;
    }
    update(optim, lr, (float)(scale * optim->scale));
    if (optim->parts[EMA])
        average(optim);
    net->version++;
    return BACKEND(optim)->check ? BACKEND(optim)->check(net->dev, err) : 0;
}

void xk_optim_set_momentum(struct xk_optim *optim, double momentum)
{
    if (optim->spec.kind == XK_SGD)
        optim->spec.momentum = momentum;
    else
        optim->spec.beta1 = momentum;
}

void xk_optim_set_scale(struct xk_optim *optim, double scale)
{
    optim->scale = scale;
}

int xk_optim_swap_ema(struct xk_optim *optim, struct xr_err *err)
{
    struct xk_net *net = optim->net;

    (void)err;
    if (!optim->parts[EMA])
        return 0;
    BACKEND(optim)->swap(net->dev, net->values, optim->parts[EMA],
                         net->graph.param_floats);
    net->version++;
    return 0;
}

/* --- checkpoint -------------------------------------------------------------------- */

size_t xk_optim_n_state(const struct xk_optim *optim)
{
    return optim->n_states;
}

const char *xk_optim_state_name(const struct xk_optim *optim, size_t i)
{
    return i < optim->n_states ? optim->states[i].name : NULL;
}

void xk_optim_state_shape(const struct xk_optim *optim, size_t i, int *n_dims,
                          size_t shape[4])
{
    const struct state *s = &optim->states[i];
    const struct xk_param *p = &optim->net->graph.params[s->param].param;

    if (s->part < 0) {
        *n_dims = 1;
        shape[0] = (size_t)optim->net->graph.n_params;
        return;
    }
    *n_dims = p->n_dims;
    memcpy(shape, p->shape, sizeof p->shape);
}

/* Where a state lies and its size in floats; NULL for the step counts. */
static float *locate(const struct xk_optim *optim, size_t i, size_t *count)
{
    const struct state *s = &optim->states[i];
    const struct xk_tensor_info *info = &optim->net->graph.params[s->param];

    *count = s->part < 0 ? (size_t)optim->net->graph.n_params : info->param.count;
    return s->part < 0 ? NULL : optim->parts[s->part] + info->offset;
}

int xk_optim_get(struct xk_optim *optim, size_t i, float *dst, struct xr_err *err)
{
    size_t count;
    float *src;

    if (i >= optim->n_states)
        return xr_fail(err, "no optimiser state %zu", i);
    src = locate(optim, i, &count);
    if (src)
        BACKEND(optim)->download(optim->net->dev, dst, src, count * sizeof *dst);
    else
        memcpy(dst, optim->steps, count * sizeof *dst);
    return 0;
}

int xk_optim_set(struct xk_optim *optim, size_t i, const float *src, struct xr_err *err)
{
    size_t count;
    float *dst;

    if (i >= optim->n_states)
        return xr_fail(err, "no optimiser state %zu", i);
    dst = locate(optim, i, &count);
    if (dst)
        BACKEND(optim)->upload(optim->net->dev, dst, src, count * sizeof *dst);
    else
        memcpy(optim->steps, src, count * sizeof *src);
    return 0;
}
