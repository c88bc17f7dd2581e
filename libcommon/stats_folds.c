/* The spread of figures over folds. */
#include "stats_folds.h"

#include <math.h>

#include "stats_proportion.h"

double xr_t_quantile(double confidence, double df)
{
    double x = xr_beta_quantile(1.0 - confidence, df / 2.0, 0.5);

    return sqrt(df * (1.0 - x) / x);
}

void xr_fold_spread(struct xr_spread *s, const double *values, size_t n,
                    double confidence)
{
    double squares = 0.0, v = (double)n, reach;

    *s = (struct xr_spread){NAN, NAN, NAN, NAN};
    if (n == 0)
        return;
    s->mean = xr_sum(values, n) / v;
    if (n < 2 || isnan(s->mean))
        return;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - s->mean) * (values[i] - s->mean);
    s->sd = sqrt(squares / (v - 1.0));
    reach = xr_t_quantile(confidence, v - 1.0) * s->sd * sqrt(1.0 / v + 1.0 / (v - 1.0));
    s->low = s->mean - reach;
    s->high = s->mean + reach;
}
