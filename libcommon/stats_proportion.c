/* Wilson's and Clopper and Pearson's intervals. */
#include "stats_proportion.h"

#include <math.h>

static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* The continued fraction of I_x(a, b), for x below (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), f;

    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int m = 1; m < 200000; m++) {
        double n = m, step;
        double even = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n));
        double odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1));

        d = 1.0 + even * d;
        c = 1.0 + even / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        f *= d * c;
        d = 1.0 + odd * d;
        c = 1.0 + odd / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        step = d * c;
        f *= step;
        if (fabs(step - 1.0) < 1e-15)
            break;
    }
    return f;
}

double xr_beta_cdf(double x, double a, double b)
{
    double front;

    if (!(x > 0.0))
        return 0.0;
    if (x >= 1.0)
        return 1.0;
    front =
        exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0))
        return front * beta_fraction(x, a, b) / a;
    return 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

double xr_beta_quantile(double p, double a, double b)
{
    double low = 0.0, high = 1.0;

    while (high - low > 4e-16 * high) {
        double x = low + (high - low) / 2.0;

        if (x <= low || x >= high)
            break;
        if (xr_beta_cdf(x, a, b) < p)
            low = x;
        else
            high = x;
    }
    return low + (high - low) / 2.0;
}

void xr_proportion(struct xr_figure *figure, uint64_t part, uint64_t whole,
                   double confidence, enum xr_ci_method method)
{
    double k = (double)part, n = (double)whole, tail = (1.0 - confidence) / 2.0;

    *figure = (struct xr_figure){.value = NAN,
                                 .low = NAN,
                                 .high = NAN,
                                 .method = XR_CI_NONE,
                                 .z0 = NAN,
                                 .acceleration = NAN};
    if (!whole) {
        figure->reason = "there is no row it is a proportion of";
        return;
    }
    figure->value = k / n;
    if (method == XR_CI_WILSON) {
        double z = -xr_norm_quantile(tail), z2 = z * z, p = figure->value;
        double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
        double half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));

        figure->low = part ? fmax(centre - half, 0.0) : 0.0;
        figure->high = part < whole ? fmin(centre + half, 1.0) : 1.0;
    } else if (method == XR_CI_CLOPPER_PEARSON) {
        figure->low = part ? xr_beta_quantile(tail, k, n - k + 1) : 0.0;
        figure->high = part < whole ? xr_beta_quantile(1.0 - tail, k + 1, n - k) : 1.0;
    } else {
        return;
    }
    figure->method = method;
}
