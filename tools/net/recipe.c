/* The recipe of a training run: settings become optimiser, schedule and loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "trainer_state.h"

/* What was not given (-1) is the optimiser's own. */
static double own(double given, double value)
{
    return given < 0 ? value : given;
}

struct xk_optim_spec xr_recipe_optim(const struct xr_train *set)
{
    enum xk_optim_kind kind = (enum xk_optim_kind)set->optimizer;
    const struct xk_optim_row *row = xk_optim_row(kind);

    return (struct xk_optim_spec){.kind = kind,
                                  .momentum = set->momentum,
                                  .nesterov = set->nesterov,
                                  .beta1 = own(set->beta1, row->beta1),
                                  .beta2 = own(set->beta2, row->beta2),
                                  .eps = own(set->eps, row->eps),
                                  .decay = own(set->weight_decay, row->decay),
                                  .decay_1d = set->decay_1d,
                                  .clip = own(set->clip, row->clip),
                                  .layer_decay = set->layer_decay,
                                  .ema = set->ema,
                                  .ema_warmup = set->ema_warmup};
}

struct xk_mix xr_recipe_mix(const struct xr_train *set)
{
    return (struct xk_mix){.mixup = set->mixup,
                           .cutmix = set->cutmix,
                           .prob = set->mix_prob,
                           .switch_prob = set->mix_switch};
}

/* --- schedule ---------------------------------------------------------------------- */

/* "30,60,80": epochs, as updates. */
static int milestones(struct xk_schedule *s, const char *text, uint64_t epoch_steps,
                      struct xr_err *err)
{
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char one[32] = "";
        int64_t epoch;

        if (s->n_milestones == XK_MAX_MILESTONES)
            return xr_fail_usage(err, "--milestones: more than %d", XK_MAX_MILESTONES);
        snprintf(one, sizeof one, "%.*s", (int)strcspn(at, ","), at);
        if (xr_parse_int(&epoch, one, 1, 1000000, err))
            return xr_fail_in(err, "--milestones");
        s->milestones[s->n_milestones++] = (uint64_t)epoch * epoch_steps;
    }
    return 0;
}

int xr_recipe_schedule(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_train *set = t->set;
    struct xk_schedule *s = &t->schedule;
    uint64_t batch = (uint64_t)set->batch,
             per_epoch = ((uint64_t)t->header.records_per_epoch + batch - 1) / batch;
    double rise;

    t->steps_per_epoch = per_epoch;
    per_epoch = (per_epoch + (uint64_t)set->accumulate - 1) / (uint64_t)set->accumulate;
    t->updates_per_epoch = per_epoch;
    rise = set->warmup * (double)per_epoch;
    s->kind = set->schedule;
    s->base = own(set->lr, xk_optim_row((enum xk_optim_kind)set->optimizer)->lr);
    s->low = set->min_lr;
    s->steps = per_epoch * (uint64_t)t->header.epochs;
    if (s->kind == XK_ONECYCLE)
        s->rise = set->warmup < 0 ? 0.3 * (double)s->steps : rise;
    else
        s->warmup = (uint64_t)llround(set->warmup < 0 ? (double)per_epoch : rise);
    s->factor = set->factor;
    s->every = (uint64_t)set->step_every * per_epoch;
    t->plateau = (struct xk_plateau){.factor = set->factor,
                                     .threshold = set->plateau_threshold,
                                     .low = set->min_lr,
                                     .patience = set->plateau_patience,
                                     .cooldown = set->plateau_cooldown,
                                     .lower = t->monitor.lower};
    return set->milestones ? milestones(s, set->milestones, per_epoch, err) : 0;
}

int xr_recipe_check(const struct xr_train *set, struct xr_err *err)
{
    if ((set->schedule == XK_STEP) != (set->step_every > 0 || set->milestones) ||
        (set->step_every > 0 && set->milestones))
        return xr_fail_usage(
            err, "--schedule step goes with one of --step-every and --milestones");
    if (set->schedule == XK_PLATEAU && !set->val && !set->monitor)
        return xr_fail_usage(err, "--schedule plateau needs --val or --monitor");
    return 0;
}

/* --- loss -------------------------------------------------------------------------- */

/* "auto": inverse frequency, normalised to sum to the number of classes. "none", or one a
 * class. */
static int class_weights(double **weights, const char *text, const char *option,
                         const struct xr_stream_header *h, struct xr_err *err)
{
    size_t k = h->n_classes, n = 0;
    double sum = 0, *w;

    *weights = NULL;
    if (!strcmp(text, "none"))
        return 0;
    w = *weights = xr_alloc_array(k, sizeof *w, err);
    if (!w)
        return -1;
    if (!strcmp(text, "auto")) {
        for (size_t i = 0; i < k; i++) {
            if (!h->class_counts || h->class_counts[i] <= 0)
                return xr_fail(
                    err, "%s auto: the stream's header counts no records of class '%s'",
                    option, h->classes[i]);
            w[i] = 1.0 / (double)h->class_counts[i];
            sum += w[i];
        }
        for (size_t i = 0; i < k; i++)
            w[i] *= (double)k / sum;
        return 0;
    }
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char *one = xr_sprintf(err, "%.*s", (int)strcspn(at, ","), at);
        int rc;

        if (!one)
            return -1;
        rc = n < k ? xr_parse_real(&w[n++], one, 0, 1e9, err)
                   : xr_fail_usage(err, "'%s': more than %zu numbers", text, k);
        free(one);
        if (rc)
            return xr_fail_in(err, "%s", option);
    }
    if (n != k)
        return xr_fail_usage(err, "%s: '%s': %zu numbers for %zu classes", option, text,
                             n, k);
    return 0;
}

/* Twice the same correction is rarely meant. */
static int check_balance(const struct xr_trainer *t, const char *option,
                         struct xr_err *err)
{
    const cJSON *sampling = cJSON_GetObjectItemCaseSensitive(t->header.json, "sampling");
    const char *balance = xr_json_text(sampling, "balance", "none");

    if (!t->weights || t->set->weights_on_balanced || !strcmp(balance, "none"))
        return 0;
    return xr_fail_usage(err,
                         "%s: the stream is balanced already (--balance %s); if both are "
                         "meant, say --weights-on-balanced",
                         option, balance);
}

int xr_recipe_loss(struct xr_trainer *t, struct xr_err *err)
{
    const struct xr_train *set = t->set;
    bool focal = set->loss == XK_LOSS_FOCAL;
    const char *text = focal && set->alpha ? set->alpha : set->class_weights;
    const char *option = focal && set->alpha ? "--alpha" : "--class-weights";

    t->loss.kind = focal ? XK_LOSS_FOCAL : XK_LOSS_CROSS_ENTROPY;
    t->loss.smoothing = set->label_smoothing;
    t->loss.gamma = set->gamma;
    t->loss.sum = set->accumulate > 1;
    if (class_weights(&t->weights, text, option, &t->header, err) ||
        check_balance(t, option, err))
        return -1;
    t->loss.weights = t->weights;
    return 0;
}
