/*
 * Multinomial logistic regression with a ridge, for tables of a few thousand rows.
 */
#ifndef XR_LOGISTIC_H
#define XR_LOGISTIC_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Owned: xr_logistic_free. */
struct xr_logistic {
    size_t n_classes, n_features;
    double *w; /* [n_classes][n_features + 1]; the last is the intercept */
};

/*
 * Minimise sum_i -log softmax(W x_i + b)[label_i] + ridge/2 |W|^2 over rows of
 * x [n][n_features], with L-BFGS (Liu and Nocedal 1989, 10 pairs) until no slope is above
 * 1e-7 n, or 1,000 steps. scikit-learn's LogisticRegression(C = 1/ridge) has the same
 * minimum, compared in tests/unit/logistic.c. ridge > 0; n_classes at least 2; the
 * intercepts add up to 0.
 */
int xr_logistic_fit(struct xr_logistic *model, const double *x, const uint32_t *label,
                    size_t n, size_t n_features, size_t n_classes, double ridge,
                    struct xr_err *err) XR_MUST_USE;
void xr_logistic_free(struct xr_logistic *model);

/* p [n_classes] of one row x [n_features]. */
void xr_logistic_predict(double *p, const struct xr_logistic *model, const double *x);

#endif
