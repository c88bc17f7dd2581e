/*
 * Losses on logits, in double.
 */
#include "loss.h"

#include <math.h>

/* log of the sum of exponentials of one row */
static double log_sum(const float *z, size_t k)
{
    double top = (double)z[0], sum = 0;

    for (size_t i = 1; i < k; i++)
        top = (double)z[i] > top ? (double)z[i] : top;
    for (size_t i = 0; i < k; i++)
        sum += exp((double)z[i] - top);
    return top + log(sum);
}

double xk_loss_map(float *d_map, const float *map, const float *target, size_t count,
                   double scale)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        double z = (double)map[i], t = (double)target[i], p = 1 / (1 + exp(-z));

        sum += fmax(z, 0) - z * t + log1p(exp(-fabs(z)));
        d_map[i] = (float)(scale * (p - t) / (double)count);
    }
    return sum / (double)count;
}

void xk_softmax(float *p, const float *logits, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        double ls = log_sum(logits + i * k, k);

        for (size_t j = 0; j < k; j++)
            p[i * k + j] = (float)exp((double)logits[i * k + j] - ls);
    }
}

static double weight_of(const struct xk_loss *loss, size_t c)
{
    return loss->weights ? loss->weights[c] : 1.0;
}

/*
 * One row of cross-entropy, before the division: (1-s) w_y (-log p_y) + s/k sum_c w_c
 * (-log p_c). Its gradient: sum of the target's weights times p, less the weights; it is
 * added to d, times scale.
 */
static double entropy_row(float *d, const float *z, size_t y, size_t k,
                          const struct xk_loss *loss, double scale)
{
    double ls = log_sum(z, k), s = loss->smoothing, value = 0, all = 0;

    for (size_t c = 0; c < k; c++) {
        double q = weight_of(loss, c) * (s / (double)k + (c == y ? 1 - s : 0));

        value += q * (ls - (double)z[c]);
        all += q;
    }
    for (size_t c = 0; c < k && d; c++) {
        double q = weight_of(loss, c) * (s / (double)k + (c == y ? 1 - s : 0));

        d[c] += (float)((all * exp((double)z[c] - ls) - q) * scale);
    }
    return value;
}

/* -w (1-p)^gamma log p; its derivative by log p is w ((1-p)^(gamma-1) gamma p log p -
 * (1-p)^gamma). */
static double focal_row(float *d, const float *z, size_t y, size_t k,
                        const struct xk_loss *loss, double scale)
{
    double ls = log_sum(z, k), log_p = (double)z[y] - ls, p = exp(log_p),
           w = weight_of(loss, y);
    double gamma = loss->gamma, rest = -expm1(log_p), power = pow(rest, gamma), slope;

    slope = gamma > 0 && rest > 0 ? w * (gamma * pow(rest, gamma - 1) * p * log_p - power)
                                  : -w * power;
    for (size_t c = 0; c < k && d; c++)
        d[c] += (float)(slope * ((c == y ? 1.0 : 0.0) - exp((double)z[c] - ls)) * scale);
    return -w * power * log_p;
}

double xk_loss_mixed(float *d_logits, const float *logits, const int64_t *labels,
                     size_t n, size_t k, const struct xk_loss *loss, double lam,
                     double *weight)
{
    double (*row)(float *, const float *, size_t, size_t, const struct xk_loss *,
                  double) = loss->kind == XK_LOSS_FOCAL ? focal_row : entropy_row;
    double sum = 0, divisor = 0, scale;

    /* the labels that are mixed in are the same ones: so are their weights */
    for (size_t i = 0; i < n; i++)
        divisor += loss->kind == XK_LOSS_FOCAL ? 1.0 : weight_of(loss, (size_t)labels[i]);
    scale = loss->sum ? 1 : 1 / divisor;
    for (size_t i = 0; i < n; i++) {
        float *d = d_logits ? d_logits + i * k : NULL;
        const float *z = logits + i * k;

        for (size_t c = 0; c < k && d; c++)
            d[c] = 0;
        sum += lam * row(d, z, (size_t)labels[i], k, loss, lam * scale);
        if (lam < 1)
            sum += (1 - lam) *
                   row(d, z, (size_t)labels[n - 1 - i], k, loss, (1 - lam) * scale);
    }
    if (weight)
        *weight = divisor;
    return sum / divisor;
}

double xk_loss_forward(float *d_logits, const float *logits, const int64_t *labels,
                       size_t n, size_t k, const struct xk_loss *loss, double *weight)
{
    return xk_loss_mixed(d_logits, logits, labels, n, k, loss, 1, weight);
}
