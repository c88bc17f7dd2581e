/*
 * Learning rate at a step: pure functions of the step, one row a kind.
 */
#ifndef XK_SCHEDULE_H
#define XK_SCHEDULE_H

#include <math.h>
#include <stdint.h>

struct xk_schedule {
    int kind;         /* row of xk_schedules */
    double base, low; /* the rate behind the warm-up and at the end */
    uint64_t
        warmup; /* steps that rise linearly: step t < warmup has base * (t+1) / warmup */
    uint64_t steps; /* of the whole run */
};

/* x in [0,1]: the part of the steps behind the warm-up that is done. */
static inline double xk_schedule_constant(double x, double base, double low)
{
    (void)x;
    (void)low;
    return base;
}

static inline double xk_schedule_cosine(double x, double base, double low)
{
    return low + (base - low) * (1.0 + cos(3.14159265358979323846 * x)) / 2.0;
}

static inline double xk_schedule_linear(double x, double base, double low)
{
    return base + (low - base) * x;
}

static const struct {
    const char *name;
    double (*at)(double x, double base, double low);
} xk_schedules[] = {
    {"constant", xk_schedule_constant},
    {"cosine", xk_schedule_cosine},
    {"linear", xk_schedule_linear},
};

enum {
    XK_N_SCHEDULES = sizeof xk_schedules / sizeof *xk_schedules
};

/* t counts from 0. Past the end the rate stays at its last value. */
static inline double xk_schedule_lr(const struct xk_schedule *s, uint64_t t)
{
    double x;

    if (t < s->warmup)
        return s->base * (double)(t + 1) / (double)s->warmup;
    if (s->steps <= s->warmup)
        return s->base;
    x = (double)(t - s->warmup) / (double)(s->steps - s->warmup);
    return xk_schedules[s->kind].at(x < 1.0 ? x : 1.0, s->base, s->low);
}

#endif
