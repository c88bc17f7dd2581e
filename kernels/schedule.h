/*
 * Learning rate, and momentum where a schedule moves it, at an update: pure functions of
 * its number, but for the plateau, which has a state.
 */
#ifndef XK_SCHEDULE_H
#define XK_SCHEDULE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define XK_SCHEDULE_NAMES "constant|cosine|linear|onecycle|step|plateau"
enum xk_schedule_kind {
    XK_CONSTANT,
    XK_COSINE,
    XK_LINEAR,
    XK_ONECYCLE,
    XK_STEP,
    XK_PLATEAU,
    XK_N_SCHEDULES
};

#define XK_MAX_MILESTONES 64

struct xk_schedule {
    int kind;         /* enum xk_schedule_kind */
    double base, low; /* the rate behind the warm-up and at the end */
    uint64_t
        warmup;     /* updates that rise linearly: t < warmup has base * (t+1) / warmup */
    uint64_t steps; /* updates of the whole run */
    double rise;    /* one-cycle: updates until the top, instead of warmup */
    /* step: factor for every `every` updates that are done, or for every milestone */
    double factor;
    uint64_t every, milestones[XK_MAX_MILESTONES];
    int n_milestones;
};

/* torch.optim.lr_scheduler._annealing_cos: x from 0 to 1 goes from a to b. */
static inline double xk_anneal(double a, double b, double x)
{
    return b + (a - b) / 2.0 * (cos(3.14159265358979323846 * x) + 1.0);
}

/*
 * torch.optim.lr_scheduler.OneCycleLR with two phases of cosines: from start to top in
 * `rise` updates, then to end (Smith and Topin 2019).
 */
static inline double xk_one_cycle(const struct xk_schedule *s, uint64_t t, double start,
                                  double top, double end)
{
    double x = (double)t, turn = s->rise - 1, last = (double)s->steps - 1;

    if (x <= turn && turn > 0)
        return xk_anneal(start, top, x / turn);
    turn = turn > 0 ? turn : 0;
    return last > turn ? xk_anneal(top, end, x < last ? (x - turn) / (last - turn) : 1)
                       : top;
}

static inline double xk_steps_down(const struct xk_schedule *s, uint64_t t)
{
    double rate = s->base;

    for (uint64_t n = s->every ? t / s->every : 0; n; n--)
        rate *= s->factor;
    for (int i = 0; i < s->n_milestones; i++)
        rate *= t >= s->milestones[i] ? s->factor : 1;
    return rate > s->low ? rate : s->low;
}

/* t counts from 0. Past the end the rate stays at its last value. */
static inline double xk_schedule_lr(const struct xk_schedule *s, uint64_t t)
{
    double top = s->kind == XK_STEP ? xk_steps_down(s, t) : s->base, x;

    if (s->kind == XK_ONECYCLE) /* PyTorch's div_factor 25, final_div_factor 1e4 */
        return xk_one_cycle(s, t, s->base / 25, s->base,
                            s->low > 0 ? s->low : s->base / 25 / 1e4);
    if (t < s->warmup)
        return top * (double)(t + 1) / (double)s->warmup;
    if (s->steps <= s->warmup)
        return top;
    x = (double)(t - s->warmup) / (double)(s->steps - s->warmup);
    x = x < 1.0 ? x : 1.0;
    switch (s->kind) {
    case XK_COSINE:
        return s->low +
               (s->base - s->low) * (1.0 + cos(3.14159265358979323846 * x)) / 2.0;
    case XK_LINEAR:
        return s->base + (s->low - s->base) * x;
    default:
        return top;
    }
}

/* Momentum or beta1 at an update: one-cycle moves it against the rate, as PyTorch does
 * unless told otherwise. Others: -1, it stays. */
static inline double xk_schedule_momentum(const struct xk_schedule *s, uint64_t t)
{
    return s->kind == XK_ONECYCLE ? xk_one_cycle(s, t, 0.95, 0.85, 0.95) : -1;
}

/*
 * torch.optim.lr_scheduler.ReduceLROnPlateau with a relative threshold: the rate times
 * factor when the figure has not been better for more than `patience` epochs.
 */
struct xk_plateau {
    double factor, threshold, low;
    int64_t patience, cooldown;
    bool lower; /* a smaller figure is better */
    /* the state: all of it is in a checkpoint, with the rate */
    bool any; /* there is a best figure */
    double best;
    int64_t bad, wait; /* epochs without a better figure; of the cooldown still */
};

/* The figure of an epoch, which may be NaN: returns the rate that follows `rate`. */
static inline double xk_plateau_rate(struct xk_plateau *p, double rate, double figure)
{
    double bar =
        p->lower ? p->best * (1.0 - p->threshold) : p->best * (1.0 + p->threshold);
    double next = rate * p->factor > p->low ? rate * p->factor : p->low;

    p->bad++;
    if (!isnan(figure) && (!p->any || (p->lower ? figure < bar : figure > bar))) {
        p->any = true;
        p->best = figure;
        p->bad = 0;
    }
    if (p->wait > 0) {
        p->wait--;
        p->bad = 0;
    }
    if (p->bad <= p->patience)
        return rate;
    p->wait = p->cooldown;
    p->bad = 0;
    return rate - next > 1e-8 ? next : rate; /* PyTorch's eps */
}

#endif
