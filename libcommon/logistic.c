/* Multinomial logistic regression by L-BFGS. */
#include "logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS 10
#define STEPS 1000
#define SLOPE 1e-7

struct fit {
    const double *x;
    const uint32_t *label;
    size_t n, d, k, size; /* size: of the parameters, k (d + 1) */
    double ridge;
    double *p;                                  /* [k] */
    double *w, *next, *grad, *next_grad, *step; /* [size] */
    double *s, *y;                              /* [PAIRS][size] */
    double rho[PAIRS];
    size_t n_pairs; /* ever made; the last PAIRS are kept */
};

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Probabilities of a row; returns the log of the sum below the fraction. */
static double softmax(double *p, const double *w, const double *x, size_t d, size_t k)
{
    double most = -INFINITY, sum = 0;

    for (size_t c = 0; c < k; c++) {
        p[c] = w[c * (d + 1) + d] + dot(w + c * (d + 1), x, d);
        most = fmax(most, p[c]);
    }
    for (size_t c = 0; c < k; c++)
        sum += p[c] = exp(p[c] - most);
    for (size_t c = 0; c < k; c++)
        p[c] /= sum;
    return most + log(sum);
}

static double loss_of(const struct fit *f, const double *w, double *grad)
{
    double loss = 0;

    memset(grad, 0, f->size * sizeof *grad);
    for (size_t i = 0; i < f->n; i++) {
        const double *x = f->x + i * f->d, *own = w + f->label[i] * (f->d + 1);

        loss += softmax(f->p, w, x, f->d, f->k) - own[f->d] - dot(own, x, f->d);
        for (size_t c = 0; c < f->k; c++) {
            double e = f->p[c] - (c == f->label[i]), *g = grad + c * (f->d + 1);

            for (size_t j = 0; j < f->d; j++)
                g[j] += e * x[j];
            g[f->d] += e;
        }
    }
    for (size_t c = 0; c < f->k; c++) {
        for (size_t j = c * (f->d + 1); j < c * (f->d + 1) + f->d; j++) {
            loss += f->ridge / 2 * w[j] * w[j];
            grad[j] += f->ridge * w[j];
        }
    }
    return loss;
}

/* The two-loop recursion: step = -H grad. */
static void direction(struct fit *f)
{
    size_t first = f->n_pairs > PAIRS ? f->n_pairs - PAIRS : 0;
    double alpha[PAIRS];

    for (size_t i = 0; i < f->size; i++)
        f->step[i] = -f->grad[i];
    for (size_t t = f->n_pairs; t-- > first;) {
        size_t at = t % PAIRS;

        alpha[at] = f->rho[at] * dot(f->s + at * f->size, f->step, f->size);
        for (size_t i = 0; i < f->size; i++)
            f->step[i] -= alpha[at] * f->y[at * f->size + i];
    }
    if (f->n_pairs) {
        const double *y = f->y + (f->n_pairs - 1) % PAIRS * f->size;
        double scale = 1 / (f->rho[(f->n_pairs - 1) % PAIRS] * dot(y, y, f->size));

        for (size_t i = 0; i < f->size; i++)
            f->step[i] *= scale;
    }
    for (size_t t = first; t < f->n_pairs; t++) {
        size_t at = t % PAIRS;
        double beta = f->rho[at] * dot(f->y + at * f->size, f->step, f->size);

        for (size_t i = 0; i < f->size; i++)
            f->step[i] += (alpha[at] - beta) * f->s[at * f->size + i];
    }
}

/* Keep the step just made and the change of the slopes, where it curves upwards. */
static void remember(struct fit *f)
{
    size_t at = f->n_pairs % PAIRS;
    double *s = f->s + at * f->size, *y = f->y + at * f->size, sy;

    for (size_t i = 0; i < f->size; i++) {
        s[i] = f->next[i] - f->w[i];
        y[i] = f->next_grad[i] - f->grad[i];
    }
    sy = dot(s, y, f->size);
    if (sy > 1e-300) {
        f->rho[at] = 1 / sy;
        f->n_pairs++;
    }
}

static void swap(double **a, double **b)
{
    double *t = *a;

    *a = *b;
    *b = t;
}

/* Halve the step until it gains enough (Armijo); 0: it cannot. */
static int search(struct fit *f, double *loss)
{
    double slope = dot(f->step, f->grad, f->size), length = 1;

    if (!f->n_pairs)
        length = 1 / fmax(1, sqrt(dot(f->grad, f->grad, f->size)));
    for (int i = 0; i < 60; i++, length /= 2) {
        double now;

        for (size_t j = 0; j < f->size; j++)
            f->next[j] = f->w[j] + length * f->step[j];
        now = loss_of(f, f->next, f->next_grad);
        if (now <= *loss + 1e-4 * length * slope) {
            *loss = now;
            return 1;
        }
    }
    return 0;
}

static void minimise(struct fit *f)
{
    double loss = loss_of(f, f->w, f->grad);

    for (int i = 0; i < STEPS; i++) {
        double most = 0;

        for (size_t j = 0; j < f->size; j++)
            most = fmax(most, fabs(f->grad[j]));
        if (most <= SLOPE * (double)f->n)
            return;
        direction(f);
        if (!search(f, &loss))
            return; /* at the limit of the arithmetic */
        remember(f);
        swap(&f->w, &f->next);
        swap(&f->grad, &f->next_grad);
    }
}

static void free_fit(struct fit *f)
{
    free(f->p);
    free(f->w);
    free(f->next);
    free(f->grad);
    free(f->next_grad);
    free(f->step);
    free(f->s);
    free(f->y);
}

int xr_logistic_fit(struct xr_logistic *model, const double *x, const uint32_t *label,
                    size_t n, size_t n_features, size_t n_classes, double ridge,
                    struct xr_err *err)
{
    struct fit f = {.x = x,
                    .label = label,
                    .n = n,
                    .d = n_features,
                    .k = n_classes,
                    .size = n_classes * (n_features + 1),
                    .ridge = ridge};

    *model = (struct xr_logistic){n_classes, n_features, NULL};
    f.p = xr_alloc_array(f.k, sizeof *f.p, err);
    f.w = xr_alloc_array(f.size, sizeof *f.w, err);
    f.next = xr_alloc_array(f.size, sizeof *f.next, err);
    f.grad = xr_alloc_array(f.size, sizeof *f.grad, err);
    f.next_grad = xr_alloc_array(f.size, sizeof *f.next_grad, err);
    f.step = xr_alloc_array(f.size, sizeof *f.step, err);
    f.s = xr_alloc_array(f.size, PAIRS * sizeof *f.s, err);
    f.y = xr_alloc_array(f.size, PAIRS * sizeof *f.y, err);
    if (!f.p || !f.w || !f.next || !f.grad || !f.next_grad || !f.step || !f.s || !f.y) {
        free_fit(&f);
        return -1;
    }
    minimise(&f);
    model->w = f.w;
    f.w = NULL;
    free_fit(&f);
    return 0;
}

void xr_logistic_free(struct xr_logistic *model)
{
    free(model->w);
    model->w = NULL;
}

void xr_logistic_predict(double *p, const struct xr_logistic *model, const double *x)
{
    softmax(p, model->w, x, model->n_features, model->n_classes);
}
