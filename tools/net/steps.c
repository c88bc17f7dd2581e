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

/* By plan: records that were dropped upstream do not move it. */
static uint64_t number(const struct xr_trainer *t)
{
    return (uint64_t)(t->epoch - 1) * t->steps_per_epoch + t->epoch_step;
}

double xr_trainer_rate(const struct xr_trainer *t)
{
    return xk_schedule_lr(&t->schedule, number(t));
}

static int not_finite(const struct xr_batch *b, const struct xr_trainer *t,
                      struct xr_err *err)
{
    struct xr_buf keys = {0};

    for (size_t i = 0; i < b->n && keys.size < 600; i++) {
        if (xr_buf_printf(&keys, err, "%s%s", i ? ", " : "", b->records[i].key))
            return -1;
    }
    xr_fail(err,
            "the loss is not finite in epoch %lld, step %llu (a smaller --lr, or "
            "--clip?); its batch: %s",
            (long long)t->epoch, (unsigned long long)t->epoch_step + 1, keys.data);
    xr_buf_free(&keys);
    return -1;
}

int xr_trainer_step(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_batch *b = &t->batch;
    size_t k = t->header.n_classes;
    double loss, weight;

    for (size_t i = 0; i < b->n; i++) {
        if (b->labels[i] < 0)
            return xr_fail(err, "record '%s' has no label", b->records[i].key);
    }
    if (xr_batch_input(b, t->c.net, &t->c.pre, err) ||
        xk_net_forward(t->c.net, t->logits, true, (uint64_t)t->cli->seed, t->step, err))
        return -1;
    loss = xk_loss_forward(t->d_logits, t->logits, b->labels, b->n, k, &t->loss, &weight);
    if (!isfinite(loss))
        return not_finite(b, t, err);
    if (!t->set->fixed_momentum && xk_schedule_momentum(&t->schedule, number(t)) >= 0)
        xk_optim_set_momentum(t->optim, xk_schedule_momentum(&t->schedule, number(t)));
    if (xk_net_zero_grad(t->c.net, err) || xk_net_backward(t->c.net, t->d_logits, err) ||
        xk_optim_step(t->optim, xr_trainer_rate(t), NULL, err) ||
        xr_scores_add(&t->scores, t->logits, b->labels, b->n, loss, weight, err))
        return -1;
    xr_trainer_see(t, b);
    t->step++;
    t->epoch_step++;
    return 0;
}
