/* Temperature, Platt's sigmoid, isotonic steps, Dirichlet: fitting and applying. */
#include "stats_calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "logistic.h"

#define EPS 0x1p-52
#define LOG_T_BOUND 4.0

static const char *const names[] = {"none", "temperature", "platt", "isotonic",
                                    "dirichlet"};

const char *xr_calibration_name(enum xr_calibration_method method)
{
    return names[method];
}

static double clip(double p)
{
    return fmin(fmax(p, EPS), 1.0 - EPS);
}

static double logit(double p)
{
    return log(clip(p)) - log1p(-clip(p));
}

/* p [k] = softmax(z / t). */
static void softmax(double *p, const double *z, double t, size_t k)
{
    double most = -INFINITY, sum = 0.0;

    for (size_t c = 0; c < k; c++)
        most = fmax(most, z[c]);
    for (size_t c = 0; c < k; c++)
        sum += p[c] = exp((z[c] - most) / t);
    for (size_t c = 0; c < k; c++)
        p[c] /= sum;
}

/* --- temperature ------------------------------------------------------------------ */

/* t times the derivative of the loss in log t: falls where t is too low. */
static double slope(double log_t, const double *z, const uint32_t *label, size_t n,
                    size_t k)
{
    double t = exp(log_t), total = 0.0;

    for (size_t i = 0; i < n; i++) {
        const double *row = z + i * k, own = row[label[i]];
        double most = -INFINITY, sum = 0.0, mean = 0.0;

        for (size_t c = 0; c < k; c++)
            most = fmax(most, row[c]);
        for (size_t c = 0; c < k; c++) {
            double e = exp((row[c] - most) / t);

            sum += e;
            mean += e * (row[c] - own); /* from the own one: small where it is right */
        }
        total -= mean / sum;
    }
    return total;
}

void xr_temperature_fit(double *t, bool *at_bound, const double *z, const uint32_t *label,
                        size_t n, size_t k)
{
    double low = -LOG_T_BOUND, high = LOG_T_BOUND;
    double at_low = slope(low, z, label, n, k), at_high = slope(high, z, label, n, k);

    *at_bound = !(at_low < 0.0 && at_high > 0.0);
    if (*at_bound) {
        /* a slope of one sign, or none at all: then 1 is as good as any */
        double bound = at_low > 0.0 ? low : at_high < 0.0 ? high : 0.0;

        *t = exp(bound);
        return;
    }
    for (int i = 0; i < 200 && high - low > 1e-15 * fmax(1.0, fabs(low)); i++) {
        double middle = low + (high - low) / 2.0;

        if (slope(middle, z, label, n, k) < 0.0)
            low = middle;
        else
            high = middle;
    }
    *t = exp(low + (high - low) / 2.0);
}

static int fit_temperature(struct xr_calibration *cal, const double *p,
                           const uint32_t *label, size_t n, struct xr_err *err)
{
    double *z = xr_alloc_array(n * cal->k, sizeof *z, err);

    if (!z)
        return -1;
    for (size_t i = 0; i < n * cal->k; i++)
        z[i] = log(clip(p[i]));
    xr_temperature_fit(&cal->temperature, &cal->at_bound, z, label, n, cal->k);
    free(z);
    return 0;
}

/* --- platt ------------------------------------------------------------------------ */

/* log(1 + exp(x)) */
static double softplus(double x)
{
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double platt_loss(double a, double b, const double *x, const double *target,
                         size_t n)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += softplus(a * x[i] + b) - target[i] * (a * x[i] + b);
    return sum;
}

/* Newton's method with halved steps (Lin, Lin and Weng, Machine Learning 68, 2007). */
static void platt_minimise(double *a, double *b, const double *x, const double *target,
                           size_t n)
{
    double loss = platt_loss(*a, *b, x, target, n);

    for (int step = 0; step < 100; step++) {
        double g[2] = {0}, h[3] = {1e-12, 0.0, 1e-12}, det, d[2], length = 1.0, next;

        for (size_t i = 0; i < n; i++) {
            double q = 1.0 / (1.0 + exp(-(*a * x[i] + *b))), w = q * (1.0 - q);

            g[0] += (q - target[i]) * x[i];
            g[1] += q - target[i];
            h[0] += w * x[i] * x[i];
            h[1] += w * x[i];
            h[2] += w;
        }
        if (fmax(fabs(g[0]), fabs(g[1])) < 1e-11 * (double)n)
            return;
        det = h[0] * h[2] - h[1] * h[1];
        d[0] = -(h[2] * g[0] - h[1] * g[1]) / det;
        d[1] = -(h[0] * g[1] - h[1] * g[0]) / det;
        for (;;) {
            next = platt_loss(*a + length * d[0], *b + length * d[1], x, target, n);
            if (next < loss + 1e-4 * length * (g[0] * d[0] + g[1] * d[1]))
                break;
            length /= 2.0;
            if (length < 1e-10)
                return; /* at the limit of the arithmetic */
        }
        *a += length * d[0];
        *b += length * d[1];
        loss = next;
    }
}

/* The class of map i. */
static size_t class_of(const struct xr_calibration *cal, size_t map)
{
    return cal->k == 2 ? 1 : map;
}

static int fit_platt(struct xr_calibration *cal, const double *p, const uint32_t *label,
                     size_t n, const size_t *support, struct xr_err *err)
{
    double *x = xr_alloc_array(n, sizeof *x, err);
    double *target = xr_alloc_array(n, sizeof *target, err);
    int status = -1;

    cal->a = xr_alloc_array(cal->n_maps, sizeof *cal->a, err);
    cal->b = xr_alloc_array(cal->n_maps, sizeof *cal->b, err);
    if (x && target && cal->a && cal->b) {
        for (size_t map = 0; map < cal->n_maps; map++) {
            size_t c = class_of(cal, map);
            double pos = (double)support[c], neg = (double)(n - support[c]);

            for (size_t i = 0; i < n; i++) {
                x[i] = logit(p[i * cal->k + c]);
                target[i] = label[i] == c ? (pos + 1.0) / (pos + 2.0) : 1.0 / (neg + 2.0);
            }
            cal->a[map] = 1.0;
            platt_minimise(&cal->a[map], &cal->b[map], x, target, n);
        }
        status = 0;
    }
    free(x);
    free(target);
    return status;
}

/* --- isotonic --------------------------------------------------------------------- */

struct pooled {
    double x, from, weight, sum; /* from: the least x of a block, x its largest */
};

static int compare_x(const void *a, const void *b)
{
    double x = ((const struct pooled *)a)->x, y = ((const struct pooled *)b)->x;

    return (x > y) - (x < y);
}

/* Pool adjacent violators; the ends of every block become points. */
static int fit_steps(struct xr_steps *steps, struct pooled *rows, size_t n,
                     struct xr_err *err)
{
    size_t blocks = 0, from = 0;

    qsort(rows, n, sizeof *rows, compare_x);
    for (size_t i = 0; i < n; i = from) {
        struct pooled block = rows[i];

        for (from = i + 1; from < n && rows[from].x == block.x; from++) {
            block.sum += rows[from].sum;
            block.weight++;
        }
        while (blocks && rows[blocks - 1].sum * block.weight >=
                             block.sum * rows[blocks - 1].weight) {
            blocks--;
            block.from = rows[blocks].from;
            block.sum += rows[blocks].sum;
            block.weight += rows[blocks].weight;
        }
        rows[blocks++] = block;
    }
    steps->x = xr_alloc_array(2 * blocks, sizeof *steps->x, err);
    steps->y = xr_alloc_array(2 * blocks, sizeof *steps->y, err);
    if (!steps->x || !steps->y)
        return -1;
    for (size_t b = 0; b < blocks; b++) {
        double y = rows[b].sum / rows[b].weight;

        steps->x[steps->n] = rows[b].from;
        steps->y[steps->n++] = y;
        if (rows[b].x > rows[b].from) {
            steps->x[steps->n] = rows[b].x;
            steps->y[steps->n++] = y;
        }
    }
    return 0;
}

static double step_at(const struct xr_steps *s, double x)
{
    size_t low = 0, high = s->n - 1;

    if (x <= s->x[0])
        return s->y[0];
    if (x >= s->x[high])
        return s->y[high];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (s->x[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return s->y[low] +
           (s->y[high] - s->y[low]) * (x - s->x[low]) / (s->x[high] - s->x[low]);
}

static int fit_isotonic(struct xr_calibration *cal, const double *p,
                        const uint32_t *label, size_t n, struct xr_err *err)
{
    struct pooled *rows = xr_alloc_array(n, sizeof *rows, err);
    int status = -1;

    cal->steps = xr_alloc_array(cal->n_maps, sizeof *cal->steps, err);
    if (rows && cal->steps) {
        status = 0;
        for (size_t map = 0; map < cal->n_maps && status == 0; map++) {
            size_t c = class_of(cal, map);

            for (size_t i = 0; i < n; i++) {
                double x = p[i * cal->k + c];

                rows[i] = (struct pooled){x, x, 1.0, label[i] == c ? 1.0 : 0.0};
            }
            status = fit_steps(&cal->steps[map], rows, n, err);
        }
    }
    free(rows);
    return status;
}

/* --- dirichlet -------------------------------------------------------------------- */

static int fit_dirichlet(struct xr_calibration *cal, const double *p,
                         const uint32_t *label, size_t n, struct xr_err *err)
{
    double *x = xr_alloc_array(n * cal->k, sizeof *x, err);
    struct xr_logistic model = {0};
    int status = -1;

    if (x) {
        for (size_t i = 0; i < n * cal->k; i++)
            x[i] = log(clip(p[i]));
        status =
            xr_logistic_fit(&model, x, label, n, cal->k, cal->k, XR_DIRICHLET_RIDGE, err);
        cal->w = model.w;
    }
    free(x);
    return status;
}

/* --- all of them ------------------------------------------------------------------ */

static int check_rows(enum xr_calibration_method method, const size_t *support, size_t n,
                      size_t k, struct xr_err *err)
{
    if (n == 0 || k < 2 || k > XR_CALIBRATION_CLASSES)
        return xr_fail(err, "a calibration needs rows, and 2 to %d classes",
                       XR_CALIBRATION_CLASSES);
    for (size_t c = 0; c < k; c++)
        if ((method == XR_CALIBRATE_PLATT || method == XR_CALIBRATE_ISOTONIC) &&
            (support[c] == 0 || support[c] == n))
            return xr_fail(
                err, "%s needs rows of every class to fit on, but %s is of class %zu",
                names[method], support[c] ? "every one" : "none", c + 1);
    return 0;
}

int xr_calibration_fit(struct xr_calibration *cal, enum xr_calibration_method method,
                       const double *p, const uint32_t *label, size_t n, size_t k,
                       struct xr_err *err)
{
    size_t *support = xr_alloc_array(k, sizeof *support, err);
    int status = -1;

    *cal = (struct xr_calibration){
        .method = method, .k = k, .n_maps = k == 2 ? 1 : k, .temperature = 1.0};
    if (!support)
        return -1;
    for (size_t i = 0; i < n; i++)
        support[label[i]]++;
    if (check_rows(method, support, n, k, err) == 0) {
        status =
            method == XR_CALIBRATE_TEMPERATURE ? fit_temperature(cal, p, label, n, err)
            : method == XR_CALIBRATE_PLATT     ? fit_platt(cal, p, label, n, support, err)
            : method == XR_CALIBRATE_ISOTONIC  ? fit_isotonic(cal, p, label, n, err)
            : method == XR_CALIBRATE_DIRICHLET ? fit_dirichlet(cal, p, label, n, err)
                                               : 0;
    }
    free(support);
    if (status)
        xr_calibration_free(cal);
    return status;
}

void xr_calibration_free(struct xr_calibration *cal)
{
    for (size_t i = 0; cal->steps && i < cal->n_maps; i++) {
        free(cal->steps[i].x);
        free(cal->steps[i].y);
    }
    for (size_t c = 0; cal->classes && c < cal->k; c++)
        free(cal->classes[c]);
    free(cal->steps);
    free(cal->a);
    free(cal->b);
    free(cal->w);
    free(cal->classes);
    *cal = (struct xr_calibration){0};
}

static double mapped(const struct xr_calibration *cal, size_t map, double p)
{
    if (cal->method == XR_CALIBRATE_ISOTONIC)
        return step_at(&cal->steps[map], p);
    return 1.0 / (1.0 + exp(-(cal->a[map] * logit(p) + cal->b[map])));
}

/* One map a class, then normalised; where all are 0 the row stays as it was. */
static void apply_maps(const struct xr_calibration *cal, double *p)
{
    double sum = 0.0;

    if (cal->k == 2) {
        p[1] = mapped(cal, 0, p[1]);
        p[0] = 1.0 - p[1];
        return;
    }
    for (size_t c = 0; c < cal->k; c++)
        sum += mapped(cal, c, p[c]);
    for (size_t c = 0; c < cal->k && sum > 0.0; c++)
        p[c] = mapped(cal, c, p[c]) / sum;
}

static void apply_logits(const struct xr_calibration *cal, double *p)
{
    double z[XR_CALIBRATION_CLASSES];
    struct xr_logistic model = {cal->k, cal->k, cal->w};

    for (size_t c = 0; c < cal->k; c++)
        z[c] = log(clip(p[c]));
    if (cal->method == XR_CALIBRATE_DIRICHLET)
        xr_logistic_predict(p, &model, z);
    else
        softmax(p, z, cal->temperature, cal->k);
}

void xr_calibration_apply(const struct xr_calibration *cal, double *p)
{
    switch (cal->method) {
    case XR_CALIBRATE_PLATT:
    case XR_CALIBRATE_ISOTONIC:
        apply_maps(cal, p);
        break;
    case XR_CALIBRATE_TEMPERATURE:
    case XR_CALIBRATE_DIRICHLET:
        apply_logits(cal, p);
        break;
    case XR_CALIBRATE_NONE:
        break;
    }
}
