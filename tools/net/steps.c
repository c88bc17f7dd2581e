/* One step of a training run: a batch through the net and back, an update. */
#include <math.h>
#include <string.h>

#include "trainer_state.h"

void xr_trainer_see(struct xr_trainer *t, const struct xr_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        xr_sha256_add(t->seen, b->records[i].key, strlen(b->records[i].key) + 1);
        xr_sha256_add(t->seen, &b->labels[i], sizeof b->labels[i]);
        xr_sha256_add(t->seen, (char *)b->pixels + i * b->image_bytes, b->image_bytes);
    }
}

/* The update that the last batch belongs to, by plan: records that were dropped upstream
 * do not move it. */
static uint64_t number(const struct xr_trainer *t)
{
    return (uint64_t)(t->epoch - 1) * t->updates_per_epoch +
           (t->epoch_step - 1) / (uint64_t)t->set->accumulate;
}

double xr_trainer_rate(const struct xr_trainer *t)
{
    return xk_schedule_lr(&t->schedule, number(t));
}

/* The batch as the net's input, mixed where the draw says so. */
static int set_input(struct xr_trainer *t, struct xk_mixed *mixed, struct xr_err *err)
{
    const struct xr_batch *b = &t->batch;
    size_t h = t->header.height, w = t->header.width;

    xk_mix_draw(mixed, &t->mix, (uint64_t)t->cli->seed, (uint64_t)t->epoch, t->epoch_step,
                h, w);
    for (size_t i = 0; i < b->n; i++)
        t->labels[i] = b->labels[mixed->lam < 0.5 ? b->n - 1 - i : i];
    if (mixed->lam == 1)
        return xr_batch_input(b, t->c.net, &t->c.pre, err);
    xr_batch_floats(t->mixed, b, &t->c.pre);
    xk_mix_images(t->mixed, mixed, b->n, t->c.pre.net_channels, h, w);
    return xk_net_input_f32(t->c.net, t->mixed, b->n, err);
}

/* A head that is trained alone may know its input. */
static bool has_features(const struct xr_trainer *t)
{
    return t->features && t->epoch <= t->set->freeze_epochs;
}

static int forward_head(struct xr_trainer *t, const struct xr_batch *b, bool training,
                        struct xr_err *err)
{
    const float *features = xr_features_get(t->features, b, &t->c.pre, err);

    return features ? xk_net_forward_head(t->c.net, t->logits, features, b->n, training,
                                          (uint64_t)t->cli->seed, t->step, err)
                    : -1;
}

int xr_trainer_infer(struct xr_trainer *t, const struct xr_batch *b, struct xr_err *err)
{
    if (has_features(t))
        return forward_head(t, b, false, err);
    return xr_batch_input(b, t->c.net, &t->c.pre, err) ||
                   xk_net_forward(t->c.net, t->logits, false, 0, 0, err)
               ? -1
               : 0;
}

/* Logits of t->batch in training. */
static int forward(struct xr_trainer *t, struct xk_mixed *mixed, struct xr_err *err)
{
    if (has_features(t)) { /* never together with mixing */
        *mixed = (struct xk_mixed){.lam = 1};
        memcpy(t->labels, t->batch.labels, t->batch.n * sizeof *t->labels);
        return forward_head(t, &t->batch, true, err);
    }
    if (set_input(t, mixed, err))
        return -1;
    return xk_net_forward(t->c.net, t->logits, true, (uint64_t)t->cli->seed, t->step,
                          err);
}

int xr_trainer_update(struct xr_trainer *t, struct xr_err *err)
{
    double momentum, norm = 0;

    if (!t->group)
        return 0;
    momentum = xk_schedule_momentum(&t->schedule, number(t));
    if (momentum >= 0 && !t->set->fixed_momentum)
        xk_optim_set_momentum(t->optim, momentum);
    if (t->set->accumulate > 1)
        xk_optim_set_scale(t->optim, 1 / t->group_weight);
    t->group = 0;
    t->group_weight = 0;
    if (!xk_optim_step(t->optim, xr_trainer_rate(t), &norm, err))
        return 0;
    return isfinite(norm) ? -1 : xr_guard(t, "the gradient", err);
}

int xr_trainer_step(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_batch *b = &t->batch;
    size_t k = t->header.n_classes;
    struct xk_mixed mixed;
    double loss, weight;

    for (size_t i = 0; i < b->n; i++) {
        if (b->labels[i] < 0)
            return xr_fail(err, "record '%s' has no label", b->records[i].key);
    }
    if (forward(t, &mixed, err))
        return -1;
    loss = xk_loss_mixed(t->d_logits, t->logits, b->labels, b->n, k, &t->loss, mixed.lam,
                         &weight);
    t->step++;
    t->epoch_step++;
    if (!isfinite(loss))
        return xr_guard(t, "the loss", err);
    if (t->map.weight > 0 && !has_features(t) && t->epoch > t->set->freeze_epochs &&
        xr_map_head_step(&t->map, t->c.net, b, &mixed, t->loss.sum ? weight : 1, &loss,
                         err))
        return -1;
    if ((!t->group && xk_net_zero_grad(t->c.net, err)) ||
        xk_net_backward(t->c.net, t->d_logits, err) ||
        xr_scores_add(&t->scores, t->logits, t->labels, b->n, loss, weight, err))
        return -1;
    xr_trainer_see(t, b);
    t->group++;
    t->group_weight += weight;
    if (t->group == t->set->accumulate)
        return xr_trainer_update(t, err);
    /* the update would not know which of its batches it was */
    return isfinite(xk_optim_norm(t->optim)) ? 0 : xr_guard(t, "the gradient", err);
}
