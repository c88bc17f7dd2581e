/* Numbers of cases for intervals of a wanted width. */
#include "stats_power.h"

#include <math.h>

#include "stats.h"

/* A variance as a function of n; falls as n grows. */
struct wanted {
    double p, prevalence, z, half_width, s10, s01;
    enum {
        NORMAL,
        WILSON,
        HANLEY_MCNEIL,
        COMPONENTS
    } kind;
};

double xr_auc_variance(double auc, double positives, double negatives)
{
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);

    return (auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) +
            (negatives - 1) * (q2 - auc * auc)) /
           (positives * negatives);
}

/* Half of the width of the interval of n cases. */
static double half_width(const struct wanted *w, double n)
{
    double z = w->z, pos = n * w->prevalence, neg = n - pos;

    switch (w->kind) {
    case NORMAL:
        return z * sqrt(w->p * (1 - w->p) / n);
    case WILSON:
        return z / (1 + z * z / n) * sqrt(w->p * (1 - w->p) / n + z * z / (4 * n * n));
    case HANLEY_MCNEIL:
        /* below one case on a side the formula means nothing */
        return pos < 1 || neg < 1 ? INFINITY : z * sqrt(xr_auc_variance(w->p, pos, neg));
    default:
        return z * sqrt(w->s10 / pos + w->s01 / neg);
    }
}

static uint64_t least(const struct wanted *w)
{
    double low = 0, high = 1;

    while (half_width(w, high) > w->half_width) {
        low = high;
        high *= 2;
        if (high > XR_POWER_MOST)
            return 0;
    }
    while (high - low > 1) {
        double middle = floor((low + high) / 2);

        if (half_width(w, middle) > w->half_width)
            low = middle;
        else
            high = middle;
    }
    return (uint64_t)high;
}

static double z_of(double confidence)
{
    return xr_norm_quantile((1 + confidence) / 2);
}

uint64_t xr_power_proportion(double p, double half, double confidence, bool wilson)
{
    const struct wanted w = {.p = p,
                             .z = z_of(confidence),
                             .half_width = half,
                             .kind = wilson ? WILSON : NORMAL};

    return least(&w);
}

/* Both sides rounded up; what binary fractions leave is not a case. */
static uint64_t split(uint64_t *positives, uint64_t *negatives, uint64_t n,
                      double prevalence)
{
    double pos = (double)n * prevalence, neg = (double)n - pos;

    *positives = (uint64_t)ceil(pos - 1e-9 * pos);
    *negatives = (uint64_t)ceil(neg - 1e-9 * neg);
    return *positives + *negatives;
}

uint64_t xr_power_auc(uint64_t *positives, uint64_t *negatives, double auc,
                      double prevalence, double half, double confidence)
{
    const struct wanted w = {.p = auc,
                             .prevalence = prevalence,
                             .z = z_of(confidence),
                             .half_width = half,
                             .kind = HANLEY_MCNEIL};

    return split(positives, negatives, least(&w), prevalence);
}

uint64_t xr_power_components(uint64_t *positives, uint64_t *negatives, double s10,
                             double s01, double prevalence, double half,
                             double confidence)
{
    const struct wanted w = {.prevalence = prevalence,
                             .z = z_of(confidence),
                             .half_width = half,
                             .s10 = s10,
                             .s01 = s01,
                             .kind = COMPONENTS};

    return split(positives, negatives, least(&w), prevalence);
}
