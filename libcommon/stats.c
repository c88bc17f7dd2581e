/* The normal distribution, quantiles, bootstrap intervals, curves. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double xr_norm_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double horner(const double *c, int n, double x)
{
    double y = c[n - 1];

    for (int i = n - 2; i >= 0; i--)
        y = y * x + c[i];
    return y;
}

double xr_norm_quantile(double p)
{
    /* numerators and denominators of AS 241, lowest power first */
    static const double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                               1.9715909503065514427e+3, 1.3731693765509461125e+4,
                               4.5921953931549871457e+4, 6.7265770927008700853e+4,
                               3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[] = {1.0,
                               4.2313330701600911252e+1,
                               6.8718700749205790830e+2,
                               5.3941960214247511077e+3,
                               2.1213794301586595867e+4,
                               3.9307895800092710610e+4,
                               2.8729085735721942674e+4,
                               5.2264952788528545610e+3};
    static const double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[] = {1.0,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9};
    static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[] = {1.0,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};
    double q = p - 0.5, r, x;

    if (!(p >= 0.0 && p <= 1.0))
        return NAN;
    if (p == 0.0 || p == 1.0)
        return p == 0.0 ? -INFINITY : INFINITY;
    if (fabs(q) <= 0.425) {
        r = 0.180625 - q * q;
        return q * horner(a, 8, r) / horner(b, 8, r);
    }
    r = sqrt(-log(q < 0.0 ? p : 1.0 - p));
    if (r <= 5.0)
        x = horner(c, 8, r - 1.6) / horner(d, 8, r - 1.6);
    else
        x = horner(e, 8, r - 5.0) / horner(f, 8, r - 5.0);
    return q < 0.0 ? -x : x;
}

double xr_sum(const double *x, size_t n)
{
    double sum = 0.0, lost = 0.0;

    for (size_t i = 0; i < n; i++) {
        double next = sum + x[i];

        if (fabs(sum) >= fabs(x[i]))
            lost += (sum - next) + x[i];
        else
            lost += (x[i] - next) + sum;
        sum = next;
    }
    return sum + lost;
}

/* In four sums, so that one addition need not wait for another. */
double xr_weighted_sum(const uint32_t *weight, const double *x, size_t n)
{
    double sum[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += (double)(int32_t)weight[i + j] * x[i + j];
    for (; i < n; i++)
        sum[0] += (double)(int32_t)weight[i] * x[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void xr_sort(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare_doubles);
}

double xr_quantile_sorted(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1), below = floor(at), part = at - below;
    size_t i = (size_t)below;

    if (i + 1 >= n)
        return sorted[n - 1];
    /* from the nearer end, as numpy does it: exact where both are equal */
    if (part < 0.5)
        return sorted[i] + (sorted[i + 1] - sorted[i]) * part;
    return sorted[i + 1] - (sorted[i + 1] - sorted[i]) * (1.0 - part);
}

const char *xr_ci_method_name(enum xr_ci_method method)
{
    static const char *const names[] = {
        "bca",    "percentile",   "basic",  "percentile_of_defined",
        "delong", "delong_logit", "wilson", "clopper_pearson",
        "none"};

    return names[method];
}

double xr_bca_acceleration(const double *jack, size_t n_jack)
{
    double mean, sum2 = 0.0, sum3 = 0.0;
    double low = INFINITY, high = -INFINITY;

    for (size_t i = 0; i < n_jack; i++) {
        if (isnan(jack[i]))
            return NAN;
        low = fmin(low, jack[i]);
        high = fmax(high, jack[i]);
    }
    /* equal but for rounding */
    if (n_jack < 2 || high - low <= 1e-15 * (1.0 + fabs(low)))
        return NAN;
    mean = xr_sum(jack, n_jack) / (double)n_jack;
    for (size_t i = 0; i < n_jack; i++) {
        double u = mean - jack[i];

        sum2 += u * u;
        sum3 += u * u * u;
    }
    return sum3 / (6.0 * sum2 * sqrt(sum2));
}

/* Bounds of BCa as fractions of the sorted resamples; false where they do not exist. */
static bool bca_fractions(double fraction[2], struct xr_figure *figure,
                          const double *sorted, size_t n, double confidence)
{
    double z = xr_norm_quantile((1.0 - confidence) / 2.0);
    size_t less = 0, not_more;

    while (less < n && sorted[less] < figure->value)
        less++;
    not_more = less;
    while (not_more < n && sorted[not_more] <= figure->value)
        not_more++;
    figure->z0 = xr_norm_quantile((double)(less + not_more) / (2.0 * (double)n));
    for (int i = 0; i < 2; i++) {
        double shifted = figure->z0 + (i ? -z : z);

        fraction[i] =
            xr_norm_cdf(figure->z0 + shifted / (1.0 - figure->acceleration * shifted));
    }
    return isfinite(figure->z0) && isfinite(fraction[0]) && isfinite(fraction[1]);
}

void xr_bootstrap_interval(struct xr_figure *figure, double value, double *theta,
                           size_t n_theta, const double *jack, size_t n_jack,
                           double confidence, enum xr_ci_method method)
{
    xr_bootstrap_bounds(figure, value, theta, n_theta,
                        jack ? xr_bca_acceleration(jack, n_jack) : NAN, confidence,
                        method);
}

void xr_bootstrap_bounds(struct xr_figure *figure, double value, double *theta,
                         size_t n_theta, double acceleration, double confidence,
                         enum xr_ci_method method)
{
    double fraction[2];
    size_t n = 0;

    *figure = (struct xr_figure){.value = value,
                                 .low = NAN,
                                 .high = NAN,
                                 .method = XR_CI_NONE,
                                 .z0 = NAN,
                                 .acceleration = acceleration};
    for (size_t i = 0; i < n_theta; i++)
        if (!isnan(theta[i]))
            theta[n++] = theta[i];
    figure->n_defined = n;
    if (isnan(value) || n == 0 || method == XR_CI_NONE)
        return;
    xr_sort(theta, n);
    figure->constant = theta[n - 1] - theta[0] <= 1e-14 * (1.0 + fabs(theta[0]));
    if (n < n_theta)
        figure->method = XR_CI_PERCENTILE_OF_DEFINED;
    else if (method == XR_CI_BASIC)
        figure->method = XR_CI_BASIC;
    else if (method == XR_CI_BCA && !figure->constant &&
             bca_fractions(fraction, figure, theta, n, confidence))
        figure->method = XR_CI_BCA;
    else
        figure->method = XR_CI_PERCENTILE;
    if (figure->method != XR_CI_BCA) {
        fraction[0] = (1.0 - confidence) / 2.0;
        fraction[1] = 1.0 - fraction[0];
    }
    figure->low = xr_quantile_sorted(theta, n, fraction[0]);
    figure->high = xr_quantile_sorted(theta, n, fraction[1]);
    if (figure->method == XR_CI_BASIC) {
        double low = 2.0 * value - figure->high;

        figure->high = 2.0 * value - figure->low;
        figure->low = low;
    }
    if (figure->constant)
        figure->note = "all resamples are equal: the interval says nothing";
    else if (figure->method == XR_CI_PERCENTILE_OF_DEFINED)
        figure->note = "undefined in some resamples, which are left out";
    else if (figure->method != method)
        figure->note = "BCa does not exist for these resamples";
    else if (value < figure->low || value > figure->high)
        figure->note = "resamples are biased: the interval leaves the value out";
}

struct scored {
    double score;
    unsigned char positive;
};

static int compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

int xr_curve_make(struct xr_curve *curve, const double *score,
                  const unsigned char *positive, size_t n, struct xr_err *err)
{
    struct scored *rows = xr_alloc_array(n, sizeof *rows, err);
    uint64_t tp = 0, fp = 0;

    *curve = (struct xr_curve){0};
    curve->threshold = xr_alloc_array(n, sizeof *curve->threshold, err);
    curve->tp = xr_alloc_array(n, sizeof *curve->tp, err);
    curve->fp = xr_alloc_array(n, sizeof *curve->fp, err);
    if (!rows || !curve->threshold || !curve->tp || !curve->fp) {
        free(rows);
        xr_curve_free(curve);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct scored){score[i], positive[i] != 0};
    qsort(rows, n, sizeof *rows, compare_scored);
    for (size_t i = 0; i < n; i++) {
        tp += rows[i].positive;
        fp += !rows[i].positive;
        if (i + 1 < n && rows[i + 1].score == rows[i].score)
            continue;
        curve->threshold[curve->n] = rows[i].score;
        curve->tp[curve->n] = tp;
        curve->fp[curve->n++] = fp;
    }
    free(rows);
    return 0;
}

void xr_curve_free(struct xr_curve *curve)
{
    free(curve->threshold);
    free(curve->tp);
    free(curve->fp);
    *curve = (struct xr_curve){0};
}

static bool straight(const uint64_t *x, size_t i)
{
    return x[i + 1] - x[i] == x[i] - x[i - 1];
}

static bool flat(const uint64_t *x, size_t i)
{
    return x[i + 1] == x[i] && x[i] == x[i - 1];
}

/* Keep the ends and the points between that `keep` asks for; decided on the full curve.
 */
static void drop(struct xr_curve *curve, bool roc)
{
    uint64_t before[2] = {0}, here[2];
    size_t kept = 0;

    for (size_t i = 0; i < curve->n; i++) {
        bool inside = i > 0 && i + 1 < curve->n;
        /* the left neighbour may be overwritten already: keep its counts aside */
        uint64_t tp[3] = {before[0], curve->tp[i], inside ? curve->tp[i + 1] : 0};
        uint64_t fp[3] = {before[1], curve->fp[i], inside ? curve->fp[i + 1] : 0};
        bool needless =
            inside && (roc ? straight(tp, 1) && straight(fp, 1) : flat(tp, 1));

        here[0] = curve->tp[i];
        here[1] = curve->fp[i];
        if (!needless) {
            curve->threshold[kept] = curve->threshold[i];
            curve->tp[kept] = here[0];
            curve->fp[kept++] = here[1];
        }
        memcpy(before, here, sizeof before);
    }
    curve->n = kept;
}

void xr_curve_drop_roc(struct xr_curve *curve)
{
    drop(curve, true);
}

void xr_curve_drop_pr(struct xr_curve *curve)
{
    drop(curve, false);
}

double xr_curve_auc(const struct xr_curve *curve)
{
    uint64_t pairs2 = 0, tp = 0, fp = 0;

    for (size_t i = 0; i < curve->n; i++) {
        /* a negative of this score loses to the positives above it and ties with those
         * beside it */
        pairs2 += (curve->fp[i] - fp) * (tp + curve->tp[i]);
        tp = curve->tp[i];
        fp = curve->fp[i];
    }
    return tp && fp ? (double)pairs2 / (2.0 * (double)tp * (double)fp) : NAN;
}

double xr_curve_average_precision(const struct xr_curve *curve)
{
    double sum = 0.0;
    uint64_t tp = 0;

    for (size_t i = 0; i < curve->n; i++) {
        sum += (double)(curve->tp[i] - tp) * (double)curve->tp[i] /
               (double)(curve->tp[i] + curve->fp[i]);
        tp = curve->tp[i];
    }
    return tp ? sum / (double)tp : NAN;
}
